/* index_sync.c - an index is made to agree with a data set: compared first, then changed in steps.
 *
 * What is known of pictures (picture_memory.h) lies beside the index. It says of a file with this stamp, or of bytes with this checksum, what
 * checksum their code has; the index holds the code itself. So a record is as it should be when both agree, whichever of the two files a crash
 * left older, and the worst that a crash costs is that a step is encoded again. Texts and labels are compared with the index itself. */
#define _GNU_SOURCE
#include "api/encode_stream.h"
#include "api/index_item.h"
#include "api/sync_run.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sized_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DELETED_SHARE = 5 /* one in so many may go without a question */ };
#define STEP_SECONDS 10.0 /* about what a killed run has lost; a step has costs of its own, syncs of the disk among them */

/* ---------------------------------------------------------------- changing */

/* Whether all files that are to be encoded had been as they are for a while when the cache of images was made: its name tells of their sizes and
 * times of change alone, which a copy may have from another file. */
static int is_store_newer(const adah_sync_run *s) {
    struct stat info;
    if (stat(s->inputs.store.path, &info) != 0)
        return 0;
    const int64_t made_ns = info.st_mtim.tv_sec * 1000000000ll + info.st_mtim.tv_nsec;
    for (size_t k = 0; k < s->n_whole; k++) {
        const adah_known_picture *known = adah_picture_memory_find(&s->memory, adah_dataset_record(s->dataset, s->whole[k])->file_name);
        if (!known || known->now.changed_ns >= made_ns - ADAH_STAMP_SETTLED_NS)
            return 0;
    }
    return 1;
}

static adah_code open_inputs(adah_sync_run *s, adah_status *status) {
    ADAH_TRY(adah_model_inputs_open(&s->view.state, s->view.vocabulary, s->view.text_encoder, s->dataset, s->encode.cache_folder, s->encode.strict,
                                    &s->inputs, status));
    s->has_inputs = 1;
    if (s->is_of_files && s->inputs.store.n && !is_store_newer(s)) {
        adah_image_store_close(&s->inputs.store);
        ADAH_TRY(adah_model_inputs_choose(&s->view.state.config, s->view.vocabulary, s->view.text_encoder, s->dataset, s->encode.strict, &s->inputs, status));
    }
    if (s->inputs.pictures)
        adah_picture_files_keep_sums(s->inputs.pictures, s->sum);
    return ADAH_OK;
}

static adah_code open_writer(adah_sync_run *s, adah_status *status) {
    if (s->writer)
        return ADAH_OK;
    if (adah_file_exists(s->index_path)) /* it was not when the sync began */
        return adah_fail(status, ADAH_ERROR_BUSY, "%s: somebody else has made it meanwhile; sync again", s->index_path);
    s->is_new = 1;
    return adah_index_writer_create(s->index_path, s->model, 0, &s->writer, status);
}

static int is_same_side(const uint8_t *a, const uint8_t *b, size_t n_bytes, const int8_t *fine_a, const int8_t *fine_b, size_t n_fine) {
    uint8_t sum_a[ADAH_SUM_BYTES], sum_b[ADAH_SUM_BYTES];
    if (!a || !b)
        return !a && !b;
    adah_sync_sum_code(a, n_bytes, fine_a, n_fine, sum_a);
    adah_sync_sum_code(b, n_bytes, fine_b, n_fine, sum_b);
    return memcmp(sum_a, sum_b, sizeof sum_a) == 0;
}

/* Is the record in the index what it would be replaced by? */
static int is_same_record(const adah_sync_run *s, const adah_index_item *item, const adah_record *r, const adah_index_entry *e) {
    const size_t n_bytes = adah_index_bits(adah_sync_state(s)) / 8;
    return strcmp(r->file_name, e->file_name) == 0 && adah_sync_has_words(s, r, e) &&
           is_same_side(item->image_code, e->image_code, n_bytes, item->image_fine, e->image_fine, item->n_image_fine) &&
           is_same_side(item->text_code, e->text_code, n_bytes, item->text_fine, e->text_fine, item->n_text_fine);
}

