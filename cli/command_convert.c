/* command_convert.c - adah convert. */
#include "options.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_convert = {
    "convert", "Turn a published data set into a folder that adah reads.", "",
    "Pictures are not copied: OUT/images is a link to their folder. Vectors become OUT/image.npy and OUT/text.npy. A split is\n"
    "drawn where the format has none of its own, or where --query-share or --queries asks for one.\n"
    "\n"
    "Examples:\n"
    "  adah convert --out clipart\n"
    "  adah convert --format mirflickr --from mirflickr --out flickr25k --queries 2000 --train 10000\n"
    "  adah convert --format mat --from wikiData.mat --out wiki\n"
    "  adah convert --format mat --from yall.mat --from lall.mat --from fall.mat --images mirflickr --out flickr25k\n",
    run, 0};

enum { NAMES_BYTES = 256, DETAILS_BYTES = 8192 };

static size_t add_line(char *details, size_t n, const char *name, const char *line, size_t width) {
    return n + (size_t)snprintf(details + n, DETAILS_BYTES - n, "  %-11s  %.*s\n", name, (int)width, line);
}

/* The formats with what each reads, and what else there is to say. */
static void describe_formats(char names[NAMES_BYTES], char details[DETAILS_BYTES]) {
    size_t n_names = 0, n = (size_t)snprintf(details, DETAILS_BYTES, "Formats:\n");
    const char *name, *source;
    for (size_t i = 0; (name = adah_convert_format(i, &source)); i++) {
        n_names += (size_t)snprintf(names + n_names, NAMES_BYTES - n_names, "%s%s", i ? "|" : "", name);
        for (const char *line = source; *line; name = "") {
            const size_t width = strcspn(line, "\n");
            n = add_line(details, n, name, line, width);
            line += width + (line[width] == '\n');
        }
    }
    snprintf(details + n, DETAILS_BYTES - n, "\n%s", cli_convert.details);
}

static int fail_usage(const char *message) {
    fprintf(stderr, "adah convert: %s\n", message);
    return CLI_USAGE;
}

static int convert(const char *format, const cli_list *from, const char *out, const adah_convert_options *o, int is_drawn, int quiet) {
    adah_status status;
    adah_convert_result r;
    const adah_progress progress = cli_progress_begin(quiet);
    const adah_code done = adah_convert(format, from->item, from->n, out, o, progress, &r, &status);
    cli_progress_end();
    if (done != ADAH_OK)
        return cli_fail(&status);
    if (is_drawn) {
        printf("%s: %zu drawings, %zu labels\n", out, r.n_records, r.n_labels);
        return CLI_OK;
    }
    printf("%s: %zu pairs, %zu labels\n", out, r.n_records, r.n_labels);
    if (r.n_left_out)
        printf("left out: %zu without a label or a text\n", r.n_left_out);
    if (r.n_image_values)
        printf("image.npy: %zu numbers a pair\n", r.n_image_values);
    if (r.n_text_values)
        printf("text.npy: %zu numbers a pair\n", r.n_text_values);
    if (r.n_missing && !r.n_image_values)
        printf("missing: the pictures of %zu pairs\n", r.n_missing);
    return CLI_OK;
}

static int run(int argc, char **argv) {
    const char *format = "openclipart", *out = NULL;
    cli_list from = {{NULL}, 0};
    int quiet = 0;
    adah_convert_options o;
    adah_convert_options_init(&o);
    size_t n_side = 0, n_concepts = 0;
    char names[NAMES_BYTES], details[DETAILS_BYTES];
    describe_formats(names, details);
    cli_command described = cli_convert;
    described.details = details;
    const cli_option options[] = {
        {"format", 0, CLI_TEXT, names, "format of the source (default openclipart)", &format,
         0, 0, 0},
        {"from", 0, CLI_LIST, "PATH", "folder or file to read; may be repeated (default /usr/share/openclipart/svg)", &from,
         0, 0, 0},
        {"out", 0, CLI_TEXT, "DIR", "folder to write", &out, 1, 0, 0},
        {"images", 0, CLI_TEXT, "DIR", "folder of the pictures, if they are not in their usual place", &o.images, 0, 0, 0},
        {"without-pictures", 0, CLI_FLAG, NULL, "write the data set even if none of its pictures is there", &o.without_pictures, 0, 0, 0},
        {"query-share", 0, CLI_DOUBLE, "X", "share of the pairs that become queries (default 0.15)", &o.query_share, 0, 0.001, 0.9},
        {"queries", 0, CLI_SIZE, "N", "number of pairs that become queries, in place of a share", &o.n_queries, 0, 1, 1e9},
        {"train", 0, CLI_SIZE, "N", "number of the others that are for training; the rest is only searched", &o.n_train, 0, 1, 1e9},
        {"seed", 0, CLI_U64, "S", "seed of the split and the choice of drawings (default 0)", &o.seed, 0, 0, 0},
        {"concepts", 0, CLI_SIZE, "N", "nus-wide: number of the most frequent concepts that become labels (default 21)", &n_concepts, 0, 1,
         1000},
        {"side", 0, CLI_SIZE, "N", "openclipart: side of the pictures in pixels (default 128)", &n_side, 0, 16, 1024},
        {"limit", 0, CLI_SIZE, "N", "openclipart: number of drawings, at most, chosen by the seed", &o.n_limit, 0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "do not show progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse_all(&described, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    const int is_drawn = strcmp(format, "openclipart") == 0;
    if (o.n_queries && o.query_share > 0)
        return fail_usage("give either --queries or --query-share");
    if (n_concepts && strcmp(format, "nus-wide") != 0)
        return fail_usage("--concepts is for --format nus-wide");
    if (is_drawn && (o.n_queries || o.n_train || o.images || o.without_pictures || from.n > 1))
        return fail_usage("--queries, --train, --images, --without-pictures and a second --from are not for drawings");
    if (!is_drawn && (n_side || o.n_limit))
        return fail_usage("--side and --limit are for --format openclipart");
    if (is_drawn && from.n == 0)
        from.item[from.n++] = "/usr/share/openclipart/svg";
    if (from.n == 0)
        return fail_usage("--from PATH is needed");
    o.n_concepts = n_concepts ? n_concepts : o.n_concepts;
    o.n_side = n_side ? n_side : o.n_side;
    return convert(format, &from, out, &o, is_drawn, quiet);
}
