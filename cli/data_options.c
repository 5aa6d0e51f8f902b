/* data_options.c - from words of the command line to the options of the library. */
#include "data_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    adah_source source;
} sources[] = {{"metadata", ADAH_SOURCE_METADATA}, {"sidecars", ADAH_SOURCE_SIDECARS}, {"pictures", ADAH_SOURCE_PICTURES},
               {"names", ADAH_SOURCE_NAMES},       {"folders", ADAH_SOURCE_FOLDERS}};
enum { N_SOURCES = sizeof sources / sizeof *sources };

/* Of --left-out: one file, also where a command opens two data sets. */
static FILE *left_out;
static const char *left_out_path;

static void write_left_out(void *context, const char *message) {
    (void)context;
    char line[sizeof((adah_status *)NULL)->message];
    snprintf(line, sizeof line, "%s", message);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    fprintf(left_out, "%s\n", line);
}

static adah_code open_left_out(const char *path, adah_status *status) {
    if (left_out)
        return ADAH_OK;
    left_out_path = path;
    left_out = fopen(path, "w");
    if (left_out) {
        setvbuf(left_out, NULL, _IOLBF, 0); /* a server goes on for long */
        return ADAH_OK;
    }
    snprintf(status->message, sizeof status->message, "--left-out: %s: %s", path, strerror(errno));
    return status->code = ADAH_ERROR_IO;
}

int cli_end_left_out(void) {
    const int is_bad = left_out && (ferror(left_out) | fclose(left_out)) != 0;
    left_out = NULL;
    if (is_bad)
        fprintf(stderr, "adah: --left-out: %s: cannot be written\n", left_out_path);
    return !is_bad;
}

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
    if (d->left_out) {
        if (open_left_out(d->left_out, status) != ADAH_OK)
            return status->code;
        o.left_out = write_left_out;
    }
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
