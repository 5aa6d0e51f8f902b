/* gelu.h - GELU of some values, for its own node and for fully connected layers that compute it along. */
#ifndef ADAH_NN_GRAPH_GELU_H
#define ADAH_NN_GRAPH_GELU_H

#include "nn/graph/graph.h"

/* y = GELU(x) of n values; y may be x. */
void adah_gelu_values(adah_gelu gelu, const float *x, float *y, size_t n);

#endif
