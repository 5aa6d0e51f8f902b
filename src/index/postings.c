/* postings.c - see postings.h.
 *
 * Words lie in blocks of 16 in the order of their bytes. Of a word only what differs from the one before in its block is stored, so that
 * names like img_2041, img_2042 cost little; its records follow, as steps from each to the next. Numbers are of 7 bits a byte, the lowest
 * first. A word is found by its block, by bisection, and then by going through that. */
#include "index/postings.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_WORDS = 16, NUMBER_BYTES_MAX = 10 };

typedef struct head {
    uint64_t n_words, n_data;
    char language[ADAH_LANGUAGE_BYTES];
} head;
_Static_assert(sizeof(head) == 48, "no padding");

/* ---------------------------------------------------------------- reading */

static uint8_t read_byte(const uint8_t *at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }

/* 0: it has no end. */
static int read_number(const uint8_t **at, const uint8_t *end, uint64_t *number) {
    uint64_t sum = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        const uint8_t byte = read_byte((*at)++);
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *number = sum;
            return 1;
        }
    }
    return 0;
}

adah_code adah_postings_view(const uint8_t *bytes, uint64_t n_bytes, uint64_t n_records, adah_postings *postings, adah_status *status) {
    head h;
    if (n_bytes < sizeof h)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%llu bytes", (unsigned long long)n_bytes);
    memcpy(&h, bytes, sizeof h);
    const uint64_t n_blocks = h.n_words / BLOCK_WORDS + (h.n_words % BLOCK_WORDS != 0);
    const uint64_t n_rest = n_bytes - sizeof h;
    if (n_blocks > n_rest / sizeof(uint64_t) || n_rest - n_blocks * sizeof(uint64_t) != h.n_data || h.language[ADAH_LANGUAGE_BYTES - 1])
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%llu words in %llu bytes", (unsigned long long)h.n_words,
                         (unsigned long long)n_bytes);
    *postings = (adah_postings){.n_words = h.n_words, .n_blocks = n_blocks, .n_records = n_records, .n_data = h.n_data};
    memcpy(postings->language, h.language, sizeof h.language);
    postings->starts = (const uint64_t *)(const void *)(bytes + sizeof h);
    postings->data = bytes + sizeof h + n_blocks * sizeof(uint64_t);
    return ADAH_OK;
}

/* Goes from word to word in a block. */
typedef struct walk {
    const uint8_t *at, *end;
    unsigned n_left;
    size_t n_word;
    char word[ADAH_WORD_BYTES_MAX];
} walk;

/* 0: damaged. */
static int begin_block(const adah_postings *p, uint64_t block, walk *w) {
    const uint64_t start = __atomic_load_n(&p->starts[block], __ATOMIC_RELAXED);
    const uint64_t n_before = block * BLOCK_WORDS, n = p->n_words - n_before;
    w->at = p->data + (start <= p->n_data ? start : 0);
    w->end = p->data + p->n_data;
    w->n_left = n < BLOCK_WORDS ? (unsigned)n : BLOCK_WORDS;
    w->n_word = 0;
    return start <= p->n_data;
}

/* The next word and its records. 0: damaged. */
static int next_word(walk *w, adah_posting *posting) {
    uint64_t n_shared, n_own, n, n_bytes;
    if (!read_number(&w->at, w->end, &n_shared) || !read_number(&w->at, w->end, &n_own) || n_shared > w->n_word ||
        n_own > ADAH_WORD_BYTES_MAX - n_shared || n_own > (uint64_t)(w->end - w->at))
        return 0;
    for (size_t i = 0; i < n_own; i++)
        w->word[n_shared + i] = (char)read_byte(w->at + i);
    w->n_word = (size_t)(n_shared + n_own);
    w->at += n_own;
    if (!read_number(&w->at, w->end, &n) || !read_number(&w->at, w->end, &n_bytes) || n_bytes > (uint64_t)(w->end - w->at) || n > n_bytes)
        return 0;
    *posting = (adah_posting){n, n, 0, w->at, w->at + n_bytes};
    w->at += n_bytes;
    w->n_left--;
    return 1;
}

