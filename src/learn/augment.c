/* augment.c - bilinear sampling of a random window. */
#include "learn/augment.h"
#include "backbones/backbone.h"
#include "base/parallel.h"

/* Between which two of n pixels `at` lies, and how near to the second; outside, the last pixel goes on. */
typedef struct place {
    size_t first, second;
    float share;
} place;

static place place_of(float at, size_t n) {
    const float last = (float)(n - 1);
    at = at < 0 ? 0 : at > last ? last : at;
    const size_t first = (size_t)at;
    return (place){first, first + 1 < n ? first + 1 : first, at - (float)first};
}

void adah_augment_picture(const adah_settings *config, const uint8_t *rgb, size_t n_side, adah_random *random, uint8_t *out) {
    const float scale = 1 - config->augment_crop * adah_random_uniform(random), room = (float)n_side * (1 - scale);
    const float left = room * adah_random_uniform(random), top = room * adah_random_uniform(random);
    const int mirrored = config->augment_flip && adah_random_below(random, 2);
    for (size_t i = 0; i < n_side; i++) {
        const place y = place_of(((float)i + 0.5f) * scale + top - 0.5f, n_side);
        const uint8_t *above = rgb + 3 * n_side * y.first, *below = rgb + 3 * n_side * y.second;
        for (size_t j = 0; j < n_side; j++) {
            const place x = place_of(((float)j + 0.5f) * scale + left - 0.5f, n_side);
            uint8_t *pixel = out + 3 * (i * n_side + (mirrored ? n_side - 1 - j : j));
            for (size_t c = 0; c < 3; c++) {
                const float p = (float)above[3 * x.first + c], q = (float)above[3 * x.second + c];
                const float r = (float)below[3 * x.first + c], s = (float)below[3 * x.second + c];
                const float upper = p + x.share * (q - p), lower = r + x.share * (s - r);
                pixel[c] = (uint8_t)(upper + y.share * (lower - upper) + 0.5f);
            }
        }
    }
}

typedef struct augment_pass {
    const adah_input_source *images;
    const adah_settings *config;
    const size_t *items;
    uint64_t stream;
    uint8_t *room;
    float *x;
} augment_pass;

static void augment_item(void *context, size_t i) {
    const augment_pass *a = context;
    const size_t n = adah_shape_count(a->images->shape.item), n_side = a->images->shape.item.dim[1];
    adah_random random = adah_random_seeded(a->config->seed, adah_random_mix(a->stream, a->items[i]));
    adah_augment_picture(a->config, a->images->rgb + a->items[i] * n, n_side, &random, a->room + i * n);
    adah_backbone_normalise(a->config, a->room + i * n, n_side, a->x + i * n);
}

void adah_augment_images(const adah_input_source *images, const adah_settings *config, const size_t *items, size_t n, uint64_t stream,
                         uint8_t *room, float *x) {
    augment_pass pass = {images, config, items, stream, room, x};
    adah_parallel_for(n, 1, augment_item, &pass);
}
