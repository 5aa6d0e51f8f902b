/* closed_form.c - a method in closed form on the training pairs: maps averaged, bags of words, labels as a matrix of 0 and 1; what
 * it learns becomes parameters of the network (rival_network.h). */
#include "learn/closed_form.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "rivals/rival.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 64 };

typedef struct pooling {
    const float *x;   /* CHUNK items as the network takes them in */
    size_t n_channels, n_positions; /* a vector: one position */
    int has_padding;  /* positions of zeros do not count */
    float *out;
} pooling;

static void pool_item(void *context, size_t i) {
    const pooling *p = context;
    const float *x = p->x + i * p->n_channels * p->n_positions;
    float *out = p->out + i * p->n_channels, n_present = 0;
    for (size_t at = 0; at < p->n_positions; at++) {
        int present = !p->has_padding;
        for (size_t c = 0; c < p->n_channels && !present; c++)
            present = x[c * p->n_positions + at] != 0;
        n_present += (float)present;
    }
    for (size_t c = 0; c < p->n_channels; c++) {
        float sum = 0;
        for (size_t at = 0; at < p->n_positions; at++)
            sum += x[c * p->n_positions + at];
        out[c] = n_present > 0 ? sum / n_present : 0;
    }
}

/* One side of the training pairs, averaged over positions: out (n_train, channels). */
static adah_code gather(const adah_training *t, int is_text, float *out, adah_status *status) {
    const adah_input_source *source = is_text ? &t->set->text : &t->set->image;
    const adah_input_shape input = source->shape;
    const size_t n_floats = adah_shape_count(input.item), n_channels = adah_input_channels(input);
    float *x = adah_memory_floats(CHUNK * n_floats);
    if (!x)
        return adah_fail_memory(status, CHUNK * n_floats * sizeof *x);
    for (size_t done = 0; done < t->n_train; done += CHUNK) {
        const size_t n = t->n_train - done < CHUNK ? t->n_train - done : CHUNK;
        adah_input_read(source, t->items + done, n, n, x);
        pooling p = {x, n_channels, n_floats / n_channels, input.kind == ADAH_INPUT_TOKENS, out + done * n_channels};
        adah_parallel_for(n, 4, pool_item, &p);
    }
    adah_memory_free(x);
    return ADAH_OK;
}

/* Each of n rows is brought to length 1; zeros stay. */
static void to_unit_length(float *rows, size_t n, size_t n_values) {
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        float *x = rows + i * n_values;
        for (size_t k = 0; k < n_values; k++)
            square += (double)x[k] * (double)x[k];
        for (size_t k = 0; k < n_values && square > 0; k++)
            x[k] = (float)((double)x[k] / sqrt(square));
    }
}

static void gather_labels(const adah_training *t, uint8_t *label) {
    const adah_pair_set *set = t->set;
    for (size_t i = 0; i < t->n_train; i++)
        for (size_t l = 0; l < adah_list_length(&set->labels, t->items[i]); l++)
            label[i * set->n_labels + adah_list(&set->labels, t->items[i])[l]] = 1;
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
static adah_code tell_history(const adah_training *t, adah_parameters *parameters, adah_history *history, adah_status *status) {
    adah_epoch epoch = {.number = 1, .is_validated = t->n_validation > 0};
    double map[2] = {0, 0};
    int is_best;
    if (t->n_validation)
        ADAH_TRY(t->validate(t, parameters, map, status));
    epoch.map_image_to_text = map[0];
    epoch.map_text_to_image = map[1];
    return adah_history_add(history, &epoch, &is_best, status);
}

static adah_code learn(const adah_training *t, adah_rival_data *data, float *image, float *text, uint8_t *label,
                       adah_parameters *parameters, adah_status *status) {
    adah_hash_function function[3] = {{0}, {0}, {0}};
    const adah_method *method = adah_method_find(t->config->method);
    ADAH_TRY(gather(t, 0, image, status));
    ADAH_TRY(gather(t, 1, text, status));
    if (label)
        gather_labels(t, label);
    if (method->closed_form->is_joint) {
        to_unit_length(image, t->n_train, data->n_image);
        to_unit_length(text, t->n_train, data->n_text);
    }
    data->image = image;
    data->text = text;
    data->label = label;
    adah_code code = adah_rival_learn(method, data, (size_t)t->config->n_bits, t->config->seed, t->progress, &function[0], &function[1],
                                      &function[2], status);
    if (code == ADAH_OK)
        code = add_function(parameters, "image.hash", &function[0], status);
    if (code == ADAH_OK)
        code = add_function(parameters, "text.hash", &function[1], status);
    for (int side = 0; side < 2 && data->n_fine && code == ADAH_OK; side++)
        code = add_function(parameters, side ? "text.fine" : "image.fine", &function[2], status);
    adah_hash_function_free(&function[2]);
    adah_hash_function_free(&function[0]);
    adah_hash_function_free(&function[1]);
    return code;
}

/* Learns from the training pairs of t. */
static adah_code learn_all(const adah_training *t, adah_parameters *parameters, adah_status *status) {
    const adah_pair_set *set = t->set;
    adah_rival_data data = {.n = t->n_train, .n_image = adah_input_channels(set->image.shape), .n_text = adah_input_channels(set->text.shape),
                            .n_labels = t->classify ? set->n_labels : 0, .n_fine = (size_t)t->config->n_fine};
    float *image = adah_memory_floats(data.n * data.n_image), *text = adah_memory_floats(data.n * data.n_text);
    uint8_t *label = adah_memory_zeroed(data.n, data.n_labels);
    adah_code code = image && text && label ? learn(t, &data, image, text, data.n_labels ? label : NULL, parameters, status)
                                            : adah_fail_memory(status, data.n * (data.n_image + data.n_text) * sizeof(float));
    adah_memory_free(image);
    adah_memory_free(text);
    adah_memory_free(label);
    return code;
}

/* Validated on a trial that did not see the validation pairs; what is kept has seen them all. */
static adah_code try_then_learn(const adah_training *t, adah_parameters *parameters, adah_history *history, adah_status *status) {
    adah_parameters trial = {0};
    adah_code code = learn_all(t, &trial, status);
    if (code == ADAH_OK)
        code = tell_history(t, &trial, history, status);
    adah_parameters_free(&trial);
    if (code != ADAH_OK)
        return code;
    adah_training all = *t;
    all.n_train = t->n_train + t->n_validation;
    all.n_validation = 0;
    return learn_all(&all, parameters, status);
}

adah_code adah_closed_form_train(const adah_training *training, adah_parameters *parameters, adah_history *history,
                                 adah_status *status) {
    adah_training some = *training;
    const adah_training *t = &some;
    const size_t n_rows_max = adah_method_find(t->config->method)->closed_form->n_rows_max;
    if (n_rows_max && some.n_train > n_rows_max) /* they are in random order */
        some.n_train = n_rows_max;
    if (t->n_validation && t->config->n_final_epochs)
        return try_then_learn(t, parameters, history, status);
    ADAH_TRY(learn_all(t, parameters, status));
    return tell_history(t, parameters, history, status);
}
