/* metrics.c - see metrics.h. */
#define _GNU_SOURCE
#include "metrics.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const serve_query_kind_name[SERVE_QUERY_KINDS] = {"text", "image", "id", "features", "marks"};

static const unsigned statuses[] = {200, 201, 304, 400, 401, 403, 404, 405, 408,
                                    409, 413, 415, 422, 431, 499, 500, 503, 507};
static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
enum { N_STATUSES = sizeof statuses / sizeof *statuses, N_BOUNDS = sizeof bounds / sizeof *bounds };

typedef struct route_counts {
    atomic_ullong status[N_STATUSES + 1]; /* the last: any other */
    atomic_ullong bucket[N_BOUNDS + 1];
    atomic_ullong nanoseconds;
} route_counts;

struct serve_metrics {
    route_counts *route; /* serve_n_routes + 1 */
    atomic_ullong queries[SERVE_QUERY_KINDS];
    atomic_llong connections;
    double start; /* seconds since 1970 */
};

serve_metrics *serve_metrics_create(void) {
    serve_metrics *m = calloc(1, sizeof *m);
    struct timespec now;
    if (!m || !(m->route = calloc(serve_n_routes + 1, sizeof *m->route))) {
        free(m);
        return NULL;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    m->start = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return m;
}

void serve_metrics_free(serve_metrics *m) {
    if (m)
        free(m->route);
    free(m);
}

static void add(atomic_ullong *counter, unsigned long long n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
static unsigned long long get(atomic_ullong *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }

void serve_metrics_count(serve_metrics *m, size_t route, unsigned status, double seconds) {
    route_counts *c = &m->route[route];
    size_t s = 0, b = 0;
    while (s < N_STATUSES && statuses[s] != status)
        s++;
    while (b < N_BOUNDS && seconds > bounds[b])
        b++;
    add(&c->status[s], 1);
    add(&c->bucket[b], 1);
    add(&c->nanoseconds, (unsigned long long)(seconds * 1e9));
}

void serve_metrics_count_query(serve_metrics *m, serve_query_kind kind) { add(&m->queries[kind], 1); }

void serve_metrics_connection(serve_metrics *m, int change) {
    atomic_fetch_add_explicit(&m->connections, change, memory_order_relaxed);
}

static void write_head(serve_text *t, const char *name, const char *type, const char *help) {
    serve_text_format(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(serve_text *t, const char *name, const char *type, const char *help, double value) {
    write_head(t, name, type, help);
    serve_text_format(t, "%s %.17g\n", name, value);
}

/* As in "GET /v1/search". */
static const char *route_name(size_t i, char name[64]) {
    if (i < serve_n_routes)
        snprintf(name, 64, "%s %s", serve_routes[i].method, serve_routes[i].path);
    return i < serve_n_routes ? name : "other";
}

static unsigned long long count_of(route_counts *c) {
    unsigned long long n = 0;
    for (size_t b = 0; b <= N_BOUNDS; b++)
        n += get(&c->bucket[b]);
    return n;
}

static void write_requests(serve_metrics *m, serve_text *t) {
    char name[64];
    write_head(t, "adah_requests_total", "counter", "Requests by route and status of the answer.");
    for (size_t i = 0; i <= serve_n_routes; i++)
        for (size_t s = 0; s <= N_STATUSES; s++) {
            const unsigned long long n = get(&m->route[i].status[s]);
            char status[8] = "other";
            if (s < N_STATUSES)
                snprintf(status, sizeof status, "%u", statuses[s]);
            if (n)
                serve_text_format(t, "adah_requests_total{route=\"%s\",status=\"%s\"} %llu\n", route_name(i, name), status, n);
        }
    write_head(t, "adah_request_seconds", "histogram", "Time from the request's first line until its answer had left.");
    for (size_t i = 0; i <= serve_n_routes; i++) {
        route_counts *c = &m->route[i];
        const char *route = route_name(i, name);
        unsigned long long n = 0;
        if (!count_of(c))
            continue;
        for (size_t b = 0; b < N_BOUNDS; b++) {
            n += get(&c->bucket[b]);
            serve_text_format(t, "adah_request_seconds_bucket{route=\"%s\",le=\"%g\"} %llu\n", route, bounds[b], n);
        }
        n += get(&c->bucket[N_BOUNDS]);
        serve_text_format(t, "adah_request_seconds_bucket{route=\"%s\",le=\"+Inf\"} %llu\n", route, n);
        serve_text_format(t, "adah_request_seconds_sum{route=\"%s\"} %.9f\n", route, (double)get(&c->nanoseconds) * 1e-9);
        serve_text_format(t, "adah_request_seconds_count{route=\"%s\"} %llu\n", route, n);
    }
}

static double resident_bytes(void) {
    long long n_pages = 0, n_resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lld %lld", &n_pages, &n_resident) != 2)
        n_resident = 0;
    if (file)
        fclose(file);
    return (double)n_resident * (double)sysconf(_SC_PAGESIZE);
}

static void write_state(serve_state *state, serve_text *t) {
    adah_status status;
    char *json = NULL;
    if (adah_index_stats(state->index, &json, &status) != ADAH_OK)
        return;
    json_t *stats = json_loads(json, 0, NULL);
    adah_free(json);
    write_gauge(t, "adah_index_records", "gauge", "Records that are not deleted.",
                (double)adah_index_count(state->index));
    write_gauge(t, "adah_index_segments", "gauge", "Segments of the index.",
                (double)json_integer_value(json_object_get(stats, "n_segments")));
    write_gauge(t, "adah_index_bytes", "gauge", "Bytes of the index.",
                (double)json_integer_value(json_object_get(stats, "file_bytes")));
    write_head(t, "adah_model_info", "gauge", "The model that answers.");
    serve_text_format(t, "adah_model_info{id=\"%s\"} 1\n", adah_model_id(state->model));
    json_decref(stats);
}

void serve_metrics_write(serve_metrics *m, serve_service *service, serve_decoders *decoders, serve_state *state,
                         serve_budget *budget, serve_text *t) {
    write_requests(m, t);
    write_head(t, "adah_queries_total", "counter", "Searches by what was asked with.");
    for (int i = 0; i < SERVE_QUERY_KINDS; i++)
        serve_text_format(t, "adah_queries_total{kind=\"%s\"} %llu\n", serve_query_kind_name[i], get(&m->queries[i]));
    if (state)
        write_state(state, t);
    write_gauge(t, "adah_connections", "gauge", "Open connections.", (double)atomic_load(&m->connections));
    write_gauge(t, "adah_memory_bytes", "gauge", "Memory of large requests and answers, of what --memory allows.",
                (double)serve_budget_used(budget));
    write_gauge(t, "adah_reloads_total", "counter", "Times that model and index were opened anew.",
                (double)serve_service_reloads(service));
    write_gauge(t, "adah_decoders", "gauge", "Processes that decode pictures.", (double)serve_decoders_running(decoders));
    write_gauge(t, "adah_decoders_ended_total", "counter",
                "Processes that a picture ended: out of memory, out of time, or broken.",
                (double)serve_decoders_ended(decoders));
    write_gauge(t, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    write_gauge(t, "process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.", m->start);
}
