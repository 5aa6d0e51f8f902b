/* (unit) Training in turns on a few easy pairs: it learns; each step moves what it should and nothing else; the same bits
 * again and after any interruption; and what cannot go on is refused with the reason. */
#define _GNU_SOURCE
#include "api/validate.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include <adah/adah.h>
#include "files/checkpoint.h"
#include "learn/timetable.h"
#include "learn/train.h"
#include "paper/objective.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "data_folder.h"
#include "tiny_pairs.h"

enum { N_PLACE = sizeof(adah_place) / sizeof(double) }; /* what a checkpoint says of where the training stands */
enum { N_TRAIN = 80, N_VALIDATION = 24 }; /* five steps an epoch */

static temporary_folder folder;
static char checkpoint_path[512], copy_path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "model.checkpoint", checkpoint_path);
    TEMPORARY_PATH(folder, "copy.checkpoint", copy_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* Hundreds of checkpoints are synced: to memory where that is to be had. Threads would only wait for each other. */
static int start(void **state) {
    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    adah_parallel_set_threads(1);
    return 0;
}

/* ---------------------------------------------------------------- one training */

typedef struct job {
    tiny_pairs *pairs;
    adah_settings config;
    adah_training training;
} job;

/* n_train pairs and N_VALIDATION others; MAP images unless told. */
static job *job_create(int is_map) {
    job *j = calloc(1, sizeof *j);
    assert_non_null(j);
    j->pairs = tiny_pairs_create(N_TRAIN + N_VALIDATION, is_map, 1);
    j->config = tiny_config();
    j->training = (adah_training){.config = &j->config,
                                  .set = &j->pairs->set,
                                  .items = j->pairs->items,
                                  .n_train = N_TRAIN,
                                  .n_validation = N_VALIDATION,
                                  .validate = adah_validate,
                                  .checkpoint_seconds = 1e9,
                                  .fingerprint = 5};
    return j;
}

static void job_free(job *j) {
    free(j->pairs);
    free(j);
}

typedef struct result {
    adah_code code;
    adah_status status;
    adah_parameters parameters;
    char *history;
} result;

/* Trains r->parameters as they are. */
static void go_on(const job *j, result *r) {
    adah_history history;
    r->code = adah_train_parameters(&j->training, &r->parameters, &history, &r->status);
    if (r->code == ADAH_OK)
        assert_non_null(r->history = adah_history_json(&history));
    adah_history_free(&history);
}

static result run(const job *j) {
    result r = {.code = ADAH_OK};
    go_on(j, &r);
    return r;
}

static void result_free(result *r) {
    adah_parameters_free(&r->parameters);
    adah_memory_free(r->history);
}

static result run_well(const job *j) {
    result r = run(j);
    if (r.code != ADAH_OK)
        fail_msg("%s", r.status.message);
    return r;
}

static int same_bits(const adah_parameters *a, const adah_parameters *b) {
    int same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) {
        const adah_parameter *p = a->item[i], *q = adah_parameters_find(b, p->name);
        same = q && p->n == q->n && !memcmp(p->value, q->value, p->n * sizeof(float));
    }
    return same;
}

static void assert_same(const result *a, const result *b) {
    assert_true(same_bits(&a->parameters, &b->parameters));
    assert_string_equal(a->history, b->history);
}

/* New parameters as training makes them. */
static adah_parameters untrained(const job *j) {
    adah_parameters p = {0};
    adah_network *net;
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = j->pairs->set.image.shape,
                                    .text = j->pairs->set.text.shape,
                                    .n_labels = j->training.classify ? TINY_CLASSES : 0,
                                    .creating = 1};
    assert_int_equal(adah_network_create(&plan, &j->config, &p, &net, NULL), ADAH_OK);
    adah_network_free(net);
    return p;
}

/* Whether any, and whether every, weight of the group has moved from its start. */
static void moved(const job *j, const adah_parameters *now, unsigned group, int *any, int *every) {
    adah_parameters start = untrained(j);
    *any = 0;
    *every = 1;
    for (size_t i = 0; i < now->n; i++) {
        const adah_parameter *p = now->item[i], *q = adah_parameters_find(&start, p->name);
        if (p->group != group)
            continue;
        assert_non_null(q);
        const int differs = memcmp(p->value, q->value, p->n * sizeof(float)) != 0;
        *any |= differs;
        /* One bias for all positions moves no mask. */
        *every &= differs || (j->pairs->set.image.shape.kind == ADAH_INPUT_MAP && !strcmp(p->name, "image.attention.bias"));
    }
    adah_parameters_free(&start);
}

static void assert_moved(const job *j, const result *r, unsigned group, int expected) {
    int any, every;
    moved(j, &r->parameters, group, &any, &every);
    if (expected ? !every : any)
        fail_msg("group %u has%s moved", group, expected ? " not (all)" : "");
}

/* ---------------------------------------------------------------- its history */

static json_t *history_of(const result *r) {
    json_t *h = json_loads(r->history, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_array(h));
    return h;
}

static double number(const json_t *entry, const char *key) {
    const json_t *value = json_object_get(entry, key);
    value = value ? value : json_object_get(json_object_get(entry, "loss"), key);
    if (!json_is_number(value))
        fail_msg("the history has no number \"%s\"", key);
    return json_number_value(value);
}

