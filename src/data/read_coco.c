/* read_coco.c - MS-COCO (Lin et al. 2014): annotations/captions_PART.json with annotations/instances_PART.json for
 * one part or several (train2017, val2017), the pictures in folders PART; and such files as other programs write them: ids as texts,
 * no instances, a byte order mark, NaN, pictures named with their folder.
 *
 * A file of instances is half a gigabyte, nearly all of it outlines that nobody wants here. So it is
 * read an element at a time (json_walk.h).
 *
 * A record has all captions of its picture as texts; its labels are the categories of its instances.
 * Those without a caption are left out, and where there are instances those without a label. Split: parts whose names begin with "val" or "test" are queries,
 * where there are others. */
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/metadata_path.h"
#include "data/published_set.h"
#include "data/foreign_json.h"
#include "data/json_walk.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256, PATH_BYTES = 2048, REPORT_BYTES = 16 << 20 };
#define CAPTIONS "captions_"
#define INSTANCES "instances_"

/* Ids are numbered as they come: they may be numbers or texts. */
typedef struct picture {
    uint32_t id;
    const char *name;
    size_t order; /* in the file */
} picture;

/* A caption or an instance: what belongs to a picture. */
typedef struct mark {
    uint32_t picture, category;
    const char *caption;
    size_t order;
} mark;

typedef struct category {
    uint32_t id;
    const char *name;
} category;

typedef struct reading {
    const adah_published_source *source;
    adah_published_set *set;
    picture *picture;
    mark *caption, *instance;
    category *category;
    adah_string_table picture_ids, category_ids; /* of the part */
    int has_instances;                           /* 1: labels are to be had */
    size_t n_pictures, n_captions, n_instances, n_categories;
    size_t picture_capacity, caption_capacity, instance_capacity, category_capacity;
} reading;

/* ---------------------------------------------------------------- a file */

typedef struct file {
    reading *reading;
    adah_file_map map;
    size_t reported, n_released;
} file;

static adah_code report(adah_json_walk *w, adah_status *status) {
    file *f = w->context;
    if (w->offset - f->reported < REPORT_BYTES)
        return ADAH_OK;
    f->reported = w->offset;
    adah_file_release(&f->map, w->offset, &f->n_released);
    return adah_published_report(f->reading->source->progress, "reading annotations", w->offset, w->n_bytes, status);
}

/* Gives the elements of the lists `keys` (up to NULL) of the file's top object to `use`. All must be there. */
static adah_code read_json(reading *r, const char *path, const char *const *keys, adah_json_use use, adah_status *status) {
    file f = {.reading = r};
    ADAH_TRY(adah_file_open_map(path, &f.map, status));
    adah_json_walk w = {.path = path, .bytes = (const char *)f.map.bytes, .n_bytes = f.map.n_bytes, .keys = keys, .use = use, .between = report,
                        .context = &f};
    if (w.n_bytes >= 3 && memcmp(w.bytes, "\xef\xbb\xbf", 3) == 0)
        w.offset = 3; /* a byte order mark */
    unsigned seen;
    const char *foreign = adah_foreign_file(f.map.bytes, f.map.n_bytes);
    adah_code code = foreign && strcmp(foreign, "JSON") ? adah_fail(status, ADAH_ERROR_FORMAT, "%s: not annotations: %s", path, foreign)
                                                        : adah_json_walk_object(&w, &seen, status);
    for (size_t k = 0; code == ADAH_OK && keys[k]; k++)
        if (!(seen & 1u << k))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: no list \"%s\"", path, keys[k]);
    code = adah_file_check_map(&f.map, code, status);
    adah_file_close_map(&f.map);
    return code;
}

/* The number of an id: 7, 7.0 and "7" are the same. */
static adah_code take_id(const json_t *object, const char *key, const adah_json_walk *at, adah_string_table *ids, uint32_t *id, adah_status *status) {
    char digits[32];
    const json_t *found = json_object_get(object, key);
    const double real = json_is_real(found) ? json_real_value(found) : 0.5;
    if (json_is_integer(found))
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(found));
    else if (fabs(real) < 1e15 && real == floor(real))
        snprintf(digits, sizeof digits, "%.0f", real);
    else if (!json_is_string(found))
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: element that ends at byte %zu: expected a whole number or a string \"%s\"", at->path, at->offset,
                         key);
    const char *text = json_is_string(found) ? json_string_value(found) : digits;
    *id = adah_string_table_add(ids, text, strlen(text));
    return *id == ADAH_STRING_NONE ? adah_fail_memory(status, strlen(text) + 1) : ADAH_OK;
}

