/* train_model.c - adah_train: from a data set to a model file.
 *
 * Options become a configuration; the train records' texts a vocabulary; images feature maps or pixels (image_store.h),
 * unless either is given as features (feature_array.h): model_inputs.h chooses;
 * a seeded part of the pairs is cut off for validation; learn/train.c does the learning. */
#include "api/training_log.h"
#include "api/validate.h"
#include "backbones/backbone.h"
#include "backbones/cut.h"
#include "backbones/published.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sized_options.h"
#include "base/reasons.h"
#include "files/model_file.h"
#include "input/pair_set.h"
#include "learn/train.h"
#include "paper/picture_part.h"
#include "learn/appearance.h"
#include "learn/standard.h"
#include "settings/method.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { STREAM_VALIDATION = 3, CLASSIFIER_LABELS_MAX = 4096, FINE_OF_PAIRS = 128, BATCH_OF_PAIRS = 256 };
/* Of a text encoder's vectors beside bags of words, which have length 1: of 1, 4 and 10 it was as good as 10 on validation pairs of corel5k, and better than 1. */
static const float VECTOR_LENGTH = 4;

typedef struct job {
    const adah_dataset *dataset;
    const adah_train_options *options;
    const char *model_path;
    char *checkpoint_path;
    adah_progress progress;
    adah_model_state state; /* the model in the making */
    adah_model_inputs inputs;    /* its arrays: what the data set gives in place of pictures or words */
    adah_vocabulary *vocabulary; /* NULL: texts are not read as words of one */
    adah_text_encoder *text_encoder; /* that the model will carry; NULL: none */
    adah_pair_set set;
    size_t *items; /* training pairs, then validation pairs */
    size_t n_train, n_validation;
    uint64_t fingerprint;
    char fingerprint_text[20]; /* in hex, as the training record has it */
    adah_training_log log;
} job;

static void job_free(job *j) {
    adah_memory_free(j->checkpoint_path);
    adah_text_encoder_free(j->text_encoder);
    adah_model_state_free(&j->state);
    adah_vocabulary_free(j->vocabulary);
    adah_pair_set_free(&j->set);
    adah_model_inputs_close(&j->inputs);
    adah_memory_free(j->items);
}

/* ---------------------------------------------------------------- options -> configuration */

static int is_image_given(const job *j) { return j->inputs.arrays.image.source.shape.kind != ADAH_INPUT_NONE; }
/* Whether a list of words stands beside what a text encoder makes of a text. */
static int with_words(const adah_settings *c) { return c->text_words && !c->text_tokens; }
static int is_text_given(const job *j) { return j->inputs.arrays.text.source.shape.kind != ADAH_INPUT_NONE; }

/* Given features and what only pictures or words have do not go together. */
static adah_code check_given(const job *j, adah_status *status) {
    const adah_settings *c = &j->state.config;
    const int none = !strcmp(c->backbone, "none");
    if (is_image_given(j) && !none)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone %s: %s gives the images as features, which take no backbone",
                         c->backbone, j->inputs.arrays.image.path);
    if (is_image_given(j) && j->options->weights)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "weights %s: %s gives the images as features, which take no backbone",
                         j->options->weights, j->inputs.arrays.image.path);
    if (is_image_given(j) && c->finetune)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "finetune: %s gives the images as features; there is no backbone to "
                         "fine-tune", j->inputs.arrays.image.path);
    if (!is_image_given(j) && none)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone none: %s has neither image.npy nor image.safetensors",
                         adah_dataset_folder(j->dataset));
    if (j->options->text_prefix && !j->options->text_weights)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a text prefix is for a text encoder (text_weights), and there is none");
    if (c->text_tokens && !j->options->text_weights)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "text_tokens=%d: tokens are those of a text encoder (text_weights), and there is none",
                         c->text_tokens);
    if (is_text_given(j) && j->options->text_weights)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "text weights %s: %s gives the texts as features, which take no text encoder",
                         j->options->text_weights, j->inputs.arrays.text.path);
    if (j->options->text_weights && !with_words(c) && c->similarity == ADAH_SIMILARITY_WORDS)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "similarity \"words\": with a text encoder and %s there is no list of words; "
                         "choose \"labels\" or \"pairs\"", c->text_tokens ? "text_tokens" : "text_words=0");
    if (is_text_given(j) && c->similarity == ADAH_SIMILARITY_WORDS)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "similarity \"words\": %s gives the texts as features; choose \"labels\" "
                         "or \"pairs\"", j->inputs.arrays.text.path);
    return ADAH_OK;
}

