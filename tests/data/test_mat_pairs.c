/* (unit) test_mat_pairs.c - pairs in .mat files of versions 5 and 7.3: orientation, sparse matrices, pictures inside, file
 * names; and files that are damaged or do not fit together. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/npy.h"
#include "data/image.h"
#include "data/mat_file.h"
#include "data_folder.h"
#include "published_sets.h"

#include <math.h>

static temporary_folder folder;
static char path[512], other[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.mat", path);
    TEMPORARY_PATH(folder, "b.mat", other);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_restore_stderr();
    data_folder_remove(&folder);
    return 0;
}

static const char *inside(const char *name) {
    static char buffer[512];
    TEMPORARY_PATH(folder, name, buffer);
    return buffer;
}

static const adah_progress silent = {NULL, NULL};
static adah_convert_options options;

static adah_code convert(size_t n_files, const char *to, adah_convert_result *result, adah_status *status) {
    const char *const source[] = {path, other};
    return adah_convert("mat", source, n_files, inside(to), &options, silent, result, status);
}

static void assert_fails(size_t n_files, adah_code code, const char *wanted) {
    adah_status status = {0};
    const adah_code found = convert(n_files, "refused", NULL, &status);
    if (found != code || !strstr(status.message, wanted))
        fail_msg("code %d, message \"%s\", expected code %d and \"%s\"", (int)found, status.message, (int)code,
                 wanted);
    assert_int_not_equal(access(inside("refused/metadata.jsonl"), F_OK), 0);
}

static void assert_vectors(const char *name, size_t n_rows, size_t n_columns, const float *wanted) {
    adah_npy array;
    assert_int_equal(adah_npy_open(inside(name), ADAH_NPY_FLOAT, &array, NULL), ADAH_OK);
    assert_int_equal(array.n_rows, n_rows);
    assert_int_equal(array.n_columns, n_columns);
    assert_memory_equal(array.items, wanted, n_rows * n_columns * sizeof *wanted);
    adah_npy_close(&array);
}

/* Record i as "file_name|label,label"; its text is empty. */
static void assert_record(const adah_dataset *dataset, size_t i, const char *wanted) {
    const adah_record *r = adah_dataset_record(dataset, i);
    assert_non_null(r);
    char found[512];
    int n = snprintf(found, sizeof found, "%s|", r->file_name);
    for (size_t k = 0; k < r->n_labels; k++)
        n += snprintf(found + n, sizeof found - (size_t)n, "%s%s", k ? "," : "",
                      adah_dataset_label_name(dataset, r->label[k]));
    assert_string_equal(found, wanted);
    assert_string_equal(r->text, "");
}

static adah_dataset *open_set(const char *name) {
    adah_dataset *dataset;
    assert_int_equal(adah_dataset_open(inside(name), NULL, &dataset, NULL), ADAH_OK);
    return dataset;
}

/* Words and labels of four records: 4 x 2 and 4 x 3, column by column, and the words row by row. */
static const double words[8] = {0, 1, 0, 1, 1, 1, 0, 0};
static const float words_rows[8] = {0, 1, 1, 1, 0, 0, 1, 0};
static const uint8_t labels[12] = {1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0};
static const char *const record_labels[4] = {"class-1", "", "class-2", "class-1,class-2"};

static void put_labels(mat_t *mat) {
    mat_put(mat, "LAll", MAT_C_UINT8, MAT_T_UINT8, 2, (const size_t[]){4, 3}, labels, MAT_COMPRESSION_NONE);
}

static void assert_labels(const char *name, const char *form) {
    adah_dataset *dataset = open_set(name);
    assert_int_equal(adah_dataset_count(dataset), 4);
    for (size_t i = 0; i < 4; i++) {
        char wanted[64];
        int n = snprintf(wanted, 32, form, i + 1);
        snprintf(wanted + n, 32, "|%s", record_labels[i]);
        assert_record(dataset, i, wanted);
    }
    adah_dataset_close(dataset);
}

