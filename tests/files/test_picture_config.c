/* (unit) test_picture_config.c - configurations beside weights, as transformers, open_clip and timm write them: what they say of filter, crop and
 * pixels; that a user's own choice stays; and what is broken. */
#define _GNU_SOURCE
#include "files/picture_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "temporary_folder.h"

static temporary_folder folder;

static int begin(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int end(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static adah_settings as_source(void) {
    adah_settings c = adah_settings_neutral;
    c.image_filter = ADAH_IMAGE_AS_SOURCE;
    c.image_crop = ADAH_IMAGE_CROP_AS_SOURCE;
    return c;
}

/* Of weights in a folder of their own with this file beside. */
static adah_code apply(const char *name, const char *text, adah_settings *c, adah_status *status) {
    static int number;
    char inside[600], weights[640];
    snprintf(inside, sizeof inside, "%s/%d", folder.path, number++);
    data_folder_put(inside, name, text);
    snprintf(weights, sizeof weights, "%s/model.safetensors", inside);
    return adah_picture_config_apply(weights, c, status);
}


static void every_kind(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *filter, *crop, *style;
        float share;
    } cases[] = {
        {"preprocessor_config.json", /* CLIP */
         "{\"crop_size\": 224, \"do_center_crop\": true, \"do_normalize\": true, \"do_resize\": true, \"resample\": 3, \"size\": 224,"
         "\"image_mean\": [0.48145466, 0.4578275, 0.40821073], \"image_std\": [0.26862954, 0.26130258, 0.27577711]}",
         "bicubic", "centre", "measured", 1},
        {"preprocessor_config.json", /* DINOv2 */
         "{\"crop_size\": {\"height\": 224, \"width\": 224}, \"do_center_crop\": true, \"resample\": 3, \"size\": {\"shortest_edge\": 256},"
         "\"do_rescale\": true, \"rescale_factor\": 0.00392156862745098,"
         "\"image_mean\": [0.485, 0.456, 0.406], \"image_std\": [0.229, 0.224, 0.225]}",
         "bicubic", "centre", "torchvision", 0.875f},
        {"preprocessor_config.json", /* SigLIP */
         "{\"resample\": 3, \"size\": {\"height\": 224, \"width\": 224}, \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}",
         "bicubic", "squash", "tensorflow", 1},
        {"preprocessor_config.json", /* ConvNeXt */
         "{\"crop_pct\": 0.875, \"resample\": 2, \"size\": {\"shortest_edge\": 224}, \"image_mean\": [0.485, 0.456, 0.406],"
         "\"image_std\": [0.229, 0.224, 0.225]}",
         "bilinear", "centre", "torchvision", 0.875f},
        {"preprocessor_config.json", /* ViT of before */
         "{\"do_resize\": true, \"resample\": 2, \"size\": 224, \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}", "bilinear",
         "squash", "tensorflow", 1},
        {"processor_config.json", "{\"image_processor\": {\"resample\": 2, \"size\": {\"height\": 9, \"width\": 9}}}", "bilinear", "squash",
         "caffe", 1},
        {"open_clip_config.json", "{\"model_cfg\": {}, \"preprocess_cfg\": {\"mean\": [0.5, 0.5, 0.5], \"std\": [0.5, 0.5, 0.5]}}", "bicubic",
         "centre", "tensorflow", 1},
        {"open_clip_config.json", "{\"preprocess_cfg\": {\"interpolation\": \"bicubic\", \"resize_mode\": \"squash\"}}", "bicubic", "squash",
         "caffe", 1},
        {"config.json", /* timm */
         "{\"architecture\": \"convnext_tiny\", \"pretrained_cfg\": {\"interpolation\": \"bicubic\", \"crop_pct\": 0.95, \"crop_mode\": \"center\","
         "\"mean\": [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225]}}",
         "bicubic", "centre", "torchvision", 0.95f},
        {"config.json", "{\"model_type\": \"vit\"}", "source", "source", "caffe", 1}, /* of transformers: nothing about pictures */
        {"preprocessor_config.json", "{\"do_resize\": false, \"do_normalize\": false}", "source", "source", "caffe", 1},
        {"preprocessor_config.json", "{\"resample\": 0, \"size\": [], \"image_mean\": [1, 2], \"image_std\": \"x\"}", "source", "source", "caffe", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adah_settings c = as_source();
        c.weights_style = ADAH_STYLE_CAFFE;
        assert_int_equal(apply(cases[i].name, cases[i].text, &c, NULL), ADAH_OK);
        assert_string_equal(adah_settings_text("image_filter", (int)c.image_filter), cases[i].filter);
        assert_string_equal(adah_settings_text("image_crop", (int)c.image_crop), cases[i].crop);
        assert_string_equal(adah_settings_text("weights_style", (int)c.weights_style), cases[i].style);
        assert_true(c.image_crop_share == cases[i].share);
    }
}

static void pixels_that_were_measured(void **state) {
    (void)state;
    adah_settings c = as_source();
    assert_int_equal(apply("preprocessor_config.json",
                           "{\"rescale_factor\": 0.1, \"image_mean\": [1, 2, 3], \"image_std\": [4, 5, 6]}", &c, NULL), ADAH_OK);
    assert_int_equal(c.weights_style, ADAH_STYLE_MEASURED);
    assert_true(c.mean_red == 10 && c.mean_green == 20 && c.mean_blue == 30);
    assert_true(c.deviation_red == 40 && c.deviation_green == 50 && c.deviation_blue == 60);
}

static void own_choice_stays(void **state) {
    (void)state;
    adah_settings c = as_source();
    c.image_crop = ADAH_IMAGE_SQUASH;
    assert_int_equal(apply("preprocessor_config.json", "{\"crop_size\": 224, \"do_center_crop\": true, \"resample\": 3, \"size\": 256}", &c, NULL),
                     ADAH_OK);
    assert_int_equal(c.image_crop, ADAH_IMAGE_SQUASH);
    assert_true(c.image_crop_share == 1);
    assert_int_equal(c.image_filter, ADAH_IMAGE_BICUBIC);
    c.image_filter = ADAH_IMAGE_LANCZOS;
    assert_int_equal(apply("preprocessor_config.json", "{\"resample\": 3, \"size\": 256}", &c, NULL), ADAH_OK);
    assert_int_equal(c.image_filter, ADAH_IMAGE_LANCZOS);
}

static void broken(void **state) {
    (void)state;
    adah_settings c = as_source();
    adah_status status;
    assert_int_equal(apply("preprocessor_config.json", "{\n\"size\": 224,,}", &c, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "preprocessor_config.json: line 2: "));
    assert_int_equal(apply("nothing.json", "{", &c, &status), ADAH_OK);
    assert_int_equal(adah_picture_config_apply("no_folder_in_it.safetensors", &c, &status), ADAH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind), cmocka_unit_test(pixels_that_were_measured),
                                       cmocka_unit_test(own_choice_stays), cmocka_unit_test(broken)};
    return cmocka_run_group_tests(tests, begin, end);
}
