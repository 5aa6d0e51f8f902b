/* published.c - tries each way of naming on a file, and reads layer by layer.
 *
 * What stands before all names ("state_dict.", "module.", "resnet.") is found by the first layer: where a tensor's name ends as that
 * layer's does and has its shape, the rest is the prefix, of several the shortest. */
#include "backbones/published.h"
#include "backbones/attention_pool.h"
#include "backbones/backbone.h"
#include "backbones/vision.h"
#include "base/memory.h"
#include "files/picture_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 320 };

static const char *const norm_parts[] = {"weight", "bias", "running_mean", "running_var"};
enum { GAMMA, BETA, MEAN, VARIANCE, N_NORM_PARTS };

static adah_shape shape_of(const adah_layer *layer) {
    if (layer->kind == ADAH_LAYER_NORM)
        return ADAH_SHAPE1((size_t)layer->n_out);
    if (layer->kind == ADAH_LAYER_ROWS)
        return ADAH_SHAPE2((size_t)layer->n_out, (size_t)layer->n_in);
    return ADAH_SHAPE4((size_t)layer->n_out, (size_t)(layer->is_depthwise ? 1 : layer->n_in), (size_t)layer->size, (size_t)layer->size);
}

/* "PREFIX" + the pattern's name for the layer + ".part" */
static const char *name_part(const adah_weights_match *m, const char *pattern, const adah_layer *layer, const char *part,
                             char name[NAME_BYTES]) {
    char text[ADAH_LAYER_NAME_BYTES];
    snprintf(name, NAME_BYTES, "%s%s.%s", m->prefix, adah_layer_name(pattern, &layer->place, text), part);
    return name;
}

/* The vector beside a layer that multiplies what it gives; NULL: the names have none. *shape: (C), or (C, 1, 1) where the file has it so. */
static const char *name_scale(const adah_weights *w, const adah_weights_match *m, const adah_layer *layer, char name[NAME_BYTES],
                              adah_shape *shape) {
    const adah_layer_pattern *pattern = layer->scale ? adah_layer_find_role(m->published->pattern, layer->scale) : NULL;
    char text[ADAH_LAYER_NAME_BYTES];
    if (!pattern)
        return NULL;
    snprintf(name, NAME_BYTES, "%s%s", m->prefix, adah_layer_name(pattern->layer, &layer->place, text));
    const adah_stored_tensor *t = adah_weights_find(w, name);
    const size_t n = (size_t)layer->n_out;
    *shape = t && t->n_dims == 3 ? ADAH_SHAPE3(n, 1, 1) : ADAH_SHAPE1(n);
    return name;
}

/* ---------------------------------------------------------------- which names */

/* The tensors of a .mat file cannot be listed: it is tried whether one can be read. */
static int is_there(const adah_weights *w, const char *name, adah_shape shape) {
    const adah_stored_tensor *t = adah_weights_find(w, name);
    if (!adah_weights_is_matconvnet(w))
        return t && adah_stored_tensor_fits(t, shape);
    float *room = adah_memory_floats(adah_shape_count(shape));
    const int is = room && adah_weights_read(w, name, shape, room, NULL) == ADAH_OK;
    adah_memory_free(room);
    return is;
}

static void look_for(const adah_weights *w, adah_weights_match *m, const char *name, adah_shape shape) {
    const adah_stored_tensor *t = adah_weights_find(w, name);
    const int is = is_there(w, name, shape);
    m->n_wanted++;
    m->n_found += (size_t)is;
    if (*m->missing || is)
        return;
    char expected[96], found[256];
    if (t)
        snprintf(m->missing, sizeof m->missing, "tensor '%.100s' has shape %.60s, expected %s", name, adah_stored_tensor_text(t, found),
                 adah_shape_text(shape, expected));
    else
        snprintf(m->missing, sizeof m->missing, "no tensor '%.130s', expected one of shape %s", name, adah_shape_text(shape, expected));
}

