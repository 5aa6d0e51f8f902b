/* (unit) Dates and places: what is read and written, what is refused, the calendar against that of the system, distances. */
#include "base/taken.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void assert_reads(const char *text, const char *wanted) {
    adah_taken taken = {.latitude_e7 = 7, .has_place = 1};
    char written[ADAH_DATE_BYTES];
    adah_status status;
    if (adah_date_read(text, &taken, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_string_equal(adah_date_write(&taken, written), wanted);
    assert_true(adah_taken_is_sound(&taken));
    assert_int_equal(taken.latitude_e7, 7); /* the place stays */
    assert_int_equal(taken.has_place, 1);
}

static void reads_dates_as_they_are_written(void **state) {
    (void)state;
    assert_reads("2019", "2019");
    assert_reads("2019-06", "2019-06");
    assert_reads("201906", "2019-06");
    assert_reads("2019-06-01", "2019-06-01");
    assert_reads("2019/06/01", "2019-06-01");
    assert_reads("20190601", "2019-06-01");
    assert_reads("2019:06:01 18:30:07", "2019-06-01T18:30:07"); /* cameras */
    assert_reads("2019:06:01 18:30:07+02:00", "2019-06-01T18:30:07+02:00");
    assert_reads("2019-06-01T18:30", "2019-06-01T18:30:00");
    assert_reads("2019-06-01T18:30:07.123Z", "2019-06-01T18:30:07+00:00");
    assert_reads("2019-06-01 18:30:07 -0330", "2019-06-01T18:30:07-03:30");
    assert_reads("20190601T183007", "2019-06-01T18:30:07");
    assert_reads(" 2020-02-29 ", "2020-02-29");
    assert_reads("2016-12-31T23:59:60", "2016-12-31T23:59:59"); /* a leap second */
    assert_reads("1559413807", "2019-06-01T18:30:07+00:00");
    assert_reads("1559413807123", "2019-06-01T18:30:07+00:00");
    assert_reads("0001-01-01", "0001-01-01");
    assert_reads("9999-12-31T23:59:59", "9999-12-31T23:59:59");
}

static void refuses_what_is_no_date(void **state) {
    (void)state;
    static const char *const bad[] = {"", " ", "0000:00:00 00:00:00", "    :  :     :  :  ", "2019:13:45 10:00:00", "2019-00-01", "2019-06-00", "2019-06-31",
                                      "2019-02-29", "1900-02-29", "2019-06-01T24:00", "2019-06-01T10:60", "2019-06-01T10:00:61", "2019-06-01T10", "0000",
                                      "19", "201", "20190", "2019060", "2019-6-1", "2019-06:01", "2019-06-01x", "2019-06-01T10:00+25:00", "2019-06-01T10:00+02:",
                                      "summer 1998", "99999999999999", "-2019", "2019-06-01T10:00:00.5ZZ"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_taken taken = {.seconds = 5, .detail = ADAH_DATE_DAY};
        adah_status status;
        if (adah_date_read(bad[i], &taken, &status) != ADAH_ERROR_ARGUMENT)
            fail_msg("\"%s\" is taken for a date", bad[i]);
        assert_non_null(strstr(status.message, "expected a year"));
        assert_int_equal(taken.seconds, 5);
        assert_int_equal(taken.detail, ADAH_DATE_DAY);
    }
}

/* Every day of some centuries around, and some seconds of it. */
static void has_the_calendar_of_the_system(void **state) {
    (void)state;
    for (int64_t day = -200000; day < 200000; day += 3) {
        const time_t seconds = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
        struct tm wanted;
        char text[64], written[ADAH_DATE_BYTES];
        adah_taken taken = {.seconds = seconds, .detail = ADAH_DATE_SECOND, .offset_minutes = ADAH_NO_OFFSET}, again = {0};
        assert_non_null(gmtime_r(&seconds, &wanted));
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &wanted);
        assert_string_equal(adah_date_write(&taken, written), text);
        assert_int_equal(adah_date_read(text, &again, NULL), ADAH_OK);
        assert_int_equal(again.seconds, seconds);
        const int64_t month = adah_date_begin(seconds, ADAH_DATE_MONTH), year = adah_date_begin(seconds, ADAH_DATE_YEAR);
        taken = (adah_taken){.seconds = month, .detail = ADAH_DATE_DAY};
        strftime(text, sizeof text, "%Y-%m-01", &wanted);
        assert_string_equal(adah_date_write(&taken, written), text);
        taken.seconds = year;
        strftime(text, sizeof text, "%Y-01-01", &wanted);
        assert_string_equal(adah_date_write(&taken, written), text);
        assert_int_equal(adah_date_begin(seconds, ADAH_DATE_DAY), day * 86400);
        assert_int_equal(adah_date_begin(seconds, ADAH_DATE_SECOND), seconds);
    }
}

