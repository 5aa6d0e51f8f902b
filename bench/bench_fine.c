/* bench_fine.c - what the fine order costs a search.
 *
 *     bench_fine FILE [n_codes] [n_bits] [n_fine] [n_groups] [k]      defaults: 1,000,000 64 128 0 10
 *
 * Makes FILE, a collection of random codes with search tables, each with a random vector; n_groups 0: codes are uniform, else each is one of so
 * many with every bit turned with probability 1/16, as codes that tell classes. Queries are drawn in the same way. Then asks each query by
 * bits alone and in the fine order, one right after the other in turns, so that other work on the machine meets both, and prints the median
 * time of each and the median of their quotients, query by query. The first line has the bytes of the file and those of its vectors. */
#include "adah/adah.h"
#include "base/random.h"
#include "codes/codes.h"
#include "index/index_builder.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_QUERIES = 301, N_ROUNDS = 3 };

static adah_status status;

static void check(adah_code code) {
    if (code == ADAH_OK)
        return;
    fprintf(stderr, "bench_fine: %s\n", status.message);
    exit(1);
}

typedef struct source {
    adah_random random;
    size_t n_bytes, n_fine, n_groups;
    uint8_t *group;
} source;

static void draw(source *s, uint8_t *code, int8_t *fine) {
    const size_t group = s->n_groups ? (size_t)adah_random_below(&s->random, s->n_groups) : 0;
    for (size_t i = 0; i < s->n_bytes; i++) {
        const uint64_t x = adah_random_next(&s->random);
        code[i] = s->n_groups ? s->group[group * s->n_bytes + i] ^ (uint8_t)(x & x >> 8 & x >> 16 & x >> 24) : (uint8_t)x;
    }
    for (size_t i = 0; i < s->n_fine; i++)
        fine[i] = (int8_t)((int)adah_random_below(&s->random, 255) - 127);
}

static void make(const char *path, source *s, size_t n) {
    static const uint8_t unknown[ADAH_MODEL_IDENTITY_BYTES];
    uint8_t code[ADAH_BITS_MAX / 8];
    int8_t fine[ADAH_FINE_MAX];
    adah_index_builder *b;
    check(adah_index_builder_create(path, s->n_bytes * 8, unknown, "none", &b, &status));
    for (size_t i = 0; i < n; i++) {
        draw(s, code, fine);
        const adah_index_item item = {.id = ADAH_NO_ID, .image_code = code, .image_fine = fine, .n_image_fine = s->n_fine};
        check(adah_index_builder_add(b, &item, &status));
    }
    check(adah_index_builder_publish(b, 0, NULL, &status));
}

static double time_search(const adah_index *x, const uint8_t *code, const adah_search_options *o) {
    adah_search_result result;
    const double start = now();
    check(adah_index_search(x, ADAH_IMAGE, code, 1, o, &result, &status));
    const double seconds = now() - start;
    adah_search_result_free(&result);
    return seconds;
}

static void compare(const adah_index *x, source *s, size_t k) {
    static double bits[N_ROUNDS * N_QUERIES], fine[N_ROUNDS * N_QUERIES], quotient[N_ROUNDS * N_QUERIES];
    static uint8_t code[N_QUERIES][ADAH_BITS_MAX / 8];
    static int8_t vector[N_QUERIES][ADAH_FINE_MAX];
    adah_search_options by_bits;
    adah_search_options_init(&by_bits);
    by_bits.k = k;
    adah_search_options finely = by_bits;
    finely.n_fine = s->n_fine;
    for (size_t i = 0; i < N_QUERIES; i++)
        draw(s, code[i], vector[i]);
    size_t n = 0;
    for (size_t round = 0; round <= N_ROUNDS; round++) /* the first one warms up */
        for (size_t i = 0; i < N_QUERIES; i++) {
            const size_t at = round ? n++ : 0;
            finely.fine = vector[i];
            if (i % 2)
                bits[at] = time_search(x, code[i], &by_bits);
            fine[at] = time_search(x, code[i], &finely);
            if (i % 2 == 0)
                bits[at] = time_search(x, code[i], &by_bits);
            quotient[at] = fine[at] / bits[at];
        }
    const double q = median(quotient, n), b = median(bits, n), f = median(fine, n);
    printf("k %zu: bits alone %.1f us, fine order %.1f us, quotient %.2f (fastest %.1f and %.1f us)\n", k, b * 1e6, f * 1e6, q,
           bits[0] * 1e6, fine[0] * 1e6);
}

int main(int argc, char **argv) {
    size_t number[5] = {1000000, 64, 128, 0, 10};
    if (argc < 2 || argc > 7) {
        fprintf(stderr, "bench_fine: expected FILE [n_codes] [n_bits] [n_fine] [n_groups] [k]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        number[i - 2] = strtoull(argv[i], NULL, 10);
    source s = {adah_random_seeded(1, 1), number[1] / 8, number[2], number[3], NULL};
    s.group = malloc(s.n_groups * s.n_bytes + 1);
    for (size_t i = 0; s.group && i < s.n_groups * s.n_bytes; i++)
        s.group[i] = (uint8_t)adah_random_next(&s.random);
    adah_index *x;
    char *json;
    make(argv[1], &s, number[0]);
    adah_set_threads(1);
    check(adah_index_open(argv[1], &x, &status));
    check(adah_index_stats(x, &json, &status));
    const char *file = strstr(json, "\"file_bytes\""), *vectors = strstr(json, "\"fine_bytes\"");
    printf("%zu codes of %zu bits, vectors of %zu values: %.*s, %.*s\n", number[0], number[1], s.n_fine, (int)strcspn(file, ",\n"), file,
           (int)strcspn(vectors, ",\n"), vectors);
    adah_free(json);
    compare(x, &s, number[4]);
    adah_index_close(x);
    unlink(argv[1]);
    free(s.group);
    return 0;
}
