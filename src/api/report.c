/* report.c - the HTML report: what is found, where the model looks, how good it is, what was measured. */
#include "api/encode_stream.h"
#include "api/model.h"
#include "api/overlay.h"
#include "api/report_words.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sized_options.h"
#include "base/text.h"
#include "codes/codes.h"
#include "codes/fine.h"
#include "eval/chart.h"
#include "settings/method.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THUMBNAIL_SIDE = 144, JPEG_QUALITY = 80, CHART_POINTS_MAX = 2048 };

static const char style[] =
    ":root{color-scheme:light;--line:#dfd9cc;--soft:#645e53}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2.5em auto 4em;max-width:1180px;padding:0 1.2em;color:#23201b;background:#f6f4ee}"
    "h1,h2,.w{font-family:Palatino,\"Palatino Linotype\",P052,Georgia,serif;font-weight:400}h1{font-size:2.2em;margin:0 0 .6em}"
    "h2{font-size:1.5em;margin:1.8em 0 .5em}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{padding:.25em .9em;border-bottom:1px solid var(--line);text-align:right}td:first-child,th:first-child{text-align:left}"
    ".q{display:grid;grid-template-columns:repeat(auto-fill,minmax(144px,1fr));gap:14px;margin:0;padding:1em 0;border-top:1px solid var(--line)}"
    ".q>figure{margin:0;font-size:12px}.q img{width:100%;aspect-ratio:1;object-fit:contain;display:block;background:#fff;border:1px solid "
    "var(--line);border-radius:4px}.w{font-size:1.5em!important;line-height:1.2}"
    ".query img{border:2px solid #8f3b1b}.ok figcaption{border-bottom:3px solid #2e8b57}"
    "figcaption{overflow-wrap:anywhere;margin-top:.3em}.d{color:var(--soft)}.facts{color:var(--soft);font-size:13px;overflow-wrap:anywhere}"
    "svg .t{font-size:13px;font-weight:600}svg .n{font-size:11px;fill:#444}svg .e{text-anchor:end}svg .m{text-anchor:middle}"
    "svg .g{stroke:#e4e0d6}svg .a{fill:none;stroke:#444}.charts{display:flex;flex-wrap:wrap;gap:16px}";

typedef struct answer {
    adah_hit hit;  /* in the database */
    float score;   /* in the fine order; 0 without it */
    int is_held;   /* it holds the words that are asked with */
} answer;

typedef struct report {
    const adah_model *model;
    const adah_dataset *dataset;
    const adah_report_options *options;
    const adah_evaluation *evaluations; /* by model */
    size_t n_evaluations;
    adah_evaluation mean, deviation;    /* of several models */
    adah_encoder *encoder;
    const adah_codes *codes;
    adah_codes own_codes; /* made here when none were given */
    size_t *queries, *database; /* positions in codes */
    size_t *database_records;   /* the records of those */
    uint8_t *held;              /* of the database: which hold the words that are asked with; none while a record asks */
    size_t n_queries, n_database;
    uint8_t *database_codes[2];
    size_t tier[2];         /* of the fine order, the first; [1]: where like asks for like */
    size_t n_candidates[2]; /* nearest by distance, among which the answers are */
    adah_hit *hits;      /* as many as the larger, as what follows */
    answer *answers;
    const int8_t **vector;
    float *score;
    adah_text html;
} report;

static void report_free(report *r) {
    adah_evaluation_free(&r->mean);
    adah_evaluation_free(&r->deviation);
    adah_encoder_close(r->encoder);
    adah_codes_free(&r->own_codes);
    adah_memory_free(r->queries);
    adah_memory_free(r->database);
    adah_memory_free(r->database_records);
    adah_memory_free(r->held);
    adah_memory_free(r->database_codes[0]);
    adah_memory_free(r->database_codes[1]);
    adah_memory_free(r->hits);
    adah_memory_free(r->answers);
    adah_memory_free(r->vector);
    adah_memory_free(r->score);
    adah_text_free(&r->html);
}

