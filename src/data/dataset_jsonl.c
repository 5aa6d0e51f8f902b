/* dataset_jsonl.c - metadata.jsonl: one JSON object a line, read strictly by jansson.
 *
 * file_name, split, mask: strings; text, labels: a string or a list of strings, and numbers among the labels; date, latitude, longitude: strings or
 * numbers. All but file_name may be
 * missing or null (or NaN, as Python writes). Keys of other names are told by metadata_keys.h or passed over, blank lines too. */
#include "base/memory.h"
#include "data/dataset_reader.h"
#include "data/foreign_json.h"
#include "data/metadata_keys.h"

#include <string.h>

/* The strings of a record that are no strings of the JSON text: numbers, written out. */
typedef struct list {
    adah_raw_text *item;
    size_t n;
    char (*number)[ADAH_JSON_NUMBER_BYTES];
} list;

static void list_free(list *l) {
    adah_memory_free(l->item);
    adah_memory_free(l->number);
}

static adah_raw_text raw_of(const json_t *value) {
    return (adah_raw_text){json_string_value(value), json_string_length(value)};
}

/* A string, or null. */
static adah_code take_string(const adah_dataset *dataset, const json_t *value, adah_key key, size_t line, adah_raw_text *text,
                             adah_status *status) {
    *text = (adah_raw_text){NULL, 0};
    if (adah_json_is_missing(value))
        return ADAH_OK;
    if (!json_is_string(value))
        return adah_dataset_fail(dataset, line, status, "%s is not a string", adah_key_name(key));
    if (key == ADAH_KEY_FILE_NAME || json_string_length(value)) /* an empty cell of a table says nothing */
        *text = raw_of(value);
    return ADAH_OK;
}

/* A date or a coordinate: a string or a number, which is written out; others are told as what they are. */
static void take_measure(const json_t *value, char number[ADAH_JSON_NUMBER_BYTES], adah_raw_text *text) {
    *text = (adah_raw_text){NULL, 0};
    if (adah_json_is_missing(value))
        return;
    if (json_is_string(value))
        *text = raw_of(value);
    else if (!json_is_boolean(value) && adah_json_write_number(value, number))
        *text = (adah_raw_text){number, strlen(number)};
    else
        *text = (adah_raw_text){"neither a string nor a number", 29};
}

/* What an object in a list says, as {"raw": "a dog", "tokens": [...]}: the value of the first of these keys; the object itself where it has none. */
static const json_t *value_of_object(const json_t *item, adah_key key) {
    static const char *const text_keys[] = {"raw", "caption", "text", "sentence"}, *const label_keys[] = {"name", "label", "tag", "category"};
    const char *const *keys = key == ADAH_KEY_LABELS ? label_keys : text_keys;
    for (size_t k = 0; k < 4 && json_is_object(item); k++)
        if (!adah_json_is_missing(json_object_get(item, keys[k])))
            return json_object_get(item, keys[k]);
    return item;
}

/* One value or a list of them; what is missing in the list is passed over. The list is freed by the caller, whatever is returned. */
static adah_code take_list(const adah_dataset *dataset, const json_t *value, adah_key key, size_t line, list *l, adah_status *status) {
    if (adah_json_is_missing(value) || (json_is_string(value) && json_string_length(value) == 0))
        return ADAH_OK;
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;
    const int with_numbers = key == ADAH_KEY_LABELS;
    l->item = adah_memory_zeroed(n, sizeof *l->item);
    l->number = with_numbers ? adah_memory_zeroed(n, sizeof *l->number) : NULL;
    if (!l->item || (with_numbers && !l->number))
        return adah_fail_memory(status, n * sizeof *l->item);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = value_of_object(json_is_array(value) ? json_array_get(value, i) : value, key);
        if (adah_json_is_missing(item))
            continue;
        if (json_is_string(item))
            l->item[l->n++] = raw_of(item);
        else if (with_numbers && adah_json_write_number(item, l->number[l->n]))
            l->item[l->n] = (adah_raw_text){l->number[l->n], strlen(l->number[l->n])}, l->n++;
        else if (json_is_array(value))
            return adah_dataset_fail(dataset, line, status, with_numbers ? "label %zu is neither a string nor a number" : "text %zu is not a string", i + 1);
        else
            return adah_dataset_fail(dataset, line, status, with_numbers ? "labels is not a list of strings or numbers"
                                                                         : "text is not a string or a list of strings");
    }
    return ADAH_OK;
}

/* Adds the value of a key that the user chose to those of others that he chose for the same. */
static adah_code add_chosen(json_t **value, json_t *found, adah_status *status) {
    json_t *all = *value ? *value : json_array();
    *value = all;
    const int failed = !all || (json_is_array(found) ? json_array_extend(all, found) : json_array_append(all, found)) != 0;
    return failed ? adah_fail_memory(status, 64) : ADAH_OK;
}

/* The values of the keys that are known; of several that mean the same the nearest in name. Those of chosen lists are lists in *owned, to
 * be freed by the caller, whatever is returned. */
