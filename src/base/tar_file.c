/* tar_file.c - one header after another is read by pread; the data between is not.
 *
 * A member is one header, or several: what a pax or GNU header says (a long name, a large size) holds for the header behind it. Numbers and names are
 * the writer's: nothing is believed that leads beyond the file's end, and a header whose checksum is wrong ends the walk. Tables of places are kept
 * by device and inode, under one lock, which is held while a tar is gone through, so that many threads that ask at once go through it once. */
#define _GNU_SOURCE
#include "base/tar_file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { BLOCK = 512, NAME_BYTES_MAX = 4096, EXTENSION_BYTES_MAX = 1 << 20, TABLES_MAX = 1 << 16 };

typedef struct member {
    uint64_t start; /* of its first header */
    adah_tar_place place;
    char kind; /* 'f': a file, 'd': a folder, 0: neither */
    const char *why; /* a file that cannot be read, or 0 */
    char name[NAME_BYTES_MAX];
} member;

/* What headers before that of the member said of it. */
typedef struct extension {
    int has_name, has_size, is_sparse, is_too_long;
    uint64_t n_bytes;
    char name[NAME_BYTES_MAX];
} extension;

typedef struct walker {
    int fd;
    uint64_t at, n_bytes; /* of the whole file */
    extension said;
    int is_out_of_memory;
    member m;
} walker;

/* ---------------------------------------------------------------- a header */

/* 1: all n bytes were read. */
static int read_at(int fd, void *bytes, size_t n_bytes, uint64_t offset) {
    for (size_t done = 0; done < n_bytes;) {
        const ssize_t n = pread(fd, (char *)bytes + done, n_bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        done += (size_t)n;
    }
    return 1;
}

/* Octal, or GNU's large numbers, whose first byte is 0x80. UINT64_MAX: neither. */
static uint64_t number(const uint8_t *field, size_t n) {
    uint64_t value = 0;
    size_t i = 0;
    if (field[0] & 0x80) {
        for (i = 1; i < n; i++) {
            if (value >> 54)
                return UINT64_MAX;
            value = value << 8 | field[i];
        }
        return field[0] == 0x80 ? value : UINT64_MAX;
    }
    while (i < n && field[i] == ' ')
        i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0');
    return i == n || field[i] == ' ' || field[i] == '\0' ? value : UINT64_MAX;
}

/* The sum of the bytes, its own field counted as blanks; some old writers took bytes for signed. */
static int has_right_sum(const uint8_t *header) {
    enum { SUM_AT = 148, SUM_BYTES = 8 };
    int64_t plain = 0, with_signs = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        const uint8_t c = i >= SUM_AT && i < SUM_AT + SUM_BYTES ? ' ' : header[i];
        plain += c;
        with_signs += (int8_t)c;
    }
    const uint64_t told = number(header + SUM_AT, SUM_BYTES);
    return told == (uint64_t)plain || (with_signs > 0 && told == (uint64_t)with_signs);
}

static int is_zero(const uint8_t *block) {
    static const uint8_t zeros[BLOCK];
    return memcmp(block, zeros, BLOCK) == 0;
}

/* ---------------------------------------------------------------- what headers before it say */

static void say_name(extension *e, const char *bytes, size_t n_bytes) {
    e->has_name = 1;
    e->is_too_long = n_bytes >= sizeof e->name || memchr(bytes, '\0', n_bytes) != NULL;
    if (!e->is_too_long) {
        memcpy(e->name, bytes, n_bytes);
        e->name[n_bytes] = '\0';
    }
}

