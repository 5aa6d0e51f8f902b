/* disk_faults.c - see disk_faults.h. The calls are made by syscall(), so that nothing is looked up while the process starts. */
#define _GNU_SOURCE
#include "disk_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

disk_observer disk_observe;

/* ---------------------------------------------------------------- what fails */

static _Atomic(disk_faults *) here;

disk_faults *disk_faults_here(void) {
    disk_faults *f = atomic_load(&here);
    if (f)
        return f;
    const char *path = getenv("ADAH_DISK_FAULTS");
    const int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    const long p = syscall(SYS_mmap, NULL, sizeof *f, PROT_READ | PROT_WRITE, fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, fd, 0);
    if (fd >= 0)
        syscall(SYS_close, fd);
    if (p == -1)
        return NULL;
    disk_faults *expected = NULL;
    f = (disk_faults *)p;
    if (!atomic_compare_exchange_strong(&here, &expected, f)) { /* another thread was quicker */
        syscall(SYS_munmap, f, sizeof *f);
        f = expected;
    }
    return f;
}

/* 1: this call of the kind fails; errno is set. */
static int fails(disk_faults *f, disk_call call, const char *path) {
    if (!(atomic_load(&f->set) >> call & 1) || !f->path[0] || !strstr(path, f->path))
        return 0;
    atomic_fetch_add(&f->n_calls, 1);
    const uint32_t one_in = atomic_load(&f->one_in);
    int is_failing;
    if (one_in) {
        uint64_t x = atomic_fetch_add(&f->random, 0x9e3779b97f4a7c15U) + 0x9e3779b97f4a7c15U;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
        x = (x ^ x >> 27) * 0x94d049bb133111ebU;
        is_failing = (x ^ x >> 31) % one_in == 0;
    } else {
        const int64_t left = atomic_fetch_sub(&f->left, 1);
        is_failing = left == 0 || (left < 0 && atomic_load(&f->is_for_good));
    }
    if (!is_failing)
        return 0;
    atomic_fetch_add(&f->n_failed, 1);
    errno = atomic_load(&f->error);
    return 1;
}

