/* file.c - POSIX files: to write a temporary file, fsync, rename, fsync of the folder. Reading is file_read.c.
 *
 * Where the file system can, the temporary file has no name until all of it is written (O_TMPFILE), so that a process that
 * is killed before leaves nothing behind. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_uint_fast64_t fault_countdown; /* 0: off; 1: failing */
static atomic_int fault_fired;

void adah_file_fault_at(uint64_t n) {
    atomic_store(&fault_fired, 0);
    atomic_store(&fault_countdown, n);
}

int adah_file_fault_fired(void) { return atomic_load(&fault_fired); }

static ssize_t write_some_at(int fd, const void *bytes, size_t n_bytes, off_t offset) {
    uint64_t left = atomic_load(&fault_countdown);
    if (left == 1) {
        atomic_store(&fault_fired, 1);
        errno = ENOSPC;
        return -1;
    }
    if (left > 1)
        atomic_store(&fault_countdown, left - 1);
    return pwrite(fd, bytes, n_bytes, offset);
}

adah_code adah_file_write_at(int fd, const char *path, const void *bytes, size_t n_bytes, uint64_t offset, adah_status *status) {
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = write_some_at(fd, (const uint8_t *)bytes + done, n_bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return adah_fail_system(status, path, "cannot write");
        done += (size_t)n;
    }
    return ADAH_OK;
}

enum { WRITER_BUFFER_BYTES = 1 << 16, TEMPORARY_DIGITS = 6 };
static const char temporary_suffix[] = ".tmp-XXXXXX"; /* behind the path; the digits differ */

struct adah_file_writer {
    int fd;
    char *path, *folder, *temporary; /* temporary: the name it has, or will have for a moment */
    int is_nameless, replaces_any;
    uint64_t n_written; /* bytes on file; those in the buffer come behind */
    size_t n_buffered;
    uint8_t buffer[WRITER_BUFFER_BYTES];
};

/* The folder of a path; "." without a slash. NULL: memory. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? adah_memory_text_n(path, slash == path ? 1 : (size_t)(slash - path)) : adah_memory_text(".");
}

/* A nameless file in the folder; -1: not to be had here. */
static int open_nameless(const char *folder) {
    return access("/proc/self/fd", X_OK) == 0 ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666) : -1;
}

/* Gives a nameless file the name w->temporary, a new one of its kind. */
static adah_code give_name(adah_file_writer *w, adah_status *status) {
    static atomic_uint_fast32_t counter;
    char self[40], *suffix = w->temporary + strlen(w->temporary) - TEMPORARY_DIGITS;
    snprintf(self, sizeof self, "/proc/self/fd/%d", w->fd);
    const char *const digits = "abcdefghijklmnopqrstuvwxyz012345";
    for (int attempt = 0; attempt < 1000; attempt++) {
        uint64_t number = adah_random_mix((uint64_t)getpid(), atomic_fetch_add(&counter, 1));
        for (int i = 0; i < TEMPORARY_DIGITS; i++, number >>= 5)
            suffix[i] = digits[number & 31];
        if (linkat(AT_FDCWD, self, AT_FDCWD, w->temporary, AT_SYMLINK_FOLLOW) == 0) {
            w->is_nameless = 0;
            return ADAH_OK;
        }
        if (errno != EEXIST)
            break;
    }
    return adah_fail_system(status, w->path, "cannot be named");
}

static adah_code create_named(adah_file_writer *w, adah_status *status) {
    const mode_t mask = umask(0);
    umask(mask);
    w->fd = mkostemp(w->temporary, O_CLOEXEC);
    if (w->fd < 0)
        return adah_fail_system(status, w->path, "cannot create");
    return fchmod(w->fd, 0666 & ~mask) == 0 ? ADAH_OK : adah_fail_system(status, w->path, "cannot set its mode");
}

