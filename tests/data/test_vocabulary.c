/* (unit) test_vocabulary.c - words of many languages, order, stop words, JSON there and back, damage. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "data/vocabulary.h"
#include "data_folder.h"

static adah_vocabulary *build(const char *language, const char *const *texts, size_t n) {
    adah_vocabulary_options options = {.language = language, .n_words_max = 4096, .n_documents_min = 1};
    adah_vocabulary *vocabulary = NULL;
    adah_status status = {0};
    if (adah_vocabulary_build(texts, n, &options, &vocabulary, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return vocabulary;
}

/* All words of a vocabulary, joined by spaces. */
static void assert_words(const adah_vocabulary *vocabulary, const char *joined) {
    char text[1024] = "";
    for (size_t i = 0; i < adah_vocabulary_size(vocabulary); i++) {
        strcat(text, i ? " " : "");
        strcat(text, adah_vocabulary_word(vocabulary, i));
    }
    assert_string_equal(text, joined);
}

static void assert_split(const char *language, const char *text, const char *joined) {
    adah_vocabulary *vocabulary = build(language, &text, 1);
    assert_words(vocabulary, joined); /* all have one document: in order of their bytes */
    adah_vocabulary_free(vocabulary);
}

static void splits_languages(void **state) {
    (void)state;
    assert_split("english", "The boats' sails, sailing; BOAT 1, 2 and 12.5", "boat sail");
    assert_split("en", "A dog\xe2\x80\x99s ball isn\xe2\x80\x99t the dogs' ball", "ball dog");
    assert_split("none", "Running runs run the", "run running runs the");
    assert_split("none",
                 "x mp3 3d \xef\xbc\xb3\xef\xbd\x8b\xef\xbd\x99 1st \xe2\x91\xa0 \xc2\xbd $5 -- \xf0\x9f\x98\x80",
                 "1st 3d mp3 sky x"); /* full-width "Sky" is sky; digits, signs and emoji are no words */
    assert_split("none",
                 "Stra\xc3\x9f"
                 "e na\xc3\xafve \xef\xac\x81sh CAF\xc3\x89 cafe\xcc\x81",
                 "caf\xc3\xa9 fish na\xc3\xafve strasse");
    assert_split("german", "Die H\xc3\xa4user und das Haus", "haus");
    assert_split("french",
                 "L'homme et l\xe2\x80\x99"
                 "arbre, les hommes",
                 "arbre homm");
    assert_split("spanish", "los gatos y el gato", "gat");
    assert_split("russian", "\xd0\xba\xd0\xbe\xd1\x88\xd0\xba\xd0\xb8 \xd0\xba\xd0\xbe\xd1\x88\xd0\xba\xd0\xb0",
                 "\xd0\xba\xd0\xbe\xd1\x88\xd0\xba");
    /* no spaces between words: Chinese "eat apple", Thai "language Thai", Japanese "Tokyo tower" */
    assert_split("none", "\xe5\x90\x83\xe8\x8b\xb9\xe6\x9e\x9c", "\xe5\x90\x83 \xe8\x8b\xb9\xe6\x9e\x9c");
    assert_split("none", "\xe0\xb8\xa0\xe0\xb8\xb2\xe0\xb8\xa9\xe0\xb8\xb2\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2",
                 "\xe0\xb8\xa0\xe0\xb8\xb2\xe0\xb8\xa9\xe0\xb8\xb2 \xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2");
    assert_split("none", "\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc \xd9\x83\xd8\xaa\xd8\xa7\xd8\xa8",
                 "\xd9\x83\xd8\xaa\xd8\xa7\xd8\xa8 \xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc");
}

static void skips_endless_words(void **state) {
    (void)state;
    enum { N = 100000 };
    char *text = malloc(N + 8);
    memset(text, 'a', N);
    strcpy(text + N, " sky");
    adah_vocabulary *vocabulary = build("english", (const char *const *)&text, 1);
    assert_words(vocabulary, "sky");
    adah_vocabulary_free(vocabulary);
    free(text);
}

