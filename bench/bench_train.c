/* bench_train.c - times adah's training step on made-up pairs; bench_train_torch.py is the same in PyTorch.
 *
 *     bench_train CASE [STEPS]         prints one line of JSON: seconds of every step, memory at the peak
 *     bench_train CASE --dump FOLDER   a few steps on one batch, without dropout: FOLDER gets parameters.safetensors
 *                                      (before the first), batch.safetensors and losses.json
 *
 * CASE vgg16: the preset paper with VGG-16 fine-tuned at 224 pixels, batches of 32, weights drawn at random; frozen:
 * the same preset behind the maps of a frozen MobileNetV2, batches of 128; frozen-default: those with the preset
 * default and --attention; small: what `adah train` does with the scenes of `adah synth`, the preset default with the small
 * network from scratch at 64 pixels, batches of 32, as many words and labels as scenes have. Masks and adversary are at work
 * from the first step on. A step is timed from one call of the progress function to the next, so it is whole: the batch is
 * gathered, both half steps are done. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "backbones/backbone.h"
#include "learn/train.h"
#include "files/safetensors.h"
#include "stopwatch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_LABELS_OF_PAIR_MAX = 3, N_WARM_MAX = 5, N_STEPS_MAX = 1000, N_DUMP_STEPS = 3 };

typedef struct bench_case {
    const char *name, *preset, *backbone;
    int n_batch;
    size_t n_words, n_words_of_text, n_labels;
    uint64_t several_labels; /* of 100 pairs so many have a second label, and a fifth of them a third one */
    size_t n_warm, n_steps;
} bench_case;

static const bench_case cases[] = {{"vgg16", "paper", "vgg16", 32, 3000, 10, 8, 0, 1, 4},
                                   {"frozen", "paper", "mobilenet_v2", 128, 3000, 10, 8, 0, N_WARM_MAX, 60},
                                   {"frozen-default", "default", "mobilenet_v2", 128, 3000, 10, 8, 0, N_WARM_MAX, 60},
                                   {"small", "default", "small", 32, 106, 8, 12, 30, N_WARM_MAX, 60}};

static void must(adah_code code, const adah_status *status) {
    if (code == ADAH_OK)
        return;
    fprintf(stderr, "bench_train: %s\n", status->message);
    exit(1);
}

/* A line "NAME: n kB" of /proc/self/status in bytes. */
static double process_bytes(const char *name) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double n = 0;
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            n = 1024 * strtod(line + strlen(name) + 1, NULL);
    if (file)
        fclose(file);
    return n;
}

/* ---------------------------------------------------------------- configuration and pairs */

static const bench_case *find_case(const char *name) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strcmp(cases[i].name, name))
            return &cases[i];
    adah_status status = {0};
    must(adah_fail(&status, ADAH_ERROR_ARGUMENT, "case %s: expected vgg16, frozen, frozen-default or small", name), &status);
    return NULL;
}

static adah_settings configure(const bench_case *of) {
    adah_settings c;
    adah_status status = {0};
    must(adah_backbone_preset(of->preset, of->backbone, &c, &status), &status);
    c.attention = 1;
    c.n_batch = of->n_batch;
    c.n_warmup_epochs = c.n_final_epochs = 0;
    c.feature_scale = 1;
    c.attention_init = 1; /* made-up features differ little: so the masks hide something all the same */
    c.schedule = ADAH_SCHEDULE_CONSTANT;
    return c;
}

/* Ascending; their number. */
static size_t draw_labels(const bench_case *of, adah_random *r, uint32_t *label) {
    const uint64_t luck = adah_random_below(r, 500);
    const size_t n = luck < of->several_labels ? 3 : luck < 5 * of->several_labels ? 2 : 1;
    const uint32_t first = (uint32_t)adah_random_below(r, of->n_labels - n + 1);
    for (size_t i = 0; i < n; i++)
        label[i] = first + (uint32_t)i;
    return n;
}