static double in_epoch(const result *r, size_t epoch, const char *key) { /* from 1 */
    json_t *h = history_of(r);
    assert_true(epoch >= 1 && epoch <= json_array_size(h));
    const double x = number(json_array_get(h, epoch - 1), key);
    json_decref(h);
    return x;
}

static size_t n_epochs_of(const result *r) {
    json_t *h = history_of(r);
    const size_t n = json_array_size(h);
    json_decref(h);
    return n;
}

static double sum_of_maps(const json_t *entry) {
    return number(entry, "validation_map_image_to_text") + number(entry, "validation_map_text_to_image");
}

static void test_history(void **state) {
    (void)state;
    job *j = job_create(1);
    j->training.classify = 1;
    j->config.classifier_weight = 1;
    j->config.contrastive_weight = 0.1f;
    result r = run_well(j);
    json_t *h = history_of(&r), *entry;
    size_t i;
    assert_int_equal(json_array_size(h), j->config.n_epochs);
    json_array_foreach(h, i, entry) {
        assert_true(number(entry, "epoch") == (double)(i + 1));
        for (int t = 0; t < ADAH_N_TERMS; t++) {
            const int on = t < ADAH_TERM_TEXT_TO_IMAGE_HIDDEN || (int)i >= j->config.n_warmup_epochs;
            assert_true(on ? number(entry, adah_term_name[t].key) > 0 : number(entry, adah_term_name[t].key) == 0);
        }
        assert_true(number(entry, "classifier") > 0 && number(entry, "contrastive") > 0);
        const double image = number(entry, "attended_image"), text = number(entry, "attended_text");
        if ((int)i < j->config.n_warmup_epochs)
            assert_true(image == 1 && text == 1); /* the masks keep everything */
        else
            assert_true(image > 0 && image < 1 && text > 0 && text < 1);
        assert_true(sum_of_maps(entry) > 0 && sum_of_maps(entry) <= 2);
    }
    json_decref(h);
    result_free(&r);
    j->training.n_validation = 0;
    r = run_well(j);
    assert_null(strstr(r.history, "validation"));
    result_free(&r);
    job_free(j);
}

/* ---------------------------------------------------------------- learning */

static void check_learning(int is_map, int attention, int adversary, int classify) {
    job *j = job_create(is_map);
    j->config.n_epochs = 12;
    j->config.n_warmup_epochs = 3;
    j->config.mean_over_active = 0; /* over all valid ones the loss falls as triplets come to rest */
    j->config.attention = attention;
    j->config.adversary = adversary;
    j->config.classifier_weight = classify ? 1 : 0;
    j->training.classify = classify;
    result r = run_well(j);
    for (int t = 0; t < ADAH_TERM_TEXT_TO_IMAGE_HIDDEN; t++) {
        const double first = in_epoch(&r, 1, adah_term_name[t].key), last = in_epoch(&r, 12, adah_term_name[t].key);
        if (!(last < 0.5 * first))
            fail_msg("%s: %g in the first epoch, %g in the last", adah_term_name[t].key, first, last);
    }
    if (classify)
        assert_true(in_epoch(&r, 12, "classifier") < 0.5 * in_epoch(&r, 1, "classifier"));
    json_t *h = history_of(&r), *entry;
    size_t i;
    double best = 0;
    json_array_foreach(h, i, entry) best = fmax(best, sum_of_maps(entry) / 2);
    json_decref(h);
    if (!(best > 0.7)) /* four classes: about 0.3 by chance; two of them on one code: about 0.75 */
        fail_msg("map %d attention %d adversary %d: validation mAP %g", is_map, attention, adversary, best);
    result_free(&r);
    job_free(j);
}

static void test_it_learns(void **state) {
    (void)state;
    check_learning(1, 1, 1, 0);
    check_learning(0, 1, 1, 0);
    check_learning(1, 1, 0, 1);
    check_learning(0, 0, 0, 0);
    check_learning(1, 0, 1, 1); /* no mask, no adversary either */
}

static void codes_of(const job *j, adah_parameters *p, const size_t *items, size_t n, adah_coded_set sets[2],
                     uint8_t codes[2][TINY_PAIRS_MAX * 2]) {
    static float h[2][TINY_PAIRS_MAX * 16];
    assert_int_equal(
        adah_pair_set_encode(&j->pairs->set, &j->config, p, items, n, h[0], h[1], (adah_progress){0}, NULL), ADAH_OK);
    const size_t first = items[0]; /* the tests' items follow each other, one label each */
    for (int m = 0; m < 2; m++) {
        adah_codes_pack(h[m], n, 16, codes[m]);
        sets[m] = (adah_coded_set){n, codes[m], j->pairs->label + first, j->pairs->label_start};
    }
}