/* entry: the record that is there, whose picture's code stays where `codes` has none. */
static adah_code put_known(adah_sync_run *s, size_t i, adah_index_item *item, const adah_index_entry *e, adah_status *status) {
    if (!item->image_code) {
        item->image_code = e->image_code;
        item->image_fine = e->image_fine;
        item->n_image_fine = adah_index_fine(adah_sync_state(s), ADAH_IMAGE);
    }
    if (is_same_record(s, item, adah_dataset_record(s->dataset, i), e)) {
        s->counts.n_unchanged++;
        return ADAH_OK;
    }
    item->id = e->id;
    s->counts.n_replaced++;
    return adah_index_writer_replace(s->writer, item, status);
}

/* The checksum of a file that is as it was when the sync began; of another it stays unknown. */
static adah_code sum_unchanged(const adah_sync_run *s, const char *file_name, const adah_known_picture *known, uint8_t sum[ADAH_SUM_BYTES],
                               adah_status *status) {
    int is_read;
    ADAH_TRY(adah_sync_sum_file(s, file_name, sum, &is_read, status));
    if (!is_read || !adah_picture_is_unchanged(adah_dataset_folder(s->dataset), file_name, known))
        memset(sum, 0, ADAH_SUM_BYTES);
    return ADAH_OK;
}

static adah_code put_record(adah_sync_run *s, const adah_codes *codes, size_t k, adah_status *status) {
    const size_t i = codes->record[k];
    const adah_sync_place *p = &s->place[i];
    adah_index_item item;
    ADAH_TRY(adah_index_item_of(s->dataset, codes, k, &s->names, &s->names_capacity, &item, status));
    if (codes->image && s->is_of_files) {
        adah_known_picture *known;
        uint8_t sum[ADAH_SUM_BYTES];
        adah_sync_sum_code(item.image_code, codes->n_bits / 8, item.image_fine, item.n_image_fine, sum);
        ADAH_TRY(adah_picture_memory_look(&s->memory, adah_dataset_folder(s->dataset), item.file_name, &known, status));
        if (!s->inputs.pictures) /* the code came from the cache of images */
            ADAH_TRY(sum_unchanged(s, item.file_name, known, s->sum[i], status));
        adah_picture_memory_set_code(&s->memory, known, s->sum[i], sum);
    }
    if (!p->is_there) {
        s->counts.n_added++;
        return adah_index_writer_add(s->writer, &item, NULL, status);
    }
    adah_index *state = adah_sync_state(s);
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
    const adah_sync_run *s = user;
    adah_progress_event mine = *event;
    mine.done = s->n_done + (strcmp(event->stage, "encoding images") ? 0 : event->done);
    mine.total = s->n_whole + s->n_words;
    mine.stage = "encoding";
    return s->progress.function ? s->progress.function(s->progress.user, &mine) : 0;
}

/* Makes what was changed durable, then what is known. Either without the other does no harm. */
static adah_code finish_step(adah_sync_run *s, adah_status *status) {
    if (s->writer) {
        ADAH_TRY(adah_index_writer_commit(s->writer, status));
        ADAH_TRY(adah_sync_map_labels(s, status));
    }
    return s->memory.is_changed ? adah_picture_memory_save(&s->memory, s->memory_path, status) : ADAH_OK;
}

