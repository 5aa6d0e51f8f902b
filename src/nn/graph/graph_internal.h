/* graph_internal.h - nodes as the files of src/nn see them.
 *
 * A node runs by its kernel. Kernels of the backends (convolution, pooling, fully connected) and those in
 * plain C that every backend shares (all the others) look the same to graph_run.c. A value and its gradient
 * lie in the node's layout: NULL is plain row-major, anything else belongs to the backend. */
#ifndef ADAH_NN_GRAPH_GRAPH_INTERNAL_H
#define ADAH_NN_GRAPH_GRAPH_INTERNAL_H

#include "nn/graph/graph.h"

typedef enum adah_node_kind {
    ADAH_NODE_INPUT,
    ADAH_NODE_CONVOLUTION,
    ADAH_NODE_FULLY_CONNECTED,
    ADAH_NODE_BATCH_NORM,
    ADAH_NODE_RESPONSE_NORM,
    ADAH_NODE_MAX_POOL,
    ADAH_NODE_MEAN_POOL,
    ADAH_NODE_AVERAGE_POOL,
    ADAH_NODE_RELU,
    ADAH_NODE_RELU6,
    ADAH_NODE_TANH,
    ADAH_NODE_SOFTMAX,
    ADAH_NODE_DROPOUT,
    ADAH_NODE_ADD,
    ADAH_NODE_CONCATENATE,
    ADAH_NODE_SWISH,
    ADAH_NODE_GATE,
    ADAH_NODE_LAYER_NORM,
    ADAH_NODE_GELU,
    ADAH_NODE_ATTENTION,
    ADAH_NODE_EMBEDDING,
    ADAH_NODE_ADD_ROWS,
    ADAH_NODE_PREPEND_ROWS,
    ADAH_NODE_PATCHES,
    ADAH_NODE_MAP,
    ADAH_NODE_POOL_ROWS,
    ADAH_NODE_OPERATION,
    ADAH_NODE_CONVERT /* the same values in another layout; inserted by adah_graph_build */
} adah_node_kind;

typedef struct adah_kernel {
    /* Reads node->x[i]->value, writes node->value. */
    adah_code (*forward)(adah_node *node, adah_status *status);
    /* Reads values and node->gradient; dx[i] is where the gradient of input i goes, NULL: not wanted. Adds to
     * the gradients of the node's parameters whose group is in groups. */
    adah_code (*backward)(adah_node *node, unsigned groups, float *const *dx, adah_status *status);
    int overwrites;               /* backward writes dx[0] instead of adding to it; for one input only */
    void (*release)(void *state); /* frees node->state; NULL: plain memory */
} adah_kernel;

/* Of a kernel that takes each item of the batch for itself: the same for item b, on any thread, with node->dx in place of dx. What
 * backward sums over items waits for `sum`, after all of them; NULL: nothing. */
typedef struct adah_item_kernel {
    void (*forward)(adah_node *node, size_t b);
    void (*backward)(adah_node *node, unsigned groups, size_t b);
    void (*sum)(adah_node *node, unsigned groups);
} adah_item_kernel;

struct adah_node {
    adah_graph *graph;
    adah_node_kind kind;
    size_t number; /* among the caller's nodes */
    adah_shape shape;
    size_t n; /* adah_shape_count(shape) */
    adah_node **x;
    size_t n_x;

    adah_parameter *w, *b;    /* convolution, fully connected, batch and layer norm; w alone: rows of embeddings and the like */
    adah_parameter *statistics; /* batch norm: (2, C) mean and variance to infer with */
    adah_window window;       /* convolution and pooling; size always filled in */
    int groups;               /* convolution */
    adah_response response;   /* response norm */
    float rate;               /* dropout; layer norm: epsilon */
    adah_gelu gelu;           /* GELU */
    int is_hard;              /* swish, gate */
    adah_attention_form form; /* attention */
    size_t n_skipped;         /* map: rows before it; patches: pixels of a side */
    adah_row_pick pick;       /* pool rows */
    adah_operation operation; /* operation */
    adah_item_operation item_operation; /* the same; one of the two has no functions */
    int kept;

