/* term_picture.c - the contrast that the picture part learns by: an item's own partner against the partners of all others in the
 * batch (van den Oord et al. 2018), on the vectors of the fine order and on the bits.
 *
 *     logits  v_i . w_j / tau  of the vectors,   s_i . t_j / (q tau')  of the bits
 *
 * s are the signs that search will see, not the relaxed values: those would agree long before their signs do, and pictures end on
 * one code. The derivative by a sign is passed on to the relaxed value (straight-through). */
#include "learn/terms.h"

static void signs_of(const float *h, size_t n, float *sign, float *gradient) {
    for (size_t i = 0; i < n; i++) {
        sign[i] = h[i] >= 0 ? 1.0f : -1.0f;
        gradient[i] = 0;
    }
}

static void add(const float *x, size_t n, float *sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

static double contrast_of_bits(const adah_term_view *v, float weight) {
    const size_t n = v->n_batch * v->n_picture_bits;
    float *own = v->scratch + 3 * v->n_batch, *other = own + n, *own_gradient = other + n, *other_gradient = own_gradient + n;
    signs_of(v->picture_code, n, own, own_gradient);
    signs_of(v->other_picture_code, n, other, other_gradient);
    const double loss = adah_contrastive_loss(own, other, v->pair, v->n_batch, v->n_picture_bits, v->config->picture_code_temperature,
                                              weight, own_gradient, other_gradient, v->scratch);
    add(own_gradient, n, v->picture_gradient);
    add(other_gradient, n, v->other_picture_gradient);
    return loss;
}

static double evaluate(const adah_term_view *v, float weight) {
    if (!v->fine)
        return 0;
    const size_t n_fine = (size_t)v->config->n_fine;
    const double loss = adah_contrastive_loss(v->fine, v->other_fine, v->pair, v->n_batch, n_fine,
                                              v->config->picture_temperature / (float)n_fine, weight, v->fine_gradient,
                                              v->other_fine_gradient, v->scratch);
    const float code_weight = v->config->picture_code_weight;
    return v->picture_code ? loss + (double)code_weight * contrast_of_bits(v, code_weight * weight) : loss;
}

const adah_extra_term adah_term_picture = {{"picture", "picture", "picture", 1}, 0, evaluate};
