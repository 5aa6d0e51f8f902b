/* fuzz_index_change.c - an index with a writer and readers, and a program that changes its file between and during their calls. The input
 * is a sequence of steps, a byte each with its numbers behind it: what the writer commits, what the other program cuts off, copies over,
 * overwrites or takes back (checksums made right where it says so, such that what lies behind them is reached), what readers open,
 * follow and ask. During a search the predicate takes the next steps, so that bytes change between being checked and being used. No call may
 * crash; one that follows with nothing wrong must be right. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "../tests/index_bytes.h"
#include "base/file.h"
#include "fuzz_file.h" /* LLVMFuzzerTestOneInput */

#include <fcntl.h>
#include <sys/stat.h>

enum { N_BITS = 64, N_READERS = 3, N_KEPT = 3, STEPS_MAX = 200, FILE_BYTES_MAX = 1 << 20, NESTED_MAX = 3 };

typedef struct bytes {
    uint8_t *bytes;
    size_t n_bytes;
} file_bytes;

/* All that a run has. */
typedef struct run {
    const uint8_t *input;
    size_t n_left, n_steps, n_nested;
    char path[128];
    adah_index_writer *writer;
    adah_index *reader[N_READERS];
    file_bytes kept[N_KEPT]; /* what the file was */
} run;

static volatile size_t n_seen;

static unsigned next(run *r) {
    if (!r->n_left)
        return 0;
    r->n_left--;
    return *r->input++;
}

static uint64_t next_of(run *r, uint64_t n) { return n ? (next(r) << 16 | next(r) << 8 | next(r)) % n : 0; }

static size_t file_size(const run *r) {
    struct stat info;
    return stat(r->path, &info) == 0 ? (size_t)info.st_size : 0;
}

/* ---------------------------------------------------------------- the other program */

static void keep_file(run *r) {
    file_bytes *f = &r->kept[next_of(r, N_KEPT)];
    adah_memory_free(f->bytes);
    *f = (file_bytes){NULL, 0};
    if (file_size(r) && adah_file_read(r->path, FILE_BYTES_MAX, &f->bytes, &f->n_bytes, NULL) != ADAH_OK)
        *f = (file_bytes){NULL, 0};
}

static void write_over(const run *r, const uint8_t *bytes, size_t n_bytes, size_t at, int flags) {
    const int fd = open(r->path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0 || pwrite(fd, bytes, n_bytes, (off_t)at) != (ssize_t)n_bytes)
        abort();
    close(fd);
}

static void copy_back(run *r) {
    const file_bytes *f = &r->kept[next_of(r, N_KEPT)];
    const unsigned how = next(r);
    if (!f->bytes)
        return;
    if (how % 4 == 0)
        adah_file_publish(r->path, f->bytes, f->n_bytes, NULL);
    else if (how % 4 == 1) /* a part of it */
        write_over(r, f->bytes, next_of(r, f->n_bytes + 1), 0, how & 4 ? O_TRUNC : 0);
    else
        write_over(r, f->bytes, f->n_bytes, 0, how % 4 == 2 ? O_TRUNC : 0);
}

static void overwrite(run *r) {
    uint8_t piece[32];
    const size_t size = file_size(r), n = 1 + next(r) % sizeof piece;
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = i < n ? (uint8_t)next(r) : 0;
    if (size > n)
        write_over(r, piece, n, next_of(r, size - n), 0);
}

/* One number of a header, a table, a start or a code, at a multiple of 8, becomes another; then all checksums fit it. */
static void change_number(run *r, int in_place) {
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    if (!file_size(r) || adah_file_read(r->path, FILE_BYTES_MAX, &bytes, &n_bytes, NULL) != ADAH_OK)
        return;
    if (n_bytes >= ADAH_INDEX_FRONT_BYTES + sizeof(uint64_t)) {
        const size_t at = ADAH_INDEX_FRONT_BYTES + next_of(r, (n_bytes - ADAH_INDEX_FRONT_BYTES) / 8) * 8;
        uint64_t number;
        memcpy(&number, bytes + at, sizeof number);
        const unsigned how = next(r);
        number = how & 1 ? number + (how >> 1) : how & 2 ? number - (how >> 2) : (uint64_t)how << (how >> 2);
        memcpy(bytes + at, &number, sizeof number);
        index_mend(bytes, n_bytes, INDEX_MEND_SECTIONS);
    }
    if (in_place)
        write_over(r, bytes, n_bytes, 0, 0);
    else
        adah_file_publish(r->path, bytes, n_bytes, NULL);
    adah_memory_free(bytes);
}

