/* (unit) Bad collection files and bad disks: every damaged byte is noticed, nothing outside the file is read however its
 * numbers lie, and a write that fails leaves the collection as it was. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "base/file.h"
#include "index_bytes.h"
#include "index_history.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];
static const adah_progress silent = {NULL, NULL};

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    adah_file_fault_at(0);
    adah_memory_fault_at(0);
    temporary_folder_remove(&folder);
    return 0;
}

/* ---------------------------------------------------------------- files */

typedef struct file {
    uint8_t *bytes; /* adah_memory_free */
    size_t n_bytes;
} file;

static file get_file(void) {
    file f = {NULL, 0};
    assert_int_equal(adah_file_read(path, SIZE_MAX - 1, &f.bytes, &f.n_bytes, NULL), ADAH_OK);
    return f;
}

static void put_file(const uint8_t *bytes, size_t n_bytes) {
    unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0 && pwrite(fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
    close(fd);
}

static adah_index_writer *create(void) {
    adah_index_writer *w = NULL;
    assert_int_equal(adah_index_writer_create(path, NULL, HISTORY_BITS, &w, NULL), ADAH_OK);
    return w;
}

static void commit(history *h, adah_index_writer *w) {
    adah_status status = {0};
    if (history_stage(h, w, &status) != ADAH_OK || adah_index_writer_commit(w, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    history_step(h);
}

/* A file at `path` of n batches, as bytes. */
static file make_history(uint64_t seed, size_t n_usual, int n_batches) {
    history h = history_begin(seed, n_usual);
    adah_index_writer *w = create();
    for (int i = 0; i < n_batches; i++)
        commit(&h, w);
    adah_index_writer_close(w);
    return get_file();
}

/* Bare image codes with search tables. */
static file make_tables(void) {
    enum { N = 60 };
    uint8_t codes[N * HISTORY_CODE_BYTES];
    uint64_t s = 9;
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (uint8_t)history_random(&s, 256);
    adah_index_writer *w = create();
    assert_int_equal(adah_index_writer_add_codes(w, N, codes, NULL, NULL, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_compact(w, silent, NULL), ADAH_OK);
    adah_index_writer_close(w);
    const file bare = get_file();
    file f = {NULL, 0};
    f.bytes = index_with_tables(bare.bytes, bare.n_bytes, HISTORY_BITS, 3, &f.n_bytes);
    assert_non_null(f.bytes);
    adah_memory_free(bare.bytes);
    put_file(f.bytes, f.n_bytes);
    adah_status status = {0};
    if (adah_index_verify(path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return f;
}

static void assert_is(const history *h) {
    char fault[256];
    adah_status status = {0};
    adah_index *x = NULL;
    if (adah_index_open(path, &x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    if (!history_is(h, x, fault))
        fail_msg("%s", fault);
    adah_index_close(x);
    if (adah_index_verify(path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static int accept_all(void *context, const adah_index_entry *entry) {
    *(size_t *)context += strlen(entry->file_name) + strlen(entry->text);
    return 1;
}

static int is_expected(adah_code code) {
    return code == ADAH_OK || adah_is_bad_content(code) || code == ADAH_ERROR_MISMATCH || code == ADAH_ERROR_NOT_FOUND;
}

/* Reads all there is of a file that may be damaged. Returns whether it is sound. */
static int use(void) {
    static const uint8_t query[ADAH_BITS_MAX / 8];
    adah_status status = {0};
    adah_index *x = NULL, *latest = NULL;
    size_t n_seen = 0;
    const adah_code code = adah_index_open(path, &x, &status);
    if (code != ADAH_OK) {
        assert_true(adah_is_bad_content(code));
        assert_non_null(strstr(status.message, path));
        assert_int_equal(adah_index_verify(path, NULL), code);
        return 0;
    }
    for (uint64_t row = 0; row < adah_index_rows(x) && row < 5000; row++) {
        adah_index_entry e;
        uint64_t found;
        const adah_code read = adah_index_record(x, row, &e, NULL);
        assert_true(is_expected(read));
        if (read != ADAH_OK)
            continue;
        accept_all(&n_seen, &e);
        adah_index_find(x, e.id, &found);
        for (size_t i = 0; i < e.n_labels; i++) {
            const char *name = adah_index_label_name(x, e.label[i]);
            n_seen += name ? strlen(name) : 0;
        }
        for (size_t i = 0; i < adah_index_bits(x) / 8; i++)
            n_seen += (e.image_code ? e.image_code[i] : 0U) + (e.text_code ? e.text_code[i] : 0U);
        adah_index_entry_free(&e);
    }
    const uint64_t only[] = {0, 3, UINT64_MAX - 1};
    for (int i = 0; i < 12; i++) {
        adah_search_options o;
        adah_search_options_init(&o);
        adah_search_result r = {NULL, 0};
        o.method = (adah_search_method)(i / 2 % 3);
        o.exclude = i < 6 ? 1 : ADAH_NO_ID;
        o.accept = i % 4 < 2 ? accept_all : NULL;
        o.context = &n_seen;
        if (i == 11) {
            o.only = only;
            o.n_only = 3;
        }
        assert_true(is_expected(adah_index_search(x, (adah_modality)(i % 2), query, 1, &o, &r, NULL)));
        adah_search_result_free(&r);
    }
    assert_int_equal(adah_index_latest(x, &latest, NULL), ADAH_OK);
    adah_index_close(latest);
    adah_index_close(x);
    const adah_code verified = adah_index_verify(path, &status);
    assert_true(verified == ADAH_OK || adah_is_bad_content(verified));
    return verified == ADAH_OK;
}

/* ---------------------------------------------------------------- damaged files */

static void flip_every_byte(file f, size_t first) {
    for (size_t i = first; i < f.n_bytes; i++) {
        const uint8_t old = f.bytes[i];
        f.bytes[i] ^= (uint8_t)(1U << i % 8);
        put_file(f.bytes, f.n_bytes);
        if (use())
            fail_msg("byte %zu of %zu is wrong and nobody minds", i, f.n_bytes);
        f.bytes[i] = old;
    }
    adah_memory_free(f.bytes);
}

static void test_every_flipped_byte_is_noticed(void **state) {
    (void)state;
    flip_every_byte(make_history(11, 3, 4), 0);
    flip_every_byte(make_tables(), ADAH_INDEX_FRONT_BYTES);
}

/* Every number at at, at + 4, ... < end set to what is near and what is far, the checksums made right. */
static void set_every_number(const file *f, size_t at, size_t end) {
    static const uint64_t values[] = {1,
                                      8,
                                      64,
                                      (uint64_t)-1,
                                      (uint64_t)-8,
                                      (uint64_t)-64, /* these are added */
                                      0,
                                      1,
                                      64,
                                      1 << 16,
                                      INT32_MAX,
                                      UINT32_MAX - 63,
                                      UINT32_MAX,
                                      UINT64_C(1) << 36,
                                      SIZE_MAX / 16,
                                      INT64_MAX,
                                      UINT64_MAX - 63,
                                      UINT64_MAX};
    enum { N_NEAR = 6, N_VALUES = sizeof values / sizeof *values };
    uint8_t *bytes = adah_memory_alloc(f->n_bytes);
    assert_non_null(bytes);
    for (; at + 4 <= end; at += 4)
        for (int i = 0; i < N_VALUES; i++) {
            const size_t n = i < N_NEAR || values[i] > UINT32_MAX ? 8 : 4;
            uint64_t value = 0;
            if (at % n || at + n > end)
                continue;
            memcpy(&value, f->bytes + at, n);
            value = i < N_NEAR ? value + values[i] : values[i];
            memcpy(bytes, f->bytes, f->n_bytes);
            memcpy(bytes + at, &value, n);
            index_mend(bytes, f->n_bytes, INDEX_MEND_SECTIONS);
            put_file(bytes, f->n_bytes);
            use();
        }
    adah_memory_free(bytes);
}

static void set_numbers_of(file f) {
    adah_index_segment_header h;
    size_t n_bytes = 0;
    set_every_number(&f, 0, sizeof(adah_index_header));
    for (uint64_t i = 0; i < ADAH_INDEX_N_MARKS; i++)
        set_every_number(&f, adah_index_mark_place(i), adah_index_mark_place(i) + sizeof(adah_index_mark));
    for (size_t at = ADAH_INDEX_FRONT_BYTES; index_segment_at(f.bytes, f.n_bytes, at, &h, &n_bytes); at += n_bytes) {
        set_every_number(&f, at, at + sizeof h + h.n_sections * sizeof(adah_index_section));
        for (uint32_t i = 0; i < h.n_sections; i++) { /* both ends of what lies in the sections */
            adah_index_section x;
            memcpy(&x, f.bytes + at + sizeof h + i * sizeof x, sizeof x);
            const size_t first = at + (size_t)x.offset, end = first + (size_t)x.n_bytes;
            set_every_number(&f, first, x.n_bytes > 24 ? first + 24 : end);
            if (x.n_bytes > 40)
                set_every_number(&f, (end - 16) / 8 * 8, end);
        }
    }
    adah_memory_free(f.bytes);
}

static void test_impossible_numbers_harm_nobody(void **state) {
    (void)state;
    set_numbers_of(make_history(12, 3, 3));
    set_numbers_of(make_tables());
}

static void assert_fails_with(const file *f, const char *words) {
    adah_status status = {0};
    adah_index *x = NULL;
    adah_index_writer *w = NULL;
    put_file(f->bytes, f->n_bytes);
    const adah_code code = adah_index_open(path, &x, &status);
    assert_int_equal(code, strstr(status.message, "damaged") ? ADAH_ERROR_CORRUPT : ADAH_ERROR_FORMAT);
    if (!strstr(status.message, words))
        fail_msg("\"%s\" does not say \"%s\"", status.message, words);
    assert_int_equal(adah_index_writer_open(path, &w, &status), code);
    const file after = get_file();
    assert_int_equal(after.n_bytes, f->n_bytes); /* and leaves it alone */
    assert_memory_equal(after.bytes, f->bytes, f->n_bytes);
    adah_memory_free(after.bytes);
}

static void test_other_files_are_told_apart(void **state) {
    (void)state;
    file f = make_history(13, 3, 2);
    adah_index_header *h = (adah_index_header *)(void *)f.bytes;
    h->version = __builtin_bswap32(ADAH_INDEX_VERSION);
    assert_fails_with(&f, "another byte order");
    h->version = ADAH_INDEX_VERSION + 1;
    assert_fails_with(&f, "newer version");
    h->version = 1;
    assert_fails_with(&f, "make it anew");
    h->version = ADAH_INDEX_VERSION;
    h->magic[4] = '\n';
    assert_fails_with(&f, "not an adah index");
    h->magic[4] = 'H';
    memset(f.bytes + sizeof *h, 0, ADAH_INDEX_FRONT_BYTES - sizeof *h);
    assert_fails_with(&f, "no mark");
    f.n_bytes = 0;
    assert_fails_with(&f, "not an adah index");
    adah_memory_free(f.bytes);
}

/* ---------------------------------------------------------------- a copy over it that is not done */

enum { LETTERS_MAX = 8, TEXT_BYTES = 150 };

/* One record of a letter. */
static adah_index_item letter_item(char letter, char *text, uint8_t *code) {
    memset(text, letter, TEXT_BYTES);
    text[TEXT_BYTES] = '\0';
    memset(code, letter, HISTORY_CODE_BYTES);
    return (adah_index_item){.id = ADAH_NO_ID, .file_name = text, .text = text, .image_code = code};
}

/* A file with a batch for each letter. */
static file make_letters(const char *letters) {
    static const uint8_t model_identity[16];
    char text[TEXT_BYTES + 1];
    uint8_t code[HISTORY_CODE_BYTES];
    adah_index_builder *b = NULL;
    adah_index_writer *w = NULL;
    adah_index_item item = letter_item(letters[0], text, code);
    item.id = 0;
    assert_int_equal(adah_index_builder_create(path, HISTORY_BITS, model_identity, "none", &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_add(b, &item, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_publish(b, 0, NULL, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
    for (size_t i = 1; letters[i]; i++) {
        item = letter_item(letters[i], text, code);
        assert_int_equal(adah_index_writer_add(w, &item, NULL, NULL), ADAH_OK);
        assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
    }
    adah_index_writer_close(w);
    return get_file();
}

/* The letters of the records of a state; '?' for what is not as a letter's record was written. */
static void read_letters(const adah_index *x, char letters[LETTERS_MAX + 1]) {
    char text[TEXT_BYTES + 1];
    uint8_t code[HISTORY_CODE_BYTES];
    size_t n = 0;
    for (uint64_t row = 0; row < adah_index_rows(x) && n < LETTERS_MAX; row++) {
        adah_index_entry e = {0};
        const adah_code read = adah_index_record(x, row, &e, NULL);
        letters[n] = '?';
        if (read == ADAH_OK) {
            const adah_index_item item = letter_item(e.text[0], text, code);
            if (!strcmp(e.text, item.text) && !strcmp(e.file_name, item.file_name) && !e.text_code &&
                !memcmp(e.image_code, code, sizeof code))
                letters[n] = e.text[0];
        }
        n++;
        adah_index_entry_free(&e);
    }
    letters[n] = '\0';
}

static int begins_with(const char *text, const char *beginning) { return !strncmp(text, beginning, strlen(beginning)); }

static void copy_part(uint8_t *to, const file *from, size_t first, size_t end) {
    if (end > from->n_bytes)
        end = from->n_bytes;
    if (first < end)
        memcpy(to + first, from->bytes + first, end - first);
}

/* Opens what begins as `head`, up to byte `cut`, and goes on as `tail`. Returns 1: it could be opened. */
static int open_mixture(const file *head, const char *of_head, const file *tail, const char *of_tail, size_t cut) {
    const size_t n_head = cut < head->n_bytes ? cut : head->n_bytes, n = n_head > tail->n_bytes ? n_head : tail->n_bytes;
    char letters[LETTERS_MAX + 1];
    adah_index *x = NULL;
    adah_status status = {0};
    uint8_t *bytes = adah_memory_zeroed(n + 1, 1);
    assert_non_null(bytes);
    copy_part(bytes, head, 0, cut);
    copy_part(bytes, tail, cut, n);
    put_file(bytes, n);
    adah_memory_free(bytes);
    const adah_code code = adah_index_open(path, &x, &status);
    if (code != ADAH_OK) {
        if (!adah_is_bad_content(code))
            fail_msg("%s", status.message);
        return 0;
    }
    read_letters(x, letters);
    adah_index_close(x);
    /* with a mark of each it may be as one of the two was earlier */
    const int may_be_earlier = cut > ADAH_INDEX_MARK_AT && cut <= ADAH_INDEX_MARK_AT + ADAH_INDEX_MARK_STEP + sizeof(adah_index_mark) && letters[0];
    if (strcmp(letters, of_head) && strcmp(letters, of_tail) &&
        !(may_be_earlier && (begins_with(of_head, letters) || begins_with(of_tail, letters))))
        fail_msg("%zu bytes of \"%s\" and then those of \"%s\" read as \"%s\"", cut, of_head, of_tail, letters);
    return 1;
}

/* Cuts at every byte, but for those among zeros. */
static void open_mixtures(const file *head, const char *of_head, const file *tail, const char *of_tail) {
    int is_open = 0;
    for (size_t cut = 0; cut <= head->n_bytes; cut++)
        if (cut > ADAH_INDEX_FRONT_BYTES || cut % ADAH_INDEX_MARK_STEP <= sizeof(adah_index_mark))
            is_open = open_mixture(head, of_head, tail, of_tail, cut);
    assert_true(is_open); /* the whole one */
}

static void test_a_copy_that_is_not_done_is_refused(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"a", "b"},     {"abc", "abd"}, {"abc", "axc"},     {"abc", "xbc"},
                                           {"a", "abcd"},  {"ab", "abcd"}, {"abcd", "abx"},    {"abcd", "xyzw"},
                                           {"abc", "xy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *one = pairs[i][0], *other = pairs[i][1];
        const file f = make_letters(one), g = make_letters(other), nothing = {NULL, 0};
        file zeros = {adah_memory_zeroed(f.n_bytes, 1), f.n_bytes};
        assert_non_null(zeros.bytes);
        open_mixtures(&f, one, &g, other);
        open_mixtures(&g, other, &f, one);
        open_mixtures(&f, one, &nothing, one);
        open_mixtures(&f, one, &zeros, one);
        adah_memory_free(f.bytes);
        adah_memory_free(g.bytes);
        adah_memory_free(zeros.bytes);
    }
}

/* The place of the section's entry in the table of the segment at byte `at`. */
static size_t find_entry(const file *f, size_t at, uint32_t type, adah_index_section *x) {
    adah_index_segment_header h;
    memcpy(&h, f->bytes + at, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++) {
        const size_t entry = at + sizeof h + i * sizeof *x;
        memcpy(x, f->bytes + entry, sizeof *x);
        if (x->type == type)
            return entry;
    }
    fail_msg("no section of type %u", type);
    return 0;
}

/* Vectors of a length that cannot be, of two lengths in one file, or without codes. */
static void test_vectors_that_do_not_fit(void **state) {
    (void)state;
    static const uint8_t code[HISTORY_CODE_BYTES];
    static const int8_t fine[16] = {1, 2, 3};
    adah_index_writer *w = create();
    const adah_index_item item = {.id = ADAH_NO_ID, .image_code = code, .text_code = code, .image_fine = fine, .text_fine = fine, .n_image_fine = 16, .n_text_fine = 16};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(adah_index_writer_add(w, &item, NULL, NULL), ADAH_OK);
        assert_int_equal(adah_index_writer_commit(w, NULL), ADAH_OK);
    }
    adah_index_writer_close(w);
    file f = get_file();
    adah_index_segment_header first;
    memcpy(&first, f.bytes + ADAH_INDEX_FRONT_BYTES, sizeof first);
    size_t at = ADAH_INDEX_FRONT_BYTES + (size_t)first.n_bytes; /* behind the empty segment: those of one record each */
    adah_index_section x;
    const size_t image = find_entry(&f, at, ADAH_SECTION_IMAGE_FINE, &x);
    const adah_index_section good = x;
    static const uint64_t bad[] = {0, 1, 12};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        x.n_bytes = bad[i];
        memcpy(f.bytes + image, &x, sizeof x);
        index_mend(f.bytes, f.n_bytes, INDEX_MEND_SECTIONS);
        assert_fails_with(&f, "do not fit its codes");
    }
    memcpy(f.bytes + image, &good, sizeof good);
    for (int m = 0; m < 2; m++) { /* 8 in this segment, 16 in the next one */
        const size_t entry = find_entry(&f, at, ADAH_SECTION_IMAGE_FINE + (uint32_t)m, &x);
        x.n_bytes = 8;
        memcpy(f.bytes + entry, &x, sizeof x);
        index_mend(f.bytes, f.n_bytes, INDEX_MEND_SECTIONS);
        assert_fails_with(&f, "vectors of 16 values");
        x.n_bytes = 16;
        memcpy(f.bytes + entry, &x, sizeof x);
    }
    adah_memory_free(f.bytes);
}

/* Files of versions that wrote no end are read as ever. */
static void test_a_segment_without_an_end_is_read(void **state) {
    (void)state;
    char letters[LETTERS_MAX + 1];
    file f = make_letters("a");
    adah_index_segment_header h;
    adah_index_writer *w = NULL;
    adah_index *x = NULL;
    memcpy(&h, f.bytes + ADAH_INDEX_FRONT_BYTES, sizeof h);
    h.n_sections--;
    h.n_bytes -= ADAH_INDEX_ALIGNMENT;
    f.n_bytes -= ADAH_INDEX_ALIGNMENT;
    memcpy(f.bytes + ADAH_INDEX_FRONT_BYTES, &h, sizeof h);
    memset(f.bytes + ADAH_INDEX_FRONT_BYTES + sizeof h + h.n_sections * sizeof(adah_index_section), 0, sizeof(adah_index_section));
    index_mend(f.bytes, f.n_bytes, INDEX_MEND_MARKS);
    put_file(f.bytes, f.n_bytes);
    adah_memory_free(f.bytes);
    adah_status status = {0};
    if (adah_index_writer_open(path, &w, &status) != ADAH_OK || adah_index_verify(path, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    const adah_index_item item = {.id = ADAH_NO_ID, .text = "more", .image_code = (const uint8_t *)"12345678"};
    assert_int_equal(adah_index_writer_add(w, &item, NULL, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_commit(w, &status), ADAH_OK);
    adah_index_writer_close(w);
    assert_int_equal(adah_index_open(path, &x, &status), ADAH_OK);
    read_letters(x, letters);
    assert_string_equal(letters, "a?"); /* "more" is no letter's */
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, &status), ADAH_OK);
}

static void test_a_file_that_shrinks_is_noticed(void **state) {
    (void)state;
    static const uint8_t query[HISTORY_CODE_BYTES];
    const file f = make_history(14, 30, 5);
    adah_status status;
    adah_index *x = NULL, *latest = NULL;
    adah_index_writer *w = NULL;
    adah_search_result r = {NULL, 0};
    uint64_t id;
    assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    assert_int_equal(adah_index_search(x, ADAH_TEXT, query, 1, NULL, &r, NULL), ADAH_OK);
    adah_search_result_free(&r);
    const size_t sizes[] = {f.n_bytes - 1, f.n_bytes - 64, ADAH_INDEX_FRONT_BYTES, 100, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(truncate(path, (off_t)sizes[i]), 0);
        assert_int_equal(adah_index_search(x, ADAH_TEXT, query, 1, NULL, &r, &status), ADAH_ERROR_CORRUPT);
        assert_non_null(strstr(status.message, "changed by another program"));
        assert_int_equal(adah_index_latest(x, &latest, &status), sizes[i] ? ADAH_ERROR_CORRUPT : ADAH_ERROR_FORMAT);
        assert_int_equal(adah_index_writer_compact(w, silent, &status), ADAH_ERROR_CORRUPT);
    }
    const adah_index_item item = {.id = ADAH_NO_ID, .text = "x", .text_code = query};
    assert_int_equal(adah_index_writer_add(w, &item, &id, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_commit(w, &status), ADAH_ERROR_CORRUPT); /* not behind a hole */
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 0);
    adah_index_writer_close(w);
    adah_index_close(x);
    adah_memory_free(f.bytes);
}

/* ---------------------------------------------------------------- bad disks */

typedef adah_code work_function(adah_index_writer *w, const history *h, adah_status *status);

static adah_code add_and_commit(adah_index_writer *w, const history *h, adah_status *status) {
    const adah_code code = history_stage(h, w, status);
    return code == ADAH_OK ? adah_index_writer_commit(w, status) : code;
}

static adah_code compact(adah_index_writer *w, const history *h, adah_status *status) {
    (void)h;
    return adah_index_writer_compact(w, silent, status);
}

/* After a failure: as before, for this writer, for readers and for the next writer. */
static void assert_unchanged(history *h, adah_index_writer **w) {
    char fault[256];
    if (!history_is(h, adah_index_writer_state(*w), fault))
        fail_msg("%s", fault);
    assert_is(h);
    assert_int_equal(temporary_folder_count(&folder), 1);
    commit(h, *w);
    assert_is(h);
    adah_index_writer_close(*w);
    *w = NULL;
    assert_int_equal(adah_index_writer_open(path, w, NULL), ADAH_OK);
    if (!history_is(h, adah_index_writer_state(*w), fault))
        fail_msg("%s", fault);
}

static void fail_every_write(work_function *work) {
    adah_status status = {0};
    history h = history_begin(15, 10);
    adah_index_writer *w = create();
    for (int i = 0; i < 4; i++)
        commit(&h, w);
    for (uint64_t n = 1;; n++) {
        adah_file_fault_at(n);
        const adah_code code = work(w, &h, &status);
        const int fired = adah_file_fault_fired();
        adah_file_fault_at(0);
        if (code == ADAH_OK) {
            if (work == add_and_commit)
                history_step(&h);
            assert_is(&h);
            assert_true(n > 1);
            assert_false(fired);
            break;
        }
        assert_true(fired);
        assert_int_equal(code, ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, "No space left"));
        assert_unchanged(&h, &w);
    }
    adah_index_writer_close(w);
}

static void test_a_full_disk_changes_nothing(void **state) {
    (void)state;
    fail_every_write(add_and_commit);
    fail_every_write(compact);
}

/* Allocations fail, later ones with gaps. */
static void fail_every_allocation(work_function *work) {
    adah_status status = {0};
    char fault[256];
    history h = history_begin(22, 10);
    adah_index_writer *w = create();
    for (int i = 0; i < 4; i++)
        commit(&h, w);
    for (uint64_t n = 1;; n += 1 + n / 16) {
        adah_memory_fault_at(n);
        const adah_code code = work(w, &h, &status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (code == ADAH_OK) {
            if (work == add_and_commit)
                history_step(&h);
            assert_is(&h);
            if (!fired)
                break;
            adah_index_writer_close(w); /* one that could not read what it has compacted refuses further calls */
            assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
            continue;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        adah_index_writer_close(w); /* with what was added before it failed */
        assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
        if (!history_is(&h, adah_index_writer_state(w), fault))
            fail_msg("%s", fault);
        assert_unchanged(&h, &w);
    }
    adah_index_writer_close(w);
}

static void test_memory_that_runs_out_changes_nothing(void **state) {
    (void)state;
    fail_every_allocation(add_and_commit);
    fail_every_allocation(compact);
}

static void set_limit(rlim_t n_bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = n_bytes < limit.rlim_max ? n_bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fail_at_every_size(work_function *work) {
    adah_status status = {0};
    history h = history_begin(16, 10);
    adah_index_writer *w = create();
    struct stat info;
    for (int i = 0; i < 4; i++)
        commit(&h, w);
    rlim_t least = work == compact ? 64 : 1;
    for (rlim_t limit = 0;;) {
        assert_int_equal(stat(path, &info), 0);
        limit = work == compact ? limit + 311 + limit / 4 : (rlim_t)info.st_size + least;
        least += 211;
        set_limit(limit);
        const adah_code code = work(w, &h, &status);
        set_limit(RLIM_INFINITY);
        if (code == ADAH_OK) {
            if (work == add_and_commit)
                history_step(&h);
            assert_is(&h);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, "File too large"));
        struct stat after;
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(after.st_size, info.st_size);
        assert_unchanged(&h, &w);
    }
    adah_index_writer_close(w);
}

/* Writes that stop half-way. */
static void test_a_write_cut_short_changes_nothing(void **state) {
    (void)state;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    fail_at_every_size(add_and_commit);
    fail_at_every_size(compact);
    signal(SIGXFSZ, old);
}

static void test_no_permission(void **state) {
    (void)state;
    enum { NOBODY = 65534 };
    const int is_root = geteuid() == 0;
    adah_status status = {0};
    adah_index_writer *w = create();
    history h = history_begin(17, 10);
    commit(&h, w);
    adah_index_writer_close(w);
    w = NULL;
    assert_int_equal(chmod(folder.path, 0555), 0);
    assert_int_equal(chmod(path, 0444), 0);
    if (is_root)
        assert_int_equal(seteuid(NOBODY), 0);
    assert_int_equal(adah_index_writer_open(path, &w, &status), ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, "Permission denied"));
    assert_is(&h); /* reading needs none */
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(path, 0666), 0);
    if (is_root)
        assert_int_equal(seteuid(NOBODY), 0);
    assert_int_equal(adah_index_writer_open(path, &w, &status), ADAH_OK);
    commit(&h, w);
    assert_int_equal(adah_index_writer_compact(w, silent, &status), ADAH_ERROR_IO); /* the folder */
    assert_non_null(strstr(status.message, "Permission denied"));
    assert_unchanged(&h, &w);
    adah_index_writer_close(w);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder.path, 0755), 0);
}

/* ---------------------------------------------------------------- other writers */

static void test_one_writer_at_a_time(void **state) {
    (void)state;
    adah_status status = {0};
    adah_index_writer *other = NULL, *w = create();
    history h = history_begin(18, 10);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(adah_index_writer_open(path, &other, &status), ADAH_ERROR_BUSY);
        assert_non_null(strstr(status.message, "another writer"));
        if (i % 2)
            assert_int_equal(compact(w, &h, &status), ADAH_OK); /* another file, locked too */
        else
            commit(&h, w);
    }
    adah_index_writer_close(w);
    assert_int_equal(adah_index_writer_open(path, &other, &status), ADAH_OK);
    adah_index_writer_close(other);
    assert_is(&h);
}

/* A commit is not acknowledged into a file that nobody will find. */
static void test_a_replaced_file_is_noticed(void **state) {
    (void)state;
    adah_status status = {0};
    const history none = history_begin(19, 10);
    history h = none;
    for (int i = 0; i < 4; i++) {
        adah_index_writer *other = NULL, *w = create();
        if (i % 2)
            assert_int_equal(unlink(path), 0);
        else
            other = create();
        assert_int_equal(i < 2 ? add_and_commit(w, &h, &status) : compact(w, &h, &status), ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, "in its place"));
        assert_int_equal(temporary_folder_count(&folder), i % 2 ? 0 : 1);
        adah_index_writer_close(w);
        adah_index_writer_close(other);
        if (other)
            assert_is(&none);
    }
}

/* Only what a dead writer left is removed. */
static void test_leftovers_are_removed(void **state) {
    (void)state;
    static const char *const kept[] = {".tmp-ABCDE", ".tmp-ABCDEFG", ".bak-ABCDEF"};
    char name[600];
    adah_file_writer *alive = NULL;
    history h = history_begin(20, 10);
    adah_index_writer *w = create();
    commit(&h, w);
    adah_index_writer_close(w);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, kept[i]);
        assert_int_equal(adah_file_publish(name, "x", 1, NULL), ADAH_OK);
    }
    snprintf(name, sizeof name, "%s.tmp-abcdef", path);
    assert_int_equal(adah_file_publish(name, "x", 1, NULL), ADAH_OK);
    assert_int_equal(adah_file_create(path, &alive, NULL), ADAH_OK);
    adah_file_replace_any(alive);
    assert_int_equal(adah_file_put(alive, "x", 1, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
    adah_index_writer_close(w);
    assert_false(adah_file_exists(name));
    assert_int_equal(temporary_folder_count(&folder), 4); /* the writer's has no name where the system can do that */
    assert_is(&h);
    assert_int_equal(adah_file_commit(alive, NULL), ADAH_OK);
}

/* Compaction puts the new file where the link leads, with the mode of the old. */
static void test_compaction_keeps_links_and_modes(void **state) {
    (void)state;
    char link_path[512], real_path[600];
    struct stat info;
    memcpy(link_path, path, sizeof link_path);
    history h = history_begin(21, 10);
    adah_index_writer *w = create();
    commit(&h, w);
    adah_index_writer_close(w);
    snprintf(real_path, sizeof real_path, "%s.real", path);
    assert_int_equal(rename(path, real_path), 0);
    assert_int_equal(symlink(real_path, link_path), 0);
    assert_int_equal(chmod(real_path, 0640), 0);
    assert_int_equal(adah_index_writer_open(link_path, &w, NULL), ADAH_OK);
    assert_int_equal(adah_index_writer_compact(w, silent, NULL), ADAH_OK);
    commit(&h, w);
    adah_index_writer_close(w);
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(real_path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(temporary_folder_count(&folder), 2);
    assert_is(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_flipped_byte_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_impossible_numbers_harm_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_files_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vectors_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_copy_that_is_not_done_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_segment_without_an_end_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_shrinks_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_that_runs_out_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_write_cut_short_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_permission, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_writer_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_replaced_file_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers_are_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compaction_keeps_links_and_modes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
