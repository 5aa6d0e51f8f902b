/* image_folder.h - opening files of the folder of pictures, or of tar files in it, and no others. */
#ifndef ADAH_SERVER_IMAGE_FOLDER_H
#define ADAH_SERVER_IMAGE_FOLDER_H

#include "server.h"

#include <sys/stat.h>

/* A picture's file, or the part of a tar file that is one. */
typedef struct serve_picture_file {
    int fd;
    uint64_t offset;
    struct stat info; /* of the file, but st_size is that of the picture */
} serve_picture_file;

/* 1: a name that could be a picture under the folder: relative, without "..", NUL and empty parts. */
int serve_is_safe_name(const char *name);
/* Opens a regular file below the folder for reading, following no link out of it. -1: cannot be. by_kernel 0: without
 * openat2. */
int serve_open_below(int folder, const char *folder_path, const char *name, int by_kernel);
int serve_is_tar_name(const char *name, size_t n_bytes); /* 1: it ends as that of a tar file */
/* The file of a name below the folder, which may lead into a tar file. 1: *file is open, to be closed by serve_close_file; 0: it cannot be. Links out
 * of the folder are followed where `follows_links`, for names that are in the index. */
int serve_open_picture(const serve_server *server, const char *name, int follows_links, serve_picture_file *file);
void serve_close_file(serve_picture_file *file);
/* 1: a link leads from this name to a file outside the folder. */
int serve_leads_out(const serve_server *server, const char *name);
/* Tells on stderr when the folder holds none of the pictures of the index that are looked for. */
void serve_tell_missing_pictures(const serve_server *server, const adah_index *index);

#endif
