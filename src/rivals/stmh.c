/* stmh.c - semantic topic multimodal hashing.
 *
 * D. Wang, X. Gao, X. Wang, L. He, "Semantic Topic Multimodal Hashing for Cross-Media Retrieval", IJCAI 2015. q
 * topics of the texts (centres F, each text in half of them, G in {0,1}) and q concepts of the images (a
 * factorisation V C robust against outlying images), tied by a linear map R:
 *
 *     r sum_i |x_i - C^T v_i| + (1 - r) sum_ij G_ij |t_i - f_j|^2 + lambda |G - V R|^2
 *     + gamma (|V|^2 + |C|^2 + |F|^2 + |R|^2)
 *
 * with r = lambda = 1/2, gamma = 1e-4 and 10 rounds, as in the authors' experiments. The norm of a residual e that is
 * not squared is majorised by |e|^2 / (2 |e_before|) + const, after which every step is least squares or a choice of
 * topics, and the objective never grows. A bit says whether a topic is contained: a text's in the nearer topics, an
 * image's where its concepts mapped by R are strong. The authors cut at the median over the bits of an item; here at
 * the mean, which is linear and so goes into the hash function. */
#include "base/memory.h"
#include "base/parallel.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROUNDS = 10 };
static const double image_weight = 0.5, text_weight = 0.5, lambda = 0.5, gamma_weight = 1e-4;
static const double least_residual = 1e-9; /* of rows whose mean squared norm is 1 */

typedef struct choice {
    double cost;
    size_t topic;
} choice;

typedef struct stmh {
    const adah_rival_job *job;
    size_t n, q, d, e;
    double *concept;            /* (q, d) C */
    double *amount;             /* (n, q) V */
    double *topic;              /* (q, e) F */
    double *member;             /* (n, q) G */
    double *map;                /* (q, q) R */
    double *mapped;             /* (n, q) V R */
    double *residual;           /* n: |x_i - C^T v_i| */
    double *fit;                /* (n, d) scratch */
    double *weighted;           /* (n, q) scratch */
    double *distance;           /* (n, q) scratch */
    double *a, *b, *c, *values; /* (q, q) scratch; q */
    choice *choices;            /* (n, q) */
} stmh;

enum { N_BLOCKS = 14 };

/* Memory and a random start. */
static adah_code stmh_create(stmh *s, adah_status *status) {
    const size_t n = s->n, q = s->q, d = s->d, e = s->e;
    const struct {
        double **place;
        size_t n_rows, n_columns;
    } block[N_BLOCKS] = {{&s->concept, q, d},  {&s->amount, n, q},   {&s->topic, q, e},    {&s->member, n, q},
                         {&s->map, q, q},      {&s->mapped, n, q},   {&s->residual, n, 1}, {&s->fit, n, d},
                         {&s->weighted, n, q}, {&s->distance, n, q}, {&s->a, q, q},        {&s->b, q, q},
                         {&s->c, q, q},        {&s->values, q, 1}};
    for (size_t i = 0; i < N_BLOCKS; i++) {
        *block[i].place = adah_algebra_zeros(block[i].n_rows, block[i].n_columns);
        if (!*block[i].place)
            return adah_algebra_fail_memory(block[i].n_rows, block[i].n_columns, status);
    }
    s->choices = adah_memory_zeroed(n * q, sizeof *s->choices);
    size_t *order = adah_memory_zeroed(q, sizeof *order);
    if (!s->choices || !order) {
        adah_memory_free(order);
        return adah_fail_memory(status, n * q * sizeof *s->choices);
    }
    adah_random random = adah_random_seeded(s->job->seed, 1);
    for (size_t i = 0; i < n; i++) {
        s->residual[i] = 0.5; /* weight 1 x r: no image is an outlier yet */
        for (size_t j = 0; j < q; j++)
            s->amount[i * q + j] = (double)adah_random_normal(&random);
        adah_random_permutation(&random, q, order);
        for (size_t j = 0; j < (q + 1) / 2; j++)
            s->member[i * q + order[j]] = 1;
    }
    adah_memory_free(order);
    return ADAH_OK;
}