static adah_code prepare(report *r, const adah_encode_options *encode_options, adah_status *status) {
    adah_encode_options o;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODE, encode_options, &o, status));
    const adah_encoder_options encoder_options = {sizeof encoder_options, o.precision};
    ADAH_TRY(adah_encoder_create(r->model, &encoder_options, &r->encoder, status));
    r->codes = r->options->codes;
    if (!r->codes) {
        ADAH_TRY(adah_encode_dataset(r->model, r->dataset, encode_options, (adah_progress){0}, &r->own_codes, status));
        r->codes = &r->own_codes;
    }
    ADAH_TRY(adah_codes_check_sides(r->codes, r->dataset, status));
    const size_t n = r->codes->n, code_bytes = r->codes->n_bits / 8;
    r->queries = adah_memory_zeroed(n, sizeof *r->queries);
    r->database = adah_memory_zeroed(n, sizeof *r->database);
    r->database_codes[0] = adah_memory_alloc(n * code_bytes);
    r->database_codes[1] = adah_memory_alloc(n * code_bytes);
    r->database_records = adah_memory_zeroed(n, sizeof *r->database_records);
    r->held = adah_memory_zeroed(n, 1);
    if (!r->queries || !r->database || !r->database_records || !r->held || !r->database_codes[0] || !r->database_codes[1])
        return adah_fail_memory(status, n * sizeof *r->queries);
    for (size_t i = 0; i < n; i++) {
        if (adah_dataset_record(r->dataset, r->codes->record[i])->split == ADAH_SPLIT_QUERY) {
            r->queries[r->n_queries++] = i;
            continue;
        }
        memcpy(r->database_codes[ADAH_IMAGE] + r->n_database * code_bytes, r->codes->image + i * code_bytes, code_bytes);
        memcpy(r->database_codes[ADAH_TEXT] + r->n_database * code_bytes, r->codes->text + i * code_bytes, code_bytes);
        r->database_records[r->n_database] = r->codes->record[i];
        r->database[r->n_database++] = i;
    }
    size_t n_most = r->options->text_queries ? r->n_database : 0; /* what holds the words may be far */
    for (int is_like = 0; is_like < 2; is_like++) {
        r->tier[is_like] = adah_fine_tier(r->n_database, is_like);
        const size_t n_results = r->options->n_results,
                     n_wanted = r->codes->n_fine[ADAH_TEXT] ? adah_fine_candidates(r->tier[is_like], n_results) : n_results;
        r->n_candidates[is_like] = n_wanted < r->n_database ? n_wanted : r->n_database;
        n_most = r->n_candidates[is_like] > n_most ? r->n_candidates[is_like] : n_most;
    }
    r->hits = adah_memory_zeroed(n_most, sizeof *r->hits);
    r->answers = adah_memory_zeroed(n_most, sizeof *r->answers);
    r->vector = adah_memory_zeroed(n_most, sizeof *r->vector);
    r->score = adah_memory_floats(n_most);
    return r->hits && r->answers && r->vector && r->score ? ADAH_OK : adah_fail_memory(status, n_most * sizeof *r->hits);
}

/* ---------------------------------------------------------------- numbers */

/* The directions in the order of the tables and charts. */
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

/* The evaluation, or the mean of several. */
static const adah_evaluation *figures(const report *r) { return r->n_evaluations > 1 ? &r->mean : r->evaluations; }

/* A fact of the evaluation; of several models one that they agree in. */
static void add_fact(report *r, const char *name, const char *fact) {
    adah_text_add(&r->html, "; %s ", name);
    adah_text_add_escaped(&r->html, fact ? fact : "not the same");
}

static void add_count(report *r, const char *name, size_t n) {
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    add_fact(r, name, n == ADAH_UNKNOWN ? NULL : text);
}

static void add_seeds(report *r) {
    if (r->n_evaluations == 1) {
        add_count(r, "seed", r->evaluations->seed);
        return;
    }
    adah_text_add(&r->html, "; %zu models, seeds", r->n_evaluations);
    for (size_t i = 0; i < r->n_evaluations; i++)
        adah_text_add(&r->html, "%s %zu", i ? "," : "", r->evaluations[i].seed);
}

