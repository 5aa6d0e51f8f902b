/* (property) Readers while a writer writes: several threads and another process follow a collection through adds, replacements,
 * deletions and compactions. Every state they see is that after a whole number of batches, no older than what was
 * committed when they asked, and stays as it is while the file goes on.
 *
 * ADAH_READER_SECONDS: how long at least (0). */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "index_history.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

enum { N_THREADS = 3, N_OTHERS = 2, N_KEPT = 3, N_HITS = 10, N_STATES = 2000, N_BATCHES = 200 /* at least */ };

static temporary_folder folder;
static char path[512];

/* Shared with the other process. */
typedef struct board {
    atomic_uint_fast64_t n_committed; /* batches */
    atomic_int stop, n_faults;
    atomic_uint_fast64_t n_states, n_checks, n_searches; /* for the report */
    char fault[512];                                     /* the first */
} board;

static board *shared;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (atomic_fetch_add(&shared->n_faults, 1) == 0)
        vsnprintf(shared->fault, sizeof shared->fault, format, arguments);
    va_end(arguments);
    atomic_store(&shared->stop, 1);
}

/* ---------------------------------------------------------------- a state against its history */

typedef struct candidate {
    uint64_t id;
    uint32_t distance;
} candidate;

static int by_distance(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance)
                                      : (x->id > y->id) - (x->id < y->id);
}

/* The nearest by going through the history; returns how many there are. */
static size_t search_history(const history *h, int to, const uint8_t *query, const adah_search_options *o,
                             candidate *all) {
    size_t n = 0;
    for (uint64_t id = 0; id < HISTORY_IDS; id++) {
        if (!h->writer[id] || id == o->exclude)
            continue;
        int is_wanted = !o->only;
        for (size_t i = 0; i < o->n_only; i++)
            is_wanted |= o->only[i] == id;
        history_record r;
        if (is_wanted)
            history_make_record(h, id, h->writer[id], &r);
        if (!is_wanted || !r.has_code[to])
            continue;
        candidate c = {id, 0};
        for (int i = 0; i < HISTORY_CODE_BYTES; i++)
            c.distance += (uint32_t)__builtin_popcount(query[i] ^ r.code[to][i]);
        if (c.distance <= o->radius)
            all[n++] = c;
    }
    qsort(all, n, sizeof *all, by_distance);
    return n < o->k ? n : o->k;
}

static void check_search(const history *h, const adah_index *x, uint64_t *s) {
    candidate all[HISTORY_IDS];
    uint8_t query[2][HISTORY_CODE_BYTES];
    uint64_t only[4];
    const int to = (int)history_random(s, 2);
    adah_search_options o;
    adah_search_options_init(&o);
    adah_search_result results[2] = {{NULL, 0}, {NULL, 0}};
    adah_status status = {0};
    for (int i = 0; i < 2 * HISTORY_CODE_BYTES; i++)
        query[i / HISTORY_CODE_BYTES][i % HISTORY_CODE_BYTES] =
            (uint8_t)(history_random(s, 256) & history_random(s, 256));
    o.k = history_random(s, 4) ? N_HITS : SIZE_MAX;
    o.radius = history_random(s, 2) ? 20 : UINT32_MAX;
    if (history_random(s, 3) == 0)
        o.exclude = history_random(s, HISTORY_IDS);
    if (history_random(s, 3) == 0) {
        o.only = only;
        o.n_only = 4;
        for (int i = 0; i < 4; i++)
            only[i] = history_random(s, HISTORY_IDS / 8);
    }
    const adah_code code = adah_index_search(x, (adah_modality)to, query[0], 2, &o, results, &status);
    if (code != ADAH_OK)
        complain("search: %s", status.message);
    for (int q = 0; q < 2 && code == ADAH_OK; q++) {
        const size_t n = search_history(h, to, query[q], &o, all);
        int is_same = n == results[q].n_hits;
        for (size_t i = 0; i < n && is_same; i++) {
            const adah_search_hit *hit = &results[q].hits[i];
            uint64_t row;
            is_same = hit->id == all[i].id && hit->distance == all[i].distance && adah_index_find(x, hit->id, &row) &&
                      row == hit->row;
        }
        if (!is_same)
            complain("a search after %" PRIu64 " batches gives other hits", h->n_batches);
        adah_search_result_free(&results[q]);
    }
    atomic_fetch_add(&shared->n_searches, 2);
}

static void check(const history *h, const adah_index *x, uint64_t *s) {
    char fault[256];
    if (history_count(x) != h->n_batches)
        complain("a state of %" PRIu64 " batches has %" PRIu64 " now", h->n_batches, history_count(x));
    else if (!history_is(h, x, fault))
        complain("%s", fault);
    else
        check_search(h, x, s);
    atomic_fetch_add(&shared->n_checks, 1);
}

