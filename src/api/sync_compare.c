/* sync_compare.c - what of an index differs from a data set: rows of the index first, each with the record of its file name, then the records. */
#include "api/sync_run.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/taken.h"
#include "base/tar_file.h"
#include "data/dataset_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PICTURE_BYTES_MAX = 1 << 30 };

static adah_code tell(const adah_sync_run *s, const char *stage, size_t done, size_t total, adah_status *status) {
    const adah_progress_event event = {.stage = stage, .done = done, .total = total, .detail = ""};
    return s->progress.function && s->progress.function(s->progress.user, &event) ? adah_fail(status, ADAH_ERROR_CANCELLED, "stopped") : ADAH_OK;
}

void adah_sync_sum_code(const uint8_t *code, size_t n_bytes, const int8_t *fine, size_t n_fine, uint8_t sum[ADAH_SUM_BYTES]) {
    uint8_t bytes[ADAH_BITS_MAX / 8 + ADAH_FINE_MAX];
    size_t i = 0;
    while (fine && i < n_fine && fine[i] == 0)
        i++;
    const size_t n_all = n_bytes + (fine && i < n_fine ? n_fine : 0); /* a vector of zeros is none */
    memcpy(bytes, code, n_bytes);
    if (n_all > n_bytes)
        memcpy(bytes + n_bytes, fine, n_fine);
    adah_sum_bytes(bytes, n_all, sum);
}

static void sum_entry(const adah_index *index, const adah_index_entry *e, uint8_t sum[ADAH_SUM_BYTES]) {
    adah_sync_sum_code(e->image_code, adah_index_bits(index) / 8, e->image_fine, adah_index_fine(index, ADAH_IMAGE), sum);
}

adah_code adah_sync_map_labels(adah_sync_run *s, adah_status *status) {
    adah_string_table names = {0};
    const adah_index *index = adah_sync_state(s);
    const size_t n = adah_dataset_label_count(s->dataset), n_there = index ? adah_index_label_count(index) : 0;
    adah_memory_free(s->label_of);
    s->label_of = adah_memory_alloc((n + 1) * sizeof *s->label_of);
    int is_full = !s->label_of;
    for (size_t i = 0; i < n_there && !is_full; i++) {
        const char *name = adah_index_label_name(index, (uint32_t)i);
        is_full = adah_string_table_add(&names, name ? name : "", name ? strlen(name) : 0) == ADAH_STRING_NONE;
    }
    for (size_t i = 0; i < n && !is_full; i++) {
        const char *name = adah_dataset_label_name(s->dataset, (uint32_t)i);
        s->label_of[i] = adah_string_table_find(&names, name, strlen(name));
    }
    adah_string_table_free(&names);
    return is_full ? adah_fail_memory(status, n_there * sizeof(char *)) : ADAH_OK;
}

int adah_sync_has_words(const adah_sync_run *s, const adah_record *r, const adah_index_entry *e) {
    int is_same = r->n_labels == e->n_labels && strcmp(r->text, e->text) == 0 && adah_taken_is_same(&r->taken, &e->taken);
    for (size_t k = 0; k < r->n_labels && is_same; k++) {
        size_t i = 0;
        while (i < e->n_labels && e->label[i] != s->label_of[r->label[k]])
            i++;
        is_same = i < e->n_labels;
    }
    return is_same;
}

static adah_code add_gone(adah_sync_run *s, uint64_t id, adah_status *status) {
    if (!adah_memory_grow((void **)&s->gone, &s->gone_capacity, s->n_gone, sizeof *s->gone))
        return adah_fail_memory(status, (s->n_gone + 1) * sizeof *s->gone);
    s->gone[s->n_gone++] = (adah_sync_gone){.id = id};
    return ADAH_OK;
}

static adah_code pass_member(void *context, const char *name, const char *why, adah_status *status) {
    (void)context, (void)name, (void)why, (void)status;
    return ADAH_OK;
}

/* Behind the damage of a tar file, or where it was cut off, nobody can look. */
static adah_code look_through_tar(adah_sync_run *s, const char *path, adah_status *status) {
    if (s->tar && !strcmp(s->tar, path))
        return ADAH_OK;
    adah_memory_free(s->tar);
    s->tar = adah_memory_text(path);
    if (!s->tar)
        return adah_fail_memory(status, strlen(path) + 1);
    const adah_code code = adah_tar_list(path, pass_member, NULL, status);
    s->tar_is_damaged = code != ADAH_OK && code != ADAH_ERROR_NOT_FOUND;
    return code == ADAH_ERROR_MEMORY ? code : ADAH_OK;
}

