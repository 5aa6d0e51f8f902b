/* index_merge.c - several collections of one model as one: the records of each in the order of their ids, one collection after the other, with
 * new ids from 0 on. So the indexes of the shards of a data set give the file that one process would have written. */
#include "index/index_copy.h"
#include "index/index_replaces.h"
#include "base/file.h"
#include "base/memory.h"

#include <string.h>

typedef struct merging {
    const char *const *path;
    adah_index **index;
    size_t n_indexes, now;  /* the one that is copied */
    adah_label_set names;   /* the file names of all that were copied */
    size_t n_names_before;  /* those of the indexes before it */
} merging;

/* As the first, and with vectors of as many values as those before that have any. */
static adah_code check_alike(const merging *m, size_t i, adah_status *status) {
    const adah_index *x = m->index[i], *first = m->index[0];
    const int is_of_model = memcmp(adah_index_model_identity(x), adah_index_model_identity(first), ADAH_MODEL_IDENTITY_BYTES) == 0;
    if (adah_index_bits(x) != adah_index_bits(first))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: codes of %zu bits, expected %zu, as %s has", m->path[i], adah_index_bits(x),
                         adah_index_bits(first), m->path[0]);
    if (!is_of_model)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: made by another model than %s", m->path[i], m->path[0]);
    for (size_t k = 0; k < i; k++)
        for (int side = ADAH_IMAGE; side <= ADAH_TEXT; side++) {
            const size_t n = adah_index_fine(x, (adah_modality)side), n_there = adah_index_fine(m->index[k], (adah_modality)side);
            if (n && n_there && n != n_there)
                return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: vectors of %zu values, expected %zu, as %s has", m->path[i], n, n_there,
                                 m->path[k]);
        }
    return ADAH_OK;
}

/* Two indexes that tell of one file are no parts of one collection. */
static adah_code look_at_name(void *context, const adah_index_entry *e, adah_status *status) {
    merging *m = context;
    uint32_t number;
    if (!e->file_name[0])
        return ADAH_OK;
    if (!adah_label_set_number(&m->names, e->file_name, strlen(e->file_name), &number))
        return adah_fail_memory(status, (m->names.n + 1) * sizeof(char *));
    if (number < m->n_names_before)
        return adah_fail(status, ADAH_ERROR_EXISTS, "%s: \"%.400s\" is in an index before it, too; each file may be in one of them", m->path[m->now],
                         e->file_name);
    return ADAH_OK;
}

static adah_code open_all(merging *m, uint64_t *n_records, adah_status *status) {
    for (size_t i = 0; i < m->n_indexes; i++) {
        ADAH_TRY(adah_index_open(m->path[i], &m->index[i], status));
        ADAH_TRY(check_alike(m, i, status));
        *n_records += adah_index_count(m->index[i]);
    }
    return ADAH_OK;
}

static const char *language_of(const merging *m) {
    const char *language = "";
    for (size_t i = 0; i < m->n_indexes && !language[0]; i++)
        language = adah_index_language(m->index[i]);
    return language;
}

static adah_code build(merging *m, const char *path, adah_progress progress, adah_status *status) {
    adah_index_builder *b;
    const adah_index_copying how = {.stage = "merging", .gives_new_ids = 1, .look = look_at_name, .context = m};
    adah_code code = adah_index_builder_create(path, adah_index_bits(m->index[0]), adah_index_model_identity(m->index[0]), language_of(m), &b, status);
    if (code != ADAH_OK)
        return code;
    for (m->now = 0; m->now < m->n_indexes && code == ADAH_OK; m->now++) {
        m->n_names_before = m->names.n;
        code = adah_index_copy_records(m->index[m->now], b, &how, progress, status);
    }
    if (code == ADAH_OK)
        return adah_index_builder_publish(b, 0, NULL, status);
    adah_index_builder_abort(b);
    return code;
}

adah_code adah_index_merge(const char *const *path, size_t n, const char *index_path, int replace, adah_progress progress, uint64_t *n_records,
                           adah_status *status) {
    uint64_t n_all = 0;
    if (!n)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: no index to merge", index_path);
    ADAH_TRY(adah_file_check_place(index_path, ADAH_FILE_OF_ANY_KIND, status));
    merging m = {.path = path, .n_indexes = n, .index = adah_memory_zeroed(n, sizeof *m.index)};
    if (!m.index)
        return adah_fail_memory(status, n * sizeof *m.index);
    adah_code code = open_all(&m, &n_all, status);
    if (code == ADAH_OK && !replace)
        code = adah_index_check_replaces(index_path, n_all, status);
    if (code == ADAH_OK)
        code = build(&m, index_path, progress, status);
    if (code == ADAH_OK && n_records)
        *n_records = n_all;
    for (size_t i = 0; i < n; i++)
        adah_index_close(m.index[i]);
    adah_label_set_free(&m.names);
    adah_memory_free(m.index);
    return code;
}
