/* index_replaces.c - what a new index may put itself in the place of. */
#include "index/index_replaces.h"
#include "index/index_format.h"
#include "index/index_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* 1: the file begins as an index does, or as one that was cut off. */
static int begins_as_index(const char *path) {
    uint8_t begin[sizeof adah_index_magic];
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t n = fread(begin, 1, sizeof begin, file);
    fclose(file);
    return memcmp(begin, adah_index_magic, n) == 0;
}

adah_code adah_index_check_replaces(const char *path, uint64_t n, adah_status *status) {
    adah_index *there = NULL;
    adah_status fault = {0};
    struct stat info;
    if (stat(path, &info) != 0)
        return ADAH_OK;
    const adah_code opened = adah_index_open(path, &there, &fault);
    const uint64_t n_there = opened == ADAH_OK ? adah_index_count(there) : 0;
    adah_index_close(there);
    if (opened != ADAH_OK && !adah_is_bad_content(opened))
        return adah_fail(status, opened, "%s", fault.message);
    if (adah_is_bad_content(opened) && !begins_as_index(path))
        return adah_fail(status, ADAH_ERROR_EXISTS, "%s: the file that is there is not an adah index, and stays as it is ('adah index create --force' replaces it)", path);
    if (n < n_there - n_there / 2)
        return adah_fail(status, ADAH_ERROR_EXISTS,
                         "%s: the index there has %" PRIu64 " records, the new one would have %" PRIu64
                         ", fewer than half: it stays as it is ('adah index create --force' replaces it)", path, n_there, n);
    return ADAH_OK;
}
