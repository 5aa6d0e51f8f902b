/* parallel.h - one loop over independent items on all threads.
 *
 * Results must not depend on the split: each item writes only its own output, so that any number of
 * threads gives the same bits. OpenMP underneath, so that oneDNN and the library share one pool. */
#ifndef ADAH_BASE_PARALLEL_H
#define ADAH_BASE_PARALLEL_H

#include <stddef.h>

/* Calls body(context, i) for i in 0..n-1. `grain` is the smallest number of items worth a thread. */
void adah_parallel_for(size_t n, size_t grain, void (*body)(void *context, size_t i), void *context);

int adah_parallel_threads(void);            /* threads a parallel loop uses */
int adah_parallel_thread(void);             /* in a body: which of them runs it, from 0 */
void adah_parallel_set_threads(int n);      /* n <= 0: as OpenMP chooses, one a core */

#endif
