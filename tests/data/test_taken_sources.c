/* (unit) When and where pictures were taken, by each source, in order; damaged dates and places in pictures, sidecars and metadata. */
#define _GNU_SOURCE
#include "data/picture_tags.h"

#include <adah/adah.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "data_folder.h"
#include "exif_bytes.h"

static temporary_folder folder;
static adah_status status;

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

static void put_jpeg(const char *name, const exif_taken *taken) {
    unsigned char bytes[4096] = {0xff, 0xd8};
    size_t n = 2;
    if (taken)
        n += exif_segment(taken, bytes + n);
    memcpy(bytes + n, "\xff\xd9", 2);
    data_folder_write(folder.path, name, bytes, n + 2);
}

static adah_dataset *open_all(void) {
    adah_dataset *dataset;
    if (adah_dataset_open(folder.path, NULL, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

/* place: latitude and longitude, "" where there is none. */
static void assert_taken(const adah_dataset *dataset, const char *name, const char *date, unsigned date_source, const char *place, unsigned place_source) {
    char text[ADAH_DATE_BYTES], where[64] = "";
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        if (strcmp(r->file_name, name) != 0)
            continue;
        if (r->taken.has_place)
            snprintf(where, sizeof where, "%.4f %.4f", r->taken.latitude_e7 / 1e7, r->taken.longitude_e7 / 1e7);
        if (strcmp(adah_date_write(&r->taken, text), date) != 0 || strcmp(where, place) != 0)
            fail_msg("%s: \"%s\" at \"%s\", expected \"%s\" at \"%s\"", name, text, where, date, place);
        assert_int_equal(r->date_source, date_source);
        assert_int_equal(r->place_source, place_source);
        return;
    }
    fail_msg("%s: no such record", name);
}

static const exif_taken paris = {.original = "2019:06:01 18:30:07", .offset = "+02:00", .latitude = {{48, 1}, {51, 1}, {3024, 100}}, .longitude = {{2, 1}, {17, 1}, {4020, 100}},
                                 .references = "NE", .has_place = 1};

static int lacks_tags(void) {
    if (adah_picture_tags_missing())
        print_message("SKIPPED: %s\n", adah_picture_tags_missing());
    return adah_picture_tags_missing() != NULL;
}

static void reads_what_cameras_write(void **state) {
    (void)state;
    if (lacks_tags())
        return;
    exif_taken south = paris, digitised = {.digitised = "2001:02:03 04:05:06"}, minutes = paris;
    south.offset = NULL;
    south.references = "SW";
    minutes.latitude[1] = (exif_ratio){51504, 1000}, minutes.latitude[2] = (exif_ratio){0, 0}; /* as some cameras do */
    put_jpeg("1.jpg", &paris);
    put_jpeg("2.jpg", &south);
    put_jpeg("3.jpg", &digitised);
    put_jpeg("4.jpg", NULL);
    put_jpeg("5.jpg", &minutes);
    adah_dataset *dataset = open_all();
    assert_taken(dataset, "1.jpg", "2019-06-01T18:30:07+02:00", ADAH_SOURCE_PICTURES, "48.8584 2.2945", ADAH_SOURCE_PICTURES);
    assert_taken(dataset, "2.jpg", "2019-06-01T18:30:07", ADAH_SOURCE_PICTURES, "-48.8584 -2.2945", ADAH_SOURCE_PICTURES);
    assert_taken(dataset, "3.jpg", "2001-02-03T04:05:06", ADAH_SOURCE_PICTURES, "", 0);
    assert_taken(dataset, "4.jpg", "", 0, "", 0);
    assert_taken(dataset, "5.jpg", "2019-06-01T18:30:07+02:00", ADAH_SOURCE_PICTURES, "48.8584 2.2945", ADAH_SOURCE_PICTURES);
    adah_dataset_close(dataset);
}

static void takes_nothing_from_damaged_tags(void **state) {
    (void)state;
    static const char *const dates[] = {"0000:00:00 00:00:00", "2019:13:45 10:00:00", "    :  :     :  :  ", "", "2019:06:01 99:00:00", "never"};
    static const exif_ratio zeros[] = {{48, 0}, {0, 0}, {UINT32_MAX, 1}, {1, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}, {91, 1}, {5000000, 1}};
    char name[32];
    if (lacks_tags())
        return;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        snprintf(name, sizeof name, "date%zu.jpg", i);
        put_jpeg(name, &(exif_taken){.original = dates[i], .digitised = i % 2 ? "2001:02:03 04:05:06" : NULL});
    }
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        exif_taken bad = paris;
        bad.latitude[0] = zeros[i];
        snprintf(name, sizeof name, "place%zu.jpg", i);
        put_jpeg(name, &bad);
    }
    put_jpeg("zero.jpg", &(exif_taken){.latitude = {{0, 1}, {0, 1}, {0, 1}}, .longitude = {{0, 1}, {0, 1}, {0, 1}}, .references = "NE", .has_place = 1});
    adah_dataset *dataset = open_all();
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        snprintf(name, sizeof name, "date%zu.jpg", i);
        assert_taken(dataset, name, i % 2 ? "2001-02-03T04:05:06" : "", i % 2 ? ADAH_SOURCE_PICTURES : 0, "", 0);
    }
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        snprintf(name, sizeof name, "place%zu.jpg", i);
        if (i != 3) /* next to nothing: 51 minutes and some seconds are left */
            assert_taken(dataset, name, "2019-06-01T18:30:07+02:00", ADAH_SOURCE_PICTURES, "", 0);
    }
    assert_taken(dataset, "zero.jpg", "", 0, "", 0);
    adah_dataset_close(dataset);
}

