/* load_checks.c - adah serve under load: what takes long holds up nothing else. Started by test_load.sh in a folder with scenes, a model
 * and an index, with hold.c loaded into the server: work that a test wants to be long is held until a file is there, so that nothing here
 * depends on time. Prints what failed. */
#define _GNU_SOURCE
#include "http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TOKEN "a-token-of-the-tests"
#define HEAD "Host: 127.0.0.1\r\n"
#define WRITE HEAD "Authorization: Bearer " TOKEN "\r\nContent-Type: application/json\r\n"

enum { WAIT_SECONDS = 120 /* for what must come */, N_HELD = 8 /* more than the server has threads of any kind */ };

static int n_checks, n_failed, port;

#define CHECK(condition, ...) check((condition) ? 1 : 0, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) static int check(int is_good, int line, const char *format, ...) {
    va_list arguments;
    n_checks++;
    if (is_good)
        return 1;
    n_failed++;
    printf("FAILED in line %d: ", line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return 0;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static http_child start(const char *const *options) {
    int code = 0;
    const http_child child = http_child_start(options, "log", &code);
    if (!child.port) {
        printf("adah serve did not start: exit code %d; see the file log\n", code);
        exit(1);
    }
    port = child.port;
    return child;
}

/* ---------------------------------------------------------------- requests */

static void send_request(int fd, const char *method, const char *target, const char *headers, const char *body) {
    char *all;
    if (asprintf(&all, "%s %s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s", method, target, headers, strlen(body), body) < 0)
        exit(1);
    http_send(fd, all, strlen(all));
    free(all);
}

static int receive_status(int fd) {
    http_reply r = http_receive(fd, 0);
    const int status = r.status;
    http_reply_free(&r);
    return status;
}

static int ask(const char *method, const char *target, const char *headers, const char *body) {
    const int fd = http_connect(port);
    send_request(fd, method, target, headers, body);
    const int status = receive_status(fd);
    close(fd);
    return status;
}

/* The value of a line of /metrics; -1: there is none. */
static long metric(const char *name) {
    http_reply r = http_ask(port, "GET", "/metrics", "", NULL, 0);
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *found = r.body ? strstr(r.body, line) : NULL;
    const long value = found ? atol(found + strlen(line)) : -1;
    http_reply_free(&r);
    return value;
}

/* ---------------------------------------------------------------- held work */

static void touch(const char *name) {
    const int fd = open(name, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0, "%s: %s", name, strerror(errno));
    close(fd);
}

static void wait_for(int line, const char *name) {
    const double begin = seconds();
    while (access(name, F_OK) != 0 && seconds() - begin < WAIT_SECONDS)
        usleep(10000);
    check(access(name, F_OK) == 0, line, "%s never came", name);
}

/* Items whose picture is held, each in a request of its own. */
static void send_held_items(int *fd) {
    for (int i = 0; i < N_HELD; i++) {
        fd[i] = http_connect(port);
        send_request(fd[i], "POST", "/v1/items", WRITE, "{\"items\": [{\"text\": \"red disc\"}, {\"file_name\": \"held-1.png\"}]}");
    }
    wait_for(__LINE__, "hold/read.begun");
}

/* On connections that stay, more than the server has threads of a kind: whichever of them reads a request, it is answered. */
static void ask_all_kinds(void) {
    static const struct {
        const char *method, *target, *headers, *body;
        int status;
    } kinds[] = {{"GET", "/healthz", HEAD, "", 200},
                 {"GET", "/readyz", HEAD, "", 200},
                 {"GET", "/metrics", HEAD, "", 200},
                 {"GET", "/v1/info", HEAD, "", 200},
                 {"GET", "/v1/search?text=red+disc&k=3", HEAD, "", 200},
                 {"GET", "/v1/search?text=red+disc&k=0", HEAD, "", 400},
                 {"POST", "/v1/search", HEAD "Content-Type: application/json\r\n", "{\"id\": 3, \"k\": 2}", 200},
                 {"GET", "/v1/items/3", HEAD, "", 200},
                 {"GET", "/v1/items/3/picture", HEAD, "", 200},
                 {"GET", "/v1/items/3/thumbnail?side=64", HEAD, "", 200},
                 {"POST", "/v1/tags", HEAD "Content-Type: application/json\r\n", "{\"id\": 3}", 200},
                 {"GET", "/nowhere", HEAD, "", 404}};
    int fd[N_HELD];
    for (int i = 0; i < N_HELD; i++)
        fd[i] = http_connect(port);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int i = 0; i < N_HELD; i++) {
            send_request(fd[i], kinds[k].method, kinds[k].target, kinds[k].headers, kinds[k].body);
            const int status = receive_status(fd[i]);
            CHECK(status == kinds[k].status, "%s beside held work: %d, expected %d", kinds[k].target, status, kinds[k].status);
        }
    for (int i = 0; i < N_HELD; i++)
        close(fd[i]);
}

