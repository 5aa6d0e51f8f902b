/* picture_memory.c - a table by file name; in the file a header with a checksum of the rest, then one picture after another.
 *
 * A stamp tells a change only of a file that has not changed for a moment: two writes within one tick of the clock leave the same times. So
 * a stamp that is not older than ADAH_STAMP_SETTLED_NS when the memory is opened is kept as unknown, and the next time the bytes are compared. */
#define _GNU_SOURCE
#include "data/picture_memory.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/picture_tags.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <xxhash.h>

#define BYTES_MAX ((size_t)1 << 36)

typedef struct memory_header {
    char magic[8];
    uint32_t version, tags_version;
    uint64_t n, n_bytes, sum; /* pictures; bytes behind the header, and their XXH3 */
    uint32_t n_model_bytes, unused;
} memory_header;

typedef struct memory_item {
    uint32_t n_name_bytes, n_tags_bytes;
    adah_stamp coded, tagged;
    uint8_t bytes_sum[ADAH_SUM_BYTES], code_sum[ADAH_SUM_BYTES];
} memory_item;

static const char memory_magic[8] = "adahseen";
enum { MEMORY_VERSION = 1 };

int adah_stamp_is_same(const adah_stamp *a, const adah_stamp *b) {
    return a->changed_ns != 0 && a->n_bytes == b->n_bytes && a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

int adah_sum_is_known(const uint8_t sum[ADAH_SUM_BYTES]) {
    static const uint8_t zeros[ADAH_SUM_BYTES];
    return memcmp(sum, zeros, sizeof zeros) != 0;
}

void adah_sum_bytes(const void *bytes, size_t n_bytes, uint8_t sum[ADAH_SUM_BYTES]) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, n_bytes));
    memcpy(sum, canonical.digest, ADAH_SUM_BYTES);
    if (!adah_sum_is_known(sum))
        sum[0] = 1;
}

static adah_stamp settled(const adah_picture_memory *m, const adah_stamp *now) {
    const adah_stamp unknown = {0};
    const int64_t newest = now->modified_ns > now->changed_ns ? now->modified_ns : now->changed_ns;
    return newest < m->opened_ns - ADAH_STAMP_SETTLED_NS ? *now : unknown;
}

/* ---------------------------------------------------------------- reading and writing */

/* The picture of a name, new where there is none; NULL: memory is out. */
static adah_known_picture *picture_of(adah_picture_memory *m, const char *name, size_t n_bytes) {
    const size_t n = m->names.n;
    const uint32_t number = adah_string_table_add(&m->names, name, n_bytes);
    if (number == ADAH_STRING_NONE || (number == n && !adah_memory_grow((void **)&m->picture, &m->capacity, n, sizeof *m->picture)))
        return NULL;
    if (number == n)
        m->picture[n] = (adah_known_picture){0};
    return &m->picture[number];
}

/* 0: it says nothing, 1: it does, -1: memory is out. */
static int parse(adah_picture_memory *m, const uint8_t *bytes, size_t n_bytes) {
    memory_header h;
    if (n_bytes < sizeof h)
        return 0;
    memcpy(&h, bytes, sizeof h);
    bytes += sizeof h, n_bytes -= sizeof h;
    if (memcmp(h.magic, memory_magic, sizeof h.magic) != 0 || h.version != MEMORY_VERSION || h.n_bytes != n_bytes ||
        h.n_model_bytes > n_bytes || XXH3_64bits(bytes, n_bytes) != h.sum)
        return 0;
    if (h.n_model_bytes && !(m->model = adah_arena_text(&m->arena, (const char *)bytes, h.n_model_bytes)))
        return -1;
    bytes += h.n_model_bytes, n_bytes -= h.n_model_bytes;
    for (uint64_t i = 0; i < h.n; i++) {
        memory_item item;
        if (n_bytes < sizeof item)
            return 0;
        memcpy(&item, bytes, sizeof item);
        bytes += sizeof item, n_bytes -= sizeof item;
        if ((uint64_t)item.n_name_bytes + item.n_tags_bytes > n_bytes || item.n_name_bytes == 0)
            return 0;
        adah_known_picture *p = picture_of(m, (const char *)bytes, item.n_name_bytes);
        char *tags = p ? adah_arena_text(&m->arena, (const char *)bytes + item.n_name_bytes, item.n_tags_bytes) : NULL;
        if (!tags)
            return -1;
        *p = (adah_known_picture){.coded = item.coded, .tagged = item.tagged, .tags = tags, .n_tags_bytes = item.n_tags_bytes};
        memcpy(p->bytes_sum, item.bytes_sum, sizeof p->bytes_sum);
        memcpy(p->code_sum, item.code_sum, sizeof p->code_sum);
        if (h.tags_version != ADAH_PICTURE_TAGS_VERSION)
            p->tagged = (adah_stamp){0};
        bytes += item.n_name_bytes + item.n_tags_bytes, n_bytes -= item.n_name_bytes + item.n_tags_bytes;
    }
    return n_bytes == 0;
}

