/* data_options.h - the options of every command that opens a data set, which tell how it is read. */
#ifndef ADAH_CLI_DATA_OPTIONS_H
#define ADAH_CLI_DATA_OPTIONS_H

#include "options.h"

#include <jansson.h>

typedef struct cli_data_options {
    cli_list ignored, text_keys, label_keys;
    const char *file_key, *left_out;
} cli_data_options;

/* Rows of a table of options; d: a cli_data_options. */
#define CLI_DATA_OPTIONS(d)                                                                                                            \
    {"ignore", 0, CLI_LIST, "metadata|sidecars|pictures|names|folders",                                                                \
     "where not to look for texts and labels: the metadata file; files beside a picture\n"                                              \
     "(x.jpg.txt, x.txt, x.json); captions and keywords inside it; its file name; the\n"                                                \
     "names of its folders. May be repeated", &(d).ignored, 0, 0, 0},                                                                   \
    {"file-key", 0, CLI_TEXT, "NAME", "the key or column of the metadata that names the pictures, if it is\n"                          \
     "called otherwise", &(d).file_key, 0, 0, 0},                                                                                      \
    {"text-key", 0, CLI_LIST, "NAME", "the one of the texts; may be repeated, all count", &(d).text_keys, 0, 0, 0},                    \
    {"label-key", 0, CLI_LIST, "NAME", "the one of the labels; may be repeated, all count", &(d).label_keys, 0, 0, 0},                 \
    {"left-out", 0, CLI_TEXT, "FILE", "write a line to FILE for each thing that is passed over: its name, and why", &(d).left_out, 0, 0, 0}

/* The names of sources, a mask of adah_source, as a JSON array. */
json_t *cli_sources_json(unsigned sources);
/* The i-th source with its name; NULL: there are no more. */
const char *cli_source(size_t i, adah_source *source);
/* What the library takes; it points into *d. */
adah_code cli_read_data_options(const cli_data_options *d, int strict, adah_dataset_options *options, adah_status *status);
/* Whether the lines of --left-out are in their file; a message where they are not. At the end of the program. */
int cli_end_left_out(void);
/* Opens it as the options say. */
adah_code cli_open_data(const char *folder, const cli_data_options *d, int strict, adah_dataset **dataset, adah_status *status);

#endif
