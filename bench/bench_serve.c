/* bench_serve.c - how many searches a second a running adah serve answers, and how long they take.
 *
 *   bench_serve PORT CONNECTIONS SECONDS text WORDS...      GET /v1/search?text=..., one of the words after another
 *   bench_serve PORT CONNECTIONS SECONDS image FILE...      POST /v1/search with one of the pictures after another
 *
 * One thread keeps every connection busy with one request at a time. The first tenth of the time is not counted. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stopwatch.h"

enum { ANSWER_BYTES_MAX = 1 << 20, TIMES_MAX = 10000000 };

typedef struct request {
    char *bytes;
    size_t n_bytes;
} request;

typedef struct client {
    int fd;
    const request *sent;
    size_t n_sent, n_got;
    double start;
    char *answer;
} client;

static request *requests;
static size_t n_requests, next_request, n_failed;

static _Noreturn void die(const char *what) {
    perror(what);
    exit(1);
}

static request text_request(const char *words) {
    request r;
    char *encoded = malloc(3 * strlen(words) + 1), *to = encoded;
    for (const char *p = words; *p; p++)
        to += sprintf(to, (*p >= 'a' && *p <= 'z') ? "%c" : "%%%02x", (unsigned char)*p);
    r.n_bytes = (size_t)asprintf(&r.bytes, "GET /v1/search?text=%s&k=20 HTTP/1.1\r\nHost: localhost\r\n\r\n", encoded);
    free(encoded);
    return r;
}

static request image_request(const char *path) {
    static char body[16 << 20];
    request r;
    char *head;
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    const size_t n = fread(body, 1, sizeof body, file);
    fclose(file);
    const int n_head =
        asprintf(&head,
                 "POST /v1/search?k=20&to=image HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 n);
    r.n_bytes = (size_t)n_head + n;
    r.bytes = malloc(r.n_bytes);
    memcpy(r.bytes, head, (size_t)n_head);
    memcpy(r.bytes + n_head, body, n);
    free(head);
    return r;
}

/* Sends what the socket takes. */
static void send_more(client *c) {
    while (c->n_sent < c->sent->n_bytes) {
        const ssize_t n = send(c->fd, c->sent->bytes + c->n_sent, c->sent->n_bytes - c->n_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            die("send");
        c->n_sent += (size_t)n;
    }
}

static void begin(client *c) {
    c->sent = &requests[next_request++ % n_requests];
    c->n_sent = c->n_got = 0;
    c->start = now();
    send_more(c);
}

/* 1: the answer is there, whole. */
static int receive(client *c) {
    const ssize_t n = recv(c->fd, c->answer + c->n_got, ANSWER_BYTES_MAX - c->n_got - 1, 0);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        die("recv");
    c->n_got += (size_t)n;
    c->answer[c->n_got] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\nContent-Length: ");
    if (!end || !length)
        return 0;
    if (c->n_got < (size_t)(end - c->answer) + 4 + (size_t)atoll(length + 18))
        return 0;
    n_failed += strncmp(c->answer, "HTTP/1.1 200", 12) != 0;
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: bench_serve PORT CONNECTIONS SECONDS text|image WORDS|FILE...\n");
        return 2;
    }
    const size_t n_clients = (size_t)atoi(argv[2]);
    const double n_seconds = atof(argv[3]);
    n_requests = (size_t)argc - 5;
    requests = calloc(n_requests, sizeof *requests);
    for (size_t i = 0; i < n_requests; i++)
        requests[i] = argv[4][0] == 't' ? text_request(argv[5 + i]) : image_request(argv[5 + i]);
    client *clients = calloc(n_clients, sizeof *clients);
    double *times = malloc(TIMES_MAX * sizeof *times);
    size_t n_times = 0;
    const int events = epoll_create1(0), one = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < n_clients; i++) {
        client *c = &clients[i];
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0)
            die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        c->answer = malloc(ANSWER_BYTES_MAX);
        epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &e);
    }
    const double start = now(), counted_from = start + n_seconds / 10, end = start + n_seconds;
    for (size_t i = 0; i < n_clients; i++)
        begin(&clients[i]);
    while (now() < end) {
        struct epoll_event ready[64];
        const int n = epoll_wait(events, ready, 64, 100);
        for (int i = 0; i < n; i++) {
            client *c = ready[i].data.ptr;
            if (!receive(c))
                continue;
            if (c->start >= counted_from && n_times < TIMES_MAX)
                times[n_times++] = now() - c->start;
            begin(c);
        }
    }
    if (n_times == 0 || n_failed) {
        fprintf(stderr, "bench_serve: %zu answers, %zu of them errors\n", n_times, n_failed);
        return 1;
    }
    const double middle = median(times, n_times);
    printf("%zu connections: %.0f requests/s, median %.2f ms, 99 %% within %.2f ms, longest %.2f ms\n", n_clients,
           (double)n_times / (end - counted_from), middle * 1e3, times[n_times * 99 / 100] * 1e3,
           times[n_times - 1] * 1e3);
    return 0;
}
