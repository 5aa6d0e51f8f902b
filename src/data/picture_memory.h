/* picture_memory.h - what was found out about pictures, so that files that did not change need not be read again.
 *
 * It holds two facts of a file, each with the stamp (size and times) that the file had before it was read: what is written into it, and what
 * code it has. Both follow from the bytes of the file alone, so that whoever uses one only needs to see that the stamp is the same, or, for the code,
 * that the bytes have the same checksum. A memory that is old or lost therefore costs time, and changes no result. */
#ifndef ADAH_DATA_PICTURE_MEMORY_H
#define ADAH_DATA_PICTURE_MEMORY_H

#include "base/status.h"
#include "data/string_table.h"

typedef struct adah_stamp {
    int64_t n_bytes, modified_ns, changed_ns; /* times since 1970: of the bytes; of anything about the file */
} adah_stamp; /* zeros: unknown */

enum { ADAH_SUM_BYTES = 16 };
#define ADAH_STAMP_SETTLED_NS 3000000000ll /* so long after the last change a stamp tells of the next one; FAT counts in steps of two seconds */

typedef struct adah_known_picture {
    adah_stamp coded; /* when its code was made */
    uint8_t bytes_sum[ADAH_SUM_BYTES], code_sum[ADAH_SUM_BYTES]; /* of the file, and of its code; zeros: unknown */
    adah_stamp tagged; /* when its tags were read */
    const char *tags; /* as adah_picture_tags_record gives them */
    size_t n_tags_bytes;
    adah_stamp now;  /* since this memory was opened; zeros: not looked at yet, or it is not there */
    int was_seen;    /* since this memory was opened: others are forgotten */
    int is_missing;  /* when it was seen: there is no such file */
} adah_known_picture;

typedef struct adah_picture_memory {
    adah_string_table names;
    adah_known_picture *picture; /* [names.n] */
    size_t capacity;
    adah_arena arena;    /* of tags */
    const char *model;   /* the path of the model that the codes are of; NULL: unknown */
    int64_t opened_ns;
    int is_damaged;      /* 1: the file that it was read from is not one of this version, and says nothing */
    int is_changed;      /* 1: it differs from its file */
} adah_picture_memory;

/* Reads a memory; a file that is not there, or not whole, is one that knows nothing. */
adah_code adah_picture_memory_open(const char *path, adah_picture_memory *memory, adah_status *status);
/* Puts it in the file's place, whole. Pictures that were not seen are left out. */
adah_code adah_picture_memory_save(adah_picture_memory *memory, const char *path, adah_status *status);
void adah_picture_memory_close(adah_picture_memory *memory); /* zeroes it; fine on a zeroed one */
adah_code adah_picture_memory_set_model(adah_picture_memory *memory, const char *path, adah_status *status);

/* What is known of a picture of the folder, and (now) the stamp that it has. The pointer is good until the next call. */
adah_code adah_picture_memory_look(adah_picture_memory *memory, const char *folder, const char *file_name, adah_known_picture **picture,
                                   adah_status *status);
/* What is known of a file that need not be there; NULL: nothing. Good until the next look. */
const adah_known_picture *adah_picture_memory_find(const adah_picture_memory *memory, const char *file_name);
adah_code adah_picture_memory_set_tags(adah_picture_memory *memory, adah_known_picture *picture, const char *tags, size_t n_bytes, adah_status *status);
void adah_picture_memory_set_code(adah_picture_memory *memory, adah_known_picture *picture, const uint8_t bytes_sum[ADAH_SUM_BYTES],
                                  const uint8_t code_sum[ADAH_SUM_BYTES]);

/* 1: its file has the stamp that it had at the look. */
int adah_picture_is_unchanged(const char *folder, const char *file_name, const adah_known_picture *picture);
int adah_stamp_is_same(const adah_stamp *a, const adah_stamp *b); /* 0 where one is unknown */
void adah_sum_bytes(const void *bytes, size_t n_bytes, uint8_t sum[ADAH_SUM_BYTES]); /* never all zeros */
int adah_sum_is_known(const uint8_t sum[ADAH_SUM_BYTES]);

/* adah_dataset_open, with tags of pictures out of the memory where they did not change, and put into it where they did. */
adah_code adah_dataset_open_known(const char *folder, const adah_dataset_options *options, adah_picture_memory *memory, adah_dataset **dataset,
                                  adah_status *status);
/* The number of the record of that file name; SIZE_MAX: there is none. */
size_t adah_dataset_find(const adah_dataset *dataset, const char *file_name);

#endif
