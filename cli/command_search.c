/* command_search.c - adah search, adah index search. */
#include "data_options.h"
#include "features.h"
#include "left_out.h"
#include "marks.h"
#include "narrow_options.h"
#include "options.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_search = {
    "search", "Find images by words, words by image, or like by like.", "",
    "A text query answers with images and an image query with texts, unless --to says otherwise. --id asks with a record\n"
    "of the index and leaves that record out. Answers are exact: the nearest by Hamming distance, ties in order of id.\n"
    "Where the index has vectors for the fine order, the nearest are the candidates, and the best of them are given by their\n"
    "scores: four parts the cosine of the vectors, one part 1 - 2 distance / bits. --order bits leaves them in order of distance.\n"
    "Words that the model does not know are passed over and named on standard error. But --text also finds what is written: records\n"
    "whose text, labels or file name hold all of its words, as far as any record holds them, come first, and the others are in order\n"
    "by how near they are and by what part of the words they hold.\n"
    "--features asks with vectors that another encoder made, for a model that learned from such: every row of the array is a query,\n"
    "and its hits are told behind its number, or row --row alone, or the one vector of an array of one dimension less.\n"
    "--like and --unlike say which answers were good and which were not, by their ids: the query moves towards the ones and away from the\n"
    "others, which are left out of the answer. They go with a query, or --like alone is one and needs no model.\n"
    "\n"
    "Examples:\n"
    "  adah search --model photos.safetensors --index photos.adah --text 'boat on a lake'\n"
    "  adah search --model photos.safetensors --index photos.adah --image my-cat.jpg --to image -k 5\n"
    "  adah search --model photos.safetensors --index photos.adah --text dog --json\n"
    "  adah search --model photos.safetensors --index photos.adah --text dog --label park --cut-off\n"
    "  adah search --model photos.safetensors --index photos.adah --text beach --after 2019-06 --before 2020 --folder Italy\n"
    "  adah search --index photos.adah --id 17 --to image --radius 4 -k 1000\n"
    "  adah search --model photos.safetensors --index photos.adah --text boat --like 17 --like 40 --unlike 3\n"
    "  adah search --model m.safetensors --index i.adah --data photos --record images/7.jpg\n"
    "  adah search --model clip.safetensors --index i.adah --features query.npy --by text\n",
    run, 0};

/* What is searched by: one of text, image, record, id, code and features, or records that are liked alone. */
typedef struct query {
    cli_marks marks;
    const char *text, *image, *record, *id, *code, *features;
    cli_data_options how; /* of data */
    const char *data; /* the data set that `record` is in */
    const char *row;  /* of the features; NULL: all */
    const char *by_name, *to_name; /* as they were given; NULL: they were not */
    adah_modality by; /* which side is asked with */
    const char *order; /* "bits", "fine", or NULL: fine where that can be */
} query;

/* What the model, or the index, has for a query. */
typedef struct asked {
    uint8_t code[ADAH_BITS_MAX / 8];
    int8_t fine[ADAH_FINE_MAX];
    size_t n_fine; /* 0: there is no vector */
} asked;

/* What narrows the answer. */
typedef struct limits {
    adah_search_options options;
    cli_list labels;
    uint64_t *only;
} limits;

static adah_code fail(adah_status *status, adah_code code, const char *format, const char *what) {
    status->code = code;
    snprintf(status->message, sizeof status->message, format, what);
    return code;
}

/* ---------------------------------------------------------------- output */

static json_t *hit_json(const adah_index *index, const adah_index_entry *entry, const adah_search_hit *hit, int with_score, int with_words) {
    json_t *labels = json_array();
    for (size_t i = 0; i < entry->n_labels; i++) {
        const char *name = adah_index_label_name(index, entry->label[i]);
        json_array_append_new(labels, json_string(name ? name : ""));
    }
    json_t *object = json_pack("{s:I, s:i, s:s, s:s, s:o}", "id", (json_int_t)hit->id, "distance", (int)hit->distance, "file_name",
                               entry->file_name, "text", entry->text, "labels", labels);
    char date[ADAH_DATE_BYTES];
    if (*adah_date_write(&entry->taken, date))
        json_object_set_new(object, "taken", json_string(date));
    if (entry->taken.has_place) {
        json_object_set_new(object, "latitude", json_real(entry->taken.latitude_e7 / 1e7));
        json_object_set_new(object, "longitude", json_real(entry->taken.longitude_e7 / 1e7));
    }
    if (hit->distance == ADAH_NO_DISTANCE)
        json_object_set_new(object, "distance", json_null());
    if (with_score)
        json_object_set_new(object, "score", hit->score == ADAH_NO_SCORE ? json_null() : json_real((double)hit->score));
    if (with_words)
        json_object_set_new(object, "words", json_real((double)hit->words));
    return object;
}

