/* handle_upload.c - pictures that are added to the folder of pictures and to the index.
 *
 * A picture is decoded and encoded first. Its file has no name, or a hidden one, until all of it is on disk; then it gets its name by a link, which
 * never takes the place of another file. That happens while the index is locked for writing, as adah index sync has it: a sync sees the file
 * and its record, or neither. A crash between the two leaves a file without a record, which the next sync adds. */
#define _GNU_SOURCE
#include "failure.h"
#include "image_folder.h"
#include "repeat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 200, NUMBER_MAX = 9999, PATH_BYTES = 320 };

typedef struct upload {
    serve_request *r;
    char stem[NAME_MAX_BYTES + 1], extension[16]; /* of the name: stem.extension */
    char name[PATH_BYTES];                        /* that it got; "": not yet */
    uint8_t code[ADAH_BITS_MAX / 8];
    int8_t fine[ADAH_FINE_MAX];
    size_t n_fine;
} upload;

/* ---------------------------------------------------------------- its name */

/* Extensions of a type, the first for names without one of them. */
static const char *const extensions_of[][3] = {{"image/jpeg", "jpg", "jpeg"}, {"image/png", "png", NULL},   {"image/gif", "gif", NULL},
                                               {"image/webp", "webp", NULL},  {"image/tiff", "tiff", "tif"}, {"image/avif", "avif", NULL},
                                               {"image/heic", "heic", "heif"}, {"image/bmp", "bmp", NULL},   {"image/x-portable-anymap", "ppm", "pgm"}};

/* Makes a name that says nothing of folders, is not hidden, and has an extension of its type. */
static void choose_name(upload *u, const char *given, const char *type) {
    const char *const *row = extensions_of[0];
    for (size_t i = 0; i < sizeof extensions_of / sizeof *extensions_of; i++)
        if (!strcmp(extensions_of[i][0], type))
            row = extensions_of[i];
    for (const char *p = given ? given : ""; given && *p; p++)
        if (*p == '/' || *p == '\\')
            given = p + 1;
    while (given && *given && strchr(" .-", *given))
        given++;
    const char *dot = given ? strrchr(given, '.') : NULL;
    size_t n = given ? strlen(given) : 0;
    snprintf(u->extension, sizeof u->extension, "%s", row[1]);
    for (int i = 1; i < 3 && dot && row[i]; i++)
        if (!strcasecmp(dot + 1, row[i])) {
            snprintf(u->extension, sizeof u->extension, "%s", dot + 1);
            n = (size_t)(dot - given);
        }
    if (n > NAME_MAX_BYTES)
        for (n = NAME_MAX_BYTES; n && ((unsigned char)given[n] & 0xc0) == 0x80;) /* not amid a letter */
            n--;
    for (size_t i = 0; i < n; i++)
        u->stem[i] = (unsigned char)given[i] < 0x20 || given[i] == 0x7f || strchr("<>:\"|?*", given[i]) ? '_' : given[i];
    while (n && (u->stem[n - 1] == ' ' || u->stem[n - 1] == '.'))
        n--;
    u->stem[n] = '\0';
    if (!n)
        strcpy(u->stem, "picture");
}

/* stem.extension, of another number than 1 stem-N.extension. */
static void make_name(const upload *u, int number, char name[PATH_BYTES]) {
    if (number == 1)
        snprintf(name, PATH_BYTES, "%s.%s", u->stem, u->extension);
    else
        snprintf(name, PATH_BYTES, "%s-%d.%s", u->stem, number, u->extension);
}

/* ---------------------------------------------------------------- its file */

static adah_code fail_file(adah_status *status, const char *what) {
    const int error = errno;
    serve_fail(status, ADAH_ERROR_IO, "the folder of pictures: %s: %s", what, strerror(error));
    status->system_error = error;
    return status->code;
}

