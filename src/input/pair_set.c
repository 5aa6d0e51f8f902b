/* pair_set.c - gathers batches: images copied or normalised, sparse words spread into bags, S from shared labels. */
#include "input/pair_set.h"
#include "backbones/backbone.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/vector.h"

#include <math.h>
#include <string.h>

ADAH_VECTOR_LOOP(void, copy_scaled, (const float *from, float scale, size_t n, float *x), (from, scale, n, x)) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        x[k] = scale * from[k];
}

void adah_float_item(const adah_float_rows *rows, adah_input_shape input, size_t i, float *x) {
    const size_t n = adah_shape_count(input.item);
    const size_t n_tokens = input.kind == ADAH_INPUT_TOKENS ? input.item.dim[0] : 1, n_channels = n / n_tokens;
    const float *from = rows->value + (rows->row ? rows->row[i] : i) * n, scale = rows->scale == 0 ? 1 : rows->scale;
    if (n_tokens == 1 && scale == 1)
        memcpy(x, from, n * sizeof *x);
    else if (n_tokens == 1)
        copy_scaled(from, scale, n, x);
    for (size_t p = 0; n_tokens > 1 && p < n_tokens; p++)
        for (size_t c = 0; c < n_channels; c++)
            x[c * n_tokens + p] = scale * from[p * n_channels + c];
}

adah_code adah_pair_set_check(const adah_pair_set *set, adah_status *status) {
    ADAH_TRY(adah_file_check_map(&set->image_file, ADAH_OK, status));
    return adah_file_check_map(&set->text_file, ADAH_OK, status);
}

typedef struct float_pass {
    const adah_float_rows *rows;
    adah_input_shape input;
    const size_t *items;
    size_t n_floats;
    float *x;
} float_pass;

static void gather_floats(void *context, size_t i) {
    const float_pass *pass = context;
    adah_float_item(pass->rows, pass->input, pass->items[i], pass->x + i * pass->n_floats);
}

typedef struct image_pass {
    const adah_pair_set *set;
    const adah_settings *config;
    const size_t *items;
    size_t n, n_floats;
    float *x;
} image_pass;

static void gather_image(void *context, size_t i) {
    const image_pass *pass = context;
    float *x = pass->x + i * pass->n_floats;
    if (i >= pass->n || !adah_pair_set_has_image(pass->set, pass->items[i])) {
        memset(x, 0, pass->n_floats * sizeof *x);
    } else if (pass->set->image.kind == ADAH_INPUT_PIXELS) {
        const size_t n_side = pass->set->image.item.dim[1];
        adah_backbone_normalise(pass->config, pass->set->image_rgb + pass->items[i] * pass->n_floats,
                                n_side, x);
    } else {
        adah_float_item(&pass->set->image_float, pass->set->image, pass->items[i], x);
    }
}

void adah_pair_set_images(const adah_pair_set *set, const adah_settings *config, const size_t *items, size_t n,
                          size_t n_batch, float *x) {
    image_pass pass = {set, config, items, n, adah_shape_count(set->image.item), x};
    adah_parallel_for(n_batch, 1, gather_image, &pass);
}

