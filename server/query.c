/* query.c - see query.h. */
#include "query.h"
#include "explain.h"
#include "failure.h"
#include "narrow.h"
#include "records.h"

#include <string.h>

_Static_assert(ADAH_IMAGE == 0 && ADAH_TEXT == 1, "`to` and `by` choose from image|text");
_Static_assert(ADAH_SEARCH_AUTO == 0 && ADAH_SEARCH_SCAN == 1 && ADAH_SEARCH_TABLES == 2, "`method` chooses from auto|scan|tables");

/* ---------------------------------------------------------------- what is given */

/* Finds whose the features are, and whether they are as many as an item of that side has. */
static int choose_side(serve_request *r, const serve_state *state) {
    const size_t n_values[2] = {adah_model_feature_values(state->model, ADAH_IMAGE), adah_model_feature_values(state->model, ADAH_TEXT)};
    serve_query *q = &r->query;
    const int is_told = (q->given & SERVE_BY) != 0;
    if (!is_told && n_values[ADAH_IMAGE] && n_values[ADAH_TEXT])
        return serve_refuse(r, 400, "bad_value", "by", "the model takes images and texts as features: by says which these are");
    if (!is_told)
        q->by = n_values[ADAH_TEXT] ? ADAH_TEXT : ADAH_IMAGE;
    if (!n_values[q->by])
        return serve_refuse(r, 409, "mismatch", "features", "this model takes no features of %ss", serve_side_name((adah_modality)q->by));
    return q->features.n == n_values[q->by] ||
           serve_refuse(r, 400, "bad_value", "features", "features has %zu values, expected %zu, as the model takes of %ss", q->features.n,
                        n_values[q->by], serve_side_name((adah_modality)q->by));
}

int serve_query_read(serve_request *r, const serve_state *state) {
    char names[SERVE_NAMES_BYTES];
    if (!serve_read_query(r))
        return 0;
    const unsigned given = r->query.given & SERVE_ASKING;
    const int is_marks = given == 0 && (r->query.given & SERVE_LIKE);
    if ((given == 0 && !is_marks) || (given & (given - 1)))
        return serve_refuse(r, 400, "bad_value", NULL, "expected one of %s", serve_parameter_names(SERVE_ASKING, r->route->parameters, names));
    if (given == SERVE_TEXT && !adah_model_takes_text(state->model))
        return serve_refuse(r, 409, "mismatch", "text", "this model takes no words");
    if (given == SERVE_IMAGE && !adah_model_takes_images(state->model))
        return serve_refuse(r, 409, "mismatch", "image", "this model takes no pictures");
    if (given == SERVE_FEATURES && !choose_side(r, state))
        return 0;
    for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++) {
        const int is_off = p->type == SERVE_TYPE_FLAG && !*(const serve_value_of_FLAG *)(const void *)((const char *)&r->query + p->offset);
        if ((r->query.given & p->bit) && p->goes_with && !(p->goes_with & given) && !is_off)
            return serve_refuse(r, 400, "bad_value", p->name, "%s goes with %s alone", p->name, serve_parameter_names(p->goes_with, r->route->parameters, names));
    }
    return 1;
}

/* ---------------------------------------------------------------- its code */

static int code_of_record(serve_request *r, const serve_state *state, serve_asked *a) {
    adah_index_entry entry;
    if (!serve_find_record(r, state, r->query.id, &entry))
        return 0;
    const uint8_t *code = r->query.by == ADAH_IMAGE ? entry.image_code : entry.text_code;
    const int has_code = code != NULL;
    const int8_t *fine = r->query.by == ADAH_IMAGE ? entry.image_fine : entry.text_fine;
    a->of = (adah_modality)r->query.by;
    if (has_code)
        memcpy(a->code, code, adah_index_bits(state->index) / 8);
    if (fine)
        memcpy(a->fine, fine, a->n_fine = adah_index_fine(state->index, a->of));
    adah_index_entry_free(&entry);
    return has_code || serve_refuse(r, 409, "mismatch", "by", "that item has no code of its %s", serve_side_name(r->query.by));
}

