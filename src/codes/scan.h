/* scan.h - the exact search of many queries in many stretches of codes: the k nearest, all within a radius, or both.
 *
 * The one scan of the project. It compares each query with each code that counts; hits are the same bits for any
 * number of threads, any kernel and any cut of the same positions into runs. */
#ifndef ADAH_CODES_SCAN_H
#define ADAH_CODES_SCAN_H

#include "codes/codes.h"

/* One stretch of codes, borrowed for the call. */
typedef struct adah_code_run {
    const uint8_t *codes; /* n codes one after another, at any address; nothing behind them is read */
    size_t n;
    uint64_t first; /* position of its first code; runs ascend and do not overlap */
    const uint64_t
        *keep; /* bit i % 64 of word i / 64 set: code i counts; NULL: all do. Bits behind code n - 1 are ignored */
} adah_code_run;

typedef struct adah_scan_options {
    size_t k;        /* at most so many hits a query; SIZE_MAX: all within the radius */
    uint32_t radius; /* hits have a distance of at most that; n_bits or more: any */
    int keep_ties;   /* 1: and also every further code at the distance of the k-th hit */
    /* NULL: all codes count; 0: that code does not count for this query. Called from several threads, only for codes
     * that could still be hits, so a costly test is made rarely; how often depends on the threads, so it must always
     * answer the same. */
    int (*accept)(void *context, size_t query, uint64_t position);
    void *context;
} adah_scan_options;

typedef struct adah_hit_list {
    adah_hit *hit; /* by (distance, position); NULL when there are none. adah_hit_lists_free frees it */
    size_t n;
} adah_hit_list;

/* queries: n_queries codes of n_bits bits, one after another. lists: n_queries of them, written; empty after a
 * failure, which is ADAH_ERROR_ARGUMENT (n_bits, runs out of order) or ADAH_ERROR_MEMORY. Uses the threads of
 * adah_parallel where that pays. Memory: of the order of the hits, and at most some 4 k candidates a query of those
 * at work at once (128 a thread). */
adah_code adah_scan(const adah_code_run *runs, size_t n_runs, size_t n_bits, const uint8_t *queries, size_t n_queries,
                    const adah_scan_options *options, adah_hit_list *lists, adah_status *status);
void adah_hit_lists_free(adah_hit_list *lists, size_t n_queries); /* leaves them empty */

#endif
