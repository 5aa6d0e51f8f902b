/* http.c - see http.h. libmicrohttpd's threads poll, read and send; what takes work is done by those of work.h meanwhile.
 *
 * A request passes begin (route, token, limits, as soon as its head is there), receive (pieces of the body) and
 * finish (the handler). What is refused at its head is answered when its body has passed by unread, so that a client
 * which is still sending gets to see it.
 *
 * While a request is in a lane of work, its connection is suspended: libmicrohttpd does not look at it, and nothing but the job touches
 * the exchange. At the end the job resumes the connection, and libmicrohttpd's thread calls once more, for the answer. */
#define _GNU_SOURCE
#include "http.h"
#include "check_head.h"
#include "connections.h"
#include "failure.h"
#include "listen.h"
#include "origin.h"
#include "request_log.h"
#include "response.h"

#include <microhttpd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD_BYTES_MAX = 16 << 10,   /* URL and headers */
    CONNECTION_BYTES = 64 << 10, /* libmicrohttpd's own limit, beyond which its answer is no JSON */
    DRAINED_MAX = 4              /* bodies of the greatest size that a refused one may measure */
};

struct serve_http {
    serve_server *server;
    struct MHD_Daemon *daemon;
    serve_listener *listener;
    serve_connections *connections;
    serve_work *work;
    atomic_int is_closing;      /* what waits for work is refused */
    serve_budget *budget;
    atomic_int n_requests; /* begun and not completed */
};

/* A request with what only HTTP needs. */
typedef struct exchange {
    serve_request request; /* first */
    serve_http *http;
    serve_connection *peer;
    serve_job job; /* in a lane of work, with: */
    struct MHD_Connection *suspended;
    serve_state *state;
    int is_bad_url, has_begun, is_handled;
    int is_last;        /* what follows on the connection may be anything */
    const char *target; /* as it came; only its place and length last */
    size_t n_target;
    int has_bad_target;
    uint64_t begin; /* nanoseconds */
    size_t n_received, n_body_bytes_max;
    uint64_t n_sent;
    char method[16];
    char *path;
} exchange;

/* ---------------------------------------------------------------- the head of a request */

typedef struct field_sum {
    exchange *x;
    size_t n_bytes;
} field_sum;

static enum MHD_Result add_field(void *context, enum MHD_ValueKind kind, const char *name, size_t n_name,
                                 const char *value, size_t n_value) {
    field_sum *h = context;
    serve_request *r = &h->x->request;
    (void)kind;
    if (r->n_fields == SERVE_FIELDS_MAX || strlen(name) != n_name || !serve_is_utf8(name, n_name)) {
        h->x->is_bad_url = 1;
        return MHD_NO;
    }
    h->n_bytes += n_name + n_value + 2;
    r->field[r->n_fields++] = (serve_field){name, value, n_value};
    return MHD_YES;
}

/* A proxy that says for whom it asks, while everyone who asks from this machine may read. */
static void tell_of_proxy(serve_server *s, struct MHD_Connection *c) {
    static const char *const names[] = {"X-Forwarded-For", "Forwarded", "X-Real-IP"};
    if (s->options.reads != SERVE_READS_BY_ADDRESS || !s->reads_are_free || atomic_load(&s->is_told_of_proxy))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (MHD_lookup_connection_value(c, MHD_HEADER_KIND, names[i]) && !atomic_exchange(&s->is_told_of_proxy, 1))
            fprintf(stderr,
                    "adah: a request has the header %s: whoever a proxy asks for may read, because it asks from this machine; give --reads "
                    "token, or --reads free where that is meant\n",
                    names[i]);
}

