/* unigram.c - SentencePiece's way: of all ways to make a piece of the vocabulary's parts, the one whose scores add up to most (Viterbi).
 * A character that no part begins with is unknown, or spelled as its bytes. */
#include "text/token_model.h"
#include "base/memory.h"
#include "text/characters.h"

#include <math.h>
#include <string.h>

static const double unknown_penalty = 10; /* below the lowest score */

static adah_code add_part(const json_t *entry, size_t token, const char *where, adah_token_model *model, adah_status *status) {
    const json_t *text = json_array_get(entry, 0), *score = json_array_get(entry, 1);
    if (!json_is_string(text) || !json_is_number(score))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: token %zu is no pair of a text and a score", where, token);
    model->score[token] = json_number_value(score);
    if (!isfinite(model->score[token]))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: token %zu: the score is not finite", where, token);
    if (token == 0 || model->score[token] < model->unknown_score)
        model->unknown_score = model->score[token];
    return adah_token_table_add(&model->vocabulary, json_string_value(text), json_string_length(text), (uint32_t)token)
               ? ADAH_OK
               : adah_fail_memory(status, json_string_length(text));
}

static adah_code read_model(const json_t *object, const char *where, adah_token_model *model, adah_status *status) {
    const json_t *vocabulary = json_object_get(object, "vocab"), *unknown = json_object_get(object, "unk_id"), *entry;
    size_t n = json_array_size(vocabulary), token;
    if (!n || n > ADAH_TOKENS_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a vocabulary of %zu tokens, expected 1 to %d", where, n, ADAH_TOKENS_MAX);
    if (!(model->score = adah_memory_zeroed(n, sizeof *model->score)))
        return adah_fail_memory(status, n * sizeof *model->score);
    json_array_foreach(vocabulary, token, entry)
        ADAH_TRY(add_part(entry, token, where, model, status));
    model->n_tokens = (uint32_t)n;
    model->unknown_score -= unknown_penalty;
    model->fuses_unknown = 1;
    if (json_is_true(json_object_get(object, "byte_fallback")))
        adah_token_model_find_bytes(model);
    if (!json_is_integer(unknown) || json_integer_value(unknown) < 0 || json_integer_value(unknown) >= (json_int_t)n)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: the number of the unknown token (unk_id) is missing, or none of the vocabulary's",
                         where);
    model->unknown = (uint32_t)json_integer_value(unknown);
    return ADAH_OK;
}

/* The best way to where a part ends. */
typedef struct way {
    double score;
    size_t start;   /* of its last part */
    uint32_t token; /* ADAH_TOKEN_NONE: no way leads here */
} way;

static void offer(way *to, size_t start, uint32_t token, double score) {
    if (to->token == ADAH_TOKEN_NONE || score > to->score)
        *to = (way){score, start, token};
}

/* way: [n_bytes + 1] */
static void find_ways(const adah_token_model *model, const char *piece, size_t n_bytes, way *ways) {
    const adah_token_table *vocabulary = &model->vocabulary;
    for (size_t i = 0; i <= n_bytes; i++)
        ways[i] = (way){0, 0, ADAH_TOKEN_NONE};
    for (size_t start = 0, next = 0; start < n_bytes; start = next) {
        uint32_t node = 0;
        int is_character = 0;
        adah_character_next(piece, n_bytes, &next);
        for (size_t i = start; i < n_bytes && (node = adah_token_table_step(vocabulary, node, (uint8_t)piece[i])); i++) {
            const uint32_t token = vocabulary->token[node];
            if (token == ADAH_TOKEN_NONE)
                continue;
            offer(&ways[i + 1], start, token, ways[start].score + model->score[token]);
            is_character |= i + 1 == next;
        }
        if (!is_character)
            offer(&ways[next], start, model->unknown, ways[start].score + model->unknown_score);
    }
}

static void add_unknown(const adah_token_model *model, const char *text, size_t n_bytes, adah_token_list *tokens) {
    const uint32_t token = adah_token_table_find(&model->vocabulary, text, n_bytes); /* it may be there after all, fused of several */
    size_t n = 0;
    while (n < n_bytes && model->byte[(uint8_t)text[n]] != ADAH_TOKEN_NONE)
        n++;
    if (token != ADAH_TOKEN_NONE || n < n_bytes) {
        adah_token_list_add(tokens, token != ADAH_TOKEN_NONE ? token : model->unknown);
        return;
    }
    for (size_t i = 0; i < n_bytes; i++)
        adah_token_list_add(tokens, model->byte[(uint8_t)text[i]]);
}

/* Follows the ways back, turning each to where it leads, then forth. */
static void add_best(const adah_token_model *model, const char *piece, size_t n_bytes, way *ways, adah_token_list *tokens) {
    size_t end = n_bytes, next = n_bytes;
    while (end) {
        const size_t start = ways[end].start;
        ways[end].start = next; /* where the part behind ends */
        next = end;
        end = start;
    }
    for (size_t start = 0; start < n_bytes;) {
        end = next;
        while (ways[end].token == model->unknown && end < n_bytes && ways[ways[end].start].token == model->unknown)
            end = ways[end].start;
        if (ways[end].token == model->unknown)
            add_unknown(model, piece + start, end - start, tokens);
        else
            adah_token_list_add(tokens, ways[end].token);
        start = end;
        next = ways[end].start;
    }
}

static adah_code split(const adah_token_model *model, const char *piece, size_t n_bytes, adah_token_list *tokens, adah_status *status) {
    way *ways = adah_memory_resize(NULL, n_bytes + 1, sizeof *ways);
    if (!ways)
        return adah_fail_memory(status, (n_bytes + 1) * sizeof *ways);
    find_ways(model, piece, n_bytes, ways);
    add_best(model, piece, n_bytes, ways, tokens);
    adah_memory_free(ways);
    return ADAH_OK;
}

const adah_token_kind adah_token_unigram = {"Unigram", read_model, split};