/* Only where something is missing. */
static void add_left_out(report *r) {
    const adah_evaluation *first = r->evaluations, *e = figures(r);
    if (first->n_queries_left_out)
        add_count(r, "queries left out, whose image cannot be read,", e->n_queries_left_out);
    if (first->n_database_left_out)
        add_count(r, "records of the database left out", e->n_database_left_out);
    if (first->n_records_bad)
        add_count(r, "bad records left out", e->n_records_bad);
}

static void add_facts(report *r) {
    const adah_settings *c = &r->model->state.config;
    const adah_evaluation *e = figures(r);
    adah_text_add(&r->html, "<h2>What was measured</h2>\n<div class=\"facts\">\n<p>Data ");
    adah_text_add_escaped(&r->html, adah_dataset_folder(r->dataset));
    add_fact(r, "checksum of its split", e->split_checksum);
    if (e->queries) {
        add_fact(r, "queries from", e->queries);
        add_fact(r, "checksum of their split", e->queries_split_checksum);
    }
    add_count(r, "pairs in the database", e->n_database);
    add_count(r, "queries", e->n_queries);
    add_count(r, "more without a relevant item", e->n_queries_without_relevant);
    add_left_out(r);
    add_fact(r, "relevance by", e->relevance);
    adah_text_add(&r->html, ".</p>\n<p>Codes of %d bits", c->n_bits);
    add_fact(r, "backbone", e->backbone);
    add_fact(r, "method", e->method);
    add_fact(r, "preset", e->preset);
    add_seeds(r);
    adah_text_add(&r->html, "; attention %s; adversary %s.</p>\n", c->attention ? "on" : "off",
                  c->adversary && (c->attention || !adah_method_find(c->method)->has_attention) ? "on" : "off");
    if (r->n_evaluations > 1)
        adah_text_add(&r->html, "<p>Figures are means over the models &plusmn; the sample standard deviation; pictures, masks "
                      "and losses are those of the first model.</p>\n");
    adah_text_add(&r->html, "</div>\n");
}

static void add_figure(report *r, double mean, double deviation) {
    adah_text_add(&r->html, "<td>%.4f", mean);
    if (r->n_evaluations > 1)
        adah_text_add(&r->html, " &plusmn; %.4f", deviation);
    adah_text_add(&r->html, "</td>");
}

/* n_digits: behind the point, of one evaluation. */
static void add_number(report *r, double mean, double deviation, int n_digits) {
    adah_text_add(&r->html, "<td>%.*f", r->n_evaluations > 1 ? 1 : n_digits, mean);
    if (r->n_evaluations > 1)
        adah_text_add(&r->html, " &plusmn; %.1f", deviation);
    adah_text_add(&r->html, "</td>");
}

/* What needs no labels: own partners, and how many codes differ. */
static void add_partner_tables(report *r) {
    static const char *const of[2] = {"the queries", "the data set"}, *const side[2] = {"images", "texts"};
    const adah_evaluation *e = figures(r);
    adah_text_add(&r->html, "<h2>The own partner</h2>\n<p>Each query ranks the other side of all %zu queries; items at one distance count as "
                  "in random order.</p>\n<table><tr><th>query to answer</th><th>R@1</th><th>R@5</th><th>R@10</th><th>median rank</th></tr>\n",
                  r->evaluations->partners[0].n_queries);
    for (int i = 0; i < 4; i++) {
        const int is_fine = i % 2, from = directions[i / 2].from;
        const adah_partner_measures *m = is_fine ? &e->partners_fine[from] : &e->partners[from],
                                    *d = is_fine ? &r->deviation.partners_fine[from] : &r->deviation.partners[from];
        if (m->recall_at_1 < 0)
            continue;
        adah_text_add(&r->html, "<tr><td>%s%s</td>", directions[i / 2].name, is_fine ? ", fine order" : "");
        add_figure(r, m->recall_at_1, d->recall_at_1);
        add_figure(r, m->recall_at_5, d->recall_at_5);
        add_figure(r, m->recall_at_10, d->recall_at_10);
        add_number(r, m->median_rank, d->median_rank, 1);
        adah_text_add(&r->html, "</tr>\n");
    }
    adah_text_add(&r->html, "</table>\n<h2>Different codes</h2>\n<table><tr><th>of</th><th>records</th><th>different codes</th>"
                  "<th>most on one code</th></tr>\n");
    for (int i = 0; i < 4; i++) {
        const adah_distinct_codes *m = &e->distinct[i / 2][i % 2], *d = &r->deviation.distinct[i / 2][i % 2];
        adah_text_add(&r->html, "<tr><td>%s of %s</td><td>%zu</td>", side[i % 2], of[i / 2], r->evaluations->distinct[i / 2][i % 2].n_items);
        add_number(r, m->n_distinct, d->n_distinct, 0);
        add_number(r, m->n_most, d->n_most, 0);
        adah_text_add(&r->html, "</tr>\n");
    }
    adah_text_add(&r->html, "</table>\n");
}

