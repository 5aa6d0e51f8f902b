/* bench_layers.c - what every layer of a backbone takes, beside the fastest that a matrix product gets in the same run.
 *
 *     bench_layers [--network vgg16] [--batch 32] [--infer] [--bf16] [--runs 3] [--json]
 *
 * Operations are those of the plain method, whatever the kernel really does: a layer that runs by Winograd's method may do more
 * of them a second than the processor has. The gradient of a convolution counts twice its forward run (weights and input), once
 * where the input wants none. Times are the median of the runs. */
#define _GNU_SOURCE
#include "base/parallel.h"
#include "backbones/backbone.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { RUNS_MAX = 32, LAYERS_MAX = 512 };

static void must(adah_code code, const adah_status *status) {
    if (code != ADAH_OK) {
        fprintf(stderr, "bench_layers: %s\n", status->message);
        exit(1);
    }
}

/* The best of a few products of 2048 x 2048 matrices, operations a second. */
static double measure_peak(void) {
    enum { N = 2048 };
    adah_parameters p = {0};
    adah_status status;
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE2(N, N), 1);
    adah_node *x = adah_graph_input(g, ADAH_SHAPE2(N, N));
    adah_node_keep(adah_graph_fully_connected(g, x, w, NULL));
    must(adah_graph_build(g, &status), &status);
    for (size_t i = 0; i < (size_t)N * N; i++) /* zeros are left out of a product */
        adah_node_value(x)[i] = w->value[i] = 1;
    double best = 1e9;
    for (int i = 0; i < 8; i++) {
        const double start = now();
        must(adah_graph_forward(g, &status), &status);
        best = now() - start < best ? now() - start : best;
    }
    adah_graph_free(g);
    adah_parameters_free(&p);
    return 2.0 * N * N * N / best;
}

typedef struct layer {
    adah_node_times times;
    double forward[RUNS_MAX], backward[RUNS_MAX]; /* seconds of each run */
} layer;

typedef struct bench {
    const char *network;
    size_t n_batch;
    int infers, bf16, n_runs, json;
    adah_graph *g;
    layer layer[LAYERS_MAX];
    size_t n_layers;
    double whole[RUNS_MAX], cpu; /* cpu: processor seconds of all runs */
} bench;

static adah_node *build(bench *b, adah_parameters *p, adah_settings *config) {
    adah_status fault = {0};
    b->g = adah_graph_create(ADAH_BACKEND_ONEDNN, b->infers ? ADAH_GRAPH_INFER : ADAH_GRAPH_TRAIN);
    adah_graph_set_precision(b->g, b->bf16 ? ADAH_BFLOAT16 : ADAH_FLOAT32);
    adah_builder builder = {b->g, p, config, 1, &fault, 0};
    const size_t n_side = (size_t)adah_backbone_find(b->network)->n_side;
    adah_node *x = adah_graph_input(b->g, ADAH_SHAPE4(b->n_batch, 3, n_side, n_side));
    adah_node *y = adah_backbone_features(&builder, b->network, x);
    adah_node_keep(y);
    must(builder.failed ? ADAH_ERROR_ARGUMENT : ADAH_OK, &fault);
    must(adah_graph_build(b->g, &fault), &fault);
    adah_random r = adah_random_seeded(1, 0);
    for (size_t i = 0; i < adah_shape_count(adah_node_shape(x)); i++)
        adah_node_value(x)[i] = 2 * adah_random_uniform(&r) - 1;
    return y;
}

/* One forward and, in training, one backward run; weights count as moved, so that what is made of them is made anew. */
static void run_once(bench *b, adah_parameters *p, adah_node *y) {
    adah_status status;
    for (size_t i = 0; i < p->n && !b->infers; i++)
        p->item[i]->version++;
    must(adah_graph_forward(b->g, &status), &status);
    if (b->infers)
        return;
    adah_graph_clear_gradients(b->g);
    float *dy = adah_node_gradient(y);
    for (size_t i = 0; i < adah_shape_count(adah_node_shape(y)); i++)
        dy[i] = 1e-3f;
    must(adah_graph_backward(b->g, ADAH_GROUP_BACKBONE, &status), &status);
}

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void measure(bench *b) {
    adah_parameters p = {0};
    adah_settings config = {.n_side = 224};
    adah_status status;
    adah_node *y = build(b, &p, &config);
    if (!b->infers)
        must(adah_parameters_train(&p, ADAH_GROUP_BACKBONE, &status), &status);
    for (int i = 0; i < 2; i++) /* what is kept of weights is made */
        run_once(b, &p, y);
    b->cpu = -cpu_seconds();
    for (int run = 0; run < b->n_runs; run++) {
        adah_graph_measure(b->g, 1);
        const double start = now();
        run_once(b, &p, y);
        b->whole[run] = now() - start;
        adah_node_times t;
        for (size_t i = 0; i < LAYERS_MAX && adah_graph_times(b->g, i, &t); i++) {
            b->layer[i].times = t;
            b->layer[i].forward[run] = t.forward;
            b->layer[i].backward[run] = t.backward;
            b->n_layers = i + 1;
        }
    }
    b->cpu += cpu_seconds();
    adah_graph_free(b->g);
    adah_parameters_free(&p);
}

