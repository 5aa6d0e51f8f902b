/* (fault) An index and what is known of its pictures, while syncs are killed at every call of the system, and while the two files are of different
 * times or damaged: the next sync makes the index agree with the folder, and the one after that finds nothing to do. */
#define _GNU_SOURCE
#include "data/picture_memory.h"
#include "disk_faults.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "fail_allocations.h"

enum { N_SCENES = 40, N_BEFORE = 20, N_AFTER = 25, N_STEP = 4, SIDE = 16 };

static temporary_folder folder;
static char scenes[512], photos[512], model_path[512], index_path[512], memory_path[512], right_path[512], cache[512];
static adah_model *model;
static adah_index *right; /* made at once of the folder as it is at the end */
static disk_faults *faults;

/* A file as it was once. */
typedef struct kept {
    char *bytes;
    size_t n_bytes;
} kept;
static kept index_before, memory_before, index_after, memory_after;

static adah_status ok;
#define OK(call)                                           \
    do {                                                   \
        if ((call) != ADAH_OK)                             \
            fail_msg("line %d: %s", __LINE__, ok.message); \
    } while (0)

/* ---------------------------------------------------------------- the folder and its index */

static void copy_scene(size_t scene, size_t photo) {
    char from[64], to[64];
    size_t n;
    const adah_record *r;
    adah_dataset *dataset;
    OK(adah_dataset_open(scenes, NULL, &dataset, &ok));
    r = adah_dataset_record(dataset, scene);
    snprintf(from, sizeof from, "%s", r->file_name);
    snprintf(to, sizeof to, "%s/photo %02zu.png", photo % 2 ? "sea" : "hill", photo);
    char *bytes = data_folder_read(scenes, from, &n);
    data_folder_write(photos, to, bytes, n);
    free(bytes);
    adah_dataset_close(dataset);
}

static void remove_photo(size_t photo) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/photo %02zu.png", photos, photo % 2 ? "sea" : "hill", photo);
    assert_int_equal(unlink(path), 0);
}

static void move_photo(size_t photo) {
    char from[1024], to[1024];
    snprintf(from, sizeof from, "%s/%s/photo %02zu.png", photos, photo % 2 ? "sea" : "hill", photo);
    snprintf(to, sizeof to, "%s/hill/moved %02zu.png", photos, photo);
    assert_int_equal(rename(from, to), 0);
}

static adah_progress progress; /* of every sync */

static adah_code sync_index(adah_sync_counts *counts, adah_status *status) {
    adah_sync_options o;
    adah_encode_options encode;
    adah_sync_options_init(&o);
    adah_encode_options_init(&encode);
    encode.cache_folder = cache;
    o.encode = &encode;
    o.n_step = N_STEP;
    return adah_index_sync(model, photos, index_path, &o, progress, counts, NULL, status);
}

static kept keep(const char *path) {
    kept k;
    k.bytes = data_folder_read(folder.path, strrchr(path, '/') + 1, &k.n_bytes);
    return k;
}

static void put_back(const char *path, const kept *k) { data_folder_write(folder.path, strrchr(path, '/') + 1, k->bytes, k->n_bytes); }

