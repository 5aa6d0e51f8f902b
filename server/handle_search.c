/* handle_search.c - what the model is asked: searches, tags of a picture, codes, attention. */
#define _GNU_SOURCE
#include "failure.h"
#include "server.h"
#include "stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    EXPLAINED_MAX = 32, /* words whose weight is measured: each costs as much as encoding the text */
    TAG_TEXTS = 50,     /* nearest texts that tags are taken from, */
    TAG_TEXT_BYTES = 16 << 10, /* of each the beginning */
    OVERLAY_SIDE = 1024
};

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static const char *side_name(adah_modality side) { return side == ADAH_IMAGE ? "image" : "text"; }

/* ---------------------------------------------------------------- the query's code */

typedef struct asked {
    uint8_t code[ADAH_BITS_MAX / 8];
    float relaxed[ADAH_BITS_MAX]; /* with_relaxed: what the code is the signs of */
    int with_relaxed;
    serve_query_kind kind;
    size_t n_unknown;
    serve_text words; /* explained, as a JSON list */
} asked;

static int refuse_encoding(serve_request *r, const adah_status *status) {
    if (r->query.text && status->code == ADAH_ERROR_MISMATCH)
        return serve_refuse_said(r, 422, "unknown_words", "text", status);
    if (status->code == ADAH_ERROR_FORMAT || status->code == ADAH_ERROR_ARGUMENT)
        return serve_refuse_said(r, r->query.text ? 400 : 422, r->query.text ? "bad_value" : "bad_picture",
                            r->query.text ? "text" : "image", status);
    return serve_refuse_failed(r, status);
}

/* One of text, picture and id, as allowed, and a model that goes with it. */
static int check_asked(serve_request *r, const serve_state *state, unsigned allowed, const char *names) {
    const unsigned given = r->query.given & allowed;
    if (given == 0 || (given & (given - 1)))
        return serve_refuse(r, 400, "bad_value", NULL, "expected one of %s", names);
    if (given == SERVE_TEXT && !adah_model_takes_text(state->model))
        return serve_refuse(r, 409, "mismatch", "text", "this model takes no words");
    if (given == SERVE_IMAGE && !adah_model_takes_images(state->model))
        return serve_refuse(r, 409, "mismatch", "image", "this model takes no pictures");
    if ((r->query.given & SERVE_BY) && given != SERVE_ID)
        return serve_refuse(r, 400, "bad_value", "by", "by goes with id alone");
    if ((r->query.given & SERVE_EXPLAIN) && r->query.explain && given != SERVE_TEXT)
        return serve_refuse(r, 400, "bad_value", "explain", "explain goes with text alone");
    return 1;
}

int serve_find_row(serve_request *r, const serve_state *state, uint64_t id, uint64_t *row) {
    return adah_index_find(state->index, id, row) ||
           serve_refuse(r, 404, "not_found", "id", "there is no item with the id %llu", (unsigned long long)id);
}

int serve_find_record(serve_request *r, const serve_state *state, uint64_t id, adah_index_entry *entry) {
    uint64_t row;
    adah_status status;
    if (!serve_find_row(r, state, id, &row))
        return 0;
    return adah_index_record(state->index, row, entry, &status) == ADAH_OK || serve_refuse_failed(r, &status);
}

static int code_of_record(serve_request *r, const serve_state *state, asked *a) {
    adah_index_entry entry;
    if (!serve_find_record(r, state, r->query.id, &entry))
        return 0;
    const uint8_t *code = r->query.by == ADAH_IMAGE ? entry.image_code : entry.text_code;
    const int has_code = code != NULL;
    if (has_code)
        memcpy(a->code, code, adah_index_bits(state->index) / 8);
    adah_index_entry_free(&entry);
    return has_code ||
           serve_refuse(r, 409, "mismatch", "by", "that item has no code of its %s", side_name(r->query.by));
}