/* A copy in the arena of the set. */
static adah_code take_string(reading *r, const json_t *object, const char *key, const adah_json_walk *at, const char **value,
                             adah_status *status) {
    const json_t *found = json_object_get(object, key);
    if (!json_is_string(found))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: element that ends at byte %zu: expected a string \"%s\"",
                         at->path, at->offset, key);
    *value = adah_arena_text(&r->set->arena, json_string_value(found), json_string_length(found));
    return *value ? ADAH_OK : adah_fail_memory(status, json_string_length(found) + 1);
}

/* ---------------------------------------------------------------- elements */

static adah_code use_captions(const adah_json_walk *at, const char *key, const json_t *element, adah_status *status) {
    reading *r = ((file *)at->context)->reading;
    if (strcmp(key, "images") == 0) {
        picture found = {.order = r->n_pictures};
        ADAH_TRY(take_id(element, "id", at, &r->picture_ids, &found.id, status));
        ADAH_TRY(take_string(r, element, "file_name", at, &found.name, status));
        if (!adah_memory_grow((void **)&r->picture, &r->picture_capacity, r->n_pictures, sizeof found))
            return adah_fail_memory(status, 2 * r->picture_capacity * sizeof found);
        r->picture[r->n_pictures++] = found;
        return ADAH_OK;
    }
    mark found = {.order = r->n_captions};
    if (adah_json_is_missing(json_object_get(element, "caption")))
        return ADAH_OK; /* a note of another kind, or a caption that nobody wrote */
    ADAH_TRY(take_id(element, "image_id", at, &r->picture_ids, &found.picture, status));
    ADAH_TRY(take_string(r, element, "caption", at, &found.caption, status));
    if (!adah_memory_grow((void **)&r->caption, &r->caption_capacity, r->n_captions, sizeof found))
        return adah_fail_memory(status, 2 * r->caption_capacity * sizeof found);
    r->caption[r->n_captions++] = found;
    return ADAH_OK;
}

