/* (property) The whole of what step 1 minimises against its own derivatives: along random directions of the codes, central
 * differences of the sum that adah_batch_loss_head returns. One sum has thousands of hinges, so that the kinks a step
 * crosses average out. */
#include "base/memory.h"
#include "base/parallel.h"
#include "learn/batch_loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_pairs.h"

enum { N_BATCH = 24, N_PAIRS = 96, N_ARRAYS_MAX = 4 };

typedef struct bench {
    tiny_pairs *pairs;
    adah_settings config;
    adah_parameters parameters;
    adah_network *net;
    adah_batch_loss *loss;
} bench;

/* A network after a forward pass on the pairs from `start`. */
static void look_at(bench *b, size_t start) {
    const size_t *items = b->pairs->items + start;
    adah_input_read(&b->pairs->set.image, items, N_BATCH, N_BATCH, adah_node_value(b->net->image.input));
    adah_input_read(&b->pairs->set.text, items, N_BATCH, N_BATCH, adah_node_value(b->net->text.input));
    adah_batch_loss_begin(b->loss, items);
    assert_int_equal(adah_graph_forward(b->net->graph, NULL), ADAH_OK);
    adah_graph_clear_gradients(b->net->graph);
}

static void bench_create(bench *b, void (*configure)(adah_settings *c)) {
    *b = (bench){.pairs = tiny_pairs_create(N_PAIRS, 0, 3), .config = tiny_config()};
    configure(&b->config);
    const adah_network_plan plan = {.mode = ADAH_GRAPH_TRAIN,
                                    .n_batch = N_BATCH,
                                    .image = b->pairs->set.image.shape,
                                    .text = b->pairs->set.text.shape,
                                    .with_adversary = 1,
                                    .creating = 1};
    assert_int_equal(adah_network_create(&plan, &b->config, &b->parameters, &b->net, NULL), ADAH_OK);
    assert_int_equal(adah_batch_loss_create(&b->config, &b->pairs->set, N_BATCH, TINY_CLASSES, &b->loss, NULL), ADAH_OK);
    assert_int_equal(adah_parameters_train(&b->parameters, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
}

static void bench_free(bench *b) {
    adah_batch_loss_free(b->loss);
    adah_network_free(b->net);
    adah_parameters_free(&b->parameters);
    free(b->pairs);
}

static double value_of(bench *b) {
    double losses[ADAH_LOSSES_MAX];
    adah_graph_clear_gradients(b->net->graph);
    return adah_batch_loss_head(b->loss, b->net, 1, losses);
}

/* What the loss depends on, with the derivatives found. */
typedef struct array {
    float *x, *gradient, *before, *found;
    size_t n;
} array;

static size_t arrays_of(bench *b, array *a) {
    adah_node *const node[] = {b->net->image.code, b->net->text.code, b->net->image.hidden_code, b->net->text.hidden_code};
    size_t n = 0;
    for (; n < 4; n++)
        a[n] = (array){adah_node_value(node[n]), adah_node_gradient(node[n]), NULL, NULL, adah_shape_count(adah_node_shape(node[n]))};
    return n;
}

static void check_directions(bench *b) {
    array a[N_ARRAYS_MAX];
    adah_random r = adah_random_seeded(4, 4);
    const size_t n = arrays_of(b, a);
    value_of(b);
    for (size_t k = 0; k < n; k++) {
        a[k].before = malloc(a[k].n * sizeof(float));
        a[k].found = malloc(a[k].n * sizeof(float));
        assert_true(a[k].before && a[k].found);
        memcpy(a[k].before, a[k].x, a[k].n * sizeof(float));
        memcpy(a[k].found, a[k].gradient, a[k].n * sizeof(float));
    }
    for (size_t k = 0; k < n; k++)
        for (int run = 0; run < 4; run++) {
            const float step = 2e-3f;
            float direction[N_BATCH * 16];
            double slope = 0, size = 0, by_difference = 0;
            for (size_t i = 0; i < a[k].n; i++) {
                direction[i] = 2 * adah_random_uniform(&r) - 1;
                slope += (double)direction[i] * (double)a[k].found[i];
                size += fabs((double)direction[i] * (double)a[k].found[i]);
            }
            for (int sign = 1; sign >= -1; sign -= 2) {
                for (size_t i = 0; i < a[k].n; i++)
                    a[k].x[i] = a[k].before[i] + (float)sign * step * direction[i];
                by_difference += sign * value_of(b) / (2 * (double)step);
            }
            memcpy(a[k].x, a[k].before, a[k].n * sizeof(float));
            assert_true(size > 0);
            if (!(fabs(slope - by_difference) <= 0.02 * size))
                fail_msg("array %zu: derivative %.6g, by differences %.6g, of terms that add up to %.6g", k, slope, by_difference, size);
        }
    for (size_t k = 0; k < n; k++) {
        free(a[k].before);
        free(a[k].found);
    }
}

static void paper_alone(adah_settings *c) { c->mean_over_active = 0; }
static void all_terms(adah_settings *c) {
    tiny_config_all_terms(c);
    c->classifier_weight = 0;  /* its derivative goes through the logits, which no other term sees */
    c->mean_over_active = 0;   /* a count of active triplets that changes is no part of the derivative */
    c->triplet_weight = 0.5f;
}

static void test_derivatives(void **state) {
    (void)state;
    void (*const configure[])(adah_settings *) = {paper_alone, all_terms};
    for (size_t v = 0; v < 2; v++) {
        bench b;
        bench_create(&b, configure[v]);
        for (size_t batch = 0; batch < 3; batch++) {
            look_at(&b, batch * N_BATCH);
            check_directions(&b);
        }
        bench_free(&b);
    }
}

/* Step 1's loss of the paper is the sum of its six terms. */
static void test_sum_of_the_paper(void **state) {
    (void)state;
    bench b;
    bench_create(&b, paper_alone);
    double losses[ADAH_LOSSES_MAX];
    look_at(&b, 0);
    const double sum = adah_batch_loss_head(b.loss, b.net, 0.5f, losses);
    double expected = 0;
    for (int t = 0; t < ADAH_N_TERMS; t++)
        expected += losses[t] * (t >= ADAH_TERM_TEXT_TO_IMAGE_HIDDEN ? 0.5 : 1);
    assert_true(fabs(sum - expected) < 1e-9 * expected && expected > 0);
    for (int t = ADAH_N_TERMS; t < ADAH_LOSSES_MAX; t++)
        assert_true(losses[t] == 0);
    bench_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_derivatives), cmocka_unit_test(test_sum_of_the_paper)};
    adah_parallel_set_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
