/* encode_stream.c - one side of all records through the workers, then the other.
 *
 * A worker reads, decodes and normalises its pictures, runs its own network on one thread and packs the codes into
 * the places of their records; the next are taken from a counter. So while one worker waits for a file or decodes
 * another computes, nothing meets at barriers, and no more than a batch a thread is held (input_worker.c: mostly
 * one picture). Nothing is read ahead: reading took 1 to 4 % of the time with the files in the page cache, 5 %
 * without (a virtual disk), so that no more than that could be won. */
#include "api/encode_stream.h"
#include "base/memory.h"
#include "codes/codes.h"
#include "codes/fine.h"
#include "input/input_worker.h"
#include "input/worker_team.h"
#include "paper/picture_part.h"

#include <pthread.h>
#include <string.h>

enum { ROW_BATCH = 64 }; /* features and texts */

typedef struct side_run {
    const adah_model_state *state;
    adah_modality modality;
    const adah_input_source *input;
    const size_t *record; /* NULL: item i is that of record i */
    size_t n_batch;
    uint8_t *code;         /* of all items */
    float *real;           /* NULL: not wanted */
    int8_t *fine;          /* NULL: the model makes none */
    uint8_t *is_there;     /* by item, 0: it has no picture that can be read, or no word that is known */
    pthread_mutex_t lock;  /* of the rest */
    adah_stage_times times;
} side_run;

/* ---------------------------------------------------------------- a worker */

static adah_code open_worker(void *context, void **worker, adah_status *status) {
    const side_run *run = context;
    const adah_input_shape none = {0};
    const adah_network_plan plan = {.n_batch = run->n_batch,
                                    .image = run->modality == ADAH_IMAGE ? run->input->shape : none,
                                    .text = run->modality == ADAH_TEXT ? run->input->shape : none};
    adah_input_worker *w;
    ADAH_TRY(adah_input_worker_create(&plan, &run->state->config, (adah_parameters *)&run->state->parameters,
                                      run->input->pictures != NULL, &w, status));
    *worker = w;
    return ADAH_OK;
}

static void close_worker(void *context, void *worker) {
    side_run *run = context;
    adah_input_worker *w = worker;
    pthread_mutex_lock(&run->lock);
    adah_stage_times_add(&run->times, &w->times);
    pthread_mutex_unlock(&run->lock);
    adah_input_worker_free(w);
}

static adah_code encode_piece(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    side_run *run = context;
    adah_input_worker *w = worker;
    const size_t q = (size_t)run->state->config.n_bits;
    const adah_side *side = adah_input_worker_side(w, run->modality);
    const size_t n_floats = adah_shape_count(run->input->shape.item);
    ADAH_TRY(adah_input_worker_fill_range(w, run->input, run->modality, run->record, first, n, run->is_there + first, status));
    memset(adah_node_value(side->input) + n * n_floats, 0, (run->n_batch - n) * n_floats * sizeof(float));
    ADAH_TRY(adah_input_worker_forward(w, status));
    const float *h = adah_node_value(side->code);
    adah_codes_pack(h, n, q, run->code + first * q / 8);
    if (run->fine) {
        const size_t n_fine = adah_settings_fine(&run->state->config, run->modality);
        float vector[ADAH_FINE_MAX];
        for (size_t i = 0; i < n; i++)
            adah_fine_round(vector, 1, adah_picture_part_vector(side, i, vector), run->fine + (first + i) * n_fine);
    }
    if (run->real)
        memcpy(run->real + first * q, h, n * q * sizeof *h);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- both sides */

static adah_code run_side(side_run *run, size_t n, adah_progress progress, size_t *n_threads, adah_status *status) {
    const adah_team_job job = {.n_items = n,
                               .n_piece = run->n_batch,
                               .stage = run->modality == ADAH_IMAGE ? "encoding images" : "encoding texts",
                               .context = run,
                               .open = open_worker,
                               .work = encode_piece,
                               .close = close_worker};
    if (n_threads && adah_team_size(&job) > *n_threads)
        *n_threads = adah_team_size(&job);
    pthread_mutex_init(&run->lock, NULL);
    const adah_code code = adah_team_run(&job, progress, status);
    pthread_mutex_destroy(&run->lock);
    return adah_input_check(run->input, code, status);
}

/* Takes out the items without an image, where there should be one. record: those of the items, NULL: as they come. */
static void close_up(adah_codes *c, const size_t *record, const uint8_t *has_image, const uint8_t *has_words) {
    const size_t n_bytes = c->n_bits / 8;
    size_t k = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->image && !has_image[i])
            continue;
        c->n_texts_unknown += c->text && !has_words[i];
        c->record[k] = record ? record[i] : i;
        if (c->image)
            memmove(c->image + k * n_bytes, c->image + i * n_bytes, n_bytes);
        if (c->text)
            memmove(c->text + k * n_bytes, c->text + i * n_bytes, n_bytes);
        const size_t *n_fine = c->n_fine;
        if (c->image_fine)
            memmove(c->image_fine + k * n_fine[ADAH_IMAGE], c->image_fine + i * n_fine[ADAH_IMAGE], n_fine[ADAH_IMAGE]);
        if (c->text_fine)
            memmove(c->text_fine + k * n_fine[ADAH_TEXT], c->text_fine + i * n_fine[ADAH_TEXT], n_fine[ADAH_TEXT]);
        if (c->image_real)
            memmove(c->image_real + k * c->n_bits, c->image_real + i * c->n_bits, c->n_bits * sizeof(float));
        if (c->text_real)
            memmove(c->text_real + k * c->n_bits, c->text_real + i * c->n_bits, c->n_bits * sizeof(float));
        k++;
    }
    c->n_skipped = c->n - k;
    c->n = k;
}

