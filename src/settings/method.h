/* method.h - what a method is: the paper's own, adah, or a rival that it is compared with. The table of them all is
 * src/methods.c; nobody else knows a method by its name.
 *
 * A method learns step by step, a batch a step, or in closed form from all pairs at once: it has a `loss` or a `closed_form`. */
#ifndef ADAH_SETTINGS_METHOD_H
#define ADAH_SETTINGS_METHOD_H

#include "base/status.h"

struct adah_settings;
struct adah_builder;
struct adah_network_plan;
struct adah_side;
struct adah_network;
struct adah_parameters;
struct adah_pair_set;
struct adah_rival_job;

/* How a loss is told of. */
typedef struct adah_loss_name {
    const char *key;   /* in the record of a training: "text_to_image" */
    const char *label; /* in a line of progress: "T>I" */
    const char *title; /* in a report */
    int is_extra;      /* 1: progress leaves it out where it is 0 */
} adah_loss_name;

enum { ADAH_LOSSES_MAX = 16 }; /* of one method */

/* What a loss is made for. All of it outlives the loss. */
typedef struct adah_loss_plan {
    const struct adah_settings *config;
    const struct adah_pair_set *set;
    const size_t *items; /* of the set: all that are learned from */
    size_t n_items;
    size_t n_batch;
    size_t n_labels;     /* 0: no loss looks at labels one by one */
} adah_loss_plan;

/* What a method that learns step by step minimises on a batch, and what its adversary does. `loss` is its working memory; one
 * thread at a time. */
typedef struct adah_loss {
    const adah_loss_name *(*name)(int i); /* of the i-th loss; NULL: there are fewer. At most ADAH_LOSSES_MAX */
    /* Makes what the losses learn or remember in `parameters`, which outlives the loss. */
    adah_code (*create)(const adah_loss_plan *plan, struct adah_parameters *parameters, void **loss, adah_status *status);
    void (*free)(void *loss);                                /* fine on NULL */
    int (*has_step_2)(const struct adah_settings *config);   /* NULL: never */
    /* The batch: items of the set, and their places among all that are learned from. */
    void (*begin)(void *loss, const size_t *items, const size_t *places);
    /* Step 1, after a forward pass: adds the unweighted losses to sums and derivatives to the gradients of the network's kept
     * nodes. with_adversary 0: what is hidden does not count yet. */
    void (*step_1)(void *loss, struct adah_network *net, int with_adversary, double *sums);
    void (*step_2)(void *loss, struct adah_network *net); /* the same for the adversary, after another forward pass */
} adah_loss;

typedef struct adah_closed_form {
    int needs_labels;
    double norm; /* root mean squared norm that the vectors of each modality are scaled to */
    size_t n_rows_max; /* it learns from so many pairs at most; 0: from all */
    int is_joint; /* 1: it is for vectors of one space (rivals/joint_space.h), which it sees with length 1; texts may be missing */
    void (*fit)(size_t n_values, struct adah_settings *config); /* what it takes from the width of the images' vectors; NULL: nothing */
    adah_code (*learn)(const struct adah_rival_job *job, adah_status *status);
} adah_closed_form;

typedef struct adah_method {
    const char *name, *summary;
    int has_attention;        /* masks, and what comes with them: the settings attention..., the preset paper */
    int has_adversary;
    int has_fine;             /* vectors for the fine order (n_fine) */
    int has_code_penalties;   /* heeds quantisation_weight and balance_weight */
    const char *settings;     /* "name=value name=value ...": what it changes of the preset default */
    /* What follows on the input or the feature map of one side. prefix: "image" or "text". */
    void (*build)(struct adah_builder *b, const char *prefix, const struct adah_network_plan *plan, struct adah_side *side);
    const adah_loss *loss;               /* NULL: it learns in closed form, from frozen features */
    const adah_closed_form *closed_form; /* NULL: it learns step by step */
} adah_method;

extern const adah_method *const adah_methods[]; /* src/methods.c; ends with NULL */

const adah_method *adah_method_find(const char *name); /* NULL: unknown */
const char *adah_method_names(char text[ADAH_CHOICES_BYTES]); /* "adah|dcmh|..."; returns text */

#endif
