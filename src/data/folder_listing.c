/* folder_listing.c - reads folder by folder with readdir, which tells what is a file without a look at each of them.
 *
 * A tar file is a folder whose members lie in it (base/tar_file.h). One that is compressed is not: nothing in it could be read without all before it. */
#define _DEFAULT_SOURCE
#include "data/folder_listing.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/tar_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 64 };

/* What cameras, systems and archives put beside the pictures. */
static const char *const system_names[] = {"Thumbs.db",  "ehthumbs.db", "desktop.ini", "__MACOSX", "@eaDir", "$RECYCLE.BIN",
                                           "lost+found", "#recycle",    "System Volume Information"};
static const char *const picture_endings[] = {".jpg",  ".jpeg", ".jpe",  ".jfif", ".png", ".webp", ".tif", ".tiff", ".gif", ".avif",
                                              ".heic", ".heif", ".hif", ".bmp",  ".dib", ".pbm",  ".pgm", ".ppm",  ".pnm", ".pam"};
static const char *const raw_endings[] = {".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2",
                                          ".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".kdc", ".mrw", ".erf", ".raw"};

typedef struct walk {
    const char *folder;
    adah_folder_listing *listing;
    adah_folder_unreadable unreadable;
    void *context;
    struct {
        dev_t device;
        ino_t number;
    } above[DEPTH_MAX];
    size_t depth;
} walk;

typedef struct names {
    char **name;
    size_t n, capacity;
} names;

const char *adah_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *adah_path_ending(const char *path) {
    const char *name = adah_path_name(path), *point = strrchr(name, '.');
    return point && point != name ? point : name + strlen(name);
}

int adah_path_is_picture(const char *path) {
    const char *ending = adah_path_ending(path);
    for (size_t i = 0; i < sizeof picture_endings / sizeof *picture_endings; i++)
        if (!strcasecmp(ending, picture_endings[i]))
            return 1;
    for (size_t i = 0; i < sizeof raw_endings / sizeof *raw_endings; i++)
        if (!strcasecmp(ending, raw_endings[i]))
            return ADAH_PATH_IS_RAW;
    return 0;
}

/* Names that begin alike up to the point follow each other. */
int adah_folder_has_picture_at(const adah_folder_listing *l, size_t i) {
    const char *path = l->path[i];
    const int kind = adah_path_is_picture(path);
    const size_t n_stem = strlen(path) - strlen(adah_path_ending(path)) + 1; /* with the point */
    if (kind != ADAH_PATH_IS_RAW)
        return kind;
    while (i > 0 && strncmp(l->path[i - 1], path, n_stem) == 0)
        i--;
    for (; i < l->n && strncmp(l->path[i], path, n_stem) == 0; i++)
        if (!strchr(l->path[i] + n_stem, '.') && !strchr(l->path[i] + n_stem, '/') && adah_path_is_picture(l->path[i]) == 1)
            return 0;
    return 1;
}

static int is_passed_over(const char *name) {
    if (name[0] == '.')
        return 1;
    for (size_t i = 0; i < sizeof system_names / sizeof *system_names; i++)
        if (!strcasecmp(name, system_names[i]))
            return 1;
    return 0;
}

static void names_free(names *list) {
    for (size_t i = 0; i < list->n; i++)
        adah_memory_free(list->name[i]);
    adah_memory_free(list->name);
}

static adah_code names_add(names *list, const char *name, adah_status *status) {
    char *copy = adah_memory_text(name);
    if (!copy || !adah_memory_grow((void **)&list->name, &list->capacity, list->n, sizeof *list->name)) {
        adah_memory_free(copy);
        return adah_fail_memory(status, strlen(name) + 1);
    }
    list->name[list->n++] = copy;
    return ADAH_OK;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void sort(names *list) {
    if (list->n > 1)
        qsort(list->name, list->n, sizeof *list->name, compare);
}

/* 'd', 'f' or 0 (neither: a pipe, a link that leads nowhere). */
static char kind_of(DIR *directory, const struct dirent *entry) {
    struct stat s;
    if (entry->d_type == DT_REG || entry->d_type == DT_DIR)
        return entry->d_type == DT_REG ? 'f' : 'd';
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return 0;
    if (fstatat(dirfd(directory), entry->d_name, &s, 0) != 0)
        return entry->d_type == DT_LNK ? 'f' : 0; /* a link whose picture is missing is a picture that cannot be read, and told as such */
    return S_ISREG(s.st_mode) ? 'f' : S_ISDIR(s.st_mode) ? 'd' : 0;
}

/* Files and subfolders of one folder, each in the order of their bytes. */
static adah_code read_names(DIR *directory, const char *path, names *files, names *folders, adah_status *status) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry && errno)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: cannot list the folder: %s", path, strerror(errno));
        if (!entry)
            break;
        const char kind = is_passed_over(entry->d_name) ? 0 : kind_of(directory, entry);
        const int is_folder = kind == 'd' || (kind == 'f' && adah_tar_is_named(entry->d_name, strlen(entry->d_name)));
        if (kind)
            ADAH_TRY(names_add(is_folder ? folders : files, entry->d_name, status));
    }
    sort(files);
    sort(folders);
    return ADAH_OK;
}

