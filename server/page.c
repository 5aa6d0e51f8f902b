/* page.c - files that are part of the program: the page of web/, and the description of the API. */
#include "server.h"
#include "files.h"

#include <stdio.h>
#include <string.h>

int serve_is_unchanged(serve_request *r, const char *etag) {
    snprintf(r->answer.etag, sizeof r->answer.etag, "%s", etag);
    if (!r->if_none_match || (!strstr(r->if_none_match, etag) && strcmp(r->if_none_match, "*")))
        return 0;
    r->answer.status = 304;
    return 1;
}

static void send_file(serve_request *r, const char *name, const char *type) {
    size_t i = 0;
    while (i < serve_n_files && strcmp(serve_files[i].name, name))
        i++;
    if (i == serve_n_files) {
        serve_refuse(r, 404, "not_found", NULL, "adah was built without the page's file %s", name);
        return;
    }
    serve_answer *a = &r->answer;
    a->cache_control = "no-cache"; /* it may be kept, but is asked for again: with its ETag */
    a->content_type = type;
    a->policy = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; frame-ancestors 'none'";
    if (serve_is_unchanged(r, serve_files[i].etag))
        return;
    a->status = 200;
    a->bytes = serve_files[i].bytes;
    a->n_bytes = serve_files[i].n_bytes;
}

void serve_handle_page(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, "index.html", "text/html; charset=utf-8");
}

void serve_handle_script(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, "app.js", "text/javascript; charset=utf-8");
}

void serve_handle_style(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, "app.css", "text/css; charset=utf-8");
}

void serve_handle_icon(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, "favicon.svg", "image/svg+xml");
}

void serve_handle_openapi(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, "openapi.json", "application/json");
}
