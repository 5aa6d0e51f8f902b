/* fully_connected.c - fully connected layers of a batch: Y = X W' + 1 b', dX = dY W, dW += dY' X, db += dY' 1.
 *
 * In a step behind a frozen backbone the weights are many and the items few, so what counts is to go over W once and to keep the
 * processor multiplying meanwhile. All three are products C = A B of the kernels in product_body.h, whose A is read where it lies and whose B
 * lies in panels:
 *
 *     forward    Y' = W X'     B = X', turned once; a block of Y' is turned on its way out. With fewer outputs than items
 *                Y = X W'      B = W', turned once
 *                Y = X W'   B = W' of rows of tokens in encoding, turned in the second run and kept (packed.h): the weights are the same in all
 *                           runs, and the results as well, to the bit
 *     dW         dW += dY' X   A = dY', turned once; B = X
 *     dX         dX = dY W     B = W, a few of its rows at a time, so that it is read once
 *
 * Rows of C are cut into chunks, columns into groups of panels, the inner dimension into pieces that stay in the first cache; who
 * computes a block changes nothing in it.
 *
 * A bag of words is nearly all zeros. Where an input node's values are, Y and dW are summed over the others alone. */
#include "nn/graph/fully_connected.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/vector.h"
#include "nn/graph/gelu.h"
#include "nn/graph/packed.h"
#include "nn/graph/product.h"

#include <math.h>
#include <string.h>

enum {
    ITEMS_MIN = 16,   /* in a batch; with fewer, panels are mostly empty */
    CHUNK = 48,       /* rows of C in a block: 8 tiles */
    ROWS_MAX = 54,    /* 9 where that makes the end of it */
    SET = 1 << 17,    /* floats of B that the second cache has room for */
    GROUP = ADAH_PRODUCT_WIDTH_MAX, /* columns of C in a block */
    INNER = 128,      /* of a piece: 32 kB of B with the widest panel */
    STRIP = 128,      /* columns of W packed together: enough for the processor to see a stream */
    TURNED = 64,      /* columns turned at a time */
    SPARSE = 16       /* of so many values one may differ from 0 */
};

typedef struct state {
    const adah_product_kernels *kernels;
    adah_packed *weights; /* W' in panels; NULL: made in each run where it is wanted */
    int has_run;
    int is_sparse;   /* the values of this forward */
    size_t *start;   /* [B + 1] the values of item b that are not 0: from start[b] on; NULL: never looked for */
    uint32_t *place; /* [B n_in / SPARSE] where in the row, */
    float *value;    /* and what */
} state;

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t ceiling(size_t n, size_t of) { return (n + of - 1) / of; }

/* ---------------------------------------------------------------- products of panels */

/* C (n_rows, n_columns) = A B. The panels of B follow each other, n_inner * width floats each. */
typedef struct product {
    adah_node *node;
    const adah_product_kernels *k;
    size_t n_rows, n_columns, n_inner, width;
    const float *a;
    size_t a_row;
    float *b;
    const float *from; /* what b is made of */
    float *c;
    size_t n_set;      /* groups whose B is used for all rows at once */
    unsigned groups; /* backward: those whose parameters learn */
} product;

/* As narrow as a batch or a layer allows. */
static size_t width_of(const adah_product_kernels *k, size_t n_columns) {
    size_t n = 1;
    while (n < k->n_vectors && n * k->lanes < n_columns)
        n *= 2;
    return n * k->lanes;
}

static size_t panels_floats(const adah_product_kernels *k, size_t n_columns, size_t n_inner) {
    const size_t width = width_of(k, n_columns);
    return ceiling(n_columns, width) * width * n_inner;
}

static size_t n_groups(const product *p) { return ceiling(p->n_columns, GROUP); }

/* n_rows rows from `row` on of a block of C, columns from `column` on, into c: all of the panels, so that c may get more than n_columns.
 * next_row, next_column: where the next block begins. */
