/* handle_search.c - searches, and their answer: a beginning, the hits one after another as they leave, an end. */
#include "failure.h"
#include "image_folder.h"
#include "query.h"
#include "records.h"
#include "stream.h"

#include <stdlib.h>

typedef struct search_answer {
    serve_parts parts; /* first */
    adah_search_result result;
    serve_text beginning;
    int with_score, with_words;
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
    if (hit->distance == ADAH_NO_DISTANCE)
        serve_text_plain(t, "null");
    else
        serve_text_number(t, hit->distance);
    if (s->with_score && hit->score == ADAH_NO_SCORE)
        serve_text_plain(t, ", \"score\": null");
    else if (s->with_score)
        serve_text_format(t, ", \"score\": %.6g", (double)hit->score);
    if (s->with_words)
        serve_text_format(t, ", \"words\": %.4g", (double)hit->words);
    if (hit->distance == ADAH_NO_DISTANCE)
        serve_text_plain(t, ", \"similarity\": null, ");
    else
        serve_text_format(t, ", \"similarity\": %.4g, ",
                          1 - (double)hit->distance / (double)adah_index_bits(s->parts.state->index));
    serve_add_entry(t, s->parts.state->index, &entry, s->parts.server->images >= 0 && serve_is_safe_name(entry.file_name));
    serve_text_plain(t, "}");
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

static void answer_search(serve_request *r, serve_state *state, serve_asked *a) {
    const uint64_t start = serve_nanoseconds();
    const serve_query *q = &r->query;
    adah_search_result result = {0};
    if (!serve_query_code(r, state, a))
        return;
    const adah_modality other = q->by == ADAH_TEXT ? ADAH_IMAGE : ADAH_TEXT;
    const adah_modality to = q->given & SERVE_TO                ? (adah_modality)q->to
                             : serve_query_has_marks(q)        ? ADAH_IMAGE
                             : a->kind == SERVE_QUERY_TEXT     ? ADAH_IMAGE
                             : a->kind == SERVE_QUERY_IMAGE    ? ADAH_TEXT
                             : a->kind == SERVE_QUERY_FEATURES ? other
                                                               : (adah_modality)q->by;
    if (!serve_query_search(r, state, a, to, (size_t)q->k, &result))
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
                         .with_score = a->is_fine || a->with_relaxed,
                         .with_words = q->text && q->words};
    serve_text *t = &s->beginning;
    serve_text_format(t, "{\"query\": {\"kind\": \"%s\", \"code\": ", serve_query_kind_name[a->kind]);
    if (a->no_code.code)
        serve_text_plain(t, "null");
    else
        serve_text_hex(t, a->code, adah_index_bits(state->index) / 8);
    if (q->text)
        serve_text_format(t, ", \"n_words_unknown\": %zu", a->n_unknown);
    if (a->words.n_bytes) {
        serve_text_plain(t, ", \"words\": ");
        serve_text_bytes(t, a->words.bytes, a->words.n_bytes);
    }
    serve_text_format(t, "}, \"to\": \"%s\", \"order\": \"%s\", \"took_ms\": %.3f, \"hits\": [", serve_side_name(to),
                      a->is_fine ? "fine" : a->with_relaxed ? "rerank" : "bits", (double)(serve_nanoseconds() - start) * 1e-6);
    serve_send_parts(r, state, &s->parts);
}

void serve_handle_search(serve_request *r, serve_state *state) {
    serve_asked a = {0};
    if (serve_query_read(r, state))
        answer_search(r, state, &a);
    serve_text_free(&a.words);
}
