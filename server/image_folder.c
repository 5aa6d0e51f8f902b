/* image_folder.c - see image_folder.h.
 *
 * A name must be relative and without "..". One that comes with a request is opened by the kernel such that no link leads out of the
 * folder (openat2 with RESOLVE_BENEATH), or is refused. Where the kernel or a sandbox does not have that call, the path is resolved first,
 * must lie below the folder, and so must the file that was opened by it. Names that are in the index came in by such a request or by a command
 * of who owns its file: for them links are followed, which that person has put there, as git-annex and adah convert do. A name that leads into a
 * tar file is that file, opened by the same rules, and the part of it that the member is. */
#define _GNU_SOURCE
#include "image_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int serve_is_safe_name(const char *name) {
    if (!*name || *name == '/' || strlen(name) >= PATH_MAX)
        return 0;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return 0;
    }
    return 1;
}

/* Non-blocking: a pipe in the folder is no reason to wait. */
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

static int is_below(const char *path, const char *folder_path) {
    const size_t n = strlen(folder_path);
    return !strcmp(folder_path, "/") || (!strncmp(path, folder_path, n) && path[n] == '/');
}

static int open_resolved(const char *folder_path, const char *name) {
    char joined[2 * PATH_MAX], resolved[PATH_MAX], link[64];
    snprintf(joined, sizeof joined, "%s/%s", folder_path, name);
    if (!realpath(joined, resolved))
        return -1;
    const int fd = is_below(resolved, folder_path) ? open(resolved, OPEN_FLAGS | O_NOFOLLOW) : -1;
    if (fd < 0)
        return -1;
    /* Folders may have become links since: what was opened is asked for its own path. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, joined, sizeof joined - 1);
    joined[n > 0 ? n : 0] = '\0';
    if (is_below(joined, folder_path))
        return fd;
    close(fd);
    return -1;
}

int serve_open_below(int folder, const char *folder_path, const char *name, int by_kernel) {
    if (!serve_is_safe_name(name))
        return -1;
    const struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = by_kernel ? (int)syscall(SYS_openat2, folder, name, &how, sizeof how) : -1;
    if (!by_kernel || (fd < 0 && (errno == ENOSYS || errno == EPERM)))
        fd = open_resolved(folder_path, name);
    struct stat info;
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The same, following links. */
static int open_following(const serve_server *server, const char *name) {
    if (!serve_is_safe_name(name))
        return -1;
    const struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, server->images, name, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = openat(server->images, name, OPEN_FLAGS);
    struct stat info;
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_name(const serve_server *server, const char *name, int follows_links) {
    return follows_links ? open_following(server, name) : serve_open_below(server->images, server->images_path, name, 1);
}

/* Takes the member of the tar file `fd`, which is closed where there is none. */
static int take_member(int fd, const char *name, serve_picture_file *f) {
    uint64_t n_bytes;
    adah_status status;
    f->fd = fd;
    if (fstat(fd, &f->info) == 0 && adah_tar_member_find(fd, name, &f->offset, &n_bytes, &status) == ADAH_OK) {
        f->info.st_size = (off_t)n_bytes;
        return 1;
    }
    close(fd);
    return 0;
}

int serve_is_tar_name(const char *name, size_t n_bytes) { return n_bytes > 4 && strncasecmp(name + n_bytes - 4, ".tar", 4) == 0; }

int serve_open_picture(const serve_server *server, const char *name, int follows_links, serve_picture_file *f) {
    *f = (serve_picture_file){.fd = -1};
    if (server->images < 0 || !serve_is_safe_name(name))
        return 0;
    if (server->images_is_tar) {
        const int own = fcntl(server->images, F_DUPFD_CLOEXEC, 0);
        return own >= 0 && take_member(own, name, f);
    }
    f->fd = open_name(server, name, follows_links);
    if (f->fd >= 0 && fstat(f->fd, &f->info) == 0)
        return 1;
    serve_close_file(f);
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        char tar[PATH_MAX];
        if (!serve_is_tar_name(name, (size_t)(slash - name)))
            continue;
        snprintf(tar, sizeof tar, "%.*s", (int)(slash - name), name);
        const int fd = open_name(server, tar, follows_links);
        if (fd >= 0)
            return take_member(fd, slash + 1, f);
    }
    return 0;
}

void serve_close_file(serve_picture_file *f) {
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int serve_leads_out(const serve_server *server, const char *name) {
    serve_picture_file f;
    if (server->images < 0 || serve_open_picture(server, name, 0, &f)) {
        if (server->images >= 0)
            serve_close_file(&f);
        return 0;
    }
    const int leads_out = serve_open_picture(server, name, 1, &f);
    serve_close_file(&f);
    return leads_out;
}

void serve_tell_missing_pictures(const serve_server *server, const adah_index *index) {
    enum { LOOK = 64 };
    const uint64_t n = adah_index_rows(index);
    uint64_t n_named = 0;
    char first[256] = "";
    if (server->images < 0)
        return;
    for (uint64_t i = 0; i < LOOK; i++) { /* some, from all over the index */
        adah_index_entry entry;
        adah_status status;
        const uint64_t row = n <= LOOK ? i : n / LOOK * i;
        if (row >= n || adah_index_record(index, row, &entry, &status) != ADAH_OK)
            continue;
        serve_picture_file f;
        const int is_named = entry.file_name[0] != '\0', is_there = is_named && serve_open_picture(server, entry.file_name, 1, &f);
        if (is_named && n_named++ == 0)
            snprintf(first, sizeof first, "%s", entry.file_name);
        adah_index_entry_free(&entry);
        if (is_there) {
            serve_close_file(&f);
            return;
        }
    }
    if (!n_named)
        return;
    serve_text t = {0}; /* the name is whoever's who wrote to the index: it is escaped */
    serve_text_format(&t, "adah: none of the pictures that were looked for is below --images %s, such as ", server->options.images);
    serve_text_string(&t, first);
    serve_text_plain(&t, "; give the folder that was --data\n");
    if (!t.failed)
        fwrite(t.bytes, 1, t.n_bytes, stderr);
    serve_text_free(&t);
}