static adah_code find_values(adah_dataset *dataset, json_t *object, json_t *value[ADAH_N_KEYS], json_t *owned[ADAH_N_KEYS], adah_status *status) {
    const adah_chosen_keys *chosen = adah_dataset_chosen_keys(dataset);
    const char *name;
    json_t *found;
    int rank_of[ADAH_N_KEYS] = {0};
    json_object_foreach(object, name, found) {
        int rank;
        const adah_key key = adah_key_find(chosen, name, strlen(name), &rank);
        if ((key == ADAH_KEY_TEXT && chosen->n_text) || (key == ADAH_KEY_LABELS && chosen->n_label)) {
            if (!adah_json_is_missing(found))
                ADAH_TRY(add_chosen(&owned[key], found, status));
            value[key] = owned[key];
            continue;
        }
        if (key == ADAH_N_KEYS || adah_json_is_missing(found) || (value[key] && rank_of[key] < rank)) {
            if (key == ADAH_N_KEYS)
                ADAH_TRY(adah_dataset_note_key(dataset, ADAH_N_KEYS, name, strlen(name), status));
            continue;
        }
        value[key] = found;
        rank_of[key] = rank;
    }
    json_object_foreach(object, name, found) {
        int rank;
        const adah_key key = adah_key_find(chosen, name, strlen(name), &rank);
        if (key != ADAH_N_KEYS && rank > 0 && value[key] == found)
            ADAH_TRY(adah_dataset_note_key(dataset, (int)key, name, strlen(name), status));
    }
    return ADAH_OK;
}

static adah_code take_record(adah_dataset *dataset, json_t *const value[ADAH_N_KEYS], size_t line, list *texts, list *labels,
                             adah_status *status) {
    adah_raw_record raw = {.line = line};
    char number[3][ADAH_JSON_NUMBER_BYTES];
    ADAH_TRY(take_string(dataset, value[ADAH_KEY_FILE_NAME], ADAH_KEY_FILE_NAME, line, &raw.file_name, status));
    ADAH_TRY(take_string(dataset, value[ADAH_KEY_SPLIT], ADAH_KEY_SPLIT, line, &raw.split, status));
    ADAH_TRY(take_string(dataset, value[ADAH_KEY_MASK], ADAH_KEY_MASK, line, &raw.mask, status));
    take_measure(value[ADAH_KEY_DATE], number[0], &raw.date);
    take_measure(value[ADAH_KEY_LATITUDE], number[1], &raw.latitude);
    take_measure(value[ADAH_KEY_LONGITUDE], number[2], &raw.longitude);
    ADAH_TRY(take_list(dataset, value[ADAH_KEY_TEXT], ADAH_KEY_TEXT, line, texts, status));
    ADAH_TRY(take_list(dataset, value[ADAH_KEY_LABELS], ADAH_KEY_LABELS, line, labels, status));
    raw.text = texts->item;
    raw.n_texts = texts->n;
    raw.label = labels->item;
    raw.n_labels = labels->n;
    return adah_dataset_add(dataset, &raw, status);
}

adah_code adah_dataset_add_json(adah_dataset *dataset, json_t *object, size_t line, adah_status *status) {
    json_t *value[ADAH_N_KEYS] = {NULL}, *owned[ADAH_N_KEYS] = {NULL};
    list texts = {0}, labels = {0};
    if (!json_is_object(object))
        return adah_dataset_fail(dataset, line, status, "expected a JSON object");
    adah_code code = find_values(dataset, object, value, owned, status);
    if (code == ADAH_OK)
        code = take_record(dataset, value, line, &texts, &labels, status);
    for (int k = 0; k < ADAH_N_KEYS; k++)
        json_decref(owned[k]);
    list_free(&texts);
    list_free(&labels);
    return code;
}

static adah_code add_line(adah_dataset *dataset, const char *bytes, size_t n_bytes, size_t line,
                          adah_status *status) {
    if (n_bytes > ADAH_METADATA_LINE_BYTES_MAX)
        return adah_dataset_fail(dataset, line, status, "%zu bytes, expected at most %d", n_bytes,
                                 ADAH_METADATA_LINE_BYTES_MAX);
    json_error_t error;
    int is_out_of_memory;
    json_t *object = adah_json_load(bytes, n_bytes, JSON_REJECT_DUPLICATES, &error, &is_out_of_memory);
    if (is_out_of_memory)
        return adah_fail_memory(status, n_bytes);
    if (!object && json_error_code(&error) == json_error_invalid_utf8)
        return adah_dataset_fail_utf8(dataset, line, status);
    if (!object)
        return adah_dataset_fail(dataset, line, status, "broken JSON at byte %d: %s", error.position, error.text);
    adah_code code = adah_dataset_add_json(dataset, object, line, status);
    json_decref(object);
    return code;
}

static int is_blank(const char *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r')
            return 0;
    return 1;
}

adah_code adah_dataset_read_jsonl(adah_dataset *dataset, const char *bytes, size_t n_bytes, adah_status *status) {
    size_t line = 1;
    for (size_t start = 0; start < n_bytes; line++) {
        const char *newline = memchr(bytes + start, '\n', n_bytes - start);
        size_t end = newline ? (size_t)(newline - bytes) : n_bytes;
        if (!is_blank(bytes + start, end - start)) {
            adah_status why = {0};
            adah_code code = add_line(dataset, bytes + start, end - start, line, &why);
            if (adah_dataset_skip_bad(dataset, code, &why) != ADAH_OK)
                return adah_fail(status, code, "%s", why.message);
        }
        start = end + 1;
    }
    return ADAH_OK;
}
