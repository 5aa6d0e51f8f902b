/* (unit) More like these, not like those: the new query is the formula's, by codes and by vectors, whatever the records lack; what is refused; and a
 * search leaves out what it is told to. */
#define _GNU_SOURCE
#include "base/random.h"
#include "codes/fine.h"
#include "index/index_builder.h"
#include "temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 60, BITS = 72, BYTES = BITS / 8, N_IMAGE = 24, N_TEXT = 16 };

static temporary_folder folder;
static adah_index *index_of_all;
static adah_status status;
static uint8_t code[N][2][BYTES];
static int8_t fine[N][2][N_IMAGE];
#define OK(call) do { if ((call) != ADAH_OK) fail_msg("%s", status.message); } while (0)

/* Every fifth record has no image, every seventh no text; every third has no vectors. Ids are 10, 13, 16, ... */
static int has(size_t i, int side) { return side == ADAH_IMAGE ? i % 5 != 4 : i % 7 != 6 || i % 5 == 4; }
static uint64_t id_of(size_t i) { return 10 + 3 * i; }

static int set_up(void **state) {
    (void)state;
    static const uint8_t identity[16];
    char path[512];
    adah_random r = adah_random_seeded(3, 0);
    adah_index_builder *b;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.adah", path);
    OK(adah_index_builder_create(path, BITS, identity, "none", &b, &status));
    for (size_t i = 0; i < N; i++) {
        for (int side = 0; side < 2; side++) {
            for (size_t k = 0; k < BYTES; k++)
                code[i][side][k] = (uint8_t)adah_random_next(&r);
            for (size_t k = 0; k < N_IMAGE && i % 3; k++)
                fine[i][side][k] = (int8_t)((int)adah_random_below(&r, 255) - 127);
        }
        const adah_index_item item = {.id = id_of(i), .image_code = has(i, 0) ? code[i][0] : NULL, .text_code = has(i, 1) ? code[i][1] : NULL,
                                      .image_fine = i % 3 && has(i, 0) ? fine[i][0] : NULL, .text_fine = i % 3 && has(i, 1) ? fine[i][1] : NULL,
                                      .n_image_fine = N_IMAGE, .n_text_fine = N_TEXT};
        OK(adah_index_builder_add(b, &item, &status));
    }
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_open(path, &index_of_all, &status));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    adah_index_close(index_of_all);
    temporary_folder_remove(&folder);
    return 0;
}

/* What of the record is taken: its side, or the other one where that is missing. */
static int side_of(size_t i, int side) { return has(i, side) ? side : !side; }

typedef struct plain {
    double bit[BITS], value[N_TEXT];
} plain;

static void add(plain *p, const uint8_t *c, const int8_t *v, double weight) {
    double square = 0;
    for (size_t k = 0; k < BITS; k++)
        p->bit[k] += c[k / 8] >> k % 8 & 1 ? weight : -weight;
    for (size_t k = 0; v && k < N_TEXT; k++)
        square += (double)v[k] * v[k];
    for (size_t k = 0; v && square > 0 && k < N_TEXT; k++)
        p->value[k] += weight * v[k] / sqrt(square);
}

static void check(const plain *p, const uint8_t *first, const adah_feedback *f) {
    double length = 0, theirs = 0, product = 0;
    for (size_t k = 0; k < BITS; k++)
        if (fabs(p->bit[k]) > 1e-5)
            assert_int_equal(f->code[k / 8] >> k % 8 & 1, p->bit[k] > 0);
        else
            assert_int_equal(f->code[k / 8] >> k % 8 & 1, first[k / 8] >> k % 8 & 1);
    for (size_t k = 0; k < N_TEXT; k++) {
        length += p->value[k] * p->value[k];
        theirs += (double)f->fine[k] * f->fine[k];
        product += p->value[k] * f->fine[k];
    }
    assert_int_equal(f->n_fine, length > 0 ? N_TEXT : 0);
    if (length > 0)
        assert_true(product / sqrt(length * theirs) > 0.999);
    assert_int_equal(f->fine_of, ADAH_TEXT);
}

static void test_formula(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(4, 0);
    for (int round = 0; round < 300; round++) {
        size_t order[N];
        uint64_t id[N];
        adah_feedback f;
        adah_feedback_options o;
        plain p = {.bit = {0}};
        adah_random_permutation(&r, N, order);
        for (size_t i = 0; i < N; i++)
            id[i] = id_of(order[i]);
        adah_feedback_options_init(&o);
        o.liked = id;
        o.n_liked = (size_t)adah_random_below(&r, 5);
        o.unliked = id + o.n_liked;
        o.n_unliked = (size_t)adah_random_below(&r, 4);
        o.side = (adah_modality)adah_random_below(&r, 2);
        const size_t query = order[N - 1];
        const int of = (int)adah_random_below(&r, 2);
        if (!o.n_liked || adah_random_below(&r, 2)) {
            o.code = code[query][of];
            o.fine = adah_random_below(&r, 4) ? fine[query][of] : NULL;
            o.n_fine = o.fine ? (of == ADAH_IMAGE ? N_IMAGE : N_TEXT) : 0;
            o.query_weight = adah_random_uniform(&r) + 0.1F;
            add(&p, o.code, o.fine, (double)o.query_weight);
        }
        o.liked_weight = adah_random_uniform(&r) + 0.1F;
        for (size_t i = 0; i < o.n_liked + o.n_unliked; i++) {
            const size_t which = order[i];
            const int side = side_of(which, o.side);
            add(&p, code[which][side], which % 3 ? fine[which][side] : NULL,
                i < o.n_liked ? (double)o.liked_weight / (double)o.n_liked : -(double)o.unliked_weight / (double)o.n_unliked);
        }
        OK(adah_index_feedback(index_of_all, &o, &f, &status));
        check(&p, o.code ? o.code : code[order[0]][side_of(order[0], o.side)], &f);
    }
}

static void test_equal_halves_leave_the_bits_of_the_first(void **state) {
    (void)state;
    const uint64_t liked[] = {id_of(1), id_of(2)};
    adah_feedback f;
    adah_feedback_options o;
    adah_feedback_options_init(&o);
    o.liked = liked;
    o.n_liked = 2;
    OK(adah_index_feedback(index_of_all, &o, &f, &status));
    assert_memory_equal(f.code, code[1][ADAH_IMAGE], BYTES);
}

static void test_what_is_refused(void **state) {
    (void)state;
    const uint64_t twice[] = {id_of(1), id_of(2), id_of(1)}, missing = 11;
    adah_feedback f;
    adah_feedback_options o;
    adah_feedback_options_init(&o);
    assert_int_equal(adah_index_feedback(index_of_all, &o, &f, &status), ADAH_ERROR_ARGUMENT);
    o.unliked = twice;
    o.n_unliked = 2;
    assert_int_equal(adah_index_feedback(index_of_all, &o, &f, &status), ADAH_ERROR_ARGUMENT);
    o.liked = twice + 2;
    o.n_liked = 1;
    assert_int_equal(adah_index_feedback(index_of_all, &o, &f, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "13 is marked twice"));
    o.unliked = &missing;
    o.n_unliked = 1;
    assert_int_equal(adah_index_feedback(index_of_all, &o, &f, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "id 11"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_equal_halves_leave_the_bits_of_the_first),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
