/* response.h - an answer as libmicrohttpd sends it: body and headers. */
#ifndef ADAH_SERVER_RESPONSE_H
#define ADAH_SERVER_RESPONSE_H

#include "request.h"

#include <microhttpd.h>

/* The response has what was the answer's from then on. is_last: the connection is to be closed. NULL: memory. */
struct MHD_Response *serve_response_create(serve_answer *a, int is_last);

#endif
