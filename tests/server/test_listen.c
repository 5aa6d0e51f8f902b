/* Accepting: a server that stops while connections arrive, one that is full, one that has no file left, and limits of an address. */
#define _GNU_SOURCE
#include "in_process.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { N_CLIENTS = 4, N_ROUNDS = 100, ANSWERS_A_ROUND = 8, N_THREADS = 32, N_OF_ADDRESS = 3 };

static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                  post[] = "POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";

static void start(fixture *f, const char *address, int n_connections_max) {
    prepare(f);
    f->server.options.n_threads = N_THREADS;
    f->server.options.n_connections_max = n_connections_max;
    f->server.options.n_address_connections_max = N_OF_ADDRESS;
    go(f, address);
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

static atomic_int is_over, n_answers;

static void *keep_coming(void *context) {
    const fixture *f = context;
    while (!atomic_load(&is_over)) {
        const int fd = http_connect(f->port);
        if (fd < 0)
            continue;
        if (ask(fd) == 200)
            atomic_fetch_add(&n_answers, 1);
        close(fd);
    }
    return NULL;
}

static void test_stops_while_connections_arrive(void **state) {
    (void)state;
    for (int round = 0; round < N_ROUNDS; round++) {
        fixture f;
        pthread_t clients[N_CLIENTS];
        atomic_store(&is_over, 0);
        atomic_store(&n_answers, 0);
        start(&f, "127.0.0.1", 1000);
        for (int i = 0; i < N_CLIENTS; i++)
            assert_int_equal(pthread_create(&clients[i], NULL, keep_coming, &f), 0);
        while (atomic_load(&n_answers) < ANSWERS_A_ROUND)
            sched_yield();
        stop(&f); /* while they go on */
        assert_int_equal(http_connect(f.port), -1);
        atomic_store(&is_over, 1);
        for (int i = 0; i < N_CLIENTS; i++)
            pthread_join(clients[i], NULL);
    }
}

/* ---------------------------------------------------------------- limits */

/* Who comes when it is full and all are busy waits, and is answered as soon as another one leaves. */
static void test_full_server_lets_wait(void **state) {
    enum { N_CONNECTIONS = 5, N_WAITING = 20 };
    (void)state;
    fixture f;
    int open[N_CONNECTIONS], waiting[N_WAITING];
    start(&f, "127.0.0.1", N_CONNECTIONS);
    for (int i = 0; i < N_CONNECTIONS; i++) {
        open[i] = http_connect(f.port);
        for (int k = 0; k < 3; k++) /* one connection, several requests */
            assert_int_equal(ask(open[i]), 200);
        http_send(open[i], post, sizeof post - 1);
        assert_true(recv(open[i], (char[64]){0}, 64, 0) > 0); /* 100: now the body is waited for */
    }
    for (int i = 0; i < N_WAITING; i++) {
        waiting[i] = http_connect(f.port);
        assert_true(waiting[i] >= 0);
        http_send(waiting[i], post, sizeof post - 1);
    }
    for (int i = 0; i < N_WAITING; i++)
        assert_false(is_told(waiting[i], 0));
    for (int i = 0; i < N_WAITING; i++) {
        if (i >= N_CONNECTIONS)
            http_send(waiting[i - N_CONNECTIONS], "{}", 2);
        else
            http_send(open[i], "{}", 2);
        const int fd = i < N_CONNECTIONS ? open[i] : waiting[i - N_CONNECTIONS];
        http_reply r = http_receive(fd, 0);
        assert_int_equal(r.status, 503); /* there is no model */
        http_reply_free(&r);
        close(fd);
        assert_true(recv(waiting[i], (char[64]){0}, 64, 0) > 0);
    }
    for (int i = N_WAITING - N_CONNECTIONS; i < N_WAITING; i++)
        close(waiting[i]);
    stop(&f);
}

/* Connections that nothing is asked on are ended for newcomers, one for each; those that are busy are not. */
static void test_idle_ones_make_room(void **state) {
    enum { N_CONNECTIONS = 5, N_NEW = 20, N_ALL = N_CONNECTIONS + N_NEW };
    (void)state;
    fixture f;
    int fd[N_ALL], n_ended = 0;
    start(&f, "127.0.0.1", N_CONNECTIONS);
    fd[0] = http_connect(f.port);
    http_send(fd[0], post, sizeof post - 1);
    assert_true(recv(fd[0], (char[64]){0}, 64, 0) > 0); /* it is busy to the end */
    for (int i = 1; i < N_ALL; i++) {
        fd[i] = http_connect(f.port);
        assert_true(fd[i] >= 0);
        assert_int_equal(ask(fd[i]), 200);
    }
    for (int i = 1; i < N_ALL; i++)
        n_ended += is_told(fd[i], 0);
    assert_int_equal(n_ended, N_NEW);
    http_send(fd[0], "{}", 2);
    http_reply r = http_receive(fd[0], 0);
    assert_int_equal(r.status, 503);
    http_reply_free(&r);
    for (int i = 0; i < N_ALL; i++)
        close(fd[i]);
    stop(&f);
}

/* In a network of its own, so that there is an address that is not this machine's loopback. Returns 0 when that cannot be had. */
static int make_network(void) {
    struct ifreq lo = {.ifr_name = "lo"}, alias = {.ifr_name = "lo:1"};
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)}; /* 192.0.2.1, for examples */
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return 0;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    lo.ifr_flags = IFF_UP | IFF_RUNNING;
    memcpy(&alias.ifr_addr, &address, sizeof address);
    const int is_made = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && ioctl(fd, SIOCSIFADDR, &alias) == 0;
    close(fd);
    return is_made;
}

