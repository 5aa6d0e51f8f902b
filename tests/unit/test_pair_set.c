/* Batches cut from pairs: images, bags of words, S, label distributions; and codes in batches. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "model/backbone.h"
#include "model/pair_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Five pairs by hand. */
static const uint32_t word[] = {0, 2, 5, 3, 0, 1, 2, 3, 4, 5, 5};
static const size_t word_start[] = {0, 3, 4, 4, 10, 11}; /* pair 2 has none */
static const uint32_t label[] = {1, 0, 1, 2, 2, 3};
static const size_t label_start[] = {0, 1, 4, 4, 5, 6}; /* pair 2 has none */
static const float image_float[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
static const uint8_t has_image[] = {1, 0, 1, 1, 1};

static adah_pair_set vectors(void) {
    return (adah_pair_set){.n = 5,
                           .image = ADAH_INPUT_VECTOR,
                           .image_item = ADAH_SHAPE1(2),
                           .image_float = image_float,
                           .word = word,
                           .word_start = word_start,
                           .n_words = 6,
                           .label = label,
                           .label_start = label_start,
                           .n_labels = 4};
}

static adah_config config_of(const char *style) {
    adah_config c;
    assert_int_equal(adah_config_preset("default", "small", &c, NULL), ADAH_OK);
    strcpy(c.weights_style, style);
    return c;
}

static void assert_floats(const float *x, const float *expected, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i] - expected[i]) <= 1e-6f))
            fail_msg("[%zu] is %g, expected %g", i, (double)x[i], (double)expected[i]);
}

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] = -99;
}

/* Items in any order and twice; rows beyond them are zero, and nothing behind those is written. */
static void test_images(void **state) {
    (void)state;
    adah_pair_set set = vectors();
    const adah_config config = config_of("torchvision");
    const size_t items[] = {4, 1, 4};
    float x[12];
    fill(x, 12);
    adah_pair_set_images(&set, &config, items, 3, 5, x);
    assert_floats(x, (const float[]){9, 10, 3, 4, 9, 10, 0, 0, 0, 0, -99, -99}, 12);
    set.has_image = has_image;
    fill(x, 12);
    adah_pair_set_images(&set, &config, items, 3, 3, x);
    assert_floats(x, (const float[]){9, 10, 0, 0, 9, 10, -99, -99}, 8);
}

static void test_pixels(void **state) {
    (void)state;
    static const char *const styles[] = {"torchvision", "caffe"};
    uint8_t rgb[2 * 27];
    adah_random r = adah_random_seeded(1, 1);
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)adah_random_below(&r, 256);
    adah_pair_set set = vectors();
    set.n = 2;
    set.image = ADAH_INPUT_PIXELS;
    set.image_item = (adah_shape){3, {3, 3, 3, 0}};
    set.image_rgb = rgb;
    for (int s = 0; s < 2; s++) {
        const adah_config config = config_of(styles[s]);
        const size_t items[] = {1, 0};
        float x[81], expected[81] = {0};
        adah_backbone_normalise(&config, rgb + 27, 3, expected);
        adah_backbone_normalise(&config, rgb, 3, expected + 27);
        adah_pair_set_images(&set, &config, items, 2, 3, x);
        assert_memory_equal(x, expected, sizeof x);
    }
}

static void test_bags_of_words(void **state) {
    (void)state;
    const adah_pair_set set = vectors();
    const size_t items[] = {3, 2, 0, 1};
    const float third = 1 / sqrtf(3), sixth = 1 / sqrtf(6);
    float x[36];
    fill(x, 36);
    adah_pair_set_texts(&set, items, 4, 5, x);
    assert_floats(x, (const float[]){sixth, sixth, sixth, sixth, sixth, sixth, /* 3 */
                                     0,     0,     0,     0,     0,     0,     /* 2 */
                                     third, 0,     third, 0,     0,     third, /* 0 */
                                     0,     0,     0,     1,     0,     0,     /* 1 */
                                     0,     0,     0,     0,     0,     0,     /* beyond */
                                     -99,   -99,   -99,   -99,   -99,   -99},
                  36);
    float bag[6];
    fill(bag, 6);
    adah_text_bag(word, 3, 6, bag);
    assert_memory_equal(bag, x + 12, sizeof bag); /* a query's bag is a training pair's */
    fill(bag, 6);
    adah_text_bag(NULL, 0, 6, bag);
    assert_floats(bag, (const float[6]){0}, 6);
}

static void test_similarity_by_hand(void **state) {
    (void)state;
    const adah_pair_set set = vectors();
    const size_t items[] = {0, 1, 2, 3, 4};
    uint8_t s[26];
    memset(s, 7, sizeof s);
    adah_pair_set_similar(&set, items, 5, s);
    const uint8_t expected[26] = {1, 1, 0, 0, 0, /* label 1 */
                                  1, 1, 0, 1, 0, /* 0, 1, 2 */
                                  0, 0, 1, 0, 0, /* none: itself alone */
                                  0, 1, 0, 1, 0, /* 2 */
                                  0, 0, 0, 0, 1, /* 3 */
                                  7};
    assert_memory_equal(s, expected, sizeof s);
    const size_t few[] = {3, 1};
    adah_pair_set_similar(&set, few, 2, s);
    assert_memory_equal(s, ((const uint8_t[]){1, 1, 1, 1}), 4);
}

