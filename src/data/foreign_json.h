/* foreign_json.h - JSON as other programs write it. */
#ifndef ADAH_DATA_FOREIGN_JSON_H
#define ADAH_DATA_FOREIGN_JSON_H

#include <jansson.h>

/* As json_loadb, but NaN, Infinity and -Infinity, which Python writes and JSON does not know, are taken: as empty lists, so that who
 * wants a number or a text there sees that it is none. Errors and positions are those of the text as it stands; *is_out_of_memory becomes 1
 * where that is the error, else 0. */
json_t *adah_json_load(const char *bytes, size_t n_bytes, size_t flags, json_error_t *error, int *is_out_of_memory);
/* Bytes of the list or object that begins at the front: up to the bracket that closes it, all where none does. */
size_t adah_json_value_bytes(const char *bytes, size_t n_bytes);
/* 1: such a number, or null: nothing is said. */
int adah_json_is_missing(const json_t *value);
/* A label that is given as a number or a truth: 3, 3.0 (which is 3), 0.5, true. 0: it is something else. */
enum { ADAH_JSON_NUMBER_BYTES = 32 };
int adah_json_write_number(const json_t *value, char text[ADAH_JSON_NUMBER_BYTES]);

#endif
