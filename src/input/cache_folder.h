/* cache_folder.h - where what was computed of data sets is kept. */
#ifndef ADAH_INPUT_CACHE_FOLDER_H
#define ADAH_INPUT_CACHE_FOLDER_H

#include "base/status.h"

/* given NULL: $ADAH_CACHE, else $XDG_CACHE_HOME/adah, else ~/.cache/adah. *folder to adah_memory_free. */
adah_code adah_cache_folder(const char *given, char **folder, adah_status *status);
/* Creates it where it is not there. */
adah_code adah_cache_make_folder(const char *folder, adah_status *status);

#endif
