/* own_weights.h - published networks that the user keeps in one folder, to be found without being named. */
#ifndef ADAH_CLI_OWN_WEIGHTS_H
#define ADAH_CLI_OWN_WEIGHTS_H

#include <adah/adah.h>

enum { CLI_WEIGHTS_PATH_BYTES = 4096 };

typedef struct cli_own_weights {
    char folder[CLI_WEIGHTS_PATH_BYTES];  /* $ADAH_WEIGHTS, else weights in $XDG_DATA_HOME/adah or ~/.local/share/adah; "": there is no place */
    char weights[CLI_WEIGHTS_PATH_BYTES]; /* the first by name that holds a network for pictures; "": none does */
    char backbone[64];                    /* which network that is */
    char text[CLI_WEIGHTS_PATH_BYTES];    /* the folder of a text encoder: that of `weights` where it has one, else the first by name; "": none */
} cli_own_weights;

/* Looks at the files of the folder, and at those of its subfolders. What is no network is passed over. */
void cli_own_weights_find(cli_own_weights *found);

#endif
