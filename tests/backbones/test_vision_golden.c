/* (golden) Transformers on pictures with random weights, named as each publisher names them, against the reference implementations: what
 * became of a picture, also of another size than they learned at, and gradients. tools/golden_vision.py makes the files. */
#include "backbones/vision.h"
#include "base/memory.h"
#include "files/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS(of_gelu, of_epsilon) \
    .blocks = {.n_layers = 2, .n_channels = 16, .n_heads = 2, .n_hidden = 32, .gelu = (of_gelu), .epsilon = (of_epsilon)}, .n_patch = 4

static const adah_vision vit = {BLOCKS(ADAH_GELU_EXACT, 1e-6f), .has_class = 1, .has_patch_bias = 1};
static const adah_vision dinov2 = {BLOCKS(ADAH_GELU_EXACT, 1e-6f), .has_class = 1, .has_patch_bias = 1, .is_scaled = 1};
static const adah_vision clip = {BLOCKS(ADAH_GELU_QUICK, 1e-5f), .has_class = 1, .has_norm_before = 1, .n_projected = 12};
static const adah_vision siglip = {BLOCKS(ADAH_GELU_TANH, 1e-6f), .has_patch_bias = 1};

static const struct {
    const char *file;
    const adah_vision *vision;
    adah_style style;
} cases[] = {{"vit_hugging_12", &vit, ADAH_STYLE_TENSORFLOW},    {"vit_hugging_20", &vit, ADAH_STYLE_TENSORFLOW},
             {"vit_timm_12", &vit, ADAH_STYLE_TENSORFLOW},       {"vit_torchvision_12", &vit, ADAH_STYLE_TORCHVISION},
             {"dinov2_hugging_20", &dinov2, ADAH_STYLE_TORCHVISION}, {"dinov2_timm_12", &dinov2, ADAH_STYLE_TORCHVISION},
             {"clip_hugging_12", &clip, ADAH_STYLE_MEASURED},    {"clip_hugging_16", &clip, ADAH_STYLE_MEASURED},
             {"clip_openai_12", &clip, ADAH_STYLE_MEASURED},     {"siglip_hugging_20", &siglip, ADAH_STYLE_TENSORFLOW}};

static float *read_golden(const adah_weights *weights, const char *what, adah_shape *shape) {
    char name[64];
    snprintf(name, sizeof name, "golden.%s", what);
    const adah_stored_tensor *t = adah_weights_find(weights, name);
    assert_non_null(t);
    *shape = (adah_shape){.n_dims = t->n_dims};
    memcpy(shape->dim, t->dim, (size_t)t->n_dims * sizeof *t->dim);
    float *values = adah_memory_floats(adah_shape_count(*shape));
    assert_non_null(values);
    assert_int_equal(adah_weights_read(weights, name, *shape, values, NULL), ADAH_OK);
    return values;
}

/* Each value within `share` of the largest. */
static void assert_close(const char *file, const char *what, const float *x, const float *expected, size_t n, double share) {
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)expected[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)x[i] - (double)expected[i]) <= share * most))
            fail_msg("%s: %s[%zu] is %.8g, expected %.8g", file, what, i, (double)x[i], (double)expected[i]);
}

