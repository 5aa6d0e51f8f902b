/* (unit) test_dataset.c - metadata.jsonl and metadata.csv: what is read, what is refused and with which words. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data_folder.h"

#include <adah/adah.h>

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

static adah_dataset *open_good(void) {
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    if (adah_dataset_open(folder.path, NULL, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

/* Opening must fail with that code and a message that holds `words`. */
static void assert_refused(int strict, adah_code code, const char *words) {
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    adah_dataset_options options = {.size = sizeof options, .strict = strict, .sources = ADAH_SOURCES_ALL};
    assert_int_equal(adah_dataset_open(folder.path, &options, &dataset, &status), code);
    assert_int_equal(status.code, code);
    assert_null(dataset);
    if (!strstr(status.message, words))
        fail_msg("\"%s\" does not hold \"%s\"", status.message, words);
}

static void assert_labels(const adah_dataset *dataset, size_t i, const char *joined) {
    const adah_record *record = adah_dataset_record(dataset, i);
    char text[256] = "";
    for (size_t k = 0; k < record->n_labels; k++) {
        if (k > 0)
            assert_true(record->label[k] > record->label[k - 1]);
        strcat(text, k ? "," : "");
        strcat(text, adah_dataset_label_name(dataset, record->label[k]));
    }
    assert_string_equal(text, joined);
}

static void reads_jsonl(void **state) {
    (void)state;
    data_folder_put(
        folder.path, "metadata.jsonl",
        "\xef\xbb\xbf{\"file_name\": \"a.jpg\", \"text\": \"un caf\\u00e9\", \"labels\": [\"sky\", \"sea\"], "
        "\"split\": \"query\"}\r\n"
        "\n \t\r\n"
        "{\"file_name\": \"b/c.jpg\", \"labels\": [\"tree\", \"sea\", \"tree\", \"sky\"], \"width\": 3}\n"
        "{\"file_name\": \"..d\", \"text\": null, \"labels\": null, \"split\": null}\n"
        "{\"file_name\": \"e\", \"labels\": \"sea\", \"split\": \"database\", \"mask\": \"m/e.png\"}\n"
        "{\"file_name\": \"f\", \"labels\": [], \"split\": \"test\", \"x\": {\"y\": [1, 2.5, true]}}");
    adah_dataset *dataset = open_good();
    assert_string_equal(adah_dataset_folder(dataset), folder.path);
    assert_int_equal(adah_dataset_count(dataset), 5);
    assert_int_equal(adah_dataset_label_count(dataset), 3);
    assert_string_equal(adah_dataset_label_name(dataset, 0), "sky");
    assert_string_equal(adah_dataset_label_name(dataset, 2), "tree");
    assert_null(adah_dataset_label_name(dataset, 3));
    assert_null(adah_dataset_record(dataset, 5));
    const adah_record *first = adah_dataset_record(dataset, 0);
    assert_string_equal(first->file_name, "a.jpg");
    assert_string_equal(first->text, "un caf\xc3\xa9");
    assert_int_equal(first->split, ADAH_SPLIT_QUERY);
    assert_int_equal(first->line, 1);
    assert_labels(dataset, 0, "sky,sea");
    assert_labels(dataset, 1, "sky,sea,tree");
    assert_int_equal(adah_dataset_record(dataset, 1)->line, 4);
    assert_int_equal(adah_dataset_record(dataset, 1)->split, ADAH_SPLIT_TRAIN);
    assert_string_equal(adah_dataset_record(dataset, 1)->text, "");
    assert_string_equal(adah_dataset_record(dataset, 2)->file_name, "..d");
    assert_labels(dataset, 2, "");
    assert_labels(dataset, 3, "sea");
    assert_int_equal(adah_dataset_record(dataset, 3)->split, ADAH_SPLIT_DATABASE);
    assert_string_equal(adah_dataset_record(dataset, 3)->mask, "m/e.png");
    assert_null(adah_dataset_record(dataset, 4)->mask);
    assert_int_equal(adah_dataset_record(dataset, 4)->split, ADAH_SPLIT_QUERY);
    const char *message = NULL;
    assert_int_equal(adah_dataset_skipped(dataset, &message), 0);
    assert_string_equal(message, "");
    assert_int_equal(adah_dataset_skipped(dataset, NULL), 0);
    adah_dataset_close(dataset);
    adah_dataset_close(NULL);
}

