/* winograd.c - 3 x 3 convolutions of stride 1 by Winograd's method F(4x4, 3x3): 36 multiplications a tile of 16 outputs in place
 * of 144 (Lavin, Gray, CVPR 2016).
 *
 *     V = B' d B        every 6 x 6 tile of the input, a channel alone           (tiles, C_in)  for each of 36 points
 *     U = G w G'        every 3 x 3 kernel                                       (C_in, C_out)
 *     M = V U           one matrix product a point                               (tiles, C_out)
 *     y = A' M A        every 4 x 4 tile of the output, with bias and ReLU
 *
 * The gradient of the input is the same with w turned by half a turn and its channels exchanged. That of the weights is the
 * transpose of the above: D = A dy A', dU = V' D summed over tiles, dw = G' dU G.
 *
 * Forward, each thread takes a chunk of tiles through all four steps; chunks are so small that V and M stay in its cache, or as
 * large as it takes to read U seldom where that is larger than the cache. For the gradient of the weights all threads
 * transform a larger chunk, then share out the products. No result depends on chunks or threads but that gradient, whose
 * sums go chunk by chunk, and chunks depend on shapes alone.
 *
 * Where a graph wants bfloat16, V and U are rounded to it, products are summed in float32; values, gradients and weights stay
 * float32, and so does all of the gradient of the weights.
 *
 * Values and gradients lie as oneDNN's nChw16c or nChw8c, in blocks of as many channels as it likes on this processor, or as its nhwc. Graphs that infer keep U and
 * share it (packed.c); in training w moves between any two uses, and U is computed anew into memory that all nodes share. */
#include "nn/winograd/winograd.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph/packed.h"
#include "nn/winograd/winograd_kernels.h"

#include <math.h>
#include <string.h>

enum { BLOCK = ADAH_WINOGRAD_BLOCK, TILE = ADAH_WINOGRAD_TILE, POINTS = ADAH_WINOGRAD_POINTS,
       ROWS = ADAH_WINOGRAD_ROWS, KERNEL = 9 };

/* Of V and M in a chunk: a thread's going forward; all threads' for the gradient of the weights, where a chunk as large as dU,
 * which each chunk reads and writes, is best. */
enum { FORWARD_BYTES = 8 << 20, WEIGHTS_BYTES_MIN = 8 << 20, WEIGHTS_BYTES_MAX = 32 << 20 };

/* ---------------------------------------------------------------- the family of kernels */

static const adah_winograd_kernels *const families[] = {
#if defined(__x86_64__)
    &adah_winograd_avx512_bf16, &adah_winograd_avx512, &adah_winograd_avx2,
#endif
    &adah_winograd_plain};
enum { N_FAMILIES = sizeof families / sizeof *families };

static const adah_winograd_kernels *forced;

int adah_winograd_use(const char *name) {
    const int is_best = name && !strcmp(name, "best");
    forced = NULL;
    for (int i = 0; name && i < N_FAMILIES && !forced; i++)
        if ((is_best || !strcmp(families[i]->name, name)) && families[i]->supported())
            forced = families[i];
    return !name || forced;
}

static const adah_winograd_kernels *family(void) {
    for (int i = 0; !forced && i < N_FAMILIES; i++)
        if (families[i]->supported())
            return families[i];
    return forced;
}

size_t adah_winograd_block(void) { return family()->n_block; }

int adah_winograd_has_bf16(void) { return family()->multiply_bf16 != NULL; }

/* These products need the most of a processor. */
int adah_precision_supported(adah_precision precision) { return precision != ADAH_BFLOAT16 || adah_winograd_has_bf16(); }

/* ---------------------------------------------------------------- weights */

