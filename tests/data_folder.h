/* data_folder.h - for tests of data sets: folders with files in them, and the shared photo sets.
 * Include it behind `#define _GNU_SOURCE` in the first line and behind cmocka.h. */
#ifndef ADAH_TESTS_DATA_FOLDER_H
#define ADAH_TESTS_DATA_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.h"

static inline int data_folder_unlink(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

/* The folder with all that is in it. */
static inline void data_folder_remove(const temporary_folder *f) {
    nftw(f->path, data_folder_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes folder/name, making the folders on its way. */
static inline void data_folder_write(const char *folder, const char *name, const void *bytes, size_t n_bytes) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(folder, 0777);
    for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0777);
        *p = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static inline void data_folder_put(const char *folder, const char *name, const char *text) {
    data_folder_write(folder, name, text, strlen(text));
}

/* Memory to free, with a NUL byte behind; fails the test when the file is not there. */
static inline char *data_folder_read(const char *folder, const char *name, size_t *n_bytes) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n_bytes = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*n_bytes + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n_bytes, file), *n_bytes);
    bytes[*n_bytes] = '\0';
    fclose(file);
    return bytes;
}

/* The path of something under the shared folder ($ADAH_SHARED); 0 with a message when it is not there. */
static inline int data_folder_shared(const char *name, char path[1024]) {
    const char *shared = getenv("ADAH_SHARED");
    snprintf(path, 1024, "%s/%s", shared ? shared : ADAH_SOURCE_DIR "/../shared", name);
    if (access(path, R_OK) == 0)
        return 1;
    print_message("SKIPPED: %s is not there (set ADAH_SHARED)\n", path);
    return 0;
}

/* Runs `body` with stderr going to a file, and returns how many bytes came. A failing assertion leaves `body` by a
 * jump: call data_folder_restore_stderr in the teardown. */
static int data_folder_kept_stderr = -1;

static inline void data_folder_restore_stderr(void) {
    fflush(stderr);
    if (data_folder_kept_stderr >= 0) {
        dup2(data_folder_kept_stderr, STDERR_FILENO);
        close(data_folder_kept_stderr);
    }
    data_folder_kept_stderr = -1;
}

static inline long data_folder_stderr_of(void (*body)(void)) {
    FILE *catcher = tmpfile();
    assert_non_null(catcher);
    fflush(stderr);
    data_folder_kept_stderr = dup(STDERR_FILENO);
    dup2(fileno(catcher), STDERR_FILENO);
    body();
    data_folder_restore_stderr();
    fseek(catcher, 0, SEEK_END);
    long n = ftell(catcher);
    fclose(catcher);
    return n;
}

#endif
