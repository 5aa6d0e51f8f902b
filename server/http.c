/* http.c - see http.h. libmicrohttpd's threads poll, read and send; what takes work is done by those of work.h meanwhile.
 *
 * A request passes begin (route, token, limits, as soon as its head is there), receive (pieces of the body) and
 * finish (the handler). What is refused at its head is answered when its body has passed by unread, so that a client
 * which is still sending gets to see it.
 *
 * While a request is in a lane of work, its connection is suspended: libmicrohttpd does not look at it, and nothing but the job touches
 * the exchange. At the end the job resumes the connection, and libmicrohttpd's thread calls once more, for the answer.
 *
 * libmicrohttpd ends connections that are silent, not those that are merely slow. So every connection has a phase and
 * a time by which the phase must be over, and serve_http_watch shuts down those that are late. */
#define _GNU_SOURCE
#include "http.h"
#include "failure.h"
#include "check_head.h"
#include "listen.h"
#include "origin.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BYTES_PER_SECOND = 16 << 10, /* what a body or an answer may take longer for */
    HEAD_BYTES_MAX = 16 << 10,   /* URL and headers */
    CONNECTION_BYTES = 64 << 10, /* libmicrohttpd's own limit, beyond which its answer is no JSON */
    STREAM_BYTES = 32 << 10,     /* of an answer that is made piece by piece */
    DRAINED_MAX = 4              /* bodies of the greatest size that a refused one may measure */
};

typedef enum phase { IDLE, RECEIVING, WORKING, SENDING, EXPIRED } phase;

typedef struct connection {
    int fd;
    atomic_int is_first; /* nothing has been answered on it yet */
    atomic_int phase;
    atomic_uint_least64_t deadline; /* nanoseconds */
    atomic_uint_least64_t n_sending; /* bytes of the answer that is leaving */
    uint64_t n_acknowledged;         /* by the other side, when the watch last looked */
    struct connection *before, *after;
    struct exchange *exchange; /* the request at work; NULL: none */
    char client[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN]; /* network: has a share of the memory together */
} connection;

struct serve_http {
    serve_server *server;
    struct MHD_Daemon *daemon;
    serve_listener *listener;
    pthread_mutex_t lock; /* of the list */
    connection *first;
    serve_work *work;
    atomic_int is_closing;      /* what waits for work is refused */
    serve_budget *budget;
    atomic_int n_requests; /* begun and not completed */
};

