/* word_splitter.h - the words of a text, as a vocabulary counts and finds them. */
#ifndef ADAH_DATA_WORD_SPLITTER_H
#define ADAH_DATA_WORD_SPLITTER_H

#include "base/status.h"
#include "data/string_table.h"

#include <unicode/ubrk.h>
#include <unicode/unorm2.h>

enum {
    ADAH_WORD_UNITS_MAX = 80,                         /* UTF-16; a longer run is no word of a language */
    ADAH_FOLDED_UNITS_MAX = 18 * ADAH_WORD_UNITS_MAX, /* no character grows more under NFKC */
    ADAH_FOLDED_BYTES_MAX = 3 * ADAH_FOLDED_UNITS_MAX + 1,
    ADAH_PAIR_BYTES_MAX = 2 * ADAH_FOLDED_BYTES_MAX + 16, /* a stem may be a letter or two longer than the word */
    ADAH_PAIR_SIGN = '+', /* stands in no word */
    ADAH_PAIRED_WORDS_MAX = 64 /* of a phrase; more would be pairs of everything with everything */
};

/* The pairs of words that are handed over beside the words. */
typedef enum adah_word_pairs {
    ADAH_PAIRS_NONE,
    ADAH_PAIRS_FOLLOWING, /* a word and the one before it, in this order: older vocabularies */
    ADAH_PAIRS_TOGETHER   /* any two different words of a phrase, in the order of their bytes; none when it has too many */
} adah_word_pairs;

typedef struct adah_language {
    char *name;
    int is_stemmed, has_elision;
    int has_numbers;       /* set by who opened it: numbers are words, too; */
    adah_word_pairs pairs; /* and which pairs are */
    adah_string_table stop_words;
    UBreakIterator *breaks; /* only ever cloned */
    const UNormalizer2 *folding;
} adah_language;

/* name: one of the stemmer's, or "none"; code_of_unknown: what is returned for any other. */
adah_code adah_language_open(const char *name, adah_code code_of_unknown, adah_language *language, adah_status *status);
void adah_language_close(adah_language *language);

/* Takes one word, or a pair of words: pairs come behind their words. Returns 0 when memory is out. */
typedef int (*adah_take_word)(void *context, const char *word, size_t n_bytes, int is_pair);

/* One thread at a time; as long as its language. */
typedef struct adah_splitter {
    const adah_language *language;
    UBreakIterator *breaks;
    struct sb_stemmer *stemmer; /* NULL: none */
    UChar *text;
    size_t text_capacity;
    char pair[ADAH_PAIR_BYTES_MAX]; /* the word before, then a plus and the word */
    size_t n_before;                /* bytes of the word before; 0: the next starts anew */
    char *phrase;                   /* the different words of the phrase, NUL-terminated, */
    size_t n_phrase, phrase_capacity;
    size_t in_phrase[ADAH_PAIRED_WORDS_MAX], n_in_phrase; /* where each begins, in the order of their bytes */
    int is_phrase_long;                                   /* there are more */
    const UChar *piece;             /* the word at work, as the text has it */
    int32_t n_piece;
    char folded[ADAH_FOLDED_BYTES_MAX]; /* and folded, before it is stemmed */
    size_t n_folded;
} adah_splitter;

adah_code adah_splitter_open(const adah_language *language, adah_splitter *splitter, adah_status *status);
void adah_splitter_close(adah_splitter *splitter);
/* Hands over the words of a text in its order. ADAH_ERROR_ARGUMENT: it is no UTF-8, or larger than 2^30 bytes. */
adah_code adah_splitter_split(adah_splitter *splitter, const char *text, adah_take_word take, void *context, adah_status *status);
/* Hands over all of a text as one word, folded and not stemmed, if it has a letter or a number and at most ADAH_WORD_UNITS_MAX units.
 * Errors as before. */
adah_code adah_splitter_take_whole(adah_splitter *splitter, const char *text, adah_take_word take, void *context, adah_status *status);

#endif
