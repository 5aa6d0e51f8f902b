/* text_encoder.c - runs a carried text encoder: tokens, a transformer, one vector.
 *
 * A text goes alone through a network for its own length, rounded up to a multiple of 8. So its vector does not depend on the texts around
 * it, and that of a query is that of a data set's record to the bit. */
#include "backbones/text_encoder.h"
#include "backbones/text_form.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { LENGTH_STEP = 8, N_LENGTHS = ADAH_TEXT_TOKENS_MAX / LENGTH_STEP };

struct adah_text_encoder {
    adah_text_form form;
    adah_text_weights *weights;
    adah_tokenizer *tokenizer;
    char id[33];
};

typedef struct text_network {
    adah_graph *graph; /* NULL: not needed yet */
    adah_node *ids, *presence, *vector;
} text_network;

struct adah_text_reader {
    const adah_text_encoder *encoder;
    uint32_t *token;  /* [form.n_tokens] */
    float *line;      /* the vector of one of several texts */
    text_network network[N_LENGTHS + 1]; /* by length / LENGTH_STEP */
};

/* ---------------------------------------------------------------- encoders */

static adah_code identify(adah_text_encoder *e, adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return adah_fail_memory(status, 1024);
    XXH3_128bits_reset(hash);
    adah_text_weights_hash(e->weights, hash);
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    snprintf(e->id, sizeof e->id, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    XXH3_freeState(hash);
    return ADAH_OK;
}

/* Lists the layers once, which finds every missing or misshapen parameter. */
static adah_code check_layers(const adah_text_encoder *e, const char *where, adah_status *status) {
    adah_status fault = {0};
    adah_node *ids, *presence;
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    if (!g)
        return adah_fail_memory(status, 1);
    adah_builder b = {.graph = g, .parameters = &e->weights->parameters, .status = &fault};
    adah_text_form_build(&e->form, &b, LENGTH_STEP, &ids, &presence);
    adah_code code = b.failed ? fault.code : adah_graph_check(g, &fault);
    adah_graph_free(g);
    if (code == ADAH_ERROR_FORMAT || code == ADAH_ERROR_MISMATCH)
        code = ADAH_ERROR_CORRUPT;
    return code == ADAH_OK ? ADAH_OK : adah_fail(status, code, "%s: %s", where, fault.message);
}

static adah_code create(adah_text_encoder *e, const char *where, adah_status *status) {
    adah_status fault = {0};
    ADAH_TRY(adah_text_form_parse(e->weights->description, where, &e->form, status));
    ADAH_TRY(adah_tokenizer_parse(e->weights->tokenizer, where, &e->tokenizer, status));
    if (adah_tokenizer_size(e->tokenizer) > e->form.n_rows)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: a tokenizer of %zu tokens for an encoder of %zu", where,
                         adah_tokenizer_size(e->tokenizer), e->form.n_rows);
    uint32_t token[ADAH_TEXT_TOKENS_MAX];
    size_t n;
    if (adah_tokenizer_encode(e->tokenizer, "", 0, e->form.n_tokens, token, &n, &fault) != ADAH_OK)
        return adah_fail(status, fault.code == ADAH_ERROR_MEMORY ? fault.code : ADAH_ERROR_CORRUPT, "%s: %s", where, fault.message);
    ADAH_TRY(check_layers(e, where, status));
    return identify(e, status);
}

adah_code adah_text_encoder_create(adah_text_weights *weights, const char *where, adah_text_encoder **encoder, adah_status *status) {
    adah_text_encoder *e = adah_memory_zeroed(1, sizeof *e);
    if (!e)
        return adah_fail_memory(status, sizeof *e);
    e->weights = weights;
    const adah_code code = create(e, where, status);
    if (code != ADAH_OK)
        adah_text_encoder_free(e);
    else
        *encoder = e;
    return code;
}

void adah_text_encoder_free(adah_text_encoder *e) {
    if (!e)
        return;
    adah_tokenizer_free(e->tokenizer);
    adah_memory_free(e);
}

size_t adah_text_encoder_values(const adah_text_encoder *e) { return adah_text_form_values(&e->form); }
const char *adah_text_encoder_id(const adah_text_encoder *e) { return e->id; }

/* ---------------------------------------------------------------- readers */

adah_code adah_text_reader_create(const adah_text_encoder *encoder, adah_text_reader **reader, adah_status *status) {
    adah_text_reader *r = adah_memory_zeroed(1, sizeof *r);
    if (!r)
        return adah_fail_memory(status, sizeof *r);
    r->encoder = encoder;
    r->token = adah_memory_zeroed(encoder->form.n_tokens, sizeof *r->token);
    r->line = adah_memory_floats(adah_text_encoder_values(encoder));
    if (!r->token || !r->line) {
        adah_text_reader_free(r);
        return adah_fail_memory(status, encoder->form.n_tokens * sizeof *r->token);
    }
    *reader = r;
    return ADAH_OK;
}

