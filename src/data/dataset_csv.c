/* dataset_csv.c - metadata.csv: RFC 4180 and what spreadsheets make of it, with a header line that names the columns.
 *
 * Columns file_name (needed), text, labels, split, mask, date, latitude and longitude in any order (metadata_keys.h); other columns are passed over. What separates
 * columns, a comma, a semicolon, a tab or a bar, is what parts a column file_name from the others in the header, or what a line "sep=;"
 * before it says. The labels of a record stand in one field, separated by ';' or '|', spaces around them dropped, or as a list of Python. Lines end with LF, CR LF
 * or CR; blank lines are passed over. A quoted field may hold adah_csv_separators, line ends and doubled quotes. A record that cannot
 * be taken apart costs its first line only: reading goes on with the next. */
#include "base/memory.h"
#include "data/csv_rows.h"
#include "data/metadata_keys.h"

#include <string.h>

typedef struct csv {
    adah_csv_rows rows;
    size_t column[ADAH_N_KEYS]; /* field of each known column, SIZE_MAX when there is none */
    size_t n_columns;         /* fields of the header */
    size_t *chosen_column; /* those of texts that the user chose, then those of labels */
    size_t n_text_columns, n_chosen_columns, chosen_capacity;
    size_t confidence_column;
    adah_raw_text *label, *text;
    size_t label_capacity, text_capacity;
} csv;

/* Finds the columns in the header line as the separator parts it. */
static adah_code find_columns(csv *c, size_t *next, adah_status *status) {
    const adah_chosen_keys *chosen = adah_dataset_chosen_keys(c->rows.dataset);
    int rank_of[ADAH_N_KEYS] = {0};
    ADAH_TRY(adah_csv_read(&c->rows, next, status));
    for (size_t k = 0; k < ADAH_N_KEYS; k++)
        c->column[k] = SIZE_MAX;
    for (size_t i = 0; i < c->rows.n_fields; i++) {
        int rank;
        const adah_key key = adah_key_find(chosen, adah_csv_field(&c->rows, i).bytes, adah_csv_field(&c->rows, i).n_bytes, &rank);
        if (key == ADAH_N_KEYS || (key == ADAH_KEY_TEXT && chosen->n_text) || (key == ADAH_KEY_LABELS && chosen->n_label) || (c->column[key] != SIZE_MAX && rank_of[key] < rank))
            continue;
        if (c->column[key] != SIZE_MAX && rank_of[key] == rank)
            return adah_dataset_fail(c->rows.dataset, c->rows.line, status, "two columns named %s", adah_key_name(key));
        c->column[key] = i;
        rank_of[key] = rank;
    }
    return ADAH_OK;
}

/* The columns that were chosen, of texts first. */
static adah_code find_chosen_columns(csv *c, adah_status *status) {
    const adah_chosen_keys *chosen = adah_dataset_chosen_keys(c->rows.dataset);
    for (int pass = 0; pass < 2; pass++) {
        const adah_key wanted = pass ? ADAH_KEY_LABELS : ADAH_KEY_TEXT;
        for (size_t i = 0; i < c->rows.n_fields && (pass ? chosen->n_label : chosen->n_text); i++) {
            int rank;
            if (adah_key_find(chosen, adah_csv_field(&c->rows, i).bytes, adah_csv_field(&c->rows, i).n_bytes, &rank) != wanted)
                continue;
            if (!adah_memory_grow((void **)&c->chosen_column, &c->chosen_capacity, c->n_chosen_columns, sizeof *c->chosen_column))
                return adah_fail_memory(status, 2 * c->chosen_capacity * sizeof *c->chosen_column);
            c->chosen_column[c->n_chosen_columns++] = i;
        }
        if (pass == 0)
            c->n_text_columns = c->n_chosen_columns;
    }
    if (chosen->are_marks && c->n_chosen_columns - c->n_text_columns != chosen->n_label)
        return adah_dataset_fail(c->rows.dataset, c->rows.line, status, "two columns of one name");
    c->confidence_column = SIZE_MAX;
    for (size_t i = 0; i < c->rows.n_fields && chosen->confidence; i++) {
        const adah_raw_text name = adah_csv_field(&c->rows, i);
        if (name.n_bytes == strlen(chosen->confidence) && memcmp(name.bytes, chosen->confidence, name.n_bytes) == 0)
            c->confidence_column = i;
    }
    return ADAH_OK;
}

