/* eval.h - how good the codes of a model are: measures, and a report to look at. Part of adah.h. */
#ifndef ADAH_EVAL_H
#define ADAH_EVAL_H

#include "train.h"

ADAH_BEGIN

/* ---------------------------------------------------------------- evaluation */

typedef struct adah_evaluate_options {
    size_t size; /* of this struct */
    const adah_dataset *queries; /* NULL: queries come from the same data set */
    adah_split split;            /* which records are queries; QUERY. With TRAIN a query is left out of its own results */
    size_t n_cut;                /* k of AP@k and NDCG@k; 0: 50 */
    int real;                    /* adah_evaluate: 1: also mAP of the real-valued codes by cosine; `codes` must hold them */
    int pairs;                   /* adah_evaluate: 1: also mAP against one code a pair, the sign of its image's and its text's
                                    real-valued codes added up; `codes` must hold them */
    const adah_codes *codes;     /* adah_evaluate: those of `dataset`, when the model has encoded it before; NULL: not yet */
} adah_evaluate_options;
static inline void adah_evaluate_options_init(adah_evaluate_options *options) {
    adah_options_init(ADAH_OPTIONS_EVALUATE, options, sizeof *options);
}

/* Measures of one direction: queries of one side against the database's codes of one side. Without any query that counts all means are 0. */
enum { ADAH_PRECISION_POINTS_MAX = 32 };
typedef struct adah_measures {
    size_t n_queries;            /* with at least one relevant item; the means are over these */
    size_t n_queries_left_out;   /* without */
    size_t n_database, n_bits;
    double map;                  /* mAP@all, order (distance, position) */
    double map_tie_aware, map_optimistic, map_pessimistic;
    size_t n_cut;                /* k */
    double map_at_k;             /* AP@k by rank: denominator the relevant within the first k */
    double map_first_k_relevant; /* compatibility: over the first k relevant items */
    double ndcg_at_k;            /* gain 2^(shared labels) - 1, tie-aware */
    double ties_in_first_10;     /* of the first 10 places, how many are held by an item whose distance another item of the database
                                    shares, so that which of them stands there is arbitrary; the mean over all queries */
    size_t n_precision;          /* precision@N for N = 1, 5, 10, 50, 100, then 200 .. 10,000 (200 apart up to 1,000, then 500),
                                    as far as every query ranks so many items */
    size_t precision_at[ADAH_PRECISION_POINTS_MAX];
    double precision[ADAH_PRECISION_POINTS_MAX];
    /* by Hamming radius 0..n_bits over the n_queries: arrays of n_bits + 1. micro: counts pooled; macro: mean per query, where precision is
     * 0 when nothing is returned */
    double *precision_micro, *recall_micro, *precision_macro, *recall_macro;
} adah_measures;

/* How far up queries find their own partners: each of the queries ranks the other side of all of them, by distance. Items at one distance
 * count as in random order: a recall is the mean chance that the partner is among the first, a rank the mean rank, from 1. */
typedef struct adah_partner_measures {
    size_t n_queries;            /* with or without relevant items */
    double recall_at_1, recall_at_5, recall_at_10;
    double median_rank;          /* 0: no queries */
} adah_partner_measures;

/* How many different codes items have. Numbers of one evaluation are whole, those of a mean need not be. */
typedef struct adah_distinct_codes {
    size_t n_items;
    double n_distinct;
    double n_most;               /* items on the code that most of them share */
} adah_distinct_codes;

/* Attention masks against the true ones of a data set. */
typedef struct adah_mask_means {
    size_t n_images; /* records of the split with an image and a true mask; 0: the data set has no masks, or the model no attention, and
                        all are negative */
    double iou, iou_random, pointing_game, pointing_game_random;
} adah_mask_means;

/* What was evaluated and found: docs/guide/evaluate.md. Of codes alone, model and what is told of it are NULL and ADAH_UNKNOWN; so is in a mean
 * what its models do not agree in. */
#define ADAH_UNKNOWN SIZE_MAX
typedef struct adah_evaluation {
    const char *model, *preset, *method, *backbone; /* model: adah_model_id */
    size_t seed, n_images_unreadable;
    const char *data, *split_checksum;        /* the folder; adah_dataset_records_checksum of the records that have codes */
    const char *queries, *queries_split_checksum; /* NULL: queries come from `data` */
    adah_split split;
    const char *relevance;                    /* "labels", "words" or "pairs" */
    size_t n_queries_in_database;             /* which are left out of their own results */
    size_t n_queries_left_out, n_database_left_out; /* they have no code */
    const char *left_out;                     /* why the first few have none, a line each */
    size_t n_records_bad;
    const char *records_bad;                  /* why the first few are, a line each */
    size_t n_queries, n_queries_without_relevant, n_database, n_bits;
    adah_measures measures[2][2];             /* by the modality of the query, then of the answer */
    double map_real[2][2];                    /* of the real-valued codes by cosine; negative: not asked for */
    double map_to_pair[2];                    /* against one code a pair; negative: not asked for */
    adah_mask_means masks;
    adah_partner_measures partners[2];        /* by the modality of the query */
    adah_partner_measures partners_fine[2];   /* in the fine order, as a search for 10 gives it; negative: the codes have no vectors */
    adah_distinct_codes distinct[2][2];       /* of the queries, of all records of `data` that have codes; by modality */
} adah_evaluation;
void adah_evaluation_free(adah_evaluation *evaluation); /* zeroes it; fine on a zeroed one */

