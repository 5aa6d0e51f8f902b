/* core.h - what all of the interface shares: errors, progress, threads, memory. Part of adah.h, which tells the conventions. */
#ifndef ADAH_CORE_H
#define ADAH_CORE_H

#include <stddef.h>
#include <stdint.h>

/* Around the declarations of each header: the library is built with everything else hidden. */
#ifdef __GNUC__
#define ADAH_VISIBLE _Pragma("GCC visibility push(default)")
#define ADAH_VISIBLE_END _Pragma("GCC visibility pop")
#else
#define ADAH_VISIBLE
#define ADAH_VISIBLE_END
#endif
#ifdef __cplusplus
#define ADAH_BEGIN extern "C" { ADAH_VISIBLE
#define ADAH_END ADAH_VISIBLE_END }
#else
#define ADAH_BEGIN ADAH_VISIBLE
#define ADAH_END ADAH_VISIBLE_END
#endif

ADAH_BEGIN

/* Of this header; those of the library that runs, which may be another: adah_version, adah_version_number. */
#define ADAH_VERSION "0.2.0"
#define ADAH_VERSION_NUMBER 200 /* 10,000 * major + 100 * minor + patch */
const char *adah_version(void);
int adah_version_number(void);

/* ---------------------------------------------------------------- status */

typedef enum adah_code {
    ADAH_OK = 0,
    ADAH_ERROR_ARGUMENT,      /* a value the caller gave is out of range: give another */
    ADAH_ERROR_IO,            /* the operating system refused: no permission, disk full; system_error says which */
    ADAH_ERROR_FORMAT,        /* a file of another kind, of a newer version, or with contents that are not as described: give another */
    ADAH_ERROR_MISMATCH,      /* two things do not belong together: model and index, weights and network */
    ADAH_ERROR_MEMORY,        /* out of memory */
    ADAH_ERROR_CANCELLED,     /* the progress callback asked to stop */
    ADAH_ERROR_INTERNAL,      /* a fault of the library itself */
    ADAH_ERROR_UNCERTAIN,     /* the disk failed such that nobody knows whether a change is on it (adah_index_writer_commit) */
    ADAH_ERROR_BUSY,          /* another writer has the index: try again later (adah_set_patience) */
    ADAH_ERROR_NOT_FOUND,     /* there is no such file, record or label */
    ADAH_ERROR_EXISTS,        /* an id is taken, or a file is there that is not replaced: choose another */
    ADAH_ERROR_NO_KNOWN_WORD, /* the model knows no word of a text: ask in other words */
    ADAH_ERROR_CORRUPT        /* a file of ours, or of arrays or weights, is damaged, or was changed while it was used: restore it or make it anew */
} adah_code;

typedef struct adah_status {
    adah_code code;
    char message[2048];
    int system_error; /* with ADAH_ERROR_IO, _NOT_FOUND and _UNCERTAIN: errno of the call that was refused; 0: none was */
} adah_status;

const char *adah_code_name(adah_code code);

/* Threads used by training, encoding and search in this process; n <= 0: as OpenMP chooses, one a core. The library leaves it to
 * its caller how they wait for one another: with GCC's OpenMP set GOMP_SPINCOUNT=1000 in the environment before the program starts, as the
 * command does for itself, or they spin for milliseconds where other work needs the cores. */
void adah_set_threads(int n);

/* Indexes, models, weights, arrays of features and codes, caches and the files of data sets are read through maps. When another
 * program cuts such a file off, or the disk cannot read it, touching the map raises SIGBUS, which would end the process. So the library
 * takes that signal when it maps a file and finds another handler there: inside its own maps zeros take the place of what is gone, and
 * the call that met them reports an error; every other SIGBUS goes to the handler that was there before. A handler that is set later
 * must hand on in turn what it does not know, and threads that call the library must not block SIGBUS. adah_set_guard(0), before the
 * first file is opened, leaves the signal alone: then a file must not be cut off while it is read. */
void adah_set_guard(int is_on);

/* What the factors of large products are rounded to (the 3 x 3 convolutions of a backbone); sums, values, weights and their
 * gradients are float32. bfloat16 is available where the processor multiplies it (AVX512_BF16): faster on AMD's Zen 5, slower on
 * an Intel Xeon (model 207) that multiplies it at half the rate of float32 (docs/inside/engine.md). */
typedef enum adah_precision {
    ADAH_AS_TRAINED = 0, /* what the model was trained with */
    ADAH_FLOAT32,
    ADAH_BFLOAT16
} adah_precision;
int adah_precision_supported(adah_precision precision); /* by the processor this runs on: 1 or 0 */

enum { ADAH_BITS_MIN = 8, ADAH_BITS_MAX = 1024 };

enum { ADAH_FINE_MAX = 1024 }; /* values of a vector for the fine order: a multiple of 8; 0: there is none */

typedef enum adah_modality { ADAH_IMAGE = 0, ADAH_TEXT = 1 } adah_modality;

/* ---------------------------------------------------------------- progress */

/* Called now and then from long work, from the thread that called in. Return non-zero to cancel: the call then
 * ends with ADAH_ERROR_CANCELLED, having kept what can be resumed; or with ADAH_OK when it was done anyway. */
typedef struct adah_progress_event {
    const char *stage;          /* "reading images", "training", ... */
    uint64_t done, total;       /* units of the stage; total 0: unknown */
    const char *detail;         /* one line for a person, "" when none */
    int is_result;              /* 1: detail is a result worth a line of its own (an epoch's summary) */
} adah_progress_event;
typedef int (*adah_progress_function)(void *user, const adah_progress_event *event);
typedef struct adah_progress {
    adah_progress_function function; /* NULL: silent */
    void *user;
} adah_progress;

/* ---------------------------------------------------------------- options */

/* Every struct of options begins with its own size, so that programs and libraries of different versions understand each other: fill it with
 * its function adah_..._options_init, then change what should differ. A function takes NULL for the defaults, and refuses a size that it
 * does not know (ADAH_ERROR_ARGUMENT): one that was not filled, or that of a newer version of this header. */
typedef enum adah_options_kind {
    ADAH_OPTIONS_DATASET = 0,
    ADAH_OPTIONS_SYNTH,
    ADAH_OPTIONS_CONVERT,
    ADAH_OPTIONS_TRAIN,
    ADAH_OPTIONS_ENCODER,
    ADAH_OPTIONS_ENCODE,
    ADAH_OPTIONS_SEARCH,
    ADAH_OPTIONS_EVALUATE,
    ADAH_OPTIONS_REPORT,
    ADAH_OPTIONS_SYNC,
    ADAH_OPTIONS_FEEDBACK,
    ADAH_OPTIONS_DUPLICATES
} adah_options_kind;
/* What those functions call. size: that of the struct in the caller's header. */
void adah_options_init(adah_options_kind kind, void *options, size_t size);

/* Releases memory that a function of the library handed over. */
void adah_free(void *p);

/* Where what was computed of data sets is kept: `given`; NULL: $ADAH_CACHE, else $XDG_CACHE_HOME/adah, else ~/.cache/adah. *folder: adah_free.
 * ADAH_ERROR_ARGUMENT: HOME is not set either. */
adah_code adah_cache_folder(const char *given, char **folder, adah_status *status);
/* Makes such a folder, and those above it, where it is not there. */
adah_code adah_cache_make_folder(const char *folder, adah_status *status);

ADAH_END

#endif