/* The parameters at the end are those of the epoch with the best validation mAP, measured here again. */
static void test_the_best_epoch_is_kept(void **state) {
    (void)state;
    static uint8_t codes[2][2][TINY_PAIRS_MAX * 2];
    for (uint64_t seed = 0; seed < 3; seed++) {
        job *j = job_create(1);
        j->config.seed = seed;
        j->config.rate = 0.05f; /* jumps about */
        j->config.n_epochs = 6;
        result r = run_well(j);
        adah_coded_set queries[2], database[2];
        adah_measures measures[2];
        codes_of(j, &r.parameters, j->training.items + N_TRAIN, N_VALIDATION, queries, codes[0]);
        codes_of(j, &r.parameters, j->training.items, N_TRAIN, database, codes[1]);
        for (int m = 0; m < 2; m++)
            assert_int_equal(adah_measures_compute(queries[m], database[!m], 16, 0, NULL, &measures[m], NULL), ADAH_OK);
        json_t *h = history_of(&r), *entry;
        size_t i;
        double best = 0;
        json_array_foreach(h, i, entry) best = fmax(best, sum_of_maps(entry));
        json_decref(h);
        assert_true(fabs(measures[0].map + measures[1].map - best) < 1e-4);
        for (int m = 0; m < 2; m++)
            adah_measures_free(&measures[m]);
        result_free(&r);
        job_free(j);
    }
}

/* ---------------------------------------------------------------- the same bits */

static void test_same_seed_same_bits(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 2; n_threads++)
        for (int is_map = n_threads - 1; is_map < 2; is_map++) {
            adah_parallel_set_threads(n_threads);
            job *j = job_create(is_map);
            j->config.dropout = 0.3f;
            j->config.n_epochs = 3 - n_threads;
            result first = run_well(j), again = run_well(j);
            assert_same(&first, &again);
            result_free(&again);
            /* From parameters made beforehand, as adah_train does. */
            again = (result){.parameters = untrained(j)};
            go_on(j, &again);
            assert_int_equal(again.code, ADAH_OK);
            assert_same(&first, &again);
            result_free(&again);
            j->config.seed++;
            again = run_well(j);
            assert_false(same_bits(&first.parameters, &again.parameters));
            result_free(&first);
            result_free(&again);
            job_free(j);
        }
    adah_parallel_set_threads(1);
}

/* ---------------------------------------------------------------- interruptions */

typedef struct watcher {
    uint64_t n, stop_at, copy_at, n_results, last_done;
} watcher;

static int watch(void *user, const adah_progress_event *event) {
    watcher *w = user;
    w->n++;
    assert_string_equal(event->stage, "training");
    assert_true(event->done > w->last_done || w->n == 1);
    assert_true(event->done <= event->total);
    assert_true(strlen(event->detail) > 0);
    w->last_done = event->done;
    w->n_results += event->is_result != 0;
    if (w->n == w->copy_at) {
        size_t n;
        char *bytes = data_folder_read(folder.path, "model.checkpoint", &n);
        data_folder_write(folder.path, "copy.checkpoint", bytes, n);
        free(bytes);
    }
    return w->n == w->stop_at;
}

/* A training with everything in it that a checkpoint must hold. */
static job *rich_job(void) {
    job *j = job_create(1);
    j->config.dropout = 0.2f;
    tiny_config_all_terms(&j->config);
    j->config.attention_retrieval_weight = 0.5f;
    j->config.weight_decay = 0.01f;
    j->config.clip_norm = 5;
    j->config.schedule = ADAH_SCHEDULE_COSINE;
    j->config.n_epochs = 3;
    j->training.classify = 1;
    return j;
}

static void test_progress(void **state) {
    (void)state;
    job *j = rich_job();
    watcher w = {0};
    result silent = run_well(j);
    j->training.progress = (adah_progress){watch, &w};
    result watched = run_well(j);
    assert_same(&silent, &watched);
    assert_int_equal(w.n, 15);
    assert_int_equal(w.last_done, 15);
    assert_int_equal(w.n_results, 3);
    result_free(&silent);
    result_free(&watched);
    job_free(j);
}

/* Stopped after every step there is, each time resumed to the end; and stopped again and again. */
static void test_cancelled_and_resumed(void **state) {
    (void)state;
    job *j = rich_job();
    result whole = run_well(j);
    j->training.checkpoint_path = checkpoint_path;
    j->training.resume = 1;
    for (uint64_t k = 1; k < 15; k++) {
        watcher w = {.stop_at = k};
        j->training.progress = (adah_progress){watch, &w};
        result r = run(j);
        assert_int_equal(r.code, ADAH_ERROR_CANCELLED);
        assert_int_equal(r.status.code, ADAH_ERROR_CANCELLED);
        assert_non_null(strstr(r.status.message, checkpoint_path));
        assert_null(r.history);
        result_free(&r);
        assert_int_equal(temporary_folder_count(&folder), 1);
        j->training.progress = (adah_progress){0};
        r = run_well(j);
        assert_same(&whole, &r);
        result_free(&r);
        unlink(checkpoint_path);
    }
    for (int k = 1; k <= 14; k++) {
        watcher w = {.stop_at = 1};
        j->training.progress = (adah_progress){watch, &w};
        result r = run(j);
        assert_int_equal(r.code, ADAH_ERROR_CANCELLED);
        assert_int_equal(w.last_done, k);
        result_free(&r);
    }
    watcher w = {.stop_at = 1}; /* at the last step of all: there is nothing left to stop */
    j->training.progress = (adah_progress){watch, &w};
    result r = run_well(j);
    assert_int_equal(w.last_done, 15);
    assert_same(&whole, &r);
    result_free(&r);
    result_free(&whole);
    job_free(j);
}

