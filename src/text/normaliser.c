/* normaliser.c - a step takes the text as it is and adds what it becomes to another, which takes its place.
 *
 * Normal forms leave characters that came after Unicode 9 as they are, as the reference does. */
#include "text/normaliser.h"
#include "base/memory.h"
#include "text/characters.h"

#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/uset.h>
#include <unicode/ustring.h>

typedef enum step_kind {
    STEP_BERT,
    STEP_FORM,          /* one of Unicode's normal forms */
    STEP_LOWER,
    STEP_STRIP_ACCENTS,
    STEP_STRIP,
    STEP_REPLACE,
    STEP_PREPEND,
    STEP_CHARSMAP
} step_kind;

struct adah_normaliser_step {
    step_kind kind;
    UNormalizer2 *form; /* NULL: none */
    USet *characters;   /* that it may change */
    int clean, ideographs, accents, lower; /* BERT */
    int left, right;                       /* strip */
    adah_text_pattern pattern;
    char *content; /* of replace and prepend */
    adah_charsmap map;
};

const char *adah_step_type(const json_t *object) {
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "";
}

int adah_step_flag(const json_t *object, const char *key, int otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

adah_code adah_step_refuse(const json_t *object, const char *what, const char *where, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a %s of type \"%.64s\", which is not supported", where, what, adah_step_type(object));
}

/* ---------------------------------------------------------------- reading */

static const struct {
    const char *type;
    const UNormalizer2 *(*instance)(UErrorCode *);
} forms[] = {{"NFC", unorm2_getNFCInstance}, {"NFD", unorm2_getNFDInstance}, {"NFKC", unorm2_getNFKCInstance}, {"NFKD", unorm2_getNFKDInstance}};

static adah_code read_content(const json_t *object, const char *key, const char *where, adah_normaliser_step *step, adah_status *status) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a normalizer of type \"%.64s\" without \"%s\"", where, adah_step_type(object), key);
    step->content = adah_memory_text(json_string_value(value));
    return step->content ? ADAH_OK : adah_fail_memory(status, json_string_length(value));
}

static adah_code open_form(const UNormalizer2 *(*instance)(UErrorCode *), adah_normaliser_step *step, adah_status *status) {
    static const UChar pattern[] = u"[:age=9.0:]";
    UErrorCode error = U_ZERO_ERROR;
    step->characters = uset_openPattern(pattern, -1, &error);
    if (U_SUCCESS(error))
        uset_freeze(step->characters);
    step->form = unorm2_openFiltered(instance(&error), step->characters, &error);
    return U_SUCCESS(error) ? ADAH_OK : adah_fail_memory(status, 1);
}

static adah_code read_bert(const json_t *object, adah_normaliser_step *step, adah_status *status) {
    step->clean = adah_step_flag(object, "clean_text", 1);
    step->ideographs = adah_step_flag(object, "handle_chinese_chars", 1);
    step->lower = adah_step_flag(object, "lowercase", 1);
    step->accents = adah_step_flag(object, "strip_accents", step->lower);
    return step->accents ? open_form(unorm2_getNFDInstance, step, status) : ADAH_OK;
}

static adah_code read_step(const json_t *object, const char *where, adah_normaliser_step *step, adah_status *status) {
    static const struct {
        const char *type;
        step_kind kind;
    } known[] = {{"BertNormalizer", STEP_BERT}, {"Lowercase", STEP_LOWER}, {"StripAccents", STEP_STRIP_ACCENTS}, {"Strip", STEP_STRIP},
                 {"Replace", STEP_REPLACE},     {"Prepend", STEP_PREPEND}, {"Precompiled", STEP_CHARSMAP}};
    const char *type = adah_step_type(object);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(type, forms[i].type)) {
            step->kind = STEP_FORM;
            return open_form(forms[i].instance, step, status);
        }
    size_t k = 0;
    while (k < sizeof known / sizeof *known && strcmp(type, known[k].type))
        k++;
    if (k == sizeof known / sizeof *known)
        return adah_step_refuse(object, "normalizer", where, status);
    step->kind = known[k].kind;
    const json_t *map = json_object_get(object, "precompiled_charsmap");
    switch (step->kind) {
    case STEP_BERT: return read_bert(object, step, status);
    case STEP_STRIP:
        step->left = adah_step_flag(object, "strip_left", 1);
        step->right = adah_step_flag(object, "strip_right", 1);
        return ADAH_OK;
    case STEP_REPLACE:
        ADAH_TRY(adah_text_pattern_read(json_object_get(object, "pattern"), where, &step->pattern, status));
        return read_content(object, "content", where, step, status);
    case STEP_PREPEND: return read_content(object, "prepend", where, step, status);
    case STEP_CHARSMAP:
        if (!json_is_string(map))
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a normalizer of type \"Precompiled\" without its charsmap", where);
        return adah_charsmap_read(json_string_value(map), json_string_length(map), where, &step->map, status);
    default: return ADAH_OK;
    }
}

