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
 *             An encoder and an index writer belong to one thread at a time.
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
#ifdef __GNUC__
#pragma GCC visibility push(default) /* the library is built with everything else hidden */
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
    ADAH_ERROR_INTERNAL,  /* a fault of the library itself */
    ADAH_ERROR_UNCERTAIN  /* the disk failed such that nobody knows whether a change is on it (adah_index_writer_commit) */
} adah_code;

typedef struct adah_status {
    adah_code code;
    char message[2048];
    int system_error; /* with ADAH_ERROR_IO and _UNCERTAIN: errno of the call that was refused; 0: none was */
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
 * gradients are float32. bfloat16 is to be had where the processor multiplies it (AVX512_BF16): faster on AMD's Zen 5, slower on
 * an Intel Xeon (model 207) that multiplies it at half the rate of float32 (docs/inside/engine.md). */
typedef enum adah_precision { ADAH_FLOAT32 = 0, ADAH_BFLOAT16 = 1 } adah_precision;
int adah_precision_supported(adah_precision precision); /* by the processor this runs on: 1 or 0 */

enum { ADAH_BITS_MIN = 8, ADAH_BITS_MAX = 1024 };

typedef enum adah_modality { ADAH_IMAGE = 0, ADAH_TEXT = 1 } adah_modality;

/* ---------------------------------------------------------------- data sets */

typedef struct adah_dataset adah_dataset;

typedef enum adah_split { ADAH_SPLIT_TRAIN = 0, ADAH_SPLIT_QUERY = 1, ADAH_SPLIT_DATABASE = 2 } adah_split;

typedef struct adah_record {
    const char *file_name;       /* as in the metadata, relative to the folder */
    const char *text;            /* may be empty; of several texts all, a line each */
    size_t n_texts;              /* 0: it is empty; 1: the text may have line breaks of its own */
    const uint32_t *label;       /* ascending, without repeats; names by adah_dataset_label_name */
    size_t n_labels;             /* may be 0 */
    const char *mask;            /* image of the true objects, white where they are, relative to the folder; NULL: none */
    adah_split split;            /* TRAIN when the metadata says nothing */
    size_t line;                 /* in the metadata file, from 1 */
    size_t row;                  /* in the arrays beside it: the lines before it that hold a record, bad ones and repetitions too */
} adah_record;

typedef struct adah_dataset_options {
    int strict; /* 0: a bad record is left out and counted; 1: the first one is an error */
} adah_dataset_options;
#define ADAH_DATASET_OPTIONS_INIT {0}

/* Opens a folder with metadata.jsonl or metadata.csv: one record a pair with file_name, text, labels and
 * optional split. text is a string or a list of strings; records of one file_name are one record of several texts. Images, and features in arrays beside the metadata (docs/reference/data-format.md), are not looked at yet. Refused always: a metadata file that is missing or has no good
 * record. Bad records (broken JSON, wrong types, invalid UTF-8, paths that leave the folder, a
 * file_name seen before in another split) follow options->strict; NULL options: the defaults. */
adah_code adah_dataset_open(const char *folder, const adah_dataset_options *options, adah_dataset **dataset,
                            adah_status *status);
void adah_dataset_close(adah_dataset *dataset);
const char *adah_dataset_folder(const adah_dataset *dataset);
size_t adah_dataset_count(const adah_dataset *dataset);
const adah_record *adah_dataset_record(const adah_dataset *dataset, size_t i); /* NULL: i out of range */
size_t adah_dataset_label_count(const adah_dataset *dataset);
const char *adah_dataset_label_name(const adah_dataset *dataset, uint32_t label); /* NULL: out of range */
/* Room for why the first few of many were left out: messages, a line each, NUL-terminated; "" when nothing was. */
#define ADAH_REASONS_BYTES 1600
/* Bad records left out. *reasons: why the first few were, a line each ("" when none); may be NULL. */
size_t adah_dataset_skipped(const adah_dataset *dataset, const char **reasons);
/* What a person should know of how the metadata were understood, a line each, "" when nothing: keys that were taken for others, or
 * passed over where texts or labels are missing; file names that came again. */
const char *adah_dataset_notes(const adah_dataset *dataset);
/* Lines of the metadata that hold a record: good, bad, and repetitions of a file_name. So many rows has an array beside them. */
size_t adah_dataset_rows(const adah_dataset *dataset);
/* 32 hex digits: a checksum of file names and splits, in the order of the records. Results of two places compare when it
 * is the same. */
adah_code adah_dataset_split_checksum(const adah_dataset *dataset, char checksum[33], adah_status *status);
/* The same of n records alone, by ascending number: what was measured where some were left out. */
adah_code adah_dataset_records_checksum(const adah_dataset *dataset, const size_t *record, size_t n, char checksum[33],
                                        adah_status *status);

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

adah_code adah_openclipart_convert(const char *svg_folder, const char *folder, const adah_openclipart_options *options,
                                   adah_progress progress, adah_status *status);

/* ---------------------------------------------------------------- data sets of the field in their own files */

typedef struct adah_convert_options {
    const char *images;   /* folder of the pictures; NULL: where the format has them */
    size_t n_concepts;    /* NUS-WIDE: the most frequent ones become labels; 21 */
    double query_share;   /* of the records become queries; 0: the format's own split, else 0.15 */
    size_t n_queries;     /* so many do, in place of a share; 0: the share */
    size_t n_train;       /* so many of the others are for training, the rest is database alone; 0: all are */
    uint64_t seed;        /* of a split that is drawn */
    int without_pictures; /* 1: a data set is written although none of its pictures is there */
} adah_convert_options;
#define ADAH_CONVERT_OPTIONS_INIT {NULL, 21, 0, 0, 0, 0, 0}

/* What became of it. */
typedef struct adah_convert_result {
    size_t n_records, n_labels;
    size_t n_left_out;        /* records without a label or a text, which the field leaves out */
    size_t n_missing;         /* records whose picture is not there; all, where there is no folder of pictures */
    size_t n_image_values, n_text_values; /* numbers a record in image.npy and text.npy; 0: there is no such file */
} adah_convert_result;

/* Writes a data set of the field as a folder with metadata.jsonl, which comes last. Pictures are not copied: images/ is a link
 * to their folder; those that lie inside a .mat file become PNG files. Vectors become image.npy and text.npy (float32, row r
 * for record r). ADAH_ERROR_IO: pictures should be there, and none of them is. format: "mirflickr", "nus-wide", "iapr", "mat", "coco"; source: its folder (n_sources 1; of "mirflickr" the
 * folder of annotations may be second), of "mat" its files. docs/reference/data-format.md has the layouts. *result may be NULL. */
adah_code adah_convert(const char *format, const char *const *source, size_t n_sources, const char *folder,
                       const adah_convert_options *options, adah_progress progress, adah_convert_result *result,
                       adah_status *status);

/* ---------------------------------------------------------------- training */

typedef struct adah_train_options {
    const char *preset;      /* "default" (what measures best) or "paper" (the method as published) */
    const char *method;      /* "adah", or a rival to compare with: "cca", "cmfh", "scm-orth", "scm-seq", "stmh", "seph-km",
                                "seph-rnd" (shallow), "dcmh", "acmr" (deep); NULL: adah */
    const char *backbone;    /* "small" (learns from scratch), "squeezenet1_1", "mobilenet_v2", "vgg16", "vgg19", "cnn_f"; NULL:
                                small, or "none" where the data set gives its images as features, which take no other */
    const char *weights;     /* of the backbone, safetensors or MatConvNet's .mat; needed by all but "small" */
    int n_bits;              /* 0: the preset's */
    int n_epochs;            /* 0: the preset's */
    int finetune;            /* 1: the backbone learns too */
    int attention;           /* 1: with masks, -1: without, 0: as the preset has it for this backbone */
    int no_adversary;        /* 1: the unattended features are not looked at */
    uint64_t seed;
    const char *similarity;  /* "labels", "words" (shared informative words), "pairs" (a pair is like itself alone);
                                NULL: labels when the data set has any, else words, else (texts as features) pairs */
    const char *language;    /* of the texts, for stemming: "english", "none", ...; NULL: english */
    const char *const *settings; /* further values by name, "margin=0.3"; the names are those of the model's configuration */
    size_t n_settings;
    int resume;              /* 1: continue from OUT.checkpoint when it is there */
    int strict;              /* 1: the first unreadable image is an error; 0: such pairs are left out and counted */
    double checkpoint_seconds; /* at least so long between checkpoints; 0: after every epoch */
    const char *cache_folder; /* for feature maps and decoded images; NULL: $ADAH_CACHE, else $XDG_CACHE_HOME/adah,
                                 else ~/.cache/adah */
} adah_train_options;
#define ADAH_TRAIN_OPTIONS_INIT \
    {"default", NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, 0, 0, 0, 15.0, NULL}

/* Learns a model from the train records of a data set and publishes it at model_path, atomically. While it runs,
 * model_path.checkpoint holds the work done; cancelled or killed training resumes from there to the same bits.
 * *report (adah_free; may be NULL): the training record as JSON, the same that adah_model_json holds under "training". */
adah_code adah_train(const adah_dataset *dataset, const char *model_path, const adah_train_options *options,
                     adah_progress progress, char **report, adah_status *status);

/* Releases memory that a function of this header handed over. */
void adah_free(void *p);

/* ---------------------------------------------------------------- models and encoding */

typedef struct adah_model adah_model;

/* Refused, with distinct messages: a file that is not safetensors, not an adah model, of a newer version, damaged. */
adah_code adah_model_open(const char *path, adah_model **model, adah_status *status);
void adah_model_close(adah_model *model);
int adah_model_bits(const adah_model *model);
const char *adah_model_id(const adah_model *model);   /* 32 hex digits: a checksum of all that encodes */
/* Everything about the model: configuration, vocabulary size, parameters, training record. JSON text. */
const char *adah_model_json(const adah_model *model);

/* What it can encode: words, pictures (not: features given as arrays); whether it has attention masks. */
int adah_model_takes_text(const adah_model *model);
int adah_model_takes_images(const adah_model *model);
int adah_model_has_attention(const adah_model *model);

/* The words of a text one by one, in its order, without those that count for nothing (stop words, numbers). */
typedef struct adah_text_word {
    size_t offset, n_bytes; /* where in the text it stands */
    size_t first;           /* number of the first word in the list that is the same to the model; its own number: it is new */
    int is_known;           /* 1: it is in the model's vocabulary */
} adah_text_word;
/* *words: n_words of them (adah_free). ADAH_ERROR_ARGUMENT: invalid UTF-8; ADAH_ERROR_MISMATCH: a model that takes no words. */
adah_code adah_model_words(const adah_model *model, const char *text, adah_text_word **words, size_t *n_words,
                           adah_status *status);

/* Publishes at out_path the model of the first n_bits of the codes of a model that was trained for that length too (its
 * configuration's nested_bits: that many bits, twice, four times ... as many). */
adah_code adah_model_shorten(const char *model_path, int n_bits, const char *out_path, adah_status *status);

/* How encoding computes from now on, in place of what the model was trained with. Before the model is shared by threads and before
 * its first encoder. Refused where the processor cannot. */
adah_code adah_model_set_precision(adah_model *model, adah_precision precision, adah_status *status);

/* Encodes single texts and images. The model must outlive it. */
typedef struct adah_encoder adah_encoder;
adah_code adah_encoder_create(const adah_model *model, adah_encoder **encoder, adah_status *status);
void adah_encoder_close(adah_encoder *encoder);
/* code: adah_model_bits / 8 bytes. ADAH_ERROR_MISMATCH: a text without any word of the vocabulary; a text or picture for a
 * model that learned from features given as arrays. */
adah_code adah_encode_text(adah_encoder *encoder, const char *text, uint8_t *code, adah_status *status);
adah_code adah_encode_image_file(adah_encoder *encoder, const char *path, uint8_t *code, adah_status *status);
adah_code adah_encode_image_bytes(adah_encoder *encoder, const uint8_t *bytes, size_t n_bytes, uint8_t *code,
                                  adah_status *status);

/* H, of which the last code is the signs: adah_model_bits values in (-1, 1), until the encoder's next call. */
const float *adah_encoder_relaxed(const adah_encoder *encoder);
/* How many distinct words of the last text given to adah_encode_text the model does not know. */
size_t adah_encoder_unknown_words(const adah_encoder *encoder);

/* One side of a record as the model takes it: the picture, the text, or the record's row of the array beside the metadata. */
adah_code adah_encode_record(adah_encoder *encoder, const adah_dataset *dataset, size_t record, adah_modality modality,
                             uint8_t *code, adah_status *status);

/* Where the model looks: the attention mask Z and probabilities P of an image, n_height x n_width row-major. */
typedef struct adah_attention_map {
    size_t n_height, n_width;
    float *probability; /* sums to 1 */
    uint8_t *mask;      /* 1 = attended */
} adah_attention_map;
adah_code adah_attend_image(adah_encoder *encoder, const char *path, adah_attention_map *map, adah_status *status);
void adah_attention_map_free(adah_attention_map *map);
/* The image with what is not attended darkened and the mask outlined, as PNG, longer side at most n_side_max. */
adah_code adah_attend_write(adah_encoder *encoder, const char *image_path, const char *png_path, size_t n_side_max,
                            adah_status *status);

/* ---------------------------------------------------------------- pictures */

/* What a picture's file is, found by walking through its structure, without decoding anything: what to refuse pictures by. */
typedef struct adah_picture_info {
    const char *type;         /* "image/jpeg", "image/png", "image/gif", "image/webp", "image/tiff", "image/avif", "image/heic",
                                 "image/bmp", "image/x-portable-anymap" */
    size_t n_width, n_height; /* in pixels, before it is turned */
    uint64_t n_pixels;        /* the most that decoding makes, by what is coded and not by what the file says of it: frames, tiles,
                                 layers, other images in the file; n_width * n_height or more */
    uint64_t n_bytes;         /* about the most memory that decoding takes, small things left out */
    const char *excess;       /* NULL; else why the file is more work than its pixels: nothing decodes it */
} adah_picture_info;
/* ADAH_ERROR_FORMAT: not a picture of these types, or one whose parts contradict each other. */
adah_code adah_picture_examine(const uint8_t *bytes, size_t n_bytes, adah_picture_info *info, adah_status *status);
/* Decoded pixels: 8-bit sRGB, rgb[(y * n_width + x) * 3 + channel]. */
typedef struct adah_picture {
    size_t n_width, n_height;
    uint8_t *rgb; /* adah_free */
} adah_picture;
/* What adah_encode_image_bytes does before the model, apart from it: turned upright, transparency laid on white, squeezed to n_side x n_side
 * pixels; with keeps_aspect shrunk until the longer side is at most n_side. ADAH_ERROR_FORMAT: broken, no picture, in excess, or of more than
 * 512 megapixels. */
adah_code adah_picture_decode(const uint8_t *bytes, size_t n_bytes, size_t n_side, int keeps_aspect, adah_picture *picture,
                              adah_status *status);
size_t adah_model_image_side(const adah_model *model); /* n_side of the pictures that it takes */
/* What it does with the model. picture: adah_model_image_side squared. The same code to the bit. */
adah_code adah_encode_picture(adah_encoder *encoder, const adah_picture *picture, uint8_t *code, adah_status *status);
adah_code adah_attend_picture(adah_encoder *encoder, const adah_picture *picture, adah_attention_map *map, adah_status *status);
/* Draws the mask into a picture of any size, as adah_attend_write does; a picture as PNG (*png: adah_free). */
void adah_attend_draw(const adah_attention_map *map, adah_picture *picture);
adah_code adah_picture_png(const adah_picture *picture, uint8_t **png, size_t *n_png_bytes, adah_status *status);
/* A small copy as JPEG of a quality of 1..100, turned upright, longer side at most n_side. *jpeg: adah_free. */
adah_code adah_picture_thumbnail(const uint8_t *bytes, size_t n_bytes, size_t n_side, int quality, uint8_t **jpeg,
                                 size_t *n_jpeg_bytes, adah_status *status);

/* ---------------------------------------------------------------- codes of data sets */

/* Codes of a whole data set. Records whose image cannot be read are left out (or an error with strict; so it is when none can be
 * read: a folder that is not there must not end in an empty result). */
typedef struct adah_codes {
    size_t n, n_bits;
    uint8_t *image, *text;   /* n codes each */
    float *image_real, *text_real; /* what the codes are the signs of, n x n_bits each; NULL unless asked for */
    size_t *record;          /* n record numbers of the data set, ascending */
    size_t n_skipped;        /* records left out */
    char reasons[ADAH_REASONS_BYTES]; /* why the first few were, a line each; "" when none */
    size_t n_texts_unknown;  /* records whose text has no word that the model knows: the codes of their texts are all the same */
} adah_codes;
/* Where the time of an encoding went. The seconds of the stages are summed over the threads: together n_threads * seconds. */
typedef struct adah_encode_profile {
    size_t n_records, n_threads;
    double seconds;           /* from beginning to end */
    double read_seconds;      /* reading picture files */
    double decode_seconds;    /* decoding and resizing them */
    double normalise_seconds; /* pixels, features and words to what the networks take in */
    double network_seconds;
    double rest_seconds;      /* making the networks, packing codes, waiting */
    uint64_t peak_bytes;      /* the most memory the process has had, up to now */
} adah_encode_profile;
typedef struct adah_encode_options {
    int strict;
    const char *cache_folder; /* as in adah_train_options: feature maps that a training left there are used; encoding leaves none */
    int keep_real;            /* 1: the codes before their signs are taken are handed over too */
    adah_encode_profile *profile; /* filled when all went well; NULL: not wanted */
} adah_encode_options;
#define ADAH_ENCODE_OPTIONS_INIT {0, NULL, 0, NULL}
/* Each thread takes records, one after another, from their files to their codes, so that memory does not grow with the data set,
 * but for the codes. A picture has the same code at any place in any data set and with any number of threads. */
adah_code adah_encode_dataset(const adah_model *model, const adah_dataset *dataset, const adah_encode_options *options,
                              adah_progress progress, adah_codes *codes, adah_status *status);
void adah_codes_free(adah_codes *codes);
/* prefix.image.npy, prefix.text.npy (uint8, n x n_bits / 8) and prefix.ids (a file name a line). */
adah_code adah_codes_write(const adah_codes *codes, const adah_dataset *dataset, const char *prefix, adah_status *status);
/* Reads them back for a data set; ids are looked up by file name. */
adah_code adah_codes_read(const char *prefix, const adah_dataset *dataset, adah_codes *codes, adah_status *status);

/* ---------------------------------------------------------------- index and search */

/* A collection is one file of codes with what a search shows of each record; docs/reference/index-format.md. An adah_index is one state
 * of it, which never changes; a writer adds, replaces and deletes in batches, and adah_index_latest gives the state after. */

/* What became of the records of a data set. */
typedef struct adah_index_add_counts {
    uint64_t n_added, n_replaced;
    uint64_t n_unreadable;            /* left out because their image cannot be read; bad ones: adah_dataset_skipped */
    char reasons[ADAH_REASONS_BYTES]; /* why the first few were, a line each; "" when none */
    uint64_t n_texts_unknown;         /* as in adah_codes */
} adah_index_add_counts;
/* Publishes an index of all records of a data set: both codes, file name, text, labels of each. Ids: 0, 1, 2, ... Counts: may be
 * NULL. A file that is there is replaced only by what can take its place, unless `replace` is 1: ADAH_ERROR_MISMATCH when it is
 * no adah index, or one of more than twice as many records. Data of which no image can be read replace nothing. */
adah_code adah_index_create(const adah_model *model, const adah_dataset *dataset, const char *index_path, int replace,
                            const adah_encode_options *options, adah_progress progress, adah_index_add_counts *counts,
                            adah_status *status);
/* Adds all records of a data set to an index of the same model, in batches of 10,000, each durable; after a failure the message says how many
 * records are there, and adding them again does no harm; a record whose file name is in the index
 * replaces that one and keeps its id. Counts: may be NULL. */
adah_code adah_index_add_dataset(const adah_model *model, const adah_dataset *dataset, const char *index_path,
                                 const adah_encode_options *options, adah_progress progress, adah_index_add_counts *counts,
                                 adah_status *status);

typedef struct adah_index adah_index;

/* What the index knows of a record: a copy, which adah_index_entry_free releases. */
typedef struct adah_index_entry {
    uint64_t id;
    const char *file_name, *text; /* "" where there is none */
    const uint32_t *label;        /* ascending; names by adah_index_label_name */
    size_t n_labels;
    const uint8_t *image_code, *text_code; /* NULL: it has none */
    void *memory; /* of all that is pointed to */
} adah_index_entry;
void adah_index_entry_free(adah_index_entry *entry); /* fine on a zeroed one */

/* Any program may change the file while it is open. Appending, as writers do, changes no state, and neither does putting another
 * file in its place: a state goes on with the old one. When the file is cut off or overwritten in place, functions that
 * return an adah_code report ADAH_ERROR_FORMAT instead of a result that could be wrong; adah_index_latest then opens what is there
 * now, with all its checksums looked at. Only bytes that change while the headers stay are not noticed by the function that
 * reads them, but by the next adah_index_latest. */

/* Opens an index in time that does not grow with its records. ADAH_ERROR_FORMAT says which: not an adah index, of another
 * version, of a machine with another byte order, or damaged. Contents beyond the headers are checked when they are used. */
adah_code adah_index_open(const char *path, adah_index **index, adah_status *status);
void adah_index_close(adah_index *index); /* drops one reference */
adah_index *adah_index_share(adah_index *index); /* one reference more, to be closed like any; returns index. Any thread. */
/* The newest state of the collection that `index` is a state of: what this or another process has committed since. *latest is
 * closed like any index, and may be `index` itself, once more referenced. When the file has another inode, or was changed in place,
 * the state of what is there now; ADAH_ERROR_IO, ADAH_ERROR_FORMAT: that is no good index. Any thread. */
adah_code adah_index_latest(adah_index *index, adah_index **latest, adah_status *status);
/* Is the file still the one that was opened, up to where this state ends? ADAH_ERROR_FORMAT: it was cut off or overwritten in
 * place, and what was read since the last check may be wrong. A system call. Any thread. */
adah_code adah_index_check(const adah_index *index, adah_status *status);
uint64_t adah_index_count(const adah_index *index); /* records that are not deleted */
uint64_t adah_index_rows(const adah_index *index);  /* records with the deleted ones: places, numbered from 0 */
size_t adah_index_bits(const adah_index *index);
const uint8_t *adah_index_model_identity(const adah_index *index); /* 16 bytes: adah_model_id of the model; zeros: unknown */
size_t adah_index_label_count(const adah_index *index);
/* NULL: out of range, or its place in the file is damaged. */
const char *adah_index_label_name(const adah_index *index, uint32_t label);
/* The record in a row; *entry is freed with adah_index_entry_free. ADAH_ERROR_MISMATCH: it is deleted. */
adah_code adah_index_record(const adah_index *index, uint64_t row, adah_index_entry *entry, adah_status *status);
/* The row of the record with this id; 0: there is none, or the file was changed, which adah_index_check tells. */
int adah_index_find(const adah_index *index, uint64_t id, uint64_t *row);
/* The newest note of that name, a NUL behind it, freed by adah_free; NULL: there is none. */
adah_code adah_index_note(const adah_index *index, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status);
/* ADAH_ERROR_MISMATCH when the index was made by another model: its codes would mean nothing. */
adah_code adah_index_check_model(const adah_index *index, const adah_model *model, adah_status *status);
/* Counts and sizes as a JSON object (adah_free). */
adah_code adah_index_stats(const adah_index *index, char **json, adah_status *status);
/* Reads the whole file and checks every checksum, every record and every search table. */
adah_code adah_index_verify(const char *path, adah_status *status);

/* ---- search ---- */

typedef struct adah_search_hit {
    uint64_t id, row;
    uint32_t distance;
    float score; /* with `relaxed`: the squared distance between it and the stored signs, by which hits are then in order; else 0 */
} adah_search_hit;

typedef enum adah_search_method {
    ADAH_SEARCH_AUTO = 0, /* by what each would cost */
    ADAH_SEARCH_SCAN,     /* every code */
    ADAH_SEARCH_TABLES    /* multi-index hashing wherever the file has tables */
} adah_search_method;

#define ADAH_NO_ID UINT64_MAX
typedef struct adah_search_options {
    size_t k;                  /* at most so many hits; SIZE_MAX: all within the radius */
    uint32_t radius;           /* hits have a distance of at most that */
    adah_search_method method;
    const uint64_t *only;      /* ids: nothing else is found; NULL: no such limit */
    size_t n_only;
    uint64_t exclude;          /* an id that is not found: the query itself; ADAH_NO_ID: none */
    /* 0: the record does not count. Asked during the search, of records that could become hits, from several threads; the entry
     * lives as long as the call. */
    int (*accept)(void *context, const adah_index_entry *entry);
    void *context;
    const float *relaxed;      /* n_queries x n_bits values in (-1, 1) that the query codes are the signs of: of the nearest
                                  n_rerank by Hamming distance the k best by `score` are given; NULL: no */
    size_t n_rerank;           /* 0: 10 k */
    int cut_off;               /* 1: hits that are too far to be answers, by the query's distances to the whole
                                  collection, are left out: none may remain (docs/inside/index.md) */
} adah_search_options;
#define ADAH_SEARCH_OPTIONS_INIT {10, UINT32_MAX, ADAH_SEARCH_AUTO, NULL, 0, ADAH_NO_ID, NULL, NULL, NULL, 0, 0}

typedef struct adah_search_result {
    adah_search_hit *hits; /* by (distance, id), or (score, distance, id) with `relaxed` */
    size_t n_hits;
} adah_search_result;

/* Exact search among the codes of modality `to` for n_queries codes at once: the same hits for every method, number of threads
 * and history of the file. results: n_queries, each freed with adah_search_result_free. options NULL: the 10 nearest.
 * ADAH_ERROR_MISMATCH: no record has such a code. ADAH_ERROR_FORMAT: damaged, or another program has changed the file. */
adah_code adah_index_search(const adah_index *index, adah_modality to, const uint8_t *codes, size_t n_queries,
                            const adah_search_options *options, adah_search_result *results, adah_status *status);
void adah_search_result_free(adah_search_result *result);

/* ---- writing ---- */

typedef struct adah_index_item {
    uint64_t id;                  /* ADAH_NO_ID: the next free one */
    const char *file_name, *text; /* NULL is "" */
    const char *const *label;     /* names in any order, repeats count once */
    size_t n_labels;
    const uint8_t *image_code, *text_code; /* NULL: none; one must be there */
} adah_index_item;

/* One thread at a time uses a writer; readers go on meanwhile, in this process and others. What is added, replaced and deleted
 * forms a batch that readers see, and a crash leaves, whole or not at all. */
typedef struct adah_index_writer adah_index_writer;

/* How long opening an index for writing waits in this process while another writer has it; at first not at all. */
void adah_set_patience(double seconds);
/* Opens an index for writing. ADAH_ERROR_IO with system_error EWOULDBLOCK: another writer has it. ADAH_ERROR_CANCELLED: a signal came while
 * it waited for that one. */
adah_code adah_index_writer_open(const char *path, adah_index_writer **writer, adah_status *status);
/* Publishes an empty index, over any file at `path`, and opens it. model NULL: codes of an unknown model, of n_bits bits. */
adah_code adah_index_writer_create(const char *path, const adah_model *model, size_t n_bits, adah_index_writer **writer,
                                   adah_status *status);
/* Batches that are not committed are dropped. */
void adah_index_writer_close(adah_index_writer *writer);
/* The state after the last commit; closed with the writer. */
adah_index *adah_index_writer_state(const adah_index_writer *writer);
/* *id: may be NULL. ADAH_ERROR_MISMATCH: the id is taken; nothing was added. */
adah_code adah_index_writer_add(adah_index_writer *writer, const adah_index_item *item, uint64_t *id, adah_status *status);
/* Many codes without more, with the next free ids from *first_id on. image_codes, text_codes: n codes each, one may be NULL. */
adah_code adah_index_writer_add_codes(adah_index_writer *writer, size_t n, const uint8_t *image_codes, const uint8_t *text_codes,
                                      uint64_t *first_id, adah_status *status);
/* Of a record that is there. ADAH_ERROR_MISMATCH: there is none with this id. */
adah_code adah_index_writer_replace(adah_index_writer *writer, const adah_index_item *item, adah_status *status);
adah_code adah_index_writer_delete(adah_index_writer *writer, uint64_t id, adah_status *status);
/* Keeps a note with the batch: at most 65,536 bytes under a name of 1 to 255, such as the answer to a request, by which it can be told from
 * one that asks again. Durable with the batch; compaction keeps the newest ADAH_INDEX_NOTES_KEPT. */
enum { ADAH_INDEX_NOTES_KEPT = 1000 };
adah_code adah_index_writer_note(adah_index_writer *writer, const char *name, const void *bytes, size_t n_bytes, adah_status *status);
/* Returns when the batch is on disk; readers see it from then on. On failure the batch is dropped and the index is as before it, on disk,
 * too; after a sync that failed the writer refuses all further calls, and one opened anew makes sure of what is there. Only with
 * ADAH_ERROR_UNCERTAIN nobody knows: the disk failed to take back what it had failed to take. */
adah_code adah_index_writer_commit(adah_index_writer *writer, adah_status *status);
/* Writes the collection anew without what is deleted, in order of id, with search tables where they pay; atomic, can be
 * cancelled. ADAH_ERROR_ARGUMENT: there are changes that are not committed. When only the sync of the folder fails, the compacted file is
 * in place, but a power cut may bring back the one before, with the same records: ADAH_ERROR_IO says so. */
adah_code adah_index_writer_compact(adah_index_writer *writer, adah_progress progress, adah_status *status);

/* ---- exchange with other programs ---- */

typedef enum adah_exchange_format {
    ADAH_EXCHANGE_NPY = 0,    /* NumPy: uint8, n x n_bits / 8; ids, one a line, in PATH.ids */
    ADAH_EXCHANGE_FAISS_FLAT, /* FAISS: IndexBinaryFlat, in an IndexBinaryIDMap where ids are not 0, 1, 2, ... */
    ADAH_EXCHANGE_FAISS_IVF   /* FAISS: IndexBinaryIVF with ids */
} adah_exchange_format;

/* Writes the codes of one modality, in order of id. ADAH_ERROR_MISMATCH: there are none. */
adah_code adah_index_export(const adah_index *index, adah_modality side, adah_exchange_format format, const char *path,
                            adah_status *status);
/* Adds the codes of one or two such files (one may be NULL), told apart by what they hold, as one batch, and commits it. Ids are
 * the files', or the next free ones; with two files, code i of both belongs to one record. Bits must be the index's. */
adah_code adah_index_import(adah_index_writer *writer, const char *image_path, const char *text_path, uint64_t *n_added,
                            adah_status *status);
/* Bits of the codes in such a file, in *n_bits. */
adah_code adah_exchange_bits(const char *path, size_t *n_bits, adah_status *status);

/* ---------------------------------------------------------------- evaluation */

typedef struct adah_evaluate_options {
    const adah_dataset *queries; /* NULL: queries come from the same data set */
    adah_split split;            /* which records are queries; QUERY. With TRAIN a query is left out of its own results */
    size_t n_cut;                /* k of AP@k and NDCG@k; 0: 50 */
    int real;                    /* adah_evaluate: 1: also mAP of the real-valued codes by cosine; `codes` must hold them */
    int pairs;                   /* adah_evaluate: 1: also mAP against one code a pair, the sign of its image's and its text's
                                    real-valued codes added up; `codes` must hold them */
    const adah_codes *codes;     /* adah_evaluate: those of `dataset`, when the model has encoded it before; NULL: not yet */
} adah_evaluate_options;
#define ADAH_EVALUATE_OPTIONS_INIT {NULL, ADAH_SPLIT_QUERY, 0, 0, 0, NULL}

/* Measures of docs/guide/evaluate.md in the four directions, as a JSON object (adah_free). Database: the train and database
 * records of `dataset`. With other `queries`: their records of `split`, or all where none is of that split; labels are
 * matched by name, and a query whose image file is in the database too (same name, same bytes) is left out of its own
 * results. Relevance: shared labels; where no query has labels, as the model was trained ("words" or "pairs"). */
adah_code adah_evaluate(const adah_model *model, const adah_dataset *dataset, const adah_evaluate_options *options,
                        const adah_encode_options *encode_options, adah_progress progress, char **json,
                        adah_status *status);
/* The same from codes made before. query_codes NULL: the same codes. */
adah_code adah_evaluate_codes(const adah_dataset *dataset, const adah_codes *codes, const adah_codes *query_codes,
                              const adah_evaluate_options *options, char **json, adah_status *status);
/* n >= 2 evaluations of one data set, by models that differ in seed say, as one JSON object: "models" lists them; "mean" and
 * "deviation" have the form of each, with the mean and the sample standard deviation in place of every measure, and what is
 * no measure (n_bits, preset) where all agree. ADAH_ERROR_MISMATCH: of other data, queries, relevance or length of codes. */
adah_code adah_evaluate_mean(const char *const *evaluations, size_t n, char **json, adah_status *status);

/* ---------------------------------------------------------------- report */

typedef struct adah_report_options {
    const char *title;               /* NULL: "adah" */
    const char *const *text_queries; /* words to show answers for; NULL: texts of some query records */
    size_t n_text_queries;
    size_t n_image_queries;          /* query records shown with their attention mask; 6 */
    size_t n_results;                /* answers to each; 6 */
    const adah_codes *codes;         /* of `dataset` by `model`, when it was encoded before; NULL: not yet */
} adah_report_options;
#define ADAH_REPORT_OPTIONS_INIT {NULL, NULL, 0, 6, 6, NULL}

/* Writes one HTML file that needs nothing else: the mAP table, precision-recall, precision and loss curves, queries with their
 * answers as pictures and distances, attention masks. evaluation: what adah_evaluate gave for this model and data set, or
 * what adah_evaluate_mean made of several, the first of them by this model: then mean and deviation, and a curve each. */
adah_code adah_report_write(const adah_model *model, const adah_dataset *dataset, const char *evaluation,
                            const adah_report_options *options, const adah_encode_options *encode_options,
                            const char *html_path, adah_status *status);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
