/* text_folder.h - for tests: a text encoder of backbones/text_encoders with its tokenizer beside it, as a folder that could be published. */
#ifndef ADAH_TESTS_TEXT_FOLDER_H
#define ADAH_TESTS_TEXT_FOLDER_H

#include <jansson.h>

#include "data_folder.h"

#define TEXT_ENCODERS ADAH_SOURCE_DIR "/tests/backbones/text_encoders"

static inline void text_folder_copy(const char *from, const char *name, const char *to, const char *as) {
    size_t n;
    char *bytes = data_folder_read(from, name, &n);
    data_folder_write(to, as, bytes, n);
    free(bytes);
}

/* Copies encoder `name` to the folder `to`, which is there. Returns what the reference makes of texts: {"tokenizer", "texts": [{"text",
 * "vector"}]}; to json_decref. */
static inline json_t *text_folder_create(const char *name, const char *to) {
    char from[512], tokenizer[64];
    size_t n;
    snprintf(from, sizeof from, TEXT_ENCODERS "/%s", name);
    char *text = data_folder_read(from, "golden.json", &n);
    json_t *golden = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(golden);
    snprintf(tokenizer, sizeof tokenizer, "%s.json", json_string_value(json_object_get(golden, "tokenizer")));
    text_folder_copy(ADAH_SOURCE_DIR "/tests/text/tokenizers", tokenizer, to, "tokenizer.json");
    static const char *const files[] = {"config.json", "model.safetensors", "modules.json", "1_Pooling/config.json",
                                        "config_sentence_transformers.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", from, files[i]);
        if (access(path, R_OK) == 0)
            text_folder_copy(from, files[i], to, files[i]);
    }
    return golden;
}

#endif
