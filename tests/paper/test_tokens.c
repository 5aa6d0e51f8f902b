/* (property) Token features: with padding anywhere among them the network gives what a map of the other tokens alone gives, codes and
 * gradients, on both sides and both backends; the gradients of a soft mask over a text's tokens are central differences. */
#include "backbones/backbone.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "paper/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 3, C = 6, N_PRESENT = 5, N_TOKENS = 9, Q = 8, N_LABELS = 3, N_KINDS = 5 };

static const struct {
    adah_pooling pooling;
    int attention, is_open;
} kinds[N_KINDS] = {
    {ADAH_POOL_ATTENDED, 1, 0}, {ADAH_POOL_ALL, 1, 0}, {ADAH_POOL_ATTENDED, 1, 1}, {ADAH_POOL_ALL, 1, 1}, {ADAH_POOL_ATTENDED, 0, 0}};

static adah_mask_kind mask_kind = ADAH_MASK_THRESHOLD;

static adah_settings config_of(int kind) {
    adah_settings c;
    assert_int_equal(adah_backbone_preset("default", "none", &c, NULL), ADAH_OK);
    c.n_bits = Q;
    c.n_image_hidden = 7;
    c.pooling = kinds[kind].pooling;
    c.attention = c.adversary = kinds[kind].attention;
    c.attention_threshold = 1;
    c.attention_mask = mask_kind;
    c.dropout = c.picture_dropout = c.picture_word_dropout = 0; /* the two networks would draw other numbers */
    c.attention_init = 1;
    return c;
}

static adah_network *network_of(int kind, int backend, adah_input_shape input, adah_parameters *parameters) {
    const adah_settings config = config_of(kind);
    const adah_network_plan plan = {.backend = (adah_backend)backend,
                                    .mode = ADAH_GRAPH_TRAIN,
                                    .n_batch = B,
                                    .image = input,
                                    .text = input,
                                    .n_labels = N_LABELS,
                                    .with_adversary = config.adversary,
                                    .creating = 1};
    adah_network *net;
    adah_status status;
    if (adah_network_create(&plan, &config, parameters, &net, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    net->image.attention.extent.is_open = net->text.attention.extent.is_open = kinds[kind].is_open;
    return net;
}

/* Fills all gradients of the outputs with the same numbers for every network and propagates them. */
static void propagate(adah_network *net) {
    assert_int_equal(adah_graph_forward(net->graph, NULL), ADAH_OK);
    adah_graph_clear_gradients(net->graph);
    adah_side *const side[2] = {&net->image, &net->text};
    for (int s = 0; s < 2; s++) {
        adah_node *const out[3] = {side[s]->code, side[s]->hidden_code, side[s]->logits};
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; out[k] && i < adah_shape_count(adah_node_shape(out[k])); i++)
                adah_node_gradient(out[k])[i] = sinf((float)(i + 10 * (size_t)k + 100 * (size_t)s));
    }
    assert_int_equal(adah_graph_backward(net->graph, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
}

static void assert_near(const float *x, const float *y, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i] - y[i]) <= 1e-5f * fmaxf(1, fabsf(y[i]))))
            fail_msg("%s[%zu] is %g, expected %g", what, i, (double)x[i], (double)y[i]);
}

/* Tokens at random places of `padded` (B, C, N_TOKENS, 1), in order, and alone in `alone` (B, C, N_PRESENT, 1). */
static void fill(float *padded, float *alone, adah_random *r) {
    memset(padded, 0, B * C * N_TOKENS * sizeof *padded);
    for (size_t b = 0; b < B; b++) {
        size_t place[N_TOKENS], n = 0;
        uint8_t is_taken[N_TOKENS] = {0};
        adah_random_permutation(r, N_TOKENS, place);
        for (size_t k = 0; k < N_PRESENT; k++)
            is_taken[place[k]] = 1;
        for (size_t p = 0; p < N_TOKENS; p++) {
            if (!is_taken[p])
                continue;
            for (size_t c = 0; c < C; c++)
                padded[(b * C + c) * N_TOKENS + p] = alone[(b * C + c) * N_PRESENT + n] = adah_random_normal(r);
            n++;
        }
        padded[(b * C + 1) * N_TOKENS + place[0]] = 0; /* a zero among others makes no padding */
        n = 0;
        for (size_t p = 0; p < place[0]; p++)
            n += is_taken[p];
        alone[(b * C + 1) * N_PRESENT + n] = 0;
    }
}

