/* acmr.c - the structure loss depends on the codes through their B x B distances alone: first its slope on each of them, then
 * d|v - t| = (v - t) / |v - t|. */
#include "rivals/acmr.h"
#include "base/parallel.h"

#include <math.h>

typedef struct distance_pass {
    const float *a, *b;  /* the side whose rows are passed, and the other */
    size_t n, q;
    int is_text;         /* a is the texts: slope is read by columns */
    float *slope;        /* (B, B) image x text */
    float *gradient;     /* of a */
} distance_pass;

static void distance_row(void *context, size_t i) {
    const distance_pass *pass = context;
    for (size_t j = 0; j < pass->n; j++) {
        const float *a = pass->a + i * pass->q, *b = pass->b + j * pass->q;
        float square = 0;
#pragma omp simd reduction(+ : square)
        for (size_t c = 0; c < pass->q; c++)
            square += (a[c] - b[c]) * (a[c] - b[c]);
        pass->slope[i * pass->n + j] = sqrtf(square);
    }
}

static void gradient_row(void *context, size_t i) {
    const distance_pass *pass = context;
    for (size_t j = 0; j < pass->n; j++) {
        const float slope = pass->slope[pass->is_text ? j * pass->n + i : i * pass->n + j];
        for (size_t c = 0; c < pass->q; c++)
            pass->gradient[i * pass->q + c] += slope * (pass->a[i * pass->q + c] - pass->b[j * pass->q + c]);
    }
}

double adah_acmr_structure(const float *image, const float *text, const float *similar, size_t n, size_t q, float margin,
                           float *scratch, float *image_gradient, float *text_gradient) {
    float *slope = scratch, *n_near = scratch + n * n; /* of each item: how many are similar */
    distance_pass pass = {image, text, n, q, 0, slope, image_gradient};
    adah_parallel_for(n, 8, distance_row, &pass);
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        n_near[i] = 0;
        for (size_t j = 0; j < n; j++)
            n_near[i] += similar[i * n + j] != 0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            /* What the distance of image i and text j weighs in the triplets of either. */
            const int is_near = similar[i * n + j] != 0;
            const double at_i = is_near ? n_near[i] : n - n_near[i], at_j = is_near ? n_near[j] : n - n_near[j];
            const double weight = (1 / at_i + 1 / at_j) / (double)(2 * n);
            const float d = slope[i * n + j];
            const double lack = (double)margin - d;
            loss += weight * (is_near ? d : fmax(0, lack));
            const double derivative = is_near ? weight : lack > 0 ? -weight : 0;
            slope[i * n + j] = d > 1e-6f ? (float)derivative / d : 0; /* at 0 the norm has no derivative */
        }
    adah_parallel_for(n, 8, gradient_row, &pass);
    pass = (distance_pass){text, image, n, q, 1, slope, text_gradient};
    adah_parallel_for(n, 8, gradient_row, &pass);
    return loss;
}

/* log(1 + exp(-x)) and its derivative's size, 1 / (1 + exp x). */
static double logistic(double x, double *slope) {
    const double decay = exp(-fabs(x));
    *slope = x >= 0 ? decay / (1 + decay) : 1 / (1 + decay);
    return fmax(-x, 0) + log1p(decay);
}

double adah_acmr_modality(const float *image_logit, const float *text_logit, size_t n, float weight, float *image_gradient,
                          float *text_gradient) {
    double loss = 0, slope;
    for (size_t i = 0; i < n; i++) {
        loss += logistic(image_logit[i], &slope);
        image_gradient[i] -= (float)(weight * slope / (double)(2 * n));
        loss += logistic(-text_logit[i], &slope);
        text_gradient[i] += (float)(weight * slope / (double)(2 * n));
    }
    return loss / (double)(2 * n);
}
