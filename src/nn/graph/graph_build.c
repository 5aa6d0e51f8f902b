/* graph_build.c - decides how a graph runs: kernels, layouts, memory.
 *
 * 1. adah_graph_build asks the backend, node by node, how it will run it: kernel, layout of its value, layouts it
 *    wants to read. Where a wanted layout differs from the input's, a convert node is put in between, once for all
 *    readers of that layout. A kept node that is not plain gets a convert node to plain, which the caller sees.
 *    So layouts need no thought when running: each node reads, and each kernel writes, what it asked for.
 * 2. Memory. ReLU and the like run in place on a convolution, fully connected or batch norm node that nobody else reads (its
 *    "activation"; the backend may even fuse the two). All values and gradients but those the caller sees lie in one piece of
 *    memory, the arena: it is known when each is first written and last read, and where two are not needed at the same time
 *    they may overlap (arena.c). So backward, going back, works in what it has done with.
 * 3. Neighbouring nodes that take each item of the batch for itself make a chain, which goes through all of its nodes for one item
 *    before the next, so that what is large stays in the cache between them. An array of one is needed as long as the chain. */
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph/arena.h"
#include "nn/graph/graph_internal.h"

/* ---------------------------------------------------------------- build: schedule and layouts */

static int append_step(adah_graph *g, adah_node *node) {
    void *steps = g->step;
    int room = adah_memory_grow(&steps, &g->step_capacity, g->n_steps, sizeof *g->step);
    g->step = steps;
    if (room) {
        node->step = g->n_steps;
        g->step[g->n_steps++] = node;
    }
    return room;
}

static int same_layout(const adah_graph *g, const void *a, const void *b) {
    return a && b ? g->engine->layout_equal(a, b) : a == b;
}

/* The node that holds x's values in `layout` (which it takes over): x itself or a converter. */
static adah_code convert(adah_node *x, void *layout, adah_node **out, adah_status *status) {
    adah_graph *g = x->graph;
    adah_node *found = same_layout(g, x->layout, layout) ? x : NULL;
    for (size_t i = 0; i < x->n_converters && !found; i++)
        if (same_layout(g, x->converter[i]->layout, layout))
            found = x->converter[i];
    if (found) {
        if (layout)
            g->engine->layout_free(layout);
        *out = found;
        return ADAH_OK;
    }
    void *converters = x->converter;
    int room = adah_memory_grow(&converters, &x->converter_capacity, x->n_converters, sizeof *x->converter);
    x->converter = converters;
    adah_node *node = room ? adah_graph_append_node(g, ADAH_NODE_CONVERT, &x, 1, x->shape) : NULL;
    if (!node) {
        if (layout)
            g->engine->layout_free(layout);
        return adah_fail_memory(status, sizeof *node);
    }
    node->layout = layout;
    node->n_stored = layout ? g->engine->layout_floats(layout) : node->n;
    node->reaches = x->reaches;
    x->converter[x->n_converters++] = node;
    ADAH_TRY(g->engine->prepare_convert(node, status));
    *out = node;
    return append_step(g, node) ? ADAH_OK : adah_fail_memory(status, sizeof *node);
}

static int is_elementwise(adah_node_kind kind) {
    return kind == ADAH_NODE_RELU || kind == ADAH_NODE_RELU6 || kind == ADAH_NODE_TANH;
}

