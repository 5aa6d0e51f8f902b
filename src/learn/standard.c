/* standard.c - mean and deviation of a sample, value by value. */
#include "learn/standard.h"
#include "learn/feature_sample.h"
#include "paper/feature.h"

#include <math.h>

enum { N_SAMPLE = 512 };
static const double LEAST_DEVIATION = 0.1; /* of their root mean square */

static void set_constants(const adah_feature_sample *s, adah_parameter *mean, adah_parameter *factor) {
    double sum_of_variances = 0;
    for (size_t k = 0; k < s->n_values; k++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < s->n; i++)
            sum += s->x[i * s->n_values + k];
        for (size_t i = 0; i < s->n; i++) {
            const double away = s->x[i * s->n_values + k] - sum / (double)s->n;
            squares += away * away;
        }
        mean->value[k] = (float)(sum / (double)s->n);
        factor->value[k] = (float)sqrt(squares / (double)s->n); /* the deviation, for now */
        sum_of_variances += squares / (double)s->n;
    }
    const double least = LEAST_DEVIATION * sqrt(sum_of_variances / (double)s->n_values);
    for (size_t k = 0; k < s->n_values; k++)
        factor->value[k] = least > 0 ? (float)(1 / fmax((double)factor->value[k], least)) : 1;
    mean->version++;
    factor->version++;
}

adah_code adah_standard_learn(const adah_settings *config, const adah_input_source *image, const size_t *items, size_t n_items,
                              adah_parameters *parameters, adah_status *status) {
    adah_parameter *mean = adah_parameters_find(parameters, "image." ADAH_STANDARD_MEAN_SUFFIX);
    adah_parameter *factor = adah_parameters_find(parameters, "image." ADAH_STANDARD_FACTOR_SUFFIX);
    adah_feature_sample s = {0};
    if (!config->standard_features || !mean || !factor)
        return ADAH_OK;
    const adah_code code = adah_feature_sample_read(config, image, items, n_items < N_SAMPLE ? n_items : N_SAMPLE, parameters, &s, status);
    if (code == ADAH_OK && s.n)
        set_constants(&s, mean, factor);
    adah_feature_sample_free(&s);
    return code;
}
