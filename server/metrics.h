/* metrics.h - counts of requests and their durations, in the text form of Prometheus. Counting takes no lock. */
#ifndef ADAH_SERVER_METRICS_H
#define ADAH_SERVER_METRICS_H

#include "budget.h"
#include "decoder.h"
#include "json_text.h"
#include "service.h"

typedef struct serve_metrics serve_metrics;

typedef enum serve_query_kind {
    SERVE_QUERY_TEXT,
    SERVE_QUERY_IMAGE,
    SERVE_QUERY_ID,
    SERVE_QUERY_FEATURES,
    SERVE_QUERY_MARKS, /* items that are liked, and nothing else */
    SERVE_QUERY_KINDS
} serve_query_kind;
extern const char *const serve_query_kind_name[SERVE_QUERY_KINDS];

serve_metrics *serve_metrics_create(void); /* NULL: memory */
void serve_metrics_free(serve_metrics *m);
/* route: a number below serve_n_routes, or serve_n_routes for what is no route. */
void serve_metrics_count(serve_metrics *m, size_t route, unsigned status, double seconds);
void serve_metrics_count_query(serve_metrics *m, serve_query_kind kind);
void serve_metrics_connection(serve_metrics *m, int change);
/* state NULL: nothing is loaded. */
void serve_metrics_write(serve_metrics *m, serve_service *service, serve_decoders *decoders, serve_state *state,
                         serve_budget *budget, serve_text *t);

#endif
