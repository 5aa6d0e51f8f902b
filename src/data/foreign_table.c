/* foreign_table.c - a table with a header, as spreadsheets, Kaggle, LAION and Open Images have them: which column names pictures is seen from what
 * stands in it. Where no column is called as texts or labels are, columns of 0 and 1 are labels, or the only other column is what it looks like. */
#include "base/memory.h"
#include "data/csv_rows.h"
#include "data/dataset_table.h"
#include "data/foreign_metadata.h"

#include <string.h>
#include <strings.h>

enum { COLUMNS_MAX = 2000 };

typedef struct column {
    size_t n_pictures, n_marks, n_phrases, n_decimals, n_filled;
} column;

typedef struct table {
    adah_foreign_look *look;
    adah_csv_rows rows;
    column *column;
    size_t n_columns, n_rows;
    size_t file_column;
} table;

/* 0, 1, -1, also as 0.0 and 1.0. */
static int is_mark(adah_raw_text cell) {
    if (cell.n_bytes && cell.bytes[0] == '-')
        cell.bytes++, cell.n_bytes--;
    return cell.n_bytes && (cell.bytes[0] == '0' || cell.bytes[0] == '1') &&
           (cell.n_bytes == 1 || (cell.n_bytes == 3 && !memcmp(cell.bytes + 1, ".0", 2)));
}

static int is_decimal(adah_raw_text cell) {
    size_t n_points = 0;
    for (size_t i = 0; i < cell.n_bytes; i++)
        if (cell.bytes[i] == '.')
            n_points++;
        else if ((cell.bytes[i] < '0' || cell.bytes[i] > '9') && cell.bytes[i] != '-')
            return 0;
    return n_points == 1;
}

static void count_row(table *t) {
    for (size_t i = 0; i < t->n_columns; i++) {
        const adah_raw_text cell = adah_csv_field(&t->rows, i);
        column *c = &t->column[i];
        c->n_filled += cell.n_bytes > 0;
        c->n_pictures += adah_foreign_picture(t->look, cell.bytes, cell.n_bytes) != NULL;
        c->n_marks += (size_t)is_mark(cell);
        c->n_phrases += cell.n_bytes && memchr(cell.bytes, ' ', cell.n_bytes) != NULL;
        c->n_decimals += (size_t)is_decimal(cell);
    }
}

/* The rows behind the header as the separator parts them. -1: memory ran out; 0: fewer than two columns. */
static int count_rows(table *t) {
    adah_status why;
    size_t next;
    adah_csv_rows *r = &t->rows;
    const adah_code code = adah_csv_read(r, &next, &why);
    t->n_rows = 0;
    t->n_columns = r->n_fields;
    if (code != ADAH_OK || t->n_columns < 2 || t->n_columns > COLUMNS_MAX)
        return code == ADAH_ERROR_MEMORY ? -1 : 0;
    memset(t->column, 0, COLUMNS_MAX * sizeof *t->column);
    for (adah_csv_move(r, next); t->n_rows < ADAH_FOREIGN_ROWS; adah_csv_move(r, next)) {
        adah_csv_pass_blank_lines(r);
        if (r->position >= r->n_bytes)
            break;
        next = adah_csv_end_of_line(r);
        const adah_code bad = adah_csv_read(r, &next, &why);
        if (bad == ADAH_ERROR_MEMORY)
            return -1;
        t->n_rows++;
        if (bad == ADAH_OK && r->n_fields == t->n_columns)
            count_row(t);
    }
    return 1;
}

/* Goes back to the header and reads it. */
static int read_header(table *t) {
    adah_status why;
    size_t next;
    t->rows.position = 0;
    adah_csv_pass_blank_lines(&t->rows);
    return adah_csv_read(&t->rows, &next, &why) == ADAH_OK;
}

static int is_called(adah_raw_text name, const char *wanted) {
    return strlen(wanted) == name.n_bytes && strncasecmp(name.bytes, wanted, name.n_bytes) == 0;
}

/* The column that names pictures: the one that the user named, else the one in which most pictures are. 0: there is none, or no header. */
static int find_file_column(table *t) {
    size_t best = 0;
    const char *wanted = t->look->keys->file;
    if (!read_header(t))
        return 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        const adah_raw_text name = adah_csv_field(&t->rows, i);
        if (wanted ? is_called(name, wanted) : t->column[i].n_pictures > t->column[best].n_pictures)
            best = i;
    }
    const adah_raw_text name = adah_csv_field(&t->rows, best);
    t->file_column = best;
    return (!wanted || is_called(name, wanted)) && name.n_bytes && adah_foreign_suffices(t->column[best].n_pictures, t->n_rows) &&
           !adah_foreign_picture(t->look, name.bytes, name.n_bytes);
}

/* What the columns besides the file's are for: 1 where some are called as texts or labels are. */
static int has_known_columns(const table *t) {
    int rank, found = 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        const adah_raw_text name = adah_csv_field(&t->rows, i);
        const adah_key key = adah_key_find(t->look->keys, name.bytes, name.n_bytes, &rank);
        found |= i != t->file_column && (key == ADAH_KEY_TEXT || key == ADAH_KEY_LABELS);
    }
    return found;
}

