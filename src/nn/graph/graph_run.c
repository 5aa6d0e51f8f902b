/* graph_run.c - runs a graph, forward and backward.
 *
 * Forward runs the steps in order. Backward first marks the nodes from which a wanted parameter or input can be reached, then runs the
 * marked ones in reverse; kernels add to the gradients of their inputs, or overwrite, and run_backward adds when something is there
 * already. */
#include "base/clock.h"
#include "base/parallel.h"
#include "nn/graph/graph_internal.h"

#include <string.h>

/* ---------------------------------------------------------------- running */

static double clock_of(const adah_graph *g) { return g->measures ? adah_clock_seconds() : 0; }

/* The nodes of g->chain on an item, or all of them on the way back. */
typedef struct chain {
    adah_node *const *node;
    size_t n;
    unsigned groups;
} chain;

enum { WORTH_A_THREAD = 1 << 16 /* so many floats read and written */ };

/* Items that are worth a thread. */
static size_t items_at_once(const chain *c) {
    size_t n_floats = 0;
    for (size_t i = 0; i < c->n; i++) {
        n_floats += c->node[i]->n;
        for (size_t j = 0; j < c->node[i]->n_x; j++)
            n_floats += c->node[i]->x[j]->n;
    }
    return 1 + WORTH_A_THREAD / (1 + n_floats / adah_node_items(c->node[0]));
}

static void chain_forward(void *context, size_t b) {
    const chain *c = context;
    for (size_t i = 0; i < c->n; i++)
        c->node[i]->of_item->forward(c->node[i], b);
}

static void chain_backward(void *context, size_t b) {
    const chain *c = context;
    for (size_t i = 0; i < c->n; i++)
        c->node[i]->of_item->backward(c->node[i], c->groups, b);
}

/* Whether the node runs; then its inputs are found. */
static int begin_forward(adah_node *node, int again) {
    for (size_t i = 0; i < node->n_x; i++)
        node->x_value[i] = node->x[i]->value;
    return (node->kernel || node->of_item) && !node->fused && !(again && node->is_unchanged);
}

static adah_code run_forward(adah_graph *g, int again, adah_status *status) {
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        if (node->kind == ADAH_NODE_INPUT && !node->value)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "network node %zu (input) has no values", node->number);
        if (!begin_forward(node, again))
            continue;
        const double start = clock_of(g);
        if (adah_node_items(node)) {
            chain c = {.node = g->chain};
            for (size_t j = i; j <= node->last; j++)
                if (begin_forward(g->step[j], again))
                    g->chain[c.n++] = g->step[j];
            i = node->last;
            adah_parallel_for(adah_node_items(node), items_at_once(&c), chain_forward, &c);
        } else {
            ADAH_TRY(node->kernel->forward(node, status));
        }
        node->seconds[0] += clock_of(g) - start;
    }
    return ADAH_OK;
}

/* Marks the nodes whose gradient is needed: a parameter of `groups` or a kept input lies upstream. */
static adah_code mark_wanted(adah_graph *g, unsigned groups, adah_status *status) {
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        const adah_parameter *parameter[] = {node->w, node->b};
        node->has_gradient = node->exposed; /* the caller's seed */
        node->wanted = node->kind == ADAH_NODE_INPUT && node->exposed;
        for (size_t j = 0; j < 2; j++) {
            if (!adah_trains(parameter[j], groups))
                continue;
            if (!parameter[j]->gradient)
                return adah_fail(status, ADAH_ERROR_ARGUMENT, "parameter '%s' has no gradient to add to",
                                 parameter[j]->name);
            node->wanted = 1;
        }
        for (size_t j = 0; j < node->n_x; j++)
            node->wanted |= node->x[j]->wanted;
        node->wanted &= node->reaches;
    }
    return ADAH_OK;
}

/* Whether the input's backward does this node's as well. */
static int leaves_to_input(const adah_node *node, unsigned groups) {
    return node->fused_backward && (adah_trains(node->x[0]->w, groups) || adah_trains(node->x[0]->b, groups));
}

static int runs_backward(const adah_node *node) {
    return (node->kernel || node->of_item) && node->wanted && node->has_gradient;
}