static void print_hit(const adah_index *index, const adah_index_entry *entry, const adah_search_hit *hit, int with_score) {
    if (hit->distance == ADAH_NO_DISTANCE)
        printf("   -");
    else
        printf("%4u", (unsigned)hit->distance);
    if (with_score && hit->score == ADAH_NO_SCORE)
        printf("        -");
    else if (with_score)
        printf("  %7.*f", with_score, (double)hit->score);
    if (entry->file_name[0])
        printf("  %s", entry->file_name);
    else
        printf("  id %" PRIu64, hit->id);
    if (entry->text[0]) { /* of several texts, a line each, the first */
        const size_t width = strcspn(entry->text, "\n");
        size_t n_more = 0;
        for (const char *p = entry->text + width; *p; p++)
            n_more += *p == '\n' && p[1];
        printf("  \"%.*s\"", (int)width, entry->text);
        if (n_more)
            printf(" (and %zu more)", n_more);
    }
    for (size_t i = 0; i < entry->n_labels; i++)
        printf("%s%s", i ? ", " : "  [", adah_index_label_name(index, entry->label[i]));
    puts(entry->n_labels ? "]" : "");
}

/* How hits are told. */
typedef struct output {
    int with_score; /* so many digits behind the point; 0: no score */
    int with_words, as_json;
} output;

/* Prints the hits, or adds them to `list`. */
static adah_code tell_hits(const adah_index *index, const adah_search_result *result, output o, json_t *list, adah_status *status) {
    for (size_t i = 0; i < result->n_hits; i++) {
        adah_index_entry entry;
        const adah_code code = adah_index_record(index, result->hits[i].row, &entry, status);
        if (code != ADAH_OK)
            return code;
        if (list)
            json_array_append_new(list, hit_json(index, &entry, &result->hits[i], o.with_score, o.with_words));
        else
            print_hit(index, &entry, &result->hits[i], o.with_score);
        adah_index_entry_free(&entry);
    }
    return ADAH_OK;
}

static void print_json(json_t *list) {
    json_dumpf(list, stdout, JSON_INDENT(1));
    putchar('\n');
}

static adah_code print_hits(const adah_index *index, const adah_search_result *result, output o, adah_status *status) {
    json_t *list = o.as_json ? json_array() : NULL;
    const adah_code code = tell_hits(index, result, o, list, status);
    if (code == ADAH_OK && list)
        print_json(list);
    else if (code == ADAH_OK && result->n_hits == 0)
        fprintf(stderr, "adah: nothing found\n");
    json_decref(list);
    return code;
}

/* ---------------------------------------------------------------- the query's code */

static adah_code encode_record(const adah_model *model, adah_encoder *encoder, const query *q, uint8_t *code, adah_status *status) {
    adah_dataset *dataset;
    adah_code done = cli_open_data(q->data, &q->how, 0, &dataset, status);
    if (done != ADAH_OK)
        return done;
    size_t i = 0;
    while (i < adah_dataset_count(dataset) && strcmp(adah_dataset_record(dataset, i)->file_name, q->record))
        i++;
    if (i < adah_dataset_count(dataset)) {
        done = adah_encode_record(encoder, dataset, i, q->by, code, status);
        if (done == ADAH_OK && q->by == ADAH_TEXT)
            cli_print_unknown_words(model, adah_dataset_record(dataset, i)->text);
    } else {
        done = status->code = ADAH_ERROR_ARGUMENT;
        snprintf(status->message, sizeof status->message, "%.400s: no record with the file_name \"%.400s\"", q->data, q->record);
    }
    adah_dataset_close(dataset);
    return done;
}

