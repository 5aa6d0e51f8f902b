/* (unit) Backbones: layers named and shaped as torchvision's, preprocessing, weight files. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "paper/network.h"
#include "files/safetensors.h"
#include "temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_says(const adah_status *status, const char *word) {
    if (!strstr(status->message, word))
        fail_msg("\"%s\" says nothing of \"%s\"", status->message, word);
}

/* The feature map's shape of a new network that ends behind E^I; its parameters go to *p. */
static adah_shape features_of(const char *backbone, size_t n_side, adah_parameters *p) {
    adah_settings config;
    adah_status status = {0};
    assert_int_equal(adah_backbone_preset("default", backbone, &config, NULL), ADAH_OK);
    const adah_network_plan plan = {.n_batch = 2,
                                    .image = adah_input_pixels(n_side),
                                    .features_only = 1,
                                    .creating = 1};
    adah_network *net;
    if (adah_network_create(&plan, &config, p, &net, &status) != ADAH_OK)
        fail_msg("%s at %zu: %s", backbone, n_side, status.message);
    const adah_shape shape = adah_node_shape(net->image.feature);
    adah_network_free(net);
    return shape;
}

static void assert_parameter(const adah_parameters *p, size_t i, const char *layer, const char *kind,
                             adah_shape shape) {
    char name[128], found[96], expected[96];
    snprintf(name, sizeof name, "image.backbone.%s.%s", layer, kind);
    assert_true(i < p->n);
    assert_string_equal(p->item[i]->name, name);
    assert_int_equal(p->item[i]->group, ADAH_GROUP_BACKBONE);
    if (!adah_shape_equal(p->item[i]->shape, shape))
        fail_msg("%s is %s, expected %s", name, adah_shape_text(p->item[i]->shape, found),
                 adah_shape_text(shape, expected));
}

typedef struct layer {
    const char *name;
    size_t n_out, n_in, size;
} layer;

static void assert_layers(const adah_parameters *p, const layer *layers, size_t n) {
    assert_int_equal(p->n, 2 * n);
    for (size_t i = 0; i < n; i++) {
        const layer *l = &layers[i];
        assert_parameter(p, 2 * i, l->name, "weight", ADAH_SHAPE4(l->n_out, l->n_in, l->size, l->size));
        assert_parameter(p, 2 * i + 1, l->name, "bias", ADAH_SHAPE1(l->n_out));
    }
}

#define ASSERT_LAYERS(p, layers) assert_layers(p, layers, sizeof layers / sizeof *layers)

static void test_vgg16(void **state) {
    (void)state;
    static const layer layers[] = {
        {"features.0", 64, 3, 3},     {"features.2", 64, 64, 3},    {"features.5", 128, 64, 3},
        {"features.7", 128, 128, 3},  {"features.10", 256, 128, 3}, {"features.12", 256, 256, 3},
        {"features.14", 256, 256, 3}, {"features.17", 512, 256, 3}, {"features.19", 512, 512, 3},
        {"features.21", 512, 512, 3}, {"features.24", 512, 512, 3}, {"features.26", 512, 512, 3},
        {"features.28", 512, 512, 3},
    };
    adah_parameters p = {0};
    assert_true(adah_shape_equal(features_of("vgg16", 32, &p), ADAH_SHAPE4(2, 512, 1, 1)));
    ASSERT_LAYERS(&p, layers);
    adah_parameters_free(&p);
}

static void test_vgg19(void **state) {
    (void)state;
    static const layer layers[] = {
        {"features.0", 64, 3, 3},     {"features.2", 64, 64, 3},    {"features.5", 128, 64, 3},
        {"features.7", 128, 128, 3},  {"features.10", 256, 128, 3}, {"features.12", 256, 256, 3},
        {"features.14", 256, 256, 3}, {"features.16", 256, 256, 3}, {"features.19", 512, 256, 3},
        {"features.21", 512, 512, 3}, {"features.23", 512, 512, 3}, {"features.25", 512, 512, 3},
        {"features.28", 512, 512, 3}, {"features.30", 512, 512, 3}, {"features.32", 512, 512, 3},
        {"features.34", 512, 512, 3},
    };
    adah_parameters p = {0};
    assert_true(adah_shape_equal(features_of("vgg19", 64, &p), ADAH_SHAPE4(2, 512, 2, 2)));
    ASSERT_LAYERS(&p, layers);
    adah_parameters_free(&p);
}

