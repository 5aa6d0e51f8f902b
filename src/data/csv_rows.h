/* csv_rows.h - RFC 4180 and what spreadsheets make of it: rows taken apart into fields. */
#ifndef ADAH_DATA_CSV_ROWS_H
#define ADAH_DATA_CSV_ROWS_H

#include "data/dataset_reader.h"

/* What separates fields: "," ";" TAB "|". */
extern const char adah_csv_separators[];

/* Set dataset (for messages), bytes, n_bytes; zero the rest and begin. */
typedef struct adah_csv_rows {
    adah_dataset *dataset;
    const char *bytes;
    size_t n_bytes, position; /* position: start of the next record */
    size_t line;              /* of that record, from 1 */
    char separator;
    int line_end;             /* '\n', or '\r' where no line ends otherwise */
    char *content;            /* the fields of the record just read, one behind the other, quotes resolved */
    size_t n_content, content_capacity;
    size_t *field_end; /* in content */
    size_t n_fields, field_capacity;
} adah_csv_rows;

/* Finds how lines end, and goes to the first that is not blank. */
void adah_csv_begin(adah_csv_rows *c);
void adah_csv_free(adah_csv_rows *c);
/* Takes the record at c->position apart; *next: where the following one starts. Bars and tabs are of programs that quote nothing: there a field is
 * quoted only where a closing quote ends it before another line with fields begins. */
adah_code adah_csv_read(adah_csv_rows *c, size_t *next, adah_status *status);
adah_raw_text adah_csv_field(const adah_csv_rows *c, size_t i);
/* 1: a line, or all, ends at this byte. */
int adah_csv_at_line_end(const adah_csv_rows *c, size_t i);
/* Moves to `next`, counting lines. */
void adah_csv_move(adah_csv_rows *c, size_t next);
size_t adah_csv_end_of_line(const adah_csv_rows *c); /* of the one at c->position */
void adah_csv_pass_blank_lines(adah_csv_rows *c);

#endif