/* The final epochs: six steps each, from all 104 pairs, unvalidated; stopped anywhere in or before them, the same bits. */
static void test_final_epochs(void **state) {
    (void)state;
    job *j = rich_job();
    result without = run_well(j);
    j->config.n_final_epochs = 2;
    watcher all = {0};
    j->training.progress = (adah_progress){watch, &all};
    result whole = run_well(j);
    assert_int_equal(all.n, 15 + 2 * 6);
    assert_int_equal(all.last_done, 15 + 2 * 6);
    json_t *history = json_loads(whole.history, 0, NULL);
    assert_int_equal(json_array_size(history), 5);
    for (size_t i = 0; i < 5; i++)
        assert_true((json_object_get(json_array_get(history, i), "validation_map_image_to_text") != NULL) == (i < 3));
    json_decref(history);
    assert_true(strncmp(without.history, whole.history, strlen(without.history) - 1) == 0); /* the same until then */
    j->training.checkpoint_path = checkpoint_path;
    j->training.resume = 1;
    static const uint64_t stops[] = {3, 14, 15, 16, 21, 26};
    for (size_t k = 0; k < sizeof stops / sizeof *stops; k++) {
        watcher w = {.stop_at = stops[k]};
        j->training.progress = (adah_progress){watch, &w};
        result r = run(j);
        assert_int_equal(r.code, ADAH_ERROR_CANCELLED);
        result_free(&r);
        j->training.progress = (adah_progress){0};
        r = run_well(j);
        assert_same(&whole, &r);
        result_free(&r);
        unlink(checkpoint_path);
    }
    result_free(&without);
    result_free(&whole);
    job_free(j);
}

/* Killed: what there is then is the checkpoint of the last epoch's end. */
static void test_killed_and_resumed(void **state) {
    (void)state;
    job *j = rich_job();
    j->training.checkpoint_path = checkpoint_path;
    j->training.checkpoint_seconds = 0;
    for (uint64_t k = 6; k <= 15; k += 3) {
        watcher w = {.copy_at = k};
        j->training.progress = (adah_progress){watch, &w};
        result whole = run_well(j);
        j->training.progress = (adah_progress){0};
        j->training.checkpoint_path = copy_path;
        j->training.resume = 1;
        result r = run_well(j);
        assert_same(&whole, &r);
        result_free(&r);
        result_free(&whole);
        j->training.checkpoint_path = checkpoint_path;
        j->training.resume = 0; /* starts anew though a checkpoint lies there */
    }
    job_free(j);
}

static void test_when_checkpoints_are_written(void **state) {
    (void)state;
    job *j = job_create(0);
    j->training.checkpoint_path = checkpoint_path;
    j->training.resume = 1; /* there is none: starts anew */
    result r = run_well(j);
    assert_int_equal(temporary_folder_count(&folder), 0); /* not so soon */
    result_free(&r);
    j->training.checkpoint_seconds = 0;
    r = run_well(j);
    assert_int_equal(temporary_folder_count(&folder), 1);
    result again = run_well(j); /* from the end to the end */
    assert_same(&r, &again);
    result_free(&again);
    result_free(&r);
    /* Nowhere to write one. */
    j->training.checkpoint_path = NULL;
    watcher w = {.stop_at = 2};
    j->training.progress = (adah_progress){watch, &w};
    r = run(j);
    assert_int_equal(r.code, ADAH_ERROR_CANCELLED);
    assert_null(strstr(r.status.message, "resume"));
    result_free(&r);
    char nowhere[600];
    snprintf(nowhere, sizeof nowhere, "%s/no/folder", folder.path);
    j->training.checkpoint_path = nowhere;
    w = (watcher){.stop_at = 2};
    r = run(j);
    assert_int_equal(r.code, ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(r.status.message, nowhere));
    result_free(&r);
    job_free(j);
}

/* Vectors and feature maps cannot be cropped or mirrored. */
static void test_augmentation_needs_pictures(void **state) {
    (void)state;
    job *j = job_create(0);
    j->config.finetune = 1;
    j->config.augment_flip = 1;
    result r = run(j);
    assert_int_equal(r.code, ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(r.status.message, "augment_flip"));
    result_free(&r);
    job_free(j);
}

/* ---------------------------------------------------------------- checkpoints that do not belong */

static void refuse(job *j, adah_code code, const char *word) {
    result r = run(j);
    if (r.code != code || !strstr(r.status.message, word) || !strstr(r.status.message, checkpoint_path))
        fail_msg("%s: \"%s\", expected %s and \"%s\"", adah_code_name(r.code), r.status.message, adah_code_name(code),
                 word);
    assert_null(r.history);
    result_free(&r);
}

static void stop_after(job *j, uint64_t k) {
    watcher w = {.stop_at = k};
    j->training.checkpoint_path = checkpoint_path;
    j->training.progress = (adah_progress){watch, &w};
    result r = run(j);
    assert_int_equal(r.code, ADAH_ERROR_CANCELLED);
    result_free(&r);
    j->training.progress = (adah_progress){0};
    j->training.resume = 1;
}

