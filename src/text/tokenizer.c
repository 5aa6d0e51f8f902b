/* tokenizer.c - reads a tokenizer.json, and takes a text through its parts.
 *
 * Added tokens ("[CLS]", "<|endoftext|>") are found first, as they stand; what is between is normalised; those that are marked as
 * normalised are found in the result; what is between these is split and goes to the model. */
#include "text/tokenizer.h"
#include "base/memory.h"
#include "text/characters.h"
#include "text/pre_tokenizer.h"
#include "text/token_model.h"

#include <string.h>

enum { SPECIALS_MAX = 64, ADDED_MAX = 1 << 16 };

typedef struct added_token {
    uint32_t token;
    int single_word, takes_left, takes_right; /* the blanks on its sides belong to it */
} added_token;

struct adah_tokenizer {
    adah_normaliser normaliser;
    adah_pre_tokenizer pre_tokenizer;
    adah_token_model model;
    added_token *added;
    size_t n_added, added_capacity;
    adah_token_table raw, normalised; /* from a text to a place in `added` */
    uint32_t first[SPECIALS_MAX], last[SPECIALS_MAX]; /* around every text */
    size_t n_first, n_last;
    size_t n_tokens;
};

/* ---------------------------------------------------------------- reading */

static adah_code add_token(const json_t *object, const char *where, adah_tokenizer *t, adah_status *status) {
    const json_t *id = json_object_get(object, "id"), *content = json_object_get(object, "content");
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= ADAH_TOKENS_MAX || !json_string_length(content))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: an added token without a text, or without a number from 0 to %d", where,
                         ADAH_TOKENS_MAX - 1);
    if (!adah_memory_grow((void **)&t->added, &t->added_capacity, t->n_added, sizeof *t->added))
        return adah_fail_memory(status, sizeof *t->added);
    const int special = adah_step_flag(object, "special", 0), is_normalised = adah_step_flag(object, "normalized", !special);
    adah_text text = {0};
    adah_text_add_bytes(&text, json_string_value(content), json_string_length(content));
    adah_code code = text.failed ? adah_fail_memory(status, json_string_length(content)) : ADAH_OK;
    if (code == ADAH_OK && is_normalised)
        code = adah_normaliser_apply(&t->normaliser, &text, status);
    if (code == ADAH_OK && text.n_bytes &&
        !adah_token_table_add(is_normalised ? &t->normalised : &t->raw, text.bytes, text.n_bytes, (uint32_t)t->n_added))
        code = adah_fail_memory(status, text.n_bytes);
    adah_text_free(&text);
    t->added[t->n_added++] = (added_token){(uint32_t)json_integer_value(id), adah_step_flag(object, "single_word", 0),
                                           adah_step_flag(object, "lstrip", 0), adah_step_flag(object, "rstrip", 0)};
    if (t->n_tokens <= (size_t)json_integer_value(id))
        t->n_tokens = (size_t)json_integer_value(id) + 1;
    return code;
}

static adah_code add_special(uint32_t *list, size_t *n, const json_t *id, const char *where, const adah_tokenizer *t, adah_status *status) {
    if (!json_is_integer(id) || json_integer_value(id) < 0 || (size_t)json_integer_value(id) >= t->n_tokens)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: its post_processor names a token that is none", where);
    if (*n >= SPECIALS_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: more than %d special tokens around a text", where, SPECIALS_MAX);
    list[(*n)++] = (uint32_t)json_integer_value(id);
    return ADAH_OK;
}

/* [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}}, ...] */
static adah_code read_template(const json_t *object, const char *where, adah_tokenizer *t, adah_status *status) {
    const json_t *item, *id;
    size_t i, k, n_texts = 0;
    json_array_foreach(json_object_get(object, "single"), i, item) {
        if (json_object_get(item, "Sequence")) {
            n_texts++;
            continue;
        }
        const char *name = json_string_value(json_object_get(json_object_get(item, "SpecialToken"), "id"));
        const json_t *token = name ? json_object_get(json_object_get(object, "special_tokens"), name) : NULL;
        if (!json_array_size(json_object_get(token, "ids")))
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: its post_processor names a token \"%.64s\" that has no number", where,
                             name ? name : "");
        json_array_foreach(json_object_get(token, "ids"), k, id)
            ADAH_TRY(add_special(n_texts ? t->last : t->first, n_texts ? &t->n_last : &t->n_first, id, where, t, status));
    }
    return n_texts == 1 ? ADAH_OK
                        : adah_fail(status, ADAH_ERROR_FORMAT, "%s: a post_processor with %zu places for a text, expected one", where, n_texts);
}