static void stmh_free(stmh *s) {
    double *const blocks[N_BLOCKS] = {s->concept, s->amount,   s->topic,    s->member, s->map, s->mapped, s->residual,
                                      s->fit,     s->weighted, s->distance, s->a,      s->b,   s->c,      s->values};
    for (size_t i = 0; i < N_BLOCKS; i++)
        adah_memory_free(blocks[i]);
    adah_memory_free(s->choices);
}

static void add_diagonal(double *a, size_t n, double x) {
    for (size_t i = 0; i < n; i++)
        a[i * n + i] += x;
}

/* residual = |x_i - C^T v_i| */
static void stmh_residuals(stmh *s) {
    memcpy(s->fit, s->job->image.x, s->n * s->d * sizeof *s->fit);
    adah_algebra_multiply(s->n, s->d, s->q, -1, (adah_operand){s->amount, s->q, 0},
                          (adah_operand){s->concept, s->d, 0}, 1, s->fit);
    for (size_t i = 0; i < s->n; i++)
        s->residual[i] = sqrt(adah_algebra_dot(s->fit + i * s->d, s->fit + i * s->d, s->d));
}

/* The majoriser's weight of image i, r / (2 |e_i|). */
static double stmh_weight(const stmh *s, size_t i) {
    return image_weight / (2 * (s->residual[i] > least_residual ? s->residual[i] : least_residual));
}

/* C = (V^T D V + gamma I)^-1 V^T D X */
static adah_code stmh_concepts(stmh *s, adah_status *status) {
    const size_t n = s->n, q = s->q, d = s->d;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < q; j++)
            s->weighted[i * q + j] = s->amount[i * q + j] * stmh_weight(s, i);
    adah_algebra_multiply(q, q, n, 1, (adah_operand){s->weighted, q, 1}, (adah_operand){s->amount, q, 0}, 0, s->a);
    add_diagonal(s->a, q, gamma_weight);
    adah_algebra_multiply(q, d, n, 1, (adah_operand){s->weighted, q, 1}, (adah_operand){s->job->image.x, d, 0}, 0,
                          s->concept);
    ADAH_TRY(adah_algebra_cholesky(s->a, q, status));
    adah_algebra_cholesky_solve(s->a, q, s->concept, d);
    stmh_residuals(s);
    return ADAH_OK;
}

/* f_j = the mean of its texts, drawn to 0 by gamma. */
static void stmh_topics(stmh *s) {
    const size_t n = s->n, q = s->q, e = s->e;
    adah_algebra_multiply(q, e, n, 1, (adah_operand){s->member, q, 1}, (adah_operand){s->job->text.x, e, 0}, 0,
                          s->topic);
    for (size_t j = 0; j < q; j++) {
        double count = 0;
        for (size_t i = 0; i < n; i++)
            count += s->member[i * q + j];
        for (size_t k = 0; k < e; k++)
            s->topic[j * e + k] /= count + gamma_weight / text_weight;
    }
}

/* R = (V^T V + gamma / lambda I)^-1 V^T G */
static adah_code stmh_map(stmh *s, adah_status *status) {
    const size_t n = s->n, q = s->q;
    adah_algebra_gram(s->amount, n, q, gamma_weight / lambda, s->a);
    adah_algebra_multiply(q, q, n, 1, (adah_operand){s->amount, q, 1}, (adah_operand){s->member, q, 0}, 0, s->map);
    ADAH_TRY(adah_algebra_cholesky(s->a, q, status));
    adah_algebra_cholesky_solve(s->a, q, s->map, q);
    return ADAH_OK;
}

/* v_i = (w_i C C^T + N)^-1 (w_i C x_i + lambda R g_i) with N = lambda R R^T + gamma I = L L^T. One basis serves all
 * i: with L^-1 C C^T L^-T = Q diag(m) Q^T the inverse is  L^-T Q diag(1 / (w_i m + 1)) Q^T L^-1. */