static void counts_and_orders(void **state) {
    (void)state;
    const char *texts[] = {"sea sky sea", "sky tree", "tree sky boat", "", "zebra apple", "sea"};
    adah_vocabulary *vocabulary = build("none", texts, 6);
    assert_words(vocabulary, "sky sea tree apple boat zebra");
    assert_int_equal(adah_vocabulary_documents(vocabulary, 0), 3);
    assert_int_equal(adah_vocabulary_documents(vocabulary, 1), 2);
    assert_int_equal(adah_vocabulary_documents(vocabulary, 5), 1);
    assert_int_equal(adah_vocabulary_documents(vocabulary, 6), 0);
    assert_null(adah_vocabulary_word(vocabulary, 6));
    assert_int_equal(adah_vocabulary_texts(vocabulary), 6);
    adah_vocabulary_free(vocabulary);
    const char *turned[] = {"sea", "apple zebra", "", "boat tree sky", "tree sky", "sky sea"};
    vocabulary = build("none", turned, 6);
    assert_words(vocabulary, "sky sea tree apple boat zebra");
    adah_vocabulary_free(vocabulary);

    adah_vocabulary_options options = {"none", 2, 1, 0};
    assert_int_equal(adah_vocabulary_build(texts, 6, &options, &vocabulary, NULL), ADAH_OK);
    assert_words(vocabulary, "sky sea");
    adah_vocabulary_free(vocabulary);
    options = (adah_vocabulary_options){"none", 100, 2, 0};
    assert_int_equal(adah_vocabulary_build(texts, 6, &options, &vocabulary, NULL), ADAH_OK);
    assert_words(vocabulary, "sky sea tree");
    adah_vocabulary_free(vocabulary);
    assert_int_equal(adah_vocabulary_build(texts, 6, NULL, &vocabulary, NULL), ADAH_OK);
    assert_words(vocabulary, "sky sea tree");
    adah_vocabulary_free(vocabulary);
    adah_vocabulary_free(NULL);
}

typedef struct asked_text {
    const char *text;
    size_t n, id[4], n_unknown;
} asked_text;

static void assert_looked_up(const adah_vocabulary *vocabulary, const asked_text *asked, size_t n_asked) {
    for (size_t i = 0; i < n_asked; i++) {
        uint32_t *ids;
        size_t n, n_unknown;
        assert_int_equal(adah_vocabulary_lookup(vocabulary, asked[i].text, &ids, &n, &n_unknown, NULL), ADAH_OK);
        if (n != asked[i].n || n_unknown != asked[i].n_unknown)
            fail_msg("\"%s\": %zu words, %zu unknown", asked[i].text, n, n_unknown);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(ids[k], asked[i].id[k]);
        adah_memory_free(ids);
    }
}

/* Any two words of a phrase, the first by bytes first; over numbers, hyphens and stop words, not over commas, full stops and the ends of
 * lines. */
static void pairs_words(void **state) {
    (void)state;
    const char *texts[] = {"sand beaches, trees", "a BEACH of sand", "beach\ntree", "beach. Sand-beach!", "tree 2 sand"};
    const adah_vocabulary_options options = {"english", 100, 1, 1};
    adah_vocabulary *vocabulary = NULL;
    assert_int_equal(adah_vocabulary_build(texts, 5, &options, &vocabulary, NULL), ADAH_OK);
    assert_words(vocabulary, "beach sand beach+sand tree sand+tree");
    static const uint32_t n_documents[] = {4, 4, 3, 3, 1};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(adah_vocabulary_documents(vocabulary, i), n_documents[i]);
        assert_int_equal(adah_vocabulary_is_pair(vocabulary, i), i == 2 || i == 4);
    }
    const adah_vocabulary_options few = {"english", 3, 1, 1};
    adah_vocabulary *small = NULL;
    assert_int_equal(adah_vocabulary_build(texts, 5, &few, &small, NULL), ADAH_OK);
    assert_words(small, "beach sand tree"); /* single words first */
    adah_vocabulary_free(small);
    char *json = adah_vocabulary_json(vocabulary);
    adah_vocabulary_free(vocabulary);
    assert_int_equal(adah_vocabulary_parse(json, &vocabulary, NULL), ADAH_OK);
    adah_memory_free(json);
    static const asked_text asked[] = {{"sand beach", 3, {0, 1, 2}, 0},      {"beach sand", 3, {0, 1, 2}, 0}, {"(sand) 2 #BEACHES", 3, {0, 1, 2}, 0},
                                       {"sand", 1, {1}, 0},                  {"sand\nbeach", 2, {0, 1}, 0},   {"sand on the beach", 3, {0, 1, 2}, 0},
                                       {"sand boat beach", 3, {0, 1, 2}, 1}, {"beach, sand", 2, {0, 1}, 0},   {"beach\xe3\x80\x82 sand", 2, {0, 1}, 0},
                                       {"tree\r\n sand\nboat", 2, {1, 3}, 1}, {"tree, boat sand-tree", 3, {1, 3, 4}, 1}};
    assert_looked_up(vocabulary, asked, sizeof asked / sizeof *asked);
    adah_vocabulary_free(vocabulary);
}

