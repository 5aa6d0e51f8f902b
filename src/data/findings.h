/* findings.h - the texts and labels that were found for one picture, and when and where it was taken, before they become a record. */
#ifndef ADAH_DATA_FINDINGS_H
#define ADAH_DATA_FINDINGS_H

#include "base/taken.h"
#include "base/text.h"

/* Who tells a date or a place: of several the first in this order counts. */
typedef enum adah_teller {
    ADAH_TOLD_BY_NONE,
    ADAH_TOLD_BY_CAMERA, /* EXIF: DateTimeOriginal, GPS */
    ADAH_TOLD_BY_SCANNER, /* EXIF: DateTimeDigitized */
    ADAH_TOLD_BY_XMP,
    ADAH_TOLD_BY_KEYS,   /* as of metadata, in a file beside the picture */
    ADAH_TOLD_BY_ALBUM   /* Google's Takeout */
} adah_teller;

/* Where the items of a long list are, by their hashes. */
typedef struct adah_findings_table {
    size_t *slot; /* [n_slots] 1 + the byte at which an item begins; 0: free */
    size_t n_slots, n_items, n_bytes; /* n_bytes: of the list that it is of; 0: of none */
} adah_findings_table;

/* Zero-initialise. */
typedef struct adah_findings {
    adah_text texts, labels; /* each item with a NUL behind it */
    adah_findings_table texts_table, labels_table;
    adah_taken taken;
    adah_teller date_teller, place_teller;
    unsigned source, date_source, place_source; /* source: of adah_source, the one that is asked now */
    int failed;              /* memory ran out */
} adah_findings;

/* 1: valid UTF-8. */
int adah_findings_is_utf8(const char *bytes, size_t n_bytes);
/* Takes what lies between blanks, unless that is nothing or there already. What is not UTF-8 is taken for Latin-1; what holds a NUL ends there. */
void adah_findings_add_text(adah_findings *f, const char *bytes, size_t n_bytes);
void adah_findings_add_label(adah_findings *f, const char *bytes, size_t n_bytes);
/* The levels of a hierarchy ("Places|Italy", "Places/Italy") as a label each. */
void adah_findings_add_hierarchy(adah_findings *f, const char *bytes, size_t n_bytes);
/* What is no date says nothing. */
void adah_findings_add_date(adah_findings *f, adah_teller teller, const char *bytes, size_t n_bytes);
/* Degrees; what is no place says nothing, and neither does 0, 0, which programs write that know none. */
void adah_findings_add_place(adah_findings *f, adah_teller teller, double latitude, double longitude);
void adah_findings_clear(adah_findings *f);
void adah_findings_free(adah_findings *f);

#endif
