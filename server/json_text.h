/* json_text.h - a growing text, and values of JSON added to it. Faults stick: the end asks once whether memory held
 * out. Or a window of a text that is never there as a whole: what is added is counted, and kept where the window is. */
#ifndef ADAH_SERVER_JSON_TEXT_H
#define ADAH_SERVER_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct serve_text {
    char *bytes; /* by free(), but those of a window */
    size_t n_bytes, capacity;
    int failed;
    int is_window;
    uint64_t n_before, n_all; /* of a window: bytes before it, and all that were added */
} serve_text;

/* A window of `capacity` bytes that begins after n_before. */
serve_text serve_text_window(char *bytes, size_t capacity, uint64_t n_before);

void serve_text_free(serve_text *t);
void serve_text_bytes(serve_text *t, const void *bytes, size_t n_bytes);
void serve_text_plain(serve_text *t, const char *text);
void serve_text_format(serve_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void serve_text_number(serve_text *t, uint64_t number);
/* In quotes, escaped; bytes that are no UTF-8 become U+FFFD. */
void serve_text_string(serve_text *t, const char *text);
void serve_text_string_n(serve_text *t, const char *text, size_t n_bytes);
/* In quotes, two digits a byte; null for NULL. */
void serve_text_hex(serve_text *t, const uint8_t *bytes, size_t n_bytes);

/* Bytes of the character that begins at `text` when it is good UTF-8, else 0. */
size_t serve_utf8_length(const char *text, size_t n_bytes);
int serve_is_utf8(const char *text, size_t n_bytes);

#endif
