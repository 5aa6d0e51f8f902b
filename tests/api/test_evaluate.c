/* (unit) adah_evaluate_codes on two small data sets worked out by hand, and adah_evaluate_mean. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "data_folder.h"

#include <adah/adah.h>
#include <jansson.h>
#include <math.h>

#define ASSERT_CLOSE(a, b)                                                                                           \
    do {                                                                                                             \
        const double a_ = (a), b_ = (b);                                                                             \
        if (!(fabs(a_ - b_) < 1e-12))                                                                                \
            fail_msg("%s:%d: %s is %.15g, expected %.15g", __FILE__, __LINE__, #a, a_, b_);                          \
    } while (0)

/* The database: codes at distance 0, 1, 2, 3 and 4 from 0; the last record is a query. */
static uint8_t database_code[5] = {0x00, 0x01, 0x03, 0x07, 0x0f};
static size_t database_record[5] = {0, 1, 2, 3, 4};
static adah_codes database_codes = {.n = 5, .n_bits = 8, .image = database_code, .text = database_code,
                                    .record = database_record};
/* The queries, all with code 0. */
static uint8_t query_code[4] = {0, 0, 0, 0};
static adah_codes query_codes = {.n = 4, .n_bits = 8, .image = query_code, .text = query_code, .record = database_record};

static temporary_folder folder, query_folder;
static adah_dataset *database, *queries;

