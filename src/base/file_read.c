/* file_read.c - POSIX files to read: by memory map, or whole, then also a member of a tar file. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/guard.h"
#include "base/memory.h"
#include "base/tar_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file and tells its size. */
static adah_code open_regular(const char *path, int *fd, size_t *n_bytes, adah_status *status) {
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return adah_fail_system(status, path, "cannot open");
    struct stat info;
    adah_code code = ADAH_OK;
    if (fstat(*fd, &info) != 0)
        code = adah_fail_system(status, path, "cannot read its size");
    else if (!S_ISREG(info.st_mode))
        code = adah_fail(status, ADAH_ERROR_IO, "%s: not a regular file", path);
    if (code != ADAH_OK) {
        close(*fd);
        return code;
    }
    *n_bytes = (size_t)info.st_size;
    return ADAH_OK;
}

/* The flag of the guard tells of whole pages that are gone. Inside the last page zeros come without a signal: the length tells. */
typedef struct adah_file_watch {
    atomic_int is_cut;
    int fd;
    char path[];
} adah_file_watch;

static adah_code map_guarded(const char *path, int fd, size_t n_bytes, adah_file_map *map, adah_status *status) {
    const size_t n_path = strlen(path) + 1, page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    adah_file_watch *w = adah_memory_zeroed(1, sizeof *w + n_path);
    if (!w)
        return adah_fail_memory(status, sizeof *w + n_path);
    memcpy(w->path, path, n_path);
    w->fd = fd;
    void *p = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, 0);
    adah_code code = ADAH_OK;
    if (p == MAP_FAILED) {
        code = adah_fail_system(status, path, "cannot map");
    } else if (!adah_guard_add(p, (n_bytes + page_bytes - 1) / page_bytes * page_bytes, &w->is_cut)) {
        munmap(p, n_bytes);
        code = adah_fail_memory(status, sizeof *w);
    }
    if (code == ADAH_OK)
        *map = (adah_file_map){p, n_bytes, w};
    else
        adah_memory_free(w);
    return code;
}

adah_code adah_file_open_map(const char *path, adah_file_map *map, adah_status *status) {
    *map = (adah_file_map){0};
    int fd = -1;
    size_t n_bytes = 0;
    const adah_code opened = open_regular(path, &fd, &n_bytes, status);
    if (opened != ADAH_OK && adah_tar_prefix(path) && adah_file_exists(path))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: lies in a tar file, where such a file is not read; unpack the tar file and give the folder", path);
    ADAH_TRY(opened);
    const adah_code code = n_bytes ? map_guarded(path, fd, n_bytes, map, status) : ADAH_OK;
    if (!map->bytes)
        close(fd);
    return code;
}

adah_code adah_file_check_map(const adah_file_map *map, adah_code code, adah_status *status) {
    const adah_file_watch *w = map->watch;
    struct stat info;
    if (!w || (!atomic_load(&w->is_cut) && fstat(w->fd, &info) == 0 && (size_t)info.st_size >= map->n_bytes))
        return code;
    return adah_fail(status, ADAH_ERROR_IO, "%s: was cut off by another program while it was read, or the disk cannot read it", w->path);
}

void adah_file_close_map(adah_file_map *map) {
    if (map->watch) {
        adah_guard_remove(map->bytes);
        close(map->watch->fd);
        adah_memory_free(map->watch);
    }
    if (map->bytes)
        munmap((void *)(uintptr_t)map->bytes, map->n_bytes);
    *map = (adah_file_map){0};
}

void adah_file_release(const adah_file_map *map, size_t offset, size_t *n_released) {
    enum { STEP_BYTES = 16 << 20 };
    for (; offset - *n_released >= STEP_BYTES; *n_released += STEP_BYTES)
        madvise((void *)(uintptr_t)(map->bytes + *n_released), STEP_BYTES, MADV_DONTNEED);
}

