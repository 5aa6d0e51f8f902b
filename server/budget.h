/* budget.h - the memory of requests: bodies while they come and while they are worked on, what is read out of them, and answers until they
 * have left.
 *
 * What is small is never asked for: a connection has one request at a time, so that small ones are bounded by the connections, and large ones
 * cannot shut them out. What is larger comes out of one budget, of which a client (an address) has at most half. When it is short, those
 * that send slowest are ended in favour of who asks: their memory is free at once. */
#ifndef ADAH_SERVER_BUDGET_H
#define ADAH_SERVER_BUDGET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVE_UNCOUNTED_BYTES = 64 << 10 /* of a body, an answer: what is small */ };

typedef struct serve_budget serve_budget;

/* What one request has of it. Zeroed at first; client, deadline, end and context are set before it is used. */
typedef struct serve_claim {
    const char *client;             /* names that are equal have a share together */
    atomic_uint_least64_t *deadline; /* until when more of the body must have come, nanoseconds: early for who is slow */
    void (*end)(void *context);     /* called when the body is taken away, under the budget's lock: closes the connection */
    void *context;
    uint8_t *body;
    size_t n_body_bytes, body_capacity;
    size_t n_bytes; /* of the budget */
    int is_large; /* others may look at it: all below is under the lock */
    int is_receiving, is_ended, is_listed;
    struct serve_claim *before, *after;
} serve_claim;

typedef enum serve_taking {
    SERVE_TAKEN,
    SERVE_SHORT,    /* others have it: try again later */
    SERVE_ENDED,    /* the body was taken away meanwhile */
    SERVE_NO_MEMORY /* of the machine */
} serve_taking;

serve_budget *serve_budget_create(size_t n_bytes_max); /* NULL: memory */
void serve_budget_free(serve_budget *budget);          /* when no claim has anything of it; NULL is fine */
size_t serve_budget_used(serve_budget *budget);

/* Adds a piece to the body, which grows to n_bytes_max at most. `slow_before`: whose deadline is earlier may be ended for it. */
serve_taking serve_budget_receive(serve_budget *budget, serve_claim *claim, const void *piece, size_t n_bytes, size_t n_bytes_max,
                                  uint64_t slow_before);
/* The body has come. Returns 0 when it was taken away; else it is not from now on. */
int serve_budget_received(serve_budget *budget, serve_claim *claim);
/* As many bytes more, for what is made of the request. Returns 0 when they are not there. */
int serve_budget_take(serve_budget *budget, serve_claim *claim, size_t n_bytes, uint64_t slow_before);
/* Frees the body; what was taken beside it is kept. */
void serve_budget_drop_body(serve_budget *budget, serve_claim *claim);
/* Frees the body and gives all back. */
void serve_budget_release(serve_budget *budget, serve_claim *claim);

#endif
