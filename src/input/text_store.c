/* text_store.c - a team of workers runs the encoder, each text once, and what it makes is written in order; the cache file is then mapped.
 *
 * File: 64-byte header {magic, n, rows, values of one, checksum of the rest}; n rows, of each record what its text, or all of its
 * texts, become (adah_text_encoder_shape); of each record with several texts a row each; one byte a record (1: its text has tokens). A damaged file is made again. */
#include "input/text_store.h"
#include "base/memory.h"
#include "input/worker_team.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { PIECE = 128 /* texts that a worker takes at once: enough to read many of a length together */, SUMMED = 1 << 16 /* bytes */ };

typedef struct store_header {
    char magic[8];
    uint64_t n, n_rows, n_values, sum;
    uint64_t reserved[3];
} store_header;

static const char store_magic[8] = "adahtxt2";

/* A text, or a line of a record that has several. */
typedef struct line {
    const char *text;
    size_t n_bytes, record;
    size_t at, n_lines; /* its number, of so many of the record */
} line;

typedef struct making {
    const adah_text_encoder *encoder;
    const line *line;
    size_t n, n_tokens, n_values; /* values: of a row */
    uint8_t *is_there; /* [n] */
    adah_file_writer *writer;
    float *row;        /* of records: PIECE * n_values */
    size_t n_written;  /* records whose rows are in the file */
    float *lines;      /* of the next record so far: [n_values] */
    size_t n_there;    /* of these lines */
} making;

typedef struct text_worker {
    adah_text_reader *reader;
    adah_text_item item[PIECE];
    float *vector; /* PIECE * n_values */
} text_worker;

/* ---------------------------------------------------------------- rows */

/* The rows of the texts of records with several; their number is returned, first may be NULL. first: [n + 1] */
static size_t count_rows(const adah_dataset *dataset, size_t *first) {
    const size_t n = adah_dataset_count(dataset);
    size_t n_rows = n;
    for (size_t i = 0; i < n; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        if (first)
            first[i] = n_rows;
        n_rows += r->n_texts > 1 ? r->n_texts : 0;
    }
    if (first)
        first[n] = n_rows;
    return n_rows;
}

/* *n: how many there are. */
static line *list_lines(const adah_dataset *dataset, size_t n_rows, size_t *n) {
    line *list = adah_memory_zeroed(n_rows, sizeof *list);
    *n = 0;
    for (size_t i = 0; list && i < adah_dataset_count(dataset); i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        if (r->n_texts < 2)
            list[(*n)++] = (line){.text = r->text, .n_bytes = strlen(r->text), .record = i, .n_lines = 1};
        const char *text = r->text;
        for (size_t t = 0; r->n_texts > 1 && t < r->n_texts; t++) {
            const size_t width = strcspn(text, "\n");
            list[(*n)++] = (line){.text = text, .n_bytes = width, .record = i, .at = t, .n_lines = r->n_texts};
            text += width + (text[width] == '\n');
        }
    }
    return list;
}

/* ---------------------------------------------------------------- making */

static adah_code open_worker(void *context, void **worker, adah_status *status) {
    const making *m = context;
    text_worker *w = adah_memory_zeroed(1, sizeof *w);
    if (!w || !(w->vector = adah_memory_floats(PIECE * m->n_values))) {
        adah_memory_free(w);
        return adah_fail_memory(status, PIECE * m->n_values * sizeof(float));
    }
    const adah_code code = adah_text_reader_create(m->encoder, m->n_tokens, &w->reader, status);
    if (code != ADAH_OK) {
        adah_memory_free(w->vector);
        adah_memory_free(w);
        return code;
    }
    *worker = w;
    return ADAH_OK;
}

static void close_worker(void *context, void *worker) {
    text_worker *w = worker;
    (void)context;
    adah_text_reader_free(w->reader);
    adah_memory_free(w->vector);
    adah_memory_free(w);
}

static adah_code read_lines(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    const making *m = context;
    text_worker *w = worker;
    for (size_t i = 0; i < n; i++) {
        const line *l = &m->line[first + i];
        w->item[i] = (adah_text_item){.text = l->text, .n_bytes = l->n_bytes, .vector = w->vector + i * m->n_values};
    }
    return adah_text_reader_read(w->reader, w->item, n, status);
}

static int is_last(const line *l) { return l->at + 1 == l->n_lines; }

