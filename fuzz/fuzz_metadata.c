/* fuzz_metadata.c - metadata files of data sets: the first byte chooses JSON lines or CSV and strictness. */
#define _GNU_SOURCE
#include <adah/adah.h>

#include "fuzz_file.h"

#include <string.h>

static char folder[64], path[2][96];

static void remove_folder(void) {
    unlink(path[0]);
    unlink(path[1]);
    rmdir(folder);
}

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/adah-fuzz-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    snprintf(path[0], sizeof path[0], "%s/metadata.jsonl", folder);
    snprintf(path[1], sizeof path[1], "%s/metadata.csv", folder);
    atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (!*folder)
        make_folder();
    if (n_bytes < 1)
        return 0;
    const int kind = bytes[0] & 1;
    unlink(path[!kind]);
    FILE *file = fopen(path[kind], "wb");
    if (!file || fwrite(bytes + 1, 1, n_bytes - 1, file) != n_bytes - 1 || fclose(file) != 0)
        abort();
    const adah_dataset_options options = {.size = sizeof options, .strict = bytes[0] >> 1 & 1, .sources = ADAH_SOURCES_ALL};
    adah_dataset *dataset;
    if (adah_dataset_open(folder, &options, &dataset, NULL) != ADAH_OK)
        return 0;
    volatile size_t n = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const adah_record *record = adah_dataset_record(dataset, i);
        n = n + strlen(record->file_name) + strlen(record->text);
        for (size_t k = 0; k < record->n_labels; k++)
            n = n + strlen(adah_dataset_label_name(dataset, record->label[k]));
    }
    adah_dataset_close(dataset);
    return 0;
}
