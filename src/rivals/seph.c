/* seph.c - semantics-preserving hashing.
 *
 * Z. Lin, G. Ding, M. Hu, J. Wang, "Semantics-Preserving Hashing for Cross-View Retrieval", CVPR 2015. First codes Y
 * (n, q) whose distances say the same as the labels:
 *
 *     KL(P || Q) + alpha | |Y| - 1 |^2
 *     p_ij ~ cosine of the label rows,   q_ij ~ s_ij = 1 / (1 + |y_i - y_j|^2 / 4),
 *
 * P and Q each of sum 1 over i != j, alpha = 0.01 / (n q); s is Student's t on the Hamming distance. Descent as for
 * t-SNE: 100 steps, momentum 1/2, a gain for every value (delta-bar-delta, Jacobs 1988), columns kept at mean 0, the
 * best step kept.
 *
 * Then, per modality and bit h = sign(y), kernel logistic regression on 500 anchors, which are centres of k-means or
 * rows drawn at random:
 *
 *     sum_i log(1 + exp(-h_i k_i^T w)) + 0.01 w^T K_anchors w,   k(x, x') = exp(-|x - x'|^2 / (2 sigma^2)),
 *
 * sigma^2 the mean squared distance of two rows. All bits together descend by the bound K^T K / 4 on the Hessian
 * (Boehning, Lindsay 1988): one factorisation, and the loss never grows.
 *
 * Of more than 5,000 pairs (the most the papers train on) a random 5,000 are learned from. */
#include "base/memory.h"
#include "base/parallel.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival.h"
#include "rivals/seph.h"

#include <math.h>
#include <string.h>

enum { N_PAIRS_MAX = 5000, N_ANCHORS = 500, N_STEPS = 100, N_FIT_STEPS = 200, N_MEANS_ROUNDS = 30, BLOCK_ROWS = 64 };
static const double alpha_scale = 0.01, momentum = 0.5, step_max = 500, step_per_pair = 0.25, gain_min = 0.01;
static const double ridge = 0.01;     /* of the regression */
static const double tolerance = 1e-5; /* of its loss: a smaller gain ends it */
static const double proximity = 1e-6; /* of the mean diagonal of the bound, keeps it definite */
static const double kernel_exponent =
    0.25; /* 1 / (2 sigma^2): sigma^2 is 2 in a view, whose mean squared norm is 1 */

enum { STREAM_SUBSET = 1, STREAM_CODES, STREAM_IMAGE, STREAM_TEXT };

/* ---------------------------------------------------------------- codes from labels */

/* p (n, n): cosines of the label rows, 0 on the diagonal, of sum 1. Returns 0 when no two rows share a label. */
int adah_seph_affinity(const double *unit_label, size_t n, size_t n_labels, float *p) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double cosine =
                j == i ? 0 : adah_algebra_dot(unit_label + i * n_labels, unit_label + j * n_labels, n_labels);
            p[i * n + j] = (float)cosine;
            sum += cosine;
        }
    for (size_t i = 0; i < n * n && sum > 0; i++)
        p[i] = (float)((double)p[i] / sum);
    return sum > 0;
}

typedef struct divergence {
    const float *p;
    const double *y;
    size_t n, q;
    double s_sum;
    double *similarity; /* (n, n) s, 0 on the diagonal */
    double *square, *row_s, *row_loss;
    double *gradient;
} divergence;

static size_t block_rows(size_t first, size_t n) { return n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS; }

static void similarity_block(void *context, size_t block) {
    const divergence *v = context;
    const size_t first = block * BLOCK_ROWS, n = v->n, n_rows = block_rows(first, n);
    double *s = v->similarity + first * n;
    adah_algebra_multiply(n_rows, n, v->q, 1, (adah_operand){v->y + first * v->q, v->q, 0},
                          (adah_operand){v->y, v->q, 1}, 0, s);
    for (size_t i = 0; i < n_rows; i++) {
        double *row = s + i * n, sum = 0;
        const double own = v->square[first + i];
        for (size_t j = 0; j < n; j++)
            row[j] = 1 / (1 + 0.25 * fmax(own + v->square[j] - 2 * row[j], 0));
        row[first + i] = 0;
        for (size_t j = 0; j < n; j++)
            sum += row[j];
        v->row_s[first + i] = sum;
    }
}

