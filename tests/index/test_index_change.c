/* (property) The file of an index changes under its readers in every way that another program can: it is cut off, emptied, overwritten in place
 * by another index, an older one or a branch of its own history or by noise, removed, replaced. Readers in several threads open,
 * follow, look up, show and search meanwhile. None crashes, and what is not an error is right for the state that was opened, which
 * is one of those that were put there.
 *
 * ADAH_READER_SECONDS: how long at least (0). */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "index/index_state.h"
#include "index_history.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_VALID = 5, N_READERS = 3, N_CHANGES = 300, N_ANSWERS = 3000, N_OPENED = 100 };

static temporary_folder folder;
static char path[512];

/* An index that is put there whole. */
typedef struct valid {
    uint8_t *bytes;
    size_t n_bytes;
    uint64_t file_number, last;
    history h;
} valid;

static valid all[N_VALID];

static atomic_int stop, n_faults;
static char fault[512];
static atomic_uint_fast64_t n_answers, n_refused, n_opened, n_not_opened;
/* Odd while a copy without cutting off first is under way: an index that is opened then may be half copied, which only checksums
 * tell; adah_index_latest looks at them, adah_index_open does not. */
static atomic_uint n_copies;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (atomic_fetch_add(&n_faults, 1) == 0)
        vsnprintf(fault, sizeof fault, format, arguments);
    va_end(arguments);
    atomic_store(&stop, 1);
}

/* ---------------------------------------------------------------- what is put there */

static void commit(history *h, adah_index_writer *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(history_stage(h, w, NULL), ADAH_OK);
        assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
        history_step(h);
    }
}

static void keep(valid *v, const history *h) {
    adah_index *x = NULL;
    assert_int_equal(adah_file_read(path, SIZE_MAX - 1, &v->bytes, &v->n_bytes, NULL), ADAH_OK);
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    v->file_number = adah_index_file_number(x);
    v->last = adah_index_last_checksum(x);
    v->h = *h;
    adah_index_close(x);
}

/* Two ages of one file, two branches of it, another file, and the first one compacted. */
static void make_all(void) {
    adah_index_writer *w = NULL;
    uint8_t *empty = NULL;
    size_t n_empty = 0;
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    assert_int_equal(adah_file_read(path, SIZE_MAX - 1, &empty, &n_empty, NULL), ADAH_OK);
    history h = history_begin(1, 40);
    commit(&h, w, 4);
    keep(&all[0], &h);
    commit(&h, w, 3);
    keep(&all[1], &h);
    assert_int_equal(adah_index_writer_compact(w, (adah_progress){NULL, NULL}, NULL), ADAH_OK);
    keep(&all[2], &h);
    adah_index_writer_close(w);
    assert_int_equal(adah_file_publish(path, empty, n_empty, NULL), ADAH_OK);
    adah_memory_free(empty);
    assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
    h = history_begin(2, 40);
    commit(&h, w, 5);
    keep(&all[3], &h);
    adah_index_writer_close(w);
    assert_int_equal(all[3].file_number, all[0].file_number); /* a branch */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    h = history_begin(3, 60);
    commit(&h, w, 6);
    keep(&all[4], &h);
    adah_index_writer_close(w);
}

static const valid *which(const adah_index *x) {
    for (size_t i = 0; i < N_VALID; i++)
        if (adah_index_file_number(x) == all[i].file_number && adah_index_last_checksum(x) == all[i].last)
            return &all[i];
    return NULL;
}

/* ---------------------------------------------------------------- answers */

/* 1: an answer, which must be right. */
static int is_answer(adah_code code, const adah_status *status) {
    atomic_fetch_add(code == ADAH_OK ? &n_answers : &n_refused, 1);
    if (code != ADAH_OK && !adah_is_unreadable(code))
        complain("%s: %s", adah_code_name(code), status->message);
    return code == ADAH_OK;
}

static int same_code(const uint8_t *code, const history_record *r, int m) {
    return code ? r->has_code[m] && !memcmp(code, r->code[m], HISTORY_CODE_BYTES) : !r->has_code[m];
}

