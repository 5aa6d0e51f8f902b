/* results_table.c - writes results.md and a chart a data set from the runs that results.sh made.
 *
 *     results_table PLAN FOLDER
 *     results_table --shorten FILE
 *
 * The second prints what the document needs of one run, on one line.
 *
 * PLAN has a line for all that the document wants, fields parted by tabs, rows and data sets in their order:
 *     backbone  NAME
 *     printed   DATA  BITS  NAME  IMAGE_TO_TEXT  TEXT_TO_IMAGE  views|pairs      what a paper prints
 *     run       GROUP  DATA  BITS  NAME  OPTIONS  FILE                  one seed; FILE is there when the run was made
 * A FILE is an object: version, commit, date, machine, cores, train_seconds [user, system], train (the record of
 * `adah train --json`), eval (the object of `adah eval --json`, or null). */
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FIELDS = 7, CHART_BITS = 32, N_LIST_MAX = 64 };

typedef struct run {
    const char *group, *data, *name, *options, *file;
    int n_bits;
    json_t *record; /* NULL: not made */
} run;

typedef struct printed {
    const char *data, *name, *against; /* "views": the other view's codes, "pairs": one code a pair */
    int n_bits;
    double map[2];
} printed;

typedef struct plan {
    char *text; /* the names of all others point into it */
    const char *backbone;
    run *runs;
    size_t n_runs, runs_capacity;
    printed *printed;
    size_t n_printed, printed_capacity;
} plan;

/* What a run has measured; image to text, and behind each the same from text to image. */
enum { QUERY = 0, PAIRS = 2, REAL = 4, PARTNER = 6, PARTNER_FINE = 8, VALIDATION = 10, SECONDS = 12 };

static const char *const direction_key[2] = {"image_to_text", "text_to_image"};
static const char *const pair_key[2] = {"map_image_to_pair", "map_text_to_pair"};

/* ---------------------------------------------------------------- the plan */

static adah_code add_run(plan *p, char **field, adah_status *status) {
    if (!adah_memory_grow((void **)&p->runs, &p->runs_capacity, p->n_runs, sizeof *p->runs))
        return adah_fail_memory(status, sizeof *p->runs);
    run r = {field[1], field[2], field[4], field[5], field[6], atoi(field[3]), NULL};
    if (adah_file_exists(r.file)) {
        json_error_t error;
        r.record = json_load_file(r.file, 0, &error);
        if (!r.record)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s, line %d: %s; remove the file to run it again", r.file, error.line,
                             error.text);
    }
    p->runs[p->n_runs++] = r;
    return ADAH_OK;
}

static adah_code add_printed(plan *p, char **field, adah_status *status) {
    if (!adah_memory_grow((void **)&p->printed, &p->printed_capacity, p->n_printed, sizeof *p->printed))
        return adah_fail_memory(status, sizeof *p->printed);
    p->printed[p->n_printed++] = (printed){field[1], field[3], field[6], atoi(field[2]), {atof(field[4]), atof(field[5])}};
    return ADAH_OK;
}

static adah_code add_line(plan *p, char *line, size_t number, adah_status *status) {
    char *field[N_FIELDS] = {line};
    int n = 1;
    for (char *tab = strchr(line, '\t'); tab && n < N_FIELDS; tab = strchr(field[n++], '\t')) {
        *tab = '\0';
        field[n] = tab + 1;
    }
    if (!strcmp(field[0], "run") && n == 7)
        return add_run(p, field, status);
    if (!strcmp(field[0], "printed") && n == 7)
        return add_printed(p, field, status);
    if (strcmp(field[0], "backbone") || n != 2)
        return adah_fail(status, ADAH_ERROR_FORMAT, "plan, line %zu: \"%s\" with %d fields", number, field[0], n);
    p->backbone = field[1];
    return ADAH_OK;
}

static adah_code read_plan(const char *path, plan *p, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes, number = 0;
    ADAH_TRY(adah_file_read(path, 1 << 24, &bytes, &n_bytes, status));
    p->text = (char *)bytes;
    p->backbone = "";
    for (char *line = p->text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        ADAH_TRY(add_line(p, line, ++number, status));
    }
    return ADAH_OK;
}

