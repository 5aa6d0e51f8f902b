/* cut.h - where a network can be cut in two: a beginning that stays as its weights are and runs once a picture, and the rest, which learns.
 *
 * A cut is named by the first layer that learns. It can be wherever a single value is all that goes on to what comes behind: in a chain of
 * convolutions before each, with residuals before each block, between the blocks of a transformer. A network that is made of neither a list
 * of layers nor blocks has no cuts: it learns as a whole. */
#ifndef ADAH_BACKBONES_CUT_H
#define ADAH_BACKBONES_CUT_H

#include "backbones/backbone.h"

/* The i-th cut from 0 in the order in which layers run, by the name that its layer has here; NULL: there are no more. Before the first there
 * is nothing, so that it is what "all" means. Returns name. */
const char *adah_cut_at(const adah_backbone *backbone, size_t i, char name[ADAH_NAME_BYTES]);

/* What `from` means, to name: "all", or the name of a cut as above. from: "all"; "last", the network's last block or stage; or a layer or a
 * block as it is called here or by any publisher of weights that the network knows ("features.28", "layer4", "encoder.layer.11"). */
adah_code adah_cut_find(const adah_backbone *backbone, const char *from, char name[ADAH_NAME_BYTES], adah_status *status);

/* Whether a parameter of the model is of a layer before the configuration's cut. */
int adah_cut_is_before(const adah_settings *config, const char *parameter);
/* Gives these the group of what no step moves. */
void adah_cut_freeze(const adah_settings *config, adah_parameters *parameters);

/* Whether the cut is the network's last block, or behind its start. */
int adah_cut_is_late(const adah_settings *config);

/* Lets the backbone learn, from "all", "last" or a layer on. */
adah_code adah_backbone_finetune(const char *from, adah_settings *config, adah_status *status);
/* adah_settings_check, and whether the backbone exists and takes these values. */
adah_code adah_backbone_check(const adah_settings *config, adah_status *status);

/* The configuration's backbone where it is cut in two by finetune_from: from pixels to the cut, and from there to f. */
adah_node *adah_backbone_begin(adah_builder *b, adah_node *x);
adah_node *adah_backbone_end(adah_builder *b, adah_node *x);

#endif