/* What masks alone have does nothing without them. */
static adah_code check_masks(const adah_settings *c, const adah_train_options *o, adah_status *status) {
    static const char *const of_masks[] = {"attention_", "adversar", "rate_attention=", "n_warmup_epochs="};
    if (c->attention || !adah_method_find(c->method)->has_attention)
        return ADAH_OK;
    if (o->no_adversary)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "no adversary is asked for, but without attention there is none; ask for attention, "
                         "too");
    for (size_t i = 0; i < o->n_settings; i++)
        for (size_t k = 0; k < sizeof of_masks / sizeof *of_masks; k++)
            if (!strncmp(o->settings[i], of_masks[k], strlen(of_masks[k])))
                return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": there is no attention it could change; ask for "
                                 "attention, too", o->settings[i]);
    return ADAH_OK;
}

const char *adah_setting_choices(const char *setting, char text[ADAH_CHOICES_BYTES]) {
    if (!strcmp(setting, "method"))
        return adah_method_names(text);
    if (strcmp(setting, "backbone"))
        return adah_settings_choices(setting, text);
    snprintf(text, ADAH_CHOICES_BYTES, "%s", adah_backbone_names());
    return text;
}

/* Where a record is similar to itself alone there is no class that bits could be about. */
static void learn_pairs_apart(adah_settings *c, const adah_train_options *o) {
    if (c->similarity != ADAH_SIMILARITY_PAIRS || c->preset != ADAH_PRESET_DEFAULT || o->attention > 0 ||
        !adah_method_find(c->method)->has_attention)
        return;
    c->attention = 0;
    c->picture_share = 1;
    c->n_batch = c->finetune ? c->n_batch : BATCH_OF_PAIRS;
    c->picture_word_dropout = 0.2f;
    c->picture_code_temperature = 0.1f;
    c->n_fine = c->n_fine ? c->n_fine : FINE_OF_PAIRS;
}

/* The closed form of a method for the features of a joint encoder; NULL: it is another method. */
static const adah_closed_form *joint_form(const job *j) {
    const adah_closed_form *form = adah_method_find(j->state.config.method)->closed_form;
    return form && form->is_joint ? form : NULL;
}

/* What such a method takes from the vectors themselves. */
static adah_code fit_joint(job *j, adah_status *status) {
    const adah_input_shape image = j->inputs.arrays.image.source.shape;
    const adah_closed_form *form = joint_form(j);
    if (!form)
        return ADAH_OK;
    if (!is_image_given(j))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "method %s: it is for features of an encoder that puts images and texts into one space, and "
                         "%s has neither image.npy nor image.safetensors", j->state.config.method, adah_dataset_folder(j->dataset));
    form->fit(adah_input_channels(image), &j->state.config);
    return ADAH_OK;
}

static size_t count_train_records(const adah_dataset *dataset) {
    size_t n = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        n += adah_dataset_record(dataset, i)->split == ADAH_SPLIT_TRAIN;
    return n;
}

static adah_code configure(job *j, adah_status *status) {
    const adah_dataset *dataset = j->dataset;
    const adah_train_options *o = j->options;
    adah_settings *c = &j->state.config;
    const char *backbone = o->backbone ? o->backbone : is_image_given(j) ? "none" : "small";
    ADAH_TRY(adah_backbone_preset(o->preset ? o->preset : "default", backbone, c, status));
    ADAH_TRY(adah_settings_method(o->method ? o->method : "adah", c, status));
    ADAH_TRY(fit_joint(j, status));
    if (!adah_method_find(c->method)->has_attention && (o->attention || (o->no_adversary && !c->adversary)))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is asked for, but the method %s has none",
                         o->attention > 0 ? "attention" : o->attention ? "no attention" : "no adversary", c->method);
    if (o->finetune || o->finetune_from)
        ADAH_TRY(adah_backbone_finetune(o->finetune_from ? o->finetune_from : "all", c, status));
    c->seed = o->seed;
    if (o->attention)
        c->attention = o->attention > 0;
    c->adversary &= !o->no_adversary;
    const char *similarity = o->similarity ? o->similarity : adah_dataset_label_count(dataset) ? "labels"
                             : is_text_given(j) || o->text_weights || joint_form(j) ? "pairs" : "words";
    ADAH_TRY(adah_settings_set_value(c, "similarity", similarity, status));
    learn_pairs_apart(c, o);
    adah_settings_fit(adah_dataset_count(dataset), count_train_records(dataset), c);
    if (o->n_bits)
        c->n_bits = o->n_bits;
    if (o->n_epochs)
        c->n_epochs = o->n_epochs;
    if (o->language)
        ADAH_TRY(adah_settings_set_value(c, "language", o->language, status));
    for (size_t i = 0; i < o->n_settings; i++)
        ADAH_TRY(adah_settings_set(c, o->settings[i], status));
    ADAH_TRY(adah_cut_find(adah_backbone_find(c->backbone), c->finetune_from, c->finetune_from, status)); /* set by another name */
    ADAH_TRY(check_masks(c, o, status));
    ADAH_TRY(adah_backbone_check(c, status));
    if (c->similarity == ADAH_SIMILARITY_LABELS && !adah_dataset_label_count(dataset))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: no record has labels; choose the similarity \"words\" or \"pairs\"",
                         adah_dataset_folder(dataset));
    return check_given(j, status);
}