/* A request with what only HTTP needs. */
typedef struct exchange {
    serve_request request; /* first */
    serve_http *http;
    connection *peer;
    const serve_route *route; /* NULL: none fits */
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

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- routes */

const serve_route serve_routes[] = {
    {"GET", "/", SERVE_FREE, 0, serve_handle_page, SERVE_AT_ONCE, 0},
    {"GET", "/app.js", SERVE_FREE, 0, serve_handle_script, SERVE_AT_ONCE, 0},
    {"GET", "/app.css", SERVE_FREE, 0, serve_handle_style, SERVE_AT_ONCE, 0},
    {"GET", "/favicon.svg", SERVE_FREE, 0, serve_handle_icon, SERVE_AT_ONCE, 0},
    {"GET", "/openapi.json", SERVE_READ, 0, serve_handle_openapi, SERVE_AT_ONCE, 0},
    {"GET", "/healthz", SERVE_FREE, 0, serve_handle_health, SERVE_AT_ONCE, 0},
    {"GET", "/readyz", SERVE_FREE, 0, serve_handle_ready, SERVE_AT_ONCE, 0},
    {"GET", "/metrics", SERVE_READ, 0, serve_handle_metrics, SERVE_AT_ONCE, 0},
    {"GET", "/v1/info", SERVE_READ, 0, serve_handle_info, SERVE_QUICK, 1},
    {"GET", "/v1/search", SERVE_READ, 0, serve_handle_search, SERVE_QUICK, 1},
    {"POST", "/v1/search", SERVE_READ, 1, serve_handle_search_body, SERVE_QUICK, 1},
    {"POST", "/v1/tags", SERVE_READ, 1, serve_handle_tags, SERVE_QUICK, 1},
    {"POST", "/v1/encode", SERVE_READ, 1, serve_handle_encode, SERVE_QUICK, 1},
    {"POST", "/v1/attention", SERVE_READ, 1, serve_handle_attention, SERVE_QUICK, 1},
    {"GET", "/v1/items/{id}", SERVE_READ, 0, serve_handle_item, SERVE_QUICK, 1},
    {"GET", "/v1/items/{id}/picture", SERVE_READ, 0, serve_handle_picture, SERVE_SHOWN, 1},
    {"GET", "/v1/items/{id}/thumbnail", SERVE_READ, 0, serve_handle_thumbnail, SERVE_SHOWN, 1},
    {"POST", "/v1/items", SERVE_WRITE, 1, serve_handle_add, SERVE_QUICK, 1},
    {"DELETE", "/v1/items/{id}", SERVE_WRITE, 0, serve_handle_delete, SERVE_CHANGES, 1},
    {"POST", "/v1/reload", SERVE_WRITE, 0, serve_handle_reload, SERVE_CHANGES, 0},
};
const size_t serve_n_routes = sizeof serve_routes / sizeof *serve_routes;

/* 1: the path is that of the route; a number in it goes to *item. */
static int fits(const serve_route *route, const char *path, uint64_t *item) {
    const char *hole = strstr(route->path, "{id}");
    if (!hole)
        return !strcmp(path, route->path);
    const size_t n_before = (size_t)(hole - route->path);
    char number[24];
    if (strncmp(path, route->path, n_before))
        return 0;
    const size_t n = strspn(path + n_before, "0123456789");
    if (n == 0 || n >= sizeof number || strcmp(path + n_before + n, hole + 4))
        return 0;
    memcpy(number, path + n_before, n);
    number[n] = '\0';
    return serve_parse_number(number, 0, UINT64_MAX - 1, item);
}

/* The method of the route, GET for HEAD. */
static int has_method(const serve_route *route, const char *method) {
    return !strcmp(route->method, method) || (!strcmp(method, "HEAD") && !strcmp(route->method, "GET"));
}

static int find_route(exchange *x) {
    static const char *const allow[] = {"",       "GET, HEAD",         "POST",         "GET, HEAD, POST",
                                        "DELETE", "GET, HEAD, DELETE", "DELETE, POST", "GET, HEAD, DELETE, POST"};
    unsigned methods = 0;
    for (size_t i = 0; i < serve_n_routes; i++)
        if (fits(&serve_routes[i], x->path, &x->request.item)) {
            if (has_method(&serve_routes[i], x->method)) {
                x->route = &serve_routes[i];
                return 1;
            }
            methods |= serve_routes[i].method[0] == 'G' ? 1 : serve_routes[i].method[0] == 'P' ? 2 : 4;
        }
    if (!methods)
        return serve_refuse(&x->request, 404, "not_found", NULL, "there is nothing at %.200s", x->path);
    x->request.answer.allow = allow[methods];
    return serve_refuse(&x->request, 405, "method_not_allowed", NULL, "%s does not go with %.200s, expected %s",
                        x->method, x->path, allow[methods]);
}

/* ---------------------------------------------------------------- tokens */

/* Takes as long for any wrong token of the same length. */
static int is_token(const char *given, const char *wanted) {
    const size_t n_given = strlen(given), n_wanted = strlen(wanted);
    volatile unsigned char difference = n_given != n_wanted;
    for (size_t i = 0; i < n_given; i++)
        difference |= (unsigned char)(given[i] ^ wanted[i % n_wanted]);
    return !difference;
}

static int check_right(exchange *x, struct MHD_Connection *c) {
    static const char scheme[] = "Bearer ";
    const serve_server *s = x->http->server;
    const serve_right right = x->route->right;
    if (right == SERVE_FREE || (right == SERVE_READ && s->reads_are_free))
        return 1;
    if (!s->options.token)
        return serve_refuse(&x->request, 403, "forbidden", NULL,
                            "this server was started without a token, and takes no changes");
    const char *given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    if (!given || strncasecmp(given, scheme, sizeof scheme - 1))
        return serve_refuse(&x->request, 401, "no_token", NULL, "this takes the header Authorization: Bearer TOKEN");
    return is_token(given + sizeof scheme - 1, s->options.token) ||
           serve_refuse(&x->request, 401, "wrong_token", NULL, "the token is not that of this server");
}

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
    return x->route->right == SERVE_FREE ||
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
                            "this server is not asked by the name %.200s; where it should be, start it with --host %.200s", head.host,
                            head.host);
    tell_of_proxy(s, c);
    if (!find_route(x) || !check_origin(x, c, head.host) || !check_right(x, c))
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

