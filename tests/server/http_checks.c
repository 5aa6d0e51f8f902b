/* http_checks.c - adah serve over real sockets: every route, every refusal, tokens, limits, reload and stop. Started
 * by test_serve.sh in a folder with scenes, two models and an index; prints what failed. One file, because most checks ask one
 * server after another, and each knows what those before it have changed. */
#define _GNU_SOURCE
#include "../picture_bytes.h"
#include "failure.h"
#include "image_folder.h"
#include "http_count.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOKEN "a-token-of-the-tests"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define JSON "Content-Type: application/json\r\n"
#define WRITE BEARER JSON
#define TIMEOUT "100" /* of the server that most checks ask, longer than any of them waits */

enum { TIMEOUT_SECONDS = 100, WAIT_SECONDS = 120 /* for what must come */ };

static int port;

static char *read_file(const char *path, size_t *n) {
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 22);
    *n = file ? fread(bytes, 1, (1 << 22) - 1, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

/* Asks; the status must be that, the body JSON, and of an error the code that; NULL: no matter. The object is
 * json_decref's. */
#define ASK(method, target, headers, body, status, code)                                                             \
    ask(__LINE__, method, target, headers, body, strlen(body), status, code)
#define GET(target, status, code) ask(__LINE__, "GET", target, "", NULL, 0, status, code)
static json_t *ask(int line, const char *method, const char *target, const char *headers, const void *body,
                   size_t n_body, int status, const char *code) {
    http_reply r = http_ask(port, method, target, headers, body, n_body);
    http_check(r.status == status, line, "%s %.200s: status %d, expected %d: %.300s", method, target, r.status, status,
          r.body ? r.body : "");
    json_t *json = r.status ? json_loadb(r.body, r.n_body, 0, NULL) : NULL;
    http_check(json != NULL, line, "%s %.200s: no JSON", method, target);
    const char *type = r.status ? http_header(&r, "Content-Type") : NULL;
    http_check(type && !strcmp(type, "application/json"), line, "%s %.200s: Content-Type %s", method, target,
          type ? type : "-");
    const char *options = r.status ? http_header(&r, "X-Content-Type-Options") : NULL;
    http_check(options && !strcmp(options, "nosniff"), line, "%s %.200s: no nosniff", method, target);
    http_check(r.status && !http_header(&r, "Access-Control-Allow-Origin"), line, "CORS");
    if (status >= 400) {
        const json_t *error = json_object_get(json, "error");
        const char *given = json_string_value(json_object_get(error, "code"));
        http_check(given && json_string_value(json_object_get(error, "message")), line, "%s %.200s: no error object",
              method, target);
        http_check(!code || (given && !strcmp(given, code)), line, "%s %.200s: code %s, expected %s", method, target,
              given ? given : "-", code);
    }
    http_reply_free(&r);
    return json;
}

static void drop(json_t *json) { json_decref(json); }

static json_int_t number(const json_t *json, const char *key) {
    return json_integer_value(json_object_get(json, key));
}
static size_t n_hits(const json_t *json) { return json_array_size(json_object_get(json, "hits")); }
static const json_t *hit(const json_t *json, size_t i) { return json_array_get(json_object_get(json, "hits"), i); }

/* ---------------------------------------------------------------- routes */

static void check_server_routes(void) {
    static const char *const files[][2] = {{"/", "text/html; charset=utf-8"},
                                           {"/page/app.js", "text/javascript; charset=utf-8"},
                                           {"/page/parts.js", "text/javascript; charset=utf-8"},
                                           {"/page/viewer.js", "text/javascript; charset=utf-8"},
                                           {"/page/choice.js", "text/javascript; charset=utf-8"},
                                           {"/page/app.css", "text/css; charset=utf-8"},
                                           {"/page/progress.js", "text/javascript; charset=utf-8"},
                                           {"/page/progress.css", "text/css; charset=utf-8"},
                                           {"/page/favicon.svg", "image/svg+xml"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        http_reply r = http_ask(port, "GET", files[i][0], "", NULL, 0);
        char etag[128], line[200];
        if (r.status == 404) { /* built without the page */
            http_reply_free(&r);
            continue;
        }
        CHECK(r.status == 200 && !strcmp(http_header(&r, "Content-Type"), files[i][1]), "%s: %d", files[i][0],
              r.status);
        CHECK(strstr(http_header(&r, "Content-Security-Policy"), "default-src 'self'; img-src 'self' blob: data:"),
              "policy");
        snprintf(etag, sizeof etag, "%s", http_header(&r, "ETag"));
        snprintf(line, sizeof line, "If-None-Match: %s\r\n", etag);
        const size_t n = r.n_body;
        http_reply_free(&r);
        r = http_ask(port, "GET", files[i][0], line, NULL, 0);
        CHECK(r.status == 304, "%s: %d with its ETag", files[i][0], r.status);
        http_reply_free(&r);
        r = http_ask(port, "HEAD", files[i][0], "", NULL, 0);
        CHECK(r.status == 200 && r.n_body == 0 && (size_t)atoll(http_header(&r, "Content-Length")) == n,
              "HEAD %s: %d", files[i][0], r.status);
        http_reply_free(&r);
    }
    static const char *const none[] = {"/page/", "/page/none.js", "/page/index.html", "/page/openapi.in.json", "/page/../web/app.js", "/page/app.js/"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        drop(GET(none[i], 404, "not_found"));
    drop(GET("/healthz", 200, NULL));
    drop(GET("/readyz", 200, NULL));
    json_t *progress = GET("/v1/progress", 200, NULL);
    CHECK(json_is_true(json_object_get(progress, "is_ready")) && json_is_false(json_object_get(progress, "is_working")), "progress");
    json_decref(progress);
    json_t *info = GET("/v1/info", 200, NULL);
    CHECK(number(json_object_get(info, "index"), "n_records") == 120, "n_records");
    CHECK(number(json_object_get(info, "model"), "n_bits") == 16, "n_bits");
    CHECK(json_is_true(json_object_get(info, "has_pictures")) && json_is_true(json_object_get(info, "can_write")),
          "info");
    CHECK(number(json_object_get(info, "limits"), "k_max") == 100, "k_max");
    CHECK(json_array_size(json_object_get(json_object_get(info, "index"), "labels")) > 0, "labels");
    drop(info);
    /* A request counts when its answer has left, which its thread sees later than the client. */
    http_reply r = http_ask(port, "GET", "/metrics", "", NULL, 0);
    for (time_t end = time(NULL) + WAIT_SECONDS; r.body && !strstr(r.body, "{route=\"GET /healthz\",le=\"+Inf\"} 1\n") && time(NULL) < end;) {
        http_reply_free(&r);
        r = http_ask(port, "GET", "/metrics", "", NULL, 0);
    }
    CHECK(r.status == 200 && !strncmp(http_header(&r, "Content-Type"), "text/plain; version=0.0.4", 25), "metrics");
    static const char *const names[] = {"adah_requests_total{route=\"GET /healthz\",status=\"200\"} 1\n",
                                        "adah_request_seconds_bucket{route=\"GET /healthz\",le=\"+Inf\"} 1\n",
                                        "adah_queries_total{kind=\"text\"}",
                                        "adah_index_records 120\n",
                                        "adah_index_segments 1\n",
                                        "adah_index_bytes ",
                                        "adah_connections ",
                                        "adah_model_info{id=\"",
                                        "adah_reloads_total 0\n",
                                        "process_resident_memory_bytes ",
                                        "process_start_time_seconds "};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(r.body && strstr(r.body, names[i]), "metrics lack %s", names[i]);
    http_reply_free(&r);
}

static int finds(const json_t *json, json_int_t id) {
    for (size_t i = 0; i < n_hits(json); i++)
        if (number(hit(json, i), "id") == id)
            return 1;
    return 0;
}

/* Items that were good answers and others, alone and with a query, in the URL, in JSON and beside a picture. */
static void check_marks(void) {
    json_t *json = GET("/v1/search?like=17&like=4&unlike=30&k=100", 200, NULL), *same;
    CHECK(!strcmp(json_string_value(json_object_get(json_object_get(json, "query"), "kind")), "marks"), "kind");
    CHECK(!strcmp(json_string_value(json_object_get(json, "to")), "image"), "to images");
    CHECK(n_hits(json) == 100 && !finds(json, 17) && !finds(json, 4) && !finds(json, 30), "%zu without the marked", n_hits(json));
    same = ASK("POST", "/v1/search", JSON, "{\"like\": [17, 4], \"unlike\": [30], \"k\": 100}", 200, NULL);
    CHECK(json_equal(json_object_get(same, "hits"), json_object_get(json, "hits")), "the same in JSON");
    drop(same);
    drop(json);
    json = GET("/v1/search?like=17&k=100&order=bits", 200, NULL); /* alone it is the item itself */
    same = GET("/v1/search?id=17&to=image&k=100&order=bits", 200, NULL);
    CHECK(json_equal(json_object_get(same, "hits"), json_object_get(json, "hits")), "as with the item");
    drop(same);
    drop(json);
    json = GET("/v1/search?text=red+disc&unlike=30&k=100", 200, NULL);
    CHECK(n_hits(json) == 100 && !finds(json, 30), "with words");
    drop(json);
    json = GET("/v1/search?text=zzyzx&unlike=30&k=100", 422, "unknown_words"); /* as without */
    drop(json);
    json = GET("/v1/search?text=zzyzx&like=30&k=5", 200, NULL); /* by what is liked alone */
    CHECK(n_hits(json) == 5, "unknown words and an item that is liked");
    drop(json);
    json = GET("/v1/search?id=17&like=4&unlike=30&to=text&k=100", 200, NULL);
    CHECK(n_hits(json) == 100 && !finds(json, 17), "with an item");
    drop(json);
    drop(GET("/v1/search?unlike=3", 400, "bad_value"));
    drop(GET("/v1/search?like=3&unlike=3", 400, "bad_value"));
    drop(GET("/v1/search?like=3&like=x", 400, "bad_value"));
    drop(GET("/v1/search?like=3&rerank=20", 400, "bad_value"));
    drop(GET("/v1/search?like=999999", 404, "not_found"));
    drop(ASK("POST", "/v1/search", JSON, "{\"like\": 17}", 400, "bad_value"));
    drop(ASK("POST", "/v1/search", JSON, "{\"like\": [17, \"4\"]}", 400, "bad_value"));
}

static void check_search(void) {
    json_t *json = GET("/v1/search?text=red+disc&k=5", 200, NULL);
    CHECK(n_hits(json) == 5 && !strcmp(json_string_value(json_object_get(json, "to")), "image"), "5 images");
    for (size_t i = 1; i < 5; i++)
        CHECK(number(hit(json, i - 1), "distance") <= number(hit(json, i), "distance"), "order");
    CHECK(!json_object_get(hit(json, 0), "score") && json_is_true(json_object_get(hit(json, 0), "has_picture")),
          "hit");
    drop(json);
    json = GET("/v1/search?text=red%20disc%20zzyzx&explain=1&to=text&k=1&rerank=50", 200, NULL);
    const json_t *query = json_object_get(json, "query"), *words = json_object_get(query, "words");
    CHECK(number(query, "n_words_unknown") == 1 && json_array_size(words) == 3, "3 words, 1 unknown");
    CHECK(json_is_false(json_object_get(json_array_get(words, 2), "known")), "zzyzx is unknown");
    CHECK(json_is_real(json_object_get(hit(json, 0), "score")), "score");
    drop(json);
    json = GET("/v1/search?id=17&by=image&k=100", 200, NULL);
    CHECK(n_hits(json) == 100, "100 like 17");
    for (size_t i = 0; i < n_hits(json); i++)
        CHECK(number(hit(json, i), "id") != 17, "17 is left out");
    drop(json);
    json = GET("/v1/search?text=disc&label=red%20disc&label=green+ring&k=100", 200, NULL);
    CHECK(n_hits(json) > 0 && n_hits(json) < 100, "labels: %zu", n_hits(json));
    drop(json);
    json = GET("/v1/search?text=disc&radius=2&k=100&method=scan&cut_off=1", 200, NULL);
    for (size_t i = 0; i < n_hits(json); i++)
        CHECK(number(hit(json, i), "distance") <= 2, "radius");
    drop(json);
    json = ASK("POST", "/v1/search", JSON,
               "{\"text\": \"red disc\", \"only\": [3, 5, 999], \"k\": 10, \"labels\": []}", 200, NULL);
    CHECK(n_hits(json) == 2, "only");
    drop(json);
    check_marks();

    size_t n;
    char *picture = read_file("scenes/images/scene-00004.png", &n);
    json = ask(__LINE__, "POST", "/v1/search?to=image&k=1", "Content-Type: image/png\r\n", picture, n, 200, NULL);
    CHECK(n_hits(json) == 1 && number(hit(json, 0), "distance") == 0, "a picture finds itself");
    drop(json);
    json = ask(__LINE__, "POST", "/v1/search", "Content-Type: application/octet-stream\r\n", picture, n, 200, NULL);
    CHECK(!strcmp(json_string_value(json_object_get(json, "to")), "text"), "texts by default");
    drop(json);
    char form[8192 + 512];
    int m = snprintf(
        form, sizeof form,
        "--edge\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nimage\r\n--edge\r\nContent-Disposition: "
        "form-data; name=\"image\"; filename=\"a\"\r\nContent-Type: image/png\r\n\r\n");
    memcpy(form + m, picture, n);
    m += (int)n;
    m += snprintf(form + m, sizeof form - (size_t)m, "\r\n--edge--\r\n");
    json = ask(__LINE__, "POST", "/v1/search?k=1", "Content-Type: multipart/form-data; boundary=edge\r\n", form,
               (size_t)m, 200, NULL);
    CHECK(number(hit(json, 0), "distance") == 0, "by a form");
    drop(json);
    drop(ask(__LINE__, "POST", "/v1/search?k=1", "Content-Type: multipart/form-data; boundary=edge\r\n", form,
             (size_t)m - 12, 400, "bad_form"));
    drop(ask(__LINE__, "POST", "/v1/search?k=1", "Content-Type: multipart/form-data; boundary=edge\r\n", "", 0, 400, "bad_form"));
    drop(ask(__LINE__, "POST", "/v1/search?k=1", "Content-Type: multipart/form-data; boundary=else\r\n", form,
             (size_t)m, 400, "bad_form"));
    drop(ask(__LINE__, "POST", "/v1/search?k=1", "Content-Type: multipart/form-data\r\n", form, (size_t)m, 400,
             "bad_form"));
    for (int cut = 1; cut < m; cut += 37) { /* wherever it ends, it is refused */
        http_reply r = http_ask(port, "POST", "/v1/search", "Content-Type: multipart/form-data; boundary=edge\r\n",
                                form, (size_t)cut);
        CHECK(r.status == 400 || r.status == 415 || r.status == 422 || cut > m - 4, "a form cut at %d: %d", cut,
              r.status);
        http_reply_free(&r);
    }
    free(picture);
}

static void check_model_routes(void) {
    json_t *json = ASK("POST", "/v1/tags", JSON, "{\"id\": 3, \"n\": 5}", 200, NULL);
    const json_t *tags = json_object_get(json, "tags");
    CHECK(json_array_size(tags) == 5, "5 tags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const double weight = json_number_value(json_object_get(json_array_get(tags, i), "weight"));
        CHECK(weight > 0 && weight <= 1, "weight %g", weight);
    }
    drop(json);
    size_t n;
    char *picture = read_file("scenes/images/scene-00004.png", &n);
    json = ask(__LINE__, "POST", "/v1/tags?n=3", "Content-Type: image/png\r\n", picture, n, 200, NULL);
    CHECK(json_array_size(json_object_get(json, "tags")) == 3, "3 tags");
    drop(json);
    json = ask(__LINE__, "POST", "/v1/encode", "Content-Type: image/png\r\n", picture, n, 200, NULL);
    json_t *item = GET("/v1/items/3", 200, NULL);
    CHECK(number(json, "n_bits") == 16 && !strcmp(json_string_value(json_object_get(json, "code")),
                                                  json_string_value(json_object_get(item, "image_code"))),
          "the code of item 3");
    drop(json);
    CHECK(!strcmp(json_string_value(json_object_get(item, "file_name")), "images/scene-00004.png"), "file_name");
    drop(item);
    json = ASK("POST", "/v1/encode", JSON, "{\"text\": \"red disc\"}", 200, NULL);
    drop(json);
    http_reply r = http_ask(port, "GET", "/v1/items/3/picture", "", NULL, 0);
    CHECK(r.status == 200 && r.n_body == n && !memcmp(r.body, picture, n) &&
              !strcmp(http_header(&r, "Content-Type"), "image/png"),
          "picture");
    http_reply_free(&r);
    r = http_ask(port, "GET", "/v1/items/3/thumbnail?side=16", "", NULL, 0);
    CHECK(r.status == 200 && !memcmp(r.body, "\xff\xd8\xff", 3) && http_header(&r, "ETag") &&
              http_header(&r, "Cache-Control"),
          "thumbnail");
    http_reply_free(&r);
    drop(GET("/v1/items/3/thumbnail?side=15", 400, "bad_value"));
    drop(GET("/v1/items/3/thumbnail?side=1025", 400, "bad_value"));
    free(picture);
}

/* ---------------------------------------------------------------- refusals */

static void check_values(void) {
    drop(GET("/v1/search?text=red&k=many", 400, "bad_value"));
    drop(GET("/v1/search?text=red&k=0", 400, "bad_value"));
    drop(GET("/v1/search?text=red&k=101", 400, "bad_value"));
    drop(GET("/v1/search?text=red&k=1&k=2", 400, "bad_value"));
    drop(GET("/v1/search?text=red&k", 400, "bad_value"));
    drop(GET("/v1/search?text=red&to=sound", 400, "bad_value"));
    drop(GET("/v1/search?text=red&method=magic", 400, "bad_value"));
    drop(GET("/v1/search?text=red&cut_off=maybe", 400, "bad_value"));
    drop(GET("/v1/search?text=red&radius=-1", 400, "bad_value"));
    drop(GET("/v1/search?text=red&label=nobody", 400, "bad_value"));
    drop(GET("/v1/search?text=red&colour=1", 400, "bad_value"));
    drop(GET("/v1/search?text=red&id=3", 400, "bad_value"));
    drop(GET("/v1/search?text=red&by=image", 400, "bad_value"));
    drop(GET("/v1/search?id=3&rerank=10", 400, "bad_value"));
    drop(GET("/v1/search?id=3&explain=1", 400, "bad_value"));
    drop(GET("/v1/search?image=AAAA", 400, "bad_value"));
    drop(GET("/v1/search?only=1&text=red", 400, "bad_value"));
    drop(GET("/v1/search", 400, "bad_value"));
    drop(GET("/v1/search?text=%ff%fe", 400, "bad_value"));
    drop(GET("/v1/search?text=%ed%a0%80", 400, "bad_value"));
    drop(GET("/v1/search?text=red%00disc", 400, "bad_value"));
    drop(GET("/v1/search?text=%zz", 400, "bad_url"));
    drop(GET("/v1/search?text=zzyzx", 422, "unknown_words"));
    drop(GET("/v1/search?text=", 422, "unknown_words"));
    drop(GET("/v1/search?id=99999", 404, "not_found"));
    drop(GET("/v1/search?id=18446744073709551615", 400, "bad_value"));
    drop(GET("/v1/search?id=99999999999999999999999", 400, "bad_value"));
    drop(GET("/v1/items/99999", 404, "not_found"));
    drop(GET("/v1/items/3x", 404, "not_found"));
    drop(GET("/v1/items/-3", 404, "not_found"));
    drop(GET("/v1/items/99999999999999999999999", 404, "not_found"));
    drop(GET("/v1/items/3?a=b", 400, "bad_value"));
    drop(GET("/nowhere", 404, "not_found"));
    drop(GET("/v1/search/", 404, "not_found"));
    static const char *const bad_json[] = {"",
                                           "{",
                                           "[]",
                                           "3",
                                           "{\"text\": \"\xff\"}",
                                           "{\"text\": \"a\", \"text\": \"b\"}",
                                           "{\"text\": \"a\\u0000b\"}",
                                           "{\"text\": \"\\ud800\"}"};
    for (size_t i = 0; i < sizeof bad_json / sizeof *bad_json; i++)
        drop(ASK("POST", "/v1/search", JSON, bad_json[i], 400, "bad_json"));
    static const char *const bad_value[] = {"{\"text\": 3}",
                                            "{\"text\": null}",
                                            "{\"id\": \"3\"}",
                                            "{\"id\": -3}",
                                            "{\"id\": 3.5}",
                                            "{\"id\": 3, \"k\": true}",
                                            "{\"text\": \"red\", \"labels\": \"red disc\"}",
                                            "{\"text\": \"red\", \"labels\": [3]}",
                                            "{\"text\": \"red\", \"only\": 3}",
                                            "{\"text\": \"red\", \"only\": [-3]}",
                                            "{\"text\": \"red\", \"cut_off\": 1}",
                                            "{\"text\": \"red\", \"a\": 1}",
                                            "{}",
                                            "{\"image\": \"AAA\"}",
                                            "{\"image\": \"A===\"}",
                                            "{\"image\": \"AA A\"}",
                                            "{\"image\": \"\"}",
                                            "{\"image\": \"AAB=\"}",
                                            "{\"image\": 3}"};
    for (size_t i = 0; i < sizeof bad_value / sizeof *bad_value; i++)
        drop(ASK("POST", "/v1/search", JSON, bad_value[i], 400, "bad_value"));
    drop(ASK("POST", "/v1/search", JSON, "{\"image\": \"AAAA\"}", 415, "not_a_picture"));
    drop(ASK("POST", "/v1/search", "Content-Type: text/plain\r\n", "red", 415, "unsupported_media_type"));
    drop(ASK("POST", "/v1/search", "", "red", 415, "unsupported_media_type"));
    drop(ASK("POST", "/v1/search", "Content-Type: image/png\r\n", "red", 415, "not_a_picture"));
    drop(ASK("POST", "/v1/attention", "Content-Type: text/plain\r\n", "x", 415, NULL));
    drop(ASK("POST", "/v1/tags", JSON, "{\"text\": \"a\"}", 400, "bad_value"));
    size_t n;
    char *picture = read_file("scenes/images/scene-00004.png", &n);
    drop(ask(__LINE__, "POST", "/v1/search", "Content-Type: image/png\r\n", picture, n - 900, 422, "bad_picture"));
    free(picture);
    char *deep = malloc(100001);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    drop(ASK("POST", "/v1/search", JSON, deep, 400, "bad_json"));
    free(deep);
}

static void check_methods(void) {
    static const char *const wrong[][3] = {{"PUT", "/v1/info", "GET, HEAD"},
                                           {"DELETE", "/", "GET, HEAD"},
                                           {"PATCH", "/v1/search", "GET, HEAD, POST"},
                                           {"OPTIONS", "/v1/search", "GET, HEAD, POST"},
                                           {"GET", "/v1/tags", "POST"},
                                           {"GET", "/v1/reload", "POST"},
                                           {"BREW", "/v1/items/3", "GET, HEAD, DELETE"},
                                           {"POST", "/v1/items/3", "GET, HEAD, DELETE"},
                                           {"TRACE", "/healthz", "GET, HEAD"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        http_reply r = http_ask(port, wrong[i][0], wrong[i][1], "", NULL, 0);
        const char *allow = r.status ? http_header(&r, "Allow") : NULL;
        CHECK(r.status == 405 && allow && !strcmp(allow, wrong[i][2]), "%s %s: %d, Allow: %s", wrong[i][0],
              wrong[i][1], r.status, allow ? allow : "-");
        http_reply_free(&r);
    }
    static const char *const heads[] = {
        "/v1/info", "/v1/search?text=red", "/v1/items/3", "/v1/items/3/picture", "/v1/items/3/thumbnail",
        "/metrics", "/openapi.json"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        http_reply r = http_ask(port, "HEAD", heads[i], "", NULL, 0);
        CHECK(r.status == 200 && r.n_body == 0, "HEAD %s: %d", heads[i], r.status);
        http_reply_free(&r);
    }
}

static void check_tokens(void) {
    static const char *const wrong[] = {"",
                                        "Authorization: Bearer\r\n",
                                        "Authorization: Bearer \r\n",
                                        "Authorization: Bearer wrong\r\n",
                                        "Authorization: Bearer " TOKEN "x\r\n",
                                        "Authorization: Basic " TOKEN "\r\n",
                                        "Authorization: " TOKEN "\r\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        http_reply r = http_ask(port, "POST", "/v1/reload", wrong[i], "", 0);
        CHECK(r.status == 401 && !strcmp(http_header(&r, "WWW-Authenticate"), "Bearer"), "%s: %d", wrong[i],
              r.status);
        http_reply_free(&r);
        drop(ask(__LINE__, "DELETE", "/v1/items/3", wrong[i], NULL, 0, 401, NULL));
        char headers[256];
        snprintf(headers, sizeof headers, JSON "%s", wrong[i]);
        drop(ASK("POST", "/v1/items", headers, "{\"items\": []}", 401, NULL));
    }
    drop(GET("/v1/items/3", 200, NULL));
}

/* Names that lead out of the folder, through the index and through the API. */
static void check_paths(void) {
    static const char *const names[] = {"../secret.png",
                                        "images/../../secret.png",
                                        "/etc/passwd",
                                        "images//scene-00004.png",
                                        "./images/scene-00004.png",
                                        "..",
                                        "images/..",
                                        "",
                                        "out/secret.png",
                                        "outfile.png",
                                        "absolute.png",
                                        "pipe",
                                        "images",
                                        "loop"};
    char folder[4096], body[256];
    CHECK(mkdir("outside", 0700) == 0 && symlink("../outside", "scenes/out") == 0 &&
              symlink("../secret.png", "scenes/outfile.png") == 0 &&
              symlink("/etc/passwd", "scenes/absolute.png") == 0 && mkfifo("scenes/pipe", 0600) == 0 &&
              symlink("loop", "scenes/loop") == 0 && symlink("images/scene-00004.png", "scenes/inside.png") == 0,
          "links: %s", strerror(errno));
    http_check(system("cp scenes/images/scene-00001.png secret.png && cp secret.png outside/secret.png") == 0, __LINE__,
          "copies");
    CHECK(realpath("scenes", folder) != NULL, "realpath");
    const int fd = open("scenes", O_RDONLY | O_DIRECTORY);
    for (int by_kernel = 0; by_kernel < 2; by_kernel++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            CHECK(serve_open_below(fd, folder, names[i], by_kernel) < 0, "%s was opened (%d)", names[i], by_kernel);
        const int a = serve_open_below(fd, folder, "images/scene-00004.png", by_kernel),
                  b = serve_open_below(fd, folder, "inside.png", by_kernel);
        CHECK(a >= 0 && b >= 0, "a good name was refused (%d)", by_kernel);
        close(a);
        close(b);
    }
    close(fd);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(body, sizeof body, "{\"items\": [{\"file_name\": \"%s\"}]}", names[i]);
        http_reply r = http_ask(port, "POST", "/v1/items", WRITE, body, strlen(body));
        CHECK(r.status == 400 || r.status == 404, "%s: %d", names[i], r.status);
        http_reply_free(&r);
    }
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"file_name\": \"a\\u0000b\"}]}", 400, NULL));
    static const char *const targets[] = {
        "/../scenes.adah",     "/v1/items/3/../../../etc/passwd", "/v1/items/..%2f..%2fsecret.png/picture",
        "/%2e%2e/secret.png",  "/v1/items/3%00/picture",          "//etc/passwd",
        "/v1/items/3/picture/"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        http_reply r = http_ask(port, "GET", targets[i], "", NULL, 0);
        CHECK(r.status == 404 || r.status == 400, "%s: %d", targets[i], r.status);
        http_reply_free(&r);
    }
}

/* ---------------------------------------------------------------- pictures that are none */

static void write_file(const char *path, const void *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0, "%s", path);
}

