/* http_count.h - counting checks in the programs that ask a server, and starting the one that they ask. */
#ifndef ADAH_TESTS_HTTP_COUNT_H
#define ADAH_TESTS_HTTP_COUNT_H

#include "http_client.h"

extern int http_n_checks, http_n_failed;

/* Says what failed, with the line. Returns whether it was good. */
#define CHECK(condition, ...) http_check((condition) ? 1 : 0, __LINE__, __VA_ARGS__)
int http_check(int is_good, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Tells how many checks there were. The exit code: not 0 when one failed or there were none. */
int http_end_checks(void);

/* As http_child_start, with its log in the file "log"; ends the program when the server does not start. */
http_child http_child_serve(const char *const *options);
long http_resident_kilobytes(pid_t pid);

#endif
