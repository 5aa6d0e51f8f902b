/* image.c - libvips, started once: one thread an image, no cache, no loader that is not meant for foreign files.
 *
 * A picture is decoded and shrunk in one pass (vips_thumbnail uses the decoder's own shrinking where it has one),
 * then brought to 8-bit sRGB, transparency laid on white. Files are read whole first, so that a path is never taken
 * for vips' "name[options]". libvips keeps one text of errors for the process: a decode that fails is repeated while
 * no other runs, so that its message is its own. */
#define _GNU_SOURCE
#include "data/image.h"
#include "base/file.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <vips/vips.h>
#include <vips/vector.h>

static const size_t file_bytes_max = (size_t)1 << 30;
static const uint64_t pixels_max = (uint64_t)512 << 20;

static pthread_once_t started = PTHREAD_ONCE_INIT;
static int start_failed;
static pthread_rwlock_t decoding = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void drop_log(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer user) {
    (void)domain, (void)level, (void)message, (void)user;
}

static void start_vips(void) {
    /* Warnings about foreign files are not for stderr; those that matter come back as errors. */
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG,
                      drop_log, NULL);
    start_failed = vips_init("adah") != 0;
    if (start_failed)
        return;
    /* liborc 0.4 frees compiled code without a lock: images decoded in parallel crashed in orc_code_free. */
    vips_vector_set_enabled(FALSE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
}

adah_code adah_image_start(adah_status *status) {
    pthread_once(&started, start_vips);
    if (start_failed)
        return adah_fail(status, ADAH_ERROR_INTERNAL, "libvips cannot start");
    return ADAH_OK;
}

/* The first line of what libvips has to say; empties its text. */
static void take_reason(char *reason, size_t n_bytes) {
    char *text = vips_error_buffer_copy();
    size_t n = text ? strcspn(text, "\n") : 0;
    g_snprintf(reason, n_bytes, "%.*s", (int)n, n ? text : "no reason given");
    g_free(text);
}

static adah_code fail_vips(adah_status *status, adah_code code, const char *name, const char *what) {
    char reason[400];
    take_reason(reason, sizeof reason);
    return adah_fail(status, code, "%s: %s: %s", name, what, reason);
}

/* Makes *image 8-bit sRGB of three bands. Returns 0 and leaves *image what it was when vips refuses. */
static int make_rgb(VipsImage **image) {
    VipsImage *next;
    if (vips_image_guess_interpretation(*image) != VIPS_INTERPRETATION_sRGB) {
        if (vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL) != 0)
            return 0;
        g_object_unref(*image);
        *image = next;
    }
    if (vips_image_hasalpha(*image)) {
        double white[3] = {255, 255, 255};
        VipsArrayDouble *background = vips_array_double_new(white, 3);
        int failed = vips_flatten(*image, &next, "background", background, NULL);
        vips_area_unref(VIPS_AREA(background));
        if (failed)
            return 0;
        g_object_unref(*image);
        *image = next;
    }
    if (vips_cast_uchar(*image, &next, NULL) != 0)
        return 0;
    g_object_unref(*image);
    *image = next;
    return 1;
}

/* What to make of a picture. */
typedef struct decode_wish {
    size_t n_side;
    int keeps_aspect;
} decode_wish;

/* One decode; picture->rgb is memory of glib. */
static adah_code decode_once(const uint8_t *bytes, size_t n_bytes, const char *name, decode_wish wish,
                             adah_picture *picture, adah_status *status) {
    VipsImage *image = vips_image_new_from_buffer(bytes, n_bytes, "", NULL);
    if (!image)
        return fail_vips(status, ADAH_ERROR_FORMAT, name, "not an image that can be read");
    uint64_t n_width = (uint64_t)vips_image_get_width(image), n_height = (uint64_t)vips_image_get_height(image);
    /* Only with a colour profile of its own; others are sRGB already or get there by make_rgb. */
    int has_profile = vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
    g_object_unref(image);
    if (n_width * n_height > pixels_max)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %llu x %llu pixels, expected at most %llu in all", name,
                         (unsigned long long)n_width, (unsigned long long)n_height, (unsigned long long)pixels_max);
    image = NULL;
    void *buffer = (void *)(uintptr_t)bytes; /* vips takes void *, but only reads */
    /* The argument "fail_on" is not passed on to the loader by this form of the call; the option string is. */
    if (vips_thumbnail_buffer(buffer, n_bytes, &image, (int)wish.n_side, "height", (int)wish.n_side, "size",
                              wish.keeps_aspect ? VIPS_SIZE_DOWN : VIPS_SIZE_FORCE, "option_string", "fail_on=error",
                              has_profile ? "export_profile" : NULL, "srgb", NULL) != 0)
        return fail_vips(status, ADAH_ERROR_FORMAT, name, "cannot be decoded");
    size_t n_rgb = 0;
    void *rgb = make_rgb(&image) ? vips_image_write_to_memory(image, &n_rgb) : NULL;
    size_t width = (size_t)vips_image_get_width(image), height = (size_t)vips_image_get_height(image);
    int n_bands = vips_image_get_bands(image);
    g_object_unref(image);
    if (!rgb)
        return fail_vips(status, ADAH_ERROR_FORMAT, name, "cannot be decoded");
    if (n_bands != 3 || n_rgb != width * height * 3 ||
        (!wish.keeps_aspect && (width != wish.n_side || height != wish.n_side))) {
        g_free(rgb);
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: decodes to %zu x %zu pixels of %d channels, expected %zu x "
                         "%zu of 3",
                         name, width, height, n_bands, wish.n_side, wish.n_side);
    }
    *picture = (adah_picture){width, height, rgb};
    return ADAH_OK;
}

