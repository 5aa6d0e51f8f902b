/* (property) test_tar_file.c - members of tar files are found as other programs write them, and nothing that a damaged file says leads out of it. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/tar_file.h"
#include "data_folder.h"
#include "tar_bytes.h"

#include <fcntl.h>

static temporary_folder folder;
static char tar_path[1024];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    snprintf(tar_path, sizeof tar_path, "%s/a.tar", folder.path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static void put(tar_bytes *t) {
    data_folder_write(folder.path, "a.tar", t->n ? (const void *)t->bytes : "", t->n);
    tar_free(t);
}

/* What the walk told: names, and why some have no bytes. */
typedef struct told {
    char text[4096];
    size_t n;
} told;

static adah_code tell(void *context, const char *name, const char *why, adah_status *status) {
    told *t = context;
    (void)status;
    t->n++;
    if (strlen(t->text) + strlen(name) + 100 < sizeof t->text)
        sprintf(t->text + strlen(t->text), "%s%s%s\n", name, why ? ": " : "", why ? why : "");
    return ADAH_OK;
}

static adah_code list(told *t, adah_status *status) {
    *t = (told){.n = 0};
    return adah_tar_list(tar_path, tell, t, status);
}

static void assert_member(const char *name, const char *text) {
    char path[6000];
    uint8_t *bytes = NULL;
    size_t n;
    adah_status status;
    snprintf(path, sizeof path, "%s/%s", tar_path, name);
    const adah_code code = adah_file_read(path, 1 << 20, &bytes, &n, &status);
    assert_int_equal(code == ADAH_OK, text != NULL);
    assert_int_equal(adah_file_exists(path), text != NULL);
    if (text) {
        assert_int_equal(n, strlen(text));
        assert_memory_equal(bytes, text, n + 1);
    }
    adah_memory_free(bytes);
}

static void reads_what_programs_write(void **state) {
    (void)state;
    told t;
    tar_bytes b = {NULL, 0};
    char long_name[601], record[64];
    memset(long_name, 'n', 600);
    memcpy(long_name + 300, "/", 1);
    long_name[600] = '\0';
    tar_add(&b, '5', "./", "");
    tar_add(&b, '0', "./x.jpg", "one");
    tar_add(&b, '\0', "b//y.jpg", "two");
    memcpy(tar_header(&b, '0', "z.jpg", 3) + 345, "a/prefix", 8);
    tar_seal(b.bytes + b.n - 512);
    tar_data(&b, "333", 3);
    tar_add(&b, 'g', "global", "13 comment=x\n");
    tar_add_file(&b, long_name, "four", 4);
    long_name[599] = 'm';
    tar_add(&b, 'L', "././@LongLink", long_name);
    tar_add(&b, '0', "nnn", "five");
    uint8_t *h = tar_header(&b, '0', "large.jpg", 0); /* a size as GNU writes large ones */
    memcpy(h + 124, "\x80\0\0\0\0\0\0\0\0\0\0\3", 12);
    tar_seal(h);
    tar_data(&b, "six", 3);
    snprintf(record, sizeof record, "10 size=5\n");
    tar_add(&b, 'x', "PaxHeader", record);
    tar_header(&b, '0', "seven.jpg", 0);
    tar_data(&b, "seven", 5);
    tar_header(&b, '0', "empty.jpg", 0);
    tar_end(&b);
    put(&b);
    assert_int_equal(list(&t, NULL), ADAH_OK);
    assert_int_equal(t.n, 8);
    assert_member("x.jpg", "one");
    assert_member("b/y.jpg", "two");
    assert_member("a/prefix/z.jpg", "333");
    assert_member(long_name, "five");
    long_name[599] = 'n';
    assert_member(long_name, "four");
    assert_member("large.jpg", "six");
    assert_member("seven.jpg", "seven");
    assert_member("empty.jpg", "");
    assert_member("b", NULL);
    assert_member("X.jpg", NULL);
    assert_member("", NULL);
}

