/* narrow_options.c - see narrow_options.h. */
#include "narrow_options.h"

#include <stdio.h>

enum { WITHIN_KM = 10 };

static adah_code fail(adah_status *status, const char *option, const char *why) {
    adah_status told = {.code = ADAH_ERROR_ARGUMENT};
    snprintf(told.message, sizeof told.message, "--%s: %.400s", option, why);
    *status = told;
    return told.code;
}

static adah_code read_date(const char *option, const char *text, int64_t *seconds, adah_status *status) {
    adah_taken date = {0};
    adah_status why;
    if (!text)
        return ADAH_OK;
    if (adah_date_read(text, &date, &why) != ADAH_OK)
        return fail(status, option, why.message);
    if (date.offset_minutes != ADAH_NO_OFFSET)
        return fail(status, option, "expected a date without a zone: it is compared with what the clock showed where the picture was taken");
    *seconds = date.seconds;
    return ADAH_OK;
}

adah_code cli_narrow_read(const cli_narrow *n, adah_search_options *o, adah_status *status) {
    adah_taken place = {0};
    adah_status why;
    adah_code code = read_date("after", n->after, &o->taken_from, status);
    if (code == ADAH_OK)
        code = read_date("before", n->before, &o->taken_before, status);
    if (code == ADAH_OK && n->within_km > 0 && !n->near)
        code = fail(status, "within", "it goes with --near");
    if (code == ADAH_OK && n->near && adah_place_read(n->near, &place, &why) != ADAH_OK)
        code = fail(status, "near", why.message);
    if (code != ADAH_OK)
        return code;
    if (n->near) {
        o->near_latitude = place.latitude_e7 * 1e-7;
        o->near_longitude = place.longitude_e7 * 1e-7;
        o->within_km = n->within_km > 0 ? n->within_km : WITHIN_KM;
    }
    o->folder = n->folder;
    return ADAH_OK;
}
