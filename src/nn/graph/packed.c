/* packed.c - weights in another layout, made once for all graphs over the same parameter.
 *
 * A parameter's copies are a list with a count of users each, under one lock for all parameters: graphs are built and
 * freed seldom. The contents have a lock a copy, taken only while they are older than the parameter: the version they
 * were made from is written after them, so that who reads the current one may read them. A parameter does not change
 * while graphs over it run, so nobody reads what is packed anew. */
#include "nn/graph/packed.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

struct adah_packed {
    adah_parameter *parameter;
    const adah_engine *engine;
    void *layout;
    float *values;
    size_t n_users;               /* under lists_lock, as is next */
    atomic_uint_fast64_t version; /* of the parameter's value that values hold; 0: of none */
    pthread_mutex_t lock;         /* of packing */
    adah_packed *next;            /* of the parameter's */
};

static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;

static int is_laid_out(const adah_packed *c, const adah_engine *engine, const void *layout) {
    return c->engine == engine && (engine ? engine->layout_equal(c->layout, layout) : c->layout == layout);
}

static void free_copy(adah_packed *c) {
    if (c->engine && c->layout)
        c->engine->layout_free(c->layout);
    adah_memory_free(c->values);
    pthread_mutex_destroy(&c->lock);
    adah_memory_free(c);
}

static adah_packed *new_copy(adah_parameter *p, const adah_engine *engine, const void *layout, size_t n_floats) {
    adah_packed *c = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->parameter = p;
    c->engine = engine;
    c->layout = engine ? engine->layout_copy(layout) : (void *)(uintptr_t)layout;
    c->values = adah_memory_floats(n_floats);
    if (c->layout && c->values)
        return c;
    free_copy(c);
    return NULL;
}

adah_packed *adah_packed_acquire(adah_parameter *p, const adah_engine *engine, const void *layout, size_t n_floats) {
    pthread_mutex_lock(&lists_lock);
    adah_packed *c = p->packed;
    while (c && !is_laid_out(c, engine, layout))
        c = c->next;
    if (!c && (c = new_copy(p, engine, layout, n_floats))) {
        c->next = p->packed;
        p->packed = c;
    }
    if (c)
        c->n_users++;
    pthread_mutex_unlock(&lists_lock);
    return c;
}

void adah_packed_release(adah_packed *packed) {
    if (!packed)
        return;
    pthread_mutex_lock(&lists_lock);
    const int is_last = --packed->n_users == 0;
    adah_packed **at = &packed->parameter->packed;
    while (is_last && *at != packed)
        at = &(*at)->next;
    if (is_last)
        *at = packed->next;
    pthread_mutex_unlock(&lists_lock);
    if (is_last)
        free_copy(packed);
}

adah_code adah_packed_get(adah_packed *packed, adah_pack pack, void *context, const float **out,
                          adah_status *status) {
    const uint64_t wanted = packed->parameter->version;
    *out = packed->values;
    if (atomic_load_explicit(&packed->version, memory_order_acquire) == wanted)
        return ADAH_OK;
    pthread_mutex_lock(&packed->lock);
    adah_code code = ADAH_OK;
    if (atomic_load_explicit(&packed->version, memory_order_relaxed) != wanted) {
        code = pack(context, packed->values, status);
        if (code == ADAH_OK)
            atomic_store_explicit(&packed->version, wanted, memory_order_release);
    }
    pthread_mutex_unlock(&packed->lock);
    return code;
}

size_t adah_packed_count(const adah_parameter *p) {
    size_t n = 0;
    for (const adah_packed *c = p->packed; c; c = c->next)
        n++;
    return n;
}
