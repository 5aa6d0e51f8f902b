/* command_synth.c - adah synth. */
#include "options.h"

#include <stdio.h>

static int run(int argc, char **argv);

const cli_command cli_synth = {
    "synth", "Generate a data set of scenes whose objects and masks are known.", "",
    "The scenes are coloured, textured shapes on cluttered grounds, with captions that have noise words, and several labels\n"
    "each. The true object mask of every image lies under masks/, so that 'adah eval' also measures the attention masks.\n"
    "\n"
    "Example:\n"
    "  adah synth --out scenes && adah train --data scenes --model scenes.safetensors\n",
    run, 0};

static int run(int argc, char **argv) {
    const char *out = NULL;
    adah_synth_options o;
    adah_synth_options_init(&o);
    const cli_option options[] = {
        {"out", 0, CLI_TEXT, "DIR", "folder to write", &out, 1, 0, 0},
        {"count", 0, CLI_SIZE, "N", "number of scenes (default 2400)", &o.n_scenes, 0, 10, 1e6},
        {"side", 0, CLI_SIZE, "N", "side of the pictures in pixels (default 64)", &o.n_side, 0, 16, 1024},
        {"query-share", 0, CLI_DOUBLE, "X", "share of the scenes that become queries (default 0.15)", &o.query_share, 0, 0.001, 0.9},
        {"seed", 0, CLI_U64, "S", "seed of the random numbers (default 0)", &o.seed, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_synth, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    adah_status status;
    if (adah_synth_write(out, &o, &status) != ADAH_OK)
        return cli_fail(&status);
    printf("%s: %zu scenes\n", out, o.n_scenes);
    return CLI_OK;
}
