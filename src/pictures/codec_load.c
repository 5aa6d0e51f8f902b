/* codec_load.c - the codec of the shared library: loads libadah-pictures.so, which lies beside libadah.so. */
#define _GNU_SOURCE
#include "pictures/codec.h"
#include "adah/adah.h"
#include "base/memory.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#define COMPANION "libadah-pictures.so"

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static const adah_picture_codec *found;
static adah_status fault;

/* DIR/libadah.so.0 -> DIR/libadah-pictures.so. NULL: memory. */
static char *companion_path(void) {
    Dl_info self;
    if (!dladdr((void *)(uintptr_t)&adah_picture_codec_get, &self) || !self.dli_fname)
        return adah_memory_text(COMPANION);
    const char *slash = strrchr(self.dli_fname, '/');
    const size_t n_folder = slash ? (size_t)(slash - self.dli_fname) + 1 : 0;
    char *path = adah_memory_alloc(n_folder + sizeof COMPANION);
    if (path) {
        memcpy(path, self.dli_fname, n_folder);
        memcpy(path + n_folder, COMPANION, sizeof COMPANION);
    }
    return path;
}

static void load(void) {
    char *path = companion_path();
    if (!path) {
        adah_fail_memory(&fault, sizeof COMPANION);
        return;
    }
    /* Never closed: glib does not survive that. */
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const adah_picture_codec *table = library ? dlsym(library, "adah_pictures") : NULL;
    if (!table)
        adah_fail(&fault, ADAH_ERROR_INTERNAL, "pictures cannot be read or written: %s", dlerror());
    else if (strcmp(table->version, ADAH_VERSION) != 0)
        adah_fail(&fault, ADAH_ERROR_INTERNAL, "%s is of version %s, expected %s", path, table->version, ADAH_VERSION);
    else
        found = table;
    adah_memory_free(path);
}

adah_code adah_picture_codec_get(const adah_picture_codec **codec, adah_status *status) {
    pthread_once(&loaded, load);
    if (!found)
        return adah_fail(status, fault.code, "%s", fault.message);
    *codec = found;
    return found->start(status);
}
