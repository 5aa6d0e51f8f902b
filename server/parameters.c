/* parameters.c - reads what a request is asked with, as the rows of parameters.def say: from the URL, and from a body that is JSON, a form or
 * a picture as it is. */
#define _GNU_SOURCE
#include "parameters.h"
#include "body.h"
#include "server.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const serve_parameter serve_parameters[SERVE_N_PARAMETERS] = {
#define PARAMETER(BIT, name, TYPE, low, high, without, choices, goes_with, where, sentence)                                                \
    {#name, SERVE_TYPE_##TYPE, low, high, without, choices, SERVE_##BIT, goes_with, where, offsetof(serve_query, name), sentence},
#include "parameters.def"
};

const char *serve_json_name(const serve_parameter *p, char name[SERVE_NAME_BYTES]) {
    snprintf(name, SERVE_NAME_BYTES, "%s%s", p->name, p->type == SERVE_TYPE_STRINGS ? "s" : "");
    return name;
}

const char *serve_parameter_names(unsigned bits, unsigned where, char names[SERVE_NAMES_BYTES]) {
    const char *one[SERVE_N_PARAMETERS];
    size_t n = 0, n_bytes = 0;
    for (size_t i = 0; i < SERVE_N_PARAMETERS; i++)
        if ((serve_parameters[i].bit & bits) && (serve_parameters[i].where & where))
            one[n++] = serve_parameters[i].name;
    names[0] = '\0';
    for (size_t i = 0; i < n; i++)
        n_bytes += (size_t)snprintf(names + n_bytes, SERVE_NAMES_BYTES - n_bytes, "%s%s", i == 0 ? "" : i == n - 1 ? " and " : ", ", one[i]);
    return names;
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

static int refuse_value(serve_request *r, const char *name, const char *value, const char *expected) {
    return serve_refuse(r, 400, "bad_value", name, "%s is \"%.100s\", expected %s", name, value, expected);
}

static int set_number(serve_request *r, const serve_parameter *p, const char *text, uint64_t *number) {
    const uint64_t high = p->high == SERVE_LIMIT_OF_SERVER ? r->server->options.k_max : p->high;
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64, p->low, high);
    return serve_parse_number(text, p->low, high, number) || refuse_value(r, p->name, text, expected);
}

/* Digits, perhaps with a point among them. */
static int set_decimal(serve_request *r, const serve_parameter *p, const char *text, double *number) {
    char expected[96], *end;
    snprintf(expected, sizeof expected, "a number above %" PRIu64 " and up to %" PRIu64, p->low, p->high);
    *number = strspn(text, "0123456789.") == strlen(text) && *text ? strtod(text, &end) : -1;
    return (*number > (double)p->low && *number <= (double)p->high && !*end) || refuse_value(r, p->name, text, expected);
}

static int set_choice(serve_request *r, const serve_parameter *p, const char *text, unsigned *choice) {
    char expected[200] = "";
    size_t n_said = 0, n;
    *choice = 0;
    for (const char *c = p->choices; *c; c += n, c += *c == '|', ++*choice) {
        n = strcspn(c, "|");
        if (strlen(text) == n && !memcmp(text, c, n))
            return 1;
        n_said += (size_t)snprintf(expected + n_said, sizeof expected - n_said, "%s%.*s", c == p->choices ? "" : c[n] ? ", " : " or ", (int)n, c);
    }
    return refuse_value(r, p->name, text, expected);
}

/* A value that is written as text, without NUL and in UTF-8. name: as it was given. */
static int set_value(serve_request *r, const serve_parameter *p, const char *name, const char *text) {
    void *value = (char *)&r->query + p->offset;
    switch (p->type) {
    case SERVE_TYPE_WORDS:
        if (strlen(text) > p->high)
            return serve_refuse(r, 400, "bad_value", name, "%s of %zu bytes, expected at most %" PRIu64, name, strlen(text), p->high);
        *(serve_value_of_WORDS *)value = text;
        return 1;
    case SERVE_TYPE_NUMBER: return set_number(r, p, text, value);
    case SERVE_TYPE_DECIMAL: return set_decimal(r, p, text, value);
    case SERVE_TYPE_FLAG: {
        const int is_set = !strcmp(text, "1") || !strcmp(text, "true");
        *(serve_value_of_FLAG *)value = is_set;
        return is_set || !strcmp(text, "0") || !strcmp(text, "false") || refuse_value(r, name, text, "0 or 1");
    }
    case SERVE_TYPE_CHOICE: return set_choice(r, p, text, value);
    case SERVE_TYPE_STRINGS: {
        serve_value_of_STRINGS *strings = value;
        if (strings->n == p->high)
            return serve_refuse(r, 400, "bad_value", name, "%s has more than %" PRIu64 " values", name, p->high);
        strings->item[strings->n++] = text;
        return 1;
    }
    case SERVE_TYPE_NUMBERS: {
        serve_value_of_NUMBERS *numbers = value;
        if (numbers->n == p->high)
            return serve_refuse(r, 400, "bad_value", name, "%s has more than %" PRIu64 " values", name, p->high);
        return serve_parse_number(text, 0, UINT64_MAX - 1, &numbers->item[numbers->n++]) || refuse_value(r, name, text, "the number of an item");
    }
    default: return serve_refuse(r, 400, "bad_value", name, "%s can be given in a JSON body only", name);
    }
}

