/* temporary_folder.h - a folder of its own for a test, removed with what lies in it.
 * Include it behind `#define _GNU_SOURCE` in the first line. */
#ifndef ADAH_TESTS_TEMPORARY_FOLDER_H
#define ADAH_TESTS_TEMPORARY_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct temporary_folder {
    char path[256];
} temporary_folder;

static inline temporary_folder temporary_folder_create(void) {
    temporary_folder f;
    const char *base = getenv("TMPDIR");
    snprintf(f.path, sizeof f.path, "%s/adah-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(f.path)) {
        perror(f.path);
        exit(1);
    }
    return f;
}

/* What lies in the folder. */
static inline size_t temporary_folder_count(const temporary_folder *f) {
    size_t n = 0;
    DIR *d = opendir(f->path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static inline void temporary_folder_remove(const temporary_folder *f) {
    DIR *d = opendir(f->path);
    char path[1024];
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", f->path, e->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    if (d)
        closedir(d);
    rmdir(f->path);
}

/* folder/name in a buffer of the caller. */
#define TEMPORARY_PATH(folder, name, buffer) snprintf(buffer, sizeof buffer, "%s/%s", (folder).path, name)

#endif
