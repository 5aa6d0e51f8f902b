/* fuzz_http.c - a whole server in this process, with a model, a small index and pictures; each input is what a client sends.
 *
 * The first byte of the input says how: bits 0..2 in how many pieces, 8: the client goes away without reading, 16: it tells the
 * end of what it sends at once, 32: to the second server, which logs in JSON. Behind the input comes a request for /healthz that
 * closes the connection. When nothing has come for a while the client tells that it sends no more; then the server must end the
 * connection. Every answer must be HTTP, and every error JSON; no line of the log may have control characters; every few inputs
 * /healthz must be answered on a connection of its own; and what was written to the index is undone. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "paper/network.h"
#include "base/file.h"
#include "data/vocabulary.h"
#include "fuzz_file.h"
#include "http_mutator.h"
#include "files/model_file.h"
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
    N_SERVERS = 2,
    QUIET_MILLISECONDS = 10,      /* then the client sends no more */
    PATIENCE_MILLISECONDS = 60000, /* of a client that has said so */
    ANSWERS_MAX = 1 << 22,
    HEALTH_EVERY = 8, /* inputs */
    BUSY_TRIES = 1000,
    N_RECORDS = 5
};

static char model_path[128], index_path[128];
static serve_options options[N_SERVERS];
static pthread_t thread[N_SERVERS];
static uint8_t *index_bytes; /* as it was at first */
static size_t n_index_bytes;
static struct stat index_stat;
static int log_fd;

static void *run_server(void *context) {
    adah_status status = {0};
    const adah_code code = serve_run(context, &status);
    if (code != ADAH_OK)
        dprintf(2, "adah serve: %s\n", status.message);
    FUZZ_MUST(code == ADAH_OK);
    return NULL;
}

/* ---------------------------------------------------------------- what is served */

static void make_model(void) {
    static const char *const texts[] = {"a red ball", "the red sea", "ball and beetle", "blue sea"};
    const adah_vocabulary_options vocabulary_options = {"english", 100, 1, 0};
    adah_vocabulary *vocabulary;
    adah_network *network;
    adah_model_state s = {.image = adah_input_pixels(16)};
    FUZZ_MUST(adah_backbone_preset("default", "small", &s.config, NULL) == ADAH_OK);
    FUZZ_MUST(adah_vocabulary_build(texts, 4, &vocabulary_options, &vocabulary, NULL) == ADAH_OK);
    s.config.n_bits = 16;
    s.config.n_side = 16;
    s.config.n_text_hidden = s.config.n_text_feature = s.config.n_image_hidden = 8;
    s.text = adah_input_words(adah_vocabulary_size(vocabulary));
    s.vocabulary = adah_vocabulary_json(vocabulary);
    s.training = strdup("{}");
    const adah_network_plan plan = {.n_batch = 1, .image = s.image, .text = s.text, .creating = 1, .only_checked = 1};
    FUZZ_MUST(adah_network_create(&plan, &s.config, &s.parameters, &network, NULL) == ADAH_OK);
    FUZZ_MUST(adah_model_state_write(model_path, &s, NULL) == ADAH_OK);
    adah_network_free(network);
    adah_model_state_free(&s);
    adah_vocabulary_free(vocabulary);
}

static void put_file(const char *name, const void *bytes, size_t n) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FUZZ_MUST(adah_file_publish(path, bytes, n, NULL) == ADAH_OK);
}

