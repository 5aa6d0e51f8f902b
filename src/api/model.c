/* model.c - opens a model file, checks that its parts fit together, describes it. */
#include "api/model.h"
#include "backbones/cut.h"
#include "base/memory.h"
#include "paper/network.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void adah_free(void *p) { adah_memory_free(p); }

/* {"id", "n_bits", "image", "text", "text_encoder", "n_words", "n_parameters", "config", "training"}; text_encoder null: there is none. */
static adah_code describe(const char *path, adah_model *m, adah_status *status) {
    size_t n_parameters = 0;
    for (size_t i = 0; i < m->state.parameters.n; i++)
        n_parameters += m->state.parameters.item[i]->n;
    for (size_t i = 0; i < m->state.text_encoder.parameters.n; i++)
        n_parameters += m->state.text_encoder.parameters.item[i]->n;
    char *config = adah_settings_json(&m->state.config);
    json_t *training = json_loads(m->state.training, 0, NULL);
    if (!config || !training) {
        const adah_code code =
            config ? adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its training record is not JSON", path)
                   : adah_fail_memory(status, 1);
        json_decref(training);
        adah_memory_free(config);
        return code;
    }
    char image[ADAH_INPUT_TEXT_BYTES], input[ADAH_INPUT_TEXT_BYTES];
    const size_t n_words = m->vocabulary ? adah_vocabulary_size(m->vocabulary) : 0;
    json_t *object = json_pack("{s:s, s:i, s:s, s:s, s:o, s:I, s:I, s:o, s:o}", "id", m->state.id, "n_bits",
                               m->state.config.n_bits, "image", adah_input_text(m->state.image, image), "text",
                               adah_input_text(m->state.text, input), "text_encoder",
                               m->text_encoder ? json_loads(m->state.text_encoder.description, 0, NULL) : json_null(), "n_words", (json_int_t)n_words, "n_parameters", (json_int_t)n_parameters, "config",
                               json_loads(config, 0, NULL), "training", training);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    m->json = text ? adah_memory_text(text) : NULL;
    free(text);
    json_decref(object);
    adah_memory_free(config);
    return m->json ? ADAH_OK : adah_fail_memory(status, 1);
}

/* Lists the layers of both sides once, which finds every missing or misshapen parameter. Nothing is run, and nothing takes memory:
 * a file of a few kilobytes may say that its images are maps of 2^30 values. */
