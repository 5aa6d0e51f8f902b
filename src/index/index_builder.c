/* index_builder.c - a file's front, its first segment, and publishing both. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "index/index_builder.h"
#include "base/memory.h"
#include "index/index_marks.h"
#include "index/segment_writer.h"

#include <string.h>
#include <xxhash.h>

struct adah_index_builder {
    char *path;
    adah_file_writer *file;
    adah_segment_writer *segment;
    adah_label_set labels;
    adah_word_reader *reader;
    uint64_t next_id;
    const uint8_t *notes; /* not owned */
    size_t n_note_bytes;
    adah_index_header header;
};

adah_code adah_index_builder_create(const char *path, size_t n_bits, const uint8_t *model_identity, const char *language,
                                    adah_index_builder **builder, adah_status *status) {
    adah_index_builder *b = adah_memory_zeroed(1, sizeof *b);
    if (!b)
        return adah_fail_memory(status, sizeof *b);
    memcpy(b->header.magic, adah_index_magic, sizeof b->header.magic);
    b->header.version = ADAH_INDEX_VERSION;
    b->header.n_bits = (uint32_t)n_bits;
    memcpy(b->header.model_identity, model_identity, ADAH_MODEL_IDENTITY_BYTES);
    b->path = adah_memory_text(path);
    static const uint8_t front[ADAH_INDEX_FRONT_BYTES];
    adah_code code = b->path ? adah_file_create(path, &b->file, status) : adah_fail_memory(status, strlen(path) + 1);
    if (code == ADAH_OK) {
        adah_file_replace_any(b->file); /* who asks for an index has looked at what it replaces */
        code = adah_file_put(b->file, front, sizeof front, status);
    }
    if (code == ADAH_OK)
        code = adah_word_reader_create(language, &b->reader, status);
    if (code == ADAH_OK)
        code = adah_segment_writer_create(b->path, n_bits, (const size_t[2]){0, 0}, &b->labels, b->reader, b->file, &b->segment, status);
    if (code != ADAH_OK) {
        adah_index_builder_abort(b);
        return code;
    }
    *builder = b;
    return ADAH_OK;
}

void adah_index_builder_abort(adah_index_builder *b) {
    if (!b)
        return;
    adah_file_abort(b->file);
    adah_segment_writer_close(b->segment);
    adah_label_set_free(&b->labels);
    adah_word_reader_close(b->reader);
    adah_memory_free(b->path);
    adah_memory_free(b);
}

adah_code adah_index_builder_add(adah_index_builder *b, const adah_index_item *item, adah_status *status) {
    const uint64_t id = item->id == ADAH_NO_ID ? b->next_id : item->id;
    ADAH_TRY(adah_segment_writer_add(b->segment, item, id, status));
    b->next_id = id + 1;
    return ADAH_OK;
}

void adah_index_builder_set_notes(adah_index_builder *b, const uint8_t *notes, size_t n_bytes) {
    b->notes = notes;
    b->n_note_bytes = n_bytes;
}

static adah_code finish(adah_index_builder *b, uint64_t next_id, adah_status *status) {
    const adah_segment_place place = {.next_id = next_id > b->next_id ? next_id : b->next_id,
                                      .notes = b->notes,
                                      .n_note_bytes = b->n_note_bytes,
                                      .with_tables = 1};
    ADAH_TRY(adah_segment_writer_finish(b->segment, &place, NULL, NULL, status));
    const adah_index_segment_header *first = adah_segment_writer_header(b->segment);
    b->header.file_number = first->file_number;
    b->header.checksum = XXH3_64bits(&b->header, sizeof b->header); /* with zero in its place */
    const adah_index_mark mark = adah_index_make_mark(first->file_number, 1, adah_file_position(b->file), first->checksum, 0);
    ADAH_TRY(adah_file_patch(b->file, adah_index_mark_place(1), &mark, sizeof mark, status));
    return adah_file_patch(b->file, 0, &b->header, sizeof b->header, status);
}

adah_code adah_index_builder_publish(adah_index_builder *b, uint64_t next_id, int *fd, adah_status *status) {
    adah_code code = finish(b, next_id, status);
    if (code == ADAH_OK) {
        code = adah_file_commit_locked(b->file, fd, status);
        b->file = NULL;
    }
    adah_index_builder_abort(b);
    return code;
}
