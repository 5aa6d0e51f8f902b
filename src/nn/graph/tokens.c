/* tokens.c - builders of the operations on tokens, and the kernels of those that copy and add up rows, which every backend shares.
 *
 * Layer norm, GELU and attention have kernels of their own: layer_norm.c, gelu.c, multi_head.c, and in plain loops
 * reference_transformer.c. A linear layer is a fully connected one whose items are rows. */
#include "nn/graph/tokens.h"
#include "base/parallel.h"
#include "nn/graph/graph_internal.h"

#include <string.h>

enum { WORTH_A_THREAD = 1 << 15 /* floats to copy */ };

/* ---------------------------------------------------------------- builders */

/* Whether p is there and of the shape. */
static int check_parameter(adah_graph *g, adah_node_kind kind, const char *what, const adah_parameter *p, adah_shape shape) {
    char found[96], expected[96];
    if (!p)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "no %s", what) != NULL;
    if (!adah_shape_equal(p->shape, shape))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "%s '%s' of shape %s, expected %s", what, p->name,
                                 adah_shape_text(p->shape, found), adah_shape_text(shape, expected)) != NULL;
    return 1;
}

static size_t last_of(const adah_node *x) { return x->shape.dim[x->shape.n_dims - 1]; }

/* A node of these inputs, the last of which may be NULL; its value is a shape of three dimensions or two (c is 0). */
static adah_node *of_inputs(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, size_t a, size_t b, size_t c) {
    return adah_graph_new_node(g, kind, x, x[n_x - 1] ? n_x : n_x - 1, c ? ADAH_SHAPE3(a, b, c) : ADAH_SHAPE2(a, b));
}

/* Whether presence, unless NULL, is (n_items, n_rows). */
static int check_presence(adah_graph *g, adah_node_kind kind, adah_node *presence, size_t n_items, size_t n_rows) {
    char text[96];
    if (!presence)
        return 1;
    if (!adah_graph_check_inputs(g, kind, &presence, 1, 2))
        return 0;
    return adah_shape_equal(presence->shape, ADAH_SHAPE2(n_items, n_rows)) ||
           adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "presence of shape %s, expected %zu x %zu",
                             adah_shape_text(presence->shape, text), n_items, n_rows) != NULL;
}

adah_node *adah_graph_linear(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b) {
    const adah_node_kind kind = ADAH_NODE_FULLY_CONNECTED;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 0))
        return NULL;
    if (!check_parameter(g, kind, "weights", w, ADAH_SHAPE2(w ? w->shape.dim[0] : 0, last_of(x))) ||
        !adah_graph_check_bias(g, kind, b, w->shape.dim[0]))
        return NULL;
    adah_shape shape = x->shape;
    shape.dim[shape.n_dims - 1] = w->shape.dim[0];
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, shape);
    if (node) {
        node->w = w;
        node->b = b;
    }
    return node;
}

adah_node *adah_graph_layer_norm(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b, float epsilon) {
    const adah_node_kind kind = ADAH_NODE_LAYER_NORM;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 0) || !check_parameter(g, kind, "weights", w, ADAH_SHAPE1(last_of(x))) ||
        !check_parameter(g, kind, "bias", b, ADAH_SHAPE1(last_of(x))))
        return NULL;
    if (!(epsilon > 0))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "epsilon %g, expected more than 0", (double)epsilon);
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, x->shape);
    if (node) {
        node->w = w;
        node->b = b;
        node->rate = epsilon;
    }
    return node;
}

adah_node *adah_graph_gelu(adah_graph *g, adah_node *x, adah_gelu gelu) {
    const adah_node_kind kind = ADAH_NODE_GELU;
    adah_node *node = adah_graph_check_inputs(g, kind, &x, 1, 0) ? adah_graph_new_node(g, kind, &x, 1, x->shape) : NULL;
    if (node)
        node->gelu = gelu;
    return node;
}