/* ---------------------------------------------------------------- readers */

/* A state that all readers of a process hand on to each other. */
static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static adah_index *exchanged;

/* Another reference to it: a state is its own latest, or there is a later one. */
static adah_index *take_exchanged(void) {
    adah_index *x = NULL;
    adah_status status = {0};
    pthread_mutex_lock(&exchange_lock);
    if (exchanged && adah_index_latest(exchanged, &x, &status) != ADAH_OK)
        complain("%s", status.message);
    pthread_mutex_unlock(&exchange_lock);
    return x;
}

static void give_exchanged(adah_index *x) { /* keeps it */
    pthread_mutex_lock(&exchange_lock);
    adah_index *old = exchanged;
    exchanged = x;
    pthread_mutex_unlock(&exchange_lock);
    adah_index_close(old);
}

typedef struct kept {
    adah_index *x;
    history h;
} kept;

/* The newest state: by opening the file, or from a state at hand. */
static adah_index *newest(adah_index *x, uint64_t *s) {
    adah_index *latest = NULL;
    adah_status status = {0};
    const adah_code code = x ? adah_index_latest(x, &latest, &status) : adah_index_open(path, &latest, &status);
    if (code != ADAH_OK) {
        complain("%s", status.message);
        return NULL;
    }
    if (history_random(s, 4) == 0) {
        adah_index *again = NULL; /* a reference of its own to give away */
        if (adah_index_latest(latest, &again, &status) == ADAH_OK)
            give_exchanged(again);
        else
            complain("%s", status.message);
    }
    return latest;
}

static void *read_on(void *context) {
    uint64_t s = 77 + (uint64_t)(uintptr_t)context;
    kept old[N_KEPT] = {{NULL, {0}}};
    history h = history_begin(1, 12);
    adah_index *x = NULL;
    while (!atomic_load(&shared->stop)) {
        const uint64_t n_least = atomic_load(&shared->n_committed), choice = history_random(&s, 12);
        if (choice == 0) { /* from the start */
            adah_index_close(x);
            x = NULL;
        } else if (choice == 1) {
            adah_index *other = take_exchanged();
            if (other) {
                adah_index_close(x);
                x = other;
            }
        }
        adah_index *latest = newest(x, &s);
        adah_index_close(x);
        x = latest;
        if (!x)
            break;
        const uint64_t n = history_count(x);
        if (n == UINT64_MAX || n < n_least || n < h.n_batches) {
            complain("%" PRIu64 " batches, there were %" PRIu64 " committed and %" PRIu64 " seen", n, n_least,
                     h.n_batches);
            break;
        }
        while (h.n_batches < n)
            history_step(&h);
        check(&h, x, &s);
        atomic_fetch_add(&shared->n_states, 1);
        nanosleep(&(struct timespec){0, 100000},
                  NULL); /* readers on every processor can keep the disk from its work */
        kept *k = &old[history_random(&s, N_KEPT)];
        if (k->x)
            check(&k->h, k->x, &s);
        if (history_random(&s, 8) == 0) {
            adah_index_close(k->x);
            *k = (kept){NULL, h};
            adah_index *again = NULL;
            adah_status status = {0};
            if (adah_index_latest(x, &again, &status) != ADAH_OK)
                complain("%s", status.message);
            else if (history_count(again) == n)
                k->x = again;
            else
                adah_index_close(again);
        }
    }
    adah_index_close(x);
    for (int i = 0; i < N_KEPT; i++)
        adah_index_close(old[i].x);
    return NULL;
}

static void read_in_threads(int n, pthread_t *threads) {
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, read_on, (void *)(uintptr_t)(getpid() + i)) != 0)
            abort();
}

static void join(int n, const pthread_t *threads) {
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    give_exchanged(NULL);
}

/* ---------------------------------------------------------------- the writer */

