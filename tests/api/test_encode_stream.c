/* (unit) Codes of data sets: the same bits with any number of threads, at any place, from files and from a training's cache;
 * unreadable pictures, cancelling, threads that do not start, allocations that fail; teams of workers alone. */
#define _GNU_SOURCE
#include "api/encode_stream.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "input/image_store.h"
#include "input/worker_team.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "fail_allocations.h"

enum { N = 40, CODE_BYTES = 2, SIDE = 32, N_FINE = 24, N_IMAGE_FINE = N_FINE + 16 };

static temporary_folder folder;
static char scenes[512], cache[512], no_cache[512], tuned_path[512], frozen_path[512];
static adah_dataset *dataset;
static adah_model *tuned, *frozen; /* the second with the first's backbone, that it did not change */

static void check(adah_code code, const adah_status *status) {
    if (code != ADAH_OK)
        fail_msg("%s", status->message);
}

static adah_dataset *open_dataset(const char *path) {
    adah_dataset *d = NULL;
    adah_status status;
    check(adah_dataset_open(path, NULL, &d, &status), &status);
    return d;
}

static adah_model *train_with(const char *path, const char *weights, const char *const *settings, size_t n_settings) {
    adah_train_options o;
    adah_train_options_init(&o);
    adah_model *model;
    adah_status status;
    o.n_bits = 8 * CODE_BYTES;
    o.n_epochs = 1;
    o.weights = weights;
    o.settings = settings;
    o.n_settings = n_settings;
    o.cache_folder = cache;
    check(adah_train(dataset, path, &o, (adah_progress){0}, NULL, &status), &status);
    check(adah_model_open(path, &model, &status), &status);
    return model;
}

static adah_model *train(const char *path, const char *weights) {
    static const char *const learning[] = {"n_side=32", "n_fine=24"}, *const still[] = {"n_side=32", "n_fine=24", "finetune=0", "n_appearance=16"};
    return train_with(path, weights, weights ? still : learning, weights ? 4 : 2);
}

static int start(void **state) {
    (void)state;
    adah_status status;
    adah_synth_options o;
    adah_synth_options_init(&o);
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "scenes", scenes);
    TEMPORARY_PATH(folder, "cache", cache);
    TEMPORARY_PATH(folder, "none", no_cache);
    TEMPORARY_PATH(folder, "tuned.safetensors", tuned_path);
    TEMPORARY_PATH(folder, "frozen.safetensors", frozen_path);
    o.n_scenes = N;
    o.n_side = SIDE;
    check(adah_synth_write(scenes, &o, &status), &status);
    dataset = open_dataset(scenes);
    tuned = train(tuned_path, NULL);
    frozen = train(frozen_path, tuned_path);
    return 0;
}

static int end(void **state) {
    (void)state;
    adah_model_close(tuned);
    adah_model_close(frozen);
    adah_dataset_close(dataset);
    adah_set_threads(1);
    data_folder_remove(&folder);
    return 0;
}

static adah_codes encode(const adah_model *model, const adah_dataset *d, const char *cache_folder, int n_threads) {
    adah_encode_options o;
    adah_encode_options_init(&o);
    adah_codes codes;
    adah_status status;
    o.cache_folder = cache_folder;
    o.keep_real = 1;
    adah_set_threads(n_threads);
    check(adah_encode_dataset(model, d, &o, (adah_progress){0}, &codes, &status), &status);
    return codes;
}

static void expect_same(const adah_codes *a, const adah_codes *b) {
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->record, b->record, a->n * sizeof *a->record);
    assert_memory_equal(a->image, b->image, a->n * CODE_BYTES);
    assert_memory_equal(a->text, b->text, a->n * CODE_BYTES);
    for (size_t i = 0; i < a->n * CODE_BYTES * 8; i++) {
        assert_float_equal(a->image_real[i], b->image_real[i], 1e-4);
        assert_float_equal(a->text_real[i], b->text_real[i], 1e-4);
    }
    assert_int_equal(a->n_fine[ADAH_TEXT], N_FINE);
    assert_int_equal(a->n_fine[ADAH_IMAGE], b->n_fine[ADAH_IMAGE]);
    for (size_t i = 0; i < a->n * a->n_fine[ADAH_IMAGE]; i++) /* what lies between two whole numbers may become either */
        assert_in_range(a->image_fine[i] - b->image_fine[i] + 1, 0, 2);
    for (size_t i = 0; i < a->n * N_FINE; i++)
        assert_in_range(a->text_fine[i] - b->text_fine[i] + 1, 0, 2);
}

