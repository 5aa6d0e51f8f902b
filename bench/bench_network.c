/* bench_network.c - the network alone: codes of pictures that lie decoded in memory, by a model.
 *
 *     bench_network MODEL FOLDER IDS PIXELS
 *
 * IDS: file names in FOLDER, one a line, as `adah encode` writes them. PIXELS: a .npy file of the decoded pictures
 * (n, S * S * 3), written when it is not there; bench_encode_rivals.py starts from it. Prints one line of JSON. */
#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/parallel.h"
#include "data/image.h"
#include "files/model_file.h"
#include "input/pair_set.h"
#include "stopwatch.h"

#include <stdio.h>
#include <string.h>

enum { LIST_BYTES_MAX = 1 << 26 };

static void must(adah_code code, const adah_status *status) {
    if (code == ADAH_OK)
        return;
    fprintf(stderr, "bench_network: %s\n", status->message);
    exit(1);
}

static void *must_have(void *p) {
    adah_status status = {0};
    if (!p)
        must(adah_fail_memory(&status, 0), &status);
    return p;
}

typedef struct decoding {
    const char *folder;
    char **name;
    size_t n_side;
    uint8_t *rgb;
} decoding;

static void decode(void *context, size_t i) {
    const decoding *d = context;
    adah_status status = {0};
    char *path = must_have(adah_file_join(d->folder, d->name[i]));
    must(adah_image_load(path, d->n_side, d->rgb + i * d->n_side * d->n_side * 3, &status), &status);
    adah_memory_free(path);
}

int main(int n_arguments, char **argument) {
    if (n_arguments != 5) {
        fprintf(stderr, "usage: bench_network MODEL FOLDER IDS PIXELS\n");
        return 2;
    }
    adah_status status = {0};
    adah_model_state model = {0};
    must(adah_model_state_read(argument[1], &model, &status), &status);
    uint8_t *list;
    size_t n_bytes, n = 0;
    must(adah_file_read(argument[3], LIST_BYTES_MAX, &list, &n_bytes, &status), &status);
    char **name = must_have(adah_memory_zeroed(n_bytes + 1, sizeof *name));
    for (char *line = strtok((char *)list, "\n"); line; line = strtok(NULL, "\n"))
        name[n++] = line;
    const size_t n_side = (size_t)model.config.n_side, n_values = n_side * n_side * 3,
                 q = (size_t)model.config.n_bits;
    uint8_t *rgb = must_have(adah_memory_alloc(n * n_values));
    decoding d = {argument[2], name, n_side, rgb};
    adah_parallel_for(n, 1, decode, &d);
    if (!adah_file_exists(argument[4]))
        must(adah_npy_write(argument[4], ADAH_NPY_UINT8, rgb, n, n_values, &status), &status);
    const adah_pair_set set = {.n = n, .image = {.shape = model.image, .rgb = rgb, .settings = &model.config}};
    size_t *items = must_have(adah_memory_zeroed(n, sizeof *items));
    float *codes = must_have(adah_memory_floats(n * q));
    for (size_t i = 0; i < n; i++)
        items[i] = i;
    const size_t n_warm = n < 64 ? n : 64;
    must(adah_pair_set_encode(&set, &model.config, &model.parameters, items, n_warm, codes, NULL, (adah_progress){0},
                              &status),
         &status);
    const double start = now();
    must(adah_pair_set_encode(&set, &model.config, &model.parameters, items, n, codes, NULL, (adah_progress){0},
                              &status),
         &status);
    const double seconds = now() - start;
    printf("{\"program\":\"adah\",\"from\":\"network alone\",\"pictures\":%zu,\"threads\":%d,\"seconds\":%.3f,"
           "\"pictures_per_second\":%.2f}\n",
           n, adah_parallel_threads(), seconds, (double)n / seconds);
    adah_memory_free(codes);
    adah_memory_free(items);
    adah_memory_free(rgb);
    adah_memory_free(name);
    adah_memory_free(list);
    adah_model_state_free(&model);
    return 0;
}
