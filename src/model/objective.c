/* objective.c - the triplet ranking loss and the six terms of F.
 *
 * For a query modality A and a database modality B (Zhang, Lai, Feng 2018, the cross-modal and the adversarial
 * retrieval losses):
 *
 *     F(A->B) = sum over (i, j, k) with S(i,j) > S(i,k) of  max(0, epsilon + d(i,j) - d(i,k)),   d(i,j) = ||H_i^A - H_j^B||
 *
 * The sum runs over all triplets of the batch and is divided by how many were active (or valid). The loss depends on
 * the codes only through the B x B distances, so the derivative is taken in two steps: first dF/dd(i,j), which is a
 * count of active triplets, then dd(i,j)/dH = +-(H_i^A - H_j^B) / d(i,j). */
#include "model/objective.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

const char *const adah_term_name[ADAH_N_TERMS] = {"text_to_image",         "image_to_text",
                                                  "image_to_image",        "text_to_text",
                                                  "text_to_image_hidden", "image_to_text_hidden"};

struct adah_objective {
    size_t n_batch, n_bits;
    float margin; /* epsilon */
    int mean_over_active;
    float *distance;       /* (B, B) d(i,j) */
    float *slope;          /* (B, B) dF/dd(i,j), a count */
    float *near, *far;     /* (B, B) scratch: the row's distances to similar and to dissimilar items */
    float *far_count;      /* (B, B) scratch */
    double *row_loss;      /* (B) */
    double *row_active, *row_valid;
};

adah_code adah_objective_create(size_t n_batch, size_t n_bits, float margin, int mean_over_active,
                                adah_objective **objective, adah_status *status) {
    adah_objective *o = adah_memory_zeroed(1, sizeof *o);
    if (!o)
        return adah_fail_memory(status, sizeof *o);
    size_t n = n_batch * n_batch;
    *o = (adah_objective){n_batch, n_bits, margin, mean_over_active,
                          adah_memory_floats(n), adah_memory_floats(n), adah_memory_floats(n), adah_memory_floats(n),
                          adah_memory_floats(n), adah_memory_zeroed(n_batch, sizeof(double)),
                          adah_memory_zeroed(n_batch, sizeof(double)), adah_memory_zeroed(n_batch, sizeof(double))};
    if (!o->distance || !o->slope || !o->near || !o->far || !o->far_count || !o->row_loss || !o->row_active ||
        !o->row_valid) {
        adah_objective_free(o);
        return adah_fail_memory(status, 5 * n * sizeof(float));
    }
    *objective = o;
    return ADAH_OK;
}

void adah_objective_free(adah_objective *o) {
    if (!o)
        return;
    adah_memory_free(o->distance);
    adah_memory_free(o->slope);
    adah_memory_free(o->near);
    adah_memory_free(o->far);
    adah_memory_free(o->far_count);
    adah_memory_free(o->row_loss);
    adah_memory_free(o->row_active);
    adah_memory_free(o->row_valid);
    adah_memory_free(o);
}

typedef struct triplet_pass {
    adah_objective *o;
    const float *query, *database; /* H^A, H^B */
    const uint8_t *similar;        /* S */
    int same_set;                  /* A == B: an item is neither its own positive nor its own negative */
    float scale;                   /* weight / number of triplets */
    float *query_gradient, *database_gradient;
} triplet_pass;

/* Row i: distances, loss and counts of its triplets. */
static void triplet_row(void *context, size_t i) {
    const triplet_pass *pass = context;
    adah_objective *o = pass->o;
    const size_t n = o->n_batch, q = o->n_bits;
    float *d = o->distance + i * n, *slope = o->slope + i * n;
    float *near = o->near + i * n, *far = o->far + i * n, *far_count = o->far_count + i * n;
    const uint8_t *similar = pass->similar + i * n;
    const float *a = pass->query + i * q;
    size_t n_near = 0, n_far = 0;
    for (size_t j = 0; j < n; j++) {
        const float *b = pass->database + j * q;
        float square = 0;
#pragma omp simd reduction(+ : square)
        for (size_t c = 0; c < q; c++)
            square += (a[c] - b[c]) * (a[c] - b[c]);
        d[j] = sqrtf(square);
        if (pass->same_set && j == i)
            continue;
        if (similar[j])
            near[n_near++] = d[j];
        else
            far[n_far++] = d[j];
    }
    memset(far_count, 0, n_far * sizeof *far_count);
    double loss = 0, active = 0;
    for (size_t j = 0; j < n_near; j++) {
        const float reach = o->margin + near[j];
        float sum = 0, count = 0;
#pragma omp simd reduction(+ : sum, count)
        for (size_t k = 0; k < n_far; k++) {
            float violation = reach - far[k];
            float on = violation > 0 ? 1.0f : 0.0f;
            sum += on * violation;
            count += on;
            far_count[k] += on;
        }
        near[j] = count;
        loss += sum;
        active += count;
    }
    o->row_loss[i] = loss;
    o->row_active[i] = active;
    o->row_valid[i] = (double)n_near * (double)n_far;
    for (size_t j = 0, s = 0, t = 0; j < n; j++) {
        if (pass->same_set && j == i)
            slope[j] = 0;
        else
            slope[j] = similar[j] ? near[s++] : -far_count[t++];
    }
}

