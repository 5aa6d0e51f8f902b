/* codec_linked.c - the codec where libvips and librsvg are linked: static libraries, tests. */
#include "plugins/pictures/codec.h"

adah_code adah_picture_codec_get(const adah_picture_codec **codec, adah_status *status) {
    *codec = &adah_pictures;
    return adah_pictures.start(status);
}
