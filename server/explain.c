/* explain.c - see explain.h. The text is encoded once more without each word. In every place of the word stands a sign that parts its
 * neighbours, so that pairs of words that it belongs to are gone as well. */
#include "explain.h"
#include "failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXPLAINED_MAX = 32 /* words whose weight is measured: each costs as much as encoding the text */ };

int serve_explain(serve_request *r, const serve_state *state, adah_encoder *encoder, const float *relaxed, serve_text *told) {
    const size_t n_bits = (size_t)adah_model_bits(state->model);
    adah_text_word *words;
    adah_status status;
    size_t n_words, n_told = 0;
    uint8_t code[ADAH_BITS_MAX / 8];
    if (adah_model_words(state->model, r->query.text, &words, &n_words, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    char *without = malloc(strlen(r->query.text) + 1);
    serve_text_plain(told, "[");
    for (size_t i = 0; i < n_words && without && n_told < EXPLAINED_MAX; i++) {
        double weight = 0;
        if (words[i].first != i)
            continue;
        strcpy(without, r->query.text);
        for (size_t j = i; j < n_words; j++)
            if (words[j].first == i)
                memset(without + words[j].offset, '|', words[j].n_bytes);
        const adah_code done = words[i].is_known ? adah_encode_text(encoder, without, code, &status) : ADAH_OK;
        if (done == ADAH_ERROR_NO_KNOWN_WORD) /* nothing is left */
            weight = 1;
        else if (done == ADAH_OK && words[i].is_known)
            for (size_t b = 0; b < n_bits; b++)
                weight += fabs((double)relaxed[b] - (double)adah_encoder_relaxed(encoder)[b]) / (double)n_bits;
        serve_text_plain(told, n_told++ ? ", {\"word\": " : "{\"word\": ");
        serve_text_string_n(told, r->query.text + words[i].offset, words[i].n_bytes);
        serve_text_format(told, ", \"known\": %s, \"weight\": %.4g}", words[i].is_known ? "true" : "false",
                          weight < 1 ? weight : 1);
    }
    serve_text_plain(told, "]");
    adah_free(words);
    if (!without)
        return serve_refuse_memory(r);
    free(without);
    return 1;
}
