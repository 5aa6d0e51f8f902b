/* http_client.h - adah serve as a child process, and requests to it over plain sockets, for the tests. */
#ifndef ADAH_TESTS_HTTP_CLIENT_H
#define ADAH_TESTS_HTTP_CLIENT_H

#include <stddef.h>
#include <sys/types.h>

typedef struct http_reply {
    int status; /* 0: none came */
    char *all;  /* head and body, NUL-terminated */
    char *body;
    size_t n_body;
} http_reply;

typedef struct http_child {
    pid_t pid;
    int port;
} http_child;

/* Starts $ADAH serve --port 0 with further options (NULL-terminated), its stderr into a file. Port 0: it ended; *code
 * is why. */
http_child http_child_start(const char *const *options, const char *log_path, int *code);
/* Sends a signal and waits; the exit code, -1: it did not end by itself in 120 seconds. */
int http_child_stop(http_child child, int signal);

int http_connect(int port);
void http_send(int fd, const void *bytes, size_t n_bytes); /* as far as the other side takes it */
/* Reads one answer. is_head: it has no body. */
http_reply http_receive(int fd, int is_head);
/* On a connection of its own. headers: lines with \r\n each, "" for none; body NULL: none. */
http_reply http_ask(int port, const char *method, const char *target, const char *headers, const void *body,
                    size_t n_body);
/* The value of a header, in a static place; NULL: it is not there. */
const char *http_header(const http_reply *reply, const char *name);
void http_reply_free(http_reply *reply);

#endif
