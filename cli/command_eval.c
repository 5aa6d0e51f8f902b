/* command_eval.c - adah eval. */
#include "options.h"
#include "terminal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_eval = {
    "eval", "Measure retrieval: mean average precision and more, in all four directions.", "",
    "An item is relevant if it shares a label with the query. The database is every record that is not of the split \"query\".\n"
    "Several models (for example of several seeds) are measured each, with mean and sample standard deviation; --json has\n"
    "them as \"models\", \"mean\" and \"deviation\". docs/guide/evaluate.md has the formulas and every field of --json.\n"
    "With --codes no model is needed: PREFIX.image.npy, PREFIX.text.npy and PREFIX.ids as 'adah encode' writes them.\n"
    "\n"
    "Examples:\n"
    "  adah eval --model photos.safetensors --data photos\n"
    "  adah eval --model seed0.safetensors --model seed1.safetensors --model seed2.safetensors --data photos\n"
    "  adah eval --model photos.safetensors --data photos --queries other-photos --json\n"
    "  adah eval --model photos.safetensors --data photos --report report.html\n"
    "  adah eval --codes photos-codes --data photos\n",
    run, 1};

static double number(const json_t *o, const char *direction, const char *key) {
    return json_number_value(json_object_get(json_object_get(o, direction), key));
}

static const char *const direction_key[4] = {"image_to_text", "text_to_image", "image_to_image", "text_to_text"};
static const char *const direction_name[4] = {"image to text", "text to image", "image to image", "text to text"};

static long long count(const json_t *o, const char *key) { return (long long)json_integer_value(json_object_get(o, key)); }

static void print_reasons(const json_t *reasons) {
    size_t i;
    const json_t *reason;
    json_array_foreach(reasons, i, reason)
        printf("    %s\n", json_string_value(reason));
}

/* Figures of a part are not those of the whole: what is missing is told below the head. */
static void print_left_out(const json_t *o) {
    const long long n_queries = count(o, "n_queries_left_out"), n_database = count(o, "n_database_left_out"), n_bad = count(o, "n_records_bad");
    const json_t *reasons = json_object_get(o, "left_out");
    if (n_queries || n_database) {
        printf("left out: %lld queries and %lld records of the database, %s%s\n", n_queries, n_database,
               json_array_size(reasons) ? "whose image cannot be read" : "which have no code", json_array_size(reasons) ? ":" : "");
        print_reasons(reasons);
    }
    if (n_bad) {
        printf("left out: %lld bad record%s:\n", n_bad, n_bad == 1 ? "" : "s");
        print_reasons(json_object_get(o, "records_bad"));
    }
    if (n_queries || n_database || n_bad)
        printf("\n");
}

static void print_head(const json_t *o) {
    printf("%lld queries (%lld more have no relevant item), %lld in the database, %lld bits, relevance by %s\n\n",
           count(o, "n_queries"), count(o, "n_queries_without_relevant"), count(o, "n_database"), count(o, "n_bits"),
           json_string_value(json_object_get(o, "relevance")));
    print_left_out(o);
}

/* The heads of the columns that depend on k. */
static void name_cuts(const json_t *o, char map[48], char ndcg[48]) {
    const long long k = (long long)number(o, direction_key[0], "k");
    snprintf(map, 48, "mAP@%lld by rank", k);
    snprintf(ndcg, 48, "NDCG@%lld", k);
}

static void print_table(const json_t *o) {
    char map[48], ndcg[48];
    name_cuts(o, map, ndcg);
    printf("%-16s%9s%12s%20s%18s%11s\n", "", "mAP@all", "tie-aware", "ties best..worst", map, ndcg);
    for (int i = 0; i < 4; i++)
        printf("%-16s%9.4f%12.4f%12.4f..%.4f%18.4f%11.4f\n", direction_name[i], number(o, direction_key[i], "map"),
               number(o, direction_key[i], "map_tie_aware"), number(o, direction_key[i], "map_optimistic"),
               number(o, direction_key[i], "map_pessimistic"), number(o, direction_key[i], "map_at_k_by_rank"),
               number(o, direction_key[i], "ndcg_at_k"));
    if (json_object_get(json_object_get(o, direction_key[0]), "map_real")) {
        printf("\nreal-valued codes by cosine, mAP@all:");
        for (int i = 0; i < 4; i++)
            printf("%s %s %.4f", i ? "," : "", direction_name[i], number(o, direction_key[i], "map_real"));
        printf("\n");
    }
    if (json_object_get(o, "map_image_to_pair"))
        printf("\none code a pair in the database, mAP@all: image to pair %.4f, text to pair %.4f\n",
               json_number_value(json_object_get(o, "map_image_to_pair")), json_number_value(json_object_get(o, "map_text_to_pair")));
    const json_t *masks = json_object_get(o, "attention_masks");
    if (masks)
        printf("\nattention masks of %lld images: mean IoU %.3f (random %.3f), pointing game %.3f (random %.3f)\n",
               count(masks, "n_images"), number(o, "attention_masks", "iou"), number(o, "attention_masks", "iou_random"),
               number(o, "attention_masks", "pointing_game"), number(o, "attention_masks", "pointing_game_random"));
}

