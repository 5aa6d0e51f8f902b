/* handle_server.c - the server itself: is it alive and ready, what does it serve, how has it fared; opening all anew.
 */
#include "failure.h"
#include "server.h"
#include "stream.h"

#include <stdlib.h>

enum { LABELS_TOLD = 200 };

void serve_handle_health(serve_request *r, serve_state *state) {
    (void)state;
    serve_text_plain(&r->answer.text, "{\"status\": \"ok\"}\n");
    r->answer.status = 200;
}

void serve_handle_ready(serve_request *r, serve_state *state) {
    if (!state || atomic_load(&r->server->is_stopping)) {
        serve_refuse(r, 503, "not_ready", NULL, state ? "the server is stopping" : "the server is loading");
        r->answer.retry_after = 1;
        return;
    }
    adah_status problem;
    if (serve_service_has_problem(r->server->service, &problem)) {
        serve_refuse(r, 503, "not_ready", NULL, "the index: %s", problem.message);
        r->answer.retry_after = 1;
        return;
    }
    serve_text_plain(&r->answer.text, "{\"status\": \"ready\"}\n");
    r->answer.status = 200;
}

void serve_handle_progress(serve_request *r, serve_state *state) {
    serve_progress *p = &r->server->progress;
    serve_text *t = &r->answer.text;
    pthread_mutex_lock(&p->lock);
    serve_text_format(t, "{\"is_ready\": %s, \"is_working\": %s, \"stage\": ", state ? "true" : "false", p->is_working ? "true" : "false");
    serve_text_string(t, p->stage);
    serve_text_format(t, ", \"done\": %llu, \"total\": %llu, \"detail\": ", (unsigned long long)p->done, (unsigned long long)p->total);
    serve_text_string(t, p->detail);
    pthread_mutex_unlock(&p->lock);
    serve_text_plain(t, "}\n");
    r->answer.status = 200;
}

void serve_handle_metrics(serve_request *r, serve_state *state) {
    serve_metrics_write(r->server->metrics, r->server->service, r->server->decoders, state, r->budget, &r->answer.text);
    r->answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    r->answer.status = 200;
}

static const char *truth(int is_true) { return is_true ? "true" : "false"; }

static adah_code tell_collection(const serve_state *state, serve_text *t, adah_status *status) {
    char *json;
    const adah_code code = adah_index_stats(state->index, &json, status);
    if (code != ADAH_OK)
        return code;
    json_t *stats = json_loads(json, 0, NULL);
    adah_free(json);
    serve_text_format(
        t,
        "{\"version\": \"" ADAH_VERSION "\", \"model\": {\"id\": \"%s\", \"n_bits\": %d, \"n_image_fine\": %zu, \"n_text_fine\": %zu, \"takes_text\": %s, "
        "\"takes_images\": %s, \"n_image_values\": %zu, \"n_text_values\": %zu, \"has_attention\": %s}, ",
        adah_model_id(state->model), adah_model_bits(state->model), adah_model_fine(state->model, ADAH_IMAGE),
        adah_model_fine(state->model, ADAH_TEXT), truth(adah_model_takes_text(state->model)), truth(adah_model_takes_images(state->model)), adah_model_feature_values(state->model, ADAH_IMAGE),
        adah_model_feature_values(state->model, ADAH_TEXT), truth(adah_model_has_attention(state->model)));
    serve_text_format(
        t, "\"index\": {\"n_records\": %llu, \"n_image_codes\": %lld, \"n_text_codes\": %lld, \"labels\": [",
        (unsigned long long)adah_index_count(state->index),
        (long long)json_integer_value(json_object_get(stats, "n_image_codes")),
        (long long)json_integer_value(json_object_get(stats, "n_text_codes")));
    json_decref(stats);
    return ADAH_OK;
}

/* The collection, its labels, the limits. */
static adah_code tell_info(const serve_parts *parts, size_t part, serve_text *t, adah_status *status) {
    const serve_options *o = &parts->server->options;
    if (part == 0)
        return tell_collection(parts->state, t, status);
    if (part < parts->n_parts - 1) {
        const char *name = adah_index_label_name(parts->state->index, (uint32_t)part - 1);
        serve_text_plain(t, part > 1 ? ", " : "");
        serve_text_string(t, name ? name : "");
        return ADAH_OK;
    }
    serve_text_format(
        t,
        "]}, \"has_pictures\": %s, \"can_write\": %s, \"can_add_pictures\": %s, \"limits\": {\"k_max\": %zu, \"body_bytes_max\": %zu, "
        "\"memory_bytes_max\": %zu, \"pixels_max\": %llu}}\n",
        truth(parts->server->images >= 0), truth(o->token != NULL), truth(o->keeps_pictures), o->k_max, o->body_bytes_max, o->memory_bytes_max,
        (unsigned long long)o->pixels_max);
    return ADAH_OK;
}

void serve_handle_info(serve_request *r, serve_state *state) {
    const size_t n_labels = adah_index_label_count(state->index);
    serve_parts *parts = calloc(1, sizeof *parts);
    if (!parts) {
        serve_refuse_memory(r);
        return;
    }
    parts->n_parts = 2 + (n_labels < LABELS_TOLD ? n_labels : LABELS_TOLD);
    parts->add = tell_info;
    serve_send_parts(r, state, parts);
}

void serve_handle_reload(serve_request *r, serve_state *state) {
    adah_status status;
    (void)state;
    if (serve_service_load(r->server->service, &status) != ADAH_OK) {
        serve_refuse_failed(r, &status);
        return;
    }
    serve_state *now = serve_state_take(r->server->service);
    serve_text_format(&r->answer.text, "{\"model_id\": \"%s\", \"n_records\": %llu}\n", adah_model_id(now->model),
                      (unsigned long long)adah_index_count(now->index));
    serve_state_drop(r->server->service, now);
    r->answer.status = 200;
}
