/* coded_size.c - bit by bit through the heads, as the specifications of AV1 (5.5, 5.9) and HEVC (7.3.1 to 7.3.3) write them down.
 *
 * A frame of AV1 may have a size of its own instead of that of its sequence; then all that fits into the bits of its size counts.
 * A reader that runs out of bits reads zeros and says so in the end. */
#include "plugins/pictures/coded_size.h"

enum { OBU_SEQUENCE = 1, OBU_FRAME_HEADER = 3, OBU_FRAME = 6, OBU_FRAME_HEADER_AGAIN = 7, HEVC_SPS = 33, HEVC_SLICES = 32, CHOSEN = 2 };

typedef struct bits {
    const uint8_t *bytes;
    size_t n_bytes, at;  /* `at` counts bits */
    int skips_emulation; /* HEVC: of 00 00 03 the third is none of the data */
    int is_over;
} bits;

static unsigned read_bit(bits *b) {
    size_t byte = b->at >> 3;
    if (b->skips_emulation && (b->at & 7) == 0 && byte >= 2 && byte < b->n_bytes && b->bytes[byte] == 3 && !b->bytes[byte - 1] &&
        !b->bytes[byte - 2])
        b->at += 8, byte++;
    if (byte >= b->n_bytes) {
        b->is_over = 1;
        return 0;
    }
    return b->bytes[byte] >> (7 - (b->at++ & 7)) & 1;
}

static uint64_t read_bits(bits *b, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 1 | read_bit(b);
    return value;
}

static void skip_bits(bits *b, int n) {
    for (int i = 0; i < n; i++)
        read_bit(b);
}

