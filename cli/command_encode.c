/* command_encode.c - adah encode. */
#include "options.h"
#include "terminal.h"

#include <stdio.h>

static int run(int argc, char **argv);

const cli_command cli_encode = {
    "encode", "Write the codes of a data set as .npy files.", "",
    "PREFIX.image.npy and PREFIX.text.npy are uint8 arrays of N rows and bits / 8 columns; bit i of a code is bit\n"
    "(i & 7) of byte (i >> 3). PREFIX.ids has the N file names, one a line.\n"
    "\n"
    "Example:\n"
    "  adah encode --model photos.safetensors --data photos --out photos-codes\n",
    run, 1};

static int run(int argc, char **argv) {
    const char *data = NULL, *model_path = NULL, *out = NULL;
    int quiet = 0, threads = 0;
    adah_encode_options o = ADAH_ENCODE_OPTIONS_INIT;
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "a trained model", &model_path, 1, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set", &data, 1, 0, 0},
        {"out", 0, CLI_TEXT, "PREFIX", "where to put the three files", &out, 1, 0, 0},
        {"strict", 0, CLI_FLAG, NULL, "fail on the first bad record or unreadable image", &o.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "where feature maps are kept (default ~/.cache/adah)", &o.cache_folder, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "default: one a core", &threads, 0, 0, 4096},
        {"quiet", 'q', CLI_FLAG, NULL, "no progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_encode, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    adah_set_threads(threads);
    adah_status status;
    adah_dataset *dataset = NULL;
    adah_model *model = NULL;
    adah_codes codes = {0};
    const adah_dataset_options dataset_options = {o.strict};
    const adah_progress progress = cli_progress_begin(quiet);
    adah_code done = adah_model_open(model_path, &model, &status);
    if (done == ADAH_OK)
        done = adah_dataset_open(data, &dataset_options, &dataset, &status);
    if (done == ADAH_OK)
        done = adah_encode_dataset(model, dataset, &o, progress, &codes, &status);
    if (done == ADAH_OK)
        done = adah_codes_write(&codes, dataset, out, &status);
    cli_progress_end();
    if (done == ADAH_OK) {
        cli_print_skipped(dataset, codes.n_skipped, codes.first_skipped);
        printf("%zu pairs, %zu bits: %s.image.npy, %s.text.npy, %s.ids\n", codes.n, codes.n_bits, out, out, out);
    }
    adah_codes_free(&codes);
    adah_dataset_close(dataset);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
