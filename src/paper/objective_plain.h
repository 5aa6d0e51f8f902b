/* objective_plain.h - F as the paper writes it: slow, in double, without derivatives. Not used in training; objective.c, which
 * is, is tested against it. */
#ifndef ADAH_PAPER_OBJECTIVE_PLAIN_H
#define ADAH_PAPER_OBJECTIVE_PLAIN_H

#include <stddef.h>

/* Codes of one modality, (n, q) row by row. */
typedef struct adah_plain_codes {
    const double *h;
    size_t n;
} adah_plain_codes;

typedef struct adah_plain_batch {
    size_t n, q;                                 /* pairs, bits */
    adah_plain_codes image, text;                /* H^I, H^T: of the pairs, and of earlier ones if there are more than n */
    adah_plain_codes image_hidden, text_hidden;  /* Ĥ^I, Ĥ^T */
    const float *similarity;                     /* S, row i at i * n_similarity */
    size_t n_similarity;
    double margin;                               /* epsilon */
    int mean_over_active;                        /* a term is the mean over its active triplets (1) or over all valid ones (0) */
    int semi_hard;                               /* only triplets with d(i,k) > d(i,j) count */
    double *d;                                   /* room for the distances of a query to all of a database */
} adah_plain_batch;

double adah_plain_ranking_loss(const adah_plain_batch *b, const adah_plain_codes *query, const adah_plain_codes *database);
double adah_plain_retrieval_loss(const adah_plain_batch *b);
double adah_plain_adversarial_loss(const adah_plain_batch *b);
double adah_plain_objective(const adah_plain_batch *b);

#endif
