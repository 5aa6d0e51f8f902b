/* attention.c - G: probability map, threshold with its straight-through gradient, masking.
 *
 * Arrays in the operations: f (B, C, P) with P = H * W positions, or C = 1 and P = D for vectors; Z and P(.) (B, P).
 * An operation with `keep` 1 weights position p by Z(p), with `keep` 0 by 1 - Z(p). Where there is padding, 1 is the
 * presence of p: 1 or 0. */
#include "paper/attention.h"
#include "base/random.h"
#include "base/vector.h"

#include <math.h>
#include <string.h>

/* ---- Z = [P >= alpha], alpha = threshold / n. Backward: straight-through (Courbariaux et al., arXiv 1602.02830) on u = P / alpha,
 * so that the clip |u - 1| <= 1 has a meaning: dF/dP = dF/dZ / alpha there, else 0. ---- */

/* n: the positions of item b that are no padding. */
static float n_present(const adah_mask_extent *e, const float *presence, size_t b) {
    if (!e->has_padding)
        return (float)e->n_positions;
    float n = 0;
    for (size_t p = 0; p < e->n_positions; p++)
        n += presence[b * e->n_positions + p];
    return n;
}

static int is_present(const adah_mask_extent *e, const float *presence, size_t i) {
    return !e->has_padding || presence[i] > 0;
}

/* Whether a random mask keeps position p of an item whose P is largest at position `seed`. */
static int is_drawn(size_t seed, size_t p) { return adah_random_mix(seed + 1, p) & 1; }

static size_t largest(const float *x, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[at])
            at = i;
    return at;
}

/* Z at u = P / alpha. */
static float mask_value(adah_mask_kind kind, float u, size_t seed, size_t p) {
    switch (kind) {
    case ADAH_MASK_SOFT: return fminf(u / 2, 1);
    case ADAH_MASK_RANDOM: return (float)is_drawn(seed, p);
    default: return u >= 1 ? 1.0f : 0.0f;
    }
}

static void threshold_forward(void *context, const float *const *x, float *y, size_t b) {
    const adah_mask_extent *e = context;
    const float *presence = e->has_padding ? x[1] : NULL;
    const size_t start = b * e->n_positions;
    const size_t seed = e->kind == ADAH_MASK_RANDOM ? largest(x[0] + start, e->n_positions) : 0;
    const float alpha = e->threshold / n_present(e, presence, b);
    for (size_t p = 0; p < e->n_positions; p++) {
        const float z = e->is_open ? 1 : mask_value(e->kind, x[0][start + p] / alpha, seed, p);
        y[start + p] = is_present(e, presence, start + p) ? z : 0;
    }
}

static void threshold_backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx, size_t b) {
    (void)y;
    const adah_mask_extent *e = context;
    const float *presence = e->has_padding ? x[1] : NULL;
    const float slope = e->kind == ADAH_MASK_SOFT ? 0.5f : e->kind == ADAH_MASK_RANDOM ? 0 : 1;
    const float n = n_present(e, presence, b) / e->threshold; /* 1 / alpha */
    for (size_t i = b * e->n_positions; dx[0] && i < (b + 1) * e->n_positions; i++)
        if (is_present(e, presence, i) && fabsf(x[0][i] * n - 1) <= 1)
            dx[0][i] += slope * dy[i] * n;
}

/* ---- padding: where all channels are 0; kept out of the softmax. Any float that exp turns into 0 would hide it. ---- */

#define HIDDEN -1e30f

static void presence_forward(void *context, const float *const *x, float *y, size_t b) {
    const adah_mask_extent *e = context;
    for (size_t p = 0; p < e->n_positions; p++) {
        int present = 0;
        for (size_t c = 0; c < e->n_channels && !present; c++)
            present = x[0][(b * e->n_channels + c) * e->n_positions + p] != 0;
        y[b * e->n_positions + p] = (float)present;
    }
}

static void hide_padding_forward(void *context, const float *const *x, float *y, size_t b) {
    const adah_mask_extent *e = context;
    for (size_t i = b * e->n_positions; i < (b + 1) * e->n_positions; i++)
        y[i] = x[1][i] > 0 ? x[0][i] : HIDDEN;
}

