/* collection.c - the folder in the cache is called as the data are, with a checksum of where they lie. */
#define _XOPEN_SOURCE 700
#include "collection.h"
#include "folder_watch.h"
#include "serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static adah_code fail(adah_status *status, adah_code code, const char *what, const char *path) {
    snprintf(status->message, sizeof status->message, "%.1000s: %s%s%s", path, what, errno ? ": " : "", errno ? strerror(errno) : "");
    status->system_error = code == ADAH_ERROR_IO ? errno : 0;
    return status->code = code;
}

/* The folder of these data in the cache. */
static adah_code find_place(const char *data, char place[PATH_BYTES], adah_status *status) {
    char *cache = NULL;
    errno = 0;
    char *real = realpath(data, NULL);
    if (!real)
        return fail(status, ADAH_ERROR_NOT_FOUND, "not a data set", data);
    uint64_t sum = 14695981039346656037u; /* FNV-1a: two folders of one name have two places */
    for (const char *p = real; *p; p++)
        sum = (sum ^ (unsigned char)*p) * 1099511628211u;
    errno = 0;
    adah_code code = adah_cache_folder(NULL, &cache, status);
    if (code == ADAH_OK && snprintf(place, PATH_BYTES, "%s/collections/%s-%08" PRIx64, cache, strrchr(real, '/') + 1, sum >> 32) >= PATH_BYTES)
        code = fail(status, ADAH_ERROR_ARGUMENT, "the path is too long", cache);
    adah_free(cache);
    free(real);
    return code;
}

static char *join(const char *folder, const char *name) {
    const size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    if (path)
        snprintf(path, n, "%s/%s", folder, name);
    return path;
}

/* An index belongs to its model: one of a model that was given has its id in the name. */
static adah_code name_index(const char *model, char name[80], adah_status *status) {
    adah_model *opened;
    snprintf(name, 80, "index.adah");
    if (!model)
        return ADAH_OK;
    errno = 0;
    if (access(model, F_OK) != 0)
        return fail(status, ADAH_ERROR_NOT_FOUND, "there is no such model; to have it made there, say by --index where its index shall be", model);
    const adah_code code = adah_model_open(model, &opened, status);
    if (code == ADAH_OK) {
        snprintf(name, 80, "index-%.16s.adah", adah_model_id(opened));
        adah_model_close(opened);
    }
    return code;
}

adah_code cli_collection_open(cli_collection *c, const char *model, const char *index, adah_status *status) {
    char place[PATH_BYTES] = "", name[80];
    adah_code code = name_index(index ? NULL : model, name, status);
    if (code == ADAH_OK && (!model || !index)) {
        code = find_place(c->data, place, status);
        if (code == ADAH_OK)
            code = adah_cache_make_folder(place, status);
        if (code == ADAH_OK)
            fprintf(stderr, "adah: what is made of %s is kept in %s\n", c->data, place);
    }
    if (code != ADAH_OK)
        return code;
    c->model = model ? strdup(model) : join(place, "model.safetensors");
    c->index = index ? strdup(index) : join(place, name);
    c->owns_index = !index;
    errno = 0;
    return c->model && c->index ? ADAH_OK : fail(status, ADAH_ERROR_MEMORY, "out of memory", c->data);
}

void cli_collection_close(cli_collection *c) {
    free(c->model);
    free(c->index);
    c->model = c->index = NULL;
}

static adah_code learn(const cli_collection *c, adah_progress progress, adah_status *status) {
    adah_dataset *dataset;
    adah_train_options o;
    adah_train_options_init(&o);
    o.method = c->method;
    o.backbone = c->backbone;
    o.text_weights = c->text_weights;
    o.weights = c->weights;
    o.n_epochs = c->n_epochs;
    o.settings = c->settings.item;
    o.n_settings = c->settings.n;
    o.resume = 1; /* where it was killed */
    adah_code code = cli_open_data(c->data, &c->how, 0, &dataset, status);
    if (code != ADAH_OK)
        return code;
    code = adah_train(dataset, c->model, &o, progress, NULL, status);
    adah_dataset_close(dataset);
    return code;
}

