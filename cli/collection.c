/* collection.c - the folder in the cache is called as the data are, with a checksum of where they lie.
 *
 * While a model or an index is made there, that folder is locked (flock), so that of two first starts one waits; the system releases the lock of a
 * process that was killed. */
#define _DEFAULT_SOURCE
#include "collection.h"
#include "folder_watch.h"
#include "own_weights.h"
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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
        c->place = strdup(place);
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
    if (c->place)
        rmdir(c->place); /* fails where something is in it */
    free(c->place);
    free(c->model);
    free(c->index);
    c->place = c->model = c->index = NULL;
}

static int is_in_data(const cli_collection *c, const char *name) {
    char path[PATH_BYTES];
    return snprintf(path, sizeof path, "%s/%s", c->data, name) < PATH_BYTES && access(path, F_OK) == 0;
}

static int sets(const cli_collection *c, const char *name) {
    for (size_t i = 0; i < c->settings.n; i++)
        if (!strncmp(c->settings.item[i], name, strlen(name)) && c->settings.item[i][strlen(name)] == '=')
            return 1;
    return 0;
}

/* What is not named is looked for among the networks that the user keeps; which it is, or what having none means, is told. */
static void choose_networks(const cli_collection *c, cli_own_weights *own, adah_train_options *o) {
    const int has_image = is_in_data(c, "image.npy") || is_in_data(c, "image.safetensors"), has_text = is_in_data(c, "text.npy") || is_in_data(c, "text.safetensors");
    if (c->backbone || c->weights || has_image || sets(c, "backbone"))
        return;
    cli_own_weights_find(own);
    if (own->weights[0]) {
        o->backbone = own->backbone;
        o->weights = own->weights;
        fprintf(stderr, "adah: pictures are seen through %s (%s)\n", own->backbone, own->weights);
    } else {
        fprintf(stderr, "adah: the network learns from scratch, which takes longer and finds less than a published one (--backbone and --weights, or a file of weights in %s)\n",
                own->folder[0] ? own->folder : "$ADAH_WEIGHTS");
    }
    if (own->text[0] && !c->text_weights && !has_text) {
        o->text_weights = own->text;
        fprintf(stderr, "adah: texts are read by the encoder in %s\n", own->text);
    }
}

static adah_code learn(const cli_collection *c, adah_progress progress, adah_status *status) {
    adah_dataset *dataset;
    cli_own_weights own;
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
    choose_networks(c, &own, &o);
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

static int is_stopped_at(const adah_progress *progress, const char *stage) {
    return progress->function(progress->user, &(adah_progress_event){.stage = stage, .detail = ""});
}

/* 1: the server stops. */
static int is_stopped(void *context) { return is_stopped_at(context, SERVE_STAGE_WAITING); }

/* 1: the open folder is the one that has the name. */
static int is_place(const cli_collection *c, int fd) {
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(c->place, &named) == 0 && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Locks the place, after the process that makes something there has ended. *fd -1: there is no place, or its disk knows no locks. */
static adah_code lock_place(const cli_collection *c, const adah_progress *progress, int *fd, adah_status *status) {
    int is_told = 0;
    *fd = -1;
    while (c->place) {
        adah_code code = adah_cache_make_folder(c->place, status); /* a start that failed may have removed it */
        if (code != ADAH_OK)
            return code;
        errno = 0;
        *fd = open(c->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (*fd < 0 && errno != ENOENT) /* gone again: a start that failed has just removed it */
            return fail(status, ADAH_ERROR_IO, "cannot be opened to lock it", c->place);
        const int has_lock = *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0;
        if (*fd >= 0 && ((has_lock && is_place(c, *fd)) || (!has_lock && errno != EWOULDBLOCK)))
            return ADAH_OK;
        const int is_held = *fd >= 0 && !has_lock;
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
        if (is_held && !is_told++)
            fprintf(stderr, "adah: another process makes a model or an index in %s; waiting for it\n", c->place);
        if (is_stopped_at(progress, "waiting for another process")) {
            errno = 0;
            return fail(status, ADAH_ERROR_CANCELLED, "stopped", c->place);
        }
        nanosleep(&(struct timespec){0, 200000000}, NULL);
    }
    return ADAH_OK;
}

/* A first sync that was killed has left an index of some steps, which is served while the rest is added. */
static adah_code prepare(cli_collection *c, adah_progress progress, adah_status *status) {
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

adah_code cli_collection_prepare(void *context, adah_progress progress, adah_status *status) {
    cli_collection *c = context;
    int fd;
    adah_code code = lock_place(c, &progress, &fd, status);
    if (code == ADAH_OK)
        code = prepare(c, progress, status);
    if (fd >= 0)
        close(fd);
    return code;
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
