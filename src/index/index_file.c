/* index_file.c - opens a collection file and follows what is appended to it.
 *
 * A collection is the file with all segments read so far; states (index_state.h) share it. The map of the file
 * reaches beyond its end, so that what is appended later appears in it; where that is not enough another map is made,
 * and the old one stays for the segments that point into it.
 *
 * Which segments count: those that the newest mark acknowledges, or the file is damaged. A mark that a writer has written
 * but not yet synced does not count; while it is like that the writer holds a lock that tells so. What lies behind the acknowledged
 * segments is a batch in the making, or what is left of one, and is not looked at. Only where the other mark is damaged, and so
 * may have been the newest, a segment that is whole with every checksum right counts, too.
 *
 * Another program may do with the file what it likes. The maps are guarded (base/guard.h), and what is read from them is
 * given out only when, afterwards, the file is still as long, and its header and the header of the last segment, which
 * between them identify all bytes before, are still the same (adah_index_check). What changes bytes behind the headers
 * changes the file's time; where no writer accounts for that, or where something else is in its place, the file is opened
 * anew, as another collection, with all checksums (open_again); this one is lost for good unless all is right. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/guard.h"
#include "base/memory.h"
#include "index/index_builder.h"
#include "index/index_state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

typedef unsigned long long ull; /* for %llu */

enum { MAP_AHEAD_BYTES = 64 << 20, PAGE_BYTES = 65536 /* the largest of any machine */ };

/* What tells that somebody has written to the file; and what tells that it was a writer. */
typedef struct stamp {
    ino_t inode; /* 0: never */
    struct timespec changed;
    uint64_t n_bytes, n_segments, n_marked, n_openings;
} stamp;

struct adah_collection {
    atomic_size_t n_references;
    char *path;
    int fd;
    dev_t device;
    ino_t inode;
    adah_index_header header;
    const uint8_t *front; /* the file's first bytes in the first map */
    atomic_int is_lost;   /* something else is in its place, or a part of it cannot be read any more */
    pthread_mutex_t lock; /* of all that follows */
    adah_file_map *maps;  /* the last one is the largest */
    size_t n_maps, map_capacity;
    adah_segment **segments;
    size_t n_segments, segment_capacity;
    uint64_t end, next_id, n_rows;
    size_t n_labels;
    stamp seen;                /* at the last look */
    int is_rewritten;          /* somebody else has written to it since it was opened */
    stamp refused;             /* when it was opened anew, in vain */
    adah_status why_refused;
};

/* ---------------------------------------------------------------- bitmaps */

static adah_bits *bits_create(uint64_t n) { /* all set */
    const size_t n_words = (size_t)((n + 63) / 64);
    adah_bits *b = adah_memory_alloc(sizeof *b + n_words * sizeof *b->word);
    if (!b)
        return NULL;
    atomic_init(&b->n_references, 1);
    b->n_words = n_words;
    memset(b->word, 0xff, n_words * sizeof *b->word);
    return b;
}

static adah_bits *bits_share(adah_bits *b) {
    if (b)
        atomic_fetch_add_explicit(&b->n_references, 1, memory_order_relaxed);
    return b;
}

static void bits_drop(adah_bits *b) {
    if (b && atomic_fetch_sub_explicit(&b->n_references, 1, memory_order_acq_rel) == 1)
        adah_memory_free(b);
}

/* Makes *b a bitmap of n bits that nobody else has. */
static int bits_own(adah_bits **b, uint64_t n) {
    if (*b && atomic_load_explicit(&(*b)->n_references, memory_order_acquire) == 1)
        return 1;
    adah_bits *own = bits_create(n);
    if (!own)
        return 0;
    if (*b)
        memcpy(own->word, (*b)->word, own->n_words * sizeof *own->word);
    bits_drop(*b);
    *b = own;
    return 1;
}

static void bit_clear(adah_bits *b, uint64_t i) { b->word[i / 64] &= ~((uint64_t)1 << i % 64); }

int adah_index_is_alive(const adah_segment_view *v, uint64_t record) {
    return !v->alive || adah_bit(v->alive->word, record);
}

/* ---------------------------------------------------------------- the file */