/* Given features of any magnitude, and vectors of a text encoder, are brought to a mean square of 1, once for all. *scale not 0: chosen
 * already. `path` is for the message. */
static adah_code choose_scale(const job *j, adah_input_source *source, const char *path, float *scale, adah_status *status) {
    if (source->shape.kind == ADAH_INPUT_NONE)
        return ADAH_OK;
    if (*scale == 0)
        *scale = adah_feature_measure(source, j->dataset);
    if (!(*scale <= ADAH_SCALE_MAX))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: values of magnitude %g, expected at least %g", path, 1 / (double)*scale,
                         1.0 / ADAH_SCALE_MAX);
    source->rows.scale = *scale;
    return ADAH_OK;
}

static adah_code scale_given(job *j, adah_status *status) {
    adah_feature_arrays *arrays = &j->inputs.arrays;
    ADAH_TRY(choose_scale(j, &arrays->image.source, arrays->image.path, &j->state.config.feature_scale, status));
    return choose_scale(j, &arrays->text.source, arrays->text.path, &j->state.config.text_scale, status);
}

/* ---------------------------------------------------------------- words, parameters, images */

/* The text encoder that the model carries, and the vectors of all texts. */
static adah_code read_texts(job *j, adah_status *status) {
    const char *folder = j->options->text_weights;
    adah_text_store *texts = &j->inputs.texts;
    ADAH_TRY(adah_text_weights_load(folder, j->options->text_prefix, &j->state.text_encoder, status));
    ADAH_TRY(adah_text_encoder_create(&j->state.text_encoder, folder, &j->text_encoder, status));
    const size_t n_tokens = (size_t)j->state.config.text_tokens, n_special = adah_text_encoder_special(j->text_encoder);
    if (n_tokens && n_tokens <= n_special)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "text_tokens=%zu: expected more than the %zu special tokens of every text", n_tokens, n_special);
    ADAH_TRY(adah_text_store_open(j->dataset, j->text_encoder, n_tokens, j->options->cache_folder, j->progress, texts, status));
    float *scale = &j->state.config.text_scale;
    const int is_measured = *scale == 0;
    ADAH_TRY(choose_scale(j, &texts->source, folder, scale, status));
    if (is_measured && with_words(&j->state.config))
        texts->source.rows.scale = *scale *= VECTOR_LENGTH / sqrtf((float)adah_shape_count(texts->source.shape.item));
    return ADAH_OK;
}

