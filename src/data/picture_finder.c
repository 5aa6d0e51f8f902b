/* picture_finder.c - tables of the last parts of paths; what has the same last part is chained. */
#include "data/picture_finder.h"
#include "base/memory.h"

#include <string.h>
#include <strings.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#define NONE UINT32_MAX

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

/* Adds the bytes as Unicode's form NFC: some systems write an accent behind its letter, others both as one sign. Bytes that are not UTF-8 stay. */
static void add_composed(adah_text *room, const char *bytes, size_t n_bytes) {
    enum { UNITS = 1024 };
    UChar units[UNITS], composed[UNITS];
    char text[3 * UNITS];
    int32_t n = 0, n_text = 0;
    size_t i = 0;
    UErrorCode error = U_ZERO_ERROR;
    while (i < n_bytes && (unsigned char)bytes[i] < 0x80)
        i++;
    if (i < n_bytes && n_bytes < UNITS) {
        u_strFromUTF8(units, UNITS, &n, bytes, (int32_t)n_bytes, &error);
        const UNormalizer2 *normaliser = unorm2_getNFCInstance(&error);
        n = unorm2_normalize(normaliser, units, n, composed, UNITS, &error);
        u_strToUTF8(text, sizeof text, &n_text, composed, n, &error);
    }
    if (n_text && U_SUCCESS(error))
        adah_text_add_bytes(room, text, (size_t)n_text);
    else
        adah_text_add_bytes(room, bytes, n_bytes);
}

/* In room->bytes. */
static void put_lower(adah_text *room, const char *bytes, size_t n_bytes) {
    room->n_bytes = 0;
    add_composed(room, bytes, n_bytes);
    for (size_t i = 0; i < room->n_bytes; i++)
        room->bytes[i] = (char)lower((unsigned char)room->bytes[i]);
}

/* Puts picture i in front of the chain of its key. */
static adah_code chain(adah_picture_finder *f, adah_string_table *table, const char *key, size_t n_key, uint32_t *first, uint32_t *next, uint32_t i,
                       adah_status *status) {
    put_lower(&f->lower, key, n_key);
    const size_t n_before = table->n;
    const uint32_t k = f->lower.failed || !f->lower.bytes ? ADAH_STRING_NONE : adah_string_table_add(table, f->lower.bytes, f->lower.n_bytes);
    if (k == ADAH_STRING_NONE)
        return adah_fail_memory(status, n_key + 1);
    next[i] = table->n > n_before ? NONE : first[k];
    first[k] = i;
    return ADAH_OK;
}

adah_code adah_picture_finder_make(const adah_folder_listing *listing, adah_picture_finder *f, adah_status *status) {
    uint32_t **const room[] = {&f->first_of_name, &f->next_of_name, &f->first_of_stem, &f->next_of_stem};
    for (size_t k = 0; k < 4; k++)
        if (!(*room[k] = adah_memory_zeroed(listing->n + 1, sizeof **room[k])))
            return adah_fail_memory(status, (listing->n + 1) * sizeof **room[k]);
    if (!(f->path = adah_memory_zeroed(listing->n + 1, sizeof *f->path)))
        return adah_fail_memory(status, (listing->n + 1) * sizeof *f->path);
    for (size_t i = 0; i < listing->n; i++) {
        const char *path = listing->path[i], *name = adah_path_name(path), *ending = adah_path_ending(path);
        if (!adah_path_is_picture(path))
            continue;
        const uint32_t k = adah_string_table_add(&f->paths, path, strlen(path));
        if (k == ADAH_STRING_NONE)
            return adah_fail_memory(status, strlen(path) + 1);
        f->path[k] = path;
        ADAH_TRY(chain(f, &f->names, name, strlen(name), f->first_of_name, f->next_of_name, k, status));
        ADAH_TRY(chain(f, &f->stems, name, (size_t)(ending - name), f->first_of_stem, f->next_of_stem, k, status));
        f->n++;
    }
    return ADAH_OK;
}

void adah_picture_finder_free(adah_picture_finder *f) {
    adah_memory_free(f->path);
    adah_memory_free(f->first_of_name);
    adah_memory_free(f->next_of_name);
    adah_memory_free(f->first_of_stem);
    adah_memory_free(f->next_of_stem);
    adah_string_table_free(&f->paths);
    adah_string_table_free(&f->names);
    adah_string_table_free(&f->stems);
    adah_text_free(&f->room);
    adah_text_free(&f->lower);
    *f = (adah_picture_finder){0};
}

/* Parts from the last on that both have in common, the last not counted: it is the same. */
static size_t common_parts(const char *path, size_t n_path, const char *name, size_t n_name) {
    size_t n = 0;
    while (n_path && n_name && lower((unsigned char)path[n_path - 1]) == lower((unsigned char)name[n_name - 1])) {
        n_path--, n_name--;
        n += path[n_path] == '/';
    }
    return n + (n_name == 0 && (n_path == 0 || path[n_path - 1] == '/'));
}

