/* read_mat.c - pairs in .mat files, all variables in one file or each in its own. Two conventions:
 *
 *   I_tr, T_tr, L_tr  vectors of images and of texts and labels, for training and as queries: the benchmarks of
 *   I_te, T_te, L_te  shallow methods, as wikiData.mat (Rasiwasia et al. 2010)
 *
 *   YAll, LAll        vectors of texts and labels, as in the files of DCMH (Jiang, Li 2017), and perhaps
 *   images or IAll    pictures (uint8, n x 3 x height x width or height x width x 3 x n) or vectors of images,
 *   FAll              file names
 *
 * Nobody agrees on whether records are rows or columns: n is the size that all variables have in common. Labels: a
 * matrix n x classes of zeros and ones, or n numbers of classes. They have no names and become "class-1", ... */
#include "base/memory.h"
#include "base/parallel.h"
#include "data/published_set.h"
#include "data/mat_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CLASS_MAX = 1000000, BLOCK_BYTES = 64 << 20, PICTURE_SIDE_MAX = 16384, NAME_BYTES = 64 };

/* A variable. */
typedef struct variable {
    const char *name;
    adah_mat_file *file; /* NULL: it is not there */
    adah_mat_shape shape;
    float *values;     /* a matrix: column by column, as it lies in the file */
    size_t n_columns;  /* numbers a record */
    int is_transposed; /* records are columns */
} variable;

typedef struct reading {
    const adah_published_source *source;
    adah_published_set *set;
    adah_mat_file **file;
} reading;

/* ---------------------------------------------------------------- variables */

static adah_code find(reading *r, const char *name, variable *v, adah_status *status) {
    *v = (variable){.name = name};
    for (size_t i = 0; i < r->source->n_paths && !v->file; i++) {
        int found;
        ADAH_TRY(adah_mat_file_find(r->file[i], name, &found, &v->shape, status));
        if (found)
            v->file = r->file[i];
    }
    return ADAH_OK;
}

static adah_code fail_missing(const reading *r, const char *name, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_FORMAT,
                     "%s%s: no variable %s; expected YAll and LAll, or I_tr, T_tr, L_tr, I_te, T_te and L_te",
                     r->source->path[0], r->source->n_paths > 1 ? " and the other files" : "", name);
}

/* Whether n is the first or the last size of the variable. */
static int has_size(const variable *v, size_t n) {
    return v->shape.dimension[0] == n || v->shape.dimension[v->shape.n_dimensions - 1] == n;
}

/* The size that all have in common; of two, that of the first variable's rows. */
static adah_code find_common_size(const variable *const *v, size_t n_variables, size_t *n, adah_status *status) {
    const size_t candidate[2] = {v[0]->shape.dimension[0], v[0]->shape.dimension[v[0]->shape.n_dimensions - 1]};
    for (int k = 0; k < 2; k++) {
        size_t i = 1;
        while (i < n_variables && has_size(v[i], candidate[k]))
            i++;
        if (i == n_variables && candidate[k]) {
            *n = candidate[k];
            return ADAH_OK;
        }
    }
    char sizes[512] = "";
    for (size_t i = 0, used = 0; i < n_variables && used + 64 < sizeof sizes; i++)
        used += (size_t)snprintf(sizes + used, sizeof sizes - used, "%s%s %zu x%s %zu", i ? ", " : "", v[i]->name,
                                 v[i]->shape.dimension[0], v[i]->shape.n_dimensions > 2 ? " ... x" : "",
                                 v[i]->shape.dimension[v[i]->shape.n_dimensions - 1]);
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: the variables have no number of records in common: %s",
                     adah_mat_file_path(v[0]->file), sizes);
}

/* Reads a matrix of n records. */
static adah_code read_matrix(variable *v, size_t n, adah_status *status) {
    v->is_transposed = v->shape.dimension[0] != n;
    v->n_columns = v->shape.dimension[v->is_transposed ? 0 : 1];
    if (v->n_columns == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is empty", adah_mat_file_path(v->file), v->name);
    return adah_mat_file_read_matrix(v->file, v->name, &v->values, status);
}

static void forget(variable *v) {
    adah_memory_free(v->values);
    v->values = NULL;
}

static float value_at(const variable *v, size_t n, size_t record, size_t column) {
    return v->is_transposed ? v->values[record * v->n_columns + column] : v->values[column * n + record];
}

static void copy_rows(const variable *v, size_t n, float *rows) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v->n_columns; j++)
            rows[i * v->n_columns + j] = value_at(v, n, i, j);
}

/* ---------------------------------------------------------------- records */

