/* (golden) test_published_golden.c - real files of the field: the Wikipedia benchmark and MIRFLICKR-25K's tags and labels, against
 * figures that an independent reader (scipy) gave. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/npy.h"
#include "data_folder.h"

#include <adah/adah.h>
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

static adah_dataset *convert(const char *const *source, size_t n_sources, const adah_convert_options *options,
                             adah_convert_result *result) {
    char to[512];
    TEMPORARY_PATH(folder, "set", to);
    adah_status status;
    adah_dataset *dataset = NULL;
    if (adah_convert("mat", source, n_sources, to, options, (adah_progress){NULL, NULL}, result, &status) !=
            ADAH_OK ||
        adah_dataset_open(to, NULL, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

static adah_npy open_vectors(const char *name) {
    char path[512];
    TEMPORARY_PATH(folder, name, path);
    adah_npy array;
    assert_int_equal(adah_npy_open(path, ADAH_NPY_FLOAT, &array, NULL), ADAH_OK);
    return array;
}

/* Records of a split that have the label. */
static size_t count(const adah_dataset *dataset, adah_split split, const char *label) {
    size_t n = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        for (size_t k = 0; k < r->n_labels && r->split == split; k++)
            n += strcmp(adah_dataset_label_name(dataset, r->label[k]), label) == 0;
    }
    return n;
}

static void wiki(void **state) {
    (void)state;
    static const size_t n_train[10] = {138, 272, 244, 248, 202, 178, 186, 144, 214, 347};
    static const size_t n_query[10] = {34, 88, 96, 85, 65, 58, 51, 41, 71, 104};
    char path[1024];
    if (!data_folder_shared("data/wiki/wikiData.mat", path))
        skip();
    const char *const source[] = {path};
    adah_convert_result result;
    adah_dataset *dataset = convert(source, 1, NULL, &result);
    assert_int_equal(result.n_records, 2173 + 693);
    assert_int_equal(result.n_labels, 10);
    for (size_t k = 0; k < 10; k++) {
        char label[16];
        snprintf(label, sizeof label, "class-%zu", k + 1);
        assert_int_equal(count(dataset, ADAH_SPLIT_TRAIN, label), n_train[k]);
        assert_int_equal(count(dataset, ADAH_SPLIT_QUERY, label), n_query[k]);
    }
    adah_dataset_close(dataset);
    adah_npy image = open_vectors("set/image.npy"), text = open_vectors("set/text.npy");
    assert_int_equal(image.n_rows, 2866);
    assert_int_equal(image.n_columns, 128);
    assert_int_equal(text.n_columns, 10);
    assert_float_equal(((const float *)image.items)[0], 0.03732304f, 1e-8f);
    assert_float_equal(((const float *)image.items)[1], 0.003861f, 1e-8f);
    assert_float_equal(((const float *)text.items)[2866 * 10 - 1], 0.0488226059654631f, 1e-8f);
    for (int side = 0; side < 2; side++) { /* histograms: every row adds to 1 */
        const adah_npy *a = side ? &text : &image;
        for (size_t i = 0; i < a->n_rows; i++) {
            double sum = 0;
            for (size_t j = 0; j < a->n_columns; j++)
                sum += (double)((const float *)a->items)[i * a->n_columns + j];
            assert_true(fabs(sum - 1) < 1e-5);
        }
    }
    adah_npy_close(&image);
    adah_npy_close(&text);
}

static void mirflickr_tags(void **state) {
    (void)state;
    static const size_t n_pictures[24] = {2647, 179,  644,  986,  3230, 581,  4614, 1554, 813,  6320, 704,  4743,
                                          2243, 7848, 7413, 2740, 811,  1133, 6818, 8463, 1840, 2450, 3981, 2885};
    char words[1024], labels[1024];
    if (!data_folder_shared("data/mirflickr-tags/mirflickr25k-yall.mat", words) ||
        !data_folder_shared("data/mirflickr-tags/mirflickr25k-lall.mat", labels))
        skip();
    const char *const source[] = {words, labels};
    adah_convert_options options;
    adah_convert_options_init(&options);
    options.n_queries = 2000;
    options.n_train = 10000;
    adah_convert_result result;
    adah_dataset *dataset = convert(source, 2, &options, &result);
    assert_int_equal(result.n_records, 20015);
    assert_int_equal(result.n_labels, 24);
    assert_int_equal(result.n_missing, 20015);
    assert_int_equal(result.n_text_values, 1386);
    assert_int_equal(result.n_image_values, 0);
    size_t n_split[3] = {0};
    for (size_t i = 0; i < 20015; i++) {
        n_split[adah_dataset_record(dataset, i)->split]++;
        assert_in_range(adah_dataset_record(dataset, i)->n_labels, 1, 17);
    }
    assert_int_equal(n_split[ADAH_SPLIT_QUERY], 2000);
    assert_int_equal(n_split[ADAH_SPLIT_TRAIN], 10000);
    assert_int_equal(n_split[ADAH_SPLIT_DATABASE], 8015);
    for (size_t k = 0; k < 24; k++) {
        char label[16];
        snprintf(label, sizeof label, "class-%zu", k + 1);
        assert_int_equal(count(dataset, ADAH_SPLIT_TRAIN, label) + count(dataset, ADAH_SPLIT_QUERY, label) +
                             count(dataset, ADAH_SPLIT_DATABASE, label),
                         n_pictures[k]);
    }
    adah_dataset_close(dataset);
    adah_npy array = open_vectors("set/text.npy");
    assert_int_equal(array.n_rows, 20015);
    assert_int_equal(array.n_columns, 1386);
    /* One number in 299 is 1, the others 0; every picture has a tag, at most 57; every tag is used. */
    const float *value = array.items;
    size_t n_ones = 0, n_most = 0, uses[1386] = {0};
    for (size_t i = 0; i < array.n_rows; i++) {
        size_t n = 0;
        for (size_t j = 0; j < array.n_columns; j++) {
            const float v = value[i * array.n_columns + j];
            assert_true(v == 0 || v == 1);
            n += v == 1;
            uses[j] += v == 1;
        }
        assert_true(n >= 1);
        n_ones += n;
        n_most = n > n_most ? n : n_most;
    }
    assert_int_equal(n_ones, 92808);
    assert_int_equal(n_most, 57);
    for (size_t j = 0; j < 1386; j++)
        assert_true(uses[j] >= 14);
    adah_npy_close(&array);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(wiki, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(mirflickr_tags, set_up, tear_down)};
    return cmocka_run_group_tests_name("real files of the field", tests, NULL, NULL);
}
