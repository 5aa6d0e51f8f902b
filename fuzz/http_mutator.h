/* http_mutator.h - makes streams of HTTP requests of other streams. A stream is cut into its requests, and one of them is
 * changed by its parts: method, target, version, headers, the JSON, form or picture of its body, and how its end is told; or a
 * request that a grammar gives is put beside it. */
#ifndef ADAH_FUZZ_HTTP_MUTATOR_H
#define ADAH_FUZZ_HTTP_MUTATOR_H

#include "../tests/base64.h"
#include "mutate.h"
#include "tiny_picture.h"

#include <adah/adah.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { STREAM_MAX = 1 << 15, LINES_MAX = 40, REQUESTS_MAX = 8, PICTURE_MAX = 4096 };

#define HTTP_TOKEN "a-token"

static const char *const http_methods[] = {"GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "DELETE", "PUT", "OPTIONS",
                                           "TRACE", "get", "G\x01T", "", "POST POST", "AVERYLONGMETHODTHATNOBODYKNOWS"};
static const char *const http_versions[] = {"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2",
                                            "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1 x", ""};
static const char *const http_targets[] = {
    "/", "/page/app.js", "/page/app.css", "/page/favicon.svg", "/page/../app.js", "/page/%2e", "/openapi.json", "/healthz", "/readyz", "/v1/progress", "/metrics", "/v1/info", "/v1/search",
    "/v1/search?text=red%20ball&k=3", "/v1/search?text=red&to=text&explain=1&rerank=4", "/v1/search?id=2&by=text&label=a&label=b",
    "/v1/search?text=%C3%A9&cut_off=1&method=tables&radius=9", "/v1/search?text=%ff", "/v1/search?text=a%00b", "/v1/search?text",
    "/v1/search?=&&;&text=red&text=red", "/v1/search?k=-1&text=red", "/v1/search?id=18446744073709551615", "/v1/tags", "/v1/tags?n=3",
    "/v1/encode", "/v1/attention", "/v1/items", "/v1/items/0", "/v1/items/1", "/v1/items/2", "/v1/items/18446744073709551614",
    "/v1/items/18446744073709551616", "/v1/items/00000000000000000000000001", "/v1/items/-1", "/v1/items/0/picture",
    "/v1/items/1/picture", "/v1/items/2/picture", "/v1/items/3/picture", "/v1/items/0/thumbnail", "/v1/items/1/thumbnail?side=17",
    "/v1/items/3/thumbnail?side=64", "/v1/items/4/thumbnail", "/v1/items/0/thumbnail?side=99999", "/v1/reload", "//", "/../a",
    "/%2e%2e/%2e%2e/etc/passwd", "/v1/items/%30", "/v1/items/0%00", "/%", "/%zz", "*", "http://127.0.0.1/healthz", "healthz", "",
    "/v1/search?text=red&k=3#fragment", "/v1/search?text=red+ball&k=%33", "/\xc3\xa9", "/\x80\xff", "/v1/SEARCH", "/healthz?a=b"};
static const char *const http_headers[] = {
    "Host: 127.0.0.1", "Host: localhost", "Host: evil.example", "Host: 127.0.0.1:80", "Host: [::1]", "Host:", "Host : 127.0.0.1",
    "Host: a b", "Origin: http://evil.example", "Origin: null", "Origin: http://127.0.0.1", "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-origin", "Connection: close", "Connection: keep-alive", "Connection: close, keep-alive",
    "Connection: upgrade", "Upgrade: websocket", "Expect: 100-continue", "Expect: 200-ok", "Range: bytes=0-10",
    "Range: bytes=10-", "Range: bytes=-5", "Range: bytes=5-1,99999-", "Range: bytes=0-18446744073709551615", "If-None-Match: *",
    "If-None-Match: \"x\", W/\"y\"", "If-Modified-Since: Sat, 01 Jan 2022 00:00:00 GMT", "Accept: image/png", "Accept: */*",
    "Accept-Encoding: gzip", "Authorization: Bearer " HTTP_TOKEN, "Authorization: bearer " HTTP_TOKEN, "Authorization: Bearer wrong",
    "Authorization: Basic YTpi", "Authorization:", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "Idempotency-Key: a",
    "Idempotency-Key: \"1234567890\"", "Cookie: a=b; c", "Content-Type: application/json", "Content-Type: application/json; charset=utf-8",
    "Content-Type: multipart/form-data; boundary=b", "Content-Type: multipart/form-data; boundary=\"b", "Content-Type: multipart/form-data",
    "Content-Type: image/png", "Content-Type: application/octet-stream", "Content-Type: text/plain",
    "Content-Type: application/x-www-form-urlencoded", "Content-Length: 0", "Content-Length: -1", "Content-Length: 1e3",
    "Content-Length: 18446744073709551616", "Content-Length: 99999999", "Content-Length: 5, 5", "Content-Length: +5",
    "Content-Length : 5", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity", "Transfer-Encoding: \x0b" "chunked", "Transfer-Encoding : chunked", " folded: line", "\tfolded", "no colon",
    ": no name", "X: \x01\x02\x1b[31m", "X: \xc2\x9b", "X: \xff", "Trailer: X", "TE: trailers", "User-Agent: a", "Referer: http://evil.example/"};