/* Names, texts and labels of records first .. last - 1 of the scenes as a data set of their own, by a link to the
 * same pictures; where `is_bad` says so with names of files that are no pictures. */
static adah_dataset *make_part(const char *name, size_t first, size_t last, const uint8_t *is_bad) {
    char path[512], images[512], line[1024], text[64 * 1024] = "";
    snprintf(path, sizeof path, "%s/%s", folder.path, name);
    for (size_t i = first; i < last; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        snprintf(line, sizeof line, "{\"file_name\": \"%s%s\", \"text\": \"%s\"}\n", r->file_name,
                 is_bad && is_bad[i] ? ".bad" : "", r->text);
        strcat(text, line);
    }
    data_folder_put(path, "metadata.jsonl", text);
    TEMPORARY_PATH(folder, "scenes/images", images);
    snprintf(line, sizeof line, "%s/images", path);
    unlink(line);
    assert_int_equal(symlink(images, line), 0);
    return open_dataset(path);
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    const adah_model *const models[] = {tuned, frozen};
    for (int m = 0; m < 2; m++) {
        adah_codes one = encode(models[m], dataset, no_cache, 1);
        assert_int_equal(one.n, N);
        for (int n_threads = 2; n_threads <= 7; n_threads += 5) {
            adah_codes some = encode(models[m], dataset, no_cache, n_threads);
            expect_same(&one, &some);
            assert_memory_equal(one.image_real, some.image_real, N * CODE_BYTES * 8 * sizeof(float));
            assert_memory_equal(one.text_real, some.text_real, N * CODE_BYTES * 8 * sizeof(float));
            adah_codes_free(&some);
        }
        adah_codes cached = encode(models[m], dataset, cache, 2);
        expect_same(&one, &cached);
        adah_codes_free(&cached);
        adah_codes_free(&one);
    }
    assert_int_not_equal(access(no_cache, F_OK), 0); /* encoding leaves nothing */
}

/* The cache that a training makes on several threads is, byte for byte, that of one. */
static void the_cache_is_in_order(void **state) {
    (void)state;
    adah_image_store store[2];
    adah_status status;
    for (int m = 0; m < 2; m++) {
        adah_model *model = m ? frozen : tuned;
        char where[2][512];
        for (int i = 0; i < 2; i++) {
            snprintf(where[i], sizeof where[i], "%s/cache-%d-%d", folder.path, m, i);
            adah_set_threads(i ? 5 : 1);
            check(adah_image_store_open(dataset, &model->state.config, &model->state.parameters, where[i], 0,
                                        (adah_progress){0}, &store[i], &status),
                  &status);
        }
        assert_int_equal(store[0].map.n_bytes, store[1].map.n_bytes);
        assert_memory_equal(store[0].map.bytes, store[1].map.bytes, store[0].map.n_bytes);
        for (int i = 0; i < 2; i++)
            adah_image_store_close(&store[i]);
    }
}

