/* fuzz_file.h - gives the bytes of a fuzzer to functions that want a path: a file in memory, a folder of its own; and what must be
 * true of what they do. */
#ifndef ADAH_FUZZ_FUZZ_FILE_H
#define ADAH_FUZZ_FUZZ_FILE_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
/* Called once, before anything else, where a target has it. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *n_arguments, char ***argument);

#define FUZZ_MUST(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

_Noreturn static inline void fuzz_fail(const char *file, int line, const char *condition) {
    dprintf(2, "%s:%d: this must be true: %s\n", file, line, condition); /* fuzz_http has another use for stderr */
    abort();
}

/* The path of a file with these bytes, until the next call. */
static inline const char *fuzz_file(const uint8_t *bytes, size_t n_bytes) {
    static int fd = -1;
    static char path[32];
    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, n_bytes, 0) != (ssize_t)n_bytes)
        abort();
    return path;
}

static char fuzz_folder_path[64];

static inline void fuzz_folder_remove(void) {
    char path[512];
    DIR *folder = opendir(fuzz_folder_path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "%s/%s", fuzz_folder_path, entry->d_name);
        unlink(path);
    }
    if (folder)
        closedir(folder);
    rmdir(fuzz_folder_path);
}

/* A folder of files alone, in memory where there is some; gone when the program ends. */
static inline const char *fuzz_folder(void) {
    if (!fuzz_folder_path[0]) {
        snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "%s/adah-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(fuzz_folder_path) || atexit(fuzz_folder_remove) != 0)
            abort();
    }
    return fuzz_folder_path;
}

#endif