static void write_on(double n_seconds) {
    const adah_progress silent = {NULL, NULL};
    adah_status status = {0};
    struct timespec begin, now;
    adah_index_writer *w = NULL;
    history h = history_begin(1, 12);
    uint64_t s = 5, n_compacted = 0;
    adah_code code = ADAH_OK;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        if (!w)
            code = adah_index_writer_open(path, &w, &status);
        if (code == ADAH_OK)
            code = history_stage(&h, w, &status);
        if (code == ADAH_OK)
            code = adah_index_writer_commit(w, &status);
        if (code == ADAH_OK) {
            history_step(&h);
            atomic_store(&shared->n_committed, h.n_batches);
        }
        if (code == ADAH_OK && history_random(&s, 40) == 0) {
            code = adah_index_writer_compact(w, silent, &status);
            n_compacted++;
        }
        if (history_random(&s, 30) == 0) {
            adah_index_writer_close(w);
            w = NULL;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (code == ADAH_OK && !atomic_load(&shared->stop) &&
             ((double)(now.tv_sec - begin.tv_sec) + 1e-9 * (double)(now.tv_nsec - begin.tv_nsec) < n_seconds ||
              atomic_load(&shared->n_states) < N_STATES || h.n_batches < N_BATCHES));
    adah_index_writer_close(w);
    if (code != ADAH_OK)
        complain("writer: %s", status.message);
    atomic_store(&shared->stop, 1);
    printf("%" PRIu64 " batches, %" PRIu64 " compactions\n", h.n_batches, n_compacted);
}

static void test_readers_see_whole_batches(void **state) {
    (void)state;
    const char *wanted = getenv("ADAH_READER_SECONDS");
    pthread_t threads[N_THREADS];
    adah_index_writer *w = NULL;
    int how = 0;
    adah_set_threads(1);
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    adah_index_writer_close(w);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    const double n_seconds = wanted ? atof(wanted) : 0;
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    alarm((unsigned)n_seconds + 300); /* an end to both processes, should one wait for ever */
    if (child == 0) {
        read_in_threads(N_OTHERS, threads);
        join(N_OTHERS, threads);
        _exit(0);
    }
    read_in_threads(N_THREADS, threads);
    write_on(n_seconds);
    join(N_THREADS, threads);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    printf("%" PRIuFAST64 " states, %" PRIuFAST64 " checks, %" PRIuFAST64 " searches\n", shared->n_states,
           shared->n_checks, shared->n_searches);
    if (shared->n_faults)
        fail_msg("%d faults, the first: %s", shared->n_faults, shared->fault);
    assert_true(shared->n_states >= N_STATES);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
    alarm(0);
    munmap(shared, sizeof *shared);
    temporary_folder_remove(&folder);
}

/* ---------------------------------------------------------------- an unfinished batch that comes and goes */

typedef struct tail {
    const uint8_t *bytes;
    size_t n_bytes, at;
    atomic_int stop, n_rounds;
} tail;

/* As writers that fail, or are killed and followed by another, do it. */
static void *come_and_go(void *context) {
    tail *t = context;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    for (; fd >= 0 && !atomic_load(&t->stop); atomic_fetch_add(&t->n_rounds, 1))
        if (pwrite(fd, t->bytes, t->n_bytes, (off_t)t->at) != (ssize_t)t->n_bytes || ftruncate(fd, (off_t)t->at) != 0)
            abort();
    close(fd);
    return NULL;
}

/* The whole file. */
static uint8_t *read_file(size_t *n_bytes) {
    uint8_t *bytes = NULL;
    assert_int_equal(adah_file_read(path, SIZE_MAX - 1, &bytes, n_bytes, NULL), ADAH_OK);
    return bytes;
}

/* Nobody takes it for a batch, or is harmed when it is cut off again. What else may become of the file: test_index_change.c. */
static void test_an_unfinished_batch_is_no_danger(void **state) {
    (void)state;
    enum { N_CODES = 20000, N_ROUNDS = 2000 };
    static uint8_t codes[N_CODES * HISTORY_CODE_BYTES];
    size_t n_before, n_after, n_rounds = 0;
    adah_index_writer *w = NULL;
    adah_index *x = NULL, *latest = NULL;
    pthread_t thread;
    adah_set_threads(1);
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_add_codes(w, 10, codes, NULL, NULL, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
    uint8_t *before = read_file(&n_before);
    assert_int_equal(adah_index_writer_add_codes(w, N_CODES, codes, NULL, NULL, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
    adah_index_writer_close(w);
    uint8_t *after = read_file(&n_after);
    after[n_after - 100] ^= 1; /* a code at the end */
    assert_int_equal(adah_file_publish(path, before, n_before, NULL), ADAH_OK);
    tail t = {.bytes = after + n_before, .n_bytes = n_after - n_before, .at = n_before};
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    assert_int_equal(pthread_create(&thread, NULL, come_and_go, &t), 0);
    do {
        assert_int_equal(adah_index_latest(x, &latest, NULL), ADAH_OK);
        assert_int_equal(adah_index_rows(latest), 10);
        adah_index_close(latest);
        n_rounds++;
    } while (n_rounds < N_ROUNDS || atomic_load(&t.n_rounds) < N_ROUNDS);
    atomic_store(&t.stop, 1);
    pthread_join(thread, NULL);
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
    adah_memory_free(before);
    adah_memory_free(after);
    temporary_folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_unfinished_batch_is_no_danger),
                                       cmocka_unit_test(test_readers_see_whole_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
