/* work.c - see work.h. A lane is a list under a lock of its own. A thread is woken only when one sleeps: under load the next job is found
 * without. */
#define _GNU_SOURCE
#include "work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WAITING_PER_THREAD = 64, /* jobs of seconds that may wait: more are refused rather than kept for minutes */
    LARGE_WAITING = 8
};

typedef struct lane {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    serve_job *first, **end;
    size_t n_waiting, n_waiting_max, n_sleeping, n_running;
    pthread_t *thread;
    size_t n_threads;
    int is_closed, is_ending;
} lane;

struct serve_work {
    lane lanes[SERVE_LANES]; /* that of what is done at once has no threads */
};

static void *work_in(void *context) {
    lane *l = context;
    adah_set_threads(1); /* of this thread's searches and encoders */
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!l->first && !l->is_ending) {
            l->n_sleeping++;
            pthread_cond_wait(&l->wake, &l->lock);
            l->n_sleeping--;
        }
        serve_job *job = l->first;
        if (!job)
            break;
        if (!(l->first = job->after))
            l->end = &l->first;
        l->n_waiting--;
        l->n_running++;
        pthread_mutex_unlock(&l->lock);
        job->run(job);
        pthread_mutex_lock(&l->lock);
        l->n_running--;
        if (!l->n_running && !l->first)
            pthread_cond_broadcast(&l->done);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void end_lane(lane *l) {
    pthread_mutex_lock(&l->lock);
    l->is_ending = 1;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->n_threads; i++)
        pthread_join(l->thread[i], NULL);
    pthread_cond_destroy(&l->wake);
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    free(l->thread);
}

/* Returns 0 when not all threads could be started. */
static int start_lane(lane *l, size_t n_threads, size_t n_waiting_max) {
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    pthread_cond_init(&l->done, NULL);
    l->end = &l->first;
    l->n_waiting_max = n_waiting_max;
    l->thread = calloc(n_threads + 1, sizeof *l->thread);
    while (l->thread && l->n_threads < n_threads && pthread_create(&l->thread[l->n_threads], NULL, work_in, l) == 0)
        l->n_threads++;
    return l->thread && l->n_threads == n_threads;
}

void serve_work_end(serve_work *w) {
    for (int i = 0; i < SERVE_LANES && w; i++)
        end_lane(&w->lanes[i]);
    free(w);
}

adah_code serve_work_start(int n_threads, serve_work **work, adah_status *status) {
    const size_t n = (size_t)n_threads, n_bulk = n > 1 ? n / 2 : 1;
    /* Searches and changes are taken as they come: a connection has one request at a time, so that there are no more than those. */
    const struct {
        size_t n_threads, n_waiting_max;
    } plan[SERVE_LANES] = {[SERVE_QUICK] = {n, SIZE_MAX},
                           [SERVE_SHOWN] = {n, SIZE_MAX},
                           [SERVE_SHOWN_LARGE] = {1, SIZE_MAX},
                           [SERVE_PICTURES] = {2 * n, WAITING_PER_THREAD * n}, /* one has a picture decoded, another computes */
                           [SERVE_LARGE] = {1, LARGE_WAITING},
                           [SERVE_BULK] = {n_bulk, WAITING_PER_THREAD * n_bulk},
                           [SERVE_CHANGES] = {1, SIZE_MAX}};
    serve_work *w = calloc(1, sizeof *w);
    int is_good = w != NULL;
    for (int i = 0; i < SERVE_LANES && w; i++)
        is_good = start_lane(&w->lanes[i], plan[i].n_threads, plan[i].n_waiting_max) && is_good;
    if (is_good) {
        *work = w;
        return ADAH_OK;
    }
    serve_work_end(w);
    snprintf(status->message, sizeof status->message, "the threads that answer requests cannot be started");
    return status->code = ADAH_ERROR_MEMORY;
}

static int add(lane *l, serve_job *job, int is_new) {
    job->after = NULL;
    pthread_mutex_lock(&l->lock);
    const int is_taken = !is_new || (l->n_waiting < l->n_waiting_max && !l->is_closed), must_wake = l->n_sleeping > 0;
    if (is_taken) {
        *l->end = job;
        l->end = &job->after;
        l->n_waiting++;
    }
    pthread_mutex_unlock(&l->lock);
    if (is_taken && must_wake)
        pthread_cond_signal(&l->wake);
    return is_taken;
}

int serve_work_add(serve_work *w, serve_lane in, serve_job *job) { return add(&w->lanes[in], job, 1); }
void serve_work_pass(serve_work *w, serve_lane in, serve_job *job) { add(&w->lanes[in], job, 0); }

void serve_work_finish(serve_work *w) {
    for (int i = 0; i < SERVE_LANES; i++) { /* in this order: jobs go on in later lanes alone */
        lane *l = &w->lanes[i];
        pthread_mutex_lock(&l->lock);
        l->is_closed = 1;
        while (l->first || l->n_running)
            pthread_cond_wait(&l->done, &l->lock);
        pthread_mutex_unlock(&l->lock);
    }
}
