/* evaluate.c - retrieval measures of codes in all four directions.
 *
 * Queries and database come from one data set by split or from two. Across two, labels are matched by name, and an image
 * file is the same when its name and its bytes are. */
#include "api/encode_stream.h"
#include "api/evaluate_masks.h"
#include "api/model.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/reasons.h"
#include "base/sized_options.h"
#include "codes/codes.h"
#include "codes/distinct.h"
#include "data/dataset_writer.h"
#include "data/string_table.h"
#include "eval/measures_real.h"
#include "input/similarity_labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some records of a data set with their codes and labels, side by side. */
typedef struct selection {
    size_t n;
    uint8_t *code[2];
    float *real[2]; /* NULL: not wanted */
    int8_t *fine[2]; /* the queries' alone; NULL: they have none */
    adah_lists labels;
    size_t *record;
} selection;

static void selection_free(selection *s) {
    adah_memory_free(s->code[0]);
    adah_memory_free(s->code[1]);
    adah_memory_free(s->real[0]);
    adah_memory_free(s->real[1]);
    adah_memory_free(s->fine[0]);
    adah_memory_free(s->fine[1]);
    adah_lists_free(&s->labels);
    adah_memory_free(s->record);
}

static int ascending(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Renames the labels of `queries` to the numbers the same names have in `database`; unknown names get numbers behind. */
static adah_code match_labels(const adah_dataset *queries, const adah_dataset *database, adah_lists *l, adah_status *status) {
    const size_t n = adah_dataset_label_count(queries), n_database = adah_dataset_label_count(database);
    adah_string_table names = {0};
    uint32_t *renamed = adah_memory_zeroed(n, sizeof *renamed);
    adah_code code = renamed ? ADAH_OK : adah_fail_memory(status, n * sizeof *renamed);
    for (uint32_t i = 0; i < n_database + n && code == ADAH_OK; i++) {
        const char *name = i < n_database ? adah_dataset_label_name(database, i)
                                          : adah_dataset_label_name(queries, i - (uint32_t)n_database);
        const uint32_t number = adah_string_table_add(&names, name, strlen(name));
        if (number == ADAH_STRING_NONE)
            code = adah_fail_memory(status, strlen(name) + 1);
        else if (i >= n_database)
            renamed[i - n_database] = number;
    }
    for (size_t i = 0; i < adah_dataset_count(queries) && code == ADAH_OK; i++) {
        for (size_t k = l->start[i]; k < l->start[i + 1]; k++)
            l->item[k] = renamed[l->item[k]];
        if (adah_list_length(l, i))
            qsort(l->item + l->start[i], adah_list_length(l, i), sizeof *l->item, ascending);
    }
    adah_string_table_free(&names);
    adah_memory_free(renamed);
    return code;
}

static int has_split(const adah_dataset *dataset, adah_split split) {
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        if (adah_dataset_record(dataset, i)->split == split)
            return 1;
    return 0;
}

typedef enum part { PART_ALL, PART_SPLIT, PART_DATABASE } part;

static int belongs(const adah_record *r, part which, adah_split split) {
    return which == PART_ALL || (which == PART_SPLIT ? r->split == split : r->split != ADAH_SPLIT_QUERY);
}

static adah_code select_records(const adah_dataset *dataset, const adah_codes *codes, const adah_lists *labels, part which,
                                adah_split split, selection *out, adah_status *status) {
    const size_t code_bytes = codes->n_bits / 8;
    size_t n = 0;
    for (size_t i = 0; i < codes->n; i++)
        n += (size_t)belongs(adah_dataset_record(dataset, codes->record[i]), which, split);
    *out = (selection){.n = n, .code = {adah_memory_alloc(n * code_bytes), adah_memory_alloc(n * code_bytes)},
                       .record = adah_memory_zeroed(n, sizeof(size_t))};
    if (!out->code[0] || !out->code[1] || !out->record)
        return adah_fail_memory(status, n * code_bytes);
    for (size_t i = 0, k = 0; i < codes->n; i++) {
        if (!belongs(adah_dataset_record(dataset, codes->record[i]), which, split))
            continue;
        memcpy(out->code[0] + k * code_bytes, codes->image + i * code_bytes, code_bytes);
        memcpy(out->code[1] + k * code_bytes, codes->text + i * code_bytes, code_bytes);
        out->record[k++] = codes->record[i];
    }
    return adah_lists_select(labels, out->record, n, &out->labels, status);
}

/* The rows, of n_bytes, that belong to the same records. */
static void select_rows(const adah_codes *codes, const selection *s, const void *from, size_t n_bytes, void *to) {
    for (size_t i = 0, k = 0; i < codes->n && k < s->n; i++) /* both are in the order of the records */
        if (codes->record[i] == s->record[k])
            memcpy((char *)to + k++ * n_bytes, (const char *)from + i * n_bytes, n_bytes);
}

/* The same records' real-valued codes, where the codes have them. */
static adah_code select_real(const adah_codes *codes, selection *s, adah_status *status) {
    const float *const from[2] = {codes->image_real, codes->text_real};
    for (int m = 0; m < 2; m++) {
        s->real[m] = adah_memory_floats(s->n * codes->n_bits);
        if (!s->real[m])
            return adah_fail_memory(status, s->n * codes->n_bits * sizeof(float));
        select_rows(codes, s, from[m], codes->n_bits * sizeof(float), s->real[m]);
    }
    return ADAH_OK;
}

/* And their vectors for the fine order, where there are any. */
static adah_code select_fine(const adah_codes *codes, selection *s, adah_status *status) {
    const int8_t *const from[2] = {codes->image_fine, codes->text_fine};
    for (int m = 0; m < 2 && codes->n_fine[m]; m++) {
        s->fine[m] = adah_memory_alloc(s->n * codes->n_fine[m]);
        if (!s->fine[m])
            return adah_fail_memory(status, s->n * codes->n_fine[m]);
        select_rows(codes, s, from[m], codes->n_fine[m], s->fine[m]);
    }
    return ADAH_OK;
}

static adah_code measure_real(const selection *queries, const selection *database, int from, int to, size_t n_bits,
                              const size_t *own, double *map, adah_status *status) {
    const adah_real_set q = {queries->n, queries->real[from], queries->labels.item, queries->labels.start};
    const adah_real_set d = {database->n, database->real[to], database->labels.item, database->labels.start};
    adah_measures_real m;
    ADAH_TRY(adah_measures_real_compute(q, d, n_bits, own, &m, status));
    *map = m.map;
    return ADAH_OK;
}

/* Queries of either modality against one code a pair, which its image and its text vote for. */
static adah_code measure_pairs(const selection *queries, const selection *database, size_t n_bits,
                               size_t n_cut, const size_t *leave_out, double map[2], adah_status *status) {
    const size_t n = database->n * n_bits;
    float *sum = adah_memory_floats(n);
    uint8_t *code = adah_memory_alloc(n / 8);
    adah_code result = sum && code ? ADAH_OK : adah_fail_memory(status, n * sizeof *sum);
    for (size_t i = 0; i < n && result == ADAH_OK; i++)
        sum[i] = database->real[0][i] + database->real[1][i];
    if (result == ADAH_OK)
        adah_codes_pack(sum, database->n, n_bits, code);
    for (int from = 0; from < 2 && result == ADAH_OK; from++) {
        const adah_coded_set q = {queries->n, queries->code[from], queries->labels.item, queries->labels.start};
        const adah_coded_set d = {database->n, code, database->labels.item, database->labels.start};
        adah_measures m;
        result = adah_measures_compute(q, d, n_bits, n_cut, leave_out, &m, status);
        if (result != ADAH_OK)
            break;
        map[from] = m.map;
        adah_measures_free(&m);
    }
    adah_memory_free(sum);
    adah_memory_free(code);
    return result;
}

/* All four directions. */
static adah_code measure(const selection *queries, const selection *database, size_t n_bits, int with_real,
                         size_t n_cut, const size_t *leave_out, adah_evaluation *out, adah_status *status) {
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) {
            const adah_coded_set q = {queries->n, queries->code[from], queries->labels.item, queries->labels.start};
            const adah_coded_set d = {database->n, database->code[to], database->labels.item, database->labels.start};
            ADAH_TRY(adah_measures_compute(q, d, n_bits, n_cut, leave_out, &out->measures[from][to], status));
            if (with_real)
                ADAH_TRY(measure_real(queries, database, from, to, n_bits, leave_out, &out->map_real[from][to], status));
        }
    out->n_queries = out->measures[0][0].n_queries;
    out->n_queries_without_relevant = out->measures[0][0].n_queries_left_out;
    out->n_database = database->n;
    out->n_bits = n_bits;
    return ADAH_OK;
}

