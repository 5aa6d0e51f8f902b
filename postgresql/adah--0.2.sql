-- adah--0.2.sql - what CREATE EXTENSION adah makes: the type hamming_code, its operators and casts.
\echo Use "CREATE EXTENSION adah" to load this file. \quit

-- ---------------------------------------------------------------- the type

CREATE TYPE hamming_code;
CREATE FUNCTION hamming_code_in(cstring, oid, integer) RETURNS hamming_code
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code_out(hamming_code) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code_recv(internal, oid, integer) RETURNS hamming_code
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code_send(hamming_code) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code_typmod_out(integer) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE hamming_code (
    INPUT = hamming_code_in,
    OUTPUT = hamming_code_out,
    RECEIVE = hamming_code_recv,
    SEND = hamming_code_send,
    TYPMOD_IN = hamming_code_typmod_in,
    TYPMOD_OUT = hamming_code_typmod_out,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = main
);
COMMENT ON TYPE hamming_code IS 'a binary code of adah: hamming_code(64) has 64 bits; written as hexadecimal digits';

-- ---------------------------------------------------------------- casts

CREATE FUNCTION hamming_code(hamming_code, integer, boolean) RETURNS hamming_code
    AS 'MODULE_PATHNAME', 'hamming_code_check_length' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code(bytea) RETURNS hamming_code
    AS 'MODULE_PATHNAME', 'hamming_code_from_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code(bit) RETURNS hamming_code
    AS 'MODULE_PATHNAME', 'hamming_code_from_bit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_code_to_bit(hamming_code, integer DEFAULT -1, boolean DEFAULT true) RETURNS bit
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE CAST (hamming_code AS hamming_code) WITH FUNCTION hamming_code(hamming_code, integer, boolean) AS IMPLICIT;
CREATE CAST (bytea AS hamming_code) WITH FUNCTION hamming_code(bytea) AS ASSIGNMENT;
CREATE CAST (hamming_code AS bytea) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (bit AS hamming_code) WITH FUNCTION hamming_code(bit) AS ASSIGNMENT;
CREATE CAST (hamming_code AS bit) WITH FUNCTION hamming_code_to_bit(hamming_code, integer, boolean) AS ASSIGNMENT;

-- ---------------------------------------------------------------- distance

CREATE FUNCTION adah_hamming_distance(hamming_code, hamming_code) RETURNS integer
    AS 'MODULE_PATHNAME', 'hamming_code_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION adah_hamming_bits(hamming_code) RETURNS integer
    AS 'MODULE_PATHNAME', 'hamming_code_bits' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION adah_hamming_bits(hamming_code) IS 'the length of a code in bits';
CREATE OPERATOR <~> (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = adah_hamming_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~>(hamming_code, hamming_code) IS 'Hamming distance';

CREATE TYPE hamming_ball;
CREATE FUNCTION hamming_ball_in(cstring) RETURNS hamming_ball
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hamming_ball_out(hamming_ball) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE hamming_ball (
    INPUT = hamming_ball_in,
    OUTPUT = hamming_ball_out,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = plain
);
COMMENT ON TYPE hamming_ball IS 'the codes within a radius of a centre, for the operator @~; written (centre,radius)';
CREATE FUNCTION hamming_ball(centre hamming_code, radius integer) RETURNS hamming_ball
    AS 'MODULE_PATHNAME', 'hamming_ball_make' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION adah_hamming_in_ball(hamming_code, hamming_ball) RETURNS boolean
    AS 'MODULE_PATHNAME', 'hamming_code_in_ball' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR @~ (LEFTARG = hamming_code, RIGHTARG = hamming_ball, FUNCTION = adah_hamming_in_ball,
    RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @~(hamming_code, hamming_ball) IS 'is within the radius of the centre';

-- ---------------------------------------------------------------- order and hash: grouping, joins, B-trees

CREATE FUNCTION hamming_code_eq(hamming_code, hamming_code) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_ne(hamming_code, hamming_code) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_lt(hamming_code, hamming_code) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_le(hamming_code, hamming_code) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_gt(hamming_code, hamming_code) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_ge(hamming_code, hamming_code) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_cmp(hamming_code, hamming_code) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_hash(hamming_code) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION hamming_code_hash_extended(hamming_code, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;

CREATE OPERATOR = (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = hamming_code_eq, COMMUTATOR = =, NEGATOR = <>,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR <> (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = hamming_code_ne, COMMUTATOR = <>, NEGATOR = =,
    RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR < (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = hamming_code_lt, COMMUTATOR = >, NEGATOR = >=,
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR <= (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = hamming_code_le, COMMUTATOR = >=, NEGATOR = >,
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR > (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = hamming_code_gt, COMMUTATOR = <, NEGATOR = <=,
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR >= (LEFTARG = hamming_code, RIGHTARG = hamming_code, FUNCTION = hamming_code_ge, COMMUTATOR = <=, NEGATOR = <,
    RESTRICT = scalargesel, JOIN = scalargejoinsel);

CREATE OPERATOR CLASS hamming_code_ops DEFAULT FOR TYPE hamming_code USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 hamming_code_cmp(hamming_code, hamming_code);
CREATE OPERATOR CLASS hamming_code_ops DEFAULT FOR TYPE hamming_code USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 hamming_code_hash(hamming_code),
    FUNCTION 2 hamming_code_hash_extended(hamming_code, bigint);

-- ---------------------------------------------------------------- the index

CREATE FUNCTION adah_index_handler(internal) RETURNS index_am_handler AS 'MODULE_PATHNAME', 'adah_pg_index_handler' LANGUAGE C;
CREATE ACCESS METHOD adah TYPE INDEX HANDLER adah_index_handler;
COMMENT ON ACCESS METHOD adah IS 'the nearest binary codes, exactly';
CREATE OPERATOR CLASS hamming_code_ops DEFAULT FOR TYPE hamming_code USING adah AS
    OPERATOR 1 <~> FOR ORDER BY integer_ops,
    OPERATOR 2 @~ (hamming_code, hamming_ball);

CREATE FUNCTION adah_index_check(regclass) RETURNS bigint AS 'MODULE_PATHNAME', 'adah_pg_index_check' LANGUAGE C STRICT;
COMMENT ON FUNCTION adah_index_check(regclass) IS 'compares an index of adah with its table, which takes no changes meanwhile; the number of rows it holds, or an error';
REVOKE ALL ON FUNCTION adah_index_check(regclass) FROM PUBLIC;
