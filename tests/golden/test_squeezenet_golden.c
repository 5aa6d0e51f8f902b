/* SqueezeNet v1.1 with its published weights against input, last feature map and logits that an independent
 * implementation computed, on both backends; and from the photo's bytes to the name of what is in it.
 * Needs the shared folder ($ADAH_SHARED); without it the tests are skipped. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "data/image.h"
#include "model/backbone.h"
#include "model/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"

enum { SIDE = 224, N_PIXELS = 3 * SIDE * SIDE, N_MAP = 512 * 13 * 13, N_CLASSES = 1000 };

static const char *const photos[] = {"shicai_cat", "coral_parrot"};

static int shared(const char *folder, const char *start, const char *name, const char *end, char found[1024]) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s%s%s", folder, start, name, end);
    return data_folder_shared(path, found);
}

/* ---------------------------------------------------------------- the network */

typedef struct rig {
    adah_parameters parameters;
    adah_config config;
    adah_graph *graph;
    adah_node *x, *f, *logits;
} rig;

static void rig_create(rig *r, adah_backend backend, const char *weights_path) {
    adah_status status = {0};
    adah_safetensors *weights;
    *r = (rig){.graph = adah_graph_create(backend, ADAH_GRAPH_INFER)};
    assert_int_equal(adah_config_preset("default", "squeezenet1_1", &r->config, NULL), ADAH_OK);
    adah_builder b = {
        .graph = r->graph, .parameters = &r->parameters, .config = &r->config, .creating = 1, .status = &status};
    r->x = adah_graph_input(r->graph, ADAH_SHAPE4(1, 3, SIDE, SIDE));
    r->f = adah_backbone_features(&b, "squeezenet1_1", r->x);
    r->logits = adah_backbone_logits(&b, "squeezenet1_1", r->f);
    adah_node_keep(r->f);
    adah_node_keep(r->logits);
    if (adah_graph_build(r->graph, &status) != ADAH_OK || b.failed)
        fail_msg("%s", status.message);
    assert_int_equal(adah_safetensors_open(weights_path, &weights, NULL), ADAH_OK);
    assert_string_equal(adah_backbone_style(weights), "caffe");
    if (adah_backbone_load(&r->parameters, &r->config, weights, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    adah_safetensors_close(weights);
}

static void rig_free(rig *r) {
    adah_graph_free(r->graph);
    adah_parameters_free(&r->parameters);
}

static void rig_run(rig *r, const float *x) {
    adah_status status = {0};
    memcpy(adah_node_value(r->x), x, N_PIXELS * sizeof *x);
    if (adah_graph_forward(r->graph, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

/* ---------------------------------------------------------------- against the stored tensors */

static float *read_tensor(const adah_safetensors *file, const char *name, adah_shape shape) {
    adah_status status = {0};
    float *x = malloc(adah_shape_count(shape) * sizeof *x);
    assert_non_null(x);
    if (adah_safetensors_read(file, name, shape, x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return x;
}

/* Errors relative to the largest value; the plain ones, each relative to its own value, are printed beside. */
static void compare(const char *photo, const char *what, const float *x, const float *expected, size_t n) {
    double largest = 0, worst = 0, worst_own = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    for (size_t i = 0; i < n; i++) {
        const double error = fabs((double)x[i] - (double)expected[i]);
        worst = error > worst || isnan(error) ? error : worst;
        if (expected[i] != 0)
            worst_own = fmax(worst_own, error / fabs((double)expected[i]));
    }
    print_message("%s %s: largest error %.2g of the largest value %.4g; elementwise, absolute %.2g, relative %.2g\n",
                  photo, what, worst / largest, largest, worst, worst_own);
    assert_true(worst <= 1e-3 * largest);
}

static void check_photo(adah_backend backend, const char *photo, int with_logits) {
    char weights[1024], golden[1024];
    if (!shared("weights", "squeezenet_v1.1_caffe", "", ".safetensors", weights) ||
        !shared("golden", "squeezenet_v1.1_caffe_", photo, ".safetensors", golden))
        skip();
    adah_safetensors *file;
    assert_int_equal(adah_safetensors_open(golden, &file, NULL), ADAH_OK);
    float *input = read_tensor(file, "input", ADAH_SHAPE4(1, 3, SIDE, SIDE));
    float *map = read_tensor(file, "fire9", ADAH_SHAPE4(1, 512, 13, 13));
    float *logits = read_tensor(file, "logits", ADAH_SHAPE2(1, N_CLASSES));
    adah_safetensors_close(file);
    rig r;
    rig_create(&r, backend, weights);
    rig_run(&r, input);
    compare(photo, "fire9", adah_node_value(r.f), map, N_MAP);
    if (with_logits)
        compare(photo, "logits", adah_node_value(r.logits), logits, N_CLASSES);
    rig_free(&r);
    free(input);
    free(map);
    free(logits);
}

static void test_cat(void **state) {
    (void)state;
    check_photo(ADAH_BACKEND_ONEDNN, photos[0], 1);
}

static void test_parrot(void **state) {
    (void)state;
    check_photo(ADAH_BACKEND_ONEDNN, photos[1], 1);
}

static void test_cat_on_the_reference_backend(void **state) {
    (void)state;
    check_photo(ADAH_BACKEND_REFERENCE, photos[0], 1);
}

/* ---------------------------------------------------------------- from the photo */

/* The pixels of a P6 file of 224 x 224. */
static uint8_t *read_ppm(const char *path) {
    uint8_t *bytes;
    size_t n;
    assert_int_equal(adah_file_read(path, 1 << 20, &bytes, &n, NULL), ADAH_OK);
    static const char head[] = "P6\n224 224\n255\n";
    assert_int_equal(n, sizeof head - 1 + N_PIXELS);
    assert_memory_equal(bytes, head, sizeof head - 1);
    memmove(bytes, bytes + sizeof head - 1, N_PIXELS);
    return bytes;
}

/* The photo as a PNG file, decoded by the library (which reads no PPM). */
static void decode(const char *ppm_path, uint8_t *rgb) {
    const temporary_folder folder = temporary_folder_create();
    char path[512];
    uint8_t *pixels = read_ppm(ppm_path), *bytes = NULL;
    size_t n;
    adah_status status = {0};
    TEMPORARY_PATH(folder, "photo.png", path);
    if (adah_image_write_png(path, pixels, SIDE, SIDE, 3, &status) != ADAH_OK ||
        adah_file_read(path, 1 << 20, &bytes, &n, &status) != ADAH_OK ||
        adah_image_decode(bytes, n, "photo", SIDE, rgb, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_memory_equal(rgb, pixels, N_PIXELS);
    adah_memory_free(bytes);
    adah_memory_free(pixels);
    temporary_folder_remove(&folder);
}

static void class_name(const char *path, size_t class, char name[256]) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t i = 0; i <= class; i++)
        assert_non_null(fgets(name, 256, file));
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
}

static void check_end_to_end(const char *photo, const char *expected_name) {
    char weights[1024], golden[1024], ppm[1024], names[1024], name[256];
    if (!shared("weights", "squeezenet_v1.1_caffe", "", ".safetensors", weights) ||
        !shared("golden", "squeezenet_v1.1_caffe_", photo, ".safetensors", golden) ||
        !shared("golden", photo, "", "_224.ppm", ppm) || !shared("weights", "synset_words", "", ".txt", names))
        skip();
    uint8_t *rgb = malloc(N_PIXELS);
    float *x = malloc(N_PIXELS * sizeof *x);
    decode(ppm, rgb);
    adah_backbone_normalise("caffe", rgb, SIDE, x);
    adah_safetensors *file;
    assert_int_equal(adah_safetensors_open(golden, &file, NULL), ADAH_OK);
    float *input = read_tensor(file, "input", ADAH_SHAPE4(1, 3, SIDE, SIDE));
    adah_safetensors_close(file);
    assert_memory_equal(x, input, N_PIXELS * sizeof *x); /* whole numbers: exact */
    rig r;
    rig_create(&r, ADAH_BACKEND_ONEDNN, weights);
    rig_run(&r, x);
    const float *logits = adah_node_value(r.logits);
    size_t best = 0;
    for (size_t i = 0; i < N_CLASSES; i++)
        best = logits[i] > logits[best] ? i : best;
    class_name(names, best, name);
    print_message("%s: class %zu, %s\n", photo, best, name);
    assert_non_null(strstr(name, expected_name));
    rig_free(&r);
    free(rgb);
    free(x);
    free(input);
}

static void test_cat_end_to_end(void **state) {
    (void)state;
    check_end_to_end(photos[0], "cat");
}

static void test_parrot_end_to_end(void **state) {
    (void)state;
    check_end_to_end(photos[1], "macaw");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cat),
        cmocka_unit_test(test_parrot),
        cmocka_unit_test(test_cat_on_the_reference_backend),
        cmocka_unit_test(test_cat_end_to_end),
        cmocka_unit_test(test_parrot_end_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
