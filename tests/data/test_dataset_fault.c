/* (fault) test_dataset_fault.c - every allocation and every write of src/data fails once: the call says so, leaves its
 * outputs alone, and nothing leaks (the sanitizer build sees to that). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "data/image.h"
#include "data/svg_words.h"
#include "data/vocabulary.h"
#include "data_folder.h"
#include "tar_bytes.h"
#include "fail_allocations.h"

static temporary_folder folder;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    adah_parallel_set_threads(1); /* so that the n-th allocation is always the same one */
    return adah_image_start(NULL) == ADAH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    adah_memory_fault_at(0);
    adah_file_fault_at(0);
    adah_parallel_set_threads(0);
    data_folder_remove(&folder);
    return 0;
}

static const char *inside(const char *name) {
    static char path[512];
    TEMPORARY_PATH(folder, name, path);
    return path;
}

/* ---------------------------------------------------------------- data sets */

static adah_code open_dataset(adah_status *status) {
    adah_dataset *dataset = NULL;
    adah_code code = adah_dataset_open(inside("set"), NULL, &dataset, status);
    assert_int_equal(dataset != NULL, code == ADAH_OK);
    if (dataset)
        assert_int_equal(adah_dataset_count(dataset), 40); /* never a part of the records */
    adah_dataset_close(dataset);
    return code;
}

static void opening_jsonl(void **state) {
    (void)state;
    char text[8192] = "";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "{\"file_name\": \"%d\", \"text\": \"t\", \"labels\": [\"%d\", \"all\"]}\n%s", i,
                i, i == 7 ? "broken\n" : "");
    data_folder_put(inside("set"), "metadata.jsonl", text);
    fail_allocations(open_dataset, UINT64_MAX);
}

static void opening_csv(void **state) {
    (void)state;
    char text[8192] = "file_name,text,labels\n";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "%d,\"a \"\"text\"\"\",%d;all\n%s", i, i, i == 7 ? "\"broken\n" : "");
    data_folder_put(inside("set"), "metadata.csv", text);
    fail_allocations(open_dataset, UINT64_MAX);
}

/* What other tools write: lists, numbers, NaN, other keys, a file again. */
static void opening_other_jsonl(void **state) {
    (void)state;
    char text[16384] = "";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "{\"file_name\": \"%d\", \"captions\": [\"one\", \"two\\nlines\"], \"label\": [%d, NaN, 0.5], \"mask\": \"m\", \"x\": -Infinity}\n%s",
                i, i, i == 7 ? "{\"file_name\": \"3\", \"caption\": \"three\", \"label\": true}\nbroken NaN\n" : "");
    data_folder_put(inside("set"), "metadata.jsonl", text);
    fail_allocations(open_dataset, UINT64_MAX);
}

/* Chosen keys, paths of other spellings. */
static adah_code open_chosen(adah_status *status) {
    static const char *const keys[] = {"a", "b"};
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.text_keys = o.label_keys = keys;
    o.n_text_keys = 2;
    adah_dataset *dataset = NULL;
    const adah_code code = adah_dataset_open(inside("set"), &o, &dataset, status);
    if (dataset)
        assert_int_equal(adah_dataset_count(dataset), 40);
    adah_dataset_close(dataset);
    return code;
}

/* Metadata in two folders. */
static void opening_parts(void **state) {
    (void)state;
    char text[8192] = "";
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), "{\"file_name\": \"./%d\", \"text\": \"t\", \"mask\": \"m\"}\n", i);
    data_folder_put(inside("set"), "train/metadata.jsonl", text);
    strcpy(text, "file_name,text\n");
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), "%d,t\n", i);
    data_folder_put(inside("set"), "val/metadata.csv", text);
    fail_allocations(open_dataset, UINT64_MAX);
}

static void opening_chosen(void **state) {
    (void)state;
    char text[16384] = "";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "{\"file_name\": \".\\\\x/%d\", \"a\": [\"one\", \"two\"], \"b\": \"three\", \"mask\": \"./m\"}\n", i);
    data_folder_put(inside("set"), "metadata.jsonl", text);
    fail_allocations(open_chosen, UINT64_MAX);
    unlink(inside("set/metadata.jsonl"));
    strcpy(text, "file_name,a,b,labels\n");
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), ".\\x/%d,one,\"['two', 'three']\",\"['x', 'y']\"\n", i);
    data_folder_put(inside("set"), "metadata.csv", text);
    fail_allocations(open_chosen, UINT64_MAX);
}