static adah_code count_distinct(const uint8_t *codes, size_t n, size_t n_bits, adah_distinct_codes *out, adah_status *status) {
    size_t n_distinct, n_most;
    ADAH_TRY(adah_codes_count_distinct(codes, n, n_bits, &n_distinct, &n_most, status));
    *out = (adah_distinct_codes){n, (double)n_distinct, (double)n_most};
    return ADAH_OK;
}

/* What needs no labels: partners of the queries, and how many codes differ. */
static adah_code measure_codes(const selection *queries, const adah_codes *query_codes, const adah_codes *database_codes,
                               adah_evaluation *out, adah_status *status) {
    const uint8_t *const all[2] = {database_codes->image, database_codes->text};
    const adah_partner_side side[2] = {{queries->code[0], queries->fine[0], query_codes->n_fine[0]},
                                       {queries->code[1], queries->fine[1], query_codes->n_fine[1]}};
    const size_t n_bits = query_codes->n_bits;
    for (int m = 0; m < 2; m++) {
        ADAH_TRY(adah_partners_compute(side[m], side[!m], queries->n, n_bits, 0, &out->partners[m], status));
        if (queries->fine[0] && queries->fine[1])
            ADAH_TRY(adah_partners_compute(side[m], side[!m], queries->n, n_bits, 1, &out->partners_fine[m], status));
        ADAH_TRY(count_distinct(queries->code[m], queries->n, n_bits, &out->distinct[0][m], status));
        ADAH_TRY(count_distinct(all[m], database_codes->n, n_bits, &out->distinct[1][m], status));
    }
    return ADAH_OK;
}