static void make_index(void) {
    static const struct {
        const char *file_name, *text;
    } record[N_RECORDS] = {{"a.png", "a red ball"}, {"b.jpg", "the red sea"}, {"missing.png", "blue \xe6\xb5\xb7 sea"}, {"text.txt", ""}, {"", "ball"}};
    static const char *const label[] = {"a", "b \"quoted\" \x01", "\xc3\xa9"};
    adah_model *model;
    adah_encoder *encoder;
    adah_index_writer *writer;
    FUZZ_MUST(adah_model_open(model_path, &model, NULL) == ADAH_OK && adah_encoder_create(model, NULL, &encoder, NULL) == ADAH_OK);
    FUZZ_MUST(adah_index_writer_create(index_path, model, 16, &writer, NULL) == ADAH_OK);
    for (size_t i = 0; i < N_RECORDS; i++) {
        uint8_t image[2], text[2];
        adah_index_item item = {.id = i, .file_name = record[i].file_name, .text = record[i].text, .label = label, .n_labels = i % 4};
        if (adah_encode_image_bytes(encoder, tiny_picture, sizeof tiny_picture, image, NULL) == ADAH_OK)
            item.image_code = image;
        if (record[i].text[0] && adah_encode_text(encoder, record[i].text, text, NULL) == ADAH_OK)
            item.text_code = text;
        FUZZ_MUST(adah_index_writer_add(writer, &item, NULL, NULL) == ADAH_OK);
    }
    FUZZ_MUST(adah_index_writer_commit(writer, NULL) == ADAH_OK);
    adah_index_writer_close(writer);
    adah_encoder_close(encoder);
    adah_model_close(model);
}

static void keep_index(void) {
    adah_file_map map = {0};
    FUZZ_MUST(adah_file_open_map(index_path, &map, NULL) == ADAH_OK);
    n_index_bytes = map.n_bytes;
    index_bytes = malloc(n_index_bytes);
    FUZZ_MUST(index_bytes != NULL);
    memcpy(index_bytes, map.bytes, n_index_bytes);
    adah_file_close_map(&map);
    FUZZ_MUST(stat(index_path, &index_stat) == 0);
}

/* ---------------------------------------------------------------- the client */

static int connect_to(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    const struct linger abrupt = {1, 0}; /* no port is kept for the dead */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    FUZZ_MUST(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    const int why = errno;
    close(fd);
    if (why == EINTR) /* by the clock of the fuzzer */
        return connect_to(port);
    fprintf(stderr, "connect: %s\n", strerror(why));
    return -1;
}

static uint8_t answers[ANSWERS_MAX + 1];

/* Sends all in so many pieces and reads until the server ends the connection. Returns the bytes read into `answers`; *is_cut: the
 * connection was broken off. */
static size_t converse(int port, const uint8_t *bytes, size_t n_bytes, size_t n_pieces, int ends_at_once, int *is_cut) {
    size_t n_sent = 0, n = 0;
    int is_silent = 0, waited = 0;
    const int fd = connect_to(port);
    FUZZ_MUST(fd >= 0);
    *is_cut = 0;
    for (;;) {
        struct pollfd wait = {fd, (short)(POLLIN | (n_sent < n_bytes ? POLLOUT : 0)), 0};
        const int n_ready = poll(&wait, 1, QUIET_MILLISECONDS);
        if (n_ready == 0 && !is_silent) {
            shutdown(fd, SHUT_WR);
            is_silent = 1;
            n_sent = n_bytes;
        }
        waited += n_ready == 0 ? QUIET_MILLISECONDS : 0;
        if (waited > PATIENCE_MILLISECONDS)
            dprintf(2, "the server did not end a connection in %d ms\n", waited);
        FUZZ_MUST(waited <= PATIENCE_MILLISECONDS);
        if (wait.revents & POLLIN) {
            const ssize_t got = recv(fd, answers + n, ANSWERS_MAX - n, 0);
            *is_cut = got < 0;
            if (got <= 0)
                break;
            n += (size_t)got;
            FUZZ_MUST(n < ANSWERS_MAX);
        } else if (wait.revents & (POLLERR | POLLHUP)) {
            *is_cut = 1;
            break;
        } else if (wait.revents & POLLOUT) {
            const size_t most = n_bytes / n_pieces + 1, left = n_bytes - n_sent;
            const ssize_t sent = send(fd, bytes + n_sent, left < most ? left : most, MSG_NOSIGNAL | MSG_DONTWAIT);
            n_sent = sent < 0 ? n_bytes : n_sent + (size_t)sent;
            if (n_sent == n_bytes && ends_at_once && !is_silent) {
                shutdown(fd, SHUT_WR);
                is_silent = 1;
            }
        }
    }
    close(fd);
    return n;
}

/* Asks what must be answered with 200; after a while, where the server is busy with what clients have left behind. */
static void ask(int port, const char *request) {
    static const char good[] = "HTTP/1.1 200 ", busy[] = "HTTP/1.1 503 ";
    for (int tries = 0;; tries++) {
        int is_cut;
        const size_t n = converse(port, (const uint8_t *)request, strlen(request), 1, 0, &is_cut);
        answers[n] = '\0';
        if (!strncmp((char *)answers, good, sizeof good - 1))
            return;
        if (strncmp((char *)answers, busy, sizeof busy - 1) || tries == BUSY_TRIES)
            dprintf(2, "%s: %.1500s\n", request, answers);
        FUZZ_MUST(!strncmp((char *)answers, busy, sizeof busy - 1) && tries < BUSY_TRIES);
        usleep(10000);
    }
}

/* ---------------------------------------------------------------- what answers must be */

typedef struct answer {
    int status, is_chunked, is_json, has_length;
    size_t length;
} answer;

static void complain(const char *what, const uint8_t *at, size_t n) {
    dprintf(2, "%s: \"%.*s\"\n", what, (int)(n < 1500 ? n : 1500), at);
    FUZZ_MUST(!"every answer is HTTP, and every error JSON");
}

static void read_header(answer *a, const char *line, size_t n) {
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)n, line);
    if (!strcasecmp(text, "Transfer-Encoding: chunked"))
        a->is_chunked = 1;
    if (!strncasecmp(text, "Content-Length: ", 16)) {
        a->has_length = 1;
        a->length = strtoull(text + 16, NULL, 10);
    }
    if (!strcasecmp(text, "Content-Type: application/json"))
        a->is_json = 1;
}

