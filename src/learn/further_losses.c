/* further_losses.c - plain loops; the two softmax terms give their logits' derivative first, then the codes'. */
#include "learn/further_losses.h"
#include "base/vector.h"

#include <math.h>
#include <string.h>

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

/* Cross-entropy of softmax(x) against t, which sums to mass > 0; gradient += scale * derivative. */
static double cross_entropy(const float *x, const float *t, size_t n, double scale, float *gradient) {
    float highest = x[0];
    double mass = 0, sum = 0, loss = 0;
    for (size_t l = 0; l < n; l++) {
        highest = fmaxf(highest, x[l]);
        mass += t[l];
    }
    for (size_t l = 0; l < n; l++)
        sum += expf(x[l] - highest);
    const double log_sum = log(sum) + highest;
    for (size_t l = 0; l < n; l++) {
        if (t[l] > 0)
            loss += t[l] * (log_sum - x[l]);
        if (gradient)
            gradient[l] += (float)(scale * (mass * expf((float)(x[l] - log_sum)) - t[l]));
    }
    return loss;
}

static double sum_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

double adah_classifier_loss(const float *logits, const float *target, size_t n_batch, size_t n_labels, float weight,
                            float *gradient) {
    double loss = 0;
    size_t n_labelled = 0;
    for (size_t i = 0; i < n_batch; i++)
        n_labelled += sum_of(target + i * n_labels, n_labels) > 0;
    for (size_t i = 0; i < n_batch; i++)
        if (sum_of(target + i * n_labels, n_labels) > 0)
            loss += cross_entropy(logits + i * n_labels, target + i * n_labels, n_labels, weight / (double)n_labelled,
                                  gradient ? gradient + i * n_labels : NULL);
    return n_labelled ? loss / (double)n_labelled : 0;
}

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

/* Database items of the contrastive term. */
typedef struct database {
    const float *batch, *bank;
    size_t n_batch, n, n_bits; /* n: with the bank */
} database;

static const float *code_of(const database *d, size_t j) {
    return j < d->n_batch ? d->batch + j * d->n_bits : d->bank + (j - d->n_batch) * d->n_bits;
}

ADAH_VECTOR_LOOP(void, contrastive_logits, (const database *d, const float *query, float scale, float *logits),
                 (d, query, scale, logits)) {
    for (size_t j = 0; j < d->n; j++)
        logits[j] = scale * adah_vector_dot(query, code_of(d, j), d->n_bits);
}

/* slope(j) scale is the derivative by the j-th product of codes. */
ADAH_VECTOR_LOOP(void, contrastive_gradients,
                 (const database *d, const float *query, float scale, const float *slope, float *query_gradient,
                  float *database_gradient),
                 (d, query, scale, slope, query_gradient, database_gradient)) {
    for (size_t j = 0; j < d->n; j++) {
        add_scaled(query_gradient, code_of(d, j), slope[j] * scale, d->n_bits);
        if (j < d->n_batch)
            add_scaled(database_gradient + j * d->n_bits, query, slope[j] * scale, d->n_bits);
    }
}

double adah_contrastive_loss(const float *query, const float *others, const float *bank, size_t n_bank,
                             const float *similarity, size_t n_batch, size_t n_bits, float temperature, float weight,
                             float *query_gradient, float *database_gradient, float *scratch) {
    const size_t n = n_batch + n_bank;
    const database d = {others, bank, n_batch, n, n_bits};
    const float scale = 1 / ((float)n_bits * temperature);
    double loss = 0;
    size_t n_queries = 0;
    for (size_t i = 0; i < n_batch; i++)
        n_queries += sum_of(similarity + i * n, n) > 0;
    for (size_t i = 0; i < n_batch; i++) {
        const double mass = sum_of(similarity + i * n, n);
        if (!(mass > 0))
            continue;
        float *logits = scratch, *slope = scratch + n, *target = scratch + 2 * n;
        contrastive_logits(&d, query + i * n_bits, scale, logits);
        for (size_t j = 0; j < n; j++) {
            target[j] = (float)(similarity[i * n + j] / mass);
            slope[j] = 0;
        }
        loss += cross_entropy(logits, target, n, weight / (double)n_queries, slope) / (double)n_queries;
        if (query_gradient)
            contrastive_gradients(&d, query + i * n_bits, scale, slope, query_gradient + i * n_bits, database_gradient);
    }
    return loss;
}
