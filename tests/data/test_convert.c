/* (unit) test_convert.c - data sets of the field in the layouts they are published in: what becomes a record, split, links,
 * and what is said of files that are wrong. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data_folder.h"
#include "published_sets.h"

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
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    TEMPORARY_PATH(folder, name, path[turn]);
    return path[turn];
}

static const adah_progress silent = {NULL, NULL};

static adah_code convert(const char *format, const char *from, const char *to, const adah_convert_options *options,
                         adah_convert_result *result, adah_status *status) {
    const char *const source[] = {inside(from)};
    return adah_convert(format, source, 1, inside(to), options, silent, result, status);
}

static adah_dataset *open_set(const char *name) {
    const adah_dataset_options strict = {.size = sizeof strict, .strict = 1, .sources = ADAH_SOURCES_ALL};
    adah_dataset *dataset;
    adah_status status;
    if (adah_dataset_open(inside(name), &strict, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

/* The record as "file_name|text|label,label|split"; labels in the order of their numbers. */
static void assert_record(const adah_dataset *dataset, size_t i, const char *wanted) {
    static const char *const split[] = {
        [ADAH_SPLIT_TRAIN] = "train", [ADAH_SPLIT_QUERY] = "query", [ADAH_SPLIT_DATABASE] = "database"};
    const adah_record *r = adah_dataset_record(dataset, i);
    assert_non_null(r);
    char found[1024];
    int n = snprintf(found, sizeof found, "%s|%s|", r->file_name, r->text);
    for (size_t k = 0; k < r->n_labels; k++)
        n += snprintf(found + n, sizeof found - (size_t)n, "%s%s", k ? "," : "",
                      adah_dataset_label_name(dataset, r->label[k]));
    snprintf(found + n, sizeof found - (size_t)n, "|%s", split[r->split]);
    assert_string_equal(found, wanted);
}

/* The conversion fails with that code and a message that holds `wanted`, and leaves no data set. */
static void assert_fails(const char *format, const char *from, const adah_convert_options *options, adah_code code,
                         const char *wanted) {
    adah_status status = {0};
    adah_convert_result result = {.n_records = 77};
    const adah_code found = convert(format, from, "refused", options, &result, &status);
    if (found != code || !strstr(status.message, wanted))
        fail_msg("code %d, message \"%s\", expected code %d and \"%s\"", (int)found, status.message, (int)code,
                 wanted);
    assert_int_equal(result.n_records, 77);
    assert_int_not_equal(access(inside("refused/metadata.jsonl"), F_OK), 0);
}

/* All records in the training split, so that they can be told apart by what is in them alone. */
static void make_all_train(const char *to) {
    size_t n;
    char *text = data_folder_read(inside(to), "metadata.jsonl", &n);
    for (char *p = text; (p = strstr(p, "\"query\""));)
        memcpy(p, "\"train\"", 7);
    data_folder_write(inside(to), "metadata.jsonl", text, n);
    free(text);
}

/* ---------------------------------------------------------------- formats */

