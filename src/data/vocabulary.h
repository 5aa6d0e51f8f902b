/* vocabulary.h - from a text in any language to a bag-of-words vector.
 *
 * Words are ICU's word segments that hold a letter or ideograph, NFKC-casefolded, stemmed by Snowball when the
 * language has a stemmer. A vocabulary is the list of words that count, in a fixed order. It may hold pairs of words, too: any two
 * different words of a phrase of at most 64, written with a plus, the first by bytes first ("beach+sand"), so that a list of tags
 * means the same in every order. A phrase ends where a line does, and at marks like commas and full stops. Older vocabularies have
 * other pairs, and keep them: two words that follow one another with nothing but blanks and function words between ("sand+beach"). */
#ifndef ADAH_DATA_VOCABULARY_H
#define ADAH_DATA_VOCABULARY_H

#include "base/status.h"

typedef struct adah_vocabulary adah_vocabulary;

typedef struct adah_vocabulary_options {
    const char *language;   /* Snowball name or ISO 639 code of the stemmer ("english", "en"); "none": no stemming */
    size_t n_words_max;     /* the most frequent are kept; pairs in the room that single words leave */
    size_t n_documents_min; /* a word must occur in this many texts */
    int with_pairs;         /* pairs of words are words of their own beside the two */
} adah_vocabulary_options;
#define ADAH_VOCABULARY_OPTIONS_INIT {"english", 4096, 2, 0}

/* Order: by document frequency descending, then by bytes, so that it depends on the texts alone. Function words
 * (a short stop list of the language, when there is one) are left out. An unknown language is an error that lists
 * the known; so are invalid UTF-8 and a result without words (ADAH_ERROR_ARGUMENT). */
adah_code adah_vocabulary_build(const char *const *texts, size_t n_texts, const adah_vocabulary_options *options,
                                adah_vocabulary **vocabulary, adah_status *status);
/* From what adah_vocabulary_json wrote. */
adah_code adah_vocabulary_parse(const char *json, adah_vocabulary **vocabulary, adah_status *status);
char *adah_vocabulary_json(const adah_vocabulary *vocabulary); /* adah_memory_free; NULL: memory */
/* One without a word, that tells the words of a text (adah_vocabulary_words) all the same. */
adah_code adah_vocabulary_open_empty(const char *language, adah_vocabulary **vocabulary, adah_status *status);
void adah_vocabulary_free(adah_vocabulary *vocabulary);

const char *adah_vocabulary_language(const adah_vocabulary *vocabulary);
size_t adah_vocabulary_size(const adah_vocabulary *vocabulary);
const char *adah_vocabulary_word(const adah_vocabulary *vocabulary, size_t i);
uint32_t adah_vocabulary_documents(const adah_vocabulary *vocabulary, size_t i); /* texts that held it at build */
int adah_vocabulary_is_pair(const adah_vocabulary *vocabulary, size_t i);
size_t adah_vocabulary_texts(const adah_vocabulary *vocabulary);                 /* texts at build */

/* The words of a text as ascending positions in the vocabulary, without repeats. *ids by adah_memory_free.
 * *n_unknown (may be NULL): distinct words, pairs aside, not in it. Invalid UTF-8 is ADAH_ERROR_ARGUMENT. Thread-safe. */
adah_code adah_vocabulary_lookup(const adah_vocabulary *vocabulary, const char *text, uint32_t **ids, size_t *n_ids,
                                 size_t *n_unknown, adah_status *status);

/* Why a text without known or unknown words has none: there is nothing in it, numbers alone, stop words alone. A phrase for a message. */
const char *adah_vocabulary_why_none(const char *text);

/* The words of a text one by one as they stand in it; see adah_model_words. */
adah_code adah_vocabulary_words(const adah_vocabulary *vocabulary, const char *text, adah_text_word **words, size_t *n_words,
                                adah_status *status);

#endif
