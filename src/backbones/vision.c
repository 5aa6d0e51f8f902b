/* vision.c - builds a transformer on pictures, and finds its tensors by the names of those who publish them. */
#include "backbones/vision.h"
#include "backbones/clip_pixels.h"
#include "backbones/resample.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN(name) ADAH_BACKBONE_PREFIX "." name

enum { GROUP = ADAH_GROUP_BACKBONE };

/* ---------------------------------------------------------------- building */

/* A learned row looks at all: (B, P, C) -> (B, 1, C). */
static adah_node *gather(adah_builder *b, const adah_vision *v, adah_node *x) {
    const adah_transformer *t = &v->blocks;
    adah_parameter *probe = adah_builder_parameter(b, ADAH_BACKBONE_PREFIX, "probe", ADAH_SHAPE2(1, t->n_channels), ADAH_INIT_GLOROT, GROUP);
    adah_node *rows = adah_graph_prepend_rows(b->graph, NULL, adah_node_shape(x).dim[0], probe);
    rows = adah_transformer_linear(b, OWN("gather.query"), rows, t->n_channels, 1, GROUP);
    adah_node *other = adah_transformer_linear(b, OWN("gather.attention"), x, 2 * t->n_channels, 1, GROUP);
    rows = adah_graph_attention(b->graph, rows, other, NULL, (adah_attention_form){.n_heads = t->n_heads});
    rows = adah_transformer_linear(b, OWN("gather.projection"), rows, t->n_channels, 1, GROUP);
    adah_node *y = adah_transformer_norm(b, OWN("gather.norm"), rows, t->epsilon, GROUP);
    y = adah_graph_gelu(b->graph, adah_transformer_linear(b, OWN("gather.up"), y, t->n_hidden, 1, GROUP), t->gelu);
    return adah_graph_add(b->graph, rows, adah_transformer_linear(b, OWN("gather.down"), y, t->n_channels, 1, GROUP));
}

adah_node *adah_vision_begin(adah_builder *b, const adah_vision *v, size_t cut, adah_node *x) {
    if (!x)
        return NULL;
    const adah_transformer *t = &v->blocks;
    const size_t n_squares = (adah_node_shape(x).dim[2] / v->n_patch) * (adah_node_shape(x).dim[3] / v->n_patch);
    adah_graph *g = b->graph;
    x = adah_graph_patches(g, x, v->n_patch);
    x = adah_transformer_linear(b, OWN("patch"), x, t->n_channels, v->has_patch_bias, GROUP);
    if (v->has_class)
        x = adah_graph_prepend_rows(g, x, 0, adah_builder_parameter(b, ADAH_BACKBONE_PREFIX, "class", ADAH_SHAPE2(1, t->n_channels),
                                                                    ADAH_INIT_GLOROT, GROUP));
    x = adah_graph_add_rows(g, x, adah_builder_parameter(b, ADAH_BACKBONE_PREFIX, "positions",
                                                         ADAH_SHAPE2(n_squares + (v->has_class ? 1 : 0), t->n_channels),
                                                         ADAH_INIT_GLOROT, GROUP));
    if (v->has_norm_before)
        x = adah_transformer_norm(b, OWN("norm_before"), x, t->epsilon, GROUP);
    for (size_t i = 0; i < cut; i++)
        x = adah_transformer_block(b, OWN("blocks"), i, t, x, NULL, GROUP);
    return x;
}

adah_node *adah_vision_end(adah_builder *b, const adah_vision *v, size_t cut, size_t height, size_t width, adah_node *x) {
    const adah_transformer *t = &v->blocks;
    for (size_t i = cut; i < t->n_layers; i++)
        x = adah_transformer_block(b, OWN("blocks"), i, t, x, NULL, GROUP);
    x = adah_transformer_norm(b, OWN("norm"), x, t->epsilon, GROUP);
    adah_node *picture = v->has_class || !x ? x : gather(b, v, x);
    if (v->n_projected) {
        x = adah_transformer_linear(b, OWN("joint"), x, v->n_projected, 0, GROUP);
        picture = v->has_class ? x : adah_transformer_linear(b, OWN("joint"), picture, v->n_projected, 0, GROUP);
    }
    return adah_graph_map(b->graph, x, height, width, adah_graph_pool_rows(b->graph, picture, NULL, ADAH_ROW_FIRST));
}

