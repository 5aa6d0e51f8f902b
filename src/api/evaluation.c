/* evaluation.c - an evaluation as JSON, and several as one: mean and sample standard deviation of every measure.
 *
 * For the mean an evaluation is a list of texts, a list of counts and a list of measures. Texts and counts stay where all agree, and are
 * unknown where they do not. */
#include "base/memory.h"
#include "base/reasons.h"
#include "base/status.h"
#include "data/dataset_writer.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const size_t text_place[] = {
    offsetof(adah_evaluation, model),          offsetof(adah_evaluation, preset),  offsetof(adah_evaluation, method),
    offsetof(adah_evaluation, backbone),       offsetof(adah_evaluation, data),    offsetof(adah_evaluation, split_checksum),
    offsetof(adah_evaluation, queries),        offsetof(adah_evaluation, queries_split_checksum),
    offsetof(adah_evaluation, relevance),      offsetof(adah_evaluation, left_out), offsetof(adah_evaluation, records_bad)};

static const size_t count_place[] = {
    offsetof(adah_evaluation, seed),                  offsetof(adah_evaluation, n_images_unreadable),
    offsetof(adah_evaluation, n_queries_in_database), offsetof(adah_evaluation, n_queries_left_out),
    offsetof(adah_evaluation, n_database_left_out),   offsetof(adah_evaluation, n_records_bad),
    offsetof(adah_evaluation, n_queries),             offsetof(adah_evaluation, n_queries_without_relevant),
    offsetof(adah_evaluation, n_database),            offsetof(adah_evaluation, n_bits),
    offsetof(adah_evaluation, masks) + offsetof(adah_mask_means, n_images),
    offsetof(adah_evaluation, partners[0].n_queries), offsetof(adah_evaluation, partners[1].n_queries),
    offsetof(adah_evaluation, partners_fine[0].n_queries), offsetof(adah_evaluation, partners_fine[1].n_queries),
    offsetof(adah_evaluation, distinct[0][0].n_items), offsetof(adah_evaluation, distinct[0][1].n_items),
    offsetof(adah_evaluation, distinct[1][0].n_items), offsetof(adah_evaluation, distinct[1][1].n_items)};

static const size_t direction_count_place[] = {
    offsetof(adah_measures, n_queries), offsetof(adah_measures, n_queries_left_out), offsetof(adah_measures, n_database),
    offsetof(adah_measures, n_bits),    offsetof(adah_measures, n_cut),              offsetof(adah_measures, n_precision)};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static char **text_at(const adah_evaluation *e, size_t i) { return (char **)((uintptr_t)e + text_place[i]); }
static adah_measures *direction_of(const adah_evaluation *e, int i) { return (adah_measures *)(uintptr_t)&e->measures[i / 2][i % 2]; }
static size_t *count_at(const void *of, size_t place) { return (size_t *)((uintptr_t)of + place); }

void adah_evaluation_free(adah_evaluation *e) {
    for (size_t i = 0; i < LENGTH(text_place); i++)
        adah_memory_free(*text_at(e, i));
    for (int direction = 0; direction < 4; direction++)
        adah_measures_free(direction_of(e, direction));
    *e = (adah_evaluation){0};
}

/* ---------------------------------------------------------------- JSON */

static const char *const side_name[2] = {"image", "text"};

static void put(json_t *to, const char *key, json_t *value) { json_object_set_new(to, key, value); }

static void put_text(json_t *to, const char *key, const char *text) {
    if (text)
        put(to, key, json_string(text));
}

static void put_count(json_t *to, const char *key, size_t n) {
    if (n != ADAH_UNKNOWN)
        put(to, key, json_integer((json_int_t)n));
}

static void put_measure(json_t *to, const char *key, double x) {
    if (x >= 0)
        put(to, key, json_real(x));
}

static void put_lines(json_t *to, const char *key, const char *joined) {
    json_t *list = json_array();
    while (joined && *joined) {
        const int width = adah_reasons_first(joined);
        json_array_append_new(list, json_stringn(joined, (size_t)width)); /* what is not UTF-8 is not told */
        joined += width + (joined[width] == '\n');
    }
    if (joined)
        put(to, key, list);
    else
        json_decref(list);
}

static void put_curve(json_t *to, const char *key, const double *x, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_real(x[i]));
    put(to, key, array);
}