static void mirflickr(void **state) {
    (void)state;
    put_mirflickr(folder.path);
    adah_convert_result result;
    assert_int_equal(convert("mirflickr", "mirflickr", "set", NULL, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 3);
    assert_int_equal(result.n_labels, 2);
    assert_int_equal(result.n_left_out, 3);
    assert_int_equal(result.n_missing, 1); /* im6.jpg */
    assert_int_equal(result.n_text_values + result.n_image_values, 0);
    make_all_train("set");
    adah_dataset *dataset = open_set("set");
    assert_int_equal(adah_dataset_count(dataset), 3);
    assert_record(dataset, 0, "images/im1.jpg|sky blue|animals,sky|train");
    assert_record(dataset, 1, "images/im4.jpg|sea sky|animals|train");
    assert_record(dataset, 2, "images/im6.jpg|caf\xc3\xa9|sky|train");
    adah_dataset_close(dataset);
    assert_int_equal(access(inside("set/images/im4.jpg"), R_OK), 0);
    char target[1024];
    assert_true(readlink(inside("set/images"), target, sizeof target) > 0);
    assert_int_equal(target[0], '/');
}

static void mirflickr_faults(void **state) {
    (void)state;
    static const char tags[] = "mirflickr/doc/common_tags.txt", sky[] = "mirflickr25k_annotations_v080/sky.txt";
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_NOT_FOUND, "no meta/tags/tags1.txt there");
    put_mirflickr(folder.path);
    data_folder_put(folder.path, tags, "sky 845\nblue\n");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT,
                 "common_tags.txt:2: found \"blue\", expected a tag and its count");
    data_folder_put(folder.path, tags, "sky many\n");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT, "common_tags.txt:1: found \"sky many\"");
    data_folder_put(folder.path, tags, "sky 19\n");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT, "no tag with a count of 20 or more");
    data_folder_write(folder.path, tags, "sky\0 20\n", 8);
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT, "common_tags.txt: byte 3 is 0");
    put_mirflickr(folder.path);
    data_folder_put(folder.path, sky, "1\n7\n");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT,
                 "sky.txt:2: found \"7\", expected the number of a picture, 1 to 6");
    data_folder_put(folder.path, sky, "1\n\n0\n");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT, "sky.txt:3: found \"0\"");
    data_folder_put(folder.path, sky, "99999999999999999999999\n");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT, "sky.txt:1: found \"999");
    data_folder_put(folder.path, sky, "");
    data_folder_put(folder.path, "mirflickr25k_annotations_v080/animals.txt", "");
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_FORMAT, "none of the 6 records has a label and a text");
    assert_int_equal(rename(inside("mirflickr25k_annotations_v080"), inside("elsewhere")), 0);
    assert_fails("mirflickr", "mirflickr", NULL, ADAH_ERROR_NOT_FOUND, "mirflickr25k_annotations_v080");
    /* Named, it may lie anywhere. */
    data_folder_put(folder.path, "elsewhere/sky.txt", "1\n4\n");
    const char *const both[] = {inside("mirflickr"), inside("elsewhere")};
    adah_convert_result result;
    assert_int_equal(adah_convert("mirflickr", both, 2, inside("set"), NULL, silent, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 2);
}