static void check_bulk(void) {
    int fd[N_HELD];
    send_held_items(fd);
    ask_all_kinds();
    /* Changes that need no picture go first, and a picture that somebody sends is no bulk. */
    CHECK(ask("POST", "/v1/items", WRITE, "{\"items\": [{\"id\": 700, \"text\": \"blue star\"}]}") == 201, "an item without a picture");
    CHECK(ask("DELETE", "/v1/items/700", WRITE, "") == 200, "a deletion");
    char picture[1 << 16];
    FILE *file = fopen("scenes/images/scene-00004.png", "rb");
    const size_t n = file ? fread(picture, 1, sizeof picture, file) : 0;
    if (file)
        fclose(file);
    http_reply r = http_ask(port, "POST", "/v1/encode", "Content-Type: image/png\r\n", picture, n);
    CHECK(r.status == 200, "a picture of %zu bytes: %d", n, r.status);
    http_reply_free(&r);
    CHECK(recv(fd[0], picture, 1, MSG_DONTWAIT) < 0, "the held items were added meanwhile: nothing was shown");
    touch("hold/read.go");
    for (int i = 0; i < N_HELD; i++) {
        const int status = receive_status(fd[i]);
        CHECK(status == 201, "held items %d: %d", i, status);
        close(fd[i]);
    }
    unlink("hold/read.go");
    unlink("hold/read.begun");
}

/* A disk that does not sync holds changes alone. */
static void check_changes(void) {
    int fd[N_HELD];
    touch("hold/hold-sync");
    for (int i = 0; i < N_HELD; i++) {
        fd[i] = http_connect(port);
        send_request(fd[i], "POST", "/v1/items", WRITE, "{\"items\": [{\"text\": \"green ring\"}]}");
    }
    wait_for(__LINE__, "hold/sync.begun");
    ask_all_kinds();
    touch("hold/sync.go");
    for (int i = 0; i < N_HELD; i++) {
        const int status = receive_status(fd[i]);
        CHECK(status == 201, "held changes %d: %d", i, status);
        close(fd[i]);
    }
    unlink("hold/hold-sync");
    unlink("hold/sync.go");
    unlink("hold/sync.begun");
}

/* Clients that go away while their request is at work or waits for it, with and without a reset, leave nothing. */
static void check_vanished(void) {
    const struct linger none = {1, 0};
    int fd[N_HELD];
    send_held_items(fd);
    for (int i = 0; i < N_HELD; i++) {
        if (i % 2)
            setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd[i]);
    }
    ask_all_kinds();
    touch("hold/read.go");
    const double begin = seconds();
    long n;
    while ((n = metric("adah_connections")) != 1 && seconds() - begin < WAIT_SECONDS) /* its own, and those that are being closed */
        usleep(10000);
    CHECK(n == 1, "connections of clients that went away are kept");
    unlink("hold/read.go");
    unlink("hold/read.begun");
}

/* Told to stop with work that does not end, and with more that waits for it, the server ends all the same, be it a reload that its user
 * has asked for. */
static void check_stop(http_child server, int with_sync) {
    int fd[N_HELD];
    if (with_sync) {
        touch("hold/hold-sync");
        fd[0] = http_connect(port);
        send_request(fd[0], "DELETE", "/v1/items/5", WRITE, "");
        wait_for(__LINE__, "hold/sync.begun");
        close(fd[0]);
        kill(server.pid, SIGHUP);
    } else {
        send_held_items(fd);
    }
    CHECK(http_child_stop(server, SIGTERM) == 0, "exit code after SIGTERM with held work");
    for (int i = 0; i < N_HELD && !with_sync; i++)
        close(fd[i]);
    unlink("hold/hold-sync");
    unlink("hold/sync.begun");
    unlink("hold/read.begun");
}

/* Likewise while it loads. */
static void check_stop_while_loading(void) {
    const pid_t pid = fork();
    if (pid == 0) {
        execl(getenv("ADAH"), "adah", "serve", "--model", "model.safetensors", "--index", "held-2.adah", "--port", "0", "--timeout", "1",
              (char *)NULL);
        _exit(127);
    }
    wait_for(__LINE__, "hold/read.begun");
    CHECK(http_child_stop((http_child){pid, 0}, SIGTERM) == 0, "exit code after SIGTERM while it loads");
    unlink("hold/read.begun");
}

int main(void) {
    static const char *const options[] = {"--model",   "model.safetensors", "--index", "scenes.adah", "--images", "scenes", "--token", TOKEN,
                                          "--threads", "2",                 NULL},
                             *const hasty[] = {"--model", "model.safetensors", "--index",   "scenes.adah", "--images",  "scenes",
                                               "--token", TOKEN,               "--threads", "2",           "--timeout", "1",
                                               NULL};
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    http_child server = start(options);
    check_bulk();
    check_changes();
    check_vanished();
    CHECK(http_child_stop(server, SIGTERM) == 0, "exit code after SIGTERM");
    for (int with_sync = 0; with_sync < 2; with_sync++)
        check_stop(start(hasty), with_sync);
    check_stop_while_loading();
    printf("%d checks, %d failed\n", n_checks, n_failed);
    return n_failed || !n_checks;
}