/* dKL/dy_i = sum_j (p - q) s (y_i - y_j); the rows of s become (p - q) s. */
static void gradient_block(void *context, size_t block) {
    const divergence *v = context;
    const size_t first = block * BLOCK_ROWS, n = v->n, n_rows = block_rows(first, n);
    for (size_t i = first; i < first + n_rows; i++) {
        double *s = v->similarity + i * n, loss = 0, sum = 0;
        const float *p = v->p + i * n;
        for (size_t j = 0; j < n; j++) {
            const double q = s[j] / v->s_sum;
            if (p[j] > 0)
                loss += (double)p[j] * log((double)p[j] / q);
            s[j] *= (double)p[j] - q;
            sum += s[j];
        }
        v->row_loss[i] = loss;
        for (size_t b = 0; b < v->q; b++)
            v->gradient[i * v->q + b] = sum * v->y[i * v->q + b];
    }
    adah_algebra_multiply(n_rows, v->q, n, -1, (adah_operand){v->similarity + first * n, n, 0},
                          (adah_operand){v->y, v->q, 0}, 1, v->gradient + first * v->q);
}

double adah_seph_objective(const float *p, size_t n, const double *y, size_t n_bits, double alpha, double *similarity,
                           double *rows, double *gradient) {
    divergence v = {p, y, n, n_bits, 0, similarity, rows, rows + n, rows + 2 * n, gradient};
    const size_t n_blocks = (n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    double loss = 0;
    for (size_t i = 0; i < n; i++)
        v.square[i] = adah_algebra_dot(y + i * n_bits, y + i * n_bits, n_bits);
    adah_parallel_for(n_blocks, 1, similarity_block, &v);
    for (size_t i = 0; i < n; i++)
        v.s_sum += v.row_s[i];
    adah_parallel_for(n_blocks, 1, gradient_block, &v);
    for (size_t i = 0; i < n; i++)
        loss += v.row_loss[i];
    for (size_t i = 0; i < n * n_bits; i++) {
        const double off = fabs(y[i]) - 1;
        loss += alpha * off * off;
        gradient[i] += 2 * alpha * (y[i] > 0 ? off : y[i] < 0 ? -off : 0);
    }
    return loss;
}

/* y (n, q): the codes of the least objective on the way. */
static adah_code learn_codes(const adah_rival_job *job, const double *unit_label, size_t n, double *y,
                             adah_status *status) {
    const size_t q = job->n_bits, n_labels = job->data->n_labels, count = n * q;
    const double alpha = alpha_scale / ((double)q * (double)n), step = fmin(step_max, step_per_pair * (double)n);
    float *p = adah_memory_floats(n * n);
    double *similarity = adah_algebra_zeros(n, n), *rows = adah_algebra_zeros(3, n), *now = adah_algebra_zeros(n, q);
    double *gradient = adah_algebra_zeros(n, q), *move = adah_algebra_zeros(n, q), *gain = adah_algebra_zeros(n, q);
    double least = INFINITY;
    adah_code code = ADAH_OK;
    if (!p || !similarity || !rows || !now || !gradient || !move || !gain)
        code = adah_algebra_fail_memory(n, n, status);
    else if (!adah_seph_affinity(unit_label, n, n_labels, p))
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "seph: no two pairs share a label");
    adah_random random = adah_random_seeded(job->seed, STREAM_CODES);
    for (size_t i = 0; code == ADAH_OK && i < count; i++) {
        now[i] = 1e-4 * (double)adah_random_normal(&random);
        gain[i] = 1;
    }
    for (size_t t = 0; t <= N_STEPS && code == ADAH_OK; t++) {
        const double objective = adah_seph_objective(p, n, now, q, alpha, similarity, rows, gradient);
        if (!isfinite(objective))
            break; /* the steps were too long for these labels; the best so far stands */
        if (objective < least) {
            least = objective;
            memcpy(y, now, count * sizeof *y);
        }
        code = adah_rival_tell(job, "learning codes", t, N_STEPS, objective, status);
        for (size_t i = 0; i < count; i++) {
            const int turned = (gradient[i] > 0) == (move[i] > 0); /* the last move went against the descent of now */
            gain[i] = fmax(turned ? gain[i] * 0.8 : gain[i] + 0.2, gain_min);
            move[i] = momentum * move[i] - step * gain[i] * gradient[i];
            now[i] += move[i];
        }
        for (size_t b = 0; b < q; b++) {
            double mean = 0;
            for (size_t i = 0; i < n; i++)
                mean += now[i * q + b] / (double)n;
            for (size_t i = 0; i < n; i++)
                now[i * q + b] -= mean;
        }
    }
    adah_memory_free(p);
    adah_memory_free(similarity);
    adah_memory_free(rows);
    adah_memory_free(now);
    adah_memory_free(gradient);
    adah_memory_free(move);
    adah_memory_free(gain);
    return code;
}

