/* collapsed.h - says so when codes do not tell items apart. */
#ifndef ADAH_CLI_COLLAPSED_H
#define ADAH_CLI_COLLAPSED_H

#include <adah/adah.h>

/* Codes have collapsed when n images have fewer than half as many codes, and nothing else brings those of one code into an order: the
 * model has no vectors for the fine order, or one code has more images (n_most) than the 200 candidates that these order. Then a
 * sentence on stdout says it and, where other options of a training would help, which. */
void cli_print_collapsed(const adah_model *model, uint64_t n, uint64_t n_distinct, uint64_t n_most);

#endif
