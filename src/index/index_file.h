/* index_file.h - writing and reading a collection file: codes of images and texts with what a search shows of them.
 */
#ifndef ADAH_INDEX_INDEX_FILE_H
#define ADAH_INDEX_INDEX_FILE_H

#include "base/status.h"

/* ---- writing ---- */

enum { ADAH_MODEL_IDENTITY_BYTES = 16 };

typedef struct adah_index_builder adah_index_builder;

/* Begins a collection that adah_index_builder_publish will put at `path`. model_identity: 16 bytes. */
adah_code adah_index_builder_create(const char *path, size_t n_bits, const uint8_t *model_identity,
                                    adah_index_builder **builder, adah_status *status);
/* Adds the next record. label: n_labels names in any order, repeats count once. image_code, text_code: n_bits / 8
 * bytes, or NULL when there is none; one of them must be there. After ADAH_ERROR_IO or ADAH_ERROR_MEMORY the builder
 * can only be aborted. */
adah_code adah_index_builder_add(adah_index_builder *builder, const char *file_name, const char *text,
                                 const char *const *label, size_t n_labels, const uint8_t *image_code,
                                 const uint8_t *text_code, adah_status *status);
/* Makes the file appear, whole. Frees the builder, also on failure. */
adah_code adah_index_builder_publish(adah_index_builder *builder, adah_status *status);
void adah_index_builder_abort(adah_index_builder *builder); /* removes what was written; NULL is fine */

/* ---- reading, beside what adah.h has ---- */

/* The codes of one modality and how many; NULL when the collection has none. */
const uint8_t *adah_index_codes(const adah_index *index, adah_modality modality, size_t *n_codes);
/* The record of the code at `position`. */
adah_code adah_index_record_of(const adah_index *index, adah_modality modality, size_t position, uint64_t *record,
                               adah_status *status);

#endif
