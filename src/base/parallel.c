/* parallel.c - adah_parallel_for on OpenMP. */
#include "base/parallel.h"

#include <adah/adah.h>

#include <omp.h>

void adah_parallel_for(size_t n, size_t grain, void (*body)(void *context, size_t i), void *context) {
    size_t wanted = n / (grain ? grain : 1);
    int n_threads = omp_get_max_threads();
    if (wanted < (size_t)n_threads)
        n_threads = (int)wanted;
    if (n_threads <= 1) {
        for (size_t i = 0; i < n; i++)
            body(context, i);
        return;
    }
#pragma omp parallel for schedule(dynamic, (int)(grain ? grain : 1)) num_threads(n_threads)
    for (size_t i = 0; i < n; i++)
        body(context, i);
}

int adah_parallel_threads(void) { return omp_get_max_threads(); }

int adah_parallel_thread(void) { return omp_get_thread_num(); }

void adah_parallel_set_threads(int n) {
    if (n > 0)
        omp_set_num_threads(n);
}

void adah_set_threads(int n) { adah_parallel_set_threads(n); }
