/* findings.h - the texts and labels that were found for one picture, before they become a record. */
#ifndef ADAH_DATA_FINDINGS_H
#define ADAH_DATA_FINDINGS_H

#include "base/text.h"

/* Zero-initialise. */
typedef struct adah_findings {
    adah_text texts, labels; /* each item with a NUL behind it */
    int failed;              /* memory ran out */
} adah_findings;

/* 1: valid UTF-8. */
int adah_findings_is_utf8(const char *bytes, size_t n_bytes);
/* Takes what lies between blanks, unless that is nothing or there already. What is not UTF-8 is taken for Latin-1; what holds a NUL ends there. */
void adah_findings_add_text(adah_findings *f, const char *bytes, size_t n_bytes);
void adah_findings_add_label(adah_findings *f, const char *bytes, size_t n_bytes);
/* The levels of a hierarchy ("Places|Italy", "Places/Italy") as a label each. */
void adah_findings_add_hierarchy(adah_findings *f, const char *bytes, size_t n_bytes);
void adah_findings_clear(adah_findings *f);
void adah_findings_free(adah_findings *f);

#endif
