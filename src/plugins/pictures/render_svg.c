/* render_svg.c - librsvg draws twice: the page, to see where on it the drawing lies, then that part alone.
 *
 * Many drawings sit small in the corner of a large page. A drawing's references to other files are not followed.
 *
 * librsvg cannot be interrupted, and a short drawing can take it hours. So it draws in a thread of its own, which is left to itself when
 * it has used up its time: it owns all that it needs. There may be few of those; then nothing is drawn any more. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "plugins/pictures/codec.h"

#include <librsvg/rsvg.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAGE_SIDE = 256, LOOK_MILLISECONDS = 50, LEFT_MAX = 4 };

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

static adah_code render(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb, adah_status *status) {
    GError *error = NULL;
    RsvgHandle *handle = rsvg_handle_new_from_data(bytes, n_bytes, &error);
    adah_code code = handle ? render_extent(handle, name, n_side, rgb, status) : fail_drawing(status, name, error);
    g_clear_error(&error);
    if (handle)
        g_object_unref(handle);
    return code;
}

/* ---------------------------------------------------------------- in time */

/* What a thread draws. Whoever is last frees it. */
typedef struct drawing {
    pthread_mutex_t lock;
    pthread_cond_t is_changed;
    int is_done, is_left;
    size_t n_bytes, n_side;
    adah_code code;
    adah_status status;
    char *name;
    uint8_t *rgb, bytes[];
} drawing;

static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static int n_left; /* threads that draw for nobody any more */

static void free_drawing(drawing *d) {
    pthread_cond_destroy(&d->is_changed);
    pthread_mutex_destroy(&d->lock);
    adah_memory_free(d->name);
    adah_memory_free(d->rgb);
    adah_memory_free(d);
}

static void count_left(int change) {
    pthread_mutex_lock(&left_lock);
    n_left += change;
    pthread_mutex_unlock(&left_lock);
}

static void *draw_apart(void *context) {
    drawing *d = context;
    const adah_code code = render(d->bytes, d->n_bytes, d->name, d->n_side, d->rgb, &d->status);
    pthread_mutex_lock(&d->lock);
    d->code = code;
    d->is_done = 1;
    const int is_left = d->is_left;
    pthread_cond_signal(&d->is_changed);
    pthread_mutex_unlock(&d->lock);
    if (is_left) {
        free_drawing(d);
        count_left(-1);
    }
    return NULL;
}

static double seconds_of(clockid_t clock) {
    struct timespec time;
    return clock_gettime(clock, &time) == 0 ? (double)time.tv_sec + (double)time.tv_nsec * 1e-9 : 0;
}

/* 1: it is done; 0: it has used up its time, and is left. */
static int wait_for(drawing *d, pthread_t thread, int n_seconds) {
    clockid_t used;
    const int is_told = pthread_getcpuclockid(thread, &used) == 0;
    const double start = seconds_of(CLOCK_MONOTONIC);
    pthread_mutex_lock(&d->lock);
    while (!d->is_done && !d->is_left) {
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_nsec += LOOK_MILLISECONDS * 1000000L;
        next.tv_sec += next.tv_nsec / 1000000000L;
        next.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&d->is_changed, &d->lock, &next);
        if (!d->is_done)
            d->is_left = (is_told ? seconds_of(used) : seconds_of(CLOCK_MONOTONIC) - start) > n_seconds;
        if (d->is_left)
            count_left(1);
    }
    const int is_done = d->is_done;
    pthread_mutex_unlock(&d->lock);
    return is_done;
}

static adah_code render_apart(drawing *d, int n_seconds, uint8_t *rgb, adah_status *status) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, draw_apart, d) != 0) {
        free_drawing(d);
        return adah_fail(status, ADAH_ERROR_MEMORY, "no thread can be started to draw");
    }
    char name[512]; /* the thread may free its own */
    snprintf(name, sizeof name, "%s", d->name);
    if (!wait_for(d, thread, n_seconds)) {
        pthread_detach(thread);
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: drawing it takes more than %d s of processor time", name, n_seconds);
    }
    pthread_join(thread, NULL);
    const adah_code code = d->code;
    if (code == ADAH_OK)
        memcpy(rgb, d->rgb, d->n_side * d->n_side * 3);
    else if (status)
        *status = d->status;
    free_drawing(d);
    return code;
}

adah_code adah_render_svg(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int n_seconds, uint8_t *rgb,
                          adah_status *status) {
    pthread_mutex_lock(&left_lock);
    const int is_full = n_left >= LEFT_MAX;
    pthread_mutex_unlock(&left_lock);
    if (is_full)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not drawn, because %d drawings before it take too long", name, LEFT_MAX);
    drawing *d = adah_memory_zeroed(1, sizeof *d + n_bytes);
    if (!d)
        return adah_fail_memory(status, sizeof *d + n_bytes);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->is_changed, NULL);
    d->name = adah_memory_text(name);
    d->rgb = adah_memory_alloc(n_side * n_side * 3);
    d->n_bytes = n_bytes;
    d->n_side = n_side;
    memcpy(d->bytes, bytes, n_bytes);
    if (d->name && d->rgb)
        return render_apart(d, n_seconds, rgb, status);
    free_drawing(d);
    return adah_fail_memory(status, n_side * n_side * 3);
}
