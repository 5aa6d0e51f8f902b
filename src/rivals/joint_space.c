/* joint_space.c - see joint_space.h. */
#include "rivals/joint_space.h"
#include "base/memory.h"
#include "rivals/linear_algebra.h"

#include <math.h>
#include <string.h>

enum { STREAM_FINE = 1001, BITS_DEFAULT = 256, FINE_DEFAULT = 256 };

/* ---------------------------------------------------------------- settings */

static int whole_bytes(size_t n_values, int n_most) { return n_values > (size_t)n_most ? n_most : (int)(n_values / 8 * 8); }

void adah_joint_fit(size_t n_values, adah_settings *config) {
    config->n_bits = whole_bytes(n_values, BITS_DEFAULT) < ADAH_BITS_MIN ? ADAH_BITS_MIN : whole_bytes(n_values, BITS_DEFAULT);
    config->n_fine = whole_bytes(n_values, FINE_DEFAULT);
}

void adah_joint_fit_dimensions(size_t n_values, adah_settings *config) {
    adah_joint_fit(n_values, config);
    config->n_bits = whole_bytes(n_values, ADAH_BITS_MAX) < ADAH_BITS_MIN ? ADAH_BITS_MIN : whole_bytes(n_values, ADAH_BITS_MAX);
}

/* ---------------------------------------------------------------- matrices */

static void add_gram(const adah_view *view, double factor, double *gram, double *sum) {
    const size_t d = view->n_in;
    adah_algebra_gram(view->x, view->n, d, 0, gram);
    for (size_t i = 0; i < d * d; i++)
        sum[i] += factor * gram[i] / (double)view->n;
}

adah_code adah_joint_covariance(const adah_rival_job *job, double *covariance, adah_status *status) {
    const size_t d = job->image.n_in;
    double *gram = adah_algebra_zeros(d, d);
    if (!gram)
        return adah_algebra_fail_memory(d, d, status);
    memset(covariance, 0, d * d * sizeof *covariance);
    add_gram(&job->image, 1, gram, covariance);
    add_gram(&job->text, 1, gram, covariance);
    adah_memory_free(gram);
    return ADAH_OK;
}

adah_code adah_joint_rotation(const adah_rival_job *job, uint64_t stream, size_t n, double *rotation, adah_status *status) {
    double *gram = adah_algebra_zeros(n, n);
    if (!gram)
        return adah_algebra_fail_memory(n, n, status);
    adah_random random = adah_random_seeded(job->seed, stream);
    for (size_t i = 0; i < n * n; i++)
        rotation[i] = (double)adah_random_normal(&random);
    adah_algebra_multiply(n, n, n, 1, (adah_operand){rotation, n, 0}, (adah_operand){rotation, n, 1}, 0, gram);
    const adah_code code = adah_algebra_cholesky(gram, n, status);
    if (code == ADAH_OK)
        adah_algebra_lower_solve(gram, n, 0, rotation, n);
    adah_memory_free(gram);
    return code;
}

/* ---------------------------------------------------------------- the vector for the fine order */

/* Of the vectors as they are: u = x / scale + mean in terms of the view, so that the sum of u u^T / n is that of the view, and that of
 * the mean. */
static adah_code add_moment(const adah_view *view, double *moment, adah_status *status) {
    const size_t d = view->n_in;
    double *gram = adah_algebra_zeros(d, d);
    if (!gram)
        return adah_algebra_fail_memory(d, d, status);
    add_gram(view, 1 / (view->scale * view->scale), gram, moment);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++)
            moment[i * d + j] += view->mean[i] * view->mean[j];
    adah_memory_free(gram);
    return ADAH_OK;
}

static adah_code fill_fine(const adah_rival_job *job, adah_status *status) {
    const size_t d = job->image.n_in, k = job->data->n_fine;
    adah_hash_function *fine = job->fine_function;
    double *moment = adah_algebra_zeros(d, d), *value = adah_algebra_zeros(k, 1), *direction = adah_algebra_zeros(k, d);
    double *rotation = adah_algebra_zeros(k, k), *weight = adah_algebra_zeros(k, d);
    adah_code code = moment && value && direction && rotation && weight ? ADAH_OK : adah_algebra_fail_memory(d, d, status);
    if (code == ADAH_OK)
        code = add_moment(&job->image, moment, status);
    if (code == ADAH_OK)
        code = add_moment(&job->text, moment, status);
    if (code == ADAH_OK)
        code = adah_algebra_eigen(moment, d, k, value, direction, status);
    if (code == ADAH_OK)
        code = adah_joint_rotation(job, STREAM_FINE, k, rotation, status);
    *fine = (adah_hash_function){d, 0, k, 0, NULL, adah_memory_floats(k * d), adah_memory_floats(k)};
    if (code == ADAH_OK && !(fine->weight && fine->bias))
        code = adah_fail_memory(status, k * d * sizeof(float));
    if (code == ADAH_OK) {
        adah_algebra_multiply(k, d, k, 1, (adah_operand){rotation, k, 0}, (adah_operand){direction, d, 0}, 0, weight);
        for (size_t i = 0; i < k * d; i++)
            fine->weight[i] = (float)weight[i];
    }
    adah_memory_free(moment);
    adah_memory_free(value);
    adah_memory_free(direction);
    adah_memory_free(rotation);
    adah_memory_free(weight);
    return code;
}

/* ---------------------------------------------------------------- all functions */

adah_code adah_joint_fill(const adah_rival_job *job, adah_joint_learn learn, adah_status *status) {
    const size_t d = job->image.n_in;
    if (job->text.n_in != d)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "images are vectors of %zu values and texts of %zu, but this method is for an encoder that "
                         "puts both into one space", d, job->text.n_in);
    if (job->data->n_fine > d)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_fine is %zu, expected at most %zu, the values of a vector", job->data->n_fine, d);
    double *weight = adah_algebra_zeros(job->n_bits, d);
    adah_code code = weight ? learn(job, weight, status) : adah_algebra_fail_memory(job->n_bits, d, status);
    if (code == ADAH_OK)
        code = adah_view_linear(&job->image, job->n_bits, weight, NULL, job->image_function, status);
    if (code == ADAH_OK)
        code = adah_view_linear(&job->text, job->n_bits, weight, NULL, job->text_function, status);
    if (code == ADAH_OK && job->data->n_fine)
        code = fill_fine(job, status);
    adah_memory_free(weight);
    return code;
}

/* ---------------------------------------------------------------- the network */

void adah_joint_build(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side) {
    (void)plan;
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_node *u = adah_unit_length_node(b, adah_rival_input(b, side), 1, NULL, &side->unit_words);
    side->class_code = adah_rival_code(b, prefix, u, ADAH_INIT_ZERO);
    if (b->config->n_fine)
        side->fine = adah_builder_linear(b, adah_builder_name(name, prefix, "fine"), u, (size_t)b->config->n_fine, ADAH_INIT_ZERO, ADAH_GROUP_HEAD);
}