static const char *const http_bodies[] = {
    "{\"text\": \"red ball\", \"to\": \"image\", \"k\": 3}", "{\"text\": \"sea\", \"labels\": [\"a\"], \"explain\": true}",
    "{\"image\": \"@\", \"k\": 2, \"explain\": true, \"rerank\": 5}", "{\"image\": \"@\"}", "{\"text\": \"red\"}", "{\"id\": 3, \"n\": 5}",
    "{\"id\": 3, \"by\": \"text\", \"labels\": [\"a\", \"b\"], \"only\": [1, 2, 3], \"cut_off\": true, \"method\": \"tables\", \"radius\": 20}",
    "{\"items\": [{\"text\": \"a red ball\", \"labels\": [\"a\"]}, {\"image\": \"@\", \"file_name\": \"b.jpg\"}]}",
    "{\"items\": [{\"id\": 2, \"replace\": true, \"text\": \"sea\", \"file_name\": \"a.png\"}]}",
    "{\"items\": [{\"id\": 77, \"text\": \"sea\"}]}", "{\"items\": [{\"file_name\": \"../a.png\", \"text\": \"ball\"}]}", "{\"items\": []}", "[]", "{", "",
    "{\"text\": \"\\ud800\"}", "{\"text\": \"a\\u0000b\"}", "{\"a\": 1, \"a\": 2}", "{\"k\": 1e999}"};
static const char *const http_words_list[] = {
    "text", "id", "image", "to", "by", "k", "radius", "labels", "label", "only", "cut_off", "rerank", "explain", "method", "n", "side",
    "items", "file_name", "replace", "auto", "scan", "tables", "red", "ball", "sea", "a", "b", "", "a.png", "b.jpg", "deep/c.png",
    "../a.png", "/etc/passwd", "model", "@", "AAAA", "AA==", "iVBORw0KGgo=", "\xc3\xa9", "\xe6\xb5\xb7", "red red red red"};
static const word_list http_words = {http_words_list, sizeof http_words_list / sizeof *http_words_list};
#define PICK(d, list) ((list)[roll(d, sizeof(list) / sizeof *(list))])

/* ---------------------------------------------------------------- writing */

typedef struct stream {
    uint8_t bytes[STREAM_MAX];
    size_t n;
} stream;

static void put(stream *s, const void *bytes, size_t n) {
    n = n < STREAM_MAX - s->n ? n : STREAM_MAX - s->n;
    if (n)
        memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
}

static void put_text(stream *s, const char *text) { put(s, text, strlen(text)); }

__attribute__((format(printf, 2, 3))) static void put_format(stream *s, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_text(s, text);
}

static void put_base64(stream *s, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i += 3) {
        char four[4];
        base64_digits(bytes + i, n - i, four);
        put(s, four, 4);
    }
}

/* ---------------------------------------------------------------- bodies */