/* Measures in the four directions; *evaluation is freed with adah_evaluation_free. Database: the train and database
 * records of `dataset`. With other `queries`: their records of `split`, or all where none is of that split; labels are
 * matched by name, and a query whose image file is in the database too (same name, same bytes) is left out of its own
 * results. Relevance: shared labels; where no query has labels, as the model was trained ("words" or "pairs"), and of codes alone
 * "pairs". */
adah_code adah_evaluate(const adah_model *model, const adah_dataset *dataset, const adah_evaluate_options *options,
                        const adah_encode_options *encode_options, adah_progress progress, adah_evaluation *evaluation,
                        adah_status *status);
/* The same from codes made before. query_codes NULL: the same codes. */
adah_code adah_evaluate_codes(const adah_dataset *dataset, const adah_codes *codes, const adah_codes *query_codes,
                              const adah_evaluate_options *options, adah_evaluation *evaluation, adah_status *status);
/* Mean and sample standard deviation of every measure of n >= 2 evaluations of one data set, by models that differ in seed say. Both are
 * freed with adah_evaluation_free. ADAH_ERROR_MISMATCH: of other data, queries, relevance or length of codes. */
adah_code adah_evaluate_mean(const adah_evaluation *evaluations, size_t n, adah_evaluation *mean, adah_evaluation *deviation,
                             adah_status *status);
/* As a JSON object (adah_free); several with "models", which lists them, "mean" and "deviation", which have the form of each. */
adah_code adah_evaluation_json(const adah_evaluation *evaluations, size_t n, char **json, adah_status *status);

/* ---------------------------------------------------------------- codes in memory */

/* Codes of any program with the labels of each: labels of item i are label[label_start[i] .. label_start[i + 1] - 1], ascending without
 * repeats, at most 65,535. Label numbers may be anything. An empty set needs no arrays. */
typedef struct adah_coded_set {
    size_t n;
    const uint8_t *codes;        /* n * n_bits / 8 */
    const uint32_t *label;
    const size_t *label_start;   /* n + 1 */
} adah_coded_set;
/* All measures of one direction; relevant: query and item share at least one label. n_cut: k of AP@k and NDCG@k; 0: 50. leave_out: per query
 * the database position that is the query itself, SIZE_MAX: none; NULL: none. Without any query that counts, every mean is 0. */
adah_code adah_measures_compute(adah_coded_set queries, adah_coded_set database, size_t n_bits, size_t n_cut, const size_t *leave_out,
                                adah_measures *measures, adah_status *status);
void adah_measures_free(adah_measures *measures); /* fine on a zeroed one, and twice */

/* Queries, or what they rank: item i of these is the partner of query i. */
typedef struct adah_partner_side {
    const uint8_t *codes; /* one after another */
    const int8_t *fine;   /* n_fine values each, for the fine order; compared over as many as both sides have */
    size_t n_fine;
} adah_partner_side;
/* How far up queries find their own partners. with_fine 0: by distance alone. Otherwise as a search for 10 of the other kind ranks: the items
 * that it takes for candidates, the nearest by (distance, position), are ordered by (score, distance), and all others come behind them.
 * Time: n * n distances; memory: some 16 bytes a query. */
adah_code adah_partners_compute(adah_partner_side queries, adah_partner_side items, size_t n, size_t n_bits, int with_fine,
                                adah_partner_measures *measures, adah_status *status);

/* ---------------------------------------------------------------- report */

typedef struct adah_report_options {
    size_t size; /* of this struct */
    const char *title;               /* NULL: "adah" */
    const char *const *text_queries; /* words to show answers for, first what holds them; NULL: texts of some query records */
    size_t n_text_queries;
    size_t n_image_queries;          /* query records shown with their attention mask; 6 */
    size_t n_results;                /* answers to each; 6 */
    const adah_codes *codes;         /* of `dataset` by `model`, when it was encoded before; NULL: not yet */
} adah_report_options;
static inline void adah_report_options_init(adah_report_options *options) {
    adah_options_init(ADAH_OPTIONS_REPORT, options, sizeof *options);
}

/* Writes one HTML file that needs nothing else: the mAP table, precision-recall, precision and loss curves, queries with their
 * answers as pictures and distances, attention masks. evaluations: what adah_evaluate gave for this model and data set, or
 * several, the first of them by this model: then mean and deviation, and a curve each. */
adah_code adah_report_write(const adah_model *model, const adah_dataset *dataset, const adah_evaluation *evaluations,
                            size_t n_evaluations, const adah_report_options *options, const adah_encode_options *encode_options,
                            const char *html_path, adah_status *status);

ADAH_END

#endif
