/* data_options.c - from words of the command line to the options of the library. */
#include "data_options.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    adah_source source;
} sources[] = {{"metadata", ADAH_SOURCE_METADATA}, {"sidecars", ADAH_SOURCE_SIDECARS}, {"pictures", ADAH_SOURCE_PICTURES},
               {"names", ADAH_SOURCE_NAMES},       {"folders", ADAH_SOURCE_FOLDERS}};
enum { N_SOURCES = sizeof sources / sizeof *sources };

const char *cli_source(size_t i, adah_source *source) {
    if (i >= N_SOURCES)
        return NULL;
    *source = sources[i].source;
    return sources[i].name;
}

json_t *cli_sources_json(unsigned mask) {
    json_t *list = json_array();
    for (size_t i = 0; i < N_SOURCES; i++)
        if (mask & sources[i].source)
            json_array_append_new(list, json_string(sources[i].name));
    return list;
}

adah_code cli_read_data_options(const cli_data_options *d, int strict, adah_dataset_options *options, adah_status *status) {
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.strict = strict;
    o.file_key = d->file_key;
    o.text_keys = d->text_keys.item;
    o.n_text_keys = d->text_keys.n;
    o.label_keys = d->label_keys.item;
    o.n_label_keys = d->label_keys.n;
    for (size_t i = 0; i < d->ignored.n; i++) {
        size_t k = 0;
        while (k < N_SOURCES && strcmp(sources[k].name, d->ignored.item[i]) != 0)
            k++;
        if (k == N_SOURCES) {
            snprintf(status->message, sizeof status->message, "--ignore is \"%.100s\", expected metadata, sidecars, pictures, names or folders",
                     d->ignored.item[i]);
            return status->code = ADAH_ERROR_ARGUMENT;
        }
        o.sources &= ~(uint64_t)sources[k].source;
    }
    *options = o;
    return ADAH_OK;
}

adah_code cli_open_data(const char *folder, const cli_data_options *d, int strict, adah_dataset **dataset, adah_status *status) {
    adah_dataset_options o;
    const adah_code code = cli_read_data_options(d, strict, &o, status);
    return code == ADAH_OK ? adah_dataset_open(folder, &o, dataset, status) : code;
}