static adah_code use_instances(const adah_json_walk *at, const char *key, const json_t *element, adah_status *status) {
    reading *r = ((file *)at->context)->reading;
    if (strcmp(key, "categories") == 0) {
        category found = {0};
        ADAH_TRY(take_id(element, "id", at, &r->category_ids, &found.id, status));
        ADAH_TRY(take_string(r, element, "name", at, &found.name, status));
        if (!adah_memory_grow((void **)&r->category, &r->category_capacity, r->n_categories, sizeof found))
            return adah_fail_memory(status, 2 * r->category_capacity * sizeof found);
        r->category[r->n_categories++] = found;
        return ADAH_OK;
    }
    mark found = {.order = r->n_instances};
    ADAH_TRY(take_id(element, "image_id", at, &r->picture_ids, &found.picture, status));
    ADAH_TRY(take_id(element, "category_id", at, &r->category_ids, &found.category, status));
    if (!adah_memory_grow((void **)&r->instance, &r->instance_capacity, r->n_instances, sizeof found))
        return adah_fail_memory(status, 2 * r->instance_capacity * sizeof found);
    r->instance[r->n_instances++] = found;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- a part */

static int compare_marks(const void *a, const void *b) {
    const mark *x = a, *y = b;
    if (x->picture != y->picture)
        return x->picture < y->picture ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void sort_marks(mark *m, size_t n) {
    if (n)
        qsort(m, n, sizeof *m, compare_marks);
}

/* The first mark of the picture, or where it would be. */
static size_t find_first(const mark *m, size_t n, uint32_t picture_id) {
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (m[middle].picture < picture_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The labels of a picture, each once: *label is memory that the caller frees, whatever is returned. */
static adah_code find_labels(reading *r, uint32_t id, const char *path, uint32_t **label, size_t *n_labels,
                             adah_status *status) {
    *n_labels = 0;
    *label = adah_memory_zeroed(r->n_categories, sizeof **label);
    if (!*label)
        return adah_fail_memory(status, r->n_categories * sizeof **label);
    for (size_t i = find_first(r->instance, r->n_instances, id); i < r->n_instances && r->instance[i].picture == id;
         i++) {
        size_t k = 0, j = 0;
        uint32_t number;
        while (k < r->n_categories && r->category[k].id != r->instance[i].category)
            k++;
        if (k == r->n_categories)
            return adah_fail(status, ADAH_ERROR_FORMAT,
                             "%s: an instance of image %s is of category %s, expected one of \"categories\"",
                             path, r->picture_ids.text[id], r->category_ids.text[r->instance[i].category]);
        ADAH_TRY(
            adah_published_set_name_label(r->set, r->category[k].name, strlen(r->category[k].name), &number, status));
        while (j < *n_labels && (*label)[j] != number)
            j++;
        if (j == *n_labels)
            (*label)[(*n_labels)++] = number;
    }
    return ADAH_OK;
}

/* Whether set->pictures/folder/name is there; -1: memory. */
static int is_there(const adah_published_set *set, const char *folder, const char *name) {
    char inside[PATH_BYTES];
    const int n = snprintf(inside, sizeof inside, "%s%s%s", folder, *folder ? "/" : "", name);
    char *path = n > 0 && (size_t)n < sizeof inside ? adah_file_join(set->pictures, inside) : adah_memory_text("");
    const int found = !path ? -1 : *path && adah_file_exists(path);
    adah_memory_free(path);
    return found;
}

/* Where a picture lies in the folder of the pictures: as it is named, in a folder named as its part or images, or by the last part of
 * its name in any of them; as the part's folder says where it is nowhere. */
static adah_code place_picture(const adah_published_set *set, const picture *p, const char *part, int has_folder, adah_text *place, adah_status *status) {
    char named[PATH_BYTES];
    snprintf(named, sizeof named, "%s", p->name);
    for (char *c = named; *c; c++)
        if (*c == '\\')
            *c = '/'; /* as Windows has it */
    const char *name = named;
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    const char *last = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    char below[NAME_BYTES + 16];
    snprintf(below, sizeof below, "images/%.*s", NAME_BYTES, part);
    const struct {
        const char *folder, *name;
    } places[] = {{has_folder ? part : "", name}, {"", name}, {part, name}, {"images", name}, {below, name}, {part, last}, {"", last},
                  {"images", last}, {below, last}};
    size_t k = 0;
    for (; set->pictures && k < sizeof places / sizeof *places; k++) {
        const int found = adah_dataset_path_fault((adah_raw_text){places[k].name, strlen(places[k].name)})
                              ? 0
                              : is_there(set, places[k].folder, places[k].name);
        if (found < 0)
            return adah_fail_memory(status, strlen(name));
        if (found)
            break;
    }
    if (!set->pictures || k == sizeof places / sizeof *places)
        k = 0;
    adah_text_add(place, "images/%s%s%s", places[k].folder, *places[k].folder ? "/" : "", places[k].name);
    return place->failed ? adah_fail_memory(status, strlen(name)) : ADAH_OK;
}

/* The captions of a picture, a line each. */
static size_t join_captions(const reading *r, uint32_t id, adah_text *text) {
    size_t n = 0;
    for (size_t i = find_first(r->caption, r->n_captions, id); i < r->n_captions && r->caption[i].picture == id; i++) {
        const char *caption = r->caption[i].caption;
        if (caption[strspn(caption, " \t\r\n")] == '\0')
            continue;
        if (n++)
            adah_text_add_bytes(text, "\n", 1);
        const size_t start = text->n_bytes;
        adah_text_add_bytes(text, caption, strlen(caption));
        for (size_t k = start; k < text->n_bytes; k++)
            if (text->bytes[k] == '\n' || text->bytes[k] == '\r')
                text->bytes[k] = ' ';
    }
    return n;
}

static adah_code add_picture(reading *r, const picture *p, const char *part, int has_folder, const char *path, adah_split split,
                             adah_status *status) {
    adah_text text = {0}, name = {0};
    uint32_t *label;
    size_t n_labels;
    const size_t n_texts = join_captions(r, p->id, &text);
    adah_code code = find_labels(r, p->id, path, &label, &n_labels, status);
    if (code == ADAH_OK && text.failed)
        code = adah_fail_memory(status, text.n_bytes);
    if (code == ADAH_OK && (n_texts == 0 || (n_labels == 0 && r->has_instances))) {
        r->set->n_left_out++;
    } else if (code == ADAH_OK) {
        code = place_picture(r->set, p, part, has_folder, &name, status);
        if (code == ADAH_OK)
            code = adah_published_set_add(r->set, name.bytes, text.bytes, text.n_bytes, status);
        if (code == ADAH_OK) {
            r->set->record[r->set->n_records - 1].split = split;
            r->set->record[r->set->n_records - 1].n_texts = n_texts;
            code = adah_published_set_label(r->set, label, n_labels, status);
        }
    }
    adah_memory_free(label);
    adah_text_free(&text);
    adah_text_free(&name);
    return code;
}

/* folder/PREFIXpart.json, in memory that the caller frees. */
static adah_code name_file(const char *folder, const char *prefix, const char *part, char **path,
                           adah_status *status) {
    char name[NAME_BYTES + 32];
    snprintf(name, sizeof name, "%s%.*s.json", prefix, NAME_BYTES, part);
    *path = adah_file_join(folder, name);
    return *path ? ADAH_OK : adah_fail_memory(status, strlen(folder) + sizeof name);
}

/* Whether the pictures lie in a folder that is named as the part; -1: memory. */
static int has_folder(const adah_published_set *set, const char *part) {
    char *path = set->pictures ? adah_file_join(set->pictures, part) : NULL;
    if (set->pictures && !path)
        return -1;
    const int found = !path || adah_file_exists(path);
    adah_memory_free(path);
    return found;
}

static adah_code read_part(reading *r, const char *folder, const char *part, adah_status *status) {
    static const char *const caption_keys[] = {"images", "annotations", NULL};
    static const char *const instance_keys[] = {"annotations", "categories", NULL};
    char *captions, *instances = NULL;
    r->n_pictures = r->n_captions = r->n_instances = r->n_categories = 0;
    adah_string_table_free(&r->picture_ids);
    adah_string_table_free(&r->category_ids);
    ADAH_TRY(name_file(folder, CAPTIONS, part, &captions, status));
    adah_code code = name_file(folder, INSTANCES, part, &instances, status);
    if (code == ADAH_OK)
        code = read_json(r, captions, caption_keys, use_captions, status);
    if (code == ADAH_OK && (r->has_instances || adah_file_exists(instances)))
        code = read_json(r, instances, instance_keys, use_instances, status);
    sort_marks(r->caption, r->n_captions);
    sort_marks(r->instance, r->n_instances);
    const int is_inside = has_folder(r->set, part);
    if (code == ADAH_OK && is_inside < 0)
        code = adah_fail_memory(status, NAME_BYTES);
    const int is_query = strncmp(part, "val", 3) == 0 || strncmp(part, "test", 4) == 0;
    for (size_t i = 0; i < r->n_pictures && code == ADAH_OK; i++)
        code = add_picture(r, &r->picture[i], part, is_inside, instances,
                           is_query ? ADAH_SPLIT_QUERY : ADAH_SPLIT_TRAIN, status);
    adah_memory_free(captions);
    adah_memory_free(instances);
    return code;
}

/* ---------------------------------------------------------------- all of it */

/* PREFIXpart.json to part; 0: another file. */
static int part_of(const char *name, const char *prefix, char part[NAME_BYTES]) {
    const size_t n = strlen(name), n_prefix = strlen(prefix);
    if (strncmp(name, prefix, n_prefix) != 0 || n <= n_prefix + 5 || n - n_prefix - 5 >= NAME_BYTES ||
        strcmp(name + n - 5, ".json") != 0)
        return 0;
    memcpy(part, name + n_prefix, n - n_prefix - 5);
    part[n - n_prefix - 5] = '\0';
    return 1;
}

static adah_code read_parts(reading *r, const char *folder, adah_status *status) {
    adah_folder_list list;
    ADAH_TRY(adah_folder_list_open(folder, "", &list, status));
    adah_code code = ADAH_OK;
    size_t n_parts = 0, n_queries = 0;
    char part[NAME_BYTES];
    for (size_t i = 0; i < list.n; i++) /* where some part has instances, all must */
        r->has_instances |= part_of(adah_folder_list_name(&list, i), INSTANCES, part);
    for (size_t i = 0; i < list.n && code == ADAH_OK; i++) {
        if (part_of(adah_folder_list_name(&list, i), CAPTIONS, part)) {
            n_parts++;
            code = read_part(r, folder, part, status);
        }
    }
    adah_folder_list_close(&list);
    if (code == ADAH_OK && n_parts == 0)
        code = adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: no captions_*.json there, expected those of MS-COCO", folder);
    for (size_t i = 0; i < r->set->n_records; i++)
        n_queries += r->set->record[i].split == ADAH_SPLIT_QUERY;
    r->set->has_split = n_queries > 0 && n_queries < r->set->n_records;
    return code;
}

static adah_code read_coco(const adah_published_source *source, adah_published_set *set, adah_status *status) {
    static const char *const pictures[] = {"", NULL};
    reading r = {.source = source, .set = set};
    ADAH_TRY(adah_published_set_find_pictures(set, source, source->path[0], pictures, status));
    char *folder = adah_file_join(source->path[0], "annotations");
    if (!folder)
        return adah_fail_memory(status, strlen(source->path[0]) + 16);
    const adah_code code = read_parts(&r, folder, status);
    adah_memory_free(folder);
    adah_string_table_free(&r.picture_ids);
    adah_string_table_free(&r.category_ids);
    adah_memory_free(r.picture);
    adah_memory_free(r.caption);
    adah_memory_free(r.instance);
    adah_memory_free(r.category);
    return code;
}

const adah_published_format adah_published_coco = {
    .name = "coco",
    .source = "MS-COCO: the folder with annotations/captions_*.json and annotations/instances_*.json",
    .n_sources_max = 1,
    .read = read_coco,
};
