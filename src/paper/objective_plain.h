/* objective_plain.h - F as the paper writes it: slow, in double, without derivatives. Not used in training; objective.c, which
 * is, is tested against it. */
#ifndef ADAH_PAPER_OBJECTIVE_PLAIN_H
#define ADAH_PAPER_OBJECTIVE_PLAIN_H

#include <stddef.h>

typedef struct adah_plain_batch {
    size_t n, q;                              /* pairs, bits */
    const double *image, *text;               /* H^I, H^T: (n, q) row by row */
    const double *image_hidden, *text_hidden; /* Ĥ^I, Ĥ^T */
    const float *similarity;                  /* S, (n, n), 1 or 0 */
    double margin;                            /* epsilon */
    int mean_over_active;                     /* a term is the mean over its active triplets (1) or over all valid ones (0) */
    double *d;                                /* room for n distances */
} adah_plain_batch;

double adah_plain_ranking_loss(const adah_plain_batch *b, const double *query, const double *database);
double adah_plain_retrieval_loss(const adah_plain_batch *b);
double adah_plain_adversarial_loss(const adah_plain_batch *b);
double adah_plain_objective(const adah_plain_batch *b);

#endif
