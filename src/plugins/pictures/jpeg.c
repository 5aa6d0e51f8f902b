/* jpeg.c - the head is looked at, the decoder itself shrinks by 2, 4 or 8 where that leaves a factor of two, shrink.c does the rest row
 * by row, and what came out is turned upright.
 *
 * These are the steps of libvips's thumbnails, with its settings of the decoder. Whatever is out of the ordinary ends in give_up, the
 * only way out of libjpeg-turbo's functions; all memory is held in one place, so that nothing is lost there. */
#include "plugins/pictures/jpeg.h"
#include "base/memory.h"
#include "plugins/pictures/head.h"
#include "plugins/pictures/shrink.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

enum { HEAD_BYTES = 0xffff };

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf way_out;
    adah_shrink *shrink; /* NULL: all pixels are wanted as they are */
    uint8_t *spare;      /* room for a row that is not wanted */
    adah_picture picture;
    adah_code code; /* what went wrong beside the picture */
    adah_status *status;
} decoder;

/* ---------------------------------------------------------------- out of the ordinary */

static void give_up(j_common_ptr jpeg) { longjmp(((decoder *)jpeg->client_data)->way_out, 1); }

static void take_message(j_common_ptr jpeg, int level) {
    if (level < 0) /* a warning: damaged data */
        give_up(jpeg);
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

/* A scan can say in tens of bytes that it changes nothing in all blocks of a large picture. */
static void watch_scans(j_common_ptr jpeg) {
    if (((j_decompress_ptr)jpeg)->input_scan_number > ADAH_JPEG_SCANS_MAX)
        give_up(jpeg);
}

/* ---------------------------------------------------------------- head */

static unsigned read_number(const uint8_t *p, size_t n_bytes, int is_little) {
    unsigned value = 0;
    for (size_t i = 0; i < n_bytes; i++)
        value |= (unsigned)p[i] << 8 * (is_little ? i : n_bytes - 1 - i);
    return value;
}

int adah_jpeg_orientation(const uint8_t *exif, size_t n_bytes) {
    enum { HEAD = 6, ENTRY = 12, TAG = 0x112, SHORT = 3 };
    if (n_bytes < HEAD + 8 || memcmp(exif, "Exif\0\0", HEAD) != 0)
        return 0;
    const uint8_t *tiff = exif + HEAD;
    const size_t n = n_bytes - HEAD;
    const int is_little = tiff[0] == 'I';
    if (memcmp(tiff, is_little ? "II" : "MM", 2) != 0 || read_number(tiff + 2, 2, is_little) != 42)
        return 0;
    const size_t at = read_number(tiff + 4, 4, is_little);
    if (at > n - 2)
        return 0;
    const size_t n_entries = read_number(tiff + at, 2, is_little);
    if (n_entries * ENTRY > n - 2 - at)
        return 0;
    int orientation = 0;
    for (size_t i = 0; i < n_entries; i++) {
        const uint8_t *entry = tiff + at + 2 + i * ENTRY;
        if (read_number(entry, 2, is_little) != TAG)
            continue;
        const unsigned value = read_number(entry + 8, 2, is_little);
        if (orientation || read_number(entry + 2, 2, is_little) != SHORT || read_number(entry + 4, 4, is_little) != 1 || value < 1 ||
            value > 8)
            return 0;
        orientation = (int)value;
    }
    return orientation ? orientation : 1;
}

/* What the segments of the head say; 0: a colour profile, or something that others may read otherwise. */
static int find_orientation(const decoder *d) {
    int orientation = 0;
    for (jpeg_saved_marker_ptr m = d->jpeg.marker_list; m; m = m->next) {
        if (m->marker == JPEG_APP0 + 2 && m->data_length >= 11 && !memcmp(m->data, "ICC_PROFILE", 11))
            return 0;
        if (m->marker != JPEG_APP0 + 1 || m->data_length < 4 || memcmp(m->data, "Exif", 4) != 0)
            continue;
        if (orientation)
            return 0;
        orientation = adah_jpeg_orientation(m->data, m->data_length);
        if (!orientation)
            return 0;
    }
    return orientation ? orientation : 1;
}

static int is_plain(const decoder *d) {
    const struct jpeg_decompress_struct *j = &d->jpeg;
    const int is_grey = j->num_components == 1 && j->jpeg_color_space == JCS_GRAYSCALE;
    const int is_colour = j->num_components == 3 && (j->jpeg_color_space == JCS_YCbCr || j->jpeg_color_space == JCS_RGB);
    return j->data_precision == 8 && (is_grey || is_colour) && (uint64_t)j->image_width * j->image_height <= ADAH_PICTURE_PIXELS_MAX;
}

/* Tells the decoder its part of the shrinking and plans the rest. 0: not for this file. */
static int set_sizes(decoder *d, size_t n_side, int keeps_aspect) {
    struct jpeg_decompress_struct *j = &d->jpeg;
    double factor[2];
    adah_shrink_factors(j->image_width, j->image_height, n_side, keeps_aspect, factor);
    const double less = factor[0] < factor[1] ? factor[0] : factor[1];
    const unsigned by = less >= 16 ? 8 : less >= 8 ? 4 : less >= 4 ? 2 : 1;
    j->scale_num = 1;
    j->scale_denom = by;
    j->out_color_space = JCS_RGB; /* of grey three equal ones */
    size_t n_width = j->image_width / by, n_height = j->image_height / by; /* what a block covers in part is left out */
    adah_shrink_factors(n_width, n_height, n_side, keeps_aspect, factor);
    if (factor[0] != 1 || factor[1] != 1) {
        d->code = adah_shrink_create(n_width, n_height, factor[0], factor[1], &d->shrink, d->status);
        if (!d->shrink)
            return 0;
        n_width = adah_shrink_width(d->shrink);
        n_height = adah_shrink_height(d->shrink);
    }
    if (!keeps_aspect && (n_width != n_side || n_height != n_side))
        return 0;
    const size_t n_spare_bytes = ((size_t)j->image_width + 8) * 3;
    d->picture = (adah_picture){n_width, n_height, adah_memory_alloc(n_width * n_height * 3)};
    d->spare = adah_memory_alloc(n_spare_bytes);
    if (!d->picture.rgb || !d->spare)
        d->code = adah_fail_memory(d->status, n_width * n_height * 3 + n_spare_bytes);
    return d->code == ADAH_OK;
}

/* ---------------------------------------------------------------- pixels */

static void read_rows(decoder *d) {
    struct jpeg_decompress_struct *j = &d->jpeg;
    const size_t n_wanted = j->image_height / j->scale_denom;
    jpeg_start_decompress(j);
    while (j->output_scanline < j->output_height) {
        const size_t y = j->output_scanline;
        JSAMPROW row = y >= n_wanted ? d->spare : d->shrink ? adah_shrink_row(d->shrink) : d->picture.rgb + y * d->picture.n_width * 3;
        jpeg_read_scanlines(j, &row, 1);
        if (d->shrink && y < n_wanted)
            adah_shrink_take(d->shrink, d->picture.rgb);
    }
}

/* As EXIF means 2 to 8. */
static adah_code turn(adah_picture *picture, int orientation, adah_status *status) {
    const int swaps = orientation >= 5, from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8,
              from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const size_t n_width = picture->n_width, n_height = picture->n_height, n_across = swaps ? n_height : n_width,
                 n_down = swaps ? n_width : n_height;
    uint8_t *turned = adah_memory_alloc(n_width * n_height * 3);
    if (!turned)
        return adah_fail_memory(status, n_width * n_height * 3);
    for (size_t y = 0; y < n_down; y++)
        for (size_t x = 0; x < n_across; x++) {
            const size_t u = swaps ? y : x, v = swaps ? x : y;
            const size_t from_x = from_right ? n_width - 1 - u : u, from_y = from_below ? n_height - 1 - v : v;
            memcpy(turned + (y * n_across + x) * 3, picture->rgb + (from_y * n_width + from_x) * 3, 3);
        }
    adah_memory_free(picture->rgb);
    *picture = (adah_picture){n_across, n_down, turned};
    return ADAH_OK;
}

/* 1: d->picture is whole. */
static int decode(decoder *d, const uint8_t *bytes, size_t n_bytes, size_t n_side, int keeps_aspect, int *orientation) {
    struct jpeg_decompress_struct *j = &d->jpeg;
    j->err = jpeg_std_error(&d->errors);
    d->errors.error_exit = give_up;
    d->errors.emit_message = take_message;
    d->errors.output_message = print_nothing;
    j->client_data = d;
    if (setjmp(d->way_out))
        return 0;
    jpeg_create_decompress(j);
    d->progress.progress_monitor = watch_scans;
    j->progress = &d->progress;
    jpeg_mem_src(j, bytes, (unsigned long)n_bytes);
    jpeg_save_markers(j, JPEG_APP0 + 1, HEAD_BYTES);
    jpeg_save_markers(j, JPEG_APP0 + 2, HEAD_BYTES);
    jpeg_read_header(j, TRUE);
    *orientation = find_orientation(d);
    if (!*orientation || !is_plain(d) || !set_sizes(d, n_side, keeps_aspect))
        return 0;
    read_rows(d);
    return 1;
}

adah_code adah_jpeg_decode(const uint8_t *bytes, size_t n_bytes, size_t n_side, int keeps_aspect, adah_picture *picture,
                           adah_status *status) {
    *picture = (adah_picture){0};
    if (n_bytes < 3 || memcmp(bytes, "\xff\xd8\xff", 3) != 0)
        return ADAH_OK;
    decoder *d = adah_memory_zeroed(1, sizeof *d);
    if (!d)
        return adah_fail_memory(status, sizeof *d);
    d->status = status;
    int orientation = 1;
    const int is_whole = decode(d, bytes, n_bytes, n_side, keeps_aspect, &orientation);
    jpeg_destroy_decompress(&d->jpeg);
    adah_shrink_free(d->shrink);
    adah_memory_free(d->spare);
    adah_code code = d->code;
    if (is_whole && orientation != 1)
        code = turn(&d->picture, orientation, status);
    if (is_whole && code == ADAH_OK)
        *picture = d->picture;
    else
        adah_memory_free(d->picture.rgb);
    adah_memory_free(d);
    return code;
}