static void opening_utf16_csv(void **state) {
    (void)state;
    char text[4096] = "sep=;\nfile_name;text;labels;other\n", wide[8192] = "\xff\xfe";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "%d;\"a \"\"text\"\"\";%d|all;x\n%s", i, i, i == 7 ? "3;more;;\n" : "");
    const size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        wide[2 + 2 * i] = text[i];
        wide[3 + 2 * i] = '\0';
    }
    data_folder_write(inside("set"), "metadata.csv", wide, 2 + 2 * n);
    fail_allocations(open_dataset, UINT64_MAX);
}

/* No metadata: names, folders, sidecars, a file that is none, a sidecar that is broken, a folder of a split. */
static void opening_folder(void **state) {
    (void)state;
    char name[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "%s/cats and dogs/cat on mat %02d.jpg", i % 4 ? "train" : "val", i);
        data_folder_put(inside("set"), name, "x");
        snprintf(name, sizeof name, "%s/cats and dogs/cat on mat %02d.%s", i % 4 ? "train" : "val", i, i % 3 ? "txt" : "json");
        if (i % 5 == 0)
            data_folder_put(inside("set"), name, i % 3 ? "one\ntwo\n" : i ? "{\"tags\": [\"a\", \"b\"], \"text\": \"c\"}" : "broken");
    }
    data_folder_put(inside("set"), "film.mov", "x");
    fail_allocations(open_dataset, UINT64_MAX);
}

/* Members of tar files, one with metadata in it, one that is cut off; and boxes. */
static void opening_tar_files(void **state) {
    (void)state;
    tar_bytes b = {NULL, 0};
    char name[160], text[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "%s%02d.jpg", i == 3 ? "a folder whose name is so long that a header of its own has to tell it, as programs of today/do/" : "", i);
        tar_add_file(&b, name, "x", 1);
        memcpy(name + strlen(name) - 3, i % 2 ? "txt" : "json", i % 2 ? 4 : 5);
        snprintf(text, sizeof text, "{\"label\": %d, \"text\": \"a cat\"}", i);
        if (strlen(name) < 20)
            tar_add_file(&b, name, text, strlen(text));
    }
    tar_header(&b, '0', "cut.jpg", 100000);
    data_folder_write(inside("set"), "0.tar", b.bytes, b.n);
    tar_free(&b);
    fail_allocations(open_dataset, 400);
}

static void opening_boxes(void **state) {
    (void)state;
    char name[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "images/%02d.jpg", i);
        data_folder_put(inside("set"), name, "x");
        snprintf(name, sizeof name, i % 2 ? "labels/%02d.txt" : "Annotations/%02d.xml", i);
        data_folder_put(inside("set"), name, i % 2 ? "1 .1 .1 .1 .1\n0 .2 .2 .2 .2" : "<annotation><object><name>cat</name></object></annotation>");
    }
    data_folder_put(inside("set"), "data.yaml", "names: [cat, dog]\n");
    fail_allocations(open_dataset, 400);
}

static adah_code open_pair(adah_status *status) {
    adah_dataset *dataset = NULL;
    adah_code code = adah_dataset_open(inside("set"), NULL, &dataset, status);
    assert_int_equal(dataset != NULL, code == ADAH_OK);
    if (dataset)
        assert_int_equal(adah_dataset_count(dataset), 2);
    adah_dataset_close(dataset);
    return code;
}

