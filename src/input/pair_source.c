/* pair_source.c - looks up words, collects labels. */
#include "input/pair_source.h"
#include "base/memory.h"

#include <string.h>

/* Lists of numbers, one after another, with where each starts. */
typedef struct lists {
    uint32_t *item;
    size_t *start;
    size_t n, n_items, capacity;
} lists;

static adah_code lists_create(lists *l, size_t n, adah_status *status) {
    *l = (lists){NULL, adah_memory_zeroed(n + 1, sizeof(size_t)), 0, 0, 0};
    return l->start ? ADAH_OK : adah_fail_memory(status, (n + 1) * sizeof(size_t));
}

static void lists_free(lists *l) {
    adah_memory_free(l->item);
    adah_memory_free(l->start);
}

/* Adds to the list being made; lists_next ends it. */
static adah_code lists_put(lists *l, uint32_t value, adah_status *status) {
    if (!adah_memory_grow((void **)&l->item, &l->capacity, l->n_items, sizeof *l->item))
        return adah_fail_memory(status, l->capacity * 2 * sizeof *l->item);
    l->item[l->n_items++] = value;
    return ADAH_OK;
}

static void lists_next(lists *l) { l->start[++l->n] = l->n_items; }

/* The words of each record's text; only those with keep[word] when keep is given. */
static adah_code look_up_words(const adah_dataset *dataset, const adah_vocabulary *vocabulary, const uint8_t *keep,
                               lists *out, adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    adah_code code = lists_create(out, n, status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        uint32_t *ids = NULL;
        size_t n_ids = 0;
        code = adah_vocabulary_lookup(vocabulary, adah_dataset_record(dataset, i)->text, &ids, &n_ids, NULL, status);
        for (size_t k = 0; k < n_ids && code == ADAH_OK; k++)
            if (!keep || keep[ids[k]])
                code = lists_put(out, ids[k], status);
        lists_next(out);
        adah_memory_free(ids);
    }
    if (code != ADAH_OK) {
        lists_free(out);
        *out = (lists){0};
    }
    return code;
}

/* One of the lines of a record's text. */
static adah_code look_up_line(const adah_vocabulary *vocabulary, const char *line, size_t n_bytes, lists *out, adah_status *status) {
    uint32_t *ids = NULL;
    size_t n_ids = 0;
    char *text = adah_memory_resize(NULL, n_bytes + 1, 1);
    if (!text)
        return adah_fail_memory(status, n_bytes + 1);
    memcpy(text, line, n_bytes);
    text[n_bytes] = '\0';
    adah_code code = adah_vocabulary_lookup(vocabulary, text, &ids, &n_ids, NULL, status);
    for (size_t k = 0; k < n_ids && code == ADAH_OK; k++)
        code = lists_put(out, ids[k], status);
    lists_next(out);
    adah_memory_free(ids);
    adah_memory_free(text);
    return code;
}

/* The words of each text of each record that has several; records of one text have none here, that text is their word list. */
static adah_code look_up_texts(const adah_dataset *dataset, const adah_vocabulary *vocabulary, adah_pair_source *s, adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    size_t n_texts = 0;
    int several = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t n_own = adah_dataset_record(dataset, i)->n_texts;
        several |= n_own > 1;
        n_texts += n_own > 1 ? n_own : 0;
    }
    if (!several)
        return ADAH_OK;
    lists texts;
    ADAH_TRY(lists_create(&texts, n_texts, status));
    s->text_first = adah_memory_zeroed(n + 1, sizeof *s->text_first);
    adah_code code = s->text_first ? ADAH_OK : adah_fail_memory(status, (n + 1) * sizeof *s->text_first);
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        for (const char *line = r->text; r->n_texts > 1 && *line && code == ADAH_OK;) {
            const size_t width = strcspn(line, "\n");
            code = look_up_line(vocabulary, line, width, &texts, status);
            line += width + (line[width] == '\n');
        }
        s->text_first[i + 1] = texts.n;
    }
    s->set.text_first = s->text_first;
    s->set.text_word = s->text_word = texts.item;
    s->set.text_start = s->text_start = texts.start;
    return code;
}

