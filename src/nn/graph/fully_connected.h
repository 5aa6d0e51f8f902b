/* fully_connected.h - the kernel of fully connected layers for backends. Read fully_connected.c first. */
#ifndef ADAH_NN_GRAPH_FULLY_CONNECTED_H
#define ADAH_NN_GRAPH_FULLY_CONNECTED_H

#include "nn/graph/graph_internal.h"

/* Whether the node is a fully connected one with enough items in its batch. Its input is plain. */
int adah_fully_connected_fits(const adah_node *node);
/* Sets kernel and state of a node that fits. Its ReLU, if any, is computed along (graph_internal.h: activation). */
adah_code adah_fully_connected_prepare(adah_node *node, adah_status *status);

#endif
