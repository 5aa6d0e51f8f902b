/* (fault) Every n-th call of the system fails, once or for good, while an index is made, changed, compacted, read, exported and imported, and
 * while other files are put in place: what was acknowledged is there, what was refused is not, and the file verifies - at once, and after
 * a writer has been there. */
#define _GNU_SOURCE
#include "base/file.h"
#include "disk_faults.h"
#include "index/index_builder.h"
#include "index_history.h"
#include "files/safetensors.h"
#include "temporary_folder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { N_BEFORE = 3 /* batches in the index when a call begins to fail */ };

static temporary_folder folder;
static char path[512], other[512];
static disk_faults *faults;
static const adah_progress silent = {NULL, NULL};

static int set_up(void **state) {
    (void)state;
    adah_set_threads(1);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* no need to wait for a disk */
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    TEMPORARY_PATH(folder, "other", other);
    faults = disk_faults_here();
    assert_non_null(faults);
    snprintf(faults->path, sizeof faults->path, "%s", folder.path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    disk_faults_off(faults);
    temporary_folder_remove(&folder);
    return 0;
}

static size_t n_open_files(void) {
    const temporary_folder f = {"/proc/self/fd"};
    return temporary_folder_count(&f);
}

static adah_status ok;
#define OK(call)                                              \
    do {                                                      \
        if ((call) != ADAH_OK)                                \
            fail_msg("line %d: %s", __LINE__, ok.message);    \
    } while (0)

/* ---------------------------------------------------------------- the index */

static adah_code commit_next(const history *h, adah_status *status) {
    adah_index_writer *w = NULL;
    adah_code code = adah_index_writer_open(path, &w, status);
    if (code == ADAH_OK)
        code = history_stage(h, w, status);
    if (code == ADAH_OK)
        code = adah_index_writer_commit(w, status);
    adah_index_writer_close(w);
    return code;
}

static history make_index(void) {
    history h = history_begin(31, 20);
    adah_index_writer *w = NULL;
    OK(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, &ok));
    adah_index_writer_close(w);
    for (int i = 0; i < N_BEFORE; i++) {
        OK(commit_next(&h, &ok));
        history_step(&h);
    }
    return h;
}

/* The index is what the history says, for a reader, and is sound. */
static void expect_history(const history *h, const char *when) {
    adah_index *x = NULL;
    char fault[256];
    OK(adah_index_open(path, &x, &ok));
    if (!history_is(h, x, fault))
        fail_msg("%s: %s", when, fault);
    adah_index_close(x);
    OK(adah_index_verify(path, &ok));
}

/* What was done while a call failed, in a state that its code tells. */
typedef adah_code job(const history *h, adah_status *status);

/* The job's own state: 1: it has happened. */
static adah_code add_batch(const history *h, adah_status *status) { return commit_next(h, status); }

/* Two commits by the same writer, the second of which may meet what the first has left. */
static adah_code add_twice(const history *h, adah_status *status) {
    adah_index_writer *w = NULL;
    adah_status first = {0};
    adah_code code = adah_index_writer_open(path, &w, status);
    if (code == ADAH_OK)
        code = history_stage(h, w, status);
    if (code == ADAH_OK)
        code = adah_index_writer_commit(w, status);
    if (code != ADAH_OK && w) { /* it refuses further calls, or does the same well */
        first = *status;
        adah_code again = history_stage(h, w, NULL);
        if (again == ADAH_OK)
            again = adah_index_writer_commit(w, NULL);
        if (again == ADAH_OK)
            code = ADAH_OK;
        else
            *status = first;
    }
    adah_index_writer_close(w);
    return code;
}

static adah_code compact(const history *h, adah_status *status) {
    adah_index_writer *w = NULL;
    (void)h;
    adah_code code = adah_index_writer_open(path, &w, status);
    if (code == ADAH_OK)
        code = adah_index_writer_compact(w, silent, status);
    adah_index_writer_close(w);
    return code;
}

static adah_code read_it(const history *h, adah_status *status) {
    adah_index *x = NULL, *latest = NULL;
    char fault[256];
    adah_code code = adah_index_open(path, &x, status);
    if (code == ADAH_OK && !history_is(h, x, fault))
        fail_msg("a reader: %s", fault);
    if (code == ADAH_OK)
        code = adah_index_latest(x, &latest, status);
    adah_index_close(latest);
    adah_index_close(x);
    return code;
}

