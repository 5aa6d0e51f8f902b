/* handle_items.c - items of the index: told, added, replaced, deleted.
 *
 * A request with items is read and checked whole and all codes are made before anything is written; then they are one
 * batch, which goes on in the lane of changes. */
#include "body.h"
#include "failure.h"
#include "image_folder.h"
#include "records.h"
#include "repeat.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS_MAX = 1000, ITEM_TEXTS_MAX = 100, ITEM_TEXT_BYTES_MAX = 1 << 20, ITEM_LABELS_MAX = 1000, NAME_BYTES = 64 };

typedef struct item_answer {
    serve_parts parts; /* first */
    uint64_t row;
    int has_picture;
} item_answer;

static adah_code tell_item(const serve_parts *parts, size_t part, serve_text *t, adah_status *status) {
    const item_answer *a = (const item_answer *)(const void *)parts;
    adah_index_entry entry;
    const adah_index *index = parts->state->index;
    const size_t n_bytes = adah_index_bits(index) / 8;
    (void)part;
    const adah_code code = adah_index_record(index, a->row, &entry, status);
    if (code != ADAH_OK)
        return code;
    serve_text_plain(t, "{\"id\": ");
    serve_text_number(t, entry.id);
    serve_text_plain(t, ", ");
    serve_add_entry(t, index, &entry, a->has_picture);
    serve_text_plain(t, ", \"image_code\": ");
    serve_text_hex(t, entry.image_code, n_bytes);
    serve_text_plain(t, ", \"text_code\": ");
    serve_text_hex(t, entry.text_code, n_bytes);
    serve_text_plain(t, "}\n");
    adah_index_entry_free(&entry);
    return ADAH_OK;
}

/* Is the file there that the item names? Looked for where pictures are, since a disk may not answer. 0: the answer says what is wrong, or
 * the request goes on there. */
static int find_picture(serve_request *r, serve_state *state, uint64_t row, int *has_picture) {
    adah_index_entry entry;
    adah_status status;
    *has_picture = 0;
    if (r->server->images < 0)
        return 1;
    if (adah_index_record(state->index, row, &entry, &status) != ADAH_OK)
        return serve_refuse_failed(r, &status);
    const int is_named = serve_is_safe_name(entry.file_name), is_here = !is_named || serve_needs_lane(r, SERVE_SHOWN);
    serve_picture_file f = {.fd = -1};
    *has_picture = is_named && is_here && serve_open_picture(r->server, entry.file_name, 1, &f);
    serve_close_file(&f);
    adah_index_entry_free(&entry);
    return is_here;
}

void serve_handle_item(serve_request *r, serve_state *state) {
    uint64_t row;
    int has_picture;
    if (!serve_read_query(r) || !serve_find_row(r, state, r->item, &row) || !find_picture(r, state, row, &has_picture))
        return;
    item_answer *a = calloc(1, sizeof *a);
    if (!a) {
        serve_refuse_memory(r);
        return;
    }
    *a = (item_answer){{.n_parts = 1, .add = tell_item}, row, has_picture};
    serve_send_parts(r, state, &a->parts);
}

/* ---------------------------------------------------------------- reading items */

typedef struct new_item {
    adah_index_item item;
    int replaces;
    double degrees[2]; /* latitude, longitude; */
    int has_degrees;   /* 1, 2: which of them */
    uint8_t code[2][ADAH_BITS_MAX / 8]; /* by modality */
    int8_t *fine[2];                    /* in the batch's fine; NULL: the model makes none */
} new_item;

typedef struct batch {
    serve_request *r;
    new_item *items;
    int8_t *fine; /* the vectors of all items */
    size_t n;
    uint64_t *ids; /* given when written */
    size_t n_deleted;
    uint64_t deleted; /* an id, with n_deleted 1 */
    size_t n_written; /* the item at work */
} batch;

