/* shrink.c - rows go into a ring of as many as the filter is long; when it holds what a row of the result needs, that row is made.
 *
 * Both directions have a plan made beforehand: the size of the boxes, which filter stands where. The filter has 65 forms, for the
 * places of a pixel in 64ths of a pixel. Pictures of one colour at the edge go on beyond it. */
#include "plugins/pictures/shrink.h"
#include "base/memory.h"
#include "plugins/pictures/shrink_rows.h"

#include <math.h>
#include <string.h>

enum { PLACES = 64, STRIP = 10 /* rows that libvips makes at a time */ };

/* One direction. */
typedef struct axis {
    size_t n_in, n_out;
    size_t n_box;      /* pixels whose mean is taken first */
    size_t n_boxed;    /* what that leaves */
    size_t n_taps;     /* of the filter; 0: none, the boxes' means are the result */
    size_t n_before;   /* pixels of the filter before its place */
    size_t *place;     /* n_out: where the filter begins, counted from n_before pixels before the first */
    uint8_t *form;     /* n_out: which of the forms */
    int16_t *filter;   /* (PLACES + 1, SHRINK_TAPS) */
} axis;

struct adah_shrink {
    axis across, down;
    size_t n_row_bytes;   /* of a row in the ring */
    size_t n_ring;        /* rows of it */
    uint8_t *ring;
    uint32_t *sum;        /* of the rows of a box, where boxes are more than two rows high */
    uint8_t *box_row;     /* a row that is not the first of its box */
    uint8_t *padded;      /* a row of the result that is still to be filtered along, with room on both sides */
    int16_t *spread;      /* the filters across, as adah_shrink_rows wants them */
    size_t n_taken;       /* rows */
    size_t n_boxes;       /* rows of boxes in the ring since the beginning */
    size_t n_done;        /* rows of the result */
};

/* ---------------------------------------------------------------- plans */

/* The weights of a filter whose middle lies x pixels (0 to 1) behind its middle tap, in 4096ths. */
static void make_filter(double shrink, double x, size_t n_taps, int16_t *filter) {
    const double pi = 3.14159265358979323846, middle = x + (double)n_taps / 2.0 - 1;
    double weight[SHRINK_TAPS], sum = 0;
    for (size_t i = 0; i < n_taps; i++) {
        const double t = ((double)i - middle) / shrink;
        weight[i] = t == 0.0 ? 1.0 : t < -3 || t > 3 ? 0.0 : 3.0 * sin(pi * t) * sin(pi * t / 3.0) / (pi * pi * t * t);
        sum += weight[i];
    }
    for (size_t i = 0; i < n_taps; i++)
        filter[i] = (int16_t)(weight[i] / sum * 4096);
}

/* Sets all but the arrays. 0: not for this file. */
static int plan(size_t n_in, double factor, axis *a, double *shrink, double *first) {
    double scale = 1.0 / factor; /* libvips gives its parts the one and the other in turn */
    if (scale < 1.0 / (double)n_in)
        scale = 1.0 / (double)n_in;
    if (!(scale <= 1))
        return 0;
    *shrink = 1.0 / scale;
    *a = (axis){.n_in = n_in, .n_box = 1, .n_boxed = n_in};
    a->n_out = (size_t)((double)n_in / *shrink + 0.5);
    double more = (double)a->n_out * *shrink - (double)n_in; /* pixels that the result covers beyond the picture */
    if (a->n_out == 0)
        return 0;
    const size_t n_box = (size_t)((double)n_in / (double)a->n_out / 2);
    if (n_box > 1) {
        a->n_box = n_box;
        a->n_boxed = (n_in + n_box - 1) / n_box;
        *shrink /= (double)n_box;
        more /= (double)n_box;
    }
    if (*shrink == 1.0)
        return a->n_boxed == a->n_out;
    const double n_taps = 2 * rint(3 * *shrink) + 1;
    if (!(*shrink > 1.0) || n_taps > SHRINK_TAPS)
        return 0;
    a->n_taps = (size_t)n_taps;
    a->n_before = (a->n_taps + 1) / 2 - 1;
    *first = 1 - (1 + more) / 2; /* libvips's offset, its sign turned */
    return 1;
}

