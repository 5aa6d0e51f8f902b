/* image.c - pictures of files, within limits; plugins/pictures/jpeg.h and the codec (plugins/pictures/codec.h) do the rest.
 *
 * Files are read whole, so that a path is never taken for a "name[options]" of the codec's. */
#include "data/image.h"
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "data/picture_form.h"
#include "data/raw_preview.h"
#include "plugins/pictures/head.h"
#include "plugins/pictures/jpeg.h"
#include "plugins/pictures/raster.h"

#include <string.h>

static const size_t file_bytes_max = (size_t)1 << 30;

adah_code adah_image_start(adah_status *status) {
    const adah_picture_codec *codec;
    return adah_picture_codec_get(&codec, status);
}

/* Of a file of n_bytes, `what` it should be, to make n_side pixels of. */
static adah_code check(size_t n_bytes, const char *name, const char *what, size_t n_side, adah_status *status) {
    if (n_side < 1 || n_side > ADAH_IMAGE_SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "image side %zu, expected 1..%d", n_side, ADAH_IMAGE_SIDE_MAX);
    if (n_bytes == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: empty, expected %s", name, what);
    return ADAH_OK;
}

/* The codec for it. */
static adah_code codec_for(size_t n_bytes, const char *name, const char *what, size_t n_side,
                           const adah_picture_codec **codec, adah_status *status) {
    ADAH_TRY(check(n_bytes, name, what, n_side, status));
    return adah_picture_codec_get(codec, status);
}

/* What is no picture is told by what it is instead, where that is known. */
static adah_code examine(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status) {
    adah_status fault = {0};
    const adah_code code = adah_picture_head(bytes, n_bytes, name, info, &fault);
    const char *foreign = code == ADAH_ERROR_FORMAT ? adah_foreign_file(bytes, n_bytes) : NULL;
    if (code != ADAH_OK && foreign && !strstr(foreign, "picture"))
        return adah_fail(status, code, "%s: not an image that can be read (it is in no known format): %s", name, foreign);
    return code == ADAH_OK ? code : adah_fail(status, code, "%s", fault.message);
}

static adah_code decode_picture(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int keeps_aspect,
                                adah_picture *picture, adah_status *status) {
    const adah_picture_codec *codec;
    adah_picture_info info;
    ADAH_TRY(check(n_bytes, name, "an image", n_side, status));
    ADAH_TRY(examine(bytes, n_bytes, name, &info, status));
    if (info.excess)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not decoded: %s", name, info.excess);
    if (info.n_pixels > ADAH_PICTURE_PIXELS_MAX) {
        const int is_told = info.n_pixels == (uint64_t)info.n_width * info.n_height;
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s%zu x %zu pixels, expected at most %llu in all", name,
                         is_told ? "" : "decodes to more than its ", info.n_width, info.n_height,
                         (unsigned long long)ADAH_PICTURE_PIXELS_MAX);
    }
    ADAH_TRY(adah_jpeg_decode(bytes, n_bytes, n_side, keeps_aspect, picture, status));
    if (picture->rgb)
        return ADAH_OK;
    if (adah_raster_is(bytes, n_bytes))
        return adah_raster_decode(bytes, n_bytes, name, n_side, keeps_aspect, picture, status);
    ADAH_TRY(adah_picture_codec_get(&codec, status));
    return codec->decode(bytes, n_bytes, name, n_side, keeps_aspect, picture, status);
}

/* The only way to a decoder. Raw data of cameras are shown by the picture in them. */
static adah_code decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int keeps_aspect,
                        adah_picture *picture, adah_status *status) {
    uint8_t *jpeg;
    size_t n_jpeg_bytes;
    ADAH_TRY(adah_raw_preview(name, bytes, n_bytes, &jpeg, &n_jpeg_bytes, status));
    if (!jpeg)
        return decode_picture(bytes, n_bytes, name, n_side, keeps_aspect, picture, status);
    const adah_code code = decode_picture(jpeg, n_jpeg_bytes, name, n_side, keeps_aspect, picture, status);
    adah_memory_free(jpeg);
    return code;
}

adah_code adah_image_decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb,
                            adah_status *status) {
    adah_picture picture;
    ADAH_TRY(decode(bytes, n_bytes, name, n_side, 0, &picture, status));
    memcpy(rgb, picture.rgb, n_side * n_side * 3);
    adah_memory_free(picture.rgb);
    return ADAH_OK;
}

adah_code adah_image_read(const char *path, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    return adah_file_read(path, file_bytes_max, bytes, n_bytes, status);
}

