/* Accepting: a server that stops while connections arrive, one that is full, and one that has no file left. */
#define _GNU_SOURCE
#include "http.h"
#include "http_client.h"
#include "listen.h"
#include "server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

enum { N_CLIENTS = 4, N_ROUNDS = 400, ANSWERS_A_ROUND = 8, N_THREADS = 32 };

static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/* A server that has nothing loaded: /healthz needs nothing. */
typedef struct fixture {
    serve_server server;
    serve_http *http;
    int port;
    atomic_int is_over, n_answers;
} fixture;

static void start(fixture *f, int n_connections_max) {
    const serve_options options = SERVE_OPTIONS_INIT;
    adah_status status;
    int listening, is_loopback;
    memset(f, 0, sizeof *f);
    f->server.options = options;
    f->server.options.n_threads = N_THREADS;
    f->server.options.n_connections_max = n_connections_max;
    f->server.options.log = SERVE_LOG_NONE;
    f->server.images = -1;
    f->server.reads_are_free = 1;
    assert_int_equal(serve_service_create("none", "none", 1, &f->server.service, &status), ADAH_OK);
    f->server.metrics = serve_metrics_create();
    assert_non_null(f->server.metrics);
    assert_int_equal(serve_listen("127.0.0.1", &f->port, &listening, &is_loopback, &status), ADAH_OK);
    assert_true(is_loopback && f->port);
    assert_int_equal(serve_http_start(&f->server, listening, &f->http, &status), ADAH_OK);
}

static void stop(fixture *f) {
    serve_http_stop(f->http, f->server.options.timeout_seconds);
    serve_service_close(f->server.service);
    serve_metrics_free(f->server.metrics);
}

static int ask(int fd) {
    http_send(fd, request, sizeof request - 1);
    http_reply r = http_receive(fd, 0);
    const int status = r.status;
    http_reply_free(&r);
    return status;
}

/* 1: something, be it the end, has come within the time. */
static int is_told(int fd, int milliseconds) {
    struct pollfd told = {fd, POLLIN, 0};
    return poll(&told, 1, milliseconds) > 0;
}

/* ---------------------------------------------------------------- stopping */

static void *keep_coming(void *context) {
    fixture *f = context;
    while (!atomic_load(&f->is_over)) {
        const int fd = http_connect(f->port);
        if (fd < 0)
            continue;
        if (ask(fd) == 200)
            atomic_fetch_add(&f->n_answers, 1);
        close(fd);
    }
    return NULL;
}

static void test_stops_while_connections_arrive(void **state) {
    (void)state;
    for (int round = 0; round < N_ROUNDS; round++) {
        fixture f;
        pthread_t clients[N_CLIENTS];
        start(&f, 1000);
        for (int i = 0; i < N_CLIENTS; i++)
            assert_int_equal(pthread_create(&clients[i], NULL, keep_coming, &f), 0);
        while (atomic_load(&f.n_answers) < ANSWERS_A_ROUND)
            sched_yield();
        stop(&f); /* while they go on */
        assert_int_equal(http_connect(f.port), -1);
        atomic_store(&f.is_over, 1);
        for (int i = 0; i < N_CLIENTS; i++)
            pthread_join(clients[i], NULL);
    }
}

/* ---------------------------------------------------------------- limits */

/* Who comes when it is full waits, and is answered as soon as another one leaves. */
static void test_full_server_lets_wait(void **state) {
    enum { N_CONNECTIONS = 5, N_WAITING = 20 };
    (void)state;
    fixture f;
    int open[N_CONNECTIONS], waiting[N_WAITING];
    start(&f, N_CONNECTIONS);
    for (int i = 0; i < N_CONNECTIONS; i++) {
        open[i] = http_connect(f.port);
        for (int k = 0; k < 3; k++) /* one connection, several requests */
            assert_int_equal(ask(open[i]), 200);
    }
    for (int i = 0; i < N_WAITING; i++) {
        waiting[i] = http_connect(f.port);
        assert_true(waiting[i] >= 0);
        http_send(waiting[i], request, sizeof request - 1);
    }
    for (int i = 0; i < N_WAITING; i++)
        assert_false(is_told(waiting[i], 0));
    for (int i = 0; i < N_CONNECTIONS; i++)
        assert_int_equal(ask(open[i]), 200);
    for (int i = 0; i < N_WAITING; i++) {
        close(i < N_CONNECTIONS ? open[i] : waiting[i - N_CONNECTIONS]);
        http_reply r = http_receive(waiting[i], 0);
        assert_int_equal(r.status, 200);
        http_reply_free(&r);
    }
    for (int i = N_WAITING - N_CONNECTIONS; i < N_WAITING; i++)
        close(waiting[i]);
    stop(&f);
}

/* A process that may open no more files says so, keeps its listening socket, and accepts once it may. */
static void test_no_file_left(void **state) {
    (void)state;
    fixture f;
    struct rlimit before, tight;
    int told[2];
    char line[256] = "";
    start(&f, 100);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), kept = dup(2);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((unsigned short)f.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0 && kept >= 0 && pipe(told) == 0);
    const int lowest = dup(0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = (struct rlimit){(rlim_t)lowest, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    dup2(told[1], 2);
    const int failed = connect(fd, (const struct sockaddr *)&address, sizeof address);
    http_send(fd, request, sizeof request - 1);
    const int was_told = is_told(told[0], 120000) && read(told[0], line, sizeof line - 1) > 0;
    dup2(kept, 2);
    const int early = is_told(fd, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(failed, 0);
    assert_true(was_told && strstr(line, "raise the limit on open files"));
    assert_false(early);
    http_reply r = http_receive(fd, 0);
    assert_int_equal(r.status, 200);
    http_reply_free(&r);
    close(fd);
    close(kept);
    close(told[0]);
    close(told[1]);
    stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops_while_connections_arrive),
        cmocka_unit_test(test_full_server_lets_wait),
        cmocka_unit_test(test_no_file_left),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
