/* example.c - a program of somebody else's against the installed library: generated scenes, a model, codes, an index,
 * a search. Valid C and C++. */
#include <adah/adah.h>

#include <stdio.h>
#include <string.h>

static int n_events;

static int on_progress(void *user, const adah_progress_event *event) {
    (void)user;
    n_events += event->stage != NULL;
    return 0;
}

static int failed(const char *what, const adah_status *status) {
    fprintf(stderr, "%s: %s: %s\n", what, adah_code_name(status->code), status->message);
    return 1;
}

static int search(const adah_model *model, const char *text) {
    adah_status status;
    adah_index *index = NULL;
    adah_encoder *encoder = NULL;
    uint8_t query[ADAH_BITS_MAX / 8];
    adah_search_options options;
    adah_search_options_init(&options);
    adah_search_result found = {NULL, 0};
    options.k = 3;
    adah_code code = adah_index_open("scenes.adah", &index, &status);
    if (code == ADAH_OK)
        code = adah_index_check_model(index, model, &status);
    if (code == ADAH_OK)
        code = adah_encoder_create(model, NULL, &encoder, &status);
    if (code == ADAH_OK)
        code = adah_encode_text(encoder, text, query, &status);
    if (code == ADAH_OK)
        code = adah_index_search(index, ADAH_IMAGE, query, 1, &options, &found, &status);
    for (size_t i = 0; i < found.n_hits && code == ADAH_OK; i++) {
        adah_index_entry entry;
        code = adah_index_record(index, found.hits[i].row, &entry, &status);
        if (code == ADAH_OK) {
            printf("%u %s\n", (unsigned)found.hits[i].distance, entry.file_name);
            adah_index_entry_free(&entry);
        }
    }
    const size_t n_hits = found.n_hits;
    adah_search_result_free(&found);
    adah_encoder_close(encoder);
    adah_index_close(index);
    return code == ADAH_OK && n_hits == 3 ? 0 : failed("search", &status);
}

static int use(const adah_dataset *dataset) {
    adah_status status;
    const char *const settings[] = {"n_side=16"};
    adah_train_options options;
    adah_train_options_init(&options);
    options.n_epochs = 1;
    options.n_bits = 16;
    options.settings = settings;
    options.n_settings = 1;
    adah_progress progress = {on_progress, NULL};
    char *report = NULL;
    if (adah_train(dataset, "scenes.safetensors", &options, progress, &report, &status) != ADAH_OK)
        return failed("train", &status);
    const int has_report = strstr(report, "\"history\"") != NULL;
    adah_free(report);
    if (!has_report || !n_events)
        return 1;
    adah_model *model;
    if (adah_model_open("scenes.safetensors", &model, &status) != ADAH_OK)
        return failed("model", &status);
    adah_codes codes;
    adah_index_add_counts counts = {0};
    int result = 0;
    if (adah_encode_dataset(model, dataset, NULL, progress, &codes, &status) != ADAH_OK) {
        result = failed("encode", &status);
    } else {
        result = codes.n != 40 || codes.n_bits != 16;
        adah_codes_free(&codes);
    }
    if (!result &&
        adah_index_create(model, dataset, "scenes.adah", 0, NULL, progress, &counts, &status) != ADAH_OK)
        result = failed("index", &status);
    if (!result)
        result = counts.n_added != 40 || counts.n_unreadable != 0 || search(model, adah_dataset_record(dataset, 0)->text);
    adah_model_close(model);
    return result;
}

int main(void) {
    adah_status status;
    if (strcmp(adah_version(), ADAH_VERSION) != 0 || adah_version_number() != ADAH_VERSION_NUMBER)
        return 1;
    adah_synth_options scenes;
    adah_synth_options_init(&scenes);
    scenes.n_scenes = 40;
    scenes.n_side = 16;
    adah_set_threads(1);
    if (adah_synth_write("scenes", &scenes, &status) != ADAH_OK)
        return failed("synth", &status);
    adah_dataset *dataset;
    if (adah_dataset_open("scenes", NULL, &dataset, &status) != ADAH_OK)
        return failed("data set", &status);
    const int result = use(dataset);
    adah_dataset_close(dataset);
    /* A failure has a code and a message. */
    if (adah_dataset_open("nowhere", NULL, &dataset, &status) != ADAH_ERROR_NOT_FOUND || !strstr(status.message, "nowhere"))
        return 1;
    return result;
}
