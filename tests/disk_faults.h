/* disk_faults.h - makes calls of the system fail on purpose: what a test and the processes that it starts share.
 *
 * disk_faults.c takes the place of open, openat, mkostemp, pwrite, write, fsync, fdatasync, ftruncate, rename, linkat, mmap and close. Linked
 * into a test it works in that process; as a module (LD_PRELOAD) in any other. Both look at one disk_faults, a
 * mapped file named by ADAH_DISK_FAULTS, so that the test says what fails next and counts what has failed. Calls count only when
 * they concern a file whose path has `path` in it. A sync that fails writes nothing, a close that fails has closed. */
#ifndef ADAH_TESTS_DISK_FAULTS_H
#define ADAH_TESTS_DISK_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

typedef enum disk_call {
    DISK_OPEN,
    DISK_WRITE, /* pwrite, write */
    DISK_SYNC,  /* fdatasync, fsync of a file */
    DISK_SYNC_FOLDER,
    DISK_TRUNCATE,
    DISK_RENAME, /* rename, linkat */
    DISK_MAP,
    DISK_CLOSE,
    DISK_CALLS
} disk_call;

typedef struct disk_faults {
    char path[256];            /* calls on files with this in their path count; "": none */
    atomic_uint_least32_t set; /* bit c: calls of kind c count */
    atomic_int_least64_t left; /* calls that succeed before the first that fails; below 0: none fails */
    atomic_int is_for_good;    /* 1: all after the first fail, too */
    atomic_int is_short;       /* 1: a write writes half of its bytes before it fails */
    atomic_int error;          /* errno */
    atomic_uint_least32_t one_in; /* instead of `left`: each call fails with this chance, one in so many; 0: off */
    atomic_uint_least64_t random; /* state for that */
    atomic_uint_least64_t n_calls, n_failed;
} disk_faults;

/* Those of this process; NULL: none. Linked into a test: its own, made at the first call. */
disk_faults *disk_faults_here(void);

/* In a test that it is linked into: told of every pwrite, sync and ftruncate that was done, or failed. */
typedef void (*disk_observer)(disk_call call, int fd, const void *bytes, uint64_t n_bytes, uint64_t offset, int failed);
extern disk_observer disk_observe;

/* The n-th call (from 1) of the kinds in `set` fails, once or from there on. */
static inline void disk_faults_arm(disk_faults *f, uint32_t set, uint64_t n, int is_for_good, int error, int is_short) {
    atomic_store(&f->set, 0);
    atomic_store(&f->left, (int64_t)n - 1);
    atomic_store(&f->is_for_good, is_for_good);
    atomic_store(&f->error, error);
    atomic_store(&f->is_short, is_short);
    atomic_store(&f->one_in, 0);
    atomic_store(&f->n_calls, 0);
    atomic_store(&f->n_failed, 0);
    atomic_store(&f->set, set);
}

static inline void disk_faults_off(disk_faults *f) { atomic_store(&f->set, 0); }

#endif
