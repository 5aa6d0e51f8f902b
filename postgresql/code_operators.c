/* code_operators.c - what compares two codes: the distance, and the order and hash by which codes are grouped, joined and sorted. */
#include "code.h"

#include "common/hashfn.h"

void adah_pg_refuse_lengths(uint32 n_bytes, uint32 other) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("codes of %u and %u bits have no distance", n_bytes * 8, other * 8)));
}

void adah_pg_distances(const uint8_t *query, const uint8_t *codes, size_t n, uint32 n_bytes, uint16_t *distance) {
    adah_status status;
    if (adah_hamming_pairs(query, 1, codes, n, (size_t)n_bytes * 8, distance, &status) != ADAH_OK)
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("%s", status.message)));
}

PG_FUNCTION_INFO_V1(hamming_code_distance);
Datum hamming_code_distance(PG_FUNCTION_ARGS) {
    const code_view a = code_of(PG_GETARG_DATUM(0)), b = code_of(PG_GETARG_DATUM(1));
    uint16_t distance;
    if (a.n_bytes != b.n_bytes)
        adah_pg_refuse_lengths(a.n_bytes, b.n_bytes);
    adah_pg_distances(a.bytes, b.bytes, 1, a.n_bytes, &distance);
    PG_RETURN_INT32(distance);
}

PG_FUNCTION_INFO_V1(hamming_code_bits);
Datum hamming_code_bits(PG_FUNCTION_ARGS) { PG_RETURN_INT32((int32)code_of(PG_GETARG_DATUM(0)).n_bytes * 8); }

/* By the bytes; of two codes of which one begins the other, the shorter comes first. */
static int compare(FunctionCallInfo fcinfo) {
    const code_view a = code_of(PG_GETARG_DATUM(0)), b = code_of(PG_GETARG_DATUM(1));
    int order = memcmp(a.bytes, b.bytes, Min(a.n_bytes, b.n_bytes));
    if (order == 0)
        order = (a.n_bytes > b.n_bytes) - (a.n_bytes < b.n_bytes);
    code_release(a, PG_GETARG_DATUM(0));
    code_release(b, PG_GETARG_DATUM(1));
    return order;
}

#define COMPARISON(name, test) \
    PG_FUNCTION_INFO_V1(name); \
    Datum name(PG_FUNCTION_ARGS) { PG_RETURN_BOOL(compare(fcinfo) test 0); }
COMPARISON(hamming_code_eq, ==)
COMPARISON(hamming_code_ne, !=)
COMPARISON(hamming_code_lt, <)
COMPARISON(hamming_code_le, <=)
COMPARISON(hamming_code_gt, >)
COMPARISON(hamming_code_ge, >=)

PG_FUNCTION_INFO_V1(hamming_code_cmp);
Datum hamming_code_cmp(PG_FUNCTION_ARGS) {
    const int order = compare(fcinfo);
    PG_RETURN_INT32((order > 0) - (order < 0));
}

PG_FUNCTION_INFO_V1(hamming_code_hash);
Datum hamming_code_hash(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    const uint32 hash = hash_bytes(code.bytes, (int)code.n_bytes);
    code_release(code, PG_GETARG_DATUM(0));
    PG_RETURN_UINT32(hash);
}

PG_FUNCTION_INFO_V1(hamming_code_hash_extended);
Datum hamming_code_hash_extended(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    const uint64 hash = hash_bytes_extended(code.bytes, (int)code.n_bytes, (uint64)PG_GETARG_INT64(1));
    code_release(code, PG_GETARG_DATUM(0));
    PG_RETURN_INT64((int64)hash);
}
