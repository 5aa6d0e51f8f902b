/* bench_words.c - what the words of a query cost a search.
 *
 *     bench_words FILE [n_records] [n_bits] [k]      defaults: 1,000,000 64 10
 *
 * Makes FILE, unless it is there, a collection of random codes with texts of 8 words and the names of files, one after another, and a label. The words are those
 * of 50,000 with frequencies as in natural texts: the i-th stands in proportion to 1 / (i + 2). Then asks random codes with words of several
 * kinds, and without words, one right after the other, so that other work on the machine meets both, and prints the median times. The first
 * line has the bytes of the file and of the same without texts, names and labels, FILE.codes. The files stay. */
#include "adah/adah.h"
#include "base/random.h"
#include "index/index_builder.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_QUERIES = 41, N_WORDS = 50000, PER_TEXT = 8, WORD_MAX = 16, N_LABELS = 100 };

static adah_status status;
static double up_to[N_WORDS]; /* sums of the frequencies */

static void check(adah_code code) {
    if (code == ADAH_OK)
        return;
    fprintf(stderr, "bench_words: %s\n", status.message);
    exit(1);
}

/* Letters only, and each its own stem. */
static void spell(size_t number, char word[WORD_MAX]) {
    static const char syllable[10][3] = {"ba", "ko", "mu", "ta", "po", "ru", "na", "lo", "du", "ka"};
    char *at = word;
    for (size_t i = 0; i < 5; i++, number /= 10, at += 2)
        memcpy(at, syllable[number % 10], 2);
    *at = '\0';
}

static size_t draw_word(adah_random *random) {
    const double at = up_to[N_WORDS - 1] * ((double)(adah_random_next(random) >> 11) * 0x1p-53);
    size_t low = 0, high = N_WORDS - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (up_to[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void draw_text(adah_random *random, size_t n, char *text) {
    for (size_t i = 0; i < n; i++) {
        char word[WORD_MAX];
        spell(draw_word(random), word);
        text += sprintf(text, "%s%s", i ? " " : "", word);
    }
}

static void make(const char *path, size_t n, size_t n_bytes, int is_written) {
    static const uint8_t unknown[ADAH_MODEL_IDENTITY_BYTES];
    adah_random random = adah_random_seeded(1, 1);
    adah_index_builder *b;
    check(adah_index_builder_create(path, n_bytes * 8, unknown, "english", &b, &status));
    for (size_t i = 0; i < n; i++) {
        uint64_t code[ADAH_BITS_MAX / 64];
        char text[PER_TEXT * WORD_MAX], name[32], label[16];
        const char *labels = label;
        for (size_t k = 0; k < (n_bytes + 7) / 8; k++)
            code[k] = adah_random_next(&random);
        draw_text(&random, PER_TEXT, text);
        snprintf(name, sizeof name, "IMG_%07zu.jpg", i);
        snprintf(label, sizeof label, "label%zu", i % N_LABELS);
        adah_index_item item = {.id = ADAH_NO_ID, .image_code = (const uint8_t *)code};
        if (is_written) {
            item.file_name = name;
            item.text = text;
            item.label = &labels;
            item.n_labels = 1;
        }
        check(adah_index_builder_add(b, &item, &status));
    }
    check(adah_index_builder_publish(b, 0, NULL, &status));
}

static double file_bytes(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0) {
        perror(path);
        exit(1);
    }
    return (double)s.st_size;
}

static double time_search(const adah_index *x, const uint8_t *code, const char *words, size_t k) {
    adah_search_options o;
    adah_search_result result;
    adah_search_options_init(&o);
    o.k = k;
    o.words = words ? &words : NULL;
    const double start = now();
    check(adah_index_search(x, ADAH_IMAGE, code, 1, &o, &result, &status));
    const double seconds = now() - start;
    adah_search_result_free(&result);
    return seconds;
}

typedef enum kind { RARE, COMMON, TWO_COMMON, SENTENCE, FREQUENT_SENTENCE, FILE_NAME, N_KINDS } kind;
static const char *const kind_name[N_KINDS] = {
    "a rare word (the 5,000th)", "a common word (the 2nd)", "the two most common words", "12 words drawn as those of the texts",
    "the 12 most common words",  "the name of a file"};

static void ask(kind which, adah_random *random, size_t n, char *words) {
    char *at = words;
    *words = '\0';
    if (which == RARE || which == COMMON)
        spell(which == RARE ? 5000 : 1, words);
    else if (which == SENTENCE)
        draw_text(random, 12, words);
    else if (which == FILE_NAME)
        sprintf(words, "IMG_%07zu.jpg", (size_t)adah_random_below(random, n));
    else
        for (size_t i = 0; i < (which == TWO_COMMON ? 2 : 12); i++, *at++ = ' ') {
            spell(i, at);
            at += strlen(at);
        }
    *at = *at == ' ' ? '\0' : *at;
}

int main(int argc, char **argv) {
    size_t number[3] = {1000000, 64, 10};
    if (argc < 2 || argc > 5) {
        fprintf(stderr, "bench_words: expected FILE [n_records] [n_bits] [k]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        number[i - 2] = strtoull(argv[i], NULL, 10);
    for (size_t i = 0; i < N_WORDS; i++)
        up_to[i] = (i ? up_to[i - 1] : 0) + 1 / (double)(i + 2);
    const size_t n = number[0], n_bytes = number[1] / 8, k = number[2];
    char bare[4096];
    snprintf(bare, sizeof bare, "%s.codes", argv[1]);
    if (access(argv[1], F_OK) != 0) {
        make(bare, n, n_bytes, 0);
        make(argv[1], n, n_bytes, 1);
    }
    printf("%zu records of %zu bits: with texts of %d words, names and labels %.1f MB, without %.1f MB\n", n, n_bytes * 8, PER_TEXT,
           file_bytes(argv[1]) * 1e-6, file_bytes(bare) * 1e-6);
    adah_index *x;
    adah_set_threads(1);
    check(adah_index_open(argv[1], &x, &status));
    adah_random random = adah_random_seeded(2, 2);
    for (int i = 0; i < N_KINDS; i++) {
        static double by_codes[N_QUERIES], by_words[N_QUERIES], words_alone[N_QUERIES];
        char words[16 * WORD_MAX];
        for (size_t q = 0; q < N_QUERIES; q++) {
            uint64_t code[ADAH_BITS_MAX / 64];
            for (size_t c = 0; c < (n_bytes + 7) / 8; c++)
                code[c] = adah_random_next(&random);
            ask((kind)i, &random, n, words);
            by_codes[q] = time_search(x, (const uint8_t *)code, NULL, k);
            by_words[q] = time_search(x, (const uint8_t *)code, words, k);
            words_alone[q] = time_search(x, NULL, words, k);
        }
        const double codes = median(by_codes, N_QUERIES), both = median(by_words, N_QUERIES), alone = median(words_alone, N_QUERIES);
        printf("%-38s codes alone %7.2f ms (fastest %5.2f), with words %7.2f ms (%5.2f), words alone %7.2f ms (%5.2f)\n", kind_name[i],
               codes * 1e3, by_codes[0] * 1e3, both * 1e3, by_words[0] * 1e3, alone * 1e3, words_alone[0] * 1e3);
        fflush(stdout);
    }
    adah_index_close(x);
    return 0;
}
