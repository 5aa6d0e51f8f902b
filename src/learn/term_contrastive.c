/* term_contrastive.c - the cross-modal contrastive term: the logits' derivative first, then the codes'. */
#include "learn/terms.h"
#include "base/vector.h"
#include "nn/graph/cross_entropy.h"

/* y += factor * x */
static void add_scaled(float *y, const float *x, float factor, size_t n) {
#pragma omp simd
    for (size_t c = 0; c < n; c++)
        y[c] += factor * x[c];
}

static double sum_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* Items of the batch as a database. */
typedef struct database {
    const float *code;
    size_t n, n_bits;
} database;

static const float *code_of(const database *d, size_t j) { return d->code + j * d->n_bits; }

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
        add_scaled(database_gradient + j * d->n_bits, query, slope[j] * scale, d->n_bits);
    }
}

double adah_contrastive_loss(const float *query, const float *others, const float *similarity, size_t n, size_t n_bits,
                             float temperature, float weight, float *query_gradient, float *database_gradient, float *scratch) {
    const database d = {others, n, n_bits};
    const float scale = 1 / ((float)n_bits * temperature);
    double loss = 0;
    size_t n_queries = 0;
    for (size_t i = 0; i < n; i++)
        n_queries += sum_of(similarity + i * n, n) > 0;
    for (size_t i = 0; i < n; i++) {
        const double mass = sum_of(similarity + i * n, n);
        if (!(mass > 0))
            continue;
        float *logits = scratch, *slope = scratch + n, *target = scratch + 2 * n;
        contrastive_logits(&d, query + i * n_bits, scale, logits);
        for (size_t j = 0; j < n; j++) {
            target[j] = (float)(similarity[i * n + j] / mass);
            slope[j] = 0;
        }
        loss += adah_cross_entropy(logits, target, n, weight / (double)n_queries, slope) / (double)n_queries;
        if (query_gradient)
            contrastive_gradients(&d, query + i * n_bits, scale, slope, query_gradient + i * n_bits, database_gradient);
    }
    return loss;
}

static double evaluate(const adah_term_view *v, float weight) {
    if (!v->code)
        return 0;
    return adah_contrastive_loss(v->code, v->other, v->similarity, v->n_batch, v->n_bits, v->config->contrastive_temperature, weight,
                                 v->gradient, v->other_gradient, v->scratch);
}

const adah_extra_term adah_term_contrastive = {{"contrastive", "contrastive", "contrastive", 1}, 0, evaluate};
