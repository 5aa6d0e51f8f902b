/* (property) The inverted list of a segment: what is built is what a walk through all records finds, and bytes that are not a list are
 * refused or give numbers in range. */
#include "base/memory.h"
#include "base/random.h"
#include "index/postings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_WORDS = 300, N_RECORDS = 700, PER_RECORD_MAX = 40 };

static char word[N_WORDS][16];
static const char *words[N_WORDS];
static unsigned char holds[N_RECORDS][N_WORDS];
static uint32_t records[N_RECORDS * (1 + PER_RECORD_MAX)];
static size_t n;

/* Words that share beginnings, some in nearly every record and most in a few. */
static void draw(uint64_t seed) {
    adah_random random = adah_random_seeded(seed, 0);
    memset(holds, 0, sizeof holds);
    n = 0;
    for (size_t i = 0; i < N_WORDS; i++) {
        snprintf(word[i], sizeof word[i], "%s%zu", i % 3 ? "img_20" : "\xc3\xa4", i * 7 % N_WORDS);
        words[i] = word[i];
    }
    for (size_t r = 0; r < N_RECORDS; r++) {
        const size_t start = n++, n_drawn = (size_t)adah_random_below(&random, PER_RECORD_MAX);
        for (size_t k = 0; k < n_drawn; k++) {
            const size_t w = (size_t)adah_random_below(&random, 1 + adah_random_below(&random, N_WORDS));
            if (!holds[r][w])
                records[n++] = (uint32_t)w;
            holds[r][w] = 1;
        }
        records[start] = (uint32_t)(n - start - 1);
    }
}

/* Leaves out the words that no record holds, as a segment has none. */
static size_t renumber(const char **kept) {
    uint32_t number[N_WORDS];
    size_t n_kept = 0;
    for (size_t w = 0; w < N_WORDS; w++) {
        int is_held = 0;
        for (size_t r = 0; r < N_RECORDS; r++)
            is_held |= holds[r][w];
        number[w] = (uint32_t)n_kept;
        if (is_held)
            kept[n_kept++] = words[w];
    }
    for (size_t i = 0; i < n; i += 1 + records[i])
        for (size_t k = 1; k <= records[i]; k++)
            records[i + k] = number[records[i + k]];
    return n_kept;
}

static void test_equals_the_records(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        const char *kept[N_WORDS];
        uint8_t *bytes;
        size_t n_bytes;
        adah_postings p;
        adah_status status;
        draw(seed);
        const size_t n_kept = renumber(kept);
        assert_int_equal(adah_postings_build("english", kept, n_kept, records, n, &bytes, &n_bytes, &status), ADAH_OK);
        assert_int_equal(adah_postings_view(bytes, n_bytes, N_RECORDS, &p, &status), ADAH_OK);
        assert_int_equal(adah_postings_verify(&p, &status), ADAH_OK);
        assert_string_equal(p.language, "english");
        assert_int_equal(p.n_words, n_kept);
        for (size_t w = 0; w < N_WORDS; w++) {
            adah_posting list = {.n = 0};
            uint64_t record = 0, n_found = 0;
            const int is_there = adah_postings_find(&p, words[w], strlen(words[w]), &list);
            for (size_t r = 0; r < N_RECORDS; r++)
                if (holds[r][w]) {
                    assert_int_equal(adah_posting_next(&p, &list, &record), 1);
                    assert_int_equal(record, r);
                    n_found++;
                }
            assert_int_equal(is_there, n_found > 0);
            assert_int_equal(list.n, n_found);
            assert_int_equal(adah_posting_next(&p, &list, &record), 0);
        }
        assert_int_equal(adah_postings_find(&p, "img_2", 5, &(adah_posting){.n = 0}), 0); /* the beginning of many */
        assert_int_equal(adah_postings_find(&p, "", 0, &(adah_posting){.n = 0}), 0);
        assert_int_equal(adah_postings_find(&p, "\xff", 1, &(adah_posting){.n = 0}), 0);
        adah_memory_free(bytes);
    }
}

static void test_empty(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t n_bytes;
    adah_postings p;
    assert_int_equal(adah_postings_build("german", NULL, 0, NULL, 0, &bytes, &n_bytes, NULL), ADAH_OK);
    assert_int_equal(adah_postings_view(bytes, n_bytes, 0, &p, NULL), ADAH_OK);
    assert_int_equal(adah_postings_verify(&p, NULL), ADAH_OK);
    assert_int_equal(adah_postings_find(&p, "a", 1, &(adah_posting){.n = 0}), 0);
    for (size_t i = 0; i < n_bytes; i++) /* an allocation of just these bytes, for the sanitizer */
        assert_int_equal(adah_postings_view(bytes, i, 0, &p, NULL), ADAH_ERROR_CORRUPT);
    adah_memory_free(bytes);
}

