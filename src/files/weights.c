/* weights.c - asks the reader of either format. */
#include "files/weights.h"
#include "base/file.h"
#include "base/memory.h"
#include "files/matconvnet.h"
#include "files/safetensors.h"
#include "plugins/matlab/matlab.h"

#include <stdio.h>
#include <string.h>

struct adah_weights { /* one of the two */
    char *path;
    adah_safetensors *safetensors;
    adah_matconvnet *matconvnet;
};

adah_code adah_weights_open(const char *path, adah_weights **weights, adah_status *status) {
    adah_file_map map = {0};
    ADAH_TRY(adah_file_open_map(path, &map, status));
    const int is_matlab = adah_matlab_is_file(map.bytes, map.n_bytes);
    adah_file_close_map(&map);
    adah_weights *w = adah_memory_zeroed(1, sizeof *w);
    if (!w || !(w->path = adah_memory_text(path))) {
        adah_memory_free(w);
        return adah_fail_memory(status, sizeof *w);
    }
    const adah_code code = is_matlab ? adah_matconvnet_open(path, &w->matconvnet, status)
                                     : adah_safetensors_open(path, &w->safetensors, status);
    if (code != ADAH_OK)
        adah_weights_close(w);
    else
        *weights = w;
    return code;
}

void adah_weights_close(adah_weights *w) {
    if (!w)
        return;
    adah_safetensors_close(w->safetensors);
    adah_matconvnet_close(w->matconvnet);
    adah_memory_free(w->path);
    adah_memory_free(w);
}

adah_code adah_weights_read(const adah_weights *w, const char *name, adah_shape shape, float *out, adah_status *status) {
    return w->matconvnet ? adah_matconvnet_read(w->matconvnet, name, shape, out, status)
                         : adah_safetensors_read(w->safetensors, name, shape, out, status);
}

const char *adah_weights_path(const adah_weights *w) { return w->path; }

const adah_safetensor *adah_weights_find(const adah_weights *w, const char *name) {
    return w->safetensors ? adah_safetensors_find(w->safetensors, name) : NULL;
}

void adah_weights_style(const adah_weights *w, adah_settings *config) {
    const char *said = w->safetensors ? adah_safetensors_metadata(w->safetensors, "preprocess") : NULL;
    float mean[3];
    int is_matconvnet = w->matconvnet != NULL;
    if (is_matconvnet)
        memcpy(mean, adah_matconvnet_mean(w->matconvnet), sizeof mean);
    else
        is_matconvnet = said && sscanf(said, "RGB, 0..255 minus [%f,%f,%f]", &mean[0], &mean[1], &mean[2]) == 3;
    config->weights_style = is_matconvnet                                   ? ADAH_STYLE_MATCONVNET
                            : said && !strncmp(said, "BGR", 3)              ? ADAH_STYLE_CAFFE
                            : said && !strncmp(said, "RGB, x/127.5-1", 14) ? ADAH_STYLE_TENSORFLOW
                                                                            : ADAH_STYLE_TORCHVISION;
    if (is_matconvnet) {
        config->mean_red = mean[0];
        config->mean_green = mean[1];
        config->mean_blue = mean[2];
    }
}
