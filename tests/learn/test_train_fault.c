/* (fault) Everything around a training when the n-th allocation or the n-th write fails, for every n: an error that says so,
 * the old file as it was, nothing left behind. Leaks show under AddressSanitizer. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "api/model.h"
#include "base/file.h"
#include "api/validate.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "data/vocabulary.h"
#include "files/checkpoint.h"
#include "files/model_file.h"
#include "learn/train.h"
#include "paper/objective.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "tiny_pairs.h"

static temporary_folder folder;
static char path[512];
static tiny_pairs *pairs;
static adah_model_state model_state;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "file", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static adah_network_plan plan_of(adah_backend backend) {
    return (adah_network_plan){.backend = backend,
                               .mode = ADAH_GRAPH_TRAIN,
                               .n_batch = 4,
                               .image = pairs->set.image.shape,
                               .text = pairs->set.text.shape,
                               .n_labels = TINY_CLASSES,
                               .with_adversary = 1,
                               .creating = 1};
}

/* One thread, files in memory; and a model of vectors to write and read. */
static int start(void **state) {
    (void)state;
    static const char *const texts[] = {"red ball", "blue ball", "green sea"};
    const adah_vocabulary_options options = {"none", 100, 1, 0};
    adah_vocabulary *vocabulary;
    adah_network *net;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    adah_parallel_set_threads(1);
    pairs = tiny_pairs_create(24, 1, 1);
    if (adah_vocabulary_build(texts, 3, &options, &vocabulary, NULL) != ADAH_OK)
        return 1;
    model_state = (adah_model_state){.config = tiny_config(),
                                     .image = {.kind = ADAH_INPUT_VECTOR, .item = ADAH_SHAPE1(3)},
                                     .text = adah_input_words(adah_vocabulary_size(vocabulary)),
                                     .vocabulary = adah_vocabulary_json(vocabulary),
                                     .training = adah_memory_text("{}")};
    adah_vocabulary_free(vocabulary);
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = model_state.image,
                                    .text = model_state.text,
                                    .creating = 1};
    if (adah_network_create(&plan, &model_state.config, &model_state.parameters, &net, NULL) != ADAH_OK)
        return 1;
    adah_network_free(net);
    return adah_parameters_train(&model_state.parameters, ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION, NULL) != ADAH_OK;
}

static int end(void **state) {
    (void)state;
    free(pairs);
    adah_model_state_free(&model_state);
    return 0;
}

/* ---------------------------------------------------------------- every allocation */

/* Runs `body` with the first, the second, ... allocation failing until none is left to fail. Returns how many there
 * were. */
static uint64_t fail_every_allocation(adah_code (*body)(adah_status *status), int may_be_ignored) {
    uint64_t n_ignored = 0;
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        adah_memory_fault_at(n);
        const adah_code code = body(&status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            if (code != ADAH_OK)
                fail_msg("without a fault: %s", status.message);
            return n - 1;
        }
        if (code == ADAH_OK && n_ignored++ < (uint64_t)may_be_ignored)
            continue; /* the sync of the folder behind a file's publication does without */
        if (code != ADAH_ERROR_MEMORY || status.code != ADAH_ERROR_MEMORY || !strstr(status.message, "memory"))
            fail_msg("allocation %llu: %s, \"%s\"", (unsigned long long)n, adah_code_name(code), status.message);
    }
}

static void check_allocations(const char *what, adah_code (*body)(adah_status *status), int may_be_ignored,
                              uint64_t at_least) {
    const uint64_t n = fail_every_allocation(body, may_be_ignored);
    print_message("%s: %llu allocations\n", what, (unsigned long long)n);
    assert_true(n >= at_least);
}

static adah_code config_to_json(adah_status *status) {
    const adah_settings config = tiny_config();
    char *text = adah_settings_json(&config);
    adah_memory_free(text);
    return text ? ADAH_OK : adah_fail_memory(status, 1);
}

static adah_code make_network(adah_backend backend, adah_status *status) {
    adah_parameters p = {0};
    adah_network *net = NULL;
    const adah_settings config = tiny_config();
    const adah_network_plan plan = plan_of(backend);
    const adah_code code = adah_network_create(&plan, &config, &p, &net, status);
    if (code != ADAH_OK)
        assert_null(net);
    adah_network_free(net);
    adah_parameters_free(&p);
    return code;
}

static adah_code make_onednn_network(adah_status *status) { return make_network(ADAH_BACKEND_ONEDNN, status); }
static adah_code make_reference_network(adah_status *status) { return make_network(ADAH_BACKEND_REFERENCE, status); }

static adah_code make_backbone(adah_status *status) {
    adah_parameters p = {0};
    adah_network *net = NULL;
    const adah_settings config = tiny_config();
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = adah_input_pixels(16),
                                    .features_only = 1,
                                    .creating = 1};
    const adah_code code = adah_network_create(&plan, &config, &p, &net, status);
    adah_network_free(net);
    adah_parameters_free(&p);
    return code;
}

