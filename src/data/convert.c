/* convert.c - data sets of the field as folders with metadata.jsonl.
 *
 * A reader of the format finds all records (published_set.h); here they get a split where they have none, and the folder
 * is written: link or pictures, vectors, and the metadata last, so that what is half-written is no data set. A format whose records are known
 * only when their pictures are made writes the folder itself. */
#include "base/file.h"
#include "base/memory.h"
#include "base/sized_options.h"
#include "data/published_set.h"

#include <stdio.h>
#include <string.h>

static const double default_query_share = 0.15;

/* Every format. To add one, write its reader in a file of its own, which ends with its row adah_published_NAME, and add NAME here. */
#define FORMATS(FORMAT) FORMAT(openclipart) FORMAT(mirflickr) FORMAT(nus_wide) FORMAT(iapr) FORMAT(mat) FORMAT(coco)
#define DECLARE(name) extern const adah_published_format adah_published_##name;
FORMATS(DECLARE)
#define ENTRY(name) &adah_published_##name,
static const adah_published_format *const formats[] = {FORMATS(ENTRY)};
enum { N_FORMATS = sizeof formats / sizeof *formats };

const char *adah_convert_format(size_t i, const char **source) {
    if (i >= N_FORMATS)
        return NULL;
    if (source)
        *source = formats[i]->source;
    return formats[i]->name;
}

/* ---------------------------------------------------------------- split */

/* Marks n_chosen of n, seeded. */
static adah_code draw(size_t n, size_t n_chosen, uint64_t seed, uint8_t *is_chosen, adah_status *status) {
    return adah_dataset_draw_queries(n, (double)n_chosen / (double)n, seed, is_chosen, status);
}

static double share_of(const adah_convert_options *o) { return o->query_share > 0 ? o->query_share : default_query_share; }

static adah_code draw_split(adah_published_set *set, const adah_convert_options *o, uint8_t *is_chosen,
                            adah_status *status) {
    const size_t n = set->n_records;
    ADAH_TRY(o->n_queries ? draw(n, o->n_queries, o->seed, is_chosen, status)
                          : adah_dataset_draw_queries(n, share_of(o), o->seed, is_chosen, status));
    for (size_t i = 0; i < n; i++)
        set->record[i].split = is_chosen[i] ? ADAH_SPLIT_QUERY : ADAH_SPLIT_TRAIN;
    return ADAH_OK;
}

/* Leaves n_train of the training records; the others are database alone. */
static adah_code thin_training(adah_published_set *set, const adah_convert_options *o, uint8_t *is_chosen,
                               adah_status *status) {
    size_t n = 0, k = 0;
    for (size_t i = 0; i < set->n_records; i++)
        n += set->record[i].split == ADAH_SPLIT_TRAIN;
    if (o->n_train > n)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu training records wanted, there are %zu", o->n_train, n);
    if (o->n_train == 0 || o->n_train == n)
        return ADAH_OK;
    ADAH_TRY(draw(n, o->n_train, o->seed, is_chosen, status));
    for (size_t i = 0; i < set->n_records; i++)
        if (set->record[i].split == ADAH_SPLIT_TRAIN && !is_chosen[k++])
            set->record[i].split = ADAH_SPLIT_DATABASE;
    return ADAH_OK;
}

static adah_code split(adah_published_set *set, const adah_convert_options *o, adah_status *status) {
    if (o->n_queries >= set->n_records)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu queries wanted, there are %zu records", o->n_queries,
                         set->n_records);
    uint8_t *is_chosen = adah_memory_zeroed(set->n_records, 1);
    if (!is_chosen)
        return adah_fail_memory(status, set->n_records);
    adah_code code = ADAH_OK;
    if (!set->has_split || o->n_queries || o->query_share > 0)
        code = draw_split(set, o, is_chosen, status);
    if (code == ADAH_OK)
        code = thin_training(set, o, is_chosen, status);
    adah_memory_free(is_chosen);
    return code;
}

/* ---------------------------------------------------------------- folder */

static adah_code describe(const adah_published_set *set, adah_dataset_writer *to, size_t i, size_t *n_missing,
                          adah_status *status) {
    const adah_record *record = &set->record[i];
    const char **label = adah_memory_zeroed(record->n_labels, sizeof *label);
    if (!label)
        return adah_fail_memory(status, record->n_labels * sizeof *label);
    for (size_t k = 0; k < record->n_labels; k++)
        label[k] = set->labels.text[record->label[k]];
    const adah_written_record described = {.file_name = record->file_name,
                                           .text = record->text,
                                           .n_texts = record->n_texts,
                                           .label = label,
                                           .n_labels = record->n_labels,
                                           .split = record->split};
    adah_code code = adah_dataset_writer_put_record(to, &described, status);
    adah_memory_free(label);
    const int is_there = adah_dataset_writer_has(to, record->file_name);
    *n_missing += is_there == 0;
    return is_there < 0 ? adah_fail_memory(status, strlen(record->file_name)) : code;
}

