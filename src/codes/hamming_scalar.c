/* hamming_scalar.c - Hamming distances in plain C: the portable kernel and the specification of the others. */
#include "codes/hamming_kernels.h"

static int supported(void) { return 1; }

/* Inlined with a constant n_bytes, so that the compiler unrolls the usual lengths. */
static inline void run(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    for (size_t i = 0; i < n; i++)
        distance[i] = adah_hamming_one(query, codes + i * n_bytes, n_bytes);
}

static void distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    switch (n_bytes) {
    case 2: run(query, codes, n, 2, distance); break;
    case 4: run(query, codes, n, 4, distance); break;
    case 8: run(query, codes, n, 8, distance); break;
    case 16: run(query, codes, n, 16, distance); break;
    case 32: run(query, codes, n, 32, distance); break;
    default: run(query, codes, n, n_bytes, distance);
    }
}

const adah_hamming_kernel adah_hamming_scalar = {"scalar", supported, distances};
