/* pre_tokenizer.c - a step finds what separates in each piece, and makes pieces of what is between, of it, or of both.
 *
 * Marks are the parts of a piece that a step looks for: white space, punctuation, what an expression finds. What becomes of them is the
 * step's behaviour: they go, stand alone, or join the piece before or behind. */
#include "text/pre_tokenizer.h"
#include "base/memory.h"
#include "text/characters.h"

#include <string.h>

typedef enum step_kind {
    STEP_BERT,
    STEP_WORDS,    /* "Whitespace": runs of word characters, runs of other characters */
    STEP_BLANKS,   /* "WhitespaceSplit" */
    STEP_PUNCTUATION,
    STEP_DIGITS,
    STEP_PATTERN,  /* "Split" */
    STEP_METASPACE,
    STEP_BYTES     /* "ByteLevel" */
} step_kind;

typedef enum behaviour { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS } behaviour;

struct adah_pre_tokenizer_step {
    step_kind kind;
    behaviour behaviour;
    int is_inverted; /* what is between the marks counts as the marks */
    adah_text_pattern pattern;
    int has_pattern;
    char *mark; /* metaspace: stands for a blank */
    enum { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS } prepend; /* metaspace, bytes: a blank before the text */
    int splits;
};

/* ---------------------------------------------------------------- reading */

/* GPT-2's, which byte-level tokenizers split by when they say nothing else. */
static const char byte_level_expression[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static adah_code read_behaviour(const json_t *object, const char *where, behaviour otherwise, behaviour *b, adah_status *status) {
    static const char *const name[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *value = json_string_value(json_object_get(object, "behavior"));
    *b = otherwise;
    if (!value)
        return ADAH_OK;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (!strcmp(value, name[i])) {
            *b = (behaviour)i;
            return ADAH_OK;
        }
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a pre_tokenizer's behavior \"%.64s\", expected Removed, Isolated, MergedWithPrevious, "
                     "MergedWithNext or Contiguous", where, value);
}

static adah_code read_metaspace(const json_t *object, const char *where, adah_pre_tokenizer_step *step, adah_status *status) {
    const char *mark = json_string_value(json_object_get(object, "replacement"));
    const char *scheme = json_string_value(json_object_get(object, "prepend_scheme"));
    step->prepend = adah_step_flag(object, "add_prefix_space", 1) ? PREPEND_ALWAYS : PREPEND_NEVER;
    if (scheme && !strcmp(scheme, "first"))
        step->prepend = PREPEND_FIRST;
    else if (scheme && (!strcmp(scheme, "always") || !strcmp(scheme, "never")))
        step->prepend = *scheme == 'a' ? PREPEND_ALWAYS : PREPEND_NEVER;
    else if (scheme)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a Metaspace's prepend_scheme \"%.64s\", expected always, first or never", where,
                         scheme);
    step->splits = adah_step_flag(object, "split", 1);
    step->mark = adah_memory_text(mark && *mark ? mark : "\xE2\x96\x81");
    return step->mark ? ADAH_OK : adah_fail_memory(status, 4);
}