static void add_map_table(report *r) {
    const adah_evaluation *e = figures(r);
    const size_t k = e->measures[0][0].n_cut;
    adah_text_add(&r->html, "<h2>Mean average precision</h2>\n<table><tr><th>query to answer</th><th>mAP@all</th>"
                  "<th>tie-aware mAP</th><th>mAP@%zu by rank</th><th>NDCG@%zu</th><th>mAP, ties worst to best</th>"
                  "<th>ties of the first 10</th></tr>\n",
                  k, k);
    for (int i = 0; i < 4; i++) {
        const adah_measures *m = measures_of(e, i), *d = measures_of(&r->deviation, i);
        adah_text_add(&r->html, "<tr><td>%s</td>", directions[i].name);
        add_figure(r, m->map, d->map);
        add_figure(r, m->map_tie_aware, d->map_tie_aware);
        add_figure(r, m->map_at_k, d->map_at_k);
        add_figure(r, m->ndcg_at_k, d->ndcg_at_k);
        adah_text_add(&r->html, "<td>%.4f to %.4f</td>", m->map_pessimistic, m->map_optimistic);
        add_number(r, m->ties_in_first_10, d->ties_in_first_10, 1);
        adah_text_add(&r->html, "</tr>\n");
    }
    adah_text_add(&r->html, "</table>\n");
    if (e->masks.iou >= 0)
        adah_text_add(&r->html, "<p>Attention against the true object masks of %zu images: mean IoU %.3f (random mask of the "
                      "same size %.3f), pointing game %.3f (random %.3f).</p>\n",
                      e->masks.n_images, e->masks.iou, e->masks.iou_random, e->masks.pointing_game, e->masks.pointing_game_random);
}

typedef enum curve { CURVE_MICRO, CURVE_MACRO, CURVE_PRECISION, N_CURVES } curve;

/* Points of a curve of one direction of one evaluation; returns their number. */
static size_t read_curve(const adah_measures *m, curve which, double *x, double *y) {
    size_t first = 0, n = m->n_bits + 1;
    const double *recall = which == CURVE_MICRO ? m->recall_micro : m->recall_macro,
                 *precision = which == CURVE_MICRO ? m->precision_micro : m->precision_macro;
    if (which == CURVE_PRECISION) {
        for (size_t i = 0; i < m->n_precision; i++) {
            x[i] = (double)m->precision_at[i];
            y[i] = m->precision[i];
        }
        return m->n_precision;
    }
    n = n < CHART_POINTS_MAX ? n : CHART_POINTS_MAX;
    while (first + 1 < n && recall[first] == 0) /* radii that return nothing have no precision */
        first++;
    memcpy(x, recall + first, (n - first) * sizeof *x);
    memcpy(y, precision + first, (n - first) * sizeof *y);
    return n - first;
}

