/* index_marks.c - how a collection file tells which of its segments count.
 *
 * It has two places for marks; the mark of n segments goes to place n % 2, so that the one before it stays until it is on disk. While
 * a writer's mark is written but not yet synced it does not count: the writer holds a lock on a byte of that number meanwhile. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "index/index_marks.h"
#include "index/segment.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

adah_index_mark adah_index_make_mark(uint64_t file_number, uint64_t n_segments, uint64_t end, uint64_t last, uint64_t n_openings) {
    adah_index_mark mark = {
        .file_number = file_number, .n_segments = n_segments, .end = end, .n_openings = n_openings, .last = last};
    memcpy(mark.magic, adah_index_mark_magic, sizeof mark.magic);
    mark.checksum = XXH3_64bits(&mark, offsetof(adah_index_mark, checksum));
    return mark;
}

uint64_t adah_index_mark_place(uint64_t n_segments) {
    return ADAH_INDEX_MARK_AT + n_segments % ADAH_INDEX_N_MARKS * ADAH_INDEX_MARK_STEP;
}

int adah_index_mark_is_whole(const adah_index_mark *mark, uint64_t file_number) {
    return memcmp(mark->magic, adah_index_mark_magic, sizeof mark->magic) == 0 && mark->file_number == file_number &&
           XXH3_64bits(mark, offsetof(adah_index_mark, checksum)) == mark->checksum;
}

int adah_index_mark_is_zero(const adah_index_mark *mark) {
    static const adah_index_mark zero;
    return memcmp(mark, &zero, sizeof zero) == 0;
}

/* The number of segments in the mark that a writer has not synced yet; 0: there is none. */
static uint64_t unsynced_mark(int fd) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = ADAH_INDEX_LOCK_AT};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_start < ADAH_INDEX_LOCK_AT)
        return 0;
    return (uint64_t)(lock.l_start - ADAH_INDEX_LOCK_AT);
}

/* Places that cannot be read are zero. */
static void read_places(int fd, adah_index_mark mark[ADAH_INDEX_N_MARKS]) {
    memset(mark, 0, ADAH_INDEX_N_MARKS * sizeof *mark);
    for (int i = 0; i < ADAH_INDEX_N_MARKS; i++)
        if (pread(fd, &mark[i], sizeof *mark, ADAH_INDEX_MARK_AT + i * ADAH_INDEX_MARK_STEP) != (ssize_t)sizeof *mark)
            memset(&mark[i], 0, sizeof *mark);
}

adah_code adah_index_read_marks(int fd, const char *path, adah_index_mark mark[ADAH_INDEX_N_MARKS], adah_status *status) {
    enum { ATTEMPTS = 10000 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        adah_index_mark again[ADAH_INDEX_N_MARKS];
        const uint64_t unsynced = unsynced_mark(fd);
        read_places(fd, mark);
        if (unsynced_mark(fd) != unsynced)
            continue;
        if (unsynced) {
            memset(&mark[unsynced % ADAH_INDEX_N_MARKS], 0, sizeof *mark);
            return ADAH_OK;
        }
        read_places(fd, again);
        if (memcmp(mark, again, sizeof again) == 0)
            return ADAH_OK;
    }
    return adah_fail(status, ADAH_ERROR_IO, "%s: its marks are written again and again while it is opened", path);
}

adah_code adah_index_newest_mark(int fd, const char *path, uint64_t file_number, adah_index_mark *newest, int *other_is_damaged,
                                 adah_status *status) {
    adah_index_mark mark[ADAH_INDEX_N_MARKS];
    ADAH_TRY(adah_index_read_marks(fd, path, mark, status));
    *newest = (adah_index_mark){.magic = {0}};
    *other_is_damaged = 0;
    for (int i = 0; i < ADAH_INDEX_N_MARKS; i++) {
        if (!adah_index_mark_is_whole(&mark[i], file_number))
            *other_is_damaged |= !adah_index_mark_is_zero(&mark[i]);
        else if (!newest->magic[0] || mark[i].n_segments > newest->n_segments)
            *newest = mark[i];
    }
    return newest->magic[0] ? ADAH_OK
                            : adah_index_fail_damaged(path, status, "no mark tells how far it was written");
}

void adah_index_lock_mark(int fd, uint64_t n_segments, int is_locked) {
    struct flock lock = {.l_type = is_locked ? F_WRLCK : F_UNLCK,
                         .l_whence = SEEK_SET,
                         .l_start = ADAH_INDEX_LOCK_AT + (int64_t)n_segments,
                         .l_len = 1};
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}