/* Into the places of the codes. n_batch: items a network takes at once. */
static side_run side_of(const adah_model *model, adah_modality modality, const adah_input_source *input, size_t n_batch, uint8_t *is_there,
                        const adah_codes *c) {
    const int is_image = modality == ADAH_IMAGE;
    return (side_run){.state = &model->state,
                      .modality = modality,
                      .input = input,
                      .n_batch = n_batch,
                      .is_there = is_there,
                      .code = is_image ? c->image : c->text,
                      .real = is_image ? c->image_real : c->text_real,
                      .fine = is_image ? c->image_fine : c->text_fine};
}

/* is_there: by side, of every record. */
static adah_code encode_sides(const adah_encode_source *source, uint8_t *const is_there[2], adah_progress progress, adah_codes *c,
                              adah_stage_times *times, size_t *n_threads, adah_status *status) {
    const size_t n_pictures = source->n_batch ? source->n_batch : adah_picture_batch(&source->model->state.parameters, ~0u);
    for (int m = ADAH_TEXT; m >= ADAH_IMAGE; m--) { /* texts are soon done */
        if (!(m == ADAH_IMAGE ? c->image : c->text)) /* that side is not there */
            continue;
        const adah_input_source *input = m == ADAH_IMAGE ? &source->inputs->image : &source->inputs->text;
        const size_t n_batch = adah_input_runs_backbone(input->shape) ? n_pictures : ROW_BATCH;
        side_run run = side_of(source->model, (adah_modality)m, input, n_batch, is_there[m], c);
        run.record = source->record;
        ADAH_TRY(run_side(&run, c->n, progress, n_threads, status));
        if (times)
            adah_stage_times_add(times, &run.times);
    }
    adah_model_inputs_missing(source->inputs, c->reasons);
    return ADAH_OK;
}

adah_code adah_encode_stream(const adah_encode_source *source, int keep_real, adah_progress progress,
                             adah_codes *codes, adah_stage_times *times, size_t *n_threads, adah_status *status) {
    const size_t n = source->record ? source->n_records : adah_dataset_count(source->dataset);
    adah_codes c;
    const adah_settings *config = &source->model->state.config;
    const size_t n_fine[2] = {adah_settings_fine(config, ADAH_IMAGE), adah_settings_fine(config, ADAH_TEXT)};
    const unsigned wanted = source->sides ? source->sides : (unsigned)ADAH_BOTH_SIDES;
    const unsigned sides = source->inputs->text.shape.kind == ADAH_INPUT_NONE ? wanted & 1u << ADAH_IMAGE : wanted;
    ADAH_TRY(adah_codes_allocate(&c, sides, n, (size_t)config->n_bits, n_fine, keep_real, status));
    uint8_t *const is_there[2] = {adah_memory_alloc(n), adah_memory_alloc(n)};
    adah_code code = is_there[0] && is_there[1] ? ADAH_OK : adah_fail_memory(status, n);
    if (code == ADAH_OK)
        code = encode_sides(source, is_there, progress, &c, times, n_threads, status);
    if (code == ADAH_OK) {
        close_up(&c, source->record, is_there[ADAH_IMAGE], is_there[ADAH_TEXT]);
        *codes = c;
    } else {
        adah_codes_free(&c);
    }
    adah_memory_free(is_there[0]);
    adah_memory_free(is_there[1]);
    return code;
}

adah_code adah_encode_side(const adah_model *model, adah_modality modality, const adah_input_source *input, size_t n, int keep_real,
                           adah_progress progress, adah_codes *codes, adah_stage_times *times, size_t *n_threads, adah_status *status) {
    adah_codes c;
    const adah_settings *config = &model->state.config;
    const size_t n_fine[2] = {adah_settings_fine(config, ADAH_IMAGE), adah_settings_fine(config, ADAH_TEXT)};
    ADAH_TRY(adah_codes_allocate(&c, 1u << modality, n, (size_t)config->n_bits, n_fine, keep_real, status));
    uint8_t *is_there = adah_memory_alloc(n);
    adah_code code = is_there ? ADAH_OK : adah_fail_memory(status, n);
    if (code == ADAH_OK) {
        side_run run = side_of(model, modality, input, ROW_BATCH, is_there, &c);
        code = run_side(&run, n, progress, n_threads, status);
        *times = run.times;
    }
    adah_memory_free(is_there);
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        c.record[i] = i;
    if (code != ADAH_OK)
        adah_codes_free(&c);
    else
        *codes = c;
    return code;
}
