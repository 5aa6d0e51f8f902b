/* matlab.h - files of MATLAB (.mat, versions 5 to 7.3), through matio.
 *
 * matio brings HDF5 and that network libraries with it, whose loading takes longer (4 ms) than the rest of the command's
 * start. So the shared library leaves matio to a plugin, libadah-matlab.so, and loads it when the first .mat file is met
 * (matlab_load.c). Programs that link everything take the table directly (matlab_linked.c). */
#ifndef ADAH_PLUGINS_MATLAB_MATLAB_H
#define ADAH_PLUGINS_MATLAB_MATLAB_H

#include "base/status.h"

#include <matio.h>
#include <string.h>

/* The functions of matio that the library calls; see its manual. */
typedef struct adah_matlab {
    const char *version; /* ADAH_VERSION: the plugin fits the library */
    void (*start)(void); /* once, before the others: matio keeps its messages to itself */
    mat_t *(*open)(const char *path, int mode);
    int (*close)(mat_t *file);
    matvar_t *(*read)(mat_t *file, const char *name);
    matvar_t *(*read_info)(mat_t *file, const char *name); /* without the data */
    int (*read_part)(mat_t *file, matvar_t *variable, void *data, int *start, int *stride, int *edge);
    matvar_t *(*field)(matvar_t *structure, const char *name, size_t i);
    matvar_t *(*cell)(matvar_t *cells, int i);
    void (*free)(matvar_t *variable);
} adah_matlab;

adah_code adah_matlab_get(const adah_matlab **matlab, adah_status *status);

/* Whether the bytes of a file are those of a .mat file. */
static inline int adah_matlab_is_file(const uint8_t *bytes, size_t n_bytes) {
    return n_bytes >= 128 && memcmp(bytes, "MATLAB ", 7) == 0;
}

/* The table itself, matlab_table.c; what matlab_load.c asks the plugin for. */
__attribute__((visibility("default"))) extern const adah_matlab adah_matlab_table;

#endif
