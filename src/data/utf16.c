/* utf16.c - by ICU. */
#include "data/utf16.h"
#include "base/memory.h"

#include <string.h>
#include <unicode/ustring.h>

typedef enum encoding { UTF8, UTF16_LITTLE, UTF16_BIG } encoding;

/* By the mark; without one, text that begins with two ASCII characters has a zero in every second byte. */
static encoding find_encoding(const uint8_t *b, size_t n, size_t *n_mark) {
    *n_mark = n >= 3 && memcmp(b, "\xef\xbb\xbf", 3) == 0 ? 3 : n >= 2 && (memcmp(b, "\xff\xfe", 2) == 0 || memcmp(b, "\xfe\xff", 2) == 0) ? 2 : 0;
    if (*n_mark == 2)
        return b[0] == 0xff ? UTF16_LITTLE : UTF16_BIG;
    if (*n_mark == 0 && n >= 4 && b[0] && !b[1] && b[2] && !b[3])
        return UTF16_LITTLE;
    if (*n_mark == 0 && n >= 4 && !b[0] && b[1] && !b[2] && b[3])
        return UTF16_BIG;
    return UTF8;
}

adah_code adah_utf16_resolve(const char *path, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    size_t n_mark;
    const encoding found = find_encoding(*bytes, *n_bytes, &n_mark);
    if (found == UTF8) {
        memmove(*bytes, *bytes + n_mark, *n_bytes + 1 - n_mark);
        *n_bytes -= n_mark;
        return ADAH_OK;
    }
    const size_t n_units = (*n_bytes - n_mark) / 2;
    if (n_units > INT32_MAX / 4)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: UTF-16 of %zu bytes, expected UTF-8", path, *n_bytes);
    UChar *units = adah_memory_zeroed(n_units + 1, sizeof *units);
    char *text = adah_memory_resize(NULL, 3 * n_units + 1, 1);
    adah_code code = units && text ? ADAH_OK : adah_fail_memory(status, 5 * n_units);
    for (size_t i = 0; i < n_units && code == ADAH_OK; i++) {
        const uint8_t *p = *bytes + n_mark + 2 * i;
        units[i] = (UChar)(found == UTF16_LITTLE ? p[0] | p[1] << 8 : p[1] | p[0] << 8);
    }
    int32_t n = 0;
    UErrorCode error = U_ZERO_ERROR;
    if (code == ADAH_OK) {
        u_strToUTF8(text, (int32_t)(3 * n_units + 1), &n, units, (int32_t)n_units, &error);
        if (U_FAILURE(error) || *n_bytes % 2)
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: UTF-16, but broken; expected UTF-8", path);
    }
    adah_memory_free(units);
    if (code != ADAH_OK) {
        adah_memory_free(text);
        return code;
    }
    adah_memory_free(*bytes);
    *bytes = (uint8_t *)text;
    *n_bytes = (size_t)n;
    return ADAH_OK;
}