/* Random label sets against every pair of labels. */
static void test_similarity_of_random_labels(void **state) {
    (void)state;
    enum { N = 60, LABELS = 40 };
    static uint32_t labels[N * LABELS];
    static uint8_t has[N][LABELS], s[N * N];
    size_t start[N + 1] = {0}, items[N], n_similar = 0;
    adah_random r = adah_random_seeded(2, 2);
    for (size_t i = 0; i < N; i++) {
        start[i + 1] = start[i];
        for (uint32_t l = 0; l < LABELS; l++)
            if ((has[i][l] = adah_random_below(&r, 12) == 0))
                labels[start[i + 1]++] = l;
    }
    adah_random_permutation(&r, N, items);
    const adah_pair_set set = {.n = N, .label = labels, .label_start = start, .n_labels = LABELS};
    adah_pair_set_similar(&set, items, N, s);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            int shared = i == j;
            for (size_t l = 0; l < LABELS; l++)
                shared |= has[items[i]][l] && has[items[j]][l];
            assert_int_equal(s[i * N + j], shared);
            n_similar += (size_t)shared;
        }
    assert_true(n_similar > N && n_similar < N * N);
}

static void test_targets(void **state) {
    (void)state;
    const adah_pair_set set = vectors();
    const size_t items[] = {1, 2, 4};
    float x[13];
    fill(x, 13);
    adah_pair_set_targets(&set, items, 3, x);
    const float third = 1.0f / 3;
    assert_floats(x, (const float[]){third, third, third, 0, 0, 0, 0, 0, 0, 0, 0, 1, -99}, 13);
}

/* ---------------------------------------------------------------- codes */

typedef struct counted {
    uint64_t calls, stop_at;
} counted;

static int count(void *user, const adah_progress_event *event) {
    counted *c = user;
    c->calls++;
    assert_true(event->done <= event->total);
    return c->calls == c->stop_at;
}

/* 130 pairs: two batches and a rest. Each code is that of the item alone. */
static void test_encode(void **state) {
    (void)state;
    enum { N = 150, M = 130, D = 3, Q = 16 };
    static float images[N * D], codes[2][M * Q], again[2][M * Q];
    static uint32_t words[N];
    size_t starts[N + 1], items[N];
    adah_random r = adah_random_seeded(3, 3);
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < D; d++)
            images[i * D + d] = adah_random_normal(&r);
        words[i] = (uint32_t)adah_random_below(&r, 6);
        starts[i] = i;
    }
    starts[N] = N;
    adah_random_permutation(&r, N, items);
    adah_config config = config_of("torchvision");
    config.n_bits = Q;
    config.n_text_hidden = config.n_text_feature = 20;
    const adah_pair_set set = {.n = N,
                               .image = ADAH_INPUT_VECTOR,
                               .image_item = ADAH_SHAPE1(D),
                               .image_float = images,
                               .word = words,
                               .word_start = starts,
                               .n_words = 6,
                               .label_start = starts};
    adah_parameters p = {0};
    adah_network *net;
    const adah_network_plan plan = {
        .n_batch = 1, .image = set.image, .image_item = set.image_item, .n_words = 6, .creating = 1};
    assert_int_equal(adah_network_create(&plan, &config, &p, &net, NULL), ADAH_OK);
    counted c = {0, 0};
    const adah_progress progress = {count, &c};
    assert_int_equal(adah_pair_set_encode(&set, &config, &p, items, M, codes[0], codes[1], progress, NULL), ADAH_OK);
    assert_true(c.calls >= 3);
    for (size_t i = 0; i < M; i++) {
        adah_pair_set_images(&set, &config, items + i, 1, 1, adah_node_value(net->image.input));
        adah_pair_set_texts(&set, items + i, 1, 1, adah_node_value(net->text.input));
        assert_int_equal(adah_graph_forward(net->graph, NULL), ADAH_OK);
        assert_floats(codes[0] + i * Q, adah_node_value(net->image.code), Q);
        assert_floats(codes[1] + i * Q, adah_node_value(net->text.code), Q);
    }
    adah_network_free(net);
    /* One modality alone. */
    assert_int_equal(adah_pair_set_encode(&set, &config, &p, items, M, again[0], NULL, (adah_progress){0}, NULL),
                     ADAH_OK);
    assert_int_equal(adah_pair_set_encode(&set, &config, &p, items, M, NULL, again[1], (adah_progress){0}, NULL),
                     ADAH_OK);
    assert_memory_equal(again, codes, sizeof codes);
    /* Stopped, and no model. */
    c = (counted){0, 2};
    adah_status status = {0};
    assert_int_equal(adah_pair_set_encode(&set, &config, &p, items, M, codes[0], codes[1], progress, &status),
                     ADAH_ERROR_CANCELLED);
    assert_int_equal(c.calls, 2);
    adah_parameters none = {0};
    assert_int_equal(adah_pair_set_encode(&set, &config, &none, items, M, codes[0], codes[1], progress, &status),
                     ADAH_ERROR_FORMAT);
    assert_int_equal(none.n, 0);
    adah_parameters_free(&none);
    adah_parameters_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_bags_of_words),
        cmocka_unit_test(test_similarity_by_hand),
        cmocka_unit_test(test_similarity_of_random_labels),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_encode),
    };
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
