/* command_eval.c - adah eval. */
#include "data_options.h"
#include "options.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_eval = {
    "eval", "Measure retrieval: mean average precision, recall of the own partner, and more.", "",
    "An item is relevant if it shares a label with the query. The database is every record that is not of the split \"query\".\n"
    "Each query also ranks the other side of all queries: R@1, R@5 and R@10 are how often its own partner is among the first.\n"
    "Several models (for example of several seeds) are measured each, with mean and sample standard deviation; --json has\n"
    "them as \"models\", \"mean\" and \"deviation\". docs/guide/evaluate.md has the formulas and every field of --json.\n"
    "With --codes no model is needed: PREFIX.image.npy, PREFIX.text.npy and PREFIX.ids as 'adah encode' writes them.\n"
    "\n"
    "Examples:\n"
    "  adah eval --model photos.safetensors --data photos\n"
    "  adah eval --model seed0.safetensors --model seed1.safetensors --model seed2.safetensors --data photos\n"
    "  adah eval --model photos.safetensors --data photos --queries other-photos --json\n"
    "  adah eval --model photos.safetensors --data photos --report report.html\n"
    "  adah eval --model photos.safetensors --data photos --report report.html --ask 'boat on a lake' --ask snow\n"
    "  adah eval --codes photos-codes --data photos\n",
    run, 1};

/* The directions in the order of the tables. */
static const struct {
    adah_modality from, to;
    const char *name;
} directions[4] = {{ADAH_IMAGE, ADAH_TEXT, "image to text"},
                   {ADAH_TEXT, ADAH_IMAGE, "text to image"},
                   {ADAH_IMAGE, ADAH_IMAGE, "image to image"},
                   {ADAH_TEXT, ADAH_TEXT, "text to text"}};

static const adah_measures *measures_of(const adah_evaluation *e, int direction) {
    return &e->measures[directions[direction].from][directions[direction].to];
}

static void print_reasons(const char *reasons) {
    while (*reasons) {
        const size_t width = strcspn(reasons, "\n");
        printf("    %.*s\n", (int)width, reasons);
        reasons += width + (reasons[width] == '\n');
    }
}

/* Figures of a part are not those of the whole: what is missing is told below the head. */
static void print_left_out(const adah_evaluation *e) {
    if (e->n_queries_left_out || e->n_database_left_out) {
        printf("left out: %zu queries and %zu records of the database, %s%s\n", e->n_queries_left_out, e->n_database_left_out,
               *e->left_out ? "whose image cannot be read" : "which have no code", *e->left_out ? ":" : "");
        print_reasons(e->left_out);
    }
    if (e->n_records_bad) {
        printf("left out: %zu bad record%s:\n", e->n_records_bad, e->n_records_bad == 1 ? "" : "s");
        print_reasons(e->records_bad);
    }
    if (e->n_queries_left_out || e->n_database_left_out || e->n_records_bad)
        printf("\n");
}

static void print_head(const adah_evaluation *e) {
    printf("%zu queries (%zu more have no relevant item), %zu in the database, %zu bits, relevance by %s\n\n", e->n_queries,
           e->n_queries_without_relevant, e->n_database, e->n_bits, e->relevance);
    print_left_out(e);
}

/* The heads of the columns that depend on k. */
static void name_cuts(const adah_evaluation *e, char map[48], char ndcg[48]) {
    snprintf(map, 48, "mAP@%zu by rank", e->measures[0][0].n_cut);
    snprintf(ndcg, 48, "NDCG@%zu", e->measures[0][0].n_cut);
}

#define FINE_ROW "  fine order" /* the same direction as the row above it */

/* What needs no labels. */
static void print_partners(const adah_evaluation *e) {
    static const char *const of[2] = {"of the queries", "of the data set"};
    printf("\n%-16s%9s%12s%12s%14s\n", "own partner", "R@1", "R@5", "R@10", "median rank");
    for (int i = 0; i < 4; i++) {
        const int is_fine = i % 2;
        const adah_partner_measures *m = &(is_fine ? e->partners_fine : e->partners)[directions[i / 2].from];
        if (m->recall_at_1 >= 0)
            printf("%-16s%9.4f%12.4f%12.4f%14.1f\n", is_fine ? FINE_ROW : directions[i / 2].name, m->recall_at_1, m->recall_at_5,
                   m->recall_at_10, m->median_rank);
    }
    printf("\n");
    for (int i = 0; i < 2; i++) {
        const adah_distinct_codes *image = &e->distinct[i][ADAH_IMAGE], *text = &e->distinct[i][ADAH_TEXT];
        printf("different codes %s, %zu records: %.0f of images (at most %.0f share one), %.0f of texts (%.0f)\n", of[i], image->n_items,
               image->n_distinct, image->n_most, text->n_distinct, text->n_most);
    }
}

