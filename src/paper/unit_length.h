/* unit_length.h - vectors of one length: y = s (w . x) / |w . x|, the weights w of the elements being 1 where there are none. */
#ifndef ADAH_PAPER_UNIT_LENGTH_H
#define ADAH_PAPER_UNIT_LENGTH_H

#include "backbones/builder.h"

typedef struct adah_unit_length {
    size_t n;     /* numbers of a row */
    float length; /* s */
    const adah_parameter *weight; /* w, (n); NULL: all are 1 */
} adah_unit_length;

/* x: (B, n). *unit lives as long as the graph. A row of zeros stays one. */
adah_node *adah_unit_length_node(adah_builder *b, adah_node *x, float length, const adah_parameter *weight, adah_unit_length *unit);

#endif
