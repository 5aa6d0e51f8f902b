/* word_lists.h - the words of a data set's texts, looked up once. */
#ifndef ADAH_INPUT_WORD_LISTS_H
#define ADAH_INPUT_WORD_LISTS_H

#include "base/lists.h"
#include "data/vocabulary.h"

/* Words are ascending positions in the vocabulary, without repeats. */
typedef struct adah_word_lists {
    adah_lists item; /* a list an item: the words of all its texts */
    /* Where some item has several texts: those of item i are the lists first[i] up to first[i + 1] of `text`; an item of one
     * text has none here. Else NULL. */
    size_t *first;
    adah_lists text;
} adah_word_lists;

adah_code adah_word_lists_create(const adah_dataset *dataset, const adah_vocabulary *vocabulary, adah_word_lists *words,
                                 adah_status *status);
void adah_word_lists_free(adah_word_lists *words); /* zeroes it; fine on a zeroed one */

/* A list an item, of those of its words that have keep[word]; keep NULL: of all. */
adah_code adah_words_look_up(const adah_dataset *dataset, const adah_vocabulary *vocabulary, const uint8_t *keep, adah_lists *words,
                             adah_status *status);

#endif