/* Is the file still as long as it was when it was opened? */
static adah_code check_size(int fd, const char *path, size_t n_bytes, adah_status *status) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return adah_fail_system(status, path, "cannot read its size");
    if ((size_t)info.st_size != n_bytes)
        return adah_fail(status, ADAH_ERROR_IO, "%s: was changed by another program while it was read: it had %zu bytes and has %zu now", path,
                         n_bytes, (size_t)info.st_size);
    return ADAH_OK;
}

/* Where the bytes of a file are: in a file of their own, or in a tar file that the path leads into. */
typedef struct stored_bytes {
    int fd;
    uint64_t offset;
    size_t n_bytes, n_file;
} stored_bytes;

static adah_code open_member(const char *path, size_t n_prefix, stored_bytes *s, adah_status *status) {
    adah_tar_place place = {0};
    char *tar = adah_memory_text_n(path, n_prefix);
    if (!tar)
        return adah_fail_memory(status, n_prefix + 1);
    adah_code code = open_regular(tar, &s->fd, &s->n_file, status);
    if (code == ADAH_OK && (code = adah_tar_find(s->fd, tar, path + n_prefix + 1, &place, status)) != ADAH_OK)
        close(s->fd);
    adah_memory_free(tar);
    s->offset = place.offset;
    s->n_bytes = (size_t)place.n_bytes;
    return code;
}

static adah_code open_stored(const char *path, stored_bytes *s, adah_status *status) {
    adah_status why = {0};
    *s = (stored_bytes){.fd = -1};
    const adah_code code = open_regular(path, &s->fd, &s->n_file, &why);
    const size_t n_prefix = code != ADAH_OK && why.system_error == ENOTDIR ? adah_tar_prefix(path) : 0;
    s->n_bytes = s->n_file;
    if (n_prefix)
        return open_member(path, n_prefix, s, status);
    if (code != ADAH_OK && status)
        *status = why;
    return code;
}

adah_code adah_file_read(const char *path, size_t max_bytes, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    stored_bytes s;
    size_t done = 0;
    ADAH_TRY(open_stored(path, &s, status));
    const size_t size = s.n_bytes;
    adah_code code = ADAH_OK;
    uint8_t *buffer = NULL;
    if (size > max_bytes)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu bytes, expected at most %zu", path, size, max_bytes);
    else if (!(buffer = adah_memory_alloc(size + 1)))
        code = adah_fail_memory(status, size + 1);
    else if (s.offset && lseek(s.fd, (off_t)s.offset, SEEK_SET) < 0)
        code = adah_fail_system(status, path, "cannot read");
    while (code == ADAH_OK && done < size) {
        ssize_t n = read(s.fd, buffer + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            code = adah_fail_system(status, path, "cannot read");
        else if (n == 0 && (code = check_size(s.fd, path, s.n_file, status)) == ADAH_OK)
            code = adah_fail(status, ADAH_ERROR_IO, "%s: ends after %zu of its %zu bytes", path, done, size);
        else
            done += (size_t)n;
    }
    if (code == ADAH_OK)
        code = check_size(s.fd, path, s.n_file, status);
    close(s.fd);
    if (code != ADAH_OK) {
        adah_memory_free(buffer);
        return code;
    }
    buffer[size] = 0;
    *bytes = buffer;
    *n_bytes = size;
    return ADAH_OK;
}

int adah_file_look(const char *path, struct stat *info) {
    stored_bytes s;
    if (stat(path, info) == 0)
        return 0;
    const int reason = errno;
    const size_t n_prefix = reason == ENOTDIR ? adah_tar_prefix(path) : 0;
    const adah_code code = n_prefix ? open_member(path, n_prefix, &s, NULL) : ADAH_ERROR_NOT_FOUND;
    if (code != ADAH_OK) {
        errno = code == ADAH_ERROR_MEMORY ? ENOMEM : reason;
        return -1;
    }
    const int failed = fstat(s.fd, info) != 0;
    info->st_size = (off_t)s.n_bytes;
    close(s.fd);
    return failed ? -1 : 0;
}

int adah_file_exists(const char *path) {
    struct stat info;
    return adah_file_look(path, &info) == 0;
}
