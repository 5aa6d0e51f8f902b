/* train.h - models: learned, opened, and what they make codes of. Part of adah.h. */
#ifndef ADAH_TRAIN_H
#define ADAH_TRAIN_H

#include "data.h"

ADAH_BEGIN

/* ---------------------------------------------------------------- training */

typedef struct adah_train_options {
    size_t size; /* of this struct */
    const char *preset;      /* "default" (what measures best) or "paper" (the method as published) */
    const char *method;      /* one of adah_train_method: "adah", or one to compare it with; NULL: adah */
    const char *backbone;    /* "small" (learns from scratch) or a network with weights (adah_setting_choices); NULL: small, or "none"
                                where the data set gives its images as features, which take no other */
    const char *weights;     /* of the backbone: safetensors, PyTorch's .pth or MatConvNet's .mat; needed by all but "small" */
    int n_bits;              /* 0: what fits the number of records (docs/guide/train.md), or the preset's */
    int n_epochs;            /* 0: the preset's */
    int finetune;            /* 1: the backbone learns too, all of it unless finetune_from tells from where on */
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
    const char *text_weights; /* folder of a text encoder as published (docs/guide/train.md), which the model carries from then on:
                                 texts are sentences to it, and the words of a vocabulary made from the train records unless
                                 text_words is 0. NULL: they are words alone */
    const char *finetune_from; /* the backbone learns from here on, and what is before runs once a picture: "all", "last" (its last block) or the
                                  name of a layer (docs/guide/train.md); NULL: as finetune says */
    const char *text_prefix; /* what the text encoder reads before every text ("query: " of e5), UTF-8; NULL: what its folder tells, if anything */
    const char *log_csv;         /* a table of what every epoch measured, a line an epoch, whole after each; NULL: none. When it or the events can no
                                    longer be written, training goes on, and what could not be written is the error when the model is there */
    const char *log_tensorboard; /* a folder in which a file of the same numbers for TensorBoard is added to after every epoch; NULL: none. A training
                                    that goes on writes a file that begins with what was measured before */
} adah_train_options;
static inline void adah_train_options_init(adah_train_options *options) {
    adah_options_init(ADAH_OPTIONS_TRAIN, options, sizeof *options);
}

/* The values of a setting that is a choice, "method", "backbone", "similarity", ..., as "a|b|c" in `text`, which it returns; NULL: it
 * is no choice. */
enum { ADAH_CHOICES_BYTES = 1024 };
const char *adah_setting_choices(const char *setting, char text[ADAH_CHOICES_BYTES]);

/* Learns a model from the train records of a data set and publishes it at model_path, atomically. While it runs,
 * model_path.checkpoint holds the work done; cancelled or killed training resumes from there to the same bits.
 * *report (adah_free; may be NULL): the training record as JSON, the same that adah_model_json holds under "training". */
adah_code adah_train(const adah_dataset *dataset, const char *model_path, const adah_train_options *options,
                     adah_progress progress, char **report, adah_status *status);

/* The methods there are: the name of the i-th, from 0, and what it is in a few words (summary may be NULL). NULL: there are
 * fewer. The first is adah. */
const char *adah_train_method(size_t i, const char **summary);

/* What a file of weights is: *json (adah_free) has "network", one of the backbones or "unknown", "n_tensors", and, where it has names
 * of one, "names" (whose), "pixels" and "n_side" (how its pictures were prepared), and what of the network is "missing" or what beside it
 * is "surplus". */
adah_code adah_weights_json(const char *path, char **json, adah_status *status);

/* ---------------------------------------------------------------- losses of a batch */

/* What other programs train their own networks with; values and derivatives are those of a training here. Codes are real-valued, row by row. */

/* The triplet ranking loss of n queries against a database of n items, (n, n_bits) each: over all (i, j, k) with S(i, j) > S(i, k), the sum of
 * max(0, margin + d(i, j) - d(i, k)), d being the Euclidean distance, divided by how many of them are active (mean_over_active 1: above 0) or
 * by how many there are (0). similarity: S, (n, n). database the same pointer as queries: within one modality, where an item is no answer to itself.
 * Derivatives are added to the gradients, (n, n_bits) each, to both of them in one array there. The paper's adversarial pair is F(text, unattended image) and
 * F(image, unattended text). */
adah_code adah_loss_triplet(const float *queries, const float *database, const float *similarity, size_t n, size_t n_bits, float margin,
                            int mean_over_active, double *loss, float *query_gradient, float *database_gradient, adah_status *status);

/* The objective of DCMH for a batch of one side, rows of all n codes of that side, against all n of the other, (n, n_bits) each. similar:
 * (n_batch, n), 1 or 0. loss: the negative log likelihood, the quantisation and the balance, all over n_batch * n, without gamma and eta.
 * gradient, (n_batch, n_bits): the derivatives of likelihood + gamma quantisation + eta balance are added to it. */