/* Where a file is to be put: where links lead, so that they stay. What is no regular file stays: a rename would replace a device. */
static adah_code find_place(const char *path, char **place, adah_status *status) {
    struct stat link, info;
    *place = NULL;
    if (lstat(path, &link) != 0) { /* nothing there, or nothing that can be made, which shows later */
        *place = adah_memory_text(path);
        return *place ? ADAH_OK : adah_fail_memory(status, strlen(path) + 1);
    }
    if (stat(path, &info) != 0)
        return adah_fail_system(status, path, "cannot follow the link");
    if (!S_ISREG(info.st_mode))
        return adah_fail(status, ADAH_ERROR_IO, "%s: not a regular file, it stays as it is", path);
    char *real = S_ISLNK(link.st_mode) ? realpath(path, NULL) : NULL;
    if (S_ISLNK(link.st_mode) && !real)
        return adah_fail_system(status, path, "cannot follow the link");
    *place = adah_memory_text(real ? real : path);
    free(real);
    return *place ? ADAH_OK : adah_fail_memory(status, strlen(path) + 1);
}

void adah_file_replace_any(adah_file_writer *w) { w->replaces_any = 1; }

/* What is known of a file by its beginning. NULL: nothing, or it cannot be read. */
static const char *kind_of(int fd) {
    enum { LOOK_BYTES = 512 };
    uint8_t begin[LOOK_BYTES];
    const ssize_t n = fd < 0 ? -1 : pread(fd, begin, sizeof begin, 0);
    return n < 0 ? NULL : adah_foreign_file(begin, (size_t)n);
}

/* An index or a model is replaced by another one alone: whoever gives its path for codes or a report has mistaken it. new: a kind, NULL:
 * another one. */
static adah_code check_kind(const char *path, const char *new, adah_status *status) {
    static const char *const kept[] = {"an adah index", "a safetensors file"};
    const int there = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *old = kind_of(there);
    if (there >= 0)
        close(there);
    for (size_t i = 0; old && i < sizeof kept / sizeof *kept; i++)
        if (!strcmp(old, kept[i]) && (!new || strcmp(old, new)))
            return adah_fail(status, ADAH_ERROR_EXISTS, "%s: %s is there, which is replaced by nothing else: give another name, or remove it",
                             path, old);
    return ADAH_OK;
}

adah_code adah_file_check_place(const char *path, adah_file_kind kind, adah_status *status) {
    char *place;
    ADAH_TRY(find_place(path, &place, status));
    adah_code code = ADAH_OK;
    if (kind != ADAH_FILE_OF_ANY_KIND)
        code = check_kind(place, kind == ADAH_FILE_SAFETENSORS ? "a safetensors file" : NULL, status);
    adah_memory_free(place);
    return code;
}

adah_code adah_file_create(const char *path, adah_file_writer **out, adah_status *status) {
    adah_file_writer *w = adah_memory_alloc(sizeof *w);
    if (!w)
        return adah_fail_memory(status, sizeof *w);
    w->fd = -1;
    w->replaces_any = 0;
    w->n_written = 0;
    w->n_buffered = 0;
    w->folder = w->temporary = NULL;
    adah_code code = find_place(path, &w->path, status);
    const size_t n = code == ADAH_OK ? strlen(w->path) : 0;
    if (code == ADAH_OK) {
        w->folder = folder_of(w->path);
        w->temporary = adah_memory_alloc(n + 16);
    }
    if (code == ADAH_OK && (!w->folder || !w->temporary))
        code = adah_fail_memory(status, n + 16);
    if (code == ADAH_OK) {
        snprintf(w->temporary, n + 16, "%s%s", w->path, temporary_suffix);
        const char *slash = strrchr(w->temporary, '/'), *name = slash ? slash + 1 : w->temporary;
        w->fd = strlen(name) <= NAME_MAX ? open_nameless(w->folder) : -1; /* too long a name fails at once, not at the end */
        w->is_nameless = w->fd >= 0;
        if (!w->is_nameless)
            code = create_named(w, status);
        if (code == ADAH_OK)
            (void)flock(w->fd, LOCK_EX | LOCK_NB); /* tells adah_file_remove_leftovers that it is in use */
    }
    if (code != ADAH_OK) {
        adah_file_abort(w);
        return code;
    }
    *out = w;
    return ADAH_OK;
}

static adah_code flush(adah_file_writer *w, adah_status *status) {
    ADAH_TRY(adah_file_write_at(w->fd, w->path, w->buffer, w->n_buffered, w->n_written, status));
    w->n_written += w->n_buffered;
    w->n_buffered = 0;
    return ADAH_OK;
}

