/* tar_bytes.h - tar files for tests, made header by header, also such as no program writes. */
#ifndef ADAH_TESTS_TAR_BYTES_H
#define ADAH_TESTS_TAR_BYTES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tar_bytes {
    uint8_t *bytes;
    size_t n;
} tar_bytes;

static inline uint8_t *tar_grow(tar_bytes *t, size_t n) {
    uint8_t *bytes = realloc(t->bytes, t->n + n);
    if (!bytes)
        abort();
    t->bytes = bytes;
    memset(t->bytes + t->n, 0, n);
    t->n += n;
    return t->bytes + t->n - n;
}

static inline void tar_seal(uint8_t *header) {
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum & 0777777);
}

/* A header of a type and a name of up to 100 bytes, that tells of n_told bytes. */
static inline uint8_t *tar_header(tar_bytes *t, char type, const char *name, size_t n_told) {
    char size[32];
    uint8_t *h = tar_grow(t, 512);
    memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
    memcpy(h + 100, "0000644", 8);
    snprintf(size, sizeof size, "%011zo", n_told);
    memcpy(h + 124, size, 12);
    memcpy(h + 136, "00000000000", 12);
    h[156] = (uint8_t)type;
    memcpy(h + 257, "ustar\00000", 8);
    tar_seal(h);
    return h;
}

static inline void tar_data(tar_bytes *t, const void *bytes, size_t n) {
    if (n)
        memcpy(tar_grow(t, (n + 511) / 512 * 512), bytes, n);
}

static inline void tar_add(tar_bytes *t, char type, const char *name, const char *text) {
    tar_header(t, type, name, strlen(text));
    tar_data(t, text, strlen(text));
}

/* A file of any name: by a pax header where it is long. */
static inline void tar_add_file(tar_bytes *t, const char *name, const void *bytes, size_t n) {
    char record[5000];
    if (strlen(name) > 100) {
        size_t n_record = strlen(name) + 7, n_all = n_record + 1;
        while (n_all != n_record + (size_t)snprintf(record, sizeof record, "%zu", n_all))
            n_all++;
        snprintf(record, sizeof record, "%zu path=%s\n", n_all, name);
        tar_add(t, 'x', "PaxHeader", record);
    }
    tar_header(t, '0', name, n);
    tar_data(t, bytes, n);
}

static inline void tar_end(tar_bytes *t) { tar_grow(t, 1024); }

static inline void tar_free(tar_bytes *t) {
    free(t->bytes);
    *t = (tar_bytes){NULL, 0};
}

#endif
