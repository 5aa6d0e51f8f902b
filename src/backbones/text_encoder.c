/* text_encoder.c - runs a carried text encoder: tokens, a transformer, one vector or those of its tokens.
 *
 * Texts go through a network side by side, their tokens one after the other, as many as have room in ROWS_MAX rows; what is left of a
 * network's rows at the end, less than a step, is empty. Linear layers and norms do not know of texts, attention takes one after the other.
 * A row of a linear layer of 16 rows and more (fully_connected.c), and all else of a text, follows from its own input, whatever lies beside
 * it; through the projection at the end every text goes alone. So a vector does not depend on the texts around it, and that of a query is that
 * of a data set's record to the bit. */
#include "backbones/text_encoder.h"
#include "backbones/text_form.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum {
    ROWS_MIN = 16,              /* of a network */
    ROWS_MAX = 256,             /* with several texts, so that they stay in the second cache */
    STEP = 8, LONG_STEP = 32,   /* between the rows of networks, the second one beyond ROWS_SHORT rows */
    ROWS_SHORT = 64,
    N_NETWORKS = ADAH_TEXT_TOKENS_MAX / STEP,
    QUEUE = 256                 /* texts that wait for others */
};

struct adah_text_encoder {
    adah_text_form form;
    adah_text_weights *weights;
    adah_tokenizer *tokenizer;
    size_t n_empty; /* tokens of the empty text */
    char id[33];
};

typedef struct text_network {
    adah_graph *graph; /* NULL: not needed yet */
    adah_text_inputs inputs;
    adah_node *rows;
} text_network;

/* A line of text on its way. */
typedef struct queued {
    adah_text_item *item;
    uint32_t *token; /* n of them, within the reader's; none: it is not there */
    size_t n, n_rows; /* rows: of the network; padding follows the tokens */
    float *vector;    /* of rows of tokens: where those of this line are in the item's */
    size_t n_own;     /* the most rows of tokens that it has there */
    int is_last;      /* of its item */
} queued;

struct adah_text_reader {
    const adah_text_encoder *encoder;
    size_t n_tokens; /* 0: texts become vectors */
    size_t n_max;    /* tokens of a text */
    uint32_t *token; /* [QUEUE * form.n_tokens] */
    char *prefixed;  /* the encoder's prefix and a text */
    size_t capacity; /* its */
    float *line;     /* [QUEUE] vectors of lines of items that have several, made when there are any */
    queued queue[QUEUE];
    size_t n_queued;
    size_t n_there;  /* lines of the item that is being read */
    text_network network[N_NETWORKS + 1]; /* by rows / STEP */
    float *picked; /* [form.blocks.n_channels] */
    adah_graph *projection; /* NULL: there is none, or it is not needed yet */
    adah_node *row, *vector; /* its */
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
    adah_text_inputs inputs;
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    if (!g)
        return adah_fail_memory(status, 1);
    adah_builder b = {.graph = g, .parameters = &e->weights->parameters, .status = &fault};
    adah_text_form_project(&e->form, &b, adah_text_form_build(&e->form, &b, ROWS_MIN, &inputs));
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
    if (adah_tokenizer_encode(e->tokenizer, "", 0, e->form.n_tokens, token, &e->n_empty, &fault) != ADAH_OK)
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

adah_input_shape adah_text_encoder_shape(const adah_text_encoder *e, size_t n_tokens, size_t n_words) {
    const size_t n_values = adah_text_form_values(&e->form);
    if (n_tokens)
        return (adah_input_shape){.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(n_tokens, e->form.blocks.n_channels)};
    return n_words ? adah_input_sentence(n_words, n_values) : (adah_input_shape){.kind = ADAH_INPUT_VECTOR, .item = ADAH_SHAPE1(n_values)};
}

size_t adah_text_encoder_special(const adah_text_encoder *e) { return e->n_empty; }
const char *adah_text_encoder_id(const adah_text_encoder *e) { return e->id; }

/* ---------------------------------------------------------------- readers */

adah_code adah_text_reader_create(const adah_text_encoder *encoder, size_t n_tokens, adah_text_reader **reader, adah_status *status) {
    adah_text_reader *r = adah_memory_zeroed(1, sizeof *r);
    if (!r)
        return adah_fail_memory(status, sizeof *r);
    r->encoder = encoder;
    r->n_tokens = n_tokens;
    r->n_max = n_tokens && n_tokens < encoder->form.n_tokens ? n_tokens : encoder->form.n_tokens;
    r->token = adah_memory_zeroed(QUEUE * encoder->form.n_tokens, sizeof *r->token);
    r->picked = adah_memory_floats(encoder->form.blocks.n_channels);
    if (!r->token || !r->picked) {
        adah_text_reader_free(r);
        return adah_fail_memory(status, QUEUE * encoder->form.n_tokens * sizeof *r->token);
    }
    *reader = r;
    return ADAH_OK;
}

void adah_text_reader_free(adah_text_reader *r) {
    if (!r)
        return;
    for (size_t i = 0; i <= N_NETWORKS; i++)
        adah_graph_free(r->network[i].graph);
    adah_graph_free(r->projection);
    adah_memory_free(r->token);
    adah_memory_free(r->picked);
    adah_memory_free(r->line);
    adah_memory_free(r->prefixed);
    adah_memory_free(r);
}

/* On one thread. */
static adah_code build(adah_graph **graph, const adah_builder *b, adah_status *status) {
    const int n_threads = adah_parallel_threads();
    adah_parallel_set_threads(1);
    const adah_code code = b->failed ? b->status->code : adah_graph_build(*graph, b->status);
    adah_parallel_set_threads(n_threads);
    if (code == ADAH_OK)
        return ADAH_OK;
    adah_graph_free(*graph);
    *graph = NULL;
    return adah_fail(status, code, "%s", b->status->message);
}

static adah_code build_network(const adah_text_encoder *e, size_t n_rows, text_network *net, adah_status *status) {
    adah_status fault = {0};
    net->graph = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    if (!net->graph)
        return adah_fail_memory(status, 1);
    adah_builder b = {.graph = net->graph, .parameters = &e->weights->parameters, .status = &fault};
    net->rows = adah_text_form_build(&e->form, &b, n_rows, &net->inputs);
    adah_node_keep(net->rows);
    return build(&net->graph, &b, status);
}

static adah_code build_projection(adah_text_reader *r, adah_status *status) {
    adah_status fault = {0};
    r->projection = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    if (!r->projection)
        return adah_fail_memory(status, 1);
    adah_builder b = {.graph = r->projection, .parameters = &r->encoder->weights->parameters, .status = &fault};
    r->row = adah_graph_input(r->projection, ADAH_SHAPE2(1, r->encoder->form.blocks.n_channels));
    r->vector = adah_text_form_project(&r->encoder->form, &b, r->row);
    adah_node_keep(r->vector);
    return build(&r->projection, &b, status);
}

static void shorten(float *vector, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)vector[i] * vector[i];
    for (size_t i = 0; i < n && sum > 0; i++)
        vector[i] = (float)(vector[i] / sqrt(sum));
}

