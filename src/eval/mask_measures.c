/* mask_measures.c - IoU and pointing of a coarse attention mask against a fine truth mask.
 *
 * Pixel y of n_side belongs to the row of the mask that holds its middle, (y + 1/2) / n_side * height. */
#include "eval/mask_measures.h"
#include "base/memory.h"
#include "base/random.h"

#include <string.h>

/* The cell of n_cells along a side of n_pixels that holds the middle of a pixel; and the same the other way. */
static size_t scale(size_t i, size_t n_from, size_t n_to) { return (2 * i + 1) * n_to / (2 * n_from); }

static double iou(const uint8_t *attended, size_t height, size_t width, adah_mask_truth truth) {
    size_t n_both = 0, n_either = 0;
    for (size_t y = 0; y < truth.n_side; y++)
        for (size_t x = 0; x < truth.n_side; x++) {
            int a = attended[scale(y, truth.n_side, height) * width + scale(x, truth.n_side, width)] != 0;
            int b = truth.inside[y * truth.n_side + x] != 0;
            n_both += a && b;
            n_either += a || b;
        }
    return n_either ? (double)n_both / (double)n_either : 1;
}

static double points_inside(size_t position, size_t height, size_t width, adah_mask_truth truth) {
    size_t y = scale(position / width, height, truth.n_side), x = scale(position % width, width, truth.n_side);
    return truth.inside[y * truth.n_side + x] != 0;
}

static adah_code check(size_t height, size_t width, adah_mask_truth truth, adah_status *status) {
    if (height == 0 || width == 0 || height > truth.n_side || width > truth.n_side || truth.n_side > UINT16_MAX)
        return adah_fail(
            status, ADAH_ERROR_ARGUMENT,
            "attention mask of %zu x %zu against %zu x %zu pixels, expected sides from 1 to those of the "
            "pixels, at most %d",
            height, width, truth.n_side, truth.n_side, UINT16_MAX);
    return ADAH_OK;
}

adah_code adah_mask_score_attention(const uint8_t *attended, const float *probability, size_t height, size_t width,
                                    adah_mask_truth truth, adah_mask_score *score, adah_status *status) {
    ADAH_TRY(check(height, width, truth, status));
    size_t best = 0;
    for (size_t i = 1; i < height * width; i++)
        if (probability[i] > probability[best])
            best = i;
    score->iou = iou(attended, height, width, truth);
    score->pointing = points_inside(best, height, width, truth);
    return ADAH_OK;
}

adah_code adah_mask_score_random(size_t height, size_t width, size_t n_attended, adah_mask_truth truth, uint64_t seed,
                                 adah_mask_score *score, adah_status *status) {
    ADAH_TRY(check(height, width, truth, status));
    size_t n = height * width;
    if (n_attended > n)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu attended positions, expected at most %zu", n_attended, n);
    size_t *order = adah_memory_resize(NULL, n, sizeof *order);
    uint8_t *attended = adah_memory_alloc(n);
    if (!order || !attended) {
        adah_memory_free(order);
        adah_memory_free(attended);
        return adah_fail_memory(status, n * (sizeof *order + 1));
    }
    adah_mask_score sum = {0, 0};
    for (uint64_t draw = 0; draw < ADAH_MASK_DRAWS; draw++) {
        adah_random r = adah_random_seeded(seed, draw);
        adah_random_permutation(&r, n, order);
        memset(attended, 0, n);
        for (size_t i = 0; i < n_attended; i++)
            attended[order[i]] = 1;
        sum.iou += iou(attended, height, width, truth);
        sum.pointing += n_attended ? points_inside(order[0], height, width, truth) : 0;
    }
    adah_memory_free(order);
    adah_memory_free(attended);
    *score = (adah_mask_score){sum.iou / ADAH_MASK_DRAWS, sum.pointing / ADAH_MASK_DRAWS};
    return ADAH_OK;
}