static void test_cnn_f(void **state) {
    (void)state;
    static const layer layers[] = {{"features.0", 64, 3, 11},
                                   {"features.4", 256, 64, 5},
                                   {"features.8", 256, 256, 3},
                                   {"features.10", 256, 256, 3},
                                   {"features.12", 256, 256, 3}};
    adah_parameters p = {0};
    assert_true(adah_shape_equal(features_of("cnn_f", 224, &p), ADAH_SHAPE4(2, 256, 6, 6)));
    ASSERT_LAYERS(&p, layers);
    adah_parameters_free(&p);
}

static void test_squeezenet(void **state) {
    (void)state;
    static const struct {
        int number;
        size_t n_in, n_squeeze, n_expand;
    } fires[] = {{3, 64, 16, 64},   {4, 128, 16, 64},   {6, 128, 32, 128},  {7, 256, 32, 128},
                 {9, 256, 48, 192}, {10, 384, 48, 192}, {11, 384, 64, 256}, {12, 512, 64, 256}};
    adah_parameters p = {0};
    assert_true(adah_shape_equal(features_of("squeezenet1_1", 224, &p), ADAH_SHAPE4(2, 512, 13, 13)));
    assert_true(adah_shape_equal(features_of("squeezenet1_1", 227, &p), ADAH_SHAPE4(2, 512, 14, 14)));
    assert_parameter(&p, 0, "features.0", "weight", ADAH_SHAPE4(64, 3, 3, 3));
    assert_parameter(&p, 1, "features.0", "bias", ADAH_SHAPE1(64));
    for (size_t i = 0; i < 8; i++) {
        const size_t s = fires[i].n_squeeze, e = fires[i].n_expand;
        char name[64];
        snprintf(name, sizeof name, "features.%d.squeeze", fires[i].number);
        assert_parameter(&p, 2 + 6 * i, name, "weight", ADAH_SHAPE4(s, fires[i].n_in, 1, 1));
        assert_parameter(&p, 3 + 6 * i, name, "bias", ADAH_SHAPE1(s));
        snprintf(name, sizeof name, "features.%d.expand1x1", fires[i].number);
        assert_parameter(&p, 4 + 6 * i, name, "weight", ADAH_SHAPE4(e, s, 1, 1));
        assert_parameter(&p, 5 + 6 * i, name, "bias", ADAH_SHAPE1(e));
        snprintf(name, sizeof name, "features.%d.expand3x3", fires[i].number);
        assert_parameter(&p, 6 + 6 * i, name, "weight", ADAH_SHAPE4(e, s, 3, 3));
        assert_parameter(&p, 7 + 6 * i, name, "bias", ADAH_SHAPE1(e));
    }
    assert_int_equal(p.n, 50);
    adah_parameters_free(&p);
}

static void test_transformers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t n_side, n_channels, n_high, n_parameters;
    } cases[] = {{"vit_s_16", 224, 384, 14, 4 + 12 * 12 + 2},      {"vit_b_32", 256, 768, 8, 4 + 12 * 12 + 2},
                 {"dinov2_s_14", 230, 384, 16, 4 + 12 * 12 + 2},   {"clip_vit_b_32", 224, 512, 7, 3 + 2 + 12 * 12 + 2 + 1},
                 {"siglip_b_16", 224, 768, 14, 3 + 12 * 12 + 2 + 13}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adah_parameters p = {0};
        const size_t n = cases[i].n_high;
        assert_true(adah_shape_equal(features_of(cases[i].name, cases[i].n_side, &p), ADAH_SHAPE4(2, cases[i].n_channels, n, n)));
        assert_int_equal(p.n, cases[i].n_parameters);
        adah_parameters_free(&p);
    }
}