static int is_record(const adah_index *x, const adah_index_entry *e, const history_record *r) {
    int is = e->id == r->id && !strcmp(e->file_name, r->file_name) && !strcmp(e->text, r->text) && e->n_labels == r->n_labels &&
             same_code(e->image_code, r, 0) && same_code(e->text_code, r, 1);
    for (size_t i = 0; i < e->n_labels && is; i++) {
        const char *name = adah_index_label_name(x, e->label[i]);
        int is_one = 0;
        for (size_t k = 0; k < r->n_labels && name; k++)
            is_one |= !strcmp(name, r->label_name[k]);
        is = is_one;
    }
    return is;
}

static void look_up(const adah_index *x, const valid *v, uint64_t id) {
    adah_status status = {.code = ADAH_OK};
    adah_index_entry e;
    uint64_t row;
    const int is_there = adah_index_find(x, id, &row);
    const adah_code code = is_there ? adah_index_record(x, row, &e, &status) : adah_index_check(x, &status);
    if (code == ADAH_ERROR_NOT_FOUND || !is_answer(code, &status)) /* a row that is deleted, which a wrong id gave */
        return;
    if (is_there != (v->h.writer[id] != 0)) {
        /* what was found was looked for in bytes that are known to be good only now */
        if (adah_index_check(x, NULL) == ADAH_OK)
            complain("id %" PRIu64 " %s", id, is_there ? "is there" : "is missing");
    } else if (is_there) {
        history_record r;
        history_make_record(&v->h, id, v->h.writer[id], &r);
        if (!is_record(x, &e, &r) && adah_index_check(x, NULL) == ADAH_OK)
            complain("record %" PRIu64 " is wrong: %.200s", id, e.file_name);
    }
    if (is_there)
        adah_index_entry_free(&e);
}

typedef struct nearest {
    uint64_t id;
    uint32_t distance;
} nearest;

static int by_distance(const void *a, const void *b) {
    const nearest *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance)
                                      : (x->id > y->id) - (x->id < y->id);
}

static int accept_even(void *context, const adah_index_entry *e) {
    (void)context;
    return e->id % 2 == 0 && strlen(e->file_name) + strlen(e->text) < 1000; /* reads all of it */
}

static void search(const adah_index *x, const valid *v, uint64_t *s) {
    static _Thread_local nearest list[HISTORY_IDS];
    uint8_t query[HISTORY_CODE_BYTES];
    adah_status status = {.code = ADAH_OK};
    adah_search_result result = {NULL, 0};
    adah_search_options o;
    adah_search_options_init(&o);
    const int to = (int)history_random(s, 2), with_accept = history_random(s, 2) == 0;
    size_t n = 0;
    for (size_t i = 0; i < sizeof query; i++)
        query[i] = (uint8_t)history_random(s, 256);
    o.accept = with_accept ? accept_even : NULL;
    if (!is_answer(adah_index_search(x, (adah_modality)to, query, 1, &o, &result, &status), &status))
        return;
    for (uint64_t id = 0; id < HISTORY_IDS; id += with_accept ? 2 : 1) {
        history_record r;
        if (!v->h.writer[id])
            continue;
        history_make_record(&v->h, id, v->h.writer[id], &r);
        if (!r.has_code[to])
            continue;
        list[n] = (nearest){id, 0};
        for (int i = 0; i < HISTORY_CODE_BYTES; i++)
            list[n].distance += (uint32_t)__builtin_popcount(query[i] ^ r.code[to][i]);
        n++;
    }
    qsort(list, n, sizeof *list, by_distance);
    int is_same = result.n_hits == (n < o.k ? n : o.k);
    for (size_t i = 0; i < result.n_hits && is_same; i++)
        is_same = result.hits[i].id == list[i].id && result.hits[i].distance == list[i].distance;
    if (!is_same)
        complain("a search gives other hits");
    adah_search_result_free(&result);
}

static void check_stats(const adah_index *x, const valid *v) {
    adah_status status = {.code = ADAH_OK};
    char *json = NULL;
    if (is_answer(adah_index_stats(x, &json, &status), &status) && adah_index_count(x) != v->h.n_alive)
        complain("%" PRIu64 " records, expected %" PRIu64, adah_index_count(x), v->h.n_alive);
    adah_free(json);
}

