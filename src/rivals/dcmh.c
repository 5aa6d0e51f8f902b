/* dcmh.c - likelihood row by row, each row of the batch against all; quantisation; balance. */
#include "rivals/dcmh.h"
#include "base/parallel.h"

#include <math.h>

typedef struct likelihood_pass {
    const adah_dcmh_side *side;
    float *gradient;
} likelihood_pass;

/* - sum_j (S Theta - log(1 + exp Theta)), whose derivative by Theta is sigmoid(Theta) - S. */
static void likelihood_row(void *context, size_t i) {
    const likelihood_pass *pass = context;
    const adah_dcmh_side *s = pass->side;
    const size_t q = s->n_bits;
    const float *a = s->own + s->row[i] * q, scale = 1 / ((float)s->n_batch * (float)s->n);
    float *gradient = pass->gradient + i * q;
    double loss = 0;
    for (size_t j = 0; j < s->n; j++) {
        const float *b = s->other + j * q;
        float theta = 0;
#pragma omp simd reduction(+ : theta)
        for (size_t c = 0; c < q; c++)
            theta += a[c] * b[c];
        theta /= 2;
        const float decay = expf(-fabsf(theta)), similar = s->similar[i * s->n + j];
        const float sigmoid = (theta >= 0 ? 1 : decay) / (1 + decay), slope = scale * (sigmoid - similar) / 2;
        loss += fmaxf(theta, 0) + log1pf(decay) - similar * theta;
        for (size_t c = 0; c < q; c++)
            gradient[c] += slope * b[c];
    }
    s->row_loss[i] = (float)(loss * scale);
}

static double quantisation(const adah_dcmh_side *s, float *gradient) {
    const double scale = 1 / ((double)s->n_batch * (double)s->n);
    double loss = 0;
    for (size_t i = 0; i < s->n_batch; i++)
        for (size_t c = 0; c < s->n_bits; c++) {
            const size_t at = s->row[i] * s->n_bits + c;
            const float gap = s->own[at] - (s->own[at] + s->other[at] >= 0 ? 1.0f : -1.0f);
            loss += scale * gap * gap;
            gradient[i * s->n_bits + c] += (float)(scale * s->gamma * 2 * gap);
        }
    return loss;
}

static double balance(const adah_dcmh_side *s, float *gradient) {
    const double scale = 1 / ((double)s->n_batch * (double)s->n);
    double loss = 0;
    for (size_t c = 0; c < s->n_bits; c++) {
        double sum = 0;
        for (size_t j = 0; j < s->n; j++)
            sum += s->own[j * s->n_bits + c];
        loss += scale * sum * sum;
        for (size_t i = 0; i < s->n_batch; i++)
            gradient[i * s->n_bits + c] += (float)(scale * s->eta * 2 * sum);
    }
    return loss;
}

void adah_dcmh_evaluate(const adah_dcmh_side *side, double loss[ADAH_DCMH_N_LOSSES], float *gradient) {
    likelihood_pass pass = {side, gradient};
    adah_parallel_for(side->n_batch, 4, likelihood_row, &pass);
    for (size_t i = 0; i < side->n_batch; i++)
        loss[ADAH_DCMH_SIMILARITY] += side->row_loss[i];
    loss[ADAH_DCMH_QUANTISATION] += quantisation(side, gradient);
    loss[ADAH_DCMH_BALANCE] += balance(side, gradient);
}