static void test_mobilenet(void **state) {
    (void)state;
    adah_parameters p = {0};
    assert_true(adah_shape_equal(features_of("mobilenet_v2", 224, &p), ADAH_SHAPE4(2, 1280, 7, 7)));
    assert_true(adah_shape_equal(features_of("mobilenet_v2", 225, &p), ADAH_SHAPE4(2, 1280, 8, 8)));
    assert_int_equal(p.n, 2 * (1 + 2 + 16 * 3 + 1));
    assert_parameter(&p, 0, "features.0", "weight", ADAH_SHAPE4(32, 3, 3, 3));
    assert_parameter(&p, 2, "features.1.depthwise", "weight", ADAH_SHAPE4(32, 1, 3, 3));
    assert_parameter(&p, 4, "features.1.project", "weight", ADAH_SHAPE4(16, 32, 1, 1));
    assert_parameter(&p, 6, "features.2.expand", "weight", ADAH_SHAPE4(96, 16, 1, 1));
    assert_parameter(&p, p.n - 4, "features.17.project", "weight", ADAH_SHAPE4(320, 960, 1, 1));
    assert_parameter(&p, p.n - 2, "features.18", "weight", ADAH_SHAPE4(1280, 320, 1, 1));
    adah_parameters_free(&p);
}

static void test_small(void **state) {
    (void)state;
    adah_parameters p = {0};
    assert_true(adah_shape_equal(features_of("small", 64, &p), ADAH_SHAPE4(2, 128, 8, 8)));
    static const size_t n_out[] = {32, 64, 96, 128, 128};
    assert_int_equal(p.n, 4 * 5);
    for (size_t i = 0; i < 5; i++) {
        char name[32], norm[32];
        snprintf(name, sizeof name, "features.%zu", i);
        snprintf(norm, sizeof norm, "norm.%zu", i);
        const size_t size = i == 0 ? 5 : 3, n_in = i == 0 ? 3 : n_out[i - 1];
        assert_parameter(&p, 4 * i, name, "weight", ADAH_SHAPE4(n_out[i], n_in, size, size));
        assert_parameter(&p, 4 * i + 1, norm, "weight", ADAH_SHAPE1(n_out[i]));
        assert_parameter(&p, 4 * i + 2, norm, "bias", ADAH_SHAPE1(n_out[i]));
        const adah_parameter *statistics = p.item[4 * i + 3];
        assert_int_equal(statistics->group, ADAH_GROUP_STATISTICS);
        for (size_t k = 0; k < 2 * n_out[i]; k++) /* mean 0, variance 1 */
            assert_true(statistics->value[k] == (k < n_out[i] ? 0.0f : 1.0f));
    }
    adah_parameters_free(&p);
}

/* Every one is known by name and works from its least side on. */
static void test_known_names(void **state) {
    (void)state;
    static const char *const names[] = {"vgg16", "vgg19", "cnn_f", "squeezenet1_1", "mobilenet_v2", "small"};
    for (size_t i = 0; i < 6; i++) {
        const adah_backbone *b = adah_backbone_find(names[i]);
        assert_non_null(b);
        assert_string_equal(b->name, names[i]);
        assert_non_null(strstr(adah_backbone_names(), names[i]));
        assert_int_equal(b->has_fc, i < 3);
        assert_int_equal(b->from_scratch, !strcmp(names[i], "small"));
        assert_true(b->n_side_min <= b->n_side);
        if (i >= 2 && b->features) { /* vgg, transformers: above */
            adah_parameters p = {0};
            const adah_shape f = features_of(names[i], (size_t)b->n_side_min, &p);
            assert_true(f.dim[2] >= 1 && f.dim[3] >= 1);
            adah_parameters_free(&p);
        }
    }
    assert_null(adah_backbone_find("vgg"));
    assert_null(adah_backbone_find(""));
}

/* What is told to choose from is the table; "none" is known, but is for images that are given as features. */
static void test_table(void **state) {
    (void)state;
    size_t n_names = 0;
    for (int i = 0; adah_backbone_at(i); i++) {
        const adah_backbone *b = adah_backbone_at(i);
        const char *at = strstr(adah_backbone_names(), b->name);
        assert_ptr_equal(adah_backbone_find(b->name), b);
        assert_true(at && (at == adah_backbone_names() || at[-1] == '|') && strchr("|", at[strlen(b->name)]));
        assert_int_equal((b->features != NULL) + (b->vision != NULL) + (b->layers && b->own && b->published), 1);
        assert_int_equal(b->from_scratch, b->features != NULL);
        assert_true(b->logits ? b->layers != NULL : b->from_scratch || b->vision || b->published); /* what the goldens compare */
        n_names += strlen(b->name) + 1;
    }
    assert_int_equal(strlen(adah_backbone_names()) + 1, n_names);
    assert_non_null(adah_backbone_find("none"));

    adah_settings config;
    adah_parameters p = {0};
    adah_network *net;
    adah_status status = {0};
    assert_int_equal(adah_backbone_preset("default", "none", &config, NULL), ADAH_OK);
    const adah_network_plan plan = {.n_batch = 1, .image = adah_input_pixels(32), .features_only = 1, .creating = 1};
    assert_int_equal(adah_network_create(&plan, &config, &p, &net, &status), ADAH_ERROR_MISMATCH);
    assert_says(&status, "\"none\" takes no pictures");
    adah_parameters_free(&p);
}

