/* left_out.h - tells what of a data set was left out. */
#ifndef ADAH_CLI_LEFT_OUT_H
#define ADAH_CLI_LEFT_OUT_H

#include <adah/adah.h>
#include <jansson.h>

/* Tells on stdout what is to know of a data set, and how many records of a data set were left out, and why the first few were, if any was. reasons: of those whose
 * image cannot be read, a line each. */
void cli_print_skipped(const adah_dataset *dataset, size_t n_unreadable, const char *reasons);
/* Such lines as a JSON array. */
json_t *cli_reasons_json(const char *reasons);

#endif
