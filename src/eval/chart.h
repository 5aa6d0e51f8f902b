/* chart.h - a line chart as an SVG picture inside a document. */
#ifndef ADAH_EVAL_CHART_H
#define ADAH_EVAL_CHART_H

#include "base/text.h"

enum { ADAH_CHART_LINES_MAX = 8 };

typedef struct adah_chart_line {
    const char *name;
    const double *x, *y; /* n points */
    size_t n;
} adah_chart_line;

typedef struct adah_chart {
    const char *title, *x_name, *y_name;
    double y_low, y_high; /* both 0: from the data, starting at 0 */
    int is_log;           /* both axes by powers of ten, from the data: x and y above 0; y_low and y_high are not looked at */
    adah_chart_line line[ADAH_CHART_LINES_MAX];
    size_t n_lines;
} adah_chart;

void adah_chart_draw(const adah_chart *chart, adah_text *svg);

#endif
