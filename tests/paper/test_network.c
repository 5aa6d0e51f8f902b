/* (property) The whole network, E then G then D, on tiny configurations: codes against a slow forward pass in double written
 * here with plain loops, gradients of every parameter against central differences of that pass, on both backends.
 *
 * The threshold Z = [P >= alpha] has no useful derivative; the straight-through rule says what takes its place.
 * Written as a function: near a point with mask Z0 and u0 = P / alpha, Z acts as Z0 + (u - u0) where |u0 - 1| <= 1,
 * else as Z0. The slow pass differentiates that function, so that G, and E where it feeds G, are checked like all the
 * others. */
#include "backbones/backbone.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "paper/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP 1e-6

enum {
    B = 3,
    Q = 8,
    N_LABELS = 4,
    MAP_C = 5,
    MAP_H = 3,
    MAP_W = 4,
    N_WORDS = 11, /* values of a text; of a sentence the first are a bag of words */
    N_BAG = 6,
    N_VECTOR = 10,
    N_HIDDEN = 9,
    N_FEATURE = 12,
    N_IMAGE_HIDDEN = 6,
    SIDE = 16,
    MASK_MAX = 64, /* positions of a map, elements of a vector */
    MAP_MAX = 1 << 14,
    PARAMETERS_MAX = 64,
    N_SAMPLES = 20,
    N_OUTPUTS = 5, /* H, Ĥ, logits, v, H^P */
    N_PICTURE_HIDDEN = 7,
    N_FINE = 8,
    ALL_GROUPS = ADAH_GROUP_BACKBONE | ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION
};

/* ---------------------------------------------------------------- cases */

typedef struct network_case {
    const char *name;
    adah_input_kind image;
    adah_pooling pooling;
    int attention, hidden, classify, fine;
    uint64_t seed; /* one that puts no P on a threshold */
    int sentence, standard;
} network_case;