static void collection_drop(adah_collection *c) {
    if (!c || atomic_fetch_sub_explicit(&c->n_references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < c->n_segments; i++) {
        adah_segment_release(c->segments[i]);
        adah_memory_free(c->segments[i]);
    }
    adah_memory_free(c->segments);
    for (size_t i = 0; i < c->n_maps; i++) {
        adah_guard_remove(c->maps[i].bytes);
        adah_file_close_map(&c->maps[i]);
    }
    adah_memory_free(c->maps);
    if (c->fd >= 0)
        close(c->fd);
    pthread_mutex_destroy(&c->lock);
    adah_memory_free(c->path);
    adah_memory_free(c);
}

static adah_code file_stamp(const adah_collection *c, stamp *now, adah_status *status) {
    struct stat info;
    if (fstat(c->fd, &info) != 0)
        return adah_fail_system(status, c->path, "cannot read its size");
    *now = (stamp){.inode = info.st_ino, .changed = info.st_ctim, .n_bytes = (uint64_t)info.st_size};
    return ADAH_OK;
}

static int same_time(const stamp *a, const stamp *b) {
    return a->inode == b->inode && a->n_bytes == b->n_bytes && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Sees that the first n_bytes of the file are mapped. */
static adah_code map_file(adah_collection *c, uint64_t n_bytes, adah_status *status) {
    if (c->n_maps && c->maps[c->n_maps - 1].n_bytes >= n_bytes)
        return ADAH_OK;
    if (!adah_memory_grow((void **)&c->maps, &c->map_capacity, c->n_maps, sizeof *c->maps))
        return adah_fail_memory(status, (c->n_maps + 1) * sizeof *c->maps);
    if (n_bytes > SIZE_MAX / 4)
        return adah_fail(status, ADAH_ERROR_IO, "%s: %llu bytes are more than can be mapped", c->path, (ull)n_bytes);
    const size_t n_ahead = (size_t)(n_bytes / 4 > MAP_AHEAD_BYTES ? n_bytes / 4 : MAP_AHEAD_BYTES);
    const size_t n_mapped = ((size_t)n_bytes + n_ahead) / PAGE_BYTES * PAGE_BYTES;
    void *p = mmap(NULL, n_mapped, PROT_READ, MAP_SHARED, c->fd, 0);
    if (p == MAP_FAILED)
        return adah_fail_system(status, c->path, "cannot map it");
    if (!adah_guard_add(p, n_mapped, &c->is_lost)) {
        munmap(p, n_mapped);
        return adah_fail_memory(status, sizeof(adah_file_map));
    }
    c->maps[c->n_maps++] = (adah_file_map){p, n_mapped, NULL}; /* guarded above, and asked by adah_index_check */
    return ADAH_OK;
}

static adah_code read_header(adah_collection *c, uint64_t n_bytes, adah_status *status) {
    adah_index_header *h = &c->header;
    uint8_t bytes[sizeof *h] = {0};
    const size_t n_wanted = n_bytes < sizeof bytes ? (size_t)n_bytes : sizeof bytes;
    if (pread(c->fd, bytes, n_wanted, 0) != (ssize_t)n_wanted)
        return adah_fail_system(status, c->path, "cannot read its header");
    if (n_bytes < sizeof h->magic || memcmp(bytes, adah_index_magic, sizeof h->magic) != 0) {
        const char *foreign = adah_foreign_file(bytes, n_wanted);
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not an adah index%s%s", c->path, foreign ? ": " : "", foreign ? foreign : "");
    }
    memcpy(h, bytes, sizeof *h);
    if (n_bytes < ADAH_INDEX_FRONT_BYTES && (n_bytes < sizeof *h || h->version == ADAH_INDEX_VERSION))
        return adah_index_fail_damaged(c->path, status, "it ends after %llu bytes, inside the header", (ull)n_bytes);
    if (h->version && !(h->version & 0xffffff) && h->version >> 24 <= ADAH_INDEX_VERSION)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: an index of a machine with another byte order", c->path);
    if (h->version > ADAH_INDEX_VERSION)
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: an index of a newer version: %u, this library reads version %d", c->path, h->version,
                         ADAH_INDEX_VERSION);
    if (h->version == 1)
        return adah_fail(
            status, ADAH_ERROR_FORMAT,
            "%s: an index of version 1, this library reads version %d: make it anew with \"adah index create\"",
            c->path, ADAH_INDEX_VERSION);
    memset(bytes + offsetof(adah_index_header, checksum), 0, sizeof h->checksum);
    if (XXH3_64bits(bytes, sizeof bytes) != h->checksum)
        return adah_index_fail_damaged(c->path, status, "the checksum of its header is wrong");
    if (h->version == 0 || h->n_bits < ADAH_BITS_MIN || h->n_bits > ADAH_BITS_MAX || h->n_bits % 8)
        return adah_index_fail_damaged(c->path, status, "impossible header: version %u, %u bits", h->version,
                                       h->n_bits);
    return ADAH_OK;
}

static int mark_is_whole(const adah_collection *c, const adah_index_mark *mark) {
    return memcmp(mark->magic, adah_index_mark_magic, sizeof mark->magic) == 0 &&
           mark->file_number == c->header.file_number &&
           XXH3_64bits(mark, offsetof(adah_index_mark, checksum)) == mark->checksum;
}

static int is_zero(const adah_index_mark *mark) {
    static const adah_index_mark zero;
    return memcmp(mark, &zero, sizeof zero) == 0;
}

/* The number of segments in the mark that a writer has not synced yet; 0: there is none. */
static uint64_t unsynced_mark(const adah_collection *c) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ADAH_INDEX_LOCK_AT};
    if (fcntl(c->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_start < ADAH_INDEX_LOCK_AT)
        return 0;
    return (uint64_t)(lock.l_start - ADAH_INDEX_LOCK_AT);
}

