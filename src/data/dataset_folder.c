/* dataset_folder.c - a folder without metadata: every picture below it is a record.
 *
 * The text is from the first source that has one: the files beside the picture, the picture itself, its file name, the folders it lies in.
 * Labels are from all: keywords of sidecars and of the picture, and the names of its folders. Folders that all pictures have in common say
 * nothing, and where the first that differ are all called as splits are ("train", "test"), they are the splits.
 *
 * A tar file is a folder whose name is no label, and may hold the word of a split ("cc3m-train-0001.tar"). In it, as webdataset has it, what
 * has one name up to the first point is one sample: where x.jpg is there, x.depth.png is no picture of its own. */
#include "base/file.h"
#include "base/memory.h"
#include "base/reasons.h"
#include "base/tar_file.h"
#include "data/box_files.h"
#include "data/dataset_reader.h"
#include "data/findings.h"
#include "data/folder_listing.h"
#include "data/folder_words.h"
#include "data/picture_memory.h"
#include "data/picture_tags.h"
#include "data/sidecar.h"
#include "data/split_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FOLDERS_MAX = 64 /* of one path: more are passed over */ };

/* The files in tar files of one name up to the first point, where a picture among them has further points. */
typedef struct key_group {
    int has_picture;          /* one without further points */
    size_t first_side, last_side; /* those that are sidecars of all; 1 + where they stand in the list, 0: none */
} key_group;

typedef struct key_side {
    size_t file, next;
} key_side;

typedef struct reader {
    adah_dataset *dataset;
    unsigned sources;
    const adah_folder_listing *listing;
    size_t n_common;       /* bytes of all paths: the folders that they have in common, with the last slash */
    int has_splits, has_classes; /* classes: a file with the names of a detector's */
    size_t n_pictures, n_raw, n_others, n_parts; /* of the listing; parts: of samples, which are no pictures of their own */
    size_t n_said;         /* pictures with a text or a label */
    const char *first_raw, *first_other;
    adah_string_table keys; /* up to the first point */
    key_group *group;       /* [keys.n] */
    key_side *side;
    size_t n_sides, side_capacity;
    adah_reasons sidecars; /* that were not understood */
    adah_findings findings;
    adah_text words;
    adah_raw_text *item;   /* of the record being made: texts, then labels */
    size_t item_capacity;
} reader;

/* ---------------------------------------------------------------- what the listing as a whole says */

/* Bytes of the folder at `start` of a path, without its slash; 0: what is there is the file's name. */
static size_t folder_at(const char *path, size_t start) {
    const char *slash = strchr(path + start, '/');
    return slash ? (size_t)(slash - path) - start : 0;
}

/* 1: the file at this path lies in a tar file. */
static int is_in_tar(const reader *r, const char *path) {
    const char *folder = adah_dataset_folder(r->dataset);
    for (size_t start = 0, n; (n = folder_at(path, start)); start += n + 1)
        if (adah_tar_is_named(path + start, n))
            return 1;
    return adah_tar_is_named(folder, strlen(folder));
}

/* Bytes of a path up to the first point of its name. */
static size_t key_bytes(const char *path) {
    const char *name = adah_path_name(path);
    return (size_t)(name - path) + (*name ? 1 + strcspn(name + 1, ".") : 0);
}

static int has_further_point(const reader *r, const char *path) {
    return path + key_bytes(path) != adah_path_ending(path) && adah_path_is_picture(path) && is_in_tar(r, path);
}

static const key_group *group_of(const reader *r, const char *path) {
    const uint32_t k = r->keys.n ? adah_string_table_find(&r->keys, path, key_bytes(path)) : ADAH_STRING_NONE;
    return k == ADAH_STRING_NONE ? NULL : &r->group[k];
}

static adah_code add_side(reader *r, key_group *g, size_t file, adah_status *status) {
    if (!adah_memory_grow((void **)&r->side, &r->side_capacity, r->n_sides, sizeof *r->side))
        return adah_fail_memory(status, (r->n_sides + 1) * sizeof *r->side);
    r->side[r->n_sides++] = (key_side){.file = file};
    if (g->last_side)
        r->side[g->last_side - 1].next = r->n_sides;
    else
        g->first_side = r->n_sides;
    g->last_side = r->n_sides;
    return ADAH_OK;
}