static void expect_thumbnail(const char *target) {
    http_reply r = http_ask(port, "GET", target, "", NULL, 0);
    CHECK(r.status == 200 && r.n_body > 3 && !memcmp(r.body, "\xff\xd8\xff", 3), "%s: %d", target, r.status);
    http_reply_free(&r);
}

static void expect_has_picture(const char *item, int expected, int line) {
    json_t *json = ask(line, "GET", item, "", NULL, 0, 200, NULL);
    http_check(json_is_boolean(json_object_get(json, "has_picture")) && json_is_true(json_object_get(json, "has_picture")) == expected, line,
               "has_picture of %s", item);
    drop(json);
}

/* Files that begin as pictures and are something else do not leave the folder; what is whole does, as what it is. */
static void check_files(void) {
    static const char path[] = "scenes/images/scene-00012.png", page[] = "\x89PNG\r\n\x1a\n<html><script>alert(1)</script></html>";
    size_t n;
    char *picture = read_file(path, &n), *with_more = malloc(n + sizeof page);
    for (int round = 0; round < 2; round++) {
        expect_thumbnail("/v1/items/11/thumbnail");
        write_file(path, page, sizeof page - 1);
        drop(GET("/v1/items/11/picture", 415, "not_a_picture"));
        drop(GET("/v1/items/11/thumbnail", 415, "not_a_picture"));
        write_file(path, picture, n / 2);
        drop(GET("/v1/items/11/picture", 415, "not_a_picture"));
        drop(GET("/v1/items/11/thumbnail", 422, "bad_picture"));
        memcpy(with_more, picture, n);
        memcpy(with_more + n, page, sizeof page);
        write_file(path, with_more, n + sizeof page);
        http_reply r = http_ask(port, "GET", "/v1/items/11/picture", "", NULL, 0);
        CHECK(r.status == 200 && !strcmp(http_header(&r, "Content-Type"), "image/png") &&
                  !strcmp(http_header(&r, "X-Content-Type-Options"), "nosniff"),
              "a picture with more behind it: %d", r.status);
        http_reply_free(&r);
        write_file(path, picture, n);
        r = http_ask(port, "GET", "/v1/items/11/picture", "", NULL, 0);
        CHECK(r.status == 200 && r.n_body == n && !memcmp(r.body, picture, n), "the picture is back: %d", r.status);
        http_reply_free(&r);
    }
    expect_has_picture("/v1/items/11", 1, __LINE__);
    unlink(path);
    drop(GET("/v1/items/11/picture", 404, NULL));
    expect_has_picture("/v1/items/11", 0, __LINE__);
    write_file(path, picture, n);
    expect_has_picture("/v1/items/11", 1, __LINE__);
    free(with_more);
    free(picture);
}