/* To the nearest, to even between two; no NaN comes here. */
static uint16_t to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* G along one axis: n vectors of BLOCK floats from 3 to 6. */
static void weight_line(const float (*g)[BLOCK], size_t s, float (*u)[BLOCK], size_t to_s) {
    const float p = ADAH_WINOGRAD_P, q = ADAH_WINOGRAD_Q, p2 = p * p, q2 = q * q;
    const float at_0 = 1 / (p2 * q2), at_p = 1 / (2 * p2 * (p2 - q2)), at_q = 1 / (2 * q2 * (q2 - p2));
#pragma omp simd
    for (size_t i = 0; i < BLOCK; i++) {
        const float a = g[0][i], b = g[s][i], c = g[2 * s][i];
        const float even_p = a + p2 * c, even_q = a + q2 * c;
        u[0][i] = at_0 * a;
        u[to_s][i] = at_p * (even_p + p * b);
        u[2 * to_s][i] = at_p * (even_p - p * b);
        u[3 * to_s][i] = at_q * (even_q + q * b);
        u[4 * to_s][i] = at_q * (even_q - q * b);
        u[5 * to_s][i] = c;
    }
}

/* G', from 6 to 3. */
static void kernel_line(const float (*u)[BLOCK], size_t s, float (*g)[BLOCK], size_t to_s) {
    const float p = ADAH_WINOGRAD_P, q = ADAH_WINOGRAD_Q, p2 = p * p, q2 = q * q;
    const float at_0 = 1 / (p2 * q2), at_p = 1 / (2 * p2 * (p2 - q2)), at_q = 1 / (2 * q2 * (q2 - p2));
#pragma omp simd
    for (size_t i = 0; i < BLOCK; i++) {
        const float even_p = at_p * (u[s][i] + u[2 * s][i]), odd_p = at_p * (u[s][i] - u[2 * s][i]);
        const float even_q = at_q * (u[3 * s][i] + u[4 * s][i]), odd_q = at_q * (u[3 * s][i] - u[4 * s][i]);
        g[0][i] = at_0 * u[0][i] + even_p + even_q;
        g[to_s][i] = p * odd_p + q * odd_q;
        g[2 * to_s][i] = p2 * even_p + q2 * even_q + u[5 * s][i];
    }
}

typedef struct weight_pass {
    float *plain;       /* w (C_out, C_in, 3, 3), or its gradient */
    size_t n_out, n_in; /* of w */
    int turned;         /* U for the gradient of the input: rows are w's outputs, columns its inputs */
    float *u;           /* (36, panels of (rows, n_panel)); its gradient: (36, rows, columns) */
    uint16_t *u_bf16;   /* in its place: (36, panels of (rows / 2, n_panel, 2)) */
    size_t n_panel;
} weight_pass;

static size_t n_columns(const weight_pass *p) { return p->turned ? p->n_in : p->n_out; }
static size_t n_rows(const weight_pass *p) { return p->turned ? p->n_out : p->n_in; }

/* One row of U. */
static void transform_row(void *context, size_t row) {
    const weight_pass *p = context;
    const size_t columns = n_columns(p), rows = n_rows(p);
    for (size_t c = 0; c < columns; c += BLOCK) {
        float g[KERNEL][BLOCK], half[6 * 3][BLOCK], u[POINTS][BLOCK];
        for (size_t i = 0; i < BLOCK; i++) {
            const size_t out = p->turned ? row : c + i, in = p->turned ? c + i : row;
            const float *from = p->plain + (out * p->n_in + in) * KERNEL;
            for (size_t k = 0; k < KERNEL; k++)
                g[k][i] = from[p->turned ? KERNEL - 1 - k : k];
        }
        for (size_t k = 0; k < 3; k++)
            weight_line((const float(*)[BLOCK])g + k, 3, half + k, 3);
        for (size_t k = 0; k < 6; k++)
            weight_line((const float(*)[BLOCK])half + k * 3, 1, u + k * 6, 1);
        const size_t panel = c / p->n_panel * p->n_panel, width = columns - panel < p->n_panel ? columns - panel : p->n_panel;
        for (size_t e = 0; e < POINTS; e++) {
            const size_t at = e * rows * columns + panel * rows;
            if (!p->u_bf16)
                memcpy(p->u + at + row * width + (c - panel), u[e], sizeof u[e]);
            for (size_t i = 0; p->u_bf16 && i < BLOCK; i++)
                p->u_bf16[at + row / 2 * 2 * width + 2 * (c - panel + i) + row % 2] = to_bf16(u[e][i]);
        }
    }
}

