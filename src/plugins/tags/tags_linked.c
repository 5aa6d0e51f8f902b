/* tags_linked.c - the table where libexiv2 is linked: static libraries, tests. */
#include "plugins/tags/tags.h"

#include <pthread.h>

#if ADAH_WITH_EXIV2
adah_code adah_picture_tags_get(const adah_picture_tags **tags, adah_status *status) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)status;
    pthread_once(&once, adah_tags_table.start);
    *tags = &adah_tags_table;
    return ADAH_OK;
}
#else
adah_code adah_picture_tags_get(const adah_picture_tags **tags, adah_status *status) {
    (void)tags;
    return adah_fail(status, ADAH_ERROR_INTERNAL, "built without libexiv2");
}
#endif