static adah_code add_file(walk *w, const char *below, const char *name, adah_status *status) {
    adah_folder_listing *l = w->listing;
    const size_t n_below = strlen(below), n_name = strlen(name), n = n_below + (n_below > 0) + n_name;
    char *path = adah_arena_alloc(&l->arena, n + 1, 1);
    if (!path || !adah_memory_grow((void **)&l->path, &l->capacity, l->n, sizeof *l->path))
        return adah_fail_memory(status, n + 1);
    memcpy(path, below, n_below);
    if (n_below)
        path[n_below] = '/';
    memcpy(path + n - n_name, name, n_name + 1);
    l->path[l->n++] = path;
    return ADAH_OK;
}

/* 1: the open folder is one of those above it, or too deep. */
static int is_circle(walk *w, DIR *directory) {
    struct stat s;
    if (w->depth == DEPTH_MAX || fstat(dirfd(directory), &s) != 0)
        return 1;
    for (size_t i = 0; i < w->depth; i++)
        if (w->above[i].device == s.st_dev && w->above[i].number == s.st_ino)
            return 1;
    w->above[w->depth].device = s.st_dev;
    w->above[w->depth].number = s.st_ino;
    return 0;
}

/* ---------------------------------------------------------------- tar files */

typedef struct tar {
    walk *w;
    const char *path;
    names members;
} tar;

/* What has no bytes, or is of another, is told as what cannot be read. */
static adah_code leave_out_member(const walk *w, const char *path, const char *name, const char *why, adah_status *status) {
    adah_status told = {0};
    adah_fail(&told, ADAH_ERROR_FORMAT, "%s/%s: left out: %s", path, name, why);
    const adah_code code = w->unreadable(w->context, &told);
    return code == ADAH_OK ? code : adah_fail(status, code, "%s", told.message);
}

static int is_part_passed_over(const char *name) {
    char part[256];
    for (const char *p = name; *p;) {
        const size_t n = strcspn(p, "/");
        if (n < sizeof part) {
            memcpy(part, p, n);
            part[n] = '\0';
            if (strcmp(part, "..") != 0 && is_passed_over(part)) /* ".." leads out, which is told */
                return 1;
        }
        p += n + (p[n] == '/');
    }
    return 0;
}

static adah_code take_member(void *context, const char *name, const char *why, adah_status *status) {
    tar *t = context;
    if (is_part_passed_over(name))
        return ADAH_OK;
    return why ? leave_out_member(t->w, t->path, name, why, status) : names_add(&t->members, name, status);
}

