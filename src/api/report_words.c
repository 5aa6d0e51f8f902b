/* report_words.c - the stems of the query are numbered, and each record is the set of those that it has. */
#include "api/report_words.h"
#include "base/memory.h"
#include "data/string_table.h"
#include "index/index_words.h"

#include <string.h>

enum { WORDS_MAX = 32 };

typedef struct finding {
    adah_string_table stems; /* of the query */
    uint32_t has;            /* of the record at work: a bit for each stem */
} finding;

static int add_stem(void *context, const char *word, size_t n_word, const char *stem, size_t n_stem) {
    finding *f = context;
    (void)word;
    (void)n_word;
    return f->stems.n == WORDS_MAX || adah_string_table_add(&f->stems, stem, n_stem) != ADAH_STRING_NONE;
}

static int find_stem(void *context, const char *word, size_t n_word, const char *stem, size_t n_stem) {
    finding *f = context;
    const uint32_t at = adah_string_table_find(&f->stems, stem, n_stem);
    (void)word;
    (void)n_word;
    f->has |= at == ADAH_STRING_NONE ? 0 : 1u << at;
    return 1;
}

static adah_code find_in_record(finding *f, adah_word_reader *reader, const adah_dataset *dataset, size_t record, adah_status *status) {
    const adah_record *r = adah_dataset_record(dataset, record);
    f->has = 0;
    ADAH_TRY(adah_word_reader_read(reader, ADAH_WORDS_OF_TEXT, r->text, find_stem, f, status));
    for (size_t i = 0; i < r->n_labels; i++)
        ADAH_TRY(adah_word_reader_read(reader, ADAH_WORDS_OF_LABEL, adah_dataset_label_name(dataset, r->label[i]), find_stem, f, status));
    return ADAH_OK;
}

adah_code adah_report_find_words(const adah_dataset *dataset, const size_t *record, size_t n, const char *language, const char *query, uint8_t *held,
                                 adah_status *status) {
    finding f = {0};
    adah_word_reader *reader = NULL;
    uint32_t wanted = 0;
    uint32_t *has = adah_memory_zeroed(n, sizeof *has);
    adah_code code = has ? adah_word_reader_create(language, &reader, status) : adah_fail_memory(status, n * sizeof *has);
    if (code == ADAH_OK)
        code = adah_word_reader_read(reader, ADAH_WORDS_OF_TEXT, query, add_stem, &f, status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        code = find_in_record(&f, reader, dataset, record[i], status);
        has[i] = f.has;
        wanted |= f.has;
    }
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        held[i] = wanted && has[i] == wanted;
    adah_word_reader_close(reader);
    adah_string_table_free(&f.stems);
    adah_memory_free(has);
    return code;
}