adah_node *adah_vision_features(adah_builder *b, const adah_vision *v, adah_node *x) {
    if (!x)
        return NULL;
    const adah_shape s = adah_node_shape(x);
    return adah_vision_end(b, v, 0, s.dim[2] / v->n_patch, s.dim[3] / v->n_patch, adah_vision_begin(b, v, 0, x));
}

int adah_vision_is_before(const char *name, size_t cut) {
    static const char *const first[] = {"patch.", "class", "positions", "norm_before."};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (!strncmp(name, first[i], strlen(first[i])))
            return 1;
    return !strncmp(name, "blocks.", strlen("blocks.")) && strtoul(name + strlen("blocks."), NULL, 10) < cut;
}

/* ---------------------------------------------------------------- who publishes */

/* Whole names; NULL: there is none. "blocks": what stands before the number. */
typedef struct layout {
    const char *publisher;
    const char *patch, *patch_bias, *class_token, *positions, *norm_before, *norm; /* norms up to "weight" and "bias" */
    const char *blocks;
    const adah_transformer_names *names;
    const char *joint; /* (D, C) */
    int is_turned;     /* or (C, D) */
    const char *probe, *gather, *gather_projection, *gather_norm, *gather_up, *gather_down; /* gather: "..._in_proj_" */
    const char *before; /* what may stand before all of the names, with blanks between */
    adah_style style;
    float mean[3], deviation[3]; /* of ADAH_STYLE_MEASURED */
} layout;

#define HUGGING_EMBEDDINGS                                                                                                           \
    .patch = "embeddings.patch_embeddings.projection.weight", .patch_bias = "embeddings.patch_embeddings.projection.bias",           \
    .class_token = "embeddings.cls_token", .positions = "embeddings.position_embeddings", .norm = "layernorm.", \
    .blocks = "encoder.layer.", .before = "vit. deit. dinov2. model."
#define TIMM_EMBEDDINGS                                                                                                              \
    .patch = "patch_embed.proj.weight", .patch_bias = "patch_embed.proj.bias", .class_token = "cls_token", .positions = "pos_embed", \
    .norm = "norm.", .blocks = "blocks.", .before = "model. module. state_dict. teacher.backbone."

static const layout layouts[] = {
    {.publisher = "Hugging Face transformers, ViT", HUGGING_EMBEDDINGS, .names = &adah_transformer_names_vit, .style = ADAH_STYLE_TENSORFLOW},
    {.publisher = "Hugging Face transformers, DINOv2", HUGGING_EMBEDDINGS, .names = &adah_transformer_names_dinov2,
     .style = ADAH_STYLE_TORCHVISION},
    {.publisher = "timm, or DeiT's authors", TIMM_EMBEDDINGS, .names = &adah_transformer_names_timm, .style = ADAH_STYLE_TENSORFLOW},
    {.publisher = "timm, or DINOv2's authors", TIMM_EMBEDDINGS, .names = &adah_transformer_names_timm_scaled,
     .style = ADAH_STYLE_TORCHVISION},
    {.publisher = "torchvision", .patch = "conv_proj.weight", .patch_bias = "conv_proj.bias", .class_token = "class_token",
     .positions = "encoder.pos_embedding", .norm = "encoder.ln.", .blocks = "encoder.layers.encoder_layer_",
     .names = &adah_transformer_names_torchvision, .style = ADAH_STYLE_TORCHVISION, .before = "model. module."},
    {.publisher = "Hugging Face transformers, CLIP", .patch = "vision_model.embeddings.patch_embedding.weight",
     .class_token = "vision_model.embeddings.class_embedding", .positions = "vision_model.embeddings.position_embedding.weight",
     .norm_before = "vision_model.pre_layrnorm.", .norm = "vision_model.post_layernorm.", .blocks = "vision_model.encoder.layers.",
     .names = &adah_transformer_names_clip, .joint = "visual_projection.weight", .before = "clip. model.", ADAH_PIXELS_OF_CLIP},
    {.publisher = "OpenAI", .patch = "conv1.weight", .class_token = "class_embedding", .positions = "positional_embedding",
     .norm_before = "ln_pre.", .norm = "ln_post.", .blocks = "transformer.resblocks.", .names = &adah_transformer_names_openai,
     .joint = "proj", .is_turned = 1, .before = "visual. module.visual. model.visual. state_dict.visual.", ADAH_PIXELS_OF_CLIP},
    {.publisher = "Hugging Face transformers, SigLIP", .patch = "embeddings.patch_embedding.weight",
     .patch_bias = "embeddings.patch_embedding.bias", .positions = "embeddings.position_embedding.weight",
     .norm = "post_layernorm.", .blocks = "encoder.layers.", .names = &adah_transformer_names_clip,
     .probe = "head.probe", .gather = "head.attention.in_proj_",
     .gather_projection = "head.attention.out_proj.", .gather_norm = "head.layernorm.",
     .gather_up = "head.mlp.fc1.", .gather_down = "head.mlp.fc2.", .before = "vision_model. siglip.vision_model. model.vision_model.",
     .style = ADAH_STYLE_TENSORFLOW}};
