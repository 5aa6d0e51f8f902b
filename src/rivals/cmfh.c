/* cmfh.c - collective matrix factorisation hashing.
 *
 * G. Ding, Y. Guo, J. Zhou, "Collective Matrix Factorization Hashing for Multimodal Data", CVPR 2014. One latent
 * factor Y (n, q) of both centred views X_t (n, d_t), and projections that reach it:
 *
 *     sum over t of  lambda_t |X_t - Y U_t|^2 + mu |Y - X_t P_t|^2 + gamma (|U_t|^2 + |P_t|^2)  + gamma |Y|^2,
 *
 * lambda_t = 1/2, mu = 100, gamma = 0.01 as in the paper. Each of U_t, P_t, Y in turn is the least-squares solution
 * for the others, so the objective never grows. A new row's code is sign(P_t^T x), a training pair's sign(Y). */
#include "base/memory.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival.h"

#include <math.h>
#include <string.h>

enum { N_ITERATIONS = 100 };
static const double lambda = 0.5, mu = 100, gamma_weight = 0.01;
static const double tolerance = 1e-5; /* of the objective: a smaller gain ends the learning */

typedef struct cmfh_side {
    const adah_view *view;
    double *factor;     /* (d, d) Cholesky of X^T X + gamma / mu I */
    double *cross;      /* (d, q) X^T Y */
    double *projection; /* (d, q) P */
    double *basis;      /* (q, d) U */
    double *pull;       /* (d, q) lambda U^T + mu P */
    double square;      /* |X|^2 */
} cmfh_side;

typedef struct cmfh {
    const adah_rival_job *job;
    double *y;     /* (n, q) */
    double *gram;  /* (q, q) */
    double *solve; /* (q, q) */
    double *flip;  /* (q, n) */
    cmfh_side side[2];
} cmfh;

static void cmfh_free(cmfh *c) {
    adah_memory_free(c->y);
    adah_memory_free(c->gram);
    adah_memory_free(c->solve);
    adah_memory_free(c->flip);
    for (int t = 0; t < 2; t++) {
        adah_memory_free(c->side[t].factor);
        adah_memory_free(c->side[t].cross);
        adah_memory_free(c->side[t].projection);
        adah_memory_free(c->side[t].basis);
        adah_memory_free(c->side[t].pull);
    }
}

static adah_code cmfh_start(cmfh *c, adah_status *status) {
    const size_t n = c->job->data->n, q = c->job->n_bits;
    c->y = adah_algebra_zeros(n, q);
    c->gram = adah_algebra_zeros(q, q);
    c->solve = adah_algebra_zeros(q, q);
    c->flip = adah_algebra_zeros(q, n);
    if (!c->y || !c->gram || !c->solve || !c->flip)
        return adah_algebra_fail_memory(n, q, status);
    adah_random random = adah_random_seeded(c->job->seed, 1);
    for (size_t i = 0; i < n * q; i++)
        c->y[i] = (double)adah_random_normal(&random);
    for (int t = 0; t < 2; t++) {
        cmfh_side *side = &c->side[t];
        const size_t d = side->view->n_in;
        side->factor = adah_algebra_zeros(d, d);
        side->cross = adah_algebra_zeros(d, q);
        side->projection = adah_algebra_zeros(d, q);
        side->basis = adah_algebra_zeros(q, d);
        side->pull = adah_algebra_zeros(d, q);
        if (!side->factor || !side->cross || !side->projection || !side->basis || !side->pull)
            return adah_algebra_fail_memory(d, d > q ? d : q, status);
        side->square = adah_algebra_dot(side->view->x, side->view->x, n * d);
        adah_algebra_gram(side->view->x, n, d, gamma_weight / mu, side->factor);
        ADAH_TRY(adah_algebra_cholesky(side->factor, d, status));
    }
    return ADAH_OK;
}

