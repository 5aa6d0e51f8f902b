/* foreign_file.c - a table of beginnings; text is told from bytes by what stands behind blanks and a byte order mark. */
#define _GNU_SOURCE /* memmem */
#include "base/foreign_file.h"

#include <string.h>
#include <strings.h>

typedef struct beginning {
    const char *bytes;
    size_t n_bytes, offset;
    const char *what;
} beginning;

#define BEGINS(text, offset, what) {text, sizeof(text) - 1, offset, what}

#define PICKLE "a Python pickle, as old files of PyTorch (.pth, .pt) are; save its tensors as safetensors"

static const beginning beginnings[] = {
    BEGINS("PK\005\006", 0, "an empty zip archive"),
    BEGINS("PK\003\004", 0, "a zip archive; unpack it"),
    BEGINS("\037\213", 0, "compressed by gzip; unpack it"),
    BEGINS("BZh", 0, "compressed by bzip2; unpack it"),
    BEGINS("\3757zXZ", 0, "compressed by xz; unpack it"),
    BEGINS("\050\265\057\375", 0, "compressed by zstd; unpack it"),
    BEGINS("7z\274\257\047\034", 0, "a 7z archive; unpack it"),
    BEGINS("Rar!\032\007", 0, "a RAR archive; unpack it"),
    BEGINS("ustar", 257, "a tar archive; unpack it"),
    BEGINS("\200\002", 0, PICKLE),
    BEGINS("\200\003", 0, PICKLE),
    BEGINS("\200\004", 0, PICKLE),
    BEGINS("\200\005", 0, PICKLE),
    BEGINS("\211HDF\r\n\032\n", 0, "an HDF5 file, as Keras writes (.h5)"),
    BEGINS("\223NUMPY", 0, "a NumPy array (.npy)"),
    BEGINS("MATLAB ", 0, "a file of MATLAB (.mat)"),
    BEGINS("GGUF", 0, "a GGUF file"),
    BEGINS("TFL3", 4, "a TensorFlow Lite model"),
    BEGINS("\211ADAH\r\n\032", 0, "an adah index"),
    BEGINS("IBMp", 0, "an index of FAISS"),
    BEGINS("SQLite format 3", 0, "an SQLite database"),
    BEGINS("PAR1", 0, "a Parquet file"),
    BEGINS("%PDF-", 0, "a PDF document"),
    BEGINS("\377\330\377", 0, "a JPEG picture"),
    BEGINS("\211PNG\r\n\032\n", 0, "a PNG picture"),
    BEGINS("\177ELF", 0, "a program"),
};

/* Beginnings of text files, in lower case. */
static const struct {
    const char *text, *what;
} texts[] = {
    {"version https://git-lfs.github.com/spec/", "a pointer of Git LFS, not the file itself; fetch it with 'git lfs pull'"},
    {"version https://hawser.github.com/spec/", "a pointer of Git LFS, not the file itself; fetch it with 'git lfs pull'"},
    {"/annex/objects/", "a pointer of git-annex, not the file itself; fetch it with 'git annex get'"},
    {"<!doctype", "a web page (HTML), as a download gives that went wrong"},
    {"<svg", "an SVG drawing"},
    {"<html", "a web page (HTML), as a download gives that went wrong"},
    {"<head", "a web page (HTML), as a download gives that went wrong"},
    {"<body", "a web page (HTML), as a download gives that went wrong"},
    {"<?xml", "an XML document, as a download gives that went wrong"},
    {"<error", "an XML document, as a download gives that went wrong"},
    {"access denied", "a server's refusal, not the file"},
    {"not found", "a server's refusal, not the file"},
    {"404", "a server's refusal, not the file"},
    {"{", "JSON"},
    {"[", "JSON"},
};

static int holds(const uint8_t *bytes, size_t n_bytes, const char *wanted) {
    return memmem(bytes, n_bytes, wanted, strlen(wanted)) != NULL;
}

/* An archive by what lies in it. */
static const char *kind_of_zip(const uint8_t *bytes, size_t n_bytes) {
    enum { LOOK_BYTES = 4096 };
    const size_t n = n_bytes < LOOK_BYTES ? n_bytes : LOOK_BYTES;
    if (holds(bytes, n, "/data.pkl") || holds(bytes, n, "/data/0"))
        return "a zip archive, as PyTorch writes (.pth, .pt); save its tensors as safetensors";
    if (holds(bytes, n, ".npy"))
        return "a zip archive of NumPy arrays (.npz); unpack it";
    if (holds(bytes, n, "model.weights.h5") || holds(bytes, n, "config.json"))
        return "a zip archive, as Keras writes (.keras)";
    return NULL;
}

static const char *kind_of_text(const uint8_t *bytes, size_t n_bytes) {
    size_t start = n_bytes >= 3 && memcmp(bytes, "\357\273\277", 3) == 0 ? 3 : 0;
    while (start < n_bytes && memchr(" \t\r\n", bytes[start], 4))
        start++;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t n = strlen(texts[i].text);
        if (n_bytes - start >= n && strncasecmp((const char *)bytes + start, texts[i].text, n) == 0)
            return texts[i].text[1] == '?' && holds(bytes, n_bytes < 4096 ? n_bytes : 4096, "<svg") ? "an SVG drawing" : texts[i].what;
    }
    return NULL;
}

enum { HEADER_BYTES_MAX = 100000000 }; /* as the format has it */

/* The length of a header of JSON, little-endian, and its beginning. */
static int is_safetensors(const uint8_t *bytes, size_t n_bytes) {
    uint64_t n_header = 0;
    for (int i = 0; i < 8 && n_bytes > 8; i++)
        n_header |= (uint64_t)bytes[i] << 8 * i;
    return n_header >= 2 && n_header <= HEADER_BYTES_MAX && bytes[8] == '{';
}

static int is_zeros(const uint8_t *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        if (bytes[i])
            return 0;
    return 1;
}

const char *adah_foreign_file(const uint8_t *bytes, size_t n_bytes) {
    enum { LOOK_BYTES = 512, LEAST_BYTES = 16 };
    if (n_bytes == 0)
        return "empty";
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        const beginning *b = &beginnings[i];
        if (n_bytes >= b->offset + b->n_bytes && memcmp(bytes + b->offset, b->bytes, b->n_bytes) == 0) {
            const char *in_zip = memcmp(bytes, "PK", 2) == 0 ? kind_of_zip(bytes, n_bytes) : NULL;
            return in_zip ? in_zip : b->what;
        }
    }
    if (is_safetensors(bytes, n_bytes))
        return "a safetensors file";
    const char *text = kind_of_text(bytes, n_bytes);
    if (text)
        return text;
    return n_bytes >= LEAST_BYTES && is_zeros(bytes, n_bytes < LOOK_BYTES ? n_bytes : LOOK_BYTES) ? "zeros at its beginning, as a download leaves that was cut off" : NULL;
}
