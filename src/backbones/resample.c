/* resample.c - each position of the new grid is a sum over 4 x 4 of the old one. */
#include "backbones/resample.h"

#include <math.h>

enum { TAPS = 4 };

/* The weight of a position at distance t. */
static double cubic(double t) {
    const double a = -0.75;
    t = fabs(t);
    return t <= 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* Positions of the old grid that position i of the new one is made of, and their weights. */
static void taps_of(size_t i, size_t n_from, size_t n_to, size_t place[TAPS], double weight[TAPS]) {
    const double at = ((double)i + 0.5) * (double)n_from / (double)n_to - 0.5, before = floor(at);
    for (int k = 0; k < TAPS; k++) {
        const double p = before + k - 1;
        place[k] = p < 0 ? 0 : p > (double)(n_from - 1) ? n_from - 1 : (size_t)p;
        weight[k] = cubic(at - p);
    }
}

void adah_resample_grid(const float *from, size_t n_from, float *to, size_t n_to, size_t n) {
    for (size_t i = 0; i < n_to; i++)
        for (size_t j = 0; j < n_to; j++) {
            size_t row[TAPS], column[TAPS];
            double down[TAPS], along[TAPS];
            taps_of(i, n_from, n_to, row, down);
            taps_of(j, n_from, n_to, column, along);
            for (size_t c = 0; c < n; c++) {
                double sum = 0;
                for (int k = 0; k < TAPS; k++)
                    for (int l = 0; l < TAPS; l++)
                        sum += down[k] * along[l] * (double)from[(row[k] * n_from + column[l]) * n + c];
                to[(i * n_to + j) * n + c] = (float)sum;
            }
        }
}
