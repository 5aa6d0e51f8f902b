/* files.h - files that the build put into the program (cmake/embed.cmake). */
#ifndef ADAH_SERVER_FILES_H
#define ADAH_SERVER_FILES_H

#include <stddef.h>
#include <stdint.h>

typedef struct serve_file {
    const char *name, *etag;
    const uint8_t *bytes;
    size_t n_bytes;
} serve_file;

extern const serve_file serve_files[];
extern const size_t serve_n_files;
const serve_file *serve_file_find(const char *name); /* NULL: it was left out */
const serve_file *serve_page_file(const char *name); /* of those that have an address of their own, below /page/; NULL: there is none */

#endif