void adah_text_bag(const uint32_t *words, size_t n, size_t n_words, float *x) {
    memset(x, 0, n_words * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[words[i]] = 1.0f / sqrtf((float)n);
}

void adah_pair_set_texts(const adah_pair_set *set, const size_t *items, size_t n, size_t n_batch, float *x) {
    const size_t n_floats = adah_shape_count(set->text.item);
    memset(x + n * n_floats, 0, (n_batch - n) * n_floats * sizeof *x);
    if (set->text.kind != ADAH_INPUT_WORDS) {
        float_pass pass = {&set->text_float, set->text, items, n_floats, x};
        adah_parallel_for(n, 1, gather_floats, &pass);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t start = set->word_start[items[i]], end = set->word_start[items[i] + 1];
        adah_text_bag(set->word + start, end - start, n_floats, x + i * n_floats);
    }
}

void adah_pair_set_draw_texts(const adah_pair_set *set, const size_t *items, size_t n, size_t n_batch, uint64_t seed, uint64_t stream, float *x) {
    adah_pair_set_texts(set, items, n, n_batch, x);
    const size_t n_floats = adah_shape_count(set->text.item);
    for (size_t i = 0; i < n && set->text_first; i++) {
        const size_t first = set->text_first[items[i]], n_texts = set->text_first[items[i] + 1] - first;
        if (n_texts < 2)
            continue;
        adah_random random = adah_random_seeded(seed, adah_random_mix(stream, items[i]));
        const size_t t = first + (size_t)adah_random_below(&random, n_texts);
        adah_text_bag(set->text_word + set->text_start[t], set->text_start[t + 1] - set->text_start[t], n_floats, x + i * n_floats);
    }
}

/* How many labels two items share. */
static size_t shared_labels(const adah_pair_set *set, size_t a, size_t b) {
    size_t i = set->label_start[a], j = set->label_start[b], n = 0;
    while (i < set->label_start[a + 1] && j < set->label_start[b + 1]) {
        const uint32_t x = set->label[i], y = set->label[j];
        n += x == y;
        i += x <= y;
        j += y <= x;
    }
    return n;
}

static size_t label_count(const adah_pair_set *set, size_t item) {
    return set->label_start[item + 1] - set->label_start[item];
}

static float similarity_of(const adah_pair_set *set, size_t a, size_t b, int graded) {
    if (a == b)
        return 1;
    const size_t shared = shared_labels(set, a, b);
    if (!graded || !shared)
        return shared > 0;
    return (float)shared / (float)(label_count(set, a) + label_count(set, b) - shared);
}

void adah_pair_set_similarity(const adah_pair_set *set, const size_t *items, size_t n, const size_t *others, size_t n_others,
                              int graded, float *similarity) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_others; j++)
            similarity[i * n_others + j] = similarity_of(set, items[i], others[j], graded);
}

void adah_pair_set_targets(const adah_pair_set *set, const size_t *items, size_t n, float *target) {
    memset(target, 0, n * set->n_labels * sizeof *target);
    for (size_t i = 0; i < n; i++) {
        const size_t start = set->label_start[items[i]], end = set->label_start[items[i] + 1];
        for (size_t l = start; l < end; l++)
            target[i * set->n_labels + set->label[l]] = 1.0f / (float)(end - start);
    }
}

/* Batches small enough that the activations of a deep backbone stay in memory. */
static size_t encode_batch(const adah_pair_set *set) { return set->image.kind == ADAH_INPUT_PIXELS ? 16 : 64; }

adah_code adah_pair_set_encode(const adah_pair_set *set, const adah_settings *config, adah_parameters *parameters,
                               const size_t *items, size_t n, float *image_codes, float *text_codes,
                               adah_progress progress, adah_status *status) {
    const size_t n_batch = encode_batch(set), q = (size_t)config->n_bits;
    const adah_network_plan plan = {.mode = ADAH_GRAPH_INFER,
                                    .n_batch = n_batch,
                                    .image = image_codes ? set->image : (adah_input_shape){0},
                                    .text = text_codes ? set->text : (adah_input_shape){0}};
    adah_network *net;
    ADAH_TRY(adah_network_create(&plan, config, parameters, &net, status));
    adah_code code = ADAH_OK;
    for (size_t done = 0; done < n && code == ADAH_OK; done += n_batch) {
        const size_t m = n - done < n_batch ? n - done : n_batch;
        if (image_codes)
            adah_pair_set_images(set, config, items + done, m, n_batch, adah_node_value(net->image.input));
        if (text_codes)
            adah_pair_set_texts(set, items + done, m, n_batch, adah_node_value(net->text.input));
        code = adah_pair_set_check(set, status);
        if (code == ADAH_OK)
            code = adah_graph_forward(net->graph, status);
        if (code == ADAH_OK && image_codes)
            memcpy(image_codes + done * q, adah_node_value(net->image.code), m * q * sizeof(float));
        if (code == ADAH_OK && text_codes)
            memcpy(text_codes + done * q, adah_node_value(net->text.code), m * q * sizeof(float));
        const adah_progress_event event = {"encoding", done + m, n, "", 0};
        if (code == ADAH_OK && progress.function && progress.function(progress.user, &event))
            code = adah_fail(status, ADAH_ERROR_CANCELLED, "encoding was stopped");
    }
    adah_network_free(net);
    return code;
}