/* Everything of the set is drawn anew; what it borrows lives as long as the program. */
static adah_pair_set draw_pairs(const bench_case *of, const adah_settings *c, size_t n) {
    adah_random r = adah_random_seeded(0, 1);
    adah_pair_set set = {.n = n, .text.shape = adah_input_words(of->n_words), .n_labels = (uint32_t)of->n_labels};
    set.image.shape =
        c->finetune ? adah_input_pixels((size_t)c->n_side) : (adah_input_shape){.kind = ADAH_INPUT_MAP, .item = {3, {1280, 7, 7, 0}}};
    const size_t n_drawn =
        c->finetune ? n : 2 * (size_t)c->n_batch; /* maps come again, as a cache file's pages take no memory */
    const size_t n_values = n_drawn * adah_shape_count(set.image.shape.item), n_of_text = of->n_words_of_text;
    uint8_t *rgb = c->finetune ? adah_memory_alloc(n_values) : NULL;
    float *map = c->finetune ? NULL : adah_memory_floats(n_values);
    uint32_t *word = adah_memory_zeroed(n * n_of_text, sizeof *word),
             *label = adah_memory_zeroed(n * N_LABELS_OF_PAIR_MAX, sizeof *label);
    size_t *word_start = adah_memory_zeroed(n + 1, sizeof *word_start);
    size_t *label_start = adah_memory_zeroed(n + 1, sizeof *label_start), *row = adah_memory_zeroed(n, sizeof *row);
    if (!(c->finetune ? (void *)rgb : (void *)map) || !word || !label || !word_start || !label_start || !row)
        exit(1);
    for (size_t i = 0; rgb && i < n_values; i++)
        rgb[i] = (uint8_t)adah_random_below(&r, 256);
    for (size_t i = 0; map && i < n_values; i++) /* of a ReLU */
        map[i] = fmaxf(0, adah_random_normal(&r));
    for (size_t i = 0; i < n; i++) {
        label_start[i + 1] = label_start[i] + draw_labels(of, &r, label + label_start[i]);
        const size_t part = of->n_words / n_of_text;
        for (size_t w = 0; w < n_of_text; w++) /* ascending, one of every part of the vocabulary */
            word[i * n_of_text + w] = (uint32_t)(w * part + adah_random_below(&r, part));
        word_start[i + 1] = (i + 1) * n_of_text;
        row[i] = i % n_drawn;
    }
    set.image.rgb = rgb;
    set.image.settings = c;
    set.image.rows = (adah_float_rows){.value = map, .row = row};
    set.text.words.item = (adah_lists){.item = word, .start = word_start, .n = n};
    set.labels = (adah_lists){.item = label, .start = label_start, .n = n};
    return set;
}

static void make_parameters(const adah_settings *c, const adah_pair_set *set, int classify,
                            adah_parameters *parameters) {
    const adah_network_plan plan = {
        .n_batch = 1, .image = set->image.shape, .text = set->text.shape, .n_labels = classify ? set->n_labels : 0, .creating = 1};
    adah_network *net = NULL;
    adah_status status = {0};
    must(adah_network_create(&plan, c, parameters, &net, &status), &status);
    adah_network_free(net);
}

/* ---------------------------------------------------------------- what PyTorch starts from */

static void write_tensors(const char *folder, const char *name, const adah_safetensors_item *items, size_t n,
                          const adah_settings *c) {
    char *path = adah_file_join(folder, name), *config = adah_settings_json(c);
    adah_status status = {0};
    must(adah_safetensors_write(path, items, n, (const char *[]){"config", config}, 1, &status), &status);
    adah_memory_free(path);
    adah_memory_free(config);
}

static void dump(const char *folder, const adah_settings *c, const adah_pair_set *set,
                 const adah_parameters *parameters) {
    adah_safetensors_item item[64];
    adah_status status = {0};
    must(adah_file_make_folder(folder, &status), &status);
    for (size_t i = 0; i < parameters->n; i++) {
        const adah_parameter *p = parameters->item[i];
        item[i] = (adah_safetensors_item){p->name, "F32", p->shape, p->value, p->n * sizeof(float)};
    }
    write_tensors(folder, "parameters.safetensors", item, parameters->n, c);
    const size_t *dim = set->image.shape.item.dim, n_image = set->n * adah_shape_count(set->image.shape.item);
    const size_t n_words = adah_shape_count(set->text.shape.item);
    float *text = adah_memory_floats(set->n * n_words), *target = adah_memory_floats(set->n * set->n_labels);
    size_t *items = adah_memory_zeroed(set->n, sizeof *items);
    if (!text || !target || !items)
        exit(1);
    for (size_t i = 0; i < set->n; i++)
        items[i] = i;
    adah_input_read(&set->text, items, set->n, set->n, text);
    adah_pair_set_targets(set, items, set->n, target);
    const adah_safetensors_item batch[] = {
        set->image.rgb
            ? (adah_safetensors_item){"image", "U8", ADAH_SHAPE4(set->n, dim[1], dim[2], 3), set->image.rgb, n_image}
            : (adah_safetensors_item){"image", "F32", ADAH_SHAPE4(set->n, dim[0], dim[1], dim[2]),
                                      set->image.rows.value, n_image * sizeof(float)},
        {"text", "F32", ADAH_SHAPE2(set->n, n_words), text, set->n * n_words * sizeof(float)},
        {"target", "F32", ADAH_SHAPE2(set->n, set->n_labels), target, set->n * set->n_labels * sizeof(float)},
    };
    write_tensors(folder, "batch.safetensors", batch, 3, c);
    adah_memory_free(text);
    adah_memory_free(target);
    adah_memory_free(items);
}