static void test_foreign_checkpoints(void **state) {
    (void)state;
    job *j = job_create(1);
    const adah_settings config = j->config;
    stop_after(j, 7);
    static const char *const settings[] = {"seed=1",    "margin=0.3", "n_epochs=9",       "rate=0.02",
                                           "n_bits=24", "n_batch=20", "n_text_feature=16"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        assert_int_equal(adah_settings_set(&j->config, settings[i], NULL), ADAH_OK);
        refuse(j, ADAH_ERROR_MISMATCH, "other options");
        j->config = config;
    }
    j->training.fingerprint++;
    refuse(j, ADAH_ERROR_MISMATCH, "other data");
    j->training.fingerprint--;
    result r = run_well(j);
    result_free(&r);
    data_folder_put(folder.path, "model.checkpoint", "this is no checkpoint at all");
    refuse(j, ADAH_ERROR_CORRUPT, "");
    data_folder_put(folder.path, "model.checkpoint", "");
    refuse(j, ADAH_ERROR_FORMAT, "");
    job_free(j);
}

static void test_cut_checkpoints(void **state) {
    (void)state;
    job *j = job_create(0);
    stop_after(j, 7);
    size_t n;
    char *bytes = data_folder_read(folder.path, "model.checkpoint", &n);
    for (size_t m = 0; m < n; m += m < 64 || n - m < 64 ? 9 : 997) {
        data_folder_write(folder.path, "model.checkpoint", bytes, m);
        refuse(j, m ? ADAH_ERROR_CORRUPT : ADAH_ERROR_FORMAT, "");
    }
    free(bytes);
    job_free(j);
}

/* Where the tensors start: behind 8 bytes of length, little-endian, and so many of header. */
static size_t tensors_start(const char *bytes, size_t n) {
    uint64_t n_header = 0;
    for (int i = 7; i >= 0; i--)
        n_header = n_header << 8 | (unsigned char)bytes[i];
    assert_true(n > 8 && n_header < n - 8);
    return 8 + (size_t)n_header;
}

/* Any flipped byte of the tensors is refused; one of the header too, unless it means the same. */
static void test_flipped_checkpoints(void **state) {
    (void)state;
    job *j = job_create(0);
    j->config.n_epochs = 2;
    result whole = run_well(j);
    stop_after(j, 7);
    size_t n;
    char *bytes = data_folder_read(folder.path, "model.checkpoint", &n);
    const size_t start_at = tensors_start(bytes, n);
    adah_random r = adah_random_seeded(4, 4);
    for (size_t i = 0; i < 600; i++) {
        const int in_tensors = i % 2 == 0;
        const size_t at = i == 0   ? start_at
                          : i == 2 ? n - 1
                          : in_tensors ? start_at + (size_t)adah_random_below(&r, n - start_at)
                                       : (size_t)adah_random_below(&r, start_at);
        const char before = bytes[at];
        bytes[at] = (char)(before ^ (1 + (int)adah_random_below(&r, 255)));
        data_folder_write(folder.path, "model.checkpoint", bytes, n);
        if (in_tensors) {
            refuse(j, ADAH_ERROR_CORRUPT, "checksum");
        } else {
            result flipped = run(j);
            if (flipped.code == ADAH_OK)
                assert_same(&whole, &flipped);
            else
                assert_true(adah_is_bad_content(flipped.code) || flipped.code == ADAH_ERROR_MISMATCH);
            assert_int_equal(flipped.code, flipped.status.code);
            result_free(&flipped);
        }
        bytes[at] = before;
    }
    data_folder_write(folder.path, "model.checkpoint", bytes, n);
    result again = run_well(j);
    assert_same(&whole, &again);
    result_free(&again);
    result_free(&whole);
    free(bytes);
    job_free(j);
}

/* The checksum's 16 digits. */
static char *sum_of(char *bytes, size_t n) {
    static const char key[] = "\"sum\":\"";
    char *at = memmem(bytes, n, key, sizeof key - 1);
    assert_non_null(at);
    return at + sizeof key - 1;
}

/* Makes the checksum right again after the counters were overwritten: each tensor's own is in it by exclusive or. */
static void reseal(char *bytes, size_t n, const double *before, const double *after) {
    const size_t n_bytes = N_PLACE * sizeof(double);
    const XXH64_hash_t seed = XXH3_64bits("place", 5);
    char digits[17] = "";
    memcpy(digits, sum_of(bytes, n), 16);
    const unsigned long long sum = strtoull(digits, NULL, 16) ^ XXH3_64bits_withSeed(before, n_bytes, seed) ^
                                   XXH3_64bits_withSeed(after, n_bytes, seed);
    snprintf(digits, sizeof digits, "%016llx", sum);
    memcpy(sum_of(bytes, n), digits, 16);
}

/* Counters that no training leaves: they say where in the order of the pairs to go on. Refused by the checksum, and
 * where that has been made to fit, for what they say. */
