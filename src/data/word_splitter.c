/* word_splitter.c - texts into words (ICU), words into stems (Snowball).
 *
 * A text is cut at ICU's word boundaries, which know the languages that write no spaces. A piece that holds a letter
 * (or, where numbers are wanted, a digit) is folded (NFKC_Casefold), dropped when it is a stop word, stemmed, and handed
 * over. The words of a phrase are kept until it ends; then its pairs follow, which depend on the words alone and not on their order.
 * Opening ICU's rules is slow, so a language keeps them open and every splitter works on a clone. */
#include "data/word_splitter.h"
#include "base/memory.h"
#include "data/stop_words.h"

#include <libstemmer.h>
#include <stdio.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

enum { TEXT_BYTES_MAX = 1 << 30 };

static adah_code fail_icu(adah_status *status, UErrorCode error) {
    if (error == U_MEMORY_ALLOCATION_ERROR)
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in ICU");
    return adah_fail(status, ADAH_ERROR_INTERNAL, "ICU: %s", u_errorName(error));
}

/* ---------------------------------------------------------------- languages */

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

static adah_code fill_stop_words(adah_language *language, adah_status *status) {
    for (const char *word = adah_stop_words(language->name); *word;) {
        size_t n_bytes = strcspn(word, " ");
        if (adah_string_table_add(&language->stop_words, word, n_bytes) == ADAH_STRING_NONE)
            return adah_fail_memory(status, n_bytes);
        word += n_bytes + (word[n_bytes] == ' ');
    }
    return ADAH_OK;
}

adah_code adah_language_open(const char *name, adah_code code_of_unknown, adah_language *language, adah_status *status) {
    static const char *const eliding[] = {"french", "fr",      "fra", "fre", "italian", "it",
                                          "ita",    "catalan", "ca",  "cat", NULL};
    *language = (adah_language){.is_stemmed = strcmp(name, "none") != 0, .has_elision = is_one_of(name, eliding)};
    if (language->is_stemmed) {
        struct sb_stemmer *stemmer = sb_stemmer_new(name, NULL);
        if (!stemmer)
            return fail_language(name, code_of_unknown, status);
        sb_stemmer_delete(stemmer);
    }
    UErrorCode error = U_ZERO_ERROR;
    language->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &error);
    language->folding = unorm2_getNFKCCasefoldInstance(&error);
    language->name = adah_memory_text(name);
    adah_code code = ADAH_OK;
    if (U_FAILURE(error))
        code = fail_icu(status, error);
    else if (!language->name)
        code = adah_fail_memory(status, strlen(name) + 1);
    else
        code = fill_stop_words(language, status);
    if (code != ADAH_OK)
        adah_language_close(language);
    return code;
}

void adah_language_close(adah_language *language) {
    if (language->breaks)
        ubrk_close(language->breaks);
    adah_string_table_free(&language->stop_words);
    adah_memory_free(language->name);
    *language = (adah_language){.name = NULL};
}

/* ---------------------------------------------------------------- words of a text */

void adah_splitter_close(adah_splitter *s) {
    if (s->breaks)
        ubrk_close(s->breaks);
    sb_stemmer_delete(s->stemmer);
    adah_memory_free(s->text);
    adah_memory_free(s->phrase);
}

adah_code adah_splitter_open(const adah_language *language, adah_splitter *s, adah_status *status) {
    *s = (adah_splitter){.language = language};
    UErrorCode error = U_ZERO_ERROR;
    s->breaks = ubrk_clone(language->breaks, &error);
    if (U_FAILURE(error))
        return fail_icu(status, error);
    if (language->is_stemmed && !(s->stemmer = sb_stemmer_new(language->name, NULL))) {
        adah_splitter_close(s);
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
    }
    return ADAH_OK;
}

static int holds_letter(const UChar *word, int32_t n, int or_digit) {
    for (int32_t i = 0; i < n;) {
        UChar32 c;
        U16_NEXT(word, i, n, c);
        if (u_isalpha(c) || (or_digit && u_isdigit(c)))
            return 1;
    }
    return 0;
}

/* The word together with the one before it. */
static int take_pair(adah_splitter *s, const char *word, size_t n_bytes, adah_take_word take, void *context) {
    char *end = s->pair + s->n_before;
    int taken = 1;
    if (s->n_before) {
        *end = ADAH_PAIR_SIGN;
        memcpy(end + 1, word, n_bytes);
        taken = take(context, s->pair, s->n_before + 1 + n_bytes, 1);
    }
    memcpy(s->pair, word, n_bytes);
    s->n_before = n_bytes;
    return taken;
}

