/* tags_load.c - the table of the shared library, from its plugin libadah-tags.so. */
#include "base/plugin.h"
#include "plugins/tags/tags.h"

#include <pthread.h>

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static const adah_picture_tags *found;
static adah_status fault;

static void load(void) {
    const void *table;
    if (adah_plugin_load("libadah-tags.so", "adah_tags_table", &table, &fault) != ADAH_OK)
        return;
    found = table;
    found->start();
}

adah_code adah_picture_tags_get(const adah_picture_tags **tags, adah_status *status) {
    pthread_once(&loaded, load);
    if (!found)
        return adah_fail(status, fault.code, "%s", fault.message);
    *tags = found;
    return ADAH_OK;
}