adah_node *adah_graph_attention(adah_graph *g, adah_node *x, adah_node *other, adah_node *presence, adah_attention_form form) {
    const adah_node_kind kind = ADAH_NODE_ATTENTION;
    adah_node *const inputs[3] = {x, other ? other : presence, other ? presence : NULL};
    char text[96], second[96];
    if (!adah_graph_check_inputs(g, kind, inputs, other ? 2 : 1, 3))
        return NULL;
    const size_t n_channels = x->shape.dim[2] / (other ? 1 : 3), n_items = x->shape.dim[0], n_rows = x->shape.dim[1];
    if (form.n_heads < 1 || n_channels % form.n_heads || x->shape.dim[2] != n_channels * (other ? 1 : 3))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "input of shape %s, which %zu heads do not divide",
                                 adah_shape_text(x->shape, text), form.n_heads);
    if (other && (other->shape.dim[0] != n_items || other->shape.dim[2] != 2 * n_channels))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "queries of shape %s, keys and values of shape %s",
                                 adah_shape_text(x->shape, text), adah_shape_text(other->shape, second));
    if (!check_presence(g, kind, presence, n_items, other ? other->shape.dim[1] : n_rows))
        return NULL;
    if (form.is_packed && (other || !presence))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "packed rows without numbers of their own");
    if (form.distance && (other || form.distance->shape.dim[1] % 2 == 0 || (!form.is_packed && form.distance->shape.dim[1] / 2 + 1 < n_rows) ||
                          !check_parameter(g, kind, "distances", form.distance, ADAH_SHAPE2(form.n_heads, form.distance->shape.dim[1]))))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "distances of shape %s for %zu heads and %zu rows",
                                 adah_shape_text(form.distance->shape, text), form.n_heads, n_rows);
    adah_node *node = adah_graph_new_node(g, kind, inputs, 1 + (other != NULL) + (presence != NULL),
                                          ADAH_SHAPE3(n_items, n_rows, n_channels));
    if (node)
        node->form = form;
    return node;
}

adah_node *adah_graph_embedding(adah_graph *g, adah_node *ids, adah_parameter *table) {
    const adah_node_kind kind = ADAH_NODE_EMBEDDING;
    if (!adah_graph_check_inputs(g, kind, &ids, 1, 2) ||
        !check_parameter(g, kind, "table", table, table ? ADAH_SHAPE2(table->shape.dim[0], table->shape.dim[1]) : ids->shape))
        return NULL;
    adah_node *node = of_inputs(g, kind, &ids, 1, ids->shape.dim[0], ids->shape.dim[1], table->shape.dim[1]);
    if (node)
        node->w = table;
    return node;
}

adah_node *adah_graph_add_rows(adah_graph *g, adah_node *x, adah_parameter *rows) {
    const adah_node_kind kind = ADAH_NODE_ADD_ROWS;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 3) ||
        !check_parameter(g, kind, "rows", rows, ADAH_SHAPE2(rows ? rows->shape.dim[0] : 0, x->shape.dim[2])))
        return NULL;
    if (rows->shape.dim[0] < x->shape.dim[1])
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "%zu rows '%s' for %zu tokens", rows->shape.dim[0], rows->name,
                                 x->shape.dim[1]);
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, x->shape);
    if (node)
        node->w = rows;
    return node;
}

adah_node *adah_graph_prepend_rows(adah_graph *g, adah_node *x, size_t n_items, adah_parameter *rows) {
    const adah_node_kind kind = ADAH_NODE_PREPEND_ROWS;
    if (!adah_graph_check_inputs(g, kind, &x, x ? 1 : 0, 3) ||
        !check_parameter(g, kind, "rows", rows,
                         ADAH_SHAPE2(rows ? rows->shape.dim[0] : 0, x ? x->shape.dim[2] : rows ? rows->shape.dim[1] : 0)))
        return NULL;
    adah_node *node = adah_graph_new_node(g, kind, &x, x ? 1 : 0,
                                          ADAH_SHAPE3(x ? x->shape.dim[0] : n_items, rows->shape.dim[0] + (x ? x->shape.dim[1] : 0),
                                                      rows->shape.dim[1]));
    if (node)
        node->w = rows;
    return node;
}