static int start(void **state) {
    (void)state;
    adah_set_threads(1);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* no need to wait for a disk */
    static const char *const settings[] = {"n_side=16", "n_fine=16"};
    adah_synth_options synth;
    adah_train_options train;
    adah_dataset *dataset;
    adah_sync_counts counts;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "scenes", scenes);
    TEMPORARY_PATH(folder, "photos", photos);
    TEMPORARY_PATH(folder, "m.safetensors", model_path);
    TEMPORARY_PATH(folder, "synced.adah", index_path);
    TEMPORARY_PATH(folder, "synced.adah.sync", memory_path);
    TEMPORARY_PATH(folder, "right.adah", right_path);
    TEMPORARY_PATH(folder, "cache", cache);
    adah_synth_options_init(&synth);
    synth.n_scenes = N_SCENES;
    synth.n_side = SIDE;
    OK(adah_synth_write(scenes, &synth, &ok));
    OK(adah_dataset_open(scenes, NULL, &dataset, &ok));
    adah_train_options_init(&train);
    train.n_bits = 16;
    train.n_epochs = 1;
    train.settings = settings;
    train.n_settings = 2;
    train.cache_folder = cache;
    OK(adah_train(dataset, model_path, &train, (adah_progress){0}, NULL, &ok));
    adah_dataset_close(dataset);
    OK(adah_model_open(model_path, &model, &ok));

    for (size_t i = 0; i < N_BEFORE; i++)
        copy_scene(i, i);
    data_folder_put(photos, "hill/photo 02.txt", "a red circle");
    OK(sync_index(&counts, &ok));
    assert_int_equal(counts.n_added, N_BEFORE);
    index_before = keep(index_path);
    memory_before = keep(memory_path);

    for (size_t i = N_BEFORE; i < N_AFTER; i++)
        copy_scene(i, i);
    copy_scene(30, 1);
    copy_scene(31, 5);
    remove_photo(3);
    remove_photo(8);
    data_folder_put(photos, "hill/photo 02.txt", "a blue circle");
    move_photo(7);
    OK(adah_dataset_open(photos, NULL, &dataset, &ok));
    OK(adah_index_create(model, dataset, right_path, 0, NULL, (adah_progress){0}, NULL, &ok));
    adah_dataset_close(dataset);
    OK(adah_index_open(right_path, &right, &ok));
    OK(sync_index(&counts, &ok));
    assert_int_equal(counts.n_added, N_AFTER - N_BEFORE);
    assert_int_equal(counts.n_replaced, 4);
    assert_int_equal(counts.n_deleted, 2);
    assert_int_equal(counts.n_unchanged, N_BEFORE - 6);
    index_after = keep(index_path);
    memory_after = keep(memory_path);
    faults = disk_faults_here();
    assert_non_null(faults);
    snprintf(faults->path, sizeof faults->path, "%s", folder.path);
    return 0;
}

static int end(void **state) {
    (void)state;
    disk_faults_off(faults);
    adah_index_close(right);
    adah_model_close(model);
    free(index_before.bytes);
    free(memory_before.bytes);
    free(index_after.bytes);
    free(memory_after.bytes);
    data_folder_remove(&folder);
    return 0;
}

/* ---------------------------------------------------------------- is it right? */

static void find_right(const char *file_name, adah_index_entry *entry) {
    for (uint64_t row = 0; row < adah_index_rows(right); row++) {
        OK(adah_index_record(right, row, entry, &ok));
        if (!strcmp(entry->file_name, file_name))
            return;
        adah_index_entry_free(entry);
    }
    fail_msg("%s should not be there", file_name);
}

static void expect_right(void) {
    adah_index *index;
    size_t n = 0;
    OK(adah_index_verify(index_path, &ok));
    OK(adah_index_open(index_path, &index, &ok));
    for (uint64_t row = 0; row < adah_index_rows(index); row++) {
        adah_index_entry e, wanted;
        if (adah_index_record(index, row, &e, &ok) == ADAH_ERROR_NOT_FOUND)
            continue;
        find_right(e.file_name, &wanted);
        assert_string_equal(e.text, wanted.text);
        assert_int_equal(e.n_labels, wanted.n_labels);
        for (size_t k = 0; k < e.n_labels; k++)
            assert_string_equal(adah_index_label_name(index, e.label[k]), adah_index_label_name(right, wanted.label[k]));
        assert_memory_equal(e.image_code, wanted.image_code, 2);
        assert_memory_equal(e.text_code, wanted.text_code, 2);
        n++;
        adah_index_entry_free(&e);
        adah_index_entry_free(&wanted);
    }
    assert_int_equal(n, adah_index_count(right));
    adah_index_close(index);
}

/* A sync makes it right, whatever is there, and the next one has nothing to do. */
static void expect_finished(void) {
    adah_sync_counts counts;
    OK(sync_index(&counts, &ok));
    expect_right();
    OK(sync_index(&counts, &ok));
    assert_int_equal(counts.n_unchanged, adah_index_count(right));
    assert_int_equal(counts.n_added + counts.n_replaced + counts.n_deleted + counts.n_unreadable, 0);
    assert_int_equal(counts.is_memory_lost, 0);
}