/* A convolution that is not normalised has a bias of its own. */
static void look_for_layer(const adah_weights *w, adah_weights_match *m, const adah_layer *layer) {
    const adah_layer_pattern *pattern = adah_layer_find_pattern(m->published->pattern, layer);
    char name[NAME_BYTES];
    if (!pattern)
        return;
    look_for(w, m, name_part(m, pattern->layer, layer, "weight", name), shape_of(layer));
    for (int i = 0; i < N_NORM_PARTS && pattern->norm; i++)
        look_for(w, m, name_part(m, pattern->norm, layer, norm_parts[i], name), ADAH_SHAPE1((size_t)layer->n_out));
    if (!pattern->norm)
        look_for(w, m, name_part(m, pattern->layer, layer, "bias", name), ADAH_SHAPE1((size_t)layer->n_out));
    adah_shape shape;
    if (name_scale(w, m, layer, name, &shape))
        look_for(w, m, name, shape);
}

/* The linear layers of attention over the last map, of n_in channels. */
static void look_for_pool(const adah_weights *w, adah_weights_match *m, size_t n_in) {
    const adah_attention_pool_names *names = m->published->pool;
    const char *const layers[] = {names->query, names->key, names->value, names->joint};
    char name[NAME_BYTES];
    for (size_t i = 0; i < 4; i++) {
        const size_t n_out = i < 3 ? n_in : m->backbone->pool->n_out;
        snprintf(name, sizeof name, "%s%sweight", m->prefix, layers[i]);
        look_for(w, m, name, ADAH_SHAPE2(n_out, n_in));
        snprintf(name, sizeof name, "%s%sbias", m->prefix, layers[i]);
        look_for(w, m, name, ADAH_SHAPE1(n_out));
    }
}

static int begins(const char *name, const char *start) { return !strncmp(name, start, strlen(start)); }

static int ends(const char *name, const char *end) {
    const size_t n = strlen(name), n_end = strlen(end);
    return n >= n_end && !strcmp(name + n - n_end, end);
}

/* Is it one of the layer's, or a number that training kept beside them? name: without the prefix. */
static int is_of_layer(const adah_weights_match *m, const adah_layer *layer, const char *name) {
    const adah_layer_pattern *pattern = adah_layer_find_pattern(m->published->pattern, layer);
    for (int i = 0; pattern && i < 2; i++) {
        const char *of = i ? pattern->norm : pattern->layer;
        char text[ADAH_LAYER_NAME_BYTES];
        if (!of)
            continue;
        const size_t n = strlen(adah_layer_name(of, &layer->place, text));
        if (begins(name, text) && name[n] == '.' && !strchr(name + n + 1, '.'))
            return 1;
    }
    const adah_layer_pattern *scale = layer->scale ? adah_layer_find_role(m->published->pattern, layer->scale) : NULL;
    char text[ADAH_LAYER_NAME_BYTES];
    return scale && !strcmp(name, adah_layer_name(scale->layer, &layer->place, text));
}

static int is_rest(const adah_published *p, const char *name) {
    for (const char *word = p->rest; *word;) {
        const size_t n = strcspn(word, " ");
        if (!strncmp(name, word, n))
            return 1;
        word += n + strspn(word + n, " ");
    }
    return ends(name, ".num_batches_tracked");
}

static void look_for_surplus(const adah_weights *w, const adah_layers *l, adah_weights_match *m) {
    for (size_t i = 0; i < adah_weights_count(w) && !*m->surplus; i++) {
        const char *full = adah_weights_at(w, i)->name, *name = full + strlen(m->prefix);
        int is_known = !begins(full, m->prefix) || is_rest(m->published, name);
        for (int j = 0; j < l->n && !is_known; j++)
            is_known = is_of_layer(m, &l->item[j], name);
        if (!is_known)
            snprintf(m->surplus, sizeof m->surplus, "%.200s", full);
    }
}

