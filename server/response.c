/* response.c - see response.h. */
#include "response.h"

enum { STREAM_BYTES = 32 << 10 /* of an answer that is made piece by piece */ };

static ssize_t read_stream(void *context, uint64_t offset, char *bytes, size_t n_bytes_max) {
    serve_stream *stream = context;
    const size_t n = stream->write(stream, offset, bytes, n_bytes_max);
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_stream(void *context) {
    serve_stream *stream = context;
    stream->free(stream);
}

static struct MHD_Response *make_response(serve_answer *a) {
    struct MHD_Response *response;
    if (a->is_file) {
        response = MHD_create_response_from_fd_at_offset64(a->n_bytes, a->fd, a->offset);
        a->is_file = !response;
    } else if (a->stream) {
        response = MHD_create_response_from_callback(a->n_bytes, STREAM_BYTES, read_stream, a->stream, free_stream);
        a->stream = response ? NULL : a->stream;
    } else if (a->bytes && a->release) {
        response =
            MHD_create_response_from_buffer_with_free_callback(a->n_bytes, (void *)(uintptr_t)a->bytes, a->release);
        a->bytes = response ? NULL : a->bytes;
    } else if (a->bytes) {
        response = MHD_create_response_from_buffer(a->n_bytes, (void *)(uintptr_t)a->bytes, MHD_RESPMEM_PERSISTENT);
    } else {
        a->n_bytes = a->text.n_bytes;
        response = MHD_create_response_from_buffer(a->text.n_bytes, a->text.bytes, MHD_RESPMEM_MUST_FREE);
        if (response)
            a->text = (serve_text){0};
    }
    return response;
}

static void add_headers(struct MHD_Response *response, const serve_answer *a, int is_last) {
    const int is_plain = !a->content_type;
    if (a->status != 304)
        MHD_add_response_header(response, "Content-Type", is_plain ? "application/json" : a->content_type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Content-Security-Policy",
                            a->policy ? a->policy : "default-src 'none'; frame-ancestors 'none'; sandbox");
    MHD_add_response_header(response, "Cache-Control", a->cache_control ? a->cache_control : "no-store");
    if (a->etag[0])
        MHD_add_response_header(response, "ETag", a->etag);
    if (a->allow)
        MHD_add_response_header(response, "Allow", a->allow);
    if (a->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (a->status == 503 && a->retry_after)
        MHD_add_response_header(response, "Retry-After", "1");
    if (is_last)
        MHD_add_response_header(response, "Connection", "close");
}

struct MHD_Response *serve_response_create(serve_answer *a, int is_last) {
    struct MHD_Response *response = make_response(a);
    if (response)
        add_headers(response, a, is_last);
    return response;
}
