/* (unit) test_scene.c - generated scenes: the same for a seed, masks that fit the pictures, labels and captions that agree.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "data/image.h"
#include "data_folder.h"

#include <jansson.h>
#include <math.h>

static temporary_folder folder;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static const char *inside(const char *name) {
    static char path[2][512];
    static int turn;
    turn = !turn;
    TEMPORARY_PATH(folder, name, path[turn]);
    return path[turn];
}

static void write_scenes(const char *name, size_t n_scenes, uint64_t seed) {
    adah_synth_options options;
    adah_synth_options_init(&options);
    options.n_scenes = n_scenes;
    options.seed = seed;
    adah_status status = {0};
    if (adah_synth_write(inside(name), &options, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void read_picture(const char *set, const char *name, adah_picture *picture) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", inside(set), name);
    assert_int_equal(adah_image_load_thumbnail(path, 64, picture, NULL), ADAH_OK);
    assert_int_equal(picture->n_width, 64);
    assert_int_equal(picture->n_height, 64);
}

static int files_differ(const char *a, const char *b, const char *name) {
    size_t n_a, n_b;
    char *x = data_folder_read(inside(a), name, &n_a), *y = data_folder_read(inside(b), name, &n_b);
    int differ = n_a != n_b || memcmp(x, y, n_a) != 0;
    free(x);
    free(y);
    return differ;
}

static void same_for_a_seed(void **state) {
    (void)state;
    static const char *const names[] = {"metadata.jsonl", "images/scene-00001.png", "images/scene-00040.png",
                                        "masks/scene-00001.png", "masks/scene-00040.png"};
    adah_parallel_set_threads(1);
    write_scenes("one", 40, 7);
    adah_parallel_set_threads(3);
    write_scenes("three", 40, 7);
    adah_parallel_set_threads(0);
    write_scenes("other", 40, 8);
    for (size_t i = 0; i < 5; i++) {
        assert_false(files_differ("one", "three", names[i]));
        assert_true(files_differ("one", "other", names[i]));
    }
}

/* The pixels of a seed, whatever the machine and compiler. */
static void same_on_every_machine(void **state) {
    (void)state;
    write_scenes("set", 8, 0);
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (int i = 1; i <= 8; i++)
        for (int k = 0; k < 2; k++) {
            char name[64];
            adah_picture picture;
            snprintf(name, sizeof name, "%s/scene-%05d.png", k ? "masks" : "images", i);
            read_picture("set", name, &picture);
            for (size_t p = 0; p < 64 * 64 * 3; p++)
                sum = (sum ^ picture.rgb[p]) * 1099511628211u;
            adah_memory_free(picture.rgb);
        }
    assert_int_equal(sum, 0xe1892e5a74414201u);
}

static void opens_as_data_set(void **state) {
    (void)state;
    write_scenes("set", 200, 1);
    adah_dataset *dataset;
    adah_dataset_options strict = {.size = sizeof strict, .strict = 1, .sources = ADAH_SOURCES_ALL};
    assert_int_equal(adah_dataset_open(inside("set"), &strict, &dataset, NULL), ADAH_OK);
    assert_int_equal(adah_dataset_count(dataset), 200);
    assert_int_equal(adah_dataset_label_count(dataset), 12);
    size_t n_queries = 0, n_relevant = 0, n_pairs = 0, n_of[4] = {0};
    for (size_t i = 0; i < 200; i++) {
        const adah_record *a = adah_dataset_record(dataset, i);
        n_queries += a->split == ADAH_SPLIT_QUERY;
        assert_int_not_equal(a->split, ADAH_SPLIT_DATABASE);
        assert_in_range(a->n_labels, 1, 3);
        n_of[a->n_labels]++;
        for (size_t k = 0; k < i; k++, n_pairs++) {
            const adah_record *b = adah_dataset_record(dataset, k);
            int shared = 0;
            for (size_t p = 0; p < a->n_labels; p++)
                for (size_t q = 0; q < b->n_labels; q++)
                    shared |= a->label[p] == b->label[q];
            n_relevant += (size_t)shared;
        }
    }
    assert_int_equal(n_queries, 30);
    assert_in_range(100 * n_relevant / n_pairs, 10, 30); /* neither trivial nor hopeless */
    assert_true(n_of[1] > 100 && n_of[2] > 25 && n_of[3] > 2);
    adah_dataset_close(dataset);
}