adah_code adah_image_load(const char *path, size_t n_side, uint8_t *rgb, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(adah_image_read(path, &bytes, &n_bytes, status));
    adah_code code = adah_image_decode(bytes, n_bytes, path, n_side, rgb, status);
    adah_memory_free(bytes);
    return code;
}

adah_code adah_image_decode_in_form(const uint8_t *bytes, size_t n_bytes, const char *name, const adah_picture_form *form, uint8_t *rgb,
                                    adah_status *status) {
    adah_picture whole;
    if (adah_picture_form_is_plain(form))
        return adah_image_decode(bytes, n_bytes, name, form->n_side, rgb, status);
    ADAH_TRY(adah_picture_form_check(form, status));
    ADAH_TRY(decode(bytes, n_bytes, name, ADAH_FORM_SIDE_MAX, 1, &whole, status));
    const adah_code code = adah_picture_form_apply(form, &whole, rgb, status);
    adah_memory_free(whole.rgb);
    return code;
}

adah_code adah_image_load_in_form(const char *path, const adah_picture_form *form, uint8_t *rgb, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(adah_image_read(path, &bytes, &n_bytes, status));
    const adah_code code = adah_image_decode_in_form(bytes, n_bytes, path, form, rgb, status);
    adah_memory_free(bytes);
    return code;
}

adah_code adah_image_decode_thumbnail(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side,
                                      adah_picture *picture, adah_status *status) {
    return decode(bytes, n_bytes, name, n_side, 1, picture, status);
}

adah_code adah_image_examine(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status) {
    uint8_t *jpeg;
    size_t n_jpeg_bytes;
    ADAH_TRY(check(n_bytes, name, "an image", 1, status));
    ADAH_TRY(adah_raw_preview(name, bytes, n_bytes, &jpeg, &n_jpeg_bytes, status));
    const adah_code code = jpeg ? examine(jpeg, n_jpeg_bytes, name, info, status) : examine(bytes, n_bytes, name, info, status);
    adah_memory_free(jpeg);
    return code;
}

adah_code adah_image_load_thumbnail(const char *path, size_t n_side, adah_picture *picture, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(adah_image_read(path, &bytes, &n_bytes, status));
    adah_code code = decode(bytes, n_bytes, path, n_side, 1, picture, status);
    adah_memory_free(bytes);
    return code;
}

adah_code adah_image_render_svg(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb,
                                adah_status *status) {
    const adah_picture_codec *codec;
    ADAH_TRY(codec_for(n_bytes, name, "an SVG drawing", n_side, &codec, status));
    return codec->render_svg(bytes, n_bytes, name, n_side, ADAH_SVG_SECONDS, rgb, status);
}

static adah_code encode(adah_picture_format format, int quality, const uint8_t *pixels, size_t n_width, size_t n_height,
                        size_t n_channels, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    const adah_picture_codec *codec;
    if (n_channels != 1 && n_channels != 3)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "picture of %zu channels, expected 1 or 3", n_channels);
    if (n_width < 1 || n_height < 1 || n_width > ADAH_IMAGE_SIDE_MAX || n_height > ADAH_IMAGE_SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "picture of %zu x %zu pixels, expected 1..%d a side", n_width,
                         n_height, ADAH_IMAGE_SIDE_MAX);
    ADAH_TRY(adah_picture_codec_get(&codec, status));
    return codec->encode(format, quality, pixels, n_width, n_height, n_channels, name, bytes, n_bytes, status);
}

adah_code adah_image_write_png(const char *path, const uint8_t *pixels, size_t n_width, size_t n_height,
                               size_t n_channels, adah_status *status) {
    uint8_t *png;
    size_t n_bytes;
    ADAH_TRY(encode(ADAH_PICTURE_PNG, 0, pixels, n_width, n_height, n_channels, path, &png, &n_bytes, status));
    adah_code code = adah_file_publish_of_kind(path, png, n_bytes, status);
    adah_memory_free(png);
    return code;
}

adah_code adah_image_encode_png(const adah_picture *picture, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    return encode(ADAH_PICTURE_PNG, 0, picture->rgb, picture->n_width, picture->n_height, 3, "picture", bytes, n_bytes,
                  status);
}

adah_code adah_image_encode_jpeg(const adah_picture *picture, int quality, uint8_t **bytes, size_t *n_bytes,
                                 adah_status *status) {
    if (quality < 1 || quality > 100)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "JPEG quality %d, expected 1..100", quality);
    return encode(ADAH_PICTURE_JPEG, quality, picture->rgb, picture->n_width, picture->n_height, 3, "picture", bytes,
                  n_bytes, status);
}
