/* string_table.c - blocks of 256 KiB filled from the front; a hash table with linear probing over XXH3. */
#include "data/string_table.h"
#include "base/memory.h"

#include <string.h>
#include <xxhash.h>

enum { BLOCK_BYTES = 1 << 18 };

struct adah_arena_block {
    struct adah_arena_block *next;
    size_t n_used, n_bytes;
    _Alignas(16) uint8_t bytes[];
};

void *adah_arena_alloc(adah_arena *arena, size_t n_bytes, size_t alignment) {
    struct adah_arena_block *block = arena->block;
    size_t start = block ? (block->n_used + alignment - 1) / alignment * alignment : 0;
    if (!block || start > block->n_bytes || block->n_bytes - start < n_bytes) {
        size_t room = n_bytes > BLOCK_BYTES ? n_bytes : BLOCK_BYTES;
        if (room > SIZE_MAX - sizeof *block)
            return NULL;
        struct adah_arena_block *fresh = adah_memory_alloc(sizeof *fresh + room);
        if (!fresh)
            return NULL;
        *fresh = (struct adah_arena_block){.next = block, .n_bytes = room};
        arena->block = block = fresh;
        start = 0;
    }
    block->n_used = start + n_bytes;
    return block->bytes + start;
}

char *adah_arena_text(adah_arena *arena, const char *text, size_t n_bytes) {
    char *copy = n_bytes < SIZE_MAX ? adah_arena_alloc(arena, n_bytes + 1, 1) : NULL;
    if (copy) {
        memcpy(copy, text, n_bytes);
        copy[n_bytes] = '\0';
    }
    return copy;
}

void adah_arena_free(adah_arena *arena) {
    while (arena->block) {
        struct adah_arena_block *next = arena->block->next;
        adah_memory_free(arena->block);
        arena->block = next;
    }
}

static int same_text(const char *stored, const char *text, size_t n_bytes) {
    return strncmp(stored, text, n_bytes) == 0 && stored[n_bytes] == '\0';
}

/* The slot that holds the string, or the free one where it belongs. */
static size_t slot_of(const adah_string_table *table, const char *text, size_t n_bytes) {
    size_t mask = table->n_slots - 1, i = (size_t)XXH3_64bits(text, n_bytes) & mask;
    while (table->slot[i] != ADAH_STRING_NONE && !same_text(table->text[table->slot[i]], text, n_bytes))
        i = (i + 1) & mask;
    return i;
}

static int double_slots(adah_string_table *table) {
    size_t n_slots = table->n_slots ? table->n_slots * 2 : 32;
    uint32_t *slot = adah_memory_resize(NULL, n_slots, sizeof *slot);
    if (!slot)
        return 0;
    memset(slot, 0xff, n_slots * sizeof *slot);
    adah_memory_free(table->slot);
    table->slot = slot;
    table->n_slots = n_slots;
    for (size_t i = 0; i < table->n; i++)
        slot[slot_of(table, table->text[i], strlen(table->text[i]))] = (uint32_t)i;
    return 1;
}

uint32_t adah_string_table_add(adah_string_table *table, const char *text, size_t n_bytes) {
    if (table->n_slots < 2 * (table->n + 1) && !double_slots(table))
        return ADAH_STRING_NONE;
    size_t i = slot_of(table, text, n_bytes);
    if (table->slot[i] != ADAH_STRING_NONE)
        return table->slot[i];
    if (table->n >= ADAH_STRING_NONE ||
        !adah_memory_grow((void **)&table->text, &table->capacity, table->n, sizeof *table->text))
        return ADAH_STRING_NONE;
    char *copy = adah_arena_text(&table->arena, text, n_bytes);
    if (!copy)
        return ADAH_STRING_NONE;
    table->text[table->n] = copy;
    table->slot[i] = (uint32_t)table->n;
    return (uint32_t)table->n++;
}

uint32_t adah_string_table_find(const adah_string_table *table, const char *text, size_t n_bytes) {
    return table->n_slots ? table->slot[slot_of(table, text, n_bytes)] : ADAH_STRING_NONE;
}

void adah_string_table_free(adah_string_table *table) {
    adah_arena_free(&table->arena);
    adah_memory_free(table->text);
    adah_memory_free(table->slot);
    *table = (adah_string_table){0};
}
