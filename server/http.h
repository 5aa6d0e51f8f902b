/* http.h - the HTTP daemon: connections, requests in pieces, answers; the handlers do the rest. */
#ifndef ADAH_SERVER_HTTP_H
#define ADAH_SERVER_HTTP_H

#include "server.h"

typedef struct serve_http serve_http;

/* Listens and answers from now on. */
adah_code serve_http_start(serve_server *server, int listening, serve_http **http, adah_status *status);
/* Ends requests that came or left too slowly; to be called a few times a second. */
void serve_http_watch(serve_http *http);
/* Takes no new connections, finishes what was begun (for at most so many seconds), and ends. */
void serve_http_stop(serve_http *http, int seconds);

/* A socket that listens on the address; *port: that was asked for, then that it has. *is_loopback: only this machine
 * can reach it. */
adah_code serve_http_listen(const char *address, int *port, int *listening, int *is_loopback, adah_status *status);

#endif
