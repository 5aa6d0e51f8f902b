/* (unit) Rivals on a few easy pairs: the deep ones learn in the loop of train.c, with their bank and their adversary, to the same
 * bits after an interruption; the shallow ones become parameters; all of them encode by the plain network. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/cut.h"
#include "api/validate.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "files/model_file.h"
#include "learn/train.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "temporary_folder.h"
#include "tiny_pairs.h"

enum { N_TRAIN = 80, N_VALIDATION = 24, N_SHALLOW = 7 };

static const char *const deep[] = {"dcmh", "acmr"};
static const char *const shallow[N_SHALLOW] = {"cca", "cmfh", "scm-orth", "scm-seq", "stmh", "seph-km", "seph-rnd"};

typedef struct job {
    tiny_pairs *pairs;
    adah_settings config;
    adah_training training;
    adah_parameters parameters;
    char *history;
} job;

static job *job_create(const char *method, int is_map) {
    job *j = calloc(1, sizeof *j);
    assert_non_null(j);
    j->pairs = tiny_pairs_create(N_TRAIN + N_VALIDATION, is_map, 1);
    assert_int_equal(adah_backbone_preset("default", "small", &j->config, NULL), ADAH_OK);
    assert_int_equal(adah_settings_method(method, &j->config, NULL), ADAH_OK);
    j->config.finetune = 0;
    j->config.n_bits = 16;
    j->config.n_image_hidden = 24;
    j->config.n_text_hidden = 24;
    j->config.n_batch = 16;
    j->config.n_epochs = 20;
    j->config.n_final_epochs = 2;
    j->config.rate = j->config.rate_attention = 0.005f;
    assert_int_equal(adah_backbone_check(&j->config, NULL), ADAH_OK);
    j->training = (adah_training){.config = &j->config,
                                  .set = &j->pairs->set,
                                  .items = j->pairs->items,
                                  .n_train = N_TRAIN,
                                  .n_validation = N_VALIDATION,
                                  .validate = adah_validate,
                                  .classify = 1,
                                  .checkpoint_seconds = 1e9};
    return j;
}

static void job_free(job *j) {
    adah_parameters_free(&j->parameters);
    adah_memory_free(j->history);
    free(j->pairs);
    free(j);
}

static adah_code run(job *j, adah_status *status) {
    adah_history history;
    const adah_code code = adah_train_parameters(&j->training, &j->parameters, &history, status);
    if (code == ADAH_OK)
        assert_non_null(j->history = adah_history_json(&history));
    adah_history_free(&history);
    return code;
}

static void run_well(job *j) {
    adah_status status;
    if (run(j, &status) != ADAH_OK)
        fail_msg("%s: %s", j->config.method, status.message);
}

/* The better direction of the best epoch; the final ones are not validated. */
static double best_map(const job *j) {
    json_t *history = json_loads(j->history, 0, NULL), *entry;
    double best = 0;
    size_t i;
    json_array_foreach(history, i, entry) {
        assert_true(json_is_object(json_object_get(entry, "loss")));
        best = fmax(best, json_number_value(json_object_get(entry, "validation_map_image_to_text")));
        best = fmax(best, json_number_value(json_object_get(entry, "validation_map_text_to_image")));
    }
    json_decref(history);
    return best;
}

static const float *value_of(const job *j, const char *name) {
    const adah_parameter *p = adah_parameters_find(&j->parameters, name);
    if (!p)
        fail_msg("%s: no parameter %s", j->config.method, name);
    return p->value;
}

/* ---------------------------------------------------------------- the deep ones */

static void test_deep_rivals_learn(void **state) {
    (void)state;
    for (int m = 0; m < 2; m++)
        for (int is_map = 0; is_map < 2; is_map++) {
            job *j = job_create(deep[m], is_map);
            run_well(j);
            if (!(best_map(j) > 0.8)) /* chance: 0.25 and a little */
                fail_msg("%s: %s", deep[m], j->history);
            job_free(j);
        }
}