/* Whether a file lies in a folder or tar file, that of the data set or below it, that nobody may or can look into now: what is in there is not gone. */
static adah_code is_out_of_sight(adah_sync_run *s, const char *file_name, int *is_hidden, adah_status *status) {
    const size_t n_folder = strlen(adah_dataset_folder(s->dataset));
    char *path = adah_file_join(adah_dataset_folder(s->dataset), file_name);
    struct stat info;
    adah_code code = ADAH_OK;
    *is_hidden = 0;
    if (!path)
        return adah_fail_memory(status, strlen(file_name));
    for (char *p = strchr(path + n_folder, '/'); p && !*is_hidden && code == ADAH_OK; p = strchr(p + 1, '/')) {
        *p = '\0';
        const int is_file = stat(path, &info) == 0 && S_ISREG(info.st_mode);
        if (is_file && adah_tar_is_named(path, strlen(path)) && (code = look_through_tar(s, path, status)) == ADAH_OK)
            *is_hidden = s->tar_is_damaged;
        else if (!is_file)
            *is_hidden = access(path, R_OK | X_OK) != 0 && errno != ENOENT && errno != ENOTDIR;
        *p = '/';
    }
    adah_memory_free(path);
    return code;
}

/* One whose file name is that of no record of the data set. */
static adah_code add_gone_entry(adah_sync_run *s, const adah_index_entry *e, adah_status *status) {
    int is_hidden;
    ADAH_TRY(is_out_of_sight(s, e->file_name, &is_hidden, status));
    if (is_hidden)
        return ADAH_OK; /* the data set has told of the folder */
    ADAH_TRY(add_gone(s, e->id, status));
    adah_sync_gone *g = &s->gone[s->n_gone - 1];
    const adah_known_picture *known = adah_picture_memory_find(&s->memory, e->file_name);
    if (!known || !e->image_code || !adah_sum_is_known(known->bytes_sum))
        return ADAH_OK;
    sum_entry(adah_sync_state(s), e, g->code_sum);
    memcpy(g->bytes_sum, known->bytes_sum, sizeof g->bytes_sum);
    g->is_known = memcmp(g->code_sum, known->code_sum, sizeof g->code_sum) == 0;
    s->n_known_gone += (size_t)g->is_known;
    return ADAH_OK;
}

/* A record of the index: of which record of the data set it is, and how like. */
static adah_code compare_entry(adah_sync_run *s, const adah_index_entry *e, adah_status *status) {
    if (!e->file_name[0])
        return ADAH_OK; /* of no file */
    const size_t i = adah_dataset_find(s->dataset, e->file_name);
    if (i == SIZE_MAX)
        return add_gone_entry(s, e, status);
    adah_sync_place *p = &s->place[i];
    if (p->is_there)
        ADAH_TRY(add_gone(s, p->id, status)); /* of two, the one that was added last stays */
    *p = (adah_sync_place){.id = e->id, .is_there = 1, .same_words = (uint8_t)adah_sync_has_words(s, adah_dataset_record(s->dataset, i), e)};
    adah_known_picture *known;
    if (!s->is_of_files || !e->image_code)
        return ADAH_OK;
    ADAH_TRY(adah_picture_memory_look(&s->memory, adah_dataset_folder(s->dataset), e->file_name, &known, status));
    uint8_t sum[ADAH_SUM_BYTES];
    sum_entry(adah_sync_state(s), e, sum);
    p->same_code = memcmp(sum, known->code_sum, sizeof sum) == 0;
    return ADAH_OK;
}

static int compare_gone(const void *a, const void *b) {
    const adah_sync_gone *x = a, *y = b;
    return x->is_known != y->is_known ? y->is_known - x->is_known : memcmp(x->bytes_sum, y->bytes_sum, sizeof x->bytes_sum);
}

static adah_code compare_index(adah_sync_run *s, adah_status *status) {
    adah_index *index = adah_sync_state(s);
    const uint64_t n_rows = index ? adah_index_rows(index) : 0;
    for (uint64_t row = 0; row < n_rows; row++) {
        adah_index_entry e;
        adah_status why;
        adah_code code = adah_index_record(index, row, &e, &why);
        if (code == ADAH_ERROR_NOT_FOUND)
            continue;
        if (code != ADAH_OK)
            return adah_fail(status, code, "%s", why.message);
        code = compare_entry(s, &e, status);
        adah_index_entry_free(&e);
        ADAH_TRY(code);
    }
    if (s->n_gone)
        qsort(s->gone, s->n_gone, sizeof *s->gone, compare_gone);
    return ADAH_OK;
}

adah_code adah_sync_sum_file(const adah_sync_run *s, const char *file_name, uint8_t sum[ADAH_SUM_BYTES], int *is_read, adah_status *status) {
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    char *path = adah_file_join(adah_dataset_folder(s->dataset), file_name);
    if (!path)
        return adah_fail_memory(status, strlen(file_name));
    adah_status why = {0};
    const adah_code code = adah_file_read(path, PICTURE_BYTES_MAX, &bytes, &n_bytes, &why);
    adah_memory_free(path);
    *is_read = code == ADAH_OK;
    if (code == ADAH_OK)
        adah_sum_bytes(bytes, n_bytes, sum);
    adah_memory_free(bytes);
    return code == ADAH_ERROR_MEMORY ? adah_fail(status, code, "%s", why.message) : ADAH_OK;
}

