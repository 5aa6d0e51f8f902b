/* index_sync.c - an index is made to agree with a data set: compared first, then changed in steps.
 *
 * What is known of pictures (picture_memory.h) lies beside the index. It says of a file with this stamp, or of bytes with this checksum, what
 * checksum their code has; the index holds the code itself. So a record is as it should be when both agree, whichever of the two files a crash
 * left older, and the worst that a crash costs is that a step is encoded again. Texts and labels are compared with the index itself. */
#include "api/encode_stream.h"
#include "api/index_item.h"
#include "api/model.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/reasons.h"
#include "base/sized_options.h"
#include "data/picture_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DELETED_SHARE = 5 /* one in so many may go without a question */, PICTURE_BYTES_MAX = 1 << 30 };
#define STEP_SECONDS 10.0 /* about what a killed run has lost; a step has costs of its own, syncs of the disk among them */

/* Of a record of the data set, in the index. */
typedef struct place {
    uint64_t id;
    uint8_t is_there, same_code, same_words; /* same_code: as far as the memory knows what code belongs to the file */
} place;

typedef struct sync {
    const adah_model *model;
    adah_model view; /* the model with the precision that was chosen */
    adah_sync_options o;
    adah_encode_options encode;
    const char *index_path;
    char *memory_path;
    adah_progress progress;
    adah_picture_memory memory;
    int is_of_files; /* codes follow from files and texts; 0: from arrays, of which nothing is known */
    adah_dataset *dataset;
    adah_model_inputs inputs;
    int has_inputs;
    adah_index *reading; /* with dry_run */
    adah_index_writer *writer; /* NULL also until there is something to put into a new index */
    int is_new;
    place *place;       /* [records of the data set] */
    uint32_t *label_of; /* number in the index of a label of the data set */
    uint64_t *gone;     /* ids */
    size_t n_gone, gone_capacity;
    size_t *whole, n_whole; /* records to encode */
    size_t *words, n_words; /* those whose picture is as it was */
    uint8_t (*sum)[ADAH_SUM_BYTES];
    const char **names; /* of labels, for a record */
    size_t names_capacity;
    adah_reasons missing; /* pictures that metadata name */
    size_t n_unreadable;
    size_t n_done; /* of n_whole + n_words */
    adah_sync_counts counts;
} sync_run;

static adah_index *state_of(const sync_run *s) { return s->writer ? adah_index_writer_state(s->writer) : s->reading; }

static adah_code tell(const sync_run *s, const char *stage, size_t done, size_t total, adah_status *status) {
    const adah_progress_event event = {.stage = stage, .done = done, .total = total, .detail = ""};
    return s->progress.function && s->progress.function(s->progress.user, &event) ? adah_fail(status, ADAH_ERROR_CANCELLED, "stopped") : ADAH_OK;
}

/* ---------------------------------------------------------------- comparing */

static void sum_code(const uint8_t *code, size_t n_bytes, const int8_t *fine, size_t n_fine, uint8_t sum[ADAH_SUM_BYTES]) {
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
    sum_code(e->image_code, adah_index_bits(index) / 8, e->image_fine, adah_index_fine(index, ADAH_IMAGE), sum);
}

