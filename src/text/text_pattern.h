/* text_pattern.h - what a tokenizer.json looks for in a text: a literal, or a regular expression. */
#ifndef ADAH_TEXT_TEXT_PATTERN_H
#define ADAH_TEXT_TEXT_PATTERN_H

#include "base/status.h"

#include <jansson.h>
#include <unicode/uregex.h>

/* Zero-initialise. Any number of threads may search with one. */
typedef struct adah_text_pattern {
    char *literal; /* NULL: the expression counts */
    size_t n_bytes;
    URegularExpression *expression; /* only ever cloned */
} adah_text_pattern;

/* From {"String": ...} or {"Regex": ...}. `where` is for messages. */
adah_code adah_text_pattern_read(const json_t *object, const char *where, adah_text_pattern *pattern, adah_status *status);
/* An expression as tokenizers write them (Oniguruma's syntax). */
adah_code adah_text_pattern_compile(const char *expression, const char *where, adah_text_pattern *pattern, adah_status *status);
void adah_text_pattern_free(adah_text_pattern *pattern); /* zeroes it */

/* Takes one match, from the byte `start` up to `end`, which is behind it; matches come in order. Returns 0 when memory is out. */
typedef int (*adah_take_match)(void *context, size_t start, size_t end);
/* All matches that are not empty, in valid UTF-8. ADAH_ERROR_ARGUMENT: finding them takes too long. */
adah_code adah_text_pattern_find(const adah_text_pattern *pattern, const char *text, size_t n_bytes, adah_take_match take, void *context,
                                 adah_status *status);

#endif