static const enum mat_ft versions[2] = {MAT_FT_MAT5, MAT_FT_MAT73};

/* ---------------------------------------------------------------- words and labels */

static void words_and_labels(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        mat_t *mat = mat_create(path, versions[k]);
        put_labels(mat);
        mat_put_doubles(mat, "YAll", 4, 2, words);
        Mat_Close(mat);
        const char *name = k ? "set73" : "set5";
        adah_convert_result result;
        assert_int_equal(convert(1, name, &result, NULL), ADAH_OK);
        assert_int_equal(result.n_records, 4);
        assert_int_equal(result.n_missing, 4);
        assert_int_equal(result.n_text_values, 2);
        assert_int_equal(result.n_image_values, 0);
        char vectors[64];
        snprintf(vectors, sizeof vectors, "%s/text.npy", name);
        assert_vectors(vectors, 4, 2, words_rows);
        assert_labels(name, "%05zu");
    }
}

/* Sparse words, one file a variable, records as columns, labels as numbers of classes. */
static void sparse_and_transposed(void **state) {
    (void)state;
    static const double values[3] = {5, 6, 7}, classes[4] = {3, 0, 3, 10};
    mat_uint32_t row[3] = {1, 0, 1}, column[5] = {0, 1, 1, 3, 3};
    static const float wanted[8] = {0, 5, 0, 0, 6, 7, 0, 0};
    for (int k = 0; k < 2; k++) {
        mat_sparse_t sparse = {
            .nzmax = 3, .ir = row, .nir = 3, .jc = column, .njc = 5, .ndata = 3, .data = (void *)(uintptr_t)values};
        mat_t *mat = mat_create(path, versions[k]);
        mat_put(mat, "YAll", MAT_C_SPARSE, MAT_T_DOUBLE, 2, (const size_t[]){2, 4}, &sparse,
                k ? MAT_COMPRESSION_NONE : MAT_COMPRESSION_ZLIB);
        Mat_Close(mat);
        mat = mat_create(other, versions[!k]);
        mat_put_doubles(mat, "LAll", 1, 4, classes);
        Mat_Close(mat);
        const char *name = k ? "set73" : "set5";
        assert_int_equal(convert(2, name, NULL, NULL), ADAH_OK);
        char vectors[64];
        snprintf(vectors, sizeof vectors, "%s/text.npy", name);
        assert_vectors(vectors, 4, 2, wanted);
        adah_dataset *dataset = open_set(name);
        assert_record(dataset, 0, "00001|class-3");
        assert_record(dataset, 1, "00002|class-0");
        assert_record(dataset, 3, "00004|class-10");
        adah_dataset_close(dataset);
    }
}

static void put_shallow(const char *to, double first_label, size_t n_test_words) {
    static const double image[6] = {1, 2, 3, 4, 5, 6}, text[3] = {7, 8, 9}, test_image[2] = {10, 11}, zero[8] = {0};
    const double label[3] = {first_label, 2, 1};
    mat_t *mat = mat_create(to, MAT_FT_MAT5);
    mat_put_doubles(mat, "I_tr", 3, 2, image);
    mat_put_doubles(mat, "T_tr", 1, 3, text); /* a column a record */
    mat_put_doubles(mat, "L_tr", 3, 1, label);
    mat_put_doubles(mat, "I_te", 1, 2, test_image);
    mat_put_doubles(mat, "T_te", 1, n_test_words, zero);
    mat_put_doubles(mat, "L_te", 1, 1, label + 1);
    Mat_Close(mat);
}

