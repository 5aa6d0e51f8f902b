/* (unit) Models of features that another encoder computed, through the public functions: vectors, tokens and maps are learned from,
 * encoded, searched and evaluated; what does not fit is refused; maps given in a file teach what cached maps teach, and two threads
 * learn what one learns. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "files/model_file.h"
#include "files/safetensors.h"
#include "input/feature_array.h"
#include "paper/network.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "array_files.h"

enum { N = 96, N_CLASSES = 4, C = 8, P = 6, N_BITS = 16, CODE_BYTES = N_BITS / 8 };

static const char *const settings[] = {"n_image_hidden=32", "n_text_hidden=32", "n_text_feature=16", "n_batch=16", "rate=0.01",
                                       "validation_share=0"};

static temporary_folder folder;
static char model_path[512];
static adah_train_options options;
static float image[N * C * P], text[N * C * P];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "model", model_path);
    adah_train_options_init(&options);
    options.n_bits = N_BITS;
    options.n_epochs = 25;
    options.settings = settings;
    options.n_settings = sizeof settings / sizeof *settings;
    options.cache_folder = folder.path;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

/* Record i is of class i % 4; every sixth is a query; no picture is there. Line 3 is bad and has its rows like the others. */
static void put_metadata(void) {
    char all[N * 128];
    for (size_t i = 0, n = 0; i < N; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, i == 3 ? "{\"file_name\": 3}\n"
                                                              : "{\"file_name\": \"r%zu\", \"text\": \"no. %zu\", \"labels\": "
                                                                "[\"c%zu\"], \"split\": \"%s\"}\n",
                              i, i, i % N_CLASSES, i % 6 ? "train" : "query");
    data_folder_put(folder.path, "metadata.jsonl", all);
}

/* Two of P tokens show the class, the last is padding now and then. kind VECTOR: one token. scale: the features'. */
static void put_side(const char *name, adah_input_kind kind, float *values, float scale, uint64_t seed) {
    adah_random r = adah_random_seeded(seed, 1);
    const size_t n_tokens = kind == ADAH_INPUT_VECTOR ? 1 : P;
    memset(values, 0, N * C * P * sizeof *values);
    for (size_t i = 0; i < N; i++) {
        const size_t at = n_tokens == 1 ? 0 : (size_t)adah_random_below(&r, P - 2);
        const size_t n_present = kind == ADAH_INPUT_TOKENS ? n_tokens - (size_t)adah_random_below(&r, 2) : n_tokens;
        for (size_t p = 0; p < n_present; p++)
            for (size_t c = 0; c < C; c++)
                values[kind == ADAH_INPUT_MAP ? (i * C + c) * P + p : (i * n_tokens + p) * C + c] =
                    scale * (0.3f * adah_random_uniform(&r) + (c / 2 == i % N_CLASSES && p >= at && p < at + 2));
    }
    const adah_shape shape = kind == ADAH_INPUT_VECTOR   ? ADAH_SHAPE2(N, C)
                             : kind == ADAH_INPUT_TOKENS ? (adah_shape){3, {N, P, C, 0}}
                                                         : ADAH_SHAPE4(N, C, 2, P / 2);
    array_file_write(folder.path, name, "<f4", shape, values);
}