/* Inside the mask of a scene with one object, its colour prevails. */
static void masks_fit_pictures(void **state) {
    (void)state;
    write_scenes("set", 80, 2);
    size_t n_bytes, n_single = 0;
    char *metadata = data_folder_read(inside("set"), "metadata.jsonl", &n_bytes), *rest = metadata;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        json_t *record = json_loads(line, 0, NULL), *labels = json_object_get(record, "labels");
        adah_picture image, mask;
        read_picture("set", json_string_value(json_object_get(record, "file_name")), &image);
        read_picture("set", json_string_value(json_object_get(record, "mask")), &mask);
        size_t n_inside = 0, sum[3] = {0};
        for (size_t p = 0; p < 64 * 64; p++) {
            assert_true(mask.rgb[p * 3] == 0 || mask.rgb[p * 3] == 255);
            if (mask.rgb[p * 3] == 0)
                continue;
            n_inside++;
            for (size_t k = 0; k < 3; k++)
                sum[k] += image.rgb[p * 3 + k];
        }
        assert_in_range(n_inside, 20, 64 * 64 / 2);
        const char *kind = json_string_value(json_array_get(labels, 0));
        if (json_array_size(labels) == 1 && strstr(kind, "red "))
            assert_true(sum[0] > 2 * sum[1] || sum[0] > sum[1] + n_inside * 20);
        if (json_array_size(labels) == 1 && strstr(kind, "blue "))
            assert_true(sum[2] > sum[0] + n_inside * 20);
        n_single += json_array_size(labels) == 1;
        adah_memory_free(image.rgb);
        adah_memory_free(mask.rgb);
        json_decref(record);
    }
    free(metadata);
    assert_true(n_single > 20);
}

/* A caption has a word for a shape that is there, and none for one that is not. */
static void captions_tell_the_truth(void **state) {
    (void)state;
    static const char *const shape[6][3] = {{"disc", "circle", "ball"},       {"square", "box", "block"},
                                            {"triangle", "wedge", "pyramid"}, {"ring", "hoop", "loop"},
                                            {"cross", "plus", "crossing"},    {"star", "pentagram", "starlet"}};
    write_scenes("set", 120, 3);
    adah_dataset *dataset;
    assert_int_equal(adah_dataset_open(inside("set"), NULL, &dataset, NULL), ADAH_OK);
    size_t n_missing = 0;
    for (size_t i = 0; i < 120; i++) {
        const adah_record *record = adah_dataset_record(dataset, i);
        char text[1024];
        snprintf(text, sizeof text, " %s ", record->text);
        size_t n_named = 0;
        for (size_t s = 0; s < 6; s++) {
            int named = 0, present = 0;
            for (size_t k = 0; k < 3; k++) {
                char word[32];
                snprintf(word, sizeof word, " %s ", shape[s][k]);
                named |= strstr(text, word) != NULL;
            }
            for (size_t k = 0; k < record->n_labels; k++)
                present |= strstr(adah_dataset_label_name(dataset, record->label[k]), shape[s][0]) != NULL;
            assert_true(present || !named);
            n_missing += (size_t)(present && !named);
            n_named += (size_t)named;
        }
        assert_true(n_named > 0);
    }
    assert_in_range(n_missing, 2, 40);
    adah_dataset_close(dataset);
}

static void refuses_bad_arguments(void **state) {
    (void)state;
    adah_status status;
    adah_synth_options options;
    adah_synth_options_init(&options);
    options.n_scenes = 0;
    assert_int_equal(adah_synth_write(inside("x"), &options, &status), ADAH_ERROR_ARGUMENT);
    assert_string_equal(status.message, "0 scenes, expected 1..1000000");
    adah_synth_options_init(&options);
    options.n_side = 8;
    assert_int_equal(adah_synth_write(inside("x"), &options, &status), ADAH_ERROR_ARGUMENT);
    assert_string_equal(status.message, "scenes of 8 pixels a side, expected 16..1024");
    const double shares[] = {-0.1, 1, 7, NAN};
    for (size_t i = 0; i < 4; i++) {
        adah_synth_options_init(&options);
        options.query_share = shares[i];
        assert_int_equal(adah_synth_write(inside("x"), &options, &status), ADAH_ERROR_ARGUMENT);
    }
    assert_int_equal(adah_synth_write(NULL, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(temporary_folder_count(&folder), 0);

    data_folder_put(folder.path, "file", "");
    adah_synth_options_init(&options);
    assert_int_equal(adah_synth_write(inside("file/set"), &options, &status), ADAH_ERROR_IO);

    /* one scene cannot be a query: something must be left to train on */
    options.n_scenes = 1;
    options.query_share = 0.9;
    assert_int_equal(adah_synth_write(inside("one"), &options, NULL), ADAH_OK);
    adah_dataset *dataset;
    assert_int_equal(adah_dataset_open(inside("one"), NULL, &dataset, NULL), ADAH_OK);
    assert_int_equal(adah_dataset_record(dataset, 0)->split, ADAH_SPLIT_TRAIN);
    adah_dataset_close(dataset);
    assert_int_equal(adah_synth_write(inside("one"), &options, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "a data set is there already"));
    data_folder_put(folder.path, "photos/metadata.csv", "file_name\n");
    assert_int_equal(adah_synth_write(inside("photos"), &options, &status), ADAH_ERROR_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(same_for_a_seed),    TEST(same_on_every_machine),   TEST(opens_as_data_set),
        TEST(masks_fit_pictures), TEST(captions_tell_the_truth), TEST(refuses_bad_arguments),
    };
    return cmocka_run_group_tests_name("scene", tests, NULL, NULL);
}
