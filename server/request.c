/* request.c - what was asked: parameters of the URL, a JSON object, a form or a picture, all checked by one table of
 * names. */
#define _GNU_SOURCE
#include "request.h"
#include "failure.h"
#include "server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    JSON_VALUES_MAX = 1000000, /* in a body */
    JSON_VALUE_BYTES = 64      /* that one takes once it is read, beside its text */
};

void *serve_keep(serve_request *r, void *p) {
    void **larger = p ? realloc(r->kept, (r->n_kept + 1) * sizeof *larger) : NULL;
    if (!larger) {
        free(p);
        return NULL;
    }
    r->kept = larger;
    return r->kept[r->n_kept++] = p;
}

void serve_free_kept(serve_request *r, size_t n_kept) {
    while (r->n_kept > n_kept)
        free(r->kept[--r->n_kept]);
}

int serve_go_on(serve_request *r, serve_lane lane, serve_handler next) {
    r->next = next;
    r->next_lane = lane;
    return 0;
}

int serve_needs_lane(serve_request *r, serve_lane lane) { return r->lane >= lane || serve_go_on(r, lane, r->handler); }

/* Frees an answer that is not sent. */
static void clear_answer(serve_answer *a) {
    serve_text_free(&a->text);
    if (a->bytes && a->release)
        a->release((void *)(uintptr_t)a->bytes);
    if (a->stream)
        a->stream->free(a->stream);
    if (a->is_file)
        close(a->fd);
    *a = (serve_answer){0};
}

static void drop(serve_request *r) {
    json_decref(r->json);
    r->json = NULL;
    serve_free_kept(r, 0);
    free(r->kept);
    r->kept = NULL;
    serve_budget_release(r->budget, &r->claim);
}

void serve_request_begin(serve_request *r) {
    clear_answer(&r->answer);
    r->query = (serve_query){0};
    serve_free_kept(r, 0);
}

void serve_request_take_back(serve_request *r) { clear_answer(&r->answer); }

void serve_request_finish(serve_request *r) {
    serve_answer *a = &r->answer;
    drop(r);
    if (a->text.failed) {
        clear_answer(a);
        serve_refuse_memory(r);
    }
    char *fitting = a->text.n_bytes ? realloc(a->text.bytes, a->text.n_bytes) : NULL;
    a->text.bytes = fitting ? fitting : a->text.bytes;
    const size_t n = a->text.n_bytes + (a->release ? a->n_bytes : 0) + (a->stream ? a->stream->n_bytes : 0);
    if (!serve_budget_take(r->budget, &r->claim, n, serve_slow_before(r))) {
        clear_answer(a);
        serve_refuse_busy(r, "too many large answers at once");
    }
}

void serve_request_clear(serve_request *r) {
    clear_answer(&r->answer);
    drop(r);
}

/* ---------------------------------------------------------------- errors */

int serve_refuse(serve_request *r, unsigned status, const char *code, const char *field, const char *format, ...) {
    char message[2400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    serve_answer *a = &r->answer;
    serve_text_free(&a->text);
    a->status = status;
    a->content_type = NULL;
    a->cache_control = NULL;
    a->etag[0] = '\0';
    serve_text_plain(&a->text, "{\"error\": {\"code\": ");
    serve_text_string(&a->text, code);
    serve_text_plain(&a->text, ", \"message\": ");
    serve_text_string(&a->text, message);
    if (field) {
        serve_text_plain(&a->text, ", \"field\": ");
        serve_text_string(&a->text, field);
    }
    serve_text_plain(&a->text, "}}\n");
    return 0;
}

int serve_refuse_memory(serve_request *r) { return serve_refuse(r, 500, "out_of_memory", NULL, "out of memory"); }

int serve_refuse_busy(serve_request *r, const char *message) {
    serve_refuse(r, 503, "busy", NULL, "%s", message);
    r->answer.retry_after = 1;
    return 0;
}

uint64_t serve_slow_before(const serve_request *r) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec + r->server->options.timeout_seconds - 1) * 1000000000u + (uint64_t)now.tv_nsec;
}

int serve_take_memory(serve_request *r, size_t n_bytes) {
    return serve_budget_take(r->budget, &r->claim, n_bytes, serve_slow_before(r)) ||
           serve_refuse_busy(r, "too many large requests at once");
}

/* ---------------------------------------------------------------- single values */

int serve_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number) {
    uint64_t n = 0;
    if (!*text)
        return 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || n > (UINT64_MAX - (uint64_t)(*p - '0')) / 10)
            return 0;
        n = 10 * n + (uint64_t)(*p - '0');
    }
    *number = n;
    return n >= low && n <= high;
}

typedef enum value_kind { WORDS, NUMBER, FLAG, SIDE, METHOD, LABEL, IDS, PICTURE } value_kind;