/* (property) A list of tags in another order, parted by blanks or by commas: the same vocabulary, the same positions in it. */
static void knows_no_order(void **state) {
    (void)state;
    static const char *const words[] = {"sky", "boats", "sea", "dog", "ball", "the dogs'", "polar bear", "STRASSE", "d\xc3\xa9j\xc3\xa0", "sailing"};
    static const char *const parted[] = {" ", " 7 ", " of the ", " - ", " #"}, *const commas[] = {", ", "; ", "\n", "\xe3\x80\x81", ","};
    enum { N_WORDS = sizeof words / sizeof *words, N_TEXTS = 40 };
    uint32_t random = 1;
    char text[2][N_TEXTS][512];
    const char *given[2][N_TEXTS];
    for (size_t t = 0; t < N_TEXTS; t++) {
        size_t chosen[12], n = 1 + t % 12;
        for (size_t i = 0; i < n; i++)
            chosen[i] = (random = random * 1664525 + 1013904223) / 65536 % N_WORDS;
        for (int turned = 0; turned < 2; turned++) {
            text[turned][t][0] = '\0';
            given[turned][t] = text[turned][t];
            for (size_t i = n; i-- > 0;) {
                const size_t other = turned ? (random = random * 1664525 + 1013904223) / 65536 % (i + 1) : i, word = chosen[other];
                chosen[other] = chosen[i];
                chosen[i] = word;
                strcat(text[turned][t], i + 1 < n ? (t % 2 ? commas : parted)[turned ? (t + i) % 5 : 0] : "");
                strcat(text[turned][t], words[word]);
            }
        }
    }
    const adah_vocabulary_options options = {"english", 60, 1, 1};
    adah_vocabulary *vocabulary[2];
    for (int turned = 0; turned < 2; turned++)
        assert_int_equal(adah_vocabulary_build(given[turned], N_TEXTS, &options, &vocabulary[turned], NULL), ADAH_OK);
    char *json[2] = {adah_vocabulary_json(vocabulary[0]), adah_vocabulary_json(vocabulary[1])};
    assert_string_equal(json[0], json[1]);
    assert_non_null(strstr(json[0], "+"));
    for (size_t t = 0; t < N_TEXTS; t++) {
        uint32_t *ids[2];
        size_t n[2];
        for (int turned = 0; turned < 2; turned++)
            assert_int_equal(adah_vocabulary_lookup(vocabulary[0], given[turned][t], &ids[turned], &n[turned], NULL, NULL), ADAH_OK);
        if (n[0] != n[1] || memcmp(ids[0], ids[1], n[0] * sizeof **ids) != 0)
            fail_msg("\"%s\" and \"%s\" differ", given[0][t], given[1][t]);
        adah_memory_free(ids[0]);
        adah_memory_free(ids[1]);
    }
    for (int turned = 0; turned < 2; turned++) {
        adah_memory_free(json[turned]);
        adah_vocabulary_free(vocabulary[turned]);
    }
}

