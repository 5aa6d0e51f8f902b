/* overlay.c - the attention mask laid over an image: what is not attended is darkened, the mask's edge drawn. */
#include "api/overlay.h"
#include "base/memory.h"

#include <string.h>

/* The cell of the map that a pixel falls in. */
static size_t cell_of(const adah_attention_map *map, const adah_picture *p, size_t x, size_t y) {
    return y * map->n_height / p->n_height * map->n_width + x * map->n_width / p->n_width;
}

void adah_attend_draw(const adah_attention_map *map, adah_picture *p) {
    static const uint8_t edge_colour[3] = {255, 196, 0};
    const size_t thickness = p->n_width / 256 + 1;
    for (size_t y = 0; y < p->n_height; y++)
        for (size_t x = 0; x < p->n_width; x++) {
            uint8_t *pixel = p->rgb + (y * p->n_width + x) * 3;
            const int inside = map->mask[cell_of(map, p, x, y)];
            const size_t right = x + thickness < p->n_width ? x + thickness : x;
            const size_t below = y + thickness < p->n_height ? y + thickness : y;
            if (inside != map->mask[cell_of(map, p, right, y)] || inside != map->mask[cell_of(map, p, x, below)])
                memcpy(pixel, edge_colour, 3);
            else if (!inside)
                for (int c = 0; c < 3; c++)
                    pixel[c] = (uint8_t)(pixel[c] * 3 / 10);
        }
}

static adah_code lay_over(const adah_encoder *encoder, const char *image_path, const adah_attention_map *map, size_t n_side_max,
                          adah_picture *picture, adah_status *status) {
    const adah_picture_form form = adah_encoder_picture_form(encoder);
    ADAH_TRY(adah_image_load_thumbnail(image_path, n_side_max, picture, status));
    adah_picture_crop(picture, &form);
    adah_attend_draw(map, picture);
    return ADAH_OK;
}

adah_code adah_overlay_make(adah_encoder *encoder, const char *image_path, size_t n_side_max, adah_picture *picture,
                            adah_status *status) {
    adah_attention_map map;
    ADAH_TRY(adah_attend_image_file(encoder, image_path, &map, status));
    const adah_code code = lay_over(encoder, image_path, &map, n_side_max, picture, status);
    adah_attention_map_free(&map);
    return code;
}

adah_code adah_overlay_write(const adah_encoder *encoder, const char *image_path, const adah_attention_map *map, const char *png_path,
                             size_t n_side_max, adah_status *status) {
    adah_picture picture;
    ADAH_TRY(lay_over(encoder, image_path, map, n_side_max, &picture, status));
    const adah_code code = adah_image_write_png(png_path, picture.rgb, picture.n_width, picture.n_height, 3, status);
    adah_memory_free(picture.rgb);
    return code;
}

adah_code adah_attend_write(adah_encoder *encoder, const char *image_path, const char *png_path, size_t n_side_max,
                            adah_status *status) {
    adah_attention_map map;
    ADAH_TRY(adah_attend_image_file(encoder, image_path, &map, status));
    const adah_code code = adah_overlay_write(encoder, image_path, &map, png_path, n_side_max, status);
    adah_attention_map_free(&map);
    return code;
}
