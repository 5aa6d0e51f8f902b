/* index_writer.c - changes to a collection, in batches that are appended as segments.
 *
 * A commit writes one segment behind the last and syncs it, writes the mark that acknowledges it and syncs that: then it is done, and
 * nothing that could fail is left. Until then readers do not see it (index_file.c). When the first sync fails, the segment is
 * cut off; when the second fails, the mark is overwritten with what was there before and that is synced; if even that fails nobody
 * knows what a power cut would leave (ADAH_ERROR_UNCERTAIN). A writer whose sync has failed refuses all further calls: what the system
 * still holds in memory may not be what is on disk, and a second sync would not tell. Opening a writer makes that sure: it writes both marks
 * again and syncs them.
 *
 * One writer at a time holds a lock (flock) on the file; compaction puts a new, locked file in its place. */
#define _GNU_SOURCE
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/index_builder.h"
#include "index/index_copy.h"
#include "index/index_marks.h"
#include "index/index_notes.h"
#include "index/number_set.h"
#include "index/segment_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct adah_index_writer {
    char *path;
    char *real_path; /* where links lead: there the file is replaced, and links stay; by malloc */
    int fd;          /* locked */
    adah_index *state;
    uint64_t n_openings; /* of the file, with this one */
    adah_label_set labels; /* the file's, and the batch's new ones */
    adah_word_reader *reader;
    /* The batch: */
    adah_segment_writer *segment; /* NULL: nothing added */
    adah_number_set deleted_set;
    uint64_t *deleted; /* rows */
    size_t n_deleted, deleted_capacity;
    adah_notes notes;
    uint64_t next_id;
    int batch_is_broken; /* memory ran out while it was made */
    int needs_reopening; /* what is on disk is not known, or cannot be read */
};

/* ---------------------------------------------------------------- opening */

static int bears_the_name(int fd, const char *path) {
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && named.st_dev == ours.st_dev &&
           named.st_ino == ours.st_ino;
}

static _Atomic double patience_seconds;

void adah_set_patience(double seconds) { atomic_store(&patience_seconds, seconds); }

/* The lock of an open file, once nobody else has it. */
static adah_code take_lock(const char *path, int fd, adah_status *status) {
    const double end = adah_clock_seconds() + atomic_load(&patience_seconds);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return adah_fail_system(status, path, "cannot lock");
        if (adah_clock_seconds() >= end)
            return adah_fail(status, ADAH_ERROR_BUSY, "%s: another writer has the index open", path);
        if (nanosleep(&(struct timespec){0, 2000000}, NULL) != 0)
            return adah_fail(status, ADAH_ERROR_CANCELLED, "%s: stopped while another writer had the index open", path);
    }
    return ADAH_OK;
}

/* Opens and locks the file that bears the name now. */
static adah_code lock_file(const char *path, int *fd, adah_status *status) {
    for (int attempt = 0; attempt < 100; attempt++) {
        *fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (*fd < 0)
            return adah_fail_system(status, path, "cannot open for writing");
        struct stat ours;
        adah_code code = ADAH_OK;
        if (fstat(*fd, &ours) != 0 || !S_ISREG(ours.st_mode))
            code = adah_fail(status, ADAH_ERROR_IO, "%s: not a regular file", path);
        else if ((code = take_lock(path, *fd, status)) == ADAH_OK && bears_the_name(*fd, path))
            return ADAH_OK;
        close(*fd); /* a compaction put another file in its place */
        *fd = -1;
        if (code != ADAH_OK)
            return code;
    }
    return adah_fail(status, ADAH_ERROR_IO, "%s: it is replaced again and again while it is opened", path);
}

static adah_code sync_file(adah_index_writer *w, adah_status *status) {
    if (fdatasync(w->fd) == 0)
        return ADAH_OK;
    w->needs_reopening = 1;
    return adah_fail_system(status, w->path, "cannot write to disk");
}

static adah_code put_mark(adah_index_writer *w, const adah_index_mark *mark, size_t place, adah_status *status) {
    return adah_file_write_at(w->fd, w->path, mark, sizeof *mark, ADAH_INDEX_MARK_AT + place * ADAH_INDEX_MARK_STEP, status);
}

/* What is not acknowledged is not read, so that failing does no harm. What another program has put in its place is not ours to cut. */
static void cut_off_rest(adah_index_writer *w) {
    if (adah_index_check(w->state, NULL) == ADAH_OK && adah_index_unfinished_bytes(w->state))
        (void)!ftruncate(w->fd, (off_t)w->state->end);
}

