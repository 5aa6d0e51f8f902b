/* reasons.c - messages sorted by place as they come; no memory is taken. */
#include "base/reasons.h"

#include <stdio.h>
#include <string.h>

void adah_reasons_add(adah_reasons *r, size_t place, const char *message) {
    size_t n = r->n < ADAH_REASONS ? r->n : ADAH_REASONS, at = n;
    r->n++;
    while (at > 0 && r->place[at - 1] > place)
        at--;
    if (at == ADAH_REASONS)
        return;
    if (n == ADAH_REASONS)
        n--; /* the last one makes room */
    memmove(r->text[at + 1], r->text[at], (n - at) * sizeof r->text[0]);
    memmove(&r->place[at + 1], &r->place[at], (n - at) * sizeof r->place[0]);
    r->place[at] = place;
    size_t n_bytes = strlen(message);
    if (n_bytes >= ADAH_REASON_BYTES) {
        n_bytes = ADAH_REASON_BYTES - 1;
        while (n_bytes && ((unsigned char)message[n_bytes] & 0xc0) == 0x80)
            n_bytes--; /* not within a letter */
    }
    char *text = r->text[at];
    memcpy(text, message, n_bytes);
    text[n_bytes] = '\0';
    for (; *text; text++)
        if (*text == '\n' || *text == '\r')
            *text = ' ';
}

void adah_reasons_join(const adah_reasons *r, char joined[ADAH_REASONS_BYTES]) {
    size_t used = 0;
    joined[0] = '\0';
    for (size_t i = 0; i < ADAH_REASONS && i < r->n; i++)
        used += (size_t)snprintf(joined + used, ADAH_REASONS_BYTES - used, "%s%s", i ? "\n" : "", r->text[i]);
}

int adah_reasons_first(const char *joined) { return (int)strcspn(joined, "\n"); }
