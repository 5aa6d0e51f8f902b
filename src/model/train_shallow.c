/* train_shallow.c - a shallow rival on the training pairs: maps averaged, bags of words, labels as a matrix of 0 and 1; what it
 * learns becomes parameters of the plain network (plain_network.h). */
#include "base/memory.h"
#include "base/parallel.h"
#include "baselines/rival.h"
#include "model/train.h"

#include <stdio.h>
#include <string.h>

typedef struct gathering {
    const adah_training *t;
    size_t n_image, n_positions; /* a vector: one position */
    float *image;
} gathering;

static void gather_item(void *context, size_t i) {
    const gathering *g = context;
    const float *f = g->t->set->image_float + g->t->train[i] * g->n_image * g->n_positions;
    for (size_t c = 0; c < g->n_image; c++) {
        float sum = 0;
        for (size_t p = 0; p < g->n_positions; p++)
            sum += f[c * g->n_positions + p];
        g->image[i * g->n_image + c] = sum / (float)g->n_positions;
    }
}

static void gather_labels(const adah_training *t, uint8_t *label) {
    const adah_pair_set *set = t->set;
    for (size_t i = 0; i < t->n_train; i++)
        for (size_t l = set->label_start[t->train[i]]; l < set->label_start[t->train[i] + 1]; l++)
            label[i * set->n_labels + set->label[l]] = 1;
}

static adah_code add(adah_parameters *p, const char *prefix, const char *suffix, adah_shape shape, const float *value,
                     adah_status *status) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_parameter *q = adah_parameters_add(p, adah_builder_name(name, prefix, suffix), shape, ADAH_GROUP_HEAD);
    if (!q)
        return adah_fail_memory(status, adah_shape_count(shape) * sizeof(float));
    memcpy(q->value, value, q->n * sizeof(float));
    q->version++;
    return ADAH_OK;
}

static adah_code add_function(adah_parameters *p, const char *prefix, const adah_hash_function *h, adah_status *status) {
    ADAH_TRY(add(p, prefix, "weight", ADAH_SHAPE2(h->n_bits, h->n_anchors ? h->n_anchors : h->n_in), h->weight, status));
    ADAH_TRY(add(p, prefix, "bias", ADAH_SHAPE1(h->n_bits), h->bias, status));
    if (h->n_anchors == 0)
        return ADAH_OK;
    ADAH_TRY(add(p, prefix, "anchor", ADAH_SHAPE2(h->n_anchors, h->n_in), h->anchor, status));
    return add(p, prefix, "scale", ADAH_SHAPE1(1), &h->kernel_scale, status);
}

/* One entry, of the only epoch there is. */
static adah_code write_history(const adah_training *t, adah_parameters *parameters, char **history, adah_status *status) {
    char text[256] = "[{\"epoch\":1,\"loss\":{}}]";
    if (t->n_validation) {
        double map[2];
        ADAH_TRY(adah_training_validate(t, parameters, map, status));
        snprintf(text, sizeof text,
                 "[{\"epoch\":1,\"loss\":{},\"validation_map_image_to_text\":%.6g,\"validation_map_text_to_image\":%.6g}]", map[0],
                 map[1]);
    }
    *history = adah_memory_text(text);
    return *history ? ADAH_OK : adah_fail_memory(status, sizeof text);
}

static adah_code learn(const adah_training *t, adah_rival_data *data, float *image, float *text, uint8_t *label,
                       adah_parameters *parameters, adah_status *status) {
    const adah_pair_set *set = t->set;
    const gathering g = {t, data->n_image, adah_shape_count(set->image_item) / data->n_image, image};
    adah_hash_function function[2] = {{0}, {0}};
    adah_parallel_for(t->n_train, 16, gather_item, (void *)&g);
    adah_pair_set_texts(set, t->train, t->n_train, t->n_train, text);
    if (label)
        gather_labels(t, label);
    data->image = image;
    data->text = text;
    data->label = label;
    adah_code code = adah_rival_learn(t->config->method, data, (size_t)t->config->n_bits, t->config->seed, t->progress,
                                      &function[0], &function[1], status);
    if (code == ADAH_OK)
        code = add_function(parameters, "image.hash", &function[0], status);
    if (code == ADAH_OK)
        code = add_function(parameters, "text.hash", &function[1], status);
    adah_hash_function_free(&function[0]);
    adah_hash_function_free(&function[1]);
    return code;
}

adah_code adah_train_shallow(const adah_training *t, adah_parameters *parameters, char **history, adah_status *status) {
    const adah_pair_set *set = t->set;
    adah_rival_data data = {.n = t->n_train, .n_image = set->image_item.dim[0], .n_text = set->n_words,
                            .n_labels = t->classify ? set->n_labels : 0};
    float *image = adah_memory_floats(data.n * data.n_image), *text = adah_memory_floats(data.n * data.n_text);
    uint8_t *label = adah_memory_zeroed(data.n, data.n_labels);
    adah_code code = image && text && label ? learn(t, &data, image, text, data.n_labels ? label : NULL, parameters, status)
                                            : adah_fail_memory(status, data.n * (data.n_image + data.n_text) * sizeof(float));
    adah_memory_free(image);
    adah_memory_free(text);
    adah_memory_free(label);
    return code == ADAH_OK ? write_history(t, parameters, history, status) : code;
}
