/* A server that has to make ready first: what it answers meanwhile, how it becomes ready or ends, and what the progress tells. */
#define _GNU_SOURCE
#include "in_process.h"
#include "preparation.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static json_t *ask_progress(int port) {
    http_reply r = http_ask(port, "GET", "/v1/progress", "", NULL, 0);
    assert_int_equal(r.status, 200);
    json_t *json = json_loads(r.body, 0, NULL);
    assert_non_null(json);
    http_reply_free(&r);
    return json;
}

static void expect(int port, int is_ready, int is_working, const char *stage, int done, int total, const char *detail) {
    json_t *json = ask_progress(port), *wanted = json_pack("{s:b, s:b, s:s, s:i, s:i, s:s}", "is_ready", is_ready, "is_working", is_working, "stage",
                                                           stage, "done", done, "total", total, "detail", detail);
    if (!json_equal(json, wanted))
        fail_msg("%s", json_dumps(json, 0));
    json_decref(json);
    json_decref(wanted);
}

/* ---------------------------------------------------------------- the events */

static void progress_is_told(void **state) {
    (void)state;
    fixture f;
    prepare(&f);
    serve_progress_open(&f.server.progress, &f.server.is_stopping, 1);
    go(&f, "127.0.0.1");
    expect(f.port, 0, 0, "", 0, 0, "");
    const adah_progress p = serve_progress_begin(&f.server.progress);
    expect(f.port, 0, 1, "", 0, 0, "");
    assert_int_equal(p.function(p.user, &(adah_progress_event){.stage = "training", .done = 1, .total = 9, .detail = "epoch \"1\"", .is_result = 1}), 0);
    assert_int_equal(p.function(p.user, &(adah_progress_event){.stage = "training", .done = 2, .total = 9, .detail = "passing"}), 0);
    expect(f.port, 0, 1, "training", 2, 9, "epoch \"1\"");
    char text[1200];
    memset(text, 'x', sizeof text);
    memcpy(text + 238, "\xc3\xa9", 3); /* is not cut in two */
    p.function(p.user, &(adah_progress_event){.stage = text, .done = 2, .total = 9, .detail = text, .is_result = 1});
    json_t *json = ask_progress(f.port);
    assert_int_equal(strlen(json_string_value(json_object_get(json, "detail"))), 238);
    json_decref(json);
    atomic_store(&f.server.is_stopping, 1);
    assert_true(p.function(p.user, &(adah_progress_event){.stage = "training", .detail = ""}) != 0);
    atomic_store(&f.server.is_stopping, 0);
    serve_progress_end(&f.server.progress);
    expect(f.port, 0, 0, "", 0, 0, "");

    http_reply r = http_ask(f.port, "GET", "/", "", NULL, 0);
    if (r.status != 404) { /* 404: built without the page */
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.body, "progress.js"));
    }
    http_reply_free(&r);
    r = http_ask(f.port, "GET", "/v1/search?text=a", "", NULL, 0);
    assert_int_equal(r.status, 503);
    http_reply_free(&r);
    stop(&f);
    serve_progress_close(&f.server.progress);
}

/* ---------------------------------------------------------------- a whole server */

/* What makes ready in the child. */
static adah_code until_told(void *context, adah_progress progress, adah_status *status) {
    (void)context;
    while (!progress.function(progress.user, &(adah_progress_event){.stage = "waiting", .done = 1, .total = 2, .detail = ""}))
        usleep(1000);
    status->code = ADAH_ERROR_CANCELLED;
    snprintf(status->message, sizeof status->message, "stopped");
    return status->code;
}

static adah_code in_vain(void *context, adah_progress progress, adah_status *status) {
    (void)context, (void)progress;
    snprintf(status->message, sizeof status->message, "nothing to learn by");
    return status->code = ADAH_ERROR_FORMAT;
}

/* Starts serve_run in a child; *log: its stderr. */
static pid_t start(adah_code (*work)(void *, adah_progress, adah_status *), FILE **log) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        serve_options o = SERVE_OPTIONS_INIT;
        adah_status status;
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        o.model = o.index = "none";
        o.port = 0;
        o.log = SERVE_LOG_NONE;
        o.prepare = work;
        const adah_code code = serve_run(&o, &status);
        if (code != ADAH_OK)
            fprintf(stderr, "adah: %s\n", status.message);
        fflush(stderr);
        _exit(code == ADAH_OK ? 0 : 1);
    }
    close(ends[1]);
    *log = fdopen(ends[0], "r");
    assert_non_null(*log);
    return child;
}

static int read_port(FILE *log) {
    char line[512];
    int port = 0;
    assert_non_null(fgets(line, sizeof line, log));
    assert_int_equal(sscanf(line, "adah: making ready, which can be watched on http://127.0.0.1:%d/", &port), 1);
    return port;
}

static void it_answers_while_it_makes_ready_and_stops_when_told(void **state) {
    (void)state;
    FILE *log;
    int code;
    const pid_t child = start(until_told, &log);
    const int port = read_port(log);
    json_t *json = ask_progress(port);
    while (strcmp(json_string_value(json_object_get(json, "stage")), "waiting") != 0) { /* it has begun soon */
        json_decref(json);
        json = ask_progress(port);
    }
    assert_true(json_is_false(json_object_get(json, "is_ready")) && json_is_true(json_object_get(json, "is_working")));
    json_decref(json);
    http_reply r = http_ask(port, "GET", "/readyz", "", NULL, 0);
    assert_int_equal(r.status, 503);
    http_reply_free(&r);
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    fclose(log);
}

static void a_failure_ends_it_and_says_why(void **state) {
    (void)state;
    FILE *log;
    char line[512];
    int code;
    const pid_t child = start(in_vain, &log);
    read_port(log);
    assert_non_null(fgets(line, sizeof line, log));
    assert_non_null(strstr(line, "nothing to learn by"));
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 1);
    fclose(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_told),
        cmocka_unit_test(it_answers_while_it_makes_ready_and_stops_when_told),
        cmocka_unit_test(a_failure_ends_it_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