/* The separator that parts a column file_name from others, or says that it is the only one; ',' where none does. */
static adah_code find_separator(csv *c, adah_status *status) {
    char found = '\0';
    for (const char *s = adah_csv_separators; *s; s++) {
        size_t next;
        c->rows.separator = *s;
        const adah_code code = find_columns(c, &next, status);
        if (code == ADAH_ERROR_MEMORY)
            return code;
        if (code == ADAH_OK && c->column[ADAH_KEY_FILE_NAME] != SIZE_MAX && (!found || c->rows.n_fields > 1)) {
            found = *s;
            if (c->rows.n_fields > 1)
                break;
        }
    }
    c->rows.separator = found ? found : ',';
    return ADAH_OK;
}

/* The line "sep=;", for spreadsheets. */
static int take_separator_line(csv *c) {
    const char *line = c->rows.bytes + c->rows.position;
    if (c->rows.n_bytes - c->rows.position < 5 || memcmp(line, "sep=", 4) != 0 || !strchr(adah_csv_separators, line[4]) || !adah_csv_at_line_end(&c->rows, c->rows.position + 5))
        return 0;
    c->rows.separator = line[4];
    return 1;
}

static adah_code tell_columns(csv *c, adah_status *status) {
    for (size_t i = 0; i < c->rows.n_fields; i++) {
        int rank;
        const adah_raw_text name = adah_csv_field(&c->rows, i);
        const adah_key key = adah_key_find(adah_dataset_chosen_keys(c->rows.dataset), name.bytes, name.n_bytes, &rank);
        int is_taken = key != ADAH_N_KEYS && c->column[key] == i;
        for (size_t k = 0; k < c->n_chosen_columns; k++)
            is_taken |= c->chosen_column[k] == i;
        if (!is_taken || rank > 1) /* capitals and blanks are no news */
            ADAH_TRY(adah_dataset_note_key(c->rows.dataset, is_taken ? (int)key : ADAH_N_KEYS, name.bytes, name.n_bytes, status));
    }
    return ADAH_OK;
}

static adah_code read_header(csv *c, adah_status *status) {
    enum { SHOWN_BYTES = 120 };
    size_t next = c->rows.n_bytes;
    if (c->rows.position == c->rows.n_bytes)
        return adah_dataset_fail(c->rows.dataset, c->rows.line, status,
                                 "empty, expected a header line with a column file_name");
    if (take_separator_line(c)) {
        adah_csv_move(&c->rows, adah_csv_end_of_line(&c->rows));
        adah_csv_pass_blank_lines(&c->rows);
    } else {
        ADAH_TRY(find_separator(c, status));
    }
    ADAH_TRY(find_columns(c, &next, status));
    if (c->column[ADAH_KEY_FILE_NAME] == SIZE_MAX) {
        size_t n = 0;
        while (n < SHOWN_BYTES && !adah_csv_at_line_end(&c->rows, c->rows.position + n))
            n++;
        return adah_dataset_fail(c->rows.dataset, c->rows.line, status, "no column file_name in the header line, found \"%.*s\"", (int)n,
                                 c->rows.bytes + c->rows.position);
    }
    ADAH_TRY(find_chosen_columns(c, status));
    ADAH_TRY(tell_columns(c, status));
    c->n_columns = c->rows.n_fields;
    adah_csv_move(&c->rows, next);
    return ADAH_OK;
}

static adah_code add_item(adah_raw_text **list, size_t *capacity, size_t *n, const char *bytes, size_t n_bytes, adah_status *status) {
    if (!adah_memory_grow((void **)list, capacity, *n, sizeof **list))
        return adah_fail_memory(status, 2 * *capacity * sizeof **list);
    (*list)[(*n)++] = (adah_raw_text){bytes, n_bytes};
    return ADAH_OK;
}

static int is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

