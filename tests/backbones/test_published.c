/* (golden) test_published.c - weights as torchvision, timm, transformers and EfficientNet-PyTorch name them: told apart, loaded with their
 * normalisation folded in, and run to the feature maps that those packages compute (tools/golden_networks.py); what a file lacks or has too
 * much is said by name. Weights and picture come from a formula, so that networks.golden holds names, shapes and a few values. */
#define _XOPEN_SOURCE 700
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "base/memory.h"
#include "files/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "temporary_folder.h"

enum { TENSORS_MAX = 500, VALUES_MAX = 64, LINE_BYTES = 256 };

typedef struct golden_network {
    char name[64], source[64];
    size_t side, map[3];
    double largest, gain, steepest;
    size_t n_tensors, n_values, n_gradients;
    adah_safetensors_item tensor[TENSORS_MAX];
    size_t place[VALUES_MAX];
    double value[VALUES_MAX];
    size_t gradient_place[VALUES_MAX]; /* of the pixels, where the loss is the sum of the map times the tensor "loss" */
    double gradient[VALUES_MAX];
} golden_network;

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

/* ---------------------------------------------------------------- the formula */

static uint32_t hash_of(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

static double number(uint32_t seed, uint32_t i) {
    uint32_t x = i * 2654435761u + seed;
    x = (x ^ x >> 16) * 0x45d9f3bu;
    x = (x ^ x >> 16) * 0x45d9f3bu;
    x ^= x >> 16;
    return (double)(x >> 8) / 8388608 - 1;
}

static int ends(const char *name, const char *end_of_it) {
    const size_t n = strlen(name), m = strlen(end_of_it);
    return n >= m && !strcmp(name + n - m, end_of_it);
}

static float *tensor_of(const char *name, adah_shape shape, double gain) {
    const size_t n = adah_shape_count(shape);
    float *x = malloc(n * sizeof *x);
    const uint32_t seed = hash_of(name);
    const double width = sqrt(gain / ((double)n / (double)shape.dim[0]));
    const double scale = ends(name, "running_var") ? 0.5 : shape.n_dims > 1 ? width : 0.25;
    const double shift = ends(name, "running_var") || (shape.n_dims == 1 && ends(name, "weight")) ? 1 : 0;
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(shift + scale * number(seed, (uint32_t)i));
    return x;
}

/* ---------------------------------------------------------------- the file of goldens */

static FILE *open_golden(void) {
    FILE *file = fopen(ADAH_SOURCE_DIR "/tests/backbones/networks.golden", "r");
    assert_non_null(file);
    return file;
}

static void read_tensor(golden_network *g, char *line) {
    char *rest = NULL;
    const char *name = strtok_r(line, " ", &rest);
    adah_shape shape = {0};
    for (const char *dim; (dim = strtok_r(NULL, " ", &rest)); shape.n_dims++) {
        assert_true(shape.n_dims < 4);
        shape.dim[shape.n_dims] = (size_t)atol(dim);
    }
    assert_true(g->n_tensors < TENSORS_MAX);
    float *x = tensor_of(name, shape, g->gain);
    g->tensor[g->n_tensors++] =
        (adah_safetensors_item){strdup(name), "F32", shape, x, adah_shape_count(shape) * sizeof(float)};
}

static void network_free(golden_network *g) {
    for (size_t i = 0; i < g->n_tensors; i++) {
        free((char *)(uintptr_t)g->tensor[i].name);
        free((void *)(uintptr_t)g->tensor[i].data);
    }
    free(g);
}

/* The next network; NULL: there is none. */
static golden_network *network_next(FILE *file) {
    golden_network *g = calloc(1, sizeof *g);
    char line[LINE_BYTES];
    assert_non_null(g);
    for (long at = ftell(file); fgets(line, sizeof line, file); at = ftell(file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "network ", 8)) {
            if (*g->name) {
                fseek(file, at, SEEK_SET);
                return g;
            }
            assert_int_equal(sscanf(line, "network %63s %63[^\n]", g->name, g->source), 2);
        } else if (!strncmp(line, "tensor ", 7)) {
            read_tensor(g, line + 7);
        } else if (!strncmp(line, "value ", 6)) {
            assert_true(g->n_values < VALUES_MAX);
            assert_int_equal(sscanf(line, "value %zu %lf", &g->place[g->n_values], &g->value[g->n_values]), 2);
            g->n_values++;
        } else if (!strncmp(line, "gradient ", 9)) {
            assert_true(g->n_gradients < VALUES_MAX);
            assert_int_equal(sscanf(line, "gradient %zu %lf", &g->gradient_place[g->n_gradients], &g->gradient[g->n_gradients]), 2);
            g->n_gradients++;
        } else {
            assert_true(sscanf(line, "side %zu", &g->side) == 1 || sscanf(line, "steepest %lf", &g->steepest) == 1 || sscanf(line, "largest %lf", &g->largest) == 1 ||
                        sscanf(line, "gain %lf", &g->gain) == 1 ||
                        sscanf(line, "map %zu %zu %zu", &g->map[0], &g->map[1], &g->map[2]) == 3);
        }
    }
    if (*g->name)
        return g;
    free(g);
    return NULL;
}

