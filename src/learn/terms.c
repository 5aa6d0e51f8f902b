/* terms.c - the list of the terms that the paper does not have: the rows WEIGHT of settings.def. */
#include "learn/terms.h"
#include "paper/objective.h"

#include <stddef.h>

#define WEIGHT(term, neutral, group, sentence) extern const adah_extra_term adah_term_##term;
#include "settings/settings.def"

static const struct {
    const adah_extra_term *term;
    size_t weight; /* where it is in adah_settings */
} terms[] = {
#define WEIGHT(term, neutral, group, sentence) {&adah_term_##term, offsetof(adah_settings, term##_weight)},
#include "settings/settings.def"
};
enum { N_TERMS = sizeof terms / sizeof *terms };
_Static_assert((int)ADAH_N_TERMS + (int)N_TERMS <= (int)ADAH_LOSSES_MAX, "every loss has its place");

const adah_extra_term *adah_extra_term_at(int i) { return i < N_TERMS ? terms[i].term : NULL; }

float adah_extra_term_weight(const adah_settings *config, int i) {
    return *(const float *)((const char *)config + terms[i].weight);
}
