/* command_train.c - adah train. */
#include "collapsed.h"
#include "data_options.h"
#include "left_out.h"
#include "options.h"
#include "terminal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int run(int argc, char **argv);

const cli_command cli_train = {
    "train", "Learn codes from a folder of images and texts.", "",
    "The folder holds metadata.jsonl, one record a line:\n"
    "  {\"file_name\": \"images/cat.jpg\", \"text\": \"a cat asleep\", \"labels\": [\"cat\"], \"split\": \"train\"}\n"
    "labels and split may be missing. text may be a list of captions, of which each step draws one. Records of the split\n"
    "\"query\" are not learned from. If image.npy or text.npy (or .safetensors) lie next to the metadata, with vectors, tokens\n"
    "or feature maps of another encoder, training uses them in place of the pictures or the words.\n"
    "\n"
    "Examples:\n"
    "  adah train --data photos --model photos.safetensors\n"
    "  adah train --data photos --model photos.safetensors --backbone squeezenet1_1 --weights squeezenet1_1.safetensors\n"
    "  adah train --data photos --model photos.safetensors --resume      (after Ctrl-C or a crash)\n"
    "  adah train --data photos --model m.safetensors --preset paper --set margin=0.3 --set n_batch=64\n"
    "  adah train --data photos --model m.safetensors --method dcmh --backbone squeezenet1_1 --weights squeezenet1_1.safetensors\n",
    run, 1};

static void print_summary(const char *report, const char *model_path, const adah_dataset *dataset) {
    json_t *r = json_loads(report, 0, NULL);
    const char *first = json_string_value(json_object_get(r, "first_unreadable"));
    cli_print_skipped(dataset, (size_t)json_integer_value(json_object_get(r, "n_images_unreadable")), first ? first : "");
    printf("trained on %lld pairs (%lld more for validation), similarity from %s\n",
           (long long)json_integer_value(json_object_get(r, "n_train")),
           (long long)json_integer_value(json_object_get(r, "n_validation")),
           json_string_value(json_object_get(r, "similarity")));
    size_t i;
    json_t *entry, *best = json_object_get(r, "best_epoch");
    json_array_foreach(json_object_get(r, "history"), i, entry)
        if (json_equal(json_object_get(entry, "epoch"), best) && json_object_get(entry, "validation_map_image_to_text"))
            printf("best epoch %lld: validation mAP image to text %.4f, text to image %.4f\n",
                   (long long)json_integer_value(best),
                   json_number_value(json_object_get(entry, "validation_map_image_to_text")),
                   json_number_value(json_object_get(entry, "validation_map_text_to_image")));
    printf("model: %s\n", model_path);
    const json_t *codes = json_object_get(r, "distinct_codes"), *images = json_object_get(codes, "image");
    adah_model *model;
    if (images && adah_model_open(model_path, &model, NULL) == ADAH_OK) {
        cli_print_collapsed(model, (uint64_t)json_integer_value(json_object_get(codes, "n_items")),
                            (uint64_t)json_integer_value(json_object_get(images, "n_distinct")),
                            (uint64_t)json_integer_value(json_object_get(images, "n_most")));
        adah_model_close(model);
    }
    json_decref(r);
}

/* The methods, for --help. */
enum { METHODS_BYTES = 1536 };
static const char *describe_methods(char help[METHODS_BYTES]) {
    const char *name, *what;
    int n = snprintf(help, METHODS_BYTES, "the default, adah; or random, itq or none, which train nothing; or a method to compare with:");
    for (size_t i = 0; (name = adah_train_method(i, &what)) && n < METHODS_BYTES; i++)
        n += snprintf(help + n, (size_t)(METHODS_BYTES - n), "%s\n%s: %s", i ? ";" : "", name, what);
    return help;
}

