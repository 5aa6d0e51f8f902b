/* encoder.c - single texts and images to codes and attention maps, with networks of batch size 1 made when first needed.
 *
 * Light networks run on one thread, since a second one makes a picture no sooner (medians from file to code, three runs in turn on
 * two cores of a Zen 5: SqueezeNet 5.4 to 6.1 ms with one thread, 5.9 to 7.1 with two; MobileNetV2 6.5 to 7.8 and 7.4 to
 * 8.2), and codes are then those of adah_encode_dataset to the bit. */
#include "api/model.h"
#include "api/overlay.h"
#include "backbones/backbone.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sized_options.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include "codes/fine.h"
#include "data/image.h"
#include "input/feature_array.h"
#include "input/input_worker.h"
#include "paper/picture_part.h"
#include "settings/method.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct adah_encoder {
    adah_model model; /* as this encoder computes; it owns nothing */
    adah_input_worker *side[2]; /* by modality; NULL: not needed yet */
    float relaxed[ADAH_BITS_MAX]; /* what the last code is the signs of */
    int8_t fine[ADAH_FINE_MAX]; /* what belongs to it; zeros without */
    size_t n_unknown; /* words of the last text that are not in the vocabulary */
};

adah_code adah_encoder_create(const adah_model *model, const adah_encoder_options *options, adah_encoder **encoder, adah_status *status) {
    adah_encoder_options o;
    adah_model view;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODER, options, &o, status));
    ADAH_TRY(adah_model_with_precision(model, o.precision, &view, status));
    adah_encoder *e = adah_memory_zeroed(1, sizeof *e);
    if (!e)
        return adah_fail_memory(status, sizeof *e);
    e->model = view;
    *encoder = e;
    return ADAH_OK;
}

void adah_encoder_close(adah_encoder *e) {
    if (!e)
        return;
    adah_input_worker_free(e->side[ADAH_IMAGE]);
    adah_input_worker_free(e->side[ADAH_TEXT]);
    adah_memory_free(e);
}

/* Makes what the side is encoded with; inference only reads the parameters. */
static adah_code prepare(adah_encoder *e, adah_modality modality, adah_status *status) {
    if (e->side[modality])
        return ADAH_OK;
    const adah_model_state *s = &e->model.state;
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = modality == ADAH_IMAGE ? s->image : (adah_input_shape){0},
                                    .text = modality == ADAH_TEXT ? s->text : (adah_input_shape){0}};
    const int n_threads = adah_parallel_threads();
    if (adah_picture_batch(&s->parameters, ~0u) == 1)
        adah_parallel_set_threads(1);
    const adah_code code = adah_input_worker_create(&plan, &s->config, (adah_parameters *)&s->parameters, modality == ADAH_IMAGE,
                                                    &e->side[modality], status);
    adah_parallel_set_threads(n_threads);
    return code;
}

static float *input_of(adah_encoder *e, adah_modality modality) {
    return adah_node_value(adah_input_worker_side(e->side[modality], modality)->input);
}

/* The code of what stands at the side's input. */
static adah_code encode_input(adah_encoder *e, adah_modality modality, uint8_t *code, adah_status *status) {
    const size_t n_bits = (size_t)e->model.state.config.n_bits;
    ADAH_TRY(adah_input_worker_forward(e->side[modality], status));
    const adah_side *side = adah_input_worker_side(e->side[modality], modality);
    memcpy(e->relaxed, adah_node_value(side->code), n_bits * sizeof *e->relaxed);
    adah_codes_pack(e->relaxed, 1, n_bits, code);
    if (side->fine) {
        float vector[ADAH_FINE_MAX];
        adah_fine_round(vector, 1, adah_picture_part_vector(side, 0, vector), e->fine);
    }
    return ADAH_OK;
}

const float *adah_encoder_relaxed(const adah_encoder *e) { return e->relaxed; }
const int8_t *adah_encoder_fine(const adah_encoder *e) { return e->fine; }
size_t adah_encoder_unknown_words(const adah_encoder *e) { return e->n_unknown; }

/* A text of n_texts lines through the model's text encoder, which reads every word. */
static adah_code encode_sentence(adah_encoder *e, const char *text, size_t n_texts, uint8_t *code, adah_status *status) {
    const adah_model *m = &e->model;
    const adah_input_source source = {.shape = m->state.text, .rows = {.scale = m->state.config.text_scale},
                                      .vocabulary = m->vocabulary, .encoder = m->text_encoder};
    int is_there;
    ADAH_TRY(prepare(e, ADAH_TEXT, status));
    ADAH_TRY(adah_input_worker_fill_text(e->side[ADAH_TEXT], &source, text, n_texts, &is_there, status));
    e->n_unknown = 0;
    if (!is_there)
        return adah_fail(status, ADAH_ERROR_NO_KNOWN_WORD, "\"%.200s\": there is nothing in it that the text encoder reads", text);
    return encode_input(e, ADAH_TEXT, code, status);
}