/* Pictures that hide how much they are; others are decoded meanwhile and afterwards. */
static void check_lies(void) {
    const heif_plan lie = {.is_still = 1, .in_band = 1, .n_frames = 1, .n_told_width = 64, .n_told_height = 64, .n_width = 16384,
                           .n_height = 16384},
                    large = {.is_still = 1, .in_band = 1, .n_frames = 1, .n_told_width = 12000, .n_told_height = 12000, .n_width = 12000,
                             .n_height = 12000, .n_small = 1};
    const struct {
        picture_bytes file;
        int status;
        const char *code;
    } cases[] = {{make_heif(&lie), 415, "not_a_picture"},
                 {make_heif(&large), 413, "too_large"},
                 {make_gif(10, 10, 0, 0, 60000, 60000), 413, "too_large"},
                 {make_webp(64, 1, 64, 1, 16383, 16383), 413, "too_large"},
                 {make_slow_jpeg(64, 64, 200), 413, "too_large"},
                 {make_slow_jpeg(12000, 12000, 1), 413, "too_large"},
                 {make_png(6000, 6000, 1, 0, 1000), 422, "bad_picture"},
                 {make_slow_jpeg(6000, 6000, 3), 200, NULL}};
    static const char *const routes[] = {"/v1/search?to=image&k=1", "/v1/encode", "/v1/tags"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t k = 0; k < 3; k++)
            drop(ask(__LINE__, "POST", routes[k], "Content-Type: image/png\r\n", cases[i].file.at, cases[i].file.n, cases[i].status,
                     cases[i].code));
        write_file("scenes/lie.png", cases[i].file.at, cases[i].file.n);
        json_t *json = ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"file_name\": \"lie.png\"}]}",
                           cases[i].status == 200 ? 201 : cases[i].status, cases[i].code);
        if (cases[i].status == 200) {
            char target[64];
            snprintf(target, sizeof target, "/v1/items/%lld",
                     (long long)json_integer_value(json_array_get(json_object_get(json, "ids"), 0)));
            drop(ask(__LINE__, "DELETE", target, BEARER, NULL, 0, 200, NULL));
        }
        drop(json);
        free(cases[i].file.at);
    }
    expect_thumbnail("/v1/items/3/thumbnail?side=100");
    http_reply r = http_ask(port, "GET", "/metrics", "", NULL, 0);
    CHECK(r.status == 200 && strstr(r.body, "\nadah_decoders_ended_total 0\n") && strstr(r.body, "\nadah_decoders "), "metrics");
    http_reply_free(&r);
}

