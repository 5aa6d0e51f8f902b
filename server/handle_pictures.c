/* handle_pictures.c - the pictures of the index, as they are and small, from one folder and nowhere else.
 *
 * Only what decodes as a picture leaves the folder: a file is decoded before it is sent for the first time, and again when it has changed. */
#define _GNU_SOURCE
#include "failure.h"
#include "image_folder.h"
#include "records.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 << 20, PREVIEW_SIDE = 4096 };

static int refuse_missing(serve_request *r, const char *field) {
    return serve_refuse(r, 404, "not_found", field, "the picture of this item cannot be read");
}

/* Opens the picture of the item asked for. 0: the answer says why there is none. */
static int open_item(serve_request *r, const serve_state *state, serve_picture_file *file) {
    adah_index_entry entry;
    if (!serve_find_record(r, state, r->item, &entry))
        return 0;
    const int is_open = serve_open_picture(r->server, entry.file_name, 1, file);
    adah_index_entry_free(&entry);
    if (r->server->images < 0)
        return serve_refuse(r, 404, "not_found", NULL, "the server was started without --images");
    return is_open ? 1 : refuse_missing(r, NULL);
}

/* Another file, place in it, time or size is another version. */
static void version_of(const serve_picture_file *f, size_t side, char *etag, size_t n_bytes) {
    const struct stat *info = &f->info;
    char place[20] = "";
    if (f->offset)
        snprintf(place, sizeof place, "-%llx", (unsigned long long)f->offset);
    snprintf(etag, n_bytes, "\"%llx-%llx-%llx-%zx%s\"", (unsigned long long)info->st_ino, (unsigned long long)info->st_size,
             (unsigned long long)info->st_mtim.tv_sec * 1000000000ull + (unsigned long long)info->st_mtim.tv_nsec, side, place);
}

static int read_all(serve_request *r, const serve_picture_file *f, const char *field, const uint8_t **bytes, size_t *n_bytes) {
    if (f->info.st_size > FILE_BYTES_MAX)
        return serve_refuse(r, 413, "too_large", field, "the file of this item has more than %d bytes",
                            FILE_BYTES_MAX);
    const size_t n = (size_t)f->info.st_size;
    uint8_t *all = serve_keep(r, malloc(n + 1));
    if (!all)
        return serve_refuse_memory(r);
    size_t n_read = 0;
    for (ssize_t got = 1; n_read < n && got > 0; n_read += got > 0 ? (size_t)got : 0)
        got = pread(f->fd, all + n_read, n - n_read, (off_t)(f->offset + n_read));
    if (n_read < n)
        return refuse_missing(r, field);
    *bytes = all;
    *n_bytes = n;
    return 1;
}

int serve_read_picture(serve_request *r, const char *name, const char *field, const uint8_t **bytes, size_t *n_bytes,
                       adah_picture_info *info) {
    serve_picture_file f;
    if (!serve_open_picture(r->server, name, 0, &f))
        return refuse_missing(r, field);
    const int is_good = read_all(r, &f, field, bytes, n_bytes) && serve_check_picture(r, field, *bytes, *n_bytes, info);
    serve_close_file(&f);
    return is_good;
}

/* ---------------------------------------------------------------- decoding */

int serve_check_picture(serve_request *r, const char *field, const uint8_t *bytes, size_t n_bytes, adah_picture_info *info) {
    adah_status status;
    const adah_code code = adah_picture_examine(bytes, n_bytes, info, &status);
    if (code == ADAH_ERROR_FORMAT)
        return serve_refuse_said(r, 415, "not_a_picture", field, &status);
    if (code != ADAH_OK)
        return serve_refuse_failed(r, &status);
    if (info->excess)
        return serve_refuse(r, 413, "too_large", field, "%s", info->excess);
    const uint64_t n_max = r->server->options.pixels_max;
    if (info->n_pixels > n_max)
        return serve_refuse(r, 413, "too_large", field,
                            "a picture of %zu x %zu pixels that decodes to %llu, expected at most %llu", info->n_width,
                            info->n_height, (unsigned long long)info->n_pixels, (unsigned long long)n_max);
    return !serve_is_large(info) || serve_needs_lane(r, r->lane < SERVE_PICTURES ? SERVE_SHOWN_LARGE : SERVE_LARGE);
}

