/* training_table.h - what every epoch of a training measured, as a table in a file. */
#ifndef CLI_TRAINING_TABLE_H
#define CLI_TRAINING_TABLE_H

#include <adah/adah.h>

/* Whether a file can be written there, to be known before a training and not after it. */
adah_code cli_try_training_table(const char *path, adah_status *status);
/* Writes the history of a training record, the JSON of adah_train, as CSV: a line an epoch, a column for each measure that any epoch has, empty
 * where one has not. The file appears whole or not at all. */
adah_code cli_write_training_table(const char *record, const char *path, adah_status *status);

#endif