/* ---------------------------------------------------------------- phases */

static uint64_t full_deadline(const serve_http *h) {
    return nanoseconds() + (uint64_t)h->server->options.timeout_seconds * 1000000000u;
}

static void set_deadline(connection *c, const serve_http *h) { atomic_store(&c->deadline, full_deadline(h)); }

/* Bytes that have come or left give time, but none beyond what there was at first: who stops is late soon, however fast it was before. */
static void prolong(connection *c, const serve_http *h, uint64_t n_bytes) {
    const uint64_t next = atomic_load(&c->deadline) + n_bytes * (1000000000u / BYTES_PER_SECOND), most = full_deadline(h);
    atomic_store(&c->deadline, next < most ? next : most);
}

/* What the other side has taken of an answer gives time, too. Returns 0 when that does not suffice. */
static int is_taking(connection *c, const serve_http *h) {
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_bytes_acked) {
        prolong(c, h, info.tcpi_bytes_acked - c->n_acknowledged);
        c->n_acknowledged = info.tcpi_bytes_acked;
    } else { /* a system that does not tell: as much as the answer may take */
        atomic_fetch_add(&c->deadline, atomic_exchange(&c->n_sending, 0) * (1000000000u / BYTES_PER_SECOND));
    }
    return nanoseconds() <= atomic_load(&c->deadline);
}

/* 1: the client has done its part, and a busy server has not come to it yet: to read what waits, to send more. */
static int waits_for_us(const connection *c, phase now) {
    int n = 0;
    return now == SENDING ? ioctl(c->fd, SIOCOUTQ, &n) == 0 && n == 0 : ioctl(c->fd, FIONREAD, &n) == 0 && n > 0;
}

static int is_late(connection *c, const serve_http *h, phase now) {
    const uint64_t since = atomic_load(&c->deadline), time = nanoseconds();
    if (now == WORKING || now == EXPIRED || time <= since || (now == SENDING && is_taking(c, h)))
        return 0;
    return !waits_for_us(c, now) || time > since + (uint64_t)h->server->options.timeout_seconds * 1000000000u;
}

/* 0: the watch has ended this connection already. */
static int enter(connection *c, phase next) {
    int now = atomic_load(&c->phase);
    while (now != EXPIRED && !atomic_compare_exchange_weak(&c->phase, &now, (int)next)) {
    }
    return now != EXPIRED;
}

