/* decoder.c - see decoder.h. A process is started by posix_spawn of the program itself, with a socket as its standard input and nothing
 * else that is open; what it is then is in decoder_child.c.
 *
 * A process ends with the thread that started it (decoder_child.c asks for that, to end with the server). So one thread starts them all.
 *
 * A slot is a place for a process. Who decodes takes a slot for himself and is the only one to write to, read from, end and reap its
 * process. Pictures of the archive come first where both kinds wait for the slot of large pictures. */
#define _GNU_SOURCE
#include "decoder.h"
#include "failure.h"
#include "decoder_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JPEG_HEAD = 3, CLOCK_FACTOR = 4 };

extern char **environ;

typedef struct slot {
    pid_t pid; /* 0: no process */
    int fd;
    int is_taken;
} slot;

struct serve_decoders {
    serve_decoder_options options;
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    slot *slots; /* of each kind options.n_processes, then one for large pictures */
    size_t n_slots, n_waiting_of_archive;
    atomic_ullong n_ended, n_running;
    pthread_t starter;
    pthread_mutex_t asking; /* one at a time asks the starter */
    pthread_cond_t asked;   /* under `lock`, as are */
    slot *to_start;         /* NULL: none */
    int to_start_is_large, has_started, must_end;
};

int serve_is_large(const adah_picture_info *info) {
    return info->n_bytes > SERVE_SMALL_PICTURE_BYTES || (info->n_pixels > SERVE_SMALL_PICTURE_PIXELS && strcmp(info->type, "image/jpeg"));
}

/* ---------------------------------------------------------------- processes */

/* Returns 0 when there is none. */
static int start_process(serve_decoders *d, slot *s, int is_large) {
    char name[] = "adah", role[] = "--decoder", memory[24], seconds[24], parent[24];
    const char *program = d->options.program ? d->options.program : "/proc/self/exe";
    char *argv[] = {name, role, memory, seconds, parent, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    int ends[2];
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)(is_large ? d->options.large_bytes : SERVE_SMALL_PICTURE_LIMIT));
    snprintf(seconds, sizeof seconds, "%d", d->options.seconds);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return 0;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    /* Signals as at the beginning, and a group of its own: Ctrl-C is for the server, which finishes what it began. */
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    int fault = posix_spawn_file_actions_adddup2(&files, ends[1], 0);
    fault = fault ? fault : posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    fault = fault ? fault : posix_spawn_file_actions_adddup2(&files, 1, 2);
    fault = fault ? fault : posix_spawn_file_actions_addclosefrom_np(&files, 3);
    pid_t pid = 0;
    fault = fault ? fault : posix_spawn(&pid, program, &files, &how, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    close(ends[1]);
    if (fault) {
        close(ends[0]);
        return 0;
    }
    s->pid = pid;
    s->fd = ends[0];
    atomic_fetch_add(&d->n_running, 1);
    return 1;
}

/* The life of the thread that starts them. */
static void *start_all(void *context) {
    serve_decoders *d = context;
    pthread_mutex_lock(&d->lock);
    while (!d->must_end) {
        slot *s = d->to_start;
        if (!s) {
            pthread_cond_wait(&d->asked, &d->lock);
            continue;
        }
        const int is_large = d->to_start_is_large;
        pthread_mutex_unlock(&d->lock);
        const int has_started = start_process(d, s, is_large);
        pthread_mutex_lock(&d->lock);
        d->has_started = has_started;
        d->to_start = NULL;
        pthread_cond_broadcast(&d->asked);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* Has a process started in the slot. Returns 0 when there is none. */
static int ask_starter(serve_decoders *d, slot *s, int is_large) {
    pthread_mutex_lock(&d->asking);
    pthread_mutex_lock(&d->lock);
    d->to_start = s;
    d->to_start_is_large = is_large;
    pthread_cond_broadcast(&d->asked);
    while (d->to_start)
        pthread_cond_wait(&d->asked, &d->lock);
    const int has_started = d->has_started;
    pthread_mutex_unlock(&d->lock);
    pthread_mutex_unlock(&d->asking);
    return has_started;
}

/* Ends the process, if it has not yet, and says how it ended. */
static int end_process(serve_decoders *d, slot *s) {
    int how = 0;
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, &how, 0) < 0 && errno == EINTR) {
    }
    close(s->fd);
    *s = (slot){.is_taken = s->is_taken};
    atomic_fetch_sub(&d->n_running, 1);
    return how;
}

/* ---------------------------------------------------------------- slots */

static slot *find_slot(serve_decoders *d, serve_decoder_kind of, int is_large) {
    const size_t n = (size_t)d->options.n_processes, first = is_large ? 2 * n : (size_t)of * n, end = is_large ? d->n_slots : first + n;
    slot *found = NULL;
    for (size_t i = first; i < end; i++)
        if (!d->slots[i].is_taken && (!found || (!found->pid && d->slots[i].pid)))
            found = &d->slots[i];
    return found;
}