/* Places that cannot be read are zero. */
static void read_places(const adah_collection *c, adah_index_mark mark[ADAH_INDEX_N_MARKS]) {
    memset(mark, 0, ADAH_INDEX_N_MARKS * sizeof *mark);
    for (int i = 0; i < ADAH_INDEX_N_MARKS; i++)
        if (pread(c->fd, &mark[i], sizeof *mark, ADAH_INDEX_MARK_AT + i * ADAH_INDEX_MARK_STEP) != (ssize_t)sizeof *mark)
            memset(&mark[i], 0, sizeof *mark);
}

/* Both marks as they are on disk, whatever a writer does meanwhile: the place that it has not synced is zero. */
static adah_code read_marks(const adah_collection *c, adah_index_mark mark[ADAH_INDEX_N_MARKS], adah_status *status) {
    enum { ATTEMPTS = 10000 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        adah_index_mark again[ADAH_INDEX_N_MARKS];
        const uint64_t unsynced = unsynced_mark(c);
        read_places(c, mark);
        if (unsynced_mark(c) != unsynced)
            continue;
        if (unsynced) {
            memset(&mark[unsynced % ADAH_INDEX_N_MARKS], 0, sizeof *mark);
            return ADAH_OK;
        }
        read_places(c, again);
        if (memcmp(mark, again, sizeof again) == 0)
            return ADAH_OK;
    }
    return adah_fail(status, ADAH_ERROR_IO, "%s: its marks are written again and again while it is opened", c->path);
}

/* The newest of the marks that are whole. *other_is_damaged: that one may have been newer. */
static adah_code newest_mark(const adah_collection *c, adah_index_mark *newest, int *other_is_damaged, adah_status *status) {
    adah_index_mark mark[ADAH_INDEX_N_MARKS];
    ADAH_TRY(read_marks(c, mark, status));
    *newest = (adah_index_mark){.magic = {0}};
    *other_is_damaged = 0;
    for (int i = 0; i < ADAH_INDEX_N_MARKS; i++) {
        if (!mark_is_whole(c, &mark[i]))
            *other_is_damaged |= !is_zero(&mark[i]);
        else if (!newest->magic[0] || mark[i].n_segments > newest->n_segments)
            *newest = mark[i];
    }
    return newest->magic[0] ? ADAH_OK
                            : adah_index_fail_damaged(c->path, status, "no mark tells how far it was written");
}

static adah_code push_segment(adah_collection *c, const adah_segment *s, adah_status *status) {
    adah_segment *copy = adah_memory_alloc(sizeof *copy);
    if (!copy || !adah_memory_grow((void **)&c->segments, &c->segment_capacity, c->n_segments, sizeof *c->segments)) {
        adah_memory_free(copy);
        return adah_fail_memory(status, sizeof *copy + (c->n_segments + 1) * sizeof *c->segments);
    }
    *copy = *s;
    c->segments[c->n_segments++] = copy;
    c->end += s->header.n_bytes;
    c->n_rows += s->header.n_records;
    c->next_id = s->header.next_id;
    c->n_labels += s->n_new_labels;
    return ADAH_OK;
}

/* What the next segment must say of itself. */
static adah_segment_expected expect_next(const adah_collection *c) {
    return (adah_segment_expected){.path = c->path,
                                   .file_number = c->header.file_number,
                                   .number = c->n_segments,
                                   .first_row = c->n_rows,
                                   .next_id = c->next_id,
                                   .previous = c->n_segments ? c->segments[c->n_segments - 1]->header.checksum : 0,
                                   .n_bits = c->header.n_bits,
                                   .first_label = c->n_labels};
}

static adah_code fail_changed(const adah_collection *c, adah_status *status, const char *how) {
    return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: the index was changed by another program: %s", c->path, how);
}

/* Is the file still the one whose segments, the last of them `last`, that end at byte `end`, were read? */
static adah_code check_file(adah_collection *c, const adah_segment *last, uint64_t end, adah_status *status) {
    stamp now = {0};
    atomic_thread_fence(memory_order_acquire); /* what was read before was read before this is */
    if (atomic_load(&c->is_lost))
        return fail_changed(c, status, "it was overwritten or cut off, or a part of it cannot be read");
    ADAH_TRY(file_stamp(c, &now, status));
    const int is_same = now.n_bytes >= end && memcmp(c->front, &c->header, sizeof c->header) == 0 &&
                        (!last || memcmp(last->bytes, &last->header, sizeof last->header) == 0);
    if (!is_same)
        atomic_store(&c->is_lost, 1);
    if (now.n_bytes < end)
        return adah_fail(status, ADAH_ERROR_CORRUPT,
                         "%s: the index was changed by another program: it had %llu bytes and has %llu now", c->path,
                         (ull)end, (ull)now.n_bytes);
    return atomic_load(&c->is_lost) ? fail_changed(c, status, "its headers are not those that were there") : ADAH_OK;
}