/* slope(i,j) becomes slope / d: what (H_i^A - H_j^B) is multiplied by. At d = 0 the norm has no derivative; 0 is taken. */
static void query_gradient_row(void *context, size_t i) {
    const triplet_pass *pass = context;
    const adah_objective *o = pass->o;
    const size_t n = o->n_batch, q = o->n_bits;
    const float *a = pass->query + i * q;
    float *gradient = pass->query_gradient + i * q;
    for (size_t j = 0; j < n; j++) {
        float *slope = o->slope + i * n + j;
        float d = o->distance[i * n + j];
        *slope = d > 1e-6f ? pass->scale * *slope / d : 0;
        if (*slope == 0)
            continue;
        const float *b = pass->database + j * q;
        for (size_t c = 0; c < q; c++)
            gradient[c] += *slope * (a[c] - b[c]);
    }
}

static void database_gradient_row(void *context, size_t j) {
    const triplet_pass *pass = context;
    const adah_objective *o = pass->o;
    const size_t n = o->n_batch, q = o->n_bits;
    const float *b = pass->database + j * q;
    float *gradient = pass->database_gradient + j * q;
    for (size_t i = 0; i < n; i++) {
        float slope = o->slope[i * n + j];
        if (slope == 0)
            continue;
        const float *a = pass->query + i * q;
        for (size_t c = 0; c < q; c++)
            gradient[c] -= slope * (a[c] - b[c]);
    }
}

/* F(A->B) and, when query_gradient is not NULL, weight * its derivatives. */
static double triplet_ranking_loss(triplet_pass pass, float weight) {
    adah_objective *o = pass.o;
    adah_parallel_for(o->n_batch, 8, triplet_row, &pass);
    double loss = 0, active = 0, valid = 0;
    for (size_t i = 0; i < o->n_batch; i++) {
        loss += o->row_loss[i];
        active += o->row_active[i];
        valid += o->row_valid[i];
    }
    double n_triplets = o->mean_over_active ? active : valid;
    if (active == 0)
        return 0;
    if (pass.query_gradient) {
        pass.scale = (float)(weight / n_triplets);
        adah_parallel_for(o->n_batch, 8, query_gradient_row, &pass);
        adah_parallel_for(o->n_batch, 8, database_gradient_row, &pass);
    }
    return loss / n_triplets;
}

void adah_objective_evaluate(adah_objective *o, const adah_batch_codes *codes, const uint8_t *similar,
                             const float weight[ADAH_N_TERMS], double loss[ADAH_N_TERMS],
                             const adah_batch_gradients *gradients) {
    const adah_batch_gradients none = {0};
    const adah_batch_gradients *g = gradients ? gradients : &none;
    const struct {
        const float *query, *database;
        float *query_gradient, *database_gradient;
    } term[ADAH_N_TERMS] = {
        [ADAH_TERM_TEXT_TO_IMAGE] = {codes->text, codes->image, g->text, g->image},
        [ADAH_TERM_IMAGE_TO_TEXT] = {codes->image, codes->text, g->image, g->text},
        [ADAH_TERM_IMAGE_TO_IMAGE] = {codes->image, codes->image, g->image, g->image},
        [ADAH_TERM_TEXT_TO_TEXT] = {codes->text, codes->text, g->text, g->text},
        [ADAH_TERM_TEXT_TO_IMAGE_HIDDEN] = {codes->text, codes->image_hidden, g->text, g->image_hidden},
        [ADAH_TERM_IMAGE_TO_TEXT_HIDDEN] = {codes->image, codes->text_hidden, g->image, g->text_hidden},
    };
    for (int t = 0; t < ADAH_N_TERMS; t++) {
        loss[t] = 0;
        if (weight[t] != 0 && term[t].database)
            loss[t] = triplet_ranking_loss((triplet_pass){.o = o,
                                                          .query = term[t].query,
                                                          .database = term[t].database,
                                                          .similar = similar,
                                                          .same_set = term[t].query == term[t].database,
                                                          .query_gradient = term[t].query_gradient,
                                                          .database_gradient = term[t].database_gradient},
                                           weight[t]);
    }
}

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

double adah_classifier_loss(const float *logits, const float *target, size_t n_batch, size_t n_labels, float weight,
                            float *gradient) {
    double loss = 0;
    size_t n_labelled = 0;
    for (size_t i = 0; i < n_batch; i++) {
        float any = 0;
        for (size_t l = 0; l < n_labels; l++)
            any += target[i * n_labels + l];
        n_labelled += any > 0;
    }
    for (size_t i = 0; i < n_batch && n_labelled; i++) {
        const float *x = logits + i * n_labels, *t = target + i * n_labels;
        float highest = x[0], mass = 0;
        double sum = 0;
        for (size_t l = 0; l < n_labels; l++) {
            highest = fmaxf(highest, x[l]);
            mass += t[l];
        }
        if (mass == 0)
            continue;
        for (size_t l = 0; l < n_labels; l++)
            sum += expf(x[l] - highest);
        const double log_sum = log(sum) + highest;
        for (size_t l = 0; l < n_labels; l++) {
            loss += t[l] * (log_sum - x[l]) / (double)n_labelled;
            if (gradient)
                gradient[i * n_labels + l] +=
                    weight * (mass * (float)exp(x[l] - log_sum) - t[l]) / (float)n_labelled;
        }
    }
    return loss;
}
