/* faiss_file.h - codes to and from FAISS's files of binary indexes, which FAISS itself reads and writes.
 *
 * Read: IndexBinaryFlat, IndexBinaryIDMap and IndexBinaryIDMap2 round a flat one, IndexBinaryIVF whose quantizer is
 * flat, as FAISS 1.7.3 to 1.15.1 write them. Written: the same but IDMap2. FAISS is not needed for any of it. The
 * bytes of a code are the same on both sides. */
#ifndef ADAH_INDEX_FAISS_FILE_H
#define ADAH_INDEX_FAISS_FILE_H

#include "base/status.h"

/* What a FAISS file of binary codes holds. */
typedef struct adah_faiss_codes {
    size_t n, n_bits; /* n_bits: a multiple of 8 from ADAH_BITS_MIN to ADAH_BITS_MAX */
    uint8_t *codes;   /* n codes of n_bits / 8 bytes */
    uint64_t *ids;    /* n ids, at most INT64_MAX: FAISS has them signed; NULL: 0 .. n - 1 */
} adah_faiss_codes;

/* Reads a file. The codes of inverted lists come in the order of their ids, equal ones in the order of the file;
 * others in the order of the file. Where ids are 0 .. n - 1 in this order, ids is NULL. The caller frees *codes,
 * which is set on success alone. ADAH_ERROR_FORMAT: not a FAISS file, another kind of index (named with what is
 * read), damaged, or codes of a length that adah has not. Which of several lists a code was in, the direct map and
 * nprobe are not kept. */
adah_code adah_faiss_read(const char *path, adah_faiss_codes *codes, adah_status *status);

void adah_faiss_codes_free(adah_faiss_codes *codes); /* zeroes it; fine on a zeroed one */

/* Writes an IndexBinaryFlat, with ids an IndexBinaryIDMap round one. The file appears whole or not at all. */
adah_code adah_faiss_write_flat(const char *path, const adah_faiss_codes *codes, adah_status *status);

/* Writes an IndexBinaryIVF of n_lists inverted lists (at most n; 0: about sqrt(n), where finding the nearest list and
 * searching it take equally long) whose centroids are learnt here. The same codes give the same file on any machine
 * with any number of threads. nprobe, the lists that a search looks into, is FAISS's own default of 1: set it after
 * reading. At least one code. */
adah_code adah_faiss_write_ivf(const char *path, const adah_faiss_codes *codes, size_t n_lists, adah_status *status);

#endif
