/* optimiser.c - the global gradient norm, then one elementwise update per parameter.
 *
 * A parameter is cut into at most N_CHUNKS pieces whose size depends on its length alone, so that the sums
 * and with them the result are the same for any number of threads. */
#include "nn/graph/optimiser.h"
#include "base/parallel.h"
#include "base/vector.h"

#include <math.h>
#include <string.h>

enum { N_CHUNKS = 256, CHUNK_MIN = 4096, CHUNKS_A_THREAD = 4 /* worth waking one */ };

typedef struct update {
    const adah_optimiser *o;
    adah_parameter *p;
    size_t chunk_size;
    double sum[N_CHUNKS]; /* of squared gradients, a chunk each */
    float scale;          /* of the gradient, by clipping */
    float rate;
    float correction1, correction2; /* Adam: 1 / (1 - beta^step) */
} update;

static size_t chunk_begin(const update *u, size_t chunk) {
    size_t begin = chunk * u->chunk_size;
    return begin < u->p->n ? begin : u->p->n;
}

static size_t split(update *u, adah_parameter *p) {
    u->p = p;
    u->chunk_size = (p->n + N_CHUNKS - 1) / N_CHUNKS;
    if (u->chunk_size < CHUNK_MIN)
        u->chunk_size = CHUNK_MIN;
    return (p->n + u->chunk_size - 1) / u->chunk_size;
}

ADAH_VECTOR_LOOP(void, sum_squares, (void *context, size_t chunk), (context, chunk)) {
    update *u = context;
    const float *g = u->p->gradient;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = chunk_begin(u, chunk); i < chunk_begin(u, chunk + 1); i++)
        sum += (double)g[i] * (double)g[i];
    u->sum[chunk] = sum;
}

/* m = momentum m + (g + decay w);  w -= rate m */
ADAH_VECTOR_LOOP(void, update_sgd, (void *context, size_t chunk), (context, chunk)) {
    const update *u = context;
    const adah_optimiser o = *u->o;
    const float scale = u->scale, rate = u->rate;
    float *w = u->p->value, *gradient = u->p->gradient, *moment = u->p->moment1;
#pragma omp simd
    for (size_t i = chunk_begin(u, chunk); i < chunk_begin(u, chunk + 1); i++) {
        const float g = scale * gradient[i] + o.weight_decay * w[i];
        moment[i] = o.momentum * moment[i] + g;
        w[i] -= rate * moment[i];
        gradient[i] = 0;
    }
}

/* m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  w -= rate (m' / (sqrt(v') + epsilon) + decay w) */
ADAH_VECTOR_LOOP(void, update_adam, (void *context, size_t chunk), (context, chunk)) {
    const update *u = context;
    const adah_optimiser o = *u->o;
    const float scale = u->scale, rate = u->rate, correction1 = u->correction1, correction2 = u->correction2;
    float *w = u->p->value, *gradient = u->p->gradient, *moment1 = u->p->moment1, *moment2 = u->p->moment2;
#pragma omp simd
    for (size_t i = chunk_begin(u, chunk); i < chunk_begin(u, chunk + 1); i++) {
        const float g = scale * gradient[i];
        const float m = o.beta1 * moment1[i] + (1 - o.beta1) * g;
        const float v = o.beta2 * moment2[i] + (1 - o.beta2) * g * g;
        const float direction = m * correction1 / (sqrtf(v * correction2) + o.epsilon);
        moment1[i] = m;
        moment2[i] = v;
        w[i] -= rate * (direction + o.weight_decay * w[i]);
        gradient[i] = 0;
    }
}

static int takes_part(const adah_parameter *p, unsigned groups) { return p->group & groups && p->gradient; }

float adah_optimiser_step(const adah_optimiser *o, adah_parameters *p, unsigned groups, const float *rate,
                          uint64_t step) {
    update u = {.o = o, .scale = 1};
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (!takes_part(p->item[i], groups))
            continue;
        size_t n_chunks = split(&u, p->item[i]);
        adah_parallel_for(n_chunks, CHUNKS_A_THREAD, sum_squares, &u);
        for (size_t j = 0; j < n_chunks; j++)
            sum += u.sum[j];
    }
    double norm = sqrt(sum);
    if (!isfinite(norm) || !isfinite((float)norm)) {
        for (size_t i = 0; i < p->n; i++)
            if (takes_part(p->item[i], groups))
                memset(p->item[i]->gradient, 0, p->item[i]->n * sizeof(float));
        return (float)norm;
    }
    if (o->clip_norm > 0 && norm > (double)o->clip_norm)
        u.scale = (float)((double)o->clip_norm / norm);
    u.correction1 = (float)(1 / (1 - pow((double)o->beta1, (double)step)));
    u.correction2 = (float)(1 / (1 - pow((double)o->beta2, (double)step)));
    for (size_t i = 0; i < p->n; i++) {
        if (!takes_part(p->item[i], groups))
            continue;
        u.rate = rate[__builtin_ctz(p->item[i]->group)];
        adah_parallel_for(split(&u, p->item[i]), CHUNKS_A_THREAD, o->kind == ADAH_SGD ? update_sgd : update_adam, &u);
        p->item[i]->version++;
    }
    return (float)norm;
}