/* Where in the order of the phrase's words a word stands, or would stand. */
static size_t place_in_phrase(const adah_splitter *s, const char *word, int *is_there) {
    size_t low = 0, high = s->n_in_phrase;
    *is_there = 0;
    while (low < high && !*is_there) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(word, s->phrase + s->in_phrase[middle]);
        *is_there = order == 0;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

/* Keeps a word, which ends with a NUL, until the phrase ends. Returns 0 when memory is out. */
static int keep_for_pairs(adah_splitter *s, const char *word, size_t n_bytes) {
    int is_there;
    const size_t place = place_in_phrase(s, word, &is_there);
    if (is_there || s->is_phrase_long)
        return 1;
    if (s->n_in_phrase == ADAH_PAIRED_WORDS_MAX) {
        s->is_phrase_long = 1;
        return 1;
    }
    const size_t n_needed = s->n_phrase + n_bytes + 1;
    if (n_needed > s->phrase_capacity) {
        char *larger = adah_memory_resize(s->phrase, 2 * n_needed, 1);
        if (!larger)
            return 0;
        s->phrase = larger;
        s->phrase_capacity = 2 * n_needed;
    }
    memmove(s->in_phrase + place + 1, s->in_phrase + place, (s->n_in_phrase - place) * sizeof *s->in_phrase);
    s->in_phrase[place] = s->n_phrase;
    s->n_in_phrase++;
    memcpy(s->phrase + s->n_phrase, word, n_bytes + 1);
    s->n_phrase = n_needed;
    return 1;
}

static void begin_phrase(adah_splitter *s) {
    s->n_phrase = s->n_in_phrase = 0;
    s->is_phrase_long = 0;
}

/* Hands over the pairs of the phrase's words. Returns 0 when memory is out. */
static int end_phrase(adah_splitter *s, adah_take_word take, void *context) {
    const size_t n = s->is_phrase_long ? 0 : s->n_in_phrase;
    int taken = 1;
    for (size_t i = 0; i + 1 < n && taken; i++) {
        const size_t n_first = strlen(s->phrase + s->in_phrase[i]);
        memcpy(s->pair, s->phrase + s->in_phrase[i], n_first);
        s->pair[n_first] = ADAH_PAIR_SIGN;
        for (size_t j = i + 1; j < n && taken; j++) {
            const size_t n_second = strlen(s->phrase + s->in_phrase[j]);
            memcpy(s->pair + n_first + 1, s->phrase + s->in_phrase[j], n_second);
            taken = take(context, s->pair, n_first + 1 + n_second, 1);
        }
    }
    begin_phrase(s);
    return taken;
}

/* Puts a piece of the text, folded, into s->folded. */
static adah_code fold(adah_splitter *s, const UChar *piece, int32_t n, adah_status *status) {
    UChar folded[ADAH_FOLDED_UNITS_MAX];
    UErrorCode error = U_ZERO_ERROR;
    int32_t n_units = unorm2_normalize(s->language->folding, piece, n, folded, ADAH_FOLDED_UNITS_MAX, &error);
    for (int32_t i = 0; U_SUCCESS(error) && i < n_units; i++)
        if (folded[i] == 0x2019) /* the typographic apostrophe, which the stemmers do not know */
            folded[i] = '\'';
    int32_t n_bytes = 0;
    u_strToUTF8(s->folded, sizeof s->folded, &n_bytes, folded, n_units, &error);
    if (U_FAILURE(error))
        return fail_icu(status, error);
    s->n_folded = (size_t)n_bytes;
    s->piece = piece;
    s->n_piece = n;
    return ADAH_OK;
}

static int is_word(const adah_splitter *s, const UChar *piece, int32_t n) {
    return n <= ADAH_WORD_UNITS_MAX && holds_letter(piece, n, s->language->has_numbers);
}

/* Folds one piece of the text and hands it over, unless it is no word. Stop words do not part neighbours, as all
 * else does that is no word. */
static adah_code take_piece(adah_splitter *s, const UChar *piece, int32_t n, adah_take_word take, void *context,
                            adah_status *status) {
    if (!is_word(s, piece, n)) {
        s->n_before = 0;
        return ADAH_OK;
    }
    ADAH_TRY(fold(s, piece, n, status));
    const char *stem = s->folded;
    size_t n_bytes = s->n_folded;
    if (n_bytes == 0 || adah_string_table_find(&s->language->stop_words, stem, n_bytes) != ADAH_STRING_NONE)
        return ADAH_OK;
    if (s->stemmer) {
        stem = (const char *)sb_stemmer_stem(s->stemmer, (const sb_symbol *)stem, (int)n_bytes);
        n_bytes = stem ? (size_t)sb_stemmer_length(s->stemmer) : 0;
        if (!stem)
            return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
    }
    if (n_bytes == 0)
        return ADAH_OK;
    int taken = take(context, stem, n_bytes, 0);
    if (taken && s->language->pairs == ADAH_PAIRS_FOLLOWING)
        taken = take_pair(s, stem, n_bytes, take, context);
    else if (taken && s->language->pairs == ADAH_PAIRS_TOGETHER)
        taken = keep_for_pairs(s, stem, n_bytes);
    return taken ? ADAH_OK : adah_fail_memory(status, n_bytes);
}

/* A word segment; in languages with elision ("l'homme") its parts at the apostrophes. */
static adah_code take_segment(adah_splitter *s, const UChar *segment, int32_t n, adah_take_word take, void *context,
                              adah_status *status) {
    if (!s->language->has_elision)
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

/* A line ends, or a mark that ends a sentence or parts a list: a comma, not a hyphen. */
static int parts_phrases(const UChar *piece, int32_t n) {
    for (int32_t i = 0; i < n;) {
        UChar32 c;
        U16_NEXT(piece, i, n, c);
        if (c == '\n' || u_hasBinaryProperty(c, UCHAR_TERMINAL_PUNCTUATION))
            return 1;
    }
    return 0;
}

static adah_code fail_utf8(const char *text, size_t n_bytes, adah_status *status) {
    size_t i = 0, bad = 0;
    for (UChar32 c = 0; i < n_bytes && c >= 0;) {
        bad = i;
        U8_NEXT(text, i, n_bytes, c);
    }
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "text: invalid UTF-8 at byte %zu", bad);
}

/* Puts a text into s->text as UTF-16. */
static adah_code take_text(adah_splitter *s, const char *text, int32_t *n_units, adah_status *status) {
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
    u_strFromUTF8(s->text, (int32_t)s->text_capacity, n_units, text, (int32_t)n_bytes, &error);
    if (error == U_INVALID_CHAR_FOUND)
        return fail_utf8(text, n_bytes, status);
    return U_FAILURE(error) ? fail_icu(status, error) : ADAH_OK;
}

adah_code adah_splitter_split(adah_splitter *s, const char *text, adah_take_word take, void *context, adah_status *status) {
    int32_t n_units = 0;
    UErrorCode error = U_ZERO_ERROR;
    ADAH_TRY(take_text(s, text, &n_units, status));
    ubrk_setText(s->breaks, s->text, n_units, &error);
    if (U_FAILURE(error))
        return fail_icu(status, error);
    s->n_before = 0;
    begin_phrase(s);
    int taken = 1;
    for (int32_t start = ubrk_first(s->breaks), end; taken && (end = ubrk_next(s->breaks)) != UBRK_DONE; start = end)
        if (ubrk_getRuleStatus(s->breaks) >= UBRK_WORD_NONE_LIMIT)
            ADAH_TRY(take_segment(s, s->text + start, end - start, take, context, status));
        else {
            if (!is_blank(s->text + start, end - start))
                s->n_before = 0;
            if (parts_phrases(s->text + start, end - start))
                taken = end_phrase(s, take, context);
        }
    return taken && end_phrase(s, take, context) ? ADAH_OK : adah_fail_memory(status, s->n_phrase);
}

adah_code adah_splitter_take_whole(adah_splitter *s, const char *text, adah_take_word take, void *context, adah_status *status) {
    int32_t n_units = 0;
    ADAH_TRY(take_text(s, text, &n_units, status));
    if (!is_word(s, s->text, n_units))
        return ADAH_OK;
    ADAH_TRY(fold(s, s->text, n_units, status));
    return s->n_folded == 0 || take(context, s->folded, s->n_folded, 0) ? ADAH_OK : adah_fail_memory(status, s->n_folded);
}
