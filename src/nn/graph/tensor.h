/* tensor.h - shapes, and parameters: the named weights that several graphs share. */
#ifndef ADAH_NN_GRAPH_TENSOR_H
#define ADAH_NN_GRAPH_TENSOR_H

#include "base/random.h"
#include "base/status.h"

/* Row-major, the first dimension outermost: (B, C, H, W), (B, D), (out, in, kh, kw) ... */
typedef struct adah_shape {
    int n_dims; /* 0..4 */
    size_t dim[4];
} adah_shape;

size_t adah_shape_count(adah_shape s); /* product of the dimensions; 1 when n_dims is 0 */
int adah_shape_equal(adah_shape a, adah_shape b);
/* "2 x 3 x 5" into text (at least 96 bytes); returns text. */
const char *adah_shape_text(adah_shape s, char *text);
#define ADAH_SHAPE1(a) ((adah_shape){1, {(a), 0, 0, 0}})
#define ADAH_SHAPE2(a, b) ((adah_shape){2, {(a), (b), 0, 0}})
#define ADAH_SHAPE3(a, b, c) ((adah_shape){3, {(a), (b), (c), 0}})
#define ADAH_SHAPE4(a, b, c, d) ((adah_shape){4, {(a), (b), (c), (d)}})

/* A learned array. `value` is always plain row-major (the layout of weight files); a backend that wants another layout has a
 * copy, which all graphs share, renewed when `version` has moved (nn/graph/packed.h). Whoever changes `value` must increment `version`. */
typedef struct adah_parameter {
    char *name;
    adah_shape shape;
    size_t n;           /* adah_shape_count(shape) */
    float *value;       /* [n] */
    float *gradient;    /* [n], allocated by adah_parameters_train; backward passes add into it */
    float *moment1;     /* [n], the optimiser's; allocated with gradient */
    float *moment2;     /* [n] */
    unsigned group;     /* one bit: which training step owns it (the model's business) */
    uint64_t version;   /* from 1 on */
    struct adah_packed *packed; /* copies in other layouts; the graphs' */
} adah_parameter;

typedef struct adah_parameters {
    adah_parameter **item; /* in order of creation */
    size_t n, capacity;
} adah_parameters;

/* Adds a zeroed parameter; `name` is copied. NULL when memory is out or the name is there already. */
adah_parameter *adah_parameters_add(adah_parameters *p, const char *name, adah_shape shape, unsigned group);
adah_parameter *adah_parameters_find(const adah_parameters *p, const char *name); /* NULL: none of that name */
/* Allocates gradient and moments (zeroed) of every parameter whose group is in `groups`. Idempotent. */
adah_code adah_parameters_train(adah_parameters *p, unsigned groups, adah_status *status);
void adah_parameters_free(adah_parameters *p); /* zeroes *p */

/* Initialisers, for weights of shape (out, in, ...): uniform with variance 2 / fan_in (He et al. 2015, before
 * ReLU) or 2 / (fan_in + fan_out) (Glorot, Bengio 2010, before tanh and softmax). */
void adah_parameter_init_he(adah_parameter *p, adah_random *r);
void adah_parameter_init_glorot(adah_parameter *p, adah_random *r);

#endif
