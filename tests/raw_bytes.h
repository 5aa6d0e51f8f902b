/* raw_bytes.h - writes a file of raw camera data as DNG has it: TIFF with a small and a large JPEG, and raw data that are JPEGs of another kind. */
#ifndef ADAH_TESTS_RAW_BYTES_H
#define ADAH_TESTS_RAW_BYTES_H

#include "exif_bytes.h"

/* The pictures lie in the file in this order, the raw data between them; `to` has room for 2 KiB more than they have. Returns the bytes written. */
static inline size_t raw_file(const unsigned char *small, size_t n_small, const unsigned char *large, size_t n_large, unsigned orientation,
                              const char *date, unsigned char *to) {
    enum { MAIN = 8, PHOTO = 160, VALUES = 240, PICTURES = 1024 };
    static const unsigned char raw_data[] = "\xff\xd8\xff\xc3\0\x0b\x0e\x0f\xff\x0f\xff\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\x01\0\0\x12\x34\xff\0\x56\xff\xd9";
    unsigned char value[4];
    size_t values = VALUES, n = PICTURES;
    memset(to, 0, PICTURES);
    memcpy(to, "II*\0\x08\0\0\0", 8);
    exif_directory all = {to, MAIN, &values, 0}, photo = {to, PHOTO, &values, 0};
    exif_little(value, 7, 4);
    exif_entry(&all, 0x0103, 3, 1, value, 4); /* JPEG */
    exif_text(&all, 0x010f, "Camera");
    exif_little(value, (uint32_t)(PICTURES + n_small + sizeof raw_data - 1), 4);
    exif_entry(&all, 0x0111, 4, 1, value, 4); /* where the large one is */
    exif_little(value, orientation, 4);
    exif_entry(&all, 0x0112, 3, 1, value, 4);
    exif_little(value, (uint32_t)n_large, 4);
    exif_entry(&all, 0x0117, 4, 1, value, 4);
    exif_little(value, PHOTO, 4);
    exif_entry(&all, 0x8769, 4, 1, value, 4);
    exif_entry(&all, 0xc612, 1, 4, "\1\4\0\0", 4); /* the version of DNG */
    exif_text(&photo, 0x9003, date);
    memcpy(to + n, small, n_small), n += n_small;
    memcpy(to + n, raw_data, sizeof raw_data - 1), n += sizeof raw_data - 1;
    memcpy(to + n, large, n_large), n += n_large;
    return n;
}

#endif
