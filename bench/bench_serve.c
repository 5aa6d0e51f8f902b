/* bench_serve.c - load on a running `adah serve`: many connections, each asking again as soon as it has its answer.
 *
 *     bench_serve PORT N_CONNECTIONS SECONDS WORDS_FILE [K] [PID]
 *
 * Asks 127.0.0.1:PORT for /v1/search?text=..., two words at random from WORDS_FILE (one a line). Prints requests a
 * second, the median, the 99th percentile and the slowest answer, answers that were not 200, and with PID that
 * process's resident memory at the start and every tenth of the time. One thread. */
#define _GNU_SOURCE
#include "base/random.h"
#include "stopwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORDS_MAX = 20000, CONNECTIONS_MAX = 1024, ANSWER_MAX = 1 << 20, STEPS = 20000, STEP_MICROSECONDS = 10 };

typedef struct connection {
    int fd;
    double asked;
    size_t n_received, n_wanted; /* n_wanted 0: the head is not whole */
    char *answer;
} connection;

static char *words[WORDS_MAX];
static size_t n_words, n_steps[STEPS + 1]; /* answers by time, in steps of 10 microseconds; the last: longer */
static unsigned long n_answers, n_bad;
static double slowest;

static void stop(const char *message) {
    fprintf(stderr, "bench_serve: %s\n", message);
    exit(1);
}

static void read_words(const char *path) {
    char line[256];
    FILE *f = fopen(path, "r");
    while (f && n_words < WORDS_MAX && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] && strspn(line, "abcdefghijklmnopqrstuvwxyz") == strlen(line))
            words[n_words++] = strdup(line);
    }
    if (f)
        fclose(f);
    if (!n_words)
        stop("the file has no lines of one lower-case word");
}

static int connect_to(int port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        stop("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(connection *c, adah_random *r, size_t k) {
    char request[512];
    const char *a = words[adah_random_below(r, n_words)], *b = words[adah_random_below(r, n_words)];
    const int n =
        snprintf(request, sizeof request,
                 "GET /v1/search?text=%s%%20%s&to=image&k=%zu HTTP/1.1\r\nHost: localhost\r\n\r\n", a, b, k);
    c->n_received = c->n_wanted = 0;
    c->asked = now();
    if (write(c->fd, request, (size_t)n) != n)
        stop("a request could not be sent");
}

/* 1: the answer is whole. */
static int receive(connection *c) {
    const ssize_t n = read(c->fd, c->answer + c->n_received, ANSWER_MAX - 1 - c->n_received);
    if (n <= 0)
        stop(n == 0 ? "the server closed a connection" : strerror(errno));
    c->n_received += (size_t)n;
    c->answer[c->n_received] = '\0';
    if (!c->n_wanted) {
        char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\ncontent-length:");
        if (!end)
            return 0;
        if (!length || length > end)
            stop("an answer without Content-Length");
        c->n_wanted = (size_t)(end + 4 - c->answer) + strtoul(length + 17, NULL, 10);
    }
    return c->n_received >= c->n_wanted;
}

static void count(const connection *c, double seconds) {
    const size_t step = (size_t)(seconds * 1e6 / STEP_MICROSECONDS);
    n_steps[step < STEPS ? step : STEPS]++;
    n_answers++;
    n_bad += strncmp(c->answer, "HTTP/1.1 200", 12) != 0;
    slowest = seconds > slowest ? seconds : slowest;
}

static double percentile(double share) {
    unsigned long n = 0;
    for (size_t i = 0; i <= STEPS; i++)
        if ((n += n_steps[i]) >= share * (double)n_answers)
            return (double)(i + 1) * STEP_MICROSECONDS * 1e-3;
    return 0;
}

static double resident_mib(const char *pid) {
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%s/statm", pid);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

int main(int argc, char **argv) {
    if (argc < 5)
        stop("expected PORT N_CONNECTIONS SECONDS WORDS_FILE [K] [PID]");
    const size_t n_connections = strtoul(argv[2], NULL, 10), k = argc > 5 ? strtoul(argv[5], NULL, 10) : 10;
    const double seconds = strtod(argv[3], NULL);
    const char *pid = argc > 6 ? argv[6] : NULL;
    static connection all[CONNECTIONS_MAX];
    struct epoll_event events[CONNECTIONS_MAX];
    adah_random r = adah_random_seeded(1, 1);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!n_connections || n_connections > CONNECTIONS_MAX || epoll < 0)
        stop("from 1 to 1024 connections");
    read_words(argv[4]);
    for (size_t i = 0; i < n_connections; i++) {
        all[i].fd = connect_to(atoi(argv[1]));
        all[i].answer = malloc(ANSWER_MAX);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        if (!all[i].answer || epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0)
            stop("out of memory");
        ask(&all[i], &r, k);
    }
    const double start = now(), end = start + seconds;
    double next = start;
    while (now() < end) {
        if (pid && now() >= next) {
            printf("after %5.0f s: %.1f MiB resident\n", now() - start, resident_mib(pid));
            fflush(stdout);
            next += seconds / 10;
        }
        const int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 100);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (!receive(c))
                continue;
            count(c, now() - c->asked);
            ask(c, &r, k);
        }
    }
    printf("%zu connections, %.0f s, k %zu: %.0f requests/s, median %.2f ms, 99th percentile %.2f ms, slowest %.1f "
           "ms, %lu not 200\n",
           n_connections, seconds, k, (double)n_answers / (now() - start), percentile(0.5), percentile(0.99),
           slowest * 1e3, n_bad);
    return n_bad != 0;
}
