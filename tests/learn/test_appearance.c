/* (property) The components of images' appearance against what they are by definition: eigenvectors of the covariance at right angles, the largest
 * first, divided by the fourth root of their eigenvalue; and an image's vector against a slow statement of it. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "learn/appearance.h"
#include "paper/network.h"
#include "paper/picture_part.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 60, C = 20, N_FINE = 8, N_APPEARANCE = 16 };

static float rows[N_MAX * C];
static size_t items[N_MAX];
static adah_settings config;
static adah_input_source source;

/* Values of unlike size, that hang together. */
static void start(void) {
    adah_random r = adah_random_seeded(5, 0);
    for (size_t i = 0; i < N_MAX; i++) {
        items[i] = N_MAX - 1 - i;
        for (size_t k = 0; k < C; k++)
            rows[i * C + k] = 3 + (float)(k + 1) * adah_random_normal(&r) / C + (k ? 0.5f * rows[i * C + k - 1] : 0);
    }
    assert_int_equal(adah_settings_preset("default", &config, NULL), ADAH_OK);
    config.n_fine = N_FINE;
    config.n_appearance = N_APPEARANCE;
    config.finetune = 0;
    source = (adah_input_source){.shape = {.kind = ADAH_INPUT_VECTOR, .item = {1, {C}}}, .rows = {.value = rows, .scale = 1}};
}

static void covariance_of(size_t n, double mean[C], double covariance[C][C]) {
    memset(mean, 0, C * sizeof *mean);
    memset(covariance, 0, C * sizeof *covariance);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < C; k++)
            mean[k] += (double)rows[items[i] * C + k] / (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < C; k++)
            for (size_t l = 0; l < C; l++)
                covariance[k][l] += ((double)rows[items[i] * C + k] - mean[k]) * ((double)rows[items[i] * C + l] - mean[l]);
}

static double product(const float *a, const float *b) {
    double sum = 0;
    for (size_t k = 0; k < C; k++)
        sum += (double)a[k] * (double)b[k];
    return sum;
}

static void check_components(size_t n) {
    adah_parameters parameters = {0};
    double mean[C], covariance[C][C], before = INFINITY, largest = 0;
    assert_int_equal(adah_appearance_learn(&config, &source, items, n, &parameters, NULL), ADAH_OK);
    const adah_appearance layer = adah_picture_part_appearance(&parameters);
    const float *w = layer.weight->value;
    const size_t n_found = n - 1 < N_APPEARANCE ? n - 1 : N_APPEARANCE; /* n points lie in n - 1 directions */
    covariance_of(n, mean, covariance);
    for (size_t i = 0; i < N_APPEARANCE; i++) {
        double along = 0, off = 0, bias = 0;
        const double length = i < n_found ? sqrt(product(w + i * C, w + i * C)) : 1;
        for (size_t j = 0; j <= i; j++)
            assert_float_equal(product(w + i * C, w + j * C) / (length * length), i == j && i < n_found, 1e-5);
        for (size_t k = 0; k < C; k++) {
            double of_it = 0;
            for (size_t l = 0; l < C; l++)
                of_it += covariance[k][l] * (double)w[i * C + l] / length;
            along += of_it * (double)w[i * C + k] / length;
            off += of_it * of_it;
            bias -= (double)w[i * C + k] * mean[k];
        }
        assert_float_equal(sqrt(off), along, 1e-3); /* an eigenvector is not turned */
        assert_true(along <= before + 1e-3);
        largest = i ? largest : along;
        if (i < n_found)
            assert_float_equal(length, pow(largest / along, 0.25), 1e-3 * length);
        assert_float_equal(layer.bias->value[i], bias, 1e-4);
        before = along;
    }
    adah_parameters_free(&parameters);
}

static void components_are_the_largest_eigenvectors(void **state) {
    (void)state;
    start();
    check_components(N_MAX);
    check_components(C + 1);
    check_components(9); /* fewer images than values */
    check_components(2);
}

static void threads_change_nothing(void **state) {
    (void)state;
    adah_parameters one = {0}, many = {0};
    start();
    adah_parallel_set_threads(1);
    assert_int_equal(adah_appearance_learn(&config, &source, items, N_MAX, &one, NULL), ADAH_OK);
    adah_parallel_set_threads(3);
    assert_int_equal(adah_appearance_learn(&config, &source, items, N_MAX, &many, NULL), ADAH_OK);
    adah_parallel_set_threads(0);
    assert_memory_equal(adah_picture_part_appearance(&one).weight->value, adah_picture_part_appearance(&many).weight->value,
                        N_APPEARANCE * C * sizeof(float));
    adah_parameters_free(&one);
    adah_parameters_free(&many);
}

static void a_vector_ends_with_the_appearance(void **state) {
    (void)state;
    adah_parameters parameters = {0};
    adah_network *net;
    float vector[ADAH_FINE_MAX];
    start();
    assert_int_equal(adah_appearance_learn(&config, &source, items, N_MAX, &parameters, NULL), ADAH_OK);
    const adah_network_plan plan = {.n_batch = 2, .image = source.shape, .text = source.shape, .creating = 1};
    assert_int_equal(adah_network_create(&plan, &config, &parameters, &net, NULL), ADAH_OK);
    memcpy(adah_node_value(net->image.input), rows, 2 * C * sizeof *rows);
    memcpy(adah_node_value(net->text.input), rows, 2 * C * sizeof *rows);
    assert_int_equal(adah_graph_forward(net->graph, NULL), ADAH_OK);
    const adah_appearance layer = adah_picture_part_appearance(&parameters);
    for (size_t b = 0; b < 2; b++) {
        double a[N_APPEARANCE], length = 0;
        assert_int_equal(adah_picture_part_vector(&net->image, b, vector), N_FINE + N_APPEARANCE);
        assert_memory_equal(vector, adah_node_value(net->image.fine) + b * N_FINE, N_FINE * sizeof *vector);
        for (size_t i = 0; i < N_APPEARANCE; i++) {
            a[i] = (double)layer.bias->value[i] + product(layer.weight->value + i * C, rows + b * C);
            length += a[i] * a[i];
        }
        for (size_t i = 0; i < N_APPEARANCE; i++)
            assert_float_equal(vector[N_FINE + i], 2 / sqrt(length) * a[i], 1e-5);
        assert_int_equal(adah_picture_part_vector(&net->text, b, vector), N_FINE);
    }
    adah_network_free(net);
    adah_parameters_free(&parameters);
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    start();
    for (uint64_t n = 1;; n++) {
        adah_parameters parameters = {0};
        adah_memory_fault_at(n);
        const adah_code code = adah_appearance_learn(&config, &source, items, N_MAX, &parameters, NULL);
        const int has_fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        adah_parameters_free(&parameters);
        assert_int_equal(code, has_fired ? ADAH_ERROR_MEMORY : ADAH_OK);
        if (!has_fired)
            break;
        assert_true(n < 10000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_the_largest_eigenvectors),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_vector_ends_with_the_appearance),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