adah_node *adah_graph_patches(adah_graph *g, adah_node *x, size_t size) {
    const adah_node_kind kind = ADAH_NODE_PATCHES;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 4))
        return NULL;
    if (size < 1 || size > x->shape.dim[2] || size > x->shape.dim[3])
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "squares of %zu in %zu x %zu", size, x->shape.dim[2], x->shape.dim[3]);
    adah_node *node = of_inputs(g, kind, &x, 1, x->shape.dim[0], x->shape.dim[2] / size * (x->shape.dim[3] / size),
                                x->shape.dim[1] * size * size);
    if (node)
        node->n_skipped = size;
    return node;
}

adah_node *adah_graph_map(adah_graph *g, adah_node *x, size_t height, size_t width, adah_node *centre) {
    const adah_node_kind kind = ADAH_NODE_MAP;
    adah_node *const inputs[2] = {x, centre};
    char text[96];
    if (!adah_graph_check_inputs(g, kind, &x, 1, 3) || (centre && !adah_graph_check_inputs(g, kind, &centre, 1, 2)))
        return NULL;
    if (height < 1 || width < 1 || height > x->shape.dim[1] / width)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "%zu x %zu of %zu rows", height, width, x->shape.dim[1]);
    if (centre && !adah_shape_equal(centre->shape, ADAH_SHAPE2(x->shape.dim[0], x->shape.dim[2])))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "centre of shape %s, expected %zu x %zu",
                                 adah_shape_text(centre->shape, text), x->shape.dim[0], x->shape.dim[2]);
    adah_node *node = adah_graph_new_node(g, kind, inputs, centre ? 2 : 1, ADAH_SHAPE4(x->shape.dim[0], x->shape.dim[2], height, width));
    if (node)
        node->n_skipped = x->shape.dim[1] - height * width;
    return node;
}

adah_node *adah_graph_pool_rows(adah_graph *g, adah_node *x, adah_node *presence, adah_row_pick pick) {
    const adah_node_kind kind = ADAH_NODE_POOL_ROWS;
    adah_node *const inputs[2] = {x, presence};
    if (!adah_graph_check_inputs(g, kind, &x, 1, 3) || !check_presence(g, kind, presence, x->shape.dim[0], x->shape.dim[1]))
        return NULL;
    adah_node *node = of_inputs(g, kind, inputs, 2, x->shape.dim[0], x->shape.dim[2], 0);
    if (node)
        node->pick = pick;
    return node;
}

/* ---------------------------------------------------------------- running */

/* body(node, item) for all items. */
static adah_code for_items(adah_node *node, void (*body)(void *node, size_t item)) {
    adah_parallel_for(node->shape.dim[0], 1 + WORTH_A_THREAD * node->shape.dim[0] / node->n, body, node);
    return ADAH_OK;
}

static void add(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* ---------------------------------------------------------------- embedding */

/* The row of the table that id i names; NULL: none. */
static const float *row_of(const adah_node *node, float id) {
    const size_t n_rows = node->w->shape.dim[0];
    if (!(id >= 0) || !((double)id < (double)n_rows))
        return NULL;
    return node->w->value + (size_t)id * node->w->shape.dim[1];
}

static void embed_item(void *context, size_t item) {
    const adah_node *node = context;
    const size_t n_rows = node->shape.dim[1], n = node->shape.dim[2];
    for (size_t p = item * n_rows; p < (item + 1) * n_rows; p++) {
        const float *row = row_of(node, node->x[0]->value[p]);
        if (row)
            memcpy(node->value + p * n, row, n * sizeof *row);
        else
            memset(node->value + p * n, 0, n * sizeof *row);
    }
}

static adah_code embedding_forward(adah_node *node, adah_status *status) {
    (void)status;
    return for_items(node, embed_item);
}

static adah_code embedding_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)dx, (void)status;
    const size_t n = node->shape.dim[2];
    for (size_t p = 0; adah_trains(node->w, groups) && p < node->x[0]->n; p++) { /* one after the other: they may name the same row */
        const float *row = row_of(node, node->x[0]->value[p]);
        if (row)
            add(node->w->gradient + (row - node->w->value), node->gradient + p * n, n);
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- rows of parameters */

static void add_rows_item(void *context, size_t item) {
    const adah_node *node = context;
    const size_t n = node->n / node->shape.dim[0];
    const float *x = node->x[0]->value + item * n, *rows = node->w->value;
    float *y = node->value + item * n;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] + rows[i];
}