/* Adds one row's share to the gradient of w. */
static void collect_row(void *context, size_t row) {
    const weight_pass *p = context;
    for (size_t c = 0; c < p->n_out; c += BLOCK) {
        float u[POINTS][BLOCK], half[3 * 6][BLOCK], g[KERNEL][BLOCK];
        for (size_t e = 0; e < POINTS; e++)
            memcpy(u[e], p->u + (e * p->n_in + row) * p->n_out + c, sizeof u[e]);
        for (size_t k = 0; k < 6; k++)
            kernel_line((const float(*)[BLOCK])u + k, 6, half + k, 6);
        for (size_t k = 0; k < 3; k++)
            kernel_line((const float(*)[BLOCK])half + k * 6, 1, g + k * 3, 1);
        for (size_t i = 0; i < BLOCK; i++)
            for (size_t k = 0; k < KERNEL; k++)
                p->plain[((c + i) * p->n_in + row) * KERNEL + k] += g[k][i];
    }
}

/* ---------------------------------------------------------------- a batch cut into tiles */

typedef struct batch {
    const float *values;
    size_t n_channels;
    int height, width;
    size_t n_together; /* channels of a position that lie together: 8, 16, or all of them */
} batch;

static adah_winograd_plane plane_of(const batch *b, size_t image, size_t block) {
    const size_t n = (size_t)b->height * (size_t)b->width, before = image * b->n_channels, first = block * BLOCK;
    const size_t offset = before * n + first / b->n_together * b->n_together * n + first % b->n_together;
    return (adah_winograd_plane){(float *)(uintptr_t)b->values + offset, b->height, b->width, b->n_together,
                                 b->n_together == 8 ? 8 * n : 8};
}

typedef struct tiles {
    size_t n_down, n_across, n; /* n: of all images */
} tiles;

static tiles tiles_of(size_t n_images, const batch *y) {
    const size_t down = ((size_t)y->height + TILE - 1) / TILE, across = ((size_t)y->width + TILE - 1) / TILE;
    return (tiles){down, across, n_images * down * across};
}

typedef struct place {
    size_t image;
    int row, column; /* of the tile's first output */
} place;

static place place_of(const tiles *t, size_t i) {
    return (place){i / (t->n_down * t->n_across), (int)(i / t->n_across % t->n_down) * TILE, (int)(i % t->n_across) * TILE};
}

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Points lie a cache line more than a power of two apart, or all 36 would fall into the same few places of the cache. */
static size_t point_stride(size_t n_tiles, size_t n_channels) { return n_tiles * n_channels + BLOCK; }

/* ---------------------------------------------------------------- forward, and the gradient of the input */

typedef struct forward_pass {
    const adah_winograd_kernels *kernels;
    batch x, y;
    tiles tiles;
    int pad_top, pad_left;
    size_t n_chunk; /* tiles */
    const void *u;
    int is_bf16; /* u, and what the input becomes */
    const float *bias;
    float low, high;
    float *scratch; /* n_forward_floats a thread */
} forward_pass;

static size_t forward_floats(size_t n_in, size_t n_out, size_t n_chunk) {
    return POINTS * (point_stride(n_chunk, n_in) + point_stride(n_chunk, n_out));
}

