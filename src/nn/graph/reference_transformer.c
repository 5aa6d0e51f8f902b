/* reference_transformer.c - layer norm, GELU and attention in plain loops, for the backend of nn_reference.c: what the fast ones are tested
 * against. Sums are carried in double precision. */
#include "nn/graph/graph_internal.h"

#include <math.h>

/* ---------------------------------------------------------------- layer norm */

static void row_statistics(const float *x, size_t n, double epsilon, double *mean, double *rate) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *rate = 1 / sqrt(squares / (double)n + epsilon);
}

static adah_code layer_norm_forward(adah_node *node, adah_status *status) {
    (void)status;
    const size_t n = node->w->n;
    for (size_t at = 0; at < node->n; at += n) {
        double mean, rate;
        row_statistics(node->x[0]->value + at, n, (double)node->rate, &mean, &rate);
        for (size_t i = 0; i < n; i++)
            node->value[at + i] = (float)(((double)node->x[0]->value[at + i] - mean) * rate * (double)node->w->value[i] +
                                          (double)node->b->value[i]);
    }
    return ADAH_OK;
}

/* With u = (x - mean) rate and g = w dy: dw = sum dy u,  db = sum dy,  dx = rate (g - mean of g - u (mean of g u)) */
static adah_code layer_norm_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const size_t n = node->w->n;
    for (size_t at = 0; at < node->n; at += n) {
        const float *x = node->x[0]->value + at, *dy = node->gradient + at;
        double mean, rate, sum = 0, product = 0;
        row_statistics(x, n, (double)node->rate, &mean, &rate);
        for (size_t i = 0; i < n; i++) {
            const double u = ((double)x[i] - mean) * rate, g = (double)node->w->value[i] * (double)dy[i];
            sum += g / (double)n;
            product += g * u / (double)n;
            if (adah_trains(node->w, groups))
                node->w->gradient[i] += (float)((double)dy[i] * u);
            if (adah_trains(node->b, groups))
                node->b->gradient[i] += dy[i];
        }
        for (size_t i = 0; dx[0] && i < n; i++)
            dx[0][at + i] += (float)(rate * ((double)node->w->value[i] * (double)dy[i] - sum - ((double)x[i] - mean) * rate * product));
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- GELU */

static const double two_over_pi_root = 0.79788456080286535588; /* sqrt(2 / pi) */

/* x s(x), or s + x s' */
static double gelu(adah_gelu kind, double x, int is_slope) {
    if (kind == ADAH_GELU_EXACT) {
        const double s = 0.5 * (1 + erf(x / sqrt(2)));
        return is_slope ? s + x * exp(-x * x / 2) * two_over_pi_root / 2 : x * s;
    }
    const double u = kind == ADAH_GELU_TANH ? 2 * two_over_pi_root * (x + 0.044715 * x * x * x) : 1.702 * x;
    const double du = kind == ADAH_GELU_TANH ? 2 * two_over_pi_root * (1 + 3 * 0.044715 * x * x) : 1.702;
    const double s = 1 / (1 + exp(-u));
    return is_slope ? s + x * s * (1 - s) * du : x * s;
}

static adah_code gelu_forward(adah_node *node, adah_status *status) {
    (void)status;
    for (size_t i = 0; i < node->n; i++)
        node->value[i] = (float)gelu(node->gelu, (double)node->x[0]->value[i], 0);
    return ADAH_OK;
}

static adah_code gelu_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    for (size_t i = 0; dx[0] && i < node->n; i++)
        dx[0][i] += (float)((double)node->gradient[i] * gelu(node->gelu, (double)node->x[0]->value[i], 1));
    return ADAH_OK;
}

/* ---------------------------------------------------------------- attention */

/* Where queries, keys and values are: channel c of head h of row p of item b is at [(b n_rows + p) row + offset + h n + c]. */
typedef struct place {
    const adah_node *x;
    float *dx;
    size_t offset;
} place;

typedef struct places {
    place q, k, v;
    const float *presence; /* NULL: all */
    size_t n_keys, n;
    const adah_parameter *distance; /* NULL: none */
} places;

static places places_of(const adah_node *node, float *const *dx) {
    const size_t n_channels = node->shape.dim[2];
    const int is_cross = node->x[0]->shape.dim[2] == n_channels;
    const size_t other = is_cross ? 1 : 0, offset = is_cross ? 0 : n_channels;
    return (places){.q = {node->x[0], dx ? dx[0] : NULL, 0},
                    .k = {node->x[other], dx ? dx[other] : NULL, offset},
                    .v = {node->x[other], dx ? dx[other] : NULL, offset + n_channels},
                    .presence = node->n_x > other + 1 ? node->x[other + 1]->value : NULL,
                    .n_keys = node->x[other]->shape.dim[1],
                    .n = n_channels / node->form.n_heads,
                    .distance = node->form.distance};
}

static size_t index_of(const place *p, size_t b, size_t row, size_t channel) {
    return (b * p->x->shape.dim[1] + row) * p->x->shape.dim[2] + p->offset + channel;
}

