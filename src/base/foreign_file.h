/* foreign_file.h - what a file is that is not what it should be: a download that went wrong, another program's format. */
#ifndef ADAH_BASE_FOREIGN_FILE_H
#define ADAH_BASE_FOREIGN_FILE_H

#include <stddef.h>
#include <stdint.h>

/* A phrase for a message, "a web page (HTML), ...", with what to do about it where something can be done; NULL: nothing known.
 * bytes: the beginning of the file or all of it; n_bytes 0 is "empty". */
const char *adah_foreign_file(const uint8_t *bytes, size_t n_bytes);

#endif
