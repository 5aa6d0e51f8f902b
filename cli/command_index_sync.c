/* command_index_sync.c - asks where it should, and tells what was done. */
#define _XOPEN_SOURCE 700
#include "command_index_sync.h"
#include "left_out.h"
#include "options.h"
#include "terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int say_yes(void *context, uint64_t n, uint64_t n_all) {
    (void)context, (void)n, (void)n_all;
    return 1;
}

static int ask(void *context, uint64_t n, uint64_t n_all) {
    const cli_sync *o = context;
    char answer[16] = "";
    cli_progress_end();
    fprintf(stderr, "%s: %" PRIu64 " of its %" PRIu64 " records are of pictures that are no longer in %s. Delete them? [y/N] ", o->index, n, n_all,
            o->data);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void print_json(const adah_dataset *dataset, const adah_sync_counts *c, int is_dry) {
    const char *bad = "";
    const size_t n_bad = adah_dataset_skipped(dataset, &bad);
    json_t *object = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o}", "dry_run", is_dry, "n_added", (json_int_t)c->n_added, "n_replaced",
                               (json_int_t)c->n_replaced, "n_deleted", (json_int_t)c->n_deleted, "n_unchanged", (json_int_t)c->n_unchanged, "n_unreadable",
                               (json_int_t)c->n_unreadable, "unreadable", cli_reasons_json(c->reasons), "n_bad_records", (json_int_t)n_bad, "bad_records",
                               cli_reasons_json(bad));
    json_dumpf(object, stdout, JSON_INDENT(2));
    puts("");
    json_decref(object);
}

static void print_counts(const cli_sync *o, const adah_dataset *dataset, const adah_sync_counts *c) {
    const uint64_t n_left_out = c->n_unreadable + adah_dataset_skipped(dataset, NULL);
    printf("%s: %s%" PRIu64 " added, %" PRIu64 " replaced, %" PRIu64 " deleted, %" PRIu64 " unchanged", o->index, o->is_dry ? "would be " : "", c->n_added,
           c->n_replaced, c->n_deleted, c->n_unchanged);
    if (n_left_out)
        printf(", %" PRIu64 " left out as bad or unreadable", n_left_out);
    printf("\n");
    if (c->is_memory_lost)
        printf("note: %s.sync was damaged, so that all pictures were encoded again and compared\n", o->index);
    cli_print_skipped(dataset, (size_t)c->n_unreadable, c->reasons);
    cli_print_unknown_texts((size_t)c->n_texts_unknown, (size_t)(c->n_added + c->n_replaced));
}

static adah_code open_model(const cli_sync *o, adah_model **model, char **path, adah_status *status) {
    char *remembered = NULL;
    *path = NULL;
    if (!o->model) {
        const adah_code code = adah_index_synced_model(o->index, &remembered, status);
        if (code == ADAH_ERROR_NOT_FOUND)
            snprintf(status->message, sizeof status->message, "%.500s: it is not known which model made it; give it as --model FILE", o->index);
        if (code != ADAH_OK)
            return code;
    }
    const adah_code code = adah_model_open(o->model ? o->model : remembered, model, status);
    if (code == ADAH_OK)
        *path = realpath(o->model ? o->model : remembered, NULL);
    adah_free(remembered);
    return code;
}

int cli_index_sync(const cli_sync *o) {
    adah_status status;
    adah_model *model = NULL;
    adah_dataset *dataset = NULL;
    adah_sync_counts counts = {0};
    adah_dataset_options data;
    adah_sync_options sync;
    char *model_path = NULL;
    adah_sync_options_init(&sync);
    const adah_progress progress = cli_progress_begin(o->quiet);
    adah_code done = cli_read_data_options(o->how, o->encode->strict, &data, &status);
    if (done == ADAH_OK)
        done = open_model(o, &model, &model_path, &status);
    if (done == ADAH_OK) {
        sync.data = &data;
        sync.encode = o->encode;
        sync.dry_run = o->is_dry;
        sync.model_path = model_path;
        sync.may_delete = o->force ? say_yes : isatty(STDIN_FILENO) && isatty(STDERR_FILENO) ? ask : NULL;
        sync.context = (void *)o;
        done = adah_index_sync(model, o->data, o->index, &sync, progress, &counts, &dataset, &status);
    }
    cli_progress_end();
    if (done == ADAH_OK && o->as_json)
        print_json(dataset, &counts, o->is_dry);
    else if (done == ADAH_OK)
        print_counts(o, dataset, &counts);
    adah_dataset_close(dataset);
    adah_model_close(model);
    free(model_path);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
