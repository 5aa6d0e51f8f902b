/* command_shorten.c - adah shorten. */
#include "options.h"

#include <stdio.h>

static int run(int argc, char **argv);

const cli_command cli_shorten = {
    "shorten", "Make a model of shorter codes out of one trained for several lengths.", "",
    "A model that was trained with --set nested_bits=16 has also learned codes of 16, 32, ... bits: the first bits of its\n"
    "long codes. This command writes a model of one of these lengths, for encode, index, search and eval.\n"
    "\n"
    "Example:\n"
    "  adah train --data photos --model long.safetensors --bits 64 --set nested_bits=16\n"
    "  adah shorten --model long.safetensors --bits 16 --out short.safetensors\n",
    run, 0};

static int run(int argc, char **argv) {
    const char *model = NULL, *out = NULL;
    int n_bits = 0;
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "the model of long codes", &model, 1, 0, 0},
        {"bits", 0, CLI_INT, "N", "length of the short codes", &n_bits, 1, ADAH_BITS_MIN, ADAH_BITS_MAX},
        {"out", 0, CLI_TEXT, "FILE", "where to put the model of short codes", &out, 1, 0, 0},
    };
    const int code = cli_parse_all(&cli_shorten, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    adah_status status;
    if (adah_model_shorten(model, n_bits, out, &status) != ADAH_OK)
        return cli_fail(&status);
    printf("%s: codes of %d bits\n", out, n_bits);
    return CLI_OK;
}
