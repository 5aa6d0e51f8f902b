/* change_checks.c - adah serve while its index's file is changed by another program. Started by test_changed_index.sh in a folder with two
 * indexes of a model, one of another model, and noise. Nothing here depends on time: what must come is waited for. Prints what failed. */
#define _GNU_SOURCE
#include "http_count.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOKEN "a-token-of-the-tests"
#define SERVED "served.adah"

enum { WAIT_SECONDS = 120 /* for what must come */, N_ROUNDS = 150 };

static int port;

/* ---------------------------------------------------------------- files */

typedef struct file {
    uint8_t *bytes;
    size_t n_bytes;
} file;

static file read_file(const char *path) {
    file f = {NULL, 0};
    FILE *from = fopen(path, "rb");
    if (!from || fseek(from, 0, SEEK_END) != 0 || !(f.bytes = malloc((size_t)ftell(from) + 1))) {
        printf("%s cannot be read\n", path);
        exit(1);
    }
    f.n_bytes = (size_t)ftell(from);
    rewind(from);
    if (fread(f.bytes, 1, f.n_bytes, from) != f.n_bytes)
        exit(1);
    fclose(from);
    return f;
}

/* Into the file that is there; with_cut: after cutting it off, as a shell and cp do. */
static void put_over(const file *f, int with_cut) {
    const int fd = open(SERVED, O_WRONLY | O_CREAT | O_CLOEXEC | (with_cut ? O_TRUNC : 0), 0666);
    if (fd < 0 || pwrite(fd, f->bytes, f->n_bytes, 0) != (ssize_t)f->n_bytes || ftruncate(fd, (off_t)f->n_bytes) != 0)
        exit(1);
    close(fd);
}

/* Another file in its place. */
static void put_instead(const file *f) {
    FILE *to = fopen("new", "wb");
    if (!to || fwrite(f->bytes, 1, f->n_bytes, to) != f->n_bytes || fclose(to) != 0 || rename("new", SERVED) != 0)
        exit(1);
}

static void cut_to(size_t n_bytes) {
    if (truncate(SERVED, (off_t)n_bytes) != 0)
        exit(1);
}

/* ---------------------------------------------------------------- questions */

static const char *const questions[] = {"/v1/info", "/v1/search?text=red", "/v1/search?id=20&k=50", "/v1/search?text=red&label=red%20cross",
                                        "/v1/items/20"};
enum { N_QUESTIONS = sizeof questions / sizeof *questions };

static http_reply ask(const char *target) { return http_ask(port, "GET", target, "", NULL, 0); }

/* The answer without what differs from time to time. */
static char *answer_of(const http_reply *r) {
    json_t *json = json_loadb(r->body ? r->body : "", r->n_body, 0, NULL);
    json_object_del(json, "took_ms");
    char *text = json ? json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(json);
    return text ? text : strdup("");
}

static const char *error_of(const http_reply *r, json_t **json) {
    *json = json_loadb(r->body ? r->body : "", r->n_body, 0, NULL);
    const char *code = json_string_value(json_object_get(json_object_get(*json, "error"), "code"));
    return code ? code : "";
}

typedef struct answers {
    int status[N_QUESTIONS];
    char *text[N_QUESTIONS];
} answers;

static answers ask_all(void) {
    answers all;
    for (int i = 0; i < N_QUESTIONS; i++) {
        http_reply r = ask(questions[i]);
        all.status[i] = r.status;
        all.text[i] = answer_of(&r);
        http_reply_free(&r);
    }
    return all;
}

/* An answer to question i is that of one of two indexes (NULL: of none), or a refusal. */
static void check_one(int i, const answers *one, const answers *other, int line) {
    http_reply r = ask(questions[i]);
    char *text = answer_of(&r);
    json_t *json = NULL;
    const int is_refusal = !strcmp(error_of(&r, &json), "index_changed") && r.status == 503;
    const int is_one = one && r.status == one->status[i] && !strcmp(text, one->text[i]);
    const int is_other = other && r.status == other->status[i] && !strcmp(text, other->text[i]);
    http_check(is_refusal || is_one || is_other, line, "%s: %d %.300s", questions[i], r.status, text);
    http_check(!is_refusal || http_header(&r, "Retry-After") != NULL, line, "%s: no Retry-After", questions[i]);
    json_decref(json);
    free(text);
    http_reply_free(&r);
}

