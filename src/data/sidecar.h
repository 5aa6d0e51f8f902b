/* sidecar.h - files beside a picture that tell of it. */
#ifndef ADAH_DATA_SIDECAR_H
#define ADAH_DATA_SIDECAR_H

#include "base/status.h"
#include "data/findings.h"

/* 1: `path` is the name of a sidecar of the picture: its name with .txt, .caption, .json, .cls or .xmp behind it or in place of its ending; or of
 * Google's Takeout, x.jpg.supplemental-metadata.json, also cut off; x.jpg(1).json of x(1).jpg; x.jpg.json of x-edited.jpg. Both in the same folder. */
int adah_sidecar_belongs(const char *picture, const char *path);
/* Bytes of the path that such a file of Takeout begins with where the picture's name goes on with "(1)" or "-edited"; 0: it does not. */
size_t adah_sidecar_other_stem(const char *picture);
/* 1: the ending of such a file. */
int adah_sidecar_is_named(const char *ending);
/* Adds what the file says. .txt and .caption: a text a line. .cls: a label a line. .json: keys as in metadata.jsonl and those of Takeout (description, people, photoTakenTime, geoData) and
 * labelme (shapes). .xmp: as inside of pictures. ADAH_ERROR_MISMATCH: numbers alone. ADAH_ERROR_FORMAT, ADAH_ERROR_IO: it is not understood; the message names it. */
adah_code adah_sidecar_read(const char *path, adah_findings *findings, adah_status *status);

#endif
