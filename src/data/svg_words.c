/* svg_words.c - a walk over the elements of an SVG by expat, which opens no other file and limits entities.
 *
 * Taken are dc:title, dc:creator and dc:subject where they are children of cc:Work; a title deeper down is that of a
 * person or an organisation. */
#include "data/svg_words.h"
#include "base/memory.h"

#include <expat.h>
#include <string.h>

enum { TITLE, CREATOR, KEYWORDS, N_FIELDS, NO_FIELD = N_FIELDS };
enum { FIELD_BYTES_MAX = 1 << 16 };

typedef struct walk {
    XML_Parser parser;
    size_t depth, work_depth; /* work_depth: of the cc:Work we are in, 0: none */
    int field;                /* being filled */
    struct {
        char *bytes;
        size_t n, capacity;
    } text[N_FIELDS];
    int out_of_memory;
} walk;

static void put_byte(walk *w, char byte) {
    if (w->out_of_memory || w->text[w->field].n >= FIELD_BYTES_MAX)
        return;
    if (!adah_memory_grow((void **)&w->text[w->field].bytes, &w->text[w->field].capacity, w->text[w->field].n, 1)) {
        w->out_of_memory = 1;
        XML_StopParser(w->parser, XML_FALSE);
        return;
    }
    w->text[w->field].bytes[w->text[w->field].n++] = byte;
}

/* Ends a value, unless nothing has been put since the last end. */
static void end_value(walk *w) {
    size_t n = w->text[w->field].n;
    if (n > 0 && w->text[w->field].bytes[n - 1] != '\n')
        put_byte(w, '\n');
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes) {
    walk *w = user;
    (void)attributes;
    w->depth++;
    const char *space = strrchr(name, ' '), *local = space ? space + 1 : name; /* "namespace local" */
    if (w->work_depth == 0 && strcmp(local, "Work") == 0)
        w->work_depth = w->depth;
    else if (w->work_depth && w->depth == w->work_depth + 1)
        w->field = strcmp(local, "title") == 0     ? TITLE
                   : strcmp(local, "creator") == 0 ? CREATOR
                   : strcmp(local, "subject") == 0 ? KEYWORDS
                                                   : NO_FIELD;
}

static void on_end(void *user, const XML_Char *name) {
    walk *w = user;
    (void)name;
    if (w->field != NO_FIELD)
        end_value(w);
    if (w->depth == w->work_depth + 1)
        w->field = NO_FIELD;
    if (w->depth == w->work_depth)
        w->work_depth = 0;
    w->depth--;
}

/* Runs of white space become one space, none at the start of a value. */
static void on_text(void *user, const XML_Char *text, int n_bytes) {
    walk *w = user;
    for (int i = 0; i < n_bytes && w->field != NO_FIELD; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r') {
            put_byte(w, text[i]);
            continue;
        }
        size_t n = w->text[w->field].n;
        if (n > 0 && w->text[w->field].bytes[n - 1] != ' ' && w->text[w->field].bytes[n - 1] != '\n')
            put_byte(w, ' ');
    }
}

static adah_code take_fields(walk *w, adah_svg_words *words, adah_status *status) {
    char *copy[N_FIELDS];
    int failed = 0;
    for (int i = 0; i < N_FIELDS; i++) {
        size_t n = w->text[i].n;
        while (n > 0 && (w->text[i].bytes[n - 1] == '\n' || w->text[i].bytes[n - 1] == ' '))
            n--;
        copy[i] = adah_memory_text_n(w->text[i].bytes, n);
        failed |= !copy[i];
    }
    *words = (adah_svg_words){copy[TITLE], copy[CREATOR], copy[KEYWORDS]};
    if (failed) {
        adah_svg_free_words(words);
        return adah_fail_memory(status, FIELD_BYTES_MAX);
    }
    return ADAH_OK;
}

adah_code adah_svg_read_words(const uint8_t *bytes, size_t n_bytes, const char *name, adah_svg_words *words,
                              adah_status *status) {
    if (n_bytes > INT32_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu bytes, expected at most %d", name, n_bytes, INT32_MAX);
    walk w = {.field = NO_FIELD, .parser = XML_ParserCreateNS(NULL, ' ')};
    if (!w.parser)
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in expat");
    XML_SetUserData(w.parser, &w);
    XML_SetElementHandler(w.parser, on_start, on_end);
    XML_SetCharacterDataHandler(w.parser, on_text);
    adah_code code;
    if (XML_Parse(w.parser, (const char *)bytes, (int)n_bytes, XML_TRUE) == XML_STATUS_OK)
        code = take_fields(&w, words, status);
    else if (w.out_of_memory || XML_GetErrorCode(w.parser) == XML_ERROR_NO_MEMORY)
        code = adah_fail(status, ADAH_ERROR_MEMORY, "%s: out of memory", name);
    else
        code =
            adah_fail(status, ADAH_ERROR_FORMAT, "%s:%lu: %s", name,
                      (unsigned long)XML_GetCurrentLineNumber(w.parser), XML_ErrorString(XML_GetErrorCode(w.parser)));
    XML_ParserFree(w.parser);
    for (int i = 0; i < N_FIELDS; i++)
        adah_memory_free(w.text[i].bytes);
    return code;
}

void adah_svg_free_words(adah_svg_words *words) {
    adah_memory_free(words->title);
    adah_memory_free(words->creator);
    adah_memory_free(words->keywords);
    *words = (adah_svg_words){NULL, NULL, NULL};
}
