/* command_convert.c - adah convert. */
#include "options.h"
#include "terminal.h"

#include <stdio.h>

static int run(int argc, char **argv);

const cli_command cli_convert = {
    "convert", "Turn the openclipart-svg drawings into a data set.", "",
    "The package openclipart-svg puts about 8,100 drawings with titles and keywords under /usr/share/openclipart/svg.\n"
    "\n"
    "Example:\n"
    "  adah convert --out clipart\n",
    run, 0};

static int run(int argc, char **argv) {
    const char *from = "/usr/share/openclipart/svg", *out = NULL;
    int quiet = 0;
    adah_openclipart_options o = ADAH_OPENCLIPART_OPTIONS_INIT;
    const cli_option options[] = {
        {"from", 0, CLI_TEXT, "DIR", "the drawings (default /usr/share/openclipart/svg)", &from, 0, 0, 0},
        {"out", 0, CLI_TEXT, "DIR", "folder to write", &out, 1, 0, 0},
        {"side", 0, CLI_SIZE, "N", "pixels (default 128)", &o.n_side, 0, 16, 1024},
        {"limit", 0, CLI_SIZE, "N", "at most so many drawings, chosen by seed", &o.n_limit, 0, 0, 0},
        {"query-share", 0, CLI_DOUBLE, "X", "of the drawings become queries (default 0.15)", &o.query_share, 0, 0.001, 0.9},
        {"seed", 0, CLI_U64, "S", "default 0", &o.seed, 0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "no progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_convert, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    adah_status status;
    const adah_progress progress = cli_progress_begin(quiet);
    const adah_code done = adah_openclipart_convert(from, out, &o, progress, &status);
    cli_progress_end();
    if (done != ADAH_OK)
        return cli_fail(&status);
    adah_dataset *dataset;
    if (adah_dataset_open(out, NULL, &dataset, &status) != ADAH_OK)
        return cli_fail(&status);
    printf("%s: %zu drawings, %zu labels\n", out, adah_dataset_count(dataset), adah_dataset_label_count(dataset));
    adah_dataset_close(dataset);
    return CLI_OK;
}
