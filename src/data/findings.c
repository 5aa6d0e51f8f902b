/* findings.c - two lists, cleaned as they grow. */
#include "data/findings.h"
#include "base/memory.h"

#include <string.h>
#include <unicode/ustring.h>
#include <xxhash.h>

enum { SHORT_BYTES = 4096, SLOTS_MIN = 512 };

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int adah_findings_is_utf8(const char *bytes, size_t n_bytes) {
    UErrorCode error = U_ZERO_ERROR;
    u_strFromUTF8(NULL, 0, NULL, bytes, (int32_t)n_bytes, &error);
    return error != U_INVALID_CHAR_FOUND;
}

/* The slot of an item, or the free one where it belongs. */
static size_t *slot_of(const adah_findings_table *t, const adah_text *list, const char *item) {
    size_t i = (size_t)XXH3_64bits(item, strlen(item)) & (t->n_slots - 1);
    while (t->slot[i] && strcmp(list->bytes + t->slot[i] - 1, item) != 0)
        i = (i + 1) & (t->n_slots - 1);
    return &t->slot[i];
}

/* Makes the table that of the list's first n_bytes, with room for one more. 0: memory is out. */
static int fill(adah_findings_table *t, const adah_text *list, size_t n_bytes) {
    if (t->n_bytes == n_bytes && 2 * (t->n_items + 1) <= t->n_slots)
        return 1;
    size_t n_items = 0, n_slots = SLOTS_MIN;
    for (size_t start = 0; start < n_bytes; start += strlen(list->bytes + start) + 1)
        n_items++;
    while (n_slots < 4 * (n_items + 1))
        n_slots *= 2;
    adah_memory_free(t->slot);
    *t = (adah_findings_table){.slot = adah_memory_zeroed(n_slots, sizeof *t->slot)};
    if (!t->slot)
        return 0;
    t->n_slots = n_slots;
    t->n_items = n_items;
    t->n_bytes = n_bytes;
    for (size_t start = 0; start < n_bytes; start += strlen(list->bytes + start) + 1)
        *slot_of(t, list, list->bytes + start) = start + 1;
    return 1;
}

/* 1: the last item of the list is there before, too. A short list is gone through, one that is long has a table. */
static int is_again(adah_text *list, adah_findings_table *t, size_t last) {
    if (last < SHORT_BYTES) {
        t->n_bytes = 0;
        for (size_t start = 0; start < last; start += strlen(list->bytes + start) + 1)
            if (!strcmp(list->bytes + start, list->bytes + last))
                return 1;
        return 0;
    }
    if (!fill(t, list, last)) {
        list->failed = 1;
        return 0;
    }
    size_t *slot = slot_of(t, list, list->bytes + last);
    if (*slot)
        return 1;
    *slot = last + 1;
    t->n_items++;
    t->n_bytes = list->n_bytes;
    return 0;
}

static void add(adah_text *list, adah_findings_table *table, const char *bytes, size_t n_bytes) {
    const char *end = memchr(bytes, '\0', n_bytes);
    if (end)
        n_bytes = (size_t)(end - bytes);
    while (n_bytes && is_blank(*bytes))
        bytes++, n_bytes--;
    while (n_bytes && is_blank(bytes[n_bytes - 1]))
        n_bytes--;
    if (n_bytes == 0 || n_bytes > INT32_MAX)
        return;
    const size_t before = list->n_bytes;
    if (adah_findings_is_utf8(bytes, n_bytes)) {
        adah_text_add_bytes(list, bytes, n_bytes);
    } else {
        for (size_t i = 0; i < n_bytes; i++) {
            const unsigned char c = (unsigned char)bytes[i];
            const char pair[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
            adah_text_add_bytes(list, c < 0x80 ? &bytes[i] : pair, c < 0x80 ? 1 : 2);
        }
    }
    adah_text_add_bytes(list, "", 1);
    if (!list->failed && is_again(list, table, before))
        list->n_bytes = before;
}

void adah_findings_add_text(adah_findings *f, const char *bytes, size_t n_bytes) {
    add(&f->texts, &f->texts_table, bytes, n_bytes);
    f->failed |= f->texts.failed;
}

void adah_findings_add_label(adah_findings *f, const char *bytes, size_t n_bytes) {
    add(&f->labels, &f->labels_table, bytes, n_bytes);
    f->failed |= f->labels.failed;
}

void adah_findings_add_hierarchy(adah_findings *f, const char *bytes, size_t n_bytes) {
    for (size_t start = 0, end; start < n_bytes; start = end + 1) {
        for (end = start; end < n_bytes && bytes[end] != '|' && bytes[end] != '/';)
            end++;
        adah_findings_add_label(f, bytes + start, end - start);
    }
}

/* 1: `now` counts more than who has told. */
static int counts_more(adah_teller now, adah_teller before) { return before == ADAH_TOLD_BY_NONE || now < before; }

void adah_findings_add_date(adah_findings *f, adah_teller teller, const char *bytes, size_t n_bytes) {
    if (!counts_more(teller, f->date_teller) || !adah_date_parse(bytes, n_bytes, &f->taken))
        return;
    f->date_teller = teller;
    f->date_source = f->source;
}

void adah_findings_add_place(adah_findings *f, adah_teller teller, double latitude, double longitude) {
    const int is_zero = latitude >= 0 && latitude <= 0 && longitude >= 0 && longitude <= 0;
    if (is_zero || !counts_more(teller, f->place_teller) || adah_place_set(latitude, longitude, &f->taken, NULL) != ADAH_OK)
        return;
    f->place_teller = teller;
    f->place_source = f->source;
}

void adah_findings_clear(adah_findings *f) {
    f->texts.n_bytes = f->labels.n_bytes = 0;
    f->taken = (adah_taken){0};
    f->date_teller = f->place_teller = ADAH_TOLD_BY_NONE;
    f->source = f->date_source = f->place_source = 0;
}

void adah_findings_free(adah_findings *f) {
    adah_text_free(&f->texts);
    adah_text_free(&f->labels);
    adah_memory_free(f->texts_table.slot);
    adah_memory_free(f->labels_table.slot);
    f->texts_table = f->labels_table = (adah_findings_table){0};
    f->failed = 0;
}
