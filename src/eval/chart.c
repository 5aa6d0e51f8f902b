/* chart.c - axes with round numbers, polylines, a legend. */
#include "eval/chart.h"

#include <math.h>

enum { WIDTH = 460, HEIGHT = 280, LEFT = 52, RIGHT = 20, TOP = 30, BOTTOM = 44 };

static const char *const colour[ADAH_CHART_LINES_MAX] = {"#1f5fa8", "#c8452e", "#2e8b57", "#8a5fb0",
                                                         "#b8860b", "#20889a", "#7a4a2b", "#777777"};

typedef struct range {
    double low, high;
} range;

/* Where a number stands on its axis. */
static double scaled(const adah_chart *c, double v) { return c->is_log ? log10(v) : v; }

static range data_range(const adah_chart *c, int of_y) {
    range r = {INFINITY, -INFINITY};
    for (size_t l = 0; l < c->n_lines; l++)
        for (size_t i = 0; i < c->line[l].n; i++) {
            const double v = scaled(c, of_y ? c->line[l].y[i] : c->line[l].x[i]);
            r.low = fmin(r.low, v);
            r.high = fmax(r.high, v);
        }
    if (r.low > r.high)
        r = (range){0, 1};
    if (r.low == r.high)
        r.high = r.low + 1;
    return r;
}

/* A round step (1, 2 or 5 times a power of ten) that cuts the range into about five. */
static double round_step(range r) {
    const double raw = (r.high - r.low) / 5, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

/* The marks of an axis are `step` apart and show this. */
static double mark_step(const adah_chart *c, range r) { return c->is_log ? 1 : round_step(r); }

static double mark_value(const adah_chart *c, double v, double step) {
    return c->is_log ? pow(10, v) : fabs(v) < step * 1e-6 ? 0 : v;
}

static double place(double v, range r, double from, double to) { return from + (v - r.low) / (r.high - r.low) * (to - from); }

void adah_chart_draw(const adah_chart *c, adah_text *svg) {
    const range x = data_range(c, 0);
    range y = data_range(c, 1);
    if (c->is_log)
        y = (range){floor(y.low), ceil(y.high)};
    else if (c->y_low != 0 || c->y_high != 0)
        y = (range){c->y_low, c->y_high};
    else
        y.low = fmin(0, y.low);
    const double x0 = LEFT, x1 = WIDTH - RIGHT, y0 = HEIGHT - BOTTOM, y1 = TOP;
    adah_text_add(svg, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\"><title>", WIDTH, HEIGHT, WIDTH,
                  HEIGHT);
    adah_text_add_escaped(svg, c->title);
    adah_text_add(svg, "</title><text x=\"%d\" y=\"18\" class=\"t\">", LEFT);
    adah_text_add_escaped(svg, c->title);
    adah_text_add(svg, "</text>");
    for (double step = mark_step(c, y), v = ceil(y.low / step) * step; v <= y.high + step * 1e-6; v += step) {
        const double at = place(v, y, y0, y1);
        adah_text_add(svg, "<path d=\"M%g %.1fH%g\" class=\"g\"/><text x=\"%g\" y=\"%.1f\" class=\"n e\">%g</text>", x0, at, x1,
                      x0 - 5, at + 3.5, mark_value(c, v, step));
    }
    for (double step = mark_step(c, x), v = ceil(x.low / step) * step; v <= x.high + step * 1e-6; v += step)
        adah_text_add(svg, "<text x=\"%.1f\" y=\"%g\" class=\"n m\">%g</text>", place(v, x, x0, x1), y0 + 14,
                      mark_value(c, v, step));
    adah_text_add(svg, "<path d=\"M%g %gV%gH%g\" class=\"a\"/>", x0, y1, y0, x1);
    adah_text_add(svg, "<text x=\"%g\" y=\"%d\" class=\"n m\">%s</text>", (x0 + x1) / 2, HEIGHT - 14, c->x_name);
    adah_text_add(svg, "<text transform=\"translate(12 %g) rotate(-90)\" class=\"n m\">%s</text>", (y0 + y1) / 2, c->y_name);
    for (size_t l = 0; l < c->n_lines; l++) {
        adah_text_add(svg, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"", colour[l]);
        for (size_t i = 0; i < c->line[l].n; i++)
            adah_text_add(svg, "%.1f,%.1f ", place(scaled(c, c->line[l].x[i]), x, x0, x1),
                          place(scaled(c, c->line[l].y[i]), y, y0, y1));
        const double row = y1 + 6 + 14 * (double)l, key = c->is_log ? x0 + 8 : x1 - 130; /* where lines seldom are */
        adah_text_add(svg, "\"/><path d=\"M%g %gh14\" stroke-width=\"2\" stroke=\"%s\"/><text x=\"%g\" y=\"%g\" class=\"n\">",
                      key, row, colour[l], key + 18, row + 4);
        adah_text_add_escaped(svg, c->line[l].name);
        adah_text_add(svg, "</text>");
    }
    adah_text_add(svg, "</svg>\n");
}
