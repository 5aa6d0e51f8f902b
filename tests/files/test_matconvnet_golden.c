/* (golden) CNN-F and VGG-19 from a MatConvNet file: the same parameters as from safetensors, and for CNN-F the feature map that an
 * independent implementation (NumPy, double precision, loops over windows) computed from the same made-up weights. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "files/safetensors.h"
#include "paper/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "matconvnet_file.h"
#include "temporary_folder.h"

enum { MAX_LAYERS = 64, SIDE = 71 };

static const double average[3] = {120.5, 110.25, 100};
static temporary_folder folder;
static char mat_path[512], safetensors_path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "net.mat", mat_path);
    TEMPORARY_PATH(folder, "net.safetensors", safetensors_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* A network that ends behind E^I. */
static adah_network *create(const char *backbone, adah_backend backend, size_t n_side, adah_settings *config, adah_parameters *p) {
    adah_network *net;
    adah_status status = {0};
    assert_int_equal(adah_backbone_preset("default", backbone, config, NULL), ADAH_OK);
    config->feature_scale = 1;
    const adah_network_plan plan = {.backend = backend,
                                    .n_batch = 1,
                                    .image = adah_input_pixels(n_side),
                                    .features_only = 1,
                                    .creating = 1};
    if (adah_network_create(&plan, config, p, &net, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return net;
}

/* Made-up weights for every parameter, written in both formats. */
static void write_files(const adah_parameters *p) {
    static const size_t n_prefix = sizeof "image.backbone." - 1;
    matconvnet_layer layers[MAX_LAYERS];
    adah_safetensors_item items[2 * MAX_LAYERS];
    float *values[2 * MAX_LAYERS];
    size_t n_layers = 0;
    for (size_t i = 0; i < p->n; i++) {
        const adah_parameter *q = p->item[i];
        const size_t *d = q->shape.dim, n_in = q->n / d[0];
        const int is_bias = q->shape.n_dims == 1;
        values[i] = matconvnet_numbers((uint32_t)i, q->n, is_bias ? 10 : sqrtf(24.0f / (float)n_in));
        items[i] = (adah_safetensors_item){q->name + n_prefix, "F32", q->shape, values[i], q->n * sizeof(float)};
        if (is_bias) {
            layers[n_layers - 1].biases = values[i];
            continue;
        }
        size_t number;
        assert_int_equal(sscanf(q->name, "image.backbone.features.%zu", &number), 1);
        while (n_layers < number)
            layers[n_layers++] = (matconvnet_layer){"between", "relu", 0, 0, 0, 0, NULL, NULL};
        layers[n_layers++] = (matconvnet_layer){"some", "conv", d[0], d[1], d[2], d[3], values[i], NULL};
    }
    matconvnet_write(mat_path, layers, n_layers, (matconvnet_style){MAT_FT_MAT5, 0, {1, 1, 3}, average});
    const char *const metadata[] = {"preprocess", "RGB, 0..255 minus [120.5,110.25,100]"};
    assert_int_equal(adah_safetensors_write(safetensors_path, items, p->n, metadata, 1, NULL), ADAH_OK);
    for (size_t i = 0; i < p->n; i++)
        free(values[i]);
}

static void load(const char *path, adah_settings *config, adah_parameters *p) {
    adah_weights *weights;
    adah_status status = {0};
    if (adah_weights_open(path, &weights, &status) != ADAH_OK || adah_backbone_load(p, config, weights, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(adah_backbone_prepare(weights, config, NULL), ADAH_OK);
    adah_weights_close(weights);
}

static void assert_same_from_both(const char *backbone, size_t n_side) {
    adah_settings config[2];
    adah_parameters p[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++)
        adah_network_free(create(backbone, ADAH_BACKEND_REFERENCE, n_side, &config[i], &p[i]));
    write_files(&p[0]);
    load(mat_path, &config[0], &p[0]);
    load(safetensors_path, &config[1], &p[1]);
    assert_memory_equal(&config[0], &config[1], sizeof config[0]);
    assert_int_equal(p[0].n, p[1].n);
    for (size_t i = 0; i < p[0].n; i++) {
        assert_memory_equal(p[0].item[i]->value, p[1].item[i]->value, p[0].item[i]->n * sizeof(float));
        assert_true(p[0].item[i]->value[1] == (p[0].item[i]->shape.n_dims == 1 ? 10 : sqrtf(24 / ((float)p[0].item[i]->n /
                    (float)p[0].item[i]->shape.dim[0]))) * matconvnet_number((uint32_t)i, 1));
    }
    adah_parameters_free(&p[0]);
    adah_parameters_free(&p[1]);
}

static void test_vgg19(void **state) {
    (void)state;
    assert_same_from_both("vgg19", 32);
}

static void test_cnn_f(void **state) {
    (void)state;
    static const float expected[] = {12.83584f, 0,         9.362701f, 21.36393f, 2.842337f, 3.386499f,
                                     25.4878f,  18.16977f, 0,         0,         4.145998f}; /* every 97th */
    const double expected_sum = 15996.5851439, expected_norm = 692.05408165;
    static uint8_t rgb[SIDE * SIDE * 3];
    assert_same_from_both("cnn_f", SIDE);
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)((matconvnet_number(99, (uint32_t)i) + 0.5f) * 256);
    for (int backend = 0; backend < 2; backend++) {
        adah_settings config;
        adah_parameters p = {0};
        adah_network *net = create("cnn_f", backend ? ADAH_BACKEND_REFERENCE : ADAH_BACKEND_ONEDNN, SIDE, &config, &p);
        load(mat_path, &config, &p);
        adah_backbone_normalise(&config, rgb, SIDE, adah_node_value(net->image.input));
        assert_int_equal(adah_graph_forward(net->graph, NULL), ADAH_OK);
        assert_true(adah_shape_equal(adah_node_shape(net->image.feature), ADAH_SHAPE4(1, 256, 2, 2)));
        const float *f = adah_node_value(net->image.feature);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < 1024; i++) {
            sum += (double)f[i];
            squares += (double)f[i] * (double)f[i];
            if (i % 97 == 0 && fabsf(f[i] - expected[i / 97]) > 2e-4f)
                fail_msg("backend %d: feature %zu is %.7g, expected %.7g", backend, i, (double)f[i], (double)expected[i / 97]);
        }
        assert_true(fabs(sum / expected_sum - 1) < 1e-5 && fabs(sqrt(squares) / expected_norm - 1) < 1e-5);
        adah_network_free(net);
        adah_parameters_free(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vgg19, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cnn_f, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