/* Once for all, since there may be many files of one key. */
static adah_code find_groups(reader *r, adah_status *status) {
    const adah_folder_listing *l = r->listing;
    for (size_t i = 0; i < l->n; i++)
        if (has_further_point(r, l->path[i]) && adah_string_table_add(&r->keys, l->path[i], key_bytes(l->path[i])) == ADAH_STRING_NONE)
            return adah_fail_memory(status, strlen(l->path[i]) + 1);
    if (r->keys.n && !(r->group = adah_memory_zeroed(r->keys.n, sizeof *r->group)))
        return adah_fail_memory(status, r->keys.n * sizeof *r->group);
    for (size_t i = 0; r->keys.n && i < l->n; i++) {
        const char *path = l->path[i], *rest = path + key_bytes(path);
        const uint32_t k = is_in_tar(r, path) ? adah_string_table_find(&r->keys, path, (size_t)(rest - path)) : ADAH_STRING_NONE;
        if (k == ADAH_STRING_NONE)
            continue;
        if (rest == adah_path_ending(path) && adah_path_is_picture(path) == 1)
            r->group[k].has_picture = 1;
        else if (adah_sidecar_is_named(rest))
            ADAH_TRY(add_side(r, &r->group[k], i, status));
    }
    return ADAH_OK;
}

/* 1: it is a part of the sample of another picture, x.jpg of x.depth.png. */
static int is_part_of_sample(const reader *r, size_t i) {
    const char *path = r->listing->path[i];
    const key_group *g = has_further_point(r, path) ? group_of(r, path) : NULL;
    return g && g->has_picture;
}

static void count_kinds(reader *r) {
    for (size_t i = 0; i < r->listing->n; i++) {
        const char *path = r->listing->path[i];
        const int kind = adah_folder_has_picture_at(r->listing, i);
        if (kind == 1 && is_part_of_sample(r, i)) {
            adah_dataset_leave_out_file(r->dataset, path, "a part of the sample of another picture");
            r->n_parts++;
        } else if (kind == 1) {
            r->n_pictures++;
        } else if (adah_path_is_picture(path) == ADAH_PATH_IS_RAW) {
            adah_dataset_leave_out_file(r->dataset, path, "raw data of a camera, whose picture lies beside them");
            if (!r->n_raw++)
                r->first_raw = path;
        } else if (!adah_sidecar_is_named(adah_path_ending(path)) && strcasecmp(adah_path_ending(path), ".xml") != 0) {
            adah_dataset_leave_out_file(r->dataset, path, "no picture by its name");
            if (!r->n_others++)
                r->first_other = path;
        }
    }
}

/* What a path begins with, where that is a split: a folder that is called so, or a tar file with a word of its name. */
static adah_raw_text split_at(const char *path) {
    const size_t n = folder_at(path, 0);
    adah_raw_text split = {NULL, 0};
    if (n && adah_split_find(path, n) != ADAH_NAMED_NONE)
        split = (adah_raw_text){path, n};
    else if (adah_tar_is_named(path, n))
        split.bytes = adah_split_in_name(path, n - strlen(".tar"), &split.n_bytes);
    return split;
}

