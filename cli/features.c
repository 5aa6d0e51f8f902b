/* features.c - see features.h. */
#include "features.h"

#include <stdio.h>
#include <string.h>

int cli_is_side(const char *name) { return !name || !strcmp(name, "image") || !strcmp(name, "text"); }

adah_code cli_read_features(const adah_model *model, const char *path, const char *side, const char *option, adah_modality *modality,
                            adah_features *features, adah_status *status) {
    const int takes_both = adah_model_feature_values(model, ADAH_IMAGE) && adah_model_feature_values(model, ADAH_TEXT);
    if (!side && takes_both) {
        snprintf(status->message, sizeof status->message, "%.400s: the model takes images and texts as features: say with %s image or %s text "
                 "which these are", path, option, option);
        return status->code = ADAH_ERROR_ARGUMENT;
    }
    *modality = side ? (!strcmp(side, "text") ? ADAH_TEXT : ADAH_IMAGE) : adah_model_feature_values(model, ADAH_TEXT) ? ADAH_TEXT : ADAH_IMAGE;
    return adah_features_read(model, *modality, path, features, status);
}
