/* charsmap.c - a double array: the branch of the node at `p` for a byte lies at p ^ byte, when that unit's label is the byte.
 *
 * A unit's bits: label (0 to 7, and 31, which only leaves have), whether a leaf hangs on it (8), its offset (10 to 30, times 256 with
 * bit 9). The unit at offset ^ 0 of a node with a leaf holds where its text begins.
 *
 * As the reference does it, a grapheme of fewer than 6 bytes is looked up as a whole, else character by character, and the first,
 * which is the shortest, beginning that the tree knows decides. */
#include "text/charsmap.h"
#include "base/memory.h"
#include "text/characters.h"

#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

enum { CHARSMAP_BYTES_MAX = 1 << 24, WHOLE_BYTES = 6 };

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Returns the number of bytes; 0: it is no base64. bytes: 3 for each 4 of text. */
static size_t decode_base64(const char *text, size_t n_text, uint8_t *bytes) {
    size_t n = 0;
    uint32_t bits = 0;
    while (n_text && text[n_text - 1] == '=')
        n_text--;
    for (size_t i = 0; i < n_text; i++) {
        const int value = value_of(text[i]);
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4)
            bytes[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return n;
}

static uint32_t read_u32(const uint8_t *b) { return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24; }

static adah_code take_parts(const uint8_t *bytes, size_t n, const char *where, adah_charsmap *map, adah_status *status) {
    const size_t n_tree = n >= 4 ? read_u32(bytes) : 0;
    if (n < 8 || n_tree < 4 || n_tree % 4 || n_tree > n - 4)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a damaged charsmap", where);
    map->n_units = n_tree / 4;
    map->n_texts = n - 4 - n_tree;
    map->unit = adah_memory_alloc(n_tree);
    map->texts = adah_memory_text_n((const char *)bytes + 4 + n_tree, map->n_texts);
    if (!map->unit || !map->texts)
        return adah_fail_memory(status, n);
    for (size_t i = 0; i < map->n_units; i++)
        map->unit[i] = read_u32(bytes + 4 + 4 * i);
    return ADAH_OK;
}

adah_code adah_charsmap_read(const char *base64, size_t n_bytes, const char *where, adah_charsmap *map, adah_status *status) {
    if (n_bytes > CHARSMAP_BYTES_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a charsmap of %zu bytes, expected at most %d", where, n_bytes, CHARSMAP_BYTES_MAX);
    uint8_t *bytes = adah_memory_alloc(n_bytes);
    if (!bytes)
        return adah_fail_memory(status, n_bytes);
    const adah_code code = take_parts(bytes, decode_base64(base64, n_bytes, bytes), where, map, status);
    adah_memory_free(bytes);
    if (code != ADAH_OK)
        adah_charsmap_free(map);
    return code;
}

void adah_charsmap_free(adah_charsmap *map) {
    adah_memory_free(map->unit);
    adah_memory_free(map->texts);
    *map = (adah_charsmap){0};
}

static size_t offset_of(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6); }

/* The text of the shortest beginning that the tree knows; NULL: none. */
static const char *look_up(const adah_charsmap *map, const char *text, size_t n_bytes) {
    size_t place = offset_of(map->unit[0]);
    for (size_t i = 0; i < n_bytes && text[i]; i++) {
        place ^= (uint8_t)text[i];
        if (place >= map->n_units || (map->unit[place] & (1u << 31 | 0xFF)) != (uint8_t)text[i])
            return NULL;
        const uint32_t unit = map->unit[place];
        place ^= offset_of(unit);
        if (!(unit & 1u << 8))
            continue;
        const size_t start = place < map->n_units ? map->unit[place] & ~(1u << 31) : map->n_texts;
        return start < map->n_texts ? map->texts + start : NULL;
    }
    return NULL;
}

static void apply_to_grapheme(const adah_charsmap *map, const char *text, size_t n_bytes, adah_text *out) {
    const char *becomes = n_bytes < WHOLE_BYTES ? look_up(map, text, n_bytes) : NULL;
    if (becomes) {
        adah_text_add_bytes(out, becomes, strlen(becomes));
        return;
    }
    for (size_t start = 0, end = 0; end < n_bytes; start = end) {
        adah_character_next(text, n_bytes, &end);
        if ((becomes = look_up(map, text + start, end - start)))
            adah_text_add_bytes(out, becomes, strlen(becomes));
        else
            adah_text_add_bytes(out, text + start, end - start);
    }
}

adah_code adah_charsmap_apply(const adah_charsmap *map, const char *text, size_t n_bytes, adah_text *out, adah_status *status) {
    UErrorCode error = U_ZERO_ERROR;
    UText from = UTEXT_INITIALIZER;
    utext_openUTF8(&from, n_bytes ? text : "", (int64_t)n_bytes, &error);
    UBreakIterator *breaks = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &error);
    ubrk_setUText(breaks, &from, &error);
    if (U_SUCCESS(error)) {
        int32_t start = ubrk_first(breaks);
        for (int32_t end = ubrk_next(breaks); end != UBRK_DONE; start = end, end = ubrk_next(breaks))
            apply_to_grapheme(map, text + start, (size_t)(end - start), out);
    }
    ubrk_close(breaks);
    utext_close(&from);
    return U_SUCCESS(error) && !out->failed ? ADAH_OK : adah_fail_memory(status, n_bytes);
}
