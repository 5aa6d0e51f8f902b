/* hyperplanes.c - random: on which side of random hyperplanes through the mean a vector lies.
 *
 * M. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002: two vectors at the angle t differ in a bit with the
 * probability t / pi. The planes of d bits are orthogonal to each other, which lowers the variance (J. Ji et al., "Super-Bit
 * Locality-Sensitive Hashing", NIPS 2012); further bits come of further rotations. */
#include "base/memory.h"
#include "rivals/joint_space.h"
#include "rivals/linear_algebra.h"

#include <string.h>

static adah_code draw(const adah_rival_job *job, double *weight, adah_status *status) {
    const size_t d = job->image.n_in;
    double *rotation = adah_algebra_zeros(d, d);
    if (!rotation)
        return adah_algebra_fail_memory(d, d, status);
    adah_code code = ADAH_OK;
    for (size_t first = 0; first < job->n_bits && code == ADAH_OK; first += d) {
        const size_t n = job->n_bits - first < d ? job->n_bits - first : d;
        code = adah_joint_rotation(job, 1 + first / d, d, rotation, status);
        if (code == ADAH_OK)
            memcpy(weight + first * d, rotation, n * d * sizeof *weight);
    }
    adah_memory_free(rotation);
    return code;
}

ADAH_JOINT_METHOD(random, "random", "random hyperplanes", adah_joint_fit, draw);