/* ---------------------------------------------------------------- batches */

/* From a row of the network to the vector. */
static adah_code project(adah_text_reader *r, const float *row, float *vector, adah_status *status) {
    const adah_text_form *form = &r->encoder->form;
    const size_t n_values = adah_text_form_values(form);
    if (form->n_projected) {
        if (!r->projection)
            ADAH_TRY(build_projection(r, status));
        memcpy(adah_node_value(r->row), row, form->blocks.n_channels * sizeof *row);
        ADAH_TRY(adah_graph_forward(r->projection, status));
        row = adah_node_value(r->vector);
    }
    memcpy(vector, row, n_values * sizeof *row);
    if (form->is_unit)
        shorten(vector, n_values);
    return ADAH_OK;
}

/* The row of a text's vector: one of its n, or their mean. */
static const float *pick_row(const adah_text_reader *r, const float *rows, size_t n) {
    const size_t n_channels = r->encoder->form.blocks.n_channels;
    if (r->encoder->form.pick != ADAH_ROW_MEAN)
        return rows + (r->encoder->form.pick == ADAH_ROW_LAST ? (n - 1) * n_channels : 0);
    const float share = 1 / (float)n;
    memset(r->picked, 0, n_channels * sizeof *r->picked);
    for (size_t i = 0; i < n * n_channels; i++)
        r->picked[i % n_channels] += share * rows[i];
    return r->picked;
}

