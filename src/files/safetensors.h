/* safetensors.h - weight files: 8 bytes little-endian header length, a JSON header, raw tensors.
 *
 * Readers accept what the format's definition allows and refuse everything else with the reason: header length
 * beyond the file, bad JSON, duplicate names, offsets that overlap, leave holes or leave the file, sizes that do not
 * match shape and type. */
#ifndef ADAH_FILES_SAFETENSORS_H
#define ADAH_FILES_SAFETENSORS_H

#include "base/file.h"
#include "files/stored_tensor.h"

typedef struct adah_safetensors adah_safetensors;

adah_code adah_safetensors_open(const char *path, adah_safetensors **file, adah_status *status);
void adah_safetensors_close(adah_safetensors *file);
/* Tensors in the order of their data. */
size_t adah_safetensors_count(const adah_safetensors *file);
const adah_stored_tensor *adah_safetensors_at(const adah_safetensors *file, size_t i); /* NULL: i too large */
const adah_stored_tensor *adah_safetensors_find(const adah_safetensors *file, const char *name); /* NULL: none */
/* Who reads the bytes of tensors asks it afterwards (adah_file_check_map). */
const adah_file_map *adah_safetensors_map(const adah_safetensors *file);
/* A value of __metadata__, NULL when absent. */
const char *adah_safetensors_metadata(const adah_safetensors *file, const char *key);
/* Copies an F32, F16, BF16 or F64 tensor of exactly this shape into out; the error (MISMATCH) names file, tensor, found
 * and expected. */
adah_code adah_safetensors_read(const adah_safetensors *file, const char *name, adah_shape shape, float *out,
                                adah_status *status);

/* Writing: tensors in the order given, data aligned to 64 bytes by padding the header with spaces, published
 * atomically. metadata: n_metadata pairs key, value. The same input gives the same bytes. */
typedef struct adah_safetensors_item {
    const char *name;
    const char *type;
    adah_shape shape;
    const void *data;
    size_t n_bytes;
} adah_safetensors_item;
adah_code adah_safetensors_write(const char *path, const adah_safetensors_item *items, size_t n_items,
                                 const char *const *metadata, size_t n_metadata, adah_status *status);

#endif
