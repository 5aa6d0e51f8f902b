/* split_names.c - a table. */
#include "data/split_names.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    adah_named_split split;
} known[] = {{"train", ADAH_NAMED_TRAIN},       {"training", ADAH_NAMED_TRAIN},        {"trn", ADAH_NAMED_TRAIN},
             {"restval", ADAH_NAMED_TRAIN},     {"query", ADAH_NAMED_QUERY},           {"queries", ADAH_NAMED_QUERY},
             {"test", ADAH_NAMED_QUERY},        {"testing", ADAH_NAMED_QUERY},         {"tst", ADAH_NAMED_QUERY},
             {"eval", ADAH_NAMED_QUERY},        {"evaluation", ADAH_NAMED_QUERY},      {"database", ADAH_NAMED_DATABASE},
             {"db", ADAH_NAMED_DATABASE},       {"gallery", ADAH_NAMED_DATABASE},      {"retrieval", ADAH_NAMED_DATABASE},
             {"val", ADAH_NAMED_VALIDATION},    {"valid", ADAH_NAMED_VALIDATION},      {"validation", ADAH_NAMED_VALIDATION},
             {"dev", ADAH_NAMED_VALIDATION},    {"devel", ADAH_NAMED_VALIDATION},      {"development", ADAH_NAMED_VALIDATION}};

adah_named_split adah_split_find(const char *name, size_t n_bytes) {
    size_t n_digits = 0;
    while (n_digits < n_bytes && name[n_bytes - 1 - n_digits] >= '0' && name[n_bytes - 1 - n_digits] <= '9')
        n_digits++;
    if (n_digits == 4)
        n_bytes -= 4;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == n_bytes && strncasecmp(known[i].name, name, n_bytes) == 0)
            return known[i].split;
    return ADAH_NAMED_NONE;
}

const char *adah_split_in_name(const char *name, size_t n_bytes, size_t *n_found) {
    const char *found = NULL;
    size_t n = 0;
    for (size_t start = 0, end; start < n_bytes; start = end) {
        const int is_word = (name[start] | 32) >= 'a' && (name[start] | 32) <= 'z';
        for (end = start + 1; is_word && end < n_bytes && ((name[end] >= 'a' && name[end] <= 'z') || (name[end] >= '0' && name[end] <= '9') ||
                                                          (name[end] >= 'A' && name[end] <= 'Z' && name[end - 1] >= 'A' && name[end - 1] <= 'Z'));)
            end++;
        if (is_word && adah_split_find(name + start, end - start) != ADAH_NAMED_NONE) {
            n++;
            found = name + start;
            *n_found = end - start;
        }
    }
    return n == 1 ? found : NULL;
}