/* Labels of one record into `label` (room for n_columns). */
static adah_code find_labels(reading *r, const variable *v, size_t n, size_t record, uint32_t *label,
                             size_t *n_labels, adah_status *status) {
    char name[NAME_BYTES];
    *n_labels = 0;
    for (size_t j = 0; j < v->n_columns; j++) {
        const float value = value_at(v, n, record, j);
        size_t class = j + 1;
        if (v->n_columns == 1) {
            if (!(value >= 0 && value <= CLASS_MAX && floorf(value) == value))
                return adah_fail(status, ADAH_ERROR_FORMAT,
                                 "%s: %s of record %zu is %g, expected a whole number 0 to %d",
                                 adah_mat_file_path(v->file), v->name, record + 1, (double)value, CLASS_MAX);
            class = (size_t)value;
        } else if (value != 0 && value != 1) {
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: label %zu of record %zu in %s is %g, expected 0 or 1",
                             adah_mat_file_path(v->file), j + 1, record + 1, v->name, (double)value);
        } else if (value == 0) {
            continue;
        }
        snprintf(name, sizeof name, "class-%zu", class);
        ADAH_TRY(adah_published_set_name_label(r->set, name, strlen(name), &label[(*n_labels)++], status));
    }
    return ADAH_OK;
}

/* Adds n records with their labels. file_names NULL: they are called `form` with their number in the set, from 1. */
static adah_code add_records(reading *r, const variable *labels, size_t n, const char *form,
                             const char *const *file_names, adah_split split, adah_status *status) {
    uint32_t *label = adah_memory_zeroed(labels->n_columns, sizeof *label);
    if (!label)
        return adah_fail_memory(status, labels->n_columns * sizeof *label);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        char name[NAME_BYTES + 4096];
        size_t n_labels;
        if (file_names)
            snprintf(name, sizeof name, "images/%.4095s", file_names[i]);
        else
            snprintf(name, sizeof name, "%s%05zu%s", form, r->set->n_records + 1, *form ? ".png" : "");
        code = adah_published_set_add(r->set, name, "", 0, status);
        if (code == ADAH_OK)
            code = find_labels(r, labels, n, i, label, &n_labels, status);
        if (code == ADAH_OK)
            code = adah_published_set_label(r->set, label, n_labels, status);
        if (code == ADAH_OK)
            r->set->record[r->set->n_records - 1].split = split;
    }
    adah_memory_free(label);
    return code;
}

static adah_code reserve_vectors(reading *r, int side, size_t n, size_t n_columns, adah_status *status) {
    r->set->vector[side] = adah_memory_zeroed(n, n_columns * sizeof(float));
    r->set->n_columns[side] = n_columns;
    return r->set->vector[side] ? ADAH_OK : adah_fail_memory(status, n * n_columns * sizeof(float));
}

/* ---------------------------------------------------------------- I_tr, T_tr, L_tr, I_te, T_te, L_te */

static adah_code read_shallow(reading *r, adah_status *status) {
    static const char *const names[2][3] = {{"I_tr", "T_tr", "L_tr"}, {"I_te", "T_te", "L_te"}};
    variable v[2][3];
    size_t n[2] = {0};
    for (int part = 0; part < 2; part++) {
        for (int k = 0; k < 3; k++) {
            ADAH_TRY(find(r, names[part][k], &v[part][k], status));
            if (!v[part][k].file)
                return fail_missing(r, names[part][k], status);
        }
        const variable *const all[] = {&v[part][0], &v[part][1], &v[part][2]};
        ADAH_TRY(find_common_size(all, 3, &n[part], status));
    }
    adah_code code = ADAH_OK;
    for (int part = 0; part < 2 && code == ADAH_OK; part++)
        for (int k = 0; k < 3 && code == ADAH_OK; k++) {
            variable *here = &v[part][k];
            code = read_matrix(here, n[part], status);
            if (code == ADAH_OK && here->n_columns != v[0][k].n_columns)
                code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s has %zu numbers a record, expected %zu as %s",
                                 adah_mat_file_path(here->file), here->name, here->n_columns, v[0][k].n_columns,
                                 v[0][k].name);
            if (code == ADAH_OK && k < 2 && part == 0)
                code = reserve_vectors(r, k == 0 ? ADAH_IMAGE : ADAH_TEXT, n[0] + n[1], here->n_columns, status);
            if (code == ADAH_OK && k < 2)
                copy_rows(here, n[part],
                          r->set->vector[k == 0 ? ADAH_IMAGE : ADAH_TEXT] + part * n[0] * here->n_columns);
            if (code == ADAH_OK && k == 2)
                code = add_records(r, here, n[part], "", NULL, part ? ADAH_SPLIT_QUERY : ADAH_SPLIT_TRAIN, status);
            forget(here);
        }
    r->set->has_split = 1;
    return code;
}

/* ---------------------------------------------------------------- pictures inside */

