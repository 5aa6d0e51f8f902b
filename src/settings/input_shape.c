/* input_shape.c - kinds of input by name. */
#include "settings/input_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_LARGEST = 1 << 24, ITEM_LARGEST = 1 << 30 };

static const struct {
    const char *name;
    int n_sizes;
} kinds[] = {[ADAH_INPUT_PIXELS] = {"pixels", 1}, [ADAH_INPUT_MAP] = {"map", 3},     [ADAH_INPUT_TOKENS] = {"tokens", 2},
             [ADAH_INPUT_VECTOR] = {"vector", 1}, [ADAH_INPUT_WORDS] = {"words", 1},
             [ADAH_INPUT_SENTENCE] = {"sentence", 2}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

adah_input_shape adah_input_pixels(size_t n_side) {
    return (adah_input_shape){ADAH_INPUT_PIXELS, {3, {3, n_side, n_side, 0}}, 0};
}

adah_input_shape adah_input_words(size_t n_words) {
    return (adah_input_shape){ADAH_INPUT_WORDS, ADAH_SHAPE1(n_words), n_words};
}

adah_input_shape adah_input_sentence(size_t n_words, size_t n_values) {
    return (adah_input_shape){ADAH_INPUT_SENTENCE, ADAH_SHAPE1(n_words + n_values), n_words};
}

int adah_input_fits(adah_input_shape input) {
    size_t n = 1;
    for (int i = 0; i < input.item.n_dims; i++) {
        if (input.item.dim[i] < 1 || input.item.dim[i] > SIZE_LARGEST || n > ITEM_LARGEST / input.item.dim[i])
            return 0;
        n *= input.item.dim[i];
    }
    return 1;
}

size_t adah_input_channels(adah_input_shape input) { return input.item.dim[input.kind == ADAH_INPUT_TOKENS ? 1 : 0]; }

int adah_input_is_given(adah_input_shape input) {
    return input.kind == ADAH_INPUT_MAP || input.kind == ADAH_INPUT_TOKENS || input.kind == ADAH_INPUT_VECTOR;
}

int adah_input_runs_backbone(adah_input_shape input) {
    return input.kind == ADAH_INPUT_PIXELS || input.kind == ADAH_INPUT_MIDDLE;
}

int adah_input_equal(adah_input_shape a, adah_input_shape b) {
    return a.kind == b.kind && adah_shape_equal(a.item, b.item) && a.n_words == b.n_words;
}

const char *adah_input_text(adah_input_shape input, char text[ADAH_INPUT_TEXT_BYTES]) {
    if (input.kind == ADAH_INPUT_NONE)
        return strcpy(text, "nothing");
    if (input.kind == ADAH_INPUT_MIDDLE)
        return strcpy(text, "middle of a backbone");
    int n = snprintf(text, ADAH_INPUT_TEXT_BYTES, "%s", kinds[input.kind].name);
    if (input.kind == ADAH_INPUT_SENTENCE) {
        snprintf(text + n, ADAH_INPUT_TEXT_BYTES - (size_t)n, " %zu %zu", input.n_words, input.item.dim[0] - input.n_words);
        return text;
    }
    const int first = input.kind == ADAH_INPUT_PIXELS ? 2 : 0; /* the side alone */
    for (int i = first; i < first + kinds[input.kind].n_sizes; i++)
        n += snprintf(text + n, ADAH_INPUT_TEXT_BYTES - (size_t)n, " %zu", input.item.dim[i]);
    return text;
}

int adah_input_parse(const char *text, adah_input_shape *input) {
    const size_t n_name = strcspn(text, " ");
    int kind = N_KINDS - 1;
    while (kind > 0 && (strlen(kinds[kind].name) != n_name || strncmp(kinds[kind].name, text, n_name)))
        kind--;
    if (kind == ADAH_INPUT_NONE)
        return 0;
    adah_shape item = {kinds[kind].n_sizes, {0}};
    const char *p = text + n_name;
    for (int i = 0; i < item.n_dims; i++) {
        if (*p != ' ' || p[1] < '1' || p[1] > '9')
            return 0;
        char *end;
        item.dim[i] = strtoull(p + 1, &end, 10);
        p = end;
    }
    const adah_input_shape numbers = {(adah_input_kind)kind, item, 0};
    if (*p || !adah_input_fits(numbers))
        return 0;
    const adah_input_shape found = kind == ADAH_INPUT_PIXELS     ? adah_input_pixels(item.dim[0])
                                   : kind == ADAH_INPUT_WORDS    ? adah_input_words(item.dim[0])
                                   : kind == ADAH_INPUT_SENTENCE ? adah_input_sentence(item.dim[0], item.dim[1])
                                                                 : numbers;
    if (!adah_input_fits(found))
        return 0;
    *input = found;
    return 1;
}
