/* metadata_path.h - file names as other programs and systems write them. */
#ifndef ADAH_DATA_METADATA_PATH_H
#define ADAH_DATA_METADATA_PATH_H

#include "base/text.h"
#include "data/dataset_reader.h"

/* NULL when the path stays inside the folder, else what is wrong with it. */
const char *adah_dataset_path_fault(adah_raw_text path);
/* The path in the one spelling that records have, in *path, which may point into *room then: "./a", "a//b" and "a/./b" without what says nothing,
 * backslashes as slashes unless there is a file with them in its name, and an absolute path inside the folder as one relative to it. 0: memory
 * ran out. */
int adah_dataset_path_resolve(const char *folder, adah_raw_text *path, adah_text *room);

#endif
