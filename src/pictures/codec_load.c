/* codec_load.c - the codec of the shared library: loads libadah-pictures.so, which lies beside libadah.so; where that is a
 * link, beside what it leads to; else wherever the loader finds it. */
#define _GNU_SOURCE
#include "pictures/codec.h"
#include "adah/adah.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPANION "libadah-pictures.so"

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static const adah_picture_codec *found;
static adah_status fault;

/* DIR/libadah.so.0 -> DIR/libadah-pictures.so, loaded; NULL: not there. Never closed: glib does not survive that. */
static void *load_beside(const char *library) {
    const char *slash = library ? strrchr(library, '/') : NULL;
    char path[PATH_MAX + sizeof COMPANION];
    if (!slash || (size_t)(slash - library) + sizeof COMPANION >= sizeof path)
        return NULL;
    snprintf(path, sizeof path, "%.*s/" COMPANION, (int)(slash - library), library);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void load(void) {
    Dl_info self = {0};
    char real[PATH_MAX];
    dladdr((void *)(uintptr_t)&adah_picture_codec_get, &self);
    void *library = load_beside(self.dli_fname);
    if (!library && self.dli_fname && realpath(self.dli_fname, real))
        library = load_beside(real);
    if (!library)
        library = dlopen(COMPANION, RTLD_NOW | RTLD_LOCAL);
    const adah_picture_codec *table = library ? dlsym(library, "adah_pictures") : NULL;
    if (!table)
        adah_fail(&fault, ADAH_ERROR_INTERNAL, "pictures cannot be read or written: %s", dlerror());
    else if (strcmp(table->version, ADAH_VERSION) != 0)
        adah_fail(&fault, ADAH_ERROR_INTERNAL, COMPANION " is of version %s, expected %s", table->version, ADAH_VERSION);
    else
        found = table;
}

adah_code adah_picture_codec_get(const adah_picture_codec **codec, adah_status *status) {
    pthread_once(&loaded, load);
    if (!found)
        return adah_fail(status, fault.code, "%s", fault.message);
    *codec = found;
    return found->start(status);
}
