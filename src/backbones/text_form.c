/* text_form.c - descriptions in JSON, and the layers. */
#include "backbones/text_form.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const family_name[] = {"bert", "clip", "siglip"}, *const gelu_name[] = {"exact", "tanh", "quick"},
                                       *const pick_name[] = {"first", "mean", "last"};

enum { CHANNELS_MAX = 8192, LAYERS_MAX = 128, ROWS_MAX = 1 << 22 };

/* ---------------------------------------------------------------- there and back */

int adah_text_form_set_prefix(adah_text_form *f, const char *prefix) {
    json_t *text = json_string(prefix); /* refuses what is no UTF-8 */
    const size_t n_bytes = strlen(prefix);
    const int fits = text && n_bytes < sizeof f->prefix;
    json_decref(text);
    if (fits)
        memcpy(f->prefix, prefix, n_bytes + 1);
    return fits;
}

char *adah_text_form_json(const adah_text_form *f) {
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:s, s:f, s:I, s:I, s:I, s:s, s:b, s:I}", "family", family_name[f->family], "layers",
        (json_int_t)f->blocks.n_layers, "channels", (json_int_t)f->blocks.n_channels, "heads", (json_int_t)f->blocks.n_heads, "hidden",
        (json_int_t)f->blocks.n_hidden, "gelu", gelu_name[f->blocks.gelu], "epsilon", (double)f->blocks.epsilon, "rows", (json_int_t)f->n_rows,
        "tokens", (json_int_t)f->n_tokens, "projected", (json_int_t)f->n_projected, "pick", pick_name[f->pick], "unit", f->is_unit, "padding",
        (json_int_t)f->padding);
    const int failed = (f->blocks.n_distant && json_object_set_new(object, "distances", json_true())) ||
                       (*f->prefix && json_object_set_new(object, "prefix", json_string(f->prefix)));
    char *text = object && !failed ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL, *copy = text ? adah_memory_text(text) : NULL;
    free(text);
    json_decref(object);
    return copy;
}

static int read_name(const json_t *object, const char *key, const char *const *names, int n_names) {
    const char *name = json_string_value(json_object_get(object, key));
    for (int i = 0; name && i < n_names; i++)
        if (!strcmp(name, names[i]))
            return i;
    return -1;
}

static int read_size(const json_t *object, const char *key, size_t min, size_t max, size_t *size) {
    const json_t *value = json_object_get(object, key);
    const json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    *size = number < 0 ? 0 : (size_t)number;
    return number >= 0 && *size >= min && *size <= max;
}

static int read_form(const json_t *object, adah_text_form *f) {
    const int family = read_name(object, "family", family_name, 3), gelu = read_name(object, "gelu", gelu_name, 3);
    const int pick = read_name(object, "pick", pick_name, 3);
    const double epsilon = json_number_value(json_object_get(object, "epsilon"));
    adah_transformer *t = &f->blocks;
    if (family < 0 || gelu < 0 || pick < 0 || !(epsilon > 0 && epsilon < 1) || !json_is_boolean(json_object_get(object, "unit")) ||
        !read_size(object, "layers", 1, LAYERS_MAX, &t->n_layers) || !read_size(object, "channels", 1, CHANNELS_MAX, &t->n_channels) ||
        !read_size(object, "heads", 1, t->n_channels, &t->n_heads) || t->n_channels % t->n_heads ||
        !read_size(object, "hidden", 1, 8 * CHANNELS_MAX, &t->n_hidden) || !read_size(object, "rows", 1, ROWS_MAX, &f->n_rows) ||
        !read_size(object, "tokens", 1, ADAH_TEXT_TOKENS_MAX, &f->n_tokens) || !read_size(object, "projected", 0, CHANNELS_MAX, &f->n_projected) ||
        !read_size(object, "padding", 0, f->n_rows - 1, &f->padding))
        return 0;
    f->family = (adah_text_family)family;
    f->pick = (adah_row_pick)pick;
    f->is_unit = json_is_true(json_object_get(object, "unit"));
    f->is_padded = f->family == ADAH_TEXT_SIGLIP;
    t->gelu = (adah_gelu)gelu;
    t->epsilon = (float)epsilon;
    t->is_post_norm = f->family == ADAH_TEXT_BERT;
    t->is_causal = f->family == ADAH_TEXT_CLIP;
    t->n_distant = json_is_true(json_object_get(object, "distances")) ? f->n_tokens : 0;
    const json_t *prefix = json_object_get(object, "prefix");
    return !prefix || (json_is_string(prefix) && adah_text_form_set_prefix(f, json_string_value(prefix)));
}

adah_code adah_text_form_parse(const char *description, const char *where, adah_text_form *form, adah_status *status) {
    adah_text_form f = {0};
    json_t *object = json_loads(description, 0, NULL);
    const int is_read = read_form(object, &f);
    json_decref(object);
    if (!is_read)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: \"%.300s\" describes no text encoder", where, description);
    *form = f;
    return ADAH_OK;
}

size_t adah_text_form_values(const adah_text_form *f) { return f->n_projected ? f->n_projected : f->blocks.n_channels; }

/* ---------------------------------------------------------------- layers */

#define PREFIX "text.encoder"

adah_node *adah_text_form_build(const adah_text_form *f, adah_builder *b, size_t n_rows, adah_text_inputs *in) {
    adah_graph *g = b->graph;
    const unsigned group = ADAH_GROUP_CONSTANT;
    adah_transformer blocks = f->blocks;
    blocks.is_packed = 1;
    in->ids = adah_graph_input(g, ADAH_SHAPE2(1, n_rows));
    in->places = adah_graph_input(g, ADAH_SHAPE2(1, n_rows));
    in->texts = adah_graph_input(g, ADAH_SHAPE2(1, n_rows));
    adah_parameter *tokens = adah_builder_parameter(b, PREFIX, "tokens", ADAH_SHAPE2(f->n_rows, f->blocks.n_channels), ADAH_INIT_ZERO, group);
    adah_parameter *positions =
        adah_builder_parameter(b, PREFIX, "positions", ADAH_SHAPE2(f->n_tokens, f->blocks.n_channels), ADAH_INIT_ZERO, group);
    if (!tokens || !positions)
        return NULL;
    adah_node *x = adah_graph_add(g, adah_graph_embedding(g, in->ids, tokens), adah_graph_embedding(g, in->places, positions));
    if (f->blocks.is_post_norm)
        x = adah_transformer_norm(b, PREFIX ".norm", x, f->blocks.epsilon, group);
    x = adah_transformer_blocks(b, PREFIX ".blocks", &blocks, x, in->texts, group);
    return f->blocks.is_post_norm ? x : adah_transformer_norm(b, PREFIX ".norm", x, f->blocks.epsilon, group);
}

adah_node *adah_text_form_project(const adah_text_form *f, adah_builder *b, adah_node *x) {
    return f->n_projected ? adah_transformer_linear(b, PREFIX ".projection", x, f->n_projected, f->family == ADAH_TEXT_SIGLIP, ADAH_GROUP_CONSTANT) : x;
}