/* Sees that the state is on disk: its marks, which a writer that was killed may not have synced, and the name of the file. Then
 * what lies behind can go. */
static adah_code recover(adah_index_writer *w, adah_status *status) {
    adah_index_mark mark[ADAH_INDEX_N_MARKS];
    ADAH_TRY(adah_index_marks(w->state, mark, status));
    adah_index_mark *own = &mark[w->state->n_segments % ADAH_INDEX_N_MARKS];
    w->n_openings = own->n_openings + 1;
    *own = adah_index_make_mark(own->file_number, own->n_segments, own->end, adah_index_last_checksum(w->state), w->n_openings);
    for (size_t i = 0; i < ADAH_INDEX_N_MARKS; i++)
        ADAH_TRY(put_mark(w, &mark[i], i, status));
    ADAH_TRY(sync_file(w, status));
    ADAH_TRY(adah_file_sync_name(w->real_path, status));
    cut_off_rest(w);
    adah_file_remove_leftovers(w->real_path); /* of killed compactions */
    return ADAH_OK;
}

static adah_code load_labels(const adah_index_writer *w, const adah_index *x, adah_label_set *labels, adah_status *status) {
    for (size_t i = 0; i < x->n_labels; i++) {
        const char *name = adah_index_label_name(x, (uint32_t)i);
        uint32_t number = 0;
        if (!name)
            return adah_index_fail_damaged(w->path, status, "the name of label %zu is not whole", i);
        if (!adah_label_set_number(labels, name, strlen(name), &number))
            return adah_fail_memory(status, (i + 1) * sizeof(char *));
        if (number != i)
            return adah_index_fail_damaged(w->path, status, "labels %u and %zu have the same name", number, i);
    }
    return ADAH_OK;
}

static adah_code open_writer(adah_index_writer *w, adah_status *status) {
    ADAH_TRY(lock_file(w->path, &w->fd, status));
    w->real_path = realpath(w->path, NULL);
    if (!w->real_path)
        return adah_fail_system(status, w->path, "cannot find where it lies");
    ADAH_TRY(adah_index_open(w->path, &w->state, status));
    w->next_id = w->state->next_id;
    ADAH_TRY(load_labels(w, w->state, &w->labels, status));
    ADAH_TRY(adah_word_reader_create(adah_index_language(w->state), &w->reader, status));
    return recover(w, status);
}

adah_code adah_index_writer_open(const char *path, adah_index_writer **writer, adah_status *status) {
    adah_index_writer *w = adah_memory_zeroed(1, sizeof *w);
    if (!w)
        return adah_fail_memory(status, sizeof *w);
    w->fd = -1;
    w->path = adah_memory_text(path);
    const adah_code code = w->path ? open_writer(w, status) : adah_fail_memory(status, strlen(path) + 1);
    if (code != ADAH_OK) {
        adah_index_writer_close(w);
        return code;
    }
    *writer = w;
    return ADAH_OK;
}

void adah_index_writer_close(adah_index_writer *w) {
    if (!w)
        return;
    if (w->fd >= 0) {
        flock(w->fd, LOCK_UN); /* a child of this process may still have the file open for a moment */
        close(w->fd);
    }
    adah_index_close(w->state);
    adah_segment_writer_close(w->segment);
    adah_label_set_free(&w->labels);
    adah_word_reader_close(w->reader);
    adah_number_set_free(&w->deleted_set);
    adah_memory_free(w->deleted);
    adah_memory_free(w->notes.bytes);
    free(w->real_path);
    adah_memory_free(w->path);
    adah_memory_free(w);
}

adah_index *adah_index_writer_state(const adah_index_writer *w) { return w->state; }