static const struct {
    const char *name, *json_name; /* the latter NULL: the same */
    unsigned bit;
    value_kind kind;
} values[] = {
    {"text", NULL, SERVE_TEXT, WORDS},      {"id", NULL, SERVE_ID, NUMBER},
    {"image", NULL, SERVE_IMAGE, PICTURE},  {"to", NULL, SERVE_TO, SIDE},
    {"by", NULL, SERVE_BY, SIDE},           {"k", NULL, SERVE_K, NUMBER},
    {"radius", NULL, SERVE_RADIUS, NUMBER}, {"label", "labels", SERVE_LABELS, LABEL},
    {"only", NULL, SERVE_ONLY, IDS},        {"cut_off", NULL, SERVE_CUT_OFF, FLAG},
    {"rerank", NULL, SERVE_RERANK, NUMBER}, {"explain", NULL, SERVE_EXPLAIN, FLAG},
    {"method", NULL, SERVE_METHOD, METHOD}, {"n", NULL, SERVE_N, NUMBER},
    {"side", NULL, SERVE_SIDE, NUMBER},
};
enum { N_VALUES = sizeof values / sizeof *values };

static int refuse_value(serve_request *r, const char *name, const char *value, const char *expected) {
    return serve_refuse(r, 400, "bad_value", name, "%s is \"%.100s\", expected %s", name, value, expected);
}

static int set_number(serve_request *r, const char *name, unsigned bit, const char *text) {
    serve_query *q = &r->query;
    uint64_t low = 1, high = 0, n;
    switch (bit) {
    case SERVE_ID: low = 0, high = UINT64_MAX - 1; break;
    case SERVE_K: high = r->server->options.k_max; break;
    case SERVE_RADIUS: low = 0, high = ADAH_BITS_MAX; break;
    case SERVE_RERANK: high = SERVE_RERANK_MAX; break;
    case SERVE_N: high = 100; break;
    default: low = 16, high = 1024; break;
    }
    if (!serve_parse_number(text, low, high, &n)) {
        char expected[96];
        snprintf(expected, sizeof expected, "a whole number from %llu to %llu", (unsigned long long)low,
                 (unsigned long long)high);
        return refuse_value(r, name, text, expected);
    }
    switch (bit) {
    case SERVE_ID: q->id = n; break;
    case SERVE_K: q->k = (size_t)n; break;
    case SERVE_RADIUS: q->radius = (uint32_t)n; break;
    case SERVE_RERANK: q->n_rerank = (size_t)n; break;
    case SERVE_N: q->n = (size_t)n; break;
    default: q->side = (size_t)n; break;
    }
    return 1;
}

static int set_text(serve_request *r, const char *text) {
    if (strlen(text) > SERVE_TEXT_BYTES_MAX)
        return serve_refuse(r, 400, "bad_value", "text", "text of %zu bytes, expected at most %d", strlen(text),
                            SERVE_TEXT_BYTES_MAX);
    r->query.text = text;
    return 1;
}

/* A value written as text, without NUL and in UTF-8. */
static int set_value(serve_request *r, size_t i, const char *name, const char *text) {
    serve_query *q = &r->query;
    switch (values[i].kind) {
    case WORDS: return set_text(r, text);
    case NUMBER: return set_number(r, name, values[i].bit, text);
    case FLAG: {
        const int is_set = !strcmp(text, "1") || !strcmp(text, "true");
        if (!is_set && strcmp(text, "0") && strcmp(text, "false"))
            return refuse_value(r, name, text, "0 or 1");
        *(values[i].bit == SERVE_CUT_OFF ? &q->cut_off : &q->explain) = is_set;
        return 1;
    }
    case SIDE:
        if (strcmp(text, "image") && strcmp(text, "text"))
            return refuse_value(r, name, text, "image or text");
        *(values[i].bit == SERVE_TO ? &q->to : &q->by) = text[0] == 'i' ? ADAH_IMAGE : ADAH_TEXT;
        return 1;
    case METHOD:
        if (strcmp(text, "auto") && strcmp(text, "scan") && strcmp(text, "tables"))
            return refuse_value(r, name, text, "auto, scan or tables");
        q->method = text[0] == 'a' ? ADAH_SEARCH_AUTO : text[0] == 's' ? ADAH_SEARCH_SCAN : ADAH_SEARCH_TABLES;
        return 1;
    case LABEL:
        if (q->n_labels == SERVE_LABELS_MAX)
            return serve_refuse(r, 400, "bad_value", name, "more than %d labels", SERVE_LABELS_MAX);
        q->label[q->n_labels++] = text;
        return 1;
    default: return serve_refuse(r, 400, "bad_value", name, "%s can be given in a JSON body only", name);
    }
}