/* ---------------------------------------------------------------- writes */

/* Several texts are lines, as in metadata, and have the code of these lines. Item 500 is there. */
static void check_lists_of_texts(void) {
    static const struct {
        const char *list, *lines, *text;
    } cases[] = {{"[\"red disc\", \"\", \"blue\\nstar\", \"  \", \"red disc\", \"red\"]", "red disc\\nblue star\\nred", "red disc\nblue star\nred"},
                 {"[\"\", \"red\\ndisc\"]", "red\\ndisc", "red\ndisc"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[300];
        snprintf(body, sizeof body, "{\"items\": [{\"id\": 500, \"text\": %s, \"replace\": true}]}", cases[i].list);
        drop(ASK("POST", "/v1/items", WRITE, body, 201, NULL));
        snprintf(body, sizeof body, "{\"text\": \"%s\"}", cases[i].lines);
        json_t *item = GET("/v1/items/500", 200, NULL), *encoded = ASK("POST", "/v1/encode", JSON, body, 200, NULL);
        const char *text = json_string_value(json_object_get(item, "text"));
        CHECK(text && !strcmp(text, cases[i].text), "texts %s are \"%s\"", cases[i].list, text ? text : "-");
        CHECK(json_equal(json_object_get(item, "text_code"), json_object_get(encoded, "code")), "the code of several texts");
        drop(item);
        drop(encoded);
    }
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"text\": []}]}", 422, "unknown_words"));
}

static void check_writes(void) {
    json_t *json = ASK("POST", "/v1/items", WRITE,
                       "{\"items\": [{\"text\": \"red disc\", \"labels\": [\"new\", \"red disc\"]}, {\"id\": 500, "
                       "\"file_name\": \"images/scene-00007.png\"}]}",
                       201, NULL);
    CHECK(number(json, "n_records") == 122 &&
              json_integer_value(json_array_get(json_object_get(json, "ids"), 0)) == 120 &&
              json_integer_value(json_array_get(json_object_get(json, "ids"), 1)) == 500,
          "ids");
    drop(json);
    json = GET("/v1/items/120", 200, NULL);
    CHECK(json_is_null(json_object_get(json, "image_code")) && json_is_string(json_object_get(json, "text_code")),
          "a text alone");
    drop(json);
    json = GET("/v1/search?text=red+disc&to=text&k=1&label=new", 200, NULL);
    CHECK(number(hit(json, 0), "id") == 120 && number(hit(json, 0), "distance") == 0, "what was added is found");
    drop(json);
    json = GET("/v1/items/500", 200, NULL);
    CHECK(json_is_string(json_object_get(json, "image_code")), "the picture of the folder");
    drop(json);
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"id\": 500, \"text\": \"red disc\"}]}", 409, "id_taken"));
    drop(ASK("POST", "/v1/items", WRITE,
             "{\"items\": [{\"text\": \"red\"}, {\"id\": 700, \"text\": \"red disc\", \"replace\": true}]}", 404,
             NULL));
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"id\": 500, \"text\": \"blue star\", \"replace\": true}]}",
             201, NULL));
    json = GET("/v1/items/500", 200, NULL);
    CHECK(!strcmp(json_string_value(json_object_get(json, "text")), "blue star"), "replaced");
    drop(json);
    check_lists_of_texts();
    static const char *const bad[] = {"{}",
                                      "{\"items\": [{\"text\": [\"red\", 3]}]}",
                                      "{\"items\": [{\"text\": [[\"red\"]]}]}",
                                      "{\"items\": {}}",
                                      "{\"items\": []}",
                                      "{\"items\": [3]}",
                                      "{\"items\": [{}]}",
                                      "{\"items\": [{\"labels\": [\"a\"]}]}",
                                      "{\"items\": [{\"text\": \"red\", \"id\": -1}]}",
                                      "{\"items\": [{\"text\": \"red\", \"labels\": [3]}]}",
                                      "{\"items\": [{\"text\": \"red\", \"b\": 3}]}",
                                      "{\"items\": [{\"text\": \"red\", \"replace\": true}]}",
                                      "{\"items\": [{\"text\": \"red\"}], \"more\": 1}",
                                      "{\"items\": [{\"image\": \"@@@@\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        drop(ASK("POST", "/v1/items", WRITE, bad[i], 400, "bad_value"));
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"text\": \"zzyzx\"}]}", 422, "unknown_words"));
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"file_name\": \"images/none.png\"}]}", 404, NULL));
    drop(ASK("POST", "/v1/items", BEARER, "{\"items\": [{\"text\": \"red\"}]}", 415, NULL));
    json = ask(__LINE__, "DELETE", "/v1/items/500", BEARER, NULL, 0, 200, NULL);
    CHECK(number(json, "deleted") == 1, "deleted");
    drop(json);
    drop(ask(__LINE__, "DELETE", "/v1/items/500", BEARER, NULL, 0, 404, "not_found"));
    drop(ask(__LINE__, "DELETE", "/v1/items/120", BEARER, NULL, 0, 200, NULL));
    drop(GET("/v1/items/500", 404, "not_found"));
    json = GET("/v1/info", 200, NULL);
    CHECK(number(json_object_get(json, "index"), "n_records") == 120, "all or none");
    drop(json);
}

