/* weights_info.c - what a file of weights is, as JSON. */
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "backbones/vision.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>

/* The transformer that the file is of; NULL: none. */
static const adah_backbone *find_vision(const adah_weights *weights, const char **publisher) {
    for (int i = 0; adah_backbone_at(i); i++) {
        const adah_backbone *b = adah_backbone_at(i);
        if (b->vision && (*publisher = adah_vision_publisher(b->vision, weights)))
            return b;
    }
    return NULL;
}

/* What `adah info --weights` tells of the preparation of pictures. */
static int describe_pictures(const adah_settings *config, json_t *object) {
    int fault = json_object_set_new(object, "pixels", json_string(adah_settings_text("weights_style", (int)config->weights_style)));
    fault |= json_object_set_new(object, "n_side", json_integer(config->n_side));
    fault |= json_object_set_new(object, "image_filter", json_string(adah_settings_text("image_filter", (int)config->image_filter)));
    fault |= json_object_set_new(object, "image_crop", json_string(adah_settings_text("image_crop", (int)config->image_crop)));
    if (config->image_crop == ADAH_IMAGE_CENTRE)
        fault |= json_object_set_new(object, "image_crop_share", json_real((double)config->image_crop_share));
    return fault;
}

static json_t *describe(const adah_weights *weights, adah_code *code, adah_status *status) {
    adah_weights_match m;
    const char *source = NULL;
    int is_whole = adah_weights_recognise(weights, &m);
    const adah_backbone *backbone = is_whole ? m.backbone : find_vision(weights, &source);
    if (m.published && !source)
        source = m.published->source;
    is_whole |= backbone != NULL;
    json_t *object = json_pack("{s:s, s:I}", "network", is_whole ? backbone->name : "unknown", "n_tensors",
                               (json_int_t)adah_weights_count(weights));
    if (!object || !source)
        return object;
    adah_settings config = adah_settings_neutral;
    if (adah_backbone_preset("default", is_whole ? backbone->name : m.backbone->name, &config, NULL) == ADAH_OK)
        *code = adah_backbone_prepare(weights, &config, status);
    int fault = *code != ADAH_OK || json_object_set_new(object, "names", json_string(source));
    fault |= describe_pictures(&config, object);
    if (!is_whole) {
        fault |= json_object_set_new(object, "most_like", json_string(m.backbone->name));
        fault |= json_object_set_new(object, "missing", json_string(m.missing));
    } else if (m.backbone == backbone && *m.surplus) {
        fault |= json_object_set_new(object, "surplus", json_string(m.surplus));
    }
    if (!fault)
        return object;
    json_decref(object);
    return NULL;
}

adah_code adah_weights_json(const char *path, char **json, adah_status *status) {
    adah_weights *weights;
    ADAH_TRY(adah_weights_open(path, &weights, status));
    adah_code code = ADAH_OK;
    json_t *object = describe(weights, &code, status);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    *json = text ? adah_memory_text(text) : NULL;
    free(text);
    json_decref(object);
    adah_weights_close(weights);
    return *json || code != ADAH_OK ? code : adah_fail_memory(status, 1);
}