/* Where the filters stand: added up from the beginning of each strip, as libvips does. */
static void place_filters(axis *a, double shrink, double first, size_t n_strip) {
    double at = 0;
    for (size_t i = 0; i < a->n_out; i++) {
        at = i % n_strip == 0 ? ((double)i + 0.5) * shrink - 0.5 + first : at + shrink;
        const size_t fine = (size_t)(at * (2 * PLACES));
        a->place[i] = (size_t)at;
        a->form[i] = (uint8_t)((fine % (2 * PLACES) + 1) / 2);
    }
}

/* Returns 0 when memory is out. */
static int fill(axis *a, double shrink, double first, size_t n_strip) {
    if (!a->n_taps)
        return 1;
    a->place = adah_memory_zeroed(a->n_out, sizeof *a->place);
    a->form = adah_memory_zeroed(a->n_out, 1);
    a->filter = adah_memory_zeroed((PLACES + 1) * SHRINK_TAPS, sizeof *a->filter);
    if (!a->place || !a->form || !a->filter)
        return 0;
    for (size_t i = 0; i <= PLACES; i++)
        make_filter(shrink, (double)i / PLACES, a->n_taps, a->filter + i * SHRINK_TAPS);
    place_filters(a, shrink, first, n_strip);
    return 1;
}

static void free_axis(axis *a) {
    adah_memory_free(a->place);
    adah_memory_free(a->form);
    adah_memory_free(a->filter);
}

/* Returns 0 when memory is out. */
static int allocate(adah_shrink *s) {
    const axis *across = &s->across, *down = &s->down;
    s->n_row_bytes = (across->n_in + 1) * 3 + SHRINK_SLACK;
    s->n_ring = down->n_taps ? down->n_taps : 1;
    s->ring = adah_memory_zeroed(s->n_ring, s->n_row_bytes);
    s->padded = adah_memory_zeroed(across->n_in + SHRINK_TAPS + SHRINK_SLACK, 3);
    if (!s->ring || !s->padded)
        return 0;
    if (down->n_box > 1 && !(s->box_row = adah_memory_zeroed(s->n_row_bytes, 1)))
        return 0;
    if (down->n_box > 2 && !(s->sum = adah_memory_zeroed(across->n_in, 3 * sizeof *s->sum)))
        return 0;
    if (across->n_taps) {
        s->spread = adah_memory_zeroed((PLACES + 1) * SHRINK_SPREAD, sizeof *s->spread);
        if (!s->spread)
            return 0;
        for (size_t i = 0; i <= PLACES; i++)
            adah_shrink_spread(across->filter + i * SHRINK_TAPS, s->spread + i * SHRINK_SPREAD);
    }
    return 1;
}

void adah_shrink_factors(size_t n_width, size_t n_height, size_t n_side, int keeps_aspect, double factor[2]) {
    factor[0] = (double)n_width / (double)n_side;
    factor[1] = (double)n_height / (double)n_side;
    if (!keeps_aspect)
        return;
    const double longer = factor[0] > factor[1] ? factor[0] : factor[1], more = longer > 1 ? longer : 1;
    factor[0] = more < (double)n_width ? more : (double)n_width;
    factor[1] = more < (double)n_height ? more : (double)n_height;
}

adah_code adah_shrink_create(size_t n_width, size_t n_height, double across, double down, adah_shrink **shrink, adah_status *status) {
    double by[2], first[2] = {0, 0};
    axis x, y;
    *shrink = NULL;
    if (n_width == 0 || n_height == 0 || !plan(n_width, across, &x, &by[0], &first[0]) || !plan(n_height, down, &y, &by[1], &first[1]))
        return ADAH_OK;
    adah_shrink *s = adah_memory_zeroed(1, sizeof *s);
    if (!s)
        return adah_fail_memory(status, sizeof *s);
    s->across = x;
    s->down = y;
    if (!fill(&s->across, by[0], first[0], SIZE_MAX) || !fill(&s->down, by[1], first[1], STRIP) || !allocate(s)) {
        adah_shrink_free(s);
        return adah_fail_memory(status, n_width * 3 * SHRINK_TAPS);
    }
    *shrink = s;
    return ADAH_OK;
}

void adah_shrink_free(adah_shrink *s) {
    if (!s)
        return;
    free_axis(&s->across);
    free_axis(&s->down);
    adah_memory_free(s->ring);
    adah_memory_free(s->sum);
    adah_memory_free(s->box_row);
    adah_memory_free(s->padded);
    adah_memory_free(s->spread);
    adah_memory_free(s);
}