adah_code adah_picture_memory_open(const char *path, adah_picture_memory *memory, adah_status *status) {
    struct timespec now;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    *memory = (adah_picture_memory){.opened_ns = now.tv_sec * 1000000000ll + now.tv_nsec};
    if (!adah_file_exists(path))
        return ADAH_OK;
    ADAH_TRY(adah_file_read(path, BYTES_MAX, &bytes, &n_bytes, status));
    const int64_t opened_ns = memory->opened_ns;
    const int parsed = parse(memory, bytes, n_bytes);
    adah_memory_free(bytes);
    if (parsed == 1)
        return ADAH_OK;
    adah_picture_memory_close(memory);
    *memory = (adah_picture_memory){.opened_ns = opened_ns, .is_damaged = 1, .is_changed = 1};
    return parsed == 0 ? ADAH_OK : adah_fail_memory(status, n_bytes);
}

adah_code adah_picture_memory_save(adah_picture_memory *m, const char *path, adah_status *status) {
    adah_text body = {0};
    memory_header h = {.version = MEMORY_VERSION, .tags_version = ADAH_PICTURE_TAGS_VERSION, .n_model_bytes = m->model ? (uint32_t)strlen(m->model) : 0};
    memcpy(h.magic, memory_magic, sizeof h.magic);
    if (m->model)
        adah_text_add_bytes(&body, m->model, h.n_model_bytes);
    for (size_t i = 0; i < m->names.n; i++) {
        const adah_known_picture *p = &m->picture[i];
        if (!p->was_seen)
            continue;
        memory_item item = {.n_name_bytes = (uint32_t)strlen(m->names.text[i]), .n_tags_bytes = (uint32_t)p->n_tags_bytes, .coded = p->coded,
                            .tagged = p->tagged};
        memcpy(item.bytes_sum, p->bytes_sum, sizeof item.bytes_sum);
        memcpy(item.code_sum, p->code_sum, sizeof item.code_sum);
        adah_text_add_bytes(&body, (const char *)&item, sizeof item);
        adah_text_add_bytes(&body, m->names.text[i], item.n_name_bytes);
        if (p->n_tags_bytes)
            adah_text_add_bytes(&body, p->tags, p->n_tags_bytes);
        h.n++;
    }
    h.n_bytes = body.n_bytes;
    h.sum = XXH3_64bits(body.n_bytes ? body.bytes : "", body.n_bytes);
    adah_file_writer *file = NULL;
    adah_code code = body.failed ? adah_fail_memory(status, m->names.n * sizeof(memory_item)) : adah_file_create(path, &file, status);
    if (code == ADAH_OK)
        code = adah_file_put(file, &h, sizeof h, status);
    if (code == ADAH_OK && body.n_bytes)
        code = adah_file_put(file, body.bytes, body.n_bytes, status);
    if (code == ADAH_OK)
        code = adah_file_commit(file, status);
    else
        adah_file_abort(file);
    adah_text_free(&body);
    if (code == ADAH_OK)
        m->is_changed = 0;
    return code;
}