static const struct {
    const char *line, *words;
} bad_json[] = {
    {"{\"file_name\": \"x\"", "broken JSON"},
    {"{\"file_name\": \"x\"} {}", "broken JSON"},
    {"{\"file_name\": \"x\", \"file_name\": \"y\"}", "duplicate"},
    {"[\"x\"]", "expected a JSON object"},
    {"\"x\"", "broken JSON"},
    {"{\"text\": \"x\"}", "no file_name"},
    {"{\"file_name\": 3}", "file_name is not a string"},
    {"{\"file_name\": \"\"}", "is empty"},
    {"{\"file_name\": \"/etc/passwd\"}", "is absolute"},
    {"{\"file_name\": \"..\"}", "has a part \"..\""},
    {"{\"file_name\": \"a/../b\"}", "has a part \"..\""},
    {"{\"file_name\": \"a/..\"}", "has a part \"..\""},
    {"{\"file_name\": \"../a\"}", "has a part \"..\""},
    {"{\"file_name\": \"a\\u0000b\"}", "broken JSON"},
    {"{\"file_name\": \"x\", \"text\": 7}", "text is not a string"},
    {"{\"file_name\": \"x\", \"text\": [\"y\", 7]}", "text 2 is not a string"},
    {"{\"file_name\": \"x\", \"labels\": {\"y\": 1}}", "labels is not a list of strings"},
    {"{\"file_name\": \"x\", \"labels\": [\"y\", [7]]}", "label 2 is neither a string nor a number"},
    {"{\"file_name\": \"x\", \"labels\": [\"y\", \"\"]}", "label 2 is empty"},
    {"{\"file_name\": \"x\", \"split\": \"fold\"}", "split \"fold\": expected \"train\""},
    {"{\"file_name\": \"x\", \"mask\": \"../m.png\"}", "mask \"../m.png\" has a part"},
    {"{\"file_name\": \"x\", \"mask\": true}", "mask is not a string"},
    {"{\"file_name\": \"x\", \"split\": 1}", "split is not a string"},
    {"{\"file_name\": \"x\", \"text\": \"a\xff\x62\"}", "invalid UTF-8"},
    {"{\"file_name\": \"good.jpg\", \"split\": \"query\"}", "was seen before, in line 1, in another split"},
    {"{\"file_name\": \"x\", \"labels\": NaN, \"split\": nan}", "broken JSON"},
};

static void refuses_bad_json(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_json / sizeof *bad_json; i++) {
        char text[1024], place[64];
        snprintf(text, sizeof text,
                 "{\"file_name\": \"good.jpg\", \"labels\": [\"l\"]}\n\n%s\n{\"file_name\": \"also\"}\n",
                 bad_json[i].line);
        data_folder_put(folder.path, "metadata.jsonl", text);
        assert_refused(1, ADAH_ERROR_FORMAT, bad_json[i].words);
        snprintf(place, sizeof place, "metadata.jsonl:3: ");
        assert_refused(1, ADAH_ERROR_FORMAT, place);
        adah_dataset *dataset = open_good();
        const char *message;
        assert_int_equal(adah_dataset_skipped(dataset, &message), 1);
        assert_non_null(strstr(message, bad_json[i].words));
        assert_non_null(strstr(message, place));
        assert_int_equal(adah_dataset_count(dataset), 2);
        assert_int_equal(adah_dataset_label_count(dataset), 1); /* a bad record leaves no label behind */
        adah_dataset_close(dataset);
    }
}

static void bad_record_keeps_no_name(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.jsonl",
                    "{\"file_name\": \"a\", \"split\": \"other\"}\n{\"file_name\": \"a\"}\n");
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 1);
    assert_int_equal(adah_dataset_record(dataset, 0)->line, 2);
    adah_dataset_close(dataset);
}

/* Without metadata, the rows of an array. */
static void rows_are_records(void **state) {
    (void)state;
    char npy[128 + 24];
    memset(npy, ' ', sizeof npy);
    memcpy(npy, "\x93NUMPY\1\0\x76\0", 10);
    const char header[] = "{'descr': '<f2', 'fortran_order': True, 'shape': (12, 1), }";
    memcpy(npy + 10, header, strlen(header));
    data_folder_write(folder.path, "image.npy", npy, sizeof npy);
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 12);
    assert_int_equal(adah_dataset_rows(dataset), 12);
    assert_int_equal(adah_dataset_label_count(dataset), 0);
    assert_non_null(strstr(adah_dataset_notes(dataset), "the records are the rows of image.npy"));
    const adah_record *r = adah_dataset_record(dataset, 11);
    assert_string_equal(r->file_name, "11");
    assert_string_equal(r->text, "");
    assert_true(r->row == 11 && r->split == ADAH_SPLIT_TRAIN && r->n_labels == 0);
    adah_dataset_close(dataset);
    memcpy(npy + 10, "{'descr': '<f2', 'fortran_order': True, 'shape': (99, 1), }", strlen(header));
    data_folder_write(folder.path, "image.npy", npy, sizeof npy);
    adah_status status;
    assert_int_equal(adah_dataset_open(folder.path, NULL, &dataset, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "99 rows in a file of 152 bytes"));
    memcpy(npy + 10, "{'descr': '<f2', 'fortran_order': True, 'shape': (00, 1), }", strlen(header));
    data_folder_write(folder.path, "image.npy", npy, sizeof npy);
    assert_refused(0, ADAH_ERROR_FORMAT, "image.npy: no rows");
    data_folder_put(folder.path, "image.npy", "rows");
    assert_refused(0, ADAH_ERROR_FORMAT, "image.npy: not a .npy file");
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"a\"}\n"); /* comes first */
    dataset = open_good();
    assert_string_equal(adah_dataset_record(dataset, 0)->file_name, "a");
    adah_dataset_close(dataset);
}