static void hide_padding_backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx,
                                  size_t b) {
    (void)y;
    const adah_mask_extent *e = context;
    for (size_t i = b * e->n_positions; dx[0] && i < (b + 1) * e->n_positions; i++)
        if (x[1][i] > 0)
            dx[0][i] += dy[i];
}

const adah_item_operation adah_operation_presence = {"presence", presence_forward, NULL, NULL};
const adah_item_operation adah_operation_hide_padding = {"hide padding", hide_padding_forward, hide_padding_backward, NULL};

/* ---- masking and averaging ---- */

typedef struct mask_pass {
    const adah_mask_extent *e;
    int keep;
    const float *f, *z, *presence, *y, *dy; /* presence NULL: there is no padding */
    float *out, *df, *dz;
} mask_pass;

/* The weight of position i, counted over the batch. */
static float share(const mask_pass *m, size_t i) {
    return m->keep ? m->z[i] : (m->presence ? m->presence[i] : 1) - m->z[i];
}

ADAH_VECTOR_LOOP(void, apply_forward, (const mask_pass *m, size_t b), (m, b)) {
    const size_t n_p = m->e->n_positions, n_c = m->e->n_channels;
    for (size_t c = 0; c < n_c; c++)
        for (size_t p = 0; p < n_p; p++)
            m->out[(b * n_c + c) * n_p + p] = share(m, b * n_p + p) * m->f[(b * n_c + c) * n_p + p];
}

ADAH_VECTOR_LOOP(void, apply_backward, (const mask_pass *m, size_t b), (m, b)) {
    const size_t n_p = m->e->n_positions, n_c = m->e->n_channels;
    const float sign = m->keep ? 1.0f : -1.0f;
    for (size_t c = 0; c < n_c; c++)
        for (size_t p = 0; p < n_p; p++) {
            size_t i = (b * n_c + c) * n_p + p;
            if (m->df)
                m->df[i] += share(m, b * n_p + p) * m->dy[i];
            if (m->dz)
                m->dz[b * n_p + p] += sign * m->f[i] * m->dy[i];
        }
}

/* What the sum over positions is divided by: how many are kept, or all of them. 0: nothing is kept. */
static float divisor(const mask_pass *m, size_t b) {
    const size_t n_p = m->e->n_positions;
    if (m->e->pooling == ADAH_POOL_ALL)
        return n_present(m->e, m->presence, b);
    float sum = 0;
    for (size_t p = 0; p < n_p; p++)
        sum += share(m, b * n_p + p);
    return sum;
}

ADAH_VECTOR_LOOP(void, mean_forward, (const mask_pass *m, size_t b), (m, b)) {
    const size_t n_p = m->e->n_positions, n_c = m->e->n_channels;
    const float n_kept = divisor(m, b);
    const float *f = m->f + b * n_c * n_p, *z = m->z + b * n_p;
    const float factor = n_kept > 0 ? 1 / n_kept : 0;
    float *y = m->out + b * n_c;
    size_t c = 0;
    for (; c + 4 <= n_c; c += 4) {
        float sum[4], all[4] = {0};
        adah_vector_four_dots(z, f + c * n_p, n_p, sum);
        if (!m->keep)
            adah_vector_four_dots(NULL, f + c * n_p, n_p, all);
        for (size_t k = 0; k < 4; k++)
            y[c + k] = factor * (m->keep ? sum[k] : all[k] - sum[k]);
    }
    for (; c < n_c; c++) {
        const float sum = adah_vector_dot(z, f + c * n_p, n_p);
        y[c] = factor * (m->keep ? sum : adah_vector_sum(f + c * n_p, n_p) - sum);
    }
}

