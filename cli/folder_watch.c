/* folder_watch.c - inotify on the folder and each one below it.
 *
 * Adding a watch to a folder that has one changes nothing, so that after changes the whole tree is gone through again, once it has become
 * quiet, and watches on folders that are no longer in it are dropped. What was put into a new folder before its watch was there needs no event of its
 * own: the new folder is a change. */
#define _GNU_SOURCE
#include "folder_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_MILLISECONDS = 2000, LONGEST_MILLISECONDS = 60000, ASK_MILLISECONDS = 500, DEPTH_MAX = 64 };
#define EVENTS                                                                                                                        \
    (IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | \
     IN_ONLYDIR)

struct folder_watch {
    char *folder, *own; /* own: the name alone */
    int fd, root;
    int must_walk; /* there may be folders without a watch */
    int *id; /* of the watches, in no order */
    size_t n, capacity;
    unsigned char *is_there; /* by id: whether it is one of these */
    size_t n_is_there;
};

static adah_code fail(adah_status *status, const char *path, const char *what) {
    const int error = errno;
    snprintf(status->message, sizeof status->message, "%.1000s: %s: %s", path, what, strerror(error));
    status->system_error = error;
    return status->code = ADAH_ERROR_IO;
}

/* Whether a watch is one that this walk has not had. */
static adah_code take(folder_watch *w, int id, const char *path, int *is_new, adah_status *status) {
    const size_t i = (size_t)id;
    if (i >= w->n_is_there) {
        const size_t n = 2 * i + 64;
        unsigned char *larger = realloc(w->is_there, n);
        if (!larger)
            return fail(status, path, "cannot be watched");
        memset(larger + w->n_is_there, 0, n - w->n_is_there);
        w->is_there = larger;
        w->n_is_there = n;
    }
    *is_new = !w->is_there[i];
    w->is_there[i] = 1;
    return ADAH_OK;
}

