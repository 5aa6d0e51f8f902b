/* data.h - data sets of pictures with texts: opened, generated, made from those of others; pictures as pixels. Part of adah.h. */
#ifndef ADAH_DATA_H
#define ADAH_DATA_H

#include "core.h"

ADAH_BEGIN

/* ---------------------------------------------------------------- when and where a picture was taken */

/* How much of a date is known. */
typedef enum adah_date_detail { ADAH_DATE_NONE = 0, ADAH_DATE_YEAR, ADAH_DATE_MONTH, ADAH_DATE_DAY, ADAH_DATE_SECOND } adah_date_detail;
#define ADAH_NO_OFFSET INT32_MIN
/* Zeros: neither is known. */
typedef struct adah_taken {
    int64_t seconds; /* what the clock at the place showed, as seconds since the beginning of 1970 on that clock; of a year, a month or a day its beginning */
    int32_t latitude_e7, longitude_e7; /* degrees times 10^7, north and east positive */
    int32_t offset_minutes; /* that the clock was ahead of UTC; ADAH_NO_OFFSET: unknown */
    uint16_t detail;        /* adah_date_detail; ADAH_DATE_NONE: seconds and offset_minutes mean nothing */
    uint16_t has_place;     /* 0: latitude and longitude mean nothing */
} adah_taken;
/* Reads a date: "2019", "2019-06", "2019-06-01", with "T18:30", "T18:30:00" or with a blank for the T behind it, and "Z", "+02:00" or "+0200" behind
 * that; also with colons, as cameras write it, points, slashes or nothing between the numbers; or whole seconds or milliseconds since 1970 in UTC. Years
 * are 1 to 9999. Sets what *taken has of dates and leaves the place. ADAH_ERROR_ARGUMENT: it is no date, and the message says what was expected. */
adah_code adah_date_read(const char *text, adah_taken *taken, adah_status *status);
/* Sets the place. ADAH_ERROR_ARGUMENT: not from -90 to 90 and from -180 to 180. */
adah_code adah_place_set(double latitude, double longitude, adah_taken *taken, adah_status *status);
/* Reads a place: "48.8584,2.2945", latitude and longitude in degrees, parted by a comma, a blank or both. ADAH_ERROR_ARGUMENT: it is none. */
adah_code adah_place_read(const char *text, adah_taken *taken, adah_status *status);
enum { ADAH_DATE_BYTES = 32 };
/* Writes a date, as "2019-06" or "2019-06-01T18:30:00+02:00", and returns text; "" where there is none. */
const char *adah_date_write(const adah_taken *taken, char text[ADAH_DATE_BYTES]);

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
    size_t line;                 /* in the metadata file, from 1; 0: there is none */
    size_t row;                  /* in the arrays next to it: how many lines before it hold a record, bad ones and repetitions included */
    unsigned text_sources, label_sources; /* of adah_source, where text and labels are from; 0: there are none */
    adah_taken taken;            /* when and where the picture was taken */
    unsigned date_source, place_source; /* of adah_source; 0: not known */
} adah_record;

/* Where texts and labels come from. A folder with metadata has no others. */
typedef enum adah_source {
    ADAH_SOURCE_METADATA = 1, /* metadata.jsonl, metadata.csv, files of other programs */
    ADAH_SOURCE_SIDECARS = 2, /* files beside a picture: x.jpg.txt, x.txt, x.json */
    ADAH_SOURCE_PICTURES = 4, /* captions and keywords inside the picture: IPTC, XMP, EXIF */
    ADAH_SOURCE_NAMES = 8,    /* the words of the picture's file name */
    ADAH_SOURCE_FOLDERS = 16, /* the names of the folders that it lies in */
    ADAH_SOURCES_ALL = 31
} adah_source;