/* A phrase of 64 different words has 2,016 pairs; one of more has none, in whatever order. */
static void pairs_no_endless_phrases(void **state) {
    (void)state;
    char text[2][1024] = {"", ""};
    for (int i = 0; i < 65; i++)
        for (int turned = 0; turned < 2; turned++) {
            const int k = turned ? 64 - i : i;
            if (k < 64)
                snprintf(text[turned] + strlen(text[turned]), 16, "%c%cx %c%cx ", 'a' + k / 26, 'a' + k % 26, 'a' + k / 26, 'a' + k % 26);
        }
    const char *texts[] = {text[0], text[1]};
    const adah_vocabulary_options options = {"none", 10000, 2, 1};
    adah_vocabulary *vocabulary = NULL;
    assert_int_equal(adah_vocabulary_build(texts, 2, &options, &vocabulary, NULL), ADAH_OK);
    assert_int_equal(adah_vocabulary_size(vocabulary), 64 + 2016);
    for (int turned = 0; turned < 2; turned++) {
        char longer[2100];
        uint32_t *ids;
        size_t n, n_unknown;
        snprintf(longer, sizeof longer, "%s%s%s\nbax aax", turned ? "zz " : "", text[turned], turned ? "" : "zz");
        assert_int_equal(adah_vocabulary_lookup(vocabulary, longer, &ids, &n, &n_unknown, NULL), ADAH_OK);
        assert_int_equal(n, 64 + 1); /* and the pair of the next */
        assert_int_equal(n_unknown, 1);
        adah_memory_free(ids);
    }
    adah_vocabulary_free(vocabulary);
}

/* As models of before hold them: neighbours in their order, also over blanks and stop words, not over commas, numbers and the ends
 * of a text. */