    /* Decided by adah_graph_build. */
    const adah_kernel *kernel; /* NULL: inputs, and those with */
    const adah_item_kernel *of_item; /* a kernel of items; else NULL */
    void *state;               /* the kernel's */
    void *layout;              /* NULL: plain */
    size_t n_stored;           /* floats in that layout, padding of blocks included */
    size_t n_outer;            /* concatenate: slices, each the joined slices of the inputs */
    size_t n_together;         /* pool.c, gate.c: channels of a position that lie together */
    size_t step;               /* place in the schedule */
    size_t first, last;        /* steps of the chain it is in: a run of nodes that go item by item together; alone: its own */
    size_t n_uses;             /* nodes that read this one */
    int reaches;               /* a parameter or a kept input lies upstream: may get a gradient */
    int is_unchanged;          /* adah_graph_forward_again leaves it as it is */
    adah_node *home;           /* whose memory this node uses: its own, or its input's when it runs in place */
    adah_node *activation;     /* the elementwise node that runs in place on this one; NULL: none */
    adah_node *inside;         /* the concatenation whose value holds this node's from `inside_at` on; NULL: none */
    size_t inside_at;          /* floats */
    int fused;                 /* the input's kernel has computed this node already */
    int fused_backward;        /* and its backward, where it trains a parameter, begins with this node's */
    adah_node **converter;     /* [n_converters] nodes that hold these values in other layouts */
    size_t n_converters, converter_capacity;
    float *batch_statistics;   /* batch norm in training: (2, C) of this batch */
    int exposed; /* plain, and the caller reads the value and writes the gradient */
    int pinned;  /* the memory of an exposed node */

    /* Running. */
    float *value, *gradient;
    float *own_value, *own_gradient; /* allocated for this node alone, not in the arena */
    int wanted;                      /* this backward pass needs the gradient */
    int has_gradient;                /* and something has been written there */
    const float **x_value;           /* [n_x] the values of the inputs, for this run */
    float **dx;                      /* [n_x] */
    double seconds[2];               /* forward, backward, while g->measures */
};

typedef struct adah_engine adah_engine;

struct adah_graph {
    const adah_engine *engine;
    adah_graph_mode mode;
    adah_precision precision;
    adah_status fault; /* the first one of the builders */
    adah_node **node;  /* every node, converters included */
    size_t n_nodes, node_capacity;
    size_t n_made;    /* the caller's nodes among them */
    adah_node **step; /* nodes in running order */
    size_t n_steps, step_capacity;
    float *arena; /* values and gradients that take turns */
    unsigned changing_groups; /* of parameters, between adah_graph_forward and adah_graph_forward_again */
    float *spare; /* a gradient on its way to be added */
    size_t n_spare;
    adah_node **chain; /* [n_steps] nodes of the chain that runs */
    float *scratch; /* what one kernel at a time works in */
    size_t n_scratch;
    uint64_t seed;
    int n_threads;
    int measures;
    int is_built, has_values, has_run; /* has_run: nothing but forward since, so that backward may follow */
    void *engine_state;
};

/* A backend. Functions about layouts are never given NULL (plain). */
struct adah_engine {
    /* Chooses kernel, state and layout of a convolution, fully connected, batch, response or layer norm, pooling, concatenate,
     * GELU or attention node, and wanted[i], the layout it reads input i in (a new object, the graph's from then on). All start as plain. */
    adah_code (*prepare)(adah_node *node, void **wanted, adah_status *status);
    adah_code (*prepare_convert)(adah_node *converter, adah_status *status);
    adah_code (*finish)(adah_graph *g, adah_status *status); /* all nodes are prepared */
    void (*close)(adah_graph *g);
    int (*layout_equal)(const void *a, const void *b);
    void *(*layout_copy)(const void *layout);
    void (*layout_free)(void *layout);
    size_t (*layout_floats)(const void *layout);
};

