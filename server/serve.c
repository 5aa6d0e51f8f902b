/* serve.c - the life of a server: start, signals, stop.
 *
 * The calling thread waits for signals and keeps watch over connections, and never for anything else: what may wait for a disk or for a
 * writer (loading, reloading, looking for a new state of the index) is done by the keeper, a thread of its own. Once told to end, the
 * process has a time by which it does, whatever its threads are doing then. */
#define _GNU_SOURCE
#include "serve.h"
#include "failure.h"
#include "http.h"
#include "image_folder.h"
#include "listen.h"
#include "openapi.h"
#include "origin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_MILLISECONDS = 200, REFRESH_SECONDS = 1, MEMORY_BYTES = 256 << 20, DECODERS_MAX = 4 };

static adah_code open_images(serve_server *s, adah_status *status) {
    const char *folder = s->options.images;
    s->images = -1;
    if (!folder)
        return ADAH_OK;
    s->images_path = realpath(folder, NULL);
    struct stat info;
    s->images = s->images_path ? open(s->images_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    s->images_is_tar = s->images >= 0 && fstat(s->images, &info) == 0 && S_ISREG(info.st_mode) && serve_is_tar_name(s->images_path, strlen(s->images_path));
    if (s->images >= 0 && !s->images_is_tar && (fstat(s->images, &info) != 0 || !S_ISDIR(info.st_mode))) {
        close(s->images);
        s->images = -1;
    }
    return s->images >= 0 ? ADAH_OK
                          : serve_fail(status, ADAH_ERROR_IO, "--images %.400s: cannot be opened as a folder, nor as a tar file", folder);
}

static adah_code check_options(serve_server *s, int is_loopback, adah_status *status) {
    const serve_options *o = &s->options;
    if (!o->tls_certificate != !o->tls_key)
        return serve_fail(status, ADAH_ERROR_ARGUMENT, "%s", "--tls-cert and --tls-key belong together");
    if (o->token &&
        (!*o->token || strspn(o->token, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                        "abcdefghijklmnopqrstuvwxyz{|}~") != strlen(o->token)))
        return serve_fail(status, ADAH_ERROR_ARGUMENT, "%s",
                    "the token is empty or has characters other than letters, digits and signs");
    enum { BODIES_LEAST = 4 }; /* a client has half, and what is read out of a body takes as much again */
    if (o->memory_bytes_max / BODIES_LEAST < o->body_bytes_max) {
        snprintf(status->message, sizeof status->message, "--memory is %zu, expected at least %d times --max-body, %zu", o->memory_bytes_max,
                 BODIES_LEAST, BODIES_LEAST * o->body_bytes_max);
        return status->code = ADAH_ERROR_ARGUMENT;
    }
    for (size_t i = 0; i < o->n_hosts; i++)
        if (!serve_is_authority(o->host[i]))
            return serve_fail(status, ADAH_ERROR_ARGUMENT, "--host %.300s: expected a name, or NAME:PORT", o->host[i]);
    s->is_loopback = is_loopback;
    s->reads_are_free = o->reads == SERVE_READS_FREE || (o->reads == SERVE_READS_BY_ADDRESS && is_loopback);
    if (!s->reads_are_free && !o->token)
        return o->reads == SERVE_READS_TOKEN
                   ? serve_fail(status, ADAH_ERROR_ARGUMENT, "%s", "--reads token: give --token-file, too")
                   : serve_fail(status, ADAH_ERROR_ARGUMENT,
                          "--address %.300s can be reached from other machines: give --token-file, or --reads free", o->address);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- the keeper */

typedef struct keeper {
    serve_server *server;
    pthread_t thread, follower; /* the second only while follows */
    int follows;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int must_reload, must_end;
    int told; /* eventfd: the first load is over */
    adah_code code;
    adah_status status; /* of the first load */
} keeper;

static void tell_missing_pictures(serve_server *s) {
    serve_state *state = serve_state_take(s->service);
    if (state)
        serve_tell_missing_pictures(s, state->index);
    serve_state_drop(s->service, state);
}

/* A reload that fails leaves all as it was, and tells so. */
static void reload(serve_server *s) {
    adah_status status;
    if (serve_service_load(s->service, &status) != ADAH_OK)
        fprintf(stderr, "adah: reload: %s; the model and index from before are kept\n", status.message);
    else if (s->options.log != SERVE_LOG_NONE)
        fprintf(stderr, "adah: reloaded %s and %s\n", s->options.model, s->options.index);
    tell_missing_pictures(s);
}

/* A second after the index's file has become a bad one, or a good one again, the log says so. */
static void refresh(serve_server *s) {
    adah_status problem;
    if (!serve_service_refresh(s->service, &problem))
        return;
    if (problem.code != ADAH_OK)
        fprintf(stderr, "adah: %s; not ready until there is a good index\n", problem.message);
    else if (s->options.log != SERVE_LOG_NONE)
        fprintf(stderr, "adah: %s: a good index again\n", s->options.index);
}

/* Model and index, made if they must be. */
static adah_code make_ready(serve_server *s, adah_status *status) {
    if (s->options.prepare) {
        const adah_progress progress = serve_progress_begin(&s->progress);
        const adah_code code = s->options.prepare(s->options.context, progress, status);
        serve_progress_end(&s->progress);
        if (code != ADAH_OK)
            return code;
    }
    adah_set_threads(1); /* of this thread, from here on */
    return serve_service_load(s->service, status);
}

static void *follow(void *context) {
    serve_server *s = context;
    adah_status status;
    const adah_progress progress = serve_progress_begin(&s->progress);
    const adah_code code = s->options.follow(s->options.context, progress, &status);
    serve_progress_end(&s->progress);
    if (code != ADAH_OK && !atomic_load(&s->is_stopping))
        fprintf(stderr, "adah: %s\n", status.message);
    return NULL;
}

static void *keep(void *context) {
    keeper *k = context;
    const uint64_t one = 1;
    k->code = make_ready(k->server, &k->status);
    while (write(k->told, &one, sizeof one) < 0 && errno == EINTR) {
    }
    if (k->code == ADAH_OK)
        tell_missing_pictures(k->server);
    k->follows = k->code == ADAH_OK && k->server->options.follow && pthread_create(&k->follower, NULL, follow, k->server) == 0;
    pthread_mutex_lock(&k->lock);
    while (k->code == ADAH_OK && !k->must_end) {
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += REFRESH_SECONDS;
        while (!k->must_reload && !k->must_end && pthread_cond_timedwait(&k->wake, &k->lock, &next) == 0) {
        }
        const int must_reload = k->must_reload, must_end = k->must_end;
        k->must_reload = 0;
        pthread_mutex_unlock(&k->lock);
        if (must_reload)
            reload(k->server);
        else if (!must_end)
            refresh(k->server);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    if (k->follows)
        pthread_join(k->follower, NULL);
    return NULL;
}

static adah_code start_keeper(keeper *k, serve_server *s, adah_status *status) {
    pthread_condattr_t by_clock;
    *k = (keeper){.server = s};
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&by_clock);
    pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &by_clock);
    pthread_condattr_destroy(&by_clock);
    k->told = eventfd(0, EFD_CLOEXEC);
    const int failed = k->told < 0 ? errno : pthread_create(&k->thread, NULL, keep, k);
    return failed ? serve_fail(status, ADAH_ERROR_INTERNAL, "the thread that loads: %s", strerror(failed)) : ADAH_OK;
}

static void tell_keeper(keeper *k, int *what) {
    pthread_mutex_lock(&k->lock);
    *what = 1;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
}

/* ---------------------------------------------------------------- signals and the end */

/* Ends the process, should it not have ended by itself. */
static void *end_in_time(void *seconds) {
    const struct timespec time = {(time_t)(intptr_t)seconds, 0};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    fprintf(stderr, "adah: stopped with work that does not end\n");
    _exit(0); /* the index is whole whenever a process ends */
}

/* Before all is ready on standard error, since a line on stdout says that it is. */
static void tell_address(const serve_options *o, int port, int is_ready) {
    const int is_v6 = strchr(o->address, ':') != NULL;
    FILE *to = is_ready ? stdout : stderr;
    if (is_ready)
        fprintf(to, "adah: serving %s on ", o->index);
    else
        fprintf(to, "adah: making ready, which can be watched on ");
    fprintf(to, "%s://%s%s%s:%d/\n", o->tls_certificate ? "https" : "http", is_v6 ? "[" : "", o->address, is_v6 ? "]" : "", port);
    fflush(to);
}

/* Returns when the server is told to end, or cannot begin: then 0. */
static int watch(serve_server *s, serve_http *http, keeper *k, int port, int signals) {
    for (;;) {
        struct signalfd_siginfo signal = {0};
        struct pollfd fds[] = {{signals, POLLIN, 0}, {k->told, POLLIN, 0}};
        uint64_t n;
        poll(fds, 2, WATCH_MILLISECONDS);
        if ((fds[1].revents & POLLIN) && read(k->told, &n, sizeof n) > 0) {
            if (k->code != ADAH_OK)
                return 0;
            tell_address(&s->options, port, 1);
        }
        if ((fds[0].revents & POLLIN) && read(signals, &signal, sizeof signal) > 0) {
            if (signal.ssi_signo != SIGHUP)
                return 1;
            tell_keeper(k, &k->must_reload);
        }
        serve_http_watch(http);
    }
}

static void raise_open_files(int n_connections) {
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)n_connections + 256; /* a picture and a socket at a time, files, threads' own */
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= 2 * wanted)
        return;
    limit.rlim_cur = limit.rlim_max < 2 * wanted ? limit.rlim_max : 2 * wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static adah_code serve(serve_server *s, int listening, int port, const sigset_t *signals, adah_status *status) {
    serve_http *http = NULL;
    keeper k;
    pthread_t guard;
    raise_open_files(s->options.n_connections_max);
    const int told = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    adah_code code = told < 0 ? serve_fail(status, ADAH_ERROR_INTERNAL, "signals: %s", strerror(errno))
                              : serve_http_start(s, listening, &http, status);
    if (code != ADAH_OK) {
        close(listening);
        if (told >= 0)
            close(told);
        return code;
    }
    if (s->options.prepare)
        tell_address(&s->options, port, 0);
    code = start_keeper(&k, s, status);
    const int is_kept = code == ADAH_OK, is_told = is_kept && watch(s, http, &k, port, told);
    atomic_store(&s->is_stopping, 1);
    if (is_told && pthread_create(&guard, NULL, end_in_time, (void *)(intptr_t)s->options.timeout_seconds) == 0)
        pthread_detach(guard);
    serve_http_stop(http, s->options.timeout_seconds);
    if (is_kept) {
        tell_keeper(&k, &k.must_end);
        pthread_join(k.thread, NULL);
        if (!is_told)
            *status = k.status;
        code = is_told ? ADAH_OK : k.code;
    }
    if (k.told >= 0)
        close(k.told);
    pthread_cond_destroy(&k.wake);
    pthread_mutex_destroy(&k.lock);
    close(told);
    return code;
}

