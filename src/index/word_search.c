/* word_search.c - which records hold the words of a query.
 *
 * A segment splits the query in its own language and knows the records of each stem. At first the records of every word are counted: a
 * word that none holds does not count, unless it is a number that is part of a name, such as that of IMG_2041, which nobody means who asks for
 * another. What a word tells is ln(1 + (N - n + 1/2) / (n + 1/2)), of N records of which n hold it
 * (Robertson, Sparck Jones): next to nothing when nearly all do. Then the lists of a segment are gone through together, in stretches of
 * records, so that the work is that of reading the lists once. */
#include "index/word_search.h"
#include "base/memory.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum {
    COMMON = 5,        /* a word that more than one record in so many holds finds nothing by itself */
    FOUND_MAX = 20000, /* nor does one by which, with all rarer ones, more would be found: a limit of time */
    STRETCH = 4096,
    WHOLE = ADAH_QUERY_WORDS_MAX, /* the bit for all of the query */
    FORMS_MAX = ADAH_QUERY_WORDS_MAX + 1
};

/* A word of the query in the language of a segment. */
typedef struct form {
    size_t word; /* its number, or WHOLE */
    size_t n_stem;
    char stem[ADAH_WORD_BYTES_MAX];
} form;

typedef struct asking {
    const adah_index *index;
    const char *query;
    char *word[ADAH_QUERY_WORDS_MAX]; /* as it is written, folded */
    size_t n_words;
    form form[FORMS_MAX];
    size_t n_forms;
    double n_holding[FORMS_MAX]; /* records that hold a word */
    uint64_t known;              /* the words that count */
    uint64_t finding;            /* those of them by which a record is found */
    float weight[FORMS_MAX], all; /* all: of all known words */
    adah_word_hits *hits;
} asking;

static int add_form(asking *a, size_t word, const char *stem, size_t n_stem) {
    if (a->n_forms == FORMS_MAX)
        return 1;
    const size_t n_compared = word != WHOLE ? a->n_forms : a->n_forms == 1; /* the whole is the only word, or it is another */
    for (size_t k = 0; k < n_compared; k++)
        if (a->form[k].n_stem == n_stem && memcmp(a->form[k].stem, stem, n_stem) == 0)
            return 1; /* the same word, or another form of it */
    a->form[a->n_forms] = (form){.word = word, .n_stem = n_stem};
    memcpy(a->form[a->n_forms++].stem, stem, n_stem);
    return 1;
}

static int take_word(void *context, const char *word, size_t n_word, const char *stem, size_t n_stem) {
    asking *a = context;
    size_t i = 0;
    while (i < a->n_words && (strlen(a->word[i]) != n_word || memcmp(a->word[i], word, n_word) != 0))
        i++;
    if (i == ADAH_QUERY_WORDS_MAX)
        return 1;
    if (i == a->n_words && !(a->word[a->n_words++] = adah_memory_text_n(word, n_word)))
        return 0;
    return add_form(a, i, stem, n_stem);
}

static int take_whole(void *context, const char *word, size_t n_word, const char *stem, size_t n_stem) {
    (void)word;
    (void)n_word;
    return add_form(context, WHOLE, stem, n_stem);
}

static adah_code fail_damaged(const adah_segment *s, adah_status *status) {
    return adah_index_fail_damaged(s->path, status, "the words of segment %llu", (unsigned long long)s->header.number);
}

typedef adah_code (*take_lists)(asking *a, const adah_segment_view *view, adah_posting *list, adah_status *status);

/* Splits the query for every segment, and hands over the lists of its words. */
static adah_code each_segment(asking *a, take_lists take, adah_status *status) {
    const adah_index *x = a->index;
    adah_word_reader *reader = NULL;
    adah_posting list[FORMS_MAX];
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < x->n_segments && code == ADAH_OK; i++) {
        const adah_segment *s = x->view[i].segment;
        if (!s->postings || !s->postings->n_words || !x->view[i].n_alive)
            continue;
        if (!reader || strcmp(adah_word_reader_language(reader), s->postings->language) != 0) {
            adah_word_reader_close(reader);
            reader = NULL;
            a->n_forms = 0;
            code = adah_word_reader_create(s->postings->language, &reader, status);
            if (code == ADAH_OK)
                code = adah_word_reader_read(reader, ADAH_WORDS_OF_TEXT, a->query, take_word, a, status);
            if (code == ADAH_OK)
                code = adah_word_reader_read(reader, ADAH_WORDS_WHOLE, a->query, take_whole, a, status);
        }
        for (size_t k = 0; k < a->n_forms && code == ADAH_OK; k++) {
            list[k] = (adah_posting){.n = 0};
            if (adah_postings_find(s->postings, a->form[k].stem, a->form[k].n_stem, &list[k]) < 0)
                code = fail_damaged(s, status);
        }
        if (code == ADAH_OK)
            code = take(a, &x->view[i], list, status);
    }
    adah_word_reader_close(reader);
    return code;
}

/* Deleted records do not count: the answer is the same for every history of the file. */
static adah_code count(asking *a, const adah_segment_view *view, adah_posting *list, adah_status *status) {
    for (size_t k = 0; k < a->n_forms; k++) {
        uint64_t record, n = list[k].n;
        int is_there = 1;
        if (view->alive)
            for (n = 0; (is_there = adah_posting_next(view->segment->postings, &list[k], &record)) > 0;)
                n += (uint64_t)adah_index_is_alive(view, record);
        if (is_there < 0)
            return fail_damaged(view->segment, status);
        a->n_holding[a->form[k].word] += (double)n;
    }
    return ADAH_OK;
}