/* y(c) = sum_p w(p) f(c,p) / N, N = sum_p w(p) (or H*W):  dy(c)/dw(p) = (f(c,p) - y(c)) / N  (or f(c,p) / N). */
ADAH_VECTOR_LOOP(void, mean_backward, (const mask_pass *m, size_t b), (m, b)) {
    enum { AT_ONCE = 64 };
    const size_t n_p = m->e->n_positions, n_c = m->e->n_channels;
    const float n_kept = divisor(m, b);
    if (n_kept <= 0)
        return;
    const float *dy = m->dy + b * n_c, *y = m->y + b * n_c, *f = m->f + b * n_c * n_p;
    float *dz = m->dz ? m->dz + b * n_p : NULL;
    const float sign = m->keep ? 1.0f : -1.0f;
    double centre = 0;
    for (size_t first = 0; dz && first < n_c; first += AT_ONCE) {
        const size_t n = n_c - first < AT_ONCE ? n_c - first : AT_ONCE;
        float slope[AT_ONCE];
        for (size_t c = 0; c < n; c++) {
            slope[c] = sign * dy[first + c] / n_kept;
            centre += (double)slope[c] * (double)y[first + c];
        }
        adah_vector_add_rows(slope, f + first * n_p, n, n_p, dz);
    }
    for (size_t p = 0; dz && m->e->pooling != ADAH_POOL_ALL && p < n_p; p++)
        dz[p] -= (float)centre;
    for (size_t c = 0; m->df && c < n_c; c++) {
        float *df = m->df + (b * n_c + c) * n_p;
        const float slope = dy[c] / n_kept;
#pragma omp simd
        for (size_t p = 0; p < n_p; p++)
            df[p] += slope * share(m, b * n_p + p);
    }
}

#define MASK_OPERATION(operation, keeps, item)                                                                     \
    static void operation##_forward(void *context, const float *const *x, float *y, size_t b) {                    \
        const adah_mask_extent *e = context;                                                                       \
        const float *presence = e->has_padding ? x[2] : NULL;                                                      \
        item##_forward(&(mask_pass){.e = e, .keep = keeps, .f = x[0], .z = x[1], .presence = presence, .out = y}, b); \
    }                                                                                                              \
    static void operation##_backward(void *context, const float *const *x, const float *y, const float *dy,        \
                                     float *const *dx, size_t b) {                                                 \
        const adah_mask_extent *e = context;                                                                       \
        const float *presence = e->has_padding ? x[2] : NULL;                                                      \
        item##_backward(&(mask_pass){e, keeps, x[0], x[1], presence, y, dy, NULL, dx[0], dx[1]}, b);                \
    }                                                                                                              \
    const adah_item_operation adah_operation_##operation = {#operation, operation##_forward, operation##_backward, NULL};

MASK_OPERATION(mask_attended, 1, apply)
MASK_OPERATION(mask_unattended, 0, apply)
MASK_OPERATION(mean_attended, 1, mean)
MASK_OPERATION(mean_unattended, 0, mean)

const adah_item_operation adah_operation_threshold = {"threshold", threshold_forward, threshold_backward, NULL};

/* x1, x2: NULL when the operation has fewer inputs. */
static adah_node *operation(adah_builder *b, const adah_item_operation *kind, adah_attention *a, adah_node *x0, adah_node *x1,
                            adah_node *x2, adah_shape shape) {
    adah_item_operation op = *kind;
    op.context = &a->extent;
    adah_node *x[3] = {x0, x1 ? x1 : x2, x2};
    return adah_graph_item_operation(b->graph, op, x, 1 + (x1 != NULL) + (x2 != NULL), shape);
}

static adah_mask_extent extent_of(const adah_builder *b, size_t n_batch, size_t n_channels, size_t n_positions,
                                  adah_pooling pooling, int has_padding) {
    return (adah_mask_extent){.n_batch = n_batch,
                              .n_channels = n_channels,
                              .n_positions = n_positions,
                              .pooling = pooling,
                              .threshold = b->config->attention_threshold,
                              .has_padding = has_padding,
                              .kind = b->config->attention_mask};
}

/* From M (B, n_positions) to the two halves of f. presence: NULL without padding. */
static void split(adah_builder *b, adah_node *f, adah_node *m, adah_node *presence, adah_attention *a) {
    if (!f || !m)
        return;
    const adah_mask_extent e = a->extent;
    const adah_shape positions = ADAH_SHAPE2(e.n_batch, e.n_positions);
    if (presence)
        m = operation(b, &adah_operation_hide_padding, a, m, presence, NULL, positions);
    a->probability = adah_graph_softmax(b->graph, m);
    a->mask = operation(b, &adah_operation_threshold, a, a->probability, NULL, presence, positions);
    if (!a->mask)
        return;
    if (e.pooling == ADAH_POOL_FLATTEN) {
        a->attended = operation(b, &adah_operation_mask_attended, a, f, a->mask, presence, adah_node_shape(f));
        a->unattended = operation(b, &adah_operation_mask_unattended, a, f, a->mask, presence, adah_node_shape(f));
    } else {
        const adah_shape mean = ADAH_SHAPE2(e.n_batch, e.n_channels);
        a->attended = operation(b, &adah_operation_mean_attended, a, f, a->mask, presence, mean);
        a->unattended = operation(b, &adah_operation_mean_unattended, a, f, a->mask, presence, mean);
    }
}

