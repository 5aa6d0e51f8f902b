/* csv_rows.c - a quoted field may hold separators, line ends and doubled quotes. */
#include "data/csv_rows.h"
#include "base/memory.h"

#include <string.h>
#include <unicode/ustring.h>

const char adah_csv_separators[] = ",;\t|";

void adah_csv_begin(adah_csv_rows *c) {
    c->line = 1;
    c->separator = ',';
    c->line_end = memchr(c->bytes, '\n', c->n_bytes) || !memchr(c->bytes, '\r', c->n_bytes) ? '\n' : '\r';
    adah_csv_pass_blank_lines(c);
}

void adah_csv_free(adah_csv_rows *c) {
    adah_memory_free(c->content);
    adah_memory_free(c->field_end);
    c->content = NULL;
    c->field_end = NULL;
}

static adah_code put_content(adah_csv_rows *c, const char *bytes, size_t n_bytes, adah_status *status) {
    if (c->content_capacity - c->n_content < n_bytes || !c->content) {
        size_t wanted = 2 * (c->n_content + n_bytes) + 256;
        char *p = adah_memory_resize(c->content, wanted, 1);
        if (!p)
            return adah_fail_memory(status, wanted);
        c->content = p;
        c->content_capacity = wanted;
    }
    memcpy(c->content + c->n_content, bytes, n_bytes);
    c->n_content += n_bytes;
    return ADAH_OK;
}

adah_raw_text adah_csv_field(const adah_csv_rows *c, size_t i) {
    size_t start = i ? c->field_end[i - 1] : 0;
    return (adah_raw_text){c->content + start, c->field_end[i] - start};
}

int adah_csv_at_line_end(const adah_csv_rows *c, size_t i) {
    return i >= c->n_bytes || c->bytes[i] == c->line_end ||
           (c->bytes[i] == '\r' && (i + 1 == c->n_bytes || c->bytes[i + 1] == '\n'));
}

/* Reads the quoted part of a field whose opening quote is at *i; leaves *i behind the closing one. */
static adah_code read_quoted(adah_csv_rows *c, size_t *i, adah_status *status) {
    for (size_t start = *i + 1;;) {
        const char *quote = memchr(c->bytes + start, '"', c->n_bytes - start);
        size_t end = quote ? (size_t)(quote - c->bytes) : c->n_bytes;
        if (!quote || end - c->position > ADAH_METADATA_LINE_BYTES_MAX)
            return adah_dataset_fail(c->dataset, c->line, status, "field %zu: the closing quote is missing",
                                     c->n_fields + 1);
        int doubled = end + 1 < c->n_bytes && c->bytes[end + 1] == '"';
        ADAH_TRY(put_content(c, c->bytes + start, end - start + (size_t)doubled, status));
        *i = end + 1;
        if (!doubled)
            return ADAH_OK;
        start = end + 2;
    }
}

static int is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

/* Blanks of a line that part nothing. */
static size_t behind_blanks(const adah_csv_rows *c, size_t i) {
    while (i < c->n_bytes && (c->bytes[i] == ' ' || c->bytes[i] == '\t') && c->bytes[i] != c->separator)
        i++;
    return i;
}

/* 1: the quote that stands there opens a field: a quote that ends it follows, before another line with fields begins. */
static int is_quoted(const adah_csv_rows *c, size_t i) {
    enum { LOOK_BYTES = 1 << 16 };
    int is_in_other_line = 0;
    const size_t end = c->n_bytes - i < LOOK_BYTES ? c->n_bytes : i + LOOK_BYTES;
    if (c->separator == ',' || c->separator == ';')
        return 1;
    for (i++; i < end && !(is_in_other_line && c->bytes[i] == c->separator); i++) {
        is_in_other_line |= adah_csv_at_line_end(c, i);
        if (c->bytes[i] == '"' && i + 1 < c->n_bytes && c->bytes[i + 1] == '"')
            i++;
        else if (c->bytes[i] == '"' && (adah_csv_at_line_end(c, behind_blanks(c, i + 1)) || c->bytes[behind_blanks(c, i + 1)] == c->separator))
            return 1;
    }
    return 0;
}

adah_code adah_csv_read(adah_csv_rows *c, size_t *next, adah_status *status) {
    c->n_content = c->n_fields = 0;
    for (size_t i = c->position;; i++) {
        i = behind_blanks(c, i);
        if (i < c->n_bytes && c->bytes[i] == '"' && is_quoted(c, i)) {
            ADAH_TRY(read_quoted(c, &i, status));
            i = behind_blanks(c, i);
            if (!adah_csv_at_line_end(c, i) && c->bytes[i] != c->separator)
                return adah_dataset_fail(c->dataset, c->line, status,
                                         "field %zu: expected a comma or the end of the line after the closing quote",
                                         c->n_fields + 1);
        } else {
            size_t start = i;
            while (!adah_csv_at_line_end(c, i) && c->bytes[i] != c->separator)
                i++;
            size_t end = i;
            while (end > start && is_space(c->bytes[end - 1]))
                end--;
            ADAH_TRY(put_content(c, c->bytes + start, end - start, status));
        }
        if (!adah_memory_grow((void **)&c->field_end, &c->field_capacity, c->n_fields, sizeof *c->field_end))
            return adah_fail_memory(status, 2 * c->field_capacity * sizeof *c->field_end);
        c->field_end[c->n_fields++] = c->n_content;
        if (i - c->position > ADAH_METADATA_LINE_BYTES_MAX)
            return adah_dataset_fail(c->dataset, c->line, status, "more than %d bytes", ADAH_METADATA_LINE_BYTES_MAX);
        if (adah_csv_at_line_end(c, i)) {
            *next = i + (i + 1 < c->n_bytes && c->bytes[i] == '\r' && c->bytes[i + 1] == '\n') + 1;
            break;
        }
    }
    UErrorCode error = U_ZERO_ERROR;
    u_strFromUTF8(NULL, 0, NULL, c->content, (int32_t)c->n_content, &error);
    if (error == U_INVALID_CHAR_FOUND)
        return adah_dataset_fail_utf8(c->dataset, c->line, status);
    if (memchr(c->content, 0, c->n_content))
        return adah_dataset_fail(c->dataset, c->line, status, "a NUL byte");
    return ADAH_OK;
}

void adah_csv_move(adah_csv_rows *c, size_t next) {
    for (next = next < c->n_bytes ? next : c->n_bytes; c->position < next; c->position++)
        c->line += c->bytes[c->position] == c->line_end;
}

size_t adah_csv_end_of_line(const adah_csv_rows *c) {
    const char *newline = memchr(c->bytes + c->position, c->line_end, c->n_bytes - c->position);
    return newline ? (size_t)(newline - c->bytes) + 1 : c->n_bytes;
}

void adah_csv_pass_blank_lines(adah_csv_rows *c) {
    while (c->position < c->n_bytes && adah_csv_at_line_end(c, c->position))
        adah_csv_move(c, adah_csv_end_of_line(c));
}
