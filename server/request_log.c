/* request_log.c - see request_log.h. */
#define _GNU_SOURCE
#include "request_log.h"
#include "json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Signs of ASCII as they are, all else by its bytes: what is in UTF-8 may be a terminal's commands, too. */
static void add_visible(serve_text *t, const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '%')
            serve_text_format(t, "%%%02X", *p);
        else
            serve_text_bytes(t, p, 1);
}

void serve_log_request(const serve_logged *l, serve_log form) {
    struct timespec now;
    struct tm day;
    char time[40];
    serve_text t = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    const size_t n = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &day);
    snprintf(time + n, sizeof time - n, ".%03ldZ", now.tv_nsec / 1000000);
    if (form == SERVE_LOG_JSON) {
        serve_text_format(&t, "{\"time\": \"%s\", \"client\": \"%s\", \"method\": ", time, l->client);
        serve_text_string(&t, l->method);
        serve_text_plain(&t, ", \"path\": ");
        serve_text_string(&t, l->path ? l->path : "");
        serve_text_format(&t, ", \"status\": %u, \"bytes\": %" PRIu64 ", \"ms\": %.3f}\n", l->status, l->n_bytes, l->milliseconds);
    } else {
        serve_text_format(&t, "%s %s ", time, l->client);
        add_visible(&t, l->method[0] ? l->method : "-");
        serve_text_plain(&t, " ");
        add_visible(&t, l->path ? l->path : "-");
        serve_text_format(&t, " %u %" PRIu64 " %.3f\n", l->status, l->n_bytes, l->milliseconds);
    }
    if (!t.failed)
        fwrite(t.bytes, 1, t.n_bytes, stderr); /* unbuffered: one write a line */
    serve_text_free(&t);
}