static const char takeout[] = "{\"title\": \"x.jpg\", \"description\": \"\", \"photoTakenTime\": {\"timestamp\": \"1559413807\", \"formatted\": \"1 Jun 2019\"},"
                              " \"geoData\": {\"latitude\": %s, \"longitude\": %s}, \"geoDataExif\": {\"latitude\": 48.8584, \"longitude\": 2.2945}}";

static void reads_files_beside_pictures(void **state) {
    (void)state;
    char json[512];
    put_jpeg("a.jpg", NULL);
    snprintf(json, sizeof json, takeout, "41.9", "12.5");
    data_folder_put(folder.path, "a.jpg.supplemental-metadata.json", json);
    put_jpeg("b.jpg", NULL);
    snprintf(json, sizeof json, takeout, "0.0", "0.0");
    data_folder_put(folder.path, "b.jpg.json", json);
    put_jpeg("c.jpg", NULL);
    data_folder_put(folder.path, "c.json", "{\"caption\": \"a cat\", \"taken\": \"2010-05\", \"lat\": \"-33.5\", \"lon\": 151}");
    put_jpeg("d.jpg", NULL);
    data_folder_put(folder.path, "d.json", "{\"photoTakenTime\": {\"timestamp\": \"-99\"}, \"geoData\": {\"latitude\": 1e300, \"longitude\": true}, \"date\": [2019], \"lat\": {}}");
    put_jpeg("e.jpg", NULL);
    data_folder_put(folder.path, "e.json", "{\"date\": 2019, \"photoTakenTime\": 7, \"geoData\": []}");
    adah_dataset *dataset = open_all();
    assert_taken(dataset, "a.jpg", "2019-06-01T18:30:07+00:00", ADAH_SOURCE_SIDECARS, "41.9000 12.5000", ADAH_SOURCE_SIDECARS);
    assert_taken(dataset, "b.jpg", "2019-06-01T18:30:07+00:00", ADAH_SOURCE_SIDECARS, "48.8584 2.2945", ADAH_SOURCE_SIDECARS);
    assert_taken(dataset, "c.jpg", "2010-05", ADAH_SOURCE_SIDECARS, "-33.5000 151.0000", ADAH_SOURCE_SIDECARS);
    assert_taken(dataset, "d.jpg", "", 0, "", 0);
    assert_taken(dataset, "e.jpg", "2019", ADAH_SOURCE_SIDECARS, "", 0);
    adah_dataset_close(dataset);
}

