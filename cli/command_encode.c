/* command_encode.c - adah encode. */
#include "data_options.h"
#include "features.h"
#include "left_out.h"
#include "options.h"
#include "terminal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int run(int argc, char **argv);

const cli_command cli_encode = {
    "encode", "Write the codes of a data set, or of a file of features, as .npy files.", "[PREFIX ...]",
    "PREFIX.image.npy and PREFIX.text.npy are uint8 arrays of N rows and bits / 8 columns; bit i of a code is bit\n"
    "(i & 7) of byte (i >> 3). PREFIX.ids has the N file names, one a line. A model with vectors for the fine order (n_fine)\n"
    "writes PREFIX.image.fine.npy and PREFIX.text.fine.npy, too: int8 arrays of N rows, and of n_fine columns; those of\n"
    "images have n_appearance columns more, which only other images have.\n"
    "--shard I/N encodes the I-th of N parts of the data set, so that N processes or machines share the work; --merge with\n"
    "their PREFIXes, in order, then writes the same files as one process alone.\n"
    "With --features the rows of an array are encoded that another encoder made, as the model learned from such arrays: the\n"
    "files of that side are written, without ids.\n"
    "\n"
    "Examples:\n"
    "  adah encode --model photos.safetensors --data photos --out photos-codes\n"
    "  adah encode --model photos.safetensors --data photos --shard 1/4 --out part-1\n"
    "  adah encode --merge --out photos-codes part-1 part-2 part-3 part-4\n"
    "  adah encode --model clip.safetensors --features queries.npy --side text --out queries\n",
    run, 1};

/* The stages as a share of all threads' time. */
typedef struct stage {
    const char *name;
    double seconds;
} stage;
enum { N_STAGES = 5 };

static void list_stages(const adah_encode_profile *p, stage stages[N_STAGES]) {
    const stage all[N_STAGES] = {{"reading", p->read_seconds},
                                 {"decoding", p->decode_seconds},
                                 {"normalising", p->normalise_seconds},
                                 {"network", p->network_seconds},
                                 {"rest", p->rest_seconds}};
    for (int i = 0; i < N_STAGES; i++)
        stages[i] = all[i];
}

static double share_of(const adah_encode_profile *p, double seconds) {
    const double all = p->seconds * (double)p->n_threads;
    return all > 0 ? seconds / all : 0;
}

static double per_second(const adah_encode_profile *p) { return p->seconds > 0 ? (double)p->n_records / p->seconds : 0; }

static void print_profile(const adah_encode_profile *p) {
    stage stages[N_STAGES];
    list_stages(p, stages);
    printf("%.1f records a second (%zu in %.2f s, threads: %zu)\n", per_second(p), p->n_records, p->seconds, p->n_threads);
    for (int i = 0; i < N_STAGES; i++)
        printf("%s %s %.1f %%", i ? "," : "time:", stages[i].name, 100 * share_of(p, stages[i].seconds));
    printf("\npeak memory: %.1f MB\n", (double)p->peak_bytes / 1e6);
}

static json_t *profile_json(const adah_encode_profile *p) {
    stage stages[N_STAGES];
    list_stages(p, stages);
    json_t *shares = json_object();
    for (int i = 0; i < N_STAGES; i++)
        json_object_set_new(shares, stages[i].name, json_real(share_of(p, stages[i].seconds)));
    return json_pack("{s:I, s:f, s:f, s:I, s:I, s:o}", "n_records", (json_int_t)p->n_records, "seconds", p->seconds, "per_second",
                     per_second(p), "n_threads", (json_int_t)p->n_threads, "peak_bytes", (json_int_t)p->peak_bytes, "shares", shares);
}