static void plan_free(plan *p) {
    for (size_t i = 0; i < p->n_runs; i++)
        json_decref(p->runs[i].record);
    adah_memory_free(p->runs);
    adah_memory_free(p->printed);
    adah_memory_free(p->text);
}

/* ---------------------------------------------------------------- figures of runs */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The entry of the epoch that validation chose; NULL: none. */
static json_t *best_entry(const json_t *train) {
    const json_t *best = json_object_get(train, "best_epoch"), *history = json_object_get(train, "history");
    for (size_t i = 0; best && i < json_array_size(history); i++)
        if (json_equal(json_object_get(json_array_get(history, i), "epoch"), best))
            return json_array_get(history, i);
    return NULL;
}

/* NAN: the run did not measure it. */
static double value_of(const json_t *record, int figure) {
    const json_t *train = json_object_get(record, "train"), *evaluation = json_object_get(record, "eval"), *found = NULL;
    const char *direction = direction_key[figure % 2];
    char key[64];
    if (figure == SECONDS) {
        const json_t *seconds = json_object_get(record, "train_seconds");
        return record ? json_number_value(json_array_get(seconds, 0)) + json_number_value(json_array_get(seconds, 1)) : NAN;
    }
    if (figure >= PAIRS && figure < REAL) {
        found = json_object_get(evaluation, pair_key[figure % 2]);
    } else if (figure < REAL) {
        snprintf(key, sizeof key, "map_%s", direction);
        found = json_object_get(evaluation, key);
    } else if (figure < PARTNER) {
        found = json_object_get(json_object_get(evaluation, direction), "map_real");
    } else if (figure < VALIDATION) {
        const json_t *partners = json_object_get(evaluation, figure < PARTNER_FINE ? "own_partner" : "own_partner_fine");
        found = json_object_get(json_object_get(partners, direction), "recall_at_10");
    } else {
        snprintf(key, sizeof key, "validation_map_%s", direction);
        found = json_object_get(best_entry(train), key);
    }
    return json_is_number(found) ? json_number_value(found) : NAN;
}

/* A cell: the same over all seeds. */
typedef struct cell {
    double mean, deviation; /* NAN: of nothing; sample standard deviation, of one: NAN */
    int n, n_wanted;
} cell;

static int is_cell(const run *r, const char *group, const char *data, int n_bits, const char *name) {
    return !strcmp(r->group, group) && !strcmp(r->data, data) && r->n_bits == n_bits && !strcmp(r->name, name);
}

static cell measure(const plan *p, const char *group, const char *data, int n_bits, const char *name, int figure) {
    cell c = {NAN, NAN, 0, 0};
    double sum = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < p->n_runs; i++) {
            if (!is_cell(&p->runs[i], group, data, n_bits, name))
                continue;
            const double x = value_of(p->runs[i].record, figure);
            if (pass == 0)
                c.n_wanted++;
            if (isnan(x))
                continue;
            if (pass == 0) {
                c.n++;
                sum += x;
            } else {
                squares += (x - c.mean) * (x - c.mean);
            }
        }
        if (pass == 0 && c.n)
            c.mean = sum / c.n;
    }
    if (c.n > 1)
        c.deviation = sqrt(squares / (c.n - 1));
    return c;
}

/* ---------------------------------------------------------------- lists of what was measured, in the order of the plan */

/* A run of that group and data set (NULL: of any) that was made: what was not has no row and no column. */
static int is_made(const run *r, const char *group, const char *data) {
    return r->record && !strcmp(r->group, group) && (!data || !strcmp(r->data, data));
}

typedef struct list {
    const char *item[N_LIST_MAX];
    size_t n;
} list;

static void list_add(list *l, const char *item) {
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->item[i], item))
            return;
    if (l->n < N_LIST_MAX)
        l->item[l->n++] = item;
}

static list list_data(const plan *p, const char *group) {
    list l = {{NULL}, 0};
    for (size_t i = 0; i < p->n_runs; i++)
        if (is_made(&p->runs[i], group, NULL))
            list_add(&l, p->runs[i].data);
    return l;
}

static list list_rows(const plan *p, const char *group, const char *data) {
    list l = {{NULL}, 0};
    for (size_t i = 0; i < p->n_runs; i++)
        if (is_made(&p->runs[i], group, data))
            list_add(&l, p->runs[i].name);
    return l;
}

