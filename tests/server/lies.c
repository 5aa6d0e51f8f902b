/* lies.c - see lies.h. */
#include "lies.h"

#include "../picture_bytes.h"

static picture_bytes make_lie(size_t i) {
    heif_plan h = {.is_still = 1, .in_band = 1, .n_frames = 1, .n_told_width = 64, .n_told_height = 64, .n_width = 16384, .n_height = 16384};
    const tiff_tag tiled[] = {{256, 64}, {257, 64}, {322, 60000}, {323, 60000}};
    switch (i) {
    case 0: return make_heif(&h);
    case 1: h.is_hevc = 1; return make_heif(&h);
    case 2: h.n_told_width = h.n_told_height = 16384, h.n_small = 1; return make_heif(&h);
    case 3: h.n_told_width = h.n_told_height = h.n_width = h.n_height = 4096, h.n_rows = h.n_columns = 64, h.n_grid_width = h.n_grid_height = 64;
        return make_heif(&h);
    case 4: h.n_told_width = h.n_told_height = h.n_width = h.n_height = 4000, h.n_frames = 1000; return make_heif(&h);
    case 5: h.is_still = 0, h.n_width = h.n_height = 64, h.has_own_size = 1; return make_heif(&h);
    case 6: return make_webp(64, 1, 64, 1, 16383, 16383);
    case 7: return make_gif(10, 10, 60000, 60000, 5000, 5000);
    case 8: return make_tiff(tiled, 4, 1, 0, 0);
    case 9: return make_slow_jpeg(7000, 7000, 100);
    default: return make_slow_jpeg(6000, 8000, 20);
    }
}

const char *lie_make(size_t i, uint8_t **bytes, size_t *n_bytes) {
    static const char *const names[] = {"avif that lies", "heic that lies", "avif with a large image beside", "avif of one tile 4096 times",
                                        "avif of 1000 frames", "avif of a frame with its own size", "webp whose frame lies", "gif beyond its screen",
                                        "tiff of a large tile", "jpeg of 100 passes", "jpeg of 20 passes"};
    if (i >= sizeof names / sizeof *names)
        return NULL;
    const picture_bytes lie = make_lie(i);
    *bytes = lie.at;
    *n_bytes = lie.n;
    return names[i];
}
