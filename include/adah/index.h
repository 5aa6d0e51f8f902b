/* index.h - collections of codes in a file: made, searched, changed, exchanged. Part of adah.h. */
#ifndef ADAH_INDEX_H
#define ADAH_INDEX_H

#include "train.h"

ADAH_BEGIN

/* ---------------------------------------------------------------- index and search */

/* A collection is one file of codes with what a search shows of each record; docs/reference/index-format.md. An adah_index is one state
 * of it, which never changes; a writer adds, replaces and deletes in batches, and adah_index_latest gives the state after. */

/* What became of the records of a data set. */
typedef struct adah_index_add_counts {
    uint64_t n_added, n_replaced;
    uint64_t n_unreadable;            /* left out because their image cannot be read; bad ones: adah_dataset_skipped */
    char reasons[ADAH_REASONS_BYTES]; /* why the first few were, a line each; "" when none */
    uint64_t n_texts_unknown;         /* as in adah_codes */
    uint64_t n_image_codes, n_image_codes_most; /* different codes that the images have; images on the code that most of them share */
} adah_index_add_counts;
/* Publishes an index of all records of a data set: both codes, file name, text, labels of each. Ids: 0, 1, 2, ... Counts: may be
 * NULL. A file that is there is replaced only by what can take its place, unless `replace` is 1: ADAH_ERROR_EXISTS when it is
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

/* Publishes one index of the records of n indexes of one model: those of each in the order of their ids, one index after the other, with new
 * ids 0, 1, 2, ...; the indexes of all shards of a data set (adah_encode_options) give the file that adah_index_create writes of the
 * whole. *n_records: may be NULL. replace: as in adah_index_create. ADAH_ERROR_MISMATCH: they have other models, bits or vectors (unknown
 * models, of imported codes, count as one);
 * ADAH_ERROR_EXISTS: two of them have a record of the same file. Then nothing is written. */
adah_code adah_index_merge(const char *const *path, size_t n, const char *index_path, int replace, adah_progress progress, uint64_t *n_records,
                           adah_status *status);

/* What became of the records of an index that was made to agree with a data set. */
typedef struct adah_sync_counts {
    uint64_t n_added, n_replaced, n_deleted, n_unchanged;
    uint64_t n_unreadable;            /* left out because their image cannot be read, or is not there; bad ones: adah_dataset_skipped */
    char reasons[ADAH_REASONS_BYTES]; /* why the first few were, a line each; "" when none */
    uint64_t n_texts_unknown;         /* as in adah_codes, of those that were added or replaced */
    int is_memory_lost;               /* 1: what was known of the pictures was damaged, and all were encoded again to compare */
} adah_sync_counts;
typedef struct adah_sync_options {
    size_t size; /* of this struct */
    const adah_dataset_options *data;   /* NULL: the defaults */
    const adah_encode_options *encode;  /* NULL: the defaults; keep_real and profile have no meaning here, and a shard is refused */
    int dry_run;                        /* 1: nothing is changed, only counted; what would have to be encoded to be compared counts as replaced */
    size_t n_step;                      /* records of the first step, after which they are durable, 500; later ones are larger where that took less than five seconds */
    const char *model_path;             /* where the model was opened, to be found by adah_index_synced_model; NULL: it is not kept */
    /* Asked before n of n_all records are deleted where these are more than a fifth; 0: nothing is changed, and ADAH_ERROR_EXISTS. NULL: 0. */
    int (*may_delete)(void *context, uint64_t n, uint64_t n_all);
    void *context;
} adah_sync_options;
static inline void adah_sync_options_init(adah_sync_options *options) {
    adah_options_init(ADAH_OPTIONS_SYNC, options, sizeof *options);
}
/* Makes an index agree with a data set, and makes the index where there is none: adds the records that it lacks, replaces those whose picture,
 * text or labels have changed and keeps their ids, deletes those with a file name whose picture or record is gone, unless the picture was moved, which is found by its bytes. A picture is encoded when its size or times
 * and then its bytes differ from those that the code in the index was made of, which is known from a file beside the index, "INDEX.sync", which may be
 * deleted: then all are encoded once and compared. A picture that was good and cannot be read now keeps its record. What was done is durable after each
 * step, and the next call goes on, also when the process was killed. *dataset: what the folder was understood as, to tell of it, closed by the caller,
 * and after an error, too, unless it is NULL; may be NULL itself. counts: may be NULL. ADAH_ERROR_MISMATCH: the index is of another model. */