adah_code adah_index_writer_set_language(adah_index_writer *w, const char *language, adah_status *status) {
    adah_word_reader *reader;
    if (w->segment)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: there are changes that are not committed", w->path);
    ADAH_TRY(adah_word_reader_create(language, &reader, status));
    adah_word_reader_close(w->reader);
    w->reader = reader;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- making a batch */

typedef unsigned long long ull; /* for %llu */

static void drop_batch(adah_index_writer *w) {
    adah_segment_writer_close(w->segment);
    w->segment = NULL;
    adah_label_set_cut(&w->labels, w->state->n_labels);
    adah_number_set_clear(&w->deleted_set);
    w->n_deleted = 0;
    w->notes.n_bytes = 0;
    w->next_id = w->state->next_id;
    w->batch_is_broken = 0;
}

static adah_code check_usable(const adah_index_writer *w, adah_status *status) {
    if (w->needs_reopening)
        return adah_fail(status, ADAH_ERROR_IO, "%s: an earlier call failed; open the index again", w->path);
    return ADAH_OK;
}

/* Puts an item into the batch under an id that is free. */
static adah_code stage(adah_index_writer *w, const adah_index_item *item, uint64_t id, adah_status *status) {
    if (!w->segment)
        ADAH_TRY(adah_segment_writer_create(w->path, w->state->n_bits, w->state->n_fine, &w->labels, w->reader, NULL, &w->segment, status));
    const adah_code code = adah_segment_writer_add(w->segment, item, id, status);
    w->batch_is_broken |= code == ADAH_ERROR_MEMORY;
    if (code == ADAH_OK && id >= w->next_id)
        w->next_id = id + 1;
    return code;
}

static int is_staged(const adah_index_writer *w, uint64_t id) {
    return w->segment && adah_segment_writer_has(w->segment, id);
}

/* The row of a record of the last commit that the batch leaves there. */
static int find_row(const adah_index_writer *w, uint64_t id, uint64_t *row) {
    return id < w->state->next_id && adah_index_find(w->state, id, row) &&
           !adah_number_set_has(&w->deleted_set, *row);
}

adah_code adah_index_writer_add(adah_index_writer *w, const adah_index_item *item, uint64_t *id,
                                adah_status *status) {
    ADAH_TRY(check_usable(w, status));
    const uint64_t chosen = item->id == ADAH_NO_ID ? w->next_id : item->id;
    uint64_t row;
    if (chosen == ADAH_NO_ID)
        return adah_fail(status, ADAH_ERROR_EXISTS, "%s: there is no id left above %llu", w->path, (ull)chosen - 1);
    if (find_row(w, chosen, &row) || is_staged(w, chosen))
        return adah_fail(status, ADAH_ERROR_EXISTS, "%s: id %llu is taken", w->path, (ull)chosen);
    ADAH_TRY(stage(w, item, chosen, status));
    if (id)
        *id = chosen;
    return ADAH_OK;
}

adah_code adah_index_writer_add_codes(adah_index_writer *w, size_t n, const uint8_t *image_codes,
                                      const uint8_t *text_codes, uint64_t *first_id, adah_status *status) {
    ADAH_TRY(check_usable(w, status));
    const size_t n_code_bytes = w->state->n_bits / 8;
    const uint64_t first = w->next_id;
    if (n > ADAH_NO_ID - first)
        return adah_fail(status, ADAH_ERROR_EXISTS, "%s: there are not %zu ids left above %llu", w->path, n,
                         (ull)first);
    for (size_t i = 0; i < n; i++) {
        const adah_index_item item = {.image_code = image_codes ? image_codes + i * n_code_bytes : NULL,
                                      .text_code = text_codes ? text_codes + i * n_code_bytes : NULL};
        ADAH_TRY(stage(w, &item, first + i, status));
    }
    if (first_id)
        *first_id = first;
    return ADAH_OK;
}

static adah_code stage_deletion(adah_index_writer *w, uint64_t row, adah_status *status) {
    if (!adah_memory_grow((void **)&w->deleted, &w->deleted_capacity, w->n_deleted, sizeof *w->deleted) ||
        !adah_number_set_add(&w->deleted_set, row))
        return adah_fail_memory(status, (w->n_deleted + 1) * sizeof *w->deleted);
    w->deleted[w->n_deleted++] = row;
    return ADAH_OK;
}

static adah_code fail_missing(const adah_index_writer *w, uint64_t id, adah_status *status) {
    const int is_there = is_staged(w, id);
    return adah_fail(status, is_there ? ADAH_ERROR_EXISTS : ADAH_ERROR_NOT_FOUND, "%s: %s with id %llu", w->path,
                     is_there ? "this batch has already a record" : "there is no record", (ull)id);
}

adah_code adah_index_writer_replace(adah_index_writer *w, const adah_index_item *item, adah_status *status) {
    ADAH_TRY(check_usable(w, status));
    uint64_t row;
    if (!find_row(w, item->id, &row) || is_staged(w, item->id))
        return fail_missing(w, item->id, status);
    ADAH_TRY(stage(w, item, item->id, status));
    const adah_code code = stage_deletion(w, row, status);
    w->batch_is_broken |= code != ADAH_OK; /* it has both records now */
    return code;
}

adah_code adah_index_writer_delete(adah_index_writer *w, uint64_t id, adah_status *status) {
    ADAH_TRY(check_usable(w, status));
    uint64_t row;
    if (!find_row(w, id, &row) || is_staged(w, id))
        return fail_missing(w, id, status);
    return stage_deletion(w, row, status);
}

adah_code adah_index_writer_note(adah_index_writer *w, const char *name, const void *bytes, size_t n_bytes, adah_status *status) {
    ADAH_TRY(check_usable(w, status));
    const size_t n = strlen(name);
    const adah_note note = {name, bytes, n_bytes};
    if (n < 1 || n > ADAH_NOTE_NAME_BYTES_MAX || n_bytes > ADAH_NOTE_BYTES_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a note of %zu bytes, its name of %zu; expected at most %d and 1 to %d", w->path,
                         n_bytes, n, ADAH_NOTE_BYTES_MAX, ADAH_NOTE_NAME_BYTES_MAX);
    w->batch_is_broken |= !adah_notes_add(&w->notes, &note);
    return w->batch_is_broken ? adah_fail_memory(status, n_bytes) : ADAH_OK;
}

static int is_empty(const adah_index_writer *w) { return !w->segment && !w->n_deleted && !w->notes.n_bytes; }

/* ---------------------------------------------------------------- committing */

static int by_number(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static adah_code check_name(const adah_index_writer *w, adah_status *status) {
    if (!bears_the_name(w->fd, w->path))
        return adah_fail(status, ADAH_ERROR_IO, "%s: was removed, or another file was put in its place", w->path);
    return ADAH_OK;
}

/* Writes the batch behind the last segment; *mark is what would acknowledge it. */
static adah_code write_batch(adah_index_writer *w, adah_index_mark *mark, adah_status *status) {
    const uint8_t *bytes;
    size_t n_bytes;
    if (w->batch_is_broken)
        return adah_fail(status, ADAH_ERROR_MEMORY, "%s: there was not enough memory for this batch", w->path);
    ADAH_TRY(check_name(w, status));
    ADAH_TRY(adah_index_check(w->state, status)); /* nothing goes behind a hole, or into another file */
    if (!w->segment)
        ADAH_TRY(adah_segment_writer_create(w->path, w->state->n_bits, w->state->n_fine, &w->labels, w->reader, NULL, &w->segment, status));
    if (w->n_deleted)
        qsort(w->deleted, w->n_deleted, sizeof *w->deleted, by_number);
    const adah_segment_place place = {
        .file_number = adah_index_file_number(w->state),
        .number = w->state->n_segments,
        .first_row = w->state->n_rows,
        .next_id = w->next_id,
        .previous = adah_index_last_checksum(w->state),
        .first_label = w->state->n_labels,
        .deleted = w->deleted,
        .n_deleted = w->n_deleted,
        .notes = w->notes.bytes,
        .n_note_bytes = w->notes.n_bytes,
    };
    ADAH_TRY(adah_segment_writer_finish(w->segment, &place, &bytes, &n_bytes, status));
    *mark = adah_index_make_mark(place.file_number, w->state->n_segments + 1, w->state->end + n_bytes,
                                 adah_segment_writer_header(w->segment)->checksum, w->n_openings);
    return adah_file_write_at(w->fd, w->path, bytes, n_bytes, w->state->end, status);
}

static adah_code fail_uncertain(adah_index_writer *w, adah_status *status) {
    const int reason = status ? status->system_error : 0;
    w->needs_reopening = 1;
    adah_fail(status, ADAH_ERROR_UNCERTAIN,
              "%s: cannot write to disk: %s; whether the change is in the index will show when it can be opened for writing again", w->path,
              strerror(reason));
    if (status)
        status->system_error = reason;
    return ADAH_ERROR_UNCERTAIN;
}

static int place_holds(const adah_index_writer *w, size_t place, const adah_index_mark *mark) {
    adah_index_mark there;
    return pread(w->fd, &there, sizeof there, ADAH_INDEX_MARK_AT + (off_t)place * ADAH_INDEX_MARK_STEP) == (ssize_t)sizeof there &&
           memcmp(&there, mark, sizeof there) == 0;
}

/* Writes the mark to disk. If that fails the place gets back what it held before, on disk too: then it was as if nothing had been
 * written. ADAH_ERROR_UNCERTAIN: that failed as well. */
static adah_code acknowledge(adah_index_writer *w, const adah_index_mark *mark, adah_status *status) {
    const size_t place = mark->n_segments % ADAH_INDEX_N_MARKS;
    adah_index_mark before[ADAH_INDEX_N_MARKS];
    ADAH_TRY(adah_index_marks(w->state, before, status));
    adah_index_lock_mark(w->fd, mark->n_segments, 1);
    adah_code code = put_mark(w, mark, place, status);
    const int is_there = code == ADAH_OK || !place_holds(w, place, &before[place]);
    if (code == ADAH_OK)
        code = sync_file(w, status);
    if (code != ADAH_OK && is_there && (put_mark(w, &before[place], place, NULL) != ADAH_OK || sync_file(w, NULL) != ADAH_OK))
        code = fail_uncertain(w, status);
    adah_index_lock_mark(w->fd, mark->n_segments, 0);
    return code;
}

/* Makes what was written durable and known. What comes after it is prepared before, so that nothing can fail then. */
static adah_code sync_batch(adah_index_writer *w, const adah_index_mark *mark, adah_status *status) {
    adah_index *next = NULL;
    ADAH_TRY(adah_index_look_ahead(w->state, mark, &next, status));
    adah_code code = sync_file(w, status);
    if (code == ADAH_OK)
        code = check_name(w, status);
    if (code == ADAH_OK)
        code = acknowledge(w, mark, status);
    if (code != ADAH_OK) {
        adah_index_look_back(w->state, next);
        return code;
    }
    adah_index_close(w->state);
    w->state = next;
    return ADAH_OK;
}

adah_code adah_index_writer_commit(adah_index_writer *w, adah_status *status) {
    adah_index_mark mark;
    ADAH_TRY(check_usable(w, status));
    if (is_empty(w) && !w->batch_is_broken)
        return ADAH_OK;
    adah_code code = write_batch(w, &mark, status);
    if (code == ADAH_OK)
        code = sync_batch(w, &mark, status);
    if (code != ADAH_OK && code != ADAH_ERROR_UNCERTAIN) /* else the disk may have a mark for it */
        cut_off_rest(w);
    drop_batch(w);
    return code;
}

/* ---------------------------------------------------------------- compaction */

adah_code adah_index_writer_compact(adah_index_writer *w, adah_progress progress, adah_status *status) {
    ADAH_TRY(check_usable(w, status));
    if (!is_empty(w))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: there are changes that are not committed", w->path);
    adah_index *x = w->state, *compacted = NULL;
    adah_index_builder *b = NULL;
    adah_notes notes = {0};
    int fd = -1;
    ADAH_TRY(check_name(w, status));
    ADAH_TRY(adah_index_builder_create(w->real_path, x->n_bits, adah_index_model_identity(x), adah_word_reader_language(w->reader), &b, status));
    const adah_index_copying how = {.stage = "compacting"};
    adah_code code = adah_index_copy_records(x, b, &how, progress, status);
    if (code == ADAH_OK)
        code = adah_notes_collect(x, &notes, status);
    adah_index_builder_set_notes(b, notes.bytes, notes.n_bytes);
    if (code == ADAH_OK)
        code = adah_index_builder_publish(b, x->next_id, &fd, status);
    else
        adah_index_builder_abort(b);
    adah_memory_free(notes.bytes);
    if (code != ADAH_OK) {
        w->needs_reopening = !bears_the_name(w->fd, w->path); /* the new file is there, but its name may not be on disk */
        return code;
    }
    flock(w->fd, LOCK_UN);
    close(w->fd);
    w->fd = fd;
    /* It is done. Where the outcome cannot be read, because memory is out, further calls are refused. */
    adah_label_set labels = {0};
    w->needs_reopening = adah_index_open(w->path, &compacted, NULL) != ADAH_OK || load_labels(w, compacted, &labels, NULL) != ADAH_OK;
    if (w->needs_reopening) {
        adah_label_set_free(&labels);
        adah_index_close(compacted);
        return ADAH_OK;
    }
    adah_label_set_free(&w->labels);
    adah_index_close(x);
    w->labels = labels;
    w->state = compacted;
    return ADAH_OK;
}
