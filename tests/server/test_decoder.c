/* Processes that decode: good ones, and ones that die, hang, lie, or want more than they may. The test is such a process itself when it is
 * started anew; DECODER_IS says which. Nothing here waits for a time but what a limit of its own ends. */
#define _GNU_SOURCE
#include "decoder.h"
#include "decoder_wire.h"
#include "serve.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "../picture_bytes.h"

enum { SIDE = 24, SHORT = 1, LONG = 600 /* seconds: what must end, what must not */ };

#if defined(__SANITIZE_ADDRESS__)
enum { HAS_LIMITS = 0 }; /* sanitizers reserve more memory than any limit */
#else
enum { HAS_LIMITS = 1 };
#endif

/* ---------------------------------------------------------------- processes of other kinds */

static int receive(void *bytes, size_t n) { return recv(0, bytes, n, MSG_WAITALL) == (ssize_t)n; }

static void reply(uint32_t code, uint64_t n_width, uint64_t n_height, uint64_t n_told, const void *bytes, size_t n) {
    const wire_reply head = {WIRE_MAGIC, code, n_width, n_height, n_told};
    if (send(0, &head, sizeof head, MSG_NOSIGNAL) < 0 || send(0, bytes, n, MSG_NOSIGNAL) < 0)
        _exit(1);
}

static int count_files(void) {
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        n++;
    return n - 3; /* ., .. and the folder itself */
}