static void leaves_out_what_has_no_bytes_here(void **state) {
    (void)state;
    told t;
    tar_bytes b = {NULL, 0};
    tar_add(&b, '0', "/etc/passwd", "x");
    tar_add(&b, '0', "a/../../b.jpg", "x");
    tar_add(&b, '0', "a\nb.jpg", "x");
    tar_header(&b, '2', "link.jpg", 0);
    memcpy(b.bytes + b.n - 512 + 157, "/etc/passwd", 11);
    tar_seal(b.bytes + b.n - 512);
    tar_header(&b, '1', "hard.jpg", 0);
    tar_header(&b, '3', "device.jpg", 0);
    tar_add(&b, 'S', "old-sparse.jpg", "x");
    tar_add(&b, 'x', "PaxHeader", "22 GNU.sparse.major=1\n");
    tar_add(&b, '0', "sparse.jpg", "x");
    tar_add(&b, '0', "twice.jpg", "first");
    tar_add(&b, '0', "good.jpg", "x");
    tar_add(&b, '0', "./twice.jpg", "second");
    put(&b);
    assert_int_equal(list(&t, NULL), ADAH_OK); /* it ends without the blocks of zeros */
    assert_string_equal(t.text, "/etc/passwd: its name is absolute\na/../../b.jpg: its name has a part \"..\"\na\nb.jpg: its name holds a line break\n"
                                "link.jpg: it is a link, which is not followed in a tar file\nhard.jpg: it is a link, which is not followed in a tar file\n"
                                "device.jpg: it is no regular file\nold-sparse.jpg: it is sparse, which is not read\nsparse.jpg: it is sparse, which is not read\n"
                                "twice.jpg\ngood.jpg\ntwice.jpg\n");
    static const char *const none[] = {"etc/passwd", "/etc/passwd", "b.jpg", "a/../../b.jpg", "link.jpg", "hard.jpg", "device.jpg", "old-sparse.jpg", "sparse.jpg"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_member(none[i], NULL);
    assert_member("good.jpg", "x");
    assert_member("twice.jpg", "second");
}

static void tells_where_it_is_damaged(void **state) {
    (void)state;
    told t;
    adah_status status;
    for (int kind = 0; kind < 6; kind++) {
        tar_bytes b = {NULL, 0};
        if (kind != 5)
            tar_add(&b, '0', "good.jpg", "x");
        if (kind == 0) {
            tar_header(&b, '0', "cut.jpg", 100000);
            tar_data(&b, "x", 1);
        } else if (kind == 1) {
            tar_header(&b, '0', "sum.jpg", 0)[0] ^= 1;
        } else if (kind == 2) {
            tar_grow(&b, 100)[0] = 'x';
        } else if (kind == 3) {
            tar_add(&b, 'x', "PaxHeader", "99 path=a\n");
            tar_add(&b, '0', "a.jpg", "x");
        } else if (kind == 4) {
            tar_header(&b, 'L', "LongLink", (size_t)1 << 32);
        } else {
            tar_grow(&b, 5000)[7] = 'x';
        }
        put(&b);
        assert_int_equal(list(&t, &status), ADAH_ERROR_FORMAT);
        assert_int_equal(t.n, kind != 5);
        assert_non_null(strstr(status.message, kind != 5 ? "at byte 1024" : "not a tar file"));
        assert_member(kind != 5 ? "good.jpg" : "x", kind != 5 ? "x" : NULL);
    }
}

static void sees_that_it_was_replaced(void **state) {
    (void)state;
    tar_bytes b = {NULL, 0};
    tar_add(&b, '0', "a.jpg", "one");
    put(&b);
    assert_member("a.jpg", "one");
    tar_add(&b, '0', "before.jpg", "x");
    tar_add(&b, '0', "a.jpg", "another");
    put(&b);
    assert_member("a.jpg", "another");
    unlink(tar_path);
    assert_member("a.jpg", NULL);
}

static void holds_many(void **state) {
    (void)state;
    enum { MANY = 20000 };
    told t;
    char name[32];
    tar_bytes b = {NULL, 0};
    FILE *file = fopen(tar_path, "wb");
    assert_non_null(file);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d.jpg", i);
        tar_add(&b, '0', name, name);
        assert_int_equal(fwrite(b.bytes, 1, b.n, file), b.n);
        tar_free(&b);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(list(&t, NULL), ADAH_OK);
    assert_int_equal(t.n, MANY);
    for (int i = 0; i < MANY; i += 37) {
        snprintf(name, sizeof name, "%d.jpg", i);
        assert_member(name, name);
    }
    assert_member("20000.jpg", NULL);
}

/* A name that a damaged file gives is clean, and the place lies in the file. */
static adah_code check_told(void *context, const char *name, const char *why, adah_status *status) {
    const int fd = *(int *)context;
    struct stat s;
    adah_tar_place place;
    if (why)
        return ADAH_OK;
    assert_true(*name && *name != '/' && strncmp(name, "../", 3) != 0 && !strstr(name, "/../") && !strchr(name, '\n'));
    assert_int_equal(adah_tar_find(fd, "x", name, &place, status), ADAH_OK);
    assert_int_equal(fstat(fd, &s), 0);
    assert_true(place.offset <= (uint64_t)s.st_size && place.n_bytes <= (uint64_t)s.st_size - place.offset);
    return ADAH_OK;
}

static void keeps_inside_of_a_damaged_file(void **state) {
    (void)state;
    uint64_t seed = 1;
    tar_bytes good = {NULL, 0};
    char long_name[400];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    tar_add(&good, '0', "a.jpg", "one");
    tar_add(&good, 'L', "LongLink", long_name);
    tar_add(&good, '0', "b.jpg", "two");
    tar_add_file(&good, long_name, "three", 5);
    tar_add(&good, 'x', "PaxHeader", "10 size=5\n");
    tar_add(&good, '0', "c.jpg", "fiver");
    tar_add(&good, '5', "d/", "");
    tar_add(&good, '0', "d/e.jpg", "six");
    tar_end(&good);
    for (int turn = 0; turn < 3000; turn++) {
        tar_bytes b = {malloc(good.n), good.n};
        assert_non_null(b.bytes);
        memcpy(b.bytes, good.bytes, good.n);
        const int n_changes = 1 + turn % 4;
        for (int i = 0; i < n_changes; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const size_t at = (size_t)(seed >> 33) % b.n;
            b.bytes[at] = turn % 3 == 0 ? (uint8_t)(seed >> 20) : (uint8_t)("0179/.\0x\x80\xff"[(seed >> 20) % 10]);
            if (turn % 5 && at / 512 * 512 + 512 <= b.n) /* mostly with a right checksum, so that what is behind it is tried */
                tar_seal(b.bytes + at / 512 * 512);
        }
        if (turn % 7 == 0)
            b.n = (size_t)(seed >> 40) % b.n;
        put(&b);
        int fd = open(tar_path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        adah_status status;
        const adah_code code = adah_tar_list(tar_path, check_told, &fd, &status);
        assert_true(code == ADAH_OK || code == ADAH_ERROR_FORMAT);
        close(fd);
    }
    tar_free(&good);
}

static void knows_paths_into_tar_files(void **state) {
    (void)state;
    char path[1100];
    tar_bytes b = {NULL, 0};
    tar_add(&b, '0', "a.jpg", "x");
    put(&b);
    data_folder_put(folder.path, "real.tar/a.jpg", "y");
    snprintf(path, sizeof path, "%s/a.jpg", tar_path);
    assert_int_equal(adah_tar_prefix(path), strlen(tar_path));
    assert_int_equal(adah_tar_prefix(tar_path), 0);
    snprintf(path, sizeof path, "%s/", tar_path);
    assert_int_equal(adah_tar_prefix(path), 0);
    snprintf(path, sizeof path, "%s/real.tar/a.jpg", folder.path);
    assert_int_equal(adah_tar_prefix(path), 0);
    assert_true(adah_tar_is_named("x.TAR", 5) && adah_tar_is_named("a/x.tar", 7));
    assert_false(adah_tar_is_named(".tar", 4) || adah_tar_is_named("a/.tar", 6) || adah_tar_is_named("x.tar.gz", 8));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(reads_what_programs_write), TEST(leaves_out_what_has_no_bytes_here), TEST(tells_where_it_is_damaged), TEST(sees_that_it_was_replaced),
                                       TEST(holds_many), TEST(keeps_inside_of_a_damaged_file), TEST(knows_paths_into_tar_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
