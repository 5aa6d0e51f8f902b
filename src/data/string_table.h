/* string_table.h - an arena for many small things, and a table that numbers distinct strings.
 *
 * A data set of a million records holds millions of short strings; they live packed in large blocks that never move,
 * so that pointers into them stay good until the whole is freed. */
#ifndef ADAH_DATA_STRING_TABLE_H
#define ADAH_DATA_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; nothing in it is freed alone. */
typedef struct adah_arena {
    struct adah_arena_block *block; /* the one being filled, then the full ones */
} adah_arena;

/* n_bytes at a multiple of `alignment` (a power of two, at most 16); NULL when memory is out. */
void *adah_arena_alloc(adah_arena *arena, size_t n_bytes, size_t alignment);
/* A NUL-terminated copy of n_bytes bytes. */
char *adah_arena_text(adah_arena *arena, const char *text, size_t n_bytes);
void adah_arena_free(adah_arena *arena); /* zeroes it; fine on a zeroed one */

#define ADAH_STRING_NONE UINT32_MAX

/* Distinct strings numbered 0, 1, ... in the order in which they were added. Zero-initialise. */
typedef struct adah_string_table {
    adah_arena arena;
    const char **text; /* [n], NUL-terminated */
    size_t n, capacity;
    uint32_t *slot; /* open addressing: the number of a string, or ADAH_STRING_NONE */
    size_t n_slots; /* 0 or a power of two, at least 2 n */
} adah_string_table;

/* The number of the string, added when new; ADAH_STRING_NONE when memory is out or the numbers are used up. */
uint32_t adah_string_table_add(adah_string_table *table, const char *text, size_t n_bytes);
/* Its number, or ADAH_STRING_NONE when it is not there. May be called by several threads at once. */
uint32_t adah_string_table_find(const adah_string_table *table, const char *text, size_t n_bytes);
void adah_string_table_free(adah_string_table *table); /* zeroes it */

#endif
