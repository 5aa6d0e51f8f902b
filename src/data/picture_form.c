/* picture_form.c - weights of a filter for each position of a side, two passes, and which part of a side is kept.
 *
 * Only what is kept is computed: with a centre crop the positions of a side begin in the midst of it, and the first pass takes only the rows
 * that the second one reads. */
#include "data/picture_form.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { POINT_BITS = 22 };

/* ---------------------------------------------------------------- the filters */

static double triangle(double t) { return t < 1 ? 1 - t : 0; }

/* Keys 1981, a = -1/2. */
static double cubic(double t) {
    const double a = -0.5;
    return t < 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

static double sinc(double t) {
    const double pi = 3.14159265358979323846;
    return t == 0 ? 1 : sin(pi * t) / (pi * t);
}

static double lanczos(double t) { return t < 3 ? sinc(t) * sinc(t / 3) : 0; }

static const struct {
    double (*weight)(double distance);
    double reach;
} filters[] = {[ADAH_FILTER_LANCZOS] = {lanczos, 3}, [ADAH_FILTER_BICUBIC] = {cubic, 2}, [ADAH_FILTER_BILINEAR] = {triangle, 1}};
enum { N_FILTERS = sizeof filters / sizeof *filters };

/* ---------------------------------------------------------------- one side */

/* n_in positions become n_scaled, of which n_side from `skipped` on are kept. */
typedef struct side {
    size_t n_in, n_scaled, skipped, n_side;
    size_t n_taps;   /* weights of a position at most; 0: nothing is resampled */
    size_t *first;   /* of each kept position: the first old one that counts */
    size_t *n;       /* and how many do */
    int32_t *weight; /* (n_side, n_taps) */
} side;

static void side_free(side *s) {
    adah_memory_free(s->first);
    adah_memory_free(s->n);
    adah_memory_free(s->weight);
}

static void weigh(side *s, int filter, size_t i, double *weight) {
    const double scale = (double)s->n_in / (double)s->n_scaled, widening = scale > 1 ? scale : 1;
    const double reach = filters[filter].reach * widening, centre = ((double)(i + s->skipped) + 0.5) * scale;
    const double low = centre - reach + 0.5, high = centre + reach + 0.5;
    const size_t first = low > 0 ? (size_t)low : 0, end = high < (double)s->n_in ? (size_t)high : s->n_in;
    double sum = 0;
    for (size_t k = 0; k < end - first; k++) {
        weight[k] = filters[filter].weight(fabs(((double)(k + first) - centre + 0.5) * (1 / widening)));
        sum += weight[k];
    }
    s->first[i] = first;
    s->n[i] = end - first;
    for (size_t k = 0; k < s->n[i]; k++) {
        const double w = (sum != 0 ? weight[k] / sum : weight[k]) * (1 << POINT_BITS);
        s->weight[i * s->n_taps + k] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
    }
}

static adah_code side_make(side *s, int filter, adah_status *status) {
    if (s->n_in == s->n_scaled)
        return ADAH_OK;
    const double scale = (double)s->n_in / (double)s->n_scaled, reach = filters[filter].reach * (scale > 1 ? scale : 1);
    s->n_taps = 2 * (size_t)ceil(reach) + 1;
    const size_t n = s->n_side * s->n_taps;
    double *weight = adah_memory_alloc(s->n_taps * sizeof *weight);
    s->first = adah_memory_zeroed(s->n_side, sizeof *s->first);
    s->n = adah_memory_zeroed(s->n_side, sizeof *s->n);
    s->weight = adah_memory_zeroed(n, sizeof *s->weight);
    const int is_made = weight && s->first && s->n && s->weight;
    for (size_t i = 0; is_made && i < s->n_side; i++)
        weigh(s, filter, i, weight);
    adah_memory_free(weight);
    return is_made ? ADAH_OK : adah_fail_memory(status, n * sizeof *s->weight);
}

/* ---------------------------------------------------------------- the passes */

static uint8_t rounded(int32_t sum) {
    const int32_t value = sum >> POINT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* A row of n_in pixels to n_side. */
static void along(const side *s, const uint8_t *row, uint8_t *to) {
    if (!s->n_taps) {
        memcpy(to, row + s->skipped * 3, s->n_side * 3);
        return;
    }
    for (size_t i = 0; i < s->n_side; i++) {
        const int32_t *weight = s->weight + i * s->n_taps;
        const uint8_t *pixel = row + s->first[i] * 3;
        int32_t red = 1 << (POINT_BITS - 1), green = red, blue = red;
        for (size_t k = 0; k < s->n[i]; k++) {
            red += weight[k] * pixel[3 * k];
            green += weight[k] * pixel[3 * k + 1];
            blue += weight[k] * pixel[3 * k + 2];
        }
        to[3 * i] = rounded(red);
        to[3 * i + 1] = rounded(green);
        to[3 * i + 2] = rounded(blue);
    }
}

/* Rows of n_bytes to row i of the result; sum: room for n_bytes numbers. */
static void down(const side *s, size_t i, const uint8_t *rows, size_t n_bytes, int32_t *sum, uint8_t *to) {
    const int32_t *weight = s->weight + i * s->n_taps;
    for (size_t b = 0; b < n_bytes; b++)
        sum[b] = 1 << (POINT_BITS - 1);
    for (size_t k = 0; k < s->n[i]; k++)
        for (size_t b = 0; b < n_bytes; b++)
            sum[b] += weight[k] * rows[k * n_bytes + b];
    for (size_t b = 0; b < n_bytes; b++)
        to[b] = rounded(sum[b]);
}

static adah_code run(const side *across, const side *upright, const adah_picture *whole, uint8_t *rgb, adah_status *status) {
    const size_t n_side = across->n_side, n_bytes = n_side * 3, last = n_side - 1;
    const size_t first = upright->n_taps ? upright->first[0] : upright->skipped;
    const size_t end = upright->n_taps ? upright->first[last] + upright->n[last] : first + n_side;
    uint8_t *rows = adah_memory_alloc((end - first) * n_bytes);
    int32_t *sum = adah_memory_alloc(n_bytes * sizeof *sum);
    const int is_made = rows && sum;
    for (size_t y = first; is_made && y < end; y++)
        along(across, whole->rgb + y * whole->n_width * 3, rows + (y - first) * n_bytes);
    for (size_t i = 0; is_made && i < n_side; i++) {
        if (upright->n_taps)
            down(upright, i, rows + (upright->first[i] - first) * n_bytes, n_bytes, sum, rgb + i * n_bytes);
        else
            memcpy(rgb + i * n_bytes, rows + i * n_bytes, n_bytes);
    }
    adah_memory_free(rows);
    adah_memory_free(sum);
    return is_made ? ADAH_OK : adah_fail_memory(status, (end - first) * n_bytes);
}

/* ---------------------------------------------------------------- which part */

/* Halves go to the even number. */
static size_t half_of(size_t n) { return n / 2 + (n % 4 == 3); }

/* The shorter side becomes n_side / share, the longer one follows, and the middle is kept. */
static void plan(const adah_picture_form *form, size_t n_in, size_t n_other, side *s) {
    const size_t n_short = n_in < n_other ? n_in : n_other;
    *s = (side){.n_in = n_in, .n_scaled = form->n_side, .n_side = form->n_side};
    if (form->crop != ADAH_CROP_CENTRE)
        return;
    const size_t n_scaled_short = (size_t)((double)form->n_side / (double)form->crop_share + 1e-3);
    s->n_scaled = (size_t)((double)n_scaled_short * (double)n_in / (double)n_short);
    s->skipped = half_of(s->n_scaled - form->n_side);
}

int adah_picture_form_is_plain(const adah_picture_form *form) {
    return form->filter == ADAH_FILTER_LANCZOS && form->crop == ADAH_CROP_NONE;
}

adah_code adah_picture_form_check(const adah_picture_form *form, adah_status *status) {
    const int is_cropped = form->crop == ADAH_CROP_CENTRE;
    if (form->n_side < 1 || form->n_side > ADAH_FORM_SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "image side %zu, expected 1..%d", form->n_side, ADAH_FORM_SIDE_MAX);
    if ((unsigned)form->filter >= N_FILTERS || (!is_cropped && form->crop != ADAH_CROP_NONE))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "picture filter %d and crop %d, expected those of adah_picture_form", form->filter,
                         form->crop);
    if (is_cropped && !(form->crop_share >= 0.1f && form->crop_share <= 1))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "crop share %g, expected 0.1..1", (double)form->crop_share);
    return ADAH_OK;
}

