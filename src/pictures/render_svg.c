/* render_svg.c - librsvg draws twice: the page, to see where on it the drawing lies, then that part alone.
 *
 * Many drawings sit small in the corner of a large page. A drawing's references to other files are not followed. */
#include "pictures/codec.h"

#include <librsvg/rsvg.h>

enum { PAGE_SIDE = 256 };

/* The part of the page that is not white, in pixels of the first drawing. */
typedef struct extent {
    int x0, y0, x1, y1; /* to x1 - 1, y1 - 1 */
} extent;

/* Draws the page into `viewport` on a white square; NULL with *error or cairo's refusal. */
static cairo_surface_t *draw(RsvgHandle *handle, int n_side, const RsvgRectangle *viewport, GError **error) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, n_side, n_side);
    cairo_t *cairo = cairo_create(surface);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    gboolean drawn = rsvg_handle_render_document(handle, cairo, viewport, error);
    int failed = !drawn || cairo_status(cairo) != CAIRO_STATUS_SUCCESS;
    cairo_destroy(cairo);
    cairo_surface_flush(surface);
    if (failed || cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
        cairo_surface_destroy(surface);
        return NULL;
    }
    return surface;
}

static uint32_t pixel_at(cairo_surface_t *surface, int x, int y) {
    const unsigned char *row =
        cairo_image_surface_get_data(surface) + (size_t)y * (size_t)cairo_image_surface_get_stride(surface);
    return ((const uint32_t *)(const void *)row)[x] & 0xffffff;
}

static extent find_extent(cairo_surface_t *surface) {
    extent e = {PAGE_SIDE, PAGE_SIDE, 0, 0};
    for (int y = 0; y < PAGE_SIDE; y++)
        for (int x = 0; x < PAGE_SIDE; x++)
            if (pixel_at(surface, x, y) != 0xffffff) {
                e.x0 = x < e.x0 ? x : e.x0;
                e.y0 = y < e.y0 ? y : e.y0;
                e.x1 = x >= e.x1 ? x + 1 : e.x1;
                e.y1 = y >= e.y1 ? y + 1 : e.y1;
            }
    return e;
}

static adah_code fail_drawing(adah_status *status, const char *name, const GError *error) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: cannot be drawn: %s", name, error ? error->message : "cairo");
}

/* Draws the page such that the extent fills the square but for a narrow margin. */
static adah_code render_extent(RsvgHandle *handle, const char *name, size_t n_side, uint8_t *rgb,
                               adah_status *status) {
    GError *error = NULL;
    RsvgRectangle page = {0, 0, PAGE_SIDE, PAGE_SIDE};
    cairo_surface_t *surface = draw(handle, PAGE_SIDE, &page, &error);
    extent e = {0, 0, 0, 0};
    if (surface) {
        e = find_extent(surface);
        cairo_surface_destroy(surface);
        surface = NULL;
        if (e.x0 >= e.x1)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: nothing can be seen on its page", name);
        int width = e.x1 - e.x0, height = e.y1 - e.y0;
        double side = (double)n_side, zoom = 0.96 * side / (width > height ? width : height);
        RsvgRectangle viewport = {(side - zoom * (e.x0 + e.x1)) / 2, (side - zoom * (e.y0 + e.y1)) / 2,
                                  zoom * PAGE_SIDE, zoom * PAGE_SIDE};
        surface = draw(handle, (int)n_side, &viewport, &error);
    }
    if (!surface) {
        adah_code code = fail_drawing(status, name, error);
        g_clear_error(&error);
        return code;
    }
    for (size_t i = 0; i < n_side * n_side; i++) {
        uint32_t pixel = pixel_at(surface, (int)(i % n_side), (int)(i / n_side));
        rgb[i * 3] = (uint8_t)(pixel >> 16);
        rgb[i * 3 + 1] = (uint8_t)(pixel >> 8);
        rgb[i * 3 + 2] = (uint8_t)pixel;
    }
    cairo_surface_destroy(surface);
    return ADAH_OK;
}

adah_code adah_render_svg(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb,
                          adah_status *status) {
    GError *error = NULL;
    RsvgHandle *handle = rsvg_handle_new_from_data(bytes, n_bytes, &error);
    adah_code code = handle ? render_extent(handle, name, n_side, rgb, status) : fail_drawing(status, name, error);
    g_clear_error(&error);
    if (handle)
        g_object_unref(handle);
    return code;
}
