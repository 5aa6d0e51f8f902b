/* bench_index_table.c - writes search.md and its charts from what index.sh measured.
 *
 *     bench_index_table FOLDER RUN...
 *
 * A RUN is a file of lines of JSON: the first says codes, commit, date, machine and cores, the others are what
 * bench_index and bench_index_faiss.py write. Tables and their rows come in the order of the runs and lines. */
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "eval/chart.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHART_K = 10, SIZES_MAX = 16, CHART_GAP = 20, CHART_WIDTH = 460, CHART_HEIGHT = 280 };
#define CHART_RECALL 0.9
#define OTHERS_MUCH 0.1

/* One line, with what its file begins with. */
typedef struct line {
    const json_t *origin, *fields;
} line;

typedef struct lines {
    line *item;
    size_t n, capacity;
} lines;

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* The fields' text is equal, as far as there are keys; NULL behind the last. */
static int is_same(const json_t *a, const json_t *b, const char *const *keys) {
    for (; *keys; keys++) {
        const json_t *x = json_object_get(a, *keys), *y = json_object_get(b, *keys);
        if (x != y && !json_equal(x, y))
            return 0;
    }
    return 1;
}

static const char *const set_keys[] = {"n", "n_bits", NULL},
                         *const row_keys[] = {"library", "method", "setting", NULL},
                         *const codes_keys[] = {"codes", NULL}, *const bits_keys[] = {"n_bits", NULL};

static int is_same_set(const line *a, const line *b) {
    return is_same(a->origin, b->origin, codes_keys) && is_same(a->fields, b->fields, set_keys);
}

/* ---------------------------------------------------------------- reading */

static adah_code read_run(lines *all, const char *path, adah_status *status) {
    FILE *file = fopen(path, "r");
    const json_t *origin = NULL;
    adah_code code = file ? ADAH_OK : adah_fail(status, ADAH_ERROR_IO, "%s: cannot open", path);
    while (code == ADAH_OK) {
        json_error_t error;
        json_t *fields = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error); /* kept until the program ends */
        if (!fields && feof(file))
            break;
        if (!json_is_object(fields))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s, object %zu: %s; remove the file to measure again", path,
                             all->n, error.text);
        else if (!origin)
            origin = fields;
        else if (!adah_memory_grow((void **)&all->item, &all->capacity, all->n, sizeof *all->item))
            code = adah_fail_memory(status, sizeof *all->item);
        else
            all->item[all->n++] = (line){origin, fields};
    }
    if (file)
        fclose(file);
    return code;
}

/* ---------------------------------------------------------------- tables */

/* Microseconds. */
static void add_time(adah_text *t, const json_t *measured) {
    const double v = number_of(measured, "seconds_per_query") * 1e6;
    adah_text_add(t, " %.*f%s",
                  v < 1     ? 2
                  : v < 100 ? 1
                            : 0,
                  v, number_of(measured, "others") > OTHERS_MUCH ? "!" : "");
}

/* The measurement of a row for k neighbours; NULL: not made. */
static const json_t *find(const lines *all, const line *row, int k, int is_alone) {
    for (size_t i = 0; i < all->n; i++) {
        const json_t *f = all->item[i].fields;
        if (is_same_set(&all->item[i], row) && is_same(f, row->fields, row_keys) && (int)number_of(f, "k") == k &&
            (number_of(f, "together") == 1) == is_alone)
            return f;
    }
    return NULL;
}

static void add_row(adah_text *t, const lines *all, const line *row) {
    const json_t *f = row->fields;
    adah_text_add(t, "| %s | %s %s |", text_of(f, "library"), text_of(f, "method"), text_of(f, "setting"));
    adah_text_add(t, " %.2f | %.1f |", number_of(f, "build_seconds"),
                  number_of(f, "index_bytes") / number_of(f, "n"));
    for (int k = 1; k <= 100; k *= 10) {
        const json_t *alone = find(all, row, k, 1), *together = find(all, row, k, 0);
        if (!alone || !together) {
            adah_text_add(t, " - | - | - |");
            continue;
        }
        add_time(t, alone);
        adah_text_add(t, " |");
        add_time(t, together);
        if (number_of(together, "n_queries") < 1000)
            adah_text_add(t, " (of %.0f)", number_of(together, "n_queries"));
        adah_text_add(t, " | %.3f, %.3f |", number_of(together, "recall"), number_of(together, "recall_kth"));
    }
    adah_text_add(t, "\n");
}

/* Is line i the first of its row, or of its set? */
static int is_first(const lines *all, size_t i, int of_row) {
    for (size_t j = 0; j < i; j++)
        if (is_same_set(&all->item[i], &all->item[j]) &&
            (!of_row || is_same(all->item[i].fields, all->item[j].fields, row_keys)))
            return 0;
    return 1;
}

