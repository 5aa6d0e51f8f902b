/* bench_collection.c - a collection file at work: adding durably, opening and the first search, compaction.
 *
 *     bench_collection FOLDER [n_codes] [n_bits] [n_batch]      defaults: 1,000,000 codes of 64 bits in batches of 10,000
 *
 * Makes FOLDER/collection of n_codes random codes, batch by batch, each on disk before the next; compacts it, which makes its
 * search tables; then, each in a new process, opens it and answers one query. Beside them, in the same run: the rate at which
 * plain writes of the same size with fdatasync go to the same folder. The file is removed at the end. */
#define _GNU_SOURCE
#include "adah/adah.h"
#include "base/memory.h"
#include "base/random.h"
#include "stopwatch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static adah_status status;

static void stop(const char *message) {
    fprintf(stderr, "bench_collection: %s\n", message);
    exit(1);
}

static void check(adah_code code) {
    if (code != ADAH_OK)
        stop(status.message);
}

/* Seconds of plain writes of n_bytes each, n times, synced one by one. */
static double plain_writes(const char *path, const uint8_t *bytes, size_t n_bytes, size_t n) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        stop("cannot write into the folder");
    const double start = now();
    for (size_t i = 0; i < n; i++)
        if (pwrite(fd, bytes, n_bytes, (off_t)(i * n_bytes)) != (ssize_t)n_bytes || fdatasync(fd) != 0)
            stop("a plain write failed");
    const double seconds = now() - start;
    close(fd);
    unlink(path);
    return seconds;
}

static double resident_mib(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Opening, a search, and the memory that takes. */
static int search_once(const char *path, const char *what) {
    adah_index *index;
    adah_search_result result;
    adah_search_options o;
    adah_search_options_init(&o);
    uint8_t query[ADAH_BITS_MAX / 8];
    adah_random r = adah_random_seeded(9, 9);
    for (size_t i = 0; i < sizeof query; i++)
        query[i] = (uint8_t)adah_random_next(&r);
    o.method = what[0] == 's' ? ADAH_SEARCH_SCAN : what[0] == 't' ? ADAH_SEARCH_TABLES : ADAH_SEARCH_AUTO;
    const double before = resident_mib(), start = now();
    check(adah_index_open(path, &index, &status));
    const double opened = now();
    check(adah_index_search(index, ADAH_IMAGE, query, 1, &o, &result, &status));
    const double first = now(), memory = resident_mib() - before;
    adah_search_result_free(&result);
    const double again = now();
    check(adah_index_search(index, ADAH_IMAGE, query, 1, &o, &result, &status));
    printf("%-10s open %8.3f ms, first search %8.3f ms, the same again %8.3f ms, memory %8.1f MiB, %.2f of the codes\n", what,
           (opened - start) * 1e3, (first - opened) * 1e3, (now() - again) * 1e3, memory,
           memory * (1 << 20) / ((double)adah_index_count(index) * (double)adah_index_bits(index) / 8));
    adah_search_result_free(&result);
    adah_index_close(index);
    return 0;
}

/* The same in a new process. */
static void open_and_search(const char *path, const char *what) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "bench_collection", "search", path, what, (char *)NULL);
        _exit(1);
    }
    int result;
    if (child < 0 || waitpid(child, &result, 0) != child || result != 0)
        stop("a search failed");
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "search"))
        return search_once(argv[2], argv[3]);
    if (argc < 2)
        stop("expected FOLDER [n_codes] [n_bits] [n_batch]");
    const size_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, n_bits = argc > 3 ? strtoull(argv[3], NULL, 10) : 64;
    const size_t n_batch = argc > 4 ? strtoull(argv[4], NULL, 10) : 10000, n_bytes = n_bits / 8;
    if (n == 0 || n_batch == 0 || n_bits == 0)
        stop("a zero argument");
    char path[4096], plain[4096];
    snprintf(path, sizeof path, "%s/collection", argv[1]);
    snprintf(plain, sizeof plain, "%s/collection.plain", argv[1]);
    uint64_t *codes = adah_memory_alloc(n_batch * n_bytes + 8);
    if (!codes)
        stop("out of memory");
    const size_t n_plain = n / n_batch < 200 ? n / n_batch + 1 : 200;
    printf("plain writes of %zu bytes, each synced: %.3f ms\n", n_batch * n_bytes,
           1e3 * plain_writes(plain, (const uint8_t *)codes, n_batch * n_bytes, n_plain) / (double)n_plain);

    adah_random r = adah_random_seeded(1, 1);
    adah_index_writer *w;
    check(adah_index_writer_create(path, NULL, n_bits, &w, &status));
    double seconds = 0;
    for (size_t done = 0; done < n; done += n_batch) {
        const size_t now_n = n - done < n_batch ? n - done : n_batch;
        for (size_t i = 0; i < (now_n * n_bytes + 7) / 8; i++)
            codes[i] = adah_random_next(&r);
        const double start = now();
        check(adah_index_writer_add_codes(w, now_n, (const uint8_t *)codes, NULL, NULL, &status));
        check(adah_index_writer_commit(w, &status));
        seconds += now() - start;
    }
    printf("adding %zu codes of %zu bits in batches of %zu, each on disk: %.3f ms a batch, %.2f M codes/s\n", n, n_bits, n_batch,
           1e3 * seconds / ((double)n / (double)n_batch), (double)n / seconds * 1e-6);
    open_and_search(path, "batches");
    const double start = now();
    check(adah_index_writer_compact(w, (adah_progress){0}, &status));
    printf("compaction with search tables: %.2f s\n", now() - start);
    adah_index_writer_close(w);
    open_and_search(path, "scan");
    open_and_search(path, "tables");
    open_and_search(path, "auto");
    unlink(path);
    adah_memory_free(codes);
    return 0;
}
