/* hamming.c - the choice of the kernel of Hamming distances. */
#include "codes/codes.h"
#include "codes/hamming_kernels.h"

#include <stdatomic.h>

#define REFERENCE(name) &adah_hamming_##name,
#define NAME(name) #name,
static const adah_hamming_kernel *const all_kernels[] = {ADAH_HAMMING_KERNELS(REFERENCE)};

enum { N_ALL_KERNELS = sizeof all_kernels / sizeof *all_kernels };

static _Atomic(const adah_hamming_kernel *) chosen_kernel; /* NULL: not chosen yet */

static const adah_hamming_kernel *best_kernel(void) {
    size_t i = 0;
    while (!all_kernels[i]->supported()) /* the last one always is */
        i++;
    return all_kernels[i];
}

const adah_hamming_kernel *adah_hamming_chosen(void) {
    const adah_hamming_kernel *k = atomic_load_explicit(&chosen_kernel, memory_order_acquire);
    if (!k) {
        k = best_kernel();
        atomic_store_explicit(&chosen_kernel, k, memory_order_release);
    }
    return k;
}

/* A machine that runs one kernel runs all that follow: the names are a tail. */
const char *const *adah_hamming_kernels(size_t *n) {
    static const char *const names[] = {ADAH_HAMMING_KERNELS(NAME)};
    const adah_hamming_kernel *best = best_kernel();
    size_t first = 0;
    while (all_kernels[first] != best)
        first++;
    *n = N_ALL_KERNELS - first;
    return names + first;
}

int adah_hamming_use(const char *name) {
    if (!name) {
        atomic_store(&chosen_kernel, best_kernel());
        return 1;
    }
    for (size_t i = 0; i < N_ALL_KERNELS; i++)
        if (strcmp(name, all_kernels[i]->name) == 0 && all_kernels[i]->supported()) {
            atomic_store(&chosen_kernel, all_kernels[i]);
            return 1;
        }
    return 0;
}

void adah_hamming_distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits, uint16_t *distance) {
    adah_hamming_chosen()->distances(query, codes, n, n_bits / 8, distance);
}