typedef struct item_reader {
    serve_request *r;
    serve_state *state;
    adah_encoder *encoder;
    size_t i;              /* number of the item */
    char name[NAME_BYTES]; /* of a field, for messages */
} item_reader;

static const char *field(item_reader *x, const char *key) {
    snprintf(x->name, sizeof x->name, "items[%zu].%.30s", x->i, key);
    return x->name;
}

static int refuse(item_reader *x, unsigned status, const char *key, const char *expected) {
    const char *name = field(x, key);
    return serve_refuse(x->r, status, "bad_value", name, "%s is not %s", name, expected);
}

static int read_labels(item_reader *x, const json_t *list, adah_index_item *item) {
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > ITEM_LABELS_MAX)
        return refuse(x, 400, "labels", "a list of at most 1000 strings");
    const char **label = serve_keep(x->r, malloc((n + 1) * sizeof *label));
    if (!label)
        return serve_refuse_memory(x->r);
    for (size_t i = 0; i < n; i++) {
        label[i] = json_string_value(json_array_get(list, i));
        if (!label[i] || !*label[i])
            return refuse(x, 400, "labels", "a list of strings that are not empty");
    }
    item->label = label;
    item->n_labels = n;
    return 1;
}

/* Adds a text to the lines of `all`, of n bytes, unless it is blank or one of them. Returns the bytes added. */
static size_t add_line(char *all, size_t n, const char *text) {
    char *line = all + n + (n > 0);
    const size_t width = strlen(text);
    for (size_t i = 0; i < width; i++)
        line[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
    if (strspn(text, " \t\n\r") == width)
        return 0;
    for (size_t start = 0; start < n;) {
        const char *line_end = memchr(all + start, '\n', n - start);
        const size_t n_there = line_end ? (size_t)(line_end - all) - start : n - start;
        if (n_there == width && !memcmp(all + start, line, width))
            return 0;
        start += n_there + 1;
    }
    if (n)
        all[n] = '\n';
    return width + (n > 0);
}

/* As lines of metadata.jsonl are read: each text a line, its line breaks blanks, without those that are blank or there already; one alone stays as
 * it is. */
static int read_texts(item_reader *x, const json_t *list, adah_index_item *item) {
    const size_t n = json_array_size(list);
    const char *text[ITEM_TEXTS_MAX];
    size_t n_texts = 0, n_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, i);
        n_bytes += json_string_length(value) + 1;
        if (!json_is_string(value) || n > ITEM_TEXTS_MAX || n_bytes > ITEM_TEXT_BYTES_MAX)
            return refuse(x, 400, "text", "a string, or a list of at most 100, of at most 1 MiB");
        if (json_string_length(value))
            text[n_texts++] = json_string_value(value);
    }
    if (n_texts < 2) {
        item->text = n_texts ? text[0] : "";
        return 1;
    }
    char *all = serve_take_memory(x->r, n_bytes) ? serve_keep(x->r, malloc(n_bytes)) : NULL;
    if (!all)
        return x->r->answer.status ? 0 : serve_refuse_memory(x->r);
    size_t end = 0;
    for (size_t i = 0; i < n_texts; i++)
        end += add_line(all, end, text[i]);
    all[end] = '\0';
    item->text = all;
    return 1;
}