/* Each model's table, then the means. */
static void print_several(const json_t *o, const cli_list *model) {
    static const char *const key[] = {"map", "map_tie_aware", "map_at_k_by_rank", "ndcg_at_k"};
    const json_t *models = json_object_get(o, "models"), *mean = json_object_get(o, "mean"),
                 *deviation = json_object_get(o, "deviation");
    print_head(json_array_get(models, 0));
    for (size_t i = 0; i < model->n; i++) {
        const json_t *one = json_array_get(models, i);
        printf("%s, seed %lld\n", model->item[i], count(one, "seed"));
        print_table(one);
        printf("\n");
    }
    char map[48], ndcg[48];
    name_cuts(mean, map, ndcg);
    printf("mean of %zu models \xC2\xB1 sample standard deviation\n%-16s%18s%18s%18s%18s\n", model->n, "", "mAP@all",
           "tie-aware", map, ndcg);
    for (int i = 0; i < 4; i++) {
        printf("%-16s", direction_name[i]);
        for (size_t m = 0; m < sizeof key / sizeof *key; m++)
            printf("   %.4f \xC2\xB1 %.4f", number(mean, direction_key[i], key[m]), number(deviation, direction_key[i], key[m]));
        printf("\n");
    }
}

static void print_result(const char *json, const cli_list *model) {
    json_t *o = json_loads(json, 0, NULL);
    if (model->n > 1) {
        print_several(o, model);
    } else {
        print_head(o);
        print_table(o);
    }
    json_decref(o);
}

static int parse_split(const char *text, adah_split *split) {
    static const char *const names[] = {"train", "query", "database"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i])) {
            *split = (adah_split)i;
            return 1;
        }
    return 0;
}

typedef struct sets {
    adah_dataset *data, *queries;
    adah_model *model; /* the first, with its codes of the data: the report shows them */
    adah_codes codes, query_codes;
} sets;

static adah_code open_sets(sets *s, const char *data, const char *queries, int strict, adah_status *status) {
    const adah_dataset_options options = {sizeof options, strict};
    const adah_code code = adah_dataset_open(data, &options, &s->data, status);
    return code == ADAH_OK && queries ? adah_dataset_open(queries, &options, &s->queries, status) : code;
}

static adah_code evaluate_codes(sets *s, const char *codes, const char *query_codes, const adah_evaluate_options *o,
                                char **json, adah_status *status) {
    adah_code code = adah_codes_read(codes, s->data, &s->codes, status);
    if (code == ADAH_OK && query_codes)
        code = adah_codes_read(query_codes, s->queries ? s->queries : s->data, &s->query_codes, status);
    return code == ADAH_OK ? adah_evaluate_codes(s->data, &s->codes, query_codes ? &s->query_codes : NULL, o, json, status)
                           : code;
}

/* One evaluation; keeps the first model and its codes in s. */
static adah_code evaluate_model(sets *s, const char *path, const adah_evaluate_options *options,
                                const adah_encode_options *encode, adah_progress progress, char **json,
                                adah_status *status) {
    adah_model *model = NULL;
    adah_codes codes = {0};
    adah_evaluate_options o = *options;
    o.codes = &codes;
    adah_code code = adah_model_open(path, &model, status);
    if (code == ADAH_OK)
        code = adah_encode_dataset(model, s->data, encode, progress, &codes, status);
    if (code == ADAH_OK)
        code = adah_evaluate(model, s->data, &o, encode, progress, json, status);
    if (s->model) {
        adah_codes_free(&codes);
        adah_model_close(model);
    } else {
        s->codes = codes;
        s->model = model;
    }
    return code;
}

/* All models: one gives its evaluation, several the joined one. */
static adah_code evaluate_models(sets *s, const cli_list *model, const adah_evaluate_options *o,
                                 const adah_encode_options *encode, adah_progress progress, char **json,
                                 adah_status *status) {
    char *one[CLI_LIST_MAX] = {0};
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < model->n && code == ADAH_OK; i++)
        code = evaluate_model(s, model->item[i], o, encode, progress, &one[i], status);
    if (code == ADAH_OK && model->n > 1) {
        code = adah_evaluate_mean((const char *const *)one, model->n, json, status);
    } else {
        *json = one[0];
        one[0] = NULL;
    }
    for (size_t i = 0; i < model->n; i++)
        adah_free(one[i]);
    return code;
}