adah_code adah_encode_text(adah_encoder *e, const char *text, uint8_t *code, adah_status *status) {
    size_t n_known;
    char input[ADAH_INPUT_TEXT_BYTES];
    if (e->model.text_encoder)
        return encode_sentence(e, text, 1, code, status);
    if (e->model.state.text.kind != ADAH_INPUT_WORDS)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model takes texts given as \"%s\", not as words",
                         adah_input_text(e->model.state.text, input));
    ADAH_TRY(prepare(e, ADAH_TEXT, status));
    ADAH_TRY(adah_input_read_text(e->model.vocabulary, text, input_of(e, ADAH_TEXT), &n_known, &e->n_unknown, status));
    if (n_known == 0)
        return adah_fail(status, ADAH_ERROR_NO_KNOWN_WORD, "\"%.200s\": %s", text,
                         e->n_unknown ? "none of its words is in the model's vocabulary" : adah_vocabulary_why_none(text));
    return encode_input(e, ADAH_TEXT, code, status);
}

static size_t side_of(const adah_encoder *e) { return (size_t)e->model.state.config.n_side; }
/* Room for a picture, once the side is prepared. */
static uint8_t *rgb_of(const adah_encoder *e) { return e->side[ADAH_IMAGE]->rgb; }

adah_picture_form adah_encoder_picture_form(const adah_encoder *e) { return adah_settings_form(&e->model.state.config); }

size_t adah_encoder_bits(const adah_encoder *e) { return (size_t)e->model.state.config.n_bits; }

static adah_code decode(adah_encoder *e, const uint8_t *bytes, size_t n_bytes, adah_status *status) {
    const adah_picture_form form = adah_encoder_picture_form(e);
    return adah_image_decode_in_form(bytes, n_bytes, "image", &form, rgb_of(e), status);
}

static adah_code load(adah_encoder *e, const char *path, adah_status *status) {
    const adah_picture_form form = adah_encoder_picture_form(e);
    return adah_image_load_in_form(path, &form, rgb_of(e), status);
}

/* Puts the picture that was read to the input. */
static void take_pixels(adah_encoder *e) {
    adah_backbone_normalise(&e->model.state.config, rgb_of(e), side_of(e), input_of(e, ADAH_IMAGE));
}

static adah_code prepare_image(adah_encoder *e, adah_status *status) {
    char input[ADAH_INPUT_TEXT_BYTES];
    if (e->model.state.image.kind != ADAH_INPUT_PIXELS)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model takes images given as \"%s\", not as pictures",
                         adah_input_text(e->model.state.image, input));
    return prepare(e, ADAH_IMAGE, status);
}

adah_code adah_encode_image_file(adah_encoder *e, const char *path, uint8_t *code, adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    ADAH_TRY(load(e, path, status));
    take_pixels(e);
    return encode_input(e, ADAH_IMAGE, code, status);
}

adah_code adah_encode_image_bytes(adah_encoder *e, const uint8_t *bytes, size_t n_bytes, uint8_t *code,
                                  adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    ADAH_TRY(decode(e, bytes, n_bytes, status));
    take_pixels(e);
    return encode_input(e, ADAH_IMAGE, code, status);
}

static adah_code take_picture(adah_encoder *e, const adah_picture *picture, adah_status *status) {
    const size_t n_side = side_of(e);
    if (picture->n_width != n_side || picture->n_height != n_side)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a picture of %zu x %zu pixels, expected %zu x %zu", picture->n_width,
                         picture->n_height, n_side, n_side);
    memcpy(rgb_of(e), picture->rgb, n_side * n_side * 3);
    return ADAH_OK;
}

adah_code adah_encode_image_pixels(adah_encoder *e, const adah_picture *picture, uint8_t *code, adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    ADAH_TRY(take_picture(e, picture, status));
    take_pixels(e);
    return encode_input(e, ADAH_IMAGE, code, status);
}

static adah_code check_modality(adah_modality modality, adah_status *status) {
    if (modality != ADAH_IMAGE && modality != ADAH_TEXT)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "modality %d: expected image (0) or text (1)", (int)modality);
    return ADAH_OK;
}

adah_code adah_encode_features(adah_encoder *e, adah_modality modality, const float *values, size_t n_values, uint8_t *code,
                               adah_status *status) {
    ADAH_TRY(check_modality(modality, status));
    const adah_settings *c = &e->model.state.config;
    const adah_input_shape shape = modality == ADAH_IMAGE ? e->model.state.image : e->model.state.text;
    const adah_input_source source = {.shape = shape,
                                      .rows = {.value = values, .scale = modality == ADAH_IMAGE ? c->feature_scale : c->text_scale}};
    char input[ADAH_INPUT_TEXT_BYTES];
    int is_there;
    if (!adah_input_is_given(shape) || adah_shape_count(shape.item) != n_values)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%zu values, but this model takes %ss given as \"%s\"", n_values,
                         modality == ADAH_IMAGE ? "image" : "text", adah_input_text(shape, input));
    for (size_t i = 0; i < n_values; i++)
        if (!(fabsf(values[i]) <= FLT_MAX))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "value %zu is %g, expected finite values", i, (double)values[i]);
    ADAH_TRY(prepare(e, modality, status));
    ADAH_TRY(adah_input_worker_fill(e->side[modality], &source, modality, 0, 0, &is_there, status));
    return encode_input(e, modality, code, status);
}