/* Kernel, layout and wanted layouts of one node. */
static adah_code choose_kernel(adah_node *node, void **wanted, adah_status *status) {
    const adah_engine *engine = node->graph->engine;
    switch (node->kind) {
    case ADAH_NODE_INPUT: return ADAH_OK;
    case ADAH_NODE_BATCH_NORM:
        if (node->graph->mode == ADAH_GRAPH_TRAIN && !(node->batch_statistics = adah_memory_floats(node->statistics->n)))
            return adah_fail_memory(status, node->statistics->n * sizeof(float));
        return engine->prepare(node, wanted, status);
    case ADAH_NODE_CONVOLUTION:
    case ADAH_NODE_FULLY_CONNECTED:
    case ADAH_NODE_RESPONSE_NORM:
    case ADAH_NODE_LAYER_NORM:
    case ADAH_NODE_GELU:
    case ADAH_NODE_ATTENTION:
    case ADAH_NODE_GATE:
    case ADAH_NODE_MAX_POOL:
    case ADAH_NODE_MEAN_POOL:
    case ADAH_NODE_AVERAGE_POOL: return engine->prepare(node, wanted, status);
    case ADAH_NODE_RELU:
    case ADAH_NODE_RELU6:
    case ADAH_NODE_TANH:
    case ADAH_NODE_SWISH:
    case ADAH_NODE_ADD: /* of any layout, that of the first input: 0 stays 0 in the padding */
        if (node->x[0]->layout) {
            int complete = (node->layout = engine->layout_copy(node->x[0]->layout)) != NULL;
            for (size_t i = 0; i < node->n_x; i++)
                complete &= (wanted[i] = engine->layout_copy(node->x[0]->layout)) != NULL;
            if (!complete)
                return adah_fail_memory(status, 1);
        }
        break;
    case ADAH_NODE_CONCATENATE:
        node->n_outer = node->shape.dim[0];
        ADAH_TRY(engine->prepare(node, wanted, status));
        break;
    default: break;
    }
    return adah_shared_prepare(node, status);
}

static adah_code prepare(adah_node *node, adah_status *status) {
    adah_graph *g = node->graph;
    void **wanted = adah_memory_zeroed(node->n_x, sizeof *wanted);
    if (!wanted)
        return adah_fail_memory(status, node->n_x * sizeof *wanted);
    node->reaches = node->w || node->b || (node->kind == ADAH_NODE_INPUT && node->kept);
    for (size_t i = 0; i < node->n_x; i++)
        node->reaches |= node->x[i]->reaches;
    if (node->kind == ADAH_NODE_OPERATION && !node->operation.backward && !node->item_operation.backward)
        node->reaches = 0;
    adah_code code = choose_kernel(node, wanted, status);
    if (code == ADAH_OK && node->layout)
        node->n_stored = g->engine->layout_floats(node->layout);
    for (size_t i = 0; i < node->n_x; i++) {
        if (code == ADAH_OK)
            code = convert(node->x[i], wanted[i], &node->x[i], status);
        else if (wanted[i])
            g->engine->layout_free(wanted[i]);
    }
    adah_memory_free(wanted);
    if (code == ADAH_OK && !append_step(g, node))
        code = adah_fail_memory(status, sizeof *node);
    if (code == ADAH_OK && node->kept) {
        adah_node *plain;
        ADAH_TRY(convert(node, NULL, &plain, status));
        plain->exposed = 1;
        plain->home->pinned = 1;
    }
    return code;
}

/* An elementwise node runs in place on a node whose backward does not need its own value. GELU's own backward needs what it is given. */
static void find_activations(adah_graph *g) {
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t j = 0; j < g->node[i]->n_x; j++)
            g->node[i]->x[j]->n_uses++;
    for (size_t i = 0; i < g->n_nodes; i++) {
        adah_node *node = g->node[i], *x = is_elementwise(node->kind) ? node->x[0] : NULL;
        if (node->kind == ADAH_NODE_GELU && g->mode == ADAH_GRAPH_INFER && node->x[0]->kind == ADAH_NODE_FULLY_CONNECTED)
            x = node->x[0];
        if (!x || x->n_uses > 1 || x->kept ||
            (x->kind != ADAH_NODE_CONVOLUTION && x->kind != ADAH_NODE_FULLY_CONNECTED && x->kind != ADAH_NODE_BATCH_NORM))
            continue;
        node->home = x;
        x->activation = node;
    }
}

/* ---------------------------------------------------------------- build: memory */

static int in_arena(const adah_node *home) { return !home->pinned && home->kind != ADAH_NODE_INPUT && !home->value; }

/* What a concatenation alone reads is written into the concatenation's own value at once, where that is one piece of it (of one
 * image in blocks of channels). Nobody asks for gradients then, so that nothing else has to lie there. */
static void find_inside(adah_graph *g) {
    for (size_t i = 0; i < g->n_steps && g->mode == ADAH_GRAPH_INFER; i++) {
        adah_node *node = g->step[i];
        size_t at = 0;
        for (size_t j = 0; node->kind == ADAH_NODE_CONCATENATE && node->n_outer == 1 && j < node->n_x; j++) {
            adah_node *home = node->x[j]->home;
            if (node->x[j]->n_uses == 1 && in_arena(home) && home->n_stored == node->x[j]->n_stored) {
                home->inside = node;
                home->inside_at = at;
            }
            at += node->x[j]->n_stored;
        }
    }
}

