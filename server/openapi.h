/* openapi.h - the description of the HTTP interface, /openapi.json. */
#ifndef ADAH_SERVER_OPENAPI_H
#define ADAH_SERVER_OPENAPI_H

#include "files.h"

/* openapi.in.json, with the parameters and bodies of requests as parameters.def tells them. NULL: memory. */
serve_file *serve_openapi_create(void);
void serve_openapi_free(serve_file *file); /* NULL is fine */

#endif