static void add_set(adah_text *t, const lines *all, const line *set) {
    adah_text_add(t, "\n### %s codes of %.0f bits, %.0f of them\n\n", text_of(set->origin, "codes"),
                  number_of(set->fields, "n_bits"), number_of(set->fields, "n"));
    const char *before = "Memory to memory copy: ";
    for (size_t i = 0; i < all->n; i++)
        if (is_same_set(&all->item[i], set) && json_object_get(all->item[i].fields, "copy_bytes_per_second")) {
            adah_text_add(t, "%s%.1f GB/s (%s, %.0f threads)", before,
                          number_of(all->item[i].fields, "copy_bytes_per_second") * 1e-9,
                          text_of(all->item[i].origin, "program"), number_of(all->item[i].fields, "threads"));
            before = ", ";
        }
    adah_text_add(t, ".\n\n| | | build, s | bytes a code |");
    for (int k = 1; k <= 100; k *= 10)
        adah_text_add(t, " k = %d: alone, µs | together, µs | found, k-th |", k);
    adah_text_add(t, "\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int is_left_out = 0; is_left_out < 2; is_left_out++)
        for (size_t i = 0; i < all->n; i++) {
            const json_t *f = all->item[i].fields;
            if (!is_same_set(&all->item[i], set) || !json_object_get(f, "method") || !is_first(all, i, 1) ||
                (json_object_get(f, "left_out") != NULL) != is_left_out)
                continue;
            if (is_left_out)
                adah_text_add(t, "\nLeft out: %s of %s (%s).\n", text_of(f, "method"), text_of(f, "library"), text_of(f, "left_out"));
            else
                add_row(t, all, &all->item[i]);
        }
}

/* ---------------------------------------------------------------- charts */

/* Does the line belong to the chart of `first`, and is it good enough for it? */
static int is_in_chart(const line *x, const line *first, int is_alone) {
    return is_same(x->origin, first->origin, codes_keys) && is_same(x->fields, first->fields, bits_keys) &&
           (int)number_of(x->fields, "k") == CHART_K && (number_of(x->fields, "together") == 1) == is_alone &&
           number_of(x->fields, "recall") >= CHART_RECALL;
}

/* The points of a method, one a number of codes, the fastest of its settings and libraries. */
static adah_chart_line chart_line(const lines *all, const line *first, const char *method, int is_alone, double *x,
                                  double *y) {
    adah_chart_line l = {method, x, y, 0};
    for (size_t i = 0; i < all->n; i++) {
        const json_t *f = all->item[i].fields;
        if (!is_in_chart(&all->item[i], first, is_alone) || strcmp(text_of(f, "method"), method) != 0)
            continue;
        const double n = number_of(f, "n"), time = number_of(f, "seconds_per_query") * 1e6;
        size_t at = 0;
        while (at < l.n && x[at] < n)
            at++;
        if (at < l.n && x[at] == n) {
            y[at] = time < y[at] ? time : y[at];
        } else if (l.n < SIZES_MAX) {
            memmove(x + at + 1, x + at, (l.n - at) * sizeof *x);
            memmove(y + at + 1, y + at, (l.n - at) * sizeof *y);
            x[at] = n;
            y[at] = time;
            l.n++;
        }
    }
    return l;
}

static void draw(adah_text *t, const lines *all, const line *first, int is_alone) {
    double numbers[ADAH_CHART_LINES_MAX][2][SIZES_MAX];
    char title[128];
    snprintf(title, sizeof title, "%s, %s, %.0f bits, k = %d",
             is_alone ? "One query at a time" : "1,000 queries together", text_of(first->origin, "codes"),
             number_of(first->fields, "n_bits"), CHART_K);
    adah_chart chart = {.title = title, .x_name = "codes", .y_name = "microseconds a query", .is_log = 1};
    for (size_t i = 0; i < all->n && chart.n_lines < ADAH_CHART_LINES_MAX; i++) {
        const char *method = text_of(all->item[i].fields, "method");
        int is_there = !is_in_chart(&all->item[i], first, is_alone);
        for (size_t l = 0; l < chart.n_lines; l++)
            is_there |= !strcmp(chart.line[l].name, method);
        if (is_there)
            continue;
        double(*xy)[SIZES_MAX] = numbers[chart.n_lines];
        chart.line[chart.n_lines++] = chart_line(all, first, method, is_alone, xy[0], xy[1]);
    }
    adah_chart_draw(&chart, t);
}

/* Names the picture of codes of so many bits. */
static void chart_name(const line *first, char *name, size_t n_name) {
    snprintf(name, n_name, "search-%s-%.0f.svg", text_of(first->origin, "codes"),
             number_of(first->fields, "n_bits"));
}

/* Is line i the first with these codes and bits? */
static int is_first_of_chart(const lines *all, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (is_same(all->item[i].origin, all->item[j].origin, codes_keys) &&
            is_same(all->item[i].fields, all->item[j].fields, bits_keys))
            return 0;
    return 1;
}

/* ---------------------------------------------------------------- the document */

/* Writes t and frees it. */
static adah_code publish(const char *folder, const char *name, adah_text *t, adah_status *status) {
    char *path = adah_file_join(folder, name);
    const adah_code code = t->failed || !path ? adah_fail_memory(status, t->n_bytes)
                                              : adah_file_publish(path, t->bytes, t->n_bytes, status);
    adah_memory_free(path);
    adah_text_free(t);
    return code;
}

static adah_code write_chart(const lines *all, const line *first, const char *folder, adah_status *status) {
    adah_text t = {0};
    char name[128];
    const int width = 2 * CHART_WIDTH + CHART_GAP;
    chart_name(first, name, sizeof name);
    adah_text_add(
        &t,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "font-family=\"system-ui,sans-serif\">\n<style>.t{font-size:13px;font-weight:600}.n{font-size:11px;"
        "fill:#444}.e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#e4e4e4}.a{fill:none;stroke:#444}</style>\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
        width, CHART_HEIGHT, width, CHART_HEIGHT, width, CHART_HEIGHT);
    draw(&t, all, first, 1);
    adah_text_add(&t, "<g transform=\"translate(%d 0)\">", CHART_WIDTH + CHART_GAP);
    draw(&t, all, first, 0);
    adah_text_add(&t, "</g></svg>\n");
    return publish(folder, name, &t, status);
}

static void add_introduction(adah_text *t, const lines *all) {
    adah_text_add(
        t,
        "# Searches compared with FAISS's binary indexes\n\n"
        "This page is written by `make bench-index` (`bench/index.sh`); do not edit it. The older FAISS is Debian's libfaiss by\n"
        "its C++ interface. The newer one is the package faiss-cpu through Python, which costs a query alone some\n"
        "microseconds. [The index](../inside/index.md) tells how adah searches.\n\n"
        "- **alone**: one query after another, the mean time of each. **together**: up to 1,000 queries in one call, the time\n"
        "  divided by their number (`of N`: fewer, where 1,000 would have taken too long). Of several passes the fastest is\n"
        "  shown; `!` marks figures where other work had more than a tenth of the machine all the same. All programs may use\n"
        "  the same number of threads; FAISS's flat index uses one thread for one query.\n"
        "- **found**: the share of the exact k distances that were found; **k-th**: the share of queries whose k-th distance\n"
        "  is the exact one. Ids are not compared, since many codes are equally far.\n"
        "- **bytes a code**: by how much resident memory grew while the index was built. For adah these are the codes; its\n"
        "  tables are pages of the mapped file.\n"
        "- **uniform** codes have every bit 0 or 1 with equal probability, and so have their queries. Others are drawn from a\n"
        "  model's codes, with every bit turned with probability 1/16, and so are their queries. With -avx2 or -avx512 after\n"
        "  the name, adah and the newer FAISS were held to these instructions (`--isa`), as on a processor that has no more.\n"
        "- `IndexBinaryIVF` has sqrt(n) lists, `IndexBinaryHash` log2(n) bits, `IndexBinaryMultiHash` up to four hashes of as\n"
        "  many bits, and `IndexBinaryHNSW` 32 neighbours; it is left out where building it takes too long.\n"
        "- The charts show k = %d, and of each method the fastest setting of both versions of FAISS that finds at least %.0f%%.\n\n"
        "Measured on:\n\n",
        CHART_K, CHART_RECALL * 100);
    const json_t *last = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const json_t *o = all->item[i].origin;
        static const char *const keys[] = {"machine", "cores", "commit", "date", NULL};
        if (last && is_same(last, o, keys))
            continue;
        adah_text_add(t, "- %s, %.0f cores, %s, commit %s\n", text_of(o, "machine"), number_of(o, "cores"),
                      text_of(o, "date"), text_of(o, "commit"));
        last = o;
    }
}