int serve_decode_picture(serve_request *r, serve_decoding what, const uint8_t *bytes, size_t n_bytes,
                         const adah_picture_info *info, adah_picture_form form, const char *field, serve_decoded *decoded) {
    adah_status status;
    char said[SERVE_SAID_BYTES];
    const serve_decoder_kind of = r->lane < SERVE_PICTURES ? SERVE_OF_ARCHIVE : SERVE_OF_OTHERS;
    const adah_code code = serve_decode(r->server->decoders, of, serve_is_large(info), what, bytes, n_bytes, form, decoded, &status);
    if (code == ADAH_ERROR_FORMAT)
        return serve_refuse(r, 422, "bad_picture", field, "%s%s%s", field ? field : "", field ? ": " : "",
                            serve_say(r, &status, said));
    if (code != ADAH_OK)
        return serve_refuse_failed(r, &status);
    return serve_keep(r, what == SERVE_JPEG ? decoded->jpeg : decoded->picture.rgb) ? 1 : serve_refuse_memory(r);
}

/* ---------------------------------------------------------------- files that were looked at */

enum { SEEN_MAX = 4096, CHECK_SIDE = 16, SETTLED_SECONDS = 2 };

/* A file that had just these numbers was found to be a picture of a type, or none. */
typedef struct look {
    uint64_t device, number, offset, n_bytes, changed, altered; /* the last two: of what is in it, and of anything about it */
    const char *type;                                   /* NULL: no picture */
    int is_known;
} look;

struct serve_seen {
    pthread_mutex_t lock;
    look looks[SEEN_MAX]; /* by a hash: a newer one takes the place of an older */
};

struct serve_seen *serve_seen_create(void) {
    struct serve_seen *seen = calloc(1, sizeof *seen);
    if (seen)
        pthread_mutex_init(&seen->lock, NULL);
    return seen;
}

void serve_seen_free(struct serve_seen *seen) {
    if (seen)
        pthread_mutex_destroy(&seen->lock);
    free(seen);
}

static uint64_t nanoseconds_of(struct timespec t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec; }

static look look_of(const serve_picture_file *f) {
    const struct stat *info = &f->info;
    return (look){.device = info->st_dev, .number = info->st_ino, .offset = f->offset, .n_bytes = (uint64_t)info->st_size,
                  .changed = nanoseconds_of(info->st_mtim), .altered = nanoseconds_of(info->st_ctim)};
}

static look *place_of(struct serve_seen *seen, const look *l) {
    return &seen->looks[(((l->number + l->offset) * 0x9e3779b97f4a7c15u) ^ l->device) >> 20 & (SEEN_MAX - 1)];
}

static int is_seen(struct serve_seen *seen, look *l) {
    pthread_mutex_lock(&seen->lock);
    const look *p = place_of(seen, l);
    const int is_same = p->is_known && p->device == l->device && p->number == l->number && p->offset == l->offset && p->n_bytes == l->n_bytes &&
                        p->changed == l->changed && p->altered == l->altered;
    if (is_same)
        l->type = p->type;
    pthread_mutex_unlock(&seen->lock);
    return is_same;
}

/* One that was changed just now may be changed once more without its times telling: it is not remembered yet. */
static void remember(struct serve_seen *seen, look *l, const char *type) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    l->type = type;
    l->is_known = 1;
    if (nanoseconds_of(now) < l->altered + SETTLED_SECONDS * 1000000000ull)
        return;
    pthread_mutex_lock(&seen->lock);
    *place_of(seen, l) = *l;
    pthread_mutex_unlock(&seen->lock);
}

