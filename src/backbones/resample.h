/* resample.h - rows that belong to the positions of a grid, for a grid of another size. */
#ifndef ADAH_BACKBONES_RESAMPLE_H
#define ADAH_BACKBONES_RESAMPLE_H

#include <stddef.h>

/* from: (n_from, n_from, n) -> to: (n_to, n_to, n): cubic (Keys 1981, a = -0.75), positions in the middle of their squares, the edge
 * repeated outside: what PyTorch's interpolate does in the mode "bicubic". */
void adah_resample_grid(const float *from, size_t n_from, float *to, size_t n_to, size_t n);

#endif