static void multiply_rows(const product *p, size_t row, size_t n_rows, size_t column, size_t next_row, size_t next_column, float *c,
                          size_t c_row, int adds) {
    const size_t end = least(GROUP, p->n_columns - column);
    for (size_t k = 0; k < p->n_inner; k += INNER)
        for (size_t j = 0; j < end; j += p->width) {
            const int is_last = j + p->width >= end, is_done = is_last && k + INNER >= p->n_inner;
            const float *a = p->a + row * p->a_row + k, *b = p->b + (column + j) * p->n_inner + k * p->width;
            const float *next_a = is_done ? p->a + next_row * p->a_row : is_last ? a + INNER : a;
            const float *next_b = is_done   ? p->b + next_column * p->n_inner
                                  : is_last ? p->b + column * p->n_inner + (k + INNER) * p->width
                                            : b + p->width * p->n_inner;
            p->k->multiply(n_rows, least(INNER, p->n_inner - k), a, p->a_row, b, p->width, next_a, next_b, c + j, c_row, adds || k);
        }
}

static void multiply_block(const product *p, size_t row, size_t column, float *c, size_t c_row, int adds) {
    multiply_rows(p, row, least(CHUNK, p->n_rows - row), column, row, column, c, c_row, adds);
}

/* All blocks, `body` each; neighbours share rows of A, so a thread takes those of a chunk together where there are many. */
static void for_blocks(product *p, void (*body)(void *context, size_t block)) {
    const size_t n_chunks = ceiling(p->n_rows, CHUNK), n = n_groups(p);
    adah_parallel_for(n_chunks * n, n_chunks >= 4 * (size_t)p->node->graph->n_threads ? n : 1, body, p);
}

/* ---------------------------------------------------------------- forward */

static int is_fused(const adah_node *node, adah_node_kind kind) {
    return node->activation && node->activation->fused && node->activation->kind == kind;
}
static int relu_fused(const adah_node *node) { return is_fused(node, ADAH_NODE_RELU); }
static int gelu_fused(const adah_node *node) { return is_fused(node, ADAH_NODE_GELU); }

/* B = from' : some neighbouring rows of B, of one panel. */
static void turn_rows(void *context, size_t i) {
    const product *p = context;
    const size_t n_pieces = ceiling(p->n_inner, TURNED), item = i / n_pieces * p->width, first = i % n_pieces * TURNED;
    const size_t n_items = least(p->width, p->n_columns - item), n = least(TURNED, p->n_inner - first);
    float *to = p->b + item * p->n_inner + first * p->width;
    if (n_items < p->width)
        memset(to, 0, n * p->width * sizeof *to);
    p->k->turn(n_items, n, p->from + item * p->n_inner + first, p->n_inner, to, p->width);
}

static float finish(const adah_node *node, size_t output, float y) {
    y += node->b ? node->b->value[output] : 0;
    return relu_fused(node) && y < 0 ? 0 : y;
}

/* The bias of each column, or of each row, and ReLU on n_rows rows of n floats of a block. */
ADAH_VECTOR_LOOP(void, finish_columns, (float *c, size_t n_rows, size_t n, const float *bias, float least_value),
                 (c, n_rows, n, bias, least_value)) {
    for (size_t r = 0; r < n_rows; r++, c += GROUP)
        for (size_t j = 0; j < n; j++) {
            const float y = c[j] + (bias ? bias[j] : 0);
            c[j] = y < least_value ? least_value : y;
        }
}

ADAH_VECTOR_LOOP(void, finish_rows, (float *c, size_t n_rows, size_t n, const float *bias, float least_value),
                 (c, n_rows, n, bias, least_value)) {
    for (size_t r = 0; r < n_rows; r++, c += GROUP) {
        const float b = bias ? bias[r] : 0;
        for (size_t j = 0; j < n; j++) {
            const float y = c[j] + b;
            c[j] = y < least_value ? least_value : y;
        }
    }
}

static float least_value(const adah_node *node) { return relu_fused(node) ? 0 : -HUGE_VALF; }

/* GELU of n_rows rows of n floats of a block that is finished otherwise. */
static void finish_gelu(const adah_node *node, float *c, size_t n_rows, size_t n) {
    for (size_t r = 0; r < n_rows && gelu_fused(node); r++)
        adah_gelu_values(node->activation->gelu, c + r * GROUP, c + r * GROUP, n);
}

