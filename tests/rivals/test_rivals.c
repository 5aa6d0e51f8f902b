/* (unit) test_rivals.c - the shallow methods: canonical correlations against the definition, descent of every objective that
 * is promised to descend, SePH's derivative, retrieval on made-up classes, and what they must refuse or survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "rivals/linear_algebra.h"
#include "rivals/seph.h"
#include "codes/codes.h"
#include <adah/adah.h>
#include "two_views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const adah_progress silent = {NULL, NULL};
static two_views set, queries;

typedef struct learned {
    adah_hash_function image, text;
} learned;

static learned learn(const char *name, const adah_rival_data *data, size_t n_bits, uint64_t seed) {
    learned l = {{0}, {0}};
    adah_status status = {0};
    if (adah_rival_learn(adah_method_find(name), data, n_bits, seed, silent, &l.image, &l.text, NULL, &status) != ADAH_OK)
        fail_msg("%s: %s", name, status.message);
    return l;
}

static void release(learned *l) {
    adah_hash_function_free(&l->image);
    adah_hash_function_free(&l->text);
}

static float *encode(const adah_hash_function *f, const float *rows, size_t n) {
    float *h = malloc(n * f->n_bits * sizeof *h);
    const size_t n_k = f->n_anchors ? f->n_anchors : f->n_in;
    float *k = malloc(n_k * sizeof *k);
    for (size_t i = 0; i < n; i++) {
        const float *x = rows + i * f->n_in;
        for (size_t a = 0; a < f->n_anchors; a++) {
            double square = 0;
            for (size_t j = 0; j < f->n_in; j++)
                square += pow((double)x[j] - (double)f->anchor[a * f->n_in + j], 2);
            k[a] = (float)exp(-square * (double)f->kernel_scale);
        }
        for (size_t b = 0; b < f->n_bits; b++) {
            double sum = (double)f->bias[b];
            for (size_t j = 0; j < n_k; j++)
                sum += (double)f->weight[b * n_k + j] * (double)(f->n_anchors ? k[j] : x[j]);
            h[i * f->n_bits + b] = (float)sum;
        }
    }
    free(k);
    return h;
}

/* ---------------------------------------------------------------- linear algebra */

static void singular_pairs(void **state) {
    (void)state;
    enum { M = 7, N = 5, R = 3 };
    double a[M * R], b[N * R], value[4], left[4 * M], right[4 * N];
    adah_random random = adah_random_seeded(1, 1);
    for (int i = 0; i < M * R; i++)
        a[i] = (double)adah_random_normal(&random);
    for (int i = 0; i < N * R; i++)
        b[i] = (double)adah_random_normal(&random);
    size_t n_found = 0;
    assert_int_equal(adah_algebra_singular(a, M, b, N, R, 4, value, left, right, &n_found, NULL), ADAH_OK);
    assert_int_equal(n_found, R); /* the fourth is 0 */
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double product = 0, sum = 0;
            for (int r = 0; r < R; r++) {
                product += a[i * R + r] * b[j * R + r];
                sum += left[r * M + i] * value[r] * right[r * N + j];
            }
            assert_true(fabs(product - sum) < 1e-10);
        }
    for (int r = 0; r < R; r++) {
        assert_true(fabs(adah_algebra_dot(left + r * M, left + r * M, M) - 1) < 1e-10);
        assert_true(r == 0 || value[r - 1] >= value[r]);
    }
    double indefinite[4] = {1, 2, 2, 1};
    adah_status status;
    assert_int_equal(adah_algebra_cholesky(indefinite, 2, &status), ADAH_ERROR_INTERNAL);
    assert_non_null(strstr(status.message, "not positive definite"));
}

/* ---------------------------------------------------------------- CCA */

/* Orthogonal columns p, r, z. Image (p, r), text (3 p + 4 z, r): correlations 1 (r with r) and 3/5 (p with 3 p + 4
 * z). */
