/* algebra_load.c - the table of the shared library, from its plugin libadah-algebra.so. */
#include "base/plugin.h"
#include "plugins/algebra/algebra.h"

#include <pthread.h>

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static const adah_algebra *found;
static adah_status fault;

static void load(void) {
    const void *table;
    if (adah_plugin_load("libadah-algebra.so", "adah_algebra_table", &table, &fault) == ADAH_OK)
        found = table;
}

adah_code adah_algebra_get(const adah_algebra **algebra, adah_status *status) {
    pthread_once(&loaded, load);
    if (!found)
        return adah_fail(status, fault.code, "shallow methods cannot be learned: %s", fault.message);
    *algebra = found;
    return ADAH_OK;
}
