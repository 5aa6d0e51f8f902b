/* fuzz_faiss.c - FAISS's files of binary codes: what can be read is written flat and as lists, and comes back. */
#define _GNU_SOURCE
#include "index/faiss_file.h"
#include "fuzz_file.h"

#include <string.h>

enum { N_IVF_MAX = 2000 }; /* codes whose centroids are learnt in no time */

/* A second file in memory cannot be renamed into place: this one lies in the folder for temporary files. */
static const char *written_path(void) {
    static char path[64];
    if (!*path)
        snprintf(path, sizeof path, "/tmp/fuzz-faiss-%ld", (long)getpid());
    return path;
}

/* Reads what was written; lists are by id, as the file was if it was one of lists. */
static void compare(const adah_faiss_codes *codes, int is_flat) {
    adah_faiss_codes back;
    if (adah_faiss_read(written_path(), &back, NULL) != ADAH_OK || back.n != codes->n || back.n_bits != codes->n_bits)
        abort();
    if ((is_flat || !codes->ids) && memcmp(back.codes, codes->codes, codes->n * codes->n_bits / 8) != 0)
        abort();
    if (is_flat && codes->ids && memcmp(back.ids, codes->ids, codes->n * sizeof *codes->ids) != 0)
        abort();
    adah_faiss_codes_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    adah_faiss_codes codes;
    if (adah_faiss_read(fuzz_file(bytes, n_bytes), &codes, NULL) != ADAH_OK)
        return 0;
    if (adah_faiss_write_flat(written_path(), &codes, NULL) == ADAH_OK)
        compare(&codes, 1);
    if (codes.n && codes.n <= N_IVF_MAX && adah_faiss_write_ivf(written_path(), &codes, 0, NULL) == ADAH_OK)
        compare(&codes, 0);
    unlink(written_path());
    adah_faiss_codes_free(&codes);
    return 0;
}
