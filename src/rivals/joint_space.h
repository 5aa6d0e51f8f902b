/* joint_space.h - what the methods for joint encoders share: CLIP and its kind put images and texts into one space, where they are compared
 * by their cosine, so that codes need no training: neither labels nor pairs are looked at, and a sample of either side is enough.
 *
 *     u = x / |x|
 *     H = s W (u - m)      its signs are the code; the mean m and the scale s are the side's own, W is that of both
 *     V = P u              the vector for the fine order, of both sides alike
 *
 * Each side is centred by itself: the vectors of either lie in a narrow cone of their own (the gap between modalities, Liang et al., NeurIPS
 * 2022), and without it most bits would tell an image from a text. P keeps the directions in which the vectors of both sides are longest, and
 * turns them at random so that no value of V is much larger than the others, which are rounded to its scale. What P leaves out is all
 * that the cosine of two V differs by from the encoder's own. */
#ifndef ADAH_RIVALS_JOINT_SPACE_H
#define ADAH_RIVALS_JOINT_SPACE_H

#include "rivals/rival.h"

/* Learns W (n_bits, d) in terms of the views, both of which have d dimensions. */
typedef adah_code (*adah_joint_learn)(const adah_rival_job *job, double *weight, adah_status *status);

/* `learn` of a row: checks the views, has W made, and fills all functions. */
adah_code adah_joint_fill(const adah_rival_job *job, adah_joint_learn learn, adah_status *status);
/* `fit` of a row whose bits are no dimensions, and of one whose bits are. */
void adah_joint_fit(size_t n_values, struct adah_settings *config);
void adah_joint_fit_dimensions(size_t n_values, struct adah_settings *config);
/* `build` of a row. */
void adah_joint_build(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side);

/* Sum over both views of x^T x / n, (d, d). */
adah_code adah_joint_covariance(const adah_rival_job *job, double *covariance, adah_status *status);
/* (n, n), orthogonal, drawn from the seed of the job and a stream of its own. */
adah_code adah_joint_rotation(const adah_rival_job *job, uint64_t stream, size_t n, double *rotation, adah_status *status);

enum { ADAH_JOINT_ROWS_MAX = 5000 }; /* pairs that are learned from: more change the directions little */

#define ADAH_JOINT_METHOD(row, method, what, fit_function, function)                                                              \
    static adah_code row##_fill(const adah_rival_job *job, adah_status *status) { return adah_joint_fill(job, function, status); } \
    static const adah_closed_form row##_closed_form = {                                                                          \
        .norm = 1, .is_joint = 1, .n_rows_max = ADAH_JOINT_ROWS_MAX, .fit = fit_function, .learn = row##_fill};                   \
    const adah_method adah_method_##row = {.name = method,                                                                       \
                                           .summary = what " (features of a joint encoder; nothing is trained)",                \
                                           .has_fine = 1,                                                                        \
                                           .settings = ADAH_RIVAL_SETTINGS " n_appearance=0 finetune=0 validation_share=0 n_final_epochs=0",     \
                                           .build = adah_joint_build,                                                            \
                                           .closed_form = &row##_closed_form}

#endif
