/* command_index.c - adah index: create, add, merge, delete, sync, search, stats, verify, compact, export, import. */
#include "collapsed.h"
#include "command_index_duplicates.h"
#include "data_options.h"
#include "command_index_sync.h"
#include "left_out.h"
#include "options.h"
#include "terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(int argc, char **argv);

const cli_command cli_index = {
    "index", "Make, change, check and exchange the index of a collection.",
    "create|add|merge|delete|sync|duplicates|search|stats|verify|compact|export|import",
    "An index is one file. It can be searched while it is changed; a change is on disk, whole, when the command returns.\n"
    "\n"
    "  create   encode every record of --data and publish the index\n"
    "  add      encode --data and add it; a record whose file name is in the index replaces that one\n"
    "  merge    write one index of several of one model, whose files follow: the records of each, one index after the other, with new ids\n"
    "  delete   take records out, by --id, --ids or --file-name\n"
    "  sync     make the index agree with --data, and make it where there is none: add what is new, replace what has changed, delete what is\n"
    "           gone; the model is that of the last sync unless --model names it\n"
    "  duplicates  tell which images are there twice: the same, or copies that are smaller, cut or stored with less quality, each with how like it is to the\n"
    "           first of its group: the cosine of their vectors, or without them the share of bits, from -1 to 1; nothing is deleted\n"
    "  search   the same as 'adah search'\n"
    "  stats    say what is in it\n"
    "  verify   read everything and check every checksum\n"
    "  compact  write it anew without what was deleted, with tables for quick search; --model tells an index of an older version\n"
    "           the language of its words\n"
    "  export   write the codes of one side for NumPy or FAISS: --format npy|faiss-flat|faiss-ivf --side image|text --out FILE\n"
    "  import   add codes from such files: --image-codes FILE, --text-codes FILE or both; --index is made if it does not exist\n"
    "\n"
    "Examples:\n"
    "  adah index create --model photos.safetensors --data photos --index photos.adah\n"
    "  adah index add --model photos.safetensors --data more-photos --index photos.adah\n"
    "  adah index create --model photos.safetensors --data photos --shard 1/4 --index part-1.adah\n"
    "  adah index merge --index photos.adah part-1.adah part-2.adah part-3.adah part-4.adah\n"
    "  adah index sync --data photos --index photos.adah\n"
    "  adah index duplicates --index photos.adah --json\n"
    "  adah index delete --index photos.adah --file-name images/7.jpg\n"
    "  adah index compact --index photos.adah\n"
    "  adah index export --index photos.adah --side image --format faiss-flat --out photos.faiss\n"
    "  adah index import --index codes.adah --image-codes codes.npy\n",
    run, 1};

typedef struct index_options {
    const char *precision, *shard, *data, *model, *index, *ids, *format, *side, *out, *image_codes, *text_codes;
    cli_list id, file_name;
    char **part; /* merge: the indexes */
    size_t n_parts;
    cli_data_options how;
    adah_encode_options encode;
    int quiet, threads, as_json, force, is_dry, watches, radius; /* radius: -1: not given */
    double ratio; /* -1: not given */
} index_options;

static int missing(const char *action, const char *option) {
    fprintf(stderr, "adah index %s: --%s is needed\nTry 'adah index --help'.\n", action, option);
    return CLI_USAGE;
}

/* ---------------------------------------------------------------- create, add */

static void print_counts(const index_options *o, const adah_dataset *dataset, const adah_index_add_counts *counts, int is_add) {
    const uint64_t n_left_out = counts->n_unreadable + adah_dataset_skipped(dataset, NULL);
    if (is_add)
        printf("%s: %" PRIu64 " added, %" PRIu64 " replaced", o->index, counts->n_added, counts->n_replaced);
    else
        printf("%s: %" PRIu64 " records", o->index, counts->n_added);
    if (n_left_out)
        printf(", %" PRIu64 " left out as bad or unreadable", n_left_out);
    printf("\n");
    cli_print_skipped(dataset, (size_t)counts->n_unreadable, counts->reasons);
    cli_print_unknown_texts((size_t)counts->n_texts_unknown, (size_t)(counts->n_added + counts->n_replaced));
}