/* Adds the pieces between the signs that are not blank, without blanks around them. */
static adah_code split_cell(adah_raw_text cell, const char *signs, adah_raw_text **list, size_t *capacity, size_t *n, adah_status *status) {
    for (size_t start = 0, end; start < cell.n_bytes; start = end + 1) {
        for (end = start; end < cell.n_bytes && !strchr(signs, cell.bytes[end]);)
            end++;
        size_t first = start, last = end;
        while (first < last && is_space(cell.bytes[first]))
            first++;
        while (first < last && is_space(cell.bytes[last - 1]))
            last--;
        if (first < last)
            ADAH_TRY(add_item(list, capacity, n, cell.bytes + first, last - first, status));
    }
    return ADAH_OK;
}

/* The list that Python writes, ['a', "b"], of quoted items. 0: it is none; the content is unchanged then. Quotes are resolved in place. */
static int is_list(adah_raw_text cell) {
    if (cell.n_bytes < 2 || cell.bytes[0] != '[' || cell.bytes[cell.n_bytes - 1] != ']')
        return 0;
    for (size_t i = 1; i + 1 < cell.n_bytes;) {
        while (i + 1 < cell.n_bytes && (is_space(cell.bytes[i]) || cell.bytes[i] == ','))
            i++;
        const char quote = cell.bytes[i];
        if (i + 1 == cell.n_bytes)
            break;
        if (quote != '\'' && quote != '"')
            return 0;
        for (i++; i + 1 < cell.n_bytes && cell.bytes[i] != quote; i++)
            i += cell.bytes[i] == '\\';
        if (i + 1 >= cell.n_bytes)
            return 0;
        i++;
    }
    return 1;
}

/* Adds the items of such a list. */
static adah_code split_list(csv *c, adah_raw_text cell, adah_raw_text **list, size_t *capacity, size_t *n, adah_status *status) {
    char *bytes = c->rows.content + (cell.bytes - c->rows.content);
    for (size_t i = 1; i + 1 < cell.n_bytes; i++) {
        if (bytes[i] != '\'' && bytes[i] != '"')
            continue;
        const char quote = bytes[i];
        const size_t first = ++i;
        size_t to = first;
        for (; bytes[i] != quote; i++) {
            i += bytes[i] == '\\';
            bytes[to++] = bytes[i];
        }
        if (to > first)
            ADAH_TRY(add_item(list, capacity, n, bytes + first, to - first, status));
    }
    return ADAH_OK;
}

/* [1, 2] */
static int is_list_of_numbers(adah_raw_text cell) {
    if (cell.n_bytes < 3 || cell.bytes[0] != '[' || cell.bytes[cell.n_bytes - 1] != ']')
        return 0;
    for (size_t i = 1; i + 1 < cell.n_bytes; i++)
        if (!memchr("0123456789., -", cell.bytes[i], 14))
            return 0;
    return 1;
}

static adah_code take_labels(csv *c, adah_raw_text cell, size_t *n, adah_status *status) {
    if (is_list_of_numbers(cell))
        return split_cell((adah_raw_text){cell.bytes + 1, cell.n_bytes - 2}, ",", &c->label, &c->label_capacity, n, status);
    return is_list(cell) ? split_list(c, cell, &c->label, &c->label_capacity, n, status)
                         : split_cell(cell, ";|", &c->label, &c->label_capacity, n, status);
}

static adah_code take_text(csv *c, adah_raw_text cell, size_t *n, adah_status *status) {
    return is_list(cell) ? split_list(c, cell, &c->text, &c->text_capacity, n, status)
                         : add_item(&c->text, &c->text_capacity, n, cell.bytes, cell.n_bytes, status);
}

/* A column of 0 and 1, or -1 and 1, whose name is the label. */
static adah_code take_mark(csv *c, const char *name, adah_raw_text cell, size_t *n, adah_status *status) {
    const int is_set = cell.n_bytes && cell.bytes[0] == '1' && (cell.n_bytes == 1 || (cell.n_bytes == 3 && !memcmp(cell.bytes, "1.0", 3)));
    return is_set ? add_item(&c->label, &c->label_capacity, n, name, strlen(name), status) : ADAH_OK;
}

