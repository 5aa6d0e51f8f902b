/* body.c - see body.h. */
#define _GNU_SOURCE
#include "body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    JSON_VALUES_MAX = 1000000, /* in a body */
    JSON_VALUE_BYTES = 64      /* that one takes once it is read, beside its text */
};

int serve_body_is(const serve_request *r, const char *type) {
    const size_t n = strlen(type);
    return r->content_type && !strncasecmp(r->content_type, type, n) &&
           (type[n - 1] == '/' || !r->content_type[n] || strchr("; \t", r->content_type[n]));
}

int serve_refuse_type(serve_request *r, const char *others) {
    return serve_refuse(r, 415, "unsupported_media_type", NULL, "Content-Type is \"%.100s\", expected application/json%s",
                        r->content_type ? r->content_type : "", others);
}

/* ---------------------------------------------------------------- JSON */

/* At least as many as there are. Base64 has none of these, so that a picture counts once. */
static size_t count_values(const uint8_t *body, size_t n) {
    size_t n_values = 1;
    for (size_t i = 0; i < n; i++)
        n_values += body[i] == ',' || body[i] == ':' || body[i] == '[' || body[i] == '{';
    return n_values;
}

int serve_read_json(serve_request *r) {
    json_error_t error;
    if (r->json) /* the handler is called anew */
        return 1;
    const serve_claim *body = &r->claim;
    const size_t n_values = count_values(body->body, body->n_body_bytes);
    if (n_values > JSON_VALUES_MAX)
        return serve_refuse(r, 413, "too_large", NULL, "the body has more than %d values", JSON_VALUES_MAX);
    if (!serve_take_memory(r, body->n_body_bytes + n_values * JSON_VALUE_BYTES))
        return 0;
    r->json = json_loadb(body->body ? (const char *)body->body : "", body->n_body_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!r->json)
        return serve_refuse(r, 400, "bad_json", NULL, "the body is not JSON: line %d: %s", error.line, error.text);
    if (!json_is_object(r->json))
        return serve_refuse(r, 400, "bad_json", NULL, "the body is not a JSON object");
    serve_budget_drop_body(r->budget, &r->claim); /* the values are copies */
    return 1;
}

/* ---------------------------------------------------------------- base64 */

static int digit_of(unsigned char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

int serve_read_base64(serve_request *r, const char *field, const json_t *value, const uint8_t **bytes,
                      size_t *n_bytes) {
    const unsigned char *text = (const unsigned char *)json_string_value(value);
    size_t n = json_string_length(value), n_out = 0;
    if (!text || n == 0 || n % 4)
        return serve_refuse(r, 400, "bad_value", field,
                            "%s is not base64: expected a string of a length that is a multiple of 4", field);
    uint8_t *out = serve_keep(r, malloc(n / 4 * 3));
    if (!out)
        return serve_refuse_memory(r);
    const size_t n_padding = text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
    n -= n_padding;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const int digit = digit_of(text[i]);
        if (digit < 0)
            return serve_refuse(r, 400, "bad_value", field, "%s is not base64: byte %zu is not one of its digits", field, i);
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 3) {
            out[n_out++] = (uint8_t)(bits >> 16);
            out[n_out++] = (uint8_t)(bits >> 8);
            out[n_out++] = (uint8_t)bits;
        }
    }
    if (n_padding && (bits & (n_padding == 1 ? 3 : 15)))
        return serve_refuse(r, 400, "bad_value", field,
                            "%s is not base64: its last digit has bits that belong to no byte", field);
    if (n_padding == 1)
        out[n_out++] = (uint8_t)(bits >> 10);
    if (n_padding)
        out[n_out++] = (uint8_t)(bits >> (n_padding == 1 ? 2 : 4));
    *bytes = out;
    *n_bytes = n_out;
    return 1;
}

/* ---------------------------------------------------------------- forms */

static int refuse_form(serve_request *r, const char *what) {
    return serve_refuse(r, 400, "bad_form", NULL, "the body is not multipart/form-data: %s", what);
}

/* The value of a parameter of a header, in `value`. */
static int find_header_parameter(const char *header, size_t n_bytes, const char *name, char *value, size_t capacity) {
    const char *end = header + n_bytes;
    const size_t n_name = strlen(name);
    for (const char *p = memchr(header, ';', n_bytes); p; p = memchr(p, ';', (size_t)(end - p))) {
        do
            p++;
        while (p < end && (*p == ' ' || *p == '\t'));
        if ((size_t)(end - p) <= n_name || strncasecmp(p, name, n_name) || p[n_name] != '=')
            continue;
        p += n_name + 1;
        const int is_quoted = p < end && *p == '"';
        p += is_quoted;
        const char *to = p;
        while (to < end && (is_quoted ? *to != '"' : *to != ';' && *to != ' '))
            to++;
        if ((size_t)(to - p) >= capacity || (is_quoted && to == end) || memchr(p, '\0', (size_t)(to - p)))
            return 0;
        memcpy(value, p, (size_t)(to - p));
        value[to - p] = '\0';
        return 1;
    }
    return 0;
}

/* The name of a part by its header lines. */
static int find_part_name(const char *head, size_t n_bytes, char *name, size_t capacity) {
    static const char wanted[] = "Content-Disposition:";
    const char *end = head + n_bytes;
    for (const char *line = head; line < end;) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        stop = stop ? stop : end;
        if ((size_t)(stop - line) > sizeof wanted - 1 && !strncasecmp(line, wanted, sizeof wanted - 1))
            return find_header_parameter(line, (size_t)(stop - line), "name", name, capacity);
        line = stop + 2;
    }
    return 0;
}

int serve_read_form(serve_request *r, int (*take)(serve_request *r, const char *name, const char *content, size_t n_bytes)) {
    char boundary[2 + 70 + 1] = "--", delimiter[4 + 70 + 1], name[64];
    if (!find_header_parameter(r->content_type, strlen(r->content_type), "boundary", boundary + 2,
                               sizeof boundary - 2) ||
        !boundary[2])
        return refuse_form(r, "the Content-Type names no boundary of 1 to 70 characters");
    const size_t n_boundary = strlen(boundary);
    snprintf(delimiter, sizeof delimiter, "\r\n%s", boundary);
    if (r->claim.n_body_bytes < n_boundary || memcmp(r->claim.body, boundary, n_boundary))
        return refuse_form(r, "it does not begin with its boundary");
    const char *p = (const char *)r->claim.body + n_boundary, *end = p + (r->claim.n_body_bytes - n_boundary);
    for (int n_parts = 0; end - p >= 2 && memcmp(p, "--", 2); n_parts++) {
        if (memcmp(p, "\r\n", 2) || n_parts == SERVE_FIELDS_MAX)
            return refuse_form(r, n_parts == SERVE_FIELDS_MAX ? "too many parts"
                                                              : "a boundary is followed by something else");
        p += 2;
        const char *content = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        const char *stop =
            content ? memmem(content + 2, (size_t)(end - content - 2), delimiter, n_boundary + 2) : NULL;
        if (!stop)
            return refuse_form(r, "a part has no end");
        if (!find_part_name(p, (size_t)(content - p), name, sizeof name))
            return refuse_form(r, "a part has no name");
        content += 4;
        if (!take(r, name, content, stop > content ? (size_t)(stop - content) : 0))
            return 0;
        p = stop + 2 + n_boundary;
    }
    return end - p >= 2 ? 1 : refuse_form(r, "it has no end");
}
