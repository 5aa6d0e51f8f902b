/* index_dataset.c - data sets into an index, and the model that an index belongs to. */
#include "api/index_item.h"
#include "api/model.h"
#include "base/file.h"
#include "base/memory.h"
#include "codes/distinct.h"
#include "index/index_builder.h"
#include "index/index_replaces.h"
#include "index/index_format.h"
#include "index/index_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void identity_bytes(const adah_model *model, uint8_t bytes[ADAH_MODEL_IDENTITY_BYTES]) {
    for (int i = 0; i < ADAH_MODEL_IDENTITY_BYTES; i++) {
        const char two[3] = {model->state.id[2 * i], model->state.id[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

/* In which it stems words. */
static const char *language_of(const adah_model *model) { 
    const adah_vocabulary *words = model->vocabulary ? model->vocabulary : model->splitter;
    return words ? adah_vocabulary_language(words) : "none";
}

adah_code adah_index_check_model(const adah_index *index, const adah_model *model, adah_status *status) {
    static const uint8_t unknown[ADAH_MODEL_IDENTITY_BYTES];
    uint8_t identity[ADAH_MODEL_IDENTITY_BYTES];
    identity_bytes(model, identity);
    if (memcmp(adah_index_model_identity(index), unknown, sizeof unknown) == 0)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "the codes of this index are of an unknown model, it can be searched by codes alone");
    if (memcmp(identity, adah_index_model_identity(index), sizeof identity) != 0)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this index was made by another model than %s", model->state.id);
    return ADAH_OK;
}

adah_code adah_index_writer_set_model(adah_index_writer *writer, const adah_model *model, adah_status *status) {
    ADAH_TRY(adah_index_check_model(adah_index_writer_state(writer), model, status));
    return adah_index_writer_set_language(writer, language_of(model), status);
}

adah_code adah_index_writer_create(const char *path, const adah_model *model, size_t n_bits, adah_index_writer **writer,
                                   adah_status *status) {
    uint8_t identity[ADAH_MODEL_IDENTITY_BYTES] = {0};
    adah_index_builder *builder;
    if (model) {
        identity_bytes(model, identity);
        if (n_bits && n_bits != (size_t)adah_model_bits(model))
            return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %zu bits, but the model's codes have %d", path, n_bits,
                             adah_model_bits(model));
        n_bits = (size_t)adah_model_bits(model);
    }
    ADAH_TRY(adah_index_builder_create(path, n_bits, identity, model ? language_of(model) : "", &builder, status));
    ADAH_TRY(adah_index_builder_publish(builder, 0, NULL, status));
    return adah_index_writer_open(path, writer, status);
}

static adah_code build(const adah_model *model, const adah_dataset *dataset, const adah_codes *codes, const char *path,
                       adah_status *status) {
    adah_index_builder *builder;
    const char **names = NULL;
    size_t capacity = 0;
    uint8_t identity[ADAH_MODEL_IDENTITY_BYTES];
    identity_bytes(model, identity);
    adah_code code = adah_index_builder_create(path, codes->n_bits, identity, language_of(model), &builder, status);
    if (code != ADAH_OK)
        return code;
    for (size_t i = 0; i < codes->n && code == ADAH_OK; i++) {
        adah_index_item item;
        code = adah_index_item_of(dataset, codes, i, &names, &capacity, &item, status);
        if (code == ADAH_OK)
            code = adah_index_builder_add(builder, &item, status);
    }
    adah_memory_free(names);
    if (code == ADAH_OK)
        return adah_index_builder_publish(builder, 0, NULL, status);
    adah_index_builder_abort(builder);
    return code;
}

/* All that follows from the codes alone; counts may be NULL. */
static adah_code count(const adah_codes *codes, adah_index_add_counts *counts, adah_status *status) {
    size_t n_distinct, n_most;
    if (!counts)
        return ADAH_OK;
    ADAH_TRY(adah_codes_count_distinct(codes->image, codes->n, codes->n_bits, &n_distinct, &n_most, status));
    *counts = (adah_index_add_counts){.n_unreadable = codes->n_skipped, .n_texts_unknown = codes->n_texts_unknown,
                                      .n_image_codes = n_distinct, .n_image_codes_most = n_most};
    memcpy(counts->reasons, codes->reasons, sizeof counts->reasons);
    return ADAH_OK;
}

adah_code adah_index_create(const adah_model *model, const adah_dataset *dataset, const char *index_path, int replace,
                            const adah_encode_options *options, adah_progress progress, adah_index_add_counts *counts,
                            adah_status *status) {
    adah_codes codes;
    ADAH_TRY(adah_file_check_place(index_path, ADAH_FILE_OF_ANY_KIND, status));
    if (!replace) /* before anything is encoded in vain, and when it is known how many could be */
        ADAH_TRY(adah_index_check_replaces(index_path, adah_dataset_count(dataset), status));
    ADAH_TRY(adah_encode_dataset(model, dataset, options, progress, &codes, status));
    adah_code code = replace ? ADAH_OK : adah_index_check_replaces(index_path, codes.n, status);
    if (code == ADAH_OK)
        code = count(&codes, counts, status);
    if (code == ADAH_OK)
        code = build(model, dataset, &codes, index_path, status);
    if (code == ADAH_OK && counts)
        counts->n_added = codes.n;
    adah_codes_free(&codes);
    return code;
}

/* File names of an index and the ids of their records. */
typedef struct name_map {
    adah_label_set names;
    uint64_t *id; /* by number of the name */
    size_t capacity;
} name_map;

static adah_code map_names(const adah_index *index, name_map *map, adah_status *status) {
    for (uint64_t row = 0; row < adah_index_rows(index); row++) {
        adah_index_entry e;
        uint32_t number;
        adah_status why;
        const adah_code code = adah_index_record(index, row, &e, &why);
        if (code == ADAH_ERROR_NOT_FOUND)
            continue; /* deleted */
        if (code != ADAH_OK)
            return adah_fail(status, code, "%s", why.message);
        const int is_named = e.file_name[0] != '\0';
        const int is_kept =
            !is_named || (adah_memory_grow((void **)&map->id, &map->capacity, map->names.n, sizeof *map->id) &&
                          adah_label_set_number(&map->names, e.file_name, strlen(e.file_name), &number));
        if (is_named && is_kept)
            map->id[number] = e.id;
        adah_index_entry_free(&e);
        if (!is_kept)
            return adah_fail_memory(status, (map->names.n + 1) * sizeof *map->id);
    }
    return ADAH_OK;
}

/* Of a failure after n of all records are durable. */
static adah_code tell_what_is_there(adah_code code, size_t n, size_t n_all, adah_status *status) {
    if (!n || !status)
        return code;
    const adah_status why = *status;
    adah_fail(status, code, "%.1900s; %zu of %zu records are in the index, and adding them again replaces them", why.message, n, n_all);
    status->system_error = why.system_error;
    return code;
}

static adah_code add_codes(adah_index_writer *writer, const adah_dataset *dataset, const adah_codes *codes, name_map *map,
                           uint64_t *n_added, uint64_t *n_replaced, adah_status *status) {
    enum { BATCH = 10000 };
    const char **names = NULL;
    size_t capacity = 0, n_durable = 0;
    adah_code code = map_names(adah_index_writer_state(writer), map, status);
    const size_t n_known = map->names.n;
    for (size_t i = 0; i < codes->n && code == ADAH_OK; i++) {
        adah_index_item item;
        uint32_t number;
        code = adah_index_item_of(dataset, codes, i, &names, &capacity, &item, status);
        if (code == ADAH_OK && !adah_label_set_number(&map->names, item.file_name, strlen(item.file_name), &number))
            code = adah_fail_memory(status, (map->names.n + 1) * sizeof(char *));
        if (code == ADAH_OK && number < n_known) {
            item.id = map->id[number];
            code = adah_index_writer_replace(writer, &item, status);
            (*n_replaced)++;
        } else if (code == ADAH_OK) {
            code = adah_index_writer_add(writer, &item, NULL, status);
            (*n_added)++;
        }
        if (code == ADAH_OK && ((i + 1) % BATCH == 0 || i + 1 == codes->n)) {
            code = adah_index_writer_commit(writer, status);
            n_durable = code == ADAH_OK ? i + 1 : n_durable;
        }
    }
    adah_memory_free(names);
    return code == ADAH_OK ? code : tell_what_is_there(code, n_durable, codes->n, status);
}

adah_code adah_index_add_dataset(const adah_model *model, const adah_dataset *dataset, const char *index_path,
                                 const adah_encode_options *options, adah_progress progress, adah_index_add_counts *counts,
                                 adah_status *status) {
    adah_index_writer *writer;
    adah_codes codes = {0};
    name_map map = {0};
    uint64_t n_added = 0, n_replaced = 0;
    ADAH_TRY(adah_index_writer_open(index_path, &writer, status)); /* first: nothing is encoded in vain */
    adah_code code = adah_index_writer_set_model(writer, model, status);
    if (code == ADAH_OK)
        code = adah_encode_dataset(model, dataset, options, progress, &codes, status);
    if (code == ADAH_OK)
        code = count(&codes, counts, status);
    if (code == ADAH_OK)
        code = add_codes(writer, dataset, &codes, &map, &n_added, &n_replaced, status);
    if (code == ADAH_OK && counts) {
        counts->n_added = n_added;
        counts->n_replaced = n_replaced;
    }
    adah_label_set_free(&map.names);
    adah_memory_free(map.id);
    adah_codes_free(&codes);
    adah_index_writer_close(writer);
    return code;
}