static golden_network *network_find(const char *name, const char *source) {
    FILE *file = open_golden();
    golden_network *g;
    while ((g = network_next(file)) && (strcmp(g->name, name) || strcmp(g->source, source)))
        network_free(g);
    fclose(file);
    assert_non_null(g);
    return g;
}

static void write_weights(const golden_network *g, const char *path) {
    adah_status status = {0};
    if (adah_safetensors_write(path, g->tensor, g->n_tensors, NULL, 0, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

/* ---------------------------------------------------------------- running */

typedef struct rig {
    adah_settings config;
    adah_parameters parameters;
    adah_graph *graph;
    adah_node *x, *f;
} rig;

static adah_code rig_create_for(rig *r, adah_graph_mode mode, const char *backbone, size_t side, const char *path, adah_status *status) {
    adah_weights *weights;
    *r = (rig){.graph = adah_graph_create(ADAH_BACKEND_ONEDNN, mode)};
    assert_int_equal(adah_backbone_preset("default", backbone, &r->config, NULL), ADAH_OK);
    r->config.n_side = (int)side;
    ADAH_TRY(adah_weights_open(path, &weights, status));
    assert_int_equal(adah_backbone_prepare(weights, &r->config, NULL), ADAH_OK);
    adah_builder b = {.graph = r->graph, .parameters = &r->parameters, .config = &r->config, .creating = 1, .status = status};
    r->x = adah_graph_input(r->graph, ADAH_SHAPE4(1, 3, side, side));
    r->f = adah_backbone_features(&b, backbone, r->x);
    if (mode == ADAH_GRAPH_TRAIN)
        adah_node_keep(r->x);
    adah_node_keep(r->f);
    adah_code code = adah_graph_build(r->graph, status);
    if (code == ADAH_OK)
        code = adah_backbone_load(&r->parameters, &r->config, weights, status);
    adah_weights_close(weights);
    return code;
}

static adah_code rig_create(rig *r, const char *backbone, size_t side, const char *path, adah_status *status) {
    return rig_create_for(r, ADAH_GRAPH_INFER, backbone, side, path, status);
}

static void rig_free(rig *r) {
    adah_graph_free(r->graph);
    adah_parameters_free(&r->parameters);
}

/* Differences relative to the largest value of the map. */
static double worst_difference(const golden_network *g, const rig *r) {
    float *picture = tensor_of("picture", ADAH_SHAPE4(1, 3, g->side, g->side), 3);
    adah_status status = {0};
    memcpy(adah_node_value(r->x), picture, 3 * g->side * g->side * sizeof *picture);
    free(picture);
    if (adah_graph_forward(r->graph, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    double worst = 0;
    for (size_t i = 0; i < g->n_values; i++) {
        const double difference = fabs((double)adah_node_value(r->f)[g->place[i]] - g->value[i]) / g->largest;
        worst = !(difference <= worst) ? difference : worst;
    }
    return worst;
}

/* How the pixels' gradient differs, relative to its largest value. */
static double worst_gradient(const golden_network *g, const char *path) {
    const adah_shape map = ADAH_SHAPE4(1, g->map[0], g->map[1], g->map[2]);
    adah_status status = {0};
    rig r;
    if (rig_create_for(&r, ADAH_GRAPH_TRAIN, g->name, g->side, path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    float *loss = tensor_of("loss", map, 3);
    assert_int_equal(adah_parameters_train(&r.parameters, ADAH_GROUP_BACKBONE, &status), ADAH_OK);
    worst_difference(g, &r);
    adah_graph_clear_gradients(r.graph);
    memcpy(adah_node_gradient(r.f), loss, adah_shape_count(map) * sizeof *loss);
    assert_int_equal(adah_graph_backward(r.graph, ADAH_GROUP_BACKBONE, &status), ADAH_OK);
    double worst = 0;
    for (size_t i = 0; i < g->n_gradients; i++) {
        const double difference = fabs((double)adah_node_gradient(r.x)[g->gradient_place[i]] - g->gradient[i]) / g->steepest;
        worst = !(difference <= worst) ? difference : worst;
    }
    free(loss);
    rig_free(&r);
    return worst;
}

static void check_network(const golden_network *g) {
    char path[512];
    adah_status status = {0};
    adah_weights *weights;
    adah_weights_match match;
    rig r;
    TEMPORARY_PATH(folder, "weights.safetensors", path);
    write_weights(g, path);
    assert_int_equal(adah_weights_open(path, &weights, &status), ADAH_OK);
    adah_weights_match_backbone(weights, adah_backbone_find(g->name), &match);
    adah_weights_close(weights);
    assert_non_null(match.published);
    assert_string_equal(match.published->source, g->source);
    if (rig_create(&r, g->name, g->side, path, &status) != ADAH_OK)
        fail_msg("%s (%s): %s", g->name, g->source, status.message);
    assert_true(adah_shape_equal(adah_node_shape(r.f), ADAH_SHAPE4(1, g->map[0], g->map[1], g->map[2])));
    const double worst = worst_difference(g, &r);
    print_message("%s (%s): differs by %.2g of the largest value %.4g\n", g->name, g->source, worst, g->largest);
    assert_true(worst <= 1e-4);
    rig_free(&r);
    if (!g->n_gradients)
        return;
    const double worst_of_gradients = worst_gradient(g, path);
    print_message("its gradient: by %.2g of the largest value %.4g\n", worst_of_gradients, g->steepest);
    assert_true(worst_of_gradients <= 1e-3);
}

static void every_network(void **state) {
    (void)state;
    FILE *file = open_golden();
    size_t n = 0;
    for (golden_network *g; (g = network_next(file)); n++) {
        check_network(g);
        network_free(g);
    }
    fclose(file);
    assert_true(n > 0);
}

/* ---------------------------------------------------------------- what a file lacks or has too much */

static void load_fails(const golden_network *g, const char *backbone, const char *says) {
    char path[512];
    adah_status status = {0};
    rig r;
    TEMPORARY_PATH(folder, "weights.safetensors", path);
    write_weights(g, path);
    assert_int_equal(rig_create(&r, backbone, 64, path, &status), ADAH_ERROR_MISMATCH);
    if (!strstr(status.message, says))
        fail_msg("\"%s\" does not say \"%s\"", status.message, says);
    rig_free(&r);
}

static adah_safetensors_item *find(golden_network *g, const char *name) {
    for (size_t i = 0; i < g->n_tensors; i++)
        if (!strcmp(g->tensor[i].name, name))
            return &g->tensor[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void rename_tensor(golden_network *g, const char *from, const char *to) {
    adah_safetensors_item *t = find(g, from);
    free((char *)(uintptr_t)t->name);
    t->name = strdup(to);
}

static void faults_are_named(void **state) {
    (void)state;
    golden_network *g = network_find("resnet18", "torchvision, timm");
    load_fails(g, "resnet50", "'layer1.0.conv1.weight' has shape 64 x 64 x 3 x 3, expected 64 x 64 x 1 x 1");
    load_fails(g, "efficientnet_lite0", "has none of the names of efficientnet_lite0's weights");
    load_fails(g, "efficientnet_lite0", "it is resnet18 (torchvision, timm)");
    rename_tensor(g, "layer2.1.bn2.running_mean", "layer2.1.bn2.mean");
    load_fails(g, "resnet18", "no tensor 'layer2.1.bn2.running_mean', expected one of shape 128");
    rename_tensor(g, "layer2.1.bn2.mean", "layer2.1.bn2.running_mean");
    rename_tensor(g, "fc.weight", "layer5.weight");
    load_fails(g, "resnet18", "'layer5.weight' is no part of resnet18");
    network_free(g);
}

/* What stands before all names does not matter, and what has other beginnings is of something else. */
static void prefixes(void **state) {
    (void)state;
    golden_network *g = network_find("mobilenet_v2", "torchvision");
    char path[512], name[256];
    adah_status status = {0};
    rig r;
    for (size_t i = 0; i < g->n_tensors; i++) {
        snprintf(name, sizeof name, "state_dict.module.%s", g->tensor[i].name);
        float *x = tensor_of(g->tensor[i].name, g->tensor[i].shape, g->gain);
        rename_tensor(g, g->tensor[i].name, name);
        free((void *)(uintptr_t)g->tensor[i].data);
        g->tensor[i].data = x;
    }
    static const float one = 1;
    float *step = malloc(sizeof one);
    *step = one;
    g->tensor[g->n_tensors++] = (adah_safetensors_item){strdup("optimiser.step"), "F32", ADAH_SHAPE1(1), step, sizeof one};
    TEMPORARY_PATH(folder, "weights.safetensors", path);
    write_weights(g, path);
    if (rig_create(&r, "mobilenet_v2", g->side, path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_true(worst_difference(g, &r) <= 1e-4);
    rig_free(&r);
    network_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
