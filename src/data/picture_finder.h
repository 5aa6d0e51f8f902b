/* picture_finder.h - the pictures of a folder by the names that metadata of other programs give them. */
#ifndef ADAH_DATA_PICTURE_FINDER_H
#define ADAH_DATA_PICTURE_FINDER_H

#include "base/text.h"
#include "data/dataset_reader.h"
#include "data/folder_listing.h"

/* Zero-initialise. */
typedef struct adah_picture_finder {
    const char **path; /* [n], of the listing */
    size_t n;
    adah_string_table paths;            /* those, numbered as they are */
    adah_string_table names, stems;     /* in lower case, of the last part: "a.jpg", "a" */
    uint32_t *first_of_name, *next_of_name, *first_of_stem, *next_of_stem; /* pictures of each, chained */
    adah_text room, lower;
} adah_picture_finder;

/* Of a listing, which must last longer. */
adah_code adah_picture_finder_make(const adah_folder_listing *listing, adah_picture_finder *finder, adah_status *status);
void adah_picture_finder_free(adah_picture_finder *finder); /* zeroes it */

/* The picture that `name` means, as it stands in a metadata file in `folder` (relative, "" for the top): a path from that folder or from the top, in
 * any spelling of slashes; or one whose last parts are as named, of several the one that has most of them in common; with or without its
 * ending, capitals or not; an address of the web by its last part; "a.jpg#0" as "a.jpg". NULL: none, or several with equal right, or
 * (finder->room.failed) memory ran out. */
const char *adah_picture_finder_find(adah_picture_finder *finder, const char *folder, adah_raw_text name);
/* 1: a picture lies beside the file `path` and has its name, so that the file is one that belongs to that picture. */
int adah_picture_finder_has_beside(adah_picture_finder *finder, const char *path);

#endif