static adah_code encode_step(adah_sync_run *s, const size_t *record, size_t n, unsigned sides, adah_status *status) {
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
static adah_code encode_all(adah_sync_run *s, const size_t *record, size_t n, unsigned sides, adah_status *status) {
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

static adah_code delete_gone(adah_sync_run *s, adah_status *status) {
    for (size_t i = 0; i < s->n_gone; i++)
        ADAH_TRY(adah_index_writer_delete(s->writer, s->gone[i].id, status));
    s->counts.n_deleted = s->n_gone;
    return s->n_gone ? finish_step(s, status) : ADAH_OK;
}

/* What is missing, and what could not be read of those that were to be encoded. */
static void join_reasons(adah_sync_run *s) {
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

static int is_worth_compacting(const adah_sync_run *s) {
    const adah_index *index = adah_sync_state(s);
    return s->is_new || (adah_index_rows(index) > adah_index_count(index) && adah_index_rows(index) >= 2 * adah_index_count(index));
}

static adah_code change(adah_sync_run *s, adah_status *status) {
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

static adah_code check_deletions(const adah_sync_run *s, adah_status *status) {
    const uint64_t n_all = adah_sync_state(s) ? adah_index_count(adah_sync_state(s)) : 0;
    if (s->n_gone <= n_all / DELETED_SHARE || s->o.dry_run || (s->o.may_delete && s->o.may_delete(s->o.context, s->n_gone, n_all)))
        return ADAH_OK;
    return adah_fail(status, ADAH_ERROR_EXISTS,
                     "%s: %zu of its %" PRIu64 " records are of pictures that are no longer in %s, more than a fifth: nothing was changed ('adah index sync --data %s --index %s --force' deletes them)",
                     s->index_path, s->n_gone, n_all, adah_dataset_folder(s->dataset), adah_dataset_folder(s->dataset), s->index_path);
}

static adah_code open_index(adah_sync_run *s, adah_status *status) {
    if (!adah_file_exists(s->index_path))
        return adah_file_check_place(s->index_path, ADAH_FILE_OF_ANY_KIND, status);
    if (s->o.dry_run) {
        ADAH_TRY(adah_index_open(s->index_path, &s->reading, status));
        return adah_index_check_model(s->reading, s->model, status);
    }
    ADAH_TRY(adah_index_writer_open(s->index_path, &s->writer, status));
    return adah_index_writer_set_model(s->writer, s->model, status);
}

static void count_what_would_be(adah_sync_run *s) {
    s->counts.n_replaced = s->n_words;
    s->counts.n_deleted = s->n_gone;
    for (size_t k = 0; k < s->n_whole; k++)
        s->place[s->whole[k]].is_there ? s->counts.n_replaced++ : s->counts.n_added++;
    join_reasons(s);
}

static adah_code run(adah_sync_run *s, const char *folder, adah_status *status) {
    s->memory_path = adah_file_suffixed(s->index_path, ".sync");
    if (!s->memory_path)
        return adah_fail_memory(status, strlen(s->index_path) + 8);
    ADAH_TRY(adah_model_with_precision(s->model, s->encode.precision, &s->view, status));
    s->is_of_files = s->view.state.image.kind == ADAH_INPUT_PIXELS &&
                     (s->view.vocabulary || s->view.text_encoder || s->view.state.text.kind == ADAH_INPUT_NONE);
    ADAH_TRY(open_index(s, status));
    ADAH_TRY(adah_picture_memory_open(s->memory_path, &s->memory, status));
    if (s->memory.is_damaged && !adah_file_exists(s->index_path)) /* somebody else's, for all that is known */
        return adah_fail(status, ADAH_ERROR_EXISTS, "%s: it is there, and is not what a sync keeps beside an index: give the index another name, or remove it",
                         s->memory_path);
    s->counts.is_memory_lost = s->memory.is_damaged;
    if (s->o.model_path)
        ADAH_TRY(adah_picture_memory_set_model(&s->memory, s->o.model_path, status));
    ADAH_TRY(adah_sync_compare(s, folder, status));
    ADAH_TRY(check_deletions(s, status));
    if (!s->o.dry_run)
        return change(s, status);
    count_what_would_be(s);
    return ADAH_OK;
}

/* Of a failure or a stop after some steps. */
static adah_code tell_what_is_done(const adah_sync_run *s, adah_code code, adah_status *status) {
    if (code == ADAH_OK || !s->n_done || !status)
        return code;
    const adah_status why = *status;
    adah_fail(status, code, "%.1800s; %zu of %zu records that had to be encoded are done, and the next sync goes on", why.message, s->n_done,
              s->n_whole + s->n_words);
    status->system_error = why.system_error;
    return code;
}

static void close_run(adah_sync_run *s) {
    if (s->has_inputs)
        adah_model_inputs_close(&s->inputs);
    adah_index_writer_close(s->writer);
    adah_index_close(s->reading);
    adah_picture_memory_close(&s->memory);
    adah_memory_free(s->memory_path);
    adah_memory_free(s->place);
    adah_memory_free(s->label_of);
    adah_memory_free(s->gone);
    adah_memory_free(s->tar);
    adah_memory_free(s->whole);
    adah_memory_free(s->words);
    adah_memory_free(s->sum);
    adah_memory_free(s->names);
}

adah_code adah_index_sync(const adah_model *model, const char *folder, const char *index_path, const adah_sync_options *options,
                          adah_progress progress, adah_sync_counts *counts, adah_dataset **dataset, adah_status *status) {
    adah_sync_run s = {.model = model, .index_path = index_path, .progress = progress};
    if (dataset)
        *dataset = NULL;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_SYNC, options, &s.o, status));
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODE, s.o.encode, &s.encode, status));
    if (s.encode.n_shards || s.encode.shard)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a sync is of all records, and goes without a shard");
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