/* ---------------------------------------------------------------- readers */

/* An index opened from the start, or the latest of x, which is closed; NULL: there is no good one. */
static adah_index *open_one(adah_index *x, uint64_t *s) {
    adah_index *latest = NULL;
    adah_status status = {.code = ADAH_OK};
    const unsigned n_before = atomic_load(&n_copies);
    const int is_followed = x && history_random(s, 2);
    const adah_code code = is_followed ? adah_index_latest(x, &latest, &status) : adah_index_open(path, &latest, &status);
    if (code != ADAH_OK && !adah_is_unreadable(code))
        complain("%s: %s", adah_code_name(code), status.message);
    atomic_fetch_add(code == ADAH_OK ? &n_opened : &n_not_opened, 1);
    adah_index_close(x);
    if (latest && !is_followed && (n_before % 2 || n_before != atomic_load(&n_copies))) {
        adah_index_close(latest);
        return NULL;
    }
    return latest;
}

static void *read_on(void *context) {
    uint64_t s = 99 + (uint64_t)(uintptr_t)context;
    adah_index *x = NULL;
    while (!atomic_load(&stop)) {
        x = open_one(x, &s);
        if (!x)
            continue;
        const valid *v = which(x);
        if (!v) {
            complain("an index was opened that was never there");
            break;
        }
        for (uint64_t left = 1 + history_random(&s, 30); left > 0 && !atomic_load(&stop); left--)
            switch (history_random(&s, 8)) {
            case 0: search(x, v, &s); break;
            case 1: check_stats(x, v); break;
            default: look_up(x, v, history_random(&s, HISTORY_IDS / 4)); break;
            }
        if (history_random(&s, 16) == 0)
            adah_index_verify(path, NULL);
    }
    adah_index_close(x);
    return NULL;
}

/* ---------------------------------------------------------------- the program that changes the file */

static void write_piece(int fd, const uint8_t *bytes, size_t n_bytes, size_t at) {
    if (pwrite(fd, bytes, n_bytes, (off_t)at) != (ssize_t)n_bytes)
        abort();
}

static void truncate_to(int fd, size_t n_bytes) {
    if (ftruncate(fd, (off_t)n_bytes) != 0)
        abort();
}

/* In pieces from the front, as cp does it. */
static void copy_over(const uint8_t *bytes, size_t n_bytes, int cuts_off_first, uint64_t *s) {
    const size_t n_piece = 1 + history_random(s, 2) * 4095 + history_random(s, 60000);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        abort();
    if (cuts_off_first)
        truncate_to(fd, 0);
    else
        atomic_fetch_add(&n_copies, 1);
    for (size_t at = 0; at < n_bytes; at += n_piece)
        write_piece(fd, bytes + at, n_bytes - at < n_piece ? n_bytes - at : n_piece, at);
    truncate_to(fd, n_bytes);
    if (!cuts_off_first)
        atomic_fetch_add(&n_copies, 1);
    close(fd);
}

static void write_noise(uint64_t *s) {
    enum { N = 200000 };
    static uint8_t noise[N];
    for (size_t i = 0; i < N; i++)
        noise[i] = (uint8_t)history_random(s, 256);
    copy_over(noise, history_random(s, N), 1, s);
}

static void cut_off(uint64_t *s) {
    struct stat info;
    if (stat(path, &info) == 0 && truncate(path, (off_t)history_random(s, (uint64_t)info.st_size + 1)) != 0)
        abort();
}

static void change(uint64_t *s) {
    const valid *v = &all[history_random(s, N_VALID)];
    switch (history_random(s, 8)) {
    case 0: cut_off(s); break;
    case 1: write_noise(s); break;
    case 2: (void)unlink(path); break;
    case 3:
        if (adah_file_publish(path, v->bytes, v->n_bytes, NULL) != ADAH_OK)
            abort();
        break;
    case 4: copy_over(v->bytes, v->n_bytes, 0, s); break;
    default: copy_over(v->bytes, v->n_bytes, 1, s); break;
    }
}

