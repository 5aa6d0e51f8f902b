/* reasons.h - why things were left out: how many, and the messages of the first few by their place. */
#ifndef ADAH_BASE_REASONS_H
#define ADAH_BASE_REASONS_H

#include <adah/adah.h>

enum { ADAH_REASONS = 3, ADAH_REASON_BYTES = (ADAH_REASONS_BYTES - 1) / ADAH_REASONS };

/* Zero-initialise. */
typedef struct adah_reasons {
    size_t n; /* all that were added */
    size_t place[ADAH_REASONS];
    char text[ADAH_REASONS][ADAH_REASON_BYTES]; /* ascending by place; of the first min(n, ADAH_REASONS) */
} adah_reasons;

/* Counts one more and keeps its message, cut to ADAH_REASON_BYTES - 1 bytes at the end of a letter, line breaks as blanks, when
 * its place is among the first few. One thread at a time. */
void adah_reasons_add(adah_reasons *reasons, size_t place, const char *message);
/* The messages that are kept, a line each without a line break at the end; "" when there are none. */
void adah_reasons_join(const adah_reasons *reasons, char joined[ADAH_REASONS_BYTES]);
/* The bytes of the first line. */
int adah_reasons_first(const char *joined);

#endif