#define ADAH_NORM_EPSILON 1e-5f /* added to a variance before its root */

extern const adah_engine adah_engine_reference; /* nn_reference.c */
extern const adah_engine adah_engine_onednn;    /* nn_onednn.c */

/* nn_reference.c: plain loops for a convolution, fully connected, batch or response norm or pooling node. */
const adah_kernel *adah_reference_kernel(adah_node_kind kind);
/* pool.c: max pooling, or the mean over all positions, of a node whose n_together, set by the backend, says how its input and, of
 * max pooling, its value lie; means are plain. */
const adah_kernel *adah_pool_kernel(adah_node_kind kind);
/* pointwise.c: whether the node is a 1x1 convolution with few outputs on a plain input; sets kernel and state of one. */
int adah_pointwise_fits(const adah_node *node);
adah_code adah_pointwise_prepare(adah_node *node, adah_status *status);
/* layer_norm.c, gelu.c, multi_head.c: the fast kernels; reference_transformer.c: plain loops for the three. Everything is plain. */
adah_code adah_layer_norm_prepare(adah_node *node, adah_status *status);
adah_code adah_gelu_prepare(adah_node *node, adah_status *status);
/* gate.c. n_together: of x and of the node, which have one layout; the gate is plain. */
void adah_gate_prepare(adah_node *node, size_t n_together);
adah_code adah_swish_forward(adah_node *node, adah_status *status);
adah_code adah_swish_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status);
adah_code adah_multi_head_prepare(adah_node *node, adah_status *status);
const adah_kernel *adah_reference_transformer_kernel(adah_node_kind kind);
/* tokens.c: copies and sums of rows, on every backend. */
const adah_kernel *adah_tokens_kernel(adah_node_kind kind);
/* nn_shared.c: kernels for all the other kinds; allocates their state. */
adah_code adah_shared_prepare(adah_node *node, adah_status *status);

/* graph.c, for builders: a node of the caller's after the checks that all kinds share; whether the inputs exist and are this graph's
 * (n_dims 0: of any number of dimensions); the first fault, remembered. All give NULL or 0 after one. */
adah_node *adah_graph_new_node(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, adah_shape shape);
int adah_graph_check_inputs(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, int n_dims);
int adah_graph_check_bias(adah_graph *g, adah_node_kind kind, const adah_parameter *b, size_t n);
__attribute__((format(printf, 4, 5))) adah_node *adah_graph_refuse(adah_graph *g, adah_code code, adah_node_kind kind,
                                                                   const char *format, ...);
/* A node of the caller's or a converter, without kernel; NULL: memory is out. */
adah_node *adah_graph_append_node(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, adah_shape shape);

/* The items of a node that takes each for itself; 0: it does not. */
static inline size_t adah_node_items(const adah_node *node) { return node->of_item ? node->x[0]->shape.dim[0] : 0; }

/* y[i] += x[i] on all threads. */
void adah_shared_add(float *y, const float *x, size_t n);

/* For kernels being prepared: the scratch memory will hold at least n floats. */
static inline void adah_graph_need_scratch(adah_graph *g, size_t n) { g->n_scratch = n > g->n_scratch ? n : g->n_scratch; }

/* Of a fully connected node: its rows, each taken for itself, and what goes into and out of one. */
static inline size_t adah_node_out(const adah_node *node) { return node->w->shape.dim[0]; }
static inline size_t adah_node_in(const adah_node *node) { return node->w->shape.dim[1]; }
static inline size_t adah_node_rows(const adah_node *node) { return node->n / adah_node_out(node); }

/* Whether the backward pass over `groups` adds to the parameter's gradient. */
static inline int adah_trains(const adah_parameter *p, unsigned groups) { return p && (p->group & groups); }

#endif
