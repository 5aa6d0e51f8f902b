/* request_log.h - a line on standard error for each request, without what was searched for. */
#ifndef ADAH_SERVER_REQUEST_LOG_H
#define ADAH_SERVER_REQUEST_LOG_H

#include "serve.h"

typedef struct serve_logged {
    const char *client, *method;
    const char *path; /* NULL: it did not come so far */
    unsigned status;
    uint64_t n_bytes; /* of the answer's body */
    double milliseconds;
} serve_logged;

/* form: not SERVE_LOG_NONE. */
void serve_log_request(const serve_logged *l, serve_log form);

#endif
