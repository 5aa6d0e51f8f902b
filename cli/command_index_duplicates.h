/* command_index_duplicates.h - adah index duplicates. */
#ifndef ADAH_CLI_COMMAND_INDEX_DUPLICATES_H
#define ADAH_CLI_COMMAND_INDEX_DUPLICATES_H

#include "options.h"

/* Prints the groups. Returns the exit code. */
int cli_index_duplicates(const char *index, const adah_duplicates_options *options, int as_json, int quiet);

#endif
