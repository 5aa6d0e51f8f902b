/* sidecar.c - each small file is read whole. */
#include "data/sidecar.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/folder_listing.h"
#include "data/foreign_json.h"
#include "data/metadata_keys.h"
#include "data/picture_tags.h"
#include "data/utf16.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SIDECAR_BYTES_MAX = 1 << 20, JSON_BYTES_MAX = 64 << 20 /* of labelme: with the picture itself */ };

static int is_kind(const char *ending) {
    return !strcasecmp(ending, ".txt") || !strcasecmp(ending, ".caption") || !strcasecmp(ending, ".json") || !strcasecmp(ending, ".xmp") ||
           !strcasecmp(ending, ".cls");
}

int adah_sidecar_is_named(const char *ending) { return is_kind(ending); }

/* The "(1)" at the end of n bytes: its bytes, 0 where there is none. */
static size_t number_at_end(const char *bytes, size_t n) {
    size_t i = n;
    if (n < 3 || bytes[n - 1] != ')')
        return 0;
    for (i = n - 1; i > 0 && bytes[i - 1] >= '0' && bytes[i - 1] <= '9';)
        i--;
    return i > 0 && i < n - 1 && bytes[i - 1] == '(' ? n - (i - 1) : 0;
}

size_t adah_sidecar_other_stem(const char *picture) {
    static const char *const edited[] = {"-edited", "-bearbeitet", "-editado", "-modificato", "-modifi\xc3\xa9", "-bewerkt"};
    const size_t n = strlen(picture) - strlen(adah_path_ending(picture)), n_number = number_at_end(picture, n);
    if (n_number)
        return n - n_number;
    for (size_t i = 0; i < sizeof edited / sizeof *edited; i++)
        if (n > strlen(edited[i]) && memcmp(picture + n - strlen(edited[i]), edited[i], strlen(edited[i])) == 0)
            return n - strlen(edited[i]);
    return 0;
}

/* Takeout calls what belongs to "x(1).jpg" "x.jpg(1).json" or "x.jpg.supplemental-metadata(1).json", and what belongs to "x-edited.jpg" is that of "x.jpg". */
static int belongs_by_other_stem(const char *picture, const char *path) {
    const char *ending = adah_path_ending(picture), *ending_of_path = adah_path_ending(path);
    const size_t n_other = adah_sidecar_other_stem(picture), n_ending = strlen(ending), n_stem = strlen(picture) - n_ending;
    if (n_other == 0 || strncmp(path, picture, n_other) != 0 || strncmp(path + n_other, ending, n_ending) != 0 || strcasecmp(ending_of_path, ".json") != 0)
        return 0;
    const char *rest = path + n_other + n_ending;
    const size_t n_number = number_at_end(picture, n_stem), n_of_path = number_at_end(path, (size_t)(ending_of_path - path));
    return (*rest == '.' || *rest == '(') && !strchr(rest, '/') && n_of_path == n_number &&
           memcmp(picture + n_stem - n_number, ending_of_path - n_number, n_number) == 0;
}

int adah_sidecar_belongs(const char *picture, const char *path) {
    const size_t n = strlen(picture), n_stem = n - strlen(adah_path_ending(picture));
    const char *ending = adah_path_ending(path);
    if (belongs_by_other_stem(picture, path))
        return 1;
    if (strncmp(path, picture, n_stem) != 0 || strchr(path + n_stem, '/'))
        return 0;
    if (is_kind(path + n_stem))
        return 1;
    return strncmp(path, picture, n) == 0 && path[n] == '.' && is_kind(ending) &&
           (is_kind(path + n) || (!strcasecmp(ending, ".json") && !number_at_end(path, (size_t)(ending - path))));
}

/* 1: there are only numbers, as the boxes of YOLO, which have the names of captions. */
static int is_of_numbers(const char *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        if (!memchr("0123456789.+-eE \t\r\n", bytes[i], 19))
            return 0;
    return n_bytes > 0;
}

static adah_code read_lines(const char *path, const char *bytes, size_t n_bytes, adah_findings *f, adah_status *status) {
    if (is_of_numbers(bytes, n_bytes))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: numbers alone, boxes of a detector it seems; classes.txt or data.yaml with the names of its classes makes them labels", path);
    for (size_t start = 0; start < n_bytes;) {
        const char *newline = memchr(bytes + start, '\n', n_bytes - start);
        const size_t end = newline ? (size_t)(newline - bytes) : n_bytes;
        adah_findings_add_text(f, bytes + start, end - start);
        start = end + 1;
    }
    return ADAH_OK;
}

/* Class numbers or names, a line each. */
static void read_classes(const char *bytes, size_t n_bytes, adah_findings *f) {
    for (size_t start = 0; start < n_bytes;) {
        const char *newline = memchr(bytes + start, '\n', n_bytes - start);
        const size_t end = newline ? (size_t)(newline - bytes) : n_bytes;
        adah_findings_add_label(f, bytes + start, end - start);
        start = end + 1;
    }
}