/* The checksums of all segments, from the file. */
static adah_code check_sums(const adah_collection *c, adah_status *status) {
    uint64_t at = ADAH_INDEX_FRONT_BYTES;
    for (size_t i = 0; i < c->n_segments; i++) {
        ADAH_TRY(adah_segment_check_sums(c->segments[i], c->fd, at, status));
        at += c->segments[i]->header.n_bytes;
    }
    return ADAH_OK;
}

/* Has somebody written to the file since the last look, although no writer has opened it or written a mark, and no unfinished batch has
 * come or gone? */
static void find_unexplained(adah_collection *c, stamp now) {
    const stamp *seen = &c->seen;
    if (seen->inode && !same_time(seen, &now) && seen->n_bytes == now.n_bytes && seen->n_segments == now.n_segments &&
        seen->n_marked == now.n_marked && seen->n_openings == now.n_openings)
        c->is_rewritten = 1;
    c->seen = now;
}

/* Reads the next segment, which ends at `end` at the latest. */
static adah_code read_segment(adah_collection *c, uint64_t end, adah_status *status) {
    const adah_segment_expected expected = expect_next(c);
    adah_segment s = {.path = NULL};
    ADAH_TRY(map_file(c, end, status));
    adah_code code =
        adah_segment_read(&expected, c->maps[c->n_maps - 1].bytes + c->end, (size_t)(end - c->end), &s, status);
    if (code == ADAH_OK)
        code = push_segment(c, &s, status);
    if (code != ADAH_OK)
        adah_segment_release(&s);
    return code;
}

/* Reads the segments beyond those known that a mark acknowledges. Called with the lock held. */
static adah_code read_acknowledged(adah_collection *c, const adah_index_mark *mark, adah_status *status) {
    stamp now = {0};
    ADAH_TRY(file_stamp(c, &now, status));
    if (now.n_bytes < mark->end)
        return adah_index_fail_damaged(c->path, status, "%llu bytes, expected at least %llu", (ull)now.n_bytes,
                                       (ull)mark->end);
    while (c->n_segments < mark->n_segments && c->end < mark->end)
        ADAH_TRY(read_segment(c, mark->end, status));
    if (c->n_segments < mark->n_segments || (c->n_segments == mark->n_segments && c->end != mark->end))
        return adah_index_fail_damaged(c->path, status, "%zu segments end at byte %llu; %llu should, at byte %llu",
                                       c->n_segments, (ull)c->end, (ull)mark->n_segments, (ull)mark->end);
    if (c->n_segments == mark->n_segments && mark->last && mark->last != expect_next(c).previous)
        return adah_index_fail_damaged(c->path, status, "segment %llu is not the one that was acknowledged",
                                       (ull)mark->n_segments - 1);
    return ADAH_OK;
}

/* Reads a segment that lies behind the acknowledged ones if it is whole. */
static adah_code read_unmarked(adah_collection *c, adah_status *status) {
    const adah_segment_expected expected = expect_next(c);
    stamp now = {0};
    int is_whole = 0;
    ADAH_TRY(file_stamp(c, &now, status));
    if (now.n_bytes > c->end)
        ADAH_TRY(adah_segment_find_whole(&expected, c->fd, c->end, now.n_bytes - c->end, &is_whole, status));
    if (!is_whole)
        return ADAH_OK;
    const adah_code code = read_segment(c, now.n_bytes, status);
    return adah_is_bad_content(code) ? ADAH_OK : code;
}

/* Reads what is there beyond the segments known. Called with the lock held. */
static adah_code read_more(adah_collection *c, adah_status *status) {
    adah_index_mark mark;
    stamp now = {0};
    int other_is_damaged = 0;
    ADAH_TRY(newest_mark(c, &mark, &other_is_damaged, status));
    ADAH_TRY(file_stamp(c, &now, status));
    ADAH_TRY(read_acknowledged(c, &mark, status));
    if (other_is_damaged && c->n_segments == mark.n_segments)
        ADAH_TRY(read_unmarked(c, status));
    now.n_segments = c->n_segments;
    now.n_marked = mark.n_segments;
    now.n_openings = mark.n_openings;
    find_unexplained(c, now);
    return ADAH_OK;
}

static adah_code open_file(adah_collection *c, adah_status *status) {
    struct stat info;
    c->fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (c->fd < 0)
        return adah_fail_system(status, c->path, "cannot open");
    if (fstat(c->fd, &info) != 0)
        return adah_fail_system(status, c->path, "cannot read its size");
    if (!S_ISREG(info.st_mode))
        return adah_fail(status, ADAH_ERROR_IO, "%s: not a regular file", c->path);
    c->device = info.st_dev;
    c->inode = info.st_ino;
    ADAH_TRY(read_header(c, (uint64_t)info.st_size, status));
    c->end = ADAH_INDEX_FRONT_BYTES;
    ADAH_TRY(map_file(c, (uint64_t)info.st_size, status));
    c->front = c->maps[0].bytes;
    return read_more(c, status);
}