static void writes_nothing_of_what_is_not_sound(void **state) {
    (void)state;
    static const adah_taken bad[] = {{.seconds = INT64_MAX, .detail = ADAH_DATE_SECOND},
                                     {.seconds = INT64_MIN, .detail = ADAH_DATE_YEAR},
                                     {.detail = 5},
                                     {.detail = ADAH_DATE_SECOND, .offset_minutes = 24 * 60},
                                     {.has_place = 2},
                                     {.has_place = 1, .latitude_e7 = 900000001},
                                     {.has_place = 1, .longitude_e7 = -1800000001}};
    char written[ADAH_DATE_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(adah_taken_is_sound(&bad[i]));
        assert_string_equal(adah_date_write(&bad[i], written), "");
    }
    assert_true(adah_taken_is_sound(&(adah_taken){.seconds = INT64_MAX, .latitude_e7 = INT32_MAX})); /* neither counts */
}

static void reads_places(void **state) {
    (void)state;
    static const char *const bad[] = {"", "48.85", "48.85,", ",2", "91,0", "-90.1 0", "0,180.1", "nan,0", "1e999,0", "48,85,2,29", "48.85N,2.29E", "0x10,2", "north,east"};
    adah_taken taken = {0};
    adah_status status;
    assert_int_equal(adah_place_read("48.8584,2.2945", &taken, &status), ADAH_OK);
    assert_int_equal(taken.latitude_e7, 488584000);
    assert_int_equal(taken.longitude_e7, 22945000);
    assert_int_equal(taken.has_place, 1);
    assert_int_equal(adah_place_read("-90, -180", &taken, &status), ADAH_OK);
    assert_int_equal(taken.longitude_e7, -1800000000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (adah_place_read(bad[i], &taken, &status) != ADAH_ERROR_ARGUMENT)
            fail_msg("\"%s\" is taken for a place", bad[i]);
        assert_non_null(strstr(status.message, "expected a latitude"));
    }
    assert_int_equal(adah_place_set(0, NAN, &taken, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_place_set(HUGE_VAL, 0, &taken, &status), ADAH_ERROR_ARGUMENT);
}

static void measures_distances(void **state) {
    (void)state;
    assert_true(adah_place_distance_km(48, 2, 48, 2) <= 0);
    assert_true(fabs(adah_place_distance_km(0, 0, 0, 1) - 111.195) < 0.01);                     /* a degree of the equator */
    assert_true(fabs(adah_place_distance_km(0, 179.5, 0, -179.5) - 111.195) < 0.01);            /* over the date line */
    assert_true(fabs(adah_place_distance_km(90, 0, -90, 0) - 20015.11) < 0.01);                 /* from pole to pole */
    assert_true(fabs(adah_place_distance_km(48.8566, 2.3522, 51.5074, -0.1278) - 343.56) < 0.5); /* from Paris to London */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_dates_as_they_are_written), cmocka_unit_test(refuses_what_is_no_date),
        cmocka_unit_test(has_the_calendar_of_the_system),  cmocka_unit_test(writes_nothing_of_what_is_not_sound),
        cmocka_unit_test(reads_places),                    cmocka_unit_test(measures_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