static adah_code stmh_amounts(stmh *s, adah_status *status) {
    const size_t n = s->n, q = s->q, d = s->d;
    adah_algebra_multiply(q, q, q, lambda, (adah_operand){s->map, q, 0}, (adah_operand){s->map, q, 1}, 0, s->a);
    add_diagonal(s->a, q, gamma_weight);
    ADAH_TRY(adah_algebra_cholesky(s->a, q, status));
    adah_algebra_multiply(q, q, d, 1, (adah_operand){s->concept, d, 0}, (adah_operand){s->concept, d, 1}, 0, s->b);
    adah_algebra_lower_solve(s->a, q, 0, s->b, q);
    for (size_t i = 0; i < q; i++)
        for (size_t j = 0; j < q; j++)
            s->c[i * q + j] = s->b[j * q + i];
    adah_algebra_lower_solve(s->a, q, 0, s->c, q);
    ADAH_TRY(adah_algebra_eigen(s->c, q, q, s->values, s->b, status)); /* rows of b: Q^T */
    for (size_t i = 0; i < q; i++)
        for (size_t j = 0; j < q; j++)
            s->c[i * q + j] = s->b[j * q + i];     /* Q */
    adah_algebra_lower_solve(s->a, q, 1, s->c, q); /* L^-T Q */
    adah_algebra_multiply(n, q, d, 1, (adah_operand){s->job->image.x, d, 0}, (adah_operand){s->concept, d, 1}, 0,
                          s->weighted);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < q; j++)
            s->weighted[i * q + j] *= stmh_weight(s, i);
    adah_algebra_multiply(n, q, q, lambda, (adah_operand){s->member, q, 0}, (adah_operand){s->map, q, 1}, 1,
                          s->weighted);
    adah_algebra_multiply(n, q, q, 1, (adah_operand){s->weighted, q, 0}, (adah_operand){s->c, q, 0}, 0, s->distance);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < q; j++)
            s->distance[i * q + j] /= stmh_weight(s, i) * fmax(s->values[j], 0) + 1;
    adah_algebra_multiply(n, q, q, 1, (adah_operand){s->distance, q, 0}, (adah_operand){s->c, q, 1}, 0, s->amount);
    stmh_residuals(s);
    return ADAH_OK;
}

static int by_cost(const void *a, const void *b) {
    const choice *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->topic < y->topic ? -1 : 1;
}

/* The cheaper half of  (1 - r) |t_i - f_j|^2 + lambda (1 - 2 (V R)_ij). */
static void choose_row(void *context, size_t i) {
    stmh *s = context;
    const size_t q = s->q;
    choice *row = s->choices + i * q;
    for (size_t j = 0; j < q; j++)
        row[j] = (choice){text_weight * s->distance[i * q + j] - 2 * lambda * s->mapped[i * q + j], j};
    qsort(row, q, sizeof *row, by_cost);
    for (size_t j = 0; j < q; j++)
        s->member[i * q + row[j].topic] = j < (q + 1) / 2;
}

static void stmh_members(stmh *s) {
    const size_t n = s->n, q = s->q, e = s->e;
    adah_algebra_multiply(n, q, q, 1, (adah_operand){s->amount, q, 0}, (adah_operand){s->map, q, 0}, 0, s->mapped);
    adah_algebra_multiply(n, q, e, -2, (adah_operand){s->job->text.x, e, 0}, (adah_operand){s->topic, e, 1}, 0,
                          s->distance);
    for (size_t j = 0; j < q; j++)
        s->values[j] = adah_algebra_dot(s->topic + j * e, s->topic + j * e, e);
    for (size_t i = 0; i < n; i++) {
        const double square = adah_algebra_dot(s->job->text.x + i * e, s->job->text.x + i * e, e);
        for (size_t j = 0; j < q; j++)
            s->distance[i * q + j] += square + s->values[j];
    }
    adah_parallel_for(n, 64, choose_row, s);
}