static int run_other(const char *kind, int argc, char **argv) {
    static uint8_t pixels[SIDE * SIDE * 3 + 1];
    wire_request q;
    if (!strcmp(kind, "real"))
        return serve_decoder_main(argc - 1, argv + 1);
    if (!strcmp(kind, "gone"))
        return 0;
    while (receive(&q, sizeof q)) {
        if (!strcmp(kind, "dies early"))
            raise(SIGTRAP);
        if (!strcmp(kind, "reads nothing"))
            pause();
        uint8_t *bytes = malloc(q.n_bytes + 1);
        if (!receive(bytes, q.n_bytes))
            return 1;
        free(bytes);
        if (!strcmp(kind, "dies"))
            raise(SIGTRAP);
        if (!strcmp(kind, "hangs"))
            pause();
        if (!strcmp(kind, "nonsense"))
            (void)!write(0, "this is no reply at all, but some text that is long enough", 58);
        if (!strcmp(kind, "half")) {
            reply(ADAH_OK, SIDE, SIDE, SIDE * SIDE * 3, pixels, SIDE * SIDE);
            return 0;
        }
        if (!strcmp(kind, "other size"))
            reply(ADAH_OK, SIDE + 1, SIDE - 1, (SIDE + 1) * (SIDE - 1) * 3, pixels, (SIDE + 1) * (SIDE - 1) * 3);
        if (!strcmp(kind, "huge"))
            reply(ADAH_OK, UINT64_MAX, UINT64_MAX, UINT64_MAX, pixels, sizeof pixels);
        if (!strcmp(kind, "wraps"))
            reply(ADAH_OK, (uint64_t)1 << 33, (uint64_t)1 << 33, 0, pixels, sizeof pixels);
        if (!strcmp(kind, "long message"))
            reply(ADAH_ERROR_FORMAT, 0, 0, 1 << 20, pixels, sizeof pixels);
        if (!strcmp(kind, "odd code"))
            reply(77, 0, 0, 3, "abc", 3);
        if (!strcmp(kind, "bad text"))
            reply(ADAH_ERROR_FORMAT, 0, 0, 9, "a\n\x1b[\xff\0b\"c", 9);
        if (!strcmp(kind, "files")) {
            char text[64];
            const int n = snprintf(text, sizeof text, "%d files, group %d, blocked %d", count_files(), getpgrp() == getpid(), 0);
            reply(ADAH_ERROR_FORMAT, 0, 0, (uint64_t)n, text, (size_t)n);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- tests */

static serve_decoders *start(const char *kind, int n_processes, int seconds) {
    serve_decoders *d = NULL;
    adah_status status;
    setenv("DECODER_IS", kind, 1);
    const serve_decoder_options options = {NULL, n_processes, (uint64_t)400 << 20, seconds};
    assert_int_equal(serve_decoders_create(&options, &d, &status), ADAH_OK);
    return d;
}

/* A picture of black pixels, whole. */
static picture_bytes make_picture(unsigned n_width, unsigned n_height) { return make_slow_jpeg(n_width, n_height, 1); }

static adah_code ask(serve_decoders *d, serve_decoding what, const picture_bytes *file, serve_decoded *decoded, adah_status *status) {
    *decoded = (serve_decoded){0};
    return serve_decode(d, SERVE_OF_OTHERS, 0, what, file->at, file->n, (adah_picture_form){.n_side = SIDE}, decoded, status);
}

static void gives_the_same_pixels(void **state) {
    (void)state;
    serve_decoders *d = start("real", 2, LONG);
    picture_bytes file = make_picture(300, 200);
    for (int round = 0; round < 5; round++) {
        serve_decoded decoded;
        adah_status status;
        adah_picture expected;
        assert_int_equal(ask(d, SERVE_PIXELS, &file, &decoded, &status), ADAH_OK);
        assert_int_equal(adah_picture_decode(file.at, file.n, SIDE, 0, &expected, &status), ADAH_OK);
        assert_memory_equal(decoded.picture.rgb, expected.rgb, SIDE * SIDE * 3);
        adah_free(expected.rgb);
        free(decoded.picture.rgb);
        assert_int_equal(ask(d, SERVE_COPY, &file, &decoded, &status), ADAH_OK);
        assert_int_equal(decoded.picture.n_width, SIDE);
        assert_int_equal(decoded.picture.n_height, SIDE * 2 / 3);
        free(decoded.picture.rgb);
        assert_int_equal(ask(d, SERVE_JPEG, &file, &decoded, &status), ADAH_OK);
        adah_picture_info info;
        assert_int_equal(adah_picture_examine(decoded.jpeg, decoded.n_jpeg_bytes, &info, &status), ADAH_OK);
        assert_int_equal(info.n_width, SIDE);
        free(decoded.jpeg);
        /* What is broken is told, and the process goes on. */
        const picture_bytes cut = {file.at, file.n - 50, 0};
        assert_int_equal(ask(d, SERVE_PIXELS, &cut, &decoded, &status), ADAH_ERROR_FORMAT);
        assert_non_null(strstr(status.message, "cannot be decoded"));
        assert_null(decoded.picture.rgb);
    }
    assert_int_equal(serve_decoders_ended(d), 0);
    assert_int_equal(serve_decoders_running(d), 2); /* one of each kind, used again and again */
    serve_decoders_close(d);
    free(file.at);
}

static void survives_any_process(void **state) {
    (void)state;
    static const struct {
        const char *kind, *words;
    } others[] = {{"dies", "signal 5"},          {"dies early", "signal 5"}, {"gone", "its process ended"}, {"hangs", "more than 1 s"},
                  {"reads nothing", "more than 1 s"}, {"nonsense", "a wrong answer"},    {"half", "its process ended"}, {"other size", "a wrong answer"},
                  {"huge", "a wrong answer"},          {"wraps", "a wrong answer"},       {"long message", "a wrong answer"},  {"odd code", "a wrong answer"}};
    picture_bytes file = make_picture(3000, 2000);
    for (size_t i = 0; i < 400000; i++) /* more than a socket takes at once */
        put_big(&file, 0, 1);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const int has_to_end = strstr(others[i].words, "more than") != NULL, n_rounds = i ? 1 : 2;
        serve_decoders *d = start(others[i].kind, 1, has_to_end ? SHORT : LONG);
        serve_decoded decoded;
        adah_status status;
        for (int round = 0; round < n_rounds; round++) {
            assert_int_equal(ask(d, SERVE_PIXELS, &file, &decoded, &status), ADAH_ERROR_FORMAT);
            if (!strstr(status.message, others[i].words))
                fail_msg("%s: \"%s\", expected \"%s\"", others[i].kind, status.message, others[i].words);
            assert_null(decoded.picture.rgb);
            assert_int_equal(serve_decoders_ended(d), round + 1);
        }
        setenv("DECODER_IS", "real", 1); /* the next picture has a new process */
        if (n_rounds > 1)
            assert_int_equal(ask(d, SERVE_PIXELS, &file, &decoded, &status), ADAH_OK);
        free(decoded.picture.rgb);
        serve_decoders_close(d);
    }
    free(file.at);
}

static void cleans_messages(void **state) {
    (void)state;
    serve_decoders *d = start("bad text", 1, LONG);
    picture_bytes file = make_picture(30, 20);
    serve_decoded decoded;
    adah_status status;
    assert_int_equal(ask(d, SERVE_PIXELS, &file, &decoded, &status), ADAH_ERROR_FORMAT);
    assert_string_equal(status.message, "a??[??b\"c");
    assert_int_equal(serve_decoders_ended(d), 0);
    serve_decoders_close(d);
    free(file.at);
}

static void inherits_nothing(void **state) {
    (void)state;
    const int open_here = open("/proc/self/status", O_RDONLY); /* and it stays open on execution */
    serve_decoders *d = start("files", 1, LONG);
    picture_bytes file = make_picture(30, 20);
    serve_decoded decoded;
    adah_status status;
    assert_int_equal(ask(d, SERVE_PIXELS, &file, &decoded, &status), ADAH_ERROR_FORMAT);
    assert_string_equal(status.message, "3 files, group 1, blocked 0");
    serve_decoders_close(d);
    free(file.at);
    close(open_here);
}

/* Both limits, and pictures that are within them at the same time. */
static void ends_what_takes_too_much(void **state) {
    (void)state;
    if (!HAS_LIMITS)
        skip();
    serve_decoders *d = start("real", 1, LONG);
    serve_decoded decoded;
    adah_status status;
    picture_bytes slow = make_slow_jpeg(12000, 12000, 100), good = make_picture(300, 200), large = make_slow_jpeg(30000, 16000, 1);
    /* 480,000,000 coefficients of 2 bytes are more than either process may take. */
    for (int is_large = 0; is_large < 2; is_large++) {
        assert_int_equal(serve_decode(d, SERVE_OF_OTHERS, is_large, SERVE_PIXELS, large.at, large.n, (adah_picture_form){.n_side = SIDE}, &decoded, &status), ADAH_ERROR_FORMAT);
        assert_int_equal(ask(d, SERVE_PIXELS, &good, &decoded, &status), ADAH_OK);
        free(decoded.picture.rgb);
    }
    serve_decoders_close(d);
    d = start("real", 1, SHORT);
    /* 288 MB are let pass, and 100 passes over them take too long. */
    assert_int_equal(serve_decode(d, SERVE_OF_OTHERS, 1, SERVE_PIXELS, slow.at, slow.n, (adah_picture_form){.n_side = SIDE}, &decoded, &status), ADAH_ERROR_FORMAT);
    if (!strstr(status.message, "more than 1 s"))
        fail_msg("\"%s\"", status.message);
    serve_decoders_close(d);
    struct rusage use;
    getrusage(RUSAGE_CHILDREN, &use);
    assert_in_range(use.ru_maxrss, 1, (400 + 100) << 10); /* KiB: the limit and what was there before it */
    free(slow.at);
    free(good.at);
    free(large.at);
}

typedef struct asker {
    serve_decoders *d;
    const picture_bytes *file;
    int n_good;
} asker;

static void *ask_often(void *context) {
    asker *a = context;
    for (int i = 0; i < 50; i++) {
        serve_decoded decoded;
        adah_status status;
        if (serve_decode(a->d, (serve_decoder_kind)(i & 1), i % 7 == 0, SERVE_PIXELS, a->file->at, a->file->n, (adah_picture_form){.n_side = SIDE}, &decoded, &status) == ADAH_OK) {
            a->n_good++;
            free(decoded.picture.rgb);
        }
    }
    return NULL;
}

/* More threads than processes, while processes are killed from outside: each death costs at most one picture. */
static void is_shared_by_threads(void **state) {
    (void)state;
    enum { N = 8, N_KILLS = 5 };
    serve_decoders *d = start("real", 2, LONG);
    picture_bytes file = make_picture(300, 200);
    pthread_t thread[N];
    asker askers[N];
    int n_good = 0;
    for (int i = 0; i < N; i++) {
        askers[i] = (asker){d, &file, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, &askers[i]), 0);
    }
    int n_killed = 0;
    for (int round = 0; round < N_KILLS; round++) {
        char command[96], line[32];
        snprintf(command, sizeof command, "ps -o pid= --ppid %d", getpid());
        FILE *list = popen(command, "r");
        while (fgets(line, sizeof line, list))
            n_killed += atoi(line) > 0 && kill(atoi(line), SIGKILL) == 0; /* the shell among them, whose end is waited for below */
        pclose(list);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(thread[i], NULL);
        n_good += askers[i].n_good;
    }
    assert_true(n_good >= N * 50 - n_killed); /* a process does not end with the thread that was the first to need it */
    assert_true(serve_decoders_ended(d) <= (uint64_t)n_killed);
    assert_in_range(serve_decoders_running(d), 1, 5);
    serve_decoders_close(d);
    free(file.at);
}

static void tells_large_ones(void **state) {
    (void)state;
    const struct {
        picture_bytes file;
        int is_large;
    } cases[] = {{make_slow_jpeg(5000, 4000, 1), 0}, {make_slow_jpeg(8000, 6000, 1), 1}, {make_jpeg(8000, 6000, 0xc0, 1), 0},
                 {make_png(4000, 3000, 0, 0, 100), 0},   {make_png(6000, 4000, 0, 0, 100), 1}, {make_webp(0, 0, 0, 1, 3000, 2000), 0},
                 {make_webp(0, 0, 0, 1, 4000, 4000), 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adah_picture_info info;
        assert_int_equal(adah_picture_examine(cases[i].file.at, cases[i].file.n, &info, NULL), ADAH_OK);
        if (serve_is_large(&info) != cases[i].is_large)
            fail_msg("case %zu: %d", i, !cases[i].is_large);
        free(cases[i].file.at);
    }
}

int main(int argc, char **argv) {
    const char *kind = getenv("DECODER_IS");
    if (argc > 1 && !strcmp(argv[1], "--decoder"))
        return run_other(kind ? kind : "real", argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_pixels), cmocka_unit_test(survives_any_process), cmocka_unit_test(cleans_messages),
        cmocka_unit_test(inherits_nothing),      cmocka_unit_test(ends_what_takes_too_much), cmocka_unit_test(is_shared_by_threads),
        cmocka_unit_test(tells_large_ones),
    };
    return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
