/* nn_reference.c - convolution, fully connected, normalisation and pooling in plain loops over plain row-major arrays.
 *
 * The specification that the fast backend is tested against; sums are carried in double precision. */
#include "nn/graph/graph_internal.h"

#include <math.h>

/* Where window `at` (0, 1, ...) along one axis overlaps the input of length n: input positions begin..end-1. The
 * window itself starts at `start`, which may lie in the padding before the input. */
typedef struct overlap {
    ptrdiff_t start;
    size_t begin, end;
} overlap;

static overlap overlap_at(size_t at, int size, int stride, int pad, size_t n) {
    overlap o;
    o.start = (ptrdiff_t)at * stride - pad;
    o.begin = o.start < 0 ? 0 : (size_t)o.start;
    o.end = o.start + size > (ptrdiff_t)n ? n : (size_t)(o.start + size);
    return o;
}

/* ---------------------------------------------------------------- convolution */

/* y(b, o, i, j) = bias(o) + sum over c, r, s of w(o, c, r, s) x(b, group's channel c, i stride + r - pad, ...) */
static adah_code convolution_forward(adah_node *node, adah_status *status) {
    (void)status;
    const adah_window *win = &node->window;
    const adah_node *x = node->x[0];
    size_t n_out = node->shape.dim[1], oh = node->shape.dim[2], ow = node->shape.dim[3];
    size_t n_in = x->shape.dim[1], h = x->shape.dim[2], w = x->shape.dim[3];
    size_t in_group = n_in / (size_t)node->groups, out_group = n_out / (size_t)node->groups;
    size_t kh = (size_t)win->size_h, kw = (size_t)win->size_w;
    float *y = node->value;
    for (size_t b = 0; b < node->shape.dim[0]; b++)
        for (size_t o = 0; o < n_out; o++)
            for (size_t i = 0; i < oh; i++)
                for (size_t j = 0; j < ow; j++) {
                    overlap v = overlap_at(i, win->size_h, win->stride_h, win->pad_top, h);
                    overlap u = overlap_at(j, win->size_w, win->stride_w, win->pad_left, w);
                    double sum = node->b ? (double)node->b->value[o] : 0;
                    for (size_t c = 0; c < in_group; c++) {
                        const float *plane = x->value + (b * n_in + o / out_group * in_group + c) * h * w;
                        const float *kernel = node->w->value + (o * in_group + c) * kh * kw;
                        for (size_t p = v.begin; p < v.end; p++)
                            for (size_t q = u.begin; q < u.end; q++)
                                sum +=
                                    (double)plane[p * w + q] *
                                    (double)kernel[((ptrdiff_t)p - v.start) * win->size_w + (ptrdiff_t)q - u.start];
                    }
                    *y++ = (float)sum;
                }
    return ADAH_OK;
}

static adah_code convolution_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const adah_window *win = &node->window;
    const adah_node *x = node->x[0];
    size_t n_out = node->shape.dim[1], oh = node->shape.dim[2], ow = node->shape.dim[3];
    size_t n_in = x->shape.dim[1], h = x->shape.dim[2], w = x->shape.dim[3];
    size_t in_group = n_in / (size_t)node->groups, out_group = n_out / (size_t)node->groups;
    size_t kh = (size_t)win->size_h, kw = (size_t)win->size_w;
    float *dw = adah_trains(node->w, groups) ? node->w->gradient : NULL;
    float *db = adah_trains(node->b, groups) ? node->b->gradient : NULL;
    const float *dy = node->gradient;
    for (size_t b = 0; b < node->shape.dim[0]; b++)
        for (size_t o = 0; o < n_out; o++)
            for (size_t i = 0; i < oh; i++)
                for (size_t j = 0; j < ow; j++, dy++) {
                    overlap v = overlap_at(i, win->size_h, win->stride_h, win->pad_top, h);
                    overlap u = overlap_at(j, win->size_w, win->stride_w, win->pad_left, w);
                    if (db)
                        db[o] += *dy;
                    for (size_t c = 0; c < in_group; c++) {
                        size_t plane = (b * n_in + o / out_group * in_group + c) * h * w;
                        size_t kernel = (o * in_group + c) * kh * kw;
                        for (size_t p = v.begin; p < v.end; p++)
                            for (size_t q = u.begin; q < u.end; q++) {
                                size_t k = kernel +
                                           (size_t)(((ptrdiff_t)p - v.start) * win->size_w + (ptrdiff_t)q - u.start);
                                if (dw)
                                    dw[k] += *dy * x->value[plane + p * w + q];
                                if (dx[0])
                                    dx[0][plane + p * w + q] += *dy * node->w->value[k];
                            }
                    }
                }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- fully connected */

