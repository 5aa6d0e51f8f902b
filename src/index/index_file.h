/* index_file.h - a collection file with all segments that were read so far, which the states of it share. */
#ifndef ADAH_INDEX_INDEX_FILE_H
#define ADAH_INDEX_INDEX_FILE_H

#include "base/file.h"
#include "index/segment.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

/* What tells that somebody has written to the file; and what tells that it was a writer. */
typedef struct adah_file_stamp {
    ino_t inode; /* 0: never */
    struct timespec changed;
    uint64_t n_bytes, n_segments, n_marked, n_openings;
} adah_file_stamp;

typedef struct adah_collection {
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
    adah_file_stamp seen; /* at the last look */
    int is_rewritten;     /* somebody else has written to it since it was opened */
    adah_file_stamp refused; /* when it was opened anew, in vain */
    adah_status why_refused;
} adah_collection;

/* Opens a file and reads the segments that are there, or gives back one reference. */
adah_code adah_collection_open(const char *path, adah_collection **collection, adah_status *status);
void adah_collection_drop(adah_collection *collection); /* NULL is fine */

/* What the file looks like now; the numbers of segments, marks and openings are 0. */
adah_code adah_collection_stamp(const adah_collection *collection, adah_file_stamp *now, adah_status *status);
int adah_stamp_same(const adah_file_stamp *a, const adah_file_stamp *b); /* nobody has written in between */

/* Is the file still the one whose segments, the last of them `last`, that end at byte `end`, were read? */
adah_code adah_collection_check(adah_collection *collection, const adah_segment *last, uint64_t end, adah_status *status);
/* The checksums of all segments, from the file. */
adah_code adah_collection_check_sums(const adah_collection *collection, adah_status *status);
/* Header, marks and the zeros round them. */
adah_code adah_collection_verify_front(const adah_collection *collection, adah_status *status);

/* With the lock held: reads what is there beyond the segments known, or those that a mark acknowledges. */
adah_code adah_collection_read_more(adah_collection *collection, adah_status *status);
adah_code adah_collection_read_acknowledged(adah_collection *collection, const adah_index_mark *mark, adah_status *status);

#endif
