/* bench_index_ours.h - adah's ways to search, as the index benchmark (C++) sees them: a table of plain C functions.
 */
#ifndef ADAH_BENCH_BENCH_INDEX_OURS_H
#define ADAH_BENCH_BENCH_INDEX_OURS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ours_method {
    const char *name;
    const char *const *settings; /* names, NULL behind the last; one method may have several without building anew */
    /* What searches need, from n codes that stay where they are until release; NULL: memory. */
    void *(*build)(const uint8_t *codes, size_t n, size_t n_bits);
    /* The k nearest distances of each query, ascending. 0: failed. */
    int (*search)(void *index, size_t setting, const uint8_t *queries, size_t n_queries, size_t k,
                  int32_t *distances);
    void (*release)(void *index);
} ours_method;

extern const ours_method ours_methods[];
extern const size_t ours_n_methods;

/* A .npy matrix of bytes in memory, to be freed with ours_free; NULL, having said why on stderr. */
uint8_t *ours_read_array(const char *path, size_t *n_rows, size_t *n_columns);
void ours_free(void *p);

/* Bytes a second that all threads copy from memory to memory: the best of a few runs. 0: memory. */
double ours_copy_rate(void);

#ifdef __cplusplus
}
#endif
#endif