static int create_or_add(const index_options *o, int is_add) {
    adah_status status;
    adah_dataset *dataset = NULL;
    adah_model *model = NULL;
    adah_index_add_counts counts = {0};
    if (!o->model || !o->data)
        return missing(is_add ? "add" : "create", o->model ? "data DIR" : "model FILE");
    adah_encode_options encode = o->encode;
    if (!cli_read_shard(is_add ? "index add" : "index create", o->shard, &encode))
        return CLI_USAGE;
    const adah_progress progress = cli_progress_begin(o->quiet);
    adah_code done = cli_read_precision(o->precision, &encode.precision, &status);
    if (done == ADAH_OK)
        done = adah_model_open(o->model, &model, &status);
    if (done == ADAH_OK)
        done = cli_open_data(o->data, &o->how, o->encode.strict, &dataset, &status);
    if (done == ADAH_OK && is_add)
        done = adah_index_add_dataset(model, dataset, o->index, &encode, progress, &counts, &status);
    else if (done == ADAH_OK)
        done = adah_index_create(model, dataset, o->index, o->force, &encode, progress, &counts, &status);
    cli_progress_end();
    if (done == ADAH_OK)
        print_counts(o, dataset, &counts, is_add);
    if (done == ADAH_OK && !is_add)
        cli_print_collapsed(model, counts.n_added, counts.n_image_codes, counts.n_image_codes_most);
    adah_dataset_close(dataset);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}

static int create(const index_options *o) { return create_or_add(o, 0); }
static int add(const index_options *o) { return create_or_add(o, 1); }

static int merge(const index_options *o) {
    adah_status status;
    uint64_t n_records = 0;
    if (!o->n_parts) {
        fprintf(stderr, "adah index merge: the indexes to merge are needed\nTry 'adah index --help'.\n");
        return CLI_USAGE;
    }
    const adah_progress progress = cli_progress_begin(o->quiet);
    const adah_code done = adah_index_merge((const char *const *)o->part, o->n_parts, o->index, o->force, progress, &n_records, &status);
    cli_progress_end();
    if (done != ADAH_OK)
        return cli_fail(&status);
    printf("%s: %" PRIu64 " records of %zu indexes\n", o->index, n_records, o->n_parts);
    return CLI_OK;
}

static int sync_with(const index_options *o) {
    adah_status status;
    adah_encode_options encode = o->encode;
    if (!o->data)
        return missing("sync", "data DIR");
    if (o->shard) {
        fprintf(stderr, "adah index sync: --shard belongs to create and add\nTry 'adah index --help'.\n");
        return CLI_USAGE;
    }
    if (o->watches && o->is_dry) {
        fprintf(stderr, "adah index sync: give either --watch or --dry-run\n");
        return CLI_USAGE;
    }
    if (cli_read_precision(o->precision, &encode.precision, &status) != ADAH_OK)
        return cli_fail(&status);
    return cli_index_sync(&(cli_sync){.data = o->data, .index = o->index, .model = o->model, .how = &o->how, .encode = &encode, .force = o->force,
                                      .is_dry = o->is_dry, .watches = o->watches, .as_json = o->as_json, .quiet = o->quiet});
}

/* ---------------------------------------------------------------- delete */

static adah_code delete_id(adah_index_writer *w, const char *text, const char *where, adah_status *status) {
    uint64_t id;
    if (!cli_read_id(text, &id)) {
        snprintf(status->message, sizeof status->message, "%.400s: \"%.100s\", expected an id", where, text);
        return status->code = ADAH_ERROR_ARGUMENT;
    }
    return adah_index_writer_delete(w, id, status);
}

static adah_code delete_listed(adah_index_writer *w, const char *path, uint64_t *n, adah_status *status) {
    char line[64], where[512];
    FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    if (!file) {
        snprintf(status->message, sizeof status->message, "%.400s: cannot open: %s", path, strerror(errno));
        return status->code = ADAH_ERROR_IO;
    }
    adah_code done = ADAH_OK;
    for (size_t n_line = 1; done == ADAH_OK && fgets(line, sizeof line, file); n_line++) {
        const size_t n_text = strcspn(line, "\r\n");
        const int is_empty = n_text == 0 && line[0]; /* without a NUL, which no list has */
        line[n_text] = '\0';
        if (is_empty)
            continue;
        snprintf(where, sizeof where, "%.400s:%zu", path, n_line);
        done = delete_id(w, line, where, status);
        *n += done == ADAH_OK;
    }
    if (done == ADAH_OK && ferror(file)) { /* of a folder, among others: nothing was deleted is no success */
        snprintf(status->message, sizeof status->message, "%.400s: cannot read: %s", path, strerror(errno));
        done = status->code = ADAH_ERROR_IO;
    }
    if (file != stdin)
        fclose(file);
    return done;
}

