/* command_index_duplicates.c - see command_index_duplicates.h. */
#include "command_index_duplicates.h"
#include "terminal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static json_t *member_json(const adah_index_entry *entry, float likeness) {
    return json_pack("{s:I, s:s, s:f}", "id", (json_int_t)entry->id, "file_name", entry->file_name, "likeness", (double)likeness);
}

static void print_member(const adah_index_entry *entry, float likeness) {
    printf("  %6.3f  id %" PRIu64, (double)likeness, entry->id);
    printf(entry->file_name[0] ? "  %s\n" : "\n", entry->file_name);
}

static adah_code tell_group(const adah_index *index, const adah_duplicates *d, size_t group, json_t *groups, adah_status *status) {
    adah_code code = ADAH_OK;
    json_t *members = groups ? json_array() : NULL;
    if (!groups)
        printf("%zu images\n", d->start[group + 1] - d->start[group]);
    for (size_t i = d->start[group]; i < d->start[group + 1] && code == ADAH_OK; i++) {
        adah_index_entry entry;
        code = adah_index_record(index, d->row[i], &entry, status);
        if (code != ADAH_OK)
            break;
        if (members)
            json_array_append_new(members, member_json(&entry, d->likeness[i]));
        else
            print_member(&entry, d->likeness[i]);
        adah_index_entry_free(&entry);
    }
    if (groups)
        json_array_append_new(groups, members);
    return code;
}

static adah_code tell(const adah_index *index, const adah_duplicates *d, int as_json, adah_status *status) {
    json_t *groups = as_json ? json_array() : NULL;
    adah_code code = ADAH_OK;
    for (size_t group = 0; group < d->n_groups && code == ADAH_OK; group++)
        code = tell_group(index, d, group, groups, status);
    if (code == ADAH_OK && as_json) {
        json_dumpf(groups, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
        putchar('\n');
    } else if (code == ADAH_OK && !d->n_groups) {
        fprintf(stderr, "adah: no image is there twice\n");
    }
    json_decref(groups);
    return code;
}

int cli_index_duplicates(const char *path, const adah_duplicates_options *options, int as_json, int quiet) {
    adah_status status;
    adah_index *index = NULL;
    adah_duplicates duplicates = {0};
    adah_code code = adah_index_open(path, &index, &status);
    const adah_progress progress = cli_progress_begin(quiet);
    if (code == ADAH_OK)
        code = adah_index_duplicates(index, options, progress, &duplicates, &status);
    cli_progress_end();
    if (code == ADAH_OK)
        code = tell(index, &duplicates, as_json, &status);
    adah_duplicates_free(&duplicates);
    adah_index_close(index);
    return code == ADAH_OK ? CLI_OK : cli_fail(&status);
}