static void forward_chunk(void *context, size_t chunk) {
    static const float no_bias[BLOCK] = {0};
    const forward_pass *p = context;
    const size_t n_in = p->x.n_channels, n_out = p->y.n_channels, first = chunk * p->n_chunk;
    const size_t n = p->tiles.n - first < p->n_chunk ? p->tiles.n - first : p->n_chunk;
    const size_t v_stride = point_stride(p->n_chunk, n_in), m_stride = point_stride(p->n_chunk, n_out);
    float *v = p->scratch + (size_t)adah_parallel_thread() * forward_floats(n_in, n_out, p->n_chunk);
    float *m = v + POINTS * v_stride;
    uint16_t *narrow = (uint16_t *)(void *)v;
    for (size_t t = 0; t < n; t++) {
        const place at = place_of(&p->tiles, first + t);
        for (size_t c = 0; c < n_in; c += BLOCK) {
            const adah_winograd_plane x = plane_of(&p->x, at.image, c / BLOCK);
            if (p->is_bf16)
                p->kernels->input_bf16(&x, at.row - p->pad_top, at.column - p->pad_left, narrow + t * n_in + c, v_stride);
            else
                p->kernels->input(&x, at.row - p->pad_top, at.column - p->pad_left, v + t * n_in + c, v_stride);
        }
    }
    for (size_t e = 0; e < POINTS; e++)
        for (size_t c = 0; c < n_out; c += p->kernels->n_panel) {
            const size_t width = n_out - c < p->kernels->n_panel ? n_out - c : p->kernels->n_panel, at = e * n_in * n_out + c * n_in;
            if (p->is_bf16)
                p->kernels->multiply_bf16(round_up(n, ROWS), width, n_in, narrow + e * v_stride, n_in,
                                          (const uint16_t *)p->u + at, m + e * m_stride + c, n_out);
            else
                p->kernels->multiply(round_up(n, ROWS), width, n_in, v + e * v_stride, n_in, (const float *)p->u + at,
                                     m + e * m_stride + c, n_out);
        }
    for (size_t t = 0; t < n; t++) {
        const place at = place_of(&p->tiles, first + t);
        for (size_t c = 0; c < n_out; c += BLOCK) {
            const adah_winograd_plane y = plane_of(&p->y, at.image, c / BLOCK);
            p->kernels->output(m + t * n_out + c, m_stride, p->bias ? p->bias + c : no_bias, p->low, p->high, &y, at.row,
                               at.column);
        }
    }
}

/* How many tiles a thread takes through at a time. */
static size_t chunk_of(size_t n_in, size_t n_out, size_t n_tiles, size_t n_bytes, size_t n_threads) {
    size_t n = n_bytes / (POINTS * (n_in + n_out) * sizeof(float)), share = (n_tiles + n_threads - 1) / n_threads;
    n = n < share ? n : share;
    return round_up(n ? n : 1, ROWS);
}

/* ---------------------------------------------------------------- the gradient of the weights */

enum { GROUP = 8 /* tiles that a thread transforms at a time */ };

typedef struct weights_pass {
    const adah_winograd_kernels *kernels;
    batch x, dy;
    const float *y; /* where dy is the gradient behind ReLU: its values, else NULL */
    float high;     /* of ReLU6 */
    tiles tiles;
    int pad_top, pad_left;
    size_t n_chunk, first, n; /* tiles a chunk; those of this chunk */
    float *v, *d, *du;
    float *bias; /* (groups of the chunk, C_out): sums of dy */
} weights_pass;

static size_t n_groups(size_t n_tiles) { return (n_tiles + GROUP - 1) / GROUP; }

static size_t weights_floats(size_t n_in, size_t n_out, size_t n_chunk) {
    return POINTS * (point_stride(n_chunk, n_in) + point_stride(n_chunk, n_out) + n_in * n_out) + n_groups(n_chunk) * n_out;
}