/* H of the training's network by hand, from the parameters it left. */
static void test_codes_of_the_plain_network(void **state) {
    (void)state;
    for (int m = 0; m < 2; m++) {
        job *j = job_create(deep[m], 0);
        run_well(j);
        const size_t item = 3, n_hidden = 24, n_bits = 16;
        float code[16];
        double hidden[24];
        assert_int_equal(adah_pair_set_encode(&j->pairs->set, &j->config, &j->parameters, &item, 1, code, NULL, (adah_progress){0},
                                              NULL),
                         ADAH_OK);
        const float *x = j->pairs->image + item * TINY_VECTOR, *v = value_of(j, "image.hidden.weight"),
                    *c = value_of(j, "image.hidden.bias"), *w = value_of(j, "image.hash.weight"),
                    *b = value_of(j, "image.hash.bias");
        for (size_t h = 0; h < n_hidden; h++) {
            hidden[h] = (double)c[h];
            for (size_t d = 0; d < TINY_VECTOR; d++)
                hidden[h] += (double)v[h * TINY_VECTOR + d] * (double)x[d];
            hidden[h] = m == 1 ? tanh(hidden[h]) : fmax(0, hidden[h]);
        }
        for (size_t k = 0; k < n_bits; k++) {
            double sum = (double)b[k];
            for (size_t h = 0; h < n_hidden; h++)
                sum += (double)w[k * n_hidden + h] * hidden[h];
            assert_true(fabs((double)code[k] - (m == 1 ? tanh(sum) : sum)) < 1e-4);
        }
        job_free(j);
    }
}

typedef struct stopper {
    int n_left;
} stopper;

static int stop_after(void *user, const adah_progress_event *event) {
    (void)event;
    return --((stopper *)user)->n_left < 0;
}

/* Stopped again and again, every time after a few steps: the bank of DCMH and the adversary of ACMR go on as if nothing had
 * been. */
static void test_resumed_to_the_same_bits(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    char path[512];
    TEMPORARY_PATH(folder, "rival.checkpoint", path);
    for (int m = 0; m < 2; m++) {
        job *whole = job_create(deep[m], 1);
        whole->config.n_epochs = 4;
        whole->config.dropout = 0.2f;
        run_well(whole);
        adah_code code = ADAH_ERROR_CANCELLED;
        int n_runs = 0;
        job *j = NULL;
        remove(path);
        while (code == ADAH_ERROR_CANCELLED && n_runs < 100) {
            if (j)
                job_free(j);
            j = job_create(deep[m], 1);
            j->config = whole->config;
            stopper s = {3};
            j->training.checkpoint_path = path;
            j->training.resume = n_runs++ > 0;
            j->training.progress = (adah_progress){stop_after, &s};
            code = run(j, NULL);
        }
        assert_int_equal(code, ADAH_OK);
        assert_true(n_runs > 4);
        assert_string_equal(j->history, whole->history);
        assert_int_equal(j->parameters.n, whole->parameters.n);
        for (size_t i = 0; i < j->parameters.n; i++)
            assert_memory_equal(j->parameters.item[i]->value, whole->parameters.item[i]->value,
                                j->parameters.item[i]->n * sizeof(float));
        job_free(j);
        job_free(whole);
    }
    temporary_folder_remove(&folder);
}

/* The modality classifier is there with the adversary alone, learns, and changes what is learned. */
static void test_the_adversary_of_acmr(void **state) {
    (void)state;
    job *with = job_create("acmr", 0), *without = job_create("acmr", 0), *still = job_create("acmr", 0);
    without->config.adversary = 0;
    still->config.rate_attention = 0;
    run_well(with);
    run_well(without);
    run_well(still);
    assert_null(adah_parameters_find(&without->parameters, "modality.0.weight"));
    const adah_parameter *p = adah_parameters_find(&with->parameters, "modality.0.weight");
    assert_non_null(p);
    assert_memory_not_equal(p->value, value_of(still, "modality.0.weight"), p->n * sizeof(float));
    assert_memory_not_equal(value_of(with, "image.hash.weight"), value_of(without, "image.hash.weight"), 16 * 24 * sizeof(float));
    job_free(with);
    job_free(without);
    job_free(still);
}

