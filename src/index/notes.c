/* notes.c - see notes.h. */
#include "index/notes.h"
#include "base/memory.h"

#include <string.h>

enum { HEAD_BYTES = 8, ALIGNMENT = 4 };

static size_t padded(size_t n_bytes) { return (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

int adah_notes_add(adah_notes *notes, const adah_note *note) {
    const uint32_t head[2] = {(uint32_t)strlen(note->name), (uint32_t)note->n_bytes};
    const size_t n = padded(sizeof head + head[0] + 1 + note->n_bytes);
    if (notes->capacity - notes->n_bytes < n) {
        const size_t capacity = 2 * notes->capacity + n;
        uint8_t *bytes = adah_memory_resize(notes->bytes, capacity, 1);
        if (!bytes)
            return 0;
        notes->bytes = bytes;
        notes->capacity = capacity;
    }
    uint8_t *to = notes->bytes + notes->n_bytes;
    memset(to, 0, n);
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, note->name, head[0]);
    if (note->n_bytes)
        memcpy(to + sizeof head + head[0] + 1, note->bytes, note->n_bytes);
    notes->n_bytes += n;
    return 1;
}

int adah_notes_next(const uint8_t *bytes, size_t n_bytes, size_t *at, adah_note *note) {
    uint32_t head[2];
    if (*at == n_bytes)
        return 0;
    if (*at > n_bytes || n_bytes - *at < HEAD_BYTES)
        return -1;
    memcpy(head, bytes + *at, sizeof head);
    if (head[0] == 0 || head[0] > ADAH_NOTE_NAME_BYTES_MAX || head[1] > ADAH_NOTE_BYTES_MAX ||
        padded(HEAD_BYTES + head[0] + 1 + (size_t)head[1]) > n_bytes - *at)
        return -1;
    note->name = (const char *)bytes + *at + HEAD_BYTES;
    note->bytes = bytes + *at + HEAD_BYTES + head[0] + 1;
    note->n_bytes = head[1];
    if (memchr(note->name, '\0', head[0] + 1) != note->name + head[0])
        return -1;
    *at += padded(HEAD_BYTES + head[0] + 1 + (size_t)head[1]);
    return 1;
}

/* Calls `take` with each note of a segment: of a copy, which lives until this returns. take: 0: memory is out. */
static adah_code each_note(const adah_segment *s, int (*take)(void *context, const adah_note *note), void *context,
                           adah_status *status) {
    const adah_index_section *x = s->section[ADAH_SECTION_NOTES];
    if (!x)
        return ADAH_OK;
    uint8_t *copy = adah_memory_alloc((size_t)x->n_bytes);
    if (!copy)
        return adah_fail_memory(status, (size_t)x->n_bytes);
    memcpy(copy, s->bytes + x->offset, (size_t)x->n_bytes);
    size_t at = 0;
    adah_code code = ADAH_OK;
    for (int found = 1; found && code == ADAH_OK;) {
        adah_note note;
        found = adah_notes_next(copy, (size_t)x->n_bytes, &at, &note);
        if (found < 0)
            code = adah_index_fail_damaged(s->path, status, "a note of segment %llu is not whole",
                                           (unsigned long long)s->header.number);
        else if (found && !take(context, &note))
            code = adah_fail_memory(status, note.n_bytes);
    }
    adah_memory_free(copy);
    return code;
}

static int count(void *context, const adah_note *note) {
    (void)note;
    ++*(size_t *)context;
    return 1;
}

adah_code adah_notes_verify(const adah_segment *segment, adah_status *status) {
    size_t n = 0;
    return each_note(segment, count, &n, status);
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
        ADAH_TRY(each_note(x->view[i].segment, count, &n, status));
    collector c = {notes, n > ADAH_INDEX_NOTES_KEPT ? n - ADAH_INDEX_NOTES_KEPT : 0};
    for (size_t i = 0; i < x->n_segments; i++)
        ADAH_TRY(each_note(x->view[i].segment, collect, &c, status));
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
        code = each_note(x->view[i].segment, find, &f, status);
    code = adah_index_checked(x, code, status);
    if (code != ADAH_OK) {
        adah_memory_free(f.bytes);
        return code;
    }
    *bytes = f.bytes;
    *n_bytes = f.n_bytes;
    return ADAH_OK;
}
