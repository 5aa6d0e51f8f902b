/* processor.c - asks the processor and the environment once, and remembers. */
#include "base/processor.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

adah_vectors adah_processor_allows(const char *setting) {
    /* oneDNN's names from the weakest on, each with the best of ours within it; AVX has no FMA. */
    static const struct {
        const char *name;
        adah_vectors vectors;
    } known[] = {{"SSE41", ADAH_VECTORS_PLAIN},          {"AVX", ADAH_VECTORS_PLAIN},
                 {"AVX2", ADAH_VECTORS_AVX2},            {"AVX2_VNNI", ADAH_VECTORS_AVX2},
                 {"AVX2_VNNI_2", ADAH_VECTORS_AVX2},     {"AVX512_CORE", ADAH_VECTORS_AVX512},
                 {"AVX512_CORE_VNNI", ADAH_VECTORS_AVX512}};
    for (size_t i = 0; setting && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(setting, known[i].name) == 0)
            return known[i].vectors;
    return ADAH_VECTORS_AVX512_BF16;
}

static adah_vectors of_machine(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
        return ADAH_VECTORS_PLAIN;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512cd") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return ADAH_VECTORS_AVX2;
    return __builtin_cpu_supports("avx512bf16") ? ADAH_VECTORS_AVX512_BF16 : ADAH_VECTORS_AVX512;
#else
    return ADAH_VECTORS_PLAIN;
#endif
}

adah_vectors adah_processor_vectors(void) {
    static atomic_int remembered; /* 1 more than the answer; 0: not asked yet */
    const int known = atomic_load_explicit(&remembered, memory_order_relaxed);
    if (known)
        return (adah_vectors)(known - 1);
    const char *setting = getenv("ONEDNN_MAX_CPU_ISA");
    const adah_vectors allowed = adah_processor_allows(setting ? setting : getenv("DNNL_MAX_CPU_ISA"));
    const adah_vectors there = of_machine(), best = there < allowed ? there : allowed;
    atomic_store_explicit(&remembered, (int)best + 1, memory_order_relaxed);
    return best;
}
