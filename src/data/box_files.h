/* box_files.h - labels from the files that tell detectors where things are. */
#ifndef ADAH_DATA_BOX_FILES_H
#define ADAH_DATA_BOX_FILES_H

#include "data/dataset_reader.h"
#include "data/folder_listing.h"

/* 1: there is a file with the names of YOLO's classes. */
int adah_box_has_classes(const adah_folder_listing *listing);
/* Adds to each record the classes of the boxes in its file of Pascal VOC or YOLO, if it has one, and makes them its text where it has none. */
adah_code adah_dataset_read_boxes(adah_dataset *dataset, const adah_folder_listing *listing, adah_status *status);

#endif