/* The folders in common, and whether those behind them are splits. */
static void find_common(reader *r) {
    const char *first = NULL;
    for (size_t i = 0; i < r->listing->n; i++) {
        const char *path = r->listing->path[i];
        if (!adah_folder_has_picture_at(r->listing, i))
            continue;
        if (!first) {
            first = path;
            r->n_common = (size_t)(adah_path_name(path) - path);
        }
        while (strncmp(path, first, r->n_common) != 0)
            for (r->n_common--; r->n_common && first[r->n_common - 1] != '/';)
                r->n_common--;
    }
    int all_in_tars = 1, several = 0;
    adah_raw_text first_split = {0};
    r->has_splits = 1;
    for (size_t i = 0; i < r->listing->n && r->has_splits; i++) {
        const char *path = r->listing->path[i];
        if (!adah_folder_has_picture_at(r->listing, i))
            continue;
        const adah_raw_text split = split_at(path + r->n_common);
        r->has_splits = split.bytes != NULL;
        if (!first_split.bytes)
            first_split = split;
        several |= split.bytes && adah_split_find(split.bytes, split.n_bytes) != adah_split_find(first_split.bytes, first_split.n_bytes);
        all_in_tars &= adah_tar_is_named(path + r->n_common, folder_at(path, r->n_common));
    }
    r->has_splits = r->has_splits && (several || !all_in_tars); /* shards of one split alone are no splits */
}

/* ---------------------------------------------------------------- one picture */

static adah_code read_sidecar(reader *r, const char *name, adah_status *status) {
    char *path = adah_file_join(adah_dataset_folder(r->dataset), name);
    if (!path)
        return adah_fail_memory(status, strlen(name) + 1);
    adah_status why = {0};
    const adah_code code = adah_sidecar_read(path, &r->findings, &why);
    adah_memory_free(path);
    if (code == ADAH_ERROR_MEMORY)
        return adah_fail(status, code, "%s", why.message);
    if (code == ADAH_ERROR_MISMATCH && r->has_classes)
        return ADAH_OK;
    if (code != ADAH_OK) {
        adah_reasons_add(&r->sidecars, r->sidecars.n, why.message);
        adah_dataset_leave_out(r->dataset, why.message);
    }
    return ADAH_OK;
}

/* Those around the picture in the listing, whose order is that of bytes, those of the whole sample, and those of a name that comes behind it. */
static adah_code read_sidecars(reader *r, size_t i, adah_status *status) {
    const adah_folder_listing *l = r->listing;
    const char *picture = l->path[i];
    const size_t n_stem = strlen(picture) - strlen(adah_path_ending(picture)), n_other = adah_sidecar_other_stem(picture);
    const key_group *g = has_further_point(r, picture) ? group_of(r, picture) : NULL;
    size_t k = i;
    while (k > 0 && strncmp(l->path[k - 1], picture, n_stem) == 0 && l->path[k - 1][n_stem] == '.')
        k--;
    for (; k < l->n && strncmp(l->path[k], picture, n_stem) == 0 && l->path[k][n_stem] <= '.'; k++)
        if (adah_sidecar_belongs(picture, l->path[k]))
            ADAH_TRY(read_sidecar(r, l->path[k], status));
    for (size_t side = g ? g->first_side : 0; side; side = r->side[side - 1].next)
        ADAH_TRY(read_sidecar(r, l->path[r->side[side - 1].file], status));
    for (; n_other && k < l->n && strncmp(l->path[k], picture, n_other) == 0 && l->path[k][n_other] <= '.'; k++)
        if (adah_sidecar_belongs(picture, l->path[k]))
            ADAH_TRY(read_sidecar(r, l->path[k], status));
    return ADAH_OK;
}

/* Words as they are written in names of folders: "red_car" says "red car". */
static void add_folder_words(adah_text *words, const char *name, size_t n_bytes) {
    if (words->n_bytes)
        adah_text_add_bytes(words, " ", 1);
    for (size_t i = 0; i < n_bytes; i++)
        adah_text_add_bytes(words, name[i] == '_' || name[i] == '-' ? " " : name + i, 1);
}

/* Labels of the folders, and (is_text) their words. */
static void read_folders(reader *r, const char *path, int is_text) {
    int is_under_date = 0;
    size_t start = r->n_common, n_folders = 0;
    r->words.n_bytes = 0;
    for (size_t n; (n = folder_at(path, start)) && n_folders < FOLDERS_MAX; start += n + 1, n_folders++) {
        if ((r->has_splits && n_folders == 0) || adah_tar_is_named(path + start, n) || !adah_folder_name_says(path + start, n, &is_under_date))
            continue;
        adah_findings_add_label(&r->findings, path + start, n);
        add_folder_words(&r->words, path + start, n);
    }
    if (is_text && r->words.n_bytes)
        adah_findings_add_text(&r->findings, r->words.bytes, r->words.n_bytes);
    r->findings.failed |= r->words.failed;
}

