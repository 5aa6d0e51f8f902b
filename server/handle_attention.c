/* handle_attention.c - where the model looks in a picture, or what its code rests on there: the map as numbers, or the picture with the rest of it
 * darkened. */
#include "failure.h"
#include "query.h"

#include <string.h>

enum { OVERLAY_SIDE = 1024 /* of the picture that is shown */ };

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

/* Finds a map of the picture: the encoder's masks, or evidence. */
typedef adah_code (*find_map)(adah_encoder *encoder, const adah_picture *picture, adah_attention_map *map, adah_status *status);

static adah_code find_evidence(adah_encoder *encoder, const adah_picture *picture, adah_attention_map *map, adah_status *status) {
    return adah_evidence_image_pixels(encoder, picture, NULL, map, status);
}

static void answer(serve_request *r, serve_state *state, find_map find, const adah_picture *picture, adah_picture *shown) {
    adah_encoder *encoder;
    adah_attention_map map;
    adah_status status;
    if (serve_encoder_take(state, ADAH_IMAGE, &encoder, &status) != ADAH_OK) {
        serve_refuse_failed(r, &status);
        return;
    }
    adah_code code = find(encoder, picture, &map, &status);
    serve_encoder_give(state, ADAH_IMAGE, encoder);
    if (code == ADAH_OK) {
        code = answer_with_map(r, &map, shown, &status);
        adah_attention_map_free(&map);
    }
    if (code == ADAH_OK)
        r->answer.status = 200;
    else
        serve_refuse_failed(r, &status);
}

static void handle(serve_request *r, serve_state *state, find_map find) {
    const serve_query *q = &r->query;
    const int wants_png = r->accept && strstr(r->accept, "image/png");
    const adah_picture_form form = adah_model_picture_form(state->model);
    adah_picture_form overlay = form;
    overlay.n_side = OVERLAY_SIDE;
    serve_decoded square, shown;
    if (!serve_decode_picture(r, SERVE_PIXELS, q->image.bytes, q->image.n_bytes, &q->image.info, form, "image", &square) ||
        (wants_png &&
         !serve_decode_picture(r, SERVE_COPY, q->image.bytes, q->image.n_bytes, &q->image.info, overlay, "image", &shown)))
        return;
    answer(r, state, find, &square.picture, wants_png ? &shown.picture : NULL);
}

void serve_handle_attention(serve_request *r, serve_state *state) {
    if (!adah_model_has_attention(state->model)) {
        serve_refuse(r, 409, "mismatch", NULL, "this model has no attention masks; train one with --attention, or ask for the evidence");
        return;
    }
    if (serve_query_read(r, state))
        handle(r, state, adah_attend_image_pixels);
}

/* The picture goes through the network 50 times, so it is work like many pictures. */
void serve_handle_evidence(serve_request *r, serve_state *state) {
    if (serve_query_read(r, state) && serve_needs_lane(r, SERVE_BULK))
        handle(r, state, find_evidence);
}
