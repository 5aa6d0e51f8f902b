/* objective.c - the triplet ranking loss and the six terms of F.
 *
 * For a query modality A and a database modality B (Zhang, Lai, Feng 2018, the cross-modal and the adversarial
 * retrieval losses):
 *
 *     F(A->B) = sum over (i, j, k) with S(i,j) > S(i,k) of  max(0, epsilon + d(i,j) - d(i,k)),   d(i,j) = ||H_i^A - H_j^B||
 *
 * The sum runs over all triplets of the batch and is divided by how many were active (or valid). The loss depends on
 * the codes only through the distances, so the derivative is taken in two steps: first dF/dd(i,j), which is a
 * count of active triplets, then dd(i,j)/dH = +-(H_i^A - H_j^B) / d(i,j).
 *
 * All loops over j run along memory, so that the compiler's vectors take 4 to 16 items at once: the database is turned to
 * (q, B) first. In a batch of 128, looking at every k for every j then takes less time than sorting a row would. */
#include "paper/objective.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/vector.h"

#include <math.h>
#include <string.h>

const adah_loss_name adah_term_name[ADAH_N_TERMS] = {
    {.key = "text_to_image", .label = "T>I", .title = "F(T→I)"},
    {.key = "image_to_text", .label = "I>T", .title = "F(I→T)"},
    {.key = "image_to_image", .label = "I>I", .title = "F(I→I)"},
    {.key = "text_to_text", .label = "T>T", .title = "F(T→T)"},
    {.key = "text_to_image_hidden", .label = "T>Î", .title = "F(T→Î)"},
    {.key = "image_to_text_hidden", .label = "I>T̂", .title = "F(I→T̂)"},
};

enum { WORTH_A_THREAD = 1 << 17 /* so many subtractions */ };

struct adah_objective {
    adah_objective_options options;
    float *distance;  /* (B, B) d(i,j) */
    float *slope;     /* (B, B) dF/dd(i,j), a count, over d(i,j) */
    float *likeness;  /* (B, B) scratch: S without the query itself */
    float *turned;    /* (q, B) the database, a bit a row */
    float *pull;      /* (q, B) scratch: of a bit of the database, its derivative */
    double *row_loss; /* (B) */
    double *row_active, *row_valid;
};

adah_code adah_objective_create(const adah_objective_options *options, adah_objective **objective, adah_status *status) {
    adah_objective *o = adah_memory_zeroed(1, sizeof *o);
    if (!o)
        return adah_fail_memory(status, sizeof *o);
    const size_t n_batch = options->n_batch, n = n_batch * n_batch;
    *o = (adah_objective){*options,
                          adah_memory_floats(n),
                          adah_memory_floats(n),
                          adah_memory_floats(n),
                          adah_memory_floats(n / n_batch * options->n_bits),
                          adah_memory_floats(n_batch * options->n_bits),
                          adah_memory_zeroed(n_batch, sizeof(double)),
                          adah_memory_zeroed(n_batch, sizeof(double)),
                          adah_memory_zeroed(n_batch, sizeof(double))};
    if (!o->distance || !o->slope || !o->likeness || !o->turned || !o->pull || !o->row_loss || !o->row_active || !o->row_valid) {
        adah_objective_free(o);
        return adah_fail_memory(status, 3 * n * sizeof(float));
    }
    *objective = o;
    return ADAH_OK;
}

void adah_objective_free(adah_objective *o) {
    if (!o)
        return;
    adah_memory_free(o->distance);
    adah_memory_free(o->slope);
    adah_memory_free(o->likeness);
    adah_memory_free(o->turned);
    adah_memory_free(o->pull);
    adah_memory_free(o->row_loss);
    adah_memory_free(o->row_active);
    adah_memory_free(o->row_valid);
    adah_memory_free(o);
}

typedef struct triplet_pass {
    adah_objective *o;
    const float *query, *database; /* H^A, H^B */
    const float *similarity;       /* S */
    int same_set;                  /* A == B: an item is neither its own positive nor its own negative */
    float scale;                   /* weight / number of triplets */
    float *query_gradient, *database_gradient;
} triplet_pass;

static void turn_database(const triplet_pass *pass) {
    const size_t n = pass->o->options.n_batch, q = pass->o->options.n_bits;
    for (size_t j = 0; j < n; j++)
        for (size_t c = 0; c < q; c++)
            pass->o->turned[c * n + j] = pass->database[j * q + c];
}

/* d(j) of a query's code a. */
ADAH_VECTOR_LOOP(void, distances, (const float *a, const float *turned, size_t q, size_t n, float *d), (a, turned, q, n, d)) {
    memset(d, 0, n * sizeof *d);
    for (size_t c = 0; c < q; c++) {
        const float a_c = a[c], *b = turned + c * n;
#pragma omp simd
        for (size_t j = 0; j < n; j++)
            d[j] += (a_c - b[j]) * (a_c - b[j]);
    }
#pragma omp simd
    for (size_t j = 0; j < n; j++)
        d[j] = sqrtf(d[j]);
}

/* How many triplets of the similar item j are active, of a query with distances d and similarities s to n items; each takes 1
 * from slope(k). Minima in place of && suit vector units. */
