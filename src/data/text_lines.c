/* text_lines.c - a window that moves over a mapped file; what lies behind it is given back. */
#include "data/text_lines.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES = 60 /* of a line in a message */, STEP_BYTES = 16 << 20 };

static adah_code refuse_nul(adah_text_lines *lines, adah_status *status) {
    while (lines->offset < lines->map.n_bytes) {
        const size_t n_left = lines->map.n_bytes - lines->offset, n = n_left < STEP_BYTES ? n_left : STEP_BYTES;
        const uint8_t *nul = memchr(lines->map.bytes + lines->offset, 0, n);
        if (nul)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: byte %zu is 0, expected text", lines->path,
                             (size_t)(nul - lines->map.bytes));
        lines->offset += n;
        adah_file_release(&lines->map, lines->offset, &lines->n_released);
    }
    lines->offset = lines->n_released = 0;
    return ADAH_OK;
}

adah_code adah_text_lines_open(const char *folder, const char *name, adah_text_lines *lines, adah_status *status) {
    *lines = (adah_text_lines){.path = adah_file_join(folder, name)};
    if (!lines->path)
        return adah_fail_memory(status, strlen(folder) + strlen(name) + 2);
    adah_code code = adah_file_open_map(lines->path, &lines->map, status);
    if (code == ADAH_OK)
        code = adah_file_check_map(&lines->map, refuse_nul(lines, status), status);
    if (code != ADAH_OK)
        adah_text_lines_close(lines);
    return code;
}

void adah_text_lines_close(adah_text_lines *lines) {
    adah_file_close_map(&lines->map);
    adah_memory_free(lines->path);
    *lines = (adah_text_lines){0};
}

adah_code adah_text_lines_finish(adah_text_lines *lines, adah_code code, adah_status *status) {
    code = adah_file_check_map(&lines->map, code, status);
    adah_text_lines_close(lines);
    return code;
}

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

int adah_text_lines_next(adah_text_lines *lines) {
    if (lines->offset >= lines->map.n_bytes)
        return 0;
    adah_file_release(&lines->map, lines->offset, &lines->n_released);
    const char *start = (const char *)lines->map.bytes + lines->offset;
    size_t n_left = lines->map.n_bytes - lines->offset;
    const char *end = memchr(start, '\n', n_left);
    size_t n = end ? (size_t)(end - start) : n_left;
    lines->offset += n + (end != NULL);
    lines->line++;
    while (n && is_blank(start[n - 1]))
        n--;
    while (n && is_blank(*start))
        start++, n--;
    lines->text = start;
    lines->n_bytes = n;
    return 1;
}

int adah_text_lines_word(const adah_text_lines *lines, size_t *offset, const char **word, size_t *n_bytes) {
    size_t i = *offset, n = 0;
    while (i < lines->n_bytes && is_blank(lines->text[i]))
        i++;
    while (i + n < lines->n_bytes && !is_blank(lines->text[i + n]))
        n++;
    *word = lines->text + i;
    *n_bytes = n;
    *offset = i + n;
    return n > 0;
}

int adah_text_number(const char *word, size_t n_bytes, size_t max, size_t *number) {
    size_t value = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (word[i] < '0' || word[i] > '9')
            return 0;
        size_t digit = (size_t)(word[i] - '0');
        if (value > max / 10 || value * 10 > max - digit)
            return 0;
        value = value * 10 + digit;
    }
    *number = value;
    return n_bytes > 0 && value <= max;
}

adah_code adah_text_lines_fail(const adah_text_lines *lines, adah_status *status, const char *format, ...) {
    char why[sizeof status->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s:%zu: %s", lines->path, lines->line, why);
}

adah_code adah_text_lines_unexpected(const adah_text_lines *lines, const char *expected, adah_status *status) {
    const int n = lines->n_bytes < SHOWN_BYTES ? (int)lines->n_bytes : SHOWN_BYTES;
    return adah_text_lines_fail(lines, status, "found \"%.*s\"%s, expected %s", n, lines->text,
                                lines->n_bytes > SHOWN_BYTES ? "..." : "", expected);
}
