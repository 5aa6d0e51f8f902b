/* token_model.c - what the kinds have in common: the vocabulary and what stands for what is not in it. */
#include "text/token_model.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static const adah_token_kind *const kinds[] = {&adah_token_wordpiece, &adah_token_byte_pair, &adah_token_unigram};

void adah_token_list_add(adah_token_list *list, uint32_t token) {
    if (list->failed || !adah_memory_grow((void **)&list->token, &list->capacity, list->n, sizeof *list->token))
        list->failed = 1;
    else
        list->token[list->n++] = token;
}

adah_code adah_token_model_read_vocabulary(const json_t *object, const char *where, adah_token_model *model, adah_status *status) {
    json_t *vocabulary = json_object_get(object, "vocab"), *value;
    const char *piece;
    if (!json_object_size(vocabulary) || json_object_size(vocabulary) > ADAH_TOKENS_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a vocabulary of %zu tokens, expected 1 to %d", where, json_object_size(vocabulary),
                         ADAH_TOKENS_MAX);
    json_object_foreach(vocabulary, piece, value) {
        const json_int_t token = json_is_integer(value) ? json_integer_value(value) : -1;
        if (token < 0 || token >= ADAH_TOKENS_MAX)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: the token \"%.64s\" has no number from 0 to %d", where, piece, ADAH_TOKENS_MAX - 1);
        if (token >= model->n_tokens)
            model->n_tokens = (uint32_t)token + 1;
        if (!adah_token_table_add(&model->vocabulary, piece, strlen(piece), (uint32_t)token))
            return adah_fail_memory(status, json_object_size(vocabulary) * 32);
    }
    return ADAH_OK;
}

adah_code adah_token_model_read_unknown(const json_t *object, const char *where, adah_token_model *model, adah_status *status) {
    const char *piece = json_string_value(json_object_get(object, "unk_token"));
    model->unknown = piece ? adah_token_table_find(&model->vocabulary, piece, strlen(piece)) : ADAH_TOKEN_NONE;
    if (piece && model->unknown == ADAH_TOKEN_NONE)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: the unknown token \"%.64s\" is not in the vocabulary", where, piece);
    return ADAH_OK;
}

adah_code adah_token_model_read_text(const json_t *object, const char *key, char **text, adah_status *status) {
    const char *value = json_string_value(json_object_get(object, key));
    if (!value || !*value)
        return ADAH_OK;
    *text = adah_memory_text(value);
    return *text ? ADAH_OK : adah_fail_memory(status, strlen(value));
}

void adah_token_model_find_bytes(adah_token_model *model) {
    for (int b = 255; b >= 0; b--) { /* byte[0] last, which tells of them all */
        char piece[16];
        snprintf(piece, sizeof piece, "<0x%02X>", (unsigned)b);
        model->byte[b] = adah_token_table_find(&model->vocabulary, piece, 6);
    }
}

adah_code adah_token_model_read(const json_t *object, const char *where, adah_token_model *model, adah_status *status) {
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type) /* files of before 2021 do not say it */
        type = json_object_get(object, "merges") ? "BPE" : json_is_array(json_object_get(object, "vocab")) ? "Unigram" : "WordPiece";
    memset(model->byte, 0xFF, sizeof model->byte);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(type, kinds[i]->type)) {
            model->kind = kinds[i];
            return kinds[i]->read(object, where, model, status);
        }
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a tokenizer of type \"%.64s\", expected WordPiece, BPE or Unigram", where, type);
}

void adah_token_model_free(adah_token_model *model) {
    adah_token_table_free(&model->vocabulary);
    adah_memory_free(model->prefix);
    adah_memory_free(model->suffix);
    adah_memory_free(model->merge);
    adah_memory_free(model->score);
    *model = (adah_token_model){0};
}
