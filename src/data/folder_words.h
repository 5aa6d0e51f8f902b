/* folder_words.h - what the names of files and folders say. */
#ifndef ADAH_DATA_FOLDER_WORDS_H
#define ADAH_DATA_FOLDER_WORDS_H

#include "data/findings.h"

/* The words of a file's name: "bird-on_lake (2).jpg" says "bird on lake". Words with a digit in them are none, and what only cameras and
 * programs write (IMG_1234, DSC00017, Screenshot 2024-01-01) says nothing. Appends to `words`, which may stay as it is. */
void adah_file_name_words(const char *path, adah_text *words);
/* 1: the name of a folder says something of its pictures. Not so: dates and what lies under them, folders of cameras (DCIM, 100CANON),
 * and those that only hold ("images", "photos"). is_under_date tells of the folder that it lies in, and becomes true of this one. */
int adah_folder_name_says(const char *name, size_t n_bytes, int *is_under_date);

#endif