/* AV1's uvlc and HEVC's ue(v): as many zeros as bits that follow the first one. */
static uint64_t read_golomb(bits *b) {
    int n = 0;
    while (!b->is_over && n < 33 && !read_bit(b))
        n++;
    if (n > 32)
        b->is_over = 1;
    return b->is_over ? 0 : ((uint64_t)1 << n) - 1 + read_bits(b, n);
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void add_size(adah_coded_size *size, uint64_t n_width, uint64_t n_height) {
    size->n_width = larger(size->n_width, n_width);
    size->n_height = larger(size->n_height, n_height);
}

/* ---------------------------------------------------------------- AV1 */

/* Points of operation of a stream with layers. */
static void read_operating_points(adah_coded_size *s, bits *b) {
    int n_delay_bits = 0;
    s->has_decoder_model = s->has_equal_interval = s->n_time_bits = 0;
    if (read_bit(b)) { /* timing */
        skip_bits(b, 64);
        s->has_equal_interval = (int)read_bit(b);
        if (s->has_equal_interval)
            read_golomb(b);
        s->has_decoder_model = (int)read_bit(b);
        if (s->has_decoder_model) {
            n_delay_bits = (int)read_bits(b, 5) + 1;
            skip_bits(b, 32 + 5);
            s->n_time_bits = (int)read_bits(b, 5) + 1;
        }
    }
    const unsigned has_display_delay = read_bit(b);
    for (uint64_t n = read_bits(b, 5) + 1; n > 0; n--) {
        skip_bits(b, 12);
        if (read_bits(b, 5) > 7)
            read_bit(b);
        if (s->has_decoder_model && read_bit(b))
            skip_bits(b, 2 * n_delay_bits + 1);
        if (has_display_delay && read_bit(b))
            skip_bits(b, 4);
    }
}

/* Tools that a still picture does not have. */
static void read_tools(adah_coded_size *s, bits *b) {
    s->screen_content = s->integer_motion = CHOSEN;
    if (s->has_reduced_head)
        return;
    skip_bits(b, 4);
    const unsigned has_order = read_bit(b);
    if (has_order)
        skip_bits(b, 2);
    if (!read_bit(b))
        s->screen_content = (int)read_bit(b);
    if (s->screen_content && !read_bit(b))
        s->integer_motion = (int)read_bit(b);
    if (has_order)
        skip_bits(b, 3);
}

static const char *read_sequence(adah_coded_size *s, bits *b) {
    skip_bits(b, 3 + 1);
    s->has_reduced_head = (int)read_bit(b);
    if (s->has_reduced_head)
        skip_bits(b, 5);
    else
        read_operating_points(s, b);
    const int n_width_bits = (int)read_bits(b, 4) + 1, n_height_bits = (int)read_bits(b, 4) + 1;
    const uint64_t n_width = read_bits(b, n_width_bits) + 1, n_height = read_bits(b, n_height_bits) + 1;
    s->n_width_limit = larger(s->n_width_limit, (uint64_t)1 << n_width_bits);
    s->n_height_limit = larger(s->n_height_limit, (uint64_t)1 << n_height_bits);
    s->has_frame_ids = s->has_reduced_head ? 0 : (int)read_bit(b);
    if (s->has_frame_ids) {
        s->n_id_bits = (int)read_bits(b, 4) + 2;
        s->n_id_bits += (int)read_bits(b, 3) + 1;
    }
    skip_bits(b, 3);
    read_tools(s, b);
    skip_bits(b, 3);
    s->is_deep |= (int)read_bit(b);
    if (b->is_over)
        return "its AV1 sequence header is cut off";
    add_size(s, n_width, n_height);
    return NULL;
}

/* The head of a frame as far as it says whether the frame has a size of its own. */
static const char *read_frame(adah_coded_size *s, bits *b) {
    enum { KEY = 0, SWITCH = 3 };
    s->n_pictures++;
    if (!s->n_width)
        return "an AV1 frame comes before its sequence header";
    if (s->has_reduced_head || read_bit(b)) /* a frame from before is shown again */
        return NULL;
    const uint64_t type = read_bits(b, 2);
    const unsigned is_shown = read_bit(b);
    if (is_shown && s->has_decoder_model && !s->has_equal_interval)
        skip_bits(b, s->n_time_bits);
    if (!is_shown)
        read_bit(b);
    if (type != SWITCH && !(type == KEY && is_shown))
        read_bit(b); /* resilience */
    read_bit(b);
    const unsigned screen_content = s->screen_content == CHOSEN ? read_bit(b) : (unsigned)s->screen_content;
    if (screen_content && s->integer_motion == CHOSEN)
        read_bit(b);
    if (s->has_frame_ids)
        skip_bits(b, s->n_id_bits);
    if (type == SWITCH || read_bit(b))
        add_size(s, s->n_width_limit, s->n_height_limit);
    return b->is_over ? "an AV1 frame header is cut off" : NULL;
}

const char *adah_coded_size_av1(adah_coded_size *size, const uint8_t *obus, size_t n_bytes) {
    for (size_t at = 0; at < n_bytes;) {
        const unsigned head = obus[at], type = head >> 3 & 15;
        size_t n = 0;
        if (head & 0x80)
            return "its AV1 data are broken";
        at += head & 4 ? 2 : 1;
        if (head & 2) {
            unsigned byte = 0x80;
            for (int i = 0; byte & 0x80; i++) {
                if (i == 5 || at >= n_bytes)
                    return "its AV1 data are broken";
                byte = obus[at++];
                n |= (size_t)(byte & 0x7f) << 7 * i;
            }
        } else if (at <= n_bytes) {
            n = n_bytes - at;
        }
        if (at > n_bytes || n > n_bytes - at)
            return "its AV1 data are cut off";
        bits b = {obus + at, n, 0, 0, 0};
        const int is_frame = type == OBU_FRAME_HEADER || type == OBU_FRAME || type == OBU_FRAME_HEADER_AGAIN;
        const char *fault = type == OBU_SEQUENCE ? read_sequence(size, &b) : is_frame ? read_frame(size, &b) : NULL;
        if (fault)
            return fault;
        at += n;
    }
    return NULL;
}

/* ---------------------------------------------------------------- HEVC */

static const char *read_parameter_set(adah_coded_size *s, bits *b) {
    enum { LEVEL_BITS = 8, PROFILE_BITS = 88 };
    int has_profile[8] = {0}, has_level[8] = {0};
    skip_bits(b, 4);
    const int n_layers = (int)read_bits(b, 3);
    skip_bits(b, 1 + PROFILE_BITS + LEVEL_BITS);
    for (int i = 0; i < n_layers; i++) {
        has_profile[i] = (int)read_bit(b);
        has_level[i] = (int)read_bit(b);
    }
    if (n_layers)
        skip_bits(b, 2 * (8 - n_layers));
    for (int i = 0; i < n_layers; i++)
        skip_bits(b, has_profile[i] * PROFILE_BITS + has_level[i] * LEVEL_BITS);
    read_golomb(b);
    if (read_golomb(b) == 3)
        read_bit(b);
    const uint64_t n_width = read_golomb(b), n_height = read_golomb(b);
    if (read_bit(b)) /* a window */
        for (int i = 0; i < 4; i++)
            read_golomb(b);
    s->is_deep |= read_golomb(b) > 0;
    s->is_deep |= read_golomb(b) > 0;
    if (b->is_over || n_width == 0 || n_height == 0)
        return "its HEVC parameter set is broken";
    add_size(s, n_width, n_height);
    return NULL;
}

const char *adah_coded_size_hevc_unit(adah_coded_size *size, const uint8_t *unit, size_t n_bytes) {
    enum { HEAD = 2 };
    if (n_bytes < HEAD)
        return n_bytes ? "its HEVC data are broken" : NULL;
    const unsigned type = unit[0] >> 1 & 63;
    if (type == HEVC_SPS) {
        bits b = {unit, n_bytes, 8 * HEAD, 1, 0};
        return read_parameter_set(size, &b);
    }
    if (type < HEVC_SLICES && n_bytes > HEAD && unit[HEAD] & 0x80) {
        size->n_pictures++;
        if (!size->n_width)
            return "an HEVC picture comes before its parameter set";
    }
    return NULL;
}

const char *adah_coded_size_hevc(adah_coded_size *size, const uint8_t *units, size_t n_bytes) {
    enum { LENGTH = 4 };
    for (size_t at = 0; at < n_bytes;) {
        size_t n = 0;
        if (n_bytes - at < LENGTH)
            return "its HEVC data are cut off";
        for (int i = 0; i < LENGTH; i++)
            n = n << 8 | units[at++];
        if (n > n_bytes - at)
            return "its HEVC data are cut off";
        const char *fault = adah_coded_size_hevc_unit(size, units + at, n);
        if (fault)
            return fault;
        at += n;
    }
    return NULL;
}
