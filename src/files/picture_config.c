/* picture_config.c - each kind of configuration is read into the same few facts; what it does not say, or says in a way that is not known, stays
 * as it was. */
#define _GNU_SOURCE
#include "files/picture_config.h"
#include "base/file.h"
#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 4 << 20 };

/* What was said. */
typedef struct facts {
    const char *filter; /* a name of image_filter; NULL: nothing */
    const char *crop;   /* of image_crop; NULL: nothing */
    double share;
    int has_pixels; /* (x - mean) / deviation of bytes */
    double mean[3], deviation[3];
} facts;

/* ---------------------------------------------------------------- parts of all kinds */

static int is_true(const json_t *object, const char *key, int otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static double number(const json_t *object, const char *key, double otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* Three numbers, each divided by `unit`. */
static int read_three(const json_t *array, double unit, double three[3]) {
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value))
            return 0;
        three[i] = json_number_value(value) / unit;
    }
    return json_array_size(array) == 3;
}

static void read_pixels(const json_t *mean, const json_t *deviation, double unit, facts *f) {
    f->has_pixels = read_three(mean, unit, f->mean) && read_three(deviation, unit, f->deviation);
    for (size_t i = 0; f->has_pixels && i < 3; i++)
        f->has_pixels = f->mean[i] >= 0 && f->mean[i] <= 255 && f->deviation[i] >= 0.001 && f->deviation[i] <= 255;
}

static const char *filter_by_name(const char *name) {
    static const char *const known[] = {"bicubic", "bilinear", "lanczos"};
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i]))
            return known[i];
    return NULL;
}

static void keep_centre(double share, facts *f) {
    if (share >= 0.1 && share <= 1) {
        f->crop = "centre";
        f->share = share;
    }
}

/* ---------------------------------------------------------------- Hugging Face transformers */

static void read_transformers(const json_t *c, facts *f) {
    static const char *const by_number[] = {NULL, "lanczos", "bilinear", "bicubic"}; /* Pillow's */
    const double unit = is_true(c, "do_rescale", 1) ? number(c, "rescale_factor", 1. / 255) : 1;
    if (is_true(c, "do_normalize", 1) && unit > 0)
        read_pixels(json_object_get(c, "image_mean"), json_object_get(c, "image_std"), unit, f);
    if (!is_true(c, "do_resize", 1))
        return;
    const double filter = number(c, "resample", 0);
    if (filter == 1 || filter == 2 || filter == 3)
        f->filter = by_number[(int)filter];
    const json_t *size = json_object_get(c, "size"), *crop_size = json_object_get(c, "crop_size");
    const double shortest = json_is_number(size) ? json_number_value(size) : number(size, "shortest_edge", 0);
    const double height = number(size, "height", 0);
    const double kept = json_is_number(crop_size) ? json_number_value(crop_size) : number(crop_size, "height", 0);
    const double share = number(c, "crop_pct", 0);
    if (share > 0 && shortest > 0 && shortest < 384) /* ConvNeXt's, which squashes larger ones */
        keep_centre(share, f);
    else if (share <= 0 && is_true(c, "do_center_crop", 0) && kept > 0 && (shortest > 0 || height > 0))
        keep_centre(kept / (shortest > 0 ? shortest : height), f);
    else if (height > 0 || json_is_number(size) || share > 0)
        f->crop = "squash";
}

/* ---------------------------------------------------------------- timm, open_clip */

static void read_timm(const json_t *c, facts *f) {
    const char *mode = json_string_value(json_object_get(c, "crop_mode"));
    read_pixels(json_object_get(c, "mean"), json_object_get(c, "std"), 1. / 255, f);
    f->filter = filter_by_name(json_string_value(json_object_get(c, "interpolation")));
    if (mode && !strcmp(mode, "squash"))
        f->crop = "squash";
    else if (!mode || !strcmp(mode, "center"))
        keep_centre(number(c, "crop_pct", 0), f);
}

