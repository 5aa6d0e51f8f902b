/* metadata_keys.c - two small tables. */
#include "data/metadata_keys.h"

#include <string.h>
#include <strings.h>

static const char *const names[ADAH_N_KEYS] = {[ADAH_KEY_FILE_NAME] = "file_name", [ADAH_KEY_TEXT] = "text",
                                               [ADAH_KEY_LABELS] = "labels", [ADAH_KEY_SPLIT] = "split", [ADAH_KEY_MASK] = "mask"};

/* What other tools call them. */
static const struct {
    const char *name;
    adah_key key;
} others[] = {{"filename", ADAH_KEY_FILE_NAME}, {"texts", ADAH_KEY_TEXT}, {"caption", ADAH_KEY_TEXT}, {"captions", ADAH_KEY_TEXT},
              {"label", ADAH_KEY_LABELS}};

const char *adah_key_name(adah_key key) { return names[key]; }

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static int same(const char *name, size_t n_bytes, const char *wanted) {
    return n_bytes == strlen(wanted) && strncasecmp(name, wanted, n_bytes) == 0;
}

adah_key adah_key_find(const char *name, size_t n_bytes, int *rank) {
    for (int k = 0; k < ADAH_N_KEYS; k++)
        if (n_bytes == strlen(names[k]) && memcmp(name, names[k], n_bytes) == 0) {
            *rank = 0;
            return (adah_key)k;
        }
    while (n_bytes && is_blank(*name))
        name++, n_bytes--;
    while (n_bytes && is_blank(name[n_bytes - 1]))
        n_bytes--;
    *rank = 1;
    for (int k = 0; k < ADAH_N_KEYS; k++)
        if (same(name, n_bytes, names[k]))
            return (adah_key)k;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (same(name, n_bytes, others[i].name)) {
            *rank = 2 + (int)i;
            return others[i].key;
        }
    return ADAH_N_KEYS;
}
