/* overlay.h - an image with its attention mask drawn over it. */
#ifndef ADAH_API_OVERLAY_H
#define ADAH_API_OVERLAY_H

#include "data/image.h"

void adah_attend_draw(const adah_attention_map *map, adah_picture *picture);
/* picture->rgb by adah_memory_free. */
adah_code adah_overlay_make(adah_encoder *encoder, const char *image_path, size_t n_side_max, adah_picture *picture,
                            adah_status *status);

/* The image with that mask, as PNG. */
adah_code adah_overlay_write(const adah_encoder *encoder, const char *image_path, const adah_attention_map *map, const char *png_path,
                             size_t n_side_max, adah_status *status);

size_t adah_encoder_bits(const adah_encoder *encoder);
/* What the encoder sees of a picture (encoder.c). */
adah_picture_form adah_encoder_picture_form(const adah_encoder *encoder);

#endif
