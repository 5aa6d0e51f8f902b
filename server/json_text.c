/* json_text.c - see json_text.h. */
#include "json_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void serve_text_free(serve_text *t) {
    free(t->bytes);
    *t = (serve_text){0};
}

/* Room for n more bytes; NULL: memory is out, now or before. */
static char *make_room(serve_text *t, size_t n) {
    if (!t->failed && t->capacity - t->n_bytes < n) {
        size_t capacity = t->capacity ? t->capacity : 1024;
        while (capacity - t->n_bytes < n && capacity < SIZE_MAX / 2)
            capacity *= 2;
        char *larger = capacity - t->n_bytes < n ? NULL : realloc(t->bytes, capacity);
        t->failed = !larger;
        if (larger) {
            t->bytes = larger;
            t->capacity = capacity;
        }
    }
    return t->failed ? NULL : t->bytes + t->n_bytes;
}

void serve_text_bytes(serve_text *t, const void *bytes, size_t n_bytes) {
    char *room = make_room(t, n_bytes);
    if (room && n_bytes) {
        memcpy(room, bytes, n_bytes);
        t->n_bytes += n_bytes;
    }
}

void serve_text_plain(serve_text *t, const char *text) { serve_text_bytes(t, text, strlen(text)); }

void serve_text_format(serve_text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *room = make_room(t, (size_t)n + 1);
    if (!room)
        return;
    va_start(arguments, format);
    vsnprintf(room, (size_t)n + 1, format, arguments);
    va_end(arguments);
    t->n_bytes += (size_t)n;
}

void serve_text_number(serve_text *t, uint64_t number) {
    char text[20];
    size_t n = 0;
    do
        text[sizeof text - ++n] = (char)('0' + number % 10);
    while (number /= 10);
    serve_text_bytes(t, text + sizeof text - n, n);
}

size_t serve_utf8_length(const char *text, size_t n_bytes) {
    const unsigned char *c = (const unsigned char *)text;
    if (n_bytes == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    const size_t n = c[0] >= 0xc2 && c[0] < 0xe0   ? 2
                     : (c[0] & 0xf0) == 0xe0       ? 3
                     : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                                   : 0;
    if (n == 0 || n > n_bytes)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    /* Forms that are too long, halves of UTF-16, beyond U+10FFFF. */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf0 && c[1] < 0x90) ||
        (c[0] == 0xf4 && c[1] >= 0x90))
        return 0;
    return n;
}

int serve_is_utf8(const char *text, size_t n_bytes) {
    for (size_t i = 0, n; i < n_bytes; i += n)
        if (!(n = serve_utf8_length(text + i, n_bytes - i)))
            return 0;
    return 1;
}

void serve_text_string_n(serve_text *t, const char *text, size_t n_bytes) {
    char *room = make_room(t, 6 * n_bytes + 2);
    if (!room)
        return;
    char *to = room;
    *to++ = '"';
    for (size_t i = 0; i < n_bytes;) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = (char)c;
            i++;
        } else if (c < 0x20 || c == 0x7f) {
            memcpy(to, "\\u00", 4);
            to[4] = digits[c >> 4];
            to[5] = digits[c & 15];
            to += 6;
            i++;
        } else {
            const size_t n = serve_utf8_length(text + i, n_bytes - i);
            memcpy(to, n ? text + i : "\xef\xbf\xbd", n ? n : 3);
            to += n ? n : 3;
            i += n ? n : 1;
        }
    }
    *to++ = '"';
    t->n_bytes += (size_t)(to - room);
}

void serve_text_string(serve_text *t, const char *text) { serve_text_string_n(t, text, strlen(text)); }

void serve_text_hex(serve_text *t, const uint8_t *bytes, size_t n_bytes) {
    char *room = make_room(t, 2 * n_bytes + 4);
    if (!bytes)
        serve_text_plain(t, "null");
    if (!room || !bytes)
        return;
    *room++ = '"';
    for (size_t i = 0; i < n_bytes; i++) {
        *room++ = digits[bytes[i] >> 4];
        *room++ = digits[bytes[i] & 15];
    }
    *room = '"';
    t->n_bytes += 2 * n_bytes + 2;
}