/* Status and headers. Returns their bytes; 0: they are not whole. */
static size_t read_head(const uint8_t *at, size_t n, answer *a) {
    const uint8_t *end = memmem(at, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (n < 13 || memcmp(at, "HTTP/1.", 7) || sscanf((const char *)at + 8, " %d", &a->status) != 1 || a->status < 100 || a->status > 599)
        complain("no status line", at, n);
    const uint8_t *line = memmem(at, n, "\r\n", 2);
    while (line < end) {
        line += 2;
        const uint8_t *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        if (!memmem(line, (size_t)(stop - line), ": ", 2))
            complain("a header without a colon", line, n - (size_t)(line - at));
        for (const uint8_t *p = line; p < stop; p++)
            if (*p < ' ' || *p >= 0x7f)
                complain("a header with control characters", line, n - (size_t)(line - at));
        read_header(a, (const char *)line, (size_t)(stop - line));
        line = stop;
    }
    return (size_t)(end - at) + 4;
}

/* Puts the contents of the chunks in a row. Returns the bytes of the chunked form; 0: it is not whole. */
static size_t join_chunks(uint8_t *at, size_t n, size_t *n_joined) {
    size_t i = 0;
    *n_joined = 0;
    for (;;) {
        const uint8_t *end = memmem(at + i, n - i, "\r\n", 2);
        if (!end)
            return 0;
        const size_t n_chunk = strtoull((const char *)at + i, NULL, 16);
        i = (size_t)(end - at) + 2;
        if (n_chunk > n - i || n - i - n_chunk < 2)
            return 0;
        memmove(at + *n_joined, at + i, n_chunk);
        *n_joined += n_chunk;
        i += n_chunk + 2;
        if (n_chunk == 0)
            return i;
    }
}

static void check_body(const answer *a, const uint8_t *body, size_t n) {
    json_t *json = a->is_json ? json_loadb((const char *)body, n, JSON_DECODE_ANY, NULL) : NULL;
    const json_t *error = json_object_get(json, "error");
    if (a->is_json && !json)
        complain("broken JSON", body, n);
    if (a->status >= 400 && a->is_json &&
        !(json_is_string(json_object_get(error, "code")) && json_is_string(json_object_get(error, "message"))))
        complain("an error without code and message", body, n);
    if (a->status >= 400 && !a->is_json && memmem(body, n, "<html>", 6) == NULL)
        complain("an error that is no JSON", body, n);
    json_decref(json);
}

/* with_heads: answers may be without the body that their length tells of. */
static void check_answers(size_t n, int is_cut, int with_heads) {
    size_t at = 0;
    answers[n] = '\0';
    while (at < n) {
        answer a = {0};
        uint8_t *head = answers + at;
        const size_t n_head = read_head(head, n - at, &a), n_rest = n - at - n_head;
        uint8_t *body = head + n_head;
        if (n_head == 0 && is_cut)
            return;
        if (n_head == 0)
            complain("an answer without an end of its headers", head, n - at);
        at += n_head;
        if (a.status < 200 || a.status == 204 || a.status == 304 || (with_heads && (n_rest == 0 || !memcmp(body, "HTTP/1.", 7))))
            continue;
        size_t n_body = a.has_length ? a.length : n_rest, n_taken = n_body;
        if (a.is_chunked)
            n_taken = join_chunks(body, n_rest, &n_body);
        if ((n_taken > n_rest || (a.is_chunked && n_taken == 0)) && is_cut)
            return;
        if (n_taken > n_rest || (a.is_chunked && n_taken == 0))
            complain("an answer without an end", head, n_head + n_rest);
        check_body(&a, body, n_body);
        if (a.status >= 400 && !a.is_json)
            return; /* libmicrohttpd's own is the last; 0.9.75 sends the head of some of them twice */
        at += n_taken;
    }
}

/* ---------------------------------------------------------------- afterwards */

static void check_log(void) {
    static uint8_t log[1 << 16];
    const ssize_t n = pread(log_fd, log, sizeof log, 0);
    FUZZ_MUST(n >= 0);
    for (ssize_t i = 0; i < n; i++) {
        const int is_c1 = log[i] == 0xc2 && i + 1 < n && log[i + 1] >= 0x80 && log[i + 1] < 0xa0;
        if ((log[i] < ' ' && log[i] != '\n') || log[i] == 0x7f || is_c1)
            dprintf(2, "byte %zd of the log: %.*s\n", i, (int)n, log);
        FUZZ_MUST((log[i] >= ' ' || log[i] == '\n') && log[i] != 0x7f && !is_c1);
    }
    FUZZ_MUST(ftruncate(log_fd, 0) == 0);
}

static void undo_writes(void) {
    static const char reload[] = "POST /v1/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " HTTP_TOKEN
                                 "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    struct stat now;
    FUZZ_MUST(stat(index_path, &now) == 0);
    if (now.st_size == index_stat.st_size && now.st_ino == index_stat.st_ino && now.st_mtim.tv_sec == index_stat.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == index_stat.st_mtim.tv_nsec)
        return;
    FUZZ_MUST(adah_file_publish(index_path, index_bytes, n_index_bytes, NULL) == ADAH_OK);
    FUZZ_MUST(stat(index_path, &index_stat) == 0);
    for (int i = 0; i < N_SERVERS; i++)
        ask(options[i].port, reload);
}

/* ---------------------------------------------------------------- life of the servers */

static void stop_servers(void) {
    for (int i = 0; i < N_SERVERS; i++)
        pthread_kill(thread[i], SIGTERM);
    for (int i = 0; i < N_SERVERS; i++)
        pthread_join(thread[i], NULL);
    free(index_bytes);
}

/* A port that was free a moment ago. */
static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0 && getsockname(fd, (struct sockaddr *)&address, &n) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void wait_until_ready(int port) {
    static const char ready[] = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    for (int tries = 0;; tries++) {
        int fd = connect_to(port), is_cut;
        FUZZ_MUST(tries < 60000);
        if (fd >= 0) {
            close(fd);
            const size_t n = converse(port, (const uint8_t *)ready, sizeof ready - 1, 1, 0, &is_cut);
            answers[n] = '\0';
            if (strstr((char *)answers, "\"ready\""))
                return;
        }
        usleep(1000);
    }
}

/* libFuzzer and the sanitizers tell what they have to say by file descriptors, not by these streams. */
static void catch_log(void) {
    log_fd = memfd_create("log", 0);
    FILE *log = fdopen(dup(log_fd), "a"), *nowhere = fopen("/dev/null", "w");
    FUZZ_MUST(log_fd >= 0 && log && nowhere);
    setvbuf(log, NULL, _IONBF, 0);
    stderr = log;
    stdout = nowhere;
}

static void start(void) {
    uint8_t *jpeg;
    size_t n_jpeg;
    snprintf(model_path, sizeof model_path, "%s/model", fuzz_folder());
    snprintf(index_path, sizeof index_path, "%s/index", fuzz_folder());
    make_model();
    make_index();
    keep_index();
    FUZZ_MUST(adah_picture_thumbnail(tiny_picture, sizeof tiny_picture, 16, 80, &jpeg, &n_jpeg, NULL) == ADAH_OK);
    put_file("a.png", tiny_picture, sizeof tiny_picture);
    put_file("b.jpg", jpeg, n_jpeg);
    put_file("text.txt", "no picture", 10);
    adah_free(jpeg);
    catch_log();
    for (int i = 0; i < N_SERVERS; i++) {
        options[i] = (serve_options)SERVE_OPTIONS_INIT;
        options[i].model = model_path;
        options[i].index = index_path;
        options[i].images = fuzz_folder();
        options[i].port = free_port();
        options[i].token = HTTP_TOKEN;
        options[i].n_threads = 2;
        options[i].body_bytes_max = 1 << 14;
        options[i].pixels_max = 1 << 16;
        options[i].k_max = 50;
        options[i].n_connections_max = 64;
        options[i].timeout_seconds = 2; /* of those who send no more, too */
        options[i].log = i ? SERVE_LOG_JSON : SERVE_LOG_TEXT;
        FUZZ_MUST(pthread_create(&thread[i], NULL, run_server, &options[i]) == 0);
    }
    FUZZ_MUST(atexit(stop_servers) == 0);
    for (int i = 0; i < N_SERVERS; i++)
        wait_until_ready(options[i].port);
}

/* A server starts its program anew to decode pictures. */
int LLVMFuzzerInitialize(int *n_arguments, char ***argument) {
    if (*n_arguments > 1 && !strcmp((*argument)[1], "--decoder"))
        exit(serve_decoder_main(*n_arguments - 1, *argument + 1));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const char health[] = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    static uint8_t sent[STREAM_MAX + sizeof health];
    static unsigned n_inputs;
    if (!thread[0])
        start();
    if (n_bytes < 1 || n_bytes > STREAM_MAX)
        return 0;
    const int port = options[bytes[0] & 32 ? 1 : 0].port;
    memcpy(sent, bytes + 1, n_bytes - 1);
    memcpy(sent + n_bytes - 1, health, sizeof health - 1);
    if (bytes[0] & 8) {
        const int fd = connect_to(port);
        FUZZ_MUST(fd >= 0);
        if (send(fd, sent, n_bytes - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0 && bytes[0] & 16)
            shutdown(fd, SHUT_WR);
        close(fd);
    } else {
        int is_cut;
        const size_t n = converse(port, sent, n_bytes + sizeof health - 2, 1 + (bytes[0] & 7), (bytes[0] & 16) != 0, &is_cut);
        check_answers(n, is_cut, memmem(bytes, n_bytes, "HEAD", 4) != NULL);
    }
    if (++n_inputs % HEALTH_EVERY == 0)
        for (int i = 0; i < N_SERVERS; i++)
            ask(options[i].port, health);
    undo_writes();
    check_log();
    return 0;
}
