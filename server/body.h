/* body.h - bodies of requests: JSON, base64 in it, forms of several parts. */
#ifndef ADAH_SERVER_BODY_H
#define ADAH_SERVER_BODY_H

#include "request.h"

/* 1: the body is of that type; of any below it where it ends with a slash. */
int serve_body_is(const serve_request *r, const char *type);
/* The body is of another type than JSON and what `others` adds. Returns 0. */
int serve_refuse_type(serve_request *r, const char *others);
/* Parses the body as a JSON object into r->json, and frees it. Returns 0 and answers when it is none. */
int serve_read_json(serve_request *r);
/* Decodes base64, strictly, into memory that is kept. Returns 0 and answers when it is none. */
int serve_read_base64(serve_request *r, const char *field, const json_t *value, const uint8_t **bytes, size_t *n_bytes);
/* Calls `take` with each part of a multipart/form-data until it returns 0. name lives as long as the call, content as the body. Returns
 * 0 and answers when it is no form, or when `take` has answered. */
int serve_read_form(serve_request *r, int (*take)(serve_request *r, const char *name, const char *content, size_t n_bytes));

#endif
