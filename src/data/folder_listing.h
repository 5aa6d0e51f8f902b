/* folder_listing.h - the files below a folder, as people keep them: without what is hidden, and what systems put there. */
#ifndef ADAH_DATA_FOLDER_LISTING_H
#define ADAH_DATA_FOLDER_LISTING_H

#include "base/status.h"
#include "data/string_table.h"

/* Zero-initialise. */
typedef struct adah_folder_listing {
    const char **path; /* [n], relative to the folder; those of one folder follow each other, in the order of their bytes, before its subfolders; those of a tar file,
                          which is a folder here, in the order of the bytes of their names */
    size_t n, capacity, n_tars;
    adah_arena arena;
} adah_folder_listing;

/* What becomes of a subfolder that cannot be read: anything but ADAH_OK ends the listing. */
typedef adah_code (*adah_folder_unreadable)(void *context, const adah_status *why);

/* Lists without opening any file but tar files. Links are followed, but for one that leads to a folder it lies in. */
adah_code adah_folder_list(const char *folder, adah_folder_listing *listing, adah_folder_unreadable unreadable, void *context,
                           adah_status *status);
/* 1: entry i is a picture; raw data of a camera are none where the camera has put a picture of the same name beside them. */
int adah_folder_has_picture_at(const adah_folder_listing *listing, size_t i);
void adah_folder_listing_free(adah_folder_listing *listing); /* zeroes it */

/* The part of a path behind the last slash. */
const char *adah_path_name(const char *path);
/* The ending of a name with its point, "" when it has none (".jpg" as a whole name has none). */
const char *adah_path_ending(const char *path);
enum { ADAH_PATH_IS_RAW = 2 };
/* 1: a picture by its ending, of the kinds that are read; ADAH_PATH_IS_RAW: raw data of a camera, with a picture in them; 0: something else. */
int adah_path_is_picture(const char *path);

#endif
