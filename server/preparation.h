/* preparation.h - what the server is doing before it can answer, and beside that: told by the work, asked for by the page. */
#ifndef ADAH_SERVER_PREPARATION_H
#define ADAH_SERVER_PREPARATION_H

#include "serve.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct serve_progress {
    pthread_mutex_t lock; /* of what follows */
    int is_working;
    char stage[80], detail[240]; /* detail: the last result, as of an epoch */
    uint64_t done, total;        /* of the stage */
    atomic_int *is_stopping;     /* of the server: then the work is told to end */
    int is_silent;               /* 1: nothing goes to standard error */
} serve_progress;

void serve_progress_open(serve_progress *progress, atomic_int *is_stopping, int is_silent);
void serve_progress_close(serve_progress *progress);
/* For work that begins, until serve_progress_end. */
adah_progress serve_progress_begin(serve_progress *progress);
void serve_progress_end(serve_progress *progress);

#endif