static int connect_to(const char *address, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &to.sin_addr);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The last test: it stays in that network. */
static void test_counts_by_address(void **state) {
    enum { N_LOOPBACK = 10 };
    (void)state;
    fixture f;
    int fd[N_OF_ADDRESS], loopback[N_LOOPBACK], status = 429;
    if (!make_network()) {
        print_message("SKIPPED: no network of its own can be had here\n");
        skip();
    }
    start(&f, "0.0.0.0", 100);
    for (int i = 0; i < N_OF_ADDRESS; i++) {
        fd[i] = connect_to("192.0.2.1", f.port);
        assert_int_equal(ask(fd[i]), 200);
    }
    for (int i = 0; i < 2; i++) {
        const int more = connect_to("192.0.2.1", f.port);
        assert_int_equal(ask(more), 429);
        close(more);
    }
    for (int i = 0; i < N_LOOPBACK; i++) { /* a proxy's clients all come from there */
        loopback[i] = connect_to("127.0.0.1", f.port);
        assert_int_equal(ask(loopback[i]), 200);
    }
    for (int i = 0; i < N_OF_ADDRESS; i++)
        assert_int_equal(ask(fd[i]), 200);
    close(fd[0]); /* there is room for one again, as soon as the server knows */
    for (int i = 0; status == 429 && i < 12000; i++) {
        fd[0] = connect_to("192.0.2.1", f.port);
        status = ask(fd[0]);
        if (status == 429) {
            close(fd[0]);
            usleep(10000);
        }
    }
    assert_int_equal(status, 200);
    for (int i = 0; i < N_OF_ADDRESS; i++)
        close(fd[i]);
    for (int i = 0; i < N_LOOPBACK; i++)
        close(loopback[i]);
    stop(&f);
}

/* A process that may open no more files says so, keeps its listening socket, and accepts once it may. */
static void test_no_file_left(void **state) {
    (void)state;
    fixture f;
    struct rlimit before, tight;
    int told[2];
    char line[256] = "";
    start(&f, "127.0.0.1", 100);
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
        cmocka_unit_test(test_idle_ones_make_room),
        cmocka_unit_test(test_no_file_left),
        cmocka_unit_test(test_counts_by_address),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
