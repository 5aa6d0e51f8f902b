/* vocabulary.c - texts into words (ICU), words into stems (Snowball), stems into numbers (a hash table).
 *
 * A text is cut at ICU's word boundaries, which know the languages that write no spaces. A piece that holds a letter
 * is folded (NFKC_Casefold), dropped when it is a stop word, stemmed, and looked up; then, with pairs, together with the
 * word before it. Building and looking up share that path. Opening ICU's rules is slow, so a vocabulary keeps them open and
 * every call works on a clone. */
#include "data/vocabulary.h"
#include "base/memory.h"
#include "data/stop_words.h"
#include "data/string_table.h"

#include <jansson.h>
#include <libstemmer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum {
    WORD_UNITS_MAX = 80,                    /* UTF-16; a longer run is no word of a language */
    FOLDED_UNITS_MAX = 18 * WORD_UNITS_MAX, /* no character grows more under NFKC */
    FOLDED_BYTES_MAX = 3 * FOLDED_UNITS_MAX + 1,
    PAIR_BYTES_MAX = 2 * FOLDED_BYTES_MAX + 16, /* a stem may be a letter or two longer than the word */
    TEXT_BYTES_MAX = 1 << 30,
    PAIR_SIGN = '+' /* stands in no word */
};

struct adah_vocabulary {
    char *language;
    int is_stemmed, has_elision, has_pairs;
    adah_string_table words, stop_words;
    uint32_t *documents; /* [words.n] */
    size_t n_texts;
    UBreakIterator *breaks; /* only ever cloned */
    const UNormalizer2 *folding;
};

static adah_code fail_icu(adah_status *status, UErrorCode error) {
    if (error == U_MEMORY_ALLOCATION_ERROR)
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in ICU");
    return adah_fail(status, ADAH_ERROR_INTERNAL, "ICU: %s", u_errorName(error));
}

/* ---------------------------------------------------------------- words of a text */

/* Takes one word, or a pair of words; returns 0 when memory is out. */
typedef int (*take_word)(void *context, const char *word, size_t n_bytes, int is_pair);

typedef struct splitter {
    const adah_vocabulary *vocabulary;
    UBreakIterator *breaks;
    struct sb_stemmer *stemmer; /* NULL: none */
    UChar *text;
    size_t text_capacity;
    char pair[PAIR_BYTES_MAX]; /* the word before, then a plus and the word */
    size_t n_before;           /* bytes of the word before; 0: the next starts anew */
    const UChar *piece;        /* the word at work, as the text has it */
    int32_t n_piece;
} splitter;

static void close_splitter(splitter *s) {
    if (s->breaks)
        ubrk_close(s->breaks);
    sb_stemmer_delete(s->stemmer);
    adah_memory_free(s->text);
}

static adah_code open_splitter(const adah_vocabulary *vocabulary, splitter *s, adah_status *status) {
    *s = (splitter){.vocabulary = vocabulary};
    UErrorCode error = U_ZERO_ERROR;
    s->breaks = ubrk_clone(vocabulary->breaks, &error);
    if (U_FAILURE(error))
        return fail_icu(status, error);
    if (vocabulary->is_stemmed && !(s->stemmer = sb_stemmer_new(vocabulary->language, NULL))) {
        close_splitter(s);
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
    }
    return ADAH_OK;
}

static int holds_letter(const UChar *word, int32_t n) {
    for (int32_t i = 0; i < n;) {
        UChar32 c;
        U16_NEXT(word, i, n, c);
        if (u_isalpha(c))
            return 1;
    }
    return 0;
}

/* The word together with the one before it. */
static int take_pair(splitter *s, const char *word, size_t n_bytes, take_word take, void *context) {
    char *end = s->pair + s->n_before;
    int taken = 1;
    if (s->n_before) {
        *end = PAIR_SIGN;
        memcpy(end + 1, word, n_bytes);
        taken = take(context, s->pair, s->n_before + 1 + n_bytes, 1);
    }
    memcpy(s->pair, word, n_bytes);
    s->n_before = n_bytes;
    return taken;
}