static void print_table(const adah_evaluation *e) {
    char map[48], ndcg[48];
    name_cuts(e, map, ndcg);
    printf("%-16s%9s%12s%20s%18s%11s%13s\n", "", "mAP@all", "tie-aware", "ties best..worst", map, ndcg, "ties of 10");
    for (int i = 0; i < 4; i++) {
        const adah_measures *m = measures_of(e, i);
        printf("%-16s%9.4f%12.4f%12.4f..%.4f%18.4f%11.4f%13.2f\n", directions[i].name, m->map, m->map_tie_aware, m->map_optimistic,
               m->map_pessimistic, m->map_at_k, m->ndcg_at_k, m->ties_in_first_10);
    }
    print_partners(e);
    if (e->map_real[0][0] >= 0) {
        printf("\nreal-valued codes by cosine, mAP@all:");
        for (int i = 0; i < 4; i++)
            printf("%s %s %.4f", i ? "," : "", directions[i].name, e->map_real[directions[i].from][directions[i].to]);
        printf("\n");
    }
    if (e->map_to_pair[0] >= 0)
        printf("\none code a pair in the database, mAP@all: image to pair %.4f, text to pair %.4f\n", e->map_to_pair[ADAH_IMAGE],
               e->map_to_pair[ADAH_TEXT]);
    if (e->masks.n_images)
        printf("\nattention masks of %zu images: mean IoU %.3f (random %.3f), pointing game %.3f (random %.3f)\n", e->masks.n_images,
               e->masks.iou, e->masks.iou_random, e->masks.pointing_game, e->masks.pointing_game_random);
}

/* Each model's table, then the means. */
static void print_several(const adah_evaluation *e, const cli_list *model, const adah_evaluation *mean, const adah_evaluation *deviation) {
    char map[48], ndcg[48];
    print_head(e);
    for (size_t i = 0; i < model->n; i++) {
        printf("%s, seed %zu\n", model->item[i], e[i].seed);
        print_table(&e[i]);
        printf("\n");
    }
    name_cuts(mean, map, ndcg);
    printf("mean of %zu models \xC2\xB1 sample standard deviation\n%-16s%18s%18s%18s%18s\n", model->n, "", "mAP@all",
           "tie-aware", map, ndcg);
    for (int i = 0; i < 4; i++) {
        const adah_measures *m = measures_of(mean, i), *d = measures_of(deviation, i);
        printf("%-16s   %.4f \xC2\xB1 %.4f   %.4f \xC2\xB1 %.4f   %.4f \xC2\xB1 %.4f   %.4f \xC2\xB1 %.4f\n", directions[i].name, m->map, d->map,
               m->map_tie_aware, d->map_tie_aware, m->map_at_k, d->map_at_k, m->ndcg_at_k, d->ndcg_at_k);
    }
    printf("%-16s%18s%18s%18s%18s\n", "own partner", "R@1", "R@5", "R@10", "median rank");
    for (int i = 0; i < 4; i++) {
        const int is_fine = i % 2, from = directions[i / 2].from;
        const adah_partner_measures *m = is_fine ? &mean->partners_fine[from] : &mean->partners[from],
                                    *d = is_fine ? &deviation->partners_fine[from] : &deviation->partners[from];
        if (m->recall_at_1 >= 0)
            printf("%-16s   %.4f \xC2\xB1 %.4f   %.4f \xC2\xB1 %.4f   %.4f \xC2\xB1 %.4f%10.1f \xC2\xB1 %.1f\n",
                   is_fine ? FINE_ROW : directions[i / 2].name, m->recall_at_1, d->recall_at_1, m->recall_at_5, d->recall_at_5,
                   m->recall_at_10, d->recall_at_10, m->median_rank, d->median_rank);
    }
}

static adah_code print_result(const adah_evaluation *e, size_t n, const cli_list *model, int as_json, adah_status *status) {
    adah_evaluation mean, deviation;
    char *json = NULL;
    if (as_json) {
        const adah_code code = adah_evaluation_json(e, n, &json, status);
        if (code == ADAH_OK)
            puts(json);
        adah_free(json);
        return code;
    }
    if (n == 1) {
        print_head(e);
        print_table(e);
        return ADAH_OK;
    }
    const adah_code code = adah_evaluate_mean(e, n, &mean, &deviation, status);
    if (code == ADAH_OK) {
        print_several(e, model, &mean, &deviation);
        adah_evaluation_free(&mean);
        adah_evaluation_free(&deviation);
    }
    return code;
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
    adah_evaluation evaluation[CLI_LIST_MAX];
    size_t n_evaluations;
} sets;