static void refuses_without_records(void **state) {
    (void)state;
    assert_refused(0, ADAH_ERROR_NOT_FOUND, "neither metadata.jsonl nor metadata.csv is there, nor image.npy");
    data_folder_put(folder.path, "metadata.jsonl", "");
    assert_refused(0, ADAH_ERROR_FORMAT, "metadata.jsonl: no records");
    data_folder_put(folder.path, "metadata.jsonl", "\n\n");
    assert_refused(0, ADAH_ERROR_FORMAT, "metadata.jsonl: no records");
    data_folder_put(folder.path, "metadata.jsonl", "{}\n{\n");
    assert_refused(0, ADAH_ERROR_FORMAT, "none of the 2 records is good");
    assert_refused(0, ADAH_ERROR_FORMAT, "metadata.jsonl:1: no file_name");
    unlink(strcat(strcpy((char[512]){0}, folder.path), "/metadata.jsonl"));
    mkdir(strcat(strcpy((char[512]){0}, folder.path), "/metadata.jsonl"), 0777);
    assert_refused(0, ADAH_ERROR_IO, "not a regular file");
    adah_dataset *dataset = NULL;
    adah_status status;
    assert_int_equal(adah_dataset_open(NULL, NULL, &dataset, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_dataset_open("/nowhere/at/all", NULL, &dataset, NULL), ADAH_ERROR_NOT_FOUND);
}

static void refuses_long_lines(void **state) {
    (void)state;
    const char head[] = "{\"file_name\": \"a\"}\n{\"file_name\": \"b\", \"text\": \"";
    size_t n = 17u << 20, n_head = strlen(head);
    char *bytes = malloc(n_head + n + 3);
    memcpy(bytes, head, n_head);
    memset(bytes + n_head, 'x', n);
    memcpy(bytes + n_head + n, "\"}\n", 3);
    data_folder_write(folder.path, "metadata.jsonl", bytes, n_head + n + 3);
    assert_refused(1, ADAH_ERROR_FORMAT, "metadata.jsonl:2: 17825822 bytes, expected at most 16777216");
    n = 15u << 20; /* the same within the limit */
    memcpy(bytes + n_head + n, "\"}\n", 3);
    data_folder_write(folder.path, "metadata.jsonl", bytes, n_head + n + 3);
    adah_dataset *dataset = open_good();
    assert_int_equal(strlen(adah_dataset_record(dataset, 1)->text), n);
    adah_dataset_close(dataset);
    free(bytes);
}

static void refuses_deep_json(void **state) {
    (void)state;
    size_t n = 100000;
    char *bytes = malloc(n + 1);
    memset(bytes, '[', n);
    bytes[n] = '\0';
    data_folder_put(folder.path, "metadata.jsonl", bytes);
    assert_refused(1, ADAH_ERROR_FORMAT, "metadata.jsonl:1: broken JSON");
    free(bytes);
}

/* ---------------------------------------------------------------- CSV */

static void reads_csv(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.csv",
                    "\xef\xbb\xbf"
                    "split,width,labels,file_name,text\r\n"
                    "query,1, sky ; sea |sea;;,a.jpg,\"one, \"\"two\"\"\r\nthree\"\r\n"
                    "\r\n"
                    ",2,,b.jpg,caf\xc3\xa9 5\" wide\n"
                    "train,,\"x;y\",\"c.jpg\",\"\"\n"
                    "test,,tree,d.jpg,\"last\"");
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 4);
    assert_string_equal(adah_dataset_record(dataset, 0)->text, "one, \"two\"\r\nthree");
    assert_int_equal(adah_dataset_record(dataset, 0)->split, ADAH_SPLIT_QUERY);
    assert_int_equal(adah_dataset_record(dataset, 0)->line, 2);
    assert_labels(dataset, 0, "sky,sea");
    assert_int_equal(adah_dataset_record(dataset, 1)->line, 5);
    assert_string_equal(adah_dataset_record(dataset, 1)->text, "caf\xc3\xa9 5\" wide");
    assert_labels(dataset, 1, "");
    assert_labels(dataset, 2, "x,y");
    assert_string_equal(adah_dataset_record(dataset, 2)->text, "");
    assert_string_equal(adah_dataset_record(dataset, 3)->text, "last");
    assert_int_equal(adah_dataset_record(dataset, 3)->split, ADAH_SPLIT_QUERY);
    adah_dataset_close(dataset);
    data_folder_put(folder.path, "metadata.csv", "file_name,mask\nonly.jpg,\nmasked.jpg,m.png\nbad.jpg,/m.png\n");
    dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 2);
    assert_null(adah_dataset_record(dataset, 0)->mask);
    assert_string_equal(adah_dataset_record(dataset, 1)->mask, "m.png");
    adah_dataset_close(dataset);
}