void adah_text_reader_free(adah_text_reader *r) {
    if (!r)
        return;
    for (size_t i = 0; i <= N_LENGTHS; i++)
        adah_graph_free(r->network[i].graph);
    adah_memory_free(r->token);
    adah_memory_free(r->line);
    adah_memory_free(r);
}

static adah_code build_network(const adah_text_encoder *e, size_t n_tokens, text_network *net, adah_status *status) {
    adah_status fault = {0};
    net->graph = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    if (!net->graph)
        return adah_fail_memory(status, 1);
    adah_builder b = {.graph = net->graph, .parameters = &e->weights->parameters, .status = &fault};
    net->vector = adah_text_form_build(&e->form, &b, n_tokens, &net->ids, &net->presence);
    adah_node_keep(net->vector);
    const int n_threads = adah_parallel_threads();
    adah_parallel_set_threads(1);
    const adah_code code = b.failed ? fault.code : adah_graph_build(net->graph, &fault);
    adah_parallel_set_threads(n_threads);
    if (code == ADAH_OK)
        return ADAH_OK;
    adah_graph_free(net->graph);
    net->graph = NULL;
    return adah_fail(status, code, "%s", fault.message);
}

static void shorten(float *vector, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)vector[i] * vector[i];
    for (size_t i = 0; i < n && sum > 0; i++)
        vector[i] = (float)(vector[i] / sqrt(sum));
}

/* Where a token is first. */
static size_t first_of(const uint32_t *token, size_t n, uint32_t wanted) {
    size_t i = 0;
    while (i + 1 < n && token[i] != wanted)
        i++;
    return i;
}

adah_code adah_text_reader_read(adah_text_reader *r, const char *text, size_t n_bytes, float *vector, int *is_there, adah_status *status) {
    const adah_text_encoder *e = r->encoder;
    const adah_text_form *form = &e->form;
    const size_t n_values = adah_text_form_values(form);
    size_t n = 0, n_empty = 0;
    ADAH_TRY(adah_tokenizer_encode(e->tokenizer, "", 0, form->n_tokens, r->token, &n_empty, status));
    ADAH_TRY(adah_tokenizer_encode(e->tokenizer, text, n_bytes, form->n_tokens, r->token, &n, status));
    *is_there = n > n_empty;
    if (form->family == ADAH_TEXT_CLIP && *is_there) /* its vector is that of the first token that ends a text, and nothing behind is seen from there */
        n = first_of(r->token, n, r->token[n - 1]) + 1;
    if (!*is_there) {
        memset(vector, 0, n_values * sizeof *vector);
        return ADAH_OK;
    }
    const size_t place = form->is_padded ? N_LENGTHS : (n + LENGTH_STEP - 1) / LENGTH_STEP;
    const size_t n_rows = form->is_padded || place * LENGTH_STEP > form->n_tokens ? form->n_tokens : place * LENGTH_STEP;
    text_network *net = &r->network[place];
    if (!net->graph)
        ADAH_TRY(build_network(e, n_rows, net, status));
    float *ids = adah_node_value(net->ids), *presence = net->presence ? adah_node_value(net->presence) : NULL;
    for (size_t i = 0; i < n_rows; i++) {
        ids[i] = (float)(i < n ? r->token[i] : form->padding);
        if (presence)
            presence[i] = i < n;
    }
    ADAH_TRY(adah_graph_forward(net->graph, status));
    memcpy(vector, adah_node_value(net->vector), n_values * sizeof *vector);
    if (form->is_unit)
        shorten(vector, n_values);
    return ADAH_OK;
}

adah_code adah_text_reader_read_lines(adah_text_reader *r, const char *text, size_t n_texts, float *vector, int *is_there,
                                      adah_status *status) {
    if (n_texts < 2)
        return adah_text_reader_read(r, text, strlen(text), vector, is_there, status);
    const size_t n_values = adah_text_encoder_values(r->encoder);
    size_t n = 0;
    memset(vector, 0, n_values * sizeof *vector);
    while (*text) {
        const size_t width = strcspn(text, "\n");
        int is_line_there;
        ADAH_TRY(adah_text_reader_read(r, text, width, r->line, &is_line_there, status));
        for (size_t i = 0; i < n_values; i++)
            vector[i] += r->line[i];
        n += is_line_there != 0;
        text += width + (text[width] == '\n');
    }
    for (size_t i = 0; i < n_values && n; i++)
        vector[i] /= (float)n;
    if (r->encoder->form.is_unit)
        shorten(vector, n_values);
    *is_there = n > 0;
    return ADAH_OK;
}
