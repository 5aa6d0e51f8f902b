/* box_files.c - what detectors learn from: a file of boxes for each picture, of which the classes are its labels.
 *
 * Pascal VOC: x.xml with an object for each box, whose name is the class. YOLO: x.txt with "CLASS X Y WIDTH HEIGHT" a line, CLASS being the number of a line of
 * classes.txt or of a name in data.yaml. The file lies beside the picture, or below "Annotations" or "labels" where the picture is below "JPEGImages" or "images". */
#include "data/box_files.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/dataset_table.h"
#include "data/findings.h"
#include "data/utf16.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BOX_BYTES_MAX = 4 << 20, CLASSES_MAX = 100000 };

typedef struct boxes {
    adah_dataset *dataset;
    adah_string_table files; /* that may be of boxes */
    adah_arena arena;
    const char **class_name; /* [n_classes], by number; NULL: that one has no name */
    size_t n_classes, class_capacity, n_named;
    adah_findings findings;
    adah_text path, words;
    adah_raw_text *label;
    size_t label_capacity, n_read;
} boxes;

/* ---------------------------------------------------------------- names of classes */

/* The class of a number, which has no name where that is empty or not UTF-8: those behind it keep their numbers. */
static adah_code set_class(boxes *b, size_t number, const char *bytes, size_t n_bytes, adah_status *status) {
    while (n_bytes && strchr(" \t\r", *bytes))
        bytes++, n_bytes--;
    while (n_bytes && strchr(" \t\r", bytes[n_bytes - 1]))
        n_bytes--;
    if (number >= CLASSES_MAX)
        return ADAH_OK;
    for (; b->n_classes <= number; b->n_classes++) {
        if (!adah_memory_grow((void **)&b->class_name, &b->class_capacity, b->n_classes, sizeof *b->class_name))
            return adah_fail_memory(status, (b->n_classes + 1) * sizeof *b->class_name);
        b->class_name[b->n_classes] = NULL;
    }
    if (n_bytes == 0 || !adah_findings_is_utf8(bytes, n_bytes))
        return ADAH_OK;
    b->class_name[number] = adah_arena_text(&b->arena, bytes, n_bytes);
    b->n_named++;
    return b->class_name[number] ? ADAH_OK : adah_fail_memory(status, n_bytes);
}

/* Behind blanks, lines' ends and comments. */
static const char *skip_blank(const char *at, const char *end) {
    while (at < end && strchr(" \t\r\n#", *at))
        if (*at == '#')
            at = memchr(at, '\n', (size_t)(end - at)) ? memchr(at, '\n', (size_t)(end - at)) : end;
        else
            at++;
    return at;
}

/* A value of YAML, plain up to one of `stops`, a comment or the line's end, or in quotes. *at is left behind it. */
static adah_code take_value(boxes *b, size_t number, const char **at, const char *end, const char *stops, adah_status *status) {
    const char *start = *at;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    const char *quote = start < end && (*start == '"' || *start == '\'') ? memchr(start + 1, *start, (size_t)(end - start) - 1) : NULL;
    const char *stop = start;
    while (stop < end && *stop != '\n' && !strchr(stops, *stop) && !(*stop == '#' && stop > *at && strchr(" \t", stop[-1])))
        stop++;
    if (quote)
        start++, stop = quote;
    *at = quote ? quote + 1 : stop;
    return set_class(b, number, start, (size_t)(stop - start), status);
}

/* The number before a colon, as in "3: a"; *at is left behind it. 0: there is none. */
static int take_key(const char **at, const char *end, size_t *number) {
    const size_t n_digits = strspn(*at, "0123456789");
    if (n_digits == 0 || n_digits > 9 || *at + n_digits >= end || (*at)[n_digits] != ':')
        return 0;
    *number = strtoul(*at, NULL, 10);
    *at += n_digits + 1;
    return 1;
}

/* [a, b] or {0: a, 1: b}, over as many lines as it takes; at: behind the bracket. */
static adah_code take_brackets(boxes *b, const char **at, const char *end, adah_status *status) {
    size_t number = 0;
    for (*at = skip_blank(*at, end); *at < end && **at != ']' && **at != '}'; *at = skip_blank(*at, end)) {
        const char *start = *at;
        take_key(at, end, &number);
        ADAH_TRY(take_value(b, number++, at, end, ",]}", status));
        *at = skip_blank(*at, end);
        if (*at < end && (**at == ',' || *at == start))
            ++*at;
    }
    return ADAH_OK;
}

