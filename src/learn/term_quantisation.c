/* term_quantisation.c - relaxed codes drawn towards their signs. */
#include "learn/terms.h"

double adah_quantisation_loss(const float *h, size_t n_batch, size_t n_bits, float weight, float *gradient) {
    const size_t n = n_batch * n_bits;
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        float gap = h[i] - (h[i] >= 0 ? 1.0f : -1.0f);
        loss += gap * gap;
        if (gradient)
            gradient[i] += weight * 2 * gap / (float)n;
    }
    return loss / (double)n;
}

static double evaluate(const adah_term_view *v, float weight) {
    return adah_quantisation_loss(v->code, v->n_batch, v->n_bits, weight, v->gradient);
}

const adah_extra_term adah_term_quantisation = {{"quantisation", "quantisation", "quantisation", 1}, 0, evaluate};