static adah_code verify_it(const history *h, adah_status *status) {
    (void)h;
    return adah_index_verify(path, status);
}

/* A call of the kinds in `set` fails, the n-th, for every n. changes: the job is the next batch. */
static uint64_t fail_every(job *work, const char *name, int changes, uint32_t set, int is_for_good, int error, int is_short) {
    uint64_t n_uncertain = 0, n_refused = 0, n = 1;
    char when[128];
    for (;; n++) {
        adah_status status = {0};
        history h = make_index();
        const size_t n_files = n_open_files();
        disk_faults_arm(faults, set, n, is_for_good, error, is_short);
        const adah_code code = work(&h, &status);
        const uint64_t n_failed = atomic_load(&faults->n_failed);
        disk_faults_off(faults);
        snprintf(when, sizeof when, "%s, call %d of kinds %x %s: code %d", name, (int)n, set, is_for_good ? "for good" : "once", code);
        assert_int_equal(n_open_files(), n_files);
        if (code == ADAH_ERROR_UNCERTAIN) {
            adah_index *x = NULL;
            n_uncertain++;
            OK(adah_index_open(path, &x, &ok));
            const uint64_t n_batches = history_count(x);
            adah_index_close(x);
            if (changes && n_batches == h.n_batches + 1)
                history_step(&h);
        } else if (code == ADAH_OK && changes) {
            history_step(&h);
        }
        if (code != ADAH_OK) {
            n_refused++;
            if (!n_failed)
                fail_msg("%s, though no call failed: %s", when, status.message);
            if (code != ADAH_ERROR_UNCERTAIN && !adah_is_unreadable(code))
                fail_msg("%s: %s", when, status.message);
            if (code == ADAH_ERROR_IO && status.system_error != error)
                fail_msg("%s: errno %d of \"%s\"", when, status.system_error, status.message);
        }
        if (code != ADAH_ERROR_UNCERTAIN) /* else a mark may be half written: the next writer mends it */
            expect_history(&h, when);
        if (commit_next(&h, &status) != ADAH_OK)
            fail_msg("%s: the next commit: %s", when, status.message);
        history_step(&h);
        expect_history(&h, when);
        assert_int_equal(temporary_folder_count(&folder), 1); /* nothing half-written is left */
        if (!n_failed)
            break;
    }
    if (is_for_good == 0 && n_uncertain)
        fail_msg("%s: one failure alone left it uncertain", name);
    if (n > 1)
        print_message("%-9s kinds %02x %-8s: %3d calls, %3d refused, %d uncertain\n", name, set, is_for_good ? "for good" : "once", (int)n - 1,
                  (int)n_refused, (int)n_uncertain);
    return n - 1;
}

static void test_every_call_fails(void **state) {
    (void)state;
    static const struct {
        const char *name;
        job *work;
        int changes;
        uint32_t meets; /* kinds of calls that it must have made */
    } jobs[] = {
        {"add", add_batch, 1, 1 << DISK_OPEN | 1 << DISK_WRITE | 1 << DISK_SYNC | 1 << DISK_SYNC_FOLDER | 1 << DISK_MAP | 1 << DISK_CLOSE},
        {"add twice", add_twice, 1, 1 << DISK_WRITE | 1 << DISK_SYNC},
        {"compact", compact, 0,
         1 << DISK_OPEN | 1 << DISK_WRITE | 1 << DISK_SYNC | 1 << DISK_SYNC_FOLDER | 1 << DISK_RENAME | 1 << DISK_MAP | 1 << DISK_CLOSE},
        {"read", read_it, 0, 1 << DISK_OPEN | 1 << DISK_MAP | 1 << DISK_CLOSE},
        {"verify", verify_it, 0, 1 << DISK_OPEN | 1 << DISK_MAP | 1 << DISK_CLOSE},
    };
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++)
        for (int call = 0; call <= DISK_CALLS; call++)
            for (int is_for_good = 0; is_for_good < 2; is_for_good++) {
                const uint32_t all = (1u << DISK_CALLS) - 1, set = call < DISK_CALLS ? 1u << call : all;
                const uint64_t n = fail_every(jobs[j].work, jobs[j].name, jobs[j].changes, set, is_for_good, EIO, 0);
                if (call == DISK_WRITE)
                    fail_every(jobs[j].work, jobs[j].name, jobs[j].changes, set, is_for_good, ENOSPC, 1);
                assert_true(n > 0 || !(jobs[j].meets & set));
            }
}

