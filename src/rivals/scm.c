/* scm.c - semantic correlation maximisation.
 *
 * D. Zhang, W.-J. Li, "Large-Scale Supervised Multimodal Hashing with Semantic Correlation Maximization", AAAI 2014.
 * With the similarity S = 2 L L^T - 1 1^T of the label rows L of length 1 and the centred views X, Y, minimise
 *
 *     | sign(X U) sign(Y V)^T - q S |^2,   q bits.
 *
 * Orthogonal: sign dropped and U^T X^T X U = n I, V^T Y^T Y V = n I, which leaves  max tr(U^T X^T S Y V): the q
 * strongest singular pairs of T = R^-1 X^T S Y S'^-T with R R^T, S' S'^T the Gram matrices. Sequential: bit t is the
 * strongest pair for the residual  q S - sum over the bits before of sign(X u) sign(Y v)^T.
 *
 * S has rank n_labels on centred views, and a bit of the residual adds 1, so T is kept as a product A B^T of few
 * columns and neither S nor T is ever formed. Orthogonal codes have at most n_labels pairs that do not vanish;
 * further bits repeat the pairs from the strongest on (where the published code takes vectors of eigenvalue 0, which
 * are noise). */
#include "base/memory.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival.h"

#include <math.h>
#include <string.h>

/* In units of the squared norm of a view, which is 1. */
static const double ridge = 1e-6;

typedef struct scm_side {
    const adah_view *view;
    double *factor;     /* R */
    double *column;     /* (r, d): the columns of A (or B) as rows, R^-1 X^T s */
    double *transposed; /* (d, r) */
    double *direction;  /* (q, d) */
    double *projection; /* n */
} scm_side;

typedef struct scm {
    const adah_rival_job *job;
    size_t n_columns, n_columns_max; /* r: now, and at the end */
    scm_side side[2];
    double *value;
} scm;

static void scm_free(scm *s) {
    for (int i = 0; i < 2; i++) {
        adah_memory_free(s->side[i].factor);
        adah_memory_free(s->side[i].column);
        adah_memory_free(s->side[i].transposed);
        adah_memory_free(s->side[i].direction);
        adah_memory_free(s->side[i].projection);
    }
    adah_memory_free(s->value);
}

/* The columns of q S = 2 q L L^T; 1^T X is 0. */
static adah_code scm_start(scm *s, adah_status *status) {
    const adah_rival_data *data = s->job->data;
    const size_t n = data->n, r = data->n_labels, q = s->job->n_bits;
    double *label = adah_rival_unit_labels(data);
    adah_code code = label ? ADAH_OK : adah_algebra_fail_memory(n, r, status);
    s->value = adah_algebra_zeros(q, 1);
    for (int i = 0; i < 2 && code == ADAH_OK; i++) {
        scm_side *side = &s->side[i];
        const size_t d = side->view->n_in;
        side->column = adah_algebra_zeros(s->n_columns_max, d);
        side->transposed = adah_algebra_zeros(d, s->n_columns_max);
        side->direction = adah_algebra_zeros(q, d);
        side->projection = adah_algebra_zeros(n, 1);
        if (!side->column || !side->transposed || !side->direction || !side->projection || !s->value)
            code = adah_algebra_fail_memory(s->n_columns_max, d, status);
        else
            code = adah_view_whitener(side->view, ridge, &side->factor, status);
        if (code != ADAH_OK)
            break;
        adah_algebra_multiply(r, d, n, sqrt(2 * (double)q) / (double)n, (adah_operand){label, r, 1},
                              (adah_operand){side->view->x, d, 0}, 0, side->column);
        for (size_t c = 0; c < r; c++)
            adah_algebra_lower_solve(side->factor, d, 0, side->column + c * d, 1);
    }
    s->n_columns = r;
    adah_memory_free(label);
    return code;
}

