/* (unit) test_dataset_folder.c - a folder of pictures without metadata: what is listed, and what is said of each picture by which source. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/folder_words.h"
#include "data/picture_tags.h"
#include "data/sidecar.h"
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

/* Pictures are not opened by the sources that are tested here. */
static void put_picture(const char *name) { data_folder_put(folder.path, name, "no picture"); }

static adah_dataset *open_with(uint64_t sources) {
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.sources = sources;
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    if (adah_dataset_open(folder.path, &o, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

static const adah_record *find(const adah_dataset *dataset, const char *name) {
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        if (!strcmp(adah_dataset_record(dataset, i)->file_name, name))
            return adah_dataset_record(dataset, i);
    fail_msg("no record %s", name);
    return NULL;
}

/* The labels in the order of their names do not matter: each of "a,b" must be there, and no other. */
static void assert_says(const adah_dataset *dataset, const char *name, const char *text, unsigned text_sources, const char *labels,
                        unsigned label_sources) {
    const adah_record *r = find(dataset, name);
    assert_string_equal(r->text, text);
    assert_int_equal(r->text_sources, text_sources);
    assert_int_equal(r->label_sources, label_sources);
    size_t n = 0;
    for (const char *p = labels; *p; n++) {
        const size_t width = strcspn(p, ",");
        int is_there = 0;
        for (size_t k = 0; k < r->n_labels; k++) {
            const char *label = adah_dataset_label_name(dataset, r->label[k]);
            is_there |= strlen(label) == width && !strncmp(label, p, width);
        }
        if (!is_there)
            fail_msg("%s lacks the label %.*s", name, (int)width, p);
        p += width + (p[width] == ',');
    }
    assert_int_equal(r->n_labels, n);
}

static void lists_as_people_keep_them(void **state) {
    (void)state;
    char inside[1100];
    put_picture("b.JPG");
    put_picture("a.png");
    put_picture("z/y/c.webp");
    put_picture("B/d.tiff");
    put_picture(".hidden.jpg");
    put_picture(".thumbnails/e.jpg");
    put_picture("z/@eaDir/f.jpg");
    put_picture("__MACOSX/._b.jpg");
    put_picture("Thumbs.db");
    put_picture("film.mov");
    put_picture("raw.NEF");
    put_picture("b.nef"); /* b.JPG lies beside it */
    put_picture("jpg");
    snprintf(inside, sizeof inside, "%s/z/back", folder.path);
    assert_int_equal(symlink("..", inside), 0); /* a circle */
    snprintf(inside, sizeof inside, "%s/linked.jpg", folder.path);
    assert_int_equal(symlink("b.JPG", inside), 0);
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL);
    static const char *const names[] = {"a.png", "b.JPG", "linked.jpg", "raw.NEF", "B/d.tiff", "z/y/c.webp"};
    assert_int_equal(adah_dataset_count(dataset), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(adah_dataset_record(dataset, i)->file_name, names[i]);
    assert_int_equal(adah_dataset_record(dataset, 0)->line, 0);
    const char *notes = adah_dataset_notes(dataset);
    assert_non_null(strstr(notes, "the 6 pictures"));
    assert_non_null(strstr(notes, "files of raw camera data, passed over, since their pictures lie beside them: 1; the first: b.nef"));
    assert_non_null(strstr(notes, "no pictures by their names: 2; the first: film.mov"));
    adah_dataset_close(dataset);
}

static void takes_each_source_in_order(void **state) {
    (void)state;
    put_picture("Italy/IMG_0001.jpg"); /* folder alone */
    put_picture("Italy/old bridge.jpg");
    put_picture("Italy/x.jpg");
    data_folder_put(folder.path, "Italy/x.jpg.txt", "a boat\r\n\r\nblue water\n");
    put_picture("Italy/y.jpeg");
    data_folder_write(folder.path, "Italy/y.TXT", "\xff\xfe" "a\0\xe9\0", 6);
    put_picture("2019/07/cat-1.jpg");
    put_picture("2019/07/DSC00017.JPG");
    data_folder_put(folder.path, "2019/07/DSC00017.JPG.supplemental-metada.json",
                    "{\"title\": \"DSC00017.JPG\", \"description\": \"At the sea\", \"people\": [{\"name\": \"Anna\"}, {\"name\": \"Bo\"}], \"n\": NaN}");
    put_picture("2019/07/DSC00018.JPG");
    data_folder_put(folder.path, "2019/07/DSC00018.json", "{\"description\": \"\", \"tags\": [\"Places/Rome\", \"dog\"]}");
    put_picture("2019/boxes.jpg");
    data_folder_put(folder.path, "2019/boxes.txt", "0 0.5 0.5 1e-1 .2\n");
    data_folder_put(folder.path, "2019/README.txt", "not of a picture");
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL);
    assert_says(dataset, "Italy/IMG_0001.jpg", "Italy", ADAH_SOURCE_FOLDERS, "Italy", ADAH_SOURCE_FOLDERS);
    assert_says(dataset, "Italy/old bridge.jpg", "old bridge", ADAH_SOURCE_NAMES, "Italy", ADAH_SOURCE_FOLDERS);
    assert_says(dataset, "Italy/x.jpg", "a boat\nblue water", ADAH_SOURCE_SIDECARS, "Italy", ADAH_SOURCE_FOLDERS);
    assert_int_equal(find(dataset, "Italy/x.jpg")->n_texts, 2);
    assert_says(dataset, "Italy/y.jpeg", "a\xc3\xa9", ADAH_SOURCE_SIDECARS, "Italy", ADAH_SOURCE_FOLDERS);
    assert_says(dataset, "2019/07/cat-1.jpg", "cat", ADAH_SOURCE_NAMES, "", 0);
    assert_says(dataset, "2019/07/DSC00017.JPG", "At the sea", ADAH_SOURCE_SIDECARS, "Anna,Bo", ADAH_SOURCE_SIDECARS);
    assert_says(dataset, "2019/07/DSC00018.JPG", "Places, Rome, dog", ADAH_SOURCE_SIDECARS, "Places,Rome,dog", ADAH_SOURCE_SIDECARS);
    assert_says(dataset, "2019/boxes.jpg", "boxes", ADAH_SOURCE_NAMES, "", 0);
    assert_non_null(strstr(adah_dataset_notes(dataset), "not understood: 1; the first: "));
    assert_non_null(strstr(adah_dataset_notes(dataset), "boxes.txt: numbers alone"));
    adah_dataset_close(dataset);

    dataset = open_with(ADAH_SOURCES_ALL & ~(uint64_t)ADAH_SOURCE_SIDECARS);
    assert_says(dataset, "Italy/x.jpg", "Italy", ADAH_SOURCE_FOLDERS, "Italy", ADAH_SOURCE_FOLDERS);
    adah_dataset_close(dataset);
    dataset = open_with(ADAH_SOURCE_NAMES);
    assert_says(dataset, "Italy/old bridge.jpg", "old bridge", ADAH_SOURCE_NAMES, "", 0);
    assert_says(dataset, "Italy/IMG_0001.jpg", "", 0, "", 0);
    adah_dataset_close(dataset);

    data_folder_put(folder.path, "metadata.jsonl", "{\"file_name\": \"Italy/x.jpg\", \"text\": \"given\"}");
    dataset = open_with(ADAH_SOURCES_ALL);
    assert_int_equal(adah_dataset_count(dataset), 1);
    assert_says(dataset, "Italy/x.jpg", "given", ADAH_SOURCE_METADATA, "", 0);
    adah_dataset_close(dataset);
    dataset = open_with(ADAH_SOURCES_ALL & ~(uint64_t)ADAH_SOURCE_METADATA);
    assert_int_equal(adah_dataset_count(dataset), 8);
    adah_dataset_close(dataset);
}

static void takes_folders_for_splits(void **state) {
    (void)state;
    put_picture("images/train/0/a.jpg");
    put_picture("images/train/1/b.jpg");
    put_picture("images/Val2017/0/c.jpg");
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL);
    assert_says(dataset, "images/train/1/b.jpg", "1", ADAH_SOURCE_FOLDERS, "1", ADAH_SOURCE_FOLDERS);
    assert_int_equal(find(dataset, "images/train/0/a.jpg")->split, ADAH_SPLIT_TRAIN);
    assert_int_equal(find(dataset, "images/Val2017/0/c.jpg")->split, ADAH_SPLIT_QUERY);
    adah_dataset_close(dataset);
    put_picture("images/test/1/d.jpg"); /* now others ask */
    dataset = open_with(ADAH_SOURCES_ALL);
    assert_int_equal(find(dataset, "images/Val2017/0/c.jpg")->split, ADAH_SPLIT_DATABASE);
    assert_int_equal(find(dataset, "images/test/1/d.jpg")->split, ADAH_SPLIT_QUERY);
    adah_dataset_close(dataset);
    put_picture("images/beach/e.jpg"); /* a folder "test" among others is one of them */
    dataset = open_with(ADAH_SOURCES_ALL);
    assert_says(dataset, "images/test/1/d.jpg", "test 1", ADAH_SOURCE_FOLDERS, "test,1", ADAH_SOURCE_FOLDERS);
    assert_int_equal(find(dataset, "images/test/1/d.jpg")->split, ADAH_SPLIT_TRAIN);
    adah_dataset_close(dataset);
}

/* A picture stays a query, or none, when others come. */
static void draws_queries_by_name(void **state) {
    (void)state;
    char name[64], query[400];
    size_t n_queries = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%c/IMG_%04d.jpg", 'a' + i % 7, i);
        put_picture(name);
    }
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL);
    for (size_t i = 0; i < 200; i++)
        n_queries += (query[i] = adah_dataset_record(dataset, i)->split == ADAH_SPLIT_QUERY);
    assert_true(n_queries > 5 && n_queries < 45);
    for (int i = 200; i < 400; i++) {
        snprintf(name, sizeof name, "z/IMG_%04d.jpg", i);
        put_picture(name);
    }
    adah_dataset *more = open_with(ADAH_SOURCES_ALL);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(find(more, adah_dataset_record(dataset, i)->file_name)->split == ADAH_SPLIT_QUERY, query[i]);
    adah_dataset_close(more);
    adah_dataset_close(dataset);
}

