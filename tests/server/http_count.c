/* http_count.c - see http_count.h. */
#include "http_count.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int http_n_checks, http_n_failed;

int http_check(int is_good, int line, const char *format, ...) {
    va_list arguments;
    http_n_checks++;
    if (is_good)
        return 1;
    http_n_failed++;
    printf("FAILED in line %d: ", line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return 0;
}

int http_end_checks(void) {
    printf("%d checks, %d failed\n", http_n_checks, http_n_failed);
    return http_n_failed || !http_n_checks;
}

http_child http_child_serve(const char *const *options) {
    int code = 0;
    const http_child child = http_child_start(options, "log", &code);
    if (!child.port) {
        printf("adah serve did not start: exit code %d; see the file log\n", code);
        exit(1);
    }
    return child;
}

long http_resident_kilobytes(pid_t pid) {
    char path[64];
    long n_pages = 0, n_resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%ld %ld", &n_pages, &n_resident) != 2)
        n_resident = 0;
    if (file)
        fclose(file);
    return n_resident * (sysconf(_SC_PAGESIZE) / 1024);
}
