/* picture_worker.c - a picture's file is read, decoded, normalised and run, each under its clock.
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
#include "input/picture_worker.h"
#include "backbones/backbone.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/image.h"

#include <string.h>

enum { HEAVY_BATCH = 8 };
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

void adah_stage_times_add(adah_stage_times *to, const adah_stage_times *from) {
    to->read += from->read;
    to->decode += from->decode;
    to->normalise += from->normalise;
    to->network += from->network;
}

/* Adds what has passed since `start` and gives the time that it is now. */
static double add_time(double *seconds, double start) {
    const double now = adah_clock_seconds();
    *seconds += now - start;
    return now;
}

adah_code adah_picture_worker_create(const adah_network_plan *plan, const adah_settings *config,
                                     adah_parameters *parameters, size_t n_side, adah_picture_worker **worker,
                                     adah_status *status) {
    adah_picture_worker *w = adah_memory_zeroed(1, sizeof *w);
    const size_t n_bytes = n_side * n_side * 3;
    if (!w || (n_side && !(w->rgb = adah_memory_alloc(n_bytes)))) {
        adah_picture_worker_free(w);
        return adah_fail_memory(status, n_bytes);
    }
    const adah_code code = plan ? adah_network_create(plan, config, parameters, &w->network, status) : ADAH_OK;
    if (code != ADAH_OK)
        adah_picture_worker_free(w);
    else
        *worker = w;
    return code;
}

void adah_picture_worker_free(adah_picture_worker *w) {
    if (!w)
        return;
    adah_network_free(w->network);
    adah_memory_free(w->rgb);
    adah_memory_free(w);
}

adah_code adah_picture_worker_read(adah_picture_worker *w, const adah_dataset *dataset, size_t record, size_t n_side,
                                   adah_status *status) {
    const char *name = adah_dataset_record(dataset, record)->file_name;
    char *path = adah_file_join(adah_dataset_folder(dataset), name);
    if (!path)
        return adah_fail_memory(status, strlen(name));
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    const double start = adah_clock_seconds();
    adah_code code = adah_image_read(path, &bytes, &n_bytes, status);
    const double read = add_time(&w->times.read, start);
    if (code == ADAH_OK)
        code = adah_image_decode(bytes, n_bytes, path, n_side, w->rgb, status);
    add_time(&w->times.decode, read);
    adah_memory_free(bytes);
    adah_memory_free(path);
    return code;
}

void adah_picture_worker_normalise(adah_picture_worker *w, const adah_settings *config, const uint8_t *rgb,
                                   size_t slot) {
    const double start = adah_clock_seconds();
    const size_t n_side = (size_t)config->n_side;
    adah_backbone_normalise(config, rgb, n_side,
                            adah_node_value(w->network->image.input) + slot * n_side * n_side * 3);
    add_time(&w->times.normalise, start);
}

adah_code adah_picture_worker_forward(adah_picture_worker *w, adah_status *status) {
    const double start = adah_clock_seconds();
    const adah_code code = adah_graph_forward(w->network->graph, status);
    add_time(&w->times.network, start);
    return code;
}