/* Whether the file has the bytes that its code was made of. Those of another stamp are read, and if they are the same, so is the picture. */
static adah_code is_same_file(adah_sync_run *s, const char *file_name, adah_known_picture *known, int *is_same, adah_status *status) {
    *is_same = adah_stamp_is_same(&known->coded, &known->now);
    if (*is_same || !adah_sum_is_known(known->bytes_sum))
        return ADAH_OK;
    uint8_t sum[ADAH_SUM_BYTES], code_sum[ADAH_SUM_BYTES];
    int is_read;
    ADAH_TRY(adah_sync_sum_file(s, file_name, sum, &is_read, status));
    *is_same = is_read && memcmp(sum, known->bytes_sum, sizeof sum) == 0;
    if (*is_same) {
        memcpy(code_sum, known->code_sum, sizeof code_sum);
        adah_picture_memory_set_code(&s->memory, known, sum, code_sum);
    }
    return ADAH_OK;
}

/* Whether a picture that is new was elsewhere before: then its record goes with it, and keeps its id and code. */
static adah_code find_moved(adah_sync_run *s, size_t i, adah_known_picture *known, int *is_moved, adah_status *status) {
    uint8_t sum[ADAH_SUM_BYTES];
    int is_read;
    size_t low = 0, high = s->n_known_gone;
    ADAH_TRY(adah_sync_sum_file(s, adah_dataset_record(s->dataset, i)->file_name, sum, &is_read, status));
    if (!is_read)
        return ADAH_OK;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (memcmp(s->gone[middle].bytes_sum, sum, sizeof sum) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < s->n_known_gone && s->gone[low].is_moved && memcmp(s->gone[low].bytes_sum, sum, sizeof sum) == 0)
        low++; /* one of several copies, which another file has already */
    if (low == s->n_known_gone || memcmp(s->gone[low].bytes_sum, sum, sizeof sum) != 0)
        return ADAH_OK;
    *is_moved = s->gone[low].is_moved = 1;
    s->place[i] = (adah_sync_place){.id = s->gone[low].id, .is_there = 1};
    adah_picture_memory_set_code(&s->memory, known, sum, s->gone[low].code_sum);
    return ADAH_OK;
}

static void forget_moved(adah_sync_run *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_gone; i++)
        if (!s->gone[i].is_moved)
            s->gone[n++] = s->gone[i];
    s->n_gone = n;
}

/* Of a picture that the metadata name, and that is not there. */
static adah_code leave_out_missing(adah_sync_run *s, size_t i, adah_status *status) {
    char why[ADAH_REASON_BYTES];
    const char *name = adah_dataset_record(s->dataset, i)->file_name;
    if (s->encode.strict)
        return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s/%s: there is no such file", adah_dataset_folder(s->dataset), name);
    snprintf(why, sizeof why, "%s/%s: there is no such file", adah_dataset_folder(s->dataset), name);
    adah_reasons_add(&s->missing, i, why);
    adah_dataset_leave_out(s->dataset, why);
    int is_hidden;
    ADAH_TRY(is_out_of_sight(s, name, &is_hidden, status));
    return s->place[i].is_there && !is_hidden ? add_gone(s, s->place[i].id, status) : ADAH_OK;
}

static adah_code choose_work(adah_sync_run *s, adah_status *status) {
    const size_t n = adah_dataset_count(s->dataset);
    for (size_t i = 0; i < n; i++) {
        const char *name = adah_dataset_record(s->dataset, i)->file_name;
        const adah_sync_place *p = &s->place[i];
        adah_known_picture *known = NULL;
        int is_same = 0;
        if (i % 1024 == 0)
            ADAH_TRY(tell(s, "comparing files", i, n, status));
        if (s->is_of_files) {
            ADAH_TRY(adah_picture_memory_look(&s->memory, adah_dataset_folder(s->dataset), name, &known, status));
            if (known->is_missing) {
                ADAH_TRY(leave_out_missing(s, i, status));
                continue;
            }
            if (p->same_code)
                ADAH_TRY(is_same_file(s, name, known, &is_same, status));
            else if (!p->is_there && s->n_known_gone)
                ADAH_TRY(find_moved(s, i, known, &is_same, status));
        }
        if (!is_same)
            s->whole[s->n_whole++] = i;
        else if (!p->same_words)
            s->words[s->n_words++] = i;
        else
            s->counts.n_unchanged++;
    }
    forget_moved(s);
    return ADAH_OK;
}

adah_code adah_sync_compare(adah_sync_run *s, const char *folder, adah_status *status) {
    ADAH_TRY(adah_dataset_open_known(folder, s->o.data, s->is_of_files ? &s->memory : NULL, &s->dataset, status));
    const size_t n = adah_dataset_count(s->dataset);
    s->place = adah_memory_zeroed(n, sizeof *s->place);
    s->whole = adah_memory_zeroed(n, sizeof *s->whole);
    s->words = adah_memory_zeroed(n, sizeof *s->words);
    s->sum = adah_memory_zeroed(n, sizeof *s->sum);
    if (!s->place || !s->whole || !s->words || !s->sum)
        return adah_fail_memory(status, n * (sizeof *s->place + 2 * sizeof *s->whole + sizeof *s->sum));
    ADAH_TRY(adah_sync_map_labels(s, status));
    ADAH_TRY(compare_index(s, status));
    return choose_work(s, status);
}

