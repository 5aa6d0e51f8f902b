/* (property) The plain Winograd kernels, alone, against a convolution by its definition: inputs, outputs and products of one tile after
 * another. They need nothing of the graph, so that this runs where oneDNN does not (tests/install/test_arm64.sh). */
#include "base/random.h"
#include "nn/winograd/winograd_kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { C = ADAH_WINOGRAD_BLOCK, POINTS = ADAH_WINOGRAD_POINTS, SIDE = 6, HEIGHT = 7, WIDTH = 10, N_OUT = 32 };

static float at(const adah_winograd_plane *x, int row, int column, int channel) {
    const int is_inside = row >= 0 && row < x->height && column >= 0 && column < x->width;
    return is_inside ? x->values[(size_t)(row * x->width + column) * x->stride + (size_t)channel] : 0;
}

/* u = G w G' of 3 x 3 weights. Row i of G takes them as a polynomial at point i, over what the input's polynomial is there. */
static void transform_weights(const float w[9], float u[POINTS]) {
    const double p = ADAH_WINOGRAD_P, q = ADAH_WINOGRAD_Q, point[5] = {0, p, -p, q, -q};
    double g[SIDE][3] = {{0}}, half[SIDE][3];
    for (int i = 0; i < 5; i++) {
        const double x = point[i];
        const double over = i == 0 ? p * p * q * q : i <= 2 ? 2 * p * p * (p * p - q * q) : 2 * q * q * (q * q - p * p);
        for (int j = 0; j < 3; j++)
            g[i][j] = pow(x, j) / over;
    }
    g[5][2] = 1;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < 3; j++)
            half[i][j] = g[i][0] * (double)w[j] + g[i][1] * (double)w[3 + j] + g[i][2] * (double)w[6 + j];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            u[i * SIDE + j] = (float)(half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2]);
}

static float random_float(adah_random *r) { return (float)adah_random_below(r, 2001) / 1000 - 1; }

/* 16 channels to N_OUT, with a border of zeros and an edge that no tile ends at; ReLU6-like bounds. */
static void test_convolution(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(5, 1);
    static float x[HEIGHT * WIDTH * C], y[HEIGHT * WIDTH * N_OUT], weights[N_OUT * C * 9], bias[N_OUT];
    static float u[POINTS * C * N_OUT]; /* (point, in, out) */
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = random_float(&r);
    for (size_t i = 0; i < N_OUT; i++)
        bias[i] = random_float(&r);
    for (size_t o = 0; o < N_OUT; o++)
        for (size_t c = 0; c < C; c++) {
            float *w = weights + (o * C + c) * 9, transformed[POINTS];
            for (int i = 0; i < 9; i++)
                w[i] = random_float(&r);
            transform_weights(w, transformed);
            for (size_t e = 0; e < POINTS; e++)
                u[(e * C + c) * N_OUT + o] = transformed[e];
        }
    const adah_winograd_kernels *k = &adah_winograd_plain;
    const adah_winograd_plane input = {.values = x, .height = HEIGHT, .width = WIDTH, .stride = C, .second = 8};
    const float low = -2, high = 6;
    for (int row = 0; row < HEIGHT; row += ADAH_WINOGRAD_TILE)
        for (int column = 0; column < WIDTH; column += ADAH_WINOGRAD_TILE) {
            float v[POINTS * ADAH_WINOGRAD_ROWS * C], m[POINTS * ADAH_WINOGRAD_ROWS * N_OUT];
            memset(v, 0, sizeof v); /* one of the rows that are multiplied at a time is the tile */
            k->input(&input, row - 1, column - 1, v, ADAH_WINOGRAD_ROWS * C);
            for (size_t e = 0; e < POINTS; e++)
                k->multiply(ADAH_WINOGRAD_ROWS, N_OUT, C, v + e * ADAH_WINOGRAD_ROWS * C, C, u + e * C * N_OUT,
                            m + e * ADAH_WINOGRAD_ROWS * N_OUT, N_OUT);
            for (size_t o = 0; o < N_OUT; o += C) {
                const adah_winograd_plane output = {.values = y + o, .height = HEIGHT, .width = WIDTH, .stride = N_OUT, .second = 8};
                k->output(m + o, ADAH_WINOGRAD_ROWS * N_OUT, bias + o, low, high, &output, row, column);
            }
        }
    for (int row = 0; row < HEIGHT; row++)
        for (int column = 0; column < WIDTH; column++)
            for (int o = 0; o < N_OUT; o++) {
                double sum = (double)bias[o];
                for (int c = 0; c < C; c++)
                    for (int i = 0; i < 9; i++)
                        sum += (double)weights[(o * C + c) * 9 + i] * (double)at(&input, row + i / 3 - 1, column + i % 3 - 1, c);
                const double expected = fmin(fmax(sum, (double)low), (double)high);
                const double found = (double)y[(row * WIDTH + column) * N_OUT + o];
                if (!(fabs(found - expected) < 1e-4))
                    fail_msg("output (%d, %d, %d) is %g, expected %g", row, column, o, found, expected);
            }
}

/* The product that the gradient of the weights takes. */
static void test_accumulate(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(5, 2);
    enum { N_INNER = 37 };
    float a[N_INNER * C], b[N_INNER * N_OUT], c[C * N_OUT], before[C * N_OUT];
    for (size_t i = 0; i < N_INNER * C; i++)
        a[i] = random_float(&r);
    for (size_t i = 0; i < N_INNER * N_OUT; i++)
        b[i] = random_float(&r);
    for (size_t i = 0; i < C * N_OUT; i++)
        before[i] = c[i] = random_float(&r);
    adah_winograd_plain.accumulate(N_OUT, N_INNER, a, C, b, N_OUT, c, N_OUT);
    for (size_t i = 0; i < C; i++)
        for (size_t j = 0; j < N_OUT; j++) {
            double sum = (double)before[i * N_OUT + j];
            for (size_t n = 0; n < N_INNER; n++)
                sum += (double)a[n * C + i] * (double)b[n * N_OUT + j];
            assert_true(fabs((double)c[i * N_OUT + j] - sum) < 1e-4);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_accumulate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
