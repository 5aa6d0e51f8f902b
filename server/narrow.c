/* narrow.c - see narrow.h. */
#include "narrow.h"
#include "failure.h"
#include "server.h"

#include <string.h>

static int read_date(serve_request *r, const char *name, const char *text, int64_t *seconds) {
    adah_taken date = {0};
    adah_status why;
    if (!text)
        return 1;
    if (adah_date_read(text, &date, &why) != ADAH_OK)
        return serve_refuse(r, 400, "bad_value", name, "%s: %.300s", name, why.message);
    if (date.offset_minutes != ADAH_NO_OFFSET)
        return serve_refuse(r, 400, "bad_value", name, "%s is \"%.60s\", expected a date without a zone, by the clock where the picture was taken", name, text);
    *seconds = date.seconds;
    return 1;
}

int serve_narrow(serve_request *r, adah_search_options *o) {
    const serve_query *q = &r->query;
    adah_taken place = {0};
    adah_status why;
    if (!read_date(r, "after", q->after, &o->taken_from) || !read_date(r, "before", q->before, &o->taken_before))
        return 0;
    if ((q->given & SERVE_WITHIN) && !q->near)
        return serve_refuse(r, 400, "bad_value", "within", "within goes with near alone");
    if (q->near && adah_place_read(q->near, &place, &why) != ADAH_OK)
        return serve_refuse(r, 400, "bad_value", "near", "near: %.300s", why.message);
    if (q->near) {
        o->near_latitude = place.latitude_e7 * 1e-7;
        o->near_longitude = place.longitude_e7 * 1e-7;
        o->within_km = q->within;
    }
    o->label = q->label.item;
    o->n_labels = q->label.n;
    o->folder = q->folder;
    return 1;
}

int serve_refuse_narrow(serve_request *r, const adah_status *status) {
    return serve_refuse_said(r, 400, "bad_value", strncmp(status->message, "folder", strlen("folder")) ? "label" : "folder", status);
}