adah_code adah_picture_form_apply(const adah_picture_form *form, const adah_picture *whole, uint8_t *rgb, adah_status *status) {
    side across, upright;
    ADAH_TRY(adah_picture_form_check(form, status));
    plan(form, whole->n_width, whole->n_height, &across);
    plan(form, whole->n_height, whole->n_width, &upright);
    adah_code code = side_make(&across, form->filter, status);
    if (code == ADAH_OK)
        code = side_make(&upright, form->filter, status);
    if (code == ADAH_OK)
        code = run(&across, &upright, whole, rgb, status);
    side_free(&across);
    side_free(&upright);
    return code;
}

void adah_picture_crop(adah_picture *p, const adah_picture_form *form) {
    if (form->crop != ADAH_CROP_CENTRE)
        return;
    const size_t n_short = p->n_width < p->n_height ? p->n_width : p->n_height;
    const size_t n_wanted = (size_t)((double)n_short * (double)form->crop_share + 0.5), n_kept = n_wanted ? n_wanted : 1;
    const size_t left = (p->n_width - n_kept) / 2, top = (p->n_height - n_kept) / 2;
    for (size_t y = 0; y < n_kept; y++)
        memmove(p->rgb + y * n_kept * 3, p->rgb + ((y + top) * p->n_width + left) * 3, n_kept * 3);
    p->n_width = p->n_height = n_kept;
}
