/* cut.c - finds the cuts of a list of layers, or counts the blocks of a transformer, and builds either part.
 *
 * A cut is kept as a number: of the first layer in the list that learns, or of the first block. */
#include "backbones/cut.h"
#include "backbones/attention_pool.h"
#include "backbones/published.h"
#include "backbones/vision.h"
#include "settings/method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK "blocks."

/* ---------------------------------------------------------------- names */

static const char *own_name(const adah_backbone *backbone, const adah_layer *layer, char name[ADAH_LAYER_NAME_BYTES]) {
    const adah_layer_pattern *pattern = adah_layer_find_pattern(backbone->own, layer);
    return pattern ? adah_layer_name(pattern->layer, &layer->place, name) : NULL;
}

static const char *layer_at(const adah_backbone *backbone, size_t i, char name[ADAH_NAME_BYTES]) {
    char own[ADAH_LAYER_NAME_BYTES];
    adah_layers l = {.n = 0};
    backbone->layers(&l);
    for (int k = 0; k < l.n; k++)
        if (own_name(backbone, &l.item[k], own) && adah_layers_is_cut(&l, k) && i-- == 0) {
            snprintf(name, ADAH_NAME_BYTES, "%.*s", ADAH_NAME_BYTES - 1, own);
            return name;
        }
    return NULL;
}

const char *adah_cut_at(const adah_backbone *backbone, size_t i, char name[ADAH_NAME_BYTES]) {
    if (backbone->layers)
        return layer_at(backbone, i, name);
    if (!backbone->vision || i > backbone->vision->blocks.n_layers)
        return NULL;
    if (i == 0)
        return strcpy(name, "patch");
    snprintf(name, ADAH_NAME_BYTES, BLOCK "%zu", i - 1);
    return name;
}

static adah_code unknown(const adah_backbone *backbone, const char *from, adah_status *status) {
    char known[1600], name[ADAH_NAME_BYTES];
    int n = snprintf(known, sizeof known, adah_cut_at(backbone, 0, name) ? "all, last, or a layer of" : "all; it learns as a whole");
    for (size_t i = 0; adah_cut_at(backbone, i, name) && n < (int)sizeof known - ADAH_NAME_BYTES; i++)
        n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", i ? ", " : " ", name);
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "finetune_from is \"%.100s\", of backbone %s expected %s", from, backbone->name, known);
}

/* "layer4" is layer4.0.conv1, and so is each name on the way. */
static int is_of(const char *name, const char *from) {
    const size_t n = strlen(from);
    return n && !strncmp(name, from, n) && (name[n] == '\0' || name[n] == '.');
}

/* The first layer that has the name or is in what has it, if there is a cut; -1: none. */
static int find_layer(const adah_layers *l, const adah_layer_pattern *patterns, const char *from) {
    char name[ADAH_LAYER_NAME_BYTES];
    for (int i = 0; i < l->n; i++) {
        const adah_layer_pattern *pattern = adah_layer_find_pattern(patterns, &l->item[i]);
        if (pattern && is_of(adah_layer_name(pattern->layer, &l->item[i].place, name), from))
            return adah_layers_is_cut(l, i) ? i : -1;
    }
    return -1;
}

static int find_by_any(const adah_backbone *backbone, const adah_layers *l, const char *from) {
    int found = find_layer(l, backbone->own, from);
    for (const adah_published *p = backbone->published; p && p->source && found < 0; p++)
        found = find_layer(l, p->pattern, from);
    return found;
}

static int find_cut(const adah_backbone *backbone, const char *from, char name[ADAH_NAME_BYTES]) {
    char own[ADAH_LAYER_NAME_BYTES];
    if (backbone->layers) {
        adah_layers l = {.n = 0};
        backbone->layers(&l);
        const char *last = backbone->last ? backbone->last : "";
        const int i = find_by_any(backbone, &l, strcmp(from, "last") ? from : last);
        if (i >= 0)
            snprintf(name, ADAH_NAME_BYTES, "%.*s", ADAH_NAME_BYTES - 1, i ? own_name(backbone, &l.item[i], own) : "all");
        return i >= 0;
    }
    if (!backbone->vision)
        return 0;
    const int block = strcmp(from, "last") ? adah_vision_find_block(backbone->vision, from) : (int)backbone->vision->blocks.n_layers - 1;
    if (block >= 0)
        snprintf(name, ADAH_NAME_BYTES, BLOCK "%d", block);
    else if (!strcmp(from, "patch"))
        strcpy(name, "all");
    return block >= 0 || !strcmp(from, "patch");
}

