/* json_walk.h - a JSON text too large to be held as values: the elements of its lists, one at a time. */
#ifndef ADAH_DATA_JSON_WALK_H
#define ADAH_DATA_JSON_WALK_H

#include "base/status.h"

#include <jansson.h>

typedef struct adah_json_walk adah_json_walk;
/* What to do with an element of the list `key` of the top object, or (key NULL) of the top list. */
typedef adah_code (*adah_json_use)(const adah_json_walk *walk, const char *key, const json_t *element, adah_status *status);

/* Set what is above `offset`, and that to the first byte; zero the rest. */
struct adah_json_walk {
    const char *path; /* for messages */
    const char *bytes;
    size_t n_bytes;
    const char *const *keys; /* of lists, up to NULL; what stands under others is passed over */
    adah_json_use use;
    adah_code (*between)(adah_json_walk *walk, adah_status *status); /* called after each element; NULL: nothing */
    void *context;           /* of these functions */
    size_t offset;
};

/* Gives the elements of the lists `keys` of the top object to `use`; *seen: a bit for each key that was there. ADAH_ERROR_FORMAT with the path and
 * the byte: not JSON, or no list under a key. */
adah_code adah_json_walk_object(adah_json_walk *walk, unsigned *seen, adah_status *status);
/* The same for the elements of a list that is the whole text. */
adah_code adah_json_walk_list(adah_json_walk *walk, adah_status *status);
/* The same for all members of the top object: `key` is the name of each. */
adah_code adah_json_walk_members(adah_json_walk *walk, adah_status *status);

#endif