static adah_code read_steps(const json_t *object, const char *where, int depth, adah_normaliser *n, adah_status *status) {
    if (!strcmp(adah_step_type(object), "Sequence")) {
        size_t i;
        const json_t *item;
        if (depth >= ADAH_STEPS_DEPTH_MAX)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: normalizers nested deeper than %d", where, ADAH_STEPS_DEPTH_MAX);
        json_array_foreach(json_object_get(object, "normalizers"), i, item)
            ADAH_TRY(read_steps(item, where, depth + 1, n, status));
        return ADAH_OK;
    }
    if (n->n >= ADAH_STEPS_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: more than %d normalizers", where, ADAH_STEPS_MAX);
    if (!adah_memory_grow((void **)&n->step, &n->capacity, n->n, sizeof *n->step))
        return adah_fail_memory(status, sizeof *n->step);
    n->step[n->n] = (adah_normaliser_step){0};
    return read_step(object, where, &n->step[n->n++], status);
}

adah_code adah_normaliser_read(const json_t *object, const char *where, adah_normaliser *normaliser, adah_status *status) {
    if (!object || json_is_null(object))
        return ADAH_OK;
    return read_steps(object, where, 0, normaliser, status);
}

void adah_normaliser_free(adah_normaliser *n) {
    for (size_t i = 0; i < n->n; i++) {
        unorm2_close(n->step[i].form);
        uset_close(n->step[i].characters);
        adah_text_pattern_free(&n->step[i].pattern);
        adah_charsmap_free(&n->step[i].map);
        adah_memory_free(n->step[i].content);
    }
    adah_memory_free(n->step);
    *n = (adah_normaliser){0};
}

/* ---------------------------------------------------------------- the steps */

static int is_ascii(const adah_text *text) {
    for (size_t i = 0; i < text->n_bytes; i++)
        if (text->bytes[i] & 0x80)
            return 0;
    return 1;
}

/* Into one of Unicode's forms, by way of UTF-16. */
static adah_code add_form(const UNormalizer2 *form, const adah_text *text, adah_text *out, adah_status *status) {
    if (is_ascii(text)) {
        adah_text_add_bytes(out, text->n_bytes ? text->bytes : "", text->n_bytes);
        return ADAH_OK;
    }
    const size_t n_max = 18 * text->n_bytes + 1; /* no character grows more */
    UErrorCode error = U_ZERO_ERROR;
    int32_t n_units = 0, n_formed = 0, n_bytes = 0;
    UChar *units = adah_memory_resize(NULL, text->n_bytes + 1, sizeof *units), *formed = adah_memory_resize(NULL, n_max, sizeof *formed);
    char *bytes = adah_memory_resize(NULL, n_max, 3);
    int is_done = units && formed && bytes;
    if (is_done) {
        u_strFromUTF8(units, (int32_t)text->n_bytes + 1, &n_units, text->bytes, (int32_t)text->n_bytes, &error);
        n_formed = unorm2_normalize(form, units, n_units, formed, (int32_t)n_max, &error);
        u_strToUTF8(bytes, (int32_t)(3 * n_max), &n_bytes, formed, n_formed, &error);
        is_done = U_SUCCESS(error);
    }
    if (is_done)
        adah_text_add_bytes(out, bytes, (size_t)n_bytes);
    adah_memory_free(units);
    adah_memory_free(formed);
    adah_memory_free(bytes);
    return is_done ? ADAH_OK : adah_fail_memory(status, n_max);
}

static void add_without(int (*is_mark)(UChar32), const adah_text *text, adah_text *out) {
    for (size_t i = 0; i < text->n_bytes;) {
        const UChar32 c = adah_character_next(text->bytes, text->n_bytes, &i);
        if (!is_mark(c))
            adah_character_add(out, c);
    }
}

static void add_lower(const adah_text *text, adah_text *out) {
    for (size_t i = 0; i < text->n_bytes;)
        adah_character_add_lower(out, adah_character_next(text->bytes, text->n_bytes, &i));
}

static void add_clean(const adah_normaliser_step *step, const adah_text *text, adah_text *out) {
    for (size_t i = 0; i < text->n_bytes;) {
        const UChar32 c = adah_character_next(text->bytes, text->n_bytes, &i);
        const int is_line = c == '\t' || c == '\n' || c == '\r';
        if (step->clean && (c == 0 || c == 0xFFFD || (adah_is_control(c) && !is_line)))
            continue;
        const int is_apart = step->ideographs && adah_is_ideograph(c);
        if (is_apart)
            adah_text_add_bytes(out, " ", 1);
        adah_character_add(out, step->clean && (is_line || adah_is_space(c)) ? ' ' : c);
        if (is_apart)
            adah_text_add_bytes(out, " ", 1);
    }
}

static void add_stripped(const adah_normaliser_step *step, const adah_text *text, adah_text *out) {
    size_t start = 0, end = text->n_bytes, next = 0;
    while (step->left && start < end && adah_is_space(adah_character_next(text->bytes, end, &next)))
        start = next;
    for (size_t before = end; step->right && before > start && adah_is_space(adah_character_before(text->bytes, &before));)
        end = before;
    adah_text_add_bytes(out, text->n_bytes ? text->bytes + start : "", end - start);
}

typedef struct replacing {
    const adah_text *text;
    const char *content;
    size_t done;
    adah_text *out;
} replacing;

static int replace_match(void *context, size_t start, size_t end) {
    replacing *r = context;
    adah_text_add_bytes(r->out, r->text->bytes + r->done, start - r->done);
    adah_text_add_bytes(r->out, r->content, strlen(r->content));
    r->done = end;
    return !r->out->failed;
}

static adah_code add_replaced(const adah_normaliser_step *step, const adah_text *text, adah_text *out, adah_status *status) {
    replacing r = {text, step->content, 0, out};
    ADAH_TRY(adah_text_pattern_find(&step->pattern, text->bytes, text->n_bytes, replace_match, &r, status));
    adah_text_add_bytes(out, text->n_bytes ? text->bytes + r.done : "", text->n_bytes - r.done);
    return ADAH_OK;
}

/* What a step writes takes the place of the text. */
static adah_code take_over(adah_text *text, adah_text *out, adah_code code, adah_status *status) {
    if (code == ADAH_OK && out->failed)
        code = adah_fail_memory(status, text->n_bytes);
    if (code == ADAH_OK) {
        adah_text_free(text);
        *text = *out;
    } else {
        adah_text_free(out);
    }
    *out = (adah_text){0};
    return code;
}

static adah_code apply_bert(const adah_normaliser_step *step, adah_text *text, adah_status *status) {
    adah_text out = {0};
    add_clean(step, text, &out);
    ADAH_TRY(take_over(text, &out, ADAH_OK, status));
    if (step->accents) {
        ADAH_TRY(take_over(text, &out, add_form(step->form, text, &out, status), status));
        add_without(adah_is_bert_accent, text, &out);
        ADAH_TRY(take_over(text, &out, ADAH_OK, status));
    }
    if (!step->lower)
        return ADAH_OK;
    add_lower(text, &out);
    return take_over(text, &out, ADAH_OK, status);
}

static adah_code apply_step(const adah_normaliser_step *step, adah_text *text, adah_status *status) {
    adah_text out = {0};
    adah_code code = ADAH_OK;
    switch (step->kind) {
    case STEP_BERT: return apply_bert(step, text, status);
    case STEP_FORM: code = add_form(step->form, text, &out, status); break;
    case STEP_LOWER: add_lower(text, &out); break;
    case STEP_STRIP_ACCENTS: add_without(adah_is_accent, text, &out); break;
    case STEP_STRIP: add_stripped(step, text, &out); break;
    case STEP_REPLACE: code = add_replaced(step, text, &out, status); break;
    case STEP_PREPEND:
        if (text->n_bytes) {
            adah_text_add_bytes(&out, step->content, strlen(step->content));
            adah_text_add_bytes(&out, text->bytes, text->n_bytes);
        }
        break;
    case STEP_CHARSMAP: code = adah_charsmap_apply(&step->map, text->bytes, text->n_bytes, &out, status); break;
    }
    return take_over(text, &out, code, status);
}

adah_code adah_normaliser_apply(const adah_normaliser *normaliser, adah_text *text, adah_status *status) {
    for (size_t i = 0; i < normaliser->n; i++)
        ADAH_TRY(apply_step(&normaliser->step[i], text, status));
    return ADAH_OK;
}
