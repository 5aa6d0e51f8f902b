/* command_info.c - adah info. */
#include "data_options.h"
#include "left_out.h"
#include "options.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_info = {
    "info", "Describe a model, an index, a data set or a file of weights.", "",
    "Examples:\n"
    "  adah info --model photos.safetensors\n"
    "  adah info --index photos.adah\n"
    "  adah info --data photos\n"
    "  adah info --weights mobilenet_v2-b0353104.pth\n",
    run, 0};

static adah_code model_info(const char *path, json_t **object, adah_status *status) {
    adah_model *model;
    const adah_code code = adah_model_open(path, &model, status);
    if (code == ADAH_OK) {
        *object = json_loads(adah_model_json(model), 0, NULL);
        adah_model_close(model);
    }
    return code;
}

static adah_code index_info(const char *path, json_t **object, adah_status *status) {
    adah_index *index = NULL;
    char *json = NULL;
    adah_code code = adah_index_open(path, &index, status);
    if (code == ADAH_OK)
        code = adah_index_stats(index, &json, status);
    if (code == ADAH_OK)
        *object = json_loads(json, 0, NULL);
    adah_free(json);
    adah_index_close(index);
    return code;
}

static adah_code weights_info(const char *path, json_t **object, adah_status *status) {
    char *json = NULL;
    const adah_code code = adah_weights_json(path, &json, status);
    if (code == ADAH_OK)
        *object = json_loads(json, 0, NULL);
    adah_free(json);
    return code;
}

/* How many records have texts, labels, dates and places of each source. */
static json_t *count_sources(const adah_dataset *dataset) {
    json_t *texts = json_object(), *labels = json_object(), *dates = json_object(), *places = json_object();
    adah_source source;
    const char *name;
    for (size_t k = 0; (name = cli_source(k, &source)); k++) {
        size_t n_texts = 0, n_labels = 0, n_dates = 0, n_places = 0;
        for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
            const adah_record *r = adah_dataset_record(dataset, i);
            n_texts += (r->text_sources & source) != 0;
            n_labels += (r->label_sources & source) != 0;
            n_dates += (r->date_source & source) != 0;
            n_places += (r->place_source & source) != 0;
        }
        if (n_texts)
            json_object_set_new(texts, name, json_integer((json_int_t)n_texts));
        if (n_labels)
            json_object_set_new(labels, name, json_integer((json_int_t)n_labels));
        if (n_dates)
            json_object_set_new(dates, name, json_integer((json_int_t)n_dates));
        if (n_places)
            json_object_set_new(places, name, json_integer((json_int_t)n_places));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "texts", texts, "labels", labels, "dates", dates, "places", places);
}

/* How many records have a date and a place, and the first and the last date. */
static json_t *tell_taken(const adah_dataset *dataset) {
    size_t n_dates = 0, n_places = 0;
    const adah_taken *first = NULL, *last = NULL;
    char text[ADAH_DATE_BYTES];
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const adah_taken *t = &adah_dataset_record(dataset, i)->taken;
        n_places += t->has_place;
        if (t->detail == ADAH_DATE_NONE)
            continue;
        n_dates++;
        first = !first || t->seconds < first->seconds ? t : first;
        last = !last || t->seconds > last->seconds ? t : last;
    }
    json_t *object = json_pack("{s:I, s:I}", "n_dates", (json_int_t)n_dates, "n_places", (json_int_t)n_places);
    if (first) {
        json_object_set_new(object, "first_date", json_string(adah_date_write(first, text)));
        json_object_set_new(object, "last_date", json_string(adah_date_write(last, text)));
    }
    return object;
}

static void add_taken(json_t *object, const adah_taken *taken) {
    char text[ADAH_DATE_BYTES];
    if (*adah_date_write(taken, text))
        json_object_set_new(object, "taken", json_string(text));
    if (taken->has_place) {
        json_object_set_new(object, "latitude", json_real(taken->latitude_e7 / 1e7));
        json_object_set_new(object, "longitude", json_real(taken->longitude_e7 / 1e7));
    }
}

/* A few records, from the first to the last. */
static json_t *show_examples(const adah_dataset *dataset) {
    enum { N_EXAMPLES = 3 };
    const size_t n = adah_dataset_count(dataset), n_shown = n < N_EXAMPLES ? n : N_EXAMPLES;
    json_t *list = json_array();
    for (size_t i = 0; i < n_shown; i++) {
        const adah_record *r = adah_dataset_record(dataset, n_shown > 1 ? i * (n - 1) / (n_shown - 1) : 0);
        json_t *labels = json_array();
        for (size_t k = 0; k < r->n_labels; k++)
            json_array_append_new(labels, json_string(adah_dataset_label_name(dataset, r->label[k])));
        json_t *example = json_pack("{s:s, s:s, s:o, s:o, s:o}", "file_name", r->file_name, "text", r->text, "text_from",
                                    cli_sources_json(r->text_sources), "labels", labels, "labels_from", cli_sources_json(r->label_sources));
        add_taken(example, &r->taken);
        json_array_append_new(list, example);
    }
    return list;
}

