/* left_out.c - what of a data set was left out, for a person and for a program. */
#include "left_out.h"

#include <stdio.h>
#include <string.h>

/* n things, the first few with a reason. */
static void print_left_out(size_t n, const char *what, const char *reasons) {
    size_t n_told = 0;
    printf("left out %zu %s%s", n, what, *reasons ? ", the first: " : "\n");
    for (const char *line = reasons; *line; n_told++) {
        const size_t width = strcspn(line, "\n");
        printf("%s%.*s\n", n_told ? "    " : "", (int)width, line);
        line += width + (line[width] == '\n');
    }
    if (n_told && n > n_told)
        printf("    and %zu more\n", n - n_told);
}

void cli_print_skipped(const adah_dataset *dataset, size_t n_unreadable, const char *reasons) {
    for (const char *line = adah_dataset_notes(dataset); *line;) {
        const size_t width = strcspn(line, "\n");
        printf("note: %.*s\n", (int)width, line);
        line += width + (line[width] == '\n');
    }
    const char *bad;
    const size_t n_bad = adah_dataset_skipped(dataset, &bad);
    if (n_bad)
        print_left_out(n_bad, n_bad == 1 ? "bad record" : "bad records", bad);
    if (n_unreadable)
        print_left_out(n_unreadable, n_unreadable == 1 ? "record whose image cannot be read" : "records whose image cannot be read", reasons);
}

void cli_print_unknown_texts(size_t n_unknown, size_t n) {
    if (n_unknown)
        printf("note: %zu of %zu texts have no word that the model knows; words find their records by the image alone\n", n_unknown, n);
}

void cli_print_unknown_words(const adah_model *model, const char *text) {
    adah_text_word *words;
    size_t n = 0, n_told = 0;
    if (adah_model_words(model, text, &words, &n, NULL) != ADAH_OK)
        return;
    for (size_t i = 0; i < n; i++)
        if (!words[i].is_known && words[i].first == i) /* the same word once */
            fprintf(stderr, "%s%.*s", n_told++ ? ", " : "adah: unknown to the model and passed over: ", (int)words[i].n_bytes, text + words[i].offset);
    if (n_told)
        fputc('\n', stderr);
    adah_free(words);
}

json_t *cli_reasons_json(const char *reasons) {
    json_t *list = json_array();
    while (*reasons) {
        const size_t width = strcspn(reasons, "\n");
        json_t *line = json_stringn(reasons, width);
        json_array_append_new(list, line ? line : json_string("a message that is not UTF-8"));
        reasons += width + (reasons[width] == '\n');
    }
    return list;
}
