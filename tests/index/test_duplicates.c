/* (property) Images that are there twice: of up to 4,096 vectors the pairs are those of the definition, of more nearly all that were planted; the groups of
 * an index are what is the same and what is near, without what is deleted, and the same for any number of threads. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "index/index_builder.h"
#include "index/near_pairs.h"
#include "temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 64, N_FEW = 600, N_MANY = 9000, N_PLANTED = 300 };
#define OK(call) do { if ((call) != ADAH_OK) fail_msg("%s", status.message); } while (0)

static adah_status status;

static int8_t round_to_byte(float x) { return (int8_t)lrintf(fmaxf(-127, fminf(127, x))); }

/* n vectors around one of some centres each, since pictures are of kinds (spread: how far these lie apart); the last n_copies are noisy copies of the first ones. */
static int8_t *draw(size_t n, float spread, size_t n_copies, float noise, adah_random *r) {
    enum { N_CENTRES = 40 };
    static float centre[N_CENTRES][WIDTH];
    int8_t *v = malloc(n * WIDTH);
    assert_non_null(v);
    for (size_t i = 0; i < N_CENTRES; i++)
        for (size_t k = 0; k < WIDTH; k++)
            centre[i][k] = adah_random_normal(r);
    for (size_t i = 0; i < n; i++) {
        const size_t c = (size_t)adah_random_below(r, N_CENTRES);
        for (size_t k = 0; k < WIDTH; k++)
            v[i * WIDTH + k] = i < n - n_copies ? round_to_byte(spread * centre[c][k] + 25 * adah_random_normal(r))
                                                : round_to_byte((float)v[(i - (n - n_copies)) * WIDTH + k] + noise * adah_random_normal(r));
    }
    return v;
}

static double cosine(const int8_t *a, const int8_t *b) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t k = 0; k < WIDTH; k++) {
        ab += (double)a[k] * b[k];
        aa += (double)a[k] * a[k];
        bb += (double)b[k] * b[k];
    }
    return ab / sqrt(aa * bb);
}

static int descending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static int is_found(const adah_near_pair *pairs, size_t n, size_t a, size_t b) {
    for (size_t i = 0; i < n; i++)
        if (pairs[i].a == a && pairs[i].b == b)
            return 1;
    return 0;
}

static void test_pairs_are_those_of_the_definition(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(5, 0);
    int8_t *v = draw(N_FEW, 20, 60, 8, &r);
    static double around[N_FEW], of[N_FEW][N_FEW];
    for (size_t i = 0; i < N_FEW; i++) {
        double sorted[N_FEW];
        for (size_t k = 0; k < N_FEW; k++)
            sorted[k] = of[i][k] = k == i ? -2 : cosine(v + i * WIDTH, v + k * WIDTH);
        qsort(sorted, N_FEW, sizeof *sorted, descending);
        around[i] = sorted[7];
    }
    adah_near_pair *pairs;
    size_t n_pairs, n_wanted = 0;
    OK(adah_near_pairs_find(v, N_FEW, WIDTH, 0.5F, NULL, (adah_progress){0}, &pairs, &n_pairs, &status));
    for (size_t i = 0; i < N_FEW; i++)
        for (size_t k = i + 1; k < N_FEW; k++) {
            const double limit = 0.5 * (1 - fmax(around[i], around[k])), far = 1 - of[i][k];
            const int is_near = (far <= limit && of[i][k] >= 0.75) || of[i][k] >= 0.95;
            if (fabs(far - limit) < 1e-5 || fabs(of[i][k] - 0.95) < 1e-5 || fabs(of[i][k] - 0.75) < 1e-5)
                continue; /* rounding may decide */
            assert_int_equal(is_found(pairs, n_pairs, i, k), is_near);
            n_wanted += (size_t)is_near;
        }
    assert_true(n_wanted >= 50 && n_pairs < 2 * n_wanted);
    adah_memory_free(pairs);
    free(v);
}

static void test_of_many_nearly_all_are_found(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(6, 0);
    int8_t *v = draw(N_MANY, 20, N_PLANTED, 6, &r);
    adah_near_pair *pairs, *again;
    size_t n_pairs, n_again, n_found = 0;
    OK(adah_near_pairs_find(v, N_MANY, WIDTH, 0.5F, NULL, (adah_progress){0}, &pairs, &n_pairs, &status));
    for (size_t i = 0; i < N_PLANTED; i++)
        n_found += (size_t)is_found(pairs, n_pairs, i, N_MANY - N_PLANTED + i);
    if (n_found < N_PLANTED * 95 / 100)
        fail_msg("%zu of %d copies found", n_found, N_PLANTED);
    const int n_threads = adah_parallel_threads();
    adah_parallel_set_threads(n_threads == 3 ? 2 : 3);
    OK(adah_near_pairs_find(v, N_MANY, WIDTH, 0.5F, NULL, (adah_progress){0}, &again, &n_again, &status));
    adah_parallel_set_threads(n_threads);
    assert_int_equal(n_again, n_pairs);
    assert_memory_equal(again, pairs, n_pairs * sizeof *pairs);
    adah_memory_free(pairs);
    adah_memory_free(again);
    free(v);
}