static slot *take_slot(serve_decoders *d, serve_decoder_kind of, int is_large) {
    const int is_first = is_large && of == SERVE_OF_ARCHIVE;
    slot *s;
    pthread_mutex_lock(&d->lock);
    d->n_waiting_of_archive += (size_t)is_first;
    while (!(s = find_slot(d, of, is_large)) || (is_large && !is_first && d->n_waiting_of_archive))
        pthread_cond_wait(&d->given_back, &d->lock);
    d->n_waiting_of_archive -= (size_t)is_first;
    s->is_taken = 1;
    pthread_mutex_unlock(&d->lock);
    return s;
}

static void give_slot(serve_decoders *d, slot *s) {
    pthread_mutex_lock(&d->lock);
    s->is_taken = 0;
    pthread_cond_broadcast(&d->given_back);
    pthread_mutex_unlock(&d->lock);
}

static void free_decoders(serve_decoders *d) {
    pthread_cond_destroy(&d->asked);
    pthread_cond_destroy(&d->given_back);
    pthread_mutex_destroy(&d->asking);
    pthread_mutex_destroy(&d->lock);
    free(d->slots);
    free(d);
}

adah_code serve_decoders_create(const serve_decoder_options *options, serve_decoders **decoders, adah_status *status) {
    serve_decoders *d = calloc(1, sizeof *d);
    if (d)
        d->n_slots = (size_t)(SERVE_DECODER_KINDS * options->n_processes + 1);
    if (!d || !(d->slots = calloc(d->n_slots, sizeof *d->slots))) {
        free(d);
        return serve_fail(status, ADAH_ERROR_MEMORY, "out of memory");
    }
    d->options = *options;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->asking, NULL);
    pthread_cond_init(&d->given_back, NULL);
    pthread_cond_init(&d->asked, NULL);
    if (pthread_create(&d->starter, NULL, start_all, d) != 0) {
        free_decoders(d);
        return serve_fail(status, ADAH_ERROR_MEMORY, "no thread can be started to start decoders");
    }
    /* The first of each kind loads its libraries while the server does. */
    for (int of = 0; of < SERVE_DECODER_KINDS; of++)
        ask_starter(d, &d->slots[of * options->n_processes], 0);
    *decoders = d;
    return ADAH_OK;
}

void serve_decoders_close(serve_decoders *d) {
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->must_end = 1;
    pthread_cond_broadcast(&d->asked);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->starter, NULL);
    for (size_t i = 0; i < d->n_slots; i++)
        if (d->slots[i].pid)
            end_process(d, &d->slots[i]);
    free_decoders(d);
}

uint64_t serve_decoders_ended(serve_decoders *d) { return atomic_load(&d->n_ended); }
uint64_t serve_decoders_running(serve_decoders *d) { return atomic_load(&d->n_running); }

/* ---------------------------------------------------------------- one picture */

typedef enum outcome { DONE, DIED, LATE, LIED, NO_MEMORY } outcome;

static int64_t milliseconds(void) { return (int64_t)(serve_nanoseconds() / 1000000); }

static outcome wait_for(int fd, short events, int64_t until) {
    for (;;) {
        const int64_t left = until - milliseconds();
        struct pollfd p = {fd, events, 0};
        const int n = left > 0 ? poll(&p, 1, left < 1000000 ? (int)left : 1000000) : 0;
        if (n > 0)
            return DONE;
        if (n == 0 && left <= 0)
            return LATE;
        if (n < 0 && errno != EINTR)
            return DIED;
    }
}

