/* seph.h - parts of SePH, for its tests. */
#ifndef ADAH_RIVALS_SEPH_H
#define ADAH_RIVALS_SEPH_H

#include <stddef.h>

/* SePH's affinity p (n, n) of label rows of length 1 or 0: cosines, 0 on the diagonal, of sum 1. 0: no two rows share
 * a label. See seph.c. */
int adah_seph_affinity(const double *unit_label, size_t n, size_t n_labels, float *p);
/* SePH's objective of codes y (n, n_bits), KL(P || Q) + alpha | |y| - 1 |^2, and its derivative (n, n_bits). Working
 * memory: similarity (n, n), rows (3, n). */
double adah_seph_objective(const float *p, size_t n, const double *y, size_t n_bits, double alpha, double *similarity,
                           double *rows, double *gradient);

#endif
