/* text.c - growing text with printf, HTML escapes and base64. */
#include "base/text.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void adah_text_free(adah_text *t) {
    adah_memory_free(t->bytes);
    *t = (adah_text){0};
}

/* Makes room for n more bytes and the NUL. */
static int reserve(adah_text *t, size_t n) {
    if (t->failed)
        return 0;
    if (t->capacity - t->n_bytes > n)
        return 1;
    const size_t wanted = (t->n_bytes + n + 1) * 2;
    char *bytes = adah_memory_resize(t->bytes, wanted, 1);
    if (!bytes) {
        t->failed = 1;
        return 0;
    }
    t->bytes = bytes;
    t->capacity = wanted;
    return 1;
}

void adah_text_add_bytes(adah_text *t, const char *bytes, size_t n_bytes) {
    if (!reserve(t, n_bytes))
        return;
    if (n_bytes) /* of nothing the address may be none */
        memcpy(t->bytes + t->n_bytes, bytes, n_bytes);
    t->n_bytes += n_bytes;
    t->bytes[t->n_bytes] = '\0';
}

void adah_text_add(adah_text *t, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int n = vsnprintf(NULL, 0, format, arguments);
    if (n >= 0 && reserve(t, (size_t)n)) {
        vsnprintf(t->bytes + t->n_bytes, (size_t)n + 1, format, again);
        t->n_bytes += (size_t)n;
    }
    va_end(again);
    va_end(arguments);
}

void adah_text_add_escaped(adah_text *t, const char *plain) {
    for (const char *p = plain; *p; p++) {
        const char *escape = *p == '<'    ? "&lt;"
                             : *p == '>'  ? "&gt;"
                             : *p == '&'  ? "&amp;"
                             : *p == '"'  ? "&quot;"
                             : *p == '\'' ? "&#39;"
                                          : NULL;
        if (escape)
            adah_text_add_bytes(t, escape, strlen(escape));
        else
            adah_text_add_bytes(t, p, 1);
    }
}

void adah_text_add_base64(adah_text *t, const uint8_t *bytes, size_t n_bytes) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n_bytes; i += 3) {
        const size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
        const uint32_t three = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digit[three >> 18], digit[three >> 12 & 63], n > 1 ? digit[three >> 6 & 63] : '=',
                              n > 2 ? digit[three & 63] : '='};
        adah_text_add_bytes(t, four, 4);
    }
}
