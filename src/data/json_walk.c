/* json_walk.c - the top is taken apart by hand, jansson reads an element at a time, and what nobody wants is passed over by its brackets. */
#include "data/json_walk.h"
#include "data/foreign_json.h"

#include <string.h>

static adah_code fail_at(const adah_json_walk *w, adah_status *status, const char *expected) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: byte %zu: expected %s", w->path, w->offset, expected);
}

/* The next byte that is no blank, 0 at the end; it stays. */
static char peek(adah_json_walk *w) {
    while (w->offset < w->n_bytes && strchr(" \t\r\n", w->bytes[w->offset]) && w->bytes[w->offset])
        w->offset++;
    return w->offset < w->n_bytes ? w->bytes[w->offset] : '\0';
}

static int take(adah_json_walk *w, char wanted) {
    if (peek(w) != wanted)
        return 0;
    w->offset++;
    return 1;
}

/* The value that begins here. */
static adah_code read_value(adah_json_walk *w, json_t **value, adah_status *status) {
    json_error_t error;
    int is_out_of_memory;
    *value = adah_json_load(w->bytes + w->offset, w->n_bytes - w->offset, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error, &is_out_of_memory);
    if (is_out_of_memory)
        return adah_fail_memory(status, w->n_bytes - w->offset);
    if (!*value)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: byte %zu: %s", w->path, w->offset + (error.position > 0 ? (size_t)error.position : 0),
                         error.text);
    w->offset += (size_t)error.position;
    return ADAH_OK;
}

static adah_code pass_value(adah_json_walk *w, adah_status *status) {
    const char first = peek(w);
    if (first == '{' || first == '[') {
        w->offset += adah_json_value_bytes(w->bytes + w->offset, w->n_bytes - w->offset);
        return ADAH_OK;
    }
    json_t *value;
    ADAH_TRY(read_value(w, &value, status));
    json_decref(value);
    return ADAH_OK;
}

static adah_code use_value(adah_json_walk *w, const char *key, adah_status *status) {
    json_t *element;
    ADAH_TRY(read_value(w, &element, status));
    const adah_code code = w->use(w, key, element, status);
    json_decref(element);
    ADAH_TRY(code);
    return w->between ? w->between(w, status) : ADAH_OK;
}

static adah_code walk_list(adah_json_walk *w, const char *key, adah_status *status) {
    if (!take(w, '['))
        return fail_at(w, status, "a list");
    if (take(w, ']'))
        return ADAH_OK;
    do
        ADAH_TRY(use_value(w, key, status));
    while (take(w, ','));
    return take(w, ']') ? ADAH_OK : fail_at(w, status, "\",\" or \"]\"");
}

/* seen NULL: every member is an element. */
static adah_code walk_member(adah_json_walk *w, unsigned *seen, adah_status *status) {
    json_t *key;
    if (peek(w) != '"')
        return fail_at(w, status, "a key");
    ADAH_TRY(read_value(w, &key, status));
    adah_code code = take(w, ':') ? ADAH_OK : fail_at(w, status, "\":\"");
    size_t k = 0;
    while (seen && w->keys[k] && strcmp(w->keys[k], json_string_value(key)) != 0)
        k++;
    if (code == ADAH_OK && !seen) {
        code = use_value(w, json_string_value(key), status);
    } else if (code == ADAH_OK && w->keys[k]) {
        *seen |= 1u << k;
        code = walk_list(w, w->keys[k], status);
    } else if (code == ADAH_OK) {
        code = pass_value(w, status);
    }
    json_decref(key);
    return code;
}

static adah_code walk_members(adah_json_walk *w, unsigned *seen, adah_status *status) {
    if (!take(w, '{'))
        return fail_at(w, status, "an object");
    if (take(w, '}'))
        return ADAH_OK;
    do
        ADAH_TRY(walk_member(w, seen, status));
    while (take(w, ','));
    return take(w, '}') ? ADAH_OK : fail_at(w, status, "\",\" or \"}\"");
}

adah_code adah_json_walk_object(adah_json_walk *walk, unsigned *seen, adah_status *status) {
    *seen = 0;
    return walk_members(walk, seen, status);
}

adah_code adah_json_walk_members(adah_json_walk *walk, adah_status *status) { return walk_members(walk, NULL, status); }

adah_code adah_json_walk_list(adah_json_walk *walk, adah_status *status) { return walk_list(walk, NULL, status); }