static void read_open_clip(const json_t *c, facts *f) {
    const json_t *filter = json_object_get(c, "interpolation"), *mode = json_object_get(c, "resize_mode");
    read_pixels(json_object_get(c, "mean"), json_object_get(c, "std"), 1. / 255, f);
    f->filter = filter ? filter_by_name(json_string_value(filter)) : "bicubic";
    if (json_is_string(mode) && !strcmp(json_string_value(mode), "squash"))
        f->crop = "squash";
    else if (!mode || (json_is_string(mode) && !strcmp(json_string_value(mode), "shortest")))
        keep_centre(1, f);
}

/* ---------------------------------------------------------------- all */

static const struct {
    const char *name, *key; /* the part of the file that counts; NULL: all of it */
    void (*read)(const json_t *part, facts *f);
} kinds[] = {{"preprocessor_config.json", NULL, read_transformers},
             {"processor_config.json", "image_processor", read_transformers},
             {"open_clip_config.json", "preprocess_cfg", read_open_clip},
             {"config.json", "pretrained_cfg", read_timm}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* *said: a new reference, NULL where there is no such file. */
static adah_code read_file(const char *path, json_t **said, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    json_error_t error;
    *said = NULL;
    if (access(path, F_OK) != 0)
        return ADAH_OK;
    ADAH_TRY(adah_file_read(path, CONFIG_BYTES_MAX, &bytes, &n_bytes, status));
    *said = json_loadb((const char *)bytes, n_bytes, 0, &error);
    adah_memory_free(bytes);
    return *said ? ADAH_OK : adah_fail(status, ADAH_ERROR_CORRUPT, "%s: line %d: %s", path, error.line, error.text);
}

static int is_near(const double x[3], double a, double b, double c) {
    return fabs(x[0] - a) < 0.1 && fabs(x[1] - b) < 0.1 && fabs(x[2] - c) < 0.1;
}

static adah_code apply_pixels(const facts *f, adah_settings *config, adah_status *status) {
    const int is_imagenet = is_near(f->mean, .485 * 255, .456 * 255, .406 * 255) && is_near(f->deviation, .229 * 255, .224 * 255, .225 * 255);
    const int is_symmetric = is_near(f->mean, 127.5, 127.5, 127.5) && is_near(f->deviation, 127.5, 127.5, 127.5);
    if (is_imagenet || is_symmetric)
        return adah_settings_set_value(config, "weights_style", is_imagenet ? "torchvision" : "tensorflow", status);
    config->weights_style = ADAH_STYLE_MEASURED;
    config->mean_red = (float)f->mean[0];
    config->mean_green = (float)f->mean[1];
    config->mean_blue = (float)f->mean[2];
    config->deviation_red = (float)f->deviation[0];
    config->deviation_green = (float)f->deviation[1];
    config->deviation_blue = (float)f->deviation[2];
    return ADAH_OK;
}

static adah_code apply(const facts *f, adah_settings *config, adah_status *status) {
    if (f->has_pixels)
        ADAH_TRY(apply_pixels(f, config, status));
    if (f->filter && config->image_filter == ADAH_IMAGE_AS_SOURCE)
        ADAH_TRY(adah_settings_set_value(config, "image_filter", f->filter, status));
    if (f->crop && config->image_crop == ADAH_IMAGE_CROP_AS_SOURCE) {
        ADAH_TRY(adah_settings_set_value(config, "image_crop", f->crop, status));
        config->image_crop_share = f->share > 0 ? (float)f->share : 1;
    }
    return ADAH_OK;
}

adah_code adah_picture_config_apply(const char *path, adah_settings *config, adah_status *status) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? adah_memory_text_n(path, (size_t)(slash - path) + 1) : adah_memory_text("./");
    adah_code code = folder ? ADAH_OK : adah_fail_memory(status, strlen(path));
    for (size_t i = 0, is_found = 0; code == ADAH_OK && !is_found && i < N_KINDS; i++) {
        char *file = adah_file_join(folder, kinds[i].name);
        json_t *said = NULL;
        facts f = {0};
        code = file ? read_file(file, &said, status) : adah_fail_memory(status, strlen(path));
        const json_t *part = kinds[i].key ? json_object_get(said, kinds[i].key) : said;
        is_found = json_is_object(part);
        if (is_found) {
            kinds[i].read(part, &f);
            code = apply(&f, config, status);
        }
        json_decref(said);
        adah_memory_free(file);
    }
    adah_memory_free(folder);
    return code;
}
