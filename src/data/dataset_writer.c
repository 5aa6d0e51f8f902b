/* dataset_writer.c - PNG files and one JSON object a line, dumped by jansson. */
#define _GNU_SOURCE
#include "data/dataset_writer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/random.h"
#include "data/image.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct adah_dataset_writer {
    char *folder;
    adah_file_writer *metadata;
};

/* folder/name, and what `use` does with it. */
static adah_code with_path(const char *folder, const char *name, adah_code (*use)(const char *path, adah_status *),
                           adah_status *status) {
    char *path = adah_file_join(folder, name);
    if (!path)
        return adah_fail_memory(status, strlen(folder) + strlen(name) + 2);
    adah_code code = use(path, status);
    adah_memory_free(path);
    return code;
}

static adah_code refuse_existing(const char *path, adah_status *status) {
    if (!adah_file_exists(path))
        return ADAH_OK;
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a data set is there already, expected a folder without one",
                     path);
}

static adah_code open_metadata(adah_dataset_writer *set, adah_status *status) {
    char *path = adah_file_join(set->folder, "metadata.jsonl");
    if (!path)
        return adah_fail_memory(status, strlen(set->folder) + 16);
    adah_code code = adah_file_create(path, &set->metadata, status);
    adah_memory_free(path);
    return code;
}

adah_code adah_dataset_writer_create(const char *folder, const char *const *inside, adah_dataset_writer **out,
                                  adah_status *status) {
    ADAH_TRY(with_path(folder, "metadata.jsonl", refuse_existing, status));
    ADAH_TRY(with_path(folder, "metadata.csv", refuse_existing, status));
    ADAH_TRY(adah_file_make_folder(folder, status));
    for (; *inside; inside++)
        ADAH_TRY(with_path(folder, *inside, adah_file_make_folder, status));
    adah_dataset_writer *set = adah_memory_zeroed(1, sizeof *set);
    if (!set)
        return adah_fail_memory(status, sizeof *set);
    set->folder = adah_memory_text(folder);
    adah_code code = set->folder ? open_metadata(set, status) : adah_fail_memory(status, strlen(folder) + 1);
    if (code != ADAH_OK) {
        adah_dataset_writer_abort(set);
        return code;
    }
    *out = set;
    return ADAH_OK;
}

adah_code adah_dataset_writer_put_picture(const adah_dataset_writer *set, const char *name, const uint8_t *pixels, size_t n_width,
                                 size_t n_height, size_t n_channels, adah_status *status) {
    char *path = adah_file_join(set->folder, name);
    if (!path)
        return adah_fail_memory(status, strlen(set->folder) + strlen(name) + 2);
    adah_code code = adah_image_write_png(path, pixels, n_width, n_height, n_channels, status);
    adah_memory_free(path);
    return code;
}

adah_code adah_dataset_writer_put_vectors(const adah_dataset_writer *set, const char *name, const float *values, size_t n_rows,
                                         size_t n_columns, adah_status *status) {
    char *path = adah_file_join(set->folder, name);
    if (!path)
        return adah_fail_memory(status, strlen(set->folder) + strlen(name) + 2);
    adah_code code = adah_npy_write(path, ADAH_NPY_FLOAT, values, n_rows, n_columns, status);
    adah_memory_free(path);
    return code;
}

int adah_dataset_writer_has(const adah_dataset_writer *set, const char *name) {
    char *path = adah_file_join(set->folder, name);
    const int found = path ? adah_file_exists(path) : -1;
    adah_memory_free(path);
    return found;
}

adah_code adah_dataset_writer_link(const adah_dataset_writer *set, const char *name, const char *target, adah_status *status) {
    char real[PATH_MAX], there[PATH_MAX];
    if (!realpath(target, real))
        return adah_fail_system(status, target, "cannot be found");
    char *path = adah_file_join(set->folder, name);
    if (!path)
        return adah_fail_memory(status, strlen(set->folder) + strlen(name) + 2);
    adah_code code = ADAH_OK;
    const int symlink_errno = symlink(real, path) == 0 ? 0 : errno;
    if (symlink_errno && (symlink_errno != EEXIST || !realpath(path, there) || strcmp(real, there) != 0))
        code = adah_fail(status, ADAH_ERROR_IO, "%s: cannot be made a link to %s: %s", path, real,
                         strerror(symlink_errno));
    adah_memory_free(path);
    return code;
}

/* The text, or the list of its lines; NULL: memory, or not UTF-8. */
static json_t *texts_of(const adah_written_record *record) {
    if (record->n_texts < 2)
        return json_string(record->text);
    json_t *list = json_array();
    for (const char *line = record->text; list && *line;) {
        const size_t width = strcspn(line, "\n");
        if (json_array_append_new(list, json_stringn(line, width)) != 0) {
            json_decref(list);
            return NULL;
        }
        line += width + (line[width] == '\n');
    }
    return list;
}

const char *adah_split_name(adah_split split) {
    static const char *const name[] = {
        [ADAH_SPLIT_TRAIN] = "train", [ADAH_SPLIT_QUERY] = "query", [ADAH_SPLIT_DATABASE] = "database"};
    return name[split];
}

adah_code adah_dataset_writer_put_record(adah_dataset_writer *set, const adah_written_record *record, adah_status *status) {
    json_t *labels = json_array();
    int failed = !labels;
    for (size_t i = 0; i < record->n_labels && !failed; i++)
        failed = json_array_append_new(labels, json_string(record->label[i])) != 0;
    json_t *root = json_pack("{s:s, s:o, s:o, s:s}", "file_name", record->file_name, "text", texts_of(record), "labels",
                             labels, "split", adah_split_name(record->split));
    if (root && record->extra_key)
        failed |= json_object_set_new(root, record->extra_key, json_string(record->extra)) != 0;
    char *line = root && !failed ? json_dumps(root, 0) : NULL;
    json_decref(root);
    adah_code code = line ? adah_file_put(set->metadata, line, strlen(line), status)
                          : adah_fail_memory(status, strlen(record->text));
    free(line);
    return code == ADAH_OK ? adah_file_put(set->metadata, "\n", 1, status) : code;
}

adah_code adah_dataset_writer_commit(adah_dataset_writer *set, adah_status *status) {
    adah_code code = adah_file_commit(set->metadata, status);
    set->metadata = NULL;
    adah_dataset_writer_abort(set);
    return code;
}

void adah_dataset_writer_abort(adah_dataset_writer *set) {
    if (!set)
        return;
    adah_file_abort(set->metadata);
    adah_memory_free(set->folder);
    adah_memory_free(set);
}

adah_code adah_dataset_draw_queries(size_t n, double share, uint64_t seed, uint8_t *is_query,
                                        adah_status *status) {
    if (!(share >= 0 && share < 1))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "query share %g, expected at least 0 and less than 1", share);
    size_t *order = adah_memory_zeroed(n, sizeof *order);
    if (!order)
        return adah_fail_memory(status, n * sizeof *order);
    adah_random random = adah_random_seeded(seed, adah_random_mix('s', 'p'));
    adah_random_permutation(&random, n, order);
    size_t n_queries = (size_t)((double)n * share + 0.5);
    if (n_queries >= n)
        n_queries = n ? n - 1 : 0;
    memset(is_query, 0, n);
    for (size_t i = 0; i < n_queries; i++)
        is_query[order[i]] = 1;
    adah_memory_free(order);
    return ADAH_OK;
}
