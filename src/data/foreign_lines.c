/* foreign_lines.c - kinds of text files that have no header: captions of Flickr8k, lists of names, attributes of CelebA, numbered pictures of CUB. */
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_table.h"
#include "data/findings.h"
#include "data/foreign_metadata.h"

#include <stdio.h>
#include <string.h>

static int is_number(adah_raw_text word) {
    for (size_t i = 0; i < word.n_bytes; i++)
        if ((word.bytes[i] < '0' || word.bytes[i] > '9') && !(i == 0 && word.n_bytes > 1 && word.bytes[i] == '-'))
            return 0;
    return word.n_bytes > 0;
}

static int is_blank(adah_raw_text line) {
    size_t offset = 0;
    return adah_foreign_word(line, &offset).n_bytes == 0;
}

static size_t count_words(adah_raw_text line) {
    size_t n = 0, offset = 0;
    while (adah_foreign_word(line, &offset).n_bytes)
        n++;
    return n;
}

/* The share of the first lines, from `offset` on, that `names` finds a picture in; lines of another form end it: 0. */
static int most_name_pictures(adah_foreign_look *look, size_t offset, int (*names)(adah_foreign_look *look, adah_raw_text line)) {
    adah_raw_text line;
    size_t n_rows = 0, n_named = 0;
    while (n_rows < ADAH_FOREIGN_ROWS && adah_foreign_line(look, &offset, &line)) {
        if (offset > look->n_bytes && n_rows) /* it may be cut off */
            break;
        if (is_blank(line))
            continue;
        const int named = names(look, line);
        if (named < 0)
            return 0;
        n_rows++;
        n_named += (size_t)named;
    }
    return adah_foreign_suffices(n_named, n_rows);
}

