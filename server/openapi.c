/* openapi.c - see openapi.h. What openapi.in.json says is kept; the requests that take parameters get their "parameters" and "requestBody"
 * here. */
#define XXH_INLINE_ALL
#include "openapi.h"
#include "server.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef enum place { IN_URL, IN_JSON, IN_FORM } place;

static json_t *list_choices(const serve_parameter *p, const char **without) {
    json_t *list = json_array();
    size_t n;
    for (const char *c = p->choices; *c; c += n, c += *c == '|') {
        n = strcspn(c, "|");
        json_array_append_new(list, json_stringn(c, n));
    }
    *without = json_string_value(json_array_get(list, (size_t)p->without));
    return list;
}

static json_t *number_schema(const serve_parameter *p) {
    json_t *schema = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)p->low);
    if (p->high <= INT64_MAX)
        json_object_set_new(schema, "maximum", json_integer((json_int_t)p->high));
    if (p->without >= p->low && p->without <= p->high)
        json_object_set_new(schema, "default", json_integer((json_int_t)p->without));
    return schema;
}

static json_t *schema_of(const serve_parameter *p, place at) {
    const char *without;
    json_t *list;
    switch (p->type) {
    case SERVE_TYPE_WORDS: return json_pack("{s:s, s:I}", "type", "string", "maxLength", (json_int_t)p->high);
    case SERVE_TYPE_NUMBER: return number_schema(p);
    case SERVE_TYPE_DECIMAL:
        return json_pack("{s:s, s:I, s:I, s:I}", "type", "number", "exclusiveMinimum", (json_int_t)p->low, "maximum", (json_int_t)p->high, "default",
                         (json_int_t)p->without);
    case SERVE_TYPE_FLAG:
        if (at == IN_JSON)
            return json_pack("{s:s, s:b}", "type", "boolean", "default", (int)p->without);
        return json_pack("{s:s, s:[ssss], s:s}", "type", "string", "enum", "0", "1", "false", "true", "default", p->without ? "1" : "0");
    case SERVE_TYPE_CHOICE:
        list = list_choices(p, &without);
        return json_pack("{s:s, s:o, s:s*}", "type", "string", "enum", list, "default", without);
    case SERVE_TYPE_STRINGS:
        return json_pack("{s:s, s:{s:s}, s:I}", "type", "array", "items", "type", "string", "maxItems", (json_int_t)p->high);
    case SERVE_TYPE_NUMBERS:
    case SERVE_TYPE_IDS:
        return json_pack("{s:s, s:{s:s, s:i}, s:I}", "type", "array", "items", "type", "integer", "minimum", 0, "maxItems", (json_int_t)p->high);
    case SERVE_TYPE_FLOATS:
        return json_pack("{s:s, s:{s:s}, s:I}", "type", "array", "items", "type", "number", "maxItems", (json_int_t)p->high);
    default:
        return json_pack("{s:s, s:s}", "type", "string", at == IN_JSON ? "contentEncoding" : "contentMediaType",
                         at == IN_JSON ? "base64" : "application/octet-stream");
    }
}

static json_t *sentences_of(const serve_parameter *p, unsigned where) {
    char names[SERVE_NAMES_BYTES], text[600];
    snprintf(text, sizeof text, p->goes_with ? "%s It goes with %s alone." : "%s", p->sentence, serve_parameter_names(p->goes_with, where, names));
    return json_string(text);
}

/* The parameters of the URL. What a query is made of is told of the body, where there is one. */
static json_t *describe_url(const serve_route *route) {
    json_t *list = json_array();
    for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++) {
        if (!(p->where & route->parameters) || p->type == SERVE_TYPE_IDS || (route->takes_body && (p->bit & SERVE_ASKING)))
            continue;
        json_t *one = json_pack("{s:s, s:s, s:o, s:o}", "name", p->name, "in", "query", "description", sentences_of(p, route->parameters),
                                "schema", schema_of(p, IN_URL));
        if (p->type == SERVE_TYPE_STRINGS || p->type == SERVE_TYPE_NUMBERS) {
            json_object_set_new(one, "style", json_string("form"));
            json_object_set_new(one, "explode", json_true());
        }
        json_array_append_new(list, one);
    }
    return list;
}

/* A body as an object with the parameters as its members. What there is no choice of must be there. */
static json_t *describe_members(const serve_route *route, place at) {
    json_t *members = json_object(), *asking = json_array();
    char name[SERVE_NAME_BYTES];
    for (const serve_parameter *p = serve_parameters; p < serve_parameters + SERVE_N_PARAMETERS; p++) {
        if (!(p->where & route->parameters) || (at == IN_FORM && (p->type == SERVE_TYPE_IDS || p->type == SERVE_TYPE_FLOATS)))
            continue;
        json_t *schema = schema_of(p, at);
        const char *member = at == IN_JSON ? serve_json_name(p, name) : p->name;
        json_object_set_new(schema, "description", sentences_of(p, route->parameters));
        json_object_set_new(members, member, schema);
        if (p->bit & SERVE_ASKING)
            json_array_append_new(asking, json_string(member));
    }
    json_t *object = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members, "additionalProperties", 0);
    if (json_array_size(asking) == 1)
        json_object_set(object, "required", asking);
    json_decref(asking);
    return json_pack("{s:o}", "schema", object);
}

static json_t *describe_body(const serve_route *route) {
    json_t *picture = json_pack("{s:{s:s, s:s}}", "schema", "type", "string", "contentMediaType", "application/octet-stream");
    return json_pack("{s:b, s:{s:o, s:o, s:O, s:o}}", "required", 1, "content", "application/json", describe_members(route, IN_JSON),
                     "multipart/form-data", describe_members(route, IN_FORM), "image/*", picture, "application/octet-stream", picture);
}

static void describe(json_t *api, const serve_route *route) {
    char method[16] = "";
    for (size_t i = 0; route->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    json_t *operation = json_object_get(json_object_get(json_object_get(api, "paths"), route->path), method);
    json_t *parameters = describe_url(route);
    if (json_array_size(parameters))
        json_object_set(operation, "parameters", parameters);
    json_decref(parameters);
    if (route->takes_body)
        json_object_set_new(operation, "requestBody", describe_body(route));
}

serve_file *serve_openapi_create(void) {
    typedef struct whole {
        serve_file file; /* first */
        char etag[40];
    } whole;
    const serve_file *in = serve_file_find("openapi.in.json");
    json_t *api = in ? json_loadb((const char *)in->bytes, in->n_bytes, JSON_REJECT_DUPLICATES, NULL) : NULL;
    for (size_t i = 0; i < serve_n_routes; i++)
        if (serve_routes[i].parameters)
            describe(api, &serve_routes[i]);
    char *text = json_dumps(api, JSON_INDENT(1));
    json_decref(api);
    whole *w = text ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        free(text);
        return NULL;
    }
    const size_t n = strlen(text);
    snprintf(w->etag, sizeof w->etag, "\"%016llx\"", (unsigned long long)XXH3_64bits(text, n));
    w->file = (serve_file){"openapi.json", w->etag, (const uint8_t *)text, n};
    return &w->file;
}

void serve_openapi_free(serve_file *file) {
    if (file)
        free((void *)(uintptr_t)file->bytes);
    free(file);
}