/* After the last step the bank holds the codes of that step's batch; no code of a training pair is forgotten. */
static void test_the_bank_of_dcmh(void **state) {
    (void)state;
    job *j = job_create("dcmh", 0);
    run_well(j);
    const char *const name[2] = {"bank.image", "bank.text"};
    for (int m = 0; m < 2; m++) {
        const float *bank = value_of(j, name[m]);
        for (size_t i = 0; i < N_TRAIN; i++) {
            float size = 0;
            for (size_t k = 0; k < 16; k++)
                size += fabsf(bank[i * 16 + k]);
            assert_true(size > 0);
        }
    }
    job_free(j);
}

/* ---------------------------------------------------------------- the shallow ones */

static void test_shallow_rivals_learn(void **state) {
    (void)state;
    for (int m = 0; m < N_SHALLOW; m++)
        for (int is_map = 0; is_map < 2; is_map++) {
            job *j = job_create(shallow[m], is_map);
            run_well(j);
            if (!(best_map(j) > 0.4)) /* chance: 0.25 and a little */
                fail_msg("%s: %s", shallow[m], j->history);
            job_free(j);
        }
}

/* H of item by hand from the average x of its image; anchors as the parameters say. */
static double shallow_bit(const job *j, const double *x, size_t n_in, size_t bit) {
    const float *w = value_of(j, "image.hash.weight");
    const adah_parameter *anchor = adah_parameters_find(&j->parameters, "image.hash.anchor");
    double sum = (double)value_of(j, "image.hash.bias")[bit];
    for (size_t c = 0; !anchor && c < n_in; c++)
        sum += (double)w[bit * n_in + c] * x[c];
    for (size_t a = 0; anchor && a < anchor->shape.dim[0]; a++) {
        double square = 0;
        for (size_t c = 0; c < n_in; c++)
            square += pow(x[c] - (double)anchor->value[a * n_in + c], 2);
        sum += (double)w[bit * anchor->shape.dim[0] + a] * exp(-square * (double)*value_of(j, "image.hash.scale"));
    }
    return sum;
}

/* Maps and tokens are averaged the same way when learning and when encoding; tokens of zeros do not count. */
static void test_codes_of_shallow_rivals(void **state) {
    (void)state;
    for (int m = 0; m < 2; m++)
        for (int tokens = 0; tokens < 2; tokens++) {
            job *j = job_create(m ? "seph-rnd" : "cca", 1);
            const size_t item = 6, n_in = TINY_CHANNELS, n_positions = TINY_POSITIONS, n_present = tokens ? 5 : n_positions;
            if (tokens) {
                j->pairs->set.image.shape = (adah_input_shape){.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(n_positions, n_in)};
                for (size_t i = 0; i < N_TRAIN + N_VALIDATION; i += 2)
                    memset(j->pairs->image + (i * n_positions + n_present) * n_in, 0, (n_positions - n_present) * n_in * sizeof(float));
            }
            run_well(j);
            double x[TINY_CHANNELS] = {0};
            float code[16];
            for (size_t p = 0; p < n_present; p++)
                for (size_t c = 0; c < n_in; c++)
                    x[c] += (double)j->pairs->image[item * n_in * n_positions + (tokens ? p * n_in + c : c * n_positions + p)] /
                            (double)n_present;
            assert_int_equal(adah_pair_set_encode(&j->pairs->set, &j->config, &j->parameters, &item, 1, code, NULL,
                                                  (adah_progress){0}, NULL),
                             ADAH_OK);
            for (size_t bit = 0; bit < 16; bit++)
                assert_true(fabs((double)code[bit] - shallow_bit(j, x, n_in, bit)) < 1e-3 * (1 + fabs((double)code[bit])));
            if (m == 1) { /* anchors are drawn from the averages of the training pairs */
                const float *anchor = value_of(j, "image.hash.anchor");
                int found = 0;
                for (size_t i = 0; i < N_TRAIN; i++) {
                    const size_t present = tokens && i % 2 == 0 ? n_present : n_positions;
                    double gap = 0;
                    for (size_t c = 0; c < n_in; c++) {
                        double mean = 0;
                        for (size_t p = 0; p < present; p++)
                            mean += (double)j->pairs->image[i * n_in * n_positions + (tokens ? p * n_in + c : c * n_positions + p)];
                        gap += fabs(mean / (double)present - (double)anchor[c]);
                    }
                    found |= gap < 1e-4;
                }
                assert_true(found);
            }
            job_free(j);
        }
}

