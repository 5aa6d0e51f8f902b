/* matlab_load.c - the table of the shared library, from its plugin libadah-matlab.so. */
#include "base/plugin.h"
#include "plugins/matlab/matlab.h"

#include <pthread.h>

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static const adah_matlab *found;
static adah_status fault;

static void load(void) {
    const void *table;
    if (adah_plugin_load("libadah-matlab.so", "adah_matlab_table", &table, &fault) != ADAH_OK)
        return;
    found = table;
    found->start();
}

adah_code adah_matlab_get(const adah_matlab **matlab, adah_status *status) {
    pthread_once(&loaded, load);
    if (!found)
        return adah_fail(status, fault.code, ".mat files cannot be read: %s", fault.message);
    *matlab = found;
    return ADAH_OK;
}
