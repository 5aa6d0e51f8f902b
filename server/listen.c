/* listen.c - see listen.h. libmicrohttpd could accept by itself, but cannot be told to stop it: MHD_quiesce_daemon
 * takes the listening socket out of the epoll sets of threads that do the same at that time, and the second one of
 * the two ends the process. So it never sees that socket, and has its connections by MHD_add_connection.
 *
 * The thread polls the socket while there is room, and an eventfd by which it is told to end and that there is room
 * again. The connections are in a table by their number as a file. libmicrohttpd tells of those that end, not of those that it had no
 * memory to begin with: these have closed when their number comes again. */
#define _GNU_SOURCE
#include "listen.h"
#include "failure.h"

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
    PAUSE_MILLISECONDS = 100 /* when the kernel has no file or memory left for a connection, and when no room could be made */
};

/* IPv4 as ::ffff:a.b.c.d; of IPv6 the first half, since the other half is anyone's own choice. 0: of this machine. */
typedef struct address_key {
    uint64_t high, low;
} address_key;

typedef struct place {
    int is_taken;
    address_key from;
} place;

typedef union any_address {
    struct sockaddr plain;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage any;
} any_address;

struct serve_listener {
    serve_listener_options options;
    int listening, event; /* event: eventfd */
    pthread_t thread;
    atomic_int is_stopping;
    int is_told_of_files, is_told_of_address; /* once on stderr is enough */
    pthread_mutex_t lock;                     /* of what follows */
    int n_open;
    place *places; /* by file */
    size_t n_places;
};

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
        return serve_fail(status, ADAH_ERROR_ARGUMENT, "--address %s", message);
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
        return serve_fail(status, ADAH_ERROR_IO, "cannot listen on %s", message);
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

static address_key key_of(const any_address *a) {
    address_key key = {0, 0};
    if (is_loopback_address(a))
        return key;
    if (a->plain.sa_family == AF_INET) {
        key.low = (uint64_t)0xffff << 32 | ntohl(a->v4.sin_addr.s_addr);
    } else if (a->plain.sa_family == AF_INET6) {
        const int is_v4 = IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
        for (int i = 0; i < 8; i++) {
            key.high = key.high << 8 | a->v6.sin6_addr.s6_addr[i];
            key.low = key.low << 8 | (is_v4 ? a->v6.sin6_addr.s6_addr[8 + i] : 0);
        }
    }
    return key;
}

static int has_room(serve_listener *l) {
    pthread_mutex_lock(&l->lock);
    const int is_there = l->n_open < l->options.n_max;
    pthread_mutex_unlock(&l->lock);
    return is_there;
}

typedef enum placing { PLACED, TOO_MANY, NO_MEMORY } placing;

static placing take_place(serve_listener *l, int fd, address_key from) {
    placing outcome = PLACED;
    size_t n_same = 0;
    pthread_mutex_lock(&l->lock);
    if ((size_t)fd >= l->n_places) {
        const size_t n = 2 * (size_t)fd + 64;
        place *larger = realloc(l->places, n * sizeof *larger);
        if (larger) {
            memset(larger + l->n_places, 0, (n - l->n_places) * sizeof *larger);
            l->places = larger;
            l->n_places = n;
        } else {
            outcome = NO_MEMORY;
        }
    }
    if (outcome == PLACED) {
        l->n_open -= l->places[fd].is_taken; /* by one that never began */
        l->places[fd].is_taken = 0;
        if (l->options.n_max_address && (from.high || from.low))
            for (size_t i = 0; i < l->n_places; i++)
                n_same += l->places[i].is_taken && l->places[i].from.high == from.high && l->places[i].from.low == from.low;
        outcome = n_same && n_same >= (size_t)l->options.n_max_address ? TOO_MANY : PLACED;
    }
    if (outcome == PLACED) {
        l->places[fd] = (place){1, from};
        l->n_open++;
    }
    pthread_mutex_unlock(&l->lock);
    return outcome;
}

void serve_listener_release(serve_listener *l, int fd) {
    pthread_mutex_lock(&l->lock);
    const int was_full = l->n_open >= l->options.n_max;
    l->n_open -= l->places[fd].is_taken;
    l->places[fd].is_taken = 0;
    pthread_mutex_unlock(&l->lock);
    if (was_full)
        wake(l);
}