static void cca_by_hand(void **state) {
    (void)state;
    const float p[4] = {1, 1, -1, -1}, r[4] = {1, -1, 1, -1}, z[4] = {1, -1, -1, 1};
    float image[8], text[8];
    for (int i = 0; i < 4; i++) {
        image[2 * i] = p[i] + 5;
        image[2 * i + 1] = r[i];
        text[2 * i] = 3 * p[i] + 4 * z[i];
        text[2 * i + 1] = r[i] - 2;
    }
    const adah_rival_data data = {4, 2, 2, 0, image, text, NULL, 0};
    learned l = learn("cca", &data, 4, 0);
    float *h = encode(&l.image, image, 4), *t = encode(&l.text, text, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(h[4 * i] * r[i] * h[0] * r[0] > 0); /* bit 0 is r up to its sign */
        assert_true(fabsf(h[4 * i] - t[4 * i]) < 1e-3f);
        assert_true(h[4 * i + 1] * p[i] * h[1] * p[0] > 0);
        assert_true(fabsf(fabsf(t[4 * i + 1]) - fabsf(3 * p[i] + 4 * z[i]) / 5) < 1e-3f);
        for (int b = 2; b < 4; b++) /* no more pairs: they repeat */
            assert_true(h[4 * i + b] == h[4 * i + b - 2] && t[4 * i + b] == t[4 * i + b - 2]);
    }
    free(h);
    free(t);
    release(&l);
}

/* Orthonormal columns of the centred rows, by Gram-Schmidt. basis (n, d) */
static void orthonormal(const float *rows, size_t n, size_t d, double *basis) {
    for (size_t j = 0; j < d; j++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)rows[i * d + j] / (double)n;
        for (size_t i = 0; i < n; i++)
            basis[i * d + j] = (double)rows[i * d + j] - mean;
        for (size_t k = 0; k <= j; k++) {
            double dot = 0;
            for (size_t i = 0; i < n; i++)
                dot += basis[i * d + j] * basis[i * d + k];
            for (size_t i = 0; i < n; i++)
                basis[i * d + j] = k < j ? basis[i * d + j] - dot * basis[i * d + k] : basis[i * d + j] / sqrt(dot);
        }
    }
}

/* Canonical correlations are the singular values of Qx^T Qy; here by power iteration with deflation. */
static void cca_by_definition(void **state) {
    (void)state;
    enum { N = 80, D = 5, E = 3 };
    float image[N * D], text[N * E];
    adah_random random = adah_random_seeded(3, 1);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++)
            image[i * D + j] = 100 + 30 * adah_random_normal(&random);
        for (int j = 0; j < E; j++)
            text[i * E + j] = image[i * D + j] * (float)(j + 1) * 0.01f + adah_random_normal(&random);
    }
    static double qx[N * D], qy[N * E];
    double m[D * E] = {0};
    orthonormal(image, N, D, qx);
    orthonormal(text, N, E, qy);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D * E; j++)
            m[j] += qx[i * D + j / E] * qy[i * E + j % E];
    const adah_rival_data data = {N, D, E, 0, image, text, NULL, 0};
    learned l = learn("cca", &data, E, 0);
    float *h = encode(&l.image, image, N), *t = encode(&l.text, text, N);
    for (int b = 0; b < E; b++) {
        double u[D] = {0}, v[E] = {1, 0.7, 0.3}, norm = 0;
        for (int step = 0; step < 3000; step++) {
            memset(u, 0, sizeof u);
            for (int j = 0; j < D * E; j++)
                u[j / E] += m[j] * v[j % E];
            memset(v, 0, sizeof v);
            for (int j = 0; j < D * E; j++)
                v[j % E] += m[j] * u[j / E];
            norm = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
            for (int j = 0; j < E; j++)
                v[j] /= norm;
        }
        for (int j = 0; j < D * E; j++)
            m[j] -= u[j / E] * v[j % E];
        double ht = 0, hh = 0, tt = 0, other = 0;
        for (int i = 0; i < N; i++) {
            ht += (double)h[i * E + b] * (double)t[i * E + b];
            hh += (double)h[i * E + b] * (double)h[i * E + b];
            tt += (double)t[i * E + b] * (double)t[i * E + b];
            other += (double)h[i * E + b] * (double)h[i * E + (b + 1) % E];
        }
        assert_true(fabs(ht / sqrt(hh * tt) - sqrt(norm)) < 1e-4);
        assert_true(fabs(other / hh) < 1e-3);
    }
    free(h);
    free(t);
    release(&l);
}

/* ---------------------------------------------------------------- objectives */

typedef struct descent {
    char stage[32];
    double last;
    int n_steps, n_stages;
} descent;