static void nus_wide(void **state) {
    (void)state;
    put_nus_wide(inside("nus"));
    put_nus_wide_split(inside("nus"));
    adah_convert_options options;
    adah_convert_options_init(&options);
    options.n_concepts = 2;
    adah_convert_result result;
    assert_int_equal(convert("nus-wide", "nus", "set", &options, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 3);
    assert_int_equal(result.n_labels, 2);
    assert_int_equal(result.n_left_out, 2);
    assert_int_equal(result.n_missing, 2);
    adah_dataset *dataset = open_set("set");
    assert_record(dataset, 0, "images/actor/0001_11.jpg|nature red|animal|train");
    assert_record(dataset, 1, "images/actor/0002_12.jpg|sky|animal,beach|database");
    assert_record(dataset, 2, "images/zebra/0002_15.jpg|sky red|animal|query");
    adah_dataset_close(dataset);

    /* All concepts; a path with a drive; a split that is asked for goes before the official one. */
    options.n_concepts = 21;
    options.n_queries = 3;
    assert_int_equal(convert("nus-wide", "nus", "all", &options, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_labels, 4);
    assert_int_equal(result.n_records, 4);
    make_all_train("all");
    dataset = open_set("all");
    assert_record(dataset, 0, "images/actor/0001_11.jpg|nature red|airport,animal|train");
    assert_record(dataset, 2, "images/zebra/0001_14.jpg|nature sky red|zebra|train");
    adah_dataset_close(dataset);
    data_folder_put(inside("nus"), "NUS_WID_Tags/AllTags1k.txt",
                    "1 0 1\n0 1 0\n0 0 1\n1 1 1\n0 1 1\n\n"); /* blanks will do */
    options.images = inside("nus/Flickr");
    assert_int_equal(convert("nus-wide", "nus", "five", &options, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 5);
    make_all_train("five");
    dataset = open_set("five");
    assert_record(dataset, 2, "images/beach/0001_13.jpg|red|beach|train");
    adah_dataset_close(dataset);
}

static void nus_wide_faults(void **state) {
    (void)state;
    static const char tags[] = "NUS_WID_Tags/AllTags1k.txt", animal[] = "Groundtruth/AllLabels/Labels_animal.txt";
    const char *nus = inside("nus");
    char root[512];
    snprintf(root, sizeof root, "%s", nus);
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_NOT_FOUND, "ImageList/Imagelist.txt: cannot open");
    put_nus_wide(root);
    data_folder_put(root, animal, "1\n1\n0\n0\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "Labels_animal.txt: 4 lines, expected 5");
    data_folder_put(root, animal, "1\n1\n0\n0\n1\n1\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "Labels_animal.txt: 6 lines or more, expected 5");
    data_folder_put(root, animal, "1\n1\n2\n0\n1\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "Labels_animal.txt:3: found \"2\", expected 0 or 1");
    assert_int_equal(unlink(inside("nus/Groundtruth/AllLabels/Labels_animal.txt")), 0);
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_NOT_FOUND, "Labels_animal.txt: cannot open");
    put_nus_wide(root);
    data_folder_put(root, tags, "1\t0\t1\t\n0\t1\t\n0\t0\t0\t\n1\t1\t1\t\n0\t1\t1\t\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "AllTags1k.txt:2: 2 numbers, expected 3");
    data_folder_put(root, tags, "1\t0\t1\t1\t\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "AllTags1k.txt:1: 4 numbers, expected 3");
    data_folder_put(root, tags, "1\t0\t1\t\n0\tx\t1\t\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "AllTags1k.txt:2: number 2 is \"x\", expected 0 or 1");
    data_folder_put(root, tags, "1\t0\t1\t\n0\t0\t1\t\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "AllTags1k.txt: 2 lines, expected 5");
    put_nus_wide(root);
    data_folder_put(root, "ImageList/Imagelist.txt", "a\\1.jpg\na\\2.jpg\na\\1.jpg\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT,
                 "Imagelist.txt:3: \"a/1.jpg\" was seen before, as number 1");
    data_folder_put(root, "ImageList/Imagelist.txt", "a\\1.jpg\n\na\\3.jpg\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT,
                 "Imagelist.txt:2: found \"\", expected the path of a picture");
    data_folder_put(root, "ImageList/Imagelist.txt", "");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "the file is empty");
    put_nus_wide(root);
    data_folder_put(root, "ImageList/Imagelist.txt", "a\\1.jpg\n..\\..\\2.jpg\nc\\3.jpg\nd\\4.jpg\ne\\5.jpg\n");
    assert_fails("nus-wide", "nus", NULL, ADAH_ERROR_FORMAT, "picture \"images/../../2.jpg\" has a part \"..\"");
    put_nus_wide(root);
    adah_convert_options options;
    adah_convert_options_init(&options);
    options.n_concepts = 0;
    assert_fails("nus-wide", "nus", &options, ADAH_ERROR_ARGUMENT, "0 concepts");
    adah_convert_options_init(&options);
    options.images = inside("nowhere");
    assert_fails("nus-wide", "nus", &options, ADAH_ERROR_NOT_FOUND, "nowhere");
}

static void iapr(void **state) {
    (void)state;
    put_iapr(inside("iapr"));
    adah_convert_result result;
    assert_int_equal(convert("iapr", "iapr", "set", NULL, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 2);
    assert_int_equal(result.n_left_out, 2);
    assert_int_equal(result.n_missing, 1);
    make_all_train("set");
    adah_dataset *dataset = open_set("set");
    assert_record(dataset, 0, "images/00/25.jpg|a caf\xc3\xa9 & a <palm>;  blue sky;|sky light,building|train");
    assert_record(dataset, 1, "images/01/112.jpg|two men|class-99|train");
    adah_dataset_close(dataset);
}

static void iapr_faults(void **state) {
    (void)state;
    char root[512];
    snprintf(root, sizeof root, "%s", inside("iapr"));
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_NOT_FOUND, "annotations_complete_eng: cannot be listed");
    put_iapr(root);
    data_folder_put(root, "saiapr_tc-12/00/labels.txt", "25 1 240\n25 2\n");
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_FORMAT,
                 "labels.txt:2: found \"25 2\", expected the numbers of picture, region and label");
    data_folder_put(root, "saiapr_tc-12/00/labels.txt", "25 1 240 7\n");
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_FORMAT, "labels.txt:1: found");
    assert_int_equal(unlink(inside("iapr/saiapr_tc-12/00/labels.txt")), 0);
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_NOT_FOUND, "saiapr_tc-12/00/labels.txt: cannot open");
    put_iapr(root);
    data_folder_put(root, "annotations_complete_eng/00/25.eng", "<DOC><DESCRIPTION>never ends");
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_FORMAT, "00/25.eng: no <DESCRIPTION>...</DESCRIPTION> in it");
    put_iapr(root);
    data_folder_put(root, "saiapr_tc-12/wlist.txt", "building 240\n");
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_FORMAT, "wlist.txt:1: found \"building 240\"");
}

