/* term_proxy.c - label proxies: the softmax's logits' derivative first, then the codes' and the proxies'. */
#include "learn/terms.h"
#include "base/vector.h"
#include "nn/graph/cross_entropy.h"

#include <math.h>
#include <string.h>

/* y += factor * x */
static void add_scaled(float *y, const float *x, float factor, size_t n) {
#pragma omp simd
    for (size_t c = 0; c < n; c++)
        y[c] += factor * x[c];
}

static float norm_of(const float *x, size_t n) { return fmaxf(sqrtf(adah_vector_dot(x, x, n)), 1e-6f); }

double adah_proxy_loss(const float *h, const float *proxy, const float *target, size_t n_batch, size_t n_bits, size_t n_labels,
                       float temperature, float weight, float *gradient, float *proxy_gradient, float *scratch) {
    float *logits = scratch, *slope = scratch + n_batch * n_labels;
    for (size_t i = 0; i < n_batch; i++)
        for (size_t l = 0; l < n_labels; l++) {
            const float *a = h + i * n_bits, *c = proxy + l * n_bits;
            logits[i * n_labels + l] = adah_vector_dot(a, c, n_bits) / (norm_of(a, n_bits) * norm_of(c, n_bits) * temperature);
        }
    memset(slope, 0, n_batch * n_labels * sizeof *slope);
    const double loss = adah_classifier_loss(logits, target, n_batch, n_labels, weight, slope);
    for (size_t i = 0; gradient && i < n_batch; i++)
        for (size_t l = 0; l < n_labels; l++) {
            /* d cos / dh = (c/|c| - cos h/|h|) / |h|, and the same the other way round */
            const float *a = h + i * n_bits, *c = proxy + l * n_bits;
            const float n_a = norm_of(a, n_bits), n_c = norm_of(c, n_bits), by = slope[i * n_labels + l] / temperature;
            const float cosine = logits[i * n_labels + l] * temperature;
            add_scaled(gradient + i * n_bits, c, by / (n_a * n_c), n_bits);
            add_scaled(gradient + i * n_bits, a, -by * cosine / (n_a * n_a), n_bits);
            add_scaled(proxy_gradient + l * n_bits, a, by / (n_a * n_c), n_bits);
            add_scaled(proxy_gradient + l * n_bits, c, -by * cosine / (n_c * n_c), n_bits);
        }
    return loss;
}

static double evaluate(const adah_term_view *v, float weight) {
    return adah_proxy_loss(v->code, v->proxy->value, v->target, v->n_batch, v->n_bits, v->n_labels, v->config->proxy_temperature,
                           weight, v->gradient, v->proxy->gradient, v->scratch);
}

const adah_extra_term adah_term_proxy = {{"proxy", "proxy", "label proxies", 1}, 1, evaluate};