static void add_curve(adah_chart *chart, const char *name, const adah_measures *m, curve which, double *numbers) {
    double *x = numbers + 2 * chart->n_lines * CHART_POINTS_MAX, *y = x + CHART_POINTS_MAX;
    chart->line[chart->n_lines++] = (adah_chart_line){name, x, y, read_curve(m, which, x, y)};
}

/* One model: a chart with both directions. Several: a chart a direction with a line a model, the first eight of them. */
static void add_retrieval_curves(report *r, curve which, double *numbers) {
    static const char *const title[] = {"Precision-recall by radius (micro)",
                                        "Precision-recall by radius (macro)", "Precision of the first N"};
    char full_title[128], name[ADAH_CHART_LINES_MAX][40];
    const int is_one = r->n_evaluations == 1;
    for (int d = 0; d < (is_one ? 1 : 2); d++) {
        adah_chart chart = {.title = is_one ? title[which] : full_title,
                            .x_name = which == CURVE_PRECISION ? "N" : "recall", .y_name = "precision", .y_low = 0,
                            .y_high = 1};
        snprintf(full_title, sizeof full_title, "%s, %s", title[which], directions[d].name);
        for (int i = 0; i < 2 && is_one; i++)
            add_curve(&chart, directions[i].name, measures_of(r->evaluations, i), which, numbers);
        for (size_t i = 0; i < r->n_evaluations && i < ADAH_CHART_LINES_MAX && !is_one; i++) {
            snprintf(name[i], sizeof name[i], "model %zu, seed %zu", i + 1, r->evaluations[i].seed);
            add_curve(&chart, name[i], measures_of(&r->evaluations[i], d), which, numbers);
        }
        adah_chart_draw(&chart, &r->html);
    }
}

/* One line of the training's history against the epoch. */
static void add_history_line(adah_chart *chart, const json_t *history, const char *name, const char *key, double *numbers) {
    double *x = numbers + 2 * chart->n_lines * CHART_POINTS_MAX, *y = x + CHART_POINTS_MAX;
    size_t n = 0, i;
    json_t *entry;
    double sum = 0;
    json_array_foreach(history, i, entry) {
        const json_t *value = json_object_get(json_object_get(entry, "loss"), key);
        value = value ? value : json_object_get(entry, key);
        if (!value || n == CHART_POINTS_MAX)
            continue;
        x[n] = json_number_value(json_object_get(entry, "epoch"));
        y[n] = json_number_value(value);
        sum += y[n++];
    }
    if (sum != 0)
        chart->line[chart->n_lines++] = (adah_chart_line){name, x, y, n};
}

static void add_history(report *r, double *numbers) {
    json_t *record = json_loads(r->model->state.training, 0, NULL);
    const json_t *history = json_object_get(record, "history");
    adah_chart loss = {.title = "Loss of each term", .x_name = "epoch", .y_name = "loss"};
    const adah_loss *of_method = adah_method_find(r->model->state.config.method)->loss;
    for (int i = 0; of_method && of_method->name(i) && loss.n_lines < ADAH_CHART_LINES_MAX; i++)
        add_history_line(&loss, history, of_method->name(i)->title, of_method->name(i)->key, numbers);
    if (loss.n_lines)
        adah_chart_draw(&loss, &r->html);
    adah_chart map = {.title = "Validation mAP", .x_name = "epoch", .y_name = "mAP", .y_low = 0, .y_high = 1};
    add_history_line(&map, history, "image to text", "validation_map_image_to_text", numbers);
    add_history_line(&map, history, "text to image", "validation_map_text_to_image", numbers);
    if (map.n_lines)
        adah_chart_draw(&map, &r->html);
    json_decref(record);
}