/* ---------------------------------------------------------------- anchors */

/* distance (n, m) = |x_i - a_j|^2 */
static void square_distances(const double *x, size_t n, const double *a, size_t m, size_t d, double *distance) {
    adah_algebra_multiply(n, m, d, -2, (adah_operand){x, d, 0}, (adah_operand){a, d, 1}, 0, distance);
    for (size_t i = 0; i < n; i++) {
        const double own = adah_algebra_dot(x + i * d, x + i * d, d);
        for (size_t j = 0; j < m; j++)
            distance[i * m + j] += own;
    }
    for (size_t j = 0; j < m; j++) {
        const double own = adah_algebra_dot(a + j * d, a + j * d, d);
        for (size_t i = 0; i < n; i++)
            distance[i * m + j] = fmax(distance[i * m + j] + own, 0);
    }
}

/* Lloyd's rounds from the anchors given; a centre without rows stays where it is. distance (n, m): scratch. */
static adah_code k_means(const double *x, size_t n, size_t d, double *anchor, size_t m, double *distance,
                         adah_status *status) {
    size_t *owner = adah_memory_zeroed(n, sizeof *owner), *count = adah_memory_zeroed(m, sizeof *count);
    adah_code code = owner && count ? ADAH_OK : adah_fail_memory(status, n * sizeof *owner);
    int moved = 1;
    for (int t = 0; t < N_MEANS_ROUNDS && moved && code == ADAH_OK; t++) {
        square_distances(x, n, anchor, m, d, distance);
        memset(count, 0, m * sizeof *count);
        moved = t == 0;
        for (size_t i = 0; i < n; i++) {
            size_t nearest = 0;
            for (size_t j = 1; j < m; j++)
                if (distance[i * m + j] < distance[i * m + nearest])
                    nearest = j;
            moved |= owner[i] != nearest;
            owner[i] = nearest;
            count[nearest]++;
        }
        for (size_t j = 0; j < m; j++)
            if (count[j] > 0)
                memset(anchor + j * d, 0, d * sizeof *anchor);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < d; k++)
                anchor[owner[i] * d + k] += x[i * d + k] / (double)count[owner[i]];
    }
    adah_memory_free(owner);
    adah_memory_free(count);
    return code;
}

/* ---------------------------------------------------------------- regression */

typedef struct regression {
    size_t n, m, q;
    const double *kernel;  /* (n, m) */
    const double *penalty; /* (m, m) kernel of the anchors */
    const double *bound;   /* (m, m) Cholesky of  K^T K / 4 + 2 ridge K_anchors + proximity */
    const double *code;    /* (n, q) +-1 */
    double *output;        /* (n, q) */
    double *weight;        /* (m, q) */
    double *slope;         /* (m, q) */
} regression;

