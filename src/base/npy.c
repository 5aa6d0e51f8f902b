/* npy.c - the .npy header is a Python dictionary in one line:
 *
 *     "\x93NUMPY" 1 0 <u16 length> {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n
 *
 * The reader takes its three keys in any order and nothing else. Items are mapped, not copied, unless they have to become float32 or
 * be put into row order; both supported machines are little-endian, as most files are. */
#include "base/npy.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "base/number_type.h"

#include <stdio.h>
#include <string.h>

enum { PREFIX_BYTES = 10, ALIGNMENT = 64, HEADER_BYTES = 2 * ALIGNMENT };

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const struct {
    const char *descr;
    size_t item_bytes;
} types[] = {[ADAH_NPY_UINT8] = {"|u1", 1}, [ADAH_NPY_FLOAT] = {"<f4", sizeof(float)}, [ADAH_NPY_INT8] = {"|i1", 1}};

/* The text still to parse. */
typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
        c->at++;
}

static int take_char(cursor *c, char wanted) {
    skip_space(c);
    if (c->at == c->end || *c->at != wanted)
        return 0;
    c->at++;
    return 1;
}

static int take_word(cursor *c, const char *word) {
    skip_space(c);
    size_t n = strlen(word);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return 0;
    c->at += n;
    return 1;
}

/* A quoted string without escapes. */
static int take_string(cursor *c, char *text, size_t n_text) {
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return 0;
    char quote = *c->at++;
    size_t n = 0;
    while (c->at < c->end && *c->at != quote) {
        if (n + 1 == n_text || *c->at == '\\')
            return 0;
        text[n++] = *c->at++;
    }
    text[n] = '\0';
    return take_char(c, quote);
}

static int take_size(cursor *c, size_t *value) {
    skip_space(c);
    const char *start = c->at;
    *value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(*value, (size_t)10, value) ||
            __builtin_add_overflow(*value, (size_t)(*c->at - '0'), value))
            return 0;
    return c->at > start;
}

/* What the header says. */
typedef struct header {
    char descr[16];
    int fortran_order;
    size_t n_dimensions, shape[ADAH_NPY_DIMS_MAX]; /* more dimensions are counted, not kept */
} header;

static int take_shape(cursor *c, header *h) {
    if (!take_char(c, '('))
        return 0;
    while (!take_char(c, ')')) {
        size_t n;
        if (!take_size(c, &n))
            return 0;
        if (h->n_dimensions < ADAH_NPY_DIMS_MAX)
            h->shape[h->n_dimensions] = n;
        h->n_dimensions++;
        if (!take_char(c, ',')) {
            if (h->n_dimensions < 2) /* "(3)" is a number in brackets, not a shape */
                return 0;
            return take_char(c, ')');
        }
    }
    return 1;
}

static int parse(cursor c, header *h) {
    unsigned seen = 0; /* one bit a key */
    if (!take_char(&c, '{'))
        return 0;
    while (!take_char(&c, '}')) {
        char key[16];
        unsigned bit = 0;
        if (!take_string(&c, key, sizeof key) || !take_char(&c, ':'))
            return 0;
        if (strcmp(key, "descr") == 0) {
            bit = 1;
            if (!take_string(&c, h->descr, sizeof h->descr))
                return 0;
        } else if (strcmp(key, "fortran_order") == 0) {
            bit = 2;
            h->fortran_order = take_word(&c, "True");
            if (!h->fortran_order && !take_word(&c, "False"))
                return 0;
        } else if (strcmp(key, "shape") == 0) {
            bit = 4;
            if (!(seen & bit) && !take_shape(&c, h))
                return 0;
        }
        if (bit == 0 || seen & bit)
            return 0;
        seen |= bit;
        if (!take_char(&c, ',')) {
            if (!take_char(&c, '}'))
                return 0;
            break;
        }
    }
    skip_space(&c);
    return seen == 7 && c.at == c.end;
}

/* "(3, 4)", as much of it as fits. */
static void shape_text(const header *h, char *text, size_t n_text) {
    size_t n = (size_t)snprintf(text, n_text, "(");
    for (size_t i = 0; i < h->n_dimensions && n < n_text; i++)
        n += (size_t)snprintf(text + n, n_text - n, "%s%zu", i ? ", " : "", h->shape[i]);
    if (n < n_text)
        snprintf(text + n, n_text - n, ")");
}

/* Where the header's text begins and ends; versions 2 and 3 have a longer length. */
static adah_code find_header(const char *path, const uint8_t *bytes, size_t n_bytes, cursor *text, adah_status *status) {
    if (n_bytes < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0) {
        const char *foreign = adah_foreign_file(bytes, n_bytes);
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a .npy file%s%s", path, foreign ? ": " : "", foreign ? foreign : "");
    }
    const size_t n_prefix = n_bytes > sizeof magic && bytes[sizeof magic] > 1 ? PREFIX_BYTES + 2 : PREFIX_BYTES;
    if (n_bytes < n_prefix)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: ends after %zu bytes, inside the header", path,
                         n_bytes);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: .npy version %u.%u, expected 1.0, 2.0 or 3.0", path, bytes[6],
                         bytes[7]);
    size_t n_header = 0;
    for (size_t i = 8; i < n_prefix; i++)
        n_header |= (size_t)bytes[i] << 8 * (i - 8);
    if (n_header > n_bytes - n_prefix)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: header of %zu bytes in a file of %zu", path,
                         n_prefix + n_header, n_bytes);
    text->at = (const char *)bytes + n_prefix;
    text->end = text->at + n_header;
    return ADAH_OK;
}