static adah_code add_curves(report *r, adah_status *status) {
    double *numbers = adah_memory_zeroed(2 * ADAH_CHART_LINES_MAX * CHART_POINTS_MAX, sizeof *numbers);
    if (!numbers)
        return adah_fail_memory(status, 2 * ADAH_CHART_LINES_MAX * CHART_POINTS_MAX * sizeof *numbers);
    adah_text_add(&r->html, "<h2>Curves</h2>\n<div class=\"charts\">\n");
    for (curve which = CURVE_MICRO; which < N_CURVES; which++)
        add_retrieval_curves(r, which, numbers);
    add_history(r, numbers);
    adah_text_add(&r->html, "</div>\n");
    adah_memory_free(numbers);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- pictures */

static adah_code add_picture(report *r, adah_picture *picture, adah_status *status) {
    uint8_t *jpeg = NULL;
    size_t n_bytes = 0;
    const adah_code code = adah_image_encode_jpeg(picture, JPEG_QUALITY, &jpeg, &n_bytes, status);
    if (code == ADAH_OK) {
        adah_text_add(&r->html, "<img alt=\"\" src=\"data:image/jpeg;base64,");
        adah_text_add_base64(&r->html, jpeg, n_bytes);
        adah_text_add(&r->html, "\">");
    }
    adah_memory_free(jpeg);
    adah_memory_free(picture->rgb);
    return code;
}

static int takes_pictures(const report *r) { return r->model->state.image.kind == ADAH_INPUT_PIXELS; }

static adah_code add_image_of(report *r, const adah_record *record, int with_mask, adah_status *status) {
    char *path = adah_file_join(adah_dataset_folder(r->dataset), record->file_name);
    adah_picture picture;
    if (!path)
        return adah_fail_memory(status, strlen(record->file_name));
    if (!takes_pictures(r) && !adah_file_exists(path)) { /* a record of given features need not have one */
        adah_text_add_escaped(&r->html, record->file_name);
        adah_memory_free(path);
        return ADAH_OK;
    }
    adah_code code = with_mask ? adah_overlay_make(r->encoder, path, THUMBNAIL_SIDE, &picture, status)
                               : adah_image_load_thumbnail(path, THUMBNAIL_SIDE, &picture, status);
    if (code == ADAH_OK)
        code = add_picture(r, &picture, status);
    adah_memory_free(path);
    return code;
}

static void add_labels(report *r, const adah_record *record) {
    for (size_t i = 0; i < record->n_labels; i++) {
        adah_text_add(&r->html, i ? ", " : " [");
        adah_text_add_escaped(&r->html, adah_dataset_label_name(r->dataset, record->label[i]));
    }
    adah_text_add(&r->html, record->n_labels ? "]" : "");
}

static int share_label(const adah_record *a, const adah_record *b) {
    for (size_t i = 0; i < a->n_labels; i++)
        for (size_t k = 0; k < b->n_labels; k++)
            if (a->label[i] == b->label[k])
                return 1;
    return 0;
}

static const adah_record *record_at(const report *r, size_t position) {
    return adah_dataset_record(r->dataset, r->codes->record[position]);
}

/* The vector that belongs to a code; NULL: there are none. */
static const int8_t *fine_of(const report *r, adah_modality side, size_t position) {
    const int8_t *all = side == ADAH_IMAGE ? r->codes->image_fine : r->codes->text_fine;
    return all ? all + position * r->codes->n_fine[side] : NULL;
}

static int in_fine_order(const void *a, const void *b) {
    const answer *x = a, *y = b;
    if (x->is_held != y->is_held)
        return y->is_held - x->is_held;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->hit.distance != y->hit.distance)
        return x->hit.distance < y->hit.distance ? -1 : 1;
    return x->hit.position < y->hit.position ? -1 : 1;
}

/* Fills the answers, in the order of a search: *n of them, at most n_results. What holds the words that are asked with is first,
 * however near. fine: the vector of the query; of no meaning where codes have none. */