static void a_picture_has_one_code_at_any_place(void **state) {
    (void)state;
    adah_codes all = encode(frozen, dataset, no_cache, 2);
    const size_t lengths[] = {1, 2, 3, 7, 8, 9, 17, N - 3};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        adah_dataset *part = make_part("part", 3, 3 + lengths[i], NULL);
        adah_codes some = encode(frozen, part, no_cache, 3);
        assert_int_equal(some.n, lengths[i]);
        assert_memory_equal(some.image, all.image + 3 * CODE_BYTES, some.n * CODE_BYTES);
        assert_memory_equal(some.text, all.text + 3 * CODE_BYTES, some.n * CODE_BYTES);
        assert_memory_equal(some.image_fine, all.image_fine + 3 * N_IMAGE_FINE, some.n * N_IMAGE_FINE);
        assert_memory_equal(some.text_fine, all.text_fine + 3 * N_FINE, some.n * N_FINE);
        adah_codes_free(&some);
        adah_dataset_close(part);
    }
    adah_encoder *encoder;
    uint8_t code[CODE_BYTES];
    assert_int_equal(adah_encoder_create(frozen, NULL, &encoder, NULL), ADAH_OK);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(adah_encode_record(encoder, dataset, i, ADAH_IMAGE, code, NULL), ADAH_OK);
        assert_memory_equal(code, all.image + i * CODE_BYTES, CODE_BYTES);
        assert_memory_equal(adah_encoder_fine(encoder), all.image_fine + i * N_IMAGE_FINE, N_IMAGE_FINE);
    }
    adah_encoder_close(encoder);
    adah_codes_free(&all);
}

/* A picture as a file, as its bytes and as pixels: one code, one mask. */
static void check_three_ways(const adah_model *model) {
    const adah_picture_form form = adah_model_picture_form(model);
    adah_encoder *encoder;
    adah_status status;
    check(adah_encoder_create(model, NULL, &encoder, &status), &status);
    for (size_t i = 0; i < 5; i++) {
        const char *name = adah_dataset_record(dataset, i)->file_name;
        uint8_t code[4][CODE_BYTES];
        char path[1100];
        size_t n_bytes;
        adah_attention_map map[3];
        adah_picture picture;
        snprintf(path, sizeof path, "%s/%s", scenes, name);
        uint8_t *bytes = (uint8_t *)data_folder_read(scenes, name, &n_bytes);
        check(adah_picture_prepare(bytes, n_bytes, &form, &picture, &status), &status);
        check(adah_encode_record(encoder, dataset, i, ADAH_IMAGE, code[0], &status), &status);
        check(adah_encode_image_file(encoder, path, code[1], &status), &status);
        check(adah_encode_image_bytes(encoder, bytes, n_bytes, code[2], &status), &status);
        check(adah_encode_image_pixels(encoder, &picture, code[3], &status), &status);
        check(adah_attend_image_file(encoder, path, &map[0], &status), &status);
        check(adah_attend_image_bytes(encoder, bytes, n_bytes, &map[1], &status), &status);
        check(adah_attend_image_pixels(encoder, &picture, &map[2], &status), &status);
        for (int k = 1; k < 4; k++)
            assert_memory_equal(code[k], code[0], CODE_BYTES);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(map[k].n_height * map[k].n_width, map[0].n_height * map[0].n_width);
            assert_memory_equal(map[k].probability, map[0].probability, map[0].n_height * map[0].n_width * sizeof(float));
        }
        for (int k = 0; k < 3; k++)
            adah_attention_map_free(&map[k]);
        picture.n_width--;
        assert_int_equal(adah_encode_image_pixels(encoder, &picture, code[3], &status), ADAH_ERROR_ARGUMENT);
        assert_int_equal(adah_encode_image_bytes(encoder, bytes, 20, code[2], &status), ADAH_ERROR_FORMAT);
        adah_free(picture.rgb);
        free(bytes);
    }
    const float values[3] = {1, 2, 3};
    uint8_t code[CODE_BYTES];
    assert_int_equal(adah_encode_features(encoder, ADAH_IMAGE, values, 3, code, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "3 values, but this model takes images given as \"pixels"));
    assert_int_equal(adah_encode_features(encoder, ADAH_TEXT, values, 3, code, &status), ADAH_ERROR_MISMATCH);
    assert_int_equal(adah_encode_features(encoder, (adah_modality)2, values, 3, code, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "modality 2"));
    assert_int_equal(adah_encode_text(encoder, "qqq zzz", code, &status), ADAH_ERROR_NO_KNOWN_WORD);
    assert_int_equal(adah_encode_image_file(encoder, "/nowhere/at/all.png", code, &status), ADAH_ERROR_NOT_FOUND);
    adah_encoder_close(encoder);
}