static adah_code encode(const adah_model *model, adah_encoder *encoder, const query *q, uint8_t *code, adah_status *status) {
    if (!q->text)
        return q->image ? adah_encode_image_file(encoder, q->image, code, status) : encode_record(model, encoder, q, code, status);
    const adah_code done = adah_encode_text(encoder, q->text, code, status);
    if (done == ADAH_OK)
        cli_print_unknown_words(model, q->text);
    return done;
}

/* The stored code and vector of a record of the index; the record itself is not looked for. */
static adah_code code_of_id(const adah_index *index, const query *q, asked *a, adah_search_options *o, adah_status *status) {
    uint64_t id, row;
    adah_index_entry entry;
    if (!cli_read_id(q->id, &id))
        return fail(status, ADAH_ERROR_ARGUMENT, "--id is \"%.100s\", expected the number of a record", q->id);
    const int is_there = adah_index_find(index, id, &row);
    const adah_code done = is_there ? adah_index_record(index, row, &entry, status) : adah_index_check(index, status);
    if (done != ADAH_OK)
        return done;
    if (!is_there)
        return fail(status, ADAH_ERROR_NOT_FOUND, "there is no record with the id %.30s", q->id);
    const uint8_t *stored = q->by == ADAH_TEXT ? entry.text_code : entry.image_code;
    const int8_t *fine = q->by == ADAH_TEXT ? entry.text_fine : entry.image_fine;
    const int is_stored = stored != NULL;
    if (is_stored)
        memcpy(a->code, stored, adah_index_bits(index) / 8);
    if (fine) {
        a->n_fine = adah_index_fine(index, q->by);
        memcpy(a->fine, fine, a->n_fine);
    }
    adah_index_entry_free(&entry);
    if (!is_stored)
        return fail(status, ADAH_ERROR_MISMATCH, "that record has no code of its %s; see --by", q->by == ADAH_TEXT ? "text" : "image");
    o->exclude = id;
    return ADAH_OK;
}

