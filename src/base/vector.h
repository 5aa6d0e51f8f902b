/* vector.h - plain loops compiled for several vector units, of which the program takes the best it finds.
 *
 * The library is built for any x86-64, where a vector holds 4 floats. ADAH_CLONES before a static function has the compiler
 * make versions of it for AVX2 and AVX-512 as well (8 and 16 floats); the loader picks one, and its address is that of any
 * function. Worth it for loops over memory that the compiler can vectorise; functions that it inlines come along.
 *
 *     ADAH_CLONES static void add_chunk(void *context, size_t chunk) { ... }
 *
 * Static functions only, of names that no other file uses: clang makes a global symbol of each. Elementwise loops give the
 * same bits in every version; a sum over many lanes ends in other last bits.
 *
 * Nothing where the loader cannot choose (other systems than glibc's), where it would run before a sanitizer is ready, and
 * on other processors: arm64 has one vector unit. */
#ifndef ADAH_BASE_VECTOR_H
#define ADAH_BASE_VECTOR_H

#include <stdint.h> /* with it glibc says that it is there */

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ADAH_SANITIZED
#endif
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define ADAH_SANITIZED
#endif

#if defined __x86_64__ && defined __GLIBC__ && !defined ADAH_SANITIZED && __has_attribute(target_clones)
#define ADAH_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ADAH_CLONES
#endif

#endif
