/* budget.c - see budget.h. Claims that have something of the budget are in a list, under one lock, which is held for the copying of a piece of
 * a large body, too: so that a body can be taken away at any time from a thread that is just receiving it. */
#include "budget.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct serve_budget {
    pthread_mutex_t lock;
    size_t n_bytes, n_bytes_max;
    serve_claim *first;
};

enum { FIRST_BYTES = 4096 /* of a body */ };

serve_budget *serve_budget_create(size_t n_bytes_max) {
    serve_budget *b = calloc(1, sizeof *b);
    if (b) {
        pthread_mutex_init(&b->lock, NULL);
        b->n_bytes_max = n_bytes_max;
    }
    return b;
}

void serve_budget_free(serve_budget *b) {
    if (b)
        pthread_mutex_destroy(&b->lock);
    free(b);
}

size_t serve_budget_used(serve_budget *b) {
    pthread_mutex_lock(&b->lock);
    const size_t n = b->n_bytes;
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* ---------------------------------------------------------------- under the lock */

static void give(serve_budget *b, serve_claim *c, size_t n_bytes) {
    b->n_bytes -= n_bytes;
    c->n_bytes -= n_bytes;
    if (c->n_bytes || !c->is_listed)
        return;
    *(c->before ? &c->before->after : &b->first) = c->after;
    if (c->after)
        c->after->before = c->before;
    c->is_listed = 0;
}

static void free_body(serve_claim *c) {
    free(c->body);
    c->body = NULL;
    c->n_body_bytes = c->body_capacity = 0;
}

/* What a body of that capacity has of the budget. */
static size_t price(size_t n_bytes) { return n_bytes > SERVE_UNCOUNTED_BYTES ? n_bytes : 0; }

/* Ends the slowest of those that are slower than `slow_before` and than who asks. Returns 0 when there is none. */
static int end_slowest(serve_budget *b, const serve_claim *asking, int of_the_same, uint64_t slow_before) {
    serve_claim *slowest = NULL;
    uint64_t least = asking->is_receiving && atomic_load(asking->deadline) < slow_before ? atomic_load(asking->deadline) : slow_before;
    for (serve_claim *c = b->first; c; c = c->after)
        if (c != asking && c->is_receiving && (!of_the_same || !strcmp(c->client, asking->client)) &&
            atomic_load(c->deadline) < least) {
            least = atomic_load(c->deadline);
            slowest = c;
        }
    if (!slowest)
        return 0;
    slowest->is_receiving = 0;
    slowest->is_ended = 1;
    slowest->end(slowest->context);
    give(b, slowest, price(slowest->body_capacity));
    free_body(slowest);
    return 1;
}

static size_t share_used(const serve_budget *b, const serve_claim *asking) {
    size_t n = 0;
    for (const serve_claim *c = b->first; c; c = c->after)
        if (!strcmp(c->client, asking->client))
            n += c->n_bytes;
    return n;
}

static int take(serve_budget *b, serve_claim *c, size_t n_bytes, uint64_t slow_before) {
    const size_t n_share = b->n_bytes_max / 2;
    if (n_bytes > n_share)
        return 0;
    while (share_used(b, c) > n_share - n_bytes)
        if (!end_slowest(b, c, 1, slow_before))
            return 0;
    while (b->n_bytes > b->n_bytes_max - n_bytes)
        if (!end_slowest(b, c, 0, slow_before))
            return 0;
    b->n_bytes += n_bytes;
    c->n_bytes += n_bytes;
    if (c->n_bytes && !c->is_listed) {
        c->before = NULL;
        c->after = b->first;
        if (c->after)
            c->after->before = c;
        b->first = c;
        c->is_listed = 1;
    }
    return 1;
}

/* Returns what hinders that the body has room for n_bytes more. */
static serve_taking make_room(serve_budget *b, serve_claim *c, size_t n_bytes, size_t n_bytes_max, uint64_t slow_before) {
    size_t capacity = c->body_capacity ? c->body_capacity : FIRST_BYTES;
    while (capacity - c->n_body_bytes < n_bytes)
        capacity *= 2;
    capacity = capacity < n_bytes_max ? capacity : n_bytes_max;
    const size_t n_more = price(capacity) - price(c->body_capacity);
    if (n_more && !take(b, c, n_more, slow_before))
        return SERVE_SHORT;
    uint8_t *larger = realloc(c->body, capacity);
    if (!larger) {
        give(b, c, n_more);
        return SERVE_NO_MEMORY;
    }
    c->body = larger;
    c->body_capacity = capacity;
    return SERVE_TAKEN;
}

static serve_taking receive(serve_budget *b, serve_claim *c, const void *piece, size_t n_bytes, size_t n_bytes_max, uint64_t slow_before) {
    if (c->is_ended)
        return SERVE_ENDED;
    c->is_receiving = 1;
    const serve_taking room =
        c->body_capacity - c->n_body_bytes < n_bytes ? make_room(b, c, n_bytes, n_bytes_max, slow_before) : SERVE_TAKEN;
    if (room == SERVE_TAKEN) {
        memcpy(c->body + c->n_body_bytes, piece, n_bytes);
        c->n_body_bytes += n_bytes;
    }
    return room;
}

/* ---------------------------------------------------------------- what others call */

serve_taking serve_budget_receive(serve_budget *b, serve_claim *c, const void *piece, size_t n_bytes, size_t n_bytes_max,
                                  uint64_t slow_before) {
    /* Small bodies are nobody else's business. */
    if (!c->is_large && c->n_body_bytes + n_bytes <= SERVE_UNCOUNTED_BYTES)
        return receive(b, c, piece, n_bytes, n_bytes_max, slow_before);
    c->is_large = 1;
    pthread_mutex_lock(&b->lock);
    const serve_taking taken = receive(b, c, piece, n_bytes, n_bytes_max, slow_before);
    pthread_mutex_unlock(&b->lock);
    return taken;
}

int serve_budget_received(serve_budget *b, serve_claim *c) {
    if (!c->is_large)
        return 1;
    pthread_mutex_lock(&b->lock);
    const int is_there = !c->is_ended;
    c->is_receiving = 0;
    pthread_mutex_unlock(&b->lock);
    return is_there;
}

int serve_budget_take(serve_budget *b, serve_claim *c, size_t n_bytes, uint64_t slow_before) {
    if (n_bytes <= SERVE_UNCOUNTED_BYTES)
        return 1;
    c->is_large = 1;
    pthread_mutex_lock(&b->lock);
    const int is_taken = take(b, c, n_bytes, slow_before);
    pthread_mutex_unlock(&b->lock);
    return is_taken;
}

void serve_budget_drop_body(serve_budget *b, serve_claim *c) {
    if (!c->is_large) {
        free_body(c);
        return;
    }
    pthread_mutex_lock(&b->lock);
    give(b, c, price(c->body_capacity));
    free_body(c);
    pthread_mutex_unlock(&b->lock);
}

void serve_budget_release(serve_budget *b, serve_claim *c) {
    if (!c->is_large) {
        free_body(c);
        return;
    }
    pthread_mutex_lock(&b->lock);
    give(b, c, c->n_bytes);
    free_body(c);
    pthread_mutex_unlock(&b->lock);
}