static int may_repeat(const serve_parameter *p) { return p->type == SERVE_TYPE_STRINGS || p->type == SERVE_TYPE_NUMBERS; }

/* The parameter of that name. NULL: this request takes none, and the answer says so. */
static const serve_parameter *find(serve_request *r, const char *name, int in_json) {
    char json_name[SERVE_NAME_BYTES];
    for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++)
        if ((p->where & r->route->parameters) && !strcmp(name, in_json ? serve_json_name(p, json_name) : p->name))
            return p;
    serve_refuse(r, 400, "bad_value", name, "\"%.100s\" is not a parameter of this request", name);
    return NULL;
}

/* Once only, but for those that may be given several times. */
static int mark_given(serve_request *r, const serve_parameter *p, const char *name) {
    if ((r->query.given & p->bit) && !may_repeat(p))
        return serve_refuse(r, 400, "bad_value", name, "%s is given twice", name);
    r->query.given |= p->bit;
    return 1;
}

/* Of the URL, or a part of a form that is no picture. */
static int set_field(serve_request *r, const serve_parameter *p, const serve_field *f) {
    if (!mark_given(r, p, f->name))
        return 0;
    if (!f->value)
        return serve_refuse(r, 400, "bad_value", f->name, "%s has no value", f->name);
    if (memchr(f->value, '\0', f->n_bytes) || !serve_is_utf8(f->value, f->n_bytes))
        return serve_refuse(r, 400, "bad_value", f->name, "%s is not UTF-8", f->name);
    return set_value(r, p, f->name, f->value);
}

static int take_picture(serve_request *r, const serve_parameter *p, const uint8_t *bytes, size_t n_bytes) {
    serve_value_of_PICTURE *picture = (void *)((char *)&r->query + p->offset);
    picture->bytes = bytes;
    picture->n_bytes = n_bytes;
    return serve_needs_lane(r, SERVE_PICTURES) && serve_check_picture(r, p->name, bytes, n_bytes, &picture->info);
}

static int read_url(serve_request *r) {
    for (size_t i = 0; i < r->n_fields; i++) {
        const serve_field *f = &r->field[i];
        const serve_parameter *p = find(r, f->name, 0);
        if (p && p->type == SERVE_TYPE_PICTURE)
            return serve_refuse(r, 400, "bad_value", f->name, "%s can be given in a body only", f->name);
        if (!p || !set_field(r, p, f))
            return 0;
    }
    return 1;
}

/* ---------------------------------------------------------------- JSON */

static int read_ids(serve_request *r, const serve_parameter *p, const json_t *list) {
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > p->high)
        return serve_refuse(r, 400, "bad_value", p->name, "%s is not a list of at most %" PRIu64 " ids", p->name, p->high);
    uint64_t *ids = serve_keep(r, malloc((n + 1) * sizeof *ids));
    if (!ids)
        return serve_refuse_memory(r);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return serve_refuse(r, 400, "bad_value", p->name, "%s[%zu] is not an id", p->name, i);
        ids[i] = (uint64_t)json_integer_value(id);
    }
    *(serve_value_of_IDS *)(void *)((char *)&r->query + p->offset) = (serve_value_of_IDS){ids, n};
    return 1;
}

static int read_floats(serve_request *r, const serve_parameter *p, const json_t *list) {
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > p->high)
        return serve_refuse(r, 400, "bad_value", p->name, "%s is not a list of at most %" PRIu64 " numbers", p->name, p->high);
    if (!serve_take_memory(r, n * sizeof(float)))
        return 0;
    float *floats = serve_keep(r, malloc((n + 1) * sizeof *floats));
    if (!floats)
        return serve_refuse_memory(r);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, i);
        const double x = json_number_value(value);
        if (!json_is_number(value) || !(fabs(x) <= (double)FLT_MAX))
            return serve_refuse(r, 400, "bad_value", p->name, "%s[%zu] is not a number that float32 can hold", p->name, i);
        floats[i] = (float)x;
    }
    *(serve_value_of_FLOATS *)(void *)((char *)&r->query + p->offset) = (serve_value_of_FLOATS){floats, n};
    return 1;
}

static int read_strings(serve_request *r, const serve_parameter *p, const char *name, const json_t *list) {
    if (!json_is_array(list))
        return serve_refuse(r, 400, "bad_value", name, "%s is not a list of strings", name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *string = json_string_value(json_array_get(list, i));
        if (!string)
            return serve_refuse(r, 400, "bad_value", name, "%s[%zu] is not a string", name, i);
        if (!set_value(r, p, name, string))
            return 0;
    }
    return 1;
}