static int compare(const walk *w, const char *word, size_t n_word) {
    const size_t n = w->n_word < n_word ? w->n_word : n_word;
    const int order = memcmp(w->word, word, n);
    return order ? order : (w->n_word > n_word) - (w->n_word < n_word);
}

int adah_postings_find(const adah_postings *p, const char *word, size_t n_word, adah_posting *posting) {
    walk w;
    adah_posting here;
    uint64_t low = 0, high = p->n_blocks; /* the word lies in block `low` if anywhere */
    if (!high)
        return 0;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (!begin_block(p, middle, &w) || !next_word(&w, &here))
            return -1;
        if (compare(&w, word, n_word) <= 0)
            low = middle;
        else
            high = middle;
    }
    if (!begin_block(p, low, &w))
        return -1;
    while (w.n_left) {
        if (!next_word(&w, &here))
            return -1;
        const int order = compare(&w, word, n_word);
        if (order == 0)
            *posting = here;
        if (order >= 0)
            return order == 0;
    }
    return 0;
}

int adah_posting_next(const adah_postings *p, adah_posting *posting, uint64_t *record) {
    uint64_t step;
    if (!posting->n_left)
        return 0;
    if (!read_number(&posting->at, posting->end, &step) || step >= p->n_records - posting->next)
        return -1;
    *record = posting->next + step;
    posting->next = *record + 1;
    posting->n_left--;
    return 1;
}

int adah_posting_mark(const adah_postings *p, adah_posting *posting, uint64_t *next, uint64_t first, size_t n, uint64_t *words,
                      uint64_t bit) {
    uint64_t record = *next, n_left = posting->n_left;
    const uint8_t *at = posting->at, *const end = posting->end;
    while (record - first < n) {
        uint64_t step;
        words[record - first] |= bit;
        if (n_left == 0) {
            record = UINT64_MAX;
            break;
        }
        if (at < end && (step = read_byte(at)) <= 0x7f) /* most are */
            at++;
        else if (!read_number(&at, end, &step))
            return 0;
        if (step >= p->n_records - (record + 1))
            return 0;
        record += 1 + step;
        n_left--;
    }
    posting->n_left = n_left;
    posting->at = at;
    *next = record;
    posting->next = record + 1;
    return 1;
}

adah_code adah_postings_verify(const adah_postings *p, adah_status *status) {
    walk w;
    char before[ADAH_WORD_BYTES_MAX];
    size_t n_before = 0;
    const uint8_t *at = p->data;
    for (uint64_t block = 0; block < p->n_blocks; block++) {
        if (!begin_block(p, block, &w) || w.at != at)
            return adah_fail(status, ADAH_ERROR_CORRUPT, "block %llu begins elsewhere", (unsigned long long)block);
        while (w.n_left) {
            adah_posting posting;
            uint64_t record;
            int is_there = -1;
            if (next_word(&w, &posting) && posting.n && (at == p->data || compare(&w, before, n_before) > 0))
                while ((is_there = adah_posting_next(p, &posting, &record)) > 0)
                    ;
            if (is_there < 0 || posting.at != posting.end)
                return adah_fail(status, ADAH_ERROR_CORRUPT, "a word of block %llu is not whole, or out of order", (unsigned long long)block);
            memcpy(before, w.word, w.n_word);
            n_before = w.n_word;
            at = w.at;
        }
    }
    for (size_t i = 0, is_over = 0; i < sizeof p->language; i++) {
        is_over |= !p->language[i];
        if (is_over && p->language[i])
            return adah_fail(status, ADAH_ERROR_CORRUPT, "bytes behind the name of the language");
    }
    return at == p->data + p->n_data ? ADAH_OK : adah_fail(status, ADAH_ERROR_CORRUPT, "bytes behind the last word");
}

/* ---------------------------------------------------------------- building */

/* What is known of a word's records, and where they go. */
typedef struct list {
    const char *word;
    uint64_t next; /* the least record that may come */
    uint64_t n;
    size_t n_bytes, at; /* of the steps, in all of them */
} list;

static size_t number_bytes(uint64_t number) {
    size_t n = 1;
    for (; number > 0x7f; number >>= 7)
        n++;
    return n;
}

