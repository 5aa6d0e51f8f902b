/* (unit) Batches cut from pairs: images, bags of words, S, label distributions; and codes in batches. */
#include "backbones/backbone.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "input/pair_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Five pairs by hand. */
static uint32_t word[] = {0, 2, 5, 3, 0, 1, 2, 3, 4, 5, 5};
static size_t word_start[] = {0, 3, 4, 4, 10, 11}; /* pair 2 has none */
static uint32_t label[] = {1, 0, 1, 2, 2, 3};
static size_t label_start[] = {0, 1, 4, 4, 5, 6}; /* pair 2 has none */
static const float image_float[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
static const uint8_t has_image[] = {1, 0, 1, 1, 1};

static adah_pair_set vectors(void) {
    return (adah_pair_set){.n = 5,
                           .image = {.shape = {.kind = ADAH_INPUT_VECTOR, .item = ADAH_SHAPE1(2)}, .rows = {.value = image_float}},
                           .text = {.shape = adah_input_words(6), .words.item = {.item = word, .start = word_start, .n = 5}},
                           .labels = {.item = label, .start = label_start, .n = 5},
                           .n_labels = 4};
}

static adah_settings config_of(const char *style) {
    adah_settings c;
    assert_int_equal(adah_backbone_preset("default", "small", &c, NULL), ADAH_OK);
    assert_int_equal(adah_settings_set_value(&c, "weights_style", style, NULL), ADAH_OK);
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
    const size_t items[] = {4, 1, 4};
    float x[12];
    fill(x, 12);
    adah_input_read(&set.image, items, 3, 5, x);
    assert_floats(x, (const float[]){9, 10, 3, 4, 9, 10, 0, 0, 0, 0, -99, -99}, 12);
    set.image.is_there = has_image;
    fill(x, 12);
    adah_input_read(&set.image, items, 3, 3, x);
    assert_floats(x, (const float[]){9, 10, 0, 0, 9, 10, -99, -99}, 8);
}

/* Given features: rows in an order of their own, scaled, tokens turned to channels first; rows beyond the items are zero. */
static void test_given_features(void **state) {
    (void)state;
    static const float value[] = {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}; /* two items of 3 tokens of 2 channels */
    static const size_t row[] = {1, 0};
    adah_pair_set set = vectors();
    const size_t items[] = {0, 1};
    float x[20];
    set.text.shape = (adah_input_shape){.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(3, 2)};
    set.text.rows = (adah_float_rows){.value = value, .row = row, .scale = 2};
    fill(x, 20);
    adah_input_read(&set.text, items, 2, 3, x);
    assert_floats(x, (const float[]){20, 24, 28, 22, 26, 30, 0, 4, 8, 2, 6, 10, 0, 0, 0, 0, 0, 0, -99, -99}, 20);
    set.image.shape = (adah_input_shape){.kind = ADAH_INPUT_MAP, .item = {3, {2, 3, 1, 0}}};
    set.image.rows = (adah_float_rows){.value = value};
    fill(x, 20);
    adah_input_read(&set.image, items + 1, 1, 2, x);
    assert_floats(x, (const float[]){10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, -99, -99}, 14);
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
    set.image.shape = adah_input_pixels(3);
    set.image.rgb = rgb;
    for (int s = 0; s < 2; s++) {
        const adah_settings config = config_of(styles[s]);
        set.image.settings = &config;
        const size_t items[] = {1, 0};
        float x[81], expected[81] = {0};
        adah_backbone_normalise(&config, rgb + 27, 3, expected);
        adah_backbone_normalise(&config, rgb, 3, expected + 27);
        adah_input_read(&set.image, items, 2, 3, x);
        assert_memory_equal(x, expected, sizeof x);
    }
}

/* Of an item with three texts one is drawn: by the stream, every one now and then; of others the words are as they are. */
static void test_draws_texts(void **state) {
    (void)state;
    adah_pair_set set = vectors();
    static uint32_t text_word[] = {0, 1, 1, 2, 5};
    static size_t text_start[] = {0, 1, 3, 5}, text_first[] = {0, 0, 0, 3, 3, 3};
    const size_t items[] = {2, 3};
    float all[12], x[12], again[12];
    size_t n_seen[3] = {0};
    set.text.words.text = (adah_lists){.item = text_word, .start = text_start, .n = 3};
    set.text.words.first = text_first;
    adah_input_read(&set.text, items, 2, 2, all);
    for (uint64_t stream = 0; stream < 60; stream++) {
        adah_input_draw(&set.text, items, 2, 2, 7, stream, x);
        adah_input_draw(&set.text, items, 2, 2, 7, stream, again);
        assert_memory_equal(x, again, sizeof x);
        assert_memory_equal(x + 6, all + 6, 6 * sizeof *x);
        size_t n_found = 0;
        for (size_t t = 0; t < 3; t++) {
            float bag[6];
            adah_text_bag(text_word + text_start[t], text_start[t + 1] - text_start[t], 6, bag);
            if (!memcmp(bag, x, sizeof bag)) {
                n_seen[t]++;
                n_found++;
            }
        }
        assert_int_equal(n_found, 1);
    }
    assert_true(n_seen[0] > 5 && n_seen[1] > 5 && n_seen[2] > 5);
}

/* Words and vector of an item lie side by side, and of several texts both are those of the same one. */
static void test_draws_words_and_vectors(void **state) {
    (void)state;
    static uint32_t words[] = {0, 1, 2}, text_word[] = {3, 4, 5};
    static size_t start[] = {0, 1, 3}, text_start[] = {0, 1, 2, 3}, words_first[] = {0, 0, 3}, rows_first[] = {2, 2, 5};
    static const float value[] = {1, 2, 3, 4, 10, 11, 20, 21, 30, 31}; /* of two items, of three texts of the second */
    const adah_input_source source = {.shape = adah_input_sentence(6, 2),
                                      .words = {.item = {.item = words, .start = start, .n = 2},
                                                .text = {.item = text_word, .start = text_start, .n = 3},
                                                .first = words_first},
                                      .rows = {.value = value, .scale = 2, .first = rows_first}};
    const size_t items[] = {0, 1};
    const float half = sqrtf(0.5f);
    float x[16];
    size_t n_seen[3] = {0};
    adah_input_read(&source, items, 2, 2, x);
    assert_floats(x, (const float[]){1, 0, 0, 0, 0, 0, 2, 4, 0, half, half, 0, 0, 0, 6, 8}, 16);
    for (uint64_t stream = 0; stream < 60; stream++) {
        adah_input_draw(&source, items, 2, 2, 7, stream, x);
        assert_floats(x, (const float[]){1, 0, 0, 0, 0, 0, 2, 4}, 8);
        size_t t = 0;
        while (t < 2 && x[8 + 3 + t] != 1)
            t++;
        float expected[8] = {0, 0, 0, 0, 0, 0, 20 * (float)(t + 1), 20 * (float)(t + 1) + 2};
        expected[3 + t] = 1;
        assert_floats(x + 8, expected, 8);
        n_seen[t]++;
    }
    assert_true(n_seen[0] > 5 && n_seen[1] > 5 && n_seen[2] > 5);
}

static void test_bags_of_words(void **state) {
    (void)state;
    const adah_pair_set set = vectors();
    const size_t items[] = {3, 2, 0, 1};
    const float third = 1 / sqrtf(3), sixth = 1 / sqrtf(6);
    float x[36];
    fill(x, 36);
    adah_input_read(&set.text, items, 4, 5, x);
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
    float s[26];
    fill(s, 26);
    adah_pair_set_similarity(&set, items, 5, items, 5, s);
    const float expected[25] = {1, 1, 0, 0, 0, /* label 1 */
                                1, 1, 0, 1, 0, /* 0, 1, 2 */
                                0, 0, 1, 0, 0, /* none: itself alone */
                                0, 1, 0, 1, 0, /* 2 */
                                0, 0, 0, 0, 1}; /* 3 */
    assert_floats(s, expected, 25);
    const size_t few[] = {3, 1};
    adah_pair_set_similarity(&set, few, 2, items, 5, s);
    assert_floats(s, (const float[10]){0, 1, 0, 1, 0, 1, 1, 0, 1, 0}, 10);
}

/* Random label sets against every pair of labels. */
static void test_similarity_of_random_labels(void **state) {
    (void)state;
    enum { N = 60, LABELS = 40 };
    static uint32_t labels[N * LABELS];
    static uint8_t has[N][LABELS];
    static float s[N * N];
    size_t start[N + 1] = {0}, items[N], n_similar = 0;
    adah_random r = adah_random_seeded(2, 2);
    for (size_t i = 0; i < N; i++) {
        start[i + 1] = start[i];
        for (uint32_t l = 0; l < LABELS; l++)
            if ((has[i][l] = adah_random_below(&r, 12) == 0))
                labels[start[i + 1]++] = l;
    }
    adah_random_permutation(&r, N, items);
    const adah_pair_set set = {.n = N, .labels = {.item = labels, .start = start, .n = N}, .n_labels = LABELS};
    adah_pair_set_similarity(&set, items, N, items, N, s);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            size_t n_shared = 0;
            for (size_t l = 0; l < LABELS; l++)
                n_shared += has[items[i]][l] && has[items[j]][l];
            const int similar = i == j || n_shared > 0;
            assert_true(s[i * N + j] == (float)similar);
            n_similar += (size_t)similar;
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
    adah_settings config = config_of("torchvision");
    config.n_bits = Q;
    config.n_text_hidden = config.n_text_feature = 20;
    const adah_pair_set set = {.n = N,
                               .image = {.shape = {.kind = ADAH_INPUT_VECTOR, .item = ADAH_SHAPE1(D)}, .rows = {.value = images}},
                               .text = {.shape = adah_input_words(6),
                                        .words.item = {.item = words, .start = starts, .n = N}}};
    adah_parameters p = {0};
    adah_network *net;
    const adah_network_plan plan = {.n_batch = 1, .image = set.image.shape, .text = set.text.shape, .creating = 1};
    assert_int_equal(adah_network_create(&plan, &config, &p, &net, NULL), ADAH_OK);
    counted c = {0, 0};
    const adah_progress progress = {count, &c};
    assert_int_equal(adah_pair_set_encode(&set, &config, &p, items, M, codes[0], codes[1], progress, NULL), ADAH_OK);
    assert_true(c.calls >= 3);
    for (size_t i = 0; i < M; i++) {
        adah_input_read(&set.image, items + i, 1, 1, adah_node_value(net->image.input));
        adah_input_read(&set.text, items + i, 1, 1, adah_node_value(net->text.input));
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
        cmocka_unit_test(test_given_features),
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_draws_texts), cmocka_unit_test(test_draws_words_and_vectors), cmocka_unit_test(test_bags_of_words),
        cmocka_unit_test(test_similarity_by_hand),
        cmocka_unit_test(test_similarity_of_random_labels),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_encode),
    };
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
