/* handle_encode.c - the code of a text, a picture or features, and the vector that belongs to it. */
#include "query.h"

void serve_handle_encode(serve_request *r, serve_state *state) {
    serve_asked a = {0};
    if (!serve_query_read(r, state) || !serve_query_code(r, state, &a))
        return;
    const int n_bits = adah_model_bits(state->model);
    serve_text_format(&r->answer.text, "{\"n_bits\": %d, \"code\": ", n_bits);
    serve_text_hex(&r->answer.text, a.code, (size_t)n_bits / 8);
    for (size_t i = 0; i < a.n_fine; i++)
        serve_text_format(&r->answer.text, i ? ", %d" : ", \"fine\": [%d", a.fine[i]);
    serve_text_plain(&r->answer.text, a.n_fine ? "]}\n" : "}\n");
    r->answer.status = 200;
}