/* A file for writing in the folder. hidden: its name; "": it has none. */
static int open_new(int folder, char hidden[64]) {
    static atomic_uint number;
    hidden[0] = '\0';
    const int fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    snprintf(hidden, 64, ".adah-upload-%ld-%u", (long)getpid(), atomic_fetch_add(&number, 1));
    return openat(folder, hidden, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
}

static int write_all(int fd, const uint8_t *bytes, size_t n_bytes) {
    while (n_bytes) {
        const ssize_t n = write(fd, bytes, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return fsync(fd) == 0;
}

/* Has the file of that name just these bytes? */
static int is_same_file(int folder, const char *name, const uint8_t *bytes, size_t n_bytes) {
    uint8_t piece[65536];
    struct stat info;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int is_same = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == n_bytes;
    for (size_t at = 0; is_same && at < n_bytes;) {
        const ssize_t n = read(fd, piece, sizeof piece);
        is_same = n > 0 && (size_t)n <= n_bytes - at && !memcmp(piece, bytes + at, (size_t)n);
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return is_same;
}

/* The number in a name that an upload may get: 1 of stem.extension, N of stem-N.extension; 0: it is another name. */
static int number_of_name(const upload *u, const char *name) {
    const size_t n_stem = strlen(u->stem);
    char of[PATH_BYTES];
    if (strncmp(name, u->stem, n_stem))
        return 0;
    const long number = name[n_stem] == '-' ? strtol(name + n_stem + 1, NULL, 10) : 1;
    if (number < 1 || number > NUMBER_MAX)
        return 0;
    make_name(u, (int)number, of);
    return strcmp(name, of) ? 0 : (int)number;
}

/* Sets is_taken[N] for each of these names that a record of the index has, whether its file is there or not. */
static adah_code find_taken(const upload *u, const adah_index *index, uint8_t *is_taken, adah_status *status) {
    for (uint64_t row = 0; row < adah_index_rows(index); row++) {
        adah_index_entry entry;
        const adah_code code = adah_index_record(index, row, &entry, status);
        if (code == ADAH_ERROR_NOT_FOUND)
            continue;
        if (code != ADAH_OK)
            return code;
        is_taken[number_of_name(u, entry.file_name)] = 1;
        adah_index_entry_free(&entry);
    }
    return ADAH_OK;
}

static int give_name(int fd, const char *hidden, int folder, const char *name) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return *hidden ? linkat(folder, hidden, folder, name, 0) : linkat(AT_FDCWD, link, folder, name, AT_SYMLINK_FOLLOW);
}

/* Tries names until one is free. A request is answered where the same picture has the name. */
static adah_code link_file(upload *u, int fd, const char *hidden, const adah_index *index, adah_status *status) {
    const serve_query *q = &u->r->query;
    const int folder = u->r->server->images;
    uint8_t is_taken[NUMBER_MAX + 1] = {0};
    const adah_code code = find_taken(u, index, is_taken, status);
    if (code != ADAH_OK)
        return code;
    for (int number = 1; number <= NUMBER_MAX; number++) {
        char name[PATH_BYTES];
        make_name(u, number, name);
        if (is_same_file(folder, name, q->image.bytes, q->image.n_bytes)) {
            serve_refuse(u->r, 409, "exists", "image", "this picture is there already, as %.250s", name);
            return serve_fail(status, ADAH_ERROR_CANCELLED, "answered");
        }
        if (is_taken[number])
            continue;
        if (give_name(fd, hidden, folder, name) == 0) {
            memcpy(u->name, name, sizeof u->name);
            return fsync(folder) == 0 ? ADAH_OK : fail_file(status, "cannot be synced");
        }
        if (errno != EEXIST)
            return fail_file(status, "a file cannot be added");
    }
    return serve_fail(status, ADAH_ERROR_EXISTS, "%d files have names like this one", NUMBER_MAX);
}

static adah_code add_file(upload *u, const adah_index *index, adah_status *status) {
    char hidden[64];
    const int folder = u->r->server->images, fd = open_new(folder, hidden);
    if (fd < 0)
        return fail_file(status, "a file cannot be added");
    const adah_code code = write_all(fd, u->r->query.image.bytes, u->r->query.image.n_bytes) ? link_file(u, fd, hidden, index, status)
                                                                                             : fail_file(status, "a file cannot be written");
    if (*hidden)
        unlinkat(folder, hidden, 0);
    close(fd);
    return code;
}

/* ---------------------------------------------------------------- its record */

static adah_code change(void *context, adah_index_writer *writer, adah_status *status) {
    upload *u = context;
    serve_text *t = &u->r->answer.text;
    const adah_index *index = adah_index_writer_state(writer);
    uint64_t id;
    if (!serve_repeat_is_new(u->r, index))
        return serve_fail(status, ADAH_ERROR_CANCELLED, "answered");
    adah_code code = add_file(u, index, status);
    const adah_index_item item = {.id = ADAH_NO_ID, .file_name = u->name, .image_code = u->code, .image_fine = u->n_fine ? u->fine : NULL,
                                  .n_image_fine = u->n_fine};
    if (code == ADAH_OK)
        code = adah_index_writer_add(writer, &item, &id, status);
    if (code != ADAH_OK)
        return code;
    serve_text_plain(t, "{\"id\": ");
    serve_text_number(t, id);
    serve_text_plain(t, ", \"file_name\": ");
    serve_text_string(t, u->name);
    serve_text_format(t, ", \"n_records\": %llu}\n", (unsigned long long)adah_index_count(index) + 1);
    if (t->failed)
        return serve_fail(status, ADAH_ERROR_MEMORY, "out of memory");
    return serve_repeat_keep(u->r, 201, writer, status);
}

/* In the lane of changes. */
static void write_upload(serve_request *r, serve_state *state) {
    upload *u = r->left;
    adah_status status;
    const adah_code code = serve_service_write(r->server->service, state->model, change, u, &status);
    if (code != ADAH_OK && code != ADAH_ERROR_UNCERTAIN && u->name[0]) /* else the record may be there */
        unlinkat(r->server->images, u->name, 0);
    if (code == ADAH_OK)
        r->answer.status = 201;
    else if (code != ADAH_ERROR_CANCELLED) /* then it is answered */
        serve_refuse_failed(r, &status);
}

static int encode(upload *u, serve_state *state) {
    serve_request *r = u->r;
    const serve_value_of_PICTURE *picture = &r->query.image;
    serve_decoded decoded;
    adah_encoder *encoder;
    adah_status status;
    if (!serve_decode_picture(r, SERVE_PIXELS, picture->bytes, picture->n_bytes, &picture->info, adah_model_picture_form(state->model), "image", &decoded))
        return 0;
    if (serve_encoder_take(state, ADAH_IMAGE, &encoder, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    const adah_code code = adah_encode_image_pixels(encoder, &decoded.picture, u->code, &status);
    u->n_fine = adah_model_fine(state->model, ADAH_IMAGE);
    if (code == ADAH_OK)
        memcpy(u->fine, adah_encoder_fine(encoder), u->n_fine);
    serve_encoder_give(state, ADAH_IMAGE, encoder);
    return code == ADAH_OK || serve_refuse_failed(r, &status);
}

void serve_handle_upload(serve_request *r, serve_state *state) {
    if (!r->server->options.keeps_pictures) {
        serve_refuse(r, 403, "forbidden", NULL, "this server was started without --keep-pictures, and adds no files to its folder");
        return;
    }
    if (!adah_model_takes_images(state->model)) {
        serve_refuse(r, 409, "mismatch", "image", "this model takes no pictures");
        return;
    }
    if (!serve_repeat_begin(r, "POST") || !serve_repeat_is_new(r, state->index) || !serve_read_query(r))
        return;
    if (!(r->query.given & SERVE_IMAGE)) {
        serve_refuse(r, 400, "bad_value", "image", "expected an image");
        return;
    }
    if (!serve_needs_lane(r, SERVE_BULK))
        return;
    upload *u = serve_keep(r, calloc(1, sizeof *u));
    if (!u) {
        serve_refuse_memory(r);
        return;
    }
    u->r = r;
    choose_name(u, r->query.name, r->query.image.info.type);
    if (!encode(u, state))
        return;
    r->left = u;
    serve_go_on(r, SERVE_CHANGES, write_upload);
}

/* 1: what the folder holds is its pictures, of which one more is a record of the next sync; 0: other files say what is a record, or there was an error. */
static int is_of_pictures(const char *folder, adah_status *status) {
    adah_dataset *dataset;
    adah_dataset_options o;
    adah_dataset_options_init(&o);
    o.sources = ADAH_SOURCE_METADATA; /* without them the pictures are listed alone, and not opened */
    const adah_code code = adah_dataset_open(folder, &o, &dataset, status);
    if (code == ADAH_ERROR_NOT_FOUND)
        return 1; /* no picture yet */
    if (code != ADAH_OK)
        return 0;
    int is_it = 1;
    for (size_t i = 0; i < adah_dataset_count(dataset) && is_it; i++) {
        const adah_record *record = adah_dataset_record(dataset, i);
        is_it = !record->line && !((record->text_sources | record->label_sources | record->date_source | record->place_source) & ADAH_SOURCE_METADATA);
    }
    if (!is_it)
        serve_fail(status, ADAH_ERROR_ARGUMENT, "--keep-pictures: %.400s has files that list its pictures, such as metadata, captions or labels, and would not know of "
                   "others%s%.400s", folder, *adah_dataset_notes(dataset) ? ": " : "", adah_dataset_notes(dataset));
    adah_dataset_close(dataset);
    return is_it;
}

adah_code serve_check_uploads(const serve_server *server, adah_status *status) {
    const serve_options *o = &server->options;
    if (!o->keeps_pictures)
        return ADAH_OK;
    if (server->images < 0 || !o->token)
        return serve_fail(status, ADAH_ERROR_ARGUMENT, "%s", "--keep-pictures: give --token-file and --images (or --data), too");
    if (faccessat(server->images, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return serve_fail(status, ADAH_ERROR_IO, "--keep-pictures: %.400s: no file can be added: %s", o->images, strerror(errno));
    return is_of_pictures(o->images, status) ? ADAH_OK : status->code;
}
