/* cache_folder.c - the place given, else one of the user's. */
#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>

adah_code adah_cache_folder(const char *given, char **folder, adah_status *status) {
    const char *cache = given ? given : getenv("ADAH_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache)
        *folder = adah_memory_text(cache);
    else if (xdg && *xdg)
        *folder = adah_file_join(xdg, "adah");
    else if (home && *home)
        *folder = adah_file_join(home, ".cache/adah");
    else
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "no place for the cache: HOME is not set; give a cache folder, or name one by ADAH_CACHE");
    return *folder ? ADAH_OK : adah_fail_memory(status, 1);
}

adah_code adah_cache_make_folder(const char *folder, adah_status *status) {
    adah_status fault = {0};
    if (adah_file_make_folder(folder, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s; another folder for the cache can be given, or named by ADAH_CACHE", fault.message);
    return ADAH_OK;
}