static adah_code make_objective(adah_status *status) {
    adah_objective *o = NULL;
    const adah_objective_options options = {.n_batch = 7, .n_bits = 16, .margin = 1};
    const adah_code code = adah_objective_create(&options, &o, status);
    adah_objective_free(o);
    return code;
}

static int cancels;
static int cancel(void *user, const adah_progress_event *event) {
    (void)user;
    (void)event;
    return cancels;
}

/* One epoch of two steps; its checkpoint may lie at `path`. */
static adah_code train(const char *checkpoint_path, int resume, adah_status *status) {
    adah_parameters p = {0};
    adah_settings config = tiny_config();
    config.n_batch = 8;
    config.n_epochs = 1;
    config.n_warmup_epochs = 0;
    tiny_config_all_terms(&config);
    const adah_training training = {.config = &config,
                                    .set = &pairs->set,
                                    .items = pairs->items,
                                    .n_train = 16,
                                    .n_validation = 8,
                                    .validate = adah_validate,
                                    .classify = 1,
                                    .checkpoint_path = checkpoint_path,
                                    .resume = resume,
                                    .progress = {cancel, NULL}};
    adah_history history;
    const adah_code code = adah_train_parameters(&training, &p, &history, status);
    assert_true((code == ADAH_OK) == (history.epoch != NULL));
    adah_history_free(&history);
    adah_parameters_free(&p);
    return code;
}

/* One epoch of a rival on the same pairs. */
static adah_code train_rival(const char *method, adah_status *status) {
    adah_parameters p = {0};
    adah_settings config;
    assert_int_equal(adah_backbone_preset("default", "small", &config, NULL), ADAH_OK);
    assert_int_equal(adah_settings_method(method, &config, NULL), ADAH_OK);
    config.finetune = 0;
    config.n_batch = config.n_bits = config.n_image_hidden = config.n_text_hidden = 8;
    config.n_epochs = 1;
    const adah_training training = {.config = &config,
                                    .set = &pairs->set,
                                    .items = pairs->items,
                                    .n_train = 16,
                                    .n_validation = 8,
                                    .validate = adah_validate,
                                    .classify = 1};
    adah_history history;
    const adah_code code = adah_train_parameters(&training, &p, &history, status);
    assert_true((code == ADAH_OK) == (history.epoch != NULL));
    adah_history_free(&history);
    adah_parameters_free(&p);
    return code;
}

static adah_code train_dcmh(adah_status *status) { return train_rival("dcmh", status); }
static adah_code train_acmr(adah_status *status) { return train_rival("acmr", status); }
static adah_code train_seph(adah_status *status) { return train_rival("seph-rnd", status); }

static adah_code train_alone(adah_status *status) { return train(NULL, 0, status); }
static adah_code train_with_checkpoint(adah_status *status) { return train(path, 0, status); }
static adah_code train_resumed(adah_status *status) { return train(path, 1, status); }

static void test_allocations_of_the_parts(void **state) {
    (void)state;
    check_allocations("configuration", config_to_json, 0, 1);
    check_allocations("network, oneDNN", make_onednn_network, 0, 100);
    check_allocations("network, reference", make_reference_network, 0, 100);
    check_allocations("backbone", make_backbone, 0, 50);
    check_allocations("objective", make_objective, 0, 7);
}

static void test_allocations_of_a_training(void **state) {
    (void)state;
    check_allocations("training", train_alone, 0, 300);
    check_allocations("training of dcmh", train_dcmh, 0, 100);
    check_allocations("training of acmr", train_acmr, 0, 100);
    check_allocations("training of seph", train_seph, 0, 100);
}

