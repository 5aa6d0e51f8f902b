/* fuzz_jpeg.c - JPEG files by the short way; what it takes, libvips reads too, to the same size. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "fuzz_file.h"
#include "plugins/pictures/jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const size_t sides[] = {8, 64, 200};
    for (size_t i = 0; i < 6; i++) {
        adah_picture ours, theirs;
        const adah_picture_codec *codec;
        if (adah_jpeg_decode(bytes, n_bytes, sides[i / 2], i % 2, &ours, NULL) != ADAH_OK || !ours.rgb)
            continue;
        if (adah_picture_codec_get(&codec, NULL) != ADAH_OK ||
            codec->decode(bytes, n_bytes, "fuzzed", sides[i / 2], i % 2, &theirs, NULL) != ADAH_OK || ours.n_width != theirs.n_width ||
            ours.n_height != theirs.n_height)
            abort();
        adah_memory_free(ours.rgb);
        adah_memory_free(theirs.rgb);
    }
    return 0;
}