static void assert_not_found(const char *path, const char *words) {
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    assert_int_equal(adah_dataset_open(path, NULL, &dataset, &status), ADAH_ERROR_NOT_FOUND);
    if (!strstr(status.message, words))
        fail_msg("\"%s\" does not hold \"%s\"", status.message, words);
}

/* As Hugging Face's image folders are: metadata for each split, with paths from there. */
static void reads_metadata_of_folders(void **state) {
    (void)state;
    char text[2400], real[1100];
    assert_non_null(realpath(folder.path, real));
    put_picture("other/c.jpg");
    data_folder_put(folder.path, "train/metadata.csv", "file_name,text\nno.jpg,jsonl wins\n");
    data_folder_put(folder.path, "train/metadata.jsonl", "{\"file_name\": \"a.jpg\", \"text\": \"one\"}\n{\"file_name\": \".\\\\x\\\\b.jpg\", \"split\": \"database\"}\n"
                                                         "{\"file_name\": \"../c.jpg\"}\n");
    snprintf(text, sizeof text, "file_name,text\na.jpg,two\n%s/test/d.jpg,three\n", real);
    data_folder_put(folder.path, "test/metadata.csv", text);
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL);
    assert_int_equal(adah_dataset_count(dataset), 4);
    assert_says(dataset, "train/a.jpg", "one", ADAH_SOURCE_METADATA, "", 0);
    assert_says(dataset, "test/a.jpg", "two", ADAH_SOURCE_METADATA, "", 0);
    assert_int_equal(find(dataset, "train/a.jpg")->split, ADAH_SPLIT_TRAIN);
    assert_int_equal(find(dataset, "train/x/b.jpg")->split, ADAH_SPLIT_DATABASE);
    assert_int_equal(find(dataset, "test/a.jpg")->split, ADAH_SPLIT_QUERY);
    assert_int_equal(find(dataset, "test/d.jpg")->split, ADAH_SPLIT_QUERY);
    const char *bad;
    assert_int_equal(adah_dataset_skipped(dataset, &bad), 1);
    assert_non_null(strstr(bad, "train/metadata.jsonl:3: "));
    assert_non_null(strstr(adah_dataset_notes(dataset), "\"test/metadata.csv\", \"train/metadata.jsonl\""));
    adah_dataset_close(dataset);
    dataset = open_with(ADAH_SOURCES_ALL & ~(uint64_t)ADAH_SOURCE_METADATA);
    assert_int_equal(adah_dataset_count(dataset), 1);
    adah_dataset_close(dataset);
}