static void refuse(serve_listener *l, int fd, const any_address *from, socklen_t n_bytes) {
    static const char body[] = "{\"error\": {\"code\": \"too_many_connections\", \"message\": \"too many connections from this address\"}}\n";
    char answer[512], name[128] = "-", ignored[4096];
    if (!l->is_told_of_address && getnameinfo(&from->plain, n_bytes, name, sizeof name, NULL, 0, NI_NUMERICHOST) == 0)
        fprintf(stderr, "adah: %s has %d connections; more are refused (--max-connections-per-address)\n", name, l->options.n_max_address);
    l->is_told_of_address = 1;
    const int n = snprintf(answer, sizeof answer,
                           "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Type: application/json\r\n"
                           "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Length: %zu\r\n\r\n%s",
                           sizeof body - 1, body);
    /* What is left unread when a socket closes makes the kernel reset it. */
    if (!l->options.is_tls && send(fd, answer, (size_t)n, MSG_NOSIGNAL) > 0 && shutdown(fd, SHUT_WR) == 0)
        while (recv(fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0) {
        }
    close(fd);
}

/* Accepts all that wait. Returns 0 when it is better to pause. */
static int accept_all(serve_listener *l) {
    while (!atomic_load(&l->is_stopping) && has_room(l)) {
        any_address from;
        socklen_t n = sizeof from;
        const int fd = accept4(l->listening, &from.plain, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            const placing outcome = take_place(l, fd, key_of(&from));
            if (outcome == TOO_MANY)
                refuse(l, fd, &from, n);
            else if (outcome == NO_MEMORY)
                close(fd);
            else if (!l->options.take(l->options.context, fd, &from.plain, n))
                serve_listener_release(l, fd);
        } else if (errno == EAGAIN) {
            return 1;
        } else if (errno == EMFILE || errno == ENFILE) {
            if (!l->is_told_of_files)
                fprintf(stderr, "adah: a connection waits: %s; raise the limit on open files, or lower --max-connections\n",
                        strerror(errno));
            l->is_told_of_files = 1;
            return 0;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            return 0; /* no memory, a network that is down: what else there is may pass */
        }
    }
    return 1;
}

/* 1: somebody waits to be accepted. */
static int is_waited_for(const serve_listener *l) {
    struct pollfd waiting = {l->listening, POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
}

static void *accept_always(void *context) {
    serve_listener *l = context;
    int is_pausing = 0;
    while (!atomic_load(&l->is_stopping)) {
        struct pollfd fds[] = {{l->event, POLLIN, 0}, {l->listening, POLLIN, 0}};
        uint64_t n;
        poll(fds, is_pausing ? 1 : 2, is_pausing ? PAUSE_MILLISECONDS : -1);
        while (read(l->event, &n, sizeof n) < 0 && errno == EINTR) {
        }
        is_pausing = !accept_all(l);
        if (!is_pausing && !has_room(l) && is_waited_for(l)) {
            l->options.make_room(l->options.context);
            is_pausing = 1; /* until it is there */
        }
    }
    return NULL;
}

adah_code serve_listener_start(int listening, const serve_listener_options *options, serve_listener **listener, adah_status *status) {
    serve_listener *l = calloc(1, sizeof *l);
    if (!l)
        return serve_fail(status, ADAH_ERROR_MEMORY, "%s", "out of memory");
    l->listening = listening;
    l->options = *options;
    pthread_mutex_init(&l->lock, NULL);
    l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *listener = l; /* first: its first connection may be released before this returns */
    const int failed = l->event < 0 ? errno : pthread_create(&l->thread, NULL, accept_always, l);
    if (failed) {
        if (l->event >= 0)
            close(l->event);
        pthread_mutex_destroy(&l->lock);
        free(l);
        *listener = NULL;
        return serve_fail(status, ADAH_ERROR_INTERNAL, "the thread that accepts connections: %s", strerror(failed));
    }
    return ADAH_OK;
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
    pthread_mutex_destroy(&l->lock);
    free(l->places);
    free(l);
}
