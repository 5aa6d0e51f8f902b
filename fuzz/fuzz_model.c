/* fuzz_model.c - weight files and models: every tensor is looked at, read as weights, and what opens as a model is asked, encodes
 * words and a picture or given features.
 *
 * The input is a safetensors file whose data may be short: they are repeated until the last tensor is full, so that a model
 * of a megabyte is an input of kilobytes. A model whose only fault is its checksum is mended and opened again, so that what lies
 * behind is reached. */
#define _GNU_SOURCE
#include "base/parallel.h"
#include "fuzz_file.h"
#include "files/weights.h"
#include "model_mutator.h"
#include "files/safetensors.h"
#include "api/model.h"
#include "tiny_picture.h"

enum {
    FILE_BYTES_MAX = 12 << 20, /* mobilenet_v2 has 9 MB */
    N_SIDE_MAX = 96,           /* of a picture that is encoded */
    GIVEN_MAX = 1 << 16,       /* values of a feature that is encoded */
    READ_MAX = 1 << 20         /* values of a tensor that is read as weights */
};

static volatile size_t n_seen;

/* ---------------------------------------------------------------- the file */

static size_t end_of(const json_t *header) {
    const char *name;
    json_t *tensor;
    json_int_t last = 0;
    json_object_foreach((json_t *)(uintptr_t)header, name, tensor) {
        const json_int_t end = json_integer_value(json_array_get(json_object_get(tensor, "data_offsets"), 1));
        last = end > last ? end : last;
    }
    return (size_t)last;
}

/* The path of the file with its data repeated to their end. */
static const char *put_model(const uint8_t *bytes, size_t n_bytes) {
    size_t n_header = 0;
    json_t *header = model_header(bytes, n_bytes, &n_header);
    const size_t n_data = header ? n_bytes - 8 - n_header : 0, end = header ? end_of(header) : 0;
    json_decref(header);
    if (n_data == 0 || end <= n_data || end > FILE_BYTES_MAX)
        return fuzz_file(bytes, n_bytes);
    uint8_t *file = malloc(8 + n_header + end);
    FUZZ_MUST(file != NULL);
    memcpy(file, bytes, n_bytes);
    for (size_t n = n_data; n < end; n += n_data)
        memcpy(file + 8 + n_header + n, bytes + 8 + n_header, n_data < end - n ? n_data : end - n);
    const char *path = fuzz_file(file, 8 + n_header + end);
    free(file);
    return path;
}

/* Puts the checksum that the file should have in place of the one it has, where the library told both. */
static int mend_checksum(const char *path, const char *message, const uint8_t *bytes, size_t n_bytes) {
    static const char before[] = "its contents have checksum ", between[] = ", it says ";
    const char *right = strstr(message, before), *wrong = strstr(message, between);
    if (!right || !wrong || strlen(wrong) != sizeof between - 1 + 32)
        return 0;
    const uint8_t *at = memmem(bytes, n_bytes, wrong + sizeof between - 1, 32);
    FILE *file = at ? fopen(path, "r+b") : NULL;
    if (!file)
        return 0;
    const int is_done = fseek(file, at - bytes, SEEK_SET) == 0 && fwrite(right + sizeof before - 1, 1, 32, file) == 32;
    return fclose(file) == 0 && is_done;
}

static int open_model(const char *path, const uint8_t *bytes, size_t n_bytes, adah_model **model) {
    adah_status status = {0};
    if (adah_model_open(path, model, &status) == ADAH_OK)
        return 1;
    FUZZ_MUST(status.code != ADAH_OK && status.message[0] && status.code != ADAH_ERROR_INTERNAL);
    return mend_checksum(path, status.message, bytes, n_bytes) && adah_model_open(path, model, NULL) == ADAH_OK;
}

/* ---------------------------------------------------------------- tensors, and as weights */

static void look_at_tensors(const char *path) {
    enum { STEP = 512 };
    adah_safetensors *file;
    if (adah_safetensors_open(path, &file, NULL) != ADAH_OK)
        return;
    for (size_t i = 0; i < adah_safetensors_count(file); i++) {
        const adah_stored_tensor *tensor = adah_safetensors_at(file, i);
        FUZZ_MUST(adah_safetensors_find(file, tensor->name) == tensor);
        for (size_t k = 0; k < tensor->n_bytes; k += STEP)
            n_seen += tensor->bytes[k];
        if (tensor->n_bytes)
            n_seen += tensor->bytes[tensor->n_bytes - 1];
    }
    adah_safetensors_close(file);
}

static void read_as_weights(const char *path) {
    adah_weights *weights;
    adah_safetensors *file;
    adah_settings config = {0};
    if (adah_weights_open(path, &weights, NULL) != ADAH_OK)
        return;
    adah_weights_style(weights, &config);
    n_seen += (size_t)config.weights_style;
    const int is_safetensors = adah_safetensors_open(path, &file, NULL) == ADAH_OK;
    for (size_t i = 0; is_safetensors && i < adah_safetensors_count(file); i++) {
        const adah_stored_tensor *tensor = adah_safetensors_at(file, i);
        adah_shape shape = {tensor->n_dims, {0}};
        if (tensor->n_dims > 4)
            continue;
        memcpy(shape.dim, tensor->dim, (size_t)tensor->n_dims * sizeof *tensor->dim);
        const size_t n = adah_shape_count(shape);
        float *values = n <= READ_MAX ? malloc((n + 1) * sizeof *values) : NULL;
        if (values && adah_weights_read(weights, tensor->name, shape, values, NULL) == ADAH_OK && n)
            n_seen += values[n - 1] > 0;
        FUZZ_MUST(adah_weights_find(weights, tensor->name) != NULL);
        free(values);
    }
    if (is_safetensors)
        adah_safetensors_close(file);
    adah_weights_close(weights);
}