/* Finds the prefix; 0: the first layer is not there. */
static int find_prefix(const adah_weights *w, const adah_layer *first, adah_weights_match *m) {
    char end[NAME_BYTES];
    int is_found = 0;
    m->prefix[0] = '\0';
    const adah_weights_match bare = {.published = m->published};
    name_part(&bare, adah_layer_find_pattern(m->published->pattern, first)->layer, first, "weight", end);
    if (adah_weights_is_matconvnet(w))
        return is_there(w, end, shape_of(first));
    for (size_t i = 0; i < adah_weights_count(w); i++) {
        const adah_stored_tensor *t = adah_weights_at(w, i);
        const size_t n = strlen(t->name) - (ends(t->name, end) ? strlen(end) : 0);
        if (!ends(t->name, end) || (n && t->name[n - 1] != '.') || n >= sizeof m->prefix || !adah_stored_tensor_fits(t, shape_of(first)) ||
            (is_found && n >= strlen(m->prefix)))
            continue;
        memcpy(m->prefix, t->name, n);
        m->prefix[n] = '\0';
        is_found = 1;
    }
    return is_found;
}

static int is_better(const adah_weights_match *a, const adah_weights_match *b) {
    return !b->published || a->n_found * b->n_wanted > b->n_found * a->n_wanted;
}

void adah_weights_match_backbone(const adah_weights *w, const adah_backbone *backbone, adah_weights_match *match) {
    *match = (adah_weights_match){.backbone = backbone};
    adah_layers *l = adah_memory_zeroed(1, sizeof *l);
    if (!l || !backbone->layers) {
        adah_memory_free(l);
        return;
    }
    backbone->layers(l);
    for (const adah_published *p = backbone->published; p->source; p++) {
        adah_weights_match m = {.backbone = backbone, .published = p};
        if (!find_prefix(w, &l->item[0], &m))
            continue;
        for (int i = 0; i < l->n; i++)
            look_for_layer(w, &m, &l->item[i]);
        if (p->pool)
            look_for_pool(w, &m, (size_t)l->item[l->n - 1].n_out);
        if (!is_better(&m, match))
            continue;
        look_for_surplus(w, l, &m);
        *match = m;
    }
    adah_memory_free(l);
}

int adah_weights_recognise(const adah_weights *w, adah_weights_match *match) {
    *match = (adah_weights_match){0};
    for (int i = 0; adah_backbone_at(i); i++) {
        adah_weights_match m;
        adah_weights_match_backbone(w, adah_backbone_at(i), &m);
        const int is_cleaner = m.published && match->published && *match->surplus && !*m.surplus && !*m.missing;
        if (m.published && (is_better(&m, match) || (is_cleaner && !is_better(match, &m))))
            *match = m;
    }
    return match->published && match->n_found == match->n_wanted;
}

/* ---------------------------------------------------------------- preparation of pictures */

adah_code adah_backbone_prepare(const adah_weights *w, adah_settings *config, adah_status *status) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    adah_weights_match m;
    adah_weights_match_backbone(w, backbone, &m);
    if (!adah_weights_style(w, config) && m.published) {
        config->weights_style = m.published->style;
        if (m.published->style == ADAH_STYLE_MEASURED) {
            config->mean_red = m.published->mean[0];
            config->mean_green = m.published->mean[1];
            config->mean_blue = m.published->mean[2];
            config->deviation_red = m.published->deviation[0];
            config->deviation_green = m.published->deviation[1];
            config->deviation_blue = m.published->deviation[2];
        }
    }
    if (m.published)
        config->weights_padding = m.published->padding;
    if (backbone->vision)
        adah_vision_prepare(backbone->vision, w, config);
    ADAH_TRY(adah_picture_config_apply(adah_weights_path(w), config, status));
    if (config->image_filter == ADAH_IMAGE_AS_SOURCE)
        config->image_filter = ADAH_IMAGE_LANCZOS;
    if (config->image_crop == ADAH_IMAGE_CROP_AS_SOURCE)
        config->image_crop = ADAH_IMAGE_SQUASH;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- loading */

/* What load needs, and room for a channel's numbers. */
typedef struct weights_loader {
    const adah_weights *weights;
    const adah_weights_match *match;
    float *norm[N_NORM_PARTS];
} weights_loader;