adah_code serve_run(const serve_options *options, adah_status *status) {
    serve_server s = {.options = *options, .images = -1};
    sigset_t signals;
    int port = options->port, listening, is_loopback = 0;
    serve_progress_open(&s.progress, &s.is_stopping, options->log == SERVE_LOG_NONE);
    if (s.options.n_threads <= 0)
        s.options.n_threads = sysconf(_SC_NPROCESSORS_ONLN) > 2 ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 2;
    if (s.options.n_decoders <= 0)
        s.options.n_decoders = s.options.n_threads < DECODERS_MAX ? s.options.n_threads : DECODERS_MAX;
    if (s.options.memory_bytes_max == 0)
        s.options.memory_bytes_max = 8 * s.options.body_bytes_max > MEMORY_BYTES ? 8 * s.options.body_bytes_max : MEMORY_BYTES;
    adah_code code = serve_listen(options->address, &port, &listening, &is_loopback, status);
    if (code != ADAH_OK) {
        serve_progress_close(&s.progress);
        return code;
    }
    /* Threads that are started have these blocked, too; this one waits for them. They stay blocked: one that comes while the server
     * stops, such as a second request to reload, would end the process before its exit code. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    code = check_options(&s, is_loopback, status);
    if (code == ADAH_OK)
        code = open_images(&s, status);
    if (code == ADAH_OK)
        code = serve_check_uploads(&s, status);
    if (code == ADAH_OK)
        code = serve_service_create(options->model, options->index, 3 * s.options.n_threads, &s.service, status);
    if (code == ADAH_OK)
        code = serve_decoders_create(&(serve_decoder_options){NULL, s.options.n_decoders, s.options.picture_bytes_max,
                                                              s.options.picture_seconds},
                                     &s.decoders, status);
    if (code == ADAH_OK && (!(s.metrics = serve_metrics_create()) || !(s.seen = serve_seen_create()) || !(s.openapi = serve_openapi_create())))
        code = serve_fail(status, ADAH_ERROR_MEMORY, "%s", "out of memory");
    if (code == ADAH_OK)
        code = serve(&s, listening, port, &signals, status);
    else
        close(listening);
    serve_service_close(s.service);
    serve_metrics_free(s.metrics);
    serve_decoders_close(s.decoders);
    serve_seen_free(s.seen);
    serve_openapi_free(s.openapi);
    serve_progress_close(&s.progress);
    if (s.images >= 0)
        close(s.images);
    free(s.images_path);
    return code;
}