typedef struct bit_list {
    int item[N_LIST_MAX];
    size_t n;
} bit_list;

/* Ascending. */
static bit_list list_bits(const plan *p, const char *group, const char *data) {
    bit_list l = {{0}, 0};
    for (size_t i = 0; i < p->n_runs; i++) {
        size_t at = 0;
        if (!is_made(&p->runs[i], group, data))
            continue;
        while (at < l.n && l.item[at] < p->runs[i].n_bits)
            at++;
        if ((at < l.n && l.item[at] == p->runs[i].n_bits) || l.n == N_LIST_MAX)
            continue;
        memmove(&l.item[at + 1], &l.item[at], (l.n++ - at) * sizeof *l.item);
        l.item[at] = p->runs[i].n_bits;
    }
    return l;
}

static const char *options_of(const plan *p, const char *group, const char *name) {
    for (size_t i = 0; i < p->n_runs; i++)
        if (!strcmp(p->runs[i].group, group) && !strcmp(p->runs[i].name, name))
            return p->runs[i].options;
    return "";
}

/* ---------------------------------------------------------------- tables */

/* As the field prints it: .912, 1.000. */
static void add_share(adah_text *t, double x) {
    char text[16];
    snprintf(text, sizeof text, "%.3f", x);
    adah_text_add(t, "%s", text[0] == '0' ? text + 1 : text);
}

static void add_cell(adah_text *t, cell c, int bold) {
    if (c.n == 0) {
        adah_text_add(t, " - |");
        return;
    }
    adah_text_add(t, bold ? " **" : " ");
    add_share(t, c.mean);
    if (c.n > 1) {
        adah_text_add(t, " ± ");
        add_share(t, c.deviation);
    }
    adah_text_add(t, bold ? "**" : "");
    if (c.n < c.n_wanted)
        adah_text_add(t, " (%d of %d)", c.n, c.n_wanted);
    adah_text_add(t, " |");
}

/* The highest mean of a column; of columns that have a single row, none. */
static double best_of(const plan *p, const char *group, const char *data, int n_bits, int figure) {
    const list rows = list_rows(p, group, data);
    double best = NAN;
    int n = 0;
    for (size_t i = 0; i < rows.n; i++) {
        const cell c = measure(p, group, data, n_bits, rows.item[i], figure);
        n += c.n > 0;
        best = fmax(best, c.mean);
    }
    return n > 1 ? best : NAN;
}

/* As far as it is printed. */
static int is_best(cell c, double best) { return c.n && round(1000 * c.mean) == round(1000 * best); }

static void add_pair(adah_text *t, const plan *p, const char *group, const char *data, int n_bits, const char *name,
                     int figure, int may_be_best) {
    for (int d = 0; d < 2; d++) {
        const cell c = measure(p, group, data, n_bits, name, figure + d);
        add_cell(t, c, may_be_best && is_best(c, best_of(p, group, data, n_bits, figure + d)));
    }
}

static void add_seconds(adah_text *t, const plan *p, const char *data, const bit_list *bits, const char *name) {
    for (size_t b = 0; b < bits->n; b++) {
        const cell c = measure(p, "methods", data, bits->item[b], name, SECONDS);
        if (c.n)
            adah_text_add(t, c.mean < 10 ? "%s%.1f" : "%s%.0f", b ? " / " : " ", c.mean);
        else
            adah_text_add(t, b ? " / -" : " -");
    }
    adah_text_add(t, " |\n");
}

static void add_printed_row(adah_text *t, const plan *p, const char *data, const char *against, const bit_list *bits,
                            const char *name) {
    adah_text_add(t, "| *%s, as its paper prints* |", name);
    for (size_t b = 0; b < bits->n; b++)
        for (int d = 0; d < 2; d++) {
            const printed *found = NULL;
            for (size_t i = 0; i < p->n_printed; i++)
                if (!strcmp(p->printed[i].data, data) && !strcmp(p->printed[i].against, against) &&
                    !strcmp(p->printed[i].name, name) && p->printed[i].n_bits == bits->item[b])
                    found = &p->printed[i];
            adah_text_add(t, found ? " *" : " - |");
            if (found) {
                add_share(t, found->map[d]);
                adah_text_add(t, "* |");
            }
        }
    adah_text_add(t, " |\n");
}

