/* foreign_annotations.c - JSON that names pictures: COCO as CVAT, Roboflow and Label Studio write it; lists of objects, as Karpathy's splits are;
 * objects whose keys are names; an object a line. */
#include "base/memory.h"
#include "data/dataset_table.h"
#include "data/foreign_json.h"
#include "data/foreign_metadata.h"
#include "data/json_walk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEYS_MAX = 64, ID_BYTES = 32 };

/* Lists of the top object that may hold objects of pictures. */
static const char *const list_keys[] = {"images", "data", "annotations", "items", "samples", NULL};

static char first_byte(const adah_foreign_look *look) {
    size_t i = 0;
    while (i < look->n_bytes && memchr(" \t\r\n", look->bytes[i], 4))
        i++;
    return i < look->n_bytes ? look->bytes[i] : '\0';
}

static int holds(const adah_foreign_look *look, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = look->bytes, *end = look->bytes + look->n_bytes; (at = memchr(at, '"', (size_t)(end - at))); at++)
        if ((size_t)(end - at) >= n && memcmp(at, word, n) == 0)
            return 1;
    return 0;
}

/* ---------------------------------------------------------------- which key of objects names pictures */

typedef struct count {
    adah_foreign_look *look;
    adah_string_table keys;
    size_t n_pictures[KEYS_MAX]; /* under each key */
    size_t n_objects, n_members; /* members of the top object whose names are pictures */
    int is_over, failed;
} count;

static void count_keys(count *c, const json_t *object) {
    const char *key;
    json_t *value;
    c->n_objects++;
    json_object_foreach((json_t *)object, key, value) {
        if (!json_is_string(value) || !adah_foreign_picture(c->look, json_string_value(value), json_string_length(value)))
            continue;
        const uint32_t k = c->keys.n < KEYS_MAX ? adah_string_table_add(&c->keys, key, strlen(key)) : adah_string_table_find(&c->keys, key, strlen(key));
        c->failed |= k == ADAH_STRING_NONE && c->keys.n < KEYS_MAX;
        if (k < KEYS_MAX)
            c->n_pictures[k]++;
    }
}

/* Ends the walk when enough is seen. */
static adah_code end_count(count *c, size_t n, adah_status *status) {
    c->is_over = n >= ADAH_FOREIGN_ROWS;
    return c->is_over ? adah_fail(status, ADAH_ERROR_FORMAT, "enough") : ADAH_OK;
}

static adah_code count_element(const adah_json_walk *w, const char *key, const json_t *element, adah_status *status) {
    count *c = w->context;
    (void)key;
    count_keys(c, element);
    return end_count(c, c->n_objects, status);
}

static adah_code count_member(const adah_json_walk *w, const char *key, const json_t *element, adah_status *status) {
    count *c = w->context;
    (void)element;
    c->n_objects++;
    c->n_members += adah_foreign_picture(c->look, key, strlen(key)) != NULL;
    return end_count(c, c->n_objects, status);
}

/* The key under which enough of the objects name pictures; NULL: none. One that the user named is the only one that counts. */
static const char *file_key(const count *c) {
    size_t best = 0;
    const char *wanted = c->look->keys->file;
    for (size_t k = 0; k < c->keys.n; k++)
        if (wanted ? !strcmp(c->keys.text[k], wanted) : c->n_pictures[k] > c->n_pictures[best])
            best = k;
    const int is = c->keys.n && adah_foreign_suffices(c->n_pictures[best], c->n_objects) && (!wanted || !strcmp(c->keys.text[best], wanted));
    return is ? c->keys.text[best] : NULL;
}

static adah_json_walk walk_of(const adah_foreign_look *look, const char *const *keys, adah_json_use use, void *context) {
    return (adah_json_walk){.path = look->dataset->path, .bytes = look->bytes, .n_bytes = look->n_bytes, .keys = keys, .use = use, .context = context};
}

/* Takes the key for the file's name where there is one; walked: what the walk came to. -1: memory. */
static int take_key(count *c, adah_code walked) {
    c->failed |= walked == ADAH_ERROR_MEMORY;
    const char *key = walked == ADAH_OK || c->is_over ? file_key(c) : NULL;
    const int is = key != NULL;
    if (key && !(c->look->keys->file = adah_foreign_keep(c->look, key, strlen(key))))
        c->failed = 1;
    adah_string_table_free(&c->keys);
    return c->failed ? -1 : is;
}

/* ---------------------------------------------------------------- COCO */

typedef struct coco {
    adah_foreign_look *look;
    adah_string_table picture_ids, category_ids;
    const char **picture, **category; /* by the numbers of ids: a path, NULL where it is not there; a name */
    size_t picture_capacity, category_capacity, n_pictures, n_categories;
} coco;