/* ---------------------------------------------------------------- tests */

/* Nothing that a killed process would have done later happens: all its calls fail from the n-th on. */
static void kill_at_every_call(uint32_t set, int is_short, const kept *index) {
    adah_sync_counts counts;
    uint64_t n = 1, n_partly = 0;
    for (int is_over = 0; !is_over; n++) {
        adah_status why;
        if (index) {
            put_back(index_path, index);
            put_back(memory_path, &memory_before);
        } else {
            unlink(index_path);
            unlink(memory_path);
        }
        disk_faults_arm(faults, set, n, 1, EIO, is_short);
        const adah_code code = sync_index(&counts, &why);
        disk_faults_off(faults);
        is_over = atomic_load(&faults->n_failed) == 0;
        if (is_over)
            assert_int_equal(code, ADAH_OK);
        n_partly += code != ADAH_OK && strstr(why.message, "the next sync goes on") != NULL;
        expect_finished();
    }
    assert_true(n > 10);
    assert_true(n_partly > 3); /* the steps before were kept */
}

enum { CHANGES = 1 << DISK_WRITE | 1 << DISK_SYNC | 1 << DISK_SYNC_FOLDER | 1 << DISK_TRUNCATE | 1 << DISK_RENAME };

static void a_kill_anywhere_is_finished(void **state) {
    (void)state;
    kill_at_every_call(CHANGES, 0, &index_before);
}

static void a_torn_write_is_finished(void **state) {
    (void)state;
    kill_at_every_call(1 << DISK_WRITE, 1, &index_before);
}

static void a_kill_of_the_first_sync_is_finished(void **state) {
    (void)state;
    kill_at_every_call(CHANGES, 0, NULL);
}

static void files_of_different_times_do_not_mislead(void **state) {
    (void)state;
    put_back(index_path, &index_before);
    put_back(memory_path, &memory_after);
    expect_finished();
    put_back(index_path, &index_after);
    put_back(memory_path, &memory_before);
    expect_finished();
    put_back(index_path, &index_before);
    unlink(memory_path);
    expect_finished();
    unlink(index_path);
    put_back(memory_path, &memory_after);
    expect_finished();
}

static void a_damaged_memory_is_none(void **state) {
    (void)state;
    adah_sync_counts counts;
    for (size_t at = 0; at < memory_after.n_bytes; at += 61) {
        kept bad = {malloc(memory_after.n_bytes), memory_after.n_bytes};
        memcpy(bad.bytes, memory_after.bytes, bad.n_bytes);
        bad.bytes[at] ^= 0x20;
        put_back(index_path, &index_after);
        put_back(memory_path, &bad);
        OK(sync_index(&counts, &ok));
        assert_int_equal(counts.n_unchanged, adah_index_count(right));
        bad.n_bytes = at;
        put_back(memory_path, &bad);
        OK(sync_index(&counts, &ok));
        assert_int_equal(counts.is_memory_lost, 1);
        expect_finished();
        free(bad.bytes);
    }
}

/* What is beside an index that is not there is somebody else's, unless it is good. */
static void a_foreign_memory_stays(void **state) {
    (void)state;
    adah_sync_counts counts;
    adah_status why;
    char precious[] = "precious";
    const kept foreign = {precious, 8};
    unlink(index_path);
    put_back(memory_path, &foreign);
    assert_int_equal(sync_index(&counts, &why), ADAH_ERROR_EXISTS);
    assert_non_null(strstr(why.message, memory_path));
    assert_int_not_equal(access(index_path, F_OK), 0);
    unlink(memory_path);
}

/* Puts an index in the place while the first one is being made. */
static int make_meanwhile(void *user, const adah_progress_event *event) {
    int *is_made = user;
    (void)event;
    if (!*is_made)
        put_back(index_path, &index_after);
    *is_made = 1;
    return 0;
}

static void an_index_made_meanwhile_stays(void **state) {
    (void)state;
    adah_sync_counts counts;
    adah_status why;
    int is_made = 0;
    unlink(index_path);
    unlink(memory_path);
    progress = (adah_progress){make_meanwhile, &is_made};
    assert_int_equal(sync_index(&counts, &why), ADAH_ERROR_BUSY);
    progress = (adah_progress){0};
    put_back(memory_path, &memory_after);
    OK(sync_index(&counts, &ok));
    assert_int_equal(counts.n_unchanged, adah_index_count(right));
}