/* A PNG or a JPEG, sometimes damaged. */
static size_t make_picture(dice *d, uint8_t picture[PICTURE_MAX]) {
    static uint8_t *jpeg;
    static size_t n_jpeg;
    if (!jpeg && adah_picture_thumbnail(tiny_picture, sizeof tiny_picture, 16, 80, &jpeg, &n_jpeg, NULL) != ADAH_OK)
        abort();
    const int is_jpeg = chance(d, 2) && n_jpeg <= PICTURE_MAX;
    const size_t n = is_jpeg ? n_jpeg : sizeof tiny_picture;
    memcpy(picture, is_jpeg ? jpeg : tiny_picture, n);
    return chance(d, 3) ? LLVMFuzzerMutate(picture, n, PICTURE_MAX) : n;
}

static void put_part(stream *s, const char *name, const void *content, size_t n) {
    put_format(s, "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", name);
    put(s, content, n);
    put_text(s, "\r\n");
}

static void put_form(dice *d, stream *s) {
    uint8_t picture[PICTURE_MAX];
    const size_t n = make_picture(d, picture);
    const char *value = PICK(d, http_words_list);
    if (!chance(d, 8))
        put_part(s, "image", picture, n);
    for (size_t i = roll(d, 3); i > 0; i--, value = chance(d, 2) ? "3" : PICK(d, http_words_list))
        put_part(s, PICK(d, http_words_list), value, strlen(value));
    put_text(s, chance(d, 10) ? "--b" : "--b--\r\n");
}

/* A template with pictures where it has @. */
static void put_json(dice *d, stream *s, const char *body, size_t n) {
    uint8_t picture[PICTURE_MAX];
    for (size_t i = 0; i < n; i++) {
        if (body[i] == '@')
            put_base64(s, picture, make_picture(d, picture));
        else
            put(s, body + i, 1);
    }
}

/* Returns the header that tells what it is. */
static const char *put_body(dice *d, stream *s) {
    uint8_t picture[PICTURE_MAX];
    const char *body = PICK(d, http_bodies);
    switch (roll(d, 8)) {
    case 0: put_form(d, s); return "Content-Type: multipart/form-data; boundary=b";
    case 1: put(s, picture, make_picture(d, picture)); return "Content-Type: image/png";
    default: put_json(d, s, body, strlen(body)); return "Content-Type: application/json";
    }
}

/* The same kind of body a little other. */
static void put_changed_body(dice *d, stream *s, const uint8_t *body, size_t n) {
    json_t *json = json_loadb((const char *)body, n, 0, NULL);
    if (json && !chance(d, 10)) {
        mutate_json(d, json, http_words);
        char *text = json_dumps(json, JSON_COMPACT);
        if (text)
            put_json(d, s, text, strlen(text));
        free(text);
    } else {
        static uint8_t copy[STREAM_MAX];
        memcpy(copy, body, n);
        put(s, copy, LLVMFuzzerMutate(copy, n, STREAM_MAX));
    }
    json_decref(json);
}

/* ---------------------------------------------------------------- how the end of a body is told */

static void put_chunks(dice *d, stream *s, const uint8_t *body, size_t n) {
    static const char *const odd[] = {"5", "0x5", "-1", "FFFFFFFFFFFFFFFF", "10000000000000000", "5;a=b", "5 ", "00000005", "", "g", "5;a=\"\r\n\""};
    for (size_t i = 0; i < n;) {
        const size_t left = n - i, most = 1 + roll(d, left), n_chunk = chance(d, 2) ? left : most;
        if (chance(d, 12))
            put_format(s, "%s\r\n", PICK(d, odd));
        else
            put_format(s, chance(d, 2) ? "%zx\r\n" : "%zX;x\r\n", n_chunk);
        put(s, body + i, n_chunk);
        put_text(s, chance(d, 15) ? "\n" : "\r\n");
        i += n_chunk;
    }
    put_text(s, chance(d, 10) ? "0\r\nX: y\r\n\r\n" : chance(d, 15) ? "0\r\n" : "0\r\n\r\n");
}