typedef struct evaluation {
    const adah_dataset *database, *queries;
    const adah_codes *database_codes, *query_codes;
    const adah_evaluate_options *options;
    adah_similarity similarity;
    const adah_vocabulary *vocabulary; /* NULL unless relevance is by words */
    adah_lists database_labels, query_labels; /* numbers of one common dictionary */
    selection q, d;
    size_t n_left_out[2]; /* queries, and records of the database, that have no code */
    size_t *own;  /* by query: where it is in the database itself, SIZE_MAX: it is not */
    size_t n_own;
} evaluation;

/* Whether a file is in both folders under this name with the same bytes. One that cannot be read is not. */
static adah_code same_file(const char *folder, const char *other_folder, const char *name, int *is_same,
                           adah_status *status) {
    char *path = adah_file_join(folder, name), *other_path = adah_file_join(other_folder, name);
    adah_file_map map = {0}, other = {0};
    adah_code code = path && other_path ? ADAH_OK : adah_fail_memory(status, strlen(name));
    if (code == ADAH_OK)
        code = adah_file_open_map(path, &map, NULL);
    if (code == ADAH_OK)
        code = adah_file_open_map(other_path, &other, NULL);
    *is_same = code == ADAH_OK && map.n_bytes > 0 && map.n_bytes == other.n_bytes && !memcmp(map.bytes, other.bytes, map.n_bytes);
    *is_same = adah_file_check_map(&map, ADAH_OK, NULL) == ADAH_OK && adah_file_check_map(&other, ADAH_OK, NULL) == ADAH_OK && *is_same;
    adah_file_close_map(&map);
    adah_file_close_map(&other);
    adah_memory_free(path);
    adah_memory_free(other_path);
    return code == ADAH_ERROR_MEMORY ? adah_fail_memory(status, strlen(name)) : ADAH_OK;
}

/* Numbers the image files of a data set as its records. */
static adah_code number_files(const adah_dataset *dataset, adah_string_table *files, adah_status *status) {
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const char *name = adah_dataset_record(dataset, i)->file_name;
        if (adah_string_table_add(files, name, strlen(name)) == ADAH_STRING_NONE)
            return adah_fail_memory(status, strlen(name) + 1);
    }
    return ADAH_OK;
}

/* The record of the database that query i is itself, SIZE_MAX for none. files: those of the database when queries come from
 * another set. */
