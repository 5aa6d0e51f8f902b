/* wordpiece.c - BERT's way: the longest piece that the word begins with, then the longest that goes on from there, marked as such. A
 * word that cannot be made of pieces is unknown as a whole. */
#include "text/token_model.h"
#include "text/characters.h"

#include <string.h>

enum { WORD_CHARACTERS = 100 /* what the reference takes when the file says nothing */, WORD_CHARACTERS_MAX = 1 << 16 };

static adah_code read_model(const json_t *object, const char *where, adah_token_model *model, adah_status *status) {
    const json_t *n_max = json_object_get(object, "max_input_chars_per_word");
    model->n_word_max = WORD_CHARACTERS;
    if (json_is_integer(n_max) && json_integer_value(n_max) > 0)
        model->n_word_max = json_integer_value(n_max) < WORD_CHARACTERS_MAX ? (size_t)json_integer_value(n_max) : WORD_CHARACTERS_MAX;
    ADAH_TRY(adah_token_model_read_vocabulary(object, where, model, status));
    ADAH_TRY(adah_token_model_read_unknown(object, where, model, status));
    if (model->unknown == ADAH_TOKEN_NONE)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: word pieces without an unknown token", where);
    return adah_token_model_read_text(object, "continuing_subword_prefix", &model->prefix, status);
}

static size_t count_characters(const char *text, size_t n_bytes) {
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; n++)
        adah_character_next(text, n_bytes, &i);
    return n;
}

/* The longest piece from `start` on; 0 bytes: none. */
static size_t find_longest(const adah_token_model *model, const char *word, size_t start, size_t n_bytes, uint32_t *token) {
    uint32_t node = 0;
    size_t n_longest = 0;
    for (const char *p = start && model->prefix ? model->prefix : ""; *p; p++)
        if (!(node = adah_token_table_step(&model->vocabulary, node, (uint8_t)*p)))
            return 0;
    for (size_t i = start; i < n_bytes && (node = adah_token_table_step(&model->vocabulary, node, (uint8_t)word[i])); i++)
        if (model->vocabulary.token[node] != ADAH_TOKEN_NONE) {
            *token = model->vocabulary.token[node];
            n_longest = i + 1 - start;
        }
    return n_longest;
}

static adah_code split(const adah_token_model *model, const char *word, size_t n_bytes, adah_token_list *tokens, adah_status *status) {
    (void)status;
    const size_t n_before = tokens->n;
    int is_known = count_characters(word, n_bytes) <= model->n_word_max;
    for (size_t start = 0; is_known && start < n_bytes;) {
        uint32_t token;
        const size_t n = find_longest(model, word, start, n_bytes, &token);
        is_known = n > 0;
        if (is_known)
            adah_token_list_add(tokens, token);
        start += n;
    }
    if (!is_known) {
        tokens->n = n_before;
        adah_token_list_add(tokens, model->unknown);
    }
    return ADAH_OK;
}

const adah_token_kind adah_token_wordpiece = {"WordPiece", read_model, split};
