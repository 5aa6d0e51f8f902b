/* explain.h - how much each word of a query counts. */
#ifndef ADAH_SERVER_EXPLAIN_H
#define ADAH_SERVER_EXPLAIN_H

#include "server.h"

/* Adds the list of the words of r->query.text: {"word", "known", "weight"} each. The weight is how much the values that the code is the
 * signs of (relaxed: with all of the words) change without the word, on average, at most 1. Returns 0 and answers when it fails. */
int serve_explain(serve_request *r, const serve_state *state, adah_encoder *encoder, const float *relaxed, serve_text *words);

#endif