/* What the library reports, as an answer: the status, the code, and a text without paths. */
static void check_failures(void) {
    static const struct {
        adah_status status;
        unsigned answer;
        const char *code, *said; /* NULL: the message as it is */
    } cases[] = {
        {{ADAH_ERROR_BUSY, "/srv/a b/i.adah: another writer has the index open", 0}, 503, "busy", "the index: another writer has the index open"},
        {{ADAH_ERROR_IO, "/srv/a b/i.adah: cannot write: No space left on device", ENOSPC}, 507, "no_space", "the index: cannot write: No space left on device"},
        {{ADAH_ERROR_IO, "x", EDQUOT}, 507, "no_space", NULL},
        {{ADAH_ERROR_IO, "x", EACCES}, 500, "no_permission", NULL},
        {{ADAH_ERROR_IO, "x", EROFS}, 500, "no_permission", NULL},
        {{ADAH_ERROR_NOT_FOUND, "/srv/m.safetensors: cannot open: No such file or directory", ENOENT}, 500, "missing_file", "the model: cannot open: No such file or directory"},
        {{ADAH_ERROR_IO, "x", EMFILE}, 503, "out_of_resources", NULL},
        {{ADAH_ERROR_IO, "x", EIO}, 500, "disk_error", NULL},
        {{ADAH_ERROR_IO, "x", 0}, 500, "internal", NULL},
        {{ADAH_ERROR_UNCERTAIN, "/real/place/i.adah: cannot write to disk", EIO}, 500, "outcome_unknown", "a file: cannot write to disk"},
        {{ADAH_ERROR_CORRUPT, "/srv/a b/i.adah: the index is damaged", 0}, 500, "damaged", "the index: the index is damaged"},
        {{ADAH_ERROR_FORMAT, "/srv/a b/i.adah: not an adah index", 0}, 500, "damaged", "the index: not an adah index"},
        {{ADAH_ERROR_MEMORY, "out of memory", 0}, 500, "out_of_memory", NULL},
        {{ADAH_ERROR_EXISTS, "/srv/a b/i.adah: id 3 is taken", 0}, 409, "id_taken", "the index: id 3 is taken"},
        {{ADAH_ERROR_NOT_FOUND, "/srv/a b/i.adah: there is no record with id 3", 0}, 404, "not_found", "the index: there is no record with id 3"},
        {{ADAH_ERROR_NO_KNOWN_WORD, "\"zzyzx\": none of its words is in the model's vocabulary", 0}, 422, "unknown_words", NULL},
        {{ADAH_ERROR_ARGUMENT, "x", 0}, 400, "bad_value", NULL},
        {{ADAH_ERROR_MISMATCH, "this index was made by another model than 12", 0}, 409, "mismatch", NULL},
        {{ADAH_ERROR_CANCELLED, "x", 0}, 500, "internal", NULL},
        {{ADAH_ERROR_INTERNAL, "cannot load (/usr/lib/libadah-pictures.so: no such file)", 0}, 500, "internal", "cannot load (a file: no such file)"},
        {{ADAH_ERROR_INTERNAL, "it is 3 / 4 of \"/srv/pictures\"", 0}, 500, "internal", "it is 3 / 4 of \"the folder of pictures\""},
    };
    serve_server s = {.options = {.index = "/srv/a b/i.adah", .model = "/srv/m.safetensors", .images = "/srv/pictures", .log = SERVE_LOG_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        serve_request r = {.server = &s};
        char expected[600];
        serve_refuse_failed(&r, &cases[i].status);
        json_t *json = json_loadb(r.answer.text.bytes, r.answer.text.n_bytes, 0, NULL);
        const json_t *error = json_object_get(json, "error");
        const char *code = json_string_value(json_object_get(error, "code")), *said = json_string_value(json_object_get(error, "message"));
        snprintf(expected, sizeof expected, "%s", cases[i].said ? cases[i].said : cases[i].status.message);
        CHECK(r.answer.status == cases[i].answer && code && !strcmp(code, cases[i].code) && said && !strcmp(said, expected),
              "failure %zu: %u %s: %s", i, r.answer.status, code ? code : "-", said ? said : "-");
        CHECK(!r.answer.retry_after == (r.answer.status != 503), "failure %zu: Retry-After", i);
        json_decref(json);
        serve_request_clear(&r);
    }
}

/* A change that is asked for again happens once. (After a restart: tests/index/test_disk_faults.c.) */
static void check_repeats(void) {
    static const char add[] = "{\"items\": [{\"text\": \"red disc\"}, {\"id\": 900, \"text\": \"blue star\"}]}";
    static const char other[] = "{\"items\": [{\"id\": 901, \"text\": \"blue star\"}]}";
    const char *key = WRITE "Idempotency-Key: first\r\n";
    http_reply one = http_ask(port, "POST", "/v1/items", key, add, strlen(add));
    http_reply two = http_ask(port, "POST", "/v1/items", key, add, strlen(add));
    CHECK(one.status == 201 && two.status == 201 && !strcmp(one.body, two.body), "%d %d: the same answer: %s %s", one.status,
          two.status, one.body, two.body);
    http_reply_free(&one);
    http_reply_free(&two);
    drop(ASK("POST", "/v1/items", key, other, 422, "key_used"));
    drop(ask(__LINE__, "DELETE", "/v1/items/900", BEARER "Idempotency-Key: first\r\n", NULL, 0, 422, "key_used"));
    drop(ASK("POST", "/v1/items", WRITE "Idempotency-Key: second\r\n", add, 409, "id_taken")); /* what is refused is not kept */
    drop(ASK("POST", "/v1/items", WRITE "Idempotency-Key: second\r\n", other, 201, NULL));
    json_t *info = GET("/v1/info", 200, NULL);
    CHECK(number(json_object_get(info, "index"), "n_records") == 123, "added once");
    drop(info);
    for (int i = 0; i < 2; i++)
        drop(ask(__LINE__, "DELETE", "/v1/items/900", BEARER "Idempotency-Key: third\r\n", NULL, 0, 200, NULL));
    drop(ask(__LINE__, "DELETE", "/v1/items/900", BEARER "Idempotency-Key: fourth\r\n", NULL, 0, 404, "not_found"));
    drop(ask(__LINE__, "DELETE", "/v1/items/901", BEARER, NULL, 0, 200, NULL));
    drop(ask(__LINE__, "DELETE", "/v1/items/501", BEARER, NULL, 0, 200, NULL));
    drop(ASK("POST", "/v1/items", WRITE "Idempotency-Key:\r\n", add, 400, "bad_value"));
    drop(ASK("POST", "/v1/items", WRITE "Idempotency-Key: a b\r\n", add, 400, "bad_value"));
    char long_key[400] = WRITE "Idempotency-Key: ";
    memset(long_key + strlen(long_key), 'k', 256);
    strcat(long_key, "\r\n");
    drop(ASK("POST", "/v1/items", long_key, add, 400, "bad_value"));
}

/* ---------------------------------------------------------------- limits */

static void raw(int line, const char *bytes, int status) {
    const int fd = http_connect(port);
    http_send(fd, bytes, strlen(bytes));
    http_reply r = http_receive(fd, 0);
    http_check(r.status == status, line, "status %d, expected %d: %.60s", r.status, status, bytes);
    http_reply_free(&r);
    close(fd);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* PNG of 20000 x 6000 pixels by its head; there is next to nothing behind it. */
static const unsigned char bomb[] = {137, 80, 78, 71, 13, 10,  26,  10, 0,  0,   0,  13,  73,  72,  68,  82, 0, 0,
                                     78,  32, 0,  0,  23, 112, 1,   0,  0,  0,   0,  113, 200, 223, 7,   0,  0, 0,
                                     12,  73, 68, 65, 84, 120, 156, 99, 96, 160, 61, 0,   0,   0,   100, 0,  1, 134,
                                     100, 60, 53, 0,  0,  0,   0,   73, 69, 78,  68, 174, 66,  96,  130};

static void check_limits(void) {
    const size_t n = (1 << 20) + 1;
    char *large = calloc(1, n + 1), *head;
    memset(large, 'a', n);
    drop(ask(__LINE__, "POST", "/v1/search", JSON, large, n, 413, "too_large"));
    drop(ask(__LINE__, "POST", "/v1/search", JSON, large, n - 1, 400, "bad_json"));
    drop(ask(__LINE__, "POST", "/v1/search", JSON "Expect: 100-continue\r\n", large, n, 413, "too_large"));
    raw(__LINE__,
        "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "999999999999\r\n\r\n",
        413);
    drop(ask(__LINE__, "POST", "/nowhere", JSON, large, n - 1, 404, NULL));
    memset(large, 'a', 40000);
    large[20000] = '\0';
    http_check(asprintf(&head, "X-Long: %s\r\n", large) > 0, __LINE__, "memory");
    drop(ask(__LINE__, "GET", "/v1/info", head, NULL, 0, 431, "headers_too_large"));
    free(head);
    http_check(asprintf(&head, "/v1/search?text=%s", large) > 0, __LINE__, "memory");
    drop(GET(head, 431, "headers_too_large"));
    free(head);
    large[9000] = '\0';
    http_check(asprintf(&head, "/v1/search?text=%s", large) > 0, __LINE__, "memory");
    drop(GET(head, 400, "bad_value"));
    free(head);
    free(large);
    /* A body in pieces of unknown number. */
    raw(__LINE__,
        "POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        "8\r\n{\"text\":\r\n7\r\n \"red\"}\r\n0\r\n\r\n",
        200);
    http_reply r = http_ask(port, "POST", "/v1/search", "Content-Type: image/png\r\n", bomb, sizeof bomb);
    CHECK(r.status == 413, "too many pixels: %d %.200s", r.status, r.body ? r.body : ""); /* by its head: to decode it fails */
    http_reply_free(&r);
}

/* Control characters, also those that UTF-8 hides, reach no terminal by the log; test_serve.sh looks at it. */
static void check_control_characters(void) {
    raw(__LINE__, "G\x01\x1b[31mT\xc2\x9bx /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
    raw(__LINE__, "GET /nowhere\x1b[2J\x7f\xc2\x9b\xff%0a%c2%85 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
    http_reply r = http_ask(port, "GET", "/nowhere%c2%9b31m%1b", "", NULL, 0);
    CHECK(r.body && strstr(r.body, "\\u009b31m\\u001b"), "escapes: %s", r.body ? r.body : "");
    http_reply_free(&r);
}

/* What libmicrohttpd and decoders would make too much of. */
static void check_bombs(void) {
    static const unsigned char head[] = {255, 216, 255, 194, 0, 11, 8, 0, 64, 0, 64, 1, 1, 17, 0, 255, 196, 0, 20,
                                         0,   1,   0,   0,   0, 0,  0, 0, 0,  0, 0,  0, 0, 0,  0, 0,   0,   0, 0},
                               scan[] = {255, 218, 0, 8, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    enum { N_SCANS = 101 };
    unsigned char jpeg[sizeof head + N_SCANS * sizeof scan + 2], *p = jpeg;
    memcpy(p, head, sizeof head);
    p += sizeof head;
    for (int i = 0; i < N_SCANS; i++, p += sizeof scan)
        memcpy(p, scan, sizeof scan);
    memcpy(p, "\xff\xd9", 2);
    drop(ask(__LINE__, "POST", "/v1/encode", "Content-Type: image/jpeg\r\n", jpeg, sizeof jpeg, 413, "too_large"));
    /* PNGs of 64 x 64 grey pixels: with 17 compressed texts, and with far more compressed pixels than pixels. */
    static const unsigned char png_head[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0,  0, 0,
                                             13,   'I', 'H', 'D', 'R',  0,    0,    0,    64, 0, 0,
                                             0,    64,  8,   0,   0,    0,    0,    0,    0,  0, 0},
                               png_text[] = {0, 0, 0, 2, 'z', 'T', 'X', 't', 'a', 0, 0, 0, 0, 0};
    enum { N_TEXTS = 17, N_IDAT = 100000 };
    unsigned char *png = calloc(1, sizeof png_head + N_IDAT + 12);
    memcpy(png, png_head, sizeof png_head);
    for (int i = 0; i < N_TEXTS; i++)
        memcpy(png + sizeof png_head + (size_t)i * sizeof png_text, png_text, sizeof png_text);
    drop(ask(__LINE__, "POST", "/v1/encode", "Content-Type: image/png\r\n", png,
             sizeof png_head + N_TEXTS * sizeof png_text, 413, "too_large"));
    memcpy(png + sizeof png_head,
           (const unsigned char[]){N_IDAT >> 24, N_IDAT >> 16 & 255, N_IDAT >> 8 & 255, N_IDAT & 255, 'I', 'D', 'A',
                                   'T'},
           8);
    drop(ask(__LINE__, "POST", "/v1/encode", "Content-Type: image/png\r\n", png, sizeof png_head + N_IDAT + 12, 413,
             "too_large"));
    free(png);
    raw(__LINE__,
        "POST /v1/search HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}abc", 400);
    raw(__LINE__,
        "POST /v1/encode HTTP/1.1\r\nHost: localhost\r\n" JSON
        "Content-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"text\":\"red\"}\r\n0\r\n\r\n",
        400);
}

/* More parameters than libmicrohttpd has room for: it goes on waiting. Either the server's time is over, or the client hangs up, and
 * check_stop sees that nothing is left of it. */
static void ask_with_many_parameters(int with_patience) {
    char *request = calloc(1, 60000);
    strcpy(request, "GET /v1/search?");
    for (size_t n = strlen(request); n < 50000; n += 4)
        memcpy(request + n, "k=1&", 4);
    strcat(request, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const int fd = http_connect(port);
    http_send(fd, request, strlen(request));
    if (with_patience) {
        http_reply r = http_receive(fd, 0);
        CHECK(r.status == 0 || r.status >= 400, "many parameters: %d", r.status);
        http_reply_free(&r);
    }
    close(fd);
    free(request);
}

/* Slow senders: of a head, of a body, and one that says nothing. */
static void check_slow(void) {
    static const char *const beginnings[] = {
        "GET /v1/info HT",
        "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", ""};
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = http_connect(port);
        http_send(fd[i], beginnings[i], strlen(beginnings[i]));
    }
    /* A byte now and then keeps no connection open. */
    const double start = seconds();
    for (int n_told = 0; n_told < 3 && seconds() - start < WAIT_SECONDS;) {
        struct pollfd told = {fd[n_told], POLLIN, 0};
        if (poll(&told, 1, 100) > 0) {
            n_told++;
            continue;
        }
        send(fd[0], "x", 1, MSG_NOSIGNAL);
        send(fd[1], " ", 1, MSG_NOSIGNAL);
    }
    for (int i = 0; i < 3; i++) {
        http_reply r = http_receive(fd[i], 0);
        CHECK(r.status == 408 && strstr(r.body, "too_slow"), "slow sender %d: %d", i, r.status);
        http_reply_free(&r);
        close(fd[i]);
    }
}

/* ---------------------------------------------------------------- openapi.json and the routes */

/* Asks with a value that the description forbids. The answer must name the parameter. */
static void refuses_value(const char *method, const char *target, const char *type, const char *body, const char *name) {
    http_reply r = http_ask(port, method, target, type, body, strlen(body));
    json_t *json = r.status ? json_loadb(r.body, r.n_body, 0, NULL) : NULL;
    const char *field = json_string_value(json_object_get(json_object_get(json, "error"), "field"));
    CHECK(r.status == 400 && field && !strcmp(field, name), "%s %s %s: %d, field %s, expected 400, %s", method, target, body, r.status,
          field ? field : "-", name);
    json_decref(json);
    http_reply_free(&r);
}

/* Values that the schema of a parameter forbids, as text. Returns how many. */
static size_t forbidden_values(const json_t *schema, char values[3][32]) {
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *low = json_object_get(schema, "minimum"), *high = json_object_get(schema, "maximum"), *above = json_object_get(schema, "exclusiveMinimum");
    size_t n = 0;
    if (json_object_get(schema, "enum") || (type && strcmp(type, "string") && strcmp(type, "array")))
        snprintf(values[n++], 32, "nonsense");
    if (low)
        snprintf(values[n++], 32, "%lld", (long long)json_integer_value(low) - 1);
    if (above)
        snprintf(values[n++], 32, "%lld", (long long)json_integer_value(above));
    if (high)
        snprintf(values[n++], 32, "%lld", (long long)json_integer_value(high) + 1);
    return n;
}

static const json_t *json_members(const json_t *operation) {
    const json_t *json = json_object_get(json_object_get(json_object_get(operation, "requestBody"), "content"), "application/json");
    return json_object_get(json_object_get(json, "schema"), "properties");
}

/* The limits, choices and types that are described are those that hold, in the URL and in JSON. Returns how many values were refused. */
static size_t check_operation(const serve_route *route, const json_t *operation) {
    json_t *members = json_deep_copy(json_members(operation)), *schema;
    const json_t *one;
    const char *name, *hole = strstr(route->path, "{id}");
    char values[3][32], target[256], body[256];
    size_t i, n = 0;
    const int n_path = snprintf(target, sizeof target, hole ? "%.*s3%s" : "%.*s",
                                hole ? (int)(hole - route->path) : (int)strlen(route->path), route->path, hole ? hole + 4 : "");
    json_array_foreach(json_object_get(operation, "parameters"), i, one) {
        name = json_string_value(json_object_get(one, "name"));
        for (size_t k = forbidden_values(json_object_get(one, "schema"), values); k-- > 0; n++) {
            snprintf(target + n_path, sizeof target - (size_t)n_path, "?%s=%s", name, values[k]);
            refuses_value(route->method, target, members ? JSON : "", members ? "{}" : "", name);
        }
    }
    target[n_path] = '\0';
    json_object_foreach(members, name, schema) {
        const char *type = json_string_value(json_object_get(schema, "type"));
        const int is_number = !strcmp(type, "integer") || !strcmp(type, "number");
        snprintf(values[0], sizeof values[0], "17"); /* is no string, no list, no truth */
        for (size_t k = is_number ? forbidden_values(schema, values) : 1; k-- > 0; n++) {
            snprintf(body, sizeof body, values[k][0] == 'n' ? "{\"%s\": \"%s\"}" : "{\"%s\": %s}", name, values[k]);
            refuses_value(route->method, target, JSON, body, name);
        }
    }
    json_decref(members);
    return n;
}

/* A parameter is described where it is taken and nowhere else, and what is described holds. */
static void check_parameters(const json_t *paths) {
    size_t n = 0, n_operations = 0;
    for (const serve_route *route = serve_routes; route < serve_routes + serve_n_routes; route++) {
        const json_t *operation = json_object_get(json_object_get(paths, route->path), route->method[0] == 'G' ? "get" : "post"), *one;
        if (!route->parameters)
            continue;
        n_operations++;
        if (route->right != SERVE_WRITE) /* those are refused before anything is read: test_upload.sh asks a server that takes them */
            n += check_operation(route, operation);
        for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++) {
            char name[SERVE_NAME_BYTES];
            int is_described = json_object_get(json_members(operation), serve_json_name(p, name)) != NULL;
            size_t k;
            json_array_foreach(json_object_get(operation, "parameters"), k, one)
                is_described |= !strcmp(json_string_value(json_object_get(one, "name")), p->name);
            const int is_taken = (p->where & route->parameters) && (route->takes_body || p->type != SERVE_TYPE_IDS);
            CHECK(is_described == is_taken, "%s %s: %s is described: %d", route->method, route->path, p->name, is_described);
        }
    }
    CHECK(n_operations == 11 && n >= 50, "%zu operations, %zu values refused", n_operations, n);
}

static void check_openapi(void) {
    json_t *api = GET("/openapi.json", 200, NULL), *paths = json_object_get(api, "paths"), *path, *operation;
    const char *name, *method;
    size_t n = 0;
    json_object_foreach(paths, name, path) json_object_foreach(path, method, operation) {
        char target[256], upper[16] = "";
        const char *hole = strchr(name, '{');
        if (!json_is_object(operation))
            continue;
        snprintf(target, sizeof target, hole ? "%.*s%s%s" : "%.*s", hole ? (int)(hole - name) : (int)strlen(name), name,
                 hole && !strcmp(hole, "{file}") ? "app.js" : "3", hole ? strchr(hole, '}') + 1 : "");
        for (size_t i = 0; method[i] && i < sizeof upper - 1; i++)
            upper[i] = (char)(method[i] - 32);
        http_reply r = http_ask(port, upper, target, "", NULL, 0);
        CHECK(r.status && r.status != 405 && (r.status != 404 || n < 2), "%s %s: %d", upper, target, r.status);
        http_reply_free(&r);
        n++;
    }
    CHECK(n == serve_n_routes, "%zu operations described, %zu routes", n, serve_n_routes);
    for (size_t i = 0; i < serve_n_routes; i++) {
        char lower[16] = "";
        for (size_t k = 0; serve_routes[i].method[k]; k++)
            lower[k] = (char)(serve_routes[i].method[k] + 32);
        CHECK(json_object_get(json_object_get(paths, serve_routes[i].path), lower), "openapi.json lacks %s %s",
              serve_routes[i].method, serve_routes[i].path);
    }
    check_parameters(paths);
    drop(api);
}

/* ---------------------------------------------------------------- changes under load */

static atomic_int is_over, n_answers, n_bad;

static void *keep_asking(void *context) {
    (void)context;
    while (!atomic_load(&is_over)) {
        const int fd = http_connect(port);
        for (int i = 0; i < 50 && !atomic_load(&is_over); i++) {
            static const char request[] = "GET /v1/search?text=red+disc&k=5 HTTP/1.1\r\nHost: localhost\r\n\r\n";
            http_send(fd, request, sizeof request - 1);
            http_reply r = http_receive(fd, 0);
            atomic_fetch_add(&n_answers, 1);
            if (r.status != 200 && atomic_fetch_add(&n_bad, 1) < 5)
                printf("status %d: %.300s\n", r.status, r.body ? r.body : "");
            http_reply_free(&r);
        }
        close(fd);
    }
    return NULL;
}

static void wait_for_reloads(int n) {
    char line[64];
    snprintf(line, sizeof line, "adah_reloads_total %d\n", n);
    const double start = seconds();
    int is_there = 0;
    while (!is_there && seconds() - start < WAIT_SECONDS) {
        http_reply r = http_ask(port, "GET", "/metrics", "", NULL, 0);
        is_there = r.body && strstr(r.body, line);
        http_reply_free(&r);
        usleep(50000);
    }
    CHECK(is_there, "never: %s", line);
}

/* And names no file. */
static void refuses_to_reload(int line, int status, const char *code) {
    json_t *json = ask(line, "POST", "/v1/reload", BEARER, "", 0, status, code);
    const char *message = json_string_value(json_object_get(json_object_get(json, "error"), "message"));
    http_check(message && strstr(message, "the index") && !strstr(message, ".adah") && !strchr(message, '/'), line, "message: %s",
          message ? message : "-");
    drop(json);
}

static void check_changes(http_child server) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, keep_asking, NULL);
    for (int i = 0; i < 5; i++) {
        drop(ask(__LINE__, "POST", "/v1/reload", BEARER, "", 0, 200, NULL));
        drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"id\": 900, \"text\": \"green ring\"}]}", 201, NULL));
        drop(ask(__LINE__, "DELETE", "/v1/items/900", BEARER, NULL, 0, 200, NULL));
    }
    kill(server.pid, SIGHUP);
    wait_for_reloads(6);
    /* An index that is none: all stays as it was. */
    CHECK(rename("scenes.adah", "kept.adah") == 0, "rename");
    http_check(system("echo damaged > scenes.adah") == 0, __LINE__, "damage");
    refuses_to_reload(__LINE__, 500, "damaged");
    CHECK(unlink("scenes.adah") == 0, "unlink");
    refuses_to_reload(__LINE__, 500, "missing_file");
    drop(ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"text\": \"green ring\"}]}", 500, "missing_file"));
    if (geteuid() != 0) { /* root may all */
        CHECK(close(open("scenes.adah", O_CREAT | O_WRONLY, 0)) == 0, "unreadable");
        refuses_to_reload(__LINE__, 500, "no_permission");
    }
    CHECK(rename("model.safetensors", "kept.safetensors") == 0 && rename("kept.adah", "scenes.adah") == 0, "rename");
    CHECK(symlink("attention.safetensors", "model.safetensors") == 0, "link");
    drop(ask(__LINE__, "POST", "/v1/reload", BEARER, "", 0, 409, NULL));
    CHECK(rename("kept.safetensors", "model.safetensors") == 0, "rename");
    drop(ask(__LINE__, "POST", "/v1/reload", BEARER, "", 0, 200, NULL));
    /* What the command adds is seen without a reload. */
    http_check(system("\"$ADAH\" index delete --index scenes.adah --id 119 >/dev/null") == 0, __LINE__,
          "adah index delete");
    const double start = seconds();
    int status = 200;
    while ((status != 404 || atomic_load(&n_answers) <= 100) && seconds() - start < WAIT_SECONDS) {
        http_reply r = http_ask(port, "GET", "/v1/items/119", "", NULL, 0);
        status = r.status;
        http_reply_free(&r);
        usleep(50000);
    }
    CHECK(status == 404, "item 119 is still there");
    atomic_store(&is_over, 1);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&n_bad) == 0 && atomic_load(&n_answers) > 100, "%d of %d requests failed meanwhile",
          atomic_load(&n_bad), atomic_load(&n_answers));
}