static adah_code informative_words(const adah_dataset *dataset, const adah_vocabulary *vocabulary, lists *out,
                                   adah_status *status) {
    const size_t n = adah_vocabulary_size(vocabulary);
    const double most = ADAH_INFORMATIVE_SHARE_MAX * (double)adah_vocabulary_texts(vocabulary);
    uint8_t *keep = adah_memory_zeroed(n, 1);
    if (!keep)
        return adah_fail_memory(status, n);
    for (size_t i = 0; i < n; i++) {
        const uint32_t texts = adah_vocabulary_documents(vocabulary, i);
        keep[i] = texts >= ADAH_INFORMATIVE_TEXTS_MIN && texts <= most && !adah_vocabulary_is_pair(vocabulary, i);
    }
    const adah_code code = look_up_words(dataset, vocabulary, keep, out, status);
    adah_memory_free(keep);
    return code;
}

static adah_code own_labels(const adah_dataset *dataset, int pairs, lists *out, adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    adah_code code = lists_create(out, n, status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        if (pairs)
            code = lists_put(out, (uint32_t)i, status);
        for (size_t k = 0; !pairs && k < r->n_labels && code == ADAH_OK; k++)
            code = lists_put(out, r->label[k], status);
        lists_next(out);
    }
    if (code != ADAH_OK) {
        lists_free(out);
        *out = (lists){0};
    }
    return code;
}

adah_code adah_similarity_labels(const adah_dataset *dataset, adah_similarity similarity, const adah_vocabulary *vocabulary,
                                 uint32_t **label, size_t **start, size_t *n_labels, adah_status *status) {
    lists l;
    const int words = similarity == ADAH_SIMILARITY_WORDS, pairs = similarity == ADAH_SIMILARITY_PAIRS;
    if (words)
        ADAH_TRY(informative_words(dataset, vocabulary, &l, status));
    else
        ADAH_TRY(own_labels(dataset, pairs, &l, status));
    *label = l.item;
    *start = l.start;
    *n_labels = words   ? adah_vocabulary_size(vocabulary)
                : pairs ? adah_dataset_count(dataset)
                        : adah_dataset_label_count(dataset);
    return ADAH_OK;
}

static void set_images(adah_pair_set *set, const adah_feature_arrays *arrays, const adah_image_store *store) {
    if (arrays && arrays->image.input.kind != ADAH_INPUT_NONE) {
        set->image = arrays->image.input;
        set->image_float = arrays->image.rows;
        set->image_file = adah_feature_array_map(&arrays->image);
    } else if (store) {
        set->image = (adah_input_shape){store->input, store->item};
        set->image_float = store->rows;
        set->image_rgb = store->rgb;
        set->image_file = store->map;
        set->has_image = store->has_image;
    }
}

static adah_code set_texts(adah_pair_source *s, const adah_dataset *dataset, const adah_feature_arrays *arrays,
                           const adah_vocabulary *vocabulary, adah_status *status) {
    if (arrays && arrays->text.input.kind != ADAH_INPUT_NONE) {
        s->set.text = arrays->text.input;
        s->set.text_float = arrays->text.rows;
        s->set.text_file = adah_feature_array_map(&arrays->text);
    } else if (vocabulary) {
        lists words;
        ADAH_TRY(look_up_words(dataset, vocabulary, NULL, &words, status));
        s->set.word = s->word = words.item;
        s->set.word_start = s->word_start = words.start;
        s->set.text = adah_input_words(adah_vocabulary_size(vocabulary));
        return look_up_texts(dataset, vocabulary, s, status);
    }
    return ADAH_OK;
}

adah_code adah_pair_source_create(const adah_dataset *dataset, const adah_feature_arrays *arrays,
                                  const adah_image_store *store, const adah_vocabulary *vocabulary, adah_similarity similarity,
                                  adah_pair_source *source, adah_status *status) {
    adah_pair_source s = {0};
    adah_code code = set_texts(&s, dataset, arrays, vocabulary, status);
    if (code == ADAH_OK)
        code = adah_similarity_labels(dataset, similarity, vocabulary, &s.label, &s.label_start, &s.set.n_labels, status);
    if (code != ADAH_OK) {
        adah_pair_source_free(&s);
        return code;
    }
    s.set.n = adah_dataset_count(dataset);
    s.set.label = s.label;
    s.set.label_start = s.label_start;
    set_images(&s.set, arrays, store);
    *source = s;
    return ADAH_OK;
}

void adah_pair_source_free(adah_pair_source *s) {
    adah_memory_free(s->word);
    adah_memory_free(s->label);
    adah_memory_free(s->word_start);
    adah_memory_free(s->label_start);
    adah_memory_free(s->text_word);
    adah_memory_free(s->text_start);
    adah_memory_free(s->text_first);
    *s = (adah_pair_source){0};
}