/* Channels of head h of two rows. */
static double dot(const places *s, const place *a, size_t a_row, const place *c, size_t c_row, size_t b, size_t h) {
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += (double)a->x->value[index_of(a, b, a_row, h * s->n + i)] * (double)c->x->value[index_of(c, b, c_row, h * s->n + i)];
    return sum;
}

static int is_seen(const adah_node *node, const places *s, size_t b, size_t row, size_t key) {
    const float *presence = s->presence ? s->presence + b * s->n_keys : NULL;
    return (!presence || presence[key] != 0) && (!node->form.is_packed || presence[key] == presence[row]) && !(node->form.is_causal && key > row);
}

/* The probability that head h of a row gives to a key: exp(score - highest) / sum. */
typedef struct softmax {
    double highest, sum;
} softmax;

static double score(const places *s, size_t b, size_t h, size_t row, size_t key) {
    const double distance = s->distance ? (double)s->distance->value[h * s->distance->shape.dim[1] + s->distance->shape.dim[1] / 2 + key - row] : 0;
    return dot(s, &s->q, row, &s->k, key, b, h) / sqrt((double)s->n) + distance;
}

static softmax softmax_of(const adah_node *node, const places *s, size_t b, size_t h, size_t row) {
    softmax f = {-HUGE_VAL, 0};
    for (size_t key = 0; key < s->n_keys; key++)
        if (is_seen(node, s, b, row, key))
            f.highest = fmax(f.highest, score(s, b, h, row, key));
    for (size_t key = 0; key < s->n_keys; key++)
        if (is_seen(node, s, b, row, key))
            f.sum += exp(score(s, b, h, row, key) - f.highest);
    return f;
}

static double probability(const adah_node *node, const places *s, const softmax *f, size_t b, size_t h, size_t row, size_t key) {
    return is_seen(node, s, b, row, key) ? exp(score(s, b, h, row, key) - f->highest) / f->sum : 0;
}

static adah_code attention_forward(adah_node *node, adah_status *status) {
    (void)status;
    const places s = places_of(node, NULL);
    for (size_t b = 0; b < node->shape.dim[0]; b++)
        for (size_t h = 0; h < node->form.n_heads; h++)
            for (size_t row = 0; row < node->shape.dim[1]; row++) {
                float *y = node->value + (b * node->shape.dim[1] + row) * node->shape.dim[2] + h * s.n;
                const softmax f = softmax_of(node, &s, b, h, row);
                for (size_t i = 0; i < s.n; i++) {
                    double sum = 0;
                    for (size_t key = 0; key < s.n_keys; key++)
                        sum += probability(node, &s, &f, b, h, row, key) * (double)s.v.x->value[index_of(&s.v, b, key, h * s.n + i)];
                    y[i] = (float)sum;
                }
            }
    return ADAH_OK;
}

/* dP(key) = dy v(key);  dS = P (dP - sum of P dP) / sqrt(n);  dq += dS k,  dk += dS q,  dv += P dy */
static void row_backward(adah_node *node, const places *s, size_t b, size_t h, size_t row) {
    const float *dy = node->gradient + (b * node->shape.dim[1] + row) * node->shape.dim[2] + h * s->n;
    const softmax f = softmax_of(node, s, b, h, row);
    double mean = 0;
    for (size_t turn = 0; turn < 2; turn++) /* the mean first */
        for (size_t key = 0; key < s->n_keys; key++) {
            const double p = probability(node, s, &f, b, h, row, key);
            double dp = 0;
            for (size_t i = 0; i < s->n; i++)
                dp += (double)dy[i] * (double)s->v.x->value[index_of(&s->v, b, key, h * s->n + i)];
            if (turn == 0) {
                mean += p * dp;
                continue;
            }
            const double ds = p * (dp - mean) / sqrt((double)s->n);
            for (size_t i = 0; i < s->n; i++) {
                const size_t q = index_of(&s->q, b, row, h * s->n + i), k = index_of(&s->k, b, key, h * s->n + i);
                if (s->q.dx)
                    s->q.dx[q] += (float)(ds * (double)s->k.x->value[k]);
                if (s->k.dx)
                    s->k.dx[k] += (float)(ds * (double)s->q.x->value[q]);
                if (s->v.dx)
                    s->v.dx[index_of(&s->v, b, key, h * s->n + i)] += (float)(p * (double)dy[i]);
            }
        }
}

static adah_code attention_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    const places s = places_of(node, dx);
    for (size_t b = 0; b < node->shape.dim[0]; b++)
        for (size_t h = 0; h < node->form.n_heads; h++)
            for (size_t row = 0; row < node->shape.dim[1]; row++)
                row_backward(node, &s, b, h, row);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- */

const adah_kernel *adah_reference_transformer_kernel(adah_node_kind kind) {
    static const adah_kernel layer_norm = {layer_norm_forward, layer_norm_backward, 0, NULL};
    static const adah_kernel gelu_kernel = {gelu_forward, gelu_backward, 0, NULL};
    static const adah_kernel attention = {attention_forward, attention_backward, 0, NULL};
    return kind == ADAH_NODE_LAYER_NORM ? &layer_norm : kind == ADAH_NODE_GELU ? &gelu_kernel : &attention;
}