/* *id below 0: it cannot be watched, or is already, as where a link leads back into the tree. */
static adah_code add(folder_watch *w, const char *path, int *id, adah_status *status) {
    int is_new = 0;
    *id = inotify_add_watch(w->fd, path, EVENTS);
    if (*id < 0 && errno == ENOSPC) {
        snprintf(status->message, sizeof status->message,
                 "%.1000s: there are more folders than may be watched; raise the system's limit: sysctl fs.inotify.max_user_watches=N", path);
        return status->code = ADAH_ERROR_IO;
    }
    if (*id < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP ? ADAH_OK : fail(status, path, "cannot be watched");
    const adah_code code = take(w, *id, path, &is_new, status);
    if (code != ADAH_OK || !is_new) {
        *id = -1;
        return code;
    }
    if (w->n == w->capacity) {
        const size_t capacity = w->capacity ? 2 * w->capacity : 64;
        int *larger = realloc(w->id, capacity * sizeof *larger);
        if (!larger)
            return fail(status, path, "cannot be watched");
        w->id = larger;
        w->capacity = capacity;
    }
    w->id[w->n++] = *id;
    return ADAH_OK;
}

static int is_folder(DIR *directory, const struct dirent *e) {
    struct stat info;
    if (e->d_type == DT_DIR || (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN))
        return e->d_type == DT_DIR;
    return fstatat(dirfd(directory), e->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

/* path: room for PATH_MAX bytes, n_path of them used. What vanishes meanwhile is passed over: that is a change of its own. */
static adah_code walk(folder_watch *w, char *path, size_t n_path, int depth, adah_status *status) { /* NOLINT(misc-no-recursion): bounded by DEPTH_MAX */
    int id;
    const adah_code added = add(w, path, &id, status);
    if (added != ADAH_OK || id < 0 || depth == DEPTH_MAX)
        return added;
    if (depth == 0)
        w->root = id;
    DIR *directory = opendir(path);
    adah_code code = ADAH_OK;
    for (const struct dirent *e; directory && code == ADAH_OK && (e = readdir(directory));) {
        if (e->d_name[0] == '.' || !is_folder(directory, e))
            continue;
        const int n = snprintf(path + n_path, PATH_MAX - n_path, "/%s", e->d_name);
        if (n_path + (size_t)n < PATH_MAX)
            code = walk(w, path, n_path + (size_t)n, depth + 1, status);
        path[n_path] = '\0';
    }
    if (directory)
        closedir(directory);
    return code;
}

static adah_code watch_all(folder_watch *w, adah_status *status) {
    char path[PATH_MAX];
    struct stat info;
    int *before = w->id;
    const size_t n_before = w->n;
    w->id = NULL;
    w->n = w->capacity = 0;
    w->root = -1;
    if (w->is_there)
        memset(w->is_there, 0, w->n_is_there);
    const int n = snprintf(path, sizeof path, "%s", w->folder);
    errno = ENAMETOOLONG;
    adah_code code = n < PATH_MAX ? walk(w, path, (size_t)n, 0, status) : fail(status, w->folder, "cannot be watched");
    if (code == ADAH_OK && w->root < 0 && stat(w->folder, &info) == 0 && !S_ISDIR(info.st_mode)) {
        snprintf(status->message, sizeof status->message, "%.1000s: not a folder, and only a folder can be watched; give the one that it lies in", w->folder);
        code = status->code = ADAH_ERROR_ARGUMENT;
    } else if (code == ADAH_OK && w->root < 0) {
        errno = ENOENT;
        code = fail(status, w->folder, "cannot be watched");
    }
    for (size_t i = 0; i < n_before && code == ADAH_OK; i++)
        if (!w->is_there[before[i]])
            inotify_rm_watch(w->fd, before[i]);
    free(before);
    return code;
}

adah_code folder_watch_open(const char *folder, const char *own, folder_watch **watch, adah_status *status) {
    folder_watch *w = calloc(1, sizeof *w);
    const char *slash = strrchr(own, '/');
    errno = ENOMEM;
    if (!w)
        return fail(status, folder, "cannot be watched");
    w->folder = strdup(folder);
    w->own = strdup(slash ? slash + 1 : own);
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    const adah_code code = w->folder && w->own && w->fd >= 0 ? watch_all(w, status) : fail(status, folder, "cannot be watched (inotify)");
    if (code == ADAH_OK)
        *watch = w;
    else
        folder_watch_close(w);
    return code;
}

void folder_watch_close(folder_watch *w) {
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    free(w->folder);
    free(w->own);
    free(w->id);
    free(w->is_there);
    free(w);
}

static int is_own(const folder_watch *w, const struct inotify_event *e) {
    const size_t n = strlen(w->own);
    const int is_index = e->len && strncmp(e->name, w->own, n) == 0 && (!e->name[n] || strcmp(e->name + n, ".sync") == 0);
    return e->len && (e->name[0] == '.' || is_index) && !(e->mask & IN_ISDIR);
}

/* All events that there are. */
static adah_code take_events(folder_watch *w, int *is_changed, adah_status *status) {
    _Alignas(struct inotify_event) char bytes[16384];
    int is_gone = 0;
    ssize_t n;
    while ((n = read(w->fd, bytes, sizeof bytes)) > 0)
        for (const char *p = bytes; p < bytes + n;) {
            const struct inotify_event *e = (const void *)p;
            p += sizeof *e + e->len;
            is_gone |= e->wd == w->root && (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0;
            if (e->mask & IN_IGNORED || is_own(w, e))
                continue;
            *is_changed = 1;
            w->must_walk |= (e->mask & (IN_ISDIR | IN_Q_OVERFLOW | IN_CREATE)) != 0; /* a link to a folder is created, too */
        }
    if (is_gone) {
        errno = ENOENT;
        return fail(status, w->folder, "the folder is gone and can no longer be watched");
    }
    return ADAH_OK;
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* It has been quiet. Where there are new folders, it may not have been there: *is_over stays 0. */
static adah_code look_for_folders(folder_watch *w, int *is_over, adah_status *status) {
    const size_t n_before = w->n;
    const adah_code code = w->must_walk ? watch_all(w, status) : ADAH_OK;
    w->must_walk = 0;
    *is_over = w->n <= n_before;
    return code;
}

adah_code folder_watch_wait(folder_watch *w, int (*is_stopped)(void *context), void *context, int *is_changed, adah_status *status) {
    double first = 0, last = 0;
    *is_changed = 0;
    while (!is_stopped(context)) {
        const double now = milliseconds();
        if (*is_changed && (now - last >= QUIET_MILLISECONDS || now - first >= LONGEST_MILLISECONDS)) {
            int is_over = 0;
            const adah_code code = look_for_folders(w, &is_over, status);
            if (code != ADAH_OK || is_over || now - first >= LONGEST_MILLISECONDS)
                return code;
            last = now;
        }
        struct pollfd told = {w->fd, POLLIN, 0};
        int is_new = 0;
        if (poll(&told, 1, ASK_MILLISECONDS) > 0) {
            const adah_code code = take_events(w, &is_new, status);
            if (code != ADAH_OK)
                return code;
        }
        if (is_new) {
            last = milliseconds();
            first = *is_changed ? first : last;
            *is_changed = 1;
        }
    }
    *is_changed = 0;
    return ADAH_OK;
}

#else

adah_code folder_watch_open(const char *folder, const char *own, folder_watch **watch, adah_status *status) {
    (void)own, (void)watch;
    snprintf(status->message, sizeof status->message, "%.1000s: this system does not tell of changes (inotify of Linux does); start a sync now and then", folder);
    return status->code = ADAH_ERROR_ARGUMENT;
}

void folder_watch_close(folder_watch *watch) { (void)watch; }

adah_code folder_watch_wait(folder_watch *watch, int (*is_stopped)(void *), void *context, int *is_changed, adah_status *status) {
    (void)watch, (void)is_stopped, (void)context, (void)is_changed;
    return status->code = ADAH_ERROR_ARGUMENT;
}

#endif