/* A request whose body is still coming when the server is told to stop is finished; what else is told meanwhile does not matter.
 * Requests that hung up are forgotten: for them it would wait as long as --timeout says. */
static void check_stop(http_child server) {
    static const char first[] = "POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: "
                                "application/json\r\nContent-Length: 15\r\n\r\n",
                      second[] = "{\"text\": \"red\"}";
    const int fd = http_connect(port);
    char go_on[64] = "";
    http_send(fd, first, sizeof first - 1);
    CHECK(recv(fd, go_on, sizeof go_on - 1, 0) > 0 && strstr(go_on, " 100 "), "not told to go on: %s", go_on);
    http_send(fd, second, 9);
    kill(server.pid, SIGTERM);
    const double start = seconds();
    int late;
    while ((late = http_connect(port)) >= 0 && seconds() - start < WAIT_SECONDS) {
        close(late);
        usleep(10000);
    }
    CHECK(late < 0, "connections are still taken after SIGTERM");
    kill(server.pid, SIGHUP);
    kill(server.pid, SIGTERM);
    http_send(fd, second + 9, sizeof second - 1 - 9);
    http_reply r = http_receive(fd, 0);
    CHECK(r.status == 200, "the request that was under way: %d", r.status);
    http_reply_free(&r);
    close(fd);
    const double finished = seconds();
    CHECK(http_child_stop(server, 0) == 0, "exit code after SIGTERM");
    CHECK(seconds() - finished < TIMEOUT_SECONDS / 2, "it waited for requests that were none");
}