typedef struct pixels {
    variable v;
    size_t n, n_height, n_width;
    size_t dimension[4]; /* those of n, channel, y and x */
} pixels;

/* One block of pictures being written. */
typedef struct block {
    const adah_dataset_writer *set;
    const uint8_t *bytes;
    size_t first, n_height, n_width;
    size_t stride[4]; /* of picture, channel, y, x */
    adah_status *result;
} block;

static adah_code find_sides(pixels *p, adah_status *status) {
    const size_t *size = p->v.shape.dimension;
    /* n is, and the other three begin at 0. */
    const int is_last = size[0] != p->n || (size[3] == p->n && size[1] != 3);
    const size_t at = is_last ? 0 : 1;
    const size_t channel = size[at] == 3 ? at : at + 2;
    p->dimension[0] = is_last ? 3 : 0;
    p->dimension[1] = channel;
    p->dimension[2] = channel == at ? at + 1 : at;
    p->dimension[3] = p->dimension[2] + 1;
    p->n_height = size[p->dimension[2]];
    p->n_width = size[p->dimension[3]];
    if (size[channel] != 3 || p->n_height < 1 || p->n_width < 1 || p->n_height > PICTURE_SIDE_MAX ||
        p->n_width > PICTURE_SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: %s is %zu x %zu x %zu x %zu, expected %zu pictures with 3 channels",
                         adah_mat_file_path(p->v.file), p->v.name, size[0], size[1], size[2], size[3], p->n);
    return ADAH_OK;
}

static void write_picture(void *context, size_t i) {
    const block *b = context;
    adah_status *status = &b->result[i];
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "images/%05zu.png", b->first + i + 1);
    *status = (adah_status){0};
    uint8_t *rgb = adah_memory_alloc(b->n_height * b->n_width * 3), *to = rgb;
    if (!rgb) {
        adah_fail_memory(status, b->n_height * b->n_width * 3);
        return;
    }
    for (size_t y = 0; y < b->n_height; y++)
        for (size_t x = 0; x < b->n_width; x++)
            for (size_t c = 0; c < 3; c++)
                *to++ = b->bytes[i * b->stride[0] + c * b->stride[1] + y * b->stride[2] + x * b->stride[3]];
    adah_dataset_writer_put_picture(b->set, name, rgb, b->n_width, b->n_height, 3, status);
    adah_memory_free(rgb);
}

static adah_code write_block(const pixels *p, block *b, size_t count, uint8_t *bytes, adah_status *status) {
    size_t stride = 1;
    for (size_t d = 0; d < 4; d++) {
        for (size_t k = 0; k < 4; k++)
            if (p->dimension[k] == d)
                b->stride[k] = stride;
        stride *= d == p->dimension[0] ? count : p->v.shape.dimension[d];
    }
    ADAH_TRY(adah_mat_file_read_bytes(p->v.file, p->v.name, p->dimension[0], b->first, count, bytes, status));
    adah_parallel_for(count, 1, write_picture, b);
    for (size_t i = 0; i < count; i++)
        if (b->result[i].code != ADAH_OK)
            return adah_fail(status, b->result[i].code, "%s", b->result[i].message);
    return ADAH_OK;
}

/* In blocks, since all pictures may be more than the memory. */
static adah_code write_pixels(const pixels *p, const adah_dataset_writer *set, adah_progress progress,
                              adah_status *status) {
    const size_t n_bytes = p->n_height * p->n_width * 3;
    size_t n_block = n_bytes < BLOCK_BYTES ? BLOCK_BYTES / n_bytes : 1;
    n_block = n_block < p->n ? n_block : p->n;
    uint8_t *bytes = adah_memory_alloc(n_block * n_bytes);
    adah_status *result = adah_memory_zeroed(n_block, sizeof *result);
    adah_code code = bytes && result ? ADAH_OK : adah_fail_memory(status, n_block * (n_bytes + sizeof *result));
    for (size_t first = 0; first < p->n && code == ADAH_OK; first += n_block) {
        const size_t count = p->n - first < n_block ? p->n - first : n_block;
        block b = {.set = set,
                   .bytes = bytes,
                   .first = first,
                   .n_height = p->n_height,
                   .n_width = p->n_width,
                   .result = result};
        code = adah_published_report(progress, "writing pictures", first, p->n, status);
        if (code == ADAH_OK)
            code = write_block(p, &b, count, bytes, status);
    }
    adah_memory_free(bytes);
    adah_memory_free(result);
    return code;
}

/* ---------------------------------------------------------------- YAll, LAll, images or IAll, FAll */

/* What outlives the reading: pictures are written from the file when the folder for them is there. */
typedef struct keeping {
    pixels pixels;
    adah_mat_file **file;
    size_t n_files;
} keeping;

