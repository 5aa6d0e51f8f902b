/* raw_preview.h - raw data of cameras (DNG, CR2, NEF, ARW and others) by the picture that the camera has put into the file for a quick look. */
#ifndef ADAH_DATA_RAW_PREVIEW_H
#define ADAH_DATA_RAW_PREVIEW_H

#include "base/status.h"

/* The largest of them as the file of a JPEG, turned as the head of the raw data says (adah_memory_free). *jpeg NULL: neither by the ending of the name
 * nor by what is in it the file is of raw data. ADAH_ERROR_FORMAT: it is, and there is no such picture. */
adah_code adah_raw_preview(const char *file_name, const uint8_t *bytes, size_t n_bytes, uint8_t **jpeg, size_t *n_jpeg_bytes, adah_status *status);

#endif
