/* normaliser.h - what a tokenizer makes of a text before it is split: the "normalizer" of a tokenizer.json, a list of steps. */
#ifndef ADAH_TEXT_NORMALISER_H
#define ADAH_TEXT_NORMALISER_H

#include "base/text.h"
#include "text/charsmap.h"
#include "text/text_pattern.h"

typedef struct adah_normaliser_step adah_normaliser_step;

/* Zero-initialise. Any number of threads may use one. */
typedef struct adah_normaliser {
    adah_normaliser_step *step;
    size_t n, capacity;
} adah_normaliser;

/* object: NULL or null for none. `where`, for messages, names the file. ADAH_ERROR_FORMAT names what is not supported. */
adah_code adah_normaliser_read(const json_t *object, const char *where, adah_normaliser *normaliser, adah_status *status);
void adah_normaliser_free(adah_normaliser *normaliser); /* zeroes it */

/* Valid UTF-8, changed in place. */
adah_code adah_normaliser_apply(const adah_normaliser *normaliser, adah_text *text, adah_status *status);

/* For both readers of steps: a list of objects below `key` of a "Sequence"; what a step's "type" is; a flag, `otherwise` when it is not
 * there; the refusal of a type. */
const char *adah_step_type(const json_t *object);
int adah_step_flag(const json_t *object, const char *key, int otherwise);
adah_code adah_step_refuse(const json_t *object, const char *what, const char *where, adah_status *status);

enum { ADAH_STEPS_MAX = 64, ADAH_STEPS_DEPTH_MAX = 8 };

#endif
