/* multi_head.c - attention: for each item and head softmax(Q K' / sqrt(D)) V, a thread each, some rows of Q at a time.
 *
 * What is stored between forward and backward is nothing: backward computes the probabilities P again, which are large, from Q and K, which
 * are not. With dO the gradient of the output, for some rows at a time,
 *
 *     dP = dO V'     dS = P (dP - sum of P dP) / sqrt(D)     dQ = dS K     dK += dS' Q     dV += P' dO
 *
 * The products are those of product.h. Rows that are not looked at have P = 0, as if exp(-infinity). Packed texts are taken one after the
 * other, each as if it were alone. */
#include "base/parallel.h"
#include "base/vector.h"
#include "base/vector_math.h"
#include "nn/graph/graph_internal.h"
#include "nn/graph/product.h"

#include <math.h>
#include <string.h>

enum { ROWS = 48 /* of Q at a time */, ALIGNED = 16 /* floats */ };

/* One head of one item. */
typedef struct head {
    const adah_node *node;
    const adah_product_kernels *kernels;
    size_t n_rows, n_keys, n;         /* n: channels of a head */
    const float *q, *k, *v;           /* rows of n, */
    size_t q_row, k_row;              /* so many floats apart */
    float *dq, *dk, *dv;              /* NULL: not wanted */
    const float *presence;            /* NULL: all */
    const float *distance;            /* of a row and its own key; NULL: none */
    float *y;
    const float *dy;
    size_t y_row;
    float *memory;                    /* what is left of the thread's */
} head;

static const float *presence_of(const adah_node *node) {
    const size_t n_own = 1 + (node->x[0]->shape.dim[2] == node->shape.dim[2]); /* one input, or two when queries are alone */
    return node->n_x > n_own ? node->x[n_own]->value : NULL;
}

static head head_at(const adah_node *node, size_t at) {
    const size_t n_channels = node->shape.dim[2], item = at / node->form.n_heads, number = at % node->form.n_heads;
    const int is_self = node->x[0]->shape.dim[2] != n_channels;
    const adah_node *x = node->x[0], *other = is_self ? x : node->x[1];
    head h = {.node = node,
              .kernels = adah_product_family(),
              .n_rows = node->shape.dim[1],
              .n_keys = other->shape.dim[1],
              .n = n_channels / node->form.n_heads,
              .q_row = x->shape.dim[2],
              .k_row = other->shape.dim[2],
              .y_row = n_channels};
    const size_t q = item * h.n_rows * h.q_row + number * h.n;
    const size_t k = item * h.n_keys * h.k_row + (is_self ? n_channels : 0) + number * h.n, v = k + n_channels;
    h.q = x->value + q;
    h.k = other->value + k;
    h.v = other->value + v;
    float *dx = node->dx[0], *d_other = is_self ? dx : node->dx[1];
    h.dq = dx ? dx + q : NULL;
    h.dk = d_other ? d_other + k : NULL;
    h.dv = d_other ? d_other + v : NULL;
    const size_t y = item * h.n_rows * n_channels + number * h.n;
    h.y = node->value + y;
    h.dy = node->gradient ? node->gradient + y : NULL;
    const float *presence = presence_of(node);
    h.presence = presence ? presence + item * h.n_keys : NULL;
    const adah_parameter *distance = node->form.distance;
    h.distance = distance ? distance->value + number * distance->shape.dim[1] + distance->shape.dim[1] / 2 : NULL;
    h.memory = node->graph->scratch + (size_t)adah_parallel_thread() * (node->graph->n_scratch / (size_t)node->graph->n_threads / ALIGNED * ALIGNED);
    return h;
}

static float *take(head *h, size_t n) {
    float *memory = h->memory;
    h->memory += (n + ALIGNED - 1) / ALIGNED * ALIGNED;
    return memory;
}

static adah_product_panels take_panels(head *h, size_t n_inner, size_t n_columns) {
    adah_product_panels b = adah_product_panels_of(h->kernels, n_inner, n_columns, h->memory);
    take(h, n_inner * b.n_whole);
    return b;
}

/* The first n scores of a row, those that are looked at, become probabilities, the rest of `whole` 0. */
ADAH_VECTOR_LOOP(void, make_probabilities, (float *s, size_t n, size_t whole, float scale, const float *presence),
                 (s, n, whole, scale, presence)) {
    float highest = -HUGE_VALF, sum = 0;
    for (size_t i = 0; i < n; i++)
        highest = (!presence || presence[i] != 0) && s[i] > highest ? s[i] : highest;
    if (highest == -HUGE_VALF) { /* none */
        memset(s, 0, whole * sizeof *s);
        return;
    }
    for (size_t i = 0; i < n; i++)
        s[i] = adah_vector_exp(scale * (s[i] - highest));
    for (size_t i = 0; presence && i < n; i++)
        s[i] = presence[i] != 0 ? s[i] : 0;
    sum = adah_vector_sum(s, n);
    const float share = 1 / sum;
    for (size_t i = 0; i < n; i++)
        s[i] *= share;
    memset(s + n, 0, (whole - n) * sizeof *s);
}