static int run(int argc, char **argv) {
    const char *data = NULL, *model = NULL, *finetune = NULL;
    int json = 0, quiet = 0, threads = 0, with = 0, without = 0;
    cli_list settings = {{0}, 0};
    cli_data_options how = {0};
    adah_train_options o;
    adah_train_options_init(&o);
    char names[4][ADAH_CHOICES_BYTES], methods[METHODS_BYTES];
    const cli_option options[] = {
        {"data", 0, CLI_TEXT, "DIR", "folder of pictures, with metadata.jsonl or metadata.csv if there are such, or with\n"
         "image.npy", &data, 1, 0, 0},
        {"model", 0, CLI_TEXT, "FILE", "where to put the model (safetensors)", &model, 1, 0, 0},
        {"bits", 0, CLI_INT, "N", "length of the codes, a multiple of 8 (default: 128 to 10,000 records, 64 to\n"
         "1,000,000, 32 beyond; 32 for --preset paper and other methods; as many as\n"
         "a vector has values for none, up to 256 of these for random and itq)", &o.n_bits, 0, ADAH_BITS_MIN,
         ADAH_BITS_MAX},
        {"preset", 0, CLI_TEXT, adah_setting_choices("preset", names[0]), "default: what measures best; paper: the method as published",
         &o.preset, 0, 0, 0},
        {"method", 0, CLI_TEXT, adah_setting_choices("method", names[3]), describe_methods(methods), &o.method, 0, 0, 0},
        {"backbone", 0, CLI_TEXT, adah_setting_choices("backbone", names[1]),
         "network for pictures: small (default) learns from scratch, the others need --weights",
         &o.backbone, 0, 0, 0},
        {"weights", 0, CLI_TEXT, "FILE", "the backbone's pre-trained weights, as they are published: safetensors or .pth\n"
         "of torchvision, timm and others, or a .mat file of MatConvNet", &o.weights, 0, 0, 0},
        {"text-weights", 0, CLI_TEXT, "DIR", "a pre-trained text encoder for the texts, beside the list of their words: the\n"
         "folder of a sentence encoder (BERT's family), CLIP's or SigLIP's, with config.json,\n"
         "tokenizer.json and model.safetensors", &o.text_weights, 0, 0, 0},
        {"text-prefix", 0, CLI_TEXT, "TEXT", "what the text encoder reads before every text, as \"query: \" of e5 (default: what\n"
         "its folder tells, if anything)", &o.text_prefix, 0, 0, 0},
        {"finetune", 0, CLI_OPTIONAL, "[FROM]",
         "let the backbone learn too, from FROM on: all (default), last (its last block) or a\n"
         "layer's name; what comes before is frozen and runs once a picture, and without\n"
         "this option all of it", &finetune, 0, 0, 0},
        {"epochs", 0, CLI_INT, "N", "passes over the training pairs", &o.n_epochs, 0, 1, 100000},
        {"seed", 0, CLI_U64, "S", "seed of the random numbers (default 0)", &o.seed, 0, 0, 0},
        {"attention", 0, CLI_FLAG, NULL,
         "use attention masks; they are on by default, except in --preset default on\n"
         "frozen pre-trained or given features, where codes are better without", &with, 0, 0, 0},
        {"no-attention", 0, CLI_FLAG, NULL, "do not use attention masks", &without, 0, 0, 0},
        {"no-adversary", 0, CLI_FLAG, NULL, "leave out the adversarial losses (adah, acmr)", &o.no_adversary, 0, 0, 0},
        {"similarity", 0, CLI_TEXT, adah_setting_choices("similarity", names[2]),
         "what makes two pairs similar: labels (they share one), words (they share\n"
         "informative words), pairs (only a pair itself is similar); default: labels\n"
         "if there are any, otherwise words",
         &o.similarity, 0, 0, 0},
        {"language", 0, CLI_TEXT, "NAME", "language of the texts, for stemming: english (default), german, ..., none", &o.language, 0, 0,
         0},
        {"set", 0, CLI_LIST, "NAME=VALUE", "set any other value of the configuration ('adah info --model' shows them)", &settings, 0, 0, 0},
        {"resume", 0, CLI_FLAG, NULL, "go on from FILE.checkpoint if it exists", &o.resume, 0, 0, 0},
        {"checkpoint-seconds", 0, CLI_DOUBLE, "S", "seconds between checkpoints, at least (default 15; 0: one every epoch)",
         &o.checkpoint_seconds, 0, 0, 0},
        CLI_DATA_OPTIONS(how),
        {"strict", 0, CLI_FLAG, NULL, "fail on the first bad record or unreadable image", &o.strict, 0, 0, 0},
        {"cache", 0, CLI_TEXT, "DIR", "where feature maps are kept (default ~/.cache/adah)", &o.cache_folder, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "number of threads (default: one a core)", &threads, 0, 0, 4096},
        {"log-csv", 0, CLI_TEXT, "FILE", "write what every epoch measured as a table, a line an epoch", &o.log_csv, 0, 0, 0},
        {"log-tensorboard", 0, CLI_TEXT, "DIR", "write the same for TensorBoard, into a folder for this training", &o.log_tensorboard, 0, 0, 0},
        {"json", 0, CLI_FLAG, NULL, "print the training record as JSON", &json, 0, 0, 0},
        {"quiet", 'q', CLI_FLAG, NULL, "do not show progress", &quiet, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_train, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    if (with && without) {
        fprintf(stderr, "adah train: give either --attention or --no-attention\n");
        return CLI_USAGE;
    }
    o.attention = with - without;
    if (finetune)
        o.finetune_from = *finetune ? finetune : "all";
    adah_set_threads(threads);
    o.settings = settings.item;
    o.n_settings = settings.n;
    adah_status status;
    adah_dataset *dataset;
    if (cli_open_data(data, &how, o.strict, &dataset, &status) != ADAH_OK)
        return cli_fail(&status);
    char *report = NULL;
    const adah_progress progress = cli_progress_begin(quiet);
    const adah_code done = adah_train(dataset, model, &o, progress, &report, &status);
    cli_progress_end();
    if (done == ADAH_OK && json)
        puts(report);
    else if (done == ADAH_OK)
        print_summary(report, model, dataset);
    adah_free(report);
    adah_dataset_close(dataset);
    return done == ADAH_OK ? CLI_OK : cli_fail(&status);
}