/* A line of a record with several goes to the end of the file, and to what its record has of all. */
static adah_code put_line(making *m, const adah_text_item *item, const line *l, float *row, adah_status *status) {
    adah_text_encoder_add_line(m->encoder, m->n_tokens, item->vector, l->at, l->n_lines, m->lines);
    m->n_there += item->is_there != 0;
    if (is_last(l)) {
        memcpy(row, m->lines, m->n_values * sizeof *row);
        adah_text_encoder_finish_lines(m->encoder, m->n_tokens, m->n_there, row);
        memset(m->lines, 0, m->n_values * sizeof *m->lines);
        m->n_there = 0;
    }
    return adah_file_put(m->writer, item->vector, m->n_values * sizeof *row, status);
}

static adah_code put_lines(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    making *m = context;
    const text_worker *w = worker;
    const size_t n_bytes = m->n_values * sizeof(float);
    size_t n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        const line *l = &m->line[first + i];
        const adah_text_item *item = &w->item[i];
        float *row = m->row + n_rows * m->n_values;
        m->is_there[l->record] |= item->is_there != 0;
        if (l->n_lines > 1)
            ADAH_TRY(put_line(m, item, l, row, status));
        else
            memcpy(row, item->vector, n_bytes);
        n_rows += (size_t)is_last(l);
    }
    ADAH_TRY(adah_file_patch(m->writer, sizeof(store_header) + m->n_written * n_bytes, m->row, n_rows * n_bytes, status));
    m->n_written += n_rows;
    return ADAH_OK;
}

/* The checksum of what is in the file behind its header. */
static adah_code sum_up(making *m, uint64_t *sum, adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    uint8_t *bytes = adah_memory_alloc(SUMMED);
    adah_code code = hash && bytes ? ADAH_OK : adah_fail_memory(status, SUMMED);
    const uint64_t end = adah_file_position(m->writer);
    if (hash)
        XXH3_64bits_reset(hash);
    for (uint64_t at = sizeof(store_header); code == ADAH_OK && at < end; at += SUMMED) {
        const size_t n = end - at < SUMMED ? (size_t)(end - at) : SUMMED;
        code = adah_file_read_back(m->writer, at, bytes, n, status);
        if (code == ADAH_OK)
            XXH3_64bits_update(hash, bytes, n);
    }
    if (code == ADAH_OK)
        *sum = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    adah_memory_free(bytes);
    return code;
}

static adah_code write_store(making *m, size_t n_rows, size_t n_lines, adah_progress progress, adah_status *status) {
    store_header header = {.n = m->n, .n_rows = n_rows, .n_values = m->n_values};
    const adah_team_job job = {.n_items = n_lines,
                               .n_piece = PIECE,
                               .stage = "reading texts",
                               .context = m,
                               .open = open_worker,
                               .work = read_lines,
                               .deliver = put_lines,
                               .close = close_worker};
    memcpy(header.magic, store_magic, sizeof header.magic);
    ADAH_TRY(adah_file_put(m->writer, &header, sizeof header, status));
    ADAH_TRY(adah_file_skip(m->writer, (uint64_t)m->n * m->n_values * sizeof(float), status));
    ADAH_TRY(adah_team_run(&job, progress, status));
    ADAH_TRY(adah_file_put(m->writer, m->is_there, m->n, status));
    ADAH_TRY(sum_up(m, &header.sum, status));
    return adah_file_patch(m->writer, 0, &header, sizeof header, status);
}

static size_t values_of(const adah_text_encoder *encoder, size_t n_tokens) {
    return adah_shape_count(adah_text_encoder_shape(encoder, n_tokens, 0).item);
}

static adah_code make_store(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *path, adah_progress progress,
                            adah_status *status) {
    const size_t n = adah_dataset_count(dataset), n_rows = count_rows(dataset, NULL), n_values = values_of(encoder, n_tokens);
    size_t n_lines;
    line *list = list_lines(dataset, n_rows, &n_lines);
    making m = {.encoder = encoder, .line = list, .n = n, .n_tokens = n_tokens, .n_values = n_values, .is_there = adah_memory_zeroed(n, 1),
                .row = adah_memory_floats(PIECE * n_values), .lines = adah_memory_zeroed(n_values, sizeof *m.lines)};
    adah_code code = list && m.is_there && m.row && m.lines ? adah_file_create(path, &m.writer, status)
                                                          : adah_fail_memory(status, n_rows * sizeof *list);
    if (code == ADAH_OK) {
        code = write_store(&m, n_rows, n_lines, progress, status);
        if (code == ADAH_OK)
            code = adah_file_commit(m.writer, status);
        else
            adah_file_abort(m.writer);
    }
    adah_memory_free(m.is_there);
    adah_memory_free(m.row);
    adah_memory_free(m.lines);
    adah_memory_free(list);
    return code;
}