/* The node whose place in memory a value lies in. */
static const adah_node *place_of(const adah_node *node) {
    const adah_node *home = node->home;
    return home->inside ? place_of(home->inside) : home;
}

static float *value_inside(const adah_node *home) {
    return (home->inside->inside ? value_inside(home->inside) : home->inside->value) + home->inside_at;
}

/* Times: forward of step i at i, backward at 2 n - 1 - i. */
typedef struct lifetimes {
    adah_array_place *place; /* [2 n]: the value of step i's node at i, its gradient at n + i; n_floats 0: none */
    size_t n;
} lifetimes;

static size_t backward_time(const lifetimes *l, size_t step) { return 2 * l->n - 1 - step; }

static void live(adah_array_place *place, size_t time) {
    place->first = time < place->first ? time : place->first;
    place->last = time > place->last ? time : place->last;
}

/* Of a node that is written or read at its step, and so all through its chain. */
static void live_forward(adah_array_place *place, const adah_node *at) {
    live(place, at->first);
    live(place, at->last);
}

static void live_backward(const lifetimes *l, adah_array_place *place, const adah_node *at) {
    live(place, backward_time(l, at->first));
    live(place, backward_time(l, at->last));
}

/* A value lives from its step to the last one that reads it and, in training, to the backward of those and of its own; all the
 * time where adah_graph_forward_again wants it: steps before it run again while it is read as it was. */
static void value_lifetimes(const adah_graph *g, lifetimes *l) {
    for (size_t i = 0; i < l->n; i++) {
        const adah_node *node = g->step[i];
        const int goes_back = g->mode == ADAH_GRAPH_TRAIN && node->reaches;
        for (size_t j = 0; j <= node->n_x; j++) {
            adah_array_place *place = &l->place[place_of(j < node->n_x ? node->x[j] : node)->step];
            live_forward(place, node);
            if (goes_back)
                live_backward(l, place, node);
        }
        if (node->is_unchanged) {
            live(&l->place[place_of(node)->step], 0);
            live(&l->place[place_of(node)->step], 2 * l->n);
        }
    }
}

/* A gradient lives from the backward of its node's last reader to its own. */
static void gradient_lifetimes(const adah_graph *g, lifetimes *l) {
    for (size_t i = 0; i < l->n; i++) {
        const adah_node *node = g->step[i];
        for (size_t j = 0; j < node->n_x && node->reaches; j++) {
            const adah_node *home = node->x[j]->home;
            if (!home->reaches || home->pinned)
                continue;
            adah_array_place *place = &l->place[l->n + home->step];
            place->n_floats = home->n_stored;
            live_backward(l, place, node);
            live_backward(l, place, home);
        }
    }
}

static adah_code allocate_own(float **memory, size_t n, adah_status *status) {
    *memory = adah_memory_floats(n);
    return *memory ? ADAH_OK : adah_fail_memory(status, n * sizeof(float));
}

/* What the caller sees and writes has memory of its own. */
static adah_code allocate_seen(adah_graph *g, adah_status *status) {
    const int trains = g->mode == ADAH_GRAPH_TRAIN;
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        if (node->home == node && !node->value && !in_arena(node)) {
            ADAH_TRY(allocate_own(&node->own_value, node->n_stored, status));
            node->value = node->own_value;
        }
        if (node->pinned && trains) {
            ADAH_TRY(allocate_own(&node->own_gradient, node->n_stored, status));
            node->gradient = node->own_gradient;
        }
        if (trains && node->kernel && node->kernel->overwrites && (node->x[0]->n_uses > 1 || node->x[0]->exposed) &&
            node->x[0]->n_stored > g->n_spare)
            g->n_spare = node->x[0]->n_stored;
    }
    return g->n_spare ? allocate_own(&g->spare, g->n_spare, status) : ADAH_OK;
}

