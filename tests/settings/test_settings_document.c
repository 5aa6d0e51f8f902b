/* (unit) docs/reference/settings.md is what the tables of settings, presets and backbones say. `make documents` writes it. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/cut.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"

typedef enum group { MODEL, OBJECTIVE, TRAINING, DATA, N_GROUPS } group;
static const char *const group_name[N_GROUPS] = {"The model", "The objective", "The training", "The data"};

typedef struct row {
    group group;
    const char *name, *sentence;
    double low, high; /* the same: no range */
} row;

#define INT(name, neutral, low, high, group, sentence) {group, #name, sentence, low, high},
#define FLOAT INT
#define TEXT(name, neutral, group, sentence) {group, #name, sentence, 0, 0},
#define SEED TEXT
#define CHOICE(type, name, neutral, choices, group, sentence) {group, #name, sentence, 0, 0},
static const row rows[] = {
#include "settings/settings.def"
};
enum { N_ROWS = sizeof rows / sizeof *rows, DOCUMENT_BYTES = 1 << 16 };

static char document[DOCUMENT_BYTES];
static size_t n_written;

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    n_written += (size_t)vsnprintf(document + n_written, DOCUMENT_BYTES - n_written, format, arguments);
    va_end(arguments);
    if (n_written >= DOCUMENT_BYTES)
        abort();
}

/* A value as model files have it, without quotation marks. */
static void add_value(const adah_settings *config, const char *name) {
    char *text = adah_settings_json(config), key[64];
    const int n = snprintf(key, sizeof key, "\"%s\":", name);
    const char *value = strstr(text, key) + n;
    value += *value == '"';
    add(" %.*s |", (int)strcspn(value, "\",}"), value);
    adah_memory_free(text);
}

static void add_row(const row *r, const adah_settings *const config[], int n) {
    add("| `%s` |", r->name);
    char room[ADAH_CHOICES_BYTES];
    const char *choices = adah_setting_choices(r->name, room);
    if (choices)
        for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
            add("%s %.*s", c == choices ? "" : ",", (int)strcspn(c, "|"), c);
    else if (r->low < r->high)
        add(" %.10g to %.10g", r->low, r->high);
    else
        add(" %s", strcmp(r->name, "seed") ? "a name" : "any whole number");
    add(" |");
    for (int i = 0; i < n; i++)
        add_value(config[i], r->name);
    add(" %s |\n", r->sentence);
}

static void write_document(void) {
    adah_settings chosen[2];
    if (adah_settings_preset("default", &chosen[0], NULL) != ADAH_OK || adah_settings_preset("paper", &chosen[1], NULL) != ADAH_OK)
        abort();
    const adah_settings *const config[] = {&chosen[0], &chosen[1], &adah_settings_neutral};
    add("# Settings\n\n"
        "Every choice of a model and its training. `adah train --set NAME=VALUE` changes one; `adah info` shows those of a model, which\n"
        "its file keeps. They start from one of two presets, to which the backbone adds what it wants (further down). The neutral value\n"
        "of a setting means \"as if it did not exist\": it is what a model has that is older than the setting. This page is written by\n"
        "`make documents` from `src/settings/settings.def`, where a new setting is one row.\n");
    for (group g = 0; g < N_GROUPS; g++) {
        add("\n## %s\n\n| setting | values | `default` | `paper` | neutral | |\n|---|---|---|---|---|---|\n", group_name[g]);
        for (int i = 0; i < N_ROWS; i++)
            if (rows[i].group == g)
                add_row(&rows[i], config, 3);
    }
    add("\n## Backbones\n\n| backbone | side of its pictures | at least | changes of both presets | further changes of `paper` |\n"
        "|---|---|---|---|---|\n");
    for (int i = 0; adah_backbone_at(i); i++) {
        const adah_backbone *b = adah_backbone_at(i);
        add("| `%s` | %d | %d | %s | %s |\n", b->name, b->n_side, b->n_side_min, b->settings ? b->settings : "none",
            b->settings_paper ? b->settings_paper : "none");
    }
}

static void test_document(void **state) {
    (void)state;
    size_t n;
    char *committed = data_folder_read(ADAH_SOURCE_DIR "/docs/reference", "settings.md", &n);
    if (n != n_written || memcmp(committed, document, n))
        fail_msg("docs/reference/settings.md: other than the tables; write it anew with make documents");
    free(committed);
}

/* A neutral value and every value of a preset is in its range. */
static void test_ranges(void **state) {
    (void)state;
    for (int i = 0; adah_backbone_at(i); i++) {
        adah_settings c = adah_settings_neutral;
        strcpy(c.backbone, adah_backbone_at(i)->name);
        assert_int_equal(adah_backbone_check(&c, NULL), ADAH_OK);
        static const char *const presets[] = {"default", "paper"};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(adah_backbone_preset(presets[k], adah_backbone_at(i)->name, &c, NULL), ADAH_OK);
            assert_int_equal(adah_backbone_check(&c, NULL), ADAH_OK);
        }
    }
}

int main(int n_arguments, char **arguments) {
    write_document();
    if (n_arguments == 2 && !strcmp(arguments[1], "--print"))
        return fputs(document, stdout) < 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_document), cmocka_unit_test(test_ranges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