/* Of the chain the one whose path has most of `wanted` in common, compared up to their endings where `without`; NULL: several have. */
static const char *nearest(const adah_picture_finder *f, uint32_t first, const uint32_t *next, const char *wanted, size_t n_wanted, int without) {
    const char *best = NULL;
    size_t most = 0, n_best = 0;
    for (uint32_t i = first; i != NONE; i = next[i]) {
        const char *path = f->path[i];
        const size_t n = common_parts(path, without ? (size_t)(adah_path_ending(path) - path) : strlen(path), wanted, n_wanted);
        if (!best || n > most) {
            best = path;
            most = n;
            n_best = 1;
        } else {
            n_best += n == most;
        }
    }
    return n_best == 1 ? best : NULL;
}

/* Puts folder/name into the room, with slashes and without what says nothing; drops the query of an address and the number of a caption. */
static void clean(adah_text *room, const char *folder, adah_raw_text name, int is_address) {
    room->n_bytes = 0;
    adah_text_add_bytes(room, folder, strlen(folder));
    const char *end = name.bytes + name.n_bytes;
    for (const char *at = name.bytes; at < end;) {
        const char *next = at;
        while (next < end && *next != '/' && *next != '\\' && !(is_address && (*next == '?' || *next == '#')))
            next++;
        if (next > at && !(next == at + 1 && *at == '.')) {
            adah_text_add_bytes(room, "/", room->n_bytes > 0);
            adah_text_add_bytes(room, at, (size_t)(next - at));
        }
        if (next < end && *next != '/' && *next != '\\')
            break;
        at = next + 1;
    }
}

static const char *find_whole(const adah_picture_finder *f) {
    const uint32_t k = f->room.n_bytes ? adah_string_table_find(&f->paths, f->room.bytes, f->room.n_bytes) : ADAH_STRING_NONE;
    return k == ADAH_STRING_NONE ? NULL : f->path[k];
}

static const char *find_cleaned(adah_picture_finder *f) {
    if (f->room.n_bytes == 0 || f->room.failed)
        return NULL;
    const char *last = adah_path_name(f->room.bytes);
    put_lower(&f->lower, last, strlen(last));
    uint32_t k = f->lower.n_bytes ? adah_string_table_find(&f->names, f->lower.bytes, f->lower.n_bytes) : ADAH_STRING_NONE;
    if (k != ADAH_STRING_NONE)
        return nearest(f, f->first_of_name[k], f->next_of_name, f->room.bytes, f->room.n_bytes, 0);
    k = f->lower.n_bytes ? adah_string_table_find(&f->stems, f->lower.bytes, f->lower.n_bytes) : ADAH_STRING_NONE;
    return k == ADAH_STRING_NONE ? NULL : nearest(f, f->first_of_stem[k], f->next_of_stem, f->room.bytes, f->room.n_bytes, 1);
}

/* Bytes before "#0", the number of a caption; all where there is none. */
static size_t without_number(adah_raw_text name) {
    size_t n = name.n_bytes;
    while (n && name.bytes[n - 1] >= '0' && name.bytes[n - 1] <= '9')
        n--;
    return n && n < name.n_bytes && name.bytes[n - 1] == '#' ? n - 1 : name.n_bytes;
}

static int is_address_of_web(adah_raw_text name) {
    return (name.n_bytes > 8 && !strncasecmp(name.bytes, "https://", 8)) || (name.n_bytes > 7 && !strncasecmp(name.bytes, "http://", 7));
}

const char *adah_picture_finder_find(adah_picture_finder *f, const char *folder, adah_raw_text name) {
    const int is_address = is_address_of_web(name);
    name.n_bytes = without_number(name);
    clean(&f->room, folder, name, is_address);
    const char *found = find_whole(f);
    if (found)
        return found;
    if (*folder) {
        clean(&f->room, "", name, is_address);
        found = find_whole(f);
        if (found)
            return found;
        clean(&f->room, folder, name, is_address); /* of pictures that are called the same those beside the file */
    }
    return find_cleaned(f);
}

int adah_picture_finder_has_beside(adah_picture_finder *f, const char *path) {
    const char *name = adah_path_name(path);
    const size_t n_folder = (size_t)(name - path);
    for (size_t n = strlen(name); n; n--) {
        if (name[n] != '.' && name[n] != '\0')
            continue;
        put_lower(&f->lower, name, n);
        const uint32_t of_name = f->lower.bytes ? adah_string_table_find(&f->names, f->lower.bytes, f->lower.n_bytes) : ADAH_STRING_NONE;
        const uint32_t of_stem = f->lower.bytes ? adah_string_table_find(&f->stems, f->lower.bytes, f->lower.n_bytes) : ADAH_STRING_NONE;
        for (uint32_t i = of_name == ADAH_STRING_NONE ? NONE : f->first_of_name[of_name]; i != NONE; i = f->next_of_name[i])
            if (!strncmp(f->path[i], path, n_folder) && !strchr(f->path[i] + n_folder, '/'))
                return 1;
        for (uint32_t i = of_stem == ADAH_STRING_NONE ? NONE : f->first_of_stem[of_stem]; i != NONE; i = f->next_of_stem[i])
            if (!strncmp(f->path[i], path, n_folder) && !strchr(f->path[i] + n_folder, '/'))
                return 1;
    }
    return 0;
}
