/* code.h - the type hamming_code in C: a varlena of the code's bytes and nothing else.
 *
 * Bit i of a code is bit (i & 7) of byte (i >> 3), as everywhere in adah. A code has a multiple of 8 from ADAH_BITS_MIN to ADAH_BITS_MAX bits. */
#ifndef ADAH_PG_CODE_H
#define ADAH_PG_CODE_H

#include "postgres.h"

#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include <adah/codes.h>

/* A code inside a Datum. */
typedef struct code_view {
    struct varlena *value; /* the datum itself, or a copy that was unpacked */
    const uint8_t *bytes;
    uint32 n_bytes;
} code_view;

static inline code_view code_of(Datum datum) {
    struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);
    return (code_view){value, (const uint8_t *)VARDATA_ANY(value), (uint32)VARSIZE_ANY_EXHDR(value)};
}

/* Index methods and sorting must leave nothing behind. */
static inline void code_release(code_view code, Datum datum) {
    if ((Pointer)code.value != DatumGetPointer(datum))
        pfree(code.value);
}

/* A new code; bytes NULL: to be filled in. An error where the length is none that codes have. */
struct varlena *adah_pg_code_make(const uint8_t *bytes, uint32 n_bytes);
/* Hexadecimal digits to bytes; an error that names the text where it is none. */
struct varlena *adah_pg_code_parse(const char *text, size_t n);
void adah_pg_code_print(const uint8_t *bytes, uint32 n_bytes, char *text); /* 2 * n_bytes digits and a NUL */

/* The distances of one query to n codes that lie one after another. */
void adah_pg_distances(const uint8_t *query, const uint8_t *codes, size_t n, uint32 n_bytes, uint16_t *distance);
__attribute__((noreturn)) void adah_pg_refuse_lengths(uint32 n_bytes, uint32 other);

/* The codes within a radius of a centre: the right side of @~. */
typedef struct code_ball {
    int32 vl_len_;
    int32 radius;
    uint8_t centre[FLEXIBLE_ARRAY_MEMBER];
} code_ball;
static inline uint32 code_ball_bytes(const code_ball *ball) { return VARSIZE(ball) - (uint32)offsetof(code_ball, centre); }
static inline const code_ball *code_ball_of(Datum datum) { return (const code_ball *)PG_DETOAST_DATUM(datum); }

#endif
