/* metadata_path.c - most paths need nothing of it, and stay where they are. */
#define _GNU_SOURCE
#include "data/metadata_path.h"
#include "base/file.h"
#include "base/memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *adah_dataset_path_fault(adah_raw_text path) {
    if (path.n_bytes == 0)
        return "is empty";
    if (path.bytes[0] == '/')
        return "is absolute, expected a path inside the folder";
    if (memchr(path.bytes, '\n', path.n_bytes))
        return "holds a line break";
    for (size_t start = 0; start <= path.n_bytes;) {
        const char *slash = memchr(path.bytes + start, '/', path.n_bytes - start);
        size_t end = slash ? (size_t)(slash - path.bytes) : path.n_bytes;
        if (end - start == 2 && memcmp(path.bytes + start, "..", 2) == 0)
            return "has a part \"..\", expected a path inside the folder";
        start = end + 1;
    }
    return NULL;
}

/* 1: the file is there with its backslashes. Memory that runs out is as if it were not. */
static int is_there(const char *folder, adah_raw_text path) {
    char *name = adah_memory_text_n(path.bytes, path.n_bytes);
    char *whole = name ? adah_file_join(folder, name) : NULL;
    const int is = whole && adah_file_exists(whole);
    adah_memory_free(whole);
    adah_memory_free(name);
    return is;
}

/* Bytes of an absolute path that are the folder's own, with the slash behind; 0: it lies elsewhere. */
static size_t own_part(const char *folder, adah_raw_text path) {
    char real[PATH_MAX];
    const char *const names[] = {folder, realpath(folder, real)};
    for (size_t i = 0; i < 2; i++) {
        size_t n = names[i] ? strlen(names[i]) : 0;
        while (n && names[i][n - 1] == '/')
            n--;
        if (n && path.n_bytes > n && memcmp(path.bytes, names[i], n) == 0 && path.bytes[n] == '/')
            return n + 1;
    }
    return 0;
}

int adah_dataset_path_resolve(const char *folder, adah_raw_text *path, adah_text *room) {
    adah_raw_text p = *path;
    const int has_backslash = memchr(p.bytes, '\\', p.n_bytes) && !is_there(folder, p);
    if (p.n_bytes && p.bytes[0] == '/') {
        const size_t n = own_part(folder, p);
        if (n == 0)
            return 1;
        p.bytes += n, p.n_bytes -= n;
    }
    room->n_bytes = 0;
    for (size_t start = 0, end; start <= p.n_bytes; start = end + 1) {
        for (end = start; end < p.n_bytes && p.bytes[end] != '/' && !(has_backslash && p.bytes[end] == '\\');)
            end++;
        if (end == start || (end - start == 1 && p.bytes[start] == '.'))
            continue;
        if (room->n_bytes)
            adah_text_add_bytes(room, "/", 1);
        adah_text_add_bytes(room, p.bytes + start, end - start);
    }
    if (room->failed)
        return 0;
    if (room->n_bytes && (room->n_bytes != path->n_bytes || memcmp(room->bytes, path->bytes, path->n_bytes) != 0))
        *path = (adah_raw_text){room->bytes, room->n_bytes};
    return 1;
}
