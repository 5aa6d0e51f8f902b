/* command_index.c - adah index create, adah index verify. */
#include "options.h"
#include "terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_index = {
    "index", "Make a searchable index of a data set, or check one.", "create|verify",
    "'create' encodes every record and publishes the index as one file, whole or not at all.\n"
    "'verify' reads a whole index and checks its checksums; only --index is needed.\n"
    "\n"
    "Examples:\n"
    "  adah index create --model photos.safetensors --data photos --index photos.adah\n"
    "  adah index verify --index photos.adah\n",
    run, 1};

static int create(const char *model_path, const char *data, const char *index_path, const adah_encode_options *o,
                  adah_progress progress) {
    adah_status status;
    adah_dataset *dataset = NULL;
    adah_model *model = NULL;
    uint64_t n_records = 0, n_skipped = 0;
    const adah_dataset_options dataset_options = {o->strict};
    adah_code done = adah_model_open(model_path, &model, &status);
    if (done == ADAH_OK)
        done = adah_dataset_open(data, &dataset_options, &dataset, &status);
    if (done == ADAH_OK)
        done = adah_index_create(model, dataset, index_path, o, progress, &n_records, &n_skipped, &status);
    cli_progress_end();
    if (done == ADAH_OK) {
        printf("%s: %" PRIu64 " records", index_path, n_records);
        if (n_skipped)
            printf(", %" PRIu64 " left out as bad or unreadable", n_skipped);
        printf("\n");
    }
    adah_dataset_close(dataset);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}

static int run(int argc, char **argv) {
    const char *data = NULL, *model = NULL, *index = NULL;
    int quiet = 0, threads = 0, rest = argc;
    adah_encode_options o = ADAH_ENCODE_OPTIONS_INIT;
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "a trained model", &model, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set", &data, 0, 0, 0},
        {"index", 0, CLI_TEXT, "FILE", "the index", &index, 1, 0, 0},
        {"strict", 0, CLI_FLAG, NULL, "fail on the first bad record or unreadable image", &o.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "where feature maps are kept (default ~/.cache/adah)", &o.cache_folder, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "default: one a core", &threads, 0, 0, 4096},
        {"quiet", 'q', CLI_FLAG, NULL, "no progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse(&cli_index, options, sizeof options / sizeof *options, argc, argv, &rest);
    if (code >= 0)
        return code;
    const char *action = rest < argc ? argv[rest] : "";
    if (rest + 1 != argc || (strcmp(action, "create") && strcmp(action, "verify"))) {
        fprintf(stderr, "adah index: expected one action, create or verify, found \"%s\"\nTry 'adah index --help'.\n",
                rest + 1 < argc ? argv[rest + 1] : action);
        return CLI_USAGE;
    }
    adah_set_threads(threads);
    if (!strcmp(action, "verify")) {
        adah_status status;
        if (adah_index_verify(index, &status) != ADAH_OK)
            return cli_fail(&status);
        printf("%s: good\n", index);
        return CLI_OK;
    }
    if (!model || !data) {
        fprintf(stderr, "adah index create: --%s is needed\nTry 'adah index --help'.\n", model ? "data DIR" : "model FILE");
        return CLI_USAGE;
    }
    return create(model, data, index, &o, cli_progress_begin(quiet));
}