/* y(b, o) = bias(o) + sum over i of w(o, i) x(b, i) */
static adah_code fully_connected_forward(adah_node *node, adah_status *status) {
    (void)status;
    size_t n_out = adah_node_out(node), n_in = adah_node_in(node);
    for (size_t b = 0; b < adah_node_rows(node); b++)
        for (size_t o = 0; o < n_out; o++) {
            const float *x = node->x[0]->value + b * n_in, *w = node->w->value + o * n_in;
            double sum = node->b ? (double)node->b->value[o] : 0;
            for (size_t i = 0; i < n_in; i++)
                sum += (double)x[i] * (double)w[i];
            node->value[b * n_out + o] = (float)sum;
        }
    return ADAH_OK;
}

static adah_code fully_connected_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    size_t n_out = adah_node_out(node), n_in = adah_node_in(node);
    float *dw = adah_trains(node->w, groups) ? node->w->gradient : NULL;
    float *db = adah_trains(node->b, groups) ? node->b->gradient : NULL;
    for (size_t b = 0; b < adah_node_rows(node); b++)
        for (size_t o = 0; o < n_out; o++) {
            const float *x = node->x[0]->value + b * n_in, *w = node->w->value + o * n_in;
            float dy = node->gradient[b * n_out + o];
            if (db)
                db[o] += dy;
            for (size_t i = 0; i < n_in; i++) {
                if (dw)
                    dw[o * n_in + i] += dy * x[i];
                if (dx[0])
                    dx[0][b * n_in + i] += dy * w[i];
            }
        }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- batch norm */

/* The mean and variance that channel c of the node is normalised with; of its batch in training. */
static void channel_statistics(adah_node *node, size_t c, float *mean, float *variance) {
    const size_t n_batch = node->shape.dim[0], n_channels = node->shape.dim[1], n = node->shape.dim[2] * node->shape.dim[3];
    const float *s = node->statistics->value;
    if (node->batch_statistics) {
        double sum = 0, squares = 0;
        for (size_t b = 0; b < n_batch; b++)
            for (size_t i = 0; i < n; i++)
                sum += (double)node->x[0]->value[(b * n_channels + c) * n + i];
        sum /= (double)(n_batch * n);
        for (size_t b = 0; b < n_batch; b++)
            for (size_t i = 0; i < n; i++) {
                const double gap = (double)node->x[0]->value[(b * n_channels + c) * n + i] - sum;
                squares += gap * gap;
            }
        node->batch_statistics[c] = (float)sum;
        node->batch_statistics[n_channels + c] = (float)(squares / (double)(n_batch * n));
        s = node->batch_statistics;
    }
    *mean = s[c];
    *variance = s[n_channels + c];
}

/* y = w (x - mean) / sqrt(variance + epsilon) + b */
static adah_code batch_norm_forward(adah_node *node, adah_status *status) {
    (void)status;
    const size_t n_channels = node->shape.dim[1], n = node->shape.dim[2] * node->shape.dim[3];
    for (size_t c = 0; c < n_channels; c++) {
        float mean, variance;
        channel_statistics(node, c, &mean, &variance);
        const float scale = node->w->value[c] / sqrtf(variance + ADAH_NORM_EPSILON);
        for (size_t b = 0; b < node->shape.dim[0]; b++)
            for (size_t i = (b * n_channels + c) * n, end = i + n; i < end; i++)
                node->value[i] = scale * (node->x[0]->value[i] - mean) + node->b->value[c];
    }
    return ADAH_OK;
}