/* ---------------------------------------------------------------- encoding */

static void encode_text(const adah_model *model, adah_encoder *encoder) {
    char text[512];
    uint8_t code[ADAH_BITS_MAX / 8], again[ADAH_BITS_MAX / 8];
    adah_text_word *words;
    size_t n = 0, n_words;
    for (size_t i = 0; i < adah_vocabulary_size(model->vocabulary) && i < 4; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.100s ", adah_vocabulary_word(model->vocabulary, i));
    snprintf(text + n, sizeof text - n, "and unheard-of");
    if (adah_model_words(model, text, &words, &n_words, NULL) == ADAH_OK) {
        for (size_t i = 0; i < n_words; i++)
            FUZZ_MUST(words[i].offset + words[i].n_bytes <= strlen(text) && words[i].first <= i);
        adah_free(words);
    }
    if (adah_encode_text(encoder, text, code, NULL) != ADAH_OK)
        return;
    FUZZ_MUST(adah_encode_text(encoder, text, again, NULL) == ADAH_OK);
    FUZZ_MUST(!memcmp(code, again, (size_t)adah_model_bits(model) / 8));
    n_seen += adah_encoder_unknown_words(encoder) + (adah_encoder_relaxed(encoder)[adah_model_bits(model) - 1] > 0);
}

static void encode_picture(const adah_model *model, adah_encoder *encoder) {
    uint8_t code[ADAH_BITS_MAX / 8], again[ADAH_BITS_MAX / 8], *png;
    const size_t n_side = adah_model_image_side(model);
    adah_picture picture;
    adah_attention_map map;
    size_t n_png;
    if (n_side > N_SIDE_MAX)
        return;
    FUZZ_MUST(adah_encode_image_bytes(encoder, tiny_picture, sizeof tiny_picture, code, NULL) == ADAH_OK);
    FUZZ_MUST(adah_picture_decode(tiny_picture, sizeof tiny_picture, n_side, 0, &picture, NULL) == ADAH_OK);
    FUZZ_MUST(adah_encode_image_pixels(encoder, &picture, again, NULL) == ADAH_OK);
    FUZZ_MUST(!memcmp(code, again, (size_t)adah_model_bits(model) / 8));
    const adah_code attended = adah_attend_image_pixels(encoder, &picture, &map, NULL);
    FUZZ_MUST((attended == ADAH_OK) == adah_model_has_attention(model));
    if (attended == ADAH_OK) {
        adah_attend_draw(&map, &picture);
        FUZZ_MUST(adah_picture_png(&picture, &png, &n_png, NULL) == ADAH_OK);
        adah_free(png);
        adah_attention_map_free(&map);
    }
    adah_free(picture.rgb);
}

/* What encoding a record does with a row of an array. */
static void encode_given(const adah_model *model, adah_modality side) {
    const adah_input_shape input = side == ADAH_IMAGE ? model->state.image : model->state.text;
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = side == ADAH_IMAGE ? input : (adah_input_shape){0},
                                    .text = side == ADAH_TEXT ? input : (adah_input_shape){0}};
    const size_t n = adah_shape_count(input.item);
    adah_network *network;
    if (n > GIVEN_MAX || !adah_input_is_given(input))
        return;
    FUZZ_MUST(adah_network_create(&plan, &model->state.config, (adah_parameters *)(uintptr_t)&model->state.parameters, &network, NULL) ==
         ADAH_OK);
    adah_side *s = side == ADAH_IMAGE ? &network->image : &network->text;
    for (int zeros = 0; zeros < 2; zeros++) { /* tokens of zeros are padding */
        for (size_t i = 0; i < n; i++)
            adah_node_value(s->input)[i] = zeros ? 0 : (float)(i % 7) - 3;
        FUZZ_MUST(adah_graph_forward(network->graph, NULL) == ADAH_OK);
        for (int i = 0; i < model->state.config.n_bits; i++)
            n_seen += adah_node_value(s->code)[i] > 0;
    }
    adah_network_free(network);
}

/* ---------------------------------------------------------------- the whole model */

static void use(const adah_model *model) {
    adah_encoder *encoder;
    json_t *told = json_loads(adah_model_json(model), 0, NULL);
    FUZZ_MUST(json_integer_value(json_object_get(told, "n_bits")) == adah_model_bits(model));
    FUZZ_MUST(strlen(adah_model_id(model)) == 32);
    json_decref(told);
    FUZZ_MUST(adah_encoder_create(model, NULL, &encoder, NULL) == ADAH_OK);
    if (adah_model_takes_text(model))
        encode_text(model, encoder);
    if (adah_model_takes_images(model))
        encode_picture(model, encoder);
    adah_encoder_close(encoder);
    encode_given(model, ADAH_IMAGE);
    encode_given(model, ADAH_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    const char *path = put_model(bytes, n_bytes);
    adah_model *model;
    adah_parallel_set_threads(1);
    look_at_tensors(path);
    read_as_weights(path);
    if (open_model(path, bytes, n_bytes, &model)) {
        use(model);
        adah_model_close(model);
    }
    return 0;
}
