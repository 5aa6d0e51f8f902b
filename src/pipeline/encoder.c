/* encoder.c - single texts and images to codes and attention maps, with networks of batch size 1 made when first needed. */
#include "base/memory.h"
#include "codes/codes.h"
#include "data/image.h"
#include "model/backbone.h"
#include "model/pair_set.h"
#include "pipeline/model.h"

#include <string.h>

struct adah_encoder {
    const adah_model *model;
    adah_network *image, *text;
    uint8_t *rgb; /* one decoded image */
};

adah_code adah_encoder_create(const adah_model *model, adah_encoder **encoder, adah_status *status) {
    adah_encoder *e = adah_memory_zeroed(1, sizeof *e);
    const size_t n_side = (size_t)model->state.config.n_side;
    if (!e || !(e->rgb = adah_memory_alloc(n_side * n_side * 3))) {
        adah_encoder_close(e);
        return adah_fail_memory(status, n_side * n_side * 3);
    }
    e->model = model;
    *encoder = e;
    return ADAH_OK;
}

void adah_encoder_close(adah_encoder *e) {
    if (!e)
        return;
    adah_network_free(e->image);
    adah_network_free(e->text);
    adah_memory_free(e->rgb);
    adah_memory_free(e);
}

/* Inference only reads the parameters. */
static adah_parameters *parameters_of(const adah_encoder *e) { return (adah_parameters *)&e->model->state.parameters; }

static adah_code make_network(adah_encoder *e, adah_modality modality, adah_network **network, adah_status *status) {
    if (*network)
        return ADAH_OK;
    const adah_model_state *s = &e->model->state;
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = modality == ADAH_IMAGE ? s->image : ADAH_INPUT_NONE,
                                    .image_item = s->image_item,
                                    .n_words = modality == ADAH_TEXT ? s->n_words : 0};
    return adah_network_create(&plan, &s->config, parameters_of(e), network, status);
}

static void pack(const adah_encoder *e, adah_side *side, uint8_t *code) {
    adah_codes_pack(adah_node_value(side->code), 1, (size_t)e->model->state.config.n_bits, code);
}

adah_code adah_encode_text(adah_encoder *e, const char *text, uint8_t *code, adah_status *status) {
    uint32_t *ids;
    size_t n_ids, n_unknown;
    ADAH_TRY(make_network(e, ADAH_TEXT, &e->text, status));
    ADAH_TRY(adah_vocabulary_lookup(e->model->vocabulary, text, &ids, &n_ids, &n_unknown, status));
    adah_text_bag(ids, n_ids, e->model->state.n_words, adah_node_value(e->text->text.input));
    adah_memory_free(ids);
    if (n_ids == 0)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "\"%.200s\": %s", text,
                         n_unknown ? "none of its words is in the model's vocabulary" : "there is no word in it");
    ADAH_TRY(adah_graph_forward(e->text->graph, status));
    pack(e, &e->text->text, code);
    return ADAH_OK;
}

/* The network's forward pass on e->rgb. */
static adah_code run_image(adah_encoder *e, adah_status *status) {
    const adah_config *c = &e->model->state.config;
    adah_backbone_normalise(c->weights_style, e->rgb, (size_t)c->n_side, adah_node_value(e->image->image.input));
    return adah_graph_forward(e->image->graph, status);
}

static adah_code prepare_image(adah_encoder *e, adah_status *status) {
    if (e->model->state.image != ADAH_INPUT_PIXELS)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model takes images as vectors, not as pictures");
    return make_network(e, ADAH_IMAGE, &e->image, status);
}

adah_code adah_encode_image_file(adah_encoder *e, const char *path, uint8_t *code, adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    ADAH_TRY(adah_image_load(path, (size_t)e->model->state.config.n_side, e->rgb, status));
    ADAH_TRY(run_image(e, status));
    pack(e, &e->image->image, code);
    return ADAH_OK;
}

adah_code adah_encode_image_bytes(adah_encoder *e, const uint8_t *bytes, size_t n_bytes, uint8_t *code,
                                  adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    ADAH_TRY(adah_image_decode(bytes, n_bytes, "image", (size_t)e->model->state.config.n_side, e->rgb, status));
    ADAH_TRY(run_image(e, status));
    pack(e, &e->image->image, code);
    return ADAH_OK;
}

adah_code adah_attend_image(adah_encoder *e, const char *path, adah_attention_map *map, adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    adah_side *side = &e->image->image;
    if (!side->attention.mask && adah_config_is_rival(&e->model->state.config))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model is of the method %s, which has no attention",
                         e->model->state.config.method);
    if (!side->attention.mask)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model was trained without attention");
    ADAH_TRY(adah_image_load(path, (size_t)e->model->state.config.n_side, e->rgb, status));
    ADAH_TRY(run_image(e, status));
    const adah_shape f = adah_node_shape(side->feature);
    const size_t n = f.dim[2] * f.dim[3];
    adah_attention_map m = {f.dim[2], f.dim[3], adah_memory_floats(n), adah_memory_alloc(n)};
    if (!m.probability || !m.mask) {
        adah_attention_map_free(&m);
        return adah_fail_memory(status, n * sizeof(float));
    }
    memcpy(m.probability, adah_node_value(side->attention.probability), n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        m.mask[i] = adah_node_value(side->attention.mask)[i] > 0;
    *map = m;
    return ADAH_OK;
}

void adah_attention_map_free(adah_attention_map *map) {
    adah_memory_free(map->probability);
    adah_memory_free(map->mask);
    *map = (adah_attention_map){0};
}
