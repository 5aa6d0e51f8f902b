/* codec_load.c - the codec of the shared library, from its plugin libadah-pictures.so. */
#include "base/plugin.h"
#include "plugins/pictures/codec.h"

#include <pthread.h>

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static const adah_picture_codec *found;
static adah_status fault;

static void load(void) {
    const void *table;
    if (adah_plugin_load("libadah-pictures.so", "adah_pictures", &table, &fault) == ADAH_OK)
        found = table;
}

adah_code adah_picture_codec_get(const adah_picture_codec **codec, adah_status *status) {
    pthread_once(&loaded, load);
    if (!found)
        return adah_fail(status, fault.code, "pictures cannot be read or written: %s", fault.message);
    *codec = found;
    return found->start(status);
}
