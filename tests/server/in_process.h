/* in_process.h - a server in the process of a test, with nothing loaded: /healthz needs nothing, what needs more is answered 503. */
#ifndef ADAH_TESTS_IN_PROCESS_H
#define ADAH_TESTS_IN_PROCESS_H

#include "http.h"
#include "http_client.h"
#include "listen.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

typedef struct fixture {
    serve_server server;
    serve_http *http;
    int port;
} fixture;

/* What the test wants otherwise goes to f->server.options then. */
static void prepare(fixture *f) {
    const serve_options options = SERVE_OPTIONS_INIT;
    memset(f, 0, sizeof *f);
    f->server.options = options;
    f->server.options.n_threads = 2;
    f->server.options.timeout_seconds = 100; /* longer than any test waits */
    f->server.options.log = SERVE_LOG_NONE;
    f->server.images = -1;
    f->server.reads_are_free = 1;
}

static void go(fixture *f, const char *address) {
    adah_status status;
    int listening;
    f->server.options.address = address;
    assert_int_equal(serve_service_create("none", "none", 1, &f->server.service, &status), ADAH_OK);
    f->server.metrics = serve_metrics_create();
    assert_non_null(f->server.metrics);
    assert_int_equal(serve_listen(address, &f->port, &listening, &f->server.is_loopback, &status), ADAH_OK);
    assert_true(f->port && f->server.is_loopback == !strncmp(address, "127.", 4));
    assert_int_equal(serve_http_start(&f->server, listening, &f->http, &status), ADAH_OK);
}

static void stop(fixture *f) {
    serve_http_stop(f->http, f->server.options.timeout_seconds);
    serve_service_close(f->server.service);
    serve_metrics_free(f->server.metrics);
}

#endif