ADAH_VECTOR_LOOP(float, active_triplets, (float margin, size_t j, const float *s, const float *d, size_t n, float *slope),
                 (margin, j, s, d, n, slope)) {
    const float s_j = s[j], d_j = d[j];
    float count = 0;
#pragma omp simd reduction(+ : count)
    for (size_t k = 0; k < n; k++) {
        const float gap = s_j - s[k], violation = margin + d_j - d[k];
        const float on = (gap < violation ? gap : violation) > 0 ? 1.0f : 0.0f;
        count += on;
        slope[k] -= on;
    }
    return count;
}

/* How many are less similar than s_j. */
ADAH_VECTOR_LOOP(float, less_similar, (float s_j, const float *s, size_t n), (s_j, s, n)) {
    float count = 0;
#pragma omp simd reduction(+ : count)
    for (size_t k = 0; k < n; k++)
        count += s[k] < s_j ? 1.0f : 0.0f;
    return count;
}

/* Row i: distances, loss, counts and slopes of its triplets. A triplet violates by (d + epsilon S) at j less the same at k, so
 * that with the slopes, which count how often an item stands on either side, the loss is the sum of slope (d + epsilon S). */
static void triplet_row(void *context, size_t i) {
    const triplet_pass *pass = context;
    adah_objective *o = pass->o;
    const size_t n = o->options.n_batch, q = o->options.n_bits;
    const float *similarity = pass->similarity + i * n;
    float *d = o->distance + i * n, *slope = o->slope + i * n, *s = o->likeness + i * n;
    distances(pass->query + i * q, o->turned, q, n, d);
    memcpy(s, similarity, n * sizeof *s);
    if (pass->same_set)
        s[i] = INFINITY; /* more similar than any: never k */
    memset(slope, 0, n * sizeof *slope);
    double loss = 0, active = 0, valid = 0;
    for (size_t j = 0; j < n; j++) {
        if (s[j] <= 0 || (pass->same_set && j == i))
            continue;
        const float count = active_triplets(o->options.margin, j, s, d, n, slope);
        slope[j] += count;
        active += count;
        if (!o->options.mean_over_active)
            valid += less_similar(s[j], s, n);
    }
    for (size_t j = 0; j < n; j++) {
        loss += slope[j] * ((double)d[j] + (double)o->options.margin * similarity[j]);
        /* What (H_i^A - H_j^B) is multiplied by. At d = 0 the norm has no derivative; 0 is taken. */
        slope[j] = d[j] > 1e-6f ? slope[j] / d[j] : 0;
    }
    o->row_loss[i] = loss;
    o->row_active[i] = active;
    o->row_valid[i] = valid;
}

/* The derivatives of bit c, of all queries and of the database. */
ADAH_VECTOR_LOOP(void, gradient_bit, (void *context, size_t c), (context, c)) {
    const triplet_pass *pass = context;
    const adah_objective *o = pass->o;
    const size_t n = o->options.n_batch, q = o->options.n_bits;
    const float *b = o->turned + c * n;
    float *pull = o->pull + c * n;
    memset(pull, 0, n * sizeof *pull);
    for (size_t i = 0; i < n; i++) {
        const float a = pass->query[i * q + c], *slope = o->slope + i * n;
        float push = 0;
#pragma omp simd reduction(+ : push)
        for (size_t j = 0; j < n; j++) {
            const float force = slope[j] * (a - b[j]);
            push += force;
            pull[j] += force;
        }
        pass->query_gradient[i * q + c] += pass->scale * push;
    }
    for (size_t j = 0; j < n; j++)
        pass->database_gradient[j * q + c] -= pass->scale * pull[j];
}

/* Items of a loop that are worth a thread, where each goes over n pairs and more. */
static size_t worth_a_thread(size_t n) { return 1 + WORTH_A_THREAD / n; }

/* F(A->B) and, when query_gradient is not NULL, weight * its derivatives. */
static double triplet_ranking_loss(triplet_pass pass, float weight) {
    adah_objective *o = pass.o;
    const size_t n = o->options.n_batch, q = o->options.n_bits;
    turn_database(&pass);
    adah_parallel_for(n, worth_a_thread(n * q), triplet_row, &pass);
    double loss = 0, active = 0, valid = 0;
    for (size_t i = 0; i < n; i++) {
        loss += o->row_loss[i];
        active += o->row_active[i];
        valid += o->row_valid[i];
    }
    double n_triplets = o->options.mean_over_active ? active : valid;
    if (active == 0)
        return 0;
    if (pass.query_gradient) {
        pass.scale = (float)(weight / n_triplets);
        adah_parallel_for(q, worth_a_thread(n * n), gradient_bit, &pass);
    }
    return loss / n_triplets;
}

void adah_objective_evaluate(adah_objective *o, const adah_batch_codes *codes, const float *similarity,
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
                                                          .similarity = similarity,
                                                          .same_set = term[t].query == term[t].database,
                                                          .query_gradient = term[t].query_gradient,
                                                          .database_gradient = term[t].database_gradient},
                                           weight[t]);
    }
}