static adah_code read_post_processor(const json_t *object, const char *where, int depth, adah_tokenizer *t, adah_status *status) {
    const char *type = adah_step_type(object);
    if (!object || json_is_null(object) || !strcmp(type, "ByteLevel"))
        return ADAH_OK;
    if (!strcmp(type, "TemplateProcessing"))
        return read_template(object, where, t, status);
    if (!strcmp(type, "BertProcessing") || !strcmp(type, "RobertaProcessing")) {
        ADAH_TRY(add_special(t->first, &t->n_first, json_array_get(json_object_get(object, "cls"), 1), where, t, status));
        return add_special(t->last, &t->n_last, json_array_get(json_object_get(object, "sep"), 1), where, t, status);
    }
    if (strcmp(type, "Sequence") || depth >= ADAH_STEPS_DEPTH_MAX)
        return adah_step_refuse(object, "post_processor", where, status);
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(object, "processors"), i, item)
        ADAH_TRY(read_post_processor(item, where, depth + 1, t, status));
    return ADAH_OK;
}

static adah_code read_tokenizer(const json_t *object, const char *where, adah_tokenizer *t, adah_status *status) {
    const json_t *added = json_object_get(object, "added_tokens"), *item;
    size_t i;
    if (!json_is_object(json_object_get(object, "model")))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no tokenizer: it has no \"model\"", where);
    ADAH_TRY(adah_normaliser_read(json_object_get(object, "normalizer"), where, &t->normaliser, status));
    ADAH_TRY(adah_pre_tokenizer_read(json_object_get(object, "pre_tokenizer"), where, &t->pre_tokenizer, status));
    ADAH_TRY(adah_token_model_read(json_object_get(object, "model"), where, &t->model, status));
    t->n_tokens = t->model.n_tokens;
    if (json_array_size(added) > ADDED_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu added tokens, expected at most %d", where, json_array_size(added), ADDED_MAX);
    json_array_foreach(added, i, item)
        ADAH_TRY(add_token(item, where, t, status));
    return read_post_processor(json_object_get(object, "post_processor"), where, 0, t, status);
}

adah_code adah_tokenizer_parse(const char *json, const char *where, adah_tokenizer **tokenizer, adah_status *status) {
    json_error_t error;
    json_t *object = json_loads(json, JSON_ALLOW_NUL, &error);
    if (!object && json_error_code(&error) == json_error_out_of_memory)
        return adah_fail_memory(status, strlen(json));
    if (!object)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s:%d: no JSON: %s", where, error.line, error.text);
    adah_tokenizer *t = adah_memory_zeroed(1, sizeof *t);
    const adah_code code = t ? read_tokenizer(object, where, t, status) : adah_fail_memory(status, sizeof *t);
    json_decref(object);
    if (code != ADAH_OK)
        adah_tokenizer_free(t);
    else
        *tokenizer = t;
    return code;
}

void adah_tokenizer_free(adah_tokenizer *t) {
    if (!t)
        return;
    adah_normaliser_free(&t->normaliser);
    adah_pre_tokenizer_free(&t->pre_tokenizer);
    adah_token_model_free(&t->model);
    adah_token_table_free(&t->raw);
    adah_token_table_free(&t->normalised);
    adah_memory_free(t->added);
    adah_memory_free(t);
}

size_t adah_tokenizer_size(const adah_tokenizer *t) { return t->n_tokens; }

uint32_t adah_tokenizer_token(const adah_tokenizer *t, const char *text) {
    const adah_token_table *const tables[] = {&t->raw, &t->normalised};
    for (int k = 0; k < 2; k++) {
        const uint32_t place = adah_token_table_find(tables[k], text, strlen(text));
        if (place != ADAH_TOKEN_NONE)
            return t->added[place].token;
    }
    return adah_token_table_find(&t->model.vocabulary, text, strlen(text));
}

/* ---------------------------------------------------------------- a text */

/* The next added token from `from` on: the first, of those that begin there the longest. 0: there is none. */
static int find_added(const adah_tokenizer *t, const adah_token_table *table, const char *text, size_t n_bytes, size_t from, size_t *start,
                      size_t *end, const added_token **found) {
    for (size_t i = from; table->n_nodes && i < n_bytes; i++) {
        uint32_t node = 0;
        *end = 0;
        for (size_t k = i; k < n_bytes && (node = adah_token_table_step(table, node, (uint8_t)text[k])); k++)
            if (table->token[node] != ADAH_TOKEN_NONE) {
                *found = &t->added[table->token[node]];
                *end = k + 1;
            }
        *start = i;
        if (*end)
            return 1;
    }
    return 0;
}