static const struct {
    const char *line, *words;
} bad_csv[] = {
    {"x", "1 fields, expected 3"},
    {"x,y,z,v", "4 fields, expected 3"},
    {"\"x\"y,,", "after the closing quote"},
    {"\"x,,", "the closing quote is missing"},
    {",,", "is empty"},
    {"/x,,", "is absolute"},
    {"a/../../x,,", "has a part \"..\""},
    {"x,\xc3,", "invalid UTF-8"},
    {"caf\xe9.jpg,,", "iconv -f WINDOWS-1252 -t UTF-8"},
    {"x,\xed\xa0\x80,", "invalid UTF-8"},
    {"x,,fold", "split \"fold\": expected"},
    {"good.jpg,,query", "was seen before, in line 2, in another split"},
};

static void refuses_bad_csv(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_csv / sizeof *bad_csv; i++) {
        char text[1024];
        snprintf(text, sizeof text, "file_name,text,split\ngood.jpg,\"two\nlines\",\n%s\nalso,,\n", bad_csv[i].line);
        data_folder_put(folder.path, "metadata.csv", text);
        assert_refused(1, ADAH_ERROR_FORMAT, bad_csv[i].words);
        assert_refused(1, ADAH_ERROR_FORMAT, "metadata.csv:4: ");
        adah_dataset *dataset = open_good();
        const char *message;
        assert_int_equal(adah_dataset_skipped(dataset, &message), 1);
        assert_non_null(strstr(message, bad_csv[i].words));
        assert_int_equal(adah_dataset_count(dataset), 2); /* the line behind the bad one is read */
        assert_string_equal(adah_dataset_record(dataset, 1)->file_name, "also");
        assert_int_equal(adah_dataset_record(dataset, 1)->line, 5);
        adah_dataset_close(dataset);
    }
    data_folder_write(folder.path, "metadata.csv", "file_name\na\0b\n", 14);
    assert_refused(1, ADAH_ERROR_FORMAT, "metadata.csv:2: a NUL byte");
}

static void refuses_bad_headers(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "metadata.csv:1: empty, expected a header line"},
        {"\r\n\n", "empty, expected a header line"},
        {"name,text\na,b\n", "metadata.csv:1: no column file_name"},
        {"\nfile_name,text,text\na,b,c\n", "metadata.csv:2: two columns named text"},
        {"\"file_name\na,b\n", "metadata.csv:1: field 1: the closing quote is missing"},
        {"file_name,text\n", "no records"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        data_folder_put(folder.path, "metadata.csv", bad[i].text);
        assert_refused(0, ADAH_ERROR_FORMAT, bad[i].words);
    }
}

static void jsonl_comes_first(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.csv", "file_name\nc.jpg\n");
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"j.jpg\"}");
    adah_dataset *dataset = open_good();
    assert_string_equal(adah_dataset_record(dataset, 0)->file_name, "j.jpg");
    adah_dataset_close(dataset);
}

static void put_csv(const char *text, size_t n) { data_folder_write(folder.path, "metadata.csv", text, n); }

