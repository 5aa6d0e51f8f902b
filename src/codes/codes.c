/* codes.c - the sign of relaxed codes, packed into bytes. */
#include "codes/codes.h"

void adah_codes_pack(const float *h, size_t n, size_t n_bits, uint8_t *codes) {
    for (size_t i = 0; i < n * n_bits / 8; i++) {
        unsigned byte = 0;
        for (unsigned j = 0; j < 8; j++)
            byte |= (unsigned)(h[i * 8 + j] >= 0) << j;
        codes[i] = (uint8_t)byte;
    }
}
