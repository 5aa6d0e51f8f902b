/* taken.c - dates by the Gregorian calendar, also before there was one, and without leap seconds: 23:59:60 is taken for 23:59:59. */
#include "base/taken.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400, YEAR_MAX = 9999, DIGITS_MAX = 13 };

typedef struct date {
    int year, month, day, hour, minute, second;
} date;

/* ---------------------------------------------------------------- the calendar */

/* Days from 1970-01-01 to a day; years count from March, so that the day that is sometimes there comes last. */
static int64_t days_of(int year, int month, int day) {
    const int64_t y = month > 2 ? year : year - 1, era = (y >= 0 ? y : y - 399) / 400, of_era = y - 400 * era;
    const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 146097 * era + 365 * of_era + of_era / 4 - of_era / 100 + of_year - 719468;
}

static date date_of(int64_t seconds) {
    const int64_t days = (seconds >= 0 ? seconds : seconds - (DAY - 1)) / DAY, in_day = seconds - DAY * days;
    const int64_t n = days + 719468, era = (n >= 0 ? n : n - 146096) / 146097, of_era = n - 146097 * era;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    date d = {.day = (int)(of_year - (153 * month + 2) / 5 + 1), .month = (int)(month < 10 ? month + 3 : month - 9)};
    d.year = (int)(year + 400 * era) + (d.month <= 2);
    d.hour = (int)(in_day / 3600), d.minute = (int)(in_day / 60 % 60), d.second = (int)(in_day % 60);
    return d;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static int64_t seconds_of(const date *d) { return DAY * days_of(d->year, d->month, d->day) + 3600 * d->hour + 60 * d->minute + d->second; }

static int64_t first_second(void) { return seconds_of(&(date){.year = 1, .month = 1, .day = 1}); }
static int64_t end_of_time(void) { return seconds_of(&(date){.year = YEAR_MAX + 1, .month = 1, .day = 1}); }

int64_t adah_date_begin(int64_t seconds, adah_date_detail detail) {
    date d = date_of(seconds);
    if (detail == ADAH_DATE_SECOND)
        return seconds;
    d.hour = d.minute = d.second = 0;
    d.day = detail == ADAH_DATE_DAY ? d.day : 1;
    d.month = detail == ADAH_DATE_YEAR ? 1 : d.month;
    return seconds_of(&d);
}

/* ---------------------------------------------------------------- reading */

typedef struct reader {
    const char *at, *end;
} reader;

/* A number of exactly so many digits. */
static int take_number(reader *r, int n_digits, int *number) {
    if (r->end - r->at < n_digits)
        return 0;
    *number = 0;
    for (int i = 0; i < n_digits; i++) {
        if (r->at[i] < '0' || r->at[i] > '9')
            return 0;
        *number = 10 * *number + (r->at[i] - '0');
    }
    r->at += n_digits;
    return 1;
}

static int take_sign(reader *r, const char *signs, char *sign) {
    if (r->at == r->end || !strchr(signs, *r->at) || !*r->at)
        return 0;
    *sign = *r->at++;
    return 1;
}

/* Z, +02:00, +0200 or +02, or nothing. */
static int take_zone(reader *r, int32_t *offset) {
    char sign;
    int hours, minutes = 0;
    *offset = ADAH_NO_OFFSET;
    while (r->at < r->end && *r->at == ' ')
        r->at++;
    if (!take_sign(r, "Zz+-", &sign))
        return 1;
    if (sign == 'Z' || sign == 'z') {
        *offset = 0;
        return 1;
    }
    if (!take_number(r, 2, &hours))
        return 0;
    const int has_minutes = r->at < r->end;
    if (has_minutes && *r->at == ':')
        r->at++;
    if ((has_minutes && !take_number(r, 2, &minutes)) || hours > 23 || minutes > 59)
        return 0;
    *offset = (sign == '-' ? -1 : 1) * (60 * hours + minutes);
    return 1;
}

/* 18:30 or 18:30:00, with any parts of a second, and a zone. */
static int take_time(reader *r, date *d, int32_t *offset) {
    char sign = ':';
    if (!take_number(r, 2, &d->hour))
        return 0;
    const int has_signs = r->at < r->end && *r->at == ':';
    if ((has_signs && !take_sign(r, ":", &sign)) || !take_number(r, 2, &d->minute))
        return 0;
    const int has_seconds = r->at < r->end && (has_signs ? *r->at == ':' : *r->at >= '0' && *r->at <= '9');
    if (has_seconds && ((has_signs && !take_sign(r, ":", &sign)) || !take_number(r, 2, &d->second)))
        return 0;
    if (has_seconds && take_sign(r, ".,", &sign))
        while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
            r->at++;
    if (d->hour > 23 || d->minute > 59 || d->second > 60)
        return 0;
    d->second = d->second == 60 ? 59 : d->second;
    return take_zone(r, offset);
}

/* Seconds since 1970, or milliseconds. */
static int parse_count(const char *bytes, size_t n_bytes, int64_t *seconds) {
    int64_t n = 0;
    if (n_bytes < 9 || n_bytes > DIGITS_MAX)
        return 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return 0;
        n = 10 * n + (bytes[i] - '0');
    }
    *seconds = n_bytes > 11 ? n / 1000 : n;
    return 1;
}

