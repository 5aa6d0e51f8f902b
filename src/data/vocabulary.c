/* vocabulary.c - the words that a model knows, their numbers, and the words of a text among them.
 *
 * Building and looking up take the words from the same splitter (word_splitter.c), and find them in a hash table. */
#include "data/vocabulary.h"
#include "base/memory.h"
#include "data/word_splitter.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

struct adah_vocabulary {
    adah_language language;
    adah_string_table words;
    uint32_t *documents; /* [words.n] */
    size_t n_texts;
};

/* ---------------------------------------------------------------- making a vocabulary */

/* A vocabulary of a language, without words yet. */
static adah_code open_empty(const char *language, adah_code code_of_unknown, adah_vocabulary **out,
                            adah_status *status) {
    adah_vocabulary *vocabulary = adah_memory_zeroed(1, sizeof *vocabulary);
    if (!vocabulary)
        return adah_fail_memory(status, sizeof *vocabulary);
    const adah_code code = adah_language_open(language, code_of_unknown, &vocabulary->language, status);
    if (code == ADAH_OK)
        *out = vocabulary;
    else
        adah_memory_free(vocabulary);
    return code;
}

adah_code adah_vocabulary_open_empty(const char *language, adah_vocabulary **vocabulary, adah_status *status) {
    return open_empty(language, ADAH_ERROR_FORMAT, vocabulary, status);
}

