/* hold.c - loaded before adah by LD_PRELOAD: makes work take as long as a test wants.
 *
 * HOLD names a folder. Whoever asks for the state of a file whose name begins with "held-" (a picture, as it is opened) makes the file
 * `read.begun` there and goes on when `read.go` is there. So do writers who sync while the file `hold-sync` is there, with `sync.begun`
 * and `sync.go`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_there(const char *name) {
    char path[4096];
    const char *folder = getenv("HOLD");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    return folder && access(path, F_OK) == 0;
}

static void hold(const char *what) {
    char path[4096], go[64];
    snprintf(path, sizeof path, "%s/%s.begun", getenv("HOLD"), what);
    snprintf(go, sizeof go, "%s.go", what);
    const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    while (!is_there(go))
        usleep(10000);
}

static void hold_reading(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = getenv("HOLD") ? readlink(link, path, sizeof path - 1) : -1;
    path[n > 0 ? n : 0] = '\0';
    const char *name = strrchr(path, '/');
    if (name && !strncmp(name, "/held-", 6))
        hold("read");
}

int fstat(int fd, struct stat *info) {
    hold_reading(fd);
    return fstatat(fd, "", info, AT_EMPTY_PATH);
}

int fstat64(int fd, struct stat64 *info) {
    hold_reading(fd);
    return fstatat64(fd, "", info, AT_EMPTY_PATH);
}

static int sync_held(const char *name, int fd) {
    int (*real)(int);
    *(void **)(void *)&real = dlsym(RTLD_NEXT, name);
    if (is_there("hold-sync"))
        hold("sync");
    return real(fd);
}

int fdatasync(int fd) { return sync_held("fdatasync", fd); }
int fsync(int fd) { return sync_held("fsync", fd); }
