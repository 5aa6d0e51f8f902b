/* signs.c - none: bit i tells whether value i of a vector is at least its mean.
 *
 * What encoders with many values are often cut to, a bit a value. With fewer bits the first values are taken, which is for encoders
 * that put the most into these (A. Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022). */
#include "rivals/joint_space.h"

static adah_code take_values(const adah_rival_job *job, double *weight, adah_status *status) {
    const size_t d = job->image.n_in;
    if (job->n_bits > d)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "none: %zu bits, expected at most %zu, one for each value of a vector", job->n_bits, d);
    for (size_t b = 0; b < job->n_bits; b++)
        weight[b * d + b] = 1;
    return ADAH_OK;
}

ADAH_JOINT_METHOD(none, "none", "signs of the values as they are", adah_joint_fit_dimensions, take_values);
