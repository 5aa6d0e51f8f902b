/* training_log.c - numbers of a history by name: columns of the table in the order in which they first come, tags of TensorBoard. Numbers are written so
 * that reading them gives the same. */
#define _POSIX_C_SOURCE 200809L /* stat */
#include "api/training_log.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "settings/method.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NUMBERS_MAX = ADAH_LOSSES_MAX + 8 };

/* A number of an epoch, and how both files call it. */
typedef struct number {
    char column[64], tag[64];
    double value;
} number;

typedef struct numbers {
    number item[NUMBERS_MAX];
    size_t n;
} numbers;

static void add_number(numbers *all, const char *group, const char *name, double value) {
    if (all->n == NUMBERS_MAX)
        return;
    number *x = &all->item[all->n++];
    snprintf(x->column, sizeof x->column, "%s%s%s", group, *group ? "_" : "", name);
    snprintf(x->tag, sizeof x->tag, "%s%s%s", group, *group ? "/" : "", name);
    x->value = value;
}

/* "validation_map_image_to_text" is of the group "validation". */
static void add_named(numbers *all, const char *name, double value) {
    static const char *const groups[] = {"attended", "validation"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const size_t n = strlen(groups[i]);
        if (!strncmp(name, groups[i], n) && name[n] == '_') {
            add_number(all, groups[i], name + n + 1, value);
            return;
        }
    }
    add_number(all, "", name, value);
}

/* All but the number of the epoch. The rate is that of its first step. */
static void list_numbers(const adah_training_log *log, const json_t *epoch, numbers *all) {
    all->n = 0;
    const char *name, *loss_name;
    json_t *value, *loss;
    json_object_foreach((json_t *)epoch, name, value) {
        if (json_is_object(value))
            json_object_foreach(value, loss_name, loss)
                add_number(all, name, loss_name, json_number_value(loss));
        else if (json_is_number(value) && strcmp(name, "epoch") != 0)
            add_named(all, name, json_number_value(value));
    }
    if (!adah_method_find(log->config->method)->closed_form)
        add_number(all, "", "learning_rate",
                   (double)adah_timetable_rate(&log->timetable, json_number_value(json_object_get(epoch, "epoch")) - 1, 0) * (double)log->config->rate);
}

/* ---- the table ---- */

static const number *find_column(const numbers *all, const char *column) {
    for (size_t i = 0; i < all->n; i++)
        if (!strcmp(all->item[i].column, column))
            return &all->item[i];
    return NULL;
}

static void write_table(const adah_training_log *log, const json_t *history, adah_text *out) {
    numbers columns = {.n = 0}, all;
    size_t i;
    json_t *epoch;
    json_array_foreach(history, i, epoch) {
        list_numbers(log, epoch, &all);
        for (size_t k = 0; k < all.n && columns.n < NUMBERS_MAX; k++)
            if (!find_column(&columns, all.item[k].column))
                columns.item[columns.n++] = all.item[k];
    }
    adah_text_add(out, "epoch");
    for (size_t k = 0; k < columns.n; k++)
        adah_text_add(out, ",%s", columns.item[k].column);
    adah_text_add(out, "\n");
    json_array_foreach(history, i, epoch) {
        list_numbers(log, epoch, &all);
        adah_text_add(out, "%lld", (long long)json_number_value(json_object_get(epoch, "epoch")));
        for (size_t k = 0; k < columns.n; k++) {
            const number *x = find_column(&all, columns.item[k].column);
            adah_text_add(out, x ? ",%.17g" : ",", x ? x->value : 0);
        }
        adah_text_add(out, "\n");
    }
}

static adah_code publish_table(const adah_training_log *log, const json_t *history, adah_status *status) {
    adah_text table = {0};
    write_table(log, history, &table);
    const adah_code code = table.failed ? adah_fail_memory(status, table.n_bytes)
                                        : adah_file_publish_of_kind(log->csv_path, table.bytes, table.n_bytes, status);
    adah_text_free(&table);
    return code;
}

/* ---- events ---- */