/* Folds one piece of the text and hands it over, unless it is no word. Stop words do not part the words beside them, as all
 * else does that is no word. */
static adah_code take_piece(splitter *s, const UChar *piece, int32_t n, take_word take, void *context,
                            adah_status *status) {
    UChar folded[FOLDED_UNITS_MAX];
    char word[FOLDED_BYTES_MAX];
    if (n > WORD_UNITS_MAX || !holds_letter(piece, n)) {
        s->n_before = 0;
        return ADAH_OK;
    }
    UErrorCode error = U_ZERO_ERROR;
    int32_t n_units = unorm2_normalize(s->vocabulary->folding, piece, n, folded, FOLDED_UNITS_MAX, &error);
    for (int32_t i = 0; U_SUCCESS(error) && i < n_units; i++)
        if (folded[i] == 0x2019) /* the typographic apostrophe, which the stemmers do not know */
            folded[i] = '\'';
    int32_t n_bytes = 0;
    u_strToUTF8(word, sizeof word, &n_bytes, folded, n_units, &error);
    if (U_FAILURE(error))
        return fail_icu(status, error);
    const char *stem = word;
    s->piece = piece;
    s->n_piece = n;
    if (n_bytes == 0 || adah_string_table_find(&s->vocabulary->stop_words, word, (size_t)n_bytes) != ADAH_STRING_NONE)
        return ADAH_OK;
    if (s->stemmer) {
        stem = (const char *)sb_stemmer_stem(s->stemmer, (const sb_symbol *)word, n_bytes);
        n_bytes = stem ? sb_stemmer_length(s->stemmer) : 0;
        if (!stem)
            return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
    }
    if (n_bytes > 0 && (!take(context, stem, (size_t)n_bytes, 0) ||
                        (s->vocabulary->has_pairs && !take_pair(s, stem, (size_t)n_bytes, take, context))))
        return adah_fail_memory(status, (size_t)n_bytes);
    return ADAH_OK;
}

/* A word segment; in languages with elision ("l'homme") its parts at the apostrophes. */
static adah_code take_segment(splitter *s, const UChar *segment, int32_t n, take_word take, void *context,
                              adah_status *status) {
    if (!s->vocabulary->has_elision)
        return take_piece(s, segment, n, take, context, status);
    for (int32_t start = 0, end; start < n; start = end + 1) {
        for (end = start; end < n && segment[end] != '\'' && segment[end] != 0x2019;)
            end++;
        ADAH_TRY(take_piece(s, segment + start, end - start, take, context, status));
    }
    return ADAH_OK;
}

static int is_blank(const UChar *piece, int32_t n) {
    int32_t i = 0;
    while (i < n && u_isUWhiteSpace(piece[i]))
        i++;
    return i == n;
}

static adah_code fail_utf8(const char *text, size_t n_bytes, adah_status *status) {
    size_t i = 0, bad = 0;
    for (UChar32 c = 0; i < n_bytes && c >= 0;) {
        bad = i;
        U8_NEXT(text, i, n_bytes, c);
    }
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "text: invalid UTF-8 at byte %zu", bad);
}