static void add_printed_rows(adah_text *t, const plan *p, const char *data, const char *against, const bit_list *bits) {
    list papers = {{NULL}, 0};
    for (size_t i = 0; i < p->n_printed; i++)
        if (!strcmp(p->printed[i].data, data) && !strcmp(p->printed[i].against, against))
            list_add(&papers, p->printed[i].name);
    for (size_t i = 0; i < papers.n; i++)
        add_printed_row(t, p, data, against, bits, papers.item[i]);
}

static void add_head(adah_text *t, const bit_list *bits, const char *from_image, const char *from_text) {
    adah_text_add(t, "| |");
    for (size_t b = 0; b < bits->n; b++)
        adah_text_add(t, " %d bits, %s | %s |", bits->item[b], from_image, from_text);
    adah_text_add(t, " training, s |\n|---|");
    for (size_t b = 0; b < bits->n; b++)
        adah_text_add(t, "---|---|");
    adah_text_add(t, "---|\n");
}

static void add_figures(adah_text *t, const plan *p, const char *data, const bit_list *bits, const char *name, int figure,
                        int may_be_best) {
    for (size_t b = 0; b < bits->n; b++)
        add_pair(t, p, "methods", data, bits->item[b], name, figure, may_be_best);
}

/* Has any run of the row measured the figure? */
static int has_figure(const plan *p, const char *data, const bit_list *bits, const char *name, int figure) {
    for (size_t b = 0; b < bits->n; b++)
        if (measure(p, "methods", data, bits->item[b], name, figure).n)
            return 1;
    return 0;
}

/* The second table of a data set with printed figures: the database as some papers have it. */
static void add_pairs(adah_text *t, const plan *p, const char *data, const bit_list *bits, const list *rows) {
    adah_text_add(t, "\nThe same models in the protocol of the papers on CMFH and SePH: the database holds one code a pair, which both of its\n"
                     "views vote for (`adah eval --pairs`). A query is then compared with its own kind, too, which is where high\n"
                     "text-to-image figures come from. In the table above, as in the paper on SCM, the database holds the codes of\n"
                     "the other view alone. The papers' figures are quoted as recalled.\n\n");
    add_head(t, bits, "I→pair", "T→pair");
    for (size_t i = 0; i < rows->n; i++) {
        adah_text_add(t, "| %s |", rows->item[i]);
        add_figures(t, p, data, bits, rows->item[i], PAIRS, 1);
        add_seconds(t, p, data, bits, rows->item[i]);
    }
    add_printed_rows(t, p, data, "pairs", bits);
}

/* How often the same models find the own partner of a query. Runs of before it was measured have no row. */
static void add_partners(adah_text *t, const plan *p, const char *data, const bit_list *bits, const list *rows) {
    int is_first = 1;
    for (size_t i = 0; i < rows->n; i++) {
        if (!has_figure(p, data, bits, rows->item[i], PARTNER))
            continue;
        if (is_first) {
            adah_text_add(t, "\nThe own partner among the first 10 (R@10; each query ranks the other side of all queries, ties in random order):\n\n");
            add_head(t, bits, "I→T", "T→I");
        }
        is_first = 0;
        adah_text_add(t, "| %s |", rows->item[i]);
        add_figures(t, p, data, bits, rows->item[i], PARTNER, 1);
        add_seconds(t, p, data, bits, rows->item[i]);
        if (!has_figure(p, data, bits, rows->item[i], PARTNER_FINE))
            continue;
        adah_text_add(t, "| %s, fine order |", rows->item[i]);
        add_figures(t, p, data, bits, rows->item[i], PARTNER_FINE, 0);
        adah_text_add(t, " |\n");
    }
}

static void add_methods(adah_text *t, const plan *p, const char *data) {
    const bit_list bits = list_bits(p, "methods", data);
    const list rows = list_rows(p, "methods", data);
    adah_text_add(t, "\n### %s\n\n![%s: mAP of every method, %d bits, as in the table](results-%s.svg)\n\n", data, data,
                  CHART_BITS, data);
    add_head(t, &bits, "I→T", "T→I");
    for (size_t i = 0; i < rows.n; i++) {
        adah_text_add(t, "| %s |", rows.item[i]);
        add_figures(t, p, data, &bits, rows.item[i], QUERY, 1);
        add_seconds(t, p, data, &bits, rows.item[i]);
        if (!has_figure(p, data, &bits, rows.item[i], REAL))
            continue;
        adah_text_add(t, "| %s, real-valued, by cosine |", rows.item[i]);
        add_figures(t, p, data, &bits, rows.item[i], REAL, 0);
        adah_text_add(t, " |\n");
    }
    add_printed_rows(t, p, data, "views", &bits);
    add_partners(t, p, data, &bits, &rows);
    for (size_t i = 0; i < p->n_printed; i++)
        if (!strcmp(p->printed[i].data, data) && !strcmp(p->printed[i].against, "pairs")) {
            add_pairs(t, p, data, &bits, &rows);
            break;
        }
}