enum { N_LAYOUTS = sizeof layouts / sizeof *layouts };

int adah_vision_find_block(const adah_vision *v, const char *name) {
    const size_t n = strlen(name);
    size_t n_before = n;
    while (n_before && name[n_before - 1] >= '0' && name[n_before - 1] <= '9')
        n_before--;
    const unsigned long block = n_before < n ? strtoul(name + n_before, NULL, 10) : v->blocks.n_layers;
    for (size_t i = 0; i < N_LAYOUTS && block < v->blocks.n_layers; i++) {
        const size_t n_own = strlen(layouts[i].blocks);
        if (n_before >= n_own && !strncmp(name + n_before - n_own, layouts[i].blocks, n_own) &&
            (n_before == n_own || name[n_before - n_own - 1] == '.'))
            return (int)block;
    }
    return -1;
}

/* The names of a file: a layout and what stands before. */
typedef struct file {
    const layout *l;
    char before[32];
    const adah_weights *weights;
    const adah_parameters *parameters;
} file;

static const char *name_in(const file *f, const char *name, const char *kind, char text[ADAH_PARAMETER_NAME_BYTES]) {
    snprintf(text, ADAH_PARAMETER_NAME_BYTES, "%s%s%s", f->before, name, kind);
    return text;
}

static int has(const file *f, const char *name, const char *kind) {
    char text[ADAH_PARAMETER_NAME_BYTES];
    return adah_weights_find(f->weights, name_in(f, name, kind, text)) != NULL;
}

/* Whether the file has the first square's weights, the last norm and the first layer's attention by these names, and layer scale as it should. */
static int fits(const file *f, const adah_vision *v) {
    const layout *l = f->l;
    char text[64];
    if (v->n_projected ? !l->joint : l->joint != NULL)
        return 0;
    if ((l->class_token != NULL) != v->has_class || (l->names->scale1 != NULL) != v->is_scaled)
        return 0;
    snprintf(text, sizeof text, "%s0.%s", l->blocks, l->names->query);
    return has(f, l->patch, "") && has(f, l->norm, "weight") && has(f, text, "weight");
}

static int find_layout(const adah_vision *v, const adah_weights *weights, file *f) {
    f->weights = weights;
    for (size_t i = 0; i < N_LAYOUTS; i++) {
        f->l = &layouts[i];
        f->before[0] = '\0';
        const char *next = f->l->before;
        while (!fits(f, v)) {
            const size_t n = strcspn(next, " ");
            if (!n)
                break;
            snprintf(f->before, sizeof f->before, "%.*s", (int)n, next);
            next += n + (next[n] == ' ');
            if (fits(f, v))
                return 1;
        }
        if (fits(f, v))
            return 1;
    }
    return 0;
}

/* ---------------------------------------------------------------- loading */

/* Tensor `name` to a parameter, whose rows may be written with another shape. */
static adah_code load(const file *f, const char *own, const char *name, const char *kind, adah_shape shape, adah_status *status) {
    char text[ADAH_PARAMETER_NAME_BYTES], parameter[ADAH_PARAMETER_NAME_BYTES];
    snprintf(parameter, sizeof parameter, "%s%s", own, kind);
    return adah_transformer_load_one(f->parameters, parameter, name_in(f, name, kind, text), shape, f->weights, status);
}

/* ".weight" and ".bias" of a layer or a norm. */
static adah_code load_layer(const file *f, const char *own, const char *name, adah_status *status) {
    const adah_shape same = {0};
    ADAH_TRY(load(f, own, name, "weight", same, status));
    return load(f, own, name, "bias", same, status);
}

