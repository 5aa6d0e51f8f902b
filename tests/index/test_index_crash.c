/* (fault) Crashes of a writer of a collection. A child process that writes batch after batch is killed at random moments:
 * what it said to be committed is there, in every record, at most one batch more, and the next writer goes on. A
 * machine that loses what was not synced is played by cutting the file off, by older marks and by zeros in the last
 * segment.
 *
 * ADAH_KILLS: how often (60). */
#define _GNU_SOURCE
#include "base/status.h"
#include "index/index_builder.h"
#include "index/index_marks.h"
#include "index_history.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];

static int set_up(void **state) {
    (void)state;
    adah_set_threads(1); /* children may not use threads that their parent started */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* a killed process loses nothing that is written: no need to wait for a disk */
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    return 0;
}

/* Where no disk is waited for, if there is such a place: for thousands of files. */
static int set_up_in_memory(void **state) {
    const char *usual = getenv("TMPDIR");
    if (usual || access("/dev/shm", W_OK) != 0)
        return set_up(state);
    setenv("TMPDIR", "/dev/shm", 1);
    const int code = set_up(state);
    unsetenv("TMPDIR");
    return code;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static adah_index_writer *open_writer(void) {
    adah_index_writer *w = NULL;
    adah_status status = {0};
    if (adah_index_writer_open(path, &w, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return w;
}

static void create(void) {
    adah_index_writer *w = NULL;
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    adah_index_writer_close(w);
}

/* ---------------------------------------------------------------- killed processes */

typedef enum phase { OPENING, ADDING, COMMITTING, COMPACTING, CLOSING, N_PHASES } phase;
static const char *const phase_name[N_PHASES] = {"opening", "adding", "committing", "compacting", "closing"};

/* The child: writes batches until it is killed. Exits only on a failure. */
static void write_batches(history h, uint64_t seed, int acknowledge, atomic_int *at) {
    adah_status status = {0};
    adah_index_writer *w = NULL;
    const adah_progress silent = {NULL, NULL};
    for (adah_code code = ADAH_OK; code == ADAH_OK;) {
        if (!w) {
            atomic_store(at, OPENING);
            code = adah_index_writer_open(path, &w, &status);
        }
        atomic_store(at, ADDING);
        if (code == ADAH_OK)
            code = history_stage(&h, w, &status);
        atomic_store(at, COMMITTING);
        if (code == ADAH_OK)
            code = adah_index_writer_commit(w, &status);
        if (code != ADAH_OK)
            break;
        history_step(&h);
        if (write(acknowledge, &h.n_batches, sizeof h.n_batches) != (ssize_t)sizeof h.n_batches)
            break;
        atomic_store(at, COMPACTING);
        if (history_random(&seed, 6) == 0)
            code = adah_index_writer_compact(w, silent, &status);
        atomic_store(at, CLOSING);
        if (history_random(&seed, 10) == 0) {
            adah_index_writer_close(w);
            w = NULL;
        }
    }
    fprintf(stderr, "%s\n", status.message);
    _exit(1);
}

static void sleep_microseconds(uint64_t n) {
    nanosleep(&(struct timespec){(time_t)(n / 1000000), (long)(n % 1000000) * 1000}, NULL);
}

/* The last number in the pipe; `last` when there is none. */
static uint64_t last_acknowledged(int pipe_end, uint64_t last) {
    uint64_t number;
    while (read(pipe_end, &number, sizeof number) == (ssize_t)sizeof number)
        last = number;
    return last;
}

/* Opens what a crash left: one of two histories, sound. Returns how many batches it has. */
static uint64_t look_at_remains(const history *h, uint64_t n_least, uint64_t n_most) {
    adah_status status = {0};
    char fault[256];
    adah_index *x = NULL;
    if (adah_index_open(path, &x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    const uint64_t n = history_count(x);
    if (n < n_least || n > n_most)
        fail_msg("%" PRIu64 " batches, expected %" PRIu64 " to %" PRIu64, n, n_least, n_most);
    history expected = *h;
    while (expected.n_batches < n)
        history_step(&expected);
    if (!history_is(&expected, x, fault))
        fail_msg("%s", fault);
    adah_index_close(x);
    if (adah_index_verify(path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return n;
}

/* A writer opens, adds a batch, compacts. */
static void go_on(history *h) {
    adah_status status = {0};
    const adah_progress silent = {NULL, NULL};
    adah_index_writer *w = open_writer();
    assert_int_equal(temporary_folder_count(&folder), 1); /* what a killed compaction left is gone */
    char fault[256];
    if (history_stage(h, w, &status) != ADAH_OK || adah_index_writer_commit(w, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    history_step(h);
    if (!history_is(h, adah_index_writer_state(w), fault))
        fail_msg("%s", fault);
    if (h->n_batches % 3 == 0 && adah_index_writer_compact(w, silent, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    adah_index_writer_close(w);
    look_at_remains(h, h->n_batches, h->n_batches);
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static void test_a_killed_writer_loses_nothing_acknowledged(void **state) {
    (void)state;
    const char *wanted = getenv("ADAH_KILLS");
    const long n_kills = wanted ? atol(wanted) : 60;
    const uint64_t seed = (uint64_t)time(NULL);
    uint64_t s = seed, n_hit[N_PHASES] = {0}, n_more = 0, n_left = 0;
    atomic_int *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    create();
    history h = history_begin(seed, 40);
    printf("seed %" PRIu64 "\n", seed);
    for (long i = 0; i < n_kills; i++) {
        int ends[2], how = 0;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        atomic_store(at, OPENING);
        fflush(stdout);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_batches(h, adah_random_mix(seed, (uint64_t)i), ends[1], at);
        close(ends[1]);
        sleep_microseconds(history_random(&s, i % 4 ? 20000 : 200000));
        if (i % 2) { /* phases that are soon over are hit too */
            for (int patience = 0; atomic_load(at) != (int)(i / 2 % N_PHASES) && patience < 100000; patience++)
                sched_yield();
            if (i % 4 == 1)
                sleep_microseconds(history_random(&s, 300)); /* else at once */
        }
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL)
            fail_msg("the writer ended by itself: status %d", how);
        n_hit[atomic_load(at)]++;
        const uint64_t n_acknowledged = last_acknowledged(ends[0], h.n_batches);
        close(ends[0]);
        n_left += temporary_folder_count(&folder) > 1;
        const uint64_t n = look_at_remains(&h, n_acknowledged, n_acknowledged + 1);
        n_more += n > n_acknowledged;
        while (h.n_batches < n)
            history_step(&h);
        go_on(&h);
    }
    printf("%ld kills, %" PRIu64 " batches, %" PRIu64 " of them more than acknowledged, %" PRIu64 " temporary files;",
           n_kills, h.n_batches, n_more, n_left);
    for (int p = 0; p < N_PHASES; p++)
        printf(" %s %" PRIu64, phase_name[p], n_hit[p]);
    printf("\n");
    munmap(at, sizeof *at);
}

/* ---------------------------------------------------------------- several writers */

/* A child: whenever it gets the file, it adds the batch that comes next; counts its commits. */
static void take_turns(history h, uint64_t seed, atomic_int *n_committed, atomic_int *stop) {
    adah_status status = {0};
    const adah_progress silent = {NULL, NULL};
    while (!atomic_load(stop)) {
        adah_index_writer *w = NULL;
        adah_code code = adah_index_writer_open(path, &w, &status);
        if (code == ADAH_ERROR_BUSY) {
            sched_yield();
            continue;
        }
        for (uint64_t left = 1 + history_random(&seed, 3); left && code == ADAH_OK; left--) {
            const uint64_t n = history_count(adah_index_writer_state(w));
            while (h.n_batches < n)
                history_step(&h);
            code = n == h.n_batches
                       ? history_stage(&h, w, &status)
                       : adah_fail(&status, ADAH_ERROR_MISMATCH, "%" PRIu64 " batches are gone", h.n_batches - n);
            if (code == ADAH_OK)
                code = adah_index_writer_commit(w, &status);
            if (code == ADAH_OK)
                atomic_fetch_add(n_committed, 1);
            if (code == ADAH_OK && history_random(&seed, 4) == 0)
                code = adah_index_writer_compact(w, silent, &status);
        }
        adah_index_writer_close(w);
        if (code != ADAH_OK) {
            fprintf(stderr, "%s\n", status.message);
            _exit(1);
        }
    }
    _exit(0);
}

/* Processes that contend for the file write as if they were one. */
static void test_writers_take_turns(void **state) {
    (void)state;
    enum { N_WRITERS = 4, N_COMMITS = 200 };
    pid_t child[N_WRITERS];
    atomic_int *counts = mmap(NULL, 2 * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(counts != MAP_FAILED);
    create();
    history h = history_begin(8, 10);
    fflush(stdout);
    for (int i = 0; i < N_WRITERS; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0)
            take_turns(h, (uint64_t)i, &counts[0], &counts[1]);
    }
    for (int n_waits = 0; atomic_load(&counts[0]) < N_COMMITS && n_waits < 12000; n_waits++)
        sleep_microseconds(10000);
    atomic_store(&counts[1], 1);
    for (int i = 0; i < N_WRITERS; i++) {
        int how = 0;
        assert_int_equal(waitpid(child[i], &how, 0), child[i]);
        assert_int_equal(how, 0);
    }
    const uint64_t n = (uint64_t)atomic_load(&counts[0]);
    printf("%" PRIu64 " batches\n", n);
    assert_true(n >= N_COMMITS);
    look_at_remains(&h, n, n);
    assert_int_equal(temporary_folder_count(&folder), 1);
    munmap(counts, 2 * sizeof *counts);
}

/* ---------------------------------------------------------------- machines that lost what was not synced */

enum { N_CUT_BATCHES = 6 };

/* A file of N_CUT_BATCHES batches, as bytes, and where each ends. */
typedef struct whole_file {
    history h; /* its seed */
    uint8_t *bytes;
    uint64_t end[N_CUT_BATCHES + 1]; /* of segment i; segment 0 is empty, batch i makes segment i */
    uint64_t file_number;
} whole_file;

static whole_file make_file(uint64_t seed) {
    whole_file f = {.h = history_begin(seed, 4)};
    history h = f.h;
    create();
    adah_index_writer *w = open_writer();
    for (int i = 0; i <= N_CUT_BATCHES; i++) {
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        f.end[i] = (uint64_t)info.st_size;
        if (i == N_CUT_BATCHES)
            break;
        assert_int_equal(history_stage(&h, w, NULL), ADAH_OK);
        assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
        history_step(&h);
    }
    adah_index_writer_close(w);
    f.bytes = malloc(f.end[N_CUT_BATCHES]);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(f.bytes && pread(fd, f.bytes, f.end[N_CUT_BATCHES], 0) == (ssize_t)f.end[N_CUT_BATCHES]);
    close(fd);
    adah_index_header header;
    memcpy(&header, f.bytes, sizeof header);
    f.file_number = header.file_number;
    return f;
}

/* Sets the marks back to those of segment n, counted from 1, and the one before. */
static void set_marks_back(whole_file *f, uint64_t n) {
    memset(f->bytes + sizeof(adah_index_header), 0, ADAH_INDEX_FRONT_BYTES - sizeof(adah_index_header));
    for (uint64_t i = n > 1 ? n - 1 : n; i <= n; i++) {
        adah_index_segment_header last;
        memcpy(&last, f->bytes + (i > 1 ? f->end[i - 2] : ADAH_INDEX_FRONT_BYTES), sizeof last);
        const adah_index_mark mark = adah_index_make_mark(f->file_number, i, f->end[i - 1], last.checksum, 0);
        memcpy(f->bytes + adah_index_mark_place(i), &mark, sizeof mark);
    }
}

static void put_file(const whole_file *f, uint64_t n_bytes) {
    unlink(path); /* file systems sync what is written over a truncated file */
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0 && pwrite(fd, f->bytes, n_bytes, 0) == (ssize_t)n_bytes);
    close(fd);
}

/* What is there is the history after n batches, and a writer goes on from it. */
static void assert_batches(const whole_file *f, uint64_t n, int with_writer) {
    adah_status status = {0};
    char fault[256];
    adah_index *x = NULL;
    if (adah_index_open(path, &x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(history_count(x), n);
    history h = history_after(&f->h, n);
    if (!history_is(&h, x, fault))
        fail_msg("%s", fault);
    adah_index_close(x);
    if (adah_index_verify(path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    if (!with_writer)
        return;
    go_on(&h);
}

/* A writer makes a damaged mark good, and goes on from there. */
static void assert_batches_after_writer(const history *before) {
    history h = *before;
    go_on(&h);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
}

static void assert_damaged(void) {
    adah_status status = {0};
    adah_index *x = NULL;
    adah_index_writer *w = NULL;
    const adah_code opened = adah_index_open(path, &x, &status);
    assert_int_equal(opened, strstr(status.message, "damaged") ? ADAH_ERROR_CORRUPT : ADAH_ERROR_FORMAT);
    assert_true(opened == ADAH_ERROR_CORRUPT || strstr(status.message, "not an adah index"));
    assert_int_equal(adah_index_writer_open(path, &w, &status), opened);
    assert_int_equal(adah_index_verify(path, &status), opened);
}

/* Cut off at every byte, with marks of every age. */
static void test_a_lost_tail_loses_nothing_that_a_mark_acknowledges(void **state) {
    (void)state;
    whole_file f = make_file(3);
    for (uint64_t n = 1; n <= N_CUT_BATCHES + 1; n++) { /* segments that the marks acknowledge */
        set_marks_back(&f, n);
        const uint64_t first = n == N_CUT_BATCHES + 1 ? 0 : f.end[n - 1] - 70; /* all that lies before is alike */
        for (uint64_t cut = first; cut <= f.end[N_CUT_BATCHES]; cut++) {
            put_file(&f, cut);
            if (cut < f.end[n - 1])
                assert_damaged();
            else
                assert_batches(&f, n - 1, cut % 512 == 0); /* what lies behind was never acknowledged */
        }
    }
    free(f.bytes);
}

/* Blocks of zeros where the last batches should be. */
static void test_zeros_in_the_tail_end_it(void **state) {
    (void)state;
    enum { BLOCK = 512 };
    whole_file f = make_file(4);
    uint8_t *whole = malloc(f.end[N_CUT_BATCHES]);
    assert_non_null(whole);
    for (uint64_t n = 1; n <= N_CUT_BATCHES + 1; n++) {
        set_marks_back(&f, n);
        memcpy(whole, f.bytes, f.end[N_CUT_BATCHES]);
        for (uint64_t at = ADAH_INDEX_FRONT_BYTES; at < f.end[N_CUT_BATCHES]; at += 64) {
            const uint64_t end = at + BLOCK < f.end[N_CUT_BATCHES] ? at + BLOCK : f.end[N_CUT_BATCHES];
            memset(f.bytes + at, 0, end - at);
            uint64_t n_whole = 0; /* segments before the first that differs */
            while (n_whole <= N_CUT_BATCHES && memcmp(f.bytes, whole, f.end[n_whole]) == 0)
                n_whole++;
            put_file(&f, f.end[N_CUT_BATCHES]);
            if (n_whole >= n)
                assert_batches(&f, n - 1, at % 4096 == 0);
            else
                assert_int_equal(adah_index_verify(path, NULL), ADAH_ERROR_CORRUPT);
            memcpy(f.bytes + at, whole + at, end - at);
        }
    }
    free(whole);
    free(f.bytes);
}

/* Behind the acknowledged batches lies one that is whole, but was refused or never acknowledged: it is not there. Where the other mark is
 * damaged, and so may have acknowledged it, it is. */
static void test_a_batch_that_no_mark_acknowledges_is_not_there(void **state) {
    (void)state;
    whole_file f = make_file(5);
    for (uint64_t n = 2; n <= N_CUT_BATCHES; n++) {
        set_marks_back(&f, n);
        put_file(&f, f.end[N_CUT_BATCHES]);
        assert_batches(&f, n - 1, 1);
        set_marks_back(&f, n + 1);
        f.bytes[adah_index_mark_place(n + 1) + 17] ^= 4;
        put_file(&f, f.end[n]);
        adah_index *x = NULL;
        char fault[256];
        const history h = history_after(&f.h, n);
        assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
        if (!history_is(&h, x, fault))
            fail_msg("%s", fault);
        adah_index_close(x);
        assert_int_equal(adah_index_verify(path, NULL), ADAH_ERROR_CORRUPT);
        assert_batches_after_writer(&h);
    }
    free(f.bytes);
}

/* Likewise, but it belongs to another file. */
static void test_a_batch_of_another_file_is_not_taken(void **state) {
    (void)state;
    whole_file one = make_file(5), other = make_file(5); /* alike but for their numbers */
    assert_int_equal(one.end[N_CUT_BATCHES], other.end[N_CUT_BATCHES]);
    set_marks_back(&one, 3);
    one.bytes[adah_index_mark_place(2) + 17] ^= 4;
    memcpy(one.bytes + one.end[2], other.bytes + one.end[2], one.end[3] - one.end[2]);
    put_file(&one, one.end[N_CUT_BATCHES]);
    history h = history_after(&one.h, 2);
    assert_batches_after_writer(&h);
    free(one.bytes);
    free(other.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_killed_writer_loses_nothing_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writers_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_tail_loses_nothing_that_a_mark_acknowledges, set_up_in_memory,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_zeros_in_the_tail_end_it, set_up_in_memory, tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_that_no_mark_acknowledges_is_not_there, set_up_in_memory, tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_of_another_file_is_not_taken, set_up_in_memory, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