static int read_numbers(serve_request *r, const serve_parameter *p, const json_t *list) {
    if (!json_is_array(list))
        return serve_refuse(r, 400, "bad_value", p->name, "%s is not a list of numbers of items", p->name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        char digits[24];
        const json_t *id = json_array_get(list, i);
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return serve_refuse(r, 400, "bad_value", p->name, "%s[%zu] is not the number of an item", p->name, i);
        if (!set_value(r, p, p->name, digits))
            return 0;
    }
    return 1;
}

static int read_json_value(serve_request *r, const serve_parameter *p, const char *name, const json_t *value) {
    const uint8_t *bytes;
    size_t n_bytes;
    char digits[24];
    switch (p->type) {
    case SERVE_TYPE_IDS: return read_ids(r, p, value);
    case SERVE_TYPE_NUMBERS: return read_numbers(r, p, value);
    case SERVE_TYPE_FLOATS: return read_floats(r, p, value);
    case SERVE_TYPE_STRINGS: return read_strings(r, p, name, value);
    case SERVE_TYPE_PICTURE: return serve_read_base64(r, name, value, &bytes, &n_bytes) && take_picture(r, p, bytes, n_bytes);
    case SERVE_TYPE_NUMBER:
        if (!json_is_integer(value))
            return serve_refuse(r, 400, "bad_value", name, "%s is not a whole number", name);
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return set_value(r, p, name, digits);
    case SERVE_TYPE_DECIMAL:
        if (!json_is_number(value))
            return serve_refuse(r, 400, "bad_value", name, "%s is not a number", name);
        snprintf(digits, sizeof digits, "%.15g", json_number_value(value));
        return set_value(r, p, name, digits);
    case SERVE_TYPE_FLAG:
        return json_is_boolean(value) ? set_value(r, p, name, json_is_true(value) ? "1" : "0")
                                      : serve_refuse(r, 400, "bad_value", name, "%s is not true or false", name);
    default:
        return json_is_string(value) ? set_value(r, p, name, json_string_value(value))
                                     : serve_refuse(r, 400, "bad_value", name, "%s is not a string", name);
    }
}

static int read_json(serve_request *r) {
    const char *name;
    json_t *value;
    if (!serve_read_json(r))
        return 0;
    json_object_foreach(r->json, name, value) {
        const serve_parameter *p = find(r, name, 1);
        if (!p || !mark_given(r, p, name) || !read_json_value(r, p, name, value))
            return 0;
    }
    return 1;
}

/* ---------------------------------------------------------------- other bodies */

static int take_part(serve_request *r, const char *name, const char *content, size_t n_bytes) {
    const serve_parameter *p = find(r, name, 0);
    if (!p)
        return 0;
    if (p->type == SERVE_TYPE_PICTURE)
        return mark_given(r, p, name) && take_picture(r, p, (const uint8_t *)content, n_bytes);
    char *text = serve_keep(r, malloc(n_bytes + 1));
    if (!text)
        return serve_refuse_memory(r);
    memcpy(text, content, n_bytes);
    text[n_bytes] = '\0';
    return set_field(r, p, &(serve_field){name, text, n_bytes});
}

static const serve_parameter *find_picture(const serve_request *r) {
    for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++)
        if (p->type == SERVE_TYPE_PICTURE && (p->where & r->route->parameters))
            return p;
    return NULL;
}

static int read_body(serve_request *r) {
    const serve_parameter *picture = find_picture(r);
    if (serve_body_is(r, "application/json"))
        return read_json(r);
    if (picture && serve_body_is(r, "multipart/form-data"))
        return serve_read_form(r, take_part);
    if (picture && (serve_body_is(r, "image/") || serve_body_is(r, "application/octet-stream"))) {
        r->query.given |= picture->bit;
        return take_picture(r, picture, r->claim.body, r->claim.n_body_bytes);
    }
    return serve_refuse_type(r, picture ? ", image/*, application/octet-stream or multipart/form-data" : "");
}

int serve_read_query(serve_request *r) {
    r->query = (serve_query){0};
    for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++) {
        void *value = (char *)&r->query + p->offset;
        if (p->type == SERVE_TYPE_NUMBER)
            *(serve_value_of_NUMBER *)value = p->without;
        else if (p->type == SERVE_TYPE_DECIMAL)
            *(serve_value_of_DECIMAL *)value = (double)p->without;
        else if (p->type == SERVE_TYPE_FLAG)
            *(serve_value_of_FLAG *)value = (int)p->without;
        else if (p->type == SERVE_TYPE_CHOICE)
            *(serve_value_of_CHOICE *)value = (unsigned)p->without;
    }
    return read_url(r) && (!r->route->parameters || !r->route->takes_body || read_body(r));
}
