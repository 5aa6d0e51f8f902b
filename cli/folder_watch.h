/* folder_watch.h - waits until something changes in a folder or below it. */
#ifndef ADAH_CLI_FOLDER_WATCH_H
#define ADAH_CLI_FOLDER_WATCH_H

#include <adah/adah.h>

typedef struct folder_watch folder_watch;

/* Watches from now on. own: a file whose changes do not count, with those whose names begin with its name, as an index that lies in the
 * folder. Both are copied. ADAH_ERROR_ARGUMENT: this system cannot tell of changes (inotify). */
adah_code folder_watch_open(const char *folder, const char *own, folder_watch **watch, adah_status *status);
void folder_watch_close(folder_watch *watch); /* NULL is fine */
/* Returns when something has changed since it was called last (or the watch was opened) and nothing has for two seconds, or not for a minute:
 * *is_changed 1. Or when is_stopped, asked twice a second, says so: 0. An error: changes can no longer be told. */
adah_code folder_watch_wait(folder_watch *watch, int (*is_stopped)(void *context), void *context, int *is_changed, adah_status *status);

#endif
