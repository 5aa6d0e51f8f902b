/* worker_team.c - a shared counter of pieces, turns for delivery, the fault of the first piece that failed. */
#include "input/worker_team.h"
#include "base/parallel.h"

#include <pthread.h>

typedef struct team {
    const adah_team_job *job;
    adah_progress progress;
    size_t n_pieces;
    pthread_mutex_t lock;  /* of all below */
    pthread_cond_t moved;  /* `turn` or `n_wanted` changed */
    size_t next;           /* the piece to hand out next */
    size_t turn;           /* the piece to deliver next */
    size_t n_wanted;       /* pieces from here on are not wanted any more: this one failed */
    size_t n_done, n_told; /* pieces; told: as of the last call of `progress` */
    adah_status fault;     /* of piece n_wanted */
} team;

static void fail_piece(team *t, size_t piece, const adah_status *fault) {
    pthread_mutex_lock(&t->lock);
    if (piece < t->n_wanted) {
        t->n_wanted = piece;
        t->fault = *fault;
    }
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
}

static int take_piece(team *t, size_t *piece) {
    pthread_mutex_lock(&t->lock);
    *piece = t->next;
    const int is_one = *piece < t->n_wanted;
    t->next += (size_t)is_one;
    pthread_mutex_unlock(&t->lock);
    return is_one;
}

/* Waits until it is this piece's turn; 0: an earlier one failed. */
static int wait_turn(team *t, size_t piece) {
    pthread_mutex_lock(&t->lock);
    while (t->turn != piece && piece < t->n_wanted)
        pthread_cond_wait(&t->moved, &t->lock);
    const int is_wanted = piece < t->n_wanted;
    pthread_mutex_unlock(&t->lock);
    return is_wanted;
}

static adah_code do_piece(team *t, void *worker, size_t piece, adah_status *status) {
    const adah_team_job *job = t->job;
    const size_t first = piece * job->n_piece, left = job->n_items - first,
                 n = left < job->n_piece ? left : job->n_piece;
    ADAH_TRY(job->work(job->context, worker, first, n, status));
    if (job->deliver) {
        if (!wait_turn(t, piece))
            return ADAH_OK;
        ADAH_TRY(job->deliver(job->context, worker, first, n, status));
    }
    pthread_mutex_lock(&t->lock);
    t->turn++; /* without deliver nobody asks */
    t->n_done++;
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
    return ADAH_OK;
}

/* By the calling thread alone. */
static adah_code tell_progress(team *t, adah_status *status) {
    const adah_team_job *job = t->job;
    pthread_mutex_lock(&t->lock);
    const size_t n_done = t->n_done;
    pthread_mutex_unlock(&t->lock);
    if (!t->progress.function || n_done == t->n_told)
        return ADAH_OK;
    t->n_told = n_done;
    const size_t n = n_done < t->n_pieces ? n_done * job->n_piece : job->n_items;
    const adah_progress_event event = {job->stage, n < job->n_items ? n : job->n_items, job->n_items, "", 0};
    if (t->progress.function(t->progress.user, &event))
        return adah_fail(status, ADAH_ERROR_CANCELLED, "%s was stopped", job->stage);
    return ADAH_OK;
}

static void run_worker(void *context, size_t number) {
    team *t = context;
    const adah_team_job *job = t->job;
    adah_status fault = {0};
    void *worker;
    if (job->open(job->context, &worker, &fault) != ADAH_OK) {
        fail_piece(t, 0, &fault);
        return;
    }
    for (size_t piece; take_piece(t, &piece);) {
        if (do_piece(t, worker, piece, &fault) != ADAH_OK)
            fail_piece(t, piece, &fault);
        if (number == 0 && tell_progress(t, &fault) != ADAH_OK)
            fail_piece(t, 0, &fault);
    }
    job->close(job->context, worker);
}

size_t adah_team_size(const adah_team_job *job) {
    const size_t n_threads = (size_t)adah_parallel_threads(),
                 n_pieces = (job->n_items + job->n_piece - 1) / job->n_piece;
    return n_threads < n_pieces ? n_threads : n_pieces;
}

adah_code adah_team_run(const adah_team_job *job, adah_progress progress, adah_status *status) {
    team t = {.job = job, .progress = progress, .n_pieces = (job->n_items + job->n_piece - 1) / job->n_piece};
    t.n_wanted = t.n_pieces;
    if (t.n_pieces == 0)
        return ADAH_OK;
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.moved, NULL);
    adah_parallel_team(adah_team_size(job), run_worker, &t);
    adah_code code =
        t.n_wanted < t.n_pieces ? adah_fail(status, t.fault.code, "%s", t.fault.message) : tell_progress(&t, status);
    pthread_cond_destroy(&t.moved);
    pthread_mutex_destroy(&t.lock);
    return code;
}