static adah_dataset *open_data(const char *path) {
    adah_dataset *dataset;
    adah_status status;
    if (adah_dataset_open(path, NULL, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

static void train(const adah_dataset *dataset, const char *path) {
    adah_status status;
    if (adah_train(dataset, path, &options, (adah_progress){0}, NULL, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void expect_no_training(const adah_dataset *dataset, adah_code code, const char *said) {
    adah_status status = {0};
    assert_int_equal(adah_train(dataset, model_path, &options, (adah_progress){0}, NULL, &status), code);
    if (!strstr(status.message, said))
        fail_msg("\"%s\" says nothing of \"%s\"", status.message, said);
}

static adah_model *open_model(void) {
    adah_model *model;
    adah_status status;
    if (adah_model_open(model_path, &model, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return model;
}

/* Both cross-modal mAP of the queries. */
static void expect_learned(const adah_model *model, const adah_dataset *dataset) {
    adah_evaluation e;
    assert_int_equal(adah_evaluate(model, dataset, NULL, NULL, (adah_progress){0}, &e, NULL), ADAH_OK);
    assert_true(e.measures[ADAH_IMAGE][ADAH_TEXT].map > 0.95);
    assert_true(e.measures[ADAH_TEXT][ADAH_IMAGE].map > 0.95);
    assert_int_equal(e.n_queries, N / 6);
    adah_evaluation_free(&e);
}

/* Values in memory have the code of the record whose row they are. */
static void expect_row(adah_encoder *encoder, const adah_feature_array *array, size_t record, adah_modality modality, const uint8_t *expected) {
    const size_t n = adah_shape_count(array->source.shape.item);
    const size_t row = array->source.rows.row ? array->source.rows.row[record] : record;
    float values[64] = {0};
    adah_status status;
    uint8_t code[CODE_BYTES];
    assert_true(n < 64);
    memcpy(values, array->source.rows.value + row * n, n * sizeof *values);
    assert_int_equal(adah_encode_features(encoder, modality, values, n, code, NULL), ADAH_OK);
    assert_memory_equal(code, expected, CODE_BYTES);
    assert_int_equal(adah_encode_features(encoder, modality, values, n + 1, code, &status), ADAH_ERROR_MISMATCH);
    values[n - 1] = NAN;
    assert_int_equal(adah_encode_features(encoder, modality, values, n, code, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "expected finite values"));
}

/* The rows of a file, without the bad record's, have the codes of the records to the bit; and so has one alone. */
static void expect_rows_encoded(const adah_model *model, const adah_codes *codes, const adah_feature_arrays *arrays, adah_modality modality) {
    const adah_feature_array *array = modality == ADAH_IMAGE ? &arrays->image : &arrays->text;
    const size_t n_values = adah_shape_count(array->source.shape.item);
    const uint8_t *expected = modality == ADAH_IMAGE ? codes->image : codes->text;
    const float *expected_real = modality == ADAH_IMAGE ? codes->image_real : codes->text_real;
    float *values = malloc(codes->n * n_values * sizeof *values);
    char path[512];
    adah_features features;
    adah_codes found;
    adah_encode_options o;
    adah_status status;
    assert_non_null(values);
    assert_int_equal(adah_model_feature_values(model, modality), n_values);
    for (size_t i = 0; i < codes->n; i++)
        memcpy(values + i * n_values, array->source.rows.value + array->source.rows.row[i] * n_values, n_values * sizeof *values);
    adah_shape shape = {array->source.shape.item.n_dims + 1, {codes->n}};
    memcpy(shape.dim + 1, array->source.shape.item.dim, 3 * sizeof *shape.dim);
    array_file_write(folder.path, "queries.npy", "<f4", shape, values);
    TEMPORARY_PATH(folder, "queries.npy", path);
    assert_int_equal(adah_features_read(model, modality, path, &features, NULL), ADAH_OK);
    assert_true(features.n == codes->n && features.n_values == n_values && !features.is_single);
    assert_memory_equal(features.values, values, codes->n * n_values * sizeof *values);
    adah_encode_options_init(&o);
    o.keep_real = 1;
    assert_int_equal(adah_encode_feature_rows(model, modality, &features, &o, (adah_progress){0}, &found, NULL), ADAH_OK);
    assert_int_equal(found.n, codes->n);
    assert_null(modality == ADAH_IMAGE ? found.text : found.image);
    assert_null(modality == ADAH_IMAGE ? found.text_real : found.image_real);
    assert_memory_equal(modality == ADAH_IMAGE ? found.image : found.text, expected, codes->n * CODE_BYTES);
    assert_memory_equal(modality == ADAH_IMAGE ? found.image_real : found.text_real, expected_real, codes->n * N_BITS * sizeof(float));
    for (size_t i = 0; i < found.n; i++)
        assert_int_equal(found.record[i], i);
    adah_codes_free(&found);
    features.values[n_values + 1] = INFINITY;
    assert_int_equal(adah_encode_feature_rows(model, modality, &features, NULL, (adah_progress){0}, &found, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "row 1, value 1 is inf"));
    features.n_values--;
    assert_int_equal(adah_encode_feature_rows(model, modality, &features, NULL, (adah_progress){0}, &found, &status), ADAH_ERROR_MISMATCH);
    adah_features_free(&features);
    adah_features_free(&features);
    array_file_write(folder.path, "queries.npy", "<f4", array->source.shape.item, values);
    assert_int_equal(adah_features_read(model, modality, path, &features, NULL), ADAH_OK);
    assert_true(features.n == 1 && features.is_single);
    adah_features_free(&features);
    free(values);
}

/* Record by record as all at once; nothing else is taken. */
static void expect_encoded(const adah_model *model, const adah_dataset *dataset) {
    adah_codes codes;
    adah_encoder *encoder;
    adah_status status;
    uint8_t code[CODE_BYTES];
    adah_encode_options o;
    adah_encode_options_init(&o);
    o.keep_real = 1;
    assert_int_equal(adah_encode_dataset(model, dataset, &o, (adah_progress){0}, &codes, NULL), ADAH_OK);
    assert_int_equal(codes.n, N - 1);
    assert_int_equal(codes.n_skipped, 0);
    assert_int_equal(adah_encoder_create(model, NULL, &encoder, NULL), ADAH_OK);
    adah_feature_arrays arrays;
    assert_int_equal(adah_feature_arrays_open(dataset, &arrays, NULL), ADAH_OK);
    size_t n_other = 0; /* large batches may differ in the last bits, and so in a bit near 0 */
    for (size_t i = 0; i < codes.n; i++) {
        assert_int_equal(codes.record[i], i);
        assert_int_equal(adah_encode_record(encoder, dataset, i, ADAH_IMAGE, code, NULL), ADAH_OK);
        expect_row(encoder, &arrays.image, i, ADAH_IMAGE, code);
        n_other += memcmp(code, codes.image + i * CODE_BYTES, CODE_BYTES) != 0;
        assert_int_equal(adah_encode_record(encoder, dataset, i, ADAH_TEXT, code, NULL), ADAH_OK);
        expect_row(encoder, &arrays.text, i, ADAH_TEXT, code);
        n_other += memcmp(code, codes.text + i * CODE_BYTES, CODE_BYTES) != 0;
    }
    assert_true(n_other <= 2);
    expect_rows_encoded(model, &codes, &arrays, ADAH_IMAGE);
    expect_rows_encoded(model, &codes, &arrays, ADAH_TEXT);
    adah_feature_arrays_close(&arrays);
    adah_codes_free(&codes);
    assert_int_equal(adah_encode_record(encoder, dataset, N, ADAH_TEXT, code, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_encode_text(encoder, "no. 1", code, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "this model takes texts given as \""));
    assert_int_equal(adah_encode_image_file(encoder, "r1", code, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "this model takes images given as \""));
    adah_attention_map map;
    assert_int_equal(adah_attend_image_file(encoder, "r1", &map, &status), ADAH_ERROR_MISMATCH);
    adah_encoder_close(encoder);
}

static void test_every_shape(void **state) {
    (void)state;
    static const struct {
        adah_input_kind image, text;
        float image_scale, text_scale;
        const char *names[2];
    } cases[] = {
        {ADAH_INPUT_VECTOR, ADAH_INPUT_VECTOR, 1000, 1e-3f, {"vector 8", "vector 8"}},
        {ADAH_INPUT_TOKENS, ADAH_INPUT_TOKENS, 1e-3f, 1, {"tokens 6 8", "tokens 6 8"}},
        {ADAH_INPUT_MAP, ADAH_INPUT_TOKENS, 1, 1000, {"map 8 2 3", "tokens 6 8"}},
    };
    put_metadata();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_side("image.npy", cases[i].image, image, cases[i].image_scale, 1);
        put_side("text.npy", cases[i].text, text, cases[i].text_scale, 2);
        adah_dataset *dataset = open_data(folder.path);
        train(dataset, model_path);
        adah_model *model = open_model();
        json_t *about = json_loads(adah_model_json(model), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(about, "image")), cases[i].names[0]);
        assert_string_equal(json_string_value(json_object_get(about, "text")), cases[i].names[1]);
        assert_int_equal(json_integer_value(json_object_get(about, "n_words")), 0);
        json_decref(about);
        expect_learned(model, dataset);
        expect_encoded(model, dataset);

        char index_path[512];
        TEMPORARY_PATH(folder, "index", index_path);
        adah_index_add_counts counts;
        assert_int_equal(adah_index_create(model, dataset, index_path, 1, NULL, (adah_progress){0}, &counts, NULL), ADAH_OK);
        assert_int_equal(counts.n_added, N - 1);
        adah_index *index;
        adah_index_entry entry;
        assert_int_equal(adah_index_open(index_path, &index, NULL), ADAH_OK);
        assert_int_equal(adah_index_record(index, 3, &entry, NULL), ADAH_OK);
        assert_string_equal(entry.text, "no. 4"); /* texts stay what a search shows */
        adah_index_entry_free(&entry);
        adah_index_close(index);
        adah_model_close(model);

        /* Features of any magnitude train to the same model but for rounding: scaled by a power of 2, to the same bits. */
        for (size_t k = 0; k < N * C * P; k++)
            image[k] *= 64;
        const adah_shape shape = cases[i].image == ADAH_INPUT_VECTOR   ? ADAH_SHAPE2(N, C)
                                 : cases[i].image == ADAH_INPUT_TOKENS ? (adah_shape){3, {N, P, C, 0}}
                                                                       : ADAH_SHAPE4(N, C, 2, P / 2);
        array_file_write(folder.path, "image.npy", "<f4", shape, image);
        char other_path[512];
        TEMPORARY_PATH(folder, "other", other_path);
        train(dataset, other_path);
        adah_model_state a, b;
        assert_int_equal(adah_model_state_read(model_path, &a, NULL), ADAH_OK);
        assert_int_equal(adah_model_state_read(other_path, &b, NULL), ADAH_OK);
        assert_true(a.config.feature_scale == 64 * b.config.feature_scale);
        assert_int_equal(a.parameters.n, b.parameters.n);
        for (size_t k = 0; k < a.parameters.n; k++)
            assert_memory_equal(a.parameters.item[k]->value, b.parameters.item[k]->value,
                                a.parameters.item[k]->n * sizeof(float));
        adah_model_state_free(&a);
        adah_model_state_free(&b);
        adah_dataset_close(dataset);
    }
}

static void test_what_does_not_go_together(void **state) {
    (void)state;
    put_metadata();
    put_side("image.npy", ADAH_INPUT_VECTOR, image, 1, 1);
    put_side("text.npy", ADAH_INPUT_VECTOR, text, 1, 2);
    adah_dataset *dataset = open_data(folder.path);
    options.backbone = "vgg16";
    expect_no_training(dataset, ADAH_ERROR_ARGUMENT, "backbone vgg16");
    options.backbone = NULL;
    options.weights = "w.safetensors";
    expect_no_training(dataset, ADAH_ERROR_ARGUMENT, "weights w.safetensors");
    options.weights = NULL;
    options.finetune = 1;
    expect_no_training(dataset, ADAH_ERROR_ARGUMENT, "fine-tune");
    options.finetune = 0;
    options.similarity = "words";
    expect_no_training(dataset, ADAH_ERROR_ARGUMENT, "texts as features");
    options.similarity = NULL;
    put_side("image.npy", ADAH_INPUT_VECTOR, image, 1e-12f, 1);
    expect_no_training(dataset, ADAH_ERROR_ARGUMENT, "magnitude");
    char path[512];
    TEMPORARY_PATH(folder, "image.npy", path);
    assert_int_equal(unlink(path), 0);
    options.backbone = "none";
    expect_no_training(dataset, ADAH_ERROR_ARGUMENT, "neither image.npy nor image.safetensors");
    adah_dataset_close(dataset);
}

static int stop(void *user, const adah_progress_event *event) {
    (void)user;
    return !strcmp(event->stage, "training") && event->is_result;
}

/* A checkpoint of other features is not gone on from. */
static void test_resume_looks_at_the_features(void **state) {
    (void)state;
    put_metadata();
    put_side("image.npy", ADAH_INPUT_VECTOR, image, 1, 1);
    put_side("text.npy", ADAH_INPUT_TOKENS, text, 1, 2);
    static const char *const scaled[] = {"feature_scale=1", "text_scale=1"}; /* so that the configuration stays the same */
    options.settings = scaled;
    options.n_settings = 2;
    options.checkpoint_seconds = 0;
    options.resume = 1;
    adah_dataset *dataset = open_data(folder.path);
    for (int side = 0; side < 2; side++) {
        const adah_code code = adah_train(dataset, model_path, &options, (adah_progress){stop, NULL}, NULL, NULL);
        assert_int_equal(code, ADAH_ERROR_CANCELLED);
        float *values = side ? text : image;
        values[4 * (side ? C * P : C)] += 0.5f; /* of record 4 */
        array_file_write(folder.path, side ? "text.npy" : "image.npy", "<f4",
                         side ? (adah_shape){3, {N, P, C, 0}} : ADAH_SHAPE2(N, C), values);
        expect_no_training(dataset, ADAH_ERROR_MISMATCH, "checkpoint");
        char path[600];
        snprintf(path, sizeof path, "%s.checkpoint", model_path);
        assert_int_equal(unlink(path), 0);
    }
    adah_dataset_close(dataset);
}

/* ---------------------------------------------------------------- cut off by another program */

static const char *cut_path, *cut_stage;
static int is_cut; /* by cut_off */

/* Empties the file at the stage's first report, or the first of a result. */
static int cut_off(void *wants_result, const adah_progress_event *event) {
    if (!is_cut && !strcmp(event->stage, cut_stage) && (!wants_result || event->is_result))
        is_cut = truncate(cut_path, 0) == 0;
    return 0;
}

static void expect_cut(adah_code code, const adah_status *status, const char *name) {
    assert_int_equal(is_cut, 1);
    if (code != ADAH_ERROR_IO || !strstr(status->message, name) || !strstr(status->message, "was cut off by another program"))
        fail_msg("%s, \"%s\"", adah_code_name(code), status->message);
    is_cut = 0;
}

static void put_both_sides(void) {
    put_side("image.npy", ADAH_INPUT_MAP, image, 1, 1);
    put_side("text.npy", ADAH_INPUT_TOKENS, text, 1, 2);
}

/* The model's checksum; the file is removed. */
static void take_model(char id[33]) {
    adah_model *model = open_model();
    snprintf(id, 33, "%s", adah_model_id(model));
    adah_model_close(model);
    assert_int_equal(unlink(model_path), 0);
}

/* An array that is cut off between two epochs, or between the texts and the images of an encoding: no model and no codes of zeros,
 * and the checkpoint is still good when the array is there again. */
static void test_arrays_that_are_cut_off(void **state) {
    (void)state;
    static const char *const name[2] = {"image.npy", "text.npy"};
    char path[512], id[33], resumed_id[33];
    int any;
    adah_status status = {0};
    put_metadata();
    put_both_sides();
    options.checkpoint_seconds = 0;
    options.n_epochs = 3;
    options.resume = 1;
    adah_dataset *dataset = open_data(folder.path);
    train(dataset, model_path);
    take_model(id);
    for (int side = 0; side < 2; side++) {
        TEMPORARY_PATH(folder, name[side], path);
        cut_path = path;
        cut_stage = "training";
        const adah_code code = adah_train(dataset, model_path, &options, (adah_progress){cut_off, &any}, NULL, &status);
        expect_cut(code, &status, name[side]);
        assert_int_not_equal(access(model_path, F_OK), 0);
        put_both_sides();
        train(dataset, model_path);
        take_model(resumed_id);
        assert_string_equal(resumed_id, id);
    }
    train(dataset, model_path);
    adah_model *model = open_model();
    adah_codes codes;
    TEMPORARY_PATH(folder, "image.npy", path);
    cut_stage = "encoding texts";
    const adah_code code = adah_encode_dataset(model, dataset, NULL, (adah_progress){cut_off, NULL}, &codes, &status);
    expect_cut(code, &status, "image.npy");
    adah_model_close(model);
    adah_dataset_close(dataset);
}

/* Every allocation of a training and of an encoding fails once: told, nothing leaked (the sanitizers look), nothing written. */
static void test_memory(void **state) {
    (void)state;
    put_metadata();
    put_side("image.npy", ADAH_INPUT_MAP, image, 1, 1);
    put_side("text.npy", ADAH_INPUT_TOKENS, text, 1, 2);
    options.n_epochs = 1;
    options.checkpoint_seconds = 1e9;
    adah_dataset *dataset = open_data(folder.path);
    adah_model *model = NULL;
    uint64_t n_ignored = 0;
    for (int encodes = 0; encodes < 2; encodes++) {
        for (uint64_t n = 1;; n++) {
            adah_status status = {0};
            uint8_t code[CODE_BYTES];
            adah_encoder *encoder = NULL;
            if (encodes)
                assert_int_equal(adah_encoder_create(model, NULL, &encoder, NULL), ADAH_OK);
            adah_memory_fault_at(n);
            const adah_code done = encodes ? adah_encode_record(encoder, dataset, 1, ADAH_TEXT, code, &status)
                                           : adah_train(dataset, model_path, &options, (adah_progress){0}, NULL, &status);
            const int fired = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            adah_encoder_close(encoder);
            if (!fired) {
                assert_int_equal(done, ADAH_OK);
                assert_true(n > 20);
                break;
            }
            if (done == ADAH_OK && n_ignored++ < 2)
                continue; /* the sync of the folder behind a file's publication does without */
            if (done != ADAH_ERROR_MEMORY)
                fail_msg("allocation %d: %s, \"%s\"", (int)n, adah_code_name(done), status.message);
        }
        if (!encodes)
            model = open_model();
    }
    adah_model_close(model);
    adah_dataset_close(dataset);
}

/* The same of features from a file, of float64 in column order so that they are converted. */
static void test_memory_of_queries(void **state) {
    (void)state;
    char path[512];
    double wide[5 * C];
    adah_features features;
    adah_codes codes;
    put_metadata();
    put_side("image.npy", ADAH_INPUT_VECTOR, image, 1, 1);
    put_side("text.npy", ADAH_INPUT_VECTOR, text, 1, 2);
    options.n_epochs = 1;
    adah_dataset *dataset = open_data(folder.path);
    train(dataset, model_path);
    adah_dataset_close(dataset);
    adah_model *model = open_model();
    for (size_t i = 0; i < 5 * C; i++)
        wide[i] = (double)i;
    array_file_write(folder.path, "wide.npy", "<f8", ADAH_SHAPE2(5, C), wide);
    TEMPORARY_PATH(folder, "wide.npy", path);
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        features.n = 77;
        adah_memory_fault_at(n);
        adah_code code = adah_features_read(model, ADAH_TEXT, path, &features, &status);
        if (code == ADAH_OK) {
            code = adah_encode_feature_rows(model, ADAH_TEXT, &features, NULL, (adah_progress){0}, &codes, &status);
            adah_features_free(&features);
        } else {
            assert_int_equal(features.n, 77);
        }
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            adah_codes_free(&codes);
            assert_true(n > 10);
            break;
        }
        if (code != ADAH_ERROR_MEMORY)
            fail_msg("allocation %d: %s, \"%s\"", (int)n, adah_code_name(code), status.message);
    }
    adah_model_close(model);
}

/* And of a model of one space for images and texts, learned and asked without texts. */
static void test_memory_without_texts(void **state) {
    (void)state;
    put_metadata();
    put_side("image.npy", ADAH_INPUT_VECTOR, image, 1, 1);
    options.method = "itq";
    options.n_bits = 8;
    options.settings = NULL;
    options.n_settings = 0;
    options.n_epochs = 0;
    adah_dataset *dataset = open_data(folder.path);
    adah_model *model = NULL;
    uint64_t n_ignored = 0;
    for (int encodes = 0; encodes < 2; encodes++) {
        for (uint64_t n = 1;; n++) {
            adah_status status = {0};
            adah_codes codes = {0};
            adah_memory_fault_at(n);
            const adah_code done = encodes ? adah_encode_dataset(model, dataset, NULL, (adah_progress){0}, &codes, &status)
                                           : adah_train(dataset, model_path, &options, (adah_progress){0}, NULL, &status);
            const int fired = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            assert_true(!codes.text && !codes.text_fine && (!encodes || !codes.image == (done != ADAH_OK)));
            adah_codes_free(&codes);
            if (!fired) {
                assert_int_equal(done, ADAH_OK);
                assert_true(n > 10);
                break;
            }
            if (done == ADAH_OK && n_ignored++ < 2)
                continue; /* the sync of the folder behind a file's publication does without */
            if (done != ADAH_ERROR_MEMORY)
                fail_msg("allocation %d: %s, \"%s\"", (int)n, adah_code_name(done), status.message);
        }
        if (!encodes)
            model = open_model();
    }
    assert_true(adah_model_fine(model, ADAH_IMAGE) == C && adah_model_fine(model, ADAH_TEXT) == C);
    adah_model_close(model);
    adah_dataset_close(dataset);
}

/* ---------------------------------------------------------------- given maps and cached maps */

/* The backbone "small" at its random start, as a weight file. */
static void put_weights(const char *path, const adah_settings *config) {
    adah_parameters p = {0};
    adah_network *net;
    const adah_network_plan plan = {.n_batch = 1, .image = adah_input_pixels((size_t)config->n_side), .features_only = 1, .creating = 1};
    assert_int_equal(adah_network_create(&plan, config, &p, &net, NULL), ADAH_OK);
    adah_safetensors_item items[32];
    assert_true(p.n <= 32);
    for (size_t i = 0; i < p.n; i++)
        items[i] = (adah_safetensors_item){p.item[i]->name + strlen("image.backbone."), "F32", p.item[i]->shape,
                                           p.item[i]->value, p.item[i]->n * sizeof(float)};
    assert_int_equal(adah_safetensors_write(path, items, p.n, NULL, 0, NULL), ADAH_OK);
    adah_network_free(net);
    adah_parameters_free(&p);
}

/* The name of the one cache file. */
static void find_cache_file(const char *cache, char name[256]) {
    DIR *d = opendir(cache);
    int n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".images")) {
            snprintf(name, 256, "%s", e->d_name);
            n++;
        }
    closedir(d);
    assert_int_equal(n, 1);
}

/* Its maps, behind its header of 64 bytes. */
static float *read_cached_maps(const char *cache) {
    char name[256];
    size_t n_bytes;
    find_cache_file(cache, name);
    char *bytes = data_folder_read(cache, name, &n_bytes);
    float *maps = malloc(n_bytes);
    assert_non_null(maps);
    memcpy(maps, bytes + 64, n_bytes - 64);
    free(bytes);
    return maps;
}

/* The same of the cache; a later training makes it anew. */
static void test_a_cache_that_is_cut_off(void **state) {
    (void)state;
    static const char *const small[] = {"n_side=16", "finetune=1", "n_batch=16", "n_image_hidden=24", "validation_share=0"};
    char scenes[512], cache[512], name[256], path[800];
    TEMPORARY_PATH(folder, "scenes", scenes);
    TEMPORARY_PATH(folder, "cache", cache);
    const adah_synth_options synth = {.size = sizeof synth, .n_scenes = 60, .n_side = 16, .query_share = 0.1, .seed = 3};
    assert_int_equal(adah_synth_write(scenes, &synth, NULL), ADAH_OK);
    options.settings = small;
    options.n_settings = sizeof small / sizeof *small;
    options.n_epochs = 3;
    options.checkpoint_seconds = 1e9;
    options.cache_folder = cache;
    options.backbone = "small";
    adah_dataset *dataset = open_data(scenes);
    train(dataset, model_path);
    assert_int_equal(unlink(model_path), 0);
    find_cache_file(cache, name);
    snprintf(path, sizeof path, "%s/%s", cache, name);
    cut_path = path;
    cut_stage = "training";
    int any;
    adah_status status = {0};
    const adah_code code = adah_train(dataset, model_path, &options, (adah_progress){cut_off, &any}, NULL, &status);
    expect_cut(code, &status, name);
    assert_int_not_equal(access(model_path, F_OK), 0);
    train(dataset, model_path);
    adah_model *model = open_model();
    adah_encode_options encoding;
    adah_encode_options_init(&encoding);
    encoding.cache_folder = cache;
    adah_codes codes;
    cut_stage = "encoding texts";
    expect_cut(adah_encode_dataset(model, dataset, &encoding, (adah_progress){cut_off, NULL}, &codes, &status), &status, name);
    adah_model_close(model);
    adah_dataset_close(dataset);
}

static void test_given_maps_teach_what_cached_maps_teach(void **state) {
    (void)state;
    enum { N_SCENES = 60, SIDE = 16 };
    static const char *const same[] = {"feature_scale=1", "n_side=16", "finetune=0", "n_batch=16", "n_image_hidden=24",
                                       "attention_threshold=1", "rate=0.003", "contrastive_weight=1",
                                       "n_final_epochs=1", "attention=1", "dropout=0", "weight_decay=0", "word_pairs=0",
                                       "n_fine=0", "n_text_hidden=512", "n_text_feature=512"};
    char scenes[512], given[512], cache[512], weights[512];
    TEMPORARY_PATH(folder, "scenes", scenes);
    TEMPORARY_PATH(folder, "given", given);
    TEMPORARY_PATH(folder, "cache", cache);
    TEMPORARY_PATH(folder, "weights", weights);
    const adah_synth_options synth = {.size = sizeof synth, .n_scenes = N_SCENES, .n_side = SIDE, .query_share = 0.1, .seed = 3};
    assert_int_equal(adah_synth_write(scenes, &synth, NULL), ADAH_OK);
    adah_settings config;
    assert_int_equal(adah_backbone_preset("default", "small", &config, NULL), ADAH_OK);
    config.n_side = SIDE;
    put_weights(weights, &config);
    options.settings = same;
    options.n_settings = sizeof same / sizeof *same;
    options.n_epochs = 3;
    options.cache_folder = cache;
    options.backbone = "small";
    options.weights = weights;
    adah_dataset *dataset = open_data(scenes);
    train(dataset, model_path);
    adah_dataset_close(dataset);

    adah_model_state cached, from_file;
    assert_int_equal(adah_model_state_read(model_path, &cached, NULL), ADAH_OK);
    size_t n_bytes;
    char *metadata = data_folder_read(scenes, "metadata.jsonl", &n_bytes);
    data_folder_write(given, "metadata.jsonl", metadata, n_bytes);
    free(metadata);
    float *maps = read_cached_maps(cache);
    array_file_write(given, "image.npy", "<f4", ADAH_SHAPE4(N_SCENES, 128, 2, 2), maps);
    free(maps);
    options.backbone = options.weights = NULL;
    dataset = open_data(given);
    train(dataset, model_path);
    adah_dataset_close(dataset);
    assert_int_equal(adah_model_state_read(model_path, &from_file, NULL), ADAH_OK);
    assert_int_equal(from_file.image.kind, ADAH_INPUT_MAP);
    assert_true(from_file.parameters.n >= 10 && from_file.parameters.n < cached.parameters.n);
    for (size_t i = 0; i < from_file.parameters.n; i++) {
        const adah_parameter *p = from_file.parameters.item[i], *q = adah_parameters_find(&cached.parameters, p->name);
        assert_non_null(q);
        assert_memory_equal(p->value, q->value, p->n * sizeof(float));
    }
    adah_model_state_free(&cached);
    adah_model_state_free(&from_file);
}

/* Without a backbone that learns, and with several texts a record: enough of both that both threads have work. */
static void test_two_threads_learn_what_one_learns(void **state) {
    enum { N_MANY = 160, N_CHANNELS = 256, N_TEXTS = 4, N_WORDS = 8, LINE_BYTES = 600 };
    static const int n_threads[] = {1, 2};
    (void)state;
    adah_random r = adah_random_seeded(7, 1);
    float *values = malloc(N_MANY * N_CHANNELS * sizeof *values);
    char *all = malloc(N_MANY * LINE_BYTES), *first = NULL;
    size_t n = 0, n_first = 0;
    assert_true(values && all);
    for (size_t i = 0; i < N_MANY * N_CHANNELS; i++)
        values[i] = adah_random_uniform(&r) + (i % N_CHANNELS % N_CLASSES == i / N_CHANNELS % N_CLASSES);
    for (size_t i = 0; i < N_MANY; i++) {
        n += (size_t)snprintf(all + n, LINE_BYTES, "{\"file_name\": \"r%zu\", \"labels\": [\"c%zu\"], \"text\": [", i, i % N_CLASSES);
        for (int t = 0; t < N_TEXTS; t++) {
            n += (size_t)snprintf(all + n, LINE_BYTES, t ? ", \"text %d" : "\"text %d", t);
            for (int w = 0; w < N_WORDS; w++)
                n += (size_t)snprintf(all + n, LINE_BYTES, " w%zux%zu", i % N_CLASSES, (size_t)adah_random_below(&r, 200));
            n += (size_t)snprintf(all + n, LINE_BYTES, "\"");
        }
        n += (size_t)snprintf(all + n, LINE_BYTES, "]}\n");
    }
    data_folder_put(folder.path, "metadata.jsonl", all);
    array_file_write(folder.path, "image.npy", "<f4", ADAH_SHAPE2(N_MANY, N_CHANNELS), values);
    free(values);
    free(all);
    options.n_settings = 0;
    options.n_epochs = 1;
    adah_dataset *dataset = open_data(folder.path);
    for (size_t i = 0; i < sizeof n_threads / sizeof *n_threads; i++) {
        size_t n_bytes;
        adah_parallel_set_threads(n_threads[i]);
        train(dataset, model_path);
        char *bytes = data_folder_read(folder.path, "model", &n_bytes);
        if (first && (n_bytes != n_first || memcmp(bytes, first, n_bytes) != 0))
            fail_msg("%d threads learn something else than one", n_threads[i]);
        if (first)
            free(bytes);
        else
            first = bytes, n_first = n_bytes;
    }
    adah_parallel_set_threads(1);
    free(first);
    adah_dataset_close(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_shape, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_go_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_looks_at_the_features, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arrays_that_are_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_of_queries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_without_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cache_that_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_threads_learn_what_one_learns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_maps_teach_what_cached_maps_teach, set_up, tear_down),
    };
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