/* 1: a column that nothing is known of. */
static int is_open(const table *t, size_t i) {
    int rank;
    const adah_raw_text name = adah_csv_field(&t->rows, i);
    return i != t->file_column && name.n_bytes && adah_key_find(NULL, name.bytes, name.n_bytes, &rank) == ADAH_N_KEYS;
}

/* Makes the list of one kind of column; -1: memory. */
static int choose_columns(table *t, int of_marks, const char *const **list, size_t *n) {
    const char **names = adah_arena_alloc(&t->look->dataset->arena, t->n_columns * sizeof *names, sizeof *names);
    if (!names)
        return -1;
    *n = 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        const column *c = &t->column[i];
        const adah_raw_text name = adah_csv_field(&t->rows, i);
        if (!is_open(t, i) || (of_marks && (c->n_filled == 0 || c->n_marks != c->n_filled)))
            continue;
        if (!(names[*n] = adah_foreign_keep(t->look, name.bytes, name.n_bytes)))
            return -1;
        ++*n;
    }
    *list = names;
    return 1;
}

/* Where no column is called as texts are, one called Title has them, as in Open Images. -1: memory. */
static int choose_title(table *t) {
    int rank, has_text = 0;
    size_t title = t->n_columns;
    for (size_t i = 0; i < t->n_columns; i++) {
        const adah_raw_text name = adah_csv_field(&t->rows, i);
        has_text |= i != t->file_column && adah_key_find(t->look->keys, name.bytes, name.n_bytes, &rank) == ADAH_KEY_TEXT;
        if (i != t->file_column && is_called(name, "Title"))
            title = i;
    }
    if (has_text || title == t->n_columns)
        return 1;
    const char **names = adah_arena_alloc(&t->look->dataset->arena, sizeof *names, sizeof *names);
    const adah_raw_text name = adah_csv_field(&t->rows, title);
    if (!names || !(names[0] = adah_foreign_keep(t->look, name.bytes, name.n_bytes)))
        return -1;
    t->look->keys->text = names;
    t->look->keys->n_text = 1;
    return 1;
}

static int choose_keys(table *t) {
    adah_chosen_keys *k = t->look->keys;
    const adah_raw_text file = adah_csv_field(&t->rows, t->file_column);
    size_t n_open = 0, only = 0;
    if (!(k->file = adah_foreign_keep(t->look, file.bytes, file.n_bytes)))
        return -1;
    for (size_t i = 0; i < t->n_columns; i++) {
        const adah_raw_text name = adah_csv_field(&t->rows, i);
        if (is_called(name, "Confidence") && !(k->confidence = adah_foreign_keep(t->look, name.bytes, name.n_bytes)))
            return -1;
        if (is_open(t, i))
            n_open++, only = i;
    }
    const int is_chosen = k->n_text || k->n_label, is_known = has_known_columns(t);
    if (!k->n_text && choose_title(t) < 0)
        return -1;
    if (is_chosen || is_known)
        return 1;
    if (choose_columns(t, 1, &k->label, &k->n_label) < 0)
        return -1;
    k->are_marks = k->n_label > 0;
    if (k->n_label || k->n_text || n_open != 1 || t->column[only].n_decimals)
        return 1;
    return 2 * t->column[only].n_phrases >= t->n_rows ? choose_columns(t, 0, &k->text, &k->n_text) : choose_columns(t, 0, &k->label, &k->n_label);
}

static int is_table(adah_foreign_look *look) {
    int is = 0;
    table t = {.look = look, .column = adah_memory_zeroed(COLUMNS_MAX, sizeof(column))};
    for (const char *s = adah_csv_separators; *s && is == 0 && t.column; s++) {
        t.rows = (adah_csv_rows){.dataset = look->dataset, .bytes = look->bytes, .n_bytes = look->n_bytes};
        adah_csv_begin(&t.rows);
        t.rows.separator = *s;
        is = count_rows(&t);
        if (is == 1)
            is = find_file_column(&t) ? choose_keys(&t) : 0;
        adah_csv_free(&t.rows);
    }
    is = t.column ? is : -1;
    adah_memory_free(t.column);
    return is;
}

/* Columns that were taken for labels or texts by what stands in them are told. */
static adah_code read_table(adah_foreign_look *look, adah_status *status) {
    const adah_chosen_keys *k = look->keys, *chosen = &look->dataset->chosen;
    for (size_t i = 0; !chosen->n_label && i < k->n_label; i++)
        ADAH_TRY(adah_dataset_note_key(look->dataset, ADAH_KEY_LABELS, k->label[i], strlen(k->label[i]), status));
    for (size_t i = 0; !chosen->n_text && i < k->n_text; i++)
        ADAH_TRY(adah_dataset_note_key(look->dataset, ADAH_KEY_TEXT, k->text[i], strlen(k->text[i]), status));
    return adah_dataset_read_csv(look->dataset, look->bytes, look->n_bytes, status);
}

const adah_foreign_kind adah_foreign_table = {.what = "a table", .is_it = is_table, .read = read_table};