static adah_code add_rows_forward(adah_node *node, adah_status *status) {
    (void)status;
    return for_items(node, add_rows_item);
}

/* The parameter's rows get the sum over the items of the first n floats of each. */
static void sum_items(const adah_node *node, unsigned groups, size_t n) {
    for (size_t item = 0; adah_trains(node->w, groups) && item < node->shape.dim[0]; item++)
        add(node->w->gradient, node->gradient + item * (node->n / node->shape.dim[0]), n);
}

static adah_code add_rows_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    sum_items(node, groups, node->n / node->shape.dim[0]);
    if (dx[0])
        adah_shared_add(dx[0], node->gradient, node->n);
    return ADAH_OK;
}

static void prepend_item(void *context, size_t item) {
    const adah_node *node = context;
    const size_t n = node->n / node->shape.dim[0], n_own = node->w->n;
    float *y = node->value + item * n;
    memcpy(y, node->w->value, n_own * sizeof *y);
    if (node->n_x)
        memcpy(y + n_own, node->x[0]->value + item * (n - n_own), (n - n_own) * sizeof *y);
}

static adah_code prepend_forward(adah_node *node, adah_status *status) {
    (void)status;
    return for_items(node, prepend_item);
}

static adah_code prepend_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const size_t n = node->n / node->shape.dim[0], n_own = node->w->n;
    sum_items(node, groups, n_own);
    for (size_t item = 0; node->n_x && dx[0] && item < node->shape.dim[0]; item++)
        add(dx[0] + item * (n - n_own), node->gradient + item * n + n_own, n - n_own);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- patches and maps */

/* Goes over the rows of pixels of an item's squares: y at the square, x at the map; forward y = x, else x += y. */
static void patches_item(const adah_node *node, size_t item, const float *x, float *y, float *dx, const float *dy) {
    const size_t *dim = node->x[0]->shape.dim, size = node->n_skipped, width = dim[3] / size, n = node->shape.dim[2];
    const size_t n_squares = node->shape.dim[1];
    for (size_t p = 0; p < n_squares; p++)
        for (size_t c = 0; c < dim[1]; c++)
            for (size_t i = 0; i < size; i++) {
                const size_t from = ((item * dim[1] + c) * dim[2] + p / width * size + i) * dim[3] + p % width * size;
                const size_t to = (item * n_squares + p) * n + (c * size + i) * size;
                if (y)
                    memcpy(y + to, x + from, size * sizeof *y);
                else
                    add(dx + from, dy + to, size);
            }
}

static void patches_forward_item(void *context, size_t item) {
    const adah_node *node = context;
    patches_item(node, item, node->x[0]->value, node->value, NULL, NULL);
}

static void patches_backward_item(void *context, size_t item) {
    const adah_node *node = context;
    patches_item(node, item, NULL, NULL, node->dx[0], node->gradient);
}

static adah_code patches_forward(adah_node *node, adah_status *status) {
    (void)status;
    return for_items(node, patches_forward_item);
}

static adah_code patches_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    return dx[0] ? for_items(node, patches_backward_item) : ADAH_OK;
}

/* y(c, p) = x(p, c) + (centre(c) - mean over p of x(p, c)) */
static void map_forward_item(void *context, size_t item) {
    const adah_node *node = context;
    const size_t n = node->shape.dim[1], n_positions = node->n / node->shape.dim[0] / n;
    const float *x = node->x[0]->value + ((item + 1) * node->x[0]->shape.dim[1] - n_positions) * n;
    for (size_t c = 0; c < n; c++) {
        float *y = node->value + (item * n + c) * n_positions;
        double shift = 0;
        for (size_t p = 0; node->n_x > 1 && p < n_positions; p++)
            shift -= (double)x[p * n + c];
        if (node->n_x > 1)
            shift = shift / (double)n_positions + (double)node->x[1]->value[item * n + c];
        for (size_t p = 0; p < n_positions; p++)
            y[p] = x[p * n + c] + (float)shift;
    }
}

