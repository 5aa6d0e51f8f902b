/* foreign_json.c - only a text that jansson refuses is looked at again: a copy of the value in which the words are overwritten. */
#include "data/foreign_json.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t adah_json_value_bytes(const char *bytes, size_t n_bytes) {
    size_t depth = 0;
    int in_string = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        const char c = bytes[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0)) {
            return i + 1;
        }
    }
    return n_bytes;
}

static size_t word_at(const char *bytes, size_t n_left) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        const size_t n = strlen(words[k]);
        if (n_left >= n && memcmp(bytes, words[k], n) == 0)
            return n;
    }
    return 0;
}

/* Overwrites the words outside strings; returns how many. */
static size_t overwrite(char *bytes, size_t n_bytes) {
    size_t n = 0;
    int in_string = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (in_string) {
            in_string = bytes[i] != '"';
            i += bytes[i] == '\\';
            continue;
        }
        in_string = bytes[i] == '"';
        const size_t n_word = word_at(bytes + i, n_bytes - i);
        if (n_word) {
            memset(bytes + i, ' ', n_word);
            memcpy(bytes + i, "[]", 2);
            i += n_word - 1;
            n++;
        }
    }
    return n;
}

json_t *adah_json_load(const char *bytes, size_t n_bytes, size_t flags, json_error_t *error, int *is_out_of_memory) {
    json_t *value = json_loadb(bytes, n_bytes, flags, error);
    *is_out_of_memory = !value && json_error_code(error) == json_error_out_of_memory;
    if (value || *is_out_of_memory)
        return value;
    const size_t n = flags & JSON_DISABLE_EOF_CHECK ? adah_json_value_bytes(bytes, n_bytes) : n_bytes;
    char *copy = adah_memory_resize(NULL, n + 1, 1);
    *is_out_of_memory = !copy;
    if (!copy)
        return NULL;
    memcpy(copy, bytes, n);
    json_error_t other;
    if (overwrite(copy, n)) {
        value = json_loadb(copy, n, flags, &other);
        *error = other;
        *is_out_of_memory = !value && json_error_code(&other) == json_error_out_of_memory;
    }
    adah_memory_free(copy);
    return value;
}

int adah_json_is_missing(const json_t *value) {
    return !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
}

int adah_json_write_number(const json_t *value, char text[ADAH_JSON_NUMBER_BYTES]) {
    if (json_is_boolean(value))
        snprintf(text, ADAH_JSON_NUMBER_BYTES, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        snprintf(text, ADAH_JSON_NUMBER_BYTES, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value) && fabs(json_real_value(value)) < 1e15 && json_real_value(value) == floor(json_real_value(value)))
        snprintf(text, ADAH_JSON_NUMBER_BYTES, "%.0f", json_real_value(value));
    else if (json_is_real(value))
        snprintf(text, ADAH_JSON_NUMBER_BYTES, "%.15g", json_real_value(value));
    else
        return 0;
    return 1;
}