/* Rows are settings, columns data sets. Nothing to compare yet: nothing. */
static void add_study(adah_text *t, const plan *p, const char *group, const char *title) {
    const list data = list_data(p, group), rows = list_rows(p, group, NULL);
    const bit_list bits = list_bits(p, group, NULL);
    if (rows.n < 2)
        return;
    adah_text_add(t, "\n### %s\n\n| |", title);
    for (size_t d = 0; d < data.n; d++)
        adah_text_add(t, " %s, I→T | T→I |", data.item[d]);
    adah_text_add(t, "\n|---|");
    for (size_t d = 0; d < data.n; d++)
        adah_text_add(t, "---|---|");
    for (size_t i = 0; i < rows.n; i++) {
        const char *options = options_of(p, group, rows.item[i]);
        if (!*options)
            adah_text_add(t, "\n| %s |", rows.item[i]);
        else if (!strcmp(options, rows.item[i]))
            adah_text_add(t, "\n| `%s` |", options);
        else
            adah_text_add(t, "\n| %s, `%s` |", rows.item[i], options);
        for (size_t d = 0; d < data.n; d++)
            add_pair(t, p, group, data.item[d], bits.item[0], rows.item[i], VALIDATION, 1);
    }
    adah_text_add(t, "\n");
}

/* ---------------------------------------------------------------- where the figures come from */

static int is_first_of_file(const plan *p, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (!strcmp(p->runs[k].file, p->runs[i].file))
            return 0;
    return 1;
}

/* The different values of a key, with the number of runs of each. */
static void add_values(adah_text *t, const plan *p, const char *key) {
    list values = {{NULL}, 0};
    for (size_t i = 0; i < p->n_runs; i++)
        if (p->runs[i].record)
            list_add(&values, text_of(p->runs[i].record, key));
    for (size_t v = 0; v < values.n; v++) {
        int n = 0;
        for (size_t i = 0; i < p->n_runs; i++)
            n += p->runs[i].record && is_first_of_file(p, i) && !strcmp(text_of(p->runs[i].record, key), values.item[v]);
        adah_text_add(t, values.n > 1 ? "%s%s (%d runs)" : "%s%s", v ? ", " : "", *values.item[v] ? values.item[v] : "unknown", n);
    }
}

static void add_origin(adah_text *t, const plan *p) {
    int n_made = 0, n_all = 0, n_cores = 0;
    double seconds = 0;
    const char *from = NULL, *to = NULL;
    for (size_t i = 0; i < p->n_runs; i++) {
        const json_t *record = p->runs[i].record;
        if (!is_first_of_file(p, i))
            continue;
        n_all++;
        if (!record)
            continue;
        const char *date = text_of(record, "date");
        from = !from || strcmp(date, from) < 0 ? date : from;
        to = !to || strcmp(date, to) > 0 ? date : to;
        n_made++;
        seconds += value_of(record, SECONDS);
        n_cores = (int)json_integer_value(json_object_get(record, "cores"));
    }
    adah_text_add(t, "# Results\n\nThis page is written by `make results` (`bench/results.sh` has the rows and their options, and its `--help` tells how "
                     "to run a\npart). `make results-table` writes it again from the runs that were made. Do not edit it.\n\n");
    adah_text_add(t, "**%d of %d runs have been made**; what is missing is left out or shown as \"-\", and \"(1 of 3)\" is a figure whose seeds are not\n"
                     "all there.\n\n", n_made,
                  n_all);
    if (!n_made)
        return;
    adah_text_add(t, "| | |\n|---|---|\n| date | %s", from);
    adah_text_add(t, strcmp(from, to) ? " to %s |\n| machine | " : " |\n| machine | ", to);
    add_values(t, p, "machine");
    adah_text_add(t, "; %d cores, a training on one |\n| version | ", n_cores);
    add_values(t, p, "version");
    adah_text_add(t, "; commit ");
    add_values(t, p, "commit");
    adah_text_add(t, " |\n| training in all | %.1f hours of processor time |\n| backbone of the photo sets | %s |\n", seconds / 3600,
                  p->backbone);
}