/* A block of Y. */
static void finish_block(const product *p, size_t row, size_t n_rows, size_t column, size_t next_row, size_t next_column) {
    const size_t n = least(GROUP, p->n_columns - column);
    _Alignas(64) float c[ROWS_MAX * GROUP];
    multiply_rows(p, row, n_rows, column, next_row, next_column, c, GROUP, 0);
    finish_columns(c, n_rows, n, p->node->b ? p->node->b->value + column : NULL, least_value(p->node));
    finish_gelu(p->node, c, n_rows, n);
    for (size_t r = 0; r < n_rows; r++)
        memcpy(p->c + (row + r) * p->n_columns + column, c + r * GROUP, n * sizeof *c);
}

static void forward_block(void *context, size_t block) {
    const product *p = context;
    const size_t row = block / n_groups(p) * CHUNK, column = block % n_groups(p) * GROUP;
    finish_block(p, row, least(CHUNK, p->n_rows - row), column, row, column);
}

/* All rows of some columns, whose weights stay in the second cache meanwhile. Few rows at the end go with those before them. */
static void forward_columns(void *context, size_t set) {
    const product *p = context;
    const size_t first = set * p->n_set * GROUP, end = least(first + p->n_set * GROUP, p->n_columns);
    for (size_t row = 0, n; row < p->n_rows; row += n) {
        n = p->n_rows - row <= ROWS_MAX ? p->n_rows - row : CHUNK;
        for (size_t column = first; column < end; column += GROUP) {
            const int is_last = column + GROUP >= end, is_done = is_last && row + n == p->n_rows;
            finish_block(p, row, n, column, is_done ? 0 : is_last ? row + n : row, !is_last ? column + GROUP : is_done && end < p->n_columns ? end : first);
        }
    }
}

/* A block of Y'. */
static void turned_block(void *context, size_t block) {
    const product *p = context;
    const size_t row = block / n_groups(p) * CHUNK, column = block % n_groups(p) * GROUP;
    const size_t n_rows = least(CHUNK, p->n_rows - row), n = least(GROUP, p->n_columns - column);
    _Alignas(64) float c[CHUNK * GROUP];
    multiply_block(p, row, column, c, GROUP, 0);
    finish_rows(c, n_rows, n, p->node->b ? p->node->b->value + row : NULL, least_value(p->node));
    finish_gelu(p->node, c, n_rows, n);
    p->k->turn(n_rows, n, c, GROUP, p->c + column * p->n_rows + row, p->n_rows);
}

/* Remembers the values that are not 0, if they are few. */
static int find_values(const adah_node *node) {
    state *s = node->state;
    const size_t n_in = adah_node_in(node), n_max = node->x[0]->n / SPARSE;
    size_t n = 0;
    for (size_t b = 0; b < adah_node_rows(node); b++) {
        const float *x = node->x[0]->value + b * n_in;
        s->start[b] = n;
        for (size_t i = 0; i < n_in; i++) {
            if (x[i] == 0)
                continue;
            if (n == n_max)
                return 0;
            s->place[n] = (uint32_t)i;
            s->value[n++] = x[i];
        }
    }
    s->start[adah_node_rows(node)] = n;
    return 1;
}

/* Some neighbouring outputs of all items. */
static void sparse_forward(void *context, size_t chunk) {
    adah_node *node = context;
    const state *s = node->state;
    const size_t n_in = adah_node_in(node), n_out = adah_node_out(node), n_items = adah_node_rows(node), first = chunk * CHUNK;
    const size_t n = least(CHUNK, n_out - first);
    float c[CHUNK * GROUP];
    for (size_t item = 0; item < n_items; item += GROUP) {
        const size_t end = least(GROUP, n_items - item);
        for (size_t o = 0; o < n; o++) {
            const float *w = node->w->value + (first + o) * n_in;
            for (size_t b = 0; b < end; b++) {
                float sum = 0;
                for (size_t i = s->start[item + b]; i < s->start[item + b + 1]; i++)
                    sum += w[s->place[i]] * s->value[i];
                c[o * GROUP + b] = finish(node, first + o, sum);
            }
        }
        finish_gelu(node, c, n, end);
        s->kernels->turn(n, end, c, GROUP, node->value + item * n_out + first, n_out);
    }
}

