/* dataset_jsonl.c - metadata.jsonl: one JSON object a line, read strictly by jansson.
 *
 * file_name, text, split, mask: strings; labels: a list of strings, or one string. All but file_name may be missing
 * or null. Other keys are ignored, blank lines are passed over. */
#include "data/dataset_reader.h"
#include "base/memory.h"

#include <jansson.h>
#include <string.h>

static adah_raw_text raw_of(const json_t *value) {
    return (adah_raw_text){json_string_value(value), json_string_length(value)};
}

/* The string under `key`; bytes NULL when missing or null. */
static adah_code take_string(const adah_dataset *dataset, const json_t *object, const char *key, size_t line,
                             adah_raw_text *text, adah_status *status) {
    const json_t *value = json_object_get(object, key);
    *text = (adah_raw_text){NULL, 0};
    if (!value || json_is_null(value))
        return ADAH_OK;
    if (!json_is_string(value))
        return adah_dataset_fail(dataset, line, status, "%s is not a string", key);
    *text = raw_of(value);
    return ADAH_OK;
}

/* *list is memory that the caller frees, whatever is returned. */
static adah_code take_labels(const adah_dataset *dataset, const json_t *object, size_t line, adah_raw_text **list,
                             size_t *n, adah_status *status) {
    const json_t *value = json_object_get(object, "labels");
    *list = NULL;
    *n = 0;
    if (!value || json_is_null(value))
        return ADAH_OK;
    if (!json_is_string(value) && !json_is_array(value))
        return adah_dataset_fail(dataset, line, status, "labels is not a list of strings");
    size_t n_labels = json_is_string(value) ? 1 : json_array_size(value);
    *list = adah_memory_zeroed(n_labels, sizeof **list);
    if (!*list)
        return adah_fail_memory(status, n_labels * sizeof **list);
    for (size_t i = 0; i < n_labels; i++) {
        const json_t *label = json_is_string(value) ? value : json_array_get(value, i);
        if (!json_is_string(label))
            return adah_dataset_fail(dataset, line, status, "label %zu is not a string", i + 1);
        (*list)[i] = raw_of(label);
    }
    *n = n_labels;
    return ADAH_OK;
}

static adah_code add_object(adah_dataset *dataset, const json_t *object, size_t line, adah_status *status) {
    if (!json_is_object(object))
        return adah_dataset_fail(dataset, line, status, "expected a JSON object");
    adah_raw_record raw = {.line = line};
    ADAH_TRY(take_string(dataset, object, "file_name", line, &raw.file_name, status));
    ADAH_TRY(take_string(dataset, object, "text", line, &raw.text, status));
    ADAH_TRY(take_string(dataset, object, "split", line, &raw.split, status));
    ADAH_TRY(take_string(dataset, object, "mask", line, &raw.mask, status));
    adah_raw_text *list;
    adah_code code = take_labels(dataset, object, line, &list, &raw.n_labels, status);
    raw.label = list;
    if (code == ADAH_OK)
        code = adah_dataset_add(dataset, &raw, status);
    adah_memory_free(list);
    return code;
}

static adah_code add_line(adah_dataset *dataset, const char *bytes, size_t n_bytes, size_t line,
                          adah_status *status) {
    if (n_bytes > ADAH_METADATA_LINE_BYTES_MAX)
        return adah_dataset_fail(dataset, line, status, "%zu bytes, expected at most %d", n_bytes,
                                 ADAH_METADATA_LINE_BYTES_MAX);
    json_error_t error;
    json_t *object = json_loadb(bytes, n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!object && json_error_code(&error) == json_error_out_of_memory)
        return adah_fail_memory(status, n_bytes);
    if (!object)
        return adah_dataset_fail(dataset, line, status, "broken JSON at byte %d: %s", error.position, error.text);
    adah_code code = add_object(dataset, object, line, status);
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
            adah_status why = {ADAH_OK, ""};
            adah_code code = add_line(dataset, bytes + start, end - start, line, &why);
            if (adah_dataset_judge(dataset, code, &why) != ADAH_OK)
                return adah_fail(status, code, "%s", why.message);
        }
        start = end + 1;
    }
    return ADAH_OK;
}