static void test_checkpoints_of_nonsense(void **state) {
    (void)state;
    job *j = job_create(0);
    stop_after(j, 7);
    size_t n;
    char *bytes = data_folder_read(folder.path, "model.checkpoint", &n), *at = NULL;
    const double expected[3] = {1, 2, 7}; /* epoch 1, step 2, 7 updates of E and D, 2 of G */
    for (size_t i = tensors_start(bytes, n); i + N_PLACE * sizeof(double) <= n && !at; i += 4)
        if (!memcmp(bytes + i, expected, sizeof expected))
            at = bytes + i;
    assert_non_null(at);
    double good[N_PLACE], changed[N_PLACE];
    memcpy(good, at, sizeof good);
    static const double bad[] = {-1, 5, 1e18, -1e300, 0.5, (double)NAN, (double)INFINITY};
    for (size_t c = 0; c < 4; c++) /* 5 updates there may be */
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            if (c >= 2 && bad[i] == 5)
                continue;
            memcpy(changed, good, sizeof good);
            changed[c] = bad[i];
            memcpy(at, changed, sizeof changed);
            data_folder_write(folder.path, "model.checkpoint", bytes, n);
            refuse(j, ADAH_ERROR_CORRUPT, "checksum");
            reseal(bytes, n, good, changed);
            data_folder_write(folder.path, "model.checkpoint", bytes, n);
            refuse(j, ADAH_ERROR_CORRUPT, "stands in epoch");
            reseal(bytes, n, changed, good);
            memcpy(at, good, sizeof good);
        }
    data_folder_write(folder.path, "model.checkpoint", bytes, n);
    result r = run_well(j);
    result_free(&r);
    free(bytes);
    job_free(j);
}

/* ---------------------------------------------------------------- in turns */

static void test_each_step_moves_its_own(void **state) {
    (void)state;
    for (int is_map = 0; is_map < 2; is_map++) {
        job *j = job_create(is_map);
        j->training.n_validation = 0; /* the last epoch counts */
        result r = run_well(j);
        assert_moved(j, &r, ADAH_GROUP_HEAD, 1);
        assert_moved(j, &r, ADAH_GROUP_ATTENTION, 1);
        result_free(&r);
        j->config.rate = 0; /* step 2 alone */
        r = run_well(j);
        assert_moved(j, &r, ADAH_GROUP_HEAD, 0);
        assert_moved(j, &r, ADAH_GROUP_ATTENTION, 1);
        result_free(&r);
        j->config.rate = 0.01f;
        j->config.rate_attention = 0; /* step 1 alone */
        r = run_well(j);
        assert_moved(j, &r, ADAH_GROUP_HEAD, 1);
        assert_moved(j, &r, ADAH_GROUP_ATTENTION, 0);
        result_free(&r);
        job_free(j);
    }
}

/* Step 2 with G's rate at 0 changes nothing at all: E and D come out as if it had never been. */
static void test_step_2_leaves_the_head(void **state) {
    (void)state;
    for (int is_map = 0; is_map < 2; is_map++) {
        job *j = job_create(is_map);
        j->training.n_validation = 0;
        j->config.rate_attention = 0;
        j->config.adversarial_weight = 0; /* not in step 1 either */
        j->config.n_warmup_epochs = 0;
        result with = run_well(j);
        j->config.adversary = 0;
        result without = run_well(j);
        assert_true(same_bits(&with.parameters, &without.parameters));
        result_free(&with);
        result_free(&without);
        job_free(j);
    }
}

/* The first step is the same; with the cosine the later ones are shorter. */
static void test_schedule(void **state) {
    (void)state;
    float change[2][2];
    for (int cosine = 0; cosine < 2; cosine++) {
        adah_parameters after[2] = {{0}, {0}};
        for (int longer = 0; longer < 2; longer++) {
            job *j = job_create(0);
            j->config.schedule = cosine ? ADAH_SCHEDULE_COSINE : ADAH_SCHEDULE_CONSTANT;
            j->config.n_batch = N_TRAIN; /* one step an epoch */
            j->config.n_epochs = longer ? 60 : 1;
            j->config.adversary = 0;
            j->training.n_validation = 0;
            result r = run_well(j);
            after[longer] = r.parameters;
            r.parameters = (adah_parameters){0};
            result_free(&r);
            job_free(j);
        }
        for (int longer = 0; longer < 2; longer++) { /* from the start, by one step and by many */
            const adah_parameter *p = adah_parameters_find(&after[longer], "text.hashing.code.bias");
            change[cosine][longer] = 0;
            for (size_t i = 0; i < p->n; i++)
                change[cosine][longer] += fabsf(p->value[i]);
        }
        adah_parameters_free(&after[0]);
        adah_parameters_free(&after[1]);
    }
    assert_true(change[0][0] == change[1][0] && change[0][0] > 0);
    assert_true(change[1][1] < change[0][1]);
}

static double hidden_loss(const result *r, size_t epoch) {
    return in_epoch(r, epoch, "text_to_image_hidden") + in_epoch(r, epoch, "image_to_text_hidden");
}