static adah_code read_norm(const weights_loader *l, const adah_layer *layer, const adah_layer_pattern *pattern, adah_status *status) {
    char name[NAME_BYTES];
    for (int i = 0; i < N_NORM_PARTS; i++)
        ADAH_TRY(adah_weights_read(l->weights, name_part(l->match, pattern->norm, layer, norm_parts[i], name),
                                   ADAH_SHAPE1((size_t)layer->n_out), l->norm[i], status));
    return ADAH_OK;
}

/* y = gamma (W x + b - mean) / sqrt(variance + epsilon) + beta as one convolution: its weight or its bias into value. */
static adah_code read_layer(const weights_loader *l, const adah_layer *layer, int is_bias, float *value, adah_status *status) {
    const adah_layer_pattern *pattern = adah_layer_find_pattern(l->match->published->pattern, layer);
    const size_t n_out = (size_t)layer->n_out, n_filter = adah_shape_count(shape_of(layer)) / n_out;
    char name[NAME_BYTES];
    name_part(l->match, pattern->layer, layer, is_bias ? "bias" : "weight", name);
    if (!is_bias)
        ADAH_TRY(adah_weights_read(l->weights, name, shape_of(layer), value, status));
    else if (!pattern->norm || adah_weights_find(l->weights, name))
        ADAH_TRY(adah_weights_read(l->weights, name, ADAH_SHAPE1(n_out), value, status));
    else
        memset(value, 0, n_out * sizeof *value);
    adah_shape shape;
    if (name_scale(l->weights, l->match, layer, name, &shape)) {
        ADAH_TRY(adah_weights_read(l->weights, name, shape, l->norm[GAMMA], status));
        for (size_t i = 0; i < n_out * (is_bias ? 1 : n_filter); i++)
            value[i] *= l->norm[GAMMA][is_bias ? i : i / n_filter];
    }
    if (!pattern->norm)
        return ADAH_OK;
    ADAH_TRY(read_norm(l, layer, pattern, status));
    for (size_t o = 0; o < n_out; o++) {
        const double scale = (double)l->norm[GAMMA][o] / sqrt((double)l->norm[VARIANCE][o] + (double)l->match->published->epsilon);
        if (is_bias)
            value[o] = (float)(((double)value[o] - (double)l->norm[MEAN][o]) * scale + (double)l->norm[BETA][o]);
        for (size_t i = 0; !is_bias && i < n_filter; i++)
            value[o * n_filter + i] = (float)((double)value[o * n_filter + i] * scale);
    }
    return ADAH_OK;
}

/* Where in a weight file parameter `name` comes from by its own name; NULL: not from there. */
static const char *source_of(const char *name, const adah_settings *config, char text[ADAH_PARAMETER_NAME_BYTES]) {
    if (begins(name, ADAH_BACKBONE_PREFIX "."))
        return name + strlen(ADAH_BACKBONE_PREFIX ".");
    if (config->pooling != ADAH_POOL_FLATTEN || !begins(name, "image.hashing."))
        return NULL;
    if (name[14] != '0' && name[14] != '1')
        return NULL;
    snprintf(text, ADAH_PARAMETER_NAME_BYTES, "classifier.%c%s", name[14] == '0' ? '0' : '3', name + 15);
    return text;
}

/* The layer whose parameter is called so, behind the prefix of the backbone; NULL: none. */
static const adah_layer *layer_of(const adah_backbone *backbone, const adah_layers *l, const char *name, int *is_bias) {
    for (int i = 0; i < l->n; i++) {
        const adah_layer_pattern *pattern = adah_layer_find_pattern(backbone->own, &l->item[i]);
        char text[ADAH_LAYER_NAME_BYTES];
        if (!pattern)
            continue;
        const size_t n = strlen(adah_layer_name(pattern->layer, &l->item[i].place, text));
        *is_bias = !strcmp(name + n * begins(name, text), ".bias");
        if (begins(name, text) && (*is_bias || !strcmp(name + n, ".weight")))
            return &l->item[i];
    }
    return NULL;
}

