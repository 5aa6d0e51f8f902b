/* itq.c - iterative quantisation.
 *
 * Y. Gong, S. Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary Codes", CVPR 2011. The centred vectors of both
 * sides in their q principal directions, V (2 n, q), are turned by the rotation R for which their signs lie nearest to them:
 *
 *     minimise |B - V R|^2  over B in {-1, +1} and R orthogonal.
 *
 * B = sign(V R), and for that B the R is S T^T of the singular vectors of V^T B = S D T^T, in turn, from a random R on. The loss never
 * grows. Each side counts the same. There are as many directions as the vectors vary in; further bits come of further rotations of
 * the strongest directions, each from a random start of its own. */
#include "base/memory.h"
#include "rivals/joint_space.h"
#include "rivals/linear_algebra.h"

#include <math.h>
#include <string.h>

enum { N_ITERATIONS = 50 };
static const double vanishing = 1e-10; /* variance of a direction beside the largest: nothing varies in it */
static const double tolerance = 1e-4;  /* of the sum of |V R|: a smaller gain ends the rotation */

typedef struct itq {
    const adah_rival_job *job;
    size_t n, d, k;     /* rows of both sides, dimensions, directions of this rotation */
    double *value;      /* d: variances */
    double *direction;  /* (d, d) */
    double *projected;  /* (n, k) V, */
    double *turned;     /* (n, k) V R, then its signs */
    double *rotation;   /* (k, k) R */
    double *cross;      /* (k, k) V^T B */
    double *strength, *left, *right; /* k; (k, k) */
} itq;

static void itq_free(itq *s) {
    double *const all[] = {s->value, s->direction, s->projected, s->turned, s->rotation, s->cross, s->strength, s->left, s->right};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        adah_memory_free(all[i]);
}

/* The principal directions of both sides together; *n_directions of them vary. */
static adah_code find_directions(itq *s, size_t *n_directions, adah_status *status) {
    const size_t d = s->d;
    double *covariance = adah_algebra_zeros(d, d);
    s->value = adah_algebra_zeros(d, 1);
    s->direction = adah_algebra_zeros(d, d);
    adah_code code = covariance && s->value && s->direction ? adah_joint_covariance(s->job, covariance, status)
                                                            : adah_algebra_fail_memory(d, d, status);
    if (code == ADAH_OK)
        code = adah_algebra_eigen(covariance, d, d, s->value, s->direction, status);
    adah_memory_free(covariance);
    for (*n_directions = 0; code == ADAH_OK && *n_directions < d && s->value[*n_directions] > vanishing * s->value[0];)
        ++*n_directions;
    if (code == ADAH_OK && *n_directions == 0)
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "itq: the vectors of either side are all the same");
    return code;
}

static adah_code make_room(itq *s, size_t k, adah_status *status) {
    s->projected = adah_algebra_zeros(s->n, k);
    s->turned = adah_algebra_zeros(s->n, k);
    s->rotation = adah_algebra_zeros(k, k);
    s->cross = adah_algebra_zeros(k, k);
    s->strength = adah_algebra_zeros(k, 1);
    s->left = adah_algebra_zeros(k, k);
    s->right = adah_algebra_zeros(k, k);
    return s->projected && s->turned && s->rotation && s->cross && s->strength && s->left && s->right
               ? ADAH_OK
               : adah_algebra_fail_memory(s->n, k, status);
}

/* V R becomes its signs; returns the loss. *reach: the sum of |V R|, the part of it that a rotation changes. */
static double take_signs(const itq *s, double *reach) {
    double square = 0;
    *reach = 0;
    for (size_t i = 0; i < s->n * s->k; i++) {
        const double x = s->turned[i];
        square += x * x;
        *reach += fabs(x);
        s->turned[i] = x >= 0 ? 1 : -1;
    }
    return (double)(s->n * s->k) - 2 * *reach + square;
}

/* R for these signs. Returns 0, and leaves R, when they do not say which. */
static adah_code turn(itq *s, int *is_turned, adah_status *status) {
    const size_t k = s->k;
    size_t n_found;
    adah_algebra_multiply(k, k, s->n, 1, (adah_operand){s->projected, k, 1}, (adah_operand){s->turned, k, 0}, 0, s->cross);
    ADAH_TRY(adah_algebra_singular(s->cross, k, NULL, k, k, k, s->strength, s->left, s->right, &n_found, status));
    *is_turned = n_found == k;
    if (*is_turned)
        adah_algebra_multiply(k, k, k, 1, (adah_operand){s->left, k, 1}, (adah_operand){s->right, k, 0}, 0, s->rotation);
    return ADAH_OK;
}

/* The rotation of the k strongest directions. */
static adah_code rotate(itq *s, uint64_t stream, adah_status *status) {
    const size_t k = s->k, d = s->d, n_image = s->job->image.n, n_text = s->job->text.n;
    double before = 0, reach;
    int is_turned = 1;
    adah_algebra_multiply(n_image, k, d, 1, (adah_operand){s->job->image.x, d, 0}, (adah_operand){s->direction, d, 1}, 0, s->projected);
    adah_algebra_multiply(n_text, k, d, 1, (adah_operand){s->job->text.x, d, 0}, (adah_operand){s->direction, d, 1}, 0,
                          s->projected + n_image * k);
    ADAH_TRY(adah_joint_rotation(s->job, stream, k, s->rotation, status));
    for (size_t i = 0; i < N_ITERATIONS && is_turned; i++) {
        adah_algebra_multiply(s->n, k, k, 1, (adah_operand){s->projected, k, 0}, (adah_operand){s->rotation, k, 0}, 0, s->turned);
        const double loss = take_signs(s, &reach);
        ADAH_TRY(adah_rival_tell(s->job, "rotating", i + 1, N_ITERATIONS, loss, status));
        if (reach - before < tolerance * before)
            break;
        before = reach;
        ADAH_TRY(turn(s, &is_turned, status));
    }
    return ADAH_OK;
}

static adah_code learn_rotations(const adah_rival_job *job, double *weight, adah_status *status) {
    itq s = {.job = job, .n = job->image.n + job->text.n, .d = job->image.n_in};
    size_t n_directions = 0, k = 0;
    adah_code code = find_directions(&s, &n_directions, status);
    if (code == ADAH_OK) {
        k = n_directions < job->n_bits ? n_directions : job->n_bits;
        code = make_room(&s, k, status);
    }
    for (size_t first = 0; code == ADAH_OK && first < job->n_bits; first += k) {
        s.k = job->n_bits - first < k ? job->n_bits - first : k;
        code = rotate(&s, 1 + first / k, status);
        if (code == ADAH_OK) /* bit b is column b of V R */
            adah_algebra_multiply(s.k, s.d, s.k, 1, (adah_operand){s.rotation, s.k, 1}, (adah_operand){s.direction, s.d, 0}, 0,
                                  weight + first * s.d);
    }
    itq_free(&s);
    return code;
}

ADAH_JOINT_METHOD(itq, "itq", "iterative quantisation", adah_joint_fit, learn_rotations);