static adah_code split_text(splitter *s, const char *text, take_word take, void *context, adah_status *status) {
    size_t n_bytes = strlen(text);
    if (n_bytes > TEXT_BYTES_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "text of %zu bytes, expected at most %d", n_bytes,
                         TEXT_BYTES_MAX);
    if (s->text_capacity < n_bytes + 1) {
        UChar *larger = adah_memory_resize(s->text, n_bytes + 1, sizeof *larger);
        if (!larger)
            return adah_fail_memory(status, (n_bytes + 1) * sizeof *larger);
        s->text = larger;
        s->text_capacity = n_bytes + 1;
    }
    UErrorCode error = U_ZERO_ERROR;
    int32_t n_units = 0;
    u_strFromUTF8(s->text, (int32_t)s->text_capacity, &n_units, text, (int32_t)n_bytes, &error);
    if (error == U_INVALID_CHAR_FOUND)
        return fail_utf8(text, n_bytes, status);
    ubrk_setText(s->breaks, s->text, n_units, &error);
    if (U_FAILURE(error))
        return fail_icu(status, error);
    s->n_before = 0;
    for (int32_t start = ubrk_first(s->breaks), end; (end = ubrk_next(s->breaks)) != UBRK_DONE; start = end)
        if (ubrk_getRuleStatus(s->breaks) >= UBRK_WORD_NONE_LIMIT)
            ADAH_TRY(take_segment(s, s->text + start, end - start, take, context, status));
        else if (!is_blank(s->text + start, end - start))
            s->n_before = 0;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- making a vocabulary */

static adah_code fail_language(const char *language, adah_code code, adah_status *status) {
    char known[800] = "none";
    size_t n = strlen(known);
    for (const char **name = sb_stemmer_list(); *name && n < sizeof known; name++)
        n += (size_t)snprintf(known + n, sizeof known - n, ", %s", *name);
    return adah_fail(status, code, "no stemmer for the language \"%.40s\", expected one of: %s", language, known);
}

static int is_one_of(const char *name, const char *const *list) {
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static adah_code fill_stop_words(adah_vocabulary *vocabulary, adah_status *status) {
    for (const char *word = adah_stop_words(vocabulary->language); *word;) {
        size_t n_bytes = strcspn(word, " ");
        if (adah_string_table_add(&vocabulary->stop_words, word, n_bytes) == ADAH_STRING_NONE)
            return adah_fail_memory(status, n_bytes);
        word += n_bytes + (word[n_bytes] == ' ');
    }
    return ADAH_OK;
}

/* A vocabulary of a language, without words yet. */
static adah_code open_empty(const char *language, adah_code code_of_unknown, adah_vocabulary **out,
                            adah_status *status) {
    static const char *const eliding[] = {"french", "fr",      "fra", "fre", "italian", "it",
                                          "ita",    "catalan", "ca",  "cat", NULL};
    int is_stemmed = strcmp(language, "none") != 0;
    if (is_stemmed) {
        struct sb_stemmer *stemmer = sb_stemmer_new(language, NULL);
        if (!stemmer)
            return fail_language(language, code_of_unknown, status);
        sb_stemmer_delete(stemmer);
    }
    adah_vocabulary *vocabulary = adah_memory_zeroed(1, sizeof *vocabulary);
    if (!vocabulary)
        return adah_fail_memory(status, sizeof *vocabulary);
    vocabulary->is_stemmed = is_stemmed;
    vocabulary->has_elision = is_one_of(language, eliding);
    UErrorCode error = U_ZERO_ERROR;
    vocabulary->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &error);
    vocabulary->folding = unorm2_getNFKCCasefoldInstance(&error);
    vocabulary->language = adah_memory_text(language);
    adah_code code = ADAH_OK;
    if (U_FAILURE(error))
        code = fail_icu(status, error);
    else if (!vocabulary->language)
        code = adah_fail_memory(status, strlen(language) + 1);
    else
        code = fill_stop_words(vocabulary, status);
    if (code != ADAH_OK) {
        adah_vocabulary_free(vocabulary);
        return code;
    }
    *out = vocabulary;
    return ADAH_OK;
}

void adah_vocabulary_free(adah_vocabulary *vocabulary) {
    if (!vocabulary)
        return;
    if (vocabulary->breaks)
        ubrk_close(vocabulary->breaks);
    adah_string_table_free(&vocabulary->words);
    adah_string_table_free(&vocabulary->stop_words);
    adah_memory_free(vocabulary->documents);
    adah_memory_free(vocabulary->language);
    adah_memory_free(vocabulary);
}

/* In how many texts each word occurs, while a vocabulary is built. */
typedef struct word_count {
    const char *word;
    uint32_t n_documents, last_text; /* last_text: from 1, the latest that held it */
    int is_pair, is_kept;
} word_count;

typedef struct counting {
    adah_string_table words;
    word_count *count; /* [words.n] */
    size_t capacity;
    uint32_t text; /* the one being read, from 1 */
} counting;

static int count_word(void *context, const char *word, size_t n_bytes, int is_pair) {
    counting *c = context;
    size_t n_before = c->words.n;
    if (!adah_memory_grow((void **)&c->count, &c->capacity, n_before, sizeof *c->count))
        return 0;
    uint32_t id = adah_string_table_add(&c->words, word, n_bytes);
    if (id == ADAH_STRING_NONE)
        return 0;
    if (id == n_before)
        c->count[id] = (word_count){c->words.text[id], 0, 0, is_pair, 0};
    if (c->count[id].last_text != c->text) {
        c->count[id].last_text = c->text;
        c->count[id].n_documents++;
    }
    return 1;
}

static int compare_counts(const void *a, const void *b) {
    const word_count *x = a, *y = b;
    if (x->n_documents != y->n_documents)
        return x->n_documents > y->n_documents ? -1 : 1;
    return strcmp(x->word, y->word);
}

static adah_code add_word(adah_vocabulary *vocabulary, const char *word, size_t n_bytes, uint32_t n_documents,
                          adah_status *status) {
    size_t n = vocabulary->words.n;
    if (adah_string_table_add(&vocabulary->words, word, n_bytes) == ADAH_STRING_NONE)
        return adah_fail_memory(status, n_bytes);
    vocabulary->documents[n] = n_documents;
    return ADAH_OK;
}

static adah_code make_room(adah_vocabulary *vocabulary, size_t n_words, adah_status *status) {
    vocabulary->documents = adah_memory_zeroed(n_words, sizeof *vocabulary->documents);
    return vocabulary->documents ? ADAH_OK : adah_fail_memory(status, n_words * sizeof *vocabulary->documents);
}

/* Which of the sorted words stay, and how many: pairs have the room that single words leave. */
static size_t choose_words(counting *c, const adah_vocabulary_options *options) {
    size_t n_kept = 0;
    for (int pairs = 0; pairs < 2; pairs++)
        for (size_t i = 0; i < c->words.n; i++) {
            word_count *w = &c->count[i];
            if (w->is_pair != pairs)
                continue;
            w->is_kept = n_kept < options->n_words_max && w->n_documents >= options->n_documents_min;
            n_kept += (size_t)w->is_kept;
        }
    return n_kept;
}

/* Sorts the counted words and keeps those that the options ask for. */
static adah_code keep_words(adah_vocabulary *vocabulary, counting *c, const adah_vocabulary_options *options,
                            adah_status *status) {
    if (c->words.n)
        qsort(c->count, c->words.n, sizeof *c->count, compare_counts);
    const size_t n_kept = choose_words(c, options);
    if (n_kept == 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "no word occurs in at least %zu of the %zu texts",
                         options->n_documents_min, vocabulary->n_texts);
    ADAH_TRY(make_room(vocabulary, n_kept, status));
    for (size_t i = 0; i < c->words.n; i++)
        if (c->count[i].is_kept)
            ADAH_TRY(add_word(vocabulary, c->count[i].word, strlen(c->count[i].word), c->count[i].n_documents, status));
    return ADAH_OK;
}

adah_code adah_vocabulary_build(const char *const *texts, size_t n_texts, const adah_vocabulary_options *options,
                                adah_vocabulary **out, adah_status *status) {
    const adah_vocabulary_options defaults = ADAH_VOCABULARY_OPTIONS_INIT;
    if (!options)
        options = &defaults;
    if (!options->language)
        return fail_language("", ADAH_ERROR_ARGUMENT, status);
    if (options->n_words_max < 1 || options->n_words_max >= ADAH_STRING_NONE)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_words_max %zu, expected 1..%u", options->n_words_max,
                         ADAH_STRING_NONE - 1);
    if (n_texts >= UINT32_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu texts, expected fewer than 2^32 - 1", n_texts);
    adah_vocabulary *vocabulary;
    ADAH_TRY(open_empty(options->language, ADAH_ERROR_ARGUMENT, &vocabulary, status));
    vocabulary->n_texts = n_texts;
    vocabulary->has_pairs = options->with_pairs;
    counting c = {.text = 0};
    splitter s = {0};
    adah_code code = open_splitter(vocabulary, &s, status);
    if (code == ADAH_OK) {
        for (size_t i = 0; i < n_texts && code == ADAH_OK; i++) {
            adah_status why = {0};
            c.text++;
            code = split_text(&s, texts[i], count_word, &c, &why);
            if (code != ADAH_OK)
                adah_fail(status, code, "text %zu: %s", i, why.message);
        }
        close_splitter(&s);
    }
    if (code == ADAH_OK)
        code = keep_words(vocabulary, &c, options, status);
    adah_string_table_free(&c.words);
    adah_memory_free(c.count);
    if (code != ADAH_OK) {
        adah_vocabulary_free(vocabulary);
        return code;
    }
    *out = vocabulary;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- as JSON */

/* {"language": "english", "pairs": false, "texts": 2017, "words": ["sky", ...], "documents": [1630, ...]} */
char *adah_vocabulary_json(const adah_vocabulary *vocabulary) {
    json_t *words = json_array(), *documents = json_array();
    int failed = !words || !documents;
    for (size_t i = 0; i < vocabulary->words.n && !failed; i++)
        failed = json_array_append_new(words, json_string(vocabulary->words.text[i])) != 0 ||
                 json_array_append_new(documents, json_integer(vocabulary->documents[i])) != 0;
    /* "o" takes the reference over, also on failure */
    json_t *root = json_pack("{s:s, s:b, s:I, s:o, s:o}", "language", vocabulary->language, "pairs", vocabulary->has_pairs,
                             "texts", (json_int_t)vocabulary->n_texts, "words", words, "documents", documents);
    char *dumped = root && !failed ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    char *copy = dumped ? adah_memory_text(dumped) : NULL;
    free(dumped);
    return copy;
}

static adah_code fail_parse(adah_status *status, const char *what, size_t i) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "vocabulary: word %zu: %s", i, what);
}