static adah_code bring_up_to_date(const cli_collection *c, adah_progress progress, adah_status *status) {
    adah_model *model;
    adah_dataset_options data;
    adah_sync_options o;
    adah_sync_counts n;
    adah_sync_options_init(&o);
    adah_code code = cli_read_data_options(&c->how, 0, &data, status);
    if (code == ADAH_OK)
        code = adah_model_open(c->model, &model, status);
    if (code != ADAH_OK)
        return code;
    o.data = &data;
    char *path = realpath(c->model, NULL);
    o.model_path = path;
    code = adah_index_sync(model, c->data, c->index, &o, progress, &n, NULL, status);
    if (code == ADAH_OK && (n.n_added || n.n_replaced || n.n_deleted || n.n_unreadable))
        fprintf(stderr, "adah: %s: %" PRIu64 " added, %" PRIu64 " replaced, %" PRIu64 " deleted, %" PRIu64 " unchanged, %" PRIu64 " left out as unreadable\n",
                c->index, n.n_added, n.n_replaced, n.n_deleted, n.n_unchanged, n.n_unreadable);
    free(path);
    adah_model_close(model);
    return code;
}

/* A first sync that was killed has left an index of some steps, which is served while the rest is added. */
adah_code cli_collection_prepare(void *context, adah_progress progress, adah_status *status) {
    cli_collection *c = context;
    errno = 0;
    if (access(c->model, F_OK) == 0) {
        if (c->method || c->backbone || c->weights || c->text_weights || c->n_epochs || c->settings.n)
            fprintf(stderr, "adah: %s is served as it was learned; remove it to learn anew\n", c->model);
    } else if (!c->owns_index && access(c->index, F_OK) == 0) {
        errno = 0;
        return fail(status, ADAH_ERROR_EXISTS, "this index is there, but not its model, without which it is of no use; give it by --model, or another --index",
                    c->index);
    } else {
        const adah_code code = learn(c, progress, status);
        if (code != ADAH_OK)
            return code;
        if (c->owns_index)
            unlink(c->index); /* of the model before, which somebody has removed */
    }
    if (access(c->index, F_OK) == 0)
        return ADAH_OK;
    c->is_fresh = 1;
    return bring_up_to_date(c, progress, status);
}

/* 1: the server stops. */
static int is_stopped(void *context) {
    const adah_progress *progress = context;
    return progress->function(progress->user, &(adah_progress_event){.stage = SERVE_STAGE_WAITING, .detail = ""});
}

/* While another writer has the index, as a request that changes it, again after a moment. */
static adah_code bring_in_turn(const cli_collection *c, adah_progress *progress, adah_status *status) {
    adah_code code = bring_up_to_date(c, *progress, status);
    while (code == ADAH_ERROR_BUSY && !is_stopped(progress)) {
        nanosleep(&(struct timespec){0, 200000000}, NULL);
        code = bring_up_to_date(c, *progress, status);
    }
    return code;
}

adah_code cli_collection_follow(void *context, adah_progress progress, adah_status *status) {
    const cli_collection *c = context;
    folder_watch *watch = NULL;
    adah_code code = c->watches ? folder_watch_open(c->data, c->index, &watch, status) : ADAH_OK;
    if (code != ADAH_OK)
        return code;
    int is_changed = !c->is_fresh || c->watches; /* since the watch is there only now */
    do {
        code = is_changed ? bring_in_turn(c, &progress, status) : ADAH_OK;
        if (!watch || is_stopped(&progress))
            break;
        if (code != ADAH_OK)
            fprintf(stderr, "adah: %s\n", status->message);
        code = folder_watch_wait(watch, is_stopped, &progress, &is_changed, status);
    } while (code == ADAH_OK);
    folder_watch_close(watch);
    return code;
}