static void check(const char *name, const adah_vision *vision, adah_style style, adah_backend backend) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/backbones/golden/%s.safetensors", ADAH_SOURCE_DIR, name);
    adah_status status = {0};
    adah_weights *weights = NULL;
    assert_int_equal(adah_weights_open(path, &weights, &status), ADAH_OK);
    adah_shape x_shape, f_shape, patch_shape;
    float *x = read_golden(weights, "x", &x_shape), *f = read_golden(weights, "f", &f_shape),
          *coefficients = read_golden(weights, "coefficients", &f_shape), *dx = read_golden(weights, "dx", &x_shape),
          *dpatch = read_golden(weights, "dpatch", &patch_shape);
    adah_settings config;
    assert_int_equal(adah_settings_preset("default", &config, NULL), ADAH_OK);
    adah_vision_prepare(vision, weights, &config);
    assert_int_equal(config.weights_style, style);

    adah_parameters p = {0};
    adah_graph *g = adah_graph_create(backend, ADAH_GRAPH_TRAIN);
    adah_builder b = {.graph = g, .parameters = &p, .config = &config, .creating = 1, .status = &status};
    adah_node *input = adah_graph_input(g, x_shape);
    adah_node_keep(input);
    adah_node *output = adah_vision_features(&b, vision, input);
    adah_node_keep(output);
    if (adah_graph_build(g, &status) != ADAH_OK)
        fail_msg("%s: %s", name, status.message);
    if (adah_vision_load(&p, vision, x_shape.dim[2], weights, &status) != ADAH_OK)
        fail_msg("%s: %s", name, status.message);
    assert_true(adah_shape_equal(adah_node_shape(output), f_shape));
    memcpy(adah_node_value(input), x, adah_shape_count(x_shape) * sizeof *x);
    assert_int_equal(adah_parameters_train(&p, ADAH_GROUP_BACKBONE, &status), ADAH_OK);
    assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
    assert_close(name, "f", adah_node_value(output), f, adah_shape_count(f_shape), 1e-4);
    adah_graph_clear_gradients(g);
    memcpy(adah_node_gradient(output), coefficients, adah_shape_count(f_shape) * sizeof *coefficients);
    assert_int_equal(adah_graph_backward(g, ADAH_GROUP_BACKBONE, &status), ADAH_OK);
    assert_close(name, "gradient of the pixels", adah_node_gradient(input), dx, adah_shape_count(x_shape), 1e-3);
    assert_close(name, "gradient of the squares' weights", adah_parameters_find(&p, ADAH_BACKBONE_PREFIX ".patch.weight")->gradient, dpatch,
                 adah_shape_count(patch_shape), 1e-3);
    adah_graph_free(g);

    /* Without gradients, one picture alone: GELU is computed along with the layers before it. */
    x_shape.dim[0] = 1;
    g = adah_graph_create(backend, ADAH_GRAPH_INFER);
    b = (adah_builder){.graph = g, .parameters = &p, .config = &config, .status = &status};
    input = adah_graph_input(g, x_shape);
    output = adah_vision_features(&b, vision, input);
    adah_node_keep(output);
    assert_int_equal(adah_graph_build(g, &status), ADAH_OK);
    memcpy(adah_node_value(input), x, adah_shape_count(x_shape) * sizeof *x);
    assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
    assert_close(name, "f of one picture", adah_node_value(output), f, adah_shape_count(f_shape) / f_shape.dim[0], 1e-4);
    const size_t n = adah_shape_count(adah_node_shape(output));
    float *first = adah_memory_floats(n);
    assert_non_null(first);
    memcpy(first, adah_node_value(output), n * sizeof *first);
    for (int i = 0; i < 2; i++) { /* weights are turned in the second run and kept from then on */
        assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
        assert_memory_equal(adah_node_value(output), first, n * sizeof *first);
    }
    adah_memory_free(first);
    adah_graph_free(g);

    adah_parameters_free(&p);
    adah_weights_close(weights);
    float *arrays[] = {x, f, coefficients, dx, dpatch};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        adah_memory_free(arrays[i]);
}

static void test_references(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(cases[i].file, cases[i].vision, cases[i].style, ADAH_BACKEND_ONEDNN);
        check(cases[i].file, cases[i].vision, cases[i].style, ADAH_BACKEND_REFERENCE);
    }
}

/* A file of another network is refused by what it lacks. */
static void test_foreign(void **state) {
    (void)state;
    adah_weights *weights = NULL;
    adah_status status = {0};
    adah_parameters p = {0};
    assert_int_equal(adah_weights_open(ADAH_SOURCE_DIR "/tests/backbones/golden/vit_timm_12.safetensors", &weights, NULL), ADAH_OK);
    assert_int_equal(adah_vision_load(&p, &clip, 12, weights, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "vit_timm_12.safetensors: no names of this network"));
    adah_weights_close(weights);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_references), cmocka_unit_test(test_foreign)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
