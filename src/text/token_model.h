/* token_model.h - from a piece of text to tokens: the "model" of a tokenizer.json. wordpiece.c, byte_pair.c and unigram.c are the three
 * kinds; each has its row in token_model.c. */
#ifndef ADAH_TEXT_TOKEN_MODEL_H
#define ADAH_TEXT_TOKEN_MODEL_H

#include "base/status.h"
#include "text/token_table.h"

#include <jansson.h>

/* Tokens found so far. */
typedef struct adah_token_list {
    uint32_t *token;
    size_t n, capacity;
    int failed; /* memory ran out; later tokens are ignored */
} adah_token_list;
void adah_token_list_add(adah_token_list *list, uint32_t token);

typedef struct adah_token_model adah_token_model;

typedef struct adah_token_kind {
    const char *type;
    adah_code (*read)(const json_t *object, const char *where, adah_token_model *model, adah_status *status);
    /* Adds a piece's tokens; any number of threads. */
    adah_code (*split)(const adah_token_model *model, const char *piece, size_t n_bytes, adah_token_list *tokens, adah_status *status);
} adah_token_kind;

/* Zero-initialise. The kinds share it, for all have a vocabulary. */
struct adah_token_model {
    const adah_token_kind *kind;
    adah_token_table vocabulary;
    uint32_t n_tokens; /* all numbers are below */
    uint32_t unknown;  /* ADAH_TOKEN_NONE: there is none */
    int fuses_unknown; /* neighbours that are unknown become one token */
    uint32_t byte[256]; /* of the bytes of unknown characters; byte[0] ADAH_TOKEN_NONE: these are not spelled so */
    char *prefix, *suffix; /* of pieces inside a word and at its end; NULL: none */
    size_t n_word_max;  /* word pieces: characters of a word; more are unknown */
    struct adah_merge *merge; /* byte pairs: a hash table */
    size_t n_slots;
    int whole_words;    /* byte pairs: a piece in the vocabulary is a token, whatever the merges say */
    double *score;      /* unigram: [n_tokens] */
    double unknown_score;
};

adah_code adah_token_model_read(const json_t *object, const char *where, adah_token_model *model, adah_status *status);
void adah_token_model_free(adah_token_model *model); /* zeroes it */

/* For the kinds: the vocabulary from {"piece": number, ...}; the number of "unk_token", when there is one; a text below `key`, NULL for
 * none or ""; the numbers of "<0x00>" up to "<0xFF>". */
adah_code adah_token_model_read_vocabulary(const json_t *object, const char *where, adah_token_model *model, adah_status *status);
adah_code adah_token_model_read_unknown(const json_t *object, const char *where, adah_token_model *model, adah_status *status);
adah_code adah_token_model_read_text(const json_t *object, const char *key, char **text, adah_status *status);
void adah_token_model_find_bytes(adah_token_model *model);

extern const adah_token_kind adah_token_wordpiece, adah_token_byte_pair, adah_token_unigram;

enum { ADAH_TOKENS_MAX = 1 << 22 };

#endif