/* dataset NULL: the codes are of features. */
static int print_json(const adah_dataset *dataset, const adah_codes *codes, const char *prefix, const adah_encode_profile *p) {
    json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:s}", "n", (json_int_t)codes->n, "n_bits", (json_int_t)codes->n_bits,
                            "n_image_fine", (json_int_t)codes->n_fine[ADAH_IMAGE], "n_text_fine", (json_int_t)codes->n_fine[ADAH_TEXT], "prefix", prefix);
    if (dataset) {
        const char *bad;
        const size_t n_bad = adah_dataset_skipped(dataset, &bad);
        json_t *of_records = json_pack("{s:I, s:o, s:I, s:I, s:o}", "n_skipped", (json_int_t)codes->n_skipped, "skipped",
                                       cli_reasons_json(codes->reasons), "n_texts_unknown", (json_int_t)codes->n_texts_unknown,
                                       "n_records_bad", (json_int_t)n_bad, "records_bad", cli_reasons_json(bad));
        json_object_update(out, of_records);
        json_decref(of_records);
    }
    if (p)
        json_object_set_new(out, "profile", profile_json(p));
    char *text = out ? json_dumps(out, JSON_INDENT(2)) : NULL;
    json_decref(out);
    if (!text)
        return cli_fail(&(adah_status){.code = ADAH_ERROR_ARGUMENT, .message = "--json: PREFIX is not UTF-8, or there is not enough memory"});
    puts(text);
    free(text);
    return CLI_OK;
}

/* What is encoded. */
typedef struct source {
    const char *data, *features, *side, *shard;
    int strict;
    cli_data_options how;
    adah_dataset *dataset; /* of data */
    adah_modality of;      /* side of features */
} source;

static adah_code encode(const adah_model *model, source *s, const adah_encode_options *o, adah_progress progress, adah_codes *codes,
                        adah_status *status) {
    adah_features features = {0};
    adah_code code;
    if (s->features) {
        code = cli_read_features(model, s->features, s->side, "--side", &s->of, &features, status);
        if (code == ADAH_OK)
            code = adah_encode_feature_rows(model, s->of, &features, o, progress, codes, status);
        adah_features_free(&features);
        return code;
    }
    code = cli_open_data(s->data, &s->how, s->strict, &s->dataset, status);
    return code == ADAH_OK ? adah_encode_dataset(model, s->dataset, o, progress, codes, status) : code;
}

static void print_result(const source *s, const adah_codes *codes, const char *out) {
    if (s->features) {
        printf("%zu rows, %zu bits: %s.%s.npy\n", codes->n, codes->n_bits, out, s->of == ADAH_TEXT ? "text" : "image");
        return;
    }
    cli_print_skipped(s->dataset, codes->n_skipped, codes->reasons);
    cli_print_unknown_texts(codes->n_texts_unknown, codes->n);
    printf("%zu %s, %zu bits: %s.image.npy", codes->n, codes->text ? "pairs" : "images", codes->n_bits, out);
    if (codes->text)
        printf(", %s.text.npy", out);
    printf(", %s.ids\n", out);
}

/* Returns -1 when the options belong together. */
static int check_source(const source *s) {
    if (!s->data == !s->features)
        fprintf(stderr, "adah encode: give one of --data and --features\nTry 'adah encode --help'.\n");
    else if (s->side && !s->features)
        fprintf(stderr, "adah encode: --side belongs to --features\nTry 'adah encode --help'.\n");
    else if (s->shard && s->features)
        fprintf(stderr, "adah encode: --shard belongs to --data\nTry 'adah encode --help'.\n");
    else if (!cli_is_side(s->side))
        fprintf(stderr, "adah encode: --side is \"%s\", expected image or text\n", s->side);
    else
        return -1;
    return CLI_USAGE;
}

/* The files of parts into one. */
static int merge(char **prefix, int n, const char *out, int as_json) {
    adah_status status;
    size_t n_rows = 0;
    if (n < 1) {
        fprintf(stderr, "adah encode: --merge wants the PREFIXes of the parts, in order\nTry 'adah encode --help'.\n");
        return CLI_USAGE;
    }
    if (adah_codes_merge((const char *const *)prefix, (size_t)n, out, &n_rows, &status) != ADAH_OK)
        return cli_fail(&status);
    if (as_json)
        printf("{\"n\": %zu}\n", n_rows);
    else
        printf("%zu rows of %d parts: %s\n", n_rows, n, out);
    return CLI_OK;
}

