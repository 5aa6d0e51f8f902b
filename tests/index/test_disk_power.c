/* (fault) The power goes at every moment of a writer's work, and syncs fail before it does. A model of the disk knows what each sector may hold: what
 * the last sync that succeeded wrote, or anything that was written since; and after a sync that failed either, until the page is written
 * and synced again, since the system may hold it for written. From random choices of these an index is put together and opened: it is sound, what was
 * acknowledged is there, and what was refused is not. Meanwhile readers see what was acknowledged and no more. */
#define _GNU_SOURCE
#include "disk_faults.h"
#include "index/index_format.h"
#include "index_history.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { PAGE = 4096, SECTOR = 512, PAGES_MAX = 4096, VERSIONS_MAX = 12, N_COMMITS = 120, IMAGES_A_MOMENT = 3 };

/* What the disk may hold of one page; and, of those, what it will hold if the next sync succeeds. */
typedef struct page {
    uint8_t *version[VERSIONS_MAX];
    size_t n;
    int is_dirty; /* the next sync writes it */
} page;

static temporary_folder folder;
static char path[512], image_path[512];
static disk_faults *faults;
static page pages[PAGES_MAX];
static uint64_t size[VERSIONS_MAX], n_sizes; /* of the file, likewise; the last is the present one */
static int size_is_dirty;
static uint64_t rng = 12345, n_images, n_uncertain, n_refused, n_acknowledged;
static history done;          /* what was acknowledged */
static int may_be_one_more;   /* a commit is at work, or nobody knows how it ended */
static int is_uncertain;      /* the latter */
static int is_watching;

static const uint8_t *now_of(uint64_t i) {
    static uint8_t bytes[PAGE];
    memset(bytes, 0, sizeof bytes);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && pread(fd, bytes, sizeof bytes, (off_t)(i * PAGE)) >= 0);
    close(fd);
    return bytes;
}

static void forget(page *p) {
    while (p->n)
        free(p->version[--p->n]);
}

static void remember(page *p, const uint8_t *bytes) {
    if (p->n && memcmp(p->version[p->n - 1], bytes, PAGE) == 0)
        return;
    if (p->n == VERSIONS_MAX) { /* the oldest but the first is as good as any */
        free(p->version[1]);
        memmove(&p->version[1], &p->version[2], (VERSIONS_MAX - 2) * sizeof *p->version);
        p->n--;
    }
    p->version[p->n] = malloc(PAGE);
    assert_non_null(p->version[p->n]);
    memcpy(p->version[p->n++], bytes, PAGE);
}

static void remember_size(void) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    if (n_sizes && size[n_sizes - 1] == (uint64_t)info.st_size)
        return;
    if (n_sizes == VERSIONS_MAX)
        memmove(&size[1], &size[2], (--n_sizes - 1) * sizeof *size);
    size[n_sizes++] = (uint64_t)info.st_size;
}