static void print_shape(adah_shape s, char *text) {
    int n = 0;
    for (int i = 1; i < s.n_dims; i++)
        n += sprintf(text + n, "%s%zu", i > 1 ? " x " : "", s.dim[i]);
    text[n] = '\0';
}

static void print_row(const bench *b, layer *l, double peak, double sums[3]) {
    const size_t n = (size_t)b->n_runs;
    const double forward = median(l->forward, n), backward = median(l->backward, n);
    if (forward + backward == 0)
        return;
    const double f = l->times.n_operations, times = l->times.input.dim[1] == 3 ? 1 : 2;
    char in[96], out[96];
    print_shape(l->times.input, in);
    print_shape(l->times.value, out);
    printf("| %s | %s | %s | %.2f |", l->times.kind, in, out, 1e3 * forward);
    if (f > 0)
        printf(" %.0f | %.0f %% |", 1e-9 * f / forward, 100 * f / forward / peak);
    else
        printf(" | |");
    if (!b->infers && f > 0 && backward > 0)
        printf(" %.2f | %.0f | %.0f %% |", 1e3 * backward, 1e-9 * times * f / backward, 100 * times * f / backward / peak);
    else if (!b->infers)
        printf(" %.2f | | |", 1e3 * backward);
    printf("\n");
    sums[0] += forward;
    sums[1] += backward;
    sums[2] += f;
}

static void print(bench *b, double peak) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double whole = median(b->whole, (size_t)b->n_runs); /* which sorts them */
    if (b->json) {
        printf("{\"program\":\"bench_layers\",\"network\":\"%s\",\"batch\":%zu,\"infer\":%d,\"bf16\":%d,\"threads\":%d,\"seconds\":%.6f,"
               "\"fastest\":%.6f,\"cpu\":%.6f,\"peak_gflops\":%.1f,\"peak_bytes\":%ld}\n", b->network, b->n_batch, b->infers, b->bf16, adah_parallel_threads(), whole,
               b->whole[0], b->cpu / b->n_runs, 1e-9 * peak, usage.ru_maxrss * 1024);
        return;
    }
    double sums[3] = {0};
    printf("%s, batch %zu%s, %d threads; fastest product of 2048 x 2048 matrices in this run: %.0f GFLOP/s\n\n", b->network,
           b->n_batch, b->bf16 ? ", bfloat16" : "", adah_parallel_threads(), 1e-9 * peak);
    printf("| layer | input | output | forward ms | GFLOP/s | of the product |%s\n",
           b->infers ? "" : " backward ms | GFLOP/s | of the product |");
    printf("|---|---|---|---:|---:|---:|%s\n", b->infers ? "" : "---:|---:|---:|");
    for (size_t i = 0; i < b->n_layers; i++)
        print_row(b, &b->layer[i], peak, sums);
    printf("\nwhole run %.1f ms, layers %.1f ms (forward %.1f, backward %.1f); forward %.0f GFLOP/s; peak memory %ld MiB\n",
           1e3 * whole, 1e3 * (sums[0] + sums[1]), 1e3 * sums[0], 1e3 * sums[1], 1e-9 * sums[2] / sums[0],
           usage.ru_maxrss / 1024);
}

static _Noreturn void usage(void) {
    fprintf(stderr, "usage: bench_layers [--network NAME] [--batch N] [--infer] [--bf16] [--runs 1..%d] [--json]\nnetworks: %s\n",
            RUNS_MAX, adah_backbone_names());
    exit(2);
}

int main(int argc, char **argv) {
    static bench b = {.network = "vgg16", .n_batch = 32, .n_runs = 3};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--infer"))
            b.infers = 1;
        else if (!strcmp(argv[i], "--bf16"))
            b.bf16 = 1;
        else if (!strcmp(argv[i], "--json"))
            b.json = 1;
        else if (!strcmp(argv[i], "--network") && ++i)
            b.network = value;
        else if (!strcmp(argv[i], "--batch") && ++i)
            b.n_batch = strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--runs") && ++i)
            b.n_runs = atoi(value);
        else
            usage();
    }
    if (b.bf16 && !adah_precision_supported(ADAH_BFLOAT16)) {
        fprintf(stderr, "bench_layers: this processor has no products of bfloat16\n");
        return 1;
    }
    if (b.n_batch == 0 || b.n_runs < 1 || b.n_runs > RUNS_MAX || !adah_backbone_find(b.network))
        usage();
    const double peak = measure_peak();
    measure(&b);
    print(&b, peak);
    return 0;
}
