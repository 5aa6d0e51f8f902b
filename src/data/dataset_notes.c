/* dataset_notes.c - what a person should know of how metadata were understood, and which messages tell it. */
#include "base/memory.h"
#include "data/dataset_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NOTED_KEYS_MAX = 12 };

static void add_names(adah_text *notes, const adah_string_table *names) {
    for (size_t i = 0; i < names->n; i++)
        adah_text_add(notes, "%s\"%s\"", i ? ", " : "", names->text[i]);
    if (names->n == NOTED_KEYS_MAX)
        adah_text_add(notes, " and others");
}

/* With the keys that are there instead of those that should be. */
adah_code adah_dataset_fail_all_bad(const adah_dataset *dataset, adah_status *status) {
    adah_text keys = {0};
    if (dataset->taken[ADAH_N_KEYS].n) {
        adah_text_add(&keys, "; keys passed over: ");
        add_names(&keys, &dataset->taken[ADAH_N_KEYS]);
    }
    adah_fail(status, ADAH_ERROR_FORMAT, "%s (and none of the %zu records is good%s)", dataset->skipped.text[0], dataset->skipped.n,
              keys.n_bytes && !keys.failed ? keys.bytes : "");
    adah_text_free(&keys);
    return ADAH_ERROR_FORMAT;
}
const adah_chosen_keys *adah_dataset_chosen_keys(const adah_dataset *dataset) {
    return dataset->finder ? &dataset->found : &dataset->chosen;
}

void adah_dataset_leave_out(const adah_dataset *dataset, const char *message) {
    if (dataset->left_out)
        dataset->left_out(dataset->left_out_context, message);
}

void adah_dataset_leave_out_file(const adah_dataset *dataset, const char *name, const char *why) {
    char message[sizeof((adah_status *)NULL)->message];
    if (!dataset->left_out)
        return;
    snprintf(message, sizeof message, "%s/%s: %s", dataset->folder, name, why);
    adah_dataset_leave_out(dataset, message);
}

adah_code adah_dataset_note_key(adah_dataset *dataset, int key, const char *name, size_t n_bytes, adah_status *status) {
    adah_string_table *names = &dataset->taken[key];
    if (names->n == NOTED_KEYS_MAX || n_bytes > ADAH_SHOWN_BYTES)
        return ADAH_OK;
    return adah_string_table_add(names, name, n_bytes) == ADAH_STRING_NONE ? adah_fail_memory(status, n_bytes + 1) : ADAH_OK;
}

adah_code adah_dataset_note(adah_dataset *dataset, adah_status *status, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *p = line; (p = strchr(p, '\n'));)
        *p = ' ';
    adah_text_add(&dataset->notes, "%s%s", dataset->notes.n_bytes ? "\n" : "", line);
    return dataset->notes.failed ? adah_fail_memory(status, sizeof line) : ADAH_OK;
}

/* Ends one note of several pieces. */
adah_code adah_dataset_note_names(adah_dataset *dataset, const char *before, const adah_string_table *names, adah_status *status) {
    adah_text list = {0};
    add_names(&list, names);
    const adah_code code = list.failed ? adah_fail_memory(status, 256)
                                       : adah_dataset_note(dataset, status, "%s%s", before, names->n ? list.bytes : "");
    adah_text_free(&list);
    return code;
}

/* Validation asks where no other split does. */
adah_code adah_dataset_place_validation(adah_dataset *dataset, adah_status *status) {
    if (dataset->n_named[ADAH_SPLIT_VALIDATION] == 0)
        return ADAH_OK;
    const adah_split split = dataset->n_named[ADAH_SPLIT_QUERY] ? ADAH_SPLIT_DATABASE : ADAH_SPLIT_QUERY;
    for (size_t i = 0; i < dataset->n_records; i++)
        if (dataset->record[i].split == (adah_split)ADAH_SPLIT_VALIDATION)
            dataset->record[i].split = split;
    return adah_dataset_note_names(dataset, split == ADAH_SPLIT_QUERY ? "taken for the split \"query\": " : "taken for the split \"database\", since others ask: ",
                      &dataset->validation_names, status);
}

adah_code adah_dataset_make_notes(adah_dataset *dataset, adah_status *status) {
    size_t n_texts = 0;
    char before[128];
    const adah_string_table *passed_over = &dataset->taken[ADAH_N_KEYS];
    for (size_t i = 0; i < dataset->n_records; i++)
        n_texts += dataset->record[i].n_texts;
    for (int k = 0; k < ADAH_N_KEYS; k++)
        if (dataset->taken[k].n) {
            snprintf(before, sizeof before, "taken for \"%s\": ", adah_key_name((adah_key)k));
            ADAH_TRY(adah_dataset_note_names(dataset, before, &dataset->taken[k], status));
        }
    if (dataset->is_of_rows)
        ADAH_TRY(adah_dataset_note(dataset, status,
                                   "there are no metadata: the records are the rows of image.npy, and have their numbers for file names"));
    if (!dataset->is_of_rows && (n_texts == 0 || (dataset->labels.n == 0 && passed_over->n))) {
        snprintf(before, sizeof before, "no record has %s%s", n_texts ? "\"labels\"" : dataset->labels.n ? "a \"text\"" : "a \"text\" or \"labels\"",
                 passed_over->n ? "; keys passed over: " : "");
        ADAH_TRY(adah_dataset_note_names(dataset, before, passed_over, status));
    }
    if (dataset->bad_date.failed || dataset->bad_place.failed)
        return adah_fail_memory(status, ADAH_SHOWN_BYTES);
    if (dataset->n_bad_dates)
        ADAH_TRY(adah_dataset_note(dataset, status, "dates that are not understood (expected as 2019, 2019-06 or 2019-06-01T18:30:00): %zu; the first: %s",
                                   dataset->n_bad_dates, dataset->bad_date.bytes));
    if (dataset->n_bad_places)
        ADAH_TRY(adah_dataset_note(dataset, status, "places that are not understood (expected latitude -90 to 90, longitude -180 to 180): %zu; the first: %s",
                                   dataset->n_bad_places, dataset->bad_place.bytes));
    if (dataset->n_repeated)
        ADAH_TRY(adah_dataset_note(dataset, status, "%zu lines name a file again; their texts and labels were added to its record",
                                   dataset->n_repeated));
    return ADAH_OK;
}

/* A key that the user chose is somewhere. */
adah_code adah_dataset_check_chosen(const adah_dataset *dataset, adah_status *status) {
    size_t n_texts = 0;
    for (size_t i = 0; i < dataset->n_records; i++)
        n_texts += dataset->record[i].n_texts;
    const adah_chosen_keys *c = &dataset->chosen;
    const char *missing = c->n_text && n_texts == 0 ? c->text[0] : c->n_label && dataset->labels.n == 0 ? c->label[0] : NULL;
    if (!missing)
        return ADAH_OK;
    adah_text keys = {0};
    add_names(&keys, &dataset->taken[ADAH_N_KEYS]);
    adah_fail(status, ADAH_ERROR_FORMAT, "%s: no record has anything under the chosen key \"%.*s\"; keys passed over: %s", dataset->path, ADAH_SHOWN_BYTES, missing,
              keys.n_bytes ? keys.bytes : "none");
    adah_text_free(&keys);
    return ADAH_ERROR_FORMAT;
}