static size_t put_number(uint8_t *at, uint64_t number) {
    size_t n = 0;
    for (; number > 0x7f; number >>= 7)
        at[n++] = (uint8_t)(number | 0x80);
    at[n++] = (uint8_t)number;
    return n;
}

static int by_word(const void *a, const void *b) {
    const list *x = *(const list *const *)a, *y = *(const list *const *)b;
    return strcmp(x->word, y->word);
}

/* Counts the bytes of every word's steps, or, with `steps`, writes them. */
static void each_record(list *lists, const uint32_t *records, size_t n, uint8_t *steps) {
    uint64_t record = 0;
    for (size_t i = 0; i < n; i += 1 + records[i], record++)
        for (size_t k = 1; k <= records[i]; k++) {
            list *l = &lists[records[i + k]];
            const uint64_t step = record - l->next;
            if (steps)
                l->at += put_number(steps + l->at, step);
            else
                l->n_bytes += number_bytes(step);
            l->n += !steps;
            l->next = record + 1;
        }
}

/* The words in their order with their records, behind head and starts. Returns the end. */
static uint8_t *put_words(const list *const *sorted, size_t n_words, const uint8_t *steps, uint64_t *starts, uint8_t *data) {
    uint8_t *at = data;
    for (size_t i = 0; i < n_words; i++) {
        const list *l = sorted[i];
        const size_t n_word = strlen(l->word);
        size_t n_shared = 0;
        if (i % BLOCK_WORDS == 0)
            starts[i / BLOCK_WORDS] = (uint64_t)(at - data);
        else
            while (n_shared < n_word && l->word[n_shared] == sorted[i - 1]->word[n_shared])
                n_shared++;
        at += put_number(at, n_shared);
        at += put_number(at, n_word - n_shared);
        memcpy(at, l->word + n_shared, n_word - n_shared);
        at += n_word - n_shared;
        at += put_number(at, l->n);
        at += put_number(at, l->n_bytes);
        memcpy(at, steps + l->at - l->n_bytes, l->n_bytes);
        at += l->n_bytes;
    }
    return at;
}

adah_code adah_postings_build(const char *language, const char *const *word, size_t n_words, const uint32_t *records, size_t n,
                              uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    list *lists = adah_memory_zeroed(n_words + 1, sizeof *lists);
    const list **sorted = adah_memory_zeroed(n_words + 1, sizeof *sorted);
    const size_t n_starts = n_words / BLOCK_WORDS + (n_words % BLOCK_WORDS != 0);
    size_t n_room = sizeof(head) + n_starts * sizeof(uint64_t), n_steps = 0;
    uint8_t *steps = NULL, *out = NULL;
    if (lists && sorted) {
        each_record(lists, records, n, NULL);
        for (size_t i = 0; i < n_words; i++) {
            lists[i].word = word[i];
            lists[i].next = 0;
            lists[i].at = n_steps;
            n_steps += lists[i].n_bytes;
            n_room += strlen(word[i]) + 4 * NUMBER_BYTES_MAX;
            sorted[i] = &lists[i];
        }
        steps = adah_memory_alloc(n_steps);
        out = adah_memory_zeroed(n_room + n_steps, 1);
    }
    if (out && steps) {
        head h = {.n_words = n_words};
        memcpy(h.language, language, strlen(language));
        each_record(lists, records, n, steps);
        if (n_words > 1)
            qsort(sorted, n_words, sizeof *sorted, by_word);
        uint8_t *data = out + sizeof h + n_starts * sizeof(uint64_t);
        const uint8_t *end = put_words(sorted, n_words, steps, (uint64_t *)(void *)(out + sizeof h), data);
        h.n_data = (uint64_t)(end - data);
        memcpy(out, &h, sizeof h);
        *bytes = out;
        *n_bytes = (size_t)(end - out);
    }
    adah_memory_free(lists);
    adah_memory_free(sorted);
    const int is_done = out && steps;
    if (!is_done)
        adah_memory_free(out);
    adah_memory_free(steps);
    return is_done ? ADAH_OK : adah_fail_memory(status, n_room + n_steps);
}
