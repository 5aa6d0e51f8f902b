/* backbone.h - E^I for pictures: the convolutional parts of known networks, each in a file of its own, and how their input is
 * prepared. Parameters
 * have names after "image.backbone."; published.h tells what files of weights call them. */
#ifndef ADAH_BACKBONES_BACKBONE_H
#define ADAH_BACKBONES_BACKBONE_H

#include "backbones/layers.h"

typedef struct adah_backbone {
    const char *name;
    int n_side, n_side_min;  /* the input it is meant for and the smallest, pixels */
    int has_fc;              /* comes with fully connected layers that D^I can start from: classifier.0, classifier.3 */
    int from_scratch;        /* needs no weights */
    int n_batch_max;         /* while it learns; 0: any */
    const char *settings;       /* what it changes of every preset: adah_settings_change; NULL: nothing */
    const char *settings_paper; /* what it changes of the preset "paper" as well */
    void (*layers)(adah_layers *l);                        /* appends its layers; NULL: it has features instead */
    const struct adah_attention_pool *pool;                /* behind the layers (attention_pool.h); NULL: none */
    const adah_layer_pattern *own;                         /* names of its parameters */
    const char *last;        /* of layers: where the last block starts, for finetune_from (cut.h) */
    const struct adah_published *published;                      /* how files of its weights name them */
    const struct adah_vision *vision; /* a transformer (vision.h); NULL: it is none */
    adah_node *(*features)(adah_builder *b, adah_node *x); /* x: (B, 3, S, S) normalised pixels -> f: (B, C, H, W); all NULL: "none" */
    adah_node *(*logits)(adah_builder *b, adah_node *f);   /* its own classifier, for the golden test: (B, 1000); NULL: it has none */
} adah_backbone;

const adah_backbone *adah_backbone_at(int i);              /* by place, from 0; NULL: there are no more */
const adah_backbone *adah_backbone_find(const char *name); /* by name, or "none": images come as features; NULL: unknown */
const char *adah_backbone_names(void);                     /* "small|..." */

/* The preset "default" or "paper" for one of the backbones or "none" (images given as features). */
adah_code adah_backbone_preset(const char *preset, const char *backbone, adah_settings *config, adah_status *status);

/* The features of a backbone by name; a fault of the builder where it has none. */
adah_node *adah_backbone_features(adah_builder *b, const char *name, adah_node *x);

/* Styles: "torchvision": RGB, (x / 255 - mean) / deviation of ImageNet; "caffe": BGR, x - (104, 117, 123);
 * "tensorflow": RGB, x / 127.5 - 1; "matconvnet": RGB, x - (mean_red, mean_green, mean_blue); "measured": the same, divided by
 * (deviation_red, deviation_green, deviation_blue).
 * rgb: (S, S, 3) bytes -> x: (3, S, S), in the configuration's weights_style. */
void adah_backbone_normalise(const adah_settings *config, const uint8_t *rgb, size_t n_side, float *x);

#endif