static json_t *direction_json(const adah_measures *m, double map_real) {
    json_t *o = json_object(), *precision = json_array(), *curves = json_object();
    put_measure(o, "map", m->map);
    put_measure(o, "map_tie_aware", m->map_tie_aware);
    put_measure(o, "map_optimistic", m->map_optimistic);
    put_measure(o, "map_pessimistic", m->map_pessimistic);
    put_count(o, "k", m->n_cut);
    put_measure(o, "map_at_k_by_rank", m->map_at_k);
    put_measure(o, "map_of_first_k_relevant", m->map_first_k_relevant);
    put_measure(o, "ndcg_at_k", m->ndcg_at_k);
    put_measure(o, "ties_in_first_10", m->ties_in_first_10);
    for (size_t i = 0; m->n_precision != ADAH_UNKNOWN && i < m->n_precision; i++)
        json_array_append_new(precision, json_pack("{s:I, s:f}", "n", (json_int_t)m->precision_at[i], "precision", m->precision[i]));
    put(o, "precision_at_n", precision);
    put_curve(curves, "precision_micro", m->precision_micro, m->n_bits + 1);
    put_curve(curves, "recall_micro", m->recall_micro, m->n_bits + 1);
    put_curve(curves, "precision_macro", m->precision_macro, m->n_bits + 1);
    put_curve(curves, "recall_macro", m->recall_macro, m->n_bits + 1);
    put(o, "by_hamming_radius", curves);
    put_measure(o, "map_real", map_real);
    return o;
}

static void put_masks(json_t *to, const adah_mask_means *m) {
    json_t *o = json_object();
    put_count(o, "n_images", m->n_images);
    put_measure(o, "iou", m->iou);
    put_measure(o, "iou_random", m->iou_random);
    put_measure(o, "pointing_game", m->pointing_game);
    put_measure(o, "pointing_game_random", m->pointing_game_random);
    put(to, "attention_masks", o);
}

static json_t *partners_json(const adah_partner_measures by_modality[2]) {
    json_t *o = json_object();
    put_count(o, "n_queries", by_modality[0].n_queries);
    for (int from = 0; from < 2; from++) {
        const adah_partner_measures *m = &by_modality[from];
        json_t *direction = json_object();
        put_measure(direction, "recall_at_1", m->recall_at_1);
        put_measure(direction, "recall_at_5", m->recall_at_5);
        put_measure(direction, "recall_at_10", m->recall_at_10);
        put_measure(direction, "median_rank", m->median_rank);
        put(o, from == ADAH_IMAGE ? "image_to_text" : "text_to_image", direction);
    }
    return o;
}

static json_t *distinct_json(const adah_distinct_codes of[2]) {
    json_t *o = json_object();
    put_count(o, "n_items", of[0].n_items);
    for (int m = 0; m < 2; m++) {
        json_t *side = json_object();
        put_measure(side, "n_distinct", of[m].n_distinct);
        put_measure(side, "n_most", of[m].n_most);
        put(o, side_name[m], side);
    }
    return o;
}

static json_t *evaluation_json(const adah_evaluation *e) {
    json_t *o = json_object();
    put_text(o, "model", e->model);
    put_text(o, "preset", e->preset);
    put_text(o, "method", e->method);
    put_text(o, "backbone", e->backbone);
    put_count(o, "seed", e->seed);
    put_count(o, "n_images_unreadable", e->n_images_unreadable);
    if (e->masks.iou >= 0)
        put_masks(o, &e->masks);
    put_text(o, "data", e->data);
    put_text(o, "split_checksum", e->split_checksum);
    put_text(o, "queries", e->queries);
    put_text(o, "queries_split_checksum", e->queries_split_checksum);
    put_text(o, "split", adah_split_name(e->split));
    put_text(o, "relevance", e->relevance);
    put_count(o, "n_queries_in_database", e->n_queries_in_database);
    put_count(o, "n_queries_left_out", e->n_queries_left_out);
    put_count(o, "n_database_left_out", e->n_database_left_out);
    put_lines(o, "left_out", e->left_out);
    put_count(o, "n_records_bad", e->n_records_bad);
    put_lines(o, "records_bad", e->records_bad);
    put_measure(o, "map_image_to_pair", e->map_to_pair[ADAH_IMAGE]);
    put_measure(o, "map_text_to_pair", e->map_to_pair[ADAH_TEXT]);
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) {
            char key[32];
            snprintf(key, sizeof key, "map_%s_to_%s", side_name[from], side_name[to]);
            put_measure(o, key, e->measures[from][to].map);
            put(o, key + strlen("map_"), direction_json(&e->measures[from][to], e->map_real[from][to]));
            put_count(o, "n_queries", e->n_queries);
            put_count(o, "n_queries_without_relevant", e->n_queries_without_relevant);
        }
    put_count(o, "n_database", e->n_database);
    put_count(o, "n_bits", e->n_bits);
    put(o, "own_partner", partners_json(e->partners));
    if (e->partners_fine[0].recall_at_1 >= 0)
        put(o, "own_partner_fine", partners_json(e->partners_fine));
    put(o, "distinct_codes", json_pack("{s:o, s:o}", "queries", distinct_json(e->distinct[0]), "data", distinct_json(e->distinct[1])));
    return o;
}

