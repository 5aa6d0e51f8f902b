/* code_ball.c - hamming_ball, the right side of the operator @~: all codes within a radius of a centre, written (centre,radius).
 *
 * An index answers conditions of the form "column operator value", which "distance at most radius" is not; so centre and radius are one value. */
#include "code.h"

#include <limits.h>

static code_ball *make(const uint8_t *centre, uint32 n_bytes, int32 radius) {
    if (radius < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a radius is at least 0, not %d", radius)));
    code_ball *ball = palloc(offsetof(code_ball, centre) + n_bytes);
    SET_VARSIZE(ball, offsetof(code_ball, centre) + n_bytes);
    ball->radius = radius;
    memcpy(ball->centre, centre, n_bytes);
    return ball;
}

PG_FUNCTION_INFO_V1(hamming_ball_make);
Datum hamming_ball_make(PG_FUNCTION_ARGS) {
    const code_view centre = code_of(PG_GETARG_DATUM(0));
    PG_RETURN_POINTER(make(centre.bytes, centre.n_bytes, PG_GETARG_INT32(1)));
}

PG_FUNCTION_INFO_V1(hamming_ball_in);
Datum hamming_ball_in(PG_FUNCTION_ARGS) {
    const char *text = PG_GETARG_CSTRING(0), *comma = strchr(text, ',');
    char *end = NULL;
    long radius = -1;
    if (text[0] == '(' && comma && comma[1] >= '0' && comma[1] <= '9') {
        errno = 0;
        radius = strtol(comma + 1, &end, 10);
        if (errno || radius > INT_MAX || strcmp(end, ")") != 0)
            radius = -1;
    }
    if (radius < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("\"%.300s\" is not a hamming_ball: expected (hexadecimal digits,radius)", text)));
    const struct varlena *centre = adah_pg_code_parse(text + 1, (size_t)(comma - text - 1));
    PG_RETURN_POINTER(make((const uint8_t *)VARDATA_ANY(centre), (uint32)VARSIZE_ANY_EXHDR(centre), (int32)radius));
}

PG_FUNCTION_INFO_V1(hamming_ball_out);
Datum hamming_ball_out(PG_FUNCTION_ARGS) {
    const code_ball *ball = code_ball_of(PG_GETARG_DATUM(0));
    char *digits = palloc(2 * code_ball_bytes(ball) + 1);
    adah_pg_code_print(ball->centre, code_ball_bytes(ball), digits);
    PG_RETURN_CSTRING(psprintf("(%s,%d)", digits, ball->radius));
}

PG_FUNCTION_INFO_V1(hamming_code_in_ball);
Datum hamming_code_in_ball(PG_FUNCTION_ARGS) {
    const code_view code = code_of(PG_GETARG_DATUM(0));
    const code_ball *ball = code_ball_of(PG_GETARG_DATUM(1));
    uint16_t distance;
    if (code.n_bytes != code_ball_bytes(ball))
        adah_pg_refuse_lengths(code.n_bytes, code_ball_bytes(ball));
    adah_pg_distances(code.bytes, ball->centre, 1, code.n_bytes, &distance);
    PG_RETURN_BOOL(distance <= ball->radius);
}