static adah_code find_record(const evaluation *e, const adah_string_table *files, size_t i, size_t *record,
                             adah_status *status) {
    *record = e->q.record[i];
    if (e->queries == e->database)
        return ADAH_OK;
    const char *name = adah_dataset_record(e->queries, *record)->file_name;
    const uint32_t found = adah_string_table_find(files, name, strlen(name));
    int is_same = 0;
    if (found != ADAH_STRING_NONE)
        ADAH_TRY(same_file(adah_dataset_folder(e->queries), adah_dataset_folder(e->database), name, &is_same, status));
    *record = is_same ? found : SIZE_MAX;
    return ADAH_OK;
}

/* Fills own. */
static adah_code find_own(evaluation *e, adah_status *status) {
    const size_t n = adah_dataset_count(e->database);
    adah_string_table files = {0};
    size_t *position = adah_memory_alloc(n * sizeof *position), record; /* in the database, by record */
    e->own = adah_memory_alloc(e->q.n * sizeof *e->own);
    adah_code code = position && e->own ? ADAH_OK : adah_fail_memory(status, (n + e->q.n) * sizeof *position);
    if (code == ADAH_OK && e->queries != e->database)
        code = number_files(e->database, &files, status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        position[i] = SIZE_MAX;
    for (size_t i = 0; i < e->d.n && code == ADAH_OK; i++)
        position[e->d.record[i]] = i;
    for (size_t i = 0; i < e->q.n && code == ADAH_OK; i++) {
        code = find_record(e, &files, i, &record, status);
        if (code != ADAH_OK)
            break;
        e->own[i] = record != SIZE_MAX ? position[record] : SIZE_MAX;
        e->n_own += e->own[i] != SIZE_MAX;
    }
    adah_string_table_free(&files);
    adah_memory_free(position);
    return code;
}

/* How many records of a part have no code. */
static size_t count_left_out(const adah_dataset *dataset, part which, adah_split split, const selection *s) {
    size_t n = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        n += belongs(adah_dataset_record(dataset, i), which, split) != 0;
    return n - s->n;
}

/* All records of one side were left out: nothing can be measured. */
static adah_code fail_none(const adah_dataset *dataset, const adah_codes *codes, const char *what, size_t n, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_IO, "%s: none of the %zu %s has %s%.*s", adah_dataset_folder(dataset), n, what,
                     codes->n_skipped ? "an image that can be read; the first of those left out: " : "a code",
                     adah_reasons_first(codes->reasons), codes->reasons);
}

static adah_code set_text(const char **to, const char *text, adah_status *status) {
    *to = adah_memory_text(text);
    return *to ? ADAH_OK : adah_fail_memory(status, strlen(text) + 1);
}

/* Lines of both. */
static adah_code set_lines(const char **to, const char *one, const char *other, adah_status *status) {
    const size_t n = strlen(one) + strlen(other) + 2;
    char *joined = adah_memory_alloc(n);
    if (!joined)
        return adah_fail_memory(status, n);
    *to = joined;
    snprintf(joined, n, "%s%s%s", one, *one && *other ? "\n" : "", other);
    return ADAH_OK;
}

/* What was left out, so that figures of a part are not taken for those of the whole. */
static adah_code describe_left_out(const evaluation *e, adah_evaluation *out, adah_status *status) {
    const int same_codes = e->query_codes == e->database_codes, same_set = e->queries == e->database;
    const char *bad, *bad_queries = "";
    out->n_queries_left_out = e->n_left_out[0];
    out->n_database_left_out = e->n_left_out[1];
    ADAH_TRY(set_lines(&out->left_out, e->database_codes->reasons, same_codes ? "" : e->query_codes->reasons, status));
    out->n_records_bad = adah_dataset_skipped(e->database, &bad) + (same_set ? 0 : adah_dataset_skipped(e->queries, &bad_queries));
    return set_lines(&out->records_bad, bad, bad_queries, status);
}

/* The data by name and split. The checksum is of the records that have codes: where some were left out it is another. */
static adah_code describe_set(const adah_dataset *dataset, const adah_codes *codes, const char **folder, const char **checksum, adah_status *status) {
    char text[33];
    ADAH_TRY(adah_dataset_records_checksum(dataset, codes->record, codes->n, text, status));
    ADAH_TRY(set_text(checksum, text, status));
    return set_text(folder, adah_dataset_folder(dataset), status);
}