static const network_case cases[] = {
    {"vectors", ADAH_INPUT_VECTOR, ADAH_POOL_ATTENDED, 1, 1, 1, 1, 1, 0, 0},
    {"vectors, attended only", ADAH_INPUT_VECTOR, ADAH_POOL_ATTENDED, 1, 0, 0, 0, 2, 0, 0},
    {"vectors without attention", ADAH_INPUT_VECTOR, ADAH_POOL_ATTENDED, 0, 0, 1, 1, 3, 0, 0},
    {"maps, mean over attended", ADAH_INPUT_MAP, ADAH_POOL_ATTENDED, 1, 1, 1, 1, 4, 0, 0},
    {"maps, mean over all", ADAH_INPUT_MAP, ADAH_POOL_ALL, 1, 1, 0, 0, 15, 0, 0},
    {"maps, flat", ADAH_INPUT_MAP, ADAH_POOL_FLATTEN, 1, 1, 1, 1, 6, 0, 0},
    {"maps without attention", ADAH_INPUT_MAP, ADAH_POOL_ALL, 0, 0, 1, 0, 7, 0, 0},
    {"maps without attention, flat", ADAH_INPUT_MAP, ADAH_POOL_FLATTEN, 0, 0, 0, 1, 8, 0, 0},
    {"pixels", ADAH_INPUT_PIXELS, ADAH_POOL_ATTENDED, 1, 1, 1, 1, 9, 0, 0},
    {"vectors and sentences", ADAH_INPUT_VECTOR, ADAH_POOL_ATTENDED, 0, 0, 1, 1, 10, 1, 0},
    {"standard vectors", ADAH_INPUT_VECTOR, ADAH_POOL_ATTENDED, 1, 1, 1, 1, 1, 0, 1},
    {"standard maps, mean over attended", ADAH_INPUT_MAP, ADAH_POOL_ATTENDED, 1, 1, 1, 1, 4, 0, 1},
    {"standard maps without attention", ADAH_INPUT_MAP, ADAH_POOL_ALL, 0, 0, 1, 1, 7, 0, 1},
    {"standard pixels", ADAH_INPUT_PIXELS, ADAH_POOL_ATTENDED, 1, 1, 1, 1, 9, 0, 1},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static adah_settings config_of(const network_case *c) {
    adah_settings config;
    assert_int_equal(adah_backbone_preset("default", "small", &config, NULL), ADAH_OK);
    config.n_bits = c->fine ? 2 * Q : Q;
    config.picture_share = c->fine ? 0.5f : 0;
    config.n_picture_hidden = config.n_picture_text_hidden = N_PICTURE_HIDDEN;
    config.picture_dropout = config.picture_word_dropout = 0;
    config.n_side = SIDE;
    config.feature_scale = 0.7f;
    config.standard_features = c->standard;
    config.attention = c->attention;
    config.adversary = c->hidden;
    config.pooling = c->pooling;
    config.n_image_hidden = N_IMAGE_HIDDEN;
    config.n_text_hidden = N_HIDDEN;
    config.n_text_feature = N_FEATURE;
    config.n_fine = c->fine ? N_FINE : 0;
    config.dropout = 0;
    config.attention_start = ADAH_START_RANDOM;
    config.seed = c->seed;
    return config;
}

static adah_network_plan plan_of(const network_case *c, adah_backend backend) {
    const adah_shape item = c->image == ADAH_INPUT_VECTOR ? ADAH_SHAPE1(N_VECTOR)
                            : c->image == ADAH_INPUT_MAP  ? (adah_shape){3, {MAP_C, MAP_H, MAP_W, 0}}
                                                          : (adah_shape){3, {3, SIDE, SIDE, 0}};
    return (adah_network_plan){.backend = backend,
                               .mode = ADAH_GRAPH_TRAIN,
                               .n_batch = B,
                               .image = {.kind = c->image, .item = item},
                               .text = c->sentence ? adah_input_sentence(N_BAG, N_WORDS - N_BAG) : adah_input_words(N_WORDS),
                               .n_labels = c->classify ? N_LABELS : 0,
                               .with_adversary = c->hidden,
                               .creating = 1};
}

/* ---------------------------------------------------------------- the slow pass */

typedef struct slow {
    const network_case *c;
    const adah_parameters *parameters;
    double *wide[PARAMETERS_MAX]; /* the parameters' values, to move in small steps */
    const float *input[2];
    adah_network *backbone; /* PIXELS: gives f, whose operations have tests of their own */
    size_t n_c, n_p;        /* of f, where it is a map */
    double map[MAP_MAX];    /* (B, C, P) */
    int holds_mask;         /* the masks' neighbourhood is differentiated, not their jumps */
    double mask[2][B * MASK_MAX], u[2][B * MASK_MAX];
    double output[2][N_OUTPUTS][B * Q]; /* of image and text */
} slow;

/* f^I of maps is what comes in; of pixels, what the backbone makes of them (and the feature scale). */
static void find_map(slow *s) {
    const float *f = s->input[0];
    if (s->backbone) {
        float *x = adah_node_value(s->backbone->image.input);
        memcpy(x, s->input[0], B * 3 * SIDE * SIDE * sizeof *x);
        assert_int_equal(adah_graph_forward(s->backbone->graph, NULL), ADAH_OK);
        f = adah_node_value(s->backbone->image.feature);
    }
    for (size_t i = 0; i < B * s->n_c * s->n_p; i++)
        s->map[i] = (double)f[i];
}

static slow *slow_create(const network_case *c, adah_parameters *p, const adah_network *net) {
    slow *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_true(p->n <= PARAMETERS_MAX);
    s->c = c;
    s->parameters = p;
    s->input[0] = adah_node_value(net->image.input);
    s->input[1] = adah_node_value(net->text.input);
    if (c->image != ADAH_INPUT_VECTOR) {
        adah_shape f = adah_node_shape(net->image.input);
        if (c->image == ADAH_INPUT_PIXELS) {
            const adah_settings config = config_of(c);
            adah_network_plan plan = plan_of(c, ADAH_BACKEND_REFERENCE);
            plan.features_only = 1;
            plan.text.kind = ADAH_INPUT_NONE;
            assert_int_equal(adah_network_create(&plan, &config, p, &s->backbone, NULL), ADAH_OK);
            f = adah_node_shape(s->backbone->image.feature);
        }
        s->n_c = f.dim[1];
        s->n_p = f.dim[2] * f.dim[3];
        assert_true(s->n_p <= MASK_MAX && B * s->n_c * s->n_p <= MAP_MAX);
        find_map(s);
    }
    for (size_t i = 0; i < p->n; i++) {
        s->wide[i] = malloc(p->item[i]->n * sizeof(double));
        assert_non_null(s->wide[i]);
        for (size_t j = 0; j < p->item[i]->n; j++)
            s->wide[i][j] = (double)p->item[i]->value[j];
    }
    return s;
}

static void slow_free(slow *s) {
    for (size_t i = 0; i < s->parameters->n; i++)
        free(s->wide[i]);
    adah_network_free(s->backbone);
    free(s);
}

static const double *wide_of(const slow *s, const char *prefix, const char *layer, const char *kind, size_t n) {
    char name[128];
    snprintf(name, sizeof name, "%s%s%s.%s", prefix, *prefix ? "." : "", layer, kind);
    for (size_t i = 0; i < s->parameters->n; i++)
        if (!strcmp(s->parameters->item[i]->name, name)) {
            assert_int_equal(s->parameters->item[i]->n, n);
            return s->wide[i];
        }
    fail_msg("no parameter %s", name);
    return NULL;
}

typedef enum bend { STRAIGHT, RELU, TANH } bend;

static double bent(double x, bend b) { return b == RELU ? fmax(x, 0) : b == TANH ? tanh(x) : x; }

/* One item through a fully connected layer. */
static void slow_layer(const slow *s, const char *prefix, const char *layer, const double *x, size_t n_in,
                       size_t n_out, bend b, double *y) {
    const double *w = wide_of(s, prefix, layer, "weight", n_in * n_out);
    const double *bias = wide_of(s, prefix, layer, "bias", n_out);
    for (size_t o = 0; o < n_out; o++) {
        double sum = bias[o];
        for (size_t i = 0; i < n_in; i++)
            sum += w[o * n_in + i] * x[i];
        y[o] = bent(sum, b);
    }
}

/* Z of item b from logits m: its jumps, or what the straight-through rule makes of it. */
static void slow_mask(slow *s, int side, size_t b, const double *m, size_t n, double *z) {
    double highest = m[0], sum = 0;
    assert_true(n <= MASK_MAX);
    for (size_t i = 0; i < n; i++)
        highest = fmax(highest, m[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp(m[i] - highest);
    for (size_t i = 0; i < n; i++) {
        const double u = exp(m[i] - highest) / sum * (double)n;
        double *z0 = &s->mask[side][b * MASK_MAX + i], *u0 = &s->u[side][b * MASK_MAX + i];
        if (!s->holds_mask) {
            *u0 = u;
            *z0 = u >= 1 ? 1 : 0;
        }
        z[i] = *z0 + (fabs(*u0 - 1) <= 1 ? u - *u0 : 0);
    }
}

/* What layers read of the average x of an image. */
static void slow_standard(const slow *s, const double *x, size_t n, double *y) {
    const double *mean = s->c->standard ? wide_of(s, "image", "standard", "mean", n) : NULL;
    const double *factor = mean ? wide_of(s, "image", "standard", "factor", n) : NULL;
    for (size_t i = 0; i < n; i++)
        y[i] = mean ? (x[i] - mean[i]) * factor[i] : x[i];
}

/* The picture part on x. */
static void slow_picture_part(slow *s, int side, size_t b, const double *average, size_t n) {
    const char *prefix = side ? "text" : "image";
    double hidden[N_PICTURE_HIDDEN], v[N_FINE], longer[N_FINE], x[MAP_MAX], sum = 0;
    if (!s->c->fine)
        return;
    if (side)
        memcpy(x, average, n * sizeof *x);
    else
        slow_standard(s, average, n, x);
    slow_layer(s, prefix, "picture.0", x, n, N_PICTURE_HIDDEN, RELU, hidden);
    slow_layer(s, prefix, "fine", hidden, N_PICTURE_HIDDEN, N_FINE, STRAIGHT, v);
    for (size_t i = 0; i < N_FINE; i++)
        sum += v[i] * v[i];
    for (size_t i = 0; i < N_FINE; i++) {
        s->output[side][3][b * N_FINE + i] = v[i] / sqrt(sum);
        longer[i] = 8 * v[i] / sqrt(sum);
    }
    slow_layer(s, prefix, "picture.code", longer, N_FINE, Q, TANH, &s->output[side][4][b * Q]);
}

/* D behind a feature vector, or behind a map (channels x positions) under weights w. */
static void slow_hash_vector(const slow *s, const char *prefix, const double *f, const double *w, double *h) {
    double x[N_FEATURE];
    for (size_t i = 0; i < N_FEATURE; i++)
        x[i] = w[i] * f[i];
    slow_layer(s, prefix, "hashing.code", x, N_FEATURE, Q, TANH, h);
}

static void slow_hash_map(const slow *s, const double *f, size_t n_c, size_t n_p, const double *w, double *h) {
    double x[MAP_MAX], hidden[2][N_IMAGE_HIDDEN], kept = 0;
    if (s->c->pooling == ADAH_POOL_FLATTEN) {
        for (size_t i = 0; i < n_c * n_p; i++)
            x[i] = w[i % n_p] * f[i];
        slow_layer(s, "image", "hashing.0", x, n_c * n_p, N_IMAGE_HIDDEN, RELU, hidden[0]);
        slow_layer(s, "image", "hashing.1", hidden[0], N_IMAGE_HIDDEN, N_IMAGE_HIDDEN, RELU, hidden[1]);
    } else {
        for (size_t p = 0; p < n_p; p++)
            kept += w[p];
        for (size_t c = 0; c < n_c; c++) {
            x[c] = 0;
            for (size_t p = 0; p < n_p; p++)
                x[c] += w[p] * f[c * n_p + p];
            x[c] /= s->c->pooling == ADAH_POOL_ALL ? (double)n_p : kept;
        }
        slow_standard(s, x, n_c, x);
        slow_layer(s, "image", "hashing.0", x, n_c, N_IMAGE_HIDDEN, RELU, hidden[1]);
    }
    slow_layer(s, "image", "hashing.code", hidden[1], N_IMAGE_HIDDEN, Q, TANH, h);
}

static void slow_image_map(slow *s, size_t b) {
    const size_t n_c = s->n_c, n_p = s->n_p;
    const double *f = s->map + b * n_c * n_p;
    double m[MASK_MAX], w[MASK_MAX], rest[MASK_MAX], mean[MAP_MAX];
    for (size_t c = 0; c < n_c; c++) {
        mean[c] = 0;
        for (size_t p = 0; p < n_p; p++)
            mean[c] += f[c * n_p + p] / (double)n_p;
    }
    slow_picture_part(s, 0, b, mean, n_c);
    for (size_t p = 0; p < n_p; p++)
        w[p] = 1;
    if (s->c->attention) {
        const double *v = wide_of(s, "image", "attention", "weight", n_c);
        for (size_t p = 0; p < n_p; p++) {
            m[p] = *wide_of(s, "image", "attention", "bias", 1);
            for (size_t c = 0; c < n_c; c++)
                m[p] += v[c] * f[c * n_p + p];
        }
        slow_mask(s, 0, b, m, n_p, w);
    }
    for (size_t p = 0; p < n_p; p++)
        rest[p] = 1 - w[p];
    slow_hash_map(s, f, n_c, n_p, w, &s->output[0][0][b * Q]);
    if (s->c->hidden)
        slow_hash_map(s, f, n_c, n_p, rest, &s->output[0][1][b * Q]);
}

static void slow_vector(slow *s, int side, size_t b) {
    const char *prefix = side ? "text" : "image";
    const size_t n = side ? N_WORDS : N_VECTOR;
    double x[N_WORDS], hidden[N_HIDDEN], f[N_FEATURE], m[N_FEATURE], w[N_FEATURE], rest[N_FEATURE];
    for (size_t i = 0; i < n; i++)
        x[i] = (double)s->input[side][b * n + i];
    double sum[2] = {0}, weighed[N_WORDS]; /* of the words, of the vector behind them */
    for (size_t i = 0; i < n; i++) {
        weighed[i] = side && s->c->fine ? x[i] * wide_of(s, prefix, "picture", "word_weight", N_WORDS)[i] : x[i];
        sum[s->c->sentence && i >= N_BAG] += weighed[i] * weighed[i];
    }
    for (size_t i = 0; side && i < n; i++)
        weighed[i] *= 8 / sqrt(sum[s->c->sentence && i >= N_BAG]);
    slow_picture_part(s, side, b, weighed, n);
    if (!side)
        slow_standard(s, x, n, x);
    slow_layer(s, prefix, "feature.0", x, n, N_HIDDEN, RELU, hidden);
    slow_layer(s, prefix, "feature.1", hidden, N_HIDDEN, N_FEATURE, RELU, f);
    for (size_t i = 0; i < N_FEATURE; i++)
        w[i] = 1;
    if (s->c->attention) {
        slow_layer(s, prefix, "attention", f, N_FEATURE, N_FEATURE, STRAIGHT, m);
        slow_mask(s, side, b, m, N_FEATURE, w);
    }
    for (size_t i = 0; i < N_FEATURE; i++)
        rest[i] = 1 - w[i];
    slow_hash_vector(s, prefix, f, w, &s->output[side][0][b * Q]);
    if (s->c->hidden)
        slow_hash_vector(s, prefix, f, rest, &s->output[side][1][b * Q]);
}

static void slow_forward(slow *s) {
    for (int side = 0; side < 2; side++)
        for (size_t b = 0; b < B; b++) {
            if (side || s->c->image == ADAH_INPUT_VECTOR)
                slow_vector(s, side, b);
            else
                slow_image_map(s, b);
            if (s->c->classify)
                slow_layer(s, "", "classifier", &s->output[side][0][b * Q], Q, N_LABELS, STRAIGHT,
                           &s->output[side][2][b * N_LABELS]);
        }
}

/* What is differentiated: all outputs, weighted. */
static float coefficient(int side, int output, size_t i) {
    return (float)((double)(adah_random_mix(i, (uint64_t)(side * N_OUTPUTS + output)) >> 40) * 0x1p-23 - 1);
}

static int has_output(const network_case *c, int output) {
    return output == 0 || (output == 1 ? c->hidden : output == 2 ? c->classify : c->fine);
}

static size_t width_of(int output) { return output == 2 ? N_LABELS : output == 3 ? N_FINE : Q; }

static double slow_sum(slow *s) {
    double sum = 0;
    slow_forward(s);
    for (int side = 0; side < 2; side++)
        for (int o = 0; o < N_OUTPUTS; o++)
            for (size_t i = 0; has_output(s->c, o) && i < B * width_of(o); i++)
                sum += (double)coefficient(side, o, i) * s->output[side][o][i];
    return sum;
}

/* ---------------------------------------------------------------- the network */

static adah_network *network_of(const network_case *c, adah_backend backend, adah_parameters *parameters) {
    adah_status status = {0};
    const adah_settings config = config_of(c);
    const adah_network_plan plan = plan_of(c, backend);
    adah_network *net = NULL;
    if (adah_network_create(&plan, &config, parameters, &net, &status) != ADAH_OK)
        fail_msg("%s: %s", c->name, status.message);
    adah_random r = adah_random_seeded(c->seed, 1);
    for (int side = 0; side < 2; side++) {
        adah_node *input = side ? net->text.input : net->image.input;
        float *x = adah_node_value(input);
        for (size_t i = 0; i < adah_shape_count(adah_node_shape(input)); i++)
            x[i] = c->image == ADAH_INPUT_MAP && side == 0 ? fmaxf(0, 3 * adah_random_uniform(&r) - 1)
                                                           : 2 * adah_random_uniform(&r) - 0.7f;
    }
    return net;
}

/* New networks have zero biases and an almost uniform P; random ones show more. */
static void scatter(adah_parameters *p, uint64_t seed) {
    adah_random r = adah_random_seeded(seed, 2);
    for (size_t i = 0; i < p->n; i++) {
        adah_parameter *q = p->item[i];
        if (q->group == ADAH_GROUP_ATTENTION)
            adah_parameter_init_glorot(q, &r);
        else if (q->shape.n_dims == 1) /* biases, and the weights of normalisation */
            for (size_t j = 0; j < q->n; j++)
                q->value[j] = 0.4f * adah_random_uniform(&r) + (strstr(q->name, "weight") || strstr(q->name, "factor") ? 0.6f : -0.1f);
        q->version++;
    }
}

static adah_node *output_node(const adah_network *net, int side, int output) {
    const adah_side *s = side ? &net->text : &net->image;
    adah_node *const node[N_OUTPUTS] = {s->class_code, s->hidden_code, s->logits, s->fine, s->picture_code};
    return node[output];
}

static void forward(adah_network *net) {
    adah_status status = {0};
    if (adah_graph_forward(net->graph, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

/* Gradients of the weighted outputs, of the parameters of `groups` alone. */
static void backward(const network_case *c, adah_network *net, adah_parameters *p, unsigned groups) {
    adah_status status = {0};
    for (size_t i = 0; i < p->n; i++)
        if (p->item[i]->gradient)
            memset(p->item[i]->gradient, 0, p->item[i]->n * sizeof(float));
    forward(net);
    adah_graph_clear_gradients(net->graph);
    for (int side = 0; side < 2; side++)
        for (int o = 0; o < N_OUTPUTS; o++)
            for (size_t i = 0; has_output(c, o) && i < B * width_of(o); i++)
                adah_node_gradient(output_node(net, side, o))[i] = coefficient(side, o, i);
    if (adah_graph_backward(net->graph, groups, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void check_outputs(const network_case *c, const adah_network *net, slow *s) {
    slow_forward(s);
    for (int side = 0; side < 2; side++) {
        const adah_side *half = side ? &net->text : &net->image;
        for (int o = 0; o < N_OUTPUTS; o++) {
            adah_node *node = output_node(net, side, o);
            assert_true(!!node == has_output(c, o));
            for (size_t i = 0; node && i < B * width_of(o); i++)
                if (!(fabs((double)adah_node_value(node)[i] - s->output[side][o][i]) <= 1e-5))
                    fail_msg("%s: side %d, output %d [%zu] is %.8g, expected %.8g", c->name, side, o, i,
                             (double)adah_node_value(node)[i], s->output[side][o][i]);
        }
        if (!c->attention) {
            assert_null(half->attention.mask);
            continue;
        }
        const size_t n = adah_node_shape(half->attention.mask).dim[1];
        for (size_t b = 0; b < B; b++)
            for (size_t i = 0; i < n; i++) {
                const double u = s->u[side][b * MASK_MAX + i];
                if (fabs(u - 1) <= 1e-4 || fabs(u - 2) <= 1e-4)
                    fail_msg("%s: P / alpha is %g, choose another seed", c->name, u);
                assert_true((double)adah_node_value(half->attention.mask)[b * n + i] ==
                            s->mask[side][b * MASK_MAX + i]);
            }
    }
}

static float *copy_of(const float *x, size_t n) {
    float *y = malloc(n * sizeof *y);
    assert_non_null(y);
    return memcpy(y, x, n * sizeof *y);
}

static double largest(const float *x, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* Some coordinates of a parameter behind the map. */
static void check_coordinates(const network_case *c, const adah_parameter *q, double *wide, slow *s, adah_random *r) {
    const double scale = largest(q->gradient, q->n);
    /* One bias for all positions moves no softmax. */
    const int idle = c->image != ADAH_INPUT_VECTOR && !strcmp(q->name, "image.attention.bias");
    if (idle ? scale > 1e-6 : !(scale > 1e-4 && isfinite(scale)))
        fail_msg("%s: largest gradient of %s is %g", c->name, q->name, scale);
    for (size_t k = 0; k < N_SAMPLES && k < q->n; k++) {
        const size_t j = q->n <= N_SAMPLES ? k : (size_t)adah_random_below(r, q->n);
        const double before = wide[j];
        wide[j] = before + STEP;
        const double above = slow_sum(s);
        wide[j] = before - STEP;
        const double expected = (above - slow_sum(s)) / (2 * STEP);
        wide[j] = before;
        if (!(fabs((double)q->gradient[j] - expected) <= 1e-3 * fmax(fabs(expected), 0.05 * scale) + 1e-6))
            fail_msg("%s: gradient of %s[%zu] is %.8g, by differences %.8g", c->name, q->name, j,
                     (double)q->gradient[j], expected);
    }
}

/* A parameter of the backbone, whose map comes in float: all of it a step along its gradient and back. */
static void check_along_gradient(const network_case *c, adah_parameter *q, slow *s) {
    double norm = 0, sum[2];
    float *before = copy_of(q->value, q->n);
    for (size_t i = 0; i < q->n; i++)
        norm += (double)q->gradient[i] * (double)q->gradient[i];
    norm = sqrt(norm);
    assert_true(norm > 1e-3);
    for (int sign = 0; sign < 2; sign++) {
        for (size_t i = 0; i < q->n; i++)
            q->value[i] = (float)((double)before[i] + (sign ? -1e-3 : 1e-3) * (double)q->gradient[i] / norm);
        q->version++;
        find_map(s);
        sum[sign] = slow_sum(s);
    }
    memcpy(q->value, before, q->n * sizeof *before);
    q->version++;
    free(before);
    find_map(s);
    const double expected = (sum[0] - sum[1]) / 2e-3;
    if (!(fabs(norm - expected) <= 1e-2 * norm))
        fail_msg("%s: gradient of %s has length %.8g, by differences %.8g", c->name, q->name, norm, expected);
}

static void check_gradients(const network_case *c, const adah_parameters *p, slow *s) {
    adah_random r = adah_random_seeded(c->seed, 3);
    s->holds_mask = 1;
    for (size_t i = 0; i < p->n; i++)
        if (p->item[i]->group == ADAH_GROUP_BACKBONE)
            check_along_gradient(c, p->item[i], s);
        else if (p->item[i]->gradient) /* statistics have none */
            check_coordinates(c, p->item[i], s->wide[i], s, &r);
    s->holds_mask = 0;
}

static void check_group_alone(const network_case *c, adah_network *net, adah_parameters *p, float *const *full,
                              unsigned group) {
    backward(c, net, p, group);
    for (size_t i = 0; i < p->n; i++) {
        const adah_parameter *q = p->item[i];
        const double scale = full[i] ? largest(full[i], q->n) : 0;
        for (size_t j = 0; q->gradient && j < q->n; j++)
            if (q->group != group ? q->gradient[j] != 0
                                  : fabs((double)q->gradient[j] - (double)full[i][j]) > 1e-6 * scale + 1e-7)
                fail_msg("%s: backward for group %u: gradient of %s[%zu] is %.8g, of all groups %.8g", c->name, group,
                         q->name, j, (double)q->gradient[j], (double)full[i][j]);
    }
}

static void check_agree(const network_case *c, const char *what, const float *x, const float *expected, size_t n) {
    const double scale = largest(expected, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)x[i] - (double)expected[i]) <= 2e-5 * scale + 1e-6))
            fail_msg("%s: %s[%zu] is %.8g, on the reference backend %.8g", c->name, what, i, (double)x[i],
                     (double)expected[i]);
}

static void check_case(const network_case *c) {
    adah_parameters p = {0};
    float *full[2][PARAMETERS_MAX], *output[2][2][N_OUTPUTS];
    for (int backend = 1; backend >= 0; backend--) { /* the reference first */
        adah_network *net = network_of(c, (adah_backend)backend, &p);
        if (backend)
            scatter(&p, c->seed);
        assert_int_equal(adah_parameters_train(&p, ALL_GROUPS, NULL), ADAH_OK);
        slow *s = slow_create(c, &p, net);
        forward(net);
        check_outputs(c, net, s);
        backward(c, net, &p, ALL_GROUPS);
        if (backend == 0)
            check_gradients(c, &p, s);
        slow_free(s);
        for (size_t i = 0; i < p.n; i++)
            full[backend][i] = p.item[i]->gradient ? copy_of(p.item[i]->gradient, p.item[i]->n) : NULL;
        for (int side = 0; side < 2; side++)
            for (int o = 0; o < N_OUTPUTS; o++)
                output[backend][side][o] =
                    has_output(c, o) ? copy_of(adah_node_value(output_node(net, side, o)), B * width_of(o)) : NULL;
        for (unsigned group = 1; group <= ALL_GROUPS; group *= 2)
            check_group_alone(c, net, &p, full[backend], group);
        adah_network_free(net);
    }
    for (size_t i = 0; i < p.n; i++) {
        if (full[0][i])
            check_agree(c, p.item[i]->name, full[0][i], full[1][i], p.item[i]->n);
        free(full[0][i]);
        free(full[1][i]);
    }
    for (int side = 0; side < 2; side++)
        for (int o = 0; o < N_OUTPUTS; o++) {
            if (has_output(c, o))
                check_agree(c, "output", output[0][side][o], output[1][side][o], B * width_of(o));
            free(output[0][side][o]);
            free(output[1][side][o]);
        }
    adah_parameters_free(&p);
}

static void check_cases_of(adah_input_kind image) {
    for (int i = 0; i < N_CASES; i++)
        if (cases[i].image == image)
            check_case(&cases[i]);
}

static void test_vectors(void **state) {
    (void)state;
    check_cases_of(ADAH_INPUT_VECTOR);
}

static void test_maps(void **state) {
    (void)state;
    check_cases_of(ADAH_INPUT_MAP);
}

static void test_pixels(void **state) {
    (void)state;
    check_cases_of(ADAH_INPUT_PIXELS);
}

/* ---------------------------------------------------------------- how a network is put together */

/* One side alone, for inference, gives the same codes; so do the feature maps computed once. */
static void test_sides_and_stages_apart(void **state) {
    (void)state;
    const network_case *c = &cases[8];
    adah_parameters p = {0};
    adah_network *whole = network_of(c, ADAH_BACKEND_ONEDNN, &p), *part;
    scatter(&p, 1);
    forward(whole);
    adah_graph_update_statistics(whole->graph, 1); /* what the others infer with */
    const adah_settings config = config_of(c);
    const adah_network_plan both = plan_of(c, ADAH_BACKEND_ONEDNN);
    const size_t n_pixels = B * 3 * SIDE * SIDE;
    const float *expected[2] = {adah_node_value(whole->image.code), adah_node_value(whole->text.code)};

    adah_network_plan plan = {.mode = ADAH_GRAPH_INFER, .n_batch = B, .text = both.text};
    assert_int_equal(adah_network_create(&plan, &config, &p, &part, NULL), ADAH_OK);
    assert_null(part->image.input);
    memcpy(adah_node_value(part->text.input), adah_node_value(whole->text.input), B * N_WORDS * sizeof(float));
    forward(part);
    check_agree(c, "text alone", adah_node_value(part->text.code), expected[1], B * Q);
    adah_network_free(part);

    plan = (adah_network_plan){.n_batch = B, .image = both.image};
    assert_int_equal(adah_network_create(&plan, &config, &p, &part, NULL), ADAH_OK);
    assert_null(part->text.input);
    assert_null(part->image.hidden_code);
    assert_null(part->image.logits);
    memcpy(adah_node_value(part->image.input), adah_node_value(whole->image.input), n_pixels * sizeof(float));
    forward(part);
    check_agree(c, "image alone", adah_node_value(part->image.code), expected[0], B * Q);
    adah_network_free(part);

    plan.features_only = 1;
    assert_int_equal(adah_network_create(&plan, &config, &p, &part, NULL), ADAH_OK);
    assert_null(part->image.code);
    memcpy(adah_node_value(part->image.input), adah_node_value(whole->image.input), n_pixels * sizeof(float));
    forward(part);
    const adah_shape map = adah_node_shape(part->image.feature);
    plan = (adah_network_plan){
        .n_batch = B, .image = {.kind = ADAH_INPUT_MAP, .item = {3, {map.dim[1], map.dim[2], map.dim[3], 0}}}};
    adah_network *behind;
    assert_int_equal(adah_network_create(&plan, &config, &p, &behind, NULL), ADAH_OK);
    memcpy(adah_node_value(behind->image.input), adah_node_value(part->image.feature),
           adah_shape_count(map) * sizeof(float));
    forward(behind);
    check_agree(c, "from maps", adah_node_value(behind->image.code), expected[0], B * Q);
    adah_network_free(behind);
    adah_network_free(part);
    adah_network_free(whole);
    adah_parameters_free(&p);
}

/* Every weight depends on the seed and its own name alone. */
static void test_initial_weights(void **state) {
    (void)state;
    adah_parameters first = {0}, again = {0}, other = {0}, fewer = {0};
    network_case c = cases[3], no_text_mask = cases[3];
    adah_network_free(network_of(&c, ADAH_BACKEND_ONEDNN, &first));
    adah_network_free(network_of(&c, ADAH_BACKEND_REFERENCE, &again));
    c.seed++;
    adah_network_free(network_of(&c, ADAH_BACKEND_ONEDNN, &other));
    no_text_mask.attention = no_text_mask.hidden = no_text_mask.classify = 0;
    adah_network_free(network_of(&no_text_mask, ADAH_BACKEND_ONEDNN, &fewer));
    assert_int_equal(again.n, first.n);
    assert_true(fewer.n < first.n);
    size_t n_random = 0;
    for (size_t i = 0; i < first.n; i++) {
        const adah_parameter *p = first.item[i], *q = adah_parameters_find(&fewer, p->name);
        assert_memory_equal(p->value, adah_parameters_find(&again, p->name)->value, p->n * sizeof(float));
        if (q)
            assert_memory_equal(p->value, q->value, p->n * sizeof(float));
        if (p->shape.n_dims == 1) {
            const float expected = strstr(p->name, "word_weight") ? 1 : 0;
            for (size_t j = 0; j < p->n; j++)
                assert_true(p->value[j] == expected);
            continue;
        }
        assert_memory_not_equal(p->value, adah_parameters_find(&other, p->name)->value, p->n * sizeof(float));
        for (size_t j = 0; j < i; j++)
            if (first.item[j]->n == p->n)
                assert_memory_not_equal(p->value, first.item[j]->value, p->n * sizeof(float));
        n_random++;
    }
    assert_true(n_random >= 8);
    adah_parameters_free(&first);
    adah_parameters_free(&again);
    adah_parameters_free(&other);
    adah_parameters_free(&fewer);
}

static void test_groups(void **state) {
    (void)state;
    adah_parameters p = {0};
    adah_network_free(network_of(&cases[8], ADAH_BACKEND_ONEDNN, &p));
    size_t n[6] = {0};
    for (size_t i = 0; i < p.n; i++) {
        const char *name = p.item[i]->name;
        const unsigned expected = strstr(name, "statistics")    ? ADAH_GROUP_STATISTICS
                                  : strstr(name, "word_weight") ? ADAH_GROUP_CONSTANT
                                  : strstr(name, "backbone")    ? ADAH_GROUP_BACKBONE
                                  : strstr(name, ".attention.") ? ADAH_GROUP_ATTENTION
                                                                : ADAH_GROUP_HEAD;
        assert_int_equal(p.item[i]->group, expected);
        n[__builtin_ctz(expected)]++;
    }
    assert_int_equal(n[0], 15); /* five convolutions, normalised */
    assert_int_equal(n[1], 24); /* E^T 2, D^I 2, D^T 1, classifier 1, P^I 3, P^T 3 */
    assert_int_equal(n[2], 4);
    assert_int_equal(n[3], 5);
    adah_parameters_free(&p);
}

static void assert_refused(const network_case *c, adah_parameters *p, adah_code code, const char *said) {
    adah_status status = {0};
    const adah_settings config = config_of(c);
    adah_network_plan plan = plan_of(c, ADAH_BACKEND_ONEDNN);
    plan.creating = 0;
    adah_network *net = (adah_network *)p;
    assert_int_equal(adah_network_create(&plan, &config, p, &net, &status), code);
    assert_ptr_equal(net, p); /* untouched */
    assert_int_equal(status.code, code);
    if (!strstr(status.message, said))
        fail_msg("\"%s\" says nothing of \"%s\"", status.message, said);
}

static void test_missing_and_misshapen_parameters(void **state) {
    (void)state;
    adah_parameters p = {0};
    const network_case *c = &cases[3];
    adah_network_free(network_of(c, ADAH_BACKEND_ONEDNN, &p));
    for (size_t i = 0; i < p.n; i++) {
        adah_parameter *q = p.item[i];
        char *name = q->name, said[256];
        q->name = (char[]){"another"};
        snprintf(said, sizeof said, "%s is missing", name);
        assert_refused(c, &p, ADAH_ERROR_FORMAT, said);
        q->name = name;
        const size_t dim = q->shape.dim[0];
        q->shape.dim[0]++;
        assert_refused(c, &p, ADAH_ERROR_MISMATCH, name);
        q->shape.dim[0] = dim;
        q->shape.n_dims--;
        assert_refused(c, &p, ADAH_ERROR_MISMATCH, name);
        q->shape.n_dims++;
    }
    adah_parameters none = {0};
    assert_refused(c, &none, ADAH_ERROR_FORMAT, "is missing");
    adah_parameters_free(&none);
    /* Hidden codes need a mask. */
    adah_network_plan plan = plan_of(c, ADAH_BACKEND_ONEDNN);
    adah_settings config = config_of(c);
    config.attention = 0;
    adah_network *net = NULL;
    assert_int_not_equal(adah_network_create(&plan, &config, &p, &net, NULL), ADAH_OK);
    assert_null(net);
    adah_parameters_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_sides_and_stages_apart),
        cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_missing_and_misshapen_parameters),
    };
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