/* ---------------------------------------------------------------- servers of other kinds */

static http_child start(const char *const *options) {
    const http_child child = http_child_serve(options);
    port = child.port;
    return child;
}

static void check_starts(void) {
    static const struct {
        const char *options[12];
        int code;
    } bad[] = {
        {{"--model", "none", "--index", "scenes.adah", NULL}, 1},
        {{"--model", "model.safetensors", "--index", "none", NULL}, 1},
        {{"--model", "attention.safetensors", "--index", "scenes.adah", NULL}, 1},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--images", "none", NULL}, 1},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--address", "0.0.0.0", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--address", "nowhere.invalid", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--token", "", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--reads", "token", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--reads", "some", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--host", "http://archive.example", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--token", "a", "--token-file", "token", NULL},
         2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--tls-cert", "c", NULL}, 2},
        {{"--model", "model.safetensors", "--index", "scenes.adah", "--log", "loud", NULL}, 2},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int code = -1;
        const http_child child = http_child_start(bad[i].options, "log", &code);
        CHECK(child.port == 0 && code == bad[i].code, "start %zu: exit code %d, expected %d", i, code, bad[i].code);
        if (child.port)
            http_child_stop(child, SIGKILL);
    }
}

static void check_other_servers(void) {
    static const char *const strict[] = {"--model", "model.safetensors", "--index", "scenes.adah", "--timeout", "2", NULL};
    http_child server = start(strict);
    check_slow();
    ask_with_many_parameters(1);
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const bare[] = {"--model", "model.safetensors", "--index", "scenes.adah", "--log", "json",
                                       NULL};
    server = start(bare);
    drop(ask(__LINE__, "POST", "/v1/reload", BEARER, "", 0, 403, "forbidden"));
    drop(ask(__LINE__, "DELETE", "/v1/items/3", "", NULL, 0, 403, "forbidden"));
    drop(GET("/v1/items/3/picture", 404, NULL));
    check_control_characters();
    json_t *json = GET("/v1/search?text=red&k=1", 200, NULL);
    CHECK(json_is_false(json_object_get(hit(json, 0), "has_picture")), "no pictures");
    drop(json);
    CHECK(http_child_stop(server, SIGINT) == 0, "exit code after SIGINT");

    static const char *const open[] = {"--model", "model.safetensors", "--index", "scenes.adah", "--address",
                                       "0.0.0.0", "--token",           TOKEN,     NULL};
    server = start(open);
    drop(GET("/v1/search?text=red", 401, NULL));
    drop(GET("/v1/info", 401, NULL));
    http_reply r = http_ask(port, "GET", "/metrics", "", NULL, 0);
    CHECK(r.status == 401, "metrics: %d", r.status);
    http_reply_free(&r);
    drop(GET("/healthz", 200, NULL));
    drop(GET("/readyz", 200, NULL));
    drop(GET("/v1/progress", 200, NULL));
    drop(ask(__LINE__, "GET", "/v1/search?text=red", BEARER, NULL, 0, 200, NULL));
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const public[] = {"--model",   "model.safetensors", "--index",        "scenes.adah",
                                         "--address", "0.0.0.0",           "--reads", "free", NULL};
    server = start(public);
    drop(GET("/v1/search?text=red", 200, NULL));
    drop(ask(__LINE__, "POST", "/v1/reload", "", "", 0, 403, NULL));
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const closed[] = {"--model", "model.safetensors", "--index", "scenes.adah",  "--reads", "token",
                                         "--token", TOKEN,               "--host",  "archive.example", NULL};
    server = start(closed);
    drop(GET("/v1/search?text=red", 401, NULL));
    drop(GET("/v1/info", 401, NULL));
    drop(GET("/healthz", 200, NULL));
    drop(ask(__LINE__, "GET", "/v1/search?text=red", BEARER, NULL, 0, 200, NULL));
    drop(ask(__LINE__, "POST", "/v1/search?text=red", BEARER "Origin: https://evil.example\r\n", "", 0, 403, "foreign_page"));
    raw(__LINE__, "GET /v1/info HTTP/1.1\r\nHost: archive.example\r\n" BEARER "\r\n", 200);
    raw(__LINE__, "GET /v1/info HTTP/1.1\r\nHost: evil.example\r\n" BEARER "\r\n", 421);
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const plain[] = {"--model", "plain.safetensors", "--index", "plain.adah", NULL};
    server = start(plain);
    size_t n;
    char *picture = read_file("scenes/images/scene-00004.png", &n);
    drop(ask(__LINE__, "POST", "/v1/attention", "Content-Type: image/png\r\n", picture, n, 409, "mismatch"));
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const attentive[] = {"--model", "attention.safetensors", "--index", "attention.adah", NULL};
    server = start(attentive);
    json = ask(__LINE__, "POST", "/v1/attention", "Content-Type: image/png\r\n", picture, n, 200, NULL);
    CHECK(json_array_size(json_object_get(json, "mask")) ==
              (size_t)(number(json, "n_height") * number(json, "n_width")),
          "map");
    drop(json);
    r = http_ask(port, "POST", "/v1/attention", "Content-Type: image/png\r\nAccept: image/png\r\n", picture, n);
    CHECK(r.status == 200 && !memcmp(r.body, "\x89PNG", 4) && !strcmp(http_header(&r, "Content-Type"), "image/png"),
          "overlay: %d", r.status);
    http_reply_free(&r);
    free(picture);
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");
}

static double score(const json_t *json, size_t i) { return json_number_value(json_object_get(hit(json, i), "score")); }

static void check_order(const json_t *json, const char *order, size_t n) {
    const char *told = json_string_value(json_object_get(json, "order"));
    CHECK(told && !strcmp(told, order) && n_hits(json) == n, "order %s of %zu hits, expected %s of %zu", told ? told : "-", n_hits(json), order, n);
    for (size_t i = 1; i < n_hits(json); i++)
        CHECK(!strcmp(order, "fine") ? score(json, i - 1) >= score(json, i)
                                     : number(hit(json, i - 1), "distance") <= number(hit(json, i), "distance"),
              "hit %zu is out of order", i);
}

