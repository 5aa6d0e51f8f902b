/* status.h - how every function of the library reports what went wrong.
 *
 * A function that can fail returns an adah_code and takes an adah_status as its last argument. The message
 * is written once, where the fault is found, and passed up untouched. `status` may be NULL. */
#ifndef ADAH_BASE_STATUS_H
#define ADAH_BASE_STATUS_H

#include <adah/adah.h>

/* Writes code and message into *status (when not NULL) and returns code, so that a caller can
 * `return adah_fail(status, ADAH_ERROR_FORMAT, "%s: ...", path);`. */
adah_code adah_fail(adah_status *status, adah_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A call of the system that was just refused, by errno: ADAH_ERROR_IO, or ADAH_ERROR_NOT_FOUND where there is no such file; "PATH: WHAT:
 * why", and the errno. */
adah_code adah_fail_system(adah_status *status, const char *path, const char *what);

/* The one message for every failed allocation of n_bytes. */
adah_code adah_fail_memory(adah_status *status, size_t n_bytes);

/* Did a file not hold what it should? */
static inline int adah_is_bad_content(adah_code code) { return code == ADAH_ERROR_FORMAT || code == ADAH_ERROR_CORRUPT; }
/* That, or could it not be read at all? */
static inline int adah_is_unreadable(adah_code code) {
    return code == ADAH_ERROR_IO || code == ADAH_ERROR_NOT_FOUND || adah_is_bad_content(code);
}

/* Evaluates a call that returns adah_code and returns from the enclosing function when it failed.
 * Only for functions that hold nothing to release. */
#define ADAH_TRY(call)                      \
    do {                                    \
        adah_code adah_try_code_ = (call);  \
        if (adah_try_code_ != ADAH_OK)      \
            return adah_try_code_;          \
    } while (0)

#endif
