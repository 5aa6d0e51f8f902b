/* index_notes.c - the notes of a collection: those of its segments, the newest last. */
#include "index/index_notes.h"
#include "base/memory.h"

#include <string.h>

static int count(void *context, const adah_note *note) {
    (void)note;
    ++*(size_t *)context;
    return 1;
}

typedef struct collector {
    adah_notes *notes;
    size_t n_left_out;
} collector;

static int collect(void *context, const adah_note *note) {
    collector *c = context;
    if (c->n_left_out) {
        c->n_left_out--;
        return 1;
    }
    return adah_notes_add(c->notes, note);
}

adah_code adah_notes_collect(const adah_index *x, adah_notes *notes, adah_status *status) {
    size_t n = 0;
    for (size_t i = 0; i < x->n_segments; i++)
        ADAH_TRY(adah_segment_each_note(x->view[i].segment, count, &n, status));
    collector c = {notes, n > ADAH_INDEX_NOTES_KEPT ? n - ADAH_INDEX_NOTES_KEPT : 0};
    for (size_t i = 0; i < x->n_segments; i++)
        ADAH_TRY(adah_segment_each_note(x->view[i].segment, collect, &c, status));
    return ADAH_OK;
}

typedef struct finder {
    const char *name;
    uint8_t *bytes; /* a copy with a zero behind it; NULL: not found */
    size_t n_bytes;
} finder;

static int find(void *context, const adah_note *note) {
    finder *f = context;
    if (strcmp(note->name, f->name) != 0)
        return 1;
    uint8_t *bytes = adah_memory_resize(f->bytes, note->n_bytes + 1, 1);
    if (!bytes)
        return 0;
    memcpy(bytes, note->bytes, note->n_bytes);
    bytes[note->n_bytes] = 0;
    f->bytes = bytes;
    f->n_bytes = note->n_bytes;
    return 1;
}

adah_code adah_index_note(const adah_index *x, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    finder f = {.name = name};
    adah_code code = ADAH_OK;
    for (size_t i = x->n_segments; i-- > 0 && !f.bytes && code == ADAH_OK;)
        code = adah_segment_each_note(x->view[i].segment, find, &f, status);
    code = adah_index_checked(x, code, status);
    if (code != ADAH_OK) {
        adah_memory_free(f.bytes);
        return code;
    }
    *bytes = f.bytes;
    *n_bytes = f.n_bytes;
    return ADAH_OK;
}
