/* (golden) SqueezeNet v1.1 and MobileNetV2 with their published weights against input, last feature map and logits that an independent
 * implementation computed, on both backends; and from the photo's bytes to the name of what is in it.
 * Needs the shared folder ($ADAH_SHARED); without it the tests are skipped. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/image.h"
#include "files/safetensors.h"
#include "paper/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"

enum { SIDE = 224, N_PIXELS = 3 * SIDE * SIDE, N_CLASSES = 1000 };

/* A network and the files it is compared with. */
typedef struct subject {
    const char *name, *weights, *golden, *map, *style;
    adah_shape map_shape;
    float pixel_tolerance; /* of the normalised photo: 0 where pixels stay whole numbers */
} subject;

static const subject squeezenet = {"squeezenet1_1", "squeezenet_v1.1_caffe", "squeezenet_v1.1_caffe_", "fire9", "caffe",
                                   {4, {1, 512, 13, 13}}, 0};
static const subject mobilenet = {"mobilenet_v2", "mobilenet_v2_1.0_224.folded", "mobilenet_v2_", "features", "tensorflow",
                                  {4, {1, 1280, 7, 7}}, 1e-6f};

static const char *const photos[] = {"shicai_cat", "coral_parrot"};

static int shared(const char *folder, const char *start, const char *name, const char *end, char found[1024]) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s%s%s", folder, start, name, end);
    return data_folder_shared(path, found);
}

/* ---------------------------------------------------------------- the network */

typedef struct rig {
    adah_parameters parameters;
    adah_settings config;
    adah_graph *graph;
    adah_node *x, *f, *logits;
} rig;

static void rig_create(rig *r, const subject *s, adah_backend backend, const char *weights_path) {
    adah_status status = {0};
    adah_weights *weights;
    *r = (rig){.graph = adah_graph_create(backend, ADAH_GRAPH_INFER)};
    assert_int_equal(adah_backbone_preset("default", s->name, &r->config, NULL), ADAH_OK);
    adah_builder b = {
        .graph = r->graph, .parameters = &r->parameters, .config = &r->config, .creating = 1, .status = &status};
    r->x = adah_graph_input(r->graph, ADAH_SHAPE4(1, 3, SIDE, SIDE));
    r->f = adah_backbone_features(&b, s->name, r->x);
    r->logits = adah_backbone_find(s->name)->logits(&b, r->f);
    adah_node_keep(r->f);
    adah_node_keep(r->logits);
    if (adah_graph_build(r->graph, &status) != ADAH_OK || b.failed)
        fail_msg("%s", status.message);
    assert_int_equal(adah_weights_open(weights_path, &weights, NULL), ADAH_OK);
    assert_int_equal(adah_backbone_prepare(weights, &r->config, NULL), ADAH_OK);
    assert_string_equal(adah_settings_text("weights_style", (int)r->config.weights_style), s->style);
    if (adah_backbone_load(&r->parameters, &r->config, weights, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    adah_weights_close(weights);
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

static void check_photo(const subject *s, adah_backend backend, const char *photo) {
    char weights[1024], golden[1024];
    if (!shared("weights", s->weights, "", ".safetensors", weights) ||
        !shared("golden", s->golden, photo, ".safetensors", golden))
        skip();
    adah_safetensors *file;
    assert_int_equal(adah_safetensors_open(golden, &file, NULL), ADAH_OK);
    float *input = read_tensor(file, "input", ADAH_SHAPE4(1, 3, SIDE, SIDE));
    float *map = read_tensor(file, s->map, s->map_shape);
    float *logits = read_tensor(file, "logits", ADAH_SHAPE2(1, N_CLASSES));
    adah_safetensors_close(file);
    rig r;
    rig_create(&r, s, backend, weights);
    rig_run(&r, input);
    compare(photo, s->map, adah_node_value(r.f), map, adah_shape_count(s->map_shape));
    compare(photo, "logits", adah_node_value(r.logits), logits, N_CLASSES);
    rig_free(&r);
    free(input);
    free(map);
    free(logits);
}

static void test_squeezenet(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        check_photo(&squeezenet, ADAH_BACKEND_ONEDNN, photos[i]);
}

static void test_mobilenet(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        check_photo(&mobilenet, ADAH_BACKEND_ONEDNN, photos[i]);
}

static void test_the_reference_backend(void **state) {
    (void)state;
    check_photo(&squeezenet, ADAH_BACKEND_REFERENCE, photos[0]);
    check_photo(&mobilenet, ADAH_BACKEND_REFERENCE, photos[1]);
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

static void check_end_to_end(const subject *s, const char *photo, const char *expected_name) {
    char weights[1024], golden[1024], ppm[1024], names[1024], name[256];
    if (!shared("weights", s->weights, "", ".safetensors", weights) ||
        !shared("golden", s->golden, photo, ".safetensors", golden) ||
        !shared("golden", photo, "", "_224.ppm", ppm) || !shared("weights", "synset_words", "", ".txt", names))
        skip();
    uint8_t *rgb = malloc(N_PIXELS);
    float *x = malloc(N_PIXELS * sizeof *x);
    decode(ppm, rgb);
    adah_settings config = {0};
    assert_int_equal(adah_settings_set_value(&config, "weights_style", s->style, NULL), ADAH_OK);
    adah_backbone_normalise(&config, rgb, SIDE, x);
    adah_safetensors *file;
    assert_int_equal(adah_safetensors_open(golden, &file, NULL), ADAH_OK);
    float *input = read_tensor(file, "input", ADAH_SHAPE4(1, 3, SIDE, SIDE));
    adah_safetensors_close(file);
    for (size_t i = 0; i < N_PIXELS; i++)
        assert_true(fabsf(x[i] - input[i]) <= s->pixel_tolerance);
    rig r;
    rig_create(&r, s, ADAH_BACKEND_ONEDNN, weights);
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

static void test_from_photo_to_name(void **state) {
    (void)state;
    check_end_to_end(&squeezenet, photos[0], "cat");
    check_end_to_end(&squeezenet, photos[1], "macaw");
    check_end_to_end(&mobilenet, photos[0], "cat");
    check_end_to_end(&mobilenet, photos[1], "macaw");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_squeezenet),
        cmocka_unit_test(test_mobilenet),
        cmocka_unit_test(test_the_reference_backend),
        cmocka_unit_test(test_from_photo_to_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
