/* rewritten_model.h - a model file again with one value of its metadata changed, with or without the identity that belongs to it. */
#ifndef ADAH_TEST_REWRITTEN_MODEL_H
#define ADAH_TEST_REWRITTEN_MODEL_H

#include "files/safetensors.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static const char *const rewritten_model_keys[] = {"format", "version", "id", "config", "image", "text", "vocabulary", "training"};
enum { REWRITTEN_MODEL_KEYS = 8, REWRITTEN_MODEL_TENSORS = 32 };

/* The identity as the page on formats tells it. */
static inline void rewritten_model_identity(const adah_safetensors *file, const char *config, char id[33]) {
    XXH3_state_t *hash = XXH3_createState();
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, config, strlen(config));
    for (int i = 4; i < 7; i++) { /* image and text with the zero at their ends, vocabulary without */
        const char *value = adah_safetensors_metadata(file, rewritten_model_keys[i]);
        XXH3_128bits_update(hash, value, strlen(value) + (i < 6));
    }
    for (size_t i = 0; i < adah_safetensors_count(file); i++) {
        const adah_stored_tensor *t = adah_safetensors_at(file, i);
        XXH3_128bits_update(hash, t->name, strlen(t->name));
        XXH3_128bits_update(hash, t->bytes, t->n_bytes);
    }
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    snprintf(id, 33, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    XXH3_freeState(hash);
}

/* value NULL: without it. id: of a rewritten configuration, gets the identity that is written; NULL: the old one stays. */
static inline void rewritten_model(const char *from, const char *to, const char *key, const char *value, char id[33]) {
    const char *metadata[2 * REWRITTEN_MODEL_KEYS];
    adah_safetensors_item items[REWRITTEN_MODEL_TENSORS];
    adah_safetensors *file;
    size_t n = 0, n_known = 0;
    assert_int_equal(adah_safetensors_open(from, &file, NULL), ADAH_OK);
    if (id)
        rewritten_model_identity(file, value, id);
    for (size_t i = 0; i < REWRITTEN_MODEL_KEYS; i++) {
        const char *name = rewritten_model_keys[i], *now = adah_safetensors_metadata(file, name);
        assert_non_null(now);
        now = !strcmp(name, key) ? value : id && !strcmp(name, "id") ? id : now;
        n_known += !strcmp(name, key);
        if (now) {
            metadata[2 * n] = name;
            metadata[2 * n++ + 1] = now;
        }
    }
    assert_int_equal(n_known, 1);
    const size_t n_items = adah_safetensors_count(file);
    assert_true(n_items <= REWRITTEN_MODEL_TENSORS);
    for (size_t i = 0; i < n_items; i++) {
        const adah_stored_tensor *t = adah_safetensors_at(file, i);
        items[i] = (adah_safetensors_item){t->name, t->type, {t->n_dims, {0}}, t->bytes, t->n_bytes};
        memcpy(items[i].shape.dim, t->dim, (size_t)t->n_dims * sizeof *t->dim);
    }
    assert_int_equal(adah_safetensors_write(to, items, n_items, metadata, n, NULL), ADAH_OK);
    adah_safetensors_close(file);
}

#endif