/* Which value a name is; N_VALUES: none that is allowed here, and the answer says so. */
static size_t find_value(serve_request *r, const char *name, unsigned allowed, int in_json) {
    size_t i = 0;
    while (i < N_VALUES && strcmp(name, in_json && values[i].json_name ? values[i].json_name : values[i].name))
        i++;
    if (i < N_VALUES && (values[i].bit & allowed))
        return i;
    serve_refuse(r, 400, "bad_value", name, "\"%.100s\" is not a parameter of this request", name);
    return N_VALUES;
}

/* Once only, but for labels. */
static int mark_given(serve_request *r, size_t i, const char *name) {
    if ((r->query.given & values[i].bit) && values[i].kind != LABEL)
        return serve_refuse(r, 400, "bad_value", name, "%s is given twice", name);
    r->query.given |= values[i].bit;
    return 1;
}

static int set_field(serve_request *r, const serve_field *f, unsigned allowed) {
    const size_t i = find_value(r, f->name, allowed, 0);
    if (i == N_VALUES || !mark_given(r, i, f->name))
        return 0;
    if (!f->value)
        return serve_refuse(r, 400, "bad_value", f->name, "%s has no value", f->name);
    if (memchr(f->value, '\0', f->n_bytes) || !serve_is_utf8(f->value, f->n_bytes))
        return serve_refuse(r, 400, "bad_value", f->name, "%s is not UTF-8", f->name);
    return set_value(r, i, f->name, f->value);
}

/* ---------------------------------------------------------------- pictures */

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
                            "%s is no base64: expected a string of a length that is a multiple of 4", field);
    uint8_t *out = serve_keep(r, malloc(n / 4 * 3));
    if (!out)
        return serve_refuse_memory(r);
    const size_t n_padding = text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
    n -= n_padding;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const int digit = digit_of(text[i]);
        if (digit < 0)
            return serve_refuse(r, 400, "bad_value", field, "%s is no base64: byte %zu is no digit of it", field, i);
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 3) {
            out[n_out++] = (uint8_t)(bits >> 16);
            out[n_out++] = (uint8_t)(bits >> 8);
            out[n_out++] = (uint8_t)bits;
        }
    }
    if (n_padding && (bits & (n_padding == 1 ? 3 : 15)))
        return serve_refuse(r, 400, "bad_value", field,
                            "%s is no base64: its last digit has bits that belong to no byte", field);
    if (n_padding == 1)
        out[n_out++] = (uint8_t)(bits >> 10);
    if (n_padding)
        out[n_out++] = (uint8_t)(bits >> (n_padding == 1 ? 2 : 4));
    *bytes = out;
    *n_bytes = n_out;
    return 1;
}

int serve_check_picture(serve_request *r, const char *field, const uint8_t *bytes, size_t n_bytes, adah_picture_info *info) {
    adah_status status;
    const adah_code code = adah_picture_examine(bytes, n_bytes, info, &status);
    if (code == ADAH_ERROR_FORMAT)
        return serve_refuse_said(r, 415, "not_a_picture", field, &status);
    if (code != ADAH_OK)
        return serve_refuse_failed(r, &status);
    if (info->excess)
        return serve_refuse(r, 413, "too_large", field, "%s", info->excess);
    const uint64_t n_max = r->server->options.pixels_max;
    if (info->n_pixels > n_max)
        return serve_refuse(r, 413, "too_large", field,
                            "a picture of %zu x %zu pixels that decodes to %llu, expected at most %llu", info->n_width,
                            info->n_height, (unsigned long long)info->n_pixels, (unsigned long long)n_max);
    return !serve_is_large(info) || serve_needs_lane(r, r->lane < SERVE_PICTURES ? SERVE_SHOWN_LARGE : SERVE_LARGE);
}

static int take_picture(serve_request *r, const uint8_t *bytes, size_t n_bytes) {
    r->query.image = bytes;
    r->query.n_image_bytes = n_bytes;
    return serve_needs_lane(r, SERVE_PICTURES) && serve_check_picture(r, "image", bytes, n_bytes, &r->query.image_info);
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

static int read_ids(serve_request *r, const json_t *list) {
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > SERVE_ONLY_MAX)
        return serve_refuse(r, 400, "bad_value", "only", "only is not a list of at most %d ids", SERVE_ONLY_MAX);
    uint64_t *ids = serve_keep(r, malloc((n + 1) * sizeof *ids));
    if (!ids)
        return serve_refuse_memory(r);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return serve_refuse(r, 400, "bad_value", "only", "only[%zu] is not an id", i);
        ids[i] = (uint64_t)json_integer_value(id);
    }
    r->query.only = ids;
    r->query.n_only = n;
    return 1;
}

