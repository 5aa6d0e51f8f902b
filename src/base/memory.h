/* memory.h - the only allocator the library calls, so that tests can make the n-th allocation fail.
 *
 * All of these return NULL when memory is out or when the size overflows; nothing is written to a status
 * here (the caller says what it wanted). Thread-safe. Free everything with adah_memory_free. */
#ifndef ADAH_BASE_MEMORY_H
#define ADAH_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *adah_memory_alloc(size_t n_bytes);                    /* uninitialised; n_bytes 0 gives a valid pointer */
void *adah_memory_zeroed(size_t count, size_t item_bytes);  /* zeroed; checks count * item_bytes */
void *adah_memory_resize(void *p, size_t count, size_t item_bytes); /* as realloc; p stays valid on NULL */
float *adah_memory_floats(size_t count);                    /* zeroed, aligned to 64 bytes; never resize it */
char *adah_memory_text(const char *text);                   /* a copy of a NUL-terminated string */
char *adah_memory_text_n(const char *text, size_t n_bytes); /* a NUL-terminated copy of n_bytes bytes */
void adah_memory_free(void *p);                             /* NULL is fine */

/* Tests only: the n-th allocation from now (1 = the next) and no other fails; 0 turns this off.
 * adah_memory_fault_fired tells whether it has failed since. */
void adah_memory_fault_at(uint64_t n);
int adah_memory_fault_fired(void);

/* A growing array: makes room for one more item behind n items of item_bytes each.
 * *items and *capacity are updated together. Returns 0 when memory is out (nothing changed). */
int adah_memory_grow(void **items, size_t *capacity, size_t n, size_t item_bytes);

#endif