static void coco(void **state) {
    (void)state;
    put_coco(inside("coco"));
    adah_convert_result result;
    assert_int_equal(convert("coco", "coco", "set", NULL, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_records, 2);
    assert_int_equal(result.n_left_out, 2);
    assert_int_equal(result.n_missing, 0);
    adah_dataset *dataset = open_set("set");
    assert_record(dataset, 0, "images/train2017/000000000009.jpg|A caf\xc3\xa9.\nTables|dining table,dog|train");
    assert_record(dataset, 1, "images/val2017/1.jpg|dog|dog|query");
    adah_dataset_close(dataset);

    /* A folder with the pictures of all parts together. */
    data_folder_put(inside("flat"), "1.jpg", "");
    adah_convert_options options;
    adah_convert_options_init(&options);
    options.images = inside("flat");
    assert_int_equal(convert("coco", "coco", "other", &options, &result, NULL), ADAH_OK);
    assert_int_equal(result.n_missing, 1);
    dataset = open_set("other");
    assert_record(dataset, 1, "images/1.jpg|dog|dog|query");
    adah_dataset_close(dataset);
}

/* As other programs write it: ids as texts and as reals, NaN, a byte order mark, no instances, notes without a caption, pictures named by
 * their folder, by another's, from Windows. */
static void coco_of_other_tools(void **state) {
    (void)state;
    static const char *const names[] = {"1.jpg", "val/1.jpg", "./val/1.jpg", "val\\\\1.jpg", "/home/me/val/1.jpg", "C:\\\\data\\\\1.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int flat = 0; flat < 2; flat++) {
            char from[32], to[32], text[1024], wanted[128];
            snprintf(from, sizeof from, "other%zu%d", i, flat);
            snprintf(to, sizeof to, "from%zu%d", i, flat);
            data_folder_put(inside(from), flat ? "1.jpg" : "val/1.jpg", "");
            snprintf(text, sizeof text,
                     "\xef\xbb\xbf{\"info\": {\"x\": [NaN, -Infinity]}, \"images\": [{\"id\": \"a7\", \"file_name\": \"%s\", \"width\": NaN}], "
                     "\"annotations\": [{\"image_id\": \"a7\", \"caption\": \"one\\nline, NaN\", \"score\": Infinity}, {\"image_id\": \"a7\", \"caption\": null}, "
                     "{\"image_id\": \"a8\"}, {\"image_id\": \"a7\", \"caption\": \"two\"}]}",
                     names[i]);
            data_folder_put(inside(from), "annotations/captions_val.json", text);
            adah_convert_result result;
            adah_status status;
            if (convert("coco", from, to, NULL, &result, &status) != ADAH_OK)
                fail_msg("%s: %s", names[i], status.message);
            assert_int_equal(result.n_missing, 0);
            assert_int_equal(result.n_labels, 0);
            adah_dataset *dataset = open_set(to);
            snprintf(wanted, sizeof wanted, "images/%s|one line, NaN\ntwo||train", flat ? "1.jpg" : "val/1.jpg");
            assert_record(dataset, 0, wanted);
            assert_int_equal(adah_dataset_record(dataset, 0)->n_texts, 2);
            adah_dataset_close(dataset);
        }
    data_folder_put(inside("mixed"), "1.jpg", "");
    data_folder_put(inside("mixed"), "annotations/captions_x.json",
                    "{\"images\": [{\"id\": 7.0, \"file_name\": \"1.jpg\"}], \"annotations\": [{\"image_id\": \"7\", \"caption\": \"c\"}]}");
    data_folder_put(inside("mixed"), "annotations/instances_x.json",
                    "{\"annotations\": [{\"image_id\": 7, \"category_id\": \"3\", \"bbox\": [NaN, 1]}], \"categories\": [{\"id\": 3.0, \"name\": \"dog\"}]}");
    assert_int_equal(convert("coco", "mixed", "unmixed", NULL, NULL, NULL), ADAH_OK);
    adah_dataset *dataset = open_set("unmixed");
    assert_record(dataset, 0, "images/1.jpg|c|dog|train");
    adah_dataset_close(dataset);
}

static void coco_faults(void **state) {
    (void)state;
    static const char captions[] = "annotations/captions_train2017.json",
                      instances[] = "annotations/instances_train2017.json";
    static const struct {
        const char *file, *text, *wanted;
    } cases[] = {
        {captions, "", "captions_train2017.json: not annotations: empty"},
        {captions, "[]", "byte 0: expected an object"},
        {captions, "{}", "captions_train2017.json: no list \"images\""},
        {captions, "{\"images\": []}", "no list \"annotations\""},
        {captions, "{\"images\": [{\"id\": 1}]}", "expected a string \"file_name\""},
        {captions, "{\"images\": [{\"file_name\": \"a\"}]}", "expected a whole number or a string \"id\""},
        {captions, "{\"images\": [7]}", "expected a whole number or a string \"id\""},
        {captions, "{\"images\": 7}", "byte 11: expected a list"},
        {captions, "{\"images\": [", "byte 12: "},
        {captions, "{\"images\" 7", "byte 10: expected \":\""},
        {captions, "{7: 8}", "byte 1: expected a key"},
        {captions, "{\"images\": [{\"id\": 1, \"file_name\": \"a\"} 3]}", "expected \",\" or \"]\""},
        {captions, "{\"info\": 3 4}", "expected \",\" or \"}\""},
        {instances, "{\"annotations\": [{\"image_id\": 9, \"category_id\": 5}], \"categories\": []}",
         "an instance of image 9 is of category 5, expected one of \"categories\""},
        {instances, "{\"annotations\": [{\"image_id\": 9, \"category_id\": [\"x\"]}]}",
         "expected a whole number or a string \"category_id\""},
        {instances, "{\"annotations\": [{\"image_id\": 9, \"category_id\": 1.5}]}",
         "expected a whole number or a string \"category_id\""},
        {captions, "<!DOCTYPE html><html>", "not annotations: a web page"},
    };
    char root[512];
    snprintf(root, sizeof root, "%s", inside("coco"));
    assert_fails("coco", "coco", NULL, ADAH_ERROR_NOT_FOUND, "annotations: cannot be listed");
    data_folder_put(root, "annotations/other.json", "{}");
    assert_fails("coco", "coco", NULL, ADAH_ERROR_NOT_FOUND, "no captions_*.json there");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_coco(root);
        data_folder_put(root, cases[i].file, cases[i].text);
        assert_fails("coco", "coco", NULL, ADAH_ERROR_FORMAT, cases[i].wanted);
    }
    assert_int_equal(unlink(inside("coco/annotations/instances_val2017.json")), 0);
    put_coco(root);
    assert_int_equal(unlink(inside("coco/annotations/instances_train2017.json")), 0);
    assert_fails("coco", "coco", NULL, ADAH_ERROR_NOT_FOUND, "instances_train2017.json: cannot open");
}

