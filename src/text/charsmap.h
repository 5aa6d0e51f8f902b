/* charsmap.h - the table by which SentencePiece's tokenizers normalise a text ("Precompiled"). */
#ifndef ADAH_TEXT_CHARSMAP_H
#define ADAH_TEXT_CHARSMAP_H

#include "base/status.h"
#include "base/text.h"

/* Zero-initialise. A tree of bytes in an array of units, and the texts that its leaves lead to. */
typedef struct adah_charsmap {
    uint32_t *unit;
    size_t n_units;
    char *texts; /* each ends with a NUL */
    size_t n_texts;
} adah_charsmap;

/* From base64. `where` is for messages. */
adah_code adah_charsmap_read(const char *base64, size_t n_bytes, const char *where, adah_charsmap *map, adah_status *status);
void adah_charsmap_free(adah_charsmap *map); /* zeroes it */

/* Adds what a text becomes. */
adah_code adah_charsmap_apply(const adah_charsmap *map, const char *text, size_t n_bytes, adah_text *out, adah_status *status);

#endif
