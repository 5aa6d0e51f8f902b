/* fuzz_index.c - collection files: opened, searched, every record shown, verified, written to. Checksums are made
 * right first, so that what lies behind them is reached, and the marks made to fit, unless the header's number after
 * the model is not zero. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "../tests/index_bytes.h"
#include "base/file.h"
#include "fuzz_file.h" /* LLVMFuzzerTestOneInput */

#include <stddef.h>

static volatile size_t n_seen;

static int accept_odd(void *context, const adah_index_entry *entry) {
    (void)context;
    return (int)(entry->id & 1);
}

static void search(const adah_index *index, adah_modality to, const adah_search_options *options) {
    static const uint8_t query[2 * ADAH_BITS_MAX / 8] = {1, 2, 3};
    adah_search_result results[2];
    if (adah_index_search(index, to, query, 2, options, results, NULL) != ADAH_OK)
        return;
    for (int i = 0; i < 2; i++) {
        n_seen += results[i].n_hits;
        adah_search_result_free(&results[i]);
    }
}

static void look_at(const adah_index *index) {
    static const uint64_t only[] = {0, 2, 7};
    static const int8_t fine[2 * ADAH_FINE_MAX] = {-128, 1, 2};
    for (int i = 0; i < 12; i++) {
        adah_search_options o;
        adah_search_options_init(&o);
        o.method = (adah_search_method)(i / 2 % 3);
        o.exclude = 1;
        o.only = i >= 10 ? only : NULL;
        o.n_only = i >= 10 ? sizeof only / sizeof *only : 0;
        o.accept = i >= 6 && i < 10 ? accept_odd : NULL;
        o.cut_off = i % 3 == 0;
        o.fine_of = i % 8 < 4 ? ADAH_IMAGE : ADAH_TEXT;
        o.n_fine = adah_index_fine(index, o.fine_of);
        o.fine = i % 4 < 2 && o.n_fine ? fine : NULL;
        o.n_candidates = (size_t)(5 * (i % 3));
        search(index, (adah_modality)(i % 2), &o);
    }
    for (uint64_t row = 0; row < adah_index_rows(index) && row < 1000; row++) {
        adah_index_entry entry;
        uint64_t found;
        if (adah_index_record(index, row, &entry, NULL) != ADAH_OK)
            continue;
        n_seen += strlen(entry.file_name) + strlen(entry.text) + (size_t)adah_index_find(index, entry.id, &found);
        for (size_t k = 0; k < entry.n_labels; k++) {
            const char *name = adah_index_label_name(index, entry.label[k]);
            n_seen += name ? strlen(name) : 0;
        }
        for (size_t k = 0; k < adah_index_bits(index) / 8; k++)
            n_seen += (entry.image_code ? entry.image_code[k] : 0U) + (entry.text_code ? entry.text_code[k] : 0U);
        for (size_t k = 0; entry.image_fine && k < adah_index_fine(index, ADAH_IMAGE); k++)
            n_seen += (size_t)entry.image_fine[k];
        for (size_t k = 0; entry.text_fine && k < adah_index_fine(index, ADAH_TEXT); k++)
            n_seen += (size_t)entry.text_fine[k];
        adah_index_entry_free(&entry);
    }
    char *json = NULL;
    if (adah_index_stats(index, &json, NULL) == ADAH_OK)
        n_seen += strlen(json);
    adah_free(json);
}

/* A file with a name and a folder of its own, for the writer; gone when the program ends. */
static char folder[64], path[80];

static void remove_folder(void) {
    unlink(path);
    rmdir(folder);
}

static void put_file(const uint8_t *bytes, size_t n_bytes) {
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/adah-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(folder) || atexit(remove_folder) != 0)
            abort();
        snprintf(path, sizeof path, "%s/index", folder);
    }
    if (adah_file_publish(path, bytes, n_bytes, NULL) != ADAH_OK)
        abort();
}

/* Deletes, replaces and adds; then all anew. */
static void write_on(void) {
    static const uint8_t code[ADAH_BITS_MAX / 8];
    static const char *const label[] = {"new", "label 1"};
    static const int8_t fine[8] = {1};
    adah_index_item item = {.id = 2, .text = "text", .label = label, .n_labels = 2, .text_code = code};
    adah_index_writer *w = NULL;
    if (adah_index_writer_open(path, &w, NULL) != ADAH_OK)
        return;
    adah_index_writer_delete(w, 0, NULL);
    adah_index_writer_replace(w, &item, NULL);
    item.id = ADAH_NO_ID;
    item.text_fine = fine;
    item.n_text_fine = sizeof fine;
    adah_index_writer_add(w, &item, NULL, NULL);
    if (adah_index_writer_commit(w, NULL) == ADAH_OK)
        look_at(adah_index_writer_state(w));
    if (adah_index_writer_compact(w, (adah_progress){NULL, NULL}, NULL) == ADAH_OK)
        look_at(adah_index_writer_state(w));
    adah_index_writer_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    uint8_t *copy = malloc(n_bytes + 1);
    if (!copy)
        return 0;
    memcpy(copy, bytes, n_bytes);
    const int fit_marks = n_bytes > offsetof(adah_index_header, zero) && copy[offsetof(adah_index_header, zero)] == 0;
    index_mend(copy, n_bytes, INDEX_MEND_SECTIONS | (fit_marks ? INDEX_MEND_MARKS | INDEX_MEND_NUMBERS : 0));
    put_file(copy, n_bytes);
    free(copy);
    adah_index *index;
    if (adah_index_open(path, &index, NULL) == ADAH_OK) {
        look_at(index);
        adah_index_close(index);
    }
    adah_index_verify(path, NULL);
    write_on();
    return 0;
}