/* Every stage but SePH's codes promises that its objective never grows. */
static int watch(void *user, const adah_progress_event *event) {
    descent *d = user;
    double objective = NAN;
    assert_int_equal(sscanf(event->detail, "objective %lf", &objective), 1);
    assert_true(isfinite(objective));
    if (strcmp(d->stage, event->stage) != 0) {
        snprintf(d->stage, sizeof d->stage, "%s", event->stage);
        d->n_stages++;
    } else if (strcmp(event->stage, "learning codes") != 0) {
        if (objective > d->last + 1e-7 * fabs(d->last))
            fail_msg("%s: step %d from %.9g up to %.9g", event->stage, (int)event->done, d->last, objective);
    }
    d->last = objective;
    d->n_steps++;
    return 0;
}

static void objectives_descend(void **state) {
    (void)state;
    two_views_make(&set, 200, 1.5f, 1);
    static const struct {
        const char *name;
        int n_stages, n_steps_min;
    } expected[] = {{"cmfh", 1, 5}, {"stmh", 1, 10}, {"seph-km", 3, 110}};
    for (size_t i = 0; i < 3; i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            descent d = {"", 0, 0, 0};
            learned l = {{0}, {0}};
            assert_int_equal(adah_rival_learn(adah_method_find(expected[i].name), &set.data, 16, seed, (adah_progress){watch, &d},
                                              &l.image, &l.text, NULL, NULL),
                             ADAH_OK);
            assert_int_equal(d.n_stages, expected[i].n_stages);
            assert_true(d.n_steps >= expected[i].n_steps_min);
            release(&l);
        }
}

static void seph_derivative(void **state) {
    (void)state;
    enum { N = 70, Q = 3 }; /* more than one block of rows */
    two_views_make(&set, N, 1, 2);
    double *unit = adah_rival_unit_labels(&set.data);
    static float p[N * N];
    static double y[N * Q], gradient[N * Q], unused[N * Q], similarity[N * N], rows[3 * N];
    assert_true(adah_seph_affinity(unit, N, TWO_VIEWS_CLASSES, p));
    double p_sum = 0;
    for (int i = 0; i < N * N; i++)
        p_sum += (double)p[i];
    assert_true(fabs(p_sum - 1) < 1e-5);
    adah_random random = adah_random_seeded(5, 1);
    for (int i = 0; i < N * Q; i++)
        y[i] = (double)adah_random_normal(&random);
    const double alpha = 0.002, h = 1e-5;
    assert_true(adah_seph_objective(p, N, y, Q, 0, similarity, rows, gradient) > 0); /* a divergence */
    adah_seph_objective(p, N, y, Q, alpha, similarity, rows, gradient);
    for (int i = 0; i < N * Q; i += 7) {
        const double at = y[i];
        y[i] = at + h;
        double above = adah_seph_objective(p, N, y, Q, alpha, similarity, rows, unused);
        y[i] = at - h;
        double below = adah_seph_objective(p, N, y, Q, alpha, similarity, rows, unused);
        y[i] = at;
        assert_true(fabs((above - below) / (2 * h) - gradient[i]) < 1e-4 * (fabs(gradient[i]) + 1e-3));
    }
    adah_memory_free(unit);
}

/* ---------------------------------------------------------------- retrieval */

static double mean_precision(const float *h, const two_views *of_h, const float *database,
                             const two_views *of_database, size_t n_bits) {
    static uint8_t codes[2][TWO_VIEWS_MAX * 8];
    size_t start[TWO_VIEWS_MAX + 1];
    for (size_t i = 0; i <= TWO_VIEWS_MAX; i++)
        start[i] = i;
    adah_codes_pack(h, of_h->data.n, n_bits, codes[0]);
    adah_codes_pack(database, of_database->data.n, n_bits, codes[1]);
    adah_measures measures;
    assert_int_equal(
        adah_measures_compute((adah_coded_set){of_h->data.n, codes[0], of_h->class_of, start},
                              (adah_coded_set){of_database->data.n, codes[1], of_database->class_of, start}, n_bits, 0,
                              NULL, &measures, NULL),
        ADAH_OK);
    double map = measures.map;
    adah_measures_free(&measures);
    return map;
}

