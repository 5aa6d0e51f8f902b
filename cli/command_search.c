/* command_search.c - adah search. */
#include "options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_search = {
    "search", "Find images by words, words by image, or like by like.", "",
    "A text query answers with images and an image query with texts, unless --to says otherwise.\n"
    "\n"
    "Examples:\n"
    "  adah search --model photos.safetensors --index photos.adah --text 'boat on a lake'\n"
    "  adah search --model photos.safetensors --index photos.adah --image my-cat.jpg --to image -k 5\n"
    "  adah search --model photos.safetensors --index photos.adah --text dog --json\n"
    "  adah search --model m.safetensors --index i.adah --data photos --record images/7.jpg   (models of given features too)\n",
    run, 0};

static json_t *hit_json(const adah_index *index, const adah_index_entry *entry, const adah_search_hit *hit) {
    json_t *labels = json_array();
    for (size_t i = 0; i < entry->n_labels; i++)
        json_array_append_new(labels, json_string(adah_index_label_name(index, entry->label[i])));
    return json_pack("{s:I, s:i, s:s, s:s, s:o}", "id", (json_int_t)hit->record, "distance", (int)hit->distance, "file_name",
                     entry->file_name, "text", entry->text, "labels", labels);
}

static void print_hit(const adah_index *index, const adah_index_entry *entry, const adah_search_hit *hit) {
    printf("%4u  %s  \"%s\"", (unsigned)hit->distance, entry->file_name, entry->text);
    for (size_t i = 0; i < entry->n_labels; i++)
        printf("%s%s", i ? ", " : "  [", adah_index_label_name(index, entry->label[i]));
    puts(entry->n_labels ? "]" : "");
}

static adah_code print_hits(const adah_index *index, const adah_search_hit *hits, size_t n, int as_json,
                            adah_status *status) {
    json_t *list = as_json ? json_array() : NULL;
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        adah_index_entry entry;
        code = adah_index_record(index, hits[i].record, &entry, status);
        if (code == ADAH_OK && as_json)
            json_array_append_new(list, hit_json(index, &entry, &hits[i]));
        else if (code == ADAH_OK)
            print_hit(index, &entry, &hits[i]);
    }
    if (code == ADAH_OK && as_json) {
        json_dumpf(list, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(list);
    return code;
}

/* What is searched by: one of text, image and record. */
typedef struct query {
    const char *text, *image, *record;
    const char *data; /* the data set that `record` is in */
    adah_modality by; /* which side is asked with */
} query;

static adah_code encode_record(adah_encoder *encoder, const query *q, uint8_t *code, adah_status *status) {
    adah_dataset *dataset;
    adah_code done = adah_dataset_open(q->data, NULL, &dataset, status);
    if (done != ADAH_OK)
        return done;
    size_t i = 0;
    while (i < adah_dataset_count(dataset) && strcmp(adah_dataset_record(dataset, i)->file_name, q->record))
        i++;
    if (i < adah_dataset_count(dataset)) {
        done = adah_encode_record(encoder, dataset, i, q->by, code, status);
    } else {
        done = status->code = ADAH_ERROR_ARGUMENT;
        snprintf(status->message, sizeof status->message, "%.400s: no record with the file_name \"%.400s\"", q->data, q->record);
    }
    adah_dataset_close(dataset);
    return done;
}

static adah_code encode(adah_encoder *encoder, const query *q, uint8_t *code, adah_status *status) {
    return q->text    ? adah_encode_text(encoder, q->text, code, status)
           : q->image ? adah_encode_image_file(encoder, q->image, code, status)
                      : encode_record(encoder, q, code, status);
}

static adah_code search(const adah_model *model, const adah_index *index, const query *q, adah_modality to, size_t k,
                        int as_json, adah_status *status) {
    adah_encoder *encoder = NULL;
    uint8_t query_code[ADAH_BITS_MAX / 8];
    adah_search_hit *hits = NULL;
    size_t n = 0;
    if (k > adah_index_count(index))
        k = adah_index_count(index);
    adah_code code = adah_index_check_model(index, model, status);
    if (code == ADAH_OK)
        code = adah_encoder_create(model, &encoder, status);
    if (code == ADAH_OK)
        code = encode(encoder, q, query_code, status);
    if (code == ADAH_OK) {
        hits = calloc(k ? k : 1, sizeof *hits);
        if (hits) {
            code = adah_index_search(index, to, query_code, k, hits, &n, status);
        } else {
            code = ADAH_ERROR_MEMORY;
            snprintf(status->message, sizeof status->message, "out of memory for %zu results", k);
            status->code = code;
        }
    }
    if (code == ADAH_OK)
        code = print_hits(index, hits, n, as_json, status);
    free(hits);
    adah_encoder_close(encoder);
    return code;
}

static int is_side(const char *name) { return !name || !strcmp(name, "image") || !strcmp(name, "text"); }

static int run(int argc, char **argv) {
    const char *model_path = NULL, *index_path = NULL, *by = NULL, *to = NULL;
    query q = {0};
    size_t k = 10;
    int as_json = 0, threads = 1; /* waking others takes longer than scanning millions of codes */
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "the model that made the index", &model_path, 1, 0, 0},
        {"index", 0, CLI_TEXT, "FILE", "the index", &index_path, 1, 0, 0},
        {"text", 0, CLI_TEXT, "WORDS", "query by words", &q.text, 0, 0, 0},
        {"image", 0, CLI_TEXT, "FILE", "query by image", &q.image, 0, 0, 0},
        {"record", 0, CLI_TEXT, "FILE_NAME", "query by a record of --data", &q.record, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set of --record", &q.data, 0, 0, 0},
        {"by", 0, CLI_TEXT, "image|text", "which side of --record (default: image)", &by, 0, 0, 0},
        {"to", 0, CLI_TEXT, "image|text", "what to find (default: the other kind)", &to, 0, 0, 0},
        {"k", 'k', CLI_SIZE, "N", "how many (default 10)", &k, 0, 1, 1e9},
        {"threads", 0, CLI_INT, "N", "default 1: enough for tens of millions of codes", &threads, 0, 0, 4096},
        {"json", 0, CLI_FLAG, NULL, "print a list of {id, distance, file_name, text, labels}", &as_json, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_search, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    if (!!q.text + !!q.image + !!q.record != 1) {
        fprintf(stderr, "adah search: give one of --text, --image and --record\n");
        return CLI_USAGE;
    }
    if (!q.record != !q.data || (by && !q.record)) {
        fprintf(stderr, "adah search: --record and --data belong together, --by to them\n");
        return CLI_USAGE;
    }
    if (!is_side(by) || !is_side(to)) {
        fprintf(stderr, "adah search: --%s is \"%s\", expected image or text\n", is_side(by) ? "to" : "by", is_side(by) ? to : by);
        return CLI_USAGE;
    }
    q.by = q.text || (by && !strcmp(by, "text")) ? ADAH_TEXT : ADAH_IMAGE;
    const adah_modality kind = to ? (!strcmp(to, "image") ? ADAH_IMAGE : ADAH_TEXT) : q.by == ADAH_TEXT ? ADAH_IMAGE : ADAH_TEXT;
    adah_set_threads(threads);
    adah_status status;
    adah_model *model = NULL;
    adah_index *index = NULL;
    adah_code done = adah_model_open(model_path, &model, &status);
    if (done == ADAH_OK)
        done = adah_index_open(index_path, &index, &status);
    if (done == ADAH_OK)
        done = search(model, index, &q, kind, k, as_json, &status);
    adah_index_close(index);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
