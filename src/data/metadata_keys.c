/* metadata_keys.c - two small tables, and what the user names. */
#include "data/metadata_keys.h"

#include <string.h>
#include <strings.h>

static const char *const names[ADAH_N_KEYS] = {[ADAH_KEY_FILE_NAME] = "file_name", [ADAH_KEY_TEXT] = "text",
                                               [ADAH_KEY_LABELS] = "labels", [ADAH_KEY_SPLIT] = "split", [ADAH_KEY_MASK] = "mask", [ADAH_KEY_DATE] = "date",
                                               [ADAH_KEY_LATITUDE] = "latitude", [ADAH_KEY_LONGITUDE] = "longitude"};

/* What other tools call them. */
static const struct {
    const char *name;
    adah_key key;
} others[] = {{"filename", ADAH_KEY_FILE_NAME},  {"file", ADAH_KEY_FILE_NAME},       {"filepath", ADAH_KEY_FILE_NAME}, {"file_path", ADAH_KEY_FILE_NAME},
              {"image", ADAH_KEY_FILE_NAME},     {"image_path", ADAH_KEY_FILE_NAME}, {"image_file", ADAH_KEY_FILE_NAME},
              {"image_name", ADAH_KEY_FILE_NAME}, {"img", ADAH_KEY_FILE_NAME},       {"img_path", ADAH_KEY_FILE_NAME}, {"path", ADAH_KEY_FILE_NAME},
              {"texts", ADAH_KEY_TEXT},          {"caption", ADAH_KEY_TEXT},         {"captions", ADAH_KEY_TEXT},     {"sentence", ADAH_KEY_TEXT},
              {"sentences", ADAH_KEY_TEXT},      {"description", ADAH_KEY_TEXT},     {"prompt", ADAH_KEY_TEXT},        {"comment", ADAH_KEY_TEXT},         {"alt_text", ADAH_KEY_TEXT},
              {"label", ADAH_KEY_LABELS},        {"class", ADAH_KEY_LABELS},         {"classes", ADAH_KEY_LABELS},    {"category", ADAH_KEY_LABELS},
              {"categories", ADAH_KEY_LABELS},   {"tags", ADAH_KEY_LABELS},          {"keywords", ADAH_KEY_LABELS},   {"labelname", ADAH_KEY_LABELS},
              {"label_name", ADAH_KEY_LABELS},   {"class_name", ADAH_KEY_LABELS},    {"category_name", ADAH_KEY_LABELS},
              {"subset", ADAH_KEY_SPLIT},
              {"taken", ADAH_KEY_DATE},          {"datetime", ADAH_KEY_DATE},        {"date_taken", ADAH_KEY_DATE},   {"taken_at", ADAH_KEY_DATE},
              {"datetimeoriginal", ADAH_KEY_DATE}, {"datetime_original", ADAH_KEY_DATE},
              {"lat", ADAH_KEY_LATITUDE},        {"gps_latitude", ADAH_KEY_LATITUDE}, {"gpslatitude", ADAH_KEY_LATITUDE},
              {"lon", ADAH_KEY_LONGITUDE},       {"lng", ADAH_KEY_LONGITUDE},        {"long", ADAH_KEY_LONGITUDE},
              {"gps_longitude", ADAH_KEY_LONGITUDE}, {"gpslongitude", ADAH_KEY_LONGITUDE}};

const char *adah_key_name(adah_key key) { return names[key]; }

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static int same(const char *name, size_t n_bytes, const char *wanted) {
    return n_bytes == strlen(wanted) && strncasecmp(name, wanted, n_bytes) == 0;
}

static int is_among(const char *const *list, size_t n, const char *name, size_t n_bytes) {
    for (size_t i = 0; i < n; i++)
        if (n_bytes == strlen(list[i]) && memcmp(name, list[i], n_bytes) == 0)
            return 1;
    return 0;
}

/* ADAH_N_KEYS: it is not chosen, nor is another for what it means. */
static adah_key find_chosen(const adah_chosen_keys *chosen, const char *name, size_t n_bytes) {
    if (chosen->file && is_among(&chosen->file, 1, name, n_bytes))
        return ADAH_KEY_FILE_NAME;
    if (is_among(chosen->text, chosen->n_text, name, n_bytes))
        return ADAH_KEY_TEXT;
    return is_among(chosen->label, chosen->n_label, name, n_bytes) ? ADAH_KEY_LABELS : ADAH_N_KEYS;
}

static adah_key find_known(const char *name, size_t n_bytes, int *rank) {
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

adah_key adah_key_find(const adah_chosen_keys *chosen, const char *name, size_t n_bytes, int *rank) {
    *rank = 0;
    const adah_key key = chosen ? find_chosen(chosen, name, n_bytes) : ADAH_N_KEYS;
    if (key != ADAH_N_KEYS)
        return key;
    const adah_key known = find_known(name, n_bytes, rank);
    const int is_replaced = chosen && ((known == ADAH_KEY_FILE_NAME && chosen->file) || (known == ADAH_KEY_TEXT && chosen->n_text) ||
                                       (known == ADAH_KEY_LABELS && chosen->n_label));
    return is_replaced ? ADAH_N_KEYS : known;
}
