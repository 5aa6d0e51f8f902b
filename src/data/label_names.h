/* label_names.h - labels that metadata give as numbers or codes, by their names. */
#ifndef ADAH_DATA_LABEL_NAMES_H
#define ADAH_DATA_LABEL_NAMES_H

#include "data/dataset_table.h"

/* Class numbers as Hugging Face's ClassLabel has them: their names from dataset_infos.json, dataset_info.json or the head of README.md in the
 * data set's folder. Labels stay where one of them is no number, or no file names them. */
adah_code adah_label_names_of_numbers(adah_dataset *dataset, adah_status *status);
/* 1: a file of that name is for these functions alone. */
int adah_label_names_is_file(const char *name);
/* Codes by a table of two columns, as class-descriptions.csv of Open Images, folder/name. */
adah_code adah_label_names_of_codes(adah_dataset *dataset, const char *name, adah_status *status);

#endif
