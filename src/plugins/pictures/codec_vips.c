/* codec_vips.c - pictures through libvips, started once: one thread an image, no cache, no loader but those of the formats that
 * head.c walks through.
 *
 * A picture is decoded and shrunk in one pass (vips_thumbnail uses the decoder's own shrinking where it has one),
 * then brought to 8-bit sRGB, transparency laid on white, and computed strip by strip in the calling thread: libvips's own
 * way to memory hands the work to a thread of a pool and waits for it, 10 to 30 % of the time of a small picture. libvips keeps
 * one text of errors for the process, so a decode that others overlapped does not know which part of it is its own. */
#include "adah/adah.h"
#include "base/memory.h"
#include "plugins/pictures/codec.h"

#include <pthread.h>
#include <string.h>
#include <vips/vips.h>
#include <vips/vector.h>

static pthread_once_t started = PTHREAD_ONCE_INIT;
static int start_failed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned n_at_work;      /* decodes; under the lock, as is */
static unsigned long n_started; /* since the process began */

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
    static const char *const allowed[] = {"VipsForeignLoadJpeg", "VipsForeignLoadPng",  "VipsForeignLoadNsgif",
                                          "VipsForeignLoadWebp", "VipsForeignLoadTiff", "VipsForeignLoadHeif"};
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        vips_operation_block_set(allowed[i], FALSE);
    vips_block_untrusted_set(TRUE);
}

static adah_code start(adah_status *status) {
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
    if (vips_image_get_format(*image) != VIPS_FORMAT_UCHAR) {
        if (vips_cast_uchar(*image, &next, NULL) != 0)
            return 0;
        g_object_unref(*image);
        *image = next;
    }
    return 1;
}

/* What to make of a picture. */
typedef struct decode_wish {
    size_t n_side;
    int keeps_aspect;
} decode_wish;

/* Memory of glib becomes ours. */
static adah_code take_bytes(void *from, size_t n, uint8_t **to, adah_status *status) {
    *to = adah_memory_alloc(n);
    if (*to)
        memcpy(*to, from, n);
    g_free(from);
    return *to ? ADAH_OK : adah_fail_memory(status, n);
}

enum { STRIP = 32 }; /* rows computed at a time */

/* The pixels of an 8-bit image, to memory that has room for them. Returns 0 when vips cannot compute them. */
static int compute_pixels(VipsImage *image, uint8_t *pixels) {
    const int n_width = vips_image_get_width(image), n_height = vips_image_get_height(image);
    const size_t n_row_bytes = (size_t)n_width * (size_t)vips_image_get_bands(image);
    VipsRegion *region = vips_region_new(image);
    int ok = region != NULL;
    for (int top = 0; ok && top < n_height; top += STRIP) {
        const VipsRect strip = {0, top, n_width, n_height - top < STRIP ? n_height - top : STRIP};
        ok = vips_region_prepare(region, &strip) == 0;
        for (int y = top; ok && y < top + strip.height; y++)
            memcpy(pixels + (size_t)y * n_row_bytes, VIPS_REGION_ADDR(region, 0, y), n_row_bytes);
    }
    if (region)
        g_object_unref(region);
    return ok;
}

/* Takes an image made by make_rgb to *picture. */
static adah_code take_pixels(VipsImage *image, const char *name, decode_wish wish, adah_picture *picture,
                             adah_status *status) {
    const size_t width = (size_t)vips_image_get_width(image), height = (size_t)vips_image_get_height(image);
    const int n_bands = vips_image_get_bands(image);
    if (n_bands != 3 || (!wish.keeps_aspect && (width != wish.n_side || height != wish.n_side)))
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: decodes to %zu x %zu pixels of %d channels, expected %zu x "
                         "%zu of 3",
                         name, width, height, n_bands, wish.n_side, wish.n_side);
    uint8_t *rgb = adah_memory_alloc(width * height * 3);
    if (!rgb)
        return adah_fail_memory(status, width * height * 3);
    if (!compute_pixels(image, rgb)) {
        adah_memory_free(rgb);
        return fail_vips(status, ADAH_ERROR_FORMAT, name, "cannot be decoded");
    }
    *picture = (adah_picture){width, height, rgb};
    return ADAH_OK;
}

static adah_code decode_once(const uint8_t *bytes, size_t n_bytes, const char *name, decode_wish wish,
                             adah_picture *picture, adah_status *status) {
    VipsImage *image = vips_image_new_from_buffer(bytes, n_bytes, "", NULL);
    if (!image)
        return fail_vips(status, ADAH_ERROR_FORMAT, name, "not an image that can be read");
    /* Only with a colour profile of its own; others are sRGB already or get there by make_rgb. */
    int has_profile = vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
    g_object_unref(image);
    image = NULL;
    void *buffer = (void *)(uintptr_t)bytes; /* vips takes void *, but only reads */
    /* The argument "fail_on" is not passed on to the loader by this form of the call; the option string is. */
    if (vips_thumbnail_buffer(buffer, n_bytes, &image, (int)wish.n_side, "height", (int)wish.n_side, "size",
                              wish.keeps_aspect ? VIPS_SIZE_DOWN : VIPS_SIZE_FORCE, "option_string", "fail_on=error",
                              has_profile ? "export_profile" : NULL, "srgb", NULL) != 0)
        return fail_vips(status, ADAH_ERROR_FORMAT, name, "cannot be decoded");
    const adah_code code = make_rgb(&image) ? take_pixels(image, name, wish, picture, status)
                                            : fail_vips(status, ADAH_ERROR_FORMAT, name, "cannot be decoded");
    g_object_unref(image);
    return code;
}

static adah_code decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int keeps_aspect,
                        adah_picture *picture, adah_status *status) {
    const decode_wish wish = {n_side, keeps_aspect};
    adah_status own = {0};
    pthread_mutex_lock(&lock);
    if (n_at_work++ == 0)
        vips_error_clear();
    const unsigned long number = ++n_started;
    const unsigned n_before = n_at_work;
    pthread_mutex_unlock(&lock);
    adah_code code = decode_once(bytes, n_bytes, name, wish, picture, &own);
    pthread_mutex_lock(&lock);
    n_at_work--;
    const int is_alone = n_before == 1 && n_started == number;
    pthread_mutex_unlock(&lock);
    if (code == ADAH_ERROR_FORMAT && !is_alone) /* the reason may be another picture's */
        code = adah_fail(&own, code, "%s: cannot be decoded: damaged, cut off, or of a kind that is not read", name);
    if (code != ADAH_OK && status)
        *status = own;
    return code;
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

static adah_code encode(adah_picture_format format, int quality, const uint8_t *pixels, size_t n_width, size_t n_height,
                        size_t n_channels, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    void *file = NULL;
    VipsImage *image = wrap_pixels(pixels, n_width, n_height, n_channels);
    int failed = !image;
    if (image) {
        failed = format == ADAH_PICTURE_PNG
                     ? vips_pngsave_buffer(image, &file, n_bytes, "strip", TRUE, NULL)
                     : vips_jpegsave_buffer(image, &file, n_bytes, "Q", quality, "strip", TRUE, NULL);
        g_object_unref(image);
    }
    if (failed)
        return fail_vips(status, ADAH_ERROR_INTERNAL, name,
                         format == ADAH_PICTURE_PNG ? "cannot be encoded as PNG" : "cannot be encoded as JPEG");
    return take_bytes(file, *n_bytes, bytes, status);
}

const adah_picture_codec adah_pictures = {ADAH_VERSION, start, decode, encode, adah_render_svg};