static adah_code parse_words(adah_vocabulary *vocabulary, const json_t *words, const json_t *documents,
                             adah_status *status) {
    size_t n = json_array_size(words);
    if (!json_is_array(words) || !json_is_array(documents) || n == 0 || n != json_array_size(documents) ||
        n >= ADAH_STRING_NONE)
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "vocabulary: expected two lists of equal length, words and documents, got %zu and %zu items",
                         n, json_array_size(documents));
    ADAH_TRY(make_room(vocabulary, n, status));
    for (size_t i = 0; i < n; i++) {
        const json_t *word = json_array_get(words, i), *count = json_array_get(documents, i);
        if (!json_is_string(word) || json_string_length(word) == 0)
            return fail_parse(status, "expected a string that is not empty", i);
        json_int_t n_documents = json_is_integer(count) ? json_integer_value(count) : -1;
        if (n_documents < 0 || (uint64_t)n_documents > vocabulary->n_texts)
            return fail_parse(status, "expected documents between 0 and the number of texts", i);
        ADAH_TRY(
            add_word(vocabulary, json_string_value(word), json_string_length(word), (uint32_t)n_documents, status));
        if (vocabulary->words.n != i + 1)
            return fail_parse(status, "occurs twice", i);
    }
    return ADAH_OK;
}

