/* bench_nn.c - times the numerical engine: VGG-16's convolutions, SqueezeNet v1.1 and a text encoder.
 *
 *     bench_nn [batch] [vgg|squeezenet|text]
 *
 * GFLOP/s are effective: 2 operations a multiplication of the direct method, whatever the kernel really does. */
#define _GNU_SOURCE
#include "base/parallel.h"
#include "nn/graph.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void must(adah_code code, const adah_status *status) {
    if (code != ADAH_OK) {
        fprintf(stderr, "bench_nn: %s\n", status->message);
        exit(1);
    }
}

typedef struct network {
    adah_graph *g;
    adah_parameters *p;
    double n_flop; /* of one forward pass */
    size_t n_named;
} network;

/* The next parameter: made by the first graph, found by later ones. */
static adah_parameter *next(network *n, adah_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "p%zu", n->n_named++);
    adah_parameter *p = adah_parameters_find(n->p, name);
    if (!p && (p = adah_parameters_add(n->p, name, shape, 1))) {
        adah_random r = adah_random_seeded(1, n->n_named);
        adah_parameter_init_he(p, &r);
    }
    return p;
}

static adah_node *convolve(network *n, adah_node *x, size_t c_out, size_t size, int stride, int pad) {
    adah_shape s = adah_node_shape(x);
    adah_parameter *w = next(n, ADAH_SHAPE4(c_out, s.dim[1], size, size)), *b = next(n, ADAH_SHAPE1(c_out));
    adah_node *y =
        adah_graph_convolution(n->g, x, w, b, (adah_window){0, 0, stride, stride, pad, pad, pad, pad, 0}, 1);
    n->n_flop += 2.0 * (double)(adah_shape_count(adah_node_shape(y)) * s.dim[1] * size * size);
    return adah_graph_relu(n->g, y);
}

static adah_node *connect(network *n, adah_node *x, size_t n_out) {
    adah_shape s = adah_node_shape(x);
    size_t n_in = adah_shape_count(s) / s.dim[0];
    n->n_flop += 2.0 * (double)(s.dim[0] * n_in * n_out);
    return adah_graph_fully_connected(n->g, x, next(n, ADAH_SHAPE2(n_out, n_in)), next(n, ADAH_SHAPE1(n_out)));
}

static adah_node *make_vgg(network *n, size_t batch) {
    static const int layers[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512};
    adah_node *x = adah_graph_input(n->g, ADAH_SHAPE4(batch, 3, 224, 224));
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        x = layers[i] ? convolve(n, x, (size_t)layers[i], 3, 1, 1)
                      : adah_graph_max_pool(n->g, x, (adah_window){2, 2, 2, 2, 0, 0, 0, 0, 0});
    return x;
}

static adah_node *make_squeezenet(network *n, size_t batch) {
    static const size_t fires[][2] = {{16, 64}, {16, 64},  {0, 0},    {32, 128}, {32, 128},
                                      {0, 0},   {48, 192}, {48, 192}, {64, 256}, {64, 256}};
    const adah_window pool = {3, 3, 2, 2, 0, 0, 0, 0, 1};
    adah_node *x = adah_graph_input(n->g, ADAH_SHAPE4(batch, 3, 227, 227));
    x = adah_graph_max_pool(n->g, convolve(n, x, 64, 3, 2, 0), pool);
    for (size_t i = 0; i < sizeof fires / sizeof *fires; i++) {
        if (!fires[i][0]) {
            x = adah_graph_max_pool(n->g, x, pool);
            continue;
        }
        adah_node *s = convolve(n, x, fires[i][0], 1, 1, 0);
        adah_node *e[2] = {convolve(n, s, fires[i][1], 1, 1, 0), convolve(n, s, fires[i][1], 3, 1, 1)};
        x = adah_graph_concatenate(n->g, e, 2);
    }
    return x;
}

static adah_node *make_text(network *n, size_t batch) {
    adah_node *x = adah_graph_input(n->g, ADAH_SHAPE2(batch, 2912));
    x = adah_graph_relu(n->g, connect(n, adah_graph_relu(n->g, connect(n, x, 1024)), 512));
    return adah_graph_tanh(n->g, connect(n, adah_graph_relu(n->g, connect(n, x, 512)), 64));
}

static void bench(const char *name, adah_node *(*make)(network *n, size_t batch), size_t batch, int n_runs) {
    adah_parameters p = {0};
    adah_status status = {0};
    for (adah_graph_mode mode = ADAH_GRAPH_INFER; mode <= ADAH_GRAPH_TRAIN; mode++) {
        network n = {.p = &p, .g = adah_graph_create(ADAH_BACKEND_ONEDNN, mode)};
        adah_node *y = make(&n, batch);
        adah_node_keep(y);
        double begin = now();
        must(adah_graph_build(n.g, &status), &status);
        double built = now();
        must(adah_graph_forward(n.g, &status), &status);
        double first = now(), best = 1e9;
        if (mode == ADAH_GRAPH_TRAIN)
            must(adah_parameters_train(&p, 1, &status), &status);
        for (int i = 0; i < n_runs; i++) {
            double start = now();
            must(adah_graph_forward(n.g, &status), &status);
            if (mode == ADAH_GRAPH_TRAIN) {
                adah_graph_clear_gradients(n.g);
                float *dy = adah_node_gradient(y);
                for (size_t j = 0; j < adah_shape_count(adah_node_shape(y)); j++)
                    dy[j] = 1e-3f;
                must(adah_graph_backward(n.g, 1, &status), &status);
            }
            double seconds = now() - start;
            best = seconds < best ? seconds : best;
        }
        double n_flop = n.n_flop * (mode == ADAH_GRAPH_TRAIN ? 3 : 1);
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        printf("%-10s batch %3zu %-16s build %7.2f ms  first %7.2f ms  best %8.2f ms  %6.1f GFLOP/s  peak %ld MB\n",
               name, batch, mode == ADAH_GRAPH_TRAIN ? "forward+backward" : "forward", 1e3 * (built - begin),
               1e3 * (first - built), 1e3 * best, n_flop / best * 1e-9, usage.ru_maxrss / 1024);
        adah_graph_free(n.g);
    }
    adah_parameters_free(&p);
}

int main(int argc, char **argv) {
    size_t batch = argc > 1 ? strtoul(argv[1], NULL, 10) : 8;
    const char *only = argc > 2 ? argv[2] : "";
    if (batch == 0) {
        fprintf(stderr, "usage: bench_nn [batch] [vgg|squeezenet|text]\n");
        return 2;
    }
    printf("%d threads\n", adah_parallel_threads());
    if (!*only || strcmp(only, "text") == 0) {
        bench("text", make_text, 1, 20);
        bench("text", make_text, 128, 20);
    }
    if (!*only || strcmp(only, "squeezenet") == 0)
        bench("squeezenet", make_squeezenet, batch, 5);
    if (!*only || strcmp(only, "vgg") == 0)
        bench("vgg", make_vgg, batch, 3);
    return 0;
}