/* The same two records in the dialects of spreadsheets. */
static void reads_dialects(void **state) {
    (void)state;
    static const char *const same[] = {
        "file_name,text,labels\na.jpg,one; two,x|y\nb.jpg,\"three, four\",\n",
        "file_name;text;labels\r\na.jpg;one; two;x|y\r\n", /* refused below */
        "file_name;text;labels\r\na.jpg;\"one; two\";\"x;y\"\r\nb.jpg;three, four;\r\n",
        "sep=;\nfile_name;text;labels\na.jpg;\"one; two\";x|y\nb.jpg;three, four;\n",
        "sep=\t\r\nFile_Name\tText\tLABELS\r\na.jpg\tone; two\tx;y\r\nb.jpg\tthree, four\t\r\n",
        "file_name|text|labels\na.jpg|one; two|x;y\nb.jpg|three, four|\n",
        " text , labels ,\tfile_name\n one; two ,x;y, a.jpg\n \"three, four\" ,, b.jpg\n",
        "file_name,text,labels\ra.jpg,one; two,x|y\rb.jpg,\"three, four\",\r",
        "file_name,caption,label\na.jpg,one; two,x|y\nb.jpg,\"three, four\",\n",
        "id,filename,captions,label\n1,a.jpg,one; two,x|y\n2,b.jpg,\"three, four\",\n",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (i == 1)
            continue;
        for (int form = 0; form < 5; form++) { /* UTF-8, with a mark, UTF-16 little and big, without a mark */
            char bytes[1024];
            size_t n = 0;
            const char *const mark[] = {"", "\xef\xbb\xbf", "\xff\xfe", "\xfe\xff", ""};
            for (; mark[form][n]; n++)
                bytes[n] = mark[form][n];
            for (const char *p = same[i]; *p; p++) {
                if (form == 3)
                    bytes[n++] = '\0';
                bytes[n++] = *p;
                if (form == 2 || form == 4)
                    bytes[n++] = '\0';
            }
            put_csv(bytes, n);
            adah_dataset *dataset = open_good();
            assert_int_equal(adah_dataset_count(dataset), 2);
            assert_string_equal(adah_dataset_record(dataset, 0)->text, "one; two");
            assert_string_equal(adah_dataset_record(dataset, 1)->text, "three, four");
            assert_labels(dataset, 0, "x,y");
            assert_int_equal(strstr(adah_dataset_notes(dataset), "\"label\"") != NULL, i >= 8);
            adah_dataset_close(dataset);
        }
    }
    put_csv(same[1], strlen(same[1]));
    assert_refused(1, ADAH_ERROR_FORMAT, "metadata.csv:2: 4 fields, expected 3");
    put_csv("\xff\xfe" "f\0i", 6);
    assert_refused(0, ADAH_ERROR_FORMAT, "no column file_name in the header line, found \"fi\"");
    put_csv("\xff\xfe\x00\xd8" "a\0", 6);
    assert_refused(0, ADAH_ERROR_FORMAT, "UTF-16, but broken");
    put_csv("name;text\n", 10);
    assert_refused(0, ADAH_ERROR_FORMAT, "found \"name;text\"");
}

/* As a list, as lines, as both, and in CSV; what is said twice counts once. */
static void joins_texts(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"metadata.jsonl", "{\"file_name\": \"a\", \"text\": [\"one\", \"two\\nlines\", \"\", null, \"one\"], \"labels\": [\"x\", \"y\"]}\n{\"file_name\": \"b\"}\n"},
        {"metadata.jsonl", "{\"file_name\": \"a\", \"text\": \"one\", \"labels\": \"x\"}\n{\"file_name\": \"b\"}\n"
                           "{\"file_name\": \"a\", \"text\": \"two\\nlines\", \"labels\": [\"y\"]}\n{\"file_name\": \"a\", \"text\": \"one\"}\n"},
        {"metadata.jsonl", "{\"file_name\": \"a\", \"captions\": [\"one\"], \"label\": [\"x\"], \"split\": \"train\"}\n"
                           "{\"file_name\": \"a\", \"captions\": [\"two lines\"], \"label\": \"y\"}\n{\"file_name\": \"b\"}\n"},
        {"metadata.csv", "file_name,text,labels\na,one,x\na,\"two\nlines\",y\na,,\nb,,\n"},
    };
    for (size_t i = 0; i < 4; i++) {
        data_folder_put(folder.path, same[i][0], same[i][1]);
        adah_dataset *dataset = open_good();
        assert_int_equal(adah_dataset_count(dataset), 2);
        const adah_record *r = adah_dataset_record(dataset, 0);
        assert_string_equal(r->text, "one\ntwo lines");
        assert_int_equal(r->n_texts, 2);
        assert_labels(dataset, 0, "x,y");
        assert_int_equal(adah_dataset_record(dataset, 1)->n_texts, 0);
        assert_int_equal(adah_dataset_rows(dataset), i == 0 ? 2 : i == 2 ? 3 : 4);
        assert_int_equal(adah_dataset_record(dataset, 1)->row, i == 2 ? 2 : i == 3 ? 3 : 1);
        assert_int_equal(strstr(adah_dataset_notes(dataset), "name a file again") != NULL, i > 0);
        adah_dataset_close(dataset);
        if (i == 2)
            unlink(strcat(strcpy((char[512]){0}, folder.path), "/metadata.jsonl"));
    }
    /* One text keeps its line breaks. */
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"a\", \"text\": [\"two\\nlines\"]}\n");
    adah_dataset *dataset = open_good();
    assert_string_equal(adah_dataset_record(dataset, 0)->text, "two\nlines");
    assert_int_equal(adah_dataset_record(dataset, 0)->n_texts, 1);
    adah_dataset_close(dataset);
    char many[101 * 64], *end = many;
    for (int i = 0; i < 101; i++)
        end += sprintf(end, "{\"file_name\": \"a\", \"text\": \"t%d\"}\n", i);
    data_folder_put(folder.path, "metadata.jsonl", many);
    assert_refused(1, ADAH_ERROR_FORMAT, "metadata.jsonl:101: more than 100 texts of one file");
}

