/* rival.h - what the shallow rivals have in common: methods in closed form, on vectors of both modalities.
 *
 *   cca       canonical correlation analysis, by sign             Hotelling, Biometrika 1936
 *   cmfh      collective matrix factorisation hashing             Ding, Guo, Zhou, CVPR 2014
 *   scm-orth  semantic correlation maximisation, all bits at once Zhang, Li, AAAI 2014
 *   scm-seq   the same, bit after bit
 *   stmh      semantic topic multimodal hashing                   Wang, Gao, Wang, He, IJCAI 2015
 *   seph-km   semantics-preserving hashing, anchors by k-means    Lin, Ding, Hu, Wang, CVPR 2015
 *   seph-rnd  the same, anchors drawn from the training rows
 *   random, itq, none   for vectors of a joint encoder: joint_space.h
 *
 * Same data, seed and library: same result, whatever the number of threads. While a method learns, OpenBLAS runs
 * on one thread in this process; the rows are shared out by base/parallel.h. */
#ifndef ADAH_RIVALS_RIVAL_H
#define ADAH_RIVALS_RIVAL_H

#include "base/random.h"
#include "rivals/rival_network.h"
#include "rivals/rival_view.h"
#include "settings/method.h"

/* n pairs, row by row; row i of all three is pair i. cca, cmfh and stmh look at no label. */
typedef struct adah_rival_data {
    size_t n, n_image, n_text, n_labels;
    const float *image;   /* (n, n_image) */
    const float *text;    /* (n, n_text) */
    const uint8_t *label; /* (n, n_labels) 0/1; NULL: n_labels is 0 */
    size_t n_fine;        /* values of the vector for the fine order, of a method that makes one; 0: none is wanted */
} adah_rival_data;

/* What the `learn` of a method's closed form gets, and where it puts what it has learned. */
typedef struct adah_rival_job {
    const adah_rival_data *data;
    adah_view image, text;
    size_t n_bits;
    uint64_t seed;
    adah_progress progress;
    adah_hash_function *image_function, *text_function; /* zeroed; the caller frees what a failed method leaves */
    adah_hash_function *fine_function;                  /* of both sides: the vector for the fine order, without bias */
} adah_rival_job;

/* Learns both hash functions of n_bits bits (1..ADAH_BITS_MAX) from at least two pairs, and with data->n_fine *fine; fine NULL: n_fine
 * is 0. Refused: values that are not finite, and
 * data from which the method cannot learn anything (views without correlation; seph and scm without labels that tell pairs
 * apart). Progress: the stages of the method; `detail` is its objective. */
adah_code adah_rival_learn(const adah_method *method, const adah_rival_data *data, size_t n_bits, uint64_t seed,
                           adah_progress progress, adah_hash_function *image, adah_hash_function *text, adah_hash_function *fine,
                           adah_status *status);

/* For the methods. Tells the progress callback; ADAH_ERROR_CANCELLED when it asks to stop. */
adah_code adah_rival_tell(const adah_rival_job *job, const char *stage, size_t done, size_t total, double objective,
                          adah_status *status);
/* The rows of the labels divided by their norm, (n, n_labels); a row without labels stays 0. NULL: memory is out. */
double *adah_rival_unit_labels(const adah_rival_data *data);

/* The row of a method: its name in C and to users, what it is, the two values of adah_closed_form, and its `learn`. */
#define ADAH_SHALLOW_RIVAL(row, method, what, labels, view_norm, function)                                          \
    static const adah_closed_form row##_closed_form = {.needs_labels = labels, .norm = view_norm, .learn = function}; \
    const adah_method adah_method_##row = {.name = method,                                                          \
                                           .summary = what " (needs a frozen backbone)",                           \
                                           .settings = ADAH_RIVAL_SETTINGS " finetune=0",                           \
                                           .build = adah_rival_build_shallow,                                       \
                                           .closed_form = &row##_closed_form}

#endif
