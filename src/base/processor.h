/* processor.h - which vector instructions this program uses.
 *
 * The best that the processor and the system offer, held to less by the environment variable that holds oneDNN too, so that one
 * setting shows on any machine what slower ones get:
 *
 *     ONEDNN_MAX_CPU_ISA=AVX2 adah encode ...      (or SSE41, AVX512_CORE, AVX512_CORE_BF16; DNNL_MAX_CPU_ISA is the same)
 *
 * Read once, when first asked for. */
#ifndef ADAH_BASE_PROCESSOR_H
#define ADAH_BASE_PROCESSOR_H

/* Each has all that stand before it. Other processors than x86-64: PLAIN, with NEON on arm64. */
typedef enum adah_vectors {
    ADAH_VECTORS_PLAIN = 0,  /* what every x86-64 has, SSE2 */
    ADAH_VECTORS_AVX2,       /* with FMA, BMI1, BMI2, POPCNT */
    ADAH_VECTORS_AVX512,     /* F, BW, CD, DQ, VL */
    ADAH_VECTORS_AVX512_BF16 /* with products of bfloat16 */
} adah_vectors;

adah_vectors adah_processor_vectors(void); /* any thread */

/* What a setting of the environment variable allows; NULL and what is unknown: all. */
adah_vectors adah_processor_allows(const char *setting);

#endif