/* Numbers, truths, NaN, other spellings of keys, and what is told of them. */
static void reads_other_tools(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.jsonl",
                    "{\"file_name\": \"a\", \"labels\": 7, \"score\": NaN, \"text\": \"is NaN, -Infinity\"}\n"
                    "{\"file_name\": \"b\", \"labels\": [7, 3.0, 0.5, true, null, \"s\"], \"box\": [-Infinity, Infinity, NaN]}\n"
                    "{\"File_Name\": \"c\", \"LABELS\": NaN, \"text\": NaN, \"mask\": NaN, \"split\": NaN}\n"
                    "{\"file_name\": \"e\", \"labels\": \"\", \"text\": \"\", \"mask\": \"\", \"split\": \"\"}\n"
                    "{\"file_name\": \"d\", \"label\": 3, \"labels\": [\"own\"]}\n");
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 5);
    assert_labels(dataset, 0, "7");
    assert_string_equal(adah_dataset_record(dataset, 0)->text, "is NaN, -Infinity");
    assert_labels(dataset, 1, "7,3,0.5,true,s");
    assert_labels(dataset, 2, "");
    assert_labels(dataset, 3, "");
    assert_null(adah_dataset_record(dataset, 3)->mask);
    assert_labels(dataset, 4, "own");
    adah_dataset_close(dataset);
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"a\", \"remark\": \"x\", \"group\": 3}\n");
    dataset = open_good();
    assert_string_equal(adah_dataset_notes(dataset), "no record has a \"text\" or \"labels\"; keys passed over: \"remark\", \"group\"");
    adah_dataset_close(dataset);
    data_folder_put(folder.path, "metadata.jsonl", "{\"photo\": \"a\", \"text\": \"x\"}\n");
    assert_refused(0, ADAH_ERROR_FORMAT, "no file_name, expected the path of an image (and none of the 1 records is good; keys passed over: \"photo\")");
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"a\", \"text\": \"x\"}\n");
    dataset = open_good();
    assert_string_equal(adah_dataset_notes(dataset), "");
    adah_dataset_close(dataset);
}

/* More records and labels than one block of the arena or the first tables hold. */
static void reads_many(void **state) {
    (void)state;
    enum { N = 50000 };
    char *text = malloc(N * 64), *end = text;
    for (int i = 0; i < N; i++)
        end += sprintf(end, "{\"file_name\": \"%d\", \"text\": \"t%d\", \"labels\": [\"%d\"]}\n", i, i, i % 1000);
    data_folder_write(folder.path, "metadata.jsonl", text, (size_t)(end - text));
    free(text);
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), N);
    assert_int_equal(adah_dataset_label_count(dataset), 1000);
    for (int i = 0; i < N; i++) {
        const adah_record *record = adah_dataset_record(dataset, (size_t)i);
        assert_int_equal(atoi(record->file_name), i);
        assert_int_equal(atoi(record->text + 1), i);
        assert_int_equal(record->label[0], (uint32_t)i % 1000);
        assert_int_equal(record->line, (size_t)i + 1);
    }
    adah_dataset_close(dataset);
}

static void reads_shared_sets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t n_records, n_labels;
    } sets[] = {{"data/labelme8", 2017, 8}, {"data/corel5k", 4500, 50}, {"data/flickr8k", 6890, 27}};
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        if (!data_folder_shared(sets[i].name, path))
            skip();
        adah_dataset *dataset = NULL;
        adah_dataset_options options = {.size = sizeof options, .strict = 1, .sources = ADAH_SOURCES_ALL};
        assert_int_equal(adah_dataset_open(path, &options, &dataset, NULL), ADAH_OK);
        assert_int_equal(adah_dataset_count(dataset), sets[i].n_records);
        assert_int_equal(adah_dataset_label_count(dataset), sets[i].n_labels);
        adah_dataset_close(dataset);
    }
}

/* Of a folder whose only file is this metadata. */
static void checksum_of(const char *name, const char *metadata, char checksum[33]) {
    data_folder_put(folder.path, name, metadata);
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_split_checksum(dataset, checksum, NULL), ADAH_OK);
    assert_int_equal(strspn(checksum, "0123456789abcdef"), 32);
    assert_int_equal(strlen(checksum), 32);
    adah_dataset_close(dataset);
}