/* Deletes every record with one of the file names, each of which must be there. */
static adah_code delete_named(adah_index_writer *w, const cli_list *names, uint64_t *n, adah_status *status) {
    const adah_index *index = adah_index_writer_state(w);
    unsigned char found[CLI_LIST_MAX] = {0};
    adah_code done = ADAH_OK;
    for (uint64_t row = 0; names->n && row < adah_index_rows(index) && done == ADAH_OK; row++) {
        adah_index_entry entry;
        done = adah_index_record(index, row, &entry, status);
        if (done == ADAH_ERROR_NOT_FOUND) {
            done = ADAH_OK; /* deleted before */
            continue;
        }
        for (size_t i = 0; i < names->n && done == ADAH_OK; i++)
            if (!strcmp(names->item[i], entry.file_name)) {
                found[i] = 1;
                done = adah_index_writer_delete(w, entry.id, status);
                *n += done == ADAH_OK;
                break;
            }
        adah_index_entry_free(&entry);
    }
    for (size_t i = 0; i < names->n && done == ADAH_OK; i++)
        if (!found[i]) {
            snprintf(status->message, sizeof status->message, "--file-name is \"%.400s\", which no record has", names->item[i]);
            done = status->code = ADAH_ERROR_NOT_FOUND;
        }
    return done;
}

static int delete_records(const index_options *o) {
    adah_status status;
    adah_index_writer *writer = NULL;
    uint64_t n = 0;
    if (!o->id.n && !o->ids && !o->file_name.n)
        return missing("delete", "id N, --ids FILE or --file-name NAME");
    adah_code done = adah_index_writer_open(o->index, &writer, &status);
    for (size_t i = 0; i < o->id.n && done == ADAH_OK; i++) {
        done = delete_id(writer, o->id.item[i], "--id", &status);
        n += done == ADAH_OK;
    }
    if (done == ADAH_OK && o->ids)
        done = delete_listed(writer, o->ids, &n, &status);
    if (done == ADAH_OK)
        done = delete_named(writer, &o->file_name, &n, &status);
    if (done == ADAH_OK)
        done = adah_index_writer_commit(writer, &status);
    if (done == ADAH_OK)
        printf("%s: %" PRIu64 " deleted, %" PRIu64 " records left\n", o->index, n, adah_index_count(adah_index_writer_state(writer)));
    adah_index_writer_close(writer);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}

/* ---------------------------------------------------------------- duplicates, stats, verify, compact */

static int duplicates(const index_options *o) {
    adah_duplicates_options how;
    adah_duplicates_options_init(&how);
    if (o->radius >= 0)
        how.radius = (uint32_t)o->radius;
    if (o->ratio >= 0)
        how.ratio = (float)o->ratio;
    return cli_index_duplicates(o->index, &how, o->as_json, o->quiet);
}

