/* dataset_csv.c - metadata.csv: RFC 4180 and what spreadsheets make of it, with a header line that names the columns.
 *
 * Columns file_name (needed), text, labels, split and mask in any order (metadata_keys.h); other columns are passed over. What separates
 * columns, a comma, a semicolon, a tab or a bar, is what parts a column file_name from the others in the header, or what a line "sep=;"
 * before it says. The labels of a record stand in one field, separated by ';' or '|', spaces around them dropped, or as a list of Python. Lines end with LF, CR LF
 * or CR; blank lines are passed over. A quoted field may hold separators, line ends and doubled quotes. A record that cannot
 * be taken apart costs its first line only: reading goes on with the next. */
#include "base/memory.h"
#include "data/dataset_reader.h"
#include "data/metadata_keys.h"

#include <string.h>
#include <unicode/ustring.h>

static const char separators[] = ",;\t|";

typedef struct csv {
    adah_dataset *dataset;
    const char *bytes;
    size_t n_bytes, position; /* position: start of the next record */
    size_t line;              /* of that record */
    char separator;
    int line_end;             /* '\n', or '\r' where no line ends otherwise */
    char *content;            /* the fields of the record just read, one behind the other, quotes resolved */
    size_t n_content, content_capacity;
    size_t *field_end; /* in content */
    size_t n_fields, field_capacity;
    size_t column[ADAH_N_KEYS]; /* field of each known column, SIZE_MAX when there is none */
    size_t n_columns;         /* fields of the header */
    size_t *chosen_column; /* those of texts that the user chose, then those of labels */
    size_t n_text_columns, n_chosen_columns, chosen_capacity;
    adah_raw_text *label, *text;
    size_t label_capacity, text_capacity;
} csv;

