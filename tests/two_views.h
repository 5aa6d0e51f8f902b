/* two_views.h - made-up pairs of vectors in classes, for tests of src/rivals: class centres plus noise, different
 * in each modality; the last column of both is constant, the second row repeats the first, the third has no label. */
#ifndef TWO_VIEWS_H
#define TWO_VIEWS_H

#include "base/random.h"
#include "rivals/rival.h"

#include <string.h>

enum { TWO_VIEWS_MAX = 400, TWO_VIEWS_IMAGE = 24, TWO_VIEWS_TEXT = 15, TWO_VIEWS_CLASSES = 4 };

typedef struct two_views {
    float image[TWO_VIEWS_MAX * TWO_VIEWS_IMAGE], text[TWO_VIEWS_MAX * TWO_VIEWS_TEXT];
    uint8_t label[TWO_VIEWS_MAX * TWO_VIEWS_CLASSES];
    uint32_t class_of[TWO_VIEWS_MAX];
    adah_rival_data data;
} two_views;

static void two_views_side(adah_random *random, float noise, size_t n, size_t d, const uint32_t *class_of,
                           float *rows) {
    adah_random centres = adah_random_seeded(d, 1); /* the same in every set */
    float centre[TWO_VIEWS_CLASSES * TWO_VIEWS_IMAGE];
    for (size_t i = 0; i < TWO_VIEWS_CLASSES * d; i++)
        centre[i] = adah_random_normal(&centres);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            rows[i * d + j] = j + 1 == d ? 7.5f : centre[class_of[i] * d + j] + noise * adah_random_normal(random);
    memcpy(rows + d, rows, d * sizeof *rows);
}

static inline void two_views_make(two_views *v, size_t n, float noise, uint64_t seed) {
    adah_random random = adah_random_seeded(seed, 0);
    memset(v->label, 0, sizeof v->label);
    for (size_t i = 0; i < n; i++)
        v->class_of[i] = (uint32_t)adah_random_below(&random, TWO_VIEWS_CLASSES);
    v->class_of[1] = v->class_of[0];
    two_views_side(&random, noise, n, TWO_VIEWS_IMAGE, v->class_of, v->image);
    two_views_side(&random, noise, n, TWO_VIEWS_TEXT, v->class_of, v->text);
    for (size_t i = 0; i < n; i++)
        v->label[i * TWO_VIEWS_CLASSES + v->class_of[i]] = i != 2;
    v->data = (adah_rival_data){n, TWO_VIEWS_IMAGE, TWO_VIEWS_TEXT, TWO_VIEWS_CLASSES, v->image, v->text, v->label, 0};
}

static const char *const two_views_methods[] = {"cca", "cmfh", "scm-orth", "scm-seq", "stmh", "seph-km", "seph-rnd"};
enum { TWO_VIEWS_METHODS = sizeof two_views_methods / sizeof *two_views_methods };

#endif