static adah_code add_events(adah_training_log *log, const json_t *history, adah_status *status) {
    for (size_t i = log->n_logged; i < json_array_size(history); i++) {
        const json_t *epoch = json_array_get(history, i);
        adah_scalar scalar[NUMBERS_MAX];
        numbers all;
        list_numbers(log, epoch, &all);
        for (size_t k = 0; k < all.n; k++)
            scalar[k] = (adah_scalar){all.item[k].tag, all.item[k].value};
        ADAH_TRY(adah_event_file_add(log->events, (int64_t)json_number_value(json_object_get(epoch, "epoch")), scalar, all.n, status));
        log->n_logged++;
    }
    return ADAH_OK;
}

/* ---- both ---- */

/* Whether two paths lead to one file, which may not be there yet. */
static int is_one_file(const char *a, const char *b) {
    struct stat x, y;
    const int is_there = stat(a, &x) == 0;
    if (is_there != (stat(b, &y) == 0))
        return 0;
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    if (!is_there) {
        if (strcmp(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b) != 0)
            return 0;
        char *folder_a = slash_a ? adah_memory_text_n(a, (size_t)(slash_a - a) + 1) : adah_memory_text(".");
        char *folder_b = slash_b ? adah_memory_text_n(b, (size_t)(slash_b - b) + 1) : adah_memory_text(".");
        const int are_folders = folder_a && folder_b && stat(folder_a, &x) == 0 && stat(folder_b, &y) == 0;
        adah_memory_free(folder_a);
        adah_memory_free(folder_b);
        if (!are_folders)
            return 0;
    }
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static adah_code check_table(const char *path, const char *model_path, const char *checkpoint_path, adah_status *status) {
    if (is_one_file(path, model_path) || is_one_file(path, checkpoint_path))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: the table of the training cannot be the model or its checkpoint", path);
    ADAH_TRY(adah_file_check_place(path, ADAH_FILE_OF_OTHER_KIND, status));
    adah_file_writer *writer;
    ADAH_TRY(adah_file_create(path, &writer, status));
    adah_file_abort(writer);
    return ADAH_OK;
}

adah_code adah_training_log_begin(const char *csv_path, const char *event_folder, const char *model_path, const char *checkpoint_path,
                                  adah_training_log *log, adah_status *status) {
    *log = (adah_training_log){.csv_path = csv_path};
    if (csv_path)
        ADAH_TRY(check_table(csv_path, model_path, checkpoint_path, status));
    return event_folder ? adah_event_file_create(event_folder, 0, &log->events, status) : ADAH_OK;
}

static adah_code write_both(adah_training_log *log, const json_t *history, adah_status *status) {
    if (!history)
        return adah_fail_memory(status, 1);
    if (log->events)
        ADAH_TRY(add_events(log, history, status));
    return log->csv_path ? publish_table(log, history, status) : ADAH_OK;
}

static int is_wanted(const adah_training_log *log) { return (log->csv_path || log->events) && log->fault.code == ADAH_OK; }

void adah_training_log_epochs(void *log, const adah_history *history) {
    if (!is_wanted(log))
        return;
    char *text = adah_history_json(history);
    json_t *epochs = text ? json_loads(text, 0, NULL) : NULL;
    write_both(log, epochs, &((adah_training_log *)log)->fault);
    json_decref(epochs);
    adah_memory_free(text);
}

void adah_training_log_record(adah_training_log *log, const char *training) {
    if (!is_wanted(log))
        return;
    json_t *record = json_loads(training, 0, NULL);
    write_both(log, json_object_get(record, "history"), &log->fault);
    json_decref(record);
}

adah_code adah_training_log_end(adah_training_log *log, adah_code code, const char *model_path, adah_status *status) {
    const adah_status fault = log->fault;
    adah_event_file_close(log->events);
    *log = (adah_training_log){.csv_path = NULL};
    if (code != ADAH_OK || fault.code == ADAH_OK)
        return code;
    adah_fail(status, fault.code, "%.400s; the model is written: %s", fault.message, model_path);
    if (status)
        status->system_error = fault.system_error;
    return fault.code;
}
