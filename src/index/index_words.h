/* index_words.h - the words by which records are found, of their texts, labels and file names, and of queries. */
#ifndef ADAH_INDEX_INDEX_WORDS_H
#define ADAH_INDEX_INDEX_WORDS_H

#include "base/status.h"

enum {
    ADAH_WORD_BYTES_MAX = 255,    /* a longer word is not kept */
    ADAH_LANGUAGE_BYTES = 32      /* the name of a language with the NUL behind it */
};

/* Takes a word as it was written, folded, and its stem; returns 0 when memory is out. The same word may come again. */
typedef int (*adah_take_index_word)(void *context, const char *word, size_t n_word, const char *stem, size_t n_stem);

/* Of one language; one thread at a time. ICU is opened with the first word. */
typedef struct adah_word_reader adah_word_reader;

/* language: as adah_language_open knows it; "none" or "": nothing is stemmed. */
adah_code adah_word_reader_create(const char *language, adah_word_reader **reader, adah_status *status);
void adah_word_reader_close(adah_word_reader *reader); /* NULL is fine */
const char *adah_word_reader_language(const adah_word_reader *reader); /* "none" for "" */

typedef enum adah_words_of {
    ADAH_WORDS_OF_TEXT,  /* what stands in it */
    ADAH_WORDS_OF_LABEL, /* and all of it as one word */
    ADAH_WORDS_OF_NAME,  /* of a file, without its extension, and the name itself as one word */
    ADAH_WORDS_WHOLE     /* all of it as one word, without folder and extension if it looks like the name of a file */
} adah_words_of;

/* Hands over the words of a text. "IMG_2041", "HolidayAnna" and "anna.jpg" are words, and so are their parts. ADAH_ERROR_ARGUMENT: it is
 * no UTF-8, or too long to be split. */
adah_code adah_word_reader_read(adah_word_reader *reader, adah_words_of kind, const char *text, adah_take_index_word take, void *context,
                                adah_status *status);

#endif