static int is_even(const void *context, uint32_t a, uint32_t b) {
    (void)context;
    return a % 2 == 0 && b % 2 == 0;
}

/* Blank pages: each is near to each, which makes one group and not a pair of any two. */
static void test_what_is_crowded_is_joined_at_once(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(9, 0);
    int8_t *v = draw(N_MANY, 0, 0, 0, &r);
    for (size_t i = 1; i < N_MANY / 2; i++)
        for (size_t k = 0; k < WIDTH; k++)
            v[i * WIDTH + k] = round_to_byte((float)v[k] + 2 * adah_random_normal(&r));
    adah_near_pair *pairs;
    size_t n_pairs, n_joined = 0;
    _Atomic uint32_t *parent = calloc(N_MANY, sizeof *parent);
    const adah_near_groups groups = {parent, is_even, NULL};
    for (uint32_t i = 0; i < N_MANY; i++)
        parent[i] = i;
    OK(adah_near_pairs_find(v, N_MANY, WIDTH, 0.5F, &groups, (adah_progress){0}, &pairs, &n_pairs, &status));
    assert_true(n_pairs < 8 * N_MANY);
    for (uint32_t i = 0; i < N_MANY; i++)
        if (i >= N_MANY / 2 || i % 2)
            assert_int_equal(adah_near_groups_first(&groups, i), i);
        else
            n_joined += adah_near_groups_first(&groups, i) == adah_near_groups_first(&groups, 2);
    assert_true(n_joined > N_MANY / 4 * 9 / 10);
    adah_memory_free(pairs);
    free(parent);
    free(v);
}

static int stop(void *user, const adah_progress_event *event) {
    (void)user;
    (void)event;
    return 1;
}

static void test_it_can_be_stopped_and_memory_may_be_out(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(7, 0);
    int8_t *v = draw(N_FEW, 20, 60, 8, &r);
    adah_near_pair *pairs;
    size_t n_pairs;
    assert_int_equal(adah_near_pairs_find(v, N_FEW, WIDTH, 0.5F, NULL, (adah_progress){stop, NULL}, &pairs, &n_pairs, &status), ADAH_ERROR_CANCELLED);
    for (uint64_t i = 1;; i++) {
        adah_memory_fault_at(i);
        const adah_code code = adah_near_pairs_find(v, N_FEW, WIDTH, 0.5F, NULL, (adah_progress){0}, &pairs, &n_pairs, &status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (code == ADAH_OK)
            adah_memory_free(pairs);
        assert_int_equal(code, fired ? ADAH_ERROR_MEMORY : ADAH_OK);
        if (!fired)
            break;
    }
    free(v);
}

/* ---------------------------------------------------------------- groups of an index */

static temporary_folder folder;
static char path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.adah", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static void group_is(const adah_duplicates *d, size_t group, const uint64_t *rows, size_t n) {
    assert_true(group < d->n_groups);
    assert_int_equal(d->start[group + 1] - d->start[group], n);
    assert_memory_equal(d->row + d->start[group], rows, n * sizeof *rows);
    assert_true(d->likeness[d->start[group]] > 0.9999F);
}

