/* (golden) EfficientNet-Lite0 and -Lite2 with the weights of their own Python packages, on photos and on noise, next to the package that computes
 * them (tools/golden_real_weights.py, run by $ADAH_PYTHON or python3), and ImageNet's VGG-19 next to what an independent implementation stored.
 * Skipped, with a message, where a package or the shared folder is missing. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "files/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "data_folder.h"
#include "temporary_folder.h"

enum { STATUS_SKIPPED = 77 };

static temporary_folder folder;

static int begin(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int end(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static int run_python(const char *arguments) {
    const char *python = getenv("ADAH_PYTHON");
    char command[4096];
    snprintf(command, sizeof command, "%s %s", python ? python : "python3", arguments);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---------------------------------------------------------------- a network with its weights */

typedef struct rig {
    adah_settings config;
    adah_parameters parameters;
    adah_graph *graph;
    adah_node *x, *f;
    size_t n_side;
} rig;

static void rig_create(rig *r, const char *backbone, const char *path) {
    adah_status status = {0};
    adah_weights *weights;
    *r = (rig){.graph = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER), .n_side = (size_t)adah_backbone_find(backbone)->n_side};
    assert_int_equal(adah_backbone_preset("default", backbone, &r->config, NULL), ADAH_OK);
    if (adah_weights_open(path, &weights, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(adah_backbone_prepare(weights, &r->config, NULL), ADAH_OK);
    adah_builder b = {.graph = r->graph, .parameters = &r->parameters, .config = &r->config, .creating = 1, .status = &status};
    r->x = adah_graph_input(r->graph, ADAH_SHAPE4(1, 3, r->n_side, r->n_side));
    r->f = adah_backbone_features(&b, backbone, r->x);
    adah_node_keep(r->f);
    if (adah_graph_build(r->graph, &status) != ADAH_OK || adah_backbone_load(&r->parameters, &r->config, weights, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    adah_weights_close(weights);
}

static void rig_free(rig *r) {
    adah_graph_free(r->graph);
    adah_parameters_free(&r->parameters);
}

static float *read_tensor(const adah_safetensors *file, const char *name, adah_shape shape) {
    adah_status status = {0};
    float *x = malloc(adah_shape_count(shape) * sizeof *x);
    assert_non_null(x);
    if (adah_safetensors_read(file, name, shape, x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return x;
}

/* The last feature map on the input "x", which is freed, next to the stored one. */
static void check_map(rig *r, const adah_safetensors *file, float *x, const char *map, const char *what) {
    const adah_shape shape = adah_node_shape(r->f);
    const size_t n = adah_shape_count(shape);
    float *expected = read_tensor(file, map, shape);
    double largest = 0, worst = 0;
    memcpy(adah_node_value(r->x), x, 3 * r->n_side * r->n_side * sizeof *x);
    free(x);
    assert_int_equal(adah_graph_forward(r->graph, NULL), ADAH_OK);
    for (size_t i = 0; i < n; i++) {
        const double difference = fabs((double)adah_node_value(r->f)[i] - (double)expected[i]);
        largest = fmax(largest, fabs((double)expected[i]));
        worst = !(difference <= worst) ? difference : worst;
    }
    print_message("%s, %s: differs by %.2g of the largest value %.4g\n", what, map, worst / largest, largest);
    assert_true(worst <= 1e-4 * largest);
    free(expected);
}

/* ---------------------------------------------------------------- EfficientNet-Lite */

static void check_pixels(const rig *r, const adah_safetensors *file, int picture, const float *x) {
    const size_t n = r->n_side * r->n_side * 3;
    char name[32];
    snprintf(name, sizeof name, "rgb.%d", picture);
    float *rgb = read_tensor(file, name, ADAH_SHAPE3(r->n_side, r->n_side, 3)), *own = malloc(n * sizeof *own);
    uint8_t *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)rgb[i];
    adah_backbone_normalise(&r->config, bytes, r->n_side, own);
    for (size_t i = 0; i < n; i++)
        assert_true(fabsf(own[i] - x[i]) <= 1e-6f);
    free(bytes);
    free(own);
    free(rgb);
}

static void check_lite(const char *network, const char *backbone) {
    char path[600], weights[1024] = "", name[32];
    adah_safetensors *file;
    rig r;
    snprintf(path, sizeof path, "%s/%s.txt", folder.path, network);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    assert_non_null(fgets(weights, sizeof weights, list));
    fclose(list);
    rig_create(&r, backbone, weights);
    snprintf(path, sizeof path, "%s/%s.safetensors", folder.path, network);
    assert_int_equal(adah_safetensors_open(path, &file, NULL), ADAH_OK);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "x.%d", i);
        float *x = read_tensor(file, name, ADAH_SHAPE4(1, 3, r.n_side, r.n_side));
        check_pixels(&r, file, i, x);
        snprintf(name, sizeof name, "f.%d", i);
        check_map(&r, file, x, name, backbone);
    }
    adah_safetensors_close(file);
    rig_free(&r);
}

static void efficientnet_lite(void **state) {
    (void)state;
    char arguments[3600], cat[1024], parrot[1024];
    if (!data_folder_shared("golden/shicai_cat_224.ppm", cat) || !data_folder_shared("golden/coral_parrot_224.ppm", parrot))
        skip();
    snprintf(arguments, sizeof arguments, "'%s/tools/golden_real_weights.py' '%s' '%s' '%s'", ADAH_SOURCE_DIR, folder.path, cat, parrot);
    const int code = run_python(arguments);
    if (code == STATUS_SKIPPED || code == 127) {
        print_message("SKIPPED: no Python with torch, Pillow and the packages of EfficientNet-Lite (set ADAH_PYTHON)\n");
        skip();
    }
    assert_int_equal(code, 0);
    check_lite("lite0", "efficientnet_lite0");
    check_lite("lite2", "efficientnet_lite2");
}

/* ---------------------------------------------------------------- VGG-19 */

static void vgg19(void **state) {
    (void)state;
    static const char *const photos[] = {"golden/vgg19_shicai_cat.safetensors", "golden/vgg19_coral_parrot.safetensors"};
    char compact[1024], tool[1024], golden[1024], plain[600], arguments[3600];
    rig r;
    if (!data_folder_shared("weights/vgg19_conv.compact.safetensors", compact) || !data_folder_shared("tools/expand_vgg19.py", tool))
        skip();
    if (run_python("-c 'import numpy'")) {
        print_message("SKIPPED: no Python with numpy (set ADAH_PYTHON)\n");
        skip();
    }
    snprintf(plain, sizeof plain, "%s/vgg19.safetensors", folder.path);
    snprintf(arguments, sizeof arguments, "'%s' '%s' '%s'", tool, compact, plain);
    assert_int_equal(run_python(arguments), 0);
    rig_create(&r, "vgg19", plain);
    for (int i = 0; i < 2; i++) {
        adah_safetensors *file;
        assert_int_equal(data_folder_shared(photos[i], golden), 1);
        assert_int_equal(adah_safetensors_open(golden, &file, NULL), ADAH_OK);
        check_map(&r, file, read_tensor(file, "input", ADAH_SHAPE4(1, 3, r.n_side, r.n_side)), "features", photos[i]);
        adah_safetensors_close(file);
    }
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(efficientnet_lite), cmocka_unit_test(vgg19)};
    return cmocka_run_group_tests(tests, begin, end);
}