/* Reads the header at the beginning of the map. */
static adah_code read_header(const char *path, const adah_file_map *map, header *h, size_t *offset, adah_status *status) {
    cursor text;
    ADAH_TRY(find_header(path, map->bytes, map->n_bytes, &text, status));
    *offset = (size_t)((const uint8_t *)text.end - map->bytes);
    if (!parse(text, h))
        return adah_fail(status, ADAH_ERROR_CORRUPT,
                         "%s: damaged: the header is not a dictionary of 'descr', 'fortran_order' and 'shape'", path);
    return ADAH_OK;
}

static adah_code check_dimensions(const char *path, const header *h, int n_dims_min, int n_dims_max, adah_status *status) {
    char expected[32];
    if (h->n_dimensions >= (size_t)n_dims_min && h->n_dimensions <= (size_t)n_dims_max)
        return ADAH_OK;
    snprintf(expected, sizeof expected, n_dims_min == n_dims_max ? "%d" : "%d to %d", n_dims_min, n_dims_max);
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu dimensions, expected %s", path, h->n_dimensions, expected);
}

/* Fills what is known of the array from its header, whose shape must be that of the bytes behind it. */
static adah_code take_extent(const char *path, const header *h, size_t offset, size_t item_bytes, adah_npy *a, adah_status *status) {
    const size_t n_data = a->map.n_bytes - offset;
    size_t n_columns = 1, n_wanted;
    int overflows = 0;
    for (size_t i = 1; i < h->n_dimensions; i++)
        overflows |= __builtin_mul_overflow(n_columns, h->shape[i], &n_columns);
    overflows |= __builtin_mul_overflow(h->shape[0], n_columns, &n_wanted);
    overflows |= __builtin_mul_overflow(n_wanted, item_bytes, &n_wanted);
    if (overflows || n_wanted != n_data) {
        char shape[96];
        shape_text(h, shape, sizeof shape);
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: shape %s of %zu-byte items does not match %zu bytes of data", path, shape,
                         item_bytes, n_data);
    }
    a->n_dims = (int)h->n_dimensions;
    memcpy(a->dim, h->shape, sizeof a->dim);
    a->n_rows = h->shape[0];
    a->n_columns = n_columns;
    a->items = a->map.bytes + offset;
    return ADAH_OK;
}

static adah_code read_array(const char *path, adah_npy_type type, int n_dims_min, int n_dims_max, adah_npy *a,
                            adah_status *status) {
    header h = {{0}, 0, 0, {0}};
    size_t offset;
    ADAH_TRY(read_header(path, &a->map, &h, &offset, status));
    if (strcmp(h.descr, types[type].descr) != 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: items of type '%s', expected '%s'", path, h.descr,
                         types[type].descr);
    ADAH_TRY(check_dimensions(path, &h, n_dims_min, n_dims_max, status));
    if (h.fortran_order)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: column order (fortran_order), expected row order", path);
    ADAH_TRY(take_extent(path, &h, offset, types[type].item_bytes, a, status));
    if (offset % types[type].item_bytes != 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: data at byte %zu, expected a multiple of %zu", path, offset,
                         types[type].item_bytes);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- as float32 in row order */

/* Items in column order have the first index next to each other: of the item at (i, j, k) it is i + shape[0] (j + shape[1] k). */
static size_t place_in_columns(const adah_npy *a, size_t item) {
    size_t place = 0, index[ADAH_NPY_DIMS_MAX];
    for (int d = a->n_dims - 1; d >= 0; d--) {
        index[d] = item % a->dim[d];
        item /= a->dim[d];
    }
    for (int d = a->n_dims - 1; d >= 0; d--)
        place = place * a->dim[d] + index[d];
    return place;
}

/* Puts a copy of the items in place of the map. */
static adah_code convert(const char *path, adah_number_type type, int in_columns, adah_npy *a, adah_status *status) {
    const size_t n = a->n_rows * a->n_columns;
    const uint8_t *from = a->items;
    float *to = adah_memory_floats(n);
    if (!to)
        return adah_fail(status, ADAH_ERROR_MEMORY, "%s: out of memory for %zu values as float32", path, n);
    for (size_t i = 0; i < n; i++)
        to[i] = adah_number_to_float(type, from + (in_columns ? place_in_columns(a, i) : i) * type.n_bytes);
    a->items = a->converted = to;
    const adah_code code = adah_file_check_map(&a->map, ADAH_OK, status);
    adah_file_close_map(&a->map);
    return code;
}

static adah_code read_floats(const char *path, int n_dims_min, int n_dims_max, adah_npy *a, adah_status *status) {
    header h = {{0}, 0, 0, {0}};
    size_t offset;
    adah_number_type type;
    ADAH_TRY(read_header(path, &a->map, &h, &offset, status));
    if (!adah_number_type_parse(h.descr, &type))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: items of type '%s', expected numbers: float16, float32, float64, or whole ones of at "
                         "most 64 bits", path, h.descr);
    ADAH_TRY(check_dimensions(path, &h, n_dims_min, n_dims_max, status));
    ADAH_TRY(take_extent(path, &h, offset, type.n_bytes, a, status));
    const int in_columns = h.fortran_order && h.n_dimensions > 1;
    if (adah_number_type_is_float(type) && !in_columns && offset % sizeof(float) == 0)
        return ADAH_OK;
    return convert(path, type, in_columns, a, status);
}