adah_code adah_index_sync(const adah_model *model, const char *folder, const char *index_path, const adah_sync_options *options,
                          adah_progress progress, adah_sync_counts *counts, adah_dataset **dataset, adah_status *status);
/* The model_path of the last sync of an index (adah_free). ADAH_ERROR_NOT_FOUND: none is known. */
adah_code adah_index_synced_model(const char *index_path, char **model_path, adah_status *status);

typedef struct adah_index adah_index;

/* What the index knows of a record: a copy, which adah_index_entry_free releases. */
typedef struct adah_index_entry {
    uint64_t id;
    const char *file_name, *text; /* "" where there is none */
    const uint32_t *label;        /* ascending; names by adah_index_label_name */
    size_t n_labels;
    const uint8_t *image_code, *text_code; /* NULL: it has none */
    const int8_t *image_fine, *text_fine;  /* adah_index_fine values of their side; NULL: it has none */
    adah_taken taken;                      /* when and where the picture was taken */
    void *memory; /* of all that is pointed to */
} adah_index_entry;
void adah_index_entry_free(adah_index_entry *entry); /* fine on a zeroed one */

/* Any program may change the file while it is open. Appending, as writers do, changes no state, and neither does putting another
 * file in its place: a state goes on with the old one. When the file is cut off or overwritten in place, functions that
 * return an adah_code report ADAH_ERROR_CORRUPT instead of a result that could be wrong; adah_index_latest then opens what is there
 * now, with all its checksums looked at. Only bytes that change while the headers stay are not noticed by the function that
 * reads them, but by the next adah_index_latest. */

/* Opens an index in time that does not grow with its records. ADAH_ERROR_FORMAT: not an adah index, of another
 * version or of a machine with another byte order; ADAH_ERROR_CORRUPT: damaged. Contents beyond the headers are checked when they are used. */
adah_code adah_index_open(const char *path, adah_index **index, adah_status *status);
void adah_index_close(adah_index *index); /* drops one reference */
adah_index *adah_index_share(adah_index *index); /* one reference more, to be closed like any; returns index. Any thread. */
/* The newest state of the collection that `index` is a state of: what this or another process has committed since. *latest is
 * closed like any index, and may be `index` itself, once more referenced. When the file has another inode, or was changed in place,
 * the state of what is there now; any error: that is no good index. Any thread. */
adah_code adah_index_latest(adah_index *index, adah_index **latest, adah_status *status);
/* Is the file still the one that was opened, up to where this state ends? ADAH_ERROR_CORRUPT: it was cut off or overwritten in
 * place, and what was read since the last check may be wrong. A system call. Any thread. */
adah_code adah_index_check(const adah_index *index, adah_status *status);
uint64_t adah_index_count(const adah_index *index); /* records that are not deleted */
uint64_t adah_index_rows(const adah_index *index);  /* records with the deleted ones: places, numbered from 0 */
size_t adah_index_bits(const adah_index *index);
/* Values of the vectors for the fine order that its records have beside their codes of one modality; 0: none has one. */
size_t adah_index_fine(const adah_index *index, adah_modality side);
/* Why a search cannot order by a query's vector of n_fine values, which belongs to a code of modality `of` (0: there is none), as "the
 * index has no vectors". NULL: it can, as some record has a vector, and those of that modality have as many values or there are none. */
const char *adah_index_cannot_order(const adah_index *index, adah_modality of, size_t n_fine);
const uint8_t *adah_index_model_identity(const adah_index *index); /* 16 bytes: adah_model_id of the model; zeros: unknown */
size_t adah_index_label_count(const adah_index *index);
/* NULL: out of range, or its place in the file is damaged. */
const char *adah_index_label_name(const adah_index *index, uint32_t label);
/* The record in a row; *entry is freed with adah_index_entry_free. ADAH_ERROR_NOT_FOUND: it is deleted. */
adah_code adah_index_record(const adah_index *index, uint64_t row, adah_index_entry *entry, adah_status *status);
/* The row of the record with this id; 0: there is none, or the file was changed, which adah_index_check tells. */
int adah_index_find(const adah_index *index, uint64_t id, uint64_t *row);
/* The newest note of that name, followed by a NUL, freed by adah_free; NULL: there is none. */
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
    float score; /* with `fine`: (cosine of the two vectors + (1 - 2 distance / n_bits) / 4) / (5 / 4), from -1 to 1, ADAH_NO_SCORE where
                    one of them is missing; with `relaxed`: the squared distance
                    between it and the stored signs; else 0 */
    float words;        /* with `words`: the share of what the query's words tell that the record's words tell; 1: it holds all of them */
    float order;        /* with `words`: by which hits are in order behind those that hold all words; else 0 */
} adah_search_hit;
#define ADAH_NO_DISTANCE UINT32_MAX /* of a hit that words alone have found */
#define ADAH_NO_SCORE (-2.0f) /* below all others */