static adah_code make_vocabulary(job *j, adah_status *status) {
    const adah_settings *c = &j->state.config;
    if (j->options->text_weights)
        ADAH_TRY(read_texts(j, status));
    if (is_text_given(j) || (j->text_encoder && !with_words(c))) {
        j->state.text = is_text_given(j) ? j->inputs.arrays.text.source.shape : j->inputs.texts.source.shape;
        j->state.vocabulary = adah_memory_text("");
        return j->state.vocabulary ? ADAH_OK : adah_fail_memory(status, 1);
    }
    if (joint_form(j)) { /* the space is that of the images */
        j->state.text = j->inputs.arrays.image.source.shape;
        j->state.vocabulary = adah_memory_text("");
        return j->state.vocabulary ? ADAH_OK : adah_fail_memory(status, 1);
    }
    const size_t n = adah_dataset_count(j->dataset);
    const char **texts = adah_memory_zeroed(n, sizeof *texts);
    if (!texts)
        return adah_fail_memory(status, n * sizeof *texts);
    size_t n_texts = 0;
    for (size_t i = 0; i < n; i++)
        if (adah_dataset_record(j->dataset, i)->split == ADAH_SPLIT_TRAIN)
            texts[n_texts++] = adah_dataset_record(j->dataset, i)->text;
    const adah_vocabulary_options options = {c->language, (size_t)c->n_words_max, (size_t)c->n_documents_min,
                                             c->word_pairs};
    adah_status fault = {0};
    const adah_code code = adah_vocabulary_build(texts, n_texts, &options, &j->vocabulary, &fault);
    adah_memory_free(texts);
    if (code != ADAH_OK) { /* where texts are missing the notes tell what the records have instead */
        const char *notes = adah_dataset_notes(j->dataset);
        return adah_fail(status, code, "%s: %s%s%.*s", adah_dataset_folder(j->dataset), fault.message, *notes ? "; " : "",
                         adah_reasons_first(notes), notes);
    }
    const size_t n_words = adah_vocabulary_size(j->vocabulary);
    j->state.text = j->text_encoder ? adah_text_encoder_shape(j->text_encoder, 0, n_words) : adah_input_words(n_words);
    j->state.vocabulary = adah_vocabulary_json(j->vocabulary);
    return j->state.vocabulary ? ADAH_OK : adah_fail_memory(status, 1);
}

/* Makes every parameter of the model, seeded; of a method in closed form the backbone's, for it adds its own when it has learned. */
static adah_code make_network(job *j, adah_input_shape image, adah_status *status) {
    j->state.image = image;
    const int is_closed_form = adah_method_find(j->state.config.method)->closed_form != NULL;
    const adah_input_shape none = {.kind = ADAH_INPUT_NONE};
    const adah_network_plan plan = {.n_batch = 1, .image = image, .text = is_closed_form ? none : j->state.text,
                                    .features_only = is_closed_form, .creating = 1};
    adah_network *net = NULL;
    const adah_code code = adah_network_create(&plan, &j->state.config, &j->state.parameters, &net, status);
    adah_network_free(net);
    return code;
}

/* The parameters, and those of the backbone from its file. */
static adah_code make_parameters(job *j, adah_status *status) {
    if (is_image_given(j))
        return make_network(j, j->inputs.arrays.image.source.shape, status);
    adah_settings *c = &j->state.config;
    adah_weights *weights = NULL;
    const adah_backbone *backbone = adah_backbone_find(c->backbone);
    if (!j->options->weights && backbone->from_scratch && !c->finetune)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone %s would neither learn (finetune is 0) nor bring weights: give a "
                         "safetensors file", c->backbone);
    if (!j->options->weights && !backbone->from_scratch)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone %s needs its pre-trained weights: give a file of safetensors, PyTorch or MatConvNet",
                         c->backbone);
    if (j->options->weights)
        ADAH_TRY(adah_weights_open(j->options->weights, &weights, status));
    adah_code code = weights ? adah_backbone_prepare(weights, c, status) : ADAH_OK;
    if (code == ADAH_OK)
        code = make_network(j, adah_input_pixels((size_t)c->n_side), status);
    if (code == ADAH_OK && weights) {
        adah_status fault = {0};
        code = adah_backbone_load(&j->state.parameters, c, weights, &fault);
        if (code != ADAH_OK)
            adah_fail(status, code, "backbone %s: %s", c->backbone, fault.message);
    }
    adah_weights_close(weights);
    if (code == ADAH_OK && c->pooling == ADAH_POOL_FLATTEN && c->feature_scale == 0)
        c->feature_scale = 1; /* the pre-trained layers behind expect the map as it is */
    if (code == ADAH_OK && backbone->from_scratch && c->finetune && c->feature_scale == 0)
        c->feature_scale = 1; /* its last layer is normalised as it learns */
    if (code == ADAH_OK)
        code = adah_image_measure_features(j->dataset, c, &j->state.parameters, status);
    return code;
}

/* The logarithm of how rare a word is in the texts; pairs of words count for nothing, since few are seen often enough to tell
 * pictures apart. */
