/* packed.h - weights in another layout, made once for all graphs over the same parameter.
 *
 * A backend that wants weights otherwise than plain row-major acquires a copy in its layout when a node is prepared,
 * asks for its contents in every run, and releases it with the node. Nodes of any graphs that ask for the same layout
 * of the same parameter share one copy, freed with the last of them. */
#ifndef ADAH_NN_GRAPH_PACKED_H
#define ADAH_NN_GRAPH_PACKED_H

#include "nn/graph/graph_internal.h"

typedef struct adah_packed adah_packed;

/* A copy of n_floats floats. The layout is the engine's, which compares it and keeps one of its own; engine NULL:
 * layout is the address of something static that stands for it. NULL when memory is out. From any thread. */
adah_packed *adah_packed_acquire(adah_parameter *p, const adah_engine *engine, const void *layout, size_t n_floats);
void adah_packed_release(adah_packed *packed); /* before the parameter is freed; from any thread; NULL is fine */

/* Writes the parameter's value into `to`, laid out. */
typedef adah_code (*adah_pack)(void *context, float *to, adah_status *status);
/* *out: the copy of the parameter's value as it is, packed anew by the first to ask since its version has moved;
 * others that ask meanwhile wait. From any threads, as long as none changes the parameter. */
adah_code adah_packed_get(adah_packed *packed, adah_pack pack, void *context, const float **out, adah_status *status);

size_t adah_packed_count(const adah_parameter *p); /* tests: copies that there are */

#endif
