/* bench_encode.c - how fast pictures become codes, from their files.
 *
 *     bench_encode MODEL DATA [RUNS [THREADS]]         the whole data set, RUNS (2) times
 *     bench_encode --latency MODEL DATA [N [THREADS]]  N (500) pictures, one after another, as in searches
 *
 * One JSON object a run and line. No feature maps of a training are used. peak_bytes is the most memory the process
 * has had up to the end of the run; shares are those of the threads' time. The files should be in the page cache: the
 * first run shows whether they were. */
#include "adah/adah.h"
#include "stopwatch.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { WARM_UP = 5 };

static adah_status status;

static void check(adah_code code) {
    if (code != ADAH_OK) {
        fprintf(stderr, "bench_encode: %s\n", status.message);
        exit(1);
    }
}

static void measure_set(const adah_model *model, const adah_dataset *dataset) {
    adah_encode_profile p;
    adah_codes codes;
    adah_encode_options o;
    adah_encode_options_init(&o);
    o.cache_folder = "/dev/null/none";
    o.profile = &p;
    check(adah_encode_dataset(model, dataset, &o, (adah_progress){0}, &codes, &status));
    const double all = p.seconds * (double)p.n_threads;
    printf("{\"name\": \"encode\", \"n\": %zu, \"n_skipped\": %zu, \"threads\": %zu, \"seconds\": %.4f, "
           "\"per_second\": %.2f, "
           "\"peak_bytes\": %llu, \"shares\": {\"reading\": %.4f, \"decoding\": %.4f, \"normalising\": %.4f, "
           "\"network\": %.4f, "
           "\"rest\": %.4f}}\n",
           p.n_records, codes.n_skipped, p.n_threads, p.seconds, (double)p.n_records / p.seconds,
           (unsigned long long)p.peak_bytes, p.read_seconds / all, p.decode_seconds / all, p.normalise_seconds / all,
           p.network_seconds / all, p.rest_seconds / all);
    fflush(stdout);
    adah_codes_free(&codes);
}

static void measure_latency(const adah_model *model, const adah_dataset *dataset, size_t n, int n_threads) {
    adah_encoder *encoder;
    uint8_t code[ADAH_BITS_MAX / 8];
    double *seconds = malloc(n * sizeof *seconds), sum = 0;
    const size_t n_records = adah_dataset_count(dataset);
    if (!seconds || n_records == 0)
        exit(1);
    check(adah_encoder_create(model, NULL, &encoder, &status));
    for (size_t i = 0; i < n + WARM_UP; i++) {
        const double start = now();
        check(adah_encode_record(encoder, dataset, i % n_records, ADAH_IMAGE, code, &status));
        if (i >= WARM_UP)
            sum += seconds[i - WARM_UP] = now() - start;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double middle = median(seconds, n); /* sorts them */
    printf("{\"name\": \"latency\", \"n\": %zu, \"threads\": %d, \"seconds\": %.4f, \"per_second\": %.2f, "
           "\"median_ms\": %.3f, "
           "\"p99_ms\": %.3f, \"peak_bytes\": %llu}\n",
           n, n_threads, sum, (double)n / sum, 1e3 * middle, 1e3 * seconds[(n - 1) * 99 / 100],
           (unsigned long long)usage.ru_maxrss * 1024);
    free(seconds);
    adah_encoder_close(encoder);
}

int main(int argc, char **argv) {
    const int is_latency = argc > 1 && !strcmp(argv[1], "--latency");
    const char *const *a = (const char *const *)argv + is_latency;
    const int n_arguments = argc - is_latency;
    if (n_arguments < 3 || n_arguments > 5) {
        fprintf(stderr, "bench_encode [--latency] MODEL DATA [RUNS or N [THREADS]]\n");
        return 2;
    }
    const long n = n_arguments > 3 ? atol(a[3]) : is_latency ? 500 : 2;
    const int n_threads = n_arguments > 4 ? atoi(a[4]) : 0;
    adah_model *model;
    adah_dataset *dataset;
    if (n < 1)
        return 2;
    adah_set_threads(n_threads);
    check(adah_model_open(a[1], &model, &status));
    check(adah_dataset_open(a[2], NULL, &dataset, &status));
    for (long run = 0; !is_latency && run < n; run++)
        measure_set(model, dataset);
    if (is_latency)
        measure_latency(model, dataset, (size_t)n, n_threads);
    adah_dataset_close(dataset);
    adah_model_close(model);
    return 0;
}
