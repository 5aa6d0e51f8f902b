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
