/* image_store.c - a team of workers decodes and runs the frozen backbone and writes the items in order; the cache file is
 * then mapped.
 *
 * File: 64-byte header {magic, n, item bytes, missing, checksum of the rest}, items, one byte an item (1: readable), why the first
 * few are not, NUL. A damaged file is made again. */
#define _XOPEN_SOURCE 700
#include "input/image_store.h"
#include "backbones/backbone.h"
#include "backbones/cut.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/reasons.h"
#include "base/vector.h"
#include "input/input_worker.h"
#include "input/worker_team.h"
#include "settings/method.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { SAMPLE_IMAGES = 64 }; /* to measure on */

typedef struct store_header {
    char magic[8];
    uint64_t n, item_bytes, n_missing, sum;
    uint64_t reserved[3];
} store_header;

static const char store_magic[8] = "adahimg1";

/* ---------------------------------------------------------------- where */

/* Everything the content depends on: how images are prepared, the backbone's weights, the files. */
static adah_code checksum(const adah_dataset *dataset, const adah_settings *config, const adah_parameters *parameters,
                          char text[40], adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return adah_fail_memory(status, 1024);
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, &config->n_side, sizeof config->n_side);
    const adah_picture_form form = adah_settings_form(config);
    const int32_t kinds[2] = {form.filter, form.crop};
    if (form.filter != ADAH_FILTER_LANCZOS || form.crop != ADAH_CROP_NONE)
        XXH3_128bits_update(hash, kinds, sizeof kinds);
    if (form.crop != ADAH_CROP_NONE)
        XXH3_128bits_update(hash, &form.crop_share, sizeof form.crop_share);
    const int is_part = adah_settings_learns_part(config);
    const int holds_pixels = adah_settings_learns_all(config);
    XXH3_128bits_update(hash, &holds_pixels, sizeof holds_pixels);
    if (is_part)
        XXH3_128bits_update(hash, config->finetune_from, strlen(config->finetune_from) + 1);
    if (!holds_pixels) {
        if (!is_part) /* it comes behind what learns */
            XXH3_128bits_update(hash, &config->feature_scale, sizeof config->feature_scale);
        const char *style = adah_settings_text("weights_style", (int)config->weights_style);
        XXH3_128bits_update(hash, style, strlen(style) + 1);
        const float mean[3] = {config->mean_red, config->mean_green, config->mean_blue};
        XXH3_128bits_update(hash, mean, sizeof mean);
        const float deviation[3] = {config->deviation_red, config->deviation_green, config->deviation_blue};
        if (config->weights_style == ADAH_STYLE_MEASURED)
            XXH3_128bits_update(hash, deviation, sizeof deviation);
        const char *padding = adah_settings_text("weights_padding", (int)config->weights_padding);
        if (config->weights_padding != ADAH_PADDING_SAME)
            XXH3_128bits_update(hash, padding, strlen(padding) + 1);
        XXH3_128bits_update(hash, config->backbone, strlen(config->backbone) + 1);
        const char *precision = adah_settings_text("precision", (int)config->precision);
        if (config->precision != ADAH_FLOAT32)
            XXH3_128bits_update(hash, precision, strlen(precision) + 1);
        for (size_t i = 0; i < parameters->n; i++)
            if (is_part ? adah_cut_is_before(config, parameters->item[i]->name)
                        : (parameters->item[i]->group & (ADAH_GROUP_BACKBONE | ADAH_GROUP_STATISTICS)) != 0)
                XXH3_128bits_update(hash, parameters->item[i]->value, parameters->item[i]->n * sizeof(float));
    }
    char *folder = realpath(adah_dataset_folder(dataset), NULL);
    XXH3_128bits_update(hash, folder ? folder : "", folder ? strlen(folder) + 1 : 1);
    free(folder);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < adah_dataset_count(dataset) && code == ADAH_OK; i++) {
        const char *name = adah_dataset_record(dataset, i)->file_name;
        char *path = adah_file_join(adah_dataset_folder(dataset), name);
        struct stat info = {0};
        if (!path)
            code = adah_fail_memory(status, strlen(name));
        else if (adah_file_look(path, &info) != 0)
            memset(&info, 0, sizeof info);
        const int64_t facts[3] = {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
        XXH3_128bits_update(hash, name, strlen(name) + 1);
        XXH3_128bits_update(hash, facts, sizeof facts);
        adah_memory_free(path);
    }
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    snprintf(text, 40, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    XXH3_freeState(hash);
    return code;
}

/* ---------------------------------------------------------------- making */

/* What a picture goes through once: all of a frozen backbone, or the beginning of one. */
static adah_network_plan frozen_plan(const adah_settings *config, size_t n_batch) {
    return (adah_network_plan){.n_batch = n_batch, .image = adah_input_pixels((size_t)config->n_side), .features_only = 1,
                               .to_cut = adah_settings_learns_part(config)};
}

typedef struct making {
    const adah_settings *config;
    adah_parameters *parameters;
    adah_input_source source; /* the picture files */
    size_t n, n_batch, item_bytes;
    uint8_t *has_image;
    adah_file_writer *writer;
    XXH3_state_t *hash;       /* of all that is put behind the header */
} making;

static adah_code put(making *m, const void *bytes, size_t n_bytes, adah_status *status) {
    XXH3_64bits_update(m->hash, bytes, n_bytes);
    return adah_file_put(m->writer, bytes, n_bytes, status);
}

/* Its network is the frozen backbone; none: pixels are stored. */
static adah_code open_worker(void *context, void **worker, adah_status *status) {
    const making *m = context;
    const adah_network_plan plan = frozen_plan(m->config, m->n_batch);
    adah_input_worker *w;
    ADAH_TRY(adah_input_worker_create(adah_settings_learns_all(m->config) ? NULL : &plan, m->config, m->parameters, 1, &w, status));
    *worker = w;
    return ADAH_OK;
}

static void close_worker(void *context, void *worker) {
    (void)context;
    adah_input_worker_free(worker);
}

/* What is stored of the pictures that were made last. */
static uint8_t *items_of(const adah_input_worker *w) {
    return w->network ? (uint8_t *)adah_node_value(w->network->image.feature) : w->rgb;
}

static adah_code make_items(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    making *m = context;
    adah_input_worker *w = worker;
    size_t n_readable = 0;
    for (size_t i = 0; i < n; i++) {
        int is_there;
        if (w->network)
            ADAH_TRY(adah_input_worker_fill(w, &m->source, ADAH_IMAGE, first + i, i, &is_there, status));
        else
            ADAH_TRY(adah_picture_files_read(m->source.pictures, first + i, w->rgb, &w->times, &is_there, status));
        m->has_image[first + i] = (uint8_t)is_there;
        n_readable += m->has_image[first + i];
    }
    if (n_readable && w->network)
        ADAH_TRY(adah_input_worker_forward(w, status));
    for (size_t i = 0; i < n; i++)
        if (!m->has_image[first + i])
            memset(items_of(w) + i * m->item_bytes, 0, m->item_bytes);
    return ADAH_OK;
}

static adah_code put_items(void *context, void *worker, size_t first, size_t n, adah_status *status) {
    making *m = context;
    (void)first;
    return put(m, items_of(worker), n * m->item_bytes, status);
}

static adah_code write_store(making *m, adah_progress progress, adah_status *status) {
    store_header header = {.n = m->n, .item_bytes = m->item_bytes};
    const adah_team_job job = {.n_items = m->n,
                               .n_piece = m->n_batch,
                               .stage = adah_settings_learns_all(m->config) ? "reading images" : "computing feature maps",
                               .context = m,
                               .open = open_worker,
                               .work = make_items,
                               .deliver = put_items,
                               .close = close_worker};
    memcpy(header.magic, store_magic, sizeof header.magic);
    ADAH_TRY(adah_file_put(m->writer, &header, sizeof header, status));
    ADAH_TRY(adah_team_run(&job, progress, status));
    char reasons[ADAH_REASONS_BYTES];
    const adah_reasons *missing = adah_picture_files_unreadable(m->source.pictures);
    adah_reasons_join(missing, reasons);
    header.n_missing = missing->n;
    ADAH_TRY(put(m, m->has_image, m->n, status));
    ADAH_TRY(put(m, reasons, strlen(reasons) + 1, status));
    header.sum = XXH3_64bits_digest(m->hash);
    return adah_file_patch(m->writer, 0, &header, sizeof header, status);
}

static adah_code make_store(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                            const char *path, size_t item_bytes, int strict, adah_progress progress, adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    making m = {.config = config, .parameters = parameters, .n = n, .item_bytes = item_bytes,
                .source = {.shape = adah_input_pixels((size_t)config->n_side), .settings = config},
                .has_image = adah_memory_zeroed(n, 1), .hash = XXH3_createState()};
    m.n_batch = adah_settings_learns_all(config) ? 1 : adah_picture_batch(parameters, ADAH_GROUP_BACKBONE);
    adah_code code = m.has_image && m.hash ? ADAH_OK : adah_fail_memory(status, n);
    if (code == ADAH_OK)
        code = adah_picture_files_open(dataset, config, strict, &m.source.pictures, status);
    if (code == ADAH_OK)
        XXH3_64bits_reset(m.hash);
    if (code == ADAH_OK)
        code = adah_file_create(path, &m.writer, status);
    if (code == ADAH_OK) {
        code = write_store(&m, progress, status);
        if (code == ADAH_OK)
            code = adah_file_commit(m.writer, status);
        else
            adah_file_abort(m.writer);
    }
    XXH3_freeState(m.hash);
    adah_picture_files_close(m.source.pictures);
    adah_memory_free(m.has_image);
    return code;
}

/* ---------------------------------------------------------------- a sample, to measure the network on */

/* The first readable train images, normalised: x (n, 3, S, S). */
static adah_code load_sample(const adah_dataset *dataset, const adah_settings *config, float *x, size_t *n, adah_status *status) {
    const size_t n_side = (size_t)config->n_side;
    adah_stage_times times = {0};
    adah_picture_files *files = NULL;
    uint8_t *rgb = adah_memory_alloc(n_side * n_side * 3);
    adah_code code = rgb ? adah_picture_files_open(dataset, config, 0, &files, status) : adah_fail_memory(status, n_side * n_side * 3);
    for (size_t i = 0; i < adah_dataset_count(dataset) && *n < SAMPLE_IMAGES && code == ADAH_OK; i++) {
        int is_read = 0;
        if (adah_dataset_record(dataset, i)->split == ADAH_SPLIT_TRAIN)
            code = adah_picture_files_read(files, i, rgb, &times, &is_read, status);
        if (code == ADAH_OK && is_read)
            adah_backbone_normalise(config, rgb, n_side, x + (*n)++ * n_side * n_side * 3);
    }
    adah_picture_files_close(files);
    adah_memory_free(rgb);
    return code;
}

static adah_code measure_rms(const adah_settings *config, adah_parameters *parameters, const float *x, size_t n, float *rms,
                             adah_status *status) {
    const adah_network_plan plan = {.n_batch = n, .image = adah_input_pixels((size_t)config->n_side), .features_only = 1};
    adah_network *net;
    ADAH_TRY(adah_network_create(&plan, config, parameters, &net, status));
    memcpy(adah_node_value(net->image.input), x, n * (size_t)(config->n_side * config->n_side * 3) * sizeof *x);
    const adah_code code = adah_graph_forward(net->graph, status);
    if (code == ADAH_OK) {
        const float *f = adah_node_value(net->image.feature);
        const size_t count = adah_shape_count(adah_node_shape(net->image.feature));
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += (double)f[i] * f[i];
        *rms = (float)sqrt(sum / (double)count);
    }
    adah_network_free(net);
    return code;
}

adah_code adah_image_measure_features(const adah_dataset *dataset, adah_settings *config, adah_parameters *parameters,
                                      adah_status *status) {
    if (config->feature_scale != 0)
        return ADAH_OK;
    const size_t n_pixels = (size_t)(config->n_side * config->n_side);
    float *x = adah_memory_floats(SAMPLE_IMAGES * n_pixels * 3), rms = 0;
    size_t n = 0;
    adah_code code = x ? ADAH_OK : adah_fail_memory(status, SAMPLE_IMAGES * n_pixels * 12);
    if (code == ADAH_OK)
        code = load_sample(dataset, config, x, &n, status);
    if (code == ADAH_OK && n)
        code = measure_rms(config, parameters, x, n, &rms, status);
    if (code == ADAH_OK)
        config->feature_scale = rms > 0 ? 1 / rms : 1;
    adah_memory_free(x);
    return code;
}

/* ---------------------------------------------------------------- opening */

/* What is stored of an image. */
static adah_code set_item(const adah_settings *config, adah_parameters *parameters, adah_image_store *s, adah_status *status) {
    const size_t n_side = (size_t)config->n_side;
    s->source.settings = config;
    s->source.shape = adah_input_pixels(n_side);
    if (adah_settings_learns_all(config))
        return ADAH_OK;
    const adah_network_plan plan = frozen_plan(config, 1);
    adah_network *net;
    ADAH_TRY(adah_network_create(&plan, config, parameters, &net, status));
    const adah_shape f = adah_node_shape(net->image.feature);
    s->source.shape.kind = plan.to_cut ? ADAH_INPUT_MIDDLE : ADAH_INPUT_MAP;
    s->source.shape.item = (adah_shape){f.n_dims - 1, {f.dim[1], f.dim[2], f.dim[3], 0}};
    adah_network_free(net);
    return ADAH_OK;
}

static size_t item_bytes(const adah_image_store *s) {
    return adah_shape_count(s->source.shape.item) * (s->source.shape.kind == ADAH_INPUT_PIXELS ? 1 : sizeof(float));
}

/* Maps the file, checks it and points into it. */
static adah_code map_store(const char *path, size_t n, adah_image_store *s, adah_status *status) {
    ADAH_TRY(adah_file_open_map(path, &s->map, status));
    store_header header;
    const size_t fixed = sizeof header + n * item_bytes(s) + n;
    if (s->map.n_bytes <= fixed || s->map.bytes[s->map.n_bytes - 1] != '\0' ||
        (memcpy(&header, s->map.bytes, sizeof header), memcmp(header.magic, store_magic, sizeof header.magic)) ||
        header.n != n || header.item_bytes != item_bytes(s) ||
        header.sum != XXH3_64bits(s->map.bytes + sizeof header, s->map.n_bytes - sizeof header)) {
        adah_file_close_map(&s->map);
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged cache file", path);
    }
    s->n = n;
    s->n_missing = header.n_missing;
    const uint8_t *items = s->map.bytes + sizeof header;
    if (s->source.shape.kind == ADAH_INPUT_PIXELS)
        s->source.rgb = items;
    else
        s->source.rows.value = (const float *)(const void *)items;
    s->source.is_there = items + n * item_bytes(s);
    s->source.file = s->map;
    s->missing = (const char *)s->source.is_there + n;
    return ADAH_OK;
}

/* Takes the file, if there is a sound one. */
static adah_code find_store(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                            const char *folder, int strict, adah_image_store *s, adah_status *status) {
    char name[48], sum[40];
    ADAH_TRY(checksum(dataset, config, parameters, sum, status));
    snprintf(name, sizeof name, "%s.images", sum);
    s->path = adah_file_join(folder, name);
    if (!s->path)
        return adah_fail_memory(status, strlen(folder));
    if (adah_file_exists(s->path)) {
        ADAH_TRY(set_item(config, parameters, s, status));
        const adah_code code = map_store(s->path, adah_dataset_count(dataset), s, status);
        if (code != ADAH_OK && !adah_is_bad_content(code))
            return code;
    }
    if (strict && s->n_missing)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%.*s", adah_reasons_first(s->missing), s->missing);
    return ADAH_OK;
}

static adah_code open_store(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                            const char *folder, int strict, adah_progress progress, adah_image_store *s,
                            adah_status *status) {
    ADAH_TRY(find_store(dataset, config, parameters, folder, strict, s, status));
    if (s->n)
        return ADAH_OK;
    ADAH_TRY(adah_cache_make_folder(folder, status));
    ADAH_TRY(set_item(config, parameters, s, status));
    ADAH_TRY(make_store(dataset, config, parameters, s->path, item_bytes(s), strict, progress, status));
    return map_store(s->path, adah_dataset_count(dataset), s, status);
}

adah_code adah_image_store_open(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                                const char *given_folder, int strict, adah_progress progress, adah_image_store *store,
                                adah_status *status) {
    char *folder;
    ADAH_TRY(adah_cache_folder(given_folder, &folder, status));
    adah_image_store s = {0};
    const adah_code code = open_store(dataset, config, parameters, folder, strict, progress, &s, status);
    adah_memory_free(folder);
    if (code != ADAH_OK)
        adah_image_store_close(&s);
    else
        *store = s;
    return code;
}

adah_code adah_image_store_find(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                                const char *given_folder, int strict, adah_image_store *store, adah_status *status) {
    char *folder;
    adah_image_store s = {0};
    const adah_code placed = adah_cache_folder(given_folder, &folder, status);
    if (placed != ADAH_OK)
        return placed == ADAH_ERROR_MEMORY ? placed : ADAH_OK; /* no place, no file */
    const adah_code code = find_store(dataset, config, parameters, folder, strict, &s, status);
    adah_memory_free(folder);
    if (code != ADAH_OK || s.n == 0)
        adah_image_store_close(&s);
    if (code == ADAH_OK)
        *store = s;
    return code;
}

static void average_item(void *context, size_t item) {
    const adah_image_store *s = context;
    const size_t *dim = s->source.shape.item.dim, n_positions = dim[1] * dim[2];
    const float share = 1 / (float)n_positions;
    for (size_t c = item * dim[0]; c < (item + 1) * dim[0]; c++) /* as adah_graph_average_all does it */
        s->average[c] = share * adah_vector_sum(s->source.rows.value + c * n_positions, n_positions);
}

adah_code adah_image_store_average(const adah_settings *config, adah_image_store *store, adah_status *status) {
    const size_t n_values = store->n * store->source.shape.item.dim[0];
    const int takes_maps = config->attention || config->pooling == ADAH_POOL_FLATTEN || adah_method_find(config->method)->closed_form;
    if (store->source.shape.kind != ADAH_INPUT_MAP || takes_maps)
        return ADAH_OK;
    store->average = adah_memory_floats(n_values);
    if (!store->average)
        return adah_fail_memory(status, n_values * sizeof *store->average);
    adah_parallel_for(store->n, 16, average_item, store);
    ADAH_TRY(adah_input_check(&store->source, ADAH_OK, status));
    store->source.rows.value = store->average;
    store->source.shape.item.dim[1] = store->source.shape.item.dim[2] = 1;
    return ADAH_OK;
}

void adah_image_store_close(adah_image_store *store) {
    adah_file_close_map(&store->map);
    adah_memory_free(store->average);
    adah_memory_free(store->path);
    *store = (adah_image_store){0};
}
