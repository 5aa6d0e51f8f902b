/* connections.c - see connections.h. */
#define _GNU_SOURCE
#include "connections.h"
#include "request.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BYTES_PER_SECOND = 16 << 10 /* what a body or an answer may take longer for */ };

struct serve_connections {
    int timeout_seconds, is_tls;
    pthread_mutex_t lock; /* of the list */
    serve_connection *first;
};

serve_connections *serve_connections_create(int timeout_seconds, int is_tls) {
    serve_connections *all = calloc(1, sizeof *all);
    if (all) {
        all->timeout_seconds = timeout_seconds;
        all->is_tls = is_tls;
        pthread_mutex_init(&all->lock, NULL);
    }
    return all;
}

void serve_connections_free(serve_connections *all) {
    if (all)
        pthread_mutex_destroy(&all->lock);
    free(all);
}

/* ---------------------------------------------------------------- phases */

static uint64_t full_deadline(const serve_connections *all) {
    return serve_nanoseconds() + (uint64_t)all->timeout_seconds * 1000000000u;
}

void serve_connection_give_time(serve_connection *c, const serve_connections *all) { atomic_store(&c->deadline, full_deadline(all)); }

void serve_connection_prolong(serve_connection *c, const serve_connections *all, uint64_t n_bytes) {
    const uint64_t next = atomic_load(&c->deadline) + n_bytes * (1000000000u / BYTES_PER_SECOND), most = full_deadline(all);
    atomic_store(&c->deadline, next < most ? next : most);
}

/* What the other side has taken of an answer gives time, too. Returns 0 when that does not suffice. */
static int is_taking(serve_connection *c, const serve_connections *all) {
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_bytes_acked) {
        serve_connection_prolong(c, all, info.tcpi_bytes_acked - c->n_acknowledged);
        c->n_acknowledged = info.tcpi_bytes_acked;
    } else { /* a system that does not tell: as much as the answer may take */
        atomic_fetch_add(&c->deadline, atomic_exchange(&c->n_sending, 0) * (1000000000u / BYTES_PER_SECOND));
    }
    return serve_nanoseconds() <= atomic_load(&c->deadline);
}

/* 1: the client has done its part, and a busy server has not come to it yet: to read what waits, to send more. */
static int waits_for_us(const serve_connection *c, serve_phase now) {
    int n = 0;
    return now == SERVE_SENDING ? ioctl(c->fd, SIOCOUTQ, &n) == 0 && n == 0 : ioctl(c->fd, FIONREAD, &n) == 0 && n > 0;
}

static int is_late(serve_connection *c, const serve_connections *all, serve_phase now) {
    const uint64_t since = atomic_load(&c->deadline), time = serve_nanoseconds();
    if (now == SERVE_WORKING || now == SERVE_EXPIRED || time <= since || (now == SERVE_SENDING && is_taking(c, all)))
        return 0;
    return !waits_for_us(c, now) || time > since + (uint64_t)all->timeout_seconds * 1000000000u;
}

int serve_connection_enter(serve_connection *c, serve_phase next) {
    int now = atomic_load(&c->phase);
    while (now != SERVE_EXPIRED && !atomic_compare_exchange_weak(&c->phase, &now, (int)next)) {
    }
    return now != SERVE_EXPIRED;
}

static void end_late(serve_connection *c, const serve_connections *all, serve_phase was) {
    static const char body[] =
        "{\"error\": {\"code\": \"too_slow\", \"message\": \"the request took too long to arrive\"}}\n";
    char answer[512];
    if (!all->is_tls && (was == SERVE_RECEIVING || (was == SERVE_IDLE && atomic_load(&c->is_first)))) {
        const int n =
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
                     "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Length: %zu\r\n\r\n%s",
                     sizeof body - 1, body);
        send(c->fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL); /* or not: it ends anyway */
    }
    shutdown(c->fd, SHUT_RDWR);
}

void serve_connection_end_receiving(serve_connection *c, const serve_connections *all) {
    int was = SERVE_RECEIVING;
    if (atomic_compare_exchange_strong(&c->phase, &was, SERVE_EXPIRED))
        end_late(c, all, SERVE_RECEIVING);
}

void serve_connections_watch(serve_connections *all) {
    pthread_mutex_lock(&all->lock);
    for (serve_connection *c = all->first; c; c = c->after) {
        int was = atomic_load(&c->phase);
        if (is_late(c, all, (serve_phase)was) && atomic_compare_exchange_strong(&c->phase, &was, (int)SERVE_EXPIRED))
            end_late(c, all, (serve_phase)was);
    }
    pthread_mutex_unlock(&all->lock);
}

void serve_connections_end_idle(serve_connections *all) {
    serve_connection *idle = NULL;
    int was = SERVE_IDLE;
    pthread_mutex_lock(&all->lock);
    for (serve_connection *c = all->first; c; c = c->after)
        if (atomic_load(&c->phase) == SERVE_IDLE && (!idle || atomic_load(&c->deadline) < atomic_load(&idle->deadline)))
            idle = c;
    if (idle && atomic_compare_exchange_strong(&idle->phase, &was, (int)SERVE_EXPIRED))
        shutdown(idle->fd, SHUT_RDWR);
    pthread_mutex_unlock(&all->lock);
}

int serve_connection_is_gone(const serve_connection *c) {
    struct pollfd end = {c->fd, POLLRDHUP, 0};
    return poll(&end, 1, 0) > 0 && end.revents;
}

/* ---------------------------------------------------------------- opening and closing */

static void name_client(const struct sockaddr *address, char *name, size_t n) {
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (!inet_ntop(address->sa_family, bytes, name, (socklen_t)n))
        snprintf(name, n, "-");
}

/* What one client may choose addresses from: 64 bits of those of IPv6. */
static void name_network(const struct sockaddr *address, char *name, size_t n) {
    struct sockaddr_in6 masked;
    if (address->sa_family != AF_INET6 ||
        IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr)) {
        name_client(address, name, n);
        return;
    }
    memcpy(&masked, address, sizeof masked);
    memset(masked.sin6_addr.s6_addr + 8, 0, 8);
    name_client((const struct sockaddr *)(const void *)&masked, name, n);
}

serve_connection *serve_connection_open(serve_connections *all, int fd, const struct sockaddr *address) {
    serve_connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->fd = fd;
    atomic_store(&c->is_first, 1);
    name_client(address, c->client, sizeof c->client);
    name_network(address, c->network, sizeof c->network);
    serve_connection_give_time(c, all);
    pthread_mutex_lock(&all->lock);
    c->after = all->first;
    if (c->after)
        c->after->before = c;
    all->first = c;
    pthread_mutex_unlock(&all->lock);
    return c;
}

void serve_connection_close(serve_connection *c, serve_connections *all) {
    pthread_mutex_lock(&all->lock);
    *(c->before ? &c->before->after : &all->first) = c->after;
    if (c->after)
        c->after->before = c->before;
    pthread_mutex_unlock(&all->lock);
    free(c);
}
