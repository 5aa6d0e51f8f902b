/* features.h - files of features as the options of commands name them. */
#ifndef ADAH_CLI_FEATURES_H
#define ADAH_CLI_FEATURES_H

#include <adah/adah.h>

/* Reads the features in a file and finds whose they are: those of the side that is named ("image" or "text"), or, with NULL, of the only
 * side that the model takes as features. option: which names it, for the message when there is a choice. */
adah_code cli_read_features(const adah_model *model, const char *path, const char *side, const char *option, adah_modality *modality,
                            adah_features *features, adah_status *status);
/* 1: "image", "text" or NULL. */
int cli_is_side(const char *name);

#endif
