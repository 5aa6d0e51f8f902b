/* query.h - what the model and the index are asked: with words, a picture, features or an item, as the parameters of the request say. */
#ifndef ADAH_SERVER_QUERY_H
#define ADAH_SERVER_QUERY_H

#include "server.h"

typedef struct serve_asked {
    serve_query_kind kind;
    uint8_t code[ADAH_BITS_MAX / 8];
    float relaxed[ADAH_BITS_MAX]; /* with_relaxed: what the code is the signs of */
    int with_relaxed;
    int8_t fine[ADAH_FINE_MAX]; /* n_fine values: the vector that belongs to the code; 0: there is none */
    size_t n_fine;
    adah_modality of;      /* what the code and the vector are of */
    int is_fine;           /* 1: hits are in the order of the vectors */
    adah_status no_code;   /* of a text: why it has none; its words are looked for alone */
    size_t n_unknown;      /* words of a text that the model does not know */
    uint64_t marked[2 * SERVE_STRINGS_MAX]; /* items that are liked, then the others */
    serve_text words;      /* with the parameter explain: of the text, as a JSON list (explain.h); freed by who asks */
} serve_asked;

int serve_query_has_marks(const serve_query *query);
/* Reads the parameters, of which one of text, id, image and features must be there, or `like`, and the others go with it, and finds the code to ask with. *asked is
 * zeroed at first. Returns 0 and answers when something is wrong, or when it goes on in another lane. */
int serve_query_read(serve_request *r, const serve_state *state);
int serve_query_code(serve_request *r, serve_state *state, serve_asked *asked);
/* Searches with the code, within what the parameters allow; asked->is_fine then tells how. Returns 0 and answers when it fails. */
int serve_query_search(serve_request *r, const serve_state *state, serve_asked *asked, adah_modality to, size_t k,
                       adah_search_result *result);

#endif