static void transform_group(void *context, size_t group) {
    const weights_pass *p = context;
    const size_t n_in = p->x.n_channels, n_out = p->dy.n_channels;
    const size_t v_stride = point_stride(p->n_chunk, n_in), d_stride = point_stride(p->n_chunk, n_out);
    float *bias = p->bias + group * n_out;
    memset(bias, 0, n_out * sizeof *bias);
    for (size_t t = group * GROUP; t < p->n && t < (group + 1) * GROUP; t++) {
        const place at = place_of(&p->tiles, p->first + t);
        for (size_t c = 0; c < n_in; c += BLOCK) {
            const adah_winograd_plane x = plane_of(&p->x, at.image, c / BLOCK);
            p->kernels->input(&x, at.row - p->pad_top, at.column - p->pad_left, p->v + t * n_in + c, v_stride);
        }
        for (size_t c = 0; c < n_out; c += BLOCK) {
            const adah_winograd_plane dy = plane_of(&p->dy, at.image, c / BLOCK);
            const float *y = p->y ? p->y + (dy.values - p->dy.values) : NULL;
            p->kernels->gradient(&dy, y, p->high, at.row, at.column, p->d + t * n_out + c, d_stride, bias + c);
        }
    }
}

static void accumulate_rows(void *context, size_t task) {
    const weights_pass *p = context;
    const size_t n_in = p->x.n_channels, n_out = p->dy.n_channels, n_blocks = n_in / BLOCK;
    const size_t e = task / n_blocks, row = task % n_blocks * BLOCK;
    p->kernels->accumulate(n_out, p->n, p->v + e * point_stride(p->n_chunk, n_in) + row, n_in,
                           p->d + e * point_stride(p->n_chunk, n_out), n_out, p->du + (e * n_in + row) * n_out, n_out);
}

/* ---------------------------------------------------------------- the node */

typedef struct winograd {
    const adah_winograd_kernels *kernels;
    size_t n_forward_chunk, n_input_chunk, n_weights_chunk; /* tiles */
    int is_bf16, channels_together;
    size_t n_u; /* floats */
    adah_packed *u; /* kept for graphs that infer; NULL in training */
} winograd;

static batch batch_of(const winograd *w, const float *values, adah_shape s) {
    return (batch){values, s.dim[1], (int)s.dim[2], (int)s.dim[3],
                   w->channels_together ? s.dim[1] : w->kernels->n_block};
}

static void transform_weights(const adah_node *node, int turned, float *u) {
    const winograd *s = node->state;
    const adah_shape w = node->w->shape;
    weight_pass pass = {node->w->value, w.dim[0], w.dim[1], turned, u, s->is_bf16 ? (uint16_t *)(void *)u : NULL, s->kernels->n_panel};
    adah_parallel_for(n_rows(&pass), 8, transform_row, &pass);
}

static adah_code pack_weights(void *node, float *u, adah_status *status) {
    (void)status;
    transform_weights(node, 0, u);
    return ADAH_OK;
}

static void run_pass(const adah_node *node, forward_pass *p, size_t n_images) {
    const winograd *s = node->state;
    p->kernels = s->kernels;
    p->is_bf16 = s->is_bf16;
    p->tiles = tiles_of(n_images, &p->y);
    p->scratch = node->graph->scratch + (s->u ? 0 : s->n_u);
    adah_parallel_for((p->tiles.n + p->n_chunk - 1) / p->n_chunk, 1, forward_chunk, p);
}

/* ReLU, ReLU6 or, where neither is computed along, INPUT. */
static adah_node_kind fused_kind(const adah_node *node) {
    return node->activation && node->activation->fused ? node->activation->kind : ADAH_NODE_INPUT;
}

static float highest(const adah_node *node) { return fused_kind(node) == ADAH_NODE_RELU6 ? 6 : INFINITY; }

static adah_code forward(adah_node *node, adah_status *status) {
    const winograd *s = node->state;
    const adah_node *x = node->x[0];
    const float *u = node->graph->scratch;
    if (s->u)
        ADAH_TRY(adah_packed_get(s->u, pack_weights, node, &u, status));
    else
        transform_weights(node, 0, node->graph->scratch);
    forward_pass pass = {.x = batch_of(s, x->value, x->shape),
                         .y = batch_of(s, node->value, node->shape),
                         .pad_top = node->window.pad_top,
                         .pad_left = node->window.pad_left,
                         .n_chunk = s->n_forward_chunk,
                         .u = u,
                         .bias = node->b ? node->b->value : NULL,
                         .low = fused_kind(node) == ADAH_NODE_INPUT ? -INFINITY : 0,
                         .high = highest(node)};
    run_pass(node, &pass, node->shape.dim[0]);
    return ADAH_OK;
}

