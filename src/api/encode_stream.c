/* encode_stream.c - one side of all records through the workers, then the other.
 *
 * A worker reads, decodes and normalises its pictures, runs its own network on one thread and packs the codes into
 * the places of their records; the next are taken from a counter. So while one worker waits for a file or decodes
 * another computes, nothing meets at barriers, and no more than a batch a thread is held (picture_worker.c: mostly
 * one picture). Nothing is read ahead: reading took 1 to 4 % of the time with the files in the page cache, 5 %
 * without (a virtual disk), so that no more than that could be won. */
#include "api/encode_stream.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/reasons.h"
#include "codes/codes.h"
#include "data/image.h"
#include "input/worker_team.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROW_BATCH = 64 }; /* features and texts */

typedef struct side_run {
    const adah_encode_source *source;
    const adah_model_state *state;
    adah_modality modality;
    adah_input_shape input;       /* what the network is given */
    const adah_float_rows *rows; /* features from a file; NULL: words or pixels */
    const uint8_t *rgb;          /* pixels from a file; NULL: each picture is read */
    size_t n_batch;
    uint8_t *code;                         /* of all records */
    float *real;                           /* NULL: not wanted */
    uint8_t *has_image;                    /* cleared where a picture cannot be read */
    uint8_t *unknown;                      /* set where a text has no word that is known */
    pthread_mutex_t lock;                  /* of the rest */
    adah_reasons unreadable;               /* by the record's number */
    adah_stage_times times;
} side_run;

static int reads_pictures(const side_run *run) { return run->input.kind == ADAH_INPUT_PIXELS && !run->rgb; }

/* ---------------------------------------------------------------- a worker */

static adah_code open_worker(void *context, void **worker, adah_status *status) {
    const side_run *run = context;
    const adah_input_shape none = {0};
    const adah_network_plan plan = {.n_batch = run->n_batch,
                                    .image = run->modality == ADAH_IMAGE ? run->input : none,
                                    .text = run->modality == ADAH_TEXT ? run->input : none};
    adah_picture_worker *w;
    ADAH_TRY(adah_picture_worker_create(&plan, &run->state->config, (adah_parameters *)&run->state->parameters,
                                        reads_pictures(run) ? (size_t)run->state->config.n_side : 0, &w, status));
    *worker = w;
    return ADAH_OK;
}

static void close_worker(void *context, void *worker) {
    side_run *run = context;
    adah_picture_worker *w = worker;
    pthread_mutex_lock(&run->lock);
    adah_stage_times_add(&run->times, &w->times);
    pthread_mutex_unlock(&run->lock);
    adah_picture_worker_free(w);
}

/* What cannot be read is left out, unless that is an error. */
static adah_code leave_out(side_run *run, size_t record, const adah_status *fault, adah_status *status) {
    if (run->source->strict || fault->code == ADAH_ERROR_MEMORY)
        return adah_fail(status, fault->code, "%s", fault->message);
    pthread_mutex_lock(&run->lock);
    run->has_image[record] = 0;
    adah_reasons_add(&run->unreadable, record, fault->message);
    pthread_mutex_unlock(&run->lock);
    return ADAH_OK;
}

static adah_code fill_words(side_run *run, adah_picture_worker *w, size_t record, float *x,
                            adah_status *status) {
    const double start = adah_clock_seconds();
    uint32_t *words;
    size_t n_words;
    ADAH_TRY(adah_vocabulary_lookup(run->source->model->vocabulary,
                                    adah_dataset_record(run->source->dataset, record)->text, &words, &n_words, NULL,
                                    status));
    adah_text_bag(words, n_words, run->input.item.dim[0], x);
    adah_memory_free(words);
    if (n_words == 0)
        run->unknown[record] = 1;
    w->times.normalise += adah_clock_seconds() - start;
    return ADAH_OK;
}

/* One record into its place of the batch; zeros where there is no picture. */
static adah_code fill_item(side_run *run, adah_picture_worker *w, size_t record, size_t slot, adah_status *status) {
    const adah_settings *config = &run->state->config;
    const size_t n_floats = adah_shape_count(run->input.item);
    adah_side *side = run->modality == ADAH_IMAGE ? &w->network->image : &w->network->text;
    float *x = adah_node_value(side->input) + slot * n_floats;
    adah_status fault = {0};
    if (run->input.kind == ADAH_INPUT_WORDS)
        return fill_words(run, w, record, x, status);
    if (reads_pictures(run) &&
        adah_picture_worker_read(w, run->source->dataset, record, (size_t)config->n_side, &fault) != ADAH_OK)
        ADAH_TRY(leave_out(run, record, &fault, status));
    if (run->modality == ADAH_IMAGE && !run->has_image[record]) {
        memset(x, 0, n_floats * sizeof *x);
    } else if (run->rows) {
        const double start = adah_clock_seconds();
        adah_float_item(run->rows, run->input, record, x);
        w->times.normalise += adah_clock_seconds() - start;
    } else {
        adah_picture_worker_normalise(w, config, run->rgb ? run->rgb + record * n_floats : w->rgb, slot);
    }
    return ADAH_OK;
}