/* A model and an index with vectors; the index of another server has none. */
static void check_fine_order(void) {
    static const char *const options[] = {"--model", "fine.safetensors", "--index", "fine.adah", "--images", "scenes",
                                          "--token", TOKEN,              NULL};
    http_child server = start(options);
    size_t n;
    char *picture = read_file("scenes/images/scene-00004.png", &n);
    json_t *json = GET("/v1/info", 200, NULL);
    CHECK(number(json_object_get(json, "model"), "n_image_fine") == 24, "n_image_fine");
    CHECK(number(json_object_get(json, "model"), "n_text_fine") == 24, "n_text_fine");
    drop(json);
    json = GET("/v1/search?words=0&text=red+disc&k=100&candidates=100", 200, NULL);
    check_order(json, "fine", 100);
    int is_by_distance = 1;
    for (size_t i = 1; i < n_hits(json); i++)
        is_by_distance &= number(hit(json, i - 1), "distance") <= number(hit(json, i), "distance");
    CHECK(!is_by_distance, "the vectors change nothing");
    drop(json);
    json = GET("/v1/search?words=0&text=red+disc&k=100", 200, NULL);
    json_t *fewer = GET("/v1/search?words=0&text=red+disc&k=20", 200, NULL); /* more answers begin with the same ones */
    for (size_t i = 0; i < 20; i++)
        CHECK(number(hit(json, i), "id") == number(hit(fewer, i), "id"), "hit %zu", i);
    drop(fewer);
    drop(json);
    json = GET("/v1/search?words=0&text=red+disc&k=20&order=bits", 200, NULL);
    check_order(json, "bits", 20);
    CHECK(!json_object_get(hit(json, 0), "score"), "a score without vectors");
    drop(json);
    json = GET("/v1/search?words=0&text=red+disc&k=5&rerank=50", 200, NULL);
    CHECK(!strcmp(json_string_value(json_object_get(json, "order")), "rerank"), "rerank");
    drop(json);
    json = GET("/v1/search?id=4&by=image&k=20&candidates=20", 200, NULL);
    check_order(json, "fine", 20);
    drop(json);
    json = ask(__LINE__, "POST", "/v1/search?to=image&k=3", "Content-Type: image/png\r\n", picture, n, 200, NULL);
    check_order(json, "fine", 3);
    CHECK(number(hit(json, 0), "id") == 3 && score(json, 0) > 0.9999, "the picture itself comes first");
    drop(json);
    drop(GET("/v1/search?words=0&text=red&order=best", 400, "bad_value"));
    drop(GET("/v1/search?words=0&text=red&order=bits&candidates=5", 400, "bad_value"));
    drop(GET("/v1/search?words=0&text=red&order=fine&rerank=5", 400, "bad_value"));
    drop(GET("/v1/search?words=0&text=red&candidates=0", 400, "bad_value"));
    json = ASK("POST", "/v1/encode", JSON, "{\"text\": \"red disc\"}", 200, NULL);
    CHECK(json_array_size(json_object_get(json, "fine")) == 24, "vector of a text");
    drop(json);
    /* What is added has its vectors. */
    json = ASK("POST", "/v1/items", WRITE, "{\"items\": [{\"file_name\": \"images/scene-00004.png\", \"text\": \"red disc\"}, {\"text\": \"red disc\"}]}", 201, NULL);
    drop(json);
    json = GET("/v1/search?words=0&text=red+disc&to=text&k=2&candidates=1000", 200, NULL);
    check_order(json, "fine", 2);
    CHECK(score(json, 0) > 0.9999 && score(json, 1) > 0.9999, "added texts have vectors");
    drop(json);
    json = GET("/v1/search?id=120&by=image&k=1", 200, NULL);
    CHECK(number(hit(json, 0), "id") == 3 && score(json, 0) > 0.9999, "an added picture has a vector");
    drop(json);
    json = ask(__LINE__, "POST", "/v1/tags?n=3", "Content-Type: image/png\r\n", picture, n, 200, NULL);
    drop(json);
    free(picture);
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const without[] = {"--model", "plain.safetensors", "--index", "plain.adah", NULL};
    server = start(without);
    json = GET("/v1/search?words=0&text=red+disc&k=20", 200, NULL);
    check_order(json, "bits", 20);
    drop(json);
    drop(GET("/v1/search?words=0&text=red&order=fine", 409, "mismatch"));
    drop(GET("/v1/search?id=3&candidates=50", 409, "mismatch"));
    json = ASK("POST", "/v1/encode", JSON, "{\"text\": \"red disc\"}", 200, NULL);
    CHECK(!json_object_get(json, "fine"), "a vector without a head for it");
    drop(json);
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");
}

/* A list of n numbers as JSON: value at place `at`, zeros elsewhere. */
static const char *list_of(size_t n, size_t at, const char *value) {
    static char text[4096];
    size_t n_text = 0;
    for (size_t i = 0; i < n; i++)
        n_text += (size_t)snprintf(text + n_text, sizeof text - n_text, "%s%s", i ? ", " : "[", i == at ? value : "0");
    snprintf(text + n_text, sizeof text - n_text, n ? "]" : "[]");
    return text;
}

static json_t *ask_features(int line, const char *target, size_t n, size_t at, const char *value, const char *more, int status, const char *code) {
    char body[5000];
    snprintf(body, sizeof body, "{\"features\": %s%s}", list_of(n, at, value), more);
    return ask(line, "POST", target, JSON, body, strlen(body), status, code);
}

/* A model of vectors of 4 values for images and 6 for texts, record i being of class i % 4 (test_serve.sh). */
static void check_features(void) {
    static const char *const options[] = {"--model", "given.safetensors", "--index", "given.adah", NULL};
    http_child server = start(options);
    json_t *json = GET("/v1/info", 200, NULL);
    CHECK(number(json_object_get(json, "model"), "n_image_values") == 4 && number(json_object_get(json, "model"), "n_text_values") == 6, "values");
    drop(json);
    json = ask_features(__LINE__, "/v1/search", 4, 2, "1", ", \"by\": \"image\", \"to\": \"image\", \"k\": 3", 200, NULL);
    CHECK(n_hits(json) == 3 && !strcmp(json_string_value(json_object_get(json_object_get(json, "query"), "kind")), "features"), "hits");
    for (size_t i = 0; i < 3; i++)
        CHECK(number(hit(json, i), "id") % 4 == 2 && number(hit(json, i), "distance") == 0, "hit %zu", i);
    char code[64];
    snprintf(code, sizeof code, "%s", json_string_value(json_object_get(json_object_get(json, "query"), "code")));
    drop(json);
    json = ask_features(__LINE__, "/v1/encode", 4, 2, "1", ", \"by\": \"image\"", 200, NULL);
    CHECK(!strcmp(json_string_value(json_object_get(json, "code")), code), "the code of a search and an encoding");
    drop(json);
    json = GET("/v1/items/2", 200, NULL);
    CHECK(!strcmp(json_string_value(json_object_get(json, "image_code")), code), "the code of the record");
    drop(json);
    json = ask_features(__LINE__, "/v1/search", 6, 1, "1.0e0", ", \"by\": \"text\", \"k\": 3", 200, NULL);
    CHECK(n_hits(json) == 3 && !strcmp(json_string_value(json_object_get(json, "to")), "image"), "features of a text find images");
    drop(json);
    json = ask_features(__LINE__, "/v1/search?k=2&rerank=20", 4, 1, "-1", ", \"by\": \"image\"", 200, NULL);
    CHECK(n_hits(json) == 2 && !strcmp(json_string_value(json_object_get(json, "to")), "text"), "features of an image find texts");
    drop(json);
    /* Sizes, values, sides. */
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1", "", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 5, 1, "1", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 0, 1, "1", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1", ", \"by\": \"text\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1e39", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "-1e39", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "\"1\"", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "null", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "[1]", ", \"by\": \"image\"", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1", ", \"by\": \"image\", \"id\": 3", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1", ", \"by\": \"image\", \"explain\": true", 400, "bad_value"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1e999", ", \"by\": \"image\"", 400, "bad_json"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "NaN", ", \"by\": \"image\"", 400, "bad_json"));
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "Infinity", ", \"by\": \"image\"", 400, "bad_json"));
    drop(ask_features(__LINE__, "/v1/tags", 4, 1, "1", "", 400, "bad_value"));
    drop(GET("/v1/search?features=1", 400, "bad_value"));
    drop(GET("/v1/search?text=red", 409, "mismatch"));
    size_t n = 0;
    char *many = malloc(4200000);
    n += (size_t)sprintf(many + n, "{\"by\": \"image\", \"features\": [0");
    for (int i = 0; i < 1000001; i++, n += 2)
        memcpy(many + n, ",0", 2);
    n += (size_t)sprintf(many + n, "]}");
    drop(ask(__LINE__, "POST", "/v1/search", JSON, many, n, 413, "too_large"));
    free(many);
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");

    static const char *const without[] = {"--model", "plain.safetensors", "--index", "plain.adah", NULL};
    server = start(without);
    drop(ask_features(__LINE__, "/v1/search", 4, 1, "1", "", 409, "mismatch"));
    CHECK(http_child_stop(server, SIGTERM) == 0, "stop");
}

int main(void) {
    static const char *const options[] = {"--model",
                                          "model.safetensors",
                                          "--index",
                                          "scenes.adah",
                                          "--images",
                                          "scenes",
                                          "--token",
                                          TOKEN,
                                          "--max-k",
                                          "100",
                                          "--max-body",
                                          "1048576",
                                          "--max-pixels",
                                          "100000000",
                                          "--timeout",
                                          TIMEOUT,
                                          NULL};
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    check_starts();
    const http_child server = start(options);
    check_server_routes();
    check_search();
    check_model_routes();
    check_values();
    check_methods();
    check_tokens();
    check_paths();
    check_writes();
    check_repeats();
    check_failures();
    check_limits();
    check_control_characters();
    check_bombs();
    check_files();
    check_lies();
    ask_with_many_parameters(0);
    check_openapi();
    check_changes(server);
    check_stop(server);
    check_other_servers();
    check_fine_order();
    check_features();
    return http_end_checks();
}
