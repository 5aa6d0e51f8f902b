/* terms.c - the list of the terms beside the paper's six. */
#include "learn/terms.h"

#define TERMS(TERM) TERM(classifier) TERM(proxy) TERM(contrastive) TERM(quantisation) TERM(balance)

#define DECLARE(name) extern const adah_extra_term adah_term_##name;
TERMS(DECLARE)
#define ENTRY(name) &adah_term_##name,
const adah_extra_term *const adah_extra_terms[] = {TERMS(ENTRY) NULL};
