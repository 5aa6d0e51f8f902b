/* input_worker.c - an item is read, normalised and run, each under its clock.
 *
 * Light networks take one picture at a time: its activations then stay in the cache of a core. Heavy ones read so
 * many weights for each picture that several should share them. Pictures a second of the networks alone, two workers
 * of one thread on two cores of a Zen 5 (AVX-512), by the size of the batch:
 *
 *                          1    2    4    8   16   32
 *     SqueezeNet         750  670  640  590  535  495   pictures a second
 *     MobileNetV2        485  500  470  430  405  395
 *     VGG-16              15       32   33   34         (33 with one network of 16 or 32 on both threads)
 *     CNN-F, paper's D   147      211  245  330  370    (heavy by its fully connected layers)
 *
 * With 8 instead of 16 pictures of a heavy one, the activations of VGG take half the memory a thread. */
#include "input/input_worker.h"
#include "backbones/backbone.h"
#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

enum { HEAVY_BATCH = 8, SENTENCES = 64 /* read together */ };
static const size_t heavy_bytes = (size_t)32 << 20;

size_t adah_picture_batch(const adah_parameters *parameters, unsigned groups) {
    size_t n_bytes = 0;
    for (size_t i = 0; i < parameters->n; i++) {
        const adah_parameter *p = parameters->item[i];
        if (!strncmp(p->name, "image.", 6) && p->group & groups)
            n_bytes += p->n * sizeof(float);
    }
    return n_bytes > heavy_bytes ? HEAVY_BATCH : 1;
}

adah_code adah_input_worker_create(const adah_network_plan *plan, const adah_settings *config, adah_parameters *parameters,
                                   int with_pictures, adah_input_worker **worker, adah_status *status) {
    adah_input_worker *w = adah_memory_zeroed(1, sizeof *w);
    const size_t n_bytes = (size_t)config->n_side * (size_t)config->n_side * 3;
    if (!w || (with_pictures && !(w->rgb = adah_memory_alloc(n_bytes)))) {
        adah_input_worker_free(w);
        return adah_fail_memory(status, n_bytes);
    }
    const adah_code code = plan ? adah_network_create(plan, config, parameters, &w->network, status) : ADAH_OK;
    if (code != ADAH_OK)
        adah_input_worker_free(w);
    else
        *worker = w;
    return code;
}

void adah_input_worker_free(adah_input_worker *w) {
    if (!w)
        return;
    adah_network_free(w->network);
    adah_text_reader_free(w->reader);
    adah_memory_free(w->rows);
    adah_memory_free(w->rgb);
    adah_memory_free(w);
}

static adah_code open_reader(adah_input_worker *w, const adah_input_source *source, size_t n_values, adah_status *status) {
    w->rows = adah_memory_floats(SENTENCES * n_values);
    if (!w->rows)
        return adah_fail_memory(status, SENTENCES * n_values * sizeof *w->rows);
    const adah_code code = adah_text_reader_create(source->encoder, source->shape.kind == ADAH_INPUT_TOKENS ? source->shape.item.dim[0] : 0,
                                                   &w->reader, status);
    if (code == ADAH_OK)
        return ADAH_OK;
    adah_memory_free(w->rows);
    w->rows = NULL;
    return code;
}

/* At most SENTENCES texts of a source with an encoder, already in `sentence`, become items one after another from x on. */
static adah_code read_texts(adah_input_worker *w, const adah_input_source *source, adah_text_item *sentence, size_t n, float *x,
                            adah_status *status) {
    const size_t n_floats = adah_shape_count(source->shape.item), n_values = n_floats - source->shape.n_words;
    if (!w->reader)
        ADAH_TRY(open_reader(w, source, n_values, status));
    const adah_float_rows rows = {.value = w->rows, .scale = source->rows.scale};
    for (size_t i = 0; i < n; i++) {
        size_t n_known;
        if (source->vocabulary)
            ADAH_TRY(adah_input_read_text(source->vocabulary, sentence[i].text, x + i * n_floats, &n_known, NULL, status));
        sentence[i].n_bytes = strlen(sentence[i].text);
        sentence[i].vector = w->rows + i * n_values;
    }
    ADAH_TRY(adah_text_reader_read(w->reader, sentence, n, status));
    for (size_t i = 0; i < n; i++)
        adah_input_put_row(&rows, source->shape, i, x + i * n_floats);
    return ADAH_OK;
}

adah_code adah_input_worker_fill(adah_input_worker *w, const adah_input_source *source, adah_modality modality, size_t item,
                                 size_t slot, int *is_there, adah_status *status) {
    const size_t n_floats = adah_shape_count(source->shape.item);
    float *x = adah_node_value(adah_input_worker_side(w, modality)->input) + slot * n_floats;
    if (source->pictures)
        ADAH_TRY(adah_picture_files_read(source->pictures, item, w->rgb, &w->times, is_there, status));
    const double start = adah_clock_seconds();
    if (source->encoder) {
        const adah_record *record = adah_dataset_record(source->dataset, item);
        adah_text_item sentence = {.text = record->text, .n_texts = record->n_texts};
        ADAH_TRY(read_texts(w, source, &sentence, 1, x, status));
        *is_there = sentence.is_there;
    } else if (!source->pictures)
        ADAH_TRY(adah_input_read_item(source, item, x, is_there, status));
    else if (*is_there)
        adah_backbone_normalise(source->settings, w->rgb, source->shape.item.dim[1], x);
    else
        memset(x, 0, n_floats * sizeof *x);
    adah_stage_time_add(&w->times.normalise, start);
    return ADAH_OK;
}

adah_code adah_input_worker_fill_range(adah_input_worker *w, const adah_input_source *source, adah_modality modality,
                                       const size_t *items, size_t first, size_t n, uint8_t *is_there, adah_status *status) {
    const double start = adah_clock_seconds();
    adah_text_item sentence[SENTENCES];
    float *x = adah_node_value(adah_input_worker_side(w, modality)->input);
    for (size_t done = 0, some; done < n; done += some) {
        some = source->encoder ? n - done < SENTENCES ? n - done : SENTENCES : 1;
        for (size_t i = 0; source->encoder && i < some; i++) {
            const size_t at = first + done + i;
            const adah_record *record = adah_dataset_record(source->dataset, items ? items[at] : at);
            sentence[i] = (adah_text_item){.text = record->text, .n_texts = record->n_texts};
        }
        const size_t item = items ? items[first + done] : first + done;
        if (source->encoder)
            ADAH_TRY(read_texts(w, source, sentence, some, x + done * adah_shape_count(source->shape.item), status));
        else
            ADAH_TRY(adah_input_worker_fill(w, source, modality, item, done, &sentence[0].is_there, status));
        for (size_t i = 0; i < some; i++)
            is_there[done + i] = (uint8_t)sentence[i].is_there;
    }
    if (source->encoder)
        adah_stage_time_add(&w->times.normalise, start);
    return ADAH_OK;
}

adah_code adah_input_worker_fill_text(adah_input_worker *w, const adah_input_source *source, const char *text, size_t n_texts,
                                      int *is_there, adah_status *status) {
    adah_text_item sentence = {.text = text, .n_texts = n_texts};
    ADAH_TRY(read_texts(w, source, &sentence, 1, adah_node_value(w->network->text.input), status));
    *is_there = sentence.is_there;
    return ADAH_OK;
}

adah_code adah_input_worker_forward(adah_input_worker *w, adah_status *status) {
    const double start = adah_clock_seconds();
    const adah_code code = adah_graph_forward(w->network->graph, status);
    adah_stage_time_add(&w->times.network, start);
    return code;
}