/* U_t and P_t for this Y; returns the objective there. */
static adah_code cmfh_project(cmfh *c, double *objective, adah_status *status) {
    const size_t n = c->job->data->n, q = c->job->n_bits;
    adah_algebra_gram(c->y, n, q, 0, c->gram);
    memcpy(c->solve, c->gram, q * q * sizeof *c->gram);
    double square = 0, sum;
    for (size_t i = 0; i < q; i++) {
        square += c->gram[i * q + i];
        c->solve[i * q + i] += gamma_weight / lambda;
    }
    ADAH_TRY(adah_algebra_cholesky(c->solve, q, status));
    sum = gamma_weight * square;
    for (int t = 0; t < 2; t++) {
        cmfh_side *side = &c->side[t];
        const size_t d = side->view->n_in;
        adah_algebra_multiply(d, q, n, 1, (adah_operand){side->view->x, d, 1}, (adah_operand){c->y, q, 0}, 0,
                              side->cross);
        memcpy(side->projection, side->cross, d * q * sizeof(double));
        adah_algebra_cholesky_solve(side->factor, d, side->projection, q);
        for (size_t i = 0; i < q; i++)
            for (size_t j = 0; j < d; j++)
                side->basis[i * d + j] = side->cross[j * q + i];
        adah_algebra_cholesky_solve(c->solve, q, side->basis, d);
        /* At a ridge solution  |target - fit|^2 + ridge |solution|^2 = |target|^2 - <solution, cross>. */
        double fit = 0, reached = 0;
        for (size_t i = 0; i < q; i++)
            for (size_t j = 0; j < d; j++) {
                fit += side->basis[i * d + j] * side->cross[j * q + i];
                reached += side->projection[j * q + i] * side->cross[j * q + i];
                side->pull[j * q + i] = lambda * side->basis[i * d + j] + mu * side->projection[j * q + i];
            }
        sum += lambda * (side->square - fit) + mu * (square - reached);
    }
    *objective = sum;
    return ADAH_OK;
}

/* Y for these U_t and P_t:  Y (sum lambda U_t U_t^T + (2 mu + gamma) I) = sum X_t (lambda U_t^T + mu P_t). */
static adah_code cmfh_meet(cmfh *c, adah_status *status) {
    const size_t n = c->job->data->n, q = c->job->n_bits;
    memset(c->solve, 0, q * q * sizeof *c->solve);
    for (size_t i = 0; i < q; i++)
        c->solve[i * q + i] = 2 * mu + gamma_weight;
    for (int t = 0; t < 2; t++) {
        const cmfh_side *side = &c->side[t];
        const size_t d = side->view->n_in;
        adah_algebra_multiply(q, q, d, lambda, (adah_operand){side->basis, d, 0}, (adah_operand){side->basis, d, 1},
                              1, c->solve);
        adah_algebra_multiply(q, n, d, 1, (adah_operand){side->pull, q, 1}, (adah_operand){side->view->x, d, 1}, t,
                              c->flip);
    }
    ADAH_TRY(adah_algebra_cholesky(c->solve, q, status));
    adah_algebra_cholesky_solve(c->solve, q, c->flip, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < q; j++)
            c->y[i * q + j] = c->flip[j * n + i];
    return ADAH_OK;
}

/* P_t^T as the hash function. */
static adah_code cmfh_function(const cmfh_side *side, size_t q, adah_hash_function *function, adah_status *status) {
    const size_t d = side->view->n_in;
    for (size_t i = 0; i < q; i++)
        for (size_t j = 0; j < d; j++)
            side->basis[i * d + j] = side->projection[j * q + i];
    return adah_view_linear(side->view, q, side->basis, NULL, function, status);
}

static adah_code cmfh_learn(const adah_rival_job *job, adah_status *status) {
    cmfh c = {.job = job, .side = {{.view = &job->image}, {.view = &job->text}}};
    double objective = 0, before = 0;
    adah_code code = cmfh_start(&c, status);
    for (size_t i = 0; i < N_ITERATIONS && code == ADAH_OK; i++, before = objective) {
        if (i > 0)
            code = cmfh_meet(&c, status);
        if (code == ADAH_OK)
            code = cmfh_project(&c, &objective, status);
        if (code == ADAH_OK)
            code = adah_rival_tell(job, "factorising", i + 1, N_ITERATIONS, objective, status);
        if (i > 1 && before - objective < tolerance * before)
            break;
    }
    if (code == ADAH_OK)
        code = cmfh_function(&c.side[0], job->n_bits, job->image_function, status);
    if (code == ADAH_OK)
        code = cmfh_function(&c.side[1], job->n_bits, job->text_function, status);
    cmfh_free(&c);
    return code;
}

/* The objective depends on the scale of the views. Its authors chose the weights for normalised histograms and topics (norm 0.15
 * and 0.37 on Wikipedia). */
ADAH_SHALLOW_RIVAL(cmfh, "cmfh", "collective matrix factorisation hashing", 0, 0.2, cmfh_learn);