static adah_code read_step(const json_t *object, const char *where, adah_pre_tokenizer_step *step, adah_status *status) {
    static const struct {
        const char *type;
        step_kind kind;
    } known[] = {{"BertPreTokenizer", STEP_BERT}, {"Whitespace", STEP_WORDS}, {"WhitespaceSplit", STEP_BLANKS}, {"Punctuation", STEP_PUNCTUATION},
                 {"Digits", STEP_DIGITS},         {"Split", STEP_PATTERN},    {"Metaspace", STEP_METASPACE},    {"ByteLevel", STEP_BYTES}};
    size_t k = 0;
    while (k < sizeof known / sizeof *known && strcmp(adah_step_type(object), known[k].type))
        k++;
    if (k == sizeof known / sizeof *known)
        return adah_step_refuse(object, "pre_tokenizer", where, status);
    step->kind = known[k].kind;
    switch (step->kind) {
    case STEP_PUNCTUATION: return read_behaviour(object, where, ISOLATED, &step->behaviour, status);
    case STEP_DIGITS: step->behaviour = adah_step_flag(object, "individual_digits", 0) ? ISOLATED : CONTIGUOUS; return ADAH_OK;
    case STEP_PATTERN:
        step->is_inverted = adah_step_flag(object, "invert", 0);
        step->has_pattern = 1;
        ADAH_TRY(read_behaviour(object, where, ISOLATED, &step->behaviour, status));
        return adah_text_pattern_read(json_object_get(object, "pattern"), where, &step->pattern, status);
    case STEP_METASPACE: return read_metaspace(object, where, step, status);
    case STEP_BYTES:
        step->prepend = adah_step_flag(object, "add_prefix_space", 1) ? PREPEND_ALWAYS : PREPEND_NEVER;
        step->behaviour = ISOLATED;
        step->has_pattern = adah_step_flag(object, "use_regex", 1);
        return step->has_pattern ? adah_text_pattern_compile(byte_level_expression, where, &step->pattern, status) : ADAH_OK;
    default: return ADAH_OK;
    }
}