static void map_backward_item(void *context, size_t item) {
    const adah_node *node = context;
    const size_t n = node->shape.dim[1], n_positions = node->n / node->shape.dim[0] / n;
    float *dx = node->dx[0] ? node->dx[0] + ((item + 1) * node->x[0]->shape.dim[1] - n_positions) * n : NULL;
    for (size_t c = 0; c < n; c++) {
        const float *dy = node->gradient + (item * n + c) * n_positions;
        double sum = 0;
        for (size_t p = 0; node->n_x > 1 && p < n_positions; p++)
            sum += (double)dy[p];
        if (node->n_x > 1 && node->dx[1])
            node->dx[1][item * n + c] += (float)sum;
        for (size_t p = 0; dx && p < n_positions; p++)
            dx[p * n + c] += dy[p] - (float)(sum / (double)n_positions);
    }
}

static adah_code map_forward(adah_node *node, adah_status *status) {
    (void)status;
    return for_items(node, map_forward_item);
}

static adah_code map_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status, (void)dx;
    return for_items(node, map_backward_item);
}

/* ---------------------------------------------------------------- one row of several */

/* The rows of an item that its value is the mean of: how many, and the first and the last of them. */
static size_t picked(const adah_node *node, size_t item, size_t *first, size_t *last) {
    const size_t n_rows = node->x[0]->shape.dim[1];
    const float *presence = node->n_x > 1 ? node->x[1]->value + item * n_rows : NULL;
    size_t n = 0;
    *first = *last = 0;
    if (node->pick == ADAH_ROW_FIRST)
        return 1;
    for (size_t p = 0; p < n_rows; p++) {
        if (presence && presence[p] == 0)
            continue;
        *first = n ? *first : p;
        *last = p;
        n++;
    }
    if (node->pick == ADAH_ROW_LAST && n) {
        *first = *last;
        n = 1;
    }
    return n;
}

static void pool_item(const adah_node *node, size_t item, float *y, const float *dy, float *dx) {
    const size_t n_rows = node->x[0]->shape.dim[1], n = node->shape.dim[1];
    const float *presence = node->n_x > 1 ? node->x[1]->value + item * n_rows : NULL;
    size_t first, last;
    const size_t n_picked = picked(node, item, &first, &last);
    const float share = n_picked ? 1 / (float)n_picked : 0;
    if (y)
        memset(y, 0, n * sizeof *y);
    for (size_t p = first; n_picked && p <= last; p++) {
        const size_t row = (item * n_rows + p) * n;
        if (node->pick == ADAH_ROW_MEAN && presence && presence[p] == 0)
            continue;
        for (size_t i = 0; i < n; i++)
            if (y)
                y[i] += share * node->x[0]->value[row + i];
            else
                dx[row + i] += share * dy[i];
    }
}

static void pool_forward_item(void *context, size_t item) {
    const adah_node *node = context;
    pool_item(node, item, node->value + item * node->shape.dim[1], NULL, NULL);
}

static void pool_backward_item(void *context, size_t item) {
    const adah_node *node = context;
    pool_item(node, item, NULL, node->gradient + item * node->shape.dim[1], node->dx[0]);
}

static adah_code pool_forward(adah_node *node, adah_status *status) {
    (void)status;
    return for_items(node, pool_forward_item);
}

static adah_code pool_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    return dx[0] ? for_items(node, pool_backward_item) : ADAH_OK;
}

/* ---------------------------------------------------------------- */

const adah_kernel *adah_tokens_kernel(adah_node_kind kind) {
    static const adah_kernel embedding = {embedding_forward, embedding_backward, 0, NULL};
    static const adah_kernel add_rows = {add_rows_forward, add_rows_backward, 0, NULL};
    static const adah_kernel prepend = {prepend_forward, prepend_backward, 0, NULL};
    static const adah_kernel patches = {patches_forward, patches_backward, 0, NULL};
    static const adah_kernel map = {map_forward, map_backward, 0, NULL};
    static const adah_kernel pool = {pool_forward, pool_backward, 0, NULL};
    switch (kind) {
    case ADAH_NODE_EMBEDDING: return &embedding;
    case ADAH_NODE_ADD_ROWS: return &add_rows;
    case ADAH_NODE_PREPEND_ROWS: return &prepend;
    case ADAH_NODE_PATCHES: return &patches;
    case ADAH_NODE_MAP: return &map;
    case ADAH_NODE_POOL_ROWS: return &pool;
    default: return NULL;
    }
}
