/* load_checks.c - adah serve under load: what takes long holds up nothing else, and memory has its bounds. Started by test_load.sh in a folder with scenes, a model
 * and an index, with hold.c loaded into the server: work that a test wants to be long is held until a file is there, so that nothing here
 * depends on time. Prints what failed. */
#define _GNU_SOURCE
#include "http_count.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
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

static int port;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static http_child start(const char *const *options) {
    const http_child child = http_child_serve(options);
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

/* Waits until the connection that asks is the only one. */
static int is_alone(void) {
    const double begin = seconds();
    long n;
    while ((n = metric("adah_connections")) != 1 && seconds() - begin < WAIT_SECONDS)
        usleep(50000);
    return n == 1;
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
    http_check(access(name, F_OK) == 0, line, "%s never came", name);
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
    int is_good = 1; /* one that waits for ever is enough */
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds && is_good; k++)
        for (int i = 0; i < N_HELD && is_good; i++) {
            send_request(fd[i], kinds[k].method, kinds[k].target, kinds[k].headers, kinds[k].body);
            const int status = receive_status(fd[i]);
            is_good = CHECK(status == kinds[k].status, "%s beside held work: %d, expected %d", kinds[k].target, status, kinds[k].status);
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

/* Clients that go away while their request is at work or waits for it, with and without a reset, leave nothing, and nothing is done for
 * them any more. */
static void check_vanished(void) {
    const struct linger none = {1, 0};
    const long n_records = metric("adah_index_records");
    int fd[N_HELD];
    send_held_items(fd);
    for (int i = 0; i < N_HELD; i++) {
        if (i % 2)
            setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd[i]);
    }
    ask_all_kinds();
    touch("hold/read.go");
    CHECK(is_alone(), "connections of clients that went away are kept");
    const long n = metric("adah_index_records");
    CHECK(n == n_records, "%ld records, %ld after items of clients that had gone", n_records, n);
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

/* ---------------------------------------------------------------- memory */

enum {
    MAX_BODY = 1 << 20,
    MEMORY = 8 << 20,
    N_READERS = 60,
    N_TEXTS = 300,
    TEXT_BYTES = 30000,
    N_HOGS = 24,
    HOG_BYTES = 600 << 10 /* that each sends of MAX_BODY, and then no more */
};

static void add_long_texts(void) {
    enum { A_REQUEST = 30 };
    char *body = malloc(A_REQUEST * (TEXT_BYTES + 64) + 64);
    for (int n = 0; n < N_TEXTS; n += A_REQUEST) {
        size_t at = (size_t)sprintf(body, "{\"items\": [");
        for (int i = 0; i < A_REQUEST; i++) {
            at += (size_t)sprintf(body + at, "%s{\"id\": %d, \"text\": \"red disc %d ", i ? ", " : "", 1000 + n + i, n + i);
            memset(body + at, '=', TEXT_BYTES);
            at += TEXT_BYTES;
            at += (size_t)sprintf(body + at, "\", \"labels\": [\"long\"]}");
        }
        sprintf(body + at, "]}");
        const int status = ask("POST", "/v1/items", WRITE, body);
        CHECK(status == 201, "long texts: %d", status);
    }
    free(body);
}

/* What is made piece by piece as it leaves is what it would be as a whole. */
static void check_long_answer(void) {
    http_reply r = http_ask(port, "GET", "/v1/search?text=red+disc&to=text&label=long&k=1000", "", NULL, 0);
    CHECK(r.status == 200 && http_header(&r, "Content-Length") && r.n_body > (size_t)N_TEXTS * TEXT_BYTES, "a long answer: %d, %zu bytes",
          r.status, r.n_body);
    json_t *all = r.status ? json_loadb(r.body, r.n_body, 0, NULL) : NULL;
    json_t *hits = json_object_get(all, "hits"), *hit;
    CHECK(json_array_size(hits) == N_TEXTS, "a long answer has %zu hits", json_array_size(hits));
    size_t i;
    json_array_foreach(hits, i, hit) {
        const int id = (int)json_integer_value(json_object_get(hit, "id"));
        char beginning[64];
        const int n = snprintf(beginning, sizeof beginning, "red disc %d ", id - 1000);
        const char *text = json_string_value(json_object_get(hit, "text"));
        CHECK(text && !strncmp(text, beginning, (size_t)n) && strlen(text) == (size_t)n + TEXT_BYTES &&
                  strspn(text + n, "=") == TEXT_BYTES,
              "hit %zu, item %d", i, id);
    }
    json_decref(all);
    http_reply_free(&r);
}

/* Likewise one long item, and labels that are told of the whole collection. */
static void check_long_item(void) {
    enum { LONG_TEXT = 300000, LONG_LABEL = 150000 };
    char *text = malloc(LONG_TEXT + 1), *label = malloc(LONG_LABEL + 1), *body;
    memset(text, 'r', LONG_TEXT);
    memcpy(text, "red disc ", 9);
    text[LONG_TEXT] = '\0';
    memset(label, 'l', LONG_LABEL);
    label[LONG_LABEL] = '\0';
    if (asprintf(&body, "{\"items\": [{\"id\": 5000, \"text\": \"%s\", \"labels\": [\"%s\"]}]}", text, label) < 0)
        exit(1);
    int status = ask("POST", "/v1/items", WRITE, body);
    CHECK(status == 201, "a long item: %d", status);
    http_reply r = http_ask(port, "GET", "/v1/items/5000", "", NULL, 0);
    json_t *item = r.status == 200 ? json_loadb(r.body, r.n_body, 0, NULL) : NULL;
    const char *told = json_string_value(json_object_get(item, "text"));
    CHECK(told && !strcmp(told, text), "the text of a long item: %d", r.status);
    told = json_string_value(json_array_get(json_object_get(item, "labels"), 0));
    CHECK(told && !strcmp(told, label), "the label of a long item");
    json_decref(item);
    http_reply_free(&r);
    r = http_ask(port, "GET", "/v1/info", "", NULL, 0);
    json_t *info = r.status == 200 ? json_loadb(r.body, r.n_body, 0, NULL) : NULL, *labels = json_object_get(json_object_get(info, "index"), "labels");
    size_t i, n_found = 0;
    json_t *value;
    json_array_foreach(labels, i, value) n_found += !strcmp(json_string_value(value), label);
    CHECK(n_found == 1, "%zu of %zu labels are the long one: %d", n_found, json_array_size(labels), r.status);
    json_decref(info);
    http_reply_free(&r);
    status = ask("POST", "/v1/tags", HEAD "Content-Type: application/json\r\n", "{\"id\": 5000}");
    CHECK(status == 409, "tags by an item without a picture's code: %d", status);
    free(text);
    free(label);
    free(body);
}

/* Readers that ask for a long answer each and then read nothing. */
static void check_slow_readers(http_child server) {
    int fd[N_READERS];
    const int few_bytes = 2048;
    add_long_texts();
    check_long_answer();
    check_long_item();
    const long before = http_resident_kilobytes(server.pid);
    for (int i = 0; i < N_READERS; i++) {
        fd[i] = http_connect(port);
        setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &few_bytes, sizeof few_bytes);
        send_request(fd[i], "GET", "/v1/search?text=red+disc&to=text&label=long&k=1000", HEAD, "");
    }
    for (int i = 0; i < N_READERS; i++) { /* its answer has begun */
        char byte;
        CHECK(recv(fd[i], &byte, 1, MSG_PEEK) == 1, "slow reader %d is not answered", i);
    }
    const long after = http_resident_kilobytes(server.pid);
    CHECK(metric("adah_memory_bytes") <= MEMORY, "more than the budget is taken");
    CHECK(after - before < (MEMORY >> 10) + N_READERS * 512L, "%d slow readers of %d bytes take %ld KiB", N_READERS, N_TEXTS * TEXT_BYTES,
          after - before);
    /* Though they never read, they are not kept. */
    CHECK(is_alone(), "slow readers are kept");
    for (int i = 0; i < N_READERS; i++)
        close(fd[i]);
}

/* An answer that is leaving while another program cuts the index off ends before its end: nobody takes it for a whole one. */
static void check_cut_off(void) {
    const int fd = http_connect(port);
    char byte;
    send_request(fd, "GET", "/v1/search?text=red+disc&to=text&label=long&k=1000", HEAD, "");
    CHECK(recv(fd, &byte, 1, MSG_PEEK) == 1, "the answer does not begin");
    CHECK(truncate("cut.adah", 0) == 0, "truncate: %s", strerror(errno));
    http_reply r = http_receive(fd, 0);
    const char *length = r.status ? http_header(&r, "Content-Length") : NULL;
    CHECK(r.status == 200 && length && r.n_body < (size_t)atoll(length), "%d: %zu bytes of %s came", r.status, r.n_body, length ? length : "-");
    http_reply_free(&r);
    close(fd);
}

/* From an address of this machine's own, as another client. */
static int connect_from(const char *address) {
    struct sockaddr_in own = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval patience = {WAIT_SECONDS, 0};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &own.sin_addr);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    CHECK(bind(fd, (const struct sockaddr *)(const void *)&own, sizeof own) == 0 &&
              connect(fd, (const struct sockaddr *)(const void *)&to, sizeof to) == 0,
          "from %s: %s", address, strerror(errno));
    return fd;
}