/* ---------------------------------------------------------------- split and folder */

static void count_splits(const char *name, size_t n[3]) {
    adah_dataset *dataset = open_set(name);
    n[0] = n[1] = n[2] = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        n[adah_dataset_record(dataset, i)->split]++;
    adah_dataset_close(dataset);
}

static void splits(void **state) {
    (void)state;
    static const struct {
        double share;
        size_t n_queries, n_train, wanted[3];
    } cases[] = {{0, 0, 0, {[ADAH_SPLIT_TRAIN] = 170, [ADAH_SPLIT_QUERY] = 30}},
                 {0.2, 0, 0, {[ADAH_SPLIT_TRAIN] = 160, [ADAH_SPLIT_QUERY] = 40}},
                 {0, 17, 0, {[ADAH_SPLIT_TRAIN] = 183, [ADAH_SPLIT_QUERY] = 17}},
                 {0, 17, 101, {[ADAH_SPLIT_TRAIN] = 101, [ADAH_SPLIT_QUERY] = 17, [ADAH_SPLIT_DATABASE] = 82}},
                 {0, 199, 1, {[ADAH_SPLIT_TRAIN] = 1, [ADAH_SPLIT_QUERY] = 199}}};
    data_folder_put(folder.path, "m/doc/common_tags.txt", "sky 845\n");
    char numbers[2048] = "";
    for (int i = 1; i <= 200; i++) {
        char name[64];
        snprintf(name, sizeof name, "m/meta/tags/tags%d.txt", i);
        data_folder_put(folder.path, name, "sky\n");
        snprintf(numbers + strlen(numbers), 13, "%d\n", i);
    }
    data_folder_put(folder.path, "m/annotations/sky.txt", numbers);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        size_t n[3];
        snprintf(name, sizeof name, "split%zu", i);
        adah_convert_options options;
        adah_convert_options_init(&options);
        options.query_share = cases[i].share;
        options.n_queries = cases[i].n_queries;
        options.n_train = cases[i].n_train;
        options.without_pictures = 1;
        assert_int_equal(convert("mirflickr", "m", name, &options, NULL, NULL), ADAH_OK);
        count_splits(name, n);
        assert_memory_equal(n, cases[i].wanted, sizeof n);
    }
    /* The seed decides. */
    adah_convert_options options;
    adah_convert_options_init(&options);
    options.without_pictures = 1;
    assert_int_equal(convert("mirflickr", "m", "same", &options, NULL, NULL), ADAH_OK);
    options.seed = 1;
    assert_int_equal(convert("mirflickr", "m", "seed1", &options, NULL, NULL), ADAH_OK);
    size_t n_first, n_same, n_other;
    char *first = data_folder_read(inside("split0"), "metadata.jsonl", &n_first);
    char *same = data_folder_read(inside("same"), "metadata.jsonl", &n_same);
    char *other = data_folder_read(inside("seed1"), "metadata.jsonl", &n_other);
    assert_string_equal(first, same);
    assert_string_not_equal(first, other);
    free(first), free(same), free(other);

    options = (adah_convert_options){.size = sizeof options, .n_concepts = 21, .without_pictures = 1, .n_queries = 200};
    assert_fails("mirflickr", "m", &options, ADAH_ERROR_ARGUMENT, "200 queries wanted, there are 200 records");
    options = (adah_convert_options){.size = sizeof options, .n_concepts = 21, .without_pictures = 1, .n_queries = 100, .n_train = 101};
    assert_fails("mirflickr", "m", &options, ADAH_ERROR_ARGUMENT, "101 training records wanted, there are 100");
    options = (adah_convert_options){.size = sizeof options, .n_concepts = 21, .without_pictures = 1, .query_share = 1};
    assert_fails("mirflickr", "m", &options, ADAH_ERROR_ARGUMENT, "query share 1");
}

