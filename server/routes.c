/* routes.c - what there is at which address, and who may ask for it. */
#include "server.h"

#include <string.h>
#include <strings.h>

const serve_route serve_routes[] = {
    {"GET", "/", SERVE_FREE, 0, serve_handle_page, SERVE_AT_ONCE, 0, 0},
    {"GET", "/page/{file}", SERVE_FREE, 0, serve_handle_file, SERVE_AT_ONCE, 0, 0},
    {"GET", "/openapi.json", SERVE_READ, 0, serve_handle_openapi, SERVE_AT_ONCE, 0, 0},
    {"GET", "/healthz", SERVE_FREE, 0, serve_handle_health, SERVE_AT_ONCE, 0, 0},
    {"GET", "/readyz", SERVE_FREE, 0, serve_handle_ready, SERVE_AT_ONCE, 0, 0},
    {"GET", "/v1/progress", SERVE_FREE, 0, serve_handle_progress, SERVE_AT_ONCE, 0, 0},
    {"GET", "/metrics", SERVE_READ, 0, serve_handle_metrics, SERVE_AT_ONCE, 0, 0},
    {"GET", "/v1/info", SERVE_READ, 0, serve_handle_info, SERVE_QUICK, 1, 0},
    {"GET", "/v1/search", SERVE_READ, 0, serve_handle_search, SERVE_QUICK, 1, SERVE_IN_SEARCH},
    {"POST", "/v1/search", SERVE_READ, 1, serve_handle_search, SERVE_QUICK, 1, SERVE_IN_SEARCH_BODY},
    {"POST", "/v1/tags", SERVE_READ, 1, serve_handle_tags, SERVE_QUICK, 1, SERVE_IN_TAGS},
    {"POST", "/v1/encode", SERVE_READ, 1, serve_handle_encode, SERVE_QUICK, 1, SERVE_IN_ENCODE},
    {"GET", "/v1/duplicates", SERVE_READ, 0, serve_handle_duplicates, SERVE_QUICK, 1, SERVE_IN_DUPLICATES},
    {"POST", "/v1/evidence", SERVE_READ, 1, serve_handle_evidence, SERVE_QUICK, 1, SERVE_IN_ATTENTION},
    {"POST", "/v1/attention", SERVE_READ, 1, serve_handle_attention, SERVE_QUICK, 1, SERVE_IN_ATTENTION},
    {"GET", "/v1/items", SERVE_READ, 0, serve_handle_list, SERVE_QUICK, 1, SERVE_IN_LIST},
    {"GET", "/v1/timeline", SERVE_READ, 0, serve_handle_timeline, SERVE_QUICK, 1, SERVE_IN_TIMELINE},
    {"GET", "/v1/items/{id}", SERVE_READ, 0, serve_handle_item, SERVE_QUICK, 1, 0},
    {"GET", "/v1/items/{id}/picture", SERVE_READ, 0, serve_handle_picture, SERVE_SHOWN, 1, 0},
    {"GET", "/v1/items/{id}/thumbnail", SERVE_READ, 0, serve_handle_thumbnail, SERVE_SHOWN, 1, SERVE_IN_THUMBNAIL},
    {"POST", "/v1/items", SERVE_WRITE, 1, serve_handle_add, SERVE_QUICK, 1, 0},
    {"POST", "/v1/pictures", SERVE_WRITE, 1, serve_handle_upload, SERVE_QUICK, 1, SERVE_IN_UPLOAD},
    {"DELETE", "/v1/items/{id}", SERVE_WRITE, 0, serve_handle_delete, SERVE_CHANGES, 1, 0},
    {"POST", "/v1/reload", SERVE_WRITE, 0, serve_handle_reload, SERVE_CHANGES, 0, 0},
};
const size_t serve_n_routes = sizeof serve_routes / sizeof *serve_routes;

/* 1: the path is that of the route; a number in it goes to r->item, the name of a file of the page to r->file. */
static int fits(const serve_route *route, const char *path, serve_request *r) {
    const char *hole = strchr(route->path, '{');
    if (!hole)
        return !strcmp(path, route->path);
    const size_t n_before = (size_t)(hole - route->path);
    char number[24];
    if (strncmp(path, route->path, n_before))
        return 0;
    if (!strcmp(hole, "{file}"))
        return (r->file = serve_page_file(path + n_before)) != NULL;
    const size_t n = strspn(path + n_before, "0123456789");
    if (n == 0 || n >= sizeof number || strcmp(path + n_before + n, hole + 4))
        return 0;
    memcpy(number, path + n_before, n);
    number[n] = '\0';
    return serve_parse_number(number, 0, UINT64_MAX - 1, &r->item);
}

/* The method of the route, GET for HEAD. */
static int has_method(const serve_route *route, const char *method) {
    return !strcmp(route->method, method) || (!strcmp(method, "HEAD") && !strcmp(route->method, "GET"));
}

int serve_find_route(serve_request *r, const char *method, const char *path) {
    static const char *const allow[] = {"",       "GET, HEAD",         "POST",         "GET, HEAD, POST",
                                        "DELETE", "GET, HEAD, DELETE", "DELETE, POST", "GET, HEAD, DELETE, POST"};
    unsigned methods = 0;
    for (size_t i = 0; i < serve_n_routes; i++)
        if (fits(&serve_routes[i], path, r)) {
            if (has_method(&serve_routes[i], method)) {
                r->route = &serve_routes[i];
                return 1;
            }
            methods |= serve_routes[i].method[0] == 'G' ? 1 : serve_routes[i].method[0] == 'P' ? 2 : 4;
        }
    if (!methods)
        return serve_refuse(r, 404, "not_found", NULL, "there is nothing at %.200s", path);
    r->answer.allow = allow[methods];
    return serve_refuse(r, 405, "method_not_allowed", NULL, "%s does not go with %.200s, expected %s",
                        method, path, allow[methods]);
}

/* ---------------------------------------------------------------- tokens */

/* Takes as long for any wrong token of the same length. */
static int is_token(const char *given, const char *wanted) {
    const size_t n_given = strlen(given), n_wanted = strlen(wanted);
    volatile unsigned char difference = n_given != n_wanted;
    for (size_t i = 0; i < n_given; i++)
        difference |= (unsigned char)(given[i] ^ wanted[i % n_wanted]);
    return !difference;
}

int serve_check_right(serve_request *r, const char *authorization) {
    static const char scheme[] = "Bearer ";
    const serve_server *s = r->server;
    const serve_right right = r->route->right;
    if (right == SERVE_FREE || (right == SERVE_READ && s->reads_are_free))
        return 1;
    if (!s->options.token)
        return serve_refuse(r, 403, "forbidden", NULL,
                            "this server was started without a token, and takes no changes");
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1))
        return serve_refuse(r, 401, "no_token", NULL, "this request needs the header Authorization: Bearer TOKEN");
    return is_token(authorization + sizeof scheme - 1, s->options.token) ||
           serve_refuse(r, 401, "wrong_token", NULL, "the token is not that of this server");
}
