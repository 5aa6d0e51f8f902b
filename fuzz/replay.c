/* replay.c - gives every file of a folder to a fuzz target once, without libFuzzer: files that broke a reader before
 * stay tests with any compiler. */
#define _GNU_SOURCE
#include "fuzz_file.h"

#include <dirent.h>

/* 0: cannot be read. */
static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    uint8_t *bytes = NULL;
    long n_bytes = -1;
    if (fseek(file, 0, SEEK_END) == 0 && (n_bytes = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)n_bytes + 1);
    const int is_read = bytes && fread(bytes, 1, (size_t)n_bytes, file) == (size_t)n_bytes;
    fclose(file);
    if (is_read) {
        /* Memory of just this size, so that a read behind the end is seen. */
        uint8_t *exact = realloc(bytes, n_bytes ? (size_t)n_bytes : 1);
        bytes = exact ? exact : bytes;
        LLVMFuzzerTestOneInput(bytes, (size_t)n_bytes);
    }
    free(bytes);
    return is_read;
}

int main(int argc, char **argv) {
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (!folder) {
        perror(argv[1]);
        return 1;
    }
    size_t n_files = 0;
    int n_failed = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        n_files++;
        if (!replay_file(path)) {
            perror(path);
            n_failed++;
        }
    }
    closedir(folder);
    printf("%zu files\n", n_files);
    return n_files && !n_failed ? 0 : 1;
}
