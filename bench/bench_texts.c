/* bench_texts.c - what a text encoder's vectors cost.
 *
 *     bench_texts FOLDER TEXTS [n_threads] [n_runs] [VECTORS]      defaults: 1 3
 *
 * FOLDER: an encoder as published, TEXTS: a file of a text a line. Prints texts a second of the fastest run, and a second of processor
 * time, and writes the vectors, float32 one after another, to VECTORS. */
#include "backbones/text_encoder.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "stopwatch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 256 }; /* texts that a thread takes at once */

static adah_status status;
static adah_text_item *item;
static size_t n_texts;
static atomic_size_t next;
static adah_text_encoder *encoder;

static void check(adah_code code) {
    if (code == ADAH_OK)
        return;
    fprintf(stderr, "bench_texts: %s\n", status.message);
    exit(1);
}

static void work(void *context, size_t number) {
    adah_text_reader **reader = context;
    for (size_t first; (first = atomic_fetch_add(&next, PIECE)) < n_texts;)
        check(adah_text_reader_read(reader[number], item + first, n_texts - first < PIECE ? n_texts - first : PIECE, &status));
}

/* Points into `text`, which is kept. */
static void list_texts(char *text) {
    for (const char *p = text; *p; n_texts++)
        p += strcspn(p, "\n") + 1;
    item = adah_memory_zeroed(n_texts, sizeof *item);
    const size_t n_values = adah_shape_count(adah_text_encoder_shape(encoder, 0, 0).item);
    float *vector = adah_memory_floats(n_texts * n_values);
    for (size_t i = 0; item && vector && i < n_texts; i++) {
        const size_t n = strcspn(text, "\n");
        item[i] = (adah_text_item){.text = text, .n_bytes = n, .vector = vector + i * n_values};
        text += n + 1;
    }
}

int main(int n_arguments, char **argument) {
    const int n_threads = n_arguments > 3 ? atoi(argument[3]) : 1, n_runs = n_arguments > 4 ? atoi(argument[4]) : 3;
    adah_text_weights weights;
    uint8_t *text;
    size_t n_bytes;
    if (n_arguments < 3 || n_threads < 1 || n_threads > 64) {
        fprintf(stderr, "usage: bench_texts FOLDER TEXTS [n_threads] [n_runs] [VECTORS]\n");
        return 1;
    }
    check(adah_text_weights_load(argument[1], NULL, &weights, &status));
    check(adah_text_encoder_create(&weights, argument[1], &encoder, &status));
    check(adah_file_read(argument[2], (size_t)1 << 30, &text, &n_bytes, &status));
    list_texts((char *)text);
    adah_text_reader *reader[64];
    for (int i = 0; i < n_threads; i++)
        check(adah_text_reader_create(encoder, 0, &reader[i], &status));
    double fastest = 1e9, least = 1e9; /* of the processor */
    for (int run = 0; run < n_runs + 1; run++) { /* the first builds networks */
        atomic_store(&next, 0);
        const double start = now();
        const clock_t begin = clock();
        adah_parallel_team((size_t)n_threads, work, reader);
        const double seconds = now() - start, processor = (double)(clock() - begin) / CLOCKS_PER_SEC;
        fastest = run && seconds < fastest ? seconds : fastest;
        least = run && processor < least ? processor : least;
    }
    printf("%zu texts, %d threads: %.0f a second, %.0f a second of the processor\n", n_texts, n_threads, (double)n_texts / fastest,
           (double)n_texts / least);
    if (n_arguments > 5)
        check(adah_file_publish(argument[5], item[0].vector, n_texts * adah_shape_count(adah_text_encoder_shape(encoder, 0, 0).item) * sizeof(float), &status));
    for (int i = 0; i < n_threads; i++)
        adah_text_reader_free(reader[i]);
    adah_memory_free(item[0].vector);
    adah_memory_free(item);
    adah_memory_free(text);
    adah_text_encoder_free(encoder);
    adah_text_weights_free(&weights);
    return 0;
}