static void weights_backward(adah_node *node, unsigned groups) {
    const winograd *s = node->state;
    const adah_node *x = node->x[0];
    const size_t n_in = x->shape.dim[1], n_out = node->shape.dim[1];
    weights_pass p = {.kernels = s->kernels,
                      .x = batch_of(s, x->value, x->shape),
                      .dy = batch_of(s, node->gradient, node->shape),
                      .y = fused_kind(node) == ADAH_NODE_INPUT ? NULL : node->value,
                      .high = highest(node),
                      .pad_top = node->window.pad_top,
                      .pad_left = node->window.pad_left,
                      .n_chunk = s->n_weights_chunk,
                      .du = node->graph->scratch};
    p.tiles = tiles_of(node->shape.dim[0], &p.dy);
    p.v = p.du + POINTS * n_in * n_out;
    p.d = p.v + POINTS * point_stride(p.n_chunk, n_in);
    p.bias = p.d + POINTS * point_stride(p.n_chunk, n_out);
    memset(p.du, 0, POINTS * n_in * n_out * sizeof *p.du);
    for (; p.first < p.tiles.n; p.first += p.n_chunk) {
        p.n = p.tiles.n - p.first < p.n_chunk ? p.tiles.n - p.first : p.n_chunk;
        adah_parallel_for(n_groups(p.n), 1, transform_group, &p);
        if (adah_trains(node->w, groups))
            adah_parallel_for(POINTS * (n_in / BLOCK), 1, accumulate_rows, &p);
        for (size_t g = 0; adah_trains(node->b, groups) && g < n_groups(p.n); g++)
            for (size_t c = 0; c < n_out; c++)
                node->b->gradient[c] += p.bias[g * n_out + c];
    }
    if (adah_trains(node->w, groups)) {
        weight_pass pass = {node->w->gradient, n_out, n_in, 0, p.du, NULL, 0};
        adah_parallel_for(n_in, 8, collect_row, &pass);
    }
}

static adah_code backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const winograd *s = node->state;
    if (adah_trains(node->w, groups) || adah_trains(node->b, groups))
        weights_backward(node, groups);
    if (dx[0]) {
        transform_weights(node, 1, node->graph->scratch);
        forward_pass pass = {.x = batch_of(s, node->gradient, node->shape),
                             .y = batch_of(s, dx[0], node->x[0]->shape),
                             .pad_top = 2 - node->window.pad_top,
                             .pad_left = 2 - node->window.pad_left,
                             .n_chunk = s->n_input_chunk,
                             .u = node->graph->scratch,
                             .low = -INFINITY,
                             .high = INFINITY};
        run_pass(node, &pass, node->shape.dim[0]);
    }
    return ADAH_OK;
}

static void release(void *state) {
    winograd *s = state;
    adah_packed_release(s->u);
    adah_memory_free(s);
}

/* Whether Winograd's method is the faster one, in products for each pair of an input and an output channel: 36 a row of V against the
 * direct method's 9 a position. Rows are as many as tiles, those that hang over the edge among them, rounded up to what `multiply`
 * takes at a time. To that come rows' worth of work that is done once whatever the batch: U is four times as large as w and all of it
 * is read, from memory where no cache holds it; in training it is made anew and so is the gradient of w from that of U. There the
 * transforms of tiles, which few channels share, weigh as well. The factors, those of a family with its kernels, are fitted to
 * docs/inside/engine.md, "Where Winograd's method pays". Products of bfloat16, which the direct method has not, are worth it always. */
