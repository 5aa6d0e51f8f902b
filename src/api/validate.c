/* validate.c - codes of validation and training pairs, and their mAP. */
#include "api/validate.h"
#include "base/memory.h"
#include "codes/codes.h"
#include "codes/distinct.h"

#include <string.h>

enum { VALIDATION_DATABASE_MAX = 2000, VALIDATION_QUERIES_MAX = 1000 };

typedef struct coded_items {
    adah_coded_set image, text;
    uint8_t *codes[2];
    adah_lists labels;
} coded_items;

static void coded_items_free(coded_items *c) {
    adah_memory_free(c->codes[0]);
    adah_memory_free(c->codes[1]);
    adah_lists_free(&c->labels);
}

static adah_code code_items(const adah_training *t, adah_parameters *parameters, const size_t *items, size_t n, coded_items *out,
                            adah_status *status) {
    const adah_pair_set *set = t->set;
    const size_t q = (size_t)t->config->n_bits;
    float *h[2] = {adah_memory_floats(n * q), adah_memory_floats(n * q)};
    for (int m = 0; m < 2; m++)
        out->codes[m] = adah_memory_alloc(n * q / 8);
    adah_code code = ADAH_OK;
    if (!h[0] || !h[1] || !out->codes[0] || !out->codes[1])
        code = adah_fail_memory(status, n * q * sizeof(float));
    if (code == ADAH_OK)
        code = adah_pair_set_encode(set, t->config, parameters, items, n, h[0], h[1], (adah_progress){0}, status);
    if (code == ADAH_OK)
        code = adah_lists_select(&set->labels, items, n, &out->labels, status);
    for (int m = 0; code == ADAH_OK && m < 2; m++)
        adah_codes_pack(h[m], n, q, out->codes[m]);
    out->image = (adah_coded_set){n, out->codes[0], out->labels.item, out->labels.start};
    out->text = (adah_coded_set){n, out->codes[1], out->labels.item, out->labels.start};
    adah_memory_free(h[0]);
    adah_memory_free(h[1]);
    return code;
}

static adah_code map_of(adah_coded_set queries, adah_coded_set database, size_t q, double *map, adah_status *status) {
    adah_measures measures;
    ADAH_TRY(adah_measures_compute(queries, database, q, 0, NULL, &measures, status));
    *map = measures.map;
    adah_measures_free(&measures);
    return ADAH_OK;
}

adah_code adah_validate(const adah_training *t, adah_parameters *parameters, double map[2], adah_status *status) {
    const size_t n_queries = t->n_validation < VALIDATION_QUERIES_MAX ? t->n_validation : VALIDATION_QUERIES_MAX;
    const size_t n_database = t->n_train < VALIDATION_DATABASE_MAX ? t->n_train : VALIDATION_DATABASE_MAX;
    const int pairs_only = t->config->similarity == ADAH_SIMILARITY_PAIRS;
    coded_items queries = {0}, database = {0};
    adah_code code = code_items(t, parameters, t->items + t->n_train, n_queries, &queries, status);
    if (code == ADAH_OK && !pairs_only)
        code = code_items(t, parameters, t->items, n_database, &database, status);
    const coded_items *against = pairs_only ? &queries : &database;
    if (code == ADAH_OK)
        code = map_of(queries.image, against->text, (size_t)t->config->n_bits, &map[0], status);
    if (code == ADAH_OK)
        code = map_of(queries.text, against->image, (size_t)t->config->n_bits, &map[1], status);
    coded_items_free(&queries);
    coded_items_free(&database);
    return code;
}

adah_code adah_validate_distinct(const adah_training *t, adah_parameters *parameters, size_t *n_items, size_t n_distinct[2],
                                 size_t n_most[2], adah_status *status) {
    const size_t n = t->n_train + t->n_validation;
    coded_items coded = {0};
    *n_items = n < VALIDATION_DATABASE_MAX ? n : VALIDATION_DATABASE_MAX;
    adah_code code = code_items(t, parameters, t->items, *n_items, &coded, status);
    for (int m = 0; m < 2 && code == ADAH_OK; m++)
        code = adah_codes_count_distinct(coded.codes[m], *n_items, (size_t)t->config->n_bits, &n_distinct[m], &n_most[m], status);
    coded_items_free(&coded);
    return code;
}