/* The members in the order of their bytes. */
static adah_code list_tar(walk *w, const char *below, const char *path, adah_status *status) {
    tar t = {.w = w, .path = path};
    adah_code code = adah_tar_list(path, take_member, &t, status);
    if (code == ADAH_ERROR_IO && *below) /* one that nobody may read is told and left out, as such a folder is */
        code = status->code = ADAH_ERROR_FORMAT;
    if (code == ADAH_ERROR_FORMAT && t.members.n) { /* those before the fault are whole */
        const adah_status why = *status;
        code = w->unreadable(w->context, &why);
    }
    sort(&t.members);
    for (size_t i = 0; i < t.members.n && code == ADAH_OK; i++)
        if (i + 1 < t.members.n && !strcmp(t.members.name[i], t.members.name[i + 1]))
            code = leave_out_member(w, path, t.members.name[i], "another one behind it has the same name", status);
        else
            code = add_file(w, below, t.members.name[i], status);
    w->listing->n_tars += code == ADAH_OK;
    names_free(&t.members);
    return code;
}

/* Of what was given instead of a folder: the way out. */
static adah_code fail_no_folder(const char *path, adah_status *status) {
    static const struct {
        const char *ending, *way;
    } packed[] = {{".zip", "unzip -d FOLDER"}, {".7z", "7z x"}, {".rar", "unrar x"}, {".tgz", "tar -xzf"}, {".tar.gz", "gunzip -k"}, {".tar.zst", "zstd -d"},
                  {".tar.xz", "unxz -k"}, {".tar.bz2", "bunzip2 -k"}, {".tar.lz4", "lz4 -d"}};
    const size_t n = strlen(path);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        const size_t n_ending = strlen(packed[i].ending);
        if (n > n_ending && !strcasecmp(path + n - n_ending, packed[i].ending))
            return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: not a data set, but an archive that is compressed; unpack it (%s), and give the folder or .tar file that comes out",
                             path, packed[i].way);
    }
    return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: not a data set: Not a directory; expected a folder, or a .tar file", path);
}

/* below: relative to the folder, "" at first. */
static adah_code list(walk *w, const char *below, adah_status *status) { /* NOLINT(misc-no-recursion): bounded by DEPTH_MAX */
    names files = {0}, folders = {0};
    char *path = *below ? adah_file_join(w->folder, below) : adah_memory_text(w->folder);
    if (!path)
        return adah_fail_memory(status, strlen(w->folder) + strlen(below) + 2);
    DIR *directory = opendir(path);
    const int reason = errno, is_no_folder = !directory && reason == ENOTDIR && adah_file_exists(path);
    adah_code code = ADAH_OK;
    if (is_no_folder && adah_tar_is_named(path, strlen(path)))
        code = list_tar(w, below, path, status);
    else if (is_no_folder && !*below)
        code = fail_no_folder(path, status);
    else if (!directory)
        code = adah_fail(status, *below ? ADAH_ERROR_FORMAT : reason == ENOENT || reason == ENOTDIR ? ADAH_ERROR_NOT_FOUND : ADAH_ERROR_IO,
                         "%s: %s: %s", path, *below ? "cannot open the folder" : "not a data set", strerror(reason));
    else if (!is_circle(w, directory))
        code = read_names(directory, path, &files, &folders, status);
    if (directory)
        closedir(directory);
    adah_memory_free(path);
    if (code == ADAH_ERROR_FORMAT && *below) {
        const adah_status why = *status;
        code = w->unreadable(w->context, &why);
    }
    w->depth++;
    for (size_t i = 0; i < files.n && code == ADAH_OK; i++)
        code = add_file(w, below, files.name[i], status);
    for (size_t i = 0; i < folders.n && code == ADAH_OK; i++) {
        char *next = *below ? adah_file_join(below, folders.name[i]) : adah_memory_text(folders.name[i]);
        code = next ? list(w, next, status) : adah_fail_memory(status, strlen(below) + strlen(folders.name[i]) + 2);
        adah_memory_free(next);
    }
    w->depth--;
    names_free(&files);
    names_free(&folders);
    return code;
}

adah_code adah_folder_list(const char *folder, adah_folder_listing *listing, adah_folder_unreadable unreadable, void *context,
                           adah_status *status) {
    walk w = {.folder = folder, .listing = listing, .unreadable = unreadable, .context = context};
    adah_status own = {0};
    return list(&w, "", status ? status : &own);
}

void adah_folder_listing_free(adah_folder_listing *listing) {
    adah_memory_free(listing->path);
    adah_arena_free(&listing->arena);
    *listing = (adah_folder_listing){0};
}
