/* normalise.c - pixels as a backbone's weights want them. */
#include "backbones/backbone.h"
#include "base/processor.h"

/* Pixels to their channels' planes, each value times scale plus shift. The compiler makes vectors of it where bytes can be picked. */
__attribute__((always_inline)) static inline void split(const uint8_t *restrict rgb, size_t n, const float *scale, const float *shift,
                                                        float *restrict red, float *restrict green, float *restrict blue) {
    const float scale_r = scale[0], scale_g = scale[1], scale_b = scale[2], shift_r = shift[0], shift_g = shift[1], shift_b = shift[2];
    for (size_t i = 0; i < n; i++) {
        red[i] = (float)rgb[3 * i] * scale_r + shift_r;
        green[i] = (float)rgb[3 * i + 1] * scale_g + shift_g;
        blue[i] = (float)rgb[3 * i + 2] * scale_b + shift_b;
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void split_avx2(const uint8_t *rgb, size_t n, const float *scale, const float *shift, float *red,
                                                       float *green, float *blue) {
    split(rgb, n, scale, shift, red, green, blue);
}
#endif

void adah_backbone_normalise(const adah_settings *config, const uint8_t *rgb, size_t n_side, float *x) {
    static const float caffe_mean[3] = {123, 117, 104}; /* of R, G, B */
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
    const float own_mean[3] = {config->mean_red, config->mean_green, config->mean_blue};
    const int caffe = config->weights_style == ADAH_STYLE_CAFFE, tensorflow = config->weights_style == ADAH_STYLE_TENSORFLOW;
    const int matconvnet = config->weights_style == ADAH_STYLE_MATCONVNET, measured = config->weights_style == ADAH_STYLE_MEASURED;
    const float own_deviation[3] = {config->deviation_red, config->deviation_green, config->deviation_blue};
    const size_t n = n_side * n_side;
    float scale[3], shift[3], *red = x + (caffe ? 2 : 0) * n, *green = x + n, *blue = x + (caffe ? 0 : 2) * n;
    for (size_t c = 0; c < 3; c++) {
        scale[c] = measured ? 1 / own_deviation[c] : caffe || matconvnet ? 1 : tensorflow ? 1 / 127.5f : 1 / (255 * deviation[c]);
        shift[c] = measured ? -own_mean[c] / own_deviation[c] : caffe ? -caffe_mean[c] : matconvnet ? -own_mean[c] : tensorflow ? -1 : -mean[c] / deviation[c];
    }
#if defined(__x86_64__)
    if (adah_processor_vectors() >= ADAH_VECTORS_AVX2) {
        split_avx2(rgb, n, scale, shift, red, green, blue);
        return;
    }
#endif
    split(rgb, n, scale, shift, red, green, blue);
}
