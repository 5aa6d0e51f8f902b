/* tiny_pairs.h - for tests of training: a few pairs in classes that are easy to tell apart, and a network for them
 * that trains in milliseconds. */
#ifndef ADAH_TESTS_TINY_PAIRS_H
#define ADAH_TESTS_TINY_PAIRS_H

#include "backbones/backbone.h"
#include "base/random.h"
#include "input/pair_set.h"

#include <stdlib.h>
#include <string.h>

enum {
    TINY_CLASSES = 4,
    TINY_WORDS = 24,   /* four to a class, eight of anything */
    TINY_CHANNELS = 8, /* of a map of 3 x 3 */
    TINY_POSITIONS = 9,
    TINY_VECTOR = 10,
    TINY_PAIRS_MAX = 256,
};

typedef struct tiny_pairs {
    adah_pair_set set; /* its arrays are those below */
    float image[TINY_PAIRS_MAX * TINY_CHANNELS * TINY_POSITIONS];
    uint32_t word[TINY_PAIRS_MAX * 4], label[TINY_PAIRS_MAX];
    size_t word_start[TINY_PAIRS_MAX + 1], label_start[TINY_PAIRS_MAX + 1];
    size_t items[TINY_PAIRS_MAX]; /* 0, 1, 2, ... */
} tiny_pairs;

/* A vector: its class's centre and noise. A map: two positions show the class, the others noise. */
static inline void tiny_image(tiny_pairs *t, size_t i, size_t class, int is_map, adah_random *r) {
    const size_t n = adah_shape_count(t->set.image.shape.item);
    float *x = t->image + i * n;
    for (size_t k = 0; k < n; k++)
        x[k] = 0.4f * adah_random_uniform(r);
    if (!is_map) {
        for (size_t k = 0; k < 2; k++)
            x[2 * class + k] += 1;
        return;
    }
    const size_t at = (size_t)adah_random_below(r, TINY_POSITIONS - 1);
    for (size_t k = 0; k < 2; k++)
        for (size_t p = at; p < at + 2; p++)
            x[(2 * class + k) * TINY_POSITIONS + p] += 1.5f;
}

/* Memory to free; n pairs of TINY_CLASSES classes, as maps or as vectors. */
static inline tiny_pairs *tiny_pairs_create(size_t n, int is_map, uint64_t seed) {
    tiny_pairs *t = calloc(1, sizeof *t);
    adah_random r = adah_random_seeded(seed, 1);
    if (!t)
        abort();
    t->set =
        (adah_pair_set){.n = n,
                        .image = {.shape = {.kind = is_map ? ADAH_INPUT_MAP : ADAH_INPUT_VECTOR,
                                            .item = is_map ? (adah_shape){3, {TINY_CHANNELS, 3, 3, 0}} : ADAH_SHAPE1(TINY_VECTOR)},
                                  .rows = {.value = t->image}},
                        .text = {.shape = adah_input_words(TINY_WORDS),
                                 .words.item = {.item = t->word, .start = t->word_start, .n = n}},
                        .labels = {.item = t->label, .start = t->label_start, .n = n},
                        .n_labels = TINY_CLASSES};
    for (size_t i = 0; i < n; i++) {
        const size_t class = i % TINY_CLASSES;
        const uint32_t base = (uint32_t) class * 4, any = TINY_CLASSES * 4 + (uint32_t)adah_random_below(&r, 8);
        const uint32_t skipped = (uint32_t)adah_random_below(&r, 4); /* three words of the class and one of any */
        tiny_image(t, i, class, is_map, &r);
        t->items[i] = i;
        t->label[i] = (uint32_t) class;
        t->label_start[i + 1] = i + 1;
        t->word_start[i + 1] = 4 * (i + 1);
        for (uint32_t k = 0, m = 0; k < 4; k++)
            if (k != skipped)
                t->word[4 * i + m++] = base + k;
        t->word[4 * i + 3] = any;
    }
    return t;
}

/* 16 bits and layers of a dozen. */
static inline adah_settings tiny_config(void) {
    adah_settings c;
    if (adah_backbone_preset("paper", "small", &c, NULL) != ADAH_OK)
        abort();
    c.n_bits = 16;
    c.n_text_hidden = 16;
    c.n_text_feature = 12;
    c.n_image_hidden = 12;
    c.n_batch = 16;
    c.n_epochs = 4;
    c.n_warmup_epochs = 1;
    c.rate = 0.01f;
    c.rate_attention = 0.01f;
    c.finetune = 0;
    c.schedule = ADAH_SCHEDULE_CONSTANT;
    c.attention_start = ADAH_START_RANDOM;
    c.attention_init = 1;
    return c;
}

/* Every term there is. */
static inline void tiny_config_all_terms(adah_settings *c) { c->classifier_weight = c->contrastive_weight = 1; }

#endif