static void close_files(void *reader) {
    keeping *k = reader;
    for (size_t i = 0; i < k->n_files; i++)
        adah_mat_file_close(k->file[i]);
    adah_memory_free(k->file);
    adah_memory_free(k);
}

static adah_code write_kept(void *reader, const adah_dataset_writer *set, adah_progress progress, adah_status *status) {
    return write_pixels(&((keeping *)reader)->pixels, set, progress, status);
}

static adah_code read_vectors(reading *r, variable *v, int side, size_t n, adah_status *status) {
    adah_code code = read_matrix(v, n, status);
    if (code == ADAH_OK)
        code = reserve_vectors(r, side, n, v->n_columns, status);
    if (code == ADAH_OK)
        copy_rows(v, n, r->set->vector[side]);
    forget(v);
    return code;
}

/* File names of FAll, backslashes turned; NULL: there are none. */
static adah_code read_file_names(reading *r, variable *v, size_t n, const char ***names, adah_status *status) {
    size_t n_names;
    *names = NULL;
    if (!v->file)
        return ADAH_OK;
    ADAH_TRY(adah_mat_file_read_strings(v->file, v->name, &r->set->arena, names, &n_names, status));
    if (n_names != n) {
        adah_memory_free(*names);
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s has %zu names, expected %zu", adah_mat_file_path(v->file),
                         v->name, n_names, n);
    }
    for (size_t i = 0; i < n; i++)
        for (char *p = (char *)(uintptr_t)(*names)[i]; (p = strchr(p, '\\'));)
            *p = '/';
    return ADAH_OK;
}

static adah_code read_deep(reading *r, keeping *k, adah_status *status) {
    static const char *const nowhere[] = {NULL};
    variable words, labels, images, file_names;
    size_t n = 0;
    ADAH_TRY(find(r, "YAll", &words, status));
    ADAH_TRY(find(r, "LAll", &labels, status));
    if (!words.file || !labels.file)
        return fail_missing(r, words.file ? "LAll" : "YAll", status);
    ADAH_TRY(find(r, "images", &images, status));
    if (!images.file)
        ADAH_TRY(find(r, "IAll", &images, status));
    ADAH_TRY(find(r, "FAll", &file_names, status));
    const variable *const all[] = {&words, &labels, &images};
    ADAH_TRY(find_common_size(all, images.file ? 3 : 2, &n, status));
    const int has_pixels = images.file && images.shape.n_dimensions == 4;
    if (has_pixels && r->source->options->images)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%s holds the pictures itself (%s), expected no folder of images",
                         adah_mat_file_path(images.file), images.name);
    if (has_pixels) {
        k->pixels = (pixels){.v = images, .n = n};
        ADAH_TRY(find_sides(&k->pixels, status));
        r->set->write_pictures = write_kept;
    }
    ADAH_TRY(read_vectors(r, &words, ADAH_TEXT, n, status));
    if (images.file && !has_pixels)
        ADAH_TRY(read_vectors(r, &images, ADAH_IMAGE, n, status));
    if (r->source->options->images)
        ADAH_TRY(adah_published_set_find_pictures(r->set, r->source, "", nowhere, status));
    const char **names = NULL;
    if (!has_pixels)
        ADAH_TRY(read_file_names(r, &file_names, n, &names, status));
    adah_code code = read_matrix(&labels, n, status);
    if (code == ADAH_OK)
        code = add_records(r, &labels, n, has_pixels ? "images/" : "", names, ADAH_SPLIT_TRAIN, status);
    forget(&labels);
    adah_memory_free(names);
    return code;
}

static adah_code read_mat(const adah_published_source *source, adah_published_set *set, adah_status *status) {
    keeping *k = adah_memory_zeroed(1, sizeof *k);
    adah_mat_file **files = adah_memory_zeroed(source->n_paths, sizeof *files);
    if (!k || !files) {
        adah_memory_free(k);
        adah_memory_free(files);
        return adah_fail_memory(status, sizeof *k + source->n_paths * sizeof *files);
    }
    *k = (keeping){.file = files, .n_files = source->n_paths};
    set->reader = k;
    set->close_reader = close_files;
    reading r = {.source = source, .set = set, .file = files};
    for (size_t i = 0; i < source->n_paths; i++)
        ADAH_TRY(adah_mat_file_open(source->path[i], &files[i], status));
    variable images;
    ADAH_TRY(find(&r, "I_tr", &images, status));
    return images.file ? read_shallow(&r, status) : read_deep(&r, k, status);
}

const adah_published_format adah_published_mat = {
    .name = "mat",
    .source = ".mat files with YAll, LAll and perhaps images or IAll and FAll, or with I_tr, T_tr, L_tr, I_te, T_te and L_te",
    .n_sources_max = 64,
    .may_lack_pictures = 1,
    .read = read_mat,
};
