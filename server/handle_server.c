/* handle_server.c - the server itself: is it alive and ready, what does it serve, how has it fared; opening all anew.
 */
#include "failure.h"
#include "server.h"

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
    serve_text_plain(&r->answer.text, "{\"status\": \"ready\"}\n");
    r->answer.status = 200;
}

void serve_handle_metrics(serve_request *r, serve_state *state) {
    serve_metrics_write(r->server->metrics, r->server->service, r->server->decoders, state, r->budget, &r->answer.text);
    r->answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    r->answer.status = 200;
}

static const char *truth(int is_true) { return is_true ? "true" : "false"; }

void serve_handle_info(serve_request *r, serve_state *state) {
    const serve_options *o = &r->server->options;
    serve_text *t = &r->answer.text;
    adah_status status;
    char *json;
    if (adah_index_stats(state->index, &json, &status) != ADAH_OK) {
        serve_refuse_failed(r, &status);
        return;
    }
    json_t *stats = json_loads(json, 0, NULL);
    adah_free(json);
    serve_text_format(
        t,
        "{\"version\": \"" ADAH_VERSION "\", \"model\": {\"id\": \"%s\", \"n_bits\": %d, \"takes_text\": %s, "
        "\"takes_images\": %s, \"has_attention\": %s}, ",
        adah_model_id(state->model), adah_model_bits(state->model), truth(adah_model_takes_text(state->model)),
        truth(adah_model_takes_images(state->model)), truth(adah_model_has_attention(state->model)));
    serve_text_format(
        t, "\"index\": {\"n_records\": %llu, \"n_image_codes\": %lld, \"n_text_codes\": %lld, \"labels\": [",
        (unsigned long long)adah_index_count(state->index),
        (long long)json_integer_value(json_object_get(stats, "n_image_codes")),
        (long long)json_integer_value(json_object_get(stats, "n_text_codes")));
    json_decref(stats);
    const size_t n_labels = adah_index_label_count(state->index);
    for (uint32_t i = 0; i < n_labels && i < LABELS_TOLD; i++) {
        const char *name = adah_index_label_name(state->index, i);
        serve_text_plain(t, i ? ", " : "");
        serve_text_string(t, name ? name : "");
    }
    serve_text_format(
        t,
        "]}, \"has_pictures\": %s, \"can_write\": %s, \"limits\": {\"k_max\": %zu, \"body_bytes_max\": %zu, "
        "\"memory_bytes_max\": %zu, \"pixels_max\": %llu}}\n",
        truth(r->server->images >= 0), truth(o->token != NULL), o->k_max, o->body_bytes_max,
        o->memory_bytes_max, (unsigned long long)o->pixels_max);
    r->answer.status = 200;
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
