/* augment.h - training pictures cropped and mirrored at random, so that a backbone that learns does not learn them by heart. */
#ifndef ADAH_LEARN_AUGMENT_H
#define ADAH_LEARN_AUGMENT_H

#include "base/random.h"
#include "input/input_source.h"

static inline int adah_augment_wanted(const adah_settings *config) { return config->augment_crop > 0 || config->augment_flip; }

/* One picture, rgb and out: (S, S, 3), not the same memory. A square window of side S (1 - u), u uniform in [0, augment_crop),
 * at a uniform place is scaled to S x S by bilinear interpolation; with augment_flip every second one is mirrored. */
void adah_augment_picture(const adah_settings *config, const uint8_t *rgb, size_t n_side, adah_random *random, uint8_t *out);

/* The pictures (PIXELS) of the n items as adah_input_read writes them, each changed by numbers of (seed, stream, item)
 * alone. x: (n, 3, S, S); room: n * S * S * 3 bytes to work in. Parallel. */
void adah_augment_images(const adah_input_source *images, const adah_settings *config, const size_t *items, size_t n, uint64_t stream,
                         uint8_t *room, float *x);

#endif