adah_code adah_vocabulary_parse(const char *json, adah_vocabulary **out, adah_status *status) {
    json_error_t error;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error), *words, *documents;
    const char *language;
    int has_pairs = 0;
    json_int_t n_texts;
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return adah_fail_memory(status, strlen(json));
    if (!root || json_unpack_ex(root, &error, JSON_STRICT, "{s:s, s?b, s:I, s:o, s:o}", "language", &language, "pairs",
                                &has_pairs, "texts", &n_texts, "words", &words, "documents", &documents) != 0) {
        json_decref(root);
        return adah_fail(status, ADAH_ERROR_FORMAT, "vocabulary: broken JSON at byte %d: %s", error.position,
                         error.text);
    }
    adah_vocabulary *vocabulary = NULL;
    adah_code code = ADAH_OK;
    if (n_texts < 0 || n_texts >= UINT32_MAX)
        code = adah_fail(status, ADAH_ERROR_FORMAT,
                         "vocabulary: texts %" JSON_INTEGER_FORMAT ", expected 0..2^32 - 2", n_texts);
    else
        code = open_empty(language, ADAH_ERROR_FORMAT, &vocabulary, status);
    if (code == ADAH_OK) {
        vocabulary->n_texts = (size_t)n_texts;
        vocabulary->has_pairs = has_pairs;
        code = parse_words(vocabulary, words, documents, status);
    }
    json_decref(root);
    if (code != ADAH_OK) {
        adah_vocabulary_free(vocabulary);
        return code;
    }
    *out = vocabulary;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- asking */