static adah_code find_answers(report *r, const uint8_t *code, const int8_t *fine, adah_modality by, adah_modality to, int is_asked, size_t *n,
                              adah_status *status) {
    const adah_codes *c = r->codes;
    const size_t n_candidates = r->n_candidates[by == to];
    size_t n_kept = 0;
    ADAH_TRY(adah_hamming_nearest(code, r->database_codes[to], r->n_database, c->n_bits, is_asked ? r->n_database : n_candidates, r->hits, n, status));
    for (size_t i = 0; i < *n; i++)
        if (i < n_candidates || r->held[r->hits[i].position])
            r->hits[n_kept++] = r->hits[i];
    *n = n_kept;
    const int is_fine = c->n_fine[by] && c->n_fine[to];
    for (size_t i = 0; i < *n && is_fine; i++)
        r->vector[i] = fine_of(r, to, r->database[r->hits[i].position]);
    if (is_fine)
        adah_fine_scores(fine, c->n_fine[by], r->vector, c->n_fine[to], r->hits, *n, c->n_bits, r->score);
    for (size_t i = 0; i < *n; i++)
        r->answers[i] = (answer){r->hits[i], is_fine ? r->score[i] : 0, is_asked && r->held[r->hits[i].position]};
    qsort(r->answers, *n, sizeof *r->answers, in_fine_order);
    *n = *n < r->options->n_results ? *n : r->options->n_results;
    return ADAH_OK;
}

/* The answers to a code, marked where they share a label with the query's record (NULL: none known). */
static adah_code add_answers(report *r, const uint8_t *code, const int8_t *fine, adah_modality by, adah_modality to, const adah_record *query,
                             adah_status *status) {
    size_t n = 0;
    ADAH_TRY(find_answers(r, code, fine, by, to, by == ADAH_TEXT && !query, &n, status)); /* words that no record asks with */
    for (size_t i = 0; i < n; i++) {
        const adah_record *record = record_at(r, r->database[r->answers[i].hit.position]);
        adah_text_add(&r->html, "<figure%s>", query && share_label(query, record) ? " class=\"ok\"" : "");
        if (to == ADAH_IMAGE)
            ADAH_TRY(add_image_of(r, record, 0, status));
        adah_text_add(&r->html, "<figcaption><span class=\"d\">distance %u</span><br>", (unsigned)r->answers[i].hit.distance);
        adah_text_add_escaped(&r->html, record->text);
        add_labels(r, record);
        adah_text_add(&r->html, "</figcaption></figure>");
    }
    return ADAH_OK;
}

/* Query positions spread evenly over the query records (the database where there are none). */
static size_t spread(const report *r, size_t i, size_t n) {
    return r->n_queries ? r->queries[i * r->n_queries / n] : r->database[i * r->n_database / n];
}

/* own, own_fine: the code of the record's text and its vector, made before. record, own: NULL for words that belong to no record. */
static adah_code add_text_query(report *r, const char *text, const adah_record *record, const uint8_t *own, const int8_t *own_fine,
                                adah_status *status) {
    uint8_t code[ADAH_BITS_MAX / 8];
    adah_status fault = {0};
    const int takes_words = adah_model_takes_text(r->model);
    adah_text_add(&r->html, "<div class=\"q\"><figure class=\"query w\">&ldquo;");
    adah_text_add_escaped(&r->html, text);
    adah_text_add(&r->html, "&rdquo;");
    if (record)
        add_labels(r, record);
    adah_text_add(&r->html, "</figure>");
    if (!record)
        ADAH_TRY(adah_report_find_words(r->dataset, r->database_records, r->n_database, r->model->state.config.language, text, r->held, status));
    const adah_code encoded = own && !takes_words ? ADAH_OK : adah_encode_text(r->encoder, text, code, &fault);
    if (encoded == ADAH_ERROR_NO_KNOWN_WORD || encoded == ADAH_ERROR_MISMATCH)
        adah_text_add(&r->html, takes_words ? "<p>none of these words is known to the model</p>"
                                            : "<p>the model takes texts as features, not as words</p>");
    else if (encoded != ADAH_OK)
        return adah_fail(status, fault.code, "%s", fault.message);
    else
        ADAH_TRY(own && !takes_words ? add_answers(r, own, own_fine, ADAH_TEXT, ADAH_IMAGE, record, status)
                                     : add_answers(r, code, adah_encoder_fine(r->encoder), ADAH_TEXT, ADAH_IMAGE, record, status));
    adah_text_add(&r->html, "</div>\n");
    return ADAH_OK;
}