static int read_labels(serve_request *r, size_t value, const json_t *list) {
    if (!json_is_array(list))
        return serve_refuse(r, 400, "bad_value", "labels", "labels is not a list of strings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *label = json_string_value(json_array_get(list, i));
        if (!label)
            return serve_refuse(r, 400, "bad_value", "labels", "labels[%zu] is not a string", i);
        if (!set_value(r, value, "labels", label))
            return 0;
    }
    return 1;
}

/* A scalar as its text. */
static int read_scalar(serve_request *r, size_t i, const char *name, const json_t *value) {
    const value_kind kind = values[i].kind;
    if (kind == NUMBER) {
        char *text = json_is_integer(value) ? serve_keep(r, malloc(24)) : NULL;
        if (!text)
            return serve_refuse(r, 400, "bad_value", name, "%s is not a whole number", name);
        snprintf(text, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return set_value(r, i, name, text);
    }
    if (kind == FLAG) {
        if (!json_is_boolean(value))
            return serve_refuse(r, 400, "bad_value", name, "%s is not true or false", name);
        return set_value(r, i, name, json_is_true(value) ? "1" : "0");
    }
    if (!json_is_string(value))
        return serve_refuse(r, 400, "bad_value", name, "%s is not a string", name);
    return set_value(r, i, name, json_string_value(value));
}

static int read_json_query(serve_request *r, unsigned allowed) {
    const char *name;
    json_t *value;
    if (!serve_read_json(r))
        return 0;
    json_object_foreach(r->json, name, value) {
        const size_t i = find_value(r, name, allowed, 1);
        if (i == N_VALUES || !mark_given(r, i, name))
            return 0;
        const uint8_t *bytes;
        size_t n_bytes;
        const int is_good = values[i].kind == IDS       ? read_ids(r, value)
                            : values[i].kind == LABEL   ? read_labels(r, i, value)
                            : values[i].kind == PICTURE ? serve_read_base64(r, name, value, &bytes, &n_bytes) &&
                                                              take_picture(r, bytes, n_bytes)
                                                        : read_scalar(r, i, name, value);
        if (!is_good)
            return 0;
    }
    return 1;
}

/* ---------------------------------------------------------------- forms */

static int refuse_form(serve_request *r, const char *what) {
    return serve_refuse(r, 400, "bad_form", NULL, "the body is no multipart/form-data: %s", what);
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

static int take_part(serve_request *r, const char *name, const char *content, size_t n_bytes, unsigned allowed) {
    if (strcmp(name, "image")) {
        char *text = serve_keep(r, malloc(n_bytes + 1)), *own_name = text ? serve_keep(r, strdup(name)) : NULL;
        if (!own_name)
            return serve_refuse_memory(r);
        memcpy(text, content, n_bytes);
        text[n_bytes] = '\0';
        return set_field(r, &(serve_field){own_name, text, n_bytes}, allowed);
    }
    const size_t i = find_value(r, "image", allowed, 0);
    return i < N_VALUES && mark_given(r, i, "image") && take_picture(r, (const uint8_t *)content, n_bytes);
}

static int read_form(serve_request *r, unsigned allowed) {
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
        if (!take_part(r, name, content, stop > content ? (size_t)(stop - content) : 0, allowed))
            return 0;
        p = stop + 2 + n_boundary;
    }
    return end - p >= 2 ? 1 : refuse_form(r, "it has no end");
}

/* ---------------------------------------------------------------- all of it */

static int has_type(const serve_request *r, const char *type) {
    const size_t n = strlen(type);
    return r->content_type && !strncasecmp(r->content_type, type, n) &&
           (type[n - 1] == '/' || !r->content_type[n] || strchr("; \t", r->content_type[n]));
}

static int read_body(serve_request *r, unsigned allowed) {
    if (has_type(r, "application/json"))
        return read_json_query(r, allowed);
    if ((allowed & SERVE_IMAGE) && has_type(r, "multipart/form-data"))
        return read_form(r, allowed);
    if ((allowed & SERVE_IMAGE) && (has_type(r, "image/") || has_type(r, "application/octet-stream"))) {
        r->query.given |= SERVE_IMAGE;
        return take_picture(r, r->claim.body, r->claim.n_body_bytes);
    }
    return serve_refuse(r, 415, "unsupported_media_type", NULL,
                        "Content-Type is \"%.100s\", expected application/json%s",
                        r->content_type ? r->content_type : "",
                        allowed & SERVE_IMAGE ? ", image/*, application/octet-stream or multipart/form-data" : "");
}

int serve_read_query(serve_request *r, unsigned allowed, int with_body) {
    r->query = (serve_query){.k = 20, .n = 10, .side = 240, .radius = UINT32_MAX, .to = ADAH_IMAGE, .by = ADAH_IMAGE};
    for (size_t i = 0; i < r->n_fields; i++)
        if (!set_field(r, &r->field[i], allowed & ~(unsigned)SERVE_IMAGE))
            return 0;
    return !with_body || read_body(r, allowed);
}
