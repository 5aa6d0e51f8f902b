/* request.c - the life of a request: what it keeps, in which lane it goes on, and how it is refused. */
#define _GNU_SOURCE
#include "request.h"
#include "server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void *serve_keep(serve_request *r, void *p) {
    void **larger = p ? realloc(r->kept, (r->n_kept + 1) * sizeof *larger) : NULL;
    if (!larger) {
        free(p);
        return NULL;
    }
    r->kept = larger;
    return r->kept[r->n_kept++] = p;
}

void serve_free_kept(serve_request *r, size_t n_kept) {
    while (r->n_kept > n_kept)
        free(r->kept[--r->n_kept]);
}

int serve_go_on(serve_request *r, serve_lane lane, serve_handler next) {
    r->next = next;
    r->next_lane = lane;
    return 0;
}

int serve_needs_lane(serve_request *r, serve_lane lane) { return r->lane >= lane || serve_go_on(r, lane, r->handler); }

/* Frees an answer that is not sent. */
static void clear_answer(serve_answer *a) {
    serve_text_free(&a->text);
    if (a->bytes && a->release)
        a->release((void *)(uintptr_t)a->bytes);
    if (a->stream)
        a->stream->free(a->stream);
    if (a->is_file)
        close(a->fd);
    *a = (serve_answer){0};
}

static void drop(serve_request *r) {
    json_decref(r->json);
    r->json = NULL;
    serve_free_kept(r, 0);
    free(r->kept);
    r->kept = NULL;
    serve_budget_release(r->budget, &r->claim);
}

void serve_request_begin(serve_request *r) {
    clear_answer(&r->answer);
    r->query = (serve_query){0};
    serve_free_kept(r, 0);
}

void serve_request_take_back(serve_request *r) { clear_answer(&r->answer); }

void serve_request_finish(serve_request *r) {
    serve_answer *a = &r->answer;
    drop(r);
    if (a->text.failed) {
        clear_answer(a);
        serve_refuse_memory(r);
    }
    char *fitting = a->text.n_bytes ? realloc(a->text.bytes, a->text.n_bytes) : NULL;
    a->text.bytes = fitting ? fitting : a->text.bytes;
    const size_t n = a->text.n_bytes + (a->release ? a->n_bytes : 0) + (a->stream ? a->stream->n_bytes : 0);
    if (!serve_budget_take(r->budget, &r->claim, n, serve_slow_before(r))) {
        clear_answer(a);
        serve_refuse_busy(r, "too many large answers at once");
    }
}

void serve_request_clear(serve_request *r) {
    clear_answer(&r->answer);
    drop(r);
}

/* ---------------------------------------------------------------- errors */

int serve_refuse(serve_request *r, unsigned status, const char *code, const char *field, const char *format, ...) {
    char message[2400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    serve_answer *a = &r->answer;
    serve_text_free(&a->text);
    a->status = status;
    a->content_type = NULL;
    a->cache_control = NULL;
    a->etag[0] = '\0';
    serve_text_plain(&a->text, "{\"error\": {\"code\": ");
    serve_text_string(&a->text, code);
    serve_text_plain(&a->text, ", \"message\": ");
    serve_text_string(&a->text, message);
    if (field) {
        serve_text_plain(&a->text, ", \"field\": ");
        serve_text_string(&a->text, field);
    }
    serve_text_plain(&a->text, "}}\n");
    return 0;
}

int serve_refuse_memory(serve_request *r) { return serve_refuse(r, 500, "out_of_memory", NULL, "out of memory"); }

int serve_refuse_busy(serve_request *r, const char *message) {
    serve_refuse(r, 503, "busy", NULL, "%s", message);
    r->answer.retry_after = 1;
    return 0;
}

uint64_t serve_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t serve_slow_before(const serve_request *r) {
    return serve_nanoseconds() + (uint64_t)(r->server->options.timeout_seconds - 1) * 1000000000u;
}

int serve_take_memory(serve_request *r, size_t n_bytes) {
    return serve_budget_take(r->budget, &r->claim, n_bytes, serve_slow_before(r)) ||
           serve_refuse_busy(r, "too many large requests at once");
}
