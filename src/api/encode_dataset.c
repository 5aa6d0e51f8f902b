/* encode_dataset.c - codes of a whole data set, or of one part of it. */
#include "api/encode_stream.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sized_options.h"
#include "base/reasons.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void adah_codes_free(adah_codes *c) {
    adah_memory_free(c->image);
    adah_memory_free(c->text);
    adah_memory_free(c->image_real);
    adah_memory_free(c->text_real);
    adah_memory_free(c->image_fine);
    adah_memory_free(c->text_fine);
    adah_memory_free(c->record);
    *c = (adah_codes){0};
}

/* One side of them. */
static int allocate_side(const adah_codes *c, size_t n_fine, int with_real, uint8_t **code, float **real, int8_t **fine) {
    *code = adah_memory_zeroed(c->n, c->n_bits / 8);
    *real = with_real ? adah_memory_floats(c->n * c->n_bits) : NULL;
    *fine = n_fine ? adah_memory_zeroed(c->n, n_fine) : NULL;
    return *code && (*real || !with_real) && (*fine || !n_fine);
}

adah_code adah_codes_allocate(adah_codes *c, unsigned sides, size_t n, size_t n_bits, const size_t n_fine[2], int with_real,
                              adah_status *status) {
    *c = (adah_codes){.n = n, .n_bits = n_bits};
    c->record = adah_memory_zeroed(n, sizeof *c->record);
    for (int m = 0; m < 2; m++)
        c->n_fine[m] = sides & 1u << m ? n_fine[m] : 0;
    if (c->record &&
        (!(sides & 1u << ADAH_IMAGE) || allocate_side(c, n_fine[ADAH_IMAGE], with_real, &c->image, &c->image_real, &c->image_fine)) &&
        (!(sides & 1u << ADAH_TEXT) || allocate_side(c, n_fine[ADAH_TEXT], with_real, &c->text, &c->text_real, &c->text_fine)))
        return ADAH_OK;
    adah_codes_free(c);
    return adah_fail_memory(status,
                            n * (n_bits / 8 * 2 + sizeof *c->record + (with_real ? 2 * n_bits * sizeof(float) : 0) + n_fine[0] + n_fine[1]));
}

adah_code adah_codes_check_sides(const adah_codes *c, const adah_dataset *dataset, adah_status *status) {
    if (c->image && c->text)
        return ADAH_OK;
    return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: there are codes of %s alone; an evaluation asks for those of %s, too", adah_dataset_folder(dataset),
                     c->image ? "images" : "texts", c->image ? "texts" : "images");
}

static uint64_t peak_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

void adah_encode_tell_profile(size_t n, size_t n_threads, double seconds, const adah_stage_times *t, adah_encode_profile *profile) {
    const double all = (double)n_threads * seconds, stages = t->read + t->decode + t->normalise + t->network;
    *profile = (adah_encode_profile){n, n_threads, seconds, t->read, t->decode, t->normalise, t->network,
                                     all > stages ? all - stages : 0, peak_bytes()};
}

/* The numbers of the records of one part; NULL with ADAH_OK: of all n. *n becomes how many there are. */
static adah_code list_shard(const adah_dataset *dataset, const adah_encode_options *o, size_t *n, size_t **record, adah_status *status) {
    *record = NULL;
    if (!o->n_shards && !o->shard)
        return ADAH_OK;
    if (o->shard < 1 || o->shard > o->n_shards)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "shard %zu of %zu, expected one from 1 to %zu", o->shard, o->n_shards, o->n_shards);
    const size_t size = *n / o->n_shards, n_longer = *n % o->n_shards, before = o->shard - 1;
    const size_t first = before * size + (before < n_longer ? before : n_longer), n_part = size + (before < n_longer);
    if (!n_part)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: shard %zu of %zu has none of the %zu records", adah_dataset_folder(dataset), o->shard,
                         o->n_shards, *n);
    *record = adah_memory_alloc(n_part * sizeof **record);
    if (!*record)
        return adah_fail_memory(status, n_part * sizeof **record);
    for (size_t i = 0; i < n_part; i++)
        (*record)[i] = first + i;
    *n = n_part;
    return ADAH_OK;
}

static adah_code encode_records(const adah_model *model, const adah_dataset *dataset, const adah_encode_options *o, const size_t *record, size_t n,
                                adah_progress progress, adah_codes *codes, adah_status *status) {
    const double start = adah_clock_seconds();
    adah_model_inputs inputs;
    adah_model view;
    ADAH_TRY(adah_model_with_precision(model, o->precision, &view, status));
    ADAH_TRY(adah_model_inputs_open(&view.state, view.vocabulary, view.text_encoder, dataset, o->cache_folder, o->strict, &inputs, status));
    adah_stage_times times = {0};
    size_t n_threads = 1;
    const adah_encode_source source = {.model = &view, .dataset = dataset, .inputs = &inputs, .record = record, .n_records = n};
    adah_code code = adah_encode_stream(&source, o->keep_real, progress, codes, &times, &n_threads, status);
    if (code == ADAH_OK && codes->n == 0) {
        code = adah_fail(status, ADAH_ERROR_IO, "%s: none of the %zu records has an image that can be read; the first: %.*s",
                         adah_dataset_folder(dataset), n, adah_reasons_first(codes->reasons), codes->reasons);
        adah_codes_free(codes);
    }
    if (code == ADAH_OK && o->profile)
        adah_encode_tell_profile(n, n_threads, adah_clock_seconds() - start, &times, o->profile);
    adah_model_inputs_close(&inputs);
    return code;
}

adah_code adah_encode_dataset(const adah_model *model, const adah_dataset *dataset, const adah_encode_options *options,
                              adah_progress progress, adah_codes *codes, adah_status *status) {
    adah_encode_options o;
    size_t *record;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODE, options, &o, status));
    size_t n = adah_dataset_count(dataset);
    ADAH_TRY(list_shard(dataset, &o, &n, &record, status));
    const adah_code code = encode_records(model, dataset, &o, record, n, progress, codes, status);
    adah_memory_free(record);
    return code;
}
