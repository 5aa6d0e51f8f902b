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

const serve_file *serve_file_find(const char *name) {
    for (size_t i = 0; i < serve_n_files; i++)
        if (!strcmp(serve_files[i].name, name))
            return &serve_files[i];
    return NULL;
}

static const char *type_of(const char *name) {
    static const char *const types[][2] = {{".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"}, {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (!strcmp(dot, types[i][0]))
            return types[i][1];
    return NULL;
}

const serve_file *serve_page_file(const char *name) { return type_of(name) ? serve_file_find(name) : NULL; }

static void send_file(serve_request *r, const serve_file *file, const char *type) {
    serve_answer *a = &r->answer;
    if (!file) {
        serve_refuse(r, 404, "not_found", NULL, "this file of the page was left out when adah was built");
        return;
    }
    a->cache_control = "no-cache"; /* it may be kept, but is asked for again: with its ETag */
    a->content_type = type;
    a->policy = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; frame-ancestors 'none'";
    if (serve_is_unchanged(r, file->etag))
        return;
    a->status = 200;
    a->bytes = file->bytes;
    a->n_bytes = file->n_bytes;
}

void serve_handle_page(serve_request *r, serve_state *state) {
    send_file(r, serve_file_find(state ? "index.html" : "progress.html"), "text/html; charset=utf-8");
}

void serve_handle_file(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, r->file, type_of(r->file->name));
}

void serve_handle_openapi(serve_request *r, serve_state *state) {
    (void)state;
    send_file(r, r->server->openapi, "application/json");
}