adah_code adah_cut_find(const adah_backbone *backbone, const char *from, char name[ADAH_NAME_BYTES], adah_status *status) {
    char found[ADAH_NAME_BYTES] = "all";
    if (strcmp(from, "all") && !find_cut(backbone, from, found))
        return unknown(backbone, from, status);
    strcpy(name, found);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- parts */

static size_t block_of(const char *cut) { return strtoul(cut + strlen(BLOCK), NULL, 10); }

/* "image.backbone.NAME.weight" of the layer NAME. */
static int is_parameter_of(const char *parameter, const char *name) {
    const size_t n = strlen(name);
    return !strncmp(parameter, name, n) && parameter[n] == '.' && !strchr(parameter + n + 1, '.');
}

int adah_cut_is_before(const adah_settings *config, const char *parameter) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    const size_t n_prefix = strlen(ADAH_BACKBONE_PREFIX ".");
    char name[ADAH_LAYER_NAME_BYTES];
    if (!adah_settings_learns_part(config) || strncmp(parameter, ADAH_BACKBONE_PREFIX ".", n_prefix))
        return 0;
    parameter += n_prefix;
    if (backbone->vision)
        return adah_vision_is_before(parameter, block_of(config->finetune_from));
    adah_layers l = {.n = 0};
    backbone->layers(&l);
    const int cut = find_layer(&l, backbone->own, config->finetune_from);
    for (int i = 0; i < cut; i++)
        if (own_name(backbone, &l.item[i], name) && is_parameter_of(parameter, name))
            return 1;
    return 0;
}

void adah_cut_freeze(const adah_settings *config, adah_parameters *parameters) {
    for (size_t i = 0; i < parameters->n; i++)
        if (adah_cut_is_before(config, parameters->item[i]->name))
            parameters->item[i]->group = ADAH_GROUP_CONSTANT;
}

int adah_cut_is_late(const adah_settings *config) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    char last[ADAH_NAME_BYTES];
    if (!adah_settings_learns_part(config) || !find_cut(backbone, "last", last))
        return 0;
    if (backbone->vision)
        return block_of(config->finetune_from) >= block_of(last);
    adah_layers l = {.n = 0};
    backbone->layers(&l);
    return find_layer(&l, backbone->own, config->finetune_from) >= find_layer(&l, backbone->own, last);
}

/* ---------------------------------------------------------------- settings */

adah_code adah_backbone_finetune(const char *from, adah_settings *config, adah_status *status) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    ADAH_TRY(adah_cut_find(backbone, from, config->finetune_from, status));
    config->finetune = 1;
    if (config->preset == ADAH_PRESET_DEFAULT && adah_method_find(config->method)->has_attention &&
        adah_settings_learns_all(config)) { /* chosen on frozen features alone */
        config->attention = 1;
        config->weight_decay = config->dropout = 0;
        config->word_pairs = 0;
        config->n_text_hidden = config->n_text_feature = 512;
        config->n_fine = config->n_appearance = 0;
        config->picture_share = 0;
        config->standard_features = 0;
    }
    if (backbone->n_batch_max && config->n_batch > backbone->n_batch_max && !adah_cut_is_late(config))
        config->n_batch = backbone->n_batch_max;
    return ADAH_OK;
}

adah_code adah_backbone_check(const adah_settings *config, adah_status *status) {
    ADAH_TRY(adah_settings_check(config, status));
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    if (!backbone)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone is \"%s\", expected one of %s", config->backbone,
                         adah_backbone_names());
    if (config->n_side < backbone->n_side_min)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_side is %d, %s needs at least %d", config->n_side, backbone->name,
                         backbone->n_side_min);
    char cut[ADAH_NAME_BYTES];
    ADAH_TRY(adah_cut_find(backbone, config->finetune_from, cut, status));
    if (strcmp(cut, config->finetune_from))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "finetune_from is \"%s\", expected %s, which is the same", config->finetune_from, cut);
    if (config->pooling == ADAH_POOL_FLATTEN && !backbone->has_fc)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "pooling \"flatten\" needs a backbone with fully connected layers, %s has none",
                         backbone->name);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- building */

adah_node *adah_backbone_begin(adah_builder *b, adah_node *x) {
    const adah_backbone *backbone = adah_backbone_find(b->config->backbone);
    if (backbone->vision)
        return adah_vision_begin(b, backbone->vision, block_of(b->config->finetune_from), x);
    adah_layers l = {.n = 0};
    backbone->layers(&l);
    return adah_layers_build(&l, backbone->own, b, 0, find_layer(&l, backbone->own, b->config->finetune_from), x);
}

adah_node *adah_backbone_end(adah_builder *b, adah_node *x) {
    const adah_backbone *backbone = adah_backbone_find(b->config->backbone);
    if (backbone->vision) {
        const size_t n_side = (size_t)b->config->n_side / backbone->vision->n_patch;
        return adah_vision_end(b, backbone->vision, block_of(b->config->finetune_from), n_side, n_side, x);
    }
    adah_layers l = {.n = 0};
    backbone->layers(&l);
    adah_node *f = adah_layers_build(&l, backbone->own, b, find_layer(&l, backbone->own, b->config->finetune_from), l.n, x);
    return backbone->pool ? adah_attention_pool_build(b, backbone->pool, f) : f;
}