adah_code adah_loss_dcmh(const float *own, const float *other, const size_t *row, const float *similar, size_t n, size_t n_batch, size_t n_bits,
                         float gamma, float eta, double loss[3], float *gradient, adah_status *status);

/* ---------------------------------------------------------------- models and encoding */

typedef struct adah_model adah_model;

/* Refused, with distinct messages: a file that is not safetensors, not an adah model, of a newer version, damaged. */
adah_code adah_model_open(const char *path, adah_model **model, adah_status *status);
void adah_model_close(adah_model *model);
int adah_model_bits(const adah_model *model);
/* Values of its vectors for the fine order; 0: it makes none. Those of a text are n_fine. Those of an image begin with as many, which are
 * compared with a text's, and end with n_appearance, which only another image has. */
size_t adah_model_fine(const adah_model *model, adah_modality modality);
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

/* Encodes single texts and images. The model must outlive it. options NULL: the defaults. ADAH_ERROR_ARGUMENT: a precision that the processor
 * does not have. */
typedef struct adah_encoder_options {
    size_t size; /* of this struct */
    adah_precision precision;
} adah_encoder_options;
static inline void adah_encoder_options_init(adah_encoder_options *options) {
    adah_options_init(ADAH_OPTIONS_ENCODER, options, sizeof *options);
}
typedef struct adah_encoder adah_encoder;
adah_code adah_encoder_create(const adah_model *model, const adah_encoder_options *options, adah_encoder **encoder, adah_status *status);
void adah_encoder_close(adah_encoder *encoder);

/* An image is given as a file, as the bytes of one, as decoded pixels (adah_picture_prepare, adah_model_picture_form), or as features; a text
 * as words or as features: values of another encoder, as a row of the arrays that the model learned from (adah_model_json says
 * which shape; n_values is their number). code: adah_model_bits / 8 bytes, the same to the bit in each way. ADAH_ERROR_NO_KNOWN_WORD: a text
 * without any word of the vocabulary. ADAH_ERROR_MISMATCH: the model takes that side in the other way, or other numbers of values. */
adah_code adah_encode_text(adah_encoder *encoder, const char *text, uint8_t *code, adah_status *status);
adah_code adah_encode_image_file(adah_encoder *encoder, const char *path, uint8_t *code, adah_status *status);
adah_code adah_encode_image_bytes(adah_encoder *encoder, const uint8_t *bytes, size_t n_bytes, uint8_t *code,
                                  adah_status *status);
adah_code adah_encode_image_pixels(adah_encoder *encoder, const adah_picture *picture, uint8_t *code, adah_status *status);
adah_code adah_encode_features(adah_encoder *encoder, adah_modality modality, const float *values, size_t n_values, uint8_t *code,
                               adah_status *status);
size_t adah_model_image_side(const adah_model *model); /* n_side of the pictures that it takes */
/* How it wants them, for adah_picture_prepare; all 0 but n_side: adah_picture_decode makes the same. */
adah_picture_form adah_model_picture_form(const adah_model *model);
/* Values of an item of that side where the model takes it as features; 0: it takes words or pictures, or has no such side. */
size_t adah_model_feature_values(const adah_model *model, adah_modality modality);

/* H, of which the last code is the signs: adah_model_bits values in (-1, 1), until the encoder's next call. */
const float *adah_encoder_relaxed(const adah_encoder *encoder);
/* The vector for the fine order that belongs to the last code: adah_model_fine values of its modality, until the encoder's next call. */
const int8_t *adah_encoder_fine(const adah_encoder *encoder);
/* How many distinct words of the last text given to adah_encode_text the model does not know. */
size_t adah_encoder_unknown_words(const adah_encoder *encoder);

/* One side of a record as the model takes it: the picture, the text, or the record's row of the array next to the metadata. */
adah_code adah_encode_record(adah_encoder *encoder, const adah_dataset *dataset, size_t record, adah_modality modality,
                             uint8_t *code, adah_status *status);

/* Where the model looks: the attention mask Z and probabilities P of an image, n_height x n_width row-major. */
typedef struct adah_attention_map {
    size_t n_height, n_width;
    float *probability; /* sums to 1 */
    uint8_t *mask;      /* 1 = attended */
} adah_attention_map;
adah_code adah_attend_image_file(adah_encoder *encoder, const char *path, adah_attention_map *map, adah_status *status);
adah_code adah_attend_image_bytes(adah_encoder *encoder, const uint8_t *bytes, size_t n_bytes, adah_attention_map *map,
                                  adah_status *status);
adah_code adah_attend_image_pixels(adah_encoder *encoder, const adah_picture *picture, adah_attention_map *map, adah_status *status);
void adah_attention_map_free(adah_attention_map *map);
/* The image with what is not attended darkened and the mask outlined, as PNG, longer side at most n_side_max. */
adah_code adah_attend_write(adah_encoder *encoder, const char *image_path, const char *png_path, size_t n_side_max,
                            adah_status *status);
/* Draws the mask into a picture of any size, as adah_attend_write does. */
void adah_attend_draw(const adah_attention_map *map, adah_picture *picture);

