/* evaluate_mean.c - several evaluations as one: mean and sample standard deviation, number by number.
 *
 * The JSON objects are walked side by side. Measures are JSON reals; what is no real (counts, names) is kept where all
 * agree and left out where they do not. */
#include "base/memory.h"
#include "base/status.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

typedef struct combining {
    size_t n;
    int deviation; /* 0: the mean */
    int out_of_memory;
} combining;

static double mean_of(json_t *const *value, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += json_real_value(value[i]);
    return sum / (double)n;
}

static double deviation_of(json_t *const *value, size_t n) {
    const double mean = mean_of(value, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (json_real_value(value[i]) - mean) * (json_real_value(value[i]) - mean);
    return sqrt(sum / (double)(n - 1));
}

static json_t *combine(combining *c, json_t *const *value);

/* The n values of a key (an array's place when key is NULL), combined; NULL when one lacks it or they do not agree. */
static json_t *combine_children(combining *c, json_t *const *value, const char *key, size_t place) {
    json_t **child = adah_memory_zeroed(c->n, sizeof *child), *combined = NULL;
    int all = 1;
    for (size_t i = 0; i < c->n && child; i++) {
        child[i] = key ? json_object_get(value[i], key) : json_array_get(value[i], place);
        all = all && child[i];
    }
    if (!child)
        c->out_of_memory = 1;
    else if (all)
        combined = combine(c, child);
    adah_memory_free(child);
    return combined;
}

static json_t *combine_objects(combining *c, json_t *const *value) {
    json_t *object = json_object(), *first;
    const char *key;
    json_object_foreach(value[0], key, first) {
        json_t *combined = combine_children(c, value, key, 0);
        if (combined && json_object_set_new(object, key, combined) != 0)
            c->out_of_memory = 1;
    }
    return object;
}

/* Arrays of one length whose items all agree or are measures; NULL for others. */
static json_t *combine_arrays(combining *c, json_t *const *value) {
    for (size_t i = 1; i < c->n; i++)
        if (json_array_size(value[i]) != json_array_size(value[0]))
            return NULL;
    json_t *array = json_array();
    for (size_t place = 0; place < json_array_size(value[0]); place++)
        if (json_array_append_new(array, combine_children(c, value, NULL, place)) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *combine(combining *c, json_t *const *value) {
    int one_type = 1, equal = 1;
    for (size_t i = 1; i < c->n; i++) {
        one_type = one_type && json_typeof(value[i]) == json_typeof(value[0]);
        equal = equal && json_equal(value[i], value[0]);
    }
    if (one_type && json_is_real(value[0]))
        return json_real(c->deviation ? deviation_of(value, c->n) : mean_of(value, c->n));
    if (one_type && json_is_object(value[0]))
        return combine_objects(c, value);
    if (one_type && json_is_array(value[0]))
        return combine_arrays(c, value);
    return equal ? json_incref(value[0]) : NULL;
}

/* What evaluations must share for a mean to mean something. */
static adah_code check_agreement(json_t *const *value, size_t n, adah_status *status) {
    static const char *const key[] = {"n_bits", "split_checksum", "queries_split_checksum", "split", "relevance"};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof key / sizeof *key; k++) {
            json_t *first = json_object_get(value[0], key[k]), *other = json_object_get(value[i], key[k]);
            if ((first || other) && !json_equal(first, other))
                return adah_fail(status, ADAH_ERROR_MISMATCH,
                                 "evaluation %zu and the first differ in %s: a mean of both means nothing", i + 1, key[k]);
        }
    return ADAH_OK;
}

static adah_code join(json_t *const *value, size_t n, char **json, adah_status *status) {
    combining mean = {n, 0, 0}, deviation = {n, 1, 0};
    ADAH_TRY(check_agreement(value, n, status));
    json_t *models = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append(models, value[i]);
    json_t *object = json_pack("{s:o, s:o, s:o}", "models", models, "mean", combine(&mean, value), "deviation",
                               combine(&deviation, value));
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    char *copy = text && !mean.out_of_memory && !deviation.out_of_memory ? adah_memory_text(text) : NULL;
    free(text);
    json_decref(object);
    if (!copy)
        return adah_fail_memory(status, 1);
    *json = copy;
    return ADAH_OK;
}

adah_code adah_evaluate_mean(const char *const *evaluations, size_t n, char **json, adah_status *status) {
    if (n < 2)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a mean of %zu evaluations, expected at least 2", n);
    json_t **value = adah_memory_zeroed(n, sizeof *value);
    adah_code code = value ? ADAH_OK : adah_fail_memory(status, n * sizeof *value);
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        value[i] = json_loads(evaluations[i], 0, NULL);
        if (!json_is_object(value[i]))
            code = adah_fail(status, ADAH_ERROR_ARGUMENT, "evaluation %zu is not a JSON object", i + 1);
    }
    if (code == ADAH_OK)
        code = join(value, n, json, status);
    for (size_t i = 0; i < n && value; i++)
        json_decref(value[i]);
    adah_memory_free(value);
    return code;
}
