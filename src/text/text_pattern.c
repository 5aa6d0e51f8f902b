/* text_pattern.c - ICU's regular expressions in place of Oniguruma's, over UTF-8 as it lies.
 *
 * The two differ in what \s is, which is written out here, and in where lines end (options). A text or an expression that would take
 * long is given up: ICU counts its steps. */
#include "text/text_pattern.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>
#include <unicode/utext.h>

enum { STEPS_MAX = 20000 /* in ICU's units, some milliseconds each at the most */, STACK_BYTES_MAX = 1 << 24, EXPRESSION_BYTES_MAX = 1 << 16 };

/* \s and \S as Unicode has them, inside of sets and out of them. */
static void translate(const char *expression, adah_text *text) {
    for (const char *s = expression; *s; s++) {
        if (*s != '\\' || !s[1]) {
            adah_text_add_bytes(text, s, 1);
            continue;
        }
        s++;
        if (*s == 's' || *s == 'S')
            adah_text_add(text, "\\%c{White_Space}", *s == 's' ? 'p' : 'P');
        else
            adah_text_add(text, "\\%c", *s);
    }
}

adah_code adah_text_pattern_compile(const char *expression, const char *where, adah_text_pattern *pattern, adah_status *status) {
    adah_text text = {0};
    if (!*expression || strlen(expression) > EXPRESSION_BYTES_MAX)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: an expression of %zu bytes, expected 1 to %d", where, strlen(expression),
                         EXPRESSION_BYTES_MAX);
    translate(expression, &text);
    if (text.failed) {
        adah_text_free(&text);
        return adah_fail_memory(status, strlen(expression));
    }
    UErrorCode error = U_ZERO_ERROR;
    UText from = UTEXT_INITIALIZER;
    utext_openUTF8(&from, text.bytes, (int64_t)text.n_bytes, &error);
    pattern->expression = uregex_openUText(&from, UREGEX_MULTILINE | UREGEX_UNIX_LINES, NULL, &error);
    utext_close(&from);
    adah_text_free(&text);
    if (error == U_MEMORY_ALLOCATION_ERROR)
        return adah_fail_memory(status, strlen(expression));
    return U_SUCCESS(error) ? ADAH_OK
                            : adah_fail(status, ADAH_ERROR_FORMAT, "%s: the expression \"%.200s\" is not understood: %s", where, expression,
                                        u_errorName(error));
}

adah_code adah_text_pattern_read(const json_t *object, const char *where, adah_text_pattern *pattern, adah_status *status) {
    const json_t *literal = json_object_get(object, "String"), *expression = json_object_get(object, "Regex");
    if (json_is_string(expression))
        return adah_text_pattern_compile(json_string_value(expression), where, pattern, status);
    if (!json_is_string(literal) || !json_string_length(literal))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no pattern, expected {\"String\": ...} or {\"Regex\": ...}", where);
    pattern->n_bytes = json_string_length(literal);
    pattern->literal = adah_memory_text_n(json_string_value(literal), pattern->n_bytes);
    return pattern->literal ? ADAH_OK : adah_fail_memory(status, pattern->n_bytes);
}

void adah_text_pattern_free(adah_text_pattern *pattern) {
    adah_memory_free(pattern->literal);
    uregex_close(pattern->expression);
    *pattern = (adah_text_pattern){0};
}

static adah_code find_literal(const adah_text_pattern *pattern, const char *text, size_t n_bytes, adah_take_match take, void *context,
                              adah_status *status) {
    for (size_t i = 0; n_bytes >= pattern->n_bytes && i <= n_bytes - pattern->n_bytes;) {
        if (memcmp(text + i, pattern->literal, pattern->n_bytes)) {
            i++;
            continue;
        }
        if (!take(context, i, i + pattern->n_bytes))
            return adah_fail_memory(status, n_bytes);
        i += pattern->n_bytes;
    }
    return ADAH_OK;
}

adah_code adah_text_pattern_find(const adah_text_pattern *pattern, const char *text, size_t n_bytes, adah_take_match take, void *context,
                                 adah_status *status) {
    if (pattern->literal)
        return find_literal(pattern, text, n_bytes, take, context, status);
    UErrorCode error = U_ZERO_ERROR;
    UText from = UTEXT_INITIALIZER;
    utext_openUTF8(&from, n_bytes ? text : "", (int64_t)n_bytes, &error);
    URegularExpression *expression = uregex_clone(pattern->expression, &error);
    uregex_setTimeLimit(expression, STEPS_MAX, &error);
    uregex_setStackLimit(expression, STACK_BYTES_MAX, &error);
    uregex_setUText(expression, &from, &error);
    int is_taken = 1;
    while (is_taken && uregex_findNext(expression, &error)) {
        const int64_t start = uregex_start64(expression, 0, &error), end = uregex_end64(expression, 0, &error);
        if (U_SUCCESS(error) && end > start)
            is_taken = take(context, (size_t)start, (size_t)end);
    }
    uregex_close(expression);
    utext_close(&from);
    if (!is_taken || error == U_MEMORY_ALLOCATION_ERROR)
        return adah_fail_memory(status, n_bytes);
    return U_SUCCESS(error) ? ADAH_OK
                            : adah_fail(status, ADAH_ERROR_ARGUMENT, "a text of %zu bytes takes an expression of the tokenizer too long: %s",
                                        n_bytes, u_errorName(error));
}
