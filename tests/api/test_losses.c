/* (unit) The losses for other programs: the values of the equations written down, derivatives as differences, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "paper/objective_plain.h"

#include <adah/adah.h>

#include <math.h>
#include <string.h>

enum { N = 12, Q = 8, N_BATCH = 3 };

static float queries[N * Q], database[N * Q], similarity[N * N];

static void fill(void) {
    adah_random r = adah_random_seeded(3, 0);
    for (size_t i = 0; i < N * Q; i++) {
        queries[i] = tanhf(adah_random_normal(&r));
        database[i] = tanhf(adah_random_normal(&r));
    }
    for (size_t i = 0; i < N * N; i++)
        similarity[i] = i / N % 3 == i % N % 3;
}

static double triplet_at(const float *q, const float *d, int mean_over_active, float *q_gradient, float *d_gradient) {
    double loss = -1;
    assert_int_equal(adah_loss_triplet(q, d, similarity, N, Q, 1.5f, mean_over_active, &loss, q_gradient, d_gradient, NULL), ADAH_OK);
    return loss;
}

static void test_triplet(void **state) {
    (void)state;
    double q[N * Q], d[N * Q], room[N];
    fill();
    for (size_t i = 0; i < N * Q; i++) {
        q[i] = queries[i];
        d[i] = database[i];
    }
    for (int over_active = 0; over_active < 2; over_active++)
        for (int within = 0; within < 2; within++) {
            const adah_plain_batch b = {.n = N, .q = Q, .similarity = similarity, .margin = 1.5, .mean_over_active = over_active, .d = room};
            float q_gradient[N * Q] = {0}, d_gradient[N * Q] = {0};
            const float *other = within ? queries : database;
            const double loss = triplet_at(queries, other, over_active, q_gradient, within ? q_gradient : d_gradient);
            assert_true(loss > 0);
            assert_true(fabs(loss - adah_plain_ranking_loss(&b, q, within ? q : d)) < 1e-6);
            if (over_active) /* has steps where a triplet becomes active */
                continue;
            for (size_t i = 0; i < N * Q; i += 7) {
                const float before = queries[i];
                float ignored[2][N * Q] = {{0}};
                queries[i] = before + 1e-3f;
                const double up = triplet_at(queries, other, 0, ignored[0], within ? ignored[0] : ignored[1]);
                queries[i] = before - 1e-3f;
                const double down = triplet_at(queries, other, 0, ignored[0], within ? ignored[0] : ignored[1]);
                queries[i] = before;
                assert_true(fabs((up - down) / 2e-3 - (double)q_gradient[i]) < 1e-3);
            }
        }
}

static void test_dcmh(void **state) {
    (void)state;
    const size_t row[N_BATCH] = {7, 0, 3};
    float gradient[N_BATCH * Q] = {0};
    double loss[3], wanted[3] = {0};
    fill();
    assert_int_equal(adah_loss_dcmh(queries, database, row, similarity, N, N_BATCH, Q, 0.7f, 0.3f, loss, gradient, NULL), ADAH_OK);
    for (size_t i = 0; i < N_BATCH; i++) {
        const float *f = queries + row[i] * Q;
        for (size_t j = 0; j < N; j++) {
            double theta = 0;
            for (size_t c = 0; c < Q; c++)
                theta += (double)f[c] * (double)database[j * Q + c] / 2;
            wanted[0] += log1p(exp(theta)) - (double)similarity[i * N + j] * theta;
        }
        for (size_t c = 0; c < Q; c++) {
            const double gap = (double)f[c] - ((double)f[c] + (double)database[row[i] * Q + c] >= 0 ? 1 : -1);
            wanted[1] += gap * gap;
        }
    }
    for (size_t c = 0; c < Q; c++) {
        double sum = 0;
        for (size_t j = 0; j < N; j++)
            sum += (double)queries[j * Q + c];
        wanted[2] += sum * sum;
    }
    for (int t = 0; t < 3; t++)
        assert_true(fabs(loss[t] - wanted[t] / (N_BATCH * N)) < 1e-5);
    for (size_t i = 0; i < N_BATCH * Q; i += 5) {
        float *value = &queries[row[i / Q] * Q + i % Q], ignored[N_BATCH * Q];
        const float before = *value;
        double near[2][3];
        for (int side = 0; side < 2; side++) {
            *value = before + (side ? -1e-2f : 1e-2f);
            assert_int_equal(adah_loss_dcmh(queries, database, row, similarity, N, N_BATCH, Q, 0.7f, 0.3f, near[side], memset(ignored, 0, sizeof ignored), NULL),
                             ADAH_OK);
        }
        *value = before;
        double slope = 0;
        const double weight[3] = {1, 0.7, 0.3};
        for (int t = 0; t < 3; t++)
            slope += weight[t] * (near[0][t] - near[1][t]) / 2e-2;
        assert_true(fabs(slope - (double)gradient[i]) < 1e-3);
    }
}

static void test_what_is_refused(void **state) {
    (void)state;
    const size_t row[N_BATCH] = {7, N, 3};
    float gradient[N * Q] = {0};
    double loss[3];
    adah_status status;
    fill();
    assert_int_equal(adah_loss_triplet(queries, database, similarity, 0, Q, 1, 1, loss, gradient, gradient, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_loss_triplet(queries, database, similarity, N, 0, 1, 1, loss, gradient, gradient, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_loss_dcmh(queries, database, row, similarity, N, N_BATCH, Q, 1, 1, loss, gradient, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "row 12 of 12"));
    adah_memory_fault_at(1);
    assert_int_equal(adah_loss_triplet(queries, database, similarity, N, Q, 1, 1, loss, gradient, gradient, &status), ADAH_ERROR_MEMORY);
    adah_memory_fault_at(1);
    assert_int_equal(adah_loss_dcmh(queries, database, row, similarity, N, 1, Q, 1, 1, loss, gradient, &status), ADAH_ERROR_MEMORY);
    adah_memory_fault_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triplet),
        cmocka_unit_test(test_dcmh),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