static void turn_all(product *p) {
    adah_parallel_for(ceiling(p->n_columns, p->width) * ceiling(p->n_inner, TURNED), 4, turn_rows, p);
}

static adah_code pack_weights(void *context, float *to, adah_status *status) {
    (void)status;
    product p = *(const product *)context;
    p.b = to;
    turn_all(&p);
    return ADAH_OK;
}

/* Y = X W' with weights that were turned before. */
static adah_code forward_packed(adah_node *node, adah_status *status) {
    const state *s = node->state;
    product p = {.node = node,
                 .k = s->kernels,
                 .n_rows = adah_node_rows(node),
                 .n_columns = adah_node_out(node),
                 .n_inner = adah_node_in(node),
                 .width = width_of(s->kernels, adah_node_out(node)),
                 .a = node->x[0]->value,
                 .a_row = adah_node_in(node),
                 .from = node->w->value,
                 .c = node->value};
    const float *weights;
    ADAH_TRY(adah_packed_get(s->weights, pack_weights, &p, &weights, status));
    p.b = (float *)(uintptr_t)weights;
    const size_t n_threads = (size_t)node->graph->n_threads;
    p.n_set = p.n_rows <= ROWS_MAX ? 1 : least(1 + SET / (GROUP * p.n_inner), ceiling(n_groups(&p), 2 * n_threads));
    adah_parallel_for(ceiling(n_groups(&p), p.n_set), 1, forward_columns, &p);
    return ADAH_OK;
}

