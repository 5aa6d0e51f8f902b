/* pair_set.c - gathers batches: images copied or normalised, sparse words spread into bags, S from shared labels. */
#include "model/pair_set.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "model/backbone.h"

#include <math.h>
#include <string.h>

typedef struct image_pass {
    const adah_pair_set *set;
    const adah_config *config;
    const size_t *items;
    size_t n, n_floats;
    float *x;
} image_pass;

static void gather_image(void *context, size_t i) {
    const image_pass *pass = context;
    float *x = pass->x + i * pass->n_floats;
    if (i >= pass->n || (pass->set->has_image && !pass->set->has_image[pass->items[i]])) {
        memset(x, 0, pass->n_floats * sizeof *x);
    } else if (pass->set->image == ADAH_INPUT_PIXELS) {
        const size_t n_side = pass->set->image_item.dim[1];
        adah_backbone_normalise(pass->config->weights_style, pass->set->image_rgb + pass->items[i] * pass->n_floats,
                                n_side, x);
    } else {
        memcpy(x, pass->set->image_float + pass->items[i] * pass->n_floats, pass->n_floats * sizeof *x);
    }
}

void adah_pair_set_images(const adah_pair_set *set, const adah_config *config, const size_t *items, size_t n,
                          size_t n_batch, float *x) {
    image_pass pass = {set, config, items, n, adah_shape_count(set->image_item), x};
    adah_parallel_for(n_batch, 1, gather_image, &pass);
}

void adah_text_bag(const uint32_t *words, size_t n, size_t n_words, float *x) {
    memset(x, 0, n_words * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[words[i]] = 1.0f / sqrtf((float)n);
}

void adah_pair_set_texts(const adah_pair_set *set, const size_t *items, size_t n, size_t n_batch, float *x) {
    memset(x + n * set->n_words, 0, (n_batch - n) * set->n_words * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        const size_t start = set->word_start[items[i]], end = set->word_start[items[i] + 1];
        adah_text_bag(set->word + start, end - start, set->n_words, x + i * set->n_words);
    }
}

static int share_label(const adah_pair_set *set, size_t a, size_t b) {
    size_t i = set->label_start[a], j = set->label_start[b];
    while (i < set->label_start[a + 1] && j < set->label_start[b + 1]) {
        if (set->label[i] == set->label[j])
            return 1;
        if (set->label[i] < set->label[j])
            i++;
        else
            j++;
    }
    return 0;
}

void adah_pair_set_similar(const adah_pair_set *set, const size_t *items, size_t n, uint8_t *similar) {
    for (size_t i = 0; i < n; i++) {
        similar[i * n + i] = 1;
        for (size_t j = i + 1; j < n; j++)
            similar[i * n + j] = similar[j * n + i] = (uint8_t)share_label(set, items[i], items[j]);
    }
}

typedef struct similar_pass {
    const adah_pair_set *set;
    const size_t *train, *row;
    size_t n_train;
    uint8_t *similar;
} similar_pass;

static void similar_row(void *context, size_t i) {
    const similar_pass *pass = context;
    for (size_t j = 0; j < pass->n_train; j++)
        pass->similar[i * pass->n_train + j] =
            pass->row[i] == j || share_label(pass->set, pass->train[pass->row[i]], pass->train[j]);
}

void adah_pair_set_similar_to_all(const adah_pair_set *set, const size_t *train, size_t n_train, const size_t *row, size_t n,
                                  uint8_t *similar) {
    similar_pass pass = {set, train, row, n_train, similar};
    adah_parallel_for(n, 4, similar_row, &pass);
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
static size_t encode_batch(const adah_pair_set *set) { return set->image == ADAH_INPUT_PIXELS ? 16 : 64; }

adah_code adah_pair_set_encode(const adah_pair_set *set, const adah_config *config, adah_parameters *parameters,
                               const size_t *items, size_t n, float *image_codes, float *text_codes,
                               adah_progress progress, adah_status *status) {
    const size_t n_batch = encode_batch(set), q = (size_t)config->n_bits;
    const adah_network_plan plan = {.mode = ADAH_GRAPH_INFER,
                                    .n_batch = n_batch,
                                    .image = image_codes ? set->image : ADAH_INPUT_NONE,
                                    .image_item = set->image_item,
                                    .n_words = text_codes ? set->n_words : 0};
    adah_network *net;
    ADAH_TRY(adah_network_create(&plan, config, parameters, &net, status));
    adah_code code = ADAH_OK;
    for (size_t done = 0; done < n && code == ADAH_OK; done += n_batch) {
        const size_t m = n - done < n_batch ? n - done : n_batch;
        if (image_codes)
            adah_pair_set_images(set, config, items + done, m, n_batch, adah_node_value(net->image.input));
        if (text_codes)
            adah_pair_set_texts(set, items + done, m, n_batch, adah_node_value(net->text.input));
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
