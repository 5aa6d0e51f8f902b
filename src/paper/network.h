/* network.h - a whole network on one graph: E, G, D of either modality, or what a rival has in place of G and D. */
#ifndef ADAH_PAPER_NETWORK_H
#define ADAH_PAPER_NETWORK_H

#include "nn/graph/graph.h"
#include "paper/attention.h"
#include "paper/feature.h"
#include "paper/unit_length.h"
#include "settings/settings.h"
#include "settings/input_shape.h"

typedef struct adah_network_plan {
    adah_backend backend;
    adah_graph_mode mode;
    size_t n_batch;
    adah_input_shape image, text; /* kind NONE: not on the graph */
    size_t n_labels;        /* outputs of the label classifier, training only; 0: none */
    int with_adversary;     /* training with the adversary: Ĥ wanted, or the output of a rival's adversary */
    int features_only;      /* stop behind E^I (computing feature maps once) */
    int to_cut;             /* with features_only, of a backbone that learns from finetune_from on: stop there, before it */
    unsigned groups_between; /* training: those that move between a forward pass and its repetition; 0: none is repeated */
    int creating;           /* missing parameters are made (a new model); else they are a fault */
    int only_checked;       /* 1: the network is not to be run: it has no memory for values */
} adah_network_plan;

typedef struct adah_side {
    adah_input_kind kind;    /* what it is given as */
    size_t n_words;          /* so many of its values, from the first on, are a bag of words */
    adah_node *input;        /* (B, item); of tokens (B, C, P, 1) */
    adah_node *feature;      /* f */
    adah_attention attention; /* its nodes are NULL without attention */
    adah_node *code;         /* (B, q): class_code and behind it picture_code */
    adah_node *class_code;   /* H of the paper's modules, or of a rival; NULL where all bits tell pictures apart */
    adah_node *hidden_code;  /* Ĥ, NULL unless with_adversary */
    adah_node *picture_code; /* H^P (picture_part.h); NULL where no bit is of it */
    adah_node *fine;         /* v (B, n_fine), the vector for the fine order; NULL without */
    adah_node *average;      /* of an image, the mean of its whole map, of which its standard and its appearance are learned; NULL in training */
    adah_node *appearance;   /* of an image; NULL in training and without */
    adah_node *logits;       /* of the label classifier on H */
    adah_node *adversary;    /* what a rival's adversary says of H; NULL unless with_adversary */
    void *own;               /* of the method: adah_memory_free frees it with the network */
    adah_scale scale;        /* of f^I */
    adah_standard standard;  /* of its averages */
    adah_attention whole;    /* of the picture part: the extent of tokens that it averages */
    adah_unit_length unit_words, unit_fine, unit_code, unit_appearance; /* and its vectors */
} adah_side;

typedef struct adah_network {
    adah_graph *graph;
    adah_side image, text;
} adah_network;

/* The parameters must outlive the network. Outputs, masks and probabilities are kept nodes. */
adah_code adah_network_create(const adah_network_plan *plan, const adah_settings *config, adah_parameters *parameters,
                              adah_network **network, adah_status *status);
void adah_network_free(adah_network *network);

/* E^T, G and D of one side: what the method adah builds (method.h). */
void adah_paper_build(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side);

#endif