/* names: and what is in brackets, or a line each behind it: "- a", or "0: a". */
static adah_code take_yaml(boxes *b, const char *bytes, size_t n_bytes, adah_status *status) {
    const char *end = bytes + n_bytes;
    int is_in_names = 0;
    size_t number = 0;
    for (const char *at = bytes; at < end;) {
        if (end - at > 5 && memcmp(at, "names:", 6) == 0) {
            at += 6;
            is_in_names = 1;
        }
        if (is_in_names) {
            at = skip_blank(at, end);
            if (at < end && (*at == '[' || *at == '{')) {
                at++;
                ADAH_TRY(take_brackets(b, &at, end, status));
                is_in_names = 0;
            } else if (end - at > 1 && *at == '-' && strchr(" \t\r\n", at[1])) {
                at++;
                ADAH_TRY(take_value(b, number++, &at, end, "", status));
            } else if (take_key(&at, end, &number)) {
                ADAH_TRY(take_value(b, number, &at, end, "", status));
            } else {
                is_in_names = 0;
                continue; /* it may be another key */
            }
        }
        const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        at = newline ? newline + 1 : end;
    }
    return ADAH_OK;
}

static adah_code take_lines(boxes *b, const char *bytes, size_t n_bytes, adah_status *status) {
    size_t number = 0;
    for (size_t start = 0, end; start < n_bytes; start = end + 1) {
        const char *newline = memchr(bytes + start, '\n', n_bytes - start);
        end = newline ? (size_t)(newline - bytes) : n_bytes;
        ADAH_TRY(set_class(b, number++, bytes + start, end - start, status));
    }
    return ADAH_OK;
}

/* A file of the data set that is small and UTF-8; *bytes NULL: it is not. */
static adah_code read_small(boxes *b, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    adah_status why = {0};
    char *path = adah_file_join(adah_dataset_folder(b->dataset), name);
    if (!path)
        return adah_fail_memory(status, strlen(name));
    *bytes = NULL;
    adah_code code = adah_file_read(path, BOX_BYTES_MAX, bytes, n_bytes, &why);
    if (code == ADAH_OK && (code = adah_utf16_resolve(path, bytes, n_bytes, &why)) != ADAH_OK) {
        adah_memory_free(*bytes);
        *bytes = NULL;
    }
    if (code != ADAH_OK)
        adah_dataset_leave_out(b->dataset, why.message);
    adah_memory_free(path);
    return code == ADAH_ERROR_MEMORY ? adah_fail(status, code, "%s", why.message) : ADAH_OK;
}