/* ---------------------------------------------------------------- preprocessing */

static const double own_mean[3] = {120.5, 110.25, 100}; /* R, G, B */

static void normalise(const char *style, const uint8_t rgb[12], float x[12]) {
    adah_settings config = {.mean_red = 120.5f, .mean_green = 110.25f, .mean_blue = 100};
    assert_int_equal(adah_settings_set_value(&config, "weights_style", style, NULL), ADAH_OK);
    adah_backbone_normalise(&config, rgb, 2, x);
}

static void test_styles_of_preprocessing(void **state) {
    (void)state;
    const uint8_t rgb[12] = {0, 128, 255, 255, 0, 1, 7, 77, 177, 123, 117, 104}; /* 2 x 2 */
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    static const double caffe_mean[3] = {104, 117, 123}; /* B, G, R */
    float x[12];
    normalise("torchvision", rgb, x);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++) {
            const double expected = (rgb[3 * i + c] / 255.0 - mean[c]) / deviation[c];
            if (fabs((double)x[4 * c + i] - expected) > 1e-5)
                fail_msg("torchvision channel %d pixel %d: %g, expected %g", c, i, (double)x[4 * c + i], expected);
        }
    normalise("tensorflow", rgb, x);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++)
            assert_true(fabs((double)x[4 * c + i] - (rgb[3 * i + c] / 127.5 - 1)) < 1e-6);
    normalise("caffe", rgb, x);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++)
            assert_true((double)x[4 * c + i] == rgb[3 * i + 2 - c] - caffe_mean[c]);
    normalise("matconvnet", rgb, x);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++)
            assert_true((double)x[4 * c + i] == rgb[3 * i + c] - own_mean[c]);
}

/* The many pixels of a large picture, a few at a time and one by one, become the same numbers. */
static void test_preprocessing_of_many(void **state) {
    (void)state;
    enum { SIDE = 37, N = SIDE * SIDE };
    static const char *const styles[] = {"torchvision", "tensorflow", "caffe", "matconvnet"};
    static uint8_t rgb[N * 3];
    static float x[N * 3];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * i / 7 + i);
    for (size_t s = 0; s < 4; s++) {
        adah_settings config = {.mean_red = 120.5f, .mean_green = 110.25f, .mean_blue = 100};
        assert_int_equal(adah_settings_set_value(&config, "weights_style", styles[s], NULL), ADAH_OK);
        adah_backbone_normalise(&config, rgb, SIDE, x);
        for (size_t i = 0; i < N; i++) {
            float one[3];
            adah_backbone_normalise(&config, rgb + i * 3, 1, one);
            for (size_t c = 0; c < 3; c++)
                assert_true(x[c * N + i] == one[c]);
        }
    }
}

/* ---------------------------------------------------------------- weight files */

static temporary_folder folder;
static char path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "weights.safetensors", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static adah_settings style_of(const char *preprocess) {
    const float one = 1;
    const adah_safetensors_item item = {"x", "F32", ADAH_SHAPE1(1), &one, sizeof one};
    const char *const metadata[] = {"preprocess", preprocess};
    adah_weights *file;
    adah_settings config = {0};
    assert_int_equal(adah_safetensors_write(path, &item, 1, metadata, preprocess ? 1 : 0, NULL), ADAH_OK);
    assert_int_equal(adah_weights_open(path, &file, NULL), ADAH_OK);
    adah_weights_style(file, &config);
    adah_weights_close(file);
    return config;
}