/* ---------------------------------------------------------------- the steps */

typedef struct clock_marks {
    double at[N_WARM_MAX + N_STEPS_MAX + 1]; /* after every step */
    size_t n;
    double peak_bytes; /* of the steps */
} clock_marks;

static int mark(void *user, const adah_progress_event *event) {
    clock_marks *m = user;
    if (m->n < sizeof m->at / sizeof *m->at)
        m->at[m->n++] = now();
    if (event->done + 1 == event->total)
        m->peak_bytes = process_bytes("VmHWM");
    return 0;
}

/* Steps behind the first ones; without the last, behind which the model is copied. */
static void print_times(const char *name, const adah_settings *c, size_t n_warm, const clock_marks *m) {
    double seconds[N_STEPS_MAX];
    size_t n = 0;
    for (size_t i = n_warm; i + 1 < m->n; i++)
        seconds[n++] = m->at[i] - m->at[i - 1];
    printf("{\"program\":\"adah\",\"case\":\"%s\",\"batch\":%d,\"threads\":%d,\"seconds\":[", name, c->n_batch,
           adah_parallel_threads());
    for (size_t i = 0; i < n; i++)
        printf("%s%.6f", i ? "," : "", seconds[i]);
    const double middle = median(seconds, n);
    printf("],\"median\":%.6f,\"min\":%.6f,\"max\":%.6f,\"pairs_per_second\":%.3f,\"peak_bytes\":%.0f,"
           "\"peak_bytes_whole\":%.0f}\n",
           middle, seconds[0], seconds[n - 1], c->n_batch / middle, m->peak_bytes, process_bytes("VmHWM"));
}

int main(int n_arguments, char **argument) {
    if (n_arguments < 2) {
        fprintf(stderr, "usage: bench_train vgg16|frozen|frozen-default|small [STEPS | --dump FOLDER]\n");
        return 2;
    }
    const char *name = argument[1], *folder = n_arguments > 3 && !strcmp(argument[2], "--dump") ? argument[3] : NULL;
    const bench_case *of = find_case(name);
    adah_settings c = configure(of);
    const size_t n_warm = of->n_warm;
    size_t n_steps = !folder && n_arguments > 2 ? (size_t)atol(argument[2]) : of->n_steps;
    n_steps = n_steps < 1 ? 1 : n_steps > N_STEPS_MAX ? N_STEPS_MAX : n_steps;
    c.n_epochs = folder ? N_DUMP_STEPS : 1; /* a batch is an epoch there: the history has the losses of every step */
    const int classify = c.classifier_weight > 0;
    const adah_pair_set set = draw_pairs(of, &c, (size_t)c.n_batch * (folder ? 1 : n_warm + n_steps + 1));
    adah_parameters parameters = {0};
    make_parameters(&c, &set, classify, &parameters);
    if (folder)
        dump(folder, &c, &set, &parameters);
    if (folder)
        c.dropout = 0;
    size_t *items = adah_memory_zeroed(set.n, sizeof *items);
    for (size_t i = 0; items && i < set.n; i++)
        items[i] = i;
    clock_marks marks = {.n = 0};
    const adah_training training = {.config = &c,
                                    .set = &set,
                                    .items = items,
                                    .n_train = set.n,
                                    .classify = classify,
                                    .checkpoint_seconds = 1e9,
                                    .progress = {mark, &marks}};
    adah_history history = {0};
    adah_status status = {0};
    must(items ? adah_train_parameters(&training, &parameters, &history, &status) : adah_fail_memory(&status, 1),
         &status);
    if (folder) {
        char *path = adah_file_join(folder, "losses.json"), *losses = adah_history_json(&history);
        must(adah_file_publish(path, losses, strlen(losses), &status), &status);
        adah_memory_free(path);
        adah_memory_free(losses);
    } else {
        print_times(name, &c, n_warm, &marks);
    }
    adah_history_free(&history);
    adah_memory_free(items);
    adah_parameters_free(&parameters);
    return 0;
}