typedef enum adah_search_method {
    ADAH_SEARCH_AUTO = 0, /* by what each would cost */
    ADAH_SEARCH_SCAN,     /* every code */
    ADAH_SEARCH_TABLES    /* multi-index hashing wherever the file has tables */
} adah_search_method;

#define ADAH_NO_ID UINT64_MAX
typedef struct adah_search_options {
    size_t size; /* of this struct */
    size_t k;                  /* at most so many hits; SIZE_MAX: all within the radius */
    uint32_t radius;           /* hits have a distance of at most that */
    adah_search_method method;
    const uint64_t *only;      /* ids: nothing else is found, with n_only 0 nothing at all; NULL: no such limit */
    size_t n_only;
    uint64_t exclude;          /* an id that is not found: the query itself; ADAH_NO_ID: none */
    const char *const *label;  /* names: only records that have one of them are found; NULL or none: no such limit */
    size_t n_labels;
    /* 0: the record does not count. Asked during the search, of records that could become hits, from several threads; the entry
     * lives as long as the call. */
    int (*accept)(void *context, const adah_index_entry *entry);
    void *context;
    const float *relaxed;      /* n_queries x n_bits values in (-1, 1) that the query codes are the signs of: of the nearest
                                  n_rerank by Hamming distance the k best by `score` are given; NULL: no */
    size_t n_rerank;           /* 0: 10 k */
    int cut_off;               /* 1: hits that are too far to be answers, by the query's distances to the whole
                                  collection, are left out: none may remain (docs/inside/index.md) */
    const int8_t *fine;        /* the fine order: n_queries x n_fine values, by whose `score` the nearest n_candidates by Hamming distance
                                  are put in order, those without a vector last. Behind them as many more follow in the same way, then twice as
                                  many, and so on: with a larger k the first answers stay the same. NULL: no. Not together with `relaxed` */
    size_t n_fine;             /* adah_index_fine of the side that the query is of (adah_index_cannot_order). Vectors of two lengths are
                                  compared by as many values as the shorter one has */
    adah_modality fine_of;     /* what the query is, to which the vector belongs */
    size_t n_candidates;       /* 0: 200, but at most a quarter of the codes of the index, or of those that `only` leaves; where fine_of is
                                  `to`, all codes up to 10,000, and of more 10^8 / their number, but at least 200; and twice that, and again,
                                  until it is 20 */
    const char *const *words;  /* n_queries texts, whose words are looked for in texts, labels and file names. Records that hold all of
                                  those words that the index knows come first; the others are in order by how like the codes are
                                  and the share of the words together (docs/inside/index.md). With codes NULL, records that
                                  hold words are found, and no others. NULL: by codes alone */
    const uint64_t *leave_out; /* ids that are not found, as `exclude`, which is one more; NULL: none */
    size_t n_leave_out;
    /* Only records for which all of these hold are found. */
    int64_t taken_from, taken_before; /* seconds as in adah_taken: from the first on, and before the second; INT64_MIN, INT64_MAX: no such limit.
                                         A year or a month alone counts as its beginning */
    double near_latitude, near_longitude, within_km; /* the place is at most so many kilometres away; within_km 0: no such limit */
    const char *folder;               /* the file name lies in this folder or below it, as "Italy/Rome"; NULL or "": no such limit */
} adah_search_options;
static inline void adah_search_options_init(adah_search_options *options) {
    adah_options_init(ADAH_OPTIONS_SEARCH, options, sizeof *options);
}

