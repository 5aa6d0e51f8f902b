/* stop_words.h - function words that say nothing about a picture. */
#ifndef ADAH_DATA_STOP_WORDS_H
#define ADAH_DATA_STOP_WORDS_H

/* The stop words of a language (Snowball name or ISO 639 code), folded but not stemmed, separated by spaces; ""
 * when there is no list for it. */
const char *adah_stop_words(const char *language);

#endif
