/* (property) The constants that bring images' features to mean 0 and deviation 1, against what they are by definition: for vectors, maps and
 * averaged maps, with values that hardly ever differ, and with any number of threads. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "learn/standard.h"
#include "paper/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N_ITEMS = 70, C = 12, P = 6, STILL = 3 /* never differs */, RARE = 4 /* does in one image, a little */ };

static float rows[N_ITEMS * C * P];
static double average[N_ITEMS][C];
static size_t items[N_ITEMS];
static adah_settings config;
static adah_input_source source;

static void start(int is_map) {
    const size_t n_p = is_map ? P : 1;
    adah_random r = adah_random_seeded(7, 0);
    memset(average, 0, sizeof average);
    for (size_t i = 0; i < N_ITEMS; i++) {
        items[i] = N_ITEMS - 1 - i;
        for (size_t k = 0; k < C * n_p; k++) {
            const size_t c = k / n_p;
            const float size = powf(4, (float)c - C / 2.0f);
            rows[i * C * n_p + k] = c == STILL ? 5 : c == RARE ? (i == 10 ? 1.001f : 1) : size * (2 + adah_random_normal(&r));
            average[i][c] += (double)rows[i * C * n_p + k] / (double)n_p;
        }
    }
    assert_int_equal(adah_settings_preset("default", &config, NULL), ADAH_OK);
    config.finetune = 0;
    config.standard_features = 1;
    source = (adah_input_source){.shape = {.kind = ADAH_INPUT_VECTOR, .item = {1, {C}}}, .rows = {.value = rows, .scale = 1}};
    if (is_map)
        source.shape = (adah_input_shape){.kind = ADAH_INPUT_MAP, .item = {3, {C, 2, P / 2}}};
}

/* The parameters of a model for the source. */
static adah_parameters make(void) {
    adah_parameters parameters = {0};
    const adah_network_plan plan = {.n_batch = 1, .image = source.shape, .creating = 1};
    adah_network *net;
    assert_int_equal(adah_network_create(&plan, &config, &parameters, &net, NULL), ADAH_OK);
    adah_network_free(net);
    return parameters;
}

static const float *constant(adah_parameters *p, const char *name) {
    const adah_parameter *found = adah_parameters_find(p, name);
    assert_non_null(found);
    assert_int_equal(found->n, C);
    assert_int_equal(found->group, ADAH_GROUP_CONSTANT);
    return found->value;
}

static void check(int is_map) {
    double mean[C] = {0}, variance[C] = {0}, all = 0;
    start(is_map);
    adah_parameters parameters = make();
    assert_int_equal(adah_standard_learn(&config, &source, items, N_ITEMS, &parameters, NULL), ADAH_OK);
    for (size_t c = 0; c < C; c++) {
        for (size_t i = 0; i < N_ITEMS; i++)
            mean[c] += average[i][c] / N_ITEMS;
        for (size_t i = 0; i < N_ITEMS; i++)
            variance[c] += (average[i][c] - mean[c]) * (average[i][c] - mean[c]) / N_ITEMS;
        all += variance[c] / C;
    }
    for (size_t c = 0; c < C; c++) {
        const double deviation = fmax(sqrt(variance[c]), 0.1 * sqrt(all));
        assert_float_equal(constant(&parameters, "image.standard.mean")[c], mean[c], 1e-5 * (1 + fabs(mean[c])));
        assert_float_equal(constant(&parameters, "image.standard.factor")[c] * deviation, 1, 1e-4);
    }
    adah_parameters_free(&parameters);
}

static void constants_are_mean_and_deviation(void **state) {
    (void)state;
    check(0);
    check(1);
}

static void features_that_never_differ_stay(void **state) {
    (void)state;
    start(0);
    for (size_t i = 0; i < N_ITEMS * C; i++)
        rows[i] = 2;
    adah_parameters parameters = make();
    assert_int_equal(adah_standard_learn(&config, &source, items, N_ITEMS, &parameters, NULL), ADAH_OK);
    for (size_t c = 0; c < C; c++)
        assert_true(constant(&parameters, "image.standard.factor")[c] == 1);
    adah_parameters_free(&parameters);
}

static void threads_change_nothing(void **state) {
    (void)state;
    start(1);
    adah_parameters one = make(), many = make();
    adah_parallel_set_threads(1);
    assert_int_equal(adah_standard_learn(&config, &source, items, N_ITEMS, &one, NULL), ADAH_OK);
    adah_parallel_set_threads(3);
    assert_int_equal(adah_standard_learn(&config, &source, items, N_ITEMS, &many, NULL), ADAH_OK);
    adah_parallel_set_threads(0);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "image.standard.mean" : "image.standard.factor";
        assert_memory_equal(constant(&one, name), constant(&many, name), C * sizeof(float));
    }
    adah_parameters_free(&one);
    adah_parameters_free(&many);
}

static void without_the_setting_there_are_none(void **state) {
    (void)state;
    start(0);
    config.standard_features = 0;
    adah_parameters parameters = make();
    assert_int_equal(adah_standard_learn(&config, &source, items, N_ITEMS, &parameters, NULL), ADAH_OK);
    assert_null(adah_parameters_find(&parameters, "image.standard.mean"));
    adah_parameters_free(&parameters);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_are_mean_and_deviation),
        cmocka_unit_test(features_that_never_differ_stay),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(without_the_setting_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
