/* http.h - the HTTP daemon: connections, requests in pieces, answers; the handlers do the rest. */
#ifndef ADAH_SERVER_HTTP_H
#define ADAH_SERVER_HTTP_H

#include "server.h"

typedef struct serve_http serve_http;

/* Answers from now on whoever comes to the listening socket, which is its own when this succeeds. */
adah_code serve_http_start(serve_server *server, int listening, serve_http **http, adah_status *status);
/* Ends requests that came or left too slowly; to be called a few times a second. */
void serve_http_watch(serve_http *http);
/* Takes no new connections from the moment it is called, finishes what was begun, for nearly so many seconds, refuses what waits then,
 * and ends when nothing is at work any more. */
void serve_http_stop(serve_http *http, int seconds);

#endif