/* 1: a name a line, 2: YAML, 0: no file of classes. */
static int kind_of_classes(const char *path) {
    static const char *const names[] = {"classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (!strcasecmp(adah_path_name(path), names[k]))
            return k < 2 ? 1 : 2;
    return 0;
}

int adah_box_has_classes(const adah_folder_listing *listing) {
    for (size_t i = 0; i < listing->n; i++)
        if (kind_of_classes(listing->path[i]))
            return 1;
    return 0;
}

/* Of the first file of that kind that has any. */
static adah_code find_classes(boxes *b, const adah_folder_listing *l, adah_status *status) {
    const char *first = NULL;
    for (size_t i = 0; i < l->n && b->n_named == 0; i++) {
        uint8_t *bytes;
        size_t n_bytes;
        const int kind = kind_of_classes(l->path[i]);
        if (!kind)
            continue;
        first = first ? first : l->path[i];
        b->n_classes = 0;
        ADAH_TRY(read_small(b, l->path[i], &bytes, &n_bytes, status));
        const adah_code code = !bytes ? ADAH_OK : kind == 1 ? take_lines(b, (const char *)bytes, n_bytes, status) : take_yaml(b, (const char *)bytes, n_bytes, status);
        adah_memory_free(bytes);
        ADAH_TRY(code);
    }
    return !first || b->n_named ? ADAH_OK
                                : adah_dataset_note(b->dataset, status, "%s: no names of classes are in it (expected a name a line, or in YAML \"names:\" and a list)", first);
}

/* ---------------------------------------------------------------- one file */

typedef struct voc {
    adah_findings *findings;
    adah_text name;
    int depth, is_voc, in_object, in_name;
} voc;

static void voc_start(void *user, const XML_Char *element, const XML_Char **attributes) {
    voc *v = user;
    (void)attributes;
    v->depth++;
    if (v->depth == 1)
        v->is_voc = !strcmp(element, "annotation");
    if (v->depth == 2)
        v->in_object = v->is_voc && !strcmp(element, "object");
    v->in_name = v->depth == 3 && v->in_object && !strcmp(element, "name");
    if (v->in_name)
        v->name.n_bytes = 0;
}

static void voc_end(void *user, const XML_Char *element) {
    voc *v = user;
    (void)element;
    if (v->in_name && v->depth == 3 && v->name.n_bytes)
        adah_findings_add_label(v->findings, v->name.bytes, v->name.n_bytes);
    v->in_name = 0;
    v->depth--;
}

static void voc_text(void *user, const XML_Char *bytes, int n_bytes) {
    voc *v = user;
    if (v->in_name)
        adah_text_add_bytes(&v->name, bytes, (size_t)n_bytes);
}

/* 0: it is no such XML; -1: memory. */
static int take_voc(boxes *b, const char *bytes, size_t n_bytes) {
    voc v = {.findings = &b->findings};
    XML_Parser parser = XML_ParserCreate(NULL);
    if (!parser)
        return -1;
    XML_SetUserData(parser, &v);
    XML_SetElementHandler(parser, voc_start, voc_end);
    XML_SetCharacterDataHandler(parser, voc_text);
    const int is_whole = XML_Parse(parser, bytes, (int)n_bytes, 1) == XML_STATUS_OK;
    const int is_memory = XML_GetErrorCode(parser) == XML_ERROR_NO_MEMORY || v.name.failed;
    XML_ParserFree(parser);
    adah_text_free(&v.name);
    return is_memory ? -1 : is_whole && v.is_voc;
}

/* "3 0.5 0.5 0.1 0.2" a line, and more for outlines. 0: it is something else. */
static int take_yolo(boxes *b, const char *bytes, size_t n_bytes) {
    const char *end = bytes + n_bytes; /* behind which a NUL byte stands */
    for (const char *line = bytes; line < end;) {
        const size_t n = strcspn(line, "\n");
        size_t n_numbers = 0;
        char *rest = (char *)(uintptr_t)line;
        const unsigned long number = strtoul(line, &rest, 10);
        const int is_number = rest > line && (*rest == ' ' || *rest == '\t');
        for (const char *at = rest; is_number && at < line + n; n_numbers++) {
            char *next;
            strtod(at, &next);
            if (next == at || next > line + n)
                break;
            at = next + strspn(next, " \t\r");
        }
        if (strspn(line, " \t\r") < n) {
            if (!is_number || n_numbers < 4 || number >= b->n_classes)
                return 0;
            if (b->class_name[number])
                adah_findings_add_label(&b->findings, b->class_name[number], strlen(b->class_name[number]));
        }
        line += n + 1;
    }
    return 1;
}

static adah_code take_file(boxes *b, size_t record, const char *name, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(read_small(b, name, &bytes, &n_bytes, status));
    if (!bytes)
        return ADAH_OK;
    adah_findings_clear(&b->findings);
    const int taken = !strcasecmp(adah_path_ending(name), ".xml") ? take_voc(b, (const char *)bytes, n_bytes) : take_yolo(b, (const char *)bytes, n_bytes);
    adah_memory_free(bytes);
    const adah_text *labels = &b->findings.labels;
    if (taken < 0 || b->findings.failed)
        return adah_fail_memory(status, n_bytes);
    if (taken == 0 || labels->n_bytes == 0)
        return ADAH_OK;
    const char *file_name = b->dataset->record[record].file_name;
    adah_raw_text text = {0};
    adah_raw_record raw = {.file_name = {file_name, strlen(file_name)}, .text = &text, .text_sources = ADAH_SOURCE_SIDECARS, .label_sources = ADAH_SOURCE_SIDECARS};
    b->words.n_bytes = 0;
    for (size_t start = 0; start < labels->n_bytes; start += strlen(labels->bytes + start) + 1) {
        if (!adah_memory_grow((void **)&b->label, &b->label_capacity, raw.n_labels, sizeof *b->label))
            return adah_fail_memory(status, labels->n_bytes);
        b->label[raw.n_labels++] = (adah_raw_text){labels->bytes + start, strlen(labels->bytes + start)};
        adah_text_add(&b->words, "%s%s", start ? ", " : "", labels->bytes + start);
    }
    if (b->words.failed)
        return adah_fail_memory(status, labels->n_bytes);
    raw.label = b->label;
    text = (adah_raw_text){b->words.bytes, b->words.n_bytes};
    raw.n_texts = b->dataset->record[record].n_texts == 0;
    const size_t n_rows = b->dataset->n_rows, n_repeated = b->dataset->n_repeated;
    const adah_code code = adah_dataset_add(b->dataset, &raw, status);
    b->dataset->n_rows = n_rows, b->dataset->n_repeated = n_repeated; /* no lines of metadata */
    b->n_read++;
    return code;
}

/* ---------------------------------------------------------------- the file of a picture */

/* The name of the picture's file of boxes where `from` (a part of its path; "": none) is called `to`; NULL: there is no such file. */
static const char *find_file(boxes *b, const char *picture, const char *from, const char *to, const char *ending) {
    const size_t n_from = strlen(from), n_stem = strlen(picture) - strlen(adah_path_ending(picture));
    size_t at = SIZE_MAX;
    for (size_t start = 0, n; n_from && (n = strcspn(picture + start, "/")) && picture[start + n]; start += n + 1)
        if (n == n_from && strncasecmp(picture + start, from, n) == 0)
            at = start;
    if (n_from && at == SIZE_MAX)
        return NULL;
    b->path.n_bytes = 0;
    if (n_from) {
        adah_text_add_bytes(&b->path, picture, at);
        adah_text_add_bytes(&b->path, to, strlen(to));
        adah_text_add_bytes(&b->path, picture + at + n_from, n_stem - at - n_from);
    } else {
        adah_text_add_bytes(&b->path, picture, n_stem);
    }
    adah_text_add_bytes(&b->path, ending, strlen(ending));
    const uint32_t k = b->path.failed ? ADAH_STRING_NONE : adah_string_table_find(&b->files, b->path.bytes, b->path.n_bytes);
    return k == ADAH_STRING_NONE ? NULL : b->files.text[k];
}

static adah_code read_all(boxes *b, const adah_folder_listing *l, adah_status *status) {
    static const struct {
        const char *from, *to, *ending;
    } places[] = {{"", "", ".xml"}, {"JPEGImages", "Annotations", ".xml"}, {"images", "Annotations", ".xml"}, {"images", "annotations", ".xml"},
                  {"", "", ".txt"}, {"images", "labels", ".txt"}};
    ADAH_TRY(find_classes(b, l, status));
    for (size_t i = 0; i < l->n; i++) {
        const char *ending = adah_path_ending(l->path[i]);
        const int may_be = !strcmp(ending, ".xml") || (b->n_named && !strcmp(ending, ".txt"));
        if (may_be && adah_string_table_add(&b->files, l->path[i], strlen(l->path[i])) == ADAH_STRING_NONE)
            return adah_fail_memory(status, strlen(l->path[i]));
    }
    for (size_t i = 0; b->files.n && i < b->dataset->n_records; i++)
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            const char *file = find_file(b, b->dataset->record[i].file_name, places[k].from, places[k].to, places[k].ending);
            if (b->path.failed)
                return adah_fail_memory(status, 256);
            if (file)
                ADAH_TRY(take_file(b, i, file, status));
        }
    return b->n_read ? adah_dataset_note(b->dataset, status, "pictures with labels from a file of boxes (Pascal VOC, YOLO): %zu", b->n_read) : ADAH_OK;
}

adah_code adah_dataset_read_boxes(adah_dataset *dataset, const adah_folder_listing *listing, adah_status *status) {
    boxes b = {.dataset = dataset};
    const adah_code code = read_all(&b, listing, status);
    adah_string_table_free(&b.files);
    adah_arena_free(&b.arena);
    adah_memory_free(b.class_name);
    adah_findings_free(&b.findings);
    adah_text_free(&b.path);
    adah_text_free(&b.words);
    adah_memory_free(b.label);
    return code;
}