static void check_all(const answers *expected, int line) {
    for (int i = 0; i < N_QUESTIONS; i++) {
        http_reply r = ask(questions[i]);
        char *text = answer_of(&r);
        http_check(r.status == expected->status[i] && !strcmp(text, expected->text[i]), line, "%s: %d %.300s, expected %d %.300s", questions[i],
              r.status, text, expected->status[i], expected->text[i]);
        free(text);
        http_reply_free(&r);
    }
}

static void check_all_refused(int line) {
    for (int i = 0; i < N_QUESTIONS; i++)
        check_one(i, NULL, NULL, line);
}

/* Waits for /readyz to say so. */
static void wait_ready(int status, const char *reason, int line) {
    const time_t end = time(NULL) + WAIT_SECONDS;
    http_reply r;
    while ((r = ask("/readyz")).status != status || !strstr(r.body, reason)) {
        http_check(!r.body || !strstr(r.body, SERVED), line, "/readyz tells the path: %s", r.body ? r.body : "");
        if (!http_check(time(NULL) < end, line, "/readyz: %d %s, expected %d, %s", r.status, r.body ? r.body : "", status, reason))
            break;
        http_reply_free(&r);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    http_reply_free(&r);
}

/* ---------------------------------------------------------------- */

static http_child serve(void) {
    static const char *const options[] = {"--model", "model.safetensors", "--index", SERVED, "--token", TOKEN, "--threads", "2", NULL};
    const http_child child = http_child_serve(options);
    port = child.port;
    return child;
}

static answers answers_of(const file *index) {
    put_instead(index);
    const http_child child = serve();
    const answers all = ask_all();
    for (int i = 0; i < N_QUESTIONS; i++)
        CHECK(all.status[i] == 200, "%s: %d %.300s", questions[i], all.status[i], all.text[i]);
    CHECK(http_child_stop(child, SIGTERM) == 0, "stop");
    return all;
}

/* What is done to the file, with what. */
typedef struct spoiling {
    void (*spoil)(const void *context);
    const void *context;
    int line; /* where it is told */
} spoiling;

/* A change in place: the next read, of that question, is refused or right, /readyz tells, and a good index is served again. */
static void check_bad_in_place(const file *good, const answers *of_good, int question, const spoiling *s) {
    const int line = s->line;
    put_over(good, 1); /* the same file, so that it is the one that the server has open */
    wait_ready(200, "ready", line);
    check_all(of_good, line);
    s->spoil(s->context);
    check_one(question, NULL, NULL, line);
    wait_ready(503, "index", line);
    check_all_refused(line);
    http_reply r = http_ask(port, "DELETE", "/v1/items/1", "Authorization: Bearer " TOKEN "\r\n", NULL, 0);
    http_check(r.status >= 400, line, "a change of a bad index: %d", r.status);
    http_reply_free(&r);
    put_over(good, 1);
    wait_ready(200, "ready", line);
    check_all(of_good, line);
}

static void spoil_by_cutting(const void *n_bytes) { cut_to(*(const size_t *)n_bytes); }
static void spoil_by_copy(const void *f) { put_over(f, 1); }
static void spoil_in_place(const void *f) { put_over(f, 0); }

/* All of them with a question, by a process with a server and a folder of its own: mostly it waits until the server looks. */
static pid_t start_bad_in_place(const file *good, const answers *of_good, int question, const spoiling *all, size_t n) {
    char folder[32];
    snprintf(folder, sizeof folder, "question-%d", question);
    fflush(stdout);
    const pid_t process = fork();
    if (process)
        return process;
    http_n_checks = http_n_failed = 0;
    if (mkdir(folder, 0777) != 0 || chdir(folder) != 0 || symlink("../model.safetensors", "model.safetensors") != 0)
        exit(1);
    put_instead(good);
    const http_child child = serve();
    for (size_t i = 0; i < n; i++)
        check_bad_in_place(good, of_good, question, &all[i]);
    CHECK(http_child_stop(child, SIGTERM) == 0, "the server ended by itself");
    exit(http_end_checks());
}

/* Another program copies one index over the other while the questions go on. */
static void check_many_copies(const file *one, const file *other, const answers *of_one, const answers *of_other) {
    put_over(one, 1);
    wait_ready(200, "ready", __LINE__);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        for (;;) {
            put_over(other, 1);
            put_over(one, 1);
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        }
    for (int round = 0; round < N_ROUNDS; round++)
        for (int i = 0; i < N_QUESTIONS; i++)
            check_one(i, of_one, of_other, __LINE__);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    put_over(other, 1);
    wait_ready(200, "ready", __LINE__);
    check_all(of_other, __LINE__);
}

int main(void) {
    const file one = read_file("scenes.adah"), other = read_file("other.adah"), noise = read_file("noise"),
               stranger = read_file("stranger.adah"), nothing = {(uint8_t *)(uintptr_t)"", 0};
    const answers of_one = answers_of(&one), of_other = answers_of(&other);
    const size_t half = one.n_bytes / 2, all_but_one = one.n_bytes - 1;
    const spoiling spoilings[] = {{spoil_by_copy, &nothing, __LINE__},
                                  {spoil_by_cutting, &half, __LINE__},
                                  {spoil_by_cutting, &all_but_one, __LINE__},
                                  {spoil_by_copy, &noise, __LINE__},
                                  {spoil_in_place, &noise, __LINE__},
                                  {spoil_by_copy, &stranger, __LINE__}};
    pid_t process[N_QUESTIONS];
    for (int i = 0; i < N_QUESTIONS; i++)
        process[i] = start_bad_in_place(&one, &of_one, i, spoilings, sizeof spoilings / sizeof *spoilings);
    put_instead(&one);
    const http_child child = serve();

    /* Another good index in its place: by a copy, and by another file. */
    put_over(&other, 1);
    for (int i = 0; i < N_QUESTIONS; i++)
        check_one(i, &of_other, NULL, __LINE__);
    wait_ready(200, "ready", __LINE__);
    check_all(&of_other, __LINE__);
    put_over(&one, 0);
    wait_ready(200, "ready", __LINE__);
    check_all(&of_one, __LINE__);

    /* Removed, or a bad file in its place: what was there goes on. */
    unlink(SERVED);
    wait_ready(503, "cannot open", __LINE__);
    check_all(&of_one, __LINE__);
    put_instead(&noise);
    wait_ready(503, "not an adah index", __LINE__);
    check_all(&of_one, __LINE__);
    put_instead(&stranger);
    wait_ready(503, "model", __LINE__);
    check_all(&of_one, __LINE__);
    put_instead(&one);
    wait_ready(200, "ready", __LINE__);

    /* One bit of a code, behind all headers. */
    file damaged = read_file("scenes.adah");
    damaged.bytes[damaged.n_bytes - 200] ^= 1;
    put_over(&damaged, 0);
    wait_ready(503, "checksum", __LINE__);
    check_all_refused(__LINE__);
    put_over(&one, 0);
    wait_ready(200, "ready", __LINE__);
    check_all(&of_one, __LINE__);

    check_many_copies(&one, &other, &of_one, &of_other);
    CHECK(http_child_stop(child, SIGTERM) == 0, "the server ended by itself");
    for (int i = 0; i < N_QUESTIONS; i++) {
        int end = -1;
        CHECK(process[i] > 0 && waitpid(process[i], &end, 0) == process[i] && end == 0, "question %d: its checks ended with %d", i, end);
    }
    return http_end_checks();
}