/* One step of the bound's minimiser; returns the loss before it. */
static double regression_step(regression *r) {
    const size_t n = r->n, m = r->m, q = r->q;
    double loss = 0;
    adah_algebra_multiply(m, q, m, 1, (adah_operand){r->penalty, m, 0}, (adah_operand){r->weight, q, 0}, 0, r->slope);
    loss += ridge * adah_algebra_dot(r->weight, r->slope, m * q);
    adah_algebra_multiply(n, q, m, 1, (adah_operand){r->kernel, m, 0}, (adah_operand){r->weight, q, 0}, 0, r->output);
    for (size_t i = 0; i < n * q; i++) {
        const double margin = r->code[i] * r->output[i], tail = exp(-fabs(margin));
        loss += log1p(tail) + fmax(-margin, 0);
        r->output[i] = -r->code[i] * (margin > 0 ? tail / (1 + tail) : 1 / (1 + tail));
    }
    adah_algebra_multiply(m, q, n, 1, (adah_operand){r->kernel, m, 1}, (adah_operand){r->output, q, 0}, 2 * ridge,
                          r->slope);
    adah_algebra_cholesky_solve(r->bound, m, r->slope, q);
    for (size_t i = 0; i < m * q; i++)
        r->weight[i] -= r->slope[i];
    return loss;
}

static adah_code regress(const adah_rival_job *job, const char *stage, regression *r, adah_status *status) {
    double before = INFINITY;
    for (size_t t = 0; t < N_FIT_STEPS; t++) {
        const double loss = regression_step(r);
        ADAH_TRY(adah_rival_tell(job, stage, t + 1, N_FIT_STEPS, loss, status));
        if (t > 0 && before - loss < tolerance * before)
            break;
        before = loss;
    }
    return ADAH_OK;
}

/* The function of raw rows for anchors and weights (m, q) in the view. */
static adah_code kernel_function(const adah_view *view, const double *anchor, size_t m, const double *weight,
                                 size_t q, adah_hash_function *f, adah_status *status) {
    const size_t d = view->n_in;
    *f = (adah_hash_function){d,
                              m,
                              q,
                              (float)(kernel_exponent * view->scale * view->scale),
                              adah_memory_floats(m * d),
                              adah_memory_floats(q * m),
                              adah_memory_floats(q)};
    if (!f->anchor || !f->weight || !f->bias)
        return adah_fail_memory(status, m * (d + q) * sizeof(float));
    for (size_t i = 0; i < m * d; i++)
        f->anchor[i] = (float)(anchor[i] / view->scale + view->mean[i % d]);
    for (size_t b = 0; b < q; b++)
        for (size_t j = 0; j < m; j++)
            f->weight[b * m + j] = (float)weight[j * q + b];
    return ADAH_OK;
}

/* From the first n rows of the view and their codes +-1. */
static adah_code learn_function(const adah_rival_job *job, const adah_view *view, size_t n, const double *code_sign,
                                int with_means, uint64_t stream, adah_hash_function *function, adah_status *status) {
    const double *x = view->x;
    const size_t d = view->n_in, q = job->n_bits, n_free = with_means ? (n + 1) / 2 : n; /* a centre wants rows */
    const size_t m = n_free < N_ANCHORS ? n_free : N_ANCHORS;
    size_t *order = adah_memory_zeroed(n, sizeof *order);
    double *anchor = adah_algebra_zeros(m, d), *kernel = adah_algebra_zeros(n, m),
           *penalty = adah_algebra_zeros(m, m);
    double *bound = adah_algebra_zeros(m, m), *output = adah_algebra_zeros(n, q), *weight = adah_algebra_zeros(m, q);
    double *slope = adah_algebra_zeros(m, q), diagonal = 0;
    regression r = {n, m, q, kernel, penalty, bound, code_sign, output, weight, slope};
    adah_code code = ADAH_OK;
    if (!order || !anchor || !kernel || !penalty || !bound || !output || !weight || !slope) {
        code = adah_algebra_fail_memory(n, m > q ? m : q, status);
        goto done;
    }
    adah_random random = adah_random_seeded(job->seed, stream);
    adah_random_permutation(&random, n, order);
    for (size_t j = 0; j < m; j++)
        memcpy(anchor + j * d, x + order[j] * d, d * sizeof *anchor);
    if (with_means)
        code = k_means(x, n, d, anchor, m, kernel, status);
    if (code != ADAH_OK)
        goto done;
    square_distances(x, n, anchor, m, d, kernel);
    square_distances(anchor, m, anchor, m, d, penalty);
    for (size_t i = 0; i < n * m; i++)
        kernel[i] = exp(-kernel_exponent * kernel[i]);
    for (size_t i = 0; i < m * m; i++)
        penalty[i] = exp(-kernel_exponent * penalty[i]);
    adah_algebra_gram(kernel, n, m, 0, bound);
    for (size_t i = 0; i < m * m; i++)
        bound[i] = bound[i] / 4 + 2 * ridge * penalty[i];
    for (size_t j = 0; j < m; j++)
        diagonal += bound[j * m + j] / (double)m;
    for (size_t j = 0; j < m; j++)
        bound[j * m + j] += proximity * diagonal;
    code = adah_algebra_cholesky(bound, m, status);
    if (code == ADAH_OK)
        code = regress(job, stream == STREAM_IMAGE ? "fitting images" : "fitting texts", &r, status);
    if (code == ADAH_OK)
        code = kernel_function(view, anchor, m, weight, q, function, status);
done:
    adah_memory_free(order);
    adah_memory_free(anchor);
    adah_memory_free(kernel);
    adah_memory_free(penalty);
    adah_memory_free(bound);
    adah_memory_free(output);
    adah_memory_free(weight);
    adah_memory_free(slope);
    return code;
}