void adah_picture_memory_close(adah_picture_memory *m) {
    adah_string_table_free(&m->names);
    adah_memory_free(m->picture);
    adah_arena_free(&m->arena);
    *m = (adah_picture_memory){0};
}

adah_code adah_picture_memory_set_model(adah_picture_memory *m, const char *path, adah_status *status) {
    if (m->model && !strcmp(m->model, path))
        return ADAH_OK;
    m->model = adah_arena_text(&m->arena, path, strlen(path));
    m->is_changed = 1;
    return m->model ? ADAH_OK : adah_fail_memory(status, strlen(path) + 1);
}

/* ---------------------------------------------------------------- one picture */

static adah_stamp stamp_of(const struct stat *info) {
    return (adah_stamp){info->st_size, info->st_mtim.tv_sec * 1000000000ll + info->st_mtim.tv_nsec,
                        info->st_ctim.tv_sec * 1000000000ll + info->st_ctim.tv_nsec};
}

int adah_picture_is_unchanged(const char *folder, const char *file_name, const adah_known_picture *picture) {
    struct stat info;
    char *path = adah_file_join(folder, file_name);
    const int is_there = path && adah_file_look(path, &info) == 0;
    adah_memory_free(path);
    if (!is_there)
        return 0;
    const adah_stamp now = stamp_of(&info);
    return adah_stamp_is_same(&now, &picture->now);
}

adah_code adah_picture_memory_look(adah_picture_memory *m, const char *folder, const char *file_name, adah_known_picture **picture,
                                   adah_status *status) {
    struct stat info;
    const size_t n_before = m->names.n;
    char *path = adah_file_join(folder, file_name);
    adah_known_picture *p = path ? picture_of(m, file_name, strlen(file_name)) : NULL;
    if (!p) {
        adah_memory_free(path);
        return adah_fail_memory(status, strlen(file_name) + sizeof *p);
    }
    m->is_changed |= m->names.n > n_before;
    const int was_seen = p->was_seen;
    if (!was_seen && adah_file_look(path, &info) != 0)
        p->is_missing = errno == ENOENT || errno == ENOTDIR;
    else if (!was_seen)
        p->now = stamp_of(&info);
    p->was_seen = 1;
    adah_memory_free(path);
    *picture = p;
    return ADAH_OK;
}

const adah_known_picture *adah_picture_memory_find(const adah_picture_memory *m, const char *file_name) {
    const uint32_t number = adah_string_table_find(&m->names, file_name, strlen(file_name));
    return number == ADAH_STRING_NONE ? NULL : &m->picture[number];
}

adah_code adah_picture_memory_set_tags(adah_picture_memory *m, adah_known_picture *p, const char *tags, size_t n_bytes, adah_status *status) {
    p->tagged = (adah_stamp){0};
    if (n_bytes != p->n_tags_bytes || (n_bytes && memcmp(tags, p->tags, n_bytes) != 0)) {
        p->n_tags_bytes = 0;
        p->tags = adah_arena_text(&m->arena, n_bytes ? tags : "", n_bytes);
        if (!p->tags)
            return adah_fail_memory(status, n_bytes + 1);
        p->n_tags_bytes = n_bytes;
    }
    p->tagged = settled(m, &p->now);
    m->is_changed = 1;
    return ADAH_OK;
}

void adah_picture_memory_set_code(adah_picture_memory *m, adah_known_picture *p, const uint8_t bytes_sum[ADAH_SUM_BYTES],
                                  const uint8_t code_sum[ADAH_SUM_BYTES]) {
    p->coded = settled(m, &p->now);
    memcpy(p->bytes_sum, bytes_sum, sizeof p->bytes_sum);
    memcpy(p->code_sum, code_sum, sizeof p->code_sum);
    m->is_changed = 1;
}