typedef struct adah_search_result {
    adah_search_hit *hits; /* by (distance, id), with `words` those that hold them first; with `fine`, best first, or `relaxed` by (score, distance, id) */
    size_t n_hits;
} adah_search_result;

/* Exact search among the codes of modality `to` for n_queries codes at once: the same hits for every method, number of threads
 * and history of the file. results: n_queries, each freed with adah_search_result_free. options NULL: the 10 nearest.
 * ADAH_ERROR_MISMATCH: no record has such a code. ADAH_ERROR_NO_KNOWN_WORD: codes is NULL, and no record holds a word of the query. ADAH_ERROR_NOT_FOUND: no record has one of the labels, or lies in the folder, which the message names. ADAH_ERROR_CORRUPT: damaged, or another program has changed the file. */
adah_code adah_index_search(const adah_index *index, adah_modality to, const uint8_t *codes, size_t n_queries,
                            const adah_search_options *options, adah_search_result *results, adah_status *status);
void adah_search_result_free(adah_search_result *result);

/* More like these, not like those: a query that records of the index were marked for, by ids, together with what was asked before, if anything was. */
typedef struct adah_feedback_options {
    size_t size; /* of this struct */
    const uint64_t *liked, *unliked;
    size_t n_liked, n_unliked;
    adah_modality side;  /* which of their codes and vectors are taken, images'; of a record that has no such code, the other one */
    const uint8_t *code; /* of the query that they go with; NULL: there is none, and one is liked at least */
    const int8_t *fine;  /* its vector; NULL: it has none */
    size_t n_fine;
    float query_weight, liked_weight, unliked_weight; /* a, b and c: 1, 1 and .75, which docs/measured/feedback.md tells about */
} adah_feedback_options;
static inline void adah_feedback_options_init(adah_feedback_options *options) {
    adah_options_init(ADAH_OPTIONS_FEEDBACK, options, sizeof *options);
}
typedef struct adah_feedback {
    uint8_t code[ADAH_BITS_MAX / 8];
    int8_t fine[ADAH_FINE_MAX]; /* n_fine values; 0: no record of the two sides has a vector */
    size_t n_fine;
    adah_modality fine_of; /* for adah_search_options, as `fine` and n_fine are */
} adah_feedback;
/* By Rocchio's formula (J. J. Rocchio, Relevance feedback in information retrieval, in The SMART Retrieval System, 1971): a q + b mean(liked) -
 * c mean(unliked), once of the codes, whose bits count 1 and -1 and of which the signs are taken (0: as the query has it, else the first
 * liked record), and once of the vectors, each of length 1 in the values that all of them have. ADAH_ERROR_NOT_FOUND: an id that no record
 * has, which the message names. ADAH_ERROR_ARGUMENT: nothing to go towards; a record is marked twice. */
adah_code adah_index_feedback(const adah_index *index, const adah_feedback_options *options, adah_feedback *feedback, adah_status *status);

/* Images that are the same, or copies of one picture: smaller, cut at the edges, stored with less quality. */
typedef struct adah_duplicates_options {
    size_t size; /* of this struct */
    float ratio;     /* of images with vectors: 1 - their cosine is at most so much of that with what else is near them, and it is at least .75; 0: the
                        same alone; 0.5 */
    uint32_t radius; /* their codes differ in at most so many bits; UINT32_MAX: in any number, and without vectors in none */
} adah_duplicates_options;
static inline void adah_duplicates_options_init(adah_duplicates_options *options) {
    adah_options_init(ADAH_OPTIONS_DUPLICATES, options, sizeof *options);
}
typedef struct adah_duplicates {
    uint64_t *row;    /* of the images, group after group, ascending in each, as the first ones of the groups are */
    float *likeness;  /* of each to the first of its group: the cosine of their vectors, without them 1 - 2 distance / n_bits */
    size_t *start;    /* n_groups + 1: where each group begins */
    size_t n_groups;
} adah_duplicates;
/* Freed by adah_duplicates_free. Of up to 4,096 images all are compared; of more those that are near the same ones of a sample, so that a pair may be missed.
 * Without vectors the time with a wide radius grows with the square of the number of images, and the memory with the number. Can be cancelled. */
adah_code adah_index_duplicates(const adah_index *index, const adah_duplicates_options *options, adah_progress progress,
                                adah_duplicates *duplicates, adah_status *status);
