/* evaluate_masks.c - mean IoU and pointing game of the attention mask, beside those of random masks of the same size. */
#include "api/evaluate_masks.h"
#include "api/model.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/image.h"
#include "eval/mask_measures.h"

#include <string.h>

typedef struct scoring {
    const adah_dataset *dataset;
    adah_encoder *encoder;
    size_t n_side;
    adah_picture_form form; /* what the model sees of a picture, it sees of its mask */
    uint8_t *rgb, *truth; /* the true mask, decoded, then one byte a pixel */
    adah_mask_means sum;
} scoring;

static adah_code load_truth(scoring *s, const char *name, adah_status *status) {
    char *path = adah_file_join(adah_dataset_folder(s->dataset), name);
    if (!path)
        return adah_fail_memory(status, strlen(name));
    const adah_code code = adah_image_load_in_form(path, &s->form, s->rgb, status);
    adah_memory_free(path);
    for (size_t i = 0; code == ADAH_OK && i < s->n_side * s->n_side; i++)
        s->truth[i] = s->rgb[3 * i] >= 128;
    return code;
}

static adah_code score_map(scoring *s, const adah_attention_map *map, uint64_t seed, adah_status *status) {
    const adah_mask_truth truth = {s->truth, s->n_side};
    adah_mask_score mine, random;
    size_t n_attended = 0;
    for (size_t i = 0; i < map->n_height * map->n_width; i++)
        n_attended += map->mask[i];
    ADAH_TRY(adah_mask_score_attention(map->mask, map->probability, map->n_height, map->n_width, truth, &mine, status));
    ADAH_TRY(adah_mask_score_random(map->n_height, map->n_width, n_attended, truth, seed, &random, status));
    s->sum.n_images++;
    s->sum.iou += mine.iou;
    s->sum.iou_random += random.iou;
    s->sum.pointing_game += mine.pointing;
    s->sum.pointing_game_random += random.pointing;
    return ADAH_OK;
}

static adah_code score_record(scoring *s, const adah_record *record, uint64_t seed, adah_status *status) {
    char *path = adah_file_join(adah_dataset_folder(s->dataset), record->file_name);
    adah_attention_map map;
    if (!path)
        return adah_fail_memory(status, strlen(record->file_name));
    adah_status fault = {0};
    adah_code code = adah_attend_image_file(s->encoder, path, &map, &fault);
    adah_memory_free(path);
    if (adah_is_unreadable(code))
        return ADAH_OK; /* an unreadable image, counted where the codes were made */
    if (code != ADAH_OK)
        return adah_fail(status, code, "%s", fault.message);
    code = load_truth(s, record->mask, &fault);
    if (code == ADAH_OK)
        code = score_map(s, &map, seed, &fault);
    adah_attention_map_free(&map);
    if (adah_is_unreadable(code))
        return ADAH_OK; /* a mask that cannot be read is left out; n_images tells how many were scored */
    return code == ADAH_OK ? ADAH_OK : adah_fail(status, code, "%s", fault.message);
}

adah_code adah_evaluate_masks(const adah_model *model, adah_precision precision, const adah_dataset *dataset, adah_split split,
                              adah_mask_means *means, adah_status *status) {
    const adah_encoder_options options = {sizeof options, precision};
    scoring s = {.dataset = dataset, .n_side = (size_t)model->state.config.n_side, .form = adah_settings_form(&model->state.config)};
    if (!model->state.config.attention || model->state.image.kind != ADAH_INPUT_PIXELS)
        return ADAH_OK;
    s.rgb = adah_memory_alloc(s.n_side * s.n_side * 3);
    s.truth = adah_memory_alloc(s.n_side * s.n_side);
    adah_code code = s.rgb && s.truth ? adah_encoder_create(model, &options, &s.encoder, status)
                                      : adah_fail_memory(status, s.n_side * s.n_side * 3);
    for (size_t i = 0; i < adah_dataset_count(dataset) && code == ADAH_OK; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        if (r->mask && r->split == split)
            code = score_record(&s, r, i, status);
    }
    if (code == ADAH_OK && s.sum.n_images) {
        const double n = (double)s.sum.n_images;
        *means = (adah_mask_means){s.sum.n_images, s.sum.iou / n, s.sum.iou_random / n, s.sum.pointing_game / n,
                                   s.sum.pointing_game_random / n};
    }
    adah_encoder_close(s.encoder);
    adah_memory_free(s.rgb);
    adah_memory_free(s.truth);
    return code;
}
