/* decoder_wire.h - what goes between the server and a process that decodes, over a socket of the same machine: a request and its bytes,
 * then a reply and its bytes. Nothing else, and one at a time. */
#ifndef ADAH_SERVER_DECODER_WIRE_H
#define ADAH_SERVER_DECODER_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum { WIRE_MAGIC = 0x41446563, WIRE_MESSAGE_BYTES = 1024, WIRE_JPEG_BYTES = 16 << 20, WIRE_SIDE_MAX = 4096, WIRE_FILE_BYTES = 1 << 30 };

typedef struct wire_request {
    uint32_t magic, kind; /* serve_decoding */
    uint64_t n_side, n_bytes;
    int32_t filter, crop; /* adah_picture_form, as n_side */
    float crop_share;
    uint32_t zero;
} wire_request;

typedef struct wire_reply {
    uint32_t magic, code;                /* adah_code; not ADAH_OK: the bytes are a message */
    uint64_t n_width, n_height, n_bytes; /* width and height of pixels, else 0 */
} wire_reply;

#endif