static int stands_alone(const char *text, size_t n_bytes, size_t start, size_t end) {
    size_t before = start, behind = end;
    return (start == 0 || !adah_is_word(adah_character_before(text, &before))) &&
           (end == n_bytes || !adah_is_word(adah_character_next(text, n_bytes, &behind)));
}

/* What is between added tokens goes on; is_first: it begins the text. */
typedef adah_code (*take_between)(const adah_tokenizer *t, const char *text, size_t n_bytes, int is_first, adah_token_list *tokens,
                                  adah_status *status);

static adah_code split_at_added(const adah_tokenizer *t, const adah_token_table *table, const char *text, size_t n_bytes, int is_first,
                                take_between take, adah_token_list *tokens, adah_status *status) {
    size_t done = 0, from = 0, start, end;
    const added_token *added;
    while (find_added(t, table, text, n_bytes, from, &start, &end, &added)) {
        from = end;
        if (added->single_word && !stands_alone(text, n_bytes, start, end))
            continue;
        for (size_t before = start; added->takes_left && before > done && adah_is_space(adah_character_before(text, &before));)
            start = before;
        for (size_t next = end; added->takes_right && next < n_bytes && adah_is_space(adah_character_next(text, n_bytes, &next));)
            end = next;
        if (start > done)
            ADAH_TRY(take(t, text + done, start - done, is_first && done == 0, tokens, status));
        adah_token_list_add(tokens, added->token);
        done = from = end;
    }
    return done < n_bytes ? take(t, text + done, n_bytes - done, is_first && done == 0, tokens, status) : ADAH_OK;
}

static adah_code tokenise(const adah_tokenizer *t, const char *text, size_t n_bytes, int is_first, adah_token_list *tokens,
                          adah_status *status) {
    adah_pieces pieces = {0};
    ADAH_TRY(adah_pre_tokenizer_split(&t->pre_tokenizer, text, n_bytes, is_first, &pieces, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0, start = 0; i < pieces.n && code == ADAH_OK; start = pieces.end[i++])
        code = t->model.kind->split(&t->model, pieces.text.bytes + start, pieces.end[i] - start, tokens, status);
    adah_pieces_free(&pieces);
    return code;
}

static adah_code normalise(const adah_tokenizer *t, const char *text, size_t n_bytes, int is_first, adah_token_list *tokens,
                           adah_status *status) {
    adah_text normal = {0};
    adah_text_add_bytes(&normal, text, n_bytes);
    adah_code code = normal.failed ? adah_fail_memory(status, n_bytes) : adah_normaliser_apply(&t->normaliser, &normal, status);
    if (code == ADAH_OK && normal.n_bytes)
        code = split_at_added(t, &t->normalised, normal.bytes, normal.n_bytes, is_first, tokenise, tokens, status);
    adah_text_free(&normal);
    return code;
}

adah_code adah_tokenizer_encode(const adah_tokenizer *t, const char *text, size_t n_bytes, size_t n_max, uint32_t *token, size_t *n,
                                adah_status *status) {
    const size_t n_special = t->n_first + t->n_last;
    if (n_max < n_special)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "room for %zu tokens, expected at least the %zu special ones", n_max, n_special);
    if (n_bytes > ADAH_TOKENIZED_BYTES_MAX)
        n_bytes = ADAH_TOKENIZED_BYTES_MAX;
    adah_text valid = {0};
    for (size_t i = 0; i < n_bytes;)
        adah_character_add(&valid, adah_character_next(text, n_bytes, &i));
    adah_token_list tokens = {0};
    adah_code code = valid.failed ? adah_fail_memory(status, n_bytes) : ADAH_OK;
    if (code == ADAH_OK && valid.n_bytes)
        code = split_at_added(t, &t->raw, valid.bytes, valid.n_bytes, 1, normalise, &tokens, status);
    if (code == ADAH_OK && tokens.failed)
        code = adah_fail_memory(status, n_bytes * sizeof *token);
    if (code == ADAH_OK) {
        const size_t n_own = tokens.n < n_max - n_special ? tokens.n : n_max - n_special;
        memcpy(token, t->first, t->n_first * sizeof *token);
        if (n_own)
            memcpy(token + t->n_first, tokens.token, n_own * sizeof *token);
        memcpy(token + t->n_first + n_own, t->last, t->n_last * sizeof *token);
        *n = n_special + n_own;
    }
    adah_memory_free(tokens.token);
    adah_text_free(&valid);
    return code;
}
