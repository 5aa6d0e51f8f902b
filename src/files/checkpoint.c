/* checkpoint.c - the state of a training to and from a safetensors file. */
#include "files/checkpoint.h"
#include "base/memory.h"
#include "files/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FORMAT_NAME "adah-checkpoint"
#define FORMAT_VERSION "2" /* the first had none; its history was a text */

enum { N_KINDS = 4, NAME_BYTES = 160 };
static const char *const kind_name[N_KINDS] = {"value", "moment1", "moment2", "best"};

/* NULL: it is not trained, or it has none, as statistics have no moments. */
static float *array_of(const adah_checkpoint *c, size_t i, int kind) {
    const adah_parameter *p = c->parameters->item[i];
    if (!(p->group & c->groups))
        return NULL;
    float *const arrays[N_KINDS] = {p->value, p->moment1, p->moment2, c->best[i]};
    return arrays[kind];
}

/* A checksum of all tensors that does not depend on their order. */
static uint64_t add_to_sum(uint64_t sum, const char *name, const void *bytes, size_t n_bytes) {
    return sum ^ XXH3_64bits_withSeed(bytes, n_bytes, XXH3_64bits(name, strlen(name)));
}

adah_code adah_checkpoint_write(const char *path, const adah_checkpoint *c, adah_status *status) {
    const size_t n = c->parameters->n * N_KINDS + 2;
    adah_safetensors_item *items = adah_memory_zeroed(n, sizeof *items);
    char *names = adah_memory_zeroed(n, NAME_BYTES);
    char *config = adah_settings_json(c->config);
    adah_code code = ADAH_OK;
    if (!items || !names || !config)
        code = adah_fail_memory(status, n * NAME_BYTES);
    size_t n_items = 0;
    for (size_t i = 0; code == ADAH_OK && i < c->parameters->n; i++)
        for (int kind = 0; kind < N_KINDS; kind++) {
            const adah_parameter *p = c->parameters->item[i];
            if (!array_of(c, i, kind))
                continue;
            char *name = names + n_items * NAME_BYTES;
            snprintf(name, NAME_BYTES, "%s/%s", kind_name[kind], p->name);
            items[n_items++] = (adah_safetensors_item){name, "F32", p->shape, array_of(c, i, kind), p->n * sizeof(float)};
        }
    if (code == ADAH_OK) {
        items[n_items++] = (adah_safetensors_item){"place", "F64", ADAH_SHAPE1(c->n_place), c->place, c->n_place * sizeof(double)};
        if (c->n_history)
            items[n_items++] = (adah_safetensors_item){"history", "F64", ADAH_SHAPE1(c->n_history), c->history,
                                                       c->n_history * sizeof(double)};
        char fingerprint[32], sum_text[32];
        uint64_t sum = 0;
        for (size_t i = 0; i < n_items; i++)
            sum = add_to_sum(sum, items[i].name, items[i].data, items[i].n_bytes);
        snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)c->fingerprint);
        snprintf(sum_text, sizeof sum_text, "%016llx", (unsigned long long)sum);
        const char *const metadata[] = {"format", FORMAT_NAME, "version", FORMAT_VERSION, "config", config,
                                        "data", fingerprint, "sum", sum_text};
        code = adah_safetensors_write(path, items, n_items, metadata, 5, status);
    }
    adah_memory_free(items);
    adah_memory_free(names);
    adah_memory_free(config);
    return code;
}

static adah_code check_identity(const char *path, const adah_safetensors *file, const adah_checkpoint *c,
                                adah_status *status) {
    const char *format = adah_safetensors_metadata(file, "format");
    const char *config = adah_safetensors_metadata(file, "config");
    const char *data = adah_safetensors_metadata(file, "data");
    const char *version = adah_safetensors_metadata(file, "version");
    if (!format || strcmp(format, FORMAT_NAME) || !config || !data)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not an adah checkpoint", path);
    if (!version || strcmp(version, FORMAT_VERSION))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a checkpoint of another version of adah; finish the training with that version, "
                         "or train without --resume", path);
    adah_settings its;
    adah_status fault = {0};
    if (adah_settings_parse(config, &its, &fault) != ADAH_OK)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s", path, fault.message); /* a value out of range is the file's fault */
    const char *different = adah_settings_difference(&its, c->config);
    if (different)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: made with other options (%s differs); give the same options to resume, or "
                         "train without --resume", path, different);
    if (strtoull(data, NULL, 16) != c->fingerprint)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: made from other data; the data set has changed since", path);
    return ADAH_OK;
}

static adah_code check_sum(const char *path, const adah_safetensors *file, adah_status *status) {
    const char *said = adah_safetensors_metadata(file, "sum");
    uint64_t sum = 0;
    for (size_t i = 0; i < adah_safetensors_count(file); i++) {
        const adah_stored_tensor *t = adah_safetensors_at(file, i);
        sum = add_to_sum(sum, t->name, t->bytes, t->n_bytes);
    }
    ADAH_TRY(adah_file_check_map(adah_safetensors_map(file), ADAH_OK, status));
    if (!said || strtoull(said, NULL, 16) != sum)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its contents do not match its checksum; train without "
                         "--resume", path);
    return ADAH_OK;
}

static adah_code read_numbers(const char *path, const adah_safetensors *file, adah_checkpoint *c, adah_status *status) {
    const adah_stored_tensor *place = adah_safetensors_find(file, "place"), *history = adah_safetensors_find(file, "history");
    if (!place || place->n_bytes != c->n_place * sizeof(double))
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: it does not say where the training stands", path);
    const size_t n = history ? history->n_bytes / sizeof(double) : 0;
    double *copy = adah_memory_zeroed(n, sizeof *copy);
    if (!copy)
        return adah_fail_memory(status, n * sizeof *copy);
    memcpy(c->place, place->bytes, place->n_bytes);
    if (n)
        memcpy(copy, history->bytes, n * sizeof *copy);
    const adah_code code = adah_file_check_map(adah_safetensors_map(file), ADAH_OK, status);
    if (code != ADAH_OK) {
        adah_memory_free(copy);
        return code;
    }
    c->history = copy;
    c->n_history = n;
    return ADAH_OK;
}

adah_code adah_checkpoint_read(const char *path, adah_checkpoint *c, adah_status *status) {
    adah_safetensors *file;
    ADAH_TRY(adah_safetensors_open(path, &file, status));
    adah_code code = check_identity(path, file, c, status);
    if (code == ADAH_OK)
        code = check_sum(path, file, status);
    for (size_t i = 0; code == ADAH_OK && i < c->parameters->n; i++)
        for (int kind = 0; code == ADAH_OK && kind < N_KINDS; kind++) {
            adah_parameter *p = c->parameters->item[i];
            if (!array_of(c, i, kind))
                continue;
            char name[NAME_BYTES];
            snprintf(name, sizeof name, "%s/%s", kind_name[kind], p->name);
            code = adah_safetensors_read(file, name, p->shape, array_of(c, i, kind), status);
            p->version++;
        }
    if (code == ADAH_OK)
        code = read_numbers(path, file, c, status);
    adah_safetensors_close(file);
    return code;
}