void adah_duplicates_free(adah_duplicates *duplicates);
/* Records, newest first by the date that they were taken on, those without a date last, and of one date by id: at most options->k behind the first
 * n_passed. Of options, only, n_only, exclude, label, n_labels, accept and what is said of dates, places and folders count. *n_all: how many there are
 * together; may be NULL. Distances are ADAH_NO_DISTANCE. Errors as of adah_index_search. */
adah_code adah_index_list(const adah_index *index, const adah_search_options *options, uint64_t n_passed, adah_search_result *result, uint64_t *n_all,
                          adah_status *status);

/* Records by the year, month or day they were taken in. */
typedef struct adah_timeline_step {
    adah_taken date; /* as much of it as was asked for; no place */
    uint64_t n;      /* records, at least one */
} adah_timeline_step;
typedef struct adah_timeline {
    adah_timeline_step *step; /* ascending */
    size_t n_steps;
    uint64_t n_without; /* records that have no date */
} adah_timeline;
/* detail: ADAH_DATE_YEAR, ADAH_DATE_MONTH or ADAH_DATE_DAY. options: as of adah_index_list. timeline: freed with adah_timeline_free. */
adah_code adah_index_timeline(const adah_index *index, const adah_search_options *options, adah_date_detail detail, adah_timeline *timeline,
                              adah_status *status);
void adah_timeline_free(adah_timeline *timeline);

/* ---- writing ---- */

typedef struct adah_index_item {
    uint64_t id;                  /* ADAH_NO_ID: the next free one */
    const char *file_name, *text; /* NULL is "" */
    const char *const *label;     /* names in any order, repeats count once */
    size_t n_labels;
    const uint8_t *image_code, *text_code; /* NULL: none; one must be there */
    const int8_t *image_fine, *text_fine;  /* the vector that belongs to each code; NULL or zeros: none */
    size_t n_image_fine, n_text_fine; /* their values: a multiple of 8, the same for all records of an index; of no meaning where there is no
                                         vector */
    adah_taken taken;             /* when and where the picture was taken; zeros: not known */
} adah_index_item;

/* One thread at a time uses a writer; readers go on meanwhile, in this process and others. What is added, replaced and deleted
 * forms a batch that readers see, and a crash leaves, whole or not at all. */
typedef struct adah_index_writer adah_index_writer;

/* How long opening an index for writing waits in this process while another writer has it; at first not at all. */
void adah_set_patience(double seconds);
/* Opens an index for writing. ADAH_ERROR_BUSY: another writer has it. ADAH_ERROR_CANCELLED: a signal came while
 * it waited for that one. */
adah_code adah_index_writer_open(const char *path, adah_index_writer **writer, adah_status *status);
/* Publishes an empty index, over any file at `path`, and opens it. model NULL: codes of an unknown model, of n_bits bits. */
adah_code adah_index_writer_create(const char *path, const adah_model *model, size_t n_bits, adah_index_writer **writer,
                                   adah_status *status);
/* That the words of what is added, and of everything when it is compacted, are stemmed in the language of this model, which a new index
 * of the model knows, but one that an older version made does not. ADAH_ERROR_MISMATCH: as adah_index_check_model. ADAH_ERROR_ARGUMENT:
 * there are changes that are not committed. */
adah_code adah_index_writer_set_model(adah_index_writer *writer, const adah_model *model, adah_status *status);
/* Batches that are not committed are dropped. */
void adah_index_writer_close(adah_index_writer *writer);
/* The state after the last commit; closed with the writer. */
adah_index *adah_index_writer_state(const adah_index_writer *writer);
/* *id: may be NULL. ADAH_ERROR_EXISTS: the id is taken; nothing was added. */
adah_code adah_index_writer_add(adah_index_writer *writer, const adah_index_item *item, uint64_t *id, adah_status *status);
/* Many codes without more, with the next free ids from *first_id on. image_codes, text_codes: n codes each, one may be NULL. */
adah_code adah_index_writer_add_codes(adah_index_writer *writer, size_t n, const uint8_t *image_codes, const uint8_t *text_codes,
                                      uint64_t *first_id, adah_status *status);
/* Of a record that is there. ADAH_ERROR_NOT_FOUND: there is none with this id. */
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

ADAH_END

#endif