/* From the record's row of an array. */
static adah_code encode_row(adah_encoder *e, const adah_feature_array *array, const adah_dataset *dataset, size_t record,
                            adah_modality modality, uint8_t *code, adah_status *status) {
    int is_there;
    ADAH_TRY(adah_feature_array_check(array, dataset, record, 1, status));
    ADAH_TRY(prepare(e, modality, status));
    ADAH_TRY(adah_input_worker_fill(e->side[modality], &array->source, modality, record, 0, &is_there, status));
    ADAH_TRY(adah_input_check(&array->source, ADAH_OK, status));
    return encode_input(e, modality, code, status);
}

adah_code adah_encode_record(adah_encoder *e, const adah_dataset *dataset, size_t record, adah_modality modality,
                             uint8_t *code, adah_status *status) {
    const adah_model_state *s = &e->model.state;
    const adah_record *r = adah_dataset_record(dataset, record);
    ADAH_TRY(check_modality(modality, status));
    if (!r)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: record %zu, expected less than %zu", adah_dataset_folder(dataset),
                         record, adah_dataset_count(dataset));
    if (modality == ADAH_TEXT && e->model.text_encoder)
        return encode_sentence(e, r->text, r->n_texts, code, status);
    if (modality == ADAH_TEXT && s->text.kind == ADAH_INPUT_WORDS)
        return adah_encode_text(e, r->text, code, status);
    adah_code done;
    if (modality == ADAH_IMAGE && s->image.kind == ADAH_INPUT_PIXELS) {
        char *path = adah_file_join(adah_dataset_folder(dataset), r->file_name);
        done = path ? adah_encode_image_file(e, path, code, status) : adah_fail_memory(status, strlen(r->file_name));
        adah_memory_free(path);
        return done;
    }
    adah_feature_arrays arrays;
    ADAH_TRY(adah_feature_arrays_open_for(s, dataset, &arrays, status));
    done = encode_row(e, modality == ADAH_IMAGE ? &arrays.image : &arrays.text, dataset, record, modality, code, status);
    adah_feature_arrays_close(&arrays);
    return done;
}

static adah_code prepare_attention(adah_encoder *e, adah_status *status) {
    ADAH_TRY(prepare_image(e, status));
    if (e->side[ADAH_IMAGE]->network->image.attention.mask)
        return ADAH_OK;
    if (!adah_method_find(e->model.state.config.method)->has_attention)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model is of the method %s, which has no attention",
                         e->model.state.config.method);
    return adah_fail(status, ADAH_ERROR_MISMATCH, "this model was trained without attention masks; train one with attention");
}

/* Of the picture that was read. */
static adah_code attend(adah_encoder *e, adah_attention_map *map, adah_status *status) {
    const adah_side *side = &e->side[ADAH_IMAGE]->network->image;
    take_pixels(e);
    ADAH_TRY(adah_input_worker_forward(e->side[ADAH_IMAGE], status));
    const adah_shape f = adah_node_shape(side->feature);
    const size_t n = f.dim[2] * f.dim[3];
    adah_attention_map m = {f.dim[2], f.dim[3], adah_memory_floats(n), adah_memory_alloc(n)};
    if (!m.probability || !m.mask) {
        adah_attention_map_free(&m);
        return adah_fail_memory(status, n * sizeof(float));
    }
    memcpy(m.probability, adah_node_value(side->attention.probability), n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        m.mask[i] = adah_node_value(side->attention.mask)[i] >= 0.5f;
    *map = m;
    return ADAH_OK;
}

adah_code adah_attend_image_file(adah_encoder *e, const char *path, adah_attention_map *map, adah_status *status) {
    ADAH_TRY(prepare_attention(e, status));
    ADAH_TRY(load(e, path, status));
    return attend(e, map, status);
}

adah_code adah_attend_image_bytes(adah_encoder *e, const uint8_t *bytes, size_t n_bytes, adah_attention_map *map, adah_status *status) {
    ADAH_TRY(prepare_attention(e, status));
    ADAH_TRY(decode(e, bytes, n_bytes, status));
    return attend(e, map, status);
}

adah_code adah_attend_image_pixels(adah_encoder *e, const adah_picture *picture, adah_attention_map *map, adah_status *status) {
    ADAH_TRY(prepare_attention(e, status));
    ADAH_TRY(take_picture(e, picture, status));
    return attend(e, map, status);
}

void adah_attention_map_free(adah_attention_map *map) {
    adah_memory_free(map->probability);
    adah_memory_free(map->mask);
    *map = (adah_attention_map){0};
}
