/* codes_files.h - the files that codes are written to. */
#ifndef ADAH_API_CODES_FILES_H
#define ADAH_API_CODES_FILES_H

#include "base/status.h"

enum { ADAH_CODES_IMAGE, ADAH_CODES_TEXT, ADAH_CODES_IDS, ADAH_CODES_IMAGE_FINE, ADAH_CODES_TEXT_FINE, ADAH_CODES_N_FILES };
extern const char *const adah_codes_suffix[ADAH_CODES_N_FILES]; /* behind their prefix */

/* Vectors that earlier codes left under the same names do not belong to new ones. It is no error when there are none. */
adah_code adah_codes_remove_old(const char *path, adah_status *status);

#endif
