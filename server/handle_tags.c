/* handle_tags.c - words that go with a picture or an item: those of the texts that are nearest to it. */
#include "failure.h"
#include "query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAG_TEXTS = 50,           /* nearest texts that tags are taken from, */
    TAG_TEXT_BYTES = 16 << 10 /* of each the beginning */
};

typedef struct tag {
    const char *word; /* in the joined texts */
    size_t n_bytes;
    size_t last_text; /* from 1: a text counts a word once */
    double weight;
} tag;

/* Texts of the hits one after another, parted; where each ends, and its weight. */
typedef struct joined {
    serve_text text;
    size_t end[TAG_TEXTS];
    double weight[TAG_TEXTS], sum;
    size_t n;
} joined;

static int join_texts(serve_request *r, const serve_state *state, const adah_search_result *result, joined *all) {
    const double scale = (double)adah_index_bits(state->index) / 16;
    for (size_t i = 0; i < result->n_hits; i++) {
        adah_index_entry entry;
        adah_status status;
        if (adah_index_record(state->index, result->hits[i].row, &entry, &status) != ADAH_OK)
            return serve_refuse_failed(r, &status);
        size_t n = strlen(entry.text);
        if (n > TAG_TEXT_BYTES)
            for (n = TAG_TEXT_BYTES; n > 0 && (entry.text[n] & 0xc0) == 0x80;) /* no half of a character */
                n--;
        serve_text_bytes(&all->text, entry.text, serve_is_utf8(entry.text, n) ? n : 0);
        serve_text_plain(&all->text, "\n|\n");
        all->end[all->n] = all->text.n_bytes;
        all->weight[all->n] = exp2(-(double)result->hits[i].distance / scale);
        all->sum += all->weight[all->n++];
        adah_index_entry_free(&entry);
    }
    serve_text_bytes(&all->text, "", 1);
    return !all->text.failed || serve_refuse_memory(r);
}

static int compare_tags(const void *x, const void *y) {
    const tag *a = x, *b = y;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->word < b->word ? -1 : a->word > b->word; /* what comes first in the nearer text */
}

static void write_tags(serve_request *r, tag *tags, size_t n, double sum) {
    serve_text *t = &r->answer.text;
    qsort(tags, n, sizeof *tags, compare_tags);
    serve_text_plain(t, "{\"tags\": [");
    for (size_t i = 0; i < n && i < r->query.n && tags[i].weight > 0; i++) {
        char word[256];
        const size_t n_bytes = tags[i].n_bytes < sizeof word ? tags[i].n_bytes : sizeof word;
        for (size_t b = 0; b < n_bytes; b++) {
            const char c = tags[i].word[b];
            word[b] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        serve_text_plain(t, i ? ", {\"word\": " : "{\"word\": ");
        serve_text_string_n(t, word, n_bytes);
        serve_text_format(t, ", \"weight\": %.4g}", tags[i].weight / sum);
    }
    serve_text_plain(t, "]}\n");
    r->answer.status = 200;
}

/* The weight of a word is the share of the texts that have it, near ones counting for more. */
static int tell_tags(serve_request *r, const serve_state *state, const joined *all) {
    adah_text_word *words;
    adah_status status;
    size_t n_words, text = 0;
    if (adah_model_words(state->model, all->text.bytes, &words, &n_words, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    tag *tags = calloc(n_words + 1, sizeof *tags);
    for (size_t i = 0; i < n_words && tags; i++) {
        tag *t = &tags[words[i].first];
        while (words[i].offset >= all->end[text])
            text++;
        if (!t->word)
            *t = (tag){all->text.bytes + words[i].offset, words[i].n_bytes, 0, 0};
        if (t->last_text != text + 1)
            t->weight += all->weight[text];
        t->last_text = text + 1;
    }
    adah_free(words);
    if (!tags)
        return serve_refuse_memory(r);
    write_tags(r, tags, n_words, all->sum);
    free(tags);
    return 1;
}

void serve_handle_tags(serve_request *r, serve_state *state) {
    serve_asked a = {0};
    joined all = {0};
    adah_search_result result = {0};
    if (!serve_query_read(r, state))
        return;
    if (!adah_model_takes_text(state->model)) {
        serve_refuse(r, 409, "mismatch", NULL, "this model takes no words");
        return;
    }
    const int is_known = serve_query_code(r, state, &a);
    a.n_fine = 0; /* the nearest texts, which are weighed by their distances */
    if (is_known && serve_query_search(r, state, &a, ADAH_TEXT, TAG_TEXTS, &result) &&
        join_texts(r, state, &result, &all))
        tell_tags(r, state, &all);
    serve_text_free(&all.text);
    adah_search_result_free(&result);
}