static adah_code load_parameter(const weights_loader *loader, const adah_layers *l, const adah_settings *config, adah_parameter *p,
                                adah_status *status) {
    char text[ADAH_PARAMETER_NAME_BYTES], name[NAME_BYTES];
    const char *source = source_of(p->name, config, text);
    int is_bias = 0;
    if (!source)
        return ADAH_OK;
    const int is_backbone = begins(p->name, ADAH_BACKBONE_PREFIX ".");
    const adah_layer *layer = is_backbone && loader->match->published ? layer_of(loader->match->backbone, l, source, &is_bias) : NULL;
    snprintf(name, sizeof name, "%s%s", loader->match->prefix, source);
    if (adah_weights_find(loader->weights, p->name)) /* the file is an adah model */
        ADAH_TRY(adah_weights_read(loader->weights, p->name, p->shape, p->value, status));
    else if (loader->match->backbone->pool && begins(source, "pool."))
        return ADAH_OK; /* behind the layers */
    else if (layer)
        ADAH_TRY(read_layer(loader, layer, is_bias, p->value, status));
    else
        ADAH_TRY(adah_weights_read(loader->weights, name, p->shape, p->value, status));
    p->version++;
    return ADAH_OK;
}

static adah_code load(weights_loader *loader, adah_layers *l, adah_parameters *parameters, const adah_settings *config, adah_status *status) {
    size_t n_most = 1;
    if (loader->match->backbone->layers)
        loader->match->backbone->layers(l);
    for (int i = 0; i < l->n; i++)
        n_most = (size_t)l->item[i].n_out > n_most ? (size_t)l->item[i].n_out : n_most;
    for (int i = 0; i < N_NORM_PARTS; i++)
        if (!(loader->norm[i] = adah_memory_zeroed(n_most, sizeof(float))))
            return adah_fail_memory(status, n_most * sizeof(float));
    for (size_t i = 0; i < parameters->n; i++)
        ADAH_TRY(load_parameter(loader, l, config, parameters->item[i], status));
    const adah_published *published = loader->match->published;
    if (published && published->pool)
        return adah_attention_pool_load(parameters, published->pool, loader->match->prefix, loader->weights, status);
    return ADAH_OK;
}

/* Before anything is read: is it this network, all of it and nothing else? */
static adah_code check_match(const adah_weights *w, const adah_weights_match *m, adah_status *status) {
    const char *path = adah_weights_path(w);
    if (!m->backbone->layers || adah_weights_is_matconvnet(w) || adah_weights_find(w, ADAH_BACKBONE_PREFIX ".features.0.weight"))
        return ADAH_OK;
    if (!m->published) {
        adah_weights_match other;
        char is[160] = "";
        if (adah_weights_recognise(w, &other))
            snprintf(is, sizeof is, "; it is %s (%s)", other.backbone->name, other.published->source);
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: has none of the names of %s's weights%s", path, m->backbone->name, is);
    }
    if (*m->missing)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %s", path, m->missing);
    if (*m->surplus)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: tensor '%s' is no part of %s", path, m->surplus, m->backbone->name);
    return ADAH_OK;
}

adah_code adah_backbone_load(adah_parameters *parameters, const adah_settings *config, const adah_weights *weights,
                             adah_status *status) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    adah_weights_match match;
    if (backbone->vision && !adah_weights_find(weights, ADAH_BACKBONE_PREFIX ".patch.weight"))
        return adah_vision_load(parameters, backbone->vision, (size_t)config->n_side, weights, status);
    adah_weights_match_backbone(weights, backbone, &match);
    ADAH_TRY(check_match(weights, &match, status));
    adah_layers *l = adah_memory_zeroed(1, sizeof *l);
    weights_loader loader = {.weights = weights, .match = &match};
    const adah_code code = l ? load(&loader, l, parameters, config, status) : adah_fail_memory(status, sizeof *l);
    for (int i = 0; i < N_NORM_PARTS; i++)
        adah_memory_free(loader.norm[i]);
    adah_memory_free(l);
    return code;
}
