/* http_client.c - see http_client.h. */
#define _GNU_SOURCE
#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 48, ANSWER_BYTES_MAX = 32 << 20, WAIT_SECONDS = 120 };

http_child http_child_start(const char *const *options, const char *log_path, int *code) {
    const char *argv[ARGUMENTS_MAX] = {getenv("ADAH"), "serve", "--port", "0"};
    int n = 4, out[2];
    for (; options && *options && n < ARGUMENTS_MAX - 1; options++)
        argv[n++] = *options;
    http_child child = {0, 0};
    if (!argv[0] || pipe(out) != 0)
        return child;
    child.pid = fork();
    if (child.pid == 0) {
        const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(out[1], 1);
        dup2(log, 2);
        close(out[0]);
        close(out[1]);
        execv(argv[0], (char *const *)(const void *)argv);
        _exit(127);
    }
    close(out[1]);
    char line[1024] = "";
    FILE *file = fdopen(out[0], "r");
    if (file && fgets(line, sizeof line, file)) {
        const char *colon = strrchr(line, ':');
        child.port = colon ? atoi(colon + 1) : 0;
    }
    if (!child.port) {
        int status = 0;
        waitpid(child.pid, &status, 0);
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    if (file)
        fclose(file);
    return child;
}

int http_child_stop(http_child child, int signal) {
    int status;
    kill(child.pid, signal);
    for (int i = 0; i < WAIT_SECONDS * 100; i++) {
        if (waitpid(child.pid, &status, WNOHANG) == child.pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        usleep(10000);
    }
    kill(child.pid, SIGKILL);
    waitpid(child.pid, &status, 0);
    return -1;
}

/* Sockets with a timeout do not go on by themselves after a signal. */
static ssize_t receive_some(int fd, void *bytes, size_t n_bytes) {
    ssize_t n;
    do
        n = recv(fd, bytes, n_bytes, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t send_some(int fd, const void *bytes, size_t n_bytes) {
    ssize_t n;
    do
        n = send(fd, bytes, n_bytes, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

int http_connect(int port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {WAIT_SECONDS, 0};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

void http_send(int fd, const void *bytes, size_t n_bytes) {
    const char *p = bytes;
    for (ssize_t n; n_bytes > 0 && (n = send_some(fd, p, n_bytes)) > 0; p += n)
        n_bytes -= (size_t)n;
}

const char *http_header(const http_reply *reply, const char *name) {
    static _Thread_local char value[1024]; /* replies are read by several threads */
    const size_t n = strlen(name);
    for (const char *line = reply->all ? strstr(reply->all, "\r\n") : NULL; line && line + 2 < reply->body;
         line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, n) && line[2 + n] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + 4 + n, "\r"), line + 4 + n);
            return value;
        }
    return NULL;
}

http_reply http_receive(int fd, int is_head) {
    http_reply r = {0, malloc(ANSWER_BYTES_MAX + 1), NULL, 0};
    size_t n = 0, n_wanted = ANSWER_BYTES_MAX;
    r.all[0] = '\0';
    for (ssize_t got; n < n_wanted && (got = receive_some(fd, r.all + n, n_wanted - n)) > 0;) {
        n += (size_t)got;
        r.all[n] = '\0';
        char *end = r.body ? NULL : strstr(r.all, "\r\n\r\n");
        if (!end)
            continue;
        if (!strncmp(r.all, "HTTP/1.1 100", 12)) { /* the true answer follows */
            memmove(r.all, end + 4, n - (size_t)(end + 4 - r.all) + 1);
            n -= (size_t)(end + 4 - r.all);
            if (!(end = strstr(r.all, "\r\n\r\n")))
                continue;
        }
        r.body = end + 4;
        const char *length = http_header(&r, "Content-Length");
        if (is_head || !strncmp(r.all, "HTTP/1.1 304", 12))
            n_wanted = n;
        else if (length)
            n_wanted = (size_t)(r.body - r.all) + (size_t)atoll(length);
    }
    if (r.body && !strncmp(r.all, "HTTP/1.1 ", 9)) {
        r.status = atoi(r.all + 9);
        r.n_body = n - (size_t)(r.body - r.all);
    }
    return r;
}

http_reply http_ask(int port, const char *method, const char *target, const char *headers, const void *body,
                    size_t n_body) {
    char *head = NULL, length[64] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", n_body);
    const int n = asprintf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s%s\r\n", method, target,
                           headers, length);
    const int fd = http_connect(port);
    http_reply r = {0};
    if (fd >= 0 && n > 0) {
        http_send(fd, head, (size_t)n);
        if (body)
            http_send(fd, body, n_body);
        r = http_receive(fd, !strcmp(method, "HEAD"));
    }
    if (fd >= 0)
        close(fd);
    free(head);
    return r;
}

void http_reply_free(http_reply *r) {
    free(r->all);
    *r = (http_reply){0};
}
