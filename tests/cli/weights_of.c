/* weights_of.c - for the tests of the command: weights of a backbone to begin from, and what became of them.
 *
 *     weights_of BACKBONE SIDE FILE      writes seeded weights under the names that a model has for them
 *     weights_of --compare FILE MODEL    each of the backbone's tensors in FILE: "same NAME" or "changed NAME", bit for bit as MODEL has it,
 *                                        a model or a checkpoint, or "absent NAME" */
#include "backbones/backbone.h"
#include "files/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(adah_code code, const adah_status *status) {
    if (code != ADAH_OK) {
        fprintf(stderr, "weights_of: %s\n", status->message);
        exit(1);
    }
}

static void make(const char *backbone, int n_side, const char *path) {
    adah_status status = {.message = "bad arguments"};
    adah_parameters p = {0};
    adah_settings config;
    must(adah_backbone_preset("default", backbone, &config, &status), &status);
    config.n_side = n_side;
    adah_graph *g = adah_graph_create(ADAH_BACKEND_REFERENCE, ADAH_GRAPH_INFER);
    adah_builder b = {.graph = g, .parameters = &p, .config = &config, .creating = 1, .status = &status};
    adah_node_keep(adah_backbone_features(&b, backbone, adah_graph_input(g, ADAH_SHAPE4(1, 3, (size_t)n_side, (size_t)n_side))));
    must(b.failed ? ADAH_ERROR_ARGUMENT : ADAH_OK, &status);
    adah_safetensors_item *items = calloc(p.n, sizeof *items);
    if (!items)
        exit(1);
    for (size_t i = 0; i < p.n; i++)
        items[i] = (adah_safetensors_item){p.item[i]->name, "F32", p.item[i]->shape, p.item[i]->value, p.item[i]->n * sizeof(float)};
    must(adah_safetensors_write(path, items, p.n, NULL, 0, &status), &status);
    free(items);
    adah_graph_free(g);
    adah_parameters_free(&p);
}

static void compare(const char *path, const char *model_path) {
    adah_status status = {.message = ""};
    adah_safetensors *weights, *model;
    must(adah_safetensors_open(path, &weights, &status), &status);
    must(adah_safetensors_open(model_path, &model, &status), &status);
    for (size_t i = 0; i < adah_safetensors_count(weights); i++) {
        const adah_stored_tensor *from = adah_safetensors_at(weights, i), *to = adah_safetensors_find(model, from->name);
        char value[256]; /* as a checkpoint calls it */
        snprintf(value, sizeof value, "value/%s", from->name);
        if (strncmp(from->name, ADAH_BACKBONE_PREFIX ".", strlen(ADAH_BACKBONE_PREFIX ".")))
            continue;
        to = to ? to : adah_safetensors_find(model, value);
        const int is_same = to && to->n_bytes == from->n_bytes && !memcmp(from->bytes, to->bytes, from->n_bytes);
        printf("%s %s\n", is_same ? "same" : to ? "changed" : "absent", from->name);
    }
    adah_safetensors_close(weights);
    adah_safetensors_close(model);
}

int main(int n_arguments, char **argument) {
    if (n_arguments != 4)
        return 2;
    if (!strcmp(argument[1], "--compare"))
        compare(argument[2], argument[3]);
    else
        make(argument[1], atoi(argument[2]), argument[3]);
    return 0;
}
