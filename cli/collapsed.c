/* collapsed.c - says so when codes do not tell items apart: what was counted comes from the library, what helps follows from the
 * model's configuration. */
#include "collapsed.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { N_CANDIDATES = 200 }; /* of the fine order, mostly */

void cli_print_collapsed(const adah_model *model, uint64_t n, uint64_t n_distinct, uint64_t n_most) {
    if (n_distinct * 2 >= n || (adah_model_fine(model, ADAH_IMAGE) && n_most <= N_CANDIDATES))
        return;
    json_t *of_model = json_loads(adah_model_json(model), 0, NULL), *config = json_object_get(of_model, "config");
    const char *method = json_string_value(json_object_get(config, "method"));
    const int is_short = adah_model_bits(model) < 128;
    const int is_coarse = method && !strcmp(method, "adah") && json_number_value(json_object_get(config, "picture_share")) < 0.5;
    printf("note: %" PRIu64 " images share %" PRIu64 " %s: answers of equal distance come in the order of ids", n, n_distinct,
           n_distinct == 1 ? "code" : "codes");
    if (is_short || is_coarse)
        printf("; try 'adah train' with %s%s%s%s", is_short ? "--bits 128" : "", is_short && is_coarse ? " or " : "",
               is_coarse && !adah_model_fine(model, ADAH_IMAGE) ? "--set n_fine=128 " : "", is_coarse ? "--set picture_share=0.5" : "");
    printf("\n");
    json_decref(of_model);
}