static adah_dataset *open_folder(const temporary_folder *f) {
    adah_dataset *dataset = NULL;
    adah_status status = {0};
    if (adah_dataset_open(f->path, NULL, &dataset, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return dataset;
}

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    query_folder = temporary_folder_create();
    data_folder_put(folder.path, "metadata.jsonl",
                    "{\"file_name\": \"a.png\", \"labels\": [\"cat\"]}\n"
                    "{\"file_name\": \"b.png\", \"labels\": [\"dog\"]}\n"
                    "{\"file_name\": \"c.png\", \"labels\": [\"cat\", \"dog\"]}\n"
                    "{\"file_name\": \"d.png\", \"labels\": [\"bird\"]}\n"
                    "{\"file_name\": \"e.png\", \"labels\": [\"dog\"], \"split\": \"query\"}\n");
    /* The labels come in another order and one is unknown to the database. Records named as in the database: a.png is the
     * same file, b.png another one, e.png the same but no part of the database. */
    data_folder_put(query_folder.path, "metadata.jsonl",
                    "{\"file_name\": \"x.png\", \"labels\": [\"fish\"]}\n"
                    "{\"file_name\": \"e.png\", \"labels\": [\"dog\", \"fish\"]}\n"
                    "{\"file_name\": \"a.png\", \"labels\": [\"cat\"]}\n"
                    "{\"file_name\": \"b.png\", \"labels\": [\"cat\"]}\n");
    data_folder_put(folder.path, "a.png", "picture a");
    data_folder_put(query_folder.path, "a.png", "picture a");
    data_folder_put(folder.path, "b.png", "picture b");
    data_folder_put(query_folder.path, "b.png", "PICTURE B");
    data_folder_put(folder.path, "e.png", "picture e");
    data_folder_put(query_folder.path, "e.png", "picture e");
    database = open_folder(&folder);
    queries = open_folder(&query_folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    adah_dataset_close(database);
    adah_dataset_close(queries);
    data_folder_remove(&folder);
    data_folder_remove(&query_folder);
    return 0;
}

static json_t *evaluate(const adah_codes *of_queries, const adah_evaluate_options *options) {
    char *text = NULL;
    adah_evaluation evaluation;
    adah_status status = {0};
    if (adah_evaluate_codes(database, &database_codes, of_queries, options, &evaluation, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(adah_evaluation_json(&evaluation, 1, &text, NULL), ADAH_OK);
    adah_evaluation_free(&evaluation);
    json_t *json = json_loads(text, 0, NULL);
    assert_true(json_is_object(json));
    adah_free(text);
    return json;
}

static double real_at(const json_t *o, const char *key) {
    const json_t *value = json_object_get(o, key);
    assert_true(json_is_real(value));
    return json_real_value(value);
}

static long long count_at(const json_t *o, const char *key) {
    const json_t *value = json_object_get(o, key);
    assert_true(json_is_integer(value));
    return (long long)json_integer_value(value);
}

static void check_partners(const json_t *json, long long n, double at_1, double at_5, double at_10, double median_rank) {
    static const char *const direction[] = {"image_to_text", "text_to_image"};
    const json_t *partners = json_object_get(json, "own_partner");
    assert_int_equal(count_at(partners, "n_queries"), n);
    for (int i = 0; i < 2; i++) {
        const json_t *of = json_object_get(partners, direction[i]);
        ASSERT_CLOSE(real_at(of, "recall_at_1"), at_1);
        ASSERT_CLOSE(real_at(of, "recall_at_5"), at_5);
        ASSERT_CLOSE(real_at(of, "recall_at_10"), at_10);
        ASSERT_CLOSE(real_at(of, "median_rank"), median_rank);
    }
}

static void check_distinct(const json_t *json, const char *of, long long n, double n_distinct, double n_most) {
    static const char *const side[] = {"image", "text"};
    const json_t *codes = json_object_get(json_object_get(json, "distinct_codes"), of);
    assert_int_equal(count_at(codes, "n_items"), n);
    for (int i = 0; i < 2; i++) {
        ASSERT_CLOSE(real_at(json_object_get(codes, side[i]), "n_distinct"), n_distinct);
        ASSERT_CLOSE(real_at(json_object_get(codes, side[i]), "n_most"), n_most);
    }
}

static void one_set(void **state) {
    (void)state;
    /* The query ranks d c b a: dog at 2 and 3. */
    json_t *json = evaluate(NULL, NULL);
    static const char *const map[] = {"map_image_to_text", "map_text_to_image", "map_image_to_image", "map_text_to_text"};
    for (int i = 0; i < 4; i++)
        ASSERT_CLOSE(real_at(json, map[i]), (1.0 / 2 + 2.0 / 3) / 2);
    assert_int_equal(count_at(json, "n_queries"), 1);
    assert_int_equal(count_at(json, "n_queries_without_relevant"), 0);
    assert_int_equal(count_at(json, "n_queries_in_database"), 0);
    assert_int_equal(count_at(json, "n_database"), 4);
    assert_int_equal(count_at(json, "n_bits"), 8);
    check_partners(json, 1, 1, 1, 1, 1);
    check_distinct(json, "queries", 1, 1, 1);
    check_distinct(json, "data", 5, 5, 1);
    ASSERT_CLOSE(real_at(json_object_get(json, "image_to_text"), "ties_in_first_10"), 0.0);
    assert_string_equal(json_string_value(json_object_get(json, "relevance")), "labels");
    char checksum[33];
    assert_int_equal(adah_dataset_split_checksum(database, checksum, NULL), ADAH_OK);
    assert_string_equal(json_string_value(json_object_get(json, "split_checksum")), checksum);
    assert_null(json_object_get(json, "queries_split_checksum"));
    json_decref(json);
}

static void a_split_that_is_none(void **state) {
    (void)state;
    adah_evaluate_options options;
    adah_evaluation none;
    adah_status status;
    adah_evaluate_options_init(&options);
    options.split = (adah_split)9;
    assert_int_equal(adah_evaluate_codes(database, &database_codes, NULL, &options, &none, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "the split 9"));
}

/* One code a pair: the texts' numbers are the larger ones and turn every image's; they put b and c next to the query. */
static void codes_of_pairs(void **state) {
    (void)state;
    enum { N = 5, Q = 8 };
    static const uint8_t wanted[N] = {0xf0, 0x0f, 0x0f, 0xf0, 0x0f};
    float image[N * Q], text[N * Q];
    for (size_t i = 0; i < N * Q; i++) {
        text[i] = wanted[i / Q] >> (i % Q) & 1 ? 2.0f : -2.0f;
        image[i] = -text[i] / 4;
    }
    adah_evaluate_options options;
    adah_evaluate_options_init(&options);
    options.pairs = 1;
    adah_evaluation none;
    assert_int_equal(adah_evaluate_codes(database, &database_codes, NULL, &options, &none, NULL), ADAH_ERROR_ARGUMENT);
    const adah_codes signs = database_codes;
    database_codes.image_real = image;
    database_codes.text_real = text;
    json_t *json = evaluate(NULL, &options);
    database_codes = signs;
    ASSERT_CLOSE(real_at(json, "map_image_to_pair"), 1.0);
    ASSERT_CLOSE(real_at(json, "map_text_to_pair"), 1.0);
    ASSERT_CLOSE(real_at(json, "map_image_to_text"), (1.0 / 2 + 2.0 / 3) / 2);
    assert_null(json_object_get(json_object_get(json, "image_to_text"), "map_real")); /* not asked for */
    json_decref(json);
}

static void a_training_record_is_no_answer_to_itself(void **state) {
    (void)state;
    adah_evaluate_options options;
    adah_evaluate_options_init(&options);
    options.split = ADAH_SPLIT_TRAIN;
    json_t *json = evaluate(NULL, &options);
    /* a: b c d, cat at 2. b: a c d (a and c tie), dog at 2. c: b d a (b and d tie), cat and dog at 1 and 3. d: none. */
    ASSERT_CLOSE(real_at(json, "map_image_to_text"), (1.0 / 2 + 1.0 / 2 + (1 + 2.0 / 3) / 2) / 3);
    assert_int_equal(count_at(json, "n_queries"), 3);
    assert_int_equal(count_at(json, "n_queries_without_relevant"), 1);
    assert_int_equal(count_at(json, "n_queries_in_database"), 4);
    /* Codes in any order: the positions are theirs. */
    uint8_t turned[5] = {0x0f, 0x07, 0x03, 0x01, 0x00};
    size_t record[5] = {4, 3, 2, 1, 0};
    const adah_codes forward = database_codes;
    database_codes.image = database_codes.text = turned;
    database_codes.record = record;
    json_t *again = evaluate(NULL, &options);
    database_codes = forward;
    /* b: c before a now, dog at 1. c: d before b, so 2 and 3. */
    ASSERT_CLOSE(real_at(again, "map_image_to_text"), (1.0 / 2 + 1 + (1.0 / 2 + 2.0 / 3) / 2) / 3);
    assert_int_equal(count_at(again, "n_queries_in_database"), 4);
    json_decref(json);
    json_decref(again);
}

static void queries_of_another_set(void **state) {
    (void)state;
    adah_evaluate_options options;
    adah_evaluate_options_init(&options);
    options.queries = queries;
    json_t *json = evaluate(&query_codes, &options);
    /* x: nothing has its label. e: a b c d, dog at 2 and 3. a: without itself b c d, cat at 2. b: a b c d, cat at 1 and 3. */
    ASSERT_CLOSE(real_at(json, "map_image_to_text"), ((1.0 / 2 + 2.0 / 3) / 2 + 1.0 / 2 + (1 + 2.0 / 3) / 2) / 3);
    assert_int_equal(count_at(json, "n_queries"), 3);
    assert_int_equal(count_at(json, "n_queries_without_relevant"), 1);
    assert_int_equal(count_at(json, "n_queries_in_database"), 1);
    assert_int_equal(count_at(json, "n_database"), 4);
    check_partners(json, 4, 1.0 / 4, 1, 1, 2.5); /* all four tie */
    check_distinct(json, "queries", 4, 1, 4);
    check_distinct(json, "data", 5, 5, 1);
    char checksum[33];
    assert_int_equal(adah_dataset_split_checksum(queries, checksum, NULL), ADAH_OK);
    assert_string_equal(json_string_value(json_object_get(json, "queries_split_checksum")), checksum);
    assert_string_equal(json_string_value(json_object_get(json, "queries")), query_folder.path);
    json_decref(json);
}

/* As train records, with an image that two of five share and a text that is everybody's. The training set is the queries. */
static void own_partners_and_ties(void **state) {
    (void)state;
    uint8_t image[5] = {0x00, 0x00, 0x03, 0x07, 0x0f}, text[5] = {0, 0, 0, 0, 0};
    adah_codes codes = database_codes;
    codes.image = image;
    codes.text = text;
    adah_evaluate_options options;
    adah_evaluation e;
    adah_evaluate_options_init(&options);
    options.split = ADAH_SPLIT_TRAIN;
    assert_int_equal(adah_evaluate_codes(database, &codes, NULL, &options, &e, NULL), ADAH_OK);
    const adah_partner_measures *of_image = &e.partners[ADAH_IMAGE], *of_text = &e.partners[ADAH_TEXT];
    assert_int_equal(of_image->n_queries, 4); /* d has no relevant item, and still a partner */
    assert_int_equal(e.n_queries, 3);
    ASSERT_CLOSE(of_image->recall_at_1, 1.0 / 4); /* every text ties */
    ASSERT_CLOSE(of_image->median_rank, 2.5);
    ASSERT_CLOSE(of_text->recall_at_1, (1.0 / 2 + 1.0 / 2) / 4); /* a and b tie; c and d are third and fourth */
    ASSERT_CLOSE(of_text->recall_at_5, 1.0);
    ASSERT_CLOSE(of_text->median_rank, (1.5 + 3) / 2);
    /* A query is no answer to itself: three answers. Images: a sees b, c and d apart, as b does a; c and d see a and b tie. */
    ASSERT_CLOSE(e.measures[ADAH_IMAGE][ADAH_IMAGE].ties_in_first_10, (0.0 + 0 + 2 + 2) / 4);
    ASSERT_CLOSE(e.measures[ADAH_IMAGE][ADAH_TEXT].ties_in_first_10, 3.0);
    ASSERT_CLOSE(e.distinct[0][ADAH_IMAGE].n_distinct, 3.0);
    ASSERT_CLOSE(e.distinct[0][ADAH_TEXT].n_distinct, 1.0);
    ASSERT_CLOSE(e.distinct[1][ADAH_IMAGE].n_distinct, 4.0);
    ASSERT_CLOSE(e.distinct[1][ADAH_IMAGE].n_most, 2.0);
    ASSERT_CLOSE(e.distinct[1][ADAH_TEXT].n_most, 5.0);
    assert_int_equal(e.distinct[0][ADAH_IMAGE].n_items, 4);
    assert_int_equal(e.distinct[1][ADAH_IMAGE].n_items, 5);
    assert_true(e.partners_fine[ADAH_IMAGE].recall_at_1 < 0); /* there are no vectors for it */
    adah_evaluation_free(&e);
    /* Vectors that know every partner but the last. */
    enum { N_FINE = 8 };
    int8_t image_fine[5 * N_FINE] = {0}, text_fine[5 * N_FINE] = {0};
    for (size_t i = 0; i < 5; i++) {
        image_fine[i * N_FINE + i] = 100;
        text_fine[i * N_FINE + (i < 3 ? i : 0)] = 3;
    }
    codes.n_fine[ADAH_IMAGE] = codes.n_fine[ADAH_TEXT] = N_FINE;
    codes.image_fine = image_fine;
    codes.text_fine = text_fine;
    assert_int_equal(adah_evaluate_codes(database, &codes, NULL, &options, &e, NULL), ADAH_OK);
    assert_int_equal(e.partners_fine[ADAH_TEXT].n_queries, 4);
    ASSERT_CLOSE(e.partners_fine[ADAH_TEXT].recall_at_1, 3.0 / 4); /* d sees a first, then b and c by their distance, then itself */
    ASSERT_CLOSE(e.partners_fine[ADAH_TEXT].median_rank, 1.0);
    ASSERT_CLOSE(e.partners_fine[ADAH_IMAGE].recall_at_1, (1.0 / 2 + 1 + 1 + 1.0 / 4) / 4); /* a sees two; d sees all alike */
    ASSERT_CLOSE(e.partners[ADAH_TEXT].recall_at_1, 1.0 / 4);
    adah_evaluation_free(&e);
}

/* Pairs alone: a query has one relevant item, its partner. */
static void a_set_without_labels(void **state) {
    (void)state;
    const temporary_folder unlabelled = temporary_folder_create();
    data_folder_put(unlabelled.path, "metadata.jsonl",
                    "{\"file_name\": \"a.png\", \"text\": \"a\"}\n"
                    "{\"file_name\": \"b.png\", \"text\": \"b\", \"split\": \"query\"}\n"
                    "{\"file_name\": \"c.png\", \"text\": \"c\", \"split\": \"query\"}\n");
    adah_dataset *pairs = open_folder(&unlabelled);
    uint8_t image[3] = {0x00, 0x01, 0x03}, text[3] = {0x00, 0x03, 0x03};
    const adah_codes codes = {.n = 3, .n_bits = 8, .image = image, .text = text, .record = database_record};
    adah_evaluation e;
    adah_status status = {0};
    if (adah_evaluate_codes(pairs, &codes, NULL, NULL, &e, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_string_equal(e.relevance, "pairs");
    assert_int_equal(e.n_queries, 2);
    assert_int_equal(e.n_database, 2);
    /* b ranks c's image before its own, c finds its own; the texts tie. */
    ASSERT_CLOSE(e.partners[ADAH_TEXT].recall_at_1, 1.0 / 2);
    ASSERT_CLOSE(e.partners[ADAH_TEXT].median_rank, 1.5);
    ASSERT_CLOSE(e.partners[ADAH_IMAGE].recall_at_1, 1.0 / 2);
    ASSERT_CLOSE(e.measures[ADAH_TEXT][ADAH_IMAGE].map, (1.0 / 2 + 1) / 2);
    adah_evaluation_free(&e);
    adah_dataset_close(pairs);
    temporary_folder gone = unlabelled;
    data_folder_remove(&gone);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    adah_evaluate_options options;
    adah_evaluate_options_init(&options);
    options.queries = queries;
    for (uint64_t n = 1;; n++) {
        adah_evaluation evaluation = {0};
        adah_memory_fault_at(n);
        const adah_code code = adah_evaluate_codes(database, &database_codes, &query_codes, &options, &evaluation, NULL);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 60);
            adah_evaluation_free(&evaluation);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_null(evaluation.data);
    }
}

/* ---------------------------------------------------------------- several */

enum { N_BITS = 8 };
static adah_evaluation three[3];

/* Evaluations by three seeds: mAP .5, .25 and .75, and a curve that begins with 0, .5 and 1. */
static int make_three(void **state) {
    (void)state;
    static double radius[3][4][4 * (N_BITS + 1)];
    static const double map[3] = {0.5, 0.25, 0.75};
    for (size_t i = 0; i < 3; i++) {
        three[i] = (adah_evaluation){.preset = "default",
                                     .seed = i,
                                     .data = "photos",
                                     .split_checksum = "ab",
                                     .split = ADAH_SPLIT_QUERY,
                                     .relevance = "labels",
                                     .left_out = "",
                                     .records_bad = "one\ntwo",
                                     .n_records_bad = 2,
                                     .n_bits = N_BITS,
                                     .map_real = {{0.5, -1}, {-1, -1}},
                                     .map_to_pair = {i == 1 ? -1 : 0.5, -1},
                                     .masks = {0, -1, -1, -1, -1},
                                     .partners = {{9, map[i], 0, 0, 7}, {9, 0, 0, 1, (double)i}},
                                     .partners_fine = {{9, i == 1 ? -1 : 0.5, 0, 0, 1}, {9, map[i], 0, 0, 1}},
                                     .distinct = {{{9, 8, (double)i}}, {{20 + i, 8, 2}}}};
        for (int d = 0; d < 4; d++) {
            double *r = radius[i][d];
            r[0] = (double)i / 2;
            r[1] = 1;
            three[i].measures[d / 2][d % 2] = (adah_measures){.n_bits = N_BITS, .map = map[i], .n_cut = 50, .n_precision = 1, .precision_at = {1},
                                                      .precision = {i == 0 ? 1 : i == 1 ? 0 : 0.5}, .precision_micro = r,
                                                      .recall_micro = r + N_BITS + 1, .precision_macro = r + 2 * (N_BITS + 1),
                                                      .recall_macro = r + 3 * (N_BITS + 1)};
        }
    }
    return 0;
}

static void mean_and_deviation(void **state) {
    (void)state;
    adah_evaluation mean, deviation;
    assert_int_equal(adah_evaluate_mean(three, 3, &mean, &deviation, NULL), ADAH_OK);
    for (int d = 0; d < 4; d++) {
        const adah_measures *m = &mean.measures[d / 2][d % 2], *v = &deviation.measures[d / 2][d % 2];
        /* .5 .25 .75: mean .5, deviation sqrt((0 + 1/16 + 1/16) / 2) */
        ASSERT_CLOSE(m->map, 0.5);
        ASSERT_CLOSE(v->map, 0.25);
        ASSERT_CLOSE(m->precision_micro[0], 0.5);
        ASSERT_CLOSE(v->precision_micro[0], 0.5);
        ASSERT_CLOSE(m->precision_micro[1], 1.0);
        ASSERT_CLOSE(v->precision_micro[1], 0.0);
        ASSERT_CLOSE(m->recall_macro[N_BITS], 0.0);
        ASSERT_CLOSE(m->precision[0], 0.5);
        ASSERT_CLOSE(v->precision[0], 0.5);
        assert_int_equal(m->n_cut, 50);
        assert_int_equal(m->n_precision, 1);
        assert_int_equal(m->precision_at[0], 1);
    }
    ASSERT_CLOSE(mean.map_real[0][0], 0.5);
    assert_true(mean.map_real[0][1] < 0 && deviation.map_real[1][1] < 0); /* none has it */
    assert_true(mean.map_to_pair[0] < 0 && deviation.map_to_pair[0] < 0); /* one lacks it */
    assert_true(mean.masks.iou < 0);
    ASSERT_CLOSE(mean.partners[0].recall_at_1, 0.5);
    ASSERT_CLOSE(deviation.partners[0].recall_at_1, 0.25);
    ASSERT_CLOSE(mean.partners[1].median_rank, 1.0);
    assert_true(mean.partners_fine[0].recall_at_1 < 0); /* one lacks it */
    ASSERT_CLOSE(deviation.partners_fine[1].recall_at_1, 0.25);
    ASSERT_CLOSE(deviation.partners[1].median_rank, 1.0);
    ASSERT_CLOSE(mean.distinct[0][0].n_most, 1.0);
    ASSERT_CLOSE(deviation.distinct[0][0].n_distinct, 0.0);
    assert_int_equal(mean.partners[0].n_queries, 9);
    assert_int_equal(mean.distinct[0][0].n_items, 9);
    assert_true(mean.distinct[1][0].n_items == ADAH_UNKNOWN);
    assert_string_equal(mean.preset, "default");
    assert_string_equal(deviation.records_bad, "one\ntwo");
    assert_null(mean.model);
    assert_int_equal(mean.n_records_bad, 2);
    assert_int_equal(mean.n_bits, N_BITS);
    assert_true(mean.seed == ADAH_UNKNOWN && deviation.seed == ADAH_UNKNOWN); /* they differ */
    adah_evaluation_free(&mean);
    adah_evaluation_free(&deviation);
    adah_evaluation_free(&mean); /* zeroed */
}

static void several_as_json(void **state) {
    (void)state;
    char *text = NULL;
    assert_int_equal(adah_evaluation_json(three, 3, &text, NULL), ADAH_OK);
    json_t *json = json_loads(text, 0, NULL);
    adah_free(text);
    const json_t *models = json_object_get(json, "models"), *mean = json_object_get(json, "mean"),
                 *deviation = json_object_get(json, "deviation");
    assert_int_equal(json_object_size(json), 3);
    assert_int_equal(json_array_size(models), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(adah_evaluation_json(&three[i], 1, &text, NULL), ADAH_OK);
        json_t *one = json_loads(text, 0, NULL);
        adah_free(text);
        assert_true(json_equal(json_array_get(models, i), one));
        assert_int_equal(count_at(one, "seed"), i);
        json_decref(one);
    }
    ASSERT_CLOSE(real_at(mean, "map_text_to_image"), 0.5);
    ASSERT_CLOSE(real_at(deviation, "map_text_to_image"), 0.25);
    const json_t *direction = json_object_get(mean, "image_to_text");
    assert_int_equal(count_at(direction, "k"), 50);
    json_t *expected = json_loads("[{\"n\": 1, \"precision\": 0.5}]", 0, NULL);
    assert_true(json_equal(json_object_get(direction, "precision_at_n"), expected));
    json_decref(expected);
    const json_t *curve = json_object_get(json_object_get(direction, "by_hamming_radius"), "precision_micro");
    assert_int_equal(json_array_size(curve), N_BITS + 1);
    ASSERT_CLOSE(json_real_value(json_array_get(curve, 0)), 0.5);
    ASSERT_CLOSE(real_at(json_object_get(mean, "image_to_image"), "map_real"), 0.5);
    assert_null(json_object_get(direction, "map_real"));
    assert_null(json_object_get(mean, "map_image_to_pair"));
    assert_non_null(json_object_get(json_array_get(models, 0), "map_image_to_pair"));
    assert_null(json_object_get(mean, "attention_masks"));
    assert_null(json_object_get(mean, "seed"));
    assert_null(json_object_get(mean, "queries"));
    assert_string_equal(json_string_value(json_object_get(deviation, "preset")), "default");
    expected = json_loads("[\"one\", \"two\"]", 0, NULL);
    assert_true(json_equal(json_object_get(mean, "records_bad"), expected));
    json_decref(expected);
    json_decref(json);
}

static void expect_no_mean(size_t n, adah_code code, const char *words) {
    adah_evaluation mean = {.n_bits = 7}, deviation = {.n_bits = 7};
    char *text = NULL;
    adah_status status = {0};
    assert_int_equal(adah_evaluate_mean(three, n, &mean, &deviation, &status), code);
    assert_true(mean.n_bits == 7 && deviation.n_bits == 7);
    if (!strstr(status.message, words))
        fail_msg("\"%s\" does not hold \"%s\"", status.message, words);
    if (n != 1)
        assert_int_equal(adah_evaluation_json(three, n, &text, NULL), code);
    assert_null(text);
}

static void means_that_mean_nothing(void **state) {
    (void)state;
    const adah_evaluation good = three[2];
    expect_no_mean(1, ADAH_ERROR_ARGUMENT, "a mean of 1 evaluations, expected at least 2");
    expect_no_mean(0, ADAH_ERROR_ARGUMENT, "a mean of 0 evaluations, expected at least 2");
    three[2].n_bits = 16;
    expect_no_mean(3, ADAH_ERROR_MISMATCH, "evaluation 3 and the first differ in n_bits");
    three[2] = good;
    three[2].split_checksum = "cd";
    expect_no_mean(3, ADAH_ERROR_MISMATCH, "evaluation 3 and the first differ in split_checksum");
    three[2] = good;
    three[2].queries_split_checksum = "cd";
    expect_no_mean(3, ADAH_ERROR_MISMATCH, "evaluation 3 and the first differ in queries_split_checksum");
    three[2] = good;
    three[2].split = ADAH_SPLIT_TRAIN;
    expect_no_mean(3, ADAH_ERROR_MISMATCH, "evaluation 3 and the first differ in split");
    three[2] = good;
    three[2].relevance = "words";
    expect_no_mean(3, ADAH_ERROR_MISMATCH, "evaluation 3 and the first differ in relevance");
    three[2] = good;
}

static void a_mean_may_run_out_of_memory(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        char *text = NULL;
        adah_memory_fault_at(n);
        const adah_code code = adah_evaluation_json(three, 3, &text, NULL);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 10);
            adah_free(text);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_null(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_set),
        cmocka_unit_test(a_split_that_is_none),
        cmocka_unit_test(codes_of_pairs),
        cmocka_unit_test(a_training_record_is_no_answer_to_itself),
        cmocka_unit_test(queries_of_another_set),
        cmocka_unit_test(own_partners_and_ties),
        cmocka_unit_test(a_set_without_labels),
        cmocka_unit_test(every_allocation_may_fail),
    };
    const struct CMUnitTest of_several[] = {
        cmocka_unit_test(mean_and_deviation),
        cmocka_unit_test(several_as_json),
        cmocka_unit_test(means_that_mean_nothing),
        cmocka_unit_test(a_mean_may_run_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) + cmocka_run_group_tests(of_several, make_three, NULL);
}
