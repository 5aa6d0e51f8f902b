/* clip_pixels.h - how pictures are prepared for CLIP, for tables of those who publish it. */
#ifndef ADAH_BACKBONES_CLIP_PIXELS_H
#define ADAH_BACKBONES_CLIP_PIXELS_H

/* As OpenAI measured on the pictures that CLIP learned from. */
#define ADAH_PIXELS_OF_CLIP                                                                        \
    .style = ADAH_STYLE_MEASURED, .mean = {0.48145466f * 255, 0.4578275f * 255, 0.40821073f * 255}, \
    .deviation = {0.26862954f * 255, 0.26130258f * 255, 0.27577711f * 255}

#endif