static adah_code write_json(json_t *object, char **json, adah_status *status) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    char *copy = text ? adah_memory_text(text) : NULL;
    free(text);
    json_decref(object);
    if (!copy)
        return adah_fail_memory(status, 1);
    *json = copy;
    return ADAH_OK;
}

adah_code adah_evaluation_json(const adah_evaluation *e, size_t n, char **json, adah_status *status) {
    adah_evaluation mean, deviation;
    if (n == 1)
        return write_json(evaluation_json(e), json, status);
    ADAH_TRY(adah_evaluate_mean(e, n, &mean, &deviation, status));
    json_t *models = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(models, evaluation_json(&e[i]));
    json_t *object = json_pack("{s:o, s:o, s:o}", "models", models, "mean", evaluation_json(&mean), "deviation",
                               evaluation_json(&deviation));
    adah_evaluation_free(&mean);
    adah_evaluation_free(&deviation);
    return write_json(object, json, status);
}

/* ---------------------------------------------------------------- mean and deviation */

static double combined(double *const *x, size_t n_apart, size_t n, int is_deviation) {
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (*x[i * n_apart] < 0)
            return -1; /* not asked for */
        mean += *x[i * n_apart];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (*x[i * n_apart] - mean) * (*x[i * n_apart] - mean);
    return is_deviation ? sqrt(sum / (double)(n - 1)) : mean;
}

/* Where the measures of codes of n_bits are, in one order. Returns their number. at: NULL, or room for them. */
static size_t list_measures(const adah_evaluation *of, size_t n_bits, double **at) {
    adah_evaluation *e = (adah_evaluation *)(uintptr_t)of;
    size_t n = 0;
    for (int direction = 0; direction < 4; direction++) {
        adah_measures *m = direction_of(e, direction);
        double *const list[] = {&m->map,      &m->map_tie_aware,        &m->map_optimistic, &m->map_pessimistic,
                                &m->map_at_k, &m->map_first_k_relevant, &m->ndcg_at_k,      &m->ties_in_first_10,
                                &e->map_real[direction / 2][direction % 2]};
        double *const array[] = {m->precision, m->precision_micro, m->recall_micro, m->precision_macro, m->recall_macro};
        for (size_t i = 0; i < LENGTH(list); i++, n++)
            if (at)
                at[n] = list[i];
        for (size_t k = 0; k < LENGTH(array); k++)
            for (size_t i = 0; i < (k ? n_bits + 1 : ADAH_PRECISION_POINTS_MAX); i++, n++)
                if (at)
                    at[n] = array[k] + i;
    }
    for (int side = 0; side < 2; side++) {
        adah_partner_measures *p = &e->partners[side], *fine = &e->partners_fine[side];
        double *const list[] = {&p->recall_at_1, &p->recall_at_5, &p->recall_at_10, &p->median_rank,
                                &fine->recall_at_1, &fine->recall_at_5, &fine->recall_at_10, &fine->median_rank,
                                &e->distinct[0][side].n_distinct, &e->distinct[0][side].n_most,
                                &e->distinct[1][side].n_distinct, &e->distinct[1][side].n_most};
        for (size_t i = 0; i < LENGTH(list); i++, n++)
            if (at)
                at[n] = list[i];
    }
    double *const rest[] = {&e->map_to_pair[0], &e->map_to_pair[1],      &e->masks.iou,
                            &e->masks.iou_random, &e->masks.pointing_game, &e->masks.pointing_game_random};
    for (size_t i = 0; i < LENGTH(rest); i++, n++)
        if (at)
            at[n] = rest[i];
    return n;
}

static int is_same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

