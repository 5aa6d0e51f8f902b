/* (unit) test_openclipart.c - drawings into a data set: labels by folder and keyword, words, copies, what is left out. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/image.h"
#include "data/svg_words.h"
#include "data_folder.h"

static temporary_folder folder;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_restore_stderr();
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

#define HEAD                                                                                                         \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" "           \
    "height=\"50\">"                                                                                                 \
    "<metadata><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "                                  \
    "xmlns:cc=\"http://web.resource.org/cc/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><cc:Work "               \
    "rdf:about=\"\">"
#define TAIL "</cc:Work></rdf:RDF></metadata>"
#define SQUARE "<rect x=\"10\" y=\"10\" width=\"10\" height=\"10\" fill=\"#ff0000\"/></svg>"

/* A drawing of its own (the comment makes its bytes differ), with a description. */
static void put_drawing(const char *name, const char *title, const char *creator, const char *keywords) {
    char text[4096];
    snprintf(text, sizeof text,
             HEAD "<dc:title>%s</dc:title><dc:creator><cc:Agent><dc:title>%s</dc:title></cc:Agent></dc:creator>"
                  "<dc:subject><rdf:Bag>%s</rdf:Bag></dc:subject>" TAIL "<!-- %s -->" SQUARE,
             title, creator, keywords, name);
    data_folder_put(inside("svg"), name, text);
}

static int count_calls(void *user, const adah_progress_event *event) {
    int *n = user;
    assert_non_null(event->stage);
    assert_true(event->done <= event->total);
    return --*n == 0;
}

static adah_convert_result result;

static adah_code convert(const char *to, const adah_convert_options *options, adah_status *status) {
    const char *const from = inside("svg");
    return adah_convert("openclipart", &from, 1, inside(to), options, (adah_progress){NULL, NULL}, &result, status);
}

/* The record that came from that file; NULL when it was left out. */
static const adah_record *find(const adah_dataset *dataset, const char *metadata, const char *source) {
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\"source\": \"%s\"", source);
    const char *place = strstr(metadata, wanted);
    if (!place)
        return NULL;
    size_t line = 1;
    for (const char *p = metadata; p < place; p++)
        line += *p == '\n';
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        if (adah_dataset_record(dataset, i)->line == line)
            return adah_dataset_record(dataset, i);
    return NULL;
}

static void assert_record(const adah_dataset *dataset, const adah_record *record, const char *text,
                          const char *labels) {
    assert_non_null(record);
    assert_string_equal(record->text, text);
    char joined[256] = "";
    for (size_t i = 0; i < record->n_labels; i++) {
        strcat(joined, i ? "," : "");
        strcat(joined, adah_dataset_label_name(dataset, record->label[i]));
    }
    assert_string_equal(joined, labels);
}

/* 248 drawings: 24 animals, 22 foods, 202 of no use (in a folder that is too broad, or too small). */
static void put_collection(void) {
    char name[64], title[64];
    for (int i = 0; i < 24; i++) {
        snprintf(name, sizeof name, "animals/beast_%02d.svg", i);
        snprintf(title, sizeof title, "Beast %c", 'a' + i);
        put_drawing(name, title, "Anna Maler", "<rdf:li>creature</rdf:li>");
    }
    for (int i = 0; i < 22; i++) {
        snprintf(name, sizeof name, "food/dish_%02d.svg", i);
        put_drawing(name, "The same title of all dishes", "", "<rdf:li>meal</rdf:li>");
    }
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "computer/thing_%02d.svg", i);
        put_drawing(name, "Thing", "", "<rdf:li>object</rdf:li>");
    }
    put_drawing("rare/one.svg", "One thing", "", "");
    put_drawing("rare/two.svg", "Two things", "", "");
}