/* "30 path=a/b.jpg\n" one after another. 0: broken. */
static int take_pax(extension *e, const char *bytes, size_t n_bytes) {
    while (n_bytes) {
        size_t n = 0, i = 0;
        for (; i < n_bytes && i < 8 && bytes[i] >= '0' && bytes[i] <= '9'; i++)
            n = 10 * n + (size_t)(bytes[i] - '0');
        if (i == 0 || i >= n_bytes || bytes[i] != ' ' || n > n_bytes || n < i + 3 || bytes[n - 1] != '\n')
            return 0;
        const char *key = bytes + i + 1, *equals = memchr(key, '=', n - i - 2);
        if (!equals)
            return 0;
        const size_t n_key = (size_t)(equals - key), n_value = (size_t)(bytes + n - 1 - (equals + 1));
        if (n_key == 4 && memcmp(key, "path", 4) == 0)
            say_name(e, equals + 1, n_value);
        if (n_key == 4 && memcmp(key, "size", 4) == 0) {
            e->has_size = 1;
            e->n_bytes = 0;
            for (size_t k = 0; k < n_value; k++) {
                if (equals[1 + k] < '0' || equals[1 + k] > '9' || e->n_bytes >> 58)
                    return 0;
                e->n_bytes = 10 * e->n_bytes + (uint64_t)(equals[1 + k] - '0');
            }
        }
        e->is_sparse |= n_key > 10 && memcmp(key, "GNU.sparse", 10) == 0;
        bytes += n, n_bytes -= n;
    }
    return 1;
}

/* A header that tells of the next one. 0: broken. */
static int take_extension(walker *w, char type, uint64_t n_bytes) {
    if (type == 'g' || type == 'K')
        return 1; /* of all members, which no name and no size is; of where a link leads */
    if (n_bytes > EXTENSION_BYTES_MAX)
        return 0;
    char *bytes = adah_memory_zeroed((size_t)n_bytes + 1, 1);
    w->is_out_of_memory = !bytes;
    int is_good = bytes && read_at(w->fd, bytes, (size_t)n_bytes, w->at);
    if (is_good && type == 'L')
        say_name(&w->said, bytes, strlen(bytes));
    else if (is_good)
        is_good = take_pax(&w->said, bytes, (size_t)n_bytes);
    adah_memory_free(bytes);
    return is_good;
}

/* ---------------------------------------------------------------- a member */

static void put_name(member *m, const uint8_t *header) {
    enum { NAME = 100, PREFIX = 155, PREFIX_AT = 345, MAGIC_AT = 257 };
    const char *name = (const char *)header, *prefix = name + PREFIX_AT;
    const size_t n = strnlen(name, NAME), n_prefix = memcmp(header + MAGIC_AT, "ustar\0", 6) == 0 ? strnlen(prefix, PREFIX) : 0;
    memcpy(m->name, prefix, n_prefix);
    if (n_prefix)
        m->name[n_prefix] = '/';
    memcpy(m->name + n_prefix + (n_prefix > 0), name, n);
    m->name[n_prefix + (n_prefix > 0) + n] = '\0';
}

/* Leaves "./" and "//" out of a name. Why it is none: NULL, or a reason; then it stays. */
static const char *clean_name(char *name) {
    size_t n = 0;
    if (name[0] == '/')
        return "its name is absolute";
    if (strchr(name, '\n'))
        return "its name holds a line break";
    for (const char *part = name; *part;) {
        const size_t n_part = strcspn(part, "/");
        if (n_part == 2 && memcmp(part, "..", 2) == 0)
            return "its name has a part \"..\"";
        part += n_part + (part[n_part] == '/');
    }
    for (const char *part = name; *part;) {
        const size_t n_part = strcspn(part, "/");
        const char *next = part + n_part + (part[n_part] == '/');
        if (n_part && !(n_part == 1 && *part == '.')) {
            if (n)
                name[n++] = '/';
            memmove(name + n, part, n_part);
            n += n_part;
        }
        part = next;
    }
    name[n] = '\0';
    return n ? NULL : "it has no name";
}

/* What the header makes of the member. */
static void make_member(walker *w, const uint8_t *header, char type, uint64_t n_bytes) {
    member *m = &w->m;
    const size_t n_name = w->said.has_name ? strlen(w->said.name) : 0;
    put_name(m, header);
    if (w->said.has_name && !w->said.is_too_long)
        memcpy(m->name, w->said.name, n_name + 1);
    const size_t n = strlen(m->name);
    const int is_file = type == '0' || type == '\0' || type == '7';
    m->place = (adah_tar_place){w->at, n_bytes};
    m->kind = type == '5' || (type == '\0' && n && m->name[n - 1] == '/') ? 'd' : 'f';
    m->why = m->kind == 'd'                 ? NULL
             : type == '1' || type == '2'   ? "it is a link, which is not followed in a tar file"
             : !is_file && type != 'S'      ? "it is no regular file"
             : type == 'S' || w->said.is_sparse ? "it is sparse, which is not read"
             : w->said.is_too_long          ? "its name is too long"
                                            : clean_name(m->name);
}