static void weigh_words(job *j) {
    float *weight = adah_picture_part_word_weight(&j->state.parameters);
    for (size_t i = 0; weight && i < adah_vocabulary_size(j->vocabulary); i++)
        weight[i] = adah_vocabulary_is_pair(j->vocabulary, i)
                        ? 0
                        : logf((float)adah_vocabulary_texts(j->vocabulary) / (float)adah_vocabulary_documents(j->vocabulary, i));
}

/* ---------------------------------------------------------------- which pairs */

static adah_code split(job *j, adah_status *status) {
    const adah_settings *c = &j->state.config;
    const size_t n = adah_dataset_count(j->dataset);
    size_t *usable = adah_memory_zeroed(n, sizeof *usable), *order = adah_memory_zeroed(n, sizeof *order);
    j->items = adah_memory_zeroed(n, sizeof *j->items);
    size_t n_usable = 0, n_train_records = 0;
    adah_code code = usable && order && j->items ? ADAH_OK : adah_fail_memory(status, n * sizeof *usable);
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        if (adah_dataset_record(j->dataset, i)->split == ADAH_SPLIT_TRAIN) {
            n_train_records++;
            if (adah_input_is_there(&j->set.image, i))
                usable[n_usable++] = i;
        }
    if (code == ADAH_OK && n_usable < 2)
        code = adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%s: %zu of %zu train records have a readable image, expected at least 2%s%.*s",
                         adah_dataset_folder(j->dataset), n_usable, n_train_records,
                         j->inputs.store.n_missing ? "; the first fault: " : "", adah_reasons_first(j->inputs.store.missing), j->inputs.store.missing);
    if (code == ADAH_OK) {
        adah_random r = adah_random_seeded(c->seed, STREAM_VALIDATION);
        adah_random_permutation(&r, n_usable, order);
        j->n_validation = (size_t)(c->validation_share * (float)n_usable);
        if (n_usable - j->n_validation < 2)
            j->n_validation = 0;
        j->n_train = n_usable - j->n_validation;
        for (size_t i = 0; i < n_usable; i++)
            j->items[i] = usable[order[i]];
    }
    adah_memory_free(usable);
    adah_memory_free(order);
    return code;
}