static void test_no_change_of_the_file_gives_a_wrong_answer(void **state) {
    (void)state;
    pthread_t readers[N_READERS];
    uint64_t s = 4711;
    const char *wanted = getenv("ADAH_READER_SECONDS");
    const double n_seconds = wanted ? atof(wanted) : 0;
    struct timespec begin, now;
    size_t n_changes = 0;
    adah_set_threads(1);
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    make_all();
    for (uintptr_t i = 0; i < N_READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, (void *)i), 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        change(&s);
        n_changes++;
        if (history_random(&s, 3) == 0) /* time to open it */
            nanosleep(&(struct timespec){0, (long)history_random(&s, 3000000)}, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!atomic_load(&stop) &&
             ((double)(now.tv_sec - begin.tv_sec) < n_seconds || n_changes < N_CHANGES || atomic_load(&n_answers) < N_ANSWERS ||
              atomic_load(&n_refused) < N_ANSWERS / 10 || atomic_load(&n_opened) < N_OPENED));
    atomic_store(&stop, 1);
    for (int i = 0; i < N_READERS; i++)
        pthread_join(readers[i], NULL);
    printf("%zu changes; %" PRIuFAST64 " answers, %" PRIuFAST64 " refused; %" PRIuFAST64 " times opened, %" PRIuFAST64 " not\n", n_changes,
           n_answers, n_refused, n_opened, n_not_opened);
    if (n_faults)
        fail_msg("%d faults, the first: %s", n_faults, fault);
    for (size_t i = 0; i < N_VALID; i++)
        adah_memory_free(all[i].bytes);
    temporary_folder_remove(&folder);
}

/* ---------------------------------------------------------------- one change after another */

static void put(const valid *v) {
    uint64_t s = 1;
    copy_over(v->bytes, v->n_bytes, 0, &s);
}

static void assert_latest(adah_index *x, const valid *v) {
    adah_index *latest = NULL;
    adah_status status = {.code = ADAH_OK};
    char wrong[256];
    assert_int_equal(adah_index_latest(x, &latest, &status), ADAH_OK);
    assert_ptr_equal(which(latest), v);
    if (!history_is(&v->h, latest, wrong))
        fail_msg("%s", wrong);
    adah_index_close(latest);
}

static void assert_no_latest(adah_index *x, adah_code expected) {
    adah_index *latest = NULL;
    assert_int_equal(adah_index_latest(x, &latest, NULL), expected);
    assert_int_equal(adah_index_latest(x, &latest, NULL), expected); /* as it was refused before */
    assert_null(latest);
}

/* Waits until the clock of the file system has gone on: two writes within a tick have the same time. */
static void let_time_pass(void) {
    struct stat before, now;
    char other[600];
    snprintf(other, sizeof other, "%s.time", path);
    assert_int_equal(stat(path, &before), 0);
    do {
        const int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        assert_true(fd >= 0 && write(fd, "x", 1) == 1 && fstat(fd, &now) == 0);
        close(fd);
    } while (now.st_mtim.tv_sec == before.st_ctim.tv_sec && now.st_mtim.tv_nsec == before.st_ctim.tv_nsec);
    assert_int_equal(unlink(other), 0);
}

static void flip(size_t at) {
    uint8_t byte = 0;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    let_time_pass();
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 1;
    write_piece(fd, &byte, 1, at);
    close(fd);
}