/* What the power left, as a file. */
static void put_image(void) {
    static uint8_t bytes[PAGE];
    const uint64_t n_bytes = size[history_random(&rng, n_sizes)];
    unlink(image_path);
    const int fd = open(image_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    for (uint64_t i = 0; i * PAGE < n_bytes; i++) {
        const page *p = &pages[i];
        memset(bytes, 0, sizeof bytes);
        const uint64_t whole = history_random(&rng, 3) ? history_random(&rng, p->n ? p->n : 1) : VERSIONS_MAX; /* else torn */
        for (size_t s = 0; s < PAGE && p->n; s += SECTOR)
            memcpy(bytes + s, p->version[whole < VERSIONS_MAX ? whole : history_random(&rng, p->n)] + s, SECTOR);
        const uint64_t n = n_bytes - i * PAGE < PAGE ? n_bytes - i * PAGE : PAGE;
        assert_int_equal(pwrite(fd, bytes, n, (off_t)(i * PAGE)), (ssize_t)n);
    }
    close(fd);
}

static void expect_history(const char *file, const char *when) {
    adah_status status = {0};
    adah_index *x = NULL;
    char fault[256];
    if (adah_index_open(file, &x, &status) != ADAH_OK)
        fail_msg("%s: %s", when, status.message);
    history h = done;
    if (may_be_one_more && history_count(x) == done.n_batches + 1)
        history_step(&h);
    if (!history_is(&h, x, fault))
        fail_msg("%s, %d acknowledged: %s", when, (int)done.n_batches, fault);
    adah_index_close(x);
    if (adah_index_verify(file, &status) != ADAH_OK)
        fail_msg("%s: %s", when, status.message);
}

/* Readers of the file as it is see what was acknowledged, and no batch whose mark is not synced. */
static void expect_shown(const char *when) {
    adah_status status = {0};
    adah_index *x = NULL;
    if (adah_index_open(path, &x, &status) != ADAH_OK)
        fail_msg("a reader %s: %s", when, status.message);
    if (history_count(x) != done.n_batches)
        fail_msg("a reader %s: %d batches, acknowledged are %d", when, (int)history_count(x), (int)done.n_batches);
    adah_index_close(x);
}

static void cut_power(const char *when) {
    const uint32_t set = atomic_load(&faults->set);
    disk_faults_off(faults);
    is_watching = 0;
    if (!is_uncertain)
        expect_shown(when);
    for (int i = 0; i < IMAGES_A_MOMENT; i++) {
        n_images++;
        put_image();
        expect_history(image_path, when);
    }
    is_watching = 1;
    atomic_store(&faults->set, set);
}

static void watch(disk_call call, int fd, const void *bytes, uint64_t n_bytes, uint64_t offset, int failed) {
    char name[40], there[512];
    (void)bytes;
    if (!is_watching)
        return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(name, there, sizeof there - 1);
    there[n > 0 ? n : 0] = '\0';
    if (strcmp(there, path) != 0)
        return;
    is_watching = 0;
    if (call == DISK_WRITE) {
        assert_true((offset + n_bytes) / PAGE < PAGES_MAX);
        for (uint64_t i = offset / PAGE; i * PAGE < offset + n_bytes; i++) {
            remember(&pages[i], now_of(i));
            pages[i].is_dirty = 1;
        }
    }
    remember_size();
    size_is_dirty |= call != DISK_SYNC && n_sizes > 1;
    if (call == DISK_SYNC) {
        for (size_t i = 0; i < PAGES_MAX; i++) {
            if (pages[i].is_dirty && !failed) {
                const uint8_t *now = now_of(i);
                forget(&pages[i]);
                remember(&pages[i], now);
            }
            pages[i].is_dirty = 0; /* a sync that failed is not made good by the next one */
        }
        if (size_is_dirty && !failed) {
            size[0] = size[n_sizes - 1];
            n_sizes = 1;
        }
        size_is_dirty = 0;
    }
    is_watching = 1;
    cut_power(call == DISK_SYNC ? failed ? "after a sync that failed" : "after a sync" : "after a write");
}

static void commit_or_not(void) {
    adah_status status = {0};
    adah_index_writer *w = NULL;
    if (history_random(&rng, 3))
        disk_faults_arm(faults, 1 << DISK_SYNC | (history_random(&rng, 2) ? 1 << DISK_WRITE : 0), 1 + history_random(&rng, 6),
                        history_random(&rng, 3) == 0, EIO, 0);
    adah_code code = adah_index_writer_open(path, &w, &status);
    for (uint64_t left = 1 + history_random(&rng, 3); left && code == ADAH_OK; left--) {
        const uint64_t n = history_count(adah_index_writer_state(w));
        if (may_be_one_more && n == done.n_batches + 1)
            history_step(&done);
        assert_int_equal(n, done.n_batches);
        may_be_one_more = is_uncertain = 0; /* opening made it sure */
        code = history_stage(&done, w, &status);
        assert_int_equal(code, ADAH_OK);
        may_be_one_more = 1;
        code = adah_index_writer_commit(w, &status);
        may_be_one_more = is_uncertain = code == ADAH_ERROR_UNCERTAIN;
        if (code == ADAH_OK)
            history_step(&done);
        n_acknowledged += code == ADAH_OK;
        n_refused += code == ADAH_ERROR_IO;
        n_uncertain += code == ADAH_ERROR_UNCERTAIN;
        cut_power(code == ADAH_OK ? "after a commit" : "after a refusal");
    }
    adah_index_writer_close(w);
    disk_faults_off(faults);
    cut_power("after closing");
}

static void test_the_power_goes_at_any_moment(void **state) {
    (void)state;
    adah_index_writer *w = NULL;
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    adah_index_writer_close(w);
    for (uint64_t i = 0; i * PAGE < ADAH_INDEX_FRONT_BYTES + PAGE; i++)
        remember(&pages[i], now_of(i));
    remember_size();
    done = history_begin(77, 6);
    disk_observe = watch;
    is_watching = 1;
    for (int i = 0; i < N_COMMITS; i++)
        commit_or_not();
    disk_observe = NULL;
    print_message("%d power cuts; %d batches acknowledged, %d refused, %d uncertain\n", (int)n_images, (int)n_acknowledged, (int)n_refused,
                  (int)n_uncertain);
    assert_true(n_refused > 10 && n_acknowledged > 40 && n_uncertain > 0);
    for (size_t i = 0; i < PAGES_MAX; i++)
        forget(&pages[i]);
}

static int set_up(void **state) {
    (void)state;
    adah_set_threads(1);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    TEMPORARY_PATH(folder, "image", image_path);
    faults = disk_faults_here();
    assert_non_null(faults);
    snprintf(faults->path, sizeof faults->path, "%s", folder.path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_the_power_goes_at_any_moment, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