/* M: of a map one weight a channel, of a vector a fully connected layer. New weights get their start. */
static adah_node *logits(adah_builder *b, const char *prefix, adah_node *f) {
    const adah_window point = {.size_h = 1, .size_w = 1, .stride_h = 1, .stride_w = 1};
    const adah_shape s = adah_node_shape(f);
    char name[ADAH_PARAMETER_NAME_BYTES], weight[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, prefix, "attention");
    adah_builder_name(weight, name, "weight");
    const int is_new = !adah_parameters_find(b->parameters, weight);
    adah_node *m = s.n_dims == 4 ? adah_builder_convolution(b, name, f, 1, point, 1, ADAH_INIT_GLOROT, ADAH_GROUP_ATTENTION)
                                 : adah_builder_linear(b, name, f, s.dim[1], ADAH_INIT_GLOROT, ADAH_GROUP_ATTENTION);
    adah_parameter *w = is_new ? adah_parameters_find(b->parameters, weight) : NULL;
    if (w)
        adah_attention_start(b->config, w);
    return m;
}

void adah_attention_image(adah_builder *b, const char *prefix, adah_node *f, adah_pooling pooling, adah_attention *out) {
    *out = (adah_attention){0};
    if (!f)
        return;
    const adah_shape s = adah_node_shape(f);
    out->extent = extent_of(b, s.dim[0], s.dim[1], s.dim[2] * s.dim[3], pooling, 0);
    split(b, f, logits(b, prefix, f), NULL, out);
}

/* Sets the extent; gives where there are tokens (B, P). */
static adah_node *token_presence(adah_builder *b, adah_node *f, adah_pooling pooling, adah_attention *out) {
    const adah_shape s = adah_node_shape(f);
    const size_t n_positions = s.dim[2] * s.dim[3];
    out->extent = extent_of(b, s.dim[0], s.dim[1], n_positions, pooling, 1);
    return operation(b, &adah_operation_presence, out, f, NULL, NULL, ADAH_SHAPE2(s.dim[0], n_positions));
}

void adah_attention_tokens(adah_builder *b, const char *prefix, adah_node *f, adah_attention *out) {
    *out = (adah_attention){0};
    if (!f)
        return;
    const adah_pooling pooling = b->config->pooling == ADAH_POOL_ALL ? ADAH_POOL_ALL : ADAH_POOL_ATTENDED;
    adah_node *presence = token_presence(b, f, pooling, out);
    if (presence)
        split(b, f, logits(b, prefix, f), presence, out);
}

adah_node *adah_attention_token_mean(adah_builder *b, adah_node *f, adah_attention *out) {
    if (!f)
        return NULL;
    adah_node *presence = token_presence(b, f, ADAH_POOL_ATTENDED, out);
    if (!presence)
        return NULL;
    return operation(b, &adah_operation_mean_attended, out, f, presence, presence,
                     ADAH_SHAPE2(out->extent.n_batch, out->extent.n_channels));
}

void adah_attention_vector(adah_builder *b, const char *prefix, adah_node *f, adah_attention *out) {
    *out = (adah_attention){0};
    if (!f)
        return;
    const adah_shape s = adah_node_shape(f);
    out->extent = extent_of(b, s.dim[0], 1, s.dim[1], ADAH_POOL_FLATTEN, 0);
    split(b, f, logits(b, prefix, f), NULL, out);
}

void adah_attention_start(const adah_settings *config, adah_parameter *w) {
    const int energy = config->attention_start == ADAH_START_ENERGY;
    const size_t n_out = w->shape.dim[0], n_in = w->n / n_out;
    for (size_t o = 0; o < n_out; o++)
        for (size_t i = 0; i < n_in; i++) {
            float *value = w->value + o * n_in + i;
            if (!energy)
                *value *= config->attention_init;
            else if (n_out == 1)
                *value = 10 * config->attention_init / (float)n_in;
            else
                *value = o == i ? config->attention_init : 0;
        }
}