static void a_picture_may_be_given_in_three_ways(void **state) {
    (void)state;
    check_three_ways(tuned);
}

/* What is seen of pictures belongs to the model: a cropping one makes the same codes of them in every way, also from the cache, where maps of
 * the same backbone without the crop lie as well. */
static void a_model_keeps_the_form_of_pictures(void **state) {
    (void)state;
    static const char *const set[] = {"n_side=32", "n_fine=24", "finetune=0", "n_appearance=16", "image_filter=bicubic", "image_crop=centre",
                                      "image_crop_share=0.75"};
    adah_status status;
    adah_encoder *encoder;
    uint8_t code[CODE_BYTES];
    char path[512];
    TEMPORARY_PATH(folder, "cropping.safetensors", path);
    adah_model *cropping = train_with(path, tuned_path, set, sizeof set / sizeof *set);
    const adah_picture_form form = adah_model_picture_form(cropping), plain = adah_model_picture_form(tuned);
    assert_true(form.filter == ADAH_FILTER_BICUBIC && form.crop == ADAH_CROP_CENTRE && form.crop_share == 0.75f && form.n_side == SIDE);
    assert_true(plain.filter == ADAH_FILTER_LANCZOS && plain.crop == ADAH_CROP_NONE && plain.n_side == SIDE);
    check_three_ways(cropping);
    adah_codes cached = encode(cropping, dataset, cache, 1), others = encode(frozen, dataset, cache, 1);
    check(adah_encoder_create(cropping, NULL, &encoder, &status), &status);
    for (size_t i = 0; i < cached.n; i++) {
        check(adah_encode_record(encoder, dataset, cached.record[i], ADAH_IMAGE, code, &status), &status);
        assert_memory_equal(code, cached.image + i * CODE_BYTES, CODE_BYTES);
    }
    assert_memory_not_equal(cached.image, others.image, cached.n * CODE_BYTES);
    adah_encoder_close(encoder);
    adah_codes_free(&cached);
    adah_codes_free(&others);
    adah_model_close(cropping);
}

/* The precision belongs to the encoder, and to one encoding: the model stays what it is. */
static void a_precision_is_no_matter_of_the_model(void **state) {
    (void)state;
    adah_status status;
    adah_encoder *encoder = NULL;
    adah_encoder_options options;
    adah_encode_options encode_options;
    adah_encoder_options_init(&options);
    adah_encode_options_init(&encode_options);
    adah_codes trained = encode(tuned, dataset, no_cache, 1), codes;
    for (int precision = -1; precision < 4; precision++) {
        const int is_known = precision >= 0 && precision < 3 && adah_precision_supported((adah_precision)precision);
        uint8_t code[CODE_BYTES];
        options.precision = encode_options.precision = (adah_precision)precision;
        const adah_code code_made = adah_encoder_create(tuned, &options, &encoder, &status);
        assert_int_equal(code_made, is_known ? ADAH_OK : ADAH_ERROR_ARGUMENT);
        assert_int_equal(adah_encode_dataset(tuned, dataset, &encode_options, (adah_progress){0}, &codes, &status), code_made);
        if (!is_known)
            continue;
        check(adah_encode_record(encoder, dataset, 3, ADAH_IMAGE, code, &status), &status);
        assert_memory_equal(code, codes.image + 3 * CODE_BYTES, CODE_BYTES);
        if (precision != ADAH_BFLOAT16) /* the model was trained in float32 */
            assert_memory_equal(codes.image, trained.image, N * CODE_BYTES);
        adah_codes_free(&codes);
        adah_encoder_close(encoder);
    }
    adah_codes again = encode(tuned, dataset, no_cache, 1);
    expect_same(&again, &trained);
    adah_codes_free(&again);
    adah_codes_free(&trained);
}

