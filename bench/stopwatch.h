/* stopwatch.h - the clock of the measuring programs, and the median of what it gave. */
#ifndef ADAH_BENCH_STOPWATCH_H
#define ADAH_BENCH_STOPWATCH_H

#include <stdlib.h>
#include <time.h>

/* Seconds from some moment on. */
static inline double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts them. */
static inline double median(double *seconds, size_t n) {
    qsort(seconds, n, sizeof *seconds, by_value);
    return seconds[n / 2];
}

#endif