/* What was evaluated: the data, and the queries where they come from elsewhere. */
static adah_code describe_data(const evaluation *e, adah_evaluation *out, adah_status *status) {
    ADAH_TRY(describe_set(e->database, e->database_codes, &out->data, &out->split_checksum, status));
    if (e->queries != e->database)
        ADAH_TRY(describe_set(e->queries, e->query_codes, &out->queries, &out->queries_split_checksum, status));
    out->split = e->options->split;
    out->n_queries_in_database = e->n_own;
    ADAH_TRY(set_text(&out->relevance, adah_settings_text("similarity", (int)e->similarity), status));
    return describe_left_out(e, out, status);
}

static adah_code run_evaluation(evaluation *e, adah_evaluation *out, adah_status *status) {
    size_t n_labels;
    const adah_split split = e->options->split;
    const int same_set = e->queries == e->database, pairs = e->similarity == ADAH_SIMILARITY_PAIRS;
    if ((unsigned)split > ADAH_SPLIT_DATABASE)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the split %d of the queries is none of adah_split", (int)split);
    ADAH_TRY(adah_codes_check_sides(e->database_codes, e->database, status));
    ADAH_TRY(adah_codes_check_sides(e->query_codes, e->queries, status));
    if (e->database_codes->n_bits != e->query_codes->n_bits)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "codes of %zu bits against codes of %zu bits", e->query_codes->n_bits,
                         e->database_codes->n_bits);
    ADAH_TRY(adah_similarity_labels(e->database, e->similarity, e->vocabulary, &e->database_labels, &n_labels, status));
    ADAH_TRY(adah_similarity_labels(e->queries, e->similarity, e->vocabulary, &e->query_labels, &n_labels, status));
    if (!same_set && e->similarity == ADAH_SIMILARITY_LABELS)
        ADAH_TRY(match_labels(e->queries, e->database, &e->query_labels, status));
    const part query_part = same_set || has_split(e->queries, split) ? PART_SPLIT : PART_ALL;
    ADAH_TRY(select_records(e->queries, e->query_codes, &e->query_labels, query_part, split, &e->q, status));
    e->n_left_out[0] = count_left_out(e->queries, query_part, split, &e->q);
    if (e->q.n == 0 && e->n_left_out[0])
        return fail_none(e->queries, e->query_codes, "queries", e->n_left_out[0], status);
    if (e->q.n == 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: no record of the split \"%s\" to use as query; mark some in its "
                         "metadata, or choose another split", adah_dataset_folder(e->queries), adah_split_name(split));
    /* A pair that is like itself alone must be in the database: then the queries are the database. */
    if (pairs)
        ADAH_TRY(select_records(e->queries, e->query_codes, &e->query_labels, query_part, split, &e->d, status));
    else
        ADAH_TRY(select_records(e->database, e->database_codes, &e->database_labels, PART_DATABASE, split, &e->d, status));
    e->n_left_out[1] = pairs ? e->n_left_out[0] : count_left_out(e->database, PART_DATABASE, split, &e->d);
    if (e->d.n == 0 && e->n_left_out[1])
        return fail_none(e->database, e->database_codes, "records of the database", e->n_left_out[1], status);
    if (!pairs)
        ADAH_TRY(find_own(e, status));
    const size_t n_cut = e->options->n_cut;
    if (e->options->real || e->options->pairs) {
        ADAH_TRY(select_real(e->query_codes, &e->q, status));
        ADAH_TRY(select_real(pairs ? e->query_codes : e->database_codes, &e->d, status));
    }
    ADAH_TRY(describe_data(e, out, status));
    const size_t n_bits = e->query_codes->n_bits;
    if (e->options->pairs)
        ADAH_TRY(measure_pairs(&e->q, &e->d, n_bits, n_cut, e->own, out->map_to_pair, status));
    ADAH_TRY(select_fine(e->query_codes, &e->q, status));
    ADAH_TRY(measure_codes(&e->q, e->query_codes, e->database_codes, out, status));
    return measure(&e->q, &e->d, n_bits, e->options->real, n_cut, e->own, out, status);
}

static const adah_evaluation nothing_known = {.seed = ADAH_UNKNOWN,
                                              .n_images_unreadable = ADAH_UNKNOWN,
                                              .map_real = {{-1, -1}, {-1, -1}},
                                              .map_to_pair = {-1, -1},
                                              .masks = {0, -1, -1, -1, -1},
                                              .partners_fine = {{0, -1, -1, -1, -1}, {0, -1, -1, -1, -1}}};