static int check_origin(exchange *x, struct MHD_Connection *c, const char *host) {
    const serve_options *o = &x->http->server->options;
    return x->request.route->right == SERVE_FREE ||
           serve_is_own_page(o, host, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Origin"),
                             MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site")) ||
           serve_refuse(&x->request, 403, "foreign_page", NULL, "a page of another site asks; this server's own page is at /");
}

/* What can be told by the head alone. Returns 0 when it is refused. */
static int check_head(exchange *x, struct MHD_Connection *c, const char *method, const char *version) {
    serve_request *r = &x->request;
    serve_server *s = x->http->server;
    field_sum sum = {x, strlen(x->path)};
    serve_head head = {.method = method, .version = version, .target = x->target, .n_target = x->n_target,
                       .has_bad_target = x->has_bad_target};
    const char *fault = serve_check_head(c, &head);
    MHD_get_connection_values_n(c, MHD_GET_ARGUMENT_KIND, add_field, &sum);
    if (sum.n_bytes + head.n_bytes > HEAD_BYTES_MAX)
        return serve_refuse(r, 431, "headers_too_large", NULL,
                            "the URL and the headers have %zu bytes, expected at most %d", sum.n_bytes + head.n_bytes,
                            HEAD_BYTES_MAX);
    if (!fault && head.host && !serve_is_authority(head.host))
        fault = "Host is neither a name nor an address";
    if (fault) {
        x->is_last = 1;
        return serve_refuse(r, 400, "bad_head", NULL, "%s", fault);
    }
    if (x->is_bad_url)
        return serve_refuse(r, 400, "bad_url", NULL, "the URL is broken: bad %%-escapes, or too many parameters");
    if (head.host && !serve_is_own_host(&s->options, s->is_loopback, head.host))
        return serve_refuse(r, 421, "unknown_host", NULL,
                            "this server does not answer to the name %.200s; if it should, start it with --host %.200s", head.host,
                            head.host);
    tell_of_proxy(s, c);
    if (!serve_find_route(r, x->method, x->path) || !check_origin(x, c, head.host) ||
        !serve_check_right(r, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization")))
        return 0;
    r->content_type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type");
    r->accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept");
    r->repeat_key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key");
    r->if_none_match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
    return 1;
}

/* Every % of a URL is followed by two digits, which are not those of NUL in the path. */
static int is_good_url(const char *url) {
    static const char digits[] = "0123456789abcdefABCDEF";
    int in_path = 1;
    for (const char *p = url; *p; p++) {
        in_path = in_path && *p != '?';
        if (*p == '%' && (!p[1] || !strchr(digits, p[1]) || !p[2] || !strchr(digits, p[2]) ||
                          (in_path && p[1] == '0' && p[2] == '0')))
            return 0;
    }
    return 1;
}

static int refuse_body(exchange *x) {
    return serve_refuse(&x->request, 413, "too_large", NULL, "the body has more than %zu bytes",
                        x->http->server->options.body_bytes_max);
}

/* Returns 1 when an answer is to be sent at once. */
static int begin(exchange *x, struct MHD_Connection *c, const char *method, const char *version) {
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    const uint64_t n_max = x->http->server->options.body_bytes_max;
    uint64_t n = 0;
    int is_too_long = length && !serve_parse_number(length, 0, n_max, &n);
    x->n_body_bytes_max = length ? n : n_max;
    if (check_head(x, c, method, version) && is_too_long)
        refuse_body(x);
    /* Who waits to be let send, or would send for long, is told now. */
    is_too_long = length && !serve_parse_number(length, 0, DRAINED_MAX * n_max, &n);
    return x->request.answer.status &&
           (is_too_long || x->is_last || MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Expect"));
}

void serve_http_watch(serve_http *h) { serve_connections_watch(h->connections); }

/* ---------------------------------------------------------------- bodies */

/* Takes a piece of the body. Returns 0 when the connection is to end. */
static int receive(exchange *x, const char *piece, size_t n) {
    serve_request *r = &x->request;
    x->n_received += n;
    if (r->answer.status || !x->request.route || !x->request.route->takes_body)
        return 1;
    if (x->n_received > x->http->server->options.body_bytes_max)
        return refuse_body(x), 1;
    const serve_taking taken = serve_budget_receive(r->budget, &r->claim, piece, n, x->n_body_bytes_max, serve_slow_before(r));
    if (taken == SERVE_SHORT) {
        serve_budget_release(r->budget, &r->claim);
        serve_refuse_busy(r, "too many large requests at once");
    }
    return taken == SERVE_TAKEN || taken == SERVE_SHORT;
}

/* Under the budget's lock: others need the memory. */
static void end_for_others(void *context) {
    exchange *x = context;
    serve_connection_end_receiving(x->peer, x->http->connections);
}

/* ---------------------------------------------------------------- answers */

static enum MHD_Result send_answer(exchange *x, struct MHD_Connection *c) {
    serve_answer *a = &x->request.answer;
    struct MHD_Response *response = serve_response_create(a, x->is_last || atomic_load(&x->http->server->is_stopping));
    /* These first: the watch looks at them when it sees the phase. */
    atomic_store(&x->peer->n_sending, a->n_bytes);
    serve_connection_give_time(x->peer, x->http->connections);
    if (!response || !serve_connection_enter(x->peer, SERVE_SENDING)) {
        if (response)
            MHD_destroy_response(response);
        return MHD_NO;
    }
    x->n_sent = a->n_bytes;
    const enum MHD_Result queued = MHD_queue_response(c, a->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* ---------------------------------------------------------------- work */

/* Calls the handler, or what goes on with the request. Without an answer there is something that does. */
static void handle(exchange *x) {
    serve_request *r = &x->request;
    if (!x->state)
        x->state = serve_state_take(x->http->server->service);
    if (x->state || !x->request.route->needs_state) {
        const serve_handler now = r->next ? r->next : r->handler;
        if (now == r->handler)
            serve_request_begin(r);
        r->next = NULL;
        now(r, x->state);
    } else {
        serve_refuse(r, 503, "not_ready", NULL, "the server is loading");
        r->answer.retry_after = 1;
    }
}

/* An answer made of what another program has written over the index is none. */
static void check_answer(exchange *x) {
    serve_request *r = &x->request;
    if (!x->state || !x->request.route->needs_state || x->request.route->right == SERVE_WRITE || r->answer.status == 503 ||
        serve_state_check(x->state, NULL) == ADAH_OK)
        return;
    serve_request_take_back(r);
    serve_refuse(r, 503, "index_changed", NULL, "another program has changed the index file; it is being opened anew");
    r->answer.retry_after = 1;
}

/* The answer is there: nothing else is needed for it. */
static void end_work(exchange *x) {
    check_answer(x);
    serve_request_finish(&x->request);
    serve_state_drop(x->http->server->service, x->state);
    x->state = NULL;
    x->is_handled = 1;
}

/* Has the job go on in a lane. Returns 0 when it cannot: then the answer says so. */
static int go_on(exchange *x, serve_lane lane, int is_begun) {
    serve_request *r = &x->request;
    r->lane = lane;
    if (is_begun)
        serve_work_pass(x->http->work, lane, &x->job);
    else if (!serve_work_add(x->http->work, lane, &x->job))
        return serve_refuse_busy(r, "too much work is waiting");
    return 1;
}

/* In a thread of a lane. */
static void work(serve_job *job) {
    exchange *x = (exchange *)(void *)((char *)job - offsetof(exchange, job));
    serve_request *r = &x->request;
    if (atomic_load(&x->http->is_closing))
        serve_refuse_busy(r, "the server is stopping");
    else if (r->lane > SERVE_QUICK && serve_connection_is_gone(x->peer))
        serve_refuse_busy(r, "the client closed the connection before its turn came");
    else
        handle(x);
    if (!r->answer.status && go_on(x, r->next_lane, r->next != r->handler))
        return;
    end_work(x);
    MHD_resume_connection(x->suspended); /* the last: then x may be gone */
}

/* Returns 1 when the answer is there, 0 when the connection is suspended until it is. */
static int finish(exchange *x, struct MHD_Connection *c) {
    serve_request *r = &x->request;
    r->handler = x->request.route->handle;
    r->lane = x->request.route->lane;
    if (r->lane == SERVE_QUICK && r->claim.n_body_bytes > SERVE_UNCOUNTED_BYTES)
        r->lane = SERVE_PICTURES;
    if (r->lane == SERVE_AT_ONCE) {
        handle(x);
        end_work(x);
        return 1;
    }
    x->job.run = work;
    x->suspended = c;
    MHD_suspend_connection(c); /* first: the job may be done at once */
    if (!go_on(x, r->lane, 0)) {
        end_work(x);
        MHD_resume_connection(c);
    }
    return 0;
}

/* libmicrohttpd calls this for the head, for every piece of the body, and at the end. */
static enum MHD_Result take(void *context, struct MHD_Connection *c, const char *path, const char *method,
                            const char *version, const char *piece, size_t *n_piece, void **own) {
    exchange *x = *own;
    (void)context;
    if (!x)
        return MHD_NO;
    if (!x->has_begun) {
        x->has_begun = 1;
        snprintf(x->method, sizeof x->method, "%s", method);
        if (!(x->path = strdup(path)))
            return MHD_NO;
        return begin(x, c, method, version) ? send_answer(x, c) : MHD_YES;
    }
    if (*n_piece) {
        serve_connection_prolong(x->peer, x->http->connections, *n_piece);
        const int is_taken =
            receive(x, piece, *n_piece) && x->n_received <= DRAINED_MAX * x->http->server->options.body_bytes_max;
        *n_piece = 0;
        return is_taken ? MHD_YES : MHD_NO;
    }
    if (!x->is_handled) {
        if (!serve_budget_received(x->http->budget, &x->request.claim) || !serve_connection_enter(x->peer, SERVE_WORKING))
            return MHD_NO;
        if (!x->request.answer.status && !finish(x, c))
            return MHD_YES;
    }
    return send_answer(x, c);
}

/* ---------------------------------------------------------------- libmicrohttpd's events */

static void end_exchange(serve_http *h, exchange *x, int is_complete) {
    const double seconds = (double)(serve_nanoseconds() - x->begin) * 1e-9;
    const int is_late = atomic_load(&x->peer->phase) == SERVE_EXPIRED;
    const unsigned status = is_late && !x->n_sent      ? 408
                            : !is_complete             ? 499 /* the client went away */
                            : x->request.answer.status ? x->request.answer.status
                                                       : 400; /* libmicrohttpd refused it by itself */
    serve_metrics_count(h->server->metrics, x->request.route ? (size_t)(x->request.route - serve_routes) : serve_n_routes, status,
                        seconds);
    if (h->server->options.log != SERVE_LOG_NONE)
        serve_log_request(&(serve_logged){x->peer->client, x->method, x->path, status, x->n_sent, seconds * 1e3}, h->server->options.log);
    serve_request_clear(&x->request);
    atomic_store(&x->peer->is_first, 0);
    serve_connection_enter(x->peer, SERVE_IDLE);
    serve_connection_give_time(x->peer, h->connections);
    x->peer->exchange = NULL;
    free(x->path);
    free(x);
    atomic_fetch_sub(&h->n_requests, 1);
}

static void *begin_request(void *context, const char *url, struct MHD_Connection *c) {
    serve_http *h = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    serve_connection *peer = info ? info->socket_context : NULL;
    exchange *x = peer ? calloc(1, sizeof *x) : NULL;
    if (!x)
        return NULL;
    if (peer->exchange)
        end_exchange(h, peer->exchange, 1);
    peer->exchange = x;
    x->request.server = h->server;
    x->http = h;
    x->peer = peer;
    x->begin = serve_nanoseconds();
    x->target = url;
    x->n_target = strlen(url);
    x->has_bad_target = !serve_is_target(url);
    x->is_bad_url = !is_good_url(url);
    atomic_fetch_add(&h->n_requests, 1);
    x->request.budget = h->budget;
    x->request.claim = (serve_claim){.client = peer->network, .deadline = &peer->deadline, .end = end_for_others, .context = x};
    serve_connection_enter(peer, SERVE_RECEIVING);
    serve_connection_give_time(peer, h->connections);
    return x;
}

static void end_request(void *context, struct MHD_Connection *c, void **own, enum MHD_RequestTerminationCode why) {
    (void)c;
    if (*own)
        end_exchange(context, *own, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *own = NULL;
}

static void note_connection(void *context, struct MHD_Connection *c, void **own,
                            enum MHD_ConnectionNotificationCode what) {
    serve_http *h = context;
    serve_connection *peer = *own;
    const int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *own = serve_connection_open(h->connections, fd, MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    } else {
        if (peer && peer->exchange) /* libmicrohttpd does not tell the end of some requests that it refuses by itself */
            end_exchange(h, peer->exchange, 1);
        if (peer)
            serve_connection_close(peer, h->connections);
        serve_listener_release(h->listener, fd);
    }
    serve_metrics_connection(h->server->metrics, what == MHD_CONNECTION_NOTIFY_STARTED ? 1 : -1);
}

/* ---------------------------------------------------------------- start and stop */

/* A PEM file as text. */
static adah_code read_pem(const char *path, char **text, adah_status *status) {
    enum { PEM_BYTES_MAX = 1 << 20 };
    FILE *file = fopen(path, "re");
    char *all = file ? malloc(PEM_BYTES_MAX + 1) : NULL;
    const size_t n = all ? fread(all, 1, PEM_BYTES_MAX, file) : 0;
    const int is_bad = !all || ferror(file) || n == 0;
    if (file)
        fclose(file);
    if (is_bad) {
        free(all);
        return serve_fail(status, ADAH_ERROR_IO, "%.400s: cannot be read", path);
    }
    all[n] = '\0';
    *text = all;
    return ADAH_OK;
}

static int add_connection(void *context, int fd, const struct sockaddr *address, socklen_t n_bytes) {
    serve_http *h = context;
    return MHD_add_connection(h->daemon, fd, address, n_bytes) == MHD_YES;
}

static void end_idle(void *context) { serve_connections_end_idle(((serve_http *)context)->connections); }

static adah_code start_daemon(serve_http *h, char *certificate, char *key, adah_status *status) {
    const serve_options *o = &h->server->options;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    const unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
        MHD_ALLOW_SUSPEND_RESUME | (certificate ? MHD_USE_TLS : 0);
    /* The listener keeps the limit; a thread that is at its own would close what it is given without a word. One more:
     * that which is being closed counts there until it is. */
    const unsigned n_connections_max = (unsigned)o->n_threads * ((unsigned)o->n_connections_max + 1);
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, take, h, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)o->n_threads,
        MHD_OPTION_CONNECTION_LIMIT, n_connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, serve_head_strictness(),
        /* The watch ends what is late; this is for what it should miss. */
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(2 * o->timeout_seconds + 5), MHD_OPTION_NOTIFY_COMPLETED,
        end_request, h, MHD_OPTION_URI_LOG_CALLBACK, begin_request, h, MHD_OPTION_NOTIFY_CONNECTION, note_connection,
        h, MHD_OPTION_ARRAY, certificate ? tls : plain, MHD_OPTION_END);
    return h->daemon ? ADAH_OK
                     : serve_fail(status, ADAH_ERROR_INTERNAL, "the HTTP server cannot start%s",
                            certificate ? ": are the TLS certificate and its key good PEM files of a pair?" : "");
}

static void free_http(serve_http *h) {
    serve_connections_free(h->connections);
    serve_work_end(h->work);
    serve_budget_free(h->budget);
    free(h);
}

adah_code serve_http_start(serve_server *server, int listening, serve_http **http, adah_status *status) {
    char *certificate = NULL, *key = NULL;
    adah_code code = ADAH_OK;
    if (server->options.tls_certificate) {
        if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
            return serve_fail(status, ADAH_ERROR_ARGUMENT, "%s",
                        "--tls-cert: the libmicrohttpd of this machine was built without TLS");
        code = read_pem(server->options.tls_certificate, &certificate, status);
        if (code == ADAH_OK)
            code = read_pem(server->options.tls_key, &key, status);
    }
    serve_http *h = code == ADAH_OK ? calloc(1, sizeof *h) : NULL;
    if (h) {
        h->server = server;
        h->connections = serve_connections_create(server->options.timeout_seconds, certificate != NULL);
        h->budget = serve_budget_create(server->options.memory_bytes_max);
        code = h->connections && h->budget ? serve_work_start(server->options.n_threads, &h->work, status)
                         : serve_fail(status, ADAH_ERROR_MEMORY, "%s", "out of memory");
        if (code == ADAH_OK)
            code = start_daemon(h, certificate, key, status);
        if (code == ADAH_OK) {
            const serve_listener_options options = {server->options.n_connections_max, server->options.n_address_connections_max,
                                                    certificate != NULL, h, add_connection, end_idle};
            code = serve_listener_start(listening, &options, &h->listener, status);
            if (code != ADAH_OK)
                MHD_stop_daemon(h->daemon);
        }
        if (code != ADAH_OK)
            free_http(h);
        else
            *http = h;
    } else if (code == ADAH_OK) {
        code = serve_fail(status, ADAH_ERROR_MEMORY, "%s", "out of memory");
    }
    free(certificate);
    free(key);
    return code;
}

void serve_http_stop(serve_http *h, int seconds) {
    serve_listener_stop(h->listener);
    const uint64_t until = serve_nanoseconds() + (uint64_t)seconds * 900000000u;
    while (atomic_load(&h->n_requests) > 0 && serve_nanoseconds() < until) {
        usleep(5000);
        serve_http_watch(h);
    }
    atomic_store(&h->is_closing, 1); /* what waits for work is refused from now on; what is at work has the last tenth of the time */
    serve_work_finish(h->work);
    MHD_stop_daemon(h->daemon);
    serve_listener_free(h->listener);
    free_http(h);
}
