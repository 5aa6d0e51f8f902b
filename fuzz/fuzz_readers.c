/* fuzz_readers.c - readers of the field's text formats: the first byte chooses one file of a small set, the others
 * are its bytes. What is converted is opened. */
#define _GNU_SOURCE
#include <adah/adah.h>

#include "fuzz_file.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

/* What lies in the sets; those that are a target can be replaced. */
static const struct {
    const char *format, *name, *text;
    int is_target;
} files[] = {
    {"mirflickr", "doc/common_tags.txt", "sky 845\nblue 20\n", 1},
    {"mirflickr", "meta/tags/tags1.txt", "sky\nblue\n", 1},
    {"mirflickr", "annotations/sky.txt", "1\n", 1},
    {"nus-wide", "ImageList/Imagelist.txt", "a\\1.jpg\nb\\2.jpg\n", 1},
    {"nus-wide", "ConceptsList/Concepts81.txt", "sky\n", 1},
    {"nus-wide", "Groundtruth/AllLabels/Labels_sky.txt", "1\n1\n", 1},
    {"nus-wide", "NUS_WID_Tags/TagList1k.txt", "nature\nred\n", 0},
    {"nus-wide", "NUS_WID_Tags/AllTags1k.txt", "1\t0\t\n1\t1\t\n", 1},
    {"iapr", "annotations_complete_eng/00/25.eng", "<DESCRIPTION>a tree</DESCRIPTION>", 1},
    {"iapr", "saiapr_tc-12/00/labels.txt", "25 1 240\n", 1},
    {"iapr", "saiapr_tc-12/wlist.txt", "240 tree\n", 1},
    {"coco", "annotations/captions_val.json",
     "{\"images\": [{\"id\": 1, \"file_name\": \"1.jpg\"}], \"annotations\": [{\"image_id\": 1, \"caption\": "
     "\"dog\"}]}",
     1},
    {"coco", "annotations/instances_val.json",
     "{\"categories\": [{\"id\": 18, \"name\": \"dog\"}], \"annotations\": [{\"image_id\": 1, \"category_id\": 18}]}",
     1},
};
enum { N_FILES = sizeof files / sizeof *files };

static char folder[64], out[96];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void put(size_t i, const void *bytes, size_t n_bytes) {
    char path[256];
    const int n_root = snprintf(path, sizeof path, "%s/", folder);
    snprintf(path + n_root, sizeof path - (size_t)n_root, "%s/%s", files[i].format, files[i].name);
    for (char *p = path + n_root; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0777);
        *p = '/';
    }
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n_bytes, file) != n_bytes || fclose(file) != 0)
        abort();
}

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/adah-fuzz-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    atexit(remove_folder);
    snprintf(out, sizeof out, "%s/out", folder);
    for (size_t i = 0; i < N_FILES; i++)
        put(i, files[i].text, strlen(files[i].text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (!*folder)
        make_folder();
    const size_t i = n_bytes ? bytes[0] % N_FILES : 0;
    if (n_bytes < 1 || !files[i].is_target)
        return 0;
    put(i, bytes + 1, n_bytes - 1);
    char from[128], metadata[128], images[128];
    snprintf(from, sizeof from, "%s/%s", folder, files[i].format);
    const char *const source[] = {from};
    const adah_code code =
        adah_convert(files[i].format, source, 1, out, NULL, (adah_progress){NULL, NULL}, NULL, NULL);
    put(i, files[i].text, strlen(files[i].text));
    if (code != ADAH_OK)
        return 0;
    adah_dataset *dataset;
    if (adah_dataset_open(out, NULL, &dataset, NULL) == ADAH_OK)
        adah_dataset_close(dataset);
    snprintf(metadata, sizeof metadata, "%s/metadata.jsonl", out);
    snprintf(images, sizeof images, "%s/images", out);
    unlink(metadata);
    unlink(images);
    return 0;
}