static void end_late(connection *c, phase was, int is_tls) {
    static const char body[] =
        "{\"error\": {\"code\": \"too_slow\", \"message\": \"the request took too long to arrive\"}}\n";
    char answer[512];
    if (!is_tls && (was == RECEIVING || (was == IDLE && atomic_load(&c->is_first)))) {
        const int n =
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
                     "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Length: %zu\r\n\r\n%s",
                     sizeof body - 1, body);
        if (send(c->fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            return (void)shutdown(c->fd, SHUT_RDWR);
    }
    shutdown(c->fd, SHUT_RDWR);
}

void serve_http_watch(serve_http *h) {
    pthread_mutex_lock(&h->lock);
    for (connection *c = h->first; c; c = c->after) {
        int was = atomic_load(&c->phase);
        if (is_late(c, h, (phase)was) && atomic_compare_exchange_strong(&c->phase, &was, (int)EXPIRED))
            end_late(c, (phase)was, h->server->options.tls_certificate != NULL);
    }
    pthread_mutex_unlock(&h->lock);
}

/* ---------------------------------------------------------------- bodies */

/* Takes a piece of the body. Returns 0 when the connection is to end. */
static int receive(exchange *x, const char *piece, size_t n) {
    serve_request *r = &x->request;
    x->n_received += n;
    if (r->answer.status || !x->route || !x->route->takes_body)
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
    int was = RECEIVING;
    if (atomic_compare_exchange_strong(&x->peer->phase, &was, EXPIRED))
        end_late(x->peer, RECEIVING, x->http->server->options.tls_certificate != NULL);
}

/* ---------------------------------------------------------------- answers */

static ssize_t read_stream(void *context, uint64_t offset, char *bytes, size_t n_bytes_max) {
    serve_stream *stream = context;
    const size_t n = stream->write(stream, offset, bytes, n_bytes_max);
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_stream(void *context) {
    serve_stream *stream = context;
    stream->free(stream);
}

/* The response has what was the answer's from then on. */
static struct MHD_Response *make_response(serve_answer *a) {
    struct MHD_Response *response;
    if (a->is_file) {
        response = MHD_create_response_from_fd64(a->n_bytes, a->fd);
        a->is_file = !response;
    } else if (a->stream) {
        response = MHD_create_response_from_callback(a->n_bytes, STREAM_BYTES, read_stream, a->stream, free_stream);
        a->stream = response ? NULL : a->stream;
    } else if (a->bytes && a->release) {
        response =
            MHD_create_response_from_buffer_with_free_callback(a->n_bytes, (void *)(uintptr_t)a->bytes, a->release);
        a->bytes = response ? NULL : a->bytes;
    } else if (a->bytes) {
        response = MHD_create_response_from_buffer(a->n_bytes, (void *)(uintptr_t)a->bytes, MHD_RESPMEM_PERSISTENT);
    } else {
        a->n_bytes = a->text.n_bytes;
        response = MHD_create_response_from_buffer(a->text.n_bytes, a->text.bytes, MHD_RESPMEM_MUST_FREE);
        if (response)
            a->text = (serve_text){0};
    }
    return response;
}

static void add_headers(struct MHD_Response *response, const serve_answer *a, int is_last) {
    const int is_plain = !a->content_type;
    if (a->status != 304)
        MHD_add_response_header(response, "Content-Type", is_plain ? "application/json" : a->content_type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Content-Security-Policy",
                            a->policy ? a->policy : "default-src 'none'; frame-ancestors 'none'; sandbox");
    MHD_add_response_header(response, "Cache-Control", a->cache_control ? a->cache_control : "no-store");
    if (a->etag[0])
        MHD_add_response_header(response, "ETag", a->etag);
    if (a->allow)
        MHD_add_response_header(response, "Allow", a->allow);
    if (a->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (a->status == 503 && a->retry_after)
        MHD_add_response_header(response, "Retry-After", "1");
    if (is_last)
        MHD_add_response_header(response, "Connection", "close");
}

static enum MHD_Result send_answer(exchange *x, struct MHD_Connection *c) {
    serve_answer *a = &x->request.answer;
    struct MHD_Response *response = make_response(a);
    /* These first: the watch looks at them when it sees the phase. */
    atomic_store(&x->peer->n_sending, a->n_bytes);
    set_deadline(x->peer, x->http);
    if (!response || !enter(x->peer, SENDING)) {
        if (response)
            MHD_destroy_response(response);
        return MHD_NO;
    }
    x->n_sent = a->n_bytes;
    add_headers(response, a, x->is_last || atomic_load(&x->http->server->is_stopping));
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
    if (x->state || !x->route->needs_state) {
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
    if (!x->state || !x->route->needs_state || x->route->right == SERVE_WRITE || r->answer.status == 503 ||
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

/* Nobody waits for the answer any more. Who has only closed its half of the connection might, but cannot be told from who has gone. */
static int is_gone(const connection *c) {
    struct pollfd end = {c->fd, POLLRDHUP, 0};
    return poll(&end, 1, 0) > 0 && end.revents;
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
    else if (r->lane > SERVE_QUICK && is_gone(x->peer))
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
    r->handler = x->route->handle;
    r->lane = x->route->lane;
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
        prolong(x->peer, x->http, *n_piece);
        const int is_taken =
            receive(x, piece, *n_piece) && x->n_received <= DRAINED_MAX * x->http->server->options.body_bytes_max;
        *n_piece = 0;
        return is_taken ? MHD_YES : MHD_NO;
    }
    if (!x->is_handled) {
        if (!serve_budget_received(x->http->budget, &x->request.claim) || !enter(x->peer, WORKING))
            return MHD_NO;
        if (!x->request.answer.status && !finish(x, c))
            return MHD_YES;
    }
    return send_answer(x, c);
}

/* ---------------------------------------------------------------- the log */

/* Signs of ASCII as they are, all else by its bytes: what is in UTF-8 may be a terminal's commands, too. */
static void add_visible(serve_text *t, const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '%')
            serve_text_format(t, "%%%02X", *p);
        else
            serve_text_bytes(t, p, 1);
}

static void write_log(const exchange *x, unsigned status, double ms) {
    struct timespec now;
    struct tm day;
    char time[40];
    serve_text t = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    const size_t n = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &day);
    snprintf(time + n, sizeof time - n, ".%03ldZ", now.tv_nsec / 1000000);
    if (x->http->server->options.log == SERVE_LOG_JSON) {
        serve_text_format(&t, "{\"time\": \"%s\", \"client\": \"%s\", \"method\": ", time, x->peer->client);
        serve_text_string(&t, x->method);
        serve_text_plain(&t, ", \"path\": ");
        serve_text_string(&t, x->path ? x->path : "");
        serve_text_format(&t, ", \"status\": %u, \"bytes\": %" PRIu64 ", \"ms\": %.3f}\n", status, x->n_sent, ms);
    } else {
        serve_text_format(&t, "%s %s ", time, x->peer->client);
        add_visible(&t, x->method[0] ? x->method : "-");
        serve_text_plain(&t, " ");
        add_visible(&t, x->path ? x->path : "-");
        serve_text_format(&t, " %u %" PRIu64 " %.3f\n", status, x->n_sent, ms);
    }
    if (!t.failed)
        fwrite(t.bytes, 1, t.n_bytes, stderr); /* unbuffered: one write a line */
    serve_text_free(&t);
}

/* ---------------------------------------------------------------- libmicrohttpd's events */

static void end_exchange(serve_http *h, exchange *x, int is_complete) {
    const double seconds = (double)(nanoseconds() - x->begin) * 1e-9;
    const int is_late = atomic_load(&x->peer->phase) == EXPIRED;
    const unsigned status = is_late && !x->n_sent      ? 408
                            : !is_complete             ? 499 /* the client went away */
                            : x->request.answer.status ? x->request.answer.status
                                                       : 400; /* libmicrohttpd refused it by itself */
    serve_metrics_count(h->server->metrics, x->route ? (size_t)(x->route - serve_routes) : serve_n_routes, status,
                        seconds);
    if (h->server->options.log != SERVE_LOG_NONE)
        write_log(x, status, seconds * 1e3);
    serve_request_clear(&x->request);
    atomic_store(&x->peer->is_first, 0);
    enter(x->peer, IDLE);
    set_deadline(x->peer, h);
    x->peer->exchange = NULL;
    free(x->path);
    free(x);
    atomic_fetch_sub(&h->n_requests, 1);
}

static void *begin_request(void *context, const char *url, struct MHD_Connection *c) {
    serve_http *h = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    connection *peer = info ? info->socket_context : NULL;
    exchange *x = peer ? calloc(1, sizeof *x) : NULL;
    if (!x)
        return NULL;
    if (peer->exchange)
        end_exchange(h, peer->exchange, 1);
    peer->exchange = x;
    x->request.server = h->server;
    x->http = h;
    x->peer = peer;
    x->begin = nanoseconds();
    x->target = url;
    x->n_target = strlen(url);
    x->has_bad_target = !serve_is_target(url);
    x->is_bad_url = !is_good_url(url);
    atomic_fetch_add(&h->n_requests, 1);
    x->request.budget = h->budget;
    x->request.claim = (serve_claim){.client = peer->network, .deadline = &peer->deadline, .end = end_for_others, .context = x};
    enter(peer, RECEIVING);
    set_deadline(peer, h);
    return x;
}

static void end_request(void *context, struct MHD_Connection *c, void **own, enum MHD_RequestTerminationCode why) {
    (void)c;
    if (*own)
        end_exchange(context, *own, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *own = NULL;
}

static void name_client(const struct sockaddr *address, char *name, size_t n) {
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (!inet_ntop(address->sa_family, bytes, name, (socklen_t)n))
        snprintf(name, n, "-");
}

/* What one client may choose addresses from: 64 bits of those of IPv6. */
static void name_network(const struct sockaddr *address, char *name, size_t n) {
    struct sockaddr_in6 masked;
    if (address->sa_family != AF_INET6 ||
        IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr)) {
        name_client(address, name, n);
        return;
    }
    memcpy(&masked, address, sizeof masked);
    memset(masked.sin6_addr.s6_addr + 8, 0, 8);
    name_client((const struct sockaddr *)(const void *)&masked, name, n);
}

static void open_connection(serve_http *h, struct MHD_Connection *c, void **own) {
    connection *peer = calloc(1, sizeof *peer);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!peer)
        return;
    peer->fd = fd->connect_fd;
    atomic_store(&peer->is_first, 1);
    name_client(address->client_addr, peer->client, sizeof peer->client);
    name_network(address->client_addr, peer->network, sizeof peer->network);
    set_deadline(peer, h);
    pthread_mutex_lock(&h->lock);
    peer->after = h->first;
    if (peer->after)
        peer->after->before = peer;
    h->first = peer;
    pthread_mutex_unlock(&h->lock);
    *own = peer;
}

static void close_connection(serve_http *h, connection *peer) {
    if (peer->exchange) /* libmicrohttpd does not tell the end of some requests that it refuses by itself */
        end_exchange(h, peer->exchange, 1);
    pthread_mutex_lock(&h->lock);
    *(peer->before ? &peer->before->after : &h->first) = peer->after;
    if (peer->after)
        peer->after->before = peer->before;
    pthread_mutex_unlock(&h->lock);
    free(peer);
}

static void note_connection(void *context, struct MHD_Connection *c, void **own,
                            enum MHD_ConnectionNotificationCode what) {
    serve_http *h = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        open_connection(h, c, own);
    else {
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (*own)
            close_connection(h, *own);
        serve_listener_release(h->listener, fd->connect_fd);
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

/* Ends the connection on which nothing has been asked for the longest time. */
static void end_idle(void *context) {
    serve_http *h = context;
    connection *idle = NULL;
    int was = IDLE;
    pthread_mutex_lock(&h->lock);
    for (connection *c = h->first; c; c = c->after)
        if (atomic_load(&c->phase) == IDLE && (!idle || atomic_load(&c->deadline) < atomic_load(&idle->deadline)))
            idle = c;
    if (idle && atomic_compare_exchange_strong(&idle->phase, &was, (int)EXPIRED))
        shutdown(idle->fd, SHUT_RDWR);
    pthread_mutex_unlock(&h->lock);
}

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
    pthread_mutex_destroy(&h->lock);
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
        pthread_mutex_init(&h->lock, NULL);
        h->budget = serve_budget_create(server->options.memory_bytes_max);
        code = h->budget ? serve_work_start(server->options.n_threads, &h->work, status)
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
    const uint64_t until = nanoseconds() + (uint64_t)seconds * 900000000u;
    while (atomic_load(&h->n_requests) > 0 && nanoseconds() < until) {
        usleep(5000);
        serve_http_watch(h);
    }
    atomic_store(&h->is_closing, 1); /* what waits for work is refused from now on; what is at work has the last tenth of the time */
    serve_work_finish(h->work);
    MHD_stop_daemon(h->daemon);
    serve_listener_free(h->listener);
    free_http(h);
}
