/* listen.c - see listen.h. libmicrohttpd could accept by itself, but cannot be told to stop it: MHD_quiesce_daemon
 * takes the listening socket out of the epoll sets of threads that do the same at that time, and the second one of
 * the two ends the process. So it never sees that socket, and has its connections by MHD_add_connection.
 *
 * The thread polls the socket while there is room, and an eventfd by which it is told to end and that there is room
 * again. */
#define _GNU_SOURCE
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BACKLOG = 512,
    PAUSE_MILLISECONDS = 100 /* when the kernel has no file or memory left for a connection */
};

typedef union any_address {
    struct sockaddr plain;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage any;
} any_address;

struct serve_listener {
    int listening, event; /* event: eventfd */
    int n_max;
    serve_take_connection take;
    void *context;
    pthread_t thread;
    atomic_int n_open, is_stopping;
    int is_warned; /* about too few files */
};

static adah_code fail(adah_status *status, adah_code code, const char *format, const char *what) {
    snprintf(status->message, sizeof status->message, format, what);
    return status->code = code;
}

static int is_loopback_address(const any_address *a) {
    if (a->plain.sa_family == AF_INET)
        return (ntohl(a->v4.sin_addr.s_addr) >> 24) == 127;
    return a->plain.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

adah_code serve_listen(const char *address, int *port, int *listening, int *is_loopback, adah_status *status) {
    char service[16], message[600];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    snprintf(service, sizeof service, "%d", *port);
    const int failed = getaddrinfo(address, service, &hints, &found);
    if (failed) {
        snprintf(message, sizeof message, "%.300s: %s", address, gai_strerror(failed));
        return fail(status, ADAH_ERROR_ARGUMENT, "--address %s", message);
    }
    const int one = 1;
    any_address bound;
    socklen_t n = sizeof bound;
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const int is_open = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
                        getsockname(fd, &bound.plain, &n) == 0;
    const int reason = errno;
    freeaddrinfo(found);
    if (!is_open) {
        if (fd >= 0)
            close(fd);
        snprintf(message, sizeof message, "%.300s, port %d: %s", address, *port, strerror(reason));
        return fail(status, ADAH_ERROR_IO, "cannot listen on %s", message);
    }
    *port = ntohs(bound.plain.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    *is_loopback = is_loopback_address(&bound);
    *listening = fd;
    return ADAH_OK;
}

static void wake(serve_listener *l) {
    const uint64_t one = 1;
    while (write(l->event, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

static int has_room(serve_listener *l) { return atomic_load(&l->n_open) < l->n_max; }

/* Accepts all that wait. Returns 0 when it is better to pause. */
static int accept_all(serve_listener *l) {
    while (!atomic_load(&l->is_stopping) && has_room(l)) {
        any_address from;
        socklen_t n = sizeof from;
        const int fd = accept4(l->listening, &from.plain, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            atomic_fetch_add(&l->n_open, 1);
            if (!l->take(l->context, fd, &from.plain, n))
                atomic_fetch_sub(&l->n_open, 1);
        } else if (errno == EAGAIN) {
            return 1;
        } else if (errno == EMFILE || errno == ENFILE) {
            if (!l->is_warned)
                fprintf(stderr, "adah: a connection waits: %s; raise the limit on open files, or lower "
                                "--max-connections\n",
                        strerror(errno));
            l->is_warned = 1;
            return 0;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            return 0; /* no memory, a network that is down: what else there is may pass */
        }
    }
    return 1;
}

static void *accept_always(void *context) {
    serve_listener *l = context;
    int is_pausing = 0;
    while (!atomic_load(&l->is_stopping)) {
        struct pollfd fds[] = {{l->event, POLLIN, 0}, {l->listening, POLLIN, 0}};
        uint64_t n;
        poll(fds, is_pausing || !has_room(l) ? 1 : 2, is_pausing ? PAUSE_MILLISECONDS : -1);
        is_pausing = !accept_all(l);
        while (read(l->event, &n, sizeof n) < 0 && errno == EINTR) {
        }
    }
    return NULL;
}

adah_code serve_listener_start(int listening, int n_max, serve_take_connection take, void *context,
                               serve_listener **listener, adah_status *status) {
    serve_listener *l = calloc(1, sizeof *l);
    if (!l)
        return fail(status, ADAH_ERROR_MEMORY, "%s", "out of memory");
    l->listening = listening;
    l->n_max = n_max;
    l->take = take;
    l->context = context;
    l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *listener = l; /* first: its first connection may be released before this returns */
    const int failed = l->event < 0 ? errno : pthread_create(&l->thread, NULL, accept_always, l);
    if (failed) {
        if (l->event >= 0)
            close(l->event);
        free(l);
        *listener = NULL;
        return fail(status, ADAH_ERROR_INTERNAL, "the thread that accepts connections: %s", strerror(failed));
    }
    return ADAH_OK;
}

void serve_listener_release(serve_listener *l) {
    if (atomic_fetch_sub(&l->n_open, 1) >= l->n_max)
        wake(l);
}

void serve_listener_stop(serve_listener *l) {
    atomic_store(&l->is_stopping, 1);
    wake(l);
    pthread_join(l->thread, NULL);
    shutdown(l->listening, SHUT_RD); /* refuses from now on; who was in the queue is told so */
    close(l->listening);
}

void serve_listener_free(serve_listener *l) {
    if (!l)
        return;
    close(l->event);
    free(l);
}