/* *result: what is known already, which becomes *evaluation or is released. */
static adah_code finish(evaluation *e, adah_evaluation *result, adah_code code, adah_evaluation *to, adah_status *status) {
    if (code == ADAH_OK)
        code = run_evaluation(e, result, status);
    if (code == ADAH_OK)
        *to = *result;
    else
        adah_evaluation_free(result);
    adah_lists_free(&e->database_labels);
    adah_lists_free(&e->query_labels);
    selection_free(&e->q);
    selection_free(&e->d);
    adah_memory_free(e->own);
    return code;
}

static int any_labels(const adah_dataset *dataset) { return adah_dataset_label_count(dataset) > 0; }

#define SIGNS_ALONE "real-valued codes are asked for, but the codes given are signs alone"

adah_code adah_evaluate_codes(const adah_dataset *dataset, const adah_codes *codes, const adah_codes *query_codes,
                              const adah_evaluate_options *options, adah_evaluation *to, adah_status *status) {
    adah_evaluate_options o;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_EVALUATE, options, &o, status));
    if ((o.real || o.pairs) && (!codes->image_real || (query_codes && !query_codes->image_real)))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, SIGNS_ALONE);
    evaluation e = {.database = dataset,
                    .queries = o.queries ? o.queries : dataset,
                    .database_codes = codes,
                    .query_codes = query_codes ? query_codes : codes,
                    .options = &o};
    e.similarity = any_labels(e.queries) && any_labels(e.database) ? ADAH_SIMILARITY_LABELS : ADAH_SIMILARITY_PAIRS;
    adah_evaluation result = nothing_known;
    return finish(&e, &result, ADAH_OK, to, status);
}

static adah_code describe_model(const adah_model *model, adah_evaluation *out, adah_status *status) {
    const adah_settings *c = &model->state.config;
    out->seed = c->seed;
    ADAH_TRY(set_text(&out->model, model->state.id, status));
    ADAH_TRY(set_text(&out->preset, adah_settings_text("preset", (int)c->preset), status));
    ADAH_TRY(set_text(&out->method, c->method, status));
    return set_text(&out->backbone, c->backbone, status);
}

adah_code adah_evaluate(const adah_model *model, const adah_dataset *dataset, const adah_evaluate_options *options,
                        const adah_encode_options *encode_options, adah_progress progress, adah_evaluation *to,
                        adah_status *status) {
    adah_evaluate_options o;
    adah_encode_options encode;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_EVALUATE, options, &o, status));
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODE, encode_options, &encode, status));
    const adah_dataset *queries = o.queries ? o.queries : dataset;
    const adah_codes *database_codes = o.codes;
    adah_codes codes = {0}, query_codes = {0};
    encode.keep_real = o.real || o.pairs;
    if (encode.keep_real && database_codes && !database_codes->image_real)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, SIGNS_ALONE);
    adah_code code = ADAH_OK;
    if (!database_codes) {
        code = adah_encode_dataset(model, dataset, &encode, progress, &codes, status);
        database_codes = &codes;
    }
    if (code == ADAH_OK && queries != dataset)
        code = adah_encode_dataset(model, queries, &encode, progress, &query_codes, status);
    if (code == ADAH_OK) {
        const adah_similarity trained = adah_model_similarity(model);
        evaluation e = {.database = dataset,
                        .queries = queries,
                        .database_codes = database_codes,
                        .query_codes = queries == dataset ? database_codes : &query_codes,
                        .options = &o,
                        .similarity = any_labels(queries) && any_labels(dataset) ? ADAH_SIMILARITY_LABELS
                                      : trained != ADAH_SIMILARITY_LABELS        ? trained
                                      : model->vocabulary                        ? ADAH_SIMILARITY_WORDS
                                                                                 : ADAH_SIMILARITY_PAIRS,
                        .vocabulary = model->vocabulary};
        adah_evaluation result = nothing_known;
        result.n_images_unreadable = database_codes->n_skipped + query_codes.n_skipped;
        code = describe_model(model, &result, status);
        if (code == ADAH_OK)
            code = adah_evaluate_masks(model, encode.precision, queries, o.split, &result.masks, status);
        code = finish(&e, &result, code, to, status);
    }
    adah_codes_free(&codes);
    adah_codes_free(&query_codes);
    return code;
}
