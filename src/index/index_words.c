/* index_words.c - the words of records and queries.
 *
 * Words are split, folded and stemmed as those of a vocabulary are (data/word_splitter.c), but numbers are words here, too. What stands
 * together without a blank and has parts, by an underscore or a dot, a capital behind a small letter, or a digit beside a letter, is
 * split once more at these places. Labels and the names of files (without folder and extension) are words as a whole as well. */
#include "index/index_words.h"
#include "base/memory.h"
#include "data/word_splitter.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

struct adah_word_reader {
    char name[ADAH_LANGUAGE_BYTES];
    int is_open;
    adah_language language;
    adah_splitter splitter;
    char *parts; /* of the text at work, with blanks between */
    size_t n_parts_capacity;
    adah_take_index_word take;
    void *context;
};

adah_code adah_word_reader_create(const char *language, adah_word_reader **reader, adah_status *status) {
    if (strlen(language) >= ADAH_LANGUAGE_BYTES)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a language of %zu letters, \"%.40s\", expected fewer than %d", strlen(language),
                         language, ADAH_LANGUAGE_BYTES);
    adah_word_reader *r = adah_memory_zeroed(1, sizeof *r);
    if (!r)
        return adah_fail_memory(status, sizeof *r);
    strcpy(r->name, *language ? language : "none");
    *reader = r;
    return ADAH_OK;
}

void adah_word_reader_close(adah_word_reader *r) {
    if (!r)
        return;
    if (r->is_open) {
        adah_splitter_close(&r->splitter);
        adah_language_close(&r->language);
    }
    adah_memory_free(r->parts);
    adah_memory_free(r);
}

const char *adah_word_reader_language(const adah_word_reader *r) { return r->name; }

static adah_code open_language(adah_word_reader *r, adah_status *status) {
    if (r->is_open)
        return ADAH_OK;
    ADAH_TRY(adah_language_open(r->name, ADAH_ERROR_FORMAT, &r->language, status));
    r->language.has_numbers = 1;
    const adah_code code = adah_splitter_open(&r->language, &r->splitter, status);
    if (code != ADAH_OK)
        adah_language_close(&r->language);
    r->is_open = code == ADAH_OK;
    return code;
}

static int take_word(void *context, const char *stem, size_t n_bytes, int is_pair) {
    adah_word_reader *r = context;
    (void)is_pair;
    if (n_bytes > ADAH_WORD_BYTES_MAX || r->splitter.n_folded > ADAH_WORD_BYTES_MAX)
        return 1;
    return r->take(r->context, r->splitter.folded, r->splitter.n_folded, stem, n_bytes);
}

typedef enum letter { NO_LETTER, BLANK, JOINT, SMALL, CAPITAL, DIGIT } letter;

static letter kind_of(UChar32 c) {
    if (c < 0)
        return NO_LETTER;
    if (c == '_' || c == '.')
        return JOINT;
    return c == '/' || u_isUWhiteSpace(c) ? BLANK : u_isdigit(c) ? DIGIT : u_isupper(c) ? CAPITAL : u_isalpha(c) ? SMALL : NO_LETTER;
}

static int is_boundary(letter before, letter here) {
    return (before == SMALL && here == CAPITAL) || ((before == SMALL || before == CAPITAL) && here == DIGIT) ||
           (before == DIGIT && (here == SMALL || here == CAPITAL));
}

/* Puts the pieces of a text that have parts, a blank between all parts, to r->parts. */
static adah_code find_parts(adah_word_reader *r, const char *text, size_t n_bytes, adah_status *status) {
    if (r->n_parts_capacity < 2 * n_bytes + 2) {
        char *larger = adah_memory_resize(r->parts, 2 * n_bytes + 2, 1);
        if (!larger)
            return adah_fail_memory(status, 2 * n_bytes + 2);
        r->parts = larger;
        r->n_parts_capacity = 2 * n_bytes + 2;
    }
    char *out = r->parts, *piece = out; /* piece: the one at work, kept if it turns out to have parts */
    letter before = BLANK;
    int has_parts = 0, is_joined = 0; /* is_joined: a letter, then joints, and now perhaps another letter */
    for (int32_t i = 0; i < (int32_t)n_bytes;) {
        const int32_t start = i;
        UChar32 c;
        U8_NEXT(text, i, (int32_t)n_bytes, c);
        const letter here = kind_of(c);
        if (here == BLANK) {
            out = has_parts ? out : piece;
            *out++ = ' ';
            piece = out;
            has_parts = is_joined = 0;
        } else if (here == JOINT) {
            is_joined |= before >= SMALL;
            *out++ = ' ';
        } else {
            has_parts |= (here >= SMALL && is_joined) || is_boundary(before, here);
            is_joined &= here < SMALL;
            if (is_boundary(before, here))
                *out++ = ' ';
            memcpy(out, text + start, (size_t)(i - start));
            out += i - start;
        }
        before = here;
    }
    out = has_parts ? out : piece;
    *out = '\0';
    return ADAH_OK;
}

static adah_code take_whole(adah_word_reader *r, const char *text, size_t n_bytes, adah_status *status) {
    char whole[ADAH_FOLDED_BYTES_MAX];
    if (n_bytes >= sizeof whole) /* more than ADAH_WORD_UNITS_MAX */
        return ADAH_OK;
    memcpy(whole, text, n_bytes);
    whole[n_bytes] = '\0';
    return adah_splitter_take_whole(&r->splitter, whole, take_word, r, status);
}

/* Where the name of a file begins, behind its folder, and its bytes without a short extension of letters and digits. */
static const char *name_of(const char *path, size_t *n_bytes) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    enum { EXTENSION_MAX = 5 };
    *n_bytes = strlen(name);
    if (dot && dot > name && dot[1]) {
        const size_t n = strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
        if (n <= EXTENSION_MAX && !dot[1 + n])
            *n_bytes = (size_t)(dot - name);
    }
    return name;
}

static adah_code read_words(adah_word_reader *r, const char *text, size_t n_bytes, adah_status *status) {
    ADAH_TRY(adah_splitter_split(&r->splitter, text, take_word, r, status));
    ADAH_TRY(find_parts(r, text, n_bytes, status));
    return r->parts[0] ? adah_splitter_split(&r->splitter, r->parts, take_word, r, status) : ADAH_OK;
}

adah_code adah_word_reader_read(adah_word_reader *r, adah_words_of kind, const char *text, adah_take_index_word take, void *context,
                                adah_status *status) {
    if (!*text)
        return ADAH_OK;
    ADAH_TRY(open_language(r, status));
    r->take = take;
    r->context = context;
    size_t n_name;
    const char *name = name_of(text, &n_name);
    if (kind == ADAH_WORDS_OF_TEXT || kind == ADAH_WORDS_OF_LABEL) {
        ADAH_TRY(read_words(r, text, strlen(text), status));
    } else if (kind == ADAH_WORDS_OF_NAME) {
        char *path = adah_memory_text_n(text, (size_t)(name - text) + n_name);
        const adah_code code = path ? read_words(r, path, strlen(path), status) : adah_fail_memory(status, strlen(text));
        adah_memory_free(path);
        ADAH_TRY(code);
    }
    if (kind == ADAH_WORDS_OF_TEXT)
        return ADAH_OK;
    return kind == ADAH_WORDS_OF_LABEL ? take_whole(r, text, strlen(text), status) : take_whole(r, name, n_name, status);
}
