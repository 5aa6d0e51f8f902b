/* (unit) test_fast_kernels.c - no layer of any backbone runs on plain loops, whatever processor it is on.
 *
 * Each backbone is built in a child process for each family of processors that this machine can be held to, for inference and for
 * training, small and large batches. What oneDNN says of the primitives it makes (ONEDNN_VERBOSE) must name none of its "ref" or
 * "simple" kernels, and no node may run on the loops of nn_reference.c. */
#define _DEFAULT_SOURCE /* setenv */
#include "backbones/backbone.h"
#include "base/memory.h"
#include "nn/graph/graph_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct build_case {
    const char *isa, *network;
    adah_graph_mode mode;
    size_t n_batch;
} build_case;

/* In the child. 0: built, and no node runs on the reference loops. */
static int build_backbone(const build_case *c) {
    adah_parameters parameters = {0};
    adah_settings config = {.n_side = (size_t)adah_backbone_find(c->network)->n_side};
    adah_status status = {0};
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, c->mode);
    adah_builder builder = {g, &parameters, &config, 1, &status, 0};
    adah_node *x = adah_graph_input(g, ADAH_SHAPE4(c->n_batch, 3, config.n_side, config.n_side));
    adah_node *f = adah_backbone_features(&builder, c->network, x);
    adah_node_keep(f);
    adah_node_keep(adah_graph_average_all(g, f));
    if (builder.failed || adah_graph_build(g, &status) != ADAH_OK) {
        printf("%s\n", status.message);
        return 1;
    }
    int n_plain = 0;
    for (size_t i = 0; i < g->n_steps; i++)
        if (g->step[i]->kernel && g->step[i]->kernel == adah_reference_kernel(g->step[i]->kind)) {
            printf("node %zu runs on plain loops\n", g->step[i]->number);
            n_plain++;
        }
    return n_plain > 0;
}

/* The lines about primitives look like "onednn_verbose,create:cache_miss,cpu,pooling_v2,jit:avx2,...". */
static size_t count_slow(FILE *said, const build_case *c, size_t *n_primitives) {
    char line[4096];
    size_t n_slow = 0;
    while (fgets(line, sizeof line, said)) {
        const int is_primitive = strstr(line, "_verbose,create") != NULL;
        *n_primitives += (size_t)is_primitive;
        const int is_slow = strstr(line, ",ref") || strstr(line, ":ref") || strstr(line, ",simple");
        if ((is_primitive && is_slow) || strstr(line, "plain loops")) {
            fprintf(stderr, "%s, %s, %s, batch %zu: %s", c->isa, c->network, c->mode == ADAH_GRAPH_TRAIN ? "training" : "inference",
                    c->n_batch, line);
            n_slow++;
        }
    }
    return n_slow;
}

static void check(const build_case *c) {
    FILE *said = tmpfile();
    assert_non_null(said);
    fflush(stdout);
    const pid_t child = fork(); /* nothing of oneDNN has run in this process, so that the child's settings count */
    assert_true(child >= 0);
    if (child == 0) {
        setenv("ONEDNN_MAX_CPU_ISA", c->isa, 1);
        setenv("ONEDNN_VERBOSE", "2", 1);
        if (dup2(fileno(said), STDOUT_FILENO) < 0)
            _exit(3);
        const int failed = build_backbone(c);
        fflush(stdout);
        _exit(failed);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    rewind(said);
    size_t n_primitives = 0;
    const size_t n_slow = count_slow(said, c, &n_primitives);
    fclose(said);
    assert_true(WIFEXITED(status));
    assert_int_equal(n_slow, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(n_primitives > 0); /* else nothing was looked at */
}

static void check_isa(const char *isa) {
    static const char *const networks[] = {"small", "squeezenet1_1", "mobilenet_v2", "vgg16", "vgg19", "cnn_f"};
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        for (int trains = 0; trains < 2; trains++)
            for (size_t n_batch = 1; n_batch <= 8; n_batch += 7)
                check(&(build_case){isa, networks[i], trains ? ADAH_GRAPH_TRAIN : ADAH_GRAPH_INFER, n_batch});
}

static void test_sse41(void **state) {
    (void)state;
    check_isa("SSE41");
}

static void test_avx2(void **state) {
    (void)state;
    check_isa("AVX2");
}

static void test_avx512(void **state) {
    (void)state;
    check_isa("AVX512_CORE");
}

static void test_all(void **state) {
    (void)state;
    check_isa("DEFAULT");
}

int main(void) {
#if !defined(__x86_64__)
    printf("SKIPPED: which kernels oneDNN has is known for x86-64 alone\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse41), /* each on what the machine has of it */
        cmocka_unit_test(test_avx2),
        cmocka_unit_test(test_avx512),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
