/* history.c - epochs one after another. */
#include "learn/history.h"
#include "base/memory.h"
#include "base/text.h"

void adah_history_free(adah_history *h) {
    adah_memory_free(h->epoch);
    *h = (adah_history){0};
}

static double sum_of_maps(const adah_epoch *e) { return e->map_image_to_text + e->map_text_to_image; }

static int is_better(const adah_epoch *e, const adah_epoch *best) {
    if (!e->is_validated)
        return !best->is_validated;
    if (e->is_warmup != best->is_warmup)
        return !e->is_warmup;
    return sum_of_maps(e) > sum_of_maps(best);
}

adah_code adah_history_add(adah_history *h, const adah_epoch *epoch, int *is_best, adah_status *status) {
    adah_epoch *longer = adah_memory_resize(h->epoch, h->n + 1, sizeof *longer);
    if (!longer)
        return adah_fail_memory(status, (h->n + 1) * sizeof *longer);
    h->epoch = longer;
    h->epoch[h->n++] = *epoch;
    *is_best = h->n_best == 0 || is_better(epoch, &h->epoch[h->n_best - 1]);
    if (*is_best)
        h->n_best = h->n;
    return ADAH_OK;
}

static void add_epoch(const adah_history *h, const adah_epoch *e, adah_text *t) {
    const adah_loss *loss = h->method->loss;
    adah_text_add(t, "{\"epoch\":%.0f,\"loss\":{", e->number);
    for (int i = 0; loss && loss->name(i); i++)
        adah_text_add(t, "%s\"%s\":%.6g", i ? "," : "", loss->name(i)->key, e->loss[i]);
    adah_text_add(t, "}");
    if (h->method->has_attention)
        adah_text_add(t, ",\"attended_image\":%.6g,\"attended_text\":%.6g", e->attended_image, e->attended_text);
    if (e->is_validated)
        adah_text_add(t, ",\"validation_map_image_to_text\":%.6g,\"validation_map_text_to_image\":%.6g", e->map_image_to_text,
                      e->map_text_to_image);
    adah_text_add(t, "}");
}

char *adah_history_json(const adah_history *h) {
    adah_text t = {0};
    adah_text_add(&t, "[");
    for (size_t i = 0; i < h->n; i++) {
        adah_text_add(&t, i ? "," : "");
        add_epoch(h, &h->epoch[i], &t);
    }
    adah_text_add(&t, "]");
    char *json = t.failed ? NULL : adah_memory_text(t.bytes);
    adah_text_free(&t);
    return json;
}