/* Four classes: chance is a quarter. */
static void all_methods_retrieve(void **state) {
    (void)state;
    /* Of four classes three or four orthogonal directions tell anything, and half of the topics are any text's. */
    static const double floor[TWO_VIEWS_METHODS] = {0.4, 0.7, 0.45, 0.8, 0.4, 0.8, 0.8};
    two_views_make(&set, 300, 1, 1);
    two_views_make(&queries, 100, 1, 2);
    for (size_t m = 0; m < TWO_VIEWS_METHODS; m++) {
        const char *name = two_views_methods[m];
        learned l;
        assert_non_null(adah_method_find(name)->closed_form);
        assert_int_equal(adah_rival_learn(adah_method_find(name), &set.data, 16, 7, silent, &l.image, &l.text, NULL, NULL), ADAH_OK);
        float *image = encode(&l.image, set.image, 300), *text = encode(&l.text, set.text, 300);
        float *image_query = encode(&l.image, queries.image, 100), *text_query = encode(&l.text, queries.text, 100);
        double to_text = mean_precision(image_query, &queries, text, &set, 16);
        double to_image = mean_precision(text_query, &queries, image, &set, 16);
        print_message("%-8s image to text %.3f, text to image %.3f\n", name, to_text, to_image);
        assert_true(to_text > floor[m] && to_image > floor[m]);
        free(image);
        free(text);
        free(image_query);
        free(text_query);
        release(&l);
    }
}

static void assert_same(const adah_hash_function *a, const adah_hash_function *b) {
    const size_t n_k = a->n_anchors ? a->n_anchors : a->n_in;
    assert_int_equal(a->n_anchors, b->n_anchors);
    assert_memory_equal(a->weight, b->weight, a->n_bits * n_k * sizeof(float));
    assert_memory_equal(a->bias, b->bias, a->n_bits * sizeof(float));
    if (a->n_anchors)
        assert_memory_equal(a->anchor, b->anchor, n_k * a->n_in * sizeof(float));
}

static void same_seed_same_function(void **state) {
    (void)state;
    two_views_make(&set, 300, 1, 1);
    for (size_t m = 0; m < TWO_VIEWS_METHODS; m++) {
        adah_parallel_set_threads(1);
        learned one = learn(two_views_methods[m], &set.data, 16, 7);
        adah_parallel_set_threads(3);
        learned three = learn(two_views_methods[m], &set.data, 16, 7),
                other = learn(two_views_methods[m], &set.data, 16, 8);
        assert_same(&one.image, &three.image);
        assert_same(&one.text, &three.text);
        const char *name = two_views_methods[m];
        if (strcmp(name, "cca") && strncmp(name, "scm", 3)) /* these use no random number */
            assert_memory_not_equal(one.image.weight, other.image.weight, 16 * sizeof(float));
        release(&one);
        release(&three);
        release(&other);
    }
}

/* Other units and another origin of the features change no code (but for values at rounding distance of 0). */
static void units_do_not_matter(void **state) {
    (void)state;
    two_views_make(&set, 200, 1, 1);
    queries = set;
    for (size_t i = 0; i < 200 * TWO_VIEWS_IMAGE; i++)
        queries.image[i] = 1024 * set.image[i] + 300;
    for (size_t i = 0; i < 200 * TWO_VIEWS_TEXT; i++)
        queries.text[i] = set.text[i] / 512;
    adah_rival_data moved = set.data;
    moved.image = queries.image;
    moved.text = queries.text;
    for (size_t m = 0; m < TWO_VIEWS_METHODS; m++) {
        learned here = learn(two_views_methods[m], &set.data, 16, 3),
                there = learn(two_views_methods[m], &moved, 16, 3);
        float *a = encode(&here.image, set.image, 200), *b = encode(&there.image, queries.image, 200);
        int n_different = 0;
        for (int i = 0; i < 200 * 16; i++)
            n_different += (a[i] >= 0) != (b[i] >= 0);
        if (n_different > 200 * 16 / 100)
            fail_msg("%s: %d of %d bits differ", two_views_methods[m], n_different, 200 * 16);
        free(a);
        free(b);
        release(&here);
        release(&there);
    }
}

/* ---------------------------------------------------------------- bad and odd data */

static void assert_refused(const char *name, const adah_rival_data *data, size_t n_bits, adah_code code,
                           const char *words) {
    adah_hash_function image = {0}, text = {0};
    adah_status status = {0};
    assert_int_equal(adah_rival_learn(adah_method_find(name), data, n_bits, 0, silent, &image, &text, NULL, &status), code);
    if (!strstr(status.message, words))
        fail_msg("\"%s\" does not say \"%s\"", status.message, words);
    assert_null(image.weight);
    assert_null(text.weight);
}