/* Keywords are words, too. */
static void add_keywords_as_text(reader *r) {
    const adah_text *labels = &r->findings.labels;
    r->words.n_bytes = 0;
    for (size_t start = 0; start < labels->n_bytes; start += strlen(labels->bytes + start) + 1)
        adah_text_add(&r->words, "%s%s", start ? ", " : "", labels->bytes + start);
    if (labels->n_bytes)
        adah_findings_add_text(&r->findings, r->words.bytes, r->words.n_bytes);
    r->findings.failed |= r->words.failed;
}

/* What one source added becomes known by what the lists had before. */
static void tell_source(const reader *r, adah_source source, size_t n_texts_before, size_t n_labels_before, adah_raw_record *raw) {
    if (r->findings.texts.n_bytes > n_texts_before)
        raw->text_sources |= source;
    if (r->findings.labels.n_bytes > n_labels_before)
        raw->label_sources |= source;
}

/* What is written into it, out of the memory where the file is as it was then. A file that could not be read may be the next time. */
static adah_code take_tags(reader *r, const char *name, const char *path, adah_status *status) {
    adah_picture_memory *memory = adah_dataset_memory(r->dataset);
    adah_known_picture *known;
    adah_text record = {0};
    if (!memory)
        return adah_picture_tags_read(path, &r->findings, status);
    ADAH_TRY(adah_picture_memory_look(memory, adah_dataset_folder(r->dataset), name, &known, status));
    if (!adah_stamp_is_same(&known->tagged, &known->now)) {
        adah_code code = adah_picture_tags_record(path, &record, status);
        if (code == ADAH_OK)
            code = adah_picture_memory_set_tags(memory, known, record.bytes, record.n_bytes, status);
        adah_text_free(&record);
        ADAH_TRY(code);
    }
    adah_picture_tags_take(known->tags, known->n_tags_bytes, &r->findings);
    return r->findings.failed ? adah_fail_memory(status, 256) : ADAH_OK;
}

/* Its keywords are added to those of sidecars; its captions count where there was no text. */
static adah_code read_picture(reader *r, size_t i, adah_raw_record *raw, adah_status *status) {
    adah_findings *f = &r->findings;
    const size_t n_texts = f->texts.n_bytes, n_labels = f->labels.n_bytes;
    char *path = adah_file_join(adah_dataset_folder(r->dataset), r->listing->path[i]);
    adah_status why = {0};
    if (!path)
        return adah_fail_memory(status, strlen(r->listing->path[i]) + 1);
    const adah_code code = take_tags(r, r->listing->path[i], path, &why); /* a picture that cannot be read is told when it is decoded */
    adah_memory_free(path);
    if (n_texts)
        f->texts.n_bytes = n_texts;
    tell_source(r, ADAH_SOURCE_PICTURES, n_texts, n_labels, raw);
    return code == ADAH_ERROR_MEMORY ? adah_fail(status, code, "%s", why.message) : ADAH_OK;
}

static adah_code find_all(reader *r, size_t i, adah_raw_record *raw, adah_status *status) {
    adah_findings *f = &r->findings;
    const char *path = r->listing->path[i];
    adah_findings_clear(f);
    if (r->sources & ADAH_SOURCE_SIDECARS) {
        f->source = ADAH_SOURCE_SIDECARS;
        ADAH_TRY(read_sidecars(r, i, status));
        tell_source(r, ADAH_SOURCE_SIDECARS, 0, 0, raw);
    }
    if (r->sources & ADAH_SOURCE_PICTURES && !is_in_tar(r, path)) {
        f->source = ADAH_SOURCE_PICTURES;
        ADAH_TRY(read_picture(r, i, raw, status));
    }
    raw->taken = f->taken;
    raw->date_source = f->date_source;
    raw->place_source = f->place_source;
    if (f->texts.n_bytes == 0 && f->labels.n_bytes) {
        add_keywords_as_text(r);
        raw->text_sources |= raw->label_sources;
    }
    if (f->texts.n_bytes == 0 && r->sources & ADAH_SOURCE_NAMES) {
        r->words.n_bytes = 0;
        adah_file_name_words(path, &r->words);
        if (r->words.n_bytes)
            adah_findings_add_text(f, r->words.bytes, r->words.n_bytes);
        tell_source(r, ADAH_SOURCE_NAMES, 0, SIZE_MAX, raw);
    }
    if (r->sources & ADAH_SOURCE_FOLDERS) {
        const size_t n_texts = f->texts.n_bytes, n_labels = f->labels.n_bytes;
        read_folders(r, path, n_texts == 0);
        tell_source(r, ADAH_SOURCE_FOLDERS, n_texts, n_labels, raw);
    }
    return f->failed || r->words.failed ? adah_fail_memory(status, 256) : ADAH_OK;
}

