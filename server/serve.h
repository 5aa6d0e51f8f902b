/* serve.h - a model and an index served over HTTP: what the command adah serve starts. */
#ifndef ADAH_SERVER_SERVE_H
#define ADAH_SERVER_SERVE_H

#include <adah/adah.h>

typedef enum serve_log { SERVE_LOG_TEXT, SERVE_LOG_JSON, SERVE_LOG_NONE } serve_log;

/* Who may read without the token: everyone where only this machine can reach the address, else nobody; everyone; nobody. */
typedef enum serve_reads { SERVE_READS_BY_ADDRESS, SERVE_READS_FREE, SERVE_READS_TOKEN } serve_reads;

#define SERVE_STAGE_WAITING "waiting for changes"

typedef struct serve_options {
    const char *model, *index;
    const char *images;  /* folder that the file names of the index are relative to; NULL: no pictures are shown */
    int keeps_pictures;  /* 1: POST /v1/pictures adds files to `images` */
    const char *address; /* to listen on */
    int port;            /* 0: any that is free */
    const char *token;   /* for writes, and for reads from elsewhere; NULL: there are no writes */
    serve_reads reads;
    const char *const *host; /* names it is asked by, besides those it knows */
    size_t n_hosts;
    const char *tls_certificate, *tls_key; /* PEM files, both or none */
    int n_threads;                         /* of each kind of work, and to poll; 0: by the number of cores */
    size_t body_bytes_max;
    size_t memory_bytes_max; /* of large bodies and answers together (budget.h); 0: 256 MiB, or 8 bodies when that is more */
    uint64_t pixels_max;     /* that a picture decodes to, found before it is decoded */
    int n_decoders;          /* processes that decode pictures of a kind; 0: one a thread, at most 4 */
    uint64_t picture_bytes_max; /* memory that decoding a large picture may take */
    int picture_seconds;        /* of processor time that decoding a picture may take */
    size_t k_max;        /* hits a search may ask for */
    int n_connections_max;
    int n_address_connections_max; /* of one address that is not of this machine; 0: no such limit */
    int timeout_seconds; /* that a request may be late to arrive, or an answer to leave */
    serve_log log;
    /* Makes model and index where they are not there yet, before they are opened, while the page tells how far it is. It is told to stop by its progress.
     * A failure ends the server. NULL: they are there. */
    adah_code (*prepare)(void *context, adah_progress progress, adah_status *status);
    /* Goes on beside the requests, once they are answered, as bringing the index up to date does. A failure is told. In the stage SERVE_STAGE_WAITING
     * nothing is done. NULL: there is nothing to do. */
    adah_code (*follow)(void *context, adah_progress progress, adah_status *status);
    void *context;
} serve_options;
/* Anything else is 0. */
#define SERVE_OPTIONS_INIT                                                                                           \
    {                                                                                                                \
        .address = "127.0.0.1", .port = 8080, .body_bytes_max = (size_t)20 << 20, .pixels_max = 50000000,            \
        .picture_bytes_max = (uint64_t)1280 << 20, .picture_seconds = 10, .k_max = 1000, .n_connections_max = 1000,  \
        .n_address_connections_max = 100, .timeout_seconds = 15                                                      \
    }

/* Serves until SIGTERM or SIGINT, then finishes what it began; SIGHUP opens model and index anew. Prints one line
 * with the address on stdout once it is ready. The signals must not be used otherwise by the process. */
adah_code serve_run(const serve_options *options, adah_status *status);

/* A process that decodes for a server (decoder.h), which starts the program anew with these arguments after its name. Returns its exit
 * status. */
int serve_decoder_main(int argc, char **argv);

#endif
