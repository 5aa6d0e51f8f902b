/* narrow_options.h - options that narrow an answer to when and where pictures were taken, and to the folder that they lie in. */
#ifndef ADAH_CLI_NARROW_OPTIONS_H
#define ADAH_CLI_NARROW_OPTIONS_H

#include "options.h"

typedef struct cli_narrow {
    const char *after, *before, *near, *folder;
    double within_km; /* 0: not given */
} cli_narrow;

#define CLI_NARROW_OPTIONS(narrow)                                                                                                              \
    {"after", 0, CLI_TEXT, "DATE", "search only pictures taken from then on: 2019, 2019-06, 2019-06-01 or 2019-06-01T18:30", &(narrow).after, 0, 0, 0},  \
        {"before", 0, CLI_TEXT, "DATE", "search only pictures taken before then", &(narrow).before, 0, 0, 0},                                   \
        {"near", 0, CLI_TEXT, "LAT,LON", "search only pictures taken near this place, in degrees: 48.858,2.294", &(narrow).near, 0, 0, 0},      \
        {"within", 0, CLI_DOUBLE, "KM", "how near, in kilometres (default 10)", &(narrow).within_km, 0, 0.001, 20100},                          \
        {"folder", 0, CLI_TEXT, "FOLDER", "search only pictures in this folder or below it, as their file names have it: Italy/Rome", &(narrow).folder, 0, 0, 0}

/* Puts them into the options. ADAH_ERROR_ARGUMENT: one is not understood. */
adah_code cli_narrow_read(const cli_narrow *narrow, adah_search_options *options, adah_status *status);

#endif
