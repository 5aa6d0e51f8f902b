/* tensor.c - shapes, and the list of named parameters with their gradients and moments. */
#include "nn/graph/tensor.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t adah_shape_count(adah_shape s) {
    size_t n = 1;
    for (int i = 0; i < s.n_dims; i++)
        n *= s.dim[i];
    return n;
}

int adah_shape_equal(adah_shape a, adah_shape b) {
    if (a.n_dims != b.n_dims)
        return 0;
    for (int i = 0; i < a.n_dims; i++)
        if (a.dim[i] != b.dim[i])
            return 0;
    return 1;
}

const char *adah_shape_text(adah_shape s, char *text) {
    size_t n = 0;
    strcpy(text, "scalar");
    for (int i = 0; i < s.n_dims; i++)
        n += (size_t)sprintf(text + n, "%s%zu", i ? " x " : "", s.dim[i]);
    return text;
}

static void parameter_free(adah_parameter *p) {
    if (!p)
        return;
    adah_memory_free(p->name);
    adah_memory_free(p->value);
    adah_memory_free(p->gradient);
    adah_memory_free(p->moment1);
    adah_memory_free(p->moment2);
    adah_memory_free(p);
}

adah_parameter *adah_parameters_add(adah_parameters *p, const char *name, adah_shape shape, unsigned group) {
    if (adah_parameters_find(p, name))
        return NULL;
    void *items = p->item;
    int room = adah_memory_grow(&items, &p->capacity, p->n, sizeof *p->item);
    p->item = items;
    adah_parameter *new = room ? adah_memory_zeroed(1, sizeof *new) : NULL;
    if (!new)
        return NULL;
    new->name = adah_memory_text(name);
    new->shape = shape;
    new->n = adah_shape_count(shape);
    new->value = adah_memory_floats(new->n);
    new->group = group;
    new->version = 1;
    if (!new->name || !new->value) {
        parameter_free(new);
        return NULL;
    }
    p->item[p->n++] = new;
    return new;
}

adah_parameter *adah_parameters_find(const adah_parameters *p, const char *name) {
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->item[i]->name, name) == 0)
            return p->item[i];
    return NULL;
}

adah_code adah_parameters_train(adah_parameters *p, unsigned groups, adah_status *status) {
    for (size_t i = 0; i < p->n; i++) {
        adah_parameter *q = p->item[i];
        if (!(q->group & groups))
            continue;
        float **array[] = {&q->gradient, &q->moment1, &q->moment2};
        for (size_t j = 0; j < 3; j++)
            if (!*array[j] && !(*array[j] = adah_memory_floats(q->n)))
                return adah_fail_memory(status, q->n * sizeof(float));
    }
    return ADAH_OK;
}

void adah_parameters_free(adah_parameters *p) {
    for (size_t i = 0; i < p->n; i++)
        parameter_free(p->item[i]);
    adah_memory_free(p->item);
    *p = (adah_parameters){0};
}

/* Uniform in [-limit, limit) has variance limit^2 / 3. */
static void init_uniform(adah_parameter *p, double variance, adah_random *r) {
    float limit = (float)sqrt(3 * variance);
    for (size_t i = 0; i < p->n; i++)
        p->value[i] = limit * (2 * adah_random_uniform(r) - 1);
    p->version++;
}

/* Weights that one output sees: everything behind the first dimension. */
static double fan_in(const adah_parameter *p) { return p->n ? (double)(p->n / p->shape.dim[0]) : 1; }

/* Weights that one input reaches: everything but the second dimension. */
static double fan_out(const adah_parameter *p) {
    return p->n && p->shape.n_dims > 1 ? (double)(p->n / p->shape.dim[1]) : 1;
}

void adah_parameter_init_he(adah_parameter *p, adah_random *r) { init_uniform(p, 2 / fan_in(p), r); }

void adah_parameter_init_glorot(adah_parameter *p, adah_random *r) {
    init_uniform(p, 2 / (fan_in(p) + fan_out(p)), r);
}