static adah_code fill(const adah_published_set *set, adah_dataset_writer *to, adah_progress progress, size_t *n_missing,
                      adah_status *status) {
    static const char *const name[] = {[ADAH_IMAGE] = "image.npy", [ADAH_TEXT] = "text.npy"};
    if (set->pictures)
        ADAH_TRY(adah_dataset_writer_link(to, "images", set->pictures, status));
    if (set->write_pictures)
        ADAH_TRY(set->write_pictures(set->reader, to, progress, status));
    for (int side = 0; side < 2; side++)
        if (set->vector[side])
            ADAH_TRY(adah_dataset_writer_put_vectors(to, name[side], set->vector[side], set->n_records,
                                                    set->n_columns[side], status));
    for (size_t i = 0; i < set->n_records; i++) {
        if (i % 4096 == 0)
            ADAH_TRY(adah_published_report(progress, "writing metadata", i, set->n_records, status));
        ADAH_TRY(describe(set, to, i, n_missing, status));
    }
    return ADAH_OK;
}

static adah_code publish(const adah_published_set *set, const char *folder, adah_progress progress, size_t *n_missing,
                         adah_status *status) {
    static const char *const with_pictures[] = {"images", NULL}, *const without[] = {NULL};
    adah_dataset_writer *to;
    ADAH_TRY(adah_dataset_writer_create(folder, set->write_pictures ? with_pictures : without, &to, status));
    adah_code code = fill(set, to, progress, n_missing, status);
    if (code == ADAH_OK)
        return adah_dataset_writer_commit(to, status);
    adah_dataset_writer_abort(to);
    return code;
}

/* ---------------------------------------------------------------- all of it */

/* A folder that is not there, or the wrong one, must not end in a data set without a picture. */
static adah_code check_pictures(const adah_published_set *set, int may_lack_pictures, adah_status *status) {
    static const char prefix[] = "images/";
    if (set->write_pictures || set->vector[ADAH_IMAGE] || (may_lack_pictures && !set->pictures))
        return ADAH_OK;
    const char *first = set->record[0].file_name;
    for (size_t i = 0; i < set->n_records && set->pictures; i++) {
        const char *name = set->record[i].file_name;
        char *path = adah_file_join(set->pictures, strncmp(name, prefix, strlen(prefix)) ? name : name + strlen(prefix));
        const int is_there = path ? adah_file_exists(path) : -1;
        adah_memory_free(path);
        if (is_there)
            return is_there < 0 ? adah_fail_memory(status, strlen(name)) : ADAH_OK;
    }
    return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: none of the %zu pictures is there, the first would be \"%s\" (--images names their folder, "
                     "--without-pictures does without them)", set->pictures ? set->pictures : "no folder of pictures", set->n_records,
                     strncmp(first, prefix, strlen(prefix)) ? first : first + strlen(prefix));
}

static adah_code convert(const adah_published_format *format, const adah_published_source *source, const char *folder, adah_published_set *set,
                         adah_convert_result *result, adah_status *status) {
    if (format->write)
        return format->write(source, folder, result, status);
    ADAH_TRY(format->read(source, set, status));
    if (set->n_records == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: none of the %zu records has a label and a text",
                         source->path[0], set->n_left_out);
    if (!source->options->without_pictures)
        ADAH_TRY(check_pictures(set, format->may_lack_pictures, status));
    ADAH_TRY(split(set, source->options, status));
    *result = (adah_convert_result){.n_records = set->n_records,
                                    .n_labels = set->labels.n,
                                    .n_left_out = set->n_left_out,
                                    .n_image_values = set->n_columns[ADAH_IMAGE],
                                    .n_text_values = set->n_columns[ADAH_TEXT]};
    return publish(set, folder, source->progress, &result->n_missing, status);
}

static adah_code fail_unknown(const char *format, adah_status *status) {
    char names[256] = "";
    size_t n = 0;
    for (size_t k = 0; k < N_FORMATS; k++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", k == 0 ? "" : k + 1 < N_FORMATS ? ", " : " or ", formats[k]->name);
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "format \"%s\": expected %s", format, names);
}

adah_code adah_convert(const char *format, const char *const *source, size_t n_sources, const char *folder,
                       const adah_convert_options *options, adah_progress progress, adah_convert_result *result,
                       adah_status *status) {
    adah_convert_options full;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_CONVERT, options, &full, status));
    options = &full;
    if (!format || !source || !folder || n_sources < 1)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adah_convert: format, source and folder must not be NULL");
    size_t k = 0;
    while (k < N_FORMATS && strcmp(formats[k]->name, format) != 0)
        k++;
    if (k == N_FORMATS)
        return fail_unknown(format, status);
    if (n_sources > formats[k]->n_sources_max)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu sources, expected at most %zu of format %s", n_sources,
                         formats[k]->n_sources_max, format);
    if (!(options->query_share >= 0 && options->query_share < 1))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "query share %g, expected at least 0 and less than 1",
                         options->query_share);
    if (options->n_concepts < 1)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "0 concepts, expected at least 1");
    if (formats[k]->write)
        full.query_share = share_of(&full);
    const adah_published_source from = {source, n_sources, options, progress};
    adah_published_set set = {0};
    adah_convert_result done;
    const adah_code code = convert(formats[k], &from, folder, &set, &done, status);
    adah_published_set_free(&set);
    if (code == ADAH_OK && result)
        *result = done;
    return code;
}