static void shallow(void **state) {
    (void)state;
    static const float image[8] = {1, 4, 2, 5, 3, 6, 10, 11}, text[4] = {7, 8, 9, 0};
    adah_convert_result result;
    put_shallow(path, 5, 1);
    assert_int_equal(convert(1, "set", &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 4);
    assert_int_equal(result.n_labels, 3);
    assert_int_equal(result.n_image_values, 2);
    assert_int_equal(result.n_text_values, 1);
    assert_vectors("set/image.npy", 4, 2, image);
    assert_vectors("set/text.npy", 4, 1, text);
    adah_dataset *dataset = open_set("set");
    assert_record(dataset, 0, "00001|class-5");
    assert_record(dataset, 3, "00004|class-2");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(adah_dataset_record(dataset, i)->split, i < 3 ? ADAH_SPLIT_TRAIN : ADAH_SPLIT_QUERY);
    adah_dataset_close(dataset);
    put_shallow(path, 1.5, 1);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: L_tr of record 1 is 1.5, expected a whole number");
    put_shallow(path, 1, 2);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: T_te has 2 numbers a record, expected 1 as T_tr");
}

/* ---------------------------------------------------------------- images */

static void image_vectors_and_names(void **state) {
    (void)state;
    static const float vectors[12] = {1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12};
    static const float single[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const char *const name[4] = {"im1.jpg", "b\\im2.jpg", "im\xc3\xa4.jpg", "im4.jpg"};
    static const uint16_t wide[] = {'i', 'm', 0xe4, '.', 'j', 'p', 'g'};
    for (int k = 0; k < 2; k++) {
        mat_t *mat = mat_create(path, versions[k]);
        put_labels(mat);
        mat_put_doubles(mat, "YAll", 4, 2, words);
        mat_put(mat, "IAll", MAT_C_SINGLE, MAT_T_SINGLE, 2, (const size_t[]){4, 3}, single, MAT_COMPRESSION_ZLIB);
        matvar_t *cell[5] = {NULL}, *nested[2] = {NULL};
        for (int i = 0; i < 4; i++) {
            size_t size[2] = {1, i == 2 ? 7 : strlen(name[i])};
            cell[i] = i == 2 ? Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF16, 2, size, (void *)(uintptr_t)wide, 0)
                             : Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF8, 2, size, (void *)(uintptr_t)name[i], 0);
        }
        nested[0] = cell[3];
        cell[3] = Mat_VarCreate(NULL, MAT_C_CELL, MAT_T_CELL, 2, (size_t[]){1, 1}, nested, 0);
        mat_put(mat, "FAll", MAT_C_CELL, MAT_T_CELL, 2, (const size_t[]){4, 1}, cell, MAT_COMPRESSION_NONE);
        Mat_Close(mat);
        data_folder_put(inside("photos"), "b/im2.jpg", "");
        char photos[512];
        snprintf(photos, sizeof photos, "%s", inside("photos"));
        options.images = photos;
        const char *to = k ? "set73" : "set5";
        adah_convert_result result;
        adah_status status;
        if (convert(1, to, &result, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        options.images = NULL;
        assert_int_equal(result.n_missing, 3);
        char file[64];
        snprintf(file, sizeof file, "%s/image.npy", to);
        assert_vectors(file, 4, 3, vectors);
        adah_dataset *dataset = open_set(to);
        assert_record(dataset, 0, "images/im1.jpg|class-1");
        assert_record(dataset, 1, "images/b/im2.jpg|");
        assert_record(dataset, 2, "images/im\xc3\xa4.jpg|class-2");
        assert_record(dataset, 3, "images/im4.jpg|class-1,class-2");
        adah_dataset_close(dataset);
    }
}

enum { N_HIGH = 2, N_WIDE = 5 };

/* What pixel (y, x) of channel c in picture i is. */
static uint8_t pixel(size_t i, size_t c, size_t y, size_t x) { return (uint8_t)(50 * i + 20 * c + 7 * y + 2 * x); }

static void assert_pictures(const char *name) {
    for (size_t i = 0; i < 4; i++) {
        char file[600];
        snprintf(file, sizeof file, "%s/images/%05zu.png", inside(name), i + 1);
        adah_picture picture;
        assert_int_equal(adah_image_load_thumbnail(file, N_WIDE, &picture, NULL), ADAH_OK);
        assert_int_equal(picture.n_width, N_WIDE);
        assert_int_equal(picture.n_height, N_HIGH);
        for (size_t y = 0; y < N_HIGH; y++)
            for (size_t x = 0; x < N_WIDE; x++)
                for (size_t c = 0; c < 3; c++)
                    assert_int_equal(picture.rgb[(y * N_WIDE + x) * 3 + c], pixel(i, c, y, x));
        free(picture.rgb);
    }
}

/* Pictures in all orders: the sizes say which dimension is which. */
static void pictures_inside(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t place[4]; /* of i, c, y, x among the dimensions */
    } orders[] = {
        {"IAll", {0, 1, 2, 3}}, {"images", {3, 2, 0, 1}}, {"images", {0, 3, 1, 2}}, {"images", {3, 0, 1, 2}}};
    static const size_t size[4] = {4, 3, N_HIGH, N_WIDE};
    for (int k = 0; k < 8; k++) {
        uint8_t bytes[4 * 3 * N_HIGH * N_WIDE];
        size_t dimension[4], stride[4], n = 1;
        const size_t *place = orders[k / 2].place;
        for (size_t j = 0; j < 4; j++)
            dimension[place[j]] = size[j];
        for (size_t d = 0; d < 4; d++) {
            for (size_t j = 0; j < 4; j++)
                if (place[j] == d)
                    stride[j] = n;
            n *= dimension[d];
        }
        for (size_t i = 0; i < 4; i++)
            for (size_t c = 0; c < 3; c++)
                for (size_t y = 0; y < N_HIGH; y++)
                    for (size_t x = 0; x < N_WIDE; x++)
                        bytes[i * stride[0] + c * stride[1] + y * stride[2] + x * stride[3]] = pixel(i, c, y, x);
        mat_t *mat = mat_create(path, versions[k % 2]);
        put_labels(mat);
        mat_put_doubles(mat, "YAll", 4, 2, words);
        mat_put(mat, orders[k / 2].name, MAT_C_UINT8, MAT_T_UINT8, 4, dimension, bytes,
                k / 2 % 2 ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE);
        Mat_Close(mat);
        char to[16];
        snprintf(to, sizeof to, "set%d", k);
        adah_convert_result result;
        assert_int_equal(convert(1, to, &result, NULL), ADAH_OK);
        assert_int_equal(result.n_missing, 0);
        assert_labels(to, "images/%05zu.png");
        assert_pictures(to);
    }
    options.images = folder.path;
    assert_fails(1, ADAH_ERROR_ARGUMENT, "holds the pictures itself (images)");
    options.images = NULL;
}

/* Parts along the first and the last dimension. */
static void parts(void **state) {
    (void)state;
    static const size_t size[4] = {4, 3, 2, 5};
    uint8_t bytes[120], part[120];
    for (int i = 0; i < 120; i++)
        bytes[i] = (uint8_t)i;
    for (int k = 0; k < 4; k++) {
        mat_t *mat = mat_create(path, versions[k % 2]);
        mat_put(mat, "a", MAT_C_UINT8, MAT_T_UINT8, 4, size, bytes,
                k / 2 ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE);
        Mat_Close(mat);
        adah_mat_file *file;
        assert_int_equal(adah_mat_file_open(path, &file, NULL), ADAH_OK);
        assert_int_equal(adah_mat_file_read_bytes(file, "a", 3, 2, 2, part, NULL), ADAH_OK);
        assert_memory_equal(part, bytes + 48, 48);
        assert_int_equal(adah_mat_file_read_bytes(file, "a", 0, 1, 2, part, NULL), ADAH_OK);
        for (size_t i = 0; i < 60; i++)
            assert_int_equal(part[i], i / 2 * 4 + 1 + i % 2);
        adah_mat_file_close(file);
    }
}

/* ---------------------------------------------------------------- faults */

static void put_pair(const char *name, size_t n_rows, size_t n_columns, const double *data, enum mat_ft version) {
    mat_t *mat = mat_create(path, version);
    put_labels(mat);
    mat_put_doubles(mat, name, n_rows, n_columns, data);
    Mat_Close(mat);
}

static void does_not_fit(void **state) {
    (void)state;
    static const double six[6] = {0};
    double bad[8];
    put_pair("XAll", 4, 2, words, MAT_FT_MAT5);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: no variable YAll; expected YAll and LAll, or I_tr, T_tr");
    put_pair("I_tr", 4, 2, words, MAT_FT_MAT5);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: no variable T_tr;");
    put_pair("YAll", 6, 1, six, MAT_FT_MAT5);
    assert_fails(1, ADAH_ERROR_FORMAT,
                 "a.mat: the variables have no number of records in common: YAll 6 x 1, LAll 4 x 3");
    memcpy(bad, words, sizeof bad);
    bad[6] = (double)NAN;
    put_pair("YAll", 4, 2, bad, MAT_FT_MAT73);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: YAll(3, 2) is not a finite number");
    bad[6] = 1e300;
    put_pair("YAll", 4, 2, bad, MAT_FT_MAT5);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: YAll(3, 2) is not a finite number");
    mat_t *mat = mat_create(path, MAT_FT_MAT5);
    mat_put_doubles(mat, "YAll", 4, 2, words);
    bad[6] = 2;
    mat_put_doubles(mat, "LAll", 4, 2, bad);
    Mat_Close(mat);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: label 2 of record 3 in LAll is 2, expected 0 or 1");
    mat = mat_create(path, MAT_FT_MAT5);
    put_labels(mat);
    mat_put(mat, "YAll", MAT_C_CHAR, MAT_T_UTF8, 2, (const size_t[]){4, 1}, "abcd", MAT_COMPRESSION_NONE);
    Mat_Close(mat);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: YAll is not a matrix of real numbers");
    /* Pictures of another count, of other channels, of another type; names that are too few. */
    static const uint8_t bytes[96] = {0};
    static const struct {
        const char *name;
        enum matio_classes class_type;
        enum matio_types type;
        size_t dimension[4];
        const char *wanted;
    } cases[] = {
        {"images",
         MAT_C_UINT8,
         MAT_T_UINT8,
         {5, 3, 2, 2},
         "no number of records in common: YAll 4 x 2, LAll 4 x 3, images 5 x ... x 2"},
        {"images",
         MAT_C_UINT8,
         MAT_T_UINT8,
         {4, 2, 2, 2},
         "images is 4 x 2 x 2 x 2, expected 4 pictures with 3 channels"},
        {"images", MAT_C_INT8, MAT_T_INT8, {4, 3, 2, 2}, "images holds no numbers of type uint8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_pair("YAll", 4, 2, words, MAT_FT_MAT5);
        mat = mat_create(other, MAT_FT_MAT5);
        mat_put(mat, cases[i].name, cases[i].class_type, cases[i].type, 4, cases[i].dimension, bytes,
                MAT_COMPRESSION_NONE);
        Mat_Close(mat);
        assert_fails(2, ADAH_ERROR_FORMAT, cases[i].wanted);
    }
    matvar_t *same[5] = {NULL};
    matvar_t *cell[2] = {
        Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF8, 2, (size_t[]){1, 5}, (void *)(uintptr_t) "a.jpg", 0), NULL};
    mat = mat_create(other, MAT_FT_MAT5);
    mat_put(mat, "FAll", MAT_C_CELL, MAT_T_CELL, 2, (const size_t[]){1, 1}, cell, MAT_COMPRESSION_NONE);
    Mat_Close(mat);
    assert_fails(2, ADAH_ERROR_FORMAT, "b.mat: FAll has 1 names, expected 4");
    for (int i = 0; i < 4; i++)
        same[i] = Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF8, 2, (size_t[]){1, 5}, (void *)(uintptr_t) "a.jpg", 0);
    mat = mat_create(other, MAT_FT_MAT5);
    mat_put(mat, "FAll", MAT_C_CELL, MAT_T_CELL, 2, (const size_t[]){1, 4}, same, MAT_COMPRESSION_NONE);
    Mat_Close(mat);
    assert_fails(2, ADAH_ERROR_FORMAT, "picture \"images/a.jpg\" was seen before, expected each once");
    mat = mat_create(other, MAT_FT_MAT5);
    mat_put_doubles(mat, "FAll", 4, 2, words);
    Mat_Close(mat);
    assert_fails(2, ADAH_ERROR_FORMAT, "b.mat: FAll is not a cell array of strings");
}