static adah_code take_chosen(csv *c, const adah_chosen_keys *chosen, adah_raw_record *raw, adah_status *status) {
    for (size_t i = 0; i < c->n_chosen_columns; i++) {
        const adah_raw_text cell = adah_csv_field(&c->rows, c->chosen_column[i]);
        if (i < c->n_text_columns)
            ADAH_TRY(take_text(c, cell, &raw->n_texts, status));
        else if (chosen->are_marks)
            ADAH_TRY(take_mark(c, chosen->label[i - c->n_text_columns], cell, &raw->n_labels, status));
        else
            ADAH_TRY(take_labels(c, cell, &raw->n_labels, status));
    }
    return ADAH_OK;
}

static adah_code add_record(csv *c, adah_status *status) {
    if (c->rows.n_fields != c->n_columns)
        return adah_dataset_fail(c->rows.dataset, c->rows.line, status, "%zu fields, expected %zu as in the header line",
                                 c->rows.n_fields, c->n_columns);
    adah_raw_text cell[ADAH_N_KEYS];
    for (size_t k = 0; k < ADAH_N_KEYS; k++)
        cell[k] = c->column[k] == SIZE_MAX ? (adah_raw_text){NULL, 0} : adah_csv_field(&c->rows, c->column[k]);
    for (size_t k = ADAH_KEY_SPLIT; k < ADAH_N_KEYS; k++)
        if (cell[k].n_bytes == 0)
            cell[k].bytes = NULL; /* an empty cell says nothing */
    adah_raw_record raw = {.file_name = cell[ADAH_KEY_FILE_NAME], .split = cell[ADAH_KEY_SPLIT], .mask = cell[ADAH_KEY_MASK], .line = c->rows.line,
                           .date = cell[ADAH_KEY_DATE], .latitude = cell[ADAH_KEY_LATITUDE], .longitude = cell[ADAH_KEY_LONGITUDE]};
    if (cell[ADAH_KEY_TEXT].bytes)
        ADAH_TRY(take_text(c, cell[ADAH_KEY_TEXT], &raw.n_texts, status));
    if (cell[ADAH_KEY_LABELS].bytes)
        ADAH_TRY(take_labels(c, cell[ADAH_KEY_LABELS], &raw.n_labels, status));
    ADAH_TRY(take_chosen(c, adah_dataset_chosen_keys(c->rows.dataset), &raw, status));
    if (c->confidence_column != SIZE_MAX) {
        const adah_raw_text sure = adah_csv_field(&c->rows, c->confidence_column);
        if (sure.n_bytes && sure.bytes[0] == '0' && (sure.n_bytes == 1 || (sure.n_bytes == 3 && !memcmp(sure.bytes, "0.0", 3))))
            raw.n_labels = 0;
    }
    raw.text = c->text;
    raw.label = c->label;
    return adah_dataset_add(c->rows.dataset, &raw, status);
}

adah_code adah_dataset_read_csv(adah_dataset *dataset, const char *bytes, size_t n_bytes, adah_status *status) {
    csv c = {.rows = {.dataset = dataset, .bytes = bytes, .n_bytes = n_bytes}};
    adah_csv_begin(&c.rows);
    c.confidence_column = SIZE_MAX;
    adah_code code = read_header(&c, status);
    for (adah_csv_pass_blank_lines(&c.rows); code == ADAH_OK && c.rows.position < n_bytes; adah_csv_pass_blank_lines(&c.rows)) {
        size_t next = adah_csv_end_of_line(&c.rows);
        adah_status why = {0};
        adah_code bad = adah_csv_read(&c.rows, &next, &why);
        if (bad == ADAH_OK)
            bad = add_record(&c, &why);
        code = adah_dataset_skip_bad(dataset, bad, &why);
        if (code != ADAH_OK)
            adah_fail(status, code, "%s", why.message);
        else
            adah_csv_move(&c.rows, next);
    }
    adah_csv_free(&c.rows);
    adah_memory_free(c.label);
    adah_memory_free(c.text);
    adah_memory_free(c.chosen_column);
    return code;
}