/* Networks that take several pictures at once, and a last batch that is not full. */
static void batches_give_the_same_codes(void **state) {
    (void)state;
    adah_codes one = encode(tuned, dataset, no_cache, 2);
    for (size_t n_batch = 3; n_batch <= 16; n_batch += 13) {
        adah_model_inputs inputs;
        adah_codes some;
        adah_status status;
        check(adah_model_inputs_open(&tuned->state, tuned->vocabulary, tuned->text_encoder, dataset, no_cache, 1, &inputs, &status), &status);
        const adah_encode_source source = {.model = tuned, .dataset = dataset, .inputs = &inputs, .n_batch = n_batch};
        check(adah_encode_stream(&source, 1, (adah_progress){0}, &some, NULL, NULL, &status), &status);
        adah_model_inputs_close(&inputs);
        expect_same(&one, &some);
        adah_codes_free(&some);
    }
    adah_codes_free(&one);
}

/* What is written comes back; vectors of other codes do not stay beside it, and are refused where they are not as many. */
static void codes_go_to_files_and_back(void **state) {
    (void)state;
    char prefix[512];
    adah_status status;
    adah_codes all = encode(frozen, dataset, no_cache, 2), back;
    TEMPORARY_PATH(folder, "codes", prefix);
    check(adah_codes_write(&all, dataset, prefix, &status), &status);
    check(adah_codes_read(prefix, dataset, &back, &status), &status);
    assert_int_equal(back.n, all.n);
    assert_int_equal(back.n_fine[ADAH_TEXT], N_FINE);
    assert_int_equal(back.n_fine[ADAH_IMAGE], N_IMAGE_FINE);
    assert_memory_equal(back.record, all.record, all.n * sizeof *all.record);
    assert_memory_equal(back.image, all.image, all.n * CODE_BYTES);
    assert_memory_equal(back.text, all.text, all.n * CODE_BYTES);
    assert_memory_equal(back.image_fine, all.image_fine, all.n * N_IMAGE_FINE);
    assert_memory_equal(back.text_fine, all.text_fine, all.n * N_FINE);
    adah_codes_free(&back);
    adah_codes other = all;
    other.n_fine[0] = other.n_fine[1] = 8; /* of the same arrays, of which it takes the beginning */
    check(adah_codes_write(&other, dataset, prefix, &status), &status);
    check(adah_codes_read(prefix, dataset, &back, &status), &status);
    assert_int_equal(back.n_fine[ADAH_IMAGE], 8);
    assert_int_equal(back.n_fine[ADAH_TEXT], 8);
    adah_codes_free(&back);
    char image[600], text[600];
    snprintf(image, sizeof image, "%s.image.fine.npy", prefix);
    snprintf(text, sizeof text, "%s.text.fine.npy", prefix);
    assert_int_equal(rename(image, text), 0);
    assert_int_not_equal(adah_codes_read(prefix, dataset, &back, &status), ADAH_OK); /* one alone */
    assert_non_null(strstr(status.message, ".image.fine.npy"));
    other.n = 5;
    check(adah_codes_write(&other, dataset, prefix, &status), &status);
    char codes[600], kept[600];
    snprintf(codes, sizeof codes, "%s.image.fine.npy", prefix);
    snprintf(kept, sizeof kept, "%s.kept", prefix);
    assert_int_equal(rename(codes, kept), 0);
    check(adah_codes_write(&all, dataset, prefix, &status), &status);
    assert_int_equal(rename(kept, codes), 0);
    assert_int_equal(adah_codes_read(prefix, dataset, &back, &status), ADAH_ERROR_MISMATCH);
    other = all;
    other.n_fine[0] = other.n_fine[1] = 0;
    check(adah_codes_write(&other, dataset, prefix, &status), &status);
    check(adah_codes_read(prefix, dataset, &back, &status), &status);
    assert_int_equal(back.n_fine[ADAH_IMAGE], 0);
    assert_null(back.image_fine);
    adah_codes_free(&back);
    adah_codes_free(&all);
}