static void test_style_of_a_file(void **state) {
    (void)state;
    assert_int_equal(style_of(NULL).weights_style, ADAH_STYLE_TORCHVISION);
    assert_int_equal(style_of("").weights_style, ADAH_STYLE_TORCHVISION);
    assert_int_equal(style_of("RGB").weights_style, ADAH_STYLE_TORCHVISION);
    assert_int_equal(style_of("BGR, 0..255 minus [104,117,123], no scale").weights_style, ADAH_STYLE_CAFFE);
    assert_int_equal(style_of("RGB, x/127.5-1").weights_style, ADAH_STYLE_TENSORFLOW);
    const adah_settings c = style_of("RGB, 0..255 minus [120.5, 110.25, 100]");
    assert_int_equal(c.weights_style, ADAH_STYLE_MATCONVNET);
    assert_true(c.mean_red == 120.5f && c.mean_green == 110.25f && c.mean_blue == 100);
}

/* A network whose parameters have made-up shapes: loading goes by name and by what the parameter is. */
typedef struct toy {
    adah_parameters p;
    adah_settings config;
} toy;

static const float numbers[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static toy toy_create(adah_pooling pooling) {
    toy t = {0};
    assert_int_equal(adah_backbone_preset("default", "small", &t.config, NULL), ADAH_OK); /* of others, test_published.c */
    t.config.pooling = pooling;
    assert_non_null(adah_parameters_add(&t.p, "image.backbone.features.0.weight", ADAH_SHAPE4(2, 3, 1, 2), 1));
    assert_non_null(adah_parameters_add(&t.p, "image.backbone.features.0.bias", ADAH_SHAPE1(2), 1));
    assert_non_null(adah_parameters_add(&t.p, "image.hashing.0.weight", ADAH_SHAPE2(3, 4), 2));
    assert_non_null(adah_parameters_add(&t.p, "image.hashing.0.bias", ADAH_SHAPE1(3), 2));
    assert_non_null(adah_parameters_add(&t.p, "image.hashing.1.weight", ADAH_SHAPE2(2, 3), 2));
    assert_non_null(adah_parameters_add(&t.p, "image.hashing.1.bias", ADAH_SHAPE1(2), 2));
    assert_non_null(adah_parameters_add(&t.p, "image.hashing.code.weight", ADAH_SHAPE2(8, 2), 2));
    assert_non_null(adah_parameters_add(&t.p, "image.attention.weight", ADAH_SHAPE4(1, 2, 1, 1), 4));
    assert_non_null(adah_parameters_add(&t.p, "text.feature.0.weight", ADAH_SHAPE2(2, 2), 2));
    return t;
}

static const adah_safetensors_item toy_items[] = {
    {"classifier.3.weight", "F32", {2, {2, 3, 0, 0}}, numbers + 4, 24},
    {"features.0.weight", "F32", {4, {2, 3, 1, 2}}, numbers, 48},
    {"features.0.bias", "F32", {1, {2, 0, 0, 0}}, numbers + 5, 8},
    {"classifier.0.weight", "F32", {2, {3, 4, 0, 0}}, numbers, 48},
    {"classifier.0.bias", "F32", {1, {3, 0, 0, 0}}, numbers + 1, 12},
    {"classifier.3.bias", "F32", {1, {2, 0, 0, 0}}, numbers + 2, 8},
    {"classifier.6.weight", "F32", {2, {4, 2, 0, 0}}, numbers, 32},
};
enum { N_TOY_ITEMS = sizeof toy_items / sizeof *toy_items };

static adah_code load(toy *t, const adah_safetensors_item *items, size_t n, adah_status *status) {
    adah_weights *file;
    assert_int_equal(adah_safetensors_write(path, items, n, NULL, 0, NULL), ADAH_OK);
    assert_int_equal(adah_weights_open(path, &file, NULL), ADAH_OK);
    const adah_code code = adah_backbone_load(&t->p, &t->config, file, status);
    adah_weights_close(file);
    return code;
}

static void assert_loaded(const toy *t, const char *name, const float *expected) {
    const adah_parameter *p = adah_parameters_find(&t->p, name);
    for (size_t i = 0; i < p->n; i++)
        assert_true(p->value[i] == (expected ? expected[i] : 0));
    assert_int_equal(p->version, expected ? 2 : 1); /* packed copies must be renewed */
}

static void test_load(void **state) {
    (void)state;
    for (int flat = 0; flat < 2; flat++) {
        toy t = toy_create(flat ? ADAH_POOL_FLATTEN : ADAH_POOL_ATTENDED);
        adah_status status = {0};
        if (load(&t, toy_items, N_TOY_ITEMS, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        assert_loaded(&t, "image.backbone.features.0.weight", numbers);
        assert_loaded(&t, "image.backbone.features.0.bias", numbers + 5);
        assert_loaded(&t, "image.hashing.0.weight", flat ? numbers : NULL);
        assert_loaded(&t, "image.hashing.0.bias", flat ? numbers + 1 : NULL);
        assert_loaded(&t, "image.hashing.1.weight", flat ? numbers + 4 : NULL);
        assert_loaded(&t, "image.hashing.1.bias", flat ? numbers + 2 : NULL);
        assert_loaded(&t, "image.hashing.code.weight", NULL);
        assert_loaded(&t, "image.attention.weight", NULL);
        assert_loaded(&t, "text.feature.0.weight", NULL);
        adah_parameters_free(&t.p);
    }
}

/* The message tells the file, the tensor, what was found and what was expected. */
static void test_load_errors(void **state) {
    (void)state;
    static const char *const shape_text[N_TOY_ITEMS] = {"2 x 3", "2 x 3 x 1 x 2", "2", "3 x 4", "3", "2", NULL};
    for (size_t i = 0; i < N_TOY_ITEMS; i++) {
        adah_safetensors_item items[N_TOY_ITEMS];
        adah_status status = {0};
        toy t = toy_create(ADAH_POOL_FLATTEN);
        /* without item i */
        memcpy(items, toy_items, sizeof items);
        items[i] = items[N_TOY_ITEMS - 1];
        const adah_code missing = load(&t, items, N_TOY_ITEMS - 1, &status);
        if (!shape_text[i]) { /* classifier.6 is not wanted */
            assert_int_equal(missing, ADAH_OK);
            adah_parameters_free(&t.p);
            continue;
        }
        assert_int_equal(missing, ADAH_ERROR_MISMATCH);
        assert_says(&status, path);
        assert_says(&status, toy_items[i].name);
        assert_says(&status, shape_text[i]);
        /* of another shape */
        memcpy(items, toy_items, sizeof items);
        items[i].shape = ADAH_SHAPE2(1, items[i].n_bytes / 4);
        assert_int_equal(load(&t, items, N_TOY_ITEMS, &status), ADAH_ERROR_MISMATCH);
        char found[32];
        snprintf(found, sizeof found, "1 x %zu", items[i].n_bytes / 4);
        assert_says(&status, path);
        assert_says(&status, toy_items[i].name);
        assert_says(&status, found);
        assert_says(&status, shape_text[i]);
        /* of another type */
        items[i].shape = toy_items[i].shape;
        items[i].type = "I32";
        assert_int_equal(load(&t, items, N_TOY_ITEMS, &status), ADAH_ERROR_MISMATCH);
        assert_says(&status, toy_items[i].name);
        assert_says(&status, "I32");
        adah_parameters_free(&t.p);
    }
}

/* At 32 pixels VGG's first fully connected layer has 512 inputs, not the 25088 of its weight file. */
static void test_flat_vgg_needs_its_side(void **state) {
    (void)state;
    toy t = {0};
    adah_status status = {0};
    assert_int_equal(adah_backbone_preset("paper", "vgg16", &t.config, NULL), ADAH_OK);
    strcpy(t.config.backbone, "small"); /* whose layers the file need not have */
    assert_non_null(adah_parameters_add(&t.p, "image.hashing.0.weight", ADAH_SHAPE2(1, 512), 2));
    static const float weights[25088];
    const adah_safetensors_item item = {"classifier.0.weight", "F32", {2, {1, 25088, 0, 0}}, weights, sizeof weights};
    assert_int_equal(load(&t, &item, 1, &status), ADAH_ERROR_MISMATCH);
    assert_says(&status, "1 x 25088");
    assert_says(&status, "1 x 512");
    adah_parameters_free(&t.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vgg16),
        cmocka_unit_test(test_vgg19),
        cmocka_unit_test(test_cnn_f),
        cmocka_unit_test(test_squeezenet),
        cmocka_unit_test(test_mobilenet), cmocka_unit_test(test_transformers),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_styles_of_preprocessing),
        cmocka_unit_test(test_preprocessing_of_many),
        cmocka_unit_test_setup_teardown(test_style_of_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flat_vgg_needs_its_side, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
