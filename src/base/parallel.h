/* parallel.h - one loop over independent items on all threads.
 *
 * Results must not depend on the split: each item writes only its own output, so that any number of
 * threads gives the same bits. OpenMP underneath, so that oneDNN and the library share one pool. */
#ifndef ADAH_BASE_PARALLEL_H
#define ADAH_BASE_PARALLEL_H

#include <stddef.h>

/* Calls body(context, i) for i in 0..n-1. `grain` is the smallest number of items worth a thread. */
void adah_parallel_for(size_t n, size_t grain, void (*body)(void *context, size_t i), void *context);

/* Calls body(context, 0), body(context, 1), ... n times at once, each in a thread of its own, the first in the calling one; in
 * each a parallel loop uses one thread. For work that takes its next piece when it is done with the last, so that
 * all goes on, slower, where the system starts fewer threads. */
void adah_parallel_team(size_t n, void (*body)(void *context, size_t number), void *context);
/* Tests only: from the n-th start of a thread on (1 = the next) every one fails; 0 turns it off. */
void adah_parallel_fault_at(size_t n);

int adah_parallel_threads(void);            /* threads a parallel loop uses */
int adah_parallel_thread(void);             /* in a body: which of the threads of its loop runs it, from 0 */
void adah_parallel_set_threads(int n);      /* n <= 0: as OpenMP chooses, one a core */

#endif