/* With E and D fixed, step 2 climbs: the losses of the unattended rise. */
static void test_step_2_climbs(void **state) {
    (void)state;
    job *j = job_create(0);
    j->training.n_validation = 0;
    j->config.rate_attention = j->config.adversarial_weight = 0; /* D learns first, the masks alone hide from it */
    j->config.mean_over_active = 0;
    result learned = run_well(j);
    j->config.rate_attention = 0.01f;
    j->config.adversarial_weight = 1;
    j->config.rate = 0;
    j->config.n_warmup_epochs = 0;
    j->config.n_epochs = 20;
    adah_parameters p = learned.parameters;
    learned.parameters = (adah_parameters){0};
    for (size_t i = 0; i < p.n; i++) { /* Adam from its start */
        memset(p.item[i]->moment1, 0, p.item[i]->n * sizeof(float));
        memset(p.item[i]->moment2, 0, p.item[i]->n * sizeof(float));
    }
    result climbed = {.parameters = p};
    go_on(j, &climbed);
    assert_int_equal(climbed.code, ADAH_OK);
    const double first = hidden_loss(&climbed, 1), last = hidden_loss(&climbed, 20);
    if (!(last > 1.02 * first))
        fail_msg("adversarial loss %g, after climbing %g", first, last);
    result_free(&learned);
    result_free(&climbed);
    job_free(j);
}

static void assert_warm_up(const result *r, size_t n_warm, size_t n_epochs) {
    assert_int_equal(n_epochs_of(r), n_epochs);
    for (size_t epoch = 1; epoch <= n_epochs; epoch++) {
        const double image = in_epoch(r, epoch, "attended_image"), text = in_epoch(r, epoch, "attended_text");
        if (epoch <= n_warm ? hidden_loss(r, epoch) != 0 || image != 1 || text != 1
                            : hidden_loss(r, epoch) <= 0 || image >= 1 || text >= 1)
            fail_msg("epoch %zu of %zu, %zu of them warm-up: hidden loss %g, attended %g and %g", epoch, n_epochs,
                     n_warm, hidden_loss(r, epoch), image, text);
    }
}

/* The masks keep everything and the adversary waits, for a third of the training at most. */
static void test_warm_up(void **state) {
    (void)state;
    static const int asked[] = {0, 1, 2, 3, 100}, got[] = {0, 1, 2, 2, 2};
    for (int is_map = 0; is_map < 2; is_map++)
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
            job *j = job_create(is_map);
            j->training.n_validation = 0;
            j->config.n_epochs = 6;
            j->config.n_warmup_epochs = asked[i];
            result r = run_well(j);
            assert_warm_up(&r, (size_t)got[i], 6);
            assert_moved(j, &r, ADAH_GROUP_ATTENTION, 1);
            result_free(&r);
            j->config.n_epochs = 2; /* no third: no warm-up */
            r = run_well(j);
            assert_warm_up(&r, 0, 2);
            result_free(&r);
            job_free(j);
        }
}

typedef struct group_watcher {
    const job *j;
    unsigned group;
    uint64_t n_still, n_moving; /* G may not move in the first steps, and does from then on */
    const adah_parameters *parameters;
} group_watcher;

static int watch_group(void *user, const adah_progress_event *event) {
    group_watcher *w = user;
    int any, every;
    moved(w->j, w->parameters, w->group, &any, &every);
    if (any != (event->done > w->n_still))
        fail_msg("group %u has%s moved after %d steps", w->group, any ? "" : " not", (int)event->done);
    w->n_moving += any != 0;
    return 0;
}

/* G rests in the warm-up whatever moves it later: the adversary, or what it attends. E and D learn from the start. */
static void test_attention_rests_in_warm_up(void **state) {
    (void)state;
    for (int retrieval = 0; retrieval < 2; retrieval++)
        for (int head = 0; head < 2; head++) {
            job *j = job_create(1);
            j->training.n_validation = 0;
            j->config.n_epochs = 6;
            j->config.n_warmup_epochs = 2;
            j->config.adversary = !retrieval;
            j->config.attention_retrieval_weight = (float)retrieval;
            result r = {.code = ADAH_OK};
            group_watcher w = {j, head ? ADAH_GROUP_HEAD : ADAH_GROUP_ATTENTION, head ? 0 : 10, 0, &r.parameters};
            j->training.progress = (adah_progress){watch_group, &w};
            go_on(j, &r);
            assert_int_equal(r.code, ADAH_OK);
            assert_int_equal(w.n_moving, head ? 30 : 20);
            result_free(&r);
            job_free(j);
        }
}

static void test_without_adversary_or_attention(void **state) {
    (void)state;
    job *j = job_create(1);
    j->training.n_validation = 0;
    j->config.n_warmup_epochs = 0;
    j->config.adversary = 0;
    result r = run_well(j);
    assert_true(hidden_loss(&r, 1) == 0 && hidden_loss(&r, 4) == 0);
    assert_moved(j, &r, ADAH_GROUP_ATTENTION, 0);
    assert_true(in_epoch(&r, 4, "attended_image") < 1);
    result_free(&r);
    j->config.adversary = 1;
    j->config.attention = 0;
    r = run_well(j);
    assert_true(hidden_loss(&r, 1) == 0 && hidden_loss(&r, 4) == 0);
    assert_true(in_epoch(&r, 4, "attended_image") == 1 && in_epoch(&r, 4, "attended_text") == 1);
    for (size_t i = 0; i < r.parameters.n; i++)
        assert_int_not_equal(r.parameters.item[i]->group, ADAH_GROUP_ATTENTION);
    result_free(&r);
    j->config.attention = 1;
    j->config.adversarial_weight = 0; /* E and D do not heed what is hidden, G is still moved by it */
    r = run_well(j);
    assert_moved(j, &r, ADAH_GROUP_ATTENTION, 1);
    result_free(&r);
    job_free(j);
}

