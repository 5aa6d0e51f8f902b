/* settings.h - every choice of a model and its training, as one plain record; presets; to and from JSON.
 *
 * `paper` is the method as published, open values chosen by measurement (docs/method/choices.md); `default` is what measured best. */
#ifndef ADAH_SETTINGS_SETTINGS_H
#define ADAH_SETTINGS_SETTINGS_H

#include "base/status.h"

enum { ADAH_NAME_BYTES = 32, ADAH_SCALE_MAX = 1000000 /* of feature_scale and text_scale */ };

typedef enum adah_pooling {
    ADAH_POOL_ATTENDED,  /* a masked map is averaged over the positions its mask keeps */
    ADAH_POOL_ALL,       /* ... over all H * W positions */
    ADAH_POOL_FLATTEN    /* not averaged: VGG's fully connected layers take the whole map */
} adah_pooling;

typedef struct adah_settings {
    char preset[ADAH_NAME_BYTES];
    char method[ADAH_NAME_BYTES]; /* "adah", or a rival: docs/method/rivals.md says which of the values below it heeds */
    /* what the model is */
    int n_bits;               /* q */
    char backbone[ADAH_NAME_BYTES];
    char weights_style[ADAH_NAME_BYTES]; /* which preprocessing the backbone's weights want: "torchvision", "caffe", "tensorflow",
                                            "matconvnet" */
    float mean_red, mean_green, mean_blue; /* what "matconvnet" subtracts, 0..255; comes with the weights */
    int n_side;               /* pixels of the input image */
    float feature_scale;      /* f^I, or what images are given as, is multiplied by this; 0: chosen at the start of training so that its mean square is 1 */
    float text_scale;         /* the same for texts given as features */
    int finetune;             /* 1: the backbone learns too */
    int attention;            /* 0: no masks: H = D(f) */
    int adversary;            /* 0: the unattended features are not looked at */
    adah_pooling pooling;
    float attention_threshold; /* alpha = this / (H W) or this / D; 1 in the paper */
    char attention_mask[ADAH_NAME_BYTES]; /* Z from P: "threshold" in the paper; "soft", "random" (attention.h) */
    char attention_start[ADAH_NAME_BYTES]; /* G's weights at the start: "random" or "energy" (attention.h) */
    float attention_init;     /* G's weights start at this share of Glorot's: small, so that P / alpha starts near 1 everywhere */
    int n_image_hidden;       /* width of D^I's hidden layer(s) */
    int n_text_hidden;        /* width of E^T's first layer */
    int n_text_feature;       /* D, width of f^T */
    /* the objective */
    float margin;             /* as a share of q in Hamming units: epsilon = 2 sqrt(margin * q) */
    int mean_over_active;     /* 1: a term is the mean over its active triplets; 0: over all valid ones */
    float triplet_weight;     /* of the six ranking losses (1 in the paper) */
    char mining[ADAH_NAME_BYTES]; /* which triplets count: "all", "semi-hard" */
    int graded_similarity;    /* 1: S is the share of labels in common, and the margin grows with the gap; 0: S is 1 or 0 */
    float adversarial_weight; /* of F(T->I^) + F(I->T^) in the step of E and D */
    float attention_retrieval_weight; /* of the cross-modal retrieval loss in the step of G (0 in the paper) */
    float classifier_weight;  /* of the label classifier on H (0 in the paper) */
    float proxy_weight, proxy_temperature; /* of the label proxies (0 in the paper) */
    float contrastive_weight, contrastive_temperature; /* of the cross-modal contrastive term (0 in the paper) */
    float quantisation_weight; /* of |H - sign(H)|^2 (0 in the paper) */
    float balance_weight;     /* of the bits' mean (0 in the paper); dcmh: of |F 1|^2 + |G 1|^2 */
    int n_bank;               /* codes of earlier batches that the losses see besides, in whole batches; 0: none */
    int nested_bits;          /* the first 1, 2, 4 ... times so many bits are trained as codes too; 0: only all n_bits */
    /* the training */
    int n_batch, n_epochs, n_warmup_epochs; /* warm-up: epochs before masks and adversary start, at most a third of all */
    int n_final_epochs;       /* epochs behind all others that learn from the validation part as well, from the best model on, the
                                 schedule of the rates starting anew; a shallow method learns anew from all when this is not 0 */
    int n_patience;           /* early stop after so many epochs without a better validation mAP; 0: never */
    float rate, rate_backbone, rate_attention; /* learning rates at the start */
    char schedule[ADAH_NAME_BYTES]; /* of the rates over the epochs: "constant", "cosine" (down to 0 at the end) */
    float weight_decay, clip_norm, dropout;
    float augment_crop;       /* of a training picture's side at most this share is cut off at random; 0: none (augment.h) */
    int augment_flip;         /* 1: every second training picture is mirrored, at random */
    char precision[ADAH_NAME_BYTES]; /* of the factors of large products, in training and encoding: "float32", "bfloat16" (graph.h) */
    float validation_share;   /* of the training records */
    char similarity[ADAH_NAME_BYTES]; /* "labels", "words", "pairs" */
    char language[ADAH_NAME_BYTES];
    int n_words_max, n_documents_min, word_pairs;
    uint64_t seed;
} adah_settings;

/* "default" or "paper", for one of the backbones or "none" (images given as features). */
adah_code adah_settings_preset(const char *preset, const char *backbone, adah_settings *config, adah_status *status);
/* The values a rival wants, over those of the preset "default"; nothing changes for "adah". */
adah_code adah_settings_method(const char *method, adah_settings *config, adah_status *status);
/* Is the method another than adah; and does it learn in closed form from frozen features, without epochs? */
int adah_settings_is_rival(const adah_settings *config);
int adah_settings_is_shallow(const adah_settings *config);
/* Refuses values that make no sense, naming the option, the value and what was expected. */
adah_code adah_settings_check(const adah_settings *config, adah_status *status);
/* Lets the backbone learn. A VGG learns in batches of 64: its activations and gradients take some 70 MB an image. */
void adah_settings_finetune(adah_settings *config);
adah_precision adah_settings_precision(const adah_settings *config);
void adah_settings_set_precision(adah_settings *config, adah_precision precision);
/* Final epochs: n_final_epochs, but at most half as many as n_epochs. */
int adah_settings_final(const adah_settings *config);
/* Epochs of warm-up: n_warmup_epochs, but at most a third of all; none without attention. */
int adah_settings_warmup(const adah_settings *config);
/* Sets one value from "name=value"; the message for an unknown name lists the known ones. Ranges are checked by
 * adah_settings_check. */
adah_code adah_settings_set(adah_settings *config, const char *setting, adah_status *status);
char *adah_settings_json(const adah_settings *config); /* adah_memory_free; NULL: memory */
/* Unknown keys and missing ones are errors: a model file names every value it was trained with. */
adah_code adah_settings_parse(const char *json, adah_settings *config, adah_status *status);

#endif