/* Of a file of the data set; 0 when it is not there. */
static uint64_t size_of(const adah_dataset *dataset, const char *name) {
    char *path = adah_file_join(adah_dataset_folder(dataset), name);
    struct stat info;
    const uint64_t n_bytes = path && adah_file_look(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    adah_memory_free(path);
    return n_bytes;
}

/* The features given for an item, as they stand in the array. */
static void hash_given(XXH3_state_t *hash, const adah_feature_array *array, size_t item) {
    const size_t n = adah_shape_count(array->source.shape.item);
    XXH3_64bits_update(hash, array->source.rows.value + array->source.rows.row[item] * n, n * sizeof(float));
}

/* A text that a text encoder reads, as it stands. */
static void hash_text(XXH3_state_t *hash, const adah_record *record) {
    const uint64_t n_texts = record->n_texts;
    XXH3_64bits_update(hash, &n_texts, sizeof n_texts);
    XXH3_64bits_update(hash, record->text, strlen(record->text) + 1);
}

static void hash_list(XXH3_state_t *hash, const adah_lists *lists, size_t i) {
    XXH3_64bits_update(hash, adah_list(lists, i), adah_list_length(lists, i) * sizeof *lists->item);
}

/* A checksum of what is learned from: file names and sizes, words, given features, labels, the cut. Not of what the images decode to: that may
 * differ in the last bits from machine to machine. */
static adah_code fingerprint(job *j, adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return adah_fail_memory(status, 1024);
    XXH3_64bits_reset(hash);
    const adah_word_lists *words = &j->set.text.words;
    for (size_t i = 0; i < j->n_train + j->n_validation; i++) {
        const size_t item = j->items[i];
        const char *name = adah_dataset_record(j->dataset, item)->file_name;
        XXH3_64bits_update(hash, name, strlen(name) + 1);
        const uint64_t n_bytes = is_image_given(j) ? 0 : size_of(j->dataset, name);
        XXH3_64bits_update(hash, &n_bytes, sizeof n_bytes);
        if (is_image_given(j))
            hash_given(hash, &j->inputs.arrays.image, item);
        if (is_text_given(j))
            hash_given(hash, &j->inputs.arrays.text, item);
        else if (j->text_encoder)
            hash_text(hash, adah_dataset_record(j->dataset, item));
        if (j->vocabulary)
            hash_list(hash, &words->item, item);
        if (words->first && words->first[item + 1] > words->first[item]) { /* one of them is drawn */
            for (size_t t = words->first[item]; t < words->first[item + 1]; t++) {
                const uint64_t n_own = adah_list_length(&words->text, t);
                XXH3_64bits_update(hash, &n_own, sizeof n_own);
            }
            for (size_t t = words->first[item]; t < words->first[item + 1]; t++)
                hash_list(hash, &words->text, t);
        }
        hash_list(hash, &j->set.labels, item);
    }
    XXH3_64bits_update(hash, j->state.vocabulary, strlen(j->state.vocabulary));
    if (j->text_encoder)
        XXH3_64bits_update(hash, adah_text_encoder_id(j->text_encoder), 32);
    j->fingerprint = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    snprintf(j->fingerprint_text, sizeof j->fingerprint_text, "%016llx", (unsigned long long)j->fingerprint);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- the record of the training */

/* How many different codes the pairs have, in the words of an evaluation; NULL: *status says why. */
static json_t *distinct_codes(job *j, const adah_training *training, adah_status *status) {
    size_t n, n_distinct[2], n_most[2];
    if (adah_validate_distinct(training, &j->state.parameters, &n, n_distinct, n_most, status) != ADAH_OK)
        return NULL;
    json_t *json = json_pack("{s:I}", "n_items", (json_int_t)n);
    for (int m = 0; m < 2; m++)
        json_object_set_new(json, m == ADAH_IMAGE ? "image" : "text",
                            json_pack("{s:I, s:I}", "n_distinct", (json_int_t)n_distinct[m], "n_most", (json_int_t)n_most[m]));
    return json ? json : (adah_fail_memory(status, 1), NULL);
}

static adah_code record_training(job *j, const adah_training *training, const adah_history *history, adah_status *status) {
    adah_status fault = {0};
    json_t *distinct = distinct_codes(j, training, &fault);
    if (!distinct)
        return adah_fail(status, fault.code, "%s", fault.message);
    char *history_text = adah_history_json(history);
    if (!history_text) {
        json_decref(distinct);
        return adah_fail_memory(status, history->n * sizeof *history->epoch);
    }
    json_t *epochs = json_loads(history_text, 0, NULL);
    adah_memory_free(history_text);
    json_t *labels = json_array();
    for (uint32_t i = 0; i < adah_dataset_label_count(j->dataset); i++)
        json_array_append_new(labels, json_string(adah_dataset_label_name(j->dataset, i)));
    json_t *record = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o, s:I, s:o?}", "adah_version", ADAH_VERSION, "data",
                               j->fingerprint_text, "n_train", (json_int_t)j->n_train, "n_validation", (json_int_t)j->n_validation,
                               "n_records_bad", (json_int_t)adah_dataset_skipped(j->dataset, NULL), "n_images_unreadable",
                               (json_int_t)j->inputs.store.n_missing, "first_unreadable", j->inputs.store.missing, "similarity",
                               adah_settings_text("similarity", (int)j->state.config.similarity), "labels", labels,
                               "distinct_codes", distinct, "best_epoch", (json_int_t)history->n_best, "history", epochs);
    char *text = record ? json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    j->state.training = text ? adah_memory_text(text) : NULL;
    free(text);
    json_decref(record);
    return j->state.training ? ADAH_OK : adah_fail_memory(status, 1);
}

/* ---------------------------------------------------------------- the whole */

/* With resume: a finished model of the same configuration and data is already there. */
static int already_done(job *j) {
    if (!j->options->resume || adah_file_exists(j->checkpoint_path) || !adah_file_exists(j->model_path))
        return 0;
    adah_model_state old = {0};
    if (adah_model_state_read(j->model_path, &old, NULL) != ADAH_OK)
        return 0;
    json_t *record = json_loads(old.training, 0, NULL);
    const char *its_data = json_string_value(json_object_get(record, "data"));
    const int same = !adah_settings_difference(&j->state.config, &old.config) && its_data && !strcmp(its_data, j->fingerprint_text);
    if (same) {
        j->state.training = old.training;
        old.training = NULL;
    }
    json_decref(record);
    adah_model_state_free(&old);
    return same;
}