static int read_value(item_reader *x, const char *key, const json_t *value, new_item *to) {
    adah_index_item *item = &to->item;
    if (!strcmp(key, "id")) {
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return refuse(x, 400, key, "a whole number of 0 or more");
        item->id = (uint64_t)json_integer_value(value);
    } else if (!strcmp(key, "file_name")) {
        item->file_name = json_string_value(value);
        if (!item->file_name || !serve_is_safe_name(item->file_name))
            return refuse(x, 400, key, "a relative path without \"..\"");
        if (x->r->server->images >= 0 && !serve_needs_lane(x->r, SERVE_BULK)) /* a disk may not answer */
            return 0;
        if (serve_leads_out(x->r->server, item->file_name))
            return refuse(x, 400, key, "a path that no link leads out of the folder of pictures");
    } else if (!strcmp(key, "text") && json_is_array(value)) {
        return read_texts(x, value, item);
    } else if (!strcmp(key, "text")) {
        item->text = json_string_value(value);
        if (!item->text || json_string_length(value) > ITEM_TEXT_BYTES_MAX)
            return refuse(x, 400, key, "a string, or a list of at most 100, of at most 1 MiB");
    } else if (!strcmp(key, "labels")) {
        return read_labels(x, value, item);
    } else if (!strcmp(key, "replace")) {
        if (!json_is_boolean(value))
            return refuse(x, 400, key, "true or false");
        to->replaces = json_is_true(value);
    } else if (!strcmp(key, "taken")) {
        if (!json_is_string(value) || adah_date_read(json_string_value(value), &item->taken, NULL) != ADAH_OK)
            return refuse(x, 400, key, "a date, as 2019, 2019-06 or 2019-06-01T18:30:00+02:00");
    } else if (!strcmp(key, "latitude") || !strcmp(key, "longitude")) {
        const int is_latitude = key[1] == 'a';
        to->degrees[!is_latitude] = json_number_value(value);
        to->has_degrees |= is_latitude ? 1 : 2;
        if (!json_is_number(value))
            return refuse(x, 400, key, "a number of degrees");
    } else if (strcmp(key, "image")) {
        return refuse(x, 400, key, "a member of an item");
    }
    return 1;
}

/* ---------------------------------------------------------------- codes */

/* Of the code that was made last. */
static void keep_fine(const item_reader *x, adah_modality of, new_item *to) {
    if (to->fine[of])
        memcpy(to->fine[of], adah_encoder_fine(x->encoder), of == ADAH_IMAGE ? to->item.n_image_fine : to->item.n_text_fine);
    *(of == ADAH_IMAGE ? &to->item.image_fine : &to->item.text_fine) = to->fine[of];
}

static int encode_picture(item_reader *x, const char *key, const uint8_t *bytes, size_t n_bytes, const adah_picture_info *info,
                          new_item *to) {
    adah_status status;
    serve_decoded decoded;
    if (!serve_decode_picture(x->r, SERVE_PIXELS, bytes, n_bytes, info, adah_model_picture_form(x->state->model), field(x, key),
                              &decoded))
        return 0;
    if (adah_encode_image_pixels(x->encoder, &decoded.picture, to->code[ADAH_IMAGE], &status) != ADAH_OK)
        return serve_refuse_failed(x->r, &status);
    to->item.image_code = to->code[ADAH_IMAGE];
    keep_fine(x, ADAH_IMAGE, to);
    return 1;
}

static int read_picture(item_reader *x, const json_t *image, const char *key, new_item *to) {
    const uint8_t *bytes;
    size_t n_bytes;
    adah_picture_info info;
    if (!image)
        return serve_read_picture(x->r, to->item.file_name, key, &bytes, &n_bytes, &info) &&
               encode_picture(x, "file_name", bytes, n_bytes, &info, to);
    return serve_read_base64(x->r, key, image, &bytes, &n_bytes) &&
           serve_check_picture(x->r, key, bytes, n_bytes, &info) && encode_picture(x, "image", bytes, n_bytes, &info, to);
}

/* The code of the picture that came along, or of the file that the item names. Of a thousand pictures one is in
 * memory at a time. */
static int make_image_code(item_reader *x, const json_t *image, new_item *to) {
    char key[NAME_BYTES];
    const size_t n_kept = x->r->n_kept;
    const int names_file = to->item.file_name && x->r->server->images >= 0;
    if (!image && (!names_file || !adah_model_takes_images(x->state->model)))
        return 1;
    snprintf(key, sizeof key, "%s", field(x, image ? "image" : "file_name"));
    if (!adah_model_takes_images(x->state->model))
        return serve_refuse(x->r, 409, "mismatch", key, "this model takes no pictures");
    if (!serve_needs_lane(x->r, SERVE_BULK))
        return 0;
    const int is_good = read_picture(x, image, key, to);
    serve_free_kept(x->r, n_kept);
    return is_good;
}

