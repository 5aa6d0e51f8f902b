/* term_balance.c - bits drawn towards being set in half of the codes. */
#include "learn/terms.h"

double adah_balance_loss(const float *h, size_t n_batch, size_t n_bits, float weight, float *gradient) {
    double loss = 0;
    for (size_t c = 0; c < n_bits; c++) {
        double mean = 0;
        for (size_t i = 0; i < n_batch; i++)
            mean += h[i * n_bits + c];
        mean /= (double)n_batch;
        loss += mean * mean / (double)n_bits;
        const float slope = (float)(weight * 2 * mean / (double)(n_bits * n_batch));
        for (size_t i = 0; gradient && i < n_batch; i++)
            gradient[i * n_bits + c] += slope;
    }
    return loss;
}

static double evaluate(const adah_term_view *v, float weight) {
    return adah_balance_loss(v->code, v->n_batch, v->n_bits, weight, v->gradient);
}

const adah_extra_term adah_term_balance = {{"balance", "balance", "bit balance", 1}, 0, evaluate};
