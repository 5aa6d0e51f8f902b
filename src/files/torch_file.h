/* torch_file.h - tensors as PyTorch writes them (.pth, .pt): a zip archive with a pickle (torch.save since 1.6), or the older form, one
 * pickle after another and the storages behind. The pickle is read by pickle.h; no code runs.
 *
 * Tensors of dictionaries in dictionaries are named by the keys with dots between, "state_dict.conv1.weight". What has no text for a
 * key, as the state of an optimiser, is passed over. */
#ifndef ADAH_FILES_TORCH_FILE_H
#define ADAH_FILES_TORCH_FILE_H

#include "base/file.h"
#include "files/stored_tensor.h"

typedef struct adah_torch_file adah_torch_file;

/* Does a file that begins so look like one of the two? A zip archive of something else is told from it when it is opened. */
int adah_torch_is_file(const uint8_t *bytes, size_t n_bytes);
adah_code adah_torch_file_open(const char *path, adah_torch_file **file, adah_status *status);
void adah_torch_file_close(adah_torch_file *file); /* NULL is fine */
size_t adah_torch_file_count(const adah_torch_file *file);
const adah_stored_tensor *adah_torch_file_at(const adah_torch_file *file, size_t i); /* in the order of the file */
const adah_file_map *adah_torch_file_map(const adah_torch_file *file);

#endif