static void test_every_change_is_noticed(void **state) {
    (void)state;
    adah_index *x = NULL, *again = NULL;
    adah_status status;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    make_all();
    for (size_t from = 0; from < N_VALID; from++)
        for (size_t to = 0; to < N_VALID; to++) {
            /* An older state of the same file, and the same one, are a change of nothing up to where the state ends. */
            const int is_older = from == to || (from == 0 && to == 1);
            put(&all[from]);
            assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
            put(&all[to]);
            assert_int_equal(adah_index_check(x, &status), is_older ? ADAH_OK : ADAH_ERROR_CORRUPT);
            if (!is_older)
                assert_non_null(strstr(status.message, "changed by another program"));
            assert_latest(x, &all[to]);
            put(&all[from]); /* once lost is lost */
            assert_int_equal(adah_index_check(x, NULL), is_older ? ADAH_OK : ADAH_ERROR_CORRUPT);
            assert_latest(x, &all[from]);
            assert_int_equal(truncate(path, 0), 0);
            assert_no_latest(x, ADAH_ERROR_FORMAT);
            assert_int_equal(adah_index_check(x, NULL), ADAH_ERROR_CORRUPT);
            put(&all[to]);
            assert_latest(x, &all[to]);
            adah_index_close(x);
        }

    /* Removed, or replaced by something bad: the state goes on. */
    put(&all[0]);
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    assert_int_equal(unlink(path), 0);
    assert_no_latest(x, ADAH_ERROR_NOT_FOUND);
    assert_int_equal(adah_file_publish(path, "nothing", 7, NULL), ADAH_OK);
    assert_no_latest(x, ADAH_ERROR_FORMAT);
    assert_int_equal(adah_index_check(x, NULL), ADAH_OK);
    assert_ptr_equal(which(x), &all[0]);
    put(&all[4]);
    assert_latest(x, &all[4]);
    adah_index_close(x);

    /* A byte behind the headers: the next look notices. */
    put(&all[4]);
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    for (size_t i = 0; i < 20; i++) {
        const size_t at = ADAH_INDEX_FRONT_BYTES + 1000 + i * (all[4].n_bytes - ADAH_INDEX_FRONT_BYTES - 1000) / 20;
        flip(at);
        if (adah_index_verify(path, NULL) == ADAH_OK)
            fail_msg("byte %zu is not looked at", at);
        const adah_code looked = adah_index_latest(x, &again, NULL);
        /* between two sections nothing is read: verify alone sees to that */
        if (looked == ADAH_OK)
            adah_index_close(again);
        else
            assert_int_equal(adah_index_check(x, NULL), ADAH_ERROR_CORRUPT);
        flip(at);
        assert_latest(x, &all[4]);
        adah_index_close(x);
        assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    }

    /* Another time alone: all is looked at, and is right. */
    let_time_pass();
    assert_int_equal(chmod(path, 0640), 0);
    assert_latest(x, &all[4]);
    assert_int_equal(adah_index_check(x, NULL), ADAH_OK);
    adah_index_close(x);

    /* A writer that writes nothing is no stranger. */
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    let_time_pass();
    adah_index_writer *w = NULL;
    assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
    adah_index_writer_close(w);
    assert_int_equal(adah_index_latest(x, &again, NULL), ADAH_OK);
    assert_ptr_equal(again, x);
    adah_index_close(again);
    adah_index_close(x);
    for (size_t i = 0; i < N_VALID; i++)
        adah_memory_free(all[i].bytes);
    temporary_folder_remove(&folder);
}

/* A writer refuses its batch, and leaves what another program has put there as it is. */
static void test_a_writer_spoils_no_other_file(void **state) {
    (void)state;
    adah_index_writer *w = NULL;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    static const uint8_t code[HISTORY_CODE_BYTES];
    const adah_index_item item = {.id = ADAH_NO_ID, .text = "x", .text_code = code};
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    make_all();
    for (size_t to = 2; to < N_VALID; to++) {
        put(&all[0]);
        assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
        assert_int_equal(adah_index_writer_add(w, &item, NULL, NULL), ADAH_OK);
        put(&all[to]);
        assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_ERROR_CORRUPT);
        assert_int_equal(adah_index_writer_compact(w, (adah_progress){NULL, NULL}, NULL), ADAH_ERROR_CORRUPT);
        adah_index_writer_close(w);
        assert_int_equal(adah_file_read(path, SIZE_MAX - 1, &bytes, &n_bytes, NULL), ADAH_OK);
        assert_int_equal(n_bytes, all[to].n_bytes);
        assert_memory_equal(bytes, all[to].bytes, n_bytes);
        adah_memory_free(bytes);
    }
    for (size_t i = 0; i < N_VALID; i++)
        adah_memory_free(all[i].bytes);
    temporary_folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_change_is_noticed),
                                       cmocka_unit_test(test_a_writer_spoils_no_other_file),
                                       cmocka_unit_test(test_no_change_of_the_file_gives_a_wrong_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