static void check(int kind, int backend) {
    adah_parameters p = {0}, q = {0};
    adah_random r = adah_random_seeded(5, (uint64_t)kind);
    adah_network *tokens = network_of(kind, backend, (adah_input_shape){.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(N_TOKENS, C)}, &p);
    adah_network *map =
        network_of(kind, backend, (adah_input_shape){.kind = ADAH_INPUT_MAP, .item = {3, {C, N_PRESENT, 1, 0}}}, &q);
    assert_int_equal(adah_parameters_train(&p, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
    assert_int_equal(adah_parameters_train(&q, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
    fill(adah_node_value(tokens->image.input), adah_node_value(map->image.input), &r);
    fill(adah_node_value(tokens->text.input), adah_node_value(map->text.input), &r);
    propagate(tokens);
    propagate(map);
    adah_side *const side[2][2] = {{&tokens->image, &map->image}, {&tokens->text, &map->text}};
    for (int s = 0; s < 2; s++) {
        assert_near(adah_node_value(side[s][0]->code), adah_node_value(side[s][1]->code), B * Q, "H");
        assert_near(adah_node_value(side[s][0]->logits), adah_node_value(side[s][1]->logits), B * N_LABELS, "logits");
        if (!kinds[kind].attention)
            continue;
        assert_near(adah_node_value(side[s][0]->hidden_code), adah_node_value(side[s][1]->hidden_code),
                    adah_shape_count(adah_node_shape(side[s][1]->hidden_code)), "hidden H");
        const float *x = adah_node_value(side[s][0]->input), *z = adah_node_value(side[s][0]->attention.mask);
        const float *probability = adah_node_value(side[s][0]->attention.probability);
        size_t n_attended = 0, n_attended_alone = 0;
        for (size_t b = 0; b < B; b++)
            for (size_t k = 0; k < N_TOKENS; k++) {
                if (x[b * C * N_TOKENS + k] == 0) /* channel 0 */
                    assert_true(z[b * N_TOKENS + k] == 0 && probability[b * N_TOKENS + k] == 0);
                n_attended += z[b * N_TOKENS + k] == 1;
            }
        for (size_t i = 0; i < B * N_PRESENT; i++)
            n_attended_alone += adah_node_value(side[s][1]->attention.mask)[i] == 1;
        assert_int_equal(n_attended, n_attended_alone);
        assert_true(kinds[kind].is_open ? n_attended == B * N_PRESENT : n_attended > 0 && n_attended < B * N_PRESENT);
    }
    assert_int_equal(p.n, q.n);
    for (size_t i = 0; i < p.n; i++) {
        const adah_parameter *other = adah_parameters_find(&q, p.item[i]->name);
        assert_non_null(other);
        assert_memory_equal(p.item[i]->value, other->value, other->n * sizeof(float));
        assert_near(p.item[i]->gradient, other->gradient, other->n, other->name);
    }
    adah_network_free(tokens);
    adah_network_free(map);
    adah_parameters_free(&p);
    adah_parameters_free(&q);
}

static void test_padding_is_as_if_it_were_not_there(void **state) {
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int backend = 0; backend < 2; backend++)
            check(kind, backend);
}

/* The sum over a text's codes of sines. */
static double loss_of(adah_network *net) {
    assert_int_equal(adah_graph_forward(net->graph, NULL), ADAH_OK);
    double sum = 0;
    for (size_t i = 0; i < B * Q; i++)
        sum += (double)adah_node_value(net->text.code)[i] * sin((double)i);
    return sum;
}

/* Moves a parameter along a direction, from where it is, and gives the loss there. */
static double loss_along(adah_network *net, adah_parameter *p, const float *start, const float *direction, double step) {
    for (size_t i = 0; i < p->n; i++)
        p->value[i] = (float)((double)start[i] + step * (double)direction[i]);
    p->version++;
    return loss_of(net);
}

/* Of every parameter of the text's side, along its gradient and along another direction. */
static void test_gradients_are_differences(void **state) {
    (void)state;
    mask_kind = ADAH_MASK_SOFT;
    adah_parameters p = {0};
    adah_random r = adah_random_seeded(6, 1);
    adah_network *net = network_of(0, 0, (adah_input_shape){.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(N_TOKENS, C)}, &p);
    float alone[B * C * N_PRESENT];
    assert_int_equal(adah_parameters_train(&p, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
    fill(adah_node_value(net->text.input), alone, &r);
    loss_of(net);
    adah_graph_clear_gradients(net->graph);
    for (size_t i = 0; i < B * Q; i++)
        adah_node_gradient(net->text.code)[i] = sinf((float)i);
    assert_int_equal(adah_graph_backward(net->graph, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
    size_t n_checked = 0, n_attention = 0;
    for (size_t k = 0; k < p.n; k++) {
        adah_parameter *own = p.item[k];
        float *start = adah_memory_floats(own->n), *direction = adah_memory_floats(own->n);
        assert_non_null(start);
        assert_non_null(direction);
        memcpy(start, own->value, own->n * sizeof *start);
        for (int turn = 0; turn < 2 && !strncmp(own->name, "text.", 5); turn++) {
            double expected = 0, length = 0;
            for (size_t i = 0; i < own->n; i++) {
                direction[i] = turn == 0 ? own->gradient[i] : adah_random_normal(&r);
                expected += (double)direction[i] * (double)own->gradient[i];
                length += (double)direction[i] * (double)direction[i];
            }
            if (length == 0) /* a bias before a softmax does nothing */
                continue;
            const double step = 2e-3 / sqrt(length);
            const double slope = (loss_along(net, own, start, direction, step) - loss_along(net, own, start, direction, -step)) / (2 * step);
            loss_along(net, own, start, direction, 0);
            if (!(fabs(slope - expected) <= 0.02 * fabs(expected) + 2e-3 * sqrt(length)))
                fail_msg("%s: the loss moves by %g, its gradient says %g (length %g)", own->name, slope, expected, sqrt(length));
            n_checked++;
            n_attention += turn == 0 && strstr(own->name, "attention") && length > 1e-8;
        }
        adah_memory_free(start);
        adah_memory_free(direction);
    }
    assert_true(n_checked >= 4 && n_attention >= 1);
    adah_network_free(net);
    adah_parameters_free(&p);
    mask_kind = ADAH_MASK_THRESHOLD;
}

/* An item of padding alone: nothing is attended, everything stays finite. */
static void test_nothing_but_padding(void **state) {
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++) {
        adah_parameters p = {0};
        adah_network *net = network_of(kind, 0, (adah_input_shape){.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(N_TOKENS, C)}, &p);
        assert_int_equal(adah_parameters_train(&p, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL), ADAH_OK);
        memset(adah_node_value(net->image.input), 0, B * C * N_TOKENS * sizeof(float));
        memset(adah_node_value(net->text.input), 0, B * C * N_TOKENS * sizeof(float));
        propagate(net);
        for (size_t i = 0; i < B * Q; i++)
            assert_true(adah_node_value(net->text.code)[i] == 0); /* the biases start at 0 */
        for (size_t i = 0; kinds[kind].attention && i < B * N_TOKENS; i++)
            assert_true(adah_node_value(net->image.attention.mask)[i] == 0);
        for (size_t i = 0; i < p.n; i++)
            for (size_t k = 0; k < p.item[i]->n; k++)
                assert_true(isfinite(p.item[i]->gradient[k]));
        adah_network_free(net);
        adah_parameters_free(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_padding_is_as_if_it_were_not_there),
        cmocka_unit_test(test_gradients_are_differences),
        cmocka_unit_test(test_nothing_but_padding),
    };
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
