/* layers.c - appends layers, names them and adds them to a graph. */
#include "backbones/layers.h"
#include "backbones/transformer.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the list */

static int append(adah_layers *l, adah_layer layer) {
    if (l->n == ADAH_LAYERS_MAX)
        return l->n - 1; /* no table is so long: tests build each */
    layer.n_in = layer.from == ADAH_PIXELS ? 3 : l->item[layer.from].n_out;
    if (!layer.n_out)
        layer.n_out = layer.n_in;
    l->item[l->n] = layer;
    return l->n++;
}

int adah_layers_convolution(adah_layers *l, int from, adah_layer_place place, int n_out, int size, int stride, int pad,
                            adah_activation activation) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_CONVOLUTION, .place = place, .from = from, .n_out = n_out, .size = size,
                                  .stride = stride, .pad = pad, .activation = activation});
}

int adah_layers_depthwise(adah_layers *l, int from, adah_layer_place place, int size, int stride, int pad, adah_activation activation) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_CONVOLUTION, .place = place, .from = from, .size = size, .stride = stride,
                                  .pad = pad, .is_depthwise = 1, .activation = activation});
}

int adah_layers_max_pool(adah_layers *l, int from, int size, int stride, int pad, int ceil_mode) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_MAX_POOL, .from = from, .size = size, .stride = stride, .pad = pad,
                                  .ceil_mode = ceil_mode});
}

int adah_layers_mean_pool(adah_layers *l, int from, int size) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_MEAN_POOL, .from = from, .size = size, .stride = size});
}

int adah_layers_norm(adah_layers *l, int from, adah_layer_place place, float epsilon) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_NORM, .place = place, .from = from, .epsilon = epsilon});
}

int adah_layers_rows(adah_layers *l, int from, adah_layer_place place, int n_out, adah_activation activation) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_ROWS, .place = place, .from = from, .n_out = n_out, .activation = activation});
}

int adah_layers_map(adah_layers *l, int from, int as) { return append(l, (adah_layer){.kind = ADAH_LAYER_MAP, .from = from, .with = as}); }

int adah_layers_add(adah_layers *l, int a, int b, adah_activation activation) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_ADD, .from = a, .with = b, .activation = activation});
}

int adah_layers_concatenate(adah_layers *l, int a, int b) {
    return append(l, (adah_layer){.kind = ADAH_LAYER_CONCATENATE, .from = a, .with = b, .n_out = l->item[a].n_out + l->item[b].n_out});
}

int adah_layers_squeeze(adah_layers *l, int from, adah_layer_place place, int n_squeezed, adah_activation activation, int is_hard) {
    int x = append(l, (adah_layer){.kind = ADAH_LAYER_AVERAGE, .from = from});
    place.role = "reduce";
    x = append(l, (adah_layer){.kind = ADAH_LAYER_LINEAR, .place = place, .from = x, .n_out = n_squeezed, .size = 1,
                               .activation = activation});
    place.role = "excite";
    x = append(l, (adah_layer){.kind = ADAH_LAYER_LINEAR, .place = place, .from = x, .n_out = l->item[from].n_out, .size = 1});
    return append(l, (adah_layer){.kind = ADAH_LAYER_GATE, .from = from, .with = x, .is_hard = is_hard});
}

int adah_layers_response_norm(adah_layers *l, int from) { return append(l, (adah_layer){.kind = ADAH_LAYER_RESPONSE_NORM, .from = from}); }

/* ---------------------------------------------------------------- names */

const char *adah_layer_name(const char *pattern, const adah_layer_place *place, char text[ADAH_LAYER_NAME_BYTES]) {
    const struct {
        const char *text;
        int value;
    } known[] = {{"{n}", place->number},    {"{n-1}", place->number - 1}, {"{n-2}", place->number - 2}, {"{s}", place->stage},
                 {"{s+1}", place->stage + 1}, {"{i}", place->block},        {"{k}", place->part},         {"{k+1}", place->part + 1}};
    size_t n = 0;
    while (*pattern && n + 12 < ADAH_LAYER_NAME_BYTES) {
        size_t used = 0;
        for (size_t i = 0; *pattern == '{' && !used && i < sizeof known / sizeof *known; i++)
            if (!strncmp(pattern, known[i].text, strlen(known[i].text))) {
                used = strlen(known[i].text);
                n += (size_t)snprintf(text + n, ADAH_LAYER_NAME_BYTES - n, "%d", known[i].value);
            }
        if (!used)
            text[n++] = *pattern++;
        pattern += used;
    }
    text[n] = '\0';
    return text;
}

const adah_layer_pattern *adah_layer_find_role(const adah_layer_pattern *patterns, const char *role) {
    for (; patterns->role; patterns++)
        if (!strcmp(patterns->role, role))
            return patterns;
    return NULL;
}

const adah_layer_pattern *adah_layer_find_pattern(const adah_layer_pattern *patterns, const adah_layer *layer) {
    return layer->place.role ? adah_layer_find_role(patterns, layer->place.role) : NULL;
}

/* ---------------------------------------------------------------- the graph */

/* Padding of n positions. TensorFlow's "same" keeps ceil(n / stride) windows and puts the odd position at the end. */
static void pad_side(const adah_layer *layer, adah_padding padding, int n, int *before, int *after) {
    const int reach = ((n + layer->stride - 1) / layer->stride - 1) * layer->stride + layer->size;
    const int same = reach > n ? reach - n : 0;
    *before = layer->pad != ADAH_PAD_AS_SOURCE ? layer->pad : padding == ADAH_PADDING_SAME ? same / 2 : (layer->size - 1) / 2;
    *after = layer->pad == ADAH_PAD_AS_SOURCE && padding == ADAH_PADDING_SAME ? same - same / 2 : *before;
}