typedef struct adah_dataset_options {
    size_t size; /* of this struct */
    int strict; /* 0: a bad record is left out and counted; 1: the first one is an error */
    uint64_t sources; /* of adah_source, those that are asked; ADAH_SOURCES_ALL */
    /* What the keys or columns of the metadata are called, where they are not what is understood anyway. Of several all count. It is an error
     * when none of a list is there. */
    const char *file_key;                         /* NULL: "file_name" and what else means it */
    const char *const *text_keys, *const *label_keys;
    size_t n_text_keys, n_label_keys;             /* 0: "text", "labels" and what else means them */
    /* NULL, or told of each thing that is passed over, in a message that begins with its name: bad records and files when the data set is
     * opened, pictures that cannot be read whenever it is used. Any thread; must last as long as the data set. */
    void (*left_out)(void *context, const char *message);
    void *left_out_context;
} adah_dataset_options;
static inline void adah_dataset_options_init(adah_dataset_options *options) {
    adah_options_init(ADAH_OPTIONS_DATASET, options, sizeof *options);
}

/* Opens a folder with metadata.jsonl or metadata.csv: one record a pair with file_name, text, labels and
 * optional split; or with neither, but with image.npy: one record a row, whose file_name is its number from 0, without a text; or with none
 * of these, but with files of other programs that name pictures in the folder (tables, COCO, token files: docs/guide/collection.md); or with
 * pictures alone in it or in folders below it: one record a picture. Its text is from the first source that has one, in the
 * order of adah_source, its labels from all of them; hidden files are passed over, and a tenth of the pictures, by their names, are queries,
 * unless the folders of the first level are all called as splits are. text is a string or a list of strings; records of one file_name are one record of several texts. Images, and
 * features in arrays next to the metadata (docs/reference/data-format.md), are not looked at yet. Refused always: a metadata file without a good
 * record, and a folder without pictures. Bad records (broken JSON, wrong types, invalid UTF-8, paths that leave the folder, a
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
/* Lines of the metadata that hold a record: good, bad, and repetitions of a file_name. An array next to them has as many rows. */
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
    size_t size; /* of this struct */
    size_t n_scenes;     /* 2400 */
    size_t n_side;       /* pixels, 64 */
    double query_share;  /* of the scenes become queries, 0.15 */
    uint64_t seed;       /* 0 */
} adah_synth_options;
static inline void adah_synth_options_init(adah_synth_options *options) {
    adah_options_init(ADAH_OPTIONS_SYNTH, options, sizeof *options);
}
adah_code adah_synth_write(const char *folder, const adah_synth_options *options, adah_status *status);

/* ---------------------------------------------------------------- data sets of the field in their own files */

typedef struct adah_convert_options {
    size_t size; /* of this struct */
    const char *images;   /* folder of the pictures; NULL: where the format has them */
    size_t n_concepts;    /* "nus-wide": the most frequent ones become labels; 21 */
    size_t n_side;        /* "openclipart": pixels a side; 128 */
    size_t n_limit;       /* "openclipart": at most so many drawings, chosen by seed; 0: all */
    double query_share;   /* of the records become queries; 0: the format's own split, else 0.15 */
    size_t n_queries;     /* so many do, in place of a share; 0: the share */
    size_t n_train;       /* so many of the others are for training, the rest is database alone; 0: all are */
    uint64_t seed;        /* of a split that is drawn */
    int without_pictures; /* 1: a data set is written although none of its pictures is there */
} adah_convert_options;
static inline void adah_convert_options_init(adah_convert_options *options) {
    adah_options_init(ADAH_OPTIONS_CONVERT, options, sizeof *options);
}

/* What became of it. */
typedef struct adah_convert_result {
    size_t n_records, n_labels;
    size_t n_left_out;        /* records without a label or a text, which the field leaves out; drawings that cannot be drawn */
    size_t n_missing;         /* records whose picture is not there; all, where there is no folder of pictures */
    size_t n_image_values, n_text_values; /* numbers a record in image.npy and text.npy; 0: there is no such file */
} adah_convert_result;

/* The i-th format that adah_convert reads, NULL when there are no more; *source (may be NULL): what to give it, in words. Both last as
 * long as the program. */
