/* tar_file.h - tar files as if they were folders: members are found by name, and read where they lie.
 *
 * "DIR/shard.tar/a/x.jpg" is the member "a/x.jpg" of the regular file DIR/shard.tar. A tar is gone through once a process, header by header;
 * what is kept of a member is its place and a hash of its name, 16 bytes. It is gone through again when its size or times are others.
 * Formats: ustar, pax, GNU, v7. Links, devices and sparse members have no bytes here, nor has a name that is absolute or has a part "..".
 * Any thread. */
#ifndef ADAH_BASE_TAR_FILE_H
#define ADAH_BASE_TAR_FILE_H

#include "base/status.h"

/* Where the bytes of a file are. */
typedef struct adah_tar_place {
    uint64_t offset, n_bytes;
} adah_tar_place;

/* Of each member but folders, in the order of the file. `why`: NULL, or why it has no bytes here; then `name` may be as it stands in the file.
 * Anything but ADAH_OK ends the walk. */
typedef adah_code (*adah_tar_tell)(void *context, const char *name, const char *why, adah_status *status);

/* Goes through a tar file. ADAH_ERROR_FORMAT: it is damaged or cut off, told after the members before. */
adah_code adah_tar_list(const char *path, adah_tar_tell tell, void *context, adah_status *status);
/* The last member of that name. ADAH_ERROR_NOT_FOUND: there is none. `path` is for messages. */
adah_code adah_tar_find(int fd, const char *path, const char *name, adah_tar_place *place, adah_status *status);

/* 1: the path ends like that of a tar file, ".tar". */
int adah_tar_is_named(const char *path, size_t n_bytes);
/* The bytes of the path of the regular file `path` leads into, "DIR/shard.tar" of it; 0: it leads into none. */
size_t adah_tar_prefix(const char *path);

#endif