static int fd_path(int fd, char path[512]) {
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const long n = syscall(SYS_readlinkat, AT_FDCWD, name, path, 511);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static int fails_on(disk_call call, int fd) {
    char path[512];
    const int before = errno;
    disk_faults *f = disk_faults_here();
    if (!f || !(atomic_load(&f->set) >> call & 1))
        return 0;
    if (fd_path(fd, path) && fails(f, call, path))
        return 1;
    errno = before;
    return 0;
}

static int fails_at(disk_call call, int folder, const char *name) {
    char path[512];
    disk_faults *f = disk_faults_here();
    if (!f || !(atomic_load(&f->set) >> call & 1))
        return 0;
    if (name[0] == '/') {
        snprintf(path, sizeof path, "%s", name);
    } else if (folder == AT_FDCWD) {
        const long n = syscall(SYS_getcwd, path, sizeof path);
        snprintf(path + (n > 0 ? n - 1 : 0), sizeof path - (size_t)(n > 0 ? n - 1 : 0), "/%s", name);
    } else {
        fd_path(folder, path);
    }
    return fails(f, call, path);
}

/* ---------------------------------------------------------------- the calls */

static void observe(disk_call call, int fd, const void *bytes, uint64_t n_bytes, uint64_t offset, int failed) {
    const int reason = errno;
    if (disk_observe)
        disk_observe(call, fd, bytes, n_bytes, offset, failed);
    errno = reason;
}

/* What the C library declares with attributes of its own must be declared here without. */
#define TAKE(type, name, ...)    \
    type name(__VA_ARGS__);      \
    type name(__VA_ARGS__)

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    return fails_at(DISK_OPEN, folder, path) ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

#define TAKE_OPEN(name)                                       \
    TAKE(int, name, const char *path, int flags, ...) {       \
        va_list arguments;                                    \
        va_start(arguments, flags);                           \
        const mode_t mode = mode_of(flags, arguments);        \
        va_end(arguments);                                    \
        return open_at(AT_FDCWD, path, flags, mode);          \
    }
#define TAKE_OPENAT(name)                                     \
    TAKE(int, name, int folder, const char *path, int flags, ...) { \
        va_list arguments;                                    \
        va_start(arguments, flags);                           \
        const mode_t mode = mode_of(flags, arguments);        \
        va_end(arguments);                                    \
        return open_at(folder, path, flags, mode);            \
    }
TAKE_OPEN(open)
TAKE_OPEN(open64)
TAKE_OPENAT(openat)
TAKE_OPENAT(openat64)

/* The name's last six letters are replaced, as the C library does. */
static int make_temporary(char *path, int flags) {
    static atomic_uint_least64_t counter;
    if (fails_at(DISK_OPEN, AT_FDCWD, path))
        return -1;
    for (int attempt = 0; attempt < 1000; attempt++) {
        uint64_t number = ((uint64_t)getpid() << 32) + atomic_fetch_add(&counter, 1) * 2654435761U;
        char *suffix = path + strlen(path) - 6;
        for (int i = 0; i < 6; i++, number /= 26)
            suffix[i] = (char)('a' + number % 26);
        const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}
TAKE(int, mkostemp, char *path, int flags) { return make_temporary(path, flags); }
TAKE(int, mkostemp64, char *path, int flags) { return make_temporary(path, flags); }

static ssize_t write_some(int fd, const void *bytes, size_t n, off_t offset, int has_offset) {
    const int is_failing = fails_on(DISK_WRITE, fd);
    disk_faults *f = disk_faults_here();
    if (is_failing && n > 1 && atomic_load(&f->is_short) && atomic_load(&f->left) == -1)
        n /= 2;
    else if (is_failing)
        return -1;
    const ssize_t done = has_offset ? syscall(SYS_pwrite64, fd, bytes, n, offset) : syscall(SYS_write, fd, bytes, n);
    if (has_offset && done > 0)
        observe(DISK_WRITE, fd, bytes, (uint64_t)done, (uint64_t)offset, 0);
    return done;
}
TAKE(ssize_t, pwrite, int fd, const void *bytes, size_t n, off_t offset) { return write_some(fd, bytes, n, offset, 1); }
TAKE(ssize_t, pwrite64, int fd, const void *bytes, size_t n, off_t offset) { return write_some(fd, bytes, n, offset, 1); }
TAKE(ssize_t, write, int fd, const void *bytes, size_t n) { return write_some(fd, bytes, n, 0, 0); }

static int sync_it(int fd, long number) {
    struct stat info;
    const int is_folder = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    const disk_call call = is_folder ? DISK_SYNC_FOLDER : DISK_SYNC;
    const int failed = fails_on(call, fd) || syscall(number, fd) != 0;
    observe(call, fd, NULL, 0, 0, failed);
    return failed ? -1 : 0;
}
TAKE(int, fsync, int fd) { return sync_it(fd, SYS_fsync); }
TAKE(int, fdatasync, int fd) { return sync_it(fd, SYS_fdatasync); }

static int truncate_it(int fd, off_t n_bytes) {
    const int failed = fails_on(DISK_TRUNCATE, fd) || syscall(SYS_ftruncate, fd, n_bytes) != 0;
    observe(DISK_TRUNCATE, fd, NULL, 0, (uint64_t)n_bytes, failed);
    return failed ? -1 : 0;
}
TAKE(int, ftruncate, int fd, off_t n_bytes) { return truncate_it(fd, n_bytes); }
TAKE(int, ftruncate64, int fd, off_t n_bytes) { return truncate_it(fd, n_bytes); }

TAKE(int, rename, const char *from, const char *to) {
    return fails_at(DISK_RENAME, AT_FDCWD, to) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
TAKE(int, linkat, int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return fails_at(DISK_RENAME, to_folder, to) ? -1 : (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

static void *map_it(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    return fd >= 0 && fails_on(DISK_MAP, fd) ? MAP_FAILED : (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
TAKE(void *, mmap, void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    return map_it(at, n, protection, flags, fd, offset);
}
TAKE(void *, mmap64, void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    return map_it(at, n, protection, flags, fd, offset);
}

/* The file is closed in any case, as the kernel does it. */
TAKE(int, close, int fd) {
    const int is_failing = fails_on(DISK_CLOSE, fd), reason = errno;
    const int code = (int)syscall(SYS_close, fd);
    if (!is_failing)
        return code;
    errno = reason;
    return -1;
}