static int cancel(void *user, const adah_progress_event *event) {
    (void)event;
    return --*(int *)user == 0;
}

static void folders(void **state) {
    (void)state;
    put_iapr(inside("iapr"));
    assert_fails("no-such", "iapr", NULL, ADAH_ERROR_ARGUMENT,
                 "format \"no-such\": expected openclipart, mirflickr, nus-wide, iapr, mat or coco");
    const char *const two[] = {inside("iapr"), inside("iapr")};
    adah_status status;
    assert_int_equal(adah_convert("iapr", two, 2, inside("refused"), NULL, silent, NULL, &status),
                     ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "2 sources, expected at most 1 of format iapr"));
    /* A data set that is there is not written over; a link of another conversion is not bent. */
    assert_int_equal(convert("iapr", "iapr", "set", NULL, NULL, NULL), ADAH_OK);
    assert_int_equal(convert("iapr", "iapr", "set", NULL, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "a data set is there already"));
    assert_int_equal(unlink(inside("set/metadata.jsonl")), 0);
    assert_int_equal(convert("iapr", "iapr", "set", NULL, NULL, NULL), ADAH_OK);
    data_folder_put(inside("refused"), "images/1.jpg", "");
    assert_fails("iapr", "iapr", NULL, ADAH_ERROR_IO, "images: cannot be made a link");
    char root[512];
    snprintf(root, sizeof root, "%s", inside("iapr"));
    const char *const one[] = {root};
    int n_calls = 0;
    for (int n = 1;; n++) {
        int left = n;
        char name[32];
        snprintf(name, sizeof name, "cancelled%d", n);
        if (adah_convert("iapr", one, 1, inside(name), NULL, (adah_progress){cancel, &left}, NULL, &status) ==
            ADAH_OK)
            break;
        assert_int_equal(status.code, ADAH_ERROR_CANCELLED);
        n_calls++;
    }
    assert_int_equal(n_calls, 3); /* two folders and the writing */
}

/* The table tells every name that is read, and what to give it. */
static void formats_are_told(void **state) {
    (void)state;
    static const char *const expected[] = {"openclipart", "mirflickr", "nus-wide", "iapr", "mat", "coco"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *source = NULL;
        assert_string_equal(adah_convert_format(i, &source), expected[i]);
        assert_true(source && *source);
        assert_string_equal(adah_convert_format(i, NULL), expected[i]);
    }
    assert_null(adah_convert_format(sizeof expected / sizeof *expected, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(mirflickr), TEST(mirflickr_faults), TEST(nus_wide), TEST(nus_wide_faults), TEST(iapr), TEST(iapr_faults),
        TEST(coco),      TEST(coco_of_other_tools), TEST(coco_faults),      TEST(splits),   TEST(folders), TEST(formats_are_told),
    };
    return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