/* Every byte changed to something else: nothing outside is read, no record is out of range, and what verify passes can be gone through. */
static void test_damage(void **state) {
    (void)state;
    const char *kept[N_WORDS];
    uint8_t *bytes;
    size_t n_bytes, n_noticed = 0;
    adah_random random = adah_random_seeded(3, 0);
    draw(5);
    const size_t n_kept = renumber(kept);
    assert_int_equal(adah_postings_build("english", kept, n_kept, records, n, &bytes, &n_bytes, NULL), ADAH_OK);
    for (size_t i = 0; i < n_bytes; i++) {
        const uint8_t before = bytes[i];
        adah_postings p;
        adah_posting list = {.n = 0};
        uint64_t record;
        bytes[i] ^= (uint8_t)(1 + adah_random_below(&random, 255));
        if (adah_postings_view(bytes, n_bytes, N_RECORDS, &p, NULL) == ADAH_OK) {
            const int is_whole = adah_postings_verify(&p, NULL) == ADAH_OK;
            n_noticed += !is_whole;
            for (size_t w = i % 7; w < N_WORDS; w += 7) {
                int is_there = adah_postings_find(&p, words[w], strlen(words[w]), &list);
                while (is_there > 0 && (is_there = adah_posting_next(&p, &list, &record)) > 0)
                    assert_true(record < N_RECORDS);
                assert_true(is_there >= 0 || !is_whole);
            }
        } else {
            n_noticed++;
        }
        bytes[i] = before;
    }
    assert_true(n_noticed > n_bytes / 20); /* of the others the section's checksum tells */
    adah_memory_free(bytes);
}

/* ---------------------------------------------------------------- the words of a record */

typedef struct heard {
    char text[1024];
} heard;

static int hear(void *context, const char *w, size_t n_word, const char *stem, size_t n_stem) {
    heard *h = context;
    const size_t n_before = strlen(h->text);
    snprintf(h->text + n_before, sizeof h->text - n_before, "%s%.*s/%.*s", n_before ? " " : "", (int)n_word, w, (int)n_stem, stem);
    return 1;
}

static void expect_words(const char *language, adah_words_of kind, const char *text, const char *expected) {
    adah_word_reader *reader;
    heard h = {""};
    adah_status status;
    assert_int_equal(adah_word_reader_create(language, &reader, &status), ADAH_OK);
    assert_int_equal(adah_word_reader_read(reader, kind, text, hear, &h, &status), ADAH_OK);
    assert_string_equal(h.text, expected);
    adah_word_reader_close(reader);
}

static void test_words(void **state) {
    (void)state;
    expect_words("english", ADAH_WORDS_OF_TEXT, "The Boats, 12 of them.", "boats/boat 12/12");
    expect_words("none", ADAH_WORDS_OF_TEXT, "The Boats", "the/the boats/boats");
    expect_words("", ADAH_WORDS_OF_TEXT, "Boats", "boats/boats");
    expect_words("english", ADAH_WORDS_OF_LABEL, "sand beach", "sand/sand beach/beach sand beach/sand beach");
    expect_words("english", ADAH_WORDS_OF_NAME, "images/IMG_2041.JPG", "images/imag img_2041/img_2041 img/img 2041/2041 img_2041/img_2041");
    expect_words("english", ADAH_WORDS_OF_NAME, "holiday-anna.jpg", "holiday/holiday anna/anna holiday-anna/holiday-anna");
    expect_words("english", ADAH_WORDS_OF_NAME, "HolidayAnna2.png",
                 "holidayanna2/holidayanna2 holiday/holiday anna/anna 2/2 holidayanna2/holidayanna2");
    expect_words("english", ADAH_WORDS_OF_NAME, "DSC01234", "dsc01234/dsc01234 dsc/dsc 01234/01234 dsc01234/dsc01234");
    expect_words("english", ADAH_WORDS_OF_TEXT, "anna.jpg", "anna.jpg/anna.jpg anna/anna jpg/jpg");
    expect_words("english", ADAH_WORDS_WHOLE, "images/holiday-Anna.jpg", "holiday-anna/holiday-anna");
    expect_words("english", ADAH_WORDS_WHOLE, "a dog.", "a dog./a dog.");
    expect_words("english", ADAH_WORDS_OF_TEXT, "", "");
    expect_words("english", ADAH_WORDS_OF_NAME, ".jpg", "jpg/jpg .jpg/.jpg");
    expect_words("german", ADAH_WORDS_OF_TEXT, "H\xc3\xa4user", "h\xc3\xa4user/haus");
    expect_words("english", ADAH_WORDS_OF_TEXT, "\xe5\xa4\xa7\xe5\xad\xa6 _ __ . ..", "\xe5\xa4\xa7\xe5\xad\xa6/\xe5\xa4\xa7\xe5\xad\xa6");
}

static void test_no_words(void **state) {
    (void)state;
    adah_word_reader *reader;
    adah_status status;
    heard h = {""};
    char longest[400];
    assert_int_equal(adah_word_reader_create("a language of more than thirty-one letters", &reader, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_word_reader_create("klingon", &reader, &status), ADAH_OK);
    assert_int_equal(adah_word_reader_read(reader, ADAH_WORDS_OF_TEXT, "a", hear, &h, &status), ADAH_ERROR_FORMAT);
    adah_word_reader_close(reader);
    assert_int_equal(adah_word_reader_create("english", &reader, &status), ADAH_OK);
    assert_int_equal(adah_word_reader_read(reader, ADAH_WORDS_OF_TEXT, "dog \xff", hear, &h, &status), ADAH_ERROR_ARGUMENT);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(adah_word_reader_read(reader, ADAH_WORDS_OF_NAME, longest, hear, &h, &status), ADAH_OK);
    assert_string_equal(h.text, "");
    adah_word_reader_close(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equals_the_records), cmocka_unit_test(test_empty), cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_words), cmocka_unit_test(test_no_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