static void keeps_pairs_of_before(void **state) {
    (void)state;
    adah_vocabulary *vocabulary = NULL;
    assert_int_equal(adah_vocabulary_parse("{\"language\":\"english\",\"pairs\":true,\"texts\":4,\"words\":[\"beach\",\"sand\","
                                           "\"sand+beach\",\"tree\"],\"documents\":[4,3,2,2]}", &vocabulary, NULL), ADAH_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(adah_vocabulary_is_pair(vocabulary, i), i == 2);
    static const asked_text asked[] = {{"sand beach", 3, {0, 1, 2}, 0},   {"beach sand", 2, {0, 1}, 0},  {"sand, beach", 2, {0, 1}, 0},
                                       {"sand", 1, {1}, 0},               {"beach", 1, {0}, 0},          {"sand on the beach", 3, {0, 1, 2}, 0},
                                       {"sand boat beach", 2, {0, 1}, 1}, {"beach tree", 2, {0, 3}, 0},  {"sand 2 beach", 2, {0, 1}, 0},
                                       {"sand\nbeach", 3, {0, 1, 2}, 0},  {"sand-beach", 2, {0, 1}, 0}};
    assert_looked_up(vocabulary, asked, sizeof asked / sizeof *asked);
    char *json = adah_vocabulary_json(vocabulary);
    assert_non_null(strstr(json, "\"pairs\":true"));
    adah_memory_free(json);
    adah_vocabulary_free(vocabulary);
}

static void refuses_bad_building(void **state) {
    (void)state;
    const char *texts[] = {"sky sea", "ab\xffz", "1 2 3"};
    adah_vocabulary *vocabulary = NULL;
    adah_status status;
    adah_vocabulary_options options = {"klingon", 10, 1, 0};
    assert_int_equal(adah_vocabulary_build(texts, 1, &options, &vocabulary, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "\"klingon\", expected one of: none, arabic,"));
    assert_non_null(strstr(status.message, "yiddish"));
    options.language = NULL;
    assert_int_equal(adah_vocabulary_build(texts, 1, &options, &vocabulary, &status), ADAH_ERROR_ARGUMENT);
    options = (adah_vocabulary_options){"none", 0, 1, 0};
    assert_int_equal(adah_vocabulary_build(texts, 1, &options, &vocabulary, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "n_words_max 0"));
    options.n_words_max = 10;
    assert_int_equal(adah_vocabulary_build(texts, 2, &options, &vocabulary, &status), ADAH_ERROR_ARGUMENT);
    assert_string_equal(status.message, "text 1: text: invalid UTF-8 at byte 2");
    assert_int_equal(adah_vocabulary_build(texts + 2, 1, &options, &vocabulary, &status), ADAH_ERROR_ARGUMENT);
    assert_string_equal(status.message, "no word occurs in at least 1 of the 1 texts");
    assert_int_equal(adah_vocabulary_build(NULL, 0, &options, &vocabulary, &status), ADAH_ERROR_ARGUMENT);
    assert_null(vocabulary);
}

static void looks_up(void **state) {
    (void)state;
    const char *texts[] = {"boat sea sky", "sky sea", "sky"};
    adah_vocabulary *vocabulary = build("english", texts, 3);
    uint32_t *ids = NULL;
    size_t n = 99, n_unknown = 99;
    assert_int_equal(adah_vocabulary_lookup(vocabulary, "The BOATS, boats; skies and the zebras! A zebra? 7 owls",
                                            &ids, &n, &n_unknown, NULL),
                     ADAH_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[1], 2);
    assert_int_equal(n_unknown, 2); /* zebra, owl; neither stop words nor numbers */
    adah_memory_free(ids);
    assert_int_equal(adah_vocabulary_lookup(vocabulary, "", &ids, &n, NULL, NULL), ADAH_OK);
    assert_int_equal(n, 0);
    adah_memory_free(ids);

    static const struct {
        const char *text, *place;
    } bad[] = {{"\xff", "byte 0"},         {"ab\xc3", "byte 2"},           {"ok \xc0\xaf", "byte 3"},
               {"\xed\xa0\x80", "byte 0"}, {"\xf5\x80\x80\x80", "byte 0"}, {"\xe5\x90\x83\xe8\x8b", "byte 3"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_status status;
        ids = NULL;
        assert_int_equal(adah_vocabulary_lookup(vocabulary, bad[i].text, &ids, &n, &n_unknown, &status),
                         ADAH_ERROR_ARGUMENT);
        assert_null(ids);
        assert_non_null(strstr(status.message, bad[i].place));
    }
    adah_vocabulary_free(vocabulary);
}

static void survives_json(void **state) {
    (void)state;
    const char *texts[] = {"sky \xe5\x90\x83 tree", "tree \"quoted\" back\\slash", "tree"};
    adah_vocabulary *vocabulary = build("en", texts, 3), *again = NULL;
    char *json = adah_vocabulary_json(vocabulary);
    assert_non_null(json);
    assert_int_equal(adah_vocabulary_parse(json, &again, NULL), ADAH_OK);
    assert_int_equal(adah_vocabulary_size(again), adah_vocabulary_size(vocabulary));
    assert_int_equal(adah_vocabulary_texts(again), 3);
    for (size_t i = 0; i < adah_vocabulary_size(again); i++) {
        assert_string_equal(adah_vocabulary_word(again, i), adah_vocabulary_word(vocabulary, i));
        assert_int_equal(adah_vocabulary_documents(again, i), adah_vocabulary_documents(vocabulary, i));
    }
    uint32_t *ids;
    size_t n;
    assert_int_equal(adah_vocabulary_lookup(again, "the trees", &ids, &n, NULL, NULL), ADAH_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], 0);
    adah_memory_free(ids);
    char *second = adah_vocabulary_json(again);
    assert_string_equal(json, second);
    adah_memory_free(json);
    adah_memory_free(second);
    adah_vocabulary_free(vocabulary);
    adah_vocabulary_free(again);
}

static void refuses_bad_json(void **state) {
    (void)state;
    static const struct {
        const char *json, *words;
    } bad[] = {
        {"", "broken JSON"},
        {"{", "broken JSON"},
        {"[]", "broken JSON"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\"]}", "broken JSON"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\"],\"documents\":[1],\"more\":1}", "broken JSON"},
        {"{\"language\":\"none\",\"texts\":\"3\",\"words\":[\"a\"],\"documents\":[1]}", "broken JSON"},
        {"{\"language\":\"none\",\"texts\":-1,\"words\":[\"a\"],\"documents\":[1]}", "texts -1"},
        {"{\"language\":\"none\",\"texts\":4294967295,\"words\":[\"a\"],\"documents\":[1]}", "texts 4294967295"},
        {"{\"language\":\"none\",\"pairs\":1,\"texts\":3,\"words\":[\"a\"],\"documents\":[1]}", "pairs: expected true, false"},
        {"{\"language\":\"none\",\"pairs\":\"apart\",\"texts\":3,\"words\":[\"a\"],\"documents\":[1]}", "or \"together\""},
        {"{\"language\":\"elvish\",\"texts\":3,\"words\":[\"a\"],\"documents\":[1]}", "\"elvish\""},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\"],\"documents\":[1,2]}", "got 1 and 2 items"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[],\"documents\":[]}", "got 0 and 0 items"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":{\"a\":1},\"documents\":[1]}", "two lists"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[7],\"documents\":[1]}", "word 0: expected a string"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"\"],\"documents\":[1]}", "word 0: expected a string"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\",\"b\",\"a\"],\"documents\":[1,1,1]}",
         "word 2: occurs twice"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\"],\"documents\":[4]}", "word 0: expected documents"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\"],\"documents\":[-1]}", "word 0: expected documents"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"a\"],\"documents\":[1.0]}", "word 0: expected documents"},
        {"{\"language\":\"none\",\"texts\":3,\"words\":[\"\xff\"],\"documents\":[1]}", "broken JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_vocabulary *vocabulary = NULL;
        adah_status status;
        assert_int_equal(adah_vocabulary_parse(bad[i].json, &vocabulary, &status), ADAH_ERROR_FORMAT);
        assert_null(vocabulary);
        if (!strstr(status.message, bad[i].words))
            fail_msg("\"%s\" does not hold \"%s\"", status.message, bad[i].words);
    }
}

/* ---------------------------------------------------------------- threads */

enum { N_LOOKUPS = 2000 };

typedef struct sharing {
    const adah_vocabulary *vocabulary;
    size_t n_wrong[N_LOOKUPS];
} sharing;

static void look_up_one(void *context, size_t i) {
    sharing *s = context;
    static const char *const texts[] = {
        "boats on the sea", "\xe5\x90\x83\xe8\x8b\xb9\xe6\x9e\x9c sky",
        "\xe0\xb8\xa0\xe0\xb8\xb2\xe0\xb8\xa9\xe0\xb8\xb2\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2"};
    static const size_t expected[] = {2, 3, 2};
    uint32_t *ids;
    size_t n = 0;
    s->n_wrong[i] = 1;
    if (adah_vocabulary_lookup(s->vocabulary, texts[i % 3], &ids, &n, NULL, NULL) == ADAH_OK) {
        s->n_wrong[i] = n != expected[i % 3];
        adah_memory_free(ids);
    }
}

static void shared_by_threads(void **state) {
    (void)state;
    const char *texts[] = {"boat sea sky", "\xe5\x90\x83\xe8\x8b\xb9\xe6\x9e\x9c",
                           "\xe0\xb8\xa0\xe0\xb8\xb2\xe0\xb8\xa9\xe0\xb8\xb2 \xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2"};
    static sharing s;
    adah_vocabulary *vocabulary = build("english", texts, 3);
    s.vocabulary = vocabulary;
    adah_parallel_set_threads(4);
    adah_parallel_for(N_LOOKUPS, 1, look_up_one, &s);
    adah_parallel_set_threads(0);
    size_t n_wrong = 0;
    for (size_t i = 0; i < N_LOOKUPS; i++)
        n_wrong += s.n_wrong[i];
    assert_int_equal(n_wrong, 0);
    adah_vocabulary_free(vocabulary);
}

static void lists_words_in_place(void **state) {
    (void)state;
    static const char *const texts[] = {"boats and sails on the sea", "mer et ciel"};
    static const struct {
        const char *language, *text, *listed; /* what stands at each place, then the first that is the same, then ! when unknown */
    } cases[] = {
        {"english", "The Boat, a boat: SAILED 12 kites", "Boat0 boat0 SAILED2 kites3! "},
        {"english", "日本 sea \xf0\x9f\x8c\x8a über boat's", "日本0! sea1 über2! boat's3 "},
        {"english", "", ""},
        {"english", "the 12 |", ""},
        {"french", "l'mer d\xe2\x80\x99île mer", "mer0 île1! mer0 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adah_vocabulary *vocabulary = build(cases[i].language, &texts[cases[i].language[0] == 'f'], 1);
        adah_text_word *words;
        size_t n;
        char listed[256] = "";
        assert_int_equal(adah_vocabulary_words(vocabulary, cases[i].text, &words, &n, NULL), ADAH_OK);
        for (size_t k = 0; k < n; k++)
            snprintf(listed + strlen(listed), sizeof listed - strlen(listed), "%.*s%zu%s ", (int)words[k].n_bytes,
                     cases[i].text + words[k].offset, words[k].first, words[k].is_known ? "" : "!");
        assert_string_equal(listed, cases[i].listed);
        adah_memory_free(words);
        assert_int_equal(adah_vocabulary_words(vocabulary, "a\xff", &words, &n, NULL), ADAH_ERROR_ARGUMENT);
        for (uint64_t k = 1, is_over = 0; !is_over; k++) { /* memory runs out */
            adah_memory_fault_at(k);
            const adah_code code = adah_vocabulary_words(vocabulary, "boat sea kite", &words, &n, NULL);
            is_over = !adah_memory_fault_fired();
            assert_int_equal(code, is_over ? ADAH_OK : ADAH_ERROR_MEMORY);
        }
        adah_memory_fault_at(0);
        adah_memory_free(words);
        adah_vocabulary_free(vocabulary);
    }
}

static void builds_from_captions(void **state) {
    (void)state;
    char path[1024];
    if (!data_folder_shared("data/flickr8k", path))
        skip();
    adah_dataset *dataset;
    assert_int_equal(adah_dataset_open(path, NULL, &dataset, NULL), ADAH_OK);
    size_t n = adah_dataset_count(dataset);
    const char **texts = malloc(n * sizeof *texts);
    for (size_t i = 0; i < n; i++)
        texts[i] = adah_dataset_record(dataset, i)->text;
    adah_vocabulary *vocabulary;
    assert_int_equal(adah_vocabulary_build(texts, n, NULL, &vocabulary, NULL), ADAH_OK);
    assert_in_range(adah_vocabulary_size(vocabulary), 1000, 2500);
    assert_string_equal(adah_vocabulary_word(vocabulary, 0), "dog");
    for (size_t i = 1; i < adah_vocabulary_size(vocabulary); i++) {
        uint32_t before = adah_vocabulary_documents(vocabulary, i - 1),
                 now = adah_vocabulary_documents(vocabulary, i);
        assert_true(before > now || (before == now && strcmp(adah_vocabulary_word(vocabulary, i - 1),
                                                             adah_vocabulary_word(vocabulary, i)) < 0));
    }
    adah_vocabulary_free(vocabulary);
    free(texts);
    adah_dataset_close(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_languages),
        cmocka_unit_test(skips_endless_words),
        cmocka_unit_test(counts_and_orders),
        cmocka_unit_test(pairs_words),
        cmocka_unit_test(knows_no_order),
        cmocka_unit_test(pairs_no_endless_phrases),
        cmocka_unit_test(keeps_pairs_of_before),
        cmocka_unit_test(refuses_bad_building),
        cmocka_unit_test(looks_up),
        cmocka_unit_test(survives_json),
        cmocka_unit_test(refuses_bad_json),
        cmocka_unit_test(shared_by_threads),
        cmocka_unit_test(lists_words_in_place),
        cmocka_unit_test(builds_from_captions),
    };
    return cmocka_run_group_tests_name("vocabulary", tests, NULL, NULL);
}
