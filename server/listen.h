/* listen.h - the listening socket, and a thread of its own that accepts connections and hands them on. */
#ifndef ADAH_SERVER_LISTEN_H
#define ADAH_SERVER_LISTEN_H

#include <adah/adah.h>
#include <sys/socket.h>

typedef struct serve_listener serve_listener;

typedef struct serve_listener_options {
    int n_max;         /* connections at a time */
    int n_max_address; /* of one address; loopback addresses have no such limit; 0: nor has any other */
    int is_tls;        /* who is refused cannot be told why */
    void *context;
    /* Both are called by the listener's thread. */
    /* Takes over an accepted socket, which closes on exec and does not block. Returns 0 when it could not and has closed it. */
    int (*take)(void *context, int fd, const struct sockaddr *address, socklen_t n_bytes);
    /* Ends a connection that may be ended for another one: it is released soon. */
    void (*make_room)(void *context);
} serve_listener_options;

/* A socket that listens on the address; *port: that was asked for, then that it has. *is_loopback: only this machine
 * can reach it. */
adah_code serve_listen(const char *address, int *port, int *listening, int *is_loopback, adah_status *status);

/* Accepts from now on. When it is full, the others wait in the kernel's queue; who has too many connections from its address already is
 * answered 429. The socket is the listener's when this succeeds. */
adah_code serve_listener_start(int listening, const serve_listener_options *options, serve_listener **listener, adah_status *status);
/* The connection is about to be closed. Any thread. */
void serve_listener_release(serve_listener *listener, int fd);
/* Accepts no more when this returns; who is in the queue or comes later is refused by the kernel. Once. */
void serve_listener_stop(serve_listener *listener);
/* After the stop, when there is nobody left to release a connection; NULL is fine. */
void serve_listener_free(serve_listener *listener);

#endif