/* The items of a list behind those that are there. */
static adah_code list_items(reader *r, const adah_text *list, size_t *n, adah_status *status) {
    for (size_t start = 0; start < list->n_bytes; start += strlen(list->bytes + start) + 1) {
        if (!adah_memory_grow((void **)&r->item, &r->item_capacity, *n, sizeof *r->item))
            return adah_fail_memory(status, (*n + 1) * sizeof *r->item);
        r->item[(*n)++] = (adah_raw_text){list->bytes + start, strlen(list->bytes + start)};
    }
    return ADAH_OK;
}

static adah_code add_picture(reader *r, size_t i, adah_status *status) {
    const char *path = r->listing->path[i];
    adah_raw_record raw = {.file_name = {path, strlen(path)}};
    size_t n = 0;
    ADAH_TRY(find_all(r, i, &raw, status));
    ADAH_TRY(list_items(r, &r->findings.texts, &n, status));
    raw.n_texts = n;
    ADAH_TRY(list_items(r, &r->findings.labels, &n, status));
    raw.n_labels = n - raw.n_texts;
    raw.text = r->item;
    raw.label = r->item ? r->item + raw.n_texts : NULL;
    r->n_said += n > 0;
    if (r->has_splits)
        raw.split = split_at(path + r->n_common);
    adah_status why = {0};
    adah_code code = adah_findings_is_utf8(path, strlen(path)) ? adah_dataset_add(r->dataset, &raw, &why)
                                                               : adah_dataset_fail(r->dataset, 0, &why, "\"%s\": the file's name is not UTF-8; rename it", path);
    code = adah_dataset_skip_bad(r->dataset, code, &why);
    return code == ADAH_OK ? code : adah_fail(status, code, "%s", why.message);
}

/* ---------------------------------------------------------------- the whole */

static adah_code tell(reader *r, adah_status *status) {
    if (r->n_said == 0)
        ADAH_TRY(adah_dataset_note(r->dataset, status,
                                   "none of the %zu pictures has a text or a label: put them into folders that have names, or a text beside each (x.txt for x.jpg)",
                                   r->n_pictures));
    ADAH_TRY(adah_dataset_note(r->dataset, status, "there are no metadata: the records are the %zu pictures in the folder and below it%s", r->n_pictures,
                               r->has_splits ? ", its folders the splits" : ", of which about a tenth are queries, by their names"));
    if (r->sidecars.n)
        ADAH_TRY(adah_dataset_note(r->dataset, status, "files beside pictures that are not understood: %zu; the first: %s", r->sidecars.n, r->sidecars.text[0]));
    if (r->listing->n_tars)
        ADAH_TRY(adah_dataset_note(r->dataset, status, "tar files, whose members are as files in a folder: %zu", r->listing->n_tars));
    if (r->n_parts)
        ADAH_TRY(adah_dataset_note(r->dataset, status, "pictures in tar files that belong to the sample of another, passed over: %zu", r->n_parts));
    if (r->n_raw)
        ADAH_TRY(adah_dataset_note(r->dataset, status, "files of raw camera data, passed over, since their pictures lie beside them: %zu; the first: %s", r->n_raw, r->first_raw));
    if (r->n_others)
        ADAH_TRY(adah_dataset_note(r->dataset, status, "files that are no pictures by their names: %zu; the first: %s", r->n_others, r->first_other));
    return ADAH_OK;
}