ADAH_VECTOR_LOOP(void, add_distances, (float *s, size_t n, float scale, const float *distance), (s, n, scale, distance)) {
    for (size_t i = 0; i < n; i++)
        s[i] = s[i] * scale + distance[i];
}

/* Probabilities of n_rows rows from `row` on; turned_k: K' in panels. */
static void probabilities(const head *h, const adah_product_panels *turned_k, size_t row, size_t n_rows, float *p) {
    const float scale = 1 / sqrtf((float)h->n);
    adah_product_multiply(turned_k, n_rows, h->n, h->q + row * h->q_row, h->q_row, p, turned_k->n_whole, 0);
    for (size_t r = 0; r < n_rows; r++) {
        const size_t n = h->node->form.is_causal && row + r + 1 < h->n_keys ? row + r + 1 : h->n_keys;
        if (h->distance)
            add_distances(p + r * turned_k->n_whole, n, scale, h->distance - (row + r));
        make_probabilities(p + r * turned_k->n_whole, n, turned_k->n_whole, h->distance ? 1 : scale, h->presence);
    }
}

static size_t rows_from(const head *h, size_t row) { return h->n_rows - row < ROWS ? h->n_rows - row : ROWS; }

static void forward_head(head h) {
    const adah_product_panels turned_k = take_panels(&h, h.n, h.n_keys), v = take_panels(&h, h.n_keys, h.n);
    float *p = take(&h, ROWS * turned_k.n_whole), *o = take(&h, ROWS * v.n_whole);
    adah_product_pack_turned(&turned_k, h.k, h.k_row);
    adah_product_pack(&v, h.v, h.k_row);
    for (size_t row = 0; row < h.n_rows; row += ROWS) {
        const size_t n_rows = rows_from(&h, row);
        probabilities(&h, &turned_k, row, n_rows, p);
        adah_product_multiply(&v, n_rows, h.n_keys, p, turned_k.n_whole, o, v.n_whole, 0);
        for (size_t r = 0; r < n_rows; r++)
            memcpy(h.y + (row + r) * h.y_row, o + r * v.n_whole, h.n * sizeof *o);
    }
}

/* dP becomes dS. */
ADAH_VECTOR_LOOP(void, score_gradients, (const float *p, float *ds, size_t n, float scale), (p, ds, n, scale)) {
    const float mean = adah_vector_dot(p, ds, n);
    for (size_t i = 0; i < n; i++)
        ds[i] = p[i] * (ds[i] - mean) * scale;
}

static void add_rows(const float *from, size_t from_row, size_t n_rows, size_t n, float *to, size_t to_row) {
    for (size_t r = 0; to && r < n_rows; r++)
        for (size_t i = 0; i < n; i++)
            to[r * to_row + i] += from[r * from_row + i];
}

/* sum (n_keys, n) += a' b, a (n_rows, n_keys), rows a_row apart; b, n_rows rows of n. turned has room for a'. */
static void add_turned(const head *h, const float *a, size_t a_row, size_t n_rows, const float *b, size_t b_row, float *turned,
                       const adah_product_panels *panels, float *sum) {
    h->kernels->turn(n_rows, h->n_keys, a, a_row, turned, ROWS);
    const adah_product_panels rows = adah_product_panels_of(h->kernels, n_rows, h->n, panels->panel);
    adah_product_pack(&rows, b, b_row);
    adah_product_multiply(&rows, h->n_keys, n_rows, turned, ROWS, sum, rows.n_whole, 1);
}