static adah_code map_labels(sync_run *s, adah_status *status) {
    adah_string_table names = {0};
    const adah_index *index = state_of(s);
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

static int has_same_words(const sync_run *s, const adah_record *r, const adah_index_entry *e) {
    int is_same = r->n_labels == e->n_labels && strcmp(r->text, e->text) == 0;
    for (size_t k = 0; k < r->n_labels && is_same; k++) {
        size_t i = 0;
        while (i < e->n_labels && e->label[i] != s->label_of[r->label[k]])
            i++;
        is_same = i < e->n_labels;
    }
    return is_same;
}

static adah_code add_gone(sync_run *s, uint64_t id, adah_status *status) {
    if (!adah_memory_grow((void **)&s->gone, &s->gone_capacity, s->n_gone, sizeof *s->gone))
        return adah_fail_memory(status, (s->n_gone + 1) * sizeof *s->gone);
    s->gone[s->n_gone++] = id;
    return ADAH_OK;
}

/* A record of the index: of which record of the data set it is, and how like. */
static adah_code compare_entry(sync_run *s, const adah_index_entry *e, adah_status *status) {
    if (!e->file_name[0])
        return ADAH_OK; /* of no file */
    const size_t i = adah_dataset_find(s->dataset, e->file_name);
    if (i == SIZE_MAX)
        return add_gone(s, e->id, status);
    place *p = &s->place[i];
    if (p->is_there)
        ADAH_TRY(add_gone(s, p->id, status)); /* of two, the one that was added last stays */
    *p = (place){.id = e->id, .is_there = 1, .same_words = (uint8_t)has_same_words(s, adah_dataset_record(s->dataset, i), e)};
    adah_known_picture *known;
    if (!s->is_of_files || !e->image_code)
        return ADAH_OK;
    ADAH_TRY(adah_picture_memory_look(&s->memory, adah_dataset_folder(s->dataset), e->file_name, &known, status));
    uint8_t sum[ADAH_SUM_BYTES];
    sum_entry(state_of(s), e, sum);
    p->same_code = memcmp(sum, known->code_sum, sizeof sum) == 0;
    return ADAH_OK;
}

static adah_code compare_index(sync_run *s, adah_status *status) {
    adah_index *index = state_of(s);
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
    return ADAH_OK;
}

/* Whether the file has the bytes that its code was made of. Those of another stamp are read, and if they are the same, so is the picture. */
static adah_code is_same_file(sync_run *s, const char *file_name, adah_known_picture *known, int *is_same, adah_status *status) {
    *is_same = adah_stamp_is_same(&known->coded, &known->now);
    if (*is_same || !adah_sum_is_known(known->bytes_sum))
        return ADAH_OK;
    uint8_t *bytes = NULL, sum[ADAH_SUM_BYTES];
    size_t n_bytes = 0;
    char *path = adah_file_join(adah_dataset_folder(s->dataset), file_name);
    if (!path)
        return adah_fail_memory(status, strlen(file_name));
    adah_status why = {0};
    const adah_code code = adah_file_read(path, PICTURE_BYTES_MAX, &bytes, &n_bytes, &why);
    adah_memory_free(path);
    if (code == ADAH_ERROR_MEMORY)
        return adah_fail(status, code, "%s", why.message);
    if (code != ADAH_OK)
        return ADAH_OK; /* encoding it will tell why */
    adah_sum_bytes(bytes, n_bytes, sum);
    adah_memory_free(bytes);
    *is_same = memcmp(sum, known->bytes_sum, sizeof sum) == 0;
    if (*is_same) {
        memcpy(sum, known->code_sum, sizeof sum);
        uint8_t bytes_sum[ADAH_SUM_BYTES];
        memcpy(bytes_sum, known->bytes_sum, sizeof bytes_sum);
        adah_picture_memory_set_code(&s->memory, known, bytes_sum, sum);
    }
    return ADAH_OK;
}

/* Of a picture that the metadata name, and that is not there. */
static adah_code leave_out_missing(sync_run *s, size_t i, adah_status *status) {
    char why[ADAH_REASON_BYTES];
    const char *name = adah_dataset_record(s->dataset, i)->file_name;
    if (s->encode.strict)
        return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s/%s: there is no such file", adah_dataset_folder(s->dataset), name);
    snprintf(why, sizeof why, "%s/%s: there is no such file", adah_dataset_folder(s->dataset), name);
    adah_reasons_add(&s->missing, i, why);
    return s->place[i].is_there ? add_gone(s, s->place[i].id, status) : ADAH_OK;
}

static adah_code choose_work(sync_run *s, adah_status *status) {
    const size_t n = adah_dataset_count(s->dataset);
    for (size_t i = 0; i < n; i++) {
        const char *name = adah_dataset_record(s->dataset, i)->file_name;
        const place *p = &s->place[i];
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
        }
        if (!is_same)
            s->whole[s->n_whole++] = i;
        else if (!p->same_words)
            s->words[s->n_words++] = i;
        else
            s->counts.n_unchanged++;
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- changing */

static adah_code open_inputs(sync_run *s, adah_status *status) {
    ADAH_TRY(adah_model_inputs_open(&s->view.state, s->view.vocabulary, s->view.text_encoder, s->dataset, s->encode.cache_folder, s->encode.strict,
                                    &s->inputs, status));
    s->has_inputs = 1;
    if (s->inputs.pictures)
        adah_picture_files_keep_sums(s->inputs.pictures, s->sum);
    return ADAH_OK;
}

static adah_code open_writer(sync_run *s, adah_status *status) {
    if (s->writer)
        return ADAH_OK;
    s->is_new = 1;
    return adah_index_writer_create(s->index_path, s->model, 0, &s->writer, status);
}

static int is_same_side(const uint8_t *a, const uint8_t *b, size_t n_bytes, const int8_t *fine_a, const int8_t *fine_b, size_t n_fine) {
    uint8_t sum_a[ADAH_SUM_BYTES], sum_b[ADAH_SUM_BYTES];
    if (!a || !b)
        return !a && !b;
    sum_code(a, n_bytes, fine_a, n_fine, sum_a);
    sum_code(b, n_bytes, fine_b, n_fine, sum_b);
    return memcmp(sum_a, sum_b, sizeof sum_a) == 0;
}

/* Is the record in the index what it would be replaced by? */
static int is_same_record(const sync_run *s, const adah_index_item *item, const adah_record *r, const adah_index_entry *e) {
    const size_t n_bytes = adah_index_bits(state_of(s)) / 8;
    return has_same_words(s, r, e) && is_same_side(item->image_code, e->image_code, n_bytes, item->image_fine, e->image_fine, item->n_image_fine) &&
           is_same_side(item->text_code, e->text_code, n_bytes, item->text_fine, e->text_fine, item->n_text_fine);
}

/* entry: the record that is there, whose picture's code stays where `codes` has none. */
static adah_code put_known(sync_run *s, size_t i, adah_index_item *item, const adah_index_entry *e, adah_status *status) {
    if (!item->image_code) {
        item->image_code = e->image_code;
        item->image_fine = e->image_fine;
        item->n_image_fine = adah_index_fine(state_of(s), ADAH_IMAGE);
    }
    if (is_same_record(s, item, adah_dataset_record(s->dataset, i), e)) {
        s->counts.n_unchanged++;
        return ADAH_OK;
    }
    item->id = e->id;
    s->counts.n_replaced++;
    return adah_index_writer_replace(s->writer, item, status);
}

static adah_code put_record(sync_run *s, const adah_codes *codes, size_t k, adah_status *status) {
    const size_t i = codes->record[k];
    const place *p = &s->place[i];
    adah_index_item item;
    ADAH_TRY(adah_index_item_of(s->dataset, codes, k, &s->names, &s->names_capacity, &item, status));
    if (codes->image && s->is_of_files) {
        adah_known_picture *known;
        uint8_t sum[ADAH_SUM_BYTES];
        sum_code(item.image_code, codes->n_bits / 8, item.image_fine, item.n_image_fine, sum);
        ADAH_TRY(adah_picture_memory_look(&s->memory, adah_dataset_folder(s->dataset), item.file_name, &known, status));
        adah_picture_memory_set_code(&s->memory, known, s->sum[i], sum);
    }
    if (!p->is_there) {
        s->counts.n_added++;
        return adah_index_writer_add(s->writer, &item, NULL, status);
    }
    adah_index *state = state_of(s);
    adah_index_entry e;
    uint64_t row;
    if (!adah_index_find(state, p->id, &row))
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: record %" PRIu64 " is no longer there", s->index_path, p->id);
    ADAH_TRY(adah_index_record(state, row, &e, status));
    const adah_code code = put_known(s, i, &item, &e, status);
    adah_index_entry_free(&e);
    return code;
}

static int on_progress(void *user, const adah_progress_event *event) {
    const sync_run *s = user;
    adah_progress_event mine = *event;
    mine.done = s->n_done + (strcmp(event->stage, "encoding images") ? 0 : event->done);
    mine.total = s->n_whole + s->n_words;
    mine.stage = "encoding";
    return s->progress.function ? s->progress.function(s->progress.user, &mine) : 0;
}

/* Makes what was changed durable, then what is known. Either without the other does no harm. */
static adah_code finish_step(sync_run *s, adah_status *status) {
    if (s->writer) {
        ADAH_TRY(adah_index_writer_commit(s->writer, status));
        ADAH_TRY(map_labels(s, status));
    }
    return s->memory.is_changed ? adah_picture_memory_save(&s->memory, s->memory_path, status) : ADAH_OK;
}

static adah_code encode_step(sync_run *s, const size_t *record, size_t n, unsigned sides, adah_status *status) {
    adah_codes codes = {0};
    const adah_encode_source source = {.model = &s->view, .dataset = s->dataset, .inputs = &s->inputs, .record = record, .n_records = n, .sides = sides};
    ADAH_TRY(adah_encode_stream(&source, 0, (adah_progress){on_progress, s}, &codes, NULL, NULL, status));
    s->counts.n_texts_unknown += codes.n_texts_unknown;
    adah_code code = codes.n ? open_writer(s, status) : ADAH_OK;
    for (size_t k = 0; k < codes.n && code == ADAH_OK; k++)
        code = put_record(s, &codes, k, status);
    if (code == ADAH_OK)
        code = finish_step(s, status);
    if (code == ADAH_OK) {
        s->n_done += n;
        s->n_unreadable += n - codes.n;
    }
    adah_codes_free(&codes);
    return code;
}

/* Steps grow until they take long enough. */
static adah_code encode_all(sync_run *s, const size_t *record, size_t n, unsigned sides, adah_status *status) {
    size_t n_step = s->o.n_step;
    for (size_t first = 0; first < n;) {
        const size_t n_now = n - first < n_step ? n - first : n_step;
        const double start = adah_clock_seconds();
        ADAH_TRY(encode_step(s, record + first, n_now, sides, status));
        if (adah_clock_seconds() - start < STEP_SECONDS / 2)
            n_step *= 2;
        first += n_now;
    }
    return ADAH_OK;
}

static adah_code delete_gone(sync_run *s, adah_status *status) {
    for (size_t i = 0; i < s->n_gone; i++)
        ADAH_TRY(adah_index_writer_delete(s->writer, s->gone[i], status));
    s->counts.n_deleted = s->n_gone;
    return s->n_gone ? finish_step(s, status) : ADAH_OK;
}

/* What is missing, and what could not be read of those that were to be encoded. */
static void join_reasons(sync_run *s) {
    adah_reasons all = s->missing;
    if (s->has_inputs && s->inputs.pictures) {
        const adah_reasons *unreadable = adah_picture_files_unreadable(s->inputs.pictures);
        for (size_t i = 0; i < unreadable->n && i < ADAH_REASONS; i++)
            adah_reasons_add(&all, unreadable->place[i], unreadable->text[i]);
    }
    adah_reasons_join(&all, s->counts.reasons);
    if (s->has_inputs && all.n == 0)
        adah_model_inputs_missing(&s->inputs, s->counts.reasons);
    s->counts.n_unreadable = s->missing.n + s->n_unreadable;
}

static int is_worth_compacting(const sync_run *s) {
    const adah_index *index = state_of(s);
    return s->is_new || (adah_index_rows(index) > adah_index_count(index) && adah_index_rows(index) >= 2 * adah_index_count(index));
}

static adah_code change(sync_run *s, adah_status *status) {
    ADAH_TRY(delete_gone(s, status));
    if (s->n_whole + s->n_words)
        ADAH_TRY(open_inputs(s, status));
    ADAH_TRY(encode_all(s, s->words, s->n_words, 1u << ADAH_TEXT, status));
    ADAH_TRY(encode_all(s, s->whole, s->n_whole, 0, status));
    join_reasons(s);
    if (!s->writer)
        return adah_fail(status, ADAH_ERROR_IO, "%s: none of the %zu records has an image that can be read; the first: %.*s",
                         adah_dataset_folder(s->dataset), adah_dataset_count(s->dataset), adah_reasons_first(s->counts.reasons), s->counts.reasons);
    if (s->memory.is_changed)
        ADAH_TRY(adah_picture_memory_save(&s->memory, s->memory_path, status));
    return is_worth_compacting(s) ? adah_index_writer_compact(s->writer, s->progress, status) : ADAH_OK;
}

/* ---------------------------------------------------------------- the whole */

static adah_code check_deletions(const sync_run *s, adah_status *status) {
    const uint64_t n_all = state_of(s) ? adah_index_count(state_of(s)) : 0;
    if (s->n_gone <= n_all / DELETED_SHARE || s->o.dry_run || (s->o.may_delete && s->o.may_delete(s->o.context, s->n_gone, n_all)))
        return ADAH_OK;
    return adah_fail(status, ADAH_ERROR_EXISTS,
                     "%s: %zu of its %" PRIu64 " records are of pictures that are no longer in %s, more than a fifth: nothing was changed ('adah index sync --force' deletes them)",
                     s->index_path, s->n_gone, n_all, adah_dataset_folder(s->dataset));
}

static adah_code open_index(sync_run *s, adah_status *status) {
    if (!adah_file_exists(s->index_path))
        return adah_file_check_place(s->index_path, ADAH_FILE_OF_ANY_KIND, status);
    if (s->o.dry_run) {
        ADAH_TRY(adah_index_open(s->index_path, &s->reading, status));
        return adah_index_check_model(s->reading, s->model, status);
    }
    ADAH_TRY(adah_index_writer_open(s->index_path, &s->writer, status));
    return adah_index_writer_set_model(s->writer, s->model, status);
}

static adah_code compare(sync_run *s, const char *folder, adah_status *status) {
    ADAH_TRY(adah_dataset_open_known(folder, s->o.data, s->is_of_files ? &s->memory : NULL, &s->dataset, status));
    const size_t n = adah_dataset_count(s->dataset);
    s->place = adah_memory_zeroed(n, sizeof *s->place);
    s->whole = adah_memory_zeroed(n, sizeof *s->whole);
    s->words = adah_memory_zeroed(n, sizeof *s->words);
    s->sum = adah_memory_zeroed(n, sizeof *s->sum);
    if (!s->place || !s->whole || !s->words || !s->sum)
        return adah_fail_memory(status, n * (sizeof *s->place + 2 * sizeof *s->whole + sizeof *s->sum));
    ADAH_TRY(map_labels(s, status));
    ADAH_TRY(compare_index(s, status));
    return choose_work(s, status);
}

static void count_what_would_be(sync_run *s) {
    s->counts.n_replaced = s->n_words;
    s->counts.n_deleted = s->n_gone;
    for (size_t k = 0; k < s->n_whole; k++)
        s->place[s->whole[k]].is_there ? s->counts.n_replaced++ : s->counts.n_added++;
    join_reasons(s);
}

static adah_code run(sync_run *s, const char *folder, adah_status *status) {
    s->memory_path = adah_file_suffixed(s->index_path, ".sync");
    if (!s->memory_path)
        return adah_fail_memory(status, strlen(s->index_path) + 8);
    ADAH_TRY(adah_model_with_precision(s->model, s->encode.precision, &s->view, status));
    s->is_of_files = s->view.state.image.kind == ADAH_INPUT_PIXELS &&
                     (s->view.vocabulary || s->view.text_encoder || s->view.state.text.kind == ADAH_INPUT_NONE);
    ADAH_TRY(open_index(s, status));
    ADAH_TRY(adah_picture_memory_open(s->memory_path, &s->memory, status));
    s->counts.is_memory_lost = s->memory.is_damaged;
    if (s->o.model_path)
        ADAH_TRY(adah_picture_memory_set_model(&s->memory, s->o.model_path, status));
    ADAH_TRY(compare(s, folder, status));
    ADAH_TRY(check_deletions(s, status));
    if (!s->o.dry_run)
        return change(s, status);
    count_what_would_be(s);
    return ADAH_OK;
}

/* Of a failure or a stop after some steps. */
static adah_code tell_what_is_done(const sync_run *s, adah_code code, adah_status *status) {
    if (code == ADAH_OK || !s->n_done || !status)
        return code;
    const adah_status why = *status;
    adah_fail(status, code, "%.1800s; %zu of %zu records that had to be encoded are done, and the next sync goes on", why.message, s->n_done,
              s->n_whole + s->n_words);
    status->system_error = why.system_error;
    return code;
}

static void close_run(sync_run *s) {
    if (s->has_inputs)
        adah_model_inputs_close(&s->inputs);
    adah_index_writer_close(s->writer);
    adah_index_close(s->reading);
    adah_picture_memory_close(&s->memory);
    adah_memory_free(s->memory_path);
    adah_memory_free(s->place);
    adah_memory_free(s->label_of);
    adah_memory_free(s->gone);
    adah_memory_free(s->whole);
    adah_memory_free(s->words);
    adah_memory_free(s->sum);
    adah_memory_free(s->names);
}

adah_code adah_index_sync(const adah_model *model, const char *folder, const char *index_path, const adah_sync_options *options,
                          adah_progress progress, adah_sync_counts *counts, adah_dataset **dataset, adah_status *status) {
    sync_run s = {.model = model, .index_path = index_path, .progress = progress};
    if (dataset)
        *dataset = NULL;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_SYNC, options, &s.o, status));
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODE, s.o.encode, &s.encode, status));
    if (s.o.n_step == 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a step of a sync is 0 records, expected at least 1");
    const adah_code code = tell_what_is_done(&s, run(&s, folder, status), status);
    if (code != ADAH_OK && s.is_new && s.n_done == 0)
        unlink(index_path); /* still locked, and empty */
    if (counts)
        *counts = s.counts;
    close_run(&s);
    if (dataset)
        *dataset = s.dataset;
    else
        adah_dataset_close(s.dataset);
    return code;
}

adah_code adah_index_synced_model(const char *index_path, char **model_path, adah_status *status) {
    adah_picture_memory memory = {0};
    char *path = adah_file_suffixed(index_path, ".sync");
    if (!path)
        return adah_fail_memory(status, strlen(index_path) + 8);
    adah_code code = adah_picture_memory_open(path, &memory, status);
    adah_memory_free(path);
    if (code == ADAH_OK && !memory.model)
        code = adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: it is not known which model made it", index_path);
    if (code == ADAH_OK && !(*model_path = adah_memory_text(memory.model)))
        code = adah_fail_memory(status, strlen(memory.model) + 1);
    adah_picture_memory_close(&memory);
    return code;
}