static double stmh_objective(const stmh *s) {
    const size_t n = s->n, q = s->q;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += image_weight * s->residual[i];
    for (size_t i = 0; i < n * q; i++) {
        const double gap = s->member[i] - s->mapped[i];
        sum += text_weight * s->member[i] * s->distance[i] + lambda * gap * gap;
    }
    return sum +
           gamma_weight *
               (adah_algebra_dot(s->amount, s->amount, n * q) + adah_algebra_dot(s->concept, s->concept, q * s->d) +
                adah_algebra_dot(s->topic, s->topic, q * s->e) + adah_algebra_dot(s->map, s->map, q * q));
}

/* Every bit against the mean of the item's bits. weight (q, n_in) */
static void against_mean(double *weight, size_t q, size_t n_in) {
    for (size_t j = 0; j < n_in; j++) {
        double mean = 0;
        for (size_t i = 0; i < q; i++)
            mean += weight[i * n_in + j] / (double)q;
        for (size_t i = 0; i < q; i++)
            weight[i * n_in + j] -= mean;
    }
}

static adah_code stmh_functions(stmh *s, adah_status *status) {
    const size_t q = s->q, d = s->d, e = s->e;
    double *weight = adah_algebra_zeros(q, d);
    if (!weight)
        return adah_algebra_fail_memory(q, d, status);
    /* v = (C C^T + gamma / r I)^-1 C x, H = R^T v */
    adah_algebra_multiply(q, q, d, 1, (adah_operand){s->concept, d, 0}, (adah_operand){s->concept, d, 1}, 0, s->a);
    add_diagonal(s->a, q, gamma_weight / image_weight);
    adah_code code = adah_algebra_cholesky(s->a, q, status);
    if (code == ADAH_OK) {
        adah_algebra_cholesky_solve(s->a, q, s->concept, d);
        adah_algebra_multiply(q, d, q, 1, (adah_operand){s->map, q, 1}, (adah_operand){s->concept, d, 0}, 0, weight);
        against_mean(weight, q, d);
        code = adah_view_linear(&s->job->image, q, weight, NULL, s->job->image_function, status);
    }
    adah_memory_free(weight);
    if (code != ADAH_OK)
        return code;
    /* -|t - f_j|^2 / 2 without what all bits share: t f_j - |f_j|^2 / 2 */
    for (size_t j = 0; j < q; j++)
        s->values[j] = -0.5 * adah_algebra_dot(s->topic + j * e, s->topic + j * e, e);
    against_mean(s->values, q, 1);
    against_mean(s->topic, q, e);
    return adah_view_linear(&s->job->text, q, s->topic, s->values, s->job->text_function, status);
}

static adah_code stmh_learn(const adah_rival_job *job, adah_status *status) {
    stmh s = {.job = job, .n = job->data->n, .q = job->n_bits, .d = job->image.n_in, .e = job->text.n_in};
    adah_code code = stmh_create(&s, status);
    for (size_t i = 0; i < N_ROUNDS && code == ADAH_OK; i++) {
        code = stmh_concepts(&s, status);
        stmh_topics(&s);
        if (code == ADAH_OK)
            code = stmh_map(&s, status);
        if (code == ADAH_OK)
            code = stmh_amounts(&s, status);
        if (code != ADAH_OK)
            break;
        stmh_members(&s);
        code = adah_rival_tell(job, "finding topics", i + 1, N_ROUNDS, stmh_objective(&s), status);
    }
    if (code == ADAH_OK)
        code = stmh_functions(&s, status);
    stmh_free(&s);
    return code;
}

/* The objective depends on the scale of the views. Its authors chose the weights for bags of some ten words. */
ADAH_SHALLOW_RIVAL(stmh, "stmh", "semantic topic multimodal hashing", 0, 3, stmh_learn);
