/* handle_pictures.c - the pictures of the index, as they are and small, from one folder and nowhere else.
 *
 * A name comes from the index or from who may write it. It must be relative and without "..", and the kernel opens it
 * such that no link leads out of the folder (openat2 with RESOLVE_BENEATH). Where the kernel or a sandbox does not
 * have that call, the path is resolved first, must lie below the folder, and so must the file that was opened by it.
 */
#define _GNU_SOURCE
#include "failure.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { JPEG_QUALITY = 82, FILE_BYTES_MAX = 256 << 20 };

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

int serve_open_picture(const serve_server *server, const char *name) {
    if (server->images < 0)
        return -1;
    return serve_open_below(server->images, server->images_path, name, 1);
}

/* What a file is by its first bytes; NULL: no picture that a browser could show or the codec read. */
static const char *type_of(const uint8_t *head, size_t n) {
    static const struct {
        size_t offset;
        const char *bytes;
        size_t n;
        const char *type;
    } known[] = {{0, "\xff\xd8\xff", 3, "image/jpeg"},
                 {0, "\x89PNG\r\n\x1a\n", 8, "image/png"},
                 {0, "GIF87a", 6, "image/gif"},
                 {0, "GIF89a", 6, "image/gif"},
                 {8, "WEBP", 4, "image/webp"},
                 {0, "II*\0", 4, "image/tiff"},
                 {0, "MM\0*", 4, "image/tiff"},
                 {4, "ftypavif", 8, "image/avif"},
                 {4, "ftypheic", 8, "image/heic"},
                 {4, "ftypmif1", 8, "image/heif"},
                 {0, "BM", 2, "image/bmp"},
                 {0, "P4\n", 3, "image/x-portable-bitmap"},
                 {0, "P5\n", 3, "image/x-portable-graymap"},
                 {0, "P6\n", 3, "image/x-portable-pixmap"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].offset + known[i].n && !memcmp(head + known[i].offset, known[i].bytes, known[i].n))
            return known[i].type;
    return NULL;
}

static int refuse_missing(serve_request *r, const char *field) {
    return serve_refuse(r, 404, "not_found", field, "the picture of this item cannot be read");
}

/* Opens the picture of the item asked for. -1: the answer says why there is none. */
static int open_item(serve_request *r, const serve_state *state, struct stat *info) {
    adah_index_entry entry;
    if (!serve_find_record(r, state, r->item, &entry))
        return -1;
    if (r->server->images < 0) {
        serve_refuse(r, 404, "not_found", NULL, "the server was started without --images");
        return -1;
    }
    const int fd = serve_open_picture(r->server, entry.file_name);
    if (fd < 0 || fstat(fd, info) != 0) {
        refuse_missing(r, NULL);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* Another file, time or size is another version. */
static void version_of(const struct stat *info, size_t side, char *etag, size_t n_bytes) {
    snprintf(
        etag, n_bytes, "\"%llx-%llx-%llx-%zx\"", (unsigned long long)info->st_ino, (unsigned long long)info->st_size,
        (unsigned long long)info->st_mtim.tv_sec * 1000000000ull + (unsigned long long)info->st_mtim.tv_nsec, side);
}

void serve_handle_picture(serve_request *r, serve_state *state) {
    struct stat info;
    uint8_t head[16];
    char etag[sizeof r->answer.etag];
    serve_answer *a = &r->answer;
    if (!serve_read_query(r, 0, 0))
        return;
    const int fd = open_item(r, state, &info);
    if (fd < 0)
        return;
    const ssize_t n = pread(fd, head, sizeof head, 0);
    const char *type = type_of(head, n > 0 ? (size_t)n : 0);
    version_of(&info, 0, etag, sizeof etag);
    a->cache_control = "private, max-age=3600";
    if (!type)
        serve_refuse(r, 415, "not_a_picture", NULL, "the file of this item is not a picture");
    if (!type || serve_is_unchanged(r, etag)) {
        close(fd);
        return;
    }
    a->status = 200;
    a->content_type = type;
    a->is_file = 1;
    a->fd = fd;
    a->n_bytes = (size_t)info.st_size;
}

static int read_all(serve_request *r, int fd, const char *field, const uint8_t **bytes, size_t *n_bytes) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return refuse_missing(r, field);
    if (info.st_size > FILE_BYTES_MAX)
        return serve_refuse(r, 413, "too_large", field, "the file of this item has more than %d bytes",
                            FILE_BYTES_MAX);
    const size_t n = (size_t)info.st_size;
    uint8_t *all = serve_keep(r, malloc(n + 1));
    if (!all)
        return serve_refuse_memory(r);
    size_t n_read = 0;
    for (ssize_t got = 1; n_read < n && got > 0; n_read += got > 0 ? (size_t)got : 0)
        got = pread(fd, all + n_read, n - n_read, (off_t)n_read);
    if (n_read < n)
        return refuse_missing(r, field);
    *bytes = all;
    *n_bytes = n;
    return 1;
}

int serve_read_picture(serve_request *r, const char *name, const char *field, const uint8_t **bytes,
                       size_t *n_bytes) {
    const int fd = serve_open_picture(r->server, name);
    if (fd < 0)
        return refuse_missing(r, field);
    const int is_good = read_all(r, fd, field, bytes, n_bytes) && serve_check_picture(r, field, *bytes, *n_bytes);
    close(fd);
    return is_good;
}

static void make_thumbnail(serve_request *r, const uint8_t *bytes, size_t n_bytes) {
    serve_answer *a = &r->answer;
    adah_status status;
    uint8_t *jpeg;
    size_t n;
    const adah_code code = adah_picture_thumbnail(bytes, n_bytes, r->query.side, JPEG_QUALITY, &jpeg, &n, &status);
    if (code == ADAH_ERROR_FORMAT) {
        serve_refuse_said(r, 422, "bad_picture", NULL, &status);
    } else if (code != ADAH_OK) {
        serve_refuse_failed(r, &status);
    } else {
        a->status = 200;
        a->content_type = "image/jpeg";
        a->bytes = jpeg;
        a->n_bytes = n;
        a->release = adah_free;
    }
}

void serve_handle_thumbnail(serve_request *r, serve_state *state) {
    struct stat info;
    char etag[sizeof r->answer.etag];
    const uint8_t *bytes;
    size_t n_bytes;
    if (!serve_read_query(r, SERVE_SIDE, 0))
        return;
    const int fd = open_item(r, state, &info);
    if (fd < 0)
        return;
    version_of(&info, r->query.side, etag, sizeof etag);
    r->answer.cache_control = "private, max-age=3600";
    if (!serve_is_unchanged(r, etag) && read_all(r, fd, NULL, &bytes, &n_bytes) &&
        serve_check_picture(r, NULL, bytes, n_bytes))
        make_thumbnail(r, bytes, n_bytes);
    close(fd);
}
