/* thumbnail.c - pictures of others for programs that show them: what they are before they are decoded, and small copies. */
#include "base/memory.h"
#include "data/image.h"

adah_code adah_picture_examine(const uint8_t *bytes, size_t n_bytes, adah_picture_info *info, adah_status *status) {
    return adah_image_examine(bytes, n_bytes, "picture", info, status);
}

adah_code adah_picture_thumbnail(const uint8_t *bytes, size_t n_bytes, size_t n_side, int quality, uint8_t **jpeg,
                                 size_t *n_jpeg_bytes, adah_status *status) {
    adah_picture picture;
    ADAH_TRY(adah_image_decode_thumbnail(bytes, n_bytes, "picture", n_side, &picture, status));
    const adah_code code = adah_image_encode_jpeg(&picture, quality, jpeg, n_jpeg_bytes, status);
    adah_memory_free(picture.rgb);
    return code;
}
