/* zip_stored.h - the files of a zip archive that are stored as they are, as PyTorch stores tensors: found by the central directory,
 * with the 64-bit fields where there are some. Nothing is unpacked. */
#ifndef ADAH_FILES_ZIP_STORED_H
#define ADAH_FILES_ZIP_STORED_H

#include "base/status.h"

typedef struct adah_zip_entry {
    char *name;
    const uint8_t *bytes; /* into the archive; NULL: compressed or encrypted */
    size_t n_bytes;
} adah_zip_entry;

typedef struct adah_zip {
    adah_zip_entry *entry; /* by name */
    size_t n, capacity;
} adah_zip;

/* Lists the archive, whose bytes stay the caller's; path: for messages. Errors: ADAH_ERROR_CORRUPT. */
adah_code adah_zip_open(const char *path, const uint8_t *bytes, size_t n_bytes, adah_zip *zip, adah_status *status);
void adah_zip_close(adah_zip *zip); /* zeroes *zip */
const adah_zip_entry *adah_zip_find(const adah_zip *zip, const char *name); /* NULL: none */

#endif
