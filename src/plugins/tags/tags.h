/* tags.h - what is written into a picture's file, through libexiv2: captions and keywords of IPTC, XMP and EXIF, when and where it was taken.
 *
 * Not every build has it, so that the shared library leaves it to a plugin, libadah-tags.so, and loads it when the first folder without
 * metadata is read (tags_load.c). Programs that link everything take the table directly (tags_linked.c). libexiv2 is C++: tags_exiv2.cpp,
 * from which no exception comes. */
#ifndef ADAH_PLUGINS_TAGS_TAGS_H
#define ADAH_PLUGINS_TAGS_TAGS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A keyword as it stands; a hierarchy has its levels parted by '|' or '/'; a date as it stands, its zone behind it; a place as decimal degrees,
 * latitude and longitude parted by a blank. The numbers are kept in files. */
typedef enum adah_tag {
    ADAH_TAG_CAPTION,
    ADAH_TAG_KEYWORD,
    ADAH_TAG_HIERARCHY,
    ADAH_TAG_DATE_TAKEN,     /* by the camera's clock */
    ADAH_TAG_DATE_DIGITISED, /* of a scan, say */
    ADAH_TAG_DATE_XMP,
    ADAH_TAG_PLACE,          /* of the camera's GPS */
    ADAH_TAG_PLACE_XMP
} adah_tag;

typedef struct adah_picture_tags {
    const char *version; /* ADAH_VERSION: the plugin fits the library */
    void (*start)(void); /* once, before the other: libexiv2 keeps its messages to itself */
    /* Tells of every tag of a picture or an XMP file, in the encoding that it has (mostly UTF-8). Returns 0; or 1 and what is wrong, cut to
     * n_why bytes. Several threads at once. */
    int (*read)(const char *path, void (*tell)(void *context, adah_tag tag, const char *bytes, size_t n_bytes), void *context, char *why,
                size_t n_why);
} adah_picture_tags;

/* The table itself, tags_exiv2.cpp; what tags_load.c asks the plugin for. */
__attribute__((visibility("default"))) extern const adah_picture_tags adah_tags_table;

#ifdef __cplusplus
}
#else
#include "base/status.h"
/* ADAH_ERROR_INTERNAL: this build has none. */
adah_code adah_picture_tags_get(const adah_picture_tags **tags, adah_status *status);
#endif

#endif
