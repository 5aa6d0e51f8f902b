/* algebra_linked.c - the table where OpenBLAS is linked: static libraries, tests. */
#include "plugins/algebra/algebra.h"

adah_code adah_algebra_get(const adah_algebra **algebra, adah_status *status) {
    (void)status;
    *algebra = &adah_algebra_table;
    return ADAH_OK;
}
