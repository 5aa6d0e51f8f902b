/* index_file.c - opens a collection file, and reads and checks what is appended to it.
 *
 * The map of the file reaches beyond its end, so that what is appended later appears in it; where that is not enough another map is
 * made, and the old one remains for the segments that point into it.
 *
 * Which segments count: those that the newest mark acknowledges (index_marks.c), or the file is damaged. What lies behind the
 * acknowledged segments is a batch in the making, or what is left of one, and is not looked at. Only where the other mark is
 * damaged, and so may have been the newest, a segment that is whole with every checksum right counts, too.
 *
 * Another program may do with the file what it likes. The maps are guarded (base/guard.h), and what is read from them is
 * given out only when, afterwards, the file is still as long, and its header and the header of the last segment, which
 * between them identify all bytes before, are still the same (adah_collection_check). */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "index/index_file.h"
#include "base/foreign_file.h"
#include "base/guard.h"
#include "base/memory.h"
#include "index/index_marks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

typedef unsigned long long ull; /* for %llu */

enum { MAP_AHEAD_BYTES = 64 << 20, PAGE_BYTES = 65536 /* the largest of any machine */ };

void adah_collection_drop(adah_collection *c) {
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

adah_code adah_collection_stamp(const adah_collection *c, adah_file_stamp *now, adah_status *status) {
    struct stat info;
    if (fstat(c->fd, &info) != 0)
        return adah_fail_system(status, c->path, "cannot read its size");
    *now = (adah_file_stamp){.inode = info.st_ino, .changed = info.st_ctim, .n_bytes = (uint64_t)info.st_size};
    return ADAH_OK;
}

int adah_stamp_same(const adah_file_stamp *a, const adah_file_stamp *b) {
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

adah_code adah_collection_check(adah_collection *c, const adah_segment *last, uint64_t end, adah_status *status) {
    adah_file_stamp now = {0};
    atomic_thread_fence(memory_order_acquire); /* what was read before was read before this is */
    if (atomic_load(&c->is_lost))
        return fail_changed(c, status, "it was overwritten or cut off, or a part of it cannot be read");
    ADAH_TRY(adah_collection_stamp(c, &now, status));
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

adah_code adah_collection_check_sums(const adah_collection *c, adah_status *status) {
    uint64_t at = ADAH_INDEX_FRONT_BYTES;
    for (size_t i = 0; i < c->n_segments; i++) {
        ADAH_TRY(adah_segment_check_sums(c->segments[i], c->fd, at, status));
        at += c->segments[i]->header.n_bytes;
    }
    return ADAH_OK;
}

/* Has somebody written to the file since the last look, although no writer has opened it or written a mark, and no unfinished batch has
 * come or gone? */
static void find_unexplained(adah_collection *c, adah_file_stamp now) {
    const adah_file_stamp *seen = &c->seen;
    if (seen->inode && !adah_stamp_same(seen, &now) && seen->n_bytes == now.n_bytes && seen->n_segments == now.n_segments &&
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

adah_code adah_collection_read_acknowledged(adah_collection *c, const adah_index_mark *mark, adah_status *status) {
    adah_file_stamp now = {0};
    ADAH_TRY(adah_collection_stamp(c, &now, status));
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
    adah_file_stamp now = {0};
    int is_whole = 0;
    ADAH_TRY(adah_collection_stamp(c, &now, status));
    if (now.n_bytes > c->end)
        ADAH_TRY(adah_segment_find_whole(&expected, c->fd, c->end, now.n_bytes - c->end, &is_whole, status));
    if (!is_whole)
        return ADAH_OK;
    const adah_code code = read_segment(c, now.n_bytes, status);
    return adah_is_bad_content(code) ? ADAH_OK : code;
}

adah_code adah_collection_read_more(adah_collection *c, adah_status *status) {
    adah_index_mark mark;
    adah_file_stamp now = {0};
    int other_is_damaged = 0;
    ADAH_TRY(adah_index_newest_mark(c->fd, c->path, c->header.file_number, &mark, &other_is_damaged, status));
    ADAH_TRY(adah_collection_stamp(c, &now, status));
    ADAH_TRY(adah_collection_read_acknowledged(c, &mark, status));
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
    return adah_collection_read_more(c, status);
}

adah_code adah_collection_open(const char *path, adah_collection **collection, adah_status *status) {
    adah_collection *c = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return adah_fail_memory(status, sizeof *c);
    atomic_init(&c->n_references, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->fd = -1;
    c->path = adah_memory_text(path);
    const adah_code code = c->path ? open_file(c, status) : adah_fail_memory(status, strlen(path) + 1);
    if (code != ADAH_OK) {
        adah_collection_drop(c);
        return code;
    }
    *collection = c;
    return ADAH_OK;
}

adah_code adah_collection_verify_front(const adah_collection *c, adah_status *status) {
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
        if (!adah_index_mark_is_zero(&mark) && (!adah_index_mark_is_whole(&mark, c->header.file_number) || mark.zero))
            return adah_index_fail_damaged(c->path, status, "mark %d is not whole", i);
        memset(at, 0, sizeof mark);
    }
    if (memcmp(front + sizeof c->header, zeros, sizeof front - sizeof c->header) != 0)
        return adah_index_fail_damaged(
            c->path, status, "a byte of the first %zu, outside header and marks, is not zero", sizeof front);
    return ADAH_OK;
}