static adah_code add_text_queries(report *r, adah_status *status) {
    const adah_report_options *o = r->options;
    adah_text_add(&r->html, "<h2>Words find images</h2>\n%s",
                  o->text_queries ? "" : "<p>The words are texts of the data set; an answer with a green line has one of their labels.</p>\n");
    for (size_t i = 0; o->text_queries && i < o->n_text_queries; i++)
        ADAH_TRY(add_text_query(r, o->text_queries[i], NULL, NULL, NULL, status));
    for (size_t i = 0; !o->text_queries && i < o->n_image_queries; i++) {
        const size_t position = spread(r, i, o->n_image_queries);
        const adah_record *record = record_at(r, position);
        ADAH_TRY(add_text_query(r, record->text, record, r->codes->text + position * r->codes->n_bits / 8,
                                fine_of(r, ADAH_TEXT, position), status));
    }
    return ADAH_OK;
}

static adah_code add_image_queries(report *r, adah_status *status) {
    const size_t n = r->options->n_image_queries, code_bytes = r->codes->n_bits / 8;
    const int attends = r->model->state.config.attention && takes_pictures(r);
    adah_text_add(&r->html, "<h2>Images find words, and images</h2>\n<p>An answer with a green line has one of the labels of the "
                  "picture that asks.</p>\n");
    if (attends)
        adah_text_add(&r->html, "<p>Beside each query: the same image with its attention mask; what is dark is not attended."
                      "</p>\n");
    for (size_t i = 0; i < n; i++) {
        const size_t position = spread(r, i, n);
        const adah_record *record = record_at(r, position);
        for (int to = 0; to < 2; to++) {
            adah_text_add(&r->html, "<div class=\"q\"><figure class=\"query\">");
            ADAH_TRY(add_image_of(r, record, attends && to == ADAH_TEXT, status));
            adah_text_add(&r->html, "<figcaption>");
            add_labels(r, record);
            adah_text_add(&r->html, "</figcaption></figure>");
            ADAH_TRY(add_answers(r, r->codes->image + position * code_bytes, fine_of(r, ADAH_IMAGE, position), ADAH_IMAGE, (adah_modality)to,
                                 record, status));
            adah_text_add(&r->html, "</div>\n");
        }
    }
    return ADAH_OK;
}

static adah_code compose(report *r, adah_status *status) {
    const char *title = r->options->title ? r->options->title : "adah";
    adah_text_add(&r->html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                  "content=\"width=device-width\"><title>");
    adah_text_add_escaped(&r->html, title);
    adah_text_add(&r->html, "</title><style>%s</style></head><body>\n<h1>", style);
    adah_text_add_escaped(&r->html, title);
    adah_text_add(&r->html, "</h1>\n");
    ADAH_TRY(add_text_queries(r, status));
    ADAH_TRY(add_image_queries(r, status));
    add_map_table(r);
    add_partner_tables(r);
    ADAH_TRY(add_curves(r, status));
    add_facts(r);
    adah_text_add(&r->html, "</body></html>\n");
    return r->html.failed ? adah_fail_memory(status, r->html.capacity * 2) : ADAH_OK;
}

adah_code adah_report_write(const adah_model *model, const adah_dataset *dataset, const adah_evaluation *evaluations,
                            size_t n_evaluations, const adah_report_options *options, const adah_encode_options *encode_options,
                            const char *html_path, adah_status *status) {
    adah_report_options o;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_REPORT, options, &o, status));
    report r = {.model = model, .dataset = dataset, .evaluations = evaluations, .n_evaluations = n_evaluations, .options = &o};
    if (n_evaluations < 1)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a report of no evaluation");
    adah_code code = n_evaluations > 1 ? adah_evaluate_mean(evaluations, n_evaluations, &r.mean, &r.deviation, status) : ADAH_OK;
    if (code == ADAH_OK)
        code = prepare(&r, encode_options, status);
    if (code == ADAH_OK)
        code = compose(&r, status);
    if (code == ADAH_OK)
        code = adah_file_publish_of_kind(html_path, r.html.bytes, r.html.n_bytes, status);
    report_free(&r);
    return code;
}
