/* sized_options.h - what the caller of a public function chose, made whole. */
#ifndef ADAH_BASE_SIZED_OPTIONS_H
#define ADAH_BASE_SIZED_OPTIONS_H

#include "base/status.h"

/* Fills *full, the struct of that kind as it is today: with the defaults, and with what `given` has, which begins with its size. NULL: the
 * defaults alone. ADAH_ERROR_ARGUMENT: a size that no version of the struct has had. */
adah_code adah_options_take(adah_options_kind kind, const void *given, void *full, adah_status *status);

/* The same for any struct: name for messages; sizes: those that it has had, ascending, 0 behind the last, which is today's and that of
 * defaults. */
typedef struct adah_options_type {
    const char *name;
    const void *defaults;
    size_t sizes[8];
} adah_options_type;
adah_code adah_options_copy(const adah_options_type *type, const void *given, void *full, adah_status *status);

#endif
