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

/* Measures of docs/guide/evaluate.md in the four directions, as a JSON object (adah_free). Database: the train and database
 * records of `dataset`. With other `queries`: their records of `split`, or all where none is of that split; labels are
 * matched by name, and a query whose image file is in the database too (same name, same bytes) is left out of its own
 * results. Relevance: shared labels; where no query has labels, as the model was trained ("words" or "pairs"). */
adah_code adah_evaluate(const adah_model *model, const adah_dataset *dataset, const adah_evaluate_options *options,
                        const adah_encode_options *encode_options, adah_progress progress, char **json,
                        adah_status *status);
/* The same from codes made before. query_codes NULL: the same codes. */
adah_code adah_evaluate_codes(const adah_dataset *dataset, const adah_codes *codes, const adah_codes *query_codes,
                              const adah_evaluate_options *options, char **json, adah_status *status);
/* n >= 2 evaluations of one data set, by models that differ in seed say, as one JSON object: "models" lists them; "mean" and
 * "deviation" have the form of each, with the mean and the sample standard deviation in place of every measure, and what is
 * no measure (n_bits, preset) where all agree. ADAH_ERROR_MISMATCH: of other data, queries, relevance or length of codes. */
adah_code adah_evaluate_mean(const char *const *evaluations, size_t n, char **json, adah_status *status);

/* ---------------------------------------------------------------- report */

typedef struct adah_report_options {
    size_t size; /* of this struct */
    const char *title;               /* NULL: "adah" */
    const char *const *text_queries; /* words to show answers for; NULL: texts of some query records */
    size_t n_text_queries;
    size_t n_image_queries;          /* query records shown with their attention mask; 6 */
    size_t n_results;                /* answers to each; 6 */
    const adah_codes *codes;         /* of `dataset` by `model`, when it was encoded before; NULL: not yet */
} adah_report_options;
static inline void adah_report_options_init(adah_report_options *options) {
    adah_options_init(ADAH_OPTIONS_REPORT, options, sizeof *options);
}

/* Writes one HTML file that needs nothing else: the mAP table, precision-recall, precision and loss curves, queries with their
 * answers as pictures and distances, attention masks. evaluation: what adah_evaluate gave for this model and data set, or
 * what adah_evaluate_mean made of several, the first of them by this model: then mean and deviation, and a curve each. */
adah_code adah_report_write(const adah_model *model, const adah_dataset *dataset, const char *evaluation,
                            const adah_report_options *options, const adah_encode_options *encode_options,
                            const char *html_path, adah_status *status);

ADAH_END

#endif
