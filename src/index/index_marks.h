/* index_marks.h - the two marks of a collection file, which tell how many segments are acknowledged. */
#ifndef ADAH_INDEX_INDEX_MARKS_H
#define ADAH_INDEX_INDEX_MARKS_H

#include "base/status.h"
#include "index/index_format.h"

/* The mark that n_segments up to byte `end` are acknowledged. last: checksum of the header of the last of them. */
adah_index_mark adah_index_make_mark(uint64_t file_number, uint64_t n_segments, uint64_t end, uint64_t last, uint64_t n_openings);
uint64_t adah_index_mark_place(uint64_t n_segments); /* where it goes */
int adah_index_mark_is_whole(const adah_index_mark *mark, uint64_t file_number);
int adah_index_mark_is_zero(const adah_index_mark *mark); /* nothing was ever written there */
/* Both marks as they are on disk, whatever a writer does meanwhile: the place that it has not synced is zero. */
adah_code adah_index_read_marks(int fd, const char *path, adah_index_mark mark[ADAH_INDEX_N_MARKS], adah_status *status);
/* The newest of the marks that are whole. *other_is_damaged: that one may have been newer. */
adah_code adah_index_newest_mark(int fd, const char *path, uint64_t file_number, adah_index_mark *newest, int *other_is_damaged,
                                 adah_status *status);
/* Readers do not look at the mark of so many segments while it is locked. Where the file system has no such locks they may see a
 * batch that is taken back. */
void adah_index_lock_mark(int fd, uint64_t n_segments, int is_locked);

#endif
