/* coded_size.h - how large the pictures in coded video are, as an AVIF or HEIC file holds them: what a decoder will make of the
 * bytes, whatever the container says.
 *
 * Only heads are read: sequence headers and frame headers of AV1, parameter sets and the first bits of slices of HEVC. */
#ifndef ADAH_PLUGINS_PICTURES_CODED_SIZE_H
#define ADAH_PLUGINS_PICTURES_CODED_SIZE_H

#include <stddef.h>
#include <stdint.h>

typedef struct adah_coded_size {
    uint64_t n_width, n_height; /* the largest that any head says; 0: none was found */
    uint64_t n_pictures;        /* that are decoded */
    int is_deep;                /* more than 8 bits a channel */
    /* AV1: what of the last sequence header the frame headers need. */
    int has_reduced_head, has_decoder_model, has_equal_interval, n_time_bits, has_frame_ids, n_id_bits, screen_content, integer_motion;
    uint64_t n_width_limit, n_height_limit; /* what a frame that has a size of its own may say */
} adah_coded_size;

/* Each adds what a piece of data holds: NULL, or what is wrong with it. Begin with zeros; configuration first, then data. */
const char *adah_coded_size_av1(adah_coded_size *size, const uint8_t *obus, size_t n_bytes);
/* Units that each follow their length, a number of 4 bytes. */
const char *adah_coded_size_hevc(adah_coded_size *size, const uint8_t *units, size_t n_bytes);
/* One unit. */
const char *adah_coded_size_hevc_unit(adah_coded_size *size, const uint8_t *unit, size_t n_bytes);

#endif