/* A string, a number that is a label, or a list of strings, numbers or of objects with a name; others say nothing. */
static void add_values(const json_t *value, int is_label, adah_findings *f) {
    void (*add)(adah_findings *, const char *, size_t) = is_label ? adah_findings_add_hierarchy : adah_findings_add_text;
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (json_is_object(item))
            item = json_object_get(item, json_object_get(item, "name") ? "name" : "label");
        char number[ADAH_JSON_NUMBER_BYTES];
        if (json_is_string(item))
            add(f, json_string_value(item), json_string_length(item));
        else if (is_label && item && adah_json_write_number(item, number))
            adah_findings_add_label(f, number, strlen(number));
    }
}

/* "1559383200" or 1559383200, 48.85 or "48.85", as text. 0: it is neither a string nor a number. */
static int text_of(const json_t *value, char text[64]) {
    if (json_is_string(value))
        return snprintf(text, 64, "%.63s", json_string_value(value)) > 0;
    return json_is_integer(value) ? snprintf(text, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) > 0
           : json_is_real(value)  ? snprintf(text, 64, "%.15g", json_real_value(value)) > 0
                                  : 0;
}

static void add_date(const json_t *value, adah_teller teller, adah_findings *f) {
    char text[64];
    if (text_of(value, text))
        adah_findings_add_date(f, teller, text, strlen(text));
}

static void add_place(const json_t *latitude, const json_t *longitude, adah_teller teller, adah_findings *f) {
    char text[2][64];
    double degrees[2];
    if (text_of(latitude, text[0]) && text_of(longitude, text[1]) && adah_degrees_parse(text[0], strlen(text[0]), 90, &degrees[0]) &&
        adah_degrees_parse(text[1], strlen(text[1]), 180, &degrees[1]))
        adah_findings_add_place(f, teller, degrees[0], degrees[1]);
}

/* When and where, by keys and as Google's Takeout tells it: the place where somebody put the picture, else that of the camera. */
static void read_taken(const json_t *object, adah_findings *f) {
    static const char *const places[] = {"geoData", "geoDataExif"};
    const json_t *value[ADAH_N_KEYS] = {NULL};
    int rank_of[ADAH_N_KEYS] = {0}, rank;
    const char *name;
    json_t *found;
    json_object_foreach((json_t *)object, name, found) {
        const adah_key key = adah_key_find(NULL, name, strlen(name), &rank);
        if (key != ADAH_N_KEYS && (!value[key] || rank < rank_of[key]))
            value[key] = found, rank_of[key] = rank;
    }
    add_date(value[ADAH_KEY_DATE], ADAH_TOLD_BY_KEYS, f);
    add_place(value[ADAH_KEY_LATITUDE], value[ADAH_KEY_LONGITUDE], ADAH_TOLD_BY_KEYS, f);
    add_date(json_object_get(json_object_get(object, "photoTakenTime"), "timestamp"), ADAH_TOLD_BY_ALBUM, f);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const json_t *place = json_object_get(object, places[i]);
        add_place(json_object_get(place, "latitude"), json_object_get(place, "longitude"), ADAH_TOLD_BY_ALBUM, f);
    }
}

static adah_code read_json(const char *path, const char *bytes, size_t n_bytes, adah_findings *f, adah_status *status) {
    json_error_t error;
    int is_out_of_memory, rank;
    json_t *object = adah_json_load(bytes, n_bytes, 0, &error, &is_out_of_memory);
    if (is_out_of_memory)
        return adah_fail_memory(status, n_bytes);
    if (!json_is_object(object)) {
        json_decref(object);
        return adah_fail(status, ADAH_ERROR_FORMAT, object ? "%s: not a JSON object" : "%s: not JSON", path);
    }
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        const adah_key key = adah_key_find(NULL, name, strlen(name), &rank);
        if (key == ADAH_KEY_TEXT || key == ADAH_KEY_LABELS)
            add_values(value, key == ADAH_KEY_LABELS, f);
        else if (!strcasecmp(name, "people") || !strcasecmp(name, "cls") || !strcasecmp(name, "shapes"))
            add_values(value, 1, f);
    }
    read_taken(object, f);
    json_decref(object);
    return ADAH_OK;
}

adah_code adah_sidecar_read(const char *path, adah_findings *findings, adah_status *status) {
    uint8_t *bytes = NULL;
    size_t n_bytes;
    const char *ending = adah_path_ending(path);
    if (!strcasecmp(ending, ".xmp"))
        return adah_picture_tags_read(path, findings, status);
    ADAH_TRY(adah_file_read(path, strcasecmp(ending, ".json") ? SIDECAR_BYTES_MAX : JSON_BYTES_MAX, &bytes, &n_bytes, status));
    adah_code code = adah_utf16_resolve(path, &bytes, &n_bytes, status);
    if (code == ADAH_OK && !strcasecmp(ending, ".cls"))
        read_classes((const char *)bytes, n_bytes, findings);
    else if (code == ADAH_OK)
        code = strcasecmp(ending, ".json") ? read_lines(path, (const char *)bytes, n_bytes, findings, status)
                                           : read_json(path, (const char *)bytes, n_bytes, findings, status);
    adah_memory_free(bytes);
    return code;
}