static void write_cut(const char *bytes, size_t n_bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static enum mat_ft cut_version;

/* A file cut anywhere is refused, or lacks a variable; never a crash, and matio and HDF5 keep quiet. */
static void cut_files(void) {
    put_pair("YAll", 4, 2, words, cut_version);
    size_t n;
    char *bytes = data_folder_read(folder.path, "a.mat", &n);
    const size_t step = cut_version == MAT_FT_MAT5 ? 7 : 197;
    for (size_t cut = 0; cut < n; cut += step) {
        adah_status status = {0};
        write_cut(bytes, cut);
        const adah_code code = convert(1, "refused", NULL, &status);
        if (!adah_is_bad_content(code) || !strstr(status.message, "a.mat"))
            fail_msg("%zu of %zu bytes: code %d, \"%s\"", cut, n, (int)code, status.message);
    }
    free(bytes);
}

static void truncated(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        cut_version = versions[k];
        assert_int_equal(data_folder_stderr_of(cut_files), 0);
    }
    write_cut("not a .mat file", 15);
    assert_fails(1, ADAH_ERROR_FORMAT, "a.mat: not a .mat file of MATLAB 5 to 7.3");
    unlink(path);
    assert_fails(1, ADAH_ERROR_NOT_FOUND, "a.mat: cannot open");
}

