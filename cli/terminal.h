/* terminal.h - progress on stderr, Ctrl-C. */
#ifndef ADAH_CLI_TERMINAL_H
#define ADAH_CLI_TERMINAL_H

#include <adah/adah.h>

/* A progress callback that draws a bar when stderr is a terminal, prints result lines there unless quiet, and asks to stop
 * after Ctrl-C (SIGINT, SIGTERM). One at a time; cli_progress_end clears the bar. */
adah_progress cli_progress_begin(int is_quiet);
void cli_progress_end(void);
/* 1: it has been asked to stop. */
int cli_is_interrupted(void);

#endif