static int run(int argc, char **argv) {
    const char *data = NULL, *queries = NULL, *codes = NULL, *query_codes = NULL, *report = NULL,
               *split = "query";
    int as_json = 0, quiet = 0, threads = 0;
    cli_list model = {{NULL}, 0};
    adah_evaluate_options o;
    adah_evaluate_options_init(&o);
    adah_encode_options encode;
    adah_encode_options_init(&encode);
    const cli_option options[] = {
        {"model", 0, CLI_LIST, "FILE", "a trained model; may be repeated, to get mean and deviation", &model, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set", &data, 1, 0, 0},
        {"queries", 0, CLI_TEXT, "DIR", "take the queries from this data set instead", &queries, 0, 0, 0},
        {"split", 0, CLI_TEXT, "query|train|database", "which records are queries (default query)", &split, 0, 0, 0},
        {"codes", 0, CLI_TEXT, "PREFIX", "measure these codes in place of a model's", &codes, 0, 0, 0},
        {"query-codes", 0, CLI_TEXT, "PREFIX", "codes of the queries (default: the same)", &query_codes, 0, 0, 0},
        {"report", 0, CLI_TEXT, "FILE", "also write an HTML report with pictures, curves and attention masks", &report, 0, 0, 0},
        {"k", 'k', CLI_SIZE, "N", "cut of mAP@k and NDCG@k (default 50)", &o.n_cut, 0, 1, 1e9},
        {"real", 0, CLI_FLAG, NULL, "also measure the mAP of the codes before their signs are taken, by cosine", &o.real, 0, 0, 0},
        {"pairs", 0, CLI_FLAG, NULL,
         "also measure the mAP against one code a pair, for which its image and its text\n"
         "vote (the protocol of some papers; both sides of the database are known then)", &o.pairs, 0, 0, 0},
        {"strict", 0, CLI_FLAG, NULL, "fail on the first bad record or unreadable image", &encode.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "where to look for the feature maps of a training (default ~/.cache/adah)", &encode.cache_folder, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "number of threads (default: one a core)", &threads, 0, 0, 4096},
        {"json", 0, CLI_FLAG, NULL, "print everything as JSON, curves included", &as_json, 0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "do not show progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_eval, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    if (!model.n == !codes) {
        fprintf(stderr, "adah eval: give either --model or --codes\n");
        return CLI_USAGE;
    }
    if ((query_codes && !codes) || (queries && codes && !query_codes)) {
        fprintf(stderr, query_codes ? "adah eval: --query-codes needs --codes\n"
                                    : "adah eval: --queries with --codes needs --query-codes\n");
        return CLI_USAGE;
    }
    if ((o.real || o.pairs) && codes) {
        fprintf(stderr, "adah eval: --real and --pairs need --model\n");
        return CLI_USAGE;
    }
    encode.keep_real = o.real || o.pairs;
    if (report && !model.n) {
        fprintf(stderr, "adah eval: --report needs --model\n");
        return CLI_USAGE;
    }
    if (!parse_split(split, &o.split)) {
        fprintf(stderr, "adah eval: --split is \"%s\", expected train, query or database\n", split);
        return CLI_USAGE;
    }
    adah_set_threads(threads);
    adah_status status;
    sets s = {0};
    char *json = NULL;
    const adah_progress progress = cli_progress_begin(quiet);
    adah_code done = open_sets(&s, data, queries, encode.strict, &status);
    o.queries = s.queries;
    if (done == ADAH_OK)
        done = codes ? evaluate_codes(&s, codes, query_codes, &o, &json, &status)
                     : evaluate_models(&s, &model, &o, &encode, progress, &json, &status);
    cli_progress_end();
    if (done == ADAH_OK && report) {
        adah_report_options report_options;
        adah_report_options_init(&report_options);
        report_options.codes = &s.codes;
        done = adah_report_write(s.model, s.data, json, &report_options, &encode, report, &status);
    }
    if (done == ADAH_OK && as_json) {
        puts(json);
    } else if (done == ADAH_OK) {
        print_result(json, &model);
        if (report)
            printf("\nreport: %s\n", report);
    }
    adah_free(json);
    adah_codes_free(&s.codes);
    adah_codes_free(&s.query_codes);
    adah_model_close(s.model);
    adah_dataset_close(s.queries);
    adah_dataset_close(s.data);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