/* ---------------------------------------------------------------- opening */

static adah_code end_opening(adah_code code, adah_npy *a, adah_npy *array, adah_status *status) {
    code = adah_file_check_map(&a->map, code, status);
    if (code != ADAH_OK)
        adah_npy_close(a);
    else
        *array = *a;
    return code;
}

adah_code adah_npy_open_array(const char *path, adah_npy_type type, int n_dims_min, int n_dims_max, adah_npy *array,
                              adah_status *status) {
    adah_npy a = {0};
    ADAH_TRY(adah_file_open_map(path, &a.map, status));
    return end_opening(read_array(path, type, n_dims_min, n_dims_max, &a, status), &a, array, status);
}

adah_code adah_npy_open_floats(const char *path, int n_dims_min, int n_dims_max, adah_npy *array, adah_status *status) {
    adah_npy a = {0};
    ADAH_TRY(adah_file_open_map(path, &a.map, status));
    return end_opening(read_floats(path, n_dims_min, n_dims_max, &a, status), &a, array, status);
}

adah_code adah_npy_count_rows(const char *path, size_t *n_rows, adah_status *status) {
    adah_file_map map = {0};
    header h = {{0}, 0, 0, {0}};
    size_t offset;
    ADAH_TRY(adah_file_open_map(path, &map, status));
    adah_code code = read_header(path, &map, &h, &offset, status);
    if (code == ADAH_OK)
        code = check_dimensions(path, &h, 1, ADAH_NPY_DIMS_MAX, status);
    code = adah_file_check_map(&map, code, status);
    if (code == ADAH_OK && (offset > map.n_bytes || h.shape[0] > map.n_bytes - offset)) /* a row of values has a byte at least */
        code = adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: %zu rows in a file of %zu bytes", path, h.shape[0], map.n_bytes);
    if (code == ADAH_OK)
        *n_rows = h.shape[0];
    adah_file_close_map(&map);
    return code;
}

adah_code adah_npy_open(const char *path, adah_npy_type type, adah_npy *array, adah_status *status) {
    return adah_npy_open_array(path, type, 2, 2, array, status);
}

void adah_npy_close(adah_npy *array) {
    adah_file_close_map(&array->map);
    adah_memory_free(array->converted);
    *array = (adah_npy){0};
}

adah_code adah_npy_create(const char *path, adah_npy_type type, const void *items, size_t n_rows, size_t n_columns,
                          adah_file_writer **writer, adah_status *status) {
    size_t n_bytes;
    if (__builtin_mul_overflow(n_rows, n_columns, &n_bytes) ||
        __builtin_mul_overflow(n_bytes, types[type].item_bytes, &n_bytes))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a matrix of %zu x %zu items is too large", path, n_rows,
                         n_columns);
    char text[HEADER_BYTES + 1];
    memset(text, ' ', sizeof text);
    memcpy(text, magic, sizeof magic);
    text[6] = 1;
    text[7] = 0;
    text[8] = HEADER_BYTES - PREFIX_BYTES;
    text[9] = 0;
    int n = snprintf(text + PREFIX_BYTES, sizeof text - PREFIX_BYTES,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }", types[type].descr, n_rows,
                     n_columns);
    text[PREFIX_BYTES + n] = ' '; /* over the NUL */
    text[HEADER_BYTES - 1] = '\n';

    adah_file_writer *w;
    ADAH_TRY(adah_file_create(path, &w, status));
    adah_code code = adah_file_put(w, text, HEADER_BYTES, status);
    if (code == ADAH_OK)
        code = adah_file_put(w, items, n_bytes, status);
    if (code == ADAH_OK)
        *writer = w;
    else
        adah_file_abort(w);
    return code;
}

adah_code adah_npy_write(const char *path, adah_npy_type type, const void *items, size_t n_rows, size_t n_columns,
                         adah_status *status) {
    adah_file_writer *w = NULL;
    ADAH_TRY(adah_npy_create(path, type, items, n_rows, n_columns, &w, status));
    return adah_file_commit(w, status);
}