/* The empty line and the body, with a header for its length. */
static void put_framed(dice *d, stream *s, const uint8_t *body, size_t n, int is_needed) {
    const size_t kind = roll(d, 20);
    if (kind == 0) {
        put_format(s, "Content-Length: %zu\r\n\r\n", n + roll(d, 9) - 4);
    } else if (kind == 1) {
        put_format(s, "Content-Length: %zu\r\nContent-Length: %zu\r\n\r\n", n, n + roll(d, 2));
    } else if (kind == 2) {
        put_format(s, "Content-Length: %zu\r\nTransfer-Encoding: chunked\r\n\r\n", n);
    } else if (kind < 7 && n) {
        put_text(s, "Transfer-Encoding: chunked\r\n\r\n");
        put_chunks(d, s, body, n);
        return;
    } else if (n || is_needed) {
        put_format(s, "Content-Length: %zu\r\n\r\n", n);
    } else {
        put_text(s, "\r\n");
    }
    put(s, body, n);
}

/* ---------------------------------------------------------------- a request of the grammar */

static void put_request(dice *d, stream *s) {
    static stream body;
    const char *method = PICK(d, http_methods), *target = PICK(d, http_targets), *type = NULL;
    body.n = 0;
    if (strcmp(method, "POST") ? chance(d, 10) : !chance(d, 10))
        type = put_body(d, &body);
    put_format(s, "%s %s %s\r\n", method, target, chance(d, 8) ? PICK(d, http_versions) : "HTTP/1.1");
    put_format(s, "%s\r\n", chance(d, 8) ? PICK(d, http_headers) : "Host: 127.0.0.1");
    if (chance(d, 3))
        put_text(s, "Authorization: Bearer " HTTP_TOKEN "\r\n");
    for (size_t i = roll(d, 4); i > 1; i--)
        put_format(s, "%s\r\n", PICK(d, http_headers));
    if (type)
        put_format(s, "%s\r\n", chance(d, 12) ? PICK(d, http_headers) : type);
    put_framed(d, s, body.bytes, body.n, !strcmp(method, "POST"));
}

/* ---------------------------------------------------------------- requests of a stream */

typedef struct piece {
    const uint8_t *bytes;
    size_t n;
} piece;

typedef struct parsed_request {
    piece all, line[LINES_MAX], body;
    size_t n_lines;
} parsed_request;

static int is_named(piece line, const char *name) { return line.n > strlen(name) && !strncasecmp((const char *)line.bytes, name, strlen(name)); }

/* As far as Content-Length reaches; without one, up to the next line that begins a request like those of the grammar. */
static size_t body_of(const parsed_request *r, const uint8_t *at, size_t n) {
    for (size_t i = 1; i < r->n_lines; i++)
        if (is_named(r->line[i], "Content-Length:")) {
            char line[48];
            snprintf(line, sizeof line, "%.*s", (int)(r->line[i].n < sizeof line ? r->line[i].n : sizeof line - 1), r->line[i].bytes);
            const size_t told = strtoull(line + strlen("Content-Length:"), NULL, 10);
            return told < n ? told : n;
        }
    static const char *const begins[] = {"GET /", "POST /", "DELETE /", "HEAD /"};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof begins / sizeof *begins; k++)
            if (n - i > strlen(begins[k]) && !memcmp(at + i, begins[k], strlen(begins[k])))
                return i;
    return n;
}

/* Returns the bytes of the request at the beginning. */
static size_t parse_request(const uint8_t *bytes, size_t n, parsed_request *r) {
    *r = (parsed_request){0};
    size_t at = 0;
    while (at < n && r->n_lines < LINES_MAX) {
        const uint8_t *stop = memmem(bytes + at, n - at, "\r\n", 2);
        const size_t n_line = stop ? (size_t)(stop - bytes) - at : n - at;
        if (n_line == 0) {
            at += 2;
            break;
        }
        r->line[r->n_lines++] = (piece){bytes + at, n_line};
        at += stop ? n_line + 2 : n_line;
    }
    r->body = (piece){bytes + at, body_of(r, bytes + at, n - at)};
    r->all = (piece){bytes, at + r->body.n};
    return r->all.n;
}

static void put_changed_line(dice *d, stream *s, piece line) {
    static uint8_t copy[STREAM_MAX];
    memcpy(copy, line.bytes, line.n);
    put(s, copy, LLVMFuzzerMutate(copy, line.n, STREAM_MAX));
    (void)d;
}

