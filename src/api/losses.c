/* losses.c - the losses of a training, for networks of other programs. */
#include "base/memory.h"
#include "paper/objective.h"
#include "rivals/dcmh.h"

static adah_code check_batch(size_t n, size_t n_bits, adah_status *status) {
    if (n < 1 || n_bits < 1)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a loss of %zu items of %zu bits, expected one or more of either", n, n_bits);
    return ADAH_OK;
}

adah_code adah_loss_triplet(const float *queries, const float *database, const float *similarity, size_t n, size_t n_bits, float margin,
                            int mean_over_active, double *loss, float *query_gradient, float *database_gradient, adah_status *status) {
    ADAH_TRY(check_batch(n, n_bits, status));
    const int is_within = queries == database;
    const adah_term term = is_within ? ADAH_TERM_IMAGE_TO_IMAGE : ADAH_TERM_TEXT_TO_IMAGE;
    const adah_objective_options options = {n, n_bits, margin, mean_over_active};
    adah_objective *objective;
    ADAH_TRY(adah_objective_create(&options, &objective, status));
    float weight[ADAH_N_TERMS] = {0};
    double losses[ADAH_N_TERMS];
    weight[term] = 1;
    adah_objective_evaluate(objective, &(adah_batch_codes){.image = database, .text = queries}, similarity, weight, losses,
                            &(adah_batch_gradients){.image = database_gradient, .text = query_gradient});
    adah_objective_free(objective);
    *loss = losses[term];
    return ADAH_OK;
}

adah_code adah_loss_dcmh(const float *own, const float *other, const size_t *row, const float *similar, size_t n, size_t n_batch, size_t n_bits,
                         float gamma, float eta, double loss[3], float *gradient, adah_status *status) {
    ADAH_TRY(check_batch(n_batch, n_bits, status));
    for (size_t i = 0; i < n_batch; i++)
        if (row[i] >= n)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "the batch has row %zu of %zu codes", row[i], n);
    float *row_loss = adah_memory_floats(n_batch);
    if (!row_loss)
        return adah_fail_memory(status, n_batch * sizeof *row_loss);
    for (int i = 0; i < ADAH_DCMH_N_LOSSES; i++)
        loss[i] = 0;
    adah_dcmh_evaluate(&(adah_dcmh_side){n, n_batch, n_bits, own, other, row, similar, gamma, eta, row_loss}, loss, gradient);
    adah_memory_free(row_loss);
    return ADAH_OK;
}
