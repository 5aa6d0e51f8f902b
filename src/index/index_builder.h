/* index_builder.h - writes a collection file at once: one segment, published whole. */
#ifndef ADAH_INDEX_INDEX_BUILDER_H
#define ADAH_INDEX_INDEX_BUILDER_H

#include "base/status.h"
#include "index/index_format.h"
#include "index/label_set.h"

enum { ADAH_MODEL_IDENTITY_BYTES = 16 };

typedef struct adah_index_builder adah_index_builder;

/* Begins a collection that adah_index_builder_publish will put at `path`. model_identity: 16 bytes. language: of the words of
 * its records (index_words.h). */
adah_code adah_index_builder_create(const char *path, size_t n_bits, const uint8_t *model_identity, const char *language,
                                    adah_index_builder **builder, adah_status *status);
/* Adds the next record; ids ascend. After ADAH_ERROR_IO or ADAH_ERROR_MEMORY the builder can only be aborted. */
adah_code adah_index_builder_add(adah_index_builder *builder, const adah_index_item *item, adah_status *status);
/* Notes to go along, as notes.h makes them; not owned, and needed until it is published. */
void adah_index_builder_set_notes(adah_index_builder *builder, const uint8_t *notes, size_t n_bytes);
/* next_id: at least that is the next free id. Makes the file appear, whole; *fd (or NULL): it, locked. Frees the
 * builder, also on failure. */
adah_code adah_index_builder_publish(adah_index_builder *builder, uint64_t next_id, int *fd, adah_status *status);
void adah_index_builder_abort(adah_index_builder *builder); /* removes what was written; NULL is fine */

#endif
