/* left_out.h - tells what of a data set was left out. */
#ifndef ADAH_CLI_LEFT_OUT_H
#define ADAH_CLI_LEFT_OUT_H

#include <adah/adah.h>
#include <jansson.h>

/* Tells on stdout what the reader of a data set noted, how many records were left out, and why the first few were. reasons: of those whose
 * image cannot be read, a line each. */
void cli_print_skipped(const adah_dataset *dataset, size_t n_unreadable, const char *reasons);
/* Tells on stdout how many of n texts have no word that the model knows, if any has none. */
void cli_print_unknown_texts(size_t n_unknown, size_t n);
/* Tells on stderr which words of a query the model does not know, if there are such words. */
void cli_print_unknown_words(const adah_model *model, const char *text);
/* Such lines as a JSON array. */
json_t *cli_reasons_json(const char *reasons);

#endif