static adah_code decode(const uint8_t *bytes, size_t n_bytes, const char *name, decode_wish wish,
                        adah_picture *picture, adah_status *status) {
    if (wish.n_side < 1 || wish.n_side > ADAH_IMAGE_SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "image side %zu, expected 1..%d", wish.n_side,
                         ADAH_IMAGE_SIDE_MAX);
    ADAH_TRY(adah_image_start(status));
    if (n_bytes == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: empty, expected an image", name);
    pthread_rwlock_rdlock(&decoding);
    adah_code code = decode_once(bytes, n_bytes, name, wish, picture, NULL);
    pthread_rwlock_unlock(&decoding);
    if (code == ADAH_OK)
        return ADAH_OK;
    pthread_rwlock_wrlock(&decoding);
    vips_error_clear();
    code = decode_once(bytes, n_bytes, name, wish, picture, status);
    pthread_rwlock_unlock(&decoding);
    return code;
}

adah_code adah_image_decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb,
                            adah_status *status) {
    adah_picture picture;
    ADAH_TRY(decode(bytes, n_bytes, name, (decode_wish){n_side, 0}, &picture, status));
    memcpy(rgb, picture.rgb, n_side * n_side * 3);
    g_free(picture.rgb);
    return ADAH_OK;
}

adah_code adah_image_load(const char *path, size_t n_side, uint8_t *rgb, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(adah_file_read(path, file_bytes_max, &bytes, &n_bytes, status));
    adah_code code = adah_image_decode(bytes, n_bytes, path, n_side, rgb, status);
    adah_memory_free(bytes);
    return code;
}

adah_code adah_image_load_thumbnail(const char *path, size_t n_side, adah_picture *picture, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(adah_file_read(path, file_bytes_max, &bytes, &n_bytes, status));
    adah_picture decoded;
    adah_code code = decode(bytes, n_bytes, path, (decode_wish){n_side, 1}, &decoded, status);
    adah_memory_free(bytes);
    if (code != ADAH_OK)
        return code;
    size_t n_rgb = decoded.n_width * decoded.n_height * 3;
    uint8_t *rgb = adah_memory_alloc(n_rgb);
    if (rgb) {
        memcpy(rgb, decoded.rgb, n_rgb);
        *picture = (adah_picture){decoded.n_width, decoded.n_height, rgb};
    }
    g_free(decoded.rgb);
    return rgb ? ADAH_OK : adah_fail_memory(status, n_rgb);
}

/* A vips image over the caller's pixels. */
static VipsImage *wrap_pixels(const uint8_t *pixels, size_t n_width, size_t n_height, size_t n_channels) {
    VipsImage *bare = vips_image_new_from_memory(pixels, n_width * n_height * n_channels, (int)n_width, (int)n_height,
                                                 (int)n_channels, VIPS_FORMAT_UCHAR);
    VipsImage *image = NULL;
    if (bare) {
        VipsInterpretation kind = n_channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
        if (vips_copy(bare, &image, "interpretation", kind, NULL) != 0)
            image = NULL;
        g_object_unref(bare);
    }
    return image;
}

static adah_code check_pixels(size_t n_width, size_t n_height, adah_status *status) {
    if (n_width < 1 || n_height < 1 || n_width > ADAH_IMAGE_SIDE_MAX || n_height > ADAH_IMAGE_SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "picture of %zu x %zu pixels, expected 1..%d a side", n_width,
                         n_height, ADAH_IMAGE_SIDE_MAX);
    return adah_image_start(status);
}

adah_code adah_image_write_png(const char *path, const uint8_t *pixels, size_t n_width, size_t n_height,
                               size_t n_channels, adah_status *status) {
    if (n_channels != 1 && n_channels != 3)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "picture of %zu channels, expected 1 or 3", n_channels);
    ADAH_TRY(check_pixels(n_width, n_height, status));
    void *png = NULL;
    size_t n_png = 0;
    VipsImage *image = wrap_pixels(pixels, n_width, n_height, n_channels);
    int failed = !image || vips_pngsave_buffer(image, &png, &n_png, "strip", TRUE, NULL) != 0;
    if (image)
        g_object_unref(image);
    if (failed)
        return fail_vips(status, ADAH_ERROR_INTERNAL, path, "cannot be encoded as PNG");
    adah_code code = adah_file_publish(path, png, n_png, status);
    g_free(png);
    return code;
}

adah_code adah_image_encode_jpeg(const adah_picture *picture, int quality, uint8_t **bytes, size_t *n_bytes,
                                 adah_status *status) {
    if (quality < 1 || quality > 100)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "JPEG quality %d, expected 1..100", quality);
    ADAH_TRY(check_pixels(picture->n_width, picture->n_height, status));
    void *jpeg = NULL;
    size_t n_jpeg = 0;
    VipsImage *image = wrap_pixels(picture->rgb, picture->n_width, picture->n_height, 3);
    int failed = !image || vips_jpegsave_buffer(image, &jpeg, &n_jpeg, "Q", quality, "strip", TRUE, NULL) != 0;
    if (image)
        g_object_unref(image);
    if (failed)
        return fail_vips(status, ADAH_ERROR_INTERNAL, "picture", "cannot be encoded as JPEG");
    uint8_t *copy = adah_memory_alloc(n_jpeg);
    if (copy) {
        memcpy(copy, jpeg, n_jpeg);
        *bytes = copy;
        *n_bytes = n_jpeg;
    }
    g_free(jpeg);
    return copy ? ADAH_OK : adah_fail_memory(status, n_jpeg);
}
