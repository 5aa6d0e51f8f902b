/* server.h - what the files of the server share: the server itself, its routes, the handlers. */
#ifndef ADAH_SERVER_SERVER_H
#define ADAH_SERVER_SERVER_H

#include "decoder.h"
#include "files.h"
#include "metrics.h"
#include "preparation.h"
#include "request.h"
#include "serve.h"

#include <stdatomic.h>

typedef struct serve_server {
    serve_options options;
    serve_service *service;
    serve_metrics *metrics;
    serve_decoders *decoders;
    struct serve_seen *seen; /* files under `images` that were looked at */
    serve_file *openapi; /* the description of the interface (openapi.h); NULL: none */
    int images;         /* folder of the pictures, or a tar file of them, open; -1: none */
    int images_is_tar;
    char *images_path;  /* the same, resolved */
    int is_loopback;    /* 1: only this machine can reach the address */
    int reads_are_free; /* 1: no token is asked for reads */
    atomic_int is_told_of_proxy;
    atomic_int is_stopping;
    serve_progress progress;
} serve_server;

/* Who may: FREE everyone, READ with the token unless reads are free, WRITE with the token always. */
typedef enum serve_right { SERVE_FREE, SERVE_READ, SERVE_WRITE } serve_right;

typedef struct serve_route {
    const char *method; /* GET stands for HEAD, too */
    const char *path;   /* {id}: a number */
    serve_right right;
    int takes_body;
    serve_handler handle;
    serve_lane lane; /* where it begins */
    int needs_state;     /* 1: 503 while nothing is loaded */
    unsigned parameters; /* where in parameters.def; 0: it takes none */
} serve_route;

extern const serve_route serve_routes[];
extern const size_t serve_n_routes;
/* Finds r->route and r->item. Returns 0 and answers when nothing is at that path, or not by that method. */
int serve_find_route(serve_request *r, const char *method, const char *path);
/* May the route be taken with this header; NULL: there is none? Returns 0 and answers when not. */
int serve_check_right(serve_request *r, const char *authorization);

/* handle_search.c, handle_tags.c, handle_encode.c, handle_attention.c, handle_duplicates.c */
void serve_handle_search(serve_request *r, serve_state *state);
void serve_handle_tags(serve_request *r, serve_state *state);
void serve_handle_encode(serve_request *r, serve_state *state);
void serve_handle_attention(serve_request *r, serve_state *state);
void serve_handle_evidence(serve_request *r, serve_state *state);
void serve_handle_duplicates(serve_request *r, serve_state *state);

/* handle_items.c */
void serve_handle_item(serve_request *r, serve_state *state);
void serve_handle_list(serve_request *r, serve_state *state);
void serve_handle_timeline(serve_request *r, serve_state *state);
void serve_handle_add(serve_request *r, serve_state *state);
void serve_handle_delete(serve_request *r, serve_state *state);

/* handle_upload.c */
void serve_handle_upload(serve_request *r, serve_state *state);
/* Can pictures be added, if they are to be? With the folder open. */
adah_code serve_check_uploads(const serve_server *server, adah_status *status);

/* handle_pictures.c */
void serve_handle_picture(serve_request *r, serve_state *state);
void serve_handle_thumbnail(serve_request *r, serve_state *state);
/* Reads a whole picture file that a request names, with the limits; *bytes is kept by the request. Returns 0 and answers when it cannot.
 */
int serve_read_picture(serve_request *r, const char *name, const char *field, const uint8_t **bytes, size_t *n_bytes,
                       adah_picture_info *info);
/* A picture that may be decoded: 0 and an answer when it is none, or is too large; 0 and none when it goes on in a later lane, as one that
 * came along and is large does. field: for the message. */
int serve_check_picture(serve_request *r, const char *field, const uint8_t *bytes, size_t n_bytes, adah_picture_info *info);
/* Decodes what serve_check_picture has let pass, in a process apart; pixels and bytes are kept by the request. Returns 0 and answers when
 * it cannot. field: for the message. */
int serve_decode_picture(serve_request *r, serve_decoding what, const uint8_t *bytes, size_t n_bytes,
                         const adah_picture_info *info, adah_picture_form form, const char *field, serve_decoded *decoded);
/* What the last ones said of files, by their number, size and times. */
struct serve_seen *serve_seen_create(void); /* NULL: memory */
void serve_seen_free(struct serve_seen *seen);

/* handle_server.c */
void serve_handle_health(serve_request *r, serve_state *state);
void serve_handle_ready(serve_request *r, serve_state *state);
void serve_handle_progress(serve_request *r, serve_state *state);
void serve_handle_metrics(serve_request *r, serve_state *state);
void serve_handle_info(serve_request *r, serve_state *state);
void serve_handle_reload(serve_request *r, serve_state *state);

/* page.c */
void serve_handle_page(serve_request *r, serve_state *state);
void serve_handle_file(serve_request *r, serve_state *state);
void serve_handle_openapi(serve_request *r, serve_state *state);

/* 1: the client has this version already; then the answer is 304. Sets the answer's ETag. */
int serve_is_unchanged(serve_request *r, const char *etag);

#endif