/* Written, read again, opened: nothing is missing, a classifier or a bank is not taken along, the codes are the same. */
static void test_model_files(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    char path[512];
    TEMPORARY_PATH(folder, "rival.safetensors", path);
    const char *const methods[] = {"dcmh", "acmr", "cca", "seph-km"};
    for (int m = 0; m < 4; m++) {
        job *j = job_create(methods[m], 0);
        run_well(j);
        adah_model_state s = {.config = j->config, .parameters = j->parameters, .image = j->pairs->set.image.shape,
                              .text = j->pairs->set.text.shape,
                              .vocabulary = adah_memory_text("{}"), .training = adah_memory_text("{}")};
        adah_model_state back;
        assert_int_equal(adah_model_state_write(path, &s, NULL), ADAH_OK);
        assert_int_equal(adah_model_state_read(path, &back, NULL), ADAH_OK);
        assert_string_equal(back.config.method, methods[m]);
        for (size_t i = 0; i < back.parameters.n; i++)
            assert_true(!strncmp(back.parameters.item[i]->name, "image.", 6) || !strncmp(back.parameters.item[i]->name, "text.", 5));
        float code[2][2][24 * 16];
        adah_parameters *const p[2] = {&j->parameters, &back.parameters};
        for (int k = 0; k < 2; k++)
            assert_int_equal(adah_pair_set_encode(&j->pairs->set, &j->config, p[k], j->pairs->items, 24, code[k][0], code[k][1],
                                                  (adah_progress){0}, NULL),
                             ADAH_OK);
        assert_memory_equal(code[0], code[1], sizeof code[0]);
        adah_model_state_free(&back);
        adah_memory_free(s.vocabulary);
        adah_memory_free(s.training);
        job_free(j);
    }
    temporary_folder_remove(&folder);
}

/* Without labels to classify by, what learns from labels says so; what does not, learns. */
static void test_without_labels(void **state) {
    (void)state;
    for (int m = 0; m < N_SHALLOW; m++) {
        job *j = job_create(shallow[m], 0);
        adah_status status = {0};
        j->training.classify = 0;
        const int supervised = !strncmp(shallow[m], "scm", 3) || !strncmp(shallow[m], "seph", 4);
        const adah_code code = run(j, &status);
        assert_int_equal(code == ADAH_OK, !supervised);
        if (supervised && (!strstr(status.message, shallow[m]) || !strstr(status.message, "labels")))
            fail_msg("%s", status.message);
        job_free(j);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deep_rivals_learn),
        cmocka_unit_test(test_codes_of_the_plain_network),
        cmocka_unit_test(test_resumed_to_the_same_bits),
        cmocka_unit_test(test_the_adversary_of_acmr),
        cmocka_unit_test(test_the_bank_of_dcmh),
        cmocka_unit_test(test_shallow_rivals_learn),
        cmocka_unit_test(test_codes_of_shallow_rivals),
        cmocka_unit_test(test_model_files),
        cmocka_unit_test(test_without_labels),
    };
    adah_parallel_set_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