/* What the camera wrote counts more than what the album has of it, and XMP lies between. */
static void takes_the_first_in_order(void **state) {
    (void)state;
    char json[512];
    static const char xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
                              "xmlns:exif='http://ns.adobe.com/exif/1.0/' xmlns:xmp='http://ns.adobe.com/xap/1.0/' exif:GPSLatitude='41,54.000S' exif:GPSLongitude='12,30,0E' "
                              "exif:DateTimeOriginal='2015-02-03T04:05:06+01:00' xmp:CreateDate='2016'/></rdf:RDF></x:xmpmeta>";
    if (lacks_tags())
        return;
    put_jpeg("a.jpg", &paris);
    put_jpeg("b.jpg", NULL);
    put_jpeg("c.jpg", &(exif_taken){.original = "0000:00:00 00:00:00"});
    snprintf(json, sizeof json, takeout, "41.9", "12.5");
    for (const char *name = "abc"; *name; name++) {
        data_folder_put(folder.path, (char[]){*name, '.', 'j', 'p', 'g', '.', 'j', 's', 'o', 'n', '\0'}, json);
        if (*name != 'c')
            data_folder_put(folder.path, (char[]){*name, '.', 'x', 'm', 'p', '\0'}, xmp);
    }
    adah_dataset *dataset = open_all();
    assert_taken(dataset, "a.jpg", "2019-06-01T18:30:07+02:00", ADAH_SOURCE_PICTURES, "48.8584 2.2945", ADAH_SOURCE_PICTURES);
    assert_taken(dataset, "b.jpg", "2015-02-03T04:05:06+01:00", ADAH_SOURCE_SIDECARS, "-41.9000 12.5000", ADAH_SOURCE_SIDECARS);
    assert_taken(dataset, "c.jpg", "2019-06-01T18:30:07+00:00", ADAH_SOURCE_SIDECARS, "41.9000 12.5000", ADAH_SOURCE_SIDECARS);
    adah_dataset_close(dataset);
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.sources = ADAH_SOURCE_SIDECARS;
    assert_int_equal(adah_dataset_open(folder.path, &o, &dataset, &status), ADAH_OK);
    assert_taken(dataset, "a.jpg", "2015-02-03T04:05:06+01:00", ADAH_SOURCE_SIDECARS, "-41.9000 12.5000", ADAH_SOURCE_SIDECARS);
    adah_dataset_close(dataset);
}

static void check_metadata(const char *wanted_dates, const char *wanted_places) {
    adah_dataset *dataset = open_all();
    assert_int_equal(adah_dataset_count(dataset), 6);
    assert_int_equal(adah_dataset_skipped(dataset, NULL), 0);
    assert_taken(dataset, "1.jpg", "2019-06-01", ADAH_SOURCE_METADATA, "48.8584 2.2945", ADAH_SOURCE_METADATA);
    assert_taken(dataset, "2.jpg", "2019-06-01T18:30:07+00:00", ADAH_SOURCE_METADATA, "", 0);
    assert_taken(dataset, "3.jpg", "", 0, "", 0);
    assert_taken(dataset, "4.jpg", "", 0, "", 0);
    assert_taken(dataset, "5.jpg", "", 0, "", 0);
    assert_taken(dataset, "6.jpg", "2019", ADAH_SOURCE_METADATA, "", 0);
    if (!strstr(adah_dataset_notes(dataset), wanted_dates) || !strstr(adah_dataset_notes(dataset), wanted_places))
        fail_msg("%s", adah_dataset_notes(dataset));
    adah_dataset_close(dataset);
}

static void reads_metadata(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.jsonl",
                    "{\"file_name\": \"1.jpg\", \"text\": \"a\", \"date\": \"2019-06-01\", \"latitude\": 48.8584, \"longitude\": \"2.2945\"}\n"
                    "{\"file_name\": \"2.jpg\", \"text\": \"a\", \"datetime\": 1559413807}\n"
                    "{\"file_name\": \"3.jpg\", \"text\": \"a\", \"taken\": \"2019:13:45\", \"lat\": 91, \"lon\": 0}\n"
                    "{\"file_name\": \"4.jpg\", \"text\": \"a\", \"date\": [\"2019\"], \"lat\": 5}\n"
                    "{\"file_name\": \"5.jpg\", \"text\": \"a\", \"date\": null, \"lat\": 0, \"lon\": 0.0}\n"
                    "{\"file_name\": \"6.jpg\", \"text\": \"a\", \"date\": 2019}\n");
    check_metadata("dates that are not understood (expected as 2019, 2019-06 or 2019-06-01T18:30:00): 2; the first: \"2019:13:45\" in line 3",
                   "places that are not understood (expected latitude -90 to 90, longitude -180 to 180): 2; the first: \"91\" in line 3");
}

static void reads_tables(void **state) {
    (void)state;
    data_folder_put(folder.path, "metadata.csv",
                    "file_name,text,Date,lat,lng\n"
                    "1.jpg,a,2019-06-01,48.8584,2.2945\n"
                    "2.jpg,a,2019-06-01 18:30:07Z,,\n"
                    "3.jpg,a,0000-00-00,99999999999999999999999999999999999999,1\n"
                    "4.jpg,a,the first of June,1.5,\n"
                    "5.jpg,a,,0,0\n"
                    "6.jpg,a,2019,,\n");
    check_metadata(": 2; the first: \"0000-00-00\" in line 4", ": 2; the first: \"99999999999999999999999999999999999999\" in line 4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_cameras_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_nothing_from_damaged_tags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_files_beside_pictures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_the_first_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_tables, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