static adah_dataset *open_chosen(const char *file, const char *const *text, size_t n_text, const char *const *label, size_t n_label, adah_code code,
                                 const char *words) {
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.file_key = file;
    o.text_keys = text;
    o.n_text_keys = n_text;
    o.label_keys = label;
    o.n_label_keys = n_label;
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    if (adah_dataset_open(folder.path, &o, &dataset, &status) != code || (code != ADAH_OK && !strstr(status.message, words)))
        fail_msg("%d: \"%s\", expected %d: \"%s\"", status.code, status.message, code, words);
    return dataset;
}

/* Keys and columns that the user names, several of a kind too, in place of those that are understood. */
static void takes_chosen_keys(void **state) {
    (void)state;
    static const char *const texts[] = {"c1", "c 2"}, *const labels[] = {"kind", "place"}, *const wrong[] = {"caption"};
    static const char *const same[][2] = {
        {"metadata.jsonl", "{\"img_id\": \"a\", \"c1\": \"one\", \"c 2\": [\"two\"], \"text\": \"no\", \"kind\": 3, \"place\": [\"y\"], \"labels\": \"no\"}\n"
                           "{\"img_id\": \"b\", \"c 2\": null, \"c1\": NaN}\n"},
        {"metadata.csv", "place;c1;img_id;text;c 2;kind\ny;one;a;no;two;3\n;;b;;;\n"}};
    for (size_t i = 0; i < 2; i++) {
        data_folder_put(folder.path, same[i][0], same[i][1]);
        adah_dataset *dataset = open_chosen("img_id", texts, 2, labels, 2, ADAH_OK, "");
        assert_int_equal(adah_dataset_count(dataset), 2);
        assert_string_equal(adah_dataset_record(dataset, 0)->text, "one\ntwo");
        assert_int_equal(adah_dataset_record(dataset, 0)->n_labels, 2);
        assert_int_equal(adah_dataset_label_count(dataset), 2);
        assert_int_equal(adah_dataset_record(dataset, 1)->n_texts, 0);
        adah_dataset_close(dataset);
        open_chosen("img_id", wrong, 1, NULL, 0, ADAH_ERROR_FORMAT, "no record has anything under the chosen key \"caption\"; keys passed over: ");
        open_chosen("img_id", NULL, 0, wrong, 1, ADAH_ERROR_FORMAT, "no record has anything under the chosen key \"caption\"; keys passed over: ");
        open_chosen(i ? "other" : "place", NULL, 0, NULL, 0, ADAH_ERROR_FORMAT, i ? "no column file_name" : "is not a string");
        unlink(strcat(strcpy((char[512]){0}, folder.path), i ? "/metadata.csv" : "/metadata.jsonl"));
    }
    data_folder_put(folder.path, "x.jpg", "no picture");
    open_chosen("img_id", NULL, 0, NULL, 0, ADAH_ERROR_ARGUMENT, "no metadata whose keys could be chosen");
}

/* Every spelling names the same file. */
static void resolves_paths(void **state) {
    (void)state;
    char text[4096], real[1100];
    data_folder_put(folder.path, "back\\slash.jpg", "no picture");
    assert_non_null(realpath(folder.path, real));
    snprintf(text, sizeof text,
             "{\"file_name\": \"a/b.jpg\", \"mask\": \".//m.png\"}\n{\"file_name\": \"./a/b.jpg\"}\n{\"file_name\": \"a//b.jpg\"}\n{\"file_name\": \"a/./b.jpg\"}\n"
             "{\"file_name\": \".\\\\a\\\\b.jpg\"}\n{\"file_name\": \"%s/a/b.jpg\"}\n{\"file_name\": \"back\\\\slash.jpg\"}\n"
             "{\"file_name\": \"%s.other/a.jpg\"}\n{\"file_name\": \"a\\\\..\\\\..\\\\c.jpg\"}\n",
             real, real);
    data_folder_put(folder.path, "metadata.jsonl", text);
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 2);
    assert_string_equal(adah_dataset_record(dataset, 0)->file_name, "a/b.jpg");
    assert_string_equal(adah_dataset_record(dataset, 0)->mask, "m.png");
    assert_string_equal(adah_dataset_record(dataset, 1)->file_name, "back\\slash.jpg");
    const char *bad;
    assert_int_equal(adah_dataset_skipped(dataset, &bad), 2);
    assert_non_null(strstr(bad, "is absolute"));
    assert_non_null(strstr(bad, "has a part \"..\""));
    adah_dataset_close(dataset);
}