static int parse_date(reader r, date *d, adah_date_detail *detail, int32_t *offset) {
    char sign = '\0';
    *d = (date){.month = 1, .day = 1};
    *offset = ADAH_NO_OFFSET;
    *detail = ADAH_DATE_YEAR;
    if (!take_number(&r, 4, &d->year) || d->year == 0)
        return 0;
    if (r.at < r.end) {
        const int has_signs = take_sign(&r, "-:./", &sign);
        if (!take_number(&r, 2, &d->month) || d->month < 1 || d->month > 12)
            return 0;
        *detail = ADAH_DATE_MONTH;
        if (r.at < r.end) {
            const char signs[2] = {sign, '\0'};
            if ((has_signs && !take_sign(&r, signs, &sign)) || !take_number(&r, 2, &d->day) || d->day < 1 || d->day > days_in(d->year, d->month))
                return 0;
            *detail = ADAH_DATE_DAY;
        }
    }
    if (r.at < r.end && *detail == ADAH_DATE_DAY && take_sign(&r, "Tt ", &sign)) {
        if (!take_time(&r, d, offset))
            return 0;
        *detail = ADAH_DATE_SECOND;
    }
    return r.at == r.end;
}

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0'; }

int adah_date_parse(const char *bytes, size_t n_bytes, adah_taken *taken) {
    date d;
    int64_t seconds;
    int32_t offset = 0;
    adah_date_detail detail = ADAH_DATE_SECOND;
    while (n_bytes && is_blank(*bytes))
        bytes++, n_bytes--;
    while (n_bytes && is_blank(bytes[n_bytes - 1]))
        n_bytes--;
    if (!parse_count(bytes, n_bytes, &seconds)) {
        if (!parse_date((reader){bytes, bytes + n_bytes}, &d, &detail, &offset))
            return 0;
        seconds = seconds_of(&d);
    }
    taken->seconds = seconds;
    taken->detail = (uint16_t)detail;
    taken->offset_minutes = offset;
    return 1;
}

adah_code adah_date_read(const char *text, adah_taken *taken, adah_status *status) {
    return adah_date_parse(text, strlen(text), taken)
               ? ADAH_OK
               : adah_fail(status, ADAH_ERROR_ARGUMENT, "\"%.60s\" is no date: expected a year, a month, a day or a time, as 2019, 2019-06, 2019-06-01 or 2019-06-01T18:30:00",
                           text);
}

