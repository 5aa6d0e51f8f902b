/* (unit) Attention masks against true masks, worked out by hand. */
#include "base/memory.h"
#include "eval/mask_measures.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ASSERT_CLOSE(a, b)                                                                                           \
    do {                                                                                                             \
        if (!(fabs((a) - (b)) < 1e-12))                                                                              \
            fail_msg("%s is %.15g, expected %.15g", #a, (a), (double)(b));                                           \
    } while (0)

/* 4 x 4 pixels; the object is 6 of them. */
static const uint8_t object[16] = {
    0, 1, 1, 0, /* */
    0, 1, 9, 0, /* any value but zero is inside */
    0, 1, 1, 0, /* */
    0, 0, 0, 0, /* */
};
static const adah_mask_truth truth = {object, 4};

static adah_mask_score score(const uint8_t *attended, const float *probability, size_t height, size_t width,
                             adah_mask_truth t) {
    adah_mask_score s;
    adah_status status = {0};
    if (adah_mask_score_attention(attended, probability, height, width, t, &s, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return s;
}

static void test_iou_of_an_enlarged_mask(void **state) {
    (void)state;
    const float p[4] = {0.1f, 0.4f, 0.3f, 0.2f};
    const uint8_t right[4] = {0, 1, 0, 1}; /* 8 pixels, 3 of them inside; 11 in either */
    ASSERT_CLOSE(score(right, p, 2, 2, truth).iou, 3.0 / 11);
    const uint8_t top[4] = {1, 255, 0, 0}; /* 8 pixels, 4 of them inside; 10 in either */
    ASSERT_CLOSE(score(top, p, 2, 2, truth).iou, 4.0 / 10);
    const uint8_t all[4] = {1, 1, 1, 1}, none[4] = {0};
    ASSERT_CLOSE(score(all, p, 2, 2, truth).iou, 6.0 / 16);
    ASSERT_CLOSE(score(none, p, 2, 2, truth).iou, 0);
    float fine[16] = {0};
    ASSERT_CLOSE(score(object, fine, 4, 4, truth).iou, 1);
    const uint8_t nothing[16] = {0};
    const adah_mask_truth empty = {nothing, 4};
    ASSERT_CLOSE(score(none, p, 2, 2, empty).iou, 1);
    ASSERT_CLOSE(score(all, p, 2, 2, empty).iou, 0);
}

static void test_a_mask_that_does_not_divide_the_pixels(void **state) {
    (void)state;
    /* 3 rows over 4 pixels: middles at 0.375, 1.125, 1.875, 2.625 rows, so rows 0 1 1 2; one column. */
    const float p[3] = {0.2f, 0.5f, 0.3f};
    const uint8_t middle[3] = {0, 1, 0}; /* rows 1 and 2 of the pixels: 8, 4 of them inside; 10 in either */
    ASSERT_CLOSE(score(middle, p, 3, 1, truth).iou, 4.0 / 10);
    const uint8_t last[3] = {0, 0, 1};
    ASSERT_CLOSE(score(last, p, 3, 1, truth).iou, 0.0 / 10);
}

static void test_pointing_takes_the_first_largest(void **state) {
    (void)state;
    const uint8_t mask[16] = {0};
    /* A 2 x 2 position points to the pixel (1 or 3, 1 or 3): only (1, 1) is inside. */
    const float first[4] = {0.4f, 0.2f, 0.2f, 0.2f}, last[4] = {0.2f, 0.2f, 0.2f, 0.4f}, flat[4] = {1, 1, 1, 1};
    ASSERT_CLOSE(score(mask, first, 2, 2, truth).pointing, 1);
    ASSERT_CLOSE(score(mask, last, 2, 2, truth).pointing, 0);
    ASSERT_CLOSE(score(mask, flat, 2, 2, truth).pointing, 1);
    float fine[16] = {0};
    fine[10] = 1; /* row 2, column 2 */
    fine[11] = 1; /* outside, but second */
    ASSERT_CLOSE(score(mask, fine, 4, 4, truth).pointing, 1);
    fine[9 - 1] = 2; /* row 2, column 0 */
    ASSERT_CLOSE(score(mask, fine, 4, 4, truth).pointing, 0);
}

static void test_random_masks(void **state) {
    (void)state;
    adah_mask_score a, b;
    /* Everything attended: every draw is the full mask. */
    assert_int_equal(adah_mask_score_random(4, 4, 16, truth, 1, &a, NULL), ADAH_OK);
    ASSERT_CLOSE(a.iou, 6.0 / 16);
    /* Nothing attended. */
    assert_int_equal(adah_mask_score_random(4, 4, 0, truth, 1, &a, NULL), ADAH_OK);
    ASSERT_CLOSE(a.iou, 0);
    ASSERT_CLOSE(a.pointing, 0);
    /* One position of four by four is inside or not: IoU 1/6 or 0, and it is the one that points. */
    double hits = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        assert_int_equal(adah_mask_score_random(4, 4, 1, truth, seed, &a, NULL), ADAH_OK);
        ASSERT_CLOSE(a.iou, a.pointing / 6);
        hits += a.pointing * 10;
    }
    /* 4000 draws that hit with 6/16: 1500, standard deviation 31 */
    assert_true(fabs(hits - 1500) < 150);
    assert_int_equal(adah_mask_score_random(4, 4, 5, truth, 42, &a, NULL), ADAH_OK);
    assert_int_equal(adah_mask_score_random(4, 4, 5, truth, 42, &b, NULL), ADAH_OK);
    assert_memory_equal(&a, &b, sizeof a);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    const float p[1] = {1};
    const uint8_t mask[1] = {1};
    adah_mask_score s = {7, 7};
    adah_status status;
    const size_t sides[][2] = {{0, 1}, {1, 0}, {5, 1}, {1, 5}, {SIZE_MAX, 1}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        assert_int_equal(adah_mask_score_attention(mask, p, sides[i][0], sides[i][1], truth, &s, &status),
                         ADAH_ERROR_ARGUMENT);
        assert_int_equal(adah_mask_score_random(sides[i][0], sides[i][1], 1, truth, 1, &s, &status),
                         ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "against 4 x 4 pixels"));
    }
    assert_int_equal(adah_mask_score_random(2, 2, 5, truth, 1, &s, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "5 attended positions, expected at most 4"));
    for (uint64_t n = 1; n <= 2; n++) {
        adah_memory_fault_at(n);
        assert_int_equal(adah_mask_score_random(2, 2, 1, truth, 1, &s, &status), ADAH_ERROR_MEMORY);
        adah_memory_fault_at(0);
    }
    ASSERT_CLOSE(s.iou, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iou_of_an_enlarged_mask),
        cmocka_unit_test(test_a_mask_that_does_not_divide_the_pixels),
        cmocka_unit_test(test_pointing_takes_the_first_largest),
        cmocka_unit_test(test_random_masks),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