/* As pandas writes columns of lists. */
static void reads_lists_of_python(void **state) {
    (void)state;
    static const char csv[] = "file_name,text,labels\n"
                              "a,\"['one', \"\"it's two\"\"]\",\"['x', 'y;z']\"\n"
                              "b,[untitled],\"[1, 2]\"\n"
                              "c,\"['it\\'s']\",[]\n"
                              "d,\"['open]\",x|y\n";
    put_csv(csv, sizeof csv - 1);
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_count(dataset), 4);
    assert_string_equal(adah_dataset_record(dataset, 0)->text, "one\nit's two");
    assert_labels(dataset, 0, "x,y;z");
    assert_string_equal(adah_dataset_record(dataset, 1)->text, "[untitled]");
    assert_labels(dataset, 1, "1,2");
    assert_string_equal(adah_dataset_record(dataset, 2)->text, "it's");
    assert_int_equal(adah_dataset_record(dataset, 2)->n_labels, 0);
    assert_string_equal(adah_dataset_record(dataset, 3)->text, "['open]");
    assert_int_equal(adah_dataset_record(dataset, 3)->n_labels, 2);
    adah_dataset_close(dataset);
}

/* What is called validation asks where nothing else does. */
static void understands_names_of_splits(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"a\", \"split\": \"Training\"}\n"
                                                   "{\"file_name\": \"b\", \"split\": \"val\"}\n"
                                                   "{\"file_name\": \"b\", \"split\": \"dev\", \"text\": \"more\"}\n"
                                                   "{\"file_name\": \"c\", \"split\": \"gallery\"}\n");
    adah_dataset *dataset = open_good();
    assert_int_equal(adah_dataset_record(dataset, 0)->split, ADAH_SPLIT_TRAIN);
    assert_int_equal(adah_dataset_record(dataset, 1)->split, ADAH_SPLIT_QUERY);
    assert_int_equal(adah_dataset_record(dataset, 2)->split, ADAH_SPLIT_DATABASE);
    assert_non_null(strstr(adah_dataset_notes(dataset), "taken for the split \"query\": \"val\", \"dev\""));
    adah_dataset_close(dataset);
    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"a\", \"split\": \"validation\"}\n{\"file_name\": \"b\", \"split\": \"TEST\"}\n");
    dataset = open_good();
    assert_int_equal(adah_dataset_record(dataset, 0)->split, ADAH_SPLIT_DATABASE);
    assert_int_equal(adah_dataset_record(dataset, 1)->split, ADAH_SPLIT_QUERY);
    assert_non_null(strstr(adah_dataset_notes(dataset), "taken for the split \"database\", since others ask: \"validation\""));
    adah_dataset_close(dataset);
}

static void sums_up_the_split(void **state) {
    (void)state;
    char sum[33], other[33];
    checksum_of("metadata.csv", "file_name,text,split\na,words,query\nb,,\n", sum);
    checksum_of("metadata.jsonl", "{\"file_name\": \"a\", \"labels\": [\"x\"], \"split\": \"test\"}\n"
                                  "{\"file_name\": \"b\", \"split\": \"train\"}\n", other);
    assert_string_equal(sum, other); /* texts, labels and the kind of file do not count */
    static const char *const differing[] = {
        "{\"file_name\": \"a\", \"split\": \"query\"}\n{\"file_name\": \"b\", \"split\": \"query\"}\n",
        "{\"file_name\": \"a\", \"split\": \"query\"}\n{\"file_name\": \"b\", \"split\": \"database\"}\n",
        "{\"file_name\": \"a\", \"split\": \"query\"}\n{\"file_name\": \"c\"}\n",
        "{\"file_name\": \"b\"}\n{\"file_name\": \"a\", \"split\": \"query\"}\n",
        "{\"file_name\": \"a\", \"split\": \"query\"}\n"};
    for (size_t i = 0; i < sizeof differing / sizeof *differing; i++) {
        checksum_of("metadata.jsonl", differing[i], other);
        assert_string_not_equal(sum, other);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_jsonl),
        TEST(understands_names_of_splits),
        TEST(takes_chosen_keys),
        TEST(resolves_paths),
        TEST(reads_lists_of_python),
        TEST(sums_up_the_split),
        TEST(refuses_bad_json),
        TEST(bad_record_keeps_no_name),
        TEST(rows_are_records), TEST(refuses_without_records),
        TEST(refuses_long_lines),
        TEST(refuses_deep_json),
        TEST(reads_csv),
        TEST(refuses_bad_csv),
        TEST(refuses_bad_headers),
        TEST(jsonl_comes_first),
        TEST(reads_dialects),
        TEST(joins_texts),
        TEST(reads_other_tools),
        TEST(reads_many),
        TEST(reads_shared_sets),
    };
    return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