size_t adah_vocabulary_size(const adah_vocabulary *vocabulary) { return vocabulary->words.n; }

const char *adah_vocabulary_word(const adah_vocabulary *vocabulary, size_t i) {
    return i < vocabulary->words.n ? vocabulary->words.text[i] : NULL;
}

int adah_vocabulary_is_pair(const adah_vocabulary *vocabulary, size_t i) {
    const char *word = adah_vocabulary_word(vocabulary, i);
    return vocabulary->has_pairs && word && strchr(word, PAIR_SIGN);
}

uint32_t adah_vocabulary_documents(const adah_vocabulary *vocabulary, size_t i) {
    return i < vocabulary->words.n ? vocabulary->documents[i] : 0;
}

size_t adah_vocabulary_texts(const adah_vocabulary *vocabulary) { return vocabulary->n_texts; }

typedef struct finding {
    const adah_vocabulary *vocabulary;
    uint32_t *ids;
    size_t n, capacity;
    adah_string_table unknown;
    int counts_unknown;
} finding;

static int find_word(void *context, const char *word, size_t n_bytes, int is_pair) {
    finding *f = context;
    uint32_t id = adah_string_table_find(&f->vocabulary->words, word, n_bytes);
    if (id == ADAH_STRING_NONE)
        return !f->counts_unknown || is_pair || adah_string_table_add(&f->unknown, word, n_bytes) != ADAH_STRING_NONE;
    if (!adah_memory_grow((void **)&f->ids, &f->capacity, f->n, sizeof *f->ids))
        return 0;
    f->ids[f->n++] = id;
    return 1;
}