/* A search whose body is large for spaces. */
static int ask_large(const char *address, char *spaces) {
    memset(spaces, ' ', MAX_BODY - 100);
    memcpy(spaces, "{\"text\":", 8);
    strcpy(spaces + MAX_BODY - 100, "\"red disc\"}");
    const int fd = connect_from(address);
    send_request(fd, "POST", "/v1/search", HEAD "Content-Type: application/json\r\n", spaces);
    const int status = receive_status(fd);
    close(fd);
    return status;
}

/* Clients that hold more memory than there is, with bodies that come no further. --timeout is too long to end them here. */
static void check_hogs(void) {
    static const char head[] = "POST /v1/search HTTP/1.1\r\n" HEAD "Content-Type: application/json\r\nContent-Length: 1048576\r\n\r\n";
    static const char small[] = "{\"text\": \"red disc\", \"k\": 3}";
    int fd[N_HOGS], n_told = 0;
    char *spaces = calloc(1, MAX_BODY + 1);
    memset(spaces, ' ', HOG_BYTES);
    for (int i = 0; i < N_HOGS; i++) {
        fd[i] = http_connect(port);
        http_send(fd[i], head, sizeof head - 1);
        http_send(fd[i], spaces, HOG_BYTES);
    }
    const double begin = seconds();
    while (metric("adah_memory_bytes") < MEMORY / 4 && seconds() - begin < WAIT_SECONDS)
        usleep(10000);
    CHECK(metric("adah_memory_bytes") <= MEMORY / 2, "a client has more than its share");
    for (int i = 0; i < 20; i++) {
        const int status = ask("POST", "/v1/search", HEAD "Content-Type: application/json\r\n", small);
        CHECK(status == 200, "a small body beside large ones: %d", status);
    }
    int status = ask_large("127.0.0.2", spaces);
    CHECK(status == 200, "a large body of another client: %d", status);
    /* One of the same client is taken as soon as others are seen to be slow, again and again. */
    for (int i = 0; i < 5; i++) {
        while ((status = ask_large("127.0.0.1", spaces)) == 503 && seconds() - begin < WAIT_SECONDS)
            usleep(100000);
        CHECK(status == 200, "a large body of the same client: %d", status);
    }
    for (int i = 0; i < N_HOGS; i++) {
        char byte;
        n_told += recv(fd[i], &byte, 1, MSG_DONTWAIT) == 1;
        close(fd[i]);
    }
    CHECK(n_told > 0, "none of the slow was told that it was ended");
    free(spaces);
}