static adah_code encode_piece(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    side_run *run = context;
    adah_picture_worker *w = worker;
    const size_t q = (size_t)run->state->config.n_bits;
    const adah_side *side = run->modality == ADAH_IMAGE ? &w->network->image : &w->network->text;
    const size_t n_floats = adah_shape_count(run->input.item);
    for (size_t i = 0; i < n; i++)
        ADAH_TRY(fill_item(run, w, first + i, i, status));
    memset(adah_node_value(side->input) + n * n_floats, 0, (run->n_batch - n) * n_floats * sizeof(float));
    ADAH_TRY(adah_picture_worker_forward(w, status));
    const float *h = adah_node_value(side->code);
    adah_codes_pack(h, n, q, run->code + first * q / 8);
    if (run->real)
        memcpy(run->real + first * q, h, n * q * sizeof *h);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- both sides */

static adah_code run_side(side_run *run, adah_progress progress, size_t *n_threads, adah_status *status) {
    const adah_team_job job = {.n_items = adah_dataset_count(run->source->dataset),
                               .n_piece = run->n_batch,
                               .stage = run->modality == ADAH_IMAGE ? "encoding images" : "encoding texts",
                               .context = run,
                               .open = open_worker,
                               .work = encode_piece,
                               .close = close_worker};
    if (n_threads && adah_team_size(&job) > *n_threads)
        *n_threads = adah_team_size(&job);
    if (reads_pictures(run))
        ADAH_TRY(adah_image_start(status));
    pthread_mutex_init(&run->lock, NULL);
    const adah_code code = adah_team_run(&job, progress, status);
    pthread_mutex_destroy(&run->lock);
    return code;
}

/* Takes out the records without an image. */
static void close_up(adah_codes *c, const uint8_t *has_image, const uint8_t *unknown) {
    const size_t n_bytes = c->n_bits / 8;
    size_t k = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (!has_image[i])
            continue;
        c->n_texts_unknown += unknown[i];
        c->record[k] = i;
        memmove(c->image + k * n_bytes, c->image + i * n_bytes, n_bytes);
        memmove(c->text + k * n_bytes, c->text + i * n_bytes, n_bytes);
        if (c->image_real) {
            memmove(c->image_real + k * c->n_bits, c->image_real + i * c->n_bits, c->n_bits * sizeof(float));
            memmove(c->text_real + k * c->n_bits, c->text_real + i * c->n_bits, c->n_bits * sizeof(float));
        }
        k++;
    }
    c->n = k;
}

/* What the side's network is given, and where that comes from. */
static void set_input(side_run *run) {
    const adah_encode_source *s = run->source;
    const adah_feature_array *array = run->modality == ADAH_IMAGE ? &s->arrays->image : &s->arrays->text;
    run->input = run->modality == ADAH_IMAGE ? run->state->image : run->state->text;
    run->n_batch = ROW_BATCH;
    if (array->path) {
        run->rows = &array->rows;
    } else if (run->modality == ADAH_IMAGE && s->store->n && s->store->input == ADAH_INPUT_MAP) {
        run->input = (adah_input_shape){ADAH_INPUT_MAP, s->store->item};
        run->rows = &s->store->rows;
    } else if (run->modality == ADAH_IMAGE) {
        run->rgb = s->store->n ? s->store->rgb : NULL;
        run->n_batch = s->n_batch ? s->n_batch : adah_picture_batch(&run->state->parameters, ~0u);
    }
}

static adah_code encode_sides(const adah_encode_source *source, uint8_t *has_image, uint8_t *unknown, adah_progress progress,
                              adah_codes *c, adah_stage_times *times, size_t *n_threads, adah_status *status) {
    for (int m = ADAH_TEXT; m >= ADAH_IMAGE; m--) { /* texts are soon done */
        const int is_image = m == ADAH_IMAGE;
        side_run run = {.source = source,
                        .state = &source->model->state,
                        .modality = (adah_modality)m,
                        .has_image = has_image,
                        .unknown = unknown,
                        .code = is_image ? c->image : c->text,
                        .real = is_image ? c->image_real : c->text_real};
        set_input(&run);
        ADAH_TRY(run_side(&run, progress, n_threads, status));
        c->n_skipped += run.unreadable.n;
        if (run.unreadable.n)
            adah_reasons_join(&run.unreadable, c->reasons);
        if (times)
            adah_stage_times_add(times, &run.times);
    }
    return ADAH_OK;
}

adah_code adah_encode_stream(const adah_encode_source *source, int keep_real, adah_progress progress,
                             adah_codes *codes, adah_stage_times *times, size_t *n_threads, adah_status *status) {
    const size_t n = adah_dataset_count(source->dataset);
    adah_codes c;
    ADAH_TRY(adah_codes_allocate(&c, n, (size_t)source->model->state.config.n_bits, keep_real, status));
    uint8_t *has_image = adah_memory_alloc(n), *unknown = adah_memory_zeroed(n, 1);
    adah_code code = has_image && unknown ? ADAH_OK : adah_fail_memory(status, n);
    if (code == ADAH_OK) {
        memset(has_image, 1, n);
        if (source->store->n) {
            memcpy(has_image, source->store->has_image, n);
            c.n_skipped = source->store->n_missing;
            snprintf(c.reasons, sizeof c.reasons, "%s", source->store->missing);
        }
        code = encode_sides(source, has_image, unknown, progress, &c, times, n_threads, status);
        const adah_file_map maps[3] = {adah_feature_array_map(&source->arrays->image), adah_feature_array_map(&source->arrays->text),
                                       source->store->map};
        for (int i = 0; i < 3; i++)
            code = adah_file_check_map(&maps[i], code, status);
    }
    if (code == ADAH_OK) {
        close_up(&c, has_image, unknown);
        *codes = c;
    } else {
        adah_codes_free(&c);
    }
    adah_memory_free(has_image);
    adah_memory_free(unknown);
    return code;
}