static adah_code place_arrays(adah_graph *g, lifetimes *l, adah_status *status) {
    for (size_t i = 0; i < 2 * l->n; i++) {
        l->place[i].first = SIZE_MAX;
        if (i < l->n && g->step[i]->home == g->step[i] && in_arena(g->step[i]) && !g->step[i]->inside)
            l->place[i].n_floats = g->step[i]->n_stored;
    }
    value_lifetimes(g, l);
    if (g->mode == ADAH_GRAPH_TRAIN)
        gradient_lifetimes(g, l);
    size_t n_floats;
    ADAH_TRY(adah_arena_plan(l->place, 2 * l->n, &n_floats, status));
    ADAH_TRY(allocate_own(&g->arena, n_floats, status));
    for (size_t i = 0; i < l->n; i++) {
        adah_node *node = g->step[i];
        if (l->place[i].n_floats)
            node->value = g->arena + l->place[i].offset;
        if (l->place[l->n + i].n_floats)
            node->gradient = g->arena + l->place[l->n + i].offset;
    }
    return ADAH_OK;
}

static adah_code place(adah_graph *g, adah_status *status) {
    lifetimes l = {adah_memory_zeroed(2 * g->n_steps, sizeof *l.place), g->n_steps};
    adah_code code = l.place ? place_arrays(g, &l, status) : adah_fail_memory(status, 2 * g->n_steps * sizeof *l.place);
    adah_memory_free(l.place);
    if (code == ADAH_OK)
        code = allocate_seen(g, status);
    for (size_t i = 0; i < g->n_steps && code == ADAH_OK; i++)
        if (g->step[i]->inside)
            g->step[i]->value = value_inside(g->step[i]);
    for (size_t i = 0; i < g->n_steps && code == ADAH_OK; i++) {
        adah_node *node = g->step[i];
        if (node->home != node) {
            node->value = node->home->value;
            node->gradient = node->home->gradient;
        }
    }
    return code;
}

/* Nodes that no parameter of the changing groups and no dropout lies upstream of. */
static void find_unchanged(adah_graph *g) {
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        node->is_unchanged = g->changing_groups && node->kind != ADAH_NODE_DROPOUT && !adah_trains(node->w, g->changing_groups) &&
                      !adah_trains(node->b, g->changing_groups);
        for (size_t j = 0; j < node->n_x; j++)
            node->is_unchanged &= node->x[j]->is_unchanged;
    }
}

static void find_chains(adah_graph *g) {
    for (size_t i = 0, end; i < g->n_steps; i = end) {
        const size_t n = adah_node_items(g->step[i]);
        for (end = i + 1; n && end < g->n_steps && adah_node_items(g->step[end]) == n;)
            end++;
        for (size_t j = i; j < end; j++) {
            g->step[j]->first = i;
            g->step[j]->last = end - 1;
        }
    }
}

static adah_code build(adah_graph *g, adah_status *status) {
    find_activations(g);
    size_t n_nodes = g->n_nodes; /* converters come behind */
    for (size_t i = 0; i < n_nodes; i++)
        ADAH_TRY(prepare(g->node[i], status));
    for (size_t i = 0; i < g->n_nodes; i++)
        g->node[i]->n_uses = 0;
    for (size_t i = 0; i < g->n_steps; i++)
        for (size_t j = 0; j < g->step[i]->n_x; j++)
            g->step[i]->x[j]->n_uses++;
    find_unchanged(g);
    find_inside(g);
    find_chains(g);
    if (!(g->chain = adah_memory_zeroed(g->n_steps, sizeof *g->chain)))
        return adah_fail_memory(status, g->n_steps * sizeof *g->chain);
    ADAH_TRY(place(g, status));
    ADAH_TRY(allocate_own(&g->scratch, g->n_scratch, status));
    return g->engine->finish ? g->engine->finish(g, status) : ADAH_OK;
}

adah_code adah_graph_build(adah_graph *g, adah_status *status) {
    if (!g)
        return adah_fail_memory(status, sizeof *g);
    if (g->is_built)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the network is built already");
    g->n_threads = adah_parallel_threads();
    if (g->fault.code == ADAH_OK && build(g, &g->fault) == ADAH_OK) {
        g->is_built = 1;
        return ADAH_OK;
    }
    return adah_fail(status, g->fault.code, "%s", g->fault.message);
}