static adah_code collection_open(const char *path, adah_collection **collection, adah_status *status) {
    adah_collection *c = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return adah_fail_memory(status, sizeof *c);
    atomic_init(&c->n_references, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->fd = -1;
    c->path = adah_memory_text(path);
    const adah_code code = c->path ? open_file(c, status) : adah_fail_memory(status, strlen(path) + 1);
    if (code != ADAH_OK) {
        collection_drop(c);
        return code;
    }
    *collection = c;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- states */

void adah_index_close(adah_index *x) {
    if (!x || atomic_fetch_sub_explicit(&x->n_references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < x->n_segments; i++) {
        bits_drop(x->view[i].alive);
        bits_drop(x->view[i].keep[0]);
        bits_drop(x->view[i].keep[1]);
    }
    adah_memory_free(x->view);
    collection_drop(x->collection);
    adah_memory_free(x);
}

size_t adah_index_segment_of(const adah_index *x, uint64_t row) {
    size_t low = 0, high = x->n_segments;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (x->view[middle].segment->header.first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Takes a row out of a state that nobody else has yet. */
static adah_code delete_row(adah_index *x, uint64_t row, adah_status *status) {
    adah_segment_view *v = &x->view[adah_index_segment_of(x, row)];
    const adah_segment *s = v->segment;
    const uint64_t record = row - s->header.first_row;
    if (row >= x->n_rows || record >= s->header.n_records || !adah_index_is_alive(v, record))
        return adah_index_fail_damaged(x->path, status, "row %llu of %llu is deleted, or deleted twice", (ull)row,
                                       (ull)x->n_rows);
    if (!bits_own(&v->alive, s->header.n_records))
        return adah_fail_memory(status, (size_t)s->header.n_records / 8);
    bit_clear(v->alive, record);
    v->n_alive--;
    x->n_alive--;
    for (int m = 0; m < 2; m++) {
        const adah_code_set *set = &s->sets[m];
        const size_t at = adah_segment_position(s, (adah_modality)m, record);
        if (at >= set->n || (set->records && set->records[at] != record))
            continue;
        if (!bits_own(&v->keep[m], set->n))
            return adah_fail_memory(status, set->n / 8);
        bit_clear(v->keep[m], at);
    }
    return ADAH_OK;
}

static adah_code take_segment(adah_index *x, const adah_segment *s, adah_status *status) {
    const adah_index_segment_header *h = &s->header;
    for (size_t i = 0; i < s->n_deleted; i++)
        ADAH_TRY(delete_row(x, s->deleted[i], status));
    if (h->n_records && h->first_id < x->next_id)
        x->ids_ascend = 0;
    x->view[x->n_segments++] = (adah_segment_view){.segment = s, .n_alive = h->n_records};
    x->n_rows += h->n_records;
    x->n_alive += h->n_records;
    x->n_labels += s->n_new_labels;
    x->next_id = h->next_id;
    x->end += h->n_bytes;
    return ADAH_OK;
}

/* The state with all segments of the collection; `old`: an earlier one of it, or NULL. Called with the lock held. */
static adah_code make_state(adah_collection *c, const adah_index *old, adah_index **state, adah_status *status) {
    adah_index *x = adah_memory_zeroed(1, sizeof *x);
    adah_segment_view *view = adah_memory_resize(NULL, c->n_segments, sizeof *view);
    if (!x || !view) {
        adah_memory_free(x);
        adah_memory_free(view);
        return adah_fail_memory(status, sizeof *x + c->n_segments * sizeof *view);
    }
    if (old) {
        x->n_rows = old->n_rows;
        x->n_alive = old->n_alive;
        x->next_id = old->next_id;
        x->end = old->end;
        x->n_labels = old->n_labels;
        x->ids_ascend = old->ids_ascend;
        x->n_segments = old->n_segments;
        for (size_t i = 0; i < old->n_segments; i++) {
            view[i] = old->view[i];
            bits_share(view[i].alive);
            bits_share(view[i].keep[0]);
            bits_share(view[i].keep[1]);
        }
    } else {
        x->end = ADAH_INDEX_FRONT_BYTES;
        x->ids_ascend = 1;
    }
    atomic_init(&x->n_references, 1);
    atomic_fetch_add_explicit(&c->n_references, 1, memory_order_relaxed);
    x->collection = c;
    x->path = c->path;
    x->n_bits = c->header.n_bits;
    x->view = view;
    for (size_t i = x->n_segments; i < c->n_segments; i++) {
        const adah_code code = take_segment(x, c->segments[i], status);
        if (code != ADAH_OK) {
            adah_index_close(x);
            return code;
        }
    }
    *state = x;
    return ADAH_OK;
}

/* with_sums: all checksums are looked at. */
static adah_code open_index(const char *path, int with_sums, adah_index **index, adah_status *status) {
    adah_collection *c = NULL;
    adah_index *x = NULL;
    ADAH_TRY(collection_open(path, &c, status));
    adah_code code = with_sums ? check_sums(c, status) : ADAH_OK;
    if (code == ADAH_OK)
        code = make_state(c, NULL, &x, status);
    if (code == ADAH_OK)
        code = adah_index_check(x, status);
    collection_drop(c); /* the state holds it now */
    if (code == ADAH_OK)
        *index = x;
    else
        adah_index_close(x);
    return code;
}

adah_code adah_index_open(const char *path, adah_index **index, adah_status *status) {
    return open_index(path, 0, index, status);
}

adah_code adah_index_read_more(adah_index *x, adah_index **latest, adah_status *status) {
    adah_collection *c = x->collection;
    adah_index *later = NULL;
    pthread_mutex_lock(&c->lock);
    adah_code code = check_file(c, c->n_segments ? c->segments[c->n_segments - 1] : NULL, c->end, status);
    if (code == ADAH_OK)
        code = read_more(c, status);
    if (code == ADAH_OK && c->n_segments > x->n_segments)
        code = make_state(c, x, &later, status);
    pthread_mutex_unlock(&c->lock);
    if (code == ADAH_OK)
        code = adah_index_check(later ? later : x, status);
    if (code != ADAH_OK) {
        adah_index_close(later);
        return code;
    }
    *latest = later ? later : adah_index_share(x);
    return ADAH_OK;
}

/* Opens a file anew that was written to by others, unless that was in vain before and it has not changed since. */
static adah_code open_again(adah_collection *c, adah_index **latest, adah_status *status) {
    stamp now = {0};
    adah_status why;
    ADAH_TRY(file_stamp(c, &now, status));
    pthread_mutex_lock(&c->lock);
    const int is_refused = same_time(&now, &c->refused);
    if (is_refused)
        why = c->why_refused;
    pthread_mutex_unlock(&c->lock);
    if (is_refused)
        return adah_fail(status, why.code, "%s", why.message);
    const adah_code code = open_index(c->path, 1, latest, &why);
    if (code == ADAH_OK)
        return ADAH_OK;
    pthread_mutex_lock(&c->lock);
    if (adah_is_bad_content(code)) {
        atomic_store(&c->is_lost, 1);
        c->refused = now;
        c->why_refused = why;
    }
    pthread_mutex_unlock(&c->lock);
    return adah_fail(status, code, "%s", why.message);
}

/* Called with the lock held. */
static void forget_after(adah_collection *c, const adah_index *x) {
    while (c->n_segments > x->n_segments) {
        adah_segment *s = c->segments[--c->n_segments];
        adah_segment_release(s);
        adah_memory_free(s);
    }
    c->end = x->end;
    c->next_id = x->next_id;
    c->n_rows = x->n_rows;
    c->n_labels = x->n_labels;
}

adah_code adah_index_look_ahead(adah_index *x, const adah_index_mark *mark, adah_index **next, adah_status *status) {
    adah_collection *c = x->collection;
    pthread_mutex_lock(&c->lock);
    adah_code code = read_acknowledged(c, mark, status);
    if (code == ADAH_OK)
        code = make_state(c, x, next, status);
    if (code != ADAH_OK)
        forget_after(c, x);
    pthread_mutex_unlock(&c->lock);
    return code;
}

void adah_index_look_back(adah_index *x, adah_index *next) {
    adah_index_close(next);
    pthread_mutex_lock(&x->collection->lock);
    forget_after(x->collection, x);
    pthread_mutex_unlock(&x->collection->lock);
}

adah_index *adah_index_share(adah_index *x) {
    atomic_fetch_add_explicit(&x->n_references, 1, memory_order_relaxed);
    return x;
}

adah_code adah_index_latest(adah_index *x, adah_index **latest, adah_status *status) {
    adah_collection *c = x->collection;
    struct stat info;
    if (stat(c->path, &info) != 0)
        return adah_fail_system(status, c->path, "cannot open");
    if (info.st_dev != c->device || info.st_ino != c->inode)
        return adah_index_open(c->path, latest, status);
    adah_index *more = NULL;
    adah_code code = adah_index_read_more(x, &more, status);
    pthread_mutex_lock(&c->lock);
    const int is_rewritten = c->is_rewritten;
    pthread_mutex_unlock(&c->lock);
    if (adah_is_bad_content(code) || (code == ADAH_OK && is_rewritten)) {
        adah_index_close(more);
        return open_again(c, latest, status);
    }
    if (code == ADAH_OK)
        *latest = more;
    return code;
}

adah_code adah_index_check(const adah_index *x, adah_status *status) {
    return check_file(x->collection, x->n_segments ? x->view[x->n_segments - 1].segment : NULL, x->end, status);
}

uint64_t adah_index_unfinished_bytes(const adah_index *x) {
    stamp now = {0};
    return file_stamp(x->collection, &now, NULL) == ADAH_OK && now.n_bytes > x->end ? now.n_bytes - x->end : 0;
}

adah_code adah_index_marks(const adah_index *x, adah_index_mark mark[ADAH_INDEX_N_MARKS], adah_status *status) {
    const size_t own = x->n_segments % ADAH_INDEX_N_MARKS;
    ADAH_TRY(read_marks(x->collection, mark, status));
    for (size_t i = 0; i < ADAH_INDEX_N_MARKS; i++)
        if (!mark_is_whole(x->collection, &mark[i]))
            memset(&mark[i], 0, sizeof *mark);
    if (mark[own].n_segments != x->n_segments) /* it was damaged */
        mark[own] = adah_index_make_mark(x->collection->header.file_number, x->n_segments, x->end, adah_index_last_checksum(x), 0);
    return ADAH_OK;
}

uint64_t adah_index_last_checksum(const adah_index *x) {
    return x->n_segments ? x->view[x->n_segments - 1].segment->header.checksum : 0;
}

uint64_t adah_index_file_number(const adah_index *x) { return x->collection->header.file_number; }
uint64_t adah_index_count(const adah_index *x) { return x->n_alive; }
uint64_t adah_index_rows(const adah_index *x) { return x->n_rows; }
size_t adah_index_bits(const adah_index *x) { return x->n_bits; }
const uint8_t *adah_index_model_identity(const adah_index *x) { return x->collection->header.model_identity; }
size_t adah_index_label_count(const adah_index *x) { return x->n_labels; }

const char *adah_index_label_name(const adah_index *x, uint32_t label) {
    if (label >= x->n_labels)
        return NULL;
    size_t low = 0, high = x->n_segments; /* the last segment whose first label is not above it */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (x->view[middle].segment->header.first_label <= label)
            low = middle;
        else
            high = middle;
    }
    const adah_segment *s = x->view[low].segment;
    return label - s->header.first_label < s->n_new_labels ? adah_segment_label(s, label - s->header.first_label)
                                                           : NULL;
}

adah_code adah_index_record(const adah_index *x, uint64_t row, adah_index_entry *entry, adah_status *status) {
    if (row >= x->n_rows)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: row %llu of %llu", x->path, (ull)row, (ull)x->n_rows);
    adah_record_room room = {NULL, 0, NULL};
    adah_index_entry e;
    adah_code code = adah_index_next_record(x, row, &room, &e, status);
    code = adah_index_checked(x, code, status);
    if (code != ADAH_OK) {
        adah_memory_free(room.own);
        return code;
    }
    *entry = e;
    entry->memory = room.own;
    return ADAH_OK;
}

void adah_index_entry_free(adah_index_entry *entry) {
    adah_memory_free(entry->memory);
    *entry = (adah_index_entry){0};
}

adah_code adah_index_next_record(const adah_index *x, uint64_t row, adah_record_room *room, adah_index_entry *entry,
                                 adah_status *status) {
    const adah_segment_view *v = &x->view[adah_index_segment_of(x, row)];
    const uint64_t record = row - v->segment->header.first_row;
    if (!adah_index_is_alive(v, record))
        return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: the record in row %llu is deleted", x->path, (ull)row);
    return adah_segment_record(v->segment, record, x->n_labels, room, entry, status);
}

int adah_index_find(const adah_index *x, uint64_t id, uint64_t *row) {
    uint64_t record;
    size_t first = 0, end = x->n_segments;
    if (x->ids_ascend && end) { /* the last segment that does not begin above the id is the only one to look into */
        while (end - first > 1) {
            const size_t middle = first + (end - first) / 2;
            if (x->view[middle].segment->header.first_id <= id)
                first = middle;
            else
                end = middle;
        }
    }
    for (size_t i = end; i-- > first;) {
        const adah_segment_view *v = &x->view[i];
        if (v->n_alive && adah_segment_find(v->segment, id, &record) && adah_index_is_alive(v, record)) {
            *row = v->segment->header.first_row + record;
            return 1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- telling and checking */

adah_code adah_index_stats(const adah_index *x, char **json, adah_status *status) {
    uint64_t n_codes[2] = {0, 0}, n_in_tables[2] = {0, 0}, n_code_bytes = 0, n_table_bytes = 0, n_payload_bytes = 0;
    char model[33];
    for (size_t i = 0; i < x->n_segments; i++) {
        const adah_segment *s = x->view[i].segment;
        for (uint32_t t = 1; t < ADAH_SECTION_TYPES_END; t++) {
            const uint64_t n = s->section[t] ? s->section[t]->n_bytes : 0;
            if (t == ADAH_SECTION_IMAGE_CODES || t == ADAH_SECTION_TEXT_CODES)
                n_code_bytes += n;
            else if (t == ADAH_SECTION_IMAGE_TABLES || t == ADAH_SECTION_TEXT_TABLES)
                n_table_bytes += n;
            else
                n_payload_bytes += n;
        }
        for (int m = 0; m < 2; m++) {
            n_codes[m] += s->sets[m].n;
            n_in_tables[m] += s->sets[m].tables ? s->sets[m].n : 0;
        }
    }
    for (int i = 0; i < 16; i++)
        snprintf(model + 2 * i, 3, "%02x", x->collection->header.model_identity[i]);
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "n_records",
                  (json_int_t)x->n_alive, "n_deleted", (json_int_t)(x->n_rows - x->n_alive), "n_bits",
                  (json_int_t)x->n_bits, "n_segments", (json_int_t)x->n_segments, "model", model, "n_labels",
                  (json_int_t)x->n_labels, "next_id", (json_int_t)x->next_id, "n_image_codes", (json_int_t)n_codes[0],
                  "n_text_codes", (json_int_t)n_codes[1], "n_image_codes_in_tables", (json_int_t)n_in_tables[0],
                  "n_text_codes_in_tables", (json_int_t)n_in_tables[1], "file_bytes", (json_int_t)x->end,
                  "code_bytes", (json_int_t)n_code_bytes, "table_bytes", (json_int_t)n_table_bytes, "payload_bytes",
                  (json_int_t)n_payload_bytes, "unfinished_bytes", (json_int_t)adah_index_unfinished_bytes(x));
    char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    char *copy = text ? adah_memory_text(text) : NULL;
    free(text);
    if (!copy)
        return adah_fail_memory(status, 1024);
    const adah_code code = adah_index_check(x, status);
    if (code == ADAH_OK)
        *json = copy;
    else
        adah_memory_free(copy);
    return code;
}

/* Header, marks and the zeros round them. */
static adah_code verify_front(const adah_collection *c, adah_status *status) {
    static const uint8_t zeros[ADAH_INDEX_FRONT_BYTES];
    uint8_t front[ADAH_INDEX_FRONT_BYTES];
    if (pread(c->fd, front, sizeof front, 0) != (ssize_t)sizeof front)
        return adah_index_fail_damaged(c->path, status, "its first %zu bytes cannot be read", sizeof front);
    if (c->header.zero[0] || c->header.zero[1])
        return adah_index_fail_damaged(c->path, status, "its header has numbers this version does not know");
    for (int i = 0; i < ADAH_INDEX_N_MARKS; i++) {
        uint8_t *at = front + ADAH_INDEX_MARK_AT + i * ADAH_INDEX_MARK_STEP;
        adah_index_mark mark;
        memcpy(&mark, at, sizeof mark);
        if (!is_zero(&mark) && (!mark_is_whole(c, &mark) || mark.zero))
            return adah_index_fail_damaged(c->path, status, "mark %d is not whole", i);
        memset(at, 0, sizeof mark);
    }
    if (memcmp(front + sizeof c->header, zeros, sizeof front - sizeof c->header) != 0)
        return adah_index_fail_damaged(
            c->path, status, "a byte of the first %zu, outside header and marks, is not zero", sizeof front);
    return ADAH_OK;
}

/* Every record that is not deleted is found by its id. */
static adah_code verify_ids(const adah_index *x, adah_status *status) {
    adah_record_room room = {NULL, 0, NULL};
    adah_code code = ADAH_OK;
    for (uint64_t row = 0, other = 0; row < x->n_rows && code == ADAH_OK && !x->ids_ascend; row++) {
        adah_index_entry e;
        if (adah_index_next_record(x, row, &room, &e, NULL) == ADAH_OK &&
            (!adah_index_find(x, e.id, &other) || other != row))
            code = adah_index_fail_damaged(x->path, status, "rows %llu and %llu have the same id %llu", (ull)row,
                                           (ull)other, (ull)e.id);
    }
    adah_memory_free(room.own);
    return code;
}

adah_code adah_index_verify(const char *path, adah_status *status) {
    adah_index *x = NULL;
    ADAH_TRY(adah_index_open(path, &x, status));
    adah_code code = verify_front(x->collection, status);
    size_t n_labels = 0;
    uint64_t at = ADAH_INDEX_FRONT_BYTES;
    for (size_t i = 0; i < x->n_segments && code == ADAH_OK; i++) {
        const adah_segment *s = x->view[i].segment;
        n_labels += s->n_new_labels; /* a record knows the labels up to its own segment's */
        code = adah_segment_verify(s, x->collection->fd, at, n_labels, status);
        at += s->header.n_bytes;
    }
    if (code == ADAH_OK)
        code = verify_ids(x, status);
    code = adah_index_checked(x, code, status);
    adah_index_close(x);
    return code;
}
