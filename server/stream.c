/* stream.c - see stream.h. Where a part is longer than a piece it is written again for each of its pieces, into another window. */
#include "stream.h"
#include "failure.h"
#include "server.h"

#include <stdlib.h>

static size_t write_parts(serve_stream *stream, uint64_t offset, char *bytes, size_t n_bytes_max) {
    serve_parts *p = (serve_parts *)(void *)stream;
    adah_status status;
    size_t n = 0;
    while (n < n_bytes_max && p->part < p->n_parts) {
        const uint64_t n_before = offset + n - p->from;
        serve_text t = serve_text_window(bytes + n, n_bytes_max - n, n_before);
        if (p->add(p, p->part, &t, &status) != ADAH_OK || t.failed)
            return 0;
        n += t.n_bytes;
        if (n_before + t.n_bytes < t.n_all)
            break;
        p->from += t.n_all;
        p->part++;
    }
    return serve_state_check(p->state, &status) == ADAH_OK ? n : 0; /* nothing of what another program has written over the index */
}

static void free_parts(serve_stream *stream) {
    serve_parts *p = (serve_parts *)(void *)stream;
    if (p->free)
        p->free(p);
    serve_state_drop(p->server->service, p->state);
    free(p);
}

void serve_send_parts(serve_request *r, serve_state *state, serve_parts *p) {
    adah_status status;
    char *small = malloc(SERVE_UNCOUNTED_BYTES);
    serve_text t = serve_text_window(small, small ? SERVE_UNCOUNTED_BYTES : 0, 0);
    p->stream.write = write_parts;
    p->stream.free = free_parts;
    p->server = r->server;
    p->state = serve_state_keep(r->server->service, state);
    int is_good = small || serve_refuse_memory(r);
    for (size_t part = 0; part < p->n_parts && is_good; part++)
        is_good = p->add(p, part, &t, &status) == ADAH_OK || serve_refuse_failed(r, &status);
    if (is_good && t.failed)
        is_good = serve_refuse_memory(r);
    if (is_good && t.n_all > SERVE_UNCOUNTED_BYTES) {
        r->answer.status = 200;
        r->answer.stream = &p->stream;
        r->answer.n_bytes = (size_t)t.n_all;
        free(small);
        return;
    }
    if (is_good) {
        r->answer.status = 200;
        r->answer.text = (serve_text){.bytes = small, .n_bytes = t.n_bytes, .capacity = SERVE_UNCOUNTED_BYTES};
    } else {
        free(small);
    }
    free_parts(&p->stream);
}