static int is_faster(const adah_node *node) {
    enum { CACHE_BYTES = 16 << 20, TRANSFORM_ROWS = 24 };
    const adah_winograd_kernels *k = family();
    const size_t n_in = node->x[0]->shape.dim[1], n_out = node->shape.dim[1];
    const batch y = {NULL, n_out, (int)node->shape.dim[2], (int)node->shape.dim[3], 0};
    const size_t n_tiles = tiles_of(node->shape.dim[0], &y).n, n_positions = node->n / n_out;
    size_t n_rows = round_up(n_tiles, ROWS);
    if (node->graph->precision == ADAH_BFLOAT16 && k->multiply_bf16)
        return 1;
    if (node->graph->mode == ADAH_GRAPH_TRAIN)
        n_rows += k->rows_to_train + TRANSFORM_ROWS * n_tiles / n_in + TRANSFORM_ROWS * n_tiles / n_out;
    else
        n_rows += POINTS * n_in * n_out * sizeof(float) > CACHE_BYTES ? k->rows_to_read_memory : k->rows_to_read;
    return POINTS * n_rows <= KERNEL * n_positions;
}

int adah_winograd_fits(const adah_node *node) {
    const adah_window *w = &node->window;
    return node->kind == ADAH_NODE_CONVOLUTION && node->groups == 1 && w->size_h == 3 && w->size_w == 3 && w->stride_h == 1 &&
           w->stride_w == 1 && node->shape.dim[1] % BLOCK == 0 && node->x[0]->shape.dim[1] % BLOCK == 0 && (forced || is_faster(node));
}

adah_code adah_winograd_prepare(adah_node *node, int channels_together, adah_status *status) {
    static const adah_kernel kernel = {forward, backward, 1, release};
    const size_t n_in = node->x[0]->shape.dim[1], n_out = node->shape.dim[1], n_images = node->shape.dim[0];
    const size_t n_threads = (size_t)node->graph->n_threads;
    winograd *s = node->state = adah_memory_zeroed(1, sizeof *s);
    node->kernel = &kernel;
    if (!s)
        return adah_fail_memory(status, sizeof *s);
    s->channels_together = channels_together;
    s->kernels = family();
    const batch x = batch_of(s, NULL, node->x[0]->shape), y = batch_of(s, NULL, node->shape);
    s->is_bf16 = node->graph->precision == ADAH_BFLOAT16 && s->kernels->multiply_bf16;
    s->n_u = POINTS * n_in * n_out / (s->is_bf16 ? 2 : 1);
    s->n_forward_chunk = chunk_of(n_in, n_out, tiles_of(n_images, &y).n, FORWARD_BYTES, n_threads);
    adah_graph_need_scratch(node->graph, n_threads * forward_floats(n_in, n_out, s->n_forward_chunk));
    if (node->graph->mode == ADAH_GRAPH_INFER) {
        /* The members' addresses name the two layouts of a family. */
        s->u = adah_packed_acquire(node->w, NULL, s->is_bf16 ? (const void *)&s->kernels->input_bf16 : (const void *)&s->kernels->input,
                                   s->n_u);
        return s->u ? ADAH_OK : adah_fail_memory(status, s->n_u * sizeof(float));
    }
    s->n_input_chunk = chunk_of(n_out, n_in, tiles_of(n_images, &x).n, FORWARD_BYTES, n_threads);
    size_t n_bytes = POINTS * n_in * n_out * sizeof(float);
    n_bytes = n_bytes < WEIGHTS_BYTES_MIN ? WEIGHTS_BYTES_MIN : n_bytes > WEIGHTS_BYTES_MAX ? WEIGHTS_BYTES_MAX : n_bytes;
    s->n_weights_chunk = chunk_of(n_in, n_out, tiles_of(n_images, &y).n, n_bytes, 1);
    adah_graph_need_scratch(node->graph, s->n_u + n_threads * forward_floats(n_in, n_out, s->n_forward_chunk));
    adah_graph_need_scratch(node->graph, s->n_u + n_threads * forward_floats(n_out, n_in, s->n_input_chunk));
    adah_graph_need_scratch(node->graph, weights_floats(n_in, n_out, s->n_weights_chunk));
    return ADAH_OK;
}