/* Indices of a sparse matrix that lead outside. */
static void damaged_sparse(void **state) {
    (void)state;
    static const double values[3] = {5, 6, 7};
    static const struct {
        mat_uint32_t row[3], column[5];
    } cases[] = {{{1, 0, 2}, {0, 1, 1, 3, 3}},
                 {{1, 0, 1}, {0, 3, 1, 3, 3}},
                 {{1, 0, 1}, {0, 1, 1, 9, 9}},
                 {{1, 0, 1}, {1, 1, 1, 3, 3}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mat_uint32_t row[3], column[5];
        memcpy(row, cases[i].row, sizeof row);
        memcpy(column, cases[i].column, sizeof column);
        mat_sparse_t sparse = {
            .nzmax = 3, .ir = row, .nir = 3, .jc = column, .njc = 5, .ndata = 3, .data = (void *)(uintptr_t)values};
        mat_t *mat = mat_create(path, MAT_FT_MAT5);
        put_labels(mat);
        mat_put(mat, "YAll", MAT_C_SPARSE, MAT_T_DOUBLE, 2, (const size_t[]){2, 4}, &sparse, MAT_COMPRESSION_NONE);
        Mat_Close(mat);
        assert_fails(1, ADAH_ERROR_CORRUPT, "a.mat: the indices of the sparse matrix YAll are damaged");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    adah_convert_options_init(&options);
    const struct CMUnitTest tests[] = {
        TEST(words_and_labels),
        TEST(sparse_and_transposed),
        TEST(shallow),
        TEST(image_vectors_and_names),
        TEST(pictures_inside),
        TEST(does_not_fit),
        TEST(truncated),
        TEST(damaged_sparse),
        TEST(parts),
    };
    return cmocka_run_group_tests_name("pairs in .mat files", tests, NULL, NULL);
}
