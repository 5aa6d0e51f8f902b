/* command_index_sync.h - adah index sync. */
#ifndef ADAH_CLI_COMMAND_INDEX_SYNC_H
#define ADAH_CLI_COMMAND_INDEX_SYNC_H

#include "data_options.h"

typedef struct cli_sync {
    const char *data, *index, *model; /* model NULL: that of the last time */
    const cli_data_options *how;
    const adah_encode_options *encode;
    int force, is_dry, as_json, quiet;
    int watches; /* 1: goes on until it is told to stop */
} cli_sync;

/* Makes the index agree with the data set and tells what it did. Returns the exit code. */
int cli_index_sync(const cli_sync *o);

#endif
