/* tokenizer.h - from a text to the numbers that a text encoder takes in, as the reference (Hugging Face's tokenizers) makes them from the
 * same tokenizer.json.
 *
 * Of a tokenizer.json: the normalizers NFC, NFD, NFKC, NFKD, BertNormalizer, Lowercase, StripAccents, Strip, Replace, Prepend and
 * Precompiled; the pre_tokenizers BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, Split, Metaspace and ByteLevel; the
 * models WordPiece, BPE and Unigram; the post_processors TemplateProcessing, BertProcessing, RobertaProcessing and ByteLevel; sequences of
 * all of these. Anything else is refused by its name. What a file says of truncation, padding and decoding is not used. */
#ifndef ADAH_TEXT_TOKENIZER_H
#define ADAH_TEXT_TOKENIZER_H

#include "base/status.h"

typedef struct adah_tokenizer adah_tokenizer;

enum { ADAH_TOKENIZER_BYTES_MAX = 1 << 26, ADAH_TOKENIZED_BYTES_MAX = 1 << 20 };

/* The text of a folder's tokenizer.json; where there is none, one made of its vocab.json and merges.txt (CLIP's kind of byte pairs).
 * *json to adah_memory_free. */
adah_code adah_tokenizer_find(const char *folder, char **json, adah_status *status);
/* `where` names the file in messages. */
adah_code adah_tokenizer_parse(const char *json, const char *where, adah_tokenizer **tokenizer, adah_status *status);
void adah_tokenizer_free(adah_tokenizer *tokenizer); /* NULL is fine */

/* All numbers are below this. */
size_t adah_tokenizer_size(const adah_tokenizer *tokenizer);
/* The number of a token by its text; UINT32_MAX: it has none. */
uint32_t adah_tokenizer_token(const adah_tokenizer *tokenizer, const char *text);

/* The tokens of a text, the special ones around it included: token[n_max], of which *n are used. What is too long is cut at its end. Of a
 * text of more than ADAH_TOKENIZED_BYTES_MAX bytes the rest does not count; what is no UTF-8 counts as U+FFFD. Any number of threads.
 * ADAH_ERROR_ARGUMENT: n_max leaves no room for the special tokens. */
adah_code adah_tokenizer_encode(const adah_tokenizer *tokenizer, const char *text, size_t n_bytes, size_t n_max, uint32_t *token,
                                size_t *n, adah_status *status);

#endif