static adah_code read_steps(const json_t *object, const char *where, int depth, adah_pre_tokenizer *p, adah_status *status) {
    if (!strcmp(adah_step_type(object), "Sequence")) {
        size_t i;
        const json_t *item;
        if (depth >= ADAH_STEPS_DEPTH_MAX)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: pre_tokenizers nested deeper than %d", where, ADAH_STEPS_DEPTH_MAX);
        json_array_foreach(json_object_get(object, "pretokenizers"), i, item)
            ADAH_TRY(read_steps(item, where, depth + 1, p, status));
        return ADAH_OK;
    }
    if (p->n >= ADAH_STEPS_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: more than %d pre_tokenizers", where, ADAH_STEPS_MAX);
    if (!adah_memory_grow((void **)&p->step, &p->capacity, p->n, sizeof *p->step))
        return adah_fail_memory(status, sizeof *p->step);
    p->step[p->n] = (adah_pre_tokenizer_step){0};
    return read_step(object, where, &p->step[p->n++], status);
}

adah_code adah_pre_tokenizer_read(const json_t *object, const char *where, adah_pre_tokenizer *p, adah_status *status) {
    return !object || json_is_null(object) ? ADAH_OK : read_steps(object, where, 0, p, status);
}

void adah_pre_tokenizer_free(adah_pre_tokenizer *p) {
    for (size_t i = 0; i < p->n; i++) {
        adah_text_pattern_free(&p->step[i].pattern);
        adah_memory_free(p->step[i].mark);
    }
    adah_memory_free(p->step);
    *p = (adah_pre_tokenizer){0};
}

/* ---------------------------------------------------------------- pieces */

void adah_pieces_free(adah_pieces *pieces) {
    adah_text_free(&pieces->text);
    adah_memory_free(pieces->end);
    *pieces = (adah_pieces){0};
}

/* Ends a piece with what was added to the text since the last. */
static void end_piece(adah_pieces *p) {
    if (p->text.n_bytes == (p->n ? p->end[p->n - 1] : 0) || p->text.failed)
        return;
    if (adah_memory_grow((void **)&p->end, &p->capacity, p->n, sizeof *p->end))
        p->end[p->n++] = p->text.n_bytes;
    else
        p->text.failed = 1;
}

static void add_piece(adah_pieces *p, const char *bytes, size_t n_bytes) {
    adah_text_add_bytes(&p->text, bytes, n_bytes);
    end_piece(p);
}

/* One piece as it is cut: parts come in order, and are a mark or what is between marks. */
typedef struct cutting {
    const adah_pre_tokenizer_step *step;
    const char *text;
    adah_pieces *out;
    size_t done;       /* bytes that have come */
    size_t start;      /* of the piece that is open */
    int is_open, was_mark;
} cutting;

static void close_piece(cutting *c, size_t end) {
    if (c->is_open)
        add_piece(c->out, c->text + c->start, end - c->start);
    c->is_open = 0;
}

static void open_piece(cutting *c, size_t start) {
    close_piece(c, start);
    c->start = start;
    c->is_open = 1;
}

static void take_part(cutting *c, size_t end, int is_mark) {
    const size_t start = c->done;
    if (start == end)
        return;
    is_mark ^= c->step->is_inverted;
    switch (c->step->behaviour) {
    case REMOVED:
        close_piece(c, start);
        if (!is_mark)
            open_piece(c, start);
        break;
    case ISOLATED: open_piece(c, start); break;
    case MERGED_WITH_PREVIOUS:
        if (!is_mark || c->was_mark || !c->is_open)
            open_piece(c, start);
        break;
    case MERGED_WITH_NEXT:
        if (is_mark || !c->was_mark)
            open_piece(c, start);
        break;
    case CONTIGUOUS:
        if (!c->is_open || is_mark != c->was_mark)
            open_piece(c, start);
        break;
    }
    c->was_mark = is_mark;
    c->done = end;
}

static int take_mark(void *context, size_t start, size_t end) {
    cutting *c = context;
    take_part(c, start, 0);
    take_part(c, end, 1);
    return !c->out->text.failed;
}

static adah_code cut(const adah_pre_tokenizer_step *step, const char *text, size_t n_bytes, adah_pieces *out, adah_status *status) {
    cutting c = {.step = step, .text = text, .out = out};
    ADAH_TRY(adah_text_pattern_find(&step->pattern, text, n_bytes, take_mark, &c, status));
    take_part(&c, n_bytes, 0);
    close_piece(&c, n_bytes);
    return ADAH_OK;
}

/* Punctuation or digits, character by character. */
static void cut_at_characters(const adah_pre_tokenizer_step *step, const char *text, size_t n_bytes, adah_pieces *out) {
    cutting c = {.step = step, .text = text, .out = out};
    for (size_t i = 0; i < n_bytes;) {
        const size_t start = i;
        const UChar32 character = adah_character_next(text, n_bytes, &i);
        if (step->kind == STEP_DIGITS ? (U_GET_GC_MASK(character) & U_GC_N_MASK) != 0 : adah_is_punctuation(character))
            take_mark(&c, start, i);
    }
    take_part(&c, n_bytes, 0);
    close_piece(&c, n_bytes);
}

/* Words between blanks; with_marks: and each mark of punctuation apart. */
static void cut_at_blanks(const char *text, size_t n_bytes, int with_marks, adah_pieces *out) {
    for (size_t i = 0; i < n_bytes;) {
        const size_t start = i;
        const UChar32 c = adah_character_next(text, n_bytes, &i);
        const int is_mark = with_marks && adah_is_punctuation(c), is_blank = adah_is_space(c);
        if (is_mark || is_blank)
            end_piece(out);
        if (!is_blank)
            adah_text_add_bytes(&out->text, text + start, i - start);
        if (is_mark)
            end_piece(out);
    }
    end_piece(out);
}

static void cut_words(const char *text, size_t n_bytes, adah_pieces *out) {
    int class_before = 0;
    for (size_t i = 0; i < n_bytes;) {
        const size_t start = i;
        const UChar32 c = adah_character_next(text, n_bytes, &i);
        const int class = adah_is_word(c) ? 1 : adah_is_space(c) ? 0 : 2;
        if (class != class_before)
            end_piece(out);
        if (class)
            adah_text_add_bytes(&out->text, text + start, i - start);
        class_before = class;
    }
    end_piece(out);
}

/* Blanks become marks, before which pieces begin. */
static void cut_metaspace(const adah_pre_tokenizer_step *step, const char *text, size_t n_bytes, int is_first, adah_pieces *out) {
    const size_t n_mark = strlen(step->mark);
    const int has_mark = *text == ' ' || (n_bytes >= n_mark && !memcmp(text, step->mark, n_mark));
    if (!has_mark && (step->prepend == PREPEND_ALWAYS || (step->prepend == PREPEND_FIRST && is_first)))
        adah_text_add_bytes(&out->text, step->mark, n_mark);
    for (size_t i = 0; i < n_bytes;) {
        const int is_blank = text[i] == ' ', is_mark = is_blank || (n_bytes - i >= n_mark && !memcmp(text + i, step->mark, n_mark));
        if (is_mark && step->splits)
            end_piece(out);
        adah_text_add_bytes(&out->text, is_mark ? step->mark : text + i, is_mark ? n_mark : 1);
        i += is_mark && !is_blank ? n_mark : 1;
    }
    end_piece(out);
}

/* Every byte becomes a character that can be seen: those of ASCII and Latin-1 that can stay, the others come from U+0100 on. */
static void add_bytes_as_characters(adah_text *text, const char *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        const int b = (uint8_t)bytes[i];
        const int n_hidden_before = b <= 32 ? b : b <= 160 ? 33 + b - 127 : 67; /* 0 to 32, 127 to 160, 173 */
        const int is_seen = (b > 32 && b < 127) || (b > 160 && b != 173);
        adah_character_add(text, is_seen ? b : 256 + n_hidden_before);
    }
}