const char *adah_convert_format(size_t i, const char **source);

/* Writes a data set of the field as a folder with metadata.jsonl, which comes last. Pictures are not copied: images/ is a link
 * to their folder; those that lie inside a .mat file, and drawings, become PNG files. Vectors become image.npy and text.npy (float32, row r
 * for record r). ADAH_ERROR_NOT_FOUND: pictures should be there, and none of them is. format: a name of
 * adah_convert_format; source: its folder (n_sources 1; of "mirflickr" the folder of annotations may be second; of "openclipart" that of the
 * package openclipart-svg, /usr/share/openclipart/svg), of "mat" its files. docs/reference/data-format.md has the layouts. *result may be
 * NULL. Generated scenes have no source, and a function of their own: adah_synth_write. */
adah_code adah_convert(const char *format, const char *const *source, size_t n_sources, const char *folder,
                       const adah_convert_options *options, adah_progress progress, adah_convert_result *result,
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
/* What adah_encode_image_bytes (train.h) does before the model, apart from it: turned upright, transparency laid on white, squeezed to n_side x n_side
 * pixels; with keeps_aspect shrunk until the longer side is at most n_side. ADAH_ERROR_FORMAT: broken, no picture, in excess, or of more than
 * 512 megapixels. */
adah_code adah_picture_decode(const uint8_t *bytes, size_t n_bytes, size_t n_side, int keeps_aspect, adah_picture *picture,
                              adah_status *status);
/* What a model sees of a picture (adah_model_picture_form of train.h). With n_side alone set: what adah_picture_decode makes without keeps_aspect. */
typedef enum adah_picture_filter { ADAH_FILTER_LANCZOS, ADAH_FILTER_BICUBIC, ADAH_FILTER_BILINEAR } adah_picture_filter;
typedef enum adah_picture_crop_kind { ADAH_CROP_NONE, ADAH_CROP_CENTRE } adah_picture_crop_kind;
typedef struct adah_picture_form {
    size_t n_side; /* n_side x n_side pixels, at most 4096 */
    int filter;    /* adah_picture_filter; but for ADAH_FILTER_LANCZOS without a crop, as Pillow has them */
    int crop;      /* adah_picture_crop_kind. ADAH_CROP_NONE: the aspect ratio is squeezed; ADAH_CROP_CENTRE: the middle is kept */
    float crop_share; /* 0.1 to 1, of ADAH_CROP_CENTRE: which share of the shorter side */
} adah_picture_form;
/* As adah_picture_decode, in this form. A picture with a side over 4096 pixels is made smaller first, its aspect ratio kept. */
adah_code adah_picture_prepare(const uint8_t *bytes, size_t n_bytes, const adah_picture_form *form, adah_picture *picture,
                               adah_status *status);
/* Cuts from a copy of any size what the form leaves out, so that the copy shows what the model sees. */
void adah_picture_crop(adah_picture *picture, const adah_picture_form *form);
/* A picture as PNG (*png: adah_free). */
adah_code adah_picture_png(const adah_picture *picture, uint8_t **png, size_t *n_png_bytes, adah_status *status);
/* A small copy as JPEG of a quality of 1..100, turned upright, longer side at most n_side. *jpeg: adah_free. */
adah_code adah_picture_thumbnail(const uint8_t *bytes, size_t n_bytes, size_t n_side, int quality, uint8_t **jpeg,
                                 size_t *n_jpeg_bytes, adah_status *status);
/* Where a picture lies whose file name leads into a tar file: of "a/shard.tar/b/x.jpg" tar is the file "a/shard.tar", open for reading (the caller's), and
 * name "b/x.jpg". Its bytes are there as they are. A tar file is gone through when it is first asked about, and again when it has changed. Any thread.
 * ADAH_ERROR_NOT_FOUND: it has no such member, or one without bytes of its own, such as a link. */
adah_code adah_tar_member_find(int tar, const char *name, uint64_t *offset, uint64_t *n_bytes, adah_status *status);

ADAH_END

#endif
