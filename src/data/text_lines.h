/* text_lines.h - a text file of any size, line by line, without holding it: the file is mapped, not read. */
#ifndef ADAH_DATA_TEXT_LINES_H
#define ADAH_DATA_TEXT_LINES_H

#include "base/file.h"

typedef struct adah_text_lines {
    char *path;
    adah_file_map map;
    size_t offset, n_released;
    size_t line;      /* number of the current one, from 1; 0 before the first */
    const char *text; /* the current line without its end (LF or CR LF) and blanks around it; not NUL-terminated */
    size_t n_bytes;
} adah_text_lines;

/* Opens folder/name. A file with a NUL byte is refused. */
adah_code adah_text_lines_open(const char *folder, const char *name, adah_text_lines *lines, adah_status *status);
void adah_text_lines_close(adah_text_lines *lines); /* zeroes it; fine on a zeroed one */
int adah_text_lines_next(adah_text_lines *lines);   /* 0: there are no more */
/* Closes it after reading, which came to `code`: returns that, or the error that the file was cut off meanwhile. */
adah_code adah_text_lines_finish(adah_text_lines *lines, adah_code code, adah_status *status);

/* The next word of the current line (blanks and tabs separate) from *offset on; 0: there are no more. */
int adah_text_lines_word(const adah_text_lines *lines, size_t *offset, const char **word, size_t *n_bytes);
/* A word of digits alone as a number of at most `max`; 0: it is none. */
int adah_text_number(const char *word, size_t n_bytes, size_t max, size_t *number);

/* ADAH_ERROR_FORMAT with "path:line: " before the message. */
adah_code adah_text_lines_fail(const adah_text_lines *lines, adah_status *status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a line that is not `expected`; shows the beginning of the line. */
adah_code adah_text_lines_unexpected(const adah_text_lines *lines, const char *expected, adah_status *status);

#endif
