/* parameters.h - what a request is asked with, by the rows of parameters.def. */
#ifndef ADAH_SERVER_PARAMETERS_H
#define ADAH_SERVER_PARAMETERS_H

#include <adah/adah.h>

/* The requests that take parameters: a bit each, which is in its route (server.h), too. */
enum {
    SERVE_IN_SEARCH = 1 << 0,
    SERVE_IN_SEARCH_BODY = 1 << 1,
    SERVE_IN_TAGS = 1 << 2,
    SERVE_IN_ENCODE = 1 << 3,
    SERVE_IN_ATTENTION = 1 << 4,
    SERVE_IN_THUMBNAIL = 1 << 5,
    SERVE_IN_DUPLICATES = 1 << 6,
    SERVE_IN_UPLOAD = 1 << 7,
    SERVE_IN_LIST = 1 << 8,
    SERVE_IN_TIMELINE = 1 << 9
};

typedef enum serve_type {
    SERVE_TYPE_WORDS,
    SERVE_TYPE_NUMBER,
    SERVE_TYPE_DECIMAL,
    SERVE_TYPE_FLAG,
    SERVE_TYPE_CHOICE,
    SERVE_TYPE_STRINGS,
    SERVE_TYPE_IDS,
    SERVE_TYPE_NUMBERS,
    SERVE_TYPE_FLOATS,
    SERVE_TYPE_PICTURE
} serve_type;

#define SERVE_LIMIT_OF_SERVER UINT64_MAX
enum { SERVE_STRINGS_MAX = 64 };

/* What a value of each type is in serve_query. Texts, ids, numbers and pictures live as long as the request. */
typedef const char *serve_value_of_WORDS;
typedef uint64_t serve_value_of_NUMBER;
typedef double serve_value_of_DECIMAL;
typedef int serve_value_of_FLAG;
typedef unsigned serve_value_of_CHOICE;
typedef struct serve_value_of_STRINGS {
    const char *item[SERVE_STRINGS_MAX];
    size_t n;
} serve_value_of_STRINGS;
typedef struct serve_value_of_IDS {
    uint64_t *item;
    size_t n;
} serve_value_of_IDS;
typedef struct serve_value_of_NUMBERS {
    uint64_t item[SERVE_STRINGS_MAX];
    size_t n;
} serve_value_of_NUMBERS;
typedef struct serve_value_of_FLOATS {
    float *item;
    size_t n;
} serve_value_of_FLOATS;
typedef struct serve_value_of_PICTURE {
    const uint8_t *bytes;
    size_t n_bytes;
    adah_picture_info info;
} serve_value_of_PICTURE;

enum {
#define PARAMETER(BIT, ...) SERVE_PLACE_OF_##BIT,
#include "parameters.def"
    SERVE_N_PARAMETERS
};
enum {
#define PARAMETER(BIT, ...) SERVE_##BIT = 1 << SERVE_PLACE_OF_##BIT,
#include "parameters.def"
    SERVE_ASKING = SERVE_TEXT | SERVE_ID | SERVE_IMAGE | SERVE_FEATURES /* what a query is made of: one of them */
};

/* The values that were given, or what holds without. */
typedef struct serve_query {
    unsigned given; /* bits */
#define PARAMETER(BIT, name, TYPE, ...) serve_value_of_##TYPE name;
#include "parameters.def"
} serve_query;

/* A row of parameters.def. */
typedef struct serve_parameter {
    const char *name;
    serve_type type;
    uint64_t low, high, without;
    const char *choices; /* a|b|c */
    unsigned bit, goes_with, where;
    size_t offset; /* in serve_query */
    const char *sentence;
} serve_parameter;

extern const serve_parameter serve_parameters[SERVE_N_PARAMETERS];

struct serve_request;
/* Fills r->query from the URL and, where its route has parameters and takes a body, from the body: JSON, a form, or a picture as it is.
 * Returns 0 when something is wrong and the answer says what. */
int serve_read_query(struct serve_request *r);
enum { SERVE_NAME_BYTES = 64, SERVE_NAMES_BYTES = 128 };
/* Puts the name that it has in a JSON body into `name`, and returns it. */
const char *serve_json_name(const serve_parameter *p, char name[SERVE_NAME_BYTES]);

/* Puts the names of those of the parameters that can be given there into `names`, as in "text, id and image", and returns it. */
const char *serve_parameter_names(unsigned bits, unsigned where, char names[SERVE_NAMES_BYTES]);
/* 1: a whole number from low to high that fills the text. */
int serve_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number);

#endif
