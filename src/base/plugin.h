/* plugin.h - the plugins of libadah.so: libraries that hold what only some runs need and whose own libraries take long
 * to load. */
#ifndef ADAH_BASE_PLUGIN_H
#define ADAH_BASE_PLUGIN_H

#include "base/status.h"

/* Loads `library` ("libadah-NAME.so"), which lies beside libadah.so, and finds the table `symbol` in it. The table begins with
 * a `const char *version`, which must be ADAH_VERSION. Loaded libraries are never closed: glib does not survive that. */
adah_code adah_plugin_load(const char *library, const char *symbol, const void **table, adah_status *status);

#endif