static int is_coco(adah_foreign_look *look) {
    static const char *const images[] = {"images", NULL};
    if (first_byte(look) != '{' || !holds(look, "\"annotations\"") || !holds(look, "\"image_id\""))
        return 0;
    unsigned seen;
    adah_status why;
    adah_chosen_keys keys = {.file = "file_name"}, *own = look->keys;
    count c = {.look = look};
    adah_json_walk w = walk_of(look, images, count_element, &c);
    look->keys = &keys;
    const int is = take_key(&c, adah_json_walk_object(&w, &seen, &why));
    look->keys = own;
    return is;
}

/* The number of an id: 7, 7.0 and "7" are the same. ADAH_STRING_NONE: there is none. */
static adah_code find_id(const json_t *value, adah_string_table *ids, uint32_t *id, adah_status *status) {
    char digits[ID_BYTES];
    const char *text = digits;
    *id = ADAH_STRING_NONE;
    if (json_is_string(value))
        text = json_string_value(value);
    else if (json_is_number(value) && fabs(json_number_value(value)) < 1e15)
        snprintf(digits, sizeof digits, "%.0f", json_number_value(value));
    else
        return ADAH_OK;
    *id = adah_string_table_add(ids, text, strlen(text));
    return *id == ADAH_STRING_NONE ? adah_fail_memory(status, strlen(text) + 1) : ADAH_OK;
}

/* list[id] = text; what is between is NULL. */
static adah_code set_at(const char ***list, size_t *capacity, size_t *n, uint32_t id, const char *text, adah_status *status) {
    for (; *n <= id; ++*n)
        if (adah_memory_grow((void **)list, capacity, *n, sizeof **list))
            (*list)[*n] = NULL;
        else
            return adah_fail_memory(status, 2 * *capacity * sizeof **list);
    (*list)[id] = text;
    return ADAH_OK;
}

static adah_code use_image(coco *c, const json_t *element, adah_status *status) {
    uint32_t id;
    const json_t *name = json_object_get(element, "file_name");
    ADAH_TRY(find_id(json_object_get(element, "id"), &c->picture_ids, &id, status));
    if (id == ADAH_STRING_NONE || !json_is_string(name))
        return adah_dataset_fail(c->look->dataset, 0, status, "an image without an \"id\" or a \"file_name\"");
    const adah_raw_record raw = {.file_name = {json_string_value(name), json_string_length(name)}};
    ADAH_TRY(adah_dataset_add(c->look->dataset, &raw, status));
    return set_at(&c->picture, &c->picture_capacity, &c->n_pictures, id, adah_foreign_picture(c->look, raw.file_name.bytes, raw.file_name.n_bytes), status);
}

static adah_code use_category(coco *c, const json_t *element, adah_status *status) {
    uint32_t id;
    const json_t *name = json_object_get(element, "name");
    ADAH_TRY(find_id(json_object_get(element, "id"), &c->category_ids, &id, status));
    if (id == ADAH_STRING_NONE || !json_is_string(name))
        return adah_dataset_fail(c->look->dataset, 0, status, "a category without an \"id\" or a \"name\"");
    const char *kept = adah_foreign_keep(c->look, json_string_value(name), json_string_length(name));
    return kept ? set_at(&c->category, &c->category_capacity, &c->n_categories, id, kept, status) : adah_fail_memory(status, json_string_length(name));
}

static adah_code use_first(const adah_json_walk *w, const char *key, const json_t *element, adah_status *status) {
    coco *c = w->context;
    adah_status why = {0};
    const adah_code code = strcmp(key, "images") ? use_category(c, element, &why) : use_image(c, element, &why);
    return adah_foreign_skip_bad(c->look, code, &why, status);
}

/* A caption, or an instance; one of a picture that is not there was told with the picture. */
static adah_code add_annotation(coco *c, const json_t *element, adah_status *status) {
    uint32_t id, category;
    const json_t *caption = json_object_get(element, "caption");
    ADAH_TRY(find_id(json_object_get(element, "image_id"), &c->picture_ids, &id, status));
    ADAH_TRY(find_id(json_object_get(element, "category_id"), &c->category_ids, &category, status));
    if (id >= c->n_pictures || !c->picture[id])
        return ADAH_OK;
    adah_raw_text text = {0}, label = {0};
    adah_raw_record raw = {.file_name = {c->picture[id], strlen(c->picture[id])}, .text = &text, .label = &label};
    if (json_is_string(caption)) {
        text = (adah_raw_text){json_string_value(caption), json_string_length(caption)};
        raw.n_texts = 1;
    }
    if (category != ADAH_STRING_NONE) {
        if (category >= c->n_categories || !c->category[category])
            return adah_dataset_fail(c->look->dataset, 0, status, "an annotation of image %s is of category %s, expected one of \"categories\"",
                                     c->picture_ids.text[id], c->category_ids.text[category]);
        label = (adah_raw_text){c->category[category], strlen(c->category[category])};
        raw.n_labels = 1;
    }
    return adah_dataset_add(c->look->dataset, &raw, status);
}

static adah_code use_annotation(const adah_json_walk *w, const char *key, const json_t *element, adah_status *status) {
    coco *c = w->context;
    adah_status why = {0};
    (void)key;
    const adah_code code = add_annotation(c, element, &why);
    return adah_foreign_skip_bad(c->look, code, &why, status);
}