static int stop_at(void *user, const adah_progress_event *event) {
    int *n_left = user;
    assert_true(event->done <= event->total);
    return --*n_left <= 0;
}

/* Told to stop at any moment, it keeps what was done. */
static void a_stop_anywhere_is_finished(void **state) {
    (void)state;
    adah_sync_counts counts;
    int n_stopped = 0, n_partly = 0;
    for (int n = 1;; n++) {
        adah_status why;
        int n_left = n;
        put_back(index_path, &index_before);
        put_back(memory_path, &memory_before);
        progress = (adah_progress){stop_at, &n_left};
        const adah_code code = sync_index(&counts, &why);
        progress = (adah_progress){0};
        if (code == ADAH_OK)
            break;
        assert_int_equal(code, ADAH_ERROR_CANCELLED);
        n_stopped++;
        n_partly += strstr(why.message, "the next sync goes on") != NULL;
        expect_finished();
    }
    assert_true(n_stopped > 2 && n_partly > 0);
}

static adah_code sync_from_before(adah_status *status) {
    adah_sync_counts counts;
    put_back(index_path, &index_before);
    put_back(memory_path, &memory_before);
    return sync_index(&counts, status);
}

static void allocations_that_fail_are_told(void **state) {
    (void)state;
    fail_allocations(sync_from_before, 100);
    expect_finished();
}

/* What is written in a picture is taken from the memory while the stamp is the same, and only then. */
static void tags_are_kept_by_stamp(void **state) {
    (void)state;
    adah_picture_memory memory;
    adah_known_picture *known;
    adah_dataset *dataset;
    char record[16];
    const uint32_t n = 6;
    record[0] = 0;
    memcpy(record + 1, &n, sizeof n);
    memcpy(record + 5, "a boat", n);
    OK(adah_picture_memory_open(memory_path, &memory, &ok));
    memory.opened_ns += 3600 * 1000000000ll; /* all files have been as they are for an hour */
    OK(adah_picture_memory_look(&memory, photos, "hill/photo 00.png", &known, &ok));
    OK(adah_picture_memory_set_tags(&memory, known, record, 5 + n, &ok));
    OK(adah_picture_memory_look(&memory, photos, "sea/photo 01.png", &known, &ok));
    OK(adah_picture_memory_set_tags(&memory, known, record, 5 + n, &ok));
    known->tagged.changed_ns++;
    OK(adah_dataset_open_known(photos, NULL, &memory, &dataset, &ok));
    const char *first = adah_dataset_record(dataset, adah_dataset_find(dataset, "hill/photo 00.png"))->text;
    const char *second = adah_dataset_record(dataset, adah_dataset_find(dataset, "sea/photo 01.png"))->text;
    adah_dataset_options o;
    adah_dataset *plain;
    adah_dataset_options_init(&o);
    OK(adah_dataset_open(photos, &o, &plain, &ok));
    if (strstr(adah_dataset_notes(plain), "libexiv2"))
        print_message("SKIPPED: this build does not read what is written in pictures\n");
    else
        assert_string_equal(first, "a boat");
    assert_string_not_equal(second, "a boat");
    adah_dataset_close(plain);
    adah_dataset_close(dataset);
    adah_picture_memory_close(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_anywhere_is_finished),
        cmocka_unit_test(a_torn_write_is_finished),
        cmocka_unit_test(a_kill_of_the_first_sync_is_finished),
        cmocka_unit_test(files_of_different_times_do_not_mislead),
        cmocka_unit_test(a_damaged_memory_is_none),
        cmocka_unit_test(a_foreign_memory_stays),
        cmocka_unit_test(an_index_made_meanwhile_stays),
        cmocka_unit_test(a_stop_anywhere_is_finished),
        cmocka_unit_test(allocations_that_fail_are_told),
        cmocka_unit_test(tags_are_kept_by_stamp),
    };
    return cmocka_run_group_tests(tests, start, end);
}
