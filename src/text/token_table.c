/* token_table.c - a tree whose branches all lie in one hash table. */
#include "text/token_table.h"
#include "base/memory.h"

static size_t slot_of(const adah_token_table *t, uint64_t key) {
    size_t slot = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (t->n_slots - 1);
    while (t->key[slot] && t->key[slot] != key)
        slot = (slot + 1) & (t->n_slots - 1);
    return slot;
}

static uint64_t key_of(uint32_t node, uint8_t byte) { return ((uint64_t)node << 8 | byte) + 1; }

/* Room for one more node. */
static int make_room(adah_token_table *t) {
    if (!adah_memory_grow((void **)&t->token, &t->capacity, t->n_nodes, sizeof *t->token))
        return 0;
    if (t->n_slots > 2 * (t->n_nodes + 1))
        return 1;
    adah_token_table larger = *t;
    larger.n_slots = t->n_slots ? 2 * t->n_slots : 1024;
    larger.key = adah_memory_zeroed(larger.n_slots, sizeof *larger.key);
    larger.to = adah_memory_zeroed(larger.n_slots, sizeof *larger.to);
    if (!larger.key || !larger.to) {
        adah_memory_free(larger.key);
        adah_memory_free(larger.to);
        return 0;
    }
    for (size_t i = 0; i < t->n_slots; i++)
        if (t->key[i]) {
            const size_t slot = slot_of(&larger, t->key[i]);
            larger.key[slot] = t->key[i];
            larger.to[slot] = t->to[i];
        }
    adah_memory_free(t->key);
    adah_memory_free(t->to);
    *t = larger;
    return 1;
}

static int add_node(adah_token_table *t, uint32_t *node) {
    if (t->n_nodes >= UINT32_MAX / 2 || !make_room(t))
        return 0;
    t->token[t->n_nodes] = ADAH_TOKEN_NONE;
    *node = (uint32_t)t->n_nodes++;
    return 1;
}

int adah_token_table_add(adah_token_table *t, const char *bytes, size_t n_bytes, uint32_t token) {
    uint32_t node = 0, next;
    if (!t->n_nodes && !add_node(t, &node))
        return 0;
    for (size_t i = 0; i < n_bytes; i++, node = next) {
        next = adah_token_table_step(t, node, (uint8_t)bytes[i]);
        if (next)
            continue;
        if (!add_node(t, &next))
            return 0;
        const uint64_t key = key_of(node, (uint8_t)bytes[i]);
        const size_t slot = slot_of(t, key);
        t->key[slot] = key;
        t->to[slot] = next;
    }
    t->token[node] = token;
    return 1;
}

void adah_token_table_free(adah_token_table *t) {
    adah_memory_free(t->key);
    adah_memory_free(t->to);
    adah_memory_free(t->token);
    *t = (adah_token_table){0};
}

uint32_t adah_token_table_step(const adah_token_table *t, uint32_t node, uint8_t byte) {
    return t->n_slots ? t->to[slot_of(t, key_of(node, byte))] : 0;
}

uint32_t adah_token_table_find(const adah_token_table *t, const char *bytes, size_t n_bytes) {
    uint32_t node = 0;
    for (size_t i = 0; i < n_bytes; i++)
        if (!(node = adah_token_table_step(t, node, (uint8_t)bytes[i])))
            return ADAH_TOKEN_NONE;
    return t->n_nodes ? t->token[node] : ADAH_TOKEN_NONE;
}