/* How much H changes without each word: the mean difference of its values, at most 1. Every place of the word is made
 * a sign that parts the words beside it, so that pairs of words go with it. */
static int explain(serve_request *r, const serve_state *state, adah_encoder *encoder, asked *a) {
    const size_t n_bits = (size_t)adah_model_bits(state->model);
    adah_text_word *words;
    adah_status status;
    size_t n_words, n_told = 0;
    uint8_t code[ADAH_BITS_MAX / 8];
    if (adah_model_words(state->model, r->query.text, &words, &n_words, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    char *without = malloc(strlen(r->query.text) + 1);
    serve_text_plain(&a->words, "[");
    for (size_t i = 0; i < n_words && without && n_told < EXPLAINED_MAX; i++) {
        double weight = 0;
        if (words[i].first != i)
            continue;
        strcpy(without, r->query.text);
        for (size_t j = i; j < n_words; j++)
            if (words[j].first == i)
                memset(without + words[j].offset, '|', words[j].n_bytes);
        const adah_code done = words[i].is_known ? adah_encode_text(encoder, without, code, &status) : ADAH_OK;
        if (done == ADAH_ERROR_MISMATCH) /* nothing is left */
            weight = 1;
        else if (done == ADAH_OK && words[i].is_known)
            for (size_t b = 0; b < n_bits; b++)
                weight += fabs((double)a->relaxed[b] - (double)adah_encoder_relaxed(encoder)[b]) / (double)n_bits;
        serve_text_plain(&a->words, n_told++ ? ", {\"word\": " : "{\"word\": ");
        serve_text_string_n(&a->words, r->query.text + words[i].offset, words[i].n_bytes);
        serve_text_format(&a->words, ", \"known\": %s, \"weight\": %.4g}", words[i].is_known ? "true" : "false",
                          weight < 1 ? weight : 1);
    }
    serve_text_plain(&a->words, "]");
    adah_free(words);
    if (!without)
        return serve_refuse_memory(r);
    free(without);
    return 1;
}

static int encode(serve_request *r, serve_state *state, asked *a) {
    adah_status status;
    adah_encoder *encoder;
    const serve_query *q = &r->query;
    const adah_modality of = q->text ? ADAH_TEXT : ADAH_IMAGE;
    serve_decoded decoded;
    if (!q->text && !serve_decode_picture(r, SERVE_PIXELS, q->image, q->n_image_bytes, &q->image_info,
                                          adah_model_image_side(state->model), "image", &decoded))
        return 0;
    if (serve_encoder_take(state, of, &encoder, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    const adah_code code = q->text ? adah_encode_text(encoder, q->text, a->code, &status)
                                   : adah_encode_picture(encoder, &decoded.picture, a->code, &status);
    int is_good = code == ADAH_OK || refuse_encoding(r, &status);
    if (is_good && (q->n_rerank || q->explain)) {
        memcpy(a->relaxed, adah_encoder_relaxed(encoder), (size_t)adah_model_bits(state->model) * sizeof(float));
        a->with_relaxed = q->n_rerank != 0;
    }
    if (is_good && q->text)
        a->n_unknown = adah_encoder_unknown_words(encoder);
    if (is_good && q->explain)
        is_good = explain(r, state, encoder, a);
    serve_encoder_give(state, of, encoder);
    return is_good;
}

static int find_code(serve_request *r, serve_state *state, asked *a) {
    a->kind = r->query.text ? SERVE_QUERY_TEXT : r->query.given & SERVE_IMAGE ? SERVE_QUERY_IMAGE : SERVE_QUERY_ID;
    if (a->kind != SERVE_QUERY_ID)
        return encode(r, state, a);
    if (r->query.n_rerank)
        return serve_refuse(r, 400, "bad_value", "rerank", "rerank goes with text and image alone");
    return code_of_record(r, state, a);
}

/* ---------------------------------------------------------------- searching */

typedef struct label_filter {
    uint32_t label[SERVE_LABELS_MAX];
    size_t n;
} label_filter;

static int has_label(void *context, const adah_index_entry *entry) {
    const label_filter *f = context;
    for (size_t i = 0; i < entry->n_labels; i++)
        for (size_t k = 0; k < f->n; k++)
            if (entry->label[i] == f->label[k])
                return 1;
    return 0;
}

static int find_labels(serve_request *r, const serve_state *state, label_filter *f) {
    const size_t n = adah_index_label_count(state->index);
    for (f->n = 0; f->n < r->query.n_labels; f->n++) {
        uint32_t i = 0;
        for (; i < n; i++) {
            const char *name = adah_index_label_name(state->index, i);
            if (name && !strcmp(name, r->query.label[f->n]))
                break;
        }
        if (i == n)
            return serve_refuse(r, 400, "bad_value", "label", "label is \"%.100s\", which no item has",
                                r->query.label[f->n]);
        f->label[f->n] = i;
    }
    return 1;
}

static int search(serve_request *r, const serve_state *state, asked *a, adah_modality to, size_t k,
                  adah_search_result *result) {
    const serve_query *q = &r->query;
    label_filter filter;
    adah_status status;
    adah_search_options o = ADAH_SEARCH_OPTIONS_INIT;
    if (!find_labels(r, state, &filter))
        return 0;
    o.k = k;
    o.radius = q->radius;
    o.method = q->method;
    o.only = q->only;
    o.n_only = q->n_only;
    o.exclude = a->kind == SERVE_QUERY_ID ? q->id : ADAH_NO_ID;
    o.accept = filter.n ? has_label : NULL;
    o.context = &filter;
    o.relaxed = a->with_relaxed ? a->relaxed : NULL;
    o.n_rerank = q->n_rerank;
    o.cut_off = q->cut_off;
    return adah_index_search(state->index, to, a->code, 1, &o, result, &status) == ADAH_OK ||
           serve_refuse_failed(r, &status);
}

void serve_add_entry(serve_text *t, const adah_index *index, const adah_index_entry *entry) {
    serve_text_plain(t, "\"file_name\": ");
    serve_text_string(t, entry->file_name);
    serve_text_plain(t, ", \"text\": ");
    serve_text_string(t, entry->text);
    serve_text_plain(t, ", \"labels\": [");
    for (size_t i = 0; i < entry->n_labels; i++) {
        const char *name = adah_index_label_name(index, entry->label[i]);
        if (i)
            serve_text_plain(t, ", ");
        serve_text_string(t, name ? name : "");
    }
    serve_text_plain(t, "]");
}

/* ---------------------------------------------------------------- the answer of a search: a beginning, hits, an end */

typedef struct search_answer {
    serve_parts parts; /* first */
    adah_search_result result;
    serve_text beginning;
    int with_score;
} search_answer;

static void free_search_answer(serve_parts *parts) {
    search_answer *s = (search_answer *)(void *)parts;
    adah_search_result_free(&s->result);
    serve_text_free(&s->beginning);
}

static adah_code add_hit(const search_answer *s, size_t i, serve_text *t, adah_status *status) {
    adah_index_entry entry;
    const adah_search_hit *hit = &s->result.hits[i];
    const adah_code code = adah_index_record(s->parts.state->index, hit->row, &entry, status);
    if (code != ADAH_OK)
        return code;
    serve_text_plain(t, i ? ", {\"id\": " : "{\"id\": ");
    serve_text_number(t, hit->id);
    serve_text_plain(t, ", \"distance\": ");
    serve_text_number(t, hit->distance);
    if (s->with_score)
        serve_text_format(t, ", \"score\": %.6g", (double)hit->score);
    serve_text_format(t, ", \"similarity\": %.4g, ",
                      1 - (double)hit->distance / (double)adah_index_bits(s->parts.state->index));
    serve_add_entry(t, s->parts.state->index, &entry);
    const int has_picture = s->parts.server->images >= 0 && serve_is_safe_name(entry.file_name);
    serve_text_plain(t, has_picture ? ", \"has_picture\": true}" : ", \"has_picture\": false}");
    adah_index_entry_free(&entry);
    return ADAH_OK;
}

static adah_code add_part(const serve_parts *parts, size_t part, serve_text *t, adah_status *status) {
    const search_answer *s = (const search_answer *)(const void *)parts;
    if (part == 0)
        serve_text_bytes(t, s->beginning.bytes, s->beginning.n_bytes);
    else if (part <= s->result.n_hits)
        return add_hit(s, part - 1, t, status);
    else
        serve_text_plain(t, "]}\n");
    t->failed |= s->beginning.failed;
    return ADAH_OK;
}

static void answer_search(serve_request *r, serve_state *state, asked *a) {
    const double start = milliseconds();
    serve_query *q = &r->query;
    adah_search_result result = {0};
    if (!find_code(r, state, a))
        return;
    if (!(q->given & SERVE_TO))
        q->to = a->kind == SERVE_QUERY_TEXT ? ADAH_IMAGE : a->kind == SERVE_QUERY_IMAGE ? ADAH_TEXT : q->by;
    if (!search(r, state, a, q->to, q->k, &result))
        return;
    serve_metrics_count_query(r->server->metrics, a->kind);
    search_answer *s = calloc(1, sizeof *s);
    if (!s) {
        adah_search_result_free(&result);
        serve_refuse_memory(r);
        return;
    }
    *s = (search_answer){.parts = {.stream.n_bytes = result.n_hits * sizeof *result.hits,
                                   .n_parts = result.n_hits + 2,
                                   .add = add_part,
                                   .free = free_search_answer},
                         .result = result,
                         .with_score = a->with_relaxed};
    serve_text *t = &s->beginning;
    serve_text_format(t, "{\"query\": {\"kind\": \"%s\", \"code\": ", serve_query_kind_name[a->kind]);
    serve_text_hex(t, a->code, adah_index_bits(state->index) / 8);
    if (q->text)
        serve_text_format(t, ", \"n_words_unknown\": %zu", a->n_unknown);
    if (a->words.n_bytes) {
        serve_text_plain(t, ", \"words\": ");
        serve_text_bytes(t, a->words.bytes, a->words.n_bytes);
    }
    serve_text_format(t, "}, \"to\": \"%s\", \"took_ms\": %.3f, \"hits\": [", side_name(q->to), milliseconds() - start);
    serve_send_parts(r, state, &s->parts);
}

static void handle_search(serve_request *r, serve_state *state, int with_body) {
    const unsigned limits = SERVE_TO | SERVE_BY | SERVE_K | SERVE_RADIUS | SERVE_LABELS | SERVE_ONLY | SERVE_CUT_OFF |
                            SERVE_RERANK | SERVE_EXPLAIN | SERVE_METHOD;
    const unsigned asking = SERVE_TEXT | SERVE_ID | (with_body ? SERVE_IMAGE : 0);
    asked a = {0};
    if (serve_read_query(r, limits | asking, with_body) &&
        check_asked(r, state, asking, with_body ? "text, id and image" : "text and id"))
        answer_search(r, state, &a);
    serve_text_free(&a.words);
}

void serve_handle_search(serve_request *r, serve_state *state) { handle_search(r, state, 0); }
void serve_handle_search_body(serve_request *r, serve_state *state) { handle_search(r, state, 1); }

/* ---------------------------------------------------------------- tags */

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
    asked a = {0};
    joined all = {0};
    adah_search_result result = {0};
    if (!serve_read_query(r, SERVE_IMAGE | SERVE_ID | SERVE_N, 1) ||
        !check_asked(r, state, SERVE_IMAGE | SERVE_ID, "id and image"))
        return;
    if (!adah_model_takes_text(state->model)) {
        serve_refuse(r, 409, "mismatch", NULL, "this model takes no words");
        return;
    }
    if (find_code(r, state, &a) && search(r, state, &a, ADAH_TEXT, TAG_TEXTS, &result) &&
        join_texts(r, state, &result, &all))
        tell_tags(r, state, &all);
    serve_text_free(&all.text);
    adah_search_result_free(&result);
}

/* ---------------------------------------------------------------- codes, attention */

void serve_handle_encode(serve_request *r, serve_state *state) {
    asked a = {0};
    if (!serve_read_query(r, SERVE_TEXT | SERVE_IMAGE, 1) ||
        !check_asked(r, state, SERVE_TEXT | SERVE_IMAGE, "text and image") || !find_code(r, state, &a))
        return;
    const int n_bits = adah_model_bits(state->model);
    serve_text_format(&r->answer.text, "{\"n_bits\": %d, \"code\": ", n_bits);
    serve_text_hex(&r->answer.text, a.code, (size_t)n_bits / 8);
    serve_text_plain(&r->answer.text, "}\n");
    r->answer.status = 200;
}

static void write_map(serve_text *t, const adah_attention_map *map) {
    const size_t n = map->n_height * map->n_width;
    serve_text_format(t, "{\"n_height\": %zu, \"n_width\": %zu, \"probability\": [", map->n_height, map->n_width);
    for (size_t i = 0; i < n; i++)
        serve_text_format(t, i ? ", %.6g" : "%.6g", (double)map->probability[i]);
    serve_text_plain(t, "], \"mask\": [");
    for (size_t i = 0; i < n; i++)
        serve_text_plain(t, i ? (map->mask[i] ? ", 1" : ", 0") : (map->mask[i] ? "1" : "0"));
    serve_text_plain(t, "]}\n");
}

static adah_code answer_with_map(serve_request *r, const adah_attention_map *map, adah_picture *shown, adah_status *status) {
    serve_answer *a = &r->answer;
    uint8_t *png;
    if (!shown) {
        write_map(&a->text, map);
        return ADAH_OK;
    }
    adah_attend_draw(map, shown);
    const adah_code code = adah_picture_png(shown, &png, &a->n_bytes, status);
    if (code == ADAH_OK) {
        a->bytes = png;
        a->release = adah_free;
        a->content_type = "image/png";
    }
    return code;
}

static void attend(serve_request *r, serve_state *state, const adah_picture *picture, adah_picture *shown) {
    adah_encoder *encoder;
    adah_attention_map map;
    adah_status status;
    if (serve_encoder_take(state, ADAH_IMAGE, &encoder, &status) != ADAH_OK) {
        serve_refuse_failed(r, &status);
        return;
    }
    adah_code code = adah_attend_picture(encoder, picture, &map, &status);
    serve_encoder_give(state, ADAH_IMAGE, encoder);
    if (code == ADAH_OK) {
        code = answer_with_map(r, &map, shown, &status);
        adah_attention_map_free(&map);
    }
    if (code == ADAH_OK)
        r->answer.status = 200;
    else
        refuse_encoding(r, &status);
}

void serve_handle_attention(serve_request *r, serve_state *state) {
    if (!adah_model_has_attention(state->model)) {
        serve_refuse(r, 409, "mismatch", NULL, "this model has no attention masks; train one with --attention");
        return;
    }
    if (!serve_read_query(r, SERVE_IMAGE, 1) || !check_asked(r, state, SERVE_IMAGE, "image"))
        return;
    const serve_query *q = &r->query;
    const int wants_png = r->accept && strstr(r->accept, "image/png");
    serve_decoded square, shown;
    if (!serve_decode_picture(r, SERVE_PIXELS, q->image, q->n_image_bytes, &q->image_info, adah_model_image_side(state->model),
                              "image", &square) ||
        (wants_png &&
         !serve_decode_picture(r, SERVE_COPY, q->image, q->n_image_bytes, &q->image_info, OVERLAY_SIDE, "image", &shown)))
        return;
    attend(r, state, &square.picture, wants_png ? &shown.picture : NULL);
}
