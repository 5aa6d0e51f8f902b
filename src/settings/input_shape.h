/* input_shape.h - what one side of a model, image or text, is given as. */
#ifndef ADAH_SETTINGS_INPUT_SHAPE_H
#define ADAH_SETTINGS_INPUT_SHAPE_H

#include "nn/graph/tensor.h"

typedef enum adah_input_kind {
    ADAH_INPUT_NONE = 0, /* this side is not there */
    ADAH_INPUT_PIXELS,   /* (3, S, S), normalised */
    ADAH_INPUT_MAP,      /* (C, H, W): a feature map, already computed */
    ADAH_INPUT_TOKENS,   /* (P, C): P positions of a map, channels last; those of zeros alone are padding */
    ADAH_INPUT_VECTOR,   /* (D): the vector form of E, G, D */
    ADAH_INPUT_WORDS,    /* (V): a bag of words, the vector form as well */
    ADAH_INPUT_SENTENCE, /* (V + D): a bag of words and, behind it, the vector that a text encoder makes of the same text */
    ADAH_INPUT_MIDDLE    /* (C, H, W) or (P, C): what the frozen beginning of a backbone makes of a picture; in no model file */
} adah_input_kind;

typedef struct adah_input_shape {
    adah_input_kind kind;
    adah_shape item; /* of one */
    size_t n_words;  /* WORDS, SENTENCE: V; else 0 */
} adah_input_shape;

adah_input_shape adah_input_pixels(size_t n_side);
adah_input_shape adah_input_words(size_t n_words);
adah_input_shape adah_input_sentence(size_t n_words, size_t n_values);
/* Every size 1 to 2^24, all together at most 2^30. */
int adah_input_fits(adah_input_shape input);
/* Values of a position: of a vector all, of tokens and maps the channels. */
size_t adah_input_channels(adah_input_shape input);
/* 1: as an array of features, in place of pictures or words. */
int adah_input_is_given(adah_input_shape input);
/* 1: layers of a backbone follow: pixels, or what is in its middle. */
int adah_input_runs_backbone(adah_input_shape input);
int adah_input_equal(adah_input_shape a, adah_input_shape b);

/* "pixels S", "map C H W", "tokens P C", "vector D", "words V" or "sentence V D": for model files and messages. */
enum { ADAH_INPUT_TEXT_BYTES = 96 };
const char *adah_input_text(adah_input_shape input, char text[ADAH_INPUT_TEXT_BYTES]); /* returns text */
/* Reads it back; 0: it is none of them, or does not fit. */
int adah_input_parse(const char *text, adah_input_shape *input);

#endif
