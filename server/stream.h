/* stream.h - answers that may be long, as parts that are written when they leave.
 *
 * A thousand hits with long texts are tens of megabytes, and a slow reader would keep them in memory. So the parts are written into a window:
 * what fits into a small one is sent as it is, and of a longer answer piece after piece, each when the one before has left. */
#ifndef ADAH_SERVER_STREAM_H
#define ADAH_SERVER_STREAM_H

#include "request.h"

/* The beginning of what an answer needs to write its parts; by malloc. */
typedef struct serve_parts {
    serve_stream stream; /* first; its n_bytes is what `parts` takes */
    size_t n_parts;
    /* Adds one part to the text: the same each time that it is called. */
    adah_code (*add)(const struct serve_parts *parts, size_t part, serve_text *t, adah_status *status);
    void (*free)(struct serve_parts *parts); /* what it has beside; NULL: nothing */
    struct serve_server *server;
    serve_state *state; /* the handler's, kept while the answer leaves */
    size_t part;        /* that leaves, */
    uint64_t from;      /* and where it begins */
} serve_parts;

/* Makes the parts the request's answer, with status 200, or answers with an error; takes them over. n_parts, add and free are set. */
void serve_send_parts(serve_request *r, serve_state *state, serve_parts *parts);

#endif