/* Those of the tokens of a text to their place in its item. */
static void put_tokens(const queued *text, const float *rows, size_t n_channels) {
    const size_t n = text->n < text->n_own ? text->n : text->n_own;
    memcpy(text->vector, rows, n * n_channels * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        shorten(text->vector + i * n_channels, n_channels);
}

/* The rows of a network that has room for n. */
static size_t rows_for(size_t n) {
    const size_t step = n > ROWS_SHORT ? LONG_STEP : STEP, n_rows = (n + step - 1) / step * step;
    return n_rows < ROWS_MIN ? ROWS_MIN : n_rows;
}

/* n_texts of n_rows rows together. */
static adah_code run_batch(adah_text_reader *r, queued *const *text, size_t n_texts, size_t n_rows, adah_status *status) {
    const adah_text_form *form = &r->encoder->form;
    const size_t n_whole = rows_for(n_rows), n_channels = form->blocks.n_channels;
    text_network *net = &r->network[n_whole / STEP];
    if (!net->graph)
        ADAH_TRY(build_network(r->encoder, n_whole, net, status));
    float *id = adah_node_value(net->inputs.ids), *place = adah_node_value(net->inputs.places), *number = adah_node_value(net->inputs.texts);
    size_t row = 0;
    for (size_t t = 0; t < n_texts; t++)
        for (size_t i = 0; i < text[t]->n_rows; i++, row++) {
            id[row] = (float)(i < text[t]->n ? text[t]->token[i] : form->padding);
            place[row] = (float)i;
            number[row] = (float)(t + 1);
        }
    for (; row < n_whole; row++)
        id[row] = place[row] = number[row] = 0;
    ADAH_TRY(adah_graph_forward(net->graph, status));
    const float *rows = adah_node_value(net->rows);
    for (size_t t = 0; t < n_texts; rows += text[t++]->n_rows * n_channels)
        if (r->n_tokens)
            put_tokens(text[t], rows, n_channels);
        else
            ADAH_TRY(project(r, pick_row(r, rows, text[t]->n_rows), text[t]->vector, status));
    return ADAH_OK;
}

/* All that are queued: the first that waits, and whatever has room beside it. */
static adah_code run_queue(adah_text_reader *r, adah_status *status) {
    queued *waiting[QUEUE], *text[QUEUE];
    size_t n_waiting = 0;
    for (size_t i = 0; i < r->n_queued; i++)
        if (r->queue[i].n)
            waiting[n_waiting++] = &r->queue[i];
    while (n_waiting) {
        size_t n_texts = 0, n_rows = 0, n_left = 0;
        for (size_t i = 0; i < n_waiting; i++)
            if (n_texts == 0 || n_rows + waiting[i]->n_rows <= ROWS_MAX) {
                n_rows += waiting[i]->n_rows;
                text[n_texts++] = waiting[i];
            } else {
                waiting[n_left++] = waiting[i];
            }
        n_waiting = n_left;
        ADAH_TRY(run_batch(r, text, n_texts, n_rows, status));
    }
    return ADAH_OK;
}

/* Rows of tokens that each of n_lines lines has. */
static size_t rows_of_line(size_t n_tokens, size_t n_lines) {
    return n_lines < 2 ? n_tokens : n_lines < n_tokens ? n_tokens / n_lines : 1;
}

void adah_text_encoder_add_line(const adah_text_encoder *e, size_t n_tokens, const float *line, size_t at, size_t n_lines, float *item) {
    const size_t n_values = adah_text_form_values(&e->form), n_rows = rows_of_line(n_tokens, n_lines), n = n_rows * e->form.blocks.n_channels;
    for (size_t i = 0; n_tokens == 0 && i < n_values; i++)
        item[i] += line[i];
    if (n_tokens && (at + 1) * n_rows <= n_tokens)
        memcpy(item + at * n, line, n * sizeof *item);
}

void adah_text_encoder_finish_lines(const adah_text_encoder *e, size_t n_tokens, size_t n_there, float *item) {
    const size_t n_values = adah_text_form_values(&e->form);
    if (n_tokens)
        return;
    for (size_t i = 0; i < n_values && n_there; i++)
        item[i] /= (float)n_there;
    if (e->form.is_unit)
        shorten(item, n_values);
}

/* The vectors of what is queued go to their items; rows of tokens are there already. */
static adah_code empty_queue(adah_text_reader *r, adah_status *status) {
    ADAH_TRY(run_queue(r, status));
    for (size_t i = 0; i < r->n_queued; i++) {
        const queued *line = &r->queue[i];
        adah_text_item *item = line->item;
        r->n_there += line->n > 0;
        if (!r->n_tokens && line->n && line->vector != item->vector)
            adah_text_encoder_add_line(r->encoder, 0, line->vector, 0, item->n_texts, item->vector);
        if (!line->is_last)
            continue;
        if (item->n_texts > 1)
            adah_text_encoder_finish_lines(r->encoder, r->n_tokens, r->n_there, item->vector);
        item->is_there = r->n_there > 0;
        r->n_there = 0;
    }
    r->n_queued = 0;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- texts */

/* Where a token is first. */
static size_t first_of(const uint32_t *token, size_t n, uint32_t wanted) {
    size_t i = 0;
    while (i + 1 < n && token[i] != wanted)
        i++;
    return i;
}

/* The tokens of a text that has some, with the prefix before it. */
static adah_code read_prefixed(adah_text_reader *r, const char *text, size_t n_bytes, queued *line, adah_status *status) {
    const adah_text_form *form = &r->encoder->form;
    const size_t n_prefix = strlen(form->prefix), n_own = n_bytes < ADAH_TOKENIZED_BYTES_MAX ? n_bytes : ADAH_TOKENIZED_BYTES_MAX;
    if (r->capacity < n_prefix + n_own) {
        adah_memory_free(r->prefixed);
        r->capacity = n_prefix + 2 * n_own;
        r->prefixed = adah_memory_alloc(r->capacity);
    }
    if (!r->prefixed) {
        r->capacity = 0;
        return adah_fail_memory(status, n_prefix + 2 * n_own);
    }
    memcpy(r->prefixed, form->prefix, n_prefix);
    memcpy(r->prefixed + n_prefix, text, n_own);
    return adah_tokenizer_encode(r->encoder->tokenizer, r->prefixed, n_prefix + n_own, r->n_max, line->token, &line->n, status);
}

/* Where what comes of line number `at` of an item goes. */
static adah_code place_line(adah_text_reader *r, const adah_text_item *item, size_t at, queued *line, adah_status *status) {
    const size_t n_values = adah_text_form_values(&r->encoder->form), n_lines = item->n_texts > 1 ? item->n_texts : 1;
    line->vector = item->vector;
    if (r->n_tokens) {
        const size_t n_rows = rows_of_line(r->n_tokens, n_lines);
        line->n_own = (at + 1) * n_rows <= r->n_tokens ? n_rows : 0;
        line->vector += line->n_own ? at * n_rows * r->encoder->form.blocks.n_channels : 0;
    } else if (n_lines > 1) {
        if (!r->line && !(r->line = adah_memory_floats(QUEUE * n_values)))
            return adah_fail_memory(status, QUEUE * n_values * sizeof *r->line);
        line->vector = r->line + r->n_queued * n_values;
    }
    return ADAH_OK;
}

static adah_code add_line(adah_text_reader *r, adah_text_item *item, const char *text, size_t n_bytes, size_t at, int is_last, adah_status *status) {
    const adah_text_encoder *e = r->encoder;
    const adah_text_form *form = &e->form;
    queued line = {.item = item, .token = r->token + r->n_queued * form->n_tokens, .is_last = is_last};
    ADAH_TRY(place_line(r, item, at, &line, status));
    ADAH_TRY(adah_tokenizer_encode(e->tokenizer, text, n_bytes, r->n_max, line.token, &line.n, status));
    const int is_there = line.n > e->n_empty;
    if (is_there && *form->prefix)
        ADAH_TRY(read_prefixed(r, text, n_bytes, &line, status));
    if (!is_there)
        line.n = 0;
    else if (form->family == ADAH_TEXT_CLIP) /* its vector is that of the first token that ends a text, and nothing behind is seen from there */
        line.n = first_of(line.token, line.n, line.token[line.n - 1]) + 1;
    line.n_rows = form->is_padded ? form->n_tokens : line.n;
    r->queue[r->n_queued++] = line;
    return r->n_queued == QUEUE ? empty_queue(r, status) : ADAH_OK;
}

static adah_code add_item(adah_text_reader *r, adah_text_item *item, adah_status *status) {
    memset(item->vector, 0, adah_shape_count(adah_text_encoder_shape(r->encoder, r->n_tokens, 0).item) * sizeof(float));
    if (item->n_texts < 2)
        return add_line(r, item, item->text, item->n_bytes, 0, 1, status);
    for (size_t from = 0, to, at = 0; from < item->n_bytes; from = to + 1, at++) {
        const char *end = memchr(item->text + from, '\n', item->n_bytes - from);
        to = end ? (size_t)(end - item->text) : item->n_bytes;
        ADAH_TRY(add_line(r, item, item->text + from, to - from, at, to + 1 >= item->n_bytes, status));
    }
    return ADAH_OK;
}

adah_code adah_text_reader_read(adah_text_reader *r, adah_text_item *item, size_t n, adah_status *status) {
    r->n_queued = r->n_there = 0; /* what a call that failed left */
    for (size_t i = 0; i < n; i++) {
        item[i].is_there = 0;
        ADAH_TRY(add_item(r, &item[i], status));
    }
    return empty_queue(r, status);
}