static int stats(const index_options *o) {
    adah_status status;
    adah_index *index = NULL;
    char *json = NULL;
    adah_code done = adah_index_open(o->index, &index, &status);
    if (done == ADAH_OK)
        done = adah_index_stats(index, &json, &status);
    adah_index_close(index);
    if (done != ADAH_OK)
        return cli_fail(&status);
    if (o->as_json) {
        puts(json);
    } else {
        json_t *object = json_loads(json, 0, NULL), *value;
        const char *key;
        json_object_foreach(object, key, value) {
            if (json_is_string(value))
                printf("%-24s %s\n", key, json_string_value(value));
            else
                printf("%-24s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
        }
        json_decref(object);
    }
    adah_free(json);
    return CLI_OK;
}

static int verify(const index_options *o) {
    adah_status status;
    if (adah_index_verify(o->index, &status) != ADAH_OK)
        return cli_fail(&status);
    printf("%s: good\n", o->index);
    return CLI_OK;
}

static int compact(const index_options *o) {
    adah_status status;
    adah_index_writer *writer = NULL;
    const adah_progress progress = cli_progress_begin(o->quiet);
    adah_model *model = NULL;
    adah_code done = o->model ? adah_model_open(o->model, &model, &status) : ADAH_OK;
    if (done == ADAH_OK)
        done = adah_index_writer_open(o->index, &writer, &status);
    if (done == ADAH_OK && model)
        done = adah_index_writer_set_model(writer, model, &status);
    if (done == ADAH_OK)
        done = adah_index_writer_compact(writer, progress, &status);
    cli_progress_end();
    if (done == ADAH_OK)
        printf("%s: %" PRIu64 " records\n", o->index, adah_index_count(adah_index_writer_state(writer)));
    adah_index_writer_close(writer);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}

/* ---------------------------------------------------------------- export, import */

static int export_codes(const index_options *o) {
    static const char *const formats[] = {"npy", "faiss-flat", "faiss-ivf"};
    adah_status status;
    adah_index *index = NULL;
    int format = 0;
    if (!o->out || !o->side)
        return missing("export", o->out ? "side image|text" : "out FILE");
    while (format < 3 && o->format && strcmp(o->format, formats[format]))
        format++;
    if (format == 3 || (strcmp(o->side, "image") && strcmp(o->side, "text"))) {
        fprintf(stderr, "adah index export: --%s is \"%s\", expected %s\n", format == 3 ? "format" : "side",
                format == 3 ? o->format : o->side, format == 3 ? "npy, faiss-flat or faiss-ivf" : "image or text");
        return CLI_USAGE;
    }
    adah_code done = adah_index_open(o->index, &index, &status);
    if (done == ADAH_OK)
        done = adah_index_export(index, o->side[0] == 'i' ? ADAH_IMAGE : ADAH_TEXT, (adah_exchange_format)format, o->out, &status);
    adah_index_close(index);
    if (done != ADAH_OK)
        return cli_fail(&status);
    printf("%s: written\n", o->out);
    return CLI_OK;
}

static int import_codes(const index_options *o) {
    adah_status status;
    adah_index_writer *writer = NULL;
    adah_model *model = NULL;
    uint64_t n_added = 0;
    size_t n_bits = 0;
    int is_new = 0;
    if (!o->image_codes && !o->text_codes)
        return missing("import", "image-codes FILE or --text-codes FILE");
    adah_code done = o->model ? adah_model_open(o->model, &model, &status) : ADAH_OK;
    if (done == ADAH_OK && access(o->index, F_OK) == 0) {
        done = adah_index_writer_open(o->index, &writer, &status);
        if (done == ADAH_OK && model)
            done = adah_index_writer_set_model(writer, model, &status);
    } else if (done == ADAH_OK) {
        done = adah_exchange_bits(o->image_codes ? o->image_codes : o->text_codes, &n_bits, &status);
        if (done == ADAH_OK)
            done = adah_index_writer_create(o->index, model, n_bits, &writer, &status);
        is_new = done == ADAH_OK;
    }
    if (done == ADAH_OK)
        done = adah_index_import(writer, o->image_codes, o->text_codes, &n_added, &status);
    if (done == ADAH_OK && is_new) /* a new one gets its search tables */
        done = adah_index_writer_compact(writer, cli_progress_begin(o->quiet), &status);
    cli_progress_end();
    if (done == ADAH_OK)
        printf("%s: %" PRIu64 " added\n", o->index, n_added);
    else if (is_new)
        unlink(o->index); /* still locked: nobody else has begun to use it */
    adah_index_writer_close(writer);
    adah_model_close(model);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}

/* ---------------------------------------------------------------- the command */

static const struct {
    const char *name;
    int (*run)(const index_options *o);
} actions[] = {{"create", create},   {"add", add}, {"merge", merge}, {"sync", sync_with},        {"duplicates", duplicates}, {"delete", delete_records}, {"stats", stats},
               {"verify", verify},   {"compact", compact}, {"export", export_codes},   {"import", import_codes}};
enum { N_ACTIONS = sizeof actions / sizeof *actions };

static int run(int argc, char **argv) {
    index_options o = {.radius = -1, .ratio = -1};
    adah_encode_options_init(&o.encode);
    int rest = argc;
    double wait_seconds = 10;
    if (argc > 1 && !strcmp(argv[1], "search"))
        return cli_search.run(argc - 1, argv + 1);
    const cli_option options[] = {
        {"index", 0, CLI_TEXT, "FILE", "the index", &o.index, 1, 0, 0},
        {"model", 0, CLI_TEXT, "FILE", "create, add, sync: the model; import: the model that made the codes", &o.model, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "create, add, sync: the data set", &o.data, 0, 0, 0},
        {"force", 0, CLI_FLAG, NULL, "create, merge: also replace an index of more than twice as many records, or\n"
         "another file; sync: also delete more than a fifth of the records", &o.force, 0, 0, 0},
        {"shard", 0, CLI_TEXT, "I/N", "create, add: encode only the I-th of N parts of the data set", &o.shard, 0, 0, 0},
        {"watch", 0, CLI_FLAG, NULL, "sync: stay, and sync again whenever something has changed in the folder", &o.watches, 0, 0, 0},
        {"dry-run", 0, CLI_FLAG, NULL, "sync: say what would be done, and change nothing", &o.is_dry, 0, 0, 0},
        CLI_DATA_OPTIONS(o.how),
        {"strict", 0, CLI_FLAG, NULL, "create, add, sync: fail on the first bad record or unreadable image", &o.encode.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "create, add, sync: where to look for the feature maps of a training (default ~/.cache/adah)", &o.encode.cache_folder, 0, 0, 0},
        {"id", 0, CLI_LIST, "N", "delete: the record with this id; may be repeated", &o.id, 0, 0, 0},
        {"ids", 0, CLI_TEXT, "FILE", "delete: records with the ids in this file, one a line; - for standard input", &o.ids, 0, 0, 0},
        {"file-name", 0, CLI_LIST, "NAME", "delete: records of this file name; may be repeated", &o.file_name, 0, 0, 0},
        {"side", 0, CLI_TEXT, "image|text", "export: which codes", &o.side, 0, 0, 0},
        {"format", 0, CLI_TEXT, "npy|faiss-flat|faiss-ivf", "export: the format of the file (default npy)", &o.format, 0, 0, 0},
        {"out", 0, CLI_TEXT, "FILE", "export: the file to write", &o.out, 0, 0, 0},
        {"image-codes", 0, CLI_TEXT, "FILE", "import: codes of images, NumPy or FAISS", &o.image_codes, 0, 0, 0},
        {"text-codes", 0, CLI_TEXT, "FILE", "import: codes of texts", &o.text_codes, 0, 0, 0},
        {"radius", 0, CLI_INT, "N", "duplicates: their codes differ in at most so many bits (default: any number, in an index without vectors none)", &o.radius, 0, 0, ADAH_BITS_MAX},
        {"ratio", 0, CLI_DOUBLE, "X", "duplicates: how much nearer they are than what else is near them; 0: only what is the same (default 0.5)", &o.ratio, 0, 0, 1},
        {"threads", 0, CLI_INT, "N", "number of threads (default: one a core)", &o.threads, 0, 0, 4096},
        {"precision", 0, CLI_TEXT, "float32|bfloat16", "create, add, sync: precision of the backbone's large products, as in 'adah encode'", &o.precision,
         0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "do not show progress", &o.quiet, 0, 0, 0},
        {"wait", 0, CLI_DOUBLE, "SECONDS", "add, sync, delete, compact, import: how long to wait while another process writes (default 10)", &wait_seconds, 0, 0, 0},
        {"json", 0, CLI_FLAG, NULL, "stats, sync: print a JSON object; duplicates: a list of groups, each a list of {id, file_name, likeness}", &o.as_json, 0, 0, 0},
    };
    const int code = cli_parse(&cli_index, options, sizeof options / sizeof *options, argc, argv, &rest);
    if (code >= 0)
        return code;
    const char *action = rest < argc ? argv[rest] : "";
    if (!strcmp(action, "merge") && argc > rest + 1) {
        o.part = argv + rest + 1;
        o.n_parts = (size_t)(argc - rest - 1);
        argc = rest + 1;
    }
    for (int i = 0; i < N_ACTIONS && rest + 1 == argc; i++)
        if (!strcmp(action, actions[i].name)) {
            adah_set_threads(o.threads);
            adah_set_patience(wait_seconds);
            return actions[i].run(&o);
        }
    fprintf(stderr, "adah index: expected one action, %s, found \"%s\"\nTry 'adah index --help'.\n", cli_index.arguments,
            rest + 1 < argc ? argv[rest + 1] : action);
    return CLI_USAGE;
}