static outcome send_all(int fd, const void *bytes, size_t n, int64_t until) {
    for (size_t at = 0; at < n;) {
        const ssize_t m = send(fd, (const uint8_t *)bytes + at, n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (m > 0) {
            at += (size_t)m;
        } else if (m < 0 && errno == EAGAIN) {
            const outcome waited = wait_for(fd, POLLOUT, until);
            if (waited != DONE)
                return waited;
        } else if (m == 0 || errno != EINTR) {
            return DIED;
        }
    }
    return DONE;
}

static outcome receive_all(int fd, void *bytes, size_t n, int64_t until) {
    for (size_t at = 0; at < n;) {
        const ssize_t m = recv(fd, (uint8_t *)bytes + at, n - at, MSG_DONTWAIT);
        if (m > 0) {
            at += (size_t)m;
        } else if (m < 0 && errno == EAGAIN) {
            const outcome waited = wait_for(fd, POLLIN, until);
            if (waited != DONE)
                return waited;
        } else if (m == 0 || errno != EINTR) {
            return DIED;
        }
    }
    return DONE;
}

/* 1: the reply is one that was asked for. */
static int is_sound(const wire_reply *reply, const wire_request *request) {
    if (reply->magic != WIRE_MAGIC)
        return 0;
    if (reply->code != ADAH_OK)
        return (reply->code == ADAH_ERROR_FORMAT || reply->code == ADAH_ERROR_MEMORY || reply->code == ADAH_ERROR_INTERNAL) &&
               reply->n_bytes < WIRE_MESSAGE_BYTES;
    if (request->kind == SERVE_JPEG)
        return reply->n_bytes > JPEG_HEAD && reply->n_bytes <= WIRE_JPEG_BYTES;
    const uint64_t n_side = request->n_side, n_width = reply->n_width, n_height = reply->n_height;
    if (request->kind == SERVE_PIXELS && (n_width != n_side || n_height != n_side))
        return 0;
    return n_width >= 1 && n_height >= 1 && n_width <= n_side && n_height <= n_side && reply->n_bytes == n_width * n_height * 3;
}

/* The message of a process is text for an answer: nothing but plain characters comes through. */
static void take_message(char *message, size_t n, adah_code code, adah_status *status) {
    for (size_t i = 0; i < n; i++)
        message[i] = message[i] < ' ' || message[i] > '~' ? '?' : message[i];
    message[n] = '\0';
    serve_fail(status, code, "%s", message);
}

static outcome exchange(slot *s, const wire_request *request, const uint8_t *bytes, int64_t until, serve_decoded *decoded,
                        adah_status *status) {
    wire_reply reply;
    char message[WIRE_MESSAGE_BYTES];
    outcome o = send_all(s->fd, request, sizeof *request, until);
    o = o == DONE ? send_all(s->fd, bytes, request->n_bytes, until) : o;
    o = o == DONE ? receive_all(s->fd, &reply, sizeof reply, until) : o;
    if (o != DONE)
        return o;
    if (!is_sound(&reply, request))
        return LIED;
    const size_t n = (size_t)reply.n_bytes;
    if (reply.code != ADAH_OK) {
        o = receive_all(s->fd, message, n, until);
        if (o == DONE)
            take_message(message, n, (adah_code)reply.code, status);
        return o;
    }
    uint8_t *result = malloc(n);
    if (!result)
        return NO_MEMORY;
    o = receive_all(s->fd, result, n, until);
    if (o == DONE && request->kind == SERVE_JPEG && memcmp(result, "\xff\xd8\xff", JPEG_HEAD) != 0)
        o = LIED;
    if (o != DONE)
        free(result);
    else if (request->kind == SERVE_JPEG)
        *decoded = (serve_decoded){.jpeg = result, .n_jpeg_bytes = n};
    else
        *decoded = (serve_decoded){.picture = {(size_t)reply.n_width, (size_t)reply.n_height, result}};
    return o;
}

/* Why there is no picture, by how its process ended. */
static adah_code explain(const serve_decoders *d, outcome o, int how, int is_large, adah_status *status) {
    const int signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    if (o == NO_MEMORY)
        return serve_fail(status, ADAH_ERROR_MEMORY, "out of memory");
    if (o == LIED)
        snprintf(status->message, sizeof status->message, "the process that decoded it gave a wrong answer, and was ended");
    else if (o == LATE || signal == SIGPROF || signal == SIGXCPU)
        snprintf(status->message, sizeof status->message, "decoding takes more than %d s", d->options.seconds);
    else
        snprintf(status->message, sizeof status->message,
                 "decoding takes more than %llu MiB of memory, or breaks the decoder (its process ended by signal %d)",
                 (unsigned long long)(is_large ? d->options.large_bytes : SERVE_SMALL_PICTURE_LIMIT) >> 20, signal);
    return status->code = ADAH_ERROR_FORMAT;
}

adah_code serve_decode(serve_decoders *d, serve_decoder_kind of, int is_large, serve_decoding what, const uint8_t *bytes,
                       size_t n_bytes, adah_picture_form form, serve_decoded *decoded, adah_status *status) {
    const wire_request request = {WIRE_MAGIC, (uint32_t)what, form.n_side, n_bytes, form.filter, form.crop, form.crop_share, 0};
    if (n_bytes > WIRE_FILE_BYTES || form.n_side < 1 || form.n_side > WIRE_SIDE_MAX)
        return serve_fail(status, ADAH_ERROR_FORMAT, "a picture too large to be handed over");
    slot *s = take_slot(d, of, is_large);
    adah_code code = ADAH_OK;
    status->code = ADAH_OK;
    if (!s->pid && !ask_starter(d, s, is_large)) {
        code = serve_fail(status, ADAH_ERROR_IO, "no process can be started to decode pictures");
    } else {
        const int64_t until = milliseconds() + (int64_t)d->options.seconds * 1000 * CLOCK_FACTOR;
        const outcome o = exchange(s, &request, bytes, until, decoded, status);
        if (o != DONE) {
            const int how = end_process(d, s);
            atomic_fetch_add(&d->n_ended, 1);
            code = explain(d, o, how, is_large, status);
        } else {
            code = status->code;
        }
    }
    give_slot(d, s);
    return code;
}