static void backward_head(head h) {
    const adah_product_panels turned_k = take_panels(&h, h.n, h.n_keys), k = take_panels(&h, h.n_keys, h.n),
                              turned_v = take_panels(&h, h.n, h.n_keys), rows = take_panels(&h, ROWS, h.n);
    float *p = take(&h, ROWS * turned_k.n_whole), *ds = take(&h, ROWS * turned_k.n_whole), *turned = take(&h, ROWS * h.n_keys),
          *dq = take(&h, ROWS * k.n_whole), *dk = take(&h, h.n_keys * k.n_whole), *dv = take(&h, h.n_keys * k.n_whole);
    const float scale = 1 / sqrtf((float)h.n);
    adah_product_pack_turned(&turned_k, h.k, h.k_row);
    adah_product_pack(&k, h.k, h.k_row);
    adah_product_pack_turned(&turned_v, h.v, h.k_row);
    memset(dk, 0, h.n_keys * k.n_whole * sizeof *dk);
    memset(dv, 0, h.n_keys * k.n_whole * sizeof *dv);
    for (size_t row = 0; row < h.n_rows; row += ROWS) {
        const size_t n_rows = rows_from(&h, row), width = turned_k.n_whole;
        const float *dy = h.dy + row * h.y_row;
        probabilities(&h, &turned_k, row, n_rows, p);
        if (h.dv)
            add_turned(&h, p, width, n_rows, dy, h.y_row, turned, &rows, dv);
        adah_product_multiply(&turned_v, n_rows, h.n, dy, h.y_row, ds, width, 0);
        for (size_t r = 0; r < n_rows; r++)
            score_gradients(p + r * width, ds + r * width, width, scale);
        if (h.dk)
            add_turned(&h, ds, width, n_rows, h.q + row * h.q_row, h.q_row, turned, &rows, dk);
        if (h.dq) {
            adah_product_multiply(&k, n_rows, h.n_keys, ds, width, dq, k.n_whole, 0);
            add_rows(dq, k.n_whole, n_rows, h.n, h.dq + row * h.q_row, h.q_row);
        }
    }
    add_rows(dk, k.n_whole, h.n_keys, h.n, h.dk, h.k_row);
    add_rows(dv, k.n_whole, h.n_keys, h.n, h.dv, h.k_row);
}

/* The same head of n rows from `first` on, which are a text. */
static head part_of(const head *h, size_t first, size_t n) {
    head part = *h;
    const size_t q = first * h->q_row, k = first * h->k_row, y = first * h->y_row;
    part.n_rows = part.n_keys = n;
    part.q += q;
    part.k += k;
    part.v += k;
    part.dq = h->dq ? h->dq + q : NULL;
    part.dk = h->dk ? h->dk + k : NULL;
    part.dv = h->dv ? h->dv + k : NULL;
    part.y += y;
    part.dy = h->dy ? h->dy + y : NULL;
    part.presence = NULL;
    return part;
}

/* The rows of the text that begins at `first`. */
static size_t rows_of_text(const head *h, size_t first) {
    const size_t end = h->node->form.distance && first + h->node->form.distance->shape.dim[1] / 2 + 1 < h->n_rows
                           ? first + h->node->form.distance->shape.dim[1] / 2 + 1
                           : h->n_rows;
    size_t row = first + 1;
    while (row < end && h->presence[row] == h->presence[first])
        row++;
    return row - first;
}

static void head_forward(void *context, size_t at) {
    const head h = head_at(context, at);
    if (!h.node->form.is_packed) {
        forward_head(h);
        return;
    }
    for (size_t row = 0, n; row < h.n_rows; row += n) {
        n = rows_of_text(&h, row);
        if (h.presence[row] != 0)
            forward_head(part_of(&h, row, n));
        for (size_t r = row; h.presence[row] == 0 && r < row + n; r++)
            memset(h.y + r * h.y_row, 0, h.n * sizeof *h.y);
    }
}

static void head_backward(void *context, size_t at) {
    const head h = head_at(context, at);
    if (!h.node->form.is_packed) {
        backward_head(h);
        return;
    }
    for (size_t row = 0, n; row < h.n_rows; row += n) {
        n = rows_of_text(&h, row);
        if (h.presence[row] != 0)
            backward_head(part_of(&h, row, n));
    }
}

static size_t n_heads_of_all(const adah_node *node) { return node->shape.dim[0] * node->form.n_heads; }

static adah_code forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for(n_heads_of_all(node), 1, head_forward, node);
    return ADAH_OK;
}

static adah_code backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)dx, (void)status;
    adah_parallel_for(n_heads_of_all(node), 1, head_backward, node);
    return ADAH_OK;
}

adah_code adah_multi_head_prepare(adah_node *node, adah_status *status) {
    static const adah_kernel kernel = {forward, backward, 0, NULL};
    (void)status;
    node->kernel = &kernel;
    const size_t n = node->shape.dim[2] / node->form.n_heads;
    const size_t n_keys = node->x[node->x[0]->shape.dim[2] == node->shape.dim[2] ? 1 : 0]->shape.dim[1];
    const size_t width = ADAH_PRODUCT_WIDTH_MAX, n_whole = (n + width - 1) / width * width;
    const size_t keys_whole = (n_keys + width - 1) / width * width; /* at most */
    size_t n_floats = n * keys_whole + n_keys * n_whole + ROWS * (keys_whole + n_whole) + 8 * ALIGNED;
    if (node->graph->mode == ADAH_GRAPH_TRAIN)
        n_floats = 2 * n * keys_whole + n_keys * n_whole + ROWS * n_whole + 2 * ROWS * keys_whole + ROWS * n_keys + ROWS * n_whole +
                   2 * n_keys * n_whole + 16 * ALIGNED;
    adah_graph_need_scratch(node->graph, (size_t)node->graph->n_threads * n_floats);
    return ADAH_OK;
}