static int encode(serve_request *r, serve_state *state, serve_asked *a) {
    adah_status status;
    adah_encoder *encoder;
    const serve_query *q = &r->query;
    const adah_modality of = a->kind == SERVE_QUERY_FEATURES ? (adah_modality)q->by : q->text ? ADAH_TEXT : ADAH_IMAGE;
    serve_decoded decoded;
    a->of = of;
    if (a->kind == SERVE_QUERY_IMAGE && !serve_decode_picture(r, SERVE_PIXELS, q->image.bytes, q->image.n_bytes, &q->image.info,
                                          adah_model_picture_form(state->model), "image", &decoded))
        return 0;
    if (serve_encoder_take(state, of, &encoder, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    const adah_code code = a->kind == SERVE_QUERY_FEATURES
                               ? adah_encode_features(encoder, of, q->features.item, q->features.n, a->code, &status)
                           : q->text ? adah_encode_text(encoder, q->text, a->code, &status)
                                     : adah_encode_image_pixels(encoder, &decoded.picture, a->code, &status);
    if (code == ADAH_ERROR_NO_KNOWN_WORD && q->words && r->route->parameters & (SERVE_IN_SEARCH | SERVE_IN_SEARCH_BODY)) {
        a->no_code = status; /* perhaps the index knows one */
        a->n_unknown = adah_encoder_unknown_words(encoder);
        serve_encoder_give(state, of, encoder);
        return 1;
    }
    int is_good = code == ADAH_OK || serve_refuse_failed(r, &status);
    if (is_good && (q->rerank || q->explain)) {
        memcpy(a->relaxed, adah_encoder_relaxed(encoder), (size_t)adah_model_bits(state->model) * sizeof(float));
        a->with_relaxed = q->rerank != 0;
    }
    if (is_good)
        memcpy(a->fine, adah_encoder_fine(encoder), a->n_fine = adah_model_fine(state->model, of));
    if (is_good && q->text)
        a->n_unknown = adah_encoder_unknown_words(encoder);
    if (is_good && q->explain)
        is_good = serve_explain(r, state, encoder, a->relaxed, &a->words);
    serve_encoder_give(state, of, encoder);
    return is_good;
}

int serve_query_code(serve_request *r, serve_state *state, serve_asked *a) {
    const unsigned given = r->query.given;
    a->kind = r->query.text            ? SERVE_QUERY_TEXT
              : given & SERVE_IMAGE    ? SERVE_QUERY_IMAGE
              : given & SERVE_FEATURES ? SERVE_QUERY_FEATURES
              : given & SERVE_ID       ? SERVE_QUERY_ID
                                       : SERVE_QUERY_MARKS;
    return a->kind == SERVE_QUERY_ID      ? code_of_record(r, state, a)
           : a->kind == SERVE_QUERY_MARKS ? 1
                                          : encode(r, state, a);
}

int serve_query_has_marks(const serve_query *q) { return q->like.n || q->unlike.n; }

/* Moves the query by what is marked. Returns 0 and answers when it cannot. */
static int apply_marks(serve_request *r, const serve_state *state, serve_asked *a, adah_modality to) {
    const serve_query *q = &r->query;
    const int has_code = a->kind != SERVE_QUERY_MARKS && !a->no_code.code;
    adah_feedback_options o;
    adah_feedback moved;
    adah_status status;
    if (q->rerank)
        return serve_refuse(r, 400, "bad_value", "rerank", "rerank goes neither with like nor with unlike");
    for (size_t i = 0; i < q->like.n + q->unlike.n; i++)
        a->marked[i] = i < q->like.n ? q->like.item[i] : q->unlike.item[i - q->like.n];
    if (!has_code && !q->like.n) /* there are words to look for, and nothing to move */
        return 1;
    adah_feedback_options_init(&o);
    o.liked = a->marked;
    o.n_liked = q->like.n;
    o.unliked = a->marked + q->like.n;
    o.n_unliked = q->unlike.n;
    o.side = to;
    o.code = has_code ? a->code : NULL;
    o.fine = has_code && a->n_fine ? a->fine : NULL;
    o.n_fine = a->n_fine;
    const adah_code code = adah_index_feedback(state->index, &o, &moved, &status);
    if (code == ADAH_ERROR_ARGUMENT)
        return serve_refuse_said(r, 400, "bad_value", "like", &status);
    if (code != ADAH_OK)
        return serve_refuse_failed(r, &status);
    memcpy(a->code, moved.code, sizeof a->code);
    memcpy(a->fine, moved.fine, sizeof a->fine);
    a->n_fine = moved.n_fine;
    a->of = moved.fine_of;
    a->no_code = (adah_status){.code = ADAH_OK};
    return 1;
}

/* ---------------------------------------------------------------- searching */

/* The order of the vectors, unless another one is asked for or something lacks them. Returns 0 and answers when it is asked for in vain. */
static int choose_order(serve_request *r, const serve_state *state, serve_asked *a) {
    const serve_query *q = &r->query;
    const int wants_fine = (q->given & SERVE_ORDER ? q->order == 1 : 0) || q->candidates,
              wants_bits = q->given & SERVE_ORDER && q->order == 0;
    const char *fault = adah_index_cannot_order(state->index, a->of, a->n_fine);
    if (wants_fine && (q->rerank || wants_bits))
        return serve_refuse(r, 400, "bad_value", q->candidates ? "candidates" : "order",
                            "order \"fine\" and candidates go neither with rerank nor with order \"bits\"");
    if (wants_fine && fault)
        return serve_refuse(r, 409, "mismatch", "order", "%s", fault);
    a->is_fine = !fault && !q->rerank && !wants_bits;
    return 1;
}

int serve_query_search(serve_request *r, const serve_state *state, serve_asked *a, adah_modality to, size_t k,
                       adah_search_result *result) {
    const serve_query *q = &r->query;
    adah_status status;
    adah_search_options o;
    if (serve_query_has_marks(q) && !apply_marks(r, state, a, to))
        return 0;
    if (!a->no_code.code && !choose_order(r, state, a))
        return 0;
    adah_search_options_init(&o);
    if (!serve_narrow(r, &o))
        return 0;
    o.k = k;
    o.radius = (uint32_t)q->radius;
    o.method = (adah_search_method)q->method;
    o.only = q->only.item;
    o.n_only = q->only.n;
    o.exclude = a->kind == SERVE_QUERY_ID ? q->id : ADAH_NO_ID;
    o.relaxed = a->with_relaxed ? a->relaxed : NULL;
    o.n_rerank = (size_t)q->rerank;
    o.fine = a->is_fine ? a->fine : NULL;
    o.n_fine = a->n_fine;
    o.fine_of = a->of;
    o.n_candidates = (size_t)q->candidates;
    o.cut_off = q->cut_off;
    o.leave_out = a->marked;
    o.n_leave_out = q->like.n + q->unlike.n;
    o.words = q->text && q->words ? &q->text : NULL;
    const adah_code code = adah_index_search(state->index, to, a->no_code.code ? NULL : a->code, 1, &o, result, &status);
    if (code == ADAH_ERROR_NO_KNOWN_WORD)
        return serve_refuse_failed(r, &a->no_code);
    if (code == ADAH_ERROR_NOT_FOUND)
        return serve_refuse_narrow(r, &status);
    return code == ADAH_OK || serve_refuse_failed(r, &status);
}