/* Where the gradients of the node's inputs go. */
static void begin_backward(adah_node *node) {
    const int overwrites = node->kernel && node->kernel->overwrites;
    for (size_t j = 0; j < node->n_x; j++) {
        adah_node *x = node->x[j];
        node->dx[j] = x->wanted ? x->gradient : NULL;
        if (!x->wanted || node->home == x)
            continue;
        if (overwrites)
            node->dx[j] = x->has_gradient ? node->graph->spare : x->gradient;
        else if (!x->has_gradient)
            memset(x->gradient, 0, x->n_stored * sizeof(float));
        if (!overwrites)
            x->has_gradient = 1; /* at once: the same node may be an input twice */
    }
}

/* Node i and those of its chain that are before it. Returns the last one that ran, going back. */
static size_t run_chain_backward(adah_graph *g, size_t i, unsigned groups) {
    chain c = {.node = g->chain, .groups = groups};
    const size_t first = g->step[i]->first;
    for (size_t j = i + 1; j-- > first;)
        if (runs_backward(g->step[j])) {
            begin_backward(g->step[j]);
            g->chain[c.n++] = g->step[j];
        }
    adah_parallel_for(adah_node_items(g->step[i]), items_at_once(&c), chain_backward, &c);
    for (size_t j = 0; j < c.n; j++)
        if (c.node[j]->of_item->sum)
            c.node[j]->of_item->sum(c.node[j], groups);
    return first;
}

static adah_code run_backward(adah_graph *g, unsigned groups, adah_status *status) {
    ADAH_TRY(mark_wanted(g, groups, status));
    for (size_t i = g->n_steps; i-- > 0;) {
        adah_node *node = g->step[i];
        if (!runs_backward(node))
            continue;
        const double start = clock_of(g);
        if (adah_node_items(node)) {
            i = run_chain_backward(g, i, groups);
            node->seconds[1] += clock_of(g) - start;
            continue;
        }
        begin_backward(node);
        if (!leaves_to_input(node, groups))
            ADAH_TRY(node->kernel->backward(node, groups, node->dx, status));
        node->seconds[1] += clock_of(g) - start;
        for (size_t j = 0; j < node->n_x; j++) {
            adah_node *x = node->x[j];
            if (node->dx[j] && node->dx[j] == g->spare)
                adah_shared_add(x->gradient, g->spare, x->n_stored);
            x->has_gradient |= x->wanted;
        }
    }
    return ADAH_OK;
}

typedef enum direction { FORWARD, FORWARD_AGAIN, BACKWARD } direction;

/* Primitives are prepared for a number of threads; another setting of the calling thread must not reach them. */
static adah_code run_with_threads(adah_graph *g, direction which, unsigned groups, adah_status *status) {
    int before = adah_parallel_threads();
    if (before != g->n_threads)
        adah_parallel_set_threads(g->n_threads);
    adah_code code = which == BACKWARD ? run_backward(g, groups, status) : run_forward(g, which == FORWARD_AGAIN, status);
    if (before != g->n_threads)
        adah_parallel_set_threads(before);
    return code;
}

adah_code adah_graph_forward(adah_graph *g, adah_status *status) {
    if (!g->is_built)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the network is not built");
    ADAH_TRY(run_with_threads(g, FORWARD, 0, status));
    g->has_values = g->has_run = 1;
    return ADAH_OK;
}

void adah_graph_plan_again(adah_graph *g, unsigned groups) { g->changing_groups = groups; }

adah_code adah_graph_forward_again(adah_graph *g, adah_status *status) {
    if (!g->has_values || !g->changing_groups)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "running again needs a network that has been planned for it and has run");
    ADAH_TRY(run_with_threads(g, FORWARD_AGAIN, 0, status));
    g->has_run = 1;
    return ADAH_OK;
}

void adah_graph_update_statistics(adah_graph *g, float share) {
    for (size_t i = 0; i < g->n_steps; i++) {
        const adah_node *node = g->step[i];
        for (size_t j = 0; node->batch_statistics && j < node->statistics->n; j++)
            node->statistics->value[j] += share * (node->batch_statistics[j] - node->statistics->value[j]);
        if (node->batch_statistics)
            node->statistics->version++;
    }
}

void adah_graph_clear_gradients(adah_graph *g) {
    for (size_t i = 0; i < g->n_steps; i++)
        if (g->step[i]->own_gradient)
            memset(g->step[i]->own_gradient, 0, g->step[i]->n_stored * sizeof(float));
}

adah_code adah_graph_backward(adah_graph *g, unsigned groups, adah_status *status) {
    if (g->mode != ADAH_GRAPH_TRAIN || !g->has_run)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backward needs a network for training that has run forward");
    g->has_run = 0; /* what backward leaves of the values is not whole */
    return run_with_threads(g, BACKWARD, groups, status);
}