/* A text without a word that the model knows has no code: an item needs a picture then. */
static int make_text_code(item_reader *x, new_item *to) {
    adah_status status;
    char said[SERVE_SAID_BYTES];
    if (!to->item.text || !adah_model_takes_text(x->state->model))
        return 1;
    const adah_code code = adah_encode_text(x->encoder, to->item.text, to->code[ADAH_TEXT], &status);
    if (code == ADAH_OK) {
        to->item.text_code = to->code[ADAH_TEXT];
        keep_fine(x, ADAH_TEXT, to);
    } else if (code == ADAH_ERROR_NO_KNOWN_WORD && !to->item.image_code)
        return serve_refuse(x->r, 422, "unknown_words", field(x, "text"), "%s: %s", field(x, "text"), serve_say(x->r, &status, said));
    else if (code != ADAH_ERROR_NO_KNOWN_WORD)
        return serve_refuse_failed(x->r, &status);
    return 1;
}

static int read_item(item_reader *x, json_t *object, new_item *to) {
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return serve_refuse(x->r, 400, "bad_value", "items", "items[%zu] is not an object", x->i);
    to->item.id = ADAH_NO_ID;
    json_object_foreach(object, key, value) if (!read_value(x, key, value, to)) return 0;
    if (to->has_degrees && (to->has_degrees != 3 || adah_place_set(to->degrees[0], to->degrees[1], &to->item.taken, NULL) != ADAH_OK))
        return refuse(x, 400, to->has_degrees == 2 ? "longitude" : "latitude", "a place: expected latitude from -90 to 90 and longitude from -180 to 180 together");
    if (to->replaces && to->item.id == ADAH_NO_ID)
        return refuse(x, 400, "replace", "possible without an id");
    if (!make_image_code(x, json_object_get(object, "image"), to) || !make_text_code(x, to))
        return 0;
    json_object_del(object, "image"); /* what waits to be written is small */
    if (!to->item.image_code && !to->item.text_code)
        return serve_refuse(x->r, 400, "bad_value", "items",
                            "items[%zu] has neither a text nor a picture that this model takes", x->i);
    return 1;
}

static int read_items(item_reader *x, batch *b) {
    serve_request *r = x->r;
    if (!serve_read_query(r) || !serve_read_json(r))
        return 0;
    const json_t *list = json_object_get(r->json, "items");
    const size_t n = json_array_size(list);
    if (n < 1 || n > ITEMS_MAX || json_object_size(r->json) != 1)
        return serve_refuse(r, 400, "bad_value", "items",
                            "expected an object with items alone, a list of 1 to %d objects", ITEMS_MAX);
    b->items = serve_keep(r, calloc(n, sizeof *b->items));
    b->ids = serve_keep(r, calloc(n, sizeof *b->ids));
    const size_t n_image_fine = adah_model_fine(x->state->model, ADAH_IMAGE),
                 n_text_fine = adah_model_fine(x->state->model, ADAH_TEXT), n_fine = n_image_fine + n_text_fine;
    b->fine = n_fine ? serve_keep(r, calloc(n, n_fine)) : NULL;
    if (!b->items || !b->ids || (n_fine && !b->fine))
        return serve_refuse_memory(r);
    for (size_t i = 0; i < n && n_fine; i++) {
        new_item *item = &b->items[i];
        item->item.n_image_fine = n_image_fine;
        item->item.n_text_fine = n_text_fine;
        item->fine[ADAH_IMAGE] = b->fine + i * n_fine;
        item->fine[ADAH_TEXT] = item->fine[ADAH_IMAGE] + n_image_fine;
    }
    for (x->i = 0; x->i < n; x->i++)
        if (!read_item(x, json_array_get(list, x->i), &b->items[x->i]))
            return 0;
    b->n = n;
    return 1;
}

