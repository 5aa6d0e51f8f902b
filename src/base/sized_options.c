/* sized_options.c - the defaults of all options of the public functions, here alone, and the sizes that their structs have had.
 *
 * A struct grows at its end only, by fields that begin at or behind its old size, not in a gap before it, since an older program does not set
 * what is there. Then its row gets the old size before the new one; what such a program does not give is as by default.
 * docs/reference/interface.md is the policy. */
#include "base/sized_options.h"

#include <stddef.h>
#include <string.h>

static const adah_dataset_options dataset = {.size = sizeof dataset, .sources = ADAH_SOURCES_ALL};
static const adah_synth_options synth = {.size = sizeof synth, .n_scenes = 2400, .n_side = 64, .query_share = 0.15};
static const adah_convert_options convert = {.size = sizeof convert, .n_concepts = 21, .n_side = 128};
static const adah_train_options train = {.size = sizeof train, .preset = "default", .checkpoint_seconds = 15};
static const adah_encoder_options encoder = {.size = sizeof encoder};
static const adah_encode_options encode = {.size = sizeof encode};
static const adah_search_options search = {
    .size = sizeof search, .k = 10, .radius = UINT32_MAX, .exclude = ADAH_NO_ID, .taken_from = INT64_MIN, .taken_before = INT64_MAX};
static const adah_evaluate_options evaluate = {.size = sizeof evaluate, .split = ADAH_SPLIT_QUERY};
static const adah_report_options report = {.size = sizeof report, .n_image_queries = 6, .n_results = 6};
static const adah_sync_options sync_defaults = {.size = sizeof sync_defaults, .n_step = 500};
static const adah_feedback_options feedback = {.size = sizeof feedback, .query_weight = 1, .liked_weight = 1, .unliked_weight = 0.75F};
static const adah_duplicates_options duplicates = {.size = sizeof duplicates, .ratio = 0.5F, .radius = UINT32_MAX};

static const adah_options_type types[] = {
    [ADAH_OPTIONS_DATASET] = {"adah_dataset_options", &dataset, {offsetof(adah_dataset_options, sources), sizeof dataset}},
    [ADAH_OPTIONS_SYNTH] = {"adah_synth_options", &synth, {sizeof synth}},
    [ADAH_OPTIONS_CONVERT] = {"adah_convert_options", &convert, {sizeof convert}},
    [ADAH_OPTIONS_TRAIN] = {"adah_train_options", &train, {offsetof(adah_train_options, log_csv), sizeof train}},
    [ADAH_OPTIONS_ENCODER] = {"adah_encoder_options", &encoder, {sizeof encoder}},
    [ADAH_OPTIONS_ENCODE] = {"adah_encode_options", &encode, {offsetof(adah_encode_options, shard), sizeof encode}},
    [ADAH_OPTIONS_SEARCH] = {"adah_search_options", &search, {offsetof(adah_search_options, leave_out), sizeof search}},
    [ADAH_OPTIONS_EVALUATE] = {"adah_evaluate_options", &evaluate, {sizeof evaluate}},
    [ADAH_OPTIONS_REPORT] = {"adah_report_options", &report, {sizeof report}},
    [ADAH_OPTIONS_SYNC] = {"adah_sync_options", &sync_defaults, {sizeof sync_defaults}},
    [ADAH_OPTIONS_FEEDBACK] = {"adah_feedback_options", &feedback, {sizeof feedback}},
    [ADAH_OPTIONS_DUPLICATES] = {"adah_duplicates_options", &duplicates, {sizeof duplicates}},
};

static size_t today(const adah_options_type *type) {
    size_t i = 0;
    while (type->sizes[i + 1])
        i++;
    return type->sizes[i];
}

/* For a program with a newer header all that this library knows; what is behind is zero, and its functions refuse it. */
void adah_options_init(adah_options_kind kind, void *options, size_t size) {
    const adah_options_type *type = &types[kind];
    const size_t n = today(type);
    memset(options, 0, size);
    memcpy(options, type->defaults, size < n ? size : n);
    memcpy(options, &size, sizeof size);
}

adah_code adah_options_copy(const adah_options_type *type, const void *given, void *full, adah_status *status) {
    const size_t n = today(type);
    size_t size = n;
    memcpy(full, type->defaults, n);
    if (!given)
        return ADAH_OK;
    memcpy(&size, given, sizeof size);
    for (size_t i = 0; type->sizes[i]; i++)
        if (size == type->sizes[i]) {
            memcpy(full, given, size);
            memcpy(full, &n, sizeof n);
            return ADAH_OK;
        }
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s of %zu bytes, expected %zu: %s", type->name, size, n,
                     size > n ? "the program was built for a newer version of the library than " ADAH_VERSION
                                ", or did not fill it with its init function"
                              : "fill it with its init function before anything else is set");
}

adah_code adah_options_take(adah_options_kind kind, const void *given, void *full, adah_status *status) {
    return adah_options_copy(&types[kind], given, full, status);
}
