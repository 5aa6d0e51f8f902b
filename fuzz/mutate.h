/* mutate.h - what the mutators of targets that know their input's form have in common: dice, and changes to a JSON value
 * that leave it JSON. */
#ifndef ADAH_FUZZ_MUTATE_H
#define ADAH_FUZZ_MUTATE_H

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's own mutation of bytes; replay.c has none and calls no mutator. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n_bytes, size_t n_bytes_max);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t n_bytes_max, unsigned seed);

typedef struct dice {
    uint64_t state;
} dice;

static inline dice dice_of(unsigned seed) { return (dice){seed * UINT64_C(0x9e3779b97f4a7c15) + 1}; }

/* 0..n-1; 0 for n 0. */
static inline size_t roll(dice *d, size_t n) {
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return n ? (size_t)(d->state >> 11) % n : 0;
}

/* 1 once in n times. */
static inline int chance(dice *d, size_t n) { return roll(d, n) == 0; }

/* What strings become. */
typedef struct word_list {
    const char *const *word;
    size_t n;
} word_list;

typedef struct json_place {
    json_t *parent, *value;
    const char *key; /* in an object */
    size_t index;    /* in an array */
} json_place;

enum { JSON_PLACES_MAX = 2000 };

static inline size_t find_places(json_t *value, json_place *place, size_t n) {
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach(value, key, child) {
        if (n == JSON_PLACES_MAX)
            return n;
        place[n++] = (json_place){value, child, key, 0};
        n = find_places(child, place, n);
    }
    json_array_foreach(value, i, child) {
        if (n == JSON_PLACES_MAX)
            return n;
        place[n++] = (json_place){value, child, NULL, i};
        n = find_places(child, place, n);
    }
    return n;
}

static inline json_t *mutated_integer(dice *d, json_int_t old) {
    static const json_int_t odd[] = {0,    -1,    1,      2,          3,          7,           8,
                                     9,    16,    32,     64,         255,        1023,        1024,
                                     1025, 65536, 1 << 24, 2147483647, 2147483648, 4294967296, INT64_MAX,
                                     INT64_MIN, INT64_C(1) << 53, INT64_C(1) << 62};
    switch (roll(d, 5)) {
    case 0: return json_integer(old < INT64_MAX ? old + 1 : old);
    case 1: return json_integer(old > INT64_MIN ? old - 1 : old);
    case 2: return json_integer(old / 2);
    case 3: return json_integer((json_int_t)roll(d, 130));
    default: return json_integer(odd[roll(d, sizeof odd / sizeof *odd)]);
    }
}

static inline json_t *mutated_real(dice *d, double old) {
    static const double odd[] = {0, -0.0, 1, -1, 0.5, 1e-300, 1e300, -1e300, 1e38, 3.5e38, 1e-45, 0.001, 1e6, 4294967296.0};
    return json_real(chance(d, 3) && old < 1e100 && old > -1e100 ? 2 * old : odd[roll(d, sizeof odd / sizeof *odd)]);
}

static inline json_t *mutated_text(dice *d, const char *old, size_t n_old, word_list words) {
    enum { TEXT_MAX = 600 };
    char text[TEXT_MAX];
    if (chance(d, 2) && words.n)
        return json_string(words.word[roll(d, words.n)]);
    const size_t n = n_old < TEXT_MAX ? n_old : TEXT_MAX;
    memcpy(text, old, n);
    json_t *changed = json_stringn(text, LLVMFuzzerMutate((uint8_t *)text, n, TEXT_MAX)); /* NULL: no UTF-8 */
    return changed ? changed : json_string("");
}

/* A value in place of another, mostly of the same kind. */
static inline json_t *mutated_value(dice *d, const json_t *old, word_list words) {
    if (chance(d, 10)) {
        switch (roll(d, 7)) {
        case 0: return json_null();
        case 1: return json_boolean(roll(d, 2));
        case 2: return json_array();
        case 3: return json_object();
        case 4: return mutated_integer(d, 0);
        case 5: return mutated_real(d, 1);
        default: return mutated_text(d, "", 0, words);
        }
    }
    switch (json_typeof(old)) {
    case JSON_INTEGER: return mutated_integer(d, json_integer_value(old));
    case JSON_REAL: return mutated_real(d, json_real_value(old));
    case JSON_STRING: return mutated_text(d, json_string_value(old), json_string_length(old), words);
    case JSON_TRUE: return json_false();
    case JSON_FALSE: return json_true();
    default: return json_deep_copy(old);
    }
}

/* Puts a value, which it takes over, beside the place or in its stead. */
static inline void put_value(dice *d, const json_place *p, json_t *value, int beside, word_list words) {
    char key[64];
    if (!p->key) {
        if (beside)
            json_array_insert_new(p->parent, p->index, value);
        else
            json_array_set_new(p->parent, p->index, value);
        return;
    }
    snprintf(key, sizeof key, "%s", !beside ? p->key : words.n ? words.word[roll(d, words.n)] : "key");
    if (strlen(p->key) >= sizeof key)
        json_decref(value);
    else
        json_object_set_new(p->parent, key, value);
}

/* Changes one place below root. */
static inline void mutate_json(dice *d, json_t *root, word_list words) {
    static json_place place[JSON_PLACES_MAX];
    const size_t n = find_places(root, place, 0);
    if (n == 0)
        return;
    const json_place p = place[roll(d, n)];
    switch (roll(d, 12)) {
    case 0: /* gone */
        if (p.key)
            json_object_del(p.parent, p.key);
        else
            json_array_remove(p.parent, p.index);
        return;
    case 1: put_value(d, &p, json_deep_copy(p.value), 1, words); return;                    /* twice */
    case 2: put_value(d, &p, json_deep_copy(place[roll(d, n)].value), 0, words); return;    /* from elsewhere */
    case 3: put_value(d, &p, mutated_value(d, p.value, words), 1, words); return;           /* something more */
    default: put_value(d, &p, mutated_value(d, p.value, words), 0, words); return;
    }
}

#endif
