/* command_eval.c - adah eval. */
#include "options.h"
#include "terminal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_eval = {
    "eval", "Measure retrieval: mean average precision and more, in all four directions.", "",
    "Relevant is what shares a label with the query. The database is every record that is not of the split \"query\".\n"
    "With --codes no model is needed: PREFIX.image.npy, PREFIX.text.npy and PREFIX.ids as 'adah encode' writes them.\n"
    "\n"
    "Examples:\n"
    "  adah eval --model photos.safetensors --data photos\n"
    "  adah eval --model photos.safetensors --data photos --queries other-photos --json\n"
    "  adah eval --model photos.safetensors --data photos --report report.html\n"
    "  adah eval --codes photos-codes --data photos\n",
    run, 1};

static double number(const json_t *o, const char *direction, const char *key) {
    return json_number_value(json_object_get(json_object_get(o, direction), key));
}

static void print_table(const json_t *o) {
    static const char *const key[] = {"image_to_text", "text_to_image", "image_to_image", "text_to_text"};
    static const char *const name[] = {"image to text", "text to image", "image to image", "text to text"};
    printf("%lld queries (%lld more have no relevant item), %lld in the database, %lld bits, relevance by %s\n\n",
           (long long)json_integer_value(json_object_get(o, "n_queries")),
           (long long)json_integer_value(json_object_get(o, "n_queries_without_relevant")),
           (long long)json_integer_value(json_object_get(o, "n_database")),
           (long long)json_integer_value(json_object_get(o, "n_bits")), json_string_value(json_object_get(o, "relevance")));
    const long long k = (long long)number(o, key[0], "k");
    printf("%-16s%9s%12s%20s%9s%lld%10s%lld\n", "", "mAP@all", "tie-aware", "ties best..worst", "mAP@", k, "NDCG@", k);
    for (int i = 0; i < 4; i++)
        printf("%-16s%9.4f%12.4f%12.4f..%.4f%11.4f%12.4f\n", name[i], number(o, key[i], "map"),
               number(o, key[i], "map_tie_aware"), number(o, key[i], "map_optimistic"), number(o, key[i], "map_pessimistic"),
               number(o, key[i], "map_at_k_by_rank"), number(o, key[i], "ndcg_at_k"));
    const json_t *masks = json_object_get(o, "attention_masks");
    if (masks)
        printf("\nattention masks of %lld images: mean IoU %.3f (random %.3f), pointing game %.3f (random %.3f)\n",
               (long long)json_integer_value(json_object_get(masks, "n_images")), number(o, "attention_masks", "iou"),
               number(o, "attention_masks", "iou_random"), number(o, "attention_masks", "pointing_game"),
               number(o, "attention_masks", "pointing_game_random"));
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
    adah_model *model;
    adah_codes codes, query_codes;
} sets;

static adah_code evaluate(sets *s, const char *data, const char *queries, const char *model, const char *codes,
                          const char *query_codes, adah_evaluate_options *o, const adah_encode_options *encode,
                          adah_progress progress, char **json, adah_status *status) {
    const adah_dataset_options dataset_options = {encode->strict};
    adah_code code = adah_dataset_open(data, &dataset_options, &s->data, status);
    if (code == ADAH_OK && queries)
        code = adah_dataset_open(queries, &dataset_options, &s->queries, status);
    o->queries = s->queries;
    if (code != ADAH_OK)
        return code;
    if (model) {
        code = adah_model_open(model, &s->model, status);
        return code == ADAH_OK ? adah_evaluate(s->model, s->data, o, encode, progress, json, status) : code;
    }
    code = adah_codes_read(codes, s->data, &s->codes, status);
    if (code == ADAH_OK && query_codes)
        code = adah_codes_read(query_codes, s->queries ? s->queries : s->data, &s->query_codes, status);
    if (code == ADAH_OK)
        code = adah_evaluate_codes(s->data, &s->codes, query_codes ? &s->query_codes : NULL, o, json, status);
    return code;
}

static int run(int argc, char **argv) {
    const char *data = NULL, *model = NULL, *queries = NULL, *codes = NULL, *query_codes = NULL, *report = NULL,
               *split = "query";
    int as_json = 0, quiet = 0, threads = 0;
    adah_evaluate_options o = ADAH_EVALUATE_OPTIONS_INIT;
    adah_encode_options encode = ADAH_ENCODE_OPTIONS_INIT;
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "a trained model", &model, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "the data set", &data, 1, 0, 0},
        {"queries", 0, CLI_TEXT, "DIR", "take the queries from this data set instead", &queries, 0, 0, 0},
        {"split", 0, CLI_TEXT, "query|train|database", "which records are queries (default query)", &split, 0, 0, 0},
        {"codes", 0, CLI_TEXT, "PREFIX", "codes in place of a model", &codes, 0, 0, 0},
        {"query-codes", 0, CLI_TEXT, "PREFIX", "codes of the queries (default: the same)", &query_codes, 0, 0, 0},
        {"report", 0, CLI_TEXT, "FILE", "also write an HTML report with pictures, curves and attention masks", &report, 0, 0, 0},
        {"k", 'k', CLI_SIZE, "N", "cut of mAP@k and NDCG@k (default 50)", &o.n_cut, 0, 1, 1e9},
        {"strict", 0, CLI_FLAG, NULL, "fail on the first bad record or unreadable image", &encode.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "where feature maps are kept (default ~/.cache/adah)", &encode.cache_folder, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "default: one a core", &threads, 0, 0, 4096},
        {"json", 0, CLI_FLAG, NULL, "print everything as JSON, curves included", &as_json, 0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "no progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_eval, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    if (!model == !codes) {
        fprintf(stderr, "adah eval: give either --model or --codes\n");
        return CLI_USAGE;
    }
    if ((query_codes && !codes) || (queries && codes && !query_codes)) {
        fprintf(stderr, query_codes ? "adah eval: --query-codes needs --codes\n"
                                    : "adah eval: --queries with --codes needs --query-codes\n");
        return CLI_USAGE;
    }
    if (report && !model) {
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
    adah_code done = evaluate(&s, data, queries, model, codes, query_codes, &o, &encode, progress, &json, &status);
    cli_progress_end();
    if (done == ADAH_OK && report)
        done = adah_report_write(s.model, s.data, json, NULL, &encode, report, &status);
    if (done == ADAH_OK && as_json) {
        puts(json);
    } else if (done == ADAH_OK) {
        json_t *object = json_loads(json, 0, NULL);
        print_table(object);
        json_decref(object);
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
