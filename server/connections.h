/* connections.h - the connections that are open: who is at the other end, what each is doing, and until when.
 *
 * libmicrohttpd ends connections that are silent, not those that are merely slow. So every connection has a phase and a time by which the
 * phase must be over, and the watch shuts down those that are late. How many there may be is for the listener (listen.h). */
#ifndef ADAH_SERVER_CONNECTIONS_H
#define ADAH_SERVER_CONNECTIONS_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef enum serve_phase { SERVE_IDLE, SERVE_RECEIVING, SERVE_WORKING, SERVE_SENDING, SERVE_EXPIRED } serve_phase;

typedef struct serve_connection {
    int fd;
    atomic_int is_first; /* nothing has been answered on it yet */
    atomic_int phase;
    atomic_uint_least64_t deadline;  /* nanoseconds */
    atomic_uint_least64_t n_sending; /* bytes of the answer that is leaving */
    uint64_t n_acknowledged;         /* by the other side, when the watch last looked */
    struct serve_connection *before, *after;
    struct exchange *exchange; /* the request at work; NULL: none */
    char client[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN]; /* network: has a share of the memory together */
} serve_connection;

typedef struct serve_connections serve_connections;

serve_connections *serve_connections_create(int timeout_seconds, int is_tls); /* NULL: memory */
void serve_connections_free(serve_connections *all);                          /* when none is open; NULL is fine */

/* A connection has come, with the phase SERVE_IDLE. NULL: memory. */
serve_connection *serve_connection_open(serve_connections *all, int fd, const struct sockaddr *address);
/* It has gone. Frees it. */
void serve_connection_close(serve_connection *c, serve_connections *all);

/* Returns 0 when the watch has ended it already: then it stays SERVE_EXPIRED. */
int serve_connection_enter(serve_connection *c, serve_phase next);
/* All of the time that a phase has. */
void serve_connection_give_time(serve_connection *c, const serve_connections *all);
/* Bytes that have come or left give time, but none beyond what there was at first: who stops is late soon, however fast it was before. */
void serve_connection_prolong(serve_connection *c, const serve_connections *all, uint64_t n_bytes);
/* Ends it as too slow, if it is receiving. */
void serve_connection_end_receiving(serve_connection *c, const serve_connections *all);
/* 1: nobody waits for the answer any more. Who has only closed its half of the connection might, but cannot be told from who has gone. */
int serve_connection_is_gone(const serve_connection *c);

/* Ends requests that came or left too slowly. A few times a second. */
void serve_connections_watch(serve_connections *all);
/* Ends the connection on which nothing has been asked for the longest time. */
void serve_connections_end_idle(serve_connections *all);

#endif