/* 300 images with a code and a vector each, of which the part behind the first 8 values, that texts have as well, tells the picture. */
static void test_groups(void **state) {
    (void)state;
    static const uint8_t identity[16];
    enum { N = 300, SHARED = 8 };
    adah_random r = adah_random_seeded(8, 0);
    int8_t *v = draw(N, 0, 0, 0, &r);
    adah_index_builder *b;
    OK(adah_index_builder_create(path, 64, identity, "none", &b, &status));
    for (size_t i = 0; i < N; i++) {
        int8_t fine[SHARED + WIDTH];
        uint8_t code[8];
        for (size_t k = 0; k < 8; k++)
            code[k] = (uint8_t)adah_random_next(&r);
        const size_t of = i == 20 || i == 200 ? 3 : i == 30 ? 31 : i; /* 20 and 200 are 3 once more; 30 is near 31 */
        memset(fine, (int)(i % 100) + 1, SHARED);
        memcpy(fine + SHARED, v + of * WIDTH, WIDTH);
        if (i == 30)
            for (size_t k = 0; k < WIDTH; k++)
                fine[SHARED + k] = round_to_byte((float)fine[SHARED + k] + 3 * adah_random_normal(&r));
        if (of == 3) { /* the same code and vector */
            memset(code, 7, sizeof code);
            memset(fine, 9, SHARED);
        }
        const adah_index_item item = {.id = ADAH_NO_ID, .image_code = code, .text_code = code, .image_fine = fine, .text_fine = fine,
                                      .n_image_fine = sizeof fine, .n_text_fine = SHARED};
        OK(adah_index_builder_add(b, &item, &status));
    }
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    free(v);
    adah_index *index, *later;
    adah_duplicates d;
    adah_duplicates_options o;
    OK(adah_index_open(path, &index, &status));
    OK(adah_index_duplicates(index, NULL, (adah_progress){0}, &d, &status));
    assert_int_equal(d.n_groups, 2);
    group_is(&d, 0, (const uint64_t[]){3, 20, 200}, 3);
    assert_true(d.likeness[2] > 0.9999F);
    group_is(&d, 1, (const uint64_t[]){30, 31}, 2);
    assert_true(d.likeness[4] > 0.9F && d.likeness[4] < 0.9999F);
    adah_duplicates_free(&d);
    adah_duplicates_options_init(&o);
    o.ratio = 0; /* the same alone */
    OK(adah_index_duplicates(index, &o, (adah_progress){0}, &d, &status));
    assert_int_equal(d.n_groups, 1);
    adah_duplicates_free(&d);
    o.ratio = 0.5F;
    o.radius = 3; /* the codes of 30 and 31 are farther apart */
    OK(adah_index_duplicates(index, &o, (adah_progress){0}, &d, &status));
    assert_int_equal(d.n_groups, 1);
    adah_duplicates_free(&d);
    o.ratio = 2;
    assert_int_equal(adah_index_duplicates(index, &o, (adah_progress){0}, &d, &status), ADAH_ERROR_ARGUMENT);
    adah_index_writer *w; /* what is deleted is not there twice */
    OK(adah_index_writer_open(path, &w, &status));
    OK(adah_index_writer_delete(w, 20, &status));
    OK(adah_index_writer_delete(w, 31, &status));
    OK(adah_index_writer_commit(w, &status));
    adah_index_writer_close(w);
    OK(adah_index_latest(index, &later, &status));
    OK(adah_index_duplicates(later, NULL, (adah_progress){0}, &d, &status));
    assert_int_equal(d.n_groups, 1);
    group_is(&d, 0, (const uint64_t[]){3, 200}, 2);
    adah_duplicates_free(&d);
    adah_index_close(later);
    adah_index_close(index);
}

static void test_codes_alone(void **state) {
    (void)state;
    static const uint8_t identity[16];
    static const uint8_t code[6][2] = {{0, 0}, {255, 255}, {0, 0}, {1, 0}, {255, 15}, {85, 170}};
    adah_index_builder *b;
    adah_index *index;
    adah_duplicates d;
    adah_duplicates_options o;
    OK(adah_index_builder_create(path, 16, identity, "none", &b, &status));
    for (size_t i = 0; i < 6; i++)
        OK(adah_index_builder_add(b, &(const adah_index_item){.id = ADAH_NO_ID, .image_code = code[i]}, &status));
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_open(path, &index, &status));
    OK(adah_index_duplicates(index, NULL, (adah_progress){0}, &d, &status));
    assert_int_equal(d.n_groups, 1);
    group_is(&d, 0, (const uint64_t[]){0, 2}, 2);
    adah_duplicates_free(&d);
    adah_duplicates_options_init(&o);
    o.radius = 4;
    OK(adah_index_duplicates(index, &o, (adah_progress){0}, &d, &status));
    assert_int_equal(d.n_groups, 2);
    group_is(&d, 0, (const uint64_t[]){0, 2, 3}, 3);
    group_is(&d, 1, (const uint64_t[]){1, 4}, 2);
    adah_duplicates_free(&d);
    adah_index_close(index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_those_of_the_definition),
        cmocka_unit_test(test_of_many_nearly_all_are_found),
        cmocka_unit_test(test_what_is_crowded_is_joined_at_once),
        cmocka_unit_test(test_it_can_be_stopped_and_memory_may_be_out),
        cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_codes_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
