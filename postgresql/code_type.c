/* code_type.c - the type hamming_code: text, binary and length, and casts from and to bytea and bit(n).
 *
 * It is a type of its own because bit(n) stores bit 0 at the other end of each byte and four bytes of length beside, so that codes of a program would
 * have to be turned around bit by bit, and because a length that does not fit is an error here and not cut off. */
#include "code.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/varbit.h"

PG_MODULE_MAGIC;

void _PG_init(void);

/* A backend must have no other threads: signals of PostgreSQL would run in them. */
void _PG_init(void) { adah_set_threads(1); }

static bool is_length(uint32 n_bits) { return n_bits >= ADAH_BITS_MIN && n_bits <= ADAH_BITS_MAX && n_bits % 8 == 0; }

struct varlena *adah_pg_code_make(const uint8_t *bytes, uint32 n_bytes) {
    if (n_bytes > ADAH_BITS_MAX / 8 || !is_length(n_bytes * 8))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("a code has 1 to %d bytes, not %u", ADAH_BITS_MAX / 8, n_bytes)));
    struct varlena *code = palloc0(VARHDRSZ + n_bytes);
    SET_VARSIZE(code, VARHDRSZ + n_bytes);
    if (bytes)
        memcpy(VARDATA(code), bytes, n_bytes);
    return code;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct varlena *adah_pg_code_parse(const char *text, size_t n) {
    const char *digits = text;
    size_t n_digits = n;
    if (n >= 2 && text[0] == '\\' && text[1] == 'x') { /* as bytea is written */
        digits += 2;
        n_digits -= 2;
    }
    bool is_code = n_digits > 0 && n_digits % 2 == 0;
    for (size_t i = 0; i < n_digits && is_code; i++)
        is_code = digit_of(digits[i]) >= 0;
    if (!is_code)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("\"%.*s\" is not a code: expected two hexadecimal digits for each byte", (int)Min(n, 300), text)));
    struct varlena *code = adah_pg_code_make(NULL, (uint32)Min(n_digits / 2, UINT32_MAX));
    for (size_t i = 0; i < n_digits / 2; i++)
        ((uint8_t *)VARDATA(code))[i] = (uint8_t)(digit_of(digits[2 * i]) << 4 | digit_of(digits[2 * i + 1]));
    return code;
}

void adah_pg_code_print(const uint8_t *bytes, uint32 n_bytes, char *text) {
    static const char digit[] = "0123456789abcdef";
    for (uint32 i = 0; i < n_bytes; i++) {
        *text++ = digit[bytes[i] >> 4];
        *text++ = digit[bytes[i] & 15];
    }
    *text = 0;
}

/* The length that a column asks for: hamming_code(64). -1: any. */
static void check_length(uint32 n_bytes, int32 n_bits) {
    if (n_bits >= 0 && n_bytes * 8 != (uint32)n_bits)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("a code of %u bits does not fit hamming_code(%d)", n_bytes * 8, n_bits)));
}

PG_FUNCTION_INFO_V1(hamming_code_in);
Datum hamming_code_in(PG_FUNCTION_ARGS) {
    const char *text = PG_GETARG_CSTRING(0);
    struct varlena *code = adah_pg_code_parse(text, strlen(text));
    check_length((uint32)VARSIZE_ANY_EXHDR(code), PG_GETARG_INT32(2));
    PG_RETURN_POINTER(code);
}

PG_FUNCTION_INFO_V1(hamming_code_out);
Datum hamming_code_out(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    char *text = palloc(2 * code.n_bytes + 1);
    adah_pg_code_print(code.bytes, code.n_bytes, text);
    PG_RETURN_CSTRING(text);
}

PG_FUNCTION_INFO_V1(hamming_code_recv);
Datum hamming_code_recv(PG_FUNCTION_ARGS) {
    StringInfo message = (StringInfo)PG_GETARG_POINTER(0);
    const uint32 n_bytes = (uint32)(message->len - message->cursor);
    struct varlena *code = adah_pg_code_make((const uint8_t *)pq_getmsgbytes(message, (int)n_bytes), n_bytes);
    check_length(n_bytes, PG_GETARG_INT32(2));
    PG_RETURN_POINTER(code);
}

PG_FUNCTION_INFO_V1(hamming_code_send);
Datum hamming_code_send(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendbytes(&message, (const char *)code.bytes, (int)code.n_bytes);
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(hamming_code_typmod_in);
Datum hamming_code_typmod_in(PG_FUNCTION_ARGS) {
    int n;
    const int32 *number = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &n);
    if (n != 1 || number[0] < 0 || !is_length((uint32)number[0]))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("hamming_code takes one number in brackets, the bits: a multiple of 8 from %d to %d", ADAH_BITS_MIN, ADAH_BITS_MAX)));
    PG_RETURN_INT32(number[0]);
}

PG_FUNCTION_INFO_V1(hamming_code_typmod_out);
Datum hamming_code_typmod_out(PG_FUNCTION_ARGS) {
    const int32 n_bits = PG_GETARG_INT32(0);
    PG_RETURN_CSTRING(n_bits >= 0 ? psprintf("(%d)", n_bits) : pstrdup(""));
}

PG_FUNCTION_INFO_V1(hamming_code_check_length);
Datum hamming_code_check_length(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    check_length(code.n_bytes, PG_GETARG_INT32(1));
    PG_RETURN_POINTER(code.value);
}

PG_FUNCTION_INFO_V1(hamming_code_from_bytea);
Datum hamming_code_from_bytea(PG_FUNCTION_ARGS) {
    const code_view bytes = code_of(PG_GETARG_DATUM(0));
    PG_RETURN_POINTER(adah_pg_code_make(bytes.bytes, bytes.n_bytes));
}

/* Bit i of a code is the character i of a bit string, from the left, which PostgreSQL keeps as the highest of a byte first. */
static uint8_t turned(uint8_t byte) {
    byte = (uint8_t)(byte >> 4 | byte << 4);
    byte = (uint8_t)((byte & 0xcc) >> 2 | (byte & 0x33) << 2);
    return (uint8_t)((byte & 0xaa) >> 1 | (byte & 0x55) << 1);
}

PG_FUNCTION_INFO_V1(hamming_code_from_bit);
Datum hamming_code_from_bit(PG_FUNCTION_ARGS) {
    const VarBit *bits = PG_GETARG_VARBIT_P(0);
    const int n_bits = VARBITLEN(bits);
    if (!is_length((uint32)n_bits))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("a bit string of %d bits is not a code: expected a multiple of 8 from %d to %d", n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX)));
    struct varlena *code = adah_pg_code_make(NULL, (uint32)n_bits / 8);
    for (int i = 0; i < n_bits / 8; i++)
        ((uint8_t *)VARDATA(code))[i] = turned(VARBITS(bits)[i]);
    PG_RETURN_POINTER(code);
}

PG_FUNCTION_INFO_V1(hamming_code_to_bit);
Datum hamming_code_to_bit(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    const int32 wanted = PG_GETARG_INT32(1), n_bits = (int32)code.n_bytes * 8;
    if (wanted >= 0 && wanted != n_bits)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("a code of %d bits does not fit bit(%d)", n_bits, wanted),
                        errhint("Write ::bit(%d).", n_bits)));
    VarBit *bits = palloc0(VARBITTOTALLEN(n_bits));
    SET_VARSIZE(bits, VARBITTOTALLEN(n_bits));
    VARBITLEN(bits) = n_bits;
    for (uint32 i = 0; i < code.n_bytes; i++)
        VARBITS(bits)[i] = turned(code.bytes[i]);
    PG_RETURN_VARBIT_P(bits);
}
