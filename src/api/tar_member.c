/* tar_member.c - over base/tar_file.h. */
#include "base/status.h"
#include "base/tar_file.h"

#include <adah/adah.h>

adah_code adah_tar_member_find(int tar, const char *name, uint64_t *offset, uint64_t *n_bytes, adah_status *status) {
    adah_tar_place place;
    if (tar < 0 || !name || !offset || !n_bytes)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adah_tar_member_find: tar must be open, name, offset and n_bytes must not be NULL");
    ADAH_TRY(adah_tar_find(tar, "the tar file", name, &place, status));
    *offset = place.offset;
    *n_bytes = place.n_bytes;
    return ADAH_OK;
}