static adah_code put_content(csv *c, const char *bytes, size_t n_bytes, adah_status *status) {
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

static adah_raw_text field(const csv *c, size_t i) {
    size_t start = i ? c->field_end[i - 1] : 0;
    return (adah_raw_text){c->content + start, c->field_end[i] - start};
}

static int at_line_end(const csv *c, size_t i) {
    return i >= c->n_bytes || c->bytes[i] == c->line_end ||
           (c->bytes[i] == '\r' && (i + 1 == c->n_bytes || c->bytes[i + 1] == '\n'));
}

/* Reads the quoted part of a field whose opening quote is at *i; leaves *i behind the closing one. */
static adah_code read_quoted(csv *c, size_t *i, adah_status *status) {
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
static size_t behind_blanks(const csv *c, size_t i) {
    while (i < c->n_bytes && (c->bytes[i] == ' ' || c->bytes[i] == '\t') && c->bytes[i] != c->separator)
        i++;
    return i;
}

/* Takes the record at c->position apart; *next: where the following one starts. */
static adah_code read_fields(csv *c, size_t *next, adah_status *status) {
    c->n_content = c->n_fields = 0;
    for (size_t i = c->position;; i++) {
        i = behind_blanks(c, i);
        if (i < c->n_bytes && c->bytes[i] == '"') {
            ADAH_TRY(read_quoted(c, &i, status));
            i = behind_blanks(c, i);
            if (!at_line_end(c, i) && c->bytes[i] != c->separator)
                return adah_dataset_fail(c->dataset, c->line, status,
                                         "field %zu: expected a comma or the end of the line after the closing quote",
                                         c->n_fields + 1);
        } else {
            size_t start = i;
            while (!at_line_end(c, i) && c->bytes[i] != c->separator)
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
        if (at_line_end(c, i)) {
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

/* Moves to `next`, counting lines. */
static void move_on(csv *c, size_t next) {
    for (next = next < c->n_bytes ? next : c->n_bytes; c->position < next; c->position++)
        c->line += c->bytes[c->position] == c->line_end;
}

static size_t end_of_first_line(const csv *c) {
    const char *newline = memchr(c->bytes + c->position, c->line_end, c->n_bytes - c->position);
    return newline ? (size_t)(newline - c->bytes) + 1 : c->n_bytes;
}

static void pass_blank_lines(csv *c) {
    while (c->position < c->n_bytes && at_line_end(c, c->position))
        move_on(c, end_of_first_line(c));
}

/* Finds the columns in the header line as the separator parts it. */
static adah_code find_columns(csv *c, size_t *next, adah_status *status) {
    const adah_chosen_keys *chosen = adah_dataset_chosen_keys(c->dataset);
    int rank_of[ADAH_N_KEYS] = {0};
    ADAH_TRY(read_fields(c, next, status));
    for (size_t k = 0; k < ADAH_N_KEYS; k++)
        c->column[k] = SIZE_MAX;
    for (size_t i = 0; i < c->n_fields; i++) {
        int rank;
        const adah_key key = adah_key_find(chosen, field(c, i).bytes, field(c, i).n_bytes, &rank);
        if (key == ADAH_N_KEYS || (key == ADAH_KEY_TEXT && chosen->n_text) || (key == ADAH_KEY_LABELS && chosen->n_label) || (c->column[key] != SIZE_MAX && rank_of[key] < rank))
            continue;
        if (c->column[key] != SIZE_MAX && rank_of[key] == rank)
            return adah_dataset_fail(c->dataset, c->line, status, "two columns named %s", adah_key_name(key));
        c->column[key] = i;
        rank_of[key] = rank;
    }
    return ADAH_OK;
}

/* The columns that the user chose, of texts first. */
static adah_code find_chosen_columns(csv *c, adah_status *status) {
    const adah_chosen_keys *chosen = adah_dataset_chosen_keys(c->dataset);
    for (int pass = 0; pass < 2; pass++) {
        const adah_key wanted = pass ? ADAH_KEY_LABELS : ADAH_KEY_TEXT;
        for (size_t i = 0; i < c->n_fields && (pass ? chosen->n_label : chosen->n_text); i++) {
            int rank;
            if (adah_key_find(chosen, field(c, i).bytes, field(c, i).n_bytes, &rank) != wanted)
                continue;
            if (!adah_memory_grow((void **)&c->chosen_column, &c->chosen_capacity, c->n_chosen_columns, sizeof *c->chosen_column))
                return adah_fail_memory(status, 2 * c->chosen_capacity * sizeof *c->chosen_column);
            c->chosen_column[c->n_chosen_columns++] = i;
        }
        if (pass == 0)
            c->n_text_columns = c->n_chosen_columns;
    }
    return ADAH_OK;
}

/* The separator that parts a column file_name from others, or says that it is the only one; ',' where none does. */
static adah_code find_separator(csv *c, adah_status *status) {
    char found = '\0';
    for (const char *s = separators; *s; s++) {
        size_t next;
        c->separator = *s;
        const adah_code code = find_columns(c, &next, status);
        if (code == ADAH_ERROR_MEMORY)
            return code;
        if (code == ADAH_OK && c->column[ADAH_KEY_FILE_NAME] != SIZE_MAX && (!found || c->n_fields > 1)) {
            found = *s;
            if (c->n_fields > 1)
                break;
        }
    }
    c->separator = found ? found : ',';
    return ADAH_OK;
}

/* The line "sep=;", for spreadsheets. */
static int take_separator_line(csv *c) {
    const char *line = c->bytes + c->position;
    if (c->n_bytes - c->position < 5 || memcmp(line, "sep=", 4) != 0 || !strchr(separators, line[4]) || !at_line_end(c, c->position + 5))
        return 0;
    c->separator = line[4];
    return 1;
}

static adah_code tell_columns(csv *c, adah_status *status) {
    for (size_t i = 0; i < c->n_fields; i++) {
        int rank;
        const adah_raw_text name = field(c, i);
        const adah_key key = adah_key_find(adah_dataset_chosen_keys(c->dataset), name.bytes, name.n_bytes, &rank);
        int is_taken = key != ADAH_N_KEYS && c->column[key] == i;
        for (size_t k = 0; k < c->n_chosen_columns; k++)
            is_taken |= c->chosen_column[k] == i;
        if (!is_taken || rank > 1) /* capitals and blanks are no news */
            ADAH_TRY(adah_dataset_note_key(c->dataset, is_taken ? (int)key : ADAH_N_KEYS, name.bytes, name.n_bytes, status));
    }
    return ADAH_OK;
}

static adah_code read_header(csv *c, adah_status *status) {
    enum { SHOWN_BYTES = 120 };
    c->line_end = memchr(c->bytes, '\n', c->n_bytes) || !memchr(c->bytes, '\r', c->n_bytes) ? '\n' : '\r';
    pass_blank_lines(c);
    size_t next = c->n_bytes;
    if (c->position == c->n_bytes)
        return adah_dataset_fail(c->dataset, c->line, status,
                                 "empty, expected a header line with a column file_name");
    if (take_separator_line(c)) {
        move_on(c, end_of_first_line(c));
        pass_blank_lines(c);
    } else {
        ADAH_TRY(find_separator(c, status));
    }
    ADAH_TRY(find_columns(c, &next, status));
    if (c->column[ADAH_KEY_FILE_NAME] == SIZE_MAX) {
        size_t n = 0;
        while (n < SHOWN_BYTES && !at_line_end(c, c->position + n))
            n++;
        return adah_dataset_fail(c->dataset, c->line, status, "no column file_name in the header line, found \"%.*s\"", (int)n,
                                 c->bytes + c->position);
    }
    ADAH_TRY(find_chosen_columns(c, status));
    ADAH_TRY(tell_columns(c, status));
    c->n_columns = c->n_fields;
    move_on(c, next);
    return ADAH_OK;
}

static adah_code add_item(adah_raw_text **list, size_t *capacity, size_t *n, const char *bytes, size_t n_bytes, adah_status *status) {
    if (!adah_memory_grow((void **)list, capacity, *n, sizeof **list))
        return adah_fail_memory(status, 2 * *capacity * sizeof **list);
    (*list)[(*n)++] = (adah_raw_text){bytes, n_bytes};
    return ADAH_OK;
}

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

/* The list that Python writes, ['a', "b"], of quoted items. 0: it is none; c->content is unchanged then. Quotes are resolved in place. */
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
    char *bytes = c->content + (cell.bytes - c->content);
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

static adah_code add_record(csv *c, adah_status *status) {
    if (c->n_fields != c->n_columns)
        return adah_dataset_fail(c->dataset, c->line, status, "%zu fields, expected %zu as in the header line",
                                 c->n_fields, c->n_columns);
    adah_raw_text cell[ADAH_N_KEYS];
    for (size_t k = 0; k < ADAH_N_KEYS; k++)
        cell[k] = c->column[k] == SIZE_MAX ? (adah_raw_text){NULL, 0} : field(c, c->column[k]);
    for (size_t k = ADAH_KEY_SPLIT; k <= ADAH_KEY_MASK; k++)
        if (cell[k].n_bytes == 0)
            cell[k].bytes = NULL; /* an empty cell says nothing */
    adah_raw_record raw = {.file_name = cell[ADAH_KEY_FILE_NAME], .split = cell[ADAH_KEY_SPLIT], .mask = cell[ADAH_KEY_MASK], .line = c->line};
    if (cell[ADAH_KEY_TEXT].bytes)
        ADAH_TRY(take_text(c, cell[ADAH_KEY_TEXT], &raw.n_texts, status));
    if (cell[ADAH_KEY_LABELS].bytes)
        ADAH_TRY(take_labels(c, cell[ADAH_KEY_LABELS], &raw.n_labels, status));
    for (size_t i = 0; i < c->n_chosen_columns; i++)
        ADAH_TRY(i < c->n_text_columns ? take_text(c, field(c, c->chosen_column[i]), &raw.n_texts, status)
                                       : take_labels(c, field(c, c->chosen_column[i]), &raw.n_labels, status));
    raw.text = c->text;
    raw.label = c->label;
    return adah_dataset_add(c->dataset, &raw, status);
}

adah_code adah_dataset_read_csv(adah_dataset *dataset, const char *bytes, size_t n_bytes, adah_status *status) {
    csv c = {.dataset = dataset, .bytes = bytes, .n_bytes = n_bytes, .line = 1, .separator = ',', .line_end = '\n'};
    adah_code code = read_header(&c, status);
    for (pass_blank_lines(&c); code == ADAH_OK && c.position < n_bytes; pass_blank_lines(&c)) {
        size_t next = end_of_first_line(&c);
        adah_status why = {0};
        adah_code bad = read_fields(&c, &next, &why);
        if (bad == ADAH_OK)
            bad = add_record(&c, &why);
        code = adah_dataset_skip_bad(dataset, bad, &why);
        if (code != ADAH_OK)
            adah_fail(status, code, "%s", why.message);
        else
            move_on(&c, next);
    }
    adah_memory_free(c.content);
    adah_memory_free(c.field_end);
    adah_memory_free(c.label);
    adah_memory_free(c.text);
    adah_memory_free(c.chosen_column);
    return code;
}
