/* work.h - threads that do the work of requests, so that those that poll the connections can always answer.
 *
 * Work is of few kinds, and each kind has a lane: a queue and threads of its own, so that none waits for a longer one. A search never
 * stands behind a picture, the archive's own pictures never behind one that somebody sent, and none of them behind a thousand that are
 * added. Changes have one thread, because they are made one after another anyway: those that wait for it sit in the queue. */
#ifndef ADAH_SERVER_WORK_H
#define ADAH_SERVER_WORK_H

#include <adah/adah.h>

/* From short to long: what may be done in a lane may be done in all that follow. */
typedef enum serve_lane {
    SERVE_AT_ONCE,  /* by the thread that polls: neither files nor anything that grows with the index or the request */
    SERVE_QUICK,    /* searches by words and ids, items */
    SERVE_SHOWN,    /* pictures of the folder, for looking at, */
    SERVE_SHOWN_LARGE, /* and those that take long to decode */
    SERVE_PICTURES, /* a picture that came along, and bodies that take long to read */
    SERVE_LARGE,    /* one that takes long to decode, or much memory */
    SERVE_BULK,     /* items with pictures */
    SERVE_CHANGES,  /* commits and reloads */
    SERVE_LANES
} serve_lane;

typedef struct serve_work serve_work;

typedef struct serve_job {
    struct serve_job *after; /* in the queue */
    void (*run)(struct serve_job *job);
} serve_job;

/* n_threads: as many jobs of a lane at once; twice as many of pictures, half as many of bulk, one of large pictures and of changes. */
adah_code serve_work_start(int n_threads, serve_work **work, adah_status *status);
/* Has job->run called by a thread of the lane. Returns 0 when too many wait there already, or after serve_work_finish. Any thread. */
int serve_work_add(serve_work *work, serve_lane lane, serve_job *job);
/* The same for a job at work that goes on in a later lane: what was done is not thrown away. */
void serve_work_pass(serve_work *work, serve_lane lane, serve_job *job);
/* Takes no more, and waits until all that was added is done. */
void serve_work_finish(serve_work *work);
/* Ends the threads, when all is done and no thread is in a call of this any more. NULL is fine. */
void serve_work_end(serve_work *work);

#endif
