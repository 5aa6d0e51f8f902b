/* objective_plain.c - the objective F in the order of the paper's equations (Zhang, Lai, Feng 2018). */
#include "paper/objective_plain.h"

#include <math.h>

/* d(i,j) = ||H_i^A - H_j^B|| */
static double distance(const double *a, const double *b, size_t q) {
    double sum = 0;
    for (size_t c = 0; c < q; c++)
        sum += (a[c] - b[c]) * (a[c] - b[c]);
    return sqrt(sum);
}

/* The triplet ranking loss of a query modality A and a database modality B:
 *
 *     F(A->B) = sum over (i, j, k) with S(i,j) > S(i,k) of  max(0, epsilon + d(i,j) - d(i,k))
 *
 * Where the paper is silent: the sum is divided by the number of its triplets; within one modality an item is no answer to
 * itself. */
double adah_plain_ranking_loss(const adah_plain_batch *b, const double *query, const double *database) {
    double sum = 0, n_valid = 0, n_active = 0, *d = b->d;
    for (size_t i = 0; i < b->n; i++) {
        const float *s = b->similarity + i * b->n;
        for (size_t j = 0; j < b->n; j++)
            d[j] = distance(query + i * b->q, database + j * b->q, b->q);
        for (size_t j = 0; j < b->n; j++)
            for (size_t k = 0; k < b->n; k++) {
                if (s[j] <= s[k] || (query == database && (i == j || i == k)))
                    continue;
                const double hinge = b->margin + d[j] - d[k];
                sum += fmax(0, hinge);
                n_active += hinge > 0;
                n_valid++;
            }
    }
    const double n = b->mean_over_active ? n_active : n_valid;
    return n > 0 ? sum / n : 0;
}

/* The cross-modal retrieval loss:  F(T->I) + F(I->T) + F(I->I) + F(T->T) */
double adah_plain_retrieval_loss(const adah_plain_batch *b) {
    return adah_plain_ranking_loss(b, b->text, b->image) + adah_plain_ranking_loss(b, b->image, b->text) +
           adah_plain_ranking_loss(b, b->image, b->image) + adah_plain_ranking_loss(b, b->text, b->text);
}

/* The adversarial retrieval loss, attended query against unattended database:  F(T->Î) + F(I->T̂) */
double adah_plain_adversarial_loss(const adah_plain_batch *b) {
    return adah_plain_ranking_loss(b, b->text, b->image_hidden) + adah_plain_ranking_loss(b, b->image, b->text_hidden);
}

/* The objective:  F = F(T->Î) + F(I->T̂) + F(T->I) + F(I->T) + F(I->I) + F(T->T)
 *
 * Step 1 takes min over E, D of F, with G fixed; step 2 max over G of the adversarial retrieval loss, with E, D fixed
 * (learn/algorithm.c). */
double adah_plain_objective(const adah_plain_batch *b) {
    return adah_plain_adversarial_loss(b) + adah_plain_retrieval_loss(b);
}
