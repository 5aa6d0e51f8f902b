/* notes.h - what a batch keeps beside its records: a few bytes under a name, such as the answer that a request for the batch was
 * given (adah_index_writer_note). A section of the segment; docs/reference/index-format.md. */
#ifndef ADAH_INDEX_NOTES_H
#define ADAH_INDEX_NOTES_H

#include "base/status.h"

enum { ADAH_NOTE_NAME_BYTES_MAX = 255, ADAH_NOTE_BYTES_MAX = 1 << 16 };

/* Notes one after another, as in the section; zeroed at first, freed by adah_memory_free(bytes). */
typedef struct adah_notes {
    uint8_t *bytes;
    size_t n_bytes, capacity;
} adah_notes;

typedef struct adah_note {
    const char *name;
    const uint8_t *bytes;
    size_t n_bytes;
} adah_note;

int adah_notes_add(adah_notes *notes, const adah_note *note); /* 0: memory is out */
/* The note at *at, which moves on to the next. 0: there is none; -1: damaged. */
int adah_notes_next(const uint8_t *bytes, size_t n_bytes, size_t *at, adah_note *note);

#endif