/* 1: w->m is the next member; 0: that was all; -1: it is damaged, or cut off. Its member's start is where the fault is. */
static int next_member(walker *w) {
    uint8_t header[BLOCK];
    w->said.has_name = w->said.has_size = w->said.is_sparse = w->said.is_too_long = 0;
    w->m.start = w->at;
    for (;;) {
        if (w->at == w->n_bytes && w->at == w->m.start)
            return 0;
        if (w->n_bytes - w->at < BLOCK || !read_at(w->fd, header, BLOCK, w->at))
            return -1;
        if (is_zero(header))
            return w->at == w->m.start ? 0 : -1;
        const char type = (char)header[156];
        const int is_before = type == 'x' || type == 'g' || type == 'L' || type == 'K';
        const int has_data = !(type >= '1' && type <= '6');
        uint64_t n_bytes = number(header + 124, 12);
        if (!is_before && w->said.has_size)
            n_bytes = w->said.n_bytes;
        if (!has_data)
            n_bytes = 0;
        w->at += BLOCK;
        if (!has_right_sum(header) || n_bytes > w->n_bytes - w->at)
            return -1;
        if (is_before && !take_extension(w, type, n_bytes))
            return -1;
        if (!is_before)
            make_member(w, header, type, n_bytes);
        const uint64_t padded = (n_bytes + BLOCK - 1) / BLOCK * BLOCK;
        w->at = padded > w->n_bytes - w->at ? w->n_bytes : w->at + padded;
        if (!is_before)
            return 1;
    }
}

static walker *walker_open(int fd, uint64_t n_bytes) {
    walker *w = adah_memory_zeroed(1, sizeof *w);
    if (w)
        w->fd = fd, w->n_bytes = n_bytes;
    return w;
}

/* ---------------------------------------------------------------- tables of places */

typedef struct entry {
    uint64_t hash, start;
} entry;

typedef struct table {
    dev_t device;
    ino_t number;
    off_t n_bytes;
    struct timespec modified, changed;
    entry *entry; /* [n], by hash, then by place */
    size_t n;
} table;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static table *tables;
static size_t n_tables, tables_capacity;

static int is_same_time(struct timespec a, struct timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

static int is_of(const table *t, const struct stat *s) {
    return t->n_bytes == s->st_size && is_same_time(t->modified, s->st_mtim) && is_same_time(t->changed, s->st_ctim);
}

static int compare_entries(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash) : (x->start > y->start) - (x->start < y->start);
}

static uint64_t hash_of(const char *name) { return XXH3_64bits(name, strlen(name)); }

/* All members of the file that have bytes, up to where it is damaged. 0: memory is out. */
static int fill(table *t, int fd, const struct stat *s) {
    size_t capacity = 0;
    walker *w = walker_open(fd, (uint64_t)s->st_size);
    int is_good = w != NULL;
    adah_memory_free(t->entry);
    *t = (table){.device = s->st_dev, .number = s->st_ino, .n_bytes = s->st_size, .modified = s->st_mtim, .changed = s->st_ctim};
    while (is_good && next_member(w) == 1)
        if (w->m.kind == 'f' && !w->m.why && (is_good = adah_memory_grow((void **)&t->entry, &capacity, t->n, sizeof *t->entry)))
            t->entry[t->n++] = (entry){hash_of(w->m.name), w->m.start};
    is_good = is_good && !w->is_out_of_memory;
    if (is_good && t->n > 1)
        qsort(t->entry, t->n, sizeof *t->entry, compare_entries);
    adah_memory_free(w);
    if (!is_good)
        t->n_bytes = -1; /* of no file */
    return is_good;
}

/* The table of the open file, in the lock; NULL: memory is out. */
static const table *table_of(int fd, const struct stat *s) {
    table *t = NULL;
    for (size_t i = 0; i < n_tables && !t; i++)
        if (tables[i].device == s->st_dev && tables[i].number == s->st_ino)
            t = &tables[i];
    if (t && is_of(t, s))
        return t;
    if (!t && n_tables == TABLES_MAX)
        t = &tables[s->st_ino % TABLES_MAX];
    if (!t) {
        if (!adah_memory_grow((void **)&tables, &tables_capacity, n_tables, sizeof *tables))
            return NULL;
        t = &tables[n_tables++];
        *t = (table){0};
    }
    return fill(t, fd, s) ? t : NULL;
}

