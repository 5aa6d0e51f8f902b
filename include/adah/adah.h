/* adah.h - short binary codes for images and texts, learned with attention-aware deep adversarial hashing.
 *
 * The whole public interface; programs include nothing else. Conventions:
 *
 *   errors    A function that can fail returns an adah_code (ADAH_OK is 0) and takes an adah_status as its
 *             last argument (NULL: no message wanted). On failure outputs are untouched, nothing is left
 *             half-written, and the message names the file, line or value and what was expected.
 *             The library never prints, exits or aborts on input.
 *   ownership Every adah_X_open / _create gives an object that its adah_X_close releases (NULL is fine).
 *             `const char *` results belong to the object they were asked of and live as long as it.
 *   threads   A model, a data set and an index are immutable once open and may be shared by threads.
 *             An encoder belongs to one thread at a time.
 *   text      UTF-8, NUL-terminated.
 *   codes     n_bits is a multiple of 8. A code is n_bits / 8 bytes; bit i is bit (i & 7) of byte (i >> 3).
 */
#ifndef ADAH_H
#define ADAH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ADAH_VERSION "0.1.0"

/* ---------------------------------------------------------------- status */

typedef enum adah_code {
    ADAH_OK = 0,
    ADAH_ERROR_ARGUMENT,  /* a value the caller gave is out of range */
    ADAH_ERROR_IO,        /* the operating system refused: missing file, no permission, disk full */
    ADAH_ERROR_FORMAT,    /* a file is damaged, foreign or of a newer version */
    ADAH_ERROR_MISMATCH,  /* two things do not belong together: model and index, weights and network */
    ADAH_ERROR_MEMORY,    /* out of memory */
    ADAH_ERROR_CANCELLED, /* the progress callback asked to stop */
    ADAH_ERROR_INTERNAL   /* a fault of the library itself */
} adah_code;

typedef struct adah_status {
    adah_code code;
    char message[1024];
} adah_status;

const char *adah_code_name(adah_code code);

/* Threads used by training, encoding and search in this process; n <= 0: one a core (the default). */
void adah_set_threads(int n);

enum { ADAH_BITS_MIN = 8, ADAH_BITS_MAX = 1024 };

typedef enum adah_modality { ADAH_IMAGE = 0, ADAH_TEXT = 1 } adah_modality;

/* ---------------------------------------------------------------- data sets */

typedef struct adah_dataset adah_dataset;

typedef enum adah_split { ADAH_SPLIT_TRAIN = 0, ADAH_SPLIT_QUERY = 1, ADAH_SPLIT_DATABASE = 2 } adah_split;

typedef struct adah_record {
    const char *file_name;       /* as in the metadata, relative to the folder */
    const char *text;            /* may be empty */
    const uint32_t *label;       /* ascending, without repeats; names by adah_dataset_label_name */
    size_t n_labels;             /* may be 0 */
    adah_split split;            /* TRAIN when the metadata says nothing */
    size_t line;                 /* in the metadata file, from 1 */
} adah_record;

typedef struct adah_dataset_options {
    int strict; /* 0: a bad record is left out and counted; 1: the first one is an error */
} adah_dataset_options;
#define ADAH_DATASET_OPTIONS_INIT {0}

/* Opens a folder with metadata.jsonl or metadata.csv: one record a pair with file_name, text, labels and
 * optional split. Images are not looked at yet. Refused always: a metadata file that is missing or has no good
 * record. Bad records (broken JSON, wrong types, invalid UTF-8, paths that leave the folder, a
 * file_name seen before) follow options->strict; NULL options: the defaults. */
adah_code adah_dataset_open(const char *folder, const adah_dataset_options *options, adah_dataset **dataset,
                            adah_status *status);
void adah_dataset_close(adah_dataset *dataset);
const char *adah_dataset_folder(const adah_dataset *dataset);
size_t adah_dataset_count(const adah_dataset *dataset);
const adah_record *adah_dataset_record(const adah_dataset *dataset, size_t i); /* NULL: i out of range */
size_t adah_dataset_label_count(const adah_dataset *dataset);
const char *adah_dataset_label_name(const adah_dataset *dataset, uint32_t label); /* NULL: out of range */
/* Bad records left out, and the message of the first of them ("" when none). */
size_t adah_dataset_skipped(const adah_dataset *dataset, const char **first_message);

/* Writes generated scenes as a data set: coloured, textured shapes on cluttered grounds, captions with noise
 * words, several labels a scene, and the true object mask of every image under masks/. */
typedef struct adah_synth_options {
    size_t n_scenes;     /* 2400 */
    size_t n_side;       /* pixels, 64 */
    double query_share;  /* of the scenes become queries, 0.15 */
    uint64_t seed;       /* 0 */
} adah_synth_options;
#define ADAH_SYNTH_OPTIONS_INIT {2400, 64, 0.15, 0}
adah_code adah_synth_write(const char *folder, const adah_synth_options *options, adah_status *status);

/* Turns the drawings of the package openclipart-svg (folder: /usr/share/openclipart/svg) into a data set of
 * PNG images of n_side pixels with words and labels. */
typedef struct adah_openclipart_options {
    size_t n_side;       /* pixels, 128 */
    double query_share;  /* 0.15 */
    uint64_t seed;       /* 0 */
    size_t n_limit;      /* at most this many drawings, chosen by seed; 0: all */
} adah_openclipart_options;
#define ADAH_OPENCLIPART_OPTIONS_INIT {128, 0.15, 0, 0}

/* ---------------------------------------------------------------- progress */

/* Called now and then from long work, from the thread that called in. Return non-zero to cancel: the call then
 * ends with ADAH_ERROR_CANCELLED, having kept what can be resumed. */
typedef struct adah_progress_event {
    const char *stage;          /* "reading images", "training", ... */
    uint64_t done, total;       /* units of the stage; total 0: unknown */
    const char *detail;         /* one line for a person, "" when none */
} adah_progress_event;
typedef int (*adah_progress_function)(void *user, const adah_progress_event *event);
typedef struct adah_progress {
    adah_progress_function function; /* NULL: silent */
    void *user;
} adah_progress;

adah_code adah_openclipart_convert(const char *svg_folder, const char *folder, const adah_openclipart_options *options,
                                   adah_progress progress, adah_status *status);

#ifdef __cplusplus
}
#endif
#endif