static adah_code check_parameters(const char *path, adah_model *m, adah_status *status) {
    const adah_network_plan plan = {.n_batch = 1, .image = m->state.image, .text = m->state.text, .only_checked = 1};
    adah_network *net;
    adah_status fault = {0};
    if (adah_network_create(&plan, &m->state.config, &m->state.parameters, &net, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s: %s", path, fault.message);
    adah_network_free(net);
    return ADAH_OK;
}

static adah_code open_vocabulary(const char *path, adah_model *m, adah_status *status) {
    adah_status fault = {0};
    if (adah_vocabulary_parse(m->state.vocabulary, &m->vocabulary, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s: %s", path, fault.message);
    const size_t n_words = m->state.text.n_words;
    if (adah_vocabulary_size(m->vocabulary) != n_words)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: %zu words in its vocabulary, expected %zu", path,
                         adah_vocabulary_size(m->vocabulary), n_words);
    return ADAH_OK;
}

static adah_code open_text_encoder(const char *path, adah_model *m, adah_status *status) {
    adah_status fault = {0};
    if (adah_vocabulary_open_empty(m->state.config.language, &m->splitter, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s: %s", path, fault.message);
    ADAH_TRY(adah_text_encoder_create(&m->state.text_encoder, path, &m->text_encoder, status));
    const size_t n_tokens = (size_t)m->state.config.text_tokens;
    const adah_input_shape made = adah_text_encoder_shape(m->text_encoder, n_tokens, n_tokens ? 0 : m->state.text.n_words);
    char text[ADAH_INPUT_TEXT_BYTES], expected[ADAH_INPUT_TEXT_BYTES];
    if (!adah_input_equal(m->state.text, made) || (n_tokens && n_tokens < adah_text_encoder_special(m->text_encoder)))
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its texts are \"%s\", its text encoder makes \"%s\" of them", path,
                         adah_input_text(m->state.text, text), adah_input_text(made, expected));
    return ADAH_OK;
}

static adah_code open_model(const char *path, adah_model *m, adah_status *status) {
    ADAH_TRY(adah_model_state_read(path, &m->state, status));
    adah_status fault = {0};
    if (adah_backbone_check(&m->state.config, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s: %s", path, fault.message);
    if (m->state.text.n_words)
        ADAH_TRY(open_vocabulary(path, m, status));
    if (m->state.text.kind == ADAH_INPUT_SENTENCE && !m->state.text_encoder.description)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its texts want a text encoder, and it has none", path);
    if (m->state.text_encoder.description)
        ADAH_TRY(open_text_encoder(path, m, status));
    ADAH_TRY(check_parameters(path, m, status));
    return describe(path, m, status);
}

adah_code adah_model_open(const char *path, adah_model **model, adah_status *status) {
    adah_model *m = adah_memory_zeroed(1, sizeof *m);
    if (!m)
        return adah_fail_memory(status, sizeof *m);
    const adah_code code = open_model(path, m, status);
    if (code != ADAH_OK)
        adah_model_close(m);
    else
        *model = m;
    return code;
}

void adah_model_close(adah_model *m) {
    if (!m)
        return;
    adah_text_encoder_free(m->text_encoder);
    adah_model_state_free(&m->state);
    adah_vocabulary_free(m->vocabulary);
    adah_vocabulary_free(m->splitter);
    adah_memory_free(m->json);
    adah_memory_free(m);
}

adah_code adah_model_with_precision(const adah_model *m, adah_precision precision, adah_model *view, adah_status *status) {
    if (precision != ADAH_AS_TRAINED && precision != ADAH_FLOAT32 && precision != ADAH_BFLOAT16)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "precision %d: expected as trained (0), float32 (1) or bfloat16 (2)", (int)precision);
    if (!adah_precision_supported(precision))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "this processor has no products of bfloat16");
    *view = *m;
    if (precision != ADAH_AS_TRAINED)
        view->state.config.precision = precision;
    return ADAH_OK;
}

int adah_model_bits(const adah_model *m) { return m->state.config.n_bits; }
size_t adah_model_fine(const adah_model *m, adah_modality modality) { return adah_settings_fine(&m->state.config, modality); }
const char *adah_model_id(const adah_model *m) { return m->state.id; }
const char *adah_model_json(const adah_model *m) { return m->json; }

size_t adah_model_image_side(const adah_model *model) { return (size_t)model->state.config.n_side; }
adah_picture_form adah_model_picture_form(const adah_model *model) { return adah_settings_form(&model->state.config); }
int adah_model_takes_images(const adah_model *m) { return m->state.image.kind == ADAH_INPUT_PIXELS; }
int adah_model_takes_text(const adah_model *m) { return m->state.text.kind == ADAH_INPUT_WORDS || m->text_encoder; }
int adah_model_has_attention(const adah_model *m) {
    return m->state.config.attention && adah_model_takes_images(m);
}

adah_code adah_model_words(const adah_model *m, const char *text, adah_text_word **words, size_t *n, adah_status *status) {
    if (!m->vocabulary && !m->splitter)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model takes no words");
    ADAH_TRY(adah_vocabulary_words(m->vocabulary ? m->vocabulary : m->splitter, text, words, n, status));
    for (size_t i = 0; m->text_encoder && i < *n; i++) /* a text encoder reads them all */
        (*words)[i].is_known = 1;
    return ADAH_OK;
}
