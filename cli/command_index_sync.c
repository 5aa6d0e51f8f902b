/* command_index_sync.c - asks where it should, and tells what was done. */
#define _XOPEN_SOURCE 700
#include "command_index_sync.h"
#include "folder_watch.h"
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

static void print_json(const adah_dataset *dataset, const adah_sync_counts *c, const cli_sync *o) {
    const char *bad = "";
    const size_t n_bad = adah_dataset_skipped(dataset, &bad);
    json_t *object = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o}", "dry_run", o->is_dry, "n_added", (json_int_t)c->n_added, "n_replaced",
                               (json_int_t)c->n_replaced, "n_deleted", (json_int_t)c->n_deleted, "n_unchanged", (json_int_t)c->n_unchanged, "n_unreadable",
                               (json_int_t)c->n_unreadable, "unreadable", cli_reasons_json(c->reasons), "n_bad_records", (json_int_t)n_bad, "bad_records",
                               cli_reasons_json(bad));
    json_dumpf(object, stdout, o->watches ? 0 : JSON_INDENT(2)); /* a line for each sync */
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

/* One sync, told unless it did nothing and is_silent. */
static adah_code sync_once(const cli_sync *o, const adah_model *model, const adah_sync_options *sync, adah_progress progress, int is_silent,
                           adah_status *status) {
    adah_dataset *dataset = NULL;
    adah_sync_counts counts = {0};
    const adah_code done = adah_index_sync(model, o->data, o->index, sync, progress, &counts, &dataset, status);
    const int is_nothing = counts.n_added + counts.n_replaced + counts.n_deleted == 0;
    cli_progress_end();
    if (done == ADAH_OK && !(is_silent && is_nothing)) {
        if (o->as_json)
            print_json(dataset, &counts, o);
        else
            print_counts(o, dataset, &counts);
        fflush(stdout);
    }
    adah_dataset_close(dataset);
    return done;
}

static int is_stopped(void *context) {
    (void)context;
    return cli_is_interrupted();
}

/* Until it is told to stop. A sync that fails is told; one that another writer kept out is tried again. */
static adah_code keep_in_step(const cli_sync *o, folder_watch *watch, const adah_model *model, const adah_sync_options *sync, adah_progress progress,
                              adah_status *status) {
    int is_changed = 0;
    while (!cli_is_interrupted()) {
        adah_code done = folder_watch_wait(watch, is_stopped, NULL, &is_changed, status);
        if (done != ADAH_OK)
            return done;
        done = is_changed ? sync_once(o, model, sync, progress, 1, status) : ADAH_OK;
        while (done == ADAH_ERROR_BUSY && !cli_is_interrupted()) {
            sleep(1); /* which a signal ends */
            done = sync_once(o, model, sync, progress, 1, status);
        }
        if (done != ADAH_OK && !cli_is_interrupted())
            cli_fail(status);
    }
    return ADAH_OK;
}

int cli_index_sync(const cli_sync *o) {
    adah_status status;
    adah_model *model = NULL;
    adah_dataset_options data;
    adah_sync_options sync;
    folder_watch *watch = NULL;
    char *model_path = NULL;
    adah_sync_options_init(&sync);
    const adah_progress progress = cli_progress_begin(o->quiet);
    adah_code done = cli_read_data_options(o->how, o->encode->strict, &data, &status);
    if (done == ADAH_OK)
        done = open_model(o, &model, &model_path, &status);
    if (done == ADAH_OK && o->watches) /* before it looks: what changes from here on is told */
        done = folder_watch_open(o->data, o->index, &watch, &status);
    if (done == ADAH_OK) {
        sync.data = &data;
        sync.encode = o->encode;
        sync.dry_run = o->is_dry;
        sync.model_path = model_path;
        sync.may_delete = o->force ? say_yes : isatty(STDIN_FILENO) && isatty(STDERR_FILENO) ? ask : NULL;
        sync.context = (void *)o;
        done = sync_once(o, model, &sync, progress, 0, &status);
    }
    if (done == ADAH_OK && o->watches)
        done = keep_in_step(o, watch, model, &sync, progress, &status);
    folder_watch_close(watch);
    adah_model_close(model);
    free(model_path);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
