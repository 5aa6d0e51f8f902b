/* token_table.h - the pieces of text that a tokenizer has numbers for, as a tree of their bytes: one walk from any place of a text
 * meets every piece that begins there. */
#ifndef ADAH_TEXT_TOKEN_TABLE_H
#define ADAH_TEXT_TOKEN_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define ADAH_TOKEN_NONE UINT32_MAX

/* Zero-initialise. Once it is filled any number of threads may read it. */
typedef struct adah_token_table {
    uint64_t *key;   /* open addressing: a node and the byte that leads on from it, plus 1; 0: free */
    uint32_t *to;    /* the node it leads to */
    size_t n_slots;  /* 0 or a power of two, more than twice n_nodes */
    uint32_t *token; /* [n_nodes]: the number of the piece that ends at a node, ADAH_TOKEN_NONE: none does */
    size_t n_nodes, capacity;
} adah_token_table;

/* Gives a piece its number; of two of the same bytes the later counts. 0: memory is out. */
int adah_token_table_add(adah_token_table *table, const char *bytes, size_t n_bytes, uint32_t token);
void adah_token_table_free(adah_token_table *table); /* zeroes it; fine on a zeroed one */

/* The node that a byte leads to, 0 when there is none. The walk begins at node 0. */
uint32_t adah_token_table_step(const adah_token_table *table, uint32_t node, uint8_t byte);
/* The number of a piece, or ADAH_TOKEN_NONE. */
uint32_t adah_token_table_find(const adah_token_table *table, const char *bytes, size_t n_bytes);

#endif
