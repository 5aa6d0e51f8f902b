/* evidence.c - which parts of a picture its code rests on, found by covering them.
 *
 * It asks nothing of a network but its values H, so it is for every model that takes pictures. A square of 2 x 2 cells of a grid of 8 x 8 is filled
 * with the picture's mean colour, everywhere where it fits, which is 49 times, and the picture is encoded each time. How much less H then agrees with the signs of the code asked for,
 * sum of s_i H_i, is the evidence of what was covered; a cell has the mean of the squares that it is in, 0 where covering helps. (M. D. Zeiler, R. Fergus, Visualizing and understanding
 * convolutional networks, 2014, cover parts in this way.) */
#include "api/overlay.h"
#include "base/memory.h"

#include <string.h>

enum { GRID = 8, COVER = 2, N_PLACES = GRID - COVER + 1 };

/* Fills the square that begins at a cell with a colour. */
static void cover(adah_picture *p, size_t row, size_t column, const uint8_t colour[3]) {
    const size_t top = row * p->n_height / GRID, bottom = (row + COVER) * p->n_height / GRID;
    const size_t left = column * p->n_width / GRID, right = (column + COVER) * p->n_width / GRID;
    for (size_t y = top; y < bottom; y++)
        for (size_t x = left; x < right; x++)
            memcpy(p->rgb + (y * p->n_width + x) * 3, colour, 3);
}

static void mean_colour(const adah_picture *p, uint8_t colour[3]) {
    const size_t n = p->n_width * p->n_height;
    for (int c = 0; c < 3; c++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += p->rgb[i * 3 + (size_t)c];
        colour[c] = (uint8_t)(sum / n);
    }
}

static double agreement(const adah_encoder *encoder, const uint8_t *code, size_t n_bits) {
    const float *h = adah_encoder_relaxed(encoder);
    double sum = 0;
    for (size_t i = 0; i < n_bits; i++)
        sum += code[i / 8] >> i % 8 & 1 ? (double)h[i] : -(double)h[i];
    return sum;
}

/* From what each place of the square takes away to the map. */
static void finish(double lost[N_PLACES][N_PLACES], adah_attention_map *map) {
    float most = 0, sum = 0;
    for (int y = 0; y < GRID; y++)
        for (int x = 0; x < GRID; x++) {
            double all = 0;
            int n = 0;
            for (int row = y - COVER + 1; row <= y; row++)
                for (int column = x - COVER + 1; column <= x; column++)
                    if (row >= 0 && column >= 0 && row < N_PLACES && column < N_PLACES) {
                        all += lost[row][column];
                        n++;
                    }
            const float value = all > 0 ? (float)(all / n) : 0;
            map->probability[y * GRID + x] = value;
            sum += value;
            most = value > most ? value : most;
        }
    for (int i = 0; i < GRID * GRID; i++) { /* without any evidence all parts are alike */
        map->mask[i] = map->probability[i] >= most / 2;
        map->probability[i] = sum > 0 ? map->probability[i] / sum : 1.0F / (GRID * GRID);
    }
}

/* covered: room for a copy of the picture. */
static adah_code find(adah_encoder *encoder, const adah_picture *picture, const uint8_t *asked, adah_picture *covered, adah_attention_map *map,
                      adah_status *status) {
    const size_t n_bytes = picture->n_width * picture->n_height * 3, n_bits = adah_encoder_bits(encoder);
    uint8_t own[ADAH_BITS_MAX / 8], code[ADAH_BITS_MAX / 8], colour[3];
    double lost[N_PLACES][N_PLACES];
    ADAH_TRY(adah_encode_image_pixels(encoder, picture, own, status));
    const uint8_t *wanted = asked ? asked : own;
    const double whole = agreement(encoder, wanted, n_bits);
    mean_colour(picture, colour);
    for (size_t row = 0; row < N_PLACES; row++)
        for (size_t column = 0; column < N_PLACES; column++) {
            memcpy(covered->rgb, picture->rgb, n_bytes);
            cover(covered, row, column, colour);
            ADAH_TRY(adah_encode_image_pixels(encoder, covered, code, status));
            lost[row][column] = whole - agreement(encoder, wanted, n_bits);
        }
    finish(lost, map);
    return ADAH_OK;
}

adah_code adah_evidence_image_pixels(adah_encoder *encoder, const adah_picture *picture, const uint8_t *code, adah_attention_map *map,
                                     adah_status *status) {
    adah_picture covered = *picture;
    adah_attention_map m = {GRID, GRID, adah_memory_floats(GRID * GRID), adah_memory_alloc(GRID * GRID)};
    covered.rgb = adah_memory_alloc(picture->n_width * picture->n_height * 3 + 1);
    adah_code done = m.probability && m.mask && covered.rgb ? find(encoder, picture, code, &covered, &m, status)
                                                            : adah_fail_memory(status, picture->n_width * picture->n_height * 3);
    adah_memory_free(covered.rgb);
    if (done == ADAH_OK)
        *map = m;
    else
        adah_attention_map_free(&m);
    return done;
}

/* What the encoder sees of a file. */
static adah_code load(const adah_encoder *encoder, const char *path, adah_picture *picture, adah_status *status) {
    const adah_picture_form form = adah_encoder_picture_form(encoder);
    picture->n_width = picture->n_height = form.n_side;
    picture->rgb = adah_memory_alloc(form.n_side * form.n_side * 3);
    if (!picture->rgb)
        return adah_fail_memory(status, form.n_side * form.n_side * 3);
    return adah_image_load_in_form(path, &form, picture->rgb, status);
}

adah_code adah_evidence_write(adah_encoder *encoder, const char *image_path, const uint8_t *code, const char *png_path, size_t n_side_max,
                              adah_status *status) {
    adah_picture seen = {0};
    adah_attention_map map;
    uint8_t own[ADAH_BITS_MAX / 8];
    ADAH_TRY(adah_encode_image_file(encoder, image_path, own, status)); /* does the model take pictures? */
    adah_code done = load(encoder, image_path, &seen, status);
    if (done == ADAH_OK)
        done = adah_evidence_image_pixels(encoder, &seen, code, &map, status);
    adah_memory_free(seen.rgb);
    if (done != ADAH_OK)
        return done;
    done = adah_overlay_write(encoder, image_path, &map, png_path, n_side_max, status);
    adah_attention_map_free(&map);
    return done;
}
