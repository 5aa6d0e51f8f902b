/* repeat.c - see repeat.h. A note in the index, by the key: checksum, status and answer, as text. */
#define XXH_INLINE_ALL
#include "repeat.h"
#include "failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { KEY_BYTES_MAX = 255, SUM_DIGITS = 32, HEAD_BYTES = SUM_DIGITS + 5 /* " 201 " */ };

int serve_repeat_begin(serve_request *r, const char *method) {
    const char *key = r->repeat_key;
    if (!key || r->repeat_sum[0])
        return 1;
    const size_t n = strlen(key);
    int is_good = n >= 1 && n <= KEY_BYTES_MAX;
    for (const char *p = key; *p; p++)
        is_good &= *p > ' ' && *p < 0x7f;
    if (!is_good)
        return serve_refuse(r, 400, "bad_value", "Idempotency-Key",
                            "Idempotency-Key is not 1 to %d letters, digits and signs", KEY_BYTES_MAX);
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, method, strlen(method) + 1);
    XXH3_128bits_update(&state, &r->item, sizeof r->item);
    if (r->claim.n_body_bytes)
        XXH3_128bits_update(&state, r->claim.body, r->claim.n_body_bytes);
    const XXH128_hash_t sum = XXH3_128bits_digest(&state);
    snprintf(r->repeat_sum, sizeof r->repeat_sum, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    return 1;
}

int serve_repeat_is_new(serve_request *r, const adah_index *index) {
    adah_status status;
    uint8_t *note = NULL;
    size_t n_bytes = 0;
    if (!r->repeat_key)
        return 1;
    if (adah_index_note(index, r->repeat_key, &note, &n_bytes, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    if (!note)
        return 1;
    const unsigned answered = n_bytes >= HEAD_BYTES ? (unsigned)strtoul((const char *)note + SUM_DIGITS, NULL, 10) : 0;
    if (answered < 200 || answered > 299) {
        serve_refuse(r, 422, "key_used", "Idempotency-Key", "another program has kept something else under this Idempotency-Key");
    } else if (memcmp(note, r->repeat_sum, SUM_DIGITS) != 0) {
        serve_refuse(r, 422, "key_used", "Idempotency-Key", "another request was made with this Idempotency-Key");
    } else {
        serve_text_free(&r->answer.text);
        serve_text_bytes(&r->answer.text, note + HEAD_BYTES, n_bytes - HEAD_BYTES);
        r->answer.status = answered;
    }
    adah_free(note);
    return 0;
}

adah_code serve_repeat_keep(const serve_request *r, unsigned answer_status, adah_index_writer *writer, adah_status *status) {
    serve_text note = {0};
    if (!r->repeat_key)
        return ADAH_OK;
    serve_text_format(&note, "%s %u ", r->repeat_sum, answer_status);
    serve_text_bytes(&note, r->answer.text.bytes, r->answer.text.n_bytes);
    adah_code code = ADAH_ERROR_MEMORY;
    if (!note.failed)
        code = adah_index_writer_note(writer, r->repeat_key, note.bytes, note.n_bytes, status);
    else
        *status = (adah_status){.code = ADAH_ERROR_MEMORY, .message = "out of memory"};
    serve_text_free(&note);
    return code;
}