const char *adah_date_write(const adah_taken *t, char text[ADAH_DATE_BYTES]) {
    text[0] = '\0';
    if (t->detail == ADAH_DATE_NONE || !adah_taken_is_sound(t))
        return text;
    const date d = date_of(t->seconds);
    int n = snprintf(text, ADAH_DATE_BYTES, "%04d", d.year);
    if (t->detail >= ADAH_DATE_MONTH)
        n += snprintf(text + n, ADAH_DATE_BYTES - (size_t)n, "-%02d", d.month);
    if (t->detail >= ADAH_DATE_DAY)
        n += snprintf(text + n, ADAH_DATE_BYTES - (size_t)n, "-%02d", d.day);
    if (t->detail < ADAH_DATE_SECOND)
        return text;
    n += snprintf(text + n, ADAH_DATE_BYTES - (size_t)n, "T%02d:%02d:%02d", d.hour, d.minute, d.second);
    if (t->offset_minutes != ADAH_NO_OFFSET)
        snprintf(text + n, ADAH_DATE_BYTES - (size_t)n, "%c%02d:%02d", t->offset_minutes < 0 ? '-' : '+', abs(t->offset_minutes) / 60,
                 abs(t->offset_minutes) % 60);
    return text;
}

/* ---------------------------------------------------------------- places */

int adah_degrees_parse(const char *bytes, size_t n_bytes, double most, double *degrees) {
    char text[64], *end;
    while (n_bytes && is_blank(*bytes))
        bytes++, n_bytes--;
    while (n_bytes && is_blank(bytes[n_bytes - 1]))
        n_bytes--;
    if (n_bytes == 0 || n_bytes >= sizeof text)
        return 0;
    memcpy(text, bytes, n_bytes);
    text[n_bytes] = '\0';
    if (strspn(text, "+-.0123456789eE") < n_bytes)
        return 0;
    *degrees = strtod(text, &end);
    return *end == '\0' && fabs(*degrees) <= most;
}

adah_code adah_place_set(double latitude, double longitude, adah_taken *taken, adah_status *status) {
    if (!(fabs(latitude) <= 90) || !(fabs(longitude) <= 180))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the place %.9g, %.9g: expected a latitude from -90 to 90 and a longitude from -180 to 180", latitude, longitude);
    taken->latitude_e7 = (int32_t)lround(latitude * 1e7);
    taken->longitude_e7 = (int32_t)lround(longitude * 1e7);
    taken->has_place = 1;
    return ADAH_OK;
}

adah_code adah_place_read(const char *text, adah_taken *taken, adah_status *status) {
    double latitude, longitude;
    const char *end = text + strcspn(text, ", "), *next = end + strspn(end, ", ");
    if (next == end || !adah_degrees_parse(text, (size_t)(end - text), 90, &latitude) || !adah_degrees_parse(next, strlen(next), 180, &longitude))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "\"%.60s\" is no place: expected a latitude from -90 to 90, a comma and a longitude from -180 to 180, as 48.8584,2.2945",
                         text);
    return adah_place_set(latitude, longitude, taken, status);
}

double adah_place_distance_km(double latitude, double longitude, double other_latitude, double other_longitude) {
    const double radius_km = 6371.0088, to_radians = 3.14159265358979323846 / 180;
    const double a = sin((other_latitude - latitude) * to_radians / 2), b = sin((other_longitude - longitude) * to_radians / 2);
    const double h = a * a + cos(latitude * to_radians) * cos(other_latitude * to_radians) * b * b;
    return 2 * radius_km * asin(sqrt(h < 1 ? h : 1));
}

/* ---------------------------------------------------------------- both */

int adah_taken_is_sound(const adah_taken *t) {
    const int date_is = t->detail == ADAH_DATE_NONE ||
                        (t->detail <= ADAH_DATE_SECOND && t->seconds >= first_second() && t->seconds < end_of_time() &&
                         (t->offset_minutes == ADAH_NO_OFFSET || (t->offset_minutes > -24 * 60 && t->offset_minutes < 24 * 60)));
    return date_is && t->has_place <= 1 &&
           (!t->has_place || (t->latitude_e7 >= -900000000 && t->latitude_e7 <= 900000000 && t->longitude_e7 >= -1800000000 && t->longitude_e7 <= 1800000000));
}

int adah_taken_is_same(const adah_taken *a, const adah_taken *b) {
    if (a->detail != b->detail || a->has_place != b->has_place)
        return 0;
    return (a->detail == ADAH_DATE_NONE || (a->seconds == b->seconds && a->offset_minutes == b->offset_minutes)) &&
           (!a->has_place || (a->latitude_e7 == b->latitude_e7 && a->longitude_e7 == b->longitude_e7));
}
