/* split_names.h - what the splits of a data set are called. */
#ifndef ADAH_DATA_SPLIT_NAMES_H
#define ADAH_DATA_SPLIT_NAMES_H

#include <stddef.h>

/* VALIDATION asks where nothing else does, and is only searched otherwise. */
typedef enum adah_named_split { ADAH_NAMED_TRAIN, ADAH_NAMED_QUERY, ADAH_NAMED_DATABASE, ADAH_NAMED_VALIDATION, ADAH_NAMED_NONE } adah_named_split;

/* By the names that are common, in capitals too and with a year behind them (val2017). */
adah_named_split adah_split_find(const char *name, size_t n_bytes);
/* The split that a word of a name tells, in capitals or not ("Flickr_8k.trainImages"); NULL: none does, or several do. */
const char *adah_split_in_name(const char *name, size_t n_bytes, size_t *n_found);

#endif
