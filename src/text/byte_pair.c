/* byte_pair.c - a piece begins as its characters, and the neighbours that stand first in the list of merges become one, again and again.
 *
 * The pairs that could be merged wait in a heap by their place in the list and in the piece, so that a piece of n characters takes
 * n log n steps. A pair that has changed meanwhile is passed over when its turn comes. */
#include "text/token_model.h"
#include "base/memory.h"
#include "text/characters.h"

#include <string.h>

struct adah_merge {
    uint32_t left, right;
    uint32_t rank, token; /* token ADAH_TOKEN_NONE: a free slot */
};

/* ---------------------------------------------------------------- the merges */

static struct adah_merge *slot_of(const adah_token_model *model, uint32_t left, uint32_t right) {
    const uint64_t key = (uint64_t)left << 32 | right;
    size_t slot = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 24) & (model->n_slots - 1);
    while (model->merge[slot].token != ADAH_TOKEN_NONE && (model->merge[slot].left != left || model->merge[slot].right != right))
        slot = (slot + 1) & (model->n_slots - 1);
    return &model->merge[slot];
}

/* A merge is ["a", "b"], or in older files "a b". */
static int take_apart(const json_t *merge, const char **part, size_t *n_bytes) {
    if (json_is_array(merge) && json_array_size(merge) == 2) {
        for (size_t i = 0; i < 2; i++) {
            const json_t *text = json_array_get(merge, i);
            part[i] = json_string_value(text);
            n_bytes[i] = json_string_length(text);
        }
        return part[0] && part[1];
    }
    const char *text = json_string_value(merge), *blank = text ? strchr(text, ' ') : NULL;
    if (!blank || strchr(blank + 1, ' '))
        return 0;
    part[0] = text;
    part[1] = blank + 1;
    n_bytes[0] = (size_t)(blank - text);
    n_bytes[1] = strlen(blank + 1);
    return 1;
}

static adah_code add_merge(const json_t *merge, size_t rank, const char *where, adah_token_model *model, adah_status *status) {
    const char *part[2];
    size_t n[2];
    if (!take_apart(merge, part, n))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: merge %zu is no pair of texts", where, rank);
    const size_t n_prefix = model->prefix ? strlen(model->prefix) : 0, n_cut = n[1] >= n_prefix ? n_prefix : 0;
    char *both = adah_memory_alloc(n[0] + n[1]);
    if (!both)
        return adah_fail_memory(status, n[0] + n[1]);
    memcpy(both, part[0], n[0]);
    memcpy(both + n[0], part[1] + n_cut, n[1] - n_cut);
    const uint32_t left = adah_token_table_find(&model->vocabulary, part[0], n[0]);
    const uint32_t right = adah_token_table_find(&model->vocabulary, part[1], n[1]);
    const uint32_t token = adah_token_table_find(&model->vocabulary, both, n[0] + n[1] - n_cut);
    adah_memory_free(both);
    if (left == ADAH_TOKEN_NONE || right == ADAH_TOKEN_NONE || token == ADAH_TOKEN_NONE)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: merge %zu, \"%.64s\" and \"%.64s\": they or what they make are not in the vocabulary",
                         where, rank, part[0], part[1]);
    *slot_of(model, left, right) = (struct adah_merge){left, right, (uint32_t)rank, token};
    return ADAH_OK;
}