static int compare_ids(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

adah_code adah_vocabulary_lookup(const adah_vocabulary *vocabulary, const char *text, uint32_t **ids, size_t *n_ids,
                                 size_t *n_unknown, adah_status *status) {
    splitter s;
    ADAH_TRY(open_splitter(vocabulary, &s, status));
    finding f = {.vocabulary = vocabulary, .counts_unknown = n_unknown != NULL, .capacity = 16};
    f.ids = adah_memory_alloc(f.capacity * sizeof *f.ids);
    adah_code code =
        f.ids ? split_text(&s, text, find_word, &f, status) : adah_fail_memory(status, f.capacity * sizeof *f.ids);
    close_splitter(&s);
    if (code == ADAH_OK) {
        qsort(f.ids, f.n, sizeof *f.ids, compare_ids);
        size_t n_distinct = 0;
        for (size_t i = 0; i < f.n; i++)
            if (i == 0 || f.ids[i] != f.ids[i - 1])
                f.ids[n_distinct++] = f.ids[i];
        if (n_unknown)
            *n_unknown = f.unknown.n;
        *ids = f.ids;
        *n_ids = n_distinct;
    } else {
        adah_memory_free(f.ids);
    }
    adah_string_table_free(&f.unknown);
    return code;
}

/* ---------------------------------------------------------------- the words one by one */

typedef struct listing {
    const splitter *s;
    adah_text_word *words;
    size_t n, capacity;
    adah_string_table stems; /* distinct ones, */
    size_t *first;           /* and the first word of each */
    size_t n_first_capacity;
    int32_t n_units; /* of the text gone through, */
    size_t n_bytes;  /* in UTF-8 */
} listing;

static void go_to(listing *l, int32_t end) {
    while (l->n_units < end) {
        UChar32 c;
        U16_NEXT(l->s->text, l->n_units, end, c);
        l->n_bytes += (size_t)U8_LENGTH(c);
    }
}

static int list_word(void *context, const char *stem, size_t n_bytes, int is_pair) {
    listing *l = context;
    if (is_pair)
        return 1;
    const size_t n_stems = l->stems.n;
    if (!adah_memory_grow((void **)&l->words, &l->capacity, l->n, sizeof *l->words) ||
        !adah_memory_grow((void **)&l->first, &l->n_first_capacity, n_stems, sizeof *l->first))
        return 0;
    const uint32_t number = adah_string_table_add(&l->stems, stem, n_bytes);
    if (number == ADAH_STRING_NONE)
        return 0;
    if (number == n_stems)
        l->first[number] = l->n;
    adah_text_word *w = &l->words[l->n];
    const int32_t begin = (int32_t)(l->s->piece - l->s->text);
    go_to(l, begin);
    w->offset = l->n_bytes;
    go_to(l, begin + l->s->n_piece);
    w->n_bytes = l->n_bytes - w->offset;
    w->first = l->first[number];
    w->is_known = adah_string_table_find(&l->s->vocabulary->words, stem, n_bytes) != ADAH_STRING_NONE;
    l->n++;
    return 1;
}

adah_code adah_vocabulary_words(const adah_vocabulary *vocabulary, const char *text, adah_text_word **words, size_t *n_words,
                                adah_status *status) {
    splitter s;
    ADAH_TRY(open_splitter(vocabulary, &s, status));
    listing l = {.s = &s, .capacity = 16};
    l.words = adah_memory_alloc(l.capacity * sizeof *l.words); /* so that there is a list when there are no words */
    const adah_code code =
        l.words ? split_text(&s, text, list_word, &l, status) : adah_fail_memory(status, l.capacity * sizeof *l.words);
    close_splitter(&s);
    if (code == ADAH_OK) {
        *words = l.words;
        *n_words = l.n;
    } else {
        adah_memory_free(l.words);
    }
    adah_string_table_free(&l.stems);
    adah_memory_free(l.first);
    return code;
}

const char *adah_vocabulary_why_none(const char *text) {
    const int32_t n = (int32_t)strlen(text); /* at most TEXT_BYTES_MAX, or it was refused before */
    int n_letters = 0, longest = 0, has_digit = 0;
    for (int32_t i = 0; i < n;) {
        UChar32 c;
        U8_NEXT(text, i, n, c);
        n_letters = c > 0 && u_isalpha(c) ? n_letters + 1 : 0;
        longest = n_letters > longest ? n_letters : longest;
        has_digit |= c > 0 && u_isdigit(c);
    }
    return longest > WORD_UNITS_MAX ? "what is in it is too long for words"
           : longest                ? "its words are stop words, which say too little to search by"
           : has_digit              ? "there are numbers in it, but no word"
                                    : "there is no word in it";
}
