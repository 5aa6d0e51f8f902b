/* text.h - a growing text, for documents made piece by piece. Faults stick: pieces are added without checks and the end asks
 * once whether memory held out. */
#ifndef ADAH_BASE_TEXT_H
#define ADAH_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct adah_text {
    char *bytes; /* NUL-terminated once anything was added */
    size_t n_bytes, capacity;
    int failed;  /* memory ran out; later pieces are ignored */
} adah_text;

void adah_text_free(adah_text *t);
void adah_text_add(adah_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void adah_text_add_bytes(adah_text *t, const char *bytes, size_t n_bytes);
void adah_text_add_escaped(adah_text *t, const char *plain);                       /* for HTML and SVG */
void adah_text_add_base64(adah_text *t, const uint8_t *bytes, size_t n_bytes);     /* for data: URLs */

#endif