/* Sizes and the checksum, which is the same for all runs of a data set. */
static adah_code add_data(adah_text *t, const plan *p, adah_status *status) {
    const list data = list_data(p, "methods");
    if (data.n)
        adah_text_add(t, "\n| data set | trained on | validation | database | queries | without a relevant item | split checksum |\n"
                         "|---|---|---|---|---|---|---|\n");
    for (size_t d = 0; d < data.n; d++) {
        const run *first = NULL;
        for (size_t i = 0; i < p->n_runs; i++) {
            const run *r = &p->runs[i];
            const json_t *evaluation = json_object_get(r->record, "eval");
            if (strcmp(r->data, data.item[d]) || !json_is_object(evaluation))
                continue;
            if (!first)
                first = r;
            if (strcmp(text_of(evaluation, "split_checksum"), text_of(json_object_get(first->record, "eval"), "split_checksum")))
                return adah_fail(status, ADAH_ERROR_FORMAT, "%s and %s were made with different splits of %s: remove the older ones",
                                 first->file, r->file, r->data);
        }
        const json_t *train = json_object_get(first ? first->record : NULL, "train"),
                     *evaluation = json_object_get(first ? first->record : NULL, "eval");
        if (first)
            adah_text_add(t, "| %s | %lld | %lld | %lld | %lld | %lld | %s |\n", data.item[d],
                          (long long)json_integer_value(json_object_get(train, "n_train")),
                          (long long)json_integer_value(json_object_get(train, "n_validation")),
                          (long long)json_integer_value(json_object_get(evaluation, "n_database")),
                          (long long)json_integer_value(json_object_get(evaluation, "n_queries")),
                          (long long)json_integer_value(json_object_get(evaluation, "n_queries_without_relevant")),
                          text_of(evaluation, "split_checksum"));
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- charts */

/* A bar a method, image to text on the left, text to image on the right; whiskers are the deviation. Dark text on a light
 * ground of its own, so that the page's colour does not matter. */
enum { NAME_WIDTH = 96, PANEL_WIDTH = 296, PANEL_GAP = 24, ROW_HEIGHT = 22, HEAD = 62, FOOT = 30, VALUE_WIDTH = 40 };

static void draw_bar(adah_text *t, cell c, int is_ours, int bold, double x0, double scale, double y) {
    if (!c.n) {
        adah_text_add(t, "<text x=\"%.1f\" y=\"%.1f\">–</text>\n", x0 + 5, y + 15);
        return;
    }
    const double x1 = x0 + c.mean * scale, spread = c.n > 1 ? c.deviation * scale : 0, from = fmax(x0, x1 - spread);
    adah_text_add(t, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"1.5\" fill=\"%s\"/>", x0, y + 4, x1 - x0,
                  ROW_HEIGHT - 8, is_ours ? "#2f6fb3" : "#b4bfca");
    if (spread > 0)
        adah_text_add(t, "<path d=\"M%.1f %.1fH%.1fM%.1f %.1fv6M%.1f %.1fv6\" stroke=\"#1f2933\" fill=\"none\"/>", from, y + 11,
                      x1 + spread, from, y + 8, x1 + spread, y + 8);
    adah_text_add(t, "<text x=\"%.1f\" y=\"%.1f\"%s>", x1 + spread + 5, y + 15, bold ? " class=\"b\"" : "");
    add_share(t, c.mean);
    adah_text_add(t, "</text>\n");
}

/* The end of the axis: a round number that no bar passes. */
static double axis_end(const plan *p, const char *data, const list *rows) {
    double high = 0.1;
    for (size_t i = 0; i < rows->n; i++)
        for (int d = 0; d < 2; d++) {
            const cell c = measure(p, "methods", data, CHART_BITS, rows->item[i], QUERY + d);
            high = fmax(high, fmax(c.mean, c.mean + c.deviation));
        }
    return fmin(1, ceil(high * 10) / 10);
}

static void draw_chart(adah_text *t, const plan *p, const char *data) {
    const list rows = list_rows(p, "methods", data);
    const double end = axis_end(p, data, &rows), step = end > 0.5 ? 0.2 : 0.1, scale = (PANEL_WIDTH - VALUE_WIDTH) / end;
    const int width = NAME_WIDTH + 2 * PANEL_WIDTH + PANEL_GAP + 8, bottom = HEAD + (int)rows.n * ROW_HEIGHT;
    adah_text_add(t, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
                     "<title>%s, %d bits: mAP of the queries, mean of the seeds with deviation</title>\n",
                  width, bottom + FOOT, width, bottom + FOOT, data, CHART_BITS);
    adah_text_add(t, "<style>text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px;"
                     "fill:#1f2933}.h{font-size:14px;font-weight:600}.e{text-anchor:end}.m{text-anchor:middle;fill:#52606d}"
                     ".b{font-weight:700}</style>\n<rect width=\"%d\" height=\"%d\" rx=\"6\" fill=\"#ffffff\"/>\n", width, bottom + FOOT);
    adah_text_add(t, "<text x=\"14\" y=\"24\" class=\"h\">%s, %d bits: mAP@all of the queries</text>\n", data, CHART_BITS);
    for (int d = 0; d < 2; d++) {
        const double x0 = NAME_WIDTH + d * (PANEL_WIDTH + PANEL_GAP), best = best_of(p, "methods", data, CHART_BITS, QUERY + d);
        adah_text_add(t, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x0, HEAD - 12, d ? "text to image" : "image to text");
        for (int i = 0; i * step <= end + 1e-9; i++)
            adah_text_add(t, "<path d=\"M%.1f %dV%d\" stroke=\"#dde3e9\"/><text x=\"%.1f\" y=\"%d\" class=\"m\">%g</text>\n",
                          x0 + i * step * scale, HEAD - 4, bottom + 4, x0 + i * step * scale, bottom + 19, i * step);
        for (size_t i = 0; i < rows.n; i++) {
            const cell c = measure(p, "methods", data, CHART_BITS, rows.item[i], QUERY + d);
            draw_bar(t, c, !strncmp(rows.item[i], "adah", 4), is_best(c, best), x0, scale, HEAD + (double)i * ROW_HEIGHT);
        }
    }
    for (size_t i = 0; i < rows.n; i++) {
        adah_text_add(t, "<text x=\"%d\" y=\"%d\" class=\"e\">", NAME_WIDTH - 8, HEAD + (int)i * ROW_HEIGHT + 15);
        adah_text_add_escaped(t, rows.item[i]);
        adah_text_add(t, "</text>\n");
    }
    adah_text_add(t, "</svg>\n");
}

/* ---------------------------------------------------------------- the document */

static adah_code publish(const char *folder, const char *name, adah_text *t, adah_status *status) {
    char *path = adah_file_join(folder, name);
    const adah_code code = path && !t->failed ? adah_file_publish(path, t->bytes, t->n_bytes, status)
                                              : adah_fail_memory(status, t->n_bytes);
    adah_memory_free(path);
    adah_text_free(t);
    return code;
}

static adah_code write_charts(const plan *p, const char *folder, adah_status *status) {
    const list data = list_data(p, "methods");
    for (size_t d = 0; d < data.n; d++) {
        adah_text t = {0};
        char name[128];
        snprintf(name, sizeof name, "results-%s.svg", data.item[d]);
        draw_chart(&t, p, data.item[d]);
        ADAH_TRY(publish(folder, name, &t, status));
    }
    return ADAH_OK;
}

static adah_code write_document(const plan *p, const char *folder, adah_status *status) {
    adah_text t = {0};
    const list data = list_data(p, "methods");
    add_origin(&t, p);
    const adah_code code = add_data(&t, p, status);
    if (code != ADAH_OK) {
        adah_text_free(&t);
        return code;
    }
    if (data.n)
        adah_text_add(&t, "\n## Methods\n\nFinal figures: mAP@all of the `query` split ([measures](../guide/evaluate.md)), image to text (I→T) and text "
                          "to image\n(T→I), mean ± sample standard deviation over the seeds, the best of a column in bold. Every model looked at the "
                          "queries once,\nwhen it was finished; epochs are chosen on a validation part of the training records. `adah` is the preset "
                          "`default`,\n`adah-paper` the preset `paper`; the others are [the rivals](../method/rivals.md), on the same features. "
                          "Training: processor\nseconds (by code length, as the columns), without the backbone's feature maps, which are cached "
                          "before.\n");
    for (size_t d = 0; d < data.n; d++)
        add_methods(&t, p, data.item[d]);
    const bit_list bits = list_bits(p, "ablations", NULL);
    if (bits.n)
        adah_text_add(&t, "\n## Choices\n\nFrom here on: **validation** mAP of the best epoch, %d bits, mean ± sample standard deviation over the "
                          "seeds. These figures\nchoose the presets, so the queries have no part in them.\n", bits.item[0]);
    add_study(&t, p, "ablations", "The paper's parts, preset `default`");
    add_study(&t, p, "ablations-paper", "The paper's parts, preset `paper`");
    add_study(&t, p, "grafts", "Parts the paper does not have, one changed alone");
    add_study(&t, p, "settings", "Values the paper leaves open");
    return publish(folder, "results.md", &t, status);
}

/* ---------------------------------------------------------------- one run, shortened */

/* Those of the keys that the object has. NULL for NULL. */
static json_t *keep(const json_t *object, const char *const *keys) {
    json_t *kept = json_is_object(object) ? json_object() : NULL;
    for (; kept && *keys; keys++)
        if (json_object_get(object, *keys))
            json_object_set(kept, *keys, json_object_get(object, *keys));
    return kept;
}

static json_t *shorten_training(const json_t *train) {
    static const char *const keys[] = {"n_train", "n_validation", "best_epoch", NULL};
    static const char *const entry_keys[] = {"epoch", "validation_map_image_to_text", "validation_map_text_to_image", NULL};
    json_t *kept = keep(train, keys);
    const json_t *best = best_entry(train);
    if (kept && best)
        json_object_set_new(kept, "history", json_pack("[o]", keep(best, entry_keys)));
    return kept;
}

static json_t *shorten_evaluation(const json_t *evaluation) {
    static const char *const keys[] = {"split_checksum", "n_database", "n_queries", "n_queries_without_relevant",
                                       "map_image_to_text", "map_text_to_image", "map_image_to_pair", "map_text_to_pair",
                                       "own_partner", "own_partner_fine", "distinct_codes", NULL};
    static const char *const direction_keys[] = {"map_real", "ties_in_first_10", NULL};
    json_t *kept = keep(evaluation, keys);
    for (int d = 0; kept && d < 2; d++) {
        const json_t *direction = json_object_get(evaluation, direction_key[d]);
        if (direction)
            json_object_set_new(kept, direction_key[d], keep(direction, direction_keys));
    }
    return kept ? kept : json_null();
}

static int shorten(const char *path) {
    static const char *const keys[] = {"version", "commit", "date", "machine", "cores", "train_seconds", NULL};
    json_error_t error;
    json_t *record = json_load_file(path, 0, &error), *kept = keep(record, keys);
    if (!kept) {
        fprintf(stderr, "results_table: %s, line %d: %s\n", path, error.line, error.text);
        json_decref(record);
        return 1;
    }
    json_object_set_new(kept, "train", shorten_training(json_object_get(record, "train")));
    json_object_set_new(kept, "eval", shorten_evaluation(json_object_get(record, "eval")));
    char *line = json_dumps(kept, JSON_COMPACT | JSON_REAL_PRECISION(6));
    const int done = line && puts(line) != EOF && fflush(stdout) == 0;
    free(line);
    json_decref(kept);
    json_decref(record);
    return !done;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: results_table PLAN FOLDER | --shorten FILE\n");
        return 2;
    }
    if (!strcmp(argv[1], "--shorten"))
        return shorten(argv[2]);
    adah_status status;
    plan p = {0};
    adah_code code = read_plan(argv[1], &p, &status);
    if (code == ADAH_OK)
        code = write_charts(&p, argv[2], &status);
    if (code == ADAH_OK)
        code = write_document(&p, argv[2], &status);
    if (code != ADAH_OK)
        fprintf(stderr, "results_table: %s\n", status.message);
    plan_free(&p);
    return code != ADAH_OK;
}