/* ---------------------------------------------------------------- odd sizes and ends */

static void test_few_pairs(void **state) {
    (void)state;
    job *j = job_create(1);
    j->config.n_batch = 4096;
    watcher w = {0};
    j->training.progress = (adah_progress){watch, &w};
    result r = run_well(j); /* one step an epoch, of all there are */
    assert_int_equal(w.n, 4);
    result_free(&r);
    j->training.progress = (adah_progress){0};
    for (size_t n = 0; n < 5; n++) {
        j->training.n_train = n;
        r = run(j);
        assert_int_equal(r.code, n < 2 ? ADAH_ERROR_ARGUMENT : ADAH_OK);
        if (n < 2)
            assert_non_null(strstr(r.status.message, "at least 2"));
        result_free(&r);
    }
    j->training.n_train = 7;
    j->config.n_batch = 3; /* one pair waits for the next order */
    j->training.n_validation = 1;
    r = run_well(j);
    result_free(&r);
    job_free(j);
}

/* No two pairs alike, or all: there are no triplets, or none within a modality. Nothing to learn is no fault. */
static void test_no_triplets(void **state) {
    (void)state;
    for (int alike = 0; alike < 2; alike++) {
        job *j = job_create(0);
        for (size_t i = 0; i < j->pairs->set.n; i++) {
            j->pairs->label[i] = alike ? 0 : (uint32_t)i;
            j->pairs->label_start[i + 1] = i + 1;
        }
        j->pairs->set.n_labels = TINY_PAIRS_MAX;
        j->config.similarity = ADAH_SIMILARITY_PAIRS;
        result r = run_well(j);
        assert_true(in_epoch(&r, 1, "image_to_image") == 0);
        assert_true(alike ? in_epoch(&r, 1, "text_to_image") == 0 : in_epoch(&r, 1, "text_to_image") > 0);
        result_free(&r);
        job_free(j);
    }
}

static void test_patience(void **state) {
    (void)state;
    job *j = job_create(0);
    j->config.rate = j->config.rate_attention = 0; /* never better */
    j->config.n_epochs = 20;
    j->config.n_warmup_epochs = 0;
    j->config.n_patience = 3;
    result r = run_well(j);
    const size_t n = n_epochs_of(&r);
    assert_true(n >= 4 && n <= 5);
    result_free(&r);
    j->config.n_warmup_epochs = 6; /* counts from the start of the adversary */
    r = run_well(j);
    assert_true(n_epochs_of(&r) > n + 3);
    result_free(&r);
    j->config.n_patience = 0;
    r = run_well(j);
    assert_int_equal(n_epochs_of(&r), 20);
    result_free(&r);
    job_free(j);
}

static int all_finite(const adah_parameters *p) {
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->item[i]->n; k++)
            if (!isfinite(p->item[i]->value[k]))
                return 0;
    return 1;
}

/* Codes that mean nothing must not become a model. */
static void test_divergence(void **state) {
    (void)state;
    static const float rates[] = {10, 1e18f, 1e25f, 3e38f};
    size_t n_diverged = 0;
    for (int is_map = 0; is_map < 2; is_map++)
        for (int classify = 0; classify < 2; classify++)
            for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
                job *j = job_create(is_map);
                j->training.n_validation = 0;
                j->training.classify = classify;
                j->config.classifier_weight = 1;
                j->config.rate = rates[i];
                j->config.rate_attention = rates[i];
                result r = run(j);
                if (r.code == ADAH_OK) {
                    static float h[2][N_TRAIN * 16];
                    assert_true(all_finite(&r.parameters));
                    assert_int_equal(adah_pair_set_encode(&j->pairs->set, &j->config, &r.parameters, j->pairs->items,
                                                          N_TRAIN, h[0], h[1], (adah_progress){0}, NULL),
                                     ADAH_OK);
                    for (size_t k = 0; k < N_TRAIN * 16; k++)
                        if (!isfinite(h[0][k]) || !isfinite(h[1][k]))
                            fail_msg("rate %g: trained to codes that are no numbers", (double)rates[i]);
                } else {
                    assert_int_equal(r.code, ADAH_ERROR_ARGUMENT);
                    assert_non_null(strstr(r.status.message, "diverged"));
                    assert_non_null(strstr(r.status.message, "learning rate"));
                    assert_null(r.history);
                    n_diverged++;
                }
                result_free(&r);
                job_free(j);
            }
    assert_true(n_diverged >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_it_learns),
        cmocka_unit_test(test_the_best_epoch_is_kept),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_progress),
        cmocka_unit_test_setup_teardown(test_cancelled_and_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_final_epochs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_and_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_augmentation_needs_pictures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_when_checkpoints_are_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_checkpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_checkpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checkpoints_of_nonsense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_checkpoints, set_up, tear_down),
        cmocka_unit_test(test_each_step_moves_its_own),
        cmocka_unit_test(test_step_2_leaves_the_head),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_step_2_climbs),
        cmocka_unit_test(test_warm_up),
        cmocka_unit_test(test_attention_rests_in_warm_up),
        cmocka_unit_test(test_without_adversary_or_attention),
        cmocka_unit_test(test_few_pairs),
        cmocka_unit_test(test_no_triplets),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_divergence),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