static int stop(void *user, const adah_progress_event *event) {
    (void)user;
    (void)event;
    return 1;
}

static void refusals(void **state) {
    (void)state;
    two_views_make(&set, 40, 1, 1);
    assert_refused("cca", &set.data, 0, ADAH_ERROR_ARGUMENT, "0 bits");
    assert_refused("cca", &set.data, ADAH_BITS_MAX + 1, ADAH_ERROR_ARGUMENT, "expected 1 to 1024");
    adah_rival_data one = set.data;
    one.n = 1;
    assert_refused("cmfh", &one, 16, ADAH_ERROR_ARGUMENT, "at least two pairs");
    set.text[TWO_VIEWS_TEXT * 3 + 2] = NAN;
    assert_refused("stmh", &set.data, 16, ADAH_ERROR_ARGUMENT, "text vector 3, value 2 is nan");
    two_views_make(&set, 40, 1, 1);
    adah_rival_data unlabelled = set.data;
    unlabelled.n_labels = 0;
    unlabelled.label = NULL;
    assert_refused("scm-seq", &unlabelled, 16, ADAH_ERROR_MISMATCH, "scm-seq learns from labels");
    memset(set.label, 0, sizeof set.label);
    assert_refused("scm-orth", &set.data, 16, ADAH_ERROR_MISMATCH, "scm");
    assert_refused("seph-rnd", &set.data, 16, ADAH_ERROR_MISMATCH, "no two pairs share a label");
    for (size_t i = 0; i < 40 * TWO_VIEWS_TEXT; i++)
        set.text[i] = 0.1f;
    assert_refused("cca", &set.data, 16, ADAH_ERROR_MISMATCH, "no correlation");
    adah_hash_function image = {0}, text = {0};
    two_views_make(&set, 40, 1, 1);
    for (size_t m = 0; m < TWO_VIEWS_METHODS; m++) {
        adah_status status;
        assert_int_equal(adah_rival_learn(adah_method_find(two_views_methods[m]), &set.data, 16, 0, (adah_progress){stop, NULL}, &image,
                                          &text, NULL, &status),
                         ADAH_ERROR_CANCELLED);
        assert_null(image.weight);
        assert_null(text.weight);
    }
}

static void assert_finite_function(const char *name, const adah_rival_data *data, size_t n_bits) {
    learned l = learn(name, data, n_bits, 1);
    float *h[2] = {encode(&l.image, data->image, data->n), encode(&l.text, data->text, data->n)};
    for (size_t i = 0; i < data->n * n_bits; i++)
        if (!isfinite(h[0][i]) || !isfinite(h[1][i]))
            fail_msg("%s, %zu pairs, %zu bits: value %zu is not finite", name, data->n, n_bits, i);
    free(h[0]);
    free(h[1]);
    release(&l);
}

static void odd_data(void **state) {
    (void)state;
    two_views_make(&set, 60, 1, 1);
    for (size_t m = 0; m < TWO_VIEWS_METHODS; m++) {
        const char *name = two_views_methods[m];
        assert_finite_function(name, &set.data, 128); /* far more bits than directions */
        assert_finite_function(name, &set.data, 1);
        adah_rival_data few = set.data; /* fewer pairs than dimensions */
        few.n = 9;
        assert_finite_function(name, &few, 16);
        two_views_make(&queries, 60, 0, 1); /* all rows of a class are equal */
        assert_finite_function(name, &queries.data, 16);
        if (strcmp(name, "cca") == 0 || strncmp(name, "scm", 3) == 0)
            continue; /* they refuse the next: nothing is correlated with a constant */
        for (size_t i = 0; i < 60 * TWO_VIEWS_TEXT; i++)
            queries.text[i] = 0.1f;
        assert_finite_function(name, &queries.data, 16);
    }
}

static int n_threads_before;

static int begin(void **state) {
    (void)state;
    return adah_algebra_begin(&n_threads_before, NULL);
}

static int end(void **state) {
    (void)state;
    adah_algebra_end(n_threads_before);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(singular_pairs),
        cmocka_unit_test(cca_by_hand),
        cmocka_unit_test(cca_by_definition),
        cmocka_unit_test(objectives_descend),
        cmocka_unit_test(seph_derivative),
        cmocka_unit_test(all_methods_retrieve),
        cmocka_unit_test(same_seed_same_function),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(refusals),
        cmocka_unit_test(odd_data),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
