/* pair_set.c - S and targets from shared labels; codes of pairs, batch by batch. */
#include "input/pair_set.h"
#include "input/similarity_labels.h"

#include <string.h>

adah_code adah_pair_set_create(const adah_dataset *dataset, const adah_model_inputs *inputs, adah_similarity similarity,
                               adah_pair_set *set, adah_status *status) {
    adah_pair_set s = {.n = adah_dataset_count(dataset), .image = inputs->image, .text = inputs->text};
    const adah_vocabulary *vocabulary = s.text.vocabulary;
    s.text.vocabulary = NULL; /* from here on the set holds the words */
    adah_code code = vocabulary ? adah_word_lists_create(dataset, vocabulary, &s.text.words, status) : ADAH_OK;
    if (code == ADAH_OK)
        code = adah_similarity_labels(dataset, similarity, vocabulary, &s.labels, &s.n_labels, status);
    if (code != ADAH_OK)
        adah_pair_set_free(&s);
    else
        *set = s;
    return code;
}

void adah_pair_set_free(adah_pair_set *set) {
    adah_word_lists_free(&set->text.words);
    adah_lists_free(&set->labels);
    *set = (adah_pair_set){0};
}

adah_code adah_pair_set_check(const adah_pair_set *set, adah_status *status) {
    return adah_input_check(&set->text, adah_input_check(&set->image, ADAH_OK, status), status);
}

/* How many labels two items share. */
static size_t shared_labels(const adah_lists *labels, size_t a, size_t b) {
    size_t i = labels->start[a], j = labels->start[b], n = 0;
    while (i < labels->start[a + 1] && j < labels->start[b + 1]) {
        const uint32_t x = labels->item[i], y = labels->item[j];
        n += x == y;
        i += x <= y;
        j += y <= x;
    }
    return n;
}

void adah_pair_set_similarity(const adah_pair_set *set, const size_t *items, size_t n, const size_t *others, size_t n_others,
                              float *similarity) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_others; j++)
            similarity[i * n_others + j] = items[i] == others[j] || shared_labels(&set->labels, items[i], others[j]) > 0;
}

void adah_pair_set_targets(const adah_pair_set *set, const size_t *items, size_t n, float *target) {
    memset(target, 0, n * set->n_labels * sizeof *target);
    for (size_t i = 0; i < n; i++) {
        const size_t n_own = adah_list_length(&set->labels, items[i]);
        for (size_t l = 0; l < n_own; l++)
            target[i * set->n_labels + adah_list(&set->labels, items[i])[l]] = 1.0f / (float)n_own;
    }
}

/* Batches small enough that the activations of a deep backbone stay in memory. */
static size_t encode_batch(const adah_pair_set *set) { return adah_input_runs_backbone(set->image.shape) ? 16 : 64; }

adah_code adah_pair_set_encode(const adah_pair_set *set, const adah_settings *config, adah_parameters *parameters,
                               const size_t *items, size_t n, float *image_codes, float *text_codes,
                               adah_progress progress, adah_status *status) {
    const size_t n_batch = encode_batch(set), q = (size_t)config->n_bits;
    const adah_network_plan plan = {.mode = ADAH_GRAPH_INFER,
                                    .n_batch = n_batch,
                                    .image = image_codes ? set->image.shape : (adah_input_shape){0},
                                    .text = text_codes ? set->text.shape : (adah_input_shape){0}};
    adah_network *net;
    ADAH_TRY(adah_network_create(&plan, config, parameters, &net, status));
    adah_code code = ADAH_OK;
    for (size_t done = 0; done < n && code == ADAH_OK; done += n_batch) {
        const size_t m = n - done < n_batch ? n - done : n_batch;
        if (image_codes)
            adah_input_read(&set->image, items + done, m, n_batch, adah_node_value(net->image.input));
        if (text_codes)
            adah_input_read(&set->text, items + done, m, n_batch, adah_node_value(net->text.input));
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
