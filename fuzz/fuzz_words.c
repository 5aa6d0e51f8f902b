/* fuzz_words.c - texts and vocabularies: the bytes as a text to make words of, and as the JSON of a vocabulary. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "data/vocabulary.h"
#include "fuzz_file.h"

#include <string.h>

static void look_up(const adah_vocabulary *vocabulary, const char *text) {
    uint32_t *ids;
    size_t n_ids, n_unknown;
    if (adah_vocabulary_lookup(vocabulary, text, &ids, &n_ids, &n_unknown, NULL) != ADAH_OK)
        return;
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] >= adah_vocabulary_size(vocabulary) || (i && ids[i] <= ids[i - 1]))
            abort();
    adah_memory_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const char *const languages[] = {"english", "none", "german", "turkish"};
    if (n_bytes < 1)
        return 0;
    char *text = adah_memory_text_n((const char *)bytes + 1, n_bytes - 1);
    if (!text)
        return 0;
    const adah_vocabulary_options options = {languages[bytes[0] & 3], 4096, 1, bytes[0] >> 2 & 1};
    const char *const texts[] = {text};
    adah_vocabulary *vocabulary, *again;
    if (adah_vocabulary_build(texts, 1, &options, &vocabulary, NULL) == ADAH_OK) {
        look_up(vocabulary, text);
        char *json = adah_vocabulary_json(vocabulary);
        if (!json || adah_vocabulary_parse(json, &again, NULL) != ADAH_OK)
            abort(); /* what was written can be read */
        adah_vocabulary_free(again);
        adah_memory_free(json);
        adah_vocabulary_free(vocabulary);
    }
    if (adah_vocabulary_parse(text, &vocabulary, NULL) == ADAH_OK) {
        look_up(vocabulary, "some words of a text");
        adah_vocabulary_free(vocabulary);
    }
    adah_memory_free(text);
    return 0;
}
