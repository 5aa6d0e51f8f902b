/* request.h - a request as the handlers see it, and the answer that they give. Nothing here knows of libmicrohttpd.
 */
#ifndef ADAH_SERVER_REQUEST_H
#define ADAH_SERVER_REQUEST_H

#include "budget.h"
#include "json_text.h"
#include "parameters.h"
#include "service.h"
#include "work.h"

#include <jansson.h>

enum { SERVE_FIELDS_MAX = 128 /* parameters, parts */ };

/* Of the URL, or a part of a form: UTF-8 and without NUL, both checked when it is used. */
typedef struct serve_field {
    const char *name, *value;
    size_t n_bytes;
} serve_field;

/* A body that is made as it leaves, so that it is never in memory as a whole. */
typedef struct serve_stream {
    /* Puts bytes from `offset` on into a buffer. Returns how many; 0: it cannot be gone on with. Of one thread at a time. */
    size_t (*write)(struct serve_stream *stream, uint64_t offset, char *bytes, size_t n_bytes_max);
    void (*free)(struct serve_stream *stream);
    size_t n_bytes; /* of memory that it takes meanwhile */
} serve_stream;

typedef struct serve_answer {
    unsigned status;          /* 0: none yet */
    const char *content_type; /* NULL: application/json */
    serve_text text;          /* the body, unless: */
    const uint8_t *bytes;     /* a body that lives as long as the process, or is freed by */
    void (*release)(void *);
    serve_stream *stream; /* a body of n_bytes that comes from there */
    size_t n_bytes;
    int is_file, fd;           /* 1: n_bytes of a file, closed afterwards */
    uint64_t offset;           /* of these in the file */
    const char *cache_control; /* NULL: no-store */
    const char *policy;        /* Content-Security-Policy; NULL: nothing is allowed */
    const char *allow;         /* with 405 */
    int retry_after;           /* seconds, with 503; 0: not told */
    char etag[96];             /* in quotes; "": none */
} serve_answer;

struct serve_server;
struct serve_request;
typedef void (*serve_handler)(struct serve_request *r, serve_state *state);

typedef struct serve_request {
    struct serve_server *server;
    const struct serve_route *route; /* NULL: none fits */
    serve_lane lane;    /* it is handled in, by: */
    serve_handler handler;
    serve_handler next; /* NULL, or what goes on with it in another lane: the answer comes from there */
    serve_lane next_lane;
    void *left; /* by one handler for the next */
    serve_budget *budget;
    serve_claim claim; /* the body, and what else the request has of the budget */
    const char *content_type, *accept, *if_none_match; /* headers; NULL: not there */
    const char *repeat_key;                            /* Idempotency-Key */
    char repeat_sum[33];                               /* with it: of what is asked (repeat.h); "": not yet */
    uint64_t item;                                     /* {id} of the path */
    const struct serve_file *file;                     /* {file} of the path */
    serve_field field[SERVE_FIELDS_MAX];               /* parameters of the URL */
    size_t n_fields;
    serve_query query;
    serve_answer answer;
    json_t *json; /* the body, when it was read as such */
    void **kept;  /* freed with the request */
    size_t n_kept;
} serve_request;

/* For work that does not belong into the lane where the request is handled: has `next` called in a later one, with all that was read so
 * far. Returns 0, and the handler returns without an answer. */
int serve_go_on(serve_request *r, serve_lane lane, serve_handler next);
/* 1: the request is in that lane, or a later one. Else 0, and its handler is called there anew. */
int serve_needs_lane(serve_request *r, serve_lane lane);

uint64_t serve_nanoseconds(void); /* of a clock that is never set */

/* Before the handler is called, at first or anew: nothing is asked or answered yet. */
void serve_request_begin(serve_request *r);
/* The time before which a body that is still coming should have a deadline, or it may be ended for another. */
uint64_t serve_slow_before(const serve_request *r);
/* Takes back an answer that was given, for another one. */
void serve_request_take_back(serve_request *r);
/* With the answer: frees all that it does not need, the body and what was made of it, and takes memory for it from the budget. */
void serve_request_finish(serve_request *r);
/* Frees what belongs to the request, not itself, and not what an answer that was sent took along. */
void serve_request_clear(serve_request *r);
/* p (by malloc) is freed with the request. Returns p; NULL when it is NULL or memory is out (then p is freed). */
void *serve_keep(serve_request *r, void *p);
/* Frees all but the first n_kept of it now. */
void serve_free_kept(serve_request *r, size_t n_kept);

/* Makes the answer an error; field may be NULL. Returns 0. */
int serve_refuse(serve_request *r, unsigned status, const char *code, const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int serve_refuse_memory(serve_request *r);
/* 503 and the header Retry-After. Returns 0. */
int serve_refuse_busy(serve_request *r, const char *message);
/* Memory that the request takes beside its body. Returns 0 and answers when too much is taken. */
int serve_take_memory(serve_request *r, size_t n_bytes);

#endif