/* What a code rests on in a picture, of any model that takes pictures, with or without masks: the picture is encoded 49 times more with a part covered, and
 * the evidence of a part is how much less the values H agree with a code: `code`, that of what is looked for, or the picture's own (NULL).
 * The map has each part's share of the evidence as its probability, and a mask of those with at least half as much as the part with most. */
adah_code adah_evidence_image_pixels(adah_encoder *encoder, const adah_picture *picture, const uint8_t *code, adah_attention_map *map,
                                     adah_status *status);
/* As adah_attend_write does with the mask. */
adah_code adah_evidence_write(adah_encoder *encoder, const char *image_path, const uint8_t *code, const char *png_path, size_t n_side_max,
                              adah_status *status);

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
    size_t n_fine[2];        /* adah_model_fine, by modality: both 0, or that of a text not above that of an image */
    int8_t *image_fine, *text_fine; /* the vectors for the fine order, n x n_fine of their modality; NULL when that is 0 */
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
    size_t size; /* of this struct */
    int strict;
    const char *cache_folder; /* as in adah_train_options: feature maps that a training left there are used; encoding leaves none */
    adah_precision precision;
    int keep_real;            /* 1: the codes before their signs are taken are handed over too */
    adah_encode_profile *profile; /* filled when all went well; NULL: not wanted */
    /* Only a part of the records, so that several processes encode a data set together: part `shard`, from 1 to n_shards, of as many
     * parts, each of records that follow each other; their lengths differ by one at most. n_shards 0: all records. */
    size_t shard, n_shards;
} adah_encode_options;
static inline void adah_encode_options_init(adah_encode_options *options) {
    adah_options_init(ADAH_OPTIONS_ENCODE, options, sizeof *options);
}
/* Each thread takes records, one after another, from their files to their codes, so that memory does not grow with the data set,
 * but for the codes. A picture has the same code at any place in any data set and with any number of threads. */
adah_code adah_encode_dataset(const adah_model *model, const adah_dataset *dataset, const adah_encode_options *options,
                              adah_progress progress, adah_codes *codes, adah_status *status);
void adah_codes_free(adah_codes *codes);

/* Features of one side from a file of another encoder's: what queries are made of. */
typedef struct adah_features {
    size_t n, n_values; /* items; values of each */
    float *values;      /* n x n_values, item after item */
    int is_single;      /* 1: the file holds one item alone, as (512); 0: a list of them, as (n, 512), of one perhaps */
} adah_features;
/* Reads a .npy file, or one that ends with .safetensors (the tensor named image or text, or features, or the only one), whose shape is that
 * of an item of the model's side, as it learned from it: (D), (P, C) or (C, H, W); or has the number of items before it. Any numbers
 * are converted to float32, in either order (docs/guide/own-features.md). *features: adah_features_free. ADAH_ERROR_MISMATCH: another
 * shape, or the model takes that side in another way; ADAH_ERROR_FORMAT: no such file, or values that are not finite. */
adah_code adah_features_read(const adah_model *model, adah_modality modality, const char *path, adah_features *features,
                             adah_status *status);
void adah_features_free(adah_features *features); /* zeroes it; fine on a zeroed one */
/* Codes of features, the same to the bit as those of a data set whose records have these rows, in the arrays of their side: codes->image or
 * codes->text, and the vectors that belong to them; what is the other side's is NULL, and codes->record[i] is i. Of the options,
 * precision, keep_real and profile are looked at. ADAH_ERROR_ARGUMENT: values that are not finite; ADAH_ERROR_MISMATCH: rows of another
 * number of values. */
adah_code adah_encode_feature_rows(const adah_model *model, adah_modality modality, const adah_features *features,
                                   const adah_encode_options *options, adah_progress progress, adah_codes *codes, adah_status *status);

/* prefix.image.npy, prefix.text.npy (uint8, n x n_bits / 8), prefix.ids (a file name a line) and, of a model with vectors for the fine
 * order, prefix.image.fine.npy and prefix.text.fine.npy (int8, n x n_fine of the modality); without, such files are removed. Of one side alone, its files and no
 * others; dataset NULL: no ids. */
adah_code adah_codes_write(const adah_codes *codes, const adah_dataset *dataset, const char *prefix, adah_status *status);
/* The files of n parts of a data set (adah_encode_options.n_shards), in their order, as those of the whole: the bytes that adah_codes_write would
 * have written of it. *n_rows: may be NULL. ADAH_ERROR_NOT_FOUND: a part lacks a file that another has; ADAH_ERROR_MISMATCH: their
 * rows or columns do not fit. Then nothing is written. */
adah_code adah_codes_merge(const char *const *prefix, size_t n, const char *out_prefix, size_t *n_rows, adah_status *status);
/* Reads them back for a data set; ids are looked up by file name. */
adah_code adah_codes_read(const char *prefix, const adah_dataset *dataset, adah_codes *codes, adah_status *status);

ADAH_END

#endif
