/* preparation.c - the last event is kept; results and the beginning of each stage go to standard error, too. */
#include "preparation.h"

#include <stdio.h>
#include <string.h>

void serve_progress_open(serve_progress *p, atomic_int *is_stopping, int is_silent) {
    *p = (serve_progress){.is_stopping = is_stopping, .is_silent = is_silent};
    pthread_mutex_init(&p->lock, NULL);
}

void serve_progress_close(serve_progress *p) { pthread_mutex_destroy(&p->lock); }

/* Cut at the end of a letter. */
static void copy(char *to, size_t n_bytes, const char *from) {
    size_t n = strlen(from);
    if (n >= n_bytes) {
        n = n_bytes - 1;
        while (n && ((unsigned char)from[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(to, from, n);
    to[n] = '\0';
}

static int on_progress(void *user, const adah_progress_event *event) {
    serve_progress *p = user;
    pthread_mutex_lock(&p->lock);
    const int is_new = strncmp(p->stage, event->stage, sizeof p->stage - 1) != 0;
    copy(p->stage, sizeof p->stage, event->stage);
    if (event->is_result)
        copy(p->detail, sizeof p->detail, event->detail);
    p->is_working = strcmp(event->stage, SERVE_STAGE_WAITING) != 0;
    p->done = event->done;
    p->total = event->total;
    pthread_mutex_unlock(&p->lock);
    if (event->is_result && !p->is_silent)
        fprintf(stderr, "adah: %s\n", event->detail);
    else if (is_new && event->total && !p->is_silent)
        fprintf(stderr, "adah: %s (%llu)\n", event->stage, (unsigned long long)event->total);
    return atomic_load(p->is_stopping);
}

adah_progress serve_progress_begin(serve_progress *p) {
    pthread_mutex_lock(&p->lock);
    p->is_working = 1;
    pthread_mutex_unlock(&p->lock);
    return (adah_progress){on_progress, p};
}

void serve_progress_end(serve_progress *p) {
    pthread_mutex_lock(&p->lock);
    p->is_working = 0;
    p->stage[0] = p->detail[0] = '\0';
    p->done = p->total = 0;
    pthread_mutex_unlock(&p->lock);
}
