/* method.c - methods by name. */
#include "settings/method.h"

#include <stdio.h>
#include <string.h>

const adah_method *adah_method_find(const char *name) {
    for (const adah_method *const *m = adah_methods; *m; m++)
        if (!strcmp((*m)->name, name))
            return *m;
    return NULL;
}

const char *adah_method_names(char text[ADAH_CHOICES_BYTES]) {
    int n = 0;
    for (const adah_method *const *m = adah_methods; *m && n < ADAH_CHOICES_BYTES; m++)
        n += snprintf(text + n, (size_t)(ADAH_CHOICES_BYTES - n), "%s%s", n ? "|" : "", (*m)->name);
    return text;
}