/* Adds a record for each line from `offset` on. */
static adah_code read_lines(adah_foreign_look *look, size_t offset, size_t n_lines_before, void *context,
                            adah_code (*add)(adah_foreign_look *look, void *context, adah_raw_text line, size_t number, adah_status *status),
                            adah_status *status) {
    adah_raw_text line;
    for (size_t number = n_lines_before + 1; adah_foreign_line(look, &offset, &line); number++) {
        if (is_blank(line))
            continue;
        adah_status why = {0};
        const adah_code code = adah_findings_is_utf8(line.bytes, line.n_bytes) ? add(look, context, line, number, &why)
                                                                              : adah_dataset_fail_utf8(look->dataset, number, &why);
        ADAH_TRY(adah_foreign_skip_bad(look, code, &why, status));
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- NAME#NUMBER<TAB>CAPTION */

/* The bytes before the only tab; none: it is another line. */
static adah_raw_text name_before_tab(adah_raw_text line) {
    const char *tab = memchr(line.bytes, '\t', line.n_bytes);
    if (!tab || memchr(tab + 1, '\t', line.n_bytes - (size_t)(tab + 1 - line.bytes)))
        return (adah_raw_text){0};
    return (adah_raw_text){line.bytes, (size_t)(tab - line.bytes)};
}

static int has_caption(adah_foreign_look *look, adah_raw_text line) {
    const adah_raw_text name = name_before_tab(line);
    size_t offset = name.n_bytes;
    return adah_foreign_picture(look, name.bytes, name.n_bytes) != NULL && !is_number(adah_foreign_word(line, &offset));
}

static int are_captions(adah_foreign_look *look) { return most_name_pictures(look, 0, has_caption); }

static adah_code add_caption(adah_foreign_look *look, void *context, adah_raw_text line, size_t number, adah_status *status) {
    (void)context;
    const char *tab = memchr(line.bytes, '\t', line.n_bytes);
    if (!tab)
        return adah_dataset_fail(look->dataset, number, status, "no tab, expected NAME, a tab and a caption");
    const adah_raw_text text = {tab + 1, line.n_bytes - (size_t)(tab + 1 - line.bytes)};
    const adah_raw_record raw = {.file_name = {line.bytes, (size_t)(tab - line.bytes)}, .text = &text, .n_texts = 1, .line = number};
    return adah_dataset_add(look->dataset, &raw, status);
}

static adah_code read_captions(adah_foreign_look *look, adah_status *status) { return read_lines(look, 0, 0, NULL, add_caption, status); }

const adah_foreign_kind adah_foreign_captions = {.what = "captions, a line each", .is_it = are_captions, .read = read_captions};

/* ---------------------------------------------------------------- NAME, or NAME and the number of its class or its marks */

static int is_name_with_numbers(adah_foreign_look *look, adah_raw_text line) {
    size_t offset = 0;
    const adah_raw_text name = adah_foreign_word(line, &offset);
    for (adah_raw_text word; (word = adah_foreign_word(line, &offset)).n_bytes;)
        if (!is_number(word))
            return -1;
    return adah_foreign_picture(look, name.bytes, name.n_bytes) != NULL;
}

/* CelebA's list_eval_partition.txt: 0, 1, 2 are training, validation, test. */
static int is_partition(adah_foreign_look *look) { return strstr(look->path, "partition") && most_name_pictures(look, 0, is_name_with_numbers); }

static adah_code add_part(adah_foreign_look *look, void *context, adah_raw_text line, size_t number, adah_status *status) {
    static const char *const splits[] = {"train", "validation", "test"};
    (void)context;
    size_t offset = 0;
    const adah_raw_text name = adah_foreign_word(line, &offset), part = adah_foreign_word(line, &offset);
    if (part.n_bytes != 1 || part.bytes[0] < '0' || part.bytes[0] > '2')
        return adah_dataset_fail(look->dataset, number, status, "expected a name and 0 (training), 1 (validation) or 2 (test)");
    const char *split = splits[part.bytes[0] - '0'];
    const adah_raw_record raw = {.file_name = name, .split = {split, strlen(split)}, .line = number};
    return adah_dataset_add(look->dataset, &raw, status);
}

static adah_code read_partition(adah_foreign_look *look, adah_status *status) { return read_lines(look, 0, 0, NULL, add_part, status); }

const adah_foreign_kind adah_foreign_partition = {.what = "splits", .is_first = 1, .is_it = is_partition, .read = read_partition};

static int is_list(adah_foreign_look *look) { return most_name_pictures(look, 0, is_name_with_numbers); }

/* One number is a class; of several each that is 1 marks the class of its place, from 0. */
static adah_code add_listed(adah_foreign_look *look, void *context, adah_raw_text line, size_t number, adah_status *status) {
    enum { MARKS_MAX = 4096, DIGITS = 8 };
    (void)context;
    size_t offset = 0, n = 0;
    const size_t n_numbers = count_words(line) - 1;
    const adah_raw_text name = adah_foreign_word(line, &offset);
    adah_raw_text *label = adah_memory_zeroed(n_numbers + 1, sizeof *label);
    char(*digits)[DIGITS] = adah_memory_zeroed(n_numbers + 1, sizeof *digits);
    adah_code code = label && digits ? ADAH_OK : adah_fail_memory(status, n_numbers * sizeof *label);
    for (size_t i = 0; i < n_numbers && i < MARKS_MAX && code == ADAH_OK; i++) {
        const adah_raw_text word = adah_foreign_word(line, &offset);
        if (!is_number(word))
            code = adah_dataset_fail(look->dataset, number, status, "expected a name and whole numbers");
        else if (n_numbers == 1)
            label[n++] = word;
        else if (word.n_bytes == 1 && word.bytes[0] == '1')
            label[n] = (adah_raw_text){digits[n], (size_t)snprintf(digits[n], DIGITS, "%zu", i)}, n++;
    }
    const adah_raw_record raw = {.file_name = name, .label = label, .n_labels = n, .line = number};
    if (code == ADAH_OK)
        code = adah_dataset_add(look->dataset, &raw, status);
    adah_memory_free(label);
    adah_memory_free(digits);
    return code;
}

static adah_code read_list(adah_foreign_look *look, adah_status *status) { return read_lines(look, 0, 0, NULL, add_listed, status); }

const adah_foreign_kind adah_foreign_list = {.what = "a list", .is_first = 1, .is_it = is_list, .read = read_list};

/* ---------------------------------------------------------------- CelebA: their number, names of attributes, NAME with -1 and 1 */

typedef struct attributes {
    adah_raw_text *name, *label;
    size_t n;
} attributes;

static int has_marks(adah_foreign_look *look, adah_raw_text line) {
    size_t offset = 0;
    const adah_raw_text name = adah_foreign_word(line, &offset);
    for (adah_raw_text word; (word = adah_foreign_word(line, &offset)).n_bytes;)
        if (!(word.bytes[word.n_bytes - 1] == '1' && (word.n_bytes == 1 || (word.n_bytes == 2 && word.bytes[0] == '-'))) &&
            !(word.n_bytes == 1 && word.bytes[0] == '0'))
            return -1;
    return adah_foreign_picture(look, name.bytes, name.n_bytes) != NULL;
}

/* *offset: behind the names. */
static int has_attribute_header(const adah_foreign_look *look, size_t *offset, adah_raw_text *names) {
    adah_raw_text first, third;
    size_t at;
    *offset = at = 0;
    if (!adah_foreign_line(look, offset, &first) || count_words(first) != 1 || !is_number((adah_raw_text){first.bytes, strcspn(first.bytes, " \t\r\n")}))
        return 0;
    if (!adah_foreign_line(look, offset, names))
        return 0;
    at = *offset;
    return adah_foreign_line(look, &at, &third) && count_words(*names) > 0 && count_words(third) == count_words(*names) + 1;
}

static int are_attributes(adah_foreign_look *look) {
    size_t offset;
    adah_raw_text names;
    return has_attribute_header(look, &offset, &names) && most_name_pictures(look, offset, has_marks);
}

static adah_code add_attributes(adah_foreign_look *look, void *context, adah_raw_text line, size_t number, adah_status *status) {
    attributes *a = context;
    size_t offset = 0, n = 0;
    const adah_raw_text name = adah_foreign_word(line, &offset);
    if (count_words(line) != a->n + 1)
        return adah_dataset_fail(look->dataset, number, status, "%zu words, expected a name and %zu numbers", count_words(line), a->n);
    for (size_t i = 0; i < a->n; i++) {
        const adah_raw_text word = adah_foreign_word(line, &offset);
        if (word.n_bytes == 1 && word.bytes[0] == '1')
            a->label[n++] = a->name[i];
    }
    const adah_raw_record raw = {.file_name = name, .label = a->label, .n_labels = n, .line = number};
    return adah_dataset_add(look->dataset, &raw, status);
}

static adah_code read_attributes(adah_foreign_look *look, adah_status *status) {
    size_t offset, at = 0;
    adah_raw_text names = {0};
    if (!has_attribute_header(look, &offset, &names))
        return adah_dataset_fail(look->dataset, 1, status, "the file changed while it was read");
    attributes a = {.n = count_words(names)};
    a.name = adah_memory_zeroed(a.n, sizeof *a.name);
    a.label = adah_memory_zeroed(a.n, sizeof *a.label);
    for (size_t i = 0; a.name && i < a.n; i++)
        a.name[i] = adah_foreign_word(names, &at);
    const adah_code code = a.name && a.label ? read_lines(look, offset, 2, &a, add_attributes, status) : adah_fail_memory(status, a.n * sizeof *a.name);
    adah_memory_free(a.name);
    adah_memory_free(a.label);
    return code;
}

const adah_foreign_kind adah_foreign_attributes = {.what = "attributes of CelebA", .is_it = are_attributes, .read = read_attributes};

/* ---------------------------------------------------------------- CUB: images.txt numbers the pictures that other files speak of */

static int is_numbered(adah_foreign_look *look, adah_raw_text line) {
    size_t offset = 0;
    const adah_raw_text number = adah_foreign_word(line, &offset), name = adah_foreign_word(line, &offset);
    return !is_number(number) || count_words(line) != 2 ? -1 : adah_foreign_picture(look, name.bytes, name.n_bytes) != NULL;
}

static int are_numbered(adah_foreign_look *look) {
    return !strcmp(adah_path_name(look->path), "images.txt") && most_name_pictures(look, 0, is_numbered);
}

/* What other files say of a number. */
typedef struct numbered {
    adah_string_table ids, classes, words;
    uint32_t *class_of, *part_of, *name_of; /* by the number of an id, an id, a class: a word */
    size_t class_capacity, part_capacity, name_capacity;
    size_t n_classes, n_parts, n_names;
} numbered;

/* Lines of two words in a file beside: value[number of the first in ids] = number of the second in words. A file that is not there says nothing. */
static adah_code read_pairs(const adah_foreign_look *look, const char *name, adah_string_table *ids, adah_string_table *words, uint32_t **value,
                            size_t *capacity, size_t *n, adah_status *status) {
    char inside[4096];
    uint8_t *bytes;
    size_t n_bytes, offset = 0;
    snprintf(inside, sizeof inside, "%s%s%s", look->folder, *look->folder ? "/" : "", name);
    char *path = adah_file_join(look->dataset->folder, inside);
    if (!path)
        return adah_fail_memory(status, sizeof inside);
    if (!adah_file_exists(path)) {
        adah_memory_free(path);
        return ADAH_OK;
    }
    adah_code code = adah_file_read(path, SIZE_MAX / 4, &bytes, &n_bytes, status);
    adah_memory_free(path);
    ADAH_TRY(code);
    const adah_foreign_look other = {.bytes = (const char *)bytes, .n_bytes = n_bytes};
    adah_raw_text line;
    while (code == ADAH_OK && adah_foreign_line(&other, &offset, &line)) {
        size_t at = 0;
        const adah_raw_text id = adah_foreign_word(line, &at), word = adah_foreign_word(line, &at);
        if (word.n_bytes == 0 || !adah_findings_is_utf8(line.bytes, line.n_bytes))
            continue;
        const uint32_t i = adah_string_table_add(ids, id.bytes, id.n_bytes), w = adah_string_table_add(words, word.bytes, word.n_bytes);
        for (; code == ADAH_OK && i != ADAH_STRING_NONE && w != ADAH_STRING_NONE && *n <= i; ++*n)
            if (!adah_memory_grow((void **)value, capacity, *n, sizeof **value))
                code = adah_fail_memory(status, 2 * *capacity * sizeof **value);
            else
                (*value)[*n] = ADAH_STRING_NONE;
        if (code == ADAH_OK && (i == ADAH_STRING_NONE || w == ADAH_STRING_NONE))
            code = adah_fail_memory(status, line.n_bytes);
        if (code == ADAH_OK)
            (*value)[i] = w;
    }
    adah_memory_free(bytes);
    return code;
}

/* "001.Black_footed_Albatross" as "Black footed Albatross". */
static const char *bird_name(const char *text, char name[256]) {
    size_t start = strspn(text, "0123456789");
    start = start && text[start] == '.' ? start + 1 : 0;
    snprintf(name, 256, "%s", text + start);
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = ' ';
    return name;
}

static adah_code add_numbered(adah_foreign_look *look, void *context, adah_raw_text line, size_t number, adah_status *status) {
    numbered *k = context;
    size_t offset = 0;
    char room[256];
    const adah_raw_text id = adah_foreign_word(line, &offset), name = adah_foreign_word(line, &offset);
    adah_raw_text label = {0};
    adah_raw_record raw = {.file_name = name, .line = number};
    const uint32_t i = adah_string_table_find(&k->ids, id.bytes, id.n_bytes);
    if (i < k->n_classes && k->class_of[i] != ADAH_STRING_NONE) {
        const char *class = k->words.text[k->class_of[i]];
        const uint32_t c = adah_string_table_find(&k->classes, class, strlen(class));
        label.bytes = c < k->n_names && k->name_of[c] != ADAH_STRING_NONE ? bird_name(k->words.text[k->name_of[c]], room) : class;
        label.n_bytes = strlen(label.bytes);
        raw.label = &label;
        raw.n_labels = 1;
    }
    if (i < k->n_parts && k->part_of[i] != ADAH_STRING_NONE) {
        const char *split = strcmp(k->words.text[k->part_of[i]], "1") ? "test" : "train";
        raw.split = (adah_raw_text){split, strlen(split)};
    }
    return adah_dataset_add(look->dataset, &raw, status);
}

static adah_code read_numbered(adah_foreign_look *look, adah_status *status) {
    numbered k = {0};
    adah_code code = read_pairs(look, "image_class_labels.txt", &k.ids, &k.words, &k.class_of, &k.class_capacity, &k.n_classes, status);
    if (code == ADAH_OK)
        code = read_pairs(look, "train_test_split.txt", &k.ids, &k.words, &k.part_of, &k.part_capacity, &k.n_parts, status);
    if (code == ADAH_OK)
        code = read_pairs(look, "classes.txt", &k.classes, &k.words, &k.name_of, &k.name_capacity, &k.n_names, status);
    if (code == ADAH_OK)
        code = read_lines(look, 0, 0, &k, add_numbered, status);
    adah_string_table_free(&k.ids);
    adah_string_table_free(&k.classes);
    adah_string_table_free(&k.words);
    adah_memory_free(k.class_of);
    adah_memory_free(k.part_of);
    adah_memory_free(k.name_of);
    return code;
}

const adah_foreign_kind adah_foreign_numbered = {.what = "numbered pictures, as of CUB", .is_first = 1, .is_it = are_numbered, .read = read_numbered};
