/* picture_tags.h - captions and keywords inside a picture, cleaned of what only cameras write, and when and where it was taken. */
#ifndef ADAH_DATA_PICTURE_TAGS_H
#define ADAH_DATA_PICTURE_TAGS_H

#include "base/status.h"
#include "data/findings.h"

/* Whether this build reads them; NULL, or why not: text that lasts as long as the program. */
const char *adah_picture_tags_missing(void);
/* Adds what a picture or an XMP file says. ADAH_ERROR_FORMAT: it is not understood, or not read in this build. */
adah_code adah_picture_tags_read(const char *path, adah_findings *findings, adah_status *status);
/* The same in two steps: what a file says, to be kept, and what of it counts. */
adah_code adah_picture_tags_record(const char *path, adah_text *record, adah_status *status);
void adah_picture_tags_take(const char *record, size_t n_bytes, adah_findings *findings);
enum { ADAH_PICTURE_TAGS_VERSION = 2 }; /* of records: goes up when the plugin tells more of the same file, so that old ones are made again */
/* 1: a caption that a camera or a program has written by itself ("OLYMPUS DIGITAL CAMERA"). */
int adah_caption_is_made(const char *bytes, size_t n_bytes);

#endif
