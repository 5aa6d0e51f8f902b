/* event_file.c - TensorBoard's event files, written by hand.
 *
 * The file is a TFRecord: for every record its length (8 bytes), a checksum of these bytes, its bytes, a checksum of them; all little-endian. The
 * checksum is CRC-32C, turned by 15 bits and with a constant added. A record is an Event in the encoding of Protocol Buffers, of which these fields
 * are written (number, kind): Event: wall_time 1 double, step 2 int64, file_version 3 string, summary 5, session_log 7; Summary: value 1, repeated;
 * Value: tag 1 string, simple_value 2 float; SessionLog: status 1, START = 1. */
#define _GNU_SOURCE /* gethostname */
#include "files/event_file.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KIND_NUMBER = 0, KIND_8_BYTES = 1, KIND_BYTES = 2, KIND_4_BYTES = 5, N_NAMES_TRIED = 100 };

struct adah_event_file {
    char *path;
    int fd, is_broken;
    uint64_t n_bytes;
    size_t n_added;
};

/* ---- bytes ---- */

static void add_low_bytes(adah_text *t, uint64_t x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char byte = (char)(x >> 8 * i & 0xff);
        adah_text_add_bytes(t, &byte, 1);
    }
}

static void add_number(adah_text *t, uint64_t x) {
    for (; x > 127; x >>= 7)
        add_low_bytes(t, (x & 127) | 128, 1);
    add_low_bytes(t, x, 1);
}

static void add_key(adah_text *t, unsigned field, unsigned kind) { add_number(t, field << 3 | kind); }

static void add_bytes(adah_text *t, unsigned field, const char *bytes, size_t n) {
    add_key(t, field, KIND_BYTES);
    add_number(t, n);
    adah_text_add_bytes(t, bytes, n);
}

static void add_part(adah_text *t, unsigned field, adah_text *part) {
    add_bytes(t, field, part->bytes ? part->bytes : "", part->n_bytes);
    t->failed |= part->failed;
    adah_text_free(part);
}

static void add_double(adah_text *t, unsigned field, double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    add_key(t, field, KIND_8_BYTES);
    add_low_bytes(t, bits, 8);
}

static void add_float(adah_text *t, unsigned field, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    add_key(t, field, KIND_4_BYTES);
    add_low_bytes(t, bits, 4);
}

/* ---- records ---- */

/* CRC-32C (Castagnoli). */
static uint32_t crc32c(const uint8_t *bytes, size_t n) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & (0 - (crc & 1)));
    }
    return ~crc;
}

static uint32_t masked_crc(const char *bytes, size_t n) {
    const uint32_t crc = crc32c((const uint8_t *)bytes, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* An event with one part; frees it. */
static void add_record(adah_text *out, int64_t step, unsigned field, adah_text *part) {
    adah_text event = {0}, length = {0};
    add_double(&event, 1, now());
    add_key(&event, 2, KIND_NUMBER);
    add_number(&event, (uint64_t)step);
    add_part(&event, field, part);
    add_low_bytes(&length, event.n_bytes, 8);
    out->failed |= event.failed | length.failed;
    if (!out->failed) {
        adah_text_add_bytes(out, length.bytes, length.n_bytes);
        add_low_bytes(out, masked_crc(length.bytes, length.n_bytes), 4);
        adah_text_add_bytes(out, event.bytes, event.n_bytes);
        add_low_bytes(out, masked_crc(event.bytes, event.n_bytes), 4);
    }
    adah_text_free(&event);
    adah_text_free(&length);
}

/* Writes records and frees them. */
static adah_code write_records(adah_event_file *file, adah_text *records, adah_status *status) {
    const adah_code code = records->failed ? adah_fail_memory(status, records->n_bytes)
                                           : adah_file_write_at(file->fd, file->path, records->bytes, records->n_bytes, file->n_bytes, status);
    file->is_broken = code != ADAH_OK;
    file->n_bytes += file->is_broken ? 0 : records->n_bytes;
    adah_text_free(records);
    return code;
}

/* ---- the file ---- */

/* TensorBoard reads the files of a folder in the order of their names, so that these begin with the time. */
static adah_code open_new(const char *folder, adah_event_file *file, adah_status *status) {
    char host[128] = "", name[256];
    if (gethostname(host, sizeof host - 1) != 0 || !*host || strchr(host, '/'))
        snprintf(host, sizeof host, "localhost");
    for (int i = 0; i < N_NAMES_TRIED; i++) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        snprintf(name, sizeof name, "events.out.tfevents.%010lld.%06ld.%s.%ld", (long long)t.tv_sec, t.tv_nsec / 1000, host, (long)getpid());
        adah_memory_free(file->path);
        file->path = adah_file_join(folder, name);
        if (!file->path)
            return adah_fail_memory(status, strlen(folder));
        file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0)
            return ADAH_OK;
        if (errno != EEXIST)
            break;
    }
    return adah_fail_system(status, file->path, "cannot create");
}

adah_code adah_event_file_create(const char *folder, int64_t step, adah_event_file **out, adah_status *status) {
    static const char version[] = "brain.Event:2";
    ADAH_TRY(adah_file_make_folder(folder, status));
    adah_event_file *file = adah_memory_zeroed(1, sizeof *file);
    if (!file)
        return adah_fail_memory(status, sizeof *file);
    file->fd = -1;
    adah_code code = open_new(folder, file, status);
    if (code == ADAH_OK) {
        adah_text records = {0}, part = {0}, start = {0};
        adah_text_add_bytes(&part, version, sizeof version - 1);
        add_record(&records, 0, 3, &part);
        add_key(&start, 1, KIND_NUMBER);
        add_number(&start, 1);
        add_record(&records, step, 7, &start);
        code = write_records(file, &records, status);
    }
    if (code == ADAH_OK)
        *out = file;
    else
        adah_event_file_close(file);
    return code;
}

adah_code adah_event_file_add(adah_event_file *file, int64_t step, const adah_scalar *scalar, size_t n, adah_status *status) {
    if (file->is_broken)
        return adah_fail(status, ADAH_ERROR_IO, "%s: could not be written to before", file->path);
    adah_text records = {0}, summary = {0};
    for (size_t i = 0; i < n; i++) {
        adah_text value = {0};
        add_bytes(&value, 1, scalar[i].tag, strlen(scalar[i].tag));
        add_float(&value, 2, (float)scalar[i].value);
        add_part(&summary, 1, &value);
    }
    add_record(&records, step, 5, &summary);
    ADAH_TRY(write_records(file, &records, status));
    file->n_added++;
    return ADAH_OK;
}

void adah_event_file_close(adah_event_file *file) {
    if (!file)
        return;
    if (file->fd >= 0) {
        close(file->fd);
        if (!file->n_added)
            unlink(file->path);
    }
    adah_memory_free(file->path);
    adah_memory_free(file);
}
