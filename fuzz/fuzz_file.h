/* fuzz_file.h - gives the bytes of a fuzzer to functions that want a path: a file in memory. */
#ifndef ADAH_FUZZ_FUZZ_FILE_H
#define ADAH_FUZZ_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

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

#endif