/* The number of entries of that hash, whose starts are put into `start`, the last first. -1: memory is out. */
static int find_starts(int fd, const struct stat *s, uint64_t hash, uint64_t *start, size_t n_most) {
    pthread_mutex_lock(&lock);
    const table *t = table_of(fd, s);
    size_t low = 0, high = t ? t->n : 0, n = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (t->entry[middle].hash <= hash)
            low = middle + 1;
        else
            high = middle;
    }
    while (t && low > 0 && n < n_most && t->entry[low - 1].hash == hash)
        start[n++] = t->entry[--low].start;
    const int found = t ? (int)n : -1;
    pthread_mutex_unlock(&lock);
    return found;
}

adah_code adah_tar_find(int fd, const char *path, const char *name, adah_tar_place *place, adah_status *status) {
    enum { TRIES = 8 };
    struct stat s;
    uint64_t start[TRIES];
    if (fstat(fd, &s) != 0)
        return adah_fail_system(status, path, "cannot read its size");
    const int n = find_starts(fd, &s, hash_of(name), start, TRIES);
    walker *w = n > 0 ? walker_open(fd, (uint64_t)s.st_size) : NULL;
    if (n < 0 || (n > 0 && !w))
        return adah_fail_memory(status, sizeof *w);
    int is_found = 0;
    for (int i = 0; i < n && !is_found; i++) {
        w->at = start[i];
        is_found = next_member(w) == 1 && w->m.kind == 'f' && !w->m.why && strcmp(w->m.name, name) == 0;
        if (is_found)
            *place = w->m.place;
    }
    const int is_out_of_memory = w && w->is_out_of_memory;
    adah_memory_free(w);
    if (is_out_of_memory)
        return adah_fail_memory(status, EXTENSION_BYTES_MAX);
    return is_found ? ADAH_OK : adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: it has no member \"%s\"", path, name);
}

adah_code adah_tar_list(const char *path, adah_tar_tell tell, void *context, adah_status *status) {
    struct stat s;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return adah_fail_system(status, path, "cannot open");
    adah_code code = fstat(fd, &s) != 0 ? adah_fail_system(status, path, "cannot read its size") : ADAH_OK;
    if (code == ADAH_OK && !S_ISREG(s.st_mode))
        code = adah_fail(status, ADAH_ERROR_IO, "%s: not a regular file", path);
    walker *w = code == ADAH_OK ? walker_open(fd, (uint64_t)s.st_size) : NULL;
    if (code == ADAH_OK && !w)
        code = adah_fail_memory(status, sizeof *w);
    int more = 1;
    while (code == ADAH_OK && (more = next_member(w)) == 1)
        if (w->m.kind != 'd')
            code = tell(context, w->m.name, w->m.why, status);
    if (code == ADAH_OK && more < 0 && w->is_out_of_memory)
        code = adah_fail_memory(status, EXTENSION_BYTES_MAX);
    else if (code == ADAH_OK && more < 0)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s at byte %llu", path,
                         w->m.start == 0 ? "not a tar file, or a damaged one" : "the tar file is damaged or cut off; what stands before is read. The fault is",
                         (unsigned long long)w->m.start);
    adah_memory_free(w);
    close(fd);
    return code;
}

/* ---------------------------------------------------------------- paths */

int adah_tar_is_named(const char *path, size_t n_bytes) { return n_bytes > 4 && path[n_bytes - 5] != '/' && strncasecmp(path + n_bytes - 4, ".tar", 4) == 0; }

size_t adah_tar_prefix(const char *path) {
    struct stat s;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        const size_t n = (size_t)(slash - path);
        if (!adah_tar_is_named(path, n))
            continue;
        char prefix[PATH_MAX];
        if (n >= sizeof prefix)
            return 0;
        memcpy(prefix, path, n);
        prefix[n] = '\0';
        if (stat(prefix, &s) == 0 && S_ISREG(s.st_mode))
            return slash[1] ? n : 0;
    }
    return 0;
}