static void unreadable_pictures_are_left_out(void **state) {
    (void)state;
    uint8_t bad[N] = {0};
    for (size_t i = 0; i < N; i++)
        bad[i] = i == 4 || i == 5 || i % 7 == 6 || i == N - 1;
    adah_codes all = encode(frozen, dataset, no_cache, 2);
    adah_dataset *part = make_part("broken", 0, N, bad);
    for (int n_threads = 1; n_threads <= 4; n_threads += 3) {
        adah_codes some = encode(frozen, part, no_cache, n_threads);
        size_t k = 0;
        for (size_t i = 0; i < N; i++) {
            if (bad[i])
                continue;
            assert_int_equal(some.record[k], i);
            assert_memory_equal(some.image + k * CODE_BYTES, all.image + i * CODE_BYTES, CODE_BYTES);
            assert_memory_equal(some.text + k * CODE_BYTES, all.text + i * CODE_BYTES, CODE_BYTES);
            assert_memory_equal(some.image_fine + k * N_IMAGE_FINE, all.image_fine + i * N_IMAGE_FINE, N_IMAGE_FINE);
            assert_memory_equal(some.text_fine + k * N_FINE, all.text_fine + i * N_FINE, N_FINE);
            k++;
        }
        assert_int_equal(some.n, k);
        assert_int_equal(some.n_skipped, N - k);
        assert_non_null(strstr(some.reasons, adah_dataset_record(part, 4)->file_name));
        adah_codes_free(&some);
        /* The first one is what a strict encoding fails with, whichever thread meets one first. */
        adah_encode_options o;
        adah_encode_options_init(&o);
        adah_status status;
        o.strict = 1;
        o.cache_folder = no_cache;
        assert_int_not_equal(adah_encode_dataset(frozen, part, &o, (adah_progress){0}, &some, &status), ADAH_OK);
        assert_non_null(strstr(status.message, adah_dataset_record(part, 4)->file_name));
    }
    adah_codes_free(&all);
    adah_dataset_close(part);
    memset(bad, 1, sizeof bad);
    part = make_part("none-readable", 0, N, bad);
    /* Nothing at all is an error that tells why, not an empty result. */
    adah_encode_options o;
    adah_encode_options_init(&o);
    adah_codes none;
    adah_status status;
    o.cache_folder = no_cache;
    assert_int_equal(adah_encode_dataset(frozen, part, &o, (adah_progress){0}, &none, &status), ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, adah_dataset_record(part, 0)->file_name));
    adah_dataset_close(part);
}

/* ---------------------------------------------------------------- progress, profile */

typedef struct listener {
    uint64_t n_calls, stop_at, done, total;
} listener;

static int listen(void *user, const adah_progress_event *event) {
    listener *l = user;
    if (strcmp(event->stage, "encoding images") != 0)
        return 0;
    assert_true(event->done > l->done);
    assert_true(event->done <= event->total);
    l->done = event->done;
    l->total = event->total;
    return ++l->n_calls == l->stop_at;
}

static void tells_and_stops(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 4; n_threads += 3) {
        adah_encode_profile p;
        adah_encode_options o;
        adah_encode_options_init(&o);
        adah_codes codes = {0};
        listener l = {0};
        o.cache_folder = no_cache;
        o.profile = &p;
        adah_set_threads(n_threads);
        assert_int_equal(adah_encode_dataset(frozen, dataset, &o, (adah_progress){listen, &l}, &codes, NULL),
                         ADAH_OK);
        assert_int_equal(l.done, N);
        assert_int_equal(l.total, N);
        assert_int_equal(p.n_records, N);
        assert_int_equal(p.n_threads, n_threads);
        assert_true(p.seconds > 0 && p.read_seconds > 0 && p.decode_seconds > 0 && p.network_seconds > 0);
        assert_true(p.normalise_seconds > 0 && p.rest_seconds >= 0 && p.peak_bytes > 1 << 20);
        adah_codes_free(&codes);
        for (uint64_t stop_at = 1; stop_at <= 3; stop_at++) {
            adah_status status;
            l = (listener){.stop_at = stop_at};
            const adah_code code =
                adah_encode_dataset(frozen, dataset, &o, (adah_progress){listen, &l}, &codes, &status);
            if (code == ADAH_OK) { /* the other threads had done all before that call */
                assert_true(n_threads > 1 && l.n_calls < stop_at);
                adah_codes_free(&codes);
                continue;
            }
            assert_int_equal(code, ADAH_ERROR_CANCELLED);
            assert_string_equal(status.message, "encoding images was stopped");
            assert_null(codes.image);
        }
    }
}