static void change_file(run *r) {
    switch (next(r) % 8) {
    case 0: (void)!truncate(r->path, (off_t)next_of(r, file_size(r) + 1)); break;
    case 1: (void)!truncate(r->path, 0); break;
    case 2: (void)unlink(r->path); break;
    case 3: overwrite(r); break;
    case 4: change_number(r, 1); break;
    case 5: change_number(r, 0); break;
    default: copy_back(r); break;
    }
}

/* ---------------------------------------------------------------- the writer */

static void add_some(run *r) {
    static const char *const labels[] = {"red", "green", "blue", "round"};
    for (size_t i = 1 + next_of(r, 4); i > 0; i--) {
        uint8_t code[2][N_BITS / 8];
        const unsigned what = next(r);
        for (size_t k = 0; k < sizeof code; k++)
            code[k / (N_BITS / 8)][k % (N_BITS / 8)] = (uint8_t)(what * 37 + k * (what >> 3));
        const adah_index_item item = {.id = what & 8 ? next(r) : ADAH_NO_ID,
                                      .file_name = what & 1 ? "a file" : NULL,
                                      .text = what & 2 ? "some words" : NULL,
                                      .label = labels + (what >> 6),
                                      .n_labels = what & 4 ? 1 : 0,
                                      .image_code = what & 16 ? NULL : code[0],
                                      .text_code = what & 16 || what & 32 ? code[1] : NULL};
        if (what & 64 && item.id != ADAH_NO_ID)
            adah_index_writer_replace(r->writer, &item, NULL);
        else
            adah_index_writer_add(r->writer, &item, NULL, NULL);
    }
}

static void write_some(run *r) {
    const unsigned what = next(r);
    if (!r->writer)
        adah_index_writer_open(r->path, &r->writer, NULL);
    if (!r->writer)
        return;
    switch (what % 8) {
    case 0:
        adah_index_writer_close(r->writer);
        r->writer = NULL;
        return;
    case 1: adah_index_writer_delete(r->writer, next(r), NULL); break;
    case 2: adah_index_writer_compact(r->writer, (adah_progress){NULL, NULL}, NULL); return;
    default: add_some(r); break;
    }
    if (!(what & 8) && adah_index_writer_commit(r->writer, NULL) == ADAH_OK)
        FUZZ_MUST(adah_index_rows(adah_index_writer_state(r->writer)) > 0);
}

/* ---------------------------------------------------------------- readers */

static void take_step(run *r);

static int accept(void *context, const adah_index_entry *e) {
    run *r = context;
    if (r->n_nested < NESTED_MAX) {
        r->n_nested++;
        take_step(r);
        r->n_nested--;
    }
    n_seen += strlen(e->file_name) + strlen(e->text) + e->n_labels;
    return (int)(e->id & 1);
}

static void search(run *r, const adah_index *x) {
    static const uint8_t query[2][N_BITS / 8] = {{1, 2, 3}, {255, 3, 7, 9}};
    const unsigned how = next(r);
    adah_search_result results[2];
    adah_search_options o;
    adah_search_options_init(&o);
    const uint64_t only[] = {0, 1, 5};
    o.k = how & 1 ? 3 : SIZE_MAX;
    o.method = (adah_search_method)(how / 2 % 3);
    o.cut_off = how & 8;
    o.accept = how & 16 ? accept : NULL;
    o.context = r;
    o.only = how & 32 ? only : NULL;
    o.n_only = how & 32 ? 3 : 0;
    o.exclude = how & 64 ? 1 : ADAH_NO_ID;
    if (adah_index_search(x, how & 128 ? ADAH_TEXT : ADAH_IMAGE, query[0], 2, &o, results, NULL) != ADAH_OK)
        return;
    for (int q = 0; q < 2; q++) {
        const adah_search_result *found = &results[q];
        FUZZ_MUST(found->n_hits <= o.k && found->n_hits <= adah_index_rows(x));
        for (size_t i = 1; i < found->n_hits; i++)
            FUZZ_MUST(found->hits[i - 1].distance <= found->hits[i].distance);
        adah_search_result_free(&results[q]);
    }
}

static void look_up(run *r, const adah_index *x) {
    adah_index_entry e;
    uint64_t row = next_of(r, adah_index_rows(x) + 1), found;
    if (adah_index_record(x, row, &e, NULL) == ADAH_OK) {
        n_seen += strlen(e.file_name) + strlen(e.text);
        for (size_t i = 0; i < e.n_labels; i++) {
            const char *name = adah_index_label_name(x, e.label[i]);
            n_seen += name ? strlen(name) : 0;
        }
        for (size_t i = 0; i < adah_index_bits(x) / 8; i++)
            n_seen += (e.image_code ? e.image_code[i] : 0U) + (e.text_code ? e.text_code[i] : 0U);
        adah_index_entry_free(&e);
    }
    n_seen += (size_t)adah_index_find(x, next(r), &found);
}

