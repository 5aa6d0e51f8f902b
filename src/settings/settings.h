/* settings.h - every choice of a model and its training, as one plain record; presets; to and from JSON.
 *
 * The rows of settings.def say what there is. `paper` is the method as published, open values chosen by measurement; `default` is
 * what measured best. What a backbone wants is added to a preset by backbones/backbone.h. */
#ifndef ADAH_SETTINGS_SETTINGS_H
#define ADAH_SETTINGS_SETTINGS_H

#include "base/status.h"

#include <string.h>

enum { ADAH_NAME_BYTES = 32, ADAH_SCALE_MAX = 1000000 /* of feature_scale and text_scale */ };

/* The enums of the choices: adah_preset, adah_style, adah_pooling, ... */
#define CHOICE(type, name, neutral, choices, group, sentence) typedef enum type { choices } type;
#define CHOICE_OF(type, name, neutral, choices, group, sentence)
#define OF(value, text) value,
#include "settings/settings.def"

typedef struct adah_settings {
#define INT(name, neutral, low, high, group, sentence) int name;
#define FLOAT(name, neutral, low, high, group, sentence) float name;
#define SEED(name, neutral, group, sentence) uint64_t name;
#define TEXT(name, neutral, group, sentence) char name[ADAH_NAME_BYTES];
#define CHOICE(type, name, neutral, choices, group, sentence) type name;
#include "settings/settings.def"
} adah_settings;

extern const adah_settings adah_settings_neutral; /* what a model means that was written before any of the settings existed */

/* "default" or "paper", with no backbone. */
adah_code adah_settings_preset(const char *preset, adah_settings *config, adah_status *status);
/* What a method (method.h) changes of the preset "default"; nothing for "adah". */
adah_code adah_settings_method(const char *method, adah_settings *config, adah_status *status);
/* What the preset "default" of "adah" takes from the size of a data set, before anything is set: the length of codes from all its
 * records, and, where the backbone is frozen, the pairs of a step and the epochs from its train records. */
void adah_settings_fit(size_t n_records, size_t n_train, adah_settings *config);
/* Refuses values that make no sense, naming the setting, the value and what was expected. Whether the backbone exists and takes them
 * is for adah_backbone_check. */
adah_code adah_settings_check(const adah_settings *config, adah_status *status);
/* A backbone stays as it is, learns as a whole, or learns from finetune_from on. */
static inline int adah_settings_learns_part(const adah_settings *config) { return config->finetune && strcmp(config->finetune_from, "all") != 0; }
static inline int adah_settings_learns_all(const adah_settings *config) { return config->finetune && !adah_settings_learns_part(config); }
/* The last bits of a code tell pictures apart, the ones before them classes. */
static inline int adah_settings_picture_bits(const adah_settings *config) {
    return config->n_fine ? (int)(config->picture_share * (float)config->n_bits + 0.5f) : 0;
}
/* Values of the vector for the fine order that a modality has. Components of features hold only while the backbone does not learn. */
static inline size_t adah_settings_appearance(const adah_settings *config) {
    return config->n_fine && !config->finetune ? (size_t)config->n_appearance : 0;
}
static inline size_t adah_settings_fine(const adah_settings *config, adah_modality modality) {
    return (size_t)config->n_fine + (modality == ADAH_IMAGE ? adah_settings_appearance(config) : 0);
}
static inline int adah_settings_class_bits(const adah_settings *config) {
    return config->n_bits - adah_settings_picture_bits(config);
}
/* What the backbone sees of a picture. */
static inline adah_picture_form adah_settings_form(const adah_settings *config) {
    const int is_centre = config->image_crop == ADAH_IMAGE_CENTRE;
    return (adah_picture_form){.n_side = (size_t)config->n_side,
                               .filter = config->image_filter == ADAH_IMAGE_BICUBIC    ? ADAH_FILTER_BICUBIC
                                         : config->image_filter == ADAH_IMAGE_BILINEAR ? ADAH_FILTER_BILINEAR
                                                                                       : ADAH_FILTER_LANCZOS,
                               .crop = is_centre ? ADAH_CROP_CENTRE : ADAH_CROP_NONE,
                               .crop_share = is_centre ? config->image_crop_share : 0};
}
/* Final epochs: n_final_epochs, but at most half as many as n_epochs. */
int adah_settings_final(const adah_settings *config);
/* Epochs of warm-up: n_warmup_epochs, but at most a third of all; none without attention. */
int adah_settings_warmup(const adah_settings *config);
/* Epochs before the backbone learns: n_finetune_after, but at least one is left. */
int adah_settings_finetune_after(const adah_settings *config);
/* Sets one value from "name=value"; the message for an unknown name lists the known ones. Ranges are checked by
 * adah_settings_check. A preset and a method are refused: they bring other values along. */
adah_code adah_settings_set(adah_settings *config, const char *setting, adah_status *status);
/* The same for a name and a value of their own. */
adah_code adah_settings_set_value(adah_settings *config, const char *name, const char *value, adah_status *status);
/* The same for each of "name=value name=value ...". */
adah_code adah_settings_change(adah_settings *config, const char *list, adah_status *status);
/* The text of a value of a choice: adah_settings_text("similarity", ADAH_SIMILARITY_WORDS) is "words". */
const char *adah_settings_text(const char *name, int value);
/* All of them, "a|b|c"; NULL: it is no choice. */
const char *adah_settings_choices(const char *name, char text[ADAH_CHOICES_BYTES]);

char *adah_settings_json(const adah_settings *config); /* adah_memory_free; NULL: memory */
/* A missing key has its neutral value; an unknown one, as a newer version may write, is refused by its name. */
adah_code adah_settings_parse(const char *json, adah_settings *config, adah_status *status);
/* The name of the first setting in which the two differ; NULL: they are the same. */
const char *adah_settings_difference(const adah_settings *a, const adah_settings *b);

#endif
