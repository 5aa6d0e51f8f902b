/* index.c - search in a collection: the scan of a modality's codes, positions turned into records. */
#include "base/memory.h"
#include "codes/codes.h"
#include "index/index_file.h"

adah_code adah_index_search(const adah_index *index, adah_modality to, const uint8_t *code, size_t k,
                            adah_search_hit *hits, size_t *n_hits, adah_status *status) {
    if (to != ADAH_IMAGE && to != ADAH_TEXT)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "modality %d: expected image (0) or text (1)", (int)to);
    size_t n_codes, n_found = 0;
    const uint8_t *codes = adah_index_codes(index, to, &n_codes);
    if (!codes && adah_index_count(index))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "the index holds no codes of %s",
                         to == ADAH_IMAGE ? "images" : "texts");
    if (k > n_codes)
        k = n_codes;
    adah_hit *found = adah_memory_resize(NULL, k, sizeof *found);
    if (!found)
        return adah_fail_memory(status, k * sizeof *found);
    adah_code result = adah_hamming_nearest(code, codes, n_codes, adah_index_bits(index), k, found, &n_found, status);
    for (size_t i = 0; result == ADAH_OK && i < n_found; i++)
        result = adah_index_record_of(index, to, (size_t)found[i].position, &found[i].position, status);
    if (result == ADAH_OK) {
        for (size_t i = 0; i < n_found; i++)
            hits[i] = (adah_search_hit){found[i].position, found[i].distance};
        *n_hits = n_found;
    }
    adah_memory_free(found);
    return result;
}