/* So many labels that they are found again by a table. */
static void takes_each_of_many_labels_once(void **state) {
    (void)state;
    enum { N = 5000 };
    static char lines[2 * N * 12];
    size_t n = 0;
    for (int i = 0; i < 2 * N; i++)
        n += (size_t)snprintf(lines + n, sizeof lines - n, "line %d\n", i * 7 % N);
    put_picture("a.jpg");
    put_picture("b.jpg");
    put_picture("c.jpg");
    data_folder_put(folder.path, "a.cls", lines);
    data_folder_put(folder.path, "b.cls", "line 1\nline 1\n");
    data_folder_put(folder.path, "c.cls", lines);
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL);
    assert_int_equal(find(dataset, "a.jpg")->n_labels, N);
    assert_int_equal(find(dataset, "b.jpg")->n_labels, 1);
    assert_int_equal(find(dataset, "c.jpg")->n_labels, N);
    adah_dataset_close(dataset);
}

static void refuses_what_has_no_picture(void **state) {
    (void)state;
    assert_not_found(folder.path, "nor any picture");
    data_folder_put(folder.path, "a/b.zip", "PK");
    assert_not_found(folder.path, "unpack it");
    data_folder_put(folder.path, "file.txt", "x");
    char path[1100];
    snprintf(path, sizeof path, "%s/file.txt", folder.path);
    assert_not_found(path, "Not a directory");
    data_folder_put(folder.path, "\xff.jpg", "a name that is not UTF-8");
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    assert_int_equal(adah_dataset_open(folder.path, NULL, &dataset, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "none of the 1 pictures is good"));
    put_picture("good.jpg");
    assert_int_equal(adah_dataset_open(folder.path, NULL, &dataset, &status), ADAH_OK);
    assert_int_equal(adah_dataset_count(dataset), 1);
    const char *bad;
    assert_int_equal(adah_dataset_skipped(dataset, &bad), 1);
    assert_non_null(strstr(bad, "UTF-8"));
    adah_dataset_close(dataset);
    adah_dataset_options strict = {.size = sizeof strict, .strict = 1, .sources = ADAH_SOURCES_ALL};
    assert_int_equal(adah_dataset_open(folder.path, &strict, &dataset, &status), ADAH_ERROR_FORMAT);
}