static adah_window window_of(const adah_layer *layer, adah_padding padding, adah_node *x) {
    const adah_shape shape = adah_node_shape(x);
    adah_window w = {.size_h = layer->size, .size_w = layer->size, .stride_h = layer->stride, .stride_w = layer->stride,
                     .ceil_mode = layer->ceil_mode};
    pad_side(layer, padding, (int)shape.dim[2], &w.pad_top, &w.pad_bottom);
    pad_side(layer, padding, (int)shape.dim[3], &w.pad_left, &w.pad_right);
    return w;
}

/* A layer with weights. */
static adah_node *build_weights(const adah_layer *layer, const adah_layer_pattern *own, adah_builder *b, adah_node *x) {
    char name[ADAH_LAYER_NAME_BYTES], full[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(full, ADAH_BACKBONE_PREFIX, adah_layer_name(adah_layer_find_pattern(own, layer)->layer, &layer->place, name));
    if (layer->kind == ADAH_LAYER_LINEAR)
        return adah_builder_linear(b, full, x, (size_t)layer->n_out, ADAH_INIT_HE, ADAH_GROUP_BACKBONE);
    if (layer->kind == ADAH_LAYER_ROWS)
        return adah_transformer_linear(b, full, x, (size_t)layer->n_out, 1, ADAH_GROUP_BACKBONE);
    if (layer->kind == ADAH_LAYER_NORM)
        return adah_transformer_norm(b, full, adah_graph_patches(b->graph, x, 1), layer->epsilon, ADAH_GROUP_BACKBONE);
    return adah_builder_convolution(b, full, x, (size_t)layer->n_out, window_of(layer, b->config->weights_padding, x),
                                    layer->is_depthwise ? (size_t)layer->n_in : 1, ADAH_INIT_HE, ADAH_GROUP_BACKBONE);
}

static int reads_two(const adah_layer *layer) {
    return layer->kind == ADAH_LAYER_ADD || layer->kind == ADAH_LAYER_CONCATENATE || layer->kind == ADAH_LAYER_GATE ||
           layer->kind == ADAH_LAYER_MAP;
}

int adah_layers_is_cut(const adah_layers *l, int i) {
    const int read = l->item[i].from;
    for (int k = i; k < l->n; k++)
        if ((l->item[k].from < i && l->item[k].from != read) || (reads_two(&l->item[k]) && l->item[k].with < i && l->item[k].with != read))
            return 0;
    return 1;
}

static adah_node *build_map(const adah_builder *b, adah_node *rows, adah_node *as) {
    return as ? adah_graph_map(b->graph, rows, adah_node_shape(as).dim[2], adah_node_shape(as).dim[3], NULL) : NULL;
}

adah_node *adah_layers_build(const adah_layers *l, const adah_layer_pattern *own, adah_builder *b, int begin, int end, adah_node *x) {
    adah_node *node[ADAH_LAYERS_MAX], *y = x;
    if (begin < l->n && l->item[begin].from != ADAH_PIXELS)
        node[l->item[begin].from] = x;
    for (int i = begin; i < end; i++) {
        const adah_layer *layer = &l->item[i];
        adah_node *from = layer->from == ADAH_PIXELS ? x : node[layer->from];
        if (!from)
            return NULL;
        switch (layer->kind) {
        case ADAH_LAYER_CONVOLUTION:
        case ADAH_LAYER_NORM:
        case ADAH_LAYER_ROWS:
        case ADAH_LAYER_LINEAR: y = build_weights(layer, own, b, from); break;
        case ADAH_LAYER_AVERAGE: y = adah_graph_average_all(b->graph, from); break;
        case ADAH_LAYER_GATE: y = adah_graph_gate(b->graph, from, node[layer->with], layer->is_hard); break;
        case ADAH_LAYER_MAX_POOL: y = adah_graph_max_pool(b->graph, from, window_of(layer, b->config->weights_padding, from)); break;
        case ADAH_LAYER_MEAN_POOL: y = adah_graph_mean_pool(b->graph, from, window_of(layer, b->config->weights_padding, from)); break;
        case ADAH_LAYER_MAP: y = build_map(b, from, node[layer->with]); break;
        case ADAH_LAYER_ADD: y = adah_graph_add(b->graph, from, node[layer->with]); break;
        case ADAH_LAYER_CONCATENATE: y = adah_graph_concatenate(b->graph, (adah_node *[]){from, node[layer->with]}, 2); break;
        case ADAH_LAYER_RESPONSE_NORM: y = adah_graph_response_norm(b->graph, from, (adah_response){5, 2, 1e-4f, 0.75f}); break;
        }
        switch (layer->activation) {
        case ADAH_LINEAR: break;
        case ADAH_RELU: y = adah_graph_relu(b->graph, y); break;
        case ADAH_RELU6: y = adah_graph_relu6(b->graph, y); break;
        case ADAH_SWISH: y = adah_graph_swish(b->graph, y, 0); break;
        case ADAH_GELU: y = adah_graph_gelu(b->graph, y, ADAH_GELU_EXACT); break;
        case ADAH_HARD_SWISH: y = adah_graph_swish(b->graph, y, 1); break;
        }
        node[i] = y;
    }
    return end == l->n ? y : l->item[end].from == ADAH_PIXELS ? x : node[l->item[end].from];
}
