/* postings.h - an inverted list: sorted words, and of each the records that hold it. One block of bytes, a section of a segment.
 *
 * docs/reference/index-format.md has the layout. Whoever may write the file can change the bytes at any moment: each is read once, and
 * checked as it was read. */
#ifndef ADAH_INDEX_POSTINGS_H
#define ADAH_INDEX_POSTINGS_H

#include "base/status.h"
#include "index/index_words.h"

/* A list as it lies in the file. */
typedef struct adah_postings {
    char language[ADAH_LANGUAGE_BYTES];
    uint64_t n_words, n_blocks, n_records, n_data;
    const uint64_t *starts; /* of the blocks in the data: n_blocks */
    const uint8_t *data;
} adah_postings;

/* The records of a word, from one to the next. */
typedef struct adah_posting {
    uint64_t n;        /* records in all */
    uint64_t n_left, next; /* next: the least that may come */
    const uint8_t *at, *end;
} adah_posting;

/* Looks at the head of n_bytes bytes about n_records records. ADAH_ERROR_CORRUPT: they are no list. */
adah_code adah_postings_view(const uint8_t *bytes, uint64_t n_bytes, uint64_t n_records, adah_postings *postings, adah_status *status);
/* 1: the word is there; 0: it is not; -1: damaged. */
int adah_postings_find(const adah_postings *postings, const char *word, size_t n_word, adah_posting *posting);
/* 1: *record is the next, ascending; 0: there is none left; -1: damaged. */
int adah_posting_next(const adah_postings *postings, adah_posting *posting, uint64_t *record);
/* Sets `bit` in words[i] for every record first + i that is left of the list and below first + n, and goes behind them. No record before
 * `first` may be left. *next: the record behind them, which is taken from the list; it is the one to begin with. UINT64_MAX: there is none. 0: damaged. */
int adah_posting_mark(const adah_postings *postings, adah_posting *posting, uint64_t *next, uint64_t first, size_t n, uint64_t *words,
                      uint64_t bit);
/* Everything. */
adah_code adah_postings_verify(const adah_postings *postings, adah_status *status);

/* Makes a list of n_words distinct words, none longer than ADAH_WORD_BYTES_MAX. records: of one record after another, how many words it
 * has and their numbers, without repeats: n numbers in all. *bytes by adah_memory_free. */
adah_code adah_postings_build(const char *language, const char *const *word, size_t n_words, const uint32_t *records, size_t n,
                              uint8_t **bytes, size_t *n_bytes, adah_status *status);

#endif
