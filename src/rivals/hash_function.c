/* hash_function.c - encodes rows by W k(x) + b, sums in double; needs nothing but the function itself. */
#include "base/memory.h"
#include "base/parallel.h"
#include "rivals/rival.h"

#include <math.h>

enum { GRAIN = 16 };

void adah_hash_function_free(adah_hash_function *f) {
    adah_memory_free(f->anchor);
    adah_memory_free(f->weight);
    adah_memory_free(f->bias);
    *f = (adah_hash_function){0};
}

typedef struct apply_pass {
    const adah_hash_function *f;
    const float *x;
    float *kernel; /* (n, n_anchors) */
    float *h;
} apply_pass;

static void apply_row(void *context, size_t i) {
    const apply_pass *p = context;
    const adah_hash_function *f = p->f;
    const float *k = p->x + i * f->n_in;
    size_t n_k = f->n_in;
    if (f->n_anchors > 0) {
        float *row = p->kernel + i * f->n_anchors;
        for (size_t a = 0; a < f->n_anchors; a++) {
            const float *anchor = f->anchor + a * f->n_in;
            double square = 0;
#pragma omp simd reduction(+ : square)
            for (size_t j = 0; j < f->n_in; j++) {
                double difference = (double)k[j] - (double)anchor[j];
                square += difference * difference;
            }
            row[a] = (float)exp(-square * (double)f->kernel_scale);
        }
        k = row;
        n_k = f->n_anchors;
    }
    for (size_t b = 0; b < f->n_bits; b++) {
        const float *w = f->weight + b * n_k;
        double sum = (double)f->bias[b];
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < n_k; j++)
            sum += (double)w[j] * (double)k[j];
        p->h[i * f->n_bits + b] = (float)sum;
    }
}

adah_code adah_hash_function_apply(const adah_hash_function *f, const float *x, size_t n, float *h,
                                   adah_status *status) {
    apply_pass pass = {f, x, NULL, h};
    size_t n_kernel;
    if (__builtin_mul_overflow(n, f->n_anchors, &n_kernel))
        return adah_fail_memory(status, SIZE_MAX);
    if (n_kernel > 0) {
        pass.kernel = adah_memory_floats(n_kernel);
        if (!pass.kernel)
            return adah_fail_memory(status, n_kernel * sizeof(float));
    }
    adah_parallel_for(n, GRAIN, apply_row, &pass);
    adah_memory_free(pass.kernel);
    return ADAH_OK;
}
