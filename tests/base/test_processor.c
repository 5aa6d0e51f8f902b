/* (unit) test_processor.c - the environment holds every family of kernels to less than the processor has. */
#define _DEFAULT_SOURCE /* setenv */
#include "base/processor.h"
#include "codes/hamming_kernels.h"
#include "nn/winograd/winograd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_settings(void **state) {
    (void)state;
    assert_int_equal(adah_processor_allows("SSE41"), ADAH_VECTORS_PLAIN);
    assert_int_equal(adah_processor_allows("AVX"), ADAH_VECTORS_PLAIN);
    assert_int_equal(adah_processor_allows("AVX2"), ADAH_VECTORS_AVX2);
    assert_int_equal(adah_processor_allows("avx2_vnni"), ADAH_VECTORS_AVX2);
    assert_int_equal(adah_processor_allows("AVX512_CORE"), ADAH_VECTORS_AVX512);
    assert_int_equal(adah_processor_allows("AVX512_CORE_BF16"), ADAH_VECTORS_AVX512_BF16);
    assert_int_equal(adah_processor_allows("DEFAULT"), ADAH_VECTORS_AVX512_BF16);
    assert_int_equal(adah_processor_allows("abacus"), ADAH_VECTORS_AVX512_BF16);
    assert_int_equal(adah_processor_allows(NULL), ADAH_VECTORS_AVX512_BF16);
}

/* What a process finds that has the setting from its start on: 0 when all is held to `most`. */
static int child_finds(const char *variable, const char *setting, adah_vectors most) {
    unsetenv("ONEDNN_MAX_CPU_ISA");
    unsetenv("DNNL_MAX_CPU_ISA");
    setenv(variable, setting, 1);
    const adah_vectors found = adah_processor_vectors();
    const char *hamming = adah_hamming_chosen()->name;
    if (found > most)
        return 1;
    if (most < ADAH_VECTORS_AVX512 && (!strcmp(hamming, "avx512") || adah_winograd_use("avx512") || adah_winograd_has_bf16()))
        return 2;
    if (most < ADAH_VECTORS_AVX2 && (!strcmp(hamming, "avx2") || adah_winograd_use("avx2")))
        return 3;
    return 0;
}

static void check_child(const char *variable, const char *setting, adah_vectors most) {
    const pid_t child = fork(); /* nothing has asked in this process yet */
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_finds(variable, setting, most));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_held(void **state) {
    (void)state;
    check_child("ONEDNN_MAX_CPU_ISA", "SSE41", ADAH_VECTORS_PLAIN);
    check_child("ONEDNN_MAX_CPU_ISA", "AVX2", ADAH_VECTORS_AVX2);
    check_child("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", ADAH_VECTORS_AVX512);
    check_child("DNNL_MAX_CPU_ISA", "AVX2", ADAH_VECTORS_AVX2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
