/* file.h - reading by memory map, writing by temporary file, fsync and rename.
 *
 * A file that other programs read is never edited in place: it is written under a temporary name in the
 * same folder and renamed when it is whole and on disk, so a reader sees the old file or the new one. */
#ifndef ADAH_BASE_FILE_H
#define ADAH_BASE_FILE_H

#include "base/status.h"

typedef struct adah_file_map {
    const uint8_t *bytes; /* NULL when n_bytes is 0 */
    size_t n_bytes;
    struct adah_file_watch *watch; /* what adah_file_check_map asks; NULL: nothing */
} adah_file_map;

/* Maps a regular file read-only, under a guard (base/guard.h). Errors: ADAH_ERROR_IO with path and reason. A number that steers an
 * access must be read once: another program may change the file at any moment. */
adah_code adah_file_open_map(const char *path, adah_file_map *map, adah_status *status);
/* After bytes were read, and before what was made of them is used: `code`, what that came to, unless the file has been cut off or
 * cannot be read, so that some of the bytes may have been zeros; then ADAH_ERROR_IO, whose message takes the place of any other. Any
 * thread; fine on a zeroed map. */
adah_code adah_file_check_map(const adah_file_map *map, adah_code code, adah_status *status);
void adah_file_close_map(adah_file_map *map); /* zeroes *map; fine on a zeroed one */

/* Gives back the memory of what lies before `offset` in a map that is gone through from front to back; *n_released (at first 0)
 * is how far that went. The bytes can still be read, from the file again. */
void adah_file_release(const adah_file_map *map, size_t offset, size_t *n_released);

/* Reads a whole regular file of at most max_bytes into memory the caller frees; a NUL byte is added behind. ADAH_ERROR_IO also when its
 * size changes meanwhile. The path may lead into a tar file (base/tar_file.h). */
adah_code adah_file_read(const char *path, size_t max_bytes, uint8_t **bytes, size_t *n_bytes, adah_status *status);

/* A file in the making. Put bytes, then commit (publish) or abort (remove); both close and free it. */
typedef struct adah_file_writer adah_file_writer;
/* Where a link is, the file is put where it leads, and the link stays. A link that leads nowhere, and what is there and is no regular
 * file (a folder, a pipe, a device), is an error. */
adah_code adah_file_create(const char *path, adah_file_writer **writer, adah_status *status);
/* Without this, committing fails where an index or a safetensors file would be replaced by a file of another kind. */
void adah_file_replace_any(adah_file_writer *writer);
/* Whether a file of a kind could be put there, as far as these two rules go: told before the work of hours that makes it. */
typedef enum adah_file_kind { ADAH_FILE_OF_ANY_KIND, ADAH_FILE_SAFETENSORS, ADAH_FILE_OF_OTHER_KIND } adah_file_kind;
adah_code adah_file_check_place(const char *path, adah_file_kind kind, adah_status *status);
adah_code adah_file_put(adah_file_writer *writer, const void *bytes, size_t n_bytes, adah_status *status);
uint64_t adah_file_position(const adah_file_writer *writer); /* bytes put so far */
/* Leaves room for bytes that adah_file_patch writes later. */
adah_code adah_file_skip(adah_file_writer *writer, uint64_t n_bytes, adah_status *status);
/* Bytes that were put or patched. */
adah_code adah_file_read_back(adah_file_writer *writer, uint64_t offset, void *bytes, size_t n_bytes, adah_status *status);
/* Overwrites bytes already put (a header whose sums are known only at the end). */
adah_code adah_file_patch(adah_file_writer *writer, uint64_t offset, const void *bytes, size_t n_bytes,
                          adah_status *status);
/* Syncs the file, renames it into place and syncs its folder. Only when that last sync fails, with an error that says so, the new file
 * is in place all the same, and a power cut may bring back the old one. */
adah_code adah_file_commit(adah_file_writer *writer, adah_status *status);
/* The same for files that belong together: all are on disk before the first is put in place. When a later one then cannot be put in
 * place, the error names both. Frees all. */
adah_code adah_file_commit_all(adah_file_writer *const *writers, size_t n, adah_status *status);
/* adah_file_commit with a flock on the new file from before it appears: *fd is it, open for reading and writing. Its owner and mode are
 * those of the file that it takes the place of. */
adah_code adah_file_commit_locked(adah_file_writer *writer, int *fd, adah_status *status);
void adah_file_abort(adah_file_writer *writer); /* NULL is fine */
/* Removes the temporary files of writers of `path` that were killed. One whose writer lives is locked (flock) and stays. */
void adah_file_remove_leftovers(const char *path);

/* Sees that the name of a file is on disk: syncs the folder that it lies in. */
adah_code adah_file_sync_name(const char *path, adah_status *status);

/* Writes all n_bytes at an offset of an open file; path: for messages. */
adah_code adah_file_write_at(int fd, const char *path, const void *bytes, size_t n_bytes, uint64_t offset, adah_status *status);

/* create + put + commit. */
adah_code adah_file_publish(const char *path, const void *bytes, size_t n_bytes, adah_status *status);
/* The same, but an index or a safetensors file that is there stays when this is of another kind, as with adah_file_commit. */
adah_code adah_file_publish_of_kind(const char *path, const void *bytes, size_t n_bytes, adah_status *status);

/* Creates a folder and its parents; an existing one is fine. */
adah_code adah_file_make_folder(const char *path, adah_status *status);

/* Both follow a path into a tar file. */
int adah_file_exists(const char *path);
struct stat;
int adah_file_look(const char *path, struct stat *info); /* as stat; of a member of a tar file its size, and the times of the tar file */
/* folder + "/" + name in memory the caller frees, NULL when memory is out; an absolute name stays as it is. */
char *adah_file_join(const char *folder, const char *name);
/* path with suffix behind it, in memory the caller frees; NULL when memory is out. */
char *adah_file_suffixed(const char *path, const char *suffix);

/* Tests only: from the n-th write on (1 = the next) every write fails as on a full disk; 0 turns it off. */
void adah_file_fault_at(uint64_t n);
int adah_file_fault_fired(void);

#endif