adah_code adah_dataset_find_parts(const adah_folder_listing *listing, adah_string_table *names, adah_status *status) {
    for (size_t i = 0; i < listing->n; i++) {
        const char *path = listing->path[i], *name = adah_path_name(path);
        const size_t n_folder = folder_at(path, 0);
        if (n_folder == 0 || name != path + n_folder + 1 || (strcmp(name, "metadata.jsonl") != 0 && strcmp(name, "metadata.csv") != 0))
            continue;
        int is_second = 0;
        if (!strcmp(name, "metadata.csv")) /* jsonl wins where both are there; they are listed in order, csv first */
            for (size_t k = i + 1; k < listing->n && folder_at(listing->path[k], 0) == n_folder && !strncmp(listing->path[k], path, n_folder); k++)
                is_second |= !strcmp(listing->path[k] + n_folder, "/metadata.jsonl");
        if (!is_second && adah_string_table_add(names, path, strlen(path)) == ADAH_STRING_NONE)
            return adah_fail_memory(status, strlen(path) + 1);
    }
    return ADAH_OK;
}

/* What else is there, and the way out. */
static void give_hint(const reader *r, char *hint, size_t n_hint) {
    static const struct {
        const char *endings, *what;
    } others[] = {{".parquet .arrow", "is a table that holds its pictures; the guide's page on collections tells how to write them out as files, or in Python adah.Dataset.from_table"},
                  {".zip .7z .rar .tgz .gz .xz .bz2 .zst .lz4", "is an archive that is compressed; unpack it (pictures in a plain .tar file are read where they lie)"},
                  {".csv .tsv .json .jsonl", "may tell of pictures, but none is here"}};
    for (size_t k = 0; k < sizeof others / sizeof *others && !*hint; k++)
        for (size_t i = 0; i < r->listing->n && !*hint; i++) {
            const char *ending = adah_path_ending(r->listing->path[i]), *at = *ending ? strstr(others[k].endings, ending) : NULL;
            if (at && (at[strlen(ending)] == ' ' || at[strlen(ending)] == '\0'))
                snprintf(hint, n_hint, "; %.120s %s", r->listing->path[i], others[k].what);
        }
}

static adah_code read_folder(reader *r, int *found, char *hint, size_t n_hint, adah_status *status) {
    r->has_classes = adah_box_has_classes(r->listing);
    ADAH_TRY(find_groups(r, status));
    count_kinds(r);
    *found = r->n_pictures > 0;
    if (!*found)
        give_hint(r, hint, n_hint);
    find_common(r);
    if (*found && r->sources & ADAH_SOURCE_PICTURES && adah_picture_tags_missing()) {
        ADAH_TRY(adah_dataset_note(r->dataset, status, "captions, keywords and dates inside the pictures are not read: %s", adah_picture_tags_missing()));
        r->sources &= ~(unsigned)ADAH_SOURCE_PICTURES;
    }
    for (size_t i = 0; i < r->listing->n && *found; i++)
        if (adah_folder_has_picture_at(r->listing, i) && !is_part_of_sample(r, i))
            ADAH_TRY(add_picture(r, i, status));
    if (*found && !r->has_splits)
        adah_dataset_draw_split(r->dataset);
    return *found ? tell(r, status) : ADAH_OK;
}

adah_code adah_dataset_read_folder(adah_dataset *dataset, const adah_folder_listing *listing, unsigned sources, int *found, char *hint, size_t n_hint, adah_status *status) {
    reader r = {.dataset = dataset, .listing = listing, .sources = sources};
    const adah_code code = read_folder(&r, found, hint, n_hint, status);
    adah_findings_free(&r.findings);
    adah_text_free(&r.words);
    adah_string_table_free(&r.keys);
    adah_memory_free(r.group);
    adah_memory_free(r.side);
    adah_memory_free(r.item);
    return code;
}
