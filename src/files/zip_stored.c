/* zip_stored.c - walks from the end record to the central directory, and from each of its entries to the entry's own header. Every
 * number is read once and checked against the file before it steers an access. */
#include "files/zip_stored.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_BYTES = 22, END64_BYTES = 56, LOCATOR_BYTES = 20, ENTRY_BYTES = 46, LOCAL_BYTES = 30,
    COMMENT_BYTES_MAX = 65535, NAME_BYTES_MAX = 1024, ENTRIES_MAX = 100000,
};

typedef struct archive {
    const char *path;
    const uint8_t *bytes;
    uint64_t n;
} archive;

static uint64_t number(const uint8_t *b, int n_bytes) {
    uint64_t x = 0;
    for (int i = 0; i < n_bytes; i++)
        x |= (uint64_t)b[i] << 8 * i;
    return x;
}

static int has(const archive *a, uint64_t offset, uint64_t n_bytes) { return offset <= a->n && n_bytes <= a->n - offset; }

static int is_at(const archive *a, uint64_t offset, uint64_t n_bytes, const char *signature) {
    return has(a, offset, n_bytes) && memcmp(a->bytes + offset, signature, 4) == 0;
}

static adah_code damaged(const archive *a, const char *what, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged zip archive, as PyTorch writes: %s", a->path, what);
}

/* Where the central directory begins and how many entries it has. */
static adah_code find_directory(const archive *a, uint64_t *offset, uint64_t *n, adah_status *status) {
    uint64_t at = a->n, least = a->n > END_BYTES + COMMENT_BYTES_MAX ? a->n - END_BYTES - COMMENT_BYTES_MAX : 0;
    for (at = a->n >= END_BYTES ? a->n - END_BYTES : 0; at > least && !is_at(a, at, END_BYTES, "PK\005\006");)
        at--;
    if (!is_at(a, at, END_BYTES, "PK\005\006"))
        return damaged(a, "truncated, as a download that was cut off: its end record is missing", status);
    *n = number(a->bytes + at + 10, 2);
    *offset = number(a->bytes + at + 16, 4);
    if (at >= LOCATOR_BYTES && is_at(a, at - LOCATOR_BYTES, LOCATOR_BYTES, "PK\006\007")) {
        const uint64_t end64 = number(a->bytes + at - LOCATOR_BYTES + 8, 8);
        if (!is_at(a, end64, END64_BYTES, "PK\006\006"))
            return damaged(a, "its 64-bit end record is not where the locator says", status);
        *n = number(a->bytes + end64 + 32, 8);
        *offset = number(a->bytes + end64 + 48, 8);
    }
    if (*n > ENTRIES_MAX)
        return damaged(a, "more than 100000 files", status);
    return ADAH_OK;
}

/* What stands as 0xffffffff in 32 bits stands in the extra field 1 in 64, in the order of `value`. */
static int read_wide(const uint8_t *extra, uint64_t n_extra, uint64_t *const *value, size_t n_values) {
    for (uint64_t at = 0; at + 4 <= n_extra;) {
        const uint64_t id = number(extra + at, 2), n_bytes = number(extra + at + 2, 2);
        at += 4;
        if (n_bytes > n_extra - at)
            return 0;
        uint64_t used = 0;
        for (size_t i = 0; id == 1 && i < n_values; i++) {
            if (*value[i] != UINT32_MAX)
                continue;
            if (n_bytes - used < 8)
                return 0;
            *value[i] = number(extra + at + used, 8);
            used += 8;
        }
        if (id == 1)
            return 1;
        at += n_bytes;
    }
    for (size_t i = 0; i < n_values; i++)
        if (*value[i] == UINT32_MAX)
            return 0;
    return 1;
}

/* The entry at *at, which moves to the next one. */
static adah_code read_entry(const archive *a, uint64_t *at, adah_zip *zip, adah_status *status) {
    if (!is_at(a, *at, ENTRY_BYTES, "PK\001\002"))
        return damaged(a, "its directory is cut off or is none", status);
    const uint8_t *head = a->bytes + *at;
    const uint64_t flags = number(head + 8, 2), method = number(head + 10, 2);
    const uint64_t n_name = number(head + 28, 2), n_extra = number(head + 30, 2), n_comment = number(head + 32, 2);
    uint64_t n_packed = number(head + 20, 4), n_bytes = number(head + 24, 4), local = number(head + 42, 4);
    if (!has(a, *at + ENTRY_BYTES, n_name + n_extra + n_comment) || n_name == 0 || n_name > NAME_BYTES_MAX)
        return damaged(a, "a name in its directory is cut off, empty or too long", status);
    if (!read_wide(head + ENTRY_BYTES + n_name, n_extra, (uint64_t *const[]){&n_bytes, &n_packed, &local}, 3))
        return damaged(a, "a 64-bit size in its directory is missing", status);
    if (!is_at(a, local, LOCAL_BYTES, "PK\003\004"))
        return damaged(a, "a file is not where its directory says", status);
    const uint64_t start = local + LOCAL_BYTES + number(a->bytes + local + 26, 2) + number(a->bytes + local + 28, 2);
    if (!has(a, start, n_packed))
        return damaged(a, "a file leaves the archive", status);
    void *entries = zip->entry;
    const int room = adah_memory_grow(&entries, &zip->capacity, zip->n, sizeof *zip->entry);
    zip->entry = entries;
    char *name = room ? adah_memory_text_n((const char *)head + ENTRY_BYTES, (size_t)n_name) : NULL;
    if (!name)
        return adah_fail_memory(status, (size_t)n_name);
    const int is_stored = method == 0 && !(flags & 1) && n_packed == n_bytes;
    zip->entry[zip->n++] = (adah_zip_entry){name, is_stored ? a->bytes + start : NULL, (size_t)n_packed};
    *at += ENTRY_BYTES + n_name + n_extra + n_comment;
    return ADAH_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const adah_zip_entry *)a)->name, ((const adah_zip_entry *)b)->name);
}

adah_code adah_zip_open(const char *path, const uint8_t *bytes, size_t n_bytes, adah_zip *zip, adah_status *status) {
    const archive a = {path, bytes, n_bytes};
    uint64_t at = 0, n = 0;
    *zip = (adah_zip){0};
    adah_code code = find_directory(&a, &at, &n, status);
    for (uint64_t i = 0; i < n && code == ADAH_OK; i++)
        code = read_entry(&a, &at, zip, status);
    if (code != ADAH_OK) {
        adah_zip_close(zip);
        return code;
    }
    if (zip->n)
        qsort(zip->entry, zip->n, sizeof *zip->entry, compare_names);
    return ADAH_OK;
}

void adah_zip_close(adah_zip *zip) {
    for (size_t i = 0; i < zip->n; i++)
        adah_memory_free(zip->entry[i].name);
    adah_memory_free(zip->entry);
    *zip = (adah_zip){0};
}

const adah_zip_entry *adah_zip_find(const adah_zip *zip, const char *name) {
    const adah_zip_entry wanted = {.name = (char *)(uintptr_t)name};
    return zip->n ? bsearch(&wanted, zip->entry, zip->n, sizeof wanted, compare_names) : NULL;
}
