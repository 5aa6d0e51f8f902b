/* worker_team.h - pieces of work handed out in order to one worker a thread.
 *
 * A worker holds what cannot be shared (a network, a picture's pixels), takes the next piece when it is done with the
 * last and waits for nobody: while one decodes a picture another computes. Results that must come in order are handed
 * over in order, each worker holding one finished piece at most. */
#ifndef ADAH_INPUT_WORKER_TEAM_H
#define ADAH_INPUT_WORKER_TEAM_H

#include "base/status.h"

typedef struct adah_team_job {
    size_t n_items, n_piece; /* piece k: items k * n_piece up to (k + 1) * n_piece, but n_items */
    const char *stage;       /* for the progress */
    void *context;
    /* Each worker calls open first and close last. All are called at once by several threads, but `deliver`: that is
     * called once a piece, in the order of the pieces, one at a time; it may be NULL. */
    adah_code (*open)(void *context, void **worker, adah_status *status);
    adah_code (*work)(void *context, void *worker, size_t first, size_t n, adah_status *status);
    adah_code (*deliver)(void *context, void *worker, size_t first, size_t n, adah_status *status);
    void (*close)(void *context, void *worker); /* only after an open that went well */
} adah_team_job;

/* Runs all pieces with at most adah_parallel_threads workers. The fault of the first piece that fails is the fault of
 * all, whatever the number of threads. The calling thread is one of the workers and calls `progress` between its
 * pieces; there is one last call with all done. */
adah_code adah_team_run(const adah_team_job *job, adah_progress progress, adah_status *status);
/* The number of workers there will be. */
size_t adah_team_size(const adah_team_job *job);

#endif
