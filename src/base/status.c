/* status.c - formats the one message that a failed call leaves behind. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

adah_code adah_fail(adah_status *status, adah_code code, const char *format, ...) {
    if (status) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(status->message, sizeof status->message, format, arguments);
        va_end(arguments);
        status->code = code;
        status->system_error = 0;
    }
    return code;
}

adah_code adah_fail_system(adah_status *status, const char *path, const char *what) {
    const int reason = errno;
    const adah_code code = reason == ENOENT || reason == ENOTDIR ? ADAH_ERROR_NOT_FOUND : ADAH_ERROR_IO;
    adah_fail(status, code, "%s: %s: %s", path, what, strerror(reason));
    if (status)
        status->system_error = reason;
    return code;
}

adah_code adah_fail_memory(adah_status *status, size_t n_bytes) {
    return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory: could not allocate %zu bytes", n_bytes);
}

const char *adah_code_name(adah_code code) {
    switch (code) {
    case ADAH_OK: return "ok";
    case ADAH_ERROR_ARGUMENT: return "argument";
    case ADAH_ERROR_IO: return "io";
    case ADAH_ERROR_FORMAT: return "format";
    case ADAH_ERROR_MISMATCH: return "mismatch";
    case ADAH_ERROR_MEMORY: return "memory";
    case ADAH_ERROR_CANCELLED: return "cancelled";
    case ADAH_ERROR_INTERNAL: return "internal";
    case ADAH_ERROR_UNCERTAIN: return "uncertain";
    case ADAH_ERROR_BUSY: return "busy";
    case ADAH_ERROR_NOT_FOUND: return "not found";
    case ADAH_ERROR_EXISTS: return "exists";
    case ADAH_ERROR_NO_KNOWN_WORD: return "no known word";
    case ADAH_ERROR_CORRUPT: return "corrupt";
    }
    return "unknown";
}