/* Counts of n things, each `apart` bytes from the last. */
static void combine_counts(const void *first, size_t apart, size_t n, const size_t *place, size_t n_places, void *out) {
    for (size_t k = 0; k < n_places; k++) {
        *count_at(out, place[k]) = *count_at(first, place[k]);
        for (size_t i = 1; i < n; i++)
            if (*count_at((const char *)first + i * apart, place[k]) != *count_at(first, place[k]))
                *count_at(out, place[k]) = ADAH_UNKNOWN;
    }
}

static adah_code combine_texts(const adah_evaluation *e, size_t n, adah_evaluation *out, adah_status *status) {
    for (size_t k = 0; k < LENGTH(text_place); k++) {
        size_t i = 1;
        while (i < n && is_same_text(*text_at(&e[i], k), *text_at(e, k)))
            i++;
        if (i < n || !*text_at(e, k))
            continue;
        *text_at(out, k) = adah_memory_text(*text_at(e, k));
        if (!*text_at(out, k))
            return adah_fail_memory(status, strlen(*text_at(e, k)) + 1);
    }
    return ADAH_OK;
}

static adah_code combine(const adah_evaluation *e, size_t n, int is_deviation, adah_evaluation *out, adah_status *status) {
    const size_t n_radii = e->n_bits + 1;
    out->split = e->split;
    combine_counts(e, sizeof *e, n, count_place, LENGTH(count_place), out);
    ADAH_TRY(combine_texts(e, n, out, status));
    for (int direction = 0; direction < 4; direction++) {
        adah_measures *m = direction_of(out, direction);
        combine_counts(direction_of(e, direction), sizeof *e, n, direction_count_place, LENGTH(direction_count_place), m);
        memcpy(m->precision_at, direction_of(e, direction)->precision_at, sizeof m->precision_at);
        double *radius = adah_memory_zeroed(4 * n_radii, sizeof *radius);
        if (!radius)
            return adah_fail_memory(status, 4 * n_radii * sizeof *radius);
        m->precision_micro = radius;
        m->recall_micro = radius + n_radii;
        m->precision_macro = radius + 2 * n_radii;
        m->recall_macro = radius + 3 * n_radii;
    }
    const size_t n_measures = list_measures(e, e->n_bits, NULL);
    double **place = adah_memory_zeroed((n + 1) * n_measures, sizeof *place);
    if (!place)
        return adah_fail_memory(status, (n + 1) * n_measures * sizeof *place);
    for (size_t i = 0; i < n; i++)
        list_measures(&e[i], e->n_bits, place + i * n_measures);
    double **to = place + n * n_measures;
    list_measures(out, e->n_bits, to);
    for (size_t i = 0; i < n_measures; i++)
        *to[i] = combined(place + i, n_measures, n, is_deviation);
    adah_memory_free(place);
    return ADAH_OK;
}

/* What evaluations must share for a mean to mean something. */
static adah_code check_agreement(const adah_evaluation *e, size_t n, adah_status *status) {
    for (size_t i = 1; i < n; i++) {
        const char *other = e[i].n_bits != e->n_bits                                                      ? "n_bits"
                            : !is_same_text(e[i].split_checksum, e->split_checksum)                       ? "split_checksum"
                            : !is_same_text(e[i].queries_split_checksum, e->queries_split_checksum)       ? "queries_split_checksum"
                            : e[i].split != e->split                                                      ? "split"
                            : !is_same_text(e[i].relevance, e->relevance)                                 ? "relevance"
                                                                                                          : NULL;
        if (other)
            return adah_fail(status, ADAH_ERROR_MISMATCH, "evaluation %zu and the first differ in %s: a mean of both means nothing", i + 1,
                             other);
    }
    return ADAH_OK;
}

adah_code adah_evaluate_mean(const adah_evaluation *e, size_t n, adah_evaluation *mean, adah_evaluation *deviation, adah_status *status) {
    adah_evaluation out[2] = {0};
    if (n < 2)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a mean of %zu evaluations, expected at least 2", n);
    ADAH_TRY(check_agreement(e, n, status));
    adah_code code = ADAH_OK;
    for (int i = 0; i < 2 && code == ADAH_OK; i++)
        code = combine(e, n, i, &out[i], status);
    if (code == ADAH_OK) {
        *mean = out[0];
        *deviation = out[1];
        return ADAH_OK;
    }
    adah_evaluation_free(&out[0]);
    adah_evaluation_free(&out[1]);
    return code;
}
