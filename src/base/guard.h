/* guard.h - reading a map of a file that another program may cut off.
 *
 * To touch a page of a map that the file no longer has, or that the disk cannot read, raises SIGBUS, and that ends a
 * process. A guarded range answers with zeros instead, from that page to its end, and a flag says so: who has read looks
 * at the flag afterwards and throws away what it made of the zeros. */
#ifndef ADAH_BASE_GUARD_H
#define ADAH_BASE_GUARD_H

#include <stdatomic.h>
#include <stddef.h>

/* Guards n_bytes, whole pages, of a map; *is_cut becomes 1 when zeros take the place of a part of it. Both must outlive the
 * guard. Returns 0 when memory is out. Takes the signal for the process, also from a handler that was set since the last
 * call, unless adah_set_guard (adah.h) said otherwise; any other SIGBUS goes where it went before. Any thread. */
int adah_guard_add(const void *start, size_t n_bytes, atomic_int *is_cut);
/* Before the range is unmapped. */
void adah_guard_remove(const void *start);

#endif
