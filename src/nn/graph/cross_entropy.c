/* cross_entropy.c - plain loops, sums in double. */
#include "nn/graph/cross_entropy.h"

#include <math.h>

double adah_cross_entropy(const float *x, const float *t, size_t n, double scale, float *gradient) {
    float highest = x[0];
    double mass = 0, sum = 0, loss = 0;
    for (size_t l = 0; l < n; l++) {
        highest = fmaxf(highest, x[l]);
        mass += t[l];
    }
    for (size_t l = 0; l < n; l++)
        sum += expf(x[l] - highest);
    const double log_sum = log(sum) + highest;
    for (size_t l = 0; l < n; l++) {
        if (t[l] > 0)
            loss += t[l] * (log_sum - x[l]);
        if (gradient)
            gradient[l] += (float)(scale * (mass * expf((float)(x[l] - log_sum)) - t[l]));
    }
    return loss;
}

static double sum_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

double adah_classifier_loss(const float *logits, const float *target, size_t n_batch, size_t n_labels, float weight,
                            float *gradient) {
    double loss = 0;
    size_t n_labelled = 0;
    for (size_t i = 0; i < n_batch; i++)
        n_labelled += sum_of(target + i * n_labels, n_labels) > 0;
    for (size_t i = 0; i < n_batch; i++)
        if (sum_of(target + i * n_labels, n_labels) > 0)
            loss += adah_cross_entropy(logits + i * n_labels, target + i * n_labels, n_labels, weight / (double)n_labelled,
                                  gradient ? gradient + i * n_labels : NULL);
    return n_labelled ? loss / (double)n_labelled : 0;
}
