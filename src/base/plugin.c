/* plugin.c - a plugin lies beside libadah.so; where that is a link, beside what it leads to; else wherever the loader
 * finds it. */
#define _GNU_SOURCE
#include "base/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* DIR/libadah.so.0.2 -> DIR/NAME, loaded; NULL: not there. */
static void *load_beside(const char *library, const char *name) {
    const char *slash = library ? strrchr(library, '/') : NULL;
    char path[2 * PATH_MAX];
    if (!slash || (size_t)(slash - library) + 1 + strlen(name) >= sizeof path)
        return NULL;
    snprintf(path, sizeof path, "%.*s/%s", (int)(slash - library), library, name);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

adah_code adah_plugin_load(const char *name, const char *symbol, const void **table, adah_status *status) {
    Dl_info self = {0};
    char real[PATH_MAX];
    dladdr((void *)(uintptr_t)&adah_plugin_load, &self);
    void *library = load_beside(self.dli_fname, name);
    if (!library && self.dli_fname && realpath(self.dli_fname, real))
        library = load_beside(real, name);
    if (!library)
        library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    const void *found = library ? dlsym(library, symbol) : NULL;
    if (!found)
        return adah_fail(status, ADAH_ERROR_INTERNAL, "%s", dlerror());
    const char *version = *(const char *const *)found;
    if (strcmp(version, ADAH_VERSION) != 0)
        return adah_fail(status, ADAH_ERROR_INTERNAL, "%s is of version %s, expected %s", name, version, ADAH_VERSION);
    *table = found;
    return ADAH_OK;
}