void adah_vocabulary_free(adah_vocabulary *vocabulary) {
    if (!vocabulary)
        return;
    adah_language_close(&vocabulary->language);
    adah_string_table_free(&vocabulary->words);
    adah_memory_free(vocabulary->documents);
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
    if (options->n_words_max < 1 || options->n_words_max >= ADAH_STRING_NONE)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_words_max %zu, expected 1..%u", options->n_words_max,
                         ADAH_STRING_NONE - 1);
    if (n_texts >= UINT32_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu texts, expected fewer than 2^32 - 1", n_texts);
    adah_vocabulary *vocabulary = NULL;
    ADAH_TRY(open_empty(options->language ? options->language : "", ADAH_ERROR_ARGUMENT, &vocabulary, status));
    vocabulary->n_texts = n_texts;
    vocabulary->language.pairs = options->with_pairs ? ADAH_PAIRS_TOGETHER : ADAH_PAIRS_NONE;
    counting c = {.text = 0};
    adah_splitter s = {0};
    adah_code code = adah_splitter_open(&vocabulary->language, &s, status);
    if (code == ADAH_OK) {
        for (size_t i = 0; i < n_texts && code == ADAH_OK; i++) {
            adah_status why = {0};
            c.text++;
            code = adah_splitter_split(&s, texts[i], count_word, &c, &why);
            if (code != ADAH_OK)
                adah_fail(status, code, "text %zu: %s", i, why.message);
        }
        adah_splitter_close(&s);
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

static const char together[] = "together"; /* what the JSON calls ADAH_PAIRS_TOGETHER */

/* {"language": "english", "pairs": "together", "texts": 2017, "words": ["sky", ...], "documents": [1630, ...]} */
char *adah_vocabulary_json(const adah_vocabulary *vocabulary) {
    json_t *words = json_array(), *documents = json_array();
    int failed = !words || !documents;
    for (size_t i = 0; i < vocabulary->words.n && !failed; i++)
        failed = json_array_append_new(words, json_string(vocabulary->words.text[i])) != 0 ||
                 json_array_append_new(documents, json_integer(vocabulary->documents[i])) != 0;
    const adah_word_pairs kind = vocabulary->language.pairs;
    json_t *pairs = kind == ADAH_PAIRS_TOGETHER ? json_string(together) : json_boolean(kind == ADAH_PAIRS_FOLLOWING);
    /* "o" takes the reference over, also on failure */
    json_t *root = json_pack("{s:s, s:o, s:I, s:o, s:o}", "language", vocabulary->language.name, "pairs", pairs, "texts",
                             (json_int_t)vocabulary->n_texts, "words", words, "documents", documents);
    char *dumped = root && !failed ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    char *copy = dumped ? adah_memory_text(dumped) : NULL;
    free(dumped);
    return copy;
}

/* Older vocabularies have true for pairs in the order of the text, or say nothing of pairs. */
static adah_code parse_pairs(const json_t *pairs, adah_word_pairs *kind, adah_status *status) {
    if (json_is_string(pairs) && strcmp(json_string_value(pairs), together) == 0)
        *kind = ADAH_PAIRS_TOGETHER;
    else if (!pairs || json_is_boolean(pairs))
        *kind = json_is_true(pairs) ? ADAH_PAIRS_FOLLOWING : ADAH_PAIRS_NONE;
    else
        return adah_fail(status, ADAH_ERROR_FORMAT, "vocabulary: pairs: expected true, false or \"%s\"", together);
    return ADAH_OK;
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
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error), *pairs = NULL, *words, *documents;
    const char *language;
    json_int_t n_texts;
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return adah_fail_memory(status, strlen(json));
    if (!root || json_unpack_ex(root, &error, JSON_STRICT, "{s:s, s?o, s:I, s:o, s:o}", "language", &language, "pairs",
                                &pairs, "texts", &n_texts, "words", &words, "documents", &documents) != 0) {
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
        code = parse_pairs(pairs, &vocabulary->language.pairs, status);
    }
    if (code == ADAH_OK)
        code = parse_words(vocabulary, words, documents, status);
    json_decref(root);
    if (code != ADAH_OK) {
        adah_vocabulary_free(vocabulary);
        return code;
    }
    *out = vocabulary;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- asking */

const char *adah_vocabulary_language(const adah_vocabulary *vocabulary) { return vocabulary->language.name; }

size_t adah_vocabulary_size(const adah_vocabulary *vocabulary) { return vocabulary->words.n; }

const char *adah_vocabulary_word(const adah_vocabulary *vocabulary, size_t i) {
    return i < vocabulary->words.n ? vocabulary->words.text[i] : NULL;
}

int adah_vocabulary_is_pair(const adah_vocabulary *vocabulary, size_t i) {
    const char *word = adah_vocabulary_word(vocabulary, i);
    return vocabulary->language.pairs != ADAH_PAIRS_NONE && word && strchr(word, ADAH_PAIR_SIGN);
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
    adah_splitter s;
    ADAH_TRY(adah_splitter_open(&vocabulary->language, &s, status));
    finding f = {.vocabulary = vocabulary, .counts_unknown = n_unknown != NULL, .capacity = 16};
    f.ids = adah_memory_alloc(f.capacity * sizeof *f.ids);
    adah_code code =
        f.ids ? adah_splitter_split(&s, text, find_word, &f, status) : adah_fail_memory(status, f.capacity * sizeof *f.ids);
    adah_splitter_close(&s);
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
    const adah_vocabulary *vocabulary;
    const adah_splitter *s;
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
    w->is_known = adah_string_table_find(&l->vocabulary->words, stem, n_bytes) != ADAH_STRING_NONE;
    l->n++;
    return 1;
}

adah_code adah_vocabulary_words(const adah_vocabulary *vocabulary, const char *text, adah_text_word **words, size_t *n_words,
                                adah_status *status) {
    adah_splitter s;
    ADAH_TRY(adah_splitter_open(&vocabulary->language, &s, status));
    listing l = {.vocabulary = vocabulary, .s = &s, .capacity = 16};
    l.words = adah_memory_alloc(l.capacity * sizeof *l.words); /* so that there is a list when there are no words */
    const adah_code code =
        l.words ? adah_splitter_split(&s, text, list_word, &l, status) : adah_fail_memory(status, l.capacity * sizeof *l.words);
    adah_splitter_close(&s);
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
    const int32_t n = (int32_t)strlen(text); /* at most 2^30, or it was refused before */
    int n_letters = 0, longest = 0, has_digit = 0;
    for (int32_t i = 0; i < n;) {
        UChar32 c;
        U8_NEXT(text, i, n, c);
        n_letters = c > 0 && u_isalpha(c) ? n_letters + 1 : 0;
        longest = n_letters > longest ? n_letters : longest;
        has_digit |= c > 0 && u_isdigit(c);
    }
    return longest > ADAH_WORD_UNITS_MAX ? "what is in it is too long for words"
           : longest                ? "its words are stop words, which say too little to search by"
           : has_digit              ? "there are numbers in it, but no word"
                                    : "there is no word in it";
}
