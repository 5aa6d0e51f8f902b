/* picture_worker.c - a picture's file is read, decoded, normalised and run, each under its clock. */
#define _POSIX_C_SOURCE 200809L
#include "pipeline/picture_worker.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/image.h"
#include "model/backbone.h"

#include <string.h>
#include <time.h>

double adah_stage_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Adds what has passed since `start` and gives the time that it is now. */
static double add_time(double *seconds, double start) {
    const double now = adah_stage_now();
    *seconds += now - start;
    return now;
}

adah_code adah_picture_worker_create(const adah_network_plan *plan, const adah_config *config,
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
    const double start = adah_stage_now();
    adah_code code = adah_image_read(path, &bytes, &n_bytes, status);
    const double read = add_time(&w->times.read, start);
    if (code == ADAH_OK)
        code = adah_image_decode(bytes, n_bytes, path, n_side, w->rgb, status);
    add_time(&w->times.decode, read);
    adah_memory_free(bytes);
    adah_memory_free(path);
    return code;
}

void adah_picture_worker_normalise(adah_picture_worker *w, const adah_config *config, const uint8_t *rgb,
                                   size_t slot) {
    const double start = adah_stage_now();
    const size_t n_side = (size_t)config->n_side;
    adah_backbone_normalise(config, rgb, n_side,
                            adah_node_value(w->network->image.input) + slot * n_side * n_side * 3);
    add_time(&w->times.normalise, start);
}

adah_code adah_picture_worker_forward(adah_picture_worker *w, adah_status *status) {
    const double start = adah_stage_now();
    const adah_code code = adah_graph_forward(w->network->graph, status);
    add_time(&w->times.network, start);
    return code;
}
