/* matlab_linked.c - the table where matio is linked: static libraries, tests. */
#include "plugins/matlab/matlab.h"

#include <pthread.h>

adah_code adah_matlab_get(const adah_matlab **matlab, adah_status *status) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)status;
    pthread_once(&once, adah_matlab_table.start);
    *matlab = &adah_matlab_table;
    return ADAH_OK;
}
