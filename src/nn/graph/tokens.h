/* tokens.h - the operations of transformers, on tokens: (B, P, C), P rows of C values an item.
 *
 * A text encoder of one graph is
 *
 *     ids      = adah_graph_input(g, ADAH_SHAPE2(B, P))         numbers of rows, as floats; any valid one where there is padding
 *     presence = adah_graph_input(g, ADAH_SHAPE2(B, P))         1: a token, 0: padding behind the last one
 *     x        = adah_graph_add_rows(g, adah_graph_embedding(g, ids, table), positions)
 *     x        = blocks of layer norm, attention and linear layers (backbones/transformer.h)
 *     y        = adah_graph_pool_rows(g, x, presence, ADAH_ROW_MEAN)
 *
 * Padding is not looked at by attention and pooling. Its own rows hold what comes of it, and get no gradient from the other rows.
 * Builders as in graph.h: a fault gives NULL and is reported by adah_graph_build. */
#ifndef ADAH_NN_GRAPH_TOKENS_H
#define ADAH_NN_GRAPH_TOKENS_H

#include "nn/graph/graph.h"

/* x: (..., in), w: (out, in), b: (out) or NULL. Gives (..., out), each row for itself. */
adah_node *adah_graph_linear(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b);
/* y = w (x - mean) / sqrt(variance + epsilon) + b, mean and variance (of the population) over the last dimension; w, b: (C). */
adah_node *adah_graph_layer_norm(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b, float epsilon);

/* x Phi(x), Phi the distribution of normal numbers; its approximations x s(2 sqrt(2 / pi) (x + .044715 x^3)) and x s(1.702 x), s being
 * 1 / (1 + exp(-x)) (Hendrycks, Gimpel 2016; the second is written with a tanh, as a rule). */
adah_node *adah_graph_gelu(adah_graph *g, adah_node *x, adah_gelu gelu);

/* Multi-head attention (Vaswani et al. 2017): for each of n_heads slices of D = C / n_heads channels, softmax(Q K' / sqrt(D)) V.
 * `other` NULL: x is (B, P, 3 C), queries, keys and values beside each other. Else x is (B, P, C), the queries, and other (B, N, 2 C), keys
 * and values of what is looked at. Gives (B, P, C).
 * presence: (B, P), of cross attention (B, N): rows of 0 are not looked at; NULL: all are. An item without any gives zeros.
 * is_causal: a row does not look at later ones. Rows that look at none give zeros.
 * is_packed: presence holds a number for each row. Neighbours of one number are a text, whose rows look at each other alone; rows of 0 give
 * zeros. Not of cross attention.
 * distance: softmax(Q K' / sqrt(D) + what a head has for the way from a row to a key); not of cross attention. R is at least P, and of packed
 * rows at least those of a text, which is cut into several otherwise. It gets no gradient. */
adah_node *adah_graph_attention(adah_graph *g, adah_node *x, adah_node *other, adah_node *presence, adah_attention_form form);

/* ids: (B, P), whole numbers below the rows of table: (N, C); others give rows of zeros. Gives (B, P, C). */
adah_node *adah_graph_embedding(adah_graph *g, adah_node *ids, adah_parameter *table);
/* x: (B, P, C) plus row p of rows: (at least P, C), for each item. */
adah_node *adah_graph_add_rows(adah_graph *g, adah_node *x, adah_parameter *rows);
/* rows: (R, C) before those of each item of x: (B, P, C). Gives (B, R + P, C). x NULL: the rows alone, for n_items items. */
adah_node *adah_graph_prepend_rows(adah_graph *g, adah_node *x, size_t n_items, adah_parameter *rows);

/* x: (B, C, H, W) in squares of size x size pixels, row by row, what is left at the right and the bottom aside: (B, P, C size size), each
 * in the order of a convolution's weights. A linear layer behind it is that convolution. Size 1: the channels of each position. */
adah_node *adah_graph_patches(adah_graph *g, adah_node *x, size_t size);
/* The last height x width rows of x: (B, P, C) as a map (B, C, height, width). centre: (B, C): each channel is shifted so that its mean over
 * the positions is that; NULL: none is. */
adah_node *adah_graph_map(adah_graph *g, adah_node *x, size_t height, size_t width, adah_node *centre);
/* (B, P, C) -> (B, C): the first row; the mean of those that are present; the last that is present. presence NULL: all are. An item
 * without any gives zeros. */
adah_node *adah_graph_pool_rows(adah_graph *g, adah_node *x, adah_node *presence, adah_row_pick pick);

#endif
