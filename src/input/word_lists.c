/* word_lists.c - every text through the vocabulary, in the order of the records. */
#include "input/word_lists.h"
#include "base/memory.h"

#include <string.h>

/* Adds the words of a text as one list. */
static adah_code add_text(const adah_vocabulary *vocabulary, const char *text, const uint8_t *keep, adah_lists *out,
                          adah_status *status) {
    uint32_t *words;
    size_t n_words, n = 0;
    ADAH_TRY(adah_vocabulary_lookup(vocabulary, text, &words, &n_words, NULL, status));
    for (size_t i = 0; i < n_words; i++)
        if (!keep || keep[words[i]])
            words[n++] = words[i];
    const adah_code code = adah_lists_add(out, words, n, status);
    adah_memory_free(words);
    return code;
}

adah_code adah_words_look_up(const adah_dataset *dataset, const adah_vocabulary *vocabulary, const uint8_t *keep, adah_lists *out,
                             adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    ADAH_TRY(adah_lists_create(out, n, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        code = add_text(vocabulary, adah_dataset_record(dataset, i)->text, keep, out, status);
    if (code != ADAH_OK)
        adah_lists_free(out);
    return code;
}

/* A line of a record's text is one of its texts. */
static adah_code add_line(const adah_vocabulary *vocabulary, const char *line, size_t n_bytes, adah_lists *out, adah_status *status) {
    char *text = adah_memory_alloc(n_bytes + 1);
    if (!text)
        return adah_fail_memory(status, n_bytes + 1);
    memcpy(text, line, n_bytes);
    text[n_bytes] = '\0';
    const adah_code code = add_text(vocabulary, text, NULL, out, status);
    adah_memory_free(text);
    return code;
}

/* The words of each text of each record that has several. */
static adah_code look_up_texts(const adah_dataset *dataset, const adah_vocabulary *vocabulary, adah_word_lists *w, adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    size_t n_texts = 0;
    for (size_t i = 0; i < n; i++)
        n_texts += adah_dataset_record(dataset, i)->n_texts > 1 ? adah_dataset_record(dataset, i)->n_texts : 0;
    if (!n_texts)
        return ADAH_OK;
    w->first = adah_memory_zeroed(n + 1, sizeof *w->first);
    if (!w->first)
        return adah_fail_memory(status, (n + 1) * sizeof *w->first);
    ADAH_TRY(adah_lists_create(&w->text, n_texts, status));
    for (size_t i = 0; i < n; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        for (const char *line = r->text; r->n_texts > 1 && *line;) {
            const size_t width = strcspn(line, "\n");
            ADAH_TRY(add_line(vocabulary, line, width, &w->text, status));
            line += width + (line[width] == '\n');
        }
        w->first[i + 1] = w->text.n;
    }
    return ADAH_OK;
}

adah_code adah_word_lists_create(const adah_dataset *dataset, const adah_vocabulary *vocabulary, adah_word_lists *words,
                                 adah_status *status) {
    adah_word_lists w = {0};
    adah_code code = adah_words_look_up(dataset, vocabulary, NULL, &w.item, status);
    if (code == ADAH_OK)
        code = look_up_texts(dataset, vocabulary, &w, status);
    if (code != ADAH_OK)
        adah_word_lists_free(&w);
    else
        *words = w;
    return code;
}

void adah_word_lists_free(adah_word_lists *w) {
    adah_lists_free(&w->item);
    adah_lists_free(&w->text);
    adah_memory_free(w->first);
    w->first = NULL;
}
