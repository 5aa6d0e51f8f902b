/* report_words.h - which records of a data set hold the words that a report asks with. */
#ifndef ADAH_API_REPORT_WORDS_H
#define ADAH_API_REPORT_WORDS_H

#include <adah/adah.h>

/* held[i] becomes 1 where the text or the labels of record[i] hold, by their stems, every word of the query that any of the n records
 * holds, else 0: as a search puts first what is written. */
adah_code adah_report_find_words(const adah_dataset *dataset, const size_t *record, size_t n, const char *language, const char *query, uint8_t *held,
                                 adah_status *status);

#endif