static void labels_and_words(void **state) {
    (void)state;
    put_collection();
    put_drawing("animals/red_fox_anna_mal_01.svg", "Fox and Anna's den", "Anna Maler",
                "<rdf:li>Animal</rdf:li><rdf:li>wildlife</rdf:li><rdf:li>anna maler</rdf:li><rdf:li>unsorted</rdf:li>"
                "<rdf:li>lemon_theme_icon</rdf:li><rdf:li>colour x8a3ecd 1989</rdf:li>");
    put_drawing("rare/pie.svg", "Apple &amp; pie", "Bo", "<rdf:li>foods</rdf:li><rdf:li>Food</rdf:li>");
    put_drawing("animals/copy.svg", "", "", "<rdf:li>owl</rdf:li>");
    size_t n;
    char *copy = data_folder_read(inside("svg"), "animals/copy.svg", &n);
    data_folder_write(inside("svg"), "food/other_name.svg", copy, n);
    free(copy);
    assert_int_equal(symlink("../animals/copy.svg", inside("svg/rare/link.svg")), 0);
    assert_int_equal(symlink("nowhere", inside("svg/rare/dangling.svg")), 0);
    put_drawing("animals/star_05pt02step.svg", "generated", "", "");
    static const char *const no_pictures[] = {"computer/icons/fox.svg", "animals/patterns/fox.svg", "icons/fox.svg"};
    for (size_t i = 0; i < sizeof no_pictures / sizeof *no_pictures; i++)
        put_drawing(no_pictures[i], "Fox", "", "<rdf:li>animal</rdf:li>");
    put_drawing("animals/old_frog_with_umbrel_01.svg", "Old frogs with umbrella", "", ""); /* names are cut short */
    /* the same drawing in two folders, with words of its own in each */
    data_folder_put(inside("svg"), "animals/pie_bird.svg", HEAD "<dc:title>Blackbird</dc:title>" TAIL "<!-- one -->" SQUARE);
    data_folder_put(inside("svg"), "food/pie_filling.svg", HEAD "<dc:title>Bird</dc:title>" TAIL "<!-- one -->" SQUARE);
    data_folder_put(inside("svg"), "animals/broken.svg", "<svg><g></svg>");
    data_folder_put(inside("svg"), "animals/empty.svg", "");
    data_folder_put(inside("svg"), "animals/blank_page.svg", HEAD "<dc:title>Blank</dc:title>" TAIL "</svg>");
    data_folder_put(inside("svg"), "animals/readme.txt", "not a drawing");
    put_drawing("animals/animal_12.svg", "Animals", "", "");

    adah_status status = {0};
    adah_convert_options options = {.size = sizeof options, .n_concepts = 21, .n_side = 32, .query_share = 0.25, .seed = 3};
    if (convert("set", &options, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    adah_dataset *dataset;
    adah_dataset_options strict = {.size = sizeof strict, .strict = 1, .sources = ADAH_SOURCES_ALL};
    assert_int_equal(adah_dataset_open(inside("set"), &strict, &dataset, NULL), ADAH_OK);
    char *metadata = data_folder_read(inside("set"), "metadata.jsonl", &n);
    assert_int_equal(adah_dataset_label_count(dataset), 2);
    assert_record(dataset, find(dataset, metadata, "animals/beast_03.svg"), "beast creature", "animals");
    assert_record(dataset, find(dataset, metadata, "food/dish_03.svg"), "meal dish", "food");
    assert_record(dataset, find(dataset, metadata, "animals/red_fox_anna_mal_01.svg"), "fox den animal wildlife colour red",
                  "animals");
    assert_record(dataset, find(dataset, metadata, "rare/pie.svg"), "apple pie foods", "food");
    assert_record(dataset, find(dataset, metadata, "animals/copy.svg"), "owl copy other name link", "animals,food");
    assert_record(dataset, find(dataset, metadata, "animals/pie_bird.svg"), "blackbird pie bird filling", "animals,food");
    assert_record(dataset, find(dataset, metadata, "animals/old_frog_with_umbrel_01.svg"), "old frogs with umbrella", "animals");
    assert_record(dataset, find(dataset, metadata, "animals/animal_12.svg"), "animals", "animals");
    static const char *const left_out[] = {
        "rare/link.svg",         "food/other_name.svg", "rare/dangling.svg",      "animals/star_05pt02step.svg",
        "animals/broken.svg",    "animals/empty.svg",   "animals/blank_page.svg", "animals/readme.txt",
        "computer/thing_03.svg", "rare/one.svg",        "food/pie_filling.svg",   "computer/icons/fox.svg",
        "animals/patterns/fox.svg", "icons/fox.svg"};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        assert_null(find(dataset, metadata, left_out[i]));
    assert_int_equal(adah_dataset_count(dataset), 24 + 22 + 6);
    assert_int_equal(result.n_records, 24 + 22 + 6);
    assert_int_equal(result.n_labels, 2);
    assert_int_equal(result.n_left_out, 1); /* the blank page shows nothing */
    size_t n_queries = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        n_queries += adah_dataset_record(dataset, i)->split == ADAH_SPLIT_QUERY;
    assert_int_equal(n_queries, 13);
    adah_dataset_close(dataset);

    /* the same again; another seed draws other queries */
    assert_int_equal(convert("again", &options, NULL), ADAH_OK);
    options.seed = 4;
    assert_int_equal(convert("other", &options, NULL), ADAH_OK);
    char *again = data_folder_read(inside("again"), "metadata.jsonl", &n);
    char *other = data_folder_read(inside("other"), "metadata.jsonl", &n);
    assert_string_equal(metadata, again);
    assert_string_not_equal(metadata, other);
    free(again);
    free(other);
    free(metadata);

    options.n_limit = 10;
    assert_int_equal(convert("few", &options, NULL), ADAH_OK);
    assert_int_equal(adah_dataset_open(inside("few"), &strict, &dataset, NULL), ADAH_OK);
    assert_in_range(adah_dataset_count(dataset), 9, 10); /* the blank page may be among the ten */
    assert_int_equal(result.n_records, adah_dataset_count(dataset));
    adah_dataset_close(dataset);
}

static void refuses(void **state) {
    (void)state;
    adah_status status;
    assert_int_equal(convert("set", NULL, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "openclipart-svg"));
    mkdir(inside("svg"), 0777);
    assert_int_equal(convert("set", NULL, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "no SVG drawings there"));
    put_drawing("one.svg", "One", "", "");
    assert_int_equal(convert("none", NULL, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "a label that at least 20 share"));
    adah_convert_options options;
    adah_convert_options_init(&options);
    options.n_side = 4;
    assert_int_equal(convert("set", &options, &status), ADAH_ERROR_ARGUMENT);
    adah_convert_options_init(&options);
    options.query_share = 1;
    assert_int_equal(convert("set", &options, &status), ADAH_ERROR_ARGUMENT);
    adah_convert_options_init(&options);
    options.n_queries = 3;
    assert_int_equal(convert("set", &options, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "not for drawings"));
    put_collection();
    data_folder_put(folder.path, "photos/metadata.jsonl", "{}");
    assert_int_equal(convert("photos", NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "a data set is there already"));

    /* cancelled at the first, second, ... report: no data set is left */
    int n_reports = 0, n = 1;
    for (;; n++) {
        int left = n;
        adah_progress progress = {count_calls, &left};
        const char *const from = inside("svg");
        adah_code code = adah_convert("openclipart", &from, 1, inside("stopped"), NULL, progress, NULL, &status);
        if (code == ADAH_OK)
            break;
        n_reports++;
        assert_int_equal(code, ADAH_ERROR_CANCELLED);
        assert_int_equal(access(inside("stopped/metadata.jsonl"), F_OK), -1);
    }
    assert_true(n_reports >= 4);
}

/* ---------------------------------------------------------------- single drawings */

static adah_code words_of(const char *text, adah_svg_words *words, adah_status *status) {
    return adah_svg_read_words((const uint8_t *)text, strlen(text), "d.svg", words, status);
}

static void reads_words(void **state) {
    (void)state;
    adah_svg_words words;
    assert_int_equal(
        words_of(HEAD "<dc:title> A \n <b>big</b>  cat &amp; \xc3\xa9</dc:title><dc:creator><cc:Agent><dc:title>Ann"
                      "</dc:title></cc:Agent><cc:Agent><dc:title>Bo B.</dc:title></cc:Agent></dc:creator>"
                      "<dc:publisher><cc:Agent><dc:title>Library</dc:title></cc:Agent></dc:publisher>"
                      "<dc:subject><rdf:Bag>\n <rdf:li>one</rdf:li>\n\n<rdf:li> two words </rdf:li><rdf:li/>"
                      "</rdf:Bag></dc:subject>" TAIL "<title>drawn</title>" SQUARE,
                 &words, NULL),
        ADAH_OK);
    assert_string_equal(words.creator, "Ann\nBo B.");
    assert_string_equal(words.keywords, "one\ntwo words");
    assert_non_null(strstr(words.title, "cat & \xc3\xa9"));
    adah_svg_free_words(&words);
    assert_int_equal(words_of("<svg/>", &words, NULL), ADAH_OK);
    assert_string_equal(words.title, "");
    assert_string_equal(words.creator, "");
    assert_string_equal(words.keywords, "");
    adah_svg_free_words(&words);

    adah_status status;
    assert_int_equal(words_of("<svg>\n<g></svg>", &words, &status), ADAH_ERROR_FORMAT);
    assert_string_equal(status.message, "d.svg:2: mismatched tag");
    assert_int_equal(words_of("", &words, &status), ADAH_ERROR_FORMAT);
    /* entities that grow without end, and one that reads a file */
    char bomb[2048] = "<!DOCTYPE svg [<!ENTITY a0 \"lol\">";
    for (int i = 1; i < 25; i++)
        sprintf(bomb + strlen(bomb), "<!ENTITY a%d \"&a%d;&a%d;&a%d;&a%d;\">", i, i - 1, i - 1, i - 1, i - 1);
    strcat(bomb, "]><svg>&a24;</svg>");
    assert_int_equal(words_of(bomb, &words, &status), ADAH_ERROR_FORMAT);
    assert_int_equal(words_of("<!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><svg xmlns:d=\"d\"><Work>"
                              "<d:title>a&x;b</d:title></Work></svg>",
                              &words, NULL),
                     ADAH_OK);
    assert_string_equal(words.title, "ab");
    adah_svg_free_words(&words);
}

static adah_code render(const char *text, size_t n_side, uint8_t *rgb, adah_status *status) {
    return adah_image_render_svg((const uint8_t *)text, strlen(text), "d.svg", n_side, rgb, status);
}

/* Hours of work in a few bytes are given up; others are drawn meanwhile, until there are too many of the kind. */
static void gives_up_slow_drawings(void **state) {
    (void)state;
    static const char start[] = "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><filter id='f'>",
                      filter[] = "<feTurbulence numOctaves='99999999' baseFrequency='0.9'/>",
                      end[] = "</filter><rect width='64' height='64' filter='url(#f)'/></svg>";
    char slow[sizeof start + 50 * sizeof filter + sizeof end];
    static uint8_t rgb[64 * 64 * 3];
    const adah_picture_codec *codec;
    adah_status status = {0};
    strcpy(slow, start);
    for (int i = 0; i < 50; i++)
        strcat(slow, filter);
    strcat(slow, end);
    assert_int_equal(adah_picture_codec_get(&codec, NULL), ADAH_OK);
    for (int i = 0; i < 6; i++) {
        if (i == 0)
            assert_int_equal(render("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><circle r='3'/></svg>", 64, rgb, &status), ADAH_OK);
        assert_int_equal(codec->render_svg((const uint8_t *)slow, strlen(slow), "slow.svg", 64, 1, rgb, &status), ADAH_ERROR_FORMAT);
        assert_string_equal(status.message, i < 4 ? "slow.svg: drawing it takes more than 1 s of processor time"
                                                  : "slow.svg: not drawn, because 4 drawings before it take too long");
    }
}

static void assert_colour(const uint8_t *rgb, int x, int y, int r, int g, int b) {
    const uint8_t *pixel = rgb + (y * 64 + x) * 3;
    if (pixel[0] != r || pixel[1] != g || pixel[2] != b)
        fail_msg("at %d %d: %d %d %d, expected %d %d %d", x, y, pixel[0], pixel[1], pixel[2], r, g, b);
}

static void renders(void) {
    static uint8_t rgb[64 * 64 * 3];
    adah_status status = {0};
    /* a bar in a corner of the page fills the width and stays in the middle */
    assert_int_equal(render("<svg xmlns='http://www.w3.org/2000/svg' width='400' height='400'>"
                            "<rect x='300' y='10' width='40' height='10' fill='#00f'/></svg>",
                            64, rgb, &status),
                     ADAH_OK);
    assert_colour(rgb, 32, 32, 0, 0, 255);
    assert_colour(rgb, 6, 32, 0, 0, 255);
    assert_colour(rgb, 57, 32, 0, 0, 255);
    assert_colour(rgb, 32, 12, 255, 255, 255);
    assert_colour(rgb, 32, 52, 255, 255, 255);
    /* what is outside the page is not drawn; no files or addresses are opened */
    assert_int_equal(render("<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
                            "width='10' height='10'><circle cx='-50' cy='5' r='4'/>"
                            "<image width='9' height='9' xlink:href='file:///etc/passwd'/>"
                            "<image width='9' height='9' xlink:href='http://localhost/x.png'/></svg>",
                            64, rgb, &status),
                     ADAH_ERROR_FORMAT);
    assert_string_equal(status.message, "d.svg: nothing can be seen on its page");
    static const char *const bad[] = {"", "<svg", "<html/>", "no markup",
                                      "<svg xmlns='http://www.w3.org/2000/svg'><g>"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(render(bad[i], 64, rgb, &status), ADAH_ERROR_FORMAT);
    assert_int_equal(render("<svg/>", 0, rgb, &status), ADAH_ERROR_ARGUMENT);
}

static void renders_in_silence(void **state) {
    (void)state;
    assert_int_equal(data_folder_stderr_of(renders), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(labels_and_words), TEST(refuses), TEST(reads_words),
                                       TEST(renders_in_silence), TEST(gives_up_slow_drawings)};
    return cmocka_run_group_tests_name("openclipart", tests, NULL, NULL);
}