static int is_joining(char c) { return isalpha((unsigned char)c) || c == '_' || c == '-' || (unsigned char)c > 0x7f; }

/* Is it a number with a letter, a hyphen or an underscore beside it in the query, as in IMG_2041, DSC-17 or a4? */
static int is_number_of_name(const char *query, const char *word) {
    const size_t n = strlen(word);
    if (strspn(word, "0123456789") != n)
        return 0;
    for (const char *at = strstr(query, word); at; at = strstr(at + 1, word)) {
        const char before = at > query ? at[-1] : ' ', after = at[n];
        if (!isdigit((unsigned char)before) && !isdigit((unsigned char)after) && (is_joining(before) || is_joining(after)))
            return 1;
    }
    return 0;
}

/* The rarest word finds records, and so do others as long as they are few. */
static void choose_finding(asking *a) {
    const double n_all = (double)a->index->n_alive;
    double n_found = 0, n_rarest = INFINITY;
    for (;;) {
        size_t next = WHOLE; /* which needs no choice: who has it holds all words */
        for (size_t i = 0; i < WHOLE; i++)
            if (a->n_holding[i] > 0 && !(a->finding >> i & 1) && (next == WHOLE || a->n_holding[i] < a->n_holding[next]))
                next = i;
        const double n = a->n_holding[next];
        if (next == WHOLE || (a->finding && (n_found + n > FOUND_MAX || (COMMON * n > n_all && COMMON * n_rarest <= n_all))))
            return;
        n_rarest = a->finding ? n_rarest : n;
        n_found += n;
        a->finding |= (uint64_t)1 << next;
    }
}

static void weigh(asking *a) {
    for (size_t i = 0; i < FORMS_MAX; i++) {
        const double n = a->n_holding[i], n_all = (double)a->index->n_alive;
        a->hits->n_known += n > 0;
        if (n == 0 && !(i < a->n_words && is_number_of_name(a->query, a->word[i])))
            continue;
        a->weight[i] = (float)log(1 + fabs(n_all - n + 0.5) / (n + 0.5));
        a->all += i == WHOLE ? 0 : a->weight[i];
        a->known |= (uint64_t)1 << i;
    }
    choose_finding(a);
}

/* Keeps a record that holds these words. */
static adah_code keep(asking *a, uint64_t row, uint64_t words, adah_status *status) {
    const uint64_t whole = (uint64_t)1 << WHOLE, single = a->known & ~whole;
    adah_word_hits *hits = a->hits;
    const int has_all = (words & whole) || (words & single) == single;
    const float below_one = 0x1.fffffep-1F; /* what nearly all records hold tells less than rounding takes */
    float weight = 0;
    if (hits->n == hits->capacity && !adah_memory_grow((void **)&hits->hit, &hits->capacity, hits->n, sizeof *hits->hit))
        return adah_fail_memory(status, (hits->n + 1) * sizeof *hits->hit);
    for (uint64_t left = has_all ? 0 : words; left; left &= left - 1)
        weight += a->weight[__builtin_ctzll(left)];
    const float share = has_all ? 1 : weight / a->all;
    hits->hit[hits->n++] = (adah_word_hit){row, has_all || share < 1 ? share : below_one};
    return ADAH_OK;
}

/* Goes on to the next record of a list; UINT64_MAX: there is none. 0: damaged. */
static int go_on(const adah_postings *p, adah_posting *list, uint64_t *next) {
    const int is_there = adah_posting_next(p, list, next);
    if (!is_there)
        *next = UINT64_MAX;
    return is_there >= 0;
}

static adah_code collect(asking *a, const adah_segment_view *v, adah_posting *list, adah_status *status) {
    const adah_postings *p = v->segment->postings;
    const uint64_t wanted = a->finding | (uint64_t)1 << WHOLE; /* without one of these a record does not hold all words either */
    uint64_t next[FORMS_MAX], words[STRETCH];
    for (size_t k = 0; k < a->n_forms; k++)
        if (!go_on(p, &list[k], &next[k]))
            return fail_damaged(v->segment, status);
    for (;;) {
        uint64_t first = UINT64_MAX;
        for (size_t k = 0; k < a->n_forms; k++)
            first = next[k] < first ? next[k] : first;
        if (first == UINT64_MAX)
            return ADAH_OK;
        memset(words, 0, sizeof words);
        for (size_t k = 0; k < a->n_forms; k++)
            if (!adah_posting_mark(p, &list[k], &next[k], first, STRETCH, words, (uint64_t)1 << a->form[k].word))
                return fail_damaged(v->segment, status);
        for (size_t i = 0; i < STRETCH; i++)
            if ((words[i] & wanted) && adah_index_is_alive(v, first + i))
                ADAH_TRY(keep(a, v->segment->header.first_row + first + i, words[i], status));
    }
}

adah_code adah_word_search(const adah_index *x, const char *query, adah_word_hits *hits, adah_status *status) {
    asking *a = adah_memory_zeroed(1, sizeof *a);
    *hits = (adah_word_hits){.hit = NULL};
    if (!a)
        return adah_fail_memory(status, sizeof *a);
    a->index = x;
    a->query = query;
    a->hits = hits;
    adah_code code = each_segment(a, count, status);
    if (code == ADAH_OK)
        weigh(a);
    if (code == ADAH_OK && hits->n_known)
        code = each_segment(a, collect, status);
    for (size_t i = 0; i < a->n_words; i++)
        adah_memory_free(a->word[i]);
    adah_memory_free(a);
    if (code != ADAH_OK) {
        adah_memory_free(hits->hit);
        *hits = (adah_word_hits){.hit = NULL};
    }
    return code;
}