static adah_code forward(adah_node *node, adah_status *status) {
    state *s = node->state;
    if (s->weights && s->has_run)
        return forward_packed(node, status);
    s->has_run = 1;
    const size_t n_in = adah_node_in(node), n_items = adah_node_rows(node), n_out = adah_node_out(node);
    const int turns = n_out >= n_items; /* the smaller factor is turned */
    product p = {.node = node,
                 .k = s->kernels,
                 .n_rows = turns ? n_out : n_items,
                 .n_columns = turns ? n_items : n_out,
                 .n_inner = n_in,
                 .width = width_of(s->kernels, turns ? n_items : n_out),
                 .a = turns ? node->w->value : node->x[0]->value,
                 .a_row = n_in,
                 .b = node->graph->scratch,
                 .from = turns ? node->x[0]->value : node->w->value,
                 .c = node->value};
    s->is_sparse = s->start && find_values(node);
    if (s->is_sparse) {
        adah_parallel_for(ceiling(n_out, CHUNK), 1, sparse_forward, node);
        return ADAH_OK;
    }
    turn_all(&p);
    for_blocks(&p, turns ? turned_block : forward_block);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- backward */

/* dY' (n_out, B): its place in the scratch memory. */
static float *turned_gradient(const adah_node *node) { return node->graph->scratch; }

/* Some neighbouring columns of dY, through ReLU where that is ours: turned, and their sums. */
static void turn_gradient(void *context, size_t piece) {
    const product *p = context;
    const adah_node *node = p->node;
    const size_t n_items = adah_node_rows(node), n_out = adah_node_out(node), first = piece * TURNED;
    const size_t n = least(TURNED, n_out - first);
    float *dy = node->gradient + first, *to = turned_gradient(node) + first * n_items;
    const float *y = node->value + first;
    for (size_t b = 0; node->activation && node->activation->fused_backward && b < n_items; b++)
        for (size_t j = b * n_out; j < b * n_out + n; j++)
            dy[j] = y[j] > 0 ? dy[j] : 0;
    p->k->turn(n_items, n, dy, n_out, to, n_items);
    float *db = adah_trains(node->b, p->groups) ? node->b->gradient : NULL;
    for (size_t j = 0; db && j < n; j++) {
        float sum = 0;
        for (size_t b = 0; b < n_items; b++)
            sum += to[j * n_items + b];
        db[first + j] += sum;
    }
}

/* B = from (n_inner, n_columns): some neighbouring rows as panels. */
static void pack_rows(const product *p, size_t first, size_t n_rows, size_t column, size_t n_columns, float *to, size_t n_inner) {
    for (size_t j = 0; j < n_columns; j += p->width) {
        const size_t n = least(p->width, n_columns - j);
        float *panel = to + j * n_inner;
        for (size_t r = 0; r < n_rows; r++) {
            memcpy(panel + r * p->width, p->from + (first + r) * p->n_columns + column + j, n * sizeof *to);
            if (n < p->width)
                memset(panel + r * p->width + n, 0, (p->width - n) * sizeof *to);
        }
    }
}

static void pack_group(void *context, size_t group) {
    const product *p = context;
    pack_rows(p, 0, p->n_inner, group * GROUP, least(GROUP, p->n_columns - group * GROUP), p->b + group * GROUP * p->n_inner,
              p->n_inner);
}

static void weight_block(void *context, size_t block) {
    const product *p = context;
    const size_t row = block / n_groups(p) * CHUNK, column = block % n_groups(p) * GROUP;
    const size_t n_rows = least(CHUNK, p->n_rows - row), n = least(GROUP, p->n_columns - column);
    float *to = p->c + row * p->n_columns + column;
    if (n % p->width == 0) {
        multiply_block(p, row, column, to, p->n_columns, 1);
        return;
    }
    _Alignas(64) float c[CHUNK * GROUP];
    multiply_block(p, row, column, c, GROUP, 0);
    for (size_t r = 0; r < n_rows; r++)
        for (size_t j = 0; j < n; j++)
            to[r * p->n_columns + j] += c[r * GROUP + j];
}

/* Some neighbouring rows of dW, of the values that are not 0. */
static void sparse_weights(void *context, size_t chunk) {
    const product *p = context;
    const state *s = p->node->state;
    const size_t n_items = adah_node_rows(p->node), first = chunk * CHUNK;
    for (size_t o = first; o < least(p->n_rows, first + CHUNK); o++) {
        const float *dy = p->a + o * n_items;
        float *dw = p->c + o * p->n_columns;
        for (size_t b = 0; b < n_items; b++)
            for (size_t i = s->start[b]; dy[b] != 0 && i < s->start[b + 1]; i++)
                dw[s->place[i]] += dy[b] * s->value[i];
    }
}

static void weights_backward(adah_node *node, unsigned groups) {
    const state *s = node->state;
    const size_t n_items = adah_node_rows(node), n_out = adah_node_out(node), n_in = adah_node_in(node);
    product p = {.node = node,
                 .k = s->kernels,
                 .n_rows = n_out,
                 .n_columns = n_in,
                 .n_inner = n_items,
                 .width = width_of(s->kernels, n_in),
                 .a = turned_gradient(node),
                 .a_row = n_items,
                 .b = node->graph->scratch + ceiling(n_out * n_items, 16) * 16,
                 .from = node->x[0]->value,
                 .c = node->w->gradient,
                 .groups = groups};
    adah_parallel_for(ceiling(n_out, TURNED), 1, turn_gradient, &p);
    if (!adah_trains(node->w, groups))
        return;
    if (s->is_sparse) {
        adah_parallel_for(ceiling(n_out, CHUNK), 1, sparse_weights, &p);
        return;
    }
    adah_parallel_for(n_groups(&p), 1, pack_group, &p);
    for_blocks(&p, weight_block);
}

static size_t input_floats(size_t n_items) { return (INNER + n_items) * STRIP; }

/* Some neighbouring columns of dX. What panels have beyond them goes to a block aside. */
static void input_group(void *context, size_t group) {
    product *p = context;
    const size_t column = group * STRIP, n = least(STRIP, p->n_columns - column);
    float *panels = p->b + (size_t)adah_parallel_thread() * input_floats(p->n_rows), *aside = panels + INNER * STRIP;
    const int fits = n % p->width == 0;
    float *c = fits ? p->c + column : aside;
    const size_t c_row = fits ? p->n_columns : STRIP;
    for (size_t k = 0; k < p->n_inner; k += INNER) {
        const size_t n_inner = least(INNER, p->n_inner - k);
        pack_rows(p, k, n_inner, column, n, panels, n_inner);
        for (size_t row = 0; row < p->n_rows; row += CHUNK)
            for (size_t j = 0; j < n; j += p->width)
                p->k->multiply(least(CHUNK, p->n_rows - row), n_inner, p->a + row * p->a_row + k, p->a_row,
                               panels + j * n_inner, p->width, p->a + row * p->a_row + k, panels + j * n_inner, c + row * c_row + j, c_row, k > 0);
    }
    for (size_t row = 0; !fits && row < p->n_rows; row++)
        memcpy(p->c + row * p->n_columns + column, aside + row * STRIP, n * sizeof *aside);
}

static adah_code backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const state *s = node->state;
    const size_t n_in = adah_node_in(node), n_out = adah_node_out(node);
    if (adah_trains(node->w, groups) || adah_trains(node->b, groups))
        weights_backward(node, groups);
    if (!dx[0])
        return ADAH_OK;
    product p = {.node = node,
                 .k = s->kernels,
                 .n_rows = adah_node_rows(node),
                 .n_columns = n_in,
                 .n_inner = n_out,
                 .width = width_of(s->kernels, n_in),
                 .a = node->gradient,
                 .a_row = n_out,
                 .b = node->graph->scratch,
                 .from = node->w->value,
                 .c = dx[0]};
    adah_parallel_for(ceiling(n_in, STRIP), 1, input_group, &p);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- */

static void release(void *memory) {
    state *s = memory;
    adah_packed_release(s->weights);
    adah_memory_free(s->start);
    adah_memory_free(s->place);
    adah_memory_free(s->value);
    adah_memory_free(s);
}

int adah_fully_connected_fits(const adah_node *node) {
    return node->kind == ADAH_NODE_FULLY_CONNECTED && adah_node_rows(node) >= ITEMS_MIN;
}

adah_code adah_fully_connected_prepare(adah_node *node, adah_status *status) {
    static const adah_kernel kernel = {forward, backward, 1, release};
    adah_graph *g = node->graph;
    const size_t n_items = adah_node_rows(node), n_out = adah_node_out(node), n_in = adah_node_in(node);
    state *s = node->state = adah_memory_zeroed(1, sizeof *s);
    node->kernel = &kernel;
    if (!s)
        return adah_fail_memory(status, sizeof *s);
    s->kernels = adah_product_family();
    if (g->mode == ADAH_GRAPH_INFER && node->shape.n_dims > 2 &&
        !(s->weights = adah_packed_acquire(node->w, NULL, s->kernels, panels_floats(s->kernels, n_out, n_in))))
        return adah_fail_memory(status, panels_floats(s->kernels, n_out, n_in) * sizeof(float));
    if (node->x[0]->kind == ADAH_NODE_INPUT && node->x[0]->n >= SPARSE) {
        s->start = adah_memory_zeroed(n_items + 1, sizeof *s->start);
        s->place = adah_memory_zeroed(node->x[0]->n / SPARSE, sizeof *s->place);
        s->value = adah_memory_zeroed(node->x[0]->n / SPARSE, sizeof *s->value);
        if (!s->start || !s->place || !s->value)
            return adah_fail_memory(status, node->x[0]->n / SPARSE * sizeof(float));
    }
    if (node->activation && node->activation->kind == ADAH_NODE_RELU)
        node->activation->fused = node->activation->fused_backward = 1;
    if (node->activation && node->activation->kind == ADAH_NODE_GELU) /* in place: there is no backward */
        node->activation->fused = 1;
    adah_graph_need_scratch(g, panels_floats(s->kernels, least(n_items, n_out), n_in));
    if (g->mode == ADAH_GRAPH_TRAIN) {
        adah_graph_need_scratch(g, ceiling(n_out * n_items, 16) * 16 + panels_floats(s->kernels, n_in, n_items));
        adah_graph_need_scratch(g, (size_t)g->n_threads * input_floats(n_items));
    }
    return ADAH_OK;
}