static int run(int argc, char **argv) {
    const char *model_path = NULL, *out = NULL, *precision = NULL;
    int quiet = 0, threads = 0, profiled = 0, as_json = 0, merges = 0, rest = argc;
    source s = {0};
    adah_encode_profile profile;
    adah_encode_options o;
    adah_encode_options_init(&o);
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "a trained model", &model_path, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set", &s.data, 0, 0, 0},
        {"features", 0, CLI_TEXT, "FILE", "or features of another encoder, .npy or .safetensors, a row each", &s.features, 0, 0, 0},
        {"side", 0, CLI_TEXT, "image|text", "whose features these are (default: the side that the model takes as features)", &s.side, 0, 0, 0},
        {"out", 0, CLI_TEXT, "PREFIX", "where to put the files", &out, 1, 0, 0},
        {"shard", 0, CLI_TEXT, "I/N", "encode only the I-th of N parts of the data set", &s.shard, 0, 0, 0},
        {"merge", 0, CLI_FLAG, NULL, "encode nothing: make one of the files of parts, whose PREFIXes follow", &merges, 0, 0, 0},
        CLI_DATA_OPTIONS(s.how),
        {"strict", 0, CLI_FLAG, NULL, "fail on the first bad record or unreadable image", &o.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "where to look for the feature maps of a training (default ~/.cache/adah)", &o.cache_folder,
         0, 0, 0},
        {"threads", 0, CLI_INT, "N", "number of threads (default: one a core)", &threads, 0, 0, 4096},
        {"precision", 0, CLI_TEXT, "float32|bfloat16", "precision of the backbone's large products (default: as the\n"
         "model was trained); bfloat16 is faster on AMD's Zen 5, slower\n"
         "on an Intel Xeon (model 207), and may turn a few bits", &precision, 0, 0, 0},
        {"profile", 0, CLI_FLAG, NULL, "report records a second, how the time was divided, and peak memory", &profiled, 0, 0, 0},
        {"json", 0, CLI_FLAG, NULL, "print the result as JSON", &as_json, 0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "do not show progress", &quiet, 0, 0, 0},
    };
    int code = cli_parse(&cli_encode, options, sizeof options / sizeof *options, argc, argv, &rest);
    if (code >= 0)
        return code;
    if (merges && (model_path || s.data || s.features)) {
        fprintf(stderr, "adah encode: --merge encodes nothing, it goes without --model, --data and --features\n");
        return CLI_USAGE;
    }
    if (merges)
        return merge(argv + rest, argc - rest, out, as_json);
    if (rest < argc) {
        fprintf(stderr, "adah encode: unexpected \"%s\"\nTry 'adah encode --help'.\n", argv[rest]);
        return CLI_USAGE;
    }
    if (!model_path) {
        fprintf(stderr, "adah encode: --model FILE is needed\nTry 'adah encode --help'.\n");
        return CLI_USAGE;
    }
    if ((code = check_source(&s)) >= 0)
        return code;
    if (!cli_read_shard("encode", s.shard, &o))
        return CLI_USAGE;
    adah_set_threads(threads);
    s.strict = o.strict;
    o.profile = profiled ? &profile : NULL;
    adah_status status;
    adah_model *model = NULL;
    adah_codes codes = {0};
    const adah_progress progress = cli_progress_begin(quiet);
    adah_code done = cli_read_precision(precision, &o.precision, &status);
    if (done == ADAH_OK)
        done = adah_model_open(model_path, &model, &status);
    if (done == ADAH_OK)
        done = encode(model, &s, &o, progress, &codes, &status);
    if (done == ADAH_OK)
        done = adah_codes_write(&codes, s.dataset, out, &status);
    cli_progress_end();
    int result = CLI_OK;
    if (done == ADAH_OK && as_json) {
        result = print_json(s.dataset, &codes, out, o.profile);
    } else if (done == ADAH_OK) {
        print_result(&s, &codes, out);
        if (profiled)
            print_profile(&profile);
    }
    adah_codes_free(&codes);
    adah_dataset_close(s.dataset);
    adah_model_close(model);
    return done == ADAH_OK ? result : cli_fail(&status);
}
