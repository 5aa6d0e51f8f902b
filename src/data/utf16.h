/* utf16.h - text files in UTF-16, as spreadsheets and some shells write them. */
#ifndef ADAH_DATA_UTF16_H
#define ADAH_DATA_UTF16_H

#include "base/status.h"

/* Makes a file's bytes (of base/file.h: adah_memory_free, a NUL behind) UTF-8 without a byte order mark where they are UTF-16 by their
 * mark or by where their zeros are, or UTF-8 with a mark. `path` is for messages. ADAH_ERROR_FORMAT: broken UTF-16. */
adah_code adah_utf16_resolve(const char *path, uint8_t **bytes, size_t *n_bytes, adah_status *status);

#endif
