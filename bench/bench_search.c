/* bench_search.c - time of a search by the command, start of the process included.
 *
 *     bench_search ADAH MODEL INDEX N WORDS
 *
 * Makes INDEX.N, a collection of N records: those of INDEX (made by `adah index create`) again and again, in each code up to
 * two bits turned, and their vectors, where they have any, a little changed. Then runs `ADAH search --model MODEL --index INDEX.N --text WORDS
 * -k 10`, the same with `--order bits` and, for comparison, `ADAH --version` in turns, and prints the fastest, the median and the slowest of 41
 * runs of each. The file stays. */
#define _GNU_SOURCE
#include "adah/adah.h"
#include "base/memory.h"
#include "base/random.h"
#include "index/index_builder.h"
#include "stopwatch.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { N_RUNS = 41, LABELS_MAX = 256, CODE_BYTES_MAX = 128 };

static void stop(const char *message) {
    fprintf(stderr, "bench_search: %s\n", message);
    exit(1);
}

/* A code with up to two bits turned. */
static void copy_code(const uint8_t *code, size_t n_bytes, adah_random *r, uint8_t *to) {
    memcpy(to, code, n_bytes);
    for (int i = 0; i < 2; i++) {
        const uint64_t bit = adah_random_below(r, n_bytes * 8);
        to[bit / 8] ^= (uint8_t)((adah_random_next(r) & 1) << bit % 8);
    }
}

/* A vector with every value moved by up to 20. NULL: there is none. */
static const int8_t *copy_fine(const int8_t *fine, size_t n_fine, adah_random *r, int8_t *to) {
    for (size_t i = 0; fine && i < n_fine; i++) {
        const int x = fine[i] + (int)adah_random_below(r, 41) - 20;
        to[i] = (int8_t)(x > 127 ? 127 : x < -127 ? -127 : x);
    }
    return fine ? to : NULL;
}

static void enlarge(const char *from, const char *to, size_t n) {
    adah_status status;
    adah_index *index;
    adah_index_builder *builder;
    adah_random r = adah_random_seeded(1, 1);
    if (adah_index_open(from, &index, &status) != ADAH_OK)
        stop(status.message);
    const size_t n_old = adah_index_count(index), n_bytes = adah_index_bits(index) / 8;
    if (adah_index_builder_create(to, n_bytes * 8, adah_index_model_identity(index), "none", &builder, &status) != ADAH_OK)
        stop(status.message);
    for (size_t i = 0; i < n; i++) {
        adah_index_entry entry;
        const char *labels[LABELS_MAX];
        uint8_t code[2][CODE_BYTES_MAX];
        int8_t fine[2][ADAH_FINE_MAX];
        const size_t n_fine[2] = {adah_index_fine(index, ADAH_IMAGE), adah_index_fine(index, ADAH_TEXT)};
        if (adah_index_record(index, i % n_old, &entry, &status) != ADAH_OK || entry.n_labels > LABELS_MAX)
            stop("a record cannot be read");
        if (!entry.image_code || !entry.text_code)
            stop("every record of the index must have an image and a text");
        for (size_t k = 0; k < entry.n_labels; k++)
            labels[k] = adah_index_label_name(index, entry.label[k]);
        copy_code(entry.image_code, n_bytes, &r, code[0]);
        copy_code(entry.text_code, n_bytes, &r, code[1]);
        const adah_index_item item = {.id = i,
                                      .file_name = entry.file_name,
                                      .text = entry.text,
                                      .label = labels,
                                      .n_labels = entry.n_labels,
                                      .image_code = code[0],
                                      .text_code = code[1],
                                      .image_fine = copy_fine(entry.image_fine, n_fine[0], &r, fine[0]),
                                      .text_fine = copy_fine(entry.text_fine, n_fine[1], &r, fine[1]),
                                      .n_image_fine = n_fine[0],
                                      .n_text_fine = n_fine[1]};
        if (adah_index_builder_add(builder, &item, &status) != ADAH_OK)
            stop(status.message);
        adah_index_entry_free(&entry);
    }
    if (adah_index_builder_publish(builder, 0, NULL, &status) != ADAH_OK)
        stop(status.message);
    adah_index_close(index);
}

static double time_command(const char *const *words) {
    char *const *argv = (char *const *)(uintptr_t)words; /* posix_spawn only reads them */
    extern char **environ;
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int result;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    const double start = now();
    if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0 || waitpid(pid, &result, 0) != pid || result != 0)
        stop("the command failed");
    const double seconds = now() - start;
    posix_spawn_file_actions_destroy(&actions);
    return seconds;
}

static void print_times(const char *what, double *seconds) {
    const double middle = median(seconds, N_RUNS); /* sorts them */
    printf("%-28s %6.1f ms fastest, %6.1f median, %6.1f slowest\n", what, seconds[0] * 1e3, middle * 1e3,
           seconds[N_RUNS - 1] * 1e3);
}

int main(int argc, char **argv) {
    if (argc != 6)
        stop("expected ADAH MODEL INDEX N WORDS");
    char large[4096], what[64];
    snprintf(large, sizeof large, "%s.%s", argv[3], argv[4]);
    enlarge(argv[3], large, strtoull(argv[4], NULL, 10));
    snprintf(what, sizeof what, "search %s records", argv[4]);
    static double search[N_RUNS], by_bits[N_RUNS], version[N_RUNS];
    for (int i = 0; i < N_RUNS; i++) {
        search[i] = time_command((const char *[]){argv[1], "search", "--model", argv[2], "--index", large, "--text", argv[5], "-k", "10", NULL});
        by_bits[i] = time_command((const char *[]){argv[1], "search", "--model", argv[2], "--index", large, "--text", argv[5], "-k", "10", "--order", "bits", NULL});
        version[i] = time_command((const char *[]){argv[1], "--version", NULL});
    }
    print_times(what, search);
    print_times("the same, --order bits", by_bits);
    print_times("--version", version);
    return 0;
}
