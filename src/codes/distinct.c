/* distinct.c - a hash table with linear probing over XXH3; a code is known by the first item that has it. */
#include "codes/distinct.h"
#include "base/memory.h"

#include <string.h>
#include <xxhash.h>

typedef struct entry {
    size_t n, first; /* items that have the code, 0: the entry is empty; the first of them */
} entry;

adah_code adah_codes_count_distinct(const uint8_t *codes, size_t n, size_t n_bits, size_t *n_distinct, size_t *n_most,
                                    adah_status *status) {
    const size_t code_bytes = n_bits / 8;
    size_t n_entries = 2;
    while (n_entries < 2 * n)
        n_entries *= 2;
    entry *table = adah_memory_zeroed(n_entries, sizeof *table);
    if (!table)
        return adah_fail_memory(status, n_entries * sizeof *table);
    *n_distinct = *n_most = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *code = codes + i * code_bytes;
        size_t at = XXH3_64bits(code, code_bytes) & (n_entries - 1);
        while (table[at].n && memcmp(codes + table[at].first * code_bytes, code, code_bytes) != 0)
            at = (at + 1) & (n_entries - 1);
        if (!table[at].n) {
            table[at].first = i;
            ++*n_distinct;
        }
        table[at].n++;
        *n_most = table[at].n > *n_most ? table[at].n : *n_most;
    }
    adah_memory_free(table);
    return ADAH_OK;
}