/* With a checkpoint at its end, and from one in its middle. */
static void test_allocations_around_checkpoints(void **state) {
    (void)state;
    cancels = 1;
    assert_int_equal(train_with_checkpoint(NULL), ADAH_ERROR_CANCELLED);
    cancels = 0;
    size_t n;
    char *middle = data_folder_read(folder.path, "file", &n);
    check_allocations("training with checkpoint", train_with_checkpoint, 1, 300);
    data_folder_write(folder.path, "file", middle, n);
    free(middle);
    assert_int_equal(temporary_folder_count(&folder), 1);
    check_allocations("resumed training", train_resumed, 1, 300);
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static adah_code write_model(adah_status *status) { return adah_model_state_write(path, &model_state, status); }

static adah_code read_model(adah_status *status) {
    adah_model_state s = {.text = adah_input_words(4711)};
    const adah_code code = adah_model_state_read(path, &s, status);
    if (code == ADAH_OK)
        adah_model_state_free(&s);
    else
        assert_int_equal(s.text.item.dim[0], 4711);
    return code;
}

static adah_code open_model(adah_status *status) {
    adah_model *model = NULL;
    const adah_code code = adah_model_open(path, &model, status);
    if (code != ADAH_OK)
        assert_null(model);
    adah_model_close(model);
    return code;
}

static void test_allocations_of_model_files(void **state) {
    (void)state;
    check_allocations("writing a model", write_model, 1, 5);
    assert_int_equal(temporary_folder_count(&folder), 1);
    check_allocations("reading a model", read_model, 0, 30);
    check_allocations("opening a model", open_model, 0, 100);
}

static adah_checkpoint checkpoint_of(double place[3], float **best, double *history, size_t n_history) {
    for (size_t i = 0; i < model_state.parameters.n; i++)
        best[i] = model_state.parameters.item[i]->value;
    return (adah_checkpoint){.config = &model_state.config,
                             .fingerprint = 7,
                             .parameters = &model_state.parameters,
                             .groups = ADAH_GROUP_HEAD | ADAH_GROUP_ATTENTION,
                             .best = best,
                             .place = place,
                             .n_place = 3,
                             .history = history,
                             .n_history = n_history};
}

static adah_code write_checkpoint(adah_status *status) {
    float *best[64];
    double place[3] = {1, 2, 3}, history[2] = {4, 5};
    const adah_checkpoint c = checkpoint_of(place, best, history, 2);
    return adah_checkpoint_write(path, &c, status);
}

static adah_code read_checkpoint(adah_status *status) {
    float *best[64];
    double place[3] = {0}, before[1] = {6};
    adah_checkpoint c = checkpoint_of(place, best, before, 1);
    const adah_code code = adah_checkpoint_read(path, &c, status);
    if (code == ADAH_OK) {
        assert_true(c.n_history == 2 && c.history[0] == 4 && c.history[1] == 5);
        adah_memory_free(c.history);
    } else {
        assert_true(c.n_history == 1 && c.history == before);
    }
    assert_true(place[1] == (code == ADAH_OK ? 2 : 0));
    return code;
}

static void test_allocations_of_checkpoints(void **state) {
    (void)state;
    assert_true(model_state.parameters.n <= 64);
    check_allocations("writing a checkpoint", write_checkpoint, 1, 5);
    assert_int_equal(temporary_folder_count(&folder), 1);
    check_allocations("reading a checkpoint", read_checkpoint, 0, 5);
}

/* ---------------------------------------------------------------- every write */

/* `body` writes path. Each of its writes fails once: the old file stays, to the byte, and alone. */
static void fail_every_write(const char *what, adah_code (*body)(adah_status *status)) {
    data_folder_put(folder.path, "file", "what was there before");
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        adah_file_fault_at(n);
        const adah_code code = body(&status);
        const int fired = adah_file_fault_fired();
        adah_file_fault_at(0);
        assert_int_equal(temporary_folder_count(&folder), 1);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 1);
            print_message("%s: %llu writes\n", what, (unsigned long long)n - 1);
            return;
        }
        if (code != ADAH_ERROR_IO || !strstr(status.message, path))
            fail_msg("%s, write %llu: %s, \"%s\"", what, (unsigned long long)n, adah_code_name(code), status.message);
        size_t n_bytes;
        char *bytes = data_folder_read(folder.path, "file", &n_bytes);
        assert_string_equal(bytes, "what was there before");
        free(bytes);
    }
}

/* A model with one tensor beyond the writer's buffer, so that there are several writes. */
static adah_code write_large_model(adah_status *status) {
    adah_model_state s = model_state;
    s.parameters = (adah_parameters){0};
    adah_parameter *p = adah_parameters_add(&s.parameters, "text.feature.0.weight", ADAH_SHAPE2(100, 400), 2);
    adah_parameter *q = adah_parameters_add(&s.parameters, "text.feature.1.weight", ADAH_SHAPE2(100, 400), 2);
    assert_true(p && q);
    const adah_code code = adah_model_state_write(path, &s, status);
    adah_parameters_free(&s.parameters);
    return code;
}

static void test_writes(void **state) {
    (void)state;
    fail_every_write("model", write_model);
    assert_int_equal(open_model(NULL), ADAH_OK);
    fail_every_write("large model", write_large_model);
    fail_every_write("checkpoint", write_checkpoint);
    assert_int_equal(read_checkpoint(NULL), ADAH_OK);
    fail_every_write("checkpoint of a training", train_with_checkpoint);
}

/* A training whose disk is full when it is stopped says that, not that it can be resumed. */
static void test_cancelled_on_a_full_disk(void **state) {
    (void)state;
    adah_status status = {0};
    cancels = 1;
    adah_file_fault_at(1);
    const adah_code code = train_with_checkpoint(&status);
    adah_file_fault_at(0);
    cancels = 0;
    assert_int_equal(code, ADAH_ERROR_IO);
    assert_null(strstr(status.message, "resume"));
    assert_int_equal(temporary_folder_count(&folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_of_the_parts),
        cmocka_unit_test(test_allocations_of_a_training),
        cmocka_unit_test_setup_teardown(test_allocations_around_checkpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_allocations_of_model_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_allocations_of_checkpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_on_a_full_disk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, start, end);
}
