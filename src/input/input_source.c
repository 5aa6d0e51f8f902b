/* input_source.c - floats copied, scaled and turned; pixels normalised; words spread into bags. */
#include "input/input_source.h"
#include "backbones/backbone.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/vector.h"

#include <math.h>
#include <string.h>

ADAH_VECTOR_LOOP(void, copy_scaled, (const float *from, float scale, size_t n, float *x), (from, scale, n, x)) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        x[k] = scale * from[k];
}

void adah_input_put_row(const adah_float_rows *rows, adah_input_shape shape, size_t row, float *x) {
    const size_t n = adah_shape_count(shape.item) - shape.n_words;
    const size_t n_tokens = shape.kind == ADAH_INPUT_TOKENS ? shape.item.dim[0] : 1, n_channels = n / n_tokens;
    x += shape.n_words;
    const float *from = rows->value + row * n, scale = rows->scale == 0 ? 1 : rows->scale;
    if (n_tokens == 1 && scale == 1)
        memcpy(x, from, n * sizeof *x);
    else if (n_tokens == 1)
        copy_scaled(from, scale, n, x);
    for (size_t p = 0; n_tokens > 1 && p < n_tokens; p++)
        for (size_t c = 0; c < n_channels; c++)
            x[c * n_tokens + p] = scale * from[p * n_channels + c];
}

void adah_text_bag(const uint32_t *words, size_t n, size_t n_words, float *x) {
    memset(x, 0, n_words * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[words[i]] = 1.0f / sqrtf((float)n);
}

adah_code adah_input_read_text(const adah_vocabulary *vocabulary, const char *text, float *x, size_t *n_known, size_t *n_unknown,
                               adah_status *status) {
    uint32_t *words;
    ADAH_TRY(adah_vocabulary_lookup(vocabulary, text, &words, n_known, n_unknown, status));
    adah_text_bag(words, *n_known, adah_vocabulary_size(vocabulary), x);
    adah_memory_free(words);
    return ADAH_OK;
}

/* An item that the source holds. Returns whether there is anything of it. */
static int read_held(const adah_input_source *s, size_t item, float *x) {
    const size_t n_floats = adah_shape_count(s->shape.item);
    if (!adah_input_is_there(s, item)) {
        memset(x, 0, n_floats * sizeof *x);
        return 0;
    }
    if (s->shape.n_words) {
        const size_t n_words = adah_list_length(&s->words.item, item);
        adah_text_bag(adah_list(&s->words.item, item), n_words, s->shape.n_words, x);
        if (s->shape.kind == ADAH_INPUT_WORDS)
            return n_words > 0;
    }
    if (s->shape.kind == ADAH_INPUT_PIXELS)
        adah_backbone_normalise(s->settings, s->rgb + item * n_floats, s->shape.item.dim[1], x);
    else
        adah_input_put_row(&s->rows, s->shape, s->rows.row ? s->rows.row[item] : item, x);
    return 1;
}

adah_code adah_input_read_item(const adah_input_source *s, size_t item, float *x, int *is_there, adah_status *status) {
    if (!s->vocabulary) {
        *is_there = read_held(s, item, x);
        return ADAH_OK;
    }
    size_t n_known;
    ADAH_TRY(adah_input_read_text(s->vocabulary, adah_dataset_record(s->dataset, item)->text, x, &n_known, NULL, status));
    *is_there = n_known > 0;
    if (s->shape.kind == ADAH_INPUT_SENTENCE) {
        *is_there = adah_input_is_there(s, item);
        adah_input_put_row(&s->rows, s->shape, s->rows.row ? s->rows.row[item] : item, x);
    }
    return ADAH_OK;
}

typedef struct batch_pass {
    const adah_input_source *source;
    const size_t *items;
    size_t n, n_floats;
    float *x;
} batch_pass;

static void read_batch_item(void *context, size_t i) {
    const batch_pass *pass = context;
    float *x = pass->x + i * pass->n_floats;
    if (i < pass->n)
        read_held(pass->source, pass->items[i], x);
    else
        memset(x, 0, pass->n_floats * sizeof *x);
}

void adah_input_read(const adah_input_source *source, const size_t *items, size_t n, size_t n_batch, float *x) {
    batch_pass pass = {source, items, n, adah_shape_count(source->shape.item), x};
    adah_parallel_for(n_batch, 1, read_batch_item, &pass);
}

/* Which of an item's texts is drawn, of the texts first[item] up to first[item + 1]; 0: it has no several. */
static int draw_text(const size_t *first, size_t item, uint64_t seed, uint64_t stream, size_t *text) {
    const size_t n_texts = first ? first[item + 1] - first[item] : 0;
    if (n_texts < 2)
        return 0;
    adah_random random = adah_random_seeded(seed, adah_random_mix(stream, item));
    *text = first[item] + (size_t)adah_random_below(&random, n_texts);
    return 1;
}

void adah_input_draw(const adah_input_source *source, const size_t *items, size_t n, size_t n_batch, uint64_t seed, uint64_t stream,
                     float *x) {
    adah_input_read(source, items, n, n_batch, x);
    const adah_word_lists *words = &source->words;
    const size_t n_floats = adah_shape_count(source->shape.item), n_bag = source->shape.n_words;
    size_t text;
    for (size_t i = 0; i < n; i++) { /* words and vector draw the same text: seed, stream and number of texts are the same */
        if (draw_text(words->first, items[i], seed, stream, &text))
            adah_text_bag(adah_list(&words->text, text), adah_list_length(&words->text, text), n_bag, x + i * n_floats);
        if (draw_text(source->rows.first, items[i], seed, stream, &text))
            adah_input_put_row(&source->rows, source->shape, text, x + i * n_floats);
    }
}