/* A file may have the row of the class token with dimensions of 1 before it. */
static adah_code load_row(const file *f, const char *own, const char *name, adah_status *status) {
    char text[ADAH_PARAMETER_NAME_BYTES];
    const adah_stored_tensor *t = adah_weights_find(f->weights, name_in(f, name, "", text));
    const adah_parameter *p = adah_parameters_find(f->parameters, own);
    const size_t n = p->n;
    return load(f, own, name, "", t && t->n_dims == 1 ? ADAH_SHAPE1(n) : t && t->n_dims == 3 ? ADAH_SHAPE3(1, 1, n) : ADAH_SHAPE2(1, n),
                status);
}

static size_t whole_root(size_t n) {
    size_t root = 0;
    while ((root + 1) * (root + 1) <= n)
        root++;
    return root;
}

/* The rows of positions, resampled where the file's grid is another one. */
static adah_code load_positions(const file *f, const adah_vision *v, size_t n_grid, adah_status *status) {
    char text[ADAH_PARAMETER_NAME_BYTES];
    adah_parameter *p = adah_parameters_find(f->parameters, OWN("positions"));
    const char *name = name_in(f, f->l->positions, "", text);
    const adah_stored_tensor *t = adah_weights_find(f->weights, name);
    const size_t n = v->blocks.n_channels, n_before = v->has_class ? 1 : 0;
    const size_t n_rows = t && t->n_dims >= 2 ? t->dim[t->n_dims - 2] : p->shape.dim[0], n_from = whole_root(n_rows - n_before);
    const adah_shape shape = t && t->n_dims == 3 ? ADAH_SHAPE3(1, n_rows, n) : ADAH_SHAPE2(n_rows, n);
    if (n_rows <= n_before || n_from * n_from + n_before != n_rows)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: tensor \"%s\" has %zu rows, expected %zu more than a square number",
                         adah_weights_path(f->weights), name, n_rows, n_before);
    float *rows = adah_memory_floats(n_rows * n);
    if (!rows)
        return adah_fail_memory(status, n_rows * n * sizeof *rows);
    const adah_code code = adah_weights_read(f->weights, name, shape, rows, status);
    if (code == ADAH_OK && n_from == n_grid) {
        memcpy(p->value, rows, p->n * sizeof *rows);
    } else if (code == ADAH_OK) {
        memcpy(p->value, rows, n_before * n * sizeof *rows);
        adah_resample_grid(rows + n_before * n, n_from, p->value + n_before * n, n_grid, n);
    }
    adah_memory_free(rows);
    p->version++;
    return code;
}

/* The projection, which OpenAI writes (C, D). */
static adah_code load_joint(const file *f, adah_status *status) {
    adah_parameter *p = adah_parameters_find(f->parameters, OWN("joint.weight"));
    const size_t n_out = p->shape.dim[0], n_in = p->shape.dim[1];
    if (!f->l->is_turned)
        return load(f, OWN("joint.weight"), f->l->joint, "", (adah_shape){0}, status);
    char text[ADAH_PARAMETER_NAME_BYTES];
    float *turned = adah_memory_floats(p->n);
    if (!turned)
        return adah_fail_memory(status, p->n * sizeof *turned);
    const adah_code code =
        adah_weights_read(f->weights, name_in(f, f->l->joint, "", text), ADAH_SHAPE2(n_in, n_out), turned, status);
    for (size_t i = 0; code == ADAH_OK && i < p->n; i++)
        p->value[i] = turned[i % n_in * n_out + i / n_in];
    adah_memory_free(turned);
    p->version++;
    return code;
}

