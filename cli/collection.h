/* collection.h - adah serve --data: a model and an index that are made of a folder and kept for it. */
#ifndef ADAH_CLI_COLLECTION_H
#define ADAH_CLI_COLLECTION_H

#include "data_options.h"

typedef struct cli_collection {
    const char *data;
    cli_data_options how;
    const char *method, *backbone, *weights, *text_weights; /* of a training; NULL: the default, learned from scratch */
    int n_epochs;                   /* 0: the default */
    cli_list settings;
    int watches;                    /* 1: the index follows every change of the folder */
    char *model, *index;            /* paths, by malloc */
    char *place;                    /* the folder in the cache, by malloc; NULL: both are elsewhere */
    int owns_index;                 /* 1: it is in the cache, and goes when a model is learned anew */
    int is_fresh;                   /* the index was made by cli_collection_prepare: there is nothing to bring up to date */
} cli_collection;

/* Finds the places: those given, else in a folder of the cache that is made for the data. */
adah_code cli_collection_open(cli_collection *c, const char *model, const char *index, adah_status *status);
/* A place where nothing came to be is removed. */
void cli_collection_close(cli_collection *c);
/* Learns the model and makes the index where they are not there, one process at a time; context: the collection (serve.h). */
adah_code cli_collection_prepare(void *context, adah_progress progress, adah_status *status);
/* Brings the index up to date, unless it has just been made; and then, if it watches, whenever something changes, until it is told to stop. */
adah_code cli_collection_follow(void *context, adah_progress progress, adah_status *status);

#endif