/* A batch that was cut off leaves bytes where cutting fails, too: they are never read. */
static void test_what_cannot_be_cut_off_is_not_there(void **state) {
    (void)state;
    adah_status status = {0};
    for (int is_short = 0; is_short < 2; is_short++) {
        history h = make_index();
        disk_faults_arm(faults, 1 << DISK_WRITE | 1 << DISK_TRUNCATE, 3, 1, ENOSPC, is_short); /* behind both marks */
        assert_int_equal(commit_next(&h, &status), ADAH_ERROR_IO);
        assert_int_equal(status.system_error, ENOSPC);
        disk_faults_off(faults);
        expect_history(&h, "not cut off");
        OK(commit_next(&h, &ok));
        history_step(&h);
        expect_history(&h, "after the next");
    }
}

/* ---------------------------------------------------------------- other files */

static adah_code publish(adah_status *status) {
    return adah_file_publish(other, "new", 3, status);
}

static adah_code create_index(adah_status *status) {
    adah_index_writer *w = NULL;
    const adah_code code = adah_index_writer_create(other, NULL, 8, &w, status);
    adah_index_writer_close(w);
    return code;
}

static adah_code export_as(adah_modality side, adah_exchange_format format, adah_status *status) {
    adah_index *x = NULL;
    adah_code code = adah_index_open(path, &x, status);
    if (code == ADAH_OK)
        code = adah_index_export(x, side, format, other, status);
    adah_index_close(x);
    return code;
}
static adah_code export_npy(adah_status *status) { return export_as(ADAH_IMAGE, ADAH_EXCHANGE_NPY, status); }
static adah_code export_flat(adah_status *status) { return export_as(ADAH_TEXT, ADAH_EXCHANGE_FAISS_FLAT, status); }

static adah_code save_weights(adah_status *status) {
    static float values[50000];
    const adah_safetensors_item item = {"w", "F32", {1, {50000}}, values, sizeof values};
    return adah_safetensors_write(other, &item, 1, NULL, 0, status);
}

static int is_old(void) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    OK(adah_file_read(other, 1 << 24, &bytes, &n, &ok));
    const int old = n == 3 && memcmp(bytes, "old", 3) == 0;
    adah_free(bytes);
    return old;
}

/* The file is the old one whole or the new one whole; an error that leaves the new one says so. */
static void test_other_files_are_old_or_new(void **state) {
    (void)state;
    static adah_code (*const work[])(adah_status *) = {publish, create_index, export_npy, export_flat, save_weights};
    make_index();
    for (size_t j = 0; j < sizeof work / sizeof *work; j++)
        for (int call = 0; call <= DISK_CALLS; call++)
            for (int is_for_good = 0; is_for_good < 2; is_for_good++)
                for (uint64_t n = 1;; n++) {
                    adah_status status = {0};
                    OK(adah_file_publish(other, "old", 3, &ok));
                    const size_t n_files = n_open_files();
                    disk_faults_arm(faults, call < DISK_CALLS ? 1u << call : (1u << DISK_CALLS) - 1, n, is_for_good, EIO, call == DISK_WRITE);
                    const adah_code code = work[j](&status);
                    const uint64_t n_failed = atomic_load(&faults->n_failed);
                    disk_faults_off(faults);
                    assert_int_equal(n_open_files(), n_files);
                    if (code == ADAH_OK) {
                        assert_false(is_old());
                    } else {
                        assert_true(n_failed > 0);
                        assert_int_equal(code, ADAH_ERROR_IO);
                        assert_int_equal(status.system_error, EIO);
                        assert_non_null(strstr(status.message, folder.path));
                        if (!is_old() && !strstr(status.message, "is in place") && work[j] != create_index)
                            fail_msg("the new file is there, but: %s", status.message);
                    }
                    if (work[j] == create_index && !is_old())
                        OK(adah_index_verify(other, &ok));
                    if (!n_failed)
                        break;
                }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_call_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_cut_off_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_files_are_old_or_new, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
