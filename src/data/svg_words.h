/* svg_words.h - what an SVG drawing says about itself. */
#ifndef ADAH_DATA_SVG_WORDS_H
#define ADAH_DATA_SVG_WORDS_H

#include "base/status.h"

/* From the RDF description inside the drawing; each "" when it is missing. Several values (keywords, names of
 * a creator) stand on lines of their own. */
typedef struct adah_svg_words {
    char *title, *creator, *keywords;
} adah_svg_words;

/* `name` is for the message. Nothing outside the bytes is looked at. */
adah_code adah_svg_read_words(const uint8_t *bytes, size_t n_bytes, const char *name, adah_svg_words *words,
                              adah_status *status);
void adah_svg_free_words(adah_svg_words *words); /* zeroes it */

#endif