static adah_code code_of_digits(const adah_index *index, const query *q, uint8_t *code, adah_status *status) {
    const size_t n_bytes = adah_index_bits(index) / 8;
    if (strlen(q->code) != 2 * n_bytes || strspn(q->code, "0123456789abcdefABCDEF") != 2 * n_bytes) {
        snprintf(status->message, sizeof status->message, "--code is \"%.300s\", expected %zu hexadecimal digits", q->code, 2 * n_bytes);
        return status->code = ADAH_ERROR_ARGUMENT;
    }
    for (size_t i = 0; i < n_bytes; i++) {
        const char two[3] = {q->code[2 * i], q->code[2 * i + 1], '\0'};
        code[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- limits */

static adah_code read_ids(limits *l, const char *path, adah_status *status) {
    FILE *file = fopen(path, "r");
    if (!file)
        return fail(status, ADAH_ERROR_IO, "%.400s: cannot open", path);
    char line[64];
    size_t n = 0, capacity = 0, n_line = 0;
    adah_code code = ADAH_OK;
    while (code == ADAH_OK && fgets(line, sizeof line, file)) {
        uint64_t id;
        n_line++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0')
            continue;
        if (!cli_read_id(line, &id)) {
            snprintf(status->message, sizeof status->message, "%.400s:%zu: \"%s\", expected an id", path, n_line, line);
            code = status->code = ADAH_ERROR_FORMAT;
        } else if (n == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            uint64_t *larger = realloc(l->only, capacity * sizeof *larger);
            if (!larger)
                code = fail(status, ADAH_ERROR_MEMORY, "%.400s: out of memory", path);
            else
                l->only = larger;
        }
        if (code == ADAH_OK)
            l->only[n++] = id;
    }
    fclose(file);
    if (!l->only && code == ADAH_OK)
        l->only = calloc(1, sizeof *l->only); /* an empty list: nothing may be found */
    l->options.only = l->only;
    l->options.n_only = n;
    return code;
}

/* ---------------------------------------------------------------- the search */

/* What is found: what was asked for, or the other kind. */
static adah_modality to_of(const query *q) {
    if (!q->to_name && cli_has_marks(&q->marks)) /* the marked ones are answers */
        return ADAH_IMAGE;
    return q->to_name ? (!strcmp(q->to_name, "image") ? ADAH_IMAGE : ADAH_TEXT) : q->by == ADAH_TEXT ? ADAH_IMAGE : ADAH_TEXT;
}

/* The fine order, unless another one is asked for or something lacks its vectors. */
static adah_code choose_order(const adah_index *index, const query *q, const asked *a, adah_search_options *o, adah_status *status) {
    const char *fault = adah_index_cannot_order(index, q->by, a->n_fine);
    if (q->order && q->order[0] == 'f' && fault)
        return fail(status, ADAH_ERROR_MISMATCH, "--order is \"fine\", but %s", fault);
    if (!fault && !o->relaxed && (!q->order || q->order[0] == 'f')) {
        o->fine = a->fine;
        o->n_fine = a->n_fine;
        o->fine_of = q->by;
    }
    return ADAH_OK;
}

/* Moves what is asked by the marks, if there are any. *has_code: 0: there is none before, and one behind. */
static adah_code apply_marks(const adah_index *index, query *q, adah_modality to, asked *a, int *has_code, adah_search_options *o,
                             adah_status *status) {
    adah_feedback moved;
    if (!cli_has_marks(&q->marks))
        return ADAH_OK;
    const adah_code code = cli_apply_marks(index, &q->marks, to, *has_code ? a->code : NULL, a->fine, *has_code ? a->n_fine : 0, &moved, o, status);
    if (code != ADAH_OK || !(*has_code || q->marks.liked.n))
        return code;
    memcpy(a->code, moved.code, sizeof a->code);
    memcpy(a->fine, moved.fine, sizeof a->fine);
    a->n_fine = moved.n_fine;
    q->by = moved.fine_of;
    *has_code = 1;
    return ADAH_OK;
}

static int digits_of_score(const adah_search_options *o) { return o->fine ? 4 : o->relaxed ? 2 : 0; }

static adah_code search(const char *model_path, const adah_index *index, query *q, adah_modality to, limits *l, int as_json,
                        adah_status *status) {
    adah_model *model = NULL;
    adah_encoder *encoder = NULL;
    asked a = {.n_fine = 0};
    adah_status unknown = {.code = ADAH_OK}; /* why the words have no code */
    adah_search_result result = {0};
    adah_code code = ADAH_OK;
    int has_code = q->text || q->image || q->record || q->id || q->code;
    if (q->id || q->code) {
        code = q->id ? code_of_id(index, q, &a, &l->options, status) : code_of_digits(index, q, a.code, status);
    } else if (has_code) {
        code = adah_model_open(model_path, &model, status);
        if (code == ADAH_OK)
            code = adah_index_check_model(index, model, status);
        if (code == ADAH_OK)
            code = adah_encoder_create(model, NULL, &encoder, status);
        if (code == ADAH_OK)
            code = encode(model, encoder, q, a.code, status);
        if (code == ADAH_ERROR_NO_KNOWN_WORD && l->options.words) { /* perhaps the index knows one */
            unknown = *status;
            code = ADAH_OK;
        }
        if (code == ADAH_OK && l->options.n_rerank && !unknown.code)
            l->options.relaxed = adah_encoder_relaxed(encoder);
        if (code == ADAH_OK && !unknown.code)
            memcpy(a.fine, adah_encoder_fine(encoder), a.n_fine = adah_model_fine(model, q->by));
    }
    has_code = has_code && !unknown.code;
    if (code == ADAH_OK)
        code = apply_marks(index, q, to, &a, &has_code, &l->options, status);
    if (code == ADAH_OK && has_code)
        code = choose_order(index, q, &a, &l->options, status);
    if (code == ADAH_OK)
        code = adah_index_search(index, to, has_code ? a.code : NULL, 1, &l->options, &result, status);
    if (code == ADAH_ERROR_NO_KNOWN_WORD && unknown.code)
        *status = unknown;
    if (code == ADAH_OK && unknown.code)
        cli_print_unknown_words(model, q->text);
    if (code == ADAH_ERROR_NOT_FOUND && (l->labels.n || l->options.folder)) /* of that name: the value of an option */
        code = status->code = ADAH_ERROR_ARGUMENT;
    if (code == ADAH_OK)
        code = print_hits(index, &result, (output){digits_of_score(&l->options), l->options.words != NULL, as_json}, status);
    adah_search_result_free(&result);
    adah_encoder_close(encoder);
    adah_model_close(model);
    return code;
}

/* ---------------------------------------------------------------- with features */

/* Leaves of the features the row that is asked for. */
static adah_code choose_row(const query *q, adah_features *f, adah_status *status) {
    uint64_t row;
    if (!q->row)
        return ADAH_OK;
    if (!cli_read_id(q->row, &row) || row >= f->n) {
        snprintf(status->message, sizeof status->message, "--row is \"%.100s\", expected a number below %zu, the rows of %.400s", q->row, f->n,
                 q->features);
        return status->code = ADAH_ERROR_ARGUMENT;
    }
    memmove(f->values, f->values + row * f->n_values, f->n_values * sizeof *f->values);
    f->n = f->is_single = 1;
    return ADAH_OK;
}

/* The hits of all rows, each behind its number. */
static adah_code print_rows(const adah_index *index, const adah_search_result *results, size_t n, output o, adah_status *status) {
    json_t *rows = o.as_json ? json_array() : NULL;
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        json_t *list = o.as_json ? json_array() : NULL;
        if (!list)
            printf("row %zu%s\n", i, results[i].n_hits ? "" : ": nothing found");
        code = tell_hits(index, &results[i], o, list, status);
        if (list)
            json_array_append_new(rows, json_pack("{s:I, s:o}", "row", (json_int_t)i, "hits", list));
    }
    if (code == ADAH_OK && rows)
        print_json(rows);
    json_decref(rows);
    return code;
}

static adah_code search_codes(const adah_index *index, const query *q, const adah_codes *codes, int is_single, adah_modality to, limits *l,
                              int as_json, adah_status *status) {
    adah_search_options *o = &l->options;
    const asked a = {.n_fine = codes->n_fine[q->by]};
    adah_search_result *results = calloc(codes->n, sizeof *results);
    if (!results)
        return fail(status, ADAH_ERROR_MEMORY, "%.400s: out of memory for the hits of its rows", q->features);
    if (o->n_rerank)
        o->relaxed = q->by == ADAH_TEXT ? codes->text_real : codes->image_real;
    adah_code code = choose_order(index, q, &a, o, status);
    if (o->fine)
        o->fine = q->by == ADAH_TEXT ? codes->text_fine : codes->image_fine;
    if (code == ADAH_OK)
        code = adah_index_search(index, to, q->by == ADAH_TEXT ? codes->text : codes->image, codes->n, o, results, status);
    const output told = {digits_of_score(o), 0, as_json};
    if (code == ADAH_OK)
        code = is_single ? print_hits(index, results, told, status) : print_rows(index, results, codes->n, told, status);
    for (size_t i = 0; i < codes->n; i++)
        adah_search_result_free(&results[i]);
    free(results);
    return code;
}

static adah_code search_features(const char *model_path, const adah_index *index, query *q, limits *l, int as_json, adah_status *status) {
    adah_model *model = NULL;
    adah_features features = {0};
    adah_codes codes = {0};
    adah_encode_options encoding;
    adah_encode_options_init(&encoding);
    encoding.keep_real = l->options.n_rerank != 0;
    adah_code code = adah_model_open(model_path, &model, status);
    if (code == ADAH_OK)
        code = adah_index_check_model(index, model, status);
    if (code == ADAH_OK)
        code = cli_read_features(model, q->features, q->by_name, "--by", &q->by, &features, status);
    if (code == ADAH_OK)
        code = choose_row(q, &features, status);
    if (code == ADAH_OK)
        code = adah_encode_feature_rows(model, q->by, &features, &encoding, (adah_progress){0}, &codes, status);
    if (code == ADAH_OK)
        code = search_codes(index, q, &codes, features.is_single, to_of(q), l, as_json, status);
    if (code == ADAH_ERROR_NOT_FOUND && (l->labels.n || l->options.folder))
        code = status->code = ADAH_ERROR_ARGUMENT;
    adah_codes_free(&codes);
    adah_features_free(&features);
    adah_model_close(model);
    return code;
}

/* ---------------------------------------------------------------- options */

static int usage(const char *message) {
    fprintf(stderr, "adah search: %s\nTry 'adah search --help'.\n", message);
    return CLI_USAGE;
}

/* The options as they belong together. Returns -1 when they do. */
static int check_query(const query *q, const char *model, const adah_search_options *o) {
    const char *by = q->by_name, *to = q->to_name;
    const int n_given = !!q->text + !!q->image + !!q->record + !!q->id + !!q->code + !!q->features;
    if (n_given != 1 && (n_given || !q->marks.liked.n))
        return usage("give one of --text, --image, --record, --id, --code and --features, or --like alone");
    if (cli_has_marks(&q->marks) && (q->features || o->n_rerank))
        return usage("--like and --unlike go neither with --features nor with --rerank");
    if (!q->record != !q->data || (by && !q->record && !q->id && !q->features) || (q->row && !q->features))
        return usage("--record and --data belong together, --by to --record, --id or --features, --row to --features");
    if (n_given && !q->id && !q->code && !model)
        return usage("--model is needed to ask with words, a picture or features");
    if ((q->id || q->code) && o->n_rerank)
        return usage("--rerank needs a query that the model encodes: --text, --image, --record or --features");
    if (q->order && strcmp(q->order, "bits") && strcmp(q->order, "fine")) {
        fprintf(stderr, "adah search: --order is \"%s\", expected bits or fine\n", q->order);
        return CLI_USAGE;
    }
    const int is_fine = o->n_candidates || (q->order && q->order[0] == 'f');
    if (is_fine && ((q->code && !cli_has_marks(&q->marks)) || o->n_rerank))
        return usage("the fine order goes neither with --code, which has no vector, nor with --rerank, which is another order");
    if (o->n_candidates && q->order && q->order[0] == 'b')
        return usage("--candidates goes with the fine order, not with --order bits");
    if (!cli_is_side(by) || !cli_is_side(to)) {
        fprintf(stderr, "adah search: --%s is \"%s\", expected image or text\n", cli_is_side(by) ? "to" : "by", cli_is_side(by) ? to : by);
        return CLI_USAGE;
    }
    return -1;
}

static int run(int argc, char **argv) {
    const char *model_path = NULL, *index_path = NULL, *method = "auto", *only = NULL;
    query q = {0};
    limits l = {0};
    cli_narrow narrow = {0};
    adah_search_options_init(&l.options);
    int as_json = 0, no_words = 0, radius = -1, threads = 1; /* waking others takes longer than scanning millions of codes */
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "the model that made the index", &model_path, 0, 0, 0},
        {"index", 0, CLI_TEXT, "FILE", "the index", &index_path, 1, 0, 0},
        {"text", 0, CLI_TEXT, "WORDS", "query by words", &q.text, 0, 0, 0},
        {"image", 0, CLI_TEXT, "FILE", "query by image", &q.image, 0, 0, 0},
        {"record", 0, CLI_TEXT, "FILE_NAME", "query by a record of --data", &q.record, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set of --record", &q.data, 0, 0, 0},
        CLI_DATA_OPTIONS(q.how),
        {"id", 0, CLI_TEXT, "N", "query by a record of the index; needs no model", &q.id, 0, 0, 0},
        {"code", 0, CLI_TEXT, "HEX", "query by a code, first byte first; needs no model", &q.code, 0, 0, 0},
        {"features", 0, CLI_TEXT, "FILE", "query by features of another encoder, .npy or .safetensors", &q.features, 0, 0, 0},
        {"row", 0, CLI_TEXT, "N", "by this row of the features alone (default: by every row, one after another)", &q.row, 0, 0, 0},
        {"like", 0, CLI_LIST, "N", "more like this record of the index; may be repeated", &q.marks.liked, 0, 0, 0},
        {"unlike", 0, CLI_LIST, "N", "not like this one; may be repeated", &q.marks.unliked, 0, 0, 0},
        {"by", 0, CLI_TEXT, "image|text", "which side of --record or --id asks (default: image), or whose the features are\n"
         "(default: the side that the model takes as features)", &q.by_name, 0, 0, 0},
        {"to", 0, CLI_TEXT, "image|text", "what to find (default: the other kind; with --like and --unlike images)", &q.to_name, 0, 0, 0},
        {"k", 'k', CLI_SIZE, "N", "number of answers, at most (default 10)", &l.options.k, 0, 1, 1e12},
        {"radius", 0, CLI_INT, "N", "distance of answers, at most (default: any)", &radius, 0, 0, ADAH_BITS_MAX},
        {"label", 0, CLI_LIST, "NAME", "search only records with this label; may be repeated: with any of them", &l.labels, 0, 0, 0},
        CLI_NARROW_OPTIONS(narrow),
        {"only", 0, CLI_TEXT, "FILE", "search only records whose ids are in this file, one a line", &only, 0, 0, 0},
        {"order", 0, CLI_TEXT, "bits|fine", "by distance alone, or the candidates by their scores (default: fine where the index has them)", &q.order, 0, 0, 0},
        {"candidates", 0, CLI_SIZE, "N", "how many of the nearest the fine order looks at first (default: 200, at most a quarter of the codes; where like asks for like, all up to 10,000; then at as many more)", &l.options.n_candidates, 0, 1, 1e9},
        {"rerank", 0, CLI_SIZE, "N", "put the N nearest in order by how sure the query's bits are, then give the best k", &l.options.n_rerank, 0, 1, 1e9},
        {"no-words", 0, CLI_FLAG, NULL, "search by codes alone, not also for the words of --text in texts, labels and file names", &no_words, 0, 0, 0},
        {"cut-off", 0, CLI_FLAG, NULL, "leave out what is too far to be an answer; there may be no answer then", &l.options.cut_off, 0, 0, 0},
        {"method", 0, CLI_TEXT, "auto|scan|tables", "how to search; the answer is the same (default auto)", &method, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "number of threads (default 1, enough for tens of millions of codes)", &threads, 0, 0, 4096},
        {"json", 0, CLI_FLAG, NULL, "print a list of {id, distance, file_name, text, labels}, taken, latitude and longitude where they are known, and, where they are in order by it, score; with words, the share of them that it holds; of several rows a list of {row, hits}", &as_json, 0, 0, 0},
    };
    int code = cli_parse_all(&cli_search, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0 || (code = check_query(&q, model_path, &l.options)) >= 0)
        return code;
    if (strcmp(method, "auto") && strcmp(method, "scan") && strcmp(method, "tables")) {
        fprintf(stderr, "adah search: --method is \"%s\", expected auto, scan or tables\n", method);
        return CLI_USAGE;
    }
    l.options.method = method[0] == 's' ? ADAH_SEARCH_SCAN : method[0] == 't' ? ADAH_SEARCH_TABLES : ADAH_SEARCH_AUTO;
    if (q.text && !no_words)
        l.options.words = &q.text;
    if (radius >= 0)
        l.options.radius = (uint32_t)radius;
    if (l.options.n_candidates)
        q.order = "fine";
    q.by = q.text || (q.by_name && !strcmp(q.by_name, "text")) ? ADAH_TEXT : ADAH_IMAGE;
    adah_set_threads(threads);
    adah_status status;
    adah_index *index = NULL;
    adah_code done = cli_narrow_read(&narrow, &l.options, &status);
    if (done != ADAH_OK) {
        fprintf(stderr, "adah search: %s\n", status.message);
        return CLI_USAGE;
    }
    done = adah_index_open(index_path, &index, &status);
    l.options.label = l.labels.item;
    l.options.n_labels = l.labels.n;
    if (done == ADAH_OK && only)
        done = read_ids(&l, only, &status);
    if (done == ADAH_OK)
        done = q.features ? search_features(model_path, index, &q, &l, as_json, &status)
                          : search(model_path, index, &q, to_of(&q), &l, as_json, &status);
    free(l.only);
    adah_index_close(index);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
