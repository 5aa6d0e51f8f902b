/* json_text.c - see json_text.h. */
#include "json_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void serve_text_free(serve_text *t) {
    if (!t->is_window)
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

serve_text serve_text_window(char *bytes, size_t capacity, uint64_t n_before) {
    return (serve_text){.bytes = bytes, .capacity = capacity, .is_window = 1, .n_before = n_before};
}

static void add_to_window(serve_text *t, const char *bytes, size_t n_bytes) {
    const uint64_t at = t->n_all, n_left_out = t->n_before > at ? t->n_before - at : 0;
    t->n_all += n_bytes;
    if (n_left_out >= n_bytes)
        return;
    const size_t n = n_bytes - (size_t)n_left_out, n_room = t->capacity - t->n_bytes, n_kept = n < n_room ? n : n_room;
    if (n_kept)
        memcpy(t->bytes + t->n_bytes, bytes + n_left_out, n_kept);
    t->n_bytes += n_kept;
}

void serve_text_bytes(serve_text *t, const void *bytes, size_t n_bytes) {
    if (t->is_window) {
        add_to_window(t, bytes, n_bytes);
        return;
    }
    char *room = make_room(t, n_bytes);
    if (room && n_bytes) {
        memcpy(room, bytes, n_bytes);
        t->n_bytes += n_bytes;
    }
}

void serve_text_plain(serve_text *t, const char *text) { serve_text_bytes(t, text, strlen(text)); }

void serve_text_format(serve_text *t, const char *format, ...) {
    char small[512], *text = small;
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if ((size_t)n >= sizeof small) {
        text = malloc((size_t)n + 1);
        if (!text) {
            t->failed = 1;
            return;
        }
        va_start(arguments, format);
        vsnprintf(text, (size_t)n + 1, format, arguments);
        va_end(arguments);
    }
    serve_text_bytes(t, text, (size_t)n);
    if (text != small)
        free(text);
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

/* The control characters beyond ASCII, U+0080 to U+009F: commands to some terminals. */
static int is_control(const char *text, size_t n_bytes) {
    return n_bytes >= 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
}

/* Bytes from the beginning that stand for themselves in JSON. */
static size_t n_plain(const char *text, size_t n_bytes) {
    size_t i = 0;
    while (i < n_bytes) {
        const unsigned char c = (unsigned char)text[i];
        const size_t n = c == '"' || c == '\\' || c < 0x20 || c == 0x7f ? 0 : c < 0x80 ? 1 : serve_utf8_length(text + i, n_bytes - i);
        if (!n || is_control(text + i, n_bytes - i))
            break;
        i += n;
    }
    return i;
}

void serve_text_string_n(serve_text *t, const char *text, size_t n_bytes) {
    serve_text_bytes(t, "\"", 1);
    for (size_t i = 0; i < n_bytes;) {
        const size_t n = n_plain(text + i, n_bytes - i);
        serve_text_bytes(t, text + i, n);
        if ((i += n) == n_bytes)
            break;
        const int is_beyond = is_control(text + i, n_bytes - i); /* its number is that of its second byte */
        i += (size_t)is_beyond;
        const unsigned char c = (unsigned char)text[i++];
        const char escaped[] = {'\\', (char)c}, code[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        if (c == '"' || c == '\\')
            serve_text_bytes(t, escaped, sizeof escaped);
        else if (c < 0x80 || is_beyond)
            serve_text_bytes(t, code, sizeof code);
        else
            serve_text_bytes(t, "\xef\xbf\xbd", 3);
    }
    serve_text_bytes(t, "\"", 1);
}

void serve_text_string(serve_text *t, const char *text) { serve_text_string_n(t, text, strlen(text)); }

void serve_text_hex(serve_text *t, const uint8_t *bytes, size_t n_bytes) {
    if (!bytes) {
        serve_text_plain(t, "null");
        return;
    }
    serve_text_bytes(t, "\"", 1);
    for (size_t i = 0; i < n_bytes; i++)
        serve_text_bytes(t, (const char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
    serve_text_bytes(t, "\"", 1);
}
