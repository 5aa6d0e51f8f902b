/* thumbnail.c - pictures of others for programs that show them: what they are before they are decoded, their pixels, small copies. */
#include "base/memory.h"
#include "data/image.h"

adah_code adah_picture_examine(const uint8_t *bytes, size_t n_bytes, adah_picture_info *info, adah_status *status) {
    return adah_image_examine(bytes, n_bytes, "picture", info, status);
}

adah_code adah_picture_prepare(const uint8_t *bytes, size_t n_bytes, const adah_picture_form *form, adah_picture *picture,
                               adah_status *status) {
    const size_t n_side = form->n_side;
    adah_picture square = {n_side, n_side, n_side <= ADAH_IMAGE_SIDE_MAX ? adah_memory_alloc(n_side * n_side * 3) : NULL};
    if (!square.rgb && n_side <= ADAH_IMAGE_SIDE_MAX)
        return adah_fail_memory(status, n_side * n_side * 3);
    const adah_code code = adah_image_decode_in_form(bytes, n_bytes, "picture", form, square.rgb, status);
    if (code == ADAH_OK)
        *picture = square;
    else
        adah_memory_free(square.rgb);
    return code;
}

adah_code adah_picture_decode(const uint8_t *bytes, size_t n_bytes, size_t n_side, int keeps_aspect, adah_picture *picture,
                              adah_status *status) {
    return keeps_aspect ? adah_image_decode_thumbnail(bytes, n_bytes, "picture", n_side, picture, status)
                        : adah_picture_prepare(bytes, n_bytes, &(adah_picture_form){.n_side = n_side}, picture, status);
}

adah_code adah_picture_png(const adah_picture *picture, uint8_t **png, size_t *n_png_bytes, adah_status *status) {
    return adah_image_encode_png(picture, png, n_png_bytes, status);
}

adah_code adah_picture_thumbnail(const uint8_t *bytes, size_t n_bytes, size_t n_side, int quality, uint8_t **jpeg,
                                 size_t *n_jpeg_bytes, adah_status *status) {
    adah_picture picture;
    ADAH_TRY(adah_image_decode_thumbnail(bytes, n_bytes, "picture", n_side, &picture, status));
    const adah_code code = adah_image_encode_jpeg(&picture, quality, jpeg, n_jpeg_bytes, status);
    adah_memory_free(picture.rgb);
    return code;
}