/* ---------------------------------------------------------------- opening */

static adah_code name_store(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *folder, char **path,
                            adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return adah_fail_memory(status, 1024);
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, adah_text_encoder_id(encoder), 32);
    if (n_tokens)
        XXH3_128bits_update(hash, &n_tokens, sizeof n_tokens);
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        const uint64_t n_texts = r->n_texts;
        XXH3_128bits_update(hash, &n_texts, sizeof n_texts);
        XXH3_128bits_update(hash, r->text, strlen(r->text) + 1);
    }
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    XXH3_freeState(hash);
    char name[48];
    snprintf(name, sizeof name, "%016llx%016llx.texts", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    *path = adah_file_join(folder, name);
    return *path ? ADAH_OK : adah_fail_memory(status, strlen(folder));
}

/* Maps the file, checks it and points into it. */
static adah_code map_store(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, adah_text_store *s, adah_status *status) {
    const size_t n = adah_dataset_count(dataset), n_values = values_of(encoder, n_tokens), n_rows = count_rows(dataset, NULL);
    store_header header;
    ADAH_TRY(adah_file_open_map(s->path, &s->map, status));
    if (s->map.n_bytes != sizeof header + n_rows * n_values * sizeof(float) + n ||
        (memcpy(&header, s->map.bytes, sizeof header), memcmp(header.magic, store_magic, sizeof header.magic)) || header.n != n ||
        header.n_rows != n_rows || header.n_values != n_values ||
        header.sum != XXH3_64bits(s->map.bytes + sizeof header, s->map.n_bytes - sizeof header)) {
        adah_file_close_map(&s->map);
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged cache file", s->path);
    }
    if (n_rows > n) {
        s->first = adah_memory_zeroed(n + 1, sizeof *s->first);
        if (!s->first)
            return adah_fail_memory(status, (n + 1) * sizeof *s->first);
        count_rows(dataset, s->first);
    }
    const uint8_t *rows = s->map.bytes + sizeof header;
    s->n = n;
    s->source = (adah_input_source){.shape = adah_text_encoder_shape(encoder, n_tokens, 0),
                                    .rows = {.value = (const float *)(const void *)rows, .first = s->first},
                                    .is_there = rows + n_rows * n_values * sizeof(float),
                                    .file = s->map};
    return ADAH_OK;
}

/* Takes the file, if there is a sound one. */
static adah_code find_store(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *folder, adah_text_store *s,
                            adah_status *status) {
    ADAH_TRY(name_store(dataset, encoder, n_tokens, folder, &s->path, status));
    if (!adah_file_exists(s->path))
        return ADAH_OK;
    const adah_code code = map_store(dataset, encoder, n_tokens, s, status);
    return adah_is_bad_content(code) ? ADAH_OK : code;
}

static adah_code open_store(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *folder, adah_progress progress,
                            adah_text_store *s, adah_status *status) {
    ADAH_TRY(find_store(dataset, encoder, n_tokens, folder, s, status));
    if (s->n)
        return ADAH_OK;
    ADAH_TRY(adah_cache_make_folder(folder, status));
    ADAH_TRY(make_store(dataset, encoder, n_tokens, s->path, progress, status));
    return map_store(dataset, encoder, n_tokens, s, status);
}

adah_code adah_text_store_open(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *given_folder,
                               adah_progress progress, adah_text_store *store, adah_status *status) {
    char *folder;
    ADAH_TRY(adah_cache_folder(given_folder, &folder, status));
    adah_text_store s = {0};
    const adah_code code = open_store(dataset, encoder, n_tokens, folder, progress, &s, status);
    adah_memory_free(folder);
    if (code != ADAH_OK)
        adah_text_store_close(&s);
    else
        *store = s;
    return code;
}

adah_code adah_text_store_find(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *given_folder,
                               adah_text_store *store, adah_status *status) {
    char *folder;
    adah_text_store s = {0};
    const adah_code placed = adah_cache_folder(given_folder, &folder, status);
    if (placed != ADAH_OK)
        return placed == ADAH_ERROR_MEMORY ? placed : ADAH_OK; /* no place, no file */
    const adah_code code = find_store(dataset, encoder, n_tokens, folder, &s, status);
    adah_memory_free(folder);
    if (code != ADAH_OK || s.n == 0)
        adah_text_store_close(&s);
    if (code == ADAH_OK)
        *store = s;
    return code;
}

void adah_text_store_close(adah_text_store *store) {
    adah_file_close_map(&store->map);
    adah_memory_free(store->path);
    adah_memory_free(store->first);
    *store = (adah_text_store){0};
}