/* Decodes the file, unless this very file was before. Returns its type; NULL: the answer says why it is not to be shown. */
static const char *check_file(serve_request *r, const serve_picture_file *f) {
    struct serve_seen *seen = r->server->seen;
    look l = look_of(f);
    const uint8_t *bytes;
    size_t n_bytes;
    adah_picture_info picture;
    serve_decoded decoded;
    if (!is_seen(seen, &l)) {
        const size_t n_kept = r->n_kept;
        const int is_good = read_all(r, f, NULL, &bytes, &n_bytes) && serve_check_picture(r, NULL, bytes, n_bytes, &picture) &&
                            serve_decode_picture(r, SERVE_PIXELS, bytes, n_bytes, &picture, (adah_picture_form){.n_side = CHECK_SIDE}, NULL, &decoded);
        serve_free_kept(r, n_kept);
        if (is_good)
            remember(seen, &l, picture.type);
        else if (r->answer.status == 415 || r->answer.status == 422)
            remember(seen, &l, NULL);
        if (!is_good && r->answer.status != 415 && r->answer.status != 422)
            return NULL;
    }
    if (!l.type)
        serve_refuse(r, 415, "not_a_picture", NULL, "the file of this item is not a picture, or is damaged");
    return l.type;
}

/* ---------------------------------------------------------------- answers */

static void make_thumbnail(serve_request *r, const uint8_t *bytes, size_t n_bytes, const adah_picture_info *info, size_t n_side);

/* 1: what was found to be a JPEG does not begin as one: raw data of a camera, with a picture in them, which a browser cannot show. */
static int is_raw(const serve_picture_file *f, const char *type) {
    uint8_t head[2];
    return !strcmp(type, "image/jpeg") && pread(f->fd, head, sizeof head, (off_t)f->offset) == (ssize_t)sizeof head && (head[0] != 0xff || head[1] != 0xd8);
}

/* A copy of the picture in them. */
static void send_preview(serve_request *r, serve_picture_file *f) {
    const uint8_t *bytes;
    size_t n_bytes;
    adah_picture_info picture;
    if (read_all(r, f, NULL, &bytes, &n_bytes) && serve_check_picture(r, NULL, bytes, n_bytes, &picture))
        make_thumbnail(r, bytes, n_bytes, &picture, PREVIEW_SIDE);
    serve_close_file(f);
}

void serve_handle_picture(serve_request *r, serve_state *state) {
    serve_picture_file f;
    char etag[sizeof r->answer.etag];
    serve_answer *a = &r->answer;
    if (!serve_read_query(r))
        return;
    if (!open_item(r, state, &f))
        return;
    const char *type = check_file(r, &f);
    version_of(&f, 0, etag, sizeof etag);
    if (type)
        a->cache_control = "private, max-age=3600";
    if (!type || serve_is_unchanged(r, etag)) {
        serve_close_file(&f);
        return;
    }
    if (is_raw(&f, type)) {
        send_preview(r, &f);
        return;
    }
    a->status = 200;
    a->content_type = type;
    a->is_file = 1;
    a->fd = f.fd;
    a->offset = f.offset;
    a->n_bytes = (size_t)f.info.st_size;
}

static void make_thumbnail(serve_request *r, const uint8_t *bytes, size_t n_bytes, const adah_picture_info *info, size_t n_side) {
    serve_answer *a = &r->answer;
    serve_decoded decoded;
    if (!serve_decode_picture(r, SERVE_JPEG, bytes, n_bytes, info, (adah_picture_form){.n_side = n_side}, NULL, &decoded))
        return;
    r->n_kept--; /* the answer has it now */
    a->status = 200;
    a->content_type = "image/jpeg";
    a->bytes = decoded.jpeg;
    a->n_bytes = decoded.n_jpeg_bytes;
    a->release = free;
}

void serve_handle_thumbnail(serve_request *r, serve_state *state) {
    serve_picture_file f;
    char etag[sizeof r->answer.etag];
    const uint8_t *bytes;
    size_t n_bytes;
    adah_picture_info picture;
    if (!serve_read_query(r))
        return;
    if (!open_item(r, state, &f))
        return;
    version_of(&f, (size_t)r->query.side, etag, sizeof etag);
    r->answer.cache_control = "private, max-age=3600";
    if (!serve_is_unchanged(r, etag) && read_all(r, &f, NULL, &bytes, &n_bytes) &&
        serve_check_picture(r, NULL, bytes, n_bytes, &picture))
        make_thumbnail(r, bytes, n_bytes, &picture, (size_t)r->query.side);
    serve_close_file(&f);
}