size_t adah_shrink_width(const adah_shrink *s) { return s->across.n_out; }
size_t adah_shrink_height(const adah_shrink *s) { return s->down.n_out; }

/* ---------------------------------------------------------------- rows */

static uint8_t *ring_row(const adah_shrink *s, size_t box) { return s->ring + box % s->n_ring * s->n_row_bytes; }

uint8_t *adah_shrink_row(adah_shrink *s) { return s->n_taken % s->down.n_box ? s->box_row : ring_row(s, s->n_boxes); }

/* A row of boxes, which lies in `padded` behind n_before pixels, filtered along. */
static void filter_along(adah_shrink *s, uint8_t *to) {
    const axis *a = &s->across;
    uint8_t *row = s->padded + a->n_before * 3, *end = row + a->n_boxed * 3;
    if (a->n_box > 1)
        adah_shrink_boxes(row, a->n_in, a->n_box);
    if (!a->n_taps) {
        memcpy(to, row, a->n_out * 3);
        return;
    }
    for (size_t i = 0; i < a->n_before; i++)
        memcpy(s->padded + i * 3, row, 3);
    for (size_t i = 0; i < a->n_taps; i++)
        memcpy(end + i * 3, end - 3, 3);
    adah_shrink_along(s->padded, a->place, a->form, s->spread, a->n_taps, a->n_out, to);
}

/* The row of the result that is next. */
static void make_row(adah_shrink *s, uint8_t *to) {
    const axis *a = &s->down;
    const uint8_t *row[SHRINK_TAPS];
    const size_t n_bytes = s->across.n_in * 3;
    uint8_t *across = s->across.n_taps || s->across.n_box > 1 ? s->padded + s->across.n_before * 3 : to;
    if (a->n_taps) {
        for (size_t i = 0; i < a->n_taps; i++) {
            const size_t behind = a->place[s->n_done] + i, last = a->n_boxed - 1 + a->n_before;
            row[i] = ring_row(s, behind < a->n_before ? 0 : behind > last ? a->n_boxed - 1 : behind - a->n_before);
        }
        adah_shrink_down(row, a->filter + a->form[s->n_done] * SHRINK_TAPS, a->n_taps, n_bytes, across);
    } else {
        memcpy(across, ring_row(s, s->n_done), n_bytes);
    }
    if (across != to)
        filter_along(s, to);
}

/* The rows of boxes that the next row of the result needs. */
static size_t n_wanted(const adah_shrink *s) {
    const axis *a = &s->down;
    if (!a->n_taps)
        return s->n_done + 1;
    const size_t end = a->place[s->n_done] + a->n_taps; /* n_before too many */
    const size_t n = end > a->n_before ? end - a->n_before : 1;
    return n < a->n_boxed ? n : a->n_boxed;
}

/* Adds the row that has come in to its box. 0: more belong to that. What the last box lacks are copies of the last row. */
static int close_box(adah_shrink *s) {
    const size_t n_box = s->down.n_box, n_bytes = s->across.n_in * 3, number = (s->n_taken - 1) % n_box;
    const int is_last = s->n_taken == s->down.n_in;
    uint8_t *box = ring_row(s, s->n_boxes), *row = number ? s->box_row : box;
    if (n_box <= 2) {
        for (size_t i = 0; number && i < n_bytes; i++)
            box[i] = (uint8_t)((box[i] + row[i] + 1) >> 1);
        return number + 1 == n_box || is_last;
    }
    const uint32_t times = is_last ? (uint32_t)(n_box - number) : 1;
    for (size_t i = 0; i < n_bytes; i++)
        s->sum[i] += times * row[i];
    if (number + 1 < n_box && !is_last)
        return 0;
    for (size_t i = 0; i < n_bytes; i++)
        box[i] = (uint8_t)((s->sum[i] + n_box / 2) / n_box);
    memset(s->sum, 0, n_bytes * sizeof *s->sum);
    return 1;
}

void adah_shrink_take(adah_shrink *s, uint8_t *rgb) {
    s->n_taken++;
    if (!close_box(s))
        return;
    s->n_boxes++;
    for (; s->n_done < s->down.n_out && n_wanted(s) <= s->n_boxes; s->n_done++)
        make_row(s, rgb + s->n_done * s->across.n_out * 3);
}