/* With u = (x - mean) / sqrt(variance + epsilon) over the N values of a channel:
 * db = sum dy,  dw = sum dy u,  dx = w / sqrt(variance + epsilon) (dy - db / N - u dw / N) */
static adah_code batch_norm_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const size_t n_batch = node->shape.dim[0], n_channels = node->shape.dim[1], n = node->shape.dim[2] * node->shape.dim[3];
    const double count = (double)(n_batch * n);
    const float *x = node->x[0]->value, *dy = node->gradient;
    for (size_t c = 0; c < n_channels; c++) {
        const double mean = (double)node->batch_statistics[c];
        const double rate = 1 / sqrt((double)node->batch_statistics[n_channels + c] + (double)ADAH_NORM_EPSILON);
        double dw = 0, db = 0;
        for (size_t b = 0; b < n_batch; b++)
            for (size_t i = (b * n_channels + c) * n, end = i + n; i < end; i++) {
                db += (double)dy[i];
                dw += (double)dy[i] * ((double)x[i] - mean) * rate;
            }
        for (size_t b = 0; b < n_batch && dx[0]; b++)
            for (size_t i = (b * n_channels + c) * n, end = i + n; i < end; i++)
                dx[0][i] += (float)((double)node->w->value[c] * rate *
                                    ((double)dy[i] - db / count - ((double)x[i] - mean) * rate * dw / count));
        if (adah_trains(node->w, groups))
            node->w->gradient[c] += (float)dw;
        if (adah_trains(node->b, groups))
            node->b->gradient[c] += (float)db;
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- response norm */

/* s(c) = kappa + alpha sum over c - size / 2 .. c + size / 2 of x^2, at one position; x: its column, `step` apart. */
static double response_scale(const adah_node *node, const float *x, size_t c, size_t step) {
    const size_t n = node->shape.dim[1], reach = (size_t)node->response.size / 2;
    double sum = 0;
    for (size_t k = c < reach ? 0 : c - reach; k < n && k <= c + reach; k++)
        sum += (double)x[k * step] * (double)x[k * step];
    return (double)node->response.kappa + (double)node->response.alpha * sum;
}

static adah_code response_norm_forward(adah_node *node, adah_status *status) {
    (void)status;
    const size_t n_channels = node->shape.dim[1], n = node->shape.dim[2] * node->shape.dim[3];
    for (size_t b = 0; b < node->shape.dim[0]; b++)
        for (size_t i = 0; i < n; i++) {
            const size_t column = b * n_channels * n + i;
            const float *x = node->x[0]->value + column;
            for (size_t c = 0; c < n_channels; c++)
                node->value[column + c * n] =
                    (float)((double)x[c * n] * pow(response_scale(node, x, c, n), -(double)node->response.beta));
        }
    return ADAH_OK;
}

/* dx(c) = dy(c) s(c)^-beta - 2 alpha beta x(c) sum over the c' that c is counted in of dy(c') x(c') s(c')^(-beta - 1) */
static adah_code response_norm_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    const size_t n_channels = node->shape.dim[1], n = node->shape.dim[2] * node->shape.dim[3];
    const size_t reach = (size_t)node->response.size / 2;
    const double alpha = (double)node->response.alpha, beta = (double)node->response.beta;
    for (size_t b = 0; b < node->shape.dim[0] && dx[0]; b++)
        for (size_t i = 0; i < n; i++) {
            const size_t column = b * n_channels * n + i;
            const float *x = node->x[0]->value + column, *dy = node->gradient + column;
            for (size_t c = 0; c < n_channels; c++) {
                double others = 0;
                for (size_t k = c < reach ? 0 : c - reach; k < n_channels && k <= c + reach; k++)
                    others += (double)dy[k * n] * (double)x[k * n] * pow(response_scale(node, x, k, n), -beta - 1);
                dx[0][column + c * n] += (float)((double)dy[c * n] * pow(response_scale(node, x, c, n), -beta) -
                                                 2 * alpha * beta * (double)x[c * n] * others);
            }
        }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- pooling */

/* Offset within the plane of the first largest value of a window. */
static size_t find_max(const float *plane, overlap v, overlap u, size_t w) {
    size_t best = v.begin * w + u.begin;
    for (size_t p = v.begin; p < v.end; p++)
        for (size_t q = u.begin; q < u.end; q++)
            if (plane[p * w + q] > plane[best])
                best = p * w + q;
    return best;
}

static float mean(const float *plane, overlap v, overlap u, size_t w) {
    double sum = 0;
    for (size_t p = v.begin; p < v.end; p++)
        for (size_t q = u.begin; q < u.end; q++)
            sum += (double)plane[p * w + q];
    return (float)(sum / (double)((v.end - v.begin) * (u.end - u.begin)));
}

/* One loop over all windows of all planes. dx NULL: forward, else backward. */
static void pool(adah_node *node, float *dx) {
    const adah_window *win = &node->window;
    const adah_node *x = node->x[0];
    size_t oh = node->shape.dim[2], ow = node->shape.dim[3], h = x->shape.dim[2], w = x->shape.dim[3];
    size_t at = 0;
    for (size_t plane = 0; plane < node->shape.dim[0] * node->shape.dim[1]; plane++)
        for (size_t i = 0; i < oh; i++)
            for (size_t j = 0; j < ow; j++, at++) {
                overlap v = overlap_at(i, win->size_h, win->stride_h, win->pad_top, h);
                overlap u = overlap_at(j, win->size_w, win->stride_w, win->pad_left, w);
                const float *values = x->value + plane * h * w;
                int is_max = node->kind == ADAH_NODE_MAX_POOL;
                if (!dx) {
                    node->value[at] = is_max ? values[find_max(values, v, u, w)] : mean(values, v, u, w);
                    continue;
                }
                float *gradient = dx + plane * h * w;
                if (is_max) {
                    gradient[find_max(values, v, u, w)] += node->gradient[at];
                    continue;
                }
                float share = node->gradient[at] / (float)((v.end - v.begin) * (u.end - u.begin));
                for (size_t p = v.begin; p < v.end; p++)
                    for (size_t q = u.begin; q < u.end; q++)
                        gradient[p * w + q] += share;
            }
}

static adah_code pool_forward(adah_node *node, adah_status *status) {
    (void)status;
    pool(node, NULL);
    return ADAH_OK;
}

static adah_code pool_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    if (dx[0])
        pool(node, dx[0]);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- */

const adah_kernel *adah_reference_kernel(adah_node_kind kind) {
    static const adah_kernel convolution = {convolution_forward, convolution_backward, 0, NULL};
    static const adah_kernel fully_connected = {fully_connected_forward, fully_connected_backward, 0, NULL};
    static const adah_kernel batch_norm = {batch_norm_forward, batch_norm_backward, 0, NULL};
    static const adah_kernel response_norm = {response_norm_forward, response_norm_backward, 0, NULL};
    static const adah_kernel pooling = {pool_forward, pool_backward, 0, NULL};
    switch (kind) {
    case ADAH_NODE_CONVOLUTION: return &convolution;
    case ADAH_NODE_FULLY_CONNECTED: return &fully_connected;
    case ADAH_NODE_BATCH_NORM: return &batch_norm;
    case ADAH_NODE_RESPONSE_NORM: return &response_norm;
    case ADAH_NODE_LAYER_NORM:
    case ADAH_NODE_GELU:
    case ADAH_NODE_ATTENTION: return adah_reference_transformer_kernel(kind);
    default: return &pooling;
    }
}

/* Everything is plain, so the functions about layouts are never called. */
static adah_code prepare(adah_node *node, void **wanted, adah_status *status) {
    (void)wanted, (void)status;
    if (node->kind == ADAH_NODE_GATE)
        adah_gate_prepare(node, 1);
    else if (node->kind != ADAH_NODE_CONCATENATE)
        node->kernel = adah_reference_kernel(node->kind);
    return ADAH_OK;
}

const adah_engine adah_engine_reference = {.prepare = prepare};