/* Files of other programs, a kind after the other. */
static void opening_foreign(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *other, *other_text;
    } files[] = {{"f.token.txt", "0.jpg#0\tone\n1.jpg#0\ttwo\n", "trainImages.txt", "0.jpg\n"},
                 {"f.csv", "id;comment\n0;one two\n1;three four\n", "list.txt", "0.jpg 1\n1.jpg 0\n"},
                 {"f.csv", "f,p,q\n0.jpg,1,0\n1.jpg,1,1\n", "README.md", "---\nx\n"},
                 {"f.csv", "ImageID,LabelName,Confidence\n0,/m/p,1\n1,/m/q,1\n", "class-descriptions.csv", "/m/p,Pea\n/m/q,Queen\n"},
                 {"f.json", "{\"images\": [{\"id\": 1, \"file_name\": \"0.jpg\"}, {\"id\": 2, \"file_name\": \"x.jpg\"}], \"categories\": [{\"id\": 1, \"name\": \"p\"}],"
                            " \"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"caption\": \"one\"}]}", "g.jsonl", "{\"i\": \"1.jpg\", \"text\": \"two\"}\n"},
                 {"f.json", "{\"0.jpg\": \"one\", \"1.jpg\": {\"text\": [\"two\"], \"label\": 1}}", "dataset_infos.json", "{\"label\": {\"names\": [\"p\", \"q\"]}}"},
                 {"f.json", "[{\"image\": \"0.jpg\", \"label\": 1}, {\"image\": \"1.jpg\", \"label\": 0}]", "README.md", "---\n- name: label\n  class_label:\n    names:\n      '0': p\n      '1': q\n---\n"},
                 {"f.txt", "2\np q\n0.jpg 1 -1\n1.jpg 1 1\n", "list_eval_partition.txt", "0.jpg 0\n1.jpg 2\n"},
                 {"images.txt", "1 0.jpg\n2 1.jpg\n", "image_class_labels.txt", "1 1\n2 2\n"}};
    for (int i = 0; i < 2; i++)
        data_folder_put(inside("set"), i ? "train/1.jpg" : "train/0.jpg", "x");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        data_folder_put(inside("set"), files[i].name, files[i].text);
        data_folder_put(inside("set"), files[i].other, files[i].other_text);
        fail_allocations(open_pair, UINT64_MAX);
        snprintf(path, sizeof path, "set/%s", files[i].name);
        assert_int_equal(unlink(inside(path)), 0);
        snprintf(path, sizeof path, "set/%s", files[i].other);
        assert_int_equal(unlink(inside(path)), 0);
    }
}

/* ---------------------------------------------------------------- vocabulary */

static const char *const captions[] = {"a boat on the sea", "the sky and the sea", "trees under a grey sky", "sky"};

static adah_code build_vocabulary(adah_status *status) {
    adah_vocabulary *vocabulary = NULL;
    adah_vocabulary_options options = {"english", 100, 1, 1};
    adah_code code = adah_vocabulary_build(captions, 4, &options, &vocabulary, status);
    assert_int_equal(vocabulary != NULL, code == ADAH_OK);
    if (vocabulary)
        assert_int_equal(adah_vocabulary_size(vocabulary), 6 + 8); /* words, and pairs */
    adah_vocabulary_free(vocabulary);
    return code;
}

static adah_code parse_vocabulary(adah_status *status) {
    adah_vocabulary *vocabulary = NULL;
    adah_code code = adah_vocabulary_parse("{\"language\":\"en\",\"texts\":4,\"words\":[\"sky\",\"sea\",\"boat\"],"
                                           "\"documents\":[3,2,1]}",
                                           &vocabulary, status);
    assert_int_equal(vocabulary != NULL, code == ADAH_OK);
    adah_vocabulary_free(vocabulary);
    return code;
}

static adah_vocabulary *shared;

static adah_code look_up(adah_status *status) {
    uint32_t *ids = NULL;
    size_t n = 99, n_unknown = 99;
    adah_code code = adah_vocabulary_lookup(shared,
                                            "sky over sea, one two three four five six seven eight nine ten "
                                            "eleven twelve thirteen fourteen fifteen sixteen seventeen",
                                            &ids, &n, &n_unknown, status);
    assert_int_equal(n, code == ADAH_OK ? 3 : 99); /* with the pair */
    assert_int_equal(n_unknown, code == ADAH_OK ? 18 : 99);
    assert_int_equal(ids != NULL, code == ADAH_OK);
    adah_memory_free(ids);
    return code;
}

static adah_code dump_vocabulary(adah_status *status) {
    char *json = adah_vocabulary_json(shared);
    adah_memory_free(json);
    return json ? ADAH_OK : adah_fail_memory(status, 1);
}

static void vocabulary(void **state) {
    (void)state;
    fail_allocations(build_vocabulary, UINT64_MAX);
    fail_allocations(parse_vocabulary, UINT64_MAX);
    adah_vocabulary_options options = {"english", 100, 1, 1};
    assert_int_equal(adah_vocabulary_build(captions, 4, &options, &shared, NULL), ADAH_OK);
    fail_allocations(look_up, UINT64_MAX);
    fail_allocations(dump_vocabulary, UINT64_MAX);
    adah_vocabulary_free(shared);
}

/* ---------------------------------------------------------------- pictures */

static uint8_t pixels[20 * 10 * 3];

static adah_code write_picture(adah_status *status) {
    return adah_image_write_png(inside("p.png"), pixels, 20, 10, 3, status);
}

