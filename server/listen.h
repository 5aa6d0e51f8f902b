/* listen.h - the listening socket, and a thread of its own that accepts connections and hands them on. */
#ifndef ADAH_SERVER_LISTEN_H
#define ADAH_SERVER_LISTEN_H

#include <adah/adah.h>
#include <sys/socket.h>

typedef struct serve_listener serve_listener;

/* Takes over an accepted socket, which closes on exec and does not block. Called by the listener's thread. Returns 0
 * when it could not and has closed it. */
typedef int (*serve_take_connection)(void *context, int fd, const struct sockaddr *address, socklen_t n_bytes);

/* A socket that listens on the address; *port: that was asked for, then that it has. *is_loopback: only this machine
 * can reach it. */
adah_code serve_listen(const char *address, int *port, int *listening, int *is_loopback, adah_status *status);

/* Accepts from now on, at most n_max connections at a time: those beyond wait in the kernel's queue. The socket is
 * the listener's when this succeeds. */
adah_code serve_listener_start(int listening, int n_max, serve_take_connection take, void *context,
                               serve_listener **listener, adah_status *status);
/* One of the connections that were taken has been closed. Any thread. */
void serve_listener_release(serve_listener *listener);
/* Accepts no more when this returns; who is in the queue or comes later is refused by the kernel. Once. */
void serve_listener_stop(serve_listener *listener);
/* After the stop, when there is nobody left to release a connection; NULL is fine. */
void serve_listener_free(serve_listener *listener);

#endif
