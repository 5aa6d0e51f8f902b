/* terminal.c - a one-line progress bar and the signals that stop long work. */
#define _POSIX_C_SOURCE 200809L
#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static int is_terminal, is_quiet, is_drawn;
static struct timespec last_drawn;

static void on_signal(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static void clear_line(void) {
    if (is_drawn)
        fputs("\r\033[K", stderr);
    is_drawn = 0;
}

/* Screen columns of a UTF-8 text, enough for letters and combining accents. */
static size_t fit(const char *text, size_t n_columns) {
    size_t n_bytes = 0;
    for (size_t columns = 0; text[n_bytes]; n_bytes++) {
        const unsigned char c = (unsigned char)text[n_bytes];
        if ((c & 0xc0) != 0x80 && c != 0xcc && ++columns > n_columns)
            break;
    }
    return n_bytes;
}

static void draw(const adah_progress_event *event) {
    enum { BAR = 20 };
    struct winsize size = {0};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double passed = (double)(now.tv_sec - last_drawn.tv_sec) + 1e-9 * (double)(now.tv_nsec - last_drawn.tv_nsec);
    if (passed < 0.1 && event->done < event->total)
        return;
    last_drawn = now;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        size.ws_col = 80;
    char line[1024], bar[BAR + 1] = "";
    const double share = event->total ? (double)event->done / (double)event->total : 0;
    const int filled = (int)(share * BAR);
    memset(bar, '.', BAR);
    memset(bar, '#', filled < BAR ? (size_t)filled : BAR);
    if (*event->detail)
        snprintf(line, sizeof line, "[%s] %3.0f%% %s", bar, 100 * share, event->detail);
    else
        snprintf(line, sizeof line, "[%s] %3.0f%% %s %llu / %llu", bar, 100 * share, event->stage,
                 (unsigned long long)event->done, (unsigned long long)event->total);
    fprintf(stderr, "\r\033[K%.*s", (int)fit(line, (size_t)size.ws_col - 1), line);
    fflush(stderr);
    is_drawn = 1;
}

static int on_progress(void *user, const adah_progress_event *event) {
    (void)user;
    if (event->is_result && !is_quiet) {
        clear_line();
        fprintf(stderr, "%s\n", event->detail);
    } else if (is_terminal && !is_quiet) {
        draw(event);
    }
    return interrupted;
}

adah_progress cli_progress_begin(int quiet) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    is_terminal = isatty(STDERR_FILENO);
    is_quiet = quiet;
    return (adah_progress){on_progress, NULL};
}

void cli_progress_end(void) { clear_line(); }

int cli_is_interrupted(void) { return interrupted; }