static adah_code cut_bytes(const adah_pre_tokenizer_step *step, const char *text, size_t n_bytes, adah_pieces *out, adah_status *status) {
    adah_text whole = {0};
    adah_pieces cuts = {0};
    if (step->prepend && *text != ' ')
        adah_text_add_bytes(&whole, " ", 1);
    adah_text_add_bytes(&whole, text, n_bytes);
    adah_code code = whole.failed ? adah_fail_memory(status, n_bytes) : ADAH_OK;
    if (code == ADAH_OK && step->has_pattern)
        code = cut(step, whole.bytes, whole.n_bytes, &cuts, status);
    else if (code == ADAH_OK)
        add_piece(&cuts, whole.bytes, whole.n_bytes);
    for (size_t i = 0, start = 0; code == ADAH_OK && i < cuts.n; start = cuts.end[i++]) {
        add_bytes_as_characters(&out->text, cuts.text.bytes + start, cuts.end[i] - start);
        end_piece(out);
    }
    if (code == ADAH_OK && cuts.text.failed)
        code = adah_fail_memory(status, n_bytes);
    adah_text_free(&whole);
    adah_pieces_free(&cuts);
    return code;
}

static adah_code split_piece(const adah_pre_tokenizer_step *step, const char *text, size_t n_bytes, int is_first, adah_pieces *out,
                             adah_status *status) {
    switch (step->kind) {
    case STEP_BERT:
    case STEP_BLANKS: cut_at_blanks(text, n_bytes, step->kind == STEP_BERT, out); return ADAH_OK;
    case STEP_WORDS: cut_words(text, n_bytes, out); return ADAH_OK;
    case STEP_PUNCTUATION:
    case STEP_DIGITS: cut_at_characters(step, text, n_bytes, out); return ADAH_OK;
    case STEP_METASPACE: cut_metaspace(step, text, n_bytes, is_first, out); return ADAH_OK;
    case STEP_BYTES: return cut_bytes(step, text, n_bytes, out, status);
    case STEP_PATTERN: break;
    }
    return cut(step, text, n_bytes, out, status);
}

adah_code adah_pre_tokenizer_split(const adah_pre_tokenizer *p, const char *text, size_t n_bytes, int is_first, adah_pieces *pieces,
                                   adah_status *status) {
    adah_pieces now = {0};
    if (n_bytes)
        add_piece(&now, text, n_bytes);
    adah_code code = ADAH_OK;
    for (size_t k = 0; k < p->n && code == ADAH_OK && !now.text.failed; k++) {
        adah_pieces next = {0};
        for (size_t i = 0, start = 0; i < now.n && code == ADAH_OK; start = now.end[i++])
            code = split_piece(&p->step[k], now.text.bytes + start, now.end[i] - start, is_first && i == 0, &next, status);
        adah_pieces_free(&now);
        now = next;
    }
    if (code == ADAH_OK && now.text.failed)
        code = adah_fail_memory(status, n_bytes);
    if (code != ADAH_OK)
        adah_pieces_free(&now);
    else
        *pieces = now;
    return code;
}
