/* unit_length.h - vectors of one length: y = s (w . x) / |w . x|, the weights w of the elements being 1 where there are none; or two
 * vectors in one row, each for itself. */
#ifndef ADAH_PAPER_UNIT_LENGTH_H
#define ADAH_PAPER_UNIT_LENGTH_H

#include "backbones/builder.h"

typedef struct adah_unit_length {
    size_t n;     /* numbers of a row */
    size_t n_first; /* of these, in the first vector; n: there is one alone */
    float length; /* s */
    const adah_parameter *weight; /* w, (n); NULL: all are 1 */
} adah_unit_length;

/* x: (B, n). *unit lives as long as the graph. A vector of zeros stays one. */
adah_node *adah_unit_length_node(adah_builder *b, adah_node *x, float length, const adah_parameter *weight, adah_unit_length *unit);
/* The first n_first numbers of a row are one vector, the others another. */
adah_node *adah_unit_lengths_node(adah_builder *b, adah_node *x, size_t n_first, float length, const adah_parameter *weight,
                                  adah_unit_length *unit);

#endif