static adah_code read_coco_file(adah_foreign_look *look, adah_status *status) {
    static const char *const first[] = {"images", "categories", NULL}, *const then[] = {"annotations", NULL};
    unsigned seen;
    coco c = {.look = look};
    adah_json_walk w = walk_of(look, first, use_first, &c);
    adah_code code = adah_json_walk_object(&w, &seen, status);
    if (code == ADAH_OK) {
        w = walk_of(look, then, use_annotation, &c);
        code = adah_json_walk_object(&w, &seen, status);
    }
    adah_string_table_free(&c.picture_ids);
    adah_string_table_free(&c.category_ids);
    adah_memory_free(c.picture);
    adah_memory_free(c.category);
    return code;
}

const adah_foreign_kind adah_foreign_coco = {.what = "annotations of COCO", .is_it = is_coco, .read = read_coco_file};

/* ---------------------------------------------------------------- lists of objects, and objects whose keys are names */

static int is_json_list(adah_foreign_look *look) {
    unsigned seen;
    adah_status why;
    count c = {.look = look};
    adah_json_walk w = walk_of(look, list_keys, count_element, &c);
    const char first = first_byte(look);
    if (first != '[' && first != '{')
        return 0;
    const int is = take_key(&c, first == '[' ? adah_json_walk_list(&w, &why) : adah_json_walk_object(&w, &seen, &why));
    if (is || first == '[' || look->keys->file)
        return is;
    c = (count){.look = look};
    w = walk_of(look, list_keys, count_member, &c);
    const adah_code walked = adah_json_walk_members(&w, &why);
    if (walked == ADAH_ERROR_MEMORY)
        return -1;
    return (walked == ADAH_OK || c.is_over) && adah_foreign_suffices(c.n_members, c.n_objects);
}

static adah_code add_element(const adah_json_walk *w, const char *key, const json_t *element, adah_status *status) {
    adah_foreign_look *look = w->context;
    adah_status why = {0};
    (void)key;
    const adah_code code = adah_dataset_add_json(look->dataset, (json_t *)element, 0, &why);
    return adah_foreign_skip_bad(look, code, &why, status);
}

/* "a.jpg": "a dog", or a list of texts, or an object as in a list. */
static adah_code add_member(const adah_json_walk *w, const char *key, const json_t *element, adah_status *status) {
    adah_foreign_look *look = w->context;
    adah_status why = {0};
    json_t *object = json_is_object(element) ? json_copy((json_t *)element) : json_object();
    int failed = !object || json_object_set_new(object, look->keys->file, json_string(key)) != 0;
    if (!failed && !json_is_object(element))
        failed = json_object_set(object, look->keys->n_text ? look->keys->text[0] : "text", (json_t *)element) != 0;
    const adah_code code = failed ? adah_fail_memory(&why, 64) : adah_dataset_add_json(look->dataset, object, 0, &why);
    json_decref(object);
    return adah_foreign_skip_bad(look, code, &why, status);
}

static adah_code read_json_list(adah_foreign_look *look, adah_status *status) {
    unsigned seen;
    adah_json_walk w = walk_of(look, list_keys, add_element, look);
    if (first_byte(look) == '[')
        return adah_json_walk_list(&w, status);
    if (look->keys->file)
        return adah_json_walk_object(&w, &seen, status);
    look->keys->file = "file_name";
    w = walk_of(look, list_keys, add_member, look);
    return adah_json_walk_members(&w, status);
}

const adah_foreign_kind adah_foreign_json = {.what = "JSON that names pictures", .is_it = is_json_list, .read = read_json_list};

/* ---------------------------------------------------------------- an object a line */

static int is_jsonl(adah_foreign_look *look) {
    adah_raw_text line;
    size_t offset = 0, n_lines = 0;
    json_error_t error;
    int is_out_of_memory = 0;
    count c = {.look = look};
    if (first_byte(look) != '{')
        return 0;
    while (n_lines < ADAH_FOREIGN_ROWS && !is_out_of_memory && adah_foreign_line(look, &offset, &line)) {
        if (offset > look->n_bytes && n_lines) /* it may be cut off */
            break;
        json_t *object = adah_json_load(line.bytes, line.n_bytes, 0, &error, &is_out_of_memory);
        if (!object && n_lines == 0)
            break;
        n_lines++;
        if (json_is_object(object))
            count_keys(&c, object);
        json_decref(object);
    }
    return take_key(&c, is_out_of_memory ? ADAH_ERROR_MEMORY : n_lines ? ADAH_OK : ADAH_ERROR_FORMAT);
}

static adah_code read_jsonl(adah_foreign_look *look, adah_status *status) {
    return adah_dataset_read_jsonl(look->dataset, look->bytes, look->n_bytes, status);
}

const adah_foreign_kind adah_foreign_jsonl = {.what = "an object a line", .is_it = is_jsonl, .read = read_jsonl};
