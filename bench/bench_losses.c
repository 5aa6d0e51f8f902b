/* bench_losses.c - what the losses of a batch cost, alone: the ranking losses of step 1 and of step 2, and the terms beside them.
 *
 * Usage: bench_losses [THREADS]. Random codes, classes of which an item has one; milliseconds, the median of many batches. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "learn/terms.h"
#include "paper/objective.h"
#include "stopwatch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_BATCH = 128, N_RUNS = 50 };

static float *draw(size_t n, adah_random *r) {
    float *x = adah_memory_floats(n);
    for (size_t i = 0; x && i < n; i++)
        x[i] = 1.98f * adah_random_uniform(r) - 0.99f;
    return x;
}

static void measure(size_t n_bits, size_t n_classes) {
    const size_t n = N_BATCH;
    adah_random r = adah_random_seeded(1, n_bits);
    float *code[4], *gradient[4], *similarity = adah_memory_floats(N_BATCH * n), *scratch = adah_memory_floats(3 * n);
    for (int i = 0; i < 4; i++) {
        code[i] = draw(N_BATCH * n_bits, &r);
        gradient[i] = draw(N_BATCH * n_bits, &r);
    }
    for (size_t i = 0; i < N_BATCH; i++)
        for (size_t j = 0; j < n; j++)
            similarity[i * n + j] = i % n_classes == j % n_classes;
    const adah_objective_options options = {.n_batch = N_BATCH, .n_bits = n_bits, .margin = 2 * sqrtf(0.2f * (float)n_bits), .mean_over_active = 1};
    adah_objective *o;
    if (adah_objective_create(&options, &o, NULL) != ADAH_OK)
        exit(1);
    const adah_batch_codes codes = {code[0], code[1], code[2], code[3]};
    const adah_batch_gradients gradients = {gradient[0], gradient[1], gradient[2], gradient[3]};
    const float head[ADAH_N_TERMS] = {1, 1, 1, 1, 0.1f, 0.1f}, attention[ADAH_N_TERMS] = {0, 0, 0, 0, -1, -1};
    double seconds[3][N_RUNS], loss[ADAH_N_TERMS];
    for (int run = 0; run < N_RUNS; run++) {
        double at[4];
        at[0] = now();
        adah_objective_evaluate(o, &codes, similarity, head, loss, &gradients);
        at[1] = now();
        adah_objective_evaluate(o, &codes, similarity, attention, loss, &gradients);
        at[2] = now();
        for (int m = 0; m < 2; m++)
            adah_contrastive_loss(code[m], code[!m], similarity, N_BATCH, n_bits, 0.2f, 15,
                                  gradient[m], gradient[!m], scratch);
        at[3] = now();
        for (int i = 0; i < 3; i++)
            seconds[i][run] = at[i + 1] - at[i];
    }
    printf("%4zu bits, %2zu classes: step 1 %7.3f ms, step 2 %7.3f ms, contrastive %7.3f ms\n", n_bits, n_classes, 1e3 * median(seconds[0], N_RUNS), 1e3 * median(seconds[1], N_RUNS), 1e3 * median(seconds[2], N_RUNS));
    adah_objective_free(o);
    for (int i = 0; i < 4; i++) {
        adah_memory_free(code[i]);
        adah_memory_free(gradient[i]);
    }
    adah_memory_free(similarity);
    adah_memory_free(scratch);
}

int main(int argc, char **argv) {
    if (argc > 1)
        adah_parallel_set_threads(atoi(argv[1]));
    measure(32, 8);
    measure(32, 2);
    measure(128, 8);
    return 0;
}