adah_code adah_file_put(adah_file_writer *w, const void *bytes, size_t n_bytes, adah_status *status) {
    if (n_bytes == 0)
        return ADAH_OK;
    if (w->n_buffered + n_bytes > WRITER_BUFFER_BYTES)
        ADAH_TRY(flush(w, status));
    if (n_bytes >= WRITER_BUFFER_BYTES) {
        ADAH_TRY(adah_file_write_at(w->fd, w->path, bytes, n_bytes, w->n_written, status));
        w->n_written += n_bytes;
    } else {
        memcpy(w->buffer + w->n_buffered, bytes, n_bytes);
        w->n_buffered += n_bytes;
    }
    return ADAH_OK;
}

adah_code adah_file_skip(adah_file_writer *w, uint64_t n_bytes, adah_status *status) {
    ADAH_TRY(flush(w, status));
    w->n_written += n_bytes;
    return ADAH_OK;
}

adah_code adah_file_read_back(adah_file_writer *w, uint64_t offset, void *bytes, size_t n_bytes, adah_status *status) {
    ADAH_TRY(flush(w, status));
    for (uint8_t *to = bytes; n_bytes;) {
        const ssize_t n = pread(w->fd, to, n_bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? adah_fail_system(status, w->path, "what was written to it cannot be read")
                         : adah_fail(status, ADAH_ERROR_IO, "%s: what was written to it is gone", w->path);
        to += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return ADAH_OK;
}

uint64_t adah_file_position(const adah_file_writer *w) { return w->n_written + w->n_buffered; }

adah_code adah_file_patch(adah_file_writer *w, uint64_t offset, const void *bytes, size_t n_bytes,
                          adah_status *status) {
    ADAH_TRY(flush(w, status));
    return adah_file_write_at(w->fd, w->path, bytes, n_bytes, offset, status);
}

/* A folder that may not be read, and a file system that knows no fsync of folders, are no error: then the system decides when. */
static adah_code sync_folder(const char *folder, const char *path, const char *what, adah_status *status) {
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int failed = fd < 0 ? errno != EACCES && errno != EPERM
                              : fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EBADF && errno != EROFS;
    const adah_code code = failed ? adah_fail_system(status, path, what) : ADAH_OK;
    if (fd >= 0)
        close(fd);
    return code;
}

adah_code adah_file_sync_name(const char *path, adah_status *status) {
    char *folder = folder_of(path);
    const adah_code code = folder ? sync_folder(folder, path, "its name cannot be written to disk, and nothing was changed", status)
                                  : adah_fail_memory(status, strlen(path) + 1);
    adah_memory_free(folder);
    return code;
}

adah_code adah_file_commit(adah_file_writer *w, adah_status *status) { return adah_file_commit_locked(w, NULL, status); }

/* As far as the process may. */
static void take_owner_and_mode(const adah_file_writer *w) {
    struct stat info;
    if (stat(w->path, &info) != 0)
        return;
    if (fchown(w->fd, info.st_uid, info.st_gid) != 0)
        (void)!fchown(w->fd, (uid_t)-1, info.st_gid);
    (void)!fchmod(w->fd, info.st_mode & 0777);
}

/* All of the file is on disk, under its temporary name. */
static adah_code write_whole(adah_file_writer *w, adah_status *status) {
    ADAH_TRY(flush(w, status));
    if (!w->replaces_any)
        ADAH_TRY(check_kind(w->path, kind_of(w->fd), status));
    if (w->is_nameless)
        ADAH_TRY(give_name(w, status)); /* before fsync: some file systems sync nothing of a file without a name */
    return fsync(w->fd) == 0 ? ADAH_OK : adah_fail_system(status, w->path, "cannot write to disk");
}

static adah_code move_into_place(adah_file_writer *w, adah_status *status) {
    if (rename(w->temporary, w->path) != 0)
        return adah_fail_system(status, w->path, "cannot rename into place");
    w->is_nameless = 1; /* it has no other name left to remove */
    return ADAH_OK;
}

static adah_code sync_place(const adah_file_writer *w, adah_status *status) {
    return sync_folder(w->folder, w->path,
                       "is in place, but its name cannot be written to disk, and a power cut may bring back what was there before", status);
}

adah_code adah_file_commit_locked(adah_file_writer *w, int *fd, adah_status *status) {
    adah_code code = ADAH_OK;
    if (fd)
        take_owner_and_mode(w);
    if (fd && flock(w->fd, LOCK_EX | LOCK_NB) != 0)
        code = adah_fail_system(status, w->path, "cannot lock");
    if (code == ADAH_OK)
        code = write_whole(w, status);
    if (code == ADAH_OK)
        code = move_into_place(w, status);
    if (code == ADAH_OK)
        code = sync_place(w, status);
    if (code == ADAH_OK && fd) {
        *fd = w->fd;
        w->fd = -1;
    }
    adah_file_abort(w);
    return code;
}

adah_code adah_file_commit_all(adah_file_writer *const *writers, size_t n, adah_status *status) {
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        code = write_whole(writers[i], status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        code = move_into_place(writers[i], status);
        if (code != ADAH_OK && i) {
            const int reason = errno;
            adah_fail(status, code, "%s: cannot rename into place: %s; %s is in place already, and does not belong to it", writers[i]->path,
                      strerror(reason), writers[0]->path);
            if (status)
                status->system_error = reason;
        }
    }
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        code = sync_place(writers[i], status);
    for (size_t i = 0; i < n; i++)
        adah_file_abort(writers[i]);
    return code;
}

/* What closing could tell, fsync has told. */
void adah_file_abort(adah_file_writer *w) {
    if (!w)
        return;
    if (w->fd >= 0) {
        close(w->fd);
        if (!w->is_nameless)
            unlink(w->temporary);
    }
    adah_memory_free(w->path);
    adah_memory_free(w->folder);
    adah_memory_free(w->temporary);
    adah_memory_free(w);
}

/* Is the file empty (one just made, not locked yet), or in use? Closes it. */
static int is_in_use(int fd) {
    struct stat info;
    const int in_use = fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0 || flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return in_use;
}

void adah_file_remove_leftovers(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t n = strlen(name), n_suffix = sizeof temporary_suffix - 1;
    char *folder = folder_of(path);
    DIR *d = folder ? opendir(folder) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, name, n) != 0 || strlen(e->d_name) != n + n_suffix ||
            strncmp(e->d_name + n, temporary_suffix, n_suffix - TEMPORARY_DIGITS) != 0)
            continue;
        const int fd = openat(dirfd(d), e->d_name, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (fd >= 0 && !is_in_use(fd))
            unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d)
        closedir(d);
    adah_memory_free(folder);
}