static adah_code write_all(const lines *all, const char *folder, adah_status *status) {
    adah_text t = {0};
    add_introduction(&t, all);
    for (size_t i = 0; i < all->n; i++) {
        const line *first = &all->item[i];
        char name[128];
        if (!is_first_of_chart(all, i))
            continue;
        chart_name(first, name, sizeof name);
        adah_text_add(&t, "\n## %s codes, %.0f bits\n\n![time of a query against the number of codes](%s)\n",
                      text_of(first->origin, "codes"), number_of(first->fields, "n_bits"), name);
        ADAH_TRY(write_chart(all, first, folder, status));
        for (size_t j = i; j < all->n; j++)
            if (is_same(all->item[j].origin, first->origin, codes_keys) &&
                is_same(all->item[j].fields, first->fields, bits_keys) && is_first(all, j, 0))
                add_set(&t, all, &all->item[j]);
    }
    return publish(folder, "search.md", &t, status);
}

int main(int argc, char **argv) {
    lines all = {0};
    adah_status status = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: bench_index_table FOLDER RUN...\n");
        return 2;
    }
    adah_code code = ADAH_OK;
    for (int i = 2; i < argc && code == ADAH_OK; i++)
        code = read_run(&all, argv[i], &status);
    if (code == ADAH_OK)
        code = write_all(&all, argv[1], &status);
    adah_memory_free(all.item);
    if (code != ADAH_OK)
        fprintf(stderr, "bench_index_table: %s\n", status.message);
    return code != ADAH_OK;
}
