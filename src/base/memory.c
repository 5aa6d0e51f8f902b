/* memory.c - malloc with overflow checks and a switch that makes one chosen allocation fail. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t fault_countdown; /* 0: off */
static atomic_int fault_fired;

static int must_fail(void) {
    if (atomic_load_explicit(&fault_countdown, memory_order_relaxed) == 0)
        return 0;
    if (atomic_fetch_sub(&fault_countdown, 1) != 1)
        return 0;
    atomic_store(&fault_fired, 1);
    return 1;
}

void adah_memory_fault_at(uint64_t n) {
    atomic_store(&fault_fired, 0);
    atomic_store(&fault_countdown, n);
}

int adah_memory_fault_fired(void) { return atomic_load(&fault_fired); }

void *adah_memory_alloc(size_t n_bytes) { return must_fail() ? NULL : malloc(n_bytes ? n_bytes : 1); }

void *adah_memory_zeroed(size_t count, size_t item_bytes) {
    return must_fail() ? NULL : calloc(count ? count : 1, item_bytes ? item_bytes : 1);
}

void *adah_memory_resize(void *p, size_t count, size_t item_bytes) {
    size_t n_bytes;
    if (__builtin_mul_overflow(count, item_bytes, &n_bytes) || must_fail())
        return NULL;
    return realloc(p, n_bytes ? n_bytes : 1);
}

float *adah_memory_floats(size_t count) {
    size_t n_bytes;
    if (__builtin_mul_overflow(count, sizeof(float), &n_bytes) || n_bytes > SIZE_MAX - 64 || must_fail())
        return NULL;
    n_bytes = n_bytes ? (n_bytes + 63) / 64 * 64 : 64;
    float *p = aligned_alloc(64, n_bytes);
    if (p)
        memset(p, 0, n_bytes);
    return p;
}

char *adah_memory_text_n(const char *text, size_t n_bytes) {
    if (n_bytes == SIZE_MAX)
        return NULL;
    char *copy = adah_memory_alloc(n_bytes + 1);
    if (copy) {
        if (n_bytes)
            memcpy(copy, text, n_bytes);
        copy[n_bytes] = '\0';
    }
    return copy;
}

char *adah_memory_text(const char *text) { return adah_memory_text_n(text, strlen(text)); }

void adah_memory_free(void *p) { free(p); }

int adah_memory_grow(void **items, size_t *capacity, size_t n, size_t item_bytes) {
    if (n < *capacity)
        return 1;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *p = adah_memory_resize(*items, wanted, item_bytes);
    if (!p)
        return 0;
    *items = p;
    *capacity = wanted;
    return 1;
}