/* Another method, target or version; or any bytes. */
static void put_changed_first_line(dice *d, stream *s, piece line) {
    const uint8_t *space = memchr(line.bytes, ' ', line.n), *end = line.bytes + line.n;
    const uint8_t *last = space ? memrchr(line.bytes, ' ', line.n) : NULL;
    if (!space || last <= space || chance(d, 4)) {
        put_changed_line(d, s, line);
        return;
    }
    const size_t kind = roll(d, 4);
    if (kind == 0)
        put_text(s, PICK(d, http_methods));
    else
        put(s, line.bytes, (size_t)(space - line.bytes));
    put_text(s, " ");
    if (kind == 1)
        put_text(s, PICK(d, http_targets));
    else if (kind == 2)
        put_changed_line(d, s, (piece){space + 1, (size_t)(last - space - 1)});
    else
        put(s, space + 1, (size_t)(last - space - 1));
    put_text(s, " ");
    if (kind == 3)
        put_text(s, PICK(d, http_versions));
    else
        put(s, last + 1, (size_t)(end - last - 1));
}

static void put_changed_request(dice *d, stream *s, const parsed_request *r) {
    static stream body;
    const size_t kind = roll(d, 8), at = roll(d, r->n_lines);
    const int is_framed_anew = kind >= 4 || chance(d, 2);
    int is_post = 0;
    body.n = 0;
    if (kind >= 5)
        put_changed_body(d, &body, r->body.bytes, r->body.n);
    else
        put(&body, r->body.bytes, r->body.n);
    for (size_t i = 0; i < r->n_lines; i++) {
        if (i == 0)
            is_post = is_named(r->line[i], "POST ");
        if (i > 0 && is_framed_anew && (is_named(r->line[i], "Content-Length:") || is_named(r->line[i], "Transfer-Encoding:")))
            continue;
        if (i == at && i > 0 && kind == 1)
            continue;
        if (i == at && kind == 2)
            put_format(s, "%s\r\n", PICK(d, http_headers));
        if (i == 0 && kind == 3)
            put_changed_first_line(d, s, r->line[i]);
        else if (i == at && kind == 0)
            put_changed_line(d, s, r->line[i]);
        else
            put(s, r->line[i].bytes, r->line[i].n);
        put_text(s, "\r\n");
    }
    if (is_framed_anew) {
        put_framed(d, s, body.bytes, body.n, is_post);
    } else {
        put_text(s, "\r\n");
        put(s, body.bytes, body.n);
    }
}

/* The first byte of an input says how the stream is sent; the rest is the stream. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t n_bytes_max, unsigned seed) {
    static stream out;
    parsed_request request[REQUESTS_MAX];
    dice d = dice_of(seed);
    size_t n = 0;
    roll(&d, 1);
    if (n_bytes > STREAM_MAX || (n_bytes > 1 && chance(&d, 12)))
        return LLVMFuzzerMutate(bytes, n_bytes, n_bytes_max);
    for (size_t at = 1; at < n_bytes && n < REQUESTS_MAX; n++)
        at += parse_request(bytes + at, n_bytes - at, &request[n]);
    out.n = 0;
    const uint8_t how = n_bytes && !chance(&d, 8) ? bytes[0] : (uint8_t)(chance(&d, 2) ? 0 : roll(&d, 256));
    put(&out, &how, 1);
    const size_t changed = roll(&d, n), kind = n ? roll(&d, 10) : 0;
    if (n == 0)
        put_request(&d, &out);
    for (size_t i = 0; i < n; i++) {
        if (i == changed && kind == 0)
            continue; /* gone */
        if (i == changed && kind == 1)
            put_request(&d, &out);
        if (i == changed && kind == 2)
            put(&out, request[i].all.bytes, request[i].all.n); /* twice */
        if (i == changed && kind > 2 && request[i].n_lines)
            put_changed_request(&d, &out, &request[i]);
        else
            put(&out, request[i].all.bytes, request[i].all.n);
    }
    const size_t n_out = out.n < n_bytes_max ? out.n : n_bytes_max;
    memcpy(bytes, out.bytes, n_out);
    return n_out;
}

#endif
