/* training_table.c - columns are the names in the order in which they first come; numbers are written so that reading them gives the same. */
#define _POSIX_C_SOURCE 200809L
#include "training_table.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *list_columns(const json_t *history) {
    json_t *columns = json_array(), *seen = json_object(), *epoch, *value;
    size_t i;
    json_array_foreach(history, i, epoch) {
        const char *name;
        json_object_foreach(epoch, name, value) {
            if (json_object_get(seen, name) || json_is_object(value) || json_is_array(value))
                continue;
            json_object_set_new(seen, name, json_true());
            json_array_append_new(columns, json_string(name));
        }
    }
    json_decref(seen);
    return columns;
}

static void write_value(const json_t *value, FILE *file) {
    if (json_is_integer(value))
        fprintf(file, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        fprintf(file, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "1" : "0", file);
    else if (json_is_string(value))
        fputs(json_string_value(value), file);
}

static void write_table(const json_t *history, FILE *file) {
    json_t *columns = list_columns(history), *epoch, *column;
    size_t i, c;
    json_array_foreach(columns, c, column)
        fprintf(file, "%s%s", c ? "," : "", json_string_value(column));
    fputs("\n", file);
    json_array_foreach(history, i, epoch) {
        json_array_foreach(columns, c, column) {
            fputs(c ? "," : "", file);
            write_value(json_object_get(epoch, json_string_value(column)), file);
        }
        fputs("\n", file);
    }
    json_decref(columns);
}

static adah_code fail(adah_status *status, const char *path) {
    status->code = ADAH_ERROR_IO;
    status->system_error = errno;
    snprintf(status->message, sizeof status->message, "%s: %s", path, strerror(errno));
    return ADAH_ERROR_IO;
}

/* The name that the file has until it is whole; free. NULL: memory is out. */
static char *name_of_part(const char *path) {
    const size_t n = strlen(path) + sizeof ".part";
    char *name = malloc(n);
    if (name)
        snprintf(name, n, "%s.part", path);
    return name;
}

adah_code cli_try_training_table(const char *path, adah_status *status) {
    char *part = name_of_part(path);
    FILE *file = part ? fopen(part, "w") : NULL;
    const adah_code done = file ? ADAH_OK : fail(status, path);
    if (file) {
        fclose(file);
        unlink(part);
    }
    free(part);
    return done;
}

adah_code cli_write_training_table(const char *record, const char *path, adah_status *status) {
    char *part = name_of_part(path);
    json_t *r = json_loads(record, 0, NULL);
    FILE *file = part && r ? fopen(part, "w") : NULL;
    adah_code done = file ? ADAH_OK : fail(status, path);
    if (file) {
        write_table(json_object_get(r, "history"), file);
        int is_bad = ferror(file);
        is_bad |= fflush(file) != 0;
        is_bad |= fsync(fileno(file)) != 0;
        is_bad |= fclose(file) != 0;
        if (is_bad || rename(part, path) != 0) {
            done = fail(status, path);
            unlink(part);
        }
    }
    free(part);
    json_decref(r);
    return done;
}