static void read_some(run *r) {
    const unsigned what = next(r);
    adah_index **reader = &r->reader[what / 8 % N_READERS], *x = NULL;
    char *json = NULL;
    uint8_t *note = NULL;
    size_t n_note = 0;
    switch (what % 8) {
    case 0:
        adah_index_close(*reader);
        *reader = NULL;
        adah_index_open(r->path, reader, NULL);
        break;
    case 1:
        if (*reader && adah_index_latest(*reader, &x, NULL) == ADAH_OK) {
            adah_index_close(*reader);
            *reader = x;
        }
        break;
    case 2: adah_index_verify(r->path, NULL); break;
    case 3:
        if (*reader && adah_index_stats(*reader, &json, NULL) == ADAH_OK)
            adah_free(json);
        break;
    case 4:
        if (*reader && adah_index_note(*reader, "a note", &note, &n_note, NULL) == ADAH_OK)
            adah_free(note);
        break;
    case 5:
        if (*reader)
            look_up(r, *reader);
        break;
    default:
        if (*reader && r->n_nested == 0)
            search(r, *reader);
        break;
    }
}

/* ---------------------------------------------------------------- all together */

static void take_step(run *r) {
    if (!r->n_left || r->n_steps++ > STEPS_MAX)
        return;
    const unsigned what = next(r) % 8;
    if (r->n_nested) /* the readers at work stay */
        change_file(r);
    else if (what == 0)
        keep_file(r);
    else if (what < 3)
        write_some(r);
    else if (what < 5)
        change_file(r);
    else
        read_some(r);
}

/* After all of that, an index that is put there is good again for those who look. */
static void end_well(run *r, const uint8_t *good, size_t n_good) {
    write_over(r, good, n_good, 0, O_TRUNC);
    FUZZ_MUST(adah_index_verify(r->path, NULL) == ADAH_OK);
    for (int i = 0; i < N_READERS; i++) {
        adah_index *x = NULL;
        if (!r->reader[i])
            continue;
        FUZZ_MUST(adah_index_latest(r->reader[i], &x, NULL) == ADAH_OK);
        FUZZ_MUST(adah_index_check(x, NULL) == ADAH_OK);
        for (uint64_t row = 0; row < adah_index_rows(x); row++) {
            adah_index_entry e;
            FUZZ_MUST(adah_index_record(x, row, &e, NULL) == ADAH_OK);
            FUZZ_MUST(e.id == row && !strcmp(e.text, "good"));
            adah_index_entry_free(&e);
        }
        adah_index_close(x);
        adah_index_close(r->reader[i]);
    }
}

/* The index that every run begins and ends with, of a few records. */
static file_bytes make_good(const char *path) {
    static const uint8_t code[2][N_BITS / 8] = {{1, 2, 4}, {8, 16}};
    static const char *const label[] = {"red", "green"};
    static const int8_t fine[8] = {3, -1};
    file_bytes good = {NULL, 0};
    adah_index_writer *w = NULL;
    FUZZ_MUST(adah_index_writer_create(path, NULL, N_BITS, &w, NULL) == ADAH_OK);
    for (int i = 0; i < 5; i++) {
        const adah_index_item item = {.id = ADAH_NO_ID,
                                      .file_name = "name",
                                      .text = "good",
                                      .label = label,
                                      .n_labels = 2,
                                      .image_code = code[0],
                                      .text_code = i % 2 ? code[1] : NULL,
                                      .image_fine = i % 3 ? fine : NULL,
                                      .n_image_fine = sizeof fine};
        FUZZ_MUST(adah_index_writer_add(w, &item, NULL, NULL) == ADAH_OK);
        FUZZ_MUST(i % 2 || adah_index_writer_commit(w, NULL) == ADAH_OK);
    }
    adah_index_writer_close(w);
    FUZZ_MUST(adah_file_read(path, FILE_BYTES_MAX, &good.bytes, &good.n_bytes, NULL) == ADAH_OK);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static file_bytes good;
    run r = {.input = bytes, .n_left = n_bytes};
    snprintf(r.path, sizeof r.path, "%s/index", fuzz_folder());
    if (!good.bytes)
        good = make_good(r.path);
    FUZZ_MUST(adah_file_publish(r.path, good.bytes, good.n_bytes, NULL) == ADAH_OK);
    while (r.n_left && r.n_steps <= STEPS_MAX)
        take_step(&r);
    adah_index_writer_close(r.writer);
    end_well(&r, good.bytes, good.n_bytes);
    for (int i = 0; i < N_KEPT; i++)
        adah_memory_free(r.kept[i].bytes);
    return 0;
}