/* ---------------------------------------------------------------- the whole */

/* rows[chosen[i]] one after another, in place: chosen ascends. */
static void keep_rows(double *rows, size_t n_columns, const size_t *chosen, size_t n) {
    for (size_t i = 0; i < n; i++)
        memmove(rows + i * n_columns, rows + chosen[i] * n_columns, n_columns * sizeof *rows);
}

/* n of n_all at random, ascending. */
static void choose_rows(uint64_t seed, size_t n_all, size_t n, size_t *order) {
    adah_random random = adah_random_seeded(seed, STREAM_SUBSET);
    size_t left = n;
    for (size_t i = 0, k = 0; i < n_all && left > 0; i++) /* selection sampling, Knuth 3.4.2 S */
        if (adah_random_below(&random, n_all - i) < left) {
            order[k++] = i;
            left--;
        }
}

static adah_code seph_learn(const adah_rival_job *job, int with_means, adah_status *status) {
    const size_t n_all = job->data->n, n = n_all < N_PAIRS_MAX ? n_all : N_PAIRS_MAX, q = job->n_bits;
    size_t *chosen = adah_memory_zeroed(n, sizeof *chosen);
    double *unit_label = adah_rival_unit_labels(job->data), *y = adah_algebra_zeros(n, q);
    adah_code code = ADAH_OK;
    if (!chosen || !unit_label || !y) {
        code = adah_algebra_fail_memory(n, q, status);
        goto done;
    }
    choose_rows(job->seed, n_all, n, chosen);
    keep_rows(unit_label, job->data->n_labels, chosen, n);
    keep_rows(job->image.x, job->image.n_in, chosen, n);
    keep_rows(job->text.x, job->text.n_in, chosen, n);
    code = learn_codes(job, unit_label, n, y, status);
    for (size_t i = 0; i < n * q; i++)
        y[i] = y[i] >= 0 ? 1 : -1;
    if (code == ADAH_OK)
        code = learn_function(job, &job->image, n, y, with_means, STREAM_IMAGE, job->image_function, status);
    if (code == ADAH_OK)
        code = learn_function(job, &job->text, n, y, with_means, STREAM_TEXT, job->text_function, status);
done:
    adah_memory_free(chosen);
    adah_memory_free(unit_label);
    adah_memory_free(y);
    return code;
}

static adah_code seph_learn_km(const adah_rival_job *job, adah_status *status) { return seph_learn(job, 1, status); }

static adah_code seph_learn_rnd(const adah_rival_job *job, adah_status *status) { return seph_learn(job, 0, status); }

ADAH_SHALLOW_RIVAL(seph_km, "seph-km", "semantics-preserving hashing, anchors by k-means", 1, 1, seph_learn_km);
ADAH_SHALLOW_RIVAL(seph_rnd, "seph-rnd", "semantics-preserving hashing, anchors drawn at random", 1, 1, seph_learn_rnd);