static adah_code encode_all(adah_status *status) {
    adah_encode_options o;
    adah_encode_options_init(&o);
    adah_codes codes;
    o.cache_folder = no_cache;
    const adah_code code = adah_encode_dataset(frozen, dataset, &o, (adah_progress){0}, &codes, status);
    if (code == ADAH_OK) {
        assert_int_equal(codes.n, N);
        assert_int_equal(codes.n_skipped, 0);
        adah_codes_free(&codes);
    }
    return code;
}

static void allocations_that_fail_are_told(void **state) {
    (void)state;
    adah_set_threads(3);
    fail_allocations(encode_all, 100);
}

static adah_code make_cache(adah_progress progress, adah_status *status) {
    adah_image_store store;
    char where[512];
    TEMPORARY_PATH(folder, "new-cache", where);
    const adah_code code = adah_image_store_open(dataset, &frozen->state.config, &frozen->state.parameters, where, 0,
                                                 progress, &store, status);
    if (code == ADAH_OK) {
        assert_int_equal(store.n, N);
        assert_int_equal(store.n_missing, 0);
        unlink(store.path);
        adah_image_store_close(&store);
    }
    assert_true(rmdir(where) == 0 || errno == ENOENT); /* nothing is left in it */
    return code;
}

static adah_code make_cache_silently(adah_status *status) { return make_cache((adah_progress){0}, status); }

static int stop_at_once(void *user, const adah_progress_event *event) {
    (void)user;
    assert_string_equal(event->stage, "computing feature maps");
    return 1;
}

static void a_cache_appears_whole_or_not(void **state) {
    (void)state;
    adah_status status;
    adah_set_threads(3);
    fail_allocations(make_cache_silently, 100);
    assert_int_equal(make_cache((adah_progress){stop_at_once, NULL}, &status), ADAH_ERROR_CANCELLED);
    adah_parallel_fault_at(1);
    assert_int_equal(make_cache((adah_progress){0}, NULL), ADAH_OK);
    adah_parallel_fault_at(0);
}

static void goes_on_with_fewer_threads(void **state) {
    (void)state;
    adah_codes all = encode(frozen, dataset, no_cache, 1);
    for (size_t n = 1; n <= 3; n++) {
        adah_parallel_fault_at(n);
        adah_codes some = encode(frozen, dataset, no_cache, 4);
        adah_parallel_fault_at(0);
        expect_same(&all, &some);
        adah_codes_free(&some);
    }
    adah_codes_free(&all);
}

/* ---------------------------------------------------------------- teams */

enum { ITEMS = 500, PIECE = 7 };
typedef struct counting {
    atomic_int n_open, n_worked[ITEMS];
    size_t n_delivered;
    size_t fail_from; /* pieces from this item on fail */
    int fails_in_delivery;
} counting;

static adah_code open_counter(void *context, void **worker, adah_status *status) {
    counting *c = context;
    *worker = adah_memory_alloc(1);
    if (!*worker)
        return adah_fail_memory(status, 1);
    atomic_fetch_add(&c->n_open, 1);
    return ADAH_OK;
}

static void close_counter(void *context, void *worker) {
    counting *c = context;
    atomic_fetch_sub(&c->n_open, 1);
    adah_memory_free(worker);
}

static adah_code work_counter(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    counting *c = context;
    (void)worker;
    assert_int_equal(first % PIECE, 0);
    for (size_t i = first; i < first + n; i++)
        atomic_fetch_add(&c->n_worked[i], 1);
    if (!c->fails_in_delivery && first >= c->fail_from)
        return adah_fail(status, ADAH_ERROR_FORMAT, "piece %zu", first);
    return ADAH_OK;
}

