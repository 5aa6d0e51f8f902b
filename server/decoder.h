/* decoder.h - pictures of others are decoded by processes of their own, which can be ended.
 *
 * Each has a limit of memory and of processor time for a picture, no files, no network, and the server believes nothing that it says. One
 * that dies or is late costs its picture alone; the next picture has a new process. They are kept and used again.
 *
 * Pictures of the archive, those that come with requests and large ones have processes apart, so that none waits for a longer kind. */
#ifndef ADAH_SERVER_DECODER_H
#define ADAH_SERVER_DECODER_H

#include <adah/adah.h>

typedef struct serve_decoders serve_decoders;

typedef struct serve_decoder_options {
    const char *program;  /* what is started anew; NULL: the one that runs. Its main calls serve_decoder_main */
    int n_processes;      /* of each kind; there is one for large pictures */
    uint64_t large_bytes; /* memory that the one for large pictures may take */
    int seconds;          /* of processor time for a picture; four times that by the clock */
} serve_decoder_options;

typedef enum serve_decoding {
    SERVE_PIXELS, /* exactly n_side x n_side, in the form */
    SERVE_COPY,   /* pixels, the longer side at most n_side, cropped as the form crops */
    SERVE_JPEG    /* the same as a file */
} serve_decoding;

typedef enum serve_decoder_kind { SERVE_OF_ARCHIVE, SERVE_OF_OTHERS, SERVE_DECODER_KINDS } serve_decoder_kind;

/* What came out: picture.rgb (free), or n_bytes bytes of a JPEG file (free). */
typedef struct serve_decoded {
    adah_picture picture;
    uint8_t *jpeg;
    size_t n_jpeg_bytes;
} serve_decoded;

enum {
    SERVE_SMALL_PICTURE_BYTES = 80 << 20, /* of adah_picture_info: beyond, a picture is large; */
    SERVE_SMALL_PICTURE_PIXELS = 16 << 20, /* so is one of more pixels, but for JPEG files, which are shrunk as they are decoded */
    SERVE_SMALL_PICTURE_LIMIT = 160 << 20 /* memory that a process for others may take */
};
int serve_is_large(const adah_picture_info *info);

adah_code serve_decoders_create(const serve_decoder_options *options, serve_decoders **decoders, adah_status *status);
void serve_decoders_close(serve_decoders *decoders); /* when none decodes any more; NULL is fine */

/* Blocks the thread until there is an outcome. ADAH_ERROR_FORMAT: the picture cannot be decoded, or not within the limits, and the message
 * says which. ADAH_ERROR_IO: no process can be started. Any thread. */
adah_code serve_decode(serve_decoders *decoders, serve_decoder_kind of, int is_large, serve_decoding what, const uint8_t *bytes,
                       size_t n_bytes, adah_picture_form form, serve_decoded *decoded, adah_status *status);

/* How many processes were ended, or ended themselves, over a picture; how many there are. */
uint64_t serve_decoders_ended(serve_decoders *decoders);
uint64_t serve_decoders_running(serve_decoders *decoders);

#endif
