/* serve.c - the life of a server: start, signals, stop. The calling thread loads, waits for signals and keeps watch.
 */
#define _GNU_SOURCE
#include "serve.h"
#include "http.h"
#include "listen.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_MILLISECONDS = 200, REFRESH_EVERY = 5 /* watches */ };

static adah_code fail(adah_status *status, adah_code code, const char *format, const char *what) {
    snprintf(status->message, sizeof status->message, format, what);
    return status->code = code;
}

static adah_code open_images(serve_server *s, adah_status *status) {
    const char *folder = s->options.images;
    s->images = -1;
    if (!folder)
        return ADAH_OK;
    s->images_path = realpath(folder, NULL);
    s->images = s->images_path ? open(s->images_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return s->images >= 0 ? ADAH_OK
                          : fail(status, ADAH_ERROR_IO, "--images %.400s: cannot be opened as a folder", folder);
}

static adah_code check_options(serve_server *s, int is_loopback, adah_status *status) {
    const serve_options *o = &s->options;
    if (!o->tls_certificate != !o->tls_key)
        return fail(status, ADAH_ERROR_ARGUMENT, "%s", "--tls-cert and --tls-key belong together");
    if (o->token &&
        (!*o->token || strspn(o->token, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                        "abcdefghijklmnopqrstuvwxyz{|}~") != strlen(o->token)))
        return fail(status, ADAH_ERROR_ARGUMENT, "%s",
                    "the token is empty or has characters other than letters, digits and signs");
    s->reads_are_free = is_loopback || o->public_reads;
    if (!s->reads_are_free && !o->token)
        return fail(status, ADAH_ERROR_ARGUMENT,
                    "--address %.300s can be reached from other machines: give --token-file, or --public-reads",
                    o->address);
    return ADAH_OK;
}

/* A reload that fails leaves all as it was, and tells so. */
static void reload(serve_server *s) {
    adah_status status;
    if (serve_service_load(s->service, &status) != ADAH_OK)
        fprintf(stderr, "adah: reload: %s; the model and index from before are kept\n", status.message);
    else if (s->options.log != SERVE_LOG_NONE)
        fprintf(stderr, "adah: reloaded %s and %s\n", s->options.model, s->options.index);
}

static void wait_for_end(serve_server *s, serve_http *http, const sigset_t *signals) {
    const struct timespec pause = {0, WATCH_MILLISECONDS * 1000000L};
    for (unsigned n = 1;; n++) {
        const int signal = sigtimedwait(signals, NULL, &pause);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(s);
        serve_http_watch(http);
        if (n % REFRESH_EVERY == 0)
            serve_service_refresh(s->service);
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
    const serve_options *o = &s->options;
    raise_open_files(o->n_connections_max);
    adah_code code = serve_http_start(s, listening, &http, status);
    if (code != ADAH_OK) {
        close(listening);
        return code;
    }
    adah_set_threads(1);
    code = serve_service_load(s->service, status);
    if (code == ADAH_OK) {
        const int is_v6 = strchr(o->address, ':') != NULL;
        printf("adah: serving %s on %s://%s%s%s:%d/\n", o->index, o->tls_certificate ? "https" : "http",
               is_v6 ? "[" : "", o->address, is_v6 ? "]" : "", port);
        fflush(stdout);
        wait_for_end(s, http, signals);
    }
    atomic_store(&s->is_stopping, 1);
    serve_http_stop(http, o->timeout_seconds);
    return code;
}

adah_code serve_run(const serve_options *options, adah_status *status) {
    serve_server s = {.options = *options, .images = -1};
    sigset_t signals;
    int port = options->port, listening, is_loopback = 0;
    if (s.options.n_threads <= 0)
        s.options.n_threads = sysconf(_SC_NPROCESSORS_ONLN) > 2 ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 2;
    adah_code code = serve_listen(options->address, &port, &listening, &is_loopback, status);
    if (code != ADAH_OK)
        return code;
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
        code = serve_service_create(options->model, options->index, 2 * s.options.n_threads, &s.service, status);
    if (code == ADAH_OK && !(s.metrics = serve_metrics_create()))
        code = fail(status, ADAH_ERROR_MEMORY, "%s", "out of memory");
    if (code == ADAH_OK)
        code = serve(&s, listening, port, &signals, status);
    else
        close(listening);
    serve_service_close(s.service);
    serve_metrics_free(s.metrics);
    if (s.images >= 0)
        close(s.images);
    free(s.images_path);
    return code;
}