static adah_code deliver_counter(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    counting *c = context;
    (void)worker;
    if (c->fails_in_delivery && first >= c->fail_from)
        return adah_fail(status, ADAH_ERROR_FORMAT, "piece %zu", first);
    assert_int_equal(c->n_delivered, first);
    c->n_delivered += n;
    return ADAH_OK;
}

static void teams_deliver_in_order(void **state) {
    (void)state;
    for (int round = 0; round < 60; round++) {
        counting c = {.fail_from = round % 3 ? (size_t)(round % 3) * 21 * PIECE : ITEMS,
                      .fails_in_delivery = round % 2};
        const adah_team_job job = {ITEMS,        PIECE,        "counting",      &c,
                                   open_counter, work_counter, deliver_counter, close_counter};
        adah_status status;
        adah_set_threads(1 + round % 5);
        const adah_code code = adah_team_run(&job, (adah_progress){0}, &status);
        assert_int_equal(c.n_open, 0);
        if (round % 3) {
            char expected[64];
            snprintf(expected, sizeof expected, "piece %zu", c.fail_from);
            assert_int_equal(code, ADAH_ERROR_FORMAT);
            assert_string_equal(status.message, expected);
            assert_int_equal(c.n_delivered, c.fail_from);
        } else {
            assert_int_equal(code, ADAH_OK);
            assert_int_equal(c.n_delivered, ITEMS);
            for (int i = 0; i < ITEMS; i++)
                assert_int_equal(c.n_worked[i], 1);
        }
    }
    counting none = {0};
    const adah_team_job job = {0, 1, "nothing", &none, open_counter, work_counter, NULL, close_counter};
    assert_int_equal(adah_team_run(&job, (adah_progress){0}, NULL), ADAH_OK);
}

/* What training reads in place of maps: their means, where masks and flat maps ask for no more. */
static void averages_are_those_of_the_maps(void **state) {
    (void)state;
    adah_settings config = frozen->state.config;
    adah_image_store maps, averages;
    adah_status status;
    for (int kept = 0; kept < 3; kept++) {
        config.attention = kept == 1;
        config.pooling = kept == 2 ? ADAH_POOL_FLATTEN : ADAH_POOL_ALL;
        adah_parameters *parameters = (adah_parameters *)&frozen->state.parameters;
        check(adah_image_store_find(dataset, &frozen->state.config, parameters, cache, 0, &maps, &status), &status);
        check(adah_image_store_find(dataset, &frozen->state.config, parameters, cache, 0, &averages, &status), &status);
        assert_int_equal(maps.n, N);
        const size_t *dim = maps.source.shape.item.dim, n_positions = dim[1] * dim[2];
        assert_true(n_positions > 1);
        check(adah_image_store_average(&config, &averages, &status), &status);
        assert_int_equal(averages.source.shape.item.dim[1], kept ? dim[1] : 1);
        for (size_t i = 0; i < N * dim[0] && !kept; i++) {
            double sum = 0;
            for (size_t p = 0; p < n_positions; p++)
                sum += (double)maps.source.rows.value[i * n_positions + p];
            assert_float_equal(averages.source.rows.value[i], sum / (double)n_positions, 1e-6);
        }
        adah_image_store_close(&maps);
        adah_image_store_close(&averages);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(the_cache_is_in_order),
        cmocka_unit_test(a_picture_has_one_code_at_any_place),
        cmocka_unit_test(a_picture_may_be_given_in_three_ways),
        cmocka_unit_test(a_model_keeps_the_form_of_pictures),
        cmocka_unit_test(a_precision_is_no_matter_of_the_model),
        cmocka_unit_test(batches_give_the_same_codes),
        cmocka_unit_test(unreadable_pictures_are_left_out),
        cmocka_unit_test(codes_go_to_files_and_back),
        cmocka_unit_test(tells_and_stops),
        cmocka_unit_test(allocations_that_fail_are_told),
        cmocka_unit_test(a_cache_appears_whole_or_not),
        cmocka_unit_test(goes_on_with_fewer_threads),
        cmocka_unit_test(teams_deliver_in_order),
        cmocka_unit_test(averages_are_those_of_the_maps),
    };
    return cmocka_run_group_tests(tests, start, end);
}