static adah_code publish(const char *path, const void *bytes, size_t n_bytes, int replaces_any, adah_status *status) {
    adah_file_writer *w;
    ADAH_TRY(adah_file_create(path, &w, status));
    w->replaces_any = replaces_any;
    adah_code code = adah_file_put(w, bytes, n_bytes, status);
    if (code != ADAH_OK) {
        adah_file_abort(w);
        return code;
    }
    return adah_file_commit(w, status);
}

adah_code adah_file_publish(const char *path, const void *bytes, size_t n_bytes, adah_status *status) {
    return publish(path, bytes, n_bytes, 1, status);
}

adah_code adah_file_publish_of_kind(const char *path, const void *bytes, size_t n_bytes, adah_status *status) {
    return publish(path, bytes, n_bytes, 0, status);
}

adah_code adah_file_make_folder(const char *path, adah_status *status) {
    char *copy = adah_memory_text(path);
    if (!copy)
        return adah_fail_memory(status, strlen(path) + 1);
    adah_code code = ADAH_OK;
    for (char *p = copy + 1; copy[0] && code == ADAH_OK; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        struct stat info;
        if (mkdir(copy, 0777) != 0 && (errno != EEXIST || stat(copy, &info) != 0 || !S_ISDIR(info.st_mode)))
            code = adah_fail_system(status, copy, "cannot create folder");
        *p = end;
        if (!end)
            break;
    }
    adah_memory_free(copy);
    return code;
}

char *adah_file_join(const char *folder, const char *name) {
    if (name[0] == '/')
        return adah_memory_text(name);
    size_t n = strlen(folder), m = strlen(name);
    char *path = adah_memory_alloc(n + m + 2);
    if (path) {
        int slash = n && folder[n - 1] != '/';
        memcpy(path, folder, n);
        if (slash)
            path[n] = '/';
        memcpy(path + n + slash, name, m + 1);
    }
    return path;
}

char *adah_file_suffixed(const char *path, const char *suffix) {
    const size_t n = strlen(path), m = strlen(suffix);
    char *joined = adah_memory_alloc(n + m + 1);
    if (joined) {
        memcpy(joined, path, n);
        memcpy(joined + n, suffix, m + 1);
    }
    return joined;
}