/* ---------------------------------------------------------------- writing */

static adah_code stage(batch *b, adah_index_writer *writer, adah_status *status) {
    if (b->n_deleted)
        return adah_index_writer_delete(writer, b->deleted, status);
    for (b->n_written = 0; b->n_written < b->n; b->n_written++) {
        const new_item *one = &b->items[b->n_written];
        b->ids[b->n_written] = one->item.id;
        const adah_code code = one->replaces
                                   ? adah_index_writer_replace(writer, &one->item, status)
                                   : adah_index_writer_add(writer, &one->item, &b->ids[b->n_written], status);
        if (code != ADAH_OK)
            return code;
    }
    return ADAH_OK;
}

static void tell(const batch *b, uint64_t n_before, serve_text *t) {
    uint64_t n = n_before;
    if (b->n_deleted) {
        serve_text_plain(t, "{\"deleted\": 1}\n");
        return;
    }
    serve_text_plain(t, "{\"ids\": [");
    for (size_t i = 0; i < b->n; i++) {
        serve_text_plain(t, i ? ", " : "");
        serve_text_number(t, b->ids[i]);
        n += !b->items[i].replaces;
    }
    serve_text_format(t, "], \"n_records\": %llu}\n", (unsigned long long)n);
}

static unsigned success(const batch *b) { return b->n_deleted ? 200 : 201; }

/* With all of the answer, so that nothing is left to fail when the change is on disk. */
static adah_code change(void *context, adah_index_writer *writer, adah_status *status) {
    batch *b = context;
    const adah_index *before = adah_index_writer_state(writer);
    if (!serve_repeat_is_new(b->r, before)) {
        *status = (adah_status){.code = ADAH_ERROR_CANCELLED};
        return status->code;
    }
    const adah_code code = stage(b, writer, status);
    if (code != ADAH_OK)
        return code;
    tell(b, adah_index_count(before), &b->r->answer.text);
    if (b->r->answer.text.failed) {
        *status = (adah_status){.code = ADAH_ERROR_MEMORY, .message = "out of memory"};
        return status->code;
    }
    return serve_repeat_keep(b->r, success(b), writer, status);
}

/* Answers. In the lane of changes. */
static void write_batch(serve_request *r, serve_state *state, batch *b) {
    adah_status status;
    b->r = r;
    const adah_code code = serve_service_write(r->server->service, state->model, change, b, &status);
    if (code == ADAH_OK)
        r->answer.status = success(b);
    else if (code != ADAH_ERROR_CANCELLED) /* then it is answered */
        serve_refuse_failed(r, &status);
}

static void write_items(serve_request *r, serve_state *state) { write_batch(r, state, r->left); }

void serve_handle_add(serve_request *r, serve_state *state) {
    adah_status status;
    batch *b = serve_keep(r, calloc(1, sizeof *b));
    item_reader x = {.r = r, .state = state};
    const adah_modality of = r->lane < SERVE_BULK ? ADAH_TEXT : ADAH_IMAGE;
    if (!b) {
        serve_refuse_memory(r);
        return;
    }
    if (!serve_body_is(r, "application/json")) {
        serve_refuse_type(r, "");
        return;
    }
    if (!serve_repeat_begin(r, "POST") || !serve_repeat_is_new(r, state->index))
        return;
    if (serve_encoder_take(state, of, &x.encoder, &status) != ADAH_OK) {
        serve_refuse_failed(r, &status);
        return;
    }
    r->left = b;
    if (read_items(&x, b))
        serve_go_on(r, SERVE_CHANGES, write_items);
    serve_encoder_give(state, of, x.encoder);
}

void serve_handle_delete(serve_request *r, serve_state *state) {
    batch b = {.n_deleted = 1, .deleted = r->item};
    if (serve_read_query(r) && serve_repeat_begin(r, "DELETE"))
        write_batch(r, state, &b);
}