static adah_code data_info(const char *path, const cli_data_options *how, json_t **object, adah_status *status) {
    adah_dataset *dataset;
    char checksum[33];
    adah_code code = cli_open_data(path, how, 0, &dataset, status);
    if (code != ADAH_OK)
        return code;
    code = adah_dataset_split_checksum(dataset, checksum, status);
    if (code != ADAH_OK) {
        adah_dataset_close(dataset);
        return code;
    }
    json_int_t n_split[3] = {0}, n_texts = 0;
    size_t n_labels = 0, n_empty = 0;
    const size_t n = adah_dataset_count(dataset);
    for (size_t i = 0; i < n; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        n_split[r->split]++;
        n_labels += r->n_labels;
        n_empty += !*r->text;
        n_texts += (json_int_t)r->n_texts;
    }
    const char *bad;
    const size_t n_bad = adah_dataset_skipped(dataset, &bad);
    *object = json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:f, s:I, s:I, s:I, s:o, s:o}", "n_records", (json_int_t)n, "n_train", n_split[0],
                        "n_query", n_split[1], "n_database", n_split[2], "split_checksum", checksum, "n_labels",
                        (json_int_t)adah_dataset_label_count(dataset), "labels_per_record", (double)n_labels / (double)n,
                        "n_texts", n_texts, "n_texts_empty", (json_int_t)n_empty, "n_bad_records", (json_int_t)n_bad, "bad_records", cli_reasons_json(bad),
                        "notes", cli_reasons_json(adah_dataset_notes(dataset)));
    if (*object) {
        json_t *first = json_array_get(json_object_get(*object, "bad_records"), 0);
        json_object_set_new(*object, "sources", count_sources(dataset));
        json_object_set_new(*object, "taken", tell_taken(dataset));
        json_object_set_new(*object, "examples", show_examples(dataset));
        json_object_set_new(*object, "first_bad", first ? json_incref(first) : json_string(""));
    }
    adah_dataset_close(dataset);
    return code;
}

static void print_joined(const json_t *list) {
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
        printf("%s%s", i ? ", " : "", json_string_value(item));
}

/* A line for what each example is of, long texts cut at the end of a letter. */
static void print_examples(const json_t *examples) {
    enum { SHOWN_BYTES = 100 };
    size_t i;
    const json_t *e;
    json_array_foreach(examples, i, e) {
        const char *text = json_string_value(json_object_get(e, "text"));
        const json_t *labels = json_object_get(e, "labels");
        size_t n = 0;
        while (n < SHOWN_BYTES && text[n] && text[n] != '\n')
            n++;
        const int is_cut = text[n] != '\0';
        while (is_cut && n && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        printf("  %s\n", json_string_value(json_object_get(e, "file_name")));
        if (*text) {
            printf("    text (");
            print_joined(json_object_get(e, "text_from"));
            printf("): %.*s%s\n", (int)n, text, is_cut ? " ..." : "");
        }
        if (json_array_size(labels)) {
            printf("    labels (");
            print_joined(json_object_get(e, "labels_from"));
            printf("): ");
            print_joined(labels);
            printf("\n");
        }
        const char *taken = json_string_value(json_object_get(e, "taken"));
        const json_t *latitude = json_object_get(e, "latitude");
        if (taken || latitude)
            printf("    taken: %s", taken ? taken : "");
        if (latitude)
            printf("%sat %.5f, %.5f", taken ? " " : "", json_real_value(latitude), json_real_value(json_object_get(e, "longitude")));
        if (taken || latitude)
            printf("\n");
    }
}

/* Nested objects are indented; arrays are only counted, but for the few messages. */
static void print_object(json_t *object, int depth) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        const int is_told = !strcmp(key, "bad_records") || !strcmp(key, "notes");
        if (is_told && json_array_size(value) == 0)
            continue;
        printf("%*s%s: ", 2 * depth, "", key);
        if (!strcmp(key, "examples")) {
            printf("\n");
            print_examples(value);
        } else if (json_is_object(value)) {
            printf("\n");
            print_object(value, depth + 1);
        } else if (json_is_array(value)) {
            printf("%zu entries\n", json_array_size(value));
            size_t i;
            const json_t *reason;
            if (is_told)
                json_array_foreach(value, i, reason)
                    printf("%*s%s\n", 2 * depth + 2, "", json_string_value(reason));
        } else if (json_is_string(value)) {
            printf("%s\n", json_string_value(value));
        } else if (json_is_integer(value)) {
            printf("%lld\n", (long long)json_integer_value(value));
        } else {
            printf("%g\n", json_number_value(value));
        }
    }
}

static int run(int argc, char **argv) {
    const char *model = NULL, *index = NULL, *data = NULL, *weights = NULL;
    int as_json = 0;
    cli_data_options how = {0};
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "a trained model: its configuration and training record", &model, 0, 0, 0},
        {"index", 0, CLI_TEXT, "FILE", "an index", &index, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "a data set: what was found, and from which source", &data, 0, 0, 0},
        CLI_DATA_OPTIONS(how),
        {"weights", 0, CLI_TEXT, "FILE", "weights as they are published: which network they are of", &weights, 0, 0, 0},
        {"json", 0, CLI_FLAG, NULL, "print everything as JSON", &as_json, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_info, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    if (!!model + !!index + !!data + !!weights != 1) {
        fprintf(stderr, "adah info: give one of --model, --index, --data and --weights\n");
        return CLI_USAGE;
    }
    adah_status status;
    json_t *object = NULL;
    const adah_code done = model   ? model_info(model, &object, &status)
                           : index ? index_info(index, &object, &status)
                           : weights ? weights_info(weights, &object, &status)
                                   : data_info(data, &how, &object, &status);
    if (done != ADAH_OK)
        return cli_fail(&status);
    if (as_json) {
        json_dumpf(object, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        print_object(object, 0);
    }
    json_decref(object);
    return CLI_OK;
}