static adah_code learn(job *j, adah_status *status) {
    const adah_settings *c = &j->state.config;
    const adah_pair_set *set = &j->set;
    const adah_training training = {
        .config = c,
        .set = set,
        .items = j->items,
        .n_train = j->n_train,
        .n_validation = j->n_validation,
        .validate = adah_validate,
        .classify = c->similarity != ADAH_SIMILARITY_PAIRS && set->n_labels > 0 && set->n_labels <= CLASSIFIER_LABELS_MAX,
        .checkpoint_path = j->checkpoint_path,
        .checkpoint_seconds = j->options->checkpoint_seconds,
        .resume = j->options->resume,
        .fingerprint = j->fingerprint,
        .progress = j->progress,
        .on_epoch = adah_training_log_epochs,
        .context = &j->log,
    };
    adah_history history;
    ADAH_TRY(adah_standard_learn(c, &set->image, j->items, j->n_train, &j->state.parameters, status));
    ADAH_TRY(adah_appearance_learn(c, &set->image, j->items, j->n_train, &j->state.parameters, status));
    ADAH_TRY(adah_train_parameters(&training, &j->state.parameters, &history, status));
    adah_code code = adah_pair_set_check(set, status);
    if (code == ADAH_OK)
        code = record_training(j, &training, &history, status);
    if (code == ADAH_OK)
        adah_training_log_epochs(&j->log, &history);
    adah_history_free(&history);
    if (code == ADAH_OK)
        code = adah_model_state_write(j->model_path, &j->state, status);
    if (code == ADAH_OK)
        unlink(j->checkpoint_path);
    return code;
}

static adah_code run(job *j, adah_status *status) {
    j->checkpoint_path = adah_file_suffixed(j->model_path, ".checkpoint");
    if (!j->checkpoint_path)
        return adah_fail_memory(status, strlen(j->model_path));
    ADAH_TRY(adah_file_check_place(j->model_path, ADAH_FILE_SAFETENSORS, status));
    ADAH_TRY(adah_training_log_begin(j->options->log_csv, j->options->log_tensorboard, j->model_path, j->checkpoint_path, &j->log, status));
    ADAH_TRY(adah_feature_arrays_open(j->dataset, &j->inputs.arrays, status));
    ADAH_TRY(configure(j, status));
    ADAH_TRY(scale_given(j, status));
    ADAH_TRY(make_vocabulary(j, status));
    ADAH_TRY(make_parameters(j, status));
    weigh_words(j);
    if (!is_image_given(j)) {
        ADAH_TRY(adah_image_store_open(j->dataset, &j->state.config, &j->state.parameters, j->options->cache_folder,
                                       j->options->strict, j->progress, &j->inputs.store, status));
        ADAH_TRY(adah_image_store_average(&j->state.config, &j->inputs.store, status));
    }
    ADAH_TRY(adah_model_inputs_choose(&j->state.config, j->vocabulary, j->text_encoder, j->dataset, j->options->strict,
                                      &j->inputs, status));
    if (j->inputs.text.shape.kind == ADAH_INPUT_NONE) /* of one space: their mean is all that is known of the texts' */
        j->inputs.text = j->inputs.image;
    ADAH_TRY(adah_pair_set_create(j->dataset, &j->inputs, j->state.config.similarity, &j->set, status));
    ADAH_TRY(split(j, status));
    ADAH_TRY(fingerprint(j, status));
    ADAH_TRY(adah_pair_set_check(&j->set, status)); /* it is of what is there */
    j->log.config = &j->state.config;
    j->log.timetable = adah_timetable_make(&j->state.config, j->n_train, j->n_validation);
    if (!already_done(j))
        return learn(j, status);
    adah_training_log_record(&j->log, j->state.training);
    return ADAH_OK;
}

adah_code adah_train(const adah_dataset *dataset, const char *model_path, const adah_train_options *options,
                     adah_progress progress, char **report, adah_status *status) {
    adah_train_options o;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_TRAIN, options, &o, status));
    job j = {.dataset = dataset, .options = &o, .model_path = model_path, .progress = progress,
             .inputs = {.store = {.missing = ""}}};
    const adah_code code = adah_training_log_end(&j.log, run(&j, status), model_path, status);
    if (code == ADAH_OK && report) {
        *report = j.state.training;
        j.state.training = NULL;
    }
    job_free(&j);
    return code;
}

const char *adah_train_method(size_t i, const char **summary) {
    const adah_method *const *m = adah_methods;
    while (*m && i-- > 0)
        m++;
    if (*m && summary)
        *summary = (*m)->summary;
    return *m ? (*m)->name : NULL;
}