static adah_code read_model(const json_t *object, const char *where, adah_token_model *model, adah_status *status) {
    const json_t *merges = json_object_get(object, "merges"), *merge;
    const json_t *dropout = json_object_get(object, "dropout");
    if (json_is_number(dropout) && json_number_value(dropout) != 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: byte pairs with dropout, which is not supported", where);
    ADAH_TRY(adah_token_model_read_vocabulary(object, where, model, status));
    ADAH_TRY(adah_token_model_read_unknown(object, where, model, status));
    ADAH_TRY(adah_token_model_read_text(object, "continuing_subword_prefix", &model->prefix, status));
    ADAH_TRY(adah_token_model_read_text(object, "end_of_word_suffix", &model->suffix, status));
    model->fuses_unknown = json_is_true(json_object_get(object, "fuse_unk"));
    model->whole_words = json_is_true(json_object_get(object, "ignore_merges"));
    if (json_is_true(json_object_get(object, "byte_fallback")))
        adah_token_model_find_bytes(model);
    if (!json_is_array(merges) || json_array_size(merges) > ADAH_TOKENS_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu merges, expected a list of at most %d", where, json_array_size(merges),
                         ADAH_TOKENS_MAX);
    for (model->n_slots = 16; model->n_slots < 2 * json_array_size(merges) + 2;)
        model->n_slots *= 2;
    model->merge = adah_memory_zeroed(model->n_slots, sizeof *model->merge);
    if (!model->merge)
        return adah_fail_memory(status, model->n_slots * sizeof *model->merge);
    for (size_t i = 0; i < model->n_slots; i++)
        model->merge[i].token = ADAH_TOKEN_NONE;
    size_t rank;
    json_array_foreach(merges, rank, merge)
        ADAH_TRY(add_merge(merge, rank, where, model, status));
    return ADAH_OK;
}

/* ---------------------------------------------------------------- a piece */

enum { NO_SYMBOL = -1 };

typedef struct symbol {
    uint32_t token; /* ADAH_TOKEN_NONE: it was merged into the one before */
    int32_t before, next;
} symbol;

typedef struct candidate {
    uint32_t rank, token;
    int32_t place; /* of the left symbol */
} candidate;

/* A piece at work. */
typedef struct word {
    const adah_token_model *model;
    symbol *symbol;
    size_t n, capacity;
    candidate *heap;
    size_t n_heap, heap_capacity;
    int failed;
} word;

static int comes_first(const candidate *a, const candidate *b) { return a->rank != b->rank ? a->rank < b->rank : a->place < b->place; }

static void heap_push(word *w, candidate c) {
    if (!adah_memory_grow((void **)&w->heap, &w->heap_capacity, w->n_heap, sizeof *w->heap)) {
        w->failed = 1;
        return;
    }
    size_t i = w->n_heap++;
    for (; i && comes_first(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
}

static candidate heap_pop(word *w) {
    const candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < w->n_heap; child = 2 * i + 1) {
        child += child + 1 < w->n_heap && comes_first(&w->heap[child + 1], &w->heap[child]);
        if (!comes_first(&w->heap[child], &last))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static void add_symbol(word *w, uint32_t token) {
    if (w->n >= INT32_MAX || !adah_memory_grow((void **)&w->symbol, &w->capacity, w->n, sizeof *w->symbol)) {
        w->failed = 1;
        return;
    }
    const int32_t place = (int32_t)w->n++;
    w->symbol[place] = (symbol){token, place - 1, NO_SYMBOL};
    if (place)
        w->symbol[place - 1].next = place;
}

/* A pair that could be merged waits for its turn. */
static void offer(word *w, int32_t place) {
    if (place == NO_SYMBOL || w->symbol[place].next == NO_SYMBOL)
        return;
    const struct adah_merge *m = slot_of(w->model, w->symbol[place].token, w->symbol[w->symbol[place].next].token);
    if (m->token != ADAH_TOKEN_NONE)
        heap_push(w, (candidate){m->rank, m->token, place});
}

static void merge_all(word *w) {
    for (size_t i = 0; i < w->n; i++)
        offer(w, (int32_t)i);
    while (w->n_heap && !w->failed) {
        const candidate c = heap_pop(w);
        symbol *left = &w->symbol[c.place];
        if (left->token == ADAH_TOKEN_NONE || left->next == NO_SYMBOL)
            continue;
        symbol *right = &w->symbol[left->next];
        if (slot_of(w->model, left->token, right->token)->token != c.token)
            continue;
        left->token = c.token;
        left->next = right->next;
        right->token = ADAH_TOKEN_NONE;
        if (left->next != NO_SYMBOL)
            w->symbol[left->next].before = c.place;
        offer(w, left->before);
        offer(w, c.place);
    }
}

/* The characters of a piece as the first symbols. */
static void spell(word *w, const char *piece, size_t n_bytes, adah_text *text) {
    const adah_token_model *model = w->model;
    int n_unknown = 0;
    for (size_t i = 0, start = 0; i < n_bytes; start = i) {
        adah_character_next(piece, n_bytes, &i);
        text->n_bytes = 0;
        if (start && model->prefix)
            adah_text_add_bytes(text, model->prefix, strlen(model->prefix));
        adah_text_add_bytes(text, piece + start, i - start);
        if (i == n_bytes && model->suffix)
            adah_text_add_bytes(text, model->suffix, strlen(model->suffix));
        if (text->failed)
            return;
        const uint32_t token = adah_token_table_find(&model->vocabulary, text->bytes, text->n_bytes);
        int n_spelled = 0;
        while (token == ADAH_TOKEN_NONE && n_spelled < (int)text->n_bytes && model->byte[(uint8_t)text->bytes[n_spelled]] != ADAH_TOKEN_NONE)
            n_spelled++;
        if (token == ADAH_TOKEN_NONE && n_spelled == (int)text->n_bytes) {
            for (int b = 0; b < n_spelled; b++)
                add_symbol(w, model->byte[(uint8_t)text->bytes[b]]);
            continue;
        }
        /* The reference keeps the last unknown one back until something known comes. */
        if (n_unknown && (token != ADAH_TOKEN_NONE || !model->fuses_unknown)) {
            add_symbol(w, model->unknown);
            n_unknown = 0;
        }
        if (token != ADAH_TOKEN_NONE)
            add_symbol(w, token);
        else if (model->unknown != ADAH_TOKEN_NONE)
            n_unknown = 1;
    }
    if (n_unknown)
        add_symbol(w, model->unknown);
}

static adah_code split(const adah_token_model *model, const char *piece, size_t n_bytes, adah_token_list *tokens, adah_status *status) {
    word w = {.model = model};
    adah_text text = {0};
    const uint32_t whole = model->whole_words ? adah_token_table_find(&model->vocabulary, piece, n_bytes) : ADAH_TOKEN_NONE;
    if (whole != ADAH_TOKEN_NONE) {
        adah_token_list_add(tokens, whole);
        return ADAH_OK;
    }
    spell(&w, piece, n_bytes, &text);
    merge_all(&w);
    for (size_t i = 0; i < w.n; i++)
        if (w.symbol[i].token != ADAH_TOKEN_NONE)
            adah_token_list_add(tokens, w.symbol[i].token);
    const int failed = w.failed || text.failed;
    adah_memory_free(w.symbol);
    adah_memory_free(w.heap);
    adah_text_free(&text);
    return failed ? adah_fail_memory(status, n_bytes * sizeof(symbol)) : ADAH_OK;
}

const adah_token_kind adah_token_byte_pair = {"BPE", read_model, split};