int main(void) {
    static const char *const options[] = {"--model",   "model.safetensors", "--index", "scenes.adah", "--images", "scenes", "--token", TOKEN,
                                          "--threads", "2",                 NULL},
                             *const hasty[] = {"--model", "model.safetensors", "--index",   "scenes.adah", "--images",  "scenes",
                                               "--token", TOKEN,               "--threads", "2",           "--timeout", "1",
                                               NULL},
                             *const narrow[] = {"--model",    "model.safetensors", "--index",  "scenes.adah", "--token", TOKEN,
                                                "--max-body", "1048576",           "--memory", "8388608",     "--timeout", NULL,
                                                NULL};
    const char *options_of_it[sizeof narrow / sizeof *narrow];
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
    memcpy(options_of_it, narrow, sizeof narrow);
    for (int with_hogs = 0; with_hogs < 2; with_hogs++) {
        options_of_it[sizeof narrow / sizeof *narrow - 2] = with_hogs ? "1000" : "2";
        server = start(options_of_it);
        if (with_hogs)
            check_hogs();
        else
            check_slow_readers(server);
        CHECK(http_child_stop(server, SIGTERM) == 0, "exit code after SIGTERM");
    }
    http_check(system("cp scenes.adah cut.adah") == 0, __LINE__, "a copy");
    options_of_it[3] = "cut.adah";
    server = start(options_of_it);
    check_cut_off();
    CHECK(http_child_stop(server, SIGTERM) == 0, "exit code after SIGTERM");
    return http_end_checks();
}
