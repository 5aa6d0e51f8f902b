/* fuzz_tokenizer.c - a tokenizer.json up to the first zero byte, and a text behind it: the numbers are the tokenizer's, and no more than
 * there is room for. */
#define _GNU_SOURCE
#include "fuzz_file.h"
#include "text/tokenizer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    char *json = malloc(n_bytes + 1);
    if (!json)
        return 0;
    memcpy(json, bytes, n_bytes);
    json[n_bytes] = '\0';
    const size_t n_json = strlen(json), n_text = n_json < n_bytes ? n_bytes - n_json - 1 : 0;
    adah_tokenizer *t;
    if (adah_tokenizer_parse(json, "fuzz", &t, NULL) == ADAH_OK) {
        uint32_t token[256];
        size_t n;
        if (adah_tokenizer_encode(t, json + n_bytes - n_text, n_text, 256, token, &n, NULL) == ADAH_OK) {
            FUZZ_MUST(n <= 256);
            for (size_t i = 0; i < n; i++)
                FUZZ_MUST(token[i] < adah_tokenizer_size(t));
        }
        adah_tokenizer_free(t);
    }
    free(json);
    return 0;
}