static adah_code load_picture(adah_status *status) {
    uint8_t rgb[8 * 8 * 3];
    return adah_image_load(inside("p.png"), 8, rgb, status);
}

static adah_code load_thumbnail(adah_status *status) {
    adah_picture picture = {0, 0, NULL};
    adah_code code = adah_image_load_thumbnail(inside("p.png"), 8, &picture, status);
    assert_int_equal(picture.rgb != NULL, code == ADAH_OK);
    adah_memory_free(picture.rgb);
    return code;
}

static adah_code encode_picture(adah_status *status) {
    adah_picture picture = {20, 10, pixels};
    uint8_t *bytes = NULL;
    size_t n = 0;
    adah_code code = adah_image_encode_jpeg(&picture, 80, &bytes, &n, status);
    assert_int_equal(bytes != NULL, code == ADAH_OK);
    adah_memory_free(bytes);
    return code;
}

static void pictures(void **state) {
    (void)state;
    fail_allocations(write_picture, UINT64_MAX);
    fail_allocations(load_picture, UINT64_MAX);
    fail_allocations(load_thumbnail, UINT64_MAX);
    fail_allocations(encode_picture, UINT64_MAX);
    adah_status status;
    unlink(inside("p.png"));
    adah_file_fault_at(1);
    assert_int_equal(write_picture(&status), ADAH_ERROR_IO);
    adah_file_fault_at(0);
    assert_int_equal(temporary_folder_count(&folder), 0);
}

/* ---------------------------------------------------------------- data sets being written */

/* A failed call leaves no data set, and what it left does not stand in the way of the next. */
static adah_code check_set(const char *name, adah_code code) {
    char path[600];
    snprintf(path, sizeof path, "%s/metadata.jsonl", inside(name));
    assert_int_equal(access(path, F_OK) == 0, code == ADAH_OK);
    temporary_folder set;
    snprintf(set.path, sizeof set.path, "%.255s", inside(name));
    size_t n = temporary_folder_count(&set);
    assert_in_range(n, 0, 3); /* images, masks, metadata.jsonl: no temporary file is left */
    unlink(path);
    return code;
}

static adah_code write_scenes(adah_status *status) {
    adah_synth_options options = {sizeof options, 3, 16, 0.3, 1};
    return check_set("scenes", adah_synth_write(inside("scenes"), &options, status));
}

static void scenes(void **state) {
    (void)state;
    fail_allocations(write_scenes, UINT64_MAX);
    int n = 1;
    for (;; n++) {
        adah_status status = {0};
        adah_file_fault_at((uint64_t)n);
        adah_code code = write_scenes(&status);
        if (!adah_file_fault_fired())
            break;
        assert_int_equal(code, ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, "No space left on device"));
    }
    assert_int_equal(n, 8); /* three images, three masks and the metadata */
}

static adah_code convert_drawings(adah_status *status) {
    static char from[512];
    snprintf(from, sizeof from, "%s", inside("svg"));
    const adah_convert_options options = {.size = sizeof options, .n_concepts = 1, .n_side = 16, .query_share = 0.3, .seed = 1, .n_limit = 3};
    const char *const source = from;
    return check_set("clips", adah_convert("openclipart", &source, 1, inside("clips"), &options, (adah_progress){NULL, NULL}, NULL, status));
}

static void drawings(void **state) {
    (void)state;
    static char svg[512];
    snprintf(svg, sizeof svg, "%s", inside("svg"));
    for (int i = 0; i < 141; i++) {
        char name[64], text[256];
        snprintf(name, sizeof name, "%s/thing_%c%c.svg", i < 20 ? "animals" : "computer", 'a' + i / 20, 'a' + i % 20);
        snprintf(text, sizeof text,
                 "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><!-- %d -->"
                 "<rect width='5' height='5'/></svg>",
                 i);
        data_folder_put(svg, name, text);
    }
    fail_allocations(convert_drawings, 40);
    adah_file_fault_at(2);
    adah_status status;
    assert_int_equal(convert_drawings(&status), ADAH_ERROR_IO);
    adah_file_fault_at(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(opening_jsonl), TEST(opening_csv), TEST(opening_other_jsonl), TEST(opening_utf16_csv), TEST(opening_folder), TEST(opening_tar_files), TEST(opening_boxes), TEST(opening_foreign), TEST(opening_chosen), TEST(opening_parts),
                                       TEST(vocabulary),    TEST(pictures),    TEST(scenes),              TEST(drawings)};
    return cmocka_run_group_tests_name("dataset faults", tests, NULL, NULL);
}