/* At most k strongest pairs of A B^T into direction[first..]. */
static adah_code scm_pairs(scm *s, size_t first, size_t k, size_t *n_found, adah_status *status) {
    const size_t r = s->n_columns;
    for (int i = 0; i < 2; i++) {
        const scm_side *side = &s->side[i];
        const size_t d = side->view->n_in;
        for (size_t c = 0; c < r; c++)
            for (size_t j = 0; j < d; j++)
                side->transposed[j * r + c] = side->column[c * d + j];
    }
    const size_t d = s->side[0].view->n_in, e = s->side[1].view->n_in;
    return adah_algebra_singular(s->side[0].transposed, d, s->side[1].transposed, e, r, k, s->value,
                                 s->side[0].direction + first * d, s->side[1].direction + first * e, n_found, status);
}

/* The residual loses the outer product of the signs of the last bit. */
static void scm_deflate(scm *s, size_t bit) {
    for (int i = 0; i < 2; i++) {
        const scm_side *side = &s->side[i];
        const size_t n = side->view->n, d = side->view->n_in;
        double *column = side->column + s->n_columns * d, *w = column; /* w: until the projection is there */
        memcpy(w, side->direction + bit * d, d * sizeof *w);
        adah_algebra_lower_solve(side->factor, d, 1, w, 1);
        adah_algebra_multiply(n, 1, d, 1, (adah_operand){side->view->x, d, 0}, (adah_operand){w, 1, 0}, 0,
                              side->projection);
        for (size_t j = 0; j < n; j++)
            side->projection[j] = side->projection[j] >= 0 ? 1 : -1;
        adah_algebra_multiply(1, d, n, (i ? -1.0 : 1.0) / (double)n, (adah_operand){side->projection, n, 0},
                              (adah_operand){side->view->x, d, 0}, 0, column);
        adah_algebra_lower_solve(side->factor, d, 0, column, 1);
    }
    s->n_columns++;
}

static adah_code scm_learn(const adah_rival_job *job, int sequential, adah_status *status) {
    const size_t q = job->n_bits;
    scm s = {.job = job,
             .n_columns_max = job->data->n_labels + (sequential ? q : 0),
             .side = {{.view = &job->image}, {.view = &job->text}}};
    size_t n_found = 0;
    adah_code code = scm_start(&s, status);
    if (!sequential && code == ADAH_OK) {
        code = scm_pairs(&s, 0, q, &n_found, status);
        if (code == ADAH_OK)
            code = adah_rival_tell(job, "correlating", q, q, s.value[0], status);
    }
    for (size_t bit = 0; sequential && bit < q && code == ADAH_OK; bit++) {
        size_t n_more = 0;
        code = scm_pairs(&s, bit, 1, &n_more, status);
        if (code != ADAH_OK || n_more == 0)
            break;
        n_found++;
        scm_deflate(&s, bit);
        code = adah_rival_tell(job, "correlating", bit + 1, q, s.value[0], status);
    }
    if (code == ADAH_OK && n_found == 0)
        code = adah_fail(status, ADAH_ERROR_MISMATCH,
                         "scm: the labels have no correlation with the image and text vectors of the pairs");
    for (int i = 0; i < 2 && code == ADAH_OK; i++)
        code = adah_view_directions(s.side[i].view, s.side[i].factor, n_found, s.side[i].direction, q,
                                    i ? job->text_function : job->image_function, status);
    scm_free(&s);
    return code;
}

static adah_code scm_learn_orth(const adah_rival_job *job, adah_status *status) { return scm_learn(job, 0, status); }

static adah_code scm_learn_seq(const adah_rival_job *job, adah_status *status) { return scm_learn(job, 1, status); }

ADAH_SHALLOW_RIVAL(scm_orth, "scm-orth", "semantic correlation maximisation, all bits at once", 1, 1, scm_learn_orth);
ADAH_SHALLOW_RIVAL(scm_seq, "scm-seq", "semantic correlation maximisation, bit after bit", 1, 1, scm_learn_seq);