static void hears_words_of_file_names(void **state) {
    (void)state;
    static const struct {
        const char *name, *words;
    } names[] = {{"a/bird-on_lake (2).jpg", "bird on lake"},
                 {"IMG_1234.JPG", ""},
                 {"DSC00017.jpg", ""},
                 {"PXL_20210704_101500123.MP.jpg", ""},
                 {"IMG-20200101-WA0003.jpg", ""},
                 {"Screenshot 2024-01-01 at 10.15.png", ""},
                 {"WhatsApp Image 2020-01-01.jpeg", ""},
                 {"1000268201_693b08cb0e.jpg", ""},
                 {"000000000042.jpg", ""},
                 {"b.jpg", ""},
                 {"Anna's caf\xc3\xa9.jpeg", "Anna's caf\xc3\xa9"},
                 {"coast_arnat59.jpg", "coast"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        adah_text words = {0};
        adah_text_add(&words, "%s", "");
        adah_file_name_words(names[i].name, &words);
        assert_string_equal(words.bytes, names[i].words);
        adah_text_free(&words);
    }
}

static void knows_sidecars_by_name(void **state) {
    (void)state;
    assert_true(adah_sidecar_belongs("a/x.jpg", "a/x.txt"));
    assert_true(adah_sidecar_belongs("a/x.jpg", "a/x.jpg.TXT"));
    assert_true(adah_sidecar_belongs("a/x.jpg", "a/x.JSON"));
    assert_true(adah_sidecar_belongs("a/x.jpg", "a/x.jpg.suppl.json"));
    assert_false(adah_sidecar_belongs("a/x.jpg", "a/x.png.txt"));
    assert_false(adah_sidecar_belongs("a/x.jpg", "a/x.jpg"));
    assert_false(adah_sidecar_belongs("a/x.jpg", "a/xy.txt"));
    assert_false(adah_sidecar_belongs("a/x.jpg", "a/x.jpg.d/y.json"));
    assert_false(adah_sidecar_belongs("a/x.jpg", "a/x.jpg.other.txt"));
}

/* ---------------------------------------------------------------- inside of pictures */

typedef struct jpeg {
    unsigned char bytes[8192];
    size_t n;
} jpeg;

static void put(jpeg *j, const void *bytes, size_t n) {
    assert_true(j->n + n <= sizeof j->bytes);
    memcpy(j->bytes + j->n, bytes, n);
    j->n += n;
}

static void put_segment(jpeg *j, int marker, const void *head, size_t n_head, const void *body, size_t n_body) {
    const size_t n = 2 + n_head + n_body;
    put(j, (unsigned char[]){0xff, (unsigned char)marker, (unsigned char)(n >> 8), (unsigned char)n}, 4);
    put(j, head, n_head);
    put(j, body, n_body);
}

/* XMP of one Description with these elements in it. */
static void format_xmp(char xmp[4096], const char *elements) {
    snprintf(xmp, 4096,
             "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
             "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:lr='http://ns.adobe.com/lightroom/1.0/' "
             "xmlns:digiKam='http://www.digikam.org/ns/1.0/'>%s</rdf:Description></rdf:RDF></x:xmpmeta>",
             elements);
}

static void put_xmp(jpeg *j, const char *elements) {
    char xmp[4096];
    format_xmp(xmp, elements);
    put_segment(j, 0xe1, "http://ns.adobe.com/xap/1.0/", 29, xmp, strlen(xmp));
}

/* A caption and two keywords of IPTC, in Latin-1. */
static void put_iptc(jpeg *j) {
    static const unsigned char data[] = "Photoshop 3.0\0" "8BIM\x04\x04\0\0\0\0\0\x21"
                                        "\x1c\x02\x19\0\x04" "rain" "\x1c\x02\x19\0\x05" "AC/DC" "\x1c\x02\x78\0\x09" "A caf\xe9 he";
    put_segment(j, 0xed, data, sizeof data - 1, "", 1); /* the field is padded */
}

/* ImageDescription and XPKeywords of EXIF. */
static void put_exif(jpeg *j, const char *description) {
    unsigned char tiff[256] = "II*\0\x08\0\0\0\x02\0"
                              "\x0e\x01\x02\0\0\0\0\0\x40\0\0\0"  /* at 64 */
                              "\x9e\x9c\x01\0\x0e\0\0\0\x26\0\0\0"; /* at 38 */
    memcpy(tiff + 38, "s\0u\0n\0;\0s\0a\0\0\0", 14);
    memcpy(tiff + 64, description, strlen(description));
    tiff[14] = (unsigned char)(strlen(description) + 1);
    put_segment(j, 0xe1, "Exif\0\0", 6, tiff, 64 + strlen(description) + 1);
}

static void write_jpeg(jpeg *j, const char *name) {
    put(j, "\xff\xd9", 2);
    data_folder_write(folder.path, name, j->bytes, j->n);
    *j = (jpeg){{0xff, 0xd8}, 2};
}

static void reads_what_is_written_into_pictures(void **state) {
    (void)state;
    if (adah_picture_tags_missing()) {
        print_message("SKIPPED: %s\n", adah_picture_tags_missing());
        return;
    }
    jpeg j = {{0xff, 0xd8}, 2};
    char xmp[4096];
    put_iptc(&j);
    write_jpeg(&j, "a/1.jpg");
    put_xmp(&j, "<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>Ein Hund</rdf:li><rdf:li xml:lang='en'>A dog</rdf:li></rdf:Alt></dc:description>"
                "<dc:subject><rdf:Bag><rdf:li>Dog</rdf:li></rdf:Bag></dc:subject>"
                "<lr:hierarchicalSubject><rdf:Bag><rdf:li>Animals|Dog</rdf:li></rdf:Bag></lr:hierarchicalSubject>"
                "<digiKam:TagsList><rdf:Seq><rdf:li>Places/Italy</rdf:li><rdf:li>_Digikam_Internal_Tags_/x</rdf:li></rdf:Seq></digiKam:TagsList>");
    write_jpeg(&j, "a/2.jpg");
    put_exif(&j, "OLYMPUS DIGITAL CAMERA");
    write_jpeg(&j, "a/3.jpg");
    put_exif(&j, "A bridge");
    write_jpeg(&j, "b/4.jpg");
    data_folder_put(folder.path, "b/4.txt", "Nearer");
    put_picture("b/5.jpg");
    format_xmp(xmp, "<dc:subject><rdf:Bag><rdf:li>beside</rdf:li></rdf:Bag></dc:subject>");
    data_folder_put(folder.path, "b/5.xmp", xmp);
    adah_dataset *dataset = open_with(ADAH_SOURCES_ALL & ~(uint64_t)ADAH_SOURCE_FOLDERS);
    assert_says(dataset, "a/1.jpg", "A caf\xc3\xa9 he", ADAH_SOURCE_PICTURES, "rain,AC/DC", ADAH_SOURCE_PICTURES);
    const adah_record *dog = find(dataset, "a/2.jpg");
    assert_int_equal(dog->n_texts, 2);
    assert_true(strstr(dog->text, "Ein Hund") && strstr(dog->text, "A dog"));
    assert_says(dataset, "a/2.jpg", dog->text, ADAH_SOURCE_PICTURES, "Dog,Animals,Places,Italy", ADAH_SOURCE_PICTURES);
    assert_says(dataset, "a/3.jpg", "sun, sa", ADAH_SOURCE_PICTURES, "sun,sa", ADAH_SOURCE_PICTURES);
    assert_says(dataset, "b/4.jpg", "Nearer", ADAH_SOURCE_SIDECARS, "sun,sa", ADAH_SOURCE_PICTURES);
    assert_says(dataset, "b/5.jpg", "beside", ADAH_SOURCE_SIDECARS, "beside", ADAH_SOURCE_SIDECARS);
    adah_dataset_close(dataset);
    dataset = open_with(ADAH_SOURCE_SIDECARS);
    assert_says(dataset, "b/4.jpg", "Nearer", ADAH_SOURCE_SIDECARS, "", 0);
    assert_says(dataset, "a/1.jpg", "", 0, "", 0);
    adah_dataset_close(dataset);
}

static void passes_over_what_cameras_write(void **state) {
    (void)state;
    static const char *const made[] = {"", "  ", "OLYMPUS DIGITAL CAMERA", "SONY DSC", "<KENOX S630>", "{\"a\": 1}", "DCIM\\100MEDIA\\DJI_0001.JPG", "12"};
    static const char *const said[] = {"A boat", "My first digital camera was a gift from Anna, and this is the first picture", "caf\xe9"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        assert_true(adah_caption_is_made(made[i], strlen(made[i])));
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_false(adah_caption_is_made(said[i], strlen(said[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_as_people_keep_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_each_source_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_folders_for_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(draws_queries_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_metadata_of_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_has_no_picture, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_each_of_many_labels_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_what_is_written_into_pictures, set_up, tear_down),
        cmocka_unit_test(passes_over_what_cameras_write),
        cmocka_unit_test(hears_words_of_file_names),
        cmocka_unit_test(knows_sidecars_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