static adah_code open_sets(sets *s, const char *data, const char *queries, const cli_data_options *how, int strict, adah_status *status) {
    const adah_code code = cli_open_data(data, how, strict, &s->data, status);
    return code == ADAH_OK && queries ? cli_open_data(queries, how, strict, &s->queries, status) : code;
}

static adah_code evaluate_codes(sets *s, const char *codes, const char *query_codes, const adah_evaluate_options *o, adah_status *status) {
    adah_code code = adah_codes_read(codes, s->data, &s->codes, status);
    if (code == ADAH_OK && query_codes)
        code = adah_codes_read(query_codes, s->queries ? s->queries : s->data, &s->query_codes, status);
    if (code == ADAH_OK)
        code = adah_evaluate_codes(s->data, &s->codes, query_codes ? &s->query_codes : NULL, o, &s->evaluation[0], status);
    s->n_evaluations = code == ADAH_OK;
    return code;
}

/* One evaluation; keeps the first model and its codes in s. */
static adah_code evaluate_model(sets *s, const char *path, const adah_evaluate_options *options, const adah_encode_options *encode,
                                adah_progress progress, adah_status *status) {
    adah_model *model = NULL;
    adah_codes codes = {0};
    adah_evaluate_options o = *options;
    o.codes = &codes;
    adah_code code = adah_model_open(path, &model, status);
    if (code == ADAH_OK)
        code = adah_encode_dataset(model, s->data, encode, progress, &codes, status);
    if (code == ADAH_OK)
        code = adah_evaluate(model, s->data, &o, encode, progress, &s->evaluation[s->n_evaluations], status);
    s->n_evaluations += code == ADAH_OK;
    if (s->model) {
        adah_codes_free(&codes);
        adah_model_close(model);
    } else {
        s->codes = codes;
        s->model = model;
    }
    return code;
}

static int run(int argc, char **argv) {
    const char *data = NULL, *queries = NULL, *codes = NULL, *query_codes = NULL, *report = NULL,
               *split = "query";
    int as_json = 0, quiet = 0, threads = 0;
    cli_list model = {{NULL}, 0}, words = {{NULL}, 0};
    cli_data_options how = {0};
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
        {"ask", 0, CLI_LIST, "TEXT", "with --report: show what these words find; may be repeated (default: texts of some of the queries)",
         &words, 0, 0, 0},
        {"k", 'k', CLI_SIZE, "N", "cut of mAP@k and NDCG@k (default 50)", &o.n_cut, 0, 1, 1e9},
        {"real", 0, CLI_FLAG, NULL, "also measure the mAP of the codes before their signs are taken, by cosine", &o.real, 0, 0, 0},
        {"pairs", 0, CLI_FLAG, NULL,
         "also measure the mAP against one code a pair, for which its image and its text\n"
         "vote (the protocol of some papers; both sides of the database are known then)", &o.pairs, 0, 0, 0},
        CLI_DATA_OPTIONS(how),
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
    if (words.n && !report) {
        fprintf(stderr, "adah eval: --ask needs --report\n");
        return CLI_USAGE;
    }
    if (!parse_split(split, &o.split)) {
        fprintf(stderr, "adah eval: --split is \"%s\", expected train, query or database\n", split);
        return CLI_USAGE;
    }
    adah_set_threads(threads);
    adah_status status;
    static sets s;
    const adah_progress progress = cli_progress_begin(quiet);
    adah_code done = open_sets(&s, data, queries, &how, encode.strict, &status);
    o.queries = s.queries;
    if (done == ADAH_OK)
        done = codes ? evaluate_codes(&s, codes, query_codes, &o, &status) : ADAH_OK;
    for (size_t i = 0; i < model.n && done == ADAH_OK; i++)
        done = evaluate_model(&s, model.item[i], &o, &encode, progress, &status);
    cli_progress_end();
    if (done == ADAH_OK && report) {
        adah_report_options report_options;
        adah_report_options_init(&report_options);
        report_options.codes = &s.codes;
        report_options.text_queries = words.n ? words.item : NULL;
        report_options.n_text_queries = words.n;
        done = adah_report_write(s.model, s.data, s.evaluation, s.n_evaluations, &report_options, &encode, report, &status);
    }
    if (done == ADAH_OK)
        done = print_result(s.evaluation, s.n_evaluations, &model, as_json, &status);
    if (done == ADAH_OK && report && !as_json)
        printf("\nreport: %s\n", report);
    for (size_t i = 0; i < s.n_evaluations; i++)
        adah_evaluation_free(&s.evaluation[i]);
    adah_codes_free(&s.codes);
    adah_codes_free(&s.query_codes);
    adah_model_close(s.model);
    adah_dataset_close(s.queries);
    adah_dataset_close(s.data);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
