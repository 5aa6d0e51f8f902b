/* image_folder.h - opening files of the folder of pictures, and no others. */
#ifndef ADAH_SERVER_IMAGE_FOLDER_H
#define ADAH_SERVER_IMAGE_FOLDER_H

#include "server.h"

/* 1: a name that could be a picture under the folder: relative, without "..", NUL and empty parts. */
int serve_is_safe_name(const char *name);
/* Opens a regular file below the folder for reading, following no link out of it. -1: cannot be. by_kernel 0: without
 * openat2. */
int serve_open_below(int folder, const char *folder_path, const char *name, int by_kernel);
/* The same of a name that is in the index, following links. */
int serve_open_picture(const serve_server *server, const char *name);
/* 1: a link leads from this name to a file outside the folder. */
int serve_leads_out(const serve_server *server, const char *name);
/* Tells on stderr when the folder holds none of the pictures of the index that are looked for. */
void serve_tell_missing_pictures(const serve_server *server, const adah_index *index);

#endif
