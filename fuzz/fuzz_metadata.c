/* fuzz_metadata.c - metadata files of data sets: the first byte chooses JSON lines or CSV and strictness, or the file of another program beside two
 * pictures. */
#define _GNU_SOURCE
#include <adah/adah.h>

#include "fuzz_file.h"

#include <string.h>

/* 0 and 1 by the lowest bit alone; the others by the bits from the third on. */
static const char *const names[] = {"metadata.jsonl", "metadata.csv", "f.json", "f.csv", "f.txt", "images.txt", "README.md", "class-descriptions.csv"};
static const char *const pictures[] = {"a.jpg", "b.jpg"}, *const beside[] = {"metadata.csv", "f.csv"};
static char folder[64];

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t n_bytes) {
    FILE *file = fopen(path_of(name), "wb");
    if (!file || fwrite(bytes, 1, n_bytes, file) != n_bytes || fclose(file) != 0)
        abort();
}

static void remove_files(void) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
}

static void remove_folder(void) {
    remove_files();
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        unlink(path_of(pictures[i]));
    rmdir(folder);
}

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/adah-fuzz-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        put(pictures[i], "x", 1);
    atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const char numbers[] = "file,label\na.jpg,0\nb.jpg,1\n";
    if (!*folder)
        make_folder();
    if (n_bytes < 1)
        return 0;
    const size_t other = bytes[0] >> 2 & 7, kind = other >= 2 ? other : bytes[0] & 1;
    remove_files();
    if (kind >= 6) /* names of labels, for a data set that has numbers */
        put(beside[kind - 6], numbers, sizeof numbers - 1);
    put(names[kind], bytes + 1, n_bytes - 1);
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
