/* picture_config.h - how pictures were prepared for weights, where a configuration beside them says it: preprocessor_config.json or
 * processor_config.json of Hugging Face transformers, open_clip_config.json of open_clip, config.json of timm. */
#ifndef ADAH_FILES_PICTURE_CONFIG_H
#define ADAH_FILES_PICTURE_CONFIG_H

#include "settings/settings.h"

/* What is said there of the file of weights at `path` goes to image_filter, image_crop and image_crop_share, where these are "source", and to
 * weights_style, mean_* and deviation_*. A folder without a configuration, or one that tells nothing, changes nothing. ADAH_ERROR_CORRUPT: it is
 * not JSON. */
adah_code adah_picture_config_apply(const char *path, adah_settings *config, adah_status *status);

#endif