/* The learned row's attention: queries, keys and values are one tensor there. */
static adah_code load_gather(const file *f, const adah_vision *v, adah_status *status) {
    static const char *const kinds[] = {"weight", "bias"};
    const layout *l = f->l;
    const size_t n = v->blocks.n_channels;
    ADAH_TRY(load_row(f, OWN("probe"), l->probe, status));
    for (size_t i = 0; i < 2; i++) {
        char text[ADAH_PARAMETER_NAME_BYTES], own[ADAH_PARAMETER_NAME_BYTES];
        adah_parameter *q = adah_parameters_find(f->parameters, adah_builder_name(own, OWN("gather.query"), kinds[i]));
        adah_parameter *kv = adah_parameters_find(f->parameters, adah_builder_name(own, OWN("gather.attention"), kinds[i]));
        float *all = adah_memory_floats(q->n + kv->n);
        if (!all)
            return adah_fail_memory(status, (q->n + kv->n) * sizeof *all);
        const adah_code code = adah_weights_read(f->weights, name_in(f, l->gather, kinds[i], text),
                                                 i ? ADAH_SHAPE1(3 * n) : ADAH_SHAPE2(3 * n, n), all, status);
        if (code == ADAH_OK) {
            memcpy(q->value, all, q->n * sizeof *all);
            memcpy(kv->value, all + q->n, kv->n * sizeof *all);
        }
        adah_memory_free(all);
        if (code != ADAH_OK)
            return code;
        q->version++;
        kv->version++;
    }
    ADAH_TRY(load_layer(f, OWN("gather.projection."), l->gather_projection, status));
    ADAH_TRY(load_layer(f, OWN("gather.norm."), l->gather_norm, status));
    ADAH_TRY(load_layer(f, OWN("gather.up."), l->gather_up, status));
    return load_layer(f, OWN("gather.down."), l->gather_down, status);
}

static adah_code load_all(const file *f, const adah_vision *v, size_t n_side, adah_status *status) {
    const layout *l = f->l;
    const adah_shape same = {0}, squares = ADAH_SHAPE4(v->blocks.n_channels, 3, v->n_patch, v->n_patch);
    char blocks[ADAH_PARAMETER_NAME_BYTES];
    ADAH_TRY(load(f, OWN("patch.weight"), l->patch, "", squares, status));
    if (v->has_patch_bias)
        ADAH_TRY(load(f, OWN("patch.bias"), l->patch_bias, "", same, status));
    if (v->has_class)
        ADAH_TRY(load_row(f, OWN("class"), l->class_token, status));
    ADAH_TRY(load_positions(f, v, n_side / v->n_patch, status));
    if (v->has_norm_before)
        ADAH_TRY(load_layer(f, OWN("norm_before."), l->norm_before, status));
    ADAH_TRY(adah_transformer_load(f->parameters, OWN("blocks"), &v->blocks, name_in(f, l->blocks, "", blocks), l->names, f->weights, status));
    ADAH_TRY(load_layer(f, OWN("norm."), l->norm, status));
    if (!v->has_class)
        ADAH_TRY(load_gather(f, v, status));
    return v->n_projected ? load_joint(f, status) : ADAH_OK;
}

adah_code adah_vision_load(const adah_parameters *parameters, const adah_vision *v, size_t n_side, const adah_weights *weights,
                           adah_status *status) {
    file f = {.parameters = parameters};
    if (!find_layout(v, weights, &f))
        return adah_fail(status, ADAH_ERROR_MISMATCH,
                         "%s: no names of this network: neither those of Hugging Face transformers, timm, torchvision nor of its authors",
                         adah_weights_path(weights));
    return load_all(&f, v, n_side, status);
}

void adah_vision_prepare(const adah_vision *v, const adah_weights *weights, adah_settings *config) {
    file f = {0};
    if (!find_layout(v, weights, &f))
        return;
    config->weights_style = v->is_imagenet ? ADAH_STYLE_TORCHVISION : f.l->style;
    if (config->weights_style != ADAH_STYLE_MEASURED)
        return;
    config->mean_red = f.l->mean[0];
    config->mean_green = f.l->mean[1];
    config->mean_blue = f.l->mean[2];
    config->deviation_red = f.l->deviation[0];
    config->deviation_green = f.l->deviation[1];
    config->deviation_blue = f.l->deviation[2];
}

const char *adah_vision_publisher(const adah_vision *v, const adah_weights *weights) {
    file f = {0};
    char text[ADAH_PARAMETER_NAME_BYTES], name[64], next[64];
    if (!find_layout(v, weights, &f))
        return NULL;
    const adah_stored_tensor *squares = adah_weights_find(weights, name_in(&f, f.l->patch, "", text));
    snprintf(name, sizeof name, "%s%zu.%s", f.l->blocks, v->blocks.n_layers - 1, f.l->names->query);
    snprintf(next, sizeof next, "%s%zu.%s", f.l->blocks, v->blocks.n_layers, f.l->names->query);
    return adah_stored_tensor_fits(squares, ADAH_SHAPE4(v->blocks.n_channels, 3, v->n_patch, v->n_patch)) &&
                   has(&f, name, "weight") && !has(&f, next, "weight")
               ? f.l->publisher
               : NULL;
}
